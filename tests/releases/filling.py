"""A journal with something in every table, written by the gateway's own code: what a release leaves behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from a1gateway.alarms.alarm import Alarm
from a1gateway.alarms.standing import Standing
from a1gateway.automation.robots import REMIND, SEND
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Refused, Trouble, Uncertain
from a1gateway.carriers.smpp.deliveries import SubscriberPart
from a1gateway.journal import (
    Journal,
    Store,
    alarms,
    campaigns,
    erasures,
    look_ups,
    masking,
    reminders,
    retention,
    runs,
    sender_ids,
    statistics,
)
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.reminders import Rule
from a1gateway.message import (
    Choice,
    ChoiceSource,
    Evidence,
    Kind,
    Planned,
    Source,
    Status,
    StatusReport,
    Submission,
    Verdict,
)

from ..conftest import START, arrival, run
from ..sender_id.test_particulars import OURS
from ..test_portal import INSTALLATION

HOUR = 3600.0
FOUND = {
    True: Evidence(275, "1", "да", granted=True),
    False: Evidence(None, None, "контакта с этим номером нет", granted=False),
}
CARD = {"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}]}
LOST = Uncertain(LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached"))


def fill(path: Path) -> None:
    """Make a journal at `path`, and let a day of messages happen to it."""
    store = Store(f"sqlite:///{path}")
    store.prepare()
    run(Journal(InlineLane(store)).install(INSTALLATION))
    _over_http(Journal(InlineLane(store)))
    _over_smpp(Journal(InlineLane(store), in_parts=True))
    _marketing(Journal(InlineLane(store)))
    _automation(Journal(InlineLane(store)))
    _pages(Journal(InlineLane(store)))
    _care(Journal(InlineLane(store)))
    store.close()


def dump(path: Path) -> str:
    """The journal as SQL."""
    with closing(sqlite3.connect(path)) as driver:
        return "\n".join(driver.iterdump()) + "\n"


def _over_http(journal: Journal) -> None:
    names = ("delivered", "rejected", "lost", "in flight", "sent")
    for name in names:
        run(journal.accept(arrival(name, origin=CARD)))
    taken = {each.message_id: each for each in run(journal.claim(START, 10)).submissions}
    outcomes: list[tuple[Submission, Outcome, float]] = [
        (taken["delivered"], Accepted("a1-1", segments=1), START + 60),
        (taken["rejected"], Refused("bad_number", "100", "неверный номер"), START),
        (taken["lost"], LOST, START + 30),
        (taken["sent"], Accepted("a1-2", segments=1), START + 60),
    ]
    run(journal.record(outcomes, START + 1))
    run(journal.settle([StatusReport("a1-1", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 2)]))
    run(journal.settle([StatusReport("a1-0", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 2)]))
    run(journal.confirm(run(journal.untold(START + 3, 1))[0], START + 3))
    run(journal.accept(arrival("refused", number_received="12345", msisdn=None, refusal="too_short")))
    run(journal.accept(arrival("waits", received_at=START + 4)))


def _over_smpp(journal: Journal) -> None:
    run(journal.accept(arrival("in parts", received_at=START - 1, segments=2, text="Заказ готов. " * 8)))
    (submission,) = run(journal.claim(START - 1, 10)).submissions
    accepted = Accepted("7A01", segments=2, parts={1: "7A01", 2: "7A02"})
    run(journal.record([(submission, accepted, START + 60)], START))
    receipt = StatusReport("7A01", "DELIVRD", Status.DELIVERED, Source.RECEIPT, START + 5, number="375291112233")
    run(journal.settle([receipt]))
    whole = SubscriberPart("375291112233", "1234", 8, "СТОП".encode("utf-16-be"), None, 1, 1, START + 6)
    run(journal.take_incoming(whole))
    part = SubscriberPart("375291112233", "1234", 8, "Когда ".encode("utf-16-be"), 7, 2, 1, START + 7)
    run(journal.take_incoming(part))


def _marketing(journal: Journal) -> None:
    agreed = "+375291112244"
    for number, name in enumerate(("agreed", "not agreed", "old", "unasked")):
        run(
            journal.accept(
                arrival(name, kind=Kind.MARKETING, text="Скидки до конца недели", msisdn=f"+37529111224{number + 4}")
            )
        )
    waiting = run(journal.unasked(START + 10, 3))[0]
    verdicts = [
        Verdict(each.id, each.msisdn == agreed, START + 10, "UF_CRM_SMS_CONSENT", (FOUND[each.msisdn == agreed],))
        for each in waiting
    ]
    run(journal.judge(verdicts, START + 11, START + 11))
    run(journal.choose("+375291112255", Choice.OUT, ChoiceSource.OPERATOR, "по телефону", START + 12))


def _automation(journal: Journal) -> None:
    for token, code in (("token-send", SEND), ("token-remind", REMIND)):
        call = runs.RunCall(token, START + 20, code, 2, 4182, {"text": "Ждём вас", "phone": "+375291112233"}, {})
        run(journal.within(runs.take, call))
    send = run(journal.within(runs.new, START + 21, 1, reminder=REMIND, documents=False))[0][0]
    run(journal.within(runs.send, send, arrival("of a rule", received_at=START + 21), START + 21, runs.Wanted.END))
    rule = Rule("visit", None, 2, 4182)
    planned = [Planned(24 * HOUR, START + 24 * HOUR), Planned(HOUR, START + 47 * HOUR)]
    run(journal.within(reminders.plan, rule, START + 48 * HOUR, planned, START + 22))
    event = look_ups.Event("deal:4182", 2, 4182)
    run(journal.within(look_ups.note, event, START + 23, quiet=5.0, longest=60.0))
    run(journal.within(look_ups.advance, "stages:2", 17, START + 23))
    run(journal.within(look_ups.record_done, 2, 18))
    run(journal.within(look_ups.move, 177, 12, START + 23))
    run(journal.within(look_ups.comes_to_hold, "vip", 4182, holds=True))
    said = arrival("auto-0", received_at=START + 24)
    run(journal.within(look_ups.was_said, "visit", said, said.text, HOUR))


def _pages(journal: Journal) -> None:
    run(journal.within(sender_ids.prepare, "MyShop", "уведомления", OURS, "администратор", START + 30))
    run(journal.within(campaigns.change_state, 1, campaigns.State.PAUSED, "администратор", START + 31))
    run(journal.within(campaigns.follow, START + 32, 100))
    while (batch := run(journal.within(statistics.uncounted, 1000))) is not None:
        run(journal.within(statistics.add, batch))
        if not batch.more:
            break


def _care(journal: Journal) -> None:
    """What is kept for some time, and what is told the operator."""
    over = [each for each in run(journal.untold(START + 40, 50))[0] if each.message_id in ("not agreed", "old")]
    run(journal.confirm(over, START + 40))
    while (batch := run(journal.within(statistics.uncounted, 1000))) is not None:
        run(journal.within(statistics.add, batch))
    masked, deleted = sorted(over, key=lambda each: each.message_id)
    run(journal.within(masking.mask, [masked.id], START + 41))
    run(journal.within(masking.mask, [deleted.id], START + 41))
    run(journal.within(masking.remove, [deleted.id], START + 42))
    run(journal.within(retention.keep_state, retention.State(START, START + 43)))
    run(journal.within(erasures.begin, "+375291112299", "администратор", START + 44, False))
    run(journal.within(alarms.keep, {Alarm.A1_AWAY: Standing(START + 45)}))

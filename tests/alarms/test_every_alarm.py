"""Every alarm is set off by its fault, told once, and clears once the fault is mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from twisted.internet.defer import fail, succeed

from a1gateway.alarms.alarm import OF_THE_PORTAL, Alarm
from a1gateway.bitrix24.consent_field import ConsentField, NoSuchField
from a1gateway.bitrix24.trouble import PortalTrouble, judge
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Refused, Trouble
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import runs
from a1gateway.journal.runs import RunCall
from a1gateway.message import Source, Status, StatusReport
from a1gateway.words.catalogue import catalogue

from ..conftest import arrival, run
from ..test_checklist import SCOPES, FakeBalances, FakeConsent, FakeLink
from ..test_portal import INSTALLATION
from .world import PATIENCE, World

DAY = 86400.0
TITLES = catalogue("alarms", "ru")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and how it is mended."""

    breaks: Callable[[World], None]
    mends: Callable[[World], None]
    before: Callable[[World], None] = lambda world: None
    """What is there while all is well still."""
    lasts: float = 0.0
    """For how many seconds after its mending the trouble still counts as there."""


def of_a1(trouble: Trouble) -> Fault:
    return Fault(
        lambda world: world.parts.gate.bad(LinkTrouble(trouble, "A1 says no")),
        lambda world: world.parts.gate.good(submitted=True),
    )


def balance(amount: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.parts.account is not None
        world.parts.account.balance = FakeBalances(Decimal(amount))

    return change


def names(*approved: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.parts.account is not None
        world.parts.account.names = approved

    return change


def link(**more: object) -> Callable[[World], None]:
    def change(world: World) -> None:
        values = {"bound": True, "can_submit": True, "trouble": None} | more
        for name, value in values.items():
            setattr(world.parts.link, name, value)

    return change


def over_smpp(world: World) -> None:
    world.parts.link, world.parts.account = FakeLink(), None
    world.configured_anew(transport="smpp", callback=None, poll_every=None)


def portal(trouble: object) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert trouble is None or isinstance(trouble, PortalTrouble)
        world.parts.portal.trouble = trouble

    return change


def refreshed(days_ago: float) -> Callable[[World], None]:
    def change(world: World) -> None:
        at = world.clock.seconds() - days_ago * DAY
        run(world.parts.tokens.adopt(replace(INSTALLATION, refreshed_at=at)))

    return change


def scopes(*granted: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.parts.asked.results["scope"] = list(granted)

    return change


def space(free: int, *, low: bool = False, short: bool = False) -> Callable[[World], None]:
    def change(world: World) -> None:
        found = world.parts.space
        found.free, found.warning, found.short = {"journal": free}, "little" if low else None, short

    return change


def certificate(days: float) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.parts.certificate is not None
        world.parts.certificate.expires = world.clock.seconds() + days * DAY

    return change


def registration(stands: bool) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.parts.registration.stands = stands
        world.parts.registration.trouble = None if stands else "ACCESS_DENIED"

    return change


def consent(seen: ConsentField | NoSuchField) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.parts.consent is not None
        world.parts.consent.seen = seen
        world.parts.consent.answers = [seen] * 1000

    return change


def with_consent(world: World) -> None:
    world.parts.consent = FakeConsent()
    consent(READABLE)(world)
    world.configured_anew(consent_field="UF_CRM_SMS")


def taken_in(**more: object) -> Callable[[World], None]:
    def accept(world: World) -> None:
        run(world.journal.accept(arrival("m1", received_at=world.clock.seconds(), **more)))

    return accept


def taken_by_a1(world: World) -> None:
    now = world.clock.seconds()
    for each in run(world.journal.claim(now, 10)).submissions:
        run(world.journal.record([(each, Accepted("7001"), now + 60)], now))


def told_to_bitrix24(world: World) -> None:
    now = world.clock.seconds()
    run(world.journal.confirm(run(world.journal.untold(now, 10))[0], now))


def a_run_waits(world: World) -> None:
    call = RunCall("t1", world.clock.seconds(), "a1_sms_send", 2, 4182, {"text": "Ждём"}, {})
    run(world.journal.within(runs.take, call))


def the_run_is_answered(world: World) -> None:
    now = world.clock.seconds()
    run(world.journal.within(runs.give_up, 1, "gateway_fault", now, "", answered=True))
    answers, _ = run(world.journal.within(runs.answers, now, 10))
    run(world.journal.within(runs.over, [each.id for each in answers], now))


def refused_as_a_fault(world: World) -> None:
    taken_in()(world)
    now = world.clock.seconds()
    (submission,) = run(world.journal.claim(now, 10)).submissions
    fault = Refused("gateway_fault", "11", "what is this")
    changes = run(world.journal.record([(submission, fault, now)], now))
    world.parts.receipts.announce(changes)
    told_to_bitrix24(world)


def polled_without_a_callback(world: World) -> None:
    taken_in()(world)
    taken_by_a1(world)
    report = StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.POLL, world.clock.seconds())
    run(world.parts.receipts.settle([report]))
    told_to_bitrix24(world)


def called_back(world: World) -> None:
    report = StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.CALLBACK, world.clock.seconds())
    run(world.parts.receipts.settle([report]))


def polling(works: bool) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.polls = works

    return change


def journal(takes: bool) -> Callable[[World], None]:
    def change(world: World) -> None:
        away = JournalUnavailable("the database is locked")
        world.journal.check = lambda: succeed(None) if takes else fail(away)  # type: ignore[method-assign]

    return change


def into_the_spool(world: World) -> None:
    run(world.parts.spool.keep_message(arrival("m1")))


def out_of_the_spool(world: World) -> None:
    run(world.parts.spool.remove([name for name, _ in run(world.parts.spool.entries())]))


def automation(trouble: str | None) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.parts.automation.trouble = trouble

    return change


def nothing(world: World) -> None:
    """It mends itself."""


READABLE = ConsentField("UF_CRM_SMS", "ufCrmSms", "boolean")
SHUT_OUT = judge("INVALID_GRANT", "")
FAULTS: Mapping[Alarm, Fault] = {
    Alarm.MESSAGES_LOST: Fault(lambda world: world.parts.lost.happened(), nothing, lasts=3600),
    Alarm.SMS_STAND: Fault(taken_in(), taken_by_a1),
    Alarm.GATEWAY_FAULTS: Fault(refused_as_a_fault, nothing, lasts=3600),
    Alarm.A1_REFUSES: of_a1(Trouble.CREDENTIALS),
    Alarm.A1_AWAY: of_a1(Trouble.UNREACHABLE),
    Alarm.RECEIPTS_WAIT: Fault(
        link(bound=False, trouble=LinkTrouble(Trouble.UNREACHABLE, "the receiver")), link(), over_smpp
    ),
    Alarm.BALANCE_SPENT: Fault(balance("0"), balance("100")),
    Alarm.BALANCE_LOW: Fault(balance("3.10"), balance("100")),
    Alarm.SENDER_ID_REFUSED: Fault(names("Other"), names("MyShop")),
    Alarm.CALLBACK_SILENT: Fault(polled_without_a_callback, called_back),
    Alarm.POLLING_STANDS: Fault(polling(works=False), polling(works=True)),
    Alarm.PORTAL_SHUTS_OUT: Fault(portal(SHUT_OUT), portal(None)),
    Alarm.PORTAL_AWAY: Fault(portal(PortalTrouble("Bitrix24 cannot be reached")), portal(None)),
    Alarm.KEYS_MISSING: Fault(
        lambda world: world.configured_anew(has_keys=False), lambda world: world.configured_anew(has_keys=True)
    ),
    Alarm.REFRESH_TOKEN_ENDS: Fault(refreshed(160), refreshed(0)),
    Alarm.PERMISSIONS_MISSING: Fault(scopes("messageservice", "crm"), scopes(*SCOPES), lasts=300),
    Alarm.SENDER_MISSING: Fault(registration(stands=False), registration(stands=True)),
    Alarm.STATUSES_STAND: Fault(taken_in(refusal="foreign", msisdn=None), told_to_bitrix24),
    Alarm.AUTOMATION_LACKS: Fault(automation("the event ONCRMDEALADD cannot be bound"), automation(None)),
    Alarm.AUTOMATION_STANDS: Fault(a_run_waits, the_run_is_answered),
    Alarm.CONSENT_UNREADABLE: Fault(consent(NoSuchField("UF_CRM_SMS")), consent(READABLE), with_consent),
    Alarm.CERTIFICATE_EXPIRED: Fault(certificate(-0.5), certificate(90)),
    Alarm.CERTIFICATE_ENDS: Fault(certificate(13.5), certificate(90)),
    Alarm.JOURNAL_AWAY: Fault(journal(takes=False), journal(takes=True)),
    Alarm.SPACE_SHORT: Fault(space(9_000_000, low=True, short=True), space(5_000_000_000)),
    Alarm.SPACE_LOW: Fault(space(900_000_000, low=True), space(5_000_000_000)),
    Alarm.SPOOL_HOLDS: Fault(into_the_spool, out_of_the_spool),
}


def test_there_is_a_fault_for_every_alarm() -> None:
    assert FAULTS.keys() == {*Alarm}


@pytest.mark.parametrize("alarm", Alarm, ids=lambda alarm: alarm.word)
def test_its_fault_sets_it_off_once_and_its_mending_clears_it_once(world: World, alarm: Alarm) -> None:
    fault = FAULTS[alarm]
    world.configured_anew(balance_below=Decimal(10))
    fault.before(world)
    world.start()
    world.go_on(60)
    assert world.told == []
    assert world.gauge(alarm) == 0
    fault.breaks(world)
    # Some are found only after five minutes, and then have to last.
    world.go_on(300 + PATIENCE.after + 60)
    assert world.gauge(alarm) == 1
    begun = [] if alarm in OF_THE_PORTAL else [f"alarm.title.{alarm.severity}"]
    assert firsts(world) == expected(alarm, *begun)
    world.go_on(360)
    assert len(world.told) == len(begun)
    fault.mends(world)
    world.go_on(fault.lasts + PATIENCE.over_after + 60)
    assert world.gauge(alarm) == 0
    assert firsts(world) == expected(alarm, *(["alarm.title.been"] if not begun else [*begun, "alarm.title.over"]))
    world.go_on(600)
    assert len(world.told) == 1 + len(begun)
    for text in world.told:
        assert "sms.example.by" in text
        assert "375" not in text
        assert "{" not in text


def firsts(world: World) -> list[str]:
    return [text.splitlines()[0] for text in world.told]


def expected(alarm: Alarm, *titles: str) -> list[str]:
    return [TITLES[title].format(alarm=TITLES[f"alarm.{alarm.word}"]) for title in titles]


def test_a_worse_trouble_is_told_besides_and_neither_ends_the_other(world: World) -> None:
    world.configured_anew(balance_below=Decimal(10))
    world.start()
    world.go_on(60)
    balance("3.10")(world)
    world.go_on(60)
    balance("0")(world)
    world.go_on(600)
    low, spent = Alarm.BALANCE_LOW, Alarm.BALANCE_SPENT
    assert firsts(world) == [*expected(low, "alarm.title.warning"), *expected(spent, "alarm.title.critical")]
    balance("3.10")(world)
    world.go_on(600)
    assert firsts(world)[2:] == expected(spent, "alarm.title.over")
    balance("100")(world)
    world.go_on(600)
    assert firsts(world)[3:] == expected(low, "alarm.title.over")


def test_of_a_balance_that_is_spent_at_once_nobody_hears_that_it_is_low(world: World) -> None:
    world.configured_anew(balance_below=Decimal(10))
    world.start()
    balance("0")(world)
    world.go_on(600)
    assert firsts(world) == expected(Alarm.BALANCE_SPENT, "alarm.title.critical")


def test_queues_are_told_apart(world: World) -> None:
    world.start()
    world.go_on(60)
    taken_in()(world)
    run(world.journal.accept(arrival("m2", received_at=world.clock.seconds(), refusal="foreign", msisdn=None)))
    world.go_on(360)
    critical, warning = (text for text in sorted(world.told, key=lambda text: not text.startswith("Тревога")))
    assert "к отправке: 1" in critical
    assert "статусы" not in critical
    assert "статусы для Битрикс24: 1" in warning

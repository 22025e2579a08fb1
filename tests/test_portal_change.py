"""What automation knows of a portal's documents, when it is another portal that has the application installed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from a1gateway.automation.robots import REMIND, SEND
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, look_ups, reminders, runs
from a1gateway.journal.journal import Installation
from a1gateway.journal.look_ups import Event
from a1gateway.journal.reminders import Rule
from a1gateway.journal.runs import Run, RunCall, Wanted
from a1gateway.message import Drop, Planned, RunState, Source, Status, StatusReport, Teller

from .conftest import START, arrival, run
from .test_portal import INSTALLATION

HOUR = 3600.0
VISIT = START + 24 * HOUR
LATER = START + 9
ANOTHER = replace(INSTALLATION, member_id="88bb", domain="other.bitrix24.by")
# A portal that has told nothing but its address goes by that.
UNTOLD = replace(INSTALLATION, member_id=INSTALLATION.domain)
TOKENS = ("new", "waiting", "answer", "plan", "over")


@pytest.fixture
def installed(journal: Journal) -> Journal:
    """A portal has installed the application, and automation is at work for it."""
    run(journal.install(INSTALLATION))
    found = {token: take(journal, token) for token in TOKENS}
    send(journal, found["waiting"], Wanted.END)
    send(journal, found["answer"], Wanted.TAKEN_IN)
    send(journal, found["over"], Wanted.NOTHING)
    rule = Rule(f"{REMIND}:visit", found["plan"].id, 2, 5)
    planned = [Planned(each, VISIT - each) for each in (2 * HOUR, HOUR)]
    run(journal.within(runs.plan, found["plan"], {}, VISIT, planned, START, Wanted.END, rule))
    run(journal.within(reminders.plan, Rule("visit", None, 2, 7), VISIT, planned, START))
    first, _ = run(journal.within(reminders.due, VISIT, 1))
    assert run(journal.within(reminders.send, first[0], arrival("reminder", teller=Teller.RUN))) is not None
    run(journal.accept(arrival("card", text="#DEAL_TITLE#", unfilled=True)))
    run(journal.within(look_ups.note, Event("deal:7", 2, 7), START, quiet=5.0, longest=60.0))
    run(journal.within(look_ups.advance, "stages:2", 17, START))
    run(journal.within(look_ups.record_done, 2, 18))
    run(journal.within(look_ups.move, 31, 7, START))
    run(journal.within(look_ups.holds_already, "vip", [7]))
    return journal


def take(journal: Journal, token: str) -> Run:
    call = RunCall(token, START, REMIND if token == "plan" else SEND, 2, 5, {"text": "Готово"}, {})
    run(journal.within(runs.take, call))
    _, found, _ = run(journal.within(runs.new, START, 100, reminder=REMIND, documents=True))
    return next(each for each in found if each.call.event_token == token)


def send(journal: Journal, of_run: Run, wanted: Wanted) -> None:
    message = arrival(of_run.call.event_token, teller=Teller.RUN)
    run(journal.within(runs.send, of_run, message, START, wanted))


def install(journal: Journal, installation: Installation) -> None:
    run(journal.install(replace(installation, refreshed_at=LATER)))


def states(journal: Journal) -> dict[str, tuple[str, str | None]]:
    found: dict[str, tuple[str, str | None]] = {}
    for token in TOKENS:
        kept = run(journal.within(runs.of_token, token))
        assert kept is not None
        found[token] = kept["state"], kept["trouble"]
    return found


def known(journal: Journal) -> dict[str, Any]:
    """What automation knows."""
    return {
        "reminders": run(journal.within(reminders.depth)),
        "followed": run(journal.within(reminders.types)),
        "to look into": len(run(journal.within(look_ups.due, VISIT, 100))[0]),
        "positions": run(journal.within(look_ups.positions_of)),
        "records": run(journal.within(look_ups.records_done, 2, [17, 18])),
        "moves": run(journal.within(look_ups.moved, 31, [7])),
        # It had fulfilled the condition before.
        "conditions": run(journal.within(look_ups.comes_to_hold, "vip", 7, holds=True)) is None,
        "runs": run(journal.within(runs.depth)),
    }


KNOWN = {
    "reminders": (3, VISIT - 2 * HOUR),
    "followed": [2],
    "to look into": 1,
    "positions": ["stages:2"],
    "records": {18},
    "moves": {7: START},
    "conditions": True,
    "runs": (2, START),
}
NOTHING = {
    "reminders": (0, None),
    "followed": [],
    "to look into": 0,
    "positions": [],
    "records": set(),
    "moves": {},
    "conditions": False,
    "runs": (0, None),
}


@pytest.mark.parametrize(
    "installation",
    [
        INSTALLATION,
        replace(INSTALLATION, access_token="access-2", refresh_token="refresh-2", application_token="other"),
        # A portal that has been renamed is the same.
        replace(INSTALLATION, domain="renamed.bitrix24.by", client_endpoint="https://renamed.bitrix24.by/rest/"),
        # It does not tell its member_id this time.
        UNTOLD,
    ],
)
def test_of_the_same_portal_everything_stays(installed: Journal, installation: Installation) -> None:
    install(installed, installation)
    assert known(installed) == KNOWN
    assert states(installed) == {
        "new": (RunState.NEW, None),
        "waiting": (RunState.WAITING, None),
        "answer": (RunState.ANSWER, None),
        "plan": (RunState.WAITING, None),
        "over": (RunState.OVER, None),
    }


def test_a_portal_that_was_uninstalled_in_between_is_the_same(installed: Journal) -> None:
    run(installed.uninstall())
    assert known(installed) == KNOWN
    install(installed, INSTALLATION)
    assert known(installed) == KNOWN


def test_a_portal_that_tells_its_member_id_later_is_the_same(journal: Journal) -> None:
    run(journal.install(UNTOLD))
    take(journal, "new")
    install(journal, INSTALLATION)
    assert run(journal.within(runs.depth)) == (1, START)
    # From then on it is known by that.
    install(journal, replace(INSTALLATION, domain="renamed.bitrix24.by"))
    assert run(journal.within(runs.depth)) == (1, START)


@pytest.mark.parametrize("uninstalled", [False, True])
def test_of_another_portal_nothing_is_known(installed: Journal, uninstalled: bool) -> None:
    """With the same numbers other documents would be meant, and nobody there waits for an answer."""
    if uninstalled:
        run(installed.uninstall())
    install(installed, ANOTHER)
    assert known(installed) == NOTHING
    changed = (RunState.OVER, str(Drop.PORTAL_CHANGED))
    ended = dict.fromkeys(TOKENS, changed)
    assert states(installed) == ended | {"over": (RunState.OVER, None)}
    waiting = run(installed.within(runs.of_token, "waiting"))
    assert waiting is not None
    assert (waiting["due_at"], waiting["over_at"]) == (None, LATER)


def test_another_portal_at_the_same_address_is_another(installed: Journal) -> None:
    """The old one was deleted, and somebody has made a new one."""
    install(installed, replace(INSTALLATION, member_id="88bb"))
    assert known(installed) == NOTHING


def test_reminders_of_another_portal_say_why_they_were_not_sent(installed: Journal) -> None:
    plan = run(installed.within(runs.of_token, "plan"))
    assert plan is not None
    install(installed, ANOTHER)
    rows = run(installed.within(reminders.of_run, plan["id"]))
    assert [(row["state"], row["reason"], row["due_at"]) for row in rows] == [
        ("sent", None, None),
        ("dropped", "portal_changed", None),
    ]


def test_messages_of_another_portal_stay_and_end_as_they_do(installed: Journal) -> None:
    install(installed, ANOTHER)
    submissions = run(installed.claim(START, 100)).submissions
    assert {each.message_id for each in submissions} == {"waiting", "answer", "over", "reminder"}
    for each in submissions:
        run(installed.record([(each, Accepted(f"a1-{each.message_id}"), LATER)], LATER))
        report = StatusReport(f"a1-{each.message_id}", "3", Status.DELIVERED, Source.CALLBACK, LATER)
        run(installed.settle([report]))
    message = run(installed.message("waiting"))
    assert message is not None
    assert message["status"] == "delivered"
    # Nobody is answered any more.
    assert run(installed.within(runs.answers, VISIT, 100)) == ([], None)


def test_what_the_other_portal_has_said_is_taken_for_its_own(installed: Journal) -> None:
    install(installed, ANOTHER)
    take(installed, "theirs")
    install(installed, ANOTHER)
    assert run(installed.within(runs.depth)) == (1, START)
    # And back: that is another one again.
    install(installed, INSTALLATION)
    assert run(installed.within(runs.depth)) == (0, None)

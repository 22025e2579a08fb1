"""Reminders in the journal: planned, moved with their date, sent once, or dropped with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from a1gateway.journal import Journal, reminders
from a1gateway.journal.reminders import Reminder, Rule, State
from a1gateway.journal.schema import reminders as table
from a1gateway.journal.statements import Statement
from a1gateway.message import Drop, Planned

from .conftest import START, arrival, run

HOUR, DAY = 3600.0, 86400.0
VISIT = START + 3 * DAY
LATER = START + 5 * DAY
DEAL = Rule("visit", None, 2, 4182)
OTHER = Rule("visit", None, 2, 4183)
_ALL = Statement(select(table))


def plan(journal: Journal, moment: float = VISIT, *, rule: Rule = DEAL, now: float = START, past: float = 0.0) -> int:
    """A day and an hour before; those further ahead than `past` seconds, if there is such a limit, have no time."""
    aheads = (DAY, HOUR)
    planned = [
        Planned(each, None, Drop.PAST) if past and each > past else Planned(each, moment - each) for each in aheads
    ]
    return run(journal.within(reminders.plan, rule, moment, planned, now))


def due(journal: Journal, now: float = START + 100 * DAY) -> list[Reminder]:
    return run(journal.within(reminders.due, now, 100))[0]


def times(journal: Journal) -> list[float]:
    return [each.due_at for each in due(journal)]


def drop_all(journal: Journal, why: Drop = Drop.CANCELLED, *, rule: Rule = DEAL, for_good: bool = False) -> int:
    return run(journal.within(reminders.drop_all, rule, why, START, for_good=for_good))


def followed(journal: Journal, item: int = 4182) -> dict[str, float]:
    """The moments that are known of a deal, by the rules that remind of them."""
    found = run(journal.within(reminders.rules_of, 2, [item]))
    assert all((each.rule.entity_type, each.rule.item) == (2, item) for each in found)
    return {each.rule.name: each.moment for each in found}


def send(journal: Journal, reminder: Reminder, message_id: str = "r1", **more: Any) -> Any:
    return run(journal.within(reminders.send, reminder, arrival(message_id, **more)))


def states(journal: Journal) -> dict[tuple[float, float], tuple[str, str | None]]:
    """What became of each, and why, by the moment and how long before."""
    rows = run(journal.within(lambda connection: connection.all(_ALL)))
    return {(row["moment"], row["ahead"]): (row["state"], row["reason"]) for row in rows}


def test_reminders_are_due_in_order(journal: Journal) -> None:
    assert plan(journal) == 2
    assert plan(journal, VISIT + 60, rule=OTHER) == 2
    found, later = run(journal.within(reminders.due, VISIT - DAY, 100))
    assert [(each.rule, each.item, each.moment, each.ahead) for each in found] == [("visit", 4182, VISIT, DAY)]
    assert later == VISIT - DAY + 60
    assert times(journal) == [VISIT - DAY, VISIT - DAY + 60, VISIT - HOUR, VISIT - HOUR + 60]
    assert [each.id for each in run(journal.within(reminders.due, VISIT, 1))[0]] == [1, 2]


def test_nothing_is_due(journal: Journal) -> None:
    assert run(journal.within(reminders.due, START, 100)) == ([], None)
    assert run(journal.within(reminders.depth)) == (0, None)
    assert run(journal.within(reminders.types)) == []


def test_those_without_time_are_kept_as_dropped(journal: Journal) -> None:
    assert plan(journal, past=HOUR) == 1
    assert times(journal) == [VISIT - HOUR]
    assert states(journal)[VISIT, DAY] == (State.DROPPED, Drop.PAST)


def test_planning_the_same_again_changes_nothing(journal: Journal) -> None:
    plan(journal)
    before = due(journal)
    assert plan(journal) == 2
    assert due(journal) == before


def test_when_the_date_moves_the_reminders_move(journal: Journal) -> None:
    plan(journal)
    plan(journal, rule=OTHER)
    assert plan(journal, LATER) == 2
    assert [(each.item, each.due_at) for each in due(journal)] == [
        (4183, VISIT - DAY),
        (4183, VISIT - HOUR),
        (4182, LATER - DAY),
        (4182, LATER - HOUR),
    ]


def test_a_date_that_comes_back_brings_its_reminders_back(journal: Journal) -> None:
    plan(journal)
    plan(journal, LATER)
    assert states(journal)[VISIT, DAY][0] == State.MOVED
    assert plan(journal) == 2
    assert times(journal) == [VISIT - DAY, VISIT - HOUR]
    assert states(journal)[LATER, DAY][0] == State.MOVED


def test_what_was_sent_stays_sent(journal: Journal) -> None:
    plan(journal)
    first = due(journal, VISIT - DAY)[0]
    assert send(journal, first).refusal is None
    plan(journal, LATER)
    # Back again: of the two that there would be time for only one has not been sent.
    assert plan(journal, now=VISIT - DAY) == 1
    assert times(journal) == [VISIT - HOUR]
    assert states(journal)[VISIT, DAY] == (State.SENT, None)


def test_a_message_stands_in_the_journal_with_its_reminder(journal: Journal) -> None:
    plan(journal)
    send(journal, due(journal)[0])
    assert run(journal.message("r1")) is not None
    assert states(journal) == {(VISIT, DAY): (State.SENT, None), (VISIT, HOUR): (State.PLANNED, None)}
    assert run(journal.within(reminders.depth)) == (1, VISIT - HOUR)


@pytest.mark.parametrize("to", ["moved", "dropped", "sent"])
def test_one_that_is_not_due_any_more_is_not_sent(journal: Journal, to: str) -> None:
    plan(journal)
    first = due(journal)[0]
    if to == "moved":
        plan(journal, LATER)
    elif to == "dropped":
        run(journal.within(reminders.drop, first, Drop.DELETED, START))
    else:
        send(journal, first)
    assert send(journal, first, "r2") is None
    assert run(journal.message("r2")) is None


def test_one_that_has_moved_meanwhile_is_neither_put_off_nor_dropped(journal: Journal) -> None:
    plan(journal)
    first, second = due(journal)
    plan(journal, LATER)
    run(journal.within(reminders.put_off, first, START + 60, 1))
    run(journal.within(reminders.drop, second, Drop.PORTAL, START))
    assert times(journal) == [LATER - DAY, LATER - HOUR]
    assert states(journal)[VISIT, HOUR] == (State.MOVED, None)


def test_one_is_dropped(journal: Journal) -> None:
    plan(journal)
    run(journal.within(reminders.drop, due(journal)[0], Drop.LATE, START))
    assert times(journal) == [VISIT - HOUR]
    assert states(journal)[VISIT, DAY] == (State.DROPPED, Drop.LATE)


def test_all_of_a_document_are_dropped(journal: Journal) -> None:
    plan(journal)
    plan(journal, rule=OTHER)
    send(journal, due(journal, VISIT - DAY)[0])
    assert drop_all(journal) == 1
    assert {each.item for each in due(journal)} == {4183}
    assert drop_all(journal) == 0


def test_what_was_dropped_with_its_document_is_planned_again(journal: Journal) -> None:
    """A deal that was lost is opened again."""
    plan(journal)
    drop_all(journal)
    assert due(journal) == []
    assert plan(journal) == 2
    assert states(journal)[VISIT, DAY] == (State.PLANNED, None)


def test_one_is_put_off(journal: Journal) -> None:
    plan(journal)
    first = due(journal)[0]
    run(journal.within(reminders.put_off, first, VISIT - DAY + 30, 3))
    again = due(journal)[0]
    assert (again.id, again.due_at, again.tries) == (first.id, VISIT - DAY + 30, 3)


def test_one_that_was_put_off_and_is_planned_again_begins_anew(journal: Journal) -> None:
    plan(journal)
    run(journal.within(reminders.put_off, due(journal)[0], VISIT - DAY + 30, 3))
    plan(journal)
    again = due(journal)[0]
    assert (again.due_at, again.tries) == (VISIT - DAY, 0)


def test_what_waits_is_not_given_up_by_a_plan_without_time_for_it(journal: Journal) -> None:
    """It is due, and whoever looks at it decides."""
    plan(journal)
    assert plan(journal, past=HOUR) == 2
    assert times(journal) == [VISIT - DAY, VISIT - HOUR]


def test_a_date_that_comes_back_too_late_says_why_it_has_no_reminders(journal: Journal) -> None:
    plan(journal)
    plan(journal, LATER)
    assert plan(journal, past=HOUR) == 1
    assert states(journal)[VISIT, DAY] == (State.DROPPED, Drop.PAST)
    assert states(journal)[VISIT, HOUR] == (State.PLANNED, None)


def test_whose_reminders_follow_a_document(journal: Journal) -> None:
    plan(journal)
    plan(journal, LATER, rule=Rule("payment", None, 2, 4182))
    plan(journal, rule=Rule("visit", None, 177, 12))
    assert followed(journal) == {"visit": VISIT, "payment": LATER}
    assert followed(journal, 12) == {}
    assert run(journal.within(reminders.followed, 2, [4182, 4183, 12])) == {4182}
    assert run(journal.within(reminders.followed, 177, [4182, 12])) == {12}
    assert set(run(journal.within(reminders.types))) == {2, 177}
    assert run(journal.within(reminders.depth)) == (6, VISIT - DAY)


def test_several_documents_are_asked_for_at_once(journal: Journal) -> None:
    plan(journal)
    plan(journal, LATER, rule=OTHER)
    found = run(journal.within(reminders.rules_of, 2, [4182, 4183, 5]))
    assert [(each.rule, each.moment) for each in found] == [(DEAL, VISIT), (OTHER, LATER)]
    assert run(journal.within(reminders.rules_of, 2, [])) == []


def test_the_moment_that_is_known_is_the_latest_that_was_planned(journal: Journal) -> None:
    plan(journal)
    plan(journal, LATER)
    assert followed(journal) == {"visit": LATER}


def test_a_document_is_followed_although_nothing_waits(journal: Journal) -> None:
    """A visit that nobody came to is often given another date."""
    plan(journal)
    send(journal, due(journal)[0], "r1")
    send(journal, due(journal)[0], "r2")
    assert due(journal) == []
    assert followed(journal) == {"visit": VISIT}
    assert run(journal.within(reminders.types)) == [2]
    plan(journal, past=1.0, rule=OTHER)
    assert followed(journal, 4183) == {"visit": VISIT}


def test_a_document_is_followed_for_thirty_days_after_its_moment(journal: Journal) -> None:
    plan(journal)
    run(journal.within(reminders.forget_old, VISIT + 30 * DAY))
    assert followed(journal) == {"visit": VISIT}
    # A date that moves counts from there.
    plan(journal, LATER)
    run(journal.within(reminders.forget_old, VISIT + 31 * DAY))
    assert followed(journal) == {"visit": LATER}
    run(journal.within(reminders.forget_old, LATER + 30 * DAY + 1))
    assert followed(journal) == {}
    assert run(journal.within(reminders.types)) == []


def test_a_document_that_may_be_given_a_date_again_is_followed_on(journal: Journal) -> None:
    plan(journal)
    plan(journal, rule=OTHER)
    drop_all(journal)
    assert followed(journal) == {"visit": VISIT}
    drop_all(journal, Drop.DELETED, for_good=True)
    assert followed(journal) == {}
    assert followed(journal, 4183) == {"visit": VISIT}
    assert run(journal.within(reminders.types)) == [2]


def test_everything_is_dropped(journal: Journal) -> None:
    plan(journal)
    plan(journal, rule=OTHER)
    send(journal, due(journal)[0])
    assert run(journal.within(reminders.drop_everything, Drop.PORTAL_CHANGED)) == 3
    assert run(journal.within(reminders.depth)) == (0, None)
    assert run(journal.within(reminders.types)) == []
    assert states(journal)[VISIT, HOUR] == (State.DROPPED, Drop.PORTAL_CHANGED)
    # What has been sent was sent.
    assert run(journal.message("r1")) is not None
    assert run(journal.within(reminders.drop_everything, Drop.PORTAL_CHANGED)) == 0

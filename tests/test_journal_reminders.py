"""Reminders in the journal: planned, moved with their date, sent once, or dropped with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from a1gateway.automation.moments import Planned
from a1gateway.journal import Journal, look_ups, reminders
from a1gateway.journal.look_ups import Event, LookUp
from a1gateway.journal.reminders import Drop, Reminder, Rule, State
from a1gateway.journal.schema import reminders as table
from a1gateway.journal.statements import Statement

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
    planned = [Planned(each, None if past and each > past else moment - each) for each in aheads]
    return run(journal.within(reminders.plan, rule, moment, planned, now))


def due(journal: Journal, now: float = START + 100 * DAY) -> list[Reminder]:
    return run(journal.within(reminders.due, now, 100))[0]


def times(journal: Journal) -> list[float]:
    return [each.due_at for each in due(journal)]


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
    assert len(run(journal.within(reminders.due, VISIT, 3))[0]) == 3


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
    run(journal.within(reminders.put_off, [(first.id, 1)], START + 60))
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
    assert run(journal.within(reminders.drop_all, DEAL, Drop.CANCELLED, START)) == 1
    assert {each.item for each in due(journal)} == {4183}
    assert run(journal.within(reminders.drop_all, DEAL, Drop.CANCELLED, START)) == 0


def test_what_was_dropped_with_its_document_is_planned_again(journal: Journal) -> None:
    """A deal that was lost is opened again."""
    plan(journal)
    run(journal.within(reminders.drop_all, DEAL, Drop.CANCELLED, START))
    assert due(journal) == []
    assert plan(journal) == 2
    assert states(journal)[VISIT, DAY] == (State.PLANNED, None)


def test_one_is_put_off(journal: Journal) -> None:
    plan(journal)
    first = due(journal)[0]
    run(journal.within(reminders.put_off, [(first.id, 3)], VISIT - DAY + 30))
    again = due(journal)[0]
    assert (again.id, again.due_at, again.tries) == (first.id, VISIT - DAY + 30, 3)


def test_whose_reminders_wait(journal: Journal) -> None:
    plan(journal)
    plan(journal, rule=Rule("payment", None, 2, 4182))
    plan(journal, rule=Rule("visit", None, 177, 12))
    found = {rule.name: moment for rule, moment in run(journal.within(reminders.rules_of, 2, 4182))}
    assert found == {"visit": VISIT, "payment": VISIT}
    assert run(journal.within(reminders.rules_of, 2, 12)) == []
    assert run(journal.within(reminders.items_with_reminders, 2, [4182, 4183, 12])) == {4182}
    assert set(run(journal.within(reminders.types))) == {2, 177}
    assert run(journal.within(reminders.depth)) == (6, VISIT - DAY)
    run(journal.within(reminders.drop_all, Rule("visit", None, 177, 12), Drop.DELETED, START))
    assert run(journal.within(reminders.types)) == [2]


# What has to be looked into.

QUIET, LONGEST = 5.0, 30.0
EVENT = Event("deal:4182", 2, 4182)


def note(journal: Journal, now: float, event: Event = EVENT) -> None:
    run(journal.within(look_ups.note, event, now, quiet=QUIET, longest=LONGEST))


def noted(journal: Journal, now: float) -> list[LookUp]:
    return run(journal.within(look_ups.due, now, 100))[0]


def test_events_are_looked_into_once_it_is_quiet(journal: Journal) -> None:
    note(journal, START)
    note(journal, START + 4)
    assert run(journal.within(look_ups.due, START + 8.9, 100)) == ([], START + 9)
    assert noted(journal, START + 9) == [LookUp(EVENT, START, START + 4)]


def test_events_that_do_not_end_are_looked_into_all_the_same(journal: Journal) -> None:
    for second in range(0, 31, 3):
        assert noted(journal, START + second - 0.1) == []
        note(journal, START + second)
    assert noted(journal, START + LONGEST) == [LookUp(EVENT, START, START + 30)]


def test_events_of_different_documents_are_apart(journal: Journal) -> None:
    note(journal, START)
    note(journal, START + 1, Event("deal:5", 2, 5))
    assert [each.event.item for each in noted(journal, START + 60)] == [4182, 5]
    assert len(run(journal.within(look_ups.due, START + 60, 1))[0]) == 1


def test_what_the_first_event_said_is_kept(journal: Journal) -> None:
    note(journal, START, Event("call:1", payload={"PHONE_NUMBER": "1", "имя": "Анна"}))
    note(journal, START + 1, Event("call:1", payload={"PHONE_NUMBER": "2"}))
    (found,) = noted(journal, START + 60)
    assert found.event == Event("call:1", payload={"PHONE_NUMBER": "1", "имя": "Анна"})


def test_what_has_been_looked_into_is_forgotten(journal: Journal) -> None:
    note(journal, START)
    run(journal.within(look_ups.done, noted(journal, START + 5)))
    assert run(journal.within(look_ups.due, START + 60, 100)) == ([], None)


def test_what_is_heard_of_while_it_is_looked_into_is_looked_into_again(journal: Journal) -> None:
    note(journal, START)
    found = noted(journal, START + 5)
    note(journal, START + 6)
    run(journal.within(look_ups.done, found))
    assert noted(journal, START + 10.9) == []
    assert noted(journal, START + 11) == [LookUp(EVENT, START + 6, START + 6)]
    # The longest time counts from there as well.
    note(journal, START + 33)
    assert noted(journal, START + 36) == [LookUp(EVENT, START + 6, START + 33)]


def test_a_look_is_put_off(journal: Journal) -> None:
    note(journal, START)
    run(journal.within(look_ups.put_off, ["deal:4182", "deal:7"], START + 60))
    assert run(journal.within(look_ups.due, START + 59, 100)) == ([], START + 60)


def test_how_far_something_was_read(journal: Journal) -> None:
    assert run(journal.within(look_ups.position, "stages:2")) is None
    run(journal.within(look_ups.advance, "stages:2", 17, START))
    run(journal.within(look_ups.advance, "stages:2", 18, START + 1))
    assert run(journal.within(look_ups.position, "stages:2")) == (18, START + 1)
    assert run(journal.within(look_ups.position, "stages:1")) is None


def test_a_record_is_dealt_with_once(journal: Journal) -> None:
    assert not run(journal.within(look_ups.record_done, 2, 17))
    assert run(journal.within(look_ups.record_done, 2, 17))
    assert not run(journal.within(look_ups.record_done, 1, 17))
    assert not run(journal.within(look_ups.record_done, 2, 20))
    assert run(journal.within(look_ups.records_done, 2, [16, 17, 18, 20])) == {17, 20}
    run(journal.within(look_ups.forget_records, 2, 19))
    assert run(journal.within(look_ups.records_done, 2, [17, 20])) == {20}
    assert run(journal.within(look_ups.records_done, 1, [17])) == {17}


def said(journal: Journal, message_id: str, now: float = START, scenario: str = "missed", **more: Any) -> bool:
    said_now = arrival(message_id, received_at=now, **more)
    return run(journal.within(look_ups.was_said, scenario, said_now, said_now.text, 15 * 60.0))


def test_the_same_is_not_said_twice(journal: Journal) -> None:
    assert not said(journal, "m1")
    assert said(journal, "m2", START + 899)
    # What was not said does not count from then.
    assert not said(journal, "m3", START + 901)
    assert said(journal, "m4", START + 1700)


def test_something_else_or_to_somebody_else_may_be_said(journal: Journal) -> None:
    assert not said(journal, "m1")
    assert not said(journal, "m2", text="Заказ едет")
    assert not said(journal, "m3", msisdn="+375331112233")
    assert not said(journal, "m4", scenario="other")


def test_what_is_refused_was_not_said(journal: Journal) -> None:
    assert not said(journal, "m1", refusal="foreign")
    assert not said(journal, "m2")


def test_what_may_be_repeated_may_always_be(journal: Journal) -> None:
    for _ in range(2):
        assert not run(journal.within(look_ups.was_said, "missed", arrival(), "text", 0.0))


def test_a_message_that_is_taken_in_again_is_no_repetition(journal: Journal) -> None:
    """Its own first attempt must not have it refused."""
    assert not said(journal, "m1")
    run(journal.accept(arrival("m1")))
    assert not said(journal, "m1", START + 1)


def test_what_was_said_is_forgotten(journal: Journal) -> None:
    said(journal, "m1")
    run(journal.within(look_ups.forget_said, START))
    assert said(journal, "m2", START + 1)
    run(journal.within(look_ups.forget_said, START + 1))
    assert not said(journal, "m3", START + 1)


def test_how_often_a_condition_has_come_to_hold(journal: Journal) -> None:
    def comes_to_hold(item: int, scenario: str = "vip", *, holds: bool) -> int | None:
        return run(journal.within(look_ups.comes_to_hold, scenario, item, holds=holds))

    # The first sight is no change.
    assert comes_to_hold(1, holds=True) is None
    assert comes_to_hold(1, holds=False) is None
    assert comes_to_hold(1, holds=True) == 1
    assert comes_to_hold(1, holds=True) is None
    assert comes_to_hold(1, holds=False) is None
    assert comes_to_hold(1, holds=True) == 2
    assert comes_to_hold(2, holds=True) is None
    assert comes_to_hold(1, "other", holds=True) is None

"""What scenarios have to look into, and what they know of what they have looked into, in the journal."""

from __future__ import annotations

from typing import Any

from a1gateway.journal import Journal, look_ups
from a1gateway.journal.look_ups import Event, LookUp

from .conftest import START, arrival, run

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


def test_a_call_that_is_heard_of_again_is_looked_into_when_it_was_to_be(journal: Journal) -> None:
    """The sweep finds it too, and counts what has gone by of the time in which it may be called back."""
    call = Event("call:1:missed", payload={"PHONE_NUMBER": "1"})

    def hear(now: float, wait: float) -> None:
        run(journal.within(look_ups.note, call, now, quiet=wait, longest=max(wait, LONGEST)))

    hear(START, 300.0)
    hear(START + 200, 100.0)
    hear(START + 250, 300.0)
    assert run(journal.within(look_ups.due, START + 299, 100)) == ([], START + 300)
    assert len(noted(journal, START + 300)) == 1


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


def test_a_look_that_comes_to_nothing_is_put_off_and_counted(journal: Journal) -> None:
    note(journal, START)
    run(journal.within(look_ups.put_off, "deal:4182", START + 60, "x" * 5000))
    run(journal.within(look_ups.put_off, "deal:7", START + 60, "nobody knows of it"))
    assert run(journal.within(look_ups.due, START + 59, 100)) == ([], START + 60)
    assert noted(journal, START + 60) == [LookUp(EVENT, START, START, tries=1)]
    run(journal.within(look_ups.put_off, "deal:4182", START + 90, "again"))
    assert [each.tries for each in noted(journal, START + 90)] == [2]


def test_what_is_heard_of_after_a_failed_look_begins_anew_once_that_has_been_looked_into(journal: Journal) -> None:
    note(journal, START)
    run(journal.within(look_ups.put_off, "deal:4182", START + 10, "refused"))
    found = noted(journal, START + 10)
    note(journal, START + 11)
    run(journal.within(look_ups.done, found))
    assert noted(journal, START + 60) == [LookUp(EVENT, START + 11, START + 11, tries=0)]


def test_what_it_is_too_early_for_waits_and_is_not_counted(journal: Journal) -> None:
    note(journal, START)
    note(journal, START, Event("deal:5", 2, 5))
    run(journal.within(look_ups.wait, ["deal:4182", "deal:7"], START + 60))
    assert [each.event.item for each in noted(journal, START + 59)] == [5]
    assert [(each.event.item, each.tries) for each in noted(journal, START + 60)] == [(5, 0), (4182, 0)]


def test_how_far_something_was_read(journal: Journal) -> None:
    assert run(journal.within(look_ups.position, "stages:2")) is None
    run(journal.within(look_ups.advance, "stages:2", 17, START))
    run(journal.within(look_ups.advance, "stages:2", 18, START + 1))
    assert run(journal.within(look_ups.position, "stages:2")) == (18, START + 1)
    assert run(journal.within(look_ups.position, "stages:1")) is None
    assert run(journal.within(look_ups.positions_named, ["stages:2", "stages:1"])) == {"stages:2": (18, START + 1)}
    assert run(journal.within(look_ups.positions_named, [])) == {}
    run(journal.within(look_ups.advance, "calls", 5, START))
    assert set(run(journal.within(look_ups.positions_of))) == {"stages:2", "calls"}
    run(journal.within(look_ups.forget_position, "stages:2"))
    run(journal.within(look_ups.forget_position, "stages:1"))
    assert run(journal.within(look_ups.positions_of)) == ["calls"]


def test_a_record_is_dealt_with_once(journal: Journal) -> None:
    assert not run(journal.within(look_ups.record_done, 2, 17))
    assert run(journal.within(look_ups.record_done, 2, 17))
    assert not run(journal.within(look_ups.record_done, 1, 17))
    assert not run(journal.within(look_ups.record_done, 2, 20))
    assert run(journal.within(look_ups.records_done, 2, [16, 17, 18, 20])) == {17, 20}
    run(journal.within(look_ups.forget_records, 2, 19))
    assert run(journal.within(look_ups.records_done, 2, [17, 20])) == {20}
    assert run(journal.within(look_ups.records_done, 1, [17])) == {17}


def test_an_entry_that_a_document_itself_tells_of_is_dealt_with_once(journal: Journal) -> None:
    assert not run(journal.within(look_ups.move, 31, 7, START))
    assert run(journal.within(look_ups.move, 31, 7, START))
    # One that is heard of late.
    assert run(journal.within(look_ups.move, 31, 7, START - 60))
    assert not run(journal.within(look_ups.move, 31, 7, START + 60))
    assert run(journal.within(look_ups.move, 31, 7, START + 60))
    assert not run(journal.within(look_ups.move, 31, 8, START))
    assert not run(journal.within(look_ups.move, 2, 7, START))
    assert run(journal.within(look_ups.moved, 31, [6, 7, 8, 9])) == {7: START + 60, 8: START}
    assert run(journal.within(look_ups.moved, 2, [7, 8])) == {7: START}


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


def comes_to_hold(journal: Journal, item: int, scenario: str = "vip", *, holds: bool) -> int | None:
    return run(journal.within(look_ups.comes_to_hold, scenario, item, holds=holds))


def test_how_often_a_condition_has_come_to_hold(journal: Journal) -> None:
    # What is not known of has not fulfilled it yet.
    assert comes_to_hold(journal, 1, holds=True) == 1
    assert comes_to_hold(journal, 1, holds=True) is None
    assert comes_to_hold(journal, 1, holds=False) is None
    assert comes_to_hold(journal, 1, holds=False) is None
    assert comes_to_hold(journal, 1, holds=True) == 2
    assert comes_to_hold(journal, 1, holds=True) is None
    assert comes_to_hold(journal, 2, holds=False) is None
    assert comes_to_hold(journal, 2, holds=True) == 1
    assert comes_to_hold(journal, 1, "other", holds=True) == 1


def test_a_condition_that_was_fulfilled_before_its_scenario_has_not_come_to_hold(journal: Journal) -> None:
    run(journal.within(look_ups.holds_already, "vip", [1, 2]))
    assert comes_to_hold(journal, 1, holds=True) is None
    assert comes_to_hold(journal, 1, holds=False) is None
    assert comes_to_hold(journal, 1, holds=True) == 1
    assert comes_to_hold(journal, 3, holds=True) == 1
    assert comes_to_hold(journal, 2, "other", holds=True) == 1


def test_the_conditions_of_scenarios_that_are_gone_are_forgotten(journal: Journal) -> None:
    for scenario in ("vip", "gone"):
        run(journal.within(look_ups.holds_already, scenario, [1]))
    run(journal.within(look_ups.forget_conditions, ["vip", "new"]))
    assert comes_to_hold(journal, 1, holds=True) is None
    assert comes_to_hold(journal, 1, "gone", holds=True) == 1
    run(journal.within(look_ups.forget_conditions, []))
    assert comes_to_hold(journal, 1, holds=True) == 1

"""An application's life, in memory and in a real journal, and what A1's list of names says of it."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.hours import MINSK
from a1gateway.journal import Journal, sender_ids
from a1gateway.sender_id.applications import (
    Application,
    Sighting,
    State,
    Step,
    after,
    sighted,
    states_before,
    steps_from,
)

from ..conftest import START, run
from .test_particulars import OURS

MINUTE = 60.0


def prepared(journal: Journal, name: str = "MyShop") -> Application:
    """A new application."""
    return run(journal.within(sender_ids.prepare, name, "уведомления о заказах", OURS, "Анна Петрова (5)", START))


def kept(journal: Journal, row: int) -> Application:
    """An application as the journal has it."""
    found = run(journal.within(sender_ids.application, row))
    assert found is not None
    return found


def step(
    journal: Journal, row: int, taken: Step, at: float = START + MINUTE, note: str | None = None
) -> State | None:
    """Where it stands then; None when the step could not be taken."""
    stands = run(journal.within(sender_ids.take_step, row, taken, at, note))
    assert stands is None or stands == kept(journal, row)
    return None if stands is None else stands.state


def test_an_application_goes_from_the_desk_to_a1_and_is_decided() -> None:
    assert after(State.PREPARED, Step.HAND_IN) is State.HANDED_IN
    assert after(State.HANDED_IN, Step.APPROVE) is State.APPROVED
    assert after(State.HANDED_IN, Step.REFUSE) is State.REFUSED
    assert after(State.HANDED_IN, Step.TAKE_BACK) is State.PREPARED


@pytest.mark.parametrize(
    ("state", "step"),
    [(State.PREPARED, Step.REFUSE), (State.APPROVED, Step.WITHDRAW), (State.WITHDRAWN, Step.APPROVE)],
)
def test_some_steps_cannot_be_taken(state: State, step: Step) -> None:
    assert after(state, step) is None


def test_what_is_approved_or_withdrawn_has_ended() -> None:
    assert [state for state in State if not steps_from(state)] == [State.APPROVED, State.WITHDRAWN]


@given(st.sampled_from(State), st.sampled_from(Step))
def test_the_ways_to_ask_about_steps_agree(state: State, step: Step) -> None:
    can = after(state, step) is not None
    assert (step in steps_from(state)) == can
    assert (state in states_before(step)) == can


def test_it_is_kept_as_it_was_prepared(journal: Journal) -> None:
    first, second = prepared(journal), prepared(journal, "Other")
    assert first == Application(
        first.id, "MyShop", "уведомления о заказах", OURS, State.PREPARED, START, "Анна Петрова (5)"
    )
    assert run(journal.within(sender_ids.applications)) == [second, first]
    assert kept(journal, first.id) == first
    assert run(journal.within(sender_ids.application, 77)) is None


def test_the_times_of_its_steps_are_kept(journal: Journal) -> None:
    row = prepared(journal).id
    assert step(journal, row, Step.HAND_IN, START + 1, "отвезла Анна") is State.HANDED_IN
    assert (kept(journal, row).handed_in_at, kept(journal, row).decided_at) == (START + 1, None)
    assert step(journal, row, Step.REFUSE, START + 2) is State.REFUSED
    assert (kept(journal, row).decided_at, kept(journal, row).note) == (START + 2, "отвезла Анна")
    assert step(journal, row, Step.HAND_IN, START + 3, "с товарным знаком") is State.HANDED_IN
    stands = kept(journal, row)
    assert (stands.handed_in_at, stands.decided_at, stands.note) == (START + 3, None, "с товарным знаком")


def test_a_mistake_can_be_taken_back(journal: Journal) -> None:
    application = prepared(journal)
    step(journal, application.id, Step.HAND_IN)
    assert step(journal, application.id, Step.TAKE_BACK) is State.PREPARED
    assert kept(journal, application.id) == application


def test_a_step_that_cannot_be_taken_changes_nothing(journal: Journal) -> None:
    application = prepared(journal)
    assert step(journal, application.id, Step.REFUSE) is None
    assert step(journal, 77, Step.HAND_IN) is None
    assert kept(journal, application.id) == application


def test_a_name_that_a1_lists_is_approved(journal: Journal) -> None:
    waiting, elsewhere, refused, gone = (prepared(journal, name) for name in ("MyShop", "Other", "Third", "Gone"))
    for each in (waiting, refused):
        step(journal, each.id, Step.HAND_IN)
    step(journal, refused.id, Step.REFUSE)
    step(journal, gone.id, Step.WITHDRAW)
    approved = run(journal.within(sender_ids.seen, ("Third", "MyShop", "Gone", "A1Sandbox"), START + MINUTE))
    assert [(each.name, each.state, each.decided_at) for each in approved] == [
        ("MyShop", State.APPROVED, START + MINUTE),
        ("Third", State.APPROVED, START + MINUTE),
    ]
    assert kept(journal, elsewhere.id).state is State.PREPARED
    assert kept(journal, gone.id).state is State.WITHDRAWN
    assert run(journal.within(sender_ids.seen, ("Third", "MyShop"), START + 2 * MINUTE)) == []


def test_a_name_in_other_capitals_is_not_approved(journal: Journal) -> None:
    application = prepared(journal)
    assert run(journal.within(sender_ids.seen, ("MYSHOP", "myshop", "MyShop1"), START)) == []
    assert kept(journal, application.id).state is State.PREPARED


def test_what_a1_has_to_decide_on_is_counted(journal: Journal) -> None:
    rows = [prepared(journal).id for _ in range(3)]
    step(journal, rows[0], Step.HAND_IN)
    step(journal, rows[1], Step.HAND_IN)
    step(journal, rows[1], Step.APPROVE)
    assert run(journal.within(sender_ids.handed_in)) == 1


@pytest.mark.parametrize(
    ("names", "sighting"),
    [
        (["MyShop", "MYSHOP"], Sighting(True)),
        (["Other", "MYSHOP"], Sighting(False, "MYSHOP")),
        (["Other", "MyShop1"], Sighting(False)),
        ([], Sighting(False)),
    ],
)
def test_a1s_list_is_read_letter_for_letter(names: list[str], sighting: Sighting) -> None:
    assert sighted("MyShop", names) == sighting


def at(*moment: int) -> float:
    """A time in Minsk, in seconds since the epoch."""
    return datetime(*moment, tzinfo=MINSK).timestamp()  # type: ignore[arg-type, misc]


def test_a1_has_days_of_minsk_to_decide() -> None:
    application = Application(1, "MyShop", "", OURS, State.HANDED_IN, START, "", handed_in_at=at(2026, 6, 1, 0, 30))
    assert application.due_between() == (date(2026, 6, 4), date(2026, 6, 15))
    assert not application.is_late(at(2026, 6, 15, 23, 59))
    assert application.is_late(at(2026, 6, 16, 0, 1))


@pytest.mark.parametrize("state", [state for state in State if state is not State.HANDED_IN])
def test_nothing_is_due_of_what_a1_does_not_decide_on(state: State) -> None:
    application = Application(1, "MyShop", "", OURS, state, START, "", handed_in_at=START)
    assert application.due_between() is None
    assert not application.is_late(START + 1e9)


def test_a_note_can_be_replaced(journal: Journal) -> None:
    row = prepared(journal).id
    step(journal, row, Step.HAND_IN, note="первое")
    step(journal, row, Step.WITHDRAW, note="второе")
    assert kept(journal, row).note == "второе"

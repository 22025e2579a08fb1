"""When A1 is tried and when it is left alone, by what it has said to whom."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.gate import Gate


def trouble(kind: Trouble) -> LinkTrouble:
    return LinkTrouble(kind, f"A1 says {kind}")


@pytest.fixture
def gate(clock: Clock) -> Gate:
    return Gate(clock, lambda: 0.0)


def test_pauses_after_submits_in_vain_grow_up_to_half_a_minute(gate: Gate, clock: Clock) -> None:
    pauses = []
    for _ in range(8):
        gate.bad(trouble(Trouble.UNREACHABLE))
        pauses.append(gate.hold())
        clock.advance(gate.hold())
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    gate.good(submitted=True)
    assert gate.hold() == 0


def test_requests_that_fail_together_count_once(gate: Gate) -> None:
    for _ in range(4):
        gate.bad(trouble(Trouble.UNREACHABLE))
    assert gate.hold() == 1


def test_a_question_in_vain_holds_up_no_submit(gate: Gate) -> None:
    gate.doubtful(trouble(Trouble.UNREACHABLE))
    assert gate.hold() == 0
    assert gate.trouble is not None


def test_a_refused_account_is_let_in_by_a_good_answer_alone(gate: Gate) -> None:
    opened: list[None] = []
    gate.on_open(lambda: opened.append(None))
    gate.doubtful(trouble(Trouble.CREDENTIALS))
    for kind in (Trouble.UNREACHABLE, Trouble.THROTTLED):
        gate.doubtful(trouble(kind))
        assert gate.hold() > 0
    assert opened == []
    gate.good()
    assert gate.hold() == 0
    assert opened == [None]


@pytest.mark.parametrize("kind", [Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_only_a_submit_shows_that_submits_get_through_again(gate: Gate, kind: Trouble) -> None:
    gate.bad(trouble(kind))
    gate.good()
    assert gate.trouble is not None
    gate.good(submitted=True)
    assert gate.trouble is None


@pytest.mark.parametrize("kind", [Trouble.THROTTLED, Trouble.UNAVAILABLE])
def test_a_poll_in_vain_is_forgotten_with_the_next_that_succeeds(gate: Gate, kind: Trouble) -> None:
    gate.doubtful(trouble(kind))
    gate.good()
    assert gate.trouble is None

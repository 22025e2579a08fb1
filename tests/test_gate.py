"""When A1 is tried and when it is left alone, by what it has said to whom."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from a1gateway.carriers.outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Trouble,
    Uncertain,
)
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


@pytest.mark.parametrize("kind", [Trouble.UNAVAILABLE, Trouble.THROTTLED, Trouble.FAULT])
@pytest.mark.parametrize("first", ["submits", "account"])
def test_an_account_that_is_let_in_again_is_let_in_whatever_had_befallen_submits(
    gate: Gate, kind: Trouble, first: str
) -> None:
    """Else nothing would ever go out that could show that A1 takes submits."""
    if first == "submits":
        gate.bad(LinkTrouble(kind, "A1 takes no submit"))
        gate.doubtful(LinkTrouble(Trouble.CREDENTIALS, "refused to a poll"))
    else:
        gate.bad(LinkTrouble(Trouble.CREDENTIALS, "refused"))
        gate.bad(LinkTrouble(kind, "what was under way then"))
    assert gate.closed is True
    gate.good()
    assert (gate.closed, gate.hold()) == (False, 0)


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


UNREACHABLE = LinkTrouble(Trouble.UNREACHABLE, "A1's SMSC has closed the connection")


def test_a_gate_that_was_shut_stays_shut_until_the_link_is_back(gate: Gate, clock: Clock) -> None:
    opened: list[None] = []
    gate.on_open(lambda: opened.append(None))
    gate.link_is_down(UNREACHABLE)
    assert gate.known
    for _ in range(5):
        assert gate.closed
        assert gate.hold() > 0
        clock.advance(600)
    # What was asked before the link broke may still be answered.
    gate.good(submitted=True)
    assert (gate.closed, opened) == (True, [])
    gate.link_is_up()
    assert (gate.closed, gate.hold(), gate.trouble) == (False, 0, None)
    assert opened == [None]


def test_without_a_link_the_link_s_own_trouble_is_what_the_operator_sees(gate: Gate) -> None:
    refused = trouble(Trouble.CREDENTIALS)
    gate.link_is_down(UNREACHABLE)
    gate.doubtful(trouble(Trouble.THROTTLED))
    gate.bad(trouble(Trouble.THROTTLED))
    assert gate.trouble is UNREACHABLE
    gate.link_is_down(refused)
    gate.doubtful(trouble(Trouble.THROTTLED))
    assert gate.trouble is refused
    # The next attempt may fail in another way.
    gate.link_is_down(UNREACHABLE)
    assert gate.trouble is UNREACHABLE
    assert gate.closed


def test_a_refused_bind_shuts_the_gate_and_the_next_good_one_opens_it(gate: Gate) -> None:
    gate.link_is_down(trouble(Trouble.CREDENTIALS))
    assert gate.closed
    gate.link_is_up()
    assert not gate.closed


def test_a_link_over_which_no_submit_is_answered_gets_fewer_of_them(gate: Gate, clock: Clock) -> None:
    gate.link_is_up()
    late = Uncertain(trouble(Trouble.UNAVAILABLE))
    gate.judge_over_link([late])
    assert gate.hold() > 0
    clock.advance(60)
    assert gate.hold() == 0
    assert gate.trouble is late.trouble
    gate.judge_over_link([Accepted("1")])
    assert gate.trouble is None


@pytest.mark.parametrize(
    "outcome",
    [Uncertain(UNREACHABLE), Postponed(UNREACHABLE), Postponed(trouble(Trouble.LATER), 5.0)],
    ids=["lost", "not_sent", "later"],
)
def test_of_all_else_a_link_tells_itself(gate: Gate, outcome: Outcome) -> None:
    gate.link_is_up()
    gate.judge_over_link([outcome])
    assert (gate.hold(), gate.trouble) == (0, None)


def test_the_first_good_answer_opens_the_gate_for_those_that_wait(gate: Gate) -> None:
    opened: list[None] = []
    gate.on_open(lambda: opened.append(None))
    assert not gate.known
    gate.good()
    gate.good()
    assert (gate.known, opened) == (True, [None])


@pytest.mark.parametrize(
    "taken",
    [Accepted("7001"), Refused("stop_list", "101"), Duplicate("20")],
    ids=["accepted", "refused", "duplicate"],
)
def test_one_message_that_a1_has_judged_shows_that_it_is_well(gate: Gate, taken: Outcome) -> None:
    gate.bad(trouble(Trouble.UNAVAILABLE))
    gate.judge([Postponed(trouble(Trouble.THROTTLED)), taken, Uncertain(UNREACHABLE)])
    assert (gate.trouble, gate.hold()) == (None, 0)


@pytest.mark.parametrize("outcome", [Postponed(UNREACHABLE), Uncertain(UNREACHABLE)], ids=["postponed", "uncertain"])
def test_submits_none_of_which_got_through_hold_up_the_next_ones(gate: Gate, outcome: Outcome) -> None:
    gate.judge([outcome, Postponed(trouble(Trouble.THROTTLED))])
    assert gate.trouble is UNREACHABLE
    assert gate.hold() == 1


def test_of_nothing_nothing_is_judged(gate: Gate) -> None:
    gate.judge([])
    assert (gate.known, gate.hold()) == (False, 0)

"""How much is spent on strangers, and that nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from a1gateway.metrics import Metrics
from a1gateway.web.answers import NotGenuine, TooManyCalls, WrongSecret
from a1gateway.web.strangers import AT_ONCE, GUESSES, PROOFS, PROOFS_OF_ALL, Strangers

from .test_clients import asked

STRANGER, EMPLOYEE = asked("203.0.113.7"), asked("198.51.100.1")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def strangers(clock: Clock, metrics: Metrics) -> Strangers:
    return Strangers(clock, metrics)


def guess(strangers: Strangers, request: Any = STRANGER) -> str:
    """What comes of a wrong secret."""
    try:
        strangers.check_secret(request, "wrong", "right")
    except (WrongSecret, TooManyCalls) as error:
        return type(error).__name__
    raise AssertionError("it is taken")


def prove(strangers: Strangers, request: Any = STRANGER, *, genuine: bool = False, vouched: bool = False) -> str:
    """What comes of a call that the portal is asked about."""
    try:
        with strangers.proving(request, "app", vouched=vouched):
            if not genuine:
                raise NotGenuine("made up")
    except (NotGenuine, TooManyCalls) as error:
        return type(error).__name__
    return "in"


def counted(metrics: Metrics, result: str) -> float:
    return float(metrics.strangers.labels(result)._value.get())


def test_guessing_goes_on_until_it_is_too_much_and_a_second_later_once_more(
    strangers: Strangers, clock: Clock, metrics: Metrics
) -> None:
    assert [guess(strangers) for _ in range(GUESSES + 2)] == ["WrongSecret"] * GUESSES + ["TooManyCalls"] * 2
    assert guess(strangers, EMPLOYEE) == "WrongSecret"
    clock.advance(1.0)
    assert [guess(strangers) for _ in range(2)] == ["WrongSecret", "TooManyCalls"]
    assert (counted(metrics, "wrong_secret"), counted(metrics, "too_many")) == (GUESSES + 5, 3)


def test_the_right_secret_is_taken_however_often_a_wrong_one_came_from_there(strangers: Strangers) -> None:
    for _ in range(GUESSES + 50):
        guess(strangers)
    for _ in range(1000):
        strangers.check_secret(STRANGER, "right", "right")


def test_made_up_tokens_of_a_client_are_asked_about_so_often_and_no_more(strangers: Strangers, clock: Clock) -> None:
    assert [prove(strangers) for _ in range(PROOFS + 1)] == ["NotGenuine"] * PROOFS + ["TooManyCalls"]
    assert prove(strangers, EMPLOYEE, genuine=True) == "in"
    clock.advance(30.0)
    assert [prove(strangers) for _ in range(2)] == ["NotGenuine", "TooManyCalls"]


def test_whoever_is_refused_is_told_when_to_come_again(strangers: Strangers) -> None:
    for _ in range(PROOFS):
        prove(strangers)
    with pytest.raises(TooManyCalls) as refused, strangers.proving(STRANGER, "app", vouched=False):
        raise AssertionError("nothing is asked")
    assert 29 < refused.value.after <= 30


def test_a_flood_from_everywhere_is_limited_and_lets_in_whom_the_portal_knows(strangers: Strangers) -> None:
    """An office that has been let in is not among those who share the limit."""
    assert prove(strangers, EMPLOYEE, genuine=True) == "in"
    results = [prove(strangers, asked(f"203.0.{number // 250}.{number % 250}")) for number in range(600)]
    assert results.count("NotGenuine") == PROOFS_OF_ALL
    assert prove(strangers, asked("192.0.2.1"), genuine=True) == "TooManyCalls"
    assert prove(strangers, EMPLOYEE, genuine=True) == "in"
    # And somebody new who brings what only the portal knows.
    assert prove(strangers, asked("192.0.2.2"), genuine=True, vouched=True) == "in"


def test_genuine_calls_are_never_too_many(strangers: Strangers) -> None:
    assert {prove(strangers, EMPLOYEE, genuine=True) for _ in range(1000)} == {"in"}
    assert {prove(strangers, STRANGER, vouched=True) for _ in range(1000)} == {"NotGenuine"}


def test_strangers_have_a_few_places_of_their_own(strangers: Strangers) -> None:
    assert prove(strangers, EMPLOYEE, genuine=True) == "in"
    under_way = [strangers.proving(asked(f"203.0.113.{number}"), "app", vouched=False) for number in range(AT_ONCE)]
    for each in under_way:
        each.__enter__()
    assert prove(strangers, asked("192.0.2.1"), genuine=True) == "TooManyCalls"
    assert prove(strangers, EMPLOYEE, genuine=True) == "in"
    assert prove(strangers, asked("192.0.2.1"), genuine=True, vouched=True) == "in"
    # Another route's places are others.
    with strangers.proving(asked("192.0.2.1"), "install", vouched=False):
        pass
    under_way[0].__exit__(None, None, None)
    assert prove(strangers, asked("192.0.2.9"), genuine=True) == "in"


def test_this_machine_itself_is_not_limited(strangers: Strangers) -> None:
    here = asked("127.0.0.1")
    assert {guess(strangers, here) for _ in range(GUESSES * 2)} == {"WrongSecret"}
    assert {prove(strangers, here) for _ in range(PROOFS * 3)} == {"NotGenuine"}


def test_the_log_says_once_in_a_while_whose_calls_are_limited(strangers: Strangers, clock: Clock) -> None:
    with capturedLogs() as events:
        for _ in range(GUESSES + 50):
            guess(strangers)
        texts = [formatEvent(event) for event in events]
        assert texts == ["calls of 203.0.113.7 get 429: too many of them were nobody's"]
        clock.advance(60.0)
        for _ in range(100):
            guess(strangers)
        assert len(events) == 2


def test_of_many_clients_few_are_kept_in_mind(strangers: Strangers) -> None:
    for number in range(5000):
        guess(strangers, asked(f"203.{number // 65536}.{number // 256 % 256}.{number % 256}"))
    assert len(strangers._guesses._kept) == 2000

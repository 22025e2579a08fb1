"""Blocking calls of a job: each away from the reactor, and none beside another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from a1gateway.contact_base.in_turn import InTurn


def test_blocking_calls_have_their_turn_also_behind_one_that_nobody_waits_for() -> None:
    waiting: list[tuple[str, Deferred[Any]]] = []

    def off_thread(call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        waiting.append((call(*arguments), done))
        return done

    in_turn = InTurn(off_thread)
    answers = [in_turn(str.upper, word) for word in ("first", "second", "third")]
    results: list[Any] = []
    for answer in answers:
        answer.addBoth(lambda result: results.append(result if isinstance(result, str) else result.type.__name__))
    assert [word for word, _ in waiting] == ["FIRST"]
    answers[0].cancel()
    assert results == ["CancelledError"]
    # It has not ended for all that.
    assert [word for word, _ in waiting] == ["FIRST"]
    waiting[0][1].callback("FIRST")
    assert [word for word, _ in waiting] == ["FIRST", "SECOND"]
    waiting[1][1].errback(OSError("full"))
    waiting[2][1].callback("THIRD")
    assert results == ["CancelledError", "OSError", "THIRD"]

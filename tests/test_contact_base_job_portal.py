"""The portal as a long work asks it: with rests, and none but the one that it was begun with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.contact_base.job_portal import AnotherPortal, JobPortal
from a1gateway.contact_base.patience import Patience

from .conftest import START, run

PORTAL = "shop.bitrix24.by"


class Recorder:
    """Takes so many seconds for a request, and says when it was asked."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.seconds = seconds
        self.asked_at: list[float] = []
        self._clock = clock

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self.asked_at.append(self._clock.seconds() - START)
        await deferLater(self._clock, self.seconds)
        if method == "fail":
            raise PortalTrouble("away")
        return method

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        return {"answer": await self.call("batch", commands)}


class Asked:
    """A portal that is asked through a `JobPortal`."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.recorder = Recorder(clock, seconds)
        self.installed: str | None = PORTAL
        self.portal = JobPortal(clock, self.recorder, PORTAL, lambda: self.installed)

    def ask(self, method: str = "call") -> Deferred[Any]:
        asked = self.portal.batch({}) if method == "batch" else self.portal.call(method, {})
        return Deferred.fromCoroutine(asked)


def test_after_each_request_it_rests_for_as_long_as_that_took(clock: Clock) -> None:
    asked = Asked(clock, 3.0)
    for method in ("call", "batch", "fail", "call"):
        answer = asked.ask(method).addErrback(lambda why: why.trap(PortalTrouble))
        while not answer.called:
            clock.advance(0.5)
    assert asked.recorder.asked_at == [0.0, 6.0, 12.0, 18.0]


def test_time_that_passes_otherwise_counts_as_rest(clock: Clock) -> None:
    asked = Asked(clock, 3.0)
    asked.ask()
    clock.advance(3)
    clock.advance(10)
    asked.ask()
    assert asked.recorder.asked_at == [0.0, 13.0]


def test_a_request_that_hung_is_not_paid_for_by_a_rest_as_long(clock: Clock) -> None:
    asked = Asked(clock, 65.0)
    asked.ask()
    clock.advance(65)
    asked.ask()
    clock.pump([1.0] * 40)
    assert asked.recorder.asked_at == [0.0, 95.0]


def test_in_a_hurry_it_rests_no_more(clock: Clock) -> None:
    asked = Asked(clock, 3.0)
    asked.ask()
    clock.advance(3)
    asked.ask()
    asked.portal.hurry()
    assert asked.recorder.asked_at == [0.0, 3.0]
    clock.advance(3)
    asked.ask()
    assert asked.recorder.asked_at == [0.0, 3.0, 6.0]


def test_whoever_gives_up_resting_leaves_no_timer(clock: Clock) -> None:
    asked = Asked(clock, 3.0)
    asked.ask()
    clock.advance(3)
    resting = asked.ask()
    resting.addErrback(lambda why: why.trap(CancelledError))
    resting.cancel()
    assert clock.getDelayedCalls() == []
    assert asked.recorder.asked_at == [0.0]


def test_another_portal_is_not_asked(clock: Clock) -> None:
    asked = Asked(clock, 0.0)
    asked.installed = "other.bitrix24.by"
    with pytest.raises(AnotherPortal, match=r"begun for shop\.bitrix24\.by, and the application is in other"):
        run(asked.ask())
    assert asked.recorder.asked_at == []
    # Whether there is one at all, the portal says itself.
    asked.installed = None
    asked.ask()
    assert asked.recorder.asked_at == [0.0]


def test_patience_that_is_stopped_waits_for_nothing(clock: Clock) -> None:
    patience = Patience(clock, 1800, rand=lambda: 0.0)
    waiting = Deferred.fromCoroutine(patience.wait(PortalTrouble("away")))
    assert patience.waiting is not None
    assert (patience.waiting.since, patience.waiting.until) == (START, START + 2)
    patience.stop()
    with pytest.raises(CancelledError):
        run(waiting)
    with pytest.raises(CancelledError):
        run(patience.wait(PortalTrouble("away")))
    assert clock.getDelayedCalls() == []

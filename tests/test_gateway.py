"""The daemon's stop: what it waits for, and what it ends first."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from a1gateway.gateway import Gateway
from a1gateway.web.site import CountingSite


class Request:
    """One that is being answered."""

    def __init__(self) -> None:
        self.finished: Deferred[None] = Deferred()

    def notifyFinish(self) -> Deferred[None]:  # noqa: N802
        return self.finished


class Answering(Service):
    """Answers one request until it is stopped."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def stopService(self) -> None:
        super().stopService()
        if not self._request.finished.called:
            self._request.finished.callback(None)


class Closing:
    """A journal that has nothing to close."""

    def close(self) -> Deferred[None]:
        return succeed(None)


@pytest.mark.parametrize(("long", "takes"), [(True, 0.0), (False, 10.0)], ids=["for long", "like any other"])
def test_a_stop_waits_for_no_answer_that_goes_on_for_long(clock: Clock, long: bool, takes: float) -> None:
    request = Request()
    site = CountingSite(Resource(), clock, tells_each=False)
    site.opened(cast(Any, request))
    answering = Answering(request)
    nothing: Any = None
    gateway = Gateway(
        clock,
        store=nothing,
        journal=cast(Any, Closing()),
        spool=nothing,
        tokens=nothing,
        site=site,
        endpoint=nothing,
        loops=[answering],
        long_answers=[answering] if long else [],
        operations={},
        warnings=[],
        ask_within=1.0,
        poll_within=1.0,
    )
    answering.setServiceParent(gateway)
    begun = clock.seconds()
    stopped: list[float] = []
    gateway.stopService().addCallback(lambda _: stopped.append(clock.seconds() - begun))
    while not stopped:
        clock.advance(1.0)
    assert stopped == [takes]

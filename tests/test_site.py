"""The HTTP server: what counts as a crowd."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from a1gateway.web.site import A_CROWD, CountingSite


class Slow(Resource):
    """Answers when it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[IRequest] = []

    def render(self, request: IRequest) -> int:
        self.waiting.append(request)
        return NOT_DONE_YET

    def answer(self) -> None:
        """Answer all that wait."""
        waiting, self.waiting = self.waiting, []
        for request in waiting:
            request.finish()


@pytest.fixture
def ask(clock: Clock) -> tuple[CountingSite, Slow, Callable[[], None]]:
    slow = Slow()
    site = CountingSite(slow, clock)

    def ask() -> None:
        channel = site.buildProtocol(None)
        channel.makeConnection(StringTransport())
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    return site, slow, ask


def test_a_crowd_is_many_that_wait_at_the_same_time(
    ask: tuple[CountingSite, Slow, Callable[[], None]], clock: Clock
) -> None:
    site, slow, come = ask
    for _ in range(5):
        for _ in range(A_CROWD - 1):
            come()
        assert not site.crowded
        slow.answer()
        clock.advance(0.01)
    for _ in range(A_CROWD):
        come()
    assert site.crowded


def test_a_crowd_that_is_answered_all_together_is_one_for_a_moment_more(
    ask: tuple[CountingSite, Slow, Callable[[], None]], clock: Clock
) -> None:
    site, slow, come = ask
    for _ in range(A_CROWD):
        come()
    slow.answer()
    clock.advance(0.2)
    assert site.crowded
    clock.advance(0.1)
    assert not site.crowded

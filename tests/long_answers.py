"""A site whose one page is long, on a real socket, and browsers that take it as they like."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site


class Browser(Protocol):
    """Asks for one file, and reads as it is told."""

    def __init__(self) -> None:
        self.received = b""
        self.gone: Deferred[None] = Deferred()
        self.wants = 0

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.wants and len(self.received) >= self.wants:
            self.pause()

    def pause(self) -> None:
        cast(Any, self.transport).pauseProducing()

    def go_on(self) -> None:
        self.wants = 0
        cast(Any, self.transport).resumeProducing()

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        self.gone.callback(None)

    @property
    def body(self) -> bytes:
        """What came in whole chunks."""
        chunks = []
        at = self.received.index(b"\r\n\r\n") + 4
        while at < len(self.received):
            begin = self.received.index(b"\r\n", at) + 2
            size = int(self.received[at : begin - 2], 16)
            chunks.append(self.received[begin : begin + size])
            at = begin + size + 2
        return b"".join(chunks)

    @property
    def whole(self) -> bool:
        """Whether the answer has its end."""
        return self.received.endswith(b"\r\n0\r\n\r\n")


class Server(ABC):
    """The site."""

    def __init__(self) -> None:
        from twisted.internet import reactor

        self.reactor = cast(Any, reactor)
        self.browsers: list[Browser] = []
        self.failures: list[BaseException | None] = []
        """Why answers could not be given."""
        self._under_way: list[Deferred[None]] = []
        outer = self

        class Root(Resource):
            isLeaf = True

            def render(self, request: Any) -> int:
                closed = request.notifyFinish().addErrback(lambda _: None)
                answered = maybeDeferred(outer.answer, request).addErrback(outer._failed)
                answered.addCallback(lambda _: None if request._disconnected else request.finish())
                outer._under_way += [closed, answered]
                return NOT_DONE_YET

        self._port: Any = self.reactor.listenTCP(0, Site(Root()), interface="127.0.0.1")

    @abstractmethod
    def answer(self, request: Request) -> Deferred[None]:
        """Answer a request, but for its end."""

    async def browser(self, wants: int = 0) -> Browser:
        """One that has asked; it takes so many octets and then no more (0: all)."""
        browser = Browser()
        browser.wants = wants
        self.browsers.append(browser)
        factory = ClientFactory.forProtocol(lambda: browser)
        self.reactor.connectTCP("127.0.0.1", self._port.getHost().port, factory)
        await self.until(lambda: browser.connected)
        return browser

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for something that another process or the kernel brings about."""
        while not true():
            await deferLater(self.reactor, 0.01)

    async def over(self) -> None:
        """Wait for the end of all answers."""
        await DeferredList(self._under_way)

    async def close(self) -> None:
        """Cut the browsers off, and end."""
        for browser in self.browsers:
            if browser.connected:
                cast(Any, browser.transport).abortConnection()
                await browser.gone
        await self.over()
        await self._port.stopListening()

    def _failed(self, failure: Failure) -> None:
        self.failures.append(failure.value)

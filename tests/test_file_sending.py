"""A file as the body of an answer: a real server, a real socket, a browser that takes it as it likes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import pytest_twisted
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import capturedLogs
from twisted.web.http import Request

from a1gateway.web.file_sending import LONGEST_PAUSE, send_file

from .long_answers import Browser, Server

LARGE = 20_000_000


class FileServer(Server):
    """A site whose one page is a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.clock = Clock()
        self.path = path
        self.read = 0
        """Octets, of all files."""
        self.files: list[BinaryIO] = []
        self.broken = False
        """Whether nothing can be read any more."""

    def answer(self, request: Request) -> Deferred[None]:
        file = self.path.open("rb")
        self.files.append(file)
        return Deferred.fromCoroutine(send_file(self.clock, request, file, self.off_thread))

    def off_thread(self, call: Callable[..., Any], /, *arguments: Any) -> Deferred[Any]:
        """As away from the reactor: the result comes later."""

        def answered() -> Any:
            if self.broken and call in [file.read for file in self.files]:
                raise OSError(5, "Input/output error")
            result = call(*arguments)
            self.read += len(result) if isinstance(result, bytes) else 0
            return result

        return deferLater(self.reactor, 0, answered)

    async def stuck(self) -> None:
        """Wait until the browser takes no more."""
        await self.until(lambda: self.clock.getDelayedCalls())

    async def close(self) -> None:
        await super().close()
        assert all(file.closed for file in self.files)
        assert self.clock.getDelayedCalls() == []


@pytest_twisted.async_yield_fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    server = FileServer(tmp_path / "report.csv")
    yield server
    await server.close()


def body(browser: Browser) -> bytes:
    return browser.received.partition(b"\r\n\r\n")[2]


@ensureDeferred
async def test_it_comes_whole_and_says_how_long_it_is(server: FileServer) -> None:
    content = os.urandom(LARGE)
    server.path.write_bytes(content)
    browser = await server.browser()
    await browser.gone
    assert body(browser) == content
    head = browser.received.partition(b"\r\n\r\n")[0]
    assert b"Content-Length: 20000000" in head
    assert b"X-Accel-Buffering: no" in head


@ensureDeferred
async def test_an_empty_one_comes_too(server: FileServer) -> None:
    server.path.touch()
    browser = await server.browser()
    await browser.gone
    assert (body(browser), b"Content-Length: 0" in browser.received) == (b"", True)


@ensureDeferred
async def test_no_more_is_read_than_is_taken(server: FileServer) -> None:
    """What the daemon holds of a file does not grow with the file."""
    content = os.urandom(LARGE)
    server.path.write_bytes(content)
    browser = await server.browser(wants=1)
    await server.stuck()
    read = server.read
    assert read < LARGE
    for _ in range(20):
        await deferLater(server.reactor, 0)
    assert server.read == read
    browser.go_on()
    await browser.gone
    assert body(browser) == content


@ensureDeferred
async def test_whoever_leaves_lets_go_of_the_file(server: FileServer) -> None:
    server.path.write_bytes(bytes(LARGE))
    browser = await server.browser(wants=1)
    await server.stuck()
    cast(Any, browser.transport).abortConnection()
    await server.until(lambda: server.files[0].closed)
    assert server.read < LARGE


@ensureDeferred
async def test_whoever_takes_nothing_for_too_long_is_left(server: FileServer) -> None:
    server.path.write_bytes(bytes(LARGE))
    browser = await server.browser(wants=1)
    await server.stuck()
    server.clock.advance(LONGEST_PAUSE - 1)
    assert not server.files[0].closed
    server.clock.advance(1)
    await server.until(lambda: server.files[0].closed)
    browser.go_on()
    await browser.gone
    assert len(body(browser)) < LARGE


@pytest.mark.parametrize("fault", ["shorter", "broken"])
@ensureDeferred
async def test_a_file_that_cannot_be_read_to_its_end_breaks_off(server: FileServer, fault: str) -> None:
    server.path.write_bytes(bytes(LARGE))
    browser = await server.browser(wants=1)
    await server.stuck()
    if fault == "shorter":
        os.truncate(server.path, 100)
    else:
        server.broken = True
    with capturedLogs() as events:
        browser.go_on()
        await browser.gone
        await server.over()
    assert len(body(browser)) < LARGE
    assert [event["why"] for event in events if "why" in event] == [
        {"shorter": "it has become shorter", "broken": "[Errno 5] Input/output error"}[fault]
    ]


@ensureDeferred
async def test_what_grows_meanwhile_stays_as_long_as_was_promised(server: FileServer) -> None:
    server.path.write_bytes(bytes(LARGE))
    browser = await server.browser(wants=1)
    await server.stuck()
    with server.path.open("ab") as file:
        file.write(b"more")
    browser.go_on()
    await browser.gone
    assert len(body(browser)) == LARGE

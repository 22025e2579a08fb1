"""Exports through the daemon: a real process, a real server, a real journal."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.web.http import Request

from a1gateway.export import exports as exports_module
from a1gateway.export.exports import LONGEST_PAUSE, ExportFailed, Exports, TooManyExports
from a1gateway.export.order import Form
from a1gateway.journal import Journal, Store
from a1gateway.journal.search import Search
from a1gateway.words.catalogue import catalogue

from .conftest import START, arrival, run
from .long_answers import Browser, Server

MANY = 40_000


def fill(store: Store, journal: Journal, count: int = MANY) -> None:
    """Make a journal of so many messages, of one that was accepted."""
    run(journal.accept(arrival("m0", text="Заказ готов, ждём вас до 20:00" * 3)))
    with closing(sqlite3.connect(store.path)) as raw, raw:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(messages)")]
        own = {"id": "n + 1", "message_id": "'m' || n", "custom_id": "'c' || n", "received_at": "received_at + n"}
        values = ", ".join(own.get(name, name) for name in columns)
        raw.execute(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count} - 1)"  # noqa: S608
            f" INSERT INTO messages ({', '.join(columns)}) SELECT {values} FROM messages JOIN numbers WHERE id = 1"
        )


class ExportServer(Server):
    """A site whose one page is an export."""

    def __init__(self, exports: Exports, form: Form = Form.CSV) -> None:
        self._exports = exports
        self._form = form
        super().__init__()

    def answer(self, request: Request) -> Deferred[None]:
        return self._exports.send(request, Search(), self._form, "ru")

    async def close(self) -> None:
        await self._exports.stopService()
        await super().close()


@pytest.fixture
def exports(store: Store) -> Exports:
    from twisted.internet import reactor

    return Exports(cast(Any, reactor), store.path, most=2)


def processes(exports: Exports) -> list[int]:
    return [export.transport.pid for export in exports._running]


async def half_sent(
    store: Store, journal: Journal, exports: Exports, form: Form = Form.CSV
) -> tuple[ExportServer, Browser, int]:
    """A browser that takes no more than the beginning of a large file, with the server and the file's process."""
    fill(store, journal)
    server = ExportServer(exports, form)
    browser = await server.browser(wants=1)
    await server.until(lambda: browser.received)
    (pid,) = processes(exports)
    return server, browser, pid


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@ensureDeferred
async def test_a_file_comes_to_the_browser_whole(store: Store, journal: Journal, exports: Exports) -> None:
    fill(store, journal)
    server = ExportServer(exports)
    browser = await server.browser()
    await browser.gone
    assert browser.whole
    head = browser.received.partition(b"\r\n\r\n")[0]
    assert b"Content-Type: text/csv; charset=utf-8" in head
    assert b'Content-Disposition: attachment; filename="sms-20' in head
    assert b"Cache-Control: no-store" in head
    rows = list(csv.reader(io.StringIO(browser.body.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert [row[12] for row in rows[1:]] == [f"m{number}" for number in range(MANY - 1, -1, -1)]
    assert not server.failures
    assert not exports._running
    await server.close()


@ensureDeferred
async def test_a_browser_that_takes_nothing_stops_the_process(
    store: Store, journal: Journal, exports: Exports
) -> None:
    """What the daemon holds of a file does not grow with the file."""
    fill(store, journal)
    server = ExportServer(exports)
    browser = await server.browser(wants=1)
    await server.until(lambda: exports._running and next(iter(exports._running))._alarm)
    (export,) = exports._running
    # It has written as much as the pipe holds, and sleeps.
    await server.until(lambda: asleep(export.transport.pid))
    passed_on = export._octets
    for _ in range(20):
        await deferLater(server.reactor, 0)
    assert export._octets == passed_on
    assert is_there(export.transport.pid)
    browser.go_on()
    await browser.gone
    assert browser.whole
    assert len(browser.body) > passed_on
    assert browser.body.count(b"\r\n") == MANY + 1
    await server.close()


def asleep(pid: int) -> bool:
    """Whether a process waits: of one that writes a file, for room in its pipe."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@ensureDeferred
async def test_the_process_gives_way_to_everything_else(store: Store, journal: Journal, exports: Exports) -> None:
    server, browser, pid = await half_sent(store, journal, exports)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
    await server.close()


@ensureDeferred
async def test_the_process_of_a_browser_that_has_gone_is_ended(
    store: Store, journal: Journal, exports: Exports
) -> None:
    server, browser, pid = await half_sent(store, journal, exports)
    assert browser.transport is not None
    cast(Any, browser.transport).abortConnection()
    await server.until(lambda: not exports._running)
    assert not is_there(pid)
    assert not server.failures
    await server.close()


@ensureDeferred
async def test_no_more_are_under_way_at_once_than_the_server_bears(
    store: Store, journal: Journal, exports: Exports
) -> None:
    fill(store, journal)
    server = ExportServer(exports)
    browsers = [await server.browser(wants=1) for _ in range(2)]
    await server.until(lambda: all(browser.received for browser in browsers))
    third = await server.browser()
    await third.gone
    (error,) = server.failures
    assert isinstance(error, TooManyExports)
    browsers[0].go_on()
    await browsers[0].gone
    fourth = await server.browser()
    await fourth.gone
    assert fourth.whole
    assert fourth.body.startswith("\ufeff".encode())
    await server.close()


@ensureDeferred
async def test_stopping_ends_what_is_under_way_and_the_browser_hears_that_it_is_not_all(
    store: Store, journal: Journal, exports: Exports
) -> None:
    server, browser, pid = await half_sent(store, journal, exports)
    await exports.stopService()
    assert not is_there(pid)
    browser.go_on()
    await browser.gone
    assert not browser.whole
    assert catalogue("journal", "ru")["export.incomplete"].encode() in browser.received
    with pytest.raises(ExportFailed, match="the gateway is stopping"):
        exports.send(cast(Request, Asked()), Search(), Form.CSV, "ru")
    await server.close()


@ensureDeferred
async def test_a_file_that_breaks_off_is_told_from_a_whole_one(
    store: Store, journal: Journal, exports: Exports
) -> None:
    server, browser, pid = await half_sent(store, journal, exports, Form.XLSX)
    # As a server that has no memory left does.
    os.kill(pid, 9)
    browser.go_on()
    await browser.gone
    assert not browser.whole
    assert not exports._running
    await server.close()


@ensureDeferred
async def test_a_journal_that_cannot_be_read_is_an_error_and_no_empty_file(store: Store, exports: Exports) -> None:
    store.path.unlink()
    server = ExportServer(exports)
    browser = await server.browser()
    await browser.gone
    (error,) = server.failures
    assert isinstance(error, ExportFailed)
    assert "unable to open database file" in str(error)
    assert b"attachment" not in browser.received
    await server.close()


@ensureDeferred
async def test_a_journal_that_is_put_in_the_place_of_another_does_no_harm(
    store: Store, journal: Journal, exports: Exports, tmp_path: Path
) -> None:
    server, browser, _ = await half_sent(store, journal, exports)
    other = Store(f"sqlite:///{tmp_path}/other.sqlite3")
    other.prepare()
    other.close()
    (tmp_path / "other.sqlite3").replace(store.path)
    browser.go_on()
    await browser.gone
    assert browser.whole
    assert browser.body.count(b"\r\n") == MANY + 1
    await server.close()


@ensureDeferred
async def test_a_journal_that_is_locked_for_the_moment_is_waited_for(
    store: Store, journal: Journal, exports: Exports
) -> None:
    fill(store, journal, 100)
    store.disconnect()
    server = ExportServer(exports)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE messages SET word = 'x'")
        browser = await server.browser()
        await server.until(lambda: processes(exports))
        (pid,) = processes(exports)
        await server.until(lambda: store.path.name in opened(pid) and asleep(pid))
        assert not browser.received
    await browser.gone
    assert browser.whole
    assert browser.body.count(b"\r\n") == 101
    await server.close()


def opened(pid: int) -> set[str]:
    """The names of the files that a process has open."""
    names = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            names.add(descriptor.readlink().name)
    return names


# A reactor in memory, for what takes minutes.


class Spawning(Clock):
    """Starts no process, and knows what it was to be."""

    def __init__(self) -> None:
        super().__init__()
        self.process: Any = None
        self.refuses = False

    def spawnProcess(self, protocol: Any, executable: str, arguments: list[str], env: dict[str, str]) -> None:  # noqa: N802
        if self.refuses:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        self.process, self.env = protocol, env
        protocol.transport = Pipes()
        protocol.connectionMade()


class Pipes:
    """A process that somebody else plays."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.calls.append(name)


class Asked:
    """A request, as far as an export knows one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gone: Deferred[None] = Deferred()
        self.channel = self

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: self.calls.append(name)

    def notifyFinish(self) -> Deferred[None]:  # noqa: N802
        return self.gone


def begun() -> tuple[Spawning, Asked, Any]:
    reactor, asked = Spawning(), Asked()
    exports = Exports(cast(Any, reactor), Path("/nowhere/journal.sqlite3"))
    exports.send(cast(Request, asked), Search(since=START), Form.CSV, "ru")
    return reactor, asked, reactor.process


def test_a_browser_that_takes_nothing_for_too_long_loses_its_place() -> None:
    reactor, asked, process = begun()
    process.outReceived(b"x")
    process.pauseProducing()
    reactor.advance(LONGEST_PAUSE - 1)
    process.resumeProducing()
    reactor.advance(LONGEST_PAUSE)
    process.pauseProducing()
    assert "forceAbortClient" not in asked.calls
    reactor.advance(LONGEST_PAUSE)
    assert asked.calls[-1] == "forceAbortClient"
    asked.gone.errback(Failure(ConnectionError()))
    assert process.transport.calls[-2:] == ["signalProcess", "loseConnection"]
    assert not reactor.getDelayedCalls()


def test_the_process_gets_nothing_of_the_daemons_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
    reactor, _, _ = begun()
    assert reactor.env == {"LANG": "C.UTF-8"}


def test_a_process_that_cannot_be_started_takes_no_place() -> None:
    reactor = Spawning()
    reactor.refuses = True
    exports = Exports(cast(Any, reactor), Path("/nowhere/journal.sqlite3"))
    for _ in range(exports_module.MOST_AT_ONCE + 1):
        with pytest.raises(ExportFailed, match="no process can be started"):
            exports.send(cast(Request, Asked()), Search(), Form.CSV, "ru")


def test_a_browser_that_leaves_when_no_process_could_be_started_ends_nothing() -> None:
    reactor, asked = Spawning(), Asked()
    reactor.refuses = True
    exports = Exports(cast(Any, reactor), Path("/nowhere/journal.sqlite3"))
    with pytest.raises(ExportFailed):
        exports.send(cast(Request, asked), Search(), Form.CSV, "ru")
    seen: list[Failure] = []
    asked.gone.addErrback(seen.append)
    asked.gone.errback(Failure(ConnectionError()))
    assert seen == []

"""HTTP: the whole site in memory, with everything behind it but the outside parties."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure

from a1gateway.automation.events import read_event
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.web.site import ByFirstPart, CountingSite

from ..conftest import START, run
from ..pages.world import World
from ..test_front import gateway_on
from ..test_portal import INSTALLATION

HERE = IPv4Address("TCP", "127.0.0.1", 4711)
_HANDLER, _CALLBACK = "/bitrix24/handler/s3cret", "/a1/callback/cb"
ROUTES = {
    "handler": (_HANDLER, {200, 400, 403}),
    "callback": (_CALLBACK, {200, 400}),
    "event": ("/bitrix24/event/s3cret", {200, 400, 403}),
    "robot": ("/bitrix24/robot/s3cret", {200, 400, 403}),
    "install": ("/bitrix24/install", {200, 400, 403, 413}),
    "app": ("/bitrix24/app", {200, 400, 403, 413}),
    "session": ("/bitrix24/session", {200, 400, 403, 413}),
}
"""The routes whose bodies are made up, and what they may answer: those of the README."""
ANYWHERE = {200, 204, 400, 401, 403, 404, 405, 413, 422, 429}
_SECRETS = (
    "s3cret",
    INSTALLATION.access_token,
    INSTALLATION.refresh_token,
    INSTALLATION.application_token,
)
# Each begins with a journal of its own.
_OF_ONE_WORLD = 1000
_LONGEST_ANSWER = 30.0


async def _take_event(name: str, data: Mapping[str, Any]) -> bool:
    return read_event(name, data) is not None


class _Site:
    """A gateway that has been installed, and its site."""

    def __init__(self, folder: Path, empty: Path) -> None:
        folder.mkdir()
        self.clock = Clock()
        self.clock.advance(START)
        self.file = folder / "journal.sqlite3"
        shutil.copyfile(empty, self.file)
        self.store = Store(f"sqlite:///{self.file}")
        self.store.prepare()
        self.journal = Journal(InlineLane(self.store))
        self.world = World(self.clock, self.journal, self.store, folder)
        self.gateway = gateway_on(self.clock, self.journal, folder, _take_event)
        run(self.gateway.tokens.adopt(INSTALLATION))
        pages = dict.fromkeys((b"app", b"session", b"pages", b"static"), self.world.front.resource())
        self.gateway.root.putChild(b"bitrix24", ByFirstPart(self.gateway.front.resource(), pages))
        self.site = CountingSite(self.gateway.root, self.clock)

    def answer(self, request: bytes) -> bytes:
        """All that comes back for what is sent over one connection."""
        transport = StringTransport(peerAddress=HERE)
        channel = self.site.buildProtocol(HERE)
        assert channel is not None
        channel.makeConnection(transport)
        channel.dataReceived(request)
        waited = 0.0
        while self.site._open and waited < _LONGEST_ANSWER:
            self.clock.pump([0.5, 0.0, 0.0])
            waited += 0.5
        assert not self.site._open, "there is no answer"
        channel.connectionLost(Failure(ConnectionDone()))
        self.clock.pump([0.0] * 4)
        assert len(self.site.unanswered) == 0
        self.gateway.http.asked.clear()
        self.world.http.asked.clear()
        answered: bytes = transport.value()
        return answered

    def close(self) -> None:
        """The journal is as whole as before."""
        self.gateway.registration.stopService()
        self.clock.pump([0.0] * 4)
        self.store.close()
        assert self._is_whole(), "the journal is damaged"

    def _is_whole(self) -> bool:
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as journal:
            found: list[tuple[str]] = journal.execute("PRAGMA integrity_check").fetchall()
        return found == [("ok",)]


class HttpTarget:
    """Sends what it is given, and looks at the answer, the log and the journal."""

    def __init__(self, folder: Path, route: str | None = None) -> None:
        """`route`: its bodies are made up; None: everything is, from the first octet on."""
        self._folder = folder
        self._route = route
        self._empty = folder / "empty.sqlite3"
        store = Store(f"sqlite:///{self._empty}")
        store.prepare()
        store.close()
        self._count = 0
        self._site = self._new()

    def __call__(self, data: bytes) -> None:
        """Raises `AssertionError` for what must never be."""
        if self._count and self._count % _OF_ONE_WORLD == 0:
            self._site.close()
            self._site = self._new()
        self._count += 1
        request = data if self._route is None else _request(ROUTES[self._route][0], data)
        with capturedLogs() as events:
            answer = self._site.answer(request)
        said = [formatEvent(event) for event in events]
        loud = [each for event, each in zip(events, said, strict=True) if event["log_level"] >= LogLevel.error]
        assert loud == [], loud
        for secret in _SECRETS:
            if secret.encode() not in data:
                assert secret.encode() not in answer, "the answer has a secret in it"
            assert not any(secret in each for each in said), "the log has a secret in it"
        self._judge(answer)

    def close(self) -> None:
        """The last look at the journal."""
        self._site.close()

    def _new(self) -> _Site:
        return _Site(self._folder / f"world-{self._count}", self._empty)

    def _judge(self, answer: bytes) -> None:
        if self._route is None:
            # Several requests may have come, or none.
            for line in answer.split(b"\r\n"):
                if line.startswith(b"HTTP/1.1 ") and line[9:12].isdigit():
                    assert int(line[9:12]) in ANYWHERE | {100}, line
            return
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert status in ROUTES[self._route][1], status
        if b"application/json" not in head:
            return
        content = json.loads(body)
        if status != 200:
            assert content.keys() == {"error", "error_description"}
        if self._route == "handler" and status == 200:
            assert content["status"] in ("queued", "rejected")
            assert run(self._site.journal.message(content["message_id"])) is not None, "it is nowhere"


def _request(path: str, data: bytes) -> bytes:
    """The first line of the data is the media type, the others are the body."""
    kind, _, body = data.partition(b"\n")
    kind = kind.translate(None, b"\r\n\0")
    head = f"POST {path} HTTP/1.1\r\nHost: sms.example.by\r\nContent-Length: {len(body)}\r\n".encode()
    return head + b"Content-Type: " + kind + b"\r\n\r\n" + body

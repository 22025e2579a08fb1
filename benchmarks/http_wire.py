"""HTTP/1.1 with as little work as possible: what the counterparts answer by, and what the generator calls with.

Connections are kept, and whatever is answered to a method that may have a body has one, if an empty one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

Respond = Callable[[str, bytes], tuple[int, bytes]]
"""Takes the target, with its query, and the body; gives the status and an answer in JSON."""
Done = Callable[[int, bytes], None]
"""Takes the status and the body; the status is 0 when the connection was lost before the answer."""

_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_CHUNKED = b"\r\ntransfer-encoding: chunked"


def request(method: str, target: str, host: str, body: bytes = b"", content_type: str = "") -> bytes:
    """A whole request."""
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Bitrix24 Webhook Engine\r\nAccept: */*\r\n"
    if method == "POST":
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def form(method: str, target: str, host: str, body: bytes) -> bytes:
    """A request with a form."""
    return request(method, target, host, body, "application/x-www-form-urlencoded")


def _take_body(head: bytes, unread: bytes, begin: int) -> tuple[bytes, int] | None:
    """The body that begins there, and where it ends; None when it has not come in whole."""
    head = head.lower()
    at = head.find(_LENGTH)
    if at >= 0:
        at += len(_LENGTH)
        eol = head.find(b"\r\n", at)
        end = begin + int(head[at:] if eol < 0 else head[at:eol])
        return None if len(unread) < end else (unread[begin:end], end)
    if _CHUNKED not in head:
        return b"", begin
    body = b""
    while (eol := unread.find(b"\r\n", begin)) >= 0:
        size = int(unread[begin:eol], 16)
        begin = eol + 2 + size + 2
        if len(unread) < begin:
            break
        if not size:
            return body, begin
        body += unread[eol + 2 : begin - 2]
    return None


class _Messages(asyncio.Protocol):
    """Cuts what comes in into heads and bodies."""

    def __init__(self) -> None:
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """The connection."""
        assert self._transport is not None
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(_END)) >= 0:
            head = self._unread[:end]
            taken = _take_body(head, self._unread, end + len(_END))
            if taken is None:
                return
            body, whole = taken
            self._unread = self._unread[whole:]
            self.received(head, body)

    def received(self, head: bytes, body: bytes) -> None:
        """One message has come in whole."""
        raise NotImplementedError


class Served(_Messages):
    """A connection that is answered, and is in `living` as long as it lasts."""

    def __init__(self, respond: Respond, living: set[Served]) -> None:
        super().__init__()
        self._respond = respond
        self._living = living

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._living.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._living.discard(self)

    def received(self, head: bytes, body: bytes) -> None:
        status, content = self._respond(head.split(b" ", 2)[1].decode("ascii"), body)
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b"
            % (status, HTTPStatus(status).phrase.encode(), len(content), content)
        )


class _Calling(_Messages):
    """A connection of a pool."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool
        self._done: Done | None = None

    def call(self, request: bytes, done: Done) -> None:
        """Send a request; there is none under way."""
        self._done = done
        self.transport.write(request)

    def received(self, head: bytes, body: bytes) -> None:
        done, self._done = self._done, None
        assert done is not None, "an answer that nobody has asked for"
        # Free before `done`, which may have the next request.
        self._pool.freed(self)
        done(int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        done, self._done = self._done, None
        self._pool.lost(self)
        if done is not None:
            done(0, b"")


class Pool:
    """Kept connections to one server; requests that find none free wait in their order."""

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._size = size
        self._free: list[_Calling] = []
        self._living: set[_Calling] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._closed = False

    async def open(self) -> None:
        """Open all connections that are not."""
        for _ in range(self._size - len(self._living) - len(self._opening)):
            await self._open_one()

    def call(self, request: bytes, done: Done) -> None:
        """Send a request as soon as a connection is free."""
        if self._free:
            self._free.pop().call(request, done)
            return
        self._waiting.append((request, done))
        if len(self._living) + len(self._opening) < self._size and not self._closed:
            opening = asyncio.get_running_loop().create_task(self._open_one())
            self._opening.add(opening)
            opening.add_done_callback(self._opened)

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._waiting.clear()
        for each in self._living:
            each.transport.abort()

    def freed(self, connection: _Calling) -> None:
        """For the connections."""
        if self._waiting:
            connection.call(*self._waiting.popleft())
        else:
            self._free.append(connection)

    def lost(self, connection: _Calling) -> None:
        """For the connections."""
        self._living.discard(connection)
        if connection in self._free:
            self._free.remove(connection)

    async def _open_one(self) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Calling(self), "127.0.0.1", self._port)
        self._living.add(connection)
        self.freed(connection)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if opening.exception() is not None:
            waiting, self._waiting = self._waiting, deque()
            for _, done in waiting:
                done(0, b"")


class Server:
    """Answers on a port of the loopback interface, which stays its own while it is away."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._listening: asyncio.Server | None = None
        self._living: set[Served] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: Served(self._respond, self._living), "127.0.0.1", self.port, backlog=256
        )
        self.port = self._listening.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more and end all connections."""
        if self._listening is not None:
            self._listening.close()
        for each in list(self._living):
            each.transport.abort()

"""An SMSC that takes everything: identifiers in hexadecimal digits, and in decimal ones in the receipts."""

from __future__ import annotations

import asyncio
import struct
from collections import deque

from .books import Books

SYSTEM_ID = "benchmark"
PASSWORD = "benchpw1"

_HEAD = struct.Struct(">IIII")
_RESPONSE = 0x80000000
_GENERIC_NACK = 0x80000000
_SUBMIT, _DELIVER, _UNBIND, _ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x15
_BINDS = (0x01, 0x02, 0x09)
_RECEIVES = (0x01, 0x09)
_UCS2 = 8
_RINVCMDID, _RINVPASWD = 0x03, 0x0E
# So that no identifier is short, and most have letters.
_FIRST_ID = 0x4F000000
# How often receipts that are due are looked at, in seconds.
_TICK = 0.005


def _pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return _HEAD.pack(_HEAD.size + len(body), command, status, sequence) + body


def _tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


class Smsc:
    """Listens, keeps the books, and sends a receipt for everything it took."""

    def __init__(self, books: Books, *, receipt_after: float, window: int) -> None:
        """`receipt_after` is in seconds; `window` is how many receipts may be without their answer."""
        self.books = books
        self.receipt_after = receipt_after
        self.window = window
        self.submits = 0
        self._identifiers = _FIRST_ID
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()
        self.port = 0

    @property
    def bound(self) -> bool:
        """Whether somebody receives."""
        return any(each.receives for each in self._sessions)

    async def open(self) -> None:
        """Listen, again on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more and end all sessions."""
        if self._server is not None:
            self._server.close()
        for each in list(self._sessions):
            each.end()

    def next_identifier(self) -> int:
        """An identifier for what is accepted now."""
        self.submits += 1
        self._identifiers += 1
        return self._identifiers

    def begun(self, session: _Session) -> None:
        """For the sessions."""
        self._sessions.add(session)

    def ended(self, session: _Session) -> None:
        """For the sessions."""
        self._sessions.discard(session)


class _Session(asyncio.Protocol):
    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._unread = b""
        self._out: list[bytes] = []
        self._due: deque[tuple[float, int, bytes, bytes]] = deque()
        self._unanswered = 0
        self._sequence = 0
        self.receives = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._smsc.begun(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._smsc.ended(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def end(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        unread = self._unread + data
        at = 0
        while len(unread) - at >= _HEAD.size:
            length, command, status, sequence = _HEAD.unpack_from(unread, at)
            if len(unread) - at < length:
                break
            self._take(command, status, sequence, unread[at + _HEAD.size : at + length])
            at += length
        self._unread = unread[at:]
        self._flush()

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _take(self, command: int, status: int, sequence: int, body: bytes) -> None:
        if command == _SUBMIT:
            self._accept(sequence, body)
        elif command == _DELIVER | _RESPONSE:
            assert status == 0, f"a receipt was answered with {status:#x}"
            self._unanswered -= 1
        elif command == _ENQUIRE_LINK:
            self._out.append(_pdu(command | _RESPONSE, 0, sequence))
        elif command in _BINDS:
            system_id, password, _ = body.split(b"\0", 2)
            known = (system_id.decode(), password.decode()) == (SYSTEM_ID, PASSWORD)
            self.receives = known and command in _RECEIVES
            status = 0 if known else _RINVPASWD
            self._out.append(_pdu(command | _RESPONSE, status, sequence, b"benchmark\0" if known else b""))
        elif command == _UNBIND:
            self._out.append(_pdu(command | _RESPONSE, 0, sequence))
        elif not command & _RESPONSE:
            self._out.append(_pdu(_GENERIC_NACK, _RINVCMDID, sequence))

    def _accept(self, sequence: int, body: bytes) -> None:
        # service_type, source and destination with their TON and NPI, then esm_class and the rest.
        at = body.index(0) + 3
        end = body.index(0, at)
        source = body[at:end]
        at = end + 3
        end = body.index(0, at)
        destination = body[at:end]
        # esm_class, protocol_id, priority_flag; schedule_delivery_time, validity_period; four octets and sm_length.
        at = body.index(0, end + 4) + 1
        at = body.index(0, at) + 1
        coding, length = body[at + 2], body[at + 4]
        octets = body[at + 5 : at + 5 + length]
        text = octets.decode("utf-16-be" if coding == _UCS2 else "ascii", "replace")
        number = destination.decode("ascii")
        identifier = self._smsc.next_identifier()
        self._smsc.books.taken(number, text)
        self._out.append(_pdu(_SUBMIT | _RESPONSE, 0, sequence, b"%X\0" % identifier))
        self._due.append((self._loop.time() + self._smsc.receipt_after, identifier, destination, source))
        if self._timer is None:
            self._timer = self._loop.call_later(_TICK, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        while self._due and self._due[0][0] <= now and self._unanswered < self._smsc.window and self.receives:
            _, identifier, destination, source = self._due.popleft()
            self._sequence += 1
            self._unanswered += 1
            self._out.append(_pdu(_DELIVER, 0, self._sequence, _receipt(identifier, destination, source)))
        self._flush()
        self._timer = self._loop.call_later(_TICK, self._tick) if self._due else None


def _receipt(identifier: int, subscriber: bytes, sender: bytes) -> bytes:
    text = (
        b"id:%d sub:001 dlvrd:001 submit date:2611230259 done date:2611230300 stat:DELIVRD err:000 text:" % identifier
    )
    return (
        b"\0\x01\x01%b\0\x05\0%b\0\x04\0\0\0\0\0\0\0\0%c%b" % (subscriber, sender, len(text), text)
        + _tlv(0x001E, b"%d\0" % identifier)
        + _tlv(0x0427, b"\x02")
    )

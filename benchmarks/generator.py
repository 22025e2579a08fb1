"""Hands messages over as Bitrix24's queue servers do, as fast as they are answered or at a set rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .books import Books, Message
from .http_wire import Done, Pool, form, request

Written = Callable[[Message], bytes]
"""The request that hands a message over."""


@dataclass(frozen=True, slots=True)
class Load:
    """How handing over went; times by the monotonic clock, in seconds."""

    begun: float
    ended: float
    waits: list[float]
    """From when each request was due until its answer, shortest first."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.waits) / (self.ended - self.begun)


def handler_call(host: str, secret: str, sender_code: str, auth: Mapping[str, str]) -> Written:
    """Bitrix24's call for a message that an employee sends from a deal's card."""
    target = f"/bitrix24/handler/{secret}"
    proof = urlencode({f"auth[{name}]": value for name, value in auth.items()})

    def written(message: Message) -> bytes:
        fields = {
            "module_id": "crm",
            "bindings[0][OWNER_TYPE_ID]": "2",
            "bindings[0][OWNER_ID]": message.number[-6:],
            "type": "SMS",
            "code": sender_code,
            "message_id": message.message_id,
            "message_to": f"+{message.number}",
            "message_body": message.text,
            "properties[phone_number]": f"+{message.number}",
            "properties[message_text]": message.text,
            "ts": str(int(time.time())),
        }
        return form("POST", target, host, f"{urlencode(fields)}&{proof}".encode())

    return written


def sendsms_call(host: str, user: str, password: str, sender: str, sink: str) -> Written:
    """The call of Kannel's smsbox; `sink` is where it reports to."""

    def written(message: Message) -> bytes:
        fields = {
            "username": user,
            "password": password,
            "from": sender,
            "to": f"+{message.number}",
            "text": message.text,
            "charset": "UTF-8",
            "coding": "2",
            # Delivered or not: no intermediate states.
            "dlr-mask": "3",
            "dlr-url": f"{sink}?id={message.message_id}&status=%d",
        }
        return request("GET", f"/cgi-bin/sendsms?{urlencode(fields, quote_via=quote)}", host)

    return written


async def full_speed(pool: Pool, books: Books, requests: Sequence[tuple[Message, bytes]], at_once: int) -> Load:
    """Hand over what is written, `at_once` at a time, the next as soon as one is answered."""
    return await _Handing(pool, books, requests).full_speed(at_once)


async def at_rate(pool: Pool, books: Books, requests: Sequence[tuple[Message, bytes]], rate: float) -> Load:
    """Hand over `rate` messages a second, whether the ones before are answered or not."""
    return await _Handing(pool, books, requests).at_rate(rate)


class _Handing:
    def __init__(self, pool: Pool, books: Books, requests: Sequence[tuple[Message, bytes]]) -> None:
        self._pool = pool
        self._books = books
        self._requests = requests
        self._next = 0
        self._waits: list[float] = []
        self._ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def full_speed(self, at_once: int) -> Load:
        begun = time.monotonic()
        for _ in range(min(at_once, len(self._requests))):
            self._one(time.monotonic(), again=True)
        return Load(begun, await self._ended, sorted(self._waits))

    async def at_rate(self, rate: float) -> Load:
        begun = time.monotonic()
        loop = asyncio.get_running_loop()
        while self._next < len(self._requests):
            due = begun + self._next / rate
            now = time.monotonic()
            if due > now:
                await asyncio.sleep(due - now)
            else:
                self._one(due, again=False)
                if self._next % 50 == 0:
                    # Answers are read though the generator be late.
                    await asyncio.sleep(0)
        assert loop is self._ended.get_loop()
        return Load(begun, await self._ended, sorted(self._waits))

    def _one(self, due: float, *, again: bool) -> None:
        message, written = self._requests[self._next]
        self._next += 1
        self._pool.call(written, self._answer(message, due, again=again))

    def _answer(self, message: Message, due: float, *, again: bool) -> Done:
        def done(status: int, body: bytes) -> None:
            now = time.monotonic()
            self._waits.append(now - due)
            self._books.answered(message, status, body)
            if again and self._next < len(self._requests):
                self._one(now, again=True)
            if len(self._waits) == len(self._requests):
                self._ended.set_result(now)

        return done

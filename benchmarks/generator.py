"""Hands messages over as Bitrix24's queue servers do, as fast as they are answered or at a set rate."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .books import Message
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


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing messages over."""

    load: Load
    answers: list[tuple[int, bytes]]
    """Status and body of each, in the order of the requests; the status is 0 where the connection was lost."""


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


def ready() -> None:
    """Nothing: the process is there, with its imports."""


def hand_over(port: int, requests: Sequence[bytes], connections: int, rate: float | None) -> Handed:
    """Make the calls, each connection its next as soon as one is answered, or `rate` a second, answered or not.

    To be run in a process of its own: the counterparts are busy now and then, and that is not the gateway's time.
    """
    gc.disable()
    return asyncio.run(_Handing(port, requests, connections).run(rate))


class _Handing:
    def __init__(self, port: int, requests: Sequence[bytes], connections: int) -> None:
        self._pool = Pool(port, connections)
        self._requests = requests
        self._connections = connections
        self._next = 0
        self._waits: list[float] = []
        self._answers: list[tuple[int, bytes]] = [(0, b"")] * len(requests)

    async def run(self, rate: float | None) -> Handed:
        self._ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        await self._pool.open()
        begun = time.monotonic()
        if rate is None:
            for _ in range(min(self._connections, len(self._requests))):
                self._one(time.monotonic(), again=True)
        else:
            await self._at_rate(begun, rate)
        ended = await self._ended
        self._pool.close()
        return Handed(Load(begun, ended, sorted(self._waits)), self._answers)

    async def _at_rate(self, begun: float, rate: float) -> None:
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

    def _one(self, due: float, *, again: bool) -> None:
        number = self._next
        self._next += 1
        self._pool.call(self._requests[number], self._answer(number, due, again=again))

    def _answer(self, number: int, due: float, *, again: bool) -> Done:
        def done(status: int, body: bytes) -> None:
            now = time.monotonic()
            self._waits.append(now - due)
            self._answers[number] = (status, body)
            if again and self._next < len(self._requests):
                self._one(now, again=True)
            if len(self._waits) == len(self._requests):
                self._ended.set_result(now)

        return done

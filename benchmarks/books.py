"""What was handed over, what A1 took and what the portal was told, and whether the three agree."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice

_CODES = ("29", "33", "44", "25")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is handed over; each goes to a number of its own, by which A1 knows it."""

    message_id: str
    number: str
    """Digits alone."""
    text: str


def messages() -> Iterator[Message]:
    """Messages of one part in Cyrillic, no two alike, to numbers that no other has."""
    for number in count(1):
        code, subscriber = _CODES[number % len(_CODES)], 1_000_000 + number * 7919 % 8_999_993
        yield Message(
            f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}",
            f"375{code}{subscriber:07d}",
            f"Заказ {number} готов, ждём вас до 20:00",
        )


class Disagreement(Exception):
    """A run in which something was lost, sent twice or told twice: no result."""


class Books:
    """Kept as long as one gateway is measured, so that what comes late or twice is seen in a later run."""

    def __init__(self) -> None:
        self._source = messages()
        self._by_id: dict[str, Message] = {}
        self._by_number: dict[str, Message] = {}
        self._answered: set[str] = set()
        self._taken: set[str] = set()
        self._told: set[str] = set()
        self._faults: list[str] = []
        self._open = 0
        self._complete = asyncio.Event()
        self.last_told_at = 0.0
        """When the latest final status came, by the monotonic clock."""

    def draw(self, count: int) -> list[Message]:
        """The next messages, which are expected from now on."""
        drawn = list(islice(self._source, count))
        for each in drawn:
            self._by_id[each.message_id] = each
            self._by_number[each.number] = each
        self._open += count
        self._complete.clear()
        return drawn

    def answered(self, message: Message, status: int, body: bytes) -> None:
        """The gateway has answered the call that handed it over."""
        if status not in (200, 202):
            self._fault(f"{message.message_id}: handed over, answered {status} {body[:100]!r}")
        self._answered.add(message.message_id)

    def taken(self, number: str, text: str) -> None:
        """A1 or the SMSC has accepted it."""
        message = self._by_number.get(number)
        if message is None:
            self._fault(f"{number}: nobody handed over a message to it")
        elif number in self._taken:
            self._fault(f"{message.message_id}: sent twice")
        elif message.text != text:
            self._fault(f"{message.message_id}: sent as {text!r}")
        self._taken.add(number)

    def told(self, message_id: str, status: str, wanted: str = "delivered") -> None:
        """The portal, or the sink in its place, has been told a final status."""
        message = self._by_id.get(message_id)
        if message is None:
            self._fault(f"{message_id}: told, and nobody handed it over")
            return
        if status != wanted:
            self._fault(f"{message_id}: told {status}")
        if message.number not in self._taken:
            self._fault(f"{message_id}: told {status} before A1 had it")
        if message_id in self._told:
            self._fault(f"{message_id}: told twice")
            return
        self._told.add(message_id)
        self.last_told_at = time.monotonic()
        self._open -= 1
        if not self._open:
            self._complete.set()

    async def all_told(self, standstill: float) -> None:
        """Wait for the last status; raises `Disagreement` when for `standstill` seconds none comes."""
        while self._open:
            open_before = self._open
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), standstill)
            if self._open == open_before:
                raise Disagreement(
                    "\n".join([f"for {standstill:g} s none of {self._open} final statuses has come", *self._faults])
                )

    def balance(self) -> None:
        """Raises `Disagreement` unless every message was answered, taken and told, each once."""
        for what, known in (("answered", self._answered), ("told", self._told)):
            self._faults += _missing(what, self._by_id.keys() - known)
        self._faults += _missing("taken by A1", self._by_number.keys() - self._taken)
        if self._faults:
            raise Disagreement("\n".join(self._faults[:_SHOWN]))

    def _fault(self, fault: str) -> None:
        if len(self._faults) < _SHOWN:
            self._faults.append(fault)


def _missing(what: str, names: Iterable[str]) -> list[str]:
    return [f"{name}: not {what}" for name in sorted(names)[:_SHOWN]]

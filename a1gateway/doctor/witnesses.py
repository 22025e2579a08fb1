"""The server's clock against those of the outside parties, by the header `Date` of what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..checklist.findings import Check, Finding
from ..http_client import Answer, IHttpClient

TOLERANCE = 30.0
"""Seconds. `Date` has whole ones, and a proxy's answer may be some seconds old; who synchronises is within one."""


@dataclass(frozen=True, slots=True)
class Witness:
    """An answer, and how far the clock of who made it is from ours."""

    host: str
    ahead: float
    """Seconds by which ours is ahead of it at least; below 0 when it is behind."""


class WitnessedClient:
    """A client that notes the clocks of whoever answers. See `IHttpClient`."""

    def __init__(self, client: IHttpClient, seconds: Callable[[], float]) -> None:
        """`seconds` is the server's own clock, since the epoch."""
        self._client = client
        self._seconds = seconds
        self.witnesses: list[Witness] = []

    async def post_form(self, url: str, form: Mapping[str, str], *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        return await self._noted(url, lambda: self._client.post_form(url, form, timeout=timeout))

    async def post_json(self, url: str, content: Any, *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        return await self._noted(url, lambda: self._client.post_json(url, content, timeout=timeout))

    async def get(self, url: str, query: Mapping[str, str], *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        return await self._noted(url, lambda: self._client.get(url, query, timeout=timeout))

    async def _noted(self, url: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        asked_at = self._seconds()
        answer = await ask()
        if answer.date is not None:
            ahead = _outside(answer.date, asked_at, self._seconds())
            self.witnesses.append(Witness(urlsplit(url).hostname or "", ahead))
        return answer


def _outside(date: float, earliest: float, latest: float) -> float:
    """How far the moment of an answer is from the time in which it was made; 0 when it is within."""
    # What is written is cut to the second.
    return max(0.0, earliest - (date + 1)) or min(0.0, latest - date)


def clock_check(witnesses: list[Witness]) -> Check:
    """What they say of our clock. One that agrees is enough: an on-premise portal may be the one that is wrong."""
    if not witnesses:
        return Check(Finding.CLOCK_UNKNOWN)
    nearest = min(witnesses, key=lambda witness: abs(witness.ahead))
    facts = {"seconds": abs(nearest.ahead), "by": nearest.host}
    return Check(Finding.CLOCK_RIGHT if abs(nearest.ahead) <= TOLERANCE else Finding.CLOCK_WRONG, facts)

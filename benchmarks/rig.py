"""A gateway with all its counterparts, and one measured run through them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Self

from .a1 import A1
from .books import Books
from .cores import Cores
from .daemon import (
    APIKEY,
    CALLBACK_SECRET,
    HANDLER_SECRET,
    LOGIN,
    SENDER_CODE,
    Daemon,
    Profile,
    Sections,
    settings,
)
from .generator import Load, Written, hand_over, handler_call, ready
from .http_wire import Server
from .portal import Portal
from .process import Cpu, Process
from .smsc import Smsc

_READY_WITHIN = 120.0
# After the last status: what is written down then belongs to the run.
_AFTERGLOW = 0.5
# An A1 that was away is tried again once a minute: what has stood still for longer moves no more.
_STANDSTILL = 120.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all runs have in common."""

    connections: int
    """Kept by the generator."""
    receipt_after: float
    """Seconds from the acceptance at A1 to the delivery."""
    window: int
    """Requests in flight between the gateway and the SMSC, in either direction."""
    cores: Cores


@dataclass(frozen=True, slots=True)
class Passage:
    """Messages on their way from the handler to the final status."""

    count: int
    load: Load
    seconds: float
    """From the first call to the last status in the portal."""
    cpu: Cpu
    others: float
    """The share of the time in which other processes had the measured core."""
    a1_requests: int
    portal_requests: int

    @property
    def rate(self) -> float:
        """Messages a second, all the way."""
        return self.count / self.seconds


async def passage(
    count: int,
    *,
    books: Books,
    port: int,
    written: Written,
    conditions: Conditions,
    rate: float | None,
    processes: Sequence[Process],
    requests: Callable[[], tuple[int, int]],
    in_between: Callable[[], object] = lambda: None,
) -> Passage:
    """Hand over `count` messages, at full speed or `rate` a second, and follow them to the last status.

    `in_between` is called when all are handed over.
    """
    drawn = books.draw(count)
    calls = [written(message) for message in drawn]
    loop = asyncio.get_running_loop()
    generator = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    await loop.run_in_executor(generator, ready)
    gc.collect()
    gc.disable()
    try:
        before, cpu, busy = requests(), _used(processes), conditions.cores.busy()
        handed = await loop.run_in_executor(generator, hand_over, port, calls, conditions.connections, rate)
        for message, (status, body) in zip(drawn, handed.answers, strict=True):
            books.answered(message, status, body)
        in_between()
        await books.all_told(_STANDSTILL)
        await asyncio.sleep(_AFTERGLOW)
        after, used = requests(), _used(processes) - cpu
        others = conditions.cores.others(busy, used)
    finally:
        gc.enable()
        generator.shutdown()
    books.balance()
    return Passage(
        count,
        handed.load,
        books.last_told_at - handed.load.begun,
        used,
        others,
        after[0] - before[0],
        after[1] - before[1],
    )


def _used(processes: Sequence[Process]) -> Cpu:
    return sum((each.cpu() for each in processes), Cpu())


class Rig:
    """The daemon, installed and ready, between a generator and counterparts that keep the books."""

    def __init__(
        self,
        directory: Path,
        transport: str,
        changes: Sections,
        conditions: Conditions,
        *,
        profile: Profile | None = None,
    ) -> None:
        """`changes` are settings of the daemon by section."""
        self.transport = transport
        self.books = Books()
        self.smsc = Smsc(self.books, receipt_after=conditions.receipt_after, window=conditions.window)
        self.a1 = A1(self.books, login=LOGIN, apikey=APIKEY, receipt_after=conditions.receipt_after)
        self.portal = Portal(self.books)
        self.daemon = Daemon(directory, conditions.cores.measured, profile=profile)
        self._changes = changes
        self._conditions = conditions
        self._a1_server = Server(self.a1.respond)
        self._portal_server = Server(self.portal.respond)

    async def __aenter__(self) -> Self:
        await self.a1_is_back()
        await self._portal_server.open()
        self.portal.port = self._portal_server.port
        sections = settings(
            self.transport, smsc_port=self.smsc.port, a1_port=self._a1_server.port, portal=self.portal
        )
        for name, values in self._changes.items():
            sections.setdefault(name, {}).update(values)
        self.daemon.configure(sections)
        self.a1.call_back(self.daemon.port, CALLBACK_SECRET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.daemon.kill()
        self.a1.close()
        self.a1_is_away()
        self._portal_server.close()

    async def a1_is_back(self) -> None:
        """A1 and its SMSC listen."""
        await self.smsc.open()
        await self._a1_server.open()

    def a1_is_away(self) -> None:
        """A1 and its SMSC are gone, with all connections."""
        self.smsc.close()
        self._a1_server.close()

    async def start(self) -> float:
        """Start the daemon, which was installed before; how long until it was ready, in seconds."""
        self.daemon.launch()
        return await self.daemon.until("/readyz", _READY_WITHIN)

    async def install(self) -> None:
        """Start the daemon for the first time and install it in the portal."""
        self.daemon.launch()
        await self.daemon.until("/healthz", _READY_WITHIN)
        await self.daemon.install(self.portal)
        await self.daemon.until("/readyz", _READY_WITHIN)

    async def pass_through(
        self, count: int, *, rate: float | None = None, in_between: Callable[[], object] = lambda: None
    ) -> Passage:
        """A run; see `passage`."""
        written = handler_call(self.daemon.host, HANDLER_SECRET, SENDER_CODE, self.portal.auth())
        return await passage(
            count,
            books=self.books,
            port=self.daemon.port,
            written=written,
            conditions=self._conditions,
            rate=rate,
            processes=[self.daemon.process],
            requests=self.requests,
            in_between=in_between,
        )

    def requests(self) -> tuple[int, int]:
        """How many A1 and the portal have had so far."""
        return self.smsc.submits + self.a1.requests.total(), self.portal.requests.total()

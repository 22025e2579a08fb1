"""A gateway with all its counterparts, and one measured run through them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .a1 import A1
from .books import Books
from .daemon import (
    APIKEY,
    CALLBACK_SECRET,
    HANDLER_SECRET,
    LOGIN,
    SENDER_CODE,
    Daemon,
    Sections,
    settings,
)
from .generator import Load, Written, at_rate, full_speed, handler_call
from .http_wire import Pool, port_of, serve
from .portal import Portal
from .process import Cpu, Process
from .smsc import Smsc

_READY_WITHIN = 120.0
# After the last status: what the daemon writes down then belongs to the run.
_AFTERGLOW = 0.5
# Of the slowest thing that this measures; whatever takes longer is lost.
_LONGEST_WAIT = 900.0
# What stands still for so long, with statuses missing, moves no more.
_STANDSTILL = 90.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Messages on their way from the handler to the final status."""

    count: int
    load: Load
    seconds: float
    """From the first call to the last status in the portal."""
    cpu: Cpu
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
    connections: int,
    rate: float | None,
    processes: Callable[[], list[Process]],
    requests: Callable[[], tuple[int, int]],
) -> Passage:
    """Hand over `count` messages, at full speed or `rate` a second, and follow them to the last status."""
    drawn = [(message, written(message)) for message in books.draw(count)]
    pool = Pool(port, connections)
    await pool.open()
    gc.collect()
    gc.disable()
    try:
        before, cpu = requests(), _used(processes())
        if rate is None:
            load = await full_speed(pool, books, drawn, connections)
        else:
            load = await at_rate(pool, books, drawn, rate)
        await books.all_told(_LONGEST_WAIT)
        await asyncio.sleep(_AFTERGLOW)
        after, used = requests(), _used(processes())
    finally:
        gc.enable()
        pool.close()
    books.balance()
    return Passage(
        count, load, books.last_told_at - load.begun, used - cpu, after[0] - before[0], after[1] - before[1]
    )


def _used(processes: list[Process]) -> Cpu:
    return sum((each.cpu() for each in processes), Cpu())


class Rig:
    """The daemon, installed and ready, between a generator and counterparts that keep the books."""

    def __init__(
        self,
        directory: Path,
        transport: str,
        changes: Sections,
        *,
        connections: int,
        receipt_after: float,
        window: int,
        cores: set[int] | None,
        profile: tuple[Path, str] | None = None,
    ) -> None:
        """`changes` are settings of the daemon by section."""
        self.transport = transport
        self.books = Books()
        self.smsc = Smsc(self.books, receipt_after=receipt_after, window=window)
        self.a1 = A1(self.books, login=LOGIN, apikey=APIKEY, receipt_after=receipt_after)
        self.portal = Portal(self.books)
        self.daemon = Daemon(directory, cores, profile=profile)
        self._changes = changes
        self._connections = connections
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Self:
        await self.smsc.open()
        for party in (self.a1, self.portal):
            server = await serve(party.respond)
            party.port = port_of(server)
            self._servers.append(server)
        sections = settings(self.transport, smsc_port=self.smsc.port, a1_port=self.a1.port, portal=self.portal)
        for name, values in self._changes.items():
            sections.setdefault(name, {}).update(values)
        self.daemon.configure(sections)
        self.a1.call_back(self.daemon.port, CALLBACK_SECRET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.daemon.kill()
        self.a1.close()
        self.smsc.close()
        for server in self._servers:
            server.close()

    async def start(self) -> float:
        """Start the daemon; how long until it was ready, in seconds. Not ready before it has been installed once."""
        self.daemon.launch()
        return await self.daemon.until("/readyz", _READY_WITHIN)

    async def install(self) -> None:
        """Start the daemon for the first time and install it in the portal."""
        self.daemon.launch()
        await self.daemon.until("/healthz", _READY_WITHIN)
        await self.daemon.install(self.portal)
        await self.daemon.until("/readyz", _READY_WITHIN)

    async def pass_through(self, count: int, *, rate: float | None = None) -> Passage:
        """A run; see `passage`."""
        written = handler_call(self.daemon.host, HANDLER_SECRET, SENDER_CODE, self.portal.auth())
        return await passage(
            count,
            books=self.books,
            port=self.daemon.port,
            written=written,
            connections=self._connections,
            rate=rate,
            processes=lambda: [self.daemon.process],
            requests=self.requests,
        )

    def requests(self) -> tuple[int, int]:
        """How many A1 and the portal have had so far."""
        return self.smsc.submits + self.a1.requests.total(), self.portal.requests.total()

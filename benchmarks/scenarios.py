"""What is measured: each scenario starts what it needs, goes through it and gives the figures of its runs."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from a1gateway.export.order import Form

from . import kannel
from .counting import count_all
from .daemon import Profile
from .exporting import export
from .figures import Measured, percentile
from .pages import LOOKS, look
from .past import past_of
from .portal import Bucket
from .process import Process
from .rig import Conditions, Passage, Rig
from .visiting import Visitor
from .year import year_of

UPDATES_IN_A_REQUEST = 50
_MB = 1e6
# Enough for every kind of row to be there.
_TEMPLATES = 200
_PORTAL_RATE, _PORTAL_BURST = 2, 50
# What the daemon imports before it can do anything.
_IMPORTS = (
    "import twisted.scripts.twistd, twisted.internet.reactor, a1gateway.tap; import time; print(time.process_time())"
)


class Skipped(Exception):
    """A scenario that cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything."""

    messages: int
    """Of a run at full speed."""
    warm_up: int
    runs: int
    rate: float
    """A second, of the runs at a set rate."""
    paced: int
    """Messages of such a run."""
    campaign: int
    waiting: int
    past: int
    """Messages in a journal that is not empty."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario is given."""

    amounts: Amounts
    conditions: Conditions
    folder: Path
    """For the daemons' files; on the disk that is to be measured."""
    cache: Path
    """For journals with a past."""
    say: Callable[[str], None]
    profile: Profile | None = None
    pasts: list[Path] = field(default_factory=list)
    """The journal with a past, once it is made."""

    def changes(self, transport: str, *, limited: bool = False) -> dict[str, dict[str, object]]:
        """The daemon's settings that are not defaults; `limited`: the portal keeps to its published limit."""
        sections: dict[str, dict[str, object]] = {}
        if transport == "smpp":
            sections["a1.smpp"] = {"window": self.conditions.window, "messages_per_second": 0.0}
        if not limited:
            sections["bitrix24"] = {"requests_per_second": 1000.0, "burst": 1000}
        return sections

    def new_folder(self, name: str) -> Path:
        """An empty one."""
        made = self.folder / name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        return made

    @asynccontextmanager
    async def rig(
        self,
        name: str,
        transport: str,
        *,
        limited: bool = False,
        past: bool = False,
        journal: Path | None = None,
    ) -> AsyncIterator[tuple[Rig, Measured]]:
        """A gateway that is running, installed and ready; its files are gone afterwards unless something failed.

        It begins with `journal`, where one is given.
        """
        journal = await self._past() if past else journal
        changes = self.changes(transport, limited=limited)
        directory = self.new_folder(name)
        rig = Rig(directory, transport, changes, self.conditions, profile=self.profile)
        async with rig:
            if journal is not None:
                shutil.copyfile(journal, rig.daemon.journal)
            await rig.install()
            if limited:
                rig.portal.limit = Bucket(_PORTAL_RATE, _PORTAL_BURST)
            yield rig, Measured(name, changes)
            if self.profile is not None:
                # Its profile is written at its end.
                await rig.daemon.stop()
        shutil.rmtree(directory, ignore_errors=True)

    async def _past(self) -> Path:
        if self.pasts:
            return self.pasts[0]
        async with Rig(self.new_folder("template"), "smpp", self.changes("smpp"), self.conditions) as rig:
            await rig.install()
            await rig.pass_through(_TEMPLATES)
            await rig.daemon.stop()
            begun = time.monotonic()
            made = past_of(rig.daemon.journal, self.amounts.past, self.cache)
            self.say(f"  a journal of {self.amounts.past:,} after {time.monotonic() - begun:.0f} s: {made}")
        shutil.rmtree(rig.daemon.directory, ignore_errors=True)
        self.pasts.append(made)
        return made


Scenario = Callable[[Bench], Awaitable[Measured]]


async def _full_speed(bench: Bench, name: str, *, transport: str, past: bool) -> Measured:
    async with bench.rig(name, transport, past=past) as (rig, measured):
        await _runs(bench, measured, rig.pass_through)
        measured.add(peak=rig.daemon.process.peak() / _MB)
    return measured


async def _kannel(bench: Bench, name: str, *, log_level: int) -> Measured:
    reason = kannel.why_not()
    if reason is not None:
        raise Skipped(reason)
    directory = bench.new_folder(name)
    measured = Measured(name)
    async with kannel.KannelRig(directory, bench.conditions, log_level=log_level) as rig:
        await _runs(bench, measured, rig.pass_through)
        measured.add(peak=rig.peak / _MB)
    shutil.rmtree(directory, ignore_errors=True)
    measured.notes.append(
        f"bearerbox and smsbox together, log-level {log_level}; requests to the portal are those to the HTTP sink"
    )
    return measured


async def _runs(bench: Bench, measured: Measured, pass_through: Callable[..., Awaitable[Passage]]) -> None:
    """Warm up, then run at full speed and at the set rate."""
    amounts = bench.amounts
    await pass_through(amounts.warm_up)
    for _ in range(amounts.runs):
        run = await pass_through(amounts.messages)
        each = 1000 / run.count
        measured.add(
            accepted=run.load.rate,
            answer_p50=1000 * percentile(run.load.waits, 0.5),
            answer_p99=1000 * percentile(run.load.waits, 0.99),
            through=run.rate,
            cpu=each * (run.cpu.user + run.cpu.system),
            cpu_user=each * run.cpu.user,
            cpu_system=each * run.cpu.system,
            a1_requests=run.a1_requests / run.count,
            portal_requests=run.portal_requests / run.count,
            others=100 * run.others,
        )
        bench.say(
            f"  {run.load.rate:.0f} accepted a second, {run.rate:.0f} to the final status, "
            f"{each * (run.cpu.user + run.cpu.system):.3f} ms of CPU a message, "
            f"p99 {1000 * percentile(run.load.waits, 0.99):.1f} ms, others {100 * run.others:.0f} %"
        )
    for _ in range(amounts.runs if amounts.paced else 0):
        run = await pass_through(amounts.paced, rate=amounts.rate)
        measured.add(
            paced_p50=1000 * percentile(run.load.waits, 0.5),
            paced_p99=1000 * percentile(run.load.waits, 0.99),
            paced_cpu=1000 / run.count * (run.cpu.user + run.cpu.system),
        )
        bench.say(
            f"  at {amounts.rate:g} a second: p50 {1000 * percentile(run.load.waits, 0.5):.1f} ms, "
            f"p99 {1000 * percentile(run.load.waits, 0.99):.1f} ms"
        )


async def _campaign(bench: Bench, name: str, *, transport: str) -> Measured:
    amounts = bench.amounts
    requests = -(-amounts.campaign // UPDATES_IN_A_REQUEST)
    least = max(0.0, (requests - _PORTAL_BURST) / _PORTAL_RATE)
    async with bench.rig(name, transport, limited=True) as (rig, measured):
        await rig.pass_through(min(amounts.warm_up, UPDATES_IN_A_REQUEST))
        for _ in range(amounts.runs):
            await _until_empty(rig)
            refused = rig.portal.refused
            run = await rig.pass_through(amounts.campaign)
            measured.add(
                campaign=run.seconds,
                campaign_requests=run.portal_requests,
                campaign_refused=rig.portal.refused - refused,
            )
            if least:
                measured.add(campaign_ratio=run.seconds / least)
            bench.say(f"  {run.seconds:.1f} s, the limit's own minimum is {least:.1f} s")
    measured.notes.append(f"the limit's own minimum for {requests} requests: {least:g} s")
    return measured


async def _until_empty(rig: Rig) -> None:
    """The portal's bucket, and with it the daemon's own, which fills at the same rate."""
    assert rig.portal.limit is not None
    while (level := rig.portal.limit.level()) > 0:
        await asyncio.sleep(level / rig.portal.limit.rate + 0.5)


async def _a1_requests(bench: Bench, name: str) -> Measured:
    async with bench.rig(name, "http") as (rig, measured):
        await rig.pass_through(bench.amounts.warm_up)
        for _ in range(bench.amounts.runs):
            before = rig.a1.requests.copy()
            run = await rig.pass_through(bench.amounts.campaign)
            measured.add(a1_total=run.a1_requests)
            methods = ", ".join(f"{method} {count}" for method, count in sorted((rig.a1.requests - before).items()))
            bench.say(f"  {run.a1_requests}: {methods}")
            measured.notes.append(f"{run.a1_requests}: {methods}")
    return measured


async def _waiting(bench: Bench, name: str, *, transport: str) -> Measured:
    async with bench.rig(name, transport) as (rig, measured):
        await rig.pass_through(bench.amounts.warm_up)
        rig.a1_is_away()
        coming_back: list[asyncio.Task[None]] = []

        def handed_over() -> None:
            measured.add(waiting_peak=rig.daemon.process.peak() / _MB)
            coming_back.append(asyncio.get_running_loop().create_task(rig.a1_is_back()))

        run = await rig.pass_through(bench.amounts.waiting, in_between=handed_over)
        measured.add(waiting_accepted=run.load.rate, drained_peak=rig.daemon.process.peak() / _MB)
        bench.say(f"  {measured.said()}")
    return measured


async def _start(bench: Bench, name: str) -> Measured:
    async with bench.rig(name, "smpp", past=True) as (rig, measured):
        await rig.pass_through(min(bench.amounts.warm_up, _TEMPLATES))
        for _ in range(bench.amounts.runs):
            await rig.daemon.stop()
            seconds = await rig.start()
            used = rig.daemon.process.cpu()
            imports, imports_cpu = await _imports(bench, rig.daemon.directory)
            measured.add(start=seconds, imports=imports, start_cpu=used.user + used.system, imports_cpu=imports_cpu)
            bench.say(f"  {measured.said()}")
    return measured


async def _imports(bench: Bench, directory: Path) -> tuple[float, float]:
    """How long the daemon's imports take by the clock, and of the CPU's time, in seconds."""
    log = directory / "imports.log"
    log.unlink(missing_ok=True)
    begun = time.monotonic()
    process = Process(
        [sys.executable, "-c", _IMPORTS],
        cores=bench.conditions.cores.measured,
        directory=directory,
        log=log,
        name="imports",
    )
    while process.running:
        await asyncio.sleep(0.005)
    return time.monotonic() - begun, float(log.read_text("utf-8"))


async def _pages(bench: Bench, name: str) -> Measured:
    measured = Measured(name)
    begun = time.monotonic()
    made = year_of(bench.amounts.past, bench.folder, bench.cache)
    bench.say(f"  a journal of a year after {time.monotonic() - begun:.0f} s: {made}")
    file = bench.new_folder(name) / "journal.sqlite3"
    for _ in range(bench.amounts.runs):
        shutil.copyfile(made, file)
        counted = count_all(file)
        measured.add(counting=counted.seconds, counting_cpu=counted.cpu, counting_hold=1000 * counted.longest_write)
        bench.say(f"  {measured.said()}")
    for _ in range(bench.amounts.runs):
        measured.add(**{figure.name.lower(): look(file, work) for figure, work in LOOKS.items()})
        bench.say(f"  {measured.said()}")
    async with bench.rig(f"{name}-http", "http", journal=file) as (rig, _):
        visitor = Visitor(rig.daemon, rig.portal, file)
        await visitor.enter()
        # What is loaded or compiled at the first look is not of every look.
        await visitor.look_at_all()
        for _ in range(bench.amounts.runs):
            took = await visitor.look_at_all()
            measured.add_pages(took)
            bench.say(f"  {', '.join(f'{page.of} {value:.0f}' for page, value in took.items())}")
    shutil.rmtree(file.parent, ignore_errors=True)
    return measured


async def _export(bench: Bench, name: str) -> Measured:
    measured = Measured(name)
    made = year_of(bench.amounts.past, bench.folder, bench.cache)
    folder = bench.new_folder(name)
    file = folder / "journal.sqlite3"
    shutil.copyfile(made, file)
    for form in Form:
        for _ in range(bench.amounts.runs):
            exported = await export(file, form, folder)
            figures = {
                f"export_{form}": exported.seconds,
                f"export_{form}_peak": exported.process_peak / _MB,
                f"export_{form}_server": exported.server_grew / _MB,
            }
            measured.add(**figures)
            bench.say(f"  {measured.said()}")
            bench.say(f"  {exported.octets / _MB:.0f} MB, the first octet after {exported.first:.2f} s")
    shutil.rmtree(folder, ignore_errors=True)
    return measured


SCENARIOS: dict[str, Scenario] = {
    "smpp": partial(_full_speed, name="smpp", transport="smpp", past=False),
    "kannel": partial(_kannel, name="kannel", log_level=1),
    "kannel-debian": partial(_kannel, name="kannel-debian", log_level=0),
    "http": partial(_full_speed, name="http", transport="http", past=False),
    "smpp-past": partial(_full_speed, name="smpp-past", transport="smpp", past=True),
    "http-past": partial(_full_speed, name="http-past", transport="http", past=True),
    "campaign-smpp": partial(_campaign, name="campaign-smpp", transport="smpp"),
    "campaign-http": partial(_campaign, name="campaign-http", transport="http"),
    "a1-requests": partial(_a1_requests, name="a1-requests"),
    "waiting-smpp": partial(_waiting, name="waiting-smpp", transport="smpp"),
    "waiting-http": partial(_waiting, name="waiting-http", transport="http"),
    "start": partial(_start, name="start"),
    "pages": partial(_pages, name="pages"),
    "export": partial(_export, name="export"),
}
"""By the name that `--only` takes, in the order in which they are measured."""

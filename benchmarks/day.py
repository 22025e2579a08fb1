"""A day's traffic at many times its speed: at its end the daemon is no larger than it was, in any way.

A busy gateway takes a million messages a day, and every night retention takes away what a day brought long ago. So
the journal begins with as many messages of the past as there are to come, and retention is due. While messages pass,
memory, open files, threads and the size of the journal are looked at; the books see that each was sent and told once.

Messages come much faster here than in a day, and faster than retention takes the old ones away in their midst: for a
while there are more of them. So the journal is measured by what is in it: what is deleted leaves places that the next
messages take, and the file is never larger than the most that was ever in it needs.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from a1gateway.journal import Store
from a1gateway.journal.retention import State, keep_state

from . import cores
from .books import Disagreement
from .past import past_of
from .process import Process
from .rig import Conditions, Rig
from .table import lines

FOLDER = Path(__file__).parent.parent / ".bench"
_DAY = 86400.0
_MB = 1e6
_TEMPLATES = 100
# Once all is over: what retention and the statistics still have to do, in seconds.
_ENDS_WITHIN = 3600.0
# A day deletes as much as it brings; to mask what is deleted in the same night would be no day's work.
_RETENTION = {"mask_after": "never", "delete_after": "31 days"}


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything."""

    messages: int
    rate: float
    """Messages a second, handed over."""
    at_once: int
    """So many are handed over, and have come to their end, before the next are."""
    look_every: float
    """Seconds between two samples."""


FULL = Amounts(1_000_000, 300.0, 20_000, 10.0)
SHORT = Amounts(6_000, 200.0, 1_000, 0.5)


@dataclass(frozen=True, slots=True)
class Sample:
    """How large the daemon is at a moment."""

    seconds: float
    """Since the beginning."""
    resident: int
    """Octets."""
    files: int
    threads: int
    journal: int
    """Octets, its log included."""
    held: int
    """Messages in it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How much more there may be at the end of the day than after its first quarter."""

    name: str
    value: Callable[[Sample], float]
    unit: str
    share: float
    """Of what there was."""
    more: float
    """In any case, in its unit."""
    of: Callable[[Iterable[float]], float] = median
    """Which of a quarter's values stands for it."""

    def found(self, samples: Sequence[Sample]) -> tuple[float, float]:
        """What there was in the second quarter, and what there is in the last."""
        quarter = max(1, len(samples) // 4)
        return (
            self.of(self.value(each) for each in samples[quarter : 2 * quarter] or samples),
            self.of(self.value(each) for each in samples[-quarter:]),
        )

    def most(self, before: float) -> float:
        """What there may be in the last quarter."""
        return before + max(before * self.share, self.more)


BOUNDS = (
    # A heap moves a little; what leaks a hundred octets a message has a hundred megabytes by the evening.
    Bound("resident memory", lambda each: each.resident / _MB, "MB", 0.05, 6.0),
    # At rest: while messages are handed over, as many connections as the generator keeps are open besides. One to A1
    # or to the portal may be open or not.
    Bound("open files", lambda each: each.files, "", 0.0, 4.0, min),
    Bound("threads", lambda each: each.threads, "", 0.0, 2.0),
)
# By how much more room a message that has gone its way takes than one that was made and written in one go: pages that
# rows have grown out of are not full.
_ROOM_MORE = 0.15


@dataclass
class Day:
    """What there was to see of it."""

    amounts: Amounts
    samples: list[Sample] = field(default_factory=list)
    journal_before: int = 0
    journal_after: int = 0
    free_after: int = 0
    """Octets of it that nothing is in."""
    seconds: float = 0.0
    kept: int = 0
    """Messages in the journal at the end."""

    def faults(self) -> list[str]:
        """What has grown that should not have."""
        found = []
        for bound in BOUNDS:
            before, after = bound.found(self.samples)
            if after > bound.most(before):
                found.append(f"{bound.name}: {before:,.1f}, in the end {after:,.1f}{f' {bound.unit}'.rstrip()}")
        room = self.journal_before / self.amounts.messages * self.most_held * (1 + _ROOM_MORE) + 8 * _MB
        if self.most_on_disk > room:
            found.append(
                f"journal on disk: {self.most_on_disk / _MB:,.1f} MB, where {self.most_held:,} messages, the most "
                f"that were in it, need {room / _MB:,.1f} MB"
            )
        return found

    @property
    def most_held(self) -> int:
        """So many messages were in the journal at the most."""
        return max(self.amounts.messages, *(each.held for each in self.samples))

    @property
    def most_on_disk(self) -> int:
        """Octets that the journal and its log have taken at the most."""
        return max(self.journal_after, *(each.journal for each in self.samples))

    def table(self) -> str:
        """For the page about performance."""
        rows = [
            ("messages, handler to final status", f"{self.amounts.messages:,}"),
            ("hours of a million a day", f"{24 * self.amounts.messages / FULL.messages:.2f}"),
            ("in so many minutes", f"{self.seconds / 60:.1f}"),
            (
                "messages in the journal: before, most, in the end",
                f"{self.amounts.messages:,}, {self.most_held:,}, {self.kept:,}",
            ),
            (
                "journal on disk, MB: before, most, in the end",
                f"{self.journal_before / _MB:,.1f}, {self.most_on_disk / _MB:,.1f}, {self.journal_after / _MB:,.1f}",
            ),
            ("of it free for messages to come, MB", f"{self.free_after / _MB:,.1f}"),
        ]
        for bound in BOUNDS:
            before, after = bound.found(self.samples)
            values = [bound.value(each) for each in self.samples]
            digits = 1 if bound.unit else 0
            rows.append(
                (
                    f"{bound.name}{f', {bound.unit}' if bound.unit else ''}: second quarter, last quarter, most",
                    ", ".join(f"{each:,.{digits}f}" for each in (before, after, max(values))),
                )
            )
        return lines("a day", "", rows)


def sample(process: Process, journal: Path, begun: float) -> Sample:
    """How large the daemon is now."""
    return Sample(
        time.monotonic() - begun,
        process.resident(),
        process.open_files(),
        process.threads(),
        _size(journal),
        _held(journal),
    )


def _size(journal: Path) -> int:
    files = (journal, journal.with_name(f"{journal.name}-wal"))
    return sum(each.stat().st_size for each in files if each.exists())


async def live(folder: Path, cache: Path, transport: str, conditions: Conditions, amounts: Amounts) -> Day:
    """Let a day pass."""
    changes: dict[str, dict[str, object]] = {
        "retention": dict(_RETENTION),
        "bitrix24": {"requests_per_second": 1000.0, "burst": 1000},
    }
    if transport == "smpp":
        changes["a1.smpp"] = {"window": conditions.window, "messages_per_second": 0.0}
    day = Day(amounts)
    async with Rig(_new(folder, "day"), transport, changes, conditions) as rig:
        journal = rig.daemon.journal
        await rig.install()
        await rig.pass_through(_TEMPLATES)
        await rig.daemon.stop()
        _with_a_past(journal, await asyncio.to_thread(past_of, journal, amounts.messages, cache))
        day.journal_before = _size(journal)
        await rig.start()
        begun = time.monotonic()
        watching = asyncio.create_task(_watch(day, rig, begun))
        try:
            for _ in range(amounts.messages // amounts.at_once):
                await rig.pass_through(amounts.at_once, rate=amounts.rate)
                day.samples.append(sample(rig.daemon.process, journal, begun))
            await _settled(journal, begun)
        finally:
            watching.cancel()
        day.seconds = time.monotonic() - begun
        day.samples.append(sample(rig.daemon.process, journal, begun))
        await rig.daemon.stop()
        day.journal_after, day.free_after, day.kept = _size(journal), _free(journal), _messages(journal)
    return day


def _new(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _with_a_past(journal: Path, past: Path) -> None:
    """Put the journal with a past in the place of the daemon's, and let a night have passed without retention."""
    with closing(sqlite3.connect(journal)) as connection:
        (installed,) = connection.execute("SELECT count(*) FROM installation").fetchone()
    assert installed, "the past is made of a journal that knows its portal"
    for each in (journal, journal.with_name(f"{journal.name}-wal"), journal.with_name(f"{journal.name}-shm")):
        each.unlink(missing_ok=True)
    shutil.copyfile(past, journal)
    store = Store(f"sqlite:///{journal}")
    store.prepare(create=False)
    store.transact([partial(keep_state, kept=State(0.0, time.time() - 2 * _DAY))])
    store.close()


async def _watch(day: Day, rig: Rig, begun: float) -> None:
    while True:
        day.samples.append(sample(rig.daemon.process, rig.daemon.journal, begun))
        await asyncio.sleep(day.amounts.look_every)


async def _settled(journal: Path, begun: float) -> None:
    """Wait until retention has gone through everything."""
    passed_from = time.time() - (time.monotonic() - begun)
    given_up_at = time.monotonic() + _ENDS_WITHIN
    while True:
        passed_at = _read(journal, "SELECT passed_at FROM retention")
        if passed_at is not None and passed_at >= passed_from:
            return
        assert time.monotonic() < given_up_at, "retention does not come to its end"
        await asyncio.sleep(0.5)


def _free(journal: Path) -> int:
    return int(_read(journal, "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size"))


def _held(journal: Path) -> int:
    # Retention begins with the oldest, and nothing else leaves a gap: to count a million takes longer.
    query = "SELECT (SELECT max(id) FROM messages) - (SELECT min(id) FROM messages) + 1"
    return int(_read(journal, query) or 0)


def _messages(journal: Path) -> int:
    return int(_read(journal, "SELECT count(*) FROM messages"))


def _read(journal: Path, query: str) -> Any:
    """The value that `query` asks for, beside the daemon; None where there is no row."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def main(arguments: Sequence[str]) -> int:
    """0 when nothing has grown, and nothing was lost or sent twice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"{SHORT.messages:,} messages, about a minute")
    parser.add_argument("--messages", type=int, help=f"default: {FULL.messages:,}")
    parser.add_argument("--rate", type=float, help=f"messages a second; default: {FULL.rate:g}")
    parser.add_argument("--transport", choices=("http", "smpp"), default="http", help="default: http")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for journals")
    chosen = parser.parse_args(arguments)
    base = SHORT if chosen.short else FULL
    amounts = Amounts(chosen.messages or base.messages, chosen.rate or base.rate, base.at_once, base.look_every)
    core = cores.choose()
    core.take_place()
    conditions = Conditions(connections=50, receipt_after=0.2, window=100, cores=core)
    cache = chosen.folder.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="day-", dir=cache))
    try:
        day = asyncio.run(live(folder, cache, chosen.transport, conditions, amounts))
    except Disagreement as disagreement:
        sys.stdout.write(f"the books disagree: {disagreement}\nwhat the daemon wrote is in {folder}\n")
        return 1
    sys.stdout.write(f"{day.table()}\n")
    faults = day.faults()
    for fault in faults:
        sys.stdout.write(f"GROWN: {fault}\n")
    if faults:
        sys.stdout.write(f"what the daemon wrote is in {folder}\n")
        return 1
    shutil.rmtree(folder)
    sys.stdout.write("nothing has grown; every message was sent once and told once\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The gateway on a core of its own, generator and counterparts on the others; figures as a table in Markdown."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path

from . import cores
from .books import Disagreement
from .figures import Measured
from .machine import describe
from .rig import Conditions
from .scenarios import SCENARIOS, Amounts, Bench, Skipped
from .table import changed, document

_FOLDER = Path(__file__).parent.parent / ".bench"
_FULL = Amounts(
    messages=20_000,
    warm_up=1_000,
    runs=3,
    rate=500,
    paced=10_000,
    campaign=10_000,
    waiting=100_000,
    past=1_000_000,
)
_SHORT = Amounts(
    messages=200,
    warm_up=50,
    runs=1,
    rate=100,
    paced=50,
    campaign=200,
    waiting=300,
    past=1_000,
)
_OF_AMOUNTS = {
    "messages": "messages of a run at full speed",
    "warm_up": "messages before the first run",
    "runs": "runs of each kind",
    "rate": "messages a second of the runs at a set rate",
    "paced": "messages of a run at a set rate; 0: no such runs",
    "campaign": "messages of a campaign, and of the run in which the requests to A1 are counted",
    "waiting": "messages handed over while A1 is away",
    "past": "messages in a journal that is not empty",
}


def main(arguments: Sequence[str]) -> int:
    """Measure; 0 when every book agreed."""
    chosen = _parser().parse_args(arguments)
    # So that the processes started here end with this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    given = {name: getattr(chosen, name) for name in _OF_AMOUNTS if getattr(chosen, name) is not None}
    amounts = replace(_SHORT if chosen.short else _FULL, **given)
    names = list(dict.fromkeys(chosen.only or SCENARIOS))
    profile = None
    if chosen.profile is not None:
        profile = (chosen.profile.absolute(), chosen.profile_clock)
        names, amounts = names[:1], replace(amounts, runs=1, paced=0)
    chosen.folder = chosen.folder.absolute()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    core = cores.choose()
    machine = describe(chosen.folder, core)
    core.take_place()
    bench = Bench(
        amounts=amounts,
        conditions=Conditions(
            connections=chosen.connections,
            receipt_after=chosen.receipt_after,
            window=chosen.window,
            cores=core,
        ),
        folder=Path(tempfile.mkdtemp(prefix="run-", dir=chosen.folder)),
        cache=chosen.folder,
        say=_say,
        profile=profile,
    )
    try:
        results, faults = asyncio.run(_measure(bench, names))
    except (KeyboardInterrupt, SystemExit):
        shutil.rmtree(bench.folder)
        raise
    text = document(machine, _measured_with(bench, results), asdict(amounts), results)
    _say(f"\n{text}")
    if chosen.output is not None:
        chosen.output.write_text(text, "utf-8")
    if faults:
        _say(f"no result of: {', '.join(faults)}; what the daemons wrote is in {bench.folder}")
        return 1
    shutil.rmtree(bench.folder)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(SCENARIOS), metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--short", action="store_true", help="a few hundred messages, to see that everything works")
    types = {each.name: float if each.type == "float" else int for each in fields(Amounts)}
    for name, meaning in _OF_AMOUNTS.items():
        default = f"{getattr(_FULL, name):,g}; --short: {getattr(_SHORT, name):,g}"
        parser.add_argument(f"--{name.replace('_', '-')}", type=types[name], help=f"{meaning} ({default})")
    parser.add_argument("--connections", type=int, default=50, help="kept by the generator (50)")
    parser.add_argument("--window", type=int, default=100, help="requests in flight at the SMSC (100)")
    parser.add_argument("--receipt-after", type=float, default=0.2, help="seconds from A1's acceptance on (0.2)")
    parser.add_argument("--output", type=Path, help="where the table is written besides the standard output")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="for journals; on the disk to be measured")
    parser.add_argument(
        "--profile", type=Path, help="one run of the first scenario under cProfile, into FILE and FILE.NAME-OF-THREAD"
    )
    parser.add_argument("--profile-clock", choices=("wall", "cpu"), default="wall", help="of the profile (wall)")
    return parser


async def _measure(bench: Bench, names: Sequence[str]) -> tuple[list[Measured], list[str]]:
    """What came of the scenarios, and which of them came to nothing."""
    _end_at_a_fault_of_ours()
    results: list[Measured] = []
    faults: list[str] = []
    for name in names:
        _say(f"{name}:")
        try:
            results.append(await SCENARIOS[name](bench))
        except Skipped as reason:
            _say(f"  skipped: {reason}")
        except Disagreement as disagreement:
            _say(f"  the books disagree, this is no result:\n{disagreement}")
            faults.append(name)
    return results, faults


def _end_at_a_fault_of_ours() -> None:
    """An exception in a protocol is asyncio's to log and go on; here it ends the measurement."""
    loop = asyncio.get_running_loop()
    measuring = asyncio.current_task()
    assert measuring is not None

    def fail(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        loop.set_exception_handler(lambda *_: None)
        loop.default_exception_handler(context)
        measuring.cancel("a fault of the benchmark")

    loop.set_exception_handler(fail)


def _measured_with(bench: Bench, results: Sequence[Measured]) -> list[tuple[str, str]]:
    amounts, conditions = bench.amounts, bench.conditions
    rows = [
        (
            "messages",
            f"{amounts.messages:,} of one part a run, {amounts.warm_up:,} before to warm up; runs: {amounts.runs}",
        ),
        ("connections", f"{conditions.connections}, kept; one call at a time on each"),
        ("window", f"{conditions.window} requests in flight at the SMSC, either way"),
        ("delivered", f"{conditions.receipt_after:g} s after A1 accepted"),
        ("figures", "median of the runs (least to most)"),
    ]
    by_settings: dict[str, list[str]] = {}
    for each in results:
        if each.settings:
            by_settings.setdefault(changed(each.settings), []).append(each.scenario)
    return rows + [(f"settings of {', '.join(names)}", written) for written, names in by_settings.items()]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

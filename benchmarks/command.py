"""The command: what is measured, how much of it, and where the figures go."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .rig import Rig

UNLIMITED = {"requests_per_second": 1000, "burst": 1000}


def main(arguments: Sequence[str]) -> int:
    """Measure; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--warm-up", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--transport", default="smpp")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--profile-clock", choices=("wall", "cpu"), default="wall")
    chosen = parser.parse_args(arguments)
    asyncio.run(_measure(chosen))
    return 0


async def _measure(chosen: argparse.Namespace) -> None:
    _stop_at_the_first_fault()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    changes: dict[str, dict[str, object]] = {"bitrix24": dict(UNLIMITED)}
    if chosen.transport == "smpp":
        changes["a1.smpp"] = {"window": 100, "messages_per_second": 0}
    profile = (chosen.profile.absolute(), chosen.profile_clock) if chosen.profile else None
    async with Rig(
        directory,
        chosen.transport,
        changes,
        connections=chosen.connections,
        receipt_after=0.2,
        window=100,
        cores={cores[0]},
        profile=profile,
    ) as rig:
        await rig.install()
        await rig.pass_through(chosen.warm_up)
        for _ in range(chosen.runs):
            run = await rig.pass_through(chosen.messages, rate=chosen.rate or None)
            waits = run.load.waits
            each = 1000 / run.count
            sys.stdout.write(
                f"{run.load.rate:.0f} accepted/s, p50 {1000 * waits[len(waits) // 2]:.1f} ms, "
                f"p99 {1000 * waits[len(waits) * 99 // 100]:.1f} ms, {run.rate:.0f}/s to the final status, CPU "
                f"{each * run.cpu.user:.3f} + {each * run.cpu.system:.3f} ms a message, "
                f"peak {rig.daemon.process.peak() / 1e6:.0f} MB, "
                f"{run.a1_requests} to A1, {run.portal_requests} to the portal\n"
            )
            sys.stdout.flush()
        rig.daemon.stop()


def _stop_at_the_first_fault() -> None:
    """An exception in a protocol is asyncio's to log; here it ends the measurement."""
    loop = asyncio.get_running_loop()
    measuring = asyncio.current_task()
    assert measuring is not None

    def fail(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        loop.set_exception_handler(lambda *_: None)
        loop.default_exception_handler(context)
        measuring.cancel("a fault of the benchmark")

    loop.set_exception_handler(fail)

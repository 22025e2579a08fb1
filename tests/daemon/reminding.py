"""Reminders of very many visits within a short time, with a daemon that is killed in the middle.

`make reminders-proof` runs it with 100,000 reminders due within an hour; the test suite runs a short one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import Warden, eventually
from .stack import Stack

VISITS = {
    "name": "visits",
    "event": "date",
    "of": "deal",
    "field": "UF_CRM_VISIT",
    "ahead": ["1 hour"],
    "text": "{NAME}, ждём Вас #DEAL_UF_VISIT#.",
}
LIMITS = {"requests_per_second": 2, "burst": 50}
_AHEAD = 3600.0
CHANGES: Mapping[str, Any] = {
    "automation": {"quiet": 0.2, "sweep": 30.0, "grace": 600.0},
    "scenario": [VISITS],
    "bitrix24": LIMITS,
    "log": {"level": "info"},
}
"""How a daemon is configured for it."""


@dataclass(frozen=True)
class Figures:
    """What became of them; times in seconds."""

    planned: int
    planned_after: float
    """Until all were planned."""
    reached: int
    """How many were at A1, once each."""
    twice: int
    latest: float
    """How long after its time the last of them was taken in, the time of the kill aside."""
    early: int
    requests: int
    """To the portal while they were sent."""
    memory_at_the_start: float
    """In MB, when all were planned."""
    memory_at_the_end: float
    down: float
    """How long the daemon was away."""


def reminding(stack: Stack, count: int, *, within: float, lead: float) -> Figures:
    """Have `count` reminders due within so many seconds, which begin `lead` seconds from now; and kill the daemon."""
    begin = time.time() + lead
    fill = {"visits": count, "visits_from": begin + _AHEAD, "visits_to": begin + within + _AHEAD}
    stack.portal.ask("POST", "crm/reset")
    stack.portal.ask("POST", "crm/fill", fill)
    began = time.monotonic()
    stack.started()
    stack.portal.set(**LIMITS)
    stack.a1.set(requests_per_second=10.0)
    # The index has only those to come: nothing else is counted.
    counting = "SELECT count(*) AS planned FROM reminders WHERE due_at IS NOT NULL OR message IS NOT NULL"
    eventually(lambda: stack.gateway.rows(counting)[0]["planned"] == count or None, lead, f"all {count} are planned")
    planned_after = time.monotonic() - began
    assert time.time() < begin, "they were planned too late to begin in time"
    before, memory = _requests(stack), _memory(stack)
    time.sleep(max(0.0, begin + within / 2 - time.time()))
    killed_at = time.time()
    stack.gateway.process.kill()
    stack.gateway.start()
    stack.gateway.ready()
    down = time.time() - killed_at
    waiting = "SELECT 1 FROM reminders WHERE due_at IS NOT NULL LIMIT 1"
    eventually(lambda: not stack.gateway.rows(waiting) or None, within / 2 + 120, "all have been sent")
    # Those that are at A1 are asked for in one go; it has them all when none waits to be submitted.
    unsent = "SELECT 1 FROM messages WHERE stage IN ('ready', 'in_flight', 'asking') LIMIT 1"
    eventually(lambda: not stack.gateway.rows(unsent) or None, 120, "all are at A1")
    reached = Counter(message["msisdn"] for message in stack.a1.messages())
    late = stack.gateway.rows(
        "SELECT max(m.received_at - r.moment + r.ahead) AS latest, "
        "sum(m.received_at < r.moment - r.ahead - 1) AS early "
        "FROM reminders r JOIN messages m ON m.id = r.message WHERE NOT r.moment - r.ahead BETWEEN ? AND ?",
        killed_at - 5,
        killed_at + down + 5,
    )[0]
    return Figures(
        planned=count,
        planned_after=planned_after,
        reached=sum(times == 1 for times in reached.values()),
        twice=sum(times > 1 for times in reached.values()),
        latest=late["latest"],
        early=late["early"],
        requests=_requests(stack) - before,
        memory_at_the_start=memory,
        memory_at_the_end=_memory(stack),
        down=down,
    )


def _requests(stack: Stack) -> int:
    """To the portal; what a batch holds is not counted."""
    every = stack.portal.ask("GET", "requests")
    return sum(times for method, times in every.items() if not method.startswith(("batch/", "refused/")))


def _memory(stack: Stack) -> float:
    """What the daemon holds, in MB."""
    status = Path(f"/proc/{stack.gateway.process.pid}/status").read_text()
    (held,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(held.split()[1]) / 1024


def main() -> int:
    """`make reminders-proof`: print the figures; 1 when one of them is not as promised."""
    parser = argparse.ArgumentParser(prog="make reminders-proof", description=__doc__)
    parser.add_argument("--reminders", type=int, default=100_000)
    parser.add_argument("--within", type=float, default=3600.0, help="seconds in which they are due")
    parser.add_argument("--lead", type=float, default=1800.0, help="seconds before the first is due")
    given = parser.parse_args()
    warden = Warden()
    try:
        with tempfile.TemporaryDirectory() as directory:
            stack = Stack(warden, Path(directory) / "reminders", **CHANGES)
            figures = reminding(stack, given.reminders, within=given.within, lead=given.lead)
    finally:
        warden.close()
    sys.stdout.write(f"{figures}\n")
    well = figures.reached == given.reminders and not figures.twice and not figures.early
    return 0 if well and figures.latest < 30 and figures.memory_at_the_end < figures.memory_at_the_start + 40 else 1


if __name__ == "__main__":
    sys.exit(main())

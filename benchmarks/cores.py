"""Which core is measured, which are for everybody else, and how much others use of the measured one."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from .process import Cpu

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """The measured core alone, and all others; the same one where this machine gives no second."""

    measured: set[int]
    rest: set[int]

    def take_place(self) -> None:
        """Move this process to the others."""
        os.sched_setaffinity(0, self.rest)

    def busy(self) -> tuple[float, float]:
        """Now, and how long the measured core has been busy, in seconds."""
        (core,) = self.measured
        for line in Path("/proc/stat").read_text("utf-8").splitlines():
            name, *fields = line.split()
            if name == f"cpu{core}":
                user, nice, system, _idle, _iowait, irq, softirq, steal = (int(each) for each in fields[:8])
                return time.monotonic(), (user + nice + system + irq + softirq + steal) / _TICK
        return time.monotonic(), 0.0

    def others(self, since: tuple[float, float], used: Cpu) -> float:
        """The share of the time since then in which the core was busy with what was not `used`."""
        now, busy = self.busy()
        return max(0.0, busy - since[1] - used.user - used.system) / (now - since[0])


def choose() -> Cores:
    """The first core that this process may use, and the others that it may use."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return Cores({first}, set(rest) or {first})

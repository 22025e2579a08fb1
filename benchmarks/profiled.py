"""`python -m benchmarks.profiled FILE wall|cpu ...`: twistd, its other threads profiled into FILE.NAME-OF-THREAD.

What `twistd --profile` writes is the reactor's thread alone; half of the gateway's work is in the journal's. By the
wall clock, whatever gives up the interpreter (`recv`, `write`, `execute`) is charged with what the other thread did
meanwhile; by the CPU's, small functions are charged with the reading of that clock, which costs more than they do.
"""

from __future__ import annotations

import cProfile
import sys
import threading
import time
from pathlib import Path

from twisted.scripts.twistd import run


class CpuProfile(cProfile.Profile):
    """A profile of the CPU time of the thread that it is enabled in."""

    def __init__(self) -> None:
        super().__init__(time.thread_time)


def main(file: Path, clock: str) -> None:
    """Run twistd with the arguments that are left."""
    if clock == "cpu":
        # What twistd makes its own of.
        cProfile.Profile = CpuProfile  # type: ignore[assignment,misc]
    run_thread = threading.Thread.run

    def profiled(thread: threading.Thread) -> None:
        profile = cProfile.Profile()
        try:
            profile.runcall(run_thread, thread)
        finally:
            profile.dump_stats(f"{file}.{thread.name}")

    threading.Thread.run = profiled  # type: ignore[assignment,method-assign]
    try:
        run()
    finally:
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(10)


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)), sys.argv.pop(1))

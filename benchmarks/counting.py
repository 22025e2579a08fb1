"""Making the statistics of a journal that no daemon has open, as the daemon does, and how long that takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from a1gateway.counting import AT_ONCE
from a1gateway.journal import Store
from a1gateway.journal.reader import reading
from a1gateway.journal.statements import Connection
from a1gateway.journal.statistics import Batch, add, uncounted


@dataclass(frozen=True, slots=True)
class Counted:
    """How long it took, in seconds."""

    seconds: float
    cpu: float
    longest_write: float
    """Of one piece, on the journal's thread; the commit is not in it."""


def count_all(file: Path) -> Counted:
    """Count all that is not counted yet."""
    store = Store(f"sqlite:///{file}")
    store.prepare(create=False)
    begun, cpu = time.monotonic(), time.process_time()
    longest_write = 0.0
    while True:
        with reading(file) as connection:
            batch = uncounted(connection, AT_ONCE)
        if batch is None:
            break
        (took,) = store.transact([partial(_timed, batch)])
        longest_write = max(longest_write, took)
    seconds, cpu = time.monotonic() - begun, time.process_time() - cpu
    store.close()
    return Counted(seconds, cpu, longest_write)


def _timed(batch: Batch, connection: Connection) -> float:
    begun = time.monotonic()
    assert add(connection, batch)
    return time.monotonic() - begun

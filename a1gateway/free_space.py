"""How much free space is left where messages are kept: the alarm comes well before anything is refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .due_loop import DueLoop
from .errors import NothingCanHold
from .journal.spool import OffThread
from .metrics import Metrics

LOOK_EVERY = 5.0
"""Seconds between two looks."""
_MB = 1_000_000


def free_at(path: Path) -> int:
    """Octets that the daemon's user may still write on the file system of `path`; raises `OSError`. Blocks."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


class FreeSpace(DueLoop):
    """Looks every few seconds. Until the first look there is enough."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        off_thread: OffThread,
        metrics: Metrics,
        places: Mapping[str, Path],
        *,
        least_mb: int,
        alarm_mb: int,
        look: Callable[[Path], int] = free_at,
    ) -> None:
        """`places` are folders by what is kept there.

        With less than `least_mb` megabytes (millions of octets) in every place, messages are refused; with less than
        `alarm_mb` in any, the operator is told.
        """
        super().__init__("free space", clock, self._look_at_all)
        self._off_thread = off_thread
        self._metrics = metrics
        self._places = places
        self._least = least_mb * _MB
        self._low = max(alarm_mb * _MB, self._least)
        self._look = look
        self._free: dict[str, int] = {}
        self._alarmed = False

    def check(self) -> None:
        """Raises `NothingCanHold` when a message must not be taken in."""
        if self.short:
            raise NothingCanHold(self._said())

    @property
    def short(self) -> bool:
        """Whether there is too little for messages."""
        return bool(self._free) and max(self._free.values()) < self._least

    @property
    def free(self) -> Mapping[str, int]:
        """Octets that are free, by what is kept there; empty until the first look."""
        return dict(self._free)

    @property
    def warning(self) -> str | None:
        """What the operator should know; None while there is enough."""
        return self._said() if self._alarmed else None

    def _said(self) -> str:
        left = ", ".join(f"{free // _MB} MB for the {place}" for place, free in sorted(self._free.items()))
        return f"little free space is left: {left}"

    async def _look_at_all(self) -> float:
        found: dict[str, int] = {}
        for place, path in self._places.items():
            try:
                found[place] = await self._off_thread(self._look, path)
            except OSError:
                # That the folder is not there is said by whoever writes there.
                continue
            self._metrics.free_bytes.labels(place).set(found[place])
        self._free = found
        alarmed = bool(found) and min(found.values()) < self._low
        if alarmed and not self._alarmed:
            self._log.critical(
                "{free}; below {least} MB messages are refused: make room",
                free=self._said(),
                least=self._least // _MB,
            )
        elif self._alarmed and not alarmed:
            self._log.info("there is enough free space again")
        self._alarmed = alarmed
        return LOOK_EVERY

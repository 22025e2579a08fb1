"""Whether something that should never happen has happened of late."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

_FORGOTTEN_AFTER = 3600.0


@dataclass(frozen=True, slots=True)
class Happened:
    """What has happened, with no hour between; moments in seconds since the epoch."""

    count: int
    since: float
    at: float
    """The last time."""


class OfLate:
    """Counts what happens until an hour has passed without it; of before the start of the daemon nothing is known."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._found: Happened | None = None

    def happened(self) -> None:
        """It has happened once more."""
        now, before = self._clock.seconds(), self.found
        self._found = Happened(1, now, now) if before is None else Happened(before.count + 1, before.since, now)

    @property
    def found(self) -> Happened | None:
        """What has happened; None: nothing for an hour."""
        if self._found is not None and self._clock.seconds() - self._found.at > _FORGOTTEN_AFTER:
            self._found = None
        return self._found

"""How long a work that is under way still takes."""

from __future__ import annotations

from collections.abc import Callable

# An estimate from less than this, in seconds, says nothing.
_SOON = 3.0


class Estimate:
    """By how much has been done since it was asked first: what an earlier run has done says nothing of the pace."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock."""
        self._seconds = seconds
        self._begun: tuple[float, float] | None = None

    def left(self, done: float) -> float | None:
        """Seconds until all is done, when `done` of it is, a share from 0 to 1; None when that cannot be told yet."""
        now = self._seconds()
        if self._begun is None:
            self._begun = (now, done)
        begun_at, done_before = self._begun
        if done <= done_before or now - begun_at < _SOON:
            return None
        return (1 - done) * (now - begun_at) / (done - done_before)

"""The leaky bucket by which Bitrix24, and A1 in its own way, limit how many requests a second they take."""

from __future__ import annotations


class LeakyBucket:
    """Takes `depth` requests at once and, in the long run, `rate` a second; the time is given with each request."""

    def __init__(self) -> None:
        self._level = 0.0
        self._seen = 0.0

    def admits(self, now: float, *, rate: float, depth: float) -> bool:
        """Whether a request at `now` (seconds) fits; one that does not leaves the bucket as it was."""
        self._level = max(0.0, self._level - (now - self._seen) * rate)
        self._seen = now
        if self._level + 1 > depth:
            return False
        self._level += 1
        return True

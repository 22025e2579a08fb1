"""The server's time that each REST method has taken: Bitrix24 blocks one that takes too much in ten minutes."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

_LIMIT = 480.0  # seconds
_BASKET = 60.0  # seconds that are counted together
_BASKETS = 10


class OperatingTime:
    """Counts by method, in baskets of a minute; times in seconds."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._baskets: dict[str, dict[int, float]] = {}

    def admits(self, method: str) -> bool:
        """Whether `method` is not blocked."""
        return self.used(method) < _LIMIT

    def add(self, method: str, seconds: float) -> None:
        """`method` has taken `seconds`."""
        baskets, now = self._baskets.setdefault(method, {}), self._basket()
        baskets[now] = baskets.get(now, 0.0) + seconds

    def used(self, method: str) -> float:
        """What `method` has taken in the last ten minutes."""
        return sum(self._standing(method).values())

    def reset_at(self, method: str) -> int:
        """When the oldest of that is forgotten, in Unix seconds; ten minutes from now when there is nothing."""
        standing = self._standing(method)
        if not standing:
            return int(self._clock.seconds() + _BASKETS * _BASKET)
        return int((min(standing) + _BASKETS) * _BASKET)

    def clear(self) -> None:
        """Forgets all of it."""
        self._baskets.clear()

    def _standing(self, method: str) -> dict[int, float]:
        baskets, oldest = self._baskets.get(method, {}), self._basket() - _BASKETS
        for basket in [each for each in baskets if each <= oldest]:
            del baskets[basket]
        return baskets

    def _basket(self) -> int:
        return int(self._clock.seconds() // _BASKET)

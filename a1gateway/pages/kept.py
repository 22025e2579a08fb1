"""What the pages keep in memory for a while rather than ask for it again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """Values that hold for some time; of too many, those that were kept first go first."""

    def __init__(self, holds_for: float, most: int) -> None:
        """A value holds for `holds_for` seconds, and `most` are kept."""
        self._holds_for = holds_for
        self._most = most
        self._kept: OrderedDict[_Key, tuple[float, _Value]] = OrderedDict()

    def find(self, key: _Key, now: float) -> _Value | None:
        """What is kept; None when nothing is, or it does not hold any more."""
        until, value = self._kept.get(key, (0.0, None))
        return value if until > now else None

    def keep(self, key: _Key, value: _Value, now: float) -> None:
        """Keep it from now on."""
        self._kept[key] = (now + self._holds_for, value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

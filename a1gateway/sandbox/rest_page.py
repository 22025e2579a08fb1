"""One page of a list that a REST method of the simulated portal gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

PAGE = 50

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Page:
    """A method's result, and what stands beside it: the count of all, and where the next page starts."""

    result: Any
    total: int | None = None
    next: int | None = None


def page_of(entries: Sequence[_Entry], start: int, shown: Callable[[list[_Entry]], Any]) -> Page:
    """The page of `entries` from `start` on, `shown` as a result; without a count when `start` is -1."""
    if start < 0:
        return Page(shown(list(entries[:PAGE])))
    after = start + PAGE
    return Page(shown(list(entries[start:after])), total=len(entries), next=after if after < len(entries) else None)


def start_of(raw: Any) -> int:
    """`start` as it was handed in; 0 when it is no number."""
    try:
        return max(-1, int(raw))
    except (TypeError, ValueError):
        return 0

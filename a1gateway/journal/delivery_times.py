"""How long messages took to be delivered, in steps that sums can be made of, and what half of them did not exceed.

A median cannot be added up; numbers of messages in steps of time can. A step is a tenth of the time, and of a second
more; what is read out of the sums lies in the right step, and is mostly within a few per cent of what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_FACTOR = 1.1
_LOG = math.log(_FACTOR)


def step_of(seconds: float) -> int:
    """The step that a time belongs to, from 0; less than no time is none."""
    return int(math.log1p(max(0.0, seconds)) / _LOG)


def begin_of(step: float) -> float:
    """From how many seconds on times belong to a step."""
    return float(math.expm1(step * _LOG))


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """What so many of the delivered messages took at most, in seconds."""

    median: float
    percentile_95: float


@dataclass(frozen=True, slots=True)
class Band:
    """The messages that took about as long as each other."""

    longer_than: float
    """In seconds."""
    at_most: float | None
    """None: however long."""
    messages: int


def bands(messages: Mapping[int, int], bounds: Sequence[float]) -> list[Band]:
    """Numbers of messages by step, parted at `bounds` (in seconds and in order); each counts in one band.

    Those of a step in which a bound lies count as if they were spread over it evenly.
    """
    total = sum(messages.values())
    ends = [round(sum(count * _below(bound, step) for step, count in messages.items())) for bound in bounds]
    begins = [0.0, *bounds]
    counts = [after - before for before, after in zip([0, *ends], [*ends, total], strict=True)]
    return [Band(*each) for each in zip(begins, [*bounds, None], counts, strict=True)]


def delivery_times(messages: Mapping[int, int]) -> DeliveryTimes | None:
    """Of numbers of messages by step; None of no messages."""
    if not messages:
        return None
    in_order = sorted(messages.items())
    total = sum(messages.values())
    return DeliveryTimes(_at(in_order, total * 0.5), _at(in_order, total * 0.95))


def _at(in_order: list[tuple[int, int]], place: float) -> float:
    """The time of the message at a place, as if those of a step were spread over it evenly."""
    before = 0
    for step, count in in_order:
        if before + count >= place:
            return begin_of(step + (place - before) / count)
        before += count
    raise AssertionError("no such place")


def _below(bound: float, step: int) -> float:
    """Which share of a step lies below a bound."""
    return min(1.0, max(0.0, math.log1p(bound) / _LOG - step))

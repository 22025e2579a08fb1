"""How long messages took to be delivered, in steps that sums can be made of, and what half of them did not exceed.

A median cannot be added up; numbers of messages in steps of time can. A step is a tenth of the time, and of a second
more; what is read out of the sums lies in the right step, and is mostly within a few per cent of what it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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

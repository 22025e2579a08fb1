"""How things are going, as the journal knows it: within one look of a `reader`, or while no daemon runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from .analytics import Counts, Period, analytics
from .campaigns import State
from .depths import Depth, depths
from .schema import campaigns
from .statements import Connection, Statement
from .statistics import COUNTED, HOUR, day_of, uncounted

# What the statistics have not counted yet is counted here, as long as that is little.
_MOST_UNCOUNTED = 5000
_MOST_CAMPAIGNS = 20
_PAUSED = Statement(
    select(campaigns.c.id, campaigns.c.text, campaigns.c.state_at, campaigns.c.state_by)
    .where(campaigns.c.state == str(State.PAUSED))
    .order_by(campaigns.c.id.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Paused:
    """A campaign that is paused."""

    id: int
    text: str
    """How the text of its first message begins."""
    since: float
    """In seconds since the epoch."""
    by: str | None
    """By whose word."""


@dataclass(frozen=True, slots=True)
class Overview:
    """How things are going."""

    today: Counts
    """Of the messages that were accepted today, by the clock of Minsk."""
    is_complete: bool
    """Whether everything that has happened is counted in it."""
    queues: Mapping[str, Depth]
    """By `depths.QUEUES`."""
    paused: Sequence[Paused]
    """The latest first."""


def overview(connection: Connection, now: float) -> Overview:
    """How things are going `now`, in seconds since the epoch."""
    today, is_complete = _today(connection, now)
    paused = [Paused(*row) for row in connection.all(_PAUSED, {"most": _MOST_CAMPAIGNS})]
    return Overview(today, is_complete, depths(connection), paused)


def _today(connection: Connection, now: float) -> tuple[Counts, bool]:
    today = day_of(int(now) // HOUR)
    counted = analytics(connection, Period.between(now, now)).total
    sums = [getattr(counted, name) for name in COUNTED]
    more = uncounted(connection, _MOST_UNCOUNTED)
    if more is None:
        return Counts(*sums), True
    for (day, _), counts in more.sums.days().items():
        if day == today:
            sums = [before + new for before, new in zip(sums, counts, strict=False)]
    return Counts(*sums), not more.more

"""What the statistics say of a period: for people, with the sums behind.

A period is made of whole days in Minsk. Every function takes a connection of the reader's (`IReader.read`), and is
quick however many messages there were: it reads sums.
"""

from __future__ import annotations

import enum
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Column, Select, Table, bindparam, func, literal_column, select

from ..hours import MINSK
from .delivery_times import Band, DeliveryTimes, bands, delivery_times
from .schema import (
    history,
    statistics_days,
    statistics_failures,
    statistics_groups,
    statistics_hours,
    statistics_position,
    statistics_times,
)
from .statements import Connection, Statement, among, listed
from .statistics import AHEAD, COUNTED, COUNTED_BY_DAY, HOUR, HOURS, MILLIONTHS, Group

K = TypeVar("K", bound=Hashable)

_EPOCH = date(1970, 1, 1)
# So many points a chart of hours, and one of days, has at most.
_MOST_DAYS_BY_HOUR = 3
_MOST_DAYS_BY_DAY = 400
BANDS = (10.0, 60.0, 600.0, 3600.0, 86400.0)
"""Where times to delivery are parted, in seconds."""


class Step(enum.Enum):
    """What a point of a series stands for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Days in Minsk, both ends among them."""

    first: date
    last: date

    @classmethod
    def between(cls, begin: float, end: float) -> Period:
        """The days that have a part of the time from `begin` until before `end`, in seconds since the epoch."""
        first, last = (datetime.fromtimestamp(each, MINSK) for each in (begin, max(begin, end)))
        midnight = last == last.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(first.date(), last.date() - timedelta(days=1) if midnight and last > first else last.date())

    @property
    def days(self) -> int:
        """How many there are."""
        return (self.last - self.first).days + 1

    @property
    def step(self) -> Step:
        """What a chart can be read in."""
        if self.days <= _MOST_DAYS_BY_HOUR:
            return Step.HOUR
        return Step.DAY if self.days <= _MOST_DAYS_BY_DAY else Step.MONTH


@dataclass(frozen=True, slots=True)
class Only:
    """Which messages are counted; None: whatever it is. An empty text: what is not known."""

    kind: str | None = None
    operator: str | None = None
    sender_id: str | None = None
    sent_by: str | None = None


EVERYTHING = Only()


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of messages."""

    accepted: int = 0
    """All that came, also those that were refused at the door."""
    taken: int = 0
    """Those of them that A1 has taken."""
    delivered: int = 0
    failed: int = 0
    """Rejected, expired or undeliverable, whether A1 had taken them or not."""

    @property
    def under_way(self) -> int:
        """Those without an end as yet."""
        return self.accepted - self.delivered - self.failed


@dataclass(frozen=True, slots=True)
class Figures(Counts):
    """The same, with what there is besides of those that A1 has taken."""

    segments: int = 0
    amount: Decimal = Decimal(0)
    """What A1 takes for them, in BYN, as far as it has said."""
    priced: int = 0
    """Of so many A1 has named a price; over SMPP it does not."""
    unicode: int = 0
    """Those in UCS-2, as Cyrillic is."""
    shortenable: int = 0
    """Of these, those that up to ten characters fewer would make a segment shorter."""
    times: DeliveryTimes | None = None
    """How long the delivered ones took; None where none is."""

    @property
    def segment_price(self) -> Decimal | None:
        """What a segment cost on average, in BYN; None where A1 has named no price."""
        if not self.priced or not self.segments:
            return None
        return self.amount * self.taken / (self.priced * self.segments)


@dataclass(frozen=True, slots=True)
class Point:
    """A part of the period, from its beginning on by Minsk's clock."""

    begin: datetime
    counts: Counts
    times: DeliveryTimes | None = None
    """How long the delivered ones took; not known by hour."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sender had to pay for."""

    begin: datetime
    """Of the day, or of the month where the series is by month."""
    sender_id: str
    segments: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Failure:
    """Why messages failed."""

    status: str
    reason: str
    """A word of the contract; empty: there is none but the status."""
    messages: int


@dataclass(frozen=True, slots=True)
class Analytics:
    """Everything of a period; what is by name has the most frequent first."""

    period: Period
    step: Step
    total: Figures
    series: Sequence[Point]
    """Without a gap."""
    by_hour_of_day: Sequence[Counts]
    """24, from midnight in Minsk."""
    by_kind: Mapping[str, Figures]
    by_operator: Mapping[str, Figures]
    by_sender_id: Mapping[str, Figures]
    by_sent_by: Mapping[str, Figures]
    costs: Sequence[Cost]
    """In order of time; days and months without any are left out."""
    failures: Sequence[Failure]
    bands: Sequence[Band]
    """How long the delivered ones took, parted at `BANDS`."""
    counted_to: float | None
    """What has happened since is not in it yet, in seconds since the epoch; None: everything is."""


class _Query:
    """A select over a part of a table's rows, by time; and by group where only some count."""

    def __init__(self, table: Table, at: str, chosen: Select[Any]) -> None:
        within = chosen.where(table.c[at] >= bindparam("first"), table.c[at] <= bindparam("last"))
        self._of_all = Statement(within)
        self._of_some = Statement(within.where(table.c.group_id.in_(among("groups"))))

    def run(self, connection: Connection, first: int, last: int, groups: Iterable[int] | None) -> sqlite3.Cursor:
        """`groups`: None are all."""
        values = {"first": first, "last": last}
        if groups is None:
            return connection.execute(self._of_all, values)
        return connection.execute(self._of_some, values | {"groups": listed(groups)})


def _sums(table: Table, *keys: str, of: Sequence[str] = ("messages",)) -> Select[Any]:
    columns: list[Column[Any]] = [table.c[key] for key in keys]
    return select(*columns, *(func.sum(table.c[name]) for name in of)).group_by(*columns)


_GROUPS = Statement(select(statistics_groups.c.id, *(statistics_groups.c[name] for name in Group._fields)))
_BY_DAY = _Query(statistics_days, "day", _sums(statistics_days, "day", of=COUNTED))
_BY_GROUP = _Query(statistics_days, "day", _sums(statistics_days, "group_id", of=COUNTED_BY_DAY))
_of_sender = (statistics_days.c.day, statistics_groups.c.sender_id)
_COSTS = _Query(
    statistics_days,
    "day",
    select(*_of_sender, func.sum(statistics_days.c.segments), func.sum(statistics_days.c.amount))
    .join_from(statistics_days, statistics_groups)
    .group_by(*_of_sender),
)
_BY_HOUR = _Query(statistics_hours, "hour", _sums(statistics_hours, "hour", of=COUNTED))
_FAILURES = _Query(statistics_failures, "day", _sums(statistics_failures, "status", "reason"))
_TIMES_BY_DAY = _Query(statistics_times, "day", _sums(statistics_times, "day", "step"))
_TIMES_BY_GROUP = _Query(statistics_times, "day", _sums(statistics_times, "group_id", "step"))
_counted = func.coalesce(select(statistics_position.c.record).scalar_subquery(), 0)
_NOT_COUNTED = Statement(
    select(history.c.at).where(history.c.id > _counted).order_by(history.c.id).limit(literal_column("1"))
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What messages there are at all, to choose from for `Only`, in order of the alphabet."""

    kinds: Sequence[str]
    operators: Sequence[str]
    sender_ids: Sequence[str]
    sent_by: Sequence[str]


def choices(connection: Connection) -> Choices:
    """See `Choices`."""
    groups = _groups(connection, EVERYTHING).values()
    return Choices(
        sorted({group.kind for group in groups}),
        sorted({group.operator for group in groups}),
        sorted({group.sender_id for group in groups}),
        sorted({group.sent_by for group in groups}),
    )


def counted_to(connection: Connection) -> float | None:
    """What has happened since is not in the statistics yet, in seconds since the epoch; None: everything is."""
    at: float | None = connection.value(_NOT_COUNTED)
    return at


def analytics(
    connection: Connection, period: Period, only: Only = EVERYTHING, *, step: Step | None = None
) -> Analytics:
    """Everything of a period; `step` is that of its series, where that is not left to its length."""
    groups = _groups(connection, only)
    reading = _Reading(connection, period, step or period.step, groups, all_groups=only == EVERYTHING)
    by_group = reading.by_group()
    total = _Sum()
    for each in by_group.values():
        total.add(each)
    return Analytics(
        period,
        reading.step,
        total.figures(),
        reading.series(),
        reading.by_hour_of_day(),
        _by_name(by_group, lambda group: group.kind),
        _by_name(by_group, lambda group: group.operator),
        _by_name(by_group, lambda group: group.sender_id),
        _by_name(by_group, lambda group: group.sent_by),
        reading.costs(),
        reading.failures(),
        bands(total.times, BANDS),
        counted_to(connection),
    )


def _groups(connection: Connection, only: Only) -> dict[int, Group]:
    """Those that count, by their rows."""
    groups = {id_: Group(*group) for id_, *group in connection.all(_GROUPS)}
    wanted = [
        (at, name)
        for at, name in enumerate((only.kind, only.operator, only.sender_id, only.sent_by))
        if name is not None
    ]
    return {id_: group for id_, group in groups.items() if all(group[at] == name for at, name in wanted)}


@dataclass(slots=True)
class _Sum:
    """Sums as they are added up: those of `COUNTED_BY_DAY`, and how many messages took how long."""

    counts: list[int] = field(default_factory=lambda: [0] * len(COUNTED_BY_DAY))
    times: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def count(self, more: Iterable[int]) -> None:
        """Add to the first of them."""
        for at, each in enumerate(more):
            self.counts[at] += each

    def add(self, other: _Sum) -> None:
        """All of another's."""
        self.count(other.counts)
        for step, messages in other.times.items():
            self.times[step] += messages

    def message_counts(self) -> Counts:
        """The first of them."""
        return Counts(*self.counts[: len(COUNTED)])

    def figures(self) -> Figures:
        """All of them."""
        values = dict(zip(COUNTED_BY_DAY, self.counts, strict=True))
        amount = _byn(values.pop("amount"))
        return Figures(**values, amount=amount, times=delivery_times(self.times))


def _byn(millionths: int) -> Decimal:
    return Decimal(millionths) / MILLIONTHS


def _by_name(by_group: Mapping[Group, _Sum], name: Callable[[Group], str]) -> dict[str, Figures]:
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for group, each in by_group.items():
        sums[name(group)].add(each)
    figures = {of: each.figures() for of, each in sums.items()}
    return dict(sorted(figures.items(), key=lambda each: (-each[1].accepted, each[0])))


class _Reading:
    """The sums of a period."""

    def __init__(
        self, connection: Connection, period: Period, step: Step, groups: Mapping[int, Group], *, all_groups: bool
    ) -> None:
        self.step = step
        self._connection = connection
        self._groups = groups
        self._some = None if all_groups else list(groups)
        self._first, self._last = ((each - _EPOCH).days for each in (period.first, period.last))
        self._first_hour, self._last_hour = self._first * HOURS - AHEAD, (self._last + 1) * HOURS - AHEAD - 1
        hours = _BY_HOUR.run(connection, self._first_hour, self._last_hour, self._some)
        self._counts_of_hours = {hour: counts for hour, *counts in hours}

    def by_group(self) -> dict[Group, _Sum]:
        return self._add_up(_BY_GROUP, _TIMES_BY_GROUP, self._groups)

    def series(self) -> list[Point]:
        if self.step is Step.HOUR:
            return self._by_hour()
        begins = {day: self._begin(day) for day in range(self._first, self._last + 1)}
        sums = self._add_up(_BY_DAY, _TIMES_BY_DAY, begins)
        return [
            Point(begin, of_it.message_counts(), delivery_times(of_it.times))
            for begin in dict.fromkeys(begins.values())
            for of_it in [sums.get(begin, _Sum())]
        ]

    def by_hour_of_day(self) -> list[Counts]:
        sums = [[0] * len(COUNTED) for _ in range(HOURS)]
        for hour, counts in self._counts_of_hours.items():
            of_it = sums[(hour + AHEAD) % HOURS]
            for at, count in enumerate(counts):
                of_it[at] += count
        return [Counts(*counts) for counts in sums]

    def costs(self) -> list[Cost]:
        sums: defaultdict[tuple[datetime, str], list[int]] = defaultdict(lambda: [0, 0])
        for day, sender_id, segments, amount in self._of_days(_COSTS):
            if segments:
                of_it = sums[self._begin(day), sender_id]
                of_it[0] += segments
                of_it[1] += amount
        return [
            Cost(begin, sender_id, segments, _byn(amount))
            for (begin, sender_id), (segments, amount) in sorted(sums.items())
        ]

    def failures(self) -> list[Failure]:
        found = [Failure(*row) for row in self._of_days(_FAILURES)]
        return sorted(found, key=lambda each: (-each.messages, each.status, each.reason))

    def _by_hour(self) -> list[Point]:
        return [
            Point(datetime.fromtimestamp(hour * HOUR, MINSK), Counts(*self._counts_of_hours.get(hour, ())))
            for hour in range(self._first_hour, self._last_hour + 1)
        ]

    def _add_up(self, counts: _Query, times: _Query, names: Mapping[int, K]) -> dict[K, _Sum]:
        """By what the days or groups are called."""
        sums: defaultdict[K, _Sum] = defaultdict(_Sum)
        of_days_or_groups: dict[int, _Sum] = {}
        for of, *values in self._of_days(counts):
            of_days_or_groups[of] = sums[names[of]]
            of_days_or_groups[of].count(values)
        # What has a time is counted, too.
        for of, step, messages in self._of_days(times):
            of_days_or_groups[of].times[step] += messages
        return sums

    def _of_days(self, query: _Query) -> sqlite3.Cursor:
        return query.run(self._connection, self._first, self._last, self._some)

    def _begin(self, day: int) -> datetime:
        """Of the day, or of its month."""
        begin = datetime.combine(_EPOCH + timedelta(days=day), time(), MINSK)
        return begin.replace(day=1) if self.step is Step.MONTH else begin

"""What the statistics say of a period: days and hours in Minsk, names, filters, and nothing left out."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.hours import MINSK
from a1gateway.journal import Journal, Store, statistics
from a1gateway.journal.analytics import (
    EVERYTHING,
    Analytics,
    Choices,
    Cost,
    Counts,
    Failure,
    Only,
    Period,
    Step,
    analytics,
    choices,
    counted_to,
)
from a1gateway.journal.delivery_times import step_of
from a1gateway.journal.reader import reading
from a1gateway.journal.statistics import COUNTED_BY_DAY, Batch, Group, Sums, day_of

from .conftest import START, arrival, run

VISIT = Group("transactional", "a1", "MyShop", "scenario:visit")
CARD = Group("transactional", "mts", "MyShop", "card")
MAILING = Group("marketing", "mts", "ShopPromo", "mailing")
BY_LIFE = Group("transactional", "life", "", "card")


def moment(text: str) -> float:
    """Of Minsk's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=MINSK).timestamp()


class Counted:
    """A journal in which so much is counted."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self._journal = journal
        self._path = path

    def add(
        self, at: str, group: Group, *, failures: dict[tuple[str, str], int] | None = None, **counts: int
    ) -> None:
        """Messages that were accepted then."""
        hour = int(moment(at) // 3600)
        sums = Sums()
        sums.hours[hour, group][:] = [counts.get(name, 0) for name in COUNTED_BY_DAY]
        for (status, reason), messages in (failures or {}).items():
            sums.failures[day_of(hour), group, status, reason] = messages
        self._write(sums)

    def took(self, at: str, group: Group, *seconds: float) -> None:
        """Messages that were delivered after so many seconds."""
        hour = int(moment(at) // 3600)
        sums = Sums()
        sums.hours[hour, group][2] = len(seconds)
        for each in seconds:
            sums.times[day_of(hour), group, step_of(each)] += 1
        self._write(sums)

    def of(self, first: str, last: str, only: Only = EVERYTHING, step: Step | None = None) -> Analytics:
        """What is said of a period."""
        period = Period(date.fromisoformat(first), date.fromisoformat(last))
        with reading(self._path) as connection:
            return analytics(connection, period, only, step=step)

    def choices(self) -> Choices:
        with reading(self._path) as connection:
            return choices(connection)

    def _write(self, sums: Sums) -> None:
        after = run(self._journal.within(statistics.position))
        assert run(self._journal.within(statistics.add, Batch(after, after, False, sums)))


@pytest.fixture
def counted(journal: Journal, store: Store) -> Counted:
    return Counted(journal, store.path)


def test_a_day_begins_at_midnight_in_minsk(counted: Counted) -> None:
    counted.add("2026-11-22 23:30", VISIT, accepted=1)
    counted.add("2026-11-23 00:30", VISIT, accepted=2)
    counted.add("2026-11-23 23:30", VISIT, accepted=4)
    counted.add("2026-11-24 00:30", VISIT, accepted=8)
    found = counted.of("2026-11-23", "2026-11-23")
    assert found.total.accepted == 6
    assert found.step is Step.HOUR
    assert [(point.begin.hour, point.counts.accepted) for point in found.series if point.counts.accepted] == [
        (0, 2),
        (23, 4),
    ]
    assert [hour for hour, counts in enumerate(found.by_hour_of_day) if counts.accepted] == [0, 23]


def test_a_series_has_no_gap(counted: Counted) -> None:
    counted.add("2026-11-03 12:00", VISIT, accepted=5, taken=4, delivered=3, failed=1)
    found = counted.of("2026-11-01", "2026-11-07")
    assert found.step is Step.DAY
    assert [point.begin.day for point in found.series] == [1, 2, 3, 4, 5, 6, 7]
    assert found.series[2].counts == Counts(5, 4, 3, 1)
    assert found.series[2].counts.under_way == 1
    assert found.series[3].counts == Counts()
    assert len(counted.of("2026-11-01", "2026-11-02").series) == 48


def test_years_are_shown_by_month(counted: Counted) -> None:
    counted.add("2025-01-31 12:00", VISIT, accepted=1, segments=2)
    counted.add("2025-02-01 12:00", VISIT, accepted=2, segments=4)
    counted.add("2025-02-28 12:00", VISIT, accepted=4, segments=8)
    counted.took("2025-02-27 12:00", VISIT, 5.0)
    found = counted.of("2025-01-15", "2026-11-30")
    assert found.step is Step.MONTH
    assert len(found.series) == 23
    assert [(each.begin.month, each.counts.accepted, each.times is not None) for each in found.series[:3]] == [
        (1, 1, False),
        (2, 6, True),
        (3, 0, False),
    ]
    assert [(each.begin.month, each.segments) for each in found.costs] == [(1, 2), (2, 12)]
    assert counted.of("2025-01-15", "2026-11-30", step=Step.DAY).step is Step.DAY


def test_names_come_with_the_most_frequent_first(counted: Counted) -> None:
    counted.add("2026-11-03 12:00", VISIT, accepted=5)
    counted.add("2026-11-03 12:00", CARD, accepted=2)
    counted.add("2026-11-04 12:00", CARD, accepted=4)
    counted.add("2026-11-03 12:00", BY_LIFE, accepted=1)
    counted.add("2026-11-03 12:00", MAILING, accepted=8)
    found = counted.of("2026-11-01", "2026-11-30")
    assert found.total.accepted == 20
    accepted = {
        of: {name: figures.accepted for name, figures in getattr(found, of).items()}
        for of in ("by_kind", "by_operator", "by_sender_id", "by_sent_by")
    }
    assert accepted == {
        "by_kind": {"transactional": 12, "marketing": 8},
        "by_operator": {"mts": 14, "a1": 5, "life": 1},
        "by_sender_id": {"MyShop": 11, "ShopPromo": 8, "": 1},
        "by_sent_by": {"mailing": 8, "card": 7, "scenario:visit": 5},
    }
    assert [list(each) for each in accepted.values()] == [
        ["transactional", "marketing"],
        ["mts", "a1", "life"],
        ["MyShop", "ShopPromo", ""],
        ["mailing", "card", "scenario:visit"],
    ]


@pytest.mark.parametrize(
    ("only", "accepted"),
    [
        (Only(), 15),
        (Only(kind="marketing"), 8),
        (Only(operator="mts"), 10),
        (Only(operator="mts", kind="transactional"), 2),
        (Only(sender_id=""), 1),
        (Only(sent_by="card"), 3),
        (Only(sent_by="nobody"), 0),
    ],
)
def test_everything_is_of_those_messages_only(counted: Counted, only: Only, accepted: int) -> None:
    amounts = {VISIT: 4, CARD: 2, BY_LIFE: 1, MAILING: 8}
    for group, count in amounts.items():
        counts = dict.fromkeys(COUNTED_BY_DAY, count)
        counted.add("2026-11-03 12:00", group, failures={("rejected", "stop_list"): count}, **counts)
        counted.took("2026-11-04 12:00", group, *([7.0] * count))
    found = counted.of("2026-11-01", "2026-11-30", only)
    assert found.total.accepted == found.total.segments == accepted
    assert found.total.delivered == 2 * accepted
    assert (found.total.times is not None) == (accepted > 0)
    assert sum(point.counts.accepted for point in found.series) == accepted
    assert (found.series[3].times is not None) == (accepted > 0)
    assert found.by_hour_of_day[12].accepted == accepted
    assert sum(failure.messages for failure in found.failures) == accepted
    assert sum(cost.segments for cost in found.costs) == accepted
    assert sum(point.counts.accepted for point in counted.of("2026-11-03", "2026-11-03", only).series) == accepted


def test_costs_are_by_day_and_sender_in_byn(counted: Counted) -> None:
    counted.add("2026-11-03 12:00", VISIT, taken=2, segments=3, amount=135_000, priced=2)
    counted.add("2026-11-03 13:00", CARD, taken=1, segments=1, amount=45_000, priced=1)
    counted.add("2026-11-03 13:00", MAILING, taken=1, segments=2)
    counted.add("2026-11-04 13:00", CARD, accepted=1)
    found = counted.of("2026-11-01", "2026-11-30")
    begin = datetime(2026, 11, 3, tzinfo=MINSK)
    assert found.costs == [Cost(begin, "MyShop", 4, Decimal("0.18")), Cost(begin, "ShopPromo", 2, Decimal(0))]
    assert (found.total.amount, found.total.priced, found.total.taken) == (Decimal("0.18"), 3, 4)


def test_reasons_of_failure_are_by_status(counted: Counted) -> None:
    counted.add("2026-11-03 12:00", VISIT, failures={("expired", ""): 2, ("rejected", "stop_list"): 3})
    counted.add("2026-11-04 12:00", CARD, failures={("rejected", "stop_list"): 1, ("expired", "no_answer"): 2})
    counted.add("2026-12-04 12:00", CARD, failures={("undeliverable", ""): 1})
    assert counted.of("2026-11-01", "2026-11-30").failures == [
        Failure("rejected", "stop_list", 4),
        Failure("expired", "", 2),
        Failure("expired", "no_answer", 2),
    ]


def test_times_are_by_day_and_by_name_and_of_all(counted: Counted) -> None:
    counted.took("2026-11-03 12:00", VISIT, *([2.0] * 99), 3600.0)
    counted.took("2026-11-04 12:00", CARD, *([30.0] * 101))
    found = counted.of("2026-11-01", "2026-11-30")
    assert found.total.times is not None
    assert found.total.times.median == pytest.approx(28, rel=0.1)
    assert found.series[2].times is not None
    assert found.series[2].times.median == pytest.approx(2, rel=0.1)
    assert found.series[2].times.percentile_95 == pytest.approx(2, rel=0.1)
    of_mts = found.by_operator["mts"].times
    assert of_mts is not None
    assert of_mts.median == pytest.approx(30, rel=0.1)
    assert found.series[4].times is None


def test_it_is_said_how_many_were_delivered_within_what_time(counted: Counted) -> None:
    counted.took("2026-11-03 12:00", VISIT, *([2.0] * 90), *([40.0] * 6), 7200.0)
    counted.took("2026-11-04 12:00", CARD, *([2.0] * 10), 200_000.0)
    found = counted.of("2026-11-01", "2026-11-30")
    assert [(each.at_most, each.messages) for each in found.bands] == [
        (10.0, 100),
        (60.0, 6),
        (600.0, 0),
        (3600.0, 0),
        (86400.0, 1),
        (None, 1),
    ]
    assert sum(each.messages for each in counted.of("2026-11-01", "2026-11-30", Only(sent_by="card")).bands) == 11


@pytest.mark.parametrize(
    ("counts", "price"),
    [
        pytest.param({"taken": 2, "segments": 3, "amount": 135_000, "priced": 2}, "0.045", id="of all"),
        pytest.param({"taken": 4, "segments": 6, "amount": 135_000, "priced": 2}, "0.045", id="of half"),
        pytest.param({"taken": 4, "segments": 6}, None, id="of none"),
        pytest.param({"accepted": 1}, None, id="nothing is taken"),
    ],
)
def test_what_a_segment_costs_is_known_as_far_as_a1_has_named_prices(
    counted: Counted, counts: dict[str, Any], price: str | None
) -> None:
    counted.add("2026-11-03 12:00", VISIT, **counts)
    found = counted.of("2026-11-01", "2026-11-30").total.segment_price
    assert found == (None if price is None else Decimal(price))


def test_one_can_choose_among_what_there_is(counted: Counted) -> None:
    assert counted.choices() == Choices([], [], [], [])
    for group in (VISIT, CARD, BY_LIFE, MAILING):
        counted.add("2026-11-03 12:00", group, accepted=1)
    assert counted.choices() == Choices(
        ["marketing", "transactional"],
        ["a1", "life", "mts"],
        ["", "MyShop", "ShopPromo"],
        ["card", "mailing", "scenario:visit"],
    )


def test_of_nothing_there_is_nothing(counted: Counted) -> None:
    found = counted.of("2026-11-01", "2026-11-30")
    assert found.total.accepted == 0
    assert found.total.times is None
    assert len(found.series) == 30
    assert (found.by_kind, found.costs, found.failures, found.counted_to) == ({}, [], [], None)


def test_it_is_known_how_far_the_counting_has_come(journal: Journal, store: Store) -> None:
    def to() -> float | None:
        with reading(store.path) as connection:
            return counted_to(connection)

    assert to() is None
    for name, received_at in (("m1", START), ("m2", START + 60)):
        run(journal.accept(arrival(name, received_at=received_at)))
    assert to() == START
    for expected in (START + 60, None):
        with reading(store.path) as connection:
            batch = statistics.uncounted(connection, 1)
        assert batch is not None
        run(journal.within(statistics.add, batch))
        assert to() == expected


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        pytest.param("2026-11-03 00:00", "2026-11-04 00:00", "2026-11-03", "2026-11-03", id="a day"),
        pytest.param("2026-11-03 12:00", "2026-11-04 12:00", "2026-11-03", "2026-11-04", id="parts of two"),
        pytest.param("2026-11-03 12:00", "2026-11-03 12:00", "2026-11-03", "2026-11-03", id="a moment"),
        pytest.param("2026-11-03 12:00", "2026-11-01 12:00", "2026-11-03", "2026-11-03", id="the wrong way round"),
    ],
)
def test_a_period_is_made_of_whole_days(begin: str, end: str, first: str, last: str) -> None:
    period = Period.between(moment(begin), moment(end))
    assert period == Period(date.fromisoformat(first), date.fromisoformat(last))


@given(st.floats(0, 4e9), st.floats(0, 1e9))
def test_a_period_holds_the_time_that_it_is_made_of(begin: float, length: float) -> None:
    period = Period.between(begin, begin + length)
    first, after = (
        datetime.combine(day, datetime.min.time(), MINSK).timestamp() + more
        for day, more in ((period.first, 0), (period.last, 86400))
    )
    assert first <= begin
    assert begin + length <= after or length == 0
    assert period.days >= 1

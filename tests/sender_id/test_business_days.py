"""When A1's decision is due: business days, with Belarus's holidays and the days that the government has moved."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.sender_id.business_days import business_day_after, due_between, is_business_day


@pytest.mark.parametrize(
    ("handed_in", "soonest", "latest"),
    [
        pytest.param(date(2026, 6, 1), date(2026, 6, 4), date(2026, 6, 15), id="ordinary weeks"),
        pytest.param(date(2026, 6, 5), date(2026, 6, 10), date(2026, 6, 19), id="handed in on a Friday"),
        pytest.param(date(2026, 6, 6), date(2026, 6, 10), date(2026, 6, 19), id="handed in on a Saturday"),
        # Radunitsa on the 21st, its bridge day of the 20th worked on Saturday the 25th, and the 1st of May.
        pytest.param(date(2026, 4, 17), date(2026, 4, 24), date(2026, 5, 5), id="a moved day and two holidays"),
        # Catholic Christmas, two days of New Year, Orthodox Christmas.
        pytest.param(date(2026, 12, 24), date(2026, 12, 30), date(2027, 1, 12), id="over the turn of the year"),
    ],
)
def test_a1_decides_within_three_to_ten_business_days(handed_in: date, soonest: date, latest: date) -> None:
    assert due_between(handed_in) == (soonest, latest)


@pytest.mark.parametrize(
    "day",
    [
        date(2026, 1, 1),
        date(2026, 1, 2),
        date(2026, 1, 7),
        date(2027, 3, 8),
        date(2026, 5, 1),
        date(2025, 5, 9),
        date(2026, 4, 21),
        date(2026, 7, 3),
        date(2025, 11, 7),
        date(2026, 12, 25),
        date(2026, 4, 20),
        date(2026, 11, 28),
        date(2026, 11, 29),
    ],
)
def test_nobody_works_on_these_days(day: date) -> None:
    assert not is_business_day(day)


def test_a_saturday_worked_for_a_bridge_day_is_a_business_day() -> None:
    assert is_business_day(date(2026, 4, 25))


@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.integers(1, 15))
def test_so_many_business_days_lie_between(start: date, days: int) -> None:
    due = business_day_after(start, days)
    between = [start + timedelta(days=after) for after in range(1, (due - start).days + 1)]
    assert sum(map(is_business_day, between)) == days
    assert is_business_day(due)

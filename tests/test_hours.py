"""The hours of marketing, of scenarios and of reminders."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.hours import MINSK, Hours, OpenHours, windows
from a1gateway.message import Kind, Window

DAY = 86400.0


def at(clock: str, day: int = 22) -> float:
    """A moment of November 2026 by Minsk's clock, in seconds since the epoch."""
    return datetime.fromisoformat(f"2026-11-{day:02} {clock}").replace(tzinfo=MINSK).timestamp()


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("09:00-21:00", at("09:00"), at("09:00")),
        ("09:00-21:00", at("20:59:59"), at("20:59:59")),
        ("09:00-21:00", at("21:00"), at("09:00", 23)),
        ("09:00-21:00", at("08:59"), at("09:00")),
        ("9:00 – 21:00", at("00:00"), at("09:00")),
        ("00:00-24:00", at("03:00"), at("03:00")),
        ("22:00-06:00", at("23:00"), at("23:00")),
        ("22:00-06:00", at("05:59"), at("05:59")),
        ("22:00-06:00", at("06:00"), at("22:00")),
        ("09:00-24:00", at("23:59"), at("23:59")),
    ],
)
def test_hours_are_read_by_the_clock_in_minsk(hours: str, now: float, opens: float) -> None:
    """Whatever the server's own time zone is."""
    assert Hours.read(hours).opening(now) == opens


@pytest.mark.parametrize(
    ("hours", "now", "closes"),
    [
        ("09:00-21:00", at("09:00"), at("21:00")),
        ("22:00-06:00", at("23:00"), at("06:00", 23)),
        ("22:00-06:00", at("05:00"), at("06:00")),
        ("09:00-24:00", at("12:00"), at("00:00", 23)),
    ],
)
def test_hours_end(hours: str, now: float, closes: float) -> None:
    """On the same day, or on the next when they go over midnight."""
    assert Hours.read(hours).closing(now) == closes


@pytest.mark.parametrize(
    "text", ["", "9-21", "09:00", "09:00-09:00", "24:00-06:00", "25:00-26:00", "09:60-10:00", "x"]
)
def test_what_is_no_hours_is_refused(text: str) -> None:
    """Hours that never begin too."""
    with pytest.raises(ValueError, match=r"."):
        Hours.read(text)


@given(st.integers(0, 1439), st.integers(0, 1439), st.floats(0, 4e9))
def test_the_next_opening_is_within_a_day_and_is_one(begin: int, end: int, now: float) -> None:
    """At the opening they are on, and they end after it, within a day."""
    if begin == end:
        return
    hours = Hours(begin * 60.0, end * 60.0)
    opening = hours.opening(now)
    assert now <= opening <= now + DAY
    assert hours.opening(opening + 0.001) == opening + 0.001
    assert opening < hours.closing(opening) <= opening + DAY
    assert timedelta(0) <= MINSK.utcoffset(None)


@pytest.mark.parametrize(
    ("start", "end", "first", "again"),
    [
        (at("12:00"), None, Window(at("12:00"), at("13:00")), None),
        (at("20:00"), None, Window(at("20:00"), at("21:00")), Window(at("09:00", 23), at("10:00", 23))),
        (at("20:30"), None, Window(at("20:30"), at("21:00")), Window(at("09:00", 23), at("10:00", 23))),
        (at("21:00"), None, Window(at("09:00", 23), at("10:00", 23)), None),
        (at("03:00"), None, Window(at("09:00"), at("10:00")), None),
        # What it is about comes first.
        (at("12:00"), at("12:10"), Window(at("12:00"), at("12:10")), None),
        (at("20:30"), at("20:40"), Window(at("20:30"), at("20:40")), None),
        (at("20:30"), at("08:00", 23), Window(at("20:30"), at("21:00")), None),
        (at("20:30"), at("09:20", 23), Window(at("20:30"), at("21:00")), Window(at("09:00", 23), at("09:20", 23))),
    ],
)
def test_what_the_hours_cut_short_has_another_time(
    start: float, end: float | None, first: Window, again: Window | None
) -> None:
    hours = Hours.read("09:00-21:00")
    assert windows(start, 3600.0, hours, end=float("inf") if end is None else end) == (first, again)


def test_without_hours_only_the_grace_counts() -> None:
    assert windows(at("23:00"), 3600.0, None) == (Window(at("23:00"), at("00:00", 23)), None)


@given(
    st.floats(0, 2 * DAY),
    st.floats(1, 2 * DAY),
    st.sampled_from(["09:00-21:00", "22:00-06:00", "00:00-24:00", "09:00-24:00"]),
)
def test_a_window_is_within_the_hours(after: float, grace: float, text: str) -> None:
    hours = Hours.read(text)
    for window in windows(at("00:00") + after, grace, hours):
        if window is not None:
            assert hours.opening(window.opens_at) == window.opens_at
            assert window.opens_at < window.closes_at <= min(hours.closing(window.opens_at), window.opens_at + grace)


@pytest.mark.parametrize(
    ("kind", "urgent", "hours"),
    [
        (Kind.TRANSACTIONAL, False, "08:00-20:00"),
        (Kind.TRANSACTIONAL, True, None),
        (Kind.MARKETING, False, "10:00-20:00"),
        (Kind.MARKETING, True, "10:00-21:00"),
    ],
)
def test_marketing_goes_out_when_both_let_it(kind: Kind, urgent: bool, hours: str | None) -> None:
    open_hours = OpenHours(Hours.read("08:00-20:00"), Hours.read("10:00-21:00"))
    assert open_hours.of(kind, urgent=urgent) == (None if hours is None else Hours.read(hours))


def test_without_hours_of_its_own_marketing_is_like_everything_else() -> None:
    open_hours = OpenHours(Hours.read("08:00-20:00"))
    assert open_hours.of(Kind.MARKETING, urgent=False) == open_hours.of_all
    assert open_hours.of(Kind.MARKETING, urgent=True) is None


@pytest.mark.parametrize(
    ("these", "others", "both"),
    [
        ("09:00-21:00", "10:00-18:00", "10:00-18:00"),
        ("09:00-12:00", "11:00-21:00", "11:00-12:00"),
        # No one part of a day: then these.
        ("09:00-12:00", "13:00-21:00", "09:00-12:00"),
        ("22:00-06:00", "05:00-23:00", "22:00-06:00"),
    ],
)
def test_hours_within_others(these: str, others: str, both: str) -> None:
    assert Hours.read(these).within(Hours.read(others)) == Hours.read(both)

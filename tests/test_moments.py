"""Moments and times ahead of them, as people and the portal write them; and when reminders go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a1gateway.automation.moments import DATE_AT, Planned, moment_of, plan, read_ahead, read_aheads, read_moment
from a1gateway.hours import MINSK, Hours

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MOMENTS = st.integers(-(10**10), 10**11).map(lambda each: datetime.fromtimestamp(each, UTC).replace(tzinfo=None))
OFFSETS = st.integers(-12 * 60, 14 * 60)
# Of the gateway's own hours, the widest and the narrowest.
HOURS = st.sampled_from([Hours.read(text) for text in ("09:00-21:00", "22:00-06:00", "00:00-24:00", "12:00-12:01")])


def at(clock: str, day: int = 24) -> float:
    """A moment of November 2026 by Minsk's clock, in seconds since the epoch."""
    return datetime.fromisoformat(f"2026-11-{day:02} {clock}").replace(tzinfo=MINSK).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T10:30:00+03:00",
        "2026-11-24T09:30:00+02:00",
        "2026-11-24T07:30:00Z",
        "2026-11-24T10:30",
        "2026-11-24 10:30:00",
        " 2026-11-24 10:30 ",
        "2026-11-24 10:30:00 [10800]",
        "2026-11-24 09:30 [7200]",
        "2026-11-24T02:30:00 [-18000]",
        "24.11.2026 10:30",
        "24.11.2026  10:30:00",
        "24.11.2026T10:30",
        "24.11.2026 10:30:00 [10800]",
        "24.11.2026 10:30:00[10800]",
        "24.11.2026 09:30:00 [7200]",
        "24.11.2026 07:30:00 [0]",
        "24.11.2026 02:30:00 [-18000]",
    ],
)
def test_ways_to_write_a_moment(text: str) -> None:
    assert read_moment(text) == at("10:30")


def test_a_single_digit_is_enough() -> None:
    assert read_moment("1.2.2026 9:05") == datetime(2026, 2, 1, 9, 5, tzinfo=MINSK).timestamp()


@pytest.mark.parametrize("text", ["2026-11-24", "24.11.2026", "24.11.2026 [10800]", "20261124"])
def test_a_date_alone_means_a_time_of_that_day(text: str) -> None:
    assert read_moment(text) == at("00:00") + DATE_AT == at("09:00")
    assert read_moment(text, 18 * HOUR) == at("18:00")
    assert read_moment(text, 0.0) == at("00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "tomorrow",
        "31.02.2026",
        "00.11.2026",
        "24.13.2026 10:30",
        "24.11.2026 24:30",
        "24.11.2026 10:60",
        "24.11.2026 10:30:60",
        "24.11.26 10:30",
        "24/11/2026",
        "10:30",
        "10:30 24.11.2026",
        "2026-11-24T25:00:00+03:00",
        "2026-11-24 10:30:00 [three]",
        "{=Document:UF_CRM_VISIT}",
        "24.11.2026 10:30, 25.11.2026 10:30",
        "01.01.0000",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:00:00-12:00",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    assert read_moment(text) is None


@given(st.text() | st.from_regex(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}[ T]?[0-9:]{0,8}[-+Z\[\]0-9:]{0,8}"))
def test_whatever_is_written_is_a_moment_or_none(text: str) -> None:
    moment = read_moment(text)
    assert moment is None or isinstance(moment, float)


@given(MOMENTS, OFFSETS)
def test_a_moment_with_an_offset_comes_back(naive: datetime, offset: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert read_moment(moment.isoformat()) == moment.timestamp()
    assert read_moment(f"{moment:%d.%m.%Y %H:%M:%S} [{offset * 60}]") == moment.timestamp()
    assert read_moment(f"{moment:%Y-%m-%d %H:%M:%S} [{offset * 60}]") == moment.timestamp()


@given(MOMENTS)
def test_a_moment_without_an_offset_is_by_the_clock_in_minsk(naive: datetime) -> None:
    moment = naive.replace(tzinfo=MINSK).timestamp()
    assert read_moment(naive.isoformat()) == moment
    assert read_moment(f"{naive:%d.%m.%Y %H:%M:%S}") == moment


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("2026-11-24T10:30:00+03:00", "datetime", at("10:30")),
        ("2026-11-24T08:30:00+01:00", "datetime", at("10:30")),
        ("2026-11-24T00:00:00+03:00", "date", at("09:00")),
        ("2026-11-24T00:00:00+01:00", "date", at("09:00")),
        ("2026-11-24T00:00:00+11:00", "date", at("09:00")),
        ("2026-11-24", "date", at("09:00")),
        (["2026-11-24T10:30:00+03:00", "2026-11-25T10:30:00+03:00"], "datetime", at("10:30")),
        ([], "datetime", None),
        ([None], "date", None),
        ("", "date", None),
        (None, "datetime", None),
        (False, "date", None),
        (20261124, "date", None),
        ({"date": "2026-11-24"}, "date", None),
        ("soon", "datetime", None),
    ],
)
def test_the_moment_in_a_field(value: Any, kind: str, expected: float | None) -> None:
    assert moment_of(value, kind) == expected


def test_the_time_that_a_date_in_a_field_means_can_be_another() -> None:
    assert moment_of("2026-11-24T00:00:00+03:00", "date", 12 * HOUR) == at("12:00")
    assert moment_of("2026-11-24T10:30:00+03:00", "datetime", 12 * HOUR) == at("10:30")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 day", DAY),
        ("2 days", 2 * DAY),
        ("1d", DAY),
        ("1 hour", HOUR),
        ("3 Hours", 3 * HOUR),
        ("12h", 12 * HOUR),
        ("30 min", 30 * MINUTE),
        ("30 min.", 30 * MINUTE),
        ("1 minute", MINUTE),
        ("5 minutes", 5 * MINUTE),
        ("15m", 15 * MINUTE),
        ("1 день", DAY),
        ("2 дня", 2 * DAY),
        ("7 дней", 7 * DAY),
        ("1 час", HOUR),
        ("2 часа", 2 * HOUR),
        ("5 ЧАСОВ", 5 * HOUR),
        ("3 ч.", 3 * HOUR),
        ("30 мин", 30 * MINUTE),
        ("1 минуту", MINUTE),
        ("40 минут", 40 * MINUTE),
        ("1 дзень", DAY),
        ("2 дні", 2 * DAY),
        ("5 дзён", 5 * DAY),
        ("1 гадзіна", HOUR),
        ("2 гадзіны", 2 * HOUR),
        ("5 гадзін", 5 * HOUR),
        ("1 хвіліна", MINUTE),
        ("30 хвілін", 30 * MINUTE),
        ("  1   day ", DAY),
        ("366 days", 366 * DAY),
    ],
)
def test_times_ahead(text: str, seconds: float) -> None:
    assert read_ahead(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "day",
        "1",
        "0 days",
        "-1 day",
        "1.5 hours",
        "1 fortnight",
        "1 day 2 hours",
        "367 days",
        "999999 min",
        "1 0",
    ],
)
def test_what_is_no_time_ahead(text: str) -> None:
    with pytest.raises(ValueError, match="is no time ahead; write one such as 1 day"):
        read_ahead(text)


def test_several_times_ahead_are_sorted_and_each_is_once() -> None:
    assert read_aheads("1 hour, 1 день; 60 мин,") == [DAY, HOUR]


@pytest.mark.parametrize("text", ["", " ", ",;,"])
def test_no_time_ahead_at_all(text: str) -> None:
    with pytest.raises(ValueError, match="no time ahead; write some"):
        read_aheads(text)


def test_one_wrong_time_ahead_is_named() -> None:
    with pytest.raises(ValueError, match="^soon is no time ahead"):
        read_aheads("1 day, soon")


@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(["m", "min", "h", "часа", "d", "дзён"])), min_size=1))
def test_times_ahead_come_back(written: list[tuple[int, str]]) -> None:
    factors = {"m": MINUTE, "h": HOUR, "ч": HOUR, "d": DAY, "д": DAY}
    expected = {number * factors[unit[0]] for number, unit in written}
    assert read_aheads(", ".join(f"{number} {unit}" for number, unit in written)) == sorted(expected, reverse=True)


@given(st.text())
def test_whatever_is_written_is_times_ahead_or_a_fault(text: str) -> None:
    try:
        aheads = read_aheads(text)
    except ValueError:
        return
    assert aheads
    assert all(0 < each <= 366 * DAY for each in aheads)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (at("10:00", 20), [at("10:30", 23), at("09:30")]),
        (at("10:30", 23), [at("10:30", 23), at("09:30")]),
        (at("11:30", 23), [at("10:30", 23), at("09:30")]),
        (at("11:30:01", 23), [None, at("09:30")]),
        (at("10:29:59"), [None, at("09:30")]),
        (at("10:30"), [None, None]),
        (at("12:00"), [None, None]),
    ],
)
def test_reminders_are_planned_unless_their_time_has_passed(now: float, expected: list[float | None]) -> None:
    assert plan(at("10:30"), [DAY, HOUR], now, grace=HOUR) == [
        Planned(ahead, due_at) for ahead, due_at in zip([DAY, HOUR], expected, strict=True)
    ]


@pytest.mark.parametrize(
    ("moment", "ahead", "now", "due_at"),
    [
        # In the evening before it would be night: in the morning of the day itself.
        (at("08:00", 25), 12 * HOUR, at("10:00"), at("20:00")),
        (at("09:30", 25), 12 * HOUR, at("10:00"), at("09:00", 25)),
        # The hours begin when it is over.
        (at("08:00", 25), HOUR, at("10:00"), None),
        (at("09:00", 25), HOUR, at("10:00"), None),
        (at("10:00", 25), HOUR, at("10:00"), at("09:00", 25)),
        # It has been put off already, and the grace is counted from there.
        (at("12:00", 25), 14 * HOUR, at("09:30", 25), at("09:00", 25)),
        (at("12:00", 25), 14 * HOUR, at("10:30", 25), None),
    ],
)
def test_at_night_there_are_no_reminders(moment: float, ahead: float, now: float, due_at: float | None) -> None:
    hours = Hours.read("09:00-21:00")
    assert plan(moment, [ahead], now, grace=HOUR, hours=hours) == [Planned(ahead, due_at)]


def test_what_is_urgent_goes_out_at_night() -> None:
    assert plan(at("08:00", 25), [HOUR], at("10:00"), grace=HOUR) == [Planned(HOUR, at("07:00", 25))]


@given(
    st.floats(-10 * DAY, 10 * DAY),
    st.lists(st.floats(MINUTE, 366 * DAY), max_size=5),
    st.floats(0, 2 * DAY),
    st.none() | HOURS,
)
def test_a_reminder_is_before_the_moment_and_not_late(
    after: float, aheads: list[float], grace: float, hours: Hours | None
) -> None:
    now = at("12:00")
    moment = now + after
    planned = plan(moment, aheads, now, grace=grace, hours=hours)
    assert [each.ahead for each in planned] == aheads
    for each in planned:
        if each.due_at is not None:
            assert now - grace <= each.due_at < moment
            assert now < moment
            assert hours is None or hours.opening(each.due_at) == pytest.approx(each.due_at, abs=0.01)


@given(st.floats(-400 * DAY, 0), st.floats(MINUTE, 366 * DAY))
def test_what_is_past_has_no_reminders(after: float, ahead: float) -> None:
    now = at("12:00")
    assume(now + after <= now)
    assert plan(now + after, [ahead], now, grace=DAY) == [Planned(ahead, None)]


def test_utc_is_read_as_such() -> None:
    moment = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert read_moment(moment.isoformat()) == moment.timestamp() == at("10:30")

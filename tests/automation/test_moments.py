"""Moments and times ahead of them, as people and the portal write them; and when reminders go out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a1gateway.automation.moments import (
    DATE_AT,
    moment_of,
    plan,
    read_ahead,
    read_aheads,
    read_moment,
    window_of,
    zone_of,
)
from a1gateway.hours import MINSK, Hours
from a1gateway.message import Drop, Planned, Window

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
        Planned(ahead, due_at, Drop.PAST if due_at is None else None)
        for ahead, due_at in zip([DAY, HOUR], expected, strict=True)
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
        # What the evening has cut short has another time in the morning, while that is before the moment.
        (at("12:00", 25), 15.5 * HOUR, at("20:59"), at("20:30")),
        (at("12:00", 25), 15.5 * HOUR, at("21:01"), at("09:00", 25)),
        (at("12:00", 25), 15.5 * HOUR, at("10:00", 25), at("09:00", 25)),
        (at("12:00", 25), 15.5 * HOUR, at("10:01", 25), None),
        (at("09:00", 25), 12.5 * HOUR, at("21:01"), None),
        # It was not cut short: the grace was over in the evening.
        (at("12:00", 25), 16.5 * HOUR, at("20:31"), None),
    ],
)
def test_at_night_there_are_no_reminders(moment: float, ahead: float, now: float, due_at: float | None) -> None:
    hours = Hours.read("09:00-21:00")
    why = Drop.PAST if due_at is None else None
    assert plan(moment, [ahead], now, grace=HOUR, hours=hours) == [Planned(ahead, due_at, why)]


def test_what_is_urgent_goes_out_at_night() -> None:
    assert plan(at("08:00", 25), [HOUR], at("10:00"), grace=HOUR) == [Planned(HOUR, at("07:00", 25))]


@pytest.mark.parametrize(
    ("moment", "aheads", "now", "planned"),
    [
        # Both would go out in the morning.
        (
            at("09:30", 25),
            [12 * HOUR, HOUR],
            at("10:00"),
            [Planned(12 * HOUR, None, Drop.OVERTAKEN), Planned(HOUR, at("09:00", 25))],
        ),
        # Both would go out at once.
        (
            at("10:30"),
            [2 * HOUR, HOUR, 30 * MINUTE],
            at("09:30"),
            [Planned(2 * HOUR, None, Drop.OVERTAKEN), Planned(HOUR, at("09:30")), Planned(30 * MINUTE, at("10:00"))],
        ),
        # A minute apart they are two.
        (
            at("09:30", 25),
            [12 * HOUR, 29 * MINUTE],
            at("10:00"),
            [Planned(12 * HOUR, at("09:00", 25)), Planned(29 * MINUTE, at("09:01", 25))],
        ),
        # What is too late overtakes nothing, and is not overtaken.
        (
            at("13:30"),
            [3 * HOUR, 90 * MINUTE],
            at("12:30"),
            [Planned(3 * HOUR, None, Drop.PAST), Planned(90 * MINUTE, at("12:00"))],
        ),
    ],
)
def test_of_reminders_at_the_same_time_the_nearest_to_the_moment_goes_out(
    moment: float, aheads: list[float], now: float, planned: list[Planned]
) -> None:
    assert plan(moment, aheads, now, grace=HOUR, hours=Hours.read("09:00-21:00")) == planned


def test_when_a_reminder_may_go_out() -> None:
    hours = Hours.read("09:00-21:00")
    moment = at("12:00", 25)
    evening, morning = Window(at("20:30"), at("21:00")), Window(at("09:00", 25), at("10:00", 25))
    for now, window in ((at("10:00"), evening), (at("21:00"), evening), (at("21:00:01"), morning)):
        assert window_of(moment, 15.5 * HOUR, now, grace=HOUR, hours=hours) == window
    assert window_of(moment, 15.5 * HOUR, at("21:00:01"), grace=HOUR, hours=None) == Window(at("20:30"), at("21:30"))
    assert window_of(moment, HOUR, at("11:30", 25), grace=2 * HOUR, hours=None) == Window(at("11:00", 25), moment)
    assert window_of(moment, HOUR, moment, grace=2 * HOUR, hours=None) is None


AFTER = st.floats(-10 * DAY, 10 * DAY)
AHEADS = st.floats(MINUTE, 366 * DAY)
GRACES = st.floats(0, 2 * DAY)


@given(AFTER, AHEADS, GRACES, st.none() | HOURS)
def test_a_reminders_window_is_within_the_hours_and_the_grace_and_before_the_moment(
    after: float, ahead: float, grace: float, hours: Hours | None
) -> None:
    now = at("12:00")
    moment = now + after
    window = window_of(moment, ahead, now, grace=grace, hours=hours)
    if window is None:
        return
    assert now < moment
    assert moment - ahead <= window.opens_at < moment
    assert window.opens_at <= window.closes_at <= min(moment, window.opens_at + grace)
    assert now <= window.closes_at
    if hours is None:
        assert window.opens_at == moment - ahead
    else:
        assert hours.opening(window.opens_at) == pytest.approx(window.opens_at, abs=0.01)
        assert window.closes_at <= hours.closing(window.opens_at)
        # At the latest in the morning after the one in which the hours began.
        assert window.opens_at <= moment - ahead + 2 * DAY


@given(AFTER, st.lists(AHEADS, max_size=5), GRACES, st.none() | HOURS)
def test_a_reminder_is_before_the_moment_and_not_late(
    after: float, aheads: list[float], grace: float, hours: Hours | None
) -> None:
    now = at("12:00")
    moment = now + after
    planned = plan(moment, aheads, now, grace=grace, hours=hours)
    assert [each.ahead for each in planned] == aheads
    for each in planned:
        if each.due_at is not None:
            assert each.why is None
            assert now - grace <= each.due_at < moment
            assert now < moment
            assert hours is None or hours.opening(each.due_at) == pytest.approx(each.due_at, abs=0.01)


@given(AFTER, st.lists(AHEADS, max_size=5, unique=True), GRACES, st.none() | HOURS)
def test_no_two_reminders_of_a_moment_go_out_together_and_the_nearest_in_time_is_not_dropped(
    after: float, aheads: list[float], grace: float, hours: Hours | None
) -> None:
    now = at("12:00")
    moment = now + after
    planned = plan(moment, aheads, now, grace=grace, hours=hours)
    times = {each.ahead: max(now, each.due_at) for each in planned if each.due_at is not None}
    assert len(set(times.values())) == len(times)
    for each in planned:
        window = window_of(moment, each.ahead, now, grace=grace, hours=hours)
        assert (each.why is Drop.PAST) == (window is None)
        if each.why is Drop.OVERTAKEN:
            assert window is not None
            at_that_time = [ahead for ahead, time in times.items() if time == max(now, window.opens_at)]
            assert len(at_that_time) == 1
            assert at_that_time[0] < each.ahead


@given(st.floats(-400 * DAY, 0), AHEADS, st.none() | HOURS)
def test_what_is_past_has_no_reminders(after: float, ahead: float, hours: Hours | None) -> None:
    now = at("12:00")
    assume(now + after <= now)
    assert plan(now + after, [ahead], now, grace=DAY, hours=hours) == [Planned(ahead, None, Drop.PAST)]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("24.11.2026 10:30", 3),
        ("2026-11-24", 3),
        ("24.11.2026 10:30 [7200]", 2),
        ("24.11.2026 10:30 [-18000]", -5),
        ("2026-11-24T10:30:00+05:30", 5.5),
        ("2026-11-24T10:30:00-0800", -8),
        ("2026-11-24T10:30:00Z", 0),
        ("24.11.2026 10:30 [99999]", 3),
    ],
)
def test_the_zone_that_a_moment_is_written_in(text: str, hours: float) -> None:
    assert zone_of(text).utcoffset(None) == timedelta(hours=hours)


def test_utc_is_read_as_such() -> None:
    moment = datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert read_moment(moment.isoformat()) == moment.timestamp() == at("10:30")

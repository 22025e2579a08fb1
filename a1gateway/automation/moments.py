"""Moments as the portal, an automation rule or an operator writes them, and times ahead of them.

Moments are seconds since the epoch; what is written without an offset is by Minsk's clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from ..hours import MINSK, MINSK_AHEAD, Hours, windows
from ..message import Drop, Planned, Window

DATE_AT = 9 * 3600.0
"""Of a date without a time: the second of the day that is meant, if nobody says another."""
_LONGEST = 366 * 86400.0
# In Minsk these have a year on the calendar still.
_EARLIEST = datetime(2, 1, 1, tzinfo=MINSK).timestamp()
_LATEST = datetime(9999, 1, 1, tzinfo=MINSK).timestamp()
_BELARUSIAN = re.compile(
    r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?(?:\s*\[(-?\d{1,6})\])?"
)
_ISO_WITH_SECONDS = re.compile(r"(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2})?)\s*\[(-?\d{1,6})\]")
_AHEAD = re.compile(r"(\d{1,5})\s*([^\W\d_]+)\.?")
_UNITS = {
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "minutes": 60.0,
    "мин": 60.0,
    "минута": 60.0,
    "минуту": 60.0,
    "минуты": 60.0,
    "минут": 60.0,
    "хвіліна": 60.0,
    "хвіліну": 60.0,
    "хвіліны": 60.0,
    "хвілін": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "hours": 3600.0,
    "ч": 3600.0,
    "час": 3600.0,
    "часа": 3600.0,
    "часов": 3600.0,
    "гадзіна": 3600.0,
    "гадзіну": 3600.0,
    "гадзіны": 3600.0,
    "гадзін": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "days": 86400.0,
    "день": 86400.0,
    "дня": 86400.0,
    "дней": 86400.0,
    "дзень": 86400.0,
    "дні": 86400.0,
    "дзён": 86400.0,
}


def read_moment(text: str, date_at: float = DATE_AT) -> float | None:
    """A moment as ISO 8601 or as `24.11.2026 10:30`, also with Bitrix24's `[10800]` behind it; None: it is none.

    `date_at` is the second of the day that a date alone means.
    """
    try:
        moment = _read_moment(text.strip(), date_at)
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def zone_of(text: str) -> timezone:
    """The time zone that a moment is written in: Minsk's, unless it says another."""
    offset = re.search(r"\[(-?\d{1,5})\]\s*\Z|(?:\d|Z)([+-])(\d{2}):?(\d{2})\s*\Z", text)
    if offset is None:
        return UTC if text.rstrip().endswith("Z") else MINSK
    if offset[1] is not None:
        seconds = int(offset[1])
    else:
        seconds = (int(offset[3]) * 3600 + int(offset[4]) * 60) * (-1 if offset[2] == "-" else 1)
    return timezone(timedelta(seconds=seconds)) if abs(seconds) < 86400 else MINSK


def day_of(moment: float, zone: timezone) -> date:
    """A moment's day in a time zone."""
    return datetime.fromtimestamp(moment, zone).date()


def midnight(moment: float, zone: timezone) -> float:
    """The begin of that day."""
    return datetime.fromtimestamp(moment, zone).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def moment_of(value: Any, kind: str, date_at: float = DATE_AT) -> float | None:
    """The moment in a field of `crm.item.*` of the type `date` or `datetime`; None when there is none.

    A date comes as a midnight of the portal's: the day is meant, wherever that is.
    """
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, str):
        return None
    return read_moment(value[:10] if kind == "date" else value, date_at)


def _read_moment(text: str, date_at: float) -> float:
    with_offset = _ISO_WITH_SECONDS.fullmatch(text)
    written = _BELARUSIAN.fullmatch(text)
    if with_offset is not None:
        moment = datetime.fromisoformat(with_offset[1]).replace(tzinfo=UTC)
        return moment.timestamp() - int(with_offset[2])
    if written is not None:
        day, month, year, hour, minute, second, offset = written.groups()
        begin = datetime(int(year), int(month), int(day), tzinfo=MINSK)
        moment = begin.replace(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
        if hour is None:
            return moment.timestamp() + date_at
        return moment.timestamp() + (0 if offset is None else MINSK_AHEAD - int(offset))
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=MINSK)
    return moment.timestamp() + (date_at if len(text) <= len("2026-11-24") else 0.0)


def read_ahead(text: str) -> float:
    """`1 day`, `2 часа`, `30 min` in seconds; raises `ValueError` when it is no time, or 0, or more than a year."""
    try:
        ahead = read_span(text)
    except ValueError:
        ahead = 0.0
    if not 0 < ahead <= _LONGEST:
        raise ValueError(f"{text.strip()[:40]} is no time ahead; write one such as 1 day, 2 hours or 30 minutes")
    return ahead


def read_span(text: str) -> float:
    """A length of time, written so, in seconds; raises `ValueError` when it is none."""
    form = _AHEAD.fullmatch(text.strip())
    unit = None if form is None else _UNITS.get(form[2].lower())
    if form is None or unit is None:
        raise ValueError("no length of time")
    return int(form[1]) * unit


def read_aheads(text: str) -> list[float]:
    """Several of them, with commas between; the longest first, each once. Raises `ValueError`."""
    found = {read_ahead(each) for each in re.split(r"[,;]", text) if each.strip()}
    if not found:
        raise ValueError("no time ahead; write some such as 1 day, 1 hour")
    return sorted(found, reverse=True)


def window_of(moment: float, ahead: float, now: float, *, grace: float, hours: Hours | None) -> Window | None:
    """When a reminder may go out from `now` on, so long before a moment; None when it is too late for that.

    At most `grace` seconds late, within the hours, and before the moment.
    """
    for each in windows(moment - ahead, grace, hours, end=moment):
        # The hours may begin only when it is over.
        if each is not None and each.opens_at < moment and now <= each.closes_at and now < moment:
            return each
    return None


def plan(
    moment: float, aheads: Iterable[float], now: float, *, grace: float, hours: Hours | None = None
) -> Sequence[Planned]:
    """When a moment is reminded of: of those that would go out at the same time, by the one nearest to it alone."""
    of_each = [(ahead, window_of(moment, ahead, now, grace=grace, hours=hours)) for ahead in aheads]
    nearest: dict[float, float] = {}
    for ahead, window in of_each:
        if window is not None:
            at = max(now, window.opens_at)
            nearest[at] = min(ahead, nearest.get(at, ahead))
    planned = []
    for ahead, window in of_each:
        if window is None:
            planned.append(Planned(ahead, None, Drop.PAST))
        elif nearest[max(now, window.opens_at)] != ahead:
            planned.append(Planned(ahead, None, Drop.OVERTAKEN))
        else:
            planned.append(Planned(ahead, window.opens_at))
    return planned

"""The hours of the day in which SMS may go out that are not urgent, as people in Minsk read the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .message import Kind, Window

MINSK = timezone(timedelta(hours=3), "Europe/Minsk")
"""Belarus has had this time the whole year round since 2011; a small server may have no table of time zones."""
MINSK_AHEAD = MINSK.utcoffset(None).total_seconds()
"""By how many seconds the clock in Minsk is ahead of UTC."""
_DAY = 86400.0
_FORM = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*[-\N{EN DASH}]\s*([01]?\d|2[0-4]):([0-5]\d)")


def in_minsk(moment: float) -> str:
    """A moment, in seconds since the epoch, as `2026-11-22T03:00:00+03:00`."""
    return datetime.fromtimestamp(moment, MINSK).isoformat(timespec="seconds")


def told_in_minsk(moment: float) -> str:
    """The same for people who read English: `03:00 on 22.11.2026`."""
    return datetime.fromtimestamp(moment, MINSK).strftime("%H:%M on %d.%m.%Y")


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of each day, in seconds since midnight in Minsk; one that ends before it begins goes over midnight."""

    begin: float
    end: float

    @classmethod
    def read(cls, text: str) -> Hours:
        """Hours written as `09:00-21:00`; raises `ValueError` when they are not, or would never begin."""
        form = _FORM.fullmatch(text.strip())
        if form is None:
            raise ValueError("not hours")
        begin, end = (int(form[at]) * 3600.0 + int(form[at + 1]) * 60.0 for at in (1, 3))
        if max(begin, end) > _DAY or begin in (end, _DAY):
            raise ValueError("no part of a day")
        return cls(begin, end)

    def opening(self, now: float) -> float:
        """When they are on next, at `now` or later; both in seconds since the epoch."""
        midnight, second = self._day(now)
        if self._are_on(second):
            return now
        return midnight + self.begin if second < self.begin else midnight + _DAY + self.begin

    def closing(self, now: float) -> float:
        """When hours that are on at `now` end."""
        midnight, second = self._day(now)
        return midnight + self.end if second < self.end else midnight + _DAY + self.end

    def within(self, other: Hours) -> Hours:
        """Those that both have; these alone where that is no one part of a day."""
        both = max(self.begin, other.begin), min(self.end, other.end)
        in_one_day = self.begin < self.end and other.begin < other.end
        return Hours(*both) if in_one_day and both[0] < both[1] else self

    def _are_on(self, second: float) -> bool:
        if self.begin < self.end:
            return self.begin <= second < self.end
        return second >= self.begin or second < self.end

    @staticmethod
    def _day(now: float) -> tuple[float, float]:
        """The last midnight in Minsk, and the seconds since then."""
        second = (now + MINSK_AHEAD) % _DAY
        return now - second, second


@dataclass(frozen=True, slots=True)
class OpenHours:
    """When automation may send."""

    of_all: Hours | None = None
    """What is not urgent; None: at any time."""
    of_marketing: Hours | None = None
    """Marketing, urgent or not; None: like everything else."""

    def of(self, kind: Kind, *, urgent: bool) -> Hours | None:
        """Those of a message; None: at any time."""
        hours = None if urgent else self.of_all
        if kind is not Kind.MARKETING or self.of_marketing is None:
            return hours
        return self.of_marketing if hours is None else self.of_marketing.within(hours)


def windows(
    start: float, grace: float, hours: Hours | None, *, end: float = float("inf")
) -> tuple[Window, Window | None]:
    """When something may go out that is due at `start`: up to `grace` seconds later, within the hours, before `end`.

    The second window is for what the end of the hours has cut short; None when there is none. All in seconds since
    the epoch.
    """
    opens_at = start if hours is None else hours.opening(start)
    closing = float("inf") if hours is None else hours.closing(opens_at)
    first = Window(opens_at, min(opens_at + grace, closing, end))
    if hours is None or first.closes_at < closing:
        return first, None
    opens_again = hours.opening(closing)
    again = Window(opens_again, min(opens_again + grace, hours.closing(opens_again), end))
    return first, again if opens_again < end else None


def end_of(now: float, seconds: float, hours: Hours | None) -> float:
    """When what is begun `now` is over and takes so many seconds of the hours; in seconds since the epoch."""
    if hours is None:
        return now + seconds
    moment = hours.opening(now)
    while (closing := hours.closing(moment)) - moment < seconds:
        seconds -= closing - moment
        moment = hours.opening(closing)
    return moment + seconds

"""Business days in Belarus: Monday to Friday without public holidays, as the government has moved them.

Holidays and moved days are those of the library `holidays` (Decree 157 of 1998 and its amendments; the resolutions by
which the Council of Ministers moves working days each year). The moved days of a year are decided in the autumn
before, and the library has them in versions published after that: with an older one a bridge day counts as a business
day, and a Saturday that is worked instead does not. A company's own days off are not known.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays.countries.belarus import Belarus

SOONEST, LATEST = 3, 10
"""In how many business days A1 decides on a Sender ID."""


def due_between(handed_in: date) -> tuple[date, date]:
    """The first and the last business day on which A1's decision is due; the day after `handed_in` counts as one."""
    return business_day_after(handed_in, SOONEST), business_day_after(handed_in, LATEST)


def business_day_after(start: date, days: int) -> date:
    """The business day that is so many, 1 or more, after `start`."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= is_business_day(day)
    return day


def is_business_day(day: date) -> bool:
    """Whether people work on that day."""
    return bool(_calendar().is_working_day(day))


@cache
def _calendar() -> Belarus:
    # Some eleven megabytes, for a question that is asked once in a company's life.
    from holidays.countries.belarus import Belarus

    return Belarus()

"""What people look at, asked of the journal of a year as the pages ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from a1gateway.journal.analytics import Only, Period, analytics
from a1gateway.journal.reader import reading
from a1gateway.journal.statements import Connection

from .figures import Figure
from .year import DAYS, END

_DAY = 86400.0


def _last(days: int) -> Period:
    return Period.between(END - days * _DAY, END)


LOOKS: Mapping[Figure, Callable[[Connection], object]] = {
    Figure.ANALYTICS_YEAR: partial(analytics, period=_last(DAYS)),
    Figure.ANALYTICS_SCENARIO: partial(analytics, period=_last(DAYS), only=Only(sent_by="scenario:visit")),
    Figure.ANALYTICS_MONTH: partial(analytics, period=_last(30)),
    Figure.ANALYTICS_DAY: partial(analytics, period=_last(1)),
}
"""What is measured, by its figure in milliseconds."""


def look(file: Path, work: Callable[[Connection], object]) -> float:
    """How long a look into the journal takes, opening it included, in milliseconds."""
    begun = time.monotonic()
    with reading(file) as connection:
        work(connection)
    return 1000 * (time.monotonic() - begun)

"""Which messages somebody wants to see the statistics of: the form as it was filled in, and what it means."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ..hours import MINSK
from ..journal.analytics import Only, Period, Step
from ..journal.search_form import NONE, read_search
from .views import Asked

FIELDS = ("since", "until", "kind", "sender", "sent_by", "operator", "step")
"""The names of the form's fields; the first five mean what they mean in the journal's."""
LONGEST = 3660
"""Days of a period: ten years."""
# A chart of so many days is still read day by day; above it is by month, unless days are wanted.
_MOST_DAYS_AT_A_GLANCE = 92
_MOST_DAYS = 400
_MOST_DAYS_BY_HOUR = 7


class Often(enum.StrEnum):
    """Periods that are often wanted."""

    TODAY = "today"
    WEEK = "week"
    DAYS_30 = "days30"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    YEAR = "year"

    def period(self, today: date) -> Period:
        """Its days."""
        first_of_month = today.replace(day=1)
        if self is Often.THIS_MONTH:
            return Period(first_of_month, today)
        if self is Often.LAST_MONTH:
            last = first_of_month - timedelta(days=1)
            return Period(last.replace(day=1), last)
        return Period(today - timedelta(days=_DAYS[self] - 1), today)


_DAYS = {Often.TODAY: 1, Often.WEEK: 7, Often.DAYS_30: 30, Often.YEAR: 365}


class Fault(enum.StrEnum):
    """What is wrong with the days, besides what the journal's form may find (`FieldFault`)."""

    TOO_LONG = "too_long"
    """Longer than `LONGEST`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form, and what it means."""

    fields: Mapping[str, str]
    """What the form shows again."""
    period: Period
    only: Only
    step: Step
    often: Often | None
    """The period, if it is one of those."""
    fault: str | None = None
    """Why the days are not understood: then the period is the usual one."""

    @property
    def narrowed(self) -> bool:
        """Whether only some messages count."""
        return self.only != Only()

    def in_journal(self, **more: str) -> dict[str, str] | None:
        """The journal's filter for the same messages, narrowed by `more`; None: it has none for an operator."""
        if self.only.operator is not None:
            return None
        fields = {name: self.fields[name] for name in FIELDS[:5] if self.fields[name]}
        return {**fields, "since": self.period.first.isoformat(), "until": self.period.last.isoformat(), **more}


def read(asked: Asked) -> Wanted:
    """What a form means; empty, the last thirty days."""
    today = datetime.fromtimestamp(asked.now, MINSK).date()
    fields = {name: asked.text(name) for name in FIELDS}
    period, fault = Often.DAYS_30.period(today), None
    chosen = next((each for each in Often if each == asked.text("choose")), None)
    if chosen is not None:
        period = chosen.period(today)
    elif fields["since"] or fields["until"]:
        period, fault = _days(fields["since"], fields["until"], today)
    if fault is None:
        fields |= {"since": period.first.isoformat(), "until": period.last.isoformat()}
    only = Only(
        kind=fields["kind"] or None,
        operator=_or_none(fields["operator"]),
        sender_id=_or_none(fields["sender"]),
        sent_by=fields["sent_by"] or None,
    )
    often = chosen or next((each for each in Often if each.period(today) == period), None)
    return Wanted(fields, period, only, _step(fields["step"], period), often if fault is None else None, fault)


def _or_none(text: str) -> str | None:
    return ("" if text == NONE else text) if text else None


def _days(since: str, until: str, today: date) -> tuple[Period, str | None]:
    """The days, and what is wrong with them; one end alone goes thirty days back, or until today."""
    usual = Often.DAYS_30.period(today)
    found = read_search({"since": [since], "until": [until or today.isoformat()]})
    if found.faults:
        return usual, next(iter(found.faults.values()))
    assert found.search.until is not None
    begin = found.search.since
    if begin is None:
        begin = found.search.until - usual.days * 86400.0
    if not 0 <= begin <= found.search.until <= begin + LONGEST * 86400.0:
        return usual, Fault.TOO_LONG
    return Period.between(begin, found.search.until), None


def _step(wanted: str, period: Period) -> Step:
    """What a point of the chart stands for: as wanted, where that can be read at all."""
    if wanted == Step.MONTH.value:
        return Step.MONTH
    if wanted == Step.DAY.value and period.days <= _MOST_DAYS:
        return Step.DAY
    if wanted == Step.HOUR.value and period.days <= _MOST_DAYS_BY_HOUR:
        return Step.HOUR
    return period.step if period.days <= _MOST_DAYS_AT_A_GLANCE else Step.MONTH

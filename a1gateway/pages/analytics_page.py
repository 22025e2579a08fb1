"""Statistics for people: what became of the messages of a period, how fast, why not, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..journal.analytics import Choices, Step, analytics, choices
from ..journal.reader import IReader
from ..journal.statements import Connection
from ..words.words import Words
from . import analytics_form
from .analytics_form import Often, Wanted
from .analytics_sections import Section, Tile, sections, tiles
from .views import Answer, Asked, CannotAnswer, File, Fragment, Page

# Seconds that the statistics may be behind without being called so: a little they always are.
_BEHIND = 60.0
_CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows."""

    choices: Choices
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    counted_to: float | None


class AnalyticsPages:
    """`analytics`, and `analytics-table`: one of its tables as a file."""

    def __init__(self, reader: IReader) -> None:
        self._reader = reader

    def pages(self) -> list[Page]:
        """Both, for whoever may open the application."""
        return [Page("analytics", self.analytics), Page("analytics-table", self.table)]

    async def analytics(self, asked: Asked) -> Answer:
        """The form, and the statistics of what it asks for."""
        wanted = analytics_form.read(asked)
        shown = await self._reader.read(_look, wanted, asked.words)
        behind = shown.counted_to is not None and asked.now - shown.counted_to > _BEHIND
        values = {"wanted": wanted, "shown": shown, "behind": behind, "often": tuple(Often), "steps": tuple(Step)}
        return Fragment("analytics.html", values)

    async def table(self, asked: Asked) -> Answer:
        """One of the tables, as CSV."""
        wanted = analytics_form.read(asked)
        shown = await self._reader.read(_look, wanted, asked.words)
        name = asked.text("table")
        found = next((each for each in shown.sections if each.name == name), None)
        if found is None:
            raise CannotAnswer(asked.words("analytics.no_table"))
        period = wanted.period
        return File(f"sms-{name}-{period.first}-{period.last}.csv", _CSV, found.table.csv())


def _look(connection: Connection, wanted: Wanted, words: Words) -> _Shown:
    """Everything is written here, away from the reactor: there are many numbers."""
    offered = choices(connection)
    if wanted.fault is not None:
        return _Shown(offered, (), (), None)
    found = analytics(connection, wanted.period, wanted.only, step=wanted.step)
    of_it = sections(words, found, wanted)
    return _Shown(offered, tiles(words, found, wanted) if of_it else (), of_it, found.counted_to)

"""When A1 was last heard from, by the way in which it said something."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select

from ..message import Source
from .schema import history, unmatched
from .statements import Connection, Statement

# A look must not grow with the journal: what is further back is as good as never.
_LATEST = 5000
_LATEST_UNMATCHED = 500


@dataclass(frozen=True, slots=True)
class Heard:
    """Moments, in seconds since the epoch; None: never, as far as is known."""

    at: float | None = None
    """When a status came, known or not, new or not."""
    changed_at: float | None = None
    """When one came that a message took: nobody else had said it before."""

    def and_then(self, more: Heard) -> Heard:
        """The later moments of both."""
        return Heard(_later(self.at, more.at), _later(self.changed_at, more.changed_at))


def _later(*moments: float | None) -> float | None:
    return max((each for each in moments if each is not None), default=None)


_steps = (
    select(history.c.source, history.c.at, history.c.status).order_by(history.c.id.desc()).limit(_LATEST).subquery()
)
_HISTORY = Statement(
    select(
        _steps.c.source,
        func.max(_steps.c.at).label("at"),
        func.max(case((_steps.c.status.is_not(None), _steps.c.at))).label("changed_at"),
    ).group_by(_steps.c.source)
)
_unknown = (
    select(unmatched.c.source, unmatched.c.at).order_by(unmatched.c.id.desc()).limit(_LATEST_UNMATCHED).subquery()
)
_UNMATCHED = Statement(select(_unknown.c.source, func.max(_unknown.c.at).label("at")).group_by(_unknown.c.source))


def heard(connection: Connection) -> dict[Source, Heard]:
    """By the latest few thousand steps of all messages' ways."""
    found = {Source(row["source"]): Heard(row["at"], row["changed_at"]) for row in connection.all(_HISTORY)}
    for row in connection.all(_UNMATCHED):
        source = Source(row["source"])
        found[source] = found.get(source, Heard()).and_then(Heard(row["at"]))
    return found

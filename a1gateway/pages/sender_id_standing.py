"""What A1 says of each Sender ID that the configuration sends from, and how far the applications have come."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Protocol

from ..hours import MINSK
from ..journal import sender_ids
from ..journal.statements import Connection
from ..sender_id.applications import Application, State, sighted
from ..sender_id.in_use import InUse
from ..sender_id.name import faults_of


class INames(Protocol):
    """What A1 has said of the Sender IDs that it has approved; see `sender_id.watch.SenderNamesWatch`."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """Those that are approved; None until A1 has said so."""

    @property
    def asked_at(self) -> float | None:
        """When A1 last answered, in seconds since the epoch."""

    @property
    def trouble(self) -> str | None:
        """Why the latest asking brought nothing; None when it did."""

    @property
    def wanted(self) -> bool:
        """Whether A1 is to be asked as soon as it can be."""

    def ask_now(self) -> None:
        """Ask at once, unless that was done just now."""


class Standing(enum.StrEnum):
    """How A1 stands to a name that SMS go out from."""

    APPROVED = "approved"
    """A1 lists it, letter for letter."""
    OTHER_LETTERS = "other_letters"
    """A1 lists it in other capitals, and refuses whatever comes from this spelling."""
    APPLIED_FOR = "applied_for"
    """A1 does not list it yet; an application for it is under way."""
    NOT_APPROVED = "not_approved"
    """A1 does not list it, and nobody has applied for it."""
    NOT_ASKED = "not_asked"
    """A1 has not been asked yet, or has not answered."""
    NOTED = "noted"
    """Nobody can ask A1 (SMPP); somebody has noted that it is approved."""
    NOBODY_KNOWS = "nobody_knows"
    """Nobody can ask A1 (SMPP), and nothing is noted."""
    NUMBER = "number"
    """No name is configured: A1 sends from a number."""


UNDER_WAY = (State.PREPARED, State.HANDED_IN)
"""The states of an application that is still to be decided."""


@dataclass(frozen=True, slots=True)
class NameInUse:
    """A name that SMS go out from, and how A1 stands to it."""

    used: InUse
    standing: Standing
    instead: str | None = None
    """What the configuration should say in its place; None when there is nothing to change, or nothing to say."""


@dataclass(frozen=True, slots=True)
class Progress:
    """An application with what the calendar says of it. Times are seconds since the epoch."""

    application: Application
    due_from: float | None
    """Noon of the first day on which A1's decision is due; None unless it is with A1."""
    due_by: float | None
    """Noon of the last one."""
    late: bool

    @property
    def since(self) -> float:
        """Since when it stands where it stands."""
        each = self.application
        if each.state is State.HANDED_IN and each.handed_in_at is not None:
            return each.handed_in_at
        return each.prepared_at if each.decided_at is None else each.decided_at


def standings(
    used: Iterable[InUse], known: INames | None, applications: Sequence[Application]
) -> tuple[NameInUse, ...]:
    """How A1 stands to each name; `known` is None where nobody can ask it."""
    return tuple(_standing(each, known, applications) for each in used)


def _standing(used: InUse, known: INames | None, applications: Sequence[Application]) -> NameInUse:
    name = used.name
    if known is None:
        approved = [each.name for each in applications if each.state is State.APPROVED]
        if name is None:
            return NameInUse(used, Standing.NUMBER, next(iter(approved), None))
        return NameInUse(used, Standing.NOTED if name in approved else Standing.NOBODY_KNOWS)
    offered = _offered(known.names or (), applications)
    if name is None:
        return NameInUse(used, Standing.NUMBER, offered)
    if known.names is None:
        return NameInUse(used, Standing.NOT_ASKED)
    seen = sighted(name, known.names)
    if seen.approved:
        return NameInUse(used, Standing.APPROVED)
    if seen.in_other_letters is not None:
        return NameInUse(used, Standing.OTHER_LETTERS, seen.in_other_letters)
    under_way = any(each.name == name and each.state in UNDER_WAY for each in applications)
    return NameInUse(used, Standing.APPLIED_FOR if under_way else Standing.NOT_APPROVED, offered)


def _offered(approved: Iterable[str], applications: Sequence[Application]) -> str | None:
    """The approved name to take: one that was applied for here before any other that can be configured."""
    possible = [each for each in approved if not faults_of(each)]
    wanted = (each.name for each in applications if each.name in possible)
    return next(wanted, next(iter(possible), None))


def all_progress(connection: Connection, now: float) -> list[Progress]:
    """All applications, the newest first. Blocks for as long as the holidays take to be loaded, the first time."""
    return [_progress(each, now) for each in sender_ids.applications(connection)]


def progress_of(connection: Connection, row: int, now: float) -> Progress | None:
    """One application; None when there is no such. Blocks as `all_progress` does."""
    found = sender_ids.application(connection, row)
    return None if found is None else _progress(found, now)


def _progress(application: Application, now: float) -> Progress:
    due = application.due_between()
    if due is None:
        return Progress(application, None, None, late=False)
    return Progress(application, noon(due[0]), noon(due[1]), application.is_late(now))


def noon(day: date) -> float:
    """That day's noon in Minsk, in seconds since the epoch."""
    return datetime.combine(day, time(12), MINSK).timestamp()

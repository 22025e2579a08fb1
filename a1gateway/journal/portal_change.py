"""Whose documents automation knows, within one transaction of the journal: another portal's are others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import delete, select

from ..errors import TryLater
from ..message import Drop
from . import look_ups, reminders, runs, unfilled
from .schema import documents_of
from .statements import Connection, Statement, insertion

P = ParamSpec("P")
T = TypeVar("T")

_KNOWN = Statement(select(documents_of))
_FORGET = Statement(delete(documents_of))


class PortalChanged(TryLater):
    """What was found out is of a portal that is not the application's any more."""

    def __init__(self) -> None:
        super().__init__("another portal has installed the application")


def generation(connection: Connection) -> int:
    """How often another portal has taken the place of the one before."""
    known = connection.first(_KNOWN)
    return 0 if known is None else known["generation"]


def while_it_lasts(
    connection: Connection,
    known: int,
    work: Callable[Concatenate[Connection, P], T],
    /,
    *arguments: P.args,
    **named: P.kwargs,
) -> T:
    """Do `work` if this `generation` is still the one; raises `PortalChanged`."""
    if generation(connection) != known:
        raise PortalChanged
    return work(connection, *arguments, **named)


def take_portal(connection: Connection, member_id: str, domain: str, now: float) -> bool:
    """A portal has installed the application; whether another one had before.

    Then nothing is looked into, reminded of or answered that was of that one: with the same numbers other documents
    would be meant. One that has got another domain is the same; so is one that has not told its `member_id` before.
    """
    known = connection.first(_KNOWN)
    before = None if known is None else (known["member_id"], known["domain"])
    if before == (member_id, domain):
        return False
    is_another = before is not None and not _are_the_same(before, (member_id, domain))
    values = {"member_id": member_id, "domain": domain, "generation": generation(connection) + is_another}
    connection.execute(_FORGET)
    connection.execute(insertion(documents_of, tuple(values)), values)
    if not is_another:
        return False
    look_ups.forget_everything(connection)
    reminders.drop_everything(connection, Drop.PORTAL_CHANGED)
    unfilled.refuse_all(connection, now)
    runs.end_all(connection, now, str(Drop.PORTAL_CHANGED))
    return True


def _are_the_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether portals are one, by `member_id` and domain; the domain stands for a `member_id` that was not told."""
    both_told = one[0] != one[1] and other[0] != other[1]
    return one[0] == other[0] if both_told else one[1] == other[1]

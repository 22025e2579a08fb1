"""Whose documents automation knows, within one transaction of the journal: another portal's are others."""

from __future__ import annotations

from sqlalchemy import delete, select

from ..message import Drop
from . import look_ups, reminders, runs
from .schema import documents_of
from .statements import Connection, Statement, insertion

_KNOWN = Statement(select(documents_of))
_FORGET = Statement(delete(documents_of))


def take_portal(connection: Connection, member_id: str, domain: str, now: float) -> bool:
    """A portal has installed the application; whether another one had before.

    Then nothing is looked into, reminded of or answered that was of that one: with the same numbers other documents
    would be meant. One that has got another domain is the same; so is one that has not told its `member_id` before.
    """
    known = connection.first(_KNOWN)
    if known is not None and tuple(known) == (member_id, domain):
        return False
    connection.execute(_FORGET)
    values = {"member_id": member_id, "domain": domain}
    connection.execute(insertion(documents_of, tuple(values)), values)
    if known is None or _are_the_same((known["member_id"], known["domain"]), (member_id, domain)):
        return False
    look_ups.forget_everything(connection)
    reminders.drop_everything(connection, Drop.PORTAL_CHANGED)
    runs.end_all(connection, now, str(Drop.PORTAL_CHANGED))
    return True


def _are_the_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether portals are one, by `member_id` and domain; the domain stands for a `member_id` that was not told."""
    both_told = one[0] != one[1] and other[0] != other[1]
    return one[0] == other[0] if both_told else one[1] == other[1]

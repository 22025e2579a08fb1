"""A search of the journal in SQL: a statement for each shape of a search, compiled once; the values are parameters.

A shape is the names of what a search asks for. A search of a million messages reads one index from its newest end and
no row that it does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, CompoundSelect, Select, and_, bindparam, func, or_, select, union

from .schema import message_items, messages
from .statements import Statement, among

type_of_shape = tuple[str, ...]
_PUNCTUATION = " -()+./,\N{NO-BREAK SPACE}"
_NEWEST_FIRST = (messages.c.received_at.desc(), messages.c.id.desc())


def _of_item() -> ColumnElement[bool]:
    of_it = select(message_items.c.message).where(
        message_items.c.entity_type == bindparam("entity_type"), message_items.c.item == bindparam("item")
    )
    return messages.c.id.in_(of_it)


def digits_of(column: ColumnElement[str]) -> ColumnElement[str]:
    """A text without what people write between the digits of a number."""
    digits = column
    for character in _PUNCTUATION:
        digits = func.replace(digits, character, "")
    return digits


def _before() -> ColumnElement[bool]:
    at: BindParameter[float] = bindparam("before_at")
    id_: BindParameter[int] = bindparam("before_id")
    return and_(messages.c.received_at <= at, or_(messages.c.received_at < at, messages.c.id < id_))


_CONDITIONS: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "since": lambda: messages.c.received_at >= bindparam("since"),
    "until": lambda: messages.c.received_at < bindparam("until"),
    "msisdn": lambda: messages.c.msisdn == bindparam("msisdn"),
    "kind": lambda: messages.c.kind == bindparam("kind"),
    "without_name": lambda: messages.c.sender_id.is_(None),
    "sender_id": lambda: messages.c.sender_id == bindparam("sender_id"),
    "sent_by": lambda: messages.c.sent_by == bindparam("sent_by"),
    "sent_by_any": lambda: and_(
        messages.c.sent_by >= bindparam("sent_by"), messages.c.sent_by < bindparam("sent_by_end")
    ),
    "without_reason": lambda: messages.c.reason.is_(None),
    "reason": lambda: messages.c.reason == bindparam("reason"),
    "campaign": lambda: messages.c.campaign == bindparam("campaign"),
    "before": _before,
}
# What each of these looks for lies in several places; each place is searched by its own index.
_EITHER: Mapping[str, Callable[[], Sequence[ColumnElement[bool]]]] = {
    "number_part": lambda: (
        func.instr(messages.c.msisdn, bindparam("number_part")) > 0,
        and_(
            messages.c.msisdn.is_(None),
            func.instr(digits_of(messages.c.number_received), bindparam("number_part")) > 0,
        ),
    ),
    "of": lambda: (_of_item(), _to_numbers()),
    "item": lambda: (_of_item(),),
    "numbers": lambda: (_to_numbers(),),
}


def _to_numbers() -> ColumnElement[bool]:
    return messages.c.msisdn.in_(among("numbers"))


def _searches(shape: type_of_shape) -> Iterator[Select[Any]]:
    """One query for each place that has to be searched."""
    names = set(shape)
    if {"item", "numbers"} <= names:
        names = names - {"item", "numbers"} | {"of"}
    common = [_CONDITIONS[name]() for name in sorted(names & _CONDITIONS.keys())]
    for name in names:
        what, _, how_many = name.partition(":")
        if what == "statuses":
            common.append(or_(*(messages.c.status == bindparam(f"status_{n}") for n in range(int(how_many)))))
    for places in product(*(_EITHER[name]() for name in sorted(names & _EITHER.keys()))):
        yield select(messages.c.id, messages.c.received_at).where(*common, *places)


def _ids(shape: type_of_shape) -> Select[Any] | CompoundSelect[Any]:
    """The ids of the first `most` messages of all places together, with their times."""
    newest = [search.order_by(*_NEWEST_FIRST).limit(bindparam("most")) for search in _searches(shape)]
    if len(newest) == 1:
        return newest[0]
    # SQLite takes no limit within a union but in a query of its own.
    each = union(*(select(search.subquery()) for search in newest)).subquery()
    return select(each).order_by(each.c.received_at.desc(), each.c.id.desc()).limit(bindparam("most"))


@lru_cache(maxsize=256)
def page(shape: type_of_shape, columns: tuple[str, ...]) -> Statement:
    """The newest `most` messages, newest first, with these columns."""
    ids = select(_ids(shape).subquery().c.id)
    return Statement(
        select(*(messages.c[name] for name in columns)).where(messages.c.id.in_(ids)).order_by(*_NEWEST_FIRST)
    )


@lru_cache(maxsize=256)
def count(shape: type_of_shape) -> Statement:
    """How many there are, `most` at most."""
    searches = [select(search.limit(bindparam("most")).subquery().c.id) for search in _searches(shape)]
    found = searches[0] if len(searches) == 1 else union(*searches).limit(bindparam("most"))
    return Statement(select(func.count()).select_from(found.subquery()))

"""The numbers that get no marketing SMS, and the choices that the CRM has to be told of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from ..message import Change, Choice, ChoiceSource, Kind, PendingChoice, Refusal
from .rows import IS_STILL_HERE, STATE, reject
from .schema import choices, messages, stop_list
from .statements import Connection, Row, Statement, among, change_by_id, insertion, listed

_STOP = Statement(
    insert(stop_list).on_conflict_do_nothing(index_elements=["msisdn"]), ("msisdn", "since", "source", "note")
)
_ALLOW = Statement(delete(stop_list).where(stop_list.c.msisdn == bindparam("number")))
_STOPPED = Statement(select(stop_list.c.msisdn).where(stop_list.c.msisdn.in_(among("numbers"))))
_WAITING = Statement(
    select(*STATE).where(
        messages.c.kind == Kind.MARKETING,
        messages.c.msisdn == bindparam("number"),
        IS_STILL_HERE,
    )
)
_CHOOSE = insertion(choices, ("msisdn", "at", "choice", "source", "note", "due_at"))
_DUE = Statement(
    select(choices).where(choices.c.due_at <= bindparam("now")).order_by(choices.c.due_at).limit(bindparam("most"))
)
_NEXT_DUE = Statement(select(func.min(choices.c.due_at)).where(choices.c.due_at.is_not(None)))
_LATER_ONE = Statement(
    select(choices.c.id).where(choices.c.msisdn == bindparam("number"), choices.c.id > bindparam("row")).limit(1)
)
_WRITTEN = change_by_id(choices, ("due_at", "tries", "contacts", "trouble"))
_OF_NUMBER = Statement(select(choices).where(choices.c.msisdn == bindparam("number")).order_by(choices.c.id))


def choose(
    connection: Connection, msisdn: str, choice: Choice, source: ChoiceSource, note: str, now: float
) -> list[Change]:
    """Write a choice down: it holds from now on, and what waits to go out against it has come to its end."""
    values = {"msisdn": msisdn, "source": str(source), "note": note}
    if choice is Choice.IN:
        connection.execute(_ALLOW, {"number": msisdn})
    else:
        new = connection.execute(_STOP, {**values, "since": now}).rowcount
        if not new and source is ChoiceSource.A1:
            # It says so of every message.
            return []
    connection.execute(_CHOOSE, {**values, "at": now, "choice": str(choice), "due_at": now})
    return _end_waiting(connection, msisdn, now) if choice is Choice.OUT else []


def _end_waiting(connection: Connection, msisdn: str, now: float) -> list[Change]:
    return [refuse(connection, row, now) for row in connection.all(_WAITING, {"number": msisdn})]


def refuse(connection: Connection, row: Row, now: float) -> Change:
    """Refuse a message because its number is on the stop list."""
    return reject(connection, row, Refusal.STOP_LIST, now)


def stopped(connection: Connection, msisdns: Iterable[str]) -> set[str]:
    """Those of the numbers that are on the list."""
    return {row[0] for row in connection.all(_STOPPED, {"numbers": listed(msisdns)})}


def pending(connection: Connection, now: float, limit: int) -> tuple[list[PendingChoice], float | None]:
    """Up to `limit` choices that the CRM is to be told of now, and when the next is due (None: none waits).

    One that the subscriber has changed since is done: it is the latest that stands in the CRM.
    """
    found = []
    for row in connection.all(_DUE, {"now": now, "most": limit}):
        if connection.first(_LATER_ONE, {"number": row["msisdn"], "row": row["id"]}) is not None:
            written(connection, row["id"], None, row["tries"], (), "another choice came after it")
            continue
        found.append(
            PendingChoice(
                row["id"],
                row["msisdn"],
                Choice(row["choice"]),
                ChoiceSource(row["source"]),
                row["at"],
                row["note"],
                row["tries"],
            )
        )
    return found, connection.value(_NEXT_DUE)


def written(
    connection: Connection, row: int, due_at: float | None, tries: int, contacts: Sequence[int], trouble: str | None
) -> None:
    """A choice has been written into these contacts; with a `due_at` it has to be tried again then."""
    values = {"due_at": due_at, "tries": tries, "contacts": json.dumps(list(contacts)), "trouble": trouble}
    connection.execute(_WRITTEN, {"row": row, **values})


def of_number(connection: Connection, msisdn: str) -> list[dict[str, Any]]:
    """Every choice of a number, in order."""
    return [
        dict(row) | {"contacts": json.loads(row["contacts"] or "[]")}
        for row in connection.all(_OF_NUMBER, {"number": msisdn})
    ]

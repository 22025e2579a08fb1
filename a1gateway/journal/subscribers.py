"""Messages from subscribers: kept part by part until they are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from ..carriers.smpp.deliveries import SubscriberPart, read_text
from ..message import IncomingMessage
from ..msisdn import Msisdn, read_number
from .schema import incoming, incoming_parts
from .statements import Connection, Row, Statement, insertion

_OF_ONE_MESSAGE = ("source", "destination", "reference", "total")
_COLUMNS = [incoming_parts.c[name] for name in _OF_ONE_MESSAGE]
_TOGETHER = [column == bindparam(f"of_{column.name}") for column in _COLUMNS]
_PARTS = Statement(select(incoming_parts).where(*_TOGETHER).order_by(incoming_parts.c.number))
_FORGET = Statement(delete(incoming_parts).where(*_TOGETHER))
_INSERT = insert(incoming_parts)
_TAKE = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=[*_OF_ONE_MESSAGE, "number"],
        set_={name: _INSERT.excluded[name] for name in ("received_at", "data_coding", "octets")},
    ),
    (*_OF_ONE_MESSAGE, "number", "received_at", "data_coding", "octets"),
)
_SILENT = Statement(
    select(*_COLUMNS).group_by(*_COLUMNS).having(func.max(incoming_parts.c.received_at) <= bindparam("before"))
)


def take_in(connection: Connection, part: SubscriberPart) -> IncomingMessage | None:
    """Keep a part; the message when it is whole now."""
    if part.reference is None or part.total == 1:
        text = read_text([part.octets], part.data_coding)
        return _keep(connection, part.at, part.source, part.destination, text, 1, 1)
    values = asdict(part)
    values["received_at"] = values.pop("at")
    together = _together(values)
    rows = connection.all(_PARTS, together)
    if len(rows) == part.total:
        if rows[part.number - 1]["octets"] == part.octets:
            # A1 has not heard that it was kept.
            return None
        # Another message: references come round again.
        connection.execute(_FORGET, together)
    connection.execute(_TAKE, values)
    rows = connection.all(_PARTS, together)
    return _join(connection, rows) if len(rows) == part.total else None


def give_up_parts(connection: Connection, before: float) -> list[IncomingMessage]:
    """Forget the parts of messages of which none has come since `before`; one that is not whole is kept as it is.

    The parts of whole ones have stayed until now, so that one that A1 repeats is known again.
    """
    made = []
    for group in connection.all(_SILENT, {"before": before}):
        together = _together(group)
        rows = connection.all(_PARTS, together)
        connection.execute(_FORGET, together)
        if len(rows) < group["total"]:
            made.append(_join(connection, rows))
    return made


def _together(values: dict[str, Any] | Row) -> dict[str, Any]:
    """What the parts of one message have in common."""
    return {f"of_{name}": values[name] for name in _OF_ONE_MESSAGE}


def _join(connection: Connection, rows: Sequence[Row]) -> IncomingMessage:
    first = rows[0]
    text = "".join(
        read_text([row["octets"] for row in alike], data_coding)
        for data_coding, alike in groupby(rows, key=lambda row: int(row["data_coding"]))
    )
    received_at = max(row["received_at"] for row in rows)
    return _keep(connection, received_at, first["source"], first["destination"], text, first["total"], len(rows))


def _keep(
    connection: Connection, received_at: float, source: str, destination: str, text: str, total: int, received: int
) -> IncomingMessage:
    number = read_number(source)
    message = IncomingMessage(
        received_at=received_at,
        source=source,
        destination=destination,
        msisdn=number.number if isinstance(number, Msisdn) else None,
        text=text,
        parts=total,
        parts_received=received,
    )
    values = asdict(message)
    connection.execute(insertion(incoming, tuple(values)), values)
    return message

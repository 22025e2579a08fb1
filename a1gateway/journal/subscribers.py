"""Messages from subscribers: kept part by part until they are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_or_replace

from ..carriers.smpp.deliveries import SubscriberPart, read_text
from ..message import IncomingMessage
from ..msisdn import Msisdn, read_number
from .schema import incoming, incoming_parts

_OF_ONE_MESSAGE = ("source", "destination", "reference", "total")


def take_in(connection: Connection, part: SubscriberPart) -> IncomingMessage | None:
    """Keep a part; the message when it is whole now."""
    if part.reference is None or part.total == 1:
        text = read_text([part.octets], part.data_coding)
        return _keep(connection, part.at, part.source, part.destination, text, 1, 1)
    values = asdict(part)
    values["received_at"] = values.pop("at")
    together = _together(values)
    rows = _parts(connection, together)
    if len(rows) == part.total:
        if rows[part.number - 1]["octets"] == part.octets:
            # A1 has not heard that it was kept.
            return None
        # Another message: references come round again.
        connection.execute(delete(incoming_parts).where(*together))
    connection.execute(
        insert_or_replace(incoming_parts)
        .values(values)
        .on_conflict_do_update(
            index_elements=["source", "destination", "reference", "total", "number"],
            set_={name: values[name] for name in ("received_at", "data_coding", "octets")},
        )
    )
    rows = _parts(connection, together)
    return _join(connection, rows) if len(rows) == part.total else None


def give_up_parts(connection: Connection, before: float) -> list[IncomingMessage]:
    """Forget the parts of messages of which none has come since `before`; one that is not whole is kept as it is.

    The parts of whole ones have stayed until now, so that one that A1 repeats is known again.
    """
    of_one = [incoming_parts.c[name] for name in _OF_ONE_MESSAGE]
    silent = select(*of_one).group_by(*of_one).having(func.max(incoming_parts.c.received_at) <= before)
    made = []
    for group in connection.execute(silent).mappings().all():
        together = _together(group)
        rows = _parts(connection, together)
        connection.execute(delete(incoming_parts).where(*together))
        if len(rows) < group["total"]:
            made.append(_join(connection, rows))
    return made


def _together(values: Mapping[str, Any] | RowMapping) -> list[ColumnElement[bool]]:
    """What the parts of one message have in common."""
    return [incoming_parts.c[name] == values[name] for name in _OF_ONE_MESSAGE]


def _parts(connection: Connection, together: Sequence[ColumnElement[bool]]) -> Sequence[RowMapping]:
    query = select(incoming_parts).where(*together).order_by(incoming_parts.c.number)
    return connection.execute(query).mappings().all()


def _join(connection: Connection, rows: Sequence[RowMapping]) -> IncomingMessage:
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
    connection.execute(insert(incoming), asdict(message))
    return message

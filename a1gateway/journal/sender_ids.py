"""The applications for a Sender ID: what was asked for, and how far each has come."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, func, select

from ..sender_id.applications import Application, State, Step, after, states_before
from ..sender_id.particulars import Particulars
from .schema import sender_ids
from .statements import Connection, Row, Statement, among, change_by_id, insertion, listed

_PREPARE = insertion(sender_ids, ("name", "purpose", "particulars", "state", "prepared_at", "prepared_by"))
_ALL = Statement(select(sender_ids).order_by(sender_ids.c.id.desc()))
_ONE = Statement(select(sender_ids).where(sender_ids.c.id == bindparam("row")))
_IN_STATE = Statement(select(func.count()).select_from(sender_ids).where(sender_ids.c.state == bindparam("is_in")))
_SEEN = Statement(
    select(sender_ids.c.id)
    .where(sender_ids.c.name.in_(among("names")), sender_ids.c.state.in_(among("states")))
    .order_by(sender_ids.c.id)
)
_STEP = change_by_id(sender_ids, ("state", "handed_in_at", "decided_at", "note"))
_DECIDED = (State.APPROVED, State.REFUSED, State.WITHDRAWN)


def prepare(
    connection: Connection, name: str, purpose: str, particulars: Particulars, prepared_by: str, now: float
) -> Application:
    """Keep a new application for `name`, which has no faults."""
    values = {"name": name, "purpose": purpose, "particulars": particulars.as_json(), "prepared_by": prepared_by}
    row = connection.execute(_PREPARE, {**values, "state": str(State.PREPARED), "prepared_at": now}).lastrowid
    assert row is not None
    return Application(row, name, purpose, particulars, State.PREPARED, now, prepared_by)


def applications(connection: Connection) -> list[Application]:
    """All of them, the newest first: there is a handful."""
    return [_application(row) for row in connection.all(_ALL)]


def application(connection: Connection, row: int) -> Application | None:
    """One of them; None when there is no such."""
    found = connection.first(_ONE, {"row": row})
    return None if found is None else _application(found)


def take_step(connection: Connection, row: int, step: Step, at: float, note: str | None = None) -> Application | None:
    """Something has happened to an application `at` that time; the application as it is then.

    `note` replaces the one that there is, unless it is None. None when there is no such application, or the step
    cannot be taken from where it stands: somebody else was faster.
    """
    found = application(connection, row)
    state = None if found is None else after(found.state, step)
    if found is None or state is None:
        return None
    handed_in_at = found.handed_in_at
    if step is Step.HAND_IN:
        handed_in_at = at
    elif step is Step.TAKE_BACK:
        handed_in_at = None
    values = {
        "state": str(state),
        "handed_in_at": handed_in_at,
        "decided_at": at if state in _DECIDED else None,
        "note": found.note if note is None else note,
    }
    connection.execute(_STEP, {"row": row, **values})
    return application(connection, row)


def seen(connection: Connection, names: Collection[str], now: float) -> list[Application]:
    """A1 lists these names as approved: the applications that have become approved by it."""
    states = listed(states_before(Step.APPROVE))
    rows = connection.all(_SEEN, {"names": listed(names), "states": states})
    approved = [take_step(connection, row["id"], Step.APPROVE, now) for row in rows]
    return [each for each in approved if each is not None]


def handed_in(connection: Connection) -> int:
    """How many applications A1 has to decide on."""
    return int(connection.value(_IN_STATE, {"is_in": str(State.HANDED_IN)}))


def _application(row: Row) -> Application:
    return Application(
        row["id"],
        row["name"],
        row["purpose"],
        Particulars.from_json(row["particulars"]),
        State(row["state"]),
        row["prepared_at"],
        row["prepared_by"],
        row["handed_in_at"],
        row["decided_at"],
        row["note"],
    )

"""Taking a message into the journal, within one of its transactions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from ..message import Acceptance, Arrival, Kind, Refusal, Source, Stage, Status, custom_id
from . import restored, stop_list
from .campaigns import State, assign
from .origins import items_of, sent_by
from .rows import ending, write_history
from .schema import message_items, message_sources, messages
from .statements import Connection, Statement

_AS_JSON = json.JSONEncoder(ensure_ascii=False)
_OVER, _READY, _CONSENT, _FIELDS, _HELD = (
    str(each) for each in (Stage.OVER, Stage.READY, Stage.CONSENT, Stage.FIELDS, Stage.HELD)
)
_NEW_COLUMNS = (
    "message_id",
    "custom_id",
    "received_at",
    "kind",
    "origin",
    "sent_by",
    "campaign",
    "number_received",
    "msisdn",
    "warning",
    "text",
    "sender_id",
    "segments",
    "refusal",
    "status",
    "stage",
    "due_at",
    "uncertain",
    "not_before",
    "leave_by",
    "again_from",
    "again_by",
    "deliver_by",
    "attempts",
    "asked",
    "final_at",
    "reason",
    "told",
    "tell_at",
    "tell_tries",
    "teller",
)
_ACCEPT = Statement(
    insert(messages).values(attempts=0, asked=0, tell_tries=0).on_conflict_do_nothing(index_elements=["message_id"]),
    _NEW_COLUMNS,
)
_BELONGS = Statement(insert(message_items).on_conflict_do_nothing(), ("entity_type", "item", "message"))
_SEEN = Statement(insert(message_sources).on_conflict_do_nothing(), ("sent_by", "sender_id"))
_VERDICT = Statement(select(messages.c.refusal).where(messages.c.message_id == bindparam("name")))
_ROW = Statement(select(messages.c.id).where(messages.c.message_id == bindparam("name")))


def accept(connection: Connection, arrivals: Sequence[Arrival]) -> list[Acceptance]:
    """Take messages in, each once: a repetition changes nothing and gets the first answer."""
    return [accept_one(connection, arrival) for arrival in arrivals]


def accept_one(connection: Connection, arrival: Arrival, happened_at: float | None = None) -> Acceptance:
    """The same for one. `happened_at` is when that was which it is about, where the message itself has no time."""
    if happened_at is None:
        in_doubt = restored.of_arrival(connection, arrival)
    else:
        in_doubt = restored.made_anew(connection, happened_at)
    marketing = arrival.kind is Kind.MARKETING
    by = sent_by(arrival.origin)
    if marketing and (known := connection.first(_VERDICT, {"name": arrival.message_id})) is not None:
        # It is of the campaign that it was of, and begins no other.
        return Acceptance(arrival.message_id, known[0], repeated=True)
    campaign = assign(connection, arrival, by)
    refusal = arrival.refusal
    if refusal is None and campaign is not None and campaign.state is State.CANCELLED:
        refusal = Refusal.CANCELLED
    if marketing and refusal is None and arrival.msisdn is not None:
        refusal = Refusal.STOP_LIST if stop_list.stopped(connection, [arrival.msisdn]) else None
    if refusal is None and in_doubt is restored.Unsent.DROP:
        refusal = restored.UNCERTAIN
    refused = refusal is not None
    status = Status.REJECTED if refused else Status.QUEUED
    held = not refused and not arrival.unfilled and campaign is not None and campaign.state is State.PAUSED
    stage = _OVER if refused else _FIELDS if arrival.unfilled else _CONSENT if marketing else _READY
    values = {
        "message_id": arrival.message_id,
        "custom_id": custom_id(arrival.message_id),
        "received_at": arrival.received_at,
        "kind": str(arrival.kind),
        "origin": _AS_JSON.encode(arrival.origin),
        "sent_by": by,
        "campaign": None if campaign is None else campaign.id,
        "number_received": arrival.number_received,
        "msisdn": arrival.msisdn,
        "warning": arrival.warning,
        "text": arrival.text,
        "sender_id": arrival.sender_id,
        "segments": arrival.segments,
        "refusal": refusal,
        "status": str(status),
        "stage": _HELD if held else stage,
        "due_at": None if refused else max(arrival.received_at, 0.0 if arrival.unfilled else arrival.not_before),
        "uncertain": None,
        "not_before": arrival.not_before if arrival.not_before > arrival.received_at else None,
        "leave_by": arrival.leave_by,
        "again_from": None if arrival.again is None else arrival.again.opens_at,
        "again_by": None if arrival.again is None else arrival.again.closes_at,
        "deliver_by": arrival.deliver_by,
        "final_at": None,
        "reason": None,
        "told": None,
        "tell_at": None,
        "teller": str(arrival.teller),
    }
    if refused:
        values |= ending(status, arrival.received_at, refusal, str(arrival.teller))
    elif in_doubt is not None:
        values |= restored.in_doubt(str(values["stage"]), in_doubt, arrival.received_at)
    made = connection.execute(_ACCEPT, values)
    if not made.rowcount:
        return Acceptance(arrival.message_id, connection.value(_VERDICT, {"name": arrival.message_id}), repeated=True)
    assert made.lastrowid is not None
    for item in items_of(arrival.origin):
        of_it = {"entity_type": item.entity_type, "item": item.id, "message": made.lastrowid}
        connection.execute_later(_BELONGS, of_it)
    connection.execute_later(_SEEN, {"sent_by": values["sent_by"], "sender_id": arrival.sender_id or ""})
    source = Source.GATEWAY if refused else Source.PORTAL
    write_history(
        connection, made.lastrowid, arrival.received_at, source, status, refusal or "accepted", arrival.note
    )
    if held:
        write_history(connection, made.lastrowid, arrival.received_at, Source.GATEWAY, None, "held")
    return Acceptance(arrival.message_id, refusal)


def row_of(connection: Connection, message_id: str) -> int:
    """The row of a message that has been accepted."""
    row: int = connection.value(_ROW, {"name": message_id})
    return row

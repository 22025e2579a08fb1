"""Marketing messages on their way to a consent: those to ask for, what was found, and the evidence of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, false, func, select, update

from ..message import Change, Kind, Refusal, Source, Stage, Unasked, Verdict
from .campaigns import put_aside
from .rows import IS_STILL_HERE, STATE, change, reject, write_history
from .schema import consent_evidence, consents, messages
from .statements import Connection, Row, Statement, insertion
from .stop_list import refuse, stopped

GRANTED, NO_CONSENT, CONSENT_UNKNOWN = "granted", "no_consent", "consent_unknown"
# How often as many are looked at as are wanted.
_ROUNDS = 5
_OF_CONSENT = (messages.c.stage == Stage.CONSENT, messages.c.kind == Kind.MARKETING)
_DUE = Statement(
    select(*(messages.c[name] for name in ("id", "message_id", "msisdn", "origin", "received_at", "campaign")))
    .where(*_OF_CONSENT, messages.c.due_at <= bindparam("now"))
    .order_by(messages.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE = Statement(select(func.min(messages.c.due_at)).where(*_OF_CONSENT, messages.c.due_at > bindparam("after")))
_OVERDUE = Statement(
    select(*STATE)
    .where(*_OF_CONSENT, messages.c.due_at <= bindparam("before"))
    .order_by(messages.c.due_at)
    .limit(bindparam("most"))
)
# Those with a time to leave by have quiet hours of their own; further away than a day is what a clock set back left.
_HELD = (
    messages.c.leave_by.is_not(None)
    & (messages.c.not_before > bindparam("now"))
    & (messages.c.not_before <= bindparam("now") + 86400.0)
)
_OPEN = Statement(
    update(messages)
    .where(*_OF_CONSENT, messages.c.due_at > bindparam("now"), ~func.coalesce(_HELD, false()))
    .values(due_at=bindparam("now"))
)
_ONE = Statement(select(*STATE).where(messages.c.id == bindparam("row"), messages.c.stage == Stage.CONSENT))
_NOT_GONE = Statement(
    select(*STATE)
    .where(
        messages.c.kind == Kind.MARKETING,
        IS_STILL_HERE,
        messages.c.due_at.is_not(None),
    )
    .limit(bindparam("most"))
)
_FOUND = ("message", "asked_at", "field", "contact", "value", "meaning", "granted")
_KEEP = insertion(consents, _FOUND)
_OF_MESSAGE = ("message_id", "received_at", "status", "reason", "final_at", "sender_id")
_EVIDENCE = Statement(
    select(
        *(messages.c[name] for name in _OF_MESSAGE),
        *(consents.c[name] for name in _FOUND[1:]),
    )
    .join_from(messages, consents, consents.c.message == messages.c.id, isouter=True)
    .where(messages.c.kind == Kind.MARKETING, messages.c.msisdn == bindparam("number"))
    .order_by(messages.c.id, consents.c.id)
)

# Of those that are masked or deleted.
_KEPT = Statement(
    select(*(consent_evidence.c[name] for name in (*_OF_MESSAGE, *_FOUND[1:])))
    .where(consent_evidence.c.msisdn == bindparam("number"))
    .order_by(consent_evidence.c.received_at, consent_evidence.c.id)
)


def unasked(connection: Connection, now: float, limit: int) -> tuple[list[Unasked], float | None]:
    """Up to `limit` messages whose consent is to be asked for now, oldest first, and when the next is due later.

    Of campaigns that are paused nobody is asked for. It may be due now: there are too many of them.
    """
    rows: list[Row] = []
    next_due = now
    for _ in range(_ROUNDS):
        found = connection.all(_DUE, {"now": now, "most": limit})
        rows = put_aside(connection, found, now)
        if len(rows) == len(found) or len(found) < limit:
            next_due = connection.value(_NEXT_DUE, {"after": now})
            break
    unasked = [
        Unasked(row["id"], row["message_id"], row["msisdn"], json.loads(row["origin"]), row["received_at"])
        for row in rows
    ]
    return unasked, next_due


def judge(connection: Connection, verdicts: Sequence[Verdict], due_at: float, now: float) -> list[Change]:
    """Write down what was found: who has agreed gets the message when it is due, the others do not."""
    changes = []
    for verdict in verdicts:
        row = connection.first(_ONE, {"row": verdict.id})
        if row is None:
            # The subscriber has opted out meanwhile.
            continue
        for each in verdict.found:
            values = {"contact": each.contact, "value": each.value, "meaning": each.meaning, "granted": each.granted}
            of_it = {"message": verdict.id, "asked_at": verdict.asked_at, "field": verdict.field}
            connection.execute_later(_KEEP, of_it | values)
        if verdict.granted:
            change(connection, row, {"stage": Stage.READY, "due_at": due_at, "consent_at": verdict.asked_at})
            write_history(connection, row["id"], now, Source.PORTAL, None, "consent")
        else:
            changes.append(reject(connection, row, NO_CONSENT, now, Source.PORTAL))
    return changes


def give_up(connection: Connection, before: float, now: float, limit: int) -> list[Change]:
    """End messages of which the portal could not be asked since `before`."""
    rows = connection.all(_OVERDUE, {"before": before, "most": limit})
    return [reject(connection, row, CONSENT_UNKNOWN, now) for row in rows]


def open_hours(connection: Connection, now: float) -> int:
    """The hours of marketing have begun: nothing waits for them any more; how many did."""
    return connection.execute(_OPEN, {"now": now}).rowcount


def refuse_all(connection: Connection, now: float, limit: int) -> list[Change]:
    """End what waits, as marketing is not configured any more."""
    rows = connection.all(_NOT_GONE, {"most": limit})
    return [reject(connection, row, Refusal.MARKETING_DISABLED, now) for row in rows]


def sift(
    connection: Connection, waiting: Sequence[Row], asked_after: float, now: float
) -> tuple[list[Row], int, list[Change]]:
    """Of messages about to go out, those that may: not to numbers on the stop list, nor by a consent that is old.

    With how many have to be asked for again, and what has come to its end.
    """
    marketing = [row for row in waiting if row["kind"] == Kind.MARKETING]
    if not marketing:
        return list(waiting), 0, []
    on_the_list = stopped(connection, {row["msisdn"] for row in marketing})
    may: list[Row] = []
    changes: list[Change] = []
    old = 0
    for row in waiting:
        if row["kind"] != Kind.MARKETING:
            may.append(row)
        elif row["msisdn"] in on_the_list:
            changes.append(refuse(connection, row, now))
        elif (row["consent_at"] or 0.0) < asked_after:
            change(connection, row, {"stage": Stage.CONSENT, "due_at": now})
            old += 1
        else:
            may.append(row)
    return may, old, changes


def evidence(connection: Connection, msisdn: str) -> list[dict[str, Any]]:
    """Every marketing message to a number, in order, each with what was found of the consent (`found`)."""
    sent: dict[str, dict[str, Any]] = {}
    of_number = {"number": msisdn}
    for row in [*connection.all(_KEPT, of_number), *connection.all(_EVIDENCE, of_number)]:
        known = dict(row)
        found = {name: known.pop(name) for name in _FOUND[1:]}
        message = sent.setdefault(known["message_id"], known | {"found": []})
        if found["asked_at"] is not None:
            message["found"].append(found | {"granted": bool(found["granted"])})
    return list(sent.values())

"""Taking the text and the number out of messages that are over, and deleting them, within one transaction.

What is masked keeps its place, its times, its statuses, A1's identifiers and its price; of the number the digits of
the operator stay (`+375291******`), so that late answers still count for the right group. What says whom it was to
goes: number, text, origin, the items of the CRM, and the notes in its history. The evidence of a consent outlives
both, in a table of its own.

A message that is under way, that Bitrix24 or a workflow still has to hear of, or that the statistics have not counted
yet is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select, text, update
from sqlalchemy.dialects.sqlite import insert

from ..message import RunState
from .schema import (
    campaign_totals,
    consent_evidence,
    consents,
    history,
    message_items,
    messages,
    parts,
    reminders,
    runs,
)
from .statements import Connection, Statement, among, listed
from .statistics import history_is_shorter, position

_STAYS = len("+37529") + 1
_HIDDEN = "******"
_NOBODY = "***"
"""In place of a number that is none of a Belarusian subscriber's."""
# What says who sent it, and which message it repeats: nothing of whom it was to.
_OF_ORIGIN = ("code", "scenario", "page", "of")

# As the index has it.
_OVER = text("stage = 'over' AND tell_at IS NULL")
_THESE = messages.c.id.in_(among("rows"))
_IS_COUNTED = (
    ~select(history.c.id).where(history.c.message == messages.c.id, history.c.id > bindparam("counted")).exists()
)
# Its workflow is still to hear of it, and of the number.
_IS_AWAITED = select(runs.c.id).where(runs.c.message == messages.c.id, runs.c.state != RunState.OVER).exists()
_MAY_BE_MASKED = Statement(
    select(messages.c.id).where(_THESE, _OVER, _IS_COUNTED, messages.c.masked_at.is_(None), ~_IS_AWAITED)
)
_MASK = Statement(
    update(messages)
    .where(_THESE)
    .values(
        msisdn=func.substr(messages.c.msisdn, 1, _STAYS).concat(_HIDDEN),
        number_received=func.coalesce(func.substr(messages.c.msisdn, 1, _STAYS).concat(_HIDDEN), _NOBODY),
        text="",
        # A patch leaves out what there is not.
        origin=func.json_patch(
            "{}",
            func.json_object(
                *(each for name in _OF_ORIGIN for each in (name, func.json_extract(messages.c.origin, f"$.{name}")))
            ),
        ),
        masked_at=bindparam("at"),
    )
)
_EVIDENCE = ("message_id", "received_at", "status", "reason", "final_at", "sender_id")
_FOUND = ("asked_at", "field", "contact", "value", "meaning", "granted")
_KEEP_EVIDENCE = Statement(
    insert(consent_evidence).from_select(
        ["msisdn", *_EVIDENCE, *_FOUND],
        select(
            messages.c.msisdn,
            *(messages.c[name] for name in _EVIDENCE),
            *(consents.c[name] for name in _FOUND),
        )
        .join_from(consents, messages, messages.c.id == consents.c.message)
        # What is masked has its evidence there already.
        .where(consents.c.message.in_(among("rows")), messages.c.msisdn.is_not(None), messages.c.masked_at.is_(None))
        .order_by(consents.c.id),
    )
)
_FORGET_EVIDENCE = Statement(delete(consents).where(consents.c.message.in_(among("rows"))))
_FORGET_ITEMS = Statement(delete(message_items).where(message_items.c.message.in_(among("rows"))))
_FORGET_NOTES = Statement(
    update(history).where(history.c.message.in_(among("rows")), history.c.note.is_not(None)).values(note=None)
)

# A reminder that is still to come keeps its message: without it, it would be sent once more.
_IS_REMEMBERED = (
    select(reminders.c.id)
    .where(reminders.c.message == messages.c.id, reminders.c.moment >= bindparam("before"))
    .exists()
)
_MAY_BE_DELETED = Statement(
    select(messages.c.id).where(
        _THESE, _OVER, _IS_COUNTED, messages.c.received_at < bindparam("before"), ~_IS_AWAITED, ~_IS_REMEMBERED
    )
)
_BY = ("campaign", "status", "reason", "segments", "a1_segments", "amount")
_total = insert(campaign_totals)
_KEEP_TOTALS = Statement(
    _total.from_select(
        [*_BY, "messages"],
        select(
            messages.c.campaign,
            messages.c.status,
            func.coalesce(messages.c.reason, ""),
            messages.c.segments,
            func.coalesce(messages.c.a1_segments, 0),
            func.coalesce(messages.c.amount, ""),
            func.count(),
        )
        .where(_THESE, messages.c.campaign.is_not(None))
        .group_by(*(messages.c[name] for name in _BY)),
    ).on_conflict_do_update(
        index_elements=_BY, set_={"messages": campaign_totals.c.messages + _total.excluded.messages}
    )
)
_DELETE = tuple(
    Statement(each)
    for each in (
        delete(history).where(history.c.message.in_(among("rows"))),
        delete(parts).where(parts.c.message.in_(among("rows"))),
        delete(reminders).where(reminders.c.message.in_(among("rows"))),
        delete(runs).where(runs.c.message.in_(among("rows"))),
        delete(messages).where(_THESE),
    )
)


def maskable(connection: Connection, rows: Sequence[int]) -> list[int]:
    """Those of the messages that may be masked, and are not."""
    return _allowed(connection, _MAY_BE_MASKED, {"rows": listed(rows), "counted": position(connection)})


def mask(connection: Connection, rows: Sequence[int], now: float, *, with_evidence: bool = False) -> int:
    """Mask those of the messages that may be; how many that were.

    `with_evidence`: the evidence of consents goes too, and is not kept.
    """
    these = maskable(connection, rows)
    if not these:
        return 0
    of_them = {"rows": listed(these)}
    _forget_what_belongs(connection, these, with_evidence=with_evidence)
    connection.execute(_FORGET_NOTES, of_them)
    return connection.execute(_MASK, of_them | {"at": now}).rowcount


def remove(connection: Connection, rows: Sequence[int], before: float) -> int:
    """Delete those of the messages, all of them from `before` that time, that may be; how many that were."""
    values = {"rows": listed(rows), "counted": position(connection), "before": before}
    these = _allowed(connection, _MAY_BE_DELETED, values)
    if not these:
        return 0
    of_them = {"rows": listed(these)}
    _forget_what_belongs(connection, these, with_evidence=False)
    connection.execute(_KEEP_TOTALS, of_them)
    for statement in _DELETE:
        connection.execute(statement, of_them)
    history_is_shorter(connection)
    return len(these)


def _allowed(connection: Connection, which: Statement, values: dict[str, object]) -> list[int]:
    return [row[0] for row in connection.execute(which, values)]


def _forget_what_belongs(connection: Connection, rows: Sequence[int], *, with_evidence: bool) -> None:
    of_them = {"rows": listed(rows)}
    if not with_evidence:
        connection.execute(_KEEP_EVIDENCE, of_them)
    connection.execute(_FORGET_EVIDENCE, of_them)
    connection.execute(_FORGET_ITEMS, of_them)

"""Erasing what is known of a number, for a person who asks: what there is, and taking it away piece by piece.

What is found is found beside the lane; each piece is taken away in one transaction, by its rows. An erasure stands in
the journal with the number until nothing is left to erase, which may take as long as an SMS is under way; then the
number goes, and the record stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, or_, select, update

from ..message import Drop, RunState
from . import masking, reminders
from .likeness import LONGEST
from .reminders import Rule
from .schema import (
    campaigns,
    choices,
    consent_evidence,
    consents,
    erasures,
    incoming,
    incoming_parts,
    look_ups,
    messages,
    reminder_rules,
    runs,
    said,
    stop_list,
    unmatched,
)
from .search_statements import digits_of
from .statements import Connection, Row, Statement, among, change_by_id, insertion, listed
from .walks import Walk

_COUNTRY = "+375"

# The record


@dataclass(frozen=True, slots=True)
class Erasure:
    """One that somebody has asked for."""

    id: int
    asked_at: float
    asked_by: str
    with_evidence: bool
    """Whether the evidence of consents goes too."""
    msisdn: str | None
    """None once all is erased."""
    done_at: float | None
    counts: Mapping[str, int] = field(default_factory=dict)
    """How much was erased, by place."""


_BEGIN = insertion(erasures, ("asked_at", "asked_by", "with_evidence", "msisdn", "counts"))
_OF_NUMBER = Statement(select(erasures).where(erasures.c.msisdn == bindparam("number")))
_PENDING = Statement(select(erasures).where(erasures.c.done_at.is_(None)).order_by(erasures.c.id))
_ONE = Statement(select(erasures).where(erasures.c.id == bindparam("row")))
_LATEST = Statement(select(erasures).order_by(erasures.c.id.desc()).limit(bindparam("most")))
_AGAIN = change_by_id(erasures, ("asked_at", "asked_by", "with_evidence"))
_COUNT = change_by_id(erasures, ("counts",))
_DONE = change_by_id(erasures, ("msisdn", "done_at"))


def begin(connection: Connection, msisdn: str, by: str, now: float, with_evidence: bool) -> Erasure:
    """Write down that it is asked for, by the word of `by`. One that is not done yet goes on, as of now."""
    known = connection.first(_OF_NUMBER, {"number": msisdn})
    values = {"asked_at": now, "asked_by": by, "with_evidence": with_evidence}
    if known is None:
        row = connection.execute(_BEGIN, {**values, "msisdn": msisdn, "counts": "{}"}).lastrowid
    else:
        row = known["id"]
        values["with_evidence"] = with_evidence or bool(known["with_evidence"])
        connection.execute(_AGAIN, {"row": row, **values})
    assert row is not None
    return one(connection, row)


def one(connection: Connection, erasure: int) -> Erasure:
    """The one with this id."""
    row = connection.first(_ONE, {"row": erasure})
    assert row is not None
    return _read(row)


def pending(connection: Connection) -> list[Erasure]:
    """Those of which something is left to erase."""
    return [_read(row) for row in connection.all(_PENDING)]


def latest(connection: Connection, most: int) -> list[Erasure]:
    """The latest, newest first."""
    return [_read(row) for row in connection.all(_LATEST, {"most": most})]


def end(connection: Connection, erasure: int, now: float) -> None:
    """Nothing is left: the number goes."""
    connection.execute(_DONE, {"row": erasure, "msisdn": None, "done_at": now})


def _read(row: Row) -> Erasure:
    return Erasure(
        row["id"],
        row["asked_at"],
        row["asked_by"],
        bool(row["with_evidence"]),
        row["msisdn"],
        row["done_at"],
        json.loads(row["counts"]),
    )


# What there is


def values_of(erasure: Erasure) -> dict[str, Any]:
    """What the looks are given."""
    return of_number(str(erasure.msisdn), erasure.asked_at)


def of_number(msisdn: str, asked_at: float) -> dict[str, Any]:
    """The same for a number, `+375XXXXXXXXX`, of which nothing is erased yet."""
    return {"number": msisdn, "digits": msisdn.removeprefix(_COUNTRY), "asked_at": asked_at}


def _mention(*columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the number stands in one of the columns, in whatever spelling."""
    return or_(*(func.instr(digits_of(column), bindparam("digits")) > 0 for column in columns))


_IN_TIME = and_(messages.c.received_at <= bindparam("asked_at"), messages.c.masked_at.is_(None))
_THEIRS = messages.c.msisdn == bindparam("number")
_MESSAGES = Statement(select(messages.c.id).where(_THEIRS, _IN_TIME).order_by(messages.c.id))
# To others that are told of the number, and those that were refused for theirs: several in one field, say.
_MENTIONS = Walk(
    messages,
    and_(
        _IN_TIME,
        or_(messages.c.msisdn.is_(None), messages.c.msisdn != bindparam("number")),
        _mention(messages.c.text, messages.c.number_received),
    ),
)
_RUNS = Walk(
    runs,
    and_(
        runs.c.received_at <= bindparam("asked_at"),
        _mention(runs.c.properties, runs.c.origin, func.coalesce(runs.c.answer, "")),
    ),
)
DELETED: Mapping[str, Walk] = {
    "subscribers_messages": Walk(
        incoming, or_(incoming.c.msisdn == bindparam("number"), _mention(incoming.c.source, incoming.c.text))
    ),
    "subscribers_parts": Walk(incoming_parts, _mention(incoming_parts.c.source)),
    "unmatched_statuses": Walk(unmatched, _mention(func.coalesce(unmatched.c.number, ""), unmatched.c.note)),
}
"""What is deleted whole, by its place."""
_OPEN = Statement(
    select(func.count()).where(
        messages.c.id.in_(among("rows")), or_(messages.c.stage != "over", messages.c.tell_at.is_not(None))
    )
)
_OPEN_RUNS = Statement(select(func.count()).where(runs.c.id.in_(among("rows")), runs.c.state != RunState.OVER))
_LOOK_UPS = Statement(select(look_ups.c.key).where(look_ups.c.payload.is_not(None), _mention(look_ups.c.payload)))
_SAID = Statement(select(func.count()).where(said.c.msisdn == bindparam("number")))
_STOPPED = Statement(select(func.count()).where(stop_list.c.msisdn == bindparam("number")))
_CHOICES = Statement(select(func.count()).where(choices.c.msisdn == bindparam("number")))
_OPEN_CHOICES = Statement(
    select(func.count()).where(choices.c.msisdn == bindparam("number"), choices.c.due_at.is_not(None))
)
_EVIDENCE = Statement(select(func.count()).where(consent_evidence.c.msisdn == bindparam("number")))
_OF_CONSENTS = Statement(
    select(func.count()).select_from(messages).join(consents, consents.c.message == messages.c.id).where(_THEIRS)
)

Look = Callable[[Connection, int, Mapping[str, Any]], tuple[list[int], int | None]]


def _theirs(connection: Connection, after: int, values: Mapping[str, Any]) -> tuple[list[int], int | None]:
    del after
    return [row["id"] for row in connection.all(_MESSAGES, values)], None


MESSAGES, MENTIONS, RUNS = "messages", "mentions", "runs"
LOOKS: Mapping[str, Look] = {
    MESSAGES: _theirs,
    MENTIONS: _MENTIONS.look,
    RUNS: _RUNS.look,
    **{name: walk.look for name, walk in DELETED.items()},
}
"""How the rows of each place are found: behind an id, and where to go on."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What is found by indexes, and what stays unless it is named."""

    look_ups: int
    said: int
    stopped: bool
    choices: int
    evidence: int
    choices_to_tell: int
    """Choices that Bitrix24 has not been told of yet: they stay until then."""


def rest(connection: Connection, values: Mapping[str, Any]) -> Rest:
    """What else there is of a number."""
    return Rest(
        len(connection.all(_LOOK_UPS, values)),
        connection.value(_SAID, values),
        bool(connection.value(_STOPPED, values)),
        connection.value(_CHOICES, values),
        connection.value(_EVIDENCE, values) + connection.value(_OF_CONSENTS, values),
        connection.value(_OPEN_CHOICES, values),
    )


def under_way(connection: Connection, rows: Sequence[int]) -> int:
    """How many of these messages are not over, or not told."""
    count: int = connection.value(_OPEN, {"rows": listed(rows)})
    return count


def not_over(connection: Connection, rows: Sequence[int]) -> int:
    """How many of these runs are not over."""
    count: int = connection.value(_OPEN_RUNS, {"rows": listed(rows)})
    return count


# Taking it away


_OF_CAMPAIGNS = Statement(
    select(messages.c.campaign, messages.c.text).where(
        messages.c.id.in_(among("rows")), messages.c.campaign.is_not(None)
    )
)
_CAMPAIGN_TEXT = Statement(select(campaigns.c.text).where(campaigns.c.id == bindparam("of")))
_ANOTHER_TEXT = Statement(
    select(messages.c.text)
    .where(
        messages.c.campaign == bindparam("of"),
        messages.c.msisdn != bindparam("number"),
        messages.c.masked_at.is_(None),
    )
    .limit(1)
)
_CHANGE_TEXT = change_by_id(campaigns, ("text",))
_TEXTS = Statement(select(messages.c.id, messages.c.msisdn, messages.c.text).where(messages.c.id.in_(among("rows"))))
_HIDE = change_by_id(messages, ("text",))
_EMPTY_RUNS = Statement(
    update(runs)
    .where(runs.c.id.in_(among("rows")), runs.c.state == RunState.OVER)
    .values(properties="{}", origin="{}", answer=None, trouble=None)
)
_RULES_OF_RUNS = Statement(select(reminder_rules).where(reminder_rules.c.run.in_(among("rows"))))
_FORGET_LOOK_UPS = Statement(delete(look_ups).where(look_ups.c.payload.is_not(None), _mention(look_ups.c.payload)))
_FORGET_SAID = Statement(delete(said).where(said.c.msisdn == bindparam("number")))
_FORGET_CHOICES = Statement(
    delete(choices).where(choices.c.msisdn == bindparam("number"), choices.c.due_at.is_(None))
)
_FORGET_EVIDENCE = Statement(delete(consent_evidence).where(consent_evidence.c.msisdn == bindparam("number")))
_FORGET_NOTE = Statement(
    update(stop_list).where(stop_list.c.msisdn == bindparam("number"), stop_list.c.note != "").values(note="")
)


def erase_messages(connection: Connection, erasure: Erasure, rows: Sequence[int], now: float) -> int:
    """Mask those of the number's messages that may be; how many that were."""
    these = masking.maskable(connection, rows)
    for campaign, text in connection.execute(_OF_CAMPAIGNS, {"rows": listed(these)}).fetchall():
        if connection.value(_CAMPAIGN_TEXT, {"of": campaign}) == text[:LONGEST]:
            # Another's words, so that what comes in them is of the same campaign still.
            other = connection.value(_ANOTHER_TEXT, {"of": campaign, "number": erasure.msisdn})
            connection.execute(_CHANGE_TEXT, {"row": campaign, "text": (other or "")[:LONGEST]})
    masked = masking.mask(connection, these, now, with_evidence=erasure.with_evidence)
    return _counted(connection, erasure, MESSAGES, masked)


def hide_mentions(connection: Connection, erasure: Erasure, rows: Sequence[int], now: float) -> int:
    """Hide the number's digits in the texts of messages to others; how many that were.

    Messages that were refused for the number are masked.
    """
    form = _in_any_spelling(str(erasure.msisdn))
    hidden = 0
    of_them = connection.all(_TEXTS, {"rows": listed(masking.maskable(connection, rows))})
    for row in of_them:
        if row["msisdn"] is not None:
            text = form.sub(lambda found: re.sub(r"\d", "*", found[0]), row["text"])
            connection.execute(_HIDE, {"row": row["id"], "text": text})
            hidden += 1
    refused = [row["id"] for row in of_them if row["msisdn"] is None]
    masking.mask(connection, refused, now, with_evidence=erasure.with_evidence)
    return _counted(connection, erasure, MENTIONS, hidden + len(refused))


def erase_runs(connection: Connection, erasure: Erasure, rows: Sequence[int], now: float) -> int:
    """Cancel the reminders that these runs have planned, and empty those of the runs that are over; how many."""
    for row in connection.all(_RULES_OF_RUNS, {"rows": listed(rows)}):
        rule = Rule(row["rule"], row["run"], row["entity_type"], row["item"])
        dropped = reminders.drop_all(connection, rule, Drop.CANCELLED, now, for_good=True)
        _counted(connection, erasure, "reminders", dropped)
    return _counted(connection, erasure, RUNS, connection.execute(_EMPTY_RUNS, {"rows": listed(rows)}).rowcount)


def delete_rows(connection: Connection, erasure: Erasure, place: str, rows: Sequence[int]) -> int:
    """Delete those of a place that are the number's still; how many that were."""
    deleted = DELETED[place].delete(connection, rows, values_of(erasure))
    return _counted(connection, erasure, place, deleted)


def erase_rest(connection: Connection, erasure: Erasure) -> None:
    """What is found by indexes; the evidence and the choices only where they are to go."""
    values = values_of(erasure)
    for place, statement in (("look_ups", _FORGET_LOOK_UPS), ("said", _FORGET_SAID)):
        _counted(connection, erasure, place, connection.execute(statement, values).rowcount)
    if erasure.with_evidence:
        _counted(connection, erasure, "evidence", connection.execute(_FORGET_EVIDENCE, values).rowcount)
        _counted(connection, erasure, "choices", connection.execute(_FORGET_CHOICES, values).rowcount)
        connection.execute(_FORGET_NOTE, values)


def _counted(connection: Connection, erasure: Erasure, place: str, count: int) -> int:
    if count:
        counts = dict(one(connection, erasure.id).counts)
        counts[place] = counts.get(place, 0) + count
        connection.execute(_COUNT, {"row": erasure.id, "counts": json.dumps(counts)})
    return count


def _in_any_spelling(msisdn: str) -> re.Pattern[str]:
    """The number in a text, with what may stand before and between its digits."""
    between = r"[\s\-()./,+\N{NO-BREAK SPACE}]*".replace(r"\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    return re.compile(between.join(msisdn.removeprefix(_COUNTRY)))

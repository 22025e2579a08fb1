"""Which part of a message a receipt means.

Long identifiers say it themselves. Of short ones, which may mean one message in one base and another in the other, it
is said by the subscriber's number, by the reference that the receipt gives back, by what other receipts have shown of
the centre's habits, or by there being no other part left that could be meant. What nothing of that tells has to wait.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, func, literal_column, or_, select

from ..message import Stage, StatusReport
from .evidence import Evidence, may_be, subscriber
from .identifiers import Form, Keys, forms, keys, long, readable, telling
from .schema import messages, parts
from .statements import Connection, Row, Statement

REFERENCES = 65535
"""How many values user_message_reference has: two octets, and 0 says nothing."""

# How many of the parts that are alike are looked at.
_ALIKE = 64
# By how many seconds the clock may have been set back between a message and its receipt.
_CLOCK = 60.0

_PARTS = select(parts, messages.c.msisdn, messages.c.stage, messages.c.resent).join(
    messages, messages.c.id == parts.c.message
)
# What was kept long ago means nothing that has come since.
_ALIKE_ONES = _PARTS.where(
    or_(
        parts.c.id_text == bindparam("text"),
        parts.c.id_value == bindparam("text"),
        parts.c.id_text == bindparam("value"),
    ),
    messages.c.received_at <= bindparam("until"),
)
_ALIKE_PARTS = Statement(_ALIKE_ONES.order_by(parts.c.id.desc()).limit(_ALIKE))
_TWO_ALIKE = Statement(_ALIKE_ONES.limit(literal_column("2")))
_BY_ID = Statement(_PARTS.where(parts.c.id == bindparam("part")))
_LATEST = Statement(select(func.max(parts.c.id)))


class Unsettled(enum.Enum):
    """What a receipt can be besides settled."""

    UNKNOWN = "unknown"
    """It means no message that is known, or known by that identifier yet."""
    WAITS = "waits"
    """It could mean two messages; what comes later will tell."""


def meant(
    connection: Connection, report: StatusReport, evidence: Evidence, *, at_last: bool = False
) -> Row | Unsettled:
    """The row of the part that a receipt means, with its message's `msisdn`, `stage` and `resent`.

    `at_last`: it has waited for long; take what fits when nothing else can turn up.
    """
    key = keys(report.identifier)
    plain = _plain(connection, report, key)
    if plain is not None:
        return plain
    candidates = _candidates(connection, report, key)
    certain = _certain(candidates, key)
    referenced = _referenced(connection, report)
    if referenced is not None and _fits(referenced, key, candidates, certain):
        return referenced
    if not candidates:
        return Unsettled.UNKNOWN
    number = subscriber(report.number)
    found = certain or _by_evidence(candidates, key, number, evidence, at_last=at_last)
    if isinstance(found, Unsettled):
        return found
    if long(_keys(found), key):
        return _long(found, key, number, evidence, at_last=at_last)
    # A finished one's is its receipt once more, or the identifier has come round again.
    return Unsettled.WAITS if not at_last and _finished(found) and evidence.nameless(number) else found


def _plain(connection: Connection, report: StatusReport, key: Keys) -> Row | None:
    """The only part that a long identifier may mean in any form, when that is as written or the number is the same.

    So it is with nearly every receipt; all others are weighed.
    """
    if not long(key, key):
        return None
    alike = connection.all(_TWO_ALIKE, _what(report, key))
    if len(alike) != 1:
        return None
    (row,) = alike
    # Two of a number that are each other's in the other base, of the many there are, come together nowhere.
    if row["id_text"] == key.text or (subscriber(report.number) == subscriber(row["msisdn"]) and not _finished(row)):
        return row
    return None


def _as_usual(row: Row, key: Keys, evidence: Evidence) -> bool:
    """Whether the identifier is as in the answer, or is converted as those of the centre's other receipts."""
    return row["id_text"] == key.text or evidence.likely <= forms(_keys(row), key)


def _long(row: Row, key: Keys, number: str | None, evidence: Evidence, *, at_last: bool) -> Row | Unsettled:
    """The part that a long identifier means, unless it may mean another as it is written."""
    if _as_usual(row, key, evidence):
        return row
    if at_last:
        return row if forms(_keys(row), key) & evidence.likely else Unsettled.UNKNOWN
    # Of a part whose answer is still to come, or of somebody else's message.
    otherwise = number not in (None, subscriber(row["msisdn"])) or evidence.nameless(number)
    return Unsettled.WAITS if otherwise else row


def _candidates(connection: Connection, report: StatusReport, key: Keys) -> dict[Form, Row]:
    """The part that a receipt means if its identifier has this form."""
    if not key.text:
        return {}
    rows = connection.all(_ALIKE_PARTS, _what(report, key))
    number = subscriber(report.number)

    def rank(row: Row) -> tuple[bool, bool, bool]:
        # Identifiers come round again: the newest unfinished one is meant.
        exact = report.identifier == (row["a1_id"] or row["receipt_id"])
        return (subscriber(row["msisdn"]) != number, not exact, _finished(row))

    found: dict[Form, Row] = {}
    for row in sorted(rows, key=rank):
        submitted = _keys(row)
        if long(submitted, key) or may_be(row, key, number):
            for form in forms(submitted, key):
                found.setdefault(form, row)
    return found


def _what(report: StatusReport, key: Keys) -> dict[str, Any]:
    return {"text": key.text, "value": key.value, "until": report.at + _CLOCK}


def _certain(candidates: Mapping[Form, Row], key: Keys) -> Row | None:
    """What the identifier alone says, whatever the centre's habits; None when it does not."""
    same = candidates.get(Form.SAME)
    if same is not None and telling(_keys(same), key, Form.SAME):
        return same
    only = _only(candidates.values())
    if only is None or not any(telling(_keys(only), key, form) for form in candidates):
        return None
    return only


def _by_evidence(
    candidates: Mapping[Form, Row], key: Keys, number: str | None, evidence: Evidence, *, at_last: bool
) -> Row | Unsettled:
    """Which part a short identifier means, by what is known of the centre and of the other parts."""
    possible = readable(key) & evidence.likely
    remaining = {form: row for form, row in candidates.items() if form in possible}
    if not remaining:
        return Unsettled.UNKNOWN
    only = _only(remaining.values())
    if only is not None and remaining.keys() == possible:
        return only
    if evidence.nameless(number):
        return Unsettled.WAITS
    # With the subscriber's number there is nothing else that it could be.
    if only is not None and (at_last or number is not None or Form.SAME in remaining):
        return only
    return Unsettled.UNKNOWN if at_last else Unsettled.WAITS


def _only(rows: Iterable[Row]) -> Row | None:
    """The one part that all of these are; None when they are several, or none."""
    different = {row["id"]: row for row in rows}
    return next(iter(different.values())) if len(different) == 1 else None


def _keys(row: Row) -> Keys:
    return Keys(row["id_text"], row["id_value"])


def _finished(row: Row) -> bool:
    return row["status"] is not None or row["stage"] == Stage.OVER


# The reference that a part was submitted with.


def reference(part: int) -> int:
    """The user_message_reference of a part, by its row id."""
    return (part - 1) % REFERENCES + 1


def _referenced(connection: Connection, report: StatusReport) -> Row | None:
    """The latest part with the reference that the receipt gives back, when it was to that number."""
    if not report.reference:
        return None
    latest = connection.value(_LATEST) or 0
    part = latest - (latest - report.reference) % REFERENCES
    row = connection.first(_BY_ID, {"part": part})
    number = subscriber(report.number)
    return row if row is not None and number in (None, subscriber(row["msisdn"])) else None


def _fits(referenced: Row, key: Keys, candidates: Mapping[Form, Row], certain: Row | None) -> bool:
    """Whether the identifier does not speak against the reference, which some centres do not give back as it was."""
    if not key.text or referenced["id"] in {row["id"] for row in candidates.values()}:
        return True
    if certain is not None:
        return False
    if referenced["resent"] > 0:
        # A1 may have it twice, under two identifiers.
        return True
    named = referenced["receipt_id"]
    return not referenced["a1_id"] and (named is None or keys(named).text == key.text)

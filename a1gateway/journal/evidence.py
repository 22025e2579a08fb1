"""What other receipts and other parts say of a receipt with a short identifier.

The form in which a centre writes its identifiers is the one that leaves the fewest receipts without a message.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property

from sqlalchemy import bindparam, func, or_, select, union_all

from ..message import Source, Stage
from .identifiers import Form, Keys, forms, keys, likely
from .schema import messages, parts, unmatched
from .statements import Connection, Row, Statement, among, listed

_SUBSCRIBER_DIGITS = 9
# How many receipts show the centre's habits: of those that are settled, and of those that are not.
_SETTLED = 32
_UNSETTLED = 64
# How far back, in rows, receipts that are kept and the parts that they may mean are looked for.
_KEPT = 1000
_PARTS = 50000

_SETTLED_ONES = Statement(
    select(parts.c.a1_id, parts.c.receipt_id)
    .where(parts.c.receipt_id.is_not(None))
    .order_by(parts.c.id.desc())
    .limit(_SETTLED)
)
_NAMELESS_ONES = Statement(
    select(messages.c.msisdn, func.count())
    .join(parts, parts.c.message == messages.c.id)
    .where(
        or_(messages.c.stage == Stage.IN_FLIGHT, messages.c.stage == Stage.ASKING),
        messages.c.due_at.is_not(None),
        parts.c.a1_id.is_(None),
    )
    .group_by(messages.c.msisdn)
)
_LATEST_KEPT = Statement(select(func.max(unmatched.c.id)))
_KEPT_ONES = Statement(
    select(unmatched.c.identifier, unmatched.c.number)
    .where(unmatched.c.id > bindparam("after"), unmatched.c.source == Source.RECEIPT, unmatched.c.identifier != "")
    .order_by(unmatched.c.id.desc())
    .limit(bindparam("most"))
)
_LATEST_PART = Statement(select(func.max(parts.c.id)))
_ALIKE_ONES = Statement(
    select(parts, messages.c.msisdn, messages.c.resent)
    .join(messages, messages.c.id == parts.c.message)
    .where(
        parts.c.id.in_(
            union_all(
                select(parts.c.id).where(parts.c.id_text.in_(among("names"))),
                select(parts.c.id).where(parts.c.id_value.in_(among("texts"))),
            )
        ),
        parts.c.id > bindparam("after"),
    )
)


def subscriber(number: str | None) -> str | None:
    """A subscriber's number without prefixes; None for what is none, as a short code."""
    return number[-_SUBSCRIBER_DIGITS:] if number is not None and len(number) >= _SUBSCRIBER_DIGITS else None


def may_be(row: Row, key: Keys, number: str | None) -> bool:
    """Whether a short identifier may be the part's: it is to that number, and has not been called otherwise."""
    if number is not None and subscriber(row["msisdn"]) != number:
        return False
    return row["receipt_id"] is None or row["resent"] > 0 or keys(row["receipt_id"]).text == key.text


class Evidence:
    """What the journal shows at a moment, looked up when it is asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def nameless(self, number: str | None) -> int:
        """How many parts to a number, or to any, have left, or may have, without an answer that names them yet."""
        return self._nameless.total() if number is None else self._nameless[number]

    @cached_property
    def likely(self) -> set[Form]:
        """The forms that the centre may use."""
        against: Counter[Form] = Counter()
        for a1_id, receipt_id in self._connection.execute(_SETTLED_ONES):
            if a1_id and receipt_id:
                against.update(set(Form) - forms(keys(a1_id), keys(receipt_id)))
        found = likely(against)
        return found if len(found) == 1 else likely(against + self._unexplained())

    @cached_property
    def _nameless(self) -> Counter[str | None]:
        rows = self._connection.execute(_NAMELESS_ONES)
        return Counter({subscriber(msisdn): count for msisdn, count in rows})

    def _unexplained(self) -> Counter[Form]:
        """How many of the receipts that are kept mean no part at all if they have this form.

        As many to each number as there are nameless parts may mean those.
        """
        kept = self._kept()
        alike = self._alike([key for group in kept.values() for key in group.values()]) if kept else {}
        found: Counter[Form] = Counter()
        for number, group in kept.items():
            missing: Counter[Form] = Counter()
            for key in group.values():
                missing.update(set(Form) - _explained(key, number, alike))
            missing.subtract(dict.fromkeys(Form, self.nameless(number)))
            # Adding counters leaves out what is not above zero.
            found += missing
        return found

    def _kept(self) -> dict[str | None, dict[str, Keys]]:
        """The latest receipts that no part is known for: their identifiers, by the subscriber's number.

        Without the numbers whose receipts may all be those of nameless parts.
        """
        latest = self._connection.value(_LATEST_KEPT) or 0
        values = {"after": latest - _KEPT, "most": _UNSETTLED + 2 * self.nameless(None)}
        found: dict[str | None, dict[str, Keys]] = defaultdict(dict)
        for identifier, number in self._connection.execute(_KEPT_ONES, values):
            key = keys(identifier)
            found[subscriber(number)][key.text] = key
        return {number: group for number, group in found.items() if len(group) > self.nameless(number)}

    def _alike(self, of_these: Iterable[Keys]) -> Mapping[str, list[Row]]:
        """The parts that any of these may mean, by each of their keys."""
        texts = {key.text for key in of_these}
        names = texts | {key.value for key in of_these if key.value is not None}
        latest = self._connection.value(_LATEST_PART) or 0
        values = {"names": listed(names), "texts": listed(texts), "after": latest - _PARTS}
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self._connection.execute(_ALIKE_ONES, values):
            for name in {row["id_text"], row["id_value"]} - {None}:
                found[name].append(row)
        return found


def _explained(key: Keys, number: str | None, alike: Mapping[str, list[Row]]) -> set[Form]:
    """The forms in which a receipt means a part that there is."""
    found: set[Form] = set()
    for name in filter(None, {key.text, key.value}):
        for row in alike.get(name, ()):
            if may_be(row, key, number):
                found |= forms(Keys(row["id_text"], row["id_value"]), key)
    return found

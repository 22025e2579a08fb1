"""The books compared: what the portal handed over and was told, what the centre took, what the journal says.

Every message goes to a number of its own, by which it is found in all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..daemon.stack import Sent, Stack
from .centre import Book, Submit

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken promise."""

    message_id: str
    what: str

    def __str__(self) -> str:
        return f"{self.message_id}: {self.what}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the books stand to each other; `faults` are the broken promises."""

    handed_over: int
    """Messages of which the gateway has said that it takes them."""
    parts: int
    """Of these messages, counted once each."""
    submits: int
    """What the centre took."""
    duplicates: int
    """Submits of parts that the centre had already."""
    duplicate_messages: int
    resent: int
    """Messages that the journal says were sent again."""
    told: dict[str, int]
    """How many cards show which status."""
    faults: list[Fault] = field(default_factory=list)

    def rows(self) -> list[tuple[str, int]]:
        """For a table."""
        return [
            ("messages handed over by the portal", self.handed_over),
            ("parts of these messages", self.parts),
            ("submits that the centre took", self.submits),
            ("submits of parts that it had already", self.duplicates),
            ("messages that have such a part", self.duplicate_messages),
            ("messages marked as resent in the journal", self.resent),
            *((f"cards that show {status}", number) for status, number in sorted(self.told.items())),
            ("disagreements between the books", len(self.faults)),
        ]


def compare(stack: Stack, sent: Sequence[Sent], *, margin: float = 0.5, told_again: bool = False) -> Comparison:
    """Compare what each book says of these messages, all of which the centre delivers.

    An answer that was given up to `margin` seconds before the end of its connection may not have been read. With
    `told_again`, a portal may have been told the same twice, as after a death before its confirmation was on disk.
    """
    cards = {row["message_id"]: row for row in stack.portal.messages()}
    journal = {row["message_id"]: row for row in stack.gateway.rows("SELECT * FROM messages")}
    return judge(sent, cards, journal, stack.centre.book(), margin=margin, told_again=told_again)


def judge(
    sent: Sequence[Sent],
    cards: Rows,
    journal: Rows,
    book: Book,
    *,
    margin: float,
    told_again: bool,
) -> Comparison:
    """The same for books that have been read: the portal's and the journal's rows by `message_id`, the centre's."""
    by_number: dict[str, list[Submit]] = defaultdict(list)
    for submit in book.submits:
        by_number[submit.destination].append(submit)
    faults: list[Fault] = []
    promised = 0
    duplicates: dict[str, int] = {}
    told: dict[str, int] = defaultdict(int)
    for each in sent:
        card, row = cards[each.message_id], journal.get(each.message_id)
        if card["calls"] != [200] and row is None:
            # Nobody has promised anything.
            if each.to.lstrip("+") in by_number:
                faults.append(Fault(each.message_id, "never taken, and at the centre"))
            continue
        promised += 1
        told[card["status"]] += 1
        if row is None:
            faults.append(Fault(each.message_id, "taken, and not in the journal"))
            continue
        submits = by_number[row["msisdn"].lstrip("+")]
        copies = len(submits) - row["segments"]
        if copies > 0:
            duplicates[each.message_id] = copies
        found = _faults(each, row, card, submits, told_again) + _unexplained(row, submits, book, margin)
        faults += [Fault(each.message_id, what) for what in found]
    return Comparison(
        handed_over=promised,
        parts=sum(journal[each.message_id]["segments"] for each in sent if each.message_id in journal),
        submits=len(book.submits),
        duplicates=sum(duplicates.values()),
        duplicate_messages=len(duplicates),
        resent=sum(1 for each in sent if each.message_id in journal and journal[each.message_id]["resent"]),
        told=dict(told),
        faults=faults,
    )


def _faults(
    sent: Sent, row: Mapping[str, Any], card: Mapping[str, Any], submits: list[Submit], told_again: bool
) -> list[str]:
    """What is wrong with a message that was to be delivered."""
    found = []
    together: dict[int | None, dict[int, str]] = defaultdict(dict)
    for submit in submits:
        together[submit.reference][submit.part] = submit.text or ""
    texts = {"".join(parts[number] for number in sorted(parts)) for parts in together.values()}
    if sent.text not in texts:
        found.append(f"lost: {len(submits)} of {row['segments']} parts are at the centre, or another text")
    if row["status"] != "delivered" or row["confirmed_at"] is None:
        found.append(f"{row['status']} in the journal, stage {row['stage']}, confirmed at {row['confirmed_at']}")
    history = [step["status"] for step in card["history"]]
    if card["status"] != "delivered" or set(history) != {"delivered"} or (len(history) > 1 and not told_again):
        found.append(f"the card shows {card['status']} after {history}")
    return found


def _unexplained(row: Mapping[str, Any], submits: list[Submit], book: Book, margin: float) -> list[str]:
    """Submits that were repeated although they were not in flight at a disconnection, or without a mark."""
    found = []
    last = {submit.part: submit.number for submit in submits}
    repeated = [submit for submit in submits if submit.number != last[submit.part]]
    for submit in repeated:
        session = book.sessions[submit.session - 1]
        ended = session.ended_at
        in_flight = ended is not None and (submit.answered_at is None or submit.answered_at > ended - margin)
        if not in_flight:
            found.append(
                f"part {submit.part} was sent again, and had not been in flight: answered at {submit.answered_at}, "
                f"session {session.number} {session.ended_by} at {ended}"
            )
    if repeated and not row["resent"]:
        found.append("sent again, and not marked as resent")
    return found

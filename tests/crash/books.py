"""The three books compared: what the portal handed over and was told, what A1 has taken, what the journal says.

Every message goes to a number of its own and has a text of its own, by which it is found in all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from ..centre.books import Fault, Rows, judge
from ..centre.centre import Book
from ..daemon.books import SHOWN
from ..daemon.stack import Sent

# A1 refuses what goes to such a number: a card that fails, and nothing at A1.
_STOP_LIST = "04"
# What the centre answered so many seconds before a death may not have been on disk yet.
_UNREAD = 2.0

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """What each has written down, once everything has come to its end."""

    sent: Sequence[Sent]
    """What was sent from the card."""
    cards: Rows
    """The portal's messages, by `message_id`."""
    journal: Rows
    """The gateway's, by `message_id`."""
    taken: Sequence[Row] | Book
    """What A1 has taken: over HTTP its messages, over SMPP the centre's book."""
    in_flight: Set[str] = frozenset()
    """The messages that the journal said were in flight, or in doubt, when the daemon was killed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the books stand to each other."""

    rows: list[tuple[str, int]]
    """For a table."""
    faults: list[Fault]
    """The broken promises."""


def compare(books: Books) -> Verdict:
    """Compare what each book says. Over HTTP nothing is there twice; over SMPP what was in flight may be, marked."""
    faults = [Fault(each.message_id, what) for each in books.sent for what in _at_the_door(each, books)]
    if isinstance(books.taken, Book):
        comparison = judge(books.sent, books.cards, books.journal, books.taken, margin=_UNREAD, told_again=True)
        faults += comparison.faults
        faults += _not_in_flight(books, books.taken)
        rows = comparison.rows()[1:-1]
    else:
        faults += _over_http(books, books.taken)
        rows = [("messages at A1", len(books.taken)), *_shown(books)]
    return Verdict([*_answers(books), *rows, ("disagreements between the books", len(faults))], faults)


def _answers(books: Books) -> list[tuple[str, int]]:
    calls = [books.cards[each.message_id]["calls"] for each in books.sent]
    unanswered = [each for each in books.sent if books.cards[each.message_id]["calls"] == [None]]
    return [
        ("messages sent from the card", len(books.sent)),
        ("handed over: the gateway's answer was 200", calls.count([200])),
        ("calls that got no answer", len(unanswered)),
        ("of these on disk all the same", sum(1 for each in unanswered if each.message_id in books.journal)),
        ("calls that were refused", sum(1 for each in calls if each not in ([200], [None]))),
        ("messages in flight at a kill", len(books.in_flight)),
    ]


def _shown(books: Books) -> list[tuple[str, int]]:
    taken = [books.cards[each.message_id] for each in books.sent if each.message_id in books.journal]
    counts = Counter(card["status"] for card in taken)
    again = sum(1 for card in taken if len(card["history"]) > 1)
    return [
        *((f"cards that show {status}", number) for status, number in sorted(counts.items())),
        ("cards told the same more than once", again),
    ]


def _at_the_door(sent: Sent, books: Books) -> list[str]:
    """What is wrong with the answer that the portal got."""
    card, on_disk = books.cards[sent.message_id], sent.message_id in books.journal
    found = []
    if len(card["calls"]) != 1:
        found.append(f"the portal's calls were answered with {card['calls']}")
    if on_disk and any(answer not in (200, None) for answer in card["calls"]):
        found.append(f"refused with {card['calls']}, and in the journal")
    if not on_disk and card["history"]:
        found.append("not in the journal, and the portal was told of it")
    return found


def _over_http(books: Books, taken: Sequence[Row]) -> list[Fault]:
    by_number: dict[str, list[Row]] = defaultdict(list)
    for message in taken:
        by_number[f"+{message['msisdn']}"].append(message)
    faults = []
    for each in books.sent:
        card, row, at_a1 = (
            books.cards[each.message_id],
            books.journal.get(each.message_id),
            by_number.pop(each.to, []),
        )
        if row is None and card["calls"] != [200]:
            # Nobody has promised anything.
            found = ["never taken, and at A1"] if at_a1 else []
        elif row is None:
            found = ["lost: the answer was 200, and it is not in the journal"]
        else:
            found = [*_at_a1(each, at_a1), *_final(row, card, at_a1)]
        faults += [Fault(each.message_id, what) for what in found]
    faults += [
        Fault(str(message["message_id"]), "at A1, and nobody has sent it")
        for messages in by_number.values()
        for message in messages
    ]
    return faults


def _at_a1(sent: Sent, at_a1: Sequence[Row]) -> list[str]:
    found = []
    if not at_a1 and not sent.to.endswith(_STOP_LIST):
        found.append("lost: A1 does not have it")
    if len(at_a1) > 1:
        found.append(f"A1 has it {len(at_a1)} times")
    if any(message["text"] != sent.text for message in at_a1):
        found.append("A1 has another text")
    return found


def _final(row: Row, card: Row, at_a1: Sequence[Row]) -> list[str]:
    """What is wrong with the end of a message."""
    found = []
    if row["stage"] != "over" or row["confirmed_at"] is None:
        found.append(
            f"not at its end: {row['status']} in the journal ({row['stage']}), confirmed at {row['confirmed_at']}"
        )
    ends = {SHOWN.get(message["status"], f"final ({message['status']} at A1)") for message in at_a1} or {"failed"}
    told = [step["status"] for step in card["history"]]
    if {card["status"]} != ends or set(told) != ends:
        found.append(f"the card shows {card['status']} after {told}, and should be {', '.join(sorted(ends))}")
    return found


def _not_in_flight(books: Books, centre: Book) -> list[Fault]:
    """Messages with a part that the centre has twice, of which the journal never said that they were in flight."""
    copies = Counter((submit.destination, submit.part) for submit in centre.submits)
    twice = {f"+{number}" for (number, _), times in copies.items() if times > 1}
    return [
        Fault(each.message_id, "sent again, and the journal had it in flight at no kill")
        for each in books.sent
        if each.to in twice and each.message_id not in books.in_flight
    ]

"""The three books compared over HTTP: what the portal handed over and was told, what A1 took, what the journal says.

The centre's book, over SMPP, is compared in `tests/centre/books.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from a1gateway.message import custom_id

from .processes import eventually
from .stack import Stack

Row = Mapping[str, Any]

# What the card shows after A1's last word, and what it must never show before one.
SHOWN = {
    "DELIVERED": "delivered",
    "UNDELIVERABLE": "undelivered",
    "EXPIRED": "undelivered",
    "REJECTED": "failed",
}


def compare(stack: Stack, *, told_again: bool = False) -> list[str]:
    """One line for each disagreement between the books, once everything has come to its end.

    Told the same status twice is a disagreement too, unless `told_again`: as after a death, or an answer of the
    portal's that was lost, before its confirmation was on disk.
    """
    lines = disagreements(
        stack.portal.messages(),
        stack.gateway.rows("SELECT * FROM messages"),
        [message for message in stack.a1.messages() if message["transport"] == "http"],
        told_again=told_again,
    )
    return lines + [f"{file.name}: still in the spool" for file in stack.gateway.spooled()]


def settled(stack: Stack, within: float = 30.0, *, told_again: bool = False) -> None:
    """Wait until every message in the journal is at its end and confirmed; then the books have to agree."""
    query = "SELECT count(*) AS count FROM messages WHERE confirmed_at IS NULL"
    said: list[str] = []

    def check() -> bool:
        # What is spooled is not in the journal yet, and counting is cheaper than comparing.
        if stack.gateway.spooled() or stack.gateway.rows(query)[0]["count"]:
            return False
        said[:] = compare(stack, told_again=told_again)
        return not said

    try:
        eventually(check, within, "every message is at its end")
    except AssertionError as error:
        found = compare(stack, told_again=told_again)
        more = [f"and {len(found) - 20} more"] if len(found) > 20 else []
        raise AssertionError("\n".join([str(error), *found[:20], *more])) from None


def in_agreement(play: Callable[[Stack], None], *, told_again: bool = False) -> Callable[[Stack], None]:
    """`play`, and in the end the books agree."""

    def played(stack: Stack) -> None:
        play(stack)
        settled(stack, told_again=told_again)

    return played


def disagreements(
    cards: Sequence[Row], journal: Sequence[Row], taken: Sequence[Row], *, told_again: bool = False
) -> list[str]:
    """The same for books that have been read: the portal's messages, the journal's, and A1's."""
    on_disk = {row["message_id"]: row for row in journal}
    at_a1: dict[str, list[Row]] = defaultdict(list)
    for message in taken:
        at_a1[message["custom_id"]].append(message)
    lines = []
    for card in cards:
        name = card["message_id"]
        found = _of_one(card, on_disk.pop(name, None), at_a1.pop(custom_id(name), []), told_again=told_again)
        lines += [f"{name}: {what}" for what in found]
    lines += [f"{name}: in the journal, and the portal does not know it" for name in on_disk]
    lines += [f"{name}: at A1 {len(copies)} times, and nobody handed it over" for name, copies in at_a1.items()]
    return lines


def _of_one(card: Row, row: Row | None, at_a1: Sequence[Row], *, told_again: bool) -> list[str]:
    if not card["calls"]:
        return ["the gateway has not answered the portal yet"]
    if row is None:
        found = ["lost: the portal was told 200, and it is not in the journal"] if 200 in card["calls"] else []
        found += ["never taken in, and at A1"] if at_a1 else []
        return found + (["never taken in, and the portal was told of it"] if card["history"] else [])
    # Without an answer nobody was promised anything; on disk, it goes its way all the same.
    found = [f"answered with {answer}, and in the journal" for answer in card["calls"] if answer not in (200, None)]
    return [*found, *_at_a1(card, row, at_a1), *_end(card, row, at_a1, told_again=told_again)]


def _at_a1(card: Row, row: Row, at_a1: Sequence[Row]) -> list[str]:
    found = []
    if not at_a1 and row["status"] != "rejected":
        found.append(f"lost: {row['status']} in the journal, and A1 does not have it")
    if len(at_a1) > 1:
        found.append(f"sent twice: A1 has it {len(at_a1)} times")
    for message in at_a1:
        if message.get("repeated"):
            # Only A1's own check, which nobody promises to be for ever, kept the subscriber from a second one.
            found.append(f"handed over to A1 {message['repeated']} times more after A1 had taken it")
        if message["text"] != card["text"]:
            found.append("A1 has another text")
        if f"+{message['msisdn']}" != row["msisdn"]:
            found.append("A1 has another number")
    return found


def _end(card: Row, row: Row, at_a1: Sequence[Row], *, told_again: bool) -> list[str]:
    """What is wrong with the end of a message."""
    found = []
    if row["stage"] != "over" or row["final_at"] is None:
        found.append(f"not at its end: {row['status']} in the journal ({row['stage']})")
    elif row["confirmed_at"] is None:
        found.append(f"{row['status']} in the journal, and the portal has not confirmed it")
    told = [step["status"] for step in card["history"]]
    if card["status"] != row["told"] or set(told) != {row["told"]}:
        found.append(f"the card shows {card['status']} after {told}, and the journal says {row['told']}")
    elif len(told) > 1 and not told_again:
        found.append(f"the portal was told {told}")
    if row["reason"] == "no_answer":
        # Given up: A1 has had nothing final to say.
        return found
    for message in at_a1:
        # A1 may contradict itself after its last word; then either is what it said.
        said = {SHOWN[step["status"]] for step in message["history"] if step["status"] in SHOWN}
        if row["told"] not in said:
            found.append(f"{row['status']} in the journal, and A1 said {sorted(said) or 'nothing final'}")
    return found

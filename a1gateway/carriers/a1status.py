"""What A1's codes and words for a status mean."""

from __future__ import annotations

from typing import Any

from ..message import Status

# The codes of the status methods, and the words that callbacks and some deployments use in their place.
_MEANINGS = {
    "0": Status.SENT,
    "1": Status.SENT,
    "5": Status.SENT,
    "ENROUTE": Status.SENT,
    "2": Status.REJECTED,
    "REJECTED": Status.REJECTED,
    "3": Status.DELIVERED,
    "DELIVERED": Status.DELIVERED,
    "4": Status.UNDELIVERABLE,
    "UNDELIVERABLE": Status.UNDELIVERABLE,
    "DELETED": Status.UNDELIVERABLE,
    "EXPIRED": Status.EXPIRED,
}


def status_word(said: Any) -> str:
    """A code or word as text: `3`, `"3"` and `3.0` are one, letter case and blanks around do not count."""
    if isinstance(said, bool) or said is None:
        return "FALSE"
    text = str(said)[:100].strip().upper().encode("utf-8", "replace").decode()
    return text.removesuffix(".0")


def meaning(word: str) -> Status | None:
    """The status that a word from `status_word` stands for; None for one that nobody knows."""
    return _MEANINGS.get(word)

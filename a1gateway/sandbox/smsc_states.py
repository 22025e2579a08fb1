"""The statuses of A1's books in SMPP's words and numbers (SMPP 3.4, 5.2.28 and appendix B)."""

from __future__ import annotations

from dataclasses import dataclass

from a1gateway.sandbox.a1_books import Code


@dataclass(frozen=True, slots=True)
class State:
    """A status as receipts and query_sm_resp give it."""

    word: str
    number: int
    """The message_state."""
    final: bool


_UNKNOWN_NUMBER = 99
"""Of a word that the standard does not have."""

_STATES = {
    state.word: state
    for state in (
        State("ENROUTE", 1, final=False),
        State("DELIVRD", 2, final=True),
        State("EXPIRED", 3, final=True),
        State("DELETED", 4, final=True),
        State("UNDELIV", 5, final=True),
        State("ACCEPTD", 6, final=False),
        State("UNKNOWN", 7, final=False),
        State("REJECTD", 8, final=True),
    )
}
_WORDS: dict[Code, str] = {0: "ACCEPTD", 1: "ACCEPTD", 2: "REJECTD", 3: "DELIVRD", 4: "UNDELIV", 5: "ENROUTE"}


def state_of(code: Code) -> State:
    """The state for a status of the books, or for SMPP's own word in its place; any other word is no final one."""
    word = _WORDS.get(code, str(code))
    return _STATES.get(word) or State(word, _UNKNOWN_NUMBER, final=False)

"""A journal of messages that go out in parts, and an A1 that answers their submits and sends receipts for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Trouble, Uncertain
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane, type_of_group
from a1gateway.journal.statements import Connection
from a1gateway.journal.store import type_of_operation
from a1gateway.message import Change, Source, Status, StatusReport, Submission

from .conftest import START, arrival, run

T = TypeVar("T")

NUMBER = "+375291112233"
GRACE = 60.0
BROKEN = LinkTrouble(Trouble.UNREACHABLE, "the link to A1 broke")
FINAL = {
    "DELIVRD": Status.DELIVERED,
    "UNDELIV": Status.UNDELIVERABLE,
    "EXPIRED": Status.EXPIRED,
    "REJECTD": Status.REJECTED,
}
WORDS: Mapping[str, Status | None] = FINAL | {
    "ENROUTE": Status.SENT,
    "ACCEPTD": Status.SENT,
    "DELETED": Status.UNDELIVERABLE,
    "UNKNOWN": None,
    "NEVERHEARD": None,
}


def says(
    identifier: str, word: str, at: float, number: str | None, reference: int | None = None, note: str = ""
) -> StatusReport:
    """What a receipt says."""
    digits = None if number is None else number.removeprefix("+")
    return StatusReport(identifier, word, WORDS[word], Source.RECEIPT, at, note, digits, reference)


class InOneTransaction:
    """A lane that does what it was given at `commit`, as the thread does with all that waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[type_of_operation, Deferred[Any]]] = []

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        """See `ILane`."""
        done: Deferred[T] = Deferred()
        self._waiting.append((operation, done))
        return done

    def each(self, operation: type_of_group[Any, T], item: Any, *, awaited: bool = False) -> Deferred[T]:
        """See `ILane`."""
        return self.run(lambda connection: operation(connection, [item])[0])

    def apart(self, work: Callable[[Store], T]) -> Deferred[T]:
        """See `ILane`."""
        return execute(work, self._store)

    def close(self) -> Deferred[None]:
        """See `ILane`."""
        return execute(self._store.close)

    def commit(self) -> None:
        """Everything in the order in which it came."""
        waiting, self._waiting = self._waiting, []
        results = self._store.transact([operation for operation, _ in waiting])
        for (_, done), result in zip(waiting, results, strict=True):
            done.callback(result)


class Traffic:
    """The journal and what happens to its messages, one call a transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.journal = Journal(InlineLane(store), in_parts=True)
        self.now = START

    def take(self, message_id: str = "m1", segments: int = 1, number: str = NUMBER) -> None:
        """A message comes in."""
        run(self.journal.accept(arrival(message_id, received_at=self.now, segments=segments, msisdn=number)))

    def claim(self) -> list[Submission]:
        """Whatever is due leaves."""
        return run(self.journal.claim(self.now, 500)).submissions

    def leave(self, message_id: str = "m1", segments: int = 1, number: str = NUMBER) -> Submission:
        """A message comes in and leaves."""
        self.take(message_id, segments, number)
        [submission] = self.claim()
        return submission

    def record(self, submission: Submission, outcome: Outcome) -> list[Change]:
        """This has become of its submit."""
        return run(self.journal.record([(submission, outcome, self.now)], self.now))

    def accepted(self, submission: Submission, *identifiers: str) -> list[Change]:
        """A1 has taken all its parts, under these identifiers."""
        named = dict(enumerate(identifiers, start=1))
        return self.record(submission, Accepted(named[1] or None, segments=len(named), parts=named))

    def lost(self, submission: Submission, named: Mapping[int, str] | None = None) -> list[Change]:
        """The link broke; A1 has these parts for certain."""
        return self.record(submission, Uncertain(BROKEN, parts=named or {}))

    def postponed(self, submission: Submission, named: Mapping[int, str] | None = None) -> list[Change]:
        """A1 does not want it now; it has these parts."""
        return self.record(submission, Postponed(BROKEN, 1.0, parts=named or {}))

    def sent(self, message_id: str, *identifiers: str, number: str = NUMBER) -> Submission:
        """A message comes in, leaves, and A1 has it under these identifiers."""
        submission = self.leave(message_id, len(identifiers), number)
        self.accepted(submission, *identifiers)
        return submission

    def receipt(
        self,
        identifier: str,
        word: str = "DELIVRD",
        *,
        number: str | None = NUMBER,
        reference: int | None = None,
        note: str = "",
    ) -> list[Change]:
        """A receipt comes."""
        report = says(identifier, word, self.now, number, reference, note)
        return run(self.journal.settle([report])).changes

    def wait(self, seconds: float = GRACE + 5, *, every: float = 5) -> list[Change]:
        """Time passes, and what waits is looked at again and again."""
        changes: list[Change] = []
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + every)
            changes += run(self.journal.settle_waiting(self.now, GRACE))[0]
        return changes

    def release(self, *, resend: bool = True) -> tuple[list[Change], int]:
        """The hold of every uncertain message is over."""
        changes, again, _ = run(self.journal.release(self.now, 500, resend=resend))
        return changes, again

    def message(self, message_id: str = "m1") -> dict[str, Any]:
        """The row and its history."""
        found = run(self.journal.message(message_id))
        assert found is not None
        return found

    def status(self, message_id: str = "m1") -> str:
        """What the world is told."""
        return str(self.message(message_id)["status"])

    def words(self, message_id: str = "m1") -> list[str]:
        """What receipts have said of it, in order."""
        return [step["word"] for step in self.message(message_id)["history"] if step["source"] == "receipt"]

    def rows(self, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """What the file says."""
        with closing(sqlite3.connect(self.store.path)) as file:
            return file.execute(query, values).fetchall()

    def kept(self) -> list[str]:
        """The identifiers of the receipts that no message is known for."""
        return [row[0] for row in self.rows("SELECT identifier FROM unmatched ORDER BY id")]

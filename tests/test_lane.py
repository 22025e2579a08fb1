"""The journal's thread with a real reactor: order, one transaction for all that waits, and the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_twisted import ensureDeferred
from sqlalchemy import Connection
from twisted.internet.defer import gatherResults

from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import Lane
from a1gateway.journal.store import type_of_operation

from .conftest import START, arrival


class CountingStore(Store):
    """Counts its transactions."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sizes: list[int] = []

    def transact(self, operations: Sequence[type_of_operation]) -> list[Any]:
        self.sizes.append(len(operations))
        return super().transact(operations)


@ensureDeferred
async def test_what_waits_goes_into_few_transactions_in_its_order(store: Store) -> None:
    from twisted.internet import reactor

    counting = CountingStore(f"sqlite:///{store.path}")
    lane = Lane(counting, reactor)  # type: ignore[arg-type]
    journal = Journal(lane)
    names = [f"m{number}" for number in range(300)]
    answers = await gatherResults([journal.accept(arrival(name)) for name in names])
    assert [answer.message_id for answer in answers] == names
    assert sum(counting.sizes) == 300
    assert len(counting.sizes) < 100
    claimed = await journal.claim(START, 500)
    assert [each.message_id for each in claimed.submissions] == names
    await journal.close()


@ensureDeferred
async def test_closing_finishes_what_waits(store: Store) -> None:
    from twisted.internet import reactor

    journal = Journal(Lane(Store(f"sqlite:///{store.path}"), reactor))  # type: ignore[arg-type]
    waiting = [journal.accept(arrival(f"m{number}")) for number in range(20)]
    await journal.close()
    assert all(each.called for each in waiting)


@ensureDeferred
async def test_an_error_reaches_whoever_asked_and_nobody_else(store: Store) -> None:
    from twisted.internet import reactor

    lane = Lane(Store(f"sqlite:///{store.path}"), reactor)  # type: ignore[arg-type]

    def bad(connection: Connection) -> None:
        raise JournalUnavailable("told so")

    good, failing = lane.run(lambda connection: 1), lane.run(bad)
    results: list[Any] = []
    failing.addErrback(lambda failure: results.append(failure.value))
    assert await good == 1
    await lane.close()
    assert isinstance(results[0], JournalUnavailable)

"""The journal's thread with a real reactor: order, one transaction for all that waits, and the end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pytest_twisted import ensureDeferred
from sqlalchemy import func, select, text
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from a1gateway.errors import JournalUnavailable, TryLater
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import Lane
from a1gateway.journal.schema import unmatched
from a1gateway.journal.statements import Connection, Statement, insertion
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
    # All that waited at once was one operation.
    assert sum(counting.sizes) == len(counting.sizes) < 100
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


@ensureDeferred
async def test_one_item_that_fails_does_not_cost_the_others_that_are_done_with_it(store: Store) -> None:
    from twisted.internet import reactor

    lane = Lane(Store(f"sqlite:///{store.path}"), reactor)  # type: ignore[arg-type]
    values = {"identifier": "1", "word": "w", "source": "poll", "at": 0.0, "note": ""}
    insert = insertion(unmatched, tuple(values))
    sizes: list[int] = []

    def keep(connection: Connection, items: Sequence[str]) -> list[str]:
        sizes.append(len(items))
        for item in items:
            connection.execute(insert, {**values, "identifier": item})
            if item == "bad":
                raise KeyError(item)
        return [f"kept {item}" for item in items]

    names = [*(f"m{number}" for number in range(20)), "bad", "last"]
    waiting = [lane.each(keep, name) for name in names]
    alone = lane.run(lambda connection: connection.value(Statement(select(func.count()).select_from(unmatched))))
    answers: list[Any] = await DeferredList(waiting, consumeErrors=True)
    assert max(sizes) > 1
    for name, (good, result) in zip(names, answers, strict=True):
        assert good == (name != "bad")
        assert result == f"kept {name}" if good else result.check(KeyError)
    await alone
    kept = await lane.run(lambda connection: connection.all(Statement(select(unmatched.c.identifier))))
    assert sorted(row["identifier"] for row in kept) == sorted(set(names) - {"bad"})
    await lane.close()


@ensureDeferred
async def test_what_is_awaited_outside_goes_before_what_was_there_first_and_leaves_room_for_it(store: Store) -> None:
    from twisted.internet import reactor

    lane = Lane(Store(f"sqlite:///{store.path}"), reactor)  # type: ignore[arg-type]
    done: list[str] = []
    began, go = threading.Event(), threading.Event()

    def wait(connection: Connection) -> None:
        began.set()
        assert go.wait(10)

    def note(connection: Connection, items: Sequence[str]) -> Sequence[str]:
        done.extend(items)
        return items

    waiting: list[Deferred[Any]] = [lane.run(wait)]
    began.wait(10)
    waiting += [lane.each(note, f"other {number}") for number in range(200)]
    waiting += [lane.each(note, f"awaited {number}", awaited=True) for number in range(250)]
    go.set()
    await gatherResults(waiting)
    awaited = [place for place, name in enumerate(done) if name.startswith("awaited")]
    others = [place for place, name in enumerate(done) if name.startswith("other")]
    assert [done[place] for place in (*awaited, *others)] == [
        *(f"awaited {number}" for number in range(250)),
        *(f"other {number}" for number in range(200)),
    ]
    # A few transactions hold what is awaited, and a few others each.
    assert 10 <= sum(place < awaited[-1] for place in others) <= 80
    await lane.close()


@ensureDeferred
async def test_many_results_do_not_keep_the_reactor_from_its_other_work(store: Store) -> None:
    from twisted.internet import reactor

    lane = Lane(Store(f"sqlite:///{store.path}"), reactor)  # type: ignore[arg-type]
    told = 0
    seen: list[int] = []

    def tell(result: Any) -> None:
        nonlocal told
        told += 1

    def look() -> None:
        seen.append(told)
        if told < 400:
            reactor.callLater(0, look)

    def same(connection: Connection, items: Sequence[int]) -> Sequence[int]:
        return items

    waiting = [lane.each(same, number).addCallback(tell) for number in range(400)]
    look()
    await gatherResults(waiting)
    assert max(after - before for before, after in pairwise(seen)) <= 60
    await lane.close()


@ensureDeferred
async def test_whoever_waits_for_a_journal_that_is_away_hears_so(store: Store) -> None:
    from twisted.internet import reactor

    lane = Lane(Store(f"sqlite:///{store.path}.away"), reactor)  # type: ignore[arg-type]
    journal = Journal(lane)
    waiting = [journal.accept(arrival(f"m{number}")) for number in range(20)]
    answers: list[Any] = await DeferredList(waiting, consumeErrors=True)
    assert all(not good and result.check(TryLater) for good, result in answers)
    await lane.close()


@ensureDeferred
async def test_a_thread_that_does_not_get_on_is_told_from_one_that_has_nothing_to_do(store: Store) -> None:
    from twisted.internet import reactor

    now = [100.0]
    lane = Lane(Store(f"sqlite:///{store.path}"), reactor, monotonic=lambda: now[0])  # type: ignore[arg-type]
    began, go = threading.Event(), threading.Event()

    def hang(connection: Connection) -> None:
        began.set()
        assert go.wait(60)

    now[0] += 1000
    assert lane.silent_for() == 0
    hanging, waiting = lane.run(hang), lane.run(lambda connection: None)
    assert began.wait(60)
    now[0] += 30
    assert lane.silent_for() == 30
    go.set()
    await hanging
    await waiting
    await lane.close()
    now[0] += 1000
    assert lane.silent_for() == 0


@ensureDeferred
async def test_a_long_operation_shows_that_it_goes_on(store: Store) -> None:
    """By SQLite's own steps, whatever the operation is."""
    from twisted.internet import reactor

    now = [100.0]
    lane = Lane(Store(f"sqlite:///{store.path}"), reactor, monotonic=lambda: now[0])  # type: ignore[arg-type]
    silences: list[float] = []

    def count(connection: Connection) -> None:
        now[0] += 500
        silences.append(lane.silent_for())
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT sum(i) FROM n"
        connection.all(Statement(text(many)))
        silences.append(lane.silent_for())

    await lane.run(count)
    assert silences == [500, 0]
    await lane.close()

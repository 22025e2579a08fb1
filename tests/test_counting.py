"""The service that counts: piece by piece, beside the sending; on a fake clock, and with real threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pytest_twisted import ensureDeferred
from twisted.internet.defer import execute, gatherResults
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread

from a1gateway import counting
from a1gateway.counting import LOOK_EVERY, Counting
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Store, statistics
from a1gateway.journal.lane import Lane
from a1gateway.journal.reader import Reader, reading

from .conftest import arrival, pass_time, run


def position(store: Store) -> int:
    with reading(store.path) as connection:
        return statistics.position(connection)


def accept(journal: Journal, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        run(journal.accept(arrival(f"m{number}")))


def test_everything_is_counted_and_then_what_comes(clock: Clock, journal: Journal, store: Store) -> None:
    accept(journal, 3)
    service = Counting(clock, journal, Reader(store.path, execute))
    service.startService()
    assert position(store) == 3
    accept(journal, 2, first=3)
    pass_time(clock, LOOK_EVERY - 1)
    assert position(store) == 3
    pass_time(clock, 2)
    assert position(store) == 5
    run(service.stopService())


def test_of_much_only_a_piece_is_counted_at_a_time(
    clock: Clock, journal: Journal, store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(counting, "AT_ONCE", 2)
    accept(journal, 7)
    took = 0.1

    def slowly(call: Callable[..., Any], *arguments: Any) -> Any:
        clock.rightNow += took
        return execute(call, *arguments)

    service = Counting(clock, journal, Reader(store.path, slowly))
    service.startService()
    assert position(store) == 2
    # Three quarters of the time are left to others.
    pass_time(clock, 0.29, step=0.01)
    assert position(store) == 2
    pass_time(clock, 0.02, step=0.01)
    assert position(store) == 4
    pass_time(clock, 2.0, step=0.01)
    assert position(store) == 7
    run(service.stopService())


def test_a_journal_that_is_away_is_waited_for(clock: Clock, journal: Journal, store: Store) -> None:
    accept(journal, 1)
    away = True

    def sometimes(call: Callable[..., Any], *arguments: Any) -> Any:
        return execute(partial(_fail) if away else call, *arguments)

    service = Counting(clock, journal, Reader(store.path, sometimes))
    service.startService()
    pass_time(clock, 3)
    away = False
    pass_time(clock, 3)
    assert position(store) == 1
    run(service.stopService())


def _fail(*_: object) -> None:
    raise JournalUnavailable("the journal is being restored")


@ensureDeferred
async def test_beside_a_journal_that_is_written_to_everything_is_counted(store: Store, monkeypatch: Any) -> None:
    from twisted.internet import reactor

    clock: Any = reactor
    monkeypatch.setattr(counting, "AT_ONCE", 50)
    journal = Journal(Lane(Store(f"sqlite:///{store.path}"), clock))
    service = Counting(clock, journal, Reader(store.path, deferToThread))
    service.startService()
    for round_ in range(5):
        await gatherResults([journal.accept(arrival(f"m{round_}-{number}")) for number in range(60)])
    service.wake()
    while position(store) < 300:
        service.wake()
        await deferToThread(lambda: None)
    await service.stopService()
    await journal.close()
    assert position(store) == 300

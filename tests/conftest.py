"""What the tests share: a clock of their own, a real journal in a real file without a thread, and real processes."""

from __future__ import annotations

import shutil
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.reader import Reader
from a1gateway.message import Arrival, Verdict
from a1gateway.pages import renderer

from .daemon.processes import Warden

T = TypeVar("T")

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None, max_examples=60)
settings.load_profile("untimed")

# The beginning of the tests' time: a Sunday in November, some seconds into it.
START = 1_795_305_600.0


def run(work: Deferred[T] | Coroutine[Any, Any, T]) -> T:
    """The result of what needs no waiting; fails when it is still waiting."""
    deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
    results: list[Any] = []
    deferred.addBoth(results.append)
    assert results, "still waiting"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    result: T = results[0]
    return result


def pass_time(clock: Clock, seconds: float, *, step: float = 0.5) -> None:
    """Let time pass in small steps, as it really goes; and some at once, for what is due now."""
    clock.pump([0.0] * 8)
    while seconds > 0:
        # Of steps in which nothing is due there is nothing to see.
        due = min((call.getTime() for call in clock.calls), default=inf) - clock.seconds()
        idle = min(due, seconds) // step * step
        if idle > step:
            clock.advance(idle - step)
            seconds -= idle - step
        clock.pump([min(seconds, step), 0.0, 0.0, 0.0])
        seconds -= step


def arrival(message_id: str = "m1", **more: Any) -> Arrival:
    """A message that is to be sent."""
    values: dict[str, Any] = {
        "message_id": message_id,
        "received_at": START,
        "number_received": "+375291112233",
        "text": "Заказ готов",
        "msisdn": "+375291112233",
    }
    return Arrival(**values | more)


def agree(journal: Journal, now: float = START) -> None:
    """Everybody whom a marketing message waits for has agreed to it."""
    waiting, _ = run(journal.unasked(now + 1e9, 10_000))
    run(journal.judge([Verdict(each.id, True, now, "UF_CRM_SMS_CONSENT", ()) for each in waiting], now, now))


@pytest.fixture(scope="session")
def warden() -> Iterator[Warden]:
    """Ends every process with the session."""
    warden = Warden()
    yield warden
    warden.close()


class _InMemory(BytecodeCache):
    """Compiled templates."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Each template is compiled for the first test that shows it: that takes longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "Environment", partial(Environment, bytecode_cache=_InMemory()))
        yield


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.advance(START)
    return clock


@pytest.fixture(scope="session")
def empty_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new journal: to make one takes longer than most tests."""
    path = tmp_path_factory.mktemp("journal") / "empty.sqlite3"
    store = Store(f"sqlite:///{path}")
    store.prepare()
    store.close()
    return path


@contextmanager
def fresh(empty_journal: Path) -> Iterator[Store]:
    """A store with a new journal, one at a time: for the many examples of one test."""
    path = empty_journal.with_name("fresh.sqlite3")
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    shutil.copyfile(empty_journal, path)
    store = Store(f"sqlite:///{path}")
    store.prepare()
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def store(tmp_path: Path, empty_journal: Path) -> Iterator[Store]:
    shutil.copyfile(empty_journal, tmp_path / "journal.sqlite3")
    store = Store(f"sqlite:///{tmp_path}/journal.sqlite3")
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(InlineLane(store))


@pytest.fixture
def reader(store: Store) -> Reader:
    return Reader(store.path, execute)

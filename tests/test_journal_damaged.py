"""A journal that is damaged is left as it is, and said to be; a disk that is full costs nothing that was kept."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from a1gateway.errors import CannotStart, JournalDamaged, JournalUnavailable
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane

from .conftest import arrival, run

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path, empty_journal: Path) -> Path:
    """A journal with some hundred messages, which nobody has open."""
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(empty_journal, path)
    store = Store(f"sqlite:///{path}")
    journal = Journal(InlineLane(store))
    for number in range(300):
        run(journal.accept(arrival(f"m{number}", text="Заказ готов. " * 10)))
    store.close()
    return path


class Minutes:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(path: Path, monotonic: Callable[[], float] | None = None) -> Store:
    return Store(f"sqlite:///{path}", monotonic=monotonic or Minutes())


def overwrite(path: Path, at: int, octets: bytes) -> bytes:
    """Damage it, and give back what was there."""
    with open(path, "r+b") as file:
        file.seek(at)
        before = file.read(len(octets))
        file.seek(at)
        file.write(octets)
    return before


def torn(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(PAGE * 7)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped header": lambda path: overwrite(path, 0, b"\xac"),
    "no header": lambda path: overwrite(path, 0, bytes(100)),
    "no first page": lambda path: overwrite(path, 0, os.urandom(PAGE)),
    "no schema": lambda path: overwrite(path, 100, os.urandom(PAGE - 100)),
    "garbage in the midst": lambda path: overwrite(path, PAGE, os.urandom(path.stat().st_size - PAGE)),
    "torn": torn,
    "torn off in the header": lambda path: os.truncate(path, 90),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_it_takes_nothing_and_says_what_to_do_and_stays_as_it_is(
    path: Path, damage: Callable[[Path], object]
) -> None:
    damage(path)
    before = path.read_bytes()
    store = opened(path)
    journal = Journal(InlineLane(store))
    said: list[str] = []
    for _ in range(3):
        try:
            store.prepare()
        except JournalUnavailable as trouble:
            said.append(str(trouble))
        with pytest.raises(JournalDamaged) as found:
            run(journal.accept(arrival("new")))
        said.append(str(found.value))
    with pytest.raises(JournalDamaged):
        run(journal.check())
    store.close()
    assert all(f"{path} is damaged (" in each for each in said)
    assert all("a1gateway restore" in each for each in said)
    assert path.read_bytes() == before


def test_damage_that_is_met_under_way_ends_all_writing_and_is_told_once(path: Path) -> None:
    events: list[str] = []

    @implementer(ILogObserver)
    def watch(event: LogEvent) -> None:
        if event.get("log_level") is LogLevel.critical:
            events.append(str(event.get("trouble")))

    store = opened(path)
    journal = Journal(InlineLane(store))
    run(journal.accept(arrival("before")))
    store.disconnect()
    # The rows of messages alone: nothing is noticed before one is read.
    with closing(sqlite3.connect(path)) as driver:
        pages = (
            [
                page
                for (page,) in driver.execute(
                    "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf'"
                )
            ]
            if _has_dbstat(driver)
            else []
        )
    if not pages:
        pytest.skip("this SQLite does not say which page is whose")
    for page in pages:
        overwrite(path, (page - 1) * PAGE, os.urandom(PAGE))
    globalLogPublisher.addObserver(watch)
    try:
        run(journal.check())
        with pytest.raises(JournalDamaged):
            run(journal.claim(2e9, 500))
        before = path.read_bytes()
        for _ in range(3):
            with pytest.raises(JournalDamaged):
                run(journal.check())
    finally:
        globalLogPublisher.removeObserver(watch)
        store.close()
    assert len(events) == 1
    assert path.read_bytes() == before


def _has_dbstat(driver: sqlite3.Connection) -> bool:
    try:
        driver.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


def test_what_was_only_the_disks_fault_is_over_by_itself_after_a_while(path: Path) -> None:
    clock = Minutes()
    was = overwrite(path, 0, bytes(100))
    store = opened(path, clock)
    journal = Journal(InlineLane(store))
    with pytest.raises(JournalDamaged):
        run(journal.check())
    found = os.stat(path)
    overwrite(path, 0, was)
    # Nobody can see that it is another content.
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    clock.now += 59
    with pytest.raises(JournalDamaged):
        run(journal.check())
    clock.now += 2
    run(journal.accept(arrival("after")))
    store.close()


def test_it_is_looked_through_less_and_less_often(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looked = Minutes(), list[float]()
    overwrite(path, 0, bytes(100))
    store = opened(path, clock)
    journal = Journal(InlineLane(store))

    def look(path: Path) -> bool:
        looked.append(clock.now - 100)
        return False

    monkeypatch.setattr("a1gateway.journal.store._is_whole", look)
    for _ in range(3 * 3600):
        with pytest.raises(JournalDamaged):
            run(journal.check())
        clock.now += 1
    assert looked == [60, 180, 420, 900, 1860, 3780, 7380]


def test_another_file_in_its_place_is_used_at_once(path: Path, empty_journal: Path) -> None:
    overwrite(path, 0, bytes(100))
    store = opened(path)
    journal = Journal(InlineLane(store))
    with pytest.raises(JournalDamaged):
        run(journal.check())
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    shutil.copyfile(empty_journal, path.with_name("new"))
    path.with_name("new").replace(path)
    run(journal.accept(arrival("m0")))
    store.close()


@pytest.mark.parametrize("content", ["Заметки администратора\n" * 100, "x"])
def test_a_file_that_never_was_a_database_is_a_fault_of_the_configuration(tmp_path: Path, content: str) -> None:
    """To start without a journal would hide it."""
    path = tmp_path / "notes.txt"
    path.write_text(content)
    with pytest.raises(CannotStart, match="is not a journal of a1gateway"):
        opened(path).prepare()
    assert path.read_text() == content


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_in_the_middle_of_a_commit_costs_nothing_that_was_kept(
    small_disk: Path, empty_journal: Path
) -> None:
    shutil.copyfile(empty_journal, small_disk / "journal.sqlite3")
    store = opened(small_disk / "journal.sqlite3")
    journal = Journal(InlineLane(store))
    kept: list[str] = []
    full: JournalUnavailable | None = None
    for number in range(3000):
        name = f"m{number}"
        try:
            run(journal.accept(arrival(name, text="Заказ готов. " * 100)))
        except JournalUnavailable as trouble:
            full = trouble
            break
        kept.append(name)
    assert full is not None, "the disk did not get full"
    assert not isinstance(full, JournalDamaged)
    assert "full" in str(full) or "I/O" in str(full)
    with pytest.raises(JournalUnavailable):
        run(journal.accept(arrival("refused", text="Заказ готов. " * 5000)))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    # By itself, with whatever was answered for, and nothing of the rest.
    run(journal.accept(arrival("after")))
    store.close()
    with closing(sqlite3.connect(small_disk / "journal.sqlite3")) as driver:
        assert driver.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = [name for (name,) in driver.execute("SELECT message_id FROM messages ORDER BY id")]
    assert found == [*kept, "after"]

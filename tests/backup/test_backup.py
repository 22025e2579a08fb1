"""A backup holds what there was when it was made, and says so only when that has been read again."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import tarfile
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from a1gateway.backup.archive import JOURNAL, Archive
from a1gateway.backup.journal_copy import BackupFailed, copy_journal
from a1gateway.backup.making import make_backup, remove_older
from a1gateway.backup.places import read_places
from a1gateway.journal.schema import REVISION

from ..conftest import START, arrival, run
from .conftest import APIKEY, Kept, undisturbed


def members(path: Path) -> dict[str, bytes]:
    """What an archive holds, as any other program reads it."""
    found = {}
    with tarfile.open(path) as archive:
        for each in archive:
            content = archive.extractfile(each)
            assert content is not None
            found[each.name] = content.read()
    return found


def messages_in(journal: bytes, folder: Path) -> list[str]:
    path = folder / "read.sqlite3"
    path.write_bytes(journal)
    with closing(sqlite3.connect(path)) as driver:
        assert driver.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in driver.execute("SELECT message_id FROM messages ORDER BY id")]


def test_it_holds_the_journal_the_spool_and_the_configuration_and_no_secret(kept: Kept, tmp_path: Path) -> None:
    kept.opened(lambda journal: [run(journal.accept(arrival(f"m{number}"))) for number in range(3)])
    entry = kept.put_into_spool(arrival("spooled"))
    (kept.spool / "message-1.0.new").write_text("unfinished")
    found = members(kept.backup())
    assert list(found) == ["manifest.json", "journal.sqlite3", f"spool/{entry.name}", "config.toml"]
    assert messages_in(found["journal.sqlite3"], tmp_path) == ["m0", "m1", "m2"]
    assert found["config.toml"] == kept.config.read_bytes()
    assert found[f"spool/{entry.name}"] == entry.read_bytes()
    assert not any(APIKEY.encode() in content for content in found.values())
    assert stat.S_IMODE(kept.archive.stat().st_mode) == 0o600
    assert f"{kept.archive}: 1 MB with 3 messages, 1 of the spool" in kept.said
    assert [path.name for path in kept.folder.iterdir() if path.name.startswith("kept")] == ["kept.tar.gz"]


def test_it_holds_the_secrets_where_somebody_asks_for_them(kept: Kept) -> None:
    kept.store().close()
    found = members(kept.backup("--with-secrets"))
    assert found["secrets/a1.http.apikey_file"].decode() == APIKEY
    assert "1 secrets: keep it as secret as these" in kept.said


def test_a_secret_that_is_not_there_is_a_fault_and_no_backup(kept: Kept) -> None:
    kept.store().close()
    kept.secret.unlink()
    assert kept.run("backup", "--to", str(kept.archive), "--with-secrets") == 1
    assert kept.errors == f"a1gateway backup: {kept.secret}: No such file or directory\n"
    assert not kept.archive.exists()


def test_what_is_written_meanwhile_waits_for_nothing_and_is_not_in_it(kept: Kept) -> None:
    """The copy is of one moment, however long it takes: here somebody writes between all of its steps."""
    store = kept.store()
    with closing(sqlite3.connect(kept.journal)) as driver:
        driver.execute("CREATE TABLE filler (octets)")
        driver.executemany("INSERT INTO filler VALUES (zeroblob(100000))", [()] * 200)
        driver.commit()
    written: list[int] = []

    def write(seconds: float) -> None:
        assert seconds >= 0
        with closing(sqlite3.connect(kept.journal, timeout=0)) as driver:
            driver.execute("UPDATE filler SET octets = zeroblob(99999) WHERE rowid = ?", (len(written) + 1,))
            driver.commit()
        written.append(1)

    copy = kept.folder / "copy.sqlite3"
    shares: list[float] = []
    copied = copy_journal(kept.journal, copy, shares.append, pause=write)
    store.close()
    assert (copied.revision, copied.messages) == (REVISION, 0)
    assert len(written) > 3, "it was made in steps"
    assert shares == sorted(shares)
    assert shares[-1] == 1
    with closing(sqlite3.connect(copy)) as driver:
        assert driver.execute("SELECT count(*), min(length(octets)) FROM filler").fetchone() == (200, 100_000)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_it_is_made_beside_whoever_holds_the_lock_of_a_daemon_and_writes(kept: Kept) -> None:
    store = kept.store()
    store.lock()
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            store.transact([lambda connection: None])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        kept.backup()
    finally:
        done.set()
        writer.join()
        store.close()
    with open(kept.archive, "rb") as file:
        Archive(file).check()


def test_a_damaged_journal_makes_no_backup_and_costs_no_older_one(kept: Kept) -> None:
    kept.opened(lambda journal: [run(journal.accept(arrival(f"m{number}"))) for number in range(300)])
    kept.backup()
    before = kept.archive.read_bytes()
    with open(kept.journal, "r+b") as file:
        file.seek(4096 * 5)
        file.write(os.urandom(4096 * 30))
    assert kept.run("backup", "--to", str(kept.archive)) == 1
    assert f"{kept.journal} is damaged, and no backup is made of it" in kept.errors
    assert kept.archive.read_bytes() == before
    assert [path.name for path in kept.folder.iterdir() if path.name.startswith("kept")] == ["kept.tar.gz"]


def test_a_journal_that_is_not_there_is_a_fault(kept: Kept) -> None:
    assert kept.run("backup") == 1
    assert kept.errors == (
        f"a1gateway backup: there is no journal {kept.journal}: the daemon has never run with this configuration\n"
    )


def test_a_disk_with_too_little_room_is_named_before_anything_is_written(kept: Kept) -> None:
    kept.store().close()
    places = read_places(kept.config)
    with pytest.raises(
        BackupFailed, match=r"takes 1 MB of free space, and there are 0 MB; make room, or name another"
    ):
        make_backup(places, kept.folder, now=START, free=lambda folder: 1000)
    assert not list(kept.folder.glob("*.gz*"))


def test_as_many_as_are_wanted_are_kept_in_a_folder_and_nothing_else_is_removed(kept: Kept) -> None:
    kept.store().close()
    folder = kept.data / "backups"
    places = read_places(kept.config)
    for day in range(5):
        made = make_backup(places, None, now=START + day * 86400)
        assert made.file.parent == folder
    (folder / "mine.tar.gz").write_text("kept by somebody")
    removed = remove_older(folder, 2)
    assert [path.name for path in removed] == [
        "a1gateway-2026-11-22T000000Z.tar.gz",
        "a1gateway-2026-11-23T000000Z.tar.gz",
        "a1gateway-2026-11-24T000000Z.tar.gz",
    ]
    assert sorted(path.name for path in folder.iterdir()) == [
        "a1gateway-2026-11-25T000000Z.tar.gz",
        "a1gateway-2026-11-26T000000Z.tar.gz",
        "mine.tar.gz",
    ]


def test_json_says_what_was_made(kept: Kept) -> None:
    kept.store().close()
    assert kept.run("backup", "--to", str(kept.folder / "all") + "/", "--keep", "1", "--json") == 0
    made = json.loads(kept.said)
    assert Path(made["file"]).parent == kept.folder / "all"
    assert (made["revision"], made["messages"], made["spooled"], made["removed"]) == (REVISION, 0, 0, [])
    assert made["bytes"] == Path(made["file"]).stat().st_size


def test_an_archive_that_is_not_compressed_holds_the_same(kept: Kept, tmp_path: Path) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    plain = kept.folder / "plain.tar"
    assert kept.run("backup", "--to", str(plain)) == 0
    with tarfile.open(plain, "r:") as archive:
        assert JOURNAL in archive.getnames()
    assert messages_in(members(plain)[JOURNAL], tmp_path) == ["m1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_root_makes_beside_the_journal_is_the_daemons(monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed(monkeypatch)
    nobody = 65534
    # Not in the tests' own folder, which nobody else may look into.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        kept = Kept(Path(folder) / "gateway")
        kept.begin()
        kept.store().close()
        for path in (kept.folder, kept.data, kept.journal):
            os.chown(path, nobody, nobody)
        assert kept.run("backup") == 0, kept.errors
        made = list(kept.data.rglob("*"))
        assert {path.name for path in made} >= {"backups", "journal.sqlite3"}
        assert {path.stat().st_uid for path in made} == {nobody}
        assert os.geteuid() == 0

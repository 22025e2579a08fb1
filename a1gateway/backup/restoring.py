"""Putting back what a backup holds. Nothing that is there is deleted: it is moved aside."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from ..errors import CannotStart, GatewayError, JournalUnavailable
from ..files_on_disk import octets_as_a_whole, sync_folder
from ..journal import Store
from ..journal.acceptance import accept_one
from ..journal.journal import Installation
from ..journal.restored import Unsent, nothing_is_in_doubt, put_back
from ..journal.schema import REVISION
from ..journal.spool import read_entry
from ..journal.statements import Connection
from ..message import Arrival
from .archive import CONFIG, JOURNAL, SECRETS, SPOOL, Archive, Content, Member
from .carrying_over import CarriedOver, carry_over, same_journal
from .places import Places

_USER = "a1gateway"
_BESIDE = ("", "-wal", "-shm")
# The journal itself, its log while it is changed, and the copy that an upgrade keeps.
_SIZES, _SIZES_WITH_UPGRADE = 2, 4
_MB = 1_000_000
_CHUNK = 1024 * 1024

Show = Callable[[float, str], None]


class CannotRestore(GatewayError):
    """Nothing has been put back; the text says why."""


@dataclass(slots=True)
class Restored:
    """What has been put back."""

    journal: Path
    unsent: Unsent
    in_doubt: int = 0
    """Messages that may have been sent since, and become what `unsent` says."""
    spooled: int = 0
    """Entries of the backup's spool that wait in the spool now, or stand in the journal."""
    replaced: Path | None = None
    """Where the journal is that was there before."""
    tokens_kept: bool = False
    """Whether the portal's tokens are those of the journal that was there."""
    carried_over: CarriedOver | None = None
    """What it still told of the time after the backup; None: nothing."""
    unreadable: bool = False
    """Whether the journal that was there could not be read."""
    written: list[Path] = field(default_factory=list)
    """The configuration and the files of secrets that were not there."""


def check_archive(archive: Archive, show: Show) -> None:
    """See that this program can put it back; raises `BadArchive` and `CannotRestore`. Blocks."""
    of = archive.manifest
    if of.revision > REVISION:
        raise CannotRestore(
            f"the backup's journal is of the version {of.revision}, and this a1gateway knows {REVISION} at most; "
            f"it was made by {of.version}: install that version or a later one"
        )
    archive.check(lambda done: show(done * 0.4, "the archive is read"))


def config_of(archive: Archive) -> bytes:
    """The configuration that a backup holds; raises `CannotRestore`."""
    for _, content in archive.contents(lambda name: name == CONFIG):
        return content.read()
    raise CannotRestore("the backup holds no configuration: write one first")


def write_what_is_missing(archive: Archive, of: Places, restored: Restored) -> None:
    """Write the configuration and the secrets where there are none; whatever is there stays. Raises `OSError`."""
    if not of.config.exists():
        _write(of.config, of.toml, archive.member(CONFIG))
        restored.written.append(of.config)
    for name, content in archive.contents(lambda name: name.startswith(SECRETS)):
        path = of.secrets.get(name.removeprefix(SECRETS))
        if path is not None and not path.exists():
            _write(path, content.read(), archive.member(name))
            restored.written.append(path)


def restore(
    archive: Archive,
    of: Places,
    restored: Restored,
    *,
    now: float,
    as_it_was: bool = False,
    show: Show = lambda done, what: None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> None:
    """Put the journal and the spool of a checked archive in their places, and say in `restored` what came of it.

    What the journal that is there still tells of the time after the backup is taken over, unless it is to be
    `as_it_was`.

    Whoever is root becomes the owner of the journal, for good. Blocks. Raises `CannotRestore`, `CannotStart` when the
    daemon runs, and `OSError`.
    """
    try:
        _restore(archive, of, restored, now, as_it_was, show, free)
    except sqlite3.Error as error:
        raise CannotRestore(f"{of.journal}: {error}; it has been left as it was") from None


def _restore(
    archive: Archive,
    of: Places,
    restored: Restored,
    now: float,
    as_it_was: bool,
    show: Show,
    free: Callable[[Path], int],
) -> None:
    _become_owner(of)
    lock = Store(f"sqlite:///{of.journal}")
    lock.lock()
    try:
        _check_room(archive, of.journal.parent, free)
        new = of.journal.with_name(f"{of.journal.name}.restoring")
        _remove(new)
        try:
            for _, content in archive.contents(lambda name: name == JOURNAL):
                _unpack(content, new)
            show(0.6, "the journal is unpacked")
            _prepare(new)
            show(0.7, "the journal is looked through")
            _make_ready(archive, new, of, restored, now, as_it_was=as_it_was)
            show(0.9, "the journal is put in its place")
            restored.replaced = _move_aside(of.journal, now)
            new.replace(of.journal)
            sync_folder(of.journal.parent)
        except BaseException:
            _remove(new)
            raise
    finally:
        lock.close()


# What is there already.


def _become_owner(of: Places) -> None:
    """What is made beside the journal must be the daemon's; on a new machine that is the user `a1gateway`."""
    folder = of.journal.parent
    there = next((path for path in (of.journal, folder) if path.exists()), None)
    if os.geteuid() != 0:
        if there is not None and there.stat().st_uid != os.geteuid():
            raise CannotRestore(f"{there} belongs to {_name_of(there.stat().st_uid)}: run it as that user or as root")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    if there is None or (there == folder and folder.stat().st_uid == 0):
        try:
            user = pwd.getpwnam(_USER)
            uid, gid = user.pw_uid, user.pw_gid
        except KeyError:
            uid, gid = 0, 0
    else:
        uid, gid = there.stat().st_uid, there.stat().st_gid
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
    if there != of.journal and folder.stat().st_uid == 0:
        os.chown(folder, uid, gid)
    if uid != 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _check_room(archive: Archive, folder: Path, free: Callable[[Path], int]) -> None:
    (size,) = (member.octets for member in archive.manifest.members if member.name == JOURNAL)
    needed = size * (_SIZES if archive.manifest.revision == REVISION else _SIZES_WITH_UPGRADE)
    there = free(folder)
    if there < needed:
        raise CannotRestore(
            f"{folder}: to restore takes {-(-needed // _MB)} MB of free space, and there are {there // _MB} MB; "
            "make room"
        )


# The journal from the backup.


def _unpack(content: Content, path: Path) -> None:
    with octets_as_a_whole(path) as file:
        while octets := content.read(_CHUNK):
            file.write(octets)


def _prepare(new: Path) -> None:
    """See that it is a whole journal, of today's version."""
    try:
        with _opened(new) as driver:
            found = [str(row[0]) for row in driver.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise CannotRestore(f"the journal in the backup is damaged: {'; '.join(found)}")
        store = Store(f"sqlite:///{new}")
        store.prepare(create=False)
        store.close()
        Path(f"{new}.before-{REVISION}").unlink(missing_ok=True)
    except (sqlite3.Error, CannotStart, JournalUnavailable) as error:
        raise CannotRestore(f"the journal in the backup cannot be used: {error}") from None


def _make_ready(archive: Archive, new: Path, of: Places, restored: Restored, now: float, *, as_it_was: bool) -> None:
    """Messages of the backup's spool may have gone out since, like those of its journal; all else may come again."""
    waiting: list[Arrival] = []
    spool = of.spool
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in archive.contents(lambda name: name.startswith(SPOOL)):
        octets = content.read()
        entry = read_entry(octets)
        if isinstance(entry, Arrival):
            waiting.append(entry)
        elif not (spool / name.removeprefix(SPOOL)).exists():
            with octets_as_a_whole(spool / name.removeprefix(SPOOL)) as file:
                file.write(octets)
        restored.spooled += 1
    with _opened(new) as driver:
        driver.execute("PRAGMA synchronous = FULL")
        driver.execute("BEGIN IMMEDIATE")
        connection = Connection(driver)
        for each in waiting:
            accept_one(connection, each)
        connection.write_later_ones()
        known: set[int] = set()
        if of.journal.exists():
            known = _look_into_the_one_before(of.journal, driver, restored, as_it_was=as_it_was)
        restored.in_doubt = put_back(connection, restored.unsent, now, known)
        connection.write_later_ones()
        if restored.carried_over is not None and restored.carried_over.complete:
            nothing_is_in_doubt(connection)
        driver.execute("COMMIT")
        # One file, which nothing belongs to; the daemon makes it what it likes.
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        driver.execute("PRAGMA journal_mode = DELETE")


# The journal that was there.


def _look_into_the_one_before(
    before: Path, new: sqlite3.Connection, restored: Restored, *, as_it_was: bool
) -> set[int]:
    """Its tokens are the living ones, if they are later; and it may know more of messages. The rows that it knows."""
    try:
        # What is damaged stays as it is: a connection that writes would take its log into it.
        with _opened(before, "ro") as old:
            restored.tokens_kept = _keep_tokens(old, new)
            if as_it_was or not same_journal(old, new):
                return set()
            new.execute("SAVEPOINT carrying_over")
            restored.carried_over = carry_over(old, new)
            new.execute("RELEASE carrying_over")
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            new.execute("ROLLBACK TO carrying_over")
        restored.unreadable = True
        return set()
    return restored.carried_over.rows


def _keep_tokens(old: sqlite3.Connection, new: sqlite3.Connection) -> bool:
    names = [each.name for each in fields(Installation)]
    query = f"SELECT {', '.join(names)} FROM installation"  # noqa: S608  # our own names
    of_old, of_new = old.execute(query).fetchone(), new.execute(query).fetchone()
    if of_old is None or of_new is None or of_old["member_id"] != of_new["member_id"]:
        return False
    if of_old["refreshed_at"] <= of_new["refreshed_at"]:
        return False
    settings = ", ".join(f"{name} = :{name}" for name in names)
    new.execute(f"UPDATE installation SET {settings}", dict(of_old))  # noqa: S608
    return True


def _move_aside(journal: Path, now: float) -> Path | None:
    """Keep the journal that is there under another name, with its log; it stays in its place until it is replaced."""
    if not journal.exists():
        return None
    aside = journal.with_name(f"{journal.name}.replaced-{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H%M%SZ}")
    _remove(aside)
    # Without its log it would miss what was committed last; a log that is left would be taken for the new one's.
    for ending in ("-wal", "-shm"):
        path = Path(f"{journal}{ending}")
        if path.exists():
            path.rename(f"{aside}{ending}")
    try:
        os.link(journal, aside)
    except OSError:
        # Not every file system knows two names for one file.
        journal.rename(aside)
    sync_folder(journal.parent)
    return aside


@contextmanager
def _opened(path: Path, mode: str = "rw") -> Iterator[sqlite3.Connection]:
    driver = sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, isolation_level=None)
    with closing(driver):
        driver.row_factory = sqlite3.Row
        yield driver


def _remove(database: Path) -> None:
    for ending in (*_BESIDE, "-journal", f".before-{REVISION}"):
        Path(f"{database}{ending}").unlink(missing_ok=True)


def _write(path: Path, content: bytes, member: Member) -> None:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700 if member.name.startswith(SECRETS) else 0o755, parents=True)
    with octets_as_a_whole(path, member.mode) as file:
        file.write(content)
        if os.geteuid() == 0:
            with suppress(KeyError):
                os.fchown(file.fileno(), pwd.getpwnam(member.owner).pw_uid, grp.getgrnam(member.group).gr_gid)

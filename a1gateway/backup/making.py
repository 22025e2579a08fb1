"""Making a backup: everything that is kept into one file, and the oldest of many files away."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .archive import CONFIG, JOURNAL, SECRETS, SPOOL, Manifest, Source, write_archive
from .journal_copy import BackupFailed, copy_journal
from .places import Places

FOLDER = "backups"
"""Beside the journal, unless something else is said."""
_NAME = "a1gateway-{:%Y-%m-%dT%H%M%SZ}.tar.gz"
_OURS = re.compile(r"a1gateway-\d{4}-\d\d-\d\dT\d{6}Z\.tar\.gz")
_ENDINGS = (".tar", ".tar.gz", ".tgz")
# The copy of the journal, and of it the archive.
_SIZES = 2
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that is there, and has been read again."""

    file: Path
    octets: int
    manifest: Manifest

    def count(self, front: str) -> int:
        """How many members have names that begin so."""
        return sum(member.name.startswith(front) for member in self.manifest.members)


def make_backup(
    of: Places,
    to: Path | None,
    *,
    now: float,
    with_secrets: bool = False,
    show: Callable[[float, str], None] = lambda done, what: None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Made:
    """Write a backup to `to`: a file when it ends like an archive, else a folder; None: the usual folder.

    `show` is told the share of what is done, and what is being done. Blocks. Raises `BackupFailed`, `BadArchive`.
    """
    try:
        if not of.journal.exists():
            raise BackupFailed(f"there is no journal {of.journal}: the daemon has never run with this configuration")
        file = _file(of, to, now)
        _make_folder(file.parent, of.journal)
        _check_room(of.journal, file.parent, free)
        made = _make(of, file, now, with_secrets, show)
        _give_to_owner_of(file.parent, file)
        return made
    except OSError as error:
        raise BackupFailed(f"{error.filename or of.journal}: {error.strerror}") from None


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove all backups in `folder` but the newest `keep`, by the names that this program gives them.

    Which those are. Raises `OSError`.
    """
    ours = sorted((path for path in folder.iterdir() if _OURS.fullmatch(path.name)), key=lambda path: path.name)
    removed = ours[: max(0, len(ours) - keep)]
    for path in removed:
        path.unlink()
    return removed


def _file(of: Places, to: Path | None, now: float) -> Path:
    if to is not None and to.name.endswith(_ENDINGS) and not to.is_dir():
        return to.absolute()
    folder = of.journal.parent / FOLDER if to is None else to
    return folder.absolute() / _NAME.format(datetime.fromtimestamp(now, UTC))


def _make_folder(folder: Path, journal: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        if folder.parent == journal.parent:
            # Whoever makes the next one need not be root.
            _give_to_owner_of(journal, folder)


def _give_to_owner_of(path: Path, other: Path) -> None:
    if os.geteuid() == 0:
        owner = path.stat()
        os.chown(other, owner.st_uid, owner.st_gid)


def _check_room(journal: Path, folder: Path, free: Callable[[Path], int]) -> None:
    size = sum(path.stat().st_size for path in (journal, Path(f"{journal}-wal")) if path.exists())
    there, needed = free(folder), _SIZES * size
    if there < needed:
        raise BackupFailed(
            f"{folder}: a backup takes {-(-needed // _MB)} MB of free space, and there are {there // _MB} MB; "
            "make room, or name another folder with --to"
        )


def _make(of: Places, file: Path, now: float, with_secrets: bool, show: Callable[[float, str], None]) -> Made:
    # What waits in the spool before the journal is copied is in one of the two: it leaves the one only for the other.
    sources = [*_spooled(of.spool), Source(CONFIG, of.toml, of.config)]
    if with_secrets:
        sources += [Source(f"{SECRETS}{key}", path.read_bytes(), path) for key, path in of.secrets.items()]
    copy = file.with_name(f"{file.name}.journal")
    _remove(copy)
    try:
        copied = copy_journal(of.journal, copy, lambda done: show(done / 2, "the journal is copied"))
        sources.insert(0, Source(JOURNAL, copy))
        members = [source.member() for source in sources]
        manifest = Manifest(now, copied.revision, copied.messages, members)
        write_archive(file, manifest, sources, lambda done: show(0.5 + done / 2, "the archive is written and read"))
    finally:
        _remove(copy)
    return Made(file, file.stat().st_size, manifest)


def _spooled(spool: Path) -> list[Source]:
    found = []
    for path in sorted(spool.glob("*.json")) if spool.is_dir() else ():
        try:
            found.append(Source(f"{SPOOL}{path.name}", path.read_bytes()))
        except FileNotFoundError:
            # It is in the journal by now, and will be in the copy.
            continue
    return found


def _remove(copy: Path) -> None:
    for ending in ("", "-journal", "-wal", "-shm"):
        Path(f"{copy}{ending}").unlink(missing_ok=True)

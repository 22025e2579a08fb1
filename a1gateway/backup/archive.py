"""The file of a backup: a tar archive, compressed unless its name ends in `.tar`, with a manifest in front.

The manifest names every other member with its length and its SHA-256, so that what is restored is what was kept.
"""

from __future__ import annotations

import grp
import hashlib
import io
import json
import pwd
import re
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal

from .. import __version__
from ..errors import GatewayError
from ..files_on_disk import octets_as_a_whole

FORMAT = 1
"""Of the archive; one that says more is of a later version."""
JOURNAL, CONFIG, SPOOL, SECRETS = "journal.sqlite3", "config.toml", "spool/", "secrets/"
"""The members' names; the last two are followed by a name of their own."""
_MANIFEST = "manifest.json"
_GZIP = b"\x1f\x8b"
_LARGEST_MANIFEST = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
# What takes space is text, which the quickest compression makes three times smaller.
_LEVEL = 1
_MAY_BE_THERE = re.compile(r"journal\.sqlite3|config\.toml|spool/[a-z]+-[0-9a-f]{32}\.json|secrets/[a-z0-9_.]+")

Share = Callable[[float], None]
"""Is told which share of the work is done, 0 to 1."""


class BadArchive(GatewayError):
    """The file is no backup, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the files in it."""

    name: str
    octets: int
    sha256: str
    mode: int = 0o600
    owner: str = ""
    group: str = ""
    """Whose it was, by name; empty where that is not kept."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of."""

    made_at: float
    """Seconds since the epoch."""
    revision: str
    """The journal's migration."""
    messages: int
    """How many there are in the journal."""
    members: Sequence[Member]
    version: str = __version__
    """The program that made it."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Source:
    """What becomes a member: a file, or what is in memory."""

    name: str
    content: Path | bytes = field(repr=False)
    like: Path | None = None
    """The file that has the mode and the owner that are kept with it."""

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """To be read; raises `OSError`."""
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
        else:
            with open(self.content, "rb") as file:
                yield file

    def member(self) -> Member:
        """As the manifest names it; raises `OSError`."""
        with self.opened() as file:
            measured = _measured(file)
        if self.like is None:
            return Member(self.name, *measured)
        found = self.like.stat()
        return Member(
            self.name,
            *measured,
            stat.S_IMODE(found.st_mode),
            _named(pwd.getpwuid, found.st_uid),
            _named(grp.getgrgid, found.st_gid),
        )


def write_archive(
    path: Path, manifest: Manifest, sources: Sequence[Source], share: Share = lambda done: None
) -> None:
    """Write the archive, and read it again before it gets its name; `sources` are in the order of the members.

    Blocks. Raises `BadArchive` when it cannot be read as it was written, and `OSError`.
    """
    whole = sum(member.octets for member in manifest.members) or 1
    written = 0
    with octets_as_a_whole(path) as file:
        with _to_be_written(file, path) as archive:
            _add(archive, _MANIFEST, io.BytesIO(as_json := _written(manifest)), len(as_json), manifest.made_at)
            for member, source in zip(manifest.members, sources, strict=True):
                with source.opened() as content:
                    _add(archive, member.name, content, member.octets, manifest.made_at)
                written += member.octets
                share(written / whole / 2)
        file.seek(0)
        Archive(file).check(lambda done: share(0.5 + done / 2))


class Archive:
    """An archive that is read. Its manifest has been understood, and nothing else has been seen of it yet."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` is open at its beginning; raises `BadArchive`."""
        self._file = file
        first = next(self._members(), None)
        if first is None or first[0] != _MANIFEST:
            raise BadArchive("this is no backup of a1gateway")
        self.manifest = _read(first[1].read(_LARGEST_MANIFEST))

    def check(self, share: Share = lambda done: None) -> None:
        """See that every member is there as it was kept; raises `BadArchive`. Blocks."""
        wanted = {member.name: member for member in self.manifest.members}
        whole = sum(member.octets for member in self.manifest.members) or 1
        seen = 0
        for name, content in self._members():
            if name == _MANIFEST:
                continue
            member = wanted.pop(name, None)
            if member is None:
                raise BadArchive(f"the backup is damaged: nobody has put {name!r} into it")
            if _measured(content) != (member.octets, member.sha256):
                raise BadArchive(f"the backup is damaged: {name} is not what was kept")
            seen += member.octets
            share(seen / whole)
        if wanted:
            raise BadArchive(f"the backup is damaged: {min(wanted)} is missing")

    def member(self, name: str) -> Member:
        """What the manifest says of a member that there is."""
        return next(each for each in self.manifest.members if each.name == name)

    def contents(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Content]]:
        """Members with such names, each to be read before the next; raises `BadArchive`."""
        for name, content in self._members():
            if name != _MANIFEST and wanted(name):
                yield name, content

    def _members(self) -> Iterator[tuple[str, Content]]:
        self._file.seek(0)
        mode: Literal["r|gz", "r|"] = "r|gz" if self._file.read(len(_GZIP)) == _GZIP else "r|"
        self._file.seek(0)
        with _understood(), tarfile.open(fileobj=self._file, mode=mode) as archive:
            for each in archive:
                content = archive.extractfile(each) if each.isreg() else None
                if content is None:
                    raise BadArchive("this is no backup of a1gateway: something in it is no file")
                yield each.name, Content(content)


class Content:
    """What a member holds, to be read once and in order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, most: int = -1) -> bytes:
        """The next octets, at most so many; empty at the end. Raises `BadArchive`."""
        with _understood():
            return self._file.read(most)


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise BadArchive(f"this is no backup of a1gateway, or only a part of one: {error}") from None


@contextmanager
def _to_be_written(file: BinaryIO, path: Path) -> Iterator[tarfile.TarFile]:
    if path.suffix == ".tar":
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            yield archive
    else:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_LEVEL, format=tarfile.PAX_FORMAT) as archive:
            yield archive


def _add(archive: tarfile.TarFile, name: str, content: BinaryIO, octets: int, at: float) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = octets, 0o600, int(at)
    archive.addfile(info, content)


def _named(entry_of: Callable[[int], Sequence[Any]], number: int) -> str:
    try:
        return str(entry_of(number)[0])
    except KeyError:
        return ""


def _measured(content: Content | BinaryIO) -> tuple[int, str]:
    """How long it is, and its SHA-256."""
    octets, digest = 0, hashlib.sha256()
    while chunk := content.read(_CHUNK):
        octets += len(chunk)
        digest.update(chunk)
    return octets, digest.hexdigest()


def _written(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), indent=1).encode()


def _read(content: bytes) -> Manifest:
    try:
        values = json.loads(content)
        if values["format"] > FORMAT:
            raise BadArchive(
                f"the backup was made by a1gateway {values['version']}, which is later than this one; install that"
            )
        members = [
            Member(
                str(each["name"]),
                int(each["octets"]),
                str(each["sha256"]),
                int(each["mode"]) & 0o777,
                str(each["owner"]),
                str(each["group"]),
            )
            for each in values["members"]
        ]
        manifest = Manifest(
            float(values["made_at"]),
            str(values["revision"]),
            int(values["messages"]),
            members,
            str(values["version"]),
            int(values["format"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadArchive("this is no backup of a1gateway: its manifest cannot be understood") from None
    names = [member.name for member in members]
    if len(set(names)) < len(names) or not all(map(_MAY_BE_THERE.fullmatch, names)) or JOURNAL not in names:
        raise BadArchive("this is no backup of a1gateway: its manifest names something else")
    return manifest

"""Files that are on disk for certain: under their names, and as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO


def sync_folder(folder: Path) -> None:
    """Return once the names in `folder` are on disk: a file that was synced itself is lost without its name.

    Blocks. Raises `OSError`.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def octets_as_a_whole(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to be written and read, for its owner alone or as `mode` says; then it is on disk in `path`'s place.

    Until then, and when writing it raises, nothing has changed there: it is written aside. Blocks. Raises `OSError`.
    """
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            # Whatever the umask has to say.
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def as_a_whole(path: Path, encoding: str, mode: int = 0o600) -> Iterator[TextIO]:
    """The same for text."""
    with (
        octets_as_a_whole(path, mode) as octets,
        # A descriptor of its own: to close the text leaves the octets open, to be synced.
        os.fdopen(os.dup(octets.fileno()), "w", encoding=encoding, newline="") as file,
    ):
        yield file

"""Where the socket is: beside the journal, whose owner alone may use it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".control"


def socket_of(journal: Path) -> Path:
    """The socket of the daemon whose journal this is."""
    return journal.with_name(journal.name + _SUFFIX)


@contextmanager
def short_path(socket: Path) -> Iterator[str]:
    """The path of the socket in few characters, while this lasts: the kernel takes 107, and folders are deep.

    Raises `OSError` when there is no such folder.
    """
    folder = os.open(socket.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)

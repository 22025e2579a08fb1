"""`python -m tests.releases.write NAME`: leave the journal and the configuration of this version as a fixture.

A release does this once; its folder is not changed any more: what is in it was on the disks of those who had it.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from a1gateway.journal.schema import REVISION

from .filling import dump, fill

HERE = Path(__file__).parent
EXAMPLE = HERE.parent.parent / "config" / "a1gateway.example.toml"


def write(name: str) -> Path:
    """Write the fixture of this version; raises `FileExistsError` when there is one of that name."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise ValueError(f"{name!r}: give the version, or a word for it, in small letters")
    folder = HERE / f"{REVISION}-{name}"
    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal.sqlite3"
        fill(journal)
        (folder / "journal.sql").write_text(dump(journal), "utf-8")
    shutil.copyfile(EXAMPLE, folder / "a1gateway.toml")
    return folder


if __name__ == "__main__":
    sys.stdout.write(f"{write(sys.argv[1])}\n")

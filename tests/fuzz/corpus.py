"""Inputs that have found a way through the code, kept as text so that people can read and change them.

Octets stand as in Python's literals, `\\x00` for one that does not print; a line of the file ends behind each `\\n`,
and its own end counts for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")


def as_text(octets: bytes) -> str:
    """The octets as they stand in a file."""
    return octets.decode("latin-1").encode("unicode_escape").decode("ascii").replace("\\n", "\\n\n") + "\n"


def as_octets(text: str) -> bytes:
    """What a file holds."""
    return text.replace("\n", "").encode("ascii").decode("unicode_escape").encode("latin-1")


def kept(target: str) -> Iterator[tuple[str, bytes]]:
    """What there is for a target, with the names of the files."""
    for path in sorted((FOLDER / target).glob("*.txt")):
        yield path.stem, as_octets(path.read_text("ascii"))


def keep(target: str, octets: bytes, prefix: str = "found") -> Path:
    """Put an input into its file; where it is."""
    path = FOLDER / target / f"{prefix}-{hashlib.sha256(octets).hexdigest()[:12]}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_text(octets), "ascii")
    return path

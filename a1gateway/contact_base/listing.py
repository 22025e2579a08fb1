"""Changes as CSV, for whoever wants to look at them in a spreadsheet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from ..cells import no_formula, number_cell
from .changes import Change
from .writer import NotTaken

CHANGED = ("entity", "id", "phone_id", "number", "normalized", "mark")
LEFT = ("entity", "id", "what", "reason", "answer")


class _Listing:
    """A file for its owner's eyes only."""

    header: Sequence[str]

    def __init__(self, path: Path) -> None:
        """Begin it, in place of another that may be there; raises `OSError`. Blocks, as all that follows."""
        descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        # Only Excel needs the mark at the beginning, and takes the text for another encoding without it. Halves of
        # characters, which JSON can spell, are nothing that a file can hold.
        self._out = os.fdopen(descriptor, "w", encoding="utf-8-sig", errors="replace", newline="")
        self._rows = csv.writer(self._out)
        self._rows.writerow(self.header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows; raises `OSError`."""
        self._rows.writerows(rows)

    def close(self) -> None:
        """It is whole, and on disk; raises `OSError`."""
        with self._out:
            self._out.flush()
            os.fsync(self._out.fileno())


class ChangeListing(_Listing):
    """Changes: a row for each phone, and one for each mark."""

    header = CHANGED

    def add(self, changes: Iterable[Change]) -> None:
        """Write changes; raises `OSError`."""
        for change in changes:
            who = (change.entity.label, change.id)
            self._write((*who, phone.id, number_cell(phone.old), phone.new, "") for phone in change.phones)
            if change.mark is not None:
                self._write([(*who, "", "", "", change.mark.new)])


class LeftListing(_Listing):
    """What has been left as it was: a row for each number or field, with the reason and the portal's words."""

    header = LEFT

    def add(self, parts: Iterable[NotTaken]) -> None:
        """Write what did not come about; raises `OSError`."""
        self._write(
            (part.entity.label, part.id, number_cell(part.what), part.why, no_formula(part.said)) for part in parts
        )

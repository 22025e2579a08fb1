"""Changes as CSV, for whoever wants to look at them in a spreadsheet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from ..cells import number_cell
from .changes import Change

CHANGED = ("entity", "id", "phone_id", "number", "normalized", "mark")


class ChangeListing:
    """A file of changes, for its owner's eyes only: a row for each phone, and one for each mark."""

    def __init__(self, path: Path) -> None:
        """Begin it, in place of another that may be there; raises `OSError`."""
        descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        # Only Excel needs the mark at the beginning, and takes the text for another encoding without it.
        self._out = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._out)
        self._rows.writerow(CHANGED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, changes: Iterable[Change]) -> None:
        """Write changes; raises `OSError`."""
        for change in changes:
            who = (change.entity.label, change.id)
            for phone in change.phones:
                self._rows.writerow((*who, phone.id, number_cell(phone.old), phone.new, ""))
            if change.mark is not None:
                self._rows.writerow((*who, "", "", "", change.mark.new))

    def close(self) -> None:
        """It is whole; raises `OSError`."""
        self._out.close()

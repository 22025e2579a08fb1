"""An export as CSV, for Excel before all.

Excel opens a CSV file by the region that Windows is set to. In Russian and Belarusian ones semicolons part the cells,
as the comma stands within numbers, and dates are written 24.11.2026; in English ones it is commas, points and
2026-11-24. The language of the file stands for the region. Everywhere Excel takes the text for UTF-8 only by the mark
at its beginning.
"""

from __future__ import annotations

import codecs
import csv
import io
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import BinaryIO

from ..cells import no_formula, number_cell
from ..hours import MINSK_AHEAD
from .columns import Holds, Value

_ENGLISH = "en"


class CsvFile:
    """Rows written as they come."""

    def __init__(self, out: BinaryIO, columns: Sequence[tuple[str, Holds]], language: str) -> None:
        """`columns` are their headers, with what they hold."""
        out.write(codecs.BOM_UTF8)
        self._out = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
        english = language == _ENGLISH
        self._point = "." if english else ","
        self._moment = "%Y-%m-%d %H:%M:%S" if english else "%d.%m.%Y %H:%M:%S"
        self._rows = csv.writer(self._out, delimiter="," if english else ";")
        self._holds = [holds for _, holds in columns]
        self._rows.writerow([header for header, _ in columns])

    def write(self, rows: Sequence[Iterable[Value]]) -> None:
        """Write rows, each with a value for every column."""
        self._rows.writerows([map(self._cell, self._holds, row) for row in rows])

    def close(self) -> None:
        """Write what has not been written."""
        self._out.detach().flush()

    def _cell(self, holds: Holds, value: Value) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return number_cell(value) if holds is Holds.PHONE else no_formula(value)
        if holds is Holds.MOMENT:
            assert not isinstance(value, Decimal)
            # A fifth of the time that `datetime` takes.
            return time.strftime(self._moment, time.gmtime(value + MINSK_AHEAD))
        if holds is Holds.SECONDS:
            value = round(float(value), 1)
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        return text.replace(".", self._point)

"""An export as XLSX, written while the messages are read: no row is kept, in memory or in a temporary file.

XlsxWriter makes everything but the rows. It can do these as well, but hands over a file only when the last of them is
written: a minute and two gigabytes on disk for a million, while the browser and the proxy before it hear nothing and
give up. So its workbook is the frame, and the rows are put in between. Source: ECMA-376, part 1, 18.3.1 (worksheets).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name

from ..hours import MINSK_AHEAD
from .columns import Column, Holds, Texts, Value

MOST_ROWS = 1_048_575
"""Of a sheet, besides its header."""
# A member of an archive may have 2 GiB; one that may be larger has a header that not every program reads.
_MOST_OCTETS = 1_900_000_000
_LONGEST_TEXT = 32_767
# Half the time of the usual one, for a file that is a seventh larger.
_LEVEL = 1
_FORMATS = {
    Holds.MOMENT: {"num_format": "dd.mm.yyyy hh:mm:ss"},
    Holds.MONEY: {"num_format": "0.00##"},
    Holds.SECONDS: {"num_format": "0.0"},
}
# Days from 30 December 1899, by which spreadsheets count, to the epoch.
_EPOCH, _DAY = 25_569, 86_400
_SAMPLE = re.compile(rb'<row r="2".*</row>')
_STYLE = re.compile(rb'<c r="[A-Z]+2"( s="\d+")?')
# It would name the cells of the frame, and may be left out.
_DIMENSION = re.compile(rb"<dimension [^>]*/>")
_SHEET = "xl/worksheets/sheet{}.xml"
# What XML cannot hold is written as spreadsheets do (22.9.2.19, ST_Xstring), and so is what only looks like that.
_UNSAFE = re.compile(r"[&<>\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class XlsxFile:
    """Rows written as they come, in as many sheets as it takes."""

    def __init__(self, out: BinaryIO, columns: Sequence[Column], texts: Texts, *, most_rows: int = MOST_ROWS) -> None:
        """`out` need not be seekable; a sheet has `most_rows` at most, besides its header."""
        self._columns = columns
        self._texts = texts
        self._most_rows = most_rows
        self._archive = ZipFile(out, "w", ZIP_DEFLATED, compresslevel=_LEVEL)
        # Of the first sheet, and of any other.
        frame = _frame(columns, texts, sheets=2)
        self._around = [_around(frame, sheet) for sheet in (1, 2)]
        styles = [style.decode() for style in _STYLE.findall(frame.read(_SHEET.format(1)))]
        self._cells = [
            (column.holds, f'<c r="{xl_col_to_name(number)}', f'"{style}')
            for number, (column, style) in enumerate(zip(columns, styles, strict=True))
        ]
        self._sheets = 0
        self._sheet: IO[bytes] | None = None
        self._rows = self._octets = 0
        self._begin_sheet()

    def write(self, rows: Sequence[Iterable[Value]]) -> None:
        """Write rows, each with a value for every column."""
        while rows:
            if self._rows == self._most_rows or self._octets > _MOST_OCTETS:
                self._begin_sheet()
            here, rows = rows[: self._most_rows - self._rows], rows[self._most_rows - self._rows :]
            # The header is the first.
            self._put("".join(map(self._row, range(self._rows + 2, self._rows + 2 + len(here)), here)).encode())
            self._rows += len(here)

    def close(self) -> None:
        """Write what has not been written."""
        self._end_sheet()
        frame = _frame(self._columns, self._texts, self._sheets)
        own = {_SHEET.format(number) for number in range(1, self._sheets + 1)}
        for name in frame.namelist():
            if name not in own:
                self._archive.writestr(name, frame.read(name))
        self._archive.close()

    def _begin_sheet(self) -> None:
        if self._sheet is not None:
            self._end_sheet()
        self._sheets += 1
        self._sheet = self._archive.open(_SHEET.format(self._sheets), "w")
        self._rows = self._octets = 0
        self._put(self._around[min(self._sheets, 2) - 1][0])

    def _end_sheet(self) -> None:
        assert self._sheet is not None
        self._put(self._around[min(self._sheets, 2) - 1][1])
        self._sheet.close()

    def _put(self, octets: bytes) -> None:
        assert self._sheet is not None
        self._octets += len(octets)
        self._sheet.write(octets)

    def _row(self, number: int, row: Iterable[Value]) -> str:
        cells = [
            f"{where}{number}{style}{_content(holds, value)}"
            for (holds, where, style), value in zip(self._cells, row, strict=True)
            if value is not None and value != ""
        ]
        return f'<row r="{number}">{"".join(cells)}</row>'


def _content(holds: Holds, value: Value) -> str:
    """A cell from behind its style to its end."""
    if isinstance(value, str):
        return f' t="inlineStr"><is><t xml:space="preserve">{_safe(value)}</t></is></c>'
    assert value is not None
    if holds is Holds.MOMENT:
        value = (round(float(value)) + MINSK_AHEAD) / _DAY + _EPOCH
    elif holds is Holds.SECONDS:
        value = round(float(value), 1)
    return f"><v>{value:f}</v></c>" if isinstance(value, Decimal) else f"><v>{value}</v></c>"


def _safe(text: str) -> str:
    """A text for a cell; of one that is too long for a cell, as much as one takes."""
    if len(text) * 2 > _LONGEST_TEXT:
        text = text.encode("utf-16-le", "surrogatepass")[: _LONGEST_TEXT * 2].decode("utf-16-le", "ignore")
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return _ENTITIES.get(found[0]) or f"_x{ord(found[0]):04X}_"


def _frame(columns: Sequence[Column], texts: Texts, sheets: int) -> ZipFile:
    """A workbook of so many sheets, with their headers and one sample row."""
    made = io.BytesIO()
    with Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        bold = workbook.add_format({"bold": True})
        formats = {holds: workbook.add_format(how) for holds, how in _FORMATS.items()}
        for number in range(1, sheets + 1):
            sheet = workbook.add_worksheet(texts["export.sheet"] + (f" {number}" if number > 1 else ""))
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(columns):
                sheet.set_column(place, place, column.width)
                sheet.write_string(0, place, texts[f"export.{column.name}"], bold)
                sheet.write_number(1, place, 0, formats.get(column.holds))
    return ZipFile(made)


def _around(frame: ZipFile, sheet: int) -> tuple[bytes, bytes]:
    """What stands before the rows of a sheet, its header among it, and what behind them."""
    content = _DIMENSION.sub(b"", frame.read(_SHEET.format(sheet)))
    sample = _SAMPLE.search(content)
    assert sample is not None
    return content[: sample.start()], content[sample.end() :]

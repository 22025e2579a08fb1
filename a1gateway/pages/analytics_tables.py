"""The tables behind the charts: for people to read, and as CSV."""

from __future__ import annotations

import enum
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ..export.columns import Holds
from ..export.csv_file import CsvFile
from ..words.words import Words

Value = int | float | Decimal | None
_DASH = "—"
_KOPEK = Decimal("0.01")
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Shows(enum.Enum):
    """What the cells of a column show; its name says how the file names the unit, `analytics.unit.<name>`."""

    NUMBER = "number"
    SHARE = "share"
    """Of 1; in the file, per cent."""
    MONEY = "money"
    """BYN."""
    TIME = "time"
    """Seconds."""


_HOLDS = {Shows.MONEY: Holds.MONEY, Shows.TIME: Holds.SECONDS}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of values."""

    label: str
    shows: Shows = Shows.NUMBER


@dataclass(frozen=True, slots=True)
class Row:
    """What a line is of, and its values, None where there is none."""

    name: str
    values: Sequence[Value]
    in_journal: Mapping[str, str] | None = None
    """The journal's filter for these messages, where it has one."""
    in_file: str | None = None
    """What it is of in the file, where that is not its name."""


class Table:
    """Rows under columns; the cells are written when it is made, so that whoever shows it has little to do."""

    def __init__(self, words: Words, head: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """`head` is what the rows are named after."""
        self.head = head
        self.columns = columns
        self.rows = rows
        self.lines = [
            (row, [_written(words, column.shows, value) for column, value in zip(columns, row.values, strict=True)])
            for row in rows
        ]
        """The rows, each with what stands in its cells."""
        self._words = words

    def csv(self) -> bytes:
        """The same as a file."""
        out = io.BytesIO()
        head = [(self.head, Holds.TEXT), *((self._in_file(each), _holds(each)) for each in self.columns)]
        file = CsvFile(out, head, self._words.language)
        file.write([[row.in_file or row.name, *map(_value, self.columns, row.values)] for row in self.rows])
        file.close()
        return out.getvalue()

    def _in_file(self, column: Column) -> str:
        unit = self._words.known(f"analytics.unit.{column.shows.value}", "")
        return f"{column.label}, {unit}" if unit else column.label


def to_the_kopek(words: Words, amount: Decimal) -> str:
    """A sum of money for people, who do not pay in smaller coins; never in two lines."""
    return words.money(amount.quantize(_KOPEK, ROUND_HALF_UP)).replace(" ", _NO_BREAK)


def share(words: Words, of_one: float) -> str:
    """A share of 1 for people; never in two lines."""
    return words.percent(of_one).replace(" ", _NO_BREAK)


def _written(words: Words, shows: Shows, value: Value) -> str:
    if value is None:
        return _DASH
    if shows is Shows.MONEY:
        return to_the_kopek(words, Decimal(value))
    if shows is Shows.NUMBER:
        return words.number(value)
    return share(words, float(value)) if shows is Shows.SHARE else words.duration(float(value))


def _holds(column: Column) -> Holds:
    return _HOLDS.get(column.shows, Holds.WHOLE)


def _value(column: Column, value: Value) -> Value:
    return round(100 * float(value), 1) if column.shows is Shows.SHARE and value is not None else value

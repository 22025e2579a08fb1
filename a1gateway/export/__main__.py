"""The process that writes an export: an `Order` on its standard input, the file on its standard output.

It exits with 1 and says on its standard error what stood in its way.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from ..words.catalogue import catalogue
from .columns import COLUMNS, Value
from .csv_file import CsvFile
from .order import Form, Order
from .xlsx_file import XlsxFile

AT_ONCE = 2000
"""So many rows are read at a time, and nothing is held open in between: whoever writes can tidy up its log."""
# How long another program may hold the file, in seconds.
_PATIENCE = 30.0
_LEAST_URGENT = 19
_FIRST_TO_GO = "1000"
_AS_MUCH_AS_A_PIPE_HOLDS = 65_536


class File(Protocol):
    """What the rows are written into."""

    def write(self, rows: list[list[Value]]) -> None:
        """Write rows."""

    def close(self) -> None:
        """Write what has not been written."""


def write(order: Order, out: BinaryIO) -> None:
    """Write the file that is wanted; raises `sqlite3.Error`."""
    texts = catalogue("journal", order.language)
    reading = _read(order)
    # What cannot be read at all is no file.
    first = next(reading, [])
    file: File
    if order.form is Form.CSV:
        file = CsvFile(out, [(texts[f"export.{each.name}"], each.holds) for each in COLUMNS], order.language)
    else:
        file = XlsxFile(out, COLUMNS, texts)
    for rows in chain([first], reading):
        file.write([[column.value(row, texts) for column in COLUMNS] for row in rows])
    file.close()


def _read(order: Order) -> Iterator[list[sqlite3.Row]]:
    uri = f"{Path(order.path).as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)) as journal:
        journal.row_factory = sqlite3.Row
        values = {**order.values, "most": AT_ONCE}
        while rows := journal.execute(order.sql, values).fetchall():
            yield rows
            if len(rows) < AT_ONCE:
                return
            values |= {"before_at": rows[-1]["received_at"], "before_id": rows[-1]["id"]}


def main() -> int:
    """Run; the exit status."""
    # The daemon is gone, or does not want the rest.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with suppress(OSError):
        os.nice(_LEAST_URGENT)
    with suppress(OSError):
        # Where memory runs out, it is not the daemon that is ended.
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    order = Order.from_json(sys.stdin.buffer.read())
    try:
        with open(sys.stdout.fileno(), "wb", buffering=_AS_MUCH_AS_A_PIPE_HOLDS, closefd=False) as out:
            write(order, out)
    except sqlite3.Error as error:
        sys.stderr.write(f"{order.path}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

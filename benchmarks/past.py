"""A journal with a past: finished messages by the million, made of the rows that a real run has left.

The daemon's own journal is the template, its own migrations have made the tables: each row is one of the template's,
with identifiers, numbers and times of its own.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from a1gateway.journal.identifiers import keys
from a1gateway.message import custom_id

from .counting import count_all
from .filling import filled, insert, kept, schema_of

# Over how long the messages have come, in seconds: Bitrix24 forgets after two weeks, the gateway does not.
_SINCE = 2 * 365 * 86400.0
_LATEST = 3600.0
# Far below the identifiers that the SMSC of a run gives.
_FIRST_ID = 0x1A000000
_CODES = ("29", "33", "44", "25")
_TABLES = ("messages", "parts", "history")
_STATISTICS = (
    "statistics_position",
    *(f"statistics_{of}" for of in ("days", "hours", "failures", "times", "groups")),
)
_AT_ONCE = 10_000

_Row = dict[str, Any]


def past_of(template: Path, count: int, cache: Path) -> Path:
    """A journal with `count` finished messages like those in `template`, from `cache` where it is there already.

    The template is a journal that no daemon has open, and in which every message is over. All are counted in the
    statistics, as they are where the gateway has been running for long.
    """

    def make(file: Path) -> None:
        shutil.copyfile(template, file)
        with closing(sqlite3.connect(file)) as connection:
            connection.row_factory = sqlite3.Row
            templates = _templates(connection)
        assert templates, "no finished message in the template"
        with filled(file, emptied=(*_STATISTICS, *reversed(_TABLES))) as connection:
            _fill(connection, templates, count)
        count_all(file)

    return kept(cache, "journal", count, schema_of(template) + Path(__file__).read_bytes(), make)


def _fill(connection: sqlite3.Connection, templates: Sequence[dict[str, list[_Row]]], count: int) -> None:
    begin = time.time() - _SINCE
    step = (_SINCE - _LATEST) / count
    lines = {"history": 0}

    def next_line() -> int:
        lines["history"] += 1
        return lines["history"]

    for first in range(1, count + 1, _AT_ONCE):
        rows: dict[str, list[_Row]] = defaultdict(list)
        for number in range(first, min(first + _AT_ONCE, count + 1)):
            template = templates[number % len(templates)]
            for table, row in _copies(template, number, begin + number * step, next_line):
                rows[table].append(row)
        for table in _TABLES:
            insert(connection, table, rows[table])


def _templates(connection: sqlite3.Connection) -> list[dict[str, list[_Row]]]:
    """The finished messages, each with its rows by table."""
    found = {}
    for row in connection.execute("SELECT * FROM messages WHERE confirmed_at IS NOT NULL ORDER BY id").fetchall():
        found[row["id"]] = {"messages": [dict(row)], "parts": [], "history": []}
    for table in _TABLES[1:]:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall():  # noqa: S608  # as above
            if row["message"] in found:
                found[row["message"]][table].append(dict(row))
    return list(found.values())


def _copies(
    template: Mapping[str, Sequence[_Row]], number: int, received_at: float, next_line: Callable[[], int]
) -> Iterator[tuple[str, _Row]]:
    """The rows of one message, received at that time."""
    (message,) = template["messages"]
    later = received_at - message["received_at"]
    identifier = _FIRST_ID + number
    submitted, receipt = f"{identifier:X}", str(identifier)
    message_id = f"{number * 0xD1342543DE82EF95D1342543DE82EF95 % (1 << 128):032x}"
    msisdn = f"+375{_CODES[number % 4]}{1_000_000 + number * 6151 % 8_999_993:07d}"
    own = {
        "id": number,
        "message_id": message_id,
        "custom_id": custom_id(message_id),
        "a1_id": submitted,
        "number_received": msisdn,
        "msisdn": msisdn,
        "text": f"Заказ {number} готов, ждём вас до 20:00",
    }
    yield "messages", _shifted(message, later) | own
    for part in template["parts"]:
        assert len(template["parts"]) == 1, "a template of one part"
        key = keys(submitted)
        own = {
            "id": number,
            "message": number,
            "a1_id": submitted,
            "id_text": key.text,
            "id_value": key.value,
            "receipt_id": receipt,
        }
        yield "parts", _shifted(part, later) | own
    for line in template["history"]:
        yield "history", _shifted(line, later) | {"id": next_line(), "message": number}


def _shifted(row: _Row, later: float) -> _Row:
    """The row with its times moved; what has none keeps none."""
    return {
        name: value + later if isinstance(value, float) and (name == "at" or name.endswith("_at")) else value
        for name, value in row.items()
    }

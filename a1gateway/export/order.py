"""What the daemon tells the process that writes an export."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


class Form(enum.StrEnum):
    """The file that is wanted."""

    CSV = "csv"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Order:
    """Which messages are wanted, and how."""

    path: str
    """The journal's file, from the root on."""
    sql: str
    """The query, newest first, with the parameters `most`, `before_at` and `before_id` left open (`search.query`)."""
    values: Mapping[str, Any]
    form: Form
    language: str
    """Of the words in the file: `ru`, `be` or `en`."""

    def to_json(self) -> bytes:
        """For the process's standard input."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, octets: bytes) -> Order:
        """What `to_json` has written."""
        values = json.loads(octets)
        return cls(**values | {"form": Form(values["form"])})

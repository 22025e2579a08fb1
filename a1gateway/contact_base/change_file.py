"""Changes on disk, as JSON in lines: the file from which a clean can be undone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from ..folder_sync import sync_folder
from .changes import Change, Mark, MarkField, PhoneChange, Unusable
from .items import Entity

_FORMAT = "a1gateway contacts clean 1"


class UndoFile:
    """The file from which all can be undone: what was there is on disk before a change leaves."""

    def __init__(self, path: Path, portal: str, at: str) -> None:
        """It is made, for its owner's eyes only, when there is something to keep; `at` is an ISO time."""
        self.path = path
        self._first = {"file": _FORMAT, "portal": portal, "at": at}
        self._file: int | None = None

    @property
    def used(self) -> bool:
        """Whether there is such a file now."""
        return self._file is not None

    def keep(self, changes: Iterable[Change]) -> None:
        """Put changes on disk; raises `OSError`, and then none may leave."""
        lines = [_line(_written(change)) for change in changes]
        if self._file is None:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
            self._file = os.open(self.path, flags, 0o600)
            lines.insert(0, _line(self._first))
            sync_folder(self.path.absolute().parent)
        whole = b"".join(lines)
        while whole:
            whole = whole[os.write(self._file, whole) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Nothing more is kept."""
        if self._file is not None:
            os.close(self._file)


def kept_changes(path: Path, portal: str) -> Iterator[Change]:
    """The changes that an undo file holds, in their order; raises `Unusable` when it is none of this portal's.

    A line without an end was being written when the power went; its change had not left.
    """
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline())
            if not isinstance(first, dict) or first.get("file") != _FORMAT:
                raise Unusable(f"{path} is no file of contacts clean")
            if first.get("portal") != portal:
                raise Unusable(f"{path} is of the portal {first.get('portal')!r}, and this is {portal!r}")
            for number, line in enumerate(file, 2):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield _read(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise Unusable(f"{path}, line {number}: {error!r}") from None
    except (ValueError, OSError) as error:
        raise Unusable(f"{path} cannot be read: {error}") from None


def batches(changes: Iterable[Change], size: int) -> Iterator[tuple[Entity, list[Change]]]:
    """The same changes in their order, at most `size` of one type at a time."""
    for entity, of_one_type in groupby(changes, key=lambda change: change.entity):
        while some := list(islice(of_one_type, size)):
            yield entity, some


def _line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _written(change: Change) -> dict[str, Any]:
    written: dict[str, Any] = {
        "entity": change.entity.label,
        "id": change.id,
        "phones": [
            {"id": each.id, "old": each.old, "new": each.new, "valueType": each.value_type} for each in change.phones
        ],
    }
    if change.mark is not None:
        field = change.mark.field
        written["mark"] = {
            "field": field.name,
            "key": field.key,
            "type": field.kind,
            "old": change.mark.old,
            "new": change.mark.new,
        }
    return written


def _read(written: Any) -> Change:
    phones = tuple(
        PhoneChange(str(each["id"]), str(each["old"]), str(each["new"]), str(each["valueType"]))
        for each in written["phones"]
    )
    mark = written.get("mark")
    return Change(
        Entity.labelled(written["entity"]),
        int(written["id"]),
        phones,
        None
        if mark is None
        else Mark(MarkField(mark["field"], mark["key"], mark["type"]), str(mark["old"]), str(mark["new"])),
    )

"""Changes on disk, as JSON in lines: what a clean would change, and what its undo puts back."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, ClassVar

from ..files_on_disk import sync_folder
from ..journal.spool import OffThread
from .changes import Change, Mark, MarkField, PhoneChange, Unusable
from .items import Entity
from .walk import Follow, Reached
from .writer import AT_ONCE


class ChangeFile:
    """Changes for their owner's eyes only. It is there once there is something in it."""

    form: ClassVar[str]
    """Its first line says that it is such a file."""

    def __init__(self, path: Path, portal: str, at: str) -> None:
        """`portal` is whose items are changed, by its host; `at` an ISO time."""
        self.path = path
        self._first = {"file": self.form, "portal": portal, "at": at}
        self._file: int | None = None

    @property
    def used(self) -> bool:
        """Whether there is such a file now."""
        return self._file is not None

    def keep(self, changes: Iterable[Change]) -> None:
        """Put changes on disk; raises `OSError`, and then none may leave. Blocks."""
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


class UndoFile(ChangeFile):
    """The file from which all can be undone: what was there is on disk before a change leaves."""

    form = "a1gateway contacts clean 1"


class PlanFile(ChangeFile):
    """What a clean would change."""

    form = "a1gateway contacts plan 1"


def kept_changes(path: Path, portal: str, kind: type[ChangeFile] = UndoFile) -> Iterator[Change]:
    """The changes that a file holds, in their order; raises `Unusable` when it is none of this portal's. Blocks.

    A line without an end was being written when the power went; its change had not left.
    """
    try:
        with path.open("rb") as file:
            first = json.loads(file.readline())
            if not isinstance(first, dict) or first.get("file") != kind.form:
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


def counted(changes: Iterable[Change]) -> dict[Entity, int]:
    """How many changes there are, by type; raises as `kept_changes`. Blocks."""
    return dict(Counter(change.entity for change in changes))


def batches(changes: Iterable[Change], size: int) -> Iterator[tuple[Entity, list[Change]]]:
    """The same changes in their order, at most `size` of one type at a time."""
    for entity, of_one_type in groupby(changes, key=lambda change: change.entity):
        while some := list(islice(of_one_type, size)):
            yield entity, some


async def go_through(
    changes: Iterable[Change],
    work: Callable[[Entity, Sequence[Change]], Awaitable[None]],
    totals: Mapping[Entity, int],
    follow: Follow,
    off_thread: OffThread,
) -> None:
    """Do `work` for all changes of a file, some of one type at a time.

    `totals` are how many there are, for whoever follows.
    """
    taken = batches(changes, AT_ONCE)
    done, whole = dict.fromkeys(totals, 0), sum(totals.values())
    while (some := await off_thread(next, taken, None)) is not None:
        entity, together = some
        await work(entity, together)
        done[entity] = done.get(entity, 0) + len(together)
        follow(Reached(sum(done.values()) / whole if whole else 1.0, dict(done), totals))


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

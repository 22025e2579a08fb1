"""The portal's history of stages: every entry into a stage, however briefly a document was in it.

Source: Bitrix24's documentation of `crm.stagehistory.list`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bitrix24.contacts import Command
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE, id_of, ids, listed, text_of
from ..bitrix24.item import LEAD
from ..bitrix24.trouble import PortalError
from .moments import read_moment

_CREATION, _FINAL = "1", "3"
# A document that is made in its last stage has no other record than that of its end.
_MADE_WITHIN = 60.0
# One that comes back from the recycle bin is recorded as if it were made; it was made before.
_COMES_BACK_AFTER = 86400.0
# An old portal; a type that it keeps no history of.
_NO_HISTORY = ("ERROR_METHOD_NOT_FOUND", "ENTITY_TYPE_NOT_SUPPORTED")
_FIELDS = ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME")


@dataclass(frozen=True, slots=True)
class Entry:
    """A document has come into a stage."""

    record: int
    """The record's id, which grows."""
    entity_type: int
    item: int
    stage: str
    """As `STATUS_ID`."""
    at: float
    """When, by the portal's clock, in seconds since the epoch."""
    is_creation: bool
    """Whether the portal says that the document was made with it."""
    is_final: bool = False
    """Whether it is the document's end."""
    of_document: bool = False
    """Whether it was seen at the document itself: then there is no record."""

    @property
    def may_be_new(self) -> bool:
        """Whether the document may have been made with it."""
        return self.is_creation or self.is_final

    def is_new(self, created_at: float | None) -> bool:
        """Whether it was, when the document says that it was made at this time (None: it does not say)."""
        if self.is_creation:
            return not self.comes_back(created_at)
        return self.is_final and created_at is not None and abs(self.at - created_at) <= _MADE_WITHIN

    def comes_back(self, created_at: float | None) -> bool:
        """Whether the document was deleted, and has been brought back."""
        if self.of_document or created_at is None:
            return False
        return self.is_creation and self.at - created_at > _COMES_BACK_AFTER


def position_of(entity_type: int) -> str:
    """The name under which the journal keeps how far a type's history has been read."""
    return f"stages:{entity_type}"


def taken_up(entity_type: int) -> str:
    """The name under which it keeps until when entries may have been seen at documents that had no history then."""
    return f"taken_up:{entity_type}"


def watch_of(entity_type: int) -> str:
    """The name under which it keeps since when a type's documents themselves are watched: they have no history."""
    return f"moves:{entity_type}"


def read_after(entity_type: int, record: int, owners: Sequence[int] = ()) -> Command:
    """The next records of a type behind this one, of these documents only if there are any named."""
    wanted: dict[str, Any] = {">ID": record}
    if owners:
        wanted["OWNER_ID"] = list(owners)
    stage = _stage_field(entity_type)
    return "crm.stagehistory.list", {
        "entityTypeId": entity_type,
        "order": {"ID": "ASC"},
        "filter": wanted,
        "select": [*_FIELDS, stage],
        "start": -1,
    }


def read_since(entity_type: int, moment: str) -> Command:
    """The first records of a type from a moment on, as ISO 8601."""
    method, query = read_after(entity_type, 0)
    return method, {**query, "filter": {">=CREATED_TIME": moment}}


def is_missing(error: PortalError) -> bool:
    """Whether the portal has no history of a type, and not only a trouble with it."""
    return error.code.upper() in _NO_HISTORY


def read_latest(entity_type: int) -> Command:
    """The latest record of a type."""
    return "crm.stagehistory.list", {
        "entityTypeId": entity_type,
        "order": {"ID": "DESC"},
        "select": ["ID"],
        "start": -1,
    }


def latest(answer: Any) -> int:
    """The id of the latest record in such an answer; 0 when there is none."""
    return max((number for each in _items(answer) for number in ids([each.get("ID")])), default=0)


def entries(entity_type: int, answer: Any) -> tuple[list[Entry], bool]:
    """The entries in an answer, in order, and whether there may be more behind them."""
    found = []
    records = _items(answer)
    for each in records:
        record = id_of({"id": each.get("ID")})
        item = id_of({"id": each.get("OWNER_ID")})
        at = read_moment(text_of(each.get("CREATED_TIME")))
        if record is not None and item is not None and at is not None:
            kind, stage = text_of(each.get("TYPE_ID")), text_of(each.get(_stage_field(entity_type)))
            found.append(Entry(record, entity_type, item, stage, at, kind == _CREATION, kind == _FINAL))
    return sorted(found, key=lambda entry: entry.record), len(records) >= ITEMS_IN_A_PAGE


def _stage_field(entity_type: int) -> str:
    return "STATUS_ID" if entity_type == LEAD else "STAGE_ID"


def _items(answer: Any) -> list[Mapping[str, Any]]:
    every = listed(answer.get("items")) if isinstance(answer, Mapping) else []
    return [each for each in every if isinstance(each, Mapping)]

"""Writing changes into the CRM: in a batch, then read back, since an answer that says "done" may be wrong or lost."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE
from ..bitrix24.portal import MOST_IN_A_BATCH
from ..bitrix24.queries import REFERENCE
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..interfaces import IPortal
from .changes import Change, Mark, PhoneChange
from .items import Entity, Item, NamedEntity, items_in
from .patience import Patience

AT_ONCE = min(MOST_IN_A_BATCH, ITEMS_IN_A_PAGE)
"""The most changes that `Writer.write` takes."""
_NO_SUCH_METHOD = "ERROR_METHOD_NOT_FOUND"
_OLD_BOOLEANS = {"Y": "1", "N": "0"}


class Standing(enum.Enum):
    """What is in a place that a change is for."""

    OLD = "old"
    NEW = "new"
    ANOTHER = "another"
    """Something else, or the place is gone."""


class Why(enum.StrEnum):
    """Why a part of a change has not come about."""

    CHANGED_SINCE = "changed_since"
    """Another value was there before anything was written, or nothing; it was left alone."""
    CHANGED_MEANWHILE = "changed_meanwhile"
    """Another value, or nothing, was there after it was written."""
    KEPT = "kept"
    """The portal has taken it, and has kept what was there."""
    REFUSED = "refused"
    """The portal has said why."""


_REASONS = {
    Why.CHANGED_SINCE: "it has been changed since",
    Why.CHANGED_MEANWHILE: "somebody else has changed it",
    Why.KEPT: "the portal has kept what was there",
    Why.REFUSED: "the portal has refused it",
}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A part of a change that did not come about."""

    entity: NamedEntity
    id: int
    what: str
    """The number or the field, for people."""
    why: Why
    said: str = ""
    """The portal's words."""
    is_mark: bool = False

    @property
    def reason(self) -> str:
        """For people: the portal's words, or else what is seen."""
        return self.said or _REASONS[self.why]

    def refused(self, error: Exception | None) -> NotTaken:
        """The same with what the portal has said of it, if it has."""
        if not isinstance(error, PortalError):
            return self
        # The CRM's own errors have no code, as a rule.
        return replace(self, why=Why.REFUSED, said=str(error).removeprefix(": "))


def standing_of_phone(item: Item | None, change: PhoneChange) -> Standing:
    """What the phone of `item` holds now; None is an item that is gone."""
    held = next((phone.value for phone in item.phones if phone.id == change.id), None) if item is not None else None
    if held is None:
        return Standing.ANOTHER
    if held in (change.new, change.old):
        return Standing.NEW if held == change.new else Standing.OLD
    # The portal takes away spaces at the ends.
    return Standing.NEW if held.strip() == change.new.strip() else Standing.ANOTHER


def standing_of_mark(item: Item | None, mark: Mark) -> Standing:
    """What the field of `item` holds now."""
    if item is None:
        return Standing.ANOTHER
    held = mark.field.held(item.fields)
    if mark.field.same(held, mark.new):
        return Standing.NEW
    return Standing.OLD if mark.field.same(held, mark.old) else Standing.ANOTHER


def of_standing(change: Change, item: Item | None, standing: Standing) -> Change:
    """What of a change is for places of `item` that stand so."""
    phones = tuple(each for each in change.phones if standing_of_phone(item, each) is standing)
    mark = change.mark if change.mark is not None and standing_of_mark(item, change.mark) is standing else None
    return replace(change, phones=phones, mark=mark)


def parts_of(change: Change, why: Why) -> list[NotTaken]:
    """All of a change, as what has not come about."""
    phones = [NotTaken(change.entity, change.id, each.old, why) for each in change.phones]
    if change.mark is None:
        return phones
    return [*phones, NotTaken(change.entity, change.id, change.mark.field.name, why, is_mark=True)]


class Writer:
    """Writes changes of one type at a time. Troubles are waited out as far as `patience` goes."""

    def __init__(self, portal: IPortal, patience: Patience) -> None:
        self._portal = portal
        self._patience = patience
        self._by_item_method: set[Entity] = set()

    async def write(self, entity: Entity, changes: Sequence[Change]) -> list[NotTaken]:
        """Write up to `AT_ONCE` changes of a type, and say what did not come about.

        Raises `PortalTrouble` when the portal does not answer for too long; any of them may have come about then.
        """
        assert len(changes) <= AT_ONCE
        not_taken: list[NotTaken] = []
        pending = list(changes)
        while pending:
            old_method = entity not in self._by_item_method
            said, trouble = await self._send(entity, pending)
            items = await self.read(entity, [change.id for change in pending])
            again: list[Change] = []
            for change in pending:
                left = of_standing(change, items.get(change.id), Standing.OLD)
                gone = of_standing(change, items.get(change.id), Standing.ANOTHER)
                error = said.get(change.id)
                not_taken += [each.refused(error) for each in parts_of(gone, Why.CHANGED_MEANWHILE)]
                if not left.size:
                    continue
                if isinstance(error, PortalError) and error.code.upper() == _NO_SUCH_METHOD and old_method:
                    self._by_item_method.add(entity)
                    again.append(left)
                elif isinstance(error, PortalTrouble):
                    trouble = trouble or error
                    again.append(left)
                else:
                    not_taken += [each.refused(error) for each in parts_of(left, Why.KEPT)]
            if len(again) < len(pending):
                self._patience.progressed()
            if again and trouble is not None:
                await self._patience.wait(trouble)
            pending = again
        return not_taken

    async def read(self, entity: Entity, ids: Sequence[int]) -> dict[int, Item]:
        """The items as they are now, by id; those that are gone are left out. Up to `AT_ONCE`."""
        parameters = {
            "entityTypeId": entity.value,
            "select": ["*"],
            "filter": {"@id": list(ids)},
            "order": {"id": "ASC"},
            "start": -1,
        }

        async def asked() -> list[Item]:
            return items_in(entity, await self._portal.call("crm.item.list", parameters))

        return {item.id: item for item in await self._patience.answer(asked) if item.id in ids}

    async def _send(
        self, entity: Entity, changes: Sequence[Change]
    ) -> tuple[dict[int, Exception], PortalTrouble | None]:
        """What the portal says against changes, by the items' ids, and what kept it from all of them."""
        said: dict[int, Exception] = {}
        together = {f"i{change.id}": change for change in changes if not _has_a_reference(change)}
        try:
            if together:
                answers = await self._portal.batch({name: self._update(each) for name, each in together.items()})
                for name, change in together.items():
                    answer = answers.get(name, PortalTrouble("Bitrix24 has left a part of a batch undone"))
                    if isinstance(answer, Exception):
                        said[change.id] = answer
            for change in changes:
                if _has_a_reference(change):
                    try:
                        await self._portal.call(*self._update(change))
                    except PortalError as error:
                        said[change.id] = error
        except PortalTrouble as trouble:
            return {change.id: said.get(change.id, trouble) for change in changes}, trouble
        return said, None

    def _update(self, change: Change) -> tuple[str, dict[str, Any]]:
        """The method that makes a change, and its parameters.

        It is the older one, since only that one empties a field; where a portal has it no more, the newer.
        """
        fields: dict[str, Any] = {}
        if change.entity in self._by_item_method:
            if change.phones:
                fields["fm"] = {
                    each.id: {"typeId": "PHONE", "valueType": each.value_type, "value": each.new}
                    for each in change.phones
                }
            if change.mark is not None:
                fields[change.mark.field.key] = change.mark.new
            return "crm.item.update", {"entityTypeId": change.entity.value, "id": change.id, "fields": fields}
        if change.phones:
            fields["PHONE"] = [
                {"ID": each.id, "VALUE": each.new, "VALUE_TYPE": each.value_type} for each in change.phones
            ]
        if change.mark is not None:
            new = change.mark.new
            boolean = change.mark.field.kind == "boolean"
            fields[change.mark.field.name] = _OLD_BOOLEANS.get(new, new) if boolean else new
        return f"crm.{change.entity.label}.update", {"id": change.id, "fields": fields}


def _has_a_reference(change: Change) -> bool:
    texts = [each.new for each in change.phones] + ([change.mark.new] if change.mark is not None else [])
    return any(REFERENCE in text for text in texts)

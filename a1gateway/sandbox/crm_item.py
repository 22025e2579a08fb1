"""`crm.item.*` of the simulated portal: one interface for every type, with names in camel case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from a1gateway.sandbox import php
from a1gateway.sandbox.a1_books import MINSK
from a1gateway.sandbox.crm import Crm, EntityType, Item, PhoneChange
from a1gateway.sandbox.crm_fields import BadValue, CustomField, Value, converted, in_item, is_empty, taken
from a1gateway.sandbox.crm_filter import Column, found, named, several
from a1gateway.sandbox.crm_rights import Rights
from a1gateway.sandbox.crm_sales import FIRST_SMART_PROCESS, Sales, first_stage, has_sales, stage_list
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.rest_page import PAGE, Page, page_of, start_of

_LINKS = ("contactId", "contactIds", "companyId")

_SALES = (
    "categoryId",
    "stageId",
    "previousStageId",
    "movedTime",
    "opportunity",
    "currencyId",
    "assignedById",
    "sourceId",
)

# What smart processes without stages do not have.
_STAGES = ("stageId", "previousStageId", "movedTime")

# What each type has, in the order in which it is answered.
_NAMES: Mapping[int, tuple[str, ...]] = {
    EntityType.LEAD: ("id", "title", "name", "lastName", *_LINKS, *_SALES, "createdTime", "updatedTime"),
    EntityType.DEAL: ("id", "title", *_LINKS, *_SALES, "createdTime", "updatedTime"),
    EntityType.CONTACT: ("id", "name", "lastName", "companyId", "createdTime", "updatedTime"),
    EntityType.COMPANY: ("id", "title", "createdTime", "updatedTime"),
}
# Deals have no phones of their own.
WITH_PHONES = (EntityType.LEAD, EntityType.CONTACT, EntityType.COMPANY)

# Every standard field: its type, how it is read, and how it is shown.
_STANDARD: Mapping[str, tuple[str, Callable[[Item], Any]]] = {
    "id": ("integer", lambda item: item.id),
    "title": ("string", lambda item: item.title),
    "name": ("string", lambda item: item.name),
    "lastName": ("string", lambda item: item.last_name),
    "contactId": ("integer", lambda item: item.contact_ids[0] if item.contact_ids else 0),
    "contactIds": ("integer", lambda item: item.contact_ids),
    "companyId": ("integer", lambda item: item.company_id),
    "createdTime": ("datetime", lambda item: item.created),
    "updatedTime": ("datetime", lambda item: item.updated),
    "categoryId": ("integer", lambda item: _sales(item).category),
    "stageId": ("string", lambda item: _sales(item).stage),
    "previousStageId": ("string", lambda item: _sales(item).previous_stage),
    "movedTime": ("datetime", lambda item: _sales(item).moved),
    "opportunity": ("double", lambda item: float(_sales(item).opportunity)),
    "currencyId": ("string", lambda item: _sales(item).currency),
    "assignedById": ("integer", lambda item: _sales(item).assigned),
    "sourceId": ("string", lambda item: _sales(item).source),
}
_NO_SALES = Sales("")
_SHOWN_TYPES = {
    "contactId": "crm_contact",
    "contactIds": "crm_contact",
    "companyId": "crm_company",
    "categoryId": "crm_category",
    "stageId": "crm_status",
    "previousStageId": "crm_status",
    "currencyId": "crm_currency",
    "assignedById": "user",
    "sourceId": "crm_status",
}
_READ_ONLY = ("id", "createdTime", "updatedTime", "previousStageId", "movedTime")


def _sales(item: Item) -> Sales:
    return item.sales or _NO_SALES


def names_of(kind: int) -> tuple[str, ...]:
    """The standard fields of a type; smart processes have what deals have."""
    return _NAMES[EntityType.DEAL if kind >= FIRST_SMART_PROCESS else kind]


@lru_cache(1024)
def moment(seconds: float) -> str:
    """A time as REST writes it."""
    return datetime.fromtimestamp(seconds, MINSK).isoformat(timespec="seconds")


def custom_value(name: str, item: Item) -> Value:
    """What the custom field `name` of `item` holds."""
    return item.custom.get(name)


def item_id(raw: Any) -> int:
    """An id as it was handed in; 0 when it is none."""
    text = str(raw if raw is not None else "").strip()
    return int(text) if php.is_index(text) else 0


class CrmItem:
    """The REST methods `crm.item.*`."""

    def __init__(self, crm: Crm, rights: Rights) -> None:
        self._crm = crm
        self._rights = rights

    def item_list(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`crm.item.list`: of what the caller may see."""
        kind = self._kind(given)
        items, start = self._crm.items[kind], start_of(given.get("START"))
        ids = found(items, self._columns(kind), given, strict=True, wanted=PAGE if start < 0 else None)
        ids = self._rights.seen(caller, kind, ids)
        select = [str(name) for name in several(given.get("SELECT"))] or ["*"]
        original = given.get("USEORIGINALUFNAMES") == "Y"

        def shown(page: list[int]) -> dict[str, Any]:
            whole = [item for item in map(items.get, page) if item is not None]
            return {"items": [self._selected(kind, item, select, original) for item in whole]}

        return page_of(ids, start, shown)

    def item_get(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.item.get`."""
        kind = self._kind(given)
        return {"item": self._whole(kind, self._item(kind, given, caller), given.get("USEORIGINALUFNAMES") == "Y")}

    def item_update(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.item.update`: what is not known is passed over, and so is an empty value for a custom field."""
        kind = self._kind(given)
        item = self._item(kind, given, caller)
        stage = self._take(kind, item, given)
        if kind in WITH_PHONES and "fm" in named(given.get("FIELDS")):
            changes = _phone_changes(named(named(given["FIELDS"])["fm"]))
            self._crm.items[kind].set_phones(item, self._crm.changed(item.phones, changes))
        self._crm.updated(kind, item, stage)
        return {"item": self._whole(kind, item, given.get("USEORIGINALUFNAMES") == "Y")}

    def item_add(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.item.add`."""
        del caller
        kind = self._kind(given)
        item = Item(self._crm.next_item_id(kind), sales=Sales(first_stage(kind)) if has_sales(kind) else None)
        stage = self._take(kind, item, given)
        if item.sales is not None and stage is not None:
            item.sales.stage = stage
        if kind in WITH_PHONES and "fm" in named(given.get("FIELDS")):
            item.phones = self._crm.changed((), _phone_changes(named(named(given["FIELDS"])["fm"])))
        self._crm.added(kind, item)
        return {"item": self._whole(kind, item, given.get("USEORIGINALUFNAMES") == "Y")}

    def _take(self, kind: int, item: Item, given: Mapping[str, Any]) -> str | None:
        """Gives `item` the fields that a call names; the stage, if it names one."""
        fields = named(given.get("FIELDS"))
        original = given.get("USEORIGINALUFNAMES") == "Y"
        keys = {name: name if original else converted(name) for name in self._crm.fields[kind]}
        stage = str(fields["stageId"]) if item.sales is not None and fields.get("stageId") else None
        try:
            if stage is not None and self._crm.semantics(stage, kind, _sales(item).category) is None:
                raise BadValue(f"there is no stage {stage}")
            custom = {
                name: taken(self._crm.fields[kind][name], fields[key])
                for name, key in keys.items()
                if not is_empty(fields.get(key))
            }
        except BadValue as error:
            raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", str(error)) from error
        item.custom.update(custom)
        set_standard(item, {name: fields[name] for name in names_of(kind) if name in fields})
        return stage

    def item_delete(self, given: Mapping[str, Any], caller: Holder) -> list[Any]:
        """`crm.item.delete`."""
        kind = self._kind(given)
        self._crm.removed(kind, self._item(kind, given, caller).id)
        return []

    def item_fields(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.item.fields`."""
        del caller
        kind = self._kind(given)
        described: dict[str, Any] = {name: _standard_description(name) for name in self._names(kind)}
        if "stageId" in described:
            described["stageId"]["statusType"] = stage_list(kind, 0)
        if "sourceId" in described:
            described["sourceId"]["statusType"] = "SOURCE"
        if kind in WITH_PHONES:
            described["fm"] = _description("crm_multifield", "FM", "fm", multiple=True)
        for name, custom in self._crm.fields[kind].items():
            described[converted(name)] = _custom_description(custom)
        return {"fields": described}

    def _kind(self, given: Mapping[str, Any]) -> int:
        return entity_type_of(self._crm, given)

    def _names(self, kind: int) -> list[str]:
        return [name for name in names_of(kind) if name not in _STAGES or self._crm.has_stages(kind)]

    def _item(self, kind: int, given: Mapping[str, Any], caller: Holder) -> Item:
        item = self._crm.items[kind].get(item_id(given.get("ID")))
        if item is None:
            raise RestError("NOT_FOUND", "Элемент не найден")
        if not self._rights.may_see(caller, kind, item.id):
            raise RestError("ACCESS_DENIED", "У вас нет прав на просмотр этого элемента")
        return item

    def _columns(self, kind: int) -> dict[str, Column]:
        columns = {name: Column(*_STANDARD[name]) for name in self._names(kind)}
        for name, custom in self._crm.fields[kind].items():
            columns[converted(name)] = Column(custom.type, partial(custom_value, name))
        return columns

    def _selected(self, kind: int, item: Item, select: list[str], original: bool) -> Any:
        if "*" in select:
            return self._whole(kind, item, original)
        if original:
            return []
        columns = {converted(name): custom for name, custom in self._crm.fields[kind].items()}
        shown: dict[str, Any] = {}
        for name in select:
            if name in self._names(kind):
                shown[name] = _standard_value(name, item)
            elif name in columns:
                shown[name] = in_item(columns[name], item.custom.get(columns[name].name))
        return shown or []

    def _whole(self, kind: int, item: Item, original: bool) -> dict[str, Any]:
        whole = {name: _standard_value(name, item) for name in self._names(kind)}
        for name, custom in self._crm.fields[kind].items():
            whole[name if original else converted(name)] = in_item(custom, item.custom.get(name))
        if kind in WITH_PHONES:
            whole["fm"] = [
                {"id": phone.id, "typeId": "PHONE", "valueType": phone.value_type, "value": phone.value}
                for phone in item.phones
            ]
        return whole


def set_standard(item: Item, fields: Mapping[str, Any]) -> None:
    """Gives `item` the standard fields that are named, those that can only be read aside."""
    for name, raw in fields.items():
        match name:
            case "title":
                item.title = str(raw or "")
            case "name":
                item.name = str(raw or "")
            case "lastName":
                item.last_name = str(raw or "")
            case "companyId":
                item.company_id = item_id(raw)
            case "contactId":
                item.contact_ids = tuple(each for each in [item_id(raw)] if each)
            case "contactIds":
                item.contact_ids = tuple(each for each in map(item_id, several(raw)) if each)
            case _ if item.sales is not None:
                _set_sales(item.sales, name, raw)


def _set_sales(sales: Sales, name: str, raw: Any) -> None:
    match name:
        case "opportunity":
            sales.opportunity = str(raw or 0)
        case "currencyId":
            sales.currency = str(raw or "BYN")
        case "assignedById":
            sales.assigned = item_id(raw)
        case "sourceId":
            sales.source = str(raw or "")


def entity_type_of(crm: Crm, given: Mapping[str, Any]) -> int:
    """The type that a call names. Raises RestError when there is none."""
    kind = item_id(given.get("ENTITYTYPEID"))
    if kind not in crm.items:
        said = f"Entity type `{given.get('ENTITYTYPEID')}` is not supported"
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", said)
    return kind


def _standard_value(name: str, item: Item) -> Any:
    kind, read = _STANDARD[name]
    value = read(item)
    if isinstance(value, tuple):
        return list(value)
    return moment(value) if kind == "datetime" else value


def _phone_changes(entries: Mapping[str, Any]) -> list[PhoneChange]:
    changes = []
    for key, entry in entries.items():
        if not isinstance(entry, dict) or entry.get("typeId", "PHONE") != "PHONE":
            continue
        number = item_id(entry.get("id")) or item_id(key)
        kind = entry.get("valueType")
        value = str(entry["value"] or "").strip() if "value" in entry else None
        changes.append(PhoneChange(number, value, str(kind) if kind else None))
    return changes


def _standard_description(name: str) -> dict[str, Any]:
    upper = "".join("_" + letter if letter.isupper() else letter.upper() for letter in name)
    kind = _SHOWN_TYPES.get(name, _STANDARD[name][0])
    return _description(kind, upper, name, multiple=name == "contactIds", read_only=name in _READ_ONLY)


def _custom_description(custom: CustomField) -> dict[str, Any]:
    described = _description(custom.type, custom.name, custom.title, multiple=custom.multiple)
    described["isDynamic"] = True
    described["settings"] = custom.settings or []
    if custom.type == "enumeration":
        described["items"] = [{"ID": str(value.id), "VALUE": value.value} for value in custom.values]
    return described


def _description(
    kind: str, upper: str, title: str, *, multiple: bool = False, read_only: bool = False
) -> dict[str, Any]:
    return {
        "type": kind,
        "isRequired": False,
        "isReadOnly": read_only,
        "isImmutable": False,
        "isMultiple": multiple,
        "isDynamic": False,
        "title": title,
        "upperName": upper,
    }

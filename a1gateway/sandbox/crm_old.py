"""The older REST of the simulated CRM: `crm.contact.*` and its like for one type each, with names in upper case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from a1gateway.sandbox.crm import Crm, EntityType, Item, PhoneChange
from a1gateway.sandbox.crm_fields import (
    LANGUAGES,
    BadValue,
    CustomField,
    ListValue,
    full_name,
    in_old,
    taken,
)
from a1gateway.sandbox.crm_filter import Column, found, named, several
from a1gateway.sandbox.crm_item import custom_value, item_id, moment, set_standard
from a1gateway.sandbox.crm_rights import Rights
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError, access_denied
from a1gateway.sandbox.rest_page import PAGE, Page, page_of, start_of

_ID: tuple[str, Callable[[Item], Any]] = ("integer", lambda item: item.id)
_TITLE: tuple[str, Callable[[Item], Any]] = ("string", lambda item: item.title)
_PERSON: Mapping[str, tuple[str, Callable[[Item], Any]]] = {
    "NAME": ("string", lambda item: item.name),
    "LAST_NAME": ("string", lambda item: item.last_name),
}
_CONTACT: tuple[str, Callable[[Item], Any]] = (
    "integer",
    lambda item: item.contact_ids[0] if item.contact_ids else None,
)
_COMPANY: tuple[str, Callable[[Item], Any]] = ("integer", lambda item: item.company_id or None)
_TIMES: Mapping[str, tuple[str, Callable[[Item], Any]]] = {
    "HAS_PHONE": ("string", lambda item: "Y" if item.phones else "N"),
    "DATE_CREATE": ("datetime", lambda item: item.created),
    "DATE_MODIFY": ("datetime", lambda item: item.updated),
}

# What each type has; deals have only `crm.item.*` here.
_STANDARD: Mapping[EntityType, Mapping[str, tuple[str, Callable[[Item], Any]]]] = {
    EntityType.LEAD: {
        "ID": _ID,
        "TITLE": _TITLE,
        **_PERSON,
        "CONTACT_ID": _CONTACT,
        "COMPANY_ID": _COMPANY,
        **_TIMES,
    },
    EntityType.CONTACT: {"ID": _ID, **_PERSON, "COMPANY_ID": _COMPANY, **_TIMES},
    EntityType.COMPANY: {"ID": _ID, "TITLE": _TITLE, **_TIMES},
}
OLD_TYPES = tuple(_STANDARD)
_NAMES = {each.value: each.name for each in EntityType}
_NEW_NAMES = {
    "TITLE": "title",
    "NAME": "name",
    "LAST_NAME": "lastName",
    "CONTACT_ID": "contactId",
    "COMPANY_ID": "companyId",
}
_FIELD_TYPES = (
    "string",
    "integer",
    "double",
    "boolean",
    "enumeration",
    "date",
    "datetime",
    "money",
    "url",
    "address",
    "file",
    "employee",
    "crm_status",
    "iblock_section",
    "iblock_element",
    "crm",
)


class OldCrm:
    """`crm.contact.*`, `crm.lead.*` or `crm.company.*`, with their custom fields."""

    def __init__(self, crm: Crm, kind: EntityType, rights: Rights) -> None:
        self._crm = crm
        self._rights = rights
        self._kind = kind

    def item_list(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`crm.contact.list`: `*` is neither custom fields nor phones; a field that is not known does not filter."""
        items, start = self._crm.items[self._kind], start_of(given.get("START"))
        ids = found(items, self._columns(), given, strict=False, wanted=PAGE if start < 0 else None)
        ids = self._rights.seen(caller, self._kind, ids)
        names = self._selected([str(name).upper() for name in several(given.get("SELECT"))] or ["*"])

        def shown(page: list[int]) -> list[dict[str, Any]]:
            whole = [self._whole(item) for item in map(items.get, page) if item is not None]
            return [{name: value for name, value in each.items() if name in names} for each in whole]

        return page_of(ids, start, shown)

    def item_get(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.contact.get`."""
        return self._whole(self._item(given, caller))

    def item_update(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`crm.contact.update`: custom fields can be emptied."""
        item, fields = self._item(given, caller), named(given.get("FIELDS"))
        upper = {str(name).upper(): value for name, value in fields.items()}
        try:
            custom = {
                name: taken(each, upper[name]) for name, each in self._crm.fields[self._kind].items() if name in upper
            }
        except BadValue as error:
            raise RestError("", str(error)) from error
        item.custom.update(custom)
        set_standard(item, {_NEW_NAMES[name]: value for name, value in upper.items() if name in _NEW_NAMES})
        if "PHONE" in upper:
            changes = [_phone_change(each) for each in several(upper["PHONE"]) if isinstance(each, dict)]
            self._crm.items[self._kind].set_phones(item, self._crm.changed(item.phones, changes))
        self._crm.updated(self._kind, item)
        return True

    def _item(self, given: Mapping[str, Any], caller: Holder) -> Item:
        item = self._crm.items[self._kind].get(item_id(given.get("ID")))
        if item is None:
            raise RestError("", "Not found")
        if not self._rights.may_see(caller, self._kind, item.id):
            raise RestError("", "Access denied.")
        return item

    def _columns(self) -> dict[str, Column]:
        columns = {name: Column(*standard) for name, standard in _STANDARD[self._kind].items()}
        columns["PHONE"] = Column("string", lambda item: tuple(phone.value for phone in item.phones))
        for name, custom in self._crm.fields[self._kind].items():
            columns[name] = Column(custom.type, partial(custom_value, name))
        return columns

    def _selected(self, select: list[str]) -> set[str]:
        names = {"ID", *select}
        if "*" in select:
            names.update(_STANDARD[self._kind])
        if "UF_*" in select:
            names.update(self._crm.fields[self._kind])
        return names

    def _whole(self, item: Item) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for name, (kind, read) in _STANDARD[self._kind].items():
            value = read(item)
            whole[name] = value if value is None else moment(value) if kind == "datetime" else str(value)
        for name, custom in self._crm.fields[self._kind].items():
            whole[name] = in_old(custom, item.custom.get(name))
        if item.phones:
            whole["PHONE"] = [
                {
                    "ID": str(phone.id),
                    "VALUE_TYPE": phone.value_type,
                    "VALUE": phone.value,
                    "TYPE_ID": "PHONE",
                }
                for phone in item.phones
            ]
        return whole

    # Custom fields

    def field_add(self, given: Mapping[str, Any], caller: Holder) -> int:
        """`crm.contact.userfield.add`."""
        if not caller.admin:
            raise access_denied()
        fields = {str(name).upper(): value for name, value in named(given.get("FIELDS")).items()}
        kind = str(fields.get("USER_TYPE_ID") or "")
        labels = _labels(fields.get("EDIT_FORM_LABEL")) or _labels(fields.get("LABEL"))
        values = [each for each in several(fields.get("LIST")) if isinstance(each, dict)]
        try:
            custom = new_field(
                self._crm,
                self._kind,
                name=str(fields.get("FIELD_NAME") or ""),
                kind=kind,
                multiple=fields.get("MULTIPLE") == "Y",
                values=values,
            )
        except BadValue as error:
            raise RestError("ERROR_CORE", str(error)) from error
        custom.labels = labels
        custom.settings = named(fields.get("SETTINGS"))
        custom.show_filter = "Y" if fields.get("SHOW_FILTER") == "Y" else "N"
        return custom.id

    def field_list(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`crm.contact.userfield.list`: what people read beside a field only for a LANG in the filter."""
        del caller
        asked = {str(name).upper(): value for name, value in named(given.get("FILTER")).items()}
        language = str(asked.pop("LANG", "") or "")
        shown = [self._field(custom) for custom in self._crm.fields[self._kind].values()]
        matching = [each for each in shown if all(str(each.get(name)) == str(value) for name, value in asked.items())]
        order = {str(name).upper(): str(way).upper() for name, way in named(given.get("ORDER")).items()}
        by = next((name for name in order if name in ("ID", "FIELD_NAME", "SORT")), "ID")
        matching.sort(
            key=lambda each: int(each[by]) if by != "FIELD_NAME" else each[by], reverse=order.get(by) == "DESC"
        )
        if language:
            for each in matching:
                each["EDIT_FORM_LABEL"] = self._crm.fields[self._kind][each["FIELD_NAME"]].labels.get(language)
        return page_of(matching, 0, lambda page: page)

    def field_get(self, given: Mapping[str, Any], caller: Holder) -> dict[str, Any]:
        """`crm.contact.userfield.get`."""
        del caller
        wanted = item_id(given.get("ID"))
        for custom in self._crm.fields[self._kind].values():
            if custom.id == wanted:
                return {**self._field(custom), "EDIT_FORM_LABEL": custom.labels or []}
        raise RestError("ERROR_NOT_FOUND", f"The entity with ID '{wanted}' is not found.")

    def _field(self, custom: CustomField) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "ID": str(custom.id),
            "ENTITY_ID": f"CRM_{self._kind.name}",
            "FIELD_NAME": custom.name,
            "USER_TYPE_ID": custom.type,
            "XML_ID": None,
            "SORT": "100",
            "MULTIPLE": "Y" if custom.multiple else "N",
            "MANDATORY": "N",
            "SHOW_FILTER": custom.show_filter,
            "SHOW_IN_LIST": "Y",
            "EDIT_IN_LIST": "Y",
            "IS_SEARCHABLE": "N",
            "SETTINGS": custom.settings or [],
        }
        if custom.type == "enumeration":
            shown["LIST"] = [
                {
                    "ID": str(value.id),
                    "SORT": str(value.sort),
                    "VALUE": value.value,
                    "DEF": "Y" if value.default else "N",
                    "XML_ID": value.xml_id,
                }
                for value in custom.values
            ]
        return shown


def new_field(
    crm: Crm, kind_of_item: int, *, name: str, kind: str, multiple: bool, values: Sequence[Mapping[str, Any]]
) -> CustomField:
    """Adds a custom field, with the values of an enumeration. Raises BadValue when it cannot be or is there."""
    full = full_name(name)
    if full in crm.fields[kind_of_item]:
        raise BadValue(f"Поле {full} для объекта CRM_{_NAMES.get(kind_of_item, kind_of_item)} уже существует.")
    if kind not in _FIELD_TYPES:
        raise BadValue(f"Указан неверный пользовательский тип: {kind!r}.")
    custom = CustomField(crm.next_id(), full, kind, multiple=multiple and kind != "boolean")
    if kind == "enumeration":
        custom.values = tuple(
            ListValue(
                crm.next_id(),
                str(value["VALUE"]),
                sort=item_id(value.get("SORT")) or 500,
                default=value.get("DEF") == "Y",
                xml_id=str(value.get("XML_ID") or ""),
            )
            for value in values
            if value.get("VALUE")
        )
    crm.fields[kind_of_item][full] = custom
    return custom


def _labels(raw: Any) -> dict[str, str]:
    if isinstance(raw, dict):
        return {str(language): str(label) for language, label in raw.items()}
    return dict.fromkeys(LANGUAGES, str(raw)) if raw else {}


def _phone_change(entry: Mapping[str, Any]) -> PhoneChange:
    kind = entry.get("VALUE_TYPE")
    value = str(entry["VALUE"] or "").strip() if "VALUE" in entry else None
    if entry.get("DELETE") == "Y":
        value = ""
    return PhoneChange(item_id(entry.get("ID")), value, str(kind) if kind else None)

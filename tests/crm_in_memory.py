"""A portal's CRM in memory behind `IPortal`: pages, references of a batch, changes, and troubles as they are told."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from a1gateway.bitrix24.queries import Reference
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble

CONTACT, LEAD, COMPANY = 3, 1, 4
PAGE = 50
_OLD = {"crm.contact.update": CONTACT, "crm.lead.update": LEAD, "crm.company.update": COMPANY}


@dataclass
class CrmInMemory:
    """Items by type and id, as `crm.item.list` gives them; custom fields are named `UF_CRM_X` and `ufCrmX`."""

    items: dict[int, dict[int, dict[str, Any]]] = field(default_factory=lambda: {CONTACT: {}, LEAD: {}, COMPANY: {}})
    fields: dict[int, dict[str, dict[str, Any]]] = field(default_factory=lambda: {CONTACT: {}, LEAD: {}, COMPANY: {}})
    chaining: str = "works"
    """Or what stands in a reference's place: `kept` as it is, `empty` finds nothing, `ignored` finds the first."""
    old_methods: bool = True
    trouble: Iterator[Exception | None] | None = None
    """What each request meets, before anything is done."""
    after: Callable[[str], None] = lambda method: None
    """Called when a request is over; it may raise: then the answer is lost."""
    requests: list[str] = field(default_factory=list)
    commands: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    _ids: dict[int, list[int]] = field(default_factory=dict)

    def put(self, kind: int, number: int, *phones: str, **more: Any) -> None:
        """Add an item with phones."""
        fm = [
            {"id": number * 10 + place, "typeId": "PHONE", "valueType": "WORK", "value": value}
            for place, value in enumerate(phones)
        ]
        email = {"id": number * 10 + 9, "typeId": "EMAIL", "valueType": "WORK", "value": "375291112233"}
        self.items[kind][number] = {"id": number, "name": f"Имя {number}", "fm": [*fm, email], **more}
        self._ids.pop(kind, None)

    def phones(self, kind: int, number: int) -> list[str]:
        """The stored numbers of an item."""
        return [each["value"] for each in self.items[kind][number]["fm"] if each["typeId"] == "PHONE"]

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self._meet(method)
        result = self._do(method, parameters)
        self.after(method)
        return result

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        assert 0 < len(commands) <= 50
        self._meet("batch")
        results: dict[str, Any] = {}
        for name, (method, query) in commands.items():
            try:
                results[name] = self._do(method, self._resolved(query, results))
            except (PortalError, PortalTrouble) as error:
                results[name] = error
        self.after("batch")
        return results

    def _meet(self, method: str) -> None:
        self.requests.append(method)
        trouble = next(self.trouble, None) if self.trouble is not None else None
        if trouble is not None:
            raise trouble

    def _resolved(self, value: Any, results: Mapping[str, Any]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._resolved(each, results) for key, each in value.items()}
        if not isinstance(value, Reference):
            return value
        if self.chaining != "works":
            return {"kept": "$result[...]", "empty": "", "ignored": None}[self.chaining]
        found: Any = results.get(value.key, "")
        for step in value.path:
            try:
                found = found[int(step) if isinstance(found, list) else step]
            except (LookupError, TypeError):
                return ""
        return found

    def _do(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self.commands.append((method, parameters))
        if method == "crm.item.list":
            return self._list(parameters)
        if method == "crm.item.fields":
            return {"fields": self.fields[parameters["entityTypeId"]]}
        if method == "crm.item.update":
            return self._update(parameters)
        if method in _OLD and self.old_methods:
            return self._update_old(_OLD[method], parameters)
        raise PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")

    def _list(self, parameters: Mapping[str, Any]) -> Any:
        kind = parameters["entityTypeId"]
        items = self.items[kind]
        ids = self._ids.setdefault(kind, sorted(items))
        wanted = parameters.get("filter", {})
        if parameters["order"] == {"id": "DESC"}:
            found = ids[: -PAGE - 1 : -1]
        elif "@id" in wanted:
            found = [number for number in ids if number in wanted["@id"]][:PAGE]
        elif wanted[">id"] is None:
            found = ids[:PAGE]
        elif not str(wanted[">id"]).isdecimal():
            found = []
        else:
            start = bisect_right(ids, int(wanted[">id"]))
            found = ids[start : start + PAGE]
        if "*" not in parameters["select"]:
            return {"items": [{"id": number} for number in found]}
        return {"items": [{**items[number], "fm": [dict(each) for each in items[number]["fm"]]} for number in found]}

    def _update(self, parameters: Mapping[str, Any]) -> Any:
        item = self._item(parameters["entityTypeId"], parameters["id"])
        for key, value in parameters["fields"].items():
            if key == "fm":
                for number, entry in value.items():
                    self._set_phone(item, int(number), entry["value"], entry["valueType"])
            elif value not in ("", None):
                item[key] = value
        return {"item": dict(item)}

    def _update_old(self, kind: int, parameters: Mapping[str, Any]) -> bool:
        item = self._item(kind, parameters["id"])
        names = {described["upperName"]: (key, described["type"]) for key, described in self.fields[kind].items()}
        for name, value in parameters["fields"].items():
            if name == "PHONE":
                for entry in value:
                    self._set_phone(item, int(entry["ID"]), entry["VALUE"], entry["VALUE_TYPE"])
            else:
                key, kind_of_field = names[name]
                if kind_of_field == "boolean" and value != "":
                    value = {"1": "Y", "0": "N"}[value]
                item[key] = value if value != "" else None
        return True

    def _item(self, kind: int, number: Any) -> dict[str, Any]:
        if int(number) not in self.items[kind]:
            raise PortalError("", "Not found")
        return self.items[kind][int(number)]

    @staticmethod
    def _set_phone(item: dict[str, Any], number: int, value: str, value_type: str) -> None:
        for entry in item["fm"]:
            if entry["id"] == number:
                entry.update(value=value, valueType=value_type)

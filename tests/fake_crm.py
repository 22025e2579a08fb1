"""A portal's CRM in memory, as far as consents need it: commands in, answers out, with the reference's oddities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble

FIELD, KEY = "UF_CRM_SMS_CONSENT", "ufCrmSmsConsent"


@dataclass
class FakeCrm:
    """Contacts and other items by type and id; answers as `IPortal` does."""

    kind: str | None = "boolean"
    values: list[dict[str, Any]] = field(default_factory=list)
    items: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    trouble: Exception | None = None
    """What a whole request comes to."""
    errors: dict[str, Exception] = field(default_factory=dict)
    """What commands of a method come to."""
    left_out: set[int] = field(default_factory=set)
    """Contacts that pages do not give."""
    not_run: int = 0
    """So many commands of the next request are not run."""
    requests: int = 0
    commands: list[tuple[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    _by_digits: dict[str, set[int]] = field(default_factory=dict)
    """Who has, or once had, a phone with these digits."""

    def contact(self, id_: int, consent: Any, *phones: str) -> None:
        """A contact with this in the field, and these phones as somebody typed them."""
        fm = [{"id": n, "typeId": "PHONE", "valueType": "WORK", "value": phone} for n, phone in enumerate(phones)]
        self.items[3, id_] = {"id": id_, KEY: consent, "fm": fm}
        for phone in phones:
            self._by_digits.setdefault(_digits(phone), set()).add(id_)

    def deal(self, id_: int, *contacts: int) -> None:
        """A deal of these contacts."""
        self.items[2, id_] = {"id": id_, "contactId": contacts[0] if contacts else None, "contactIds": list(contacts)}

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self.requests += 1
        if self.trouble is not None:
            raise self.trouble
        result = self._run(method, parameters)
        if isinstance(result, Exception):
            raise result
        return result

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        assert 0 < len(commands) <= 50
        self.requests += 1
        if self.trouble is not None:
            raise self.trouble
        skipped, self.not_run = self.not_run, 0
        run = list(commands.items())[skipped:]
        return {name: self._run(method, parameters) for name, (method, parameters) in run}

    def _run(self, method: str, given: Mapping[str, Any]) -> Any:
        self.commands.append((method, given))
        if method in self.errors:
            return self.errors[method]
        known = {
            "crm.item.fields": self._fields,
            "crm.duplicate.findbycomm": self._find,
            "crm.item.list": self._list,
            "crm.item.get": self._get,
            "crm.item.update": self._update,
            "crm.contact.update": self._old_update,
            "crm.timeline.comment.list": self._comments_of,
            "crm.timeline.comment.add": self._comment,
            "messageservice.message.status.update": self._told,
        }
        return known[method](given) if method in known else PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")

    def _comments_of(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [each for each in self.comments if each["ENTITY_ID"] == given["filter"]["ENTITY_ID"]]

    def _comment(self, given: Mapping[str, Any]) -> int:
        self.comments.append(dict(given["fields"]))
        return len(self.comments)

    def _told(self, given: Mapping[str, Any]) -> bool:
        self.told.append((given["MESSAGE_ID"], given["STATUS"]))
        return True

    def _fields(self, given: Mapping[str, Any]) -> Any:
        described = {"type": self.kind, "upperName": FIELD, "items": self.values}
        return {"fields": {KEY: described} if self.kind is not None else {}}

    def _find(self, given: Mapping[str, Any]) -> Any:
        wanted = set(given["values"][:20])
        assert all(isinstance(value, str) for value in wanted)
        once = sorted({id_ for value in wanted for id_ in self._by_digits.get(value, ())})
        ids = [
            id_
            for id_ in once
            if any(_digits(phone["value"]) in wanted for phone in self.items.get((3, id_), {"fm": []})["fm"])
        ]
        return {"CONTACT": ids[:20]} if ids else []

    def _list(self, given: Mapping[str, Any]) -> Any:
        assert given["select"] == ["*"]
        ids = given["filter"]["@id"]
        assert 0 < len(ids) <= 50
        of_type = given["entityTypeId"]
        return {
            "items": [
                self.items[of_type, id_] for id_ in ids if (of_type, id_) in self.items and id_ not in self.left_out
            ]
        }

    def _get(self, given: Mapping[str, Any]) -> Any:
        item = self.items.get((given["entityTypeId"], given["id"]))
        return PortalError("NOT_FOUND", "Not found") if item is None else {"item": item}

    def _update(self, given: Mapping[str, Any]) -> Any:
        # Emptying a field comes to nothing here (b24-rest-docs#145, #269).
        self.items[given["entityTypeId"], given["id"]] |= {
            k: v for k, v in given["fields"].items() if v not in ("", None)
        }
        return {"item": self.items[given["entityTypeId"], given["id"]]}

    def _old_update(self, given: Mapping[str, Any]) -> Any:
        self.items[3, given["id"]][KEY] = given["fields"][FIELD] or None
        return True


def away() -> PortalTrouble:
    """The portal cannot be reached."""
    return PortalTrouble("Bitrix24 cannot be reached: refused")


def _digits(phone: str) -> str:
    """As Bitrix24 compares numbers: digits only, without an extension and zeros in front."""
    return re.sub(r"\D", "", re.split(r"[,;#]", phone, maxsplit=1)[0]).lstrip("0")

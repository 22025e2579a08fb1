"""The CRM's fields as the portal describes them.

The names are those of `crm.item.fields`, by Bitrix24's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .crm_answers import listed, text_of


@dataclass(frozen=True, slots=True)
class CrmField:
    """A field of a type of items."""

    name: str
    """As operators know it: `UF_CRM_SMS_CONSENT`, `OPPORTUNITY`; empty when the portal does not say."""
    key: str
    """Under which `crm.item.*` gives it: `ufCrmSmsConsent`."""
    kind: str
    """Its type, in lower case; empty when the portal does not say."""
    is_multiple: bool
    title: str
    values: Mapping[str, str]
    """The names of a list's values by their ids."""
    status_type: str = ""
    """The list that its values are of, as `crm.status.list` names it."""


def fields_of(answer: Any) -> Iterator[CrmField]:
    """All fields in the result of `crm.item.fields`."""
    described = answer.get("fields") if isinstance(answer, Mapping) else None
    for key, each in described.items() if isinstance(described, Mapping) else ():
        if isinstance(each, Mapping):
            yield CrmField(
                text_of(each.get("upperName")).upper(),
                str(key),
                str(each.get("type", "")).lower(),
                each.get("isMultiple") is True,
                str(each.get("title", "")),
                values_of(each.get("items")),
                text_of(each.get("statusType")),
            )


def field_named(answer: Any, name: str) -> CrmField | None:
    """The field that operators know by this name, or `crm.item.*` does, in the result of `crm.item.fields`."""
    for each in fields_of(answer):
        if name.upper() in (each.name, each.key.upper()) or each.key == converted(name):
            return each
    return None


def values_of(items: Any) -> dict[str, str]:
    """The names of a list's values by their ids, as its description has them."""
    return {
        text_of(each["ID"]): str(each.get("VALUE", ""))
        for each in listed(items)
        if isinstance(each, Mapping) and "ID" in each
    }


def converted(name: str) -> str:
    """The name that `crm.item.*` gives a custom field; source: corp's crm, lib/service/converter.php."""
    if re.search(r"\d", name) is None:
        first, *others = name.lower().split("_")
        return first + "".join(each.capitalize() for each in others)
    prefix = "UF_CRM_"
    return "ufCrm_" + name[len(prefix) :] if name.startswith(prefix) else name

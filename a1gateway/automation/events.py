"""What the portal's events of the CRM name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..bitrix24.crm_answers import ids
from ..bitrix24.item import COMPANY, CONTACT, DEAL, LEAD, Item, name_of
from ..journal.look_ups import Event

_FORM = re.compile(r"ONCRM(LEAD|DEAL|CONTACT|COMPANY|DYNAMICITEM)(ADD|UPDATE|DELETE)(?:_(\d{1,9}))?")
_TYPES = {"LEAD": LEAD, "DEAL": DEAL, "CONTACT": CONTACT, "COMPANY": COMPANY}


def read_event(name: str, data: Mapping[str, Any]) -> Event | None:
    """What an event of the CRM tells of; None for one that names no document."""
    form = _FORM.fullmatch(name)
    fields = data.get("FIELDS")
    if form is None or not isinstance(fields, Mapping):
        return None
    types = [_TYPES[form[1]]] if form[1] in _TYPES else [*ids([fields.get("ENTITY_TYPE_ID"), form[3]])]
    for entity_type in types[:1]:
        for item in ids([fields.get("ID")]):
            added = {"ADDED": "Y"} if form[2] == "ADD" else None
            return Event(name_of(Item(entity_type, item)), entity_type, item, added)
    return None

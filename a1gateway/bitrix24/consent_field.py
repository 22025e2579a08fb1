"""The contact's field that holds the consent to marketing SMS: what kind it is, what a value means, what to write.

The names and values are those of `crm.item.*` and `crm.contact.userfield.*`, by Bitrix24's documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..hours import MINSK
from ..interfaces import IPortal
from ..message import Choice, Evidence
from .crm_answers import id_of, text_of
from .crm_fields import converted, field_named, values_of
from .item import CONTACT
from .trouble import PortalError

READABLE = frozenset({"boolean", "enumeration", "string", "date", "datetime"})
"""The types of fields whose values can mean yes or no."""
_YES = frozenset({"1", "y", "yes", "да", "так", "true"})
_LOOKS_LIKE_NO = re.compile(
    r"(?:нет|не|no|not|отказ\w*|запре\w*|адмова|refus\w*|den(?:y|ied)|opt-?out)\b", re.IGNORECASE
)
_DAY_FIRST = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})(?:[ T](\d{2}):(\d{2})(?::(\d{2}))?)?")
_ALIKE = {"crm_status": "enumeration", "text": "string", "char": "boolean", "integer": "string"}
_LONGEST_VALUE = 500


@dataclass(frozen=True, slots=True)
class ConsentField:
    """The field as the portal describes it."""

    name: str
    """As the operator knows it: `UF_CRM_SMS_CONSENT`."""
    key: str
    """Under which `crm.item.*` gives it: `ufCrmSmsConsent`."""
    kind: str | None
    """Its type, one of `READABLE` or another; None when the portal does not say."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The names of a list's values by their ids."""
    granted_values: Sequence[str] = ()
    denied_value: str | None = None
    title: str = ""

    @property
    def readable(self) -> bool:
        """Whether its values can be told to mean yes or no."""
        return self.kind is None or self.kind in READABLE

    def read(self, item: Mapping[str, Any], now: float) -> Evidence:
        """What a contact's field means at `now`; `item` is the contact as `crm.item.*` gives it."""
        value = item.get(self.key, item.get(self.name))
        parts = value if isinstance(value, list) else [value]
        answers = [self._means_yes(part, now) for part in parts]
        # Of several values of a list one is enough: they are channels. Of others all have to say yes.
        granted = any(answers) if self.kind == "enumeration" else bool(answers) and all(answers)
        meanings = [self.values[name] for part in parts if (name := text_of(part)) in self.values]
        return Evidence(
            id_of(item),
            None if _is_empty(value) else _as_json(value),
            ", ".join(meanings)[:_LONGEST_VALUE],
            granted and self.readable,
        )

    def has(self, item: Mapping[str, Any]) -> bool:
        """Whether an answer has the field at all; an empty one counts."""
        return self.key in item or self.name in item

    def written(self, choice: Choice, now: float) -> Any:
        """The value to write for a choice; an empty text to empty the field. None when there is no value for it."""
        yes = choice is Choice.IN
        if self.kind == "boolean":
            return "Y" if yes else "N"
        if self.kind == "enumeration":
            return self._listed(yes=yes)
        if self.kind in ("date", "datetime"):
            if not yes:
                return ""
            moment = datetime.fromtimestamp(now, MINSK)
            return moment.date().isoformat() if self.kind == "date" else moment.isoformat(timespec="seconds")
        if yes:
            return self.granted_values[0] if self.granted_values else "да"
        return self.denied_value or "нет"

    def says(self, item: Mapping[str, Any], choice: Choice, value: Any, now: float) -> bool:
        """Whether a contact's field says a choice already, as `value` would: an empty one is no refusal yet."""
        held = self.read(item, now)
        if choice is Choice.IN:
            return held.granted
        if value == "":
            return held.value is None
        return held.value is not None and not held.granted and (self.kind == "boolean" or self._is(item, value))

    def _is(self, item: Mapping[str, Any], value: Any) -> bool:
        return _folded(text_of(item.get(self.key, item.get(self.name)))) == _folded(str(value))

    def _listed(self, *, yes: bool) -> str | None:
        granted = [number for number, name in self.values.items() if self._names_yes(number, name)]
        if yes:
            return granted[0] if granted else None
        others = [number for number in self.values if number not in granted]
        if self.denied_value is not None:
            wanted = _folded(self.denied_value)
            return next((each for each in others if wanted in (each, _folded(self.values[each]))), None)
        by_name = [each for each in others if _LOOKS_LIKE_NO.match(self.values[each].strip())]
        # With no value that means no, an empty field does.
        return by_name[0] if by_name else ""

    def _means_yes(self, value: Any, now: float) -> bool:
        if _is_empty(value):
            return False
        if value is True:
            return self.kind != "enumeration"
        said = text_of(value)
        if self.kind == "enumeration":
            return self._names_yes(said, self.values.get(said, ""))
        if self.kind in ("date", "datetime"):
            return _has_passed(said, now)
        if _folded(said) in _YES:
            return True
        if self.kind == "boolean":
            return False
        return _folded(said) in self._granted or _has_passed(said, now)

    def _names_yes(self, number: str, name: str) -> bool:
        return number in self._granted or _folded(name) in self._granted or _folded(name) in _YES

    @property
    def _granted(self) -> frozenset[str]:
        return frozenset(_folded(each) for each in self.granted_values)


@dataclass(frozen=True, slots=True)
class NoSuchField:
    """The portal has no such field."""

    name: str


async def describe(
    portal: IPortal, name: str, granted_values: Sequence[str] = (), denied_value: str | None = None
) -> ConsentField | NoSuchField:
    """The contact's field `name`; raises `PortalTrouble`.

    A portal that does not describe its fields is believed to have it, of a type that is not known.
    """
    try:
        answer = await portal.call("crm.item.fields", {"entityTypeId": CONTACT})
    except PortalError:
        return await _described_apart(portal, name, granted_values, denied_value)
    described = field_named(answer, name)
    if described is None:
        return NoSuchField(name)
    kind = _ALIKE.get(described.kind, described.kind) or None
    return ConsentField(name, described.key, kind, described.values, granted_values, denied_value, described.title)


async def _described_apart(
    portal: IPortal, name: str, granted_values: Sequence[str], denied_value: str | None
) -> ConsentField | NoSuchField:
    try:
        answer = await portal.call("crm.contact.userfield.list", {"filter": {"FIELD_NAME": name}})
    except PortalError:
        return ConsentField(name, converted(name), None, {}, granted_values, denied_value)
    for described in answer if isinstance(answer, list) else []:
        if isinstance(described, Mapping) and str(described.get("FIELD_NAME", "")).upper() == name.upper():
            kind = str(described.get("USER_TYPE_ID", "")).lower() or None
            values = values_of(described.get("LIST"))
            return ConsentField(name, converted(name), kind, values, granted_values, denied_value)
    return NoSuchField(name)


def _has_passed(said: str, now: float) -> bool:
    """Whether it is a date, as REST or a person writes it, that is not in the future."""
    form = _DAY_FIRST.fullmatch(said.strip())
    try:
        if form is not None:
            day, month, year, hour, minute, second = (int(each or 0) for each in form.groups())
            moment = datetime(year, month, day, hour, minute, second, tzinfo=MINSK)
        else:
            moment = datetime.fromisoformat(said.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=MINSK)
        return moment.timestamp() <= now
    except (ValueError, OverflowError):
        return False


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == "" or value == [] or value == {}


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("ё", "е").split())


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:_LONGEST_VALUE]

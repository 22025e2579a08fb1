"""Custom fields of the simulated CRM: their names in both REST interfaces, and how their values are written there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from a1gateway.sandbox.a1_books import MINSK

PREFIX = "UF_CRM_"
LANGUAGES = ("ru", "en", "be")

Single = bool | int | float | str
# None is empty; a multiple field holds a tuple.
Value = Single | tuple[Single, ...] | None

_DATES = ("date", "datetime")
_NAME = re.compile(r"UF_CRM_[A-Z0-9_]{1,43}")


class BadValue(ValueError):
    """A value that the field's type does not take, or a field that cannot be."""


@dataclass(frozen=True, slots=True)
class ListValue:
    """One value of an enumeration."""

    id: int
    value: str
    sort: int = 500
    default: bool = False
    xml_id: str = ""


@dataclass(slots=True)
class CustomField:
    """One custom field; `name` in upper case with its prefix, `labels` by language."""

    id: int
    name: str
    type: str
    multiple: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    values: tuple[ListValue, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    show_filter: str = "N"

    @property
    def title(self) -> str:
        """What stands beside it in a card."""
        return self.labels.get("ru") or next(iter(self.labels.values()), "") or self.name


def full_name(name: str) -> str:
    """The field's name with its prefix. Raises BadValue when it cannot be one."""
    name = name.strip().upper()
    name = name if name.startswith(PREFIX) else PREFIX + name
    if _NAME.fullmatch(name) is None:
        raise BadValue(f"{name} is no name of a field")
    return name


def converted(name: str) -> str:
    """The name in `crm.item.*`: in camel case, but behind the prefix as it is when a digit is in it."""
    rest = name.removeprefix(PREFIX)
    if re.search(r"\d", rest):
        return "ufCrm_" + rest
    return "ufCrm" + "".join(part.capitalize() for part in rest.split("_"))


def is_empty(raw: Any) -> bool:
    """Whether a value that was handed in stands for none; False does not."""
    return raw is None or raw == "" or raw in ([], {}, ())


def taken(custom: CustomField, raw: Any) -> Value:
    """A value as REST hands it in, as it is kept. Raises BadValue."""
    if isinstance(raw, dict):
        raw = list(raw.values())
    if custom.multiple:
        several = raw if isinstance(raw, list | tuple) else [raw]
        return tuple(_taken(custom, each) for each in several if not is_empty(each)) or None
    if isinstance(raw, list | tuple):
        raw = raw[0] if raw else None
    return None if is_empty(raw) else _taken(custom, raw)


def _taken(custom: CustomField, raw: Any) -> Single:
    try:
        match custom.type:
            case "boolean":
                return _boolean(raw)
            case "integer":
                return int(raw)
            case "double":
                return float(raw)
            case "enumeration":
                chosen = int(raw)
                if all(value.id != chosen for value in custom.values):
                    raise BadValue(f"{custom.name} has no value {chosen}")
                return chosen
            case "date" | "datetime":
                return _moment(str(raw), custom.type)
            case _:
                return str(raw)
    except (TypeError, ValueError) as error:
        raise BadValue(f"{custom.name} does not take {raw!r}") from error


def _boolean(raw: Any) -> bool:
    if raw in ("Y", "y", "1", 1):
        return True
    if raw in ("N", "n", "0", 0):
        return False
    raise BadValue(str(raw))


def _moment(text: str, kind: str) -> str:
    when = datetime.fromisoformat(text)
    if kind == "date":
        # The server's midnight is Greenwich's.
        return when.replace(hour=3, minute=0, second=0, microsecond=0, tzinfo=MINSK).isoformat()
    aware = when if when.tzinfo is not None else when.replace(tzinfo=MINSK)
    return aware.astimezone(MINSK).isoformat(timespec="seconds")


def in_item(custom: CustomField, value: Value) -> Any:
    """As `crm.item.*` gives it: booleans as Y and N; what is empty differs by type."""
    if custom.multiple:
        return [_in_item(each) for each in value] if isinstance(value, tuple) else []
    if value is None:
        return "" if custom.type == "string" or custom.type in _DATES else None
    return _in_item(value)


def _in_item(value: Any) -> Any:
    return ("Y" if value else "N") if isinstance(value, bool) else value


def in_old(custom: CustomField, value: Value) -> Any:
    """As `crm.contact.*` gives it: texts throughout, booleans as 1 and 0, and no value of a multiple one is false."""
    if custom.multiple:
        return [_in_old(each) for each in value] if isinstance(value, tuple) else False
    return None if value is None else _in_old(value)


def _in_old(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)

"""Filters and orders of the simulated CRM's lists."""

from __future__ import annotations

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from a1gateway.sandbox.a1_books import MINSK
from a1gateway.sandbox.crm import Item, Items
from a1gateway.sandbox.crm_fields import is_empty
from a1gateway.sandbox.rest_errors import RestError

_CONDITION = re.compile(r"(!=|!@|!|>=|<=|>|<|@|%|=|)(.*)", re.DOTALL)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "%": lambda text, part: part.lower() in text.lower(),
}

Test = Callable[[Item], bool]


@dataclass(frozen=True, slots=True)
class Column:
    """What can be filtered and ordered by: the type, and how it is read; a tuple is several values."""

    type: str
    read: Callable[[Item], Any]


def several(raw: Any) -> list[Any]:
    """A list as JSON and PHP's brackets bring it; one value is a list of one."""
    if raw is None:
        return []
    if isinstance(raw, dict):
        return list(raw.values())
    return raw if isinstance(raw, list) else [raw]


def named(raw: Any) -> dict[str, Any]:
    """An object as JSON and PHP's brackets bring it; PHP has one for a list too."""
    if isinstance(raw, dict):
        return raw
    return {str(index): each for index, each in enumerate(raw)} if isinstance(raw, list) else {}


def found(
    items: Items,
    columns: Mapping[str, Column],
    given: Mapping[str, Any],
    *,
    strict: bool,
    wanted: int | None = None,
) -> list[int]:
    """The ids that FILTER and ORDER of `given` ask for, no more than `wanted`.

    The first column is the id. Raises RestError on a field that is not known when `strict`, else passes over it.
    """
    id_name = next(iter(columns))
    ranges: list[tuple[str, Any]] = []
    tests: list[Test] = []
    for key, raw in named(given.get("FILTER")).items():
        sign, name = _split(key)
        if name not in columns:
            if strict:
                raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{name}' is not allowed in filter")
            continue
        if name == id_name and sign in ("", "=", "@", ">", ">=", "<", "<="):
            ranges.append((sign, raw))
        else:
            tests.append(_test(sign, columns[name], raw))
    ids = _narrowed(items, ranges)

    order = {str(name): str(way).upper() for name, way in named(given.get("ORDER")).items()}
    by = next((name for name in order if name in columns), id_name)
    down = order.get(by) == "DESC"
    if by != id_name:
        ids = sorted(ids, key=lambda item_id: _order_key(columns[by], items.get(item_id)), reverse=down)
    elif down:
        ids.reverse()
    if not tests:
        return ids if wanted is None else ids[:wanted]
    matching: list[int] = []
    for item_id in ids:
        item = items.get(item_id)
        if item is not None and all(test(item) for test in tests):
            matching.append(item_id)
            if len(matching) == wanted:
                break
    return matching


def _split(key: str) -> tuple[str, str]:
    parts = _CONDITION.fullmatch(key)
    assert parts is not None
    return parts.group(1), parts.group(2)


def _narrowed(items: Items, ranges: list[tuple[str, Any]]) -> list[int]:
    low, high = 0, len(items.ids)
    chosen: set[int] | None = None
    for sign, raw in ranges:
        if sign in ("", "=", "@"):
            asked = {number for number in map(_number, several(raw)) if number is not None}
            chosen = asked if chosen is None else chosen & asked
            continue
        number = _number(raw)
        if number is None:
            return []
        if sign == ">":
            low = max(low, bisect_right(items.ids, number))
        elif sign == ">=":
            low = max(low, bisect_left(items.ids, number))
        elif sign == "<":
            high = min(high, bisect_left(items.ids, number))
        else:
            high = min(high, bisect_right(items.ids, number))
    if low >= high:
        return []
    if chosen is None:
        return items.ids[low:high]
    first, last = items.ids[low], items.ids[high - 1]
    return sorted(number for number in chosen if first <= number <= last and items.get(number) is not None)


def _number(raw: Any) -> int | None:
    try:
        return int(raw)
    except (TypeError, ValueError):
        return None


def _test(sign: str, column: Column, raw: Any) -> Test:
    negated = sign.startswith("!")
    sign = sign.removeprefix("!")
    if sign in ("", "=") and (raw is False or (is_empty(raw) and not isinstance(raw, list | dict))):
        return lambda item: bool(_values(column, item)) is negated
    if sign in ("", "=", "@"):
        asked = {each for each in (_comparable(column.type, one) for one in several(raw)) if each is not None}
        return lambda item: any(value in asked for value in _values(column, item)) is not negated
    compare, other = _COMPARISONS[sign], _comparable("string" if sign == "%" else column.type, raw)
    if other is None:
        return lambda item: False
    if sign == "%":
        return lambda item: any(compare(str(value), other) for value in _values(column, item))
    return lambda item: any(compare(value, other) for value in _values(column, item))


def _values(column: Column, item: Item) -> list[Any]:
    read = column.read(item)
    whole = read if isinstance(read, tuple) else (read,)
    values = [_comparable(column.type, each) for each in whole if each is not None and each != ""]
    return [each for each in values if each is not None]


def _comparable(kind: str, raw: Any) -> Any:
    """What two values of this type are compared by; None when `raw` is no value of it, as Y is none of a boolean."""
    try:
        match kind:
            case "integer" | "enumeration":
                return int(raw)
            case "double":
                return float(raw)
            case "boolean":
                return {"1": True, "0": False, "True": True, "False": False}.get(str(raw))
            case "date" | "datetime":
                return _seconds(raw)
            case _:
                return str(raw)
    except (TypeError, ValueError):
        return None


def _seconds(raw: Any) -> float:
    if isinstance(raw, int | float):
        return float(raw)
    when = datetime.fromisoformat(str(raw))
    return (when if when.tzinfo is not None else when.replace(tzinfo=MINSK)).timestamp()


def _order_key(column: Column, item: Item | None) -> tuple[bool, Any]:
    values = _values(column, item) if item is not None else []
    return (bool(values), values[0] if values else 0)

"""PHP's arrays on the wire: brackets in forms and queries, and the JSON that `json_encode` makes of an array.

Bitrix24 is written in PHP, and both show through in its REST.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_NAME = re.compile(r"([^\[]+)((?:\[[^\]]*\])*)")
_BRACKET = re.compile(r"\[([^\]]*)\]")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What PHP makes of a form: `a[b][]=1` becomes `{"a": {"b": {"0": "1"}}}`; a name's last value counts."""
    whole: dict[str, Any] = {}
    for name, value in pairs:
        found = _NAME.match(name)
        if found is None:
            continue
        path = [found.group(1).strip(), *_BRACKET.findall(found.group(2))]
        branch = whole
        for step in path[:-1]:
            key = step or _next_index(branch)
            below = branch.get(key)
            if not isinstance(below, dict):
                below = branch[key] = {}
            branch = below
        branch[path[-1] or _next_index(branch)] = value
    return whole


def is_index(key: str) -> bool:
    """Whether PHP takes `key` for a number; longer ones than 64 bits hold are names."""
    return key.isascii() and key.isdecimal() and len(key) < 19


def _next_index(branch: Mapping[str, Any]) -> str:
    return str(max((int(key) for key in branch if is_index(key)), default=-1) + 1)


def pairs(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The form fields, brackets included, that PHP's `http_build_query` makes of `value`; None is left out."""
    flat: list[tuple[str, str]] = []

    def add(name: str, inner: Any) -> None:
        if isinstance(inner, Mapping):
            for key, below in inner.items():
                add(f"{name}[{key}]", below)
        elif isinstance(inner, list | tuple):
            for index, below in enumerate(inner):
                add(f"{name}[{index}]", below)
        elif inner is not None:
            flat.append((name, str(inner)))

    for key, inner in value.items():
        add(key, inner)
    return flat


def encoded(value: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
    """The array that `json_encode` writes: a list when the keys are 0, 1, 2... (so also when there are none)."""
    if list(value) == [str(index) for index in range(len(value))]:
        return list(value.values())
    return dict(value)


def is_true(value: Any) -> bool:
    """PHP's idea of truth: of texts only the empty one and `"0"` are false, so `"false"` is true."""
    return bool(value) and value != "0"

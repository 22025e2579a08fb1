"""The query of a command in a batch, as PHP reads it: lists and dictionaries in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

REFERENCE = "$result["
"""How a reference begins. In a batch's values the portal replaces it, whoever wrote it."""


class Reference(str):
    """A value that the portal takes from an earlier command of the batch, as `$result[p1][items][49][id]`."""

    key: str
    """The command's name."""
    path: tuple[str, ...]

    def __new__(cls, key: str, *path: str) -> Reference:
        """What is found under `path` in the result of the command `key`."""
        reference = super().__new__(cls, "$result" + "".join(f"[{step}]" for step in (key, *path)))
        reference.key, reference.path = key, path
        return reference

    @classmethod
    def read(cls, text: str) -> Reference:
        """The reference that is written so."""
        return cls(*text.removeprefix(REFERENCE).removesuffix("]").split("]["))


def query(values: Mapping[str, Any]) -> str:
    """`{"filter": {"@id": [5, 7]}}` is `filter[@id][0]=5&filter[@id][1]=7`, encoded; None is left out.

    Raises `ValueError` for a text that the portal would take for a reference though it is none.
    """
    return urlencode(list(_flat(values)))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        elif isinstance(value, (list, tuple)):
            yield from _flat({str(place): each for place, each in enumerate(value)}, name)
        elif isinstance(value, bool):
            yield name, str(int(value))
        elif value is not None:
            if REFERENCE in str(value) and not isinstance(value, Reference):
                raise ValueError("a text with $result[ in it cannot stand in a batch")
            yield name, str(value)

"""What people read, by key, in Russian, Belarusian and English: TOML files with a table for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def names() -> tuple[str, ...]:
    """The names of all catalogues, in order."""
    there = files(__package__).iterdir()
    return tuple(sorted(each.name.removesuffix(".toml") for each in there if each.name.endswith(".toml")))


@cache
def catalogue(name: str, language: str) -> dict[str, str]:
    """The texts of `<name>.toml` in one language (`ru`, `be`, `en`), dots between the parts of a key."""
    text = (files(__package__) / f"{name}.toml").read_text("utf-8")
    return dict(_flat(tomllib.loads(text)[language]))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

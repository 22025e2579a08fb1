"""Templates of SMS texts: `#DEAL_TITLE#`, `{NAME}`, with `#CONTACT_NAME|a fallback#`."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

# A name is on one line; a fallback may be of several.
_MARKS = re.compile(r"#(?P<long>[^#|\r\n]+(?:\|[^#]*)?)#|\{(?P<short>[^{}|\r\n]+(?:\|[^{}]*)?)\}")
_LONG = re.compile(r"(?P<prefix>[A-Za-z]+)_(?P<field>[A-Za-z0-9_]*[A-Za-z0-9])")
_SHORT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# What nobody writes between two signs unless a field is meant.
_LOOKS_LIKE_A_FIELD = re.compile(r"(?=.*[A-Za-z])(?:[A-Za-z0-9]*_[A-Za-z0-9_]*|[A-Z]{3}[A-Z0-9]*)")


class Prefix(enum.StrEnum):
    """Whose field a placeholder means."""

    CONTACT = "CONTACT"
    DEAL = "DEAL"
    LEAD = "LEAD"
    COMPANY = "COMPANY"
    ITEM = "ITEM"
    """The item of a smart process that it is about."""
    ASSIGNED = "ASSIGNED"
    """Whoever is responsible for the document."""
    CALL = "CALL"
    DOCUMENT = "DOCUMENT"
    """Whatever document it is about; names of people are its contact's, if it has one."""


class TemplateFault(ValueError):
    """A template cannot be used; the text says what is wrong with it, and where."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place in a template that a field's value is put into."""

    prefix: Prefix
    field: str
    """The field's name, in capital letters."""
    fallback: str | None
    """What stands there when the field is empty; None: then there is no SMS."""
    written: str
    """As it stands in the template."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A template's text with values, or the places that have none."""

    text: str | None
    empty: tuple[Placeholder, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values."""

    text: str
    """As it was written."""
    parts: tuple[str | Placeholder, ...]

    @classmethod
    def read(cls, text: str) -> Template:
        """The template that is written so; raises `TemplateFault`.

        What looks like a field and is none is a fault: nobody is to get an SMS with `#DEEL_TITLE#` in it.
        """
        parts: list[str | Placeholder] = []
        begin = searched = 0
        while (mark := _MARKS.search(text, searched)) is not None:
            placeholder = _placeholder(mark)
            if placeholder is None:
                # The sign that ends this may begin the next.
                searched = mark.start() + 1
                continue
            parts += [text[begin : mark.start()], placeholder]
            begin = searched = mark.end()
        parts.append(text[begin:])
        return cls(text, tuple(part for part in parts if part))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Each of them once, in order."""
        return tuple(dict.fromkeys(part for part in self.parts if isinstance(part, Placeholder)))

    def fill(self, value_of: Callable[[Placeholder], str]) -> Filled:
        """The text with values; a value is put in as it is, whatever signs are in it."""
        values = {each: _clean(value_of(each)) for each in self.placeholders}
        empty = tuple(each for each, value in values.items() if not value and each.fallback is None)
        if empty:
            return Filled(None, empty)
        text = "".join(part if isinstance(part, str) else values[part] or part.fallback or "" for part in self.parts)
        return Filled(text)


def _placeholder(mark: re.Match[str]) -> Placeholder | None:
    """What stands between two signs; None when it is a text like any other. Raises `TemplateFault`."""
    inner = mark["long"] or mark["short"]
    name, divided, fallback = inner.partition("|")
    name = name.strip()
    given = fallback if divided else None
    if mark["short"] is not None:
        if _SHORT.fullmatch(name) is None or name != name.upper() or len(name) < 2:
            return None
        return Placeholder(Prefix.DOCUMENT, name, given, mark[0])
    form = _LONG.fullmatch(name)
    if form is not None and form["prefix"].upper() in Prefix.__members__:
        return Placeholder(Prefix[form["prefix"].upper()], form["field"].upper(), given, mark[0])
    if _LOOKS_LIKE_A_FIELD.fullmatch(name) is None:
        return None
    kinds = ", ".join(each for each in Prefix)
    raise TemplateFault(
        f"{mark[0][:100]}: no such field; before the _ there has to be one of {kinds}, behind it a field"
    )


def _clean(value: str) -> str:
    """Without characters that no SMS has: controls other than line breaks; without white space around it."""
    kept = "".join(c for c in value if c in "\r\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return kept.strip()

"""Templates of SMS texts: `#DEAL_TITLE#`, `{NAME}`, with `#CONTACT_NAME|a fallback#`."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

# A name is on one line; a fallback may be of several.
_MARKS = re.compile(r"#(?P<long>[^#|\r\n]+(?:\|[^#]*)?)#|\{(?P<short>[^{}|\r\n]+(?:\|[^{}]*)?)\}")
_LONG = re.compile(r"(?P<prefix>[A-Za-z]+)_(?P<field>[A-Za-z0-9_]*[A-Za-z0-9])")
_SHORT = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


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
    EVENT = "EVENT"
    """The moment that a reminder is about."""
    DOCUMENT = "DOCUMENT"
    """Whatever document it is about; names of people are its contact's, if it has one."""


_PREFIXES = "|".join(Prefix)
# What nobody writes between two signs unless a field is meant.
_LOOKS_LIKE_A_FIELD = re.compile(r"(?=.*[A-Za-z])(?:[A-Za-z0-9]*_[A-Za-z0-9_]*|[A-Z]{3}[A-Z0-9]*)")
_IN_OTHER_LETTERS = re.compile(r"(?=.*[^\W\d_])\w*_\w*")
_BEGINS_LIKE_A_FIELD = re.compile(rf"(?P<name>{_PREFIXES})(?:(?P<more>_|\W+\w)|\Z)", re.I)
# So it is in braces with a word alone, and with several in capital letters.
_WORD = re.compile(r"[^\W\d_]\w+")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]+(?:[ .:-]+[A-Z][A-Z0-9_]+)+")
# What is left of a field when a sign is missing.
_NOT_CLOSED = re.compile(rf"#[ \t]*(?P<name>(?:{_PREFIXES})_\w*)", re.I)
_NOT_OPENED = re.compile(rf"(?<!\w)(?P<name>(?:{_PREFIXES})_\w+)[ \t]*(?:\|[^#]*)?#", re.I)
_REST_OF_A_FIELD = re.compile(r"[^\W\d_]\w*_\w+[ \t]*(?:\|[^#]*)?#")
_BRACE_NOT_CLOSED = re.compile(r"\{[ \t]*(?P<name>[A-Z][A-Z0-9_]+)\b(?![^{}\r\n]*\})")
# A field that is whole, in a text that is no template. Where it is written in small letters, or somebody has made a
# mistake in it, the second sign may begin the next of several hashtags: #sale_2026 #minsk, #company_by#minsk.
_LEFT = re.compile(
    rf"#(?P<space>[ \t]*)(?P<prefix>{_PREFIXES})_(?P<field>[A-Za-z0-9_]*[A-Za-z0-9])(?P<more>[ \t]*)"
    r"(?:\|(?P<fallback>[^#]*))?#"
    rf"|#(?P<wrong>(?:(?-i:{_PREFIXES})[ .:-]+(?-i:[A-Z])|(?-i:[A-Z]{{3}}[A-Z0-9]*_|UF_))(?-i:[A-Z0-9_])*)"
    r"(?:\|[^#]*)?#",
    # The Turkish İ is no I, though it is one without regard to case.
    re.ASCII | re.IGNORECASE,
)
_OF_BITRIX24 = re.compile(r"\{[ \t]*=[ \t]*\w[^{}\r\n]*\}?|\{\{[^{}]*[^\W\d_][^{}]*\}\}")
_NAMED_BY_BITRIX24 = re.compile(r":[ \t]*(?P<name>[A-Z][A-Z0-9_]+)[ \t]*(?:[>}]|\Z)")
# Stands for a placeholder where the texts between them are looked at together.
_FILLED = "\ufffc"
_LONGEST_SHOWN = 100


class Problem(enum.StrEnum):
    """What can be wrong with a template."""

    NO_SUCH_FIELD = "no_such_field"
    NO_SUCH_PREFIX = "no_such_prefix"
    """Nobody knows whose field is meant."""
    NOT_A_NAME = "not_a_name"
    """In braces, where nothing but a field's name can stand."""
    SIGN_MISSING = "sign_missing"
    ONE_SIGN_FOR_TWO = "one_sign_for_two"
    """A fallback's end and the next field's beginning."""
    FIELD_IN_FALLBACK = "field_in_fallback"
    WAY_OF_BITRIX24 = "way_of_bitrix24"
    """Bitrix24 names its fields so, the gateway does not."""
    BRACE_NOT_CLOSED = "brace_not_closed"


class TemplateFault(ValueError):
    """A template cannot be used; the text says what is wrong with it, and where."""

    def __init__(self, text: str, problem: Problem, written: str, instead: str = "") -> None:
        """`written` is the place in the template, `instead` what was perhaps meant, empty where nobody can say."""
        super().__init__(text)
        self.problem = problem
        self.written = written
        self.instead = instead


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

        What looks like a field and is none is a fault: nobody is to get an SMS with `#DEEL_TITLE#` in it, nor with
        what is left of a field when a sign is missing.
        """
        parts = _parts(text, _MARKS, _meant)
        _look_at_what_is_left("".join(part if isinstance(part, str) else _FILLED for part in parts))
        return cls(text, parts)

    @classmethod
    def left_in(cls, text: str) -> Template:
        """A text that is no template, with the fields that are left in it: `#CONTACT_NAME#`, nothing less clear.

        One whose fallback has taken the sign that begins the next field is none that anything could be put in for.
        """
        return cls(text, _parts(text, _LEFT, _left))

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """Each of them once, in order."""
        return tuple(dict.fromkeys(part for part in self.parts if isinstance(part, Placeholder)))

    @property
    def literal(self) -> str:
        """What stands in every SMS, whatever the values are."""
        return "".join(part for part in self.parts if isinstance(part, str))

    def fill(self, value_of: Callable[[Placeholder], str]) -> Filled:
        """The text with values; a value is put in as it is, whatever signs are in it."""
        values = self.values(value_of)
        empty = tuple(each for each, value in values.items() if not value and each.fallback is None)
        return Filled(None, empty) if empty else Filled(self.with_values(values))

    def values(self, value_of: Callable[[Placeholder], str]) -> dict[Placeholder, str]:
        """What each placeholder's value comes to in an SMS."""
        return {each: _clean(value_of(each)) for each in self.placeholders}

    def with_values(self, values: Mapping[Placeholder, str]) -> str:
        """The text for people: a placeholder without value and fallback stands in it as it is written."""
        return "".join(part if isinstance(part, str) else _in_its_place(part, values) for part in self.parts)


def _in_its_place(placeholder: Placeholder, values: Mapping[Placeholder, str]) -> str:
    value = values.get(placeholder, "")
    if value or placeholder.fallback is None:
        return value or placeholder.written
    return placeholder.fallback


def as_written(placeholders: Iterable[Placeholder]) -> str:
    """Placeholders as people read them."""
    return ", ".join(each.written for each in placeholders)


def fields_left_in(text: str) -> str:
    """The fields that are left in a text that is no template, as people read them; empty when there are none."""
    return as_written(Template.left_in(text).placeholders) if "#" in text else ""


def _parts(
    text: str, marks: re.Pattern[str], read: Callable[[re.Match[str]], Placeholder | None]
) -> tuple[str | Placeholder, ...]:
    """A text taken apart at its placeholders, as `read` finds them."""
    parts: list[str | Placeholder] = []
    begin = searched = 0
    while (mark := marks.search(text, searched)) is not None:
        placeholder = read(mark)
        if placeholder is None:
            # The sign that ends this may begin the next.
            searched = mark.start() + 1
            continue
        parts += [text[begin : mark.start()], placeholder]
        begin = searched = mark.start() + len(placeholder.written)
    parts.append(text[begin:])
    return tuple(part for part in parts if part)


def _meant(mark: re.Match[str]) -> Placeholder | None:
    """What stands between two signs of a template; raises `TemplateFault`."""
    placeholder = _placeholder(mark)
    if placeholder is not None:
        _look_behind(mark, placeholder)
    return placeholder


def _placeholder(mark: re.Match[str]) -> Placeholder | None:
    """What stands between two signs; None when it is a text like any other. Raises `TemplateFault`."""
    inner = mark["long"] or mark["short"]
    name, divided, fallback = inner.partition("|")
    # The second sign may begin the next word: #sale #minsk.
    may_be_two_words = name != name.rstrip() and not divided
    name = name.strip()
    given = fallback if divided else None
    if mark["short"] is not None:
        if _SHORT.fullmatch(name) is not None and name == name.upper() and len(name) > 1:
            return Placeholder(Prefix.DOCUMENT, name, given, mark[0])
        if _WORD.fullmatch(name) or _CAPITALS.fullmatch(name) or _BEGINS_LIKE_A_FIELD.match(name):
            raise _no_field_in_braces(mark[0], name)
        return None
    form = _LONG.fullmatch(name)
    if form is not None and form["prefix"].upper() in Prefix.__members__:
        return Placeholder(Prefix[form["prefix"].upper()], form["field"].upper(), given, mark[0])
    begins = _BEGINS_LIKE_A_FIELD.match(name)
    if (
        _LOOKS_LIKE_A_FIELD.fullmatch(name)
        or (_IN_OTHER_LETTERS.fullmatch(name) and not may_be_two_words)
        or (begins and (begins["more"] or not may_be_two_words) and not _is_of_a_link(begins, mark))
    ):
        raise _no_field(mark[0], name)
    return None


def _left(mark: re.Match[str]) -> Placeholder | None:
    """What is left of a template; None when it may be a text like any other."""
    name, _, fallback = mark[0].strip("#").partition("|")
    is_hashtag = re.match(r"\w", mark.string[mark.end() :]) is not None and not fallback
    if mark["wrong"] is not None:
        return None if is_hashtag else Placeholder(Prefix.DOCUMENT, "", None, mark[0])
    is_certain = name == name.upper()
    if mark["fallback"] is None:
        if is_hashtag and not is_certain:
            return None
        if mark["more"] and not mark["space"] and (is_hashtag or not is_certain):
            return None
    taken = None if mark["fallback"] is None else _REST_OF_A_FIELD.match(mark.string, mark.end())
    if taken is not None:
        return Placeholder(Prefix.DOCUMENT, "", None, mark[0] + taken[0])
    return Placeholder(Prefix[mark["prefix"].upper()], mark["field"].upper(), mark["fallback"], mark[0])


def _look_behind(mark: re.Match[str], placeholder: Placeholder) -> None:
    """Raise `TemplateFault` when a fallback has another field in it, or has taken the sign that begins one."""
    if placeholder.fallback is None:
        return
    taken = None if mark["long"] is None else _REST_OF_A_FIELD.match(mark.string, mark.end())
    if taken is not None:
        shown = _shown(mark[0] + taken[0])
        raise TemplateFault(
            f"{shown}: a # is missing; one ends the fallback, one begins the field", Problem.ONE_SIGN_FOR_TWO, shown
        )
    try:
        is_plain = not Template.read(placeholder.fallback).placeholders
    except TemplateFault:
        is_plain = False
    if not is_plain:
        shown = _shown(mark[0])
        raise TemplateFault(
            f"{shown}: no field can stand in a fallback; write words that suit everybody",
            Problem.FIELD_IN_FALLBACK,
            shown,
        )


def _look_at_what_is_left(text: str) -> None:
    """Raise `TemplateFault` when a text without its placeholders has something in it that was to be one."""
    foreign = _OF_BITRIX24.search(text)
    if foreign is not None:
        named = _NAMED_BY_BITRIX24.search(foreign[0])
        meant = "{TITLE} or #CONTACT_NAME#" if named is None else f"{{{named['name']}}}"
        shown = _shown(foreign[0])
        raise TemplateFault(
            f"{shown}: fields are not named in Bitrix24's own way here; write {meant}",
            Problem.WAY_OF_BITRIX24,
            shown,
            "#CONTACT_NAME#" if named is None else meant,
        )
    for missing in (*_NOT_CLOSED.finditer(text), *_NOT_OPENED.finditer(text)):
        if not _is_of_a_link(missing, missing):
            raise _no_field(missing[0], missing["name"], "a # is missing", Problem.SIGN_MISSING)
    brace = _BRACE_NOT_CLOSED.search(text)
    if brace is not None:
        meant = f"{{{brace['name']}}}"
        raise TemplateFault(
            f"{brace[0]}: the brace is not closed; write {meant}", Problem.BRACE_NOT_CLOSED, _shown(brace[0]), meant
        )


def _is_of_a_link(name: re.Match[str], mark: re.Match[str]) -> bool:
    """Whether a name in small letters is a link's own, as in https://shop.by/#contact_us."""
    before = re.split(r"\s", mark.string[: mark.start()])[-1]
    return "/" in before and not name["name"].partition("_")[0].isupper()


def _no_field(
    written: str, name: str, said: str = "no such field", problem: Problem = Problem.NO_SUCH_FIELD
) -> TemplateFault:
    meant = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    form = _LONG.fullmatch(meant)
    shown = _shown(written)
    if name.isascii() and form is not None and form["prefix"] in Prefix.__members__:
        return TemplateFault(f"{shown}: {said}; write #{meant}#", problem, shown, f"#{meant}#")
    kinds = ", ".join(each for each in Prefix)
    return TemplateFault(
        f"{shown}: {said}; before the _ there has to be one of {kinds}, behind it a field",
        Problem.NO_SUCH_PREFIX,
        shown,
    )


def _no_field_in_braces(written: str, name: str) -> TemplateFault:
    meant = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    form = _LONG.fullmatch(meant)
    shown = _shown(written)
    if form is not None and form["prefix"] in Prefix.__members__:
        instead = f"#{meant}#"
    elif name.isascii() and _SHORT.fullmatch(meant):
        instead = f"{{{meant}}}"
    else:
        known = "the field's name in capital Latin letters, such as {NAME}"
        return TemplateFault(f"{shown}: no such field; write {known}", Problem.NOT_A_NAME, shown)
    return TemplateFault(f"{shown}: no such field; write {instead}", Problem.NO_SUCH_FIELD, shown, instead)


def _shown(written: str) -> str:
    """On one line, and no longer than that."""
    return " ".join("".join(c if c.isprintable() else " " for c in written).split())[:_LONGEST_SHOWN]


def _clean(value: str) -> str:
    """Without characters that no SMS has: controls other than line breaks; without white space around it."""
    kept = "".join(c for c in value if c in "\r\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return kept.strip()

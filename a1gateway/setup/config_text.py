"""A configuration file as text: its values changed, its comments and everything else left as they are.

What a file says of itself in comments is worth more than its values to whoever opens it a year later. So a setting
that is commented out at its default, as in `config/a1gateway.example.toml`, gets its value where it stands, and one
that is not wanted is commented out. Whatever comes of that is parsed and compared with what is wanted: a file that is
written in another way (dotted keys, inline sections) is not edited wrongly, but not at all.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tomlkit
import tomlkit.exceptions

from ..config_secrets import Place
from ..config_sections import LISTS, SECTIONS

_HEADER = re.compile(r"\s*(#?)\[([A-Za-z0-9_.-]+)\]\s*(#.*)?")
_ENTRY = re.compile(r"\s*(#?)\[\[([A-Za-z0-9_.-]+)\]\]\s*(#.*)?")
_SETTING = re.compile(r"\s*(#?)([A-Za-z0-9_-]+)\s*=.*")
_NOTHING = re.compile(r"\s*(#.*)?")


@dataclass
class _Piece:
    """Some lines of the file that mean one thing."""

    lines: list[str]
    place: Place = ()
    """The section that it stands in, or begins."""
    key: str = ""
    """Of a setting; empty for all else."""
    header: bool = False
    commented: bool = False
    value: object = None

    def comment_out(self) -> None:
        # A secret has no business in a comment either.
        is_secret = self.place in SECTIONS and self.key in SECTIONS[self.place].secrets()
        self.lines = [] if is_secret else [f"#{line}" for line in self.lines]
        self.commented, self.key = True, "" if is_secret else self.key

    def write(self, value: object) -> None:
        """Give the setting this value; what stands behind it on the line stays."""
        if not self.commented and self.value == value and type(self.value) is type(value):
            return
        written = "\n".join(self.lines)
        if self.commented:
            written = written.replace("#", "", 1)
        statement = tomlkit.parse(f"{written}\n")
        statement[self.key] = _item(value)
        self.lines = statement.as_string().rstrip("\n").split("\n")
        self.commented, self.value = False, value


class _Strange(Exception):
    """The file is written in a way that is not edited here."""


def with_values(text: str, wanted: Mapping[str, Any]) -> str | None:
    """`text` with the values of `wanted` and no others; None when it is written in a way that cannot be edited so."""
    try:
        edited = _edited(text, wanted)
        return edited if tomllib.loads(edited) == wanted else None
    except (_Strange, tomllib.TOMLDecodeError, tomlkit.exceptions.TOMLKitError):
        return None


def anew(wanted: Mapping[str, Any]) -> str:
    """The values of `wanted` as a file without any comment."""
    document = tomlkit.document()
    for name, value in wanted.items():
        document[name] = value
    return tomlkit.dumps(document)


def _edited(text: str, wanted: Mapping[str, Any]) -> str:
    present = tomllib.loads(text)
    if present == wanted:
        return text
    pieces = list(_pieces(text.removesuffix("\n").split("\n")))
    sections = dict(_sections(wanted))
    same = {place for place in LISTS if present.get(place[0]) == wanted.get(place[0])}
    for piece in pieces:
        if piece.commented or not (piece.key or piece.header):
            continue
        if piece.place[:1] in LISTS:
            if piece.place[:1] not in same:
                piece.comment_out()
        elif piece.place not in sections or (piece.key and piece.key not in sections[piece.place]):
            piece.comment_out()
    above = {place[:-1] for place in sections}
    for place, values in sections.items():
        # A section that only has sections needs no line of its own.
        if values or place not in above:
            _fill(pieces, place, values)
    lines = [line for piece in pieces for line in piece.lines]
    for place in sorted(LISTS - same):
        for entry in wanted.get(place[0], []):
            lines += ["", f"[[{place[0]}]]", *(f"{key} = {_item(value).as_string()}" for key, value in entry.items())]
    return "\n".join(lines) + "\n"


def _fill(pieces: list[_Piece], place: Place, values: Mapping[str, object]) -> None:
    headers = [piece for piece in pieces if piece.header and piece.place == place]
    header = next((piece for piece in headers if not piece.commented), headers[0] if headers else None)
    if header is None and place:
        header = _Piece([f"[{'.'.join(place)}]"], place, header=True)
        pieces += [_Piece([""]), header]
    elif header is not None and header.commented:
        header.lines = [line.replace("#", "", 1) for line in header.lines]
        header.commented = False
    for key, value in values.items():
        there = [piece for piece in pieces if piece.place == place and piece.key == key]
        piece = next((each for each in there if not each.commented), there[0] if there else None)
        if piece is None:
            piece = _Piece([f"#{key} = 0"], place, key, commented=True)
            pieces.insert(_behind(pieces, place), piece)
        piece.write(value)


def _behind(pieces: Sequence[_Piece], place: Place) -> int:
    """Where a new setting of a section has its place: behind the last one."""
    there = [n for n, piece in enumerate(pieces) if piece.place == place and (piece.header or piece.key)]
    return there[-1] + 1 if there else 0


def _pieces(lines: Sequence[str]) -> Iterator[_Piece]:
    begun: Place = ()
    """The section that settings stand in."""
    shown: Place = ()
    """The section that settings would stand in, were nothing commented out."""
    entries = 0
    n = 0
    while n < len(lines):
        line, taken = lines[n], 1
        if (entry := _ENTRY.fullmatch(line)) is not None:
            shown = (*entry[2].split("."), str(entries))
            entries += 1
            begun = begun if entry[1] else shown
            yield _Piece([line], shown, header=True, commented=bool(entry[1]))
        elif (header := _HEADER.fullmatch(line)) is not None:
            shown = tuple(header[2].split("."))
            begun = begun if header[1] else shown
            yield _Piece([line], shown, header=True, commented=bool(header[1]))
        elif (setting := _SETTING.fullmatch(line)) is not None and setting[1]:
            value = _value(line.replace("#", "", 1), setting[2])
            yield _Piece([line]) if value is None else _Piece([line], shown, setting[2], commented=True, value=value)
        elif setting is not None:
            value = _value(line, setting[2])
            while value is None and n + taken < len(lines):
                taken += 1
                value = _value("\n".join(lines[n : n + taken]), setting[2])
            if value is None or _is_section((*begun, setting[2])):
                raise _Strange
            yield _Piece(list(lines[n : n + taken]), begun, setting[2], value=value)
        elif _NOTHING.fullmatch(line) is not None:
            yield _Piece([line])
        else:
            raise _Strange
        n += taken


def _value(statement: str, key: str) -> object | None:
    try:
        return tomllib.loads(f"{statement}\n").get(key)
    except tomllib.TOMLDecodeError:
        return None


def _sections(wanted: Mapping[str, Any], place: Place = ()) -> Iterator[tuple[Place, dict[str, object]]]:
    """The sections of a table with their own settings, in the order of the models."""
    own = {name: value for name, value in wanted.items() if not _is_section((*place, name))}
    if place or own:
        yield place, own
    for name in sorted(wanted.keys() - own.keys(), key=[*SECTIONS[place].model_fields].index):
        if (*place, name) not in LISTS:
            yield from _sections(wanted[name], (*place, name))


def _is_section(place: Place) -> bool:
    return place in SECTIONS


def _item(value: object) -> Any:
    if isinstance(value, Mapping):
        inline = tomlkit.inline_table()
        for key, each in value.items():
            inline[key] = _item(each)
        return inline
    return tomlkit.item(copy.deepcopy(value))

"""Bodies as the outside parties send them: forms with PHP's brackets, plain forms, JSON, queries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.iweb import IRequest

# What PHP itself takes in by default (max_input_vars, max_input_nesting_level is 64).
_MOST_FIELDS = 1000
_DEEPEST = 16
# Octets; no name in a genuine call comes near. Anybody may send longer ones, and would have them kept for good.
_LONGEST_KEPT = 100

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"([^\[]+)((?:\[[^\[\]]*\])*)")


OF_STRANGERS = 65_536
"""Octets of a body that is read before it is known whose it is; those of the portal's frame have two thousand."""


class TooLarge(Exception):
    """A body over what the route takes; answered with 413."""


class BadBody(Exception):
    """A body that cannot be understood; answered with 400."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields with PHP's brackets as nested dictionaries: `a[b][c]=1` is `{"a": {"b": {"c": "1"}}}`.

    `a[]` counts up from 0, and of two fields with one name the later stands, as in PHP. A name that has its brackets
    in any other way is taken as it is. Raises `BadBody` for too many fields or too deep ones.
    """
    return _nested((_keys(name), value) for name, value in pairs)


def _nested(fields: Iterable[tuple[tuple[str, ...], str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for count, (keys, value) in enumerate(fields):
        if count >= _MOST_FIELDS:
            raise BadBody("too_many_fields", f"more than {_MOST_FIELDS} fields")
        if len(keys) > _DEEPEST:
            raise BadBody("too_deep", f"a field with more than {_DEEPEST} levels")
        if len(keys) == 1:
            result[keys[0]] = value
            continue
        place = result
        for key in keys[:-1]:
            key = key or _next_index(place)
            inner = place.get(key)
            if not isinstance(inner, dict):
                inner = place[key] = {}
            place = inner
        place[keys[-1] or _next_index(place)] = value
    return result


def _keys(name: str) -> tuple[str, ...]:
    match = _NAME.fullmatch(name)
    return (match[1], *_BRACKETS.findall(match[2])) if match else (name,)


def _next_index(place: dict[str, Any]) -> str:
    return str(1 + max((int(key) for key in place if key.isdecimal() and key.isascii()), default=-1))


def read_fields(request: IRequest, *, most: int | None = None) -> dict[str, Any]:
    """The fields of the query and of the body, the body's before the query's; raises `BadBody`.

    Raises `TooLarge` for a body of more than `most` octets, where that is given.

    A body is read as JSON when it says that it is, else as a form in UTF-8.
    """
    query = request.uri.partition(b"?")[2]
    fields = _form(query)
    body = request.content.read()
    if most is not None and len(body) > most:
        raise TooLarge
    kind = header(request, b"Content-Type").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            content = json.loads(body)
            # JSON can spell halves of characters, which cannot be written anywhere.
            json.dumps(content, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise BadBody("bad_json", "the body says that it is JSON, but it is not") from None
        if not isinstance(content, dict):
            raise BadBody("bad_json", "the body has to be a JSON object")
        return fields | content
    if kind in ("", "application/x-www-form-urlencoded", "text/plain"):
        return fields | _form(body)
    if body:
        raise BadBody("bad_content_type", "the body has to be a form (application/x-www-form-urlencoded) or JSON")
    return fields


def header(request: IRequest, name: bytes) -> str:
    """A header, octet for character: anybody may send anything in one; empty when it is missing."""
    value: bytes | None = request.getHeader(name)
    return (value or b"").decode("latin-1")


def _form(encoded: bytes) -> dict[str, Any]:
    """The fields of a form; raises `BadBody`."""
    if not encoded:
        return {}
    if encoded.count(b"&") >= _MOST_FIELDS:
        raise BadBody("too_many_fields", f"more than {_MOST_FIELDS} fields")
    try:
        # Some clients send letters that are not percent-encoded.
        encoded.decode("utf-8")
        pieces = [piece.partition(b"=") for piece in encoded.split(b"&") if piece]
        return _nested([(_encoded_keys(name), _decoded(value)) for name, _, value in pieces])
    except UnicodeDecodeError:
        raise BadBody("bad_encoding", "the form is not in UTF-8") from None


def _decoded(octets: bytes) -> str:
    """As `urllib.parse.parse_qsl` decodes names and values; raises `UnicodeDecodeError`."""
    octets = octets.replace(b"+", b" ")
    if b"%" not in octets:
        return octets.decode("utf-8")
    try:
        # %D0 is Python's \xD0, which it reads a whole text at once; `urllib` takes one octet after another.
        escaped = octets.replace(b"\\", b"\\\\").replace(b"%", b"\\x")
        return escaped.decode("unicode_escape").encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        # A % that begins no escape stands for itself.
        return unquote_to_bytes(octets).decode("utf-8")


def _encoded_keys(name: bytes) -> tuple[str, ...]:
    """The keys of a name as it came."""
    return _kept_keys(name) if len(name) <= _LONGEST_KEPT else _keys(_decoded(name))


@lru_cache(maxsize=256)
def _kept_keys(name: bytes) -> tuple[str, ...]:
    """The same for names that come again and again: those of thousands of calls are always the same."""
    return _keys(_decoded(name))


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """A field as text; empty when it is missing or is no single value."""
    value = fields.get(name)
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, (bool, dict, list)) else str(value)


def inner_fields(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A field that holds fields; empty when it is missing or holds none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}

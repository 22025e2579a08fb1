"""Reading requests and answering them, well and badly; shared by everything the sandbox serves."""

from __future__ import annotations

import json
from typing import Any, Never
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.web.server import Request

HTML = b"""<!DOCTYPE html>
<html><head><title>Service unavailable</title></head>
<body><h1>Technical works</h1><p>Please come back later.</p></body></html>
"""


def body_of(request: Request) -> bytes:
    """The request's whole body."""
    if request.content is None:
        return b""
    request.content.seek(0)
    return bytes(request.content.read())


def content_type(request: Request) -> str:
    """The media type of the body in lower case, without parameters; empty when none is named."""
    return (request.getHeader("content-type") or "").partition(";")[0].strip().lower()


def query_of(request: Request) -> list[tuple[str, str]]:
    """The query's fields in their order. Raises UnicodeDecodeError when one is not UTF-8."""
    return _fields(request.uri.partition(b"?")[2])


def form_of(request: Request) -> list[tuple[str, str]]:
    """The form body's fields in their order. Raises UnicodeDecodeError when one is not UTF-8."""
    if content_type(request) == "multipart/form-data":
        names = {name for name, _ in query_of(request)}
        return [
            (name.decode(), values[-1].decode())
            for name, values in (request.args or {}).items()
            if name.decode() not in names
        ]
    if content_type(request) != "application/x-www-form-urlencoded":
        return []
    return _fields(body_of(request))


def _fields(encoded: bytes) -> list[tuple[str, str]]:
    return parse_qsl(encoded.decode("ascii", "replace"), keep_blank_values=True, errors="strict")


def json_answer(request: Request, value: Any, status: int = 200) -> bytes:
    """Sets status and type and returns `value` as the body."""
    request.setResponseCode(status)
    request.setHeader("content-type", "application/json; charset=utf-8")
    request.setHeader("cache-control", "no-store")
    return json.dumps(value, ensure_ascii=False).encode()


def html_answer(request: Request, status: int = 200) -> bytes:
    """The page that a proxy or a hoster puts in the place of an answer."""
    request.setResponseCode(status)
    request.setHeader("content-type", "text/html; charset=utf-8")
    return HTML


async def never() -> Never:
    """Answers nothing for as long as the caller stays; raises CancelledError once it is gone."""
    await Deferred[None]()
    raise AssertionError("nothing fires this")


async def drop(request: Request) -> Never:
    """Closes the connection without a byte of an answer."""
    request.loseConnection()
    await never()


async def cut(request: Request, body: bytes) -> Never:
    """Announces the whole of `body`, sends half of it and closes the connection."""
    request.setHeader("content-length", str(len(body)))
    request.write(body[: len(body) // 2])
    request.loseConnection()
    await never()

"""Making HTML of templates, with the headers that let only the portal frame it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from twisted.web.iweb import IRequest

from ..words.words import Words

STATIC = "/bitrix24/static"
_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}


class Assets:
    """Scripts and styles, each under an address that changes with it."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[str, bytes]] = {}

    def read(self, name: str) -> tuple[str, bytes] | None:
        """The media type and the content of a file below `static`; None when there is none of that name."""
        kind = _KINDS.get(name.rpartition(".")[2])
        if kind is None or name not in self._names:
            return None
        if name not in self._read:
            self._read[name] = (kind, (files(__package__) / "static" / name).read_bytes())
        return self._read[name]

    def address(self, name: str) -> str:
        """Where a page finds the file."""
        found = self.read(name)
        assert found is not None, name
        return f"{STATIC}/{name}?v={hashlib.sha256(found[1]).hexdigest()[:16]}"

    @cached_property
    def _names(self) -> frozenset[str]:
        # Only names that a listing gives are read: no path from outside is.
        root = files(__package__) / "static"
        own = {each.name for each in root.iterdir() if each.is_file()}
        vendored = {f"vendor/{each.name}" for each in (root / "vendor").iterdir() if each.is_file()}
        return frozenset(own | vendored)


class Renderer:
    """Renders templates; whatever people or outside parties have written is text in them, never markup."""

    def __init__(self, assets: Assets) -> None:
        self._templates = Environment(
            loader=PackageLoader(__package__ or ""),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["asset"] = assets.address

    def render(self, template: str, words: Words, values: Mapping[str, Any]) -> bytes:
        """A template with the words of a language as `t`."""
        return self._templates.get_template(template).render(t=words, **values).encode("utf-8", "replace")


def framed_by(request: IRequest, endpoint: str) -> None:
    """The headers of a page that the portal alone may show in a frame; `endpoint` is the portal's REST address."""
    origin = "/".join(endpoint.split("/")[:3])
    secured(request, f"frame-ancestors 'self' {origin}")


def secured(request: IRequest, ancestors: str) -> None:
    """The headers of everything that is a page: nothing in it comes from elsewhere, nothing of it is kept."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        f" connect-src 'self'; form-action 'self'; base-uri 'none'; {ancestors}"
    )
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    # Not "no-referrer": browsers then send forms as if they came from nowhere.
    request.setHeader(b"Referrer-Policy", b"same-origin")
    request.setHeader(b"Content-Security-Policy", policy.encode("ascii", "ignore"))

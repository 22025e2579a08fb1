"""Renders the simulated portal's pages; each may load what the portal itself serves, and frame what it names."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from twisted.web.server import Request

_HERE = Path(__file__).parent

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action {framed}; frame-src {framed}"
)

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class PortalPages:
    """Templates, and what belongs to them."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def render(
        self, request: Request, template: str, values: dict[str, object], *, framed: str = "'none'", status: int = 200
    ) -> bytes:
        """A page that may post into a frame of the origin `framed`, and nowhere else."""
        request.setResponseCode(status)
        request.setHeader("content-type", "text/html; charset=utf-8")
        request.setHeader("content-security-policy", _POLICY.format(framed=framed))
        request.setHeader("x-content-type-options", "nosniff")
        request.setHeader("cache-control", "no-store")
        return self._templates.get_template(template).render(values).encode()

    def file(self, request: Request, name: str) -> bytes:
        """A script, a style or a picture; 404 when there is none of that name."""
        kind = _KINDS.get(Path(name).suffix)
        # Only names that a listing gives are read: no path from outside is.
        known = {path.name: path for path in (_HERE / "static").iterdir()}
        if kind is None or name not in known:
            request.setResponseCode(404)
            return b""
        request.setHeader("content-type", kind)
        request.setHeader("cache-control", "no-cache")
        return known[name].read_bytes()

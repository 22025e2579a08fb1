"""The portal's page: a contact card to send SMS from, with the switches of the sandbox."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from twisted.web.server import Request

from a1gateway.sandbox.installation import Installation

_HERE = Path(__file__).parent

# Everything comes from the sandbox itself, but for the frame with the gateway's page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self' {gateway}; frame-src {gateway}"
)

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Card:
    """Renders the page and the installation's frame."""

    def __init__(self, installation: Installation, gateway: str) -> None:
        self._installation = installation
        self._gateway = gateway
        self._templates = Environment(loader=FileSystemLoader(_HERE / "templates"), autoescape=True)

    def page(self, request: Request) -> bytes:
        """The contact card."""
        return self._render(request, "card.html", {"domain": self._installation.application.domain})

    def file(self, request: Request, name: str) -> bytes:
        """A part of the page; 404 when there is no such part."""
        kind = _KINDS.get(Path(name).suffix)
        # Only names that a listing gives are read: no path from outside is.
        known = {path.name: path for path in (_HERE / "static").iterdir()}
        if kind is None or name not in known:
            request.setResponseCode(404)
            return b""
        request.setHeader("content-type", kind)
        request.setHeader("cache-control", "no-cache")
        return known[name].read_bytes()

    def install_page(self, request: Request) -> bytes:
        """A form with the tokens of a new installation, and the frame that it is posted into."""
        action, fields = self._installation.page_form(self._gateway)
        return self._render(request, "install.html", {"action": action, "fields": fields})

    def _render(self, request: Request, template: str, values: dict[str, object]) -> bytes:
        request.setHeader("content-type", "text/html; charset=utf-8")
        request.setHeader("content-security-policy", _POLICY.format(gateway=self._gateway))
        request.setHeader("x-content-type-options", "nosniff")
        request.setHeader("cache-control", "no-store")
        return self._templates.get_template(template).render(values).encode()

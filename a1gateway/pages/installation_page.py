"""What an administrator sees in Bitrix24's frame who installs the application, in the user's language."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.web.iweb import IRequest

from ..words.words import Words, language_of, words
from .renderer import Assets, Renderer, framed_by, secured


@dataclass(frozen=True, slots=True)
class Registered:
    """What the installation page shows."""

    code: str
    name: str
    handler: str
    portal: str
    stands: bool
    trouble: str | None


class InstallationPage:
    """Renders the page, which the portal alone may frame, or why there is none."""

    def __init__(self) -> None:
        self._renderer = Renderer(Assets())

    def installed(self, request: IRequest, language: str, endpoint: str, registered: Registered) -> bytes:
        """What is registered; the page also ends the installation in Bitrix24.

        `language` is the portal's word for the user's, `endpoint` the portal's REST address.
        """
        framed_by(request, endpoint)
        values = {"registered": registered, "handler": _without_secret(registered.handler)}
        return self._renderer.render("installation.html", _words(language), values)

    def refusal(self, request: IRequest, language: str, *, later: bool) -> bytes:
        """Why there is no page; shown to whoever asks, so it names nothing."""
        secured(request, "frame-ancestors *")
        values = {"key": "installation.later" if later else "installation.refused"}
        return self._renderer.render("refusal.html", _words(language), values)


def _words(language: str) -> Words:
    return words(language_of(language))


def _without_secret(url: str) -> str:
    return url.rpartition("/")[0] + "/…"

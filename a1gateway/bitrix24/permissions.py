"""Which permissions the application has in Bitrix24, as the portal says.

The list that came with the tokens is of the installation; the portal is the one that knows. Source: Bitrix24's
documentation of `scope`.
"""

from __future__ import annotations

from ..interfaces import IPortal
from .crm_answers import listed

_COVERED_BY = {"user_brief": {"user", "user_basic"}, "user_basic": {"user"}}


class Permissions:
    """The latest word of the portal."""

    def __init__(self, portal: IPortal) -> None:
        self._portal = portal
        self._renewals = 0
        self.granted: frozenset[str] | None = None
        """In lower case; None until the portal has been asked, and after an installation."""

    def renew(self) -> None:
        """The application has been installed, updated or uninstalled."""
        self._renewals += 1
        self.granted = None

    async def ask(self) -> None:
        """Ask the portal; raises `PortalTrouble`, `PortalError`."""
        renewals = self._renewals
        answer = await self._portal.call("scope", {})
        if renewals == self._renewals:
            self.granted = frozenset(str(each).lower() for each in listed(answer))

    def missing(self, needed: frozenset[str]) -> frozenset[str]:
        """Those of them that the application does not have; none while nobody knows."""
        granted = self.granted
        if granted is None:
            return frozenset()
        return frozenset(each for each in needed - granted if not _COVERED_BY.get(each, set()) & granted)

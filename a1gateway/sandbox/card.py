"""The portal's page: a contact card to send SMS from, with the switches of the sandbox."""

from __future__ import annotations

from twisted.web.server import Request

from a1gateway.sandbox.crm import CONTACT_ID, DEAL_ID, LEAD_ID
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.portal_pages import PortalPages
from a1gateway.sandbox.users import EMPLOYEE_ID, INSTALLER_ID


class Card:
    """Renders the page."""

    def __init__(self, installation: Installation, pages: PortalPages) -> None:
        self._installation = installation
        self._pages = pages

    def page(self, request: Request) -> bytes:
        """The contact card."""
        values: dict[str, object] = {
            "domain": self._installation.application.domain,
            "viewers": (("administrator", INSTALLER_ID), ("manager", EMPLOYEE_ID)),
            "cards": (("deal", DEAL_ID), ("contact", CONTACT_ID), ("lead", LEAD_ID)),
        }
        return self._pages.render(request, "card.html", values)

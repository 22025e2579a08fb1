"""The gateway's tabs in the cards of leads, deals, contacts and companies.

Source: Bitrix24's documentation of `placement.bind`, `placement.get` and `placement.unbind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..interfaces import IPortal
from .crm_answers import listed
from .item import NAMES

TABS = {f"CRM_{name.upper()}_DETAIL_TAB": entity_type for entity_type, name in NAMES.items()}
"""The placements that show an item's messages, with the type of the item."""
_TITLE = "SMS A1"
_LANGUAGES = ("ru", "be", "en")


async def bind_tabs(portal: IPortal, url: str) -> None:
    """Show the page at `url` in the tabs, and none at an address that the gateway has had before.

    Raises as `IPortal.call`; the application needs the permission `placement`.
    """
    bound = [
        (str(each.get("placement", "")).upper(), str(each.get("handler", "")))
        for each in listed(await portal.call("placement.get", {}))
        if isinstance(each, Mapping)
    ]
    for placement, handler in bound:
        if placement in TABS and handler != url:
            await portal.call("placement.unbind", {"PLACEMENT": placement, "HANDLER": handler})
    for placement in TABS:
        if (placement, url) not in bound:
            await portal.call("placement.bind", _tab(placement, url))


def _tab(placement: str, url: str) -> dict[str, Any]:
    words = {language: {"TITLE": _TITLE} for language in _LANGUAGES}
    return {"PLACEMENT": placement, "HANDLER": url, "TITLE": _TITLE, "LANG_ALL": words}

"""The portal as one of its users sees it, with that user's own token.

Source: Bitrix24's documentation of `crm.item.get` and `user.current`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bitrix24.crm_answers import id_of, text_of
from ..bitrix24.item import Item
from ..bitrix24.portal import Portal
from ..bitrix24.tokens import Tokens
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..msisdn import Msisdn, read_number

_PHONES = ("PERSONAL_MOBILE", "WORK_PHONE", "PERSONAL_PHONE")


class UsersPortal:
    """See `journal_pages.IUsersPortal`."""

    def __init__(self, portal: Portal, tokens: Tokens) -> None:
        self._portal = portal
        self._tokens = tokens

    async def read(self, access_token: str, item: Item) -> Mapping[str, Any]:
        """The item, if this user may read it; raises `PortalError` when not, `PortalTrouble` when nobody can say."""
        endpoint = self._tokens.current().client_endpoint
        asked = {"entityTypeId": item.entity_type, "id": item.id}
        answer = await self._portal.ask_as(endpoint, access_token, "crm.item.get", asked)
        found = answer.get("item") if isinstance(answer, Mapping) else None
        if not isinstance(found, Mapping) or id_of(found) != item.id:
            raise PortalError("NOT_FOUND", "the portal shows no such item")
        return found

    async def phone(self, access_token: str) -> str:
        """The user's own mobile number, `+375XXXXXXXXX`; empty when the portal tells none.

        Many do not: that takes the application's permission `user_basic`.
        """
        endpoint = self._tokens.current().client_endpoint
        try:
            answer = await self._portal.ask_as(endpoint, access_token, "user.current")
        except (PortalError, PortalTrouble):
            return ""
        found = answer if isinstance(answer, Mapping) else {}
        read = (read_number(text_of(found.get(name))) for name in _PHONES)
        return next((each.number for each in read if isinstance(each, Msisdn)), "")

"""The portal as one of its users sees it, with that user's own token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bitrix24.crm_answers import id_of
from ..bitrix24.item import Item
from ..bitrix24.portal import Portal
from ..bitrix24.tokens import Tokens
from ..bitrix24.trouble import PortalError


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

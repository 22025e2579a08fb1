"""Getting in: whoever opens the application in the portal's frame is who the portal says, and nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..bitrix24.calls import ApplicationCall
from ..bitrix24.item import Item
from ..bitrix24.lifecycle import YES, Lifecycle
from ..bitrix24.placements import TABS
from ..errors import TryLater
from ..web.forms import text_field
from .sessions import LONGEST, Sessions, Visitor

MOST_AT_ONCE = 20
"""So many are being asked for at a time: a flood of calls must not use up what the portal lets us ask."""
_ID = re.compile(r"[1-9]\d{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the portal the frame is: the application's menu item, or the tab of an item's card."""

    item: Item | None = None
    is_tab: bool = False
    """A tab whose item cannot be told shows nothing, rather than everything."""


def place_of(fields: Mapping[str, Any]) -> Place:
    """Where the frame is by the fields that it posts, `PLACEMENT` and `PLACEMENT_OPTIONS`."""
    entity_type = TABS.get(text_field(fields, "PLACEMENT").strip().upper())
    if entity_type is None:
        return Place()
    try:
        options = json.loads(text_field(fields, "PLACEMENT_OPTIONS"))
    except (ValueError, RecursionError):
        options = None
    id_ = str(options.get("ID", "")) if isinstance(options, dict) else ""
    return Place(Item(entity_type, int(id_)) if _ID.fullmatch(id_) else None, is_tab=True)


class Entry:
    """Lets in whom the portal vouches for."""

    def __init__(self, lifecycle: Lifecycle, sessions: Sessions) -> None:
        self._lifecycle = lifecycle
        self._sessions = sessions
        self._asking = 0

    def vouches(self, call: ApplicationCall) -> bool:
        """Whether the call brings what only the portal knows, whoever has opened the frame."""
        return self._lifecycle.vouches(call.credentials)

    async def let_in(self, call: ApplicationCall, fields: Mapping[str, Any], language: str) -> str:
        """The token of a new session for whoever opens the frame.

        Raises `NotGenuine` when the portal does not know the user, or the application as ours, and `TryLater` when it
        cannot be asked now.
        """
        if self._asking >= MOST_AT_ONCE:
            raise TryLater("too many are opening the application at the same time")
        self._asking += 1
        try:
            profile = await self._lifecycle.prove_user(call.credentials)
        finally:
            self._asking -= 1
        return self._sessions.begin(_visitor(profile), call.credentials.access_token, language, _lifetime(fields))


def _visitor(profile: Mapping[str, Any]) -> Visitor:
    name = " ".join(str(profile.get(part) or "").strip() for part in ("NAME", "LAST_NAME"))
    return Visitor(int(profile["ID"]), name.strip()[:100], profile.get("ADMIN") in YES)


def _lifetime(fields: Mapping[str, Any]) -> float:
    """The portal's token for the user is good for so many seconds."""
    given = text_field(fields, "AUTH_EXPIRES").strip()
    return float(given) if given.isascii() and given.isdecimal() and len(given) < 9 else LONGEST

"""Who may see which item of the simulated CRM."""

from __future__ import annotations

from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.settings import Adjustable, PortalSettings


class Rights:
    """Administrators see everything; others, what the setting `hidden_items` does not name."""

    def __init__(self, settings: Adjustable[PortalSettings]) -> None:
        self._settings = settings

    def may_see(self, caller: Holder, entity_type: int, item: int) -> bool:
        """Whether the caller may read an item, and change it."""
        return caller.admin or (entity_type, item) not in self._settings.now.hidden_items

    def seen(self, caller: Holder, entity_type: int, items: list[int]) -> list[int]:
        """Those of `items` that the caller may see, in their order."""
        if caller.admin or not self._settings.now.hidden_items:
            return items
        return [item for item in items if self.may_see(caller, entity_type, item)]

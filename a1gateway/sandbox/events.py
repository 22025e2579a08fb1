"""Event handlers that applications have bound in the simulated portal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from a1gateway.sandbox.messageservice import check_handler
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError, access_denied

KNOWN = frozenset(
    {
        "ONAPPINSTALL",
        "ONAPPUPDATE",
        "ONAPPUNINSTALL",
        "ONAPPTEST",
        *(
            f"ONCRM{of}{what}"
            for of in ("LEAD", "DEAL", "CONTACT", "COMPANY", "DYNAMICITEM")
            for what in ("ADD", "UPDATE", "DELETE")
        ),
        "ONCRMDEALMOVETOCATEGORY",
        "ONVOXIMPLANTCALLEND",
        "ONBOOKINGADD",
        "ONBOOKINGUPDATE",
        "ONBOOKINGDELETE",
        "ONCALENDARENTRYADD",
        "ONCALENDARENTRYUPDATE",
        "ONCALENDARENTRYDELETE",
    }
)


@dataclass(frozen=True, slots=True)
class Binding:
    """One bound handler; `auth_type` is the user in whose name it is called, 0 for the one who acted."""

    event: str
    handler: str
    auth_type: int
    offline: bool


class Events:
    """The REST methods `event.*`."""

    def __init__(self) -> None:
        self._bound: list[Binding] = []

    def handlers(self, event: str) -> list[str]:
        """The addresses bound to `event`."""
        return [binding.handler for binding in self._bound if binding.event == event and not binding.offline]

    def clear(self) -> None:
        """Removes every binding."""
        self._bound.clear()

    def bind(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`event.bind`."""
        event, handler = _event(given), str(given.get("HANDLER") or "")
        offline = given.get("EVENT_TYPE") == "offline"
        auth_type = int(given["AUTH_TYPE"]) if str(given.get("AUTH_TYPE", "")).isdecimal() else 0
        if (auth_type or offline) and not caller.admin:
            raise access_denied()
        if not offline:
            check_handler(handler)
        if any((bound.event, bound.handler) == (event, handler) for bound in self._bound):
            raise RestError("ERROR_CORE", "Unable to set event handler: Handler already binded")
        self._bound.append(Binding(event, handler, auth_type, offline))
        return True

    def get(self, _: Mapping[str, Any], caller: Holder) -> list[dict[str, Any]]:
        """`event.get`."""
        del caller
        return [
            {
                "event": bound.event,
                "handler": bound.handler,
                "auth_type": str(bound.auth_type),
                "offline": int(bound.offline),
            }
            for bound in self._bound
        ]

    def unbind(self, given: Mapping[str, Any], caller: Holder) -> dict[str, int]:
        """`event.unbind`."""
        del caller
        event, handler = _event(given), given.get("HANDLER")
        kept = [
            bound
            for bound in self._bound
            if bound.event != event or (handler and bound.handler != handler) or bound.offline
        ]
        count = len(self._bound) - len(kept)
        self._bound = kept
        return {"count": count}


def _event(given: Mapping[str, Any]) -> str:
    event = str(given.get("EVENT") or "").upper()
    # Those of one smart process end in its number.
    if re.sub(r"(?<=ADD|ATE|ETE)_\d+$", "", event) not in KNOWN:
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found!")
    return event

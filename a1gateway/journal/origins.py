"""Where messages come from: who sent them, in a word that they can be counted by, and the items of the CRM behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..bitrix24.contacts import items_of

__all__ = ["BY_PAGE", "CARD", "COMMAND", "MAILING", "OTHER", "ROBOT", "RULE", "SCENARIO", "items_of", "sent_by"]

CARD, ROBOT, MAILING, BY_PAGE, COMMAND, OTHER = "card", "robot", "mailing", "page", "command", "other"
"""An employee in a card of the CRM; Bitrix24's own robot; a mailing of CRM Marketing; a page of the gateway's, or one
of its commands."""
RULE, SCENARIO = "rule:", "scenario:"
"""How the words begin for the gateway's automation rules, with the rule's code, and for its scenarios."""
_MODULES = {"crm": CARD, "bizproc": ROBOT, "sender": MAILING}
_LONGEST = 80


def sent_by(origin: Mapping[str, Any]) -> str:
    """Who sent a message with this origin."""
    if scenario := origin.get("scenario"):
        return f"{SCENARIO}{scenario}"[:_LONGEST]
    if origin.get("page"):
        return BY_PAGE
    if origin.get("command"):
        return COMMAND
    if module := origin.get("module_id"):
        return _MODULES.get(str(module).strip().lower(), OTHER)
    # Only the gateway's rules have a code without a module.
    if code := origin.get("code"):
        return f"{RULE}{code}"[:_LONGEST]
    return OTHER

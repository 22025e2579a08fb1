"""What the commands ask about single messages: sending one, and how far it has come."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..by_hand import Sender
from ..errors import GatewayError
from ..journal import whole
from ..journal.reader import IReader
from ..journal.whole import Whole
from ..message import Kind
from .operations import Operation

SEND = "send"
"""What `command` in the origin of a message says that was sent at the command line."""
_ONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")


def message_operations(clock: IReactorTime, reader: IReader, sender: Sender) -> dict[str, Operation]:
    """`messages.send`: once for each `once`, however often it is asked. `messages.way`: null of an unknown one."""

    async def send(given: dict[str, Any]) -> Any:
        once = str(given["once"])
        if not _ONCE.fullmatch(once):
            raise GatewayError("once: 16 to 64 Latin letters, digits, - and _")
        name = name_of(once)
        acceptance = await sender.send(
            name,
            clock.seconds(),
            str(given["number"]),
            str(given["text"]),
            kind=Kind(given["kind"]),
            origin={"command": SEND, "user": str(given["user"])},
        )
        return {"message_id": name, "refusal": acceptance.refusal, "repeated": acceptance.repeated}

    async def way(given: dict[str, Any]) -> Any:
        found = await reader.read(whole.whole, str(given["message_id"]))
        return None if found is None else _written(found)

    return {"messages.send": send, "messages.way": way}


def name_of(once: str) -> str:
    """The `message_id` under which a message is taken in; Bitrix24 gives none like it."""
    return f"{SEND}:{once}"


def _written(found: Whole) -> dict[str, Any]:
    listed = found.listed
    return {
        "message_id": listed.message_id,
        "number": listed.msisdn or listed.number_received,
        "sender_id": listed.sender_id,
        "kind": str(listed.kind),
        "status": str(listed.status),
        "reason": listed.reason,
        "stage": str(listed.stage),
        "uncertain": found.uncertain,
        "segments": listed.segments,
        "amount": None if listed.amount is None else str(listed.amount),
        "a1_id": listed.a1_id,
        "accepted_at": listed.received_at,
        "final_at": listed.final_at,
        "steps": [
            {
                "at": step.at,
                "source": str(step.source),
                "status": None if step.status is None else str(step.status),
                "word": step.word,
                "note": step.note,
            }
            for step in found.history
        ],
    }

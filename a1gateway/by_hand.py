"""SMS that people send by hand, from a page or at the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .admission import Admission
from .automation.template import fields_left_in
from .intake import Intake
from .message import Acceptance, Arrival, Kind, Refusal, Teller


class Sender:
    """Hands them over as Bitrix24 hands over its messages. Bitrix24 knows nothing of them, and is told nothing."""

    def __init__(self, intake: Intake, admission: Admission) -> None:
        self._intake = intake
        self._admission = admission

    async def send(
        self,
        name: str,
        now: float,
        number: str,
        text: str,
        *,
        kind: Kind = Kind.TRANSACTIONAL,
        sender_id: str | None = None,
        origin: Mapping[str, Any],
    ) -> Acceptance:
        """Take it in under the identifier `name`, once; raises `TryLater` when nothing can hold it."""
        return await self._intake.take_message(self.arrival(name, now, number, text, kind, sender_id, origin))

    def arrival(
        self,
        name: str,
        now: float,
        number: str,
        text: str,
        kind: Kind,
        sender_id: str | None,
        origin: Mapping[str, Any],
    ) -> Arrival:
        """The message as it would be taken in."""
        left = fields_left_in(text)
        return self._admission.arrival(
            name,
            now,
            number,
            text,
            kind,
            origin=origin,
            sender_id=sender_id,
            teller=Teller.NOBODY,
            refusal=Refusal.UNFILLED_FIELD if left else None,
            note=left,
        )

"""The simulated portal's events: called once, with little in them; late, doubled, out of order, lost."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klein import Klein
from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.events import Events
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.tasks import Tasks

_NAMES = {1: "LEAD", 2: "DEAL", 3: "CONTACT", 4: "COMPANY"}


class EventManner(BaseModel):
    """How events are delivered; shares are 0 to 1, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    late: float = Field(default=0.0, ge=0)
    doubled: float = Field(default=0.0, ge=0, le=1)
    shuffled: float = Field(default=0.0, ge=0)  # each up to so much later than the others, at random
    lost: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0


@dataclass(slots=True)
class Delivered:
    """A call of a handler; `answer` is its HTTP status, None as long as there is none."""

    event: str
    data: dict[str, Any]
    answer: int | None = None


class EventCalls:
    """Calls whoever has bound an event. Nothing is repeated, whatever the answer."""

    app = Klein()

    def __init__(
        self,
        clock: IReactorTime,
        events: Events,
        installation: Installation,
        *,
        outgoing: Outgoing,
        tasks: Tasks,
    ) -> None:
        self._clock = clock
        self._events = events
        self._installation = installation
        self._outgoing = outgoing
        self._tasks = tasks
        self.delivered: list[Delivered] = []
        self.behave(EventManner())

    def behave(self, manner: EventManner) -> None:
        """Deliver so from now on."""
        self.manner = manner
        self._dice = random.Random(manner.seed)  # noqa: S311 - the same for the same seed

    def clear(self) -> None:
        """Forget what was delivered, and behave well."""
        self.delivered.clear()
        self.behave(EventManner())

    def item_changed(self, what: str, entity_type: int, item: int) -> None:
        """An item was made (`ADD`), changed (`UPDATE`) or deleted (`DELETE`)."""
        name = _NAMES.get(entity_type)
        if name is not None:
            self.fire(f"ONCRM{name}{what}", {"FIELDS": {"ID": item}})
            return
        fields = {"FIELDS": {"ID": item, "ENTITY_TYPE_ID": entity_type}}
        for event in (f"ONCRMDYNAMICITEM{what}", f"ONCRMDYNAMICITEM{what}_{entity_type}"):
            self.fire(event, fields)

    def fire(self, event: str, data: Mapping[str, Any]) -> None:
        """Call every handler of an event."""
        for handler in self._events.handlers(event):
            if self._dice.random() < self.manner.lost:
                continue
            for _ in range(2 if self._dice.random() < self.manner.doubled else 1):
                wait = self.manner.late + self._dice.random() * self.manner.shuffled
                self._tasks.start(self._call(event, dict(data), handler, wait))

    async def _call(self, event: str, data: dict[str, Any], handler: str, wait: float) -> None:
        await self._tasks.pause(wait)
        delivered = Delivered(event, data)
        self.delivered.append(delivered)
        body = {
            "event": event,
            "event_handler_id": "1",
            "data": data,
            "ts": int(self._clock.seconds()),
            "auth": self._installation.auth(),
        }
        delivered.answer = await self._outgoing.post_form(handler, php.pairs(body))

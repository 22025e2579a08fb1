"""What the simulated SMSC has for its customer: receipts and subscribers' messages, kept until they are taken."""

from __future__ import annotations

import enum
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.settings import A1Settings, Adjustable
from a1gateway.sandbox.smsc_session import Session
from a1gateway.sandbox.tasks import Tasks

Values = Mapping[str, int | str | bytes]


class Kind(enum.StrEnum):
    """What a deliver_sm is."""

    RECEIPT = "receipt"
    INTERMEDIATE = "intermediate"
    FOREIGN = "foreign"  # a receipt for nothing that was ever sent
    SUBSCRIBER = "subscriber"


@dataclass(slots=True)
class Delivery:
    """One deliver_sm, and how it has fared."""

    kind: Kind
    made_at: float
    fields: Values
    tlvs: Values
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the report says of its content."""
    sent_at: list[float] = field(default_factory=list)
    """When it went out: more than once until it is taken."""
    answer: int | None = None
    """The command_status of its latest deliver_sm_resp; None: none yet."""
    answered_at: float | None = None

    def report(self) -> dict[str, Any]:
        """For the control routes."""
        return {
            "kind": self.kind,
            **self.about,
            "at": self.made_at,
            "sent_at": self.sent_at,
            "answer": self.answer,
            "answered_at": self.answered_at,
        }


class Outbox:
    """Hands deliveries to whoever is bound to receive, in order and within the window, until each is taken."""

    def __init__(self, clock: IReactorTime, settings: Adjustable[A1Settings], tasks: Tasks) -> None:
        self._clock = clock
        self._settings = settings
        self._tasks = tasks
        self._receivers: list[Session] = []
        self._waiting: list[tuple[int, Delivery]] = []
        self._in_flight: Counter[Session] = Counter()
        self._numbers = count()

    def put(self, delivery: Delivery) -> None:
        """Sends it when its turn comes, or once somebody is bound who can have it."""
        heapq.heappush(self._waiting, (next(self._numbers), delivery))
        self._flow()

    def put_at_once(self, delivery: Delivery) -> None:
        """Sends it before all others and beyond the window, or as `put` when nobody can have it now."""
        session = self._idlest()
        if session is None:
            self.put(delivery)
        else:
            self._begin(session, next(self._numbers), delivery)

    def join(self, session: Session) -> None:
        """A session can have deliveries from now on."""
        self._receivers.append(session)
        self._flow()

    def leave(self, session: Session) -> None:
        """It cannot any more; what it has not answered counts as not sent when its connection ends."""
        if session in self._receivers:
            self._receivers.remove(session)

    @property
    def waiting(self) -> int:
        """How many deliveries are not in flight."""
        return len(self._waiting)

    def in_flight(self, session: Session) -> int:
        """How many deliveries a session has not answered."""
        return self._in_flight[session]

    def clear(self) -> None:
        """Forgets what waits; whoever stops the tasks ends what is in flight."""
        self._waiting.clear()

    def _flow(self) -> None:
        while self._waiting:
            session = self._idlest()
            if session is None or self.in_flight(session) >= self._settings.now.smpp_window:
                return
            number, delivery = heapq.heappop(self._waiting)
            self._begin(session, number, delivery)

    def _idlest(self) -> Session | None:
        return min(self._receivers, key=self.in_flight, default=None)

    def _begin(self, session: Session, number: int, delivery: Delivery) -> None:
        self._in_flight[session] += 1
        self._tasks.start(self._deliver(session, number, delivery))

    async def _deliver(self, session: Session, number: int, delivery: Delivery) -> None:
        delivery.sent_at.append(self._clock.seconds())
        try:
            answer = await session.ask("deliver_sm", delivery.fields, delivery.tlvs)
        finally:
            self._in_flight -= Counter([session])
        if answer is not None:
            delivery.answer, delivery.answered_at = answer, self._clock.seconds()
        self._flow()
        if answer == 0:
            return
        if not session.ended:
            await self._tasks.pause(self._settings.now.smpp_receipt_pause)
        heapq.heappush(self._waiting, (number, delivery))
        self._flow()

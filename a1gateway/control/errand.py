"""An SMS that a command hands over to the daemon, once, and follows to its end."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..errors import TryLater
from ..message import Status
from .command import DaemonGone, NoDaemon
from .messages import name_of
from .operations import Fault, IDesk

_LOOK_EVERY = 0.5
# The daemon has to answer within so many seconds; taking a message in is bounded to less.
_PATIENCE = 30.0
# For so long a daemon is tried again that has not said whether it has taken the message, in seconds: a restart.
_TRY_FOR = 90.0

Way = Mapping[str, Any]
"""What `messages.way` answers."""


class Outcome(enum.StrEnum):
    """How an errand ends."""

    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    TIMED_OUT = "timed_out"
    """The message is under way still."""
    INTERRUPTED = "interrupted"
    """The same, and nobody wants to wait any longer."""
    UNKNOWN = "unknown"
    """The daemon has not said whether it has taken the message."""
    NOT_ACCEPTED = "not_accepted"
    """The daemon could not put it on disk."""
    NO_MESSAGE = "no_message"
    """Nobody knows the message that was to be followed."""
    NO_DAEMON = "no_daemon"


class Hindrance(enum.StrEnum):
    """Why nothing new is known of the message at the moment."""

    HANDING_OVER = "handing_over"
    SPOOLED = "spooled"
    DAEMON_AWAY = "daemon_away"
    JOURNAL_AWAY = "journal_away"


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of an errand."""

    outcome: Outcome
    message_id: str
    way: Way | None = None
    """What is known of the message."""
    seconds: float = 0.0
    """How long it took."""
    said: str = ""
    """What the daemon said, where that is why."""


class IWitness(Protocol):
    """Whoever is shown how far a message is."""

    def sees(self, way: Way) -> None:
        """What is known of the message now; called again and again."""

    def waits(self, seconds: float, way: Way | None, hindrance: Hindrance | None) -> None:
        """Nothing is new, so many seconds after the beginning."""


class Errand:
    """Hands a message over and follows it."""

    def __init__(self, clock: IReactorTime, desk: IDesk, witness: IWitness, *, timeout: float | None) -> None:
        """`timeout`: seconds for all of it; None: as long as it takes."""
        self._clock = clock
        self._desk = desk
        self._witness = witness
        self._timeout = timeout
        self._begun = clock.seconds()
        self._way: Way | None = None

    async def send(self, once: str, number: str, text: str, kind: str, user: str) -> Ended:
        """Hand it over under `once`, and again under the same for as long as nobody knows whether it was taken."""
        name = name_of(once)
        asked = {"once": once, "number": number, "text": text, "kind": kind, "user": user}
        doubtful = False
        while True:
            self._witness.waits(self._seconds, None, Hindrance.HANDING_OVER)
            try:
                await self._ask("messages.send", asked)
            except NoDaemon:
                if not doubtful:
                    return self._ended(Outcome.NO_DAEMON, name)
            except (DaemonGone, Fault, WaitedTooLong):
                doubtful = True
            except TryLater as trouble:
                if not doubtful:
                    return self._ended(Outcome.NOT_ACCEPTED, name, str(trouble))
            except CancelledError:
                return self._ended(Outcome.UNKNOWN, name)
            else:
                return await self.follow(name, accepted=True)
            if self._over(_TRY_FOR):
                return self._ended(Outcome.UNKNOWN, name)
            try:
                await deferLater(self._clock, _LOOK_EVERY)
            except CancelledError:
                return self._ended(Outcome.UNKNOWN, name)

    async def follow(self, name: str, *, accepted: bool = False) -> Ended:
        """Follow the message `name` to its final status; `accepted`: it is known to be there."""
        try:
            while True:
                hindrance = await self._look(name)
                if self._way is not None and Status(self._way["status"]).final:
                    delivered = self._way["status"] == Status.DELIVERED
                    return self._ended(Outcome.DELIVERED if delivered else Outcome.NOT_DELIVERED, name)
                if hindrance is Hindrance.SPOOLED and not accepted:
                    return self._ended(Outcome.NO_MESSAGE, name)
                if self._over(self._timeout):
                    return self._ended(Outcome.TIMED_OUT, name)
                self._witness.waits(self._seconds, self._way, hindrance)
                await deferLater(self._clock, _LOOK_EVERY)
        except CancelledError:
            return self._ended(Outcome.INTERRUPTED, name)

    async def _look(self, name: str) -> Hindrance | None:
        try:
            found = await self._ask("messages.way", {"message_id": name})
        except (NoDaemon, DaemonGone, Fault, WaitedTooLong):
            return Hindrance.DAEMON_AWAY
        except TryLater:
            return Hindrance.JOURNAL_AWAY
        if found is None:
            return Hindrance.SPOOLED
        self._way = found
        self._witness.sees(found)
        return None

    async def _ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        asking = Deferred.fromCoroutine(self._desk.ask(operation, arguments))
        return await asking.addTimeout(_PATIENCE, self._clock)

    @property
    def _seconds(self) -> float:
        return self._clock.seconds() - self._begun

    def _over(self, most: float | None) -> bool:
        bounds = [each for each in (most, self._timeout) if each is not None]
        return any(self._seconds >= each for each in bounds)

    def _ended(self, outcome: Outcome, name: str, said: str = "") -> Ended:
        return Ended(outcome, name, self._way, self._seconds, said)

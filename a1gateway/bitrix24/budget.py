"""The requests that Bitrix24 allows, shared fairly between those that tell it statuses and all others."""

from __future__ import annotations

import enum
from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..pacing import TokenBucket


class Use(enum.Enum):
    """What a request is for."""

    STATUSES = "statuses"
    LOOK_UPS = "look_ups"
    """Whatever is not telling statuses."""


class Budget:
    """Turns for requests within the portal's limit: while both uses wait they alternate, however many wait of one."""

    def __init__(self, clock: IReactorTime, rate: float, depth: float) -> None:
        """`rate` is in requests a second, `depth` in requests at once, as in `TokenBucket`."""
        self._bucket = TokenBucket(clock, rate, depth)
        self._waiting: dict[Use, deque[Deferred[None]]] = {use: deque() for use in Use}
        self._asking = False

    def take(self, use: Use) -> Deferred[None]:
        """Fires when a request may go. Cancelling gives the place up."""
        turn: Deferred[None] = Deferred(lambda cancelled: self._waiting[use].remove(cancelled))
        self._waiting[use].append(turn)
        self._ask()
        return turn

    def give_back(self) -> None:
        """A turn was taken and not used."""
        self._bucket.ended()
        self._bucket.give_back()

    def answered(self) -> None:
        """The request for which a turn was taken has ended, well or not.

        The portal counts a request when it comes to it, which may be long after it left: only from its end on it is
        sure to be made up for.
        """
        self._bucket.ended()

    def drain(self, seconds: float) -> None:
        """No request goes for `seconds`: the portal has said that there were too many."""
        self._bucket.drain(seconds)

    @property
    def left(self) -> float:
        """Which share of what may go at once is left, 0 to 1."""
        return self._bucket.left

    def _ask(self) -> None:
        # One turn of the bucket at a time: whose it is, is decided when it comes.
        if not self._asking and any(self._waiting.values()):
            self._asking = True
            self._bucket.take().addCallback(lambda _: self._serve())

    def _serve(self) -> None:
        self._asking = False
        use = next((use for use, waiting in self._waiting.items() if waiting), None)
        if use is None:
            self._bucket.give_back()
            return
        # Last in the order from now on, so that the other one is next.
        self._waiting[use] = waiting = self._waiting.pop(use)
        turn = waiting.popleft()
        self._bucket.begun()
        self._ask()
        turn.callback(None)

"""When marketing SMS may go out: in their hours, at their share of A1's limit, by a consent that is not old."""

from __future__ import annotations

import math
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from .carriers.a1http import MOST_IN_A_BULK
from .config_sections import A1, Consent
from .hours import Hours
from .pacing import TokenBucket


class MarketingPace:
    """Turns for marketing messages; what it holds back is what the others have for certain."""

    def __init__(
        self,
        clock: IReactorTime,
        *,
        rate: float,
        hours: Hours | None = None,
        max_age: float = math.inf,
        never: bool = False,
    ) -> None:
        """`rate` is in turns a second, 0: no limit of its own; `max_age` of a consent is in seconds.

        `never`: no marketing goes out at all.
        """
        self._clock = clock
        self._bucket = TokenBucket(clock, rate, max(1.0, rate)) if rate > 0 else None
        self._hours = hours
        self._max_age = max_age
        self._never = never

    @property
    def open(self) -> bool:
        """Whether it is in its hours now."""
        return self.opens_at <= self._clock.seconds()

    @property
    def opens_at(self) -> float:
        """When marketing may go out next; now, if it may."""
        now = self._clock.seconds()
        if self._never:
            return math.inf
        return now if self._hours is None else self._hours.opening(now)

    @property
    def asked_after(self) -> float:
        """A consent that was asked for earlier is too old."""
        return self._clock.seconds() - self._max_age

    def take(self, most: int) -> int:
        """Take up to `most` turns that can be had without waiting; how many."""
        return most if self._bucket is None else self._bucket.take_more(most)

    def give_back(self, turns: int) -> None:
        """These were not used."""
        if self._bucket is not None:
            self._bucket.give_back(turns)

    def charge(self, turns: int) -> None:
        """So many more were needed than were taken: what comes next waits for them."""
        if self._bucket is not None:
            self._bucket.give_back(-turns)

    @property
    def wait(self) -> float:
        """How long until a turn can be had, in seconds."""
        held = 0.0 if self._bucket is None else self._bucket.wait
        return max(held, self.opens_at - self._clock.seconds())


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast marketing SMS leave at most."""

    per_second: float
    """0: there is no limit."""
    keys: str
    """The settings that it comes from."""


def pace_of(a1: A1, consent: Consent, needed: int) -> Pace:
    """By the configured rates, for messages of `needed` segments."""
    if a1.transport == "http":
        assert a1.http is not None
        rate = a1.http.requests_per_second * MOST_IN_A_BULK * consent.share
        return Pace(rate, "a1.http.requests_per_second, consent.share")
    assert a1.smpp is not None
    return Pace(a1.smpp.messages_per_second * consent.share / needed, "a1.smpp.messages_per_second, consent.share")

"""How long a portal that did not do what it was asked is left alone."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from ..pacing import growing_pause
from .trouble import PortalError, PortalTrouble


def pause_after(
    error: PortalTrouble | PortalError, attempts: int, first: float, longest: float, random: Callable[[], float]
) -> float:
    """Seconds to wait after the `attempts`-th failure (from 1): as long as the portal wants, at least.

    `first` and `longest` bound the pauses that it does not ask for.
    """
    asked_for = error.pause if isinstance(error, PortalTrouble) else None
    return max(asked_for or 0.0, growing_pause(attempts, first, longest, random))


class Backoff:
    """Longer after each failure in a row, and as long as the portal wants."""

    def __init__(self, clock: IReactorTime, *, first: float, longest: float, random: Callable[[], float]) -> None:
        """`first` and `longest` pause are in seconds."""
        self._clock = clock
        self._first = first
        self._longest = longest
        self._random = random
        self._failures = 0
        self._until = 0.0

    @property
    def left(self) -> float:
        """Seconds until the portal may be asked again; 0: it may."""
        return max(0.0, self._until - self._clock.seconds())

    def failed(self, error: PortalTrouble | PortalError, *, began: float | None = None) -> float:
        """A request failed; how long the portal is left alone now, in seconds.

        `began` is when it was sent: of several under way the first to fail is enough.
        """
        if began is None or self._until <= began:
            self._failures += 1
        pause = pause_after(error, max(1, self._failures), self._first, self._longest, self._random)
        self._until = self._clock.seconds() + pause
        return pause

    def succeeded(self) -> None:
        """The portal has answered: the next pause is a short one."""
        self._failures = 0

    def hold(self, seconds: float) -> None:
        """Leave the portal alone for at least so long, though no request failed."""
        self._until = max(self._until, self._clock.seconds() + seconds)

    def reset(self) -> None:
        """What was in the way is over."""
        self._failures = 0
        self._until = 0.0

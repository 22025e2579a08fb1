"""What the services of automation that ask the portal have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..due_loop import DueLoop
from .parts import Parts

IDLE = 60.0
"""How long such a service sleeps, in seconds, when nothing is due."""
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
"""The bounds of its pauses, in seconds, while the portal cannot be asked."""


class PortalLoop(DueLoop):
    """A service that asks the portal, and leaves it alone for longer and longer while that comes to nothing."""

    def __init__(
        self,
        name: str,
        parts: Parts,
        step: Callable[[], Awaitable[float]],
        *,
        first_retry: float = FIRST_RETRY,
        longest_retry: float = LONGEST_RETRY,
    ) -> None:
        super().__init__(name, parts.clock, step)
        self._wall = parts.wall
        self._journal = parts.journal
        self._portal = parts.portal
        self._reader = parts.reader
        self._tokens = parts.tokens
        self._scenarios = parts.scenarios
        self._backoff = parts.backoff(first_retry, longest_retry)

    def renew(self) -> None:
        """The application has been installed, updated or uninstalled: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    @property
    def _portal_pause(self) -> float:
        """Seconds for which the portal is not to be asked; 0: it may be now."""
        return IDLE if self._tokens.installation is None else self._backoff.left

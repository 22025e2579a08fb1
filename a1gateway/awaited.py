"""What is awaited for a bounded time: a word on uncertain messages, the receipts of other parts, missing parts."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .due_loop import DueLoop, until
from .journal import Journal
from .message import Received
from .metrics import Metrics
from .receipts import Receipts

_IDLE = 60.0
_AT_ONCE = 500
_LOOK_EVERY = 2.0
# For how many seconds breaks of the link are remembered: longer than anything is awaited.
_REMEMBERED = 604800.0
# How long the other parts of a subscriber's message are awaited, in seconds.
_SUBSCRIBER_PARTS = 86400.0


class Reception:
    """Whether receipts can come over the link, and until when those of a long break are still awaited."""

    def __init__(self, clock: IReactorTime) -> None:
        """Until `changed` says otherwise they cannot. How long it was so before the start is not known: for long."""
        self._clock = clock
        self._down_since: float | None = float("-inf")
        # When breaks ended and how long they were, the longest first: a shorter one does not shorten what a longer
        # one before it is worth.
        self._breaks: list[tuple[float, float]] = []
        self._watchers: list[Callable[[], None]] = []

    def on_back(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever receipts can come again."""
        self._watchers.append(watcher)

    @property
    def up(self) -> bool:
        """Whether they can come now."""
        return self._down_since is None

    def changed(self, *, up: bool) -> None:
        """The link may have changed: receipts can come over it now, or not."""
        now = self._clock.seconds()
        if not up:
            self._down_since = now if self._down_since is None else self._down_since
        elif self._down_since is not None:
            lasted, self._down_since = now - self._down_since, None
            longer = [each for each in self._breaks if each[1] > lasted and now - each[0] < _REMEMBERED]
            self._breaks = [*longer, (now, lasted)]
            for watcher in self._watchers:
                watcher()

    def remaining(self, seconds: float) -> float:
        """For how long receipts that were due in a break of the link are still awaited, of `seconds` from its end.

        After a short break they are not far behind; after a long one they have yet to come.
        """
        ends = [ended + seconds for ended, lasted in self._breaks if lasted > seconds / 2]
        return max([0.0, *(end - self._clock.seconds() for end in ends)])


class Hold(DueLoop):
    """Holds uncertain messages of a link that cannot be asked about them, until a receipt settles them or time is up.

    Then they are submitted again, and marked, or fail, as the operator has chosen. While no receipt can come, time is
    not up.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        reception: Reception,
        receipts: Receipts,
        metrics: Metrics,
        *,
        seconds: float,
        resend: bool,
        on_due: Callable[[], None],
    ) -> None:
        """`seconds` is how long the hold lasts; `on_due` is called when a message may be submitted again."""
        super().__init__("hold", clock, self._release)
        self._journal = journal
        self._reception = reception
        self._receipts = receipts
        self._metrics = metrics
        self._seconds = seconds
        self._resend = resend
        self._on_due = on_due
        reception.on_back(self.wake)

    async def _release(self) -> float:
        if not self._reception.up:
            return _IDLE
        remaining = self._reception.remaining(self._seconds)
        if remaining > 0:
            return remaining
        changes, again, next_due = await self._journal.release(self._clock.seconds(), _AT_ONCE, resend=self._resend)
        self._receipts.announce(changes)
        if again:
            self._metrics.resent.inc(again)
            self._log.warn("{count} messages that A1 may have had are submitted again", count=again)
            self._on_due()
        return until(next_due, self._clock.seconds(), _IDLE)


class Grace(DueLoop):
    """Decides without the receipts and the parts that do not come."""

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        reception: Reception,
        receipts: Receipts,
        *,
        seconds: float,
        on_message: Callable[[Received], None],
    ) -> None:
        """`seconds` is how long the receipts of other parts are awaited; `on_message` is told of what was kept."""
        super().__init__("grace", clock, self._decide)
        self._journal = journal
        self._reception = reception
        self._receipts = receipts
        self._seconds = seconds
        self._on_message = on_message

    async def _decide(self) -> float:
        now = self._clock.seconds()
        # While receipts have yet to come nothing is decided without them, but by those that have come all the same.
        yet_to_come = not self._reception.up or self._reception.remaining(self._seconds) > 0
        grace = float("inf") if yet_to_come else self._seconds
        changes, next_look = await self._journal.settle_waiting(now, grace)
        self._receipts.announce(changes)
        for message in await self._journal.give_up_parts(now - _SUBSCRIBER_PARTS):
            self._on_message(message)
        # What a receipt has begun since is seen at the next look.
        return _LOOK_EVERY if next_look is None else min(_LOOK_EVERY, max(0.0, next_look - now))

"""Whether A1 takes anything at the moment, as everybody who asks it something has found out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Refused, Trouble, Uncertain
from .due_loop import DueLoop
from .interfaces import ICarrier
from .pacing import growing_pause

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_PROBE_CLOSED = 60.0
_PROBE_FAILING = 10.0
_CHECK_THE_API_KEY = "check a1.http.user, a1.http.apikey and whether A1 allows this server's address"
_OF_SUBMITS = (Trouble.UNAVAILABLE, Trouble.THROTTLED, Trouble.FAULT)


class Gate:
    """Open, failing (try again after a pause that grows), or closed until a probe succeeds.

    It closes when A1 does not let the account in: sending on would help nobody, and the operator has to mend it.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, random: Callable[[], float], *, advice: str = _CHECK_THE_API_KEY) -> None:
        """`advice` is what the operator has to do when A1 refuses the account."""
        self._clock = clock
        self._advice = advice
        self._random = random
        self._failures = 0
        self._resume_at = 0.0
        self._watchers: list[Callable[[], None]] = []
        self._submits_fail = False
        self._no_link = False
        self.trouble: LinkTrouble | None = None
        """What A1 said last, when it was nothing good."""
        self.known = False
        """Whether A1 has been asked anything yet."""
        self.since: float | None = None
        """Since when A1 has been as it is, in seconds since the epoch; None until anything is known."""

    def on_open(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever A1 is well again."""
        self._watchers.append(watcher)

    @property
    def closed(self) -> bool:
        """Whether nothing but a probe, or the link itself, may try A1."""
        return self._no_link or self._account_refused

    @property
    def _account_refused(self) -> bool:
        return self.trouble is not None and self.trouble.trouble is Trouble.CREDENTIALS

    def hold(self) -> float:
        """Seconds until A1 should be tried again; 0 when it may be now."""
        if self.closed:
            return _PROBE_CLOSED
        return max(0.0, self._resume_at - self._clock.seconds())

    def good(self, *, submitted: bool = False) -> None:
        """A1 has answered as it should; `submitted`: it has taken or refused a message.

        When it was submits that A1 could not take, only a submit shows that it can again. But while the account is
        refused no submit goes out that could show it: then any good answer opens the gate.
        """
        was, first = self.trouble, not self.known
        if self._no_link or (self._submits_fail and not submitted and not self._account_refused):
            return
        self.trouble = None
        self._submits_fail = False
        self.known = True
        self._failures = 0
        self._resume_at = 0.0
        if was is not None:
            self._log.info("A1 is well again")
        if first or was is not None:
            self.since = self._clock.seconds()
            for watcher in self._watchers:
                watcher()

    def judge(self, outcomes: Sequence[Outcome]) -> None:
        """What the outcomes of submits that went out together say of A1 as a whole."""
        troubles = [outcome.trouble for outcome in outcomes if isinstance(outcome, (Postponed, Uncertain))]
        if len(troubles) < len(outcomes):
            self.good(submitted=True)
        elif troubles:
            self.bad(troubles[0])

    def judge_over_link(self, outcomes: Sequence[Outcome]) -> None:
        """The same for a link that tells of itself: only that A1 answers submits, or never does, says something."""
        for outcome in outcomes:
            if isinstance(outcome, (Accepted, Refused)):
                self.good(submitted=True)
            elif isinstance(outcome, Uncertain) and outcome.trouble.trouble is Trouble.UNAVAILABLE:
                self.bad(outcome.trouble)

    def link_is_up(self) -> None:
        """There is a link to A1."""
        self._no_link = False
        self.good()

    def link_is_down(self, trouble: LinkTrouble) -> None:
        """There is no link to A1: nothing goes out until there is one, whoever else has something to say."""
        self._no_link = True
        # The next link may do better than this one did.
        self._submits_fail = False
        self._note(trouble)

    def bad(self, trouble: LinkTrouble) -> None:
        """A submit has not got through: the next one waits, longer each time."""
        now = self._clock.seconds()
        if now >= self._resume_at:
            # Requests that were under way together fail together; that counts once.
            self._failures += 1
            pause = growing_pause(self._failures, _FIRST_PAUSE, _LONGEST_PAUSE, self._random)
            self._resume_at = now + pause
        self._submits_fail = trouble.trouble in _OF_SUBMITS
        self.doubtful(trouble)

    def doubtful(self, trouble: LinkTrouble) -> None:
        """Some other question to A1 has brought nothing: that holds up no submit, unless the account is refused."""
        if self._no_link:
            # Why there is none is what the operator needs to know.
            return
        if self._account_refused and trouble.trouble is not Trouble.CREDENTIALS:
            # That A1 cannot be asked does not mean that it lets the account in again.
            return
        self._note(trouble)

    def _note(self, trouble: LinkTrouble) -> None:
        self.known = True
        before, self.trouble = self.trouble, trouble
        if before is not None and before.trouble is trouble.trouble:
            return
        self.since = self._clock.seconds()
        if self._account_refused:
            self._log.critical(
                "A1 refuses this account, sending stops and the queue is kept: {trouble}; {advice}; "
                "sending resumes by itself.",
                trouble=str(trouble),
                advice=self._advice,
            )
        elif not self._no_link:
            # A link writes its own end into the log.
            self._log.warn("{trouble}", trouble=str(trouble))


class Probe(DueLoop):
    """Asks A1 at the start, and whenever it was not well: every minute when it had refused the account."""

    def __init__(self, clock: IReactorTime, carrier: ICarrier, gate: Gate) -> None:
        super().__init__("probe", clock, self._ask)
        self._carrier = carrier
        self._gate = gate

    async def _ask(self) -> float:
        if self._gate.known and self._gate.trouble is None:
            return _PROBE_FAILING
        try:
            await self._carrier.probe()
        except LinkTrouble as trouble:
            self._gate.doubtful(trouble)
        else:
            self._gate.good()
        return _PROBE_CLOSED if self._gate.closed else _PROBE_FAILING

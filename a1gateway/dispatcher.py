"""Sending: due messages from the journal, in pace, to the carrier; what became of them back to the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .carriers.outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Trouble,
    Uncertain,
)
from .due_loop import DueLoop, until
from .errors import TryLater
from .gate import Gate
from .interfaces import ICarrier
from .journal import Journal
from .journal.journal import Claim, Waiting
from .marketing import MarketingPace
from .message import Kind, Stage, Submission
from .receipts import Receipts

_IDLE = 60.0
_RETRY = 1.0
_DOUBLINGS = 6
# How long a request whose answer was lost may still be on its way before A1 is asked for it, and asked again.
ASK_AFTER = 2.0
ASK_AGAIN_AFTER = 5.0
TOGETHER = 0.05
"""How long a message waits at most for others to go with in a request, in seconds; one that comes alone does not."""
EACH_WHILE_CROWDED = 0.01
"""How long the others wait for each message that went while many are being handed over, in seconds: what is refused
for want of time is lost, as Bitrix24 does not repeat a call, and what is on disk goes out a little later."""
# How many submits begin together, and with how many messages in a crowd: what else comes in has to get its turn.
_AT_ONCE = 25
_IN_A_CROWD = 50


class Dispatcher(DueLoop):
    """Submits what is due. A message is marked in the journal before it leaves, so that a crash leaves no doubt."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        carrier: ICarrier,
        gate: Gate,
        receipts: Receipts,
        *,
        poll_after: float,
        on_uncertain: Callable[[], None],
        uncertain_for: float = ASK_AFTER,
        judge: Callable[[Sequence[Outcome]], None] | None = None,
        crowded: Callable[[], bool] = lambda: False,
        marketing: MarketingPace | None = None,
        on_asked_again: Callable[[], None] = lambda: None,
    ) -> None:
        """`poll_after` and `uncertain_for`, after which what is uncertain is looked at, are in seconds.

        `on_uncertain` is called when there is such a message. `judge` hears what became of every submit; left out,
        the gate does, which is for a carrier that has no lasting link to tell it. `crowded` says whether many are
        waiting to hand messages over: while they are, submits are few and far between. `marketing` is the pace of
        such messages; left out, they have that of all. `on_asked_again` is called when the consent to one is too old.
        """
        super().__init__("dispatcher", clock, self._send_due)
        self._journal = journal
        self._carrier = carrier
        self._gate = gate
        self._receipts = receipts
        self._poll_after = poll_after
        self._on_uncertain = on_uncertain
        self._uncertain_for = uncertain_for
        self._judge = gate.judge if judge is None else judge
        self._crowded = crowded
        self._marketing = marketing or MarketingPace(clock, rate=0)
        self._on_asked_again = on_asked_again
        self._claimed_at = 0.0
        self._claimed = 0
        gate.on_open(self.wake)

    async def _send_due(self) -> float:
        hold = self._gate.hold()
        if hold > 0:
            return hold
        wait = self._claimed_at + self._between_claims() - self._clock.seconds()
        if wait > 0:
            return wait
        free = min(_AT_ONCE, self._carrier.submits_at_once - len(self._under_way))
        if free <= 0:
            return _IDLE
        turns = unused = await self._carrier.turns(free)
        try:
            # The gate may have closed, or the daemon been told to stop, while the turn was awaited.
            if not self.running or self._gate.hold() > 0:
                return 0.0
            if not turns:
                return _IDLE
            now = self._clock.seconds()
            largest = self._carrier.bulk_size
            most = turns * largest
            if self._crowded():
                most = min(_IN_A_CROWD, most)
            allowed = self._marketing.take(turns) if self._marketing.open else 0
            fitting = _Fitting(turns, largest, allowed)
            try:
                claim = await self._journal.claim(
                    now, most, fitting.choose, marketing=allowed > 0, asked_after=self._marketing.asked_after
                )
            finally:
                self._marketing.give_back(fitting.left_to_marketing)
            if largest == 1:
                # A1 counts parts.
                self._marketing.charge(
                    sum(each.segments - 1 for each in claim.submissions if each.kind is Kind.MARKETING)
                )
            bulks = _bulks(claim.submissions, largest)
            self._claimed_at, self._claimed = now if bulks else 0.0, len(claim.submissions)
            unused = turns - len(bulks)
        finally:
            self._carrier.give_back(unused)
        for bulk in bulks:
            self.begin(self._send(bulk), self._failed)
        self._receipts.announce(claim.changes)
        if claim.asked_again:
            self._on_asked_again()
        return self._until_next(claim, now) if unused else 0.0

    def _until_next(self, claim: Claim, now: float) -> float:
        pause = until(claim.next_due, now, _IDLE)
        if claim.next_marketing_due is not None:
            pause = min(pause, max(self._marketing.wait, claim.next_marketing_due - now))
        return pause

    def _between_claims(self) -> float:
        """How long what came after a claim waits for others to go with, in seconds."""
        together = TOGETHER if self._carrier.bulk_size > 1 else 0.0
        return max(together, self._claimed * EACH_WHILE_CROWDED) if self._crowded() else together

    def _failed(self, why: Failure) -> None:
        self._log.failure("a submit failed in a way that is a fault of the gateway; A1 may have it", why)

    async def _send(self, submissions: Sequence[Submission]) -> None:
        """Submit one bulk, whose turn is taken already."""
        if not self.running or self._gate.hold() > 0:
            self._carrier.give_back(1)
            held = Postponed(self._gate.trouble or LinkTrouble(Trouble.UNAVAILABLE, "the gateway is stopping"))
            await self._write_down([(each, held, self._clock.seconds()) for each in submissions])
            return
        try:
            outcomes: Sequence[Outcome] = await self._carrier.submit(submissions)
            self._judge(outcomes)
        except Exception:
            # Left as it is, the message would be in flight until the next start.
            self._log.failure("a submit failed in a way that is a fault of the gateway; A1 may have it")
            trouble = LinkTrouble(Trouble.FAULT, "the submit failed inside the gateway")
            outcomes = [Uncertain(trouble)] * len(submissions)
        now = self._clock.seconds()
        records = [
            (submission, outcome, now + self._pause(submission, outcome))
            for submission, outcome in zip(submissions, outcomes, strict=True)
        ]
        for submission, outcome in zip(submissions, outcomes, strict=True):
            if isinstance(outcome, Uncertain):
                self._log.warn(
                    "message {message_id}: A1 may have it or not: {trouble}",
                    message_id=submission.message_id,
                    trouble=str(outcome.trouble),
                )
            elif isinstance(outcome, Postponed):
                self._log.debug(
                    "message {message_id}: waits: {trouble}",
                    message_id=submission.message_id,
                    trouble=str(outcome.trouble),
                )
        await self._write_down(records)
        if any(isinstance(outcome, (Uncertain, Duplicate)) for outcome in outcomes):
            self._on_uncertain()

    async def _write_down(self, records: Sequence[tuple[Submission, Outcome, float]]) -> None:
        """Until the journal has it: what A1 has taken must be known. A stop ends the trying; A1 is asked later."""
        while True:
            try:
                await self._record_or_doubt(records)
            except TryLater as trouble:
                self._log.warn("outcomes wait for the journal: {trouble}", trouble=str(trouble))
                if not self.running:
                    return
                await deferLater(self._clock, 1.0)
            else:
                return

    async def _record_or_doubt(self, records: Sequence[tuple[Submission, Outcome, float]]) -> None:
        try:
            changes = await self._journal.record(records, self._clock.seconds())
        except TryLater:
            raise
        except Exception:
            self._log.failure("outcomes cannot be written down; this is a fault of the gateway; A1 may have them")
            at = self._clock.seconds() + self._uncertain_for
            await self._journal.doubt([submission for submission, _, _ in records], at)
            self._on_uncertain()
        else:
            self._receipts.announce(changes)

    def _pause(self, submission: Submission, outcome: Outcome) -> float:
        if isinstance(outcome, Accepted):
            return self._poll_after
        if isinstance(outcome, Postponed):
            # It is the gate that makes the pauses grow, for all messages alike, unless A1 spoke of this one.
            return _RETRY if outcome.after is None else outcome.after
        if isinstance(outcome, Uncertain):
            # What comes to nothing every time is tried again less and less often.
            return self._uncertain_for * 2.0 ** min(submission.resent, _DOUBLINGS)
        assert isinstance(outcome, (Refused, Duplicate))
        return 0.0


def _size(attempts: int, largest: int) -> int:
    """How many go together: the fewer the more often they were lost, so that one bad message holds up no others."""
    return max(1, largest // int(10**attempts))


class _Fitting:
    """Which messages go out with so many turns, of which marketing may take only some.

    No more are claimed: what becomes due meanwhile may have to go first.
    """

    def __init__(self, turns: int, largest: int, left_to_marketing: int) -> None:
        self._turns = turns
        self._largest = largest
        self.left_to_marketing = left_to_marketing

    def choose(self, waiting: Sequence[Waiting]) -> list[int]:
        """The places of those that go."""
        room: dict[int, int] = {}
        chosen = []
        for place, each in enumerate(waiting):
            tried = each.attempts
            if not room.get(tried):
                if not self._turns or (each.marketing and not self.left_to_marketing):
                    continue
                self._turns -= 1
                self.left_to_marketing -= each.marketing
                room[tried] = _size(tried, self._largest)
            room[tried] -= 1
            chosen.append(place)
        return chosen


def _bulks(submissions: Sequence[Submission], largest: int) -> list[list[Submission]]:
    """What goes out together: what was tried equally often."""
    bulks: list[list[Submission]] = []
    for attempts, group in groupby(
        sorted(submissions, key=lambda each: each.attempts), key=lambda each: each.attempts
    ):
        together, size = list(group), _size(attempts - 1, largest)
        bulks += [together[start : start + size] for start in range(0, len(together), size)]
    return bulks


class LookUp(DueLoop):
    """Asks A1, by `custom_id`, about messages of which nobody knows whether it has them.

    What it has is taken for sent; what it twice says it has not becomes due to be submitted again.
    """

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        carrier: ICarrier,
        gate: Gate,
        receipts: Receipts,
        *,
        poll_after: float,
        on_due: Callable[[], None],
    ) -> None:
        """`on_due` is called when a message may be submitted again."""
        super().__init__("look-up", clock, self._ask_due)
        self._journal = journal
        self._carrier = carrier
        self._gate = gate
        self._receipts = receipts
        self._poll_after = poll_after
        self._on_due = on_due
        gate.on_open(self.wake)

    async def _ask_due(self) -> float:
        hold = self._gate.hold()
        if hold > 0:
            return hold
        now = self._clock.seconds()
        claim = await self._journal.uncertain(now, self._carrier.batch_size)
        if not claim.submissions:
            return until(claim.next_due, now, _IDLE)
        try:
            standings = await self._carrier.look_up(claim.submissions)
        except LinkTrouble as trouble:
            self._gate.doubtful(trouble)
            await self._journal.postpone(Stage.ASKING, {each.id: now + ASK_AGAIN_AFTER for each in claim.submissions})
            return ASK_AGAIN_AFTER
        self._gate.good()
        now = self._clock.seconds()
        found = [(each, standing) for each in claim.submissions if (standing := standings.get(each.id)) is not None]
        answered = [each for each in claim.submissions if each.id in standings]
        unanswered = [each for each in claim.submissions if each.id not in standings]
        await self._journal.postpone(Stage.ASKING, {each.id: now + ASK_AGAIN_AFTER for each in unanswered})
        changes = await self._journal.record_standings(
            found,
            [each for each in answered if standings[each.id] is None],
            now,
            poll_at=now + self._poll_after,
            ask_at=now + ASK_AGAIN_AFTER,
        )
        self._receipts.announce(changes)
        self._on_due()
        return 0.0

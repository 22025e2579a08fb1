"""Final statuses to Bitrix24, each until it is confirmed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..due_loop import DueLoop
from ..errors import TryLater
from ..interfaces import IPortal
from ..journal import Journal
from ..message import Kind, PortalUpdate
from ..pacing import Gathering
from .backoff import Backoff
from .budget import Budget, Use
from .portal import MOST_IN_A_BATCH
from .tokens import Tokens
from .trouble import PortalError, PortalTrouble

_IDLE = 60.0
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
_NOT_WRITTEN_DOWN = 5.0
# Of a portal that takes long over each.
_REQUESTS_AT_ONCE = 3
# While this share of the budget is not there, a status waits up to a second for others to go with.
_PLENTY = 0.9
_TOGETHER = 1.0
# Bitrix24 saves the id of a mailing's message only after it has handed that over: it does not know it at once.
_MAILINGS_KNOWN_AFTER = 2.0
# The journal is not asked for every single status.
_LOOK_AGAIN = 0.05
_METHOD = "messageservice.message.status.update"
_NOT_FOUND = "ERROR_MESSAGE_NOT_FOUND"
# Bitrix24 may not know a message for a moment after handing it over; then it knows it for 14 days by default.
_NOT_CONFIRMED_PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0, 86400.0)
_BITRIX24_FORGETS_AFTER = 14 * 86400.0


class Reporter(DueLoop):
    """Tells Bitrix24 what became of its messages, up to 50 in a request: transactional ones first, then by age."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        portal: IPortal,
        tokens: Tokens,
        budget: Budget,
        *,
        sender_code: str,
        random: Callable[[], float],
    ) -> None:
        super().__init__("reporter", clock, self._tell_due)
        self._journal = journal
        self._portal = portal
        self._tokens = tokens
        self._budget = budget
        self._code = sender_code
        self._backoff = Backoff(clock, first=_FIRST_RETRY, longest=_LONGEST_RETRY, random=random)
        self._renewals = 0
        self._looked_at = 0.0
        self._telling: set[int] = set()
        self._gathering = Gathering(clock)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self._renewals += 1
        self.wake()

    async def _tell_due(self) -> float:
        now = self._clock.seconds()
        if self._tokens.installation is None or len(self._under_way) >= _REQUESTS_AT_ONCE:
            return _IDLE
        # New statuses wake this loop, but a portal in trouble is left alone, and the journal is not asked for each.
        pause = max(self._backoff.left, self._looked_at + _LOOK_AGAIN - now)
        if pause > 0:
            return pause
        wanted, pause = await self._due(now)
        if not wanted:
            return pause
        turn = self._budget.take(Use.STATUSES)
        waited = not turn.called
        await turn
        if waited and self.running:
            # Others may have come meanwhile.
            wanted, pause = await self._due(self._clock.seconds())
        if not wanted or not self.running:
            self._budget.give_back()
            return pause
        self._gathering.gone(len(wanted), full=len(wanted) == MOST_IN_A_BATCH)
        self.begin(self._tell_once(wanted), self._not_written_down)
        return 0.0

    async def _due(self, now: float) -> tuple[list[PortalUpdate], float]:
        """What is to be told now; when it is nothing, the seconds until one should look again.

        While the budget is not full, a status waits a moment for others: requests are what is scarce.
        """
        self._looked_at = now
        found, next_due = await self._journal.untold(
            now, MOST_IN_A_BATCH + len(self._telling), marketing_after=_MAILINGS_KNOWN_AFTER
        )
        updates = [each for each in found if each.id not in self._telling][:MOST_IN_A_BATCH]
        if len(updates) == MOST_IN_A_BATCH:
            # There may be more.
            self._looked_at = 0.0
        if not updates:
            return [], _IDLE if next_due is None else min(_IDLE, max(_LOOK_AGAIN, next_due - now))
        if len(updates) < MOST_IN_A_BATCH and self._budget.left < _PLENTY:
            wait = min(each.final_at for each in updates) + _TOGETHER - now
            if 0 < wait <= _TOGETHER:
                return [], wait
        if len(updates) < MOST_IN_A_BATCH and all(each.kind is Kind.MARKETING for each in updates):
            # A campaign has thousands, and nobody looks at each.
            wait = self._gathering.wait
            if wait > 0:
                return [], wait
        return updates, 0.0

    def _not_written_down(self, why: Failure) -> None:
        """What Bitrix24 has confirmed is told once more, which does no harm, but not at once."""
        self._backoff.hold(_NOT_WRITTEN_DOWN)
        if why.check(TryLater):
            self._log.warn("{loop}: {trouble}", loop=self.name, trouble=why.getErrorMessage())
        else:
            self._log.failure("{loop}: a step failed; this is a fault of the gateway", loop=self.name, failure=why)

    async def _tell_once(self, updates: list[PortalUpdate]) -> None:
        """Tell them, and let nobody else do it meanwhile."""
        these = {each.id for each in updates}
        self._telling |= these
        try:
            await self._tell(updates)
        finally:
            self._telling -= these

    async def _tell(self, updates: list[PortalUpdate]) -> None:
        began, renewals = self._clock.seconds(), self._renewals
        commands = {
            f"m{each.id}": (
                _METHOD,
                {
                    "CODE": each.sender_code or self._code,
                    "MESSAGE_ID": each.message_id,
                    "STATUS": each.told,
                },
            )
            for each in updates
        }
        try:
            results = await self._portal.batch(commands, paid=True)
        except (PortalTrouble, PortalError) as error:
            if renewals != self._renewals:
                # What befell the tokens of before says nothing of today's.
                return
            self._backoff.failed(error, began=began)
            return
        self._backoff.succeeded()
        await self._write_down(updates, {each.id: results.get(f"m{each.id}") for each in updates})

    async def _write_down(self, updates: list[PortalUpdate], results: dict[int, object]) -> None:
        now = self._clock.seconds()
        confirmed: list[PortalUpdate] = []
        later: list[tuple[PortalUpdate, float | None, str]] = []
        hold = 0.0
        for each in updates:
            result = results[each.id]
            if isinstance(result, PortalTrouble):
                # The whole method is held up: nothing is wrong with this update.
                hold = max(hold, result.pause or _FIRST_RETRY)
                later.append((each, now + (result.pause or _FIRST_RETRY), str(result)))
            elif isinstance(result, PortalError):
                later.append((each, self._try_again_at(each, result, now), str(result)))
            elif result is None:
                later.append((each, now + _FIRST_RETRY, "not run"))
            elif not result:
                refusal = PortalError("false", "")
                later.append((each, self._try_again_at(each, refusal, now), str(refusal)))
            else:
                confirmed.append(each)
        if confirmed:
            await self._journal.confirm(confirmed, now)
        if later:
            await self._journal.tell_later(later, now)
        if hold:
            self._backoff.hold(hold)
        for each in confirmed:
            self._log.info("message {message_id}: Bitrix24 knows {told}", message_id=each.message_id, told=each.told)

    def _try_again_at(self, told: PortalUpdate, error: PortalError, now: float) -> float | None:
        if now - told.final_at > _BITRIX24_FORGETS_AFTER:
            self._log.warn(
                "message {message_id}: Bitrix24 does not know it any more ({error}); {told} is not told",
                message_id=told.message_id,
                error=str(error),
                told=told.told,
            )
            return None
        if error.code != _NOT_FOUND or told.tries >= len(_NOT_CONFIRMED_PAUSES) - 3:
            self._log.warn(
                "message {message_id}: Bitrix24 does not confirm {told}: {error}",
                message_id=told.message_id,
                told=told.told,
                error=str(error),
            )
        return now + _NOT_CONFIRMED_PAUSES[min(told.tries, len(_NOT_CONFIRMED_PAUSES) - 1)]

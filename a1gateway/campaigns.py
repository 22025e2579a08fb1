"""Pausing, resuming and cancelling campaigns, and seeing how far they are."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .due_loop import DueLoop
from .errors import GatewayError
from .journal import Journal, campaign_progress
from .journal import campaigns as in_journal
from .journal.campaign_progress import Progress, Terms
from .journal.campaigns import State
from .journal.reader import IReader
from .receipts import Receipts

_IDLE = 60.0
# So many messages follow at a time; then the journal is left to others for a moment, in seconds.
_AT_ONCE = 200
_BETWEEN = 0.05


class NoSuchCampaign(GatewayError):
    """There is no campaign with this id."""


class CampaignIsCancelled(GatewayError):
    """A cancelled campaign cannot be paused: resume it, and what comes from then on goes out."""


class CampaignHasChanged(GatewayError):
    """Somebody else has paused, resumed or cancelled it meanwhile: look at it again, and then say what is wanted."""


class Campaigns(DueLoop):
    """Changes what becomes of campaigns. It holds at once, and their messages follow in the journal step by step."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        reader: IReader,
        receipts: Receipts,
        terms: Terms,
        *,
        on_due: Callable[[], None],
    ) -> None:
        """`on_due`: messages go on, and have to be asked for."""
        super().__init__("campaigns", clock, self._follow)
        self._journal = journal
        self._reader = reader
        self._receipts = receipts
        self._terms = terms
        self._on_due = on_due

    async def pause(self, campaign: int, by: str) -> Progress:
        """From now on nothing of it leaves, by the word of `by`: a person, and how to find them.

        What A1 has, or is just being given, goes on. Raises `NoSuchCampaign`, `CampaignIsCancelled`.
        """
        return await self._change(campaign, State.PAUSED, by)

    async def resume(self, campaign: int, by: str, seen: State | None = None) -> Progress:
        """What waits goes on, and everybody is asked for a consent again; of a cancelled one, what comes from now on.

        With `seen`, only one that is of this state still, or goes out anyway: nobody who wants a paused one to go on
        is to take back that it was cancelled. Raises `NoSuchCampaign`, `CampaignHasChanged`.
        """
        return await self._change(campaign, State.RUNNING, by, seen)

    async def cancel(self, campaign: int, by: str) -> Progress:
        """What has not left is refused, and so is what comes; what A1 has goes on. Raises `NoSuchCampaign`."""
        return await self._change(campaign, State.CANCELLED, by)

    async def progress(self, campaign: int) -> Progress:
        """How far it is; raises `NoSuchCampaign`."""
        now = self._clock.seconds()
        found = await self._reader.read(campaign_progress.progress, campaign, now, self._terms)
        if found is None:
            raise NoSuchCampaign(f"there is no campaign {campaign}")
        return found

    async def recent(self, limit: int = 20, before: int | None = None) -> list[Progress]:
        """Up to `limit` campaigns, the newest first, of those that began before the one with the id `before`."""
        now = self._clock.seconds()
        return await self._reader.read(campaign_progress.recent, now, self._terms, limit, before)

    async def _change(self, campaign: int, state: State, by: str, seen: State | None = None) -> Progress:
        now = self._clock.seconds()
        before = await self._journal.within(in_journal.change_state, campaign, state, by, now, seen)
        if before is None:
            raise NoSuchCampaign(f"there is no campaign {campaign}")
        if (before, state) == (State.CANCELLED, State.PAUSED):
            raise CampaignIsCancelled(f"campaign {campaign} is cancelled; resume it, and what comes then goes out")
        if before is not state and seen not in (None, before):
            raise CampaignHasChanged(f"campaign {campaign} is {before} by now")
        if before is not state:
            self._log.info("campaign {campaign}: {state}, by {by}", campaign=campaign, state=str(state), by=by)
            self.wake()
        return await self.progress(campaign)

    async def _follow(self) -> float:
        followed = await self._journal.within(in_journal.follow, self._clock.seconds(), _AT_ONCE)
        self._receipts.announce(followed.changes)
        if followed.released:
            self._on_due()
        return _BETWEEN if followed.more else _IDLE

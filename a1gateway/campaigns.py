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
_LARGEST_ID = 2**63 - 1


class NoSuchCampaign(GatewayError):
    """There is no campaign with this id."""


class CampaignIsCancelled(GatewayError):
    """A cancelled campaign stays so, and is neither paused nor resumed.

    It can be begun anew: what comes in its words from then on is another campaign, and goes out.
    """


class CampaignIsNotCancelled(GatewayError):
    """Only what was cancelled can be begun anew: cancel the campaign first, or let it go on."""


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

    async def resume(self, campaign: int, by: str) -> Progress:
        """What waits goes on, and everybody is asked for a consent again.

        Raises `NoSuchCampaign`, `CampaignIsCancelled`.
        """
        return await self._change(campaign, State.RUNNING, by)

    async def cancel(self, campaign: int, by: str) -> Progress:
        """What has not left is refused, and so is what comes; what A1 has goes on. Raises `NoSuchCampaign`.

        What comes is of it until nothing has come for half an hour, or it is begun anew.
        """
        return await self._change(campaign, State.CANCELLED, by)

    async def begin_anew(self, campaign: int, by: str) -> Progress:
        """What comes from now on in the words of a cancelled one is another campaign, by the word of `by`.

        This one stays cancelled, with all that is of it. Raises `NoSuchCampaign`, `CampaignIsNotCancelled`.
        """
        now = self._clock.seconds()
        found = await self._journal.within(in_journal.begin_anew, _known(campaign), now)
        if found is None:
            raise NoSuchCampaign(f"there is no campaign {campaign}")
        state, changed = found
        if state is not State.CANCELLED:
            raise CampaignIsNotCancelled(f"campaign {campaign} is {state}; only what is cancelled can be begun anew")
        if changed:
            self._log.info("campaign {campaign}: begun anew, by {by}", campaign=campaign, by=by)
        return await self.progress(campaign)

    async def progress(self, campaign: int) -> Progress:
        """How far it is; raises `NoSuchCampaign`."""
        now = self._clock.seconds()
        found = await self._reader.read(campaign_progress.progress, _known(campaign), now, self._terms)
        if found is None:
            raise NoSuchCampaign(f"there is no campaign {campaign}")
        return found

    async def recent(self, limit: int = 20, before: int | None = None) -> list[Progress]:
        """Up to `limit` campaigns, the newest first, of those that began before the one with the id `before`."""
        now = self._clock.seconds()
        return await self._reader.read(campaign_progress.recent, now, self._terms, limit, before)

    async def _change(self, campaign: int, state: State, by: str) -> Progress:
        now = self._clock.seconds()
        before = await self._journal.within(in_journal.change_state, _known(campaign), state, by, now)
        if before is None:
            raise NoSuchCampaign(f"there is no campaign {campaign}")
        if before is State.CANCELLED and state is not before:
            raise CampaignIsCancelled(
                f"campaign {campaign} is cancelled, and stays so; begun anew, what comes then is another campaign"
            )
        if before is not state:
            self._log.info("campaign {campaign}: {state}, by {by}", campaign=campaign, state=str(state), by=by)
            self.wake()
        return await self.progress(campaign)

    async def _follow(self) -> float:
        now = self._clock.seconds()
        opens_at = now if self._terms.hours is None else self._terms.hours.opening(now)
        followed = await self._journal.within(in_journal.follow, now, _AT_ONCE, opens_at)
        self._receipts.announce(followed.changes)
        if followed.released:
            self._on_due()
        return _BETWEEN if followed.more else _IDLE


def _known(campaign: int) -> int:
    """The id, as the journal can look for it; raises `NoSuchCampaign` for one that nothing has."""
    if not 0 < campaign <= _LARGEST_ID:
        raise NoSuchCampaign(f"there is no campaign {campaign}")
    return campaign

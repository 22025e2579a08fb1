"""Campaigns: how far each is, live, and for administrators pausing, resuming, cancelling and beginning anew."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any

from ..campaigns import CampaignIsCancelled, CampaignIsNotCancelled, Campaigns, NoSuchCampaign
from ..gate import Gate
from ..journal.campaign_progress import Progress
from .campaign_standing import Action, Shown
from .views import Answer, Asked, CannotAnswer, Fragment, Page, mark_of, once_different

AT_ONCE = 20
"""So many campaigns more are shown at a time."""
MOST = 200
"""So many at most: each is counted anew whenever somebody looks."""


class CampaignPages:
    """`campaigns` with its pieces `campaigns-...`: the list, one campaign, and what is done about it."""

    def __init__(self, campaigns: Campaigns, gate: Gate, *, configured: bool, give_up_after: float) -> None:
        """`configured`: whether marketing goes out at all; a message waits `give_up_after` seconds at most."""
        self._campaigns = campaigns
        self._gate = gate
        self._configured = configured
        self._give_up_after = give_up_after

    def pages(self) -> list[Page]:
        """All of them: everybody may look, administrators act."""
        looked_at = {
            "campaigns": self.campaigns,
            "campaigns-list": self.list,
            "campaigns-one": self.one,
            "campaigns-figures": self.figures,
        }
        done = {
            "campaigns-pause": self.pause,
            "campaigns-resume": self.resume,
            "campaigns-cancel": self.cancel,
            "campaigns-cancel-ask": self.ask_cancel,
            "campaigns-anew": self.begin_anew,
            "campaigns-anew-ask": self.ask_anew,
        }
        return [
            *(Page(name, view) for name, view in looked_at.items()),
            *(Page(name, view, for_admins=True) for name, view in done.items()),
        ]

    async def campaigns(self, asked: Asked) -> Answer:
        """The latest campaigns."""
        return Fragment("campaigns.html", await self._list(asked))

    async def list(self, asked: Asked) -> Answer:
        """The live part of it, once something in it is different; with `count`, so many campaigns."""
        values = await self._list(asked)
        return once_different(asked, values["mark"], "campaigns_list.html", values)

    async def one(self, asked: Asked) -> Answer:
        """One campaign."""
        return Fragment("campaign.html", self._values(asked, await self._found(asked)))

    async def figures(self, asked: Asked) -> Answer:
        """The live part of it, once something in it is different."""
        values = self._values(asked, await self._found(asked))
        return once_different(asked, values["mark"], "campaign_figures.html", values)

    async def pause(self, asked: Asked) -> Answer:
        """Nothing of it leaves from now on."""
        return await self._done(asked, self._campaigns.pause(asked.number("id"), asked.visitor.label))

    async def resume(self, asked: Asked) -> Answer:
        """It goes on, unless it has been cancelled."""
        return await self._done(asked, self._campaigns.resume(asked.number("id"), asked.visitor.label))

    async def cancel(self, asked: Asked) -> Answer:
        """What has not left is refused, and so is what comes."""
        return await self._done(asked, self._campaigns.cancel(asked.number("id"), asked.visitor.label))

    async def ask_cancel(self, asked: Asked) -> Answer:
        """Whether it is to be cancelled, and what that means."""
        return await self._dialog(asked, "campaign_cancel.html", Action.CANCEL)

    async def begin_anew(self, asked: Asked) -> Answer:
        """What comes in its words from now on is another campaign."""
        return await self._done(asked, self._campaigns.begin_anew(asked.number("id"), asked.visitor.label))

    async def ask_anew(self, asked: Asked) -> Answer:
        """Whether that is wanted of a cancelled one."""
        return await self._dialog(asked, "campaign_anew.html", Action.ANEW)

    async def _list(self, asked: Asked) -> dict[str, Any]:
        count = min(max(asked.number("count"), AT_ONCE), MOST)
        shown = [self._shown(asked, each) for each in await self._campaigns.recent(count + 1)]
        return {
            "campaigns": shown[:count],
            "configured": self._configured,
            "count": count,
            "more": min(count + AT_ONCE, MOST) if len(shown) > count < MOST else 0,
            "mark": _mark(shown),
        }

    def _shown(self, asked: Asked, found: Progress) -> Shown:
        trouble = self._gate.trouble
        return Shown(found, asked.now, None if trouble is None else trouble.trouble)

    async def _found(self, asked: Asked) -> Progress:
        try:
            return await self._campaigns.progress(asked.number("id"))
        except NoSuchCampaign:
            raise CannotAnswer(asked.words("campaigns.none")) from None

    async def _done(self, asked: Asked, change: Awaitable[Progress]) -> Answer:
        """The campaign as it is after a change, or why there is none."""
        said = None
        try:
            found = await change
        except NoSuchCampaign:
            raise CannotAnswer(asked.words("campaigns.none")) from None
        except CampaignIsCancelled:
            said, found = "campaigns.said.cancelled", await self._found(asked)
        except CampaignIsNotCancelled:
            said, found = "campaigns.said.not_cancelled", await self._found(asked)
        return Fragment("campaign.html", self._values(asked, found, said), events=("close-dialog",))

    def _values(self, asked: Asked, found: Progress, said: str | None = None) -> dict[str, Any]:
        each = self._shown(asked, found)
        return {"each": each, "give_up_after": self._give_up_after, "mark": _mark([each]), "said": said}

    async def _dialog(self, asked: Asked, template: str, action: Action) -> Fragment:
        each = self._shown(asked, await self._found(asked))
        return Fragment(template, {"each": each, "offered": action in each.actions})


def _mark(shown: Sequence[Shown]) -> str:
    """The same as long as the same is to be shown."""
    figures = []
    for each in shown:
        found = each.progress
        # The end is shown to the minute, and the rate with one digit behind the point.
        end = None if each.ends_at is None else (each.ends_at // 60, each.minutes_left)
        rate = None if found.rate is None else round(found.rate, 1)
        figures.append((each.standing, each.kept, end, rate, replace(found, ends_at=None, rate=None)))
    return mark_of(figures)

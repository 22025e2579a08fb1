"""Where a campaign stands, as people say it: whether it goes out, what it waits for, what can be done about it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal

from ..carriers.outcome import Trouble
from ..journal.campaign_progress import NO_ANSWER, Progress, Waiting
from ..journal.campaigns import State
from ..journal.search_form import NONE

_LONGEST_BEGINNING = 110
# When its latest message came is known to the minute; for so long after it, in seconds, more are on their way.
_COMING = 120.0


class Standing(enum.StrEnum):
    """What becomes of a campaign at the moment."""

    GOING = "going"
    """Messages leave as they come."""
    HOURS = "hours"
    """It waits for the hours of marketing."""
    LEFT = "left"
    """Whatever has come has left, and no more has come of late: its statuses are awaited, or more may come."""
    OVER = "over"
    """Every message has its final status, and no more can come."""
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Action(enum.StrEnum):
    """What an administrator can do about a campaign."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    ANEW = "anew"
    """Of one that is cancelled: what still comes is another campaign, and goes out."""


RETURNING, REFUSING = "returning", "refusing"
"""What messages wait for that have not followed the state of their campaign yet: to go on, or to be refused."""
WAITS = (*(field.name for field in fields(Waiting)), RETURNING, REFUSING)
"""All that messages can wait for, as `Shown.waits` names it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign as the pages show it at the moment `now`, in seconds since the epoch."""

    progress: Progress
    now: float
    trouble: Trouble | None = None
    """What A1 has said last, when it was nothing good."""

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        found = self.progress
        if found.state is State.CANCELLED:
            return Standing.CANCELLED
        if not (found.waiting.total or found.under_way or found.may_go_on):
            return Standing.OVER
        if found.state is State.PAUSED:
            return Standing.PAUSED
        if found.waiting.hours:
            return Standing.HOURS
        comes = self.now - found.latest_at < _COMING
        return Standing.GOING if found.waiting.total or comes else Standing.LEFT

    @property
    def kept(self) -> Trouble | None:
        """What keeps A1 from taking those that wait for it, if it does."""
        found = self.progress
        return self.trouble if found.state is State.RUNNING and found.waiting.ready else None

    @property
    def ends_at(self) -> float | None:
        """When the last of those that wait has left, in seconds since the epoch; None when nobody can tell."""
        return None if self.kept is not None else self.progress.ends_at

    @property
    def minutes_left(self) -> int:
        """How many whole minutes it is until then."""
        return 0 if self.ends_at is None else max(0, int((self.ends_at - self.now) // 60))

    @property
    def beginning(self) -> str:
        """The first words of its text; empty when it has none."""
        text = " ".join(self.progress.text.split())
        if len(text) <= _LONGEST_BEGINNING:
            return text
        whole_words = text[:_LONGEST_BEGINNING].rpartition(" ")[0]
        return f"{whole_words or text[:_LONGEST_BEGINNING]}…"

    @property
    def refused(self) -> int:
        """How many are refused, for whatever reason."""
        return sum(self.progress.refused.values())

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why some were not delivered or were refused, as the journal's form has it, and how many: the most first."""
        found = self.progress
        failed = {NONE: found.not_delivered - found.unknown, NO_ANSWER: found.unknown, **found.refused}
        return sorted(((reason, count) for reason, count in failed.items() if count), key=lambda each: -each[1])

    @property
    def done_share(self) -> float:
        """Of all messages, how many have their final status: from 0 to 1."""
        return self.progress.done / (self.progress.total or 1)

    @property
    def delivered_share(self) -> float | None:
        """Of those that A1 has done with, how many were delivered; None while there are none."""
        had = self.progress.delivered + self.progress.not_delivered
        return self.progress.delivered / had if had else None

    @property
    def waits(self) -> Mapping[str, int]:
        """What those wait for that have not left (`WAITS`), and how many for each."""
        waiting = self.progress.waiting
        match self.progress.state:
            case State.PAUSED:
                found = {"held": waiting.total}
            case State.CANCELLED:
                found = {REFUSING: waiting.total}
            case State.RUNNING:
                found = {each.name: getattr(waiting, each.name) for each in fields(waiting)}
                found[RETURNING] = found.pop("held")
        return {name: count for name, count in found.items() if count}

    @property
    def actions(self) -> tuple[Action, ...]:
        """What can be done about it, the usual first."""
        found = self.progress
        if not (found.waiting.total or found.may_go_on):
            return ()
        match found.state:
            case State.RUNNING:
                return Action.PAUSE, Action.CANCEL
            case State.PAUSED:
                return Action.RESUME, Action.CANCEL
            case State.CANCELLED:
                return (Action.ANEW,) if found.may_go_on else ()

    @property
    def has_prices(self) -> bool:
        """Whether A1 has said what any of it costs, which it does over HTTP alone."""
        return self.progress.amount > Decimal(0)

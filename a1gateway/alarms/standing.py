"""How an alarm stands, and how it goes on: pure, so that a flapping trouble can be tried out in a test.

An alarm is told once its trouble has lasted, and is over once the trouble has stayed away. A trouble that keeps
coming back has to stay away longer each time, so that it makes two messages and not twenty.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .alarm import OF_THE_PORTAL, Alarm
from .seen import Seen, since_of

REMEMBERED = 86400.0
"""For how many seconds an alarm that is over counts when it comes again."""
_MOST_DOUBLED = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that was set off; moments in seconds since the epoch."""

    since: float
    """Since when the trouble has been there."""
    gone_at: float | None = None
    """Since when it has not been seen; None while it is there."""
    told_at: float | None = None
    """When the operator was told; None: not yet."""
    over_at: float | None = None
    """When the alarm was over, and whoever had to know knew it."""
    times: int = 0
    """How often it had come before, a day apart at the most."""


class Word(enum.Enum):
    """What there is to tell."""

    BEGUN = "begun"
    OVER = "over"
    BEEN = "been"
    """It has come and gone, and nobody could be told meanwhile."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What has to pass, in seconds."""

    after: float
    """A trouble lasts before it is told."""
    over_after: float
    """It stays away before it is over."""

    def away(self, standing: Standing) -> float:
        """The second for an alarm that has come so often."""
        return self.over_after * 2.0 ** min(standing.times, _MOST_DOUBLED)


def looked(standings: Mapping[Alarm, Standing], seen: Seen, now: float) -> dict[Alarm, Standing]:
    """How the alarms stand after a look, those that are forgotten left out."""
    found: dict[Alarm, Standing] = {}
    for alarm in Alarm:
        standing = standings.get(alarm)
        if standing is not None and standing.over_at is not None and now - standing.over_at > REMEMBERED:
            standing = None
        check = seen.troubles.get(alarm)
        if check is not None:
            standing = _there(standing, since_of(check, now))
        elif standing is not None and standing.gone_at is None and alarm not in seen.unclear:
            standing = replace(standing, gone_at=now)
        if standing is not None:
            found[alarm] = standing
    return found


def due(alarm: Alarm, standing: Standing, patience: Patience, now: float) -> Word | None:
    """What is to be told of it now; None: nothing (yet)."""
    if standing.over_at is not None:
        return None
    lasted = (now if standing.gone_at is None else standing.gone_at) - standing.since
    long_enough = alarm.at_once or lasted >= patience.after
    if standing.gone_at is None:
        return Word.BEGUN if long_enough and standing.told_at is None and alarm not in OF_THE_PORTAL else None
    if now - standing.gone_at < patience.away(standing):
        return None
    if standing.told_at is not None:
        return Word.OVER
    return Word.BEEN if long_enough else None


def told(standing: Standing, word: Word, now: float) -> Standing:
    """How it stands once that was told."""
    return replace(standing, told_at=now) if word is Word.BEGUN else replace(standing, over_at=now)


def is_past(standing: Standing, patience: Patience, now: float) -> bool:
    """Whether it has gone by without having been worth a word."""
    gone = standing.gone_at is not None and now - standing.gone_at >= patience.away(standing)
    return gone and standing.told_at is None and standing.over_at is None


def _there(standing: Standing | None, since: float) -> Standing:
    if standing is None:
        return Standing(since)
    if standing.over_at is not None:
        # What is over does not begin before that.
        return Standing(max(since, standing.over_at), times=standing.times + 1)
    return standing if standing.gone_at is None else replace(standing, gone_at=None)

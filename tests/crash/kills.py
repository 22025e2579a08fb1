"""When and where the daemon is killed, drawn from a seed."""

from __future__ import annotations

import enum
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Transport = Literal["http", "smpp"]


class Part(enum.StrEnum):
    """What the daemon is in the middle of."""

    MOMENT = "moment"
    """Anything: it is killed from outside."""
    COMMIT = "commit"
    SEND = "send"
    CALLBACK = "callback"
    """A status from A1: over SMPP a receipt."""
    TELLING = "telling"
    """An update of the portal."""
    REFRESH = "token refresh"
    MIGRATION = "migration"
    """It starts on a journal of an older version."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The end of one daemon."""

    part: Part
    seconds: float
    """How long after its start it is killed, if it does not die before."""
    step: str | None = None
    """The step that it dies at, in the words of `tests/daemon/crashing.py`."""
    into: float = 0.0
    """How long after the beginning of that step, in seconds, where it has a length."""

    def __str__(self) -> str:
        if self.step is None:
            return f"{self.part}, {self.seconds:.2f} s after the start"
        into = f", {1000 * self.into:.1f} ms into it" if "during" in self.step else ""
        return f"{self.part}: {self.step}{into}"


# As long as a daemon is given to come to its step, in seconds; and lives that end at a moment: within the start, a
# short time afterwards, and long enough for what is done slowly.
_PATIENCE = 6.0
_LIVES = ((0.05, 0.6), (0.4, 2.0), (0.4, 2.0), (0.4, 2.0), (0.4, 2.0), (2.5, 7.0))
# A step is the first to the so many-th of its name.
_LATEST = 8

# For each part: the steps to die at, and how long such a step may take, in seconds.
_Steps = tuple[Sequence[str], float]

_COMMITS = [
    f"{when} transaction {which}"
    for when in ("before", "during", "during", "after")
    for which in ("accept", "claim", "record", "settle", "confirm")
]
_SHARED: Mapping[Part, _Steps] = {
    Part.COMMIT: (_COMMITS, 0.003),
    Part.TELLING: ([f"{when} rest/batch.json" for when in ("before", "during", "after")], 0.06),
    Part.REFRESH: (
        [
            *(f"{when} oauth/token" for when in ("before", "during", "after")),
            *(f"{when} transaction install" for when in ("before", "after")),
        ],
        0.06,
    ),
    Part.MIGRATION: (["during migration"], 0.09),
}
_STEPS: Mapping[Transport, Mapping[Part, _Steps]] = {
    "http": {
        **_SHARED,
        Part.SEND: ([f"{when} send/sms|sendBulk/sms" for when in ("before", "during", "after")], 0.06),
        Part.CALLBACK: ([f"{when} transaction settle" for when in ("before", "during", "after")], 0.003),
    },
    "smpp": {
        **_SHARED,
        Part.SEND: (
            [
                *(f"{when} pdu submit_sm" for when in ("before", "during")),
                *(f"{when} taking submit_sm_resp" for when in ("before", "after")),
            ],
            0.03,
        ),
        Part.CALLBACK: (
            [
                *(f"{when} taking deliver_sm" for when in ("before", "after")),
                *(f"{when} pdu deliver_sm_resp" for when in ("before", "during")),
            ],
            0.01,
        ),
    },
}
# There is one of them in a start or every few seconds.
_RARE = (Part.REFRESH, Part.MIGRATION)


def draw(transport: Transport, count: int, seed: int) -> list[Kill]:
    """So many kills, every other one at a moment; the same for the same seed.

    The others go round all parts, each round in another order.
    """
    # Both transports have kills of their own.
    chance = random.Random(f"{transport} {seed}")
    steps = _STEPS[transport]
    kills: list[Kill] = []
    round_: list[Part] = []
    for number in range(count):
        if number % 2:
            kills.append(Kill(Part.MOMENT, chance.uniform(*chance.choice(_LIVES))))
            continue
        if not round_:
            round_ = chance.sample(list(steps), len(steps))
        part = round_.pop()
        names, longest = steps[part]
        which = 1 if part in _RARE else chance.randint(1, _LATEST)
        step = f"{which} of {chance.choice(names)}"
        kills.append(Kill(part, _PATIENCE, step, chance.uniform(0, longest)))
    return kills

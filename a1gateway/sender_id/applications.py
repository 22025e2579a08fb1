"""An application for a Sender ID and its life: prepared, handed in, decided.

A1's `senderNames` has the last word: a name that stands there is approved, whatever was noted before.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from ..hours import MINSK
from .business_days import due_between
from .particulars import Particulars


class State(enum.StrEnum):
    """Where an application stands."""

    PREPARED = "prepared"
    """The letter can be made; A1 knows nothing of it."""
    HANDED_IN = "handed_in"
    """A1 has it and decides."""
    APPROVED = "approved"
    """A1 lists the name among those that this account may send from."""
    REFUSED = "refused"
    """A1 has said no; the note says why."""
    WITHDRAWN = "withdrawn"
    """The company wants it no longer."""


class Step(enum.StrEnum):
    """What happens to an application."""

    HAND_IN = "hand_in"
    """Somebody has taken or sent the letter to A1."""
    TAKE_BACK = "take_back"
    """It was noted as handed in by mistake."""
    APPROVE = "approve"
    """The name stands in A1's `senderNames`; over SMPP, where nobody can ask, A1's manager has said so."""
    REFUSE = "refuse"
    """A1 has answered no."""
    WITHDRAW = "withdraw"
    """The company gives it up."""


_NEXT = {
    (State.PREPARED, Step.HAND_IN): State.HANDED_IN,
    (State.PREPARED, Step.APPROVE): State.APPROVED,
    (State.PREPARED, Step.WITHDRAW): State.WITHDRAWN,
    (State.HANDED_IN, Step.TAKE_BACK): State.PREPARED,
    (State.HANDED_IN, Step.APPROVE): State.APPROVED,
    (State.HANDED_IN, Step.REFUSE): State.REFUSED,
    (State.HANDED_IN, Step.WITHDRAW): State.WITHDRAWN,
    # A1 may have thought better of it, or have been asked by telephone.
    (State.REFUSED, Step.APPROVE): State.APPROVED,
    (State.REFUSED, Step.HAND_IN): State.HANDED_IN,
}


def after(state: State, step: Step) -> State | None:
    """Where an application stands after a step; None when the step cannot be taken from there."""
    return _NEXT.get((state, step))


def steps_from(state: State) -> tuple[Step, ...]:
    """The steps that can be taken."""
    return tuple(step for step in Step if (state, step) in _NEXT)


def states_before(step: Step) -> tuple[State, ...]:
    """The states from which a step can be taken."""
    return tuple(state for state in State if (state, step) in _NEXT)


@dataclass(frozen=True, slots=True)
class Application:
    """One application, as it is kept. Times are seconds since the epoch."""

    id: int
    name: str
    """The wanted Sender ID."""
    purpose: str
    particulars: Particulars
    state: State
    prepared_at: float
    prepared_by: str
    """Whoever prepared it, as the portal calls him."""
    handed_in_at: float | None = None
    decided_at: float | None = None
    """When it was approved, refused or withdrawn."""
    note: str | None = None
    """What somebody wrote about it: why A1 refused it, whom to ask."""

    def due_between(self) -> tuple[date, date] | None:
        """The first and the last day on which A1's decision is due; None unless it is handed in."""
        if self.state is not State.HANDED_IN or self.handed_in_at is None:
            return None
        return due_between(datetime.fromtimestamp(self.handed_in_at, MINSK).date())

    def is_late(self, now: float) -> bool:
        """Whether A1 should have decided before today: time to call its manager."""
        due = self.due_between()
        return due is not None and datetime.fromtimestamp(now, MINSK).date() > due[1]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What A1's list of approved names says of one name.

    A1 compares names exactly (its error 104 is for any other spelling). One that is approved in other capitals is not
    approved as it was wanted: either the configuration takes A1's spelling over, or A1 is asked to change it.
    """

    approved: bool
    """Whether the name stands there, letter for letter."""
    in_other_letters: str | None = None
    """The approved name that differs from it in capitals only, when the name itself does not stand there."""


def sighted(name: str, names: Collection[str]) -> Sighting:
    """What `names`, those that A1 says are approved, say of `name`."""
    if name in names:
        return Sighting(True)
    alike = (each for each in names if each.casefold() == name.casefold())
    return Sighting(False, next(alike, None))

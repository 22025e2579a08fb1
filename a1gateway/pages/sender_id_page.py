"""The Sender ID: what is in force, the applications with what can be done about each, and what A1 has said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from ..hours import MINSK
from ..journal import Journal, sender_ids
from ..journal.reader import IReader
from ..journal.spool import OffThread
from ..sender_id.applications import Application, State, Step, steps_from
from ..sender_id.in_use import InUse
from ..sender_id.letter import Attachment
from ..sender_id.particulars import printable_line
from .sender_id_letter import FIXED, draft
from .sender_id_standing import INames, Standing, all_progress, noon, progress_of, standings
from .views import Answer, Asked, CannotAnswer, Fragment, Page, mark_of, once_different

LONGEST_NOTE = 500
"""Characters of what somebody may note of a step."""
# A step is noted when somebody comes to it, but hardly ever a year later.
_EARLIEST = timedelta(days=366)
# How the styles call what is well, what calls for something, and what may.
_STANDING_MARKS = {
    Standing.APPROVED: "good",
    Standing.OTHER_LETTERS: "bad",
    Standing.APPLIED_FOR: "wait",
    Standing.NOT_APPROVED: "bad",
    Standing.NOT_ASKED: "wait",
    Standing.NOTED: "good",
    Standing.NOBODY_KNOWS: "wait",
    Standing.NUMBER: "off",
}
_STATE_MARKS = {
    State.PREPARED: "off",
    State.HANDED_IN: "wait",
    State.APPROVED: "good",
    State.REFUSED: "bad",
    State.WITHDRAWN: "off",
}
# What brings an application on comes first.
_IN_ORDER = (Step.HAND_IN, Step.APPROVE, Step.REFUSE, Step.WITHDRAW, Step.TAKE_BACK)
_SHOWN_ON = ("sender_id", "sender_id-application")


class SenderIdPages:
    """`sender_id` with its pieces `sender_id-...`: what is in force, one application, and its steps."""

    def __init__(
        self,
        reader: IReader,
        journal: Journal,
        known: INames | None,
        used: Sequence[InUse],
        off_thread: OffThread,
    ) -> None:
        """`known` is None where A1 cannot be asked for names (SMPP); `off_thread` does what blocks elsewhere."""
        self._reader = reader
        self._journal = journal
        self._known = known
        self._used = used
        self._used_names = frozenset(each.name for each in used if each.name is not None)
        self._off_thread = off_thread

    def pages(self) -> list[Page]:
        """All of them."""
        views = {
            "sender_id": self.overview,
            "sender_id-state": self.state,
            "sender_id-ask": self.ask,
            "sender_id-application": self.application,
            "sender_id-progress": self.progress,
            "sender_id-step-ask": self.ask_step,
            "sender_id-step": self.step,
        }
        return [Page(name, view, for_admins=True) for name, view in views.items()]

    async def overview(self, asked: Asked) -> Answer:
        """What is in force, and all applications."""
        return Fragment("sender_id.html", await self._state(asked))

    async def state(self, asked: Asked) -> Answer:
        """The live part of it, once something in it is different."""
        values = await self._state(asked)
        return once_different(asked, values["mark"], "sender_id_state.html", values)

    async def ask(self, asked: Asked) -> Answer:
        """Somebody wants to know what A1 says now."""
        if self._known is not None:
            self._known.ask_now()
        return Fragment("sender_id_state.html", await self._state(asked))

    async def application(self, asked: Asked) -> Answer:
        """One application, with its letter."""
        values = await self._progress(asked)
        each = values["each"].application
        made = await self._off_thread(draft, each.name, each.purpose, each.particulars)
        more = {"draft": made, "fixed": FIXED, "papers": tuple(Attachment)}
        return Fragment("sender_id_application.html", {**values, **more})

    async def progress(self, asked: Asked) -> Answer:
        """The live part of one application, once something in it is different."""
        values = await self._progress(asked)
        return once_different(asked, values["mark"], "sender_id_progress.html", values)

    async def ask_step(self, asked: Asked) -> Answer:
        """A dialog that asks whether, and when, something has happened to an application."""
        each, step = await self._wanted_step(asked)
        return Fragment("sender_id_step.html", _dialog(asked, each, step, each.note or "", None))

    async def step(self, asked: Asked) -> Answer:
        """It has happened."""
        each, step = await self._wanted_step(asked)
        note, on = printable_line(asked.text("note")), _day(asked.text("on"))
        fault = _fault(step, note, on, _today(asked))
        if fault is not None:
            return Fragment("sender_id_step.html", _dialog(asked, each, step, asked.text("note"), fault))
        at = noon(on) if step is Step.HAND_IN and on not in (None, _today(asked)) else asked.now
        taken = await self._journal.within(sender_ids.take_step, each.id, step, at, note)
        if taken is None:
            raise CannotAnswer(asked.words("sender_id.step.too_late"))
        if step is Step.HAND_IN and self._known is not None:
            self._known.ask_now()
        shown = asked.text("shown_on")
        page = shown if shown in _SHOWN_ON else _SHOWN_ON[0]
        return Fragment("sender_id_go.html", {"page": page, "application": each.id})

    async def _state(self, asked: Asked) -> dict[str, Any]:
        found = await self._reader.read(all_progress, asked.now)
        applications = [each.application for each in found]
        known = self._known
        changing = {
            "in_use": standings(self._used, known, applications),
            "applications": found,
            "names": None if known is None else known.names,
            "asked_at": None if known is None else known.asked_at,
            "trouble": None if known is None else known.trouble,
            "wanted": known is not None and known.wanted,
        }
        return self._marked(changing)

    async def _progress(self, asked: Asked) -> dict[str, Any]:
        found = await self._reader.read(progress_of, asked.number("application"), asked.now)
        if found is None:
            raise CannotAnswer(asked.words("sender_id.none"))
        return self._marked({"each": found})

    def _steps(self, state: State) -> tuple[Step, ...]:
        """The steps that a person may note: where A1 can be asked, it says itself what is approved."""
        can = set(steps_from(state)) - (set() if self._known is None else {Step.APPROVE})
        return tuple(each for each in _IN_ORDER if each in can)

    async def _wanted_step(self, asked: Asked) -> tuple[Application, Step]:
        """The application and the step that a form names; raises `CannotAnswer` when it cannot be taken."""
        found = await self._reader.read(sender_ids.application, asked.number("application"))
        named = asked.text("step")
        if found is None or named not in Step.__members__.values():
            raise CannotAnswer(asked.words("sender_id.none"))
        if Step(named) not in self._steps(found.state):
            raise CannotAnswer(asked.words("sender_id.step.too_late"))
        return found, Step(named)

    def _marked(self, changing: Mapping[str, Any]) -> dict[str, Any]:
        """The same with all that stays, and a mark that is another one as soon as anything is."""
        steps = {state: self._steps(state) for state in State}
        stays = {
            "steps": steps,
            "used": self._used[0],
            "used_names": self._used_names,
            "asks": self._known is not None,
            "standing_marks": _STANDING_MARKS,
            "state_marks": _STATE_MARKS,
        }
        return {**changing, **stays, "mark": mark_of(changing)}


def _fault(step: Step, note: str, on: date | None, today: date) -> str | None:
    """What is wrong with what the dialog brings, as the words call it."""
    if step is Step.HAND_IN and (on is None or not today - _EARLIEST <= on <= today):
        return "sender_id.step.bad_day"
    if step is Step.REFUSE and not note:
        return "sender_id.step.note_missing"
    return "sender_id.step.note_too_long" if len(note) > LONGEST_NOTE else None


def _dialog(asked: Asked, each: Application, step: Step, note: str, fault: str | None) -> dict[str, Any]:
    today = _today(asked)
    handed_in = today if each.handed_in_at is None else datetime.fromtimestamp(each.handed_in_at, MINSK).date()
    return {
        "each": each,
        "step": step,
        "on": asked.text("on") or handed_in.isoformat(),
        "today": today.isoformat(),
        "note": note,
        "fault": fault,
        "shown_on": asked.text("shown_on"),
        "most": LONGEST_NOTE,
    }


def _today(asked: Asked) -> date:
    return datetime.fromtimestamp(asked.now, MINSK).date()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

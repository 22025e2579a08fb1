"""Whether everything is in place, with what to do where it is not; and the test SMS."""

from __future__ import annotations

from typing import Any, Protocol

from ..checklist.findings import Check, State
from ..checklist.lines import GROUPS, lines_of
from .trial import TrialPages
from .views import Answer, Asked, Fragment, Page, mark_of, once_different


class IChecklist(Protocol):
    """Whoever looks at everything."""

    async def checks(self) -> list[Check]:
        """Everything, each subject once."""


class SetupPages:
    """`setup`, and `setup-checks`, its live part."""

    def __init__(self, checklist: IChecklist, trial: TrialPages) -> None:
        self._checklist = checklist
        self._trial = trial

    def pages(self) -> list[Page]:
        """These, and those of the test SMS."""
        return [
            Page("setup", self.setup, for_admins=True),
            Page("setup-checks", self.checks, for_admins=True),
            *self._trial.pages(),
        ]

    async def setup(self, asked: Asked) -> Answer:
        """The whole page."""
        template, values = await self._trial.piece(asked)
        return Fragment("setup.html", {**await self._values(asked), **values, "trial": template})

    async def checks(self, asked: Asked) -> Answer:
        """The checklist, when it says something new."""
        values = await self._values(asked)
        return once_different(asked, values["mark"], "setup_checks.html", values)

    async def _values(self, asked: Asked) -> dict[str, Any]:
        lines = {each.subject: each for each in lines_of(await self._checklist.checks(), asked.words)}
        groups = {name: [lines[each] for each in subjects if each in lines] for name, subjects in GROUPS.items()}
        states = [each.state for each in lines.values()]
        mark = mark_of((asked.words.language, list(lines.values())))
        return {"groups": groups, "bad": states.count(State.BAD), "waits": states.count(State.WAIT), "mark": mark}

"""Whether everything is in place, with what to do where it is not; and the test SMS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from ..checklist.findings import Check, Finding, State, Subject
from ..journal.overdue import MOST_COUNTED, Overdue
from .trial import TrialPages
from .views import Answer, Asked, Fragment, Page, mark_of, once_different
from .words import Words

GROUPS: Mapping[str, tuple[Subject, ...]] = {
    "bitrix24": (
        Subject.TOKENS,
        Subject.PERMISSIONS,
        Subject.SENDER,
        Subject.TABS,
        Subject.AUTOMATION,
        Subject.CONSENT,
    ),
    "a1": (
        Subject.A1,
        Subject.SMPP,
        Subject.BALANCE,
        Subject.SENDER_ID,
        Subject.CALLBACK,
        Subject.POLLING,
    ),
    "server": (Subject.STORE, Subject.SPACE, Subject.SPOOL, Subject.QUEUES),
}
"""The subjects as they stand together on the page."""
WHAT_TO_DO: Mapping[str, str] = {
    "INVALID_TOKEN": "reinstall",
    "NO_AUTH_FOUND": "reinstall",
    "INVALID_GRANT": "reinstall",
    "INVALID_CLIENT": "keys",
    "WRONG_CLIENT": "keys",
    "APPLICATION_NOT_FOUND": "gone",
    "AUTHORIZATION_ERROR": "installer",
    "USER_ACCESS_ERROR": "installer",
    "INSUFFICIENT_SCOPE": "permissions",
    "INVALID_SCOPE": "permissions",
    "ACCESS_DENIED": "rights",
    "INVALID_CREDENTIALS": "rights",
    "WRONG_AUTH_TYPE": "webhook",
    "OVERLOAD_LIMIT": "blocked",
    "PORTAL_DELETED": "no_portal",
    "PAYMENT_REQUIRED": "no_portal",
    "METHOD_CONFIRM_WAITING": "confirm",
    "METHOD_CONFIRM_DENIED": "confirm",
}
"""Which advice is for which of Bitrix24's codes."""
_MOMENTS = frozenset({"installed_at", "refreshed_at", "since", "asked_at", "at", "looked_at", "answered_at"})
_GB = 1_000_000_000


class IChecklist(Protocol):
    """Whoever looks at everything."""

    async def checks(self) -> list[Check]:
        """Everything, each subject once."""


@dataclass(frozen=True, slots=True)
class Line:
    """A subject, in words."""

    subject: Subject
    state: State
    title: str
    text: str
    what_to_do: str
    """Empty where there is nothing to do."""
    said: str
    """What somebody else said of it, in their own words; empty when nobody did."""


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


def lines_of(checks: Iterable[Check], words: Words) -> Iterator[Line]:
    """What was found, in words."""
    for check in checks:
        finding = check.finding
        facts = {name: _written(name, value, words) for name, value in check.facts.items()}
        yield Line(
            finding.subject,
            check.state,
            words(f"subject.{finding.subject}"),
            words(f"finding.{finding.word}", **facts),
            _what_to_do(check, facts, words),
            check.said,
        )


def _what_to_do(check: Check, facts: Mapping[str, object], words: Words) -> str:
    if check.state is not State.BAD and not words.has(f"finding.{check.finding.word}.do"):
        return ""
    if check.finding is Finding.PORTAL_SHUTS_OUT:
        return words(f"portal.{WHAT_TO_DO.get(str(check.facts['code']), 'reinstall')}.do")
    return words(f"finding.{check.finding.word}.do", **facts)


def _written(name: str, value: object, words: Words) -> object:
    if name in _MOMENTS:
        return words.minute(value) if isinstance(value, float) else words("setup.not_yet")
    if name == "free" and isinstance(value, int):
        return words.number(value / _GB, 1)
    if name == "every" and isinstance(value, float):
        return words.duration(value)
    if isinstance(value, Decimal):
        return words.money(value)
    if name == "missing" and isinstance(value, Sequence):
        return ", ".join(words.known(f"permission.{each}", str(each)) for each in value)
    if name == "queues" and isinstance(value, Sequence):
        return "; ".join(_queue(each, words) for each in value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "—"
    return value


def _queue(queue: Overdue, words: Words) -> str:
    count = f"{words.number(queue.count)}{'+' if queue.count >= MOST_COUNTED else ''}"
    return words("setup.queue", queue=words(f"queue.{queue.queue}"), count=count, since=words.minute(queue.since))

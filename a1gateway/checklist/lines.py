"""What was found, in words: for the page, and for the commands that tell people how the gateway is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..journal.overdue import MOST_COUNTED, Overdue
from ..words.words import Words
from .findings import Check, Finding, State, Subject

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
    "server": (
        Subject.CERTIFICATE,
        Subject.STORE,
        Subject.SPACE,
        Subject.SPOOL,
        Subject.QUEUES,
        Subject.LOST,
        Subject.FAULTS,
    ),
}
"""The subjects as they stand together on the page."""
OF_THE_PAGE = frozenset(subject for subjects in GROUPS.values() for subject in subjects)
"""All of them; the others are `a1gateway doctor`'s alone."""
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
_MB = 1_000_000
_GB = 1_000_000_000


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
    if name in ("every", "seconds") and isinstance(value, float):
        return words.duration(value)
    if name == "until" and isinstance(value, float):
        return words.day(value)
    if name == "size" and isinstance(value, int):
        return words.number(value / _MB, 1)
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

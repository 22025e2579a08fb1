"""The checklist, for the commands: what was found crosses as JSON, by the findings' words, in no language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Protocol

from ..checklist.findings import Check, Finding
from ..errors import GatewayError
from ..journal.overdue import Overdue
from .operations import IDesk, Operation

_FINDINGS = {each.word: each for each in Finding}


class IChecklist(Protocol):
    """Whoever looks at everything."""

    async def checks(self, *, ask: bool = False) -> list[Check]:
        """Everything, each subject once; `ask` whoever can be asked first, and wait for the answer."""


def checklist_operation(checklist: IChecklist) -> Operation:
    """All that is looked at, as `written_checks` has it; with `ask`, who can be asked is asked first."""

    async def looked_at(given: dict[str, Any]) -> Any:
        return written_checks(await checklist.checks(ask=bool(given.get("ask"))))

    return looked_at


async def ask_for_checklist(desk: IDesk, *, ask: bool = False) -> list[Check]:
    """What the daemon has found; raises `GatewayError`. See `Checklist.checks`."""
    return read_checks(await desk.ask("checklist", {"ask": ask}))


def written_checks(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """What was found, as JSON can have it: `finding`, `subject`, `state`, `facts`, `said`. Amounts are texts."""
    return [
        {
            "finding": check.finding.word,
            "subject": str(check.finding.subject),
            "state": str(check.state),
            "facts": {name: _written(value) for name, value in check.facts.items()},
            "said": check.said,
        }
        for check in checks
    ]


def read_checks(content: Iterable[Mapping[str, Any]]) -> list[Check]:
    """What `written_checks` has written; raises `GatewayError` for what this version does not know."""
    found = []
    for each in content:
        finding = _FINDINGS.get(str(each["finding"]))
        if finding is None:
            raise GatewayError("the daemon is of another version than this command: restart it")
        facts = {name: _read(name, value) for name, value in each["facts"].items()}
        found.append(Check(finding, facts, str(each["said"])))
    return found


def _written(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [asdict(each) if isinstance(each, Overdue) else each for each in value]
    return value


def _read(name: str, value: Any) -> object:
    if name in ("amount", "below"):
        return Decimal(value)
    if name == "queues":
        return [Overdue(**each) for each in value]
    return value

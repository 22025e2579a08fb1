"""What the daemon has found crosses to a command, and is said there as it is on the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from a1gateway.checklist.findings import Check, Finding
from a1gateway.checklist.lines import lines_of
from a1gateway.control.checklist import ask_for_checklist, checklist_operation
from a1gateway.errors import GatewayError
from a1gateway.journal.overdue import Overdue
from a1gateway.words.words import LANGUAGES, words

from .conftest import START, run

FOUND = [
    Check(Finding.TOKENS_WORK, {"portal": "shop.bitrix24.by", "installed_at": START, "refreshed_at": START + 60}),
    Check(Finding.PERMISSIONS_MISSING, {"missing": ["bizproc", "placement"]}),
    Check(Finding.BALANCE_LEFT, {"amount": Decimal("12.50"), "asked_at": START}, "A1 did not answer later"),
    Check(Finding.SPACE_ENOUGH, {"free": 5_000_000_000}),
    Check(Finding.POLLING_WORKS, {"looked_at": START, "answered_at": None, "every": 60.0}),
    Check(Finding.QUEUES_STAND, {"queues": [Overdue("submit", 12, START), Overdue("portal", 1000, START)]}),
]


class Wire:
    """A daemon that has found this, at the other end of a wire that carries JSON alone."""

    def __init__(self, found: list[Check]) -> None:
        self.found = found
        self.answer: Any = None
        self.was_asked = False

    async def checks(self, *, ask: bool = False) -> list[Check]:
        self.was_asked = ask
        return self.found

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        assert operation == "checklist"
        self.answer = json.loads(json.dumps(await checklist_operation(self)(dict(arguments))))
        return self.answer


def test_what_was_found_is_the_same_on_the_other_side() -> None:
    assert run(ask_for_checklist(Wire(FOUND))) == FOUND


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_said_in_the_same_words(language: str) -> None:
    there = run(ask_for_checklist(Wire(FOUND)))
    assert list(lines_of(there, words(language))) == list(lines_of(FOUND, words(language)))


def test_whether_to_ask_first_crosses_too() -> None:
    wire = Wire(FOUND)
    run(ask_for_checklist(wire, ask=True))
    assert wire.was_asked
    run(ask_for_checklist(wire))
    assert not wire.was_asked


def test_it_crosses_without_any_language() -> None:
    wire = Wire(FOUND)
    run(ask_for_checklist(wire))
    assert wire.answer[2] == {
        "finding": "balance_left",
        "subject": "balance",
        "state": "good",
        "facts": {"amount": "12.50", "asked_at": START},
        "said": "A1 did not answer later",
    }


def test_a_daemon_of_another_version_is_told_of() -> None:
    """What is not understood must not pass for nothing."""

    class Newer(Wire):
        async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
            (only,) = await super().ask(operation, arguments)
            return [only | {"finding": "moon_is_full"}]

    with pytest.raises(GatewayError, match="another version"):
        run(ask_for_checklist(Newer(FOUND[:1])))

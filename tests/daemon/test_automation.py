"""Automation with real processes: the gateway's rules run by the portal, its scenarios, its reminders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .processes import Warden, eventually
from .stack import NUMBER, Stack

AUTOMATION = {"quiet": 0.2, "sweep": 2.0}


def run_robot(stack: Stack, code: str, document: str = "contact:275", **properties: str) -> str:
    """Let the portal run a rule; the run's token."""
    run = stack.portal.ask("POST", "robot", {"code": code, "document": document, "properties": properties})
    return str(run["event_token"])


def ended(stack: Stack, token: str, within: float = 20.0) -> dict[str, Any]:
    """A run once its workflow has gone on."""
    found: dict[str, Any] = {}

    def check() -> bool:
        found.update(stack.portal.ask("GET", f"robot/{token.replace('|', '%7C')}"))
        return bool(found["state"] == "ended")

    eventually(check, within, "the workflow goes on")
    return found


@pytest.fixture(scope="module")
def automated(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon with automation, for all tests that leave it as they found it."""
    stack = Stack(warden, tmp_path_factory.mktemp("automation"), automation=AUTOMATION)
    stack.started()
    registered(stack)
    yield stack
    stack.close()
    stack.kept_its_secrets()


def registered(stack: Stack) -> None:
    """Wait until the portal knows the rules."""
    eventually(lambda: len(stack.portal.ask("GET", "robots")["robots"]) == 2 or None, 20, "the rules are registered")


@pytest.fixture
def stack(automated: Stack) -> Stack:
    """The same, its counterparts as good as new."""
    automated.a1.reset()
    automated.portal.reset()
    return automated


def test_the_rules_are_registered_in_three_languages(stack: Stack) -> None:
    rules = {each["code"]: each for each in stack.portal.ask("GET", "robots")["robots"]}
    assert set(rules) == {"a1_sms_send", "a1_sms_reminder"}
    for rule in rules.values():
        assert {language.lower() for language in rule["name"]} == {"ru", "be", "en"}
        assert rule["use_subscription"] == "Y"


def test_a_rule_that_waits_learns_of_the_delivery(stack: Stack) -> None:
    token = run_robot(stack, "a1_sms_send", phone="8 029 111-22-33", text="Заказ готов", wait="Y")
    run = ended(stack, token)
    values = run["values"]
    assert (values["status"], values["error"], values["phone"]) == ("delivered", "", NUMBER)
    assert (int(values["segments"]), values["price"]) == (1, "0.045")
    assert values["a1_id"] in {str(message["message_id"]) for message in stack.a1.messages()}
    assert abs(datetime.fromisoformat(values["final_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert [message["text"] for message in stack.a1.messages()] == ["Заказ готов"]
    # Nobody but the workflow is told: the portal knows no such message of its sender's.
    assert [row["history"] for row in stack.portal.messages()] == []


def test_a_rule_that_does_not_wait_goes_on_when_the_sms_is_taken_in(stack: Stack) -> None:
    stack.a1.fault("hang", method="submit")
    run = ended(stack, run_robot(stack, "a1_sms_send", phone=NUMBER, text="Заказ принят"))
    assert run["values"]["status"] == "queued"


def test_a_rule_without_a_recipient_writes_to_the_documents_contact(stack: Stack) -> None:
    ended(stack, run_robot(stack, "a1_sms_send", text="Из карточки", wait="Y"))
    assert [(f"+{each['msisdn'].lstrip('+')}", each["text"]) for each in stack.a1.messages()] == [
        (NUMBER, "Из карточки")
    ]


@pytest.mark.parametrize(
    ("properties", "error"),
    [
        ({"phone": "abc", "text": "Т"}, "not_a_number"),
        ({"phone": NUMBER, "text": "Т", "kind": "marketing"}, "marketing_disabled"),
        ({"phone": NUMBER, "text": "Т", "sender_id": "Кириллица"}, "bad_sender_id"),
    ],
)
def test_what_cannot_be_sent_is_returned_with_its_reason(
    stack: Stack, properties: dict[str, str], error: str
) -> None:
    run = ended(stack, run_robot(stack, "a1_sms_send", wait="Y", **properties))
    assert (run["values"]["status"], run["values"]["error"]) == ("rejected", error)
    assert stack.a1.messages() == []


def test_a_document_that_is_deleted_is_an_end_too(stack: Stack) -> None:
    run = ended(stack, run_robot(stack, "a1_sms_send", "deal:987654", text="Т", wait="Y"))
    assert (run["values"]["status"], run["values"]["error"]) == ("rejected", "document_deleted")


def test_a_run_that_is_delivered_twice_sends_once(stack: Stack) -> None:
    given = {"code": "a1_sms_send", "document": "contact:275", "calls": 3}
    properties = {"phone": NUMBER, "text": "Один раз", "wait": "Y"}
    token = stack.portal.ask("POST", "robot", given | {"properties": properties})["event_token"]
    run = ended(stack, token)
    assert run["calls"] == [200, 200, 200]
    assert len(run["events"]) == 1
    assert [each["text"] for each in stack.a1.messages()] == ["Один раз"]

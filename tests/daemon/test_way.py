"""The way of a message from the card to its final status, and what every final status becomes outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from .processes import eventually
from .stack import Sent, Stack
from .together import Stacks

STATUS_UPDATE = "batch/messageservice.message.status.update"
POLL = "statusBulk/sms"


def statuses(history: list[tuple[str, str | None, str]]) -> list[tuple[str, str]]:
    """The statuses taken, each with who said so."""
    return [(source, status) for source, status, _ in history if status is not None]


def test_a_callback_alone_brings_delivered_to_the_card(by_callbacks: Stack) -> None:
    stack = by_callbacks
    sent = stack.send()
    stack.is_delivered_once(sent)
    assert stack.a1.requests(POLL) == 0, "nobody polls here"
    history = stack.gateway.history(sent.message_id)
    assert statuses(history) == [("portal", "queued"), ("api", "sent"), ("callback", "delivered")]
    assert ("callback", "delivered", "DELIVERED") in history
    assert history[-1] == ("portal", None, "confirmed:delivered")


def test_a_poll_alone_brings_delivered_to_the_card(by_polls: Stack) -> None:
    stack = by_polls
    stack.a1.set(callbacks=False)
    sent = stack.send()
    stack.is_delivered_once(sent)
    (sms,) = stack.sms(sent)
    assert sms["callbacks"] == []
    assert stack.portal.requests(STATUS_UPDATE) == 1
    history = stack.gateway.history(sent.message_id)
    assert statuses(history) == [("portal", "queued"), ("api", "sent"), ("poll", "delivered")]
    assert ("poll", "delivered", "3") in history, "A1's own code is kept"
    assert history[-1] == ("portal", None, "confirmed:delivered")


def test_callbacks_and_polls_together_tell_the_portal_once(by_polls: Stack) -> None:
    """Every callback comes twice, and a poll in between."""
    stack = by_polls
    stack.a1.set(enroute_delay=0.7, final_delay=1.4)
    stack.a1.fault("callback_double")
    sent = stack.send()
    stack.is_delivered_once(sent)
    (sms,) = stack.sms(sent)
    assert [made["status"] for made in sms["callbacks"]] == ["ENROUTE", "ENROUTE", "DELIVERED", "DELIVERED"]
    assert {made["answer"] for made in sms["callbacks"]} == {200}
    assert stack.a1.requests(POLL) >= 1
    taken = statuses(stack.gateway.history(sent.message_id))
    assert taken[:2] == [("portal", "queued"), ("api", "sent")]
    assert taken[2:] in ([("callback", "delivered")], [("poll", "delivered")])
    # Whatever else comes about this message changes nothing more.
    for word in ("ENROUTE", "UNDELIVERABLE", "DELIVERED"):
        assert stack.gateway.callback({"message_id": str(sms["message_id"]), "status": word}).status == 200
    stack.is_delivered_once(stack.send())
    assert len(stack.row(sent)["history"]) == 1
    assert stack.portal.requests(STATUS_UPDATE) == 2, "one for each of the two messages"


def test_a_callback_out_of_order_takes_nothing_back(by_callbacks: Stack) -> None:
    stack = by_callbacks
    stack.a1.fault("callback_reorder")
    sent = stack.send()
    stack.is_delivered_once(sent)
    eventually(lambda: len(stack.sms(sent)[0]["callbacks"]) == 2 or None, 5, "the late callback has come")
    assert stack.gateway.history(sent.message_id)[-1] == ("callback", None, "ENROUTE"), "kept as it came"
    message = stack.gateway.message(sent.message_id)
    assert message is not None
    assert (message["status"], stack.row(sent)["status"]) == ("delivered", "delivered")
    assert len(stack.row(sent)["history"]) == 1


@dataclass(frozen=True)
class Case:
    """A row of the contract's table: what is sent, and what becomes of it everywhere."""

    to: str
    status: str
    told: str
    reason: str | None = None
    sms: int = 1
    module: str = "crm"
    text: str | None = None


CASES = {
    "delivered": Case("+375291110110", "delivered", "delivered"),
    "expired": Case("+375291110002", "expired", "undelivered"),
    "undeliverable": Case("+375291110001", "undeliverable", "undelivered"),
    "rejected by status": Case("+375291110000", "rejected", "failed"),
    "refused by the API": Case("+375291110004", "rejected", "failed", "stop_list", sms=0),
    "stop word": Case("+375291110111", "rejected", "failed", "stop_word", sms=0, text="Ваше казино ждёт"),
    "too short": Case("12345", "rejected", "failed", "too_short", sms=0),
    "fixed line": Case("+375171234567", "rejected", "failed", "fixed_line", sms=0),
    "foreign": Case("+79161234567", "rejected", "failed", "foreign", sms=0),
    "empty text": Case("+375291110112", "rejected", "failed", "empty_text", sms=0, text="   "),
    "too long": Case("+375291110113", "rejected", "failed", "too_long", sms=0, text="я" * 700),
    "marketing": Case("+375291110114", "rejected", "failed", "marketing_disabled", sms=0, module="sender"),
    "an unknown word first": Case("+375291110005", "delivered", "delivered"),
}


@pytest.fixture(scope="module")
def table(polled: Stack) -> dict[str, Sent]:
    """Every case, sent at once."""
    polled.a1.reset()
    polled.portal.reset()
    return {name: polled.send(case.to, module=case.module, text=case.text) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_every_final_status_is_what_the_table_says(polled: Stack, table: dict[str, Sent], name: str) -> None:
    case, sent = CASES[name], table[name]
    message: dict[str, Any] = polled.confirmed(sent)
    assert polled.taken(sent) == 200, "refused for good or not, it was taken in"
    assert (message["status"], message["reason"], message["told"]) == (case.status, case.reason, case.told)
    row = polled.row(sent)
    assert (row["status"], [step["status"] for step in row["history"]]) == (case.told, [case.told])
    assert len(polled.sms(sent)) == case.sms


def test_a_message_on_its_way_is_sent_and_the_portal_hears_nothing(by_polls: Stack) -> None:
    stack = by_polls
    sent = stack.send("+375291110003")
    eventually(lambda: stack.a1.requests(POLL) >= 2 or None, 10, "it has been asked for twice")
    message = stack.gateway.message(sent.message_id)
    assert message is not None
    assert message["status"] == "sent"
    assert (stack.row(sent)["status"], stack.row(sent)["history"]) == ("sent", [])
    assert stack.portal.requests(STATUS_UPDATE) == 0


def test_a_message_without_a_final_status_is_given_up(stacks: Stacks) -> None:
    stack = stacks.make("impatient", polling={"interval": 0.5, "give_up_after": 2}).started()
    sent = stack.send("+375291110003")
    assert stack.told(sent) == ["undelivered"]
    message = stack.confirmed(sent)
    assert (message["status"], message["reason"]) == ("expired", "no_answer")
    assert len(stack.sms(sent)) == 1


def test_long_and_many_messages_each_arrive_once_and_whole(by_callbacks: Stack) -> None:
    """A hundred in a row become bulks; texts of several parts and of every alphabet arrive as they were written."""
    stack = by_callbacks
    texts = ["Ёлка «№ 5» — 20 € & 100 %\nвторая строка", "a" * 500, "🙂" * 40, "я" * 600]
    sent = [stack.send(f"+3752911{number:03}10", text=f"{number}: {texts[number % 4]}") for number in range(100)]
    for each in sent:
        assert stack.told(each, 40) == ["delivered"]
    assert sorted(message["text"] for message in stack.a1.messages()) == sorted(each.text for each in sent)
    assert stack.a1.requests("sendBulk/sms") >= 1

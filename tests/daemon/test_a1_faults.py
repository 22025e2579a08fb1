"""Whatever A1 does with a submit, the subscriber gets one SMS and the card its final status."""

from __future__ import annotations

from functools import partial

import pytest

from .stack import Stack
from .together import Scenario, Together

SEND, SEND_BULK, ASK, ASK_ONE = "send/sms", "sendBulk/sms", "statusCustomBulk/sms", "statusCustom/sms"


def asked(stack: Stack) -> int:
    """How often A1 was asked whether it has a message."""
    return stack.a1.requests(ASK) + stack.a1.requests(ASK_ONE)


def took_it_and_the_answer_was_lost(stack: Stack, kind: str) -> None:
    """A1 is asked, says that it has the message, and is never handed it again."""
    stack.a1.fault(kind, times=1, method=SEND)
    sent = stack.send()
    stack.is_delivered_once(sent, 20)
    assert stack.a1.requests(SEND) == 1
    assert asked(stack) >= 1
    assert ("api", None, "answer_lost") in stack.gateway.history(sent.message_id)


def did_not_take_it_and_nobody_could_know(stack: Stack, kind: str, code: int = 1) -> None:
    """A1 is asked twice, says twice that it has not got the message, and is handed it again."""
    stack.a1.fault(kind, times=1, method=SEND, code=code)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert stack.a1.requests(SEND) == 2
    assert [word for _, _, word in stack.gateway.history(sent.message_id)].count("not_found") == 2


def said_that_it_could_not_take_it(stack: Stack, code: int) -> None:
    """It is handed the message again a little later, and need not be asked."""
    stack.a1.fault("error", times=2, method=SEND, code=code)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert stack.a1.requests(SEND) == 3
    assert ("api", None, str(code)) in stack.gateway.history(sent.message_id)
    assert asked(stack) == 0


def lost_the_answer_and_then_could_not_be_asked(stack: Stack) -> None:
    """As long as A1 does not say whether it has the message, it is not handed it again."""
    stack.a1.fault("lose_answer", times=1, method=SEND)
    stack.a1.set(callbacks=False)
    stack.a1.fault("http_500", times=1, method=ASK)
    stack.a1.fault("error", times=1, method=ASK, code=1)
    sent = stack.send()
    stack.is_delivered_once(sent, 40)
    assert stack.a1.requests(SEND) == 1


def lost_the_answer_to_a_bulk(stack: Stack) -> None:
    """Every message of the bulk is asked for, and none is handed over again."""
    # The first is refused for the moment, so that the others wait for one another.
    stack.a1.fault("error", times=1, method=SEND, code=8)
    stack.a1.fault("lose_answer", times=1, method=SEND_BULK)
    sent = [stack.send() for _ in range(5)]
    for each in sent:
        stack.is_delivered_once(each, 30)
    assert stack.a1.requests(SEND_BULK) >= 1
    assert len(stack.a1.messages()) == 5


def lost_the_answer_to_a_poll(stack: Stack) -> None:
    """The next poll brings the status."""
    stack.a1.set(callbacks=False)
    for kind in ("lose_answer", "html", "cut_json"):
        stack.a1.fault(kind, times=1, method="statusBulk/sms")
    stack.is_delivered_once(stack.send(), 20)


SCENARIOS = {
    **{
        kind: Scenario(partial(took_it_and_the_answer_was_lost, kind=kind))
        for kind in ("lose_answer", "hang_accept", "cut_json", "cut_body")
    },
    **{
        kind: Scenario(partial(did_not_take_it_and_nobody_could_know, kind=kind), takes=10)
        for kind in ("hang", "http_500", "html")
    },
    "error 1": Scenario(partial(did_not_take_it_and_nobody_could_know, kind="error", code=1), takes=10),
    "error 7": Scenario(partial(said_that_it_could_not_take_it, code=7)),
    "error 8": Scenario(partial(said_that_it_could_not_take_it, code=8)),
    "lose_answer and no question": Scenario(lost_the_answer_and_then_could_not_be_asked, takes=15),
    "lose_answer of a bulk": Scenario(lost_the_answer_to_a_bulk),
    "lose_answer of a poll": Scenario(lost_the_answer_to_a_poll),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_one_sms_and_a_final_card_whatever_a1_does(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

"""Whatever the portal does with an update, it gets the final status in the end."""

from __future__ import annotations

from functools import partial

import pytest

from .processes import eventually
from .stack import Stack
from .together import Scenario, Together

BATCH, OAUTH = "batch", "oauth/token"


def would_not_take_an_update(stack: Stack, kind: str) -> None:
    """It is told again until it confirms."""
    stack.portal.fault(kind, times=2, method=BATCH)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert stack.portal.requests(BATCH) == 3


def did_not_know_the_message_yet(stack: Stack) -> None:
    """As for a moment after it has handed one over."""
    stack.portal.fault("not_found_first", times=1)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert ("portal", None, "ERROR_MESSAGE_NOT_FOUND: Message not found!") in stack.gateway.history(sent.message_id)


def lost_its_answer(stack: Stack) -> None:
    """It has taken the status; being told the same once more is the price of never being told too little."""
    stack.portal.fault("lose_answer", times=1, method=BATCH)
    sent = stack.send()
    stack.confirmed(sent, 20)
    assert stack.told(sent) == ["delivered", "delivered"]
    assert len(stack.sms(sent)) == 1


def let_a_token_expire(stack: Stack) -> None:
    """Whoever finds it out first has it refreshed; the portal's word for it alone is enough."""
    stack.portal.fault("expired_token", times=1, method=BATCH)
    stack.is_delivered_once(stack.send(), 20)
    assert stack.portal.requests(OAUTH) == 1


def let_a_token_expire_before_twenty_messages(stack: Stack) -> None:
    """One refresh for all of them, and the new pair is on disk."""
    before = stack.gateway.rows("SELECT * FROM installation")
    stack.portal.ask("POST", "expire-token")
    sent = [stack.send() for _ in range(20)]
    for each in sent:
        stack.is_delivered_once(each, 30)
    assert stack.portal.requests(OAUTH) == 1
    after = stack.gateway.rows("SELECT * FROM installation")
    assert after[0]["refresh_token"] != before[0]["refresh_token"]
    # With the pair that was kept, a daemon started anew goes on.
    stack.gateway.process.kill()
    stack.gateway.start()
    stack.is_delivered_once(stack.send(), 20)
    assert stack.portal.requests(OAUTH) == 1


def let_a_token_expire_and_could_not_refresh_it(stack: Stack) -> None:
    """The OAuth server is asked again until it answers."""
    stack.portal.fault("http_500", times=1, method=OAUTH)
    stack.portal.ask("POST", "expire-token")
    stack.is_delivered_once(stack.send(), 20)
    assert stack.portal.requests(OAUTH) == 2


def was_away_when_the_daemon_started(stack: Stack) -> None:
    """Messages are taken and sent all the same, and the card learns of it later."""
    stack.gateway.process.kill()
    stack.portal.fault("portal_down")
    stack.gateway.start()
    sent = stack.send()
    eventually(lambda: stack.sms(sent) or None, 10, "the SMS is sent")
    eventually(
        lambda: (stack.gateway.message(sent.message_id) or {}).get("status") == "delivered", 10, "it is delivered"
    )
    assert stack.row(sent)["history"] == []
    stack.portal.mend()
    stack.is_delivered_once(sent, 30)


SCENARIOS = {
    **{
        kind: Scenario(partial(would_not_take_an_update, kind=kind))
        for kind in ("portal_down", "http_500", "html", "rate_limit")
    },
    "not_found_first": Scenario(did_not_know_the_message_yet),
    "lose_answer": Scenario(lost_its_answer),
    "expired_token": Scenario(let_a_token_expire),
    "expired_token and twenty messages": Scenario(let_a_token_expire_before_twenty_messages),
    "expired_token and no refresh": Scenario(let_a_token_expire_and_could_not_refresh_it),
    "portal_down at the start": Scenario(was_away_when_the_daemon_started),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_status_arrives_whatever_the_portal_does(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

"""Whatever the portal does with an update, it gets the final status in the end, and the three books agree."""

from __future__ import annotations

from functools import partial

import pytest

from .books import in_agreement, settled
from .processes import eventually
from .stack import Stack, delivered_to
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


def was_away_while_messages_came_to_their_end(stack: Stack) -> None:
    """More than go into one request; what a day of it comes to is tested on a clock in memory."""
    stack.portal.fault("portal_down")
    stack.send_many(60, delivered_to)
    eventually(lambda: _delivered(stack) == 60, 40, "all are delivered")
    assert all(row["history"] == [] for row in stack.portal.messages())
    tried = stack.portal.requests(BATCH)
    stack.portal.mend()
    settled(stack, 60)
    assert stack.portal.requests(BATCH) - tried <= 3


def admitted_one_request_a_second(stack: Stack) -> None:
    """Far fewer than the gateway has been told that it may send; at first hardly any."""
    limited = 'a1gateway_portal_requests_total{method="batch",result="query_limit_exceeded"}'

    def refused_after_another() -> bool:
        stack.send()
        return stack.gateway.metric(limited) >= 1

    stack.portal.set(requests_per_second=0.05, burst=1.0)
    eventually(refused_after_another, 40, "the portal refuses a request")
    stack.portal.set(requests_per_second=1.0)
    settled(stack, 60)


def had_spent_its_time(stack: Stack) -> None:
    """It names the moment at which it takes updates again."""
    stack.portal.fault("operation_time_limit", times=2, method=BATCH, seconds=1)
    stack.is_delivered_once(stack.send(), 30)
    assert stack.portal.requests(BATCH) == 3


def did_not_know_messages_for_two_seconds(stack: Stack) -> None:
    """All of a batch, and then all of it."""
    stack.portal.set(card_id_delay=2.0)
    stack.send_many(10, delivered_to)
    eventually(lambda: _delivered(stack) == 10, 40, "all are delivered")
    settled(stack, 60)
    assert stack.gateway.rows("SELECT id FROM history WHERE word LIKE 'ERROR_MESSAGE_NOT_FOUND%'")


def revoked_the_tokens(stack: Stack) -> None:
    """SMS go out, the operator is told what to do, and once it is done the cards learn of everything."""
    stack.portal.ask("POST", "revoke-token")
    stack.send_many(5, delivered_to)
    eventually(lambda: _delivered(stack) == 5, 40, "all are delivered")
    state = eventually(
        lambda: found if not (found := stack.gateway.get("/readyz").json()["portal"])["ok"] else None,
        20,
        "the daemon notices",
    )
    assert "reinstall the application" in state["trouble"]
    assert all(row["history"] == [] for row in stack.portal.messages())
    stack.install()
    settled(stack, 60)


def _delivered(stack: Stack) -> int:
    return len(stack.gateway.rows("SELECT id FROM messages WHERE status = 'delivered'"))


SCENARIOS = {
    **{
        kind: Scenario(in_agreement(partial(would_not_take_an_update, kind=kind)))
        for kind in ("portal_down", "http_500", "html", "rate_limit")
    },
    "not_found_first": Scenario(in_agreement(did_not_know_the_message_yet)),
    "not known for two seconds": Scenario(in_agreement(did_not_know_messages_for_two_seconds), takes=10),
    "lose_answer": Scenario(in_agreement(lost_its_answer, told_again=True)),
    "expired_token": Scenario(in_agreement(let_a_token_expire)),
    "expired_token and twenty messages": Scenario(in_agreement(let_a_token_expire_before_twenty_messages)),
    "expired_token and no refresh": Scenario(in_agreement(let_a_token_expire_and_could_not_refresh_it)),
    "revoked tokens": Scenario(in_agreement(revoked_the_tokens)),
    "portal_down at the start": Scenario(in_agreement(was_away_when_the_daemon_started)),
    "portal_down and sixty messages": Scenario(in_agreement(was_away_while_messages_came_to_their_end), takes=10),
    "one request a second": Scenario(in_agreement(admitted_one_request_a_second), takes=10),
    "operation_time_limit": Scenario(in_agreement(had_spent_its_time)),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_status_arrives_whatever_the_portal_does(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

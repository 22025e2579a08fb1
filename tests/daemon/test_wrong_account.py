"""A1 refuses the account: nothing is sent, nothing is lost, and nobody has to start anything again."""

from __future__ import annotations

import pytest

from .processes import eventually
from .stack import Stack
from .together import Scenario, Together


def a_refused_account_is_tried_again_by_itself(stack: Stack) -> None:
    """Sending stops at the first refusal; the probe, once a minute, starts it again."""
    stack.a1.fault("error", code=4)
    sent = [stack.send() for _ in range(3)]
    assert [stack.taken(each) for each in sent] == [200] * 3
    eventually(lambda: "A1 refuses this account" in stack.gateway.process.out, 10, "the operator is told")
    ready = stack.gateway.get("/readyz")
    assert ready.status == 503
    assert ready.json()["a1"]["sending_stopped"] is True
    probes = stack.a1.requests("balances")
    eventually(lambda: stack.a1.requests("balances") > probes or None, 15, "A1 is probed in vain")
    submits = stack.a1.requests("send/sms") + stack.a1.requests("sendBulk/sms")
    assert submits <= 3, "it stopped trying"
    stack.a1.mend()
    for each in sent:
        stack.is_delivered_once(each, 70)
    stack.gateway.ready()
    assert stack.gateway.process.out.count("A1 refuses this account") == 1
    assert stack.a1.requests("balances") == probes + 2


SCENARIOS = {"error 4": Scenario(a_refused_account_is_tried_again_by_itself, takes=75)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_sending_resumes_once_the_account_is_let_in(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

"""A1 refuses the account: nothing is sent, nothing is lost, and nobody has to start anything again."""

from __future__ import annotations

import pytest

from .books import settled
from .processes import eventually
from .stack import Stack
from .together import Scenario, Together


def a_refused_account_is_tried_again_by_itself(stack: Stack) -> None:
    """Sending stops at the first refusal; the probe, once a minute, starts it again."""
    # Of one nobody knows whether A1 has it when the account is refused, and it cannot be asked for meanwhile.
    stack.a1.fault("lose_answer", times=1, method="send/sms")
    lost = stack.send()
    eventually(lambda: stack.a1.messages() or None, 10, "A1 has taken it")
    stack.a1.fault("error", code=4)
    before = len(stack.a1.messages())
    sent = [stack.send() for _ in range(3)]
    assert [stack.taken(each) for each in sent] == [200] * 3
    eventually(lambda: "A1 refuses this account" in stack.gateway.process.out, 10, "the operator is told")
    ready = stack.gateway.get("/readyz")
    assert ready.status == 503
    assert ready.json()["a1"]["sending_stopped"] is True
    probes = stack.a1.requests("balances")
    eventually(lambda: stack.a1.requests("balances") > probes or None, 15, "A1 is probed in vain")
    submits = stack.a1.requests("send/sms") + stack.a1.requests("sendBulk/sms")
    assert submits <= 4, "it stopped trying"
    assert len(stack.a1.messages()) == before
    stack.a1.mend()
    for each in [lost, *sent]:
        stack.is_delivered_once(each, 70)
    stack.gateway.ready()
    assert stack.gateway.process.out.count("A1 refuses this account") == 1
    assert stack.a1.requests("balances") == probes + 2
    settled(stack)


SCENARIOS = {"error 4": Scenario(a_refused_account_is_tried_again_by_itself, takes=75)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_sending_resumes_once_the_account_is_let_in(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

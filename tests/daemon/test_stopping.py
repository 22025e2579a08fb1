"""A stop loses nothing: what is under way is finished, what waits is there at the next start."""

from __future__ import annotations

import signal
import time
from functools import partial

import pytest

from .calls import NO_ANSWER, fetch
from .processes import eventually
from .stack import Stack
from .together import Scenario, Together

# What twistd does after a stop that was asked for: nothing went wrong, and the signal is named to whoever waits.
STOPPED = (0, -signal.SIGTERM)


def refuses(stack: Stack) -> bool:
    """Whether nobody takes a connection any more."""
    try:
        fetch("GET", stack.gateway.url + "/healthz", timeout=2)
    except ConnectionRefusedError:
        return True
    except NO_ANSWER:
        return False
    return False


def a_stop_in_the_middle_of_submits_loses_and_repeats_nothing(stack: Stack) -> None:
    stack.a1.fault("latency", seconds=1.0)
    sent = [stack.send() for _ in range(10)]
    assert [stack.taken(each) for each in sent] == [200] * 10
    eventually(
        lambda: stack.a1.requests("send/sms") + stack.a1.requests("sendBulk/sms") or None, 5, "a submit is under way"
    )
    process = stack.gateway.process
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    eventually(lambda: refuses(stack) or None, 3, "the port refuses connections")
    assert process.status is None, "the submit is still awaited"
    assert process.wait(15) in STOPPED
    assert time.monotonic() - begun < 15
    assert "[a1gateway.gateway.Gateway#info] stopped" in process.out
    assert "did not wait" not in process.out
    in_flight = stack.gateway.rows("SELECT * FROM messages WHERE stage = 'in_flight'")
    assert in_flight == [], "every submit has its outcome on disk"
    stack.gateway.start()
    for each in sent:
        stack.is_delivered_once(each, 30)
    assert len(stack.a1.messages()) == 10


def a_stop_does_not_wait_for_ever(stack: Stack) -> None:
    """A1 never answers and the journal is locked: the stop ends all the same."""
    stack.a1.fault("hang_accept", method="send/sms")
    sent = stack.send()
    eventually(lambda: stack.a1.requests("send/sms") or None, 10, "the submit is under way")
    process = stack.gateway.process
    with stack.gateway.locked():
        process.signal(signal.SIGTERM)
        assert process.wait(60) in STOPPED
    stack.a1.mend()
    stack.gateway.start()
    stack.is_delivered_once(sent, 20)


def an_idle_daemon_stops_at_once(stack: Stack, number: signal.Signals) -> None:
    """By SIGTERM, as from systemd, and by Ctrl-C."""
    process = stack.gateway.process
    process.signal(number)
    assert process.wait(5) in (0, -number)
    assert process.errors == ""


def a_request_that_is_being_answered_gets_its_answer(stack: Stack) -> None:
    """The journal is locked, so that the answer takes a while; the stop comes meanwhile."""
    process = stack.gateway.process
    with stack.gateway.locked():
        sent = stack.send()
        eventually(lambda: stack.portal.messages(), 5, "it is sent")
        time.sleep(0.3)
        process.signal(signal.SIGTERM)
        assert stack.taken(sent) == 200
        assert process.wait(30) in STOPPED
    stack.gateway.start()
    stack.is_delivered_once(sent, 20)


SCENARIOS = {
    "in the middle of submits": Scenario(
        a_stop_in_the_middle_of_submits_loses_and_repeats_nothing, warm=False, takes=8
    ),
    "stuck": Scenario(a_stop_does_not_wait_for_ever, changes={"a1__http": {"timeout": 60}}, takes=20),
    "SIGTERM": Scenario(partial(an_idle_daemon_stops_at_once, number=signal.SIGTERM)),
    "SIGINT": Scenario(partial(an_idle_daemon_stops_at_once, number=signal.SIGINT)),
    "answering": Scenario(a_request_that_is_being_answered_gets_its_answer),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_stop_loses_nothing(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

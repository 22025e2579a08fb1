"""Troubles of a running daemon are told in Bitrix24, each once, and once when it is over."""

from __future__ import annotations

import signal

import pytest

from .processes import eventually
from .stack import Stack
from .together import Scenario, Together

A1_AWAY, A1_BACK = "Тревога: A1 не принимает SMS.", "Прошло: A1 не принимает SMS."
JOURNAL_AWAY, JOURNAL_BACK = "Тревога: журнал не принимает сообщений.", "Прошло: журнал не принимает сообщений."
UNREACHABLE = 'a1gateway_alarm_messages_total{result="unreachable"}'


class Heard:
    """What people were told, by the first line of each message."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._awaited: list[str] = []

    def now(self) -> list[str]:
        return [each["text"].splitlines()[0] for each in self._stack.portal.ask("GET", "notifications")]

    def hears(self, title: str) -> None:
        """Wait for this one message, and see that there was no other."""
        self._awaited.append(title)
        eventually(lambda: len(self.now()) >= len(self._awaited) or None, 120, f"{title} is told")
        self.hears_nothing()

    def hears_nothing(self) -> None:
        assert self.now() == self._awaited


def troubles_come_and_go(stack: Stack) -> None:
    gateway, a1, portal, heard = stack.gateway, stack.a1, stack.portal, Heard(stack)
    a1.fault("http_500")
    first = stack.send()
    heard.hears(A1_AWAY)
    a1.mend()
    heard.hears(A1_BACK)
    with gateway.locked():
        heard.hears(JOURNAL_AWAY)
    heard.hears(JOURNAL_BACK)

    # A restart in the middle of a trouble tells nothing again.
    a1.fault("http_500")
    second = stack.send()
    heard.hears(A1_AWAY)
    gateway.process.signal(signal.SIGTERM)
    gateway.process.wait(60)
    gateway.start()
    eventually(lambda: gateway.metric('a1gateway_alarm{alarm="a1_away"}') == 1 or None, 60, "A1 is found away")
    heard.hears_nothing()

    # While the portal is away, what is to be told waits.
    portal.fault("portal_down")
    a1.mend()
    eventually(lambda: gateway.metric(UNREACHABLE) or None, 120, "that A1 is back cannot be told")
    heard.hears_nothing()
    portal.mend()
    heard.hears(A1_BACK)
    for each in (first, second):
        stack.is_delivered_once(each, 60)
    texts = " ".join(each["text"] for each in portal.ask("GET", "notifications"))
    assert "375291112233" not in texts
    assert gateway.url.removeprefix("http://") in texts
    stack.kept_its_secrets()


# Those of the portal come beside the others, or not, by how long it is away; queues stand for five minutes at least.
CHANGES = {"alarms": {"to": "1", "after": 1, "over_after": 1, "without": ["portal_away", "spool_holds"]}}
SCENARIOS = {"troubles": Scenario(troubles_come_and_go, changes=CHANGES, takes=90)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_each_trouble_is_told_once_and_once_that_it_is_over(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

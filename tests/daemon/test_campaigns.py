"""Campaigns with real processes: paused in the middle, resumed, cancelled, and a daemon that dies meanwhile."""

from __future__ import annotations

import time

import pytest

from .books import settled
from .campaign import CONSENT, with_the_field
from .commands import check_config, command
from .processes import eventually
from .stack import Stack
from .together import Scenario, Together

FIELD = CONSENT["contact_field"]
TEXT = "Скидка 20% до воскресенья"
OTHER = "Приглашаем на дегустацию сыров в субботу"
# So long nothing may leave that is not to leave, in seconds.
_QUIET = 2.0


def marketing_goes_out(stack: Stack) -> None:
    """The portal's contacts have the field, and the daemon has seen it."""
    with_the_field(stack)
    assert check_config(stack).returncode == 0


def agreed(stack: Stack, first: int, count: int) -> list[str]:
    """Numbers whose owners have agreed, and that A1 delivers to."""
    numbers = [f"+3752940{index:03}10" for index in range(first, first + count)]
    for number in numbers:
        contact = {"entityTypeId": 3, "phones": [number], "fields": {FIELD: "Y"}}
        stack.portal.ask("POST", "crm/item", contact)
    return numbers


def mail(stack: Stack, text: str, numbers: list[str], per_second: float = 40) -> None:
    """Bitrix24 begins to hand a mailing over."""
    stack.portal.ask("POST", "campaign", {"text": text, "numbers": numbers, "per_second": per_second})


def at_a1(stack: Stack, text: str) -> int:
    """How many messages with this text A1 has."""
    return sum(message["text"] == text for message in stack.a1.messages())


def done(stack: Stack, *arguments: str) -> str:
    """What `a1gateway campaigns` says."""
    ended = command(stack, "campaigns", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def stages(stack: Stack, campaign: int) -> dict[str, int]:
    """How many messages of a campaign are in each stage."""
    query = "SELECT stage, count(*) AS count FROM messages WHERE campaign = ? GROUP BY stage"
    return {row["stage"]: row["count"] for row in stack.gateway.rows(query, campaign)}


def come_to_rest(stack: Stack, campaign: int, count: int) -> None:
    """Wait until all `count` messages have been taken in, and none of them is on its way to A1."""
    going = {"consent", "ready", "in_flight", "asking"}

    def rests() -> bool:
        found = stages(stack, campaign)
        return sum(found.values()) == count and not going & found.keys()

    eventually(rests, 30, f"campaign {campaign} comes to rest")


def in_the_middle(stack: Stack) -> list[str]:
    """A mailing of which 50 messages have left and 50 wait for A1; with the numbers of 50 more, that are to come."""
    marketing_goes_out(stack)
    numbers = agreed(stack, 0, 150)
    mail(stack, TEXT, numbers[:50])
    eventually(lambda: at_a1(stack, TEXT) == 50 or None, 30, "the first have left")
    stack.a1.fault("error", code=8)
    mail(stack, TEXT, numbers[50:100])
    eventually(lambda: sum(stages(stack, 1).values()) == 100 or None, 20, "the next are taken in")
    return numbers[100:]


def a_mailing_is_paused_in_the_middle(stack: Stack) -> None:
    to_come = in_the_middle(stack)
    assert done(stack, "--pause", "1").startswith("campaign 1 is paused: ")
    stack.a1.mend()
    # Bitrix24 goes on to hand it over.
    mail(stack, TEXT, to_come)
    come_to_rest(stack, 1, 150)
    mail(stack, OTHER, agreed(stack, 200, 20))
    stack.is_delivered_once(stack.send())
    eventually(lambda: at_a1(stack, OTHER) == 20 or None, 30, "another campaign goes out meanwhile")
    time.sleep(_QUIET)
    assert at_a1(stack, TEXT) == 50
    assert stages(stack, 1)["held"] == 100
    shown = done(stack)
    assert f"paused by the command line: {TEXT}" in shown
    assert "100 waiting (100 for the campaign to be resumed)" in shown
    assert done(stack, "--resume", "1").startswith("campaign 1 goes on: ")
    eventually(lambda: at_a1(stack, TEXT) == 150 or None, 30, "the rest has left")
    settled(stack)


def a_mailing_is_cancelled_in_the_middle(stack: Stack) -> None:
    to_come = in_the_middle(stack)
    assert done(stack, "--cancel", "1").startswith("campaign 1 is cancelled: ")
    stack.a1.mend()
    mail(stack, TEXT, to_come)
    come_to_rest(stack, 1, 150)
    settled(stack)
    assert at_a1(stack, TEXT) == 50
    shown = [row["status"] for row in stack.portal.messages()]
    assert (shown.count("delivered"), shown.count("failed"), len(shown)) == (50, 100, 150)
    assert "100 refused (cancelled 100)" in done(stack)
    # Corrected and begun anew, it goes out to everybody.
    assert done(stack, "--anew", "1").startswith("campaign 1 stays cancelled: ")
    corrected = TEXT.replace("20%", "25%")
    mail(stack, corrected, to_come[:20])
    eventually(lambda: at_a1(stack, corrected) == 20 or None, 30, "the corrected one goes out")
    settled(stack)


def a_pause_outlives_the_daemon(stack: Stack) -> None:
    """Killed at once after the pause, before the messages have followed."""
    marketing_goes_out(stack)
    # A1 has them wait here.
    stack.a1.fault("error", code=8)
    mail(stack, TEXT, agreed(stack, 0, 100), per_second=100)
    eventually(lambda: sum(stages(stack, 1).values()) == 100 or None, 20, "all are taken in")
    done(stack, "--pause", "1")
    stack.gateway.process.kill()
    stack.a1.mend()
    stack.gateway.start()
    stack.gateway.ready()
    come_to_rest(stack, 1, 100)
    gone = at_a1(stack, TEXT)
    time.sleep(_QUIET)
    assert at_a1(stack, TEXT) == gone
    # While no daemon runs, the command changes it all the same.
    stack.gateway.process.kill()
    assert "paused by the command line" in done(stack)
    done(stack, "--resume", "1")
    stack.gateway.start()
    stack.gateway.ready()
    eventually(lambda: at_a1(stack, TEXT) == 100 or None, 30, "all have left")
    # What was sent before the deaths may be told once more.
    settled(stack, told_again=True)


def a_cancelling_outlives_the_daemon(stack: Stack) -> None:
    marketing_goes_out(stack)
    stack.a1.fault("error", code=8)
    mail(stack, TEXT, agreed(stack, 0, 100), per_second=100)
    eventually(lambda: sum(stages(stack, 1).values()) == 100 or None, 20, "all are taken in")
    done(stack, "--cancel", "1")
    stack.gateway.process.kill()
    stack.a1.mend()
    stack.gateway.start()
    stack.gateway.ready()
    come_to_rest(stack, 1, 100)
    settled(stack, told_again=True)
    assert stack.gateway.rows("SELECT count(*) AS count FROM messages WHERE reason = 'cancelled'")[0]["count"] > 0


SCENARIOS = {
    "paused": Scenario(a_mailing_is_paused_in_the_middle, changes={"consent": CONSENT}, takes=25),
    "cancelled": Scenario(a_mailing_is_cancelled_in_the_middle, changes={"consent": CONSENT}, takes=25),
    "killed when paused": Scenario(a_pause_outlives_the_daemon, changes={"consent": CONSENT}, takes=25),
    "killed when cancelled": Scenario(a_cancelling_outlives_the_daemon, changes={"consent": CONSENT}, takes=20),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_campaigns_with_a_daemon_of_their_own(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

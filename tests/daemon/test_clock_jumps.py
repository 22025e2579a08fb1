"""The server's clock jumps by an hour while messages are on their way: they arrive as if nothing had happened.

libfaketime (in Debian: `faketime`) makes the clock of one process jump; its monotonic clock goes on, as in life.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .books import settled
from .processes import eventually
from .stack import Sent, Stack, delivered_to
from .together import Scenario, Together

SEND = "send/sms"
_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
HOUR = 3600


class ServerClock:
    """The clock of the daemon that is started by it."""

    def __init__(self, stack: Stack, ahead: int = 0) -> None:
        """`ahead` of the right time by so many seconds."""
        self._stack = stack
        self._file = stack.directory / "clock"
        self.is_set(ahead)

    def is_set(self, ahead: int) -> None:
        """It jumps, or is right with 0."""
        aside = self._file.with_suffix(".new")
        aside.write_text(f"{ahead:+}\n")
        aside.rename(self._file)

    def start(self) -> None:
        """Start the daemon anew."""
        gateway = self._stack.gateway
        gateway.process.kill()
        variables = {
            "LD_PRELOAD": _LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": self._file,
            # In seconds: how long it takes until a jump is one.
            "FAKETIME_CACHE_DURATION": 1,
            "FAKETIME_DONT_FAKE_MONOTONIC": 1,
            "NO_FAKE_STAT": 1,
        }
        gateway.start_under(variables)

    def told_of(self) -> int:
        """How many jumps the daemon has written of."""
        return self._stack.gateway.process.out.count("the server's clock was set from")


def jumps_while_messages_are_on_their_way(stack: Stack) -> None:
    """Pauses, polls and pace go on."""
    clock = ServerClock(stack)
    clock.start()
    stack.a1.set(callbacks=False, final_delay=1.0)
    _jumps(stack, clock, HOUR)
    # A pause is on as well: the portal does not know a message when it is first told.
    stack.portal.fault("not_found_first", times=1)
    _jumps(stack, clock, -HOUR)
    # No message seems to have taken an hour.
    assert stack.gateway.metric("a1gateway_final_seconds_sum") < HOUR


def _jumps(stack: Stack, clock: ServerClock, ahead: int) -> None:
    sent, jumps = len(stack.a1.messages()), clock.told_of()
    stack.send_many(5, delivered_to)
    eventually(lambda: len(stack.a1.messages()) == sent + 5, 40, "A1 has the first five")
    clock.is_set(ahead)
    eventually(lambda: clock.told_of() == jumps + 1, 30, "the clock jumps")
    stack.send_many(5, delivered_to)
    eventually(lambda: len(stack.a1.messages()) == sent + 10, 40, "A1 has the others")
    settled(stack, 60)
    assert clock.told_of() == jumps + 1


def is_set_back_while_the_daemon_is_down(stack: Stack) -> None:
    """The journal's times lie an hour ahead then, in every stage of a message."""
    clock = ServerClock(stack, HOUR)
    clock.start()
    # One is delivered and the portal has yet to be told.
    stack.portal.fault("portal_down")
    told_later = stack.send()
    eventually(lambda: _status(stack, told_later) == "delivered", 40, "one is delivered")
    # One is sent, and has to be asked about.
    stack.a1.set(callbacks=False, final_delay=4.0)
    on_its_way = stack.send()
    eventually(lambda: _status(stack, on_its_way) == "sent", 40, "one is on its way")
    # One is at A1, whose answer was lost; and others are yet to be submitted.
    stack.a1.fault("lose_answer", times=1, method=SEND)
    stack.a1.fault("http_500", method="statusCustomBulk/sms")
    stack.a1.fault("http_500", method="statusCustom/sms")
    stack.send()
    eventually(lambda: _in_stage(stack, "asking") == 1, 40, "the answer to one is lost")
    stack.a1.fault("error", method=SEND, code=8)
    stack.send_many(3, delivered_to)
    eventually(lambda: len(stack.gateway.rows("SELECT * FROM messages")) == 6, 40, "all are taken in")
    stack.gateway.process.kill()
    clock.is_set(0)
    stack.a1.mend()
    stack.portal.mend()
    clock.start()
    settled(stack, 60)
    assert len(stack.portal.messages()) == 6


def _in_stage(stack: Stack, stage: str) -> int:
    return len(stack.gateway.rows("SELECT id FROM messages WHERE stage = ?", stage))


def _status(stack: Stack, sent: Sent) -> str:
    return str((stack.gateway.message(sent.message_id) or {}).get("status"))


_SCENARIOS = {
    "an hour forward, then back": Scenario(jumps_while_messages_are_on_their_way, takes=20),
    "an hour back at a restart": Scenario(is_set_back_while_the_daemon_is_down, takes=15),
}


# Without the library none is begun.
@pytest.mark.parametrize(
    "scenario", [each if _LIBRARY is not None else None for each in _SCENARIOS.values()], ids=_SCENARIOS.keys()
)
def test_messages_arrive_wherever_the_servers_clock_jumps(together: Together, scenario: Scenario | None) -> None:
    if scenario is None:
        pytest.skip("there is no libfaketime here (Debian has it in the package faketime)")
    together.ended_well(scenario)

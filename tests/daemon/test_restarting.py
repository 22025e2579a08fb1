"""With its port in systemd's hands the daemon can be restarted while SMS are sent, and none is turned away."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from .processes import Process, eventually
from .stack import Sent, Stack
from .together import Scenario, Together

_RESTARTS = 2
_SENDERS = 3
# Between the SMS of one sender, in seconds.
_PAUSE = 0.1


def restarts_refuse_no_request(stack: Stack) -> None:
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(30)
    stack.gateway.configure(stack.sections(http={"listen": "systemd:domain=INET:index=0"}))
    program = Path(sys.executable).with_name("twistd")
    daemon = [str(program), "-n", "--pidfile=", "a1gateway", "--config", str(stack.gateway.config)]
    holder = str(Path(__file__).with_name("port_holder.py"))
    process = stack.gateway.start(
        program=sys.executable, arguments=(holder, str(stack.gateway.port), *daemon), within=60
    )
    sent: list[Sent] = []
    enough = threading.Event()

    def send() -> None:
        while not enough.wait(_PAUSE):
            sent.append(stack.send())

    senders = [threading.Thread(target=send) for _ in range(_SENDERS)]
    for sender in senders:
        sender.start()
    try:
        for number in range(1, _RESTARTS + 1):
            before = len(sent)
            process.signal(signal.SIGUSR1)
            eventually(partial(_has_restarted, process, number), 60, "the daemon is restarted")
            eventually(partial(_are_more, sent, before + _SENDERS), 60, "SMS have been sent meanwhile")
    finally:
        enough.set()
        for sender in senders:
            sender.join()
    stack.told_all(sent, 120)
    calls = {row["message_id"]: row["calls"] for row in stack.portal.messages()}
    assert [calls[each.message_id] for each in sent] == [[200]] * len(sent)
    assert len(stack.a1.messages()) == len(sent)
    is_told_how_the_daemon_is(process.out)


def _has_restarted(process: Process, times: int) -> bool:
    return process.out.count("\nrestarted") >= times


def _are_more(sent: Sequence[Sent], than: int) -> bool:
    return len(sent) > than


def is_told_how_the_daemon_is(out: str) -> None:
    """What the unit's `Type=notify` and `WatchdogSec=` need, `systemctl status` shows, `journalctl -p` goes by."""
    assert out.count("told: READY=1") == out.count("told: STOPPING=1") + 1 == _RESTARTS + 1
    assert out.count("told: WATCHDOG=1") > _RESTARTS
    assert re.search(r"^told: STATUS=.*sending.*; \d+ waiting$", out, re.MULTILINE)
    log = [line for line in out.splitlines() if not line.startswith(("told: ", "restarted"))]
    assert log
    assert [line for line in log if not re.match("<[2-7]>", line)] == []
    assert any(line.startswith("<6>") and "listens on" in line for line in log)


SCENARIOS = {"port held": Scenario(restarts_refuse_no_request, takes=30)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_restart_with_the_port_held_refuses_no_request(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

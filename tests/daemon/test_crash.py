"""The daemon, killed between any two steps of its way and started again, keeps what it has promised.

Each series sends a message (or installs the application) with a daemon that dies at step 1, then at step 2, and so on
until the way has no further step. After each death the plain daemon is started, and the three books are compared: the
portal's, A1's and the journal. `crashing.py` says what a step is.

`make crash-steps` tries all of them, which takes a quarter of an hour; else it is one in four.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from .calls import NO_ANSWER
from .crashing import is_among
from .processes import eventually
from .stack import HANDLER_SECRET, Sent, Stack
from .together import Scenario, Together

# How long a daemon that has done its work is given to reach one more step, in seconds.
_TRAILING = 0.5
# Of the steps that a way would die at, the daemon dies at one in so many.
_ONE_IN = 1 if os.environ.get("A1GATEWAY_EVERY_STEP") else 4
# How long the counterparts take for an answer, so that the daemon can die while it is awaited, in seconds.
SLOW = 0.2


# Some words of a step's name: "after transaction claim+settle" is among the steps ("after", "settle").
Words = tuple[str, str]


@dataclass(frozen=True)
class Way:
    """A way on which the daemon dies at every step, or at every `stride`-th, in the part that is this way's own.

    Unless every step is asked for, it dies at some of these.
    """

    steps: frozenset[Words]
    """Some that have to be on it; else it would not be this way."""
    begins: Words | None = None
    """The first step to die at; None: the first there is."""
    ends: Words | None = None
    """The last one, where it comes for the last time; None: until there are no more."""
    stride: int = 1
    callbacks: bool = True
    fault: str | None = None
    locked: bool = False


def steps_of(stack: Stack) -> list[str]:
    """The steps that the last deadly daemon took, without their numbers."""
    file = stack.directory / "steps"
    return [line.partition(" ")[2] for line in file.read_text().splitlines()] if file.exists() else []


def start_deadly(stack: Stack, deadly: int, beginning: str) -> bool:
    """Start the daemon that dies at a step; whether it lived long enough to listen."""
    (stack.directory / "steps").unlink(missing_ok=True)
    process = stack.gateway.launch(
        program="crashing",
        arguments=(str(stack.gateway.config), str(deadly), beginning),
        name=f"deadly-{deadly}",
    )

    def listens() -> bool:
        try:
            return stack.gateway.get("/healthz").status == 200
        except NO_ANSWER:
            return False

    eventually(lambda: process.status is not None or listens() or None, 20, "the daemon listens or dies")
    return process.status is None


def dies(stack: Stack, has_done_everything: Callable[[], bool]) -> bool:
    """Wait until the daemon dies, or has done everything and lives on; whether it died."""
    process = stack.gateway.process
    eventually(lambda: process.status is not None or has_done_everything() or None, 40, "it dies or does its work")
    deadline = time.monotonic() + _TRAILING
    while process.status is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.status in (None, -signal.SIGKILL), process.written()
    return process.status is not None


def is_confirmed(stack: Stack, sent: Sent) -> bool:
    """Whether the journal has the portal's confirmation of a final status."""
    try:
        message = stack.gateway.message(sent.message_id)
    except sqlite3.Error:
        # It is just being made.
        return False
    return message is not None and message["confirmed_at"] is not None


def survives_with_a_message(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step of a message's way; whether there was such a step."""
    gateway = stack.gateway
    shutil.copytree(installed, gateway.data)
    assert start_deadly(stack, deadly, "message")
    gateway.ready()
    stack.a1.set(callbacks=way.callbacks)
    stack.a1.fault("latency", seconds=SLOW)
    stack.portal.fault("slow", seconds=SLOW, method="batch")
    if way.fault is not None:
        stack.a1.fault(way.fault, times=1, method="send/sms")
    with ExitStack() as lock:
        if way.locked:
            lock.enter_context(gateway.locked())
        sent = stack.send()
        answer = stack.taken(sent, 20)
    if not dies(stack, lambda: is_confirmed(stack, sent)):
        stack.is_delivered_once(sent)
        return False
    stack.a1.mend()
    stack.portal.mend()
    gateway.start()
    promised = answer == 200
    if not promised:
        # What is on disk goes its way all the same.
        gateway.ready()
        promised = gateway.message(sent.message_id) is not None or bool(gateway.spooled())
    if not promised:
        assert stack.sms(sent) == []
        assert stack.row(sent)["history"] == []
        return True
    eventually(lambda: is_confirmed(stack, sent) or None, 30, "the final status is confirmed")
    row = stack.row(sent)
    told = [step["status"] for step in row["history"]]
    # The same once more is the price of a death before the confirmation was on disk.
    assert told in (["delivered"], ["delivered"] * 2)
    assert row["status"] == "delivered"
    assert len(stack.sms(sent)) == 1
    assert gateway.spooled() == []
    return True


def survives_with_an_installation(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step from its start to its registration; whether there was such a step."""
    del way, installed
    gateway = stack.gateway
    stack.portal.ask("POST", "uninstall", {})
    stack.a1.fault("latency", seconds=SLOW)
    stack.portal.fault("slow", seconds=SLOW)

    def is_registered() -> bool:
        # The last that the registration asks for.
        return stack.portal.requests("event.bind") >= 2

    answer = None
    died = not start_deadly(stack, deadly, "start")
    if not died:
        answer = stack.portal.ask("POST", "install", {})["answer"]
        died = dies(stack, is_registered)
    stack.a1.mend()
    stack.portal.mend()
    if died:
        gateway.start()
        if answer != 200:
            # The administrator sees that it failed, and installs once more.
            assert stack.portal.ask("POST", "install", {})["answer"] == 200
        gateway.ready()
    stack.wait_for_sender()
    (sender,) = stack.portal.ask("GET", "state")["senders"]
    assert sender["handler"] == f"{gateway.url}/bitrix24/handler/{HANDLER_SECRET}"
    if died:
        # The other one would die of the message's steps.
        stack.is_delivered_once(stack.send())
    return died


def every_step(stack: Stack, way: Way, survives: Callable[[Stack, Way, Path, int], bool]) -> None:
    """Try the steps one after another; raises with every one that broke a promise."""
    gateway = stack.gateway
    gateway.process.signal(signal.SIGTERM)
    gateway.process.wait(20)
    installed = stack.directory / "installed"
    gateway.data.rename(installed)
    broken: list[str] = []

    def survived(deadly: int) -> bool:
        stack.a1.reset()
        stack.portal.reset()
        try:
            return survives(stack, way, installed, deadly)
        except AssertionError as error:
            logs = [process.written() for process in gateway.processes[-2:]]
            broken.append("\n".join([f"killed at step {deadly}, {steps_of(stack)[-1:]}: {error}", *logs]))
            return True
        finally:
            gateway.process.kill()
            stack.note_secrets()
            shutil.rmtree(gateway.data, ignore_errors=True)

    # Once without a death, to see the way.
    assert not survived(0)
    names = steps_of(stack)
    missing = [words for words in way.steps if not any(is_among(name, words) for name in names)]
    assert not missing, f"not on this way: {missing}; on it: {names}"
    numbered = list(enumerate(names, 1))
    first = 1 if way.begins is None else min(number for number, name in numbered if is_among(name, way.begins))
    last = None if way.ends is None else max(number for number, name in numbered if is_among(name, way.ends))
    for deadly in count(first, way.stride * _ONE_IN):
        if not survived(deadly) or (last is not None and deadly >= last) or len(broken) > 3:
            break
    assert not broken, "\n\n".join(broken)


_ALL = frozenset(
    {
        ("after", "accept"),
        ("before", "claim"),
        ("during", "send/sms"),
        ("after", "record"),
        ("after", "settle"),
        ("during", "rest/batch.json"),
        ("after", "confirm"),
    }
)
_START = frozenset(
    {
        ("before", "recover"),
        ("during", "api/balances"),
        ("during", "rest/app.info.json"),
        ("after", "install"),
        ("during", "rest/messageservice.sender.add.json"),
        ("after", "rest/event.bind.json"),
    }
)
_SPOOLED = _ALL | {("before", "sync"), ("after", "sync"), ("before", "spool"), ("after", "spool")}
_ASKED = _ALL | {("during", "statusCustomBulk/sms"), ("after", "record_standings")}


def series(
    way: Way,
    survives: Callable[[Stack, Way, Path, int], bool] = survives_with_a_message,
    *,
    polling: float = 3600.0,
    changes: Mapping[str, Any] | None = None,
    takes: float,
) -> Scenario:
    """The scenario of a way."""
    of_all: dict[str, Any] = {"polling": {"interval": polling}, "a1.http": {"timeout": 5}}
    return Scenario(
        partial(every_step, way=way, survives=survives), changes=of_all | dict(changes or {}), takes=takes
    )


SCENARIOS = {
    "callback": series(Way(_ALL), takes=40),
    "poll": series(Way(_ALL, begins=("after", "record"), callbacks=False), polling=0.4, takes=40),
    "installation": series(Way(_START, stride=2), survives_with_an_installation, takes=40),
    "spool": series(Way(_SPOOLED, ends=("after", "spool"), locked=True), takes=60),
    "answer lost": series(Way(_ASKED, begins=("during", "send/sms"), fault="lose_answer"), takes=60),
    # Waiting until A1 has said twice that it does not have the message takes its time.
    "submitted again": series(
        Way(_ASKED, begins=("after", "record_standings"), ends=("after", "send/sms"), stride=3, fault="http_500"),
        takes=100,
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_death_at_any_step_breaks_no_promise(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

"""DNS fails or hangs: messages are taken and wait, and arrive once names are resolved again."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from .books import settled
from .processes import eventually
from .stack import Stack
from .together import Scenario, Together

# Ten of the reactor for whatever blocks, its own, and the journal's.
_THREADS = 12
_PATCH = Path(__file__).with_name("without_names")


def resolves_no_names(stack: Stack, how: str) -> None:
    """From its start: connections that are open do not need DNS."""
    flag = stack.directory / "no-names"
    flag.write_text(how)
    gateway = stack.gateway
    gateway.process.kill()
    gateway.start_under({"PYTHONPATH": _PATCH, "NO_NAMES": flag})
    sent = [stack.send() for _ in range(5)]
    assert [stack.taken(each, 30) for each in sent] == [200] * 5
    eventually(lambda: _trouble(stack, "a1").startswith("A1 cannot be reached: "), 30, "the daemon notices")
    if how == "fails":
        eventually(lambda: _trouble(stack, "portal").startswith("Bitrix24 cannot be reached: "), 30, "here too")
    else:
        # As many look-ups as the reactor has threads; the spool needs one all the same.
        threads = Path(f"/proc/{gateway.process.pid}/task")
        eventually(lambda: len(list(threads.iterdir())) >= _THREADS, 60, "names are looked up in every thread")
        with gateway.locked():
            assert stack.taken(stack.send(), 30) == 200
            assert len(gateway.spooled()) == 1
    assert stack.a1.messages() == []
    flag.unlink()
    settled(stack, 60)


def _trouble(stack: Stack, part: str) -> str:
    return str(stack.gateway.get("/readyz").json()[part].get("trouble", ""))


_SCENARIOS = {
    "fails": Scenario(partial(resolves_no_names, how="fails"), takes=10),
    "hangs": Scenario(partial(resolves_no_names, how="hangs"), takes=40),
}


@pytest.mark.parametrize("scenario", _SCENARIOS.values(), ids=_SCENARIOS.keys())
def test_messages_wait_until_names_are_resolved(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

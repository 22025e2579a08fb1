"""The daemon, killed between any two steps of a message's way over SMPP and started again, as in `test_crash.py`.

None is lost; a part that the centre gets twice was in flight, and its message is marked as resent.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from ..centre.books import compare
from ..centre.centre import Manner, Receipts, why_not
from .processes import eventually
from .stack import Stack
from .test_crash import Way, dies, every_step, is_confirmed, start_deadly
from .together import Scenario, Together

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# Two parts.
_TEXT = "Заказ готов к выдаче. " * 5
# How long the portal takes for an answer, so that the daemon can die while it is awaited, in seconds.
_SLOW = 0.2
# What the centre answered so many seconds before a death may not have been on disk yet.
_UNREAD = 3.0


def survives(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step of a message's way; whether there was such a step."""
    del way
    gateway = stack.gateway
    shutil.copytree(installed, gateway.data)
    assert start_deadly(stack, deadly, "message")
    gateway.ready()
    stack.portal.fault("slow", seconds=_SLOW, method="batch")
    sent = stack.send(f"+375291{deadly:06}", text=_TEXT)
    answer = stack.taken(sent, 20)
    died = dies(stack, lambda: is_confirmed(stack, sent))
    if died:
        stack.portal.mend()
        gateway.start()
        gateway.ready()
        if answer != 200 and gateway.message(sent.message_id) is None:
            assert not gateway.spooled()
            numbers = {submit.destination for submit in stack.centre.book().submits}
            assert sent.to.lstrip("+") not in numbers
            return True
        eventually(lambda: is_confirmed(stack, sent) or None, 30, "the final status is confirmed")
    comparison = compare(stack, [sent], margin=_UNREAD, told_again=died)
    assert comparison.faults == []
    return died


_WAY = Way(
    frozenset(
        {
            ("after", "accept"),
            ("before", "claim"),
            ("during", "submit_sm"),
            ("before", "submit_sm_resp"),
            ("after", "name_parts"),
            ("after", "record"),
            ("before", "deliver_sm"),
            ("after", "settle"),
            ("during", "deliver_sm_resp"),
            ("during", "rest/batch.json"),
            ("after", "confirm"),
        }
    ),
    stride=2,
)


def series(*, reference: float) -> Scenario:
    """The scenario, with a centre that gives the reference back in so many of its receipts, 0 to 1."""
    return Scenario(
        partial(every_step, way=_WAY, survives=survives),
        manner=Manner(receipts=Receipts(reference=reference)),
        changes={"a1__smpp": {"uncertain_hold": 1}},
        takes=80,
    )


SCENARIOS = {"no references": series(reference=0.0), "references": series(reference=1.0)}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_death_at_any_step_over_smpp_breaks_no_promise(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

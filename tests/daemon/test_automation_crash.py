"""The daemon, killed between any two steps of automation's way, sends once and answers a workflow once.

As in `test_crash.py` it dies at one step after another. Here the way is that of a rule's run, from its call to the
answer that its workflow goes on with, and that of a deal's stage, from the portal's event to the SMS.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from .processes import eventually
from .stack import NUMBER, Stack
from .test_automation import AUTOMATION, deal, ended, move, registered, run_robot, texts
from .test_crash import SLOW, Way, dies, series, start_deadly
from .together import Scenario, Together

PAYMENT = {
    "name": "payment",
    "event": "stage",
    "of": "deal",
    "stage": ["PREPAYMENT_INVOICE"],
    "text": "Заказ #DEAL_ID# ждёт оплаты",
}
_RUN = frozenset(
    {
        ("after", "take"),
        ("before", "send"),
        ("during", "send/sms"),
        ("after", "settle"),
        ("during", "rest/batch.json"),
        ("after", "over"),
    }
)
_STAGE = frozenset(
    {
        ("before", "note_all"),
        ("after", "note_all"),
        ("during", "rest/batch.json"),
        ("after", "while_it_lasts"),
        ("during", "send/sms"),
        ("after", "settle"),
    }
)
_CARD = frozenset(
    {
        ("after", "accept"),
        ("during", "rest/batch.json"),
        ("after", "while_it_lasts"),
        ("during", "send/sms"),
        ("after", "settle"),
    }
)


def found(stack: Stack, query: str, *values: object) -> bool:
    """Whether the journal has such a row."""
    try:
        return bool(stack.gateway.rows(query, *values))
    except sqlite3.Error:
        # It is just being made.
        return False


def begins(stack: Stack, installed: Path, deadly: int) -> None:
    """The daemon that dies at a step is ready, and everybody takes some time to answer."""
    shutil.copytree(installed, stack.gateway.data)
    assert start_deadly(stack, deadly, "message")
    stack.gateway.ready()
    registered(stack)
    stack.a1.fault("latency", seconds=SLOW)
    stack.portal.fault("slow", seconds=SLOW, method="batch")


def goes_on(stack: Stack) -> None:
    """It has died; the plain one is there."""
    stack.a1.mend()
    stack.portal.mend()
    stack.gateway.start()
    stack.gateway.ready()


def survives_with_a_run(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step of a run's way; whether there was such a step."""
    del way
    begins(stack, installed, deadly)
    token = run_robot(stack, "a1_sms_send", phone=NUMBER, text="Заказ готов", wait="Y")
    is_over = "SELECT 1 FROM runs WHERE event_token = ? AND state = 'over'"
    died = dies(stack, lambda: found(stack, is_over, token))
    if died:
        goes_on(stack)
    calls = stack.portal.ask("GET", f"robot/{token.replace('|', '%7C')}")["calls"]
    if died and calls != [200] and not found(stack, "SELECT 1 FROM runs") and not stack.gateway.spooled():
        # Bitrix24 does not call again: nobody has promised anything.
        assert texts(stack) == []
        return True
    run = ended(stack, token, 30)
    assert (run["values"]["status"], run["values"]["phone"]) == ("delivered", NUMBER)
    eventually(lambda: found(stack, is_over, token) or None, 20, "the answer is known to be taken")
    run = ended(stack, token)
    assert len([event for event in run["events"] if event["ended"]]) == 1
    assert texts(stack) == ["Заказ готов"]
    return died


def survives_with_a_stage(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step from an event to the SMS; whether there was such a step."""
    del way
    begins(stack, installed, deadly)
    eventually(lambda: found(stack, "SELECT 1 FROM positions WHERE name = 'stages:2'") or None, 20, "it has begun")
    id_ = deal(stack, stageId="EXECUTING")
    is_delivered = "SELECT 1 FROM messages WHERE text = ? AND status = 'delivered'"
    text = f"Заказ {id_} ждёт оплаты"
    move(stack, id_, "PREPAYMENT_INVOICE")
    died = dies(stack, lambda: found(stack, is_delivered, text))
    if died:
        goes_on(stack)
    # Whether the event was taken or not: the sweep asks for what was not.
    eventually(lambda: found(stack, is_delivered, text) or None, 30, "the SMS is delivered")
    assert texts(stack) == [text]
    assert len(stack.gateway.rows("SELECT 1 FROM messages")) == 1
    return died


def survives_with_a_card(stack: Stack, way: Way, installed: Path, deadly: int) -> bool:
    """Let the daemon die at a step from a card's text with a field to the SMS; whether there was such a step."""
    del way
    begins(stack, installed, deadly)
    id_ = deal(stack)
    bindings = [{"OWNER_TYPE_ID": 2, "OWNER_ID": id_}]
    stack.portal.ask("POST", "send", {"to": NUMBER, "text": "Заказ #DEAL_ID# готов", "bindings": bindings})
    is_told = "SELECT 1 FROM messages WHERE confirmed_at IS NOT NULL AND status = 'delivered'"
    died = dies(stack, lambda: found(stack, is_told))
    if died:
        goes_on(stack)
    taken = found(stack, "SELECT 1 FROM messages") or stack.gateway.spooled()
    if died and not taken:
        # Bitrix24 does not call again: nobody has promised anything.
        assert texts(stack) == []
        return True
    eventually(lambda: found(stack, is_told) or None, 30, "the card learns of the delivery")
    assert texts(stack) == [f"Заказ {id_} готов"]
    return died


SCENARIOS = {
    "run": series(Way(_RUN, stride=3), survives_with_a_run, takes=60),
    "card": series(Way(_CARD, stride=3), survives_with_a_card, changes={"automation": AUTOMATION}, takes=60),
    "stage": series(
        Way(_STAGE, stride=3),
        survives_with_a_stage,
        changes={"automation": AUTOMATION, "scenario": [PAYMENT]},
        takes=60,
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_death_at_any_step_of_automation_breaks_no_promise(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

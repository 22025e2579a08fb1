"""Connections and daemons that die with requests in flight: nothing is lost, and what goes twice is marked."""

from __future__ import annotations

import random
import threading
import time
from functools import partial

import pytest

from ..centre.books import compare
from ..centre.centre import Cut, Manner, Receipts, why_not
from ..centre.proof import MANNER, prove
from .processes import eventually
from .stack import Sent, Stack
from .together import Scenario, Together

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def copies(stack: Stack, sent: Sent) -> int:
    return len(stack.sms(sent))


def resent(stack: Stack, sent: Sent) -> int:
    message = stack.gateway.message(sent.message_id)
    assert message is not None
    count: int = message["resent"]
    return count


def words(stack: Stack, sent: Sent) -> list[str]:
    """The words of its history."""
    return [word for _, _, word in stack.gateway.history(sent.message_id)]


def what_no_receipt_settles_goes_again_and_is_marked(stack: Stack) -> None:
    """The centre took it, and its answer was lost; or it did not take it: nobody can tell, and both go again."""
    arrivals: dict[Cut, int] = {"after": 2, "half": 2, "before": 1}
    for kind, arrive in arrivals.items():
        stack.centre.cut_at_submits(kind, count=1)
        sent = stack.send()
        assert stack.told(sent, 30) == ["delivered"]
        assert copies(stack, sent) == arrive, kind
        assert resent(stack, sent) == 1, "the journal shows it"
        assert "answer_lost" in words(stack, sent)
        assert "resent" in words(stack, sent)
    # An answer that arrived leaves no doubt.
    stack.centre.cut_at_submits("unbind", count=1)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert resent(stack, sent) == 0


def only_the_part_in_doubt_goes_again(stack: Stack) -> None:
    """Of a message of five parts: what the centre has answered is not repeated."""
    stack.is_delivered_once(stack.send())
    stack.centre.cut_at_submits("after", count=1, every=2, seed=2)
    text = "Заказ готов к выдаче. " * 15
    sent = stack.send(text=text)
    assert stack.told(sent, 30) == ["delivered"]
    book = stack.centre.book()
    numbers = sorted(submit.part for submit in book.submits if submit.total == 5)
    assert len(numbers) == 6
    assert set(numbers) == {1, 2, 3, 4, 5}
    assert text in [message.text for message in book.messages]
    assert resent(stack, sent) == 1


def what_is_in_doubt_fails_where_that_is_wanted(stack: Stack) -> None:
    stack.centre.cut_at_submits("after", count=1)
    sent = stack.send()
    assert stack.told(sent, 30) == ["failed"]
    message = stack.confirmed(sent)
    assert (message["status"], message["resent"]) == ("rejected", 0)
    assert copies(stack, sent) == 1
    stack.is_delivered_once(stack.send())


def a_reference_given_back_settles_it(stack: Stack) -> None:
    """Long before the hold is over, and nothing goes again."""
    stack.centre.cut_at_submits("after", count=1)
    short = stack.send()
    stack.is_delivered_once(short, 20)
    stack.centre.cut_at_submits("after", count=1)
    long = stack.send(text="Заказ готов к выдаче. " * 15)
    stack.is_delivered_once(long, 20)
    assert stack.centre.counts().submits == 6
    assert (resent(stack, short), resent(stack, long)) == (0, 0)


def an_answer_that_comes_late_settles_it(stack: Stack) -> None:
    """After the response timeout, before the hold is over: the connection stays, and nothing goes again."""
    short, long = stack.send(), stack.send(text="Заказ готов к выдаче. " * 7)
    stack.is_delivered_once(long, 30)
    stack.is_delivered_once(short, 30)
    assert stack.centre.counts().submits == 4
    assert (resent(stack, short), resent(stack, long)) == (0, 0)
    assert "answer_lost" in words(stack, short)
    assert len(stack.centre.book().sessions) == 1


def killed_between_parts(stack: Stack) -> None:
    """Two parts were answered and a third was in flight; after the restart the receipt of the first comes alone."""
    sent = stack.send(text="Заказ готов к выдаче. " * 15)
    eventually(lambda: stack.centre.counts().submits == 3, 10, "the third part is in flight")
    stack.gateway.process.kill()
    stack.gateway.start()
    stack.gateway.ready()
    stack.centre.release(1)
    numbers = {1, 2, 3, 4, 5}
    eventually(lambda: {submit.part for submit in stack.centre.book().submits} == numbers, 20, "all parts are sent")
    eventually(lambda: stack.gateway.rows("SELECT * FROM parts WHERE a1_id IS NULL") == [], 20, "all are answered")
    stack.centre.release()
    stack.confirmed(sent)
    comparison = compare(stack, [sent], margin=3.0)
    assert comparison.faults == []


def killed_at_random(stack: Stack, kills: int) -> None:
    """SIGKILL while messages are sent; receipts come after the restart, and those not answered come again."""
    draw = random.Random(11)
    centre, gateway = stack.centre, stack.gateway
    sent: list[Sent] = []
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            index = len(sent)
            text = f"Заказ {index} готов" if index % 5 else f"Заказ {index} готов к выдаче. " * 6
            sent.append(stack.send(f"+375291{index:06}", text=text))
            time.sleep(0.01)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for kill in range(kills):
            # Of each life, receipts that come at once, or only in the next one.
            centre.receipts(when=("later", "held")[kill % 2])
            time.sleep(draw.uniform(0.1, 1.2))
            gateway.process.kill()
            centre.release()
            gateway.start()
            gateway.ready()
        centre.receipts(when="later")
        centre.release()
        time.sleep(0.5)
    finally:
        enough.set()
        writing.join()

    def promised() -> list[Sent]:
        calls = {row["message_id"]: row["calls"] for row in stack.portal.messages()}
        return [each for each in sent if calls[each.message_id] == [200]]

    eventually(lambda: all(row["calls"] for row in stack.portal.messages()), 30, "every call has its end")
    stack.told_all(promised(), 60)
    query = "SELECT count(*) AS n FROM messages WHERE confirmed_at IS NULL"
    eventually(lambda: gateway.rows(query)[0]["n"] == 0, 30, "all is confirmed")
    comparison = compare(stack, sent, margin=2.0, told_again=True)
    assert comparison.faults == [], comparison.rows()
    assert comparison.handed_over > 20
    eventually(lambda: centre.counts().receipts == centre.counts().receipts_answered, 15, "all are answered")


def the_short_proof(stack: Stack, messages: int, cuts: int) -> None:
    """As `make smpp-proof`, with fewer messages."""
    said: list[str] = []
    comparison = prove(stack, messages=messages, cuts=cuts, seed=20, within=100, say=said.append)
    assert comparison.faults == [], "\n".join(
        [*said, *map(str, comparison.rows()), *map(str, comparison.faults[:10])]
    )
    assert comparison.handed_over == messages


HOLD = {"a1__smpp": {"uncertain_hold": 1}}

SCENARIOS = {
    "resend": Scenario(what_no_receipt_settles_goes_again_and_is_marked, manner=Manner(), changes=HOLD, takes=30),
    "resend of one part": Scenario(only_the_part_in_doubt_goes_again, manner=Manner(), changes=HOLD, takes=12),
    "fail": Scenario(
        what_is_in_doubt_fails_where_that_is_wanted,
        manner=Manner(),
        changes={"a1__smpp": {"uncertain_hold": 1, "on_uncertain": "fail"}},
        takes=12,
    ),
    "reference": Scenario(
        a_reference_given_back_settles_it,
        manner=Manner(receipts=Receipts(reference=1.0)),
        changes={"a1__smpp": {"uncertain_hold": 60}},
        takes=12,
    ),
    "late answers": Scenario(
        an_answer_that_comes_late_settles_it,
        manner=Manner(answer_after=(1.5, 1.5)),
        changes={"a1__smpp": {"response_timeout": 0.8, "uncertain_hold": 10}},
        takes=12,
    ),
    "killed between parts": Scenario(
        killed_between_parts,
        manner=Manner(answer_after=(0.3, 0.3), receipts=Receipts(when="held", reference=1.0)),
        changes={"a1__smpp": {"uncertain_hold": 3}},
        takes=12,
    ),
    "killed": Scenario(
        partial(killed_at_random, kills=6),
        manner=Manner(answer_after=(0.0, 0.1), receipts=Receipts(after=(0.0, 0.5), reference=0.5)),
        changes={"log": {"level": "info"}},
        takes=60,
    ),
    "proof": Scenario(
        partial(the_short_proof, messages=400, cuts=8),
        manner=MANNER,
        changes={"log": {"level": "info"}},
        takes=60,
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_what_was_in_flight_is_neither_lost_nor_repeated_in_silence(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

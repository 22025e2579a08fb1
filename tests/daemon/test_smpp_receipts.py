"""The receipts that other gateways lose, each case with two hundred messages: every one finds its message.

The centre is not ours (`tests/centre`), and each case has a daemon of its own.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from ..centre.centre import Manner, Receipts, why_not
from .processes import eventually
from .stack import Sent, Stack
from .together import Scenario, Together

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# A centre that has just begun to count: what is written so is often another message's number in the other base.
FEW_DIGITS = 90


def number(index: int) -> str:
    """A number for each message, never with an ending that the centre treats in another way."""
    return f"+375291{index // 50:04}{10 + index % 50}"


def all_are_told(stack: Stack, sent: Sequence[Sent], status: str = "delivered") -> None:
    """The card of each shows the status after one update, and no receipt is left over."""
    told = stack.told_all(sent)
    assert told == [[status]] * len(sent)
    answered(stack)
    assert stack.gateway.rows("SELECT * FROM unmatched") == []


def answered(stack: Stack) -> None:
    """Every receipt of the centre has its deliver_sm_resp."""

    def check() -> bool:
        counts = stack.centre.counts()
        return counts.receipts == counts.receipts_answered

    eventually(check, 15, "every receipt is answered")


def accepted(stack: Stack, count: int) -> None:
    """Wait until the journal knows that the centre has so many messages."""
    query = "SELECT count(*) AS n FROM messages WHERE status = 'sent'"
    eventually(lambda: stack.gateway.rows(query)[0]["n"] == count, 30, f"{count} are sent")


def once_each(stack: Stack, count: int) -> None:
    """Send, and wait for every receipt."""
    sent = stack.send_many(count, number)
    all_are_told(stack, sent)
    assert stack.centre.counts().submits == count


def across_a_reconnect_and_a_restart(stack: Stack, count: int) -> None:
    before_reconnect = stack.send_many(count // 2, number)
    accepted(stack, count // 2)
    stack.centre.cut()
    stack.centre.bound()
    stack.centre.release()
    all_are_told(stack, before_reconnect)
    before_restart = stack.send_many(count // 2, number)
    accepted(stack, count // 2)
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    process.wait(20)
    stack.centre.release()
    stack.gateway.start()
    all_are_told(stack, before_restart)
    assert stack.centre.counts().submits == count


def in_parts(stack: Stack, count: int, undelivered: bool = False) -> None:
    """Messages of three parts; of every fourth, when some are to stay undelivered, the second part is."""
    texts = [f"{index}: " + "три части " * 15 for index in range(count)]
    to = [f"+375291{index:04}{'01' if undelivered and index % 4 == 0 else '10'}" for index in range(count)]
    sent = [stack.send(number, text=text) for number, text in zip(to, texts, strict=True)]
    told = stack.told_all(sent)
    assert told == [["undelivered"] if number.endswith("01") else ["delivered"] for number in to]
    answered(stack)
    assert stack.gateway.rows("SELECT * FROM unmatched") == []
    messages = stack.centre.book().messages
    assert sorted(message.text for message in messages) == sorted(texts)
    assert {len(message.parts) for message in messages} == {3}


def foreign_ones_among_ours(stack: Stack, count: int) -> None:
    sent = stack.send_many(count // 4, number)
    stack.centre.send_foreign(count)
    sent += stack.send_many(count // 4, number)
    assert stack.told_all(sent) == [["delivered"]] * len(sent)
    answered(stack)
    foreign = [each for each in stack.centre.book().deliveries if each.kind == "foreign"]
    assert [each.status for each in foreign] == [0] * count, "each is answered"
    kept = stack.gateway.rows("SELECT identifier, word, source FROM unmatched")
    assert len({each["identifier"] for each in kept}) == len(kept) == count, "each is kept"
    assert {(each["word"], each["source"]) for each in kept} == {("DELIVRD", "receipt")}
    assert stack.gateway.metric("a1gateway_unmatched_statuses_total") >= count, "each is counted"


def case(
    count: int,
    receipts: Receipts | None = None,
    play: Callable[..., None] = once_each,
    *,
    answer_after: tuple[float, float] = (0.0, 0.02),
    **manner: object,
) -> Scenario:
    """So many messages with a centre of their own; `play` is called with the stack and `count`."""
    behaves = Manner(answer_after=answer_after, receipts=receipts or Receipts(), **manner)  # type: ignore[arg-type]
    return Scenario(partial(play, count=count), manner=behaves, takes=5 + count / 10)


def forms(count: int, submitted: str, receipt: str, **manner: object) -> Scenario:
    """The centre writes its identifiers so in its answers, and so in its receipts."""
    return case(count, Receipts(identifiers=receipt), identifiers=submitted, **manner)  # type: ignore[arg-type]


# By the number of the case in the reference; two hundred messages each.
CASES = {
    "1: hexadecimal then decimal": forms(100, "hexadecimal", "decimal"),
    "1: decimal then hexadecimal": forms(100, "decimal", "capitals"),
    "1: hexadecimal then decimal, few digits": forms(60, "hexadecimal", "decimal", serials_from=FEW_DIGITS),
    "1: decimal then hexadecimal, few digits": forms(60, "decimal", "hexadecimal", serials_from=FEW_DIGITS),
    "1: twins in one base": forms(60, "twins", "same"),
    "2: leading zeros in the answer": forms(100, "zeros", "decimal"),
    "2: leading zeros and capitals in the receipt": forms(100, "hexadecimal", "hexadecimal_zeros_capitals"),
    "3: UUIDs": forms(100, "uuid", "uuid_capitals"),
    "3: 64 characters": forms(100, "long", "same"),
    "4: before the answer": case(140, Receipts(when="before_answer"), answer_after=(0.1, 0.3)),
    "4: before the answer, in the other base": case(
        60, Receipts(when="before_answer", identifiers="decimal"), answer_after=(0.1, 0.3), identifiers="hexadecimal"
    ),
    "5: after a reconnect and after a restart": case(200, Receipts(when="held"), across_a_reconnect_and_a_restart),
    "6: one for each part": case(80, play=in_parts),
    "6: undelivered as soon as one part is": case(
        60, Receipts(outcomes={"01/2": ["UNDELIV"]}), partial(in_parts, undelivered=True)
    ),
    "6: one for the whole, for its first part": case(30, Receipts(part="first"), in_parts),
    "6: one for the whole, for its last part": case(30, Receipts(part="last"), in_parts),
    "7: twice": case(100, Receipts(times=2)),
    "7: an intermediate state after the final one": case(100, Receipts(steps=("ENROUTE", "DELIVRD", "ACCEPTD"))),
    "8: no TLVs": case(70, Receipts(tlvs=False)),
    "8: no text": case(70, Receipts(text=False)),
    "8: the two disagree": case(70, Receipts(contradicting=True)),
    "9: foreign": case(200, play=foreign_ones_among_ours),
}


@pytest.mark.parametrize("scenario", CASES.values(), ids=CASES.keys())
def test_every_receipt_finds_its_message(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

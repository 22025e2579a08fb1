"""Whatever A1 does with a submit, the subscriber gets one SMS and the card its final status.

Every scenario ends with the three books compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from .books import in_agreement, settled
from .flood import flood
from .processes import eventually
from .stack import CALLBACK_SECRET, Sent, Stack, delivered_to
from .together import Scenario, Together

SEND, SEND_BULK, ASK, ASK_ONE = "send/sms", "sendBulk/sms", "statusCustomBulk/sms", "statusCustom/sms"
POLL = "statusBulk/sms"
STATUS_UPDATE = "batch/messageservice.message.status.update"


def asked(stack: Stack) -> int:
    """How often A1 was asked whether it has a message."""
    return stack.a1.requests(ASK) + stack.a1.requests(ASK_ONE)


def took_it_and_the_answer_was_lost(stack: Stack, kind: str) -> None:
    """A1 is asked, says that it has the message, and is never handed it again."""
    stack.a1.fault(kind, times=1, method=SEND)
    sent = stack.send()
    stack.is_delivered_once(sent, 20)
    assert stack.a1.requests(SEND) == 1
    assert asked(stack) >= 1
    assert ("api", None, "answer_lost") in stack.gateway.history(sent.message_id)


def did_not_take_it_and_nobody_could_know(stack: Stack, kind: str, code: int = 1) -> None:
    """A1 is asked twice, says twice that it has not got the message, and is handed it again."""
    stack.a1.fault(kind, times=1, method=SEND, code=code)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert stack.a1.requests(SEND) == 2
    assert [word for _, _, word in stack.gateway.history(sent.message_id)].count("not_found") == 2


def said_that_it_could_not_take_it(stack: Stack, code: int) -> None:
    """It is handed the message again a little later, and need not be asked."""
    stack.a1.fault("error", times=2, method=SEND, code=code)
    sent = stack.send()
    stack.is_delivered_once(sent, 30)
    assert stack.a1.requests(SEND) == 3
    assert ("api", None, str(code)) in stack.gateway.history(sent.message_id)
    assert asked(stack) == 0


def lost_the_answer_and_then_could_not_be_asked(stack: Stack) -> None:
    """As long as A1 does not say whether it has the message, it is not handed it again."""
    stack.a1.fault("lose_answer", times=1, method=SEND)
    stack.a1.set(callbacks=False)
    stack.a1.fault("http_500", times=1, method=ASK)
    stack.a1.fault("error", times=1, method=ASK, code=1)
    sent = stack.send()
    stack.is_delivered_once(sent, 40)
    assert stack.a1.requests(SEND) == 1


def sent_together(stack: Stack, count: int) -> list[Sent]:
    """Messages that go out in one bulk: the first is refused for the moment, so that they wait for one another."""
    stack.a1.fault("error", times=1, method=SEND, code=8)
    first = stack.send()
    eventually(lambda: ("api", None, "8") in stack.gateway.history(first.message_id), 10, "A1 has put it off")
    return [first, *(stack.send() for _ in range(count - 1))]


def took_a_bulk_and_the_answer_was_lost(stack: Stack) -> None:
    """Every message of the bulk is asked for, and none is handed over again."""
    for kind in ("lose_answer", "hang_accept", "cut_json", "cut_body"):
        stack.a1.fault(kind, times=1, method=SEND_BULK)
        before = stack.a1.requests(SEND_BULK)
        sent = sent_together(stack, 5)
        settled(stack)
        assert stack.a1.requests(SEND_BULK) == before + 1
        bulk = [each for each in sent if ("api", None, "answer_lost") in stack.gateway.history(each.message_id)]
        assert len(bulk) >= 2, kind


def did_not_take_a_bulk_and_nobody_could_know(stack: Stack) -> None:
    """Every message is asked for twice, and handed over again."""
    for kind in ("hang", "http_500", "html", "error"):
        stack.a1.fault(kind, times=1, method=SEND_BULK)
        sent = sent_together(stack, 5)
        settled(stack, 40)
        words = [[word for _, _, word in stack.gateway.history(each.message_id)] for each in sent]
        lost = [way for way in words if "answer_lost" in way]
        assert len(lost) >= 2, kind
        assert {way.count("not_found") for way in lost} == {2}


def took_fewer_requests_than_it_got(stack: Stack) -> None:
    """Sends, polls and look-ups alike are refused for their rate; everything goes through in the end."""
    stack.a1.set(requests_per_second=2, callbacks=False)
    sent = stack.send_many(60, delivered_to)
    settled(stack, 60)
    assert len(stack.a1.messages()) == len(sent)
    refused = [stack.gateway.metric(requests_line(method, "error_7")) for method in (SEND, SEND_BULK, POLL)]
    assert sum(refused) > 0


def requests_line(method: str, result: str) -> str:
    """The metric that counts these requests to A1."""
    return f'a1gateway_a1_requests_total{{method="{method}",result="{result}"}}'


def was_throttled_in_the_middle_of_a_bulk_taken_apart(stack: Stack) -> None:
    """What A1 has taken singly is taken; the others wait, and none of them goes twice."""
    stack.a1.fault("error", times=1, method=SEND_BULK, code=10)
    sent = sent_together(stack, 12)
    stack.a1.set(requests_per_second=4)
    settled(stack, 60)
    assert {message["method"] for message in stack.a1.messages()} == {SEND, SEND_BULK}
    throttled = [each for each in sent if ("api", None, "7") in stack.gateway.history(each.message_id)]
    assert 0 < len(throttled) < len(sent)


def hung_in_the_middle_of_a_bulk_taken_apart(stack: Stack) -> None:
    """One waits for its answer; the others are not sent into the silence one after another."""
    stack.a1.fault("error", times=1, method=SEND_BULK, code=10)
    sent = sent_together(stack, 12)
    stack.a1.fault("hang", method=SEND)
    waiting = "SELECT count(*) AS count FROM messages WHERE stage = 'ready' AND word = 'unreachable'"
    eventually(lambda: stack.gateway.rows(waiting)[0]["count"] >= 9, 10, "most of them wait")
    stack.a1.mend()
    settled(stack, 60)
    assert len(stack.a1.messages()) == len(sent)


def called_back_in_every_wrong_way(stack: Stack) -> None:
    """Nobody polls here: callbacks alone bring every status, whatever their number and order."""
    for kind in ("callback_double", "callback_reorder", "callback_early"):
        stack.a1.fault(kind, times=1, method=SEND)
        stack.is_delivered_once(stack.send())
    stack.a1.fault("callback_early", times=1, method=SEND_BULK)
    settled_together(stack)
    # The callback of a message whose answer was lost comes before anybody knows A1's identifier.
    stack.a1.fault("callback_early", times=1, method=SEND)
    stack.a1.fault("lose_answer", times=1, method=SEND)
    lost = stack.send()
    stack.is_delivered_once(lost, 20)
    assert ("callback", "delivered", "DELIVERED") in stack.gateway.history(lost.message_id), "it was kept till then"
    stack.a1.fault("callback_early", times=1, method=SEND_BULK)
    stack.a1.fault("lose_answer", times=1, method=SEND_BULK)
    settled_together(stack)
    assert asked(stack) == 2


def settled_together(stack: Stack) -> None:
    """Send some in a bulk, and see them to their end."""
    sent_together(stack, 4)
    settled(stack)


def contradicted_itself(stack: Stack) -> None:
    """What comes after a final status is kept, and changes nothing; nor does what A1 says of strangers."""
    delivered, undelivered = stack.send(), stack.send("+375291110001")
    settled(stack)
    told = stack.portal.requests(STATUS_UPDATE)
    contradict(stack, delivered, 4, 2, 5, 0)
    contradict(stack, undelivered, 3, 5)
    kept = {word for source, status, word in stack.gateway.history(delivered.message_id) if status is None}
    assert {"UNDELIVERABLE", "REJECTED", "ENROUTE"} <= kept
    strange = ["DELIVERED", "REJECTED", "SOMETHING_NEW"]
    for word in strange:
        assert stack.gateway.callback({"message_id": "404", "status": word}).status == 200
    assert [row["word"] for row in stack.gateway.rows("SELECT word FROM unmatched ORDER BY id")] == strange
    stack.is_delivered_once(stack.send())
    settled(stack)
    assert stack.portal.requests(STATUS_UPDATE) == told + 1
    assert [stack.row(each)["status"] for each in (delivered, undelivered)] == ["delivered", "undelivered"]


def contradict(stack: Stack, sent: Sent, *codes: int) -> None:
    """Let A1 give a message further statuses, each with a callback of its own."""
    (sms,) = stack.sms(sent)
    for code in codes:
        stack.a1.ask("POST", "status", {"message_id": sms["message_id"], "code": code})
    wanted = len(sms["callbacks"]) + len(codes)
    eventually(lambda: len(stack.sms(sent)[0]["callbacks"]) == wanted, 10, "all callbacks are made")


# A flood: how many callbacks, over how many connections, and how much larger the daemon may become by it, in MB.
_FLOOD, _CONNECTIONS, _GROWTH = 20_000, 40, 20


def flooded_with_callbacks(stack: Stack) -> None:
    """Every one is answered and on disk; messages get through meanwhile, and memory stays what it was."""
    known = stack.send_many(10, delivered_to)
    settled(stack)
    identifiers = [str(stack.sms(each)[0]["message_id"]) for each in known]
    words = ["ENROUTE", "UNDELIVERABLE", "REJECTED"]
    forms = [
        # Every second one is for a message that is known, and these are all over.
        {"message_id": identifiers[number // 2 % 10] if number % 2 else f"9{number}", "status": words[number % 3]}
        for number in range(_FLOOD)
    ]
    before = peak(stack)
    path = f"/a1/callback/{CALLBACK_SECRET}"
    with ThreadPoolExecutor(max_workers=1) as aside:
        answers = aside.submit(flood, stack.gateway.port, path, forms, _CONNECTIONS)
        meanwhile: list[Sent] = []
        while not answers.done():
            meanwhile.append(stack.send(delivered_to(len(meanwhile) % 1000)))
            assert stack.told(meanwhile[-1], 30) == ["delivered"], "it gets through"
        assert answers.result() == {200: _FLOOD}
    assert len(meanwhile) > 1
    assert peak(stack) - before < _GROWTH
    # What was answered is on disk, and all of it once.
    (unmatched,) = stack.gateway.rows("SELECT count(*) AS count, count(DISTINCT identifier) AS names FROM unmatched")
    assert unmatched == {"count": _FLOOD // 2, "names": _FLOOD // 2}
    for each in known:
        said = {word for source, _, word in stack.gateway.history(each.message_id) if source == "callback"}
        assert said == {"DELIVERED", *words}
    settled(stack)


def peak(stack: Stack) -> float:
    """The most memory that the daemon has held, in MB."""
    status = Path(f"/proc/{stack.gateway.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def lost_the_answer_to_a_poll(stack: Stack) -> None:
    """The next poll brings the status."""
    stack.a1.set(callbacks=False)
    for kind in ("lose_answer", "html", "cut_json"):
        stack.a1.fault(kind, times=1, method=POLL)
    stack.is_delivered_once(stack.send(), 20)


def scenario(play: Callable[[Stack], None], takes: float = 5.0, **changes: Mapping[str, object]) -> Scenario:
    """To be played on a stack of this configuration."""
    return Scenario(in_agreement(play), changes=changes, takes=takes)


UNPOLLED: dict[str, object] = {"interval": 3600}


SCENARIOS = {
    **{
        kind: scenario(partial(took_it_and_the_answer_was_lost, kind=kind))
        for kind in ("lose_answer", "hang_accept", "cut_json", "cut_body")
    },
    **{
        kind: scenario(partial(did_not_take_it_and_nobody_could_know, kind=kind), 10)
        for kind in ("hang", "http_500", "html")
    },
    "error 1": scenario(partial(did_not_take_it_and_nobody_could_know, kind="error", code=1), 10),
    "error 7": scenario(partial(said_that_it_could_not_take_it, code=7)),
    "error 8": scenario(partial(said_that_it_could_not_take_it, code=8)),
    "lose_answer and no question": scenario(lost_the_answer_and_then_could_not_be_asked, 15),
    "a bulk taken and the answer lost": scenario(took_a_bulk_and_the_answer_was_lost, 30),
    "a bulk not taken": scenario(did_not_take_a_bulk_and_nobody_could_know, 45),
    "lose_answer of a poll": scenario(lost_the_answer_to_a_poll),
    "throttled": scenario(took_fewer_requests_than_it_got, 15),
    "throttled within a bulk": scenario(was_throttled_in_the_middle_of_a_bulk_taken_apart, 15),
    "hang within a bulk": scenario(hung_in_the_middle_of_a_bulk_taken_apart, 20),
    "callbacks": scenario(called_back_in_every_wrong_way, 20, polling=UNPOLLED),
    "contradictions": scenario(contradicted_itself, polling=UNPOLLED),
    "flood": scenario(flooded_with_callbacks, 30, polling=UNPOLLED, log={"level": "info"}),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_one_sms_and_a_final_card_whatever_a1_does(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

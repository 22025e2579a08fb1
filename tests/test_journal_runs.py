"""Runs of automation rules in the journal: kept once, answered once, when what they wait for is over."""

from __future__ import annotations

from typing import Any

import pytest

from a1gateway.automation.robots import REMIND, SEND
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, reminders, runs
from a1gateway.journal.reminders import Reminder, Rule
from a1gateway.journal.runs import Answer, Run, RunCall, Wanted
from a1gateway.message import Drop, Planned, RunState, Source, Status, StatusReport, Teller

from .conftest import START, arrival, run

HOUR, DAY = 3600.0, 86400.0
VISIT = START + 3 * DAY
LATER = START + 5 * DAY
FAR = START + 100 * DAY
# What runs of a reminder rule have in common.
RULE = f"{REMIND}:visit"


def call(token: str = "t1", **more: Any) -> RunCall:
    values: dict[str, Any] = {
        "event_token": token,
        "received_at": START,
        "code": SEND,
        "entity_type": 2,
        "item": 4182,
        "properties": {"text": "Заказ готов"},
        "origin": {"workflow_id": "w1"},
    }
    return RunCall(**values | more)


def taken(journal: Journal, token: str = "t1", **more: Any) -> Run:
    """A run that has been kept."""
    assert not run(journal.within(runs.take, call(token, **more)))
    alone, others, _ = new(journal)
    return next(each for each in (*alone, *others) if each.call.event_token == token)


def new(
    journal: Journal, now: float = FAR, limit: int = 100, *, documents: bool = True
) -> tuple[list[Run], list[Run], float | None]:
    """Those that need no document, those that do, and when the next is due."""
    return run(journal.within(runs.new, now, limit, reminder=REMIND, documents=documents))


def tokens(found: list[Run]) -> list[str]:
    return [each.call.event_token for each in found]


def of(journal: Journal, token: str = "t1") -> dict[str, Any]:
    found = run(journal.within(runs.of_token, token))
    assert found is not None
    return found


def answers(journal: Journal, now: float = FAR) -> list[Answer]:
    return run(journal.within(runs.answers, now, 100))[0]


def send(journal: Journal, of_run: Run, message_id: str = "m1", *, wanted: Wanted = Wanted.END, **more: Any) -> None:
    message = arrival(message_id, teller=Teller.RUN, **more)
    run(journal.within(runs.send, of_run, message, START, wanted))


def deliver(journal: Journal, a1_id: str, status: Status = Status.DELIVERED) -> None:
    """All that is to be sent is sent, and comes to its end."""
    for submission in run(journal.claim(FAR, 100)).submissions:
        run(journal.record([(submission, Accepted(a1_id), FAR)], START + 1))
    run(journal.settle([StatusReport(a1_id, "word", status, Source.CALLBACK, START + 5)]))


def rule_of(of_run: Run) -> Rule:
    assert of_run.call.entity_type is not None
    assert of_run.call.item is not None
    return Rule(RULE, of_run.id, of_run.call.entity_type, of_run.call.item)


def planned(moment: float, *, there_is_time: bool = True) -> list[Planned]:
    """A day and an hour before."""
    if there_is_time:
        return [Planned(ahead, moment - ahead) for ahead in (DAY, HOUR)]
    return [Planned(ahead, None, Drop.PAST) for ahead in (DAY, HOUR)]


def plan(
    journal: Journal,
    of_run: Run,
    moment: float = VISIT,
    *,
    wanted: Wanted = Wanted.END,
    now: float = START,
    reminded: list[Planned] | None = None,
) -> int:
    """A day and an hour before, unless they are `reminded` of at other times."""
    of_it = planned(moment) if reminded is None else reminded
    count, _ = run(journal.within(runs.plan, of_run, {"at": "then"}, moment, of_it, now, wanted, rule_of(of_run)))
    return count


def move(journal: Journal, of_run: Run, moment: float, *, there_is_time: bool = True) -> int:
    """Follow the document's date."""
    of_it = planned(moment, there_is_time=there_is_time)
    return run(journal.within(reminders.plan, rule_of(of_run), moment, of_it, START))


def due(journal: Journal) -> list[Reminder]:
    return run(journal.within(reminders.due, FAR, 100))[0]


def remind(journal: Journal, message_id: str, **more: Any) -> None:
    """Send the next reminder."""
    message = arrival(message_id, teller=Teller.RUN, **more)
    assert run(journal.within(reminders.send, due(journal)[0], message)) is not None


def test_a_run_is_kept_once(journal: Journal) -> None:
    assert not run(journal.within(runs.take, call()))
    assert run(journal.within(runs.take, call(properties={"text": "another"})))
    assert [each.call for each in new(journal, START)[1]] == [call()]
    assert not run(journal.within(runs.take, call("t2")))
    assert run(journal.within(runs.of_token, "t3")) is None


@pytest.mark.parametrize("number", ["", "80291112233"])
def test_new_runs_come_oldest_first(journal: Journal, number: str) -> None:
    """Those that need a document and those that need none."""

    def found(now: float, limit: int = 100) -> tuple[list[str], float | None]:
        alone, others, later = new(journal, now, limit)
        assert not (others if number else alone)
        return tokens(alone if number else others), later

    properties = {"text": "Заказ готов", "phone": number}
    run(journal.within(runs.take, call("t2", received_at=START + 2, properties=properties)))
    run(journal.within(runs.take, call("t1", received_at=START + 1, properties=properties)))
    assert found(START + 1) == (["t1"], START + 2)
    assert found(FAR) == (["t1", "t2"], None)
    assert found(FAR, 1) == (["t1"], None)


@pytest.mark.parametrize(
    ("more", "needs_it"),
    [
        ({}, True),
        ({"properties": {"text": "Заказ готов", "phone": ""}}, True),
        ({"properties": {"text": "Заказ готов", "phone": " \t\r\n\xa0\u2003"}}, True),
        ({"properties": {"text": "Заказ готов", "phone": " 80291112233"}}, False),
        # Its document has the date, whoever is reminded.
        ({"code": REMIND}, True),
        ({"code": REMIND, "properties": {"text": "Ждём", "phone": "80291112233"}}, True),
        # There is none.
        ({"entity_type": None, "item": None}, False),
        ({"code": REMIND, "entity_type": None, "item": None}, False),
    ],
)
def test_runs_that_need_their_document_are_apart_from_those_that_do_not(
    journal: Journal, more: dict[str, Any], needs_it: bool
) -> None:
    run(journal.within(runs.take, call(**more)))
    alone, others, _ = new(journal)
    assert (tokens(alone), tokens(others)) == (([], ["t1"]) if needs_it else (["t1"], []))


def test_runs_that_need_no_document_are_found_while_no_document_can_be_read(journal: Journal) -> None:
    for number in range(3):
        run(journal.within(runs.take, call(f"d{number}")))
    run(journal.within(runs.take, call("t1", received_at=START + 1, properties={"phone": "80291112233"})))
    # However many are before them.
    alone, others, later = new(journal, limit=1, documents=False)
    assert (tokens(alone), others, later) == (["t1"], [], None)
    alone, others, _ = new(journal, limit=2)
    assert (tokens(alone), tokens(others)) == (["t1"], ["d0", "d1"])


def test_runs_are_found_by_their_rows(journal: Journal) -> None:
    first, second = taken(journal), taken(journal, "t2")
    rows = [first.id, second.id, second.id + 1]
    assert run(journal.within(runs.by_ids, rows)) == {first.id: first, second.id: second}
    assert run(journal.within(runs.by_ids, [second.id + 1])) == {}


def test_a_run_without_a_document(journal: Journal) -> None:
    assert taken(journal, entity_type=None, item=None).call == call(entity_type=None, item=None)


def test_a_run_is_put_off(journal: Journal) -> None:
    kept = taken(journal)
    run(journal.within(runs.put_off, kept.id, 2, START + 60, "x" * 5000))
    assert new(journal, START + 59) == ([], [], START + 60)
    assert new(journal, START + 60)[1][0].tries == 2
    assert of(journal)["trouble"] == "x" * 500


def test_a_run_of_which_nothing_comes_is_answered_with_the_reason(journal: Journal) -> None:
    kept = taken(journal)
    run(journal.within(runs.give_up, kept.id, "gateway_fault", START + 9, "x" * 5000, answered=True))
    assert new(journal)[:2] == ([], [])
    (answer,) = answers(journal, START + 9)
    assert answer.values == {"status": "rejected", "error": "gateway_fault"}
    assert of(journal)["trouble"] == "x" * 500


def test_a_run_of_which_nothing_comes_is_over_when_its_workflow_does_not_wait(journal: Journal) -> None:
    kept = taken(journal)
    run(journal.within(runs.give_up, kept.id, "gateway_fault", START + 9, "oops", answered=False))
    assert (new(journal), answers(journal)) == (([], [], None), [])
    assert (of(journal)["state"], of(journal)["over_at"], of(journal)["due_at"]) == (RunState.OVER, START + 9, None)


def test_a_workflow_that_does_not_wait_is_not_answered(journal: Journal) -> None:
    send(journal, taken(journal), wanted=Wanted.NOTHING)
    assert (of(journal)["state"], of(journal)["over_at"]) == (RunState.OVER, START)
    deliver(journal, "7001")
    assert answers(journal) == []


def test_a_workflow_may_be_answered_at_once(journal: Journal) -> None:
    send(journal, taken(journal), wanted=Wanted.TAKEN_IN)
    (answer,) = answers(journal, START)
    assert (answer.event_token, answer.code, answer.received_at) == ("t1", "a1_sms_send", START)
    assert (answer.values["message_id"], answer.values["status"]) == ("m1", "queued")
    assert answer.values["phone"] == "+375291112233"


def test_a_workflow_is_answered_when_its_message_is_over(journal: Journal) -> None:
    send(journal, taken(journal))
    send(journal, taken(journal, "t2"), "m2", refusal="too_long")
    # That one is over already.
    assert [each.event_token for each in answers(journal)] == ["t2"]
    assert of(journal)["state"] == RunState.WAITING
    deliver(journal, "7001")
    answer = next(each for each in answers(journal) if each.event_token == "t1")
    assert answer.values["status"] == "delivered"
    assert (answer.values["error"], answer.values["a1_id"]) == ("", "7001")
    assert answer.values["final_at"].endswith("+03:00")


def test_a_refused_message_answers_with_the_reason(journal: Journal) -> None:
    send(journal, taken(journal), refusal="too_long")
    (answer,) = answers(journal, START)
    assert (answer.values["status"], answer.values["error"]) == ("rejected", "too_long")


def test_an_answer_stays_the_same(journal: Journal) -> None:
    send(journal, taken(journal), wanted=Wanted.TAKEN_IN)
    (first,) = answers(journal)
    run(journal.within(runs.put_off, first.id, 1, START + 60, "gone"))
    deliver(journal, "7001")
    assert run(journal.within(runs.answers, START + 59, 100)) == ([], START + 60)
    (again,) = answers(journal, START + 60)
    assert (again.values, again.values["status"]) == (first.values, "queued")


def test_how_often_an_answer_was_refused_is_counted_apart_from_what_came_before(journal: Journal) -> None:
    """A document that could not be read, or a portal that was away, leaves the answer its own tries."""
    run(journal.within(runs.put_off, taken(journal).id, 7, START + 1, "away"))
    send(journal, new(journal)[1][0], wanted=Wanted.TAKEN_IN)
    (answer,) = answers(journal)
    run(journal.within(runs.put_off, answer.id, 3, START + 2, "away"))
    for refusals in range(3):
        (answer,) = answers(journal)
        assert answer.refusals == refusals
        run(journal.within(runs.refused, answer, START + 60 + refusals, f"refused {refusals}"))
    assert run(journal.within(runs.answers, START + 61, 100)) == ([], START + 62)
    assert of(journal)["trouble"] == "refused 2"


@pytest.mark.parametrize("trouble", [None, "ACCESS_DENIED"])
def test_what_has_been_answered_is_over(journal: Journal, trouble: str | None) -> None:
    send(journal, taken(journal), wanted=Wanted.TAKEN_IN)
    (answer,) = answers(journal)
    run(journal.within(runs.over, [answer.id], START + 9, trouble))
    assert answers(journal) == []
    kept = of(journal)
    assert (kept["state"], kept["over_at"], kept["trouble"]) == (RunState.OVER, START + 9, trouble)


def test_a_plan_waits_for_its_reminders(journal: Journal) -> None:
    kept = taken(journal)
    assert plan(journal, kept) == 2
    assert [(each.run, each.rule, each.item) for each in due(journal)] == [(kept.id, RULE, 4182)] * 2
    assert run(journal.within(runs.by_ids, [kept.id]))[kept.id].call.properties == {"at": "then"}
    assert (of(journal)["state"], answers(journal)) == (RunState.WAITING, [])


def test_a_plan_may_be_answered_at_once(journal: Journal) -> None:
    plan(journal, taken(journal), wanted=Wanted.TAKEN_IN)
    (answer,) = answers(journal)
    assert answer.values == {"status": "planned", "error": "", "planned": 2}


def test_a_plan_without_reminders_is_answered(journal: Journal) -> None:
    assert plan(journal, taken(journal), reminded=[Planned(DAY, None, Drop.PAST)]) == 0
    (answer,) = answers(journal)
    assert answer.values == {"status": "not_sent", "error": "past", "planned": 0}


def test_a_workflow_is_answered_when_the_last_reminder_is_over(journal: Journal) -> None:
    plan(journal, taken(journal))
    remind(journal, "r1")
    deliver(journal, "7001")
    assert answers(journal) == []
    remind(journal, "r2")
    assert answers(journal) == []
    deliver(journal, "7002", Status.UNDELIVERABLE)
    (answer,) = answers(journal)
    assert (answer.values["message_id"], answer.values["status"]) == ("r2", "undeliverable")
    assert answer.values["planned"] == 2


def test_the_last_to_end_need_not_be_the_last_that_was_sent(journal: Journal) -> None:
    plan(journal, taken(journal))
    for message_id, a1_id in (("r1", "7001"), ("r2", "7002")):
        remind(journal, message_id)
        for submission in run(journal.claim(FAR, 100)).submissions:
            run(journal.record([(submission, Accepted(a1_id), FAR)], START + 1))
    deliver(journal, "7002")
    assert answers(journal) == []
    deliver(journal, "7001")
    assert len(answers(journal)) == 1


def test_a_refused_reminder_is_over_at_once(journal: Journal) -> None:
    plan(journal, taken(journal))
    remind(journal, "r1", refusal="foreign")
    assert answers(journal) == []
    remind(journal, "r2", refusal="foreign")
    (answer,) = answers(journal)
    assert (answer.values["status"], answer.values["error"]) == ("rejected", "foreign")


def test_dropped_reminders_are_over(journal: Journal) -> None:
    plan(journal, taken(journal))
    first, second = due(journal)
    run(journal.within(reminders.drop, first, Drop.LATE, START))
    assert answers(journal) == []
    run(journal.within(reminders.drop, second, Drop.DELETED, START + 1))
    (answer,) = answers(journal)
    assert answer.values == {"status": "not_sent", "error": "deleted", "planned": 0}


def test_a_cancelled_document_ends_its_plan(journal: Journal) -> None:
    kept = taken(journal)
    plan(journal, kept)
    remind(journal, "r1")
    run(journal.within(reminders.drop_all, rule_of(kept), Drop.CANCELLED, START, for_good=False))
    # The message that is on its way is waited for.
    assert answers(journal) == []
    deliver(journal, "7001")
    (answer,) = answers(journal)
    assert (answer.values["message_id"], answer.values["planned"]) == ("r1", 1)


def test_a_plan_follows_its_date(journal: Journal) -> None:
    kept = taken(journal)
    plan(journal, kept)
    assert move(journal, kept, LATER) == 2
    assert answers(journal) == []
    assert [each.due_at for each in due(journal)] == [LATER - DAY, LATER - HOUR]


def test_a_date_without_time_for_reminders_ends_a_plan(journal: Journal) -> None:
    kept = taken(journal)
    plan(journal, kept)
    assert move(journal, kept, START + 60, there_is_time=False) == 0
    (answer,) = answers(journal)
    assert (answer.values["status"], answer.values["error"]) == ("not_sent", "past")


def test_a_date_that_comes_back_after_all_was_sent_ends_a_plan(journal: Journal) -> None:
    kept = taken(journal)
    once = [Planned(DAY, VISIT - DAY)]
    plan(journal, kept, reminded=once)
    remind(journal, "r1")
    move(journal, kept, LATER)
    deliver(journal, "7001")
    assert answers(journal) == []
    assert run(journal.within(reminders.plan, rule_of(kept), VISIT, once, START)) == 0
    (answer,) = answers(journal)
    assert (answer.values["message_id"], answer.values["planned"]) == ("r1", 1)


def test_the_workflows_of_others_go_on_waiting(journal: Journal) -> None:
    send(journal, taken(journal), "m1")
    plan(journal, taken(journal, "t2", item=5))
    deliver(journal, "7001")
    assert [each.event_token for each in answers(journal)] == ["t1"]
    assert of(journal, "t2")["state"] == RunState.WAITING


# Runs of one reminder rule for one document.


def test_a_later_run_of_a_rule_takes_the_reminders_over(journal: Journal) -> None:
    first, second = taken(journal), taken(journal, "t2")
    plan(journal, first)
    assert plan(journal, second, now=START + 9) == 2
    assert [each.run for each in due(journal)] == [second.id] * 2
    (answer,) = answers(journal, START + 9)
    assert (answer.event_token, answer.values) == ("t1", {"status": "not_sent", "error": "repeated", "planned": 0})
    assert of(journal, "t2")["state"] == RunState.WAITING
    for message_id, a1_id in (("r1", "7001"), ("r2", "7002")):
        remind(journal, message_id)
        deliver(journal, a1_id)
    latest = next(each for each in answers(journal) if each.event_token == "t2")
    assert (latest.values["message_id"], latest.values["planned"]) == ("r2", 2)


def test_a_later_run_with_another_date_takes_the_reminders_over(journal: Journal) -> None:
    first, second = taken(journal), taken(journal, "t2")
    plan(journal, first)
    assert plan(journal, second, LATER) == 2
    assert [(each.run, each.due_at) for each in due(journal)] == [
        (second.id, LATER - DAY),
        (second.id, LATER - HOUR),
    ]
    (answer,) = answers(journal)
    assert (answer.event_token, answer.values) == ("t1", {"status": "not_sent", "error": "repeated", "planned": 0})


def test_it_is_repeated_that_an_earlier_run_hears_and_not_why_some_of_its_reminders_were_not_sent(
    journal: Journal,
) -> None:
    """A visit tomorrow, of which there is no time to remind a day before."""
    tomorrow = [Planned(DAY, None, Drop.PAST), Planned(HOUR, VISIT - HOUR)]
    first, second = taken(journal), taken(journal, "t2")
    plan(journal, first, reminded=tomorrow)
    assert plan(journal, second, reminded=tomorrow) == 1
    (answer,) = answers(journal)
    assert (answer.event_token, answer.values["error"]) == ("t1", "repeated")
    run(journal.within(reminders.drop_all, rule_of(second), Drop.DELETED, START, for_good=True))
    latest = next(each for each in answers(journal) if each.event_token == "t2")
    assert (latest.values["error"], latest.values["planned"]) == ("deleted", 0)


def test_what_an_earlier_run_of_a_rule_has_sent_is_not_sent_by_a_later_one(journal: Journal) -> None:
    first, second = taken(journal), taken(journal, "t2")
    once = [Planned(DAY, VISIT - DAY)]
    plan(journal, first, reminded=once)
    remind(journal, "r1")
    assert plan(journal, second, reminded=once) == 0
    (answer,) = answers(journal)
    assert (answer.event_token, answer.values["error"], answer.values["planned"]) == ("t2", "repeated", 0)
    deliver(journal, "7001")
    earlier = next(each for each in answers(journal) if each.event_token == "t1")
    assert (earlier.values["message_id"], earlier.values["status"]) == ("r1", "delivered")


def test_an_earlier_run_waits_for_what_it_has_sent(journal: Journal) -> None:
    first, second = taken(journal), taken(journal, "t2")
    plan(journal, first)
    remind(journal, "r1")
    plan(journal, second)
    assert answers(journal) == []
    deliver(journal, "7001")
    (answer,) = answers(journal)
    assert (answer.event_token, answer.values["message_id"], answer.values["planned"]) == ("t1", "r1", 1)


def test_runs_for_other_documents_share_nothing(journal: Journal) -> None:
    plan(journal, taken(journal))
    plan(journal, taken(journal, "t2", item=5))
    assert len(due(journal)) == 4
    assert answers(journal) == []


def test_a_date_that_comes_back_too_late_ends_a_plan_with_the_reason(journal: Journal) -> None:
    kept = taken(journal)
    plan(journal, kept)
    move(journal, kept, LATER)
    assert move(journal, kept, VISIT, there_is_time=False) == 0
    (answer,) = answers(journal)
    assert answer.values == {"status": "not_sent", "error": "past", "planned": 0}

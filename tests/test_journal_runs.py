"""Runs of automation rules in the journal: kept once, answered once, when what they wait for is over."""

from __future__ import annotations

from typing import Any

import pytest

from a1gateway.automation.moments import Planned
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, reminders, runs
from a1gateway.journal.reminders import Drop, Reminder
from a1gateway.journal.runs import Answer, Run, RunCall, Wanted
from a1gateway.message import RunState, Source, Status, StatusReport, Teller

from .conftest import START, arrival, run

HOUR, DAY = 3600.0, 86400.0
VISIT = START + 3 * DAY
LATER = START + 5 * DAY
FAR = START + 100 * DAY


def call(token: str = "t1", **more: Any) -> RunCall:
    values: dict[str, Any] = {
        "event_token": token,
        "received_at": START,
        "code": "a1_sms_send",
        "entity_type": 2,
        "item": 4182,
        "properties": {"text": "Заказ готов"},
        "origin": {"workflow_id": "w1"},
    }
    return RunCall(**values | more)


def taken(journal: Journal, token: str = "t1", **more: Any) -> Run:
    """A run that has been kept."""
    assert not run(journal.within(runs.take, call(token, **more)))
    return next(each for each in run(journal.within(runs.new, FAR, 100))[0] if each.call.event_token == token)


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


def plan(journal: Journal, of_run: Run, moment: float = VISIT, *, wanted: Wanted = Wanted.END) -> int:
    """A day and an hour before."""
    planned = [Planned(ahead, moment - ahead) for ahead in (DAY, HOUR)]
    return run(journal.within(runs.plan, of_run, {"at": "then"}, moment, planned, START, wanted))


def move(journal: Journal, of_run: Run, moment: float, *, there_is_time: bool = True) -> int:
    """Follow the document's date."""
    rule = runs.rule_of(of_run)
    assert rule is not None
    planned = [Planned(ahead, moment - ahead if there_is_time else None) for ahead in (DAY, HOUR)]
    return run(journal.within(reminders.plan, rule, moment, planned, START))


def due(journal: Journal) -> list[Reminder]:
    return run(journal.within(reminders.due, FAR, 100))[0]


def remind(journal: Journal, message_id: str, **more: Any) -> None:
    """Send the next reminder."""
    message = arrival(message_id, teller=Teller.RUN, **more)
    assert run(journal.within(reminders.send, due(journal)[0], message)) is not None


def test_a_run_is_kept_once(journal: Journal) -> None:
    assert not run(journal.within(runs.take, call()))
    assert run(journal.within(runs.take, call(properties={"text": "another"})))
    assert [each.call for each in run(journal.within(runs.new, START, 100))[0]] == [call()]
    assert not run(journal.within(runs.take, call("t2")))
    assert run(journal.within(runs.of_token, "t3")) is None


def test_new_runs_come_oldest_first(journal: Journal) -> None:
    run(journal.within(runs.take, call("t2", received_at=START + 2)))
    run(journal.within(runs.take, call("t1", received_at=START + 1)))
    found, later = run(journal.within(runs.new, START + 1, 100))
    assert ([each.call.event_token for each in found], later) == (["t1"], START + 2)
    assert [each.call.event_token for each in run(journal.within(runs.new, FAR, 100))[0]] == ["t1", "t2"]
    assert len(run(journal.within(runs.new, FAR, 1))[0]) == 1


def test_a_run_is_found_by_its_row(journal: Journal) -> None:
    kept = taken(journal)
    assert run(journal.within(runs.by_id, kept.id)) == kept
    assert run(journal.within(runs.by_id, kept.id + 1)) is None


def test_a_run_without_a_document(journal: Journal) -> None:
    kept = taken(journal, entity_type=None, item=None)
    assert kept.call == call(entity_type=None, item=None)
    assert runs.rule_of(kept) is None


def test_a_run_is_put_off(journal: Journal) -> None:
    kept = taken(journal)
    run(journal.within(runs.put_off, kept.id, 2, START + 60, "x" * 5000))
    assert run(journal.within(runs.new, START + 59, 100)) == ([], START + 60)
    assert run(journal.within(runs.new, START + 60, 100))[0][0].tries == 2
    assert of(journal)["trouble"] == "x" * 500


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
    assert (again.values, again.tries) == (first.values, 1)
    assert again.values["status"] == "queued"


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
    assert [(each.run, each.rule, each.item) for each in due(journal)] == [(kept.id, f"run:{kept.id}", 4182)] * 2
    found = run(journal.within(runs.by_id, kept.id))
    assert found is not None
    assert found.call.properties == {"at": "then"}
    assert (of(journal)["state"], answers(journal)) == (RunState.WAITING, [])


def test_a_plan_may_be_answered_at_once(journal: Journal) -> None:
    plan(journal, taken(journal), wanted=Wanted.TAKEN_IN)
    (answer,) = answers(journal)
    assert answer.values == {"status": "planned", "error": "", "planned": 2}


def test_a_plan_without_reminders_is_answered(journal: Journal) -> None:
    kept = taken(journal)
    planned = [Planned(DAY, None)]
    assert run(journal.within(runs.plan, kept, {}, VISIT, planned, START, Wanted.END)) == 0
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
    rule = runs.rule_of(kept)
    assert rule is not None
    run(journal.within(reminders.drop_all, rule, Drop.CANCELLED, START))
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
    rule = runs.rule_of(kept)
    assert rule is not None
    once = [Planned(DAY, VISIT - DAY)]
    run(journal.within(runs.plan, kept, {}, VISIT, once, START, Wanted.END))
    remind(journal, "r1")
    move(journal, kept, LATER)
    deliver(journal, "7001")
    assert answers(journal) == []
    assert run(journal.within(reminders.plan, rule, VISIT, once, START)) == 0
    (answer,) = answers(journal)
    assert (answer.values["message_id"], answer.values["planned"]) == ("r1", 1)


def test_the_workflows_of_others_go_on_waiting(journal: Journal) -> None:
    send(journal, taken(journal), "m1")
    plan(journal, taken(journal, "t2", item=5))
    deliver(journal, "7001")
    assert [each.event_token for each in answers(journal)] == ["t1"]
    assert of(journal, "t2")["state"] == RunState.WAITING

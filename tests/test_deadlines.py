"""Messages with an end to their use: not sent when that is past, and given up by A1 when it comes."""

from __future__ import annotations

import pytest

from a1gateway.automation.robots import REMIND, SEND
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Postponed, Trouble, Uncertain
from a1gateway.journal import Journal, Store, runs
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.runs import RunCall, Wanted
from a1gateway.message import Kind, Teller, Window

from .conftest import START, agree, arrival, run

LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")


def ended(journal: Journal, message_id: str = "m1") -> tuple[object, object]:
    kept = run(journal.message(message_id))
    assert kept is not None
    return kept["status"], kept["reason"]


def test_a_message_leaves_until_its_deadline_and_not_after(journal: Journal) -> None:
    for name, leave_by in (("past", START + 9), ("now", START + 10), ("later", START + 11), ("any", None)):
        run(journal.accept(arrival(name, leave_by=leave_by)))
    claim = run(journal.claim(START + 10, 500))
    assert [each.message_id for each in claim.submissions] == ["now", "later", "any"]
    assert [(change.message_id, change.reason) for change in claim.changes] == [("past", "late")]
    assert ended(journal, "past") == ("rejected", "late")
    # Its sender is told.
    told, _ = run(journal.untold(START + 10, 10))
    assert [(each.message_id, each.told) for each in told] == [("past", "failed")]


def test_what_a1_may_have_is_not_called_late(journal: Journal) -> None:
    run(journal.accept(arrival(leave_by=START + 9)))
    (first,) = run(journal.claim(START, 500)).submissions
    run(journal.record([(first, Uncertain(LOST), START + 1)], START))
    assert run(journal.end_late(START + 20)) == []
    # A1 says twice that it does not have it.
    for again in (START + 20, START + 30):
        assert ended(journal) == ("queued", None)
        run(journal.record_standings([], [first], again, poll_at=again, ask_at=again))
    claim = run(journal.claim(START + 40, 500))
    assert (claim.submissions, [change.reason for change in claim.changes]) == ([], ["late"])


@pytest.mark.parametrize("again", [None, Window(START + 1000, START + 1100)])
def test_what_nobody_knows_of_does_not_go_again_too_late(journal: Journal, again: Window | None) -> None:
    run(journal.accept(arrival(leave_by=START + 9, again=again)))
    (first,) = run(journal.claim(START, 500)).submissions
    run(journal.record([(first, Uncertain(LOST), START + 60)], START))
    changes, count, _ = run(journal.release(START + 61, 100, resend=True))
    assert [change.reason for change in changes] == ([] if again else ["uncertain"])
    assert count == (1 if again else 0)
    assert run(journal.claim(START + 62, 500)).submissions == []
    assert len(run(journal.claim(START + 1000, 500)).submissions) == (1 if again else 0)


def test_what_goes_again_and_is_too_late_then_is_uncertain(journal: Journal) -> None:
    run(journal.accept(arrival(leave_by=START + 100)))
    (first,) = run(journal.claim(START, 500)).submissions
    run(journal.record([(first, Uncertain(LOST), START + 60)], START))
    assert run(journal.release(START + 61, 100, resend=True))[1] == 1
    assert [change.reason for change in run(journal.end_late(START + 101))] == ["uncertain"]


def test_a_part_that_a1_has_takes_the_others_along(store: Store) -> None:
    of_parts = Journal(InlineLane(store), in_parts=True)
    run(of_parts.accept(arrival(text="я" * 100, segments=2, leave_by=START + 9)))
    (first,) = run(of_parts.claim(START, 500)).submissions
    run(of_parts.record([(first, Postponed(LOST, parts={1: "7001"}), START + 1)], START))
    assert run(of_parts.end_late(START + 20)) == []
    (second,) = run(of_parts.claim(START + 20, 500)).submissions
    assert [part.a1_id for part in second.parts] == ["7001", None]


@pytest.mark.parametrize("again", [None, Window(START + 1000, START + 1100)])
def test_of_what_a1_has_in_part_the_rest_goes_on_when_its_answer_was_lost(store: Store, again: Window | None) -> None:
    of_parts = Journal(InlineLane(store), in_parts=True)
    run(of_parts.accept(arrival(text="я" * 100, segments=2, leave_by=START + 9, again=again)))
    (first,) = run(of_parts.claim(START, 500)).submissions
    run(of_parts.record([(first, Uncertain(LOST, parts={1: "7001"}), START + 60)], START))
    assert run(of_parts.release(START + 61, 100, resend=True))[:2] == ([], 1)
    (second,) = run(of_parts.claim(START + 62, 500)).submissions
    assert [part.a1_id for part in second.parts] == ["7001", None]


def test_a_marketing_message_does_not_wait_for_a_consent_beyond_its_deadline(journal: Journal) -> None:
    run(journal.accept(arrival(kind=Kind.MARKETING, leave_by=START + 9)))
    assert run(journal.end_late(START + 9)) == []
    assert [change.reason for change in run(journal.end_late(START + 10))] == ["late"]


def test_what_has_left_keeps_its_end(journal: Journal) -> None:
    run(journal.accept(arrival(leave_by=START + 9)))
    (first,) = run(journal.claim(START, 500)).submissions
    assert run(journal.end_late(START + 10)) == []
    run(journal.record([(first, Accepted("7001"), START + 60)], START))
    assert run(journal.end_late(START + 10)) == []
    assert ended(journal) == ("sent", None)


@pytest.mark.parametrize(("deliver_by", "ttl"), [(None, None), (START + 3600, 3590.0)])
def test_a1_is_told_for_how_long_it_is_of_use(journal: Journal, deliver_by: float | None, ttl: float | None) -> None:
    run(journal.accept(arrival(deliver_by=deliver_by)))
    (submission,) = run(journal.claim(START + 10, 500)).submissions
    assert submission.ttl == ttl


def test_what_quiet_hours_cut_short_leaves_after_them(journal: Journal) -> None:
    again = Window(START + 1000, START + 1100)
    for name in ("first", "second"):
        run(journal.accept(arrival(name, leave_by=START + 9, again=again)))
    (first, second) = run(journal.claim(START, 500)).submissions
    run(journal.record([(each, Postponed(LOST), START + 1) for each in (first, second)], START))
    # Whoever sees it first: the claim, or the look at all that cannot be claimed.
    claim = run(journal.claim(START + 10, 1))
    assert (claim.submissions, claim.changes) == ([], [])
    assert run(journal.end_late(START + 10)) == []
    assert run(journal.claim(START + 999, 500)).submissions == []
    (taken,) = run(journal.claim(START + 1000, 1)).submissions
    assert taken.message_id == "first"
    # There is no third time.
    assert [change.message_id for change in run(journal.end_late(START + 1101))] == ["second"]


def test_another_time_that_is_past_as_well_is_none(journal: Journal) -> None:
    run(journal.accept(arrival(leave_by=START + 9, again=Window(START + 1000, START + 1100))))
    assert [change.reason for change in run(journal.end_late(START + 1101))] == ["late"]


def test_a_start_does_not_end_the_quiet_hours(journal: Journal) -> None:
    """Though it brings forward what a clock that was set back has put off."""
    run(journal.accept(arrival("held", not_before=START + 6 * 3600)))
    run(journal.accept(arrival("free")))
    (free,) = run(journal.claim(START, 500)).submissions
    run(journal.record([(free, Postponed(LOST), START + 1e6)], START))
    # The clock was years ahead when this one was accepted.
    run(journal.accept(arrival("ahead", received_at=START + 1e8, not_before=START + 1e8 + 3600)))
    run(journal.catch_up(START + 10, ask_within=5.0, poll_within=60.0))
    assert [each.message_id for each in run(journal.claim(START + 10, 500)).submissions] == ["free"]
    assert [each.message_id for each in run(journal.claim(START + 6 * 3600, 500)).submissions] == ["held"]
    assert [each.message_id for each in run(journal.claim(START + 10 + 86400, 500)).submissions] == ["ahead"]


def test_the_hours_of_marketing_do_not_end_the_quiet_hours(journal: Journal) -> None:
    """They begin at a start at the latest, and what waited for them alone is due then."""
    held = {"kind": Kind.MARKETING, "not_before": START + 6 * 3600}
    run(journal.accept(arrival("campaign", **held)))
    run(journal.accept(arrival("scenario", **held, leave_by=START + 7 * 3600)))
    # The clock was years ahead when this one was accepted.
    late = {"received_at": START + 1e8, "not_before": START + 1e8 + 3600, "leave_by": START + 1e8 + 7200}
    run(journal.accept(arrival("ahead", kind=Kind.MARKETING, **late)))
    assert run(journal.open_hours(START + 10)) == 2
    waiting, later = run(journal.unasked(START + 10, 10))
    assert ([each.message_id for each in waiting], later) == (["campaign", "ahead"], START + 6 * 3600)
    assert len(run(journal.unasked(START + 6 * 3600, 10))[0]) == 3


def test_a_marketing_message_has_another_time_for_its_consent(journal: Journal) -> None:
    again = Window(START + 1000, START + 1100)
    run(journal.accept(arrival(kind=Kind.MARKETING, leave_by=START + 9, again=again)))
    assert run(journal.end_late(START + 10)) == []
    assert run(journal.unasked(START + 10, 10)) == ([], START + 1000)
    agree(journal, START + 1000)
    assert len(run(journal.claim(START + 1000, 500)).submissions) == 1


def test_what_has_another_time_is_not_brought_forward_by_a_start(journal: Journal) -> None:
    run(journal.accept(arrival(leave_by=START + 9, again=Window(START + 1000, START + 1100))))
    assert run(journal.end_late(START + 10)) == []
    run(journal.catch_up(START + 20, ask_within=5.0, poll_within=60.0))
    claim = run(journal.claim(START + 20, 500))
    assert (claim.submissions, claim.next_due) == ([], START + 1000)


def test_a_workflow_hears_of_an_sms_that_could_not_leave_in_time(journal: Journal) -> None:
    run(journal.within(runs.take, RunCall("t1", START, SEND, 2, 5, {"phone": "80291112233"}, {})))
    (of_it,), _, _ = run(journal.within(runs.new, START, 1, reminder=REMIND, documents=False))
    message = arrival(teller=Teller.RUN, leave_by=START + 9)
    run(journal.within(runs.send, of_it, message, START, Wanted.END))
    assert run(journal.within(runs.answers, START + 10, 10))[0] == []
    run(journal.end_late(START + 10))
    (answer,) = run(journal.within(runs.answers, START + 10, 10))[0]
    assert (answer.values["status"], answer.values["error"]) == ("rejected", "late")
    # No sender of Bitrix24 is told.
    assert run(journal.untold(START + 10, 10))[0] == []


def test_those_that_wait_for_a_consent_and_those_that_do_not_are_ended_together(journal: Journal) -> None:
    for number in range(4):
        kind = Kind.MARKETING if number % 2 else Kind.TRANSACTIONAL
        run(journal.accept(arrival(f"m{number}", kind=kind, leave_by=START)))
    assert len(run(journal.end_late(START + 1, 3))) == 3
    assert len(run(journal.end_late(START + 1, 3))) == 1
    assert run(journal.end_late(START + 1, 3)) == []


def test_many_that_are_late_are_ended_in_steps(journal: Journal) -> None:
    for number in range(1100):
        run(journal.accept(arrival(f"m{number}", leave_by=START + number % 2)))
    assert len(run(journal.end_late(START + 1.5, 500))) == 500
    assert len(run(journal.end_late(START + 1.5, 700))) == 600

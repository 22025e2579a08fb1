"""Messages with an end to their use: not sent when that is past, and given up by A1 when it comes."""

from __future__ import annotations

import pytest

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Postponed, Trouble, Uncertain
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import Kind

from .conftest import START, arrival, run

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
    for again in (START + 20, START + 30):
        run(journal.record_standings([], [first], again, poll_at=again, ask_at=again))
    (second,) = run(journal.claim(START + 40, 500)).submissions
    assert (second.message_id, second.attempts) == ("m1", 2)


def test_a_part_that_a1_has_takes_the_others_along(store: Store) -> None:
    of_parts = Journal(InlineLane(store), in_parts=True)
    run(of_parts.accept(arrival(text="я" * 100, segments=2, leave_by=START + 9)))
    (first,) = run(of_parts.claim(START, 500)).submissions
    run(of_parts.record([(first, Postponed(LOST, parts={1: "7001"}), START + 1)], START))
    assert run(of_parts.end_late(START + 20)) == []
    (second,) = run(of_parts.claim(START + 20, 500)).submissions
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


def test_many_that_are_late_are_ended_in_steps(journal: Journal) -> None:
    for number in range(1100):
        run(journal.accept(arrival(f"m{number}", leave_by=START + number % 2)))
    assert len(run(journal.end_late(START + 1.5, 500))) == 500
    assert len(run(journal.end_late(START + 1.5, 700))) == 600

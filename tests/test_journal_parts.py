"""Messages that go out in parts: their parts, what receipts make of the whole, and what nobody knows of."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Refused, Trouble, Uncertain
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.schema import REVISION
from a1gateway.message import Source, Stage, Status, StatusReport, Submission, custom_id

from .conftest import START, arrival, fresh, run
from .journal_in_parts import BROKEN, FINAL, GRACE, NUMBER, WORDS, Traffic
from .older_journal import older_journal

FIRST, SECOND, THIRD = "aaaaaaa1-1", "aaaaaaa1-2", "aaaaaaa1-3"


@pytest.fixture
def traffic(empty_journal: Path) -> Iterator[Traffic]:
    with fresh(empty_journal) as store:
        yield Traffic(store)


# Parts.


def test_every_part_has_a_reference_of_its_own_that_stays(traffic: Traffic) -> None:
    first = traffic.leave("m1", segments=3)
    assert [part.number for part in first.parts] == [1, 2, 3]
    assert all(part.a1_id is None and part.status is None for part in first.parts)
    second = traffic.leave("m2")
    assert [part.number for part in second.parts] == [1]
    assert len({part.reference for part in first.parts + second.parts}) == 4
    traffic.postponed(first)
    [again] = traffic.claim()
    assert (again.parts, again.concatenation) == (first.parts, first.concatenation)


def test_a_message_of_one_part_needs_no_concatenation_reference(traffic: Traffic) -> None:
    assert traffic.leave("m1").concatenation == 0
    assert traffic.message()["concatenation"] is None


def test_concatenation_references_to_one_number_are_distinct_for_256_messages_in_a_row(traffic: Traffic) -> None:
    references = []
    for index in range(300):
        traffic.take(f"m{index}", segments=2)
        traffic.take(f"other{index}", segments=2, number=f"+37529{index:07}")
        references += [each.concatenation for each in traffic.claim() if each.msisdn == NUMBER]
    assert len(references) == 300
    assert all(0 <= each <= 255 for each in references)
    for first in range(300 - 255):
        assert len(set(references[first : first + 256])) == 256


def test_concatenation_references_are_distinct_in_whatever_order_messages_go_out(traffic: Traffic) -> None:
    """The spool hands over what came before as if it came later."""
    for index in range(40):
        traffic.take(f"m{index}", segments=2)
        traffic.now += 1 if index % 3 else -10
    traffic.now = START + 1000
    references = []
    while claimed := run(traffic.journal.claim(traffic.now, 3)).submissions:
        references += [each.concatenation for each in claimed]
    assert len(references) == len(set(references)) == 40


def test_the_parts_that_a1_has_are_known_when_the_message_goes_out_again(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=3)
    traffic.postponed(submission, {1: FIRST, 2: ""})
    traffic.now += 1
    [again] = traffic.claim()
    assert [part.a1_id for part in again.parts] == [FIRST, "", None]
    assert again.attempts == 1
    assert again.postponed == 1
    traffic.accepted(again, FIRST, "", THIRD)
    message = traffic.message()
    assert (message["status"], message["a1_id"], message["a1_segments"]) == ("sent", FIRST, 3)


def test_without_in_parts_messages_have_none(store: Store) -> None:
    journal = Journal(InlineLane(store))
    run(journal.accept(arrival(segments=3)))
    [submission] = run(journal.claim(START, 1)).submissions
    assert submission.parts == ()


# Receipts.


@pytest.mark.parametrize(("word", "status"), WORDS.items())
def test_every_status_word(traffic: Traffic, word: str, status: Status | None) -> None:
    traffic.sent("m1", FIRST)
    changes = traffic.receipt(FIRST, word)
    message = traffic.message()
    final = status is not None and status.final
    assert message["status"] == (status if final else "sent")
    assert [change.status for change in changes] == ([status] if final else [])
    assert message["word"] == word
    assert traffic.words() == [word]


@pytest.mark.parametrize(("word", "status"), WORDS.items())
def test_every_status_word_before_the_answer(traffic: Traffic, word: str, status: Status | None) -> None:
    submission = traffic.leave("m1")
    assert traffic.receipt(FIRST, word) == []
    assert traffic.status() == "queued"
    traffic.accepted(submission, FIRST)
    assert traffic.status() == (status if status is not None and status.final else "sent")
    assert traffic.words() == [word]
    assert traffic.kept() == []


def test_states_on_the_way_are_written_down_and_the_final_one_taken(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST)
    for word in ("ENROUTE", "ENROUTE", "ACCEPTD", "NEVERHEARD", "DELIVRD"):
        traffic.receipt(FIRST, word)
    assert traffic.words() == ["ENROUTE", "ACCEPTD", "NEVERHEARD", "DELIVRD"]
    assert traffic.status() == "delivered"


@pytest.mark.parametrize("final", FINAL)
@pytest.mark.parametrize("later", WORDS)
def test_a_final_status_is_never_replaced_and_what_comes_later_is_written_down_once(
    traffic: Traffic, final: str, later: str
) -> None:
    traffic.sent("m1", FIRST)
    traffic.receipt(FIRST, final)
    for _ in range(3):
        assert traffic.receipt(FIRST, later) == []
    assert traffic.status() == FINAL[final]
    assert traffic.words() == ([final] if later == final else [final, later])
    assert traffic.message()["word"] == final


def test_the_same_word_with_another_error_is_no_repetition(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST)
    for note in ("err:001", "err:001", "err:002"):
        traffic.receipt(FIRST, "UNDELIV", note=note)
    notes = [step["note"] for step in traffic.message()["history"] if step["source"] == Source.RECEIPT]
    assert notes == ["err:001", "err:002"]


def test_a_message_is_delivered_when_all_its_parts_are(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST, SECOND, THIRD)
    assert traffic.receipt(SECOND) == []
    assert traffic.receipt(FIRST) == []
    assert traffic.status() == "sent"
    [change] = traffic.receipt(THIRD)
    assert (change.status, traffic.status()) == (Status.DELIVERED, "delivered")
    notes = [step["note"] for step in traffic.message()["history"] if step["source"] == Source.RECEIPT]
    assert notes == ["part 2 of 3", "part 1 of 3", "part 3 of 3"]


@pytest.mark.parametrize("word", [word for word in FINAL if word != "DELIVRD"] + ["DELETED"])
def test_a_message_is_undelivered_as_soon_as_one_part_is(traffic: Traffic, word: str) -> None:
    traffic.sent("m1", FIRST, SECOND, THIRD)
    traffic.receipt(FIRST)
    [change] = traffic.receipt(THIRD, word)
    assert change.status is WORDS[word]
    assert traffic.receipt(SECOND) == []
    assert traffic.status() == WORDS[word]


def test_one_receipt_for_the_whole_counts_when_the_others_stay_out(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST, SECOND, THIRD)
    traffic.receipt(SECOND)
    traffic.receipt(FIRST, "ENROUTE")
    assert traffic.wait(GRACE - 5) == []
    assert traffic.status() == "sent"
    [change] = traffic.wait(5)
    assert (change.status, change.word) == (Status.DELIVERED, "DELIVRD")
    message = traffic.message()
    assert message["history"][-1]["note"] == "receipts of other parts stay out"
    # Too late to be told another status, but kept.
    assert traffic.receipt(THIRD, "UNDELIV") == []
    assert traffic.status() == "delivered"
    assert traffic.words()[-1] == "UNDELIV"


def test_each_receipt_of_a_part_makes_the_others_have_their_time_again(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST, SECOND, THIRD)
    traffic.receipt(FIRST)
    traffic.wait(GRACE - 10)
    traffic.receipt(SECOND)
    assert traffic.wait(GRACE - 5) == []
    assert [change.status for change in traffic.wait(5)] == [Status.DELIVERED]


def test_parts_have_their_time_from_when_the_last_of_them_went_out(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=2)
    traffic.postponed(submission, {1: FIRST})
    traffic.receipt(FIRST)
    # A1 was slow to take the second part.
    assert traffic.wait(10 * GRACE) == []
    [again] = traffic.claim()
    traffic.accepted(again, FIRST, SECOND)
    assert traffic.wait(GRACE - 5) == []
    assert [change.status for change in traffic.wait(5)] == [Status.DELIVERED]


def test_parts_have_their_time_also_when_a_receipt_was_faster_than_the_answers(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=2)
    traffic.receipt(FIRST)
    assert traffic.wait(10 * GRACE) == []
    traffic.accepted(submission, FIRST, SECOND)
    assert traffic.wait(GRACE - 5) == []
    assert [change.status for change in traffic.wait(5)] == [Status.DELIVERED]


def test_nothing_is_looked_at_again_when_nothing_waits(traffic: Traffic) -> None:
    traffic.sent("m1", FIRST, SECOND)
    assert run(traffic.journal.settle_waiting(traffic.now, GRACE)) == ([], None)
    traffic.receipt(FIRST)
    assert run(traffic.journal.settle_waiting(traffic.now, GRACE)) == ([], traffic.now + GRACE)
    traffic.receipt(SECOND)
    assert run(traffic.journal.settle_waiting(traffic.now + GRACE, GRACE)) == ([], None)


class Whole:
    """What the status of a message in parts has to be, from the first final receipt of each part."""

    def __init__(self) -> None:
        self.parts: dict[int, Status] = {}
        self.final: Status | None = None

    def receipt(self, part: int, status: Status | None, count: int) -> None:
        """A receipt has been applied."""
        if status is None or not status.final or part in self.parts:
            return
        self.parts[part] = status
        if self.final is None and (status is not Status.DELIVERED or self.all_delivered(count)):
            self.final = status

    def all_delivered(self, count: int) -> bool:
        return len(self.parts) == count and set(self.parts.values()) == {Status.DELIVERED}

    def expected(self) -> str:
        """After the grace."""
        if self.final is None and Status.DELIVERED in self.parts.values():
            return Status.DELIVERED
        return self.final or Status.SENT


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4), st.lists(st.tuples(st.integers(1, 4), st.sampled_from(list(WORDS))), max_size=10), st.data()
)
def test_whatever_the_order_of_receipts_and_answer_the_whole_gets_its_status(
    empty_journal: Path, count: int, receipts: list[tuple[int, str]], data: st.DataObject
) -> None:
    receipts = [(part, word) for part, word in receipts if part <= count]
    # How many of them come before the answer.
    early = data.draw(st.integers(0, len(receipts)))
    named = {number: f"id-{number}-of-it" for number in range(1, count + 1)}
    whole = Whole()
    with fresh(empty_journal) as store:
        traffic = Traffic(store)
        submission = traffic.leave("m1", segments=count)
        for part, word in receipts[:early]:
            traffic.receipt(named[part], word)
        traffic.accepted(submission, *named.values())
        # What waited for the answer is applied in the order of the parts that it names.
        for part, word in sorted(receipts[:early], key=lambda each: each[0]) + receipts[early:]:
            whole.receipt(part, WORDS[word], count)
        for part, word in receipts[early:]:
            traffic.receipt(named[part], word)
        assert traffic.status() == (whole.final or "sent")
        traffic.wait(every=GRACE)
        assert traffic.status() == whole.expected()
        assert traffic.kept() == []
        assert set(traffic.words()) - {"DELIVRD"} == {word for _, word in receipts} - {"DELIVRD"}


# What nobody knows of.


def test_a_receipt_that_gives_the_reference_back_settles_an_uncertain_message(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    assert traffic.message()["stage"] == Stage.ASKING
    changes = traffic.receipt(FIRST, reference=submission.parts[0].reference)
    assert [change.status for change in changes] == [Status.SENT, Status.DELIVERED]
    message = traffic.message()
    assert (message["status"], message["stage"], message["a1_id"]) == ("delivered", Stage.OVER, FIRST)
    traffic.now += GRACE
    assert traffic.release() == ([], 0)


def test_a_state_on_the_way_shows_that_a1_has_it_too(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    [change] = traffic.receipt(FIRST, "ENROUTE", reference=submission.parts[0].reference)
    assert change.status is Status.SENT
    assert traffic.release() == ([], 0)
    # The same part under the same identifier, whether the reference comes back or not.
    traffic.receipt(FIRST)
    assert traffic.status() == "delivered"


def test_a_reference_without_any_identifier_is_enough(traffic: Traffic) -> None:
    submission = traffic.sent("m1", "")
    traffic.receipt("", reference=submission.parts[0].reference)
    assert traffic.status() == "delivered"


def test_a_receipt_with_neither_identifier_nor_reference_is_kept(traffic: Traffic) -> None:
    traffic.sent("m1", "")
    traffic.receipt("")
    assert (traffic.status(), traffic.kept()) == ("sent", [""])


def test_a_receipt_that_comes_before_the_link_is_known_to_be_broken_counts_too(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.receipt(FIRST, "ENROUTE", reference=submission.parts[0].reference)
    assert traffic.message()["stage"] == Stage.IN_FLIGHT
    [change] = traffic.lost(submission)
    assert (change.status, traffic.message()["stage"]) == (Status.SENT, Stage.SENT)


def test_a_final_receipt_that_comes_before_the_link_is_known_to_be_broken_ends_the_message(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.receipt(FIRST, reference=submission.parts[0].reference)
    assert traffic.lost(submission) == []
    assert (traffic.status(), traffic.message()["stage"]) == ("delivered", Stage.OVER)


def test_a_reference_to_another_number_settles_nothing(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.receipt(FIRST, number="+375447654321", reference=submission.parts[0].reference)
    assert traffic.message()["stage"] == Stage.ASKING
    assert traffic.kept() == [FIRST]


def test_an_identifier_that_was_answered_is_believed_more_than_a_reference(traffic: Traffic) -> None:
    uncertain = traffic.leave("m1")
    traffic.lost(uncertain)
    traffic.sent("m2", SECOND)
    traffic.receipt(SECOND, reference=uncertain.parts[0].reference)
    assert (traffic.status("m1"), traffic.status("m2")) == ("queued", "delivered")


def test_a_reference_to_a_part_that_has_another_identifier_settles_nothing(traffic: Traffic) -> None:
    """Some centres write a number of their own there."""
    named = traffic.sent("m1", FIRST)
    traffic.receipt(SECOND, reference=named.parts[0].reference)
    assert (traffic.status(), traffic.kept()) == ("sent", [SECOND])


def parts_before(traffic: Traffic, count: int) -> None:
    """So many parts of a finished message have been sent already."""
    traffic.sent("old", FIRST, number="+375447654321")
    traffic.rows(
        """
        WITH RECURSIVE series(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM series WHERE n < ?)
        INSERT INTO parts (id, message, number, a1_id, status) SELECT n, 1, n, 'x' || n, 'delivered' FROM series
        RETURNING id
        """,
        count,
    )


def test_references_come_round_again_and_the_latest_part_is_meant(traffic: Traffic) -> None:
    parts_before(traffic, 70_000)
    submission = traffic.leave("m1")
    assert submission.parts[0].reference == 70_001 - 65_535
    traffic.lost(submission)
    traffic.receipt(SECOND, number="+375447654321", reference=submission.parts[0].reference)
    assert traffic.status() == "queued"
    traffic.receipt(SECOND, reference=submission.parts[0].reference)
    assert traffic.status() == "delivered"


@pytest.mark.parametrize("count", [65_533, 65_534, 65_535, 131_069])
def test_references_stay_within_two_octets_and_are_found_at_the_turn(traffic: Traffic, count: int) -> None:
    parts_before(traffic, count)
    submissions = [traffic.leave(f"m{index}", segments=2) for index in range(2)]
    references = [part.reference for each in submissions for part in each.parts]
    assert all(1 <= each <= 65_535 for each in references)
    for submission in submissions:
        traffic.lost(submission)
    for index, submission in enumerate(submissions):
        for part in submission.parts:
            traffic.receipt(f"later-{part.reference}", reference=part.reference)
        assert traffic.status(f"m{index}") == "delivered"


def test_an_uncertain_message_goes_again_marked_when_its_hold_is_over(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.record(submission, Uncertain(BROKEN))
    assert traffic.claim() == []
    assert traffic.release() == ([], 1)
    message = traffic.message()
    assert (message["resent"], message["stage"], message["status"]) == (1, Stage.READY, "queued")
    assert message["history"][-1]["word"] == "resent"
    [again] = traffic.claim()
    assert (again.attempts, again.parts) == (2, submission.parts)
    traffic.accepted(again, FIRST)
    traffic.receipt(FIRST)
    assert traffic.status() == "delivered"


def test_an_uncertain_message_fails_when_the_operator_wants_that(traffic: Traffic) -> None:
    traffic.lost(traffic.leave("m1"))
    [change], again = traffic.release(resend=False)
    assert (change.status, change.reason, again) == (Status.REJECTED, "uncertain", 0)
    message = traffic.message()
    assert (message["status"], message["reason"], message["told"]) == ("rejected", "uncertain", "failed")
    assert traffic.claim() == []


def test_a_hold_ends_in_its_time_and_says_when_the_next_one_does(traffic: Traffic) -> None:
    for name, seconds in (("m1", 10.0), ("m2", 20.0)):
        run(traffic.journal.record([(traffic.leave(name), Uncertain(BROKEN), START + seconds)], START))
    assert run(traffic.journal.release(START + 9, 500, resend=True)) == ([], 0, START + 10)
    assert run(traffic.journal.release(START + 10, 500, resend=True)) == ([], 1, START + 20)
    assert run(traffic.journal.release(START + 20, 500, resend=True)) == ([], 1, None)


def test_what_is_in_doubt_every_time_goes_again_ten_times_and_then_fails(traffic: Traffic) -> None:
    """A centre that takes submits and never answers them must not send one SMS for ever."""
    submission = traffic.leave("m1")
    for times in range(1, 11):
        traffic.lost(submission)
        assert traffic.release() == ([], 1)
        [submission] = traffic.claim()
        assert submission.resent == times
    traffic.lost(submission)
    [change], again = traffic.release()
    assert (change.status, change.reason, again) == (Status.REJECTED, "uncertain", 0)


# After a change of the transport.


def test_what_went_out_over_smpp_is_not_asked_for_over_http(traffic: Traffic) -> None:
    """A1's identifiers there are of another kind, and could be those of other messages."""
    traffic.sent("m1", FIRST)
    over_http = Journal(InlineLane(traffic.store))
    later = traffic.now + 100
    claim = run(over_http.sent(later, 500))
    assert claim.submissions == []
    assert claim.next_due is not None
    assert claim.next_due > later
    assert run(over_http.sent(later, 500)).submissions == []


def test_what_was_in_doubt_over_smpp_is_marked_when_it_goes_again_over_http(traffic: Traffic) -> None:
    traffic.lost(traffic.leave("m1"))
    over_http = Journal(InlineLane(traffic.store))
    for _ in range(2):
        [asked] = run(over_http.uncertain(traffic.now, 500)).submissions
        now = traffic.now
        run(over_http.record_standings([], [asked], now, poll_at=now, ask_at=now))
    message = traffic.message()
    assert (message["stage"], message["resent"]) == ("ready", 1)
    assert "resent" in [step["word"] for step in message["history"]]


def test_the_parts_that_a1_is_known_to_have_are_not_submitted_again(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=3)
    traffic.lost(submission, {1: FIRST})
    assert traffic.release() == ([], 1)
    [again] = traffic.claim()
    assert [part.a1_id for part in again.parts] == [FIRST, None, None]
    traffic.accepted(again, FIRST, SECOND, THIRD)
    for identifier in (FIRST, SECOND, THIRD):
        traffic.receipt(identifier)
    assert (traffic.status(), traffic.kept()) == ("delivered", [])


def test_the_parts_behind_the_uncertain_one_follow_once_a_receipt_has_settled_it(traffic: Traffic) -> None:
    """They leave one after another: those behind it have not left, and are not resent."""
    submission = traffic.leave("m1", segments=4)
    traffic.lost(submission, {1: FIRST, 2: SECOND})
    traffic.receipt(THIRD, "ENROUTE", reference=submission.parts[2].reference)
    [again] = traffic.claim()
    assert [part.a1_id for part in again.parts] == [FIRST, SECOND, "", None]
    assert traffic.message()["resent"] == 0
    traffic.accepted(again, FIRST, SECOND, "", "aaaaaaa1-4")
    # What the receipt has shown is not forgotten for the answer that does not name it.
    for identifier in (FIRST, SECOND, THIRD, "aaaaaaa1-4"):
        traffic.receipt(identifier)
    assert (traffic.status(), traffic.kept()) == ("delivered", [])


def test_after_a_crash_one_part_that_is_settled_says_nothing_of_the_others(traffic: Traffic) -> None:
    """Their answers may have come and been lost with it."""
    submission = traffic.leave("m1", segments=3)
    run(traffic.journal.recover(START + 60))
    traffic.receipt(FIRST, reference=submission.parts[0].reference)
    traffic.receipt(THIRD, reference=submission.parts[2].reference)
    traffic.now = START + 60
    assert traffic.claim() == []
    assert traffic.release() == ([], 1)
    assert traffic.message()["resent"] == 1
    [again] = traffic.claim()
    assert [part.a1_id for part in again.parts] == ["", None, ""]


def test_receipts_for_the_last_parts_end_the_doubt(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=2)
    traffic.lost(submission, {1: FIRST})
    [change] = traffic.receipt(SECOND, "ENROUTE", reference=submission.parts[1].reference)
    assert change.status is Status.SENT
    assert (traffic.message()["a1_id"], traffic.message()["a1_segments"]) == (FIRST, 2)
    assert traffic.release() == ([], 0)


def test_a_receipt_between_the_end_of_the_hold_and_the_next_submit_keeps_it_from_going_again(
    traffic: Traffic,
) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.release()
    traffic.receipt(FIRST, "ENROUTE", reference=submission.parts[0].reference)
    assert traffic.claim() == []
    assert traffic.status() == "sent"


def test_both_copies_of_a_resent_message_may_bring_the_receipt(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.release()
    [again] = traffic.claim()
    traffic.accepted(again, SECOND)
    # The first copy had been taken after all, under an identifier that was never heard.
    traffic.receipt(FIRST, reference=submission.parts[0].reference)
    assert traffic.status() == "delivered"
    assert traffic.receipt(SECOND) == []
    assert traffic.kept() == []


def test_a_late_answer_is_written_down_and_the_message_not_sent_again(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    for _ in range(2):
        late = Accepted(FIRST, segments=1, parts={1: FIRST})
        run(traffic.journal.record_late(submission, late, traffic.now, traffic.now))
    assert traffic.status() == "sent"
    assert traffic.release() == ([], 0)
    traffic.receipt(FIRST)
    assert traffic.status() == "delivered"


def test_a_late_answer_after_the_hold_keeps_it_from_going_again(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.release()
    late = Accepted(FIRST, segments=1, parts={1: FIRST})
    [change] = run(traffic.journal.record_late(submission, late, traffic.now, traffic.now))
    assert change.status is Status.SENT
    assert traffic.claim() == []


def test_a_late_answer_brings_the_receipts_that_waited_for_it(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.receipt(FIRST)
    late = Accepted(FIRST, segments=1, parts={1: FIRST})
    changes = run(traffic.journal.record_late(submission, late, traffic.now, traffic.now))
    assert [change.status for change in changes] == [Status.SENT, Status.DELIVERED]


def test_a_late_answer_for_one_part_lets_the_others_follow(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=2)
    traffic.lost(submission)
    going_on = Postponed(LinkTrouble(Trouble.LATER, "the other parts follow"), 0.0, parts={1: FIRST})
    run(traffic.journal.record_late(submission, going_on, traffic.now, traffic.now))
    [again] = traffic.claim()
    assert [part.a1_id for part in again.parts] == [FIRST, None]
    assert traffic.message()["resent"] == 0


@pytest.mark.parametrize("outcome", [Refused("bad_recipient", "ESME_RINVDSTADR"), Uncertain(BROKEN)])
def test_a_late_answer_changes_nothing_that_is_settled(traffic: Traffic, outcome: Outcome) -> None:
    submission = traffic.leave("m1")
    traffic.lost(submission)
    traffic.receipt(FIRST, reference=submission.parts[0].reference)
    assert run(traffic.journal.record_late(submission, outcome, traffic.now, traffic.now)) == []
    assert traffic.status() == "delivered"


def test_a_refused_part_ends_the_message_and_what_comes_of_the_others_is_written_down(traffic: Traffic) -> None:
    submission = traffic.leave("m1", segments=2)
    traffic.record(submission, Refused("refused_by_smsc", "ESME_RSUBMITFAIL", parts={1: FIRST}))
    assert traffic.status() == "rejected"
    traffic.receipt(FIRST)
    assert (traffic.status(), traffic.words(), traffic.kept()) == ("rejected", ["DELIVRD"], [])


@pytest.mark.parametrize("resend", [True, False])
def test_after_a_crash_what_was_in_flight_is_held_for_its_receipts(traffic: Traffic, resend: bool) -> None:
    settled, silent = traffic.leave("m1"), traffic.leave("m2", segments=2)
    traffic.store.close()
    again = Traffic(traffic.store)
    again.now = START + 5
    assert run(again.journal.recover(START + 65)) == 2
    assert again.claim() == []
    again.receipt(FIRST, reference=settled.parts[0].reference)
    again.receipt(SECOND, "ENROUTE", reference=silent.parts[1].reference)
    again.now = START + 65
    changes, count = again.release(resend=resend)
    assert again.status("m1") == "delivered"
    assert again.status("m2") == ("queued" if resend else "rejected")
    assert (len(changes), count) == ((0, 1) if resend else (1, 0))
    assert [part.a1_id for each in again.claim() for part in each.parts] == ([None, ""] if resend else [])


def test_what_could_not_be_written_down_is_held(traffic: Traffic) -> None:
    submission = traffic.leave("m1")
    run(traffic.journal.doubt([submission], START))
    traffic.receipt(FIRST, reference=submission.parts[0].reference)
    assert traffic.status() == "delivered"


@pytest.mark.parametrize("stage", [Stage.READY, Stage.ASKING, Stage.SENT])
def test_a_message_without_a_final_receipt_expires_in_every_stage(traffic: Traffic, stage: Stage) -> None:
    if stage is Stage.READY:
        traffic.postponed(traffic.leave("m1", segments=2), {1: FIRST})
    elif stage is Stage.ASKING:
        traffic.lost(traffic.leave("m1", segments=2), {1: FIRST})
    else:
        traffic.sent("m1", FIRST, SECOND)
    assert traffic.message()["stage"] == stage
    [change] = run(traffic.journal.expire(START, START + 259200))
    assert change.status is Status.EXPIRED
    # A receipt that comes now is kept with it.
    traffic.receipt(FIRST)
    assert (traffic.status(), traffic.words()) == ("expired", ["DELIVRD"])
    assert traffic.wait() == []
    assert traffic.claim() == []


STEPS = ["claim", "accepted", "lost", "postponed", "refused", "receipts", "crash", "release", "fail", "late", "wait"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 3),
    st.lists(st.sampled_from(STEPS), max_size=12),
    st.lists(st.sampled_from(list(WORDS)), max_size=4),
    st.booleans(),
)
def test_whatever_happens_no_message_is_lost_and_no_final_status_replaced(
    empty_journal: Path, count: int, steps: list[str], words: list[str], references: bool
) -> None:
    """A message is due, in flight, or over; and it goes again only when it was put off or its hold was over."""
    named = {number: f"id-{number}-of-it" for number in range(1, count + 1)}
    outcomes: dict[str, Outcome] = {
        "accepted": Accepted(named[1], segments=count, parts=named),
        "lost": Uncertain(BROKEN, parts={1: named[1]} if count > 1 else {}),
        "postponed": Postponed(BROKEN, 1.0),
        "refused": Refused("refused_by_smsc", "ESME_RSUBMITFAIL"),
    }
    with fresh(empty_journal) as store:
        traffic = Traffic(store)
        traffic.take("m1", segments=count)
        in_flight: Submission | None = None
        latest: Submission | None = None
        may_go, before = True, "queued"
        for step in steps:
            traffic.now += 10
            if step == "claim":
                claimed = traffic.claim()
                assert may_go or not claimed
                if claimed:
                    in_flight = latest = claimed[0]
                    may_go = False
            elif step in outcomes and in_flight is not None:
                traffic.record(in_flight, outcomes[step])
                in_flight, may_go = None, step == "postponed"
            elif step == "receipts" and latest is not None:
                for part in latest.parts:
                    for word in words:
                        reference = part.reference if references else None
                        traffic.receipt(named[part.number], word, reference=reference)
            elif step == "crash":
                run(traffic.journal.recover(traffic.now))
                in_flight = None
            elif step in ("release", "fail"):
                _, again = traffic.release(resend=step == "release")
                may_go = may_go or again > 0
            elif step == "late" and latest is not None and in_flight is None:
                run(traffic.journal.record_late(latest, outcomes["accepted"], traffic.now, traffic.now))
            elif step == "wait":
                traffic.wait(every=GRACE)
            message = traffic.message()
            status = str(message["status"])
            assert before in ("queued", "sent", status)
            assert not (before == "sent" and status == "queued")
            before = status
            over = Status(status).final
            assert (message["stage"] == Stage.OVER) == over
            assert (message["due_at"] is None) == over
            assert (message["tell_at"] is not None) == over
            assert message["partly_at"] is None or not over
            assert message["resent"] == sum(entry["word"] == "resent" for entry in message["history"])


# Files of the time before.


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of version 0001 with a message in every stage and two statuses that no message was found for."""
    path = older_journal(tmp_path, "0001")
    columns = (
        "message_id, custom_id, a1_id, received_at, kind, origin, number_received, msisdn, text, segments, status, "
        "stage, due_at, attempts, asked, tell_tries"
    )
    rows = [
        ("ready", None, "queued", "ready", 1),
        ("long", None, "queued", "ready", 3),
        ("asking", None, "queued", "asking", 1),
        ("sent", "7001", "sent", "sent", 1),
        ("over", "7002", "delivered", "over", 1),
    ]
    with closing(sqlite3.connect(path)) as raw:
        for name, a1_id, status, stage, segments in rows:
            due_at = None if stage == "over" else START
            values = (name, custom_id(name), a1_id, START, "transactional", "{}", NUMBER, NUMBER, "text", segments)
            raw.execute(
                f"INSERT INTO messages ({columns}) VALUES ({', '.join('?' * 16)})",  # noqa: S608
                (*values, status, stage, due_at, 0, 0, 0),
            )
        raw.execute("INSERT INTO history (message, at, source, word) VALUES (4, ?, 'api', 'accepted')", (START,))
        for identifier, source in (("4711", "callback"), (custom_id("ready"), "poll")):
            raw.execute(
                "INSERT INTO unmatched (identifier, word, status, source, at, note) "
                "VALUES (?, '3', 'delivered', ?, ?, '')",
                (identifier, source, START),
            )
        raw.commit()
    return path


def test_an_upgrade_keeps_every_message_and_status(old: Path) -> None:
    def everything(path: Path) -> list[dict[str, object]]:
        with closing(sqlite3.connect(path)) as raw:
            raw.row_factory = sqlite3.Row
            queries = ("messages", "history", "unmatched")
            return [dict(row) for table in queries for row in raw.execute(f"SELECT * FROM {table}")]  # noqa: S608

    before = everything(old)
    store = Store(f"sqlite:///{old}")
    store.prepare()
    store.close()
    after = everything(old)
    assert len(after) == len(before) == 8
    for was, now in zip(before, after, strict=True):
        assert {name: now[name] for name in was} == was
        new = {name: now[name] for name in now.keys() - was.keys()}
        assert new.pop("resent", 0) == new.pop("postponed", 0) == 0
        assert new.pop("teller", "sender") == "sender"
        assert new.pop("sent_by", "other") == "other"
        assert set(new.values()) <= {None}
    assert everything(old.with_name(f"{old.name}.before-{REVISION}")) == before


def test_messages_of_the_time_before_go_out_in_parts_or_are_left_alone(old: Path) -> None:
    store = Store(f"sqlite:///{old}")
    store.prepare()
    traffic = Traffic(store)
    claimed = {each.message_id: each for each in traffic.claim()}
    assert {name: len(each.parts) for name, each in claimed.items()} == {"ready": 1, "long": 3}
    # What A1 has had over HTTP has no parts; its receipts come as callbacks, if at all.
    assert [each.parts for each in run(traffic.journal.sent(START, 10)).submissions] == [()]
    traffic.receipt("7001")
    assert (traffic.status("sent"), traffic.kept()[-1]) == ("sent", "7001")
    callback = StatusReport("7001", "3", Status.DELIVERED, Source.CALLBACK, START)
    assert [change.message_id for change in run(traffic.journal.settle([callback])).changes] == ["sent"]
    # A status that came for the message itself is applied, one for an identifier of the other interface is not.
    changes = traffic.accepted(claimed["ready"], "4711")
    assert [change.status for change in changes] == [Status.SENT, Status.DELIVERED]
    traffic.accepted(claimed["long"], "4711", "4712", "4713")
    assert traffic.status("long") == "sent"
    # The uncertain one cannot be asked for any more, and goes out in parts.
    assert traffic.release() == ([], 1)
    [again] = traffic.claim()
    assert (again.message_id, len(again.parts)) == ("asking", 1)
    store.close()

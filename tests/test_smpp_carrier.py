"""Messages in their parts over a link that answers as it is told: one outcome each, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from a1gateway.carriers.outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Standing,
    Trouble,
    Uncertain,
)
from a1gateway.carriers.smpp.answers import GATEWAY_FAULT
from a1gateway.carriers.smpp.carrier import SmppCarrier
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu
from a1gateway.errors import JournalUnavailable
from a1gateway.message import Part, Status, Submission
from a1gateway.metrics import Metrics
from a1gateway.pacing import YieldingPace

from .conftest import START, run
from .fake_smpp_link import Asked, FakeLink

TEXTS = {1: "Заказ готов", 2: "я" * 100, 3: "Заказ готов к выдаче. " * 8, 4: "x" * 600}
WINDOW = 8
VENDOR = 0x450


def submission(count: int = 1, **more: Any) -> Submission:
    """A message of so many parts."""
    values: dict[str, Any] = {
        "id": 1,
        "message_id": "m1",
        "custom_id": "c1",
        "msisdn": "+375291112233",
        "text": TEXTS[count],
        "sender_id": "MyShop",
        "segments": count,
        "concatenation": 77,
        "parts": tuple(Part(number, 300 + number) for number in range(1, count + 1)),
    }
    return Submission(**values | more)


def known(message: Submission, identifiers: dict[int, str]) -> Submission:
    """The same when A1 has these parts."""
    return replace(message, parts=tuple(replace(each, a1_id=identifiers.get(each.number)) for each in message.parts))


class Carrying:
    """A carrier, and everything around it."""

    def __init__(self, ceiling: float = 0.0) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.link = FakeLink(WINDOW)
        self.pace = YieldingPace(self.clock, ceiling)
        self.metrics = Metrics()
        self.late: list[tuple[Submission, Outcome]] = []
        self.late_troubles: list[Exception] = []
        self.named: list[dict[int, str]] = []
        self.journal_trouble: Exception | None = None
        self.carrier = SmppCarrier(
            self.clock,
            self.link,
            self.pace,
            self.metrics,
            window=WINDOW,
            source=(5, 0),
            destination=(1, 1),
            random=lambda: 0.0,
            on_part=self.part_is_taken,
            on_late=self.answered_late,
        )

    async def part_is_taken(self, message: Submission, named: Mapping[int, str]) -> None:
        if self.journal_trouble is not None:
            raise self.journal_trouble
        self.named.append(dict(named))

    async def answered_late(self, message: Submission, outcome: Outcome) -> None:
        if self.late_troubles:
            raise self.late_troubles.pop(0)
        self.late.append((message, outcome))

    def submit(self, message: Submission) -> Deferred[list[Outcome]]:
        return Deferred.fromCoroutine(self.carrier.submit([message]))

    def asked(self) -> Iterator[Asked]:
        """The requests that await an answer, one after another."""
        while self.link.in_flight:
            yield self.link.in_flight[0]

    def outcome(self, message: Submission, *answers: Callable[[Asked], Any]) -> Outcome:
        """What becomes of a message whose parts are answered like this."""
        submitted = self.submit(message)
        for each in answers:
            each(self.link.in_flight[0])
        (outcome,) = run(submitted)
        return outcome

    def count(self, result: str, method: str = "submit_sm") -> float:
        found: float = self.metrics.a1_requests.labels(method, result)._value.get()
        return found


def takes(message_id: str) -> Callable[[Asked], None]:
    return lambda asked: asked.takes(message_id)


def says(status: int) -> Callable[[Asked], None]:
    return lambda asked: asked.says(status)


def breaks(asked: Asked) -> None:
    asked.breaks()


def stays_out(asked: Asked) -> None:
    asked.stays_out()


@pytest.fixture
def carrying() -> Carrying:
    return Carrying()


# What goes out.


def test_a_part_says_what_the_standard_wants(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(), takes(" 7001 "))
    assert outcome == Accepted("7001", segments=1, parts={1: "7001"})
    (asked,) = carrying.link.asked
    assert asked.pdu.command == "submit_sm"
    wanted = {
        "source_addr": "MyShop",
        "source_addr_ton": 5,
        "source_addr_npi": 0,
        "destination_addr": "375291112233",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
        "esm_class": 0,
        "data_coding": 8,
        "short_message": TEXTS[1].encode("utf-16-be"),
        "service_type": "",
        "schedule_delivery_time": "",
        "validity_period": "",
    }
    assert {name: asked.pdu.fields[name] for name in wanted} == wanted
    assert asked.pdu.tlv_number("user_message_reference") == 301
    assert carrying.count("ok") == 1


EXPIRY = 0x62


def test_a_message_of_passing_use_has_a_validity_period(carrying: Carrying) -> None:
    carrying.outcome(submission(2, ttl=90_061.5), takes("id1"), takes("id2"))
    assert [asked.pdu.text("validity_period") for asked in carrying.link.asked] == ["000001010101000R"] * 2


def test_an_smsc_that_takes_no_validity_period_gets_none(carrying: Carrying) -> None:
    """Those that were in flight go again, too; and without one its word is final."""
    both = [carrying.submit(submission(ttl=3600.0)), carrying.submit(submission(ttl=3600.0))]
    for _ in both:
        carrying.link.in_flight[0].says(EXPIRY)
    for each in both:
        (outcome,) = run(each)
        assert isinstance(outcome, Postponed)
        assert outcome.after is not None, "it is no trouble of the link's"
    assert carrying.outcome(submission(ttl=3600.0), takes("7001")) == Accepted("7001", segments=1, parts={1: "7001"})
    assert carrying.link.asked[-1].pdu.text("validity_period") == ""
    refused = carrying.outcome(submission(ttl=3600.0), says(EXPIRY))
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("sender_id", [None, ""])
def test_without_a_sender_id_the_source_is_left_to_a1(carrying: Carrying, sender_id: str | None) -> None:
    carrying.outcome(submission(sender_id=sender_id), takes("7001"))
    source = carrying.link.asked[0].pdu.fields
    assert [source[name] for name in ("source_addr", "source_addr_ton", "source_addr_npi")] == ["", 0, 0]


def test_the_parts_go_one_after_another_joined_by_one_reference(carrying: Carrying) -> None:
    submitted = carrying.submit(submission(4))
    for number in range(1, 5):
        (asked,) = carrying.link.in_flight
        assert asked.part == number
        assert asked.pdu.octets("short_message")[:6] == bytes((5, 0, 3, 77, 4, number))
        assert asked.pdu.tlv_number("user_message_reference") == 300 + number
        asked.takes(f"id{number}")
    parts = {1: "id1", 2: "id2", 3: "id3", 4: "id4"}
    assert run(submitted) == [Accepted("id1", segments=4, parts=parts)]


def test_a_part_leaves_when_it_is_written_down_that_a1_has_the_one_before(carrying: Carrying) -> None:
    submitted = carrying.submit(submission(3))
    for number in range(1, 4):
        assert carrying.named == [{each: f"id{each}" for each in range(1, last)} for last in range(2, number + 1)]
        carrying.link.in_flight[0].takes(f"id{number}")
    assert len(run(submitted)) == 1
    assert len(carrying.named) == 2


def test_a_journal_that_is_away_keeps_the_next_part_back(carrying: Carrying) -> None:
    carrying.journal_trouble = JournalUnavailable("locked")
    outcome = carrying.outcome(submission(3), takes("id1"))
    assert isinstance(outcome, Postponed)
    assert outcome.parts == {1: "id1"}
    assert [each.part for each in carrying.link.asked] == [1]


def test_parts_that_a1_has_do_not_go_again(carrying: Carrying) -> None:
    outcome = carrying.outcome(known(submission(4), {1: "id1", 3: ""}), takes("id2"), takes("id4"))
    assert [each.part for each in carrying.link.asked] == [2, 4]
    assert outcome == Accepted("id1", segments=4, parts={1: "id1", 2: "id2", 3: "", 4: "id4"})


def test_a_message_all_of_which_a1_has_is_accepted_without_a_submit(carrying: Carrying) -> None:
    assert carrying.outcome(known(submission(2), {1: "id1", 2: "id2"})) == Accepted(
        "id1", segments=2, parts={1: "id1", 2: "id2"}
    )
    assert carrying.link.asked == []


def test_an_answer_that_names_no_identifier_is_an_acceptance(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(2), says(CommandStatus.OK), takes("id2"))
    assert outcome == Accepted(None, segments=2, parts={1: "", 2: "id2"})


def test_every_part_but_the_first_takes_a_turn_of_its_own() -> None:
    carrying = Carrying(ceiling=1)
    assert run(carrying.carrier.turns(5)) == 1
    submitted = carrying.submit(submission(3))
    carrying.link.asked[0].takes("id1")
    assert len(carrying.link.asked) == 1
    carrying.clock.advance(1.001)
    carrying.link.asked[1].takes("id2")
    assert len(carrying.link.asked) == 2
    carrying.clock.advance(1.001)
    carrying.link.asked[2].takes("id3")
    assert run(submitted)


def test_the_first_part_that_goes_has_its_turn_whichever_it_is() -> None:
    carrying = Carrying(ceiling=1)
    assert run(carrying.carrier.turns(5)) == 1
    carrying.submit(known(submission(3), {1: "id1"}))
    assert [each.part for each in carrying.link.asked] == [2]


# Turns.


def test_there_are_as_many_turns_as_the_window_has_places(carrying: Carrying) -> None:
    assert carrying.carrier.submits_at_once == WINDOW
    assert run(carrying.carrier.turns(100)) == WINDOW
    carrying.submit(submission())
    assert run(carrying.carrier.turns(100)) == WINDOW - 1
    assert run(carrying.carrier.turns(3)) == 3


def test_there_are_no_turns_without_a_place_or_a_link(carrying: Carrying) -> None:
    carrying.link.places = 0
    assert run(carrying.carrier.turns(5)) == 0
    carrying.link.places = WINDOW
    carrying.link.can_submit = False
    assert run(carrying.carrier.turns(5)) == 0


def test_turns_given_back_are_had_again() -> None:
    carrying = Carrying(ceiling=200)
    assert run(carrying.carrier.turns(WINDOW)) == 4
    carrying.carrier.give_back(3)
    assert run(carrying.carrier.turns(WINDOW)) == 3


# What A1 answers.


@pytest.mark.parametrize("status", [CommandStatus.THROTTLED, CommandStatus.QUEUE_FULL])
def test_a_throttled_part_waits_and_the_pace_falls(status: CommandStatus) -> None:
    carrying = Carrying(ceiling=50)
    outcome = carrying.outcome(submission(2), takes("id1"), says(status))
    assert isinstance(outcome, Postponed)
    assert (outcome.after, outcome.parts, outcome.trouble.trouble) == (1.0, {1: "id1"}, Trouble.LATER)
    assert carrying.pace.rate == 25
    assert carrying.metrics.smpp_throttled._value.get() == 1


def test_the_pauses_of_a_message_grow_up_to_a_minute(carrying: Carrying) -> None:
    pauses = []
    for postponed in range(9):
        outcome = carrying.outcome(submission(postponed=postponed), says(CommandStatus.THROTTLED))
        assert isinstance(outcome, Postponed)
        pauses.append(outcome.after)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("status", [CommandStatus.SYSTEM_ERROR, CommandStatus.TEMPORARY])
def test_only_errors_in_a_row_slow_the_pace(status: CommandStatus) -> None:
    carrying = Carrying(ceiling=50)

    def answered(*answers: int) -> None:
        for each in answers:
            carrying.outcome(submission(), says(each))

    answered(status, status, CommandStatus.OK, status, status, CommandStatus.INVALID_DESTINATION, status, VENDOR)
    answered(VENDOR, status)
    assert carrying.pace.rate == 50
    answered(status)
    assert carrying.pace.rate == 25


def test_a_system_error_only_puts_the_message_off(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(postponed=1000), says(CommandStatus.SYSTEM_ERROR))
    assert isinstance(outcome, Postponed)
    assert (outcome.after, outcome.trouble.code) == (60, "ESME_RSYSERR")


@pytest.mark.parametrize("status", [VENDOR, CommandStatus.SUBMIT_FAILED, 0xFF])
def test_what_nobody_knows_is_put_off_ten_times_and_then_refused(carrying: Carrying, status: int) -> None:
    for postponed in range(10):
        assert isinstance(carrying.outcome(submission(postponed=postponed), says(status)), Postponed)
    outcome = carrying.outcome(submission(2, postponed=10), takes("id1"), says(status))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.parts) == ("refused_by_smsc", {1: "id1"})


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (CommandStatus.INVALID_DESTINATION, "bad_recipient"),
        (CommandStatus.INVALID_SOURCE, "sender_not_approved"),
        (CommandStatus.PERMANENT, "refused_by_smsc"),
        (CommandStatus.REJECTED, "refused_by_smsc"),
    ],
)
def test_a_final_error_refuses_the_whole(carrying: Carrying, status: CommandStatus, reason: str) -> None:
    outcome = carrying.outcome(submission(3), takes("id1"), says(status))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.parts) == (reason, {1: "id1"})
    assert outcome.word.startswith("ESME_R")
    assert len(carrying.link.asked) == 2


def test_a_refused_form_alarms(carrying: Carrying) -> None:
    with capturedLogs() as events:
        outcome = carrying.outcome(submission(), says(0x43))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.word) == (GATEWAY_FAULT, "ESME_RINVESMCLASS")
    assert [event["log_level"] for event in events] == [LogLevel.critical]


def test_a_nack_is_no_acceptance(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(), lambda asked: asked.says(CommandStatus.OK, "generic_nack"))
    assert isinstance(outcome, Postponed)


@pytest.mark.parametrize(
    "message",
    [
        submission(sender_id="a name that is far too long"),
        submission(msisdn="+" + "3" * 21),
        submission(2, parts=(Part(1, 1),)),
        submission(parts=()),
        submission(parts=(Part(1, 70_000),)),
    ],
    ids=["source", "destination", "parts missing", "no parts", "reference"],
)
def test_what_makes_no_pdu_is_refused_and_alarms(carrying: Carrying, message: Submission) -> None:
    with capturedLogs() as events:
        outcome = carrying.outcome(message)
    assert isinstance(outcome, Refused)
    assert outcome.reason == GATEWAY_FAULT
    assert [event["log_level"] for event in events] == [LogLevel.critical]


def test_more_parts_than_can_be_numbered_are_refused(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(text="я" * 67 * 256))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "too_long"


# What the link does.


def test_what_has_not_left_waits_for_the_link(carrying: Carrying) -> None:
    submitted = carrying.submit(submission(2))
    carrying.link.can_submit = False
    carrying.link.asked[0].takes("id1")
    (outcome,) = run(submitted)
    assert isinstance(outcome, Postponed)
    assert (outcome.after, outcome.parts, outcome.trouble.trouble) == (None, {1: "id1"}, Trouble.UNREACHABLE)


def test_what_was_in_flight_when_the_link_broke_is_uncertain(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(3), takes("id1"), breaks)
    assert isinstance(outcome, Uncertain)
    assert outcome.parts == {1: "id1"}
    assert len(carrying.link.asked) == 2
    assert carrying.count("lost") == 1


def test_what_is_not_answered_in_time_is_uncertain(carrying: Carrying) -> None:
    outcome = carrying.outcome(submission(3), takes("id1"), stays_out)
    assert isinstance(outcome, Uncertain)
    assert outcome.parts == {1: "id1"}
    assert carrying.late == []
    assert carrying.count("no_answer") == 1


def late(carrying: Carrying, message: Submission, answer: Callable[[Asked], None]) -> Outcome:
    """What a late answer to the last part makes of its message."""
    submitted = carrying.submit(message)
    awaited = carrying.link.in_flight[0].stays_out()
    assert isinstance(run(submitted)[0], Uncertain)
    answer(awaited)
    ((about, outcome),) = carrying.late
    assert about is message
    return outcome


def test_a_late_answer_accepts_the_message_after_all(carrying: Carrying) -> None:
    last = known(submission(2), {1: "id1"})
    assert late(carrying, last, takes("id2")) == Accepted("id1", segments=2, parts={1: "id1", 2: "id2"})


def test_after_a_late_answer_the_other_parts_follow(carrying: Carrying) -> None:
    outcome = late(carrying, known(submission(3), {1: "id1"}), takes("id2"))
    assert isinstance(outcome, Postponed)
    # A1 has not put this message off.
    assert (outcome.after, outcome.parts) == (None, {1: "id1", 2: "id2"})


def test_a_late_error_says_what_it_says_in_time(carrying: Carrying) -> None:
    outcome = late(carrying, known(submission(2), {1: "id1"}), says(CommandStatus.THROTTLED))
    assert isinstance(outcome, Postponed)
    assert (outcome.after, outcome.parts) == (1, {1: "id1"})
    assert carrying.pace.slowed


def test_a_late_refusal_is_one(carrying: Carrying) -> None:
    outcome = late(carrying, submission(), says(CommandStatus.INVALID_DESTINATION))
    assert isinstance(outcome, Refused)


def test_a_late_answer_waits_for_a_journal_that_is_away(carrying: Carrying) -> None:
    carrying.late_troubles = [JournalUnavailable("locked")] * 3
    carrying.submit(submission())
    carrying.link.in_flight[0].stays_out().takes("7001")
    for _ in range(3):
        assert carrying.late == []
        carrying.clock.advance(5)
    assert carrying.late == [(submission(), Accepted("7001", segments=1, parts={1: "7001"}))]
    assert carrying.clock.getDelayedCalls() == []


def test_a_late_answer_that_cannot_be_written_down_is_logged(carrying: Carrying) -> None:
    carrying.late_troubles = [ZeroDivisionError("a bug")]
    with capturedLogs() as events:
        carrying.submit(submission())
        carrying.link.in_flight[0].stays_out().takes("7001")
    assert [event["log_level"] for event in events] == [LogLevel.critical]
    assert events[0]["log_failure"].check(ZeroDivisionError)


def at_a1(outcome: Outcome) -> dict[int, str]:
    """The parts that A1 has, by the outcome."""
    assert not isinstance(outcome, Duplicate)
    return dict(outcome.parts)


TAKES = {"taken": takes("an id"), "taken without an id": says(CommandStatus.OK)}
ERRORS: dict[str, tuple[Callable[[Asked], None], type[Outcome]]] = {
    "throttled": (says(CommandStatus.THROTTLED), Postponed),
    "busy": (says(CommandStatus.SYSTEM_ERROR), Postponed),
    "unknown": (says(VENDOR), Postponed),
    "final": (says(CommandStatus.INVALID_DESTINATION), Refused),
    "lost": (breaks, Uncertain),
    "silent": (stays_out, Uncertain),
    "late taken": (lambda asked: asked.stays_out().takes("late id"), Uncertain),
    "late throttled": (lambda asked: asked.stays_out().says(CommandStatus.THROTTLED), Uncertain),
    "late final": (lambda asked: asked.stays_out().says(CommandStatus.REJECTED), Uncertain),
}
LATE = {"late taken": Postponed, "late throttled": Postponed, "late final": Refused}


@given(
    count=st.integers(1, 4),
    had=st.sets(st.integers(1, 4)),
    answers=st.lists(st.sampled_from([*TAKES, *ERRORS]), min_size=4, max_size=4),
)
def test_every_submit_has_one_outcome_and_it_names_what_a1_has(count: int, had: set[int], answers: list[str]) -> None:
    """Whatever is answered to its parts, in time, late or never."""
    carrying = Carrying()
    message = known(submission(count), {number: f"had {number}" for number in had})
    named = {each.number: each.a1_id for each in message.parts if each.a1_id is not None}
    submitted, asked, end = carrying.submit(message), list[int](), ""
    wanted: type[Outcome] = Accepted
    for number, end in zip([each for each in range(1, count + 1) if each not in named], answers, strict=False):
        asked.append(number)
        if end in TAKES:
            TAKES[end](carrying.link.in_flight[0])
            named[number] = "an id" if end == "taken" else ""
        else:
            answer, wanted = ERRORS[end]
            answer(carrying.link.in_flight[0])
            break
    (outcome,) = run(submitted)
    assert isinstance(outcome, wanted)
    assert at_a1(outcome) == named
    assert [each.part for each in carrying.link.asked] == asked
    assert len(carrying.late) == (end in LATE)
    for about, after_all in carrying.late:
        assert about is message
        if end == "late taken":
            named[asked[-1]] = "late id"
        assert isinstance(after_all, Accepted if len(named) == count else LATE[end])
        assert at_a1(after_all) == named


@given(count=st.integers(1, 4), answers=st.lists(st.sampled_from([*TAKES, *ERRORS]), max_size=12))
def test_a_message_submitted_until_a1_has_it_goes_once_but_for_what_was_in_doubt(
    count: int, answers: list[str]
) -> None:
    """A part goes again only when A1 has answered that it does not take it, or not at all; a refusal is the end."""
    carrying = Carrying()
    all_answers = TAKES | {name: answer for name, (answer, _) in ERRORS.items()}
    message, left, in_vain = submission(count), [*answers, *["taken"] * count], 0
    while True:
        submitted, end = carrying.submit(message), ""
        while not submitted.called:
            if carrying.link.in_flight:
                end = left.pop(0)
                all_answers[end](carrying.link.in_flight[0])
            else:
                carrying.clock.advance(1)
        outcome = carrying.late.pop()[1] if end in LATE else run(submitted)[0]
        in_vain += end in ERRORS and end != "late taken"
        message = known(message, at_a1(outcome))
        if isinstance(outcome, Accepted | Refused):
            break
    parts = [each.part for each in carrying.link.asked]
    assert parts == sorted(parts)
    assert len(parts) == len(at_a1(outcome)) + in_vain
    if isinstance(outcome, Accepted):
        assert set(parts) == set(at_a1(outcome)) == set(range(1, count + 1))


# Asking.


def test_nobody_can_be_asked_about_what_was_not_answered(carrying: Carrying) -> None:
    with pytest.raises(LinkTrouble):
        run(carrying.carrier.look_up([submission()]))


def test_a_probe_says_whether_the_link_is_bound(carrying: Carrying) -> None:
    run(carrying.carrier.probe())
    carrying.link.can_submit = False
    carrying.link.trouble = LinkTrouble(Trouble.CREDENTIALS, "A1's SMSC refuses the bind")
    with pytest.raises(LinkTrouble, match="refuses the bind"):
        run(carrying.carrier.probe())
    carrying.link.trouble = None
    with pytest.raises(LinkTrouble, match="not bound"):
        run(carrying.carrier.probe())


STATES = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}


def stands(asked: Asked, word: str) -> None:
    asked.answer.callback(Pdu("query_sm_resp", 0, 1, {"message_state": STATES[word]}))


def standing(carrying: Carrying, message: Submission, **words: str) -> Standing | None:
    """What A1 says of a message, by its words for the parts; a part that is not named it has forgotten."""

    def answered(asked: Asked) -> None:
        identifier = asked.pdu.text("message_id")
        if identifier in words:
            stands(asked, words[identifier])
        else:
            asked.says(CommandStatus.INVALID_MESSAGE_ID, "query_sm_resp")

    carrying.link.by = answered
    return run(carrying.carrier.statuses([message])).get(message.id)


SENT = known(submission(3), {1: "a", 2: "b", 3: "c"})


def test_a_query_names_the_part_and_the_sender(carrying: Carrying) -> None:
    assert standing(carrying, known(submission(), {1: "7001"})) is None
    (asked,) = carrying.link.asked
    assert asked.pdu.command == "query_sm"
    wanted = {"message_id": "7001", "source_addr": "MyShop", "source_addr_ton": 5, "source_addr_npi": 0}
    assert asked.pdu.fields == wanted


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ENROUTE", Status.SENT),
        ("DELIVRD", Status.DELIVERED),
        ("EXPIRED", Status.EXPIRED),
        ("DELETED", Status.UNDELIVERABLE),
        ("UNDELIV", Status.UNDELIVERABLE),
        ("ACCEPTD", Status.SENT),
        ("UNKNOWN", None),
        ("REJECTD", Status.REJECTED),
    ],
)
def test_every_state_that_a_query_brings(carrying: Carrying, word: str, status: Status | None) -> None:
    assert standing(carrying, known(submission(), {1: "a"}), a=word) == Standing(word, status)


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ({"a": "DELIVRD", "b": "DELIVRD", "c": "DELIVRD"}, "DELIVRD"),
        ({"a": "DELIVRD", "b": "ENROUTE", "c": "DELIVRD"}, "ENROUTE"),
        ({"a": "ENROUTE", "b": "DELIVRD", "c": "UNDELIV"}, "UNDELIV"),
        ({"a": "UNKNOWN", "b": "ENROUTE", "c": "DELIVRD"}, "UNKNOWN"),
        ({"a": "EXPIRED"}, "EXPIRED"),
        ({"b": "EXPIRED"}, "EXPIRED"),
        ({"b": "ENROUTE"}, "ENROUTE"),
        ({"a": "DELIVRD", "b": "DELIVRD"}, None),
        ({}, None),
    ],
)
def test_the_parts_make_the_whole_as_receipts_would(
    carrying: Carrying, words: dict[str, str], whole: str | None
) -> None:
    found = standing(carrying, SENT, **words)
    assert (None if found is None else found.word) == whole


def test_parts_that_are_delivered_or_have_no_identifier_are_not_asked_for(carrying: Carrying) -> None:
    first, second, third = SENT.parts
    message = replace(SENT, parts=(replace(first, status=Status.DELIVERED), replace(second, a1_id=""), third))
    assert standing(carrying, message, c="DELIVRD") == Standing("DELIVRD", Status.DELIVERED)
    assert [each.pdu.text("message_id") for each in carrying.link.asked] == ["c"]


def test_an_identifier_that_no_query_can_hold_is_not_asked_for(carrying: Carrying) -> None:
    assert standing(carrying, known(submission(), {1: "7" * 65})) is None
    assert carrying.link.asked == []


def many(count: int) -> list[Submission]:
    return [known(submission(id=number), {1: f"id{number}"}) for number in range(1, count + 1)]


def test_a_few_queries_are_under_way_at_once(carrying: Carrying) -> None:
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(30)))
    for answered, asked in enumerate(carrying.asked()):
        assert len(carrying.link.in_flight) == min(4, 30 - answered)
        stands(asked, "DELIVRD")
    assert set(run(asking).keys()) == set(range(1, 31))


def test_a_query_takes_a_turn_and_a_throttled_one_slows_the_pace() -> None:
    carrying = Carrying(ceiling=4)
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(2)))
    (first,) = carrying.link.asked
    first.says(CommandStatus.THROTTLED, "query_sm_resp")
    assert carrying.pace.rate == 2
    # It is no submit.
    assert carrying.metrics.smpp_throttled._value.get() == 0
    carrying.clock.advance(0.9)
    assert len(carrying.link.asked) == 1
    carrying.clock.advance(0.7)
    stands(carrying.link.asked[1], "DELIVRD")
    assert set(run(asking).keys()) == {2}


def test_a_query_that_is_not_answered_keeps_no_other_from_its_answer(carrying: Carrying) -> None:
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(9)))
    carrying.link.asked[2].stays_out()
    for asked in carrying.asked():
        stands(asked, "DELIVRD")
    assert set(run(asking).keys()) == {1, 2, 4, 5, 6, 7, 8, 9}


def test_an_a1_that_answers_no_query_is_not_asked_a_hundred_times(carrying: Carrying) -> None:
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(100)))
    for asked in carrying.asked():
        asked.stays_out()
    # The link stands: that is no trouble with it.
    assert run(asking) == {}
    assert len(carrying.link.asked) <= 8


def test_a_link_that_breaks_under_a_query_is_the_trouble(carrying: Carrying) -> None:
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(100)))
    carrying.link.can_submit = False
    for asked in carrying.asked():
        asked.breaks()
    with pytest.raises(LinkTrouble) as caught:
        run(asking)
    assert caught.value.trouble is Trouble.UNREACHABLE


def test_what_was_answered_before_the_link_broke_counts(carrying: Carrying) -> None:
    asking = Deferred.fromCoroutine(carrying.carrier.statuses(many(9)))
    stands(carrying.link.asked[0], "DELIVRD")
    carrying.link.can_submit = False
    for asked in carrying.asked():
        asked.breaks()
    assert set(run(asking).keys()) == {1}

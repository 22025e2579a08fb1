"""Dispatcher, look-up, gate and probe together, on a fake clock, a fake A1 and a real journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

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
from a1gateway.dispatcher import EACH_WHILE_CROWDED, TOGETHER, Dispatcher, LookUp, _bulks, _Fitting
from a1gateway.due_loop import DueLoop
from a1gateway.errors import JournalUnavailable
from a1gateway.gate import Gate, Probe
from a1gateway.journal import Journal
from a1gateway.journal.journal import Waiting
from a1gateway.message import Kind, Source, Status, StatusReport, Submission
from a1gateway.metrics import Metrics
from a1gateway.polling import Polling
from a1gateway.receipts import Receipts

from .conftest import START, agree, arrival, pass_time, run
from .fakes import FakeCarrier

Loop = TypeVar("Loop", bound=DueLoop)

UNREACHABLE = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached")
CREDENTIALS = LinkTrouble(Trouble.CREDENTIALS, "A1's error 4: wrong credentials", code="4")
UNAVAILABLE = LinkTrouble(Trouble.UNAVAILABLE, "A1's error 8: channel not available", code="8")
THROTTLED = LinkTrouble(Trouble.THROTTLED, "A1's error 7: too many requests", code="7")


@dataclass
class Sending:
    """The services that send, with everything around them."""

    clock: Clock
    journal: Journal
    carrier: FakeCarrier
    gate: Gate
    metrics: Metrics
    loops: list[DueLoop]
    finals: list[None]

    def loop(self, kind: type[Loop]) -> Loop:
        (found,) = [loop for loop in self.loops if isinstance(loop, kind)]
        return found

    def accept(self, *names: str, **more: Any) -> None:
        for name in names:
            run(self.journal.accept(arrival(name, **{"received_at": self.clock.seconds()} | more)))
        self.loops[0].wake()
        self.pass_time(0)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.clock, seconds)

    def status(self, name: str = "m1") -> str:
        found = run(self.journal.message(name))
        assert found is not None
        return str(found["status"])

    def closed(self) -> bool:
        return self.gate.closed

    def sent(self) -> list[str]:
        return [each.message_id for each in self.carrier.submitted]


def alone(clock: Clock, journal: Journal, carrier: FakeCarrier, *, crowded: Callable[[], bool]) -> Dispatcher:
    """A dispatcher that nobody helps, and whose gate nobody else opens or shuts."""
    return Dispatcher(
        clock,
        journal,
        carrier,
        Gate(clock, lambda: 0.0),
        Receipts(journal, Metrics(), lambda: None),
        poll_after=60,
        on_uncertain=lambda: None,
        crowded=crowded,
    )


@pytest.fixture
def sending(clock: Clock, journal: Journal) -> Any:
    carrier, metrics, finals = FakeCarrier(), Metrics(), list[None]()
    gate = Gate(clock, lambda: 0.0)
    receipts = Receipts(journal, metrics, lambda: finals.append(None))
    look_up = LookUp(clock, journal, carrier, gate, receipts, poll_after=60, on_due=lambda: dispatcher.wake())
    dispatcher = Dispatcher(clock, journal, carrier, gate, receipts, poll_after=60, on_uncertain=look_up.wake)
    polling = Polling(clock, journal, carrier, gate, receipts, interval=60, give_up_after=3600)
    probe = Probe(clock, carrier, gate)
    loops = [dispatcher, look_up, polling, probe]
    for loop in loops:
        loop.startService()
    yield Sending(clock, journal, carrier, gate, metrics, list(loops), finals)
    stopping = [loop.stopService() for loop in loops]
    clock.pump([0.0] * 4)
    assert all(each.called for each in stopping)


@pytest.mark.parametrize("crowd", [False, True])
def test_messages_wait_a_moment_to_go_together_and_only_some_go_while_many_are_handed_over(
    clock: Clock, journal: Journal, crowd: bool
) -> None:
    carrier, crowded = FakeCarrier(), crowd
    dispatcher = alone(clock, journal, carrier, crowded=lambda: crowded)
    dispatcher.startService()
    clock.pump([0.0] * 4)
    bulks, waited = list[int](), list[float]()
    for number in range(600):
        run(journal.accept(arrival(f"m{number}", received_at=clock.seconds())))
        dispatcher.wake()
        clock.pump([0.0] * 4)
        if gone := carrier.submitted[len(waited) :]:
            bulks.append(len(gone))
            waited += [clock.seconds() - each.received_at for each in gone]
        clock.pump([0.005])
    # The first one came alone and went at once. It is three seconds.
    assert (bulks[0], waited[0]) == (1, 0)
    if crowd:
        assert sum(bulks) == pytest.approx(3 / EACH_WHILE_CROWDED, rel=0.25)
        assert max(bulks) <= 50
    else:
        assert max(waited) <= TOGETHER + 0.006
        assert len(bulks) == pytest.approx(3 / TOGETHER, rel=0.25)
    crowded = False
    dispatcher.wake()
    clock.pump([0.01] * 10)
    assert [each.message_id for each in carrier.submitted] == [f"m{number}" for number in range(600)]
    dispatcher.stopService()


def test_a_message_goes_out_as_soon_as_it_is_taken_in(sending: Sending) -> None:
    sending.accept("m1")
    assert sending.sent() == ["m1"]
    assert sending.status() == "sent"


def test_what_waits_while_a_request_is_under_way_goes_together(sending: Sending) -> None:
    slow: Deferred[Outcome] = Deferred()
    sending.carrier.outcomes = [slow]
    sending.accept("m1")
    sending.accept("m2", "m3", "m4")
    slow.callback(Accepted("1"))
    sending.pass_time(1)
    assert sending.sent() == ["m1", "m2", "m3", "m4"]
    assert sending.carrier.turns_used == 2


@pytest.mark.parametrize("trouble", [UNREACHABLE, THROTTLED, UNAVAILABLE], ids=["unreachable", "throttled", "8"])
def test_what_a1_does_not_have_is_sent_again_after_pauses_that_grow(sending: Sending, trouble: LinkTrouble) -> None:
    sending.carrier.outcomes = [Postponed(trouble)] * 4
    sending.accept("m1")
    assert sending.sent() == ["m1"]
    counts = []
    # It is tried again after 1, 2, 4 and 8 seconds, whatever A1 answers to other questions meanwhile.
    sending.carrier.trouble = trouble
    for seconds in (0.5, 1, 1, 1.5, 2.5, 1.5, 6.5):
        sending.pass_time(seconds)
        counts.append(len(sending.sent()))
    assert counts == [1, 2, 2, 3, 3, 4, 4]
    sending.pass_time(2)
    assert sending.status() == "sent"
    # None of them has reached A1.
    assert {each.attempts for each in sending.carrier.submitted} == {1}
    assert len({each.custom_id for each in sending.carrier.submitted}) == 1


def test_an_a1_that_takes_no_submits_for_an_hour_and_answers_all_else_is_left_in_peace(sending: Sending) -> None:
    sending.loop(Polling)._give_up_after = 3 * 86400
    sending.carrier.outcomes = [Uncertain(UNAVAILABLE)] * 5000
    for minute in range(60):
        sending.accept(f"m{minute}")
        sending.pass_time(60)
    assert sending.carrier.turns_used < 200
    assert {sending.status(f"m{minute}") for minute in range(60)} == {"queued"}
    sending.carrier.outcomes = []
    sending.pass_time(60)
    assert {sending.status(f"m{minute}") for minute in range(60)} == {"sent"}


def test_a_lost_answer_is_asked_for_and_found_and_not_sent_again(sending: Sending) -> None:
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)]
    sending.carrier.known = {"m1": Standing("1", Status.SENT, "7001")}
    sending.accept("m1")
    sending.pass_time(30)
    assert sending.sent() == ["m1"]
    assert sending.status() == "sent"
    kept = run(sending.journal.message("m1"))
    assert kept is not None
    assert kept["a1_id"] == "7001"


def test_a_lost_request_is_sent_again_when_a1_has_twice_said_that_it_has_none(sending: Sending) -> None:
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)]
    sending.accept("m1")
    sending.pass_time(6)
    assert sending.sent() == ["m1"]
    sending.pass_time(6)
    assert sending.sent() == ["m1", "m1"]
    assert sending.status() == "sent"


def test_while_a1_cannot_be_asked_a_lost_request_is_not_sent_again(sending: Sending) -> None:
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)]
    sending.accept("m1")
    sending.carrier.trouble = UNREACHABLE
    sending.pass_time(600)
    assert sending.sent() == ["m1"]
    sending.carrier.trouble = None
    sending.pass_time(120)
    assert sending.sent() == ["m1", "m1"]


def test_what_a1_leaves_out_of_its_answer_is_asked_for_until_it_says_something(sending: Sending) -> None:
    """To say nothing of a message is not to say that there is none."""
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)] * 2
    sending.carrier.left_out = {"m1"}
    sending.accept("m1", "m2")
    sending.pass_time(60)
    assert sending.sent() == ["m1", "m2", "m2"]
    sending.carrier.known = {"m1": Standing("3", Status.DELIVERED, "7001")}
    sending.carrier.left_out.clear()
    sending.pass_time(10)
    assert sending.status() == "delivered"
    assert sending.sent() == ["m1", "m2", "m2"]


def test_a_duplicate_that_a1_knows_is_ours(sending: Sending) -> None:
    sending.carrier.outcomes = [Duplicate("20")]
    sending.carrier.known = {"m1": Standing("5", Status.SENT, "7001")}
    sending.accept("m1")
    sending.pass_time(10)
    assert (sending.status(), sending.sent()) == ("sent", ["m1"])


def test_a_duplicate_that_a1_does_not_know_is_rejected(sending: Sending) -> None:
    sending.carrier.outcomes = [Duplicate("20")]
    sending.accept("m1")
    sending.pass_time(10)
    assert (sending.status(), sending.sent()) == ("rejected", ["m1"])
    assert sending.finals


@pytest.mark.parametrize("code", ["3", "4", "5", "6"])
def test_refused_credentials_stop_sending_until_a_probe_succeeds(sending: Sending, code: str) -> None:
    refused = LinkTrouble(Trouble.CREDENTIALS, f"A1's error {code}", code=code)
    sending.carrier.outcomes = [Postponed(refused)]
    sending.accept("m1")
    sending.carrier.trouble = refused
    sending.accept("m2", "m3")
    sending.pass_time(300)
    assert sending.sent() == ["m1"]
    assert sending.closed()
    # Not more often than every minute; one more when the daemon started.
    assert 4 <= sending.carrier.probes <= 7
    sending.carrier.trouble = None
    sending.pass_time(65)
    assert sending.sent() == ["m1", "m2", "m3", "m1"]
    assert not sending.closed()
    assert {sending.status(name) for name in ("m1", "m2", "m3")} == {"sent"}


def test_an_account_that_is_refused_for_an_hour_costs_a_probe_a_minute_and_no_message(sending: Sending) -> None:
    """What came before, what comes meanwhile, and what nobody knows the outcome of, all get through afterwards."""
    sending.loop(Polling)._give_up_after = 3 * 86400
    # While A1 takes one of a bulk it is well; so the next message is tried.
    sending.carrier.outcomes = [Uncertain(UNREACHABLE), Accepted("1"), *[Postponed(CREDENTIALS)] * 2]
    sending.accept("lost", "taken", "refused")
    sending.carrier.trouble = CREDENTIALS
    for minute in range(60):
        sending.accept(f"m{minute}")
        sending.pass_time(60)
    assert sending.closed()
    assert sending.sent() == ["lost", "taken", "refused", "m0"]
    assert sending.carrier.probes in range(58, 63)
    assert sending.carrier.polled == []
    sending.carrier.trouble = None
    sending.carrier.known = {"lost": Standing("3", Status.DELIVERED, "2"), "taken": Standing("3", Status.DELIVERED)}
    sending.pass_time(120)
    assert not sending.closed()
    assert sorted(sending.sent()[4:]) == sorted(["refused", *(f"m{minute}" for minute in range(60))])
    assert (sending.status("lost"), sending.status("taken")) == ("delivered", "delivered")


def test_a_refused_message_is_final_and_wakes_the_reporter(sending: Sending) -> None:
    sending.carrier.outcomes = [Refused("stop_list", "101")]
    sending.accept("m1")
    assert sending.status() == "rejected"
    assert sending.finals
    assert sending.metrics.rejected.labels("stop_list")._value.get() == 1


def test_a_carrier_that_breaks_leaves_the_message_to_be_asked_for(sending: Sending) -> None:
    broken: Deferred[Outcome] = Deferred()
    sending.carrier.outcomes = [broken]
    sending.carrier.known = {"m1": Standing("3", Status.DELIVERED, "7001")}
    sending.accept("m1")
    broken.errback(ZeroDivisionError("a bug"))
    sending.pass_time(20)
    assert (sending.status(), sending.sent()) == ("delivered", ["m1"])


def test_outcomes_wait_for_a_journal_that_is_away(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fails = sending.journal.record, 3

    def record(*arguments: Any) -> Any:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise JournalUnavailable("locked")
        return real(*arguments)

    monkeypatch.setattr(sending.journal, "record", record)
    sending.accept("m1")
    assert sending.status() == "queued"
    sending.pass_time(5)
    assert (sending.status(), sending.sent()) == ("sent", ["m1"])


def test_an_outcome_that_cannot_be_written_down_is_asked_for(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.carrier.known = {"m1": Standing("1", Status.SENT, "7001")}
    with monkeypatch.context() as patch:
        patch.setattr(sending.journal, "record", lambda *_: execute(int, "a bug"))
        sending.accept("m1")
    assert sending.status() == "queued"
    sending.pass_time(10)
    assert (sending.status(), sending.sent()) == ("sent", ["m1"])


def test_a_submit_that_breaks_after_its_answer_leaves_no_message_in_flight(sending: Sending) -> None:
    """Nobody looks at what is in flight before the next start; and the bulks behind it go out all the same."""
    broken: list[Outcome] = []

    def judge(outcomes: Sequence[Outcome]) -> None:
        if not broken:
            broken.extend(outcomes)
            raise AssertionError("a fault of the gateway")

    sending.loop(Dispatcher)._judge = judge
    sending.carrier.known = {"m1": Standing("1", Status.SENT, "a1")}
    sending.accept("m1")
    sending.pass_time(10)
    assert sending.status() == "sent"
    assert sending.sent() == ["m1"]


def test_stopping_waits_for_the_submit_under_way(clock: Clock, journal: Journal) -> None:
    carrier, gate = FakeCarrier(), Gate(clock, lambda: 0.0)
    receipts = Receipts(journal, Metrics(), lambda: None)
    dispatcher = Dispatcher(clock, journal, carrier, gate, receipts, poll_after=60, on_uncertain=lambda: None)
    slow: Deferred[Outcome] = Deferred()
    carrier.outcomes = [slow]
    run(journal.accept(arrival()))
    dispatcher.startService()
    clock.pump([0.0] * 3)
    stopped: list[None] = []
    dispatcher.stopService().addCallback(stopped.append)
    clock.pump([0.0] * 3)
    assert stopped == []
    slow.callback(Accepted("7001"))
    assert stopped == [None]
    kept = run(journal.message("m1"))
    assert kept is not None
    assert kept["status"] == "sent"
    assert clock.getDelayedCalls() == []


def test_the_oftener_a_message_was_tried_the_fewer_go_with_it(sending: Sending) -> None:
    names = [f"m{number}" for number in range(1, 121)]
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)] * 120
    sending.accept(*names)
    assert sending.carrier.turns_used == 1
    sending.pass_time(15)
    assert sorted(sending.sent()) == sorted(names * 2)
    # Fifty at most together, the second time.
    assert sending.carrier.turns_used == 1 + 3


def test_a_campaign_that_is_tried_again_leaves_room_for_a_transactional_message(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was lost goes in small bulks, and no more of it is claimed than goes out at once."""
    monkeypatch.setattr(FakeCarrier, "bulk_size", 20)
    names = [f"c{number:03}" for number in range(100)]
    sending.carrier.outcomes = [Uncertain(UNREACHABLE)] * 100
    sending.accept(*names, kind=Kind.MARKETING)
    agree(sending.journal)
    sending.loop(Dispatcher).wake()
    # A1 has none of them, as it says twice; then it takes long over each.
    slow = [Deferred[Outcome]() for _ in range(100)]
    sending.carrier.outcomes += slow
    sending.pass_time(15)
    assert len(sending.sent()) == 100 + 4
    stages = [(run(sending.journal.message(name)) or {})["stage"] for name in names]
    assert (stages.count("in_flight"), stages.count("ready")) == (4 * 2, 100 - 4 * 2)
    sending.accept("reminder")
    slow[3].callback(Accepted("a3"))
    slow[4].callback(Accepted("a4"))
    sending.pass_time(0)
    assert sending.sent()[-1] == "reminder"


@given(
    st.lists(st.integers(0, 4), max_size=60),
    st.integers(1, 6),
    st.sampled_from([1, 7, 50, 500]),
)
def test_what_is_claimed_goes_out_with_the_turns_there_are(tried: list[int], turns: int, largest: int) -> None:
    places = _Fitting(turns, largest, 0).choose([Waiting(each, marketing=False) for each in tried])
    assert places == sorted(set(places))
    assert places[:1] == ([0] if tried else [])
    chosen = [_tried(tried[place] + 1) for place in places]
    bulks = _bulks(chosen, largest)
    assert sum(map(len, bulks)) == len(places)
    assert len(bulks) <= turns
    # Nobody is left behind for whom there was room.
    for place in set(range(len(tried))) - set(places):
        assert len(_bulks([*chosen, _tried(tried[place] + 1)], largest)) > turns


@given(
    st.lists(st.integers(0, 4), max_size=40),
    st.lists(st.integers(0, 4), max_size=40),
    st.integers(1, 6),
    st.integers(0, 6),
    st.sampled_from([1, 7, 500]),
)
def test_marketing_takes_no_more_turns_than_are_its_own(
    others: list[int], marketing: list[int], turns: int, allowed: int, largest: int
) -> None:
    """It goes along where there is room beside the others, which lose nothing by it."""
    fitting = _Fitting(turns, largest, allowed)
    waiting = [Waiting(each, marketing=False) for each in others] + [
        Waiting(each, marketing=True) for each in marketing
    ]
    places = fitting.choose(waiting)
    assert [place for place in places if place < len(others)] == _Fitting(turns, largest, 0).choose(
        waiting[: len(others)]
    )
    alone = len(_bulks([_tried(waiting[place].attempts + 1) for place in places if place < len(others)], largest))
    together = len(_bulks([_tried(waiting[place].attempts + 1) for place in places], largest))
    assert together - alone == allowed - fitting.left_to_marketing <= allowed
    assert together <= turns


def _tried(attempts: int) -> Submission:
    return Submission(1, "m1", "c1", "+375291112233", "text", None, 1, attempts=attempts)


def test_polls_ask_for_the_silent_ones_less_often_as_they_age(sending: Sending) -> None:
    sending.carrier.known = {"m1": Standing("5", Status.SENT, "a1")}
    sending.accept("m1")
    sending.pass_time(59)
    assert sending.carrier.polled == []
    sending.pass_time(10)
    assert sending.carrier.polled == ["m1"]
    sending.pass_time(600)
    assert 8 <= len(sending.carrier.polled) <= 11
    early = len(sending.carrier.polled)
    sending.pass_time(2400)
    assert len(sending.carrier.polled) - early < 20
    sending.carrier.known = {"m1": Standing("3", Status.DELIVERED, "a1")}
    sending.pass_time(400)
    assert sending.status() == "delivered"
    polled = len(sending.carrier.polled)
    sending.pass_time(600)
    assert len(sending.carrier.polled) == polled


def test_thousands_of_silent_ones_are_polled_soon_and_not_all_at_once(clock: Clock, journal: Journal) -> None:
    """As after a restart; each again when its time has come, and for nobody more often."""
    carrier, gate = FakeCarrier(), Gate(clock, lambda: 0.0)
    polling = Polling(
        clock, journal, carrier, gate, Receipts(journal, Metrics(), lambda: None), interval=60, give_up_after=1e6
    )
    for number in range(3000):
        run(journal.accept(arrival(f"m{number}", received_at=START - 100)))
    submissions = run(journal.claim(START, 3000)).submissions
    run(journal.record([(each, Accepted(f"a{each.id}"), START) for each in submissions], START))
    polling.startService()
    asked = []
    for _ in range(50):
        clock.pump([1.0, 0.0, 0.0])
        asked.append(len(carrier.polled))
    assert asked[:6] == [1000, 1500, 2000, 2500, 3000, 3000]
    assert len(set(carrier.polled)) == len(carrier.polled) == 3000
    # While A1 says nothing, hardly anybody is asked for.
    carrier.trouble = UNREACHABLE
    clock.pump([1.0, 0.0, 0.0] * 40)
    assert len(carrier.polled) <= 3000 + 3 * 500
    run(polling.stopService())


def test_an_identifier_that_the_answer_did_not_name_is_learnt_from_a_poll(sending: Sending) -> None:
    sending.carrier.outcomes = [Accepted(None)]
    sending.accept("m1")
    early = StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START)
    run(sending.journal.settle([early]))
    sending.carrier.known = {"m1": Standing("5", Status.SENT, "7001")}
    sending.pass_time(70)
    kept = run(sending.journal.message("m1"))
    assert kept is not None
    assert (kept["a1_id"], kept["status"]) == ("7001", "delivered")


def test_a_poll_that_fails_is_repeated(sending: Sending) -> None:
    sending.accept("m1")
    sending.carrier.trouble = UNREACHABLE
    sending.pass_time(180)
    sending.carrier.trouble = None
    sending.carrier.known = {"m1": Standing("4", Status.UNDELIVERABLE, "a1", "Не доставлено")}
    sending.pass_time(240)
    assert sending.status() == "undeliverable"
    kept = run(sending.journal.message("m1"))
    assert kept is not None
    last = kept["history"][-1]
    assert (last["source"], last["word"], last["note"]) == ("poll", "4", "Не доставлено")


def test_a_message_that_is_never_answered_expires(sending: Sending) -> None:
    sending.accept("m1")
    sending.pass_time(3500)
    assert sending.status() == "sent"
    sending.pass_time(200)
    assert sending.status() == "expired"
    assert sending.metrics.statuses.labels("expired", "gateway")._value.get() == 1


def test_a_message_that_could_not_be_sent_in_time_expires_and_is_not_sent_late(sending: Sending) -> None:
    sending.carrier.outcomes = [Postponed(CREDENTIALS)]
    sending.accept("m1")
    sending.carrier.trouble = CREDENTIALS
    sending.pass_time(3700)
    assert sending.status() == "expired"
    sending.carrier.trouble = None
    sending.pass_time(120)
    assert sending.sent() == ["m1"]


def test_what_is_too_late_ends_also_while_a1_takes_nothing(sending: Sending) -> None:
    sending.carrier.outcomes = [Postponed(CREDENTIALS)]
    sending.accept("m1", leave_by=START + 100)
    sending.carrier.trouble = CREDENTIALS
    sending.pass_time(90)
    assert sending.status() == "queued"
    sending.pass_time(100)
    kept = run(sending.journal.message("m1"))
    assert kept is not None
    assert (kept["status"], kept["reason"]) == ("rejected", "late")
    sending.carrier.trouble = None
    sending.pass_time(120)
    assert sending.sent() == ["m1"]


@pytest.mark.parametrize(("age", "pause"), [(0, 60), (599, 60), (3600, 360), (36_000, 3600), (200_000, 3600)])
def test_the_pause_between_polls(sending: Sending, age: float, pause: float) -> None:
    polling = sending.loops[2]
    assert isinstance(polling, Polling)
    assert polling.pause(age) == pause


# A carrier that takes one message at a time, and several of them at once.


class OneByOne(FakeCarrier):
    """Has as many turns as it is told."""

    bulk_size = 1
    submits_at_once = 4

    def __init__(self) -> None:
        super().__init__()
        self.left = 1000
        self.asked: list[int] = []
        self.together: list[int] = []
        self.before_turns: Callable[[], None] = lambda: None

    async def turns(self, most: int) -> int:
        self.asked.append(most)
        self.before_turns()
        given = min(most, self.left)
        self.left -= given
        return given

    def give_back(self, turns: int) -> None:
        self.left += turns

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        self.together.append(len(submissions))
        return await super().submit(submissions)


@dataclass
class Singly:
    """A dispatcher with such a carrier, and whoever judges its outcomes."""

    clock: Clock
    journal: Journal
    carrier: OneByOne
    gate: Gate
    dispatcher: Dispatcher
    judged: list[Sequence[Outcome]]
    doubts: list[None]

    def accept(self, *names: str) -> None:
        for name in names:
            run(self.journal.accept(arrival(name, received_at=self.clock.seconds())))
        self.dispatcher.wake()
        self.pass_time(0)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.clock, seconds)

    def sent(self) -> list[str]:
        return [each.message_id for each in self.carrier.submitted]

    def message(self, name: str = "m1") -> dict[str, Any]:
        found = run(self.journal.message(name))
        assert found is not None
        return found


@pytest.fixture
def singly(clock: Clock, journal: Journal) -> Iterator[Singly]:
    carrier, gate = OneByOne(), Gate(clock, lambda: 0.0)
    judged, doubts = list[Sequence[Outcome]](), list[None]()
    dispatcher = Dispatcher(
        clock,
        journal,
        carrier,
        gate,
        Receipts(journal, Metrics(), lambda: None),
        poll_after=60,
        on_uncertain=lambda: doubts.append(None),
        uncertain_for=45,
        judge=judged.append,
    )
    dispatcher.startService()
    yield Singly(clock, journal, carrier, gate, dispatcher, judged, doubts)
    run(dispatcher.stopService())
    assert clock.getDelayedCalls() == []


NAMES = [f"m{number}" for number in range(1, 11)]


def test_they_go_out_a_few_at_a_time_however_many_there_is_room_for(
    singly: Singly, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else comes in gets its turn."""
    monkeypatch.setattr(OneByOne, "submits_at_once", 100)
    names = [f"m{number}" for number in range(60)]
    singly.accept(*names)
    assert singly.sent() == names
    assert singly.carrier.asked[1:4] == [25, 25, 25]


@pytest.mark.parametrize("turns", [1, 100])
def test_while_many_hand_messages_over_there_is_a_pause_for_each_that_went(
    clock: Clock, journal: Journal, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """A pace of few a second is no slower for it."""
    monkeypatch.setattr(OneByOne, "submits_at_once", turns)
    carrier = OneByOne()
    dispatcher = alone(clock, journal, carrier, crowded=lambda: True)
    for number in range(150):
        run(journal.accept(arrival(f"m{number}", received_at=clock.seconds())))
    dispatcher.startService()
    clock.pump([0.0005, 0.0, 0.0] * 2000)
    assert len(carrier.submitted) == pytest.approx(1.0 / EACH_WHILE_CROWDED, rel=0.25)
    clock.pump([0.0005, 0.0, 0.0] * 2000)
    assert len(carrier.submitted) == 150
    run(dispatcher.stopService())


def test_each_message_goes_by_itself_and_no_more_at_once_than_the_carrier_takes(singly: Singly) -> None:
    slow = [Deferred[Outcome]() for _ in NAMES]
    singly.carrier.outcomes = [*slow]
    singly.accept(*NAMES)
    assert len(singly.sent()) == 4
    # A place that is free is taken at once, whoever it was that left it.
    for done, which in enumerate((2, 0, 3, 1), start=1):
        slow[which].callback(Accepted(f"a{which}"))
        singly.pass_time(0)
        assert len(singly.sent()) == 4 + done
    for each in slow[4:]:
        each.callback(Accepted("a"))
    singly.pass_time(0)
    assert sorted(singly.sent()) == sorted(NAMES)
    assert set(singly.carrier.together) == {1}
    assert {singly.message(name)["status"] for name in NAMES} == {"sent"}
    assert max(singly.carrier.asked) == 4


def test_turns_that_nobody_needs_are_given_back(singly: Singly) -> None:
    singly.accept("m1", "m2", "m3")
    assert singly.sent() == ["m1", "m2", "m3"]
    assert singly.carrier.left == 1000 - 3


def test_as_many_messages_go_as_there_are_turns(singly: Singly) -> None:
    singly.carrier.left = 2
    singly.accept(*NAMES)
    assert len(singly.sent()) == 2
    assert [singly.message(name)["stage"] for name in NAMES].count("ready") == 8
    singly.carrier.left = 5
    singly.dispatcher.wake()
    singly.pass_time(0)
    assert len(singly.sent()) == 7


def test_without_turns_nothing_is_claimed_until_there_are_some(singly: Singly) -> None:
    singly.carrier.left = 0
    singly.accept("m1")
    tries = len(singly.carrier.asked)
    singly.pass_time(30)
    assert len(singly.carrier.asked) == tries
    assert singly.message()["attempts"] == 0
    singly.carrier.left = 1
    singly.dispatcher.wake()
    singly.pass_time(0)
    assert singly.sent() == ["m1"]


def test_a_link_that_is_lost_stops_sending_until_it_is_back(singly: Singly) -> None:
    singly.gate.link_is_down(UNREACHABLE)
    singly.accept("m1")
    singly.pass_time(300)
    assert singly.sent() == []
    assert singly.carrier.left == 1000
    singly.gate.link_is_up()
    singly.pass_time(0)
    assert singly.sent() == ["m1"]


def test_a_link_that_is_lost_while_a_turn_is_awaited_costs_neither_turn_nor_message(singly: Singly) -> None:
    singly.carrier.before_turns = lambda: singly.gate.link_is_down(UNREACHABLE)
    singly.accept("m1")
    assert (singly.sent(), singly.carrier.left) == ([], 1000)
    assert singly.message()["stage"] == "ready"


def test_a_journal_that_is_away_costs_no_turn(singly: Singly, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(singly.journal, "claim", lambda *_, **__: execute(locked))
        singly.accept("m1")
    assert singly.carrier.left == 1000
    singly.pass_time(2)
    assert singly.sent() == ["m1"]


def locked() -> None:
    raise JournalUnavailable("locked")


@pytest.mark.parametrize("outcome", [Postponed(UNAVAILABLE), Uncertain(UNREACHABLE)], ids=["postponed", "uncertain"])
def test_whoever_is_to_judge_the_outcomes_does_and_the_gate_stays_as_it_is(singly: Singly, outcome: Outcome) -> None:
    singly.carrier.outcomes = [outcome]
    singly.accept("m1", "m2")
    assert sorted(map(str, singly.judged)) == sorted(map(str, [[outcome], [Accepted("a2")]]))
    assert (singly.gate.known, singly.gate.hold()) == (False, 0)


def test_what_is_uncertain_is_looked_at_after_the_given_time(singly: Singly) -> None:
    singly.carrier.outcomes = [Uncertain(UNREACHABLE)]
    singly.accept("m1")
    message = singly.message()
    assert (message["stage"], message["due_at"]) == ("asking", START + 45)
    assert singly.doubts == [None]


def test_a_message_that_a1_puts_off_waits_by_itself(singly: Singly) -> None:
    later = LinkTrouble(Trouble.LATER, "A1's SMSC answers ESME_RTHROTTLED", code="ESME_RTHROTTLED")
    singly.carrier.outcomes = [Postponed(later, 7.0), Accepted("a2"), Postponed(later, 20.0)]
    singly.accept("m1", "m2")
    assert singly.message("m2")["status"] == "sent"
    message = singly.message()
    assert (message["due_at"], message["postponed"], message["attempts"]) == (START + 7, 1, 0)
    singly.pass_time(6.5)
    assert singly.sent() == ["m1", "m2"]
    singly.pass_time(1)
    assert singly.sent() == ["m1", "m2", "m1"]
    assert singly.carrier.submitted[-1].postponed == 1
    assert singly.message()["postponed"] == 2


def test_a_message_that_the_link_has_put_off_has_not_been_put_off_by_a1(singly: Singly) -> None:
    singly.carrier.outcomes = [Postponed(UNREACHABLE)]
    singly.accept("m1")
    assert (singly.message()["due_at"], singly.message()["postponed"]) == (START + 1, 0)
    singly.pass_time(1.5)
    assert singly.message()["status"] == "sent"


def test_stopping_waits_for_all_that_is_under_way(singly: Singly) -> None:
    slow = [Deferred[Outcome]() for _ in range(3)]
    singly.carrier.outcomes = [*slow]
    singly.accept("m1", "m2", "m3")
    stopped: list[None] = []
    singly.dispatcher.stopService().addCallback(stopped.append)
    for each in slow:
        assert stopped == []
        each.callback(Accepted("a"))
        singly.pass_time(0)
    assert stopped == [None]
    assert {singly.message(name)["status"] for name in ("m1", "m2", "m3")} == {"sent"}


class SlowToSay(FakeCarrier):
    """Answers a poll when it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.said: Deferred[dict[int, Standing]] = Deferred()

    async def statuses(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        return await self.said


def test_polls_that_were_under_way_when_the_link_broke_open_no_gate(clock: Clock, journal: Journal) -> None:
    carrier, gate = SlowToSay(), Gate(clock, lambda: 0.0)
    receipts = Receipts(journal, Metrics(), lambda: None)
    polling = Polling(clock, journal, carrier, gate, receipts, interval=60, give_up_after=3600)
    run(journal.accept(arrival()))
    claimed = run(journal.claim(START, 1)).submissions
    run(journal.record([(each, Accepted("a1"), START) for each in claimed], START))
    gate.good()
    polling.startService()
    gate.link_is_down(UNREACHABLE)
    carrier.said.callback({claimed[0].id: Standing("2", Status.DELIVERED)})
    assert gate.closed
    found = run(journal.message("m1"))
    assert found is not None
    assert found["status"] == "delivered"
    run(polling.stopService())

"""Taking in when the journal is well, slow, away, or everything is; and what the spool gives back."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from a1gateway.errors import CannotStart, JournalUnavailable, NothingCanHold
from a1gateway.intake import A_CROWD, Intake, SpoolDrain
from a1gateway.journal import Journal, Spool
from a1gateway.message import Acceptance, Arrival, Kind, Source, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from .conftest import START, arrival, run

REPORT = StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(str(tmp_path / "spool"), execute)
    spool.prepare()
    return spool


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def intake(clock: Clock, journal: Journal, spool: Spool, woken: list[str]) -> Intake:
    metrics = Metrics()

    def wake(name: str) -> Callable[[], None]:
        return lambda: woken.append(name)

    receipts = Receipts(journal, metrics, wake("reporter"))
    return Intake(
        clock,
        journal,
        spool,
        receipts,
        metrics,
        on_message=wake("dispatcher"),
        on_refusal=wake("reporter"),
        on_spooled=wake("spool"),
    )


def away(*_arguments: Any) -> Deferred[Any]:
    return fail(JournalUnavailable("locked"))


def drained(clock: Clock, journal: Journal, spool: Spool) -> None:
    receipts = Receipts(journal, Metrics(), lambda: None)
    drain = SpoolDrain(clock, journal, spool, receipts, on_message=lambda: None, on_refusal=lambda: None)
    drain.startService()
    clock.pump([0.0] * 5)
    drain.stopService()


def test_a_crowd_is_many_messages_at_the_same_time_and_a_moment_after(
    intake: Intake, journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Deferred[Acceptance]] = []

    def slow(_: Arrival) -> Deferred[Acceptance]:
        waiting.append(Deferred())
        return waiting[-1]

    def come(count: int) -> None:
        for number in range(count):
            Deferred.fromCoroutine(intake.take_message(arrival(f"m{number}")))

    def answer() -> None:
        for number, each in enumerate(waiting):
            each.callback(Acceptance(f"m{number}", None, repeated=False))
        waiting.clear()

    def crowded() -> bool:
        return intake.crowded

    monkeypatch.setattr(journal, "accept", slow)
    for _ in range(10):
        come(A_CROWD - 1)
        answer()
    assert not crowded()
    come(A_CROWD)
    assert crowded()
    answer()
    clock.advance(0.2)
    assert crowded()
    clock.advance(0.1)
    assert not crowded()


def test_a_message_goes_into_the_journal_and_wakes_the_dispatcher(
    intake: Intake, journal: Journal, woken: list[str]
) -> None:
    assert run(intake.take_message(arrival())).refusal is None
    assert run(journal.message("m1")) is not None
    assert woken == ["dispatcher"]


def test_a_refused_message_wakes_the_reporter(intake: Intake, woken: list[str]) -> None:
    assert run(intake.take_message(arrival(refusal="foreign", msisdn=None))).refusal == "foreign"
    assert woken == ["reporter"]


def test_a_repetition_is_not_counted_again(intake: Intake) -> None:
    for _ in range(3):
        run(intake.take_message(arrival()))
    assert intake._metrics.accepted.labels("transactional")._value.get() == 1


def test_a_journal_that_is_away_sends_the_message_into_the_spool_and_it_comes_back_from_there(
    intake: Intake,
    clock: Clock,
    journal: Journal,
    spool: Spool,
    woken: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(journal, "accept", away)
        assert not run(intake.take_message(arrival())).repeated
        assert run(intake.take_message(arrival(text="other"))).repeated
        run(intake.take_message(arrival("m2", refusal="foreign", msisdn=None)))
        assert run(intake.take_message(arrival("m2"))).refusal == "foreign"
    assert "spool" in woken
    assert run(spool.depth())[0] == 2
    drained(clock, journal, spool)
    assert run(spool.depth()) == (0, None)
    assert [each.message_id for each in run(journal.claim(clock.seconds(), 10)).submissions] == ["m1"]
    refused = run(journal.message("m2"))
    assert refused is not None
    assert refused["status"] == "rejected"


def test_a_journal_that_hangs_counts_as_away(
    intake: Intake, clock: Clock, journal: Journal, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging: Deferred[Any] = Deferred()
    monkeypatch.setattr(journal, "accept", lambda _arrival: hanging)
    answers: list[Any] = []
    Deferred.fromCoroutine(intake.take_message(arrival())).addBoth(answers.append)
    clock.advance(2)
    assert answers == []
    clock.advance(1)
    assert answers[0].message_id == "m1"
    assert run(spool.depth())[0] == 1
    # When it ends after all, nobody minds.
    hanging.callback(None)


def test_when_neither_can_hold_a_message_it_is_refused_and_counted(
    intake: Intake, journal: Journal, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "accept", away)
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("no directory")
    with pytest.raises(NothingCanHold):
        run(intake.take_message(arrival()))
    assert intake._metrics.turned_away._value.get() == 1


def test_a_spool_that_was_tidied_away_is_made_anew(
    intake: Intake, journal: Journal, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "accept", away)
    (tmp_path / "spool").rmdir()
    run(intake.take_message(arrival()))
    assert run(spool.depth())[0] == 1


def test_a_status_waits_in_the_spool_too(
    intake: Intake, clock: Clock, journal: Journal, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(journal.accept(arrival()))
    [submission] = run(journal.claim(START, 1)).submissions
    with monkeypatch.context() as patch:
        patch.setattr(journal, "settle", away)
        run(intake.take_status(StatusReport(submission.custom_id, "3", Status.DELIVERED, Source.CALLBACK, START)))
    drained(clock, journal, spool)
    kept = run(journal.message("m1"))
    assert kept is not None
    assert kept["status"] == "delivered"


def test_the_spool_is_for_its_owner_alone(spool: Spool, tmp_path: Path) -> None:
    run(spool.keep_message(arrival()))
    [entry] = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_an_entry_that_cannot_be_read_is_set_aside_and_the_others_go_on(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "message-bad.json").write_text("{")
    run(spool.keep_message(arrival()))
    assert [entry.message_id for _, entry in run(spool.entries()) if isinstance(entry, Arrival)] == ["m1"]
    assert [path.suffix for path in sorted((tmp_path / "spool").iterdir())] == [".unreadable", ".json"]


def test_what_was_cut_off_while_being_written_is_gone_after_a_start(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "message-1.new").write_text('{"message"')
    spool.prepare()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_spool_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"store\.spool"):
        Spool(str(tmp_path / "file" / "spool"), execute).prepare()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    message_id=st.text(min_size=1, max_size=40),
    text=st.text(max_size=200),
    number=st.text(max_size=40),
    origin=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
def test_any_message_comes_back_from_the_spool_as_it_was(
    spool: Spool, message_id: str, text: str, number: str, origin: dict[str, str]
) -> None:
    kept = Arrival(message_id, START + 0.25, number, text, Kind.MARKETING, None, None, "foreign", 2, "Shop", origin)
    run(spool.keep_message(kept))
    [(name, entry)] = run(spool.entries())
    assert entry == kept
    run(spool.remove([name]))


def test_a_status_comes_back_from_the_spool_as_it_was(spool: Spool, tmp_path: Path) -> None:
    run(spool.keep_status(REPORT))
    run(spool.keep_status(REPORT))
    assert [entry for _, entry in run(spool.entries())] == [REPORT]
    assert json.loads(next((tmp_path / "spool").iterdir()).read_text())["status"]["word"] == "DELIVERED"
    assert os.listdir(tmp_path / "spool")

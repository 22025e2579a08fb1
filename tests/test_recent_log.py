"""What the log has last warned of: bounded, with the latest kept, and nothing of what an exception says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure

from a1gateway.recent_log import MOST, RecentLog


def listening() -> tuple[RecentLog, Logger]:
    publisher = LogPublisher()
    recent = RecentLog(publisher)
    recent.privilegedStartService()
    return recent, Logger("a1gateway.gate", observer=publisher)


def test_warnings_and_worse_are_kept_and_nothing_else() -> None:
    recent, log = listening()
    log.debug("debug")
    log.info("info")
    log.warn("A1 is away: {why}", why="refused")
    log.error("error")
    log.critical("critical")
    assert [(each.level, each.text, each.part) for each in recent.warnings] == [
        ("warn", "A1 is away: refused", "a1gateway.gate"),
        ("error", "error", "a1gateway.gate"),
        ("critical", "critical", "a1gateway.gate"),
    ]


def test_what_is_said_again_is_one_line_with_a_count_and_its_latest_text() -> None:
    recent, log = listening()
    for number in range(3):
        log.warn("message {message_id} waits", message_id=number)
    (kept,) = recent.warnings
    assert (kept.count, kept.text) == (3, "message 2 waits")
    assert kept.first_at <= kept.last_at


def test_of_an_exception_its_kind_is_kept_and_not_what_it_says() -> None:
    recent, log = listening()
    try:
        raise ValueError("token=secret")
    except ValueError:
        log.failure("{part} failed", Failure(), part="a loop")
    (kept,) = recent.warnings
    assert kept.text == "a loop failed: ValueError"


def test_what_is_written_after_the_end_is_not_kept() -> None:
    recent, log = listening()
    recent.stopService()
    log.warn("late")
    assert recent.warnings == []


@given(st.lists(st.integers(0, 60), max_size=300))
def test_the_latest_kinds_are_kept_and_no_more_than_there_is_room_for(said: list[int]) -> None:
    recent, log = listening()
    for number in said:
        log.warn(f"kind {number}")
    latest = list(dict.fromkeys(reversed(said)))[:MOST]
    assert {each.text for each in recent.warnings} == {f"kind {number}" for number in latest}
    assert all(each.count <= said.count(int(each.text.split()[1])) for each in recent.warnings)


def test_a_long_line_is_cut() -> None:
    recent, log = listening()
    log.warn("{text}", text="x" * 10_000)
    assert len(recent.warnings[0].text) == 500

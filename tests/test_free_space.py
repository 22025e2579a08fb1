"""Little free space: an alarm in time, and messages refused before anything of them is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from a1gateway.errors import NothingCanHold
from a1gateway.free_space import LOOK_EVERY, FreeSpace
from a1gateway.intake import Intake
from a1gateway.journal import Journal, Spool
from a1gateway.message import Source, Status, StatusReport, custom_id
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from .conftest import START, arrival, run

MB = 1_000_000
JOURNAL, SPOOL = Path("/journal"), Path("/spool")


class Disks:
    """File systems with as much left as a test says, in MB; None: it is not there."""

    def __init__(self, clock: Clock, *, least: int = 100, alarm: int = 1000) -> None:
        self.left: dict[Path, int | None] = {JOURNAL: 5000, SPOOL: 5000}
        self.metrics = Metrics()
        self.clock = clock
        places = {"journal": JOURNAL, "spool": SPOOL}
        self.space = FreeSpace(clock, execute, self.metrics, places, least_mb=least, alarm_mb=alarm, look=self._look)

    def _look(self, path: Path) -> int:
        left = self.left[path]
        if left is None:
            raise FileNotFoundError(path)
        return left * MB

    def have(self, journal: int | None, spool: int | None) -> list[tuple[LogLevel, str]]:
        """What the log says when so much is left."""
        self.left = {JOURNAL: journal, SPOOL: spool}
        with capturedLogs() as said:
            if not self.space.running:
                self.space.startService()
            self.clock.advance(LOOK_EVERY)
        return [(event["log_level"], event.get("free", "")) for event in said]

    def refuses(self) -> bool:
        try:
            self.space.check()
        except NothingCanHold:
            return True
        return False


@pytest.fixture
def disks(clock: Clock) -> Disks:
    return Disks(clock)


def test_while_there_is_enough_nobody_is_told_and_nothing_refused(disks: Disks) -> None:
    assert disks.have(1000, 1000) == []
    assert (disks.space.warning, disks.refuses()) == (None, False)


@pytest.mark.parametrize(("journal", "spool"), [(999, 5000), (5000, 999), (101, 101)])
def test_the_alarm_comes_well_before_anything_is_refused_and_once(disks: Disks, journal: int, spool: int) -> None:
    [(level, said)] = disks.have(journal, spool)
    assert level is LogLevel.critical
    assert f"{journal} MB for the journal, {spool} MB for the spool" in said
    assert disks.space.warning == said
    assert not disks.refuses()
    assert disks.have(journal, spool) == []
    assert [level for level, _ in disks.have(5000, 5000)] == [LogLevel.info]
    assert disks.space.warning is None


def test_messages_are_refused_when_there_is_too_little_everywhere(disks: Disks) -> None:
    """While one place can hold them, they are taken."""
    disks.have(99, 100)
    assert not disks.refuses()
    disks.have(99, 99)
    assert disks.refuses()
    assert disks.space.short
    disks.have(99, 200)
    assert not disks.refuses()


def test_a_folder_that_is_not_there_refuses_nothing(disks: Disks) -> None:
    assert disks.have(None, None) == []
    assert not disks.refuses()
    disks.have(50, None)
    assert disks.refuses()


def test_nought_switches_the_refusal_off(clock: Clock) -> None:
    disks = Disks(clock, least=0, alarm=0)
    assert disks.have(0, 0) == []
    assert not disks.refuses()


def test_the_alarm_is_never_below_the_refusal(clock: Clock) -> None:
    disks = Disks(clock, least=100, alarm=0)
    assert [level for level, _ in disks.have(50, 50)] == [LogLevel.critical]


def test_the_metrics_show_what_is_left(disks: Disks) -> None:
    disks.have(700, 3000)
    assert b'a1gateway_store_free_bytes{place="journal"} 7e+08' in disks.metrics.text()
    assert b'a1gateway_store_free_bytes{place="spool"} 3e+09' in disks.metrics.text()


def test_what_is_refused_is_nowhere_and_statuses_are_still_taken(
    disks: Disks, journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    spool = Spool(str(tmp_path / "spool"), execute)
    spool.prepare()
    woken: list[str] = []
    intake = Intake(
        clock,
        journal,
        spool,
        Receipts(journal, disks.metrics, lambda: woken.append("final")),
        disks.metrics,
        on_message=lambda: woken.append("message"),
        on_refusal=lambda: woken.append("refusal"),
        on_spooled=lambda: woken.append("spooled"),
        check_space=disks.space.check,
    )
    run(Deferred.fromCoroutine(intake.take_message(arrival("m1"))))
    disks.have(1, 1)
    outcome: list[Any] = []
    Deferred.fromCoroutine(intake.take_message(arrival("m2"))).addBoth(outcome.append)
    assert outcome[0].check(NothingCanHold)
    assert run(journal.message("m2")) is None
    assert run(spool.depth())[0] == 0
    assert b"a1gateway_turned_away_total 1.0" in disks.metrics.text()
    run(
        Deferred.fromCoroutine(
            intake.take_status(StatusReport(custom_id("m1"), "3", Status.DELIVERED, Source.CALLBACK, START))
        )
    )
    message = run(journal.message("m1"))
    assert message is not None
    assert message["status"] == "delivered"
    assert woken == ["message", "final"]

"""`a1gateway status`: how the daemon is and what it is doing, and what is known without it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher

from a1gateway import status_command
from a1gateway.carriers.outcome import Accepted
from a1gateway.checklist.findings import Check, Finding
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Spool, Store, statistics
from a1gateway.journal.campaigns import State, change_state
from a1gateway.journal.depths import QUEUES
from a1gateway.journal.overview import overview
from a1gateway.journal.reader import IReader, Reader
from a1gateway.message import Kind, Refusal, Source, Status, StatusReport, custom_id
from a1gateway.overview import DaemonOverview
from a1gateway.recent_log import RecentLog
from a1gateway.status_command import Telling, known_beside, lines_of
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES, words

from .conftest import START, arrival, run

LINK = {"window_used": 3, "window": 32, "reconnections": 1, "rate": 12.5, "throttled": True}


class Parts:
    """The parts of the daemon that tell something."""

    def __init__(self, clock: Clock, journal: Journal, reader: IReader, folder: Path) -> None:
        self.clock = clock
        self.journal = journal
        self.found = [Check(Finding.A1_ANSWERS, {"since": START}), Check(Finding.QUEUES_MOVE)]
        self.free = {"journal": 5_000_000_000}
        publisher = LogPublisher()
        self.log = Logger("a1gateway.gate", observer=publisher)
        recent = RecentLog(publisher)
        recent.privilegedStartService()
        self.spool = Spool(str(folder / "spool"), execute)
        self.spool.prepare()
        self.link: dict[str, Any] | None = None
        self.overview = DaemonOverview(
            clock, reader, self.spool, self, self, recent, transport="http", link=lambda: self.link or {}
        )

    async def checks(self) -> list[Check]:
        return self.found

    def told(self) -> dict[str, Any]:
        """What crosses the socket."""
        told: dict[str, Any] = json.loads(json.dumps(run(self.overview.told({}))))
        return told | {"link": self.link}

    def lines(self, language: str = "en") -> list[str]:
        return list(lines_of(self.told(), "gateway.toml", words(language)))


@pytest.fixture
def parts(clock: Clock, journal: Journal, reader: Reader, tmp_path: Path) -> Parts:
    return Parts(clock, journal, reader, tmp_path)


def delivered(journal: Journal, name: str) -> None:
    (submission,) = run(journal.claim(START, 1)).submissions
    run(journal.record([(submission, Accepted("a1-" + name, None), START + 60)], START))
    run(journal.settle([StatusReport(custom_id(name), "3", Status.DELIVERED, Source.POLL, START + 1)]))


def test_a_daemon_that_is_well_and_has_nothing_to_do(parts: Parts) -> None:
    parts.clock.advance(7380)
    lines = parts.lines()
    assert re.sub(r"a1gateway \S+ (.*), process \d+", r"\1", lines[0]) == (
        "has been running since 22.11.2026 03:00 (2 h 3 min)"
    )
    assert lines[1].startswith("ok ")
    assert lines[2:] == [
        "Everything is in place: SMS leave, statuses come.",
        "",
        "Accepted today: 0, of which 0 delivered, 0 not delivered, 0 under way still. A1 has taken 0.",
        "Nothing waits.",
        "",
        "There are no warnings or errors in the log since the start.",
    ]


def test_what_has_to_be_mended_is_said_with_what_to_do(parts: Parts) -> None:
    parts.found = [Check(Finding.A1_REFUSES, {"since": START}, "error 3"), Check(Finding.SPACE_ENOUGH, {"free": 1})]
    (line,) = (line for line in parts.lines() if line.startswith("FAIL"))
    assert "What to do: Check the login" in line
    assert line.endswith("error 3")
    assert "1 item has to be put right." in parts.lines()


@pytest.mark.parametrize("counted", [False, True])
def test_todays_messages_are_counted_whether_or_not_the_statistics_have_got_to_them(
    parts: Parts, reader: Reader, counted: bool
) -> None:
    journal = parts.journal
    run(journal.accept(arrival("m1")))
    delivered(journal, "m1")
    run(journal.accept(arrival("m2", refusal=str(Refusal.TOO_LONG))))
    run(journal.accept(arrival("m3")))
    run(journal.accept(arrival("yesterday", received_at=START - 4 * 3600)))
    if counted:
        batch = run(reader.read(statistics.uncounted, 1000))
        assert batch is not None
        assert run(journal.within(statistics.add, batch))
    found = run(reader.read(overview, START + 10))
    assert (found.today.accepted, found.today.taken, found.today.delivered, found.today.failed) == (3, 1, 1, 1)
    assert (found.today.under_way, found.is_complete) == (1, True)


def test_queues_say_how_much_waits_and_for_how_long(parts: Parts) -> None:
    run(parts.journal.accept(arrival("m1")))
    run(parts.journal.accept(arrival("m2", received_at=START + 30)))
    run(parts.spool.keep_message(arrival("m3")))
    parts.clock.advance(90)
    told = parts.told()
    assert told["journal"]["queues"]["submit"] == {"count": 2, "oldest": START}
    assert told["spool"]["count"] == 1
    lines = parts.lines("ru")
    assert "  к отправке: 2, старейшее уже 1 мин 30 с" in lines
    assert any(line.startswith("  в запасной папке: 1, ") for line in lines)


def test_what_is_still_to_come_has_its_time(parts: Parts) -> None:
    told = parts.told()
    told["journal"]["queues"]["reminders"] = {"count": 5, "oldest": START + 3600}
    assert "  reminders: 5, the next at 22.11.2026 04:00" in lines_of(told, "gateway.toml", words("en"))


def test_paused_campaigns_are_named_with_how_to_resume_them(parts: Parts) -> None:
    mailing = {"module_id": "sender"}
    run(parts.journal.accept(arrival("m1", kind=Kind.MARKETING, origin=mailing, text="Скидки до пятницы " * 9)))
    run(parts.journal.within(change_state, 1, State.PAUSED, "Иван", START))
    lines = parts.lines("ru")
    at = lines.index("Рассылки на паузе:")
    assert lines[at + 1].startswith("  № 1, с 22.11.2026 03:00, остановил Иван: Скидки до пятницы ")
    assert len(lines[at + 1]) < 120
    assert lines[at + 2] == "  Продолжить: a1gateway campaigns --resume 1 --config gateway.toml"


def test_the_last_warnings_of_the_log_are_there(parts: Parts) -> None:
    parts.log.warn("A1 is away")
    for number in range(3):
        parts.log.critical("message {message_id} is LOST", message_id=number)
    lines = parts.lines()
    assert lines[-2].endswith("warning: A1 is away")
    assert re.search(r"CRITICAL, 3 times since .*: message 2 is LOST$", lines[-1])


def test_the_link_is_told_where_there_is_one(parts: Parts) -> None:
    parts.link = LINK
    said = "3 of 32 requests without an answer, reconnections: 1, slowed down by A1 to 12.5 parts a second."
    assert f"The SMPP link: {said}" in parts.lines()


@pytest.mark.parametrize("trouble", [JournalUnavailable("locked"), None])
def test_a_journal_that_cannot_be_read_leaves_the_rest(parts: Parts, trouble: Exception | None) -> None:
    class Away:
        def read(self, work: Any, *arguments: Any, **named: Any) -> Deferred[Any]:
            return Deferred() if trouble is None else fail(trouble)

    parts.overview._reader = Away()
    asking = Deferred.fromCoroutine(parts.overview.told({}))
    parts.clock.advance(20)
    told = run(asking)
    assert told["journal"] is None
    lines = list(lines_of({**told, "link": None}, "gateway.toml", words("en")))
    assert "The journal cannot be read now; what waits in it is not known." in lines
    assert "Nothing waits." not in lines


def test_without_a_daemon_the_journal_tells_what_it_knows(store: Store, journal: Journal) -> None:
    run(journal.accept(arrival("m1")))
    store.close()
    before = sorted(store.path.parent.iterdir())
    known = known_beside(store.path, START + 5)
    assert known is not None
    assert (known["today"]["accepted"], known["queues"]["submit"]["count"]) == (1, 1)
    assert sorted(store.path.parent.iterdir()) == before, "nothing is left beside it"


def test_a_journal_that_is_not_there_or_is_none_tells_nothing(tmp_path: Path) -> None:
    assert known_beside(tmp_path / "none.sqlite3", START) is None
    (tmp_path / "text.sqlite3").write_text("no journal" * 1000)
    assert known_beside(tmp_path / "text.sqlite3", START) is None


@pytest.mark.parametrize("as_json", [False, True])
def test_without_a_daemon_it_says_so_and_what_to_do(as_json: bool) -> None:
    out = StringIO()
    telling = Telling(argparse.Namespace(json=as_json, config="gateway.toml", language="en"), out)
    spool = {"count": 2, "oldest": START - 3}
    telling.stands(Check(Finding.DAEMON_AWAY), {"now": START, "journal": None, "spool": spool})
    assert telling.end(1) == 1
    if as_json:
        found = json.loads(out.getvalue())
        assert (found["running"], found["daemon"]["finding"], found["spool"]["count"]) == (False, "daemon_away", 2)
    else:
        assert out.getvalue().startswith("FAIL")
        assert "systemctl start a1gateway" in out.getvalue()
        assert "  in the spool: 2, the oldest for 3 s\n" in out.getvalue()


def test_json_has_codes_and_english(parts: Parts) -> None:
    out = StringIO()
    telling = Telling(argparse.Namespace(json=True, config="gateway.toml", language="ru"), out)
    telling.runs(parts.told())
    telling.end(0)
    found: Mapping[str, Any] = json.loads(out.getvalue())
    assert (found["running"], found["ok"], found["transport"]) == (True, True, "http")
    assert {each["check"] for each in found["checks"]} == {"a1", "queues"}
    assert found["journal"]["queues"].keys() == set(QUEUES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_has_its_words_and_no_word_is_left_over(language: str) -> None:
    texts = catalogue("overview", language)
    known = {**texts, **catalogue("setup", language)}
    queues = {f"queue.{name}" for name in (*QUEUES, "spool")}
    assert queues - known.keys() == set()
    levels = {f"overview.level.{level}" for level in ("warn", "error", "critical")}
    assert levels <= texts.keys()
    code = Path(status_command.__file__).read_text("utf-8")
    keys = {re.sub(r"\.(one|few|many|other)$", "", key) for key in texts}
    assert {key for key in keys - queues - levels if f'"{key}"' not in code} == set()

"""The service that masks and deletes what is old: every night, in pieces; on a fake clock, and on a real file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import execute
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, capturedLogs

from a1gateway import retention
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal, Store
from a1gateway.journal import retention as in_journal
from a1gateway.journal import store as store_module
from a1gateway.journal.lane import Lane
from a1gateway.journal.reader import Reader, reading
from a1gateway.journal.retention import State
from a1gateway.message import Choice, ChoiceSource, Kind, Source, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.retention import DAY, NOTICE, Periods, Retention, next_night

from .conftest import START, run
from .finished import finish, own

HOUR = 3600.0
YEAR = 365 * DAY
PERIODS = Periods(YEAR, 3 * YEAR, 3 * YEAR)


class Nights:
    """Retention on a journal, night after night."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, periods: Periods = PERIODS, **more: Any) -> None:
        self.clock = clock
        self.journal = journal
        self.store = store
        self.metrics = Metrics()
        values: dict[str, Any] = {"is_chosen": True, "wall": clock.seconds}
        reader = more.pop("reader", Reader(store.path, execute))
        self.service = Retention(clock, journal, reader, self.metrics, periods, **values | more)

    def pass_until(self, moment: float) -> None:
        """Let time pass, night by night, as it does for a daemon that runs."""
        if not self.service.running:
            self.service.startService()
        while self.clock.seconds() < moment:
            step = min(600.0, moment - self.clock.seconds())
            self.clock.advance(step)
            for _ in range(200):
                self.clock.advance(0.0)
                if not self.works:
                    break
                self.clock.advance(1.0)

    @property
    def works(self) -> bool:
        """Whether it has something to do within the next seconds."""
        return any(call.getTime() - self.clock.seconds() < 5 for call in self.clock.getDelayedCalls())

    def one_night(self) -> None:
        """The passes until the night after the next."""
        self.pass_until(next_night(self.clock.seconds()) + HOUR)

    def texts(self) -> list[str]:
        with closing(sqlite3.connect(self.store.path)) as raw:
            return [text for (text,) in raw.execute("SELECT text FROM messages ORDER BY id")]

    def stop(self) -> None:
        run(self.service.stopService())


@pytest.fixture
def logged() -> Iterator[Sequence[LogEvent]]:
    with capturedLogs() as events:
        yield events


def jump(clock: Clock, moment: float) -> None:
    """A daemon that is off until then."""
    assert clock.getDelayedCalls() == []
    clock.rightNow = moment


def rows(store: Store, table: str) -> int:
    with closing(sqlite3.connect(store.path)) as raw:
        count: int = raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  # a name of its own
    return count


def counted(nights: Nights, kind: str) -> float:
    return nights.metrics.registry.get_sample_value("a1gateway_retention_total", {"kind": kind}) or 0.0


def keep_state(journal: Journal, passed_at: float, begins_at: float = 0.0) -> None:
    run(journal.within(in_journal.keep_state, State(begins_at, passed_at)))


def state(store: Store) -> State | None:
    with reading(store.path) as connection:
        return in_journal.state(connection)


@pytest.mark.parametrize("hour", [0.0, 2.9, 3.0, 3.1, 12.0, 23.9])
def test_a_night_is_the_next_time_that_it_is_three_o_clock_in_minsk(hour: float) -> None:
    midnight_in_minsk = START - START % DAY + DAY - 3 * HOUR
    moment = midnight_in_minsk + hour * HOUR
    expected = midnight_in_minsk + (3 * HOUR if hour < 3 else DAY + 3 * HOUR)
    assert next_night(moment) == expected


def test_texts_go_in_the_night_after_their_time_and_rows_later(clock: Clock, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1, received_at=START + HOUR), own(2, received_at=START + 2 * DAY + HOUR))
    clock.advance(YEAR - DAY)
    keep_state(journal, clock.seconds())
    nights = Nights(clock, journal, store)
    nights.one_night()
    assert "" not in nights.texts()
    nights.one_night()
    assert [bool(text) for text in nights.texts()] == [False, True]
    nights.one_night()
    nights.one_night()
    assert nights.texts() == ["", ""]
    assert counted(nights, "messages_masked") == 2
    nights.stop()
    jump(clock, START + 3 * YEAR + DAY)
    keep_state(journal, clock.seconds() - HOUR)
    nights.one_night()
    assert rows(store, "messages") == 1
    assert counted(nights, "messages_deleted") == 1


def test_with_nothing_to_do_nothing_is_said_and_the_night_is_done(
    clock: Clock, journal: Journal, store: Store, logged: Sequence[LogEvent]
) -> None:
    nights = Nights(clock, journal, store)
    nights.one_night()
    nights.one_night()
    assert [event for event in logged if "retention" in str(event.get("log_format"))] == []
    known = state(store)
    assert known is not None
    assert clock.seconds() - known.passed_at < 2 * HOUR


def test_a_night_is_one_line_of_the_log(
    clock: Clock, journal: Journal, store: Store, logged: Sequence[LogEvent]
) -> None:
    finish(journal, store, *(own(each) for each in range(1, 131)))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    Nights(clock, journal, store).one_night()
    lines = [event["log_format"].format(**event) for event in logged if "counts" in event]
    assert lines == ["retention: messages_masked 130"]


@pytest.mark.parametrize(
    ("periods", "left"),
    [
        (Periods(None, None, None), ["text", "text"]),
        (Periods(None, YEAR, None), ["text"]),
        (Periods(YEAR, None, None), ["", "text"]),
        (Periods(DAY, DAY, None), []),
    ],
)
def test_a_period_that_never_ends_takes_nothing(
    clock: Clock, journal: Journal, store: Store, periods: Periods, left: list[str]
) -> None:
    finish(journal, store, own(1, text="text"), own(2, text="text", received_at=START + YEAR / 2))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    nights = Nights(clock, journal, store, periods)
    nights.one_night()
    assert nights.texts() == left


def test_everything_else_with_a_number_goes_too(clock: Clock, journal: Journal, store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as raw:
        for at in (START, START + YEAR):
            raw.execute(
                "INSERT INTO incoming VALUES (NULL, ?, '375291112233', '1', '+375291112233', 'Да', 1, 1)", (at,)
            )
            raw.execute(
                "INSERT INTO incoming_parts VALUES (NULL, ?, '375291112233', '1', 0, ?, 2, 1, x'41')", (at, int(at))
            )
            raw.execute("INSERT INTO said VALUES ('s', '+375291112233', ?, ?, 'm1')", (str(at), at))
            raw.execute(
                "INSERT INTO runs (event_token, received_at, code, properties, origin, state, over_at)"
                " VALUES (?, ?, 'c', '{\"phone\": \"+375291112233\"}', '{}', 'over', ?)",
                (f"t{at}", at, at + 1),
            )
            raw.execute(
                "INSERT INTO reminders (rule, entity_type, item, moment, ahead, state)"
                " VALUES ('r', 2, 1, ?, 1, 'sent')",
                (at,),
            )
        raw.commit()
    for at in (START, START + YEAR):
        late = StatusReport(f"unknown-{at}", "X", None, Source.RECEIPT, at, "", "375291112233")
        run(journal.settle([late]))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    nights = Nights(clock, journal, store)
    nights.one_night()
    for table in ("incoming", "incoming_parts", "said", "runs", "reminders", "unmatched"):
        assert rows(store, table) == 1, table


def test_what_a_reminder_to_come_says_stays(clock: Clock, journal: Journal, store: Store) -> None:
    """The run that planned it is over, and has its text."""
    with closing(sqlite3.connect(store.path)) as raw:
        raw.execute(
            "INSERT INTO runs (event_token, received_at, code, properties, origin, state, over_at)"
            " VALUES ('t', ?, 'c', '{\"text\": \"Ждём\"}', '{}', 'over', ?)",
            (START, START),
        )
        raw.execute(
            "INSERT INTO reminders (rule, run, entity_type, item, moment, ahead, due_at, state)"
            " VALUES ('run:1', 1, 2, 1, ?1, 60, ?1, 'planned')",
            (START + 2 * YEAR,),
        )
        raw.execute("INSERT INTO reminder_rules VALUES ('run:1', 2, 1, 1, ?1, 1, ?1)", (START + 2 * YEAR,))
        raw.commit()
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    Nights(clock, journal, store).one_night()
    assert (rows(store, "runs"), rows(store, "reminders")) == (1, 1)


def test_a_campaign_keeps_its_figures_and_loses_its_words(clock: Clock, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1, kind=Kind.MARKETING, origin={"module_id": "sender"}))
    clock.advance(3 * YEAR + DAY)
    keep_state(journal, clock.seconds())
    Nights(clock, journal, store).one_night()
    with closing(sqlite3.connect(store.path)) as raw:
        assert raw.execute("SELECT text FROM campaigns").fetchall() == [("",)]
        assert raw.execute("SELECT status, messages FROM campaign_totals").fetchall() == [("delivered", 1)]


def test_a_number_on_the_stop_list_stays_there(clock: Clock, journal: Journal, store: Store) -> None:
    run(journal.choose("+375291112233", Choice.OUT, ChoiceSource.SUBSCRIBER, "СТОП, надоели", START))
    with closing(sqlite3.connect(store.path)) as raw:
        # The CRM has it.
        raw.execute("UPDATE choices SET due_at = NULL")
        raw.commit()
    clock.advance(3 * YEAR + DAY)
    keep_state(journal, clock.seconds())
    Nights(clock, journal, store).one_night()
    assert run(journal.stopped(["+375291112233"])) == {"+375291112233"}
    assert rows(store, "choices") == 0
    with closing(sqlite3.connect(store.path)) as raw:
        assert raw.execute("SELECT note FROM stop_list").fetchall() == [("",)]


# When


def test_an_upgrade_gives_a_week_to_read_what_is_going_to_happen(
    clock: Clock, journal: Journal, store: Store, logged: Sequence[LogEvent]
) -> None:
    """The operator has chosen nothing, and the texts of years are there."""
    finish(journal, store, own(1))
    clock.advance(YEAR + DAY)
    nights = Nights(clock, journal, store, is_chosen=False)
    nights.pass_until(clock.seconds() + NOTICE - HOUR)
    assert nights.texts() != [""]
    warnings = [event["log_format"].format(**event) for event in logged if "older than retention" in str(event)]
    assert len(warnings) == 1
    assert "[retention]" in warnings[0]
    nights.pass_until(clock.seconds() + DAY + HOUR)
    assert nights.texts() == [""]


def test_a_new_journal_needs_no_notice(clock: Clock, journal: Journal, store: Store) -> None:
    nights = Nights(clock, journal, store, Periods(DAY, None, None), is_chosen=False)
    nights.pass_until(clock.seconds() + 1)
    finish(journal, store, own(1, received_at=clock.seconds()))
    nights.pass_until(clock.seconds() + 2 * DAY + HOUR)
    assert nights.texts() == [""]


def test_a_clock_that_jumps_ahead_takes_nothing_at_once(
    clock: Clock, journal: Journal, store: Store, logged: Sequence[LogEvent]
) -> None:
    """Servers start with a wrong clock, and mend it soon."""
    finish(journal, store, own(1))
    keep_state(journal, START)
    clock.advance(10 * YEAR)
    nights = Nights(clock, journal, store)
    nights.pass_until(next_night(clock.seconds()) - HOUR)
    assert nights.texts() != [""]
    assert any("last done" in str(event.get("log_format")) for event in logged)
    nights.stop()
    # Mended, it goes on every night as if nothing had been.
    jump(clock, START + DAY)
    nights.pass_until(clock.seconds() + 2 * DAY)
    known = state(store)
    assert known is not None
    assert abs(known.passed_at - clock.seconds()) < DAY
    assert nights.texts() != [""]


def test_nothing_is_taken_while_the_clocks_disagree(clock: Clock, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    ahead = 2 * HOUR
    nights = Nights(clock, journal, store, wall=lambda: clock.seconds() + ahead)
    nights.one_night()
    assert nights.texts() != [""]
    ahead = 0.0
    nights.one_night()
    assert nights.texts() == [""]


def test_a_pass_that_a_stop_has_cut_off_goes_on_at_the_start(
    clock: Clock, journal: Journal, store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    finish(journal, store, *(own(each) for each in range(1, 8)))
    clock.advance(YEAR + DAY)
    keep_state(journal, next_night(clock.seconds()) - DAY - 1)
    nights = Nights(clock, journal, store)
    nights.service.startService()
    while nights.texts().count("") < 4:
        clock.advance(0.1)
    nights.stop()
    jump(clock, clock.seconds() + HOUR)
    again = Nights(clock, journal, store)
    again.pass_until(clock.seconds() + HOUR)
    assert again.texts() == [""] * 7


def test_it_leaves_the_journal_to_others_while_they_are_many(clock: Clock, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    crowd = True
    nights = Nights(clock, journal, store, busy=lambda: crowd)
    nights.one_night()
    assert nights.texts() != [""]
    crowd = False
    clock.advance(2)
    clock.pump([1.0] * 60)
    assert nights.texts() == [""]


def test_three_quarters_of_the_time_are_left_to_others(
    clock: Clock, journal: Journal, store: Store, monkeypatch: Any
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    finish(journal, store, *(own(each) for each in range(1, 4)))
    clock.advance(YEAR + DAY)
    keep_state(journal, next_night(clock.seconds()) - DAY - 1)
    took = 0.1
    within = journal.within

    def slowly(*arguments: Any, **named: Any) -> Any:
        clock.rightNow += took
        return within(*arguments, **named)

    monkeypatch.setattr(journal, "within", slowly)
    nights = Nights(clock, journal, store)
    nights.service.startService()
    clock.advance(0.02)
    assert nights.texts().count("") == 1
    clock.advance(0.29)
    assert nights.texts().count("") == 1
    clock.advance(0.02)
    assert nights.texts().count("") == 2


def test_a_journal_that_is_away_is_waited_for(clock: Clock, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    away = True

    def off_thread(call: Callable[..., Any], *arguments: Any) -> Any:
        if away:
            return execute(_raise)
        return execute(call, *arguments)

    nights = Nights(clock, journal, store, reader=Reader(store.path, off_thread))
    nights.pass_until(clock.seconds() + 2 * DAY)
    assert nights.texts() != [""]
    away = False
    nights.pass_until(clock.seconds() + HOUR)
    assert nights.texts() == [""]


def _raise() -> None:
    raise JournalUnavailable("away")


# On disk


def octets(store: Store) -> bytes:
    """All that is on disk of the journal."""
    return b"".join(path.read_bytes() for path in store.path.parent.glob(f"{store.path.name}*"))


def test_nothing_is_left_in_the_file(clock: Clock, journal: Journal, store: Store) -> None:
    """Neither in pages that are free, nor in the holes of others, nor in the log; and the others are whole."""
    old = [own(number, text=f"Секрет{number:04} " + "слово " * (number % 50)) for number in range(1, 301)]
    young = own(1001, received_at=START + YEAR, text="Свежее")
    finish(journal, store, *old)
    finish(journal, store, young)
    needles = [part for each in old for part in (each.text[:10].encode(), str(each.msisdn)[1:].encode())]
    assert all(needle in octets(store) for needle in needles)
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    Nights(clock, journal, store).one_night()
    assert [needle for needle in needles if needle in octets(store)] == []
    assert "Свежее".encode() in octets(store)
    assert "+375291001001" in octets(store).decode("latin-1")


def test_of_a_large_journal_the_log_is_cut_off(
    clock: Clock, journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To write it anew takes long, and is left to the operator."""
    monkeypatch.setattr(store_module, "_SMALL", 0)
    finish(journal, store, *(own(number) for number in range(1, 101)))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    nights = Nights(clock, journal, store)
    nights.one_night()
    assert store.path.with_name(f"{store.path.name}-wal").stat().st_size == 0
    assert nights.texts() == [""] * 100
    before, after = run(journal.compact())
    assert after <= before
    assert [number for number in range(1, 101) if f"заказ {number} готов".encode() in octets(store)] == []


def test_a_journal_is_not_compacted_without_room(tmp_path: Path, store: Store) -> None:
    store.disconnect()
    full = Store(f"sqlite:///{store.path}", free=lambda folder: 1000)
    with pytest.raises(JournalUnavailable, match="make room"):
        full.compact()
    assert not full.tidy()
    full.close()


def test_a_journal_that_cannot_be_written_anew_is_only_trimmed(
    clock: Clock, journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for temporary files may be full: that is tried once a night, and not over and over."""
    tries = []

    def full(self: Store) -> tuple[int, int]:
        tries.append(self)
        raise JournalUnavailable("database or disk is full")

    monkeypatch.setattr(Store, "compact", full)
    finish(journal, store, own(1))
    clock.advance(YEAR + DAY)
    keep_state(journal, clock.seconds())
    nights = Nights(clock, journal, store)
    nights.one_night()
    assert (len(tries), nights.texts()) == (1, [""])


def test_a_reader_in_the_middle_only_puts_the_log_off(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    with reading(store.path) as connection:
        in_journal.state(connection)
        finish(journal, store, own(2))
        assert not store.trim_log()
    assert store.trim_log()


def test_the_file_does_not_grow_without_end(
    clock: Clock, journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much goes every night as comes every day: its room is used again, without it being written anew."""
    monkeypatch.setattr(store_module, "_SMALL", 0)
    nights = Nights(clock, journal, store, Periods(3 * DAY, 8 * DAY, 8 * DAY))
    sizes = []
    for day in range(20):
        at = clock.seconds()
        finish(journal, store, *(own(day * 100 + number, received_at=at + number) for number in range(60)))
        nights.one_night()
        sizes.append(store.path.stat().st_size)
    assert rows(store, "messages") <= 10 * 60
    assert max(sizes[11:]) <= 1.1 * min(sizes[11:])
    assert sizes[11] > sizes[1]


@ensureDeferred
async def test_with_real_threads_messages_come_in_beside_it(clock: Clock, journal: Journal, store: Store) -> None:
    from twisted.internet import reactor

    finish(journal, store, *(own(number) for number in range(1, 201)))
    clock.advance(YEAR + DAY)
    keep_state(journal, next_night(clock.seconds()) - DAY - 1)
    store.disconnect()
    lane = Lane(store, reactor)  # type: ignore[arg-type]
    threaded = Journal(lane)
    nights = Nights(clock, threaded, store, reader=Reader(store.path, deferToThread))
    nights.service.startService()
    for number in range(1000, 1100):
        acceptance = await threaded.accept(own(number, received_at=clock.seconds()))
        assert not acceptance.repeated
        clock.advance(1.0)
    while counted(nights, "messages_masked") < 200:
        await deferToThread(time.sleep, 0.01)
        clock.advance(1.0)
    stopping = nights.service.stopService()
    clock.advance(1.0)
    await stopping
    assert nights.texts().count("") == 200
    assert rows(store, "messages") == 300
    await threaded.close()

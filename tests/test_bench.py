"""What the benchmark makes of its runs: the books that a result needs, and the figures in the table."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Table

from a1gateway.journal import Store
from a1gateway.journal.analytics import Analytics
from a1gateway.journal.campaign_progress import Terms, recent
from a1gateway.journal.reader import reading
from a1gateway.journal.schema import history, messages, parts
from a1gateway.journal.search import Search, found
from a1gateway.journal.statements import Connection, insertion
from a1gateway.journal.statistics import uncounted
from a1gateway.message import Kind, Stage, Status
from a1gateway.text import segments
from benchmarks.books import Books, Disagreement, Message
from benchmarks.books import messages as all_messages
from benchmarks.counting import count_all
from benchmarks.day import SHORT, Day, Sample
from benchmarks.figures import LOOKS as FIGURES_OF_LOOKS
from benchmarks.figures import Figure, Measured, percentile, targets
from benchmarks.pages import LOOKS
from benchmarks.past import past_of
from benchmarks.table import changed, document
from benchmarks.year import DAYS, END, year_of


def with_books(check: Callable[[Books, Message], None]) -> None:
    """Run `check` with books that expect one message."""

    async def run() -> None:
        books = Books()
        (message,) = books.draw(1)
        check(books, message)

    asyncio.run(run())


def goes_through(books: Books, message: Message) -> None:
    books.answered(message, 200, b"")
    books.taken(message.number, message.text)
    books.told(message.message_id, "delivered")


def test_a_message_that_was_answered_taken_and_told_once_is_in_balance() -> None:
    def check(books: Books, message: Message) -> None:
        goes_through(books, message)
        books.balance()

    with_books(check)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda books, message: None, "not told"),
        (lambda books, message: books.answered(message, 503, b""), "answered 503"),
        (lambda books, message: books.answered(message, 0, b""), "answered 0"),
        (lambda books, message: books.taken(message.number, "another text"), "sent as"),
        (lambda books, message: books.taken("375290000000", message.text), "nobody handed over"),
        (lambda books, message: books.told(message.message_id, "delivered"), "before A1 had it"),
    ],
)
def test_a_run_that_lost_something_is_no_result(happens: Callable[[Books, Message], None], said: str) -> None:
    def check(books: Books, message: Message) -> None:
        happens(books, message)
        with pytest.raises(Disagreement, match=said):
            books.balance()

    with_books(check)


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda books, message: books.taken(message.number, message.text), "sent twice"),
        (lambda books, message: books.told(message.message_id, "delivered"), "told twice"),
        (lambda books, message: books.told(message.message_id, "undelivered"), "told undelivered"),
        (lambda books, message: books.told("0" * 32, "delivered"), "nobody handed it over"),
    ],
)
def test_a_run_that_did_something_twice_is_no_result(happens: Callable[[Books, Message], None], said: str) -> None:
    def check(books: Books, message: Message) -> None:
        goes_through(books, message)
        happens(books, message)
        with pytest.raises(Disagreement, match=said):
            books.balance()

    with_books(check)


def test_statuses_that_come_no_more_end_the_run() -> None:
    async def run() -> None:
        books = Books()
        first, _ = books.draw(2)
        goes_through(books, first)
        await books.all_told(0.01)

    with pytest.raises(Disagreement, match="none of 1 final statuses"):
        asyncio.run(run())


def test_messages_have_one_part_and_a_number_of_their_own() -> None:
    source = all_messages()
    some = [next(source) for _ in range(30_000)]
    assert {segments(each.text) for each in some} == {1}
    assert len({each.number for each in some}) == len({each.message_id for each in some}) == len(some)


def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    ordered = [float(each) for each in range(1, 101)]
    assert [percentile(ordered, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7


def test_the_table_has_the_median_and_the_spread_of_every_figure() -> None:
    measured = Measured("smpp")
    for accepted in (1200, 1900, 1600):
        measured.add(accepted=accepted)
    measured.add(start=1.5)
    text = document([("CPU", "fast")], [], {"past": 5}, [measured])
    assert "| accepted messages a second | 1600 (1200 to 1900) |" in text
    assert "| start with 5 messages in the journal until ready, s | smpp | 1.50 |" in text
    assert "| accepted a second (smpp) | at least 1500 | 1600 | yes |" in text


def test_what_is_reached_against_another_scenario_is_judged_by_that_of_the_same_run() -> None:
    smpp, past, kannel = Measured("smpp"), Measured("smpp-past"), Measured("kannel")
    smpp.add(cpu=0.8, accepted=2000)
    past.add(cpu=0.84, accepted=1500)
    kannel.add(cpu=0.7)
    reached = {target.name: target.reached for target in targets([smpp, past, kannel])}
    assert reached["CPU ms a message (smpp)"] is False
    assert reached["cpu, with a past against without (smpp)"] is True
    assert reached["accepted, with a past against without (smpp)"] is False


def test_the_table_names_the_settings_that_are_not_defaults() -> None:
    settings: dict[str, dict[str, object]] = {"a1.smpp": {"window": 100, "port": 2775}, "bitrix24": {"burst": 7}}
    assert changed(settings) == "a1.smpp.window = 100 (32), bitrix24.burst = 7 (50)"


def test_a_journal_with_a_past_has_finished_messages_only_and_is_made_once(tmp_path: Path) -> None:
    template = tmp_path / "template.sqlite3"
    store = Store(f"sqlite:///{template}")
    store.prepare()

    def finished(connection: Connection) -> None:
        for table, values in rows:
            connection.execute(insertion(table, tuple(values)), values)

    rows: list[tuple[Table, dict[str, object]]] = [
        (
            messages,
            {
                "id": 7,
                "message_id": "9f1c",
                "custom_id": "abc",
                "a1_id": "4F000001",
                "received_at": 100.0,
                "kind": "transactional",
                "origin": "{}",
                "number_received": "+375291112233",
                "msisdn": "+375291112233",
                "text": "text",
                "segments": 1,
                "status": Status.DELIVERED,
                "stage": Stage.OVER,
                "final_at": 102.0,
                "confirmed_at": 103.0,
                "attempts": 1,
                "asked": 0,
                "tell_tries": 1,
            },
        ),
        (parts, {"message": 7, "number": 1, "a1_id": "4F000001"}),
        *((history, {"message": 7, "at": at, "source": "portal", "word": "x"}) for at in (100.0, 102.0)),
    ]
    store.transact([finished])
    store.disconnect()
    made = past_of(template, 50, tmp_path / "cache")
    with closing(sqlite3.connect(made)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        counted = [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("parts", "history")]  # noqa: S608
        assert counted == [50, 100]
        found_rows = connection.execute("SELECT id, final_at - received_at, stage FROM messages ORDER BY received_at")
        found = found_rows.fetchall()
    assert [row[0] for row in found] == list(range(1, 51))
    assert {round(row[1], 3) for row in found} == {2.0}
    assert {row[2] for row in found} == {"over"}
    with reading(made) as journal:
        assert uncounted(journal, 1) is None
    before = made.stat()
    assert past_of(template, 50, tmp_path / "cache").stat() == before


def test_a_journal_of_a_year_is_whole_and_made_once(tmp_path: Path) -> None:
    made = year_of(300, tmp_path, tmp_path / "cache")
    with closing(sqlite3.connect(made)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        received = [at for (at,) in connection.execute("SELECT received_at FROM messages ORDER BY id")]
        unfinished = connection.execute("SELECT count(*) FROM messages WHERE final_at IS NULL").fetchone()
        happened = [at for (at,) in connection.execute("SELECT at FROM history ORDER BY id")]
    assert len(received) == 300
    assert received == sorted(received)
    assert happened == sorted(happened)
    assert END - DAYS * 86400 < received[0] < received[-1] < END
    assert unfinished == (0,)
    before = made.stat()
    assert year_of(300, tmp_path, tmp_path / "cache").stat() == before


def test_its_campaigns_have_all_its_marketing(tmp_path: Path) -> None:
    made = year_of(300, tmp_path, tmp_path / "cache")
    with reading(made) as connection:
        campaigns = recent(connection, END, Terms(), limit=100)
        marketing = found(connection, Search(kind=Kind.MARKETING), 300).rows
    assert len(campaigns) == DAYS // 7
    assert sum(each.total for each in campaigns) == sum(each.done for each in campaigns) == len(marketing)
    assert [each.began_at for each in campaigns] == sorted((each.began_at for each in campaigns), reverse=True)


def test_its_analytics_are_those_of_its_messages(tmp_path: Path) -> None:
    made = year_of(300, tmp_path, tmp_path / "cache")
    count_all(made)
    assert set(LOOKS) == set(FIGURES_OF_LOOKS)
    with reading(made) as connection:
        found = LOOKS[Figure.ANALYTICS_YEAR](connection)
    assert isinstance(found, Analytics)
    assert (found.total.accepted, found.total.under_way) == (300, 0)
    assert len(found.series) == DAYS
    assert len(found.by_sent_by) > 5
    assert found.counted_to is None


def a_day(**grown: float) -> Day:
    """A day of a hundred samples in whose course something grows evenly, by so much in all."""
    day = Day(SHORT, journal_before=500_000_000, journal_after=500_000_000)
    for number in range(100):
        values = {"resident": 100e6, "files": 40.0, "threads": 9.0, "journal": 500e6, "held": SHORT.messages}
        for name, by in grown.items():
            values[name] += by * number / 99
        day.samples.append(Sample(float(number), **{name: int(value) for name, value in values.items()}))
    return day


def test_a_day_in_which_nothing_grows_is_a_proof() -> None:
    day = a_day()
    assert day.faults() == []
    assert "| threads: second quarter, last quarter, most | 9, 9, 9 |" in day.table()


@pytest.mark.parametrize(
    ("name", "by", "said"),
    [
        ("resident", 100e6, "resident memory"),
        ("files", 40, "open files"),
        ("threads", 20, "threads"),
        ("journal", 200e6, "journal on disk"),
    ],
)
def test_whatever_grows_over_a_day_is_found(name: str, by: float, said: str) -> None:
    (fault,) = a_day(**{name: by}).faults()
    assert fault.startswith(said)


def test_a_journal_that_is_larger_the_next_morning_is_found() -> None:
    day = a_day()
    day.journal_after = 900_000_000
    (fault,) = day.faults()
    assert fault.startswith("journal on disk: 900.0 MB, where 6,000 messages")


def test_a_journal_may_be_as_large_as_the_most_that_was_in_it_needs() -> None:
    assert a_day(journal=250e6, held=SHORT.messages / 2).faults() == []
    (fault,) = a_day(journal=400e6, held=SHORT.messages / 2).faults()
    assert fault.startswith(
        "journal on disk: 900.0 MB, where 9,000 messages, the most that were in it, need 870.5 MB"
    )


def test_what_is_large_from_the_beginning_has_not_grown() -> None:
    """The first quarter is the beginning of everything: caches fill, connections open."""
    day = a_day()
    day.samples = [replace(each, resident=200_000_000, files=90) for each in day.samples]
    assert day.faults() == []

"""The sums of the statistics, counted from the history: each message once for each status, whatever dies when."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Refused, Trouble, Uncertain
from a1gateway.journal import Journal, Store, statistics
from a1gateway.journal.delivery_times import step_of
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.reader import reading
from a1gateway.journal.statistics import COUNTED, COUNTED_BY_DAY, Batch, day_of
from a1gateway.message import Kind, Price, Source, Status, StatusReport, Submission
from a1gateway.operators import operator_of
from a1gateway.text import Alphabet, alphabet, segments

from .conftest import START, agree, arrival, run
from .older_journal import older_journal

HOUR, DAY = 3600.0, 86400.0
TEXTS = (
    "Заказ готов",
    "Order is ready",
    "я" * 75,
    "я" * 100,
    "o" * 165,
)


def next_piece(path: Path, most: int = 1000) -> Batch | None:
    with reading(path) as connection:
        return statistics.uncounted(connection, most)


def count_all(journal: Journal, path: Path, most: int = 1000) -> None:
    while (batch := next_piece(path, most)) is not None:
        assert run(journal.within(statistics.add, batch))


def rows(path: Path, sql: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as raw:
        raw.row_factory = sqlite3.Row
        return raw.execute(sql).fetchall()


def total(path: Path) -> dict[str, int]:
    """All days together, without what is none."""
    sums = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in COUNTED_BY_DAY)
    (row,) = rows(path, f"SELECT {sums} FROM statistics_days")  # noqa: S608
    return {name: row[name] for name in COUNTED_BY_DAY if row[name]}


@dataclass(frozen=True)
class Tables:
    """What stands in the tables."""

    days: Counter[Any]
    hours: Counter[Any]
    failures: Counter[Any]
    times: Counter[Any]


def kept(path: Path) -> Tables:
    def read(table: str, keys: Sequence[str], counts: Sequence[str]) -> Counter[Any]:
        found: Counter[Any] = Counter()
        sql = f"SELECT * FROM statistics_{table} JOIN statistics_groups ON id = group_id"  # noqa: S608
        for row in rows(path, sql):
            of = tuple(row[key] for key in (*keys, "kind", "operator", "sender_id", "sent_by"))
            found.update({(*of, name): row[name] for name in counts})
        return +found

    return Tables(
        read("days", ["day"], COUNTED_BY_DAY),
        read("hours", ["hour"], COUNTED),
        read("failures", ["day", "status", "reason"], ["messages"]),
        read("times", ["day", "step"], ["messages"]),
    )


def counted_directly(path: Path) -> Tables:
    """The same, from the messages as they are now and what has happened to them."""
    tables = Tables(Counter(), Counter(), Counter(), Counter())
    took = {
        (row["message"], row["status"]): row["at"] for row in rows(path, "SELECT * FROM history WHERE status <> ''")
    }
    answered_late = {row["message"] for row in rows(path, "SELECT * FROM history WHERE word = 'answered_late'")}
    for row in rows(path, "SELECT * FROM messages"):
        group = (row["kind"], str(operator_of(row["msisdn"])), row["sender_id"] or "", row["sent_by"])
        hour = int(row["received_at"] // HOUR)
        counts: Counter[str] = Counter({"accepted": 1})
        if row["status"] == "delivered":
            counts["delivered"] += 1
            at = took[row["id"], "delivered"] - max(row["received_at"], row["not_before"] or 0)
            tables.times[day_of(hour), step_of(at), *group, "messages"] += 1
        elif row["status"] not in ("queued", "sent"):
            counts["failed"] += 1
            tables.failures[day_of(hour), row["status"], row["reason"] or "", *group, "messages"] += 1
        by_its_end = row["reason"] is None and row["status"] in ("delivered", "expired", "undeliverable")
        if (row["id"], "sent") in took or by_its_end or row["id"] in answered_late:
            ucs2 = alphabet(row["text"]) is Alphabet.UCS2
            shorter = segments(row["text"][:-10]) < segments(row["text"]) and ucs2
            counts.update({"taken": 1, "segments": row["a1_segments"] or row["segments"]})
            counts.update({"unicode": int(ucs2), "shortenable": int(shorter)})
            if row["amount"] in ("0.0450", "0.0900", "0.045"):
                counts.update({"priced": 1, "amount": int(Decimal(row["amount"]) * 1_000_000)})
        tables.days.update({(day_of(hour), *group, name): count for name, count in counts.items() if count})
        tables.hours.update({(hour, *group, name): counts[name] for name in COUNTED if counts[name]})
    return tables


# What comes out of submits, and what is said of messages.
LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")
OUTCOMES: list[Outcome] = [
    Accepted(None),
    Accepted(None, 1, Price(Decimal("0.0450"), Decimal("0.0450"))),
    Accepted(None, 2, Price(Decimal("0.0450"), Decimal("0.0900"))),
    Accepted(None, 3),
    Accepted(None, 1, Price(amount=Decimal("1e30"))),
    Accepted(None, 1, Price(amount=Decimal("-0.0450"))),
    Refused("stop_list", "101"),
    Uncertain(LOST),
]
FINAL = [Status.DELIVERED, Status.EXPIRED, Status.UNDELIVERABLE, Status.REJECTED]

arrivals = st.fixed_dictionaries(
    {
        "msisdn": st.sampled_from(["+375291112233", "+375331112233", "+375251112233"]),
        "kind": st.sampled_from(list(Kind)),
        "text": st.sampled_from(TEXTS),
        "sender_id": st.sampled_from([None, "MyShop"]),
        "origin": st.sampled_from([{}, {"scenario": "visit"}, {"module_id": "crm"}]),
        "refusal": st.sampled_from([None, None, None, "too_long"]),
        "received_at": st.sampled_from([START, START + 20 * HOUR, START + 22 * HOUR]),
        "not_before": st.sampled_from([0.0, START + HOUR]),
    }
)
steps = st.one_of(
    st.tuples(st.just("accept"), arrivals),
    st.tuples(st.just("claim"), st.integers(1, 3)),
    st.tuples(st.just("answer"), st.sampled_from(OUTCOMES)),
    st.tuples(st.just("report"), st.tuples(st.integers(0, 9), st.sampled_from([Status.SENT, *FINAL]))),
    st.tuples(st.just("expire"), st.none()),
    st.tuples(st.just("count"), st.integers(1, 5)),
    st.tuples(st.just("die"), st.integers(1, 5)),
    st.tuples(st.just("twice"), st.integers(1, 5)),
)


class World:
    """A journal, what is under way to A1, and what happens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(f"sqlite:///{path}")
        self.journal = Journal(InlineLane(self.store))
        self.now = START + 2 * DAY
        self.accepted: list[str] = []
        self.claimed: list[Submission] = []

    def happens(self, what: str, how: Any) -> None:
        self.now += 7.0
        getattr(self, what)(how)

    def accept(self, values: dict[str, Any]) -> None:
        name = f"m{len(self.accepted)}"
        text = values["text"]
        run(self.journal.accept(arrival(name, segments=segments(text), **values)))
        agree(self.journal, self.now)
        self.accepted.append(name)

    def claim(self, most: int) -> None:
        self.claimed += run(self.journal.claim(self.now, most)).submissions

    def answer(self, outcome: Outcome) -> None:
        if self.claimed:
            run(self.journal.record([(self.claimed.pop(0), outcome, self.now + HOUR)], self.now))

    def report(self, said: tuple[int, Status]) -> None:
        which, status = said
        if which < len(self.claimed):
            # Faster than the answer.
            name = self.claimed[which].custom_id
        elif self.accepted:
            found = run(self.journal.message(self.accepted[which % len(self.accepted)]))
            assert found is not None
            name = found["custom_id"]
        else:
            return
        run(self.journal.settle([StatusReport(name, "word", status, Source.CALLBACK, self.now)]))

    def expire(self, _: None) -> None:
        run(self.journal.expire(self.now, self.now, limit=1))

    def count(self, most: int) -> None:
        batch = next_piece(self.path, most)
        if batch is not None:
            assert run(self.journal.within(statistics.add, batch))

    def die(self, most: int) -> None:
        """Read, and never written."""
        next_piece(self.path, most)

    def twice(self, most: int) -> None:
        """Read by two, and written by both."""
        batches = [next_piece(self.path, most) for _ in range(2)]
        written = [run(self.journal.within(statistics.add, batch)) for batch in batches if batch is not None]
        assert written in ([], [True, False])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    def numbered() -> Iterator[Path]:
        while True:
            yield tmp_path_factory.mktemp("world")

    return numbered()


@settings(max_examples=150)
@given(st.lists(steps, max_size=40))
def test_in_whatever_pieces_it_is_counted_the_sums_are_those_of_the_messages(
    empty_journal: Path, folders: Iterator[Path], happening: list[tuple[str, Any]]
) -> None:
    path = next(folders) / "journal.sqlite3"
    shutil.copyfile(empty_journal, path)
    world = World(path)
    for what, how in happening:
        world.happens(what, how)
    count_all(world.journal, path, 3)
    assert kept(path) == counted_directly(path)
    world.store.close()


def test_what_a1_says_only_after_it_has_rejected_a_message_is_counted(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival()))
    [submitted] = run(journal.claim(START, 10)).submissions
    run(journal.settle([StatusReport(submitted.custom_id, "5", Status.REJECTED, Source.CALLBACK, START + 1)]))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1, "failed": 1}
    run(journal.record([(submitted, Accepted("7001", 3), START + 60)], START + 2))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1, "failed": 1, "taken": 1, "segments": 3, "unicode": 1}


def test_a_message_is_counted_for_each_status_that_it_takes(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival(sender_id="MyShop", origin={"scenario": "visit"})))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1}
    [submitted] = run(journal.claim(START, 10)).submissions
    price = Price(Decimal("0.0450"), Decimal("0.0450"))
    run(journal.record([(submitted, Accepted("7001", 1, price), START + 60)], START + 1))
    count_all(journal, store.path)
    taken = {"taken": 1, "segments": 1, "amount": 45_000, "priced": 1, "unicode": 1}
    assert total(store.path) == {"accepted": 1, **taken}
    run(journal.settle([StatusReport("7001", "3", Status.DELIVERED, Source.CALLBACK, START + 6)]))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1, "delivered": 1, **taken}
    assert kept(store.path).times == {
        (day_of(int(START // HOUR)), step_of(6.0), "transactional", "a1", "MyShop", "scenario:visit", "messages"): 1
    }


def test_what_is_refused_at_the_door_is_accepted_and_has_failed(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival(msisdn=None, refusal="foreign")))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1, "failed": 1}
    [failure] = kept(store.path).failures
    assert failure[1:5] == ("rejected", "foreign", "transactional", "")


def test_over_smpp_there_are_segments_and_no_price(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival(text="o" * 165, segments=2)))
    [submitted] = run(journal.claim(START, 10)).submissions
    run(journal.record([(submitted, Accepted("7001", 2), START + 60)], START + 1))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 1, "taken": 1, "segments": 2}


@pytest.mark.parametrize(
    ("status", "before"),
    [
        (Status.DELIVERED, {"accepted": 1, "delivered": 1, "taken": 1, "segments": 1, "unicode": 1}),
        (Status.REJECTED, {"accepted": 1, "failed": 1}),
    ],
)
def test_the_price_of_a_message_whose_end_was_faster_than_the_answer_follows(
    journal: Journal, store: Store, status: Status, before: dict[str, int]
) -> None:
    run(journal.accept(arrival()))
    [submitted] = run(journal.claim(START, 10)).submissions
    run(journal.settle([StatusReport(submitted.custom_id, "3", status, Source.CALLBACK, START + 1)]))
    count_all(journal, store.path)
    assert total(store.path) == before
    answer = Accepted("7001", 2, Price(Decimal("0.0450"), Decimal("0.0900")))
    run(journal.record([(submitted, answer, START + 60)], START + 2))
    count_all(journal, store.path)
    costs = {"taken": 1, "segments": 2, "amount": 90_000, "priced": 1, "unicode": 1}
    assert total(store.path) == before | costs
    # It is on the message's way, too.
    found = run(journal.message("m1"))
    assert found is not None
    assert [step["word"] for step in found["history"]] == ["accepted", "3", "answered_late"]


def test_hours_that_a_message_had_to_wait_for_are_not_the_way_to_the_subscriber(
    journal: Journal, store: Store
) -> None:
    run(journal.accept(arrival(not_before=START + 9 * HOUR)))
    [submitted] = run(journal.claim(START + 9 * HOUR, 10)).submissions
    run(journal.record([(submitted, Accepted("7001"), START + 10 * HOUR)], START + 9 * HOUR))
    run(journal.settle([StatusReport("7001", "3", Status.DELIVERED, Source.CALLBACK, START + 9 * HOUR + 5)]))
    count_all(journal, store.path)
    [key] = kept(store.path).times
    assert key[1] == step_of(5.0)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        pytest.param("я" * 70, {"unicode": 1}, id="one segment"),
        pytest.param("я" * 80, {"unicode": 1, "shortenable": 1}, id="ten characters too many"),
        pytest.param("я" * 81, {"unicode": 1}, id="eleven"),
        pytest.param("o" * 161, {}, id="Latin"),
    ],
)
def test_texts_in_ucs2_that_a_few_characters_make_longer_can_be_shortened(
    journal: Journal, store: Store, text: str, counted: dict[str, int]
) -> None:
    run(journal.accept(arrival(text=text, segments=segments(text))))
    [submitted] = run(journal.claim(START, 10)).submissions
    run(journal.record([(submitted, Accepted("7001"), START + 60)], START + 1))
    count_all(journal, store.path)
    found = total(store.path)
    assert {name: found[name] for name in ("unicode", "shortenable") if name in found} == counted


def test_sums_stay_when_their_messages_go(journal: Journal, store: Store) -> None:
    for name in ("m1", "m2"):
        run(journal.accept(arrival(name)))
    count_all(journal, store.path)
    before = kept(store.path)
    forget_all(store, journal)
    assert next_piece(store.path) is None
    assert kept(store.path) == before
    # New records have the numbers of the old ones.
    run(journal.accept(arrival("m3")))
    count_all(journal, store.path)
    assert total(store.path) == {"accepted": 3}


def forget_all(store: Store, journal: Journal) -> None:
    with closing(sqlite3.connect(store.path)) as raw:
        raw.execute("DELETE FROM history")
        raw.execute("DELETE FROM messages")
        raw.commit()
    run(journal.within(statistics.history_is_shorter))


def test_answers_that_came_late_in_versions_before_are_counted(tmp_path: Path) -> None:
    path = older_journal(tmp_path, "0006")
    with closing(sqlite3.connect(path)) as raw:
        for name, ways in (("overtaken", ["queued", "delivered"]), ("sent", ["queued", "sent", "delivered"])):
            made = raw.execute(
                "INSERT INTO messages (message_id, custom_id, received_at, kind, origin, number_received, msisdn,"
                " text, segments, amount, status, stage, final_at, attempts, asked, tell_tries)"
                " VALUES (?1, ?1, ?2, 'transactional', '{}', '', '+375291112233', 'Ждём', 1, '0.045', 'delivered',"
                " 'over', ?2 + 5, 1, 0, 0)",
                (name, START),
            )
            raw.executemany(
                "INSERT INTO history (message, at, source, status, word) VALUES (?, ?, 'api', ?, '')",
                [(made.lastrowid, START + place, status) for place, status in enumerate(ways)],
            )
        raw.commit()
    store = Store(f"sqlite:///{path}")
    store.prepare()
    count_all(Journal(InlineLane(store)), path)
    store.close()
    assert kept(path) == counted_directly(path)
    assert total(path)["priced"] == 2

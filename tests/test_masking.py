"""What is taken out of messages that are over, and what stays of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from a1gateway.bitrix24.item import DEAL, Item
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, Store, campaign_progress, masking, search, statistics
from a1gateway.journal.campaign_progress import Progress, Terms
from a1gateway.journal.reader import reading
from a1gateway.message import Arrival, Evidence, Kind, Price, Source, Status, StatusReport, Teller, Verdict

from .conftest import START, run
from .finished import confirm, deliver, finish, own
from .test_statistics import count_all

LATER = START + 400 * 86400.0
NUMBER, TEXT = "+375291000001", "Ваш заказ 1 готов, Анна"


def message(journal: Journal, name: str = "m1") -> dict[str, Any]:
    found = run(journal.message(name))
    assert found is not None
    return found


def mask(journal: Journal, *rows: int, **more: bool) -> int:
    return run(journal.within(masking.mask, rows or (1,), LATER, **more))


def remove(journal: Journal, *rows: int, before: float = LATER) -> int:
    return run(journal.within(masking.remove, rows or (1,), before))


def raw(store: Store, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(sql).fetchall()


def tables_with(store: Store, *needles: str) -> set[str]:
    """The tables in which any of these stands anywhere."""
    with closing(sqlite3.connect(store.path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name
            for name in names
            for row in connection.execute(f'SELECT * FROM "{name}"')  # noqa: S608  # a name of its own
            if any(needle in str(value) for value in row for needle in needles)
        }


def everything(store: Store, table: str) -> list[tuple[Any, ...]]:
    return raw(store, f"SELECT * FROM {table}")  # noqa: S608  # a name of its own


def kept_sums(store: Store) -> list[tuple[Any, ...]]:
    return [row for of in ("days", "hours", "failures", "times") for row in everything(store, f"statistics_{of}")]


def test_neither_number_nor_text_nor_what_they_belonged_to_is_left(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    assert tables_with(store, NUMBER, TEXT, NUMBER[6:]) == {"messages"}
    assert mask(journal) == 1
    assert tables_with(store, NUMBER, TEXT, NUMBER[6:], "OWNER_ID") == set()
    assert raw(store, "SELECT * FROM message_items") == []
    found = message(journal)
    assert (found["msisdn"], found["number_received"], found["text"]) == ("+375291******", "+375291******", "")
    assert found["masked_at"] == LATER


def test_what_became_of_it_stays(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1, origin={"code": "a1sms_by", "module_id": "crm", "user": "17"}))
    before = message(journal)
    mask(journal)
    after = message(journal)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"msisdn", "number_received", "text", "origin", "masked_at"}
    assert after["origin"] == {"code": "a1sms_by"}
    assert [step["word"] for step in after["history"]] == [step["word"] for step in before["history"]]


def test_notes_of_the_history_go(journal: Journal, store: Store) -> None:
    run(journal.accept(own(1)))
    deliver(journal, START)
    run(journal.settle([StatusReport("a1-m1", "LATE", None, Source.CALLBACK, START, f"to {NUMBER}")]))
    confirm(journal, START)
    count_all(journal, store.path)
    assert tables_with(store, NUMBER) == {"messages", "history"}
    mask(journal)
    assert tables_with(store, NUMBER) == set()


def test_a_number_that_was_refused_goes_whole(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1, msisdn=None, number_received="+7 999 123-45-67, Анна", refusal="foreign"))
    mask(journal)
    found = message(journal)
    assert (found["msisdn"], found["number_received"]) == (None, "***")


@pytest.mark.parametrize("stage", ["waiting", "under way", "not told", "not counted"])
def test_what_is_not_over_is_left_as_it_is(journal: Journal, store: Store, stage: str) -> None:
    run(journal.accept(own(1)))
    if stage == "under way":
        run(journal.claim(START, 10))
    elif stage != "waiting":
        deliver(journal, START)
    if stage == "not counted":
        confirm(journal, START)
    else:
        count_all(journal, store.path)
    before = message(journal)
    assert mask(journal) == 0
    assert remove(journal) == 0
    assert message(journal) == before


def test_what_nobody_has_to_be_told_of_is_masked(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1, teller=Teller.NOBODY))
    assert mask(journal) == 1


def test_a_message_is_masked_once(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    assert [mask(journal), mask(journal)] == [1, 0]


def test_bitrix24_gets_the_same_answer_and_nothing_goes_out_again(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1), own(2, msisdn=None, refusal="not_a_number"))
    mask(journal, 1, 2)
    for again, refusal in ((own(1), None), (own(2, msisdn=None, refusal="not_a_number"), "not_a_number")):
        acceptance = run(journal.accept(again))
        assert (acceptance.repeated, acceptance.refusal) == (True, refusal)
    assert run(journal.claim(LATER, 10)).submissions == []
    assert message(journal)["text"] == ""


def test_a_late_callback_still_finds_its_message(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    mask(journal)
    late = StatusReport("a1-m1", "EXPIRED", Status.EXPIRED, Source.CALLBACK, LATER)
    assert run(journal.settle([late])).unmatched == 0
    assert message(journal)["status"] == "delivered"
    assert message(journal)["history"][-1]["word"] == "EXPIRED"


def test_a_late_answer_counts_for_the_right_operator(journal: Journal, store: Store) -> None:
    """The price comes after the end, and after an erasure: it is A1's number still."""
    run(journal.accept(own(1)))
    (submitted,) = run(journal.claim(START, 10)).submissions
    early = StatusReport(submitted.custom_id, "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 1)
    run(journal.settle([early]))
    confirm(journal, START + 2)
    count_all(journal, store.path)
    assert mask(journal) == 1
    run(
        journal.record(
            [(submitted, Accepted("7001", price=Price(Decimal("0.045"), Decimal("0.045"))), START + 60)], START + 3
        )
    )
    count_all(journal, store.path)
    found = raw(
        store,
        "SELECT operator, accepted, priced, amount FROM statistics_days JOIN statistics_groups ON id = group_id",
    )
    assert found == [("a1", 1, 1, 45_000)]


def test_a_search_for_the_number_finds_nothing(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1), own(2))
    mask(journal, 1)
    with reading(store.path) as connection:
        for wanted in (
            search.Search(msisdn=NUMBER),
            search.Search(number_part=NUMBER[4:]),
            search.Search(numbers=(NUMBER,)),
            search.Search(item=Item(DEAL, 1)),
        ):
            assert search.found(connection, wanted).rows == ()
        assert [each.message_id for each in search.found(connection, search.Search()).rows] == ["m2", "m1"]


# Marketing


def campaign(journal: Journal, store: Store) -> Progress:
    with reading(store.path) as connection:
        found = campaign_progress.progress(connection, 1, LATER, Terms())
    assert found is not None
    return found


def of_mailing(number: int) -> Arrival:
    return own(number, kind=Kind.MARKETING, origin={"module_id": "sender"}, text="Скидка 20%")


def deliver_with_evidence(journal: Journal, store: Store) -> None:
    run(journal.accept(of_mailing(1)))
    (waiting,), _ = run(journal.unasked(START + 1, 10))
    found = (Evidence(contact=17, value='"Y"', meaning="да", granted=True),)
    run(journal.judge([Verdict(waiting.id, True, START, "UF_CRM_SMS", found)], START, START))
    deliver(journal, START)
    confirm(journal, START)
    count_all(journal, store.path)


def test_the_evidence_of_a_consent_outlives_its_message(journal: Journal, store: Store) -> None:
    deliver_with_evidence(journal, store)
    before = run(journal.evidence(NUMBER))
    assert before["messages"][0]["found"]
    mask(journal)
    assert run(journal.evidence(NUMBER)) == before
    remove(journal)
    assert run(journal.evidence(NUMBER)) == before
    assert tables_with(store, NUMBER) == {"consent_evidence"}


def test_evidence_that_is_not_to_stay_goes_with_its_message(journal: Journal, store: Store) -> None:
    deliver_with_evidence(journal, store)
    mask(journal, with_evidence=True)
    assert tables_with(store, NUMBER, "UF_CRM_SMS") == set()


def test_a_campaign_has_its_figures_when_its_messages_are_gone(journal: Journal, store: Store) -> None:
    finish(journal, store, *(of_mailing(each) for each in (1, 2, 3, 4)))
    before = campaign(journal, store)
    assert (before.total, before.delivered) == (4, 4)
    mask(journal, 1, 2, 3, 4)
    assert campaign(journal, store) == before
    for rows in ((1, 2), (3,), (4,)):
        assert remove(journal, *rows) == len(rows)
        assert campaign(journal, store) == before
    assert raw(store, "SELECT count(*) FROM messages") == [(0,)]


# Deleting


def test_nothing_is_left_of_a_message_but_the_sums(journal: Journal, store: Store) -> None:
    finish(journal, store, *(own(each) for each in range(1, 6)))
    sums = kept_sums(store)
    mask(journal, 1, 2)
    assert remove(journal, *range(1, 6)) == 5
    for table in ("messages", "history", "parts", "message_items", "consents"):
        assert everything(store, table) == []
    assert kept_sums(store) == sums
    # SQLite gives new records the numbers of old ones.
    finish(journal, store, own(7))
    assert raw(store, "SELECT sum(accepted), sum(delivered) FROM statistics_days") == [(6, 6)]


def test_what_is_younger_stays(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1), own(2, received_at=START + 10))
    assert remove(journal, 1, 2, before=START + 5) == 1
    assert message(journal, "m2")["text"]


def test_deleting_looks_through_no_table(store: Store) -> None:
    """With a million messages, what refers to one is found by an index."""
    with closing(sqlite3.connect(store.path)) as connection:
        for statement in (masking._MAY_BE_MASKED, masking._MAY_BE_DELETED, masking._MASK, *masking._DELETE):
            values = dict.fromkeys(("rows", "counted", "before", "at"), 1) | {"rows": "[1]"}
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", {**statement.constants, **values})
            scans = [row[3] for row in plan if row[3].startswith("SCAN") and "VIRTUAL TABLE" not in row[3]]
            assert scans == [], statement.sql


def test_the_history_that_is_not_counted_yet_is_not_deleted(journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    run(journal.within(statistics.history_is_shorter))
    late = StatusReport("a1-m1", "EXPIRED", Status.EXPIRED, Source.CALLBACK, LATER)
    run(journal.settle([late]))
    assert remove(journal) == 0
    count_all(journal, store.path)
    assert remove(journal) == 1

"""Looking for messages in the journal, on a real file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.item import Item
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, Store, search_statements
from a1gateway.journal import search as search_module
from a1gateway.journal.reader import Reader, reading
from a1gateway.journal.rows import latest_record
from a1gateway.journal.search import (
    WITHOUT_NAME,
    WITHOUT_REASON,
    Listed,
    NumberPart,
    Place,
    Search,
    WholeNumber,
    count,
    found,
    senders,
    sources,
)
from a1gateway.message import Kind, Price, Source, Stage, Status, StatusReport
from a1gateway.msisdn import NumberFault

from .conftest import START, arrival, run

DEAL, CONTACT = Item(2, 4182), Item(3, 7)
OTHER_NUMBER = "+375447654321"


def of_card(*items: Item) -> dict[str, Any]:
    bindings = [{"OWNER_TYPE_ID": str(item.entity_type), "OWNER_ID": str(item.id)} for item in items]
    return {"module_id": "crm", "bindings": bindings}


@pytest.fixture
def filled(journal: Journal) -> Journal:
    """One message for each thing that can be looked for, a second apart."""
    refused = {"msisdn": None, "refusal": "fixed_line", "number_received": "8 (017) 200-11-22"}
    messages: list[dict[str, Any]] = [
        {"origin": of_card(DEAL, CONTACT), "sender_id": "MyShop"},
        {"origin": {"module_id": "sender"}, "kind": Kind.MARKETING, "sender_id": "MyShopPromo"},
        {"origin": {"code": "a1_sms_send"}, "msisdn": OTHER_NUMBER},
        {"origin": {"code": "a1_sms_reminder"}, "msisdn": OTHER_NUMBER, "sender_id": "MyShop"},
        {"origin": {"scenario": "payment", "document": "deal:9"}, "msisdn": OTHER_NUMBER},
        {"origin": of_card(CONTACT), **refused},
        {"origin": {"page": "test"}},
    ]
    for number, values in enumerate(messages):
        run(journal.accept(arrival(f"m{number}", received_at=START + number, **values)))
    return journal


def names(reader: Reader, search: Search, **how: Any) -> list[str]:
    page = run(reader.read(found, search, **how))
    assert run(reader.read(count, search)) >= len(page.rows)
    return [row.message_id for row in page.rows]


SEARCHES: list[tuple[Search, str]] = [
    (Search(), "6543210"),
    (Search(statuses=frozenset([Status.REJECTED])), "5"),
    (Search(statuses=frozenset([Status.QUEUED, Status.REJECTED])), "6543210"),
    (Search(statuses=frozenset([Status.DELIVERED, Status.SENT])), ""),
    (Search(kind=Kind.MARKETING), "1"),
    (Search(since=START + 2, until=START + 4), "32"),
    (Search(since=START + 6), "6"),
    (Search(until=START), ""),
    (Search(msisdn=OTHER_NUMBER), "432"),
    (Search(msisdn="+375333333333"), ""),
    (Search(number_part="7654"), "432"),
    (Search(number_part="2911"), "610"),
    (Search(number_part="172001122"), "5"),
    (Search(number_part="2001122"), "5"),
    (Search(number_part="9999"), ""),
    (Search(number_part="7654", sender_id="MyShop"), "3"),
    (Search(sender_id="MyShop"), "30"),
    (Search(sender_id=WITHOUT_NAME), "6542"),
    (Search(sent_by="card"), "50"),
    (Search(sent_by="rule:a1_sms_send"), "2"),
    (Search(sent_by="rule:"), "32"),
    (Search(sent_by="scenario:"), "4"),
    (Search(sent_by="rule"), ""),
    (Search(reason="fixed_line"), "5"),
    (Search(reason=WITHOUT_REASON), "643210"),
    (Search(item=DEAL), "0"),
    (Search(item=CONTACT), "50"),
    (Search(item=Item(2, 9)), "4"),
    (Search(item=Item(2, 10)), ""),
    (Search(item=CONTACT, numbers=(OTHER_NUMBER,)), "54320"),
    (Search(item=CONTACT, numbers=(OTHER_NUMBER, "+375291112233"), kind=Kind.MARKETING), "1"),
    (Search(numbers=(OTHER_NUMBER,)), "432"),
    (Search(item=CONTACT, numbers=(OTHER_NUMBER,), number_part="2001122"), "5"),
    (Search(campaign=1), "1"),
    (Search(campaign=2), ""),
    (Search(kind=Kind.TRANSACTIONAL, since=START, until=START + 99, sent_by="card", reason="fixed_line"), "5"),
]


@pytest.mark.parametrize(("search", "those"), SEARCHES)
def test_what_is_looked_for_is_found_newest_first_and_counted(
    filled: Journal, reader: Reader, search: Search, those: str
) -> None:
    assert names(reader, search) == [f"m{each}" for each in those]
    assert run(reader.read(count, search)) == len(those)


@pytest.mark.parametrize(("search", "those"), SEARCHES)
def test_pages_join_without_a_gap_and_without_a_repetition(
    filled: Journal, reader: Reader, search: Search, those: str
) -> None:
    shown: list[str] = []
    before: Place | None = None
    while True:
        page = run(reader.read(found, search, limit=2, before=before))
        shown += [row.message_id for row in page.rows]
        assert len(page.rows) == 2 or not page.has_more
        assert (page.next is None) is not page.has_more
        if page.next is None:
            break
        before = page.next
    assert shown == [f"m{each}" for each in those]


def test_messages_of_the_same_moment_have_an_order_too(journal: Journal, reader: Reader) -> None:
    for number in range(5):
        run(journal.accept(arrival(f"m{number}")))
    first = run(reader.read(found, Search(), limit=3))
    assert [row.message_id for row in first.rows] == ["m4", "m3", "m2"]
    assert names(reader, Search(), before=first.next) == ["m1", "m0"]


def test_what_arrives_meanwhile_moves_no_page(filled: Journal, reader: Reader) -> None:
    first = run(reader.read(found, Search(), limit=3))
    run(filled.accept(arrival("new", received_at=START + 100)))
    assert names(reader, Search(), before=first.next) == ["m3", "m2", "m1", "m0"]


def test_a_count_stops_at_the_most_that_is_asked_for(filled: Journal, reader: Reader) -> None:
    assert run(reader.read(count, Search(), most=7)) == 7
    assert run(reader.read(count, Search(), most=6)) == 6
    assert run(reader.read(count, Search(item=CONTACT, numbers=(OTHER_NUMBER,)), most=4)) == 4


def test_a_row_shows_what_is_known_of_its_message(journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival(origin=of_card(DEAL, CONTACT), sender_id="MyShop", segments=3)))
    (row,) = run(reader.read(found, Search())).rows
    assert row == Listed(
        id=1,
        message_id="m1",
        received_at=START,
        msisdn="+375291112233",
        number_received="+375291112233",
        text="Заказ готов",
        status=Status.QUEUED,
        stage=Stage.READY,
        reason=None,
        kind=Kind.TRANSACTIONAL,
        sent_by="card",
        sender_id="MyShop",
        segments=3,
        amount=None,
        final_at=None,
        a1_id=None,
        campaign=None,
        items=(DEAL, CONTACT),
        masked_at=None,
    )
    claim = run(journal.claim(START + 1, 10))
    taken = Accepted("A7", segments=2, price=Price(Decimal("0.031"), Decimal("0.062")))
    run(journal.record([(claim.submissions[0], taken, START + 60)], START + 2))
    run(journal.settle([StatusReport("A7", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 9)]))
    (later,) = run(reader.read(found, Search())).rows
    assert later == replace(
        row,
        status=Status.DELIVERED,
        stage=Stage.OVER,
        segments=2,
        amount=Decimal("0.062"),
        final_at=START + 9,
        a1_id="A7",
    )


def test_the_menus_of_the_filters_hold_what_there_is(filled: Journal, reader: Reader) -> None:
    assert run(reader.read(senders)) == [WITHOUT_NAME, "MyShop", "MyShopPromo"]
    assert run(reader.read(sources)) == [
        "card",
        "mailing",
        "page",
        "rule:a1_sms_reminder",
        "rule:a1_sms_send",
        "scenario:payment",
    ]


def test_whatever_happens_to_a_message_is_something_new(journal: Journal, reader: Reader) -> None:
    seen = [run(reader.read(latest_record))]
    run(journal.accept(arrival()))
    seen.append(run(reader.read(latest_record)))
    report = StatusReport("nobody's", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 9)
    run(journal.settle([report]))
    seen.append(run(reader.read(latest_record)))
    claim = run(journal.claim(START + 1, 10))
    run(journal.record([(claim.submissions[0], Accepted("A7"), START + 60)], START + 2))
    seen.append(run(reader.read(latest_record)))
    assert seen[0] == 0 < seen[1] == seen[2] < seen[3]


FREE = (Search(), Search(reason="x"), Search(statuses=frozenset([Status.QUEUED])), Search(number_part="1234"))


@pytest.mark.parametrize("search", [*FREE, *(each for each, _ in SEARCHES)])
def test_a_search_reads_no_row_that_it_does_not_show(store: Store, search: Search) -> None:
    """Or only those of an item, a number or a campaign."""
    shape, values = search_module._asked(search, Place(START, 5))
    plan = []
    with reading(store.path) as connection:
        for statement in (search_statements.page(shape, search_module._LISTED), search_statements.count(shape)):
            given = {**statement.constants, **values, "most": 51}
            plan += connection._driver.execute(f"EXPLAIN QUERY PLAN {statement.sql}", given).fetchall()
    steps = [row["detail"] for row in plan if " messages" in row["detail"]]
    narrow = search.item or search.numbers or search.msisdn or search.campaign
    for step in steps:
        by_id = "USING INTEGER PRIMARY KEY" in step
        of_its_own = any(name in step for name in ("ix_messages_msisdn", "ix_messages_campaign"))
        assert by_id or "USING COVERING INDEX" in step or (narrow and of_its_own), step


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+375 29 111-22-33", WholeNumber("+375291112233")),
        ("8 029 111 22 33", WholeNumber("+375291112233")),
        ("291112233", WholeNumber("+375291112233")),
        ("тел. 80291112233", WholeNumber("+375291112233")),
        ("1112233", NumberPart("1112233")),
        ("111-22-33", NumberPart("1112233")),
        ("2233", NumberPart("2233")),
        ("٢٢٣٣", NumberPart("2233")),
        ("8 029 111", NumberPart("29111")),
        ("+375 29 1112", NumberPart("291112")),
        ("375 29", NumberPart("37529")),
        ("8 (017) 200-11-22", NumberPart("172001122")),
        ("+375 17 200-11-22", NumberPart("172001122")),
        ("+7 916 123-45-67", NumberPart("79161234567")),
        ("8055555", NumberPart("8055555")),
        ("223", NumberFault.TOO_SHORT),
        ("", NumberFault.NOT_A_NUMBER),
        ("Иванов", NumberFault.NOT_A_NUMBER),
        ("80291112233, 80291112244", NumberFault.SEVERAL_NUMBERS),
        ("1" * 16, NumberFault.TOO_MANY_DIGITS),
    ],
)
def test_a_number_is_found_in_any_form(typed: str, meant: WholeNumber | NumberPart | NumberFault) -> None:
    assert Search.number(typed) == meant


@given(st.text() | st.text("0123456789+- ()"))
def test_whatever_is_typed_is_a_number_a_part_or_a_fault(typed: str) -> None:
    meant = Search.number(typed)
    if isinstance(meant, NumberPart):
        assert meant.digits.isascii()
        assert meant.digits.isdecimal()
        assert 4 <= len(meant.digits) <= 15


@given(st.from_regex(r"\+375(29|33|44|25)[0-9]{7}", fullmatch=True), st.integers(1, 9), st.integers(4, 13))
def test_a_part_of_a_number_finds_the_number(number: str, begin: int, length: int) -> None:
    part = number[begin : begin + length]
    meant = Search.number(part)
    if len(part) < 4:
        assert meant is NumberFault.TOO_SHORT
    elif isinstance(meant, NumberPart):
        assert meant.digits in number
    else:
        assert meant == WholeNumber(number)

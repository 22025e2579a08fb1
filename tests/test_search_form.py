"""A search as the fields of a form."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.item import Item
from a1gateway.hours import MINSK
from a1gateway.journal.search import WITHOUT_NAME, WITHOUT_REASON, Search
from a1gateway.journal.search_form import FieldFault, fields_of, read_search
from a1gateway.message import Kind, Status
from a1gateway.msisdn import NumberFault


def read(query: str) -> Search:
    asked = read_search(parse_qs(query, keep_blank_values=True))
    assert not asked.faults
    return asked.search


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=MINSK).timestamp()  # type: ignore[arg-type, misc]


def test_a_form_that_nobody_filled_in_looks_for_everything() -> None:
    blank = "kind=&since=&until=&number=+&sender=&sent_by=&reason=&item=&campaign="
    assert read("") == read(blank) == read("status=&status=") == Search()


def test_every_field_is_understood() -> None:
    assert read(
        "status=delivered&status=Expired&kind=marketing&since=2026-11-01&until=2026-11-30&number=8029+111-22-33"
        "&sender=MyShop&sent_by=rule:a1_sms_send&reason=no_consent&item=deal:4182&numbers=%2B375447654321&campaign=9"
    ) == Search(
        statuses=frozenset([Status.DELIVERED, Status.EXPIRED]),
        kind=Kind.MARKETING,
        since=at(2026, 11, 1),
        until=at(2026, 12, 1),
        msisdn="+375291112233",
        sender_id="MyShop",
        sent_by="rule:a1_sms_send",
        reason="no_consent",
        item=Item(2, 4182),
        numbers=("+375447654321",),
        campaign=9,
    )
    assert read("number=2911&sender=-") == Search(number_part="2911", sender_id=WITHOUT_NAME)
    assert read("status=expired&reason=-") == Search(statuses=frozenset([Status.EXPIRED]), reason=WITHOUT_REASON)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-01", at(2026, 11, 1)),
        ("1.11.2026", at(2026, 11, 1)),
        ("2026-11-01T10:30", at(2026, 11, 1, 10, 30)),
        ("2026-11-01 10:30:05", at(2026, 11, 1, 10, 30, 5)),
        ("2026-11-01T07:30+00:00", at(2026, 11, 1, 10, 30)),
    ],
)
def test_days_and_times_are_those_of_minsk(written: str, meant: float) -> None:
    assert read(urlencode({"since": written})) == Search(since=meant)


def test_the_last_day_of_a_period_belongs_to_it_and_a_time_is_its_end() -> None:
    assert read("since=2026-11-01&until=2026-11-01") == Search(since=at(2026, 11, 1), until=at(2026, 11, 2))
    assert read("until=2026-11-01T10:30") == Search(until=at(2026, 11, 1, 10, 30))


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("number=12", {"number": NumberFault.TOO_SHORT}),
        ("number=Иванов", {"number": NumberFault.NOT_A_NUMBER}),
        ("since=yesterday", {"since": FieldFault.BAD_DATE}),
        ("until=2026-02-30", {"until": FieldFault.BAD_DATE}),
        ("until=9999-12-31", {"until": FieldFault.BAD_DATE}),
        ("since=2026-11-02&until=2026-11-01", {"until": FieldFault.BAD_PERIOD}),
        ("item=deal", {"item": FieldFault.BAD_ITEM}),
    ],
)
def test_what_cannot_be_understood_is_said_and_left_out(query: str, faults: dict[str, str]) -> None:
    asked = read_search(parse_qs(query + "&kind=marketing"))
    assert asked.faults == faults
    assert asked.search == Search(kind=Kind.MARKETING, since=asked.search.since)


def test_words_and_fields_that_nobody_knows_are_passed_over() -> None:
    assert read("status=flown&kind=spam&colour=red&numbers=x&campaign=all") == Search()


def test_a_part_that_could_be_a_whole_number_stays_a_part_in_links() -> None:
    assert fields_of(Search(number_part="291112233")) == [("number", "*291112233")]
    assert read("number=*291112233") == Search(number_part="291112233")


_MOMENTS = st.integers(0, 4_000_000_000).map(float) | st.integers(0, 40_000).map(lambda day: day * 86400.0 - 10800.0)
_NUMBERS = st.from_regex(r"\+375(29|33|44|25)[0-9]{7}", fullmatch=True)
_WORDS = st.from_regex(r"[A-Za-z0-9_:]{1,20}", fullmatch=True)


@st.composite
def searches(draw: st.DrawFn) -> Search:
    since, until = sorted(draw(st.lists(_MOMENTS, min_size=2, max_size=2, unique=True)))
    number = draw(st.none() | _NUMBERS)
    part = Search.part(draw(st.text("0123456789", max_size=15))) if number is None else None
    return Search(
        statuses=frozenset(draw(st.lists(st.sampled_from(Status)))),
        kind=draw(st.none() | st.sampled_from(Kind)),
        since=draw(st.sampled_from([None, since])),
        until=draw(st.sampled_from([None, until])),
        msisdn=number,
        number_part=None if part is None or isinstance(part, NumberFault) else part.digits,
        sender_id=draw(st.none() | st.just(WITHOUT_NAME) | _WORDS),
        sent_by=draw(st.none() | _WORDS),
        reason=draw(st.none() | st.just(WITHOUT_REASON) | _WORDS),
        item=draw(st.none() | st.builds(Item, st.integers(1, 999), st.integers(1, 10**12))),
        numbers=tuple(draw(st.lists(_NUMBERS, max_size=3, unique=True))),
        campaign=draw(st.none() | st.integers(1, 10**12)),
    )


@given(searches())
def test_a_search_comes_back_from_its_own_link(search: Search) -> None:
    assert read(urlencode(fields_of(search))) == search


@given(
    st.dictionaries(
        st.sampled_from(["status", "kind", "since", "until", "number", "item", "numbers", "sender", "reason"]),
        st.lists(st.text()),
    )
)
def test_whatever_a_form_holds_it_is_a_search(fields: dict[str, list[str]]) -> None:
    asked = read_search(fields)
    again = read_search(parse_qs(urlencode(fields_of(asked.search))))
    assert again.search == asked.search
    assert not again.faults

"""The portal's history of stages, with the strange answers that it may give."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.stage_history import (
    Entry,
    entries,
    latest,
    position_of,
    read_after,
    read_latest,
    watch_of,
)

LEAD, DEAL, ITEM = 1, 2, 177
HOUR = 3600.0
AT = datetime.fromisoformat("2026-11-24T10:30:00+03:00").timestamp()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
KEYS = st.sampled_from(["ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", "STAGE_ID", "STATUS_ID"])


def record(id_: Any = 5, **more: Any) -> dict[str, Any]:
    """As Bitrix24's documentation shows one."""
    return {
        "ID": id_,
        "TYPE_ID": 2,
        "OWNER_ID": 4182,
        "CREATED_TIME": "2026-11-24T10:30:00+03:00",
        "STAGE_ID": "NEW",
    } | more


def test_entries_come_in_order() -> None:
    answer = {"items": [record(7, STAGE_ID="WON", TYPE_ID=3), record("5", TYPE_ID="1"), record(6, STAGE_ID="C5:NEW")]}
    found, more = entries(DEAL, answer)
    assert found == [
        Entry(5, DEAL, 4182, "NEW", AT, is_creation=True),
        Entry(6, DEAL, 4182, "C5:NEW", AT, is_creation=False),
        Entry(7, DEAL, 4182, "WON", AT, is_creation=False, is_final=True),
    ]
    assert not more
    assert not any(each.of_document for each in found)


@pytest.mark.parametrize(
    ("kind", "may_be_new"), [(1, True), ("1", True), (2, False), (3, True), ("3", True), (5, False), (None, False)]
)
def test_only_the_first_and_the_last_record_may_be_of_the_making(kind: Any, may_be_new: bool) -> None:
    (entry,), _ = entries(DEAL, {"items": [record(TYPE_ID=kind)]})
    assert entry.may_be_new is may_be_new


def entered(*, is_creation: bool = False, is_final: bool = False, of_document: bool = False) -> Entry:
    return Entry(5, DEAL, 4182, "NEW", AT, is_creation, is_final, of_document)


@pytest.mark.parametrize("created_at", [None, AT, AT - 59, AT + 5, AT - 23 * HOUR])
def test_a_document_that_the_portal_says_was_made_is_new(created_at: float | None) -> None:
    assert entered(is_creation=True).is_new(created_at)
    assert not entered(is_creation=True).comes_back(created_at)


@pytest.mark.parametrize(("created_at", "is_new"), [(AT, True), (AT - 60, True), (AT - 61, False), (None, False)])
def test_a_document_that_is_made_in_its_last_stage_is_new(created_at: float | None, is_new: bool) -> None:
    """A deal that was won long after it was made is none, and no one knows it without the time of that."""
    assert entered(is_final=True).is_new(created_at) is is_new
    assert not entered(is_final=True).comes_back(created_at)


def test_a_document_that_comes_back_from_the_recycle_bin_is_not_new() -> None:
    assert entered(is_creation=True).comes_back(AT - 24 * HOUR - 1)
    assert not entered(is_creation=True).is_new(AT - 24 * HOUR - 1)
    # Whatever its next stages are, it has come into them.
    assert not entered().comes_back(AT - 24 * HOUR - 1)
    assert not entered().is_new(AT - 24 * HOUR - 1)


def test_what_was_seen_at_the_document_itself_is_no_return() -> None:
    """It says when it was made and when it was moved, and nothing of a bin."""
    assert not entered(is_creation=True, of_document=True).comes_back(AT - 400 * 24 * HOUR)
    assert entered(is_creation=True, of_document=True).is_new(AT - 400 * 24 * HOUR)


def test_the_stage_of_a_lead_is_its_status() -> None:
    (entry,), _ = entries(LEAD, {"items": [record(STATUS_ID="JUNK", STAGE_ID="NEW")]})
    assert entry.stage == "JUNK"
    assert "STATUS_ID" in read_after(LEAD, 0)[1]["select"]
    assert "STAGE_ID" in read_after(ITEM, 0)[1]["select"]


def test_the_time_is_that_of_any_offset() -> None:
    (entry,), _ = entries(ITEM, {"items": [record(CREATED_TIME="2026-11-24T08:30:00+01:00")]})
    assert entry.at == AT


def test_a_list_may_come_as_an_object() -> None:
    found, _ = entries(DEAL, {"items": {"0": record(5), "3": record(6)}})
    assert [each.record for each in found] == [5, 6]


@pytest.mark.parametrize("count", [49, 50, 51])
def test_behind_a_full_page_there_may_be_more(count: int) -> None:
    found, more = entries(DEAL, {"items": [record(1 + each) for each in range(count)]})
    assert len(found) == count
    assert more is (count >= 50)


def test_records_that_cannot_be_read_fill_the_page_too() -> None:
    """Or whoever reads on would believe that there is nothing behind."""
    found, more = entries(DEAL, {"items": [*(record(OWNER_ID=None) for _ in range(49)), record(77)]})
    assert [each.record for each in found] == [77]
    assert more


@pytest.mark.parametrize(
    "strange",
    [
        record(None),
        record(0),
        record(-5),
        record("x"),
        record(5.5),
        record([5]),
        record(OWNER_ID="0"),
        record(OWNER_ID={"ID": 1}),
        record(CREATED_TIME=None),
        record(CREATED_TIME="yesterday"),
        record(CREATED_TIME=["2026-11-24"]),
        {},
        [],
        None,
        "record",
        5,
    ],
)
def test_a_record_that_says_too_little_is_left_out(strange: Any) -> None:
    found, more = entries(DEAL, {"items": [strange, record(9)]})
    assert [each.record for each in found] == [9]
    assert not more


@pytest.mark.parametrize("answer", [None, [], {}, "", 5, {"items": None}, {"items": "x"}, {"items": []}, [record()]])
def test_an_answer_without_records(answer: Any) -> None:
    assert entries(DEAL, answer) == ([], False)
    assert latest(answer) == 0


def test_the_latest_record() -> None:
    assert latest({"items": [{"ID": "12"}]}) == 12
    assert latest({"items": [{"ID": 5}, {"ID": "x"}, {"ID": 12}, None]}) == 12


def test_what_is_asked() -> None:
    method, parameters = read_after(DEAL, 17)
    assert method == "crm.stagehistory.list"
    assert parameters["entityTypeId"] == DEAL
    assert parameters["filter"] == {">ID": 17}
    assert parameters["order"] == {"ID": "ASC"}
    assert read_after(DEAL, 17, [4, 5])[1]["filter"] == {">ID": 17, "OWNER_ID": [4, 5]}
    method, parameters = read_latest(ITEM)
    assert method == "crm.stagehistory.list"
    assert (parameters["entityTypeId"], parameters["order"]) == (ITEM, {"ID": "DESC"})


def test_every_type_has_a_position_of_its_own() -> None:
    assert len({name(of) for name in (position_of, watch_of) for of in (LEAD, DEAL, ITEM)}) == 6


@given(JSON | st.lists(st.dictionaries(KEYS, JSON) | JSON).map(lambda items: {"items": items}))
def test_whatever_is_answered_is_read(answer: Any) -> None:
    found, _ = entries(DEAL, answer)
    assert all(each.record > 0 and each.item > 0 for each in found)
    assert [each.record for each in found] == sorted(each.record for each in found)
    assert latest(answer) >= 0

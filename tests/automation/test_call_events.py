"""Which calls nobody has answered, with whom somebody has spoken since, and what is looked into then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.calls import (
    Call,
    has_spoken,
    known,
    read,
    read_after,
    read_latest,
    records,
    spoken_since,
    written,
)
from a1gateway.automation.missed_calls import events_of
from a1gateway.automation.scenarios import Scenario as At
from a1gateway.automation.scenarios import scenarios_of
from a1gateway.config_sections import Automation, Scenario

OUTGOING, INCOMING, FORWARDED, CALLBACK, INFORMATION = "1", "2", "3", "4", "5"


def data(**more: Any) -> dict[str, Any]:
    """What `ONVOXIMPLANTCALLEND` brings, as Bitrix24's documentation shows it."""
    return {
        "CALL_ID": "8B2F.1795",
        "CALL_TYPE": "2",
        "PHONE_NUMBER": "+375291112233",
        "PORTAL_NUMBER": "+375172000000",
        "PORTAL_USER_ID": "7",
        "CALL_DURATION": "0",
        "CALL_START_DATE": "2026-11-24T10:30:00+03:00",
        "COST": "0",
        "CALL_FAILED_CODE": "304",
        "CALL_FAILED_REASON": "Missed call",
    } | more


def call(**more: Any) -> Call:
    found = read(data(**more))
    assert found is not None
    return found


def test_a_call_as_it_comes() -> None:
    assert call() == Call("8B2F.1795", "+375291112233", "+375172000000", "2", "304", "2026-11-24T10:30:00+03:00")


@pytest.mark.parametrize(
    ("type_", "code", "missed"),
    [
        (INCOMING, "304", True),
        (FORWARDED, "304", True),
        (2, 304, True),
        (INCOMING, "200", False),
        (INCOMING, "603", False),
        (INCOMING, "", False),
        (OUTGOING, "304", False),
        (CALLBACK, "304", False),
        (INFORMATION, "304", False),
        ("", "304", False),
        (None, None, False),
    ],
)
def test_the_code_alone_makes_no_missed_call(type_: Any, code: Any, missed: bool) -> None:
    assert call(CALL_TYPE=type_, CALL_FAILED_CODE=code).missed is missed


@pytest.mark.parametrize(
    "more",
    [
        {"CALL_ID": ""},
        {"CALL_ID": None},
        {"CALL_ID": ["8B2F"]},
        {"PHONE_NUMBER": ""},
        {"PHONE_NUMBER": {"0": "+375291112233"}},
    ],
)
def test_an_event_that_names_no_call(more: dict[str, Any]) -> None:
    assert read(data(**more)) is None
    assert read({}) is None


def test_what_is_kept_of_a_call_brings_it_back() -> None:
    assert read(written(call())) == call()


def test_what_is_too_long_is_cut() -> None:
    found = call(CALL_ID="x" * 5000, PHONE_NUMBER="5" * 5000, PORTAL_NUMBER="7" * 5000, CALL_START_DATE="1" * 5000)
    assert max(len(each) for each in written(found).values()) <= 100


def test_what_a_template_can_say() -> None:
    assert known(call()) == {
        "NUMBER": "+375291112233",
        "LINE": "+375172000000",
        "DATE": "24.11.2026",
        "TIME": "10:30",
    }
    assert known(call(CALL_START_DATE="2026-11-24T22:30:00+00:00"))["DATE"] == "25.11.2026"


@pytest.mark.parametrize("began_at", ["", "soon", "0001-01-01T00:00:00+14:00"])
def test_a_call_without_a_time(began_at: str) -> None:
    found = known(call(CALL_START_DATE=began_at))
    assert (found["DATE"], found["TIME"]) == ("", "")


@pytest.mark.parametrize(
    ("number", "national"),
    [
        ("+375291112233", "291112233"),
        ("375291112233", "291112233"),
        ("80291112233", "291112233"),
        ("8 (029) 111-22-33", "291112233"),
        ("291112233", "291112233"),
        ("+7 495 123-45-67", "951234567"),
        ("1112233", ""),
        ("101", ""),
        ("anonymous", ""),
        ("sip:anna@example.by", ""),
    ],
)
def test_what_of_a_number_is_the_same_however_an_exchange_writes_it(number: str, national: str) -> None:
    assert call(PHONE_NUMBER=number).national == national


def test_the_calls_with_the_number_since_that_were_answered_are_asked_for() -> None:
    """Whoever called whom, and however the exchange writes the number then."""
    method, parameters = spoken_since(call(PHONE_NUMBER="8 029 111-22-33"))
    assert method == "voximplant.statistic.get"
    assert parameters["FILTER"] == {
        "%PHONE_NUMBER": "291112233",
        "CALL_FAILED_CODE": "200",
        ">=CALL_START_DATE": "2026-11-24T10:30:00+03:00",
    }


def other(**more: Any) -> dict[str, Any]:
    """A record of the portal's statistics: an outgoing call that was answered."""
    return data(ID="17", CALL_ID="9C30.1796", CALL_TYPE="1", CALL_FAILED_CODE="200") | more


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        ([other()], True),
        ([other(CALL_FAILED_CODE=200, CALL_TYPE=1)], True),
        ([other(PHONE_NUMBER="80291112233")], True),
        ([other(PHONE_NUMBER="291112233")], True),
        # The subscriber has called once more, and somebody was there.
        ([other(CALL_TYPE="2")], True),
        ([other(CALL_TYPE="3")], True),
        ({"0": other(CALL_FAILED_CODE="304"), "4": other()}, True),
        ([other(CALL_FAILED_CODE="304")], False),
        ([other(CALL_FAILED_CODE="486")], False),
        ([other(CALL_FAILED_CODE="")], False),
        # Somebody else's: the portal looks for a part of the number.
        ([other(PHONE_NUMBER="+375331112233")], False),
        ([other(PHONE_NUMBER="+3752911122334")], False),
        ([other(PHONE_NUMBER="1112233")], False),
        # It is the call itself.
        ([other(CALL_ID="8B2F.1795")], False),
        ([other(CALL_ID="")], False),
        ([{"CALL_FAILED_CODE": "200"}], False),
        ([{}], False),
        ([], False),
        (None, False),
        ("200", False),
        (["200", None, 5], False),
    ],
)
def test_whether_somebody_has_spoken_with_the_caller_since(answer: Any, spoken: bool) -> None:
    assert has_spoken(call(), answer) is spoken


def test_the_statistics_are_read_in_order() -> None:
    method, parameters = read_after(17)
    assert method == "voximplant.statistic.get"
    assert parameters == {"FILTER": {">ID": 17}, "SORT": "ID", "ORDER": "ASC"}
    method, parameters = read_latest()
    assert (method, parameters) == ("voximplant.statistic.get", {"SORT": "ID", "ORDER": "DESC"})


def test_records_come_in_order_each_with_its_call() -> None:
    answer = [data(ID="21", CALL_ID="b"), data(ID=5, CALL_ID="a"), data(ID="30", CALL_ID="")]
    found = records(answer)
    assert [(record, None if each is None else each.id) for record, each in found] == [
        (5, "a"),
        (21, "b"),
        (30, None),
    ]
    assert found[0][1] == call(CALL_ID="a")
    assert records({"0": data(ID="21"), "4": data(ID="22")}) == [(21, call()), (22, call())]


@pytest.mark.parametrize("answer", [None, [], {}, "", 5, [None, "x", [data()], data(), data(ID="0"), data(ID="x")]])
def test_what_is_no_record_is_left_out(answer: Any) -> None:
    assert records(answer) == []


# What is looked into after a call.


def scenarios(*delays: float) -> Sequence[At]:
    """For missed calls, each with its delay; and one for something else."""
    of_calls = [
        {"name": f"missed-{number}", "event": "missed_call", "text": "Перезвоним", "delay": delay}
        for number, delay in enumerate(delays)
    ]
    new = {"name": "new", "event": "new", "of": "lead", "text": "Здравствуйте"}
    return scenarios_of([Scenario.model_validate(each) for each in (*of_calls, new)], Automation()).all


def test_a_missed_call_is_looked_into_once_for_each_scenario() -> None:
    """Each after its own delay, and whatever becomes of the others."""
    found = events_of(call(), scenarios(0, 300))
    assert [(event.key, wait) for event, wait in found] == [
        ("call:8B2F.1795:missed-0", 0.0),
        ("call:8B2F.1795:missed-1", 300.0),
    ]
    for event, _ in found:
        assert (event.entity_type, event.item) == (None, None)
        assert event.payload is not None
        assert read(event.payload) == call()
    assert [event.payload["SCENARIO"] for event, _ in found if event.payload] == ["missed-0", "missed-1"]


def test_a_call_that_was_answered_is_not_looked_into() -> None:
    assert events_of(call(CALL_FAILED_CODE="200"), scenarios(0)) == []
    assert events_of(call(CALL_TYPE=OUTGOING), scenarios(0)) == []
    assert events_of(call(), scenarios()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(data(), JSON)))
def test_whatever_comes_is_a_call_or_none(strange: dict[str, Any]) -> None:
    found = read(strange)
    if found is not None:
        assert read(written(found)) == found
        assert set(known(found)) == {"NUMBER", "LINE", "DATE", "TIME"}
        assert not found.missed


@given(JSON | st.lists(st.dictionaries(st.sampled_from(["CALL_ID", "CALL_FAILED_CODE", "PHONE_NUMBER"]), JSON)))
def test_whatever_is_answered_nobody_has_spoken(answer: Any) -> None:
    """Only the code and the number say so, which do not come by chance."""
    assert not has_spoken(call(), answer)


@given(JSON | st.lists(st.dictionaries(st.sampled_from(["ID", *data()]), JSON | st.integers(1, 50)) | JSON))
def test_whatever_is_answered_is_records_in_order(answer: Any) -> None:
    found = [record for record, _ in records(answer)]
    assert found == sorted(found)
    assert all(record > 0 for record in found)

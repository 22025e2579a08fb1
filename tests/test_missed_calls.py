"""Which calls nobody has answered, and to whom somebody has spoken since."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.calls import Call, calls_back, has_called_back, known, read, written

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


def test_the_calls_to_the_number_since_are_asked_for() -> None:
    method, parameters = calls_back(call())
    assert method == "voximplant.statistic.get"
    assert parameters["FILTER"] == {
        "PHONE_NUMBER": "+375291112233",
        "CALL_TYPE": "1",
        ">=CALL_START_DATE": "2026-11-24T10:30:00+03:00",
    }


@pytest.mark.parametrize(
    ("answer", "called_back"),
    [
        ([{"CALL_TYPE": "1", "CALL_FAILED_CODE": "200"}], True),
        ([{"CALL_TYPE": 1, "CALL_FAILED_CODE": 200}], True),
        (
            {"0": {"CALL_TYPE": "1", "CALL_FAILED_CODE": "304"}, "4": {"CALL_TYPE": "1", "CALL_FAILED_CODE": "200"}},
            True,
        ),
        ([{"CALL_TYPE": "1", "CALL_FAILED_CODE": "304"}], False),
        ([{"CALL_TYPE": "1", "CALL_FAILED_CODE": "486"}], False),
        ([{"CALL_TYPE": "2", "CALL_FAILED_CODE": "200"}], False),
        ([{}], False),
        ([], False),
        (None, False),
        ("200", False),
        (["200", None, 5], False),
    ],
)
def test_whether_somebody_has_called_back(answer: Any, called_back: bool) -> None:
    """A call that nobody took is none, and neither is another one of the subscriber's."""
    assert has_called_back(answer) is called_back


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


@given(JSON | st.lists(st.dictionaries(st.sampled_from(["CALL_TYPE", "CALL_FAILED_CODE"]), JSON)))
def test_whatever_is_answered_nobody_has_called_back(answer: Any) -> None:
    """Only the two words themselves say so, which do not come by chance."""
    assert not has_called_back(answer)

"""What the portal's events name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.events import read_event
from a1gateway.automation.scenarios import CALL_END, added, changed, scenarios_of
from a1gateway.config_sections import Automation, Scenario
from a1gateway.journal.look_ups import Event
from a1gateway.web.forms import nested

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
# What an event of a document that was made says, and no other does.
ADDED = {"ADDED": "Y"}


def about(id_: Any, **more: Any) -> dict[str, Any]:
    return {"FIELDS": {"ID": id_} | more}


@pytest.mark.parametrize(
    ("name", "data", "event"),
    [
        ("ONCRMDEALADD", about("4182"), Event("deal:4182", 2, 4182, ADDED)),
        ("ONCRMDEALUPDATE", about(4182), Event("deal:4182", 2, 4182)),
        ("ONCRMDEALDELETE", about("5"), Event("deal:5", 2, 5)),
        ("ONCRMLEADADD", about("5"), Event("lead:5", 1, 5, ADDED)),
        ("ONCRMLEADUPDATE", about("5"), Event("lead:5", 1, 5)),
        ("ONCRMCONTACTUPDATE", about("7"), Event("contact:7", 3, 7)),
        ("ONCRMCOMPANYADD", about("8"), Event("company:8", 4, 8, ADDED)),
        ("ONCRMDYNAMICITEMADD", about("12", ENTITY_TYPE_ID="177"), Event("177:12", 177, 12, ADDED)),
        ("ONCRMDYNAMICITEMADD_177", about("12"), Event("177:12", 177, 12, ADDED)),
        ("ONCRMDYNAMICITEMUPDATE_177", about("12", ENTITY_TYPE_ID="177"), Event("177:12", 177, 12)),
        ("ONCRMDYNAMICITEMUPDATE_177", about("12"), Event("177:12", 177, 12)),
        # What it is about is what the data say.
        ("ONCRMDYNAMICITEMUPDATE_177", about("12", ENTITY_TYPE_ID="31"), Event("31:12", 31, 12)),
    ],
)
def test_events_of_documents(name: str, data: dict[str, Any], event: Event) -> None:
    assert read_event(name, data) == event


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ONCRMDEALMOVETOCATEGORY", about("5")),
        ("oncrmdealadd", about("5")),
        ("XONCRMDEALADD", about("5")),
        ("ONCRMDEALADDED", about("5")),
        ("ONCRMQUOTEADD", about("5")),
        ("ONAPPUNINSTALL", {}),
        ("", {}),
        ("ONCRMDYNAMICITEMADD", about("12")),
        ("ONCRMDYNAMICITEMADD_0", about("12")),
        ("ONCRMDYNAMICITEMADD_" + "9" * 30, about("12")),
        ("ONCRMDEALADD", {}),
        ("ONCRMDEALADD", {"FIELDS": "5"}),
        ("ONCRMDEALADD", {"FIELDS": ["5"]}),
        ("ONCRMDEALADD", about(None)),
        ("ONCRMDEALADD", about("")),
        ("ONCRMDEALADD", about("0")),
        ("ONCRMDEALADD", about("-5")),
        ("ONCRMDEALADD", about("5 OR 1=1")),
        ("ONCRMDEALADD", about(["5"])),
        ("ONCRMDEALADD", about(True)),
        ("ONCRMDEALADD", about("9" * 30)),
        ("ONCRMDEALADD", about("9" * 5000)),
        # It names a call.
        (CALL_END, {}),
        (CALL_END, {"CALL_ID": "8B2F", "PHONE_NUMBER": "+375291112233"}),
    ],
)
def test_events_that_name_nothing(name: str, data: dict[str, Any]) -> None:
    assert read_event(name, data) is None


def test_an_event_as_the_portal_posts_it() -> None:
    body = nested([("event", "ONCRMDEALUPDATE"), ("data[FIELDS][ID]", "4182"), ("ts", "1795363300")])
    assert read_event(body["event"], body["data"]) == Event("deal:4182", 2, 4182)


@pytest.mark.parametrize("entity_type", [1, 2, 3, 4, 31, 177])
def test_the_events_that_are_asked_for_are_understood(entity_type: int) -> None:
    for name, payload in ((added(entity_type), ADDED), (changed(entity_type), None)):
        event = read_event(name, about("5"))
        assert event is not None
        assert (event.entity_type, event.item, event.payload) == (entity_type, 5, payload)


@pytest.mark.parametrize(
    ("scenario", "events"),
    [
        ({"event": "new", "of": "lead"}, {"ONCRMLEADADD"}),
        ({"event": "stage", "of": "deal", "stage": ["WON"]}, {"ONCRMDEALADD", "ONCRMDEALUPDATE"}),
        ({"event": "changed", "of": "contact"}, {"ONCRMCONTACTADD", "ONCRMCONTACTUPDATE"}),
        (
            {"event": "date", "of": 177, "field": "UF_CRM_VISIT"},
            {"ONCRMDYNAMICITEMADD_177", "ONCRMDYNAMICITEMUPDATE_177", "ONCRMDYNAMICITEMDELETE_177"},
        ),
        ({"event": "missed_call"}, {CALL_END}),
    ],
)
def test_the_events_that_a_scenario_needs_to_hear_of(scenario: dict[str, Any], events: set[str]) -> None:
    section = Scenario.model_validate({"name": "one", "text": "Здравствуйте"} | scenario)
    assert scenarios_of([section], Automation()).events == events


@given(
    st.sampled_from([CALL_END, "ONCRMDEALADD", "ONCRMDYNAMICITEMADD", "ONCRMDYNAMICITEMUPDATE_177"]) | st.text(),
    st.dictionaries(st.sampled_from(["FIELDS", "CALL_ID", "PHONE_NUMBER"]) | st.text(max_size=5), JSON)
    | st.dictionaries(st.sampled_from(["ID", "ENTITY_TYPE_ID"]), JSON).map(lambda fields: {"FIELDS": fields}),
)
def test_whatever_comes_is_an_event_or_none(name: str, data: dict[str, Any]) -> None:
    event = read_event(name, data)
    if event is not None:
        assert event.key
        assert event.item is None or 0 < event.item < 2**63

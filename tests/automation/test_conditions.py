"""Which documents fulfil a scenario's condition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.automation.documents import Described, Document, DocumentReader
from a1gateway.automation.scenarios import scenarios_of
from a1gateway.bitrix24.item import Item
from a1gateway.config_sections import Automation, Scenario
from a1gateway.sandbox.crm_fields import CustomField, ListValue

from ..conftest import run
from ..portal_in_memory import PortalInMemory

DEAL, CONTACT = 2, 3
CITIES = {44: "Минск", 45: "Брест", 46: "Гродно"}


@pytest.fixture(scope="module")
def described() -> Described:
    """Deals with a field of each kind that conditions are about."""
    portal = PortalInMemory(Clock())
    portal.crm.empty()
    cities = tuple(ListValue(id_, name) for id_, name in CITIES.items())
    for name, kind, multiple in (
        ("CITY", "enumeration", False),
        ("CITIES", "enumeration", True),
        ("WORDS", "string", True),
        ("WORD", "string", False),
        ("READY", "boolean", False),
        ("FIRM", "crm_company", False),
        ("FILE", "file", False),
        ("FILES", "file", True),
    ):
        custom = CustomField(1, f"UF_CRM_{name}", kind, multiple, values=cities if "CIT" in name else ())
        portal.crm.fields[DEAL][custom.name] = custom
    return run(DocumentReader(Clock(), portal).described({DEAL, CONTACT}))


def fulfils(described: Described, wanted: object, name: str = "UF_CITIES", **fields: Any) -> bool:
    """Whether a deal with these fields fulfils a condition of one field."""
    section = {"name": "a", "event": "new", "of": "deal", "text": "Т", "when": {name: wanted}}
    (scenario,) = scenarios_of([Scenario.model_validate(section)], Automation()).all
    return scenario.is_for(Document(Item(DEAL, 1), described, {DEAL: fields}))


@pytest.mark.parametrize("wanted", ["Минск", "минск", "44", "Брест", ["Гродно", "45"], ["", "Минск"], "Минск, Брест"])
def test_one_of_several_values_is_enough(described: Described, wanted: object) -> None:
    assert fulfils(described, wanted, ufCrmCities=[44, "45"])
    assert fulfils(described, wanted, ufCrmCities={"0": "44", "2": 45})


@pytest.mark.parametrize("wanted", ["Гродно", "46", "4", "Мин", "", ["", "Гродно"]])
def test_no_other_value_is(described: Described, wanted: object) -> None:
    assert not fulfils(described, wanted, ufCrmCities=[44, 45])


@pytest.mark.parametrize("value", [None, "", [], [None], [""]])
def test_nothing_is_a_condition_too(described: Described, value: Any) -> None:
    assert fulfils(described, "", ufCrmCities=value)
    assert fulfils(described, ["Минск", ""], ufCrmCities=value)
    assert not fulfils(described, "Минск", ufCrmCities=value)


@pytest.mark.parametrize(
    ("name", "key", "value", "wanted", "fulfilled"),
    [
        ("UF_WORDS", "ufCrmWords", ["a, b", "c"], "c", True),
        ("UF_WORDS", "ufCrmWords", ["a, b", "c"], "A, B", True),
        ("UF_WORDS", "ufCrmWords", ["a, b", "c"], "a", False),
        ("UF_WORD", "ufCrmWord", "да", "Y", False),
        ("UF_CITY", "ufCrmCity", 44, "Минск", True),
        ("UF_CITY", "ufCrmCity", 44, "44", True),
        ("UF_CITY", "ufCrmCity", 0, "", True),
        ("UF_READY", "ufCrmReady", "Y", ["да"], True),
        ("UF_READY", "ufCrmReady", True, ["y"], True),
        ("UF_READY", "ufCrmReady", "1", ["Y"], True),
        ("UF_READY", "ufCrmReady", "N", ["да", "Y", "1"], False),
        ("UF_READY", "ufCrmReady", 0, "нет", True),
        ("UF_FIRM", "ufCrmFirm", 7, "7", True),
        ("UF_FIRM", "ufCrmFirm", 7, "", False),
        ("UF_FIRM", "ufCrmFirm", 0, "", True),
        ("UF_FILE", "ufCrmFile", {"id": 5, "url": "https://a.by"}, "", False),
        ("UF_FILE", "ufCrmFile", {"id": 5, "url": "https://a.by"}, "5", True),
        ("UF_FILES", "ufCrmFiles", [{"id": 5}, {"id": 6}], "6", True),
        ("OPPORTUNITY", "opportunity", 1250.5, "1250.5", True),
        ("OPPORTUNITY", "opportunity", 1250.5, "1 250,50", True),
        ("SOURCE", "sourceId", "WEB", "веб-сайт", True),
    ],
)
def test_fields_of_every_kind(
    described: Described, name: str, key: str, value: Any, wanted: object, *, fulfilled: bool
) -> None:
    assert fulfils(described, wanted, name, **{key: value}) is fulfilled


def test_every_field_of_a_condition_counts(described: Described) -> None:
    section = {"name": "a", "event": "new", "of": "deal", "text": "Т", "when": {"UF_CITY": "Минск", "UF_WORD": "b"}}
    (scenario,) = scenarios_of([Scenario.model_validate(section)], Automation()).all
    for word, fulfilled in (("b", True), ("c", False)):
        deal = Document(Item(DEAL, 1), described, {DEAL: {"ufCrmCity": "44", "ufCrmWord": word}})
        assert scenario.is_for(deal) is fulfilled


@given(st.sets(st.sampled_from(list(CITIES))), st.sets(st.sampled_from(list(CITIES)), min_size=1), st.booleans())
def test_a_list_and_a_condition_meet_when_they_have_a_value_in_common(
    described: Described, held: set[int], wanted: set[int], by_id: bool
) -> None:
    words = [str(each) if by_id else CITIES[each] for each in wanted]
    assert fulfils(described, words, ufCrmCities=sorted(held)) == bool(held & wanted)

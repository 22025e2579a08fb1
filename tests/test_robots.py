"""The gateway's automation rules: definitions that Bitrix24 takes, and what their properties mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.moments import read_aheads
from a1gateway.automation.robots import (
    CODES,
    CODES_IN_ORDER,
    DEFAULT_AHEADS,
    REMIND,
    SEND,
    SENDER_ID,
    definitions,
    moment_and_aheads,
    says_yes,
    terms_of,
    waits,
)
from a1gateway.message import Kind, Refusal

URL = "https://sms.example.by/robots"
LANGUAGES = {"ru", "be", "en"}
# Source: Bitrix24's documentation of bizproc.robot.add.
TYPES = {"bool", "date", "datetime", "double", "int", "select", "string", "text", "user"}
FIELDS = {
    "CODE",
    "HANDLER",
    "AUTH_USER_ID",
    "USE_SUBSCRIPTION",
    "NAME",
    "DESCRIPTION",
    "PROPERTIES",
    "RETURN_PROPERTIES",
    "DOCUMENT_TYPE",
    "FILTER",
}
OF_A_PROPERTY = {"Name", "Description", "Type", "Options", "Required", "Multiple", "Default"}
AT = datetime.fromisoformat("2026-11-24T10:30:00+03:00").timestamp()
DAY, HOUR = 86400.0, 3600.0


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    """All that are named anywhere."""
    for robot in definitions(URL):
        yield from robot["PROPERTIES"].items()
        yield from robot["RETURN_PROPERTIES"].items()


def robot(code: str) -> dict[str, Any]:
    return next(each for each in definitions(URL) if each["CODE"] == code)


def test_there_is_one_definition_of_each() -> None:
    assert [each["CODE"] for each in definitions(URL)] == list(CODES_IN_ORDER)
    assert set(CODES_IN_ORDER) == CODES == {SEND, REMIND}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", code) for code in CODES)


@pytest.mark.parametrize("code", CODES_IN_ORDER)
def test_a_definition_is_valid(code: str) -> None:
    described = robot(code)
    assert described.keys() <= FIELDS
    assert described["HANDLER"] == URL
    # Without it Bitrix24 does as it likes.
    assert described["USE_SUBSCRIPTION"] == "Y"
    assert described["NAME"].keys() == described["DESCRIPTION"].keys() == LANGUAGES
    assert all([*described["NAME"].values(), *described["DESCRIPTION"].values()])
    assert json.loads(json.dumps(described)) == described


@pytest.mark.parametrize("code", CODES_IN_ORDER)
def test_it_is_offered_for_every_document_with_automation(code: str) -> None:
    modules, documents = zip(*robot(code)["FILTER"]["INCLUDE"], strict=True)
    assert set(modules) == {"crm"}
    assert {"CCrmDocumentLead", "CCrmDocumentDeal"} <= set(documents)
    assert "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic" in documents


def test_the_names_of_robots_differ_in_every_language() -> None:
    for language in LANGUAGES:
        assert len({each["NAME"][language] for each in definitions(URL)}) == len(CODES)


@pytest.mark.parametrize(("key", "described"), [pytest.param(*each, id=each[0]) for each in properties()])
def test_a_property_is_valid(key: str, described: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    assert described.keys() <= OF_A_PROPERTY
    assert described["Type"] in TYPES
    assert described.get("Required", "N") in ("Y", "N")
    for texts in (described["Name"], described.get("Description", described["Name"])):
        assert texts.keys() == LANGUAGES
        assert all(texts.values())


@pytest.mark.parametrize("code", CODES_IN_ORDER)
def test_what_can_be_chosen_has_a_default_that_can_be_chosen(code: str) -> None:
    chosen = [each for each in robot(code)["PROPERTIES"].values() if each["Type"] == "select"]
    assert chosen
    assert all(each["Default"] in each["Options"] for each in chosen)


def test_kinds_are_those_of_the_gateway() -> None:
    assert set(robot(SEND)["PROPERTIES"]["kind"]["Options"]) == {str(each) for each in Kind}


def test_a_reminder_takes_whatever_an_sms_takes() -> None:
    send, remind = robot(SEND), robot(REMIND)
    assert send["PROPERTIES"].items() <= remind["PROPERTIES"].items()
    assert send["RETURN_PROPERTIES"].items() <= remind["RETURN_PROPERTIES"].items()
    assert remind["PROPERTIES"].keys() - send["PROPERTIES"].keys() == {"at", "ahead", "field", "urgent"}
    assert "planned" in remind["RETURN_PROPERTIES"].keys() - send["RETURN_PROPERTIES"].keys()


def test_definitions_are_made_for_their_address() -> None:
    assert {each["HANDLER"] for each in definitions("https://other.by/r")} == {"https://other.by/r"}


def test_terms() -> None:
    terms, refusal = terms_of(
        {"text": "Заказ #5", "phone": " +375291112233 ", "kind": " Marketing", "sender_id": " MyShop "}
    )
    # The portal has put the values in already: what looks like a placeholder is a text.
    assert terms.text == "Заказ #5"
    assert (terms.to, terms.kind, terms.sender_id, refusal) == ("+375291112233", Kind.MARKETING, "MyShop", None)


def test_terms_of_nothing() -> None:
    terms, refusal = terms_of({})
    assert (terms.text, terms.to, terms.kind, terms.sender_id) == ("", "", Kind.TRANSACTIONAL, None)
    assert refusal is None


@pytest.mark.parametrize("kind", ["", "transactional", "TRANSACTIONAL", "other"])
def test_what_is_not_marketing_is_transactional(kind: str) -> None:
    assert terms_of({"kind": kind})[0].kind is Kind.TRANSACTIONAL


@pytest.mark.parametrize("sender_id", ["MyShop", "A1", "Shop 24", "a.b_c&d!-", "12345678a", "x" * 11])
def test_sender_ids(sender_id: str) -> None:
    terms, refusal = terms_of({"sender_id": sender_id})
    assert (terms.sender_id, refusal) == (sender_id, None)


@pytest.mark.parametrize("sender_id", ["Магазин", "x" * 12, "375291112233", "123", "a\nb", "a#b"])
def test_a_wrong_sender_id_is_refused(sender_id: str) -> None:
    terms, refusal = terms_of({"sender_id": sender_id})
    assert (terms.sender_id, refusal) == (None, Refusal.BAD_SENDER_ID)


@pytest.mark.parametrize("value", ["Y", "y", "1", "true", "Да", " yes "])
def test_yes(value: str) -> None:
    assert says_yes(value)
    assert waits({"wait": value})


@pytest.mark.parametrize("value", ["", "N", "0", "false", "нет", "accepted"])
def test_anything_else_is_no(value: str) -> None:
    assert not says_yes(value)
    assert not waits({"wait": value})


def test_a_workflow_waits_only_if_it_says_so() -> None:
    assert waits({"wait": "Final"})
    assert not says_yes("final")
    assert not waits({})


@pytest.mark.parametrize(
    ("ahead", "aheads"),
    [
        ("1 day, 1 hour", [DAY, HOUR]),
        ("30 минут, 2 часа", [2 * HOUR, 1800.0]),
        ("", [DAY, HOUR]),
        (" ", [DAY, HOUR]),
    ],
)
def test_what_is_reminded_of(ahead: str, aheads: list[float]) -> None:
    assert moment_and_aheads({"at": "24.11.2026 10:30:00 [10800]", "ahead": ahead}) == (AT, aheads)


def test_a_reminder_has_times_of_its_own() -> None:
    assert moment_and_aheads({"at": "24.11.2026 10:30"})[1] == read_aheads(DEFAULT_AHEADS)
    assert robot(REMIND)["PROPERTIES"]["ahead"]["Default"] == DEFAULT_AHEADS


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({}, "'' is no date"),
        ({"at": ""}, "'' is no date"),
        ({"at": "{=Document:UF_CRM_VISIT}"}, "is no date"),
        ({"at": "x" * 5000}, "is no date"),
        ({"at": "24.11.2026", "ahead": "soon"}, "soon is no time ahead"),
        ({"at": "24.11.2026", "ahead": ","}, "no time ahead; write some"),
    ],
)
def test_a_reminder_that_cannot_be_planned_says_why(given_: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as fault:
        moment_and_aheads(given_)
    assert len(str(fault.value)) < 200


TEXTS = st.text(max_size=30)


@given(st.dictionaries(st.sampled_from(["text", "phone", "kind", "sender_id", "wait", "at", "ahead"]), TEXTS))
def test_whatever_the_properties_say(properties: dict[str, str]) -> None:
    terms, refusal = terms_of(properties)
    assert terms.sender_id is None or SENDER_ID.fullmatch(terms.sender_id)
    assert (refusal is None) == (terms.sender_id is not None or not properties.get("sender_id", "").strip())
    assert waits(properties) in (True, False)
    try:
        moment, aheads = moment_and_aheads(properties)
    except ValueError:
        return
    assert isinstance(moment, float)
    assert aheads == sorted(aheads, reverse=True)

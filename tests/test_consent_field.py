"""What a contact's field says of the consent, whatever its type."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.consent_field import ConsentField, NoSuchField, describe
from a1gateway.bitrix24.crm_fields import converted
from a1gateway.bitrix24.trouble import PortalError
from a1gateway.message import Choice

from .conftest import START, run
from .fakes import FakePortal

NAME = "UF_CRM_SMS_CONSENT"
KEY = "ufCrmSmsConsent"
LIST = {"45": "Согласен", "46": "Отказался", "47": "Думает"}


def field(kind: str | None, *granted: str, denied: str | None = None, values: dict[str, str] = LIST) -> ConsentField:
    """The field, of a type."""
    return ConsentField(NAME, KEY, kind, values if kind == "enumeration" else {}, granted, denied)


def means_yes(given: ConsentField, value: Any) -> bool:
    """What a contact's value means."""
    return given.read({"id": 5, KEY: value}, START).granted


@pytest.mark.parametrize("value", ["Y", "1", 1, True, "y", "да", "Да ", "yes", "TRUE"])
def test_a_checked_box_is_a_consent(value: Any) -> None:
    assert means_yes(field("boolean"), value)


@pytest.mark.parametrize("value", ["N", "0", 0, False, None, "", [], "2026-01-01", "agreed", "11"])
def test_a_box_that_is_not_checked_is_none(value: Any) -> None:
    assert not means_yes(field("boolean", "agreed"), value)


@pytest.mark.parametrize(("value", "granted"), [(45, True), ("45", True), (46, False), (47, False), (1, False)])
def test_of_a_list_the_named_values_are_a_consent(value: Any, granted: bool) -> None:
    """By name in any letters, or by id; 1 is an id there and no checked box."""
    assert means_yes(field("enumeration", "согласен"), value) is granted
    assert means_yes(field("enumeration", "45"), value) is granted


def test_a_value_of_a_list_that_nobody_named_is_none() -> None:
    assert not means_yes(field("enumeration"), 45)
    assert means_yes(field("enumeration", values={"45": "Да"}), 45)


def test_one_of_several_values_of_a_list_is_enough() -> None:
    assert means_yes(field("enumeration", "45"), [47, 45])
    assert not means_yes(field("enumeration", "45"), [47, 46])
    assert not means_yes(field("enumeration", "45"), [])


@pytest.mark.parametrize(
    ("value", "granted"),
    [
        ("2026-11-22T03:00:00+03:00", True),
        ("2026-11-22", True),
        ("22.11.2026", True),
        ("22.11.2026 02:59:59", True),
        ("2027-01-01T00:00:00+03:00", False),
        ("31.12.2026", False),
        ("когда-то", False),
        ("", False),
        (None, False),
        ("31.02.2026", False),
        ("0000-00-00", False),
    ],
)
def test_a_date_that_has_passed_is_a_consent(value: Any, granted: bool) -> None:
    """Bitrix24 writes dates with its own server's offset; a person's date is Minsk's."""
    for kind in ("date", "datetime", "string"):
        assert means_yes(field(kind), value) is granted


@pytest.mark.parametrize(
    ("value", "granted"),
    [
        ("да", True),
        (" ДА ", True),
        ("1", True),
        ("согласен", True),
        ("Согласен", True),
        ("не согласен", False),
        ("нет", False),
        ("да нет", False),
        ("0", False),
        ("", False),
    ],
)
def test_of_a_text_the_named_words_are_a_consent(value: str, granted: bool) -> None:
    """The whole text has to be one of them: "yes, but..." is none."""
    assert means_yes(field("string", "согласен"), value) is granted


def test_of_several_texts_all_have_to_agree() -> None:
    assert means_yes(field("string"), ["да", "yes"])
    assert not means_yes(field("string"), ["да", "нет"])


@pytest.mark.parametrize("kind", ["file", "crm", "employee", "money"])
def test_a_field_of_another_type_is_never_a_consent(kind: str) -> None:
    assert not field(kind).readable
    assert not means_yes(field(kind), "Y")


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just({})))
def test_whatever_a_field_holds_is_read(value: Any) -> None:
    """What the portal sends is kept as evidence, and only the known words mean yes."""
    for kind in ("boolean", "enumeration", "string", "date", "datetime", None, "file"):
        found = field(kind, "45").read({"id": 5, KEY: value}, START)
        assert found.contact == 5
        if found.granted:
            assert found.value is not None


def test_the_evidence_names_what_the_field_held() -> None:
    found = field("enumeration", "согласен").read({"id": 275, KEY: 45}, START)
    assert (found.contact, found.value, found.meaning, found.granted) == (275, "45", "Согласен", True)
    nothing = field("boolean").read({"id": "275"}, START)
    assert (nothing.contact, nothing.value, nothing.meaning, nothing.granted) == (275, None, "", False)
    assert json.loads(field("string").read({"id": 1, KEY: ["да"]}, START).value or "") == ["да"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("UF_CRM_SMS_CONSENT", "ufCrmSmsConsent"),
        ("UF_CRM_SMS2_OK", "ufCrm_SMS2_OK"),
        ("UF_CRM_1720019876534", "ufCrm_1720019876534"),
    ],
)
def test_a_name_is_converted_as_bitrix24_does(name: str, key: str) -> None:
    assert converted(name) == key


# Writing.


@pytest.mark.parametrize(
    ("given", "out", "into"),
    [
        (field("boolean"), "N", "Y"),
        (field("string"), "нет", "да"),
        (field("string", "agreed", denied="refused"), "refused", "agreed"),
        (field("date"), "", "2026-11-22"),
        (field("datetime"), "", "2026-11-22T03:00:00+03:00"),
        (field("enumeration", "согласен"), "46", "45"),
        (field("enumeration", "45", denied="Думает"), "47", "45"),
        (field("enumeration", "45", denied="46"), "46", "45"),
        (field("enumeration", "45", values={"45": "Согласен", "50": "Ещё не спросили"}), "", "45"),
        (field("enumeration"), "46", None),
        (field("enumeration", "45", denied="Согласен"), None, "45"),
    ],
)
def test_a_choice_is_written_in_the_fields_own_words(given: ConsentField, out: Any, into: Any) -> None:
    """An empty text empties the field, None means that there is no value to write."""
    assert (given.written(Choice.OUT, START), given.written(Choice.IN, START)) == (out, into)


@pytest.mark.parametrize("kind", ["boolean", "string", "date", "datetime", "enumeration"])
def test_what_is_written_means_what_was_chosen(kind: str) -> None:
    given = field(kind, "45" if kind == "enumeration" else "agreed")
    assert means_yes(given, given.written(Choice.IN, START))
    assert not means_yes(given, given.written(Choice.OUT, START))


# The portal's description.


def portal(**fields: Any) -> FakePortal:
    """A portal that describes these fields of contacts."""
    fake = FakePortal()
    fake.results["crm.item.fields"] = {"fields": {"id": {"type": "integer", "upperName": "ID"}, **fields}}
    return fake


def test_the_field_is_found_by_its_upper_name() -> None:
    items = [{"ID": "45", "VALUE": "Согласен"}, {"ID": 46, "VALUE": "Нет"}]
    described = {"type": "enumeration", "upperName": NAME, "title": "Согласие", "items": items}
    found = run(describe(portal(anyKey=described), NAME, ["45"], "46"))
    assert found == ConsentField(
        NAME, "anyKey", "enumeration", {"45": "Согласен", "46": "Нет"}, ["45"], "46", "Согласие"
    )


def test_a_field_that_the_portal_does_not_have_is_said_to_be_missing() -> None:
    assert run(describe(portal(), NAME)) == NoSuchField(NAME)


def test_an_old_portal_is_asked_for_its_custom_fields() -> None:
    fake = FakePortal()
    fake.results["crm.item.fields"] = PortalError("ERROR_METHOD_NOT_FOUND", "")
    described = {"FIELD_NAME": NAME, "USER_TYPE_ID": "enumeration", "LIST": [{"ID": "45", "VALUE": "Да"}]}
    fake.results["crm.contact.userfield.list"] = [described]
    assert run(describe(fake, NAME)) == ConsentField(NAME, KEY, "enumeration", {"45": "Да"})
    fake.results["crm.contact.userfield.list"] = []
    assert run(describe(fake, NAME)) == NoSuchField(NAME)


def test_a_portal_that_describes_nothing_is_believed_to_have_it() -> None:
    fake = FakePortal()
    fake.results["crm.item.fields"] = PortalError("ERROR_METHOD_NOT_FOUND", "")
    fake.results["crm.contact.userfield.list"] = PortalError("ERROR_METHOD_NOT_FOUND", "")
    found = run(describe(fake, NAME))
    assert isinstance(found, ConsentField)
    assert (found.kind, found.readable, means_yes(found, "Y"), means_yes(found, "N")) == (None, True, True, False)

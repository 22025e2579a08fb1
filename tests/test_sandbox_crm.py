"""The simulated portal's CRM answers REST as the gathered facts say, oddities included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.sandbox import php
from a1gateway.sandbox.crm import phone_digits
from a1gateway.sandbox.crm_fields import converted
from tests.test_sandbox_portal import NOW, World, made_world

CONTACT = {"entityTypeId": 3}
PHONE = "+375291112233"


@pytest.fixture
def world() -> Iterator[World]:
    """A portal in which the application is installed and its sender registered."""
    with made_world() as world:
        world.install()
        world.register()
        yield world


def crm(world: World, path: str, **wanted: Any) -> Any:
    """What a control route of the CRM answers a POST."""
    return world.control("POST", f"crm/{path}", wanted)


def batch(world: World, **commands: tuple[str, dict[str, Any]]) -> Any:
    """A batch of methods with their parameters, as PHP's brackets carry them."""
    cmd = {name: f"{method}?{urlencode(php.pairs(given))}" for name, (method, given) in commands.items()}
    return world.result("batch", {"halt": 0, "cmd": cmd})


def ids(world: World, given: dict[str, Any]) -> list[int]:
    """The ids that `crm.item.list` of contacts gives."""
    listed = world.result("crm.item.list", {**CONTACT, "select": ["id"], **given})
    return [item["id"] for item in listed["items"]]


def contacts(world: World, count: int) -> None:
    """An empty base with the contacts 1 to `count`."""
    crm(world, "reset")
    for number in range(1, count + 1):
        crm(world, "item", id=number, name=f"N{number}", phones=[f"+37529{number:07}"])


# crm.item


def test_the_contact_of_the_card_is_there_at_the_start(world: World) -> None:
    item = world.result("crm.item.get", {**CONTACT, "id": 275})["item"]
    assert [phone["value"] for phone in item["fm"]] == [PHONE]
    assert item["createdTime"] == "2026-11-22T19:00:00+03:00"
    assert not [name for name in item if name.startswith("uf")]


def test_what_is_not_there_is_not_found(world: World) -> None:
    assert world.rest("crm.item.get", {**CONTACT, "id": 5}).error == (400, "NOT_FOUND")
    assert world.rest("crm.item.get", {"entityTypeId": 177, "id": 5}).error == (400, "ENTITY_TYPE_NOT_SUPPORTED")
    # CRM's error may be an empty string.
    assert world.rest("crm.contact.get", {"id": 5}).error == (400, "")


def test_parameters_may_be_written_in_any_case(world: World) -> None:
    assert world.result("crm.item.get", {"ENTITYTYPEID": "3", "ID": "275"})["item"]["id"] == 275


def test_a_page_has_50_items_and_says_where_the_next_one_starts(world: World) -> None:
    contacts(world, 120)
    first = world.rest("crm.item.list", CONTACT).json
    assert (len(first["result"]["items"]), first["total"], first["next"]) == (50, 120, 50)
    last = world.rest("crm.item.list", {**CONTACT, "start": 100}).json
    assert (len(last["result"]["items"]), last["total"]) == (20, 120)
    assert "next" not in last


def test_start_minus_one_counts_nothing(world: World) -> None:
    contacts(world, 120)
    answered = world.rest("crm.item.list", {**CONTACT, "start": -1, "filter": {">id": 60}}).json
    assert [item["id"] for item in answered["result"]["items"]] == list(range(61, 111))
    assert not {"next", "total"} & set(answered)


def test_totals_of_a_batch_stand_apart(world: World) -> None:
    contacts(world, 60)
    listing = ("crm.item.list", {**CONTACT, "select": ["id"]})
    inner = batch(world, a=listing, b=("crm.item.list", {**CONTACT, "start": -1}), c=("crm.contact.list", {}))
    assert inner["result_total"] == {"a": 60, "c": 60}
    assert inner["result_next"] == {"a": 50, "c": 50}
    assert len(inner["result"]["b"]["items"]) == len(inner["result"]["c"]) == 50


def test_a_batch_can_go_on_from_the_page_before(world: World) -> None:
    contacts(world, 120)
    first = ("crm.item.list", {**CONTACT, "start": -1, "filter": {">id": 0}})
    second = ("crm.item.list", {**CONTACT, "start": -1, "filter": {">id": "$result[a][items][49][id]"}})
    inner = batch(world, a=first, b=second)
    assert inner["result"]["b"]["items"][0]["id"] == 51


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({">id": 8}, [9, 10]),
        ({">=id": "9"}, [9, 10]),
        ({"<id": 3}, [1, 2]),
        ({"<=id": 2, ">id": 1}, [2]),
        ({"@id": [3, "5", 77]}, [3, 5]),
        ({"id": [3, 5]}, [3, 5]),
        ({"=id": 4}, [4]),
        ({"id": 4}, [4]),
        ({"!id": 4, "<id": 6}, [1, 2, 3, 5]),
        ({"!@id": [1, 2], "<id": 6}, [3, 4, 5]),
        ({"@name": ["N2", "N7"]}, [2, 7]),
        ({"%name": "n1"}, [1, 10]),
        ({"!name": "N1", "<=id": 2}, [2]),
        ({"lastName": ""}, list(range(1, 11))),
        ({"!lastName": ""}, []),
        ({">=createdTime": "2026-11-22T19:00:01+03:00"}, []),
        ({"<createdTime": "2026-11-22T16:00:01+00:00", "@id": [1]}, [1]),
        ({">id": "x"}, []),
    ],
)
def test_filters_compare(world: World, wanted: dict[str, Any], expected: list[int]) -> None:
    contacts(world, 10)
    assert ids(world, {"filter": wanted}) == expected
    inner = batch(world, m=("crm.item.list", {**CONTACT, "filter": wanted}))
    assert [item["id"] for item in inner["result"]["m"]["items"]] == expected


def test_a_filter_by_an_unknown_field_is_refused_by_the_new_interface_only(world: World) -> None:
    wanted = {"filter": {"ufCrmNone": 1}}
    assert world.rest("crm.item.list", {**CONTACT, **wanted}).error == (400, "INVALID_ARG_VALUE")
    assert len(world.result("crm.contact.list", {"filter": {"UF_CRM_NONE": 1}})) == 1


def test_items_are_ordered(world: World) -> None:
    contacts(world, 12)
    assert ids(world, {"order": {"id": "DESC"}, "filter": {"<=id": 3}}) == [3, 2, 1]
    assert ids(world, {"order": {"name": "ASC"}})[:4] == [1, 10, 11, 12]


def test_phones_come_only_with_everything(world: World) -> None:
    (whole,) = world.result("crm.item.list", {**CONTACT, "select": ["*"]})["items"]
    assert whole["fm"][0]["typeId"] == "PHONE"
    (named,) = world.result("crm.item.list", {**CONTACT, "select": ["id", "name", "fm"]})["items"]
    assert set(named) == {"id", "name"}


def test_original_names_and_a_select_give_empty_items(world: World) -> None:
    crm(world, "field", name="SMS_CONSENT")
    wanted = {**CONTACT, "useOriginalUfNames": "Y", "select": ["id", "UF_CRM_SMS_CONSENT"]}
    assert world.result("crm.item.list", wanted)["items"] == [[]]


# Custom fields


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UF_CRM_SMS_CONSENT", "ufCrmSmsConsent"),
        ("UF_CRM_1720019876534", "ufCrm_1720019876534"),
        ("UF_CRM_SMS2_OK", "ufCrm_SMS2_OK"),
        ("UF_CRM_OK", "ufCrmOk"),
    ],
)
def test_names_are_converted_but_for_those_with_digits(world: World, name: str, expected: str) -> None:
    crm(world, "field", name=name)
    assert converted(name) == expected
    assert world.result("crm.item.fields", CONTACT)["fields"][expected]["upperName"] == name


@pytest.mark.parametrize(
    ("kind", "written", "new", "old"),
    [
        ("boolean", "Y", "Y", "1"),
        ("boolean", "N", "N", "0"),
        ("boolean", 1, "Y", "1"),
        ("boolean", False, "N", "0"),
        ("boolean", None, None, None),
        ("string", "да", "да", "да"),
        ("string", None, "", None),
        ("integer", "7", 7, "7"),
        ("date", "2026-11-22", "2026-11-22T03:00:00+03:00", "2026-11-22T03:00:00+03:00"),
        ("datetime", "2026-11-22T00:00:00+00:00", "2026-11-22T03:00:00+03:00", "2026-11-22T03:00:00+03:00"),
        ("date", None, "", None),
    ],
)
def test_each_type_is_written_in_its_way(world: World, kind: str, written: object, new: object, old: object) -> None:
    crm(world, "field", name="X", type=kind)
    crm(world, "item", id=9, fields={"UF_CRM_X": written})
    assert world.result("crm.item.get", {**CONTACT, "id": 9})["item"]["ufCrmX"] == new
    assert world.result("crm.contact.get", {"id": 9})["UF_CRM_X"] == old


def test_a_list_gives_the_numbers_of_its_values(world: World) -> None:
    values = crm(world, "field", name="X", type="enumeration", list=["да", "нет"])["list"]
    crm(world, "item", id=9, fields={"UF_CRM_X": values["да"]})
    assert world.result("crm.item.get", {**CONTACT, "id": 9})["item"]["ufCrmX"] == values["да"]
    assert world.result("crm.contact.get", {"id": 9})["UF_CRM_X"] == str(values["да"])
    described = world.result("crm.item.fields", CONTACT)["fields"]["ufCrmX"]
    assert (described["type"], described["isMultiple"]) == ("enumeration", False)
    assert described["items"] == [{"ID": str(number), "VALUE": value} for value, number in values.items()]
    assert ids(world, {"filter": {"ufCrmX": values["да"]}}) == [9]
    assert "error" in crm(world, "item", id=9, fields={"UF_CRM_X": 1})


def test_a_field_with_several_values_is_a_list_and_without_one_differs_by_interface(world: World) -> None:
    crm(world, "field", name="X", type="string", multiple=True)
    crm(world, "item", id=9, fields={"UF_CRM_X": ["да", "нет"]})
    assert world.result("crm.item.get", {**CONTACT, "id": 9})["item"]["ufCrmX"] == ["да", "нет"]
    assert ids(world, {"filter": {"ufCrmX": "нет"}}) == [9]
    assert world.result("crm.item.get", {**CONTACT, "id": 275})["item"]["ufCrmX"] == []
    assert world.result("crm.contact.get", {"id": 275})["UF_CRM_X"] is False


def test_a_filter_on_a_boolean_wants_1_or_0(world: World) -> None:
    crm(world, "field", name="OK")
    crm(world, "item", id=1, fields={"UF_CRM_OK": "Y"})
    crm(world, "item", id=2, fields={"UF_CRM_OK": "N"})
    assert ids(world, {"filter": {"ufCrmOk": 1}}) == ids(world, {"filter": {"=ufCrmOk": "1"}}) == [1]
    assert ids(world, {"filter": {"ufCrmOk": 0}}) == [2]
    assert ids(world, {"filter": {"ufCrmOk": "Y"}}) == []
    assert ids(world, {"filter": {"!ufCrmOk": 1}}) == [2, 275]


@pytest.mark.parametrize("value", ["", None, []])
def test_emptying_a_field_does_nothing_in_the_new_interface_and_works_in_the_old(world: World, value: object) -> None:
    crm(world, "field", name="OK")
    crm(world, "item", id=1, fields={"UF_CRM_OK": "Y"})
    updated = world.result("crm.item.update", {**CONTACT, "id": 1, "fields": {"ufCrmOk": value}})
    assert updated["item"]["ufCrmOk"] == "Y"
    assert world.result("crm.contact.update", {"id": 1, "fields": {"UF_CRM_OK": value}}) is True
    assert world.result("crm.item.get", {**CONTACT, "id": 1})["item"]["ufCrmOk"] is None


@pytest.mark.parametrize(("value", "expected"), [("N", "N"), ("0", "N"), (0, "N"), ("Y", "Y"), (1, "Y"), (True, "Y")])
def test_booleans_are_written_as_letters_or_digits(world: World, value: object, expected: str) -> None:
    crm(world, "field", name="OK")
    updated = world.result("crm.item.update", {**CONTACT, "id": 275, "fields": {"ufCrmOk": value}})
    assert updated["item"]["ufCrmOk"] == expected


def test_a_wrong_value_changes_nothing(world: World) -> None:
    crm(world, "field", name="OK")
    fields = {"name": "X", "ufCrmOk": "maybe"}
    refused = world.rest("crm.item.update", {**CONTACT, "id": 275, "fields": fields})
    assert refused.error == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert world.control("GET", "crm/items?entityTypeId=3&id=275")["name"] != "X"


def test_a_field_is_added_listed_and_read(world: World) -> None:
    fields = {
        "FIELD_NAME": "SMS_CONSENT",
        "USER_TYPE_ID": "enumeration",
        "EDIT_FORM_LABEL": {"ru": "Согласие", "be": "Згода"},
        "LIST": [{"VALUE": "да", "SORT": 10, "DEF": "Y"}, {"VALUE": "нет"}],
        "MULTIPLE": "N",
    }
    number = world.result("crm.contact.userfield.add", {"fields": fields})
    (listed,) = world.result("crm.contact.userfield.list", {"filter": {"FIELD_NAME": "UF_CRM_SMS_CONSENT"}})
    assert (listed["ID"], listed["USER_TYPE_ID"]) == (str(number), "enumeration")
    assert [(value["VALUE"], value["DEF"]) for value in listed["LIST"]] == [("да", "Y"), ("нет", "N")]
    # The list keeps to itself what people read.
    assert "EDIT_FORM_LABEL" not in listed
    (labelled,) = world.result("crm.contact.userfield.list", {"filter": {"LANG": "be"}})
    assert labelled["EDIT_FORM_LABEL"] == "Згода"
    whole = world.result("crm.contact.userfield.get", {"id": number})
    assert whole["EDIT_FORM_LABEL"] == fields["EDIT_FORM_LABEL"]
    assert world.rest("crm.contact.userfield.add", {"fields": fields}).error == (400, "ERROR_CORE")
    assert world.result("crm.lead.userfield.list") == []


def test_a_boolean_field_cannot_be_multiple(world: World) -> None:
    fields = {"FIELD_NAME": "UF_CRM_OK", "USER_TYPE_ID": "boolean", "MULTIPLE": "Y"}
    world.result("crm.company.userfield.add", {"fields": fields})
    assert world.result("crm.company.userfield.list")[0]["MULTIPLE"] == "N"


@pytest.mark.parametrize("change", [{"FIELD_NAME": ""}, {"FIELD_NAME": "СОГЛАСИЕ"}, {"USER_TYPE_ID": "pigeon"}])
def test_a_wrong_field_is_refused(world: World, change: dict[str, str]) -> None:
    fields = {"FIELD_NAME": "OK", "USER_TYPE_ID": "boolean", **change}
    assert world.rest("crm.contact.userfield.add", {"fields": fields}).error == (400, "ERROR_CORE")


def test_a_field_is_made_by_administrators(world: World) -> None:
    world.send()
    employee = world.gateway.calls[-1].body["auth"]["access_token"]
    fields = {"FIELD_NAME": "OK", "USER_TYPE_ID": "boolean"}
    refused = world.rest("crm.contact.userfield.add", {"fields": fields}, auth=employee)
    assert refused.error == (403, "ACCESS_DENIED")


def test_the_crm_wants_its_scope(world: World) -> None:
    world.control("POST", "settings", {"scopes": ["messageservice"]})
    assert world.rest("crm.item.fields", CONTACT).error == (403, "insufficient_scope")


# Phones


@pytest.mark.parametrize("form", ["list", "dict", "batch"])
def test_a_phone_is_changed_by_its_id_and_others_stay(world: World, form: str) -> None:
    made = crm(world, "item", id=9, phones=["29 1112233", "80447778899"])
    first, second = (phone["id"] for phone in made["phones"])
    new = {"typeId": "PHONE", "valueType": "MOBILE", "value": PHONE}
    fm: Any = {str(first): new} if form == "dict" else [{"id": first, **new}]
    change = {**CONTACT, "id": 9, "fields": {"fm": fm}}
    if form == "batch":
        assert batch(world, m=("crm.item.update", change))["result_error"] == []
    else:
        world.result("crm.item.update", change)
    assert world.control("GET", "crm/items?id=9")["phones"] == [
        {"id": first, "valueType": "MOBILE", "value": PHONE},
        {"id": second, "valueType": "WORK", "value": "80447778899"},
    ]
    assert world.result("crm.duplicate.findbycomm", {"type": "PHONE", "values": ["291112233"]}) == []


def test_a_phone_without_a_known_id_is_a_new_one(world: World) -> None:
    fm = [{"typeId": "PHONE", "valueType": "HOME", "value": "80172001122"}]
    item = world.result("crm.item.update", {**CONTACT, "id": 275, "fields": {"fm": fm}})["item"]
    assert [phone["value"] for phone in item["fm"]] == [PHONE, "80172001122"]


@pytest.mark.parametrize("entry", [{"DELETE": "Y"}, {"VALUE": ""}, {"VALUE": "x", "DELETE": "Y"}])
def test_the_old_interface_deletes_a_phone(world: World, entry: dict[str, str]) -> None:
    (phone,) = world.result("crm.contact.get", {"id": 275})["PHONE"]
    assert (phone["VALUE"], phone["VALUE_TYPE"], phone["TYPE_ID"]) == (PHONE, "MOBILE", "PHONE")
    assert world.result("crm.contact.update", {"id": 275, "fields": {"PHONE": [{"ID": phone["ID"], **entry}]}})
    assert "PHONE" not in world.result("crm.contact.get", {"id": 275})


def test_the_old_interface_changes_and_adds_phones_by_brackets(world: World) -> None:
    (phone,) = world.result("crm.contact.get", {"id": 275})["PHONE"]
    entries = [{"ID": phone["ID"], "VALUE": "1"}, {"VALUE": "2", "VALUE_TYPE": "HOME"}]
    batch(world, m=("crm.contact.update", {"id": 275, "fields": {"PHONE": entries, "NAME": "Я"}}))
    after = world.result("crm.contact.get", {"id": 275})
    assert [(each["VALUE"], each["VALUE_TYPE"]) for each in after["PHONE"]] == [("1", "MOBILE"), ("2", "HOME")]
    assert after["NAME"] == "Я"


def test_a_change_moves_the_time_of_the_item(world: World) -> None:
    world.advance(60)
    world.result("crm.item.update", {**CONTACT, "id": 275, "fields": {"lastName": "Я"}})
    item = world.result("crm.item.get", {**CONTACT, "id": 275})["item"]
    assert (item["createdTime"], item["updatedTime"]) == ("2026-11-22T19:00:00+03:00", "2026-11-22T19:01:00+03:00")


def test_the_old_list_keeps_phones_and_custom_fields_back(world: World) -> None:
    crm(world, "field", name="OK")
    (plain,) = world.result("crm.contact.list")
    assert plain["ID"] == "275"
    assert not {"PHONE", "UF_CRM_OK"} & set(plain)
    (named,) = world.result("crm.contact.list", {"select": ["UF_*", "PHONE"]})
    assert set(named) == {"ID", "UF_CRM_OK", "PHONE"}
    assert len(world.result("crm.contact.list", {"filter": {"PHONE": PHONE}})) == 1
    assert world.result("crm.contact.list", {"filter": {"PHONE": "1"}}) == []


def test_a_deal_has_contacts_and_no_phones(world: World) -> None:
    crm(world, "item", entityTypeId=2, id=4182, title="Заказ", contactIds=[275, 276], phones=[PHONE])
    item = world.result("crm.item.get", {"entityTypeId": 2, "id": 4182})["item"]
    assert (item["title"], item["contactId"], item["contactIds"]) == ("Заказ", 275, [275, 276])
    assert "fm" not in item


def test_leads_and_companies_have_both_interfaces(world: World) -> None:
    crm(world, "reset")
    for kind, name in ((1, "lead"), (4, "company")):
        made = crm(world, "item", entityTypeId=kind, title="Т", phones=["1"])
        assert world.result(f"crm.{name}.get", {"id": made["id"]})["TITLE"] == "Т"
        assert world.result(f"crm.{name}.update", {"id": made["id"], "fields": {"TITLE": "У"}}) is True
        assert world.result("crm.item.get", {"entityTypeId": kind, "id": made["id"]})["item"]["title"] == "У"
        assert len(world.result(f"crm.{name}.list")) == 1


# Duplicates


def test_duplicates_are_found_by_digits_in_the_form_in_which_they_are_stored(world: World) -> None:
    for number, phone in enumerate(("+375 29 111-22-33", "8029 1112233", "29 1112233", "375291112233,12"), start=1):
        crm(world, "item", id=number, phones=[phone])
    find = {"type": "PHONE", "entity_type": "CONTACT"}
    for value, expected in (("375291112233", [1, 4, 275]), ("80291112233", [2]), ("291112233", [3])):
        assert world.result("crm.duplicate.findbycomm", {**find, "values": [value]}) == {"CONTACT": expected}
    three = ["375291112233", "80291112233", "291112233"]
    found = world.result("crm.duplicate.findbycomm", {**find, "values": three})
    assert sorted(found["CONTACT"]) == [1, 2, 3, 4, 275]


def test_nothing_found_is_an_empty_list(world: World) -> None:
    find = {"type": "PHONE", "entity_type": "CONTACT", "values": ["375290000000"]}
    assert world.result("crm.duplicate.findbycomm", find) == []


def test_numbers_among_the_values_are_passed_over_but_a_batch_has_texts_only(world: World) -> None:
    find = {"type": "PHONE", "entity_type": "CONTACT", "values": [375291112233]}
    assert world.result("crm.duplicate.findbycomm", find) == []
    assert batch(world, m=("crm.duplicate.findbycomm", find))["result"]["m"] == {"CONTACT": [275]}


def test_twenty_distinct_values_are_looked_at(world: World) -> None:
    others = [f"3753300000{number:02}" for number in range(19)]
    find = {"type": "PHONE", "values": [*others, others[0], PHONE]}
    assert world.result("crm.duplicate.findbycomm", find) == {"CONTACT": [275]}
    find["values"] = [*others, "1", PHONE]
    assert world.result("crm.duplicate.findbycomm", find) == []


def test_a_value_finds_twenty_ids_and_a_full_type_hides_the_others(world: World) -> None:
    for number in range(1, 26):
        crm(world, "item", entityTypeId=1, id=number, phones=[PHONE])
    find = {"type": "PHONE", "values": [PHONE]}
    assert world.result("crm.duplicate.findbycomm", find) == {"LEAD": list(range(1, 21))}
    named = {**find, "entity_type": "CONTACT"}
    assert world.result("crm.duplicate.findbycomm", named) == {"CONTACT": [275]}


def test_a_deleted_item_is_found_no_longer(world: World) -> None:
    assert crm(world, "delete", entityTypeId=3, id=275) == {"deleted": True}
    assert crm(world, "delete", entityTypeId=3, id=275) == {"deleted": False}
    assert world.result("crm.duplicate.findbycomm", {"type": "PHONE", "values": [PHONE]}) == []
    assert ids(world, {}) == []


@given(st.text())
def test_any_phone_has_digits_or_none(number: str) -> None:
    assert phone_digits(number) == "" or phone_digits(number).isdecimal()


# Comments


def test_comments_stand_in_the_timeline_of_their_item(world: World) -> None:
    fields = {"ENTITY_ID": 275, "ENTITY_TYPE": "contact", "COMMENT": "СТОП"}
    first = world.result("crm.timeline.comment.add", {"fields": fields})
    second = world.result("crm.timeline.comment.add", {"fields": {**fields, "COMMENT": "СТАРТ"}})
    asked = {"filter": {"ENTITY_ID": 275, "ENTITY_TYPE": "contact"}, "order": {"ID": "DESC"}}
    listed = world.result("crm.timeline.comment.list", asked)
    assert [comment["ID"] for comment in listed] == [str(second), str(first)]
    assert listed[1]["COMMENT"] == "СТОП"
    assert listed[1]["CREATED"] == "2026-11-22T19:00:00+03:00"
    assert len(world.control("GET", "crm/comments")) == 2
    assert world.rest("crm.timeline.comment.add", {"fields": {**fields, "ENTITY_ID": 1}}).error == (400, "")
    assert world.rest("crm.timeline.comment.add", {"fields": {**fields, "COMMENT": ""}}).error == (400, "")


# Filling and control


def test_a_filling_is_the_same_for_the_same_seed(world: World) -> None:
    wanted = {"contacts": 300, "leads": 20, "companies": 10, "seed": 7, "consent": 0.7}
    bases = []
    for _ in range(2):
        crm(world, "reset")
        made = crm(world, "fill", **wanted)
        assert (made["contacts"], made["leads"], made["companies"]) == (300, 20, 10)
        bases.append([world.control("GET", f"crm/items?entityTypeId={kind}") for kind in (1, 3, 4)])
    assert bases[0] == bases[1]
    crm(world, "fill", **{**wanted, "seed": 8})
    people = bases[0][1]
    agreed = [contact for contact in people if contact["fields"].get("UF_CRM_SMS_CONSENT")]
    assert len(agreed) == made["agreed"]
    assert 0.6 < len(agreed) / 300 < 0.8


def test_a_filling_is_as_untidy_as_life(world: World) -> None:
    crm(world, "reset")
    crm(world, "fill", contacts=2000, seed=1)
    people = world.control("GET", "crm/items?entityTypeId=3")
    assert any(not contact["phones"] for contact in people)
    numbers = [contact["id"] for contact in people]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 2000
    values = [phone["value"] for contact in people for phone in contact["phones"]]
    for part in ("+375 ", "8 0", "доб.", ", 80", "+7 9", "+48", "+375 17", "нет телефона"):
        assert any(part in value for value in values), part
    digits = [phone_digits(value) for value in values]
    assert len(set(digits)) < len(digits)


def test_a_plain_filling_gives_everybody_a_number(world: World) -> None:
    crm(world, "reset")
    crm(world, "fill", contacts=100, plain=True)
    values = [contact["phones"][0]["value"] for contact in world.control("GET", "crm/items")]
    assert len(set(values)) == 100
    assert {len(value) for value in values} == {13}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("fill", {"contacts": -1}),
        ("fill", {"contacts": 1, "consent": 1, "field": "СОГЛАСИЕ"}),
        ("item", {"entityTypeId": 9}),
        ("item", {"fields": {"UF_CRM_NONE": 1}}),
        ("field", {"name": "X", "type": "pigeon"}),
        ("delete", {}),
    ],
)
def test_a_control_request_that_makes_no_sense_is_refused(world: World, path: str, wanted: dict[str, Any]) -> None:
    assert set(crm(world, path, **wanted)) == {"error"}


def test_reset_puts_the_contact_of_the_card_back(world: World) -> None:
    crm(world, "field", name="OK")
    crm(world, "reset")
    assert world.control("GET", "crm/items?entityTypeId=3") == []
    assert world.request("GET", "/sandbox/crm/items?entityTypeId=3&id=275").status == 404
    world.control("POST", "reset", {})
    (contact,) = world.control("GET", "crm/items?entityTypeId=3")
    assert (contact["id"], contact["fields"]) == (275, {})


def test_refusals_for_the_rate_are_counted(world: World) -> None:
    world.control("POST", "reset", {})
    for _ in range(53):
        world.rest("server.time")
    assert world.control("GET", "requests")["refused/rate"] == 3


def test_a_method_that_takes_too_much_of_the_servers_time_is_blocked_for_a_while(world: World) -> None:
    world.control("POST", "settings", {"operating_seconds": 160, "burst": 1000})
    get = {**CONTACT, "id": 275}
    assert [world.rest("crm.item.get", get).json["time"]["operating"] for _ in range(3)] == [160, 320, 480]
    refused = world.rest("crm.item.get", get)
    assert refused.error == (429, "OPERATION_TIME_LIMIT")
    assert refused.json["time"]["operating_reset_at"] == NOW + 600
    inner = batch(world, a=("crm.item.get", get), b=("crm.item.fields", CONTACT))
    assert inner["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    assert set(inner["result"]) == {"b"}
    assert world.control("GET", "requests")["refused/operating"] == 2
    world.advance(599)
    assert world.rest("crm.item.get", get).status == 429
    world.advance(1)
    assert world.rest("crm.item.get", get).status == 200


# Sending


def test_a_message_can_be_of_another_item(world: World) -> None:
    world.send(bindings=[{"OWNER_TYPE_ID": 2, "OWNER_ID": 4182}])
    assert world.gateway.calls[-1].body["bindings"] == {"0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "4182"}}
    world.send(module="bizproc", document_id=["crm", "CCrmDocumentDeal", "DEAL_4182"])
    body = world.gateway.calls[-1].body
    assert body["document_id"]["2"] == "DEAL_4182"
    assert body["document_type"] == {"0": "crm", "1": "CCrmDocumentDeal", "2": "DEAL"}
    assert "error" in world.send(document_id="DEAL_1")
    assert "error" in world.send(bindings=[1])


def test_a_sender_for_marketing_is_used_only_when_it_is_named(world: World) -> None:
    world.result("messageservice.sender.delete", {"CODE": "a1sms_by"})
    for code in ("a1sms_by_marketing", "a1sms_by"):
        sender = {"CODE": code, "TYPE": "SMS", "HANDLER": "http://127.0.0.1:8080/x", "NAME": code}
        world.result("messageservice.sender.add", sender)
    assert world.send()["sender"] == "a1sms_by"
    assert world.send(sender="a1sms_by_marketing")["sender"] == "a1sms_by_marketing"
    world.result("messageservice.sender.delete", {"CODE": "a1sms_by"})
    assert world.send()["sender"] == "a1sms_by_marketing"


def test_a_campaign_is_answered_at_once_and_sent_at_its_pace(world: World) -> None:
    begun = world.clock.seconds() - NOW
    made = world.control("POST", "campaign", {"numbers": ["1", "2", "3"], "text": "A & B", "per_second": 2})
    assert len(set(made["message_ids"])) == 3
    world.advance(0.5, 0.5, 10)
    assert [call.at - begun for call in world.gateway.calls] == [0, 0.5, 1.0]
    body = world.gateway.calls[-1].body
    assert (body["module_id"], body["message_body"]) == ("sender", "A &amp; B")
    assert [call.body["message_id"] for call in world.gateway.calls] == made["message_ids"]


def test_the_last_message_of_a_campaign_is_unknown_for_a_second_too(world: World) -> None:
    made = world.control("POST", "campaign", {"numbers": ["1", "2"], "text": "A", "per_second": 0.1})
    world.advance(10.5)
    assert world.update(made["message_ids"][0]).status == 200
    assert world.update(made["message_ids"][1]).error == (400, "ERROR_MESSAGE_NOT_FOUND")


def test_a_campaign_can_go_to_every_contact(world: World) -> None:
    contacts(world, 3)
    crm(world, "item", id=9)
    made = world.control("POST", "campaign", {"contacts": True, "text": "A", "per_second": 1000})
    world.advance(1)
    assert len(made["message_ids"]) == len(world.gateway.calls) == 3


@pytest.mark.parametrize(
    "wanted", [{"text": "A"}, {"numbers": ["1"]}, {"numbers": ["1"], "text": "A", "per_second": 0}]
)
def test_a_wrong_campaign_is_refused(world: World, wanted: dict[str, Any]) -> None:
    assert set(world.control("POST", "campaign", wanted)) == {"error"}

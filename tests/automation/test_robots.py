"""The gateway's automation rules: definitions that Bitrix24 takes, and what their properties mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a1gateway.automation.moments import read_aheads
from a1gateway.automation.robots import (
    CODES,
    CODES_IN_ORDER,
    DEFAULT_AHEADS,
    REMIND,
    SEND,
    definitions,
    moment_and_aheads,
    rule_name,
    says_yes,
    terms_of,
    text_at,
    waits,
)
from a1gateway.hours import MINSK
from a1gateway.message import Kind, Refusal
from a1gateway.sender_id.name import SENDER_ID

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
# 24.11.2026 10:30 has moved to another day at the same time, to another time of the day, and both.
NEXT_DAY, AT_NOON, MOVED = AT + DAY, AT + 1.5 * HOUR, AT + DAY + 1.5 * HOUR


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


# The text of a reminder whose date has moved.


def moved(text: str, moment: float = MOVED, at: str = "24.11.2026 10:30:00") -> tuple[str, str]:
    return text_at({"text": text, "at": at}, moment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ждём Вас 24.11.2026 10:30.", "Ждём Вас 25.11.2026 12:00."),
        # As the property has it, and as Bitrix24 writes a field.
        ("Ждём Вас 24.11.2026 10:30:00.", "Ждём Вас 25.11.2026 12:00."),
        ("Ждём Вас 24.11.2026 в 10:30.", "Ждём Вас 25.11.2026 в 12:00."),
        ("Чакаем Вас 24.11.2026 у 10:30.", "Чакаем Вас 25.11.2026 у 12:00."),
        ("Come on 24.11.2026 at 10:30.", "Come on 25.11.2026 at 12:00."),
        ("24.11.2026, 10:30", "25.11.2026, 12:00"),
        ("24.11.2026,  в 10:30", "25.11.2026,  в 12:00"),
        ("24.11.2026\n10:30", "25.11.2026\n12:00"),
        ("24.11.2026 10:30, то есть 24.11.2026", "25.11.2026 12:00, то есть 25.11.2026"),
        ("24.11.2026г.", "25.11.2026г."),
        ("Ждём #EVENT_DATE# в #EVENT_TIME#", "Ждём 25.11.2026 в 12:00"),
        ("Ждём #event_date|скоро#", "Ждём 25.11.2026"),
        ("Ждём #event_day#, #Event_Time#", "Ждём 25.11, 12:00"),
        ("Ждём #EVENT_DATE# (было 24.11.2026 10:30)", "Ждём 25.11.2026 (было 25.11.2026 12:00)"),
        ("Ждём Вас!", "Ждём Вас!"),
        # Other dates, times and numbers.
        ("с 24.11.2025 по 24.11.2027", "с 24.11.2025 по 24.11.2027"),
        ("договор 124.11.2026, счёт 24.11.20261", "договор 124.11.2026, счёт 24.11.20261"),
        ("110:30 и 10:301, IP 10.24.11.1", "110:30 и 10:301, IP 10.24.11.1"),
    ],
)
def test_a_date_that_was_written_out_moves_along(text: str, expected: str) -> None:
    assert moved(text) == (expected, "")


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("24.11.2026 10:30", "Ждём 24.11.2026 10:30"),
        ("24.11.2026 10:30:00", "Ждём 24.11.2026 10:30:00"),
        (" 24.11.2026 10:30:00 [10800] ", "Ждём 24.11.2026 10:30:00 [10800]"),
        ("24.11.2026 10:30:00 [10800]", "Ждём 24.11.2026 10:30:00"),
        ("2026-11-24T10:30:00+03:00", "Ждём 2026-11-24T10:30:00+03:00"),
        ("2026-11-24 10:30:00", "Ждём 24.11.2026 10:30"),
    ],
)
def test_a_date_moves_along_as_the_property_has_it(at: str, text: str) -> None:
    assert moved(text, at=at) == ("Ждём 25.11.2026 12:00", "")


@pytest.mark.parametrize("at", ["24.11.2026 09:30:00 [7200]", "2026-11-24T09:30:00+02:00"])
def test_a_date_of_another_zone_moves_along_in_that_zone(at: str) -> None:
    assert moved("Ждём 24.11.2026 09:30", at=at) == ("Ждём 25.11.2026 11:00", "")
    # Whatever the zone, the marks are by the clock in Minsk.
    assert moved("Ждём в 09:30, #EVENT_TIME#", at=at) == ("Ждём в 09:30, 12:00", "09:30")


def test_a_date_of_which_the_property_is_only_a_part_is_another() -> None:
    assert moved("14.2.2026 9:05", AT, at="4.2.2026 9:05") == ("14.2.2026 9:05", "")


def test_a_date_without_a_time_moves_along() -> None:
    next_day = AT - 1.5 * HOUR + DAY
    assert moved("Оплатите до 24.11.2026", next_day, at="24.11.2026") == ("Оплатите до 25.11.2026", "")
    # It has no time that could have moved.
    assert moved("с 09:00, до 24.11.2026", next_day, at="24.11.2026") == ("с 09:00, до 25.11.2026", "")


@pytest.mark.parametrize(
    ("text", "moment", "stale"),
    [
        ("Ждём Вас в 10:30", MOVED, "10:30"),
        ("Ждём Вас в 10:30", AT_NOON, "10:30"),
        ("24.11.2026 Анна ждёт Вас в 10:30", MOVED, "10:30"),
        ("24.11.2026 г. в 10:30", MOVED, "10:30"),
        ("Ждём Вас 24.11", MOVED, "24.11"),
        ("Ждём Вас 24.11.", NEXT_DAY, "24.11"),
        ("Ждём Вас 24.11.26", NEXT_DAY, "24.11.26"),
        ("Ждём Вас 24.11.26", AT + 365 * DAY, "24.11.26"),
        ("24.11 в 10:30, не позже 10:30", MOVED, "24.11, 10:30"),
    ],
)
def test_what_cannot_be_told_apart_is_out_of_date(text: str, moment: float, stale: str) -> None:
    """It may be the old date or another one: nobody is to be told the wrong time."""
    assert moved(text, moment)[1] == stale


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("Ждём Вас в 10:30", NEXT_DAY, "Ждём Вас в 10:30"),
        ("24.11.2026 Анна ждёт Вас в 10:30", NEXT_DAY, "25.11.2026 Анна ждёт Вас в 10:30"),
        ("Ждём Вас 24.11", AT_NOON, "Ждём Вас 24.11"),
        ("24.11 и 24.11.26, 24.11.2026 10:30", AT_NOON, "24.11 и 24.11.26, 24.11.2026 12:00"),
    ],
)
def test_what_has_not_moved_is_not_out_of_date(text: str, moment: float, expected: str) -> None:
    assert moved(text, moment) == (expected, "")


PIECES = st.sampled_from(
    ["24.11.2026", "24.11", "24.11.26", "10:30", "25.11.2026", "12:00", "1", "4", ".", ":", " ", " в ", ", ", "Ждём"]
)
ANY_TEXT = st.text(max_size=40) | st.lists(PIECES, max_size=12).map("".join)
MOMENTS = st.integers(int(AT) - 10**8, int(AT) + 10**8).map(float)


@given(ANY_TEXT, st.integers(-59, 59), st.sampled_from(["24.11.2026 10:30", "24.11.2026 10:30:00 [10800]"]))
def test_a_text_whose_date_has_not_moved_stays_as_it_is(text: str, seconds: int, at: str) -> None:
    """Whatever stands in it; the property may come without the seconds."""
    assume("#" not in text)
    assert moved(text, AT + seconds, at) == (text, "")
    assert moved(f"{text}#EVENT_DATE#", AT + seconds, at) == (f"{text}24.11.2026", "")


@given(ANY_TEXT, MOMENTS)
def test_a_text_without_the_old_date_or_time_is_never_changed(text: str, moment: float) -> None:
    assume("#" not in text)
    assume("24.11" not in text)
    assume("10:30" not in text)
    assert moved(text, moment) == (text, "")


@given(ANY_TEXT, MOMENTS)
def test_a_text_whose_date_is_no_date_is_never_changed(text: str, moment: float) -> None:
    assume("#" not in text)
    assert moved(text, moment, at="скоро") == (text, "")


@given(ANY_TEXT, st.sampled_from([NEXT_DAY, AT_NOON, MOVED, AT - DAY, AT + 365 * DAY]))
def test_nobody_is_told_an_old_date_or_time(text: str, moment: float) -> None:
    assume("#" not in text)
    result, stale = moved(text, moment)
    if stale:
        return
    if moment != AT_NOON:
        assert not re.search(r"(?<![\d.])24\.11\.(20)?26(?!\d|\.\d)", result)
    if moment not in (NEXT_DAY, AT - DAY, AT + 365 * DAY):
        assert not re.search(r"(?<![\d:])10:30(?!\d)", result)


WORDS = st.text("абвгд ,.!-", max_size=20)


@given(WORDS, WORDS, MOMENTS, st.sampled_from(["{} {}", "{} в {}", "{}, {}", "{} у {}", "{}\n{}"]))
def test_a_date_with_its_time_moves_along_wherever_it_stands(
    before: str, after: str, moment: float, form: str
) -> None:
    assume(abs(moment - AT) >= 60)
    new = datetime.fromtimestamp(moment, MINSK)
    written = f"{before} {form.format('24.11.2026', '10:30')} {after}"
    expected = f"{before} {form.format(f'{new:%d.%m.%Y}', f'{new:%H:%M}')} {after}"
    assert moved(written, moment) == (expected, "")


# What runs of one rule have in common.


def name(text: str = "Анна, ждём Вас 24.11.2026 в 10:30", **more: str) -> str:
    return rule_name({"text": text, "at": "24.11.2026 10:30", "ahead": "1 day, 1 hour"} | more)


def test_runs_that_differ_in_the_date_alone_are_of_one_rule() -> None:
    assert name() == name("Анна, ждём Вас 05.12.2026 в 9:00", at="05.12.2026 09:00")
    assert name() == name("анна,  ждём вас\n24.11.2026 в 10:30 ")
    assert name() == name(ahead="60 мин, 1 день") == name(ahead="")
    assert name() == name(phone=" ", kind="", sender_id="", field="", urgent="", wait="Y")
    assert name().startswith(f"{REMIND}:")


@pytest.mark.parametrize(
    "more",
    [
        {"text": "Пётр, ждём Вас 24.11.2026 в 10:30"},
        {"text": "Завтра"},
        {"phone": "+375291112233"},
        {"kind": "marketing"},
        {"sender_id": "MyShop"},
        {"field": "UF_CRM_VISIT"},
        {"urgent": "Y"},
        {"ahead": "1 day"},
        {"ahead": "1 day, 2 hours"},
    ],
)
def test_what_reminds_of_something_else_or_somebody_else_is_another_rule(more: dict[str, str]) -> None:
    assert name(**more) != name()


def test_a_rule_with_a_wrong_time_ahead_has_no_name() -> None:
    with pytest.raises(ValueError, match="soon is no time ahead"):
        name(ahead="soon")


@given(TEXTS, TEXTS, st.sampled_from(["phone", "kind", "sender_id", "field", "urgent"]), TEXTS)
def test_a_rules_name_says_nothing_of_its_text(text: str, other: str, key: str, value: str) -> None:
    """It stands in the log."""
    found = rule_name({"text": text, key: value})
    assert re.fullmatch(rf"{REMIND}:[0-9a-f]{{16}}", found)
    assert found == rule_name({"text": f" {text}\n", key: f" {value} ", "at": other, "wait": other})

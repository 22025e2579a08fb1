"""Values of the CRM's fields as people read them."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.values import Currency, Known, event_values, is_readable, written
from a1gateway.bitrix24.crm_fields import CrmField

READABLE = [
    "string",
    "string_formatted",
    "text",
    "char",
    "integer",
    "double",
    "boolean",
    "date",
    "datetime",
    "money",
    "url",
    "address",
    "phone",
    "email",
    "enumeration",
    "crm_status",
    "crm_currency",
    "user",
    "employee",
]
# By Bitrix24's own code, those of the CRM and of custom fields; and what it may have another day.
UNREADABLE = [
    "crm",
    "crm_category",
    "crm_company",
    "crm_contact",
    "crm_deal",
    "crm_dynamic_type",
    "crm_entity",
    "crm_lead",
    "crm_multifield",
    "crm_product_row",
    "crm_quote",
    "disk_file",
    "file",
    "geo",
    "hlblock",
    "iblock_element",
    "iblock_section",
    "location",
    "recurring",
    "resourcebooking",
    "rest_5_colour",
    "video",
    "vote",
    "made_up",
    "",
]
KNOWN = Known(
    statuses={
        ("SOURCE", "CALL"): "Звонок",
        ("DEAL_STAGE", "NEW"): "Новая",
        ("DEAL_STAGE", "WON"): "Успех",
        ("DEAL_STAGE_5", "C5:NEW"): "Заявка",
        ("DYNAMIC_177_STAGE_3", "WON"): "Готово",
    },
    currencies={
        "BYN": Currency.read(
            {"FORMAT_STRING": "# BYN", "DEC_POINT": ".", "DECIMALS": "2", "THOUSANDS_SEP": "&nbsp;"}
        ),
        "USD": Currency.read({"FORMAT_STRING": "$#", "DEC_POINT": ".", "THOUSANDS_SEP": ",", "HIDE_ZERO": "Y"}),
    },
    users={7: "Анна Ковалёва"},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.from_regex(r"[-0-9.|:T+ eE]{1,25}"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def field(kind: str, *, multiple: bool = False, name: str = "UF_CRM_1", **more: Any) -> CrmField:
    return CrmField(name, "ufCrm_1", kind, multiple, "", more.pop("values", {}), **more)


def shown(kind: str, value: Any, **more: Any) -> str:
    return written(field(kind, **more), value, KNOWN)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-24T10:30:00+03:00", "24.11.2026 10:30"),
        ("2026-11-24T10:30:00+00:00", "24.11.2026 13:30"),
        ("2026-11-24T23:30:00+02:00", "25.11.2026 00:30"),
        ("2026-11-24T00:30:00+05:00", "23.11.2026 22:30"),
        ("2026-11-24T07:30:00Z", "24.11.2026 10:30"),
        ("24.11.2026 10:30:00", "24.11.2026 10:30"),
        ("0001-01-01T00:00:00+03:00", ""),
        ("tomorrow", ""),
        ("", ""),
        (None, ""),
        (20261124, "24.11.2026 09:00"),
        ({"date": "2026-11-24"}, ""),
    ],
)
def test_times_are_by_the_clock_in_minsk(value: Any, expected: str) -> None:
    assert shown("datetime", value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24",
        "2026-11-24T00:00:00+03:00",
        "2026-11-24T00:00:00+05:00",
        "2026-11-24T00:00:00-08:00",
        "2026-11-24T23:59:59Z",
        "24.11.2026",
        "24.11.2026 00:00:00",
    ],
)
def test_a_date_never_comes_to_another_day(value: str) -> None:
    assert shown("date", value) == "24.11.2026"


@given(st.dates(date(1970, 1, 1), date(2999, 12, 31)), st.integers(-12, 14))
def test_a_date_stays_whatever_the_portals_offset_is(day: date, offset: int) -> None:
    assert shown("date", f"{day.isoformat()}T00:00:00{offset:+03}:00") == f"{day:%d.%m.%Y}"


def test_the_moment_of_a_reminder_is_by_the_clock_in_minsk() -> None:
    moment = datetime.fromisoformat("2026-11-23T22:05:00+00:00").timestamp()
    assert event_values(moment) == {"DATE": "24.11.2026", "TIME": "01:05", "DAY": "24.11"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("300|BYN", "300,00 BYN"),
        ("1234.5|BYN", "1 234,50 BYN"),
        ("1234567.891|byn", "1 234 567,89 BYN"),
        ("0.125|BYN", "0,13 BYN"),
        ("999999999999999999.995|BYN", "1 000 000 000 000 000 000,00 BYN"),
        ("-5|BYN", "-5,00 BYN"),
        ("0|BYN", "0,00 BYN"),
        ("1234|USD", "$1 234"),
        ("1234.50|USD", "$1 234,50"),
        ("1234.5|EUR", "1 234,50 EUR"),
        ("1234.5|", "1 234,50"),
        ("1234.5", "1 234,50"),
        (1234.5, "1 234,50"),
        ("|BYN", ""),
        ("many|BYN", ""),
        ("NaN|BYN", ""),
        ("1e400|BYN", ""),
        ("9" * 50 + "|BYN", ""),
        ("", ""),
        (None, ""),
        (True, ""),
    ],
)
def test_money_has_its_currencys_form(value: Any, expected: str) -> None:
    assert shown("money", value) == expected


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({}, "1 234,50"),
        ({"FORMAT_STRING": "# р.", "THOUSANDS_SEP": "&nbsp;"}, "1 234,50 р."),
        ({"FORMAT_STRING": "#\u202fр.", "THOUSANDS_SEP": "\u202f"}, "1 234,50 р."),
        ({"FORMAT_STRING": "&#8364;#", "THOUSANDS_SEP": ""}, "€1 234,50"),
        ({"FORMAT_STRING": "руб.", "THOUSANDS_SEP": None}, "1 234,50 руб."),
        ({"FORMAT_STRING": "<b>#</b> BYN", "DECIMALS": 0}, "1 235 BYN"),
        ({"FORMAT_STRING": "# BYN", "DECIMALS": "3", "DEC_POINT": "."}, "1 234,500 BYN"),
        ({"FORMAT_STRING": "# BYN", "DECIMALS": "9" * 5000}, "1 234,50000000 BYN"),
        ({"FORMAT_STRING": "# BYN", "DECIMALS": "-1", "DEC_POINT": None}, "1 234,50 BYN"),
        ({"FORMAT_STRING": "# BYN", "THOUSANDS_VARIANT": "D"}, "1 234,50 BYN"),
        ({"FORMAT_STRING": "# BYN", "THOUSANDS_VARIANT": "N"}, "1 234,50 BYN"),
        ({"FORMAT_STRING": "# BYN", "THOUSANDS_VARIANT": "B"}, "1 234,50 BYN"),
        ({"FORMAT_STRING": "# BYN", "THOUSANDS_SEP": "&thinsp;"}, "1 234,50 BYN"),
        ({"FORMAT_STRING": ["#"], "DECIMALS": {}, "DEC_POINT": 5, "THOUSANDS_SEP": 7}, "1 234,50"),
    ],
)
def test_forms_of_currencies(described: dict[str, Any], expected: str) -> None:
    assert Currency.read(described).written(Decimal("1234.5")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "5"),
        ("5", "5"),
        (5.0, "5"),
        ("5.50", "5,5"),
        (0.1, "0,1"),
        (0, "0"),
        (-3, "-3"),
        ("100", "100"),
        ("1e3", "1000"),
        ("five", ""),
        (float("inf"), ""),
        (float("nan"), ""),
        (True, ""),
    ],
)
@pytest.mark.parametrize("kind", ["integer", "double"])
def test_numbers(kind: str, value: Any, expected: str) -> None:
    assert shown(kind, value) == expected


@pytest.mark.parametrize("value", [True, 1, "1", "Y"])
def test_yes(value: Any) -> None:
    assert shown("boolean", value) == "да"


@pytest.mark.parametrize("value", [False, 0, "0", "N"])
def test_no(value: Any) -> None:
    assert shown("boolean", value) == "нет"


@pytest.mark.parametrize("value", [None, "", "maybe", [], {}, 2])
def test_neither_yes_nor_no(value: Any) -> None:
    assert shown("boolean", value) == ""


def test_a_lists_value_has_its_name() -> None:
    values = {"44": "Доставка", "45": "Самовывоз"}
    assert shown("enumeration", "44", values=values) == "Доставка"
    assert shown("enumeration", 45, values=values) == "Самовывоз"
    assert shown("enumeration", [44, "45"], values=values, multiple=True) == "Доставка, Самовывоз"
    assert shown("enumeration", [44, 99], values=values, multiple=True) == "Доставка"
    assert shown("enumeration", 99, values=values) == ""


@pytest.mark.parametrize(
    ("value", "name", "status_type", "expected"),
    [
        ("CALL", "SOURCE_ID", "SOURCE", "Звонок"),
        ("NEW", "SOURCE_ID", "SOURCE", ""),
        ("FAX", "SOURCE_ID", "SOURCE", ""),
        ("NEW", "STAGE_ID", "DEAL_STAGE", "Новая"),
        ("C5:NEW", "STAGE_ID", "DEAL_STAGE", "Заявка"),
        ("C5:NEW", "STAGE_ID", "", "Заявка"),
        ("C9:NEW", "STAGE_ID", "DEAL_STAGE", ""),
        ("WON", "STAGE_ID", "DEAL_STAGE", "Успех"),
        # Two pipelines call two stages so.
        ("WON", "STAGE_ID", "", ""),
    ],
)
def test_a_stage_or_a_source_has_its_name(value: str, name: str, status_type: str, expected: str) -> None:
    assert shown("crm_status", value, name=name, status_type=status_type) == expected


def test_people_have_their_names() -> None:
    assert shown("user", 7) == "Анна Ковалёва"
    assert shown("employee", ["7", 8], multiple=True) == "Анна Ковалёва"
    assert shown("user", 8) == shown("user", "7" * 5000) == ""


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", ["a", "", None, "b"], "a, b"),
        ("string", {"3": "a", "5": "b"}, "a, b"),
        ("string", "a", "a"),
        ("string", False, ""),
        ("string", [], ""),
        ("date", ["2026-11-24T00:00:00+03:00", "2026-12-01T00:00:00+03:00"], "24.11.2026, 01.12.2026"),
        ("money", ["300|BYN", "5|USD"], "300,00 BYN, $5"),
        ("boolean", [1, 0], "да, нет"),
        ("url", ["https://a.by", "https://b.by|B"], "https://a.by, https://b.by"),
    ],
)
def test_several_values_are_joined(kind: str, value: Any, expected: str) -> None:
    assert shown(kind, value, multiple=True) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Дверь", "Дверь"),
        ("<b>Дверь</b> &amp; окно", "Дверь & окно"),
        ("Дверь<br />окно<br>стул", "Дверь\nокно\nстул"),
        ("<p>Дверь</p><p>Окно</p>", "Дверь\nОкно"),
        ('<a href="https://a.by?x=1">Сайт</a>', "Сайт"),
        ("Дверь<!-- белая -->", "Дверь"),
        ("[b]Дверь[/b] [url=https://a.by]сайт[/url]", "Дверь сайт"),
        ("[p]Дверь[/p][list][*]окно[/list]", "Дверьокно"),
        ("[B]Дверь[/B] [color=#ff0000]красная[/color] [disk file id=n5]", "Дверь красная"),
        ("[SMS] [Premium] [important]", "[SMS] [Premium] [important]"),
        ("2 < 3 и 5 > 4", "2 < 3 и 5 > 4"),
        ("<Дверь>", "<Дверь>"),
        ("Дверь\xa0белая&nbsp;", "Дверь белая"),
        ("&lt;b&gt;", "<b>"),
        ("&#8364;5 &#x20AC;5 &AMP;", "€5 €5 &"),
        ("&amp;amp; &nonsense; &copyright;", "&amp; &nonsense; &copyright;"),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";"),
        ("https://pay.by/?sum=99&currency=BYN", "https://pay.by/?sum=99&currency=BYN"),
        ("https://a.by/?a&section=1&region=2&amp;param=3", "https://a.by/?a&section=1&region=2&param=3"),
        ("  Дверь ", "Дверь"),
        ("№ 5 {x} #y#", "№ 5 {x} #y#"),
        (5, "5"),
        (5.0, "5"),
        (5.5, "5.5"),
        (True, ""),
        ({"a": 1}, ""),
    ],
)
@pytest.mark.parametrize("kind", ["string", "string_formatted", "text", "phone", "email"])
def test_texts_have_no_codes(kind: str, value: Any, expected: str) -> None:
    assert shown(kind, value) == expected


@given(st.lists(st.sampled_from(["currency", "section", "region", "param", "timestamp", "notify", "lt", "a"])))
def test_the_parameters_of_a_link_stay(names: list[str]) -> None:
    link = "https://pay.by/?sum=99" + "".join(f"&{name}=1" for name in names)
    assert shown("string", link) == shown("text", link) == link


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://a.by/?a=1&b=2", "https://a.by/?a=1&b=2"),
        ("https://a.by|Сайт", "https://a.by"),
        ("https://a.by|", "https://a.by"),
        ("", ""),
    ],
)
def test_addresses_of_pages(value: str, expected: str) -> None:
    assert shown("url", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("г. Минск, ул. Ленина, 5|53.9;27.56|123", "г. Минск, ул. Ленина, 5"),
        ("г. Минск, ул. Ленина, 5|;|", "г. Минск, ул. Ленина, 5"),
        ("г. Минск&nbsp;", "г. Минск"),
        ("|53.9;27.56|", ""),
    ],
)
def test_an_address_has_no_point_on_the_map(value: str, expected: str) -> None:
    assert shown("address", value) == expected


def test_a_currency_is_written_by_its_code() -> None:
    assert shown("crm_currency", "BYN") == "BYN"


def test_a_flag_is_yes_or_no() -> None:
    assert [shown("char", each) for each in ("Y", "N", "S", "")] == ["да", "нет", "", ""]


@pytest.mark.parametrize("kind", UNREADABLE)
@pytest.mark.parametrize("value", [5, "5", [5, 6], {"id": 5, "url": "https://a.by"}, "D_5", True])
def test_what_only_the_portal_understands_is_not_written(kind: str, value: Any) -> None:
    assert shown(kind, value) == shown(kind, value, multiple=True) == ""
    assert not is_readable(kind)


@given(st.text(), st.booleans(), JSON)
def test_of_types_that_nobody_knows_nothing_is_written(kind: str, multiple: bool, value: Any) -> None:
    if kind not in READABLE:
        assert shown(kind, value, multiple=multiple) == ""


@given(st.sampled_from(READABLE + UNREADABLE), st.booleans(), JSON)
def test_whatever_comes_is_a_text(kind: str, multiple: bool, value: Any) -> None:
    result = shown(kind, value, multiple=multiple, values={"1": "Да"})
    assert isinstance(result, str)
    assert result == result.strip()


@given(
    st.sampled_from(["enumeration", "crm_status"]),
    st.booleans(),
    JSON | st.integers(0, 50) | st.lists(st.integers(0, 50) | st.integers(0, 50).map(str)),
)
def test_the_id_of_a_lists_value_is_never_written(kind: str, multiple: bool, value: Any) -> None:
    values = {str(number): f"значение {'абвгдежзий'[number]}" for number in range(10)}
    result = shown(kind, value, multiple=multiple, values=values)
    assert result == "" or re.fullmatch(r"значение [а-й](, значение [а-й])*", result)


@given(
    st.dictionaries(st.sampled_from(["FORMAT_STRING", "DECIMALS", "DEC_POINT", "THOUSANDS_SEP", "HIDE_ZERO"]), JSON)
)
def test_whatever_describes_a_currency_its_amounts_are_written(described: dict[str, Any]) -> None:
    assert "1" in Currency.read(described).written(Decimal("1234.5"))


@given(st.decimals(-(10**12), 10**12, places=2))
def test_an_amount_can_be_read_back(amount: Decimal) -> None:
    result = shown("money", f"{amount}|BYN").removesuffix(" BYN")
    assert Decimal(result.replace(" ", "").replace(",", ".")) == amount

"""Templates of SMS texts: what is a placeholder, what is a text, and what is a fault."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.template import Filled, Placeholder, Prefix, Template, TemplateFault

KNOWN_SIGNS = re.compile(rf"#(?:{'|'.join(Prefix)})_[A-Z0-9_]*[A-Z0-9]#", re.IGNORECASE | re.ASCII)
# What is in templates, and what is nearly that.
PIECES = st.sampled_from(
    [*"#{}|_ \r\n", *Prefix, "DEAL_", "_TITLE", "TITLE", "NAME", "UF_CRM_1", "ЗАКАЗ", "скидка", "FOO", "5", "deal"]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)


def only(text: str) -> Placeholder:
    """The placeholder that a text consists of."""
    (part,) = Template.read(text).parts
    assert isinstance(part, Placeholder)
    return part


def filled(text: str, **values: str) -> str | None:
    """A text with values, by `PREFIX_FIELD`."""
    return Template.read(text).fill(lambda each: values.get(f"{each.prefix}_{each.field}", "")).text


@pytest.mark.parametrize("prefix", Prefix)
def test_every_kind_of_document_has_fields(prefix: Prefix) -> None:
    assert only(f"#{prefix}_TITLE#") == Placeholder(prefix, "TITLE", None, f"#{prefix}_TITLE#")


@pytest.mark.parametrize(
    ("written", "prefix", "field"),
    [
        ("#deal_title#", Prefix.DEAL, "TITLE"),
        ("# DEAL_TITLE #", Prefix.DEAL, "TITLE"),
        ("#DEAL_UF_CRM_1700000000#", Prefix.DEAL, "UF_CRM_1700000000"),
        ("#ITEM_ufCrm7_1700000000#", Prefix.ITEM, "UFCRM7_1700000000"),
        ("{NAME}", Prefix.DOCUMENT, "NAME"),
        ("{ LAST_NAME }", Prefix.DOCUMENT, "LAST_NAME"),
        ("{TITLE}", Prefix.DOCUMENT, "TITLE"),
        ("{UF_CRM_1}", Prefix.DOCUMENT, "UF_CRM_1"),
    ],
)
def test_ways_to_write_a_field(written: str, prefix: Prefix, field: str) -> None:
    assert only(written) == Placeholder(prefix, field, None, written)


@pytest.mark.parametrize(
    ("written", "fallback"),
    [
        ("#CONTACT_NAME|клиент#", "клиент"),
        ("#CONTACT_NAME| клиент#", " клиент"),
        ("#CONTACT_NAME|#", ""),
        ("#CONTACT_NAME|a|b#", "a|b"),
        ("#CONTACT_NAME|Уважаемый\r\nклиент#", "Уважаемый\r\nклиент"),
        (f"#CONTACT_NAME|{'клиент ' * 40}#", "клиент " * 40),
        ("{NAME|клиент}", "клиент"),
        ("{NAME|дорогой\nклиент}", "дорогой\nклиент"),
        ("{NAME|}", ""),
        ("#CONTACT_NAME#", None),
    ],
)
def test_fallbacks(written: str, fallback: str | None) -> None:
    assert only(written).fallback == fallback


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Заказ #5",
        "Заказы #5 и #6",
        "№ 3 # 4",
        "{скидка}",
        "##",
        "# #",
        "#|#",
        "{}",
        "{name}",
        "{N}",
        "{5}",
        "#скидка#",
        "#sale#",
        "#OK#",
        "#DEAL_TITLE",
        "DEAL_TITLE#",
        "#DEAL\nTITLE#",
        "#DEAL_TITLE\n#",
        "{NAME\n}",
        "Заказ #5 | 2 шт\nи #6",
        "{скидка|\n}",
    ],
)
def test_other_signs_are_text(text: str) -> None:
    assert Template.read(text).placeholders == ()
    assert filled(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "#DEEL_TITLE#",
        "#DEAL_#",
        "#FOO_BAR|x#",
        "#_TITLE#",
        "#TITLE#",
        "#DEAL#",
        "#deel_title#",
        f"#DEAL{'_' * 300}#",
        "#FOO_BAR|a\nb#",
        "Заказ #5, #DEEL_TITLE#",
    ],
)
def test_what_looks_like_a_field_and_is_none_is_a_fault(text: str) -> None:
    with pytest.raises(TemplateFault, match=re.escape("no such field")) as fault:
        Template.read(text)
    assert "DEAL" in str(fault.value)


def test_a_fault_names_the_place() -> None:
    with pytest.raises(TemplateFault, match=r"^#DEEL_TITLE\|x#: "):
        Template.read("Заказ #DEAL_TITLE# и #DEEL_TITLE|x# готов")


def test_a_sign_before_a_field_takes_nothing_from_it() -> None:
    assert filled("Заказ #5 (#DEAL_TITLE#) и #6", DEAL_TITLE="Дверь") == "Заказ #5 (Дверь) и #6"
    assert filled("##DEAL_TITLE##", DEAL_TITLE="Дверь") == "#Дверь#"
    assert filled("{{NAME}}", DOCUMENT_NAME="Анна") == "{Анна}"


def test_a_field_that_stands_there_twice_is_asked_for_once() -> None:
    asked = []

    def value_of(placeholder: Placeholder) -> str:
        asked.append(placeholder.field)
        return "Анна"

    assert Template.read("{NAME}, {NAME}!").fill(value_of) == Filled("Анна, Анна!")
    assert asked == ["NAME"]


def test_values_and_fallbacks_are_put_in() -> None:
    text = "{NAME|Клиент}, заказ #DEAL_TITLE##DEAL_NOTE|#"
    assert filled(text, DOCUMENT_NAME="Анна", DEAL_TITLE="7", DEAL_NOTE=" ") == "Анна, заказ 7"
    assert filled(text, DEAL_TITLE="7", DEAL_NOTE="!") == "Клиент, заказ 7!"


def test_a_field_without_a_value_and_a_fallback_leaves_no_text() -> None:
    template = Template.read("{NAME} #DEAL_TITLE# #DEAL_NOTE|#")
    first, second, _ = template.placeholders
    assert template.fill(lambda _: " \t\0") == Filled(None, (first, second))


def test_nothing_is_put_in_twice() -> None:
    text = "#DEAL_TITLE# {NAME}"
    assert filled(text, DEAL_TITLE="{NAME} #DEAL_TITLE#", DOCUMENT_NAME="#DEAL_TITLE#") == (
        "{NAME} #DEAL_TITLE# #DEAL_TITLE#"
    )


def test_two_values_side_by_side_make_no_field() -> None:
    assert filled("#DEAL_A##DEAL_B#", DEAL_A="#DEAL_", DEAL_B="A#") == "#DEAL_A#"


def test_characters_that_no_sms_has_are_taken_out_of_values() -> None:
    assert filled("[#DEAL_TITLE#]", DEAL_TITLE="\x00 Две\x1bрь\x7f\u0085\r\nи\tокно\ud800 \n") == "[Дверь\r\nи\tокно]"


@given(st.text(st.characters(exclude_characters="#{")))
def test_a_text_without_signs_comes_out_unchanged(text: str) -> None:
    assert filled(text) == text


@given(TEXTS, st.text(st.characters(exclude_characters="#{}", exclude_categories=["C", "Z"]), min_size=1))
def test_no_placeholder_of_a_known_kind_is_left(text: str, value: str) -> None:
    try:
        template = Template.read(text)
    except TemplateFault:
        return
    result = template.fill(lambda _: value).text
    assert result is not None
    assert not any(KNOWN_SIGNS.search(part) for part in template.parts if isinstance(part, str))
    if not any(each.fallback for each in template.placeholders):
        assert not KNOWN_SIGNS.search(result)


@given(TEXTS, st.text(max_size=20))
def test_whatever_is_written_stands_in_the_parts(text: str, value: str) -> None:
    try:
        template = Template.read(text)
    except TemplateFault:
        return
    assert "".join(part if isinstance(part, str) else part.written for part in template.parts) == text
    result = template.fill(lambda _: value)
    assert (result.text is None) == bool(result.empty)

"""Templates of SMS texts: what is a placeholder, what is a text, and what is a fault."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.automation.template import Filled, Placeholder, Prefix, Problem, Template, TemplateFault

KNOWN_SIGNS = re.compile(rf"#(?:{'|'.join(Prefix)})_")
KNOWN_SIGNS_IN_SMALL_LETTERS = re.compile(rf"(?:^|\s)#(?:{'|'.join(Prefix)})_", re.IGNORECASE)
ENDS = re.compile(rf"(?<!\w)(?:{'|'.join(Prefix)})_\w+#")
# What is in templates, and what is nearly that.
PIECES = st.sampled_from(
    [*"#{}|_. \r\n", *Prefix, "DEAL_", "_TITLE", "TITLE", "NAME", "UF_CRM_1", "ЗАКАЗ", "скидка", "FOO", "5"]
    + ["deal", "name", "Имя", "{=Document:TITLE}", "https://shop.by/", "#DEAL_TITLE#", "#CONTACT_NAME|"]
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
        "№ 5",
        "C#",
        "#1 в Минске",
        "акция #скидки #минск",
        "акция #чёрная_пятница #минск",
        "#deal #sale",
        "Цена 1 250,50 BYN",
        "https://shop.by/#/cart",
        "https://shop.by/a#b",
        "https://shop.by/#/cart и https://shop.by/a#b",
        "https://shop.by/#contact_us и https://shop.by/#item_5",
        "https://shop.by/item_view#photos",
        "{",
        "{ и }",
        "{две вещи}",
        "{10:30}",
        "##",
        "# #",
        "#|#",
        "{}",
        "{N}",
        "{5}",
        "#скидка#",
        "#sale#",
        "#OK#",
        "#DEAL\nTITLE#",
        "Заказ #5 | 2 шт\nи #6",
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
        "#КОНТАКТ_ИМЯ#",
        "#КОНТАКТ_ИМЯ|клиент#",
        "#СONTACT_NAME#",
        "#DEAL_ТЕМА#",
        "#deal#",
    ],
)
def test_what_looks_like_a_field_and_is_none_is_a_fault(text: str) -> None:
    with pytest.raises(TemplateFault, match=re.escape("no such field")) as fault:
        Template.read(text)
    assert "one of CONTACT, DEAL" in str(fault.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("#CONTACT NAME#", "#CONTACT NAME#: no such field; write #CONTACT_NAME#"),
        ("#Contact name|клиент#", "#Contact name|клиент#: no such field; write #CONTACT_NAME#"),
        ("#DEAL.TITLE#", "#DEAL.TITLE#: no such field; write #DEAL_TITLE#"),
        ("{name}", "{name}: no such field; write {NAME}"),
        ("{Name}", "{Name}: no such field; write {NAME}"),
        ("{name|клиент}", "{name|клиент}: no such field; write {NAME}"),
        ("{last_name}", "{last_name}: no such field; write {LAST_NAME}"),
        ("{LAST NAME}", "{LAST NAME}: no such field; write {LAST_NAME}"),
        ("{Deal.Title}", "{Deal.Title}: no such field; write #DEAL_TITLE#"),
        ("{имя}", "{имя}: no such field; write the field's name in capital Latin letters, such as {NAME}"),
        ("{{Имя}}", "{Имя}: no such field; write the field's name in capital Latin letters, such as {NAME}"),
        (
            "{=Document:TITLE}, ждём",
            "{=Document:TITLE}: fields are not named in Bitrix24's own way here; write {TITLE}",
        ),
        (
            "{=Document:UF_CRM_1 > printable}",
            "{=Document:UF_CRM_1 > printable}: fields are not named in Bitrix24's own way here; write {UF_CRM_1}",
        ),
        (
            "{=Document:TITLE\n",
            "{=Document:TITLE: fields are not named in Bitrix24's own way here; write {TITLE}",
        ),
        (
            "{{Контакт: Имя}}, ждём",
            "{{Контакт: Имя}}: fields are not named in Bitrix24's own way here; write {TITLE} or #CONTACT_NAME#",
        ),
        ("#DEAL_TITLE готов", "#DEAL_TITLE: a # is missing; write #DEAL_TITLE#"),
        ("#deal_title готов", "#deal_title: a # is missing; write #DEAL_TITLE#"),
        ("https://shop.by/#DEAL_ID", "#DEAL_ID: a # is missing; write #DEAL_ID#"),
        ("#DEAL_TITLE\n#", "#DEAL_TITLE: a # is missing; write #DEAL_TITLE#"),
        ("Заказ DEAL_ID# готов", "DEAL_ID#: a # is missing; write #DEAL_ID#"),
        ("https://shop.by/DEAL_ID#", "DEAL_ID#: a # is missing; write #DEAL_ID#"),
        ("CONTACT_NAME|клиент#", "CONTACT_NAME|клиент#: a # is missing; write #CONTACT_NAME#"),
        ("#DEAL_TITLE#DEAL_ID#", "DEAL_ID#: a # is missing; write #DEAL_ID#"),
        ("#CONTACT_NAME|клиент, ждём", "#CONTACT_NAME: a # is missing; write #CONTACT_NAME#"),
        (
            "#CONTACT_NAME|клиент! Заказ #DEAL_ID# готов",
            "#CONTACT_NAME|клиент! Заказ #DEAL_ID#: a # is missing; one ends the fallback, one begins the field",
        ),
        ("{NAME, ждём", "{NAME: the brace is not closed; write {NAME}"),
        ("{NAME|друг, заказ #DEAL_ID#", "{NAME: the brace is not closed; write {NAME}"),
        ("{NAME\n}", "{NAME: the brace is not closed; write {NAME}"),
        (
            "#CONTACT_NAME|{NAME|друг}#",
            "#CONTACT_NAME|{NAME|друг}#: no field can stand in a fallback; write words that suit everybody",
        ),
        (
            "{NAME|#CONTACT_NAME#}",
            "{NAME|#CONTACT_NAME#}: no field can stand in a fallback; write words that suit everybody",
        ),
        (
            "#CONTACT_NAME|{имя}#",
            "#CONTACT_NAME|{имя}#: no field can stand in a fallback; write words that suit everybody",
        ),
    ],
)
def test_what_was_to_be_a_field_is_a_fault_that_says_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(TemplateFault) as fault:
        Template.read(text)
    assert str(fault.value) == problem


@pytest.mark.parametrize(
    ("text", "problem", "written", "instead"),
    [
        ("Заказ #DEAL TITLE#", Problem.NO_SUCH_FIELD, "#DEAL TITLE#", "#DEAL_TITLE#"),
        ("Заказ #DEEL_TITLE#", Problem.NO_SUCH_PREFIX, "#DEEL_TITLE#", ""),
        ("{имя}, ждём", Problem.NOT_A_NAME, "{имя}", ""),
        ("{name}, ждём", Problem.NO_SUCH_FIELD, "{name}", "{NAME}"),
        ("#DEAL_TITLE готов", Problem.SIGN_MISSING, "#DEAL_TITLE", "#DEAL_TITLE#"),
        ("#CONTACT_NAME|Вы! №#DEAL_ID#", Problem.ONE_SIGN_FOR_TWO, "#CONTACT_NAME|Вы! №#DEAL_ID#", ""),
        ("#CONTACT_NAME|{NAME}#", Problem.FIELD_IN_FALLBACK, "#CONTACT_NAME|{NAME}#", ""),
        ("{=Document:TITLE}, ждём", Problem.WAY_OF_BITRIX24, "{=Document:TITLE}", "{TITLE}"),
        ("{{Контакт: Имя}}", Problem.WAY_OF_BITRIX24, "{{Контакт: Имя}}", "#CONTACT_NAME#"),
        ("{NAME, ждём", Problem.BRACE_NOT_CLOSED, "{NAME", "{NAME}"),
    ],
)
def test_a_fault_can_be_told_in_other_words(text: str, problem: Problem, written: str, instead: str) -> None:
    with pytest.raises(TemplateFault) as fault:
        Template.read(text)
    assert (fault.value.problem, fault.value.written, fault.value.instead) == (problem, written, instead)


def test_for_people_a_placeholder_without_a_value_stands_as_it_is_written() -> None:
    template = Template.read("{NAME|Клиент}, заказ #DEAL_TITLE# на #DEAL_SUM#")
    values = template.values(lambda each: "Шкаф " if each.field == "TITLE" else "")
    assert template.with_values(values) == "Клиент, заказ Шкаф на #DEAL_SUM#"


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


@given(TEXTS, st.text(st.characters(exclude_characters="#{}_", exclude_categories=["C", "Z"]), min_size=1))
def test_no_placeholder_of_a_known_kind_is_left(text: str, value: str) -> None:
    try:
        template = Template.read(text)
    except TemplateFault:
        return
    result = template.fill(lambda _: value).text
    assert result is not None
    for part in template.parts:
        assert isinstance(part, Placeholder) or not KNOWN_SIGNS.search(part)
        assert isinstance(part, Placeholder) or not KNOWN_SIGNS_IN_SMALL_LETTERS.search(part)
        assert isinstance(part, Placeholder) or not ENDS.search(part)
    if not any(each.fallback for each in template.placeholders):
        assert not KNOWN_SIGNS.search(result)


@given(TEXTS | st.text())
def test_whatever_is_written_is_a_template_or_a_fault_on_one_line(text: str) -> None:
    said = "#X: a # is missing; write #X#"
    try:
        Template.read(text)
    except TemplateFault as fault:
        said = str(fault)
    assert said.isprintable()
    assert re.search(r": .*; ", said)


@given(st.lists(st.sampled_from(["заказ #15", "C#", "#1", "№ 5", "{", "#скидки", "https://shop.by/#/cart", "5,00"])))
def test_ordinary_words_stay_in_whatever_order(words: list[str]) -> None:
    assert filled(" ".join(words)) == " ".join(words)


@given(TEXTS, st.text(max_size=20))
def test_whatever_is_written_stands_stands_in_the_parts(text: str, value: str) -> None:
    try:
        template = Template.read(text)
    except TemplateFault:
        return
    assert "".join(part if isinstance(part, str) else part.written for part in template.parts) == text
    result = template.fill(lambda _: value)
    assert (result.text is None) == bool(result.empty)

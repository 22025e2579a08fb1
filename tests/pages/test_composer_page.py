"""Writing a text: what it comes to, what would make it shorter, its price, and its fields filled from the CRM."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.admission import Admission
from a1gateway.automation.documents import DocumentReader
from a1gateway.automation.template import Template, TemplateFault
from a1gateway.bitrix24.item import COMPANY, CONTACT, DEAL, LEAD, Item
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.carriers.a1answers import Cost
from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.journal import Journal, Store
from a1gateway.pages.composer_page import ComposerPages, item_of
from a1gateway.pages.views import Page
from a1gateway.sandbox import crm as sandbox
from a1gateway.sandbox.crm import Phone
from a1gateway.text import parts

from ..portal_in_memory import PortalInMemory
from .test_setup_page import FakePrices
from .world import ADMIN, MANAGER, Reply, Visit, World

SCRIPT = "<script>alert('x')</script>"
TEMPLATE = "#CONTACT_NAME|Здравствуйте#, заказ #DEAL_TITLE# готов"


class Bench:
    """The page between a portal in memory, as the application sees it, and the visitor's own view of it."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path, *, priced: bool = True) -> None:
        self.crm = PortalInMemory(clock)
        self.crm.crm.empty()
        self.prices = FakePrices()
        self.clock = clock

        def pages(world: World) -> list[Page]:
            reader = DocumentReader(clock, self.crm)
            prices = self.prices if priced else None
            return ComposerPages(clock, reader, world.users, Admission(3, "MyShop"), prices).pages()

        self.world = World(clock, journal, store, folder, more=pages)

    def deal(self, title: str = "Шкаф", name: str = "Анна") -> int:
        """A deal of a contact, which its visitors may see."""
        crm = self.crm.crm
        phone = Phone(crm.next_id(), "+375291112233")
        anna = sandbox.Item(crm.next_item_id(CONTACT), name=name, phones=(phone,))
        crm.added(CONTACT, anna)
        deal = sandbox.Item(crm.next_item_id(DEAL), title=title, contact_ids=(anna.id,))
        crm.added(DEAL, deal)
        self.world.portal.items[DEAL, deal.id] = {"title": title}
        return deal.id


@pytest.fixture
def bench(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Bench:
    return Bench(clock, journal, store, tmp_path)


@pytest.fixture
def over_smpp(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Bench:
    return Bench(clock, journal, store, tmp_path, priced=False)


def look(visit: Visit, text: str, *, document: str = "", number: str = "") -> Reply:
    reply = visit.page("composer-look", text=text, document=document, number=number)
    assert reply.code == 200, reply.text
    return reply


def figures(reply: Reply) -> list[str]:
    """What stands in the tiles."""
    return [html.unescape(each) for each in re.findall(r"<b>([^<]*)</b>", reply.text.partition("</ul>")[0])]


def offered(reply: Reply) -> list[str]:
    """The texts that buttons put in the place of this one."""
    return [html.unescape(each) for each in re.findall(r'data-value="([^"]*)"', reply.text)]


def asked_price(reply: Reply) -> dict[str, str]:
    """What the price is asked with."""
    found = re.search(r"composer-price\".*?hx-vals='([^']*)'", reply.text)
    assert found is not None, reply.text
    sent: dict[str, str] = json.loads(html.unescape(found[1]))
    return sent


@pytest.mark.parametrize("page", ["composer", "composer-look", "composer-price"])
def test_managers_see_none_of_it(bench: Bench, page: str) -> None:
    assert bench.world.enter(MANAGER).page(page).code == 403


# What a text comes to


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Order 4182", ["1", "…", "10", "150"]),
        ("a" * 160, ["1", "…", "160", "0"]),
        ("a" * 161, ["2", "…", "161", "145"]),
        ("[" * 80, ["1", "…", "80", "0"]),
        ("ж" * 70, ["1", "…", "70", "0"]),
        ("ж" * 71, ["2", "…", "71", "63"]),
        ("ж" * 66 + "😀", ["1", "…", "67", "2"]),
        ("a\r\nb", ["1", "…", "3", "157"]),
        (" a ", ["1", "…", "3", "157"]),
    ],
)
def test_segments_characters_and_room_are_those_that_are_charged(bench: Bench, text: str, told: list[str]) -> None:
    assert figures(look(bench.world.enter(), text, number="291112233")) == told


def test_an_empty_text_says_what_to_do(bench: Bench) -> None:
    reply = look(bench.world.enter(), "")
    assert figures(reply) == []
    assert "Пишите" in reply.text


def test_a_gsm_text_needs_no_reason_and_says_what_counts_as_two(bench: Bench) -> None:
    text = look(bench.world.enter(), "Order [4182] at 10 €").text
    assert "Алфавит GSM" in text
    assert "здесь таких 3" in text
    assert 'class="signs"' not in text


def test_what_makes_it_ucs2_is_named_each_with_what_can_stand_for_it(bench: Bench) -> None:
    text = html.unescape(look(bench.world.enter(), "«A»\u00a0— №5\u200b ☎ Привет").text)
    signs = [re.sub(r"\s+|</?code>", "", each) for each in re.findall(r"<li>(<code>.*?|\d+ буке?в.*?)</li>", text)]
    assert signs == [
        "6буквкириллицы",
        '«→"',
        '»→"',
        "U+00A0→пробел",
        "—→-",
        "№→N",
        "U+200B→убрать",
        "☎",
    ]


def test_signs_and_letters_are_replaced_at_a_press_and_it_says_what_that_saves(bench: Bench) -> None:
    text = "«Order 4182» is ready — come and take it" + " today" * 8
    reply = look(bench.world.enter(), text)
    (plain,) = offered(reply)
    assert plain == text.replace("«", '"').replace("»", '"').replace("—", "-")
    assert "Станет: 1 сегмент." in reply.text
    russian = "Заказ № 4182 готов, ждём Вас. " * 4
    reply = look(bench.world.enter(), russian)
    assert [each[:21] for each in offered(reply)] == ["Заказ N 4182 готов, ж", "Zakaz N 4182 gotov, z"]
    assert "Сегментов останется столько же." in reply.text
    assert "Станет: 1 сегмент." in reply.text


def test_fields_of_a_template_stay_when_its_letters_are_replaced(bench: Bench) -> None:
    assert offered(look(bench.world.enter(), TEMPLATE))[-1] == "#CONTACT_NAME|Zdravstvuyte#, zakaz #DEAL_TITLE# gotov"


def test_a_text_that_is_too_long_to_be_sent_says_so(bench: Bench) -> None:
    assert "a1.max_segments (3)" in look(bench.world.enter(), "ж" * 202).text
    assert "a1.max_segments" not in look(bench.world.enter(), "ж" * 201).text


def test_a_few_characters_too_many_are_named(bench: Bench) -> None:
    assert "Уберите знаков: 2," in look(bench.world.enter(), "ж" * 72).text


def test_the_parts_are_shown_one_by_one(bench: Bench) -> None:
    text = "Заказ готов. " * 12
    shown = re.findall(
        r'<p class="whole-text"><span class="unseen">.*?</span>(.*?)</p>', look(bench.world.enter(), text).text
    )
    assert shown == parts(text)


def test_script_is_shown_as_text(bench: Bench) -> None:
    bench.deal(title=SCRIPT, name=SCRIPT)
    page = bench.world.enter().page("composer", text=f"{SCRIPT} «Ж» {TEMPLATE} " * 3, document=SCRIPT, number=SCRIPT)
    assert page.code == 200
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_a_change_of_language_keeps_what_was_typed(bench: Bench) -> None:
    number = str(bench.deal())
    typed = {"text": "\n Текст ", "document": number, "number": "+375 29 1", "speak": "be", "shell": "1"}
    page = bench.world.enter().page("composer", typed).text
    assert ">\n\n Текст </textarea>" in page
    assert f'value="{number}"' in page
    assert 'value="+375 29 1"' in page
    assert 'lang="be"' in page


@pytest.mark.parametrize("language", ["ru", "be", "en"])
@pytest.mark.parametrize(
    "text", ["", "Order [1]", "Заказ № 1 😀 " * 20, TEMPLATE, "#DEEL_TITLE#", "#DEAL_TITLE", "{имя}"]
)
def test_it_speaks_every_language(bench: Bench, language: str, text: str) -> None:
    page = bench.world.enter().page("composer", text=text, document=str(bench.deal()), speak=language)
    assert page.code == 200
    said = re.sub(r"<textarea.*?</textarea>|hx-\w+='[^']*'|<table>.*?</table>", "", page.text, flags=re.S)
    own = ("{имя}", "{imya}", "{NAME}", "^ { }")
    assert "{" not in re.sub("|".join(map(re.escape, own)), "", said)


# The price


def test_the_price_is_a1s_for_the_number_that_is_given(bench: Bench) -> None:
    visit = bench.world.enter()
    price = asked_price(look(visit, "Заказ готов", number="8 029 111-22-33"))
    assert price == {"to": "+375291112233", "priced": "Заказ готов"}
    assert bench.prices.asked == []
    assert "0,045 BYN" in visit.page("composer-price", price).text
    assert bench.prices.asked == [("Заказ готов", ["+375291112233"], "MyShop")]


def test_without_a_number_the_visitors_own_is_taken_then_that_of_the_deal(bench: Bench) -> None:
    visit = bench.world.enter()
    assert "укажите номер" in look(visit, "Заказ").text
    assert asked_price(look(visit, "Заказ", document=str(bench.deal())))["to"] == "+375291112233"
    bench.world.portal.phones[ADMIN] = "+375297007007"
    assert 'value="+375297007007"' in visit.page("composer").text


def test_a_number_that_no_sms_goes_to_says_why(bench: Bench) -> None:
    reply = look(bench.world.enter(), "Заказ", number="+7 495 123-45-67")
    assert "номер не белорусский" in reply.text
    assert "composer-price" not in reply.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused"), "A1 cannot be reached: refused"),
        (Cost(Decimal(0), 0, {"stop_word": 1}), "неизвестна"),
    ],
)
def test_a_price_that_a1_does_not_tell_says_why(bench: Bench, answer: Cost, said: str) -> None:
    bench.prices.answer = answer
    reply = bench.world.enter().page("composer-price", to="+375291112233", priced="Заказ")
    assert (reply.code, said in reply.text) == (200, True)


def test_an_a1_that_is_busy_with_a_campaign_is_not_waited_for(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cost(text: str, numbers: list[str], sender_id: str | None) -> Cost:
        clock.callLater(0, clock.advance, 6.0)
        return await Deferred()

    monkeypatch.setattr(bench.prices, "cost", cost)
    reply = bench.world.enter().page("composer-price", to="+375291112233", priced="Заказ")
    assert "A1 сейчас занят отправкой" in reply.text


@pytest.mark.parametrize(
    "fields", [{}, {"to": "+375291112233"}, {"to": "12", "priced": "a"}, {"to": SCRIPT, "priced": "a"}]
)
def test_a_question_for_a_price_of_nothing_is_refused(bench: Bench, fields: dict[str, str]) -> None:
    assert bench.world.enter().page("composer-price", fields).code == 400
    assert bench.prices.asked == []


def test_over_smpp_no_price_is_asked_for(over_smpp: Bench) -> None:
    page = over_smpp.world.enter().page("composer", text="Заказ", number="+375291112233").text
    assert "по SMPP A1 цену не сообщает" in page
    assert "composer-price" not in page
    assert 'name="number"' not in page


# Fields


def test_fields_are_filled_from_the_deal_that_is_named(bench: Bench) -> None:
    text = look(bench.world.enter(), TEMPLATE, document=str(bench.deal())).text
    assert "Анна, заказ Шкаф готов" in text
    assert re.search(r"<code>#DEAL_TITLE#</code></td><td class=\"wide\">Шкаф<", text)
    assert figures(look(bench.world.enter(), TEMPLATE, document=str(bench.deal())))[2] == "22"


def test_until_a_deal_is_named_it_says_that_fields_are_left(bench: Bench) -> None:
    text = look(bench.world.enter(), TEMPLATE).text
    assert "Укажите сделку" in text
    assert "composer.trial" not in text


def test_fields_that_are_empty_or_not_there_are_named(bench: Bench) -> None:
    written = "#DEAL_UF_LINK# #CONTACT_LAST_NAME# #CONTACT_SECOND_NAME|нет# #CONTACT_LAST_NAME|без фамилии#"
    text = look(bench.world.enter(), written, document=str(bench.deal())).text
    rows = re.findall(r"<tr><td class=\"wide\"><code>(.*?)</code></td><td class=\"wide\">(.*?)</td>", text)
    assert [(name, re.sub(r"<.*?>", "", said)) for name, said in rows] == [
        ("#DEAL_UF_LINK#", "такого поля нет"),
        ("#CONTACT_LAST_NAME#", "пусто"),
        ("#CONTACT_SECOND_NAME|нет#", "такого поля нет"),
        ("#CONTACT_LAST_NAME|без фамилии#", "без фамилии (поле пусто, взята замена)"),
    ]
    assert "Такое SMS не уйдёт" in text


def test_a_deal_that_the_portal_does_not_show_the_visitor_fills_nothing(bench: Bench) -> None:
    number = bench.deal()
    bench.world.portal.hidden.add((ADMIN, DEAL, number))
    text = look(bench.world.enter(), TEMPLATE, document=str(number)).text
    assert "Портал не показывает вам эту карточку" in text
    assert "Шкаф" not in text
    assert bench.crm.requests["batch"] == 0


def test_a_deal_that_is_not_there_says_so(bench: Bench) -> None:
    assert "Такой карточки в CRM нет" in look(bench.world.enter(), TEMPLATE, document="77").text
    bench.world.portal.items[DEAL, 77] = {}
    assert "Такой карточки в CRM нет" in look(bench.world.enter(), TEMPLATE, document="77").text


def test_a_portal_that_is_away_leaves_the_text_to_be_counted(bench: Bench) -> None:
    number = bench.deal()
    bench.crm.trouble = PortalTrouble("Bitrix24 cannot be reached: refused")
    reply = look(bench.world.enter(), TEMPLATE, document=str(number))
    assert "Портал сейчас не отвечает" in reply.text
    assert figures(reply)[0] == "1"
    bench.crm.trouble = None
    denied = PortalError("ACCESS_DENIED", "Access denied!")
    bench.crm.fault = lambda method, given: denied if method in ("crm.item.list", "crm.item.get") else None
    assert "Портал не показывает" in look(bench.world.enter(), TEMPLATE, document=str(number)).text


def test_while_somebody_types_the_portal_is_asked_once_a_minute(bench: Bench) -> None:
    visit, number = bench.world.enter(), str(bench.deal())
    for end in range(20):
        look(visit, TEMPLATE + "!" * end, document=number)
    asked = bench.crm.requests["batch"]
    assert [method for method, _ in bench.world.portal.asked].count("crm.item.get") == 1
    bench.clock.advance(61)
    look(visit, TEMPLATE, document=number)
    assert bench.crm.requests["batch"] > asked
    assert [method for method, _ in bench.world.portal.asked].count("crm.item.get") == 2


def test_what_one_visitor_may_see_is_asked_again_for_another(bench: Bench) -> None:
    number = bench.deal()
    look(bench.world.enter(), TEMPLATE, document=str(number))
    other = "token-admin-2"
    bench.world.portal.codes[other] = "local.1"
    bench.world.portal.hidden.add((other, DEAL, number))
    assert "Шкаф" not in look(bench.world.enter(other), TEMPLATE, document=str(number)).text


def test_a_template_that_is_none_says_what_to_write(bench: Bench) -> None:
    text = look(bench.world.enter(), "Заказ #DEAL TITLE# готов", document=str(bench.deal())).text
    assert "#DEAL TITLE#: так поле не называется. Напишите #DEAL_TITLE#." in text
    assert 'role="alert"' in text


def test_a_text_that_is_ready_can_be_sent_to_oneself(bench: Bench) -> None:
    visit, number = bench.world.enter(), str(bench.deal())
    sent = re.search(r"pages/setup\".*?hx-vals='([^']*)'", look(visit, TEMPLATE, document=number).text)
    assert sent is not None
    assert json.loads(html.unescape(sent[1])) == {"text": "Анна, заказ Шкаф готов"}
    for text in (TEMPLATE, "#DEAL_TITLE", "", "ж" * 300):
        assert "pages/setup" not in look(visit, text).text


@pytest.mark.parametrize(
    ("named", "item"),
    [
        ("4182", Item(DEAL, 4182)),
        (" № 4182 ", Item(DEAL, 4182)),
        ("#4182", Item(DEAL, 4182)),
        ("https://shop.bitrix24.by/crm/deal/details/4182/", Item(DEAL, 4182)),
        ("https://shop.bitrix24.by/crm/lead/details/5/?IFRAME=Y", Item(LEAD, 5)),
        ("/crm/contact/details/7/", Item(CONTACT, 7)),
        ("/crm/company/details/8/", Item(COMPANY, 8)),
        ("/crm/type/177/details/12/", Item(177, 12)),
        ("lead:5", Item(LEAD, 5)),
        ("177:12", Item(177, 12)),
        ("", None),
        ("0", None),
        ("сделка", None),
        ("/crm/deal/details/0/", None),
        ("/crm/type/0/details/5/", None),
        ("/crm/deal/details/" + "9" * 19, None),
        ("9" * 19, None),
    ],
)
def test_a_deal_is_named_by_its_number_or_a_link(named: str, item: Item | None) -> None:
    assert item_of(named) == item


def test_what_is_no_deal_is_said_so(bench: Bench) -> None:
    assert "Сделка не понята" in look(bench.world.enter(), TEMPLATE, document="сделка").text


@given(st.text(max_size=60))
def test_whatever_is_named_is_an_item_or_none(named: str) -> None:
    item = item_of(named)
    assert item is None or (item.entity_type > 0 and 0 < item.id < 2**63)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.text(alphabet=st.sampled_from("aЖ«—№#{}|_DEALTIቀ[€😀\u200b\n "), max_size=120), st.sampled_from(["", "1", "x"])
)
def test_whatever_is_typed_comes_to_something(bench: Bench, text: str, document: str) -> None:
    reply = look(bench.world.enter(), text, document=document, number="291112233")
    assert (figures(reply)[:1] == [str(len(parts(text)))]) or not text
    try:
        Template.read(text)
    except TemplateFault:
        assert 'role="alert"' in reply.text

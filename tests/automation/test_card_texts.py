"""Fields in the texts of cards: filled before the SMS leaves, or the SMS does not leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.admission import MarketingTerms
from a1gateway.automation.template import Placeholder, Prefix, Template

from ..conftest import run
from .test_apart import DENIED, of_item, of_method
from .world import AWAY, COMPANY, CONTACT, DEAL, World

NUMBER, OTHER, THIRD = "+375291112233", "+375447654321", "+375331234567"


def texts(world: World) -> list[tuple[str, str | None]]:
    """Of every message its text and the reason, if it was refused."""
    return [(each["text"], each["reason"]) for each in world.messages()]


def test_fields_of_the_card_are_put_in_and_the_sms_goes_on(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal(LINK="https://pay.example/1")
    assert world.write("#CONTACT_NAME#, #DEAL_TITLE#: #DEAL_UF_LINK#", (DEAL, deal.id)).refusal is None
    world.wait(2)
    (message,) = world.messages()
    assert (message["text"], message["segments"]) == ("Анна, Шкаф: https://pay.example/1", 1)
    assert len(world.filled) == 1
    (submission,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    assert (submission.text, submission.segments) == ("Анна, Шкаф: https://pay.example/1", 1)
    steps = run(world.journal.message("m1"))["history"]
    assert [each["word"] for each in steps] == ["accepted", "filled"]


def test_a_repeated_call_is_filled_once(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal()
    world.write("#DEAL_TITLE#", (DEAL, deal.id))
    world.wait(2)
    assert world.write("#DEAL_TITLE#", (DEAL, deal.id)).repeated
    world.wait(2)
    assert (texts(world), len(world.filled)) == ([("Шкаф", None)], 1)


@pytest.mark.parametrize(
    "text",
    [
        "Скидки #осень #минск",
        "Кабинет #15, этаж #2",
        "https://shop.example/#contact_us и https://shop.example/#deal_1",
        "{NAME}, ждём Вас",
        "Акция #company_day #sale",
        "#event_2026 #sale",
        "Instagram #company_by#minsk",
        "#COMPANY_DAY #SALE",
        "Скидка #lead_2026 # приходите",
        "#BLACK_FRIDAY#SALE",
        "#Sale_2026#",
        "http://shop.example/#deal_5#top",
        "#NAME#",
        "Заказ #AB_12#",
        "#CONTACT_NAME",
        "#ASSİGNED_NAME#",
    ],
)
def test_a_text_without_fields_goes_as_it_is(worlds: Any, clock: Clock, text: str) -> None:
    """People write in cards what they like: only what is certainly a field is one."""
    world = worlds()
    world.write(text, (DEAL, world.deal().id))
    (submission,) = run(world.journal.claim(clock.seconds(), 10)).submissions
    assert submission.text == text


def test_whoever_is_written_to_is_called_by_name(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal(world.contact(NUMBER, "Анна"))
    olga, peter = world.contact(OTHER, "Ольга"), world.contact(THIRD, "Пётр")
    deal.contact_ids = (*deal.contact_ids, olga)
    company = world.company("Рога")
    others = [world.contact(f"+37529555000{number}", f"Гость {number}") for number in range(8)]
    party = world.deal(others[0])
    party.contact_ids = tuple(others)
    cards: list[tuple[str, str, list[tuple[int, int]], str]] = [
        ("#CONTACT_NAME#, здравствуйте", OTHER, [(DEAL, deal.id)], "Ольга, здравствуйте"),
        ("#CONTACT_NAME#, здравствуйте", NUMBER, [(DEAL, deal.id)], "Анна, здравствуйте"),
        # Who is not of the deal is named by the card.
        ("#CONTACT_NAME#: #DEAL_TITLE#", THIRD, [(CONTACT, peter), (DEAL, deal.id)], "Пётр: Шкаф"),
        ("#CONTACT_NAME#: #DEAL_TITLE#", NUMBER, [(DEAL, deal.id), (CONTACT, peter)], "Анна: Шкаф"),
        ("#CONTACT_NAME#", OTHER, [(CONTACT, peter), (CONTACT, olga)], "Ольга"),
        ("{TITLE} #CONTACT_NAME#", THIRD, [(CONTACT, peter)], "{TITLE} Пётр"),
        ("#COMPANY_TITLE#: #CONTACT_NAME#", THIRD, [(COMPANY, company), (CONTACT, peter)], "Рога: Пётр"),
        ("#COMPANY_TITLE#", THIRD, [(COMPANY, company)], "Рога"),
        # A contact with another number of his own, in the card of that contact.
        ("#CONTACT_NAME#", "+375331112233", [(CONTACT, peter)], "Пётр"),
        ("#CONTACT_NAME#", "+375295550007", [(DEAL, party.id)], "Гость 7"),
        # Nobody is called by somebody else's name.
        ("#CONTACT_NAME|Клиент#", "+375331112233", [(DEAL, deal.id)], "Клиент"),
    ]
    for place, (text, to, items, _) in enumerate(cards):
        world.write(text, *items, to=to, id_=f"m{place}")
    world.wait(5)
    assert texts(world) == [(text, None) for *_, text in cards]


def test_a_name_is_missing_because_the_number_is_somebody_elses(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.write("#CONTACT_NAME#, ждём", (DEAL, world.deal().id), to=OTHER)
    world.wait(2)
    assert texts(world) == [("#CONTACT_NAME#, ждём", "empty_field")]
    note = run(world.journal.message("m1"))["history"][-1]["note"]
    assert note == "#CONTACT_NAME#; the number is none of its contacts'"


def test_a_contact_whose_number_is_hard_to_read_is_called_by_name(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal(world.contact("8 29 111-22-33", "Анна"))
    world.write("#CONTACT_NAME#", (DEAL, deal.id), to=NUMBER)
    world.wait(2)
    assert texts(world) == [("Анна", None)]


def test_many_texts_take_few_requests(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deals = [world.deal(world.contact(f"+37529{number:07}")) for number in range(60)]
    world.wait(20)
    world.portal.trouble = AWAY
    for place, deal in enumerate(deals):
        world.write("#CONTACT_NAME#, #DEAL_TITLE#", (DEAL, deal.id), to=f"+37529{place:07}", id_=f"m{place}")
    world.portal.trouble = None
    world.portal.requests.clear()
    world.wait(5)
    assert set(texts(world)) == {("Анна, Шкаф", None)}
    assert sum(count for name, count in world.portal.requests.items() if "/" not in name) <= 6


@pytest.mark.parametrize(
    ("text", "reason", "note"),
    [
        ("#CONTACT_LAST_NAME#, ждём", "empty_field", "#CONTACT_LAST_NAME#"),
        ("#DEAL_NO_SUCH_FIELD#", "empty_field", "#DEAL_NO_SUCH_FIELD#"),
        ("#LEAD_TITLE# #DEAL_TITLE#", "empty_field", "#LEAD_TITLE#"),
        ("#DEEL_TITLE#", "empty_field", "#DEEL_TITLE#"),
        ("#CLIENT_NAME|Клиент#, ждём", "empty_field", "#CLIENT_NAME|Клиент#"),
        ("#UF_CRM_LINK#", "empty_field", "#UF_CRM_LINK#"),
        ("#CONTACT NAME#", "empty_field", "#CONTACT NAME#"),
        ("#DEAL-TITLE#", "empty_field", "#DEAL-TITLE#"),
        ("#CONTACT_LAST_NAME|#CONTACT_NAME##", "empty_field", "#CONTACT_LAST_NAME|#CONTACT_NAME#"),
        ("#CONTACT_LAST_NAME|#", "empty_text", ""),
        ("#DEAL_UF_LINK#", "too_long", "6 segments with its fields"),
    ],
)
def test_an_sms_whose_fields_cannot_be_put_in_does_not_leave(
    worlds: Any, clock: Clock, text: str, reason: str, note: str
) -> None:
    world = worlds()
    deal = world.deal(LINK="ы" * 400)
    assert world.write(text, (DEAL, deal.id)).refusal is None
    world.wait(2)
    (message,) = world.messages()
    assert (message["status"], message["reason"], message["text"]) == ("rejected", reason, text)
    # The card is told.
    assert message["told"] == "failed"
    assert run(world.journal.message("m1"))["history"][-1]["note"] == (note or None)


def test_a_fallback_stands_for_what_is_empty(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.write("#CONTACT_LAST_NAME|Клиент#, ждём #EVENT_DATE|Вас#", (DEAL, world.deal().id))
    world.wait(2)
    assert texts(world) == [("Клиент, ждём Вас", None)]


def test_a_text_that_is_too_long_only_with_its_field_names_is_sent(worlds: Any, clock: Clock) -> None:
    world = worlds()
    long = "#DEAL_TITLE|" + "ы" * 400 + "#"
    assert world.write(long, (DEAL, world.deal().id)).refusal is None
    world.wait(2)
    assert texts(world) == [("Шкаф", None)]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("#CONTACT_NAME#", {"module_id": "bizproc"}),
        ("#contact_name|Клиент#, ждём", {"module_id": "sender"}),
        ("Ваш заказ: # DEAL_TITLE #", {"bindings": ""}),
        ("https://pay.example/#deal_id#", {"module_id": "bizproc"}),
    ],
)
def test_what_is_left_where_no_fields_are_put_in_is_never_sent_raw(
    worlds: Any, clock: Clock, text: str, more: dict[str, str]
) -> None:
    """A customer who calls himself #DEAL_COMMENTS# in a form is not to be told what stands there."""
    world = worlds()
    deal = world.deal()
    assert world.write(text, (DEAL, deal.id), **more).refusal == "unfilled_field"
    assert texts(world) == [(text, "unfilled_field")]
    assert world.messages()[0]["note"] == text[text.index("#") : text.rindex("#") + 1]


def test_while_the_portal_is_away_texts_wait_and_not_for_ever(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    deal = world.deal()
    world.wait(20)
    world.portal.trouble = AWAY
    world.write("#DEAL_TITLE#", (DEAL, deal.id), id_="m1")
    world.wait(599)
    assert texts(world) == [("#DEAL_TITLE#", None)]
    world.wait(2)
    assert texts(world) == [("#DEAL_TITLE#", "portal_away")]
    world.write("#DEAL_TITLE#", (DEAL, deal.id), id_="m2")
    world.write("Без полей", (DEAL, deal.id), id_="m3")
    assert [each.text for each in run(world.journal.claim(clock.seconds(), 10)).submissions] == ["Без полей"]
    world.wait(300)
    world.portal.trouble = None
    world.wait(61)
    assert texts(world) == [("#DEAL_TITLE#", "portal_away"), ("Шкаф", None), ("Без полей", None)]


def test_a_document_that_is_not_shown_keeps_no_other_waiting(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    hidden, deal = world.deal(), world.deal()
    world.portal.fault = of_item(DEAL, hidden.id)
    # What else the card is of does not do for what the text names of it. And nobody waits for it.
    world.write("#DEAL_TITLE|Заказ#", (DEAL, hidden.id), (CONTACT, hidden.contact_ids[0]), id_="m1")
    world.write("#DEAL_TITLE#", (DEAL, deal.id), id_="m2")
    assert texts(world) == [("#DEAL_TITLE|Заказ#", None), ("Шкаф", None)]
    world.wait(590)
    assert texts(world)[0] == ("#DEAL_TITLE|Заказ#", None)
    world.wait(15)
    assert texts(world)[0] == ("#DEAL_TITLE|Заказ#", "portal_away")


def test_a_document_that_is_shown_again_is_used(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    deal = world.deal()
    world.portal.fault = of_item(DEAL, deal.id, AWAY)
    world.write("#DEAL_TITLE#", (DEAL, deal.id))
    world.wait(200)
    world.portal.fault = lambda method, parameters: None
    world.wait(25)
    assert texts(world) == [("Шкаф", None)]


def test_what_has_no_fields_leaves_it_to_what_else_the_card_is_of(worlds: Any, clock: Clock) -> None:
    """Bitrix24 binds an SMS about a payment to an order, too."""
    world = worlds()
    deal = world.deal()
    world.write("#DEAL_TITLE#", (14, 9), (DEAL, deal.id))
    world.wait(5)
    assert texts(world) == [("Шкаф", None)]


def test_many_that_are_not_shown_leave_the_portal_to_others(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    deals = [world.deal() for _ in range(30)]
    world.wait(20)
    world.portal.fault = of_method("crm.item.list", DENIED, entityTypeId=DEAL)
    for place, deal in enumerate(deals):
        world.write("#DEAL_TITLE#", (DEAL, deal.id), id_=f"m{place}")
        world.wait(1.5)
    world.portal.requests.clear()
    world.wait(100)
    assert world.portal.requests["batch"] <= 3 * 100 / 4


@pytest.mark.parametrize("installed", [True, False])
def test_no_text_waits_for_longer_however_many_there_are(worlds: Any, clock: Clock, installed: bool) -> None:
    world = worlds(grace=600.0)
    deal = world.deal()
    world.wait(20)
    world.portal.trouble = AWAY
    if not installed:
        run(world.tokens.forget())
    for place in range(250):
        world.write("#DEAL_TITLE#", (DEAL, deal.id), id_=f"m{place}")
    world.wait(600)
    world.wait(70)
    assert {reason for _, reason in texts(world)} == {"portal_away"}


def test_a_fault_of_the_gateway_is_an_end_too(worlds: Any, clock: Clock) -> None:
    world = worlds(grace=600.0)
    deal = world.deal()
    world.wait(20)
    world.portal.trouble = ValueError("a fault")
    world.write("#DEAL_TITLE#", (DEAL, deal.id))
    world.wait(700)
    assert texts(world) == [("#DEAL_TITLE#", "gateway_fault")]


def test_a_deal_that_is_gone_is_said_so(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.write("#DEAL_TITLE#", (DEAL, 77))
    world.wait(2)
    assert texts(world) == [("#DEAL_TITLE#", "document_deleted")]


def test_a_restart_loses_no_text(worlds: Any, clock: Clock) -> None:
    world = worlds()
    deal = world.deal()
    world.stop()
    world.write("#DEAL_TITLE#", (DEAL, deal.id))
    again = worlds()
    again.wait(2)
    assert texts(again) == [("Шкаф", None)]


def test_another_portals_deals_fill_nothing(worlds: Any, clock: Clock) -> None:
    """With the same number there is another deal, of somebody else."""
    world = worlds()
    deal = world.deal()
    world.stop()
    world.write("#DEAL_TITLE#", (DEAL, deal.id))
    other = worlds(member="another", domain="another.bitrix24.by")
    other.wait(2)
    assert texts(other) == [("#DEAL_TITLE#", "document_deleted")]


def test_a_long_text_goes_to_no_number_that_is_none_of_the_test(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.admission = replace(world.admission, marketing=MarketingTerms("MyShop", test_numbers=frozenset({OTHER})))
    deal = world.deal()
    text = "#DEAL_TITLE|" + "ы" * 400 + "#"
    said = world.write(text, (DEAL, deal.id), code="a1sms_by_marketing")
    assert said.refusal == "not_a_test_number"


def test_marketing_from_a_card_is_filled_before_the_consent_is_asked_for(worlds: Any, clock: Clock) -> None:
    world = worlds()
    world.portal.trouble = AWAY
    world.write("#DEAL_TITLE#", (DEAL, world.deal().id), code="a1sms_by_marketing")
    world.wait(20)
    assert run(world.journal.unasked(clock.seconds(), 10))[0] == []
    world.portal.trouble = None
    world.wait(60)
    world.wait(2)
    (waiting,) = run(world.journal.unasked(clock.seconds(), 10))[0]
    assert (waiting.message_id, texts(world)) == ("m1", [("Шкаф", None)])


_PIECES = ("#", "|", " ", "\n", "CONTACT_NAME", "deal_title", "ASSİGNED_NAME", "_", "Заказ", "https://shop.by/", "1")


@given(st.lists(st.sampled_from(_PIECES) | st.characters()).map("".join))
def test_whatever_is_written_is_read_as_it_stands(text: str) -> None:
    template = Template.left_in(text)
    assert "".join(part.written if isinstance(part, Placeholder) else part for part in template.parts) == text
    # A value is no template: what a customer has typed stays what it is.
    value = "#DEAL_COMMENTS#"
    filled = "".join(value if isinstance(part, Placeholder) else part for part in template.parts)
    assert template.fill(lambda placeholder: value).text == filled


@pytest.mark.parametrize(
    "text", ["#DEAL_ID #, готов", "# DEAL_ID# готов", "# deal_id # готов", "#deal_id#, готов", "#DEAL_ID#готов"]
)
def test_what_is_certainly_a_field_is_one(text: str) -> None:
    (placeholder,) = Template.left_in(text).placeholders
    assert (placeholder.prefix, placeholder.field) == (Prefix.DEAL, "ID")


def test_a_field_is_read_in_any_spelling() -> None:
    (placeholder,) = Template.left_in("# contact_Name | Клиент #").placeholders
    assert (placeholder.prefix, placeholder.field, placeholder.fallback) == (Prefix.CONTACT, "NAME", " Клиент ")

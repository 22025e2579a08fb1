"""The way of a message over SMPP to a centre that is not ours, and back to the card."""

from __future__ import annotations

import random
import signal
import string

import pytest

from ..centre.centre import SENDER_ID, Manner, Receipts, Refusal, why_not
from .commands import check_config
from .processes import eventually
from .stack import NUMBER, Stack
from .together import Scenario, Together

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

GSM = string.ascii_letters + string.digits + " @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà"
EXTENDED = "^{}\\[~]|€"
CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя ЎІўі’«»—№"
ASTRAL = "🙂🚚🎁"

TEXTS = {
    "Latin in one part": "Your order no. 5 is ready: 10% off [today only] {€ 20}",
    "Latin in one part, full": "a" * 158 + "€",
    "Latin in five parts": ("x" * 151 + "€") * 4 + "{[the end]}",
    "Cyrillic in one part": "Ваш заказ № 5 готов, ждём вас до 20:00. Магазин «Ёлка»",
    "Cyrillic in one part, full": "я" * 70,
    "Cyrillic in five parts": "Заказ готов к выдаче. " * 15,
    "surrogate pairs across five parts": "!" + "🙂" * 155,
    "one Cyrillic letter among Latin": "x" * 300 + "я",
    "no letter at all": "20 € = 70 BYN\n(5 + 5)",
}
PARTS = {
    "Latin in five parts": 5,
    "Cyrillic in five parts": 5,
    "surrogate pairs across five parts": 5,
    "one Cyrillic letter among Latin": 5,
}


def some_text(draw: random.Random) -> str:
    """Any text of up to five parts."""
    alphabets = draw.sample([GSM, GSM + EXTENDED, EXTENDED, CYRILLIC, CYRILLIC + GSM, ASTRAL], k=draw.randrange(1, 3))
    text = "".join(draw.choices("".join(alphabets), k=draw.randrange(1, 160)))
    return text.strip() or "."


def the_centre_puts_together_what_was_sent(stack: Stack) -> None:
    """Byte for byte, whatever the alphabet and the length, all to one number; and the cards show it delivered."""
    draw = random.Random(7)
    wanted = [*TEXTS.values(), *(some_text(draw) for _ in range(60))]
    sent = [stack.send(text=text) for text in wanted]
    assert stack.told_all(sent) == [["delivered"]] * len(sent)
    book = stack.centre.book()
    assert sorted(message.text for message in book.messages) == sorted(wanted)
    by_text = {message.text: message for message in book.messages}
    for name, text in TEXTS.items():
        assert len(by_text[text].parts) == PARTS.get(name, 1), name
    for each in sent:
        message, row = by_text[each.text], stack.gateway.message(each.message_id)
        assert row is not None
        assert message.whole
        assert row["segments"] == len(message.parts), "the number of parts was known before"
    for message in book.messages:
        for part in message.parts:
            assert part.air_octets <= 140
            assert part.text is not None
            part.text.encode()  # no half of a surrogate pair
            assert (part.destination, part.destination_ton, part.destination_npi) == (NUMBER.lstrip("+"), 1, 1)
            assert (part.source, part.source_ton, part.source_npi) == (SENDER_ID, 5, 0)
            assert part.registered_delivery == 1
            assert part.data_coding == (0 if set(message.text) <= set(GSM + EXTENDED + "\n") else 8)
            assert part.esm_class == (0x40 if part.total > 1 else 0)
            assert part.user_message_reference is not None
    joining = [message.parts[0].reference for message in book.messages if len(message.parts) > 1]
    assert len(set(joining)) == len(joining), "distinct between messages to one number"
    own = [submit.user_message_reference for submit in book.submits]
    assert len(set(own)) == len(own), "each part has its own"
    # Delivered in the journal, by whom, and how the stop looks from the other side.
    history = stack.gateway.history(sent[0].message_id)
    taken = [(source, status) for source, status, _ in history if status is not None]
    assert taken == [("portal", "queued"), ("api", "sent"), ("receipt", "delivered")]
    (session,) = book.bound
    assert (session.asked, session.interface_version) == ("bind_transceiver", 0x34)
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(15)
    assert [each.ended_by for each in stack.centre.book().sessions] == ["unbound by the gateway"]


STATUSES = {
    "10": (["DELIVRD"], "delivered", "delivered"),
    "11": (["ENROUTE", "DELIVRD"], "delivered", "delivered"),
    "12": (["EXPIRED"], "expired", "undelivered"),
    "13": (["UNDELIV"], "undeliverable", "undelivered"),
    "14": (["REJECTD"], "rejected", "failed"),
    "15": (["DELETED"], "undeliverable", "undelivered"),
    "16": (["ACCEPTD", "UNDELIV"], "undeliverable", "undelivered"),
    "17": (["UNKNOWN", "DELIVRD"], "delivered", "delivered"),
    "18": (["BUFFERD", "EXPIRED"], "expired", "undelivered"),
}
# The statuses of a submit_sm_resp that are final: ESME_RINVDSTADR, ESME_RX_P_APPN.
REFUSED = {"21": 0x0B, "22": 0x65}
# Those after which it is tried again: ESME_RSYSERR, ESME_RX_T_APPN, ESME_RMSGQFUL.
AGAIN = {"31": 0x08, "32": 0x64, "33": 0x14}


def every_status_is_what_the_contract_says(stack: Stack) -> None:
    sent = {ending: stack.send(f"+3752911122{ending}") for ending in (*STATUSES, *REFUSED, *AGAIN)}
    on_its_way = stack.send("+375291112219")
    told = dict(zip(sent, stack.told_all(list(sent.values())), strict=True))
    for ending, (words, status, shown) in STATUSES.items():
        assert (told[ending], stack.confirmed(sent[ending])["status"]) == ([shown], status), words
    for ending in REFUSED:
        assert (told[ending], stack.confirmed(sent[ending])["status"]) == (["failed"], "rejected")
    for ending in AGAIN:
        assert told[ending] == ["delivered"]
        assert len(stack.sms(sent[ending])) == 1
    refused = [each.status for each in stack.centre.book().refused]
    assert sorted(refused) == sorted([*REFUSED.values(), *AGAIN.values()])
    # No final status: nothing is told, and the words are kept.
    assert stack.row(on_its_way)["history"] == []
    row = stack.gateway.message(on_its_way.message_id)
    assert row is not None
    assert row["status"] == "sent"
    words = [word for source, _, word in stack.gateway.history(on_its_way.message_id) if source == "receipt"]
    assert words == ["ENROUTE", "UNKNOWN"]


def a_message_from_a_subscriber_is_kept(stack: Stack) -> None:
    """Whole or in parts, in the default alphabet or UCS-2, in any order: put together, in the journal, answered."""
    centre = stack.centre
    long = "Здравствуйте! Доставьте, пожалуйста, завтра после шести вечера, домофон 15. " * 5
    latin = "Please deliver tomorrow {after 6 p.m.} [code 15] for 20 €. " * 4
    assert centre.subscriber_writes("Да") == 1
    assert centre.subscriber_writes("STOP", coding="ASCII", from_number="375291110002") == 1
    assert centre.subscriber_writes(long, reference=200) == 6
    assert centre.subscriber_writes(latin, coding="ASCII", reference=200, from_number="375291110002") == 2
    assert centre.subscriber_writes(long, reference=201, from_number="375291110003", backwards=True) == 6
    wanted = [
        ("375291110001", "Да", 1),
        ("375291110002", "STOP", 1),
        ("375291110001", long, 6),
        ("375291110002", latin, 2),
        ("375291110003", long, 6),
    ]
    query = "SELECT source, destination, text, parts, parts_received FROM incoming ORDER BY id"
    eventually(lambda: len(stack.gateway.rows(query)) >= len(wanted), 10, "all are in the journal")
    kept = stack.gateway.rows(query)
    assert [(each["source"], each["text"], each["parts"]) for each in kept] == wanted
    assert all(each["parts_received"] == each["parts"] for each in kept)
    assert {each["destination"] for each in kept} == {SENDER_ID}
    eventually(lambda: centre.counts().receipts_answered == 16, 5, "each piece is answered")
    assert {(each.status, each.sent) for each in centre.book().deliveries} == {(0, 1)}
    # It says nothing of a message of ours.
    stack.is_delivered_once(stack.send())


def a_subscriber_opts_out_by_sms_and_in_again(stack: Stack) -> None:
    """The number is on the stop list at once, and in the CRM soon after; other messages still go out."""
    field = {"entityTypeId": 3, "name": "UF_CRM_SMS_CONSENT", "type": "boolean"}
    stack.portal.ask("POST", "crm/reset")
    stack.portal.ask("POST", "crm/field", field)
    contact = {"entityTypeId": 3, "phones": [NUMBER], "fields": {"UF_CRM_SMS_CONSENT": "Y"}}
    id_ = stack.portal.ask("POST", "crm/item", contact)["id"]

    def agreed() -> bool:
        item = stack.portal.ask("GET", f"crm/items?entityTypeId=3&id={id_}")
        return bool(item["fields"]["UF_CRM_SMS_CONSENT"])

    # The daemon looks again.
    assert check_config(stack).returncode == 0
    stack.is_delivered_once(stack.send(module="sender"), 30)
    assert stack.centre.subscriber_writes("Стоп! Не пишите мне", from_number=NUMBER.lstrip("+")) == 1
    eventually(lambda: stack.gateway.rows("SELECT 1 FROM stop_list") or None, 10, "the number is on the stop list")
    assert stack.told(stack.send(module="sender")) == ["failed"]
    stack.is_delivered_once(stack.send())
    eventually(lambda: not agreed() or None, 20, "the contact's field says no")
    (comment,) = stack.portal.ask("GET", "crm/comments")
    assert "«Стоп! Не пишите мне»" in comment["COMMENT"]
    assert stack.centre.subscriber_writes("старт", from_number=NUMBER.lstrip("+")) == 1
    eventually(lambda: agreed() or None, 20, "the contact's field says yes")
    stack.is_delivered_once(stack.send(module="sender"), 30)


def what_is_not_confirmed_by_a_receipt_is_asked_for(stack: Stack) -> None:
    """With query_sm = true, where the contract allows it."""
    short, long = stack.send(), stack.send(text="Заказ готов к выдаче. " * 10)
    stack.is_delivered_once(short)
    stack.is_delivered_once(long)
    book = stack.centre.book()
    assert {each.identifier for each in book.queries} == {each.identifier for each in book.submits}
    history = stack.gateway.history(short.message_id)
    assert [source for source, status, _ in history if status == "delivered"] == ["poll"]


def what_is_never_confirmed_is_given_up(stack: Stack) -> None:
    """Without query_sm nobody is asked, and the message expires."""
    sent = stack.send()
    assert stack.told(sent) == ["undelivered"]
    assert stack.confirmed(sent)["status"] == "expired"
    assert stack.centre.book().queries == []
    assert len(stack.sms(sent)) == 1


OUTCOMES = {ending: words for ending, (words, _, _) in STATUSES.items()} | {"19": ["ENROUTE", "UNKNOWN"]}
NO_RECEIPTS = Receipts(when="never")

SCENARIOS = {
    "texts": Scenario(the_centre_puts_together_what_was_sent, manner=Manner(), takes=10),
    "statuses": Scenario(
        every_status_is_what_the_contract_says,
        manner=Manner(
            refusals=(
                *(Refusal(ending, status) for ending, status in REFUSED.items()),
                *(Refusal(ending, status, times=1) for ending, status in AGAIN.items()),
            ),
            receipts=Receipts(outcomes=OUTCOMES, gap=0.1),
        ),
        takes=10,
    ),
    "subscribers": Scenario(a_message_from_a_subscriber_is_kept, manner=Manner()),
    "STOP": Scenario(
        a_subscriber_opts_out_by_sms_and_in_again,
        manner=Manner(),
        changes={"consent": {"contact_field": "UF_CRM_SMS_CONSENT"}},
        takes=30,
    ),
    "query_sm": Scenario(
        what_is_not_confirmed_by_a_receipt_is_asked_for,
        manner=Manner(query=2, receipts=NO_RECEIPTS),
        changes={"a1__smpp": {"query_sm": True}, "polling": {"interval": 0.5}},
    ),
    "given up": Scenario(
        what_is_never_confirmed_is_given_up,
        manner=Manner(receipts=NO_RECEIPTS),
        changes={"polling": {"interval": 0.5, "give_up_after": 2}},
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_message_goes_its_way_over_smpp(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

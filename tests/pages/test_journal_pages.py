"""The journal for people: what is found, what is live, one message's way, and a card's messages."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Refused, Trouble, Uncertain
from a1gateway.journal import Journal
from a1gateway.message import Evidence, Kind, PortalUpdate, Price, Source, Status, StatusReport, Verdict

from ..conftest import START, arrival, run
from .world import ADMIN, MANAGER, Visit, World

SCRIPT = "<script>alert('x')</script>"
DEAL = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "PLACEMENT_OPTIONS": '{"ID":"4182","URI":"/crm/deal/details/4182/"}'}
CONTACT = {"PLACEMENT": "CRM_CONTACT_DETAIL_TAB", "PLACEMENT_OPTIONS": '{"ID":"7"}'}


def send(journal: Journal, message_id: str, a1_id: str | None = None, **more: object) -> None:
    """A message that A1 has taken under `a1_id`, if it is to."""
    run(journal.accept(arrival(message_id, **more)))
    if a1_id is not None:
        for each in run(journal.claim(START + 1, 10)).submissions:
            run(journal.record([(each, Accepted(a1_id, segments=1, price=Price()), START + 60)], START + 1))


def ends(journal: Journal, a1_id: str, status: Status = Status.DELIVERED, at: float = START + 5) -> None:
    run(journal.settle([StatusReport(a1_id, str(status).upper(), status, Source.CALLBACK, at)]))


def shown(text: str) -> list[str]:
    """The texts of the messages that a list shows, in order."""
    return [html.unescape(each) for each in re.findall(r'<span class="text-of">(.*?)</span>', text)]


def piece(text: str) -> dict[str, str]:
    """What the live piece of a list sends when it asks again."""
    found = re.search(r"id=\"newest\".*?hx-vals='([^']*)'", text)
    assert found is not None, text
    values: dict[str, str] = json.loads(html.unescape(found[1]))
    return {name: str(value) for name, value in values.items()}


def test_messages_stand_newest_first(world: World) -> None:
    for number in range(3):
        send(world.journal, f"m{number}", text=f"SMS {number}", received_at=START + number)
    assert shown(world.open(MANAGER).text) == ["SMS 2", "SMS 1", "SMS 0"]


def test_a_long_list_goes_on_behind_its_end_with_nothing_twice_and_nothing_left_out(world: World) -> None:
    for number in range(120):
        send(world.journal, f"m{number}", text=f"SMS {number}", received_at=START + number // 2)
    visit = world.enter()
    page = visit.page("journal").text
    seen = shown(page)
    while (place := re.search(r'"before": "([^"]+)"', html.unescape(page))) is not None:
        page = visit.page("journal-older", before=place[1]).text
        seen += shown(page)
    assert seen == [f"SMS {number}" for number in reversed(range(120))]


def test_a_list_says_nothing_new_until_something_has_happened(world: World) -> None:
    send(world.journal, "m1", "7001")
    visit = world.enter()
    asks = piece(visit.page("journal").text)
    assert visit.page("journal-rows", asks).code == 204
    ends(world.journal, "7001")
    news = visit.page("journal-rows", asks)
    assert news.code == 200
    assert "is-delivered" in news.text
    assert visit.page("journal-rows", piece(news.text)).code == 204


def test_new_messages_come_on_top_while_older_ones_stay_below(world: World) -> None:
    for number in range(60):
        send(world.journal, f"m{number}", text=f"SMS {number}", received_at=START + number)
    visit = world.enter()
    asks = piece(visit.page("journal").text)
    send(world.journal, "new", text="новое", received_at=START + 100)
    news = shown(visit.page("journal-rows", asks).text)
    assert news == ["новое", *(f"SMS {number}" for number in range(59, 9, -1))]


def test_when_more_have_come_than_are_shown_the_list_says_so(world: World) -> None:
    """None may be out of reach between the newest and the older ones without a word."""
    for number in range(51):
        send(world.journal, f"m{number}", received_at=START + number)
    visit = world.enter()
    asks = piece(visit.page("journal").text)
    for number in range(300):
        send(world.journal, f"new{number}", received_at=START + 100 + number)
    news = visit.page("journal-rows", asks).text
    assert len(shown(news)) == 300
    assert 'id="anew"' in news
    assert 'id="anew"' not in visit.page("journal").text


def test_the_list_goes_by_what_was_searched_for_and_not_by_what_is_being_typed(world: World) -> None:
    send(world.journal, "m1")
    page = world.enter().page("journal", number="29 111-22-33").text
    # The form that is typed into is another than the one that the list takes along.
    search, carried = (page.index(f'<form id="{name}"') for name in ("search", "filter"))
    assert carried < search
    assert 'name="number" value="29 111-22-33"' in page[carried:search]
    assert 'hx-include="#search"' not in page


@pytest.mark.parametrize("before", ["1/" + "9" * 30, "nan/5", "inf/5", "-1/x", "1", "/"])
def test_a_place_that_is_none_is_no_fault(world: World, before: str) -> None:
    assert world.enter().page("journal-older", before=before).code == 400


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"status": "delivered"}, ["доставленное"]),
        ({"status": "failed"}, ["отклонённое"]),
        ({"status": "under_way"}, ["реклама"]),
        ({"status": "queued"}, ["реклама"]),
        ({"kind": "marketing"}, ["реклама"]),
        ({"number": "8 029 111-22-33"}, ["доставленное"]),
        ({"number": "291112233"}, ["доставленное"]),
        ({"number": "7 495"}, ["отклонённое"]),
        ({"number": "4951234"}, ["отклонённое"]),
        ({"sender": "Promo"}, ["реклама"]),
        ({"sender": "-"}, ["отклонённое", "доставленное"]),
        ({"sent_by": "scenario:payment"}, ["доставленное"]),
        ({"sent_by": "mailing"}, ["реклама"]),
        ({"reason": "foreign"}, ["отклонённое"]),
        ({"since": "2026-11-23"}, ["реклама"]),
        ({"until": "2026-11-22"}, ["отклонённое", "доставленное"]),
        ({"status": "delivered", "kind": "marketing"}, []),
    ],
)
def test_the_filters_find_what_they_say(world: World, fields: dict[str, str], found: list[str]) -> None:
    send(world.journal, "m1", "7001", text="доставленное", origin={"scenario": "payment"})
    ends(world.journal, "7001")
    send(
        world.journal,
        "m2",
        text="отклонённое",
        number_received="+7 495 123-45-67",
        msisdn=None,
        refusal="foreign",
        received_at=START + 1,
    )
    send(
        world.journal,
        "m3",
        text="реклама",
        kind=Kind.MARKETING,
        sender_id="Promo",
        origin={"module_id": "sender"},
        number_received="+375441112244",
        msisdn="+375441112244",
        received_at=START + 86400,
    )
    assert shown(world.enter().page("journal", fields).text) == found


def test_a_search_that_cannot_be_understood_finds_nothing_and_says_why(world: World) -> None:
    send(world.journal, "m1")
    page = world.enter().page("journal", number="12")
    assert page.code == 200
    assert 'role="alert"' in page.text
    assert shown(page.text) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "number",
                "status",
                "kind",
                "sender",
                "sent_by",
                "since",
                "until",
                "reason",
                "campaign",
                "seen",
                "bottom",
            ]
        ),
        st.text(max_size=30),
    ),
    st.sampled_from(["journal", "journal-rows", "journal-older", "message", "card"]),
)
def test_any_fields_get_an_answer_that_is_no_fault(world: World, fields: dict[str, str], page: str) -> None:
    assert world.enter().page(page, fields).code in (200, 204, 400)


@pytest.mark.parametrize("language", ["ru", "be", "en"])
def test_what_people_have_written_is_text_on_every_page(world: World, language: str) -> None:
    send(
        world.journal,
        "m1",
        "7001",
        text=SCRIPT,
        sender_id=SCRIPT[:11],
        number_received=SCRIPT,
        origin={"scenario": SCRIPT},
    )
    run(
        world.journal.settle(
            [StatusReport("7001", SCRIPT, Status.UNDELIVERABLE, Source.CALLBACK, START + 5, note=SCRIPT)]
        )
    )
    world.portal.people[ADMIN]["NAME"] = SCRIPT
    visit = world.enter(LANG=language)
    pages = [world.open(LANG=language), visit.page("journal"), visit.page("message", id="m1")]
    for page in pages:
        assert page.code == 200
        assert "<script>alert" not in page.text
        assert html.escape("<script>alert") in page.text


def message_page(visit: Visit, message_id: str = "m1", more: dict[str, str] | None = None) -> str:
    reply = visit.page("message", more, id=message_id)
    assert reply.code == 200, reply.text
    return re.sub(r"\s+", " ", html.unescape(reply.text))


def test_a_messages_page_shows_its_whole_way(world: World) -> None:
    run(world.journal.accept(arrival("m1", segments=2, sender_id="MyShop")))
    (each,) = run(world.journal.claim(START + 1, 1)).submissions
    price = Price(Decimal("0.045"), Decimal("0.09"))
    run(world.journal.record([(each, Accepted("7001", segments=2, price=price), START + 60)], START + 1))
    ends(world.journal, "7001", at=START + 5)
    update = PortalUpdate(each.id, "m1", "delivered", 0, START + 5)
    run(world.journal.confirm([update], START + 6))
    page = message_page(world.enter(LANG="en"))
    way = re.findall(r"<time>(.*?)</time> · (.*?)<br>", page)
    assert [(at[-8:], source) for at, source in way] == [
        ("03:00:00", "Bitrix24"),
        ("03:00:01", "A1, answering a request"),
        ("03:00:05", "A1, callback"),
        ("03:00:06", "Bitrix24"),
    ]
    assert "0.09 BYN (0.045 BYN a segment)" in page
    assert "“delivered”; Bitrix24 confirmed it 22.11.2026 03:00:06." in page
    assert "7001" in page


def test_a_message_that_failed_says_why_and_what_to_do(world: World) -> None:
    run(world.journal.accept(arrival("m1")))
    (each,) = run(world.journal.claim(START + 1, 1)).submissions
    refused = Refused("stop_list", "102", note="Абонент в стоп-листе")
    run(world.journal.record([(each, refused, START)], START + 2))
    page = message_page(world.enter())
    assert "Что сделать:" in page
    assert "Абонент в стоп-листе" in page


def test_marketing_shows_the_evidence_of_the_consent(world: World) -> None:
    run(world.journal.accept(arrival("m1", kind=Kind.MARKETING)))
    (asked,), _ = run(world.journal.unasked(START + 1, 10))
    evidence = (Evidence(7, '"Y"', "да", granted=True),)
    verdict = Verdict(asked.id, True, START + 2, "UF_CRM_SMS_CONSENT", evidence)
    run(world.journal.judge([verdict], START + 2, START + 2))
    page = message_page(world.enter(LANG="en"))
    assert "UF_CRM_SMS_CONSENT" in page
    assert "22.11.2026 03:00:02" in page
    assert "/crm/contact/details/7/" in page


def asks_again(page: str) -> dict[str, str]:
    """What a message's page sends when it looks for news."""
    values = re.search(r"data-live .*?hx-vals='([^']*)'", page)
    assert values is not None, page
    asks: dict[str, str] = json.loads(values[1])
    return asks


def stands(page: str) -> str:
    """Where the message stands now, in words; empty when the page does not say."""
    found = re.search(r'<p id="now"><b>Now:</b> (.*?)</p>', page)
    return found[1] if found is not None else ""


def test_a_message_on_its_way_says_where_it_stands(world: World) -> None:
    run(world.journal.accept(arrival("m1")))
    visit = world.enter(LANG="en")
    page = message_page(visit)
    assert stands(page) == "waits to be sent"
    assert visit.page("message", asks_again(page)).code == 204
    (each,) = run(world.journal.claim(START + 1, 1)).submissions
    page = message_page(visit, more=asks_again(page))
    assert stands(page) == "is being handed to A1"
    run(
        world.journal.record(
            [(each, Uncertain(LinkTrouble(Trouble.UNREACHABLE, "no answer")), START + 60)], START + 2
        )
    )
    page = message_page(visit, more=asks_again(page))
    assert stands(page) == "A1 is being asked whether it has it (A1's answer was lost)"
    assert visit.page("message", asks_again(page)).code == 204


def test_a_message_that_is_over_stands_nowhere(world: World) -> None:
    send(world.journal, "m1", "7001")
    visit = world.enter(LANG="en")
    assert stands(message_page(visit)) == "A1 has it; its final status is awaited"
    ends(world.journal, "7001")
    assert stands(message_page(visit)) == ""


def test_a_messages_page_is_live_until_bitrix24_knows(world: World) -> None:
    send(world.journal, "m1", "7001")
    visit = world.enter()
    asks = asks_again(message_page(visit))
    assert visit.page("message", asks).code == 204
    ends(world.journal, "7001")
    assert "data-live" in message_page(visit, more=asks)
    (update,), _ = run(world.journal.untold(START + 100, 10))
    run(world.journal.confirm([update], START + 7))
    assert "data-live" not in message_page(visit)


def test_a_message_that_is_unknown_is_said_to_be(world: World) -> None:
    assert world.enter().page("message", id="nothing").code == 400


# Cards


def bound(entity_type: int, item: int) -> dict[str, object]:
    return {
        "module_id": "crm",
        "bindings": {"0": {"OWNER_TYPE_ID": str(entity_type), "OWNER_ID": str(item)}},
    }


def test_a_deals_tab_shows_the_messages_of_that_deal_alone(world: World) -> None:
    world.portal.items[2, 4182] = {"title": "Заказ"}
    send(world.journal, "m1", text="этой сделки", origin=bound(2, 4182))
    send(world.journal, "m2", text="другой сделки", origin=bound(2, 4183))
    reply = world.open(MANAGER, **DEAL)
    assert reply.code == 200
    assert shown(reply.text) == ["этой сделки"]
    # There is nothing in it that leads to anybody else's messages.
    assert 'data-page="journal"' not in reply.text
    assert 'hx-post="/bitrix24/pages/journal"' not in reply.text


def test_a_contacts_tab_shows_all_that_went_to_its_numbers(world: World) -> None:
    world.portal.items[3, 7] = {"fm": [{"id": "1", "typeId": "PHONE", "value": "8029 111-22-33"}]}
    send(world.journal, "m1", text="из карточки", origin=bound(3, 7), msisdn="+375441112244")
    send(world.journal, "m2", text="на его номер", received_at=START + 1)
    send(world.journal, "m3", text="чужое", msisdn="+375335556677")
    assert shown(world.open(**CONTACT).text) == ["на его номер", "из карточки"]


@pytest.mark.parametrize("page", ["card", "journal-rows", "journal-older", "message"])
def test_whoever_may_not_see_the_item_sees_none_of_its_messages(world: World, page: str) -> None:
    world.portal.items[2, 4182] = {}
    world.portal.hidden.add((MANAGER, 2, 4182))
    send(world.journal, "m1", text="тайное", origin=bound(2, 4182))
    reply = world.open(MANAGER, **DEAL)
    assert reply.code == 403
    assert "тайное" not in reply.text
    fields = {"entity_type": "2", "item": "4182", "id": "m1", "before": f"{START + 9}/99", "seen": "0"}
    assert world.enter(MANAGER).page(page, fields).code == 403
    assert world.enter(ADMIN).page(page, fields).code == 200


@pytest.mark.parametrize("options", ["", "[]", "{}", '{"ID":"x"}', '{"ID":"-1"}', "{", '{"ID":"1e3"}', '{"ID":null}'])
def test_a_tab_whose_item_cannot_be_told_shows_nothing(world: World, options: str) -> None:
    send(world.journal, "m1", text="тайное")
    reply = world.open(**{**DEAL, "PLACEMENT_OPTIONS": options})
    assert reply.code == 400
    assert "тайное" not in reply.text


def test_the_portal_is_asked_once_in_a_while_and_not_for_every_look(world: World) -> None:
    world.portal.items[2, 4182] = {}
    visit = world.enter()
    for _ in range(5):
        visit.page("card", entity_type="2", item="4182")
    assert [method for method, _ in world.portal.asked].count("crm.item.get") == 1
    world.clock.advance(301)
    visit.page("card", entity_type="2", item="4182")
    assert [method for method, _ in world.portal.asked].count("crm.item.get") == 2


def test_whatever_is_asked_for_from_a_card_stays_in_the_card(world: World) -> None:
    world.portal.items[2, 4182] = {}
    send(world.journal, "m1", "7001", origin=bound(2, 4182))
    ends(world.journal, "7001")
    page = message_page(world.enter(), more={"entity_type": "2", "item": "4182"})
    assert 'hx-post="/bitrix24/pages/card"' in page
    assert 'hx-post="/bitrix24/pages/journal"' not in page
    asked = [json.loads(values) for values in re.findall(r"hx-vals='([^']*)'", page)]
    assert len(asked) == 3
    for values in asked:
        assert (values["entity_type"], values["item"]) == ("2", "4182")


def test_a_refusal_in_a_card_is_said_in_another_language_and_nothing_else_is_shown(world: World) -> None:
    world.portal.items[2, 4182] = {}
    world.portal.hidden.add((MANAGER, 2, 4182))
    assert '<main id="page" tabindex="-1" data-page="card" data-with-entity_type="2" data-with-item="4182">' in (
        world.open(MANAGER, **DEAL).text
    )


def test_an_empty_list_says_why_it_is_empty(world: World) -> None:
    world.portal.items[2, 4182] = {}
    visit = world.enter(LANG="en")
    assert "There are no messages yet" in visit.page("journal").text
    assert "Nothing found" in visit.page("journal", status="failed").text
    card = visit.page("card", entity_type="2", item="4182").text
    assert "No SMS has been sent from here yet" in card
    send(world.journal, "m1")
    live = visit.page("journal-rows", {**piece(card), "entity_type": "2", "item": "4182"})
    assert "No SMS has been sent from here yet" in live.text

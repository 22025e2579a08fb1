"""The journal in the portal's frame: looked through, searched, live, and a message sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Locator, expect

from ..daemon.campaign import FIELD
from ..daemon.processes import eventually
from ..daemon.stack import Sent, Stack, delivered_to
from .chromium import why_not
from .correspondence import CONTACT_ID, DEAL_ID, Correspondence, correspond, item, send, with_people
from .frame import LANGUAGES, MANAGER, SCREENS, Frame, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

FULL = 50
"""So many messages stand in a list until older ones are asked for."""


@pytest.fixture(scope="module")
def sent(shared: Stack) -> Correspondence:
    """What stands in the journal, below it more than one list holds."""
    shared.a1.reset()
    shared.portal.reset()
    with_people(shared)
    shared.told_all(shared.send_many(FULL + 10, lambda index: delivered_to(200 + index)))
    return correspond(shared)


@pytest.fixture
def numbers() -> Iterator[str]:
    """Numbers that nobody else's test writes to, and of which A1 never tells the end by itself."""
    return _NUMBERS


_NUMBERS = (f"+3752955{index:03}03" for index in range(1000))


def opened(frames: Frames, path: str = "app", **more: Any) -> Frame:
    """A page whose list is there."""
    frame = frames.open(path, **more)
    expect(frame.app.locator("#newest")).to_be_visible()
    return frame


def rows(app: FrameLocator) -> Locator:
    """The messages of a list."""
    return app.locator(".messages tbody tr").filter(has=app.locator(".what"))


def search(frame: Frame, number: str, found: int = 1) -> Locator:
    """Look for a number by the form; the rows that were found."""
    frame.app.locator("#number").fill(number)
    frame.app.locator("#find").click()
    # The form is that of the answer.
    expect(frame.app.locator(f'#number[value="{number}"]')).to_be_visible()
    expect(rows(frame.app)).to_have_count(found)
    return rows(frame.app)


def shown(frame: Frame, message: Sent) -> FrameLocator:
    """Open a message from the list."""
    search(frame, message.to).first.get_by_role("button").click()
    expect(frame.app.locator("[data-page=message]")).to_be_visible()
    return frame.app


def pill(app: FrameLocator) -> Locator:
    """The status of the message that is shown."""
    return app.locator(".head .pill")


def delivered(stack: Stack, text: str) -> None:
    """A1 says that every SMS with this text has been delivered."""
    for each in stack.a1.messages():
        if each["text"] == text:
            stack.a1.ask("POST", "status", {"message_id": each["message_id"], "code": 3})


# What it looks like


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pages_are_fit_to_look_at(frames: Frames, sent: Correspondence, lang: str, screen: Screen) -> None:
    """The list with all its filters, nothing found, what failed, marketing, and the question before sending."""
    frame = opened(frames, lang=lang, screen=screen)
    expect(rows(frame.app)).to_have_count(FULL)
    frame.app.locator("details.more summary").click()
    frame.is_fit_to_look_at(f"journal-{lang}")
    search(frame, "000000", found=0)
    frame.is_fit_to_look_at(f"journal-nothing-{lang}")
    shown(frame, sent.foreign)
    frame.is_fit_to_look_at(f"message-failed-{lang}")
    frame.app.locator("#back").click()
    shown(frame, sent.agreed)
    frame.is_fit_to_look_at(f"message-marketing-{lang}")
    frame.app.locator("#resend").click()
    expect(frame.app.get_by_role("dialog")).to_be_visible()
    frame.is_fit_to_look_at(f"resend-{lang}")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
def test_long_texts_and_long_words_stay_inside(frames: Frames, sent: Correspondence, screen: Screen) -> None:
    frame = opened(frames, screen=screen)
    for message, name in ((sent.long, "long"), (sent.unbroken, "unbroken")):
        expect(shown(frame, message).locator(".whole-text")).to_have_text(message.text)
        frame.is_fit_to_look_at(f"message-{name}")
        frame.app.locator("#back").click()


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
def test_a_cards_tab_is_fit_to_look_at(frames: Frames, sent: Correspondence, screen: Screen) -> None:
    """With messages, and without."""
    opened(frames, f"card/contact/{CONTACT_ID}", screen=screen, user=MANAGER).is_fit_to_look_at("card")
    opened(frames, "card/lead/456", screen=screen, user=MANAGER).is_fit_to_look_at("card-nothing")


# Finding


def test_a_number_is_found_in_whatever_form_it_is_typed(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames, lang="en")
    for typed in ("8 (029) 111-00-01", "375291110001", "1110001"):
        expect(search(frame, typed).first).to_contain_text(sent.undeliverable.text)
    search(frame, "12", found=0)
    expect(frame.app.get_by_role("alert").filter(has_text="at least four digits")).to_be_visible()
    frame.app.get_by_role("button", name="Show all").click()
    expect(rows(frame.app)).to_have_count(FULL)
    expect(frame.app.locator("#number")).to_have_value("")


def test_filters_narrow_the_list_down_together(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames, lang="en")
    app = frame.app
    app.get_by_label("Status").select_option("failed")
    app.get_by_text("More filters").click()
    app.get_by_label("Kind").select_option("marketing")
    app.get_by_role("button", name="Find").click()
    expect(rows(app).filter(has_text=sent.not_agreed.text)).to_have_count(1)
    expect(rows(app).filter(has_text=sent.foreign.text)).to_have_count(0)
    expect(rows(app).filter(has_text="delivered")).to_have_count(0)
    expect(rows(app).filter(has_not_text="marketing")).to_have_count(0)
    # What has been chosen stays chosen, and is there to be seen.
    expect(app.get_by_label("Kind")).to_have_value("marketing")
    app.get_by_label("Kind").select_option("")
    app.get_by_label("Sent by").select_option("card")
    app.get_by_label("From", exact=True).fill("2020-01-01")
    app.get_by_role("button", name="Find").click()
    expect(app.get_by_label("From", exact=True)).to_have_value("2020-01-01")
    for message in (sent.foreign, sent.stop_list, sent.expired, sent.undeliverable):
        expect(rows(app).filter(has_text=message.text)).to_have_count(1)
    expect(rows(app).filter(has_text=sent.not_agreed.text)).to_have_count(0)
    app.get_by_label("To", exact=True).fill("2020-01-02")
    app.get_by_role("button", name="Find").click()
    expect(app.get_by_text("Nothing found.")).to_be_visible()


def test_older_messages_are_shown_when_they_are_asked_for(
    frames: Frames, stack: Stack, sent: Correspondence, numbers: Iterator[str]
) -> None:
    """None is left out, none comes twice, and whoever uses the keyboard goes on with the first of them."""
    frame = opened(frames, lang="en")
    expect(rows(frame.app)).to_have_count(FULL)
    last = rows(frame.app).last.get_by_role("button").get_attribute("id")
    frame.app.get_by_role("button", name="Show earlier ones").click()
    expect(rows(frame.app)).not_to_have_count(FULL)
    identifiers = frame.inside.evaluate("[...document.querySelectorAll('.what button')].map((each) => each.id)")
    assert len(set(identifiers)) == len(identifiers)
    focused = frame.inside.evaluate("document.activeElement.id")
    assert identifiers[identifiers.index(last) + 1] == focused
    # What comes on top meanwhile pushes nothing out.
    new = send(stack, next(numbers), "Пришло, пока листали")
    expect(rows(frame.app).first).to_contain_text(new.text)
    later = frame.inside.evaluate("[...document.querySelectorAll('.what button')].map((each) => each.id)")
    assert later[1:] == identifiers


# Live


def test_new_messages_and_new_statuses_appear_by_themselves(
    frames: Frames, stack: Stack, numbers: Iterator[str]
) -> None:
    """Whoever has put the cursor on a message keeps it there."""
    number = next(numbers)
    first = send(stack, number, "Первое сообщение")
    eventually(lambda: stack.sms(first) or None, 10, "A1 has it")
    frame = opened(frames, lang="en")
    search(frame, number)
    frame.app.get_by_role("button", name=first.text).focus()
    second = send(stack, number, "Второе сообщение")
    expect(rows(frame.app)).to_have_count(2)
    expect(rows(frame.app).first).to_contain_text(second.text)
    expect(frame.app.get_by_role("button", name=first.text)).to_be_focused()
    status = rows(frame.app).last.locator(".state")
    expect(status).to_have_text("sent")
    delivered(stack, first.text)
    expect(status).to_have_text("delivered")
    expect(frame.app.get_by_role("button", name=first.text)).to_be_focused()


# One message


def test_a_message_shows_its_whole_way(frames: Frames, sent: Correspondence) -> None:
    app = shown(opened(frames, lang="en"), sent.delivered)
    expect(app.get_by_role("heading", level=1)).to_have_text("SMS to +375 29 111-00-10")
    expect(pill(app)).to_have_text("delivered")
    way = app.locator(".way li")
    expect(way.first).to_contain_text("Bitrix24")
    expect(way.filter(has_text="A1, answering a request")).to_have_count(1)
    expect(way.last).to_contain_text("Bitrix24 knows: delivered")
    # Minsk's time, whatever the zone of the browser.
    expect(way.first.locator("time")).to_have_text(re.compile(r"^\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d$"))
    expect(app.locator(".facts")).to_contain_text("0.045 BYN")
    expect(app.get_by_text("Bitrix24 confirmed it")).to_be_visible()


def test_a_message_that_failed_says_why_and_what_to_do(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames)
    for message, why, what in (
        (sent.foreign, "только на белорусские", "Свяжитесь другим каналом"),
        (sent.undeliverable, "не может доставить", "Проверьте номер"),
        (sent.not_agreed, "согласи", "Что сделать"),
    ):
        app = shown(frame, message)
        notice = app.locator("section.notice")
        expect(notice).to_contain_text(why)
        expect(notice).to_contain_text(what)
        app.locator("#back").click()


def test_marketing_shows_what_the_consent_rests_on(frames: Frames, sent: Correspondence) -> None:
    app = shown(opened(frames, lang="en"), sent.agreed)
    consent = app.get_by_role("region", name="Consent to marketing")
    expect(consent).to_contain_text(FIELD)
    expect(consent).to_contain_text("given")
    consent.get_by_role("button", name="№").click()


def test_an_item_is_opened_in_the_portal(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames, lang="en")
    shown(frame, sent.of_deal).get_by_role("button", name=f"№ {DEAL_ID}").click()
    expect(frame.page.get_by_role("link", name=f"/crm/deal/details/{DEAL_ID}/")).to_be_visible()


# Sending again


def test_a_message_is_sent_again_once_and_followed_to_its_end(
    frames: Frames, stack: Stack, numbers: Iterator[str]
) -> None:
    number = next(numbers)
    first = send(stack, number, "Ещё раз, пожалуйста")
    eventually(lambda: stack.sms(first) or None, 10, "A1 has it")
    delivered(stack, first.text)
    stack.confirmed(first)
    frame = opened(frames, lang="en")
    app = shown(frame, first)
    app.get_by_role("button", name="Send again").click()
    dialog = app.get_by_role("dialog", name="Send this SMS again?")
    expect(dialog).to_contain_text("It costs 0.045 BYN for 1 segment.")
    expect(dialog).to_contain_text("will get it a second time")
    # Thought better of it.
    frame.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    app.get_by_role("button", name="Send again").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert len(stack.sms(first)) == 1
    # An impatient finger.
    app.get_by_role("button", name="Send again").click()
    dialog.get_by_role("button", name="Send", exact=True).dblclick()
    expect(dialog).to_have_count(0)
    expect(app.get_by_text("show the first SMS")).to_be_visible()
    expect(pill(app)).to_have_text("sent")
    delivered(stack, first.text)
    expect(pill(app)).to_have_text("delivered")
    assert len(stack.sms(first)) == 2
    app.get_by_text("show the first SMS").click()
    expect(app.get_by_text("Repeated")).to_be_visible()
    # The search is still there.
    app.locator("#back").click()
    expect(rows(app)).to_have_count(2)


def test_what_cannot_be_sent_says_why(frames: Frames, sent: Correspondence) -> None:
    app = shown(opened(frames, lang="en"), sent.foreign)
    app.get_by_role("button", name="Send again").click()
    dialog = app.get_by_role("dialog")
    expect(dialog).to_contain_text("It cannot be sent")
    expect(dialog.get_by_role("button")).to_have_count(1)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_a_manager_sees_everything_and_can_send_nothing(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames, user=MANAGER, lang="en")
    app = shown(frame, sent.undeliverable)
    expect(pill(app)).to_have_text("not delivered")
    expect(app.get_by_role("button", name="Send again")).to_have_count(0)


# Cards


def test_a_deals_tab_shows_the_messages_of_that_deal_alone(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames, f"card/deal/{DEAL_ID}", user=MANAGER, lang="en")
    expect(rows(frame.app)).to_have_count(1)
    expect(rows(frame.app).first).to_contain_text(sent.of_deal.text)
    expect(frame.app.get_by_role("navigation")).to_have_count(0)
    rows(frame.app).first.get_by_role("button").click()
    expect(frame.app.get_by_role("heading", level=1)).to_contain_text("SMS to")
    frame.app.locator("#back").click()
    expect(rows(frame.app)).to_have_count(1)


def test_a_contacts_tab_shows_what_was_sent_to_its_numbers_from_anywhere(
    frames: Frames, stack: Stack, numbers: Iterator[str]
) -> None:
    """Live, and in another language as well."""
    number = next(numbers)
    contact = stack.portal.ask("POST", "crm/item", {"entityTypeId": 3, "phones": [number], "name": "Анна"})["id"]
    send(stack, number, "Из сделки", bindings=item(2, 9999))
    frame = opened(frames, f"card/contact/{contact}", user=MANAGER)
    expect(rows(frame.app)).to_have_count(1)
    send(stack, number, "Из карточки", bindings=item(3, contact))
    expect(rows(frame.app)).to_have_count(2)
    frame.app.get_by_role("button", name="EN", exact=True).click()
    expect(frame.app.get_by_role("columnheader", name="Status")).to_be_attached()
    expect(rows(frame.app)).to_have_count(2)


def test_sending_again_from_a_tab_stays_in_the_tab(frames: Frames, stack: Stack, numbers: Iterator[str]) -> None:
    number = next(numbers)
    first = send(stack, number, "Из вкладки ещё раз", bindings=item(2, DEAL_ID))
    eventually(lambda: stack.sms(first) or None, 10, "A1 has it")
    delivered(stack, first.text)
    stack.confirmed(first)
    app = opened(frames, f"card/deal/{DEAL_ID}", lang="en").app
    rows(app).first.get_by_role("button").click()
    app.get_by_role("button", name="Send again").click()
    app.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    expect(app.get_by_text("show the first SMS")).to_be_visible()
    app.locator("#back").click()
    expect(rows(app).nth(1)).to_contain_text(first.text)
    expect(app.locator("[data-page=card]").first).to_be_visible()
    assert {text.strip() for text in rows(app).locator(".what").all_inner_texts()} >= {first.text}
    expect(app.locator("#number")).to_have_count(0)


# Language


def test_another_language_keeps_the_page_and_what_was_looked_for(frames: Frames, sent: Correspondence) -> None:
    frame = opened(frames)
    app = frame.app
    search(frame, sent.undeliverable.to)
    app.get_by_role("button", name="BE", exact=True).click()
    expect(app.get_by_label("Нумар тэлефона")).to_have_value(sent.undeliverable.to)
    expect(rows(app)).to_have_count(1)
    expect(app.get_by_role("button", name="BE", exact=True)).to_be_focused()
    assert frame.inside.evaluate("document.documentElement.lang") == "be"
    rows(app).first.get_by_role("button").click()
    expect(app.get_by_text("Што зрабіць:")).to_be_visible()
    app.get_by_role("button", name="EN", exact=True).click()
    expect(app.get_by_text("What to do:")).to_be_visible()
    expect(app.get_by_role("heading", level=1)).to_have_text("SMS to +375 29 111-00-01")
    app.locator("#back").click()
    expect(app.get_by_label("Phone number")).to_have_value(sent.undeliverable.to)
    expect(app.get_by_role("button", name="EN", exact=True)).to_have_attribute("aria-pressed", "true")

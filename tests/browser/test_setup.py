"""The set-up and the composer in a real browser: readable, by the keyboard alone, and good by themselves."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from ..centre.centre import SENDER_ID
from ..daemon.stack import Stack
from .chromium import why_not
from .frame import DESKTOP, LANGUAGES, MANAGER, PHONE, SCREENS, Frame, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

SETUP = {"ru": "Настройка", "be": "Наладка", "en": "Setup"}
COMPOSER = {"ru": "Текст SMS", "be": "Тэкст SMS", "en": "Text of an SMS"}
TEXT = "Заказ № 4182 «Шкаф-купе» готов — ждём Вас до 20:00 по адресу: Минск, проспект Независимости, 10."
TEMPLATE = "#CONTACT_NAME|Здравствуйте#, заказ #DEAL_TITLE# готов"
# Longer than a probe of A1 and a look of the page together.
LONG = 40_000


def opened(frames: Frames, page: str, *, lang: str = "ru", screen: Screen = DESKTOP) -> Frame:
    """A page of the menu."""
    frame = frames.open(lang=lang, screen=screen)
    frame.app.get_by_role("button", name=page, exact=True).click()
    expect(frame.app.get_by_role("heading", name=page, level=1)).to_be_visible()
    return frame


def subject(frame: Frame, title: str) -> Locator:
    """A line of the checklist."""
    return frame.app.locator(".checks > li").filter(has=frame.app.get_by_text(title, exact=True))


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_checklist_is_readable(stack: Stack, frames: Frames, lang: str, screen: Screen) -> None:
    """For everybody, on a phone too; and no wider than it."""
    frame = opened(frames, SETUP[lang], lang=lang, screen=screen)
    expect(frame.app.locator(".checks > li.is-good").nth(8)).to_be_visible()
    assert frame.axe() == []
    assert frame.inside.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    frame.screenshot(f"setup-{lang}")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_composer_is_readable(stack: Stack, frames: Frames, lang: str, screen: Screen) -> None:
    """With all that it can say of a text."""
    frame = opened(frames, COMPOSER[lang], lang=lang, screen=screen)
    frame.app.locator("#composer-text").fill(f"{TEMPLATE}. {TEXT} #DEAL_NOTHING#")
    frame.app.locator("#document").fill("4182")
    frame.app.locator("#composer-number").fill("8 029 111-22-33")
    expect(frame.app.get_by_text("Анна", exact=True)).to_be_visible()
    expect(frame.app.locator(".tiles")).to_contain_text("BYN")
    frame.app.locator("summary").click()
    assert frame.axe() == []
    assert frame.inside.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    frame.screenshot(f"composer-{lang}")


def test_a1_turns_red_and_green_by_itself_and_the_test_sms_arrives(stack: Stack, frames: Frames) -> None:
    """The page is never loaded again, and everything is done by the keyboard."""
    frame = opened(frames, SETUP["ru"])
    account = subject(frame, "Учётная запись A1")
    expect(account).to_have_class("is-good")
    stack.a1.fault("error", code=8, method="send/sms")
    frame.app.locator("#trial-number").fill("+7 495 123-45-67")
    frame.page.keyboard.press("Enter")
    expect(frame.app.locator("#trial-fault")).to_contain_text("номер не белорусский")
    expect(frame.app.locator("#trial-number")).to_be_focused()
    frame.app.locator("#trial-number").fill("8 029 111-22-33")
    frame.page.keyboard.press("Enter")
    expect(frame.app.locator("#trial")).to_contain_text("0,045 BYN, 1 сегмент")
    expect(frame.app.locator("#trial")).to_contain_text(SENDER_ID)
    expect(frame.app.get_by_role("button", name="Отправить", exact=True)).to_be_focused()
    frame.page.keyboard.press("Enter")
    expect(frame.app.locator("#trial li.is-good")).to_have_count(1)
    expect(account).to_have_class("is-bad", timeout=LONG)
    expect(account).to_contain_text("Что сделать:")
    frame.screenshot("setup-a1-is-away")
    stack.a1.mend()
    expect(frame.app.locator("#trial")).to_contain_text("Доставлено за", timeout=LONG)
    expect(account).to_have_class("is-good", timeout=LONG)
    expect(subject(frame, "Обратный вызов A1")).to_have_class("is-good")
    assert frame.axe() == []
    frame.screenshot("setup-delivered")
    frame.app.get_by_role("button", name="Страница сообщения").click()
    expect(frame.app.get_by_role("heading", level=1)).to_contain_text(re.compile(r"\+375\s29\s111-22-33"))


def test_two_presses_send_one_sms(stack: Stack, frames: Frames) -> None:
    """Whoever is impatient pays once."""
    frame = opened(frames, SETUP["en"], lang="en", screen=PHONE)
    frame.app.locator("#trial-number").fill("+375291112233")
    frame.app.get_by_role("button", name="Next: the price").click()
    frame.app.get_by_role("button", name="Send", exact=True).dblclick()
    expect(frame.app.locator("#trial")).to_contain_text("Delivered within", timeout=LONG)
    assert len(stack.a1.messages()) == 1
    frame.screenshot("setup-test-sms")


def test_signs_are_replaced_by_the_keyboard(stack: Stack, frames: Frames) -> None:
    """And the text is counted as it is then."""
    frame = opened(frames, COMPOSER["en"], lang="en")
    frame.app.locator("#composer-text").fill("«Order 4182» is ready — come and take it at ten" + " today" * 5)
    first = frame.app.locator(".tiles li").first
    expect(first).to_have_text(re.compile(r"2\s+segments"))
    frame.app.get_by_role("button", name="Replace the signs").focus()
    frame.page.keyboard.press("Enter")
    expect(frame.app.locator("#composer-text")).to_have_value(re.compile(r'^"Order 4182" is ready - come'))
    expect(frame.app.locator("#composer-text")).to_be_focused()
    expect(first).to_have_text(re.compile(r"1\s+segment"))


def test_what_is_typed_outlives_a_change_of_language(stack: Stack, frames: Frames) -> None:
    """On both pages."""
    frame = opened(frames, COMPOSER["ru"])
    frame.app.locator("#composer-text").fill(TEMPLATE)
    frame.app.locator("#document").fill("4182")
    expect(frame.app.get_by_text("Анна", exact=True)).to_be_visible()
    frame.app.get_by_role("button", name="EN", exact=True).click()
    expect(frame.app.get_by_role("heading", name=COMPOSER["en"], level=1)).to_be_visible()
    expect(frame.app.locator("#composer-text")).to_have_value(TEMPLATE)
    expect(frame.app.get_by_text("Анна", exact=True)).to_be_visible()
    frame.app.get_by_role("button", name="Send it to yourself").click()
    expect(frame.app.locator("#trial-text")).to_have_value(re.compile("^Анна, заказ"))
    frame.app.get_by_role("button", name="RU", exact=True).click()
    expect(frame.app.get_by_role("heading", name=SETUP["ru"], level=1)).to_be_visible()
    expect(frame.app.locator("#trial-text")).to_have_value(re.compile("^Анна, заказ"))


def test_managers_are_offered_neither(frames: Frames) -> None:
    """They see messages."""
    frame = frames.open(user=MANAGER)
    expect(frame.app.get_by_role("button", name="Журнал")).to_be_visible()
    for page in (SETUP["ru"], COMPOSER["ru"]):
        assert frame.app.get_by_role("button", name=page, exact=True).count() == 0

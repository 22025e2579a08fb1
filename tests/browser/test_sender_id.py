"""The Sender ID in a real browser: from a wanted name to the approval that comes by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import docx
import pytest
from playwright.sync_api import Locator, expect
from pypdf import PdfReader

from ..daemon.stack import Stack
from .chromium import why_not
from .frame import DESKTOP, LANGUAGES, MANAGER, PHONE, SCREENS, Frame, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

MENU = {"ru": "Имя отправителя", "be": "Імя адпраўніка", "en": "Sender ID"}
# What the steps show, by the beginnings of what is said.
SAID = {
    "ru": ("одобрил это имя", "Есть буквы не из латиницы", "Контрольная цифра", "Что дальше"),
    "be": ("ухваліў гэтае імя", "Ёсць літары не з лацінкі", "Кантрольная лічба", "Што далей"),
    "en": ("has approved this name", "There are letters that are not Latin", "The check digit", "What comes next"),
}
PARTICULARS = {
    "purpose": "уведомления о заказах и напоминания о визитах",
    "company": "Общество с ограниченной ответственностью «Мой магазин»",
    "unp": "200988541",
    "address": "220004, г. Минск, ул. Немига, д. 5, оф. 12",
    "contract": "№ 123/45 от 01.02.2026",
    "signatory": "Иванов Иван Иванович",
    "position": "Директор",
    "ground": "Устав",
    "contact": "Петрова Анна Сергеевна",
    "phone": "8029 1112233",
    "email": "petrova@myshop.by",
}
# A1 is asked once a minute at most, and the page looks every four seconds.
ASKED = 90_000


@pytest.fixture(autouse=True)
def without_applications(stack: Stack) -> Iterator[None]:
    """Each test begins with none, and leaves none."""
    forget_applications(stack)
    yield
    forget_applications(stack)


def forget_applications(stack: Stack) -> None:
    with closing(sqlite3.connect(stack.gateway.journal, timeout=10, isolation_level=None)) as connection:
        connection.execute("DELETE FROM sender_ids")


def opened(frames: Frames, lang: str = "ru", screen: Screen = DESKTOP) -> Frame:
    """The page of the Sender ID."""
    frame = frames.open(lang=lang, screen=screen)
    frame.app.get_by_role("button", name=MENU[lang], exact=True).click()
    expect(frame.app.get_by_role("heading", name=MENU[lang], level=1)).to_be_visible()
    return frame


def main_button(frame: Frame) -> Locator:
    """What brings the wizard on."""
    return frame.app.locator("#wizard button.main")


def begin(frame: Frame, name: str) -> None:
    """Apply for a name."""
    frame.app.locator("#apply").click()
    frame.app.locator("#wanted").fill(name)
    expect(frame.app.locator("#about-name .letters li")).to_have_count(len(name))


def prepare(frame: Frame, name: str) -> None:
    """Go the whole way to an application that is kept."""
    begin(frame, name)
    main_button(frame).click()
    for field, text in PARTICULARS.items():
        frame.app.locator(f"#{field}").fill(text)
    main_button(frame).click()
    expect(frame.app.locator(".letter .wanted")).to_have_text(name)
    main_button(frame).click()
    expect(frame.app.locator("#files")).to_be_visible()


def looked_at(frame: Frame, name: str) -> None:
    """Readable for everybody, and a picture of it is kept."""
    # Wide things would be cut off by the frame.
    assert frame.inside.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert frame.axe() == []
    frame.screenshot(f"sender-id-{name}")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_step_can_be_read_and_done(frames: Frames, lang: str, screen: Screen) -> None:
    approved, foreign, check_digit, then = SAID[lang]
    frame = opened(frames, lang, screen)
    expect(frame.app.locator("#state")).to_contain_text(approved, timeout=ASKED)
    looked_at(frame, f"overview-{lang}")
    begin(frame, "МойMагазин")
    expect(frame.app.locator("#about-name")).to_contain_text(foreign)
    looked_at(frame, f"name-{lang}")
    frame.app.locator("[data-fill=wanted]").click()
    expect(frame.app.locator("#wanted")).to_have_value("MoyMagazin")
    expect(frame.app.locator("#about-name .is-bad")).to_have_count(0)
    main_button(frame).click()
    for field, text in PARTICULARS.items():
        frame.app.locator(f"#{field}").fill(text)
    frame.app.locator("#unp").fill("200988542")
    main_button(frame).click()
    expect(frame.app.locator("#unp-fault")).to_contain_text(check_digit)
    expect(frame.app.locator("#unp")).to_be_focused()
    expect(frame.app.locator("#company")).to_have_value(PARTICULARS["company"])
    looked_at(frame, f"company-{lang}")
    frame.app.locator("#unp").fill(PARTICULARS["unp"])
    main_button(frame).click()
    expect(frame.app.locator(".letter")).to_contain_text("О регистрации имени отправителя")
    looked_at(frame, f"letter-{lang}")
    main_button(frame).click()
    expect(frame.app.locator("#page")).to_contain_text(then)
    looked_at(frame, f"application-{lang}")
    frame.app.locator("[id^=hand_in-]").press("Enter")
    expect(frame.app.get_by_role("dialog")).to_be_visible()
    looked_at(frame, f"step-{lang}")


def test_the_menu_shows_where_one_is_and_offers_it_to_administrators_alone(frames: Frames) -> None:
    frame = opened(frames)
    begin(frame, "MyMarket")
    here = frame.app.locator(".menu [aria-current]")
    expect(here).to_have_text(MENU["ru"])
    frame.app.locator("[data-speak=en]").click()
    expect(here).to_have_text(MENU["en"])
    manager = frames.open(user=MANAGER)
    expect(manager.app.locator("[data-page=journal]").first).to_be_visible()
    expect(manager.app.locator("[data-page=sender_id]")).to_have_count(0)


def test_another_language_loses_nothing_that_was_typed(frames: Frames) -> None:
    frame = opened(frames)
    begin(frame, "MyMarket")
    main_button(frame).click()
    frame.app.locator("#company").fill("ООО «Рынок»")
    frame.app.locator("[data-speak=be]").click()
    expect(frame.app.get_by_role("heading", name="Новая заяўка")).to_be_visible()
    expect(frame.app.locator("#company")).to_have_value("ООО «Рынок»")
    expect(frame.app.locator("#wizard")).to_contain_text("MyMarket")


def test_the_letter_comes_as_two_files(frames: Frames) -> None:
    frame = opened(frames)
    prepare(frame, "MyMarket")
    frame.app.get_by_label("образцы текстов SMS").uncheck()
    files: dict[str, bytes] = {}
    for kind in ("DOCX", "PDF"):
        with frame.page.expect_download() as download:
            frame.app.get_by_role("button", name=f"Скачать {kind}").click()
        files[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert list(files) == ["Sender-ID-MyMarket.docx", "Sender-ID-MyMarket.pdf"]
    opened_docx, pdf = files.values()
    paragraphs = [each.text for each in docx.Document(BytesIO(opened_docx)).paragraphs]
    assert "MyMarket" in paragraphs
    assert not any("Образцы текстов" in each for each in paragraphs)
    assert "MyMarket" in PdfReader(BytesIO(pdf)).pages[0].extract_text()
    # The page is still there.
    expect(frame.app.locator("#files")).to_be_visible()


def test_an_approval_is_noticed_by_itself(frames: Frames, stack: Stack) -> None:
    """And a name in use that A1 has in other capitals is told with the line to change."""
    frame = opened(frames)
    prepare(frame, "MyMarket")
    stack.a1.set(senders=["MYSHOP", "MyMarket"])
    frame.app.locator("[id^=hand_in-]").press("Enter")
    frame.app.get_by_label("Кому и как передана").fill("Ольге, вх. 12/3")
    frame.app.get_by_role("dialog").get_by_role("button", name="Передана").press("Enter")
    progress = frame.app.locator("#progress")
    expect(progress).to_contain_text("Ольге, вх. 12/3")
    expect(progress.locator(".pill")).to_have_text("одобрена", timeout=ASKED)
    expect(progress).to_contain_text('sender_id = "MyMarket"')
    frame.app.get_by_role("button", name="Назад").click()
    expect(frame.app.locator("#state")).to_contain_text("A1 одобрил его как «MYSHOP»")
    expect(frame.app.locator("#state")).to_contain_text('sender_id = "MYSHOP"')
    looked_at(frame, "approved-ru")


def test_the_keyboard_alone_is_enough(frames: Frames) -> None:
    frame = opened(frames, "en")
    page = frame.page.keyboard
    frame.app.locator("#apply").focus()
    page.press("Enter")
    expect(frame.app.locator("#wanted")).to_be_focused()
    page.type("Мой")
    expect(frame.app.locator("[data-fill=wanted]")).to_have_text("Moy")
    page.press("Tab")
    expect(frame.app.locator("[data-fill=wanted]")).to_be_focused()
    page.press("Enter")
    expect(frame.app.locator("#wanted")).to_be_focused()
    expect(frame.app.locator("#wanted")).to_have_value("Moy")
    page.type("Magazin")
    page.press("Enter")
    expect(frame.app.locator("#purpose")).to_be_visible()
    frame.app.locator("#purpose").focus()
    for field, text in PARTICULARS.items():
        expect(frame.app.locator(f"#{field}")).to_be_focused()
        page.press("ControlOrMeta+a")
        page.type(text)
        page.press("Tab")
    expect(main_button(frame)).to_be_focused()
    page.press("Enter")
    expect(frame.app.locator(".letter")).to_be_visible()
    main_button(frame).focus()
    page.press("Enter")
    withdraw = frame.app.locator("[id^=withdraw-]")
    withdraw.focus()
    page.press("Enter")
    expect(frame.app.get_by_role("dialog")).to_be_visible()
    page.press("Escape")
    expect(frame.app.get_by_role("dialog")).to_have_count(0)
    expect(withdraw).to_be_focused()
    page.press("Enter")
    expect(frame.app.get_by_role("heading", name="Withdraw the application")).to_be_focused()
    # An Enter too many does nothing.
    page.press("Enter")
    page.press("Tab")
    expect(frame.app.locator("#note")).to_be_focused()
    page.type("changed our mind")
    page.press("Tab")
    page.press("Enter")
    expect(frame.app.locator("#progress .pill")).to_have_text("withdrawn")
    expect(frame.app.locator("#progress")).to_contain_text("changed our mind")


def test_a_field_that_is_corrected_is_not_called_wrong_any_more(frames: Frames) -> None:
    frame = opened(frames, screen=PHONE)
    begin(frame, "МойМагазин")
    main_button(frame).click()
    wanted = frame.app.locator("#wanted")
    expect(wanted).to_have_attribute("aria-invalid", "true")
    wanted.fill("MoyMagazin")
    expect(wanted).not_to_have_attribute("aria-invalid", "true")
    expect(frame.app.locator("#about-name")).to_contain_text("технически возможно")

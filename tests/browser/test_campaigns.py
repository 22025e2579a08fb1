"""Campaigns as people follow and stop them: a mailing of the simulated portal, which hands it over bit by bit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Locator, expect

from ..daemon.campaign import CONSENT, FIELD, with_the_field
from ..daemon.commands import command
from ..daemon.processes import Warden, eventually
from ..daemon.stack import Stack
from .chromium import why_not
from .frame import ADMINISTRATOR, DESKTOP, LANGUAGES, MANAGER, SCREENS, Frame, Frames, Screen, tabs_are_bound

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

TITLE = {"ru": "Рассылки", "be": "Рассылкі", "en": "Campaigns"}
ONE = {"ru": "Рассылка №", "be": "Рассылка №", "en": "Campaign no."}
CANCEL = {"ru": "Отменить рассылку", "be": "Адмяніць рассылку", "en": "Cancel the campaign"}
ALL = {"ru": "Все рассылки", "be": "Усе рассылкі", "en": "All campaigns"}
KEEP = {"ru": "Не отменять", "be": "Не адмяняць", "en": "Keep it"}
# What is mailed differs so much that nobody takes one for another.
DONE = "Скидка 20% на всё до воскресенья в MyShop на Немиге. Отказ: СТОП"
PAUSED = "Приглашаем на дегустацию белорусских сыров в субботу: вход свободный, количество мест ограничено"
_numbers = (f"+37529{4000 + index // 80:05}{index % 80 + 10:02}" for index in count())
# A figure that moves is read again every four seconds.
_MOVES = 30_000


@pytest.fixture(scope="module")
def shared(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon with a campaign that is over, and one that is paused halfway."""
    stack = Stack(warden, tmp_path_factory.mktemp("campaigns"), warm=True, consent=CONSENT)
    with_the_field(stack)
    stack.started()
    tabs_are_bound(stack)
    # Nobody has agreed who is no contact; the simulated A1 does not deliver to the last two of the others.
    mail(stack, DONE, [*people(stack, 40, "01", "02"), *STRANGERS], per_second=200)
    eventually(lambda: stages(stack, 1).get("over") == 49 or None, 60, "the first campaign is over")
    mail(stack, PAUSED, people(stack, 30), per_second=200)
    eventually(lambda: stages(stack, 2).get("over") == 30 or None, 60, "half of the second is over")
    assert command(stack, "campaigns", "--pause", "2").returncode == 0
    mail(stack, PAUSED, [*people(stack, 21), "12345"], per_second=200)
    eventually(lambda: stages(stack, 2).get("held") == 21 or None, 60, "the other half waits")
    yield stack
    stack.close()
    stack.kept_its_secrets()


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """The same, as it is: every test has a mailing of its own."""
    return shared


STRANGERS = [f"+3753355500{index:02}" for index in range(10, 19)]
"""Numbers of nobody in the portal."""


def people(stack: Stack, many: int, *endings: str) -> list[str]:
    """The numbers of contacts who have agreed; the last of them end so."""
    numbers = [next(_numbers) for _ in range(many - len(endings))]
    numbers += [f"{next(_numbers)[:-2]}{ending}" for ending in endings]
    for number in numbers:
        contact = {"entityTypeId": 3, "phones": [number], "fields": {FIELD: "Y"}}
        stack.portal.ask("POST", "crm/item", contact)
    return numbers


def mail(stack: Stack, text: str, numbers: list[str], per_second: float) -> None:
    """Bitrix24 begins to hand a mailing over."""
    stack.portal.ask("POST", "campaign", {"text": text, "numbers": numbers, "per_second": per_second})


def stages(stack: Stack, campaign: int) -> dict[str, int]:
    """How many messages of a campaign are in each stage."""
    query = "SELECT stage, count(*) AS count FROM messages WHERE campaign = ? GROUP BY stage"
    return {row["stage"]: row["count"] for row in stack.gateway.rows(query, campaign)}


def at_a1(stack: Stack, text: str) -> int:
    """How many messages with this text A1 has."""
    return sum(message["text"] == text for message in stack.a1.messages())


def told(stack: Stack, text: str) -> list[str]:
    """What the portal shows of the messages with this text."""
    return [row["status"] for row in stack.portal.messages() if row["text"] == text]


def the_list(frames: Frames, lang: str = "ru", *, user: int = ADMINISTRATOR, screen: Screen = DESKTOP) -> Frame:
    """The list of campaigns, opened from the menu."""
    frame = frames.open(lang=lang, user=user, screen=screen)
    frame.app.get_by_role("button", name=TITLE[lang], exact=True).click()
    expect(frame.app.get_by_role("heading", name=TITLE[lang])).to_be_visible()
    return frame


def row(frame: Frame, text: str) -> Locator:
    """A campaign in the list."""
    return frame.app.get_by_role("row").filter(has_text=text[:40])


def the_campaign(frames: Frames, text: str, lang: str = "ru", *, user: int = ADMINISTRATOR) -> Frame:
    """One campaign, opened from the list by its text."""
    frame = the_list(frames, lang, user=user)
    row(frame, text).get_by_role("button").click()
    expect(frame.app.get_by_role("heading", name=ONE[lang])).to_be_visible()
    return frame


def tile(frame: Frame, name: str) -> Locator:
    """A figure by its name."""
    return frame.app.get_by_role("listitem").filter(has_text=re.compile(name)).locator("b")


def figure(frame: Frame, name: str) -> int:
    """The same as a number."""
    return int(tile(frame, name).inner_text().split()[0])


def moves_from(frame: Frame, name: str, number: int) -> None:
    """Wait until a figure is above this number."""
    more = re.compile(rf"^(?!{number}\b)\d")
    expect(tile(frame, name)).to_have_text(more, timeout=_MOVES)
    assert figure(frame, name) > number


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_campaigns_are_readable_in_every_language(frames: Frames, lang: str, screen: Screen) -> None:
    frame = the_list(frames, lang, screen=screen)
    frame.is_fit_to_look_at(f"campaigns-{lang}")
    row(frame, DONE).get_by_role("button").click()
    expect(frame.app.get_by_role("heading", name=ONE[lang])).to_be_visible()
    frame.is_fit_to_look_at(f"campaign-over-{lang}")
    frame.app.get_by_role("button", name=ALL[lang]).click()
    row(frame, PAUSED).get_by_role("button").click()
    expect(frame.app.get_by_role("heading", name=ONE[lang])).to_be_visible()
    frame.is_fit_to_look_at(f"campaign-paused-{lang}")
    frame.app.get_by_role("button", name=CANCEL[lang]).click()
    dialog = frame.app.get_by_role("dialog")
    expect(dialog).to_contain_text("21 ")
    frame.is_fit_to_look_at(f"campaign-cancel-{lang}")
    dialog.get_by_role("button", name=KEEP[lang]).click()
    expect(dialog).to_have_count(0)


def test_a_mailing_is_followed_paused_resumed_and_cancelled(frames: Frames, stack: Stack) -> None:
    text = "Летняя распродажа обуви началась: третья пара бесплатно"
    frame = the_list(frames)
    mail(stack, text, people(stack, 400), per_second=8)
    # It comes into the list by itself.
    expect(row(frame, text)).to_be_visible(timeout=_MOVES)
    row(frame, text).get_by_role("button").click()
    expect(frame.app.locator(".standing")).to_contain_text("отправляется")
    moves_from(frame, "Завершено", figure(frame, "Завершено"))
    moves_from(frame, "Доставлено", figure(frame, "Доставлено"))
    frame.is_fit_to_look_at("campaign-going-ru")

    frame.app.get_by_role("button", name="Поставить на паузу").click()
    expect(frame.app.get_by_text("Ничего не уходит.")).to_be_visible()
    expect(frame.app.get_by_text(re.compile("Поставлена на паузу .*: Ольга Администратор"))).to_be_visible()
    expect(tile(frame, "В пути у A1")).to_have_text("0", timeout=_MOVES)
    gone, waits = at_a1(stack, text), figure(frame, "Ждёт отправки")
    # Bitrix24 goes on to hand it over.
    moves_from(frame, "Ждёт отправки", waits)
    assert at_a1(stack, text) == gone

    frame.app.get_by_role("button", name="Продолжить").click()
    expect(frame.app.get_by_text(re.compile("Продолжена .*: Ольга Администратор"))).to_be_visible()
    moves_from(frame, "Доставлено", figure(frame, "Доставлено"))
    assert at_a1(stack, text) > gone

    # So that some wait.
    frame.app.get_by_role("button", name="Поставить на паузу").click()
    moves_from(frame, "Ждёт отправки", 0)
    frame.app.get_by_role("button", name="Отменить рассылку").click()
    dialog = frame.app.get_by_role("dialog")
    expect(dialog).to_contain_text("Вернуть это нельзя")
    dialog.get_by_role("button", name="Отменить рассылку").click()
    expect(dialog).to_have_count(0)
    expect(frame.app.get_by_text(re.compile("Отменена .*: Ольга Администратор"))).to_be_visible()
    expect(tile(frame, "Ждёт отправки")).to_have_text("0", timeout=_MOVES)
    gone = at_a1(stack, text)
    moves_from(frame, "Отклонено", figure(frame, "Отклонено"))
    assert at_a1(stack, text) == gone
    eventually(lambda: "failed" in told(stack, text) or None, 20, "Bitrix24 is told of those that are refused")
    frame.is_fit_to_look_at("campaign-cancelled-ru")

    # And from the reason into the journal, with nothing but what was refused for it.
    frame.app.get_by_role("button", name="рассылка отменена").click()
    expect(frame.app.get_by_role("heading", name="Журнал")).to_be_visible()
    expect(frame.app.get_by_label("Причина")).to_have_value("cancelled")
    states = frame.app.locator("#newest .state")
    expect(states.first).to_be_visible()
    assert {each.split()[0] for each in states.all_inner_texts()} == {"отклонено"}


def test_a_manager_looks_and_has_nothing_to_press(frames: Frames) -> None:
    frame = the_campaign(frames, PAUSED, user=MANAGER)
    expect(tile(frame, "Ждёт отправки")).to_have_text("21")
    for name in ("Продолжить", "Поставить на паузу", "Отменить рассылку"):
        expect(frame.app.get_by_role("button", name=name)).to_have_count(0)


def test_the_second_click_of_a_double_one_does_nothing(frames: Frames, stack: Stack) -> None:
    """Where the pause was asked for stands what lets it go on."""
    text = "Дарим второй кофе каждому гостю до конца ноября"
    mail(stack, text, people(stack, 5), per_second=50)
    eventually(lambda: at_a1(stack, text) == 5 or None, 20, "all have left")
    frame = the_campaign(frames, text)
    box = frame.app.get_by_role("button", name="Поставить на паузу").bounding_box()
    assert box is not None
    frame.page.mouse.click(box["x"] + 30, box["y"] + 10)
    expect(frame.app.get_by_role("button", name="Продолжить")).to_be_visible()
    frame.page.mouse.down(click_count=2)
    frame.page.mouse.up(click_count=2)
    # What is done after it has been answered.
    frame.app.get_by_role("button", name=ALL["ru"]).click()
    expect(row(frame, text)).to_contain_text("на паузе")
    row(frame, text).get_by_role("button").click()
    frame.app.get_by_role("button", name="Продолжить").click()
    expect(frame.app.get_by_text("Продолжена")).to_be_visible()


def test_everything_can_be_done_by_keyboard_and_stays_under_the_finger(frames: Frames, stack: Stack) -> None:
    text = "Запишите ребёнка в секцию плавания, первое занятие без оплаты"
    frame = the_list(frames)
    mail(stack, text, people(stack, 60), per_second=6)
    expect(row(frame, text)).to_be_visible(timeout=_MOVES)
    link = row(frame, text).get_by_role("button")
    link.focus()
    first = row(frame, text).get_by_role("progressbar").get_attribute("aria-valuetext")
    assert first is not None
    expect(row(frame, text).get_by_role("progressbar")).not_to_have_attribute("aria-valuetext", first, timeout=_MOVES)
    # The list has been made anew around it.
    expect(link).to_be_focused()
    frame.page.keyboard.press("Enter")
    expect(frame.app.get_by_role("heading", name=ONE["ru"])).to_be_visible()
    pressed_on(frame, "Поставить на паузу")
    expect(frame.app.get_by_text("Ничего не уходит.")).to_be_visible()
    pressed_on(frame, "Отменить рассылку")
    dialog = frame.app.get_by_role("dialog")
    # Whoever presses Enter once too often cancels nothing.
    expect(dialog.get_by_role("heading")).to_be_focused()
    frame.page.keyboard.press("Enter")
    frame.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(frame.app.get_by_text("Ничего не уходит.")).to_be_visible()
    pressed_on(frame, "Отменить рассылку")
    expect(dialog.get_by_role("heading")).to_be_focused()
    # It gets the focus once more when the dialog has settled.
    expect(frame.app.locator("[data-focus]")).to_have_count(0)
    frame.page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name=CANCEL["ru"])).to_be_focused()
    frame.page.keyboard.press("Enter")
    expect(frame.app.get_by_text(re.compile("Отменена .*: Ольга Администратор"))).to_be_visible()


def pressed_on(frame: Frame, name: str) -> None:
    """Go to a button by Tab alone, and press it."""
    button = frame.app.get_by_role("button", name=name)
    expect(button).to_be_visible()
    for _ in range(40):
        if button.evaluate("each => each === document.activeElement"):
            frame.page.keyboard.press("Enter")
            return
        frame.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {name}")

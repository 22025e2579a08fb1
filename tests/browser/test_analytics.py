"""The statistics of two months in a browser: charts and the tables behind them, periods, filters, the journal."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from a1gateway.hours import MINSK
from a1gateway.journal import Store
from benchmarks import year
from benchmarks.counting import count_all
from benchmarks.filling import filled

from ..daemon.processes import Warden
from ..daemon.stack import Stack
from .chromium import why_not
from .frame import LANGUAGES, MANAGER, PHONE, SCREENS, Frame, Frames, Screen, tabs_are_bound

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

MESSAGES, DAYS = 4000, 60
TITLE = {"ru": "Аналитика", "be": "Аналітыка", "en": "Analytics"}
FILTERS = {"ru": "Ещё условия", "be": "Яшчэ ўмовы", "en": "More filters"}
# There is something in every chart, and none that is not seen any more is kept.
_ALL_DRAWN = """
() => {
  const drawn = (canvas) => Chart.getChart(canvas) && canvas.width > 0
    && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((each) => each > 0);
  const canvases = [...document.querySelectorAll("canvas")];
  return canvases.length > 0 && canvases.every(drawn) && Object.keys(Chart.instances).length === canvases.length;
}
"""


@pytest.fixture(scope="module")
def past(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon with the messages of the last two months in its journal, counted."""
    stack = Stack(warden, tmp_path_factory.mktemp("analytics"), warm=True)
    stack.gateway.data.mkdir()
    store = Store(f"sqlite:///{stack.gateway.journal}")
    store.prepare()
    store.close()
    midnight = datetime.now(MINSK).replace(hour=0, minute=0, second=0, microsecond=0)
    with filled(stack.gateway.journal) as connection:
        year.write(connection, MESSAGES, end=midnight.timestamp(), days=DAYS)
    count_all(stack.gateway.journal)
    stack.started()
    tabs_are_bound(stack)
    yield stack
    stack.close()


@pytest.fixture
def stack(past: Stack) -> Stack:
    return past


def opened(frames: Frames, *, lang: str = "ru", screen: Screen = SCREENS[0], user: int = MANAGER) -> Frame:
    """The page with the statistics of the last thirty days, its charts drawn."""
    frame = frames.open(lang=lang, screen=screen, user=user)
    frame.app.get_by_role("button", name=TITLE[lang], exact=True).click()
    expect(frame.app.get_by_role("heading", name=TITLE[lang], exact=True)).to_be_visible()
    frame.inside.wait_for_function(_ALL_DRAWN)
    return frame


def tile(frame: Frame, label: str) -> Locator:
    return frame.app.locator(".tiles li", has_text=re.compile(label)).locator("b")


def number(text: str | None) -> int:
    """The one that a text begins with."""
    found = re.match(r"\d+(?:\s\d{3}\b(?!,))*", text or "")
    assert found is not None, text
    return int(re.sub(r"\D", "", found[0]))


def pressed(frame: Frame, wanted: Locator, key: str = "Enter") -> None:
    """Somebody without a mouse goes to it and presses the key."""
    for _ in range(120):
        if wanted.evaluate("(each) => each === document.activeElement"):
            frame.page.keyboard.press(key)
            return
        frame.page.keyboard.press("Tab")
    raise AssertionError("the keyboard does not get there")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_statistics_can_be_read_by_everybody(frames: Frames, lang: str, screen: Screen) -> None:
    """The charts, and the tables behind them."""
    frame = opened(frames, lang=lang, screen=screen)
    frame.is_fit_to_look_at(f"analytics-{lang}")
    for summary in frame.app.locator("section summary").all():
        summary.click()
    frame.app.get_by_text(FILTERS[lang]).click()
    expect(frame.app.locator("section table:visible")).to_have_count(frame.app.locator("section").count())
    frame.is_fit_to_look_at(f"analytics-tables-{lang}")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize(("often", "name"), [("Сегодня", "today"), ("7 дней", "week"), ("Год", "year")])
def test_every_period_has_its_charts(frames: Frames, often: str, name: str, screen: Screen) -> None:
    """A day by hours, a year by months; a day without messages says so."""
    frame = opened(frames, screen=screen)
    frame.app.get_by_role("button", name=often, exact=True).click()
    expect(frame.app.get_by_role("button", name=often, exact=True)).to_have_attribute("aria-pressed", "true")
    if often == "Сегодня":
        expect(frame.app.get_by_text("За это время сообщений не было.")).to_be_visible()
    else:
        frame.inside.wait_for_function(_ALL_DRAWN)
    frame.is_fit_to_look_at(f"analytics-{name}")


def test_the_totals_are_those_of_the_journal(frames: Frames, past: Stack) -> None:
    """Of the days that the form shows."""
    frame = opened(frames)
    begin = datetime.fromisoformat(frame.app.get_by_label("С даты").input_value()).replace(tzinfo=MINSK)
    assert begin.date() == datetime.now(MINSK).date() - timedelta(days=29)
    (row,) = past.gateway.rows(
        "SELECT count(*) AS accepted, sum(status = 'delivered') AS delivered FROM messages WHERE received_at >= ?",
        begin.timestamp(),
    )
    assert number(tile(frame, "принято").text_content()) == row["accepted"]
    assert number(tile(frame, "доставлено").first.text_content()) == row["delivered"]


def test_own_days_and_filters_stay_with_another_language(frames: Frames) -> None:
    """What was asked for is asked for again."""
    frame = opened(frames)
    since = (datetime.now(MINSK) - timedelta(days=40)).date()
    frame.app.get_by_label("С даты").fill(since.isoformat())
    frame.app.get_by_label("С даты").press("Enter")
    expect(frame.app.locator("[aria-pressed=true]:not([data-speak])")).to_have_count(0)
    assert frame.app.get_by_label("С даты").input_value() == since.isoformat()
    frame.app.get_by_text("Ещё условия").click()
    frame.app.get_by_label("Откуда").select_option("scenario:visit")
    frame.app.get_by_role("button", name="Показать", exact=True).click()
    expect(frame.app.get_by_role("heading", name="Кто отправляет: только сценарий: visit")).to_be_visible()
    accepted = tile(frame, "принято").text_content()
    frame.app.get_by_role("button", name="EN").click()
    expect(frame.app.get_by_role("heading", name="Analytics")).to_be_visible()
    expect(frame.app.get_by_role("heading", name="Sent by: scenario: visit alone")).to_be_visible()
    assert frame.app.get_by_label("From").input_value() == since.isoformat()
    assert tile(frame, "accepted").text_content() == accepted
    frame.inside.wait_for_function(_ALL_DRAWN)
    frame.app.get_by_role("button", name="Clear the filters").click()
    expect(frame.app.get_by_role("heading", name=re.compile("Sent by: mostly"))).to_be_visible()
    assert frame.app.get_by_label("From").input_value() == since.isoformat()


def test_the_keyboard_gets_from_a_reason_to_its_messages(frames: Frames) -> None:
    """Without a mouse: a period, a table, a link, and the journal shows those."""
    frame = opened(frames)
    often = frame.app.get_by_role("button", name="7 дней")
    pressed(frame, often)
    expect(often).to_have_attribute("aria-pressed", "true")
    pressed(frame, frame.app.get_by_text("Таблица причин"))
    reason = frame.app.get_by_role("button", name="телефон был вне сети")
    row = frame.app.get_by_role("row").filter(has=reason)
    expected = number(row.get_by_role("cell").first.text_content())
    pressed(frame, reason)
    expect(frame.app.get_by_role("heading", name="Журнал")).to_be_visible()
    assert frame.app.get_by_label("Статус").input_value() == "expired"
    assert frame.app.locator(".messages .is-expired").count() == min(expected, 50)


def test_charts_that_are_gone_are_not_kept(frames: Frames) -> None:
    """However often somebody chooses another period."""
    frame = opened(frames)
    for often in ("7 дней", "Год", "30 дней", "7 дней"):
        frame.app.get_by_role("button", name=often, exact=True).click()
        expect(frame.app.get_by_role("button", name=often, exact=True)).to_have_attribute("aria-pressed", "true")
        frame.inside.wait_for_function(_ALL_DRAWN)
    frame.app.get_by_role("button", name="Журнал").click()
    expect(frame.app.get_by_role("heading", name="Журнал")).to_be_visible()
    assert frame.inside.evaluate("Object.keys(Chart.instances).length") == 0


def test_a_table_comes_as_a_file(frames: Frames, tmp_path: Path) -> None:
    """Managers may have it too: there is nobody's number in it."""
    frame = opened(frames, screen=PHONE)
    section = frame.app.locator("section").filter(has_text="Операторы:")
    section.locator("summary").click()
    with frame.page.expect_download() as file:
        section.get_by_role("button", name="Скачать CSV").click()
    path = tmp_path / "table.csv"
    file.value.save_as(path)
    assert file.value.suggested_filename.startswith("sms-operators-")
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))
    shown = section.locator("tbody tr").all()
    assert [row[0] for row in rows[1:]] == [line.locator("th").inner_text() for line in shown]
    assert [int(row[1]) for row in rows[1:]] == [number(line.locator("td").first.inner_text()) for line in shown]

"""The contact base in the portal's frame: audited, cleaned, taken back, and followed by whoever looks."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from ..daemon.processes import eventually
from ..daemon.stack import Stack
from .chromium import why_not
from .frame import LANGUAGES, MANAGER, SCREENS, Frame, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

MENU = {"ru": "База контактов", "be": "База кантактаў", "en": "Contact base"}
MARK = "UF_CRM_BAD_PHONE"
NUMBERS = (
    ("8 029 111-22-33", "+375 (33) 222-33-44"),
    ("+375291112233", "+7 495 123-45-67"),
    ("нет телефона",),
    ("8017 200-11-22", "+37529123456"),
    ("=1+1 29 1112255",),
    (),
)
"""Of the contacts; leads and companies have the first of them."""
# Until a job has ended that the page looks at every four seconds.
ENDS = 40_000


@pytest.fixture
def base(stack: Stack) -> Stack:
    """A portal with a few cards, and a field to mark those of contacts and leads."""
    for kind in (3, 1):
        stack.portal.ask("POST", "crm/field", {"entityTypeId": kind, "name": MARK, "type": "boolean"})
    for kind, several in ((3, NUMBERS), (1, NUMBERS[:1]), (4, NUMBERS[:1])):
        for phones in several:
            stack.portal.ask("POST", "crm/item", {"entityTypeId": kind, "phones": list(phones)})
    return stack


def large(stack: Stack) -> None:
    """Fill the portal with more than one look at the page can see done, and let it take its time."""
    stack.portal.ask("POST", "crm/fill", {"contacts": 3000, "leads": 100, "companies": 50, "seed": 3})
    stack.portal.fault("slow", method="batch", seconds=1.0)


def everything(stack: Stack) -> list[Any]:
    """What the portal has, but for when it was changed. A box that was never ticked is an empty one."""
    items = [stack.portal.ask("GET", f"crm/items?entityTypeId={kind}") for kind in (1, 3, 4)]
    return [
        {**item, "updatedTime": None, "fields": {**item["fields"], MARK: item["fields"].get(MARK)}}
        for kind in items
        for item in kind
    ]


def opened(frames: Frames, lang: str = "ru", **more: Any) -> Frame:
    """The page of the contact base."""
    frame = frames.open(lang=lang, **more)
    frame.app.get_by_role("button", name=MENU[lang], exact=True).click()
    expect(frame.app.get_by_role("heading", name=MENU[lang], level=1)).to_be_visible()
    return frame


def begin(frame: Frame, what: str) -> None:
    """Press the button that begins an audit or a list of changes."""
    frame.app.locator(f"#begin-{what} button").click()
    expect(frame.app.locator("[data-page=base-job]")).to_be_visible()
    looks(frame)


def looks(frame: Frame) -> None:
    """Let the page look whether something is new, before it would by itself."""
    frame.inside.evaluate("htmx.trigger(document.getElementById('base-job'), 'look')")


def mark(frame: Frame, field: str) -> None:
    """Name the field to mark, in the form that has that of the last list."""
    if frame.app.locator("#mark_field").is_hidden():
        frame.app.locator("details.more summary").first.click()
    frame.app.locator("#mark_field").fill(field)


def ended(frame: Frame) -> None:
    """Wait for the end of the job that is shown."""
    expect(frame.app.locator("#next-title")).to_be_visible(timeout=ENDS)
    expect(frame.app.locator("progress")).to_have_count(0)


def back(frame: Frame) -> None:
    """To the overview."""
    frame.app.locator(".back button").click()
    expect(frame.app.locator("#kept-title")).to_be_visible()


def asked(frame: Frame, button: str) -> Locator:
    """The dialog that a button opens."""
    frame.app.locator(f"#{button}").click()
    dialog = frame.app.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def agreed(frame: Frame, dialog: Locator) -> None:
    """Say yes to it."""
    dialog.locator("#base-yes").click()
    expect(dialog).to_have_count(0)
    expect(frame.app.locator(".htmx-request")).to_have_count(0)
    if frame.app.locator("#base-job").count():
        looks(frame)


def figures(frame: Frame) -> list[int]:
    """The figures that stand out."""
    return [int(text.replace("\xa0", "")) for text in frame.app.locator(".tiles b").all_inner_texts()]


def file(frame: Frame) -> list[list[str]]:
    """The rows of the file of the job that is shown, its first row left out."""
    with frame.page.expect_download() as download:
        frame.app.locator("#base-report").click()
    content = download.value.path().read_bytes().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content, newline="")))[1:]


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_audit_and_clean_from_the_beginning_to_the_undo(
    frames: Frames, base: Stack, lang: str, screen: Screen
) -> None:
    """Nothing is written before it has been looked at, and all comes back."""
    before = everything(base)
    frame = opened(frames, lang, screen=screen)
    mark(frame, "")
    frame.is_fit_to_look_at(f"base-{lang}")

    begin(frame, "audit")
    ended(frame)
    frame.is_fit_to_look_at(f"base-audit-{lang}")
    valid, invalid, without, shared = figures(frame)
    rows = file(frame)
    assert [row[5] for row in rows].count("valid") == valid
    assert [row[6] for row in rows].count("no_number") == without >= 1
    assert len(rows) == valid + invalid + without
    assert shared >= 1

    back(frame)
    mark(frame, MARK.lower())
    begin(frame, "plan")
    ended(frame)
    frame.is_fit_to_look_at(f"base-plan-{lang}")
    numbers, marks, cards = figures(frame)
    lines = frame.app.locator("section[aria-labelledby=lines-title] tbody tr")
    expect(lines).to_have_count(numbers + marks)
    assert len(file(frame)) == numbers + marks
    dialog = asked(frame, "base-next")
    for count in (numbers, marks, cards):
        expect(dialog).to_contain_text(str(count))
    frame.is_fit_to_look_at(f"base-ask-{lang}")
    assert everything(base) == before

    agreed(frame, dialog)
    ended(frame)
    frame.is_fit_to_look_at(f"base-written-{lang}")
    assert figures(frame)[:2] == [numbers, marks]
    after = everything(base)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == cards

    dialog = asked(frame, "base-next")
    frame.is_fit_to_look_at(f"base-ask-undo-{lang}")
    agreed(frame, dialog)
    ended(frame)
    frame.is_fit_to_look_at(f"base-undone-{lang}")
    assert figures(frame)[0] == numbers + marks
    assert everything(base) == before
    back(frame)
    frame.is_fit_to_look_at(f"base-kept-{lang}")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_job_under_way_is_followed_and_stopped(frames: Frames, base: Stack, lang: str, screen: Screen) -> None:
    """It comes further by itself; what it waits for is said; an audit that was stopped goes on."""
    large(base)
    frame = opened(frames, lang, screen=screen)
    begin(frame, "audit")
    bar = frame.app.locator("progress")
    expect(bar).not_to_have_attribute("value", "0.0", timeout=ENDS)
    base.portal.fault("http_500", method="batch")
    expect(frame.app.locator("#base-job .notice")).to_be_visible(timeout=ENDS)
    frame.is_fit_to_look_at(f"base-waits-{lang}")
    back(frame)
    expect(frame.app.locator("#begin-audit button")).to_be_disabled()
    frame.is_fit_to_look_at(f"base-running-{lang}")
    frame.app.locator("#base-cancel").click()
    ended(frame)
    frame.is_fit_to_look_at(f"base-stopped-{lang}")
    base.portal.mend()
    frame.app.locator("#base-next").click()
    expect(frame.app.locator(".tiles")).to_be_visible(timeout=ENDS)


def test_what_writes_into_the_crm_is_stopped_only_after_a_question(frames: Frames, base: Stack) -> None:
    """And the rest can be written later."""
    base.portal.ask("POST", "crm/fill", {"contacts": 3000, "seed": 3})
    frame = opened(frames)
    mark(frame, "")
    begin(frame, "plan")
    ended(frame)
    numbers, _ = figures(frame)
    base.portal.fault("slow", method="batch", seconds=0.5)
    agreed(frame, asked(frame, "base-next"))
    expect(frame.app.locator("progress")).not_to_have_attribute("value", "0.0", timeout=ENDS)
    dialog = asked(frame, "base-cancel")
    frame.is_fit_to_look_at("base-ask-cancel")
    agreed(frame, dialog)
    ended(frame)
    written = figures(frame)[0]
    assert 0 < written < numbers
    base.portal.mend()
    agreed(frame, asked(frame, "base-rest"))
    ended(frame)
    assert figures(frame)[:2] == [numbers - written, written]


def test_the_whole_way_by_keyboard(frames: Frames, base: Stack) -> None:
    """Down to the question, which Escape answers with no."""
    frame = opened(frames)
    before = everything(base)
    keyboard = frame.page.keyboard

    def go_to(id_: str) -> None:
        for _ in range(60):
            if frame.inside.evaluate("document.activeElement.id || document.activeElement.parentElement.id") == id_:
                return
            keyboard.press("Tab")
        raise AssertionError(f"nobody gets to {id_} by Tab")

    go_to("begin-plan")
    keyboard.press("Enter")
    expect(frame.app.locator("#base-next")).to_be_visible(timeout=ENDS)
    go_to("base-next")
    keyboard.press("Enter")
    dialog = frame.app.get_by_role("dialog")
    expect(dialog).to_be_visible()
    keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert everything(base) == before
    go_to("base-next")
    keyboard.press("Enter")
    expect(dialog.get_by_role("heading")).to_be_focused()
    go_to("base-yes")
    keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(frame.app.locator(".tiles .good").first).to_be_visible(timeout=ENDS)
    ended(frame)
    assert everything(base) != before


def test_of_two_administrators_both_follow_the_same_job(frames: Frames, base: Stack) -> None:
    """The second needs no reload to see it begin and end, and loses nothing that was typed."""
    large(base)
    first, second = opened(frames), opened(frames, "en")
    mark(second, "UF_CRM_SOMETHING")
    begin(first, "audit")
    expect(second.app.locator("#now-title")).to_have_text("Under way: Audit of the numbers", timeout=ENDS)
    expect(second.app.locator("#begin-plan button")).to_be_disabled()
    expect(second.app.locator("#mark_field")).to_have_value("UF_CRM_SOMETHING")
    base.portal.mend()
    expect(second.app.locator("#now-title")).to_have_count(0, timeout=ENDS)
    expect(second.app.locator("#begin-plan button")).to_be_enabled()
    expect(second.app.locator("#base-kept tbody tr").first).to_contain_text("done")
    expect(second.app.locator("#mark_field")).to_have_value("UF_CRM_SOMETHING")
    ended(first)


def test_a_card_of_the_list_opens_in_the_portal(frames: Frames, base: Stack) -> None:
    frame = opened(frames)
    begin(frame, "plan")
    ended(frame)
    card = frame.app.locator("[data-open-path]").first
    path = card.get_attribute("data-open-path")
    card.click()
    expect(frame.page.get_by_role("link", name=str(path))).to_be_visible()


def test_another_language_leaves_one_at_the_same_job(frames: Frames, base: Stack) -> None:
    frame = opened(frames)
    begin(frame, "audit")
    ended(frame)
    moment = frame.app.locator("h1").inner_text().partition(", ")[2]
    frame.app.get_by_role("button", name="EN").click()
    expect(frame.app.locator("h1")).to_have_text(f"Audit of the numbers, {moment}")


def test_what_is_deleted_is_gone_from_the_server(frames: Frames, base: Stack) -> None:
    """After a question; whoever still looks at it is told."""
    frame, other = opened(frames), opened(frames)
    begin(frame, "audit")
    ended(frame)
    name = str(frame.app.locator("[data-page=base-job]").get_attribute("data-with-job"))
    report = base.gateway.data / "contact-base" / f"{name}.csv"
    assert report.exists()
    other.app.locator(f"#open-{name}").click(timeout=ENDS)
    ended(other)
    agreed(frame, asked(frame, f"forget-{name}"))
    expect(frame.app.locator("#kept-title")).to_be_visible()
    expect(frame.app.locator(f"#open-{name}")).to_have_count(0)
    eventually(lambda: not report.exists(), 10, "the report is gone")
    expect(other.app.locator("#base-job")).to_contain_text("Этой работы больше нет", timeout=ENDS)


def test_managers_are_not_offered_it(frames: Frames) -> None:
    """The files hold everybody's numbers."""
    frame = frames.open(user=MANAGER)
    expect(frame.app.get_by_role("heading").first).to_be_visible()
    assert frame.app.get_by_role("button", name=MENU["ru"]).count() == 0

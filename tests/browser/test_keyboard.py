"""Everything on the journal's pages is reached and done with the keyboard alone, and the cursor is always seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..daemon.stack import Stack, delivered_to
from .chromium import why_not
from .correspondence import item, send
from .frame import Frames

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def test_a_message_is_found_read_and_sent_again_without_a_mouse(frames: Frames, stack: Stack) -> None:
    number = delivered_to(320)
    sent = send(stack, number, "Только клавиатурой", bindings=item(2, 9999))
    stack.confirmed(sent)
    frame = frames.open(lang="en")
    app, press = frame.app, frame.page.keyboard.press
    expect(app.locator("#newest")).to_be_visible()
    # Past the menu.
    frame.tab_to(".skip")
    expect(app.get_by_role("link", name="To the content")).to_be_in_viewport()
    press("Enter")
    expect(app.get_by_role("main")).to_be_focused()
    frame.tab_to("#number")
    frame.page.keyboard.type(number)
    press("Enter")
    expect(app.locator(".what")).to_have_count(1)
    expect(app.locator("#number")).to_be_focused()
    # More filters.
    frame.tab_to("summary")
    press("Enter")
    frame.tab_to("#kind")
    frame.page.keyboard.type("m")
    expect(app.locator("#kind")).to_have_value("marketing")
    frame.tab_to("#find")
    press("Enter")
    expect(app.get_by_text("Nothing found.")).to_be_visible()
    expect(app.locator("#find")).to_be_focused()
    frame.tab_to("#kind", key="Shift+Tab")
    press("Home")
    frame.tab_to("#find")
    press("Enter")
    # The message itself.
    expect(app.locator(".what")).to_have_count(1)
    frame.tab_to(".what button")
    press("Enter")
    expect(app.get_by_role("heading", level=1)).to_contain_text("SMS to")
    expect(app.get_by_role("main")).to_be_focused()
    frame.tab_to("#resend")
    # An impatient Enter opens the dialog, and does not send.
    press("Enter")
    dialog = app.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("heading")).to_be_focused()
    press("Enter")
    press("Escape")
    expect(dialog).to_have_count(0)
    expect(app.locator("#resend")).to_be_focused()
    assert len(stack.sms(sent)) == 1
    press("Enter")
    expect(dialog.get_by_role("heading")).to_be_focused()
    frame.tab_to("dialog button.main")
    press("Enter")
    expect(app.get_by_text("show the first SMS")).to_be_visible()
    expect(app.locator(".head .pill")).to_have_text("delivered")
    assert len(stack.sms(sent)) == 2


def test_menu_and_languages_are_worked_with_the_keyboard(frames: Frames) -> None:
    frame = frames.open(lang="en")
    app, press = frame.app, frame.page.keyboard.press
    expect(app.locator("#newest")).to_be_visible()
    frame.tab_to(".menu button[data-page=sender_id]")
    press("Enter")
    expect(app.get_by_role("heading", level=1)).to_have_text("Sender ID")
    expect(app.get_by_role("main")).to_be_focused()
    frame.tab_to("[data-speak=be]", key="Shift+Tab")
    press("Enter")
    expect(app.get_by_role("heading", level=1)).to_have_text("Імя адпраўніка")
    expect(app.locator("[data-speak=be]")).to_be_focused()

"""Whoever is a stranger gets nothing to see and nothing done, and what people write is text on every page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..daemon.stack import Stack, delivered_to
from .chromium import why_not
from .correspondence import CONTACT_ID, SCRIPT, item, send
from .frame import LANGUAGES, Frame, Frames

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# A form that its page posts in the place of itself.
_FORGE = """
([address, session]) => {
  const form = document.createElement("form");
  form.method = "post";
  form.action = address;
  form.innerHTML = `<input name="session" value="${session}">`;
  document.body.append(form);
  form.submit();
}
"""


def elsewhere(address: str) -> str:
    """The same server under another origin."""
    return address.replace("127.0.0.1", "localhost")


@pytest.mark.parametrize("path", ["app", f"card/contact/{CONTACT_ID}", "install-page"])
def test_another_portals_frame_stays_empty(frames: Frames, path: str) -> None:
    """The browser keeps to the gateway's word on who may frame its pages."""
    frame = frames.open(path, portal=elsewhere)
    frame.expect_problem("frame-ancestors|ERR_BLOCKED_BY_RESPONSE")
    frame.page.wait_for_function("() => document.getElementById('loading').hidden")
    expect(frame.app.locator("main")).to_have_count(0)
    assert any("frame-ancestors" in each for each in frame.all_problems)


@pytest.mark.parametrize("portal", [str, elsewhere], ids=["of the portal", "of another site"])
def test_a_form_of_another_page_is_refused_whatever_it_knows(frames: Frames, portal: type[str]) -> None:
    """Be it the portal's own: only the gateway's pages may ask in somebody's name."""
    own = frames.open()
    expect(own.app.get_by_role("heading").first).to_be_visible()
    session = own.inside.evaluate("document.body.dataset.session")
    page = frames.open(portal=portal).page
    with page.expect_response("**/bitrix24/pages/journal") as answer:
        page.evaluate(_FORGE, [f"{frames.gateway}/bitrix24/pages/journal", session])
    assert answer.value.status == 403
    for each in frames.opened:
        each.expect_problem("403|favicon|frame-ancestors|ERR_BLOCKED_BY_RESPONSE")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_script_in_what_people_write_is_shown_and_does_not_run(frames: Frames, stack: Stack, lang: str) -> None:
    """In a text and in a contact's name. A window that a script opens fails the test."""
    names = {"name": SCRIPT, "lastName": SCRIPT}
    person = {"entityTypeId": 3, "phones": [delivered_to(300)], **names}
    contact = stack.portal.ask("POST", "crm/item", person)["id"]
    written = send(stack, delivered_to(300), f"{SCRIPT} {lang}", bindings=item(3, contact))
    stack.confirmed(written)
    frame = frames.open(lang=lang)
    expect(frame.app.get_by_role("button", name=written.text)).to_be_visible()
    is_text(frame)
    frame.app.get_by_role("button", name=written.text).click()
    expect(frame.app.locator(".whole-text")).to_have_text(written.text)
    is_text(frame)
    frame.app.locator("#resend").click()
    expect(frame.app.get_by_role("dialog")).to_contain_text(written.text)
    is_text(frame)
    card = frames.open(f"card/contact/{contact}", lang=lang)
    expect(card.app.get_by_role("button", name=written.text)).to_be_visible()
    is_text(card)


def is_text(frame: Frame) -> None:
    """Nothing of it has become a part of the page."""
    assert frame.inside.locator("img").count() == 0
    assert frame.inside.evaluate("[...document.scripts].filter((each) => !each.src && !each.type).length") == 0

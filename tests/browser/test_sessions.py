"""The pages go on when their session has ended, and say so when portal or gateway are away."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import Locator, Route, expect

from ..daemon.stack import Stack, delivered_to
from .chromium import why_not
from .correspondence import item, send
from .frame import Frame, Frames, tabs_are_bound

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# What the browser itself says of a request that was refused.
REFUSED = "401"


def opened(frames: Frames, number: str) -> Frame:
    """The journal, narrowed down to a number."""
    frame = frames.open(lang="en")
    frame.app.get_by_label("Phone number").fill(number)
    frame.app.get_by_role("button", name="Find").click()
    expect(frame.app.locator(f'#number[value="{number}"]')).to_be_visible()
    return frame


def sessions_end(stack: Stack) -> None:
    """The application is installed anew, and nobody is vouched for any more."""
    stack.install()
    tabs_are_bound(stack)


def notice(frame: Frame) -> Locator:
    """What stands above the page."""
    return frame.app.locator("#notice")


def test_a_session_that_has_ended_is_begun_anew_unnoticed(frames: Frames, stack: Stack) -> None:
    """By whoever looks on and by whoever does something; what has been typed is not lost."""
    number = delivered_to(310)
    frame = opened(frames, number)
    frame.expect_problem(REFUSED)
    sessions_end(stack)
    first = send(stack, number, "Пришло без сеанса", bindings=item(2, 9999))
    expect(frame.app.get_by_role("button", name=first.text)).to_be_visible()
    sessions_end(stack)
    frame.app.get_by_role("button", name=first.text).click()
    expect(frame.app.locator(".whole-text")).to_have_text(first.text)
    sessions_end(stack)
    frame.app.get_by_role("button", name="BE", exact=True).click()
    expect(frame.app.locator("#resend")).to_have_text("Адправіць яшчэ раз")
    sessions_end(stack)
    frame.app.locator("#back").click()
    expect(frame.app.locator("#number")).to_have_value(number)
    expect(notice(frame)).to_be_empty()
    assert frame.page.evaluate("window.sandboxFrame.asked").count("refreshAuth") == 4


def test_a_portal_that_gives_no_tokens_is_told_of(frames: Frames, stack: Stack) -> None:
    frame = opened(frames, delivered_to(311))
    frame.expect_problem(REFUSED)
    frame.page.evaluate("opening.denied.push('refreshAuth')")
    frame.page.clock.install()
    sessions_end(stack)
    frame.app.get_by_role("button", name="Find").click()
    frame.page.wait_for_function("() => window.sandboxFrame.asked.includes('refreshAuth')")
    frame.page.clock.run_for(10_000)
    expect(notice(frame)).to_contain_text("The session has ended")
    frame.is_fit_to_look_at("session-over")


def test_a_gateway_that_is_away_is_told_of_and_awaited(frames: Frames, stack: Stack) -> None:
    """The page says so by itself, and takes it back by itself."""
    number = delivered_to(312)
    frame = opened(frames, number)
    frame.expect_problem(f"net::ERR_|htmx:(sendError|afterRequest)|{REFUSED}")
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(20)
    expect(notice(frame)).to_contain_text("The gateway does not answer")
    frame.app.get_by_role("button", name="Find").click()
    frame.is_fit_to_look_at("gateway-away")
    stack.gateway.start()
    stack.gateway.ready()
    expect(notice(frame)).to_be_empty()
    sent = send(stack, number, "Шлюз вернулся", bindings=item(2, 9999))
    frame.app.get_by_role("button", name="Find").click()
    expect(frame.app.get_by_role("button", name=sent.text)).to_be_visible()


def test_the_error_page_of_a_server_in_front_is_not_shown(frames: Frames) -> None:
    frame = opened(frames, delivered_to(313))
    frame.expect_problem("502")
    frame.page.route("**/bitrix24/pages/journal", bad_gateway)
    frame.app.get_by_role("button", name="Find").click()
    expect(notice(frame)).to_have_text(
        "The gateway does not answer. Check the connection; this line goes away once it does."
    )


def bad_gateway(route: Route) -> None:
    """What nginx answers whose upstream is away."""
    route.fulfill(status=502, content_type="text/html", body="<html><h1>502 Bad Gateway</h1><p>nginx</p></html>")

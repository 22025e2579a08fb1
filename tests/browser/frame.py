"""A page of the simulated portal with the application in its frame, as somebody looks at it in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    FrameLocator,
    Page,
    Request,
)
from playwright.sync_api import Frame as InnerFrame

from ..daemon.processes import eventually
from ..daemon.stack import Stack
from .chromium import PACKAGES

ADMINISTRATOR, MANAGER = 1, 7
"""The portal's users."""
APPLICATION = "app"
"""The application's own page, in the place of which there may be a card: `card/deal/4182`."""

_AXE = PACKAGES / "axe-core" / "axe.min.js"
_SERIOUS = ("serious", "critical")
# What has the cursor stands inside of the page, with an outline.
_CURSOR_IS_SEEN = """
() => {
  const style = getComputedStyle(document.activeElement);
  const { left, top, width } = document.activeElement.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && left >= 0 && top >= 0 && width > 1;
}
"""
# What is cut off at the right, or makes one scroll sideways: unless it is meant to.
_STICKS_OUT = """
() => [...document.querySelectorAll("body *")]
  .filter((each) => !each.closest(".unseen, .skip, .scroll, .menu, thead") && each.getClientRects().length)
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((each) => `${each.tagName} ${each.className}: ${each.textContent.trim().slice(0, 40)}`)
"""
_TIMEOUT = 20_000  # milliseconds until something counts as not coming
# The page has given a request up itself: it went on to another one, or what came was kept as a file.
_GIVEN_UP = "net::ERR_ABORTED"


@dataclass(frozen=True, slots=True)
class Screen:
    """What is looked at: the page's size in CSS pixels, and whether a finger points there."""

    name: str
    width: int
    height: int
    touched: bool = False


DESKTOP = Screen("desktop", 1280, 800)
PHONE = Screen("phone", 390, 844, touched=True)
SCREENS = (DESKTOP, PHONE)
LANGUAGES = ("ru", "be", "en")


class Frame:
    """One opened page. Whatever goes wrong in it is noted, and `is_clean` says so at the end of the test."""

    def __init__(
        self, browser: Browser, screen: Screen, *, hosts: tuple[str, ...], screenshots: Path, query: str, path: str
    ) -> None:
        """`hosts` are the origins that may be asked, that of the portal first."""
        self.screen = screen
        self._hosts = hosts
        self._screenshots = screenshots
        self._problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._context: BrowserContext = browser.new_context(
            viewport={"width": screen.width, "height": screen.height},
            has_touch=screen.touched,
            is_mobile=screen.touched,
            # Not Minsk's: whoever shows a time in the zone of the browser shows a wrong one.
            timezone_id="Asia/Tokyo",
            locale="ru-RU",
            reduced_motion="reduce",
        )
        self._context.set_default_timeout(_TIMEOUT)
        self._context.on("request", self._asked)
        self._context.on("requestfailed", self._failed)
        self._context.on("console", self._said)
        self._context.on("dialog", self._interrupted)
        self._context.on("weberror", lambda error: self._problems.append(f"script: {error.error}"))
        self.page: Page = self._context.new_page()
        self.page.goto(f"{hosts[0]}/sandbox/{path}?{query}")

    @property
    def app(self) -> FrameLocator:
        """Where to look for what the application shows."""
        return self.page.frame_locator("#frame")

    @property
    def inside(self) -> InnerFrame:
        """The application's own frame, for what has to run in it."""
        handle = self.page.locator("#frame").element_handle()
        inside = handle.content_frame()
        assert inside is not None
        return inside

    def expect_problem(self, pattern: str) -> None:
        """A problem that this regular expression finds belongs to the test."""
        self._expected.append(re.compile(pattern))

    @property
    def all_problems(self) -> list[str]:
        """What has gone wrong: errors, failed requests, requests to strangers, cookies."""
        cookies = [f"cookie: {cookie.get('name')} of {cookie.get('domain')}" for cookie in self._context.cookies()]
        return self._problems + cookies

    @property
    def problems(self) -> list[str]:
        """That of it which was not expected."""
        return [each for each in self.all_problems if not any(pattern.search(each) for pattern in self._expected)]

    def is_clean(self) -> None:
        """Nothing went wrong that was not expected."""
        problems = self.problems
        assert not problems, "\n".join(problems)

    def axe(self) -> list[str]:
        """The serious faults of accessibility in what the application shows, each with the elements that have it."""
        inside = self.inside
        inside.wait_for_load_state()
        # Not by a script tag, which the page's own policy forbids.
        inside.evaluate(_AXE.read_text("utf-8"))
        found: dict[str, Any] = inside.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert found["passes"], "axe has looked at nothing"
        return [
            f"{fault['id']} ({fault['impact']}): {fault['help']}: {[node['target'] for node in fault['nodes']]}"
            for fault in found["violations"]
            if fault["impact"] in _SERIOUS
        ]

    def is_fit_to_look_at(self, name: str) -> None:
        """Nobody is shut out from what it shows, nothing sticks out of it; a picture is kept under `name`."""
        path = self.screenshot(name)
        assert self.axe() == []
        assert self.inside.evaluate(_STICKS_OUT) == [], path

    def tab_to(self, selector: str, *, key: str = "Tab", most: int = 60) -> None:
        """Press Tab until what `selector` finds has the cursor; wherever it stops on the way can be seen.

        The way may lead around, through the portal's page.
        """
        for _ in range(most):
            self.page.keyboard.press(key)
            if not self.inside.evaluate("document.hasFocus() && document.activeElement !== document.body"):
                continue
            assert self.inside.evaluate(_CURSOR_IS_SEEN), self.screenshot("no-cursor")
            if self.inside.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} is not reached by {most} times {key}")

    def screenshot(self, name: str) -> Path:
        """A picture of the whole page, under a name of its own for each screen."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        path = self._screenshots / f"{name}-{self.screen.name}.png"
        # Playwright hides the caret by styles in the page, which its policy forbids.
        self.page.screenshot(path=path, full_page=True, caret="initial")
        return path

    def close(self) -> None:
        """End it."""
        self._context.close()

    def _interrupted(self, dialog: Dialog) -> None:
        """None of our scripts opens such a window: somebody else's runs."""
        self._problems.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" not in self._hosts:
            self._problems.append(f"asked a stranger: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != _GIVEN_UP:
            self._problems.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")


def tabs_are_bound(stack: Stack) -> None:
    """Wait until the daemon has bound its tabs in the portal's cards, which it does after its installation."""
    eventually(lambda: len(stack.portal.ask("GET", "state")["placements"]) == 4, 15, "the tabs are bound")


class Frames:
    """Opens pages of one portal, and closes them together."""

    def __init__(self, browser: Browser, *, portal: str, gateway: str, screenshots: Path) -> None:
        self._browser = browser
        self.portal = portal
        self.gateway = gateway
        self._screenshots = screenshots
        self.opened: list[Frame] = []

    def open(
        self,
        path: str = APPLICATION,
        *,
        user: int = ADMINISTRATOR,
        lang: str = "ru",
        screen: Screen = DESKTOP,
        portal: Callable[[str], str] = lambda address: address,
    ) -> Frame:
        """Shows `path` below `/sandbox/` to a user; `portal` may give its address another form."""
        frame = Frame(
            self._browser,
            screen,
            hosts=(portal(self.portal), self.gateway),
            screenshots=self._screenshots,
            query=urlencode({"user": user, "lang": lang}),
            path=path,
        )
        self.opened.append(frame)
        return frame

    def are_clean(self) -> None:
        """Of none of them anything went wrong that was not expected."""
        for frame in self.opened:
            frame.is_clean()

    def close(self) -> None:
        """End them."""
        for frame in self.opened:
            frame.close()

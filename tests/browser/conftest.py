"""The pages in a real browser: the daemon and the simulated portal as processes, and Chromium in front of them."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from ..daemon.campaign import CONSENT
from ..daemon.processes import Warden
from ..daemon.stack import Stack
from .chromium import launched
from .correspondence import with_people
from .frame import Frames, tabs_are_bound

# Where the pages' pictures are to be left; in a temporary folder when it is not set.
_SCREENSHOTS = "A1GATEWAY_SCREENSHOTS"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests; each opens contexts of its own."""
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon that is installed in a portal, for all tests that leave it as they found it."""
    stack = Stack(warden, tmp_path_factory.mktemp("browser"), consent=CONSENT)
    with_people(stack)
    stack.started()
    tabs_are_bound(stack)
    yield stack
    stack.close()
    stack.kept_its_secrets()


@pytest.fixture
def stack(shared: Stack) -> Stack:
    """The shared daemon, its counterparts as good as new."""
    shared.a1.reset()
    shared.portal.reset()
    with_people(shared)
    # Whoever has opened the installation may have left it unfinished.
    shared.portal.ask("POST", "install-finish", {})
    return shared


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pictures."""
    named = os.environ.get(_SCREENSHOTS)
    return Path(named).absolute() if named else tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def frames(browser: Browser, stack: Stack, screenshots: Path) -> Iterator[Frames]:
    """Opens the portal's pages; at the end nothing has gone wrong in them that the test did not expect."""
    frames = Frames(browser, portal=stack.portal.base, gateway=stack.gateway.url, screenshots=screenshots)
    yield frames
    try:
        frames.are_clean()
    finally:
        frames.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, show what the pages looked like, what went wrong in them, and what the processes wrote."""
    report = yield
    # Afterwards the pages are closed.
    if report.failed and report.when == "call":
        given = getattr(item, "funcargs", {})
        frames, stack = given.get("frames"), given.get("shared")
        if isinstance(frames, Frames):
            name = re.sub(r"[^\w-]+", "-", item.name)
            for number, frame in enumerate(frames.opened):
                report.sections.append((f"page {number}", "\n".join(frame.problems)))
                report.sections.append((f"picture {number}", str(frame.screenshot(f"failed-{name}-{number}"))))
        if isinstance(stack, Stack):
            report.sections += list(stack.logs().items())
    return report

"""Debian's Chromium as the tests use it, and why they sometimes cannot."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

EXECUTABLE = Path("/usr/bin/chromium")
PACKAGES = Path(__file__).parent / "node_modules"

# For root, without a graphics card; and nothing that the browser would do for itself in a network, or outside one.
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks another host gets no answer, whatever network there is.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def why_no_packages() -> str | None:
    """Why the npm packages are not here; None when they are.

    Raises `AssertionError` where npm is there and the packages are not: then it is the set-up that is missing.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node or no npm here (Debian has them in the packages nodejs and npm)"
    assert PACKAGES.exists(), f"{PACKAGES} is missing: run `make test`, or `npm ci` in {PACKAGES.parent}"
    return None


def why_not() -> str | None:
    """Why no page can be looked at on this machine; None when one can."""
    if not EXECUTABLE.exists():
        return f"there is no {EXECUTABLE} here (Debian has it in the package chromium)"
    return why_no_packages()


def launched(playwright: Playwright) -> Browser:
    """The browser, without a window."""
    return playwright.chromium.launch(executable_path=EXECUTABLE, args=list(_OPTIONS))

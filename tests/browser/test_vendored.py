"""The libraries that the pages bring with them are those that were published, to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .chromium import PACKAGES, why_no_packages

pytestmark = pytest.mark.skipif(why_no_packages() is not None, reason=str(why_no_packages()))

VENDORED = Path(__file__).parents[2] / "a1gateway" / "pages" / "static" / "vendor"
PUBLISHED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.min.js.LICENSE": "htmx.org/LICENSE",
    "chart.umd.min.js": "chart.js/dist/chart.umd.min.js",
    "chart.umd.min.js.LICENSE": "chart.js/LICENSE.md",
    # It is inside of Chart.js.
    "kurkle-color.LICENSE": "@kurkle/color/LICENSE.md",
}


def test_each_is_known() -> None:
    assert {path.name for path in VENDORED.iterdir()} == PUBLISHED.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_is_as_published(name: str) -> None:
    assert (VENDORED / name).read_bytes() == (PACKAGES / PUBLISHED[name]).read_bytes()


def test_the_versions_are_fixed() -> None:
    """Whoever takes a newer one has to look at it: `npm ci` brings no other."""
    wanted = json.loads((PACKAGES.parent / "package.json").read_text())["dependencies"]
    assert {name: version for name, version in wanted.items() if not version[0].isdigit()} == {}

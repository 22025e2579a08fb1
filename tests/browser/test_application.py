"""The application in the portal's frame, as people see it when they open it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .chromium import why_not
from .frame import ADMINISTRATOR, LANGUAGES, MANAGER, SCREENS, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# What the first page is called.
JOURNAL = {"ru": "Журнал", "be": "Журнал", "en": "Journal"}


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_application_opens_in_the_users_language(frames: Frames, lang: str, screen: Screen) -> None:
    """Readable for everybody."""
    frame = frames.open(lang=lang, screen=screen)
    expect(frame.app.get_by_role("heading", name=JOURNAL[lang])).to_be_visible()
    assert frame.inside.evaluate("document.documentElement.lang") == lang
    assert frame.axe() == []
    frame.screenshot(f"application-{lang}")


@pytest.mark.parametrize("user", [ADMINISTRATOR, MANAGER])
@pytest.mark.parametrize("card", ["deal/4182", "lead/456", "contact/275"])
def test_a_cards_tab_opens_for_everybody(frames: Frames, card: str, user: int) -> None:
    """Under the name that the application has given it."""
    frame = frames.open(f"card/{card}", user=user, lang="en")
    expect(frame.app.get_by_role("main")).to_be_visible()
    expect(frame.page.locator(".tabs [aria-current]")).to_have_text("SMS A1")
    assert frame.axe() == []

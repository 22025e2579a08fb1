"""The application's page in the portal's frame, as people see it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .chromium import why_not
from .frame import LANGUAGES, SCREENS, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

REGISTERED = {
    "ru": "Отправитель зарегистрирован",
    "be": "Адпраўнік зарэгістраваны",
    "en": "The sender is registered",
}


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_application_says_that_its_sender_is_registered(frames: Frames, lang: str, screen: Screen) -> None:
    """In the user's language, readable for everybody."""
    frame = frames.open(lang=lang, screen=screen)
    expect(frame.app.get_by_role("heading", name=REGISTERED[lang])).to_be_visible()
    assert frame.inside.evaluate("document.documentElement.lang") == lang
    assert frame.axe() == []
    frame.screenshot(f"application-{lang}")

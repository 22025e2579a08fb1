"""The application in its frame talks to the portal by messages, and no stranger gets an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Frame as InnerFrame
from playwright.sync_api import Route, expect

from ..daemon.calls import fetch
from ..daemon.processes import eventually
from .chromium import why_not
from .frame import ADMINISTRATOR, MANAGER, SCREENS, Frame, Frames, Screen

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# What a page in the frame does, in the portal's own form: the name of its window tells the rest. It returns the
# answers that there are once the last is there.
_ASK = """
(commands) => new Promise((resolve) => {
  const [domain, protocol, own] = window.name.split("|");
  const portal = `${protocol === "1" ? "https" : "http"}://${domain}`;
  const answers = commands.map(() => null);
  window.addEventListener("message", (event) => {
    const [name, number] = event.data.split(":", 1)[0].split("-");
    if (event.origin !== portal || name !== "answer") {
      return;
    }
    answers[number] = event.data.slice(`answer-${number}:`.length);
    if (Number(number) === commands.length - 1) {
      resolve(answers);
    }
  });
  commands.forEach(([command, params, sid], number) => {
    window.parent.postMessage([command, params, `answer-${number}`, sid || own].filter(Boolean).join(":"), portal);
  });
})
"""


def shown(frames: Frames, path: str = "app", **more: Any) -> Frame:
    """A page whose application is there."""
    frame = frames.open(path, **more)
    expect(frame.app.get_by_role("heading").first).to_be_visible()
    return frame


def ask(inside: InnerFrame, command: str, params: object = None) -> Any:
    """What the portal answers the application."""
    (answer,) = inside.evaluate(_ASK, [[command, "" if params is None else json.dumps(params), ""]])
    return json.loads(answer)


def answered(inside: InnerFrame, command: str, params: object = None, *, sid: str = "") -> bool:
    """Whether the portal has answered by the time when it answers what it was asked next."""
    written = "" if params is None else json.dumps(params)
    answer, after = inside.evaluate(_ASK, [[command, written, sid], ["getInitData", "", ""]])
    assert after is not None
    return answer is not None


def asked(frame: Frame) -> list[str]:
    """The commands that the portal has heard."""
    commands: list[str] = frame.page.evaluate("window.sandboxFrame.asked")
    return commands


def user_of(frames: Frames, token: str) -> str:
    """Whom the portal takes the holder of a token for."""
    profile = fetch("POST", f"{frames.portal}/rest/profile.json", form={"auth": token}).json()
    return str(profile["result"]["ID"])


@pytest.mark.parametrize("user", [ADMINISTRATOR, MANAGER])
def test_the_portal_tells_who_looks_and_hands_out_fresh_tokens(frames: Frames, user: int) -> None:
    inside = shown(frames, "card/deal/4182", user=user, lang="en").inside
    told = ask(inside, "getInitData")
    assert (told["LANG"], told["IS_ADMIN"], told["INSTALL"]) == ("en", user == ADMINISTRATOR, False)
    assert (told["PLACEMENT"], told["PLACEMENT_OPTIONS"]["ID"]) == ("CRM_DEAL_DETAIL_TAB", "4182")
    fresh = ask(inside, "refreshAuth")
    assert fresh["AUTH_ID"] != told["AUTH_ID"]
    assert user_of(frames, told["AUTH_ID"]) == user_of(frames, fresh["AUTH_ID"]) == str(user)
    assert ask(inside, "getInitData")["AUTH_ID"] == fresh["AUTH_ID"]


def test_the_frame_gets_the_height_that_its_page_asks_for(frames: Frames) -> None:
    frame = shown(frames)
    assert ask(frame.inside, "resizeWindow", {"width": "100%", "height": 1234})["height"] == 1234
    box = frame.page.locator("#frame").bounding_box()
    assert box is not None
    assert box["height"] == 1234


def test_the_title_is_the_applications_to_set_on_its_own_page_only(frames: Frames) -> None:
    """A tab does not change the card around it."""
    frame = shown(frames)
    assert ask(frame.inside, "setTitle", {"title": "Ein: Titel"}) == {"title": "Ein: Titel"}
    expect(frame.page.locator("#pagetitle")).to_have_text("Ein: Titel")
    tab = shown(frames, "card/deal/4182")
    assert not answered(tab.inside, "setTitle", {"title": "Чужое"})
    expect(tab.page.locator("#pagetitle")).to_have_text("Сделка: Заказ № 4182")


def test_a_path_of_the_portal_is_opened_and_no_other(frames: Frames) -> None:
    frame = shown(frames, lang="en")
    assert ask(frame.inside, "openPath", {"path": "/crm/deal/details/4182/"}) == {"result": "close"}
    expect(frame.page.get_by_role("link", name="/crm/deal/details/4182/")).to_be_visible()
    assert ask(frame.inside, "openPath", {"path": "//evil.example/"})["errorCode"] == "PATH_NOT_AVAILABLE"


def test_strangers_get_no_answer(frames: Frames) -> None:
    """Another rendering's APP_SID, an unknown command, and a page that is not the gateway's."""
    frame = shown(frames)
    assert not answered(frame.inside, "refreshAuth", sid="0" * 32)
    assert not answered(frame.inside, "getAuth")
    assert not answered(frame.inside, "toString")
    sid = frame.inside.evaluate("window.name.split('|')[2]")
    frame.page.evaluate(f"window.postMessage('refreshAuth:answer-0:{sid}', location.origin)")
    assert answered(frame.inside, "getInitData")
    assert "refreshAuth" not in asked(frame)


def test_an_installation_ends_by_itself(frames: Frames) -> None:
    """The portal then shows the application itself."""
    frame = frames.open("install-page", lang="en")
    frame.page.wait_for_url("**/sandbox/app?*install_finished=Y")
    expect(frame.app.get_by_role("heading", name="Journal")).to_be_visible()
    assert ask(frame.inside, "getInitData")["INSTALL"] is False


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
@pytest.mark.parametrize(("lang", "advice"), [("ru", "ещё раз"), ("be", "яшчэ раз"), ("en", "once more")])
def test_an_installation_that_does_not_end_says_what_to_do(
    frames: Frames, lang: str, advice: str, screen: Screen
) -> None:
    frame = frames.open(lang=lang, screen=screen)
    frame.expect_problem("install-finish")
    frame.page.route("**/sandbox/install-finish", lambda route: route.abort())
    frame.page.clock.install()
    frame.page.goto(f"{frames.portal}/sandbox/install-page?lang={lang}")
    end = frame.app.get_by_role("status")
    expect(end).to_be_visible()
    eventually(lambda: "setInstallFinish" in asked(frame), 10, "the page asks for the end")
    expect(end).not_to_contain_text(advice)
    frame.page.clock.run_for(5000)
    expect(end).to_contain_text(advice)
    assert frame.axe() == []
    frame.screenshot(f"installation-{lang}")


def test_a_portal_that_is_not_installing_is_not_told_to_end_it(frames: Frames) -> None:
    frame = frames.open(lang="en")
    frame.page.route("**/static/frame.js", as_installed)
    frame.page.goto(f"{frames.portal}/sandbox/install-page?lang=en")
    expect(frame.app.get_by_role("status")).to_contain_text("installed already")
    assert asked(frame) == ["getInitData"]


def as_installed(route: Route) -> None:
    """The portal's own script, with another answer to `getInitData`."""
    fetched = route.fetch()
    route.fulfill(response=fetched, body=f"{fetched.text()}\nopening.init.INSTALL = false;")

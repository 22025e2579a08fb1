"""Who gets in, what the session is worth, and what nobody can do in another's name."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.http_client import Answer
from a1gateway.pages.entry import MOST_AT_ONCE
from a1gateway.pages.front import _origin
from a1gateway.pages.sessions import LONGEST, MOST, Sessions, Visitor
from a1gateway.web.strangers import AT_ONCE, PROOFS

from ..fakes import answer
from .world import ADMIN, FRAME, MANAGER, OTHER_APP, STRANGER, Reply, World

SOMEBODY = Visitor(1, "Анна", admin=False)


def test_the_application_opens_with_the_journal_for_whoever_the_portal_vouches_for(world: World) -> None:
    for token in (ADMIN, MANAGER):
        reply = world.open(token)
        assert reply.code == 200
        assert 'data-page="journal"' in reply.text


def test_only_the_portal_that_installed_may_frame_it(world: World) -> None:
    policy = world.open().headers["Content-Security-Policy"]
    assert "frame-ancestors 'self' https://shop.bitrix24.by" in policy.split("; ")
    assert "script-src 'self'" in policy.split("; ")
    assert "X-Frame-Options" not in world.open().headers
    # What is fetched into the page is no page of its own.
    journal = world.enter().page("journal")
    assert "frame-ancestors 'none'" in journal.headers["Content-Security-Policy"]


def test_nothing_comes_from_another_address(world: World) -> None:
    text = world.open().text
    assert "//" not in text.replace("<!DOCTYPE", "")


def test_no_element_passes_on_to_those_in_it_how_it_is_swapped(world: World) -> None:
    """Else a button in a live piece would take the page's place instead of filling it."""
    found = re.search(r"<meta name=\"htmx-config\" content='([^']+)'>", world.open().text)
    assert found is not None
    assert json.loads(found[1])["disableInheritance"] is True


@pytest.mark.parametrize("token", [STRANGER, ""])
def test_a_strangers_token_is_refused_and_told_nothing(world: World, token: str) -> None:
    reply = world.open(token)
    assert reply.code == (403 if token else 400)
    assert "data-session" not in reply.text
    assert "shop.bitrix24.by" not in reply.text


def test_a_token_of_another_application_of_the_portal_is_refused(world: World) -> None:
    assert world.open(OTHER_APP, APPLICATION_TOKEN="").code == 403
    assert world.open(OTHER_APP, APPLICATION_TOKEN="made up").code == 403


def test_a_frame_that_brings_no_application_token_is_believed_once_the_portal_knows_the_token_as_ours(
    world: World,
) -> None:
    assert world.open(ADMIN, APPLICATION_TOKEN="").code == 200
    assert [method for method, _ in world.portal.asked] == ["app.info", "profile"]


def test_another_portal_gets_nothing(world: World) -> None:
    # Its own token is asked of the portal that installed, whatever address the call names.
    assert world.open("token-of-another-portal", DOMAIN="evil.example", member_id="x").code == 403
    assert all(content["auth"] == "token-of-another-portal" for _, content in world.portal.asked)


def test_a_portal_that_cannot_answer_is_no_refusal(world: World) -> None:
    world.portal.down = True
    reply = world.open()
    assert reply.code == 503
    assert "через минуту" in reply.text


def test_without_an_installation_nobody_gets_in(world: World) -> None:
    from ..conftest import run

    run(world.tokens.forget())
    assert world.open().code == 403


@pytest.mark.parametrize(
    ("language", "title"),
    [("ru", "Журнал"), ("be", "Журнал"), ("by", "Журнал"), ("ua", "Журнал"), ("en", "Journal"), ("de", "Journal")],
)
def test_the_pages_speak_the_users_language(world: World, language: str, title: str) -> None:
    text = world.open(LANG=language).text
    assert f"<h1>{title}</h1>" in text


def test_another_language_can_be_chosen_and_stays_chosen(world: World) -> None:
    visit = world.enter()
    shell = visit.page("journal", {"shell": "1", "speak": "be"})
    assert "Нумар тэлефона" in shell.text
    assert "Імя адпраўніка" in visit.page("journal").text


def test_a_request_without_a_session_or_with_a_made_up_one_gets_401(world: World) -> None:
    for headers in ({}, {"X-A1-Session": "made up"}):
        assert world.post("/bitrix24/pages/journal", {}, headers).code == 401


def test_a_session_is_no_longer_good_than_the_portals_token(world: World) -> None:
    visit = world.enter(AUTH_EXPIRES="600")
    world.clock.advance(599)
    assert visit.page("journal").code == 200
    world.clock.advance(1)
    assert visit.page("journal").code == 401


def test_a_session_that_has_ended_is_begun_again_with_tokens_that_the_portal_gives_anew(world: World) -> None:
    reply = world.post("/bitrix24/session", {"DOMAIN": "shop.bitrix24.by", "AUTH_ID": MANAGER, "language": "be"})
    assert reply.code == 200
    session = json.loads(reply.text)["session"]
    again = world.post("/bitrix24/pages/journal", {}, {"X-A1-Session": session})
    assert "Нумар тэлефона" in again.text
    assert world.post("/bitrix24/session", {"AUTH_ID": STRANGER}).code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_forged_form_of_another_site_is_refused_even_with_the_session(
    world: World, headers: dict[str, str]
) -> None:
    session = world.enter().session
    reply = world.post("/bitrix24/pages/journal", {"session": session}, headers)
    assert reply.code == 403
    assert world.post("/bitrix24/pages/journal", {"session": session}).code == 200


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://sms.example.by", "https://sms.example.by"),
        ("https://sms.example.by:443", "https://sms.example.by"),
        ("https://SMS.example.by:8443", "https://sms.example.by:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_this_server_is_known_by_the_name_that_browsers_have_for_it(public_url: str, origin: str) -> None:
    assert _origin(public_url) == origin


def test_what_is_no_page_is_answered_as_it_is_whatever_is_asked_for_around_it(world: World) -> None:
    visit = world.enter()
    values = re.search(r"id=\"newest\".*?hx-vals='([^']*)'", visit.page("journal").text)
    assert values is not None
    seen = json.loads(html.unescape(values[1]))["seen"]
    assert visit.page("journal-rows", {"shell": "1", "seen": str(seen)}).code == 204


@pytest.mark.parametrize("name", ["resend-ask", "resend"])
def test_what_only_administrators_may_do_is_refused_to_a_manager(world: World, name: str) -> None:
    assert world.enter(MANAGER).page(name, id="m1").code == 403
    assert world.enter(ADMIN).page(name, id="m1").code == 400


def test_a_page_that_is_not_there_and_a_wrong_method_are_said_to_be(world: World) -> None:
    assert world.enter().page("nowhere").code == 404
    assert world.ask("GET", "/bitrix24/pages/journal").code == 405
    assert world.ask("GET", "/bitrix24/app").code == 405


def test_scripts_and_styles_are_served_and_no_other_files(world: World) -> None:
    style = world.ask("GET", "/bitrix24/static/pages.css?v=1")
    assert (style.code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in style.headers["Cache-Control"]
    assert world.ask("GET", "/bitrix24/static/vendor/htmx.min.js").code == 200
    for path in ("../front.py", "..%2ffront.py", "vendor/../../front.py", "nothing.css", "vendor/htmx.LICENSE"):
        assert world.ask("GET", f"/bitrix24/static/{path}").code == 404


def test_the_form_of_an_event_opens_nothing(world: World) -> None:
    assert world.post("/bitrix24/app", {"event": "ONAPPINSTALL", "auth[access_token]": ADMIN}).code == 400


def test_after_a_new_installation_nobodys_session_is_good(world: World) -> None:
    visit = world.enter()
    world.sessions.end_all()
    assert visit.page("journal").code == 401


def test_a_flood_does_not_use_up_what_the_portal_lets_us_ask(world: World) -> None:
    waiting: list[Deferred[Answer]] = []

    def slow(url: str, content: Any) -> Deferred[Answer]:
        waiting.append(Deferred())
        return waiting[-1]

    world.http.by = slow  # type: ignore[assignment]  # it may answer later, as it does from its queue
    answers: list[Reply] = []
    for _ in range(MOST_AT_ONCE + 5):
        world.begin("POST", "/bitrix24/app", {**FRAME, "AUTH_ID": "made up"}).addCallback(answers.append)
    assert len(waiting) == MOST_AT_ONCE
    assert [each.code for each in answers] == [503] * 5
    for each in waiting:
        each.callback(answer({"error": "invalid_token"}, 401))
    world.flush()
    assert [each.code for each in answers[5:]] == [403] * MOST_AT_ONCE
    world.http.by = world.portal
    assert world.open().code == 200


FROM_OUTSIDE = {"X-Forwarded-For": "203.0.113.7"}
MADE_UP = {**FRAME, "AUTH_ID": "made up", "APPLICATION_TOKEN": "made up"}


def test_a_stranger_with_made_up_tokens_is_soon_told_to_wait_and_nobody_else_is(world: World) -> None:
    answers = [world.post("/bitrix24/app", MADE_UP, FROM_OUTSIDE) for _ in range(PROOFS + 3)]
    assert [each.code for each in answers] == [403] * PROOFS + [429] * 3
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "через минуту" in answers[-1].text
    asked = len(world.portal.asked)
    again = world.post("/bitrix24/session", MADE_UP, FROM_OUTSIDE)
    assert (again.code, json.loads(again.text)["error"]) == (429, "too_many_calls")
    assert len(world.portal.asked) == asked, "the portal is not asked any more"
    # The same address with what the portal alone knows, and another one without.
    assert world.post("/bitrix24/app", {**FRAME, "AUTH_ID": MANAGER}, FROM_OUTSIDE).code == 200
    bare = {**FRAME, "AUTH_ID": MANAGER, "APPLICATION_TOKEN": ""}
    assert world.post("/bitrix24/app", bare, {"X-Forwarded-For": "198.51.100.1"}).code == 200


def test_strangers_do_not_take_up_everybodys_places(world: World) -> None:
    waiting: list[Deferred[Answer]] = []

    def slow(_url: str, _content: object) -> Deferred[Answer]:
        waiting.append(Deferred())
        return waiting[-1]

    world.http.by = slow  # type: ignore[assignment]  # it may answer later, as it does from its queue
    answers: list[Reply] = []
    for _ in range(MOST_AT_ONCE):
        world.begin("POST", "/bitrix24/app", MADE_UP, FROM_OUTSIDE).addCallback(answers.append)
    assert len(waiting) == AT_ONCE
    assert [each.code for each in answers] == [429] * (MOST_AT_ONCE - AT_ONCE)
    world.http.by = world.portal
    assert world.open().code == 200
    for each in waiting:
        each.callback(answer({"error": "invalid_token"}, 401))
    world.flush()


@pytest.mark.parametrize("path", ["/bitrix24/app", "/bitrix24/session"])
def test_a_large_body_is_not_even_read_before_it_is_known_whose_it_is(world: World, path: str) -> None:
    assert world.post(path, {**FRAME, "AUTH_ID": ADMIN, "X": "x" * 65_536}).code == 413
    assert world.portal.asked == []


def test_there_are_so_many_sessions_and_no_more(clock: Clock) -> None:
    sessions = Sessions(clock)
    first = sessions.begin(SOMEBODY, "a", "ru", LONGEST)
    for _ in range(MOST):
        sessions.begin(SOMEBODY, "a", "ru", LONGEST)
    assert sessions.find(first) is None


def test_a_session_shows_no_token_to_whoever_prints_it(clock: Clock) -> None:
    sessions = Sessions(clock)
    session = sessions.find(sessions.begin(SOMEBODY, "secret-token", "ru", 10.0))
    assert "secret-token" not in repr(session)

"""The simulated portal shows the application in its frame as Bitrix24 does, and to whom it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from a1gateway.sandbox.app_frame_words import words_for
from a1gateway.sandbox.users import EMPLOYEE_ID, INSTALLER_ID
from tests.test_sandbox_portal import GATEWAY, World, made_world


@pytest.fixture
def bare() -> Iterator[World]:
    """A portal in which the application is not installed."""
    with made_world() as world:
        yield world


@pytest.fixture
def world(bare: World) -> World:
    """A portal in which the application is installed and its sender registered."""
    bare.install()
    bare.register()
    return bare


def token_of(world: World, user: int) -> str:
    """An access token that speaks for a user."""
    return world.portal.tokens.issue(world.portal.installation.holder(user)).access


class Page(HTMLParser):
    """A page of the portal: the form that its script posts, the frame that takes it, and what the script is told."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.action = ""
        self.target = ""
        self.frame = ""
        self.links: list[str] = []
        self.fields: dict[str, str] = {}
        self.opening: dict[str, Any] = {}
        self.feed(text)

    @property
    def query(self) -> dict[str, str]:
        """The query that the form is posted with."""
        return dict(parse_qsl(urlsplit(self.action).query))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = {name: value or "" for name, value in attributes}
        match tag:
            case "form":
                self.action, self.target = given.get("action", ""), given.get("target", "")
            case "input" if given.get("type") == "hidden":
                self.fields[given["name"]] = given["value"]
            case "iframe":
                self.frame = given["name"]
            case "a":
                self.links.append(given["href"])
        if "data-opening" in given:
            self.opening = json.loads(given["data-opening"])


def opened(world: World, path: str) -> Page:
    """A page that is there."""
    answered = world.request("GET", path)
    assert (answered.status, answered.body is not None) == (200, True)
    assert answered.body is not None
    return Page(answered.body.decode())


def policy(world: World, path: str) -> dict[str, list[str]]:
    """A page's Content-Security-Policy."""
    (header,) = world.request("GET", path).headers["content-security-policy"]
    return {name: values for name, *values in (each.split() for each in header.split(";"))}


# Users


@pytest.mark.parametrize(
    ("user", "admin", "name"),
    [(INSTALLER_ID, True, "Ольга Администратор"), (EMPLOYEE_ID, False, "Пётр Менеджер")],
)
def test_a_token_speaks_for_its_own_user(world: World, user: int, admin: bool, name: str) -> None:
    token = token_of(world, user)
    profile = world.rest("profile", auth=token).json["result"]
    assert (profile["ID"], profile["ADMIN"]) == (str(user), admin)
    assert f"{profile['NAME']} {profile['LAST_NAME']}" == name
    current = world.rest("user.current", auth=token).json["result"]
    assert (current["ID"], f"{current['NAME']} {current['LAST_NAME']}") == (str(user), name)
    assert "ADMIN" not in current


def test_the_administrator_is_whom_the_settings_make_one(world: World) -> None:
    world.control("POST", "settings", {"installer_is_admin": False})
    assert world.rest("profile", auth=token_of(world, INSTALLER_ID)).json["result"]["ADMIN"] is False


def test_an_item_can_be_hidden_from_whoever_is_no_administrator(world: World) -> None:
    """In the new interface and in the old one; it is in no list, and cannot be changed either."""
    for kind in (1, 2, 3):
        world.control("POST", "crm/item", {"entityTypeId": kind, "id": 900, "title": "Новый", "name": "Новый"})
    employee, administrator = token_of(world, EMPLOYEE_ID), token_of(world, INSTALLER_ID)
    deal = {"entityTypeId": 2, "id": 900}
    assert world.rest("crm.item.get", deal, auth=employee).json["result"]["item"]["title"] == "Новый"
    world.control("POST", "settings", {"hidden_items": [[2, 900], [3, 900]]})
    for method in ("get", "update", "delete"):
        assert world.rest(f"crm.item.{method}", deal, auth=employee).error == (400, "ACCESS_DENIED")
    for method in ("get", "update"):
        refused = world.rest(f"crm.contact.{method}", {"id": 900}, auth=employee)
        assert (refused.status, refused.json["error_description"]) == (400, "Access denied.")
    listed = world.rest("crm.item.list", {"entityTypeId": 2}, auth=employee).json["result"]["items"]
    assert 900 not in [item["id"] for item in listed]
    assert "900" not in [each["ID"] for each in world.rest("crm.contact.list", auth=employee).json["result"]]
    assert world.rest("crm.item.get", {"entityTypeId": 1, "id": 900}, auth=employee).status == 200
    assert world.rest("crm.item.get", deal, auth=administrator).status == 200


# Placements

DEAL_TAB = "CRM_DEAL_DETAIL_TAB"
APP = f"{GATEWAY}/bitrix24/app"
BINDING = {
    "PLACEMENT": DEAL_TAB,
    "HANDLER": APP,
    "LANG_ALL": {"ru": {"TITLE": "SMS через A1"}, "en": {"TITLE": "SMS via A1"}},
}


def bind(world: World, *kinds: str) -> None:
    """Binds the tab in the cards of these types."""
    for kind in kinds:
        assert world.result("placement.bind", BINDING | {"PLACEMENT": f"CRM_{kind.upper()}_DETAIL_TAB"}) is True


def test_a_tab_is_bound_listed_and_unbound(world: World) -> None:
    assert world.result("placement.bind", BINDING) is True
    (bound,) = world.result("placement.get")
    assert bound == {
        "placement": DEAL_TAB,
        "userId": 0,
        "handler": APP,
        "options": [],
        "title": "SMS через A1",
        "description": "",
        "langAll": {
            "ru": {"TITLE": "SMS через A1", "DESCRIPTION": "", "GROUP_NAME": ""},
            "en": {"TITLE": "SMS via A1", "DESCRIPTION": "", "GROUP_NAME": ""},
        },
    }
    placements = world.control("GET", "state")["placements"]
    assert placements == [{"placement": DEAL_TAB, "title": "SMS через A1", "handler": APP}]
    assert world.result("placement.unbind", {"placement": "crm_deal_detail_tab"}) == {"count": 2}
    assert world.result("placement.get") == []
    assert world.result("placement.unbind", {"placement": DEAL_TAB}) == {"count": 0}


def test_a_place_takes_several_handlers_and_each_of_them_once(world: World) -> None:
    """The second time is an error, with other words too; one is taken away by its address."""
    world.result("placement.bind", {"PLACEMENT": DEAL_TAB, "HANDLER": APP, "TITLE": " SMS "})
    again = world.rest("placement.bind", BINDING)
    assert again.error == (400, "ERROR_CORE")
    assert again.json["error_description"] == "Unable to set placement handler: Handler already binded"
    world.result("placement.bind", {"PLACEMENT": DEAL_TAB, "HANDLER": APP + "?2"})
    titles = [(each["title"], each["langAll"]) for each in world.result("placement.get")]
    assert titles == [("SMS", {"ru": {"TITLE": "SMS", "DESCRIPTION": "", "GROUP_NAME": ""}}), ("", [])]
    assert world.result("placement.unbind", {"PLACEMENT": DEAL_TAB, "HANDLER": APP}) == {"count": 2}
    assert [each["handler"] for each in world.result("placement.get")] == [APP + "?2"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"PLACEMENT": ""}, "ERROR_ARGUMENT"),
        ({"PLACEMENT": ["CRM_DEAL_DETAIL_TAB"]}, "ERROR_ARGUMENT"),
        ({"PLACEMENT": "DEFAULT"}, "ERROR_ARGUMENT"),
        ({"HANDLER": ""}, "ERROR_ARGUMENT"),
        ({"HANDLER": "http://localhost/app"}, "ERROR_WRONG_HANDLER_URL"),
        ({"HANDLER": "ftp://sms.example.by/app"}, "ERROR_UNSUPPORTED_PROTOCOL"),
        ({"PLACEMENT": "CRM_PIGEON_DETAIL_TAB"}, "ERROR_PLACEMENT_NOT_FOUND"),
        ({"PLACEMENT": "CRM_DYNAMIC_177_DETAIL_TAB"}, "ERROR_PLACEMENT_NOT_FOUND"),
        ({"USER_ID": 7}, "ERROR_PLACEMENT_USER_MODE"),
    ],
)
def test_a_wrong_binding_is_refused(world: World, change: dict[str, Any], error: str) -> None:
    assert world.rest("placement.bind", BINDING | change).error == (400, error)
    assert world.result("placement.get") == []


def test_placements_are_for_administrators_with_the_scope(world: World) -> None:
    """Whoever calls may see which places there are."""
    employee = token_of(world, EMPLOYEE_ID)
    for method in ("bind", "unbind", "get"):
        assert world.rest(f"placement.{method}", BINDING, auth=employee).error == (403, "ACCESS_DENIED")
    assert DEAL_TAB in world.rest("placement.list", auth=employee).json["result"]
    world.control("POST", "settings", {"scopes": ["placement"]})
    assert world.rest("placement.bind", BINDING).error == (400, "ERROR_PLACEMENT_NOT_FOUND")
    world.control("POST", "settings", {"scopes": ["crm"]})
    for method in ("bind", "unbind", "get", "list"):
        assert world.rest(f"placement.{method}", BINDING).error == (403, "insufficient_scope")


def test_the_places_are_those_of_the_scopes_and_smart_processes_have_theirs(world: World) -> None:
    tabs = world.result("placement.list")
    assert {DEAL_TAB, "CRM_LEAD_DETAIL_TAB", "CRM_CONTACT_DETAIL_TAB", "CRM_COMPANY_DETAIL_TAB"} < set(tabs)
    world.control("POST", "crm/type", {"entityTypeId": 177})
    assert world.result("placement.list", {"SCOPE": "crm"}) == [*tabs, "CRM_DYNAMIC_177_DETAIL_TAB"]
    assert world.result("placement.bind", BINDING | {"PLACEMENT": "CRM_DYNAMIC_177_DETAIL_TAB"}) is True
    assert world.result("placement.list", {"SCOPE": "task"}) == []
    world.control("POST", "settings", {"scopes": ["placement"]})
    assert world.result("placement.list") == []
    assert world.result("placement.list", {"FULL": True}) == [*tabs, "CRM_DYNAMIC_177_DETAIL_TAB"]


def test_an_update_removes_what_is_bound_to_places(world: World) -> None:
    world.result("placement.bind", BINDING)
    world.control("POST", "update", {})
    assert world.result("placement.get") == []


# The application in its frame


@pytest.mark.parametrize(("user", "admin"), [(INSTALLER_ID, True), (EMPLOYEE_ID, False)])
def test_the_application_is_posted_with_fresh_tokens_of_whoever_looks(world: World, user: int, admin: bool) -> None:
    page = opened(world, f"/sandbox/app?user={user}&lang=en")
    assert page.action.startswith(f"{GATEWAY}/bitrix24/app?")
    assert page.query.keys() == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
    assert (page.query["DOMAIN"], page.query["PROTOCOL"], page.query["LANG"]) == ("127.0.0.1:8092", "0", "en")
    assert page.fields.keys() == {
        "AUTH_ID",
        "AUTH_EXPIRES",
        "REFRESH_ID",
        "SERVER_ENDPOINT",
        "APPLICATION_TOKEN",
        "APPLICATION_SCOPE",
        "member_id",
        "status",
        "PLACEMENT",
        "PLACEMENT_OPTIONS",
    }
    assert page.fields["APPLICATION_TOKEN"] == world.portal.installation.application_token
    assert (page.fields["AUTH_EXPIRES"], page.fields["status"]) == ("3600", "L")
    assert page.fields["PLACEMENT"] == "DEFAULT"
    profile = world.rest("profile", auth=page.fields["AUTH_ID"]).json["result"]
    assert (profile["ID"], profile["ADMIN"]) == (str(user), admin)
    again = opened(world, f"/sandbox/app?user={user}&lang=en")
    assert again.fields["AUTH_ID"] != page.fields["AUTH_ID"]
    assert again.query["APP_SID"] != page.query["APP_SID"]
    assert world.rest("profile", auth=page.fields["AUTH_ID"]).status == 200


def test_the_frame_is_named_by_portal_protocol_and_rendering(world: World) -> None:
    """That is all that the page in it knows of the portal without asking."""
    page = opened(world, "/sandbox/app")
    assert page.frame == page.target == f"127.0.0.1:8092|0|{page.query['APP_SID']}"


def test_the_page_may_post_into_a_frame_of_the_gateway_and_nowhere_else(world: World) -> None:
    bind(world, "deal")
    for path in ("/sandbox/app", "/sandbox/card/deal/4182", "/sandbox/install-page"):
        given = policy(world, path)
        assert (given["frame-src"], given["form-action"]) == ([GATEWAY], [GATEWAY])
        assert (given["default-src"], given["script-src"], given["connect-src"]) == (
            ["'none'"],
            ["'self'"],
            ["'self'"],
        )
    assert policy(world, "/")["frame-src"] == ["'none'"]


@pytest.mark.parametrize("kind", ["lead", "deal", "contact", "company"])
def test_a_tab_is_told_of_its_item(world: World, kind: str) -> None:
    """With Bitrix24's slashes, and the address of the card beside the id."""
    number = {"lead": 1, "deal": 2, "contact": 3, "company": 4}[kind]
    bind(world, kind)
    world.control("POST", "crm/item", {"entityTypeId": number, "id": 900, "title": "Заказ <b>", "name": "Анна"})
    page = opened(world, f"/sandbox/card/{kind}/900?user=7&lang=ru")
    assert page.fields["PLACEMENT"] == f"CRM_{kind.upper()}_DETAIL_TAB"
    assert page.fields["PLACEMENT_OPTIONS"] == f'{{"ID":"900","URI":"\\/crm\\/{kind}\\/details\\/900\\/"}}'
    assert json.loads(page.fields["PLACEMENT_OPTIONS"])["ID"] == "900"
    assert page.opening["init"]["PLACEMENT_OPTIONS"]["ID"] == "900"
    assert "<b>" not in page.text


def test_a_tab_is_posted_to_the_handler_that_is_bound(world: World) -> None:
    """Under the name that the application gave it in the viewer's language; until then there is no tab."""
    assert world.request("GET", "/sandbox/card/deal/4182").status == 404
    world.result("placement.bind", BINDING | {"HANDLER": f"{GATEWAY}/bitrix24/tab?of=deal"})
    page = opened(world, "/sandbox/card/deal/4182?lang=en")
    assert page.action.startswith(f"{GATEWAY}/bitrix24/tab?of=deal&DOMAIN=")
    assert "SMS via A1" in page.text
    assert "SMS через A1" in opened(world, "/sandbox/card/deal/4182?lang=ru").text


def test_the_card_has_items_to_open_at_the_start(world: World) -> None:
    """As the administrator and as a manager, the page of the application and the tabs of three cards."""
    bind(world, "deal", "contact", "lead")
    page = world.request("GET", "/").body
    assert page is not None
    links = [link for link in Page(page.decode()).links if "?user=" in link]
    assert len(links) == 8
    for link in links:
        assert opened(world, link).fields["AUTH_ID"]


@pytest.mark.parametrize(
    "path",
    [
        "app?user=0",
        "app?user=99",
        "app?user=x",
        "card/deal/4182?user=0",
        "card/deal/5?user=1",
        "card/deal/x?user=1",
        "card/pigeon/1?user=1",
    ],
)
def test_a_user_or_an_item_that_is_not_there_is_not_found(world: World, path: str) -> None:
    bind(world, "deal")
    answered = world.request("GET", f"/sandbox/{path}")
    assert answered.status == 404
    assert answered.body is not None
    assert "AUTH_ID" not in answered.body.decode()


@pytest.mark.parametrize(
    ("asked", "lang"), [("en", "en"), ("be", "be"), ("ua", "ua"), ("", "ru"), ("<script>", "ru")]
)
def test_the_language_is_the_one_asked_for_or_the_users_own(world: World, asked: str, lang: str) -> None:
    """Around the frame it is English where the sandbox does not speak it."""
    page = opened(world, f"/sandbox/app?user=7&lang={asked}")
    assert page.query["LANG"] == page.opening["init"]["LANG"] == lang
    assert words_for(lang)["calendar"] in page.text


def test_all_languages_have_the_same_words() -> None:
    assert words_for("ru").keys() == words_for("be").keys() == words_for("en").keys()


def test_an_application_that_is_not_installed_is_not_shown(bare: World) -> None:
    """Half installed, the administrator sees its installation, and nobody else anything."""
    assert bare.request("GET", "/sandbox/app").status == 404
    installation = opened(bare, "/sandbox/install-page?lang=en")
    assert (installation.query["LANG"], installation.opening["init"]["INSTALL"]) == ("en", True)
    assert bare.request("GET", "/sandbox/app?user=7").status == 403
    page = opened(bare, "/sandbox/app?user=1")
    assert page.action.startswith(f"{GATEWAY}/bitrix24/install?")
    bare.control("POST", "install-finish", {})
    page = opened(bare, "/sandbox/app?user=7")
    assert (urlsplit(page.action).path, page.opening["init"]["INSTALL"]) == ("/bitrix24/app", False)


# What the frame asks


def test_fresh_tokens_are_of_the_user_whom_the_rendering_is_for(world: World) -> None:
    """Those before stay as they are; an unknown rendering gets none."""
    page = opened(world, "/sandbox/app?user=7")
    fresh = world.control("POST", "app/refresh", {"sid": page.query["APP_SID"]})
    assert fresh.keys() == {"access_token", "refresh_token", "expires_in"}
    assert fresh["access_token"] != page.fields["AUTH_ID"]
    assert world.rest("profile", auth=fresh["access_token"]).json["result"]["ID"] == "7"
    assert world.rest("profile", auth=page.fields["AUTH_ID"]).status == 200
    for sid in ("0" * 32, None):
        assert world.request("POST", "/sandbox/app/refresh", json={"sid": sid}).status == 404
    world.control("POST", "uninstall", {})
    assert world.request("POST", "/sandbox/app/refresh", json={"sid": page.query["APP_SID"]}).status == 404


def test_the_script_knows_what_the_frame_may_ask(world: World) -> None:
    """From which origin, for which rendering; a tab may not touch the page around it."""
    page = opened(world, "/sandbox/app?user=1&lang=be")
    assert (page.opening["origin"], page.opening["sid"]) == (GATEWAY, page.query["APP_SID"])
    assert page.opening["denied"] == []
    assert page.opening["init"] == {
        "LANG": "be",
        "DOMAIN": "127.0.0.1:8092",
        "PROTOCOL": 0,
        "PATH": "/rest",
        "AUTH_ID": page.fields["AUTH_ID"],
        "AUTH_EXPIRES": "3600",
        "REFRESH_ID": page.fields["REFRESH_ID"],
        "MEMBER_ID": page.fields["member_id"],
        "FIRST_RUN": False,
        "IS_ADMIN": True,
        "INSTALL": False,
        "USER_OPTIONS": {},
        "APP_OPTIONS": {},
        "PLACEMENT": "DEFAULT",
        "PLACEMENT_OPTIONS": {"any": "/"},
    }
    bind(world, "deal")
    tab = opened(world, "/sandbox/card/deal/4182?user=7")
    assert tab.opening["denied"] == ["setTitle", "setScroll", "reloadWindow"]
    assert tab.opening["init"]["IS_ADMIN"] is False

"""The simulated portal shows the application in its frame as Bitrix24 does, and to whom it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from a1gateway.sandbox.users import EMPLOYEE_ID, INSTALLER_ID
from tests.test_sandbox_portal import GATEWAY, World, made_world


@pytest.fixture
def world() -> Iterator[World]:
    """A portal in which the application is installed and its sender registered."""
    world = made_world()
    world.install()
    world.register()
    yield world
    world.portal.stop()
    assert world.clock.getDelayedCalls() == []


def token_of(world: World, user: int) -> str:
    """An access token that speaks for a user."""
    return world.portal.tokens.issue(world.portal.installation.holder(user)).access


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

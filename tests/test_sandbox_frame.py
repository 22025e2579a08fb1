"""The simulated portal shows the application in its frame as Bitrix24 does, and to whom it does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a1gateway.sandbox.users import EMPLOYEE_ID, INSTALLER_ID
from tests.test_sandbox_portal import World, made_world


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

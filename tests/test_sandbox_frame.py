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

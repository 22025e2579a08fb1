"""What the registration of automation finds missing."""

from __future__ import annotations

from typing import Any

import pytest

from .world import World

CALL = {"name": "call", "event": "missed_call", "text": "Перезвоним."}
EMPLOYEE = CALL | {"text": "Перезвонит #ASSIGNED_NAME|менеджер#."}
PHONE = CALL | {"text": "Перезвонит #ASSIGNED_NAME|менеджер#, #ASSIGNED_PHONE|+375172001122#."}


def with_scopes(worlds: Any, scopes: str, *scenarios: dict[str, str], **section: Any) -> World:
    """Automation of an application that was installed with these permissions."""
    world: World = worlds(*scenarios, **section)
    world.portal.fault = lambda method, parameters: scopes.split() if method == "scope" else None
    world.install()
    world.wait(10)
    return world


@pytest.mark.parametrize(
    ("scopes", "scenario", "missing"),
    [
        ("crm telephony bizproc", CALL, None),
        ("telephony bizproc", CALL, "crm"),
        ("crm bizproc", CALL, "telephony"),
        ("crm", CALL, "bizproc, telephony"),
        ("crm telephony bizproc", EMPLOYEE, "user_brief"),
        ("crm telephony bizproc user_brief", EMPLOYEE, None),
        ("crm telephony bizproc user_brief", PHONE, "user_basic"),
        ("crm telephony bizproc user_basic", PHONE, None),
        ("crm telephony bizproc user", PHONE, None),
    ],
)
def test_permissions_that_scenarios_need_are_named(
    worlds: Any, scopes: str, scenario: dict[str, str], missing: str | None
) -> None:
    world = with_scopes(worlds, scopes, scenario)
    said = f"the application lacks the permissions {missing}; tick them in Bitrix24 and reinstall it"
    assert world.automation.registration.trouble == (None if missing is None else said)


def test_a_permission_that_is_given_later_is_noticed(worlds: Any) -> None:
    world = with_scopes(worlds, "crm", CALL)
    assert world.automation.registration.trouble is not None
    world.portal.fault = lambda method, parameters: None
    world.wait(310, step=5.0)
    assert world.automation.registration.trouble is None

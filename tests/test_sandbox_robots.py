"""The simulated Bitrix24 portal registers robots as bizproc does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.test_sandbox_portal import GATEWAY, World, made_world

ROBOT_HANDLER = f"{GATEWAY}/bitrix24/robot/secret"
ROBOT: dict[str, Any] = {
    "CODE": "a1_sms_send",
    "HANDLER": ROBOT_HANDLER,
    "AUTH_USER_ID": 1,
    "USE_SUBSCRIPTION": "Y",
    "NAME": {"ru": "SMS через A1", "en": "SMS through A1"},
    "PROPERTIES": {
        "phone": {"Name": "Phone", "Type": "string", "Multiple": "Y"},
        "text": {"Name": {"ru": "Текст"}, "Type": "text", "Required": "Y"},
        "urgent": {"Name": "Urgent", "Type": "bool", "Default": "N"},
        "kind": {"Name": "Kind", "Type": "select", "Options": {"info": "Info", "ads": "Ads"}, "Default": "info"},
    },
    "RETURN_PROPERTIES": {
        "status": {"Name": "Status", "Type": "string"},
        "segments": {"Name": "Parts", "Type": "int", "Default": 0},
    },
}
METHODS = [
    "bizproc.robot.add",
    "bizproc.robot.update",
    "bizproc.robot.list",
    "bizproc.robot.delete",
]
INVALID = (400, "ERROR_ACTIVITY_VALIDATION_FAILURE")


@pytest.fixture
def portal() -> Iterator[World]:
    """A portal in which the application is installed, without robots."""
    world = made_world()
    world.install()
    yield world
    world.portal.stop()
    assert world.clock.getDelayedCalls() == []


@pytest.fixture
def world(portal: World) -> World:
    """With the robot registered."""
    assert portal.result("bizproc.robot.add", ROBOT) is True
    return portal


# Registration


def test_a_robot_is_registered_listed_and_deleted(world: World) -> None:
    """By its code."""
    assert world.result("bizproc.robot.list") == ["a1_sms_send"]
    (robot,) = world.control("GET", "robots")["robots"]
    assert (robot["handler"], robot["use_subscription"], robot["auth_user_id"]) == (ROBOT_HANDLER, "Y", 1)
    assert list(robot["properties"]) == ["phone", "text", "urgent", "kind"]
    assert robot["properties"]["kind"]["OPTIONS"] == {"info": "Info", "ads": "Ads"}
    assert world.result("bizproc.robot.delete", {"CODE": "a1_sms_send"}) is True
    assert world.result("bizproc.robot.list") == []
    assert world.rest("bizproc.robot.delete", {"CODE": "a1_sms_send"}).error == (400, "ERROR_ACTIVITY_NOT_FOUND")
    assert world.rest("bizproc.robot.delete", {}).error == INVALID


def test_a_code_is_registered_once(world: World) -> None:
    """Another code is another robot."""
    assert world.rest("bizproc.robot.add", ROBOT).error == (400, "ERROR_ACTIVITY_ALREADY_INSTALLED")
    assert world.result("bizproc.robot.add", {**ROBOT, "CODE": "A1.sms-2"}) is True


@pytest.mark.parametrize(
    ("change", "code", "description"),
    [
        ({"CODE": ""}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty activity code!"),
        ({"CODE": "a1 sms"}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong activity code!"),
        ({"CODE": ["a1"]}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong activity code!"),
        ({"CODE": "a" * 129}, "ERROR_ACTIVITY_ADD_FAILURE", "Activity save error!"),
        ({"HANDLER": "https://localhost/robot"}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
        ({"HANDLER": None}, "ERROR_WRONG_HANDLER_URL", "Wrong handler URL"),
        ({"HANDLER": "ftp://example.by/"}, "ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol"),
        ({"NAME": {}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty activity NAME!"),
        ({"PROPERTIES": "none"}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong properties array!"),
        ({"PROPERTIES": [{"Name": "A"}]}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong property key (0)!"),
        ({"PROPERTIES": {"a-b": {"Name": "A"}}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong property key (a-b)!"),
        ({"PROPERTIES": {"_a": {"Name": "A"}}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong property key (_a)!"),
        ({"PROPERTIES": {"a": {}}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty property NAME (a)!"),
        ({"PROPERTIES": {"a": "A"}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Empty property NAME (a)!"),
        (
            {"PROPERTIES": {"a": {"Name": "A", "Type": "phone"}}},
            "ERROR_ACTIVITY_VALIDATION_FAILURE",
            "Wrong properties array!",
        ),
        (
            {"PROPERTIES": {"a": {"Name": "A", "Type": "select"}}},
            "ERROR_ACTIVITY_VALIDATION_FAILURE",
            "Wrong properties array!",
        ),
        ({"RETURN_PROPERTIES": {"1": {"Name": "A"}}}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong property key (1)!"),
        ({"FILTER": "deal"}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong activity FILTER!"),
        ({"DOCUMENT_TYPE": ["crm", ""]}, "ERROR_ACTIVITY_VALIDATION_FAILURE", "Wrong activity DOCUMENT_TYPE!"),
    ],
)
def test_a_wrong_robot_is_refused(portal: World, change: dict[str, Any], code: str, description: str) -> None:
    """With the documented words, and nothing is registered."""
    refused = portal.rest("bizproc.robot.add", {**ROBOT, **change})
    assert refused.json == {"error": code, "error_description": description}
    assert refused.status == 400
    assert portal.result("bizproc.robot.list") == []


def test_a_robot_needs_data(portal: World) -> None:
    """Any at all."""
    assert portal.rest("bizproc.robot.add").json["error_description"] == "Empty data!"


def test_only_an_administrator_registers_robots(world: World) -> None:
    """All four methods."""
    world.control("POST", "settings", {"installer_is_admin": False})
    world.install()
    for method in METHODS:
        assert world.rest(method, ROBOT).error == (403, "ACCESS_DENIED")


def test_an_update_changes_what_it_names(world: World) -> None:
    """The rest stays; names are read whatever their case."""
    fields = {"handler": ROBOT_HANDLER + "2", "Use_Subscription": "N", "Return_Properties": {}, "NAME": ""}
    assert world.result("bizproc.robot.update", {"code": "a1_sms_send", "fields": fields}) is True
    (robot,) = world.control("GET", "robots")["robots"]
    assert (robot["handler"], robot["use_subscription"]) == (ROBOT_HANDLER + "2", "N")
    assert (robot["return_properties"], robot["name"]["EN"]) == ({}, "SMS through A1")
    assert list(robot["properties"]) == ["phone", "text", "urgent", "kind"]
    world.result("bizproc.robot.update", {"CODE": "a1_sms_send", "FIELDS": {"NAME": "SMS", "AUTH_USER_ID": "x"}})
    (robot,) = world.control("GET", "robots")["robots"]
    assert (robot["name"], robot["auth_user_id"]) == ("SMS", 0)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"FIELDS": {"NAME": "SMS"}}, INVALID),
        ({"CODE": "other", "FIELDS": {"NAME": "SMS"}}, (400, "ERROR_ACTIVITY_NOT_FOUND")),
        ({"CODE": "a1_sms_send"}, INVALID),
        ({"CODE": "a1_sms_send", "FIELDS": {}}, INVALID),
        ({"CODE": "a1_sms_send", "FIELDS": {"NAME": "", "COLOUR": "red"}}, INVALID),
        ({"CODE": "a1_sms_send", "FIELDS": {"PROPERTIES": {"a": {}}}}, INVALID),
        ({"CODE": "a1_sms_send", "FIELDS": {"HANDLER": "nowhere"}}, (400, "ERROR_WRONG_HANDLER_URL")),
        ({"CODE": "a1_sms_send", "FIELDS": {"HANDLER": f"{GATEWAY}/{'a' * 1000}"}}, INVALID),
    ],
)
def test_a_wrong_update_is_refused(world: World, given: dict[str, Any], error: tuple[int, str]) -> None:
    """And changes nothing."""
    before = world.control("GET", "robots")
    assert world.rest("bizproc.robot.update", given).error == error
    assert world.control("GET", "robots") == before


def test_only_the_letter_y_makes_a_robot_wait(portal: World) -> None:
    """Not a JSON true, and not nothing."""
    for code, more in (("yes", {"USE_SUBSCRIPTION": True}), ("nothing", {})):
        robot = {"CODE": code, "HANDLER": ROBOT_HANDLER, "NAME": code, **more}
        assert portal.result("bizproc.robot.add", robot) is True
    assert [robot["use_subscription"] for robot in portal.control("GET", "robots")["robots"]] == ["N", "N"]


def test_robots_need_the_scope(world: World) -> None:
    """bizproc."""
    world.control("POST", "settings", {"scopes": ["messageservice"]})
    for method in METHODS:
        assert world.rest(method).error == (403, "insufficient_scope")


def test_a_plan_without_automation_has_no_such_methods(world: World) -> None:
    """And method.get says so."""
    world.control("POST", "settings", {"automation": False})
    for method in METHODS:
        assert world.rest(method, ROBOT).error == (404, "ERROR_METHOD_NOT_FOUND")
        assert world.result("method.get", {"name": method}) == {"isExisting": False, "isAvailable": False}
    whole = world.result("batch", {"cmd": {"list": "bizproc.robot.list"}})
    assert whole["result_error"]["list"]["error"] == "ERROR_METHOD_NOT_FOUND"
    world.control("POST", "settings", {"automation": True})
    available = {"isExisting": True, "isAvailable": True}
    assert [world.result("method.get", {"name": method}) for method in METHODS] == [available] * len(METHODS)


@pytest.mark.parametrize("way", ["update", "uninstall", "install"])
def test_robots_go_with_the_application(world: World, way: str) -> None:
    """At its update, its end and its next installation; a reset leaves them."""
    world.control("POST", "reset", {})
    assert len(world.control("GET", "robots")["robots"]) == 1
    world.control("POST", way, {})
    assert world.control("GET", "robots")["robots"] == []

"""The simulated Bitrix24 portal registers and runs robots as bizproc does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.sandbox import php
from a1gateway.sandbox.bizproc_documents import document_of
from tests.test_sandbox_portal import GATEWAY, NOW, World, made_world

ROBOT_HANDLER = f"{GATEWAY}/bitrix24/robot/secret"
DYNAMIC = "Bitrix\\Crm\\Integration\\BizProc\\Document\\Dynamic"
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
    "bizproc.event.send",
    "bizproc.activity.log",
]
INVALID = (400, "ERROR_ACTIVITY_VALIDATION_FAILURE")


@pytest.fixture
def portal() -> Iterator[World]:
    """A portal in which the application is installed, without robots."""
    with made_world() as world:
        world.install()
        yield world


@pytest.fixture
def world(portal: World) -> World:
    """With the robot registered."""
    assert portal.result("bizproc.robot.add", ROBOT) is True
    return portal


TEXT = {"properties": {"text": "Заказ готов"}}


def started(world: World, document: str = "deal:4182", **more: Any) -> Any:
    """A run with a text, unless there is another in `more`."""
    return world.control("POST", "robot", {"code": "a1_sms_send", "document": document, **TEXT, **more})


def answered(world: World, token: str, **values: Any) -> Any:
    """What `bizproc.event.send` results in."""
    return world.result("bizproc.event.send", {"event_token": token, "return_values": values})


def shown(world: World, run: Any) -> Any:
    """The run as it is now."""
    return world.control("GET", f"robot/{run['workflow_id']}")


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
    """All four methods; answering a run is open to everybody."""
    world.control("POST", "settings", {"installer_is_admin": False})
    run = started(world)
    world.install()
    for method in METHODS[:4]:
        assert world.rest(method, ROBOT).error == (403, "ACCESS_DENIED")
    assert answered(world, run["event_token"]) is True


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


def test_robots_are_registered_and_answered_in_a_batch(portal: World) -> None:
    """With the brackets of PHP in a command's query."""
    query = urlencode(php.pairs(ROBOT))
    whole = portal.result("batch", {"cmd": {"add": f"bizproc.robot.add?{query}", "list": "bizproc.robot.list"}})
    assert whole["result"] == {"add": True, "list": ["a1_sms_send"]}
    run = started(portal)
    command = urlencode({"EVENT_TOKEN": run["event_token"], "RETURN_VALUES[status]": "sent"})
    cmd = {"e": f"bizproc.event.send?{command}", "wrong": "bizproc.event.send?EVENT_TOKEN=unknown"}
    whole = portal.result("batch", {"cmd": cmd})
    assert whole["result"] == {"e": True}
    assert whole["result_error"]["wrong"]["error"] == "ACCESS_DENIED"
    assert shown(portal, run)["values"]["status"] == "sent"


def test_faults_concern_the_methods_of_robots_too(world: World) -> None:
    """Alone and in a batch."""
    world.fault("operation_time_limit", method="bizproc.event.send")
    run = started(world)
    given = {"EVENT_TOKEN": run["event_token"]}
    assert world.rest("bizproc.event.send", given).error == (429, "OPERATION_TIME_LIMIT")
    whole = world.result("batch", {"cmd": {"e": f"bizproc.event.send?{urlencode(given)}"}})
    assert whole["result_error"]["e"]["error"] == "OPERATION_TIME_LIMIT"
    assert shown(world, run)["state"] == "waiting"


def test_robots_need_the_scope(world: World) -> None:
    """bizproc."""
    world.control("POST", "settings", {"scopes": ["messageservice"]})
    for method in METHODS:
        assert world.rest(method).error == (403, "insufficient_scope")


def test_a_plan_without_automation_has_no_such_methods(world: World) -> None:
    """And method.get says so; robots cannot run either."""
    world.control("POST", "settings", {"automation": False})
    for method in METHODS:
        assert world.rest(method, ROBOT).error == (404, "ERROR_METHOD_NOT_FOUND")
        assert world.result("method.get", {"name": method}) == {"isExisting": False, "isAvailable": False}
    whole = world.result("batch", {"cmd": {"list": "bizproc.robot.list"}})
    assert whole["result_error"]["list"]["error"] == "ERROR_METHOD_NOT_FOUND"
    assert started(world)["code"] == "no_automation"
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


# Runs


def test_a_run_calls_the_handler_with_the_documented_form(world: World) -> None:
    """Every field, in Bitrix24's forms."""
    world.advance(10)
    run = started(world, timeout=3600, properties={"text": "Заказ № 4182 готов", "phone": ["+375291112233", "29"]})
    (call,) = world.gateway.calls
    assert call.path == "/bitrix24/robot/secret"
    auth = call.body.pop("auth")
    names = [name for name, _ in call.fields if not name.startswith("auth[")]
    assert names == [
        "workflow_id",
        "code",
        *[f"document_id[{index}]" for index in range(3)],
        *[f"document_type[{index}]" for index in range(3)],
        "event_token",
        "properties[phone][0]",
        "properties[phone][1]",
        "properties[text]",
        "properties[urgent]",
        "properties[kind]",
        "use_subscription",
        "timeout_duration",
        "ts",
    ]
    fields = dict(call.fields)
    assert fields["document_id[1]"] == fields["document_type[1]"] == "CCrmDocumentDeal"
    assert (fields["document_id[2]"], fields["document_type[2]"]) == ("DEAL_4182", "DEAL")
    assert fields["properties[text]"] == "Заказ № 4182 готов"
    assert (fields["properties[urgent]"], fields["properties[kind]"]) == ("N", "info")
    assert (fields["use_subscription"], fields["timeout_duration"]) == ("Y", "3600")
    assert fields["ts"] == str(int(NOW) + 10)
    assert re.fullmatch(r"[0-9a-f]{14}\.[0-9]{8}", fields["workflow_id"])
    workflow = re.escape(fields["workflow_id"])
    token = rf"{workflow}\|A[0-9]{{5}}(_[0-9]{{5}}){{3}}\|[a-zA-Z0-9]{{32}}\.[0-9a-f]{{64}}"
    assert re.fullmatch(token, fields["event_token"])
    assert auth["application_token"] == world.portal.installation.application_token
    assert (auth["user_id"], auth["domain"]) == ("1", "127.0.0.1:8092")
    assert world.rest("profile", auth=auth["access_token"]).json["result"]["ID"] == "1"
    assert world.token_request(refresh_token=auth["refresh_token"]).status == 200
    assert (run["workflow_id"], run["event_token"]) == (fields["workflow_id"], fields["event_token"])
    assert (run["state"], shown(world, run)["calls"]) == ("waiting", [200])


def test_without_a_user_the_handler_gets_no_tokens(portal: World) -> None:
    """Only what tells the application."""
    portal.result("bizproc.robot.add", {**ROBOT, "AUTH_USER_ID": 0})
    started(portal)
    auth = portal.gateway.calls[-1].body["auth"]
    assert auth["application_token"]
    assert "access_token" not in auth


@pytest.mark.parametrize(
    ("document", "entity", "kind", "number"),
    [
        ("lead:5", "CCrmDocumentLead", "LEAD", "LEAD_5"),
        ("contact:275", "CCrmDocumentContact", "CONTACT", "CONTACT_275"),
        ("dynamic_177:12", DYNAMIC, "DYNAMIC_177", "DYNAMIC_177_12"),
        (
            "smart_invoice:3",
            "Bitrix\\Crm\\Integration\\BizProc\\Document\\SmartInvoice",
            "SMART_INVOICE",
            "SMART_INVOICE_3",
        ),
    ],
)
def test_a_run_names_its_document_as_bizproc_does(
    world: World, document: str, entity: str, kind: str, number: str
) -> None:
    """Leads, contacts, smart processes, invoices."""
    started(world, document)
    body = world.gateway.calls[-1].body
    assert list(body["document_id"].values()) == ["crm", entity, number]
    assert list(body["document_type"].values()) == ["crm", entity, kind]


@given(st.text(alphabet="deal_dynmic0123456789: ٣", max_size=20))
def test_any_text_is_a_document_or_an_error(text: str) -> None:
    """Nothing but a kind, a colon and a number is one."""
    try:
        document = document_of(text)
    except ValueError:
        return
    assert document.id[2] == text.upper().replace(":", "_")


@pytest.mark.parametrize(
    "wanted",
    [
        {"properties": {}},
        {"properties": {"text": ""}},
        {"properties": {"text": "A", "colour": "red"}},
        {"properties": {"text": {"a": "b"}}},
        {"document": "pigeon:1"},
        {"document": "dynamic:1"},
        {"document": "deal_2:1"},
        {"timeout": -1},
        {"calls": 0},
        {"other": 1},
    ],
)
def test_a_wrong_run_is_refused(world: World, wanted: dict[str, Any]) -> None:
    """400 with a reason, and the handler hears nothing."""
    assert started(world, **wanted)["error"]
    assert world.gateway.calls == []
    assert world.control("GET", "robots")["runs"] == []


def test_an_unknown_robot_or_run_is_not_found(world: World) -> None:
    """Each says which."""
    assert started(world, code="other")["code"] == "no_robot"
    assert world.request("GET", "/sandbox/robot/unknown").status == 404


@pytest.mark.parametrize(
    ("rules", "offered"),
    [
        ({"INCLUDE": [["crm", "CCrmDocumentDeal"], ["crm", "CCrmDocumentLead"]]}, ["deal:1", "lead:1"]),
        ({"INCLUDE": [["crm", DYNAMIC, "DYNAMIC_177"]]}, ["dynamic_177:1"]),
        ({"EXCLUDE": [["crm", "CCrmDocumentDeal"]]}, ["lead:1", "contact:1", "dynamic_177:1", "dynamic_178:1"]),
        ({"EXCLUDE": "box"}, ["deal:1", "lead:1", "contact:1", "dynamic_177:1", "dynamic_178:1"]),
        ({"EXCLUDE": ["b24"]}, []),
        ({"INCLUDE": ["crm", "CCrmDocumentDeal"]}, []),
    ],
)
def test_a_filter_decides_where_a_robot_is_offered(portal: World, rules: Any, offered: list[str]) -> None:
    """Whether it came as JSON or in a batch."""
    documents = ["deal:1", "lead:1", "contact:1", "dynamic_177:1", "dynamic_178:1"]
    portal.result("bizproc.robot.add", {**ROBOT, "FILTER": rules})
    assert [document for document in documents if "error" not in started(portal, document)] == offered
    portal.result("bizproc.robot.delete", {"CODE": "a1_sms_send"})
    query = urlencode(php.pairs({**ROBOT, "FILTER": rules}))
    portal.result("batch", {"cmd": {"add": f"bizproc.robot.add?{query}"}})
    assert [document for document in documents if "error" not in started(portal, document)] == offered


def test_the_first_event_ends_the_run(world: World) -> None:
    """What comes later is lost, without an error; unknown names are ignored."""
    run = started(world)
    world.advance(5)
    assert answered(world, run["event_token"], STATUS="delivered", price="0.045") is True
    world.advance(5)
    assert answered(world, run["event_token"], status="failed", segments=2) is True
    now = shown(world, run)
    assert (now["state"], now["ended_at"], now["IsTimeout"]) == ("ended", NOW + 5, 0)
    assert now["values"] == {"status": "delivered", "segments": 0}
    assert [(event["at"] - NOW, event["ended"]) for event in now["events"]] == [(5, True), (10, False)]
    assert now["events"][1]["values"] == {"status": "failed", "segments": 2}
    assert [line["message"] for line in now["log"]] == ["Received response from the application."]


def test_an_unknown_token_is_denied(world: World) -> None:
    """Also one that is nearly right, and the id of the workflow."""
    run = started(world)
    for method in ("bizproc.event.send", "bizproc.activity.log"):
        for token in ("", None, "unknown", run["workflow_id"], run["event_token"][:-1], 5):
            given = {"EVENT_TOKEN": token, "LOG_MESSAGE": "A"}
            assert world.rest(method, given).error == (403, "ACCESS_DENIED")
    assert shown(world, run)["events"] == []


def test_a_log_line_does_not_end_the_run(world: World) -> None:
    """An empty one is an error, and after the end there is no place for it."""
    run = started(world)
    given = {"event_token": run["event_token"], "log_message": "Accepted by A1"}
    assert world.rest("bizproc.activity.log", {**given, "log_message": ""}).error == (400, "ERROR_EMPTY_LOG_MESSAGE")
    assert world.result("bizproc.activity.log", given) is True
    assert shown(world, run)["state"] == "waiting"
    answered_with = {"event_token": run["event_token"], "log_message": "Delivered"}
    assert world.result("bizproc.event.send", answered_with) is True
    assert world.result("bizproc.activity.log", given) is True
    assert [line["message"] for line in shown(world, run)["log"]] == ["Accepted by A1", "Delivered"]


def test_a_run_ends_when_its_time_is_over(world: World) -> None:
    """With IsTimeout=1; an answer in the same second is too late."""
    run, other = started(world, timeout=60), started(world, timeout=60)
    world.advance(59)
    assert shown(world, run)["state"] == "waiting"
    answered(world, other["event_token"], status="sent")
    world.advance(1)
    assert answered(world, run["event_token"], status="delivered") is True
    world.advance(100)
    now = shown(world, run)
    assert (now["state"], now["ended_at"], now["IsTimeout"]) == ("timed_out", NOW + 60, 1)
    assert now["values"] == {"status": None, "segments": 0}
    assert [event["ended"] for event in now["events"]] == [False]
    assert (shown(world, other)["state"], shown(world, other)["IsTimeout"]) == ("ended", 0)


def test_without_a_timeout_a_run_waits_for_ever(world: World) -> None:
    """Years later it can be answered."""
    run = started(world)
    world.advance(3 * 365 * 86400)
    assert shown(world, run)["state"] == "waiting"


def test_a_robot_without_subscription_ends_at_once(portal: World) -> None:
    """An answer changes nothing."""
    portal.result("bizproc.robot.add", {**ROBOT, "USE_SUBSCRIPTION": "N"})
    run = started(portal, timeout=60)
    assert portal.gateway.calls[-1].body["use_subscription"] == "N"
    assert (run["state"], run["ended_at"]) == ("ended", NOW)
    assert answered(portal, run["event_token"], status="sent") is True
    portal.advance(60)
    assert (shown(portal, run)["state"], shown(portal, run)["values"]["status"]) == ("ended", None)


def test_a_hung_queue_row_delivers_the_same_run_again(world: World) -> None:
    """The same body to the last field, and one run."""
    run = started(world, calls=2)
    first, second = world.gateway.calls
    assert first.fields == second.fields
    assert shown(world, run)["calls"] == [200, 200]
    assert len(world.control("GET", "robots")["runs"]) == 1


def test_a_failed_call_is_not_repeated(world: World) -> None:
    """The run waits on."""
    world.gateway.status = 503
    run = started(world)
    world.advance(*[600] * 10)
    assert len(world.gateway.calls) == 1
    assert (shown(world, run)["calls"], shown(world, run)["state"]) == ([503], "waiting")


def test_a_run_is_found_by_its_token(world: World) -> None:
    """As well as by its workflow."""
    run = started(world)
    assert world.control("GET", f"robot/{quote(run['event_token'])}") == shown(world, run)
    assert world.control("GET", "robots")["runs"] == [shown(world, run)]


def test_a_run_outlives_its_robot_but_returns_nothing(world: World) -> None:
    """It is ended; with the robot registered again it returns as before."""
    lost, kept = started(world), started(world)
    world.result("bizproc.robot.delete", {"CODE": "a1_sms_send"})
    answered(world, lost["event_token"], status="sent")
    world.result("bizproc.robot.add", ROBOT)
    answered(world, kept["event_token"], status="sent")
    assert [(run["state"], run["values"]["status"]) for run in world.control("GET", "robots")["runs"]] == [
        ("ended", None),
        ("ended", "sent"),
    ]


def test_a_reset_forgets_runs(world: World) -> None:
    """Their tokens are unknown then."""
    run = started(world)
    world.control("POST", "reset", {})
    assert world.control("GET", "robots")["runs"] == []
    assert world.rest("bizproc.event.send", {"EVENT_TOKEN": run["event_token"]}).error == (403, "ACCESS_DENIED")

"""The simulated Bitrix24 portal answers REST, calls handlers and installs applications as the gathered facts say."""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.resource import Resource
from twisted.web.server import Request

from a1gateway.config import check_table
from a1gateway.sandbox import php
from a1gateway.sandbox.command import add_arguments, serve
from a1gateway.sandbox.demo import DemoFailed, Plan, Ports, configuration, parsed
from a1gateway.sandbox.phone import as_sent
from a1gateway.sandbox.portal import SandboxPortal
from a1gateway.sandbox.sending import marketing_text

BASE = "http://127.0.0.1:8092"
GATEWAY = "http://127.0.0.1:8080"
HANDLER = f"{GATEWAY}/bitrix24/handler/secret"
CLIENT = {"client_id": "local.sandbox", "client_secret": "sandbox-client-secret"}
STATUS_UPDATE = "messageservice.message.status.update"
NOW = 1_795_363_200.0


@dataclass
class Call:
    """What the gateway was called with: where, by which fields, when."""

    path: str
    query: dict[str, str]
    fields: list[tuple[str, str]]
    at: float

    @property
    def body(self) -> dict[str, Any]:
        """The fields as PHP would have had them before they were sent."""
        return php.nested(self.fields)


class Gateway(Resource):
    """Takes calls down and answers them with `status`."""

    isLeaf = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.status = 200
        self.calls: list[Call] = []

    def render(self, request: Request) -> bytes:
        """Called by Twisted."""
        assert request.content is not None
        assert request.getHeader("content-type") == "application/x-www-form-urlencoded"
        url = urlsplit(request.uri.decode())
        fields = parse_qsl(request.content.read().decode(), keep_blank_values=True, strict_parsing=True)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.calls.append(Call(url.path, query, fields, self._clock.seconds() - NOW))
        request.setResponseCode(self.status)
        return b"{}"


@dataclass
class Answered:
    """What has come of a request so far."""

    status: int | None = None
    body: bytes | None = None
    failure: Failure | None = None
    headers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The whole body as JSON."""
        assert self.body is not None, self
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int | None, str]:
        """HTTP status and code of an error."""
        assert self.json["error_description"]
        return self.status, self.json["error"]


@dataclass
class World:
    """A simulated portal, a gateway that it calls, and a client of both its sides."""

    clock: Clock
    gateway: Gateway
    portal: SandboxPortal
    client: Any
    access: str = ""
    refresh: str = ""
    seen: list[Answered] = field(default_factory=list)

    def request(self, method: str, path: str, **more: Any) -> Answered:
        """Makes a request and says what has come of it; that is brought up to date by `advance`."""
        answered = Answered()

        async def follow() -> None:
            response = await self.client.request(method, BASE + path, **more)
            answered.status = response.code
            answered.headers = {
                name.decode().lower(): [value.decode() for value in values]
                for name, values in response.headers.getAllRawHeaders()
            }
            answered.body = await self.client.content(response)

        def failed(failure: Failure) -> None:
            answered.failure = failure

        Deferred.fromCoroutine(follow()).addErrback(failed)
        self.client.flush()
        return answered

    def rest(self, method: str, given: dict[str, Any] | None = None, *, auth: str | None = None) -> Answered:
        """Calls REST with a JSON body and the installer's token."""
        body = {"auth": self.access if auth is None else auth, **(given or {})}
        return self.request("POST", f"/rest/{method}.json", json=body)

    def result(self, method: str, given: dict[str, Any] | None = None) -> Any:
        """A method's result."""
        answered = self.rest(method, given)
        assert answered.status == 200, answered
        return answered.json["result"]

    def control(self, method: str, path: str, value: Any = None) -> Any:
        """The JSON that a control route answers."""
        body = None if value is None else json.dumps(value).encode()
        return self.request(method, f"/sandbox/{path}", data=body).json

    def fault(self, kind: str, **more: Any) -> None:
        """Switches a fault on."""
        assert "faults" in self.control("POST", "faults", {"kind": kind, **more})

    def install(self) -> dict[str, Any]:
        """Installs the application and keeps its tokens; the event that the gateway was sent."""
        assert self.control("POST", "install", {}) == {"answer": 200}
        event = self.gateway.calls.pop().body
        self.access, self.refresh = event["auth"]["access_token"], event["auth"]["refresh_token"]
        return event

    def register(self) -> None:
        """Registers the sender."""
        sender = {"CODE": "a1sms_by", "TYPE": "SMS", "HANDLER": HANDLER, "NAME": "A1 SMS"}
        assert self.result("messageservice.sender.add", sender) is True

    def send(self, **more: Any) -> Any:
        """Sends an SMS from the card unless told otherwise."""
        return self.control("POST", "send", {"to": "+375 29 111-22-33", "text": "Заказ готов", **more})

    def update(self, message_id: str, status: str = "delivered", *, auth: str | None = None) -> Answered:
        """Reports a status."""
        given = {"CODE": "a1sms_by", "MESSAGE_ID": message_id, "STATUS": status}
        return self.rest(STATUS_UPDATE, given, auth=auth)

    def token_request(self, **fields: str) -> Answered:
        """Asks the OAuth server for a refresh."""
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh, **CLIENT, **fields}
        return self.request("POST", "/oauth/token/", data=form)

    def advance(self, *steps: float) -> None:
        """Lets time pass."""
        for step in steps:
            self.clock.advance(step)
            self.client.flush()


@contextmanager
def made_world() -> Iterator[World]:
    """A portal without the application; once it is stopped, no timer is left."""
    clock = Clock()
    clock.advance(NOW)
    gateway = Gateway(clock)
    outgoing: Any = StubTreq(gateway)
    portal = SandboxPortal(
        clock,
        outgoing,
        base=BASE,
        gateway=GATEWAY,
        client_id=CLIENT["client_id"],
        client_secret=CLIENT["client_secret"],
    )
    yield World(clock, gateway, portal, StubTreq(portal.resource()))
    portal.stop()
    assert clock.getDelayedCalls() == []


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


# Installation and tokens


def test_installation_posts_onappinstall_with_tokens(bare: World) -> None:
    """The body of an application that uses the API only."""
    event = bare.install()
    assert (event["event"], event["ts"]) == ("ONAPPINSTALL", str(int(NOW)))
    assert event["data"] == {"VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "ru"}
    auth = event["auth"]
    assert auth["domain"] == "127.0.0.1:8092"
    assert auth["client_endpoint"] == auth["server_endpoint"] == f"{BASE}/rest/"
    assert (auth["expires_in"], auth["status"], auth["user_id"]) == ("3600", "L", "1")
    assert "messageservice" in auth["scope"].split(",")
    assert len(auth["member_id"]) == len(auth["application_token"]) == 32


def test_installation_goes_to_the_gateway_that_is_named(bare: World) -> None:
    """By default to the one of the options."""
    bare.control("POST", "install", {"gateway": "http://127.0.0.2:9000"})
    bare.control("POST", "install", {"pages": True})
    assert [call.path for call in bare.gateway.calls] == ["/bitrix24/install"] * 2


def test_an_application_with_pages_is_installed_once_its_page_says_so(bare: World) -> None:
    """Its tokens work before, app.info says INSTALLED only after."""
    assert bare.control("POST", "install", {"pages": True}) == {"answer": 200}
    (call,) = bare.gateway.calls
    assert (call.query["DOMAIN"], call.query["PROTOCOL"], call.query["LANG"]) == ("127.0.0.1:8092", "0", "ru")
    assert call.query["APP_SID"]
    fields = dict(call.fields)
    assert set(fields) == {
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
    bare.access = fields["AUTH_ID"]
    assert bare.result("app.info")["INSTALLED"] is False
    assert bare.control("POST", "install-finish", {})["installed"] is True
    assert bare.result("app.info")["INSTALLED"] is True


def test_the_installation_page_carries_the_form_for_the_frame(bare: World) -> None:
    """With the address of the gateway, and every value escaped."""
    answered = bare.request("GET", "/sandbox/install-page")
    assert answered.body is not None
    page = answered.body.decode()
    assert f'action="{GATEWAY}/bitrix24/install?DOMAIN=127.0.0.1%3A8092&amp;PROTOCOL=0' in page
    assert 'name="AUTH_ID"' in page
    assert "{&#34;any&#34;:&#34;\\/&#34;}" in page


def test_installation_is_tried_every_second_until_it_is_taken(bare: World) -> None:
    """Then no more."""
    bare.gateway.status = 503
    bare.portal.install_until_accepted()
    bare.advance(1, 1)
    assert bare.control("GET", "state")["answer"] == 503
    bare.gateway.status = 200
    bare.advance(1, 1, 1)
    assert [call.at for call in bare.gateway.calls] == [0, 1, 2, 3]
    assert bare.control("GET", "state")["answer"] == 200


def test_app_info_and_profile_prove_the_installation(world: World) -> None:
    """By GET and POST, with and without .json, whoever is asked: the portal or the OAuth server."""
    for answered in (
        world.rest("app.info"),
        world.request("GET", f"/rest/app.info?auth={world.access}"),
        world.request("POST", "/rest/app.info", data={"auth": world.access}),
        world.request("POST", "/rest/App.Info", headers={"Authorization": f"Bearer {world.access}"}),
    ):
        assert answered.json["result"]["CODE"] == "local.sandbox"
        assert answered.json["result"]["STATUS"] == "L"
        assert set(answered.json["time"]) >= {"operating", "operating_reset_at"}
    assert world.result("profile")["ADMIN"] is True
    world.control("POST", "settings", {"installer_is_admin": False})
    world.install()
    assert world.result("profile")["ADMIN"] is False


def test_the_small_methods_answer(world: World) -> None:
    """scope, method.get, server.time."""
    assert "messageservice" in world.result("scope")
    assert world.result("method.get", {"name": "messageservice.sender.add"}) == {
        "isExisting": True,
        "isAvailable": True,
    }
    assert world.result("method.get", {"name": "batch"}) == {"isExisting": True, "isAvailable": True}
    assert world.result("method.get", {"name": "crm.pigeon.add"}) == {"isExisting": False, "isAvailable": False}
    assert world.result("server.time") == "2026-11-22T19:00:00+03:00"


def test_an_access_token_expires_and_is_refreshed(world: World) -> None:
    """The new pair works; domain is the OAuth server's and of no use."""
    world.advance(3599)
    assert world.rest("profile").status == 200
    world.advance(1)
    assert world.rest("profile").error == (401, "expired_token")
    fresh = world.token_request().json
    assert fresh["client_endpoint"] == f"{BASE}/rest/"
    assert fresh["domain"] != "127.0.0.1:8092"
    assert (fresh["expires_in"], fresh["user_id"], fresh["status"]) == (3600, 1, "L")
    assert world.rest("profile", auth=fresh["access_token"]).status == 200


def test_a_refresh_ends_the_pair_before_it(world: World) -> None:
    """A second refresh with the same token gets nothing."""
    fresh = world.token_request().json
    assert world.rest("profile").error == (401, "expired_token")
    assert world.token_request().error == (400, "invalid_grant")
    assert world.token_request(refresh_token=fresh["refresh_token"]).status == 200


def test_tokens_are_asked_for_by_get_as_well(world: World) -> None:
    """With everything in the query; with and without the slash."""
    query = f"grant_type=refresh_token&refresh_token={world.refresh}&client_id=local.sandbox"
    answered = world.request("GET", f"/oauth/token?{query}&client_secret=sandbox-client-secret")
    assert answered.status == 200


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client")),
        ({"client_id": "local.other"}, (401, "invalid_client")),
        ({"client_id": ""}, (400, "invalid_request")),
        ({"grant_type": "password"}, (400, "invalid_request")),
        ({"refresh_token": ""}, (400, "invalid_request")),
        ({"refresh_token": "unknown"}, (400, "invalid_grant")),
    ],
)
def test_the_oauth_server_refuses(world: World, fields: dict[str, str], error: tuple[int, str]) -> None:
    """With OAuth's codes; the refresh token is not used up by a wrong secret."""
    assert world.token_request(**fields).error == error
    assert world.token_request().status == 200


def test_a_refresh_token_lives_180_days(world: World) -> None:
    """Then the application has to be installed again."""
    world.advance(180 * 86400)
    assert world.token_request().error == (400, "invalid_grant")


def test_tokens_can_be_expired_by_hand(world: World) -> None:
    """Access tokens; the refresh token goes on."""
    world.control("POST", "expire-token", {})
    assert world.rest("profile").error == (401, "expired_token")
    assert world.token_request().status == 200


def test_tokens_can_be_revoked_by_hand(world: World) -> None:
    """Both of the pair, until the application is installed again."""
    world.control("POST", "revoke-token", {})
    assert world.rest("profile").error == (401, "invalid_token")
    assert world.token_request().error == (400, "invalid_grant")
    world.install()
    assert world.rest("profile").status == 200


def test_rest_wants_a_token_of_an_installed_application(bare: World) -> None:
    """Its own error for each way of having none."""
    assert bare.rest("profile").error == (401, "APPLICATION_NOT_FOUND")
    bare.install()
    assert bare.rest("profile", auth="").error == (401, "NO_AUTH_FOUND")
    assert bare.rest("profile", auth="unknown").error == (401, "invalid_token")
    assert bare.rest("crm.pigeon.add").error == (404, "ERROR_METHOD_NOT_FOUND")


def test_a_method_outside_the_scopes_is_refused(world: World) -> None:
    """And method.get says so."""
    world.control("POST", "settings", {"scopes": ["crm"]})
    assert world.rest("messageservice.sender.list").error == (403, "insufficient_scope")
    available = world.result("method.get", {"name": "messageservice.sender.list"})
    assert available == {"isExisting": True, "isAvailable": False}


def test_an_update_removes_registrations_and_tells_the_gateway(world: World) -> None:
    """Whoever bound the event, else the address of the installation."""
    assert world.control("POST", "update", {}) == {"answers": [200]}
    event = world.gateway.calls[-1].body
    assert (event["event"], event["data"]["VERSION"], event["data"]["PREVIOUS_VERSION"]) == ("ONAPPUPDATE", "2", "1")
    assert event["auth"]["access_token"]
    assert world.result("messageservice.sender.list") == []
    world.result("event.bind", {"event": "OnAppUpdate", "handler": f"{GATEWAY}/bitrix24/event/secret"})
    world.control("POST", "update", {})
    assert world.gateway.calls[-1].path == "/bitrix24/event/secret"


def test_an_uninstallation_ends_the_tokens_and_tells_who_bound_it(world: World) -> None:
    """Without tokens; without a binding nobody is told."""
    world.result("event.bind", {"event": "ONAPPUNINSTALL", "handler": f"{GATEWAY}/bitrix24/event/secret"})
    assert world.control("POST", "uninstall", {"clean": True}) == {"answers": [200]}
    event = world.gateway.calls[-1].body
    assert (event["event"], event["data"]) == ("ONAPPUNINSTALL", {"LANGUAGE_ID": "ru", "CLEAN": "1"})
    assert event["auth"]["application_token"]
    assert "access_token" not in event["auth"]
    assert world.rest("profile").error == (401, "APPLICATION_NOT_FOUND")
    assert world.token_request().error == (400, "invalid_grant")
    world.install()
    assert world.control("POST", "uninstall", {}) == {"answers": []}


# Senders and events


def test_a_sender_is_added_listed_updated_and_deleted(bare: World) -> None:
    """The list shows codes only."""
    bare.install()
    assert bare.result("messageservice.sender.list") == []
    bare.register()
    assert bare.result("messageservice.sender.list") == ["a1sms_by"]
    assert bare.result("messageservice.sender.update", {"CODE": "a1sms_by", "HANDLER": HANDLER + "2"}) is True
    assert bare.control("GET", "state")["senders"][0]["handler"] == HANDLER + "2"
    assert bare.result("messageservice.sender.delete", {"code": "a1sms_by"}) is True
    assert bare.result("messageservice.sender.list") == []


@pytest.mark.parametrize(
    ("method", "change", "error"),
    [
        ("add", {"CODE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "a b"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "new", "TYPE": "FAX"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "new", "TYPE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "new", "NAME": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ("add", {"CODE": "new", "HANDLER": ""}, "ERROR_WRONG_HANDLER_URL"),
        ("add", {"CODE": "new", "HANDLER": "http://localhost/x"}, "ERROR_WRONG_HANDLER_URL"),
        ("add", {"CODE": "new", "HANDLER": "http://[x.y"}, "ERROR_WRONG_HANDLER_URL"),
        ("add", {"CODE": "new", "HANDLER": "ftp://sms.example.by/x"}, "ERROR_UNSUPPORTED_PROTOCOL"),
        ("add", {}, "ERROR_SENDER_ALREADY_INSTALLED"),
        ("update", {"CODE": ""}, "ERROR_SENDER_CODE_REQUIRED"),
        ("update", {"HANDLER": "", "NAME": ""}, "ERROR_SENDER_OTHER_PARAMS_REQUIRED"),
        ("update", {"CODE": "other"}, "ERROR_SENDER_NOT_FOUND"),
        ("update", {"HANDLER": "http://localhost/"}, "ERROR_WRONG_HANDLER_URL"),
        ("delete", {"CODE": "other"}, "ERROR_SENDER_NOT_FOUND"),
        ("delete", {"CODE": ""}, "ERROR_SENDER_VALIDATION_FAILURE"),
    ],
)
def test_a_wrong_sender_is_refused(world: World, method: str, change: dict[str, str], error: str) -> None:
    """With HTTP 400, and the registered one stays as it was."""
    sender = {"CODE": "a1sms_by", "TYPE": "SMS", "HANDLER": HANDLER, "NAME": "A1 SMS", **change}
    assert world.rest(f"messageservice.sender.{method}", sender).error == (400, error)
    assert [sender["handler"] for sender in world.control("GET", "state")["senders"]] == [HANDLER]


@pytest.mark.parametrize("method", ["add", "update", "list", "delete"])
def test_senders_are_for_administrators(world: World, method: str) -> None:
    """The token of an employee, as handlers are given it, is not enough."""
    world.send()
    employee = world.gateway.calls[-1].body["auth"]["access_token"]
    assert world.rest(f"messageservice.sender.{method}", {}, auth=employee).error == (403, "ACCESS_DENIED")


def test_events_are_bound_listed_and_unbound(world: World) -> None:
    """The same handler twice is an error."""
    binding = {"event": "OnCrmContactUpdate", "handler": f"{GATEWAY}/bitrix24/event/secret"}
    assert world.result("event.bind", binding) is True
    again = world.rest("event.bind", binding)
    assert again.status == 400
    assert again.json["error_description"].startswith("Unable to set event handler")
    assert world.result("event.get") == [
        {"event": "ONCRMCONTACTUPDATE", "handler": binding["handler"], "auth_type": "0", "offline": 0}
    ]
    assert world.result("event.unbind", binding) == {"count": 1}
    assert world.result("event.get") == []
    assert world.rest("event.bind", {**binding, "event": "ONPIGEON"}).error == (400, "ERROR_EVENT_NOT_FOUND")
    assert world.rest("event.bind", {**binding, "handler": "http://localhost/"}).error == (
        400,
        "ERROR_WRONG_HANDLER_URL",
    )


# Sending


def test_the_card_calls_the_handler_with_its_contact(world: World) -> None:
    """A form with PHP's brackets; the employee's token, but no refresh token."""
    row = world.send()
    (call,) = world.gateway.calls
    assert call.path == "/bitrix24/handler/secret"
    names = [name for name, _ in call.fields]
    assert names[:8] == [
        "module_id",
        "bindings[0][OWNER_TYPE_ID]",
        "bindings[0][OWNER_ID]",
        "type",
        "code",
        "message_id",
        "message_to",
        "message_body",
    ]
    body = call.body
    auth = body.pop("auth")
    assert body == {
        "module_id": "crm",
        "bindings": {"0": {"OWNER_TYPE_ID": "3", "OWNER_ID": "275"}},
        "type": "SMS",
        "code": "a1sms_by",
        "message_id": row["message_id"],
        "message_to": "+375291112233",
        "message_body": "Заказ готов",
        "properties": {"phone_number": "+375291112233", "message_text": "Заказ готов"},
        "ts": str(int(NOW)),
    }
    assert len(bytes.fromhex(row["message_id"])) == 16
    assert auth["user_id"] == "7"
    assert auth["application_token"] == world.portal.installation.application_token
    assert "refresh_token" not in auth
    assert world.rest("profile", auth=auth["access_token"]).json["result"]["ADMIN"] is False


def test_without_an_author_there_is_no_auth(world: World) -> None:
    """As for messages that nobody wrote."""
    world.send(author=0)
    assert "auth" not in world.gateway.calls[-1].body


def test_a_robot_sends_its_document_and_no_bindings(world: World) -> None:
    """module_id is bizproc."""
    world.send(module="bizproc")
    body = world.gateway.calls[-1].body
    assert body["module_id"] == "bizproc"
    assert body["workflow_id"]
    assert body["document_id"] == {"0": "crm", "1": "CCrmDocumentContact", "2": "CONTACT_275"}
    assert body["document_type"] == {"0": "crm", "1": "CCrmDocumentContact", "2": "CONTACT"}
    assert "bindings" not in body


def test_marketing_escapes_its_text_and_tells_no_context(world: World) -> None:
    """What a1gateway has to decode once."""
    world.send(module="sender", text="\"A\" & 'B' <b>\r\nвторая\nтретья")
    body = world.gateway.calls[-1].body
    assert body["message_body"] == "&quot;A&quot; &amp; &#039;B&#039; &lt;b&gt;<br />вторая<br />третья"
    assert body["properties"]["message_text"] == body["message_body"]
    assert not {"bindings", "workflow_id", "document_id"} & set(body)


@given(st.text())
def test_escaped_text_has_no_characters_of_html(text: str) -> None:
    """But for the tags of its line breaks."""
    assert not set(marketing_text(text).replace("<br />", "")) & set("<>\"'\n")


def test_the_handler_is_called_once_whatever_it_answers(world: World) -> None:
    """Bitrix24 does not repeat; the message stays `sent`."""
    world.gateway.status = 503
    world.send()
    world.advance(3600)
    assert len(world.gateway.calls) == 1
    (row,) = world.control("GET", "messages")
    assert (row["status"], row["calls"]) == ("sent", [503])


def test_a_queue_row_that_hung_is_called_again_with_the_same_id(world: World) -> None:
    """The one way to a duplicate."""
    message_id = world.send()["message_id"]
    world.control("POST", "repeat", {"message_id": message_id})
    assert [call.body["message_id"] for call in world.gateway.calls] == [message_id] * 2
    assert world.request("POST", "/sandbox/repeat", json={"message_id": "other"}).status == 404


def test_without_a_sender_nothing_is_sent(bare: World) -> None:
    """And the page can say why."""
    bare.install()
    answered = bare.request("POST", "/sandbox/send", json={"to": "1", "text": "x"})
    assert (answered.status, answered.json["code"]) == (409, "no_sender")
    assert bare.control("GET", "messages") == []


@pytest.mark.parametrize("wanted", [{"to": 1}, {"text": None}, {"module": "fax"}, {"author": "me"}, {"sender": 5}])
def test_a_wrong_wish_to_send_is_refused(world: World, wanted: dict[str, Any]) -> None:
    """With 400 and nothing sent."""
    answered = world.request("POST", "/sandbox/send", json={"to": "1", "text": "x", **wanted})
    assert answered.status == 400
    assert answered.json["error"]
    assert world.gateway.calls == []


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("375 29 111-22-33", "+375291112233"),
        ("00375291112233", "+375291112233"),
        ("+375 29 111 22 33", "+375291112233"),
        ("80291112233", "+80291112233"),
        ("8 029 111-22-33", "+80291112233"),
        ("8 29 111-22-33", "+8291112233"),
        ("8 25 111-22-33", "+8251112233"),
        ("029 111-22-33", "+291112233"),
        ("29 1112233", "+291112233"),
        ("291112233", "291112233"),
        ("8 33 1112233", "+7331112233"),
        ("8 44 1112233", "+7441112233"),
        ("", ""),
        ("no number at all", "no number at all"),
    ],
)
def test_numbers_are_rewritten_as_bitrix24_does(typed: str, sent: str) -> None:
    """The table of what stands in cards."""
    assert as_sent(typed) == sent


# Statuses


def test_any_status_overwrites_any_other(world: World) -> None:
    """And every update is kept with its time."""
    message_id = world.send()["message_id"]
    for status in ("delivered", "failed", "queued", "queued"):
        assert world.update(message_id, status).json["result"] is True
        world.advance(1)
    (row,) = world.control("GET", "messages")
    assert row["status"] == "queued"
    assert [(step["at"] - NOW, step["status"]) for step in row["history"]] == [
        (0, "delivered"),
        (1, "failed"),
        (2, "queued"),
        (3, "queued"),
    ]


def test_wrong_updates_are_refused(world: World) -> None:
    """Each with its own error, and the books stay as they were."""
    message_id = world.send()["message_id"]
    update = {"CODE": "a1sms_by", "MESSAGE_ID": message_id, "STATUS": "delivered"}
    for change, error in (
        ({"MESSAGE_ID": "0" * 32}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"MESSAGE_ID": ""}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"CODE": "other"}, "ERROR_MESSAGE_NOT_FOUND"),
        ({"STATUS": "eaten"}, "ERROR_MESSAGE_STATUS_INCORRECT"),
        ({"CODE": "a b"}, "ERROR_SENDER_VALIDATION_FAILURE"),
    ):
        assert world.rest(STATUS_UPDATE, {**update, **change}).error == (400, error)
    assert world.control("GET", "messages")[0]["history"] == []


def test_an_update_is_for_the_author_and_administrators(world: World) -> None:
    """Another employee is refused."""
    first = world.send(author=7)["message_id"]
    second = world.send(author=8)["message_id"]
    token_of_7 = world.gateway.calls[0].body["auth"]["access_token"]
    assert world.update(first, auth=token_of_7).status == 200
    assert world.update(second, auth=token_of_7).error == (403, "ACCESS_DENIED")
    assert world.update(second).status == 200


def test_a_marketing_message_is_unknown_for_a_second(world: World) -> None:
    """Its id is saved only after the handler was called; the card's at once."""
    message_id = world.send(module="sender")["message_id"]
    assert world.update(message_id).error == (400, "ERROR_MESSAGE_NOT_FOUND")
    world.advance(1)
    assert world.update(message_id).status == 200
    assert world.update(world.send()["message_id"]).status == 200


def test_rows_are_deleted_after_two_weeks(world: World) -> None:
    """Then the message is unknown for good."""
    message_id = world.send()["message_id"]
    world.control("POST", "settings", {"token_lifetime": 30 * 86400})
    world.install()
    world.register()
    world.advance(14 * 86400)
    assert world.update(message_id).error == (400, "ERROR_MESSAGE_NOT_FOUND")


# batch


def batch_of(world: World, cmd: Any, halt: Any = 0) -> Any:
    """The inner result of a batch."""
    return world.result("batch", {"halt": halt, "cmd": cmd})


def test_a_batch_answers_each_command_by_its_key(world: World) -> None:
    """Errors apart, with HTTP 200."""
    message_id = world.send()["message_id"]
    update = f"{STATUS_UPDATE}?CODE=a1sms_by&STATUS=delivered&MESSAGE_ID="
    inner = batch_of(world, {"m1": update + message_id, "m2": update + "0" * 32})
    assert inner["result"] == {"m1": True}
    assert set(inner["result_error"]) == {"m2"}
    assert inner["result_error"]["m2"]["error"] == "ERROR_MESSAGE_NOT_FOUND"
    assert set(inner["result_time"]) == {"m1"}
    assert inner["result_total"] == inner["result_next"] == []


def test_empty_parts_of_a_batch_are_lists(world: World) -> None:
    """PHP's empty array."""
    assert batch_of(world, {"m1": "server.time"})["result_error"] == []
    failed = batch_of(world, {"m1": "no.such"})
    assert failed["result"] == failed["result_time"] == []
    assert batch_of(world, {})["result"] == []


def test_numeric_keys_turn_a_batch_into_lists(world: World) -> None:
    """But only when they run from 0."""
    assert len(batch_of(world, {"0": "server.time", "1": "server.time"})["result"]) == 2
    assert isinstance(batch_of(world, ["server.time", "server.time"])["result"], list)
    mixed = batch_of(world, {"0": "no.such", "1": "server.time"})
    assert isinstance(mixed["result_error"], list)
    assert set(mixed["result"]) == {"1"}


def test_a_batch_stops_at_the_first_error_when_told_to(world: World) -> None:
    """What was not done stands nowhere; the text "false" is true."""
    commands = {"a": "server.time", "b": "no.such", "c": "server.time"}
    yes: list[object] = [1, "1", True, "false"]
    for halt in yes:
        inner = batch_of(world, commands, halt)
        assert (set(inner["result"]), set(inner["result_error"])) == ({"a"}, {"b"})
    no: list[object] = [0, "0", False, "", None]
    for halt in no:
        assert set(batch_of(world, commands, halt)["result"]) == {"a", "c"}


def test_a_batch_takes_50_commands(world: World) -> None:
    """Each one over that has an error of its own."""
    inner = batch_of(world, {f"m{index}": "server.time" for index in range(52)})
    assert len(inner["result"]) == 50
    assert {key: error["error"] for key, error in inner["result_error"].items()} == {
        "m50": "ERROR_BATCH_LENGTH_EXCEEDED",
        "m51": "ERROR_BATCH_LENGTH_EXCEEDED",
    }


def test_a_batch_in_a_batch_is_refused(world: World) -> None:
    """The others of the outer one are done."""
    inner = batch_of(world, {"a": "batch?cmd[x]=server.time", "b": "server.time"})
    assert inner["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"
    assert set(inner["result"]) == {"b"}


def test_values_of_a_batch_are_encoded_once_in_json_and_twice_in_a_form(world: World) -> None:
    """A bare # cuts the command off."""
    name = "A & B"
    command = f"messageservice.sender.update?CODE=a1sms_by&NAME={quote(name)}"
    assert batch_of(world, {"m1": command})["result"] == {"m1": True}
    assert world.control("GET", "state")["senders"][0]["name"] == name
    form = f"auth={world.access}&halt=0&{quote('cmd[m1]')}={quote(command)}"
    answered = world.request(
        "POST",
        "/rest/batch",
        data=form.encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answered.json["result"]["result"] == {"m1": True}
    cut = batch_of(world, {"m1": "messageservice.sender.update?CODE=a1sms_by#&NAME=x"})
    assert cut["result_error"]["m1"]["error"] == "ERROR_SENDER_OTHER_PARAMS_REQUIRED"


def test_a_batch_hands_results_on(world: World) -> None:
    """$result[key][field] in any value, after decoding, so also in a text that happens to have it."""
    inner = batch_of(
        world,
        {
            "who": "profile",
            "codes": "messageservice.sender.list",
            "name": "messageservice.sender.update?CODE=$result[codes][0]"
            "&NAME=by%20%24result%5Bwho%5D%5BID%5D$result[x][y]",
        },
    )
    assert inner["result"]["name"] is True
    assert world.control("GET", "state")["senders"][0]["name"] == "by 1"


def test_a_batch_counts_once_and_its_commands_apart(world: World) -> None:
    """In the counts; in the bucket only once."""
    world.control("POST", "reset", {})
    batch_of(world, {f"m{index}": "server.time" for index in range(50)})
    assert world.control("GET", "requests") == {"batch": 1, "batch/server.time": 50}


# Limits and faults


def test_the_bucket_is_50_deep_and_leaks_2_a_second(world: World) -> None:
    """Over that, QUERY_LIMIT_EXCEEDED."""
    world.control("POST", "reset", {})
    assert [world.rest("server.time").status for _ in range(50)] == [200] * 50
    assert world.rest("server.time").error == (503, "QUERY_LIMIT_EXCEEDED")
    world.advance(1)
    assert [world.rest("server.time").status for _ in range(3)] == [200, 200, 503]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rate_limit", (503, "QUERY_LIMIT_EXCEEDED")),
        ("operation_time_limit", (429, "OPERATION_TIME_LIMIT")),
        ("expired_token", (401, "expired_token")),
        ("license", (403, "ACCESS_DENIED")),
    ],
)
def test_errors_can_be_switched_on(world: World, kind: str, error: tuple[int, str]) -> None:
    """For the whole request, or for one command of a batch when its method is named."""
    world.fault(kind, times=1)
    assert world.rest("profile").error == error
    assert world.rest("profile").status == 200
    world.fault(kind, times=1, method="profile")
    inner = batch_of(world, {"a": "profile", "b": "profile"})
    assert inner["result_error"]["a"]["error"] == error[1]
    assert set(inner["result"]) == {"b"}


def test_the_operation_time_limit_says_when_it_ends(world: World) -> None:
    """In `time.operating_reset_at`."""
    world.fault("operation_time_limit", seconds=30)
    assert world.rest("profile").json["time"]["operating_reset_at"] == NOW + 30


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("html", 200)])
def test_the_portal_can_answer_a_page(world: World, kind: str, status: int) -> None:
    """Nothing is done."""
    message_id = world.send()["message_id"]
    world.fault(kind, times=1)
    answered = world.update(message_id)
    assert answered.status == status
    assert answered.body is not None
    assert b"<html>" in answered.body
    assert world.control("GET", "messages")[0]["history"] == []


@pytest.mark.parametrize(("kind", "done"), [("portal_down", 0), ("lose_answer", 1)])
def test_the_connection_can_be_lost(world: World, kind: str, done: int) -> None:
    """Before or after the work."""
    message_id = world.send()["message_id"]
    world.fault(kind, times=1)
    answered = world.update(message_id)
    assert answered.failure is not None
    assert answered.failure.check(ResponseFailed) is not None
    assert len(world.control("GET", "messages")[0]["history"]) == done


def test_the_portal_can_be_slow(world: World) -> None:
    """The answer comes that much later."""
    world.fault("slow", seconds=9, times=1)
    answered = world.rest("server.time")
    world.advance(8)
    assert answered.status is None
    world.advance(1)
    assert answered.status == 200


def test_the_oauth_server_fails_only_when_it_is_named(world: World) -> None:
    """It is another host in life."""
    world.fault("http_500")
    assert world.token_request().status == 200
    world.fault("http_500", method="oauth/token", times=1)
    assert world.token_request(refresh_token="any").status == 500


def test_each_message_can_be_unknown_at_first(world: World) -> None:
    """As often for each as the fault says."""
    world.fault("not_found_first", times=2)
    for message_id in (world.send()["message_id"], world.send()["message_id"]):
        assert [world.update(message_id).status for _ in range(3)] == [400, 400, 200]


# The page and control


def test_the_page_needs_nothing_from_outside(world: World) -> None:
    """Its parts are served here, and the policy says so."""
    answered = world.request("GET", "/")
    assert answered.body is not None
    page = answered.body.decode()
    assert 'lang="ru"' in page
    assert "127.0.0.1:8092" in page
    assert "https://" not in page
    for name in ("card.css", "card.js", "panels.js", "segments.js", "words.js", "icon.svg"):
        assert f"/static/{name}" in page
        assert world.request("GET", f"/static/{name}").status == 200


def test_every_label_on_the_page_belongs_to_an_input(world: World) -> None:
    """Labels bound by `for`, or around their input."""
    answered = world.request("GET", "/")
    assert answered.body is not None
    page = answered.body.decode()
    for label in page.split("<label")[1:]:
        head, _, rest = label.partition(">")
        if 'for="' in head:
            assert f'id="{head.partition("for=")[2].strip(chr(34)).partition(chr(34))[0]}"' in page
        else:
            assert rest.startswith("<input")


def test_requests_are_counted_and_reset_forgets(world: World) -> None:
    """The application stays installed."""
    world.send()
    world.token_request()
    counts = world.control("GET", "requests")
    assert counts == {"messageservice.sender.add": 1, "oauth/token": 1}
    world.fault("slow")
    world.control("POST", "settings", {"burst": 1})
    world.control("POST", "reset", {})
    assert world.control("GET", "requests") == {}
    assert world.control("GET", "messages") == []
    assert world.control("GET", "faults")["faults"] == []
    assert world.control("GET", "settings")["burst"] == 50
    assert world.control("GET", "state")["senders"] != []


def test_without_a_simulated_a1_its_routes_are_not_there(world: World) -> None:
    """404; the command puts both together."""
    assert world.request("GET", "/sandbox/a1/messages").status == 404


# The command


def test_the_command_listens_on_loopback_only() -> None:
    """Anything else is refused with the reason; 0 is any free port."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    options = parser.parse_args(["--host", "localhost", "--a1-port", "0", "--gateway", "http://127.0.0.1:8080/"])
    assert (options.host, options.a1_port, options.portal_port) == ("127.0.0.1", 0, 8092)
    assert (options.gateway, options.install) == (GATEWAY, True)
    for wrong in (["--host", "192.0.2.1"], ["--host", "example.by"], ["--a1-port", "65536"], ["--gateway", "8080"]):
        with pytest.raises(argparse.ArgumentError):
            parser.parse_args(wrong)


def test_the_command_puts_the_two_together() -> None:
    """Each on its port; the page reaches A1's control routes through the portal."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    reactor = MemoryReactorClock()
    a1, portal = serve(reactor, parser.parse_args(["--callback-secret", "s", "--no-install"]))
    listening: Any = reactor.tcpServers
    assert [server[0] for server in listening] == [8091, 8092, 2775]
    assert {server[3] for server in listening} == {"127.0.0.1"}
    assert listening[2][1] is a1.smsc
    assert a1.settings.now.callback_url == f"{GATEWAY}/a1/callback/s"
    client: Any = StubTreq(portal.resource())
    answers: list[Any] = []
    client.get(f"{BASE}/sandbox/a1/faults").addCallback(client.json_content).addCallback(answers.append)
    assert answers[0]["faults"] == []


def test_the_demonstration_is_set_up_by_options_or_environment(tmp_path: Path) -> None:
    """Its configuration names the sandbox's addresses, and its files in the directory."""
    plan = parsed(["--a1-port", "2"], {"GATEWAY_PORT": "1", "PORTAL_PORT": "3", "A1_PORT": "9", "SMPP_PORT": "4"})
    assert plan == Plan("http", Ports(gateway=1, a1=2, smpp=4, portal=3))
    written = tomllib.loads(configuration(tmp_path, plan))
    assert written["http"]["public_url"] == "http://127.0.0.1:1"
    assert written["a1"]["http"]["url"] == "http://127.0.0.1:2/api/"
    assert written["bitrix24"]["portal"] == "127.0.0.1:3"
    assert written["store"]["url"] == f"sqlite:///{tmp_path}/a1gateway.sqlite3"
    assert written["polling"]["interval"] == 5
    assert set(written["a1"]) == {"transport", "sender_id", "http", "callback"}
    with pytest.raises(DemoFailed, match="there are http and smpp"):
        parsed([], {"TRANSPORT": "pigeon"})


def test_the_demonstration_goes_over_smpp_when_it_is_asked_for(tmp_path: Path) -> None:
    """By a configuration that the gateway takes, with the account that the sandbox has by default."""
    plan = parsed(["--smpp-port", "4"], {"TRANSPORT": "smpp"})
    written = tomllib.loads(configuration(tmp_path, plan))
    assert set(written["a1"]) == {"transport", "sender_id", "smpp"}
    config = check_table(written, tmp_path)
    assert config.a1.transport == "smpp"
    smpp = config.a1.smpp
    assert smpp is not None
    sandbox = argparse.ArgumentParser()
    add_arguments(sandbox)
    defaults = sandbox.parse_args([])
    account = (defaults.smpp_system_id, defaults.smpp_password)
    assert (smpp.host, smpp.port) == ("127.0.0.1", 4)
    assert (smpp.system_id, smpp.password.get_secret_value()) == account


# PHP


def test_brackets_are_nested_as_php_does() -> None:
    """Names without an index count up; a broken name is taken as it is."""
    pairs = [
        ("a[b][]", "1"),
        ("a[b][]", "2"),
        ("a[c]", "3"),
        ("d", "4"),
        ("d", "5"),
        ("[x]", "6"),
        ("e[5]", "7"),
        ("e[]", "8"),
        (f"f[{'9' * 5000}]", "9"),
        ("f[]", "10"),
    ]
    assert php.nested(pairs) == {
        "a": {"b": {"0": "1", "1": "2"}, "c": "3"},
        "d": "5",
        "e": {"5": "7", "6": "8"},
        "f": {"9" * 5000: "9", "0": "10"},
    }


_keys = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs", "Z", "C"]), min_size=1)
_trees = st.recursive(st.text(), lambda inner: st.dictionaries(_keys, inner, min_size=1), max_leaves=8)


@given(st.dictionaries(_keys, _trees))
def test_nesting_undoes_flattening(tree: dict[str, Any]) -> None:
    """For everything that a form can carry."""
    assert php.nested(php.pairs(tree)) == tree


@given(st.lists(st.tuples(st.text(), st.text())))
def test_any_form_can_be_nested(pairs: list[tuple[str, str]]) -> None:
    """Outside input never raises."""
    php.nested(pairs)

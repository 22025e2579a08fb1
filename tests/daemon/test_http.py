"""The routes as strangers, Bitrix24 and A1 meet them: over real sockets, to the byte where it matters."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from a1gateway.bitrix24.front import Front
from a1gateway.pages.front import PagesFront
from a1gateway.web.operations import A1Callback, Operations

from .calls import fetch
from .forms import Forms
from .processes import eventually
from .stack import CALLBACK_SECRET, HANDLER_SECRET, Gateway, Stack
from .together import Stacks

HANDLER = f"/bitrix24/handler/{HANDLER_SECRET}"
CALLBACK = f"/a1/callback/{CALLBACK_SECRET}"


def raw(gateway: Gateway, request: str) -> bytes:
    """The answer to a request, byte for byte, but for the time in it."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


def request(method: str, path: str, body: str = "") -> str:
    """A request that closes the connection."""
    head = f"{method} {path} HTTP/1.1\r\nHost: sms.example.by\r\nConnection: close\r\n"
    if body:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}"


def message(message_id: str, **more: str) -> dict[str, str]:
    """What Bitrix24 hands over."""
    return {"message_id": message_id, "message_to": "+375291112233", "message_body": "Заказ готов", **more}


def test_a_wrong_secret_cannot_be_told_from_an_unknown_address(by_callbacks: Stack) -> None:
    gateway = by_callbacks.gateway
    body = urlencode(message("guess"))
    nowhere = raw(gateway, request("POST", "/nowhere/at/all", body))
    assert nowhere.startswith(b"HTTP/1.1 404 ")
    same_length = "x" * len(HANDLER_SECRET)
    for path in (
        "/bitrix24/handler/x",
        f"/bitrix24/handler/{same_length}",
        f"/bitrix24/handler/{HANDLER_SECRET}x",
        f"/bitrix24/handler/{HANDLER_SECRET[:-1]}",
        f"/bitrix24/handler/{CALLBACK_SECRET}",
        "/bitrix24/handler/%D0%B0%00",
        "/bitrix24/handler/%FF",
        "/%FF",
        f"/bitrix24/event/{same_length}",
        f"/a1/callback/{same_length}",
        f"/a1/callback/{HANDLER_SECRET}",
        "/bitrix24/nothing",
        "/",
    ):
        assert raw(gateway, request("POST", path, body)) == nowhere, path
    not_there = raw(gateway, request("GET", "/nowhere/at/all"))
    assert raw(gateway, request("GET", f"/a1/callback/{same_length}?message_id=1&status=3")) == not_there
    assert gateway.message("guess") is None


def test_wrong_methods_are_named(by_callbacks: Stack) -> None:
    url = by_callbacks.gateway.url
    for method, path, allowed in (
        ("GET", HANDLER, "POST"),
        ("PUT", HANDLER, "POST"),
        ("GET", "/bitrix24/install", "POST"),
        ("DELETE", CALLBACK, "GET"),
        ("POST", "/healthz", "GET"),
        ("POST", "/metrics", "GET"),
    ):
        reply = fetch(method, url + path)
        assert (reply.status, reply.json()["error"]) == (405, "method_not_allowed"), path
        assert allowed in reply.headers["Allow"]


def every_address() -> Iterator[str]:
    """One of every route, with the right secret and a wrong one; and some that are none."""
    apps: list[tuple[str, Any]] = [("/bitrix24", Front.app), ("/a1", A1Callback.app), ("", Operations.app)]
    for prefix, app in [*apps, ("/bitrix24", PagesFront.app)]:
        for rule in app.url_map.iter_rules():
            secret = CALLBACK_SECRET if prefix == "/a1" else HANDLER_SECRET
            for last in (secret, "wrong", "journal", "portal.js"):
                yield prefix + re.sub(r"<.*>", last, rule.rule)
    yield from (
        "/",
        "/nothing",
        "/bitrix24",
        "/bitrix24/",
        "/a1/callback/",
        "*",
        "/%00",
        "/..%2f..%2fetc/passwd",
        "//",
    )


def test_every_answer_has_the_headers_that_make_it_harmless(by_callbacks: Stack) -> None:
    addresses = sorted(set(every_address()))
    assert len(addresses) > 30
    seen = set()
    for address in addresses:
        for method in ("GET", "POST", "HEAD", "PUT", "OPTIONS", "TRACE"):
            answer = raw(by_callbacks.gateway, request(method, address, "x" if method == "POST" else ""))
            head, _, _ = answer.partition(b"\r\n\r\n")
            status, *lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            assert len(headers) == len(lines), f"{method} {address} has a header twice"
            seen.add(code := int(status.split()[1]))
            asked = f"{method} {address}: {code}"
            assert code < 500 or (address, code) == ("/readyz", 503), asked
            assert headers["x-content-type-options"] == "nosniff", asked
            assert "frame-ancestors" in headers["content-security-policy"], asked
            assert "default-src 'none'" in headers["content-security-policy"], asked
            assert headers["referrer-policy"] in ("no-referrer", "same-origin"), asked
            cached = address.startswith("/bitrix24/static/portal.js") and code == 200
            assert headers["cache-control"] == ("public, max-age=31536000, immutable" if cached else "no-store"), (
                asked
            )
            # Of a connection that is not secure browsers must not believe it.
            assert "strict-transport-security" not in headers, asked
            told = " ".join(headers.values())
            assert not headers.keys() & {"server", "x-powered-by", "set-cookie"}, asked
            assert "twisted" not in told, asked
            assert code == 204 or "content-type" in headers or answer.endswith(b"\r\n\r\n"), asked
    assert {200, 400, 401, 404, 405} <= seen


@pytest.mark.parametrize("path", [HANDLER, CALLBACK, "/bitrix24/install"])
def test_bodies_over_a_megabyte_get_413(by_callbacks: Stack, path: str) -> None:
    gateway = by_callbacks.gateway
    piece = b"x" * 65536
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    announced = fetch("POST", gateway.url + path, body=b"message_body=" + piece * 20, headers=headers)
    assert announced.status == 413
    chunked = fetch("POST", gateway.url + path, body=iter([b"message_body=", *[piece] * 20]), headers=headers)
    assert chunked.status == 413


def test_a_body_just_under_a_megabyte_is_read(by_callbacks: Stack) -> None:
    gateway = by_callbacks.gateway
    fields = message("large", filler="x" * 950_000)
    body = iter([urlencode(fields).encode()])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = fetch("POST", gateway.url + HANDLER, body=body, headers=headers)
    assert (reply.status, reply.json()["status"]) == (200, "queued")


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("application/x-www-form-urlencoded", b"message_to=%2B375291112233&message_body=x", "missing_message_id"),
        ("application/x-www-form-urlencoded", b"", "missing_message_id"),
        ("application/x-www-form-urlencoded", b"message_id=a%20b&message_body=x", "bad_message_id"),
        ("application/x-www-form-urlencoded", b"message_id=m&message_body=%CF%F0%E8", "bad_encoding"),
        ("application/x-www-form-urlencoded", b"message_id=m&message_body=\xcf\xf0\xe8", "bad_encoding"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(2000)), "too_many_fields"),
        ("application/x-www-form-urlencoded", b"a" + b"[b]" * 40 + b"=1", "too_deep"),
        ("application/json", b"{", "bad_json"),
        ("application/json", b"[1]", "bad_json"),
        ("application/json", b"[" * 100_000, "bad_json"),
        ("application/xml", b"<message/>", "bad_content_type"),
    ],
)
def test_a_body_that_cannot_be_understood_gets_400(by_callbacks: Stack, kind: str, body: bytes, error: str) -> None:
    reply = fetch("POST", by_callbacks.gateway.url + HANDLER, body=body, headers={"Content-Type": kind})
    assert (reply.status, reply.json()["error"]) == (400, error)
    assert reply.json()["error_description"]


def test_the_same_message_twice_gets_the_same_answer_and_one_sms(by_callbacks: Stack) -> None:
    stack = by_callbacks
    sent = stack.send()
    stack.is_delivered_once(sent)
    stack.portal.ask("POST", "repeat", {"message_id": sent.message_id})
    calls = eventually(
        lambda: [made for made in [stack.row(sent)["calls"]] if len(made) == 2] or None, 10, "it is called again"
    )
    assert calls == [[200, 200]]
    first = stack.gateway.hand_over(message(sent.message_id, message_body=sent.text))
    again = stack.gateway.hand_over(message(sent.message_id, message_body="Другой текст"))
    assert (first.status, first.body) == (again.status, again.body)
    assert first.json() == {"message_id": sent.message_id, "status": "queued"}
    refused = [stack.gateway.hand_over(message("refused", message_to="12345")) for _ in range(2)]
    assert {reply.body for reply in refused} == {refused[0].body}
    assert refused[0].json() == {"message_id": "refused", "status": "rejected", "reason": "too_short"}
    stack.is_delivered_once(sent)


def test_fifty_calls_at_once_make_one_sms(by_callbacks: Stack) -> None:
    stack = by_callbacks
    fields = message("fifty", message_body="Пятьдесят раз одно и то же")
    with ThreadPoolExecutor(50) as threads:
        replies = list(threads.map(lambda _: stack.gateway.hand_over(fields), range(50)))
    assert {(reply.status, reply.body) for reply in replies} == {(200, replies[0].body)}
    assert replies[0].json() == {"message_id": "fifty", "status": "queued"}
    eventually(lambda: (stack.gateway.message("fifty") or {}).get("status") == "delivered", 10, "it is delivered")
    assert [each["text"] for each in stack.a1.messages()] == [fields["message_body"]]
    assert stack.gateway.metric('a1gateway_messages_accepted_total{kind="transactional"}') >= 1


@pytest.mark.parametrize("form", ["GET", "POST", "JSON"])
@pytest.mark.parametrize("words", [True, False])
def test_a_callback_in_every_form(by_callbacks: Stack, form: str, words: bool) -> None:
    by_callbacks.a1.set(callback_form=form, callback_words=words)
    sent = by_callbacks.send()
    by_callbacks.is_delivered_once(sent)
    word = "DELIVERED" if words else "3"
    assert ("callback", "delivered", word) in by_callbacks.gateway.history(sent.message_id)


def test_a_callback_before_the_answer_to_the_send(by_callbacks: Stack) -> None:
    stack = by_callbacks
    stack.a1.fault("callback_early")
    stack.a1.fault("latency", seconds=0.5)
    sent = stack.send()
    stack.is_delivered_once(sent)
    assert ("callback", "delivered", "DELIVERED") in stack.gateway.history(sent.message_id)
    assert stack.gateway.rows("SELECT * FROM unmatched") == []


def test_a_callback_for_nobody_is_kept(unpolled: Stack) -> None:
    gateway = unpolled.gateway
    reply = gateway.callback({"message_id": "999000999", "status": "UNDELIVERABLE"})
    assert (reply.status, reply.json()) == (200, {"status": "ok"})
    (kept,) = gateway.rows("SELECT * FROM unmatched WHERE identifier = '999000999'")
    assert (kept["word"], kept["status"], kept["source"]) == ("UNDELIVERABLE", "undeliverable", "callback")
    assert gateway.metric("a1gateway_unmatched_statuses_total") >= 1
    for fields in ({"message_id": "1"}, {"status": "DELIVERED"}, {}):
        assert gateway.callback(fields).status == 400


METRICS = {
    "a1gateway_messages_accepted_total": "counter",
    "a1gateway_messages_rejected_total": "counter",
    "a1gateway_statuses_total": "counter",
    "a1gateway_final_seconds": "histogram",
    "a1gateway_queue_depth": "gauge",
    "a1gateway_queue_oldest_seconds": "gauge",
    "a1gateway_a1_requests_total": "counter",
    "a1gateway_portal_requests_total": "counter",
    "a1gateway_smpp_bound": "gauge",
    "a1gateway_build_info": "gauge",
}


def test_every_metric_of_the_contract_is_there_with_its_help(by_callbacks: Stack) -> None:
    stack = by_callbacks
    sent, refused = stack.send(), stack.send("12345")
    stack.is_delivered_once(sent)
    stack.confirmed(refused)
    reply = stack.gateway.get("/metrics")
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for name, kind in METRICS.items():
        assert re.search(rf"^# HELP {name} \S", reply.text, re.MULTILINE), name
        assert f"# TYPE {name} {kind}\n" in reply.text
    for line in (
        'a1gateway_messages_accepted_total{kind="transactional"}',
        'a1gateway_messages_rejected_total{reason="too_short"}',
        'a1gateway_statuses_total{source="callback",status="delivered"}',
        "a1gateway_final_seconds_count",
        'a1gateway_a1_requests_total{method="send/sms",result="ok"}',
        'a1gateway_portal_requests_total{method="batch",result="ok"}',
    ):
        assert stack.gateway.metric(line) >= 1, line
    for queue in ("fields", "submit", "asking", "status", "portal", "robots", "reminders", "spool"):
        assert f'a1gateway_queue_depth{{queue="{queue}"}}' in reply.text
        assert f'a1gateway_queue_oldest_seconds{{queue="{queue}"}}' in reply.text
    untold = stack.gateway.rows("SELECT count(*) AS count FROM messages WHERE tell_at IS NOT NULL")[0]["count"]
    assert stack.gateway.metric('a1gateway_queue_depth{queue="portal"}') == untold


# The application's life.


@pytest.fixture(scope="module")
def own(stacks_of_module: Stacks) -> Stack:
    """A stack whose installation the tests may change."""
    return stacks_of_module.make("installed").started()


@pytest.fixture(scope="module")
def stacks_of_module(warden: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """Stacks for several tests."""
    stacks = Stacks(warden, tmp_path_factory.mktemp("http"))
    yield stacks
    for stack in stacks.made:
        stack.kept_its_secrets()
    stacks.close()


class Forger(BaseHTTPRequestHandler):
    """A server that confirms whatever it is asked."""

    asked: list[str] = []

    def do_POST(self) -> None:
        """Called by the server."""
        self.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b'{"result": {"CODE": "local.tests", "ADMIN": true, "ID": "1"}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def forger() -> Iterator[str]:
    """The address of a portal that belongs to whoever forges calls."""
    server = HTTPServer(("127.0.0.1", 0), Forger)
    Forger.asked.clear()
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


def forged_event(event: str, portal: str, endpoint: str, **auth: str) -> dict[str, str]:
    """An event's call with whatever its sender likes in it."""
    fields = {
        "access_token": "0" * 64,
        "refresh_token": "1" * 64,
        "application_token": "2" * 32,
        "domain": portal,
        "client_endpoint": endpoint,
        "member_id": "3" * 32,
        "user_id": "1",
        **auth,
    }
    return {"event": event, **{f"auth[{name}]": value for name, value in fields.items()}}


def test_forged_calls_change_nothing(own: Stack, forger: str) -> None:
    gateway = own.gateway
    portal = own.portal.base.removeprefix("http://")
    before = gateway.rows("SELECT * FROM installation")
    forgeries = [
        ("/bitrix24/install", forged_event("ONAPPINSTALL", portal, f"http://{portal}/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", portal, f"http://{forger}/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", forger, f"http://{forger}/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", forger, f"http://{portal}/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", portal, f"http://{portal}@{forger}/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", portal, "http://192.0.2.1/rest/")),
        ("/bitrix24/install", forged_event("ONAPPINSTALL", portal, "")),
        ("/bitrix24/install", forged_event("ONAPPUNINSTALL", portal, f"http://{portal}/rest/")),
        ("/bitrix24/install", {"AUTH_ID": "0" * 64, "REFRESH_ID": "1" * 64, "member_id": "3" * 32}),
        (f"/bitrix24/install?DOMAIN={forger}", {"AUTH_ID": "0" * 64, "REFRESH_ID": "1" * 64}),
        (f"/bitrix24/install?DOMAIN={portal}", {"AUTH_ID": "0" * 64, "REFRESH_ID": "1" * 64}),
        (
            f"/bitrix24/event/{HANDLER_SECRET}",
            forged_event("ONAPPUNINSTALL", portal, f"http://{portal}/rest/", member_id=before[0]["member_id"]),
        ),
        ("/bitrix24/app", {"AUTH_ID": "0" * 64, "DOMAIN": portal}),
        (HANDLER, message("forged", **{"auth[application_token]": "2" * 32, "auth[access_token]": "0" * 64})),
    ]
    for path, fields in forgeries:
        reply = fetch("POST", gateway.url + path, form=fields)
        assert reply.status == 403, (path, fields, reply.text)
    assert gateway.rows("SELECT * FROM installation") == before
    assert gateway.message("forged") is None
    assert Forger.asked == [], "no token goes to a stranger"
    own.is_delivered_once(own.send())


def test_an_installation_with_pages_answers_a_page(own: Stack) -> None:
    page = Forms()
    page.feed(fetch("GET", f"{own.portal.base}/sandbox/install-page").text)
    assert page.action.startswith(f"{own.gateway.url}/bitrix24/install?")
    reply = fetch("POST", page.action, form=page.fields)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "frame-ancestors 'self' " + own.portal.base in reply.headers["Content-Security-Policy"]
    assert "Отправитель зарегистрирован" in reply.text
    assert "/bitrix24/static/install.js" in reply.text
    for secret in (HANDLER_SECRET, page.fields["AUTH_ID"], page.fields["REFRESH_ID"]):
        assert secret not in reply.text
    assert [sender["code"] for sender in own.portal.ask("GET", "state")["senders"]] == ["a1sms_by"]
    own.portal.ask("POST", "install-finish")
    own.note_secrets()
    application = fetch(
        "POST", f"{own.gateway.url}/bitrix24/app", form={"AUTH_ID": page.fields["AUTH_ID"], "LANG": "en"}
    )
    assert (application.status, "Journal" in application.text) == (200, True)
    own.is_delivered_once(own.send())


def test_an_update_registers_the_sender_again(own: Stack) -> None:
    assert own.portal.ask("POST", "update")["answers"] == [200]
    own.wait_for_sender()
    own.note_secrets()
    own.is_delivered_once(own.send())


def test_an_uninstallation_forgets_the_tokens_and_loses_no_status(own: Stack) -> None:
    """What the portal was not told before is told when it installs the application again."""
    own.a1.set(final_delay=1.0)
    sent = own.send()
    assert own.taken(sent) == 200
    assert own.portal.ask("POST", "uninstall", {})["answers"] == [200]
    assert own.gateway.rows("SELECT * FROM installation") == []
    ready = own.gateway.get("/readyz")
    assert ready.status == 503
    assert ready.json()["portal"] == {"ok": False, "trouble": "the application is not installed in Bitrix24"}
    eventually(
        lambda: (own.gateway.message(sent.message_id) or {}).get("status") == "delivered", 10, "it is delivered"
    )
    assert own.row(sent)["history"] == []
    own.install()
    own.is_delivered_once(sent)


def test_a_refused_installation_page_says_nothing(own: Stack) -> None:
    reply = fetch(
        "POST",
        f"{own.gateway.url}/bitrix24/install?DOMAIN={own.portal.base.removeprefix('http://')}&LANG=ru",
        form={"AUTH_ID": "0" * 64, "REFRESH_ID": "1" * 64},
    )
    assert reply.status == 403
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Установка не подтверждена" in reply.text
    assert HANDLER_SECRET not in reply.text

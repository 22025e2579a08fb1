"""The routes as Bitrix24 and A1 call them: a real client on the real resources, in memory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from klein.resource import KleinResource
from treq.testing import StubTreq
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from a1gateway.admission import Admission
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.calls import read_message, unescaped
from a1gateway.bitrix24.front import Front
from a1gateway.bitrix24.lifecycle import Lifecycle
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.registration import Registration
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.carriers.outcome import Accepted
from a1gateway.errors import JournalUnavailable
from a1gateway.intake import Intake
from a1gateway.journal import Journal, Spool
from a1gateway.message import Kind
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts
from a1gateway.web.forms import BadBody
from a1gateway.web.operations import A1Callback
from a1gateway.web.site import Root
from a1gateway.web.strangers import GUESSES, PROOFS

from .conftest import START, run
from .fakes import FakeHttp, FakePortal
from .test_lifecycle import API_ONLY, OAUTH, WITH_PAGES, Outside

HANDLER = "https://sms.example.by/bitrix24/handler/s3cret"
CARD = {
    "module_id": "crm",
    "bindings[0][OWNER_TYPE_ID]": "2",
    "bindings[0][OWNER_ID]": "4182",
    "type": "SMS",
    "code": "a1sms_by",
    "message_id": "9f1c5be0a7d24c31b6f0e2d8c4a97e15",
    "message_to": "+375291112233",
    "message_body": "Заказ готов",
    "properties[phone_number]": "+375291112233",
    "properties[message_text]": "Заказ готов",
    "ts": "1795363260",
}
ROBOT = {name: value for name, value in CARD.items() if not name.startswith("bindings")} | {
    "module_id": "bizproc",
    "workflow_id": "6560f1ab",
    "document_id[0]": "crm",
    "document_id[1]": "CCrmDocumentDeal",
    "document_id[2]": "DEAL_4182",
}
AUTH = {
    "auth[access_token]": "employee",
    "auth[domain]": "shop.bitrix24.by",
    "auth[member_id]": "77aa",
    "auth[application_token]": "d41c",
}


@dataclass
class Gateway:
    """Everything behind the routes, without a socket."""

    client: Any
    clock: Clock
    journal: Journal
    tokens: Tokens
    outside: Outside
    registration: Registration
    metrics: Metrics
    root: Root
    front: Front
    http: FakeHttp

    def taken_in(self) -> float:
        """How many messages went all the way through the door."""
        return float(self.metrics.accepted.labels("transactional")._value.get())

    def request(self, method: str, path: str, **more: Any) -> tuple[int, str, Any]:
        answers: list[Any] = []

        async def ask() -> tuple[int, str, Any]:
            response = await self.client.request(method, f"https://sms.example.by{path}", **more)
            headers = {name.decode(): values[0].decode() for name, values in response.headers.getAllRawHeaders()}
            return response.code, (await response.text()), headers

        Deferred.fromCoroutine(ask()).addBoth(answers.append)
        for _ in range(20):
            self.client.flush()
            self.clock.advance(0)
            if answers:
                break
        while not answers:
            self.clock.advance(0.5)
            self.client.flush()
        assert isinstance(answers[0], tuple), answers
        return answers[0]

    def form(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        code, text, _ = self.request("POST", path, data=urlencode(fields).encode(), headers=headers)
        return code, text

    def handle(self, fields: dict[str, str], secret: str = "s3cret") -> tuple[int, Any]:
        code, text = self.form(f"/bitrix24/handler/{secret}", fields)
        return code, json.loads(text) if text.startswith("{") else text

    def message(self, message_id: str = CARD["message_id"]) -> dict[str, Any] | None:
        return run(self.journal.message(message_id))


async def no_event(name: str, data: Mapping[str, Any]) -> bool:
    """None is of use."""
    return False


def gateway_on(
    clock: Clock,
    journal: Journal,
    folder: Path,
    take_event: Callable[[str, Mapping[str, Any]], Awaitable[bool]] = no_event,
) -> Gateway:
    """All of it but for the pages, its registration begun."""
    outside, metrics = Outside(), Metrics()
    http = FakeHttp(by=outside)
    spool = Spool(str(folder / "spool"), execute)
    spool.prepare()
    tokens = Tokens(clock, journal, http, oauth_url="", client_id="local.1", client_secret="")
    portal = Portal(clock, http, tokens, Budget(clock, 2, 50), metrics)
    fake = FakePortal()
    fake.results = {"messageservice.sender.list": [], "event.get": []}
    registration = Registration(
        clock,
        fake,
        tokens,
        sender_code="a1sms_by",
        sender_name="A1 <SMS>",
        handler_url=HANDLER,
        event_url="https://sms.example.by/bitrix24/event/s3cret",
        random=lambda: 0.0,
    )
    lifecycle = Lifecycle(
        clock,
        portal,
        tokens,
        portal_name="shop.bitrix24.by",
        client_id="local.1",
        oauth_endpoint=OAUTH,
        on_change=registration.renew,
    )
    intake = Intake(
        clock,
        journal,
        spool,
        Receipts(journal, metrics, lambda: None),
        metrics,
        on_message=lambda: None,
        on_refusal=lambda: None,
        on_spooled=lambda: None,
    )

    front = Front(
        clock,
        intake,
        lifecycle,
        registration,
        tokens,
        handler_secret="s3cret",
        handler_url=HANDLER,
        sender_code="a1sms_by",
        sender_name="A1 <SMS>",
        admission=Admission(3, "MyShop"),
        take_event=take_event,
    )
    callback = A1Callback(clock, intake, secret="cb", id_field="message_id", status_field="status")
    others = KleinResource(front.app)
    root = Root(others)
    root.putChild(b"bitrix24", front.resource())
    root.putChild(b"a1", callback.resource())
    registration.startService()
    return Gateway(StubTreq(root), clock, journal, tokens, outside, registration, metrics, root, front, http)


@pytest.fixture
def gateway(clock: Clock, journal: Journal, tmp_path: Path) -> Iterator[Gateway]:
    gateway = gateway_on(clock, journal, tmp_path)
    yield gateway
    gateway.registration.stopService()


@pytest.mark.parametrize("call", [CARD, ROBOT, CARD | AUTH], ids=["card", "robot", "card with auth"])
def test_a_message_is_taken_in(gateway: Gateway, call: dict[str, str]) -> None:
    assert gateway.handle(call) == (200, {"message_id": CARD["message_id"], "status": "queued"})
    kept = gateway.message()
    assert kept is not None
    assert (kept["msisdn"], kept["text"], kept["status"]) == ("+375291112233", "Заказ готов", "queued")
    assert (kept["kind"], kept["sender_id"], kept["segments"]) == ("transactional", "MyShop", 1)
    assert kept["origin"]["module_id"] == call["module_id"]


def test_the_same_message_again_gets_the_same_answer_and_no_second_sms(gateway: Gateway) -> None:
    first = gateway.handle(CARD)
    assert gateway.handle(CARD | {"message_body": ""}) == first
    assert len(run(gateway.journal.claim(START + 100, 10)).submissions) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"message_to": "", "properties[phone_number]": ""}, "empty_number"),
        ({"message_body": "", "properties[message_text]": ""}, "empty_text"),
        ({"message_body": " \n"}, "empty_text"),
        ({"message_body": "я" * 300}, "too_long"),
        ({"module_id": "sender"}, "marketing_disabled"),
    ],
)
def test_a_message_refused_for_good_is_taken_in_all_the_same(
    gateway: Gateway, change: dict[str, str], reason: str
) -> None:
    refused = {"message_id": CARD["message_id"], "status": "rejected", "reason": reason}
    assert gateway.handle(CARD | change) == (200, refused)
    assert gateway.handle(CARD | change) == (200, refused)
    kept = gateway.message()
    assert kept is not None
    assert (kept["status"], kept["reason"], kept["told"]) == ("rejected", reason, "failed")
    assert run(gateway.journal.claim(START + 100, 10)).submissions == []


def test_a_mailings_text_is_unescaped_once(gateway: Gateway) -> None:
    gateway.handle(
        CARD | {"module_id": "sender", "message_body": "&quot;A &amp;amp; B&quot;<br />&#039;1&#039; &lt;2"}
    )
    kept = gateway.message()
    assert kept is not None
    assert kept["text"] == "\"A &amp; B\"\n'1' <2"
    assert kept["kind"] == "marketing"


def test_a_cards_text_is_left_as_it_is(gateway: Gateway) -> None:
    gateway.handle(CARD | {"message_body": "A &amp; B<br />"})
    kept = gateway.message()
    assert kept is not None
    assert kept["text"] == "A &amp; B<br />"


@pytest.mark.parametrize("message_id", ["", "  ", "a b", "$result[m1]", "x" * 200])
def test_a_call_without_a_usable_message_id_is_refused(gateway: Gateway, message_id: str) -> None:
    code, body = gateway.handle(CARD | {"message_id": message_id})
    assert code == 400
    assert set(body) == {"error", "error_description"}


def test_a_wrong_secret_gets_what_an_unknown_address_gets(gateway: Gateway) -> None:
    wrong = gateway.request("POST", "/bitrix24/handler/wrong", data=b"")
    assert wrong[0] == 404
    for path in ("/bitrix24/handler", "/bitrix24/nothing", "/", "/nothing", "/bitrix24/event/wrong"):
        assert gateway.request("POST", path, data=b"")[:2] == wrong[:2]
    assert gateway.request("POST", "/a1/callback/wrong", data=b"")[:2] == wrong[:2]
    assert gateway.message() is None


def test_wrong_methods_get_405(gateway: Gateway) -> None:
    for method, path in (
        ("GET", "/bitrix24/handler/s3cret"),
        ("GET", "/bitrix24/install"),
        ("PUT", "/a1/callback/cb"),
    ):
        assert gateway.request(method, path)[0] == 405


def test_a_body_that_cannot_be_understood_gets_400(gateway: Gateway) -> None:
    headers = {"Content-Type": "application/json"}
    code, text, _ = gateway.request("POST", "/bitrix24/handler/s3cret", data=b"{", headers=headers)
    assert (code, "bad_json" in text) == (400, True)


def test_a_message_whose_application_token_is_forged_is_refused(gateway: Gateway) -> None:
    assert gateway.form("/bitrix24/install", API_ONLY)[0] == 200
    assert gateway.handle(CARD | AUTH)[0] == 200
    code, _ = gateway.handle(CARD | AUTH | {"message_id": "forged", "auth[application_token]": "made up"})
    assert code == 403
    assert gateway.message("forged") is None


def test_a_message_is_taken_in_though_its_client_hangs_up(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    real, slow = gateway.journal.accept, Deferred[None]()
    monkeypatch.setattr(gateway.journal, "accept", lambda arrival: slow.addCallback(lambda _: real(arrival)))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    asking = gateway.client.post(
        "https://sms.example.by/bitrix24/handler/s3cret", data=urlencode(CARD).encode(), headers=headers
    )
    asking.addErrback(lambda _gone: None)
    gateway.client.flush()
    asking.cancel()
    gateway.client.flush()
    slow.callback(None)
    assert gateway.message() is not None
    assert gateway.taken_in() == 1


def test_when_nothing_can_hold_the_message_the_answer_is_503(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.journal, "accept", lambda _arrival: fail(JournalUnavailable("locked")))
    assert gateway.handle(CARD)[0] == 200
    for entry in (tmp_path / "spool").iterdir():
        entry.unlink()
    (tmp_path / "spool").rmdir()
    (tmp_path / "spool").write_text("no directory")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    code, _, given_headers = gateway.request(
        "POST", "/bitrix24/handler/s3cret", data=urlencode(CARD).encode(), headers=headers
    )
    assert code == 503
    assert int(given_headers["Retry-After"]) > 0


def test_an_installation_without_pages(gateway: Gateway) -> None:
    assert gateway.form("/bitrix24/install", API_ONLY) == (200, '{"status": "ok"}')
    gateway.clock.advance(0)
    assert gateway.registration.stands


def test_a_forged_installation_gets_403_and_changes_nothing(gateway: Gateway) -> None:
    assert gateway.form("/bitrix24/install", API_ONLY | {"auth[access_token]": "made up"})[0] == 403
    assert gateway.form("/bitrix24/install", WITH_PAGES | {"AUTH_ID": "made up"})[0] == 403
    assert gateway.tokens.installation is None


def test_an_installation_while_the_portal_is_away_gets_503(gateway: Gateway) -> None:
    gateway.outside.down = True
    assert gateway.form("/bitrix24/install", API_ONLY)[0] == 503
    assert gateway.form("/bitrix24/install", WITH_PAGES)[0] == 503


@pytest.mark.parametrize(("language", "word"), [("ru", "Отправитель"), ("be", "Адпраўнік"), ("en", "The sender is")])
def test_an_installation_with_pages_shows_what_was_registered_and_ends_it(
    gateway: Gateway, language: str, word: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    data = urlencode(WITH_PAGES | {"LANG": language}).encode()
    code, page, given_headers = gateway.request("POST", "/bitrix24/install", data=data, headers=headers)
    assert code == 200
    assert word in page
    # The page ends the installation itself, with nothing from another address.
    assert "/bitrix24/static/install.js" in page
    assert "//" not in page.replace("<!DOCTYPE", "").replace("https://sms.example.by/bitrix24/handler/…", "")
    assert "a1sms_by" in page
    assert "A1 &lt;SMS&gt;" in page
    assert "s3cret" not in page
    policy = given_headers["Content-Security-Policy"].split("; ")
    assert "frame-ancestors 'self' https://shop.bitrix24.by" in policy
    assert "script-src 'self'" in policy
    assert "X-Frame-Options" not in given_headers


def test_an_uninstallation_event_forgets_the_tokens(gateway: Gateway) -> None:
    gateway.form("/bitrix24/install", API_ONLY)
    event = {"event": "ONAPPUNINSTALL", "auth[member_id]": "77aa", "auth[application_token]": "d41c"}
    assert gateway.form("/bitrix24/event/s3cret", event | {"auth[application_token]": "made up"})[0] == 403
    assert gateway.tokens.installation is not None
    assert gateway.form("/bitrix24/event/s3cret", event)[0] == 200
    assert gateway.tokens.installation is None


def test_callbacks_in_every_form(gateway: Gateway) -> None:
    gateway.handle(CARD)
    [submission] = run(gateway.journal.claim(START + 1, 1)).submissions
    path = f"/a1/callback/cb?message_id={submission.custom_id}&status=ENROUTE"
    assert gateway.request("GET", path)[:2] == (200, '{"status": "ok"}')
    assert gateway.form("/a1/callback/cb", {"message_id": submission.custom_id, "status": "SOMETHING_NEW"})[0] == 200
    headers = {"Content-Type": "application/json"}
    body = f'{{"message_id": "{submission.custom_id}", "status": 3}}'.encode()
    assert gateway.request("POST", "/a1/callback/cb", data=body, headers=headers)[0] == 200
    kept = gateway.message()
    assert kept is not None
    assert kept["status"] == "delivered"
    assert [step["word"] for step in kept["history"]] == ["accepted", "ENROUTE", "SOMETHING_NEW", "3"]


def test_a_callback_for_an_unknown_message_is_kept(gateway: Gateway) -> None:
    assert gateway.form("/a1/callback/cb", {"message_id": "7001", "status": "DELIVERED"})[0] == 200
    gateway.handle(CARD)
    claimed = run(gateway.journal.claim(START + 1, 1)).submissions
    run(gateway.journal.record([(claimed[0], Accepted("7001"), START)], START + 2))
    kept = gateway.message()
    assert kept is not None
    assert kept["status"] == "delivered"


@pytest.mark.parametrize(
    "fields",
    [{}, {"message_id": "1"}, {"status": "3"}, {"message_id": "", "status": "3"}, {"message_id": "1", "status": " "}],
)
def test_a_callback_without_its_fields_gets_400(gateway: Gateway, fields: dict[str, str]) -> None:
    assert gateway.form("/a1/callback/cb", fields)[0] == 400


@pytest.mark.parametrize("name", [b"Content-Type", b"X-Forwarded-For", b"Origin"])
def test_a_header_that_is_no_text_is_no_fault_of_the_gateway(gateway: Gateway, name: bytes) -> None:
    for path in ("/bitrix24/handler/s3cret", "/bitrix24/handler/wrong", "/bitrix24/install", "/a1/callback/cb"):
        code, _, _ = gateway.request("POST", path, data=b"a=b", headers={name: b"\xff\xfe"})
        assert code in (400, 404), path


OUTSIDE = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "203.0.113.7"}


@pytest.mark.parametrize("path", ["/bitrix24/handler/", "/bitrix24/event/", "/bitrix24/robot/", "/a1/callback/"])
def test_too_many_wrong_secrets_get_429_and_the_right_one_is_taken_all_the_same(gateway: Gateway, path: str) -> None:
    codes = [gateway.request("POST", f"{path}wrong{n}", data=b"", headers=OUTSIDE)[0] for n in range(GUESSES + 1)]
    assert codes == [404] * GUESSES + [429]
    _, text, headers = gateway.request("POST", f"{path}wrong", data=b"", headers=OUTSIDE)
    assert (json.loads(text)["error"], headers["Retry-After"]) == ("too_many_calls", "1")
    right = gateway.request("POST", "/bitrix24/handler/s3cret", data=urlencode(CARD).encode(), headers=OUTSIDE)
    assert right[0] == 200


def test_made_up_installations_are_limited_and_the_portals_own_are_not(gateway: Gateway) -> None:
    assert gateway.form("/bitrix24/install", API_ONLY)[0] == 200
    made_up = API_ONLY | {"auth[access_token]": "made up", "auth[application_token]": "made up"}
    calls = [
        gateway.request("POST", "/bitrix24/install", data=urlencode(made_up).encode(), headers=OUTSIDE)[0]
        for _ in range(PROOFS + 2)
    ]
    assert calls == [403] * PROOFS + [429] * 2
    again = gateway.request("POST", "/bitrix24/install", data=urlencode(API_ONLY).encode(), headers=OUTSIDE)
    assert again[0] == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from([*CARD, *AUTH, "bindings", "properties", "auth"]), st.text(max_size=30)))
def test_any_fields_get_an_answer_that_is_not_a_fault_of_the_gateway(
    gateway: Gateway, fields: dict[str, str]
) -> None:
    code, body = gateway.handle(fields)
    assert code in (200, 400, 403)
    assert isinstance(body, dict)


@given(
    st.dictionaries(
        st.sampled_from(["message_id", "message_to", "message_body", "module_id", "bindings", "properties", "type"]),
        st.text(max_size=40) | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    )
)
def test_any_call_is_a_message_with_a_verdict_or_refused(fields: dict[str, Any]) -> None:
    try:
        message = read_message(fields, START, Admission(10))
    except BadBody:
        return
    assert (message.msisdn is not None) or message.refusal is not None
    assert message.refusal is not None or (message.text.strip() and message.kind is Kind.TRANSACTIONAL)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=100))
def test_what_bitrix24_escapes_comes_back(text: str) -> None:
    escaped = text
    for sign, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&#039;")):
        escaped = escaped.replace(sign, entity)
    assert unescaped(escaped.replace("\n", "<br />\n")) == text

"""The simulated A1 answers, delivers and calls back as the gathered facts about A1's HTTP API say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from a1gateway.carriers.a1answers import Balances, Cost
from a1gateway.carriers.a1http import A1HttpCarrier
from a1gateway.http_client import Answer
from a1gateway.metrics import Metrics
from a1gateway.pacing import TokenBucket
from a1gateway.sandbox.a1 import SandboxA1
from a1gateway.sandbox.a1_books import MINSK
from a1gateway.sandbox.settings import A1Settings

from .conftest import run
from .fakes import FakeHttp

USER = "375291234567"
APIKEY = "sandbox-apikey"
NUMBER = "375291112233"
NOW = 1_795_363_200.0


class Gateway(Resource):
    """Takes callbacks down and answers them with `status`; 0 is no answer."""

    isLeaf = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.status = 200
        self.calls: list[tuple[float, str, dict[str, Any]]] = []

    def render(self, request: Request) -> bytes | int:
        """Called by Twisted."""
        fields: dict[str, Any] = {name.decode(): values[-1].decode() for name, values in (request.args or {}).items()}
        if request.getHeader("content-type") == "application/json":
            assert request.content is not None
            fields = json.loads(request.content.read())
        self.calls.append((self._clock.seconds() - NOW, request.method.decode(), fields))
        if self.status == 0:
            return NOT_DONE_YET
        request.setResponseCode(self.status)
        return b""

    def words(self) -> list[str]:
        """The statuses called with, in order."""
        return [fields["status"] for _, _, fields in self.calls]


@dataclass
class Answered:
    """What has come of a request so far."""

    status: int | None = None
    body: bytes | None = None
    failure: Failure | None = None

    @property
    def json(self) -> Any:
        """The whole body as JSON."""
        assert self.body is not None, self
        return json.loads(self.body)


@dataclass
class World:
    """A simulated A1, a gateway that it calls back, and a client of both its sides."""

    clock: Clock
    gateway: Gateway
    a1: SandboxA1
    client: Any
    pending: list[Answered] = field(default_factory=list)

    def request(self, method: str, path: str, **more: Any) -> Answered:
        """Makes a request and says what has come of it; that is brought up to date by `advance`."""
        answered = Answered()
        self.pending.append(answered)

        async def follow() -> None:
            response = await self.client.request(method, f"http://127.0.0.1:8091{path}", **more)
            answered.status = response.code
            answered.body = await self.client.content(response)

        def failed(failure: Failure) -> None:
            answered.failure = failure

        Deferred.fromCoroutine(follow()).addErrback(failed)
        self.client.flush()
        return answered

    def call(self, method: str, **fields: str) -> Any:
        """The JSON that an API method answers to the right user."""
        answered = self.request("POST", f"/api/{method}", data={"user": USER, "apikey": APIKEY, **fields})
        assert answered.status == 200
        return answered.json

    def send(self, **fields: str) -> Any:
        """Sends one SMS, to a number that gets it unless told otherwise."""
        return self.call("send/sms", **{"msisdn": NUMBER, "text": "hello", **fields})

    def control(self, method: str, path: str, value: Any = None) -> Any:
        """The JSON that a control route answers."""
        body = None if value is None else json.dumps(value).encode()
        return self.request(method, f"/sandbox/{path}", data=body).json

    def fault(self, kind: str, **more: Any) -> None:
        """Switches a fault on."""
        assert "faults" in self.control("POST", "faults", {"kind": kind, **more})

    def advance(self, *steps: float) -> None:
        """Lets time pass."""
        for step in steps:
            self.clock.advance(step)
            self.client.flush()

    def report(self) -> Any:
        """The newest message in the books."""
        return self.control("GET", "messages?last=1")[0]


@pytest.fixture
def world() -> Iterator[World]:
    """A1 with its usual settings, at a fixed time."""
    clock = Clock()
    clock.advance(NOW)
    gateway = Gateway(clock)
    outgoing: Any = StubTreq(gateway)
    a1 = SandboxA1(
        clock,
        outgoing,
        user=USER,
        apikey=APIKEY,
        settings=A1Settings(callback_url="http://127.0.0.1:8080/a1/callback/secret"),
    )
    made = World(clock, gateway, a1, StubTreq(a1.resource()))
    yield made
    a1.stop()
    assert clock.getDelayedCalls() == []


def error_of(answer: Any) -> tuple[int, str | None]:
    """Code and parameter of an error."""
    assert answer["status"] is False
    assert answer["error"]["description"]
    return answer["error"]["code"], answer["error"].get("parameter")


# Requests


def test_a_send_is_answered_with_number_price_and_parts(world: World) -> None:
    """The price is that of a part; the amount is for all of them."""
    answer = world.send(text="я" * 71, custom_id="order-1")
    assert answer == {
        "status": True,
        "message_id": answer["message_id"],
        "price": 0.045,
        "parts": 2,
        "amount": 0.09,
        "custom_id": "order-1",
    }
    assert isinstance(answer["message_id"], int)


def test_get_with_a_query_works_as_post_with_a_form_does(world: World) -> None:
    """Both forms of a request are A1's."""
    answer = world.request("GET", f"/api/send/sms?user={USER}&apikey={APIKEY}&msisdn=%2B{NUMBER}&text=%D0%AF").json
    assert answer["status"] is True
    assert world.report()["text"] == "Я"
    assert world.report()["msisdn"] == NUMBER


def test_message_numbers_do_not_come_again_after_a_restart(world: World) -> None:
    """They are counted from the time of the start."""
    first = world.send()["message_id"]
    assert world.send()["message_id"] == first + 1
    world.advance(1)
    restarted = SandboxA1(world.clock, world.client, user=USER, apikey=APIKEY)
    submission = world.a1.books.by_id(str(first))
    assert submission is not None
    assert restarted.books.accept("send/sms", submission.submission, 0).message_id > first + 1


def test_with_the_other_shape_the_fields_stand_under_data(world: World) -> None:
    """As some deployments answer."""
    world.control("POST", "settings", {"data_shape": True})
    answer = world.send()
    assert set(answer) == {"status", "data"}
    assert set(answer["data"]) == {"message_id", "price", "parts", "amount"}
    assert set(world.call("balances")["data"]) == {"sms", "viber"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 3),
        ({"user": USER}, 3),
        ({"apikey": APIKEY}, 3),
        ({"user": USER, "apikey": "another"}, 4),
        ({"user": "375290000000", "apikey": APIKEY}, 4),
    ],
)
def test_credentials_are_asked_for(world: World, fields: dict[str, str], code: int) -> None:
    """Missing ones are error 3, wrong ones error 4, with HTTP 200."""
    answered = world.request("POST", "/api/balances", data=fields or b"")
    assert answered.status == 200
    assert error_of(answered.json) == (code, None)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"msisdn": "80291112233"}, (100, "msisdn")),
        ({"msisdn": "3752911122334"}, (100, "msisdn")),
        ({"msisdn": "375171112233"}, (103, "msisdn")),
        ({"msisdn": "375291112204"}, (102, "msisdn")),
        ({"msisdn": "375290000001"}, (101, "msisdn")),
        ({"text": " "}, (105, "text")),
        ({"text": "Казино рядом"}, (106, "text")),
        ({"sender": "Unknown"}, (104, "sender")),
        ({"sender": "TwelveLetter"}, (2, "sender")),
        ({"custom_id": "x" * 21}, (2, "custom_id")),
        ({"ttl": "39"}, (5, "ttl")),
        ({"ttl": "86401"}, (5, "ttl")),
        ({"ttl": "soon"}, (5, "ttl")),
        ({"send_on_datetime": "tomorrow"}, (3, "send_on_datetime")),
        ({"send_on_datetime": "2027-02-30 10:00:00"}, (3, "send_on_datetime")),
        ({"send_on_datetime": "2020-01-01 10:00:00"}, (107, "send_on_datetime")),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(
    world: World, fields: dict[str, str], error: tuple[int, str]
) -> None:
    """The error names the field, and nothing enters the books."""
    world.control("POST", "settings", {"stop_list": ["375290000001"]})
    assert error_of(world.send(**fields)) == error
    assert world.control("GET", "messages") == []


def test_a_missing_field_is_error_1_with_its_name(world: World) -> None:
    """Missing is something else than empty."""
    assert error_of(world.call("send/sms", text="hello")) == (1, "msisdn")
    assert error_of(world.call("send/sms", msisdn=NUMBER)) == (1, "text")


def test_the_limits_themselves_are_accepted(world: World) -> None:
    """20 characters, 40 and 86400 seconds, an approved sender."""
    assert world.send(custom_id="x" * 20, ttl="40", sender="MyShop")["status"] is True
    assert world.send(ttl="86400")["status"] is True


def test_the_same_custom_id_again_is_a_duplicate(world: World) -> None:
    """And does not make a second message."""
    world.send(custom_id="order-1")
    assert error_of(world.send(custom_id="order-1", text="other")) == (20, "custom_id")
    assert len(world.control("GET", "messages")) == 1


def test_messages_without_custom_id_are_never_duplicates(world: World) -> None:
    """A1 has nothing to tell them by."""
    assert world.send()["status"] is True
    assert world.send()["status"] is True


def test_an_unknown_path_is_error_2(world: World) -> None:
    """No such call."""
    assert error_of(world.call("send/pigeon")) == (2, None)


def test_a_body_that_is_not_utf_8_is_malformed(world: World) -> None:
    """Text is UTF-8."""
    answered = world.request(
        "POST",
        "/api/send/sms",
        data=b"user=1&apikey=2&text=%FF",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert error_of(answered.json) == (10, None)


def test_more_requests_than_the_rate_allows_are_error_7(world: World) -> None:
    """Until time has passed."""
    world.control("POST", "settings", {"requests_per_second": 2})
    assert [world.call("balances")["status"] for _ in range(3)] == [True, True, False]
    world.advance(1)
    assert world.call("balances")["status"] is True


# Bulk, prices, names


def test_a_bulk_is_answered_in_its_order_with_errors_in_their_place(world: World) -> None:
    """One bad message does not stop the others."""
    messages = [
        {"msisdn": NUMBER, "text": "one", "custom_id": "1"},
        {"msisdn": "123", "text": "two", "custom_id": "2"},
        {"msisdn": 375291112233, "text": "three", "custom_id": "1"},
        {"msisdn": NUMBER, "text": "four", "custom_id": "4"},
    ]
    answer = world.call("sendBulk/sms", messages=json.dumps(messages))
    assert answer["status"] is True
    kinds = [
        element["custom_id"] if "error" not in element else error_of({"status": False, **element})
        for element in answer["messages"]
    ]
    assert kinds == ["1", (100, "msisdn"), (20, "custom_id"), "4"]


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ("", 9),
        ("[{", 10),
        ('{"msisdn": "1"}', 11),
        ('["375291112233"]', 11),
        ("[]", 15),
        (json.dumps([{"msisdn": NUMBER, "text": "x"}] * 501), 13),
    ],
)
def test_a_malformed_bulk_is_an_error_of_the_request(world: World, messages: str, code: int) -> None:
    """And none of it is accepted."""
    for method in ("sendBulk/sms", "costBulk/sms"):
        assert error_of(world.call(method, messages=messages)) == (code, None)
    assert world.control("GET", "messages") == []


def test_a_bulk_of_500_is_accepted(world: World) -> None:
    """The limit itself."""
    messages = [{"msisdn": NUMBER, "text": "x"}] * 500
    assert len(world.call("sendBulk/sms", messages=json.dumps(messages))["messages"]) == 500


def carrier(world: World) -> A1HttpCarrier:
    """The gateway's own client of A1, asking the simulated one."""

    def asked(url: str, form: Any) -> Answer:
        answered = world.request("POST", url.removeprefix("http://a1"), data=form)
        assert answered.status is not None
        assert answered.body is not None
        return Answer(answered.status, answered.body)

    return A1HttpCarrier(
        FakeHttp(by=asked),
        TokenBucket(world.clock, 10, 10),
        Metrics(),
        url="http://a1/api/",
        user=USER,
        apikey=APIKEY,
        timeout=20,
    )


def test_the_gateway_reads_what_a_campaign_would_cost(world: World) -> None:
    stopped = "+375291112204"
    cost = run(carrier(world).cost("x" * 161, ["+" + NUMBER, "+375291112244", stopped], None))
    assert cost == Cost(Decimal("0.18"), 2, {"stop_list": 1})


@pytest.mark.parametrize("data_shape", [False, True])
def test_the_gateway_reads_names_and_balance(world: World, data_shape: bool) -> None:
    world.send()
    world.control("POST", "settings", {"data_shape": data_shape, "senders": ["MyShop", "A1Sandbox"]})
    assert run(carrier(world).sender_names()) == ("MyShop", "A1Sandbox")
    assert run(carrier(world).balances()) == Balances(Decimal("99.955"), Decimal(0))


def test_cost_sends_nothing(world: World) -> None:
    """It is checked as for sending."""
    assert world.call("cost/sms", msisdn=NUMBER, text="x" * 161) == {
        "status": True,
        "price": 0.045,
        "parts": 2,
        "amount": 0.09,
    }
    assert error_of(world.call("cost/sms", msisdn="1", text="x")) == (100, "msisdn")
    bulk = world.call(
        "costBulk/sms", messages=json.dumps([{"msisdn": NUMBER, "text": "x"}, {"msisdn": "1", "text": "x"}])
    )
    assert (bulk["parts"], bulk["amount"]) == (1, 0.045)
    assert [set(element) for element in bulk["messages"]] == [{"price", "parts", "amount"}, {"error"}]
    assert world.control("GET", "messages") == []


def test_the_balance_falls_with_every_part(world: World) -> None:
    """And sender names are those approved."""
    world.send(text="x" * 161)
    assert world.call("balances") == {"status": True, "sms": 99.91, "viber": 0}
    assert world.call("senderNames") == {"status": True, "sms": ["MyShop", "A1Sandbox"]}


# Statuses


def test_a_message_is_queued_then_on_its_way_then_delivered(world: World) -> None:
    """By default after one and three seconds."""
    message_id = str(world.send(custom_id="order-1")["message_id"])
    codes = []
    for step in (0.5, 1, 2):
        codes.append(world.call("status/sms", message_id=message_id)["message_status"]["code"])
        world.advance(step)
    status = world.call("statusCustom/sms", custom_id="order-1")["message_status"]
    assert [*codes, status["code"]] == [0, 0, 5, 3]
    assert status["name"] == "Доставлено"


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        ("00", 2, ["ENROUTE", "REJECTED"]),
        ("01", 4, ["ENROUTE", "UNDELIVERABLE"]),
        ("02", "EXPIRED", ["ENROUTE", "EXPIRED"]),
        ("03", 5, ["ENROUTE"]),
        ("05", 3, ["SOMETHING_NEW", "DELIVERED"]),
        ("33", 3, ["ENROUTE", "DELIVERED"]),
    ],
)
def test_the_last_digits_choose_the_outcome(world: World, ending: str, code: object, words: list[str]) -> None:
    """Polls and callbacks tell the same in their own ways."""
    message_id = str(world.send(msisdn=f"3752911122{ending}")["message_id"])
    world.advance(1, 2, 86400)
    assert world.call("status/sms", message_id=message_id)["message_status"]["code"] == code
    assert world.gateway.words() == words


def test_a_scheduled_message_waits_for_its_time(world: World) -> None:
    """The time is Minsk's."""
    later = datetime.fromtimestamp(NOW + 600, MINSK).strftime("%Y-%m-%d %H:%M:00")
    world.send(send_on_datetime=later)
    world.advance(500)
    assert world.report()["code"] == 0
    world.advance(100, 1, 2)
    assert world.report()["code"] == 3


def test_an_unknown_message_is_error_12_alone_and_false_in_a_bulk(world: World) -> None:
    """The two ways in which A1 says that it does not know a message."""
    assert error_of(world.call("status/sms", message_id="17")) == (12, None)
    assert error_of(world.call("statusCustom/sms", custom_id="nobody")) == (12, None)
    known = world.send(custom_id="order-1")["message_id"]
    answers = world.call("statusBulk/sms", message_ids=f"{known},17,x")["messages_status"]
    assert [answer["code"] for answer in answers] == [0, False, False]
    assert answers[0]["custom_id"] == "order-1"
    assert answers[0]["message_id"] == known
    answers = world.call("statusCustomBulk/sms", message_ids="nobody,order-1")["messages_status"]
    assert [(answer["custom_id"], answer["code"]) for answer in answers] == [("nobody", False), ("order-1", 0)]


def test_status_requests_without_a_message_or_with_too_many_are_malformed(world: World) -> None:
    """9 and 13."""
    assert error_of(world.call("status/sms")) == (9, None)
    assert error_of(world.call("statusBulk/sms", message_ids=" ,")) == (9, None)
    assert error_of(world.call("statusBulk/sms", message_ids=",".join(["1"] * 501))) == (13, None)


# Callbacks


def test_a_callback_is_made_at_every_change(world: World) -> None:
    """With the number and the word, when the status changes."""
    message_id = str(world.send()["message_id"])
    world.advance(1, 2)
    assert world.gateway.calls == [
        (1, "GET", {"message_id": message_id, "status": "ENROUTE"}),
        (3, "GET", {"message_id": message_id, "status": "DELIVERED"}),
    ]
    assert [made["answer"] for made in world.report()["callbacks"]] == [200, 200]


@pytest.mark.parametrize("form", ["GET", "POST", "JSON"])
def test_form_and_names_of_a_callback_are_settings(world: World, form: str) -> None:
    """They differ between contracts."""
    world.control(
        "POST",
        "settings",
        {
            "callback_form": form,
            "callback_id_field": "smsid",
            "callback_status_field": "state",
            "callback_words": False,
        },
    )
    message_id: object = world.send()["message_id"]
    world.advance(1, 2)
    assert [made[1] for made in world.gateway.calls] == ["GET" if form == "GET" else "POST"] * 2
    expected = message_id if form == "JSON" else str(message_id)
    assert world.gateway.calls[-1][2] == {"smsid": expected, "state": "3"}


def test_callbacks_can_be_switched_off(world: World) -> None:
    """The message is delivered all the same."""
    world.control("POST", "settings", {"callbacks": False})
    world.send()
    world.advance(1, 2)
    assert world.report()["code"] == 3
    assert world.gateway.calls == []


def test_a_callback_is_repeated_while_it_is_not_taken(world: World) -> None:
    """Three attempts in all, five seconds apart; the number is a setting."""
    world.gateway.status = 503
    world.send(msisdn="375291112203")
    world.advance(1, 5, 5, 5)
    assert [at for at, _, _ in world.gateway.calls] == [1, 6, 11]
    world.control("POST", "settings", {"callback_attempts": 1})
    world.send(msisdn="375291112203")
    world.advance(1, 5, 5)
    assert len(world.gateway.calls) == 4


def test_a_callback_that_is_not_answered_is_given_up(world: World) -> None:
    """After half a minute it counts as one attempt."""
    world.gateway.status = 0
    world.send(msisdn="375291112203")
    world.advance(1, 29)
    assert world.report()["callbacks"] == []
    world.advance(1)
    assert [made["answer"] for made in world.report()["callbacks"]] == [None]
    world.advance(5)
    assert len(world.gateway.calls) == 2


def test_a_callback_under_way_ends_with_the_reset(world: World) -> None:
    """It is neither repeated nor taken for an attempt that failed."""
    world.gateway.status = 0
    world.send(msisdn="375291112203")
    world.advance(1)
    world.control("POST", "reset")
    assert world.clock.getDelayedCalls() == []
    world.advance(60, 60)
    assert len(world.gateway.calls) == 1


def test_a_status_can_be_put_by_hand(world: World) -> None:
    """Late or contradicting callbacks are made this way."""
    message_id = world.send()["message_id"]
    world.advance(1, 2)
    world.control("POST", "status", {"message_id": message_id, "code": "EXPIRED"})
    assert world.gateway.words() == ["ENROUTE", "DELIVERED", "EXPIRED"]
    assert "error" in world.control("POST", "status", {"message_id": 1, "code": 3})
    assert "error" in world.control("POST", "status", {"message_id": message_id, "code": True})


# Faults


def test_a_fault_lasts_for_as_many_calls_as_it_was_given(world: World) -> None:
    """Then all is well again."""
    world.fault("error", code=7, times=2)
    assert [world.send()["status"] for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("code", range(1, 17))
def test_every_error_of_a_request_can_be_had(world: World, code: int) -> None:
    """Without a parameter, and nothing is accepted."""
    world.fault("error", code=code)
    assert error_of(world.send()) == (code, None)
    assert world.control("GET", "messages") == []


def test_a_fault_can_be_kept_to_one_method(world: World) -> None:
    """Others are not touched, and do not count."""
    world.fault("error", times=1, method="send/sms")
    assert world.call("balances")["status"] is True
    assert world.send()["status"] is False
    assert world.send()["status"] is True


def test_an_unknown_fault_and_one_out_of_range_are_refused(world: World) -> None:
    """With a word on what is wrong."""
    assert "no such fault" in world.control("POST", "faults", {"kind": "earthquake"})["error"]
    assert "code" in world.control("POST", "faults", {"kind": "error", "code": 17})["error"]
    assert "times" in world.control("POST", "faults", {"kind": "error", "times": 0})["error"]
    assert world.control("GET", "faults")["faults"] == []


def test_faults_are_listed_replaced_and_cleared(world: World) -> None:
    """By kind and method, or all at once."""
    world.fault("error", code=7)
    world.fault("error", code=8)
    world.fault("html", method="balances")
    world.fault("latency", seconds=2)
    standing = world.control("GET", "faults")["faults"]
    assert [(fault["kind"], fault["code"]) for fault in standing] == [("error", 8), ("html", 1), ("latency", 1)]
    left = world.control("DELETE", "faults?kind=html&method=balances")["faults"]
    assert [fault["kind"] for fault in left] == ["error", "latency"]
    assert world.control("DELETE", "faults")["faults"] == []


@pytest.mark.parametrize(("kind", "accepted"), [("lose_answer", 1), ("cut_body", 1)])
def test_a_connection_can_be_lost_after_acceptance(world: World, kind: str, accepted: int) -> None:
    """The caller cannot know, and has to ask by custom_id."""
    world.fault(kind, times=1)
    answered = world.request(
        "POST",
        "/api/send/sms",
        data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x", "custom_id": "order-1"},
    )
    assert answered.failure is not None
    assert answered.failure.check(ResponseFailed) is not None
    assert answered.body is None
    assert len(world.control("GET", "messages")) == accepted
    assert world.call("statusCustom/sms", custom_id="order-1")["status"] is True


@pytest.mark.parametrize(("kind", "accepted"), [("hang", 0), ("hang_accept", 1)])
def test_an_answer_can_stay_out(world: World, kind: str, accepted: int) -> None:
    """With the message accepted, or not."""
    world.fault(kind, times=1)
    answered = world.request(
        "POST", "/api/send/sms", data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x"}
    )
    world.advance(3600)
    assert answered == Answered()
    assert len(world.control("GET", "messages")) == accepted


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("html", 200)])
def test_an_answer_can_be_a_page_of_html(world: World, kind: str, status: int) -> None:
    """Nothing is accepted."""
    world.fault(kind, times=1)
    answered = world.request(
        "POST", "/api/send/sms", data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x"}
    )
    assert answered.status == status
    assert answered.body is not None
    assert b"<html>" in answered.body
    assert world.control("GET", "messages") == []


def test_an_answer_can_be_half_of_its_json(world: World) -> None:
    """In a complete HTTP answer; the message is accepted."""
    world.fault("cut_json", times=1)
    answered = world.request(
        "POST", "/api/send/sms", data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x"}
    )
    assert answered.status == 200
    assert answered.body is not None
    assert answered.body.startswith(b'{"status": true')
    with pytest.raises(ValueError, match="delimiter|Unterminated|Expecting"):
        json.loads(answered.body)
    assert len(world.control("GET", "messages")) == 1


def test_an_answer_can_come_late(world: World) -> None:
    """The message is accepted at once."""
    world.fault("latency", seconds=20, times=1)
    answered = world.request(
        "POST", "/api/send/sms", data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x"}
    )
    world.advance(1, 2, 16)
    assert answered.body is None
    assert world.report()["code"] == 3
    world.advance(1)
    assert answered.json["status"] is True


def test_a_callback_can_come_before_the_answer(world: World) -> None:
    """The final one, with a number that the caller has not been told yet."""
    world.fault("callback_early", times=1)
    world.fault("latency", seconds=1, times=1)
    answered = world.request(
        "POST", "/api/send/sms", data={"user": USER, "apikey": APIKEY, "msisdn": NUMBER, "text": "x"}
    )
    assert world.gateway.words() == ["DELIVERED"]
    assert answered.body is None
    world.advance(1)
    assert world.gateway.calls[0][2]["message_id"] == str(answered.json["message_id"])
    world.advance(100)
    assert world.gateway.words() == ["DELIVERED"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("callback_double", ["ENROUTE", "ENROUTE", "DELIVERED", "DELIVERED"]),
        ("callback_reorder", ["DELIVERED", "ENROUTE"]),
        ("no_callback", []),
        ("no_delivery", ["ENROUTE"]),
    ],
)
def test_callbacks_and_delivery_can_go_wrong(world: World, kind: str, words: list[str]) -> None:
    """For the messages of the next sends; questions do not use such a fault up."""
    world.fault(kind, times=1)
    world.call("balances")
    world.send()
    world.advance(1, 2, 100)
    assert world.gateway.words() == words
    assert world.report()["code"] == (5 if kind == "no_delivery" else 3)
    world.gateway.calls.clear()
    world.send()
    world.advance(1, 2)
    assert world.gateway.words() == ["ENROUTE", "DELIVERED"]


# Control


def test_requests_are_counted_by_method(world: World) -> None:
    """Refused ones too."""
    world.send()
    world.send(msisdn="1")
    world.request("POST", "/api/balances", data=b"")
    assert world.control("GET", "requests") == {"send/sms": 2, "balances": 1}


def test_the_newest_messages_can_be_asked_for(world: World) -> None:
    """Oldest first, as in the whole list."""
    for text in ("one", "two", "three"):
        world.send(text=text)
    assert [message["text"] for message in world.control("GET", "messages?last=2")] == ["two", "three"]
    assert len(world.control("GET", "messages")) == 3
    assert "error" in world.control("GET", "messages?last=some")


def test_settings_are_changed_all_or_none(world: World) -> None:
    """An unknown one is an error."""
    assert world.control("POST", "settings", {"final_delay": 10})["final_delay"] == 10
    for wrong in ({"price": 1, "unknown": 2}, {"final_delay": -1}, {"callback_form": "FAX"}):
        assert "error" in world.control("POST", "settings", wrong)
    assert world.request("POST", "/sandbox/settings", data=b"[1]").status == 400
    assert world.request("POST", "/sandbox/settings", data=b"{").status == 400
    settings = world.control("GET", "settings")
    assert (settings["price"], settings["final_delay"]) == (0.045, 10)


def test_reset_forgets_and_stops_everything(world: World) -> None:
    """Messages, counts, faults, settings, and what was under way."""
    world.send(custom_id="order-1")
    world.fault("latency", seconds=1)
    world.control("POST", "settings", {"price": 1})
    world.control("POST", "reset")
    assert world.clock.getDelayedCalls() == []
    assert world.control("GET", "messages") == []
    assert world.control("GET", "requests") == {}
    assert world.control("GET", "faults")["faults"] == []
    assert world.control("GET", "settings")["price"] == 0.045
    assert world.send(custom_id="order-1")["status"] is True


def test_other_methods_and_paths_are_not_served(world: World) -> None:
    """405 and 404."""
    assert world.request("PUT", "/api/send/sms").status == 405
    assert world.request("GET", "/elsewhere").status == 404

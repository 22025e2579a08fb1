"""A1's HTTP API: every documented answer and every way an answer can fail to come, each with its one outcome."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.carriers.a1answers import A1Error, Balances, Cost, read_answer, read_element
from a1gateway.carriers.a1http import A1HttpCarrier
from a1gateway.carriers.a1status import meaning, status_word
from a1gateway.carriers.outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Standing,
    Trouble,
    Uncertain,
)
from a1gateway.errors import AnswerLost, NotSent
from a1gateway.http_client import Answer
from a1gateway.message import Price, Status, Submission
from a1gateway.metrics import Metrics
from a1gateway.pacing import TokenBucket

from .conftest import run
from .fakes import FakeHttp, answer

OK = {"status": True, "message_id": 7001, "price": 0.045, "parts": 2, "amount": 0.09, "custom_id": "c1"}


def carrier(http: FakeHttp, clock: Clock | None = None) -> A1HttpCarrier:
    clock = clock or Clock()
    return A1HttpCarrier(
        http,
        TokenBucket(clock, 1000, 1000),
        Metrics(),
        url="https://a1.example/api/",
        user="375291234567",
        apikey="key",
        timeout=20,
    )


def submission(number: int = 1, **more: Any) -> Submission:
    values: dict[str, Any] = {
        "id": number,
        "message_id": f"m{number}",
        "custom_id": f"c{number}",
        "msisdn": "+375291112233",
        "text": "Заказ готов",
        "sender_id": "MyShop",
        "segments": 1,
    }
    return Submission(**values | more)


def error(code: int, parameter: str | None = None) -> dict[str, Any]:
    inner: dict[str, Any] = {"code": code, "description": "сказано A1"}
    if parameter is not None:
        inner["parameter"] = parameter
    return {"status": False, "error": inner}


def submit(*answers: Any, count: int = 1) -> tuple[list[Outcome], FakeHttp]:
    http = FakeHttp(*[each if isinstance(each, (Answer, Exception)) else answer(each) for each in answers])
    return run(carrier(http).submit([submission(number) for number in range(1, count + 1)])), http


def test_one_message_is_sent_as_the_api_wants_it() -> None:
    outcomes, http = submit(OK)
    assert outcomes == [Accepted("7001", 2, Price(Decimal("0.045"), Decimal("0.09")))]
    assert http.asked == [
        (
            "https://a1.example/api/send/sms",
            {
                "user": "375291234567",
                "apikey": "key",
                "msisdn": "375291112233",
                "text": "Заказ готов",
                "custom_id": "c1",
                "sender": "MyShop",
            },
        )
    ]


def test_the_fields_may_stand_under_data() -> None:
    outcomes, _ = submit({"status": True, "data": {name: value for name, value in OK.items() if name != "status"}})
    assert outcomes == [Accepted("7001", 2, Price(Decimal("0.045"), Decimal("0.09")))]


def test_without_a_sender_id_none_is_named() -> None:
    http = FakeHttp(answer(OK))
    run(carrier(http).submit([submission(sender_id=None)]))
    assert "sender" not in http.asked[0][1]


@pytest.mark.parametrize(
    ("ttl", "sent"),
    [(None, None), (-5.0, "40"), (39.5, "40"), (3600.9, "3600"), (86400.0, "86400"), (86401.0, None)],
)
def test_a1_is_asked_to_give_up_within_its_bounds(ttl: float | None, sent: str | None) -> None:
    single, bulk = FakeHttp(answer(OK)), FakeHttp(answer(OK))
    run(carrier(single).submit([submission(ttl=ttl)]))
    run(carrier(bulk).submit([submission(1, ttl=ttl), submission(2)]))
    assert single.asked[0][1].get("ttl") == sent
    assert [each.get("ttl") for each in json.loads(bulk.asked[0][1]["messages"])] == [sent, None]


def test_an_empty_error_in_a_bulks_element_is_none() -> None:
    outcomes, _ = submit(
        {
            "status": True,
            "messages": [OK | {"custom_id": "c1", "error": []}, OK | {"custom_id": "c2", "error": None}],
        },
        count=2,
    )
    assert all(isinstance(each, Accepted) for each in outcomes)


def test_an_acceptance_without_an_identifier_is_still_one() -> None:
    outcomes, _ = submit({"status": True})
    assert outcomes == [Accepted(None)]


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        pytest.param(3, Trouble.CREDENTIALS, id="3 credentials missing"),
        pytest.param(4, Trouble.CREDENTIALS, id="4 credentials wrong"),
        pytest.param(5, Trouble.CREDENTIALS, id="5 IP address not allowed"),
        pytest.param(6, Trouble.CREDENTIALS, id="6 account not active"),
        pytest.param(7, Trouble.THROTTLED, id="7 too many requests"),
        pytest.param(8, Trouble.UNAVAILABLE, id="8 channel not available"),
    ],
)
def test_errors_of_the_request_that_leave_the_message_to_be_sent(code: int, trouble: Trouble) -> None:
    [outcome], _ = submit(error(code))
    assert isinstance(outcome, Postponed)
    assert outcome.trouble.trouble is trouble
    assert "сказано A1" in str(outcome.trouble)


@pytest.mark.parametrize("code", [1, 12, 42, 0])
def test_after_an_internal_or_unknown_error_a1_is_asked_before_sending_again(code: int) -> None:
    [outcome], _ = submit(error(code))
    assert isinstance(outcome, Uncertain)


@pytest.mark.parametrize("code", [2, 9, 10, 11, 13, 15, 16])
def test_a_request_that_a1_finds_malformed_is_a_fault_of_the_gateway(code: int) -> None:
    [outcome], _ = submit(error(code))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.word) == ("gateway_fault", str(code))


MESSAGE_ERRORS = [
    pytest.param(1, "text", "field_missing", id="1 a required field is missing"),
    pytest.param(2, "custom_id", "field_too_long", id="2 too long"),
    pytest.param(3, "send_on_datetime", "bad_date", id="3 bad date"),
    pytest.param(5, "ttl", "out_of_range", id="5 out of range"),
    pytest.param(100, "msisdn", "bad_recipient", id="100 bad recipient number"),
    pytest.param(101, "msisdn", "stop_list", id="101 on the customer's stop list"),
    pytest.param(102, "msisdn", "stop_list", id="102 on A1's stop list"),
    pytest.param(103, "msisdn", "operator_not_allowed", id="103 operator not allowed"),
    pytest.param(104, "sender", "sender_not_approved", id="104 sender name not approved"),
    pytest.param(105, "text", "empty_text", id="105 empty text"),
    pytest.param(106, "text", "stop_word", id="106 stop word in the text"),
    pytest.param(107, "send_on_datetime", "bad_sending_time", id="107 bad sending time"),
    pytest.param(199, "msisdn", "refused_by_a1", id="an unknown error of a message"),
]


@pytest.mark.parametrize(("code", "parameter", "reason"), MESSAGE_ERRORS)
def test_errors_of_the_message_are_final(code: int, parameter: str, reason: str) -> None:
    [outcome], _ = submit(error(code, parameter))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.word) == (reason, str(code))


@pytest.mark.parametrize(("code", "parameter", "reason"), MESSAGE_ERRORS)
def test_in_a_bulk_an_error_without_a_parameter_is_the_messages_too(code: int, parameter: str, reason: str) -> None:
    refused = {"error": {"code": code, "description": "сказано A1"}}
    outcomes, http = submit({"status": True, "messages": [OK | {"custom_id": "c1"}, refused]}, count=2)
    assert outcomes[0] == Accepted("7001", 2, Price(Decimal("0.045"), Decimal("0.09")))
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].reason == reason
    assert http.methods == ["sendBulk/sms"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(4, Postponed), (6, Postponed), (7, Postponed), (8, Postponed), (12, Uncertain), (42, Uncertain)],
)
def test_a_requests_error_in_a_bulks_element_is_not_final_for_the_message(code: int, kind: type) -> None:
    refused = {"error": {"code": code, "description": "сказано A1"}}
    outcomes, http = submit({"status": True, "messages": [OK, refused]}, count=2)
    assert [type(each) for each in outcomes] == [Accepted, kind]
    assert http.methods == ["sendBulk/sms"]


@pytest.mark.parametrize("code", [9, 10, 11, 13, 15, 16])
def test_an_element_that_a1_finds_malformed_is_sent_singly(code: int) -> None:
    refused = {"error": {"code": code, "description": "сказано A1"}}
    elements = [{**OK, "custom_id": "c1"}, refused, refused]
    outcomes, http = submit({"status": True, "messages": elements}, OK, error(code), count=3)
    assert http.methods == ["sendBulk/sms", "send/sms", "send/sms"]
    assert [type(each) for each in outcomes] == [Accepted, Accepted, Refused]


def test_20_duplicate_has_to_be_asked_for() -> None:
    [outcome], _ = submit(error(20))
    assert outcome == Duplicate("20", "A1's error 20: сказано A1")


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(AnswerLost("no answer within 20 seconds"), id="a hanging server"),
        pytest.param(AnswerLost("the connection was closed"), id="a connection cut"),
        pytest.param(Answer(500, b"Internal Server Error"), id="HTTP 500"),
        pytest.param(Answer(200, b"<html><body>Maintenance</body></html>"), id="an HTML page"),
        pytest.param(Answer(200, b'{"status": true, "message_id": 70'), id="half a JSON"),
        pytest.param(Answer(200, b""), id="nothing"),
        pytest.param(Answer(200, b"\xff\xfe\x00"), id="octets that are no text"),
        pytest.param(Answer(200, b"[1, 2]"), id="JSON of another shape"),
    ],
)
def test_an_answer_that_is_lost_leaves_the_message_uncertain(lost: Answer | Exception) -> None:
    assert isinstance(submit(lost)[0][0], Uncertain)
    assert all(isinstance(each, Uncertain) for each in submit(lost, count=3)[0])


@pytest.mark.parametrize("count", [1, 3])
def test_a_server_that_answers_nonsense_is_there_and_takes_no_submits(count: int) -> None:
    for lost, trouble in (
        (Answer(500, b"Internal Server Error"), Trouble.UNAVAILABLE),
        (AnswerLost("no answer within 20 seconds"), Trouble.UNREACHABLE),
    ):
        outcomes, _ = submit(lost, count=count)
        assert [each.trouble.trouble for each in outcomes if isinstance(each, Uncertain)] == [trouble] * count


def test_a_request_that_never_left_leaves_the_message_to_be_sent() -> None:
    [outcome], _ = submit(NotSent("Connection refused"))
    assert isinstance(outcome, Postponed)
    assert outcome.trouble.trouble is Trouble.UNREACHABLE


def test_several_messages_go_in_one_request_in_order() -> None:
    elements = [{"message_id": 7000 + number, "price": "0.045", "parts": 1} for number in (1, 2, 3)]
    outcomes, http = submit({"status": True, "messages": elements}, count=3)
    assert [each.a1_id for each in outcomes if isinstance(each, Accepted)] == ["7001", "7002", "7003"]
    sent = json.loads(http.asked[0][1]["messages"])
    assert [each["custom_id"] for each in sent] == ["c1", "c2", "c3"]
    assert sent[0]["msisdn"] == "375291112233"


def test_a_bulk_in_another_order_is_matched_by_custom_id() -> None:
    elements = [{"message_id": 2, "custom_id": "c2"}, {"message_id": 1, "custom_id": "c1"}]
    outcomes, _ = submit({"status": True, "messages": elements}, count=2)
    assert outcomes == [Accepted("1"), Accepted("2")]


def test_what_a_bulk_answer_leaves_out_is_uncertain() -> None:
    outcomes, _ = submit({"status": True, "messages": [{"message_id": 2, "custom_id": "c2"}]}, count=2)
    assert isinstance(outcomes[0], Uncertain)
    assert outcomes[1] == Accepted("2")


def test_a_bulk_that_a1_finds_malformed_is_taken_apart_and_sent_singly() -> None:
    outcomes, http = submit(error(9), OK, error(10), OK, count=3)
    assert http.methods == ["sendBulk/sms", "send/sms", "send/sms", "send/sms"]
    assert isinstance(outcomes[1], Refused)
    assert outcomes[1].reason == "gateway_fault"
    assert isinstance(outcomes[0], Accepted)
    assert isinstance(outcomes[2], Accepted)


def test_an_a1_that_knows_no_bulk_gets_single_messages() -> None:
    outcomes, http = submit(Answer(404, b"<html>"), OK, OK, count=2)
    assert http.methods == ["sendBulk/sms", "send/sms", "send/sms"]
    assert all(isinstance(each, Accepted) for each in outcomes)


def test_a_bulk_taken_apart_ends_when_a1_shuts_the_account_out() -> None:
    outcomes, http = submit(error(9), OK, error(4), count=4)
    assert http.methods == ["sendBulk/sms", "send/sms", "send/sms"]
    assert [type(each) for each in outcomes] == [Accepted, Postponed, Postponed, Postponed]


def test_a_bulk_taken_apart_ends_when_a1_is_silent() -> None:
    """Only what was sent into the silence is uncertain; with a timeout for each, hundreds would take hours."""
    outcomes, http = submit(error(9), OK, AnswerLost("no answer within 20 seconds"), count=4)
    assert http.methods == ["sendBulk/sms", "send/sms", "send/sms"]
    assert [type(each) for each in outcomes] == [Accepted, Uncertain, Postponed, Postponed]


def test_a_bulk_taken_apart_is_not_long_in_the_way_of_what_may_have_to_go_first() -> None:
    """At A1's rate hundreds of single messages take the better part of a minute: the others wait, as not taken."""
    outcomes, http = submit(error(9), *[OK] * 20, count=500)
    assert http.methods == ["sendBulk/sms"] + ["send/sms"] * 20
    assert [type(each) for each in outcomes] == [Accepted] * 20 + [Postponed] * 480
    postponed = outcomes[-1]
    assert isinstance(postponed, Postponed)
    assert (postponed.trouble.trouble, postponed.after) == (Trouble.LATER, None)


def test_a_bulk_that_is_refused_for_its_rate_stays_whole() -> None:
    outcomes, http = submit(error(7), count=2)
    assert all(isinstance(each, Postponed) for each in outcomes)
    assert http.methods == ["sendBulk/sms"]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, Status.SENT),
        (1, Status.SENT),
        (2, Status.REJECTED),
        (3, Status.DELIVERED),
        (4, Status.UNDELIVERABLE),
        (5, Status.SENT),
        ("3", Status.DELIVERED),
        ("DELIVERED", Status.DELIVERED),
        ("delivered", Status.DELIVERED),
        ("Expired", Status.EXPIRED),
        ("UNDELIVERABLE", Status.UNDELIVERABLE),
        ("rejected", Status.REJECTED),
        (" enroute ", Status.SENT),
        (99, None),
        ("SOMETHING_NEW", None),
        ("", None),
    ],
)
def test_codes_and_words_for_a_status(code: int | str, status: Status | None) -> None:
    assert meaning(status_word(code)) is status


def ask(*answers: Any, known: bool = True, count: int = 1) -> tuple[dict[int, Standing], FakeHttp]:
    http = FakeHttp(*[each if isinstance(each, (Answer, Exception)) else answer(each) for each in answers])
    asked = [submission(number, a1_id=str(7000 + number) if known else None) for number in range(1, count + 1)]
    return run(carrier(http).statuses(asked)), http


def test_statuses_are_asked_for_in_bulk_by_a1s_identifier() -> None:
    elements = [
        {"message_id": 7001, "custom_id": "c1", "code": 3, "name": "Доставлено"},
        {"message_id": "7002", "custom_id": "c2", "code": 5, "name": "Доставляется"},
    ]
    standings, http = ask({"status": True, "messages_status": elements}, count=2)
    assert standings[1] == Standing("3", Status.DELIVERED, "7001", "Доставлено")
    assert standings[2].status is Status.SENT
    assert http.asked[0][0].endswith("statusBulk/sms")
    assert http.asked[0][1]["message_ids"] == "7001,7002"


def test_messages_without_a1s_identifier_are_asked_for_by_ours() -> None:
    elements = [{"message_id": 7001, "custom_id": "c1", "code": 3, "name": "Доставлено"}]
    standings, http = ask({"status": True, "messages_status": elements}, known=False)
    assert standings[1].a1_id == "7001"
    assert http.methods == ["statusCustomBulk/sms"]


@pytest.mark.parametrize(
    "nothing",
    [
        {"status": True, "messages_status": [{"message_id": 7001, "custom_id": "c1", "code": False}]},
        {"status": True, "messages_status": []},
        {"status": True},
        error(12),
    ],
)
def test_a_message_that_a1_does_not_know_has_no_standing(nothing: Any) -> None:
    assert ask(nothing)[0] == {}


def test_a_bulk_of_statuses_that_fails_for_one_is_asked_singly() -> None:
    one = {"status": True, "message_status": {"code": 3, "name": "Доставлено"}}
    standings, http = ask(error(12), one, error(12), count=2)
    assert list(standings) == [1]
    assert http.methods == ["statusBulk/sms", "status/sms", "status/sms"]
    assert http.asked[1][1]["message_id"] == "7001"


def look_up(*answers: Any, count: int = 2) -> tuple[dict[int, Standing | None], FakeHttp]:
    http = FakeHttp(*[each if isinstance(each, (Answer, Exception)) else answer(each) for each in answers])
    return run(carrier(http).look_up([submission(number) for number in range(1, count + 1)])), http


def test_what_a1_says_that_it_has_not_is_told_from_what_it_has() -> None:
    elements = [{"custom_id": "c1", "code": False}, {"message_id": 7002, "custom_id": "c2", "code": 5}]
    standings, http = look_up({"status": True, "messages_status": elements})
    assert standings == {1: None, 2: Standing("5", Status.SENT, "7002")}
    assert http.methods == ["statusCustomBulk/sms"]


@pytest.mark.parametrize(
    "silent",
    [
        {"status": True},
        {"status": True, "messages_status": []},
        {"status": True, "data": []},
        {"status": True, "messages_status": {"c1": {"code": 3}}},
        {"status": True, "messages_status": [{"custom_id": "c1", "code": None}, {"message_id": "c2", "code": False}]},
    ],
)
def test_what_an_answer_leaves_out_is_asked_for_by_itself_and_not_taken_for_missing(silent: Any) -> None:
    """Else a message that A1 has would be submitted again."""
    one = {"status": True, "message_status": {"code": 3}}
    standings, http = look_up(silent, one, error(12))
    assert standings == {1: Standing("3", Status.DELIVERED), 2: None}
    assert http.methods == ["statusCustomBulk/sms", "statusCustom/sms", "statusCustom/sms"]
    assert [form["custom_id"] for _, form in http.asked[1:]] == ["c1", "c2"]


def test_where_a1_says_nothing_of_one_message_either_nothing_is_known() -> None:
    assert look_up({"status": True}, {"status": True}, {"status": True, "message_status": []})[0] == {}


def test_questions_one_by_one_keep_what_they_have_brought_when_a1_has_had_too_much() -> None:
    one = {"status": True, "message_status": {"code": 3}}
    standings, http = look_up(error(2), one, error(12), error(7), count=5)
    assert standings == {1: Standing("3", Status.DELIVERED), 2: None}
    assert len(http.asked) == 4


def test_one_message_that_cannot_be_asked_for_does_not_hold_up_the_others() -> None:
    one = {"status": True, "message_status": {"code": 3}}
    standings, _ = look_up(error(12), error(1), one, AnswerLost("cut"), one, count=4)
    assert list(standings) == [2, 4]
    standings, http = look_up(error(12), error(1), AnswerLost("cut"), one, *[error(8)] * 3, count=9)
    assert list(standings) == [3]
    assert len(http.asked) == 7, "three in a row are A1's trouble"
    with pytest.raises(LinkTrouble):
        look_up(error(12), *[error(8)] * 3, count=9)


def test_a_poll_by_our_names_that_fails_takes_nothing_from_the_one_by_a1s() -> None:
    elements = [{"message_id": 7001, "code": 3}]
    http = FakeHttp(answer({"status": True, "messages_status": elements}), answer(error(8)))
    standings = run(carrier(http).statuses([submission(1, a1_id="7001"), submission(2)]))
    assert list(standings) == [1]


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (error(4), Trouble.CREDENTIALS),
        (error(7), Trouble.THROTTLED),
        (error(1), Trouble.UNAVAILABLE),
        (Answer(502, b"<html>"), Trouble.UNREACHABLE),
        (NotSent("refused"), Trouble.UNREACHABLE),
    ],
)
def test_statuses_that_cannot_be_asked_for(said: Any, trouble: Trouble) -> None:
    with pytest.raises(LinkTrouble) as raised:
        ask(said)
    assert raised.value.trouble is trouble


def test_a_probe_succeeds_with_any_answer_that_lets_the_account_in() -> None:
    run(carrier(FakeHttp(answer({"status": True, "sms": 10}))).probe())
    run(carrier(FakeHttp(answer(error(2)))).probe())
    for code in (3, 4, 5, 6):
        with pytest.raises(LinkTrouble):
            run(carrier(FakeHttp(answer(error(code)))).probe())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
a1_like = st.dictionaries(
    st.sampled_from(
        ["status", "error", "message_id", "messages", "messages_status", "data", "price", "parts", "code"]
    ),
    json_values,
)


@given(
    st.one_of(
        st.binary(max_size=200),
        json_values.map(lambda v: json.dumps(v).encode()),
        a1_like.map(lambda v: json.dumps(v).encode()),
    )
)
def test_any_answer_is_understood_or_lost_and_every_message_has_one_outcome(body: bytes) -> None:
    for count in (1, 2):
        http = FakeHttp(by=lambda _url, _form: Answer(200, body))
        outcomes = run(carrier(http).submit([submission(number) for number in range(1, count + 1)]))
        assert len(outcomes) == count
        assert all(isinstance(each, (Accepted, Refused, Postponed, Uncertain, Duplicate)) for each in outcomes)
    try:
        standings = run(carrier(FakeHttp(by=lambda _url, _form: Answer(200, body))).statuses([submission(a1_id="7")]))
    except LinkTrouble:
        return
    assert all(isinstance(each, Standing) for each in standings.values())


@given(a1_like)
def test_any_element_of_a_bulk_is_understood_or_left_uncertain(element: dict[str, Any]) -> None:
    outcome = read_element(element)
    assert outcome is None or isinstance(outcome, (Accepted, Refused, Duplicate, Postponed, Uncertain))


@pytest.mark.parametrize("number", ["1e100", "1e999999", "Infinity", "-Infinity", "NaN", "9" * 4000, "7.5", "-1"])
def test_no_number_of_a1s_is_too_strange(number: str) -> None:
    """A question whose answer cannot be read is asked again for ever, and holds up all others."""
    element = f'{{"message_id": {number}, "custom_id": "c1", "code": {number}, "name": {number}, "parts": {number}}}'
    for body in (
        f'{{"status": true, "messages_status": [{element}]}}',
        f'{{"status": true, "message_status": {element}}}',
        f'{{"status": false, "error": {element}}}',
        f'{{"status": true, "messages": [{element}, {{"error": {element}}}], "message_id": {number}}}',
    ):
        http = FakeHttp(by=lambda _url, _form: Answer(200, body.encode()))  # noqa: B023
        with suppress(LinkTrouble):
            run(carrier(http).look_up([submission(1), submission(2)]))
        with suppress(LinkTrouble):
            run(carrier(http).statuses([submission(1, a1_id="7")]))
        assert len(run(carrier(http).submit([submission(1), submission(2)]))) == 2
        assert len(run(carrier(http).submit([submission(1)]))) == 1


def test_what_cannot_be_written_down_is_not_passed_on() -> None:
    body = b'{"status": false, "error": {"code": 101, "description": "\\ud800", "parameter": "\\udfff"}}'
    [outcome], _ = submit(Answer(200, body))
    assert isinstance(outcome, Refused)
    outcome.note.encode()
    assert submit({"status": True, "message_id": 1, "parts": 10**30})[0] == [Accepted("1")]


def test_an_error_without_its_object_is_an_error_all_the_same() -> None:
    assert read_answer(answer({"status": False})) == A1Error(0, "None", None)


# What a campaign would cost

NUMBERS = ["+375291112233", "+375291112244"]


def cost_of(*answers: Any) -> Cost:
    http = FakeHttp(*[each if isinstance(each, (Answer, Exception)) else answer(each) for each in answers])
    result: Cost = run(carrier(http).cost("Скидки", NUMBERS, "MyShop"))
    assert http.methods == ["costBulk/sms"]
    assert [json.loads(form["messages"]) for _, form in http.asked] == [
        [
            {"msisdn": "375291112233", "text": "Скидки", "sender": "MyShop"},
            {"msisdn": "375291112244", "text": "Скидки", "sender": "MyShop"},
        ]
    ]
    return result


@pytest.mark.parametrize(
    "said",
    [
        {"price": 0.045, "parts": 2, "amount": 0.09},
        {"data": {"price": "0,045", "parts": 2, "amount": "0,09"}},
        {"messages": [{"amount": 0.045}, {"amount": "0.045"}], "amount": 7},
        {"messages": [{"amount": 0.045}, {"strange": True}], "amount": 0.09},
    ],
)
def test_the_cost_of_messages_is_read_in_every_shape(said: dict[str, Any]) -> None:
    assert cost_of({"status": True, **said}) == Cost(Decimal("0.09"), 2)


def test_those_that_a1_would_refuse_cost_nothing_and_are_told_by_reason() -> None:
    said = [{"amount": 0.09}, {"error": {"code": 102, "description": "стоп-лист", "parameter": "msisdn"}}]
    assert cost_of({"status": True, "messages": said}) == Cost(Decimal("0.09"), 1, {"stop_list": 1})


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"status": True}, "does not say what the messages cost"),
        ({"status": True, "amount": -1}, "does not say what the messages cost"),
        (error(4), "A1's error 4"),
        (Answer(404, b"<html>"), "HTTP 404"),
        (Answer(200, b"<html>"), "A1 cannot be reached"),
        (NotSent("refused"), "A1 cannot be reached"),
    ],
)
def test_a_cost_that_a1_does_not_tell_is_not_guessed(said: Any, text: str) -> None:
    with pytest.raises(LinkTrouble, match=text):
        cost_of(said)


# What A1 says of the account


def account_of(*answers: Any, clock: Clock | None = None) -> tuple[A1HttpCarrier, FakeHttp]:
    http = FakeHttp(*[each if isinstance(each, (Answer, Exception)) else answer(each) for each in answers])
    return carrier(http, clock), http


@pytest.mark.parametrize(
    "said", [{"sms": ["MyShop", " A1 Sale ", 1234]}, {"data": {"sms": ["MyShop", "A1 Sale", "1234"]}}]
)
def test_the_approved_names_are_told_in_a1s_order(said: dict[str, Any]) -> None:
    asking, http = account_of({"status": True, **said})
    assert run(asking.sender_names()) == ("MyShop", "A1 Sale", "1234")
    assert http.asked == [("https://a1.example/api/senderNames", {"user": "375291234567", "apikey": "key"})]


def test_an_account_may_have_no_names() -> None:
    assert run(account_of({"status": True, "sms": []})[0].sender_names()) == ()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sms": None},
        {"sms": "MyShop"},
        {"sms": {"0": "MyShop"}},
        {"sms": ["MyShop", {"name": "Other"}]},
        {"sms": ["MyShop", None]},
        {"sms": ["MyShop", ""]},
        {"viber": ["MyShop"]},
    ],
)
def test_names_that_cannot_be_read_are_not_taken_for_none(said: dict[str, Any]) -> None:
    with pytest.raises(LinkTrouble, match="does not say which sender names") as raised:
        run(account_of({"status": True, **said})[0].sender_names())
    assert raised.value.trouble is Trouble.UNAVAILABLE


@pytest.mark.parametrize(
    ("said", "balances"),
    [
        ({"sms": 99.91, "viber": 0}, Balances(Decimal("99.91"), Decimal(0))),
        ({"data": {"sms": "99,91", "viber": "1.5"}}, Balances(Decimal("99.91"), Decimal("1.5"))),
        ({"sms": -3}, Balances(Decimal(-3), None)),
        ({"sms": 1, "viber": "none"}, Balances(Decimal(1), None)),
    ],
)
def test_what_is_left_is_told_to_the_kopeck(said: dict[str, Any], balances: Balances) -> None:
    asking, http = account_of({"status": True, **said})
    assert run(asking.balances()) == balances
    assert http.methods == ["api/balances"]


@pytest.mark.parametrize("said", [{}, {"sms": None}, {"sms": True}, {"sms": "much"}, {"sms": "NaN"}, {"viber": 1}])
def test_a_balance_that_a1_does_not_tell_is_not_guessed(said: dict[str, Any]) -> None:
    with pytest.raises(LinkTrouble, match="does not say what is left"):
        run(account_of({"status": True, **said})[0].balances())


@pytest.mark.parametrize("question", ["sender_names", "balances"])
@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        (error(2), Trouble.FAULT),
        (error(4), Trouble.CREDENTIALS),
        (error(7), Trouble.THROTTLED),
        (Answer(404, b"<html>"), Trouble.FAULT),
        (Answer(200, b"<html>"), Trouble.UNREACHABLE),
        (NotSent("refused"), Trouble.UNREACHABLE),
        (AnswerLost("late"), Trouble.UNREACHABLE),
    ],
)
def test_why_a1_says_nothing_of_the_account_is_told(question: str, said: Any, trouble: Trouble) -> None:
    with pytest.raises(LinkTrouble) as raised:
        run(getattr(account_of(said)[0], question)())
    assert raised.value.trouble is trouble


def test_questions_about_the_account_wait_for_their_turn() -> None:
    clock = Clock()
    http = FakeHttp(answer({"status": True, "sms": []}), answer({"status": True, "sms": 1}))
    pace = TokenBucket(clock, 1, 1)
    asking = A1HttpCarrier(http, pace, Metrics(), url="https://a1.example/api/", user="u", apikey="k", timeout=20)
    run(pace.take())
    names = Deferred.fromCoroutine(asking.sender_names())
    left = Deferred.fromCoroutine(asking.balances())
    assert http.methods == []
    clock.advance(1)
    assert http.methods == ["api/senderNames"]
    clock.advance(1)
    assert http.methods == ["api/senderNames", "api/balances"]
    assert run(names) == ()
    assert run(left) == Balances(Decimal(1), None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["sms", "viber", "data"]) | st.text(), inner),
    )
)
def test_whatever_a1_says_of_the_account_is_understood_or_refused(said: Any) -> None:
    for question in ("sender_names", "balances"):
        with suppress(LinkTrouble):
            run(getattr(account_of({"status": True, "sms": said})[0], question)())
        with suppress(LinkTrouble):
            run(getattr(account_of({"status": True, "data": said})[0], question)())

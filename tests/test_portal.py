"""Bitrix24's REST API and its tokens: every documented error, batches with PHP's oddities, one refresh for all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from a1gateway.bitrix24.addresses import endpoint_address, portal_endpoint, same_portal
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import NotInstalled, Tokens
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.errors import AnswerLost, JournalUnavailable, NotSent
from a1gateway.http_client import Answer
from a1gateway.journal import Journal
from a1gateway.journal.journal import Installation
from a1gateway.metrics import Metrics

from .conftest import START, run
from .fakes import FakeHttp, answer

ENDPOINT = "https://shop.bitrix24.by/rest/"
OAUTH = "https://oauth.bitrix.info/oauth/token/"
INSTALLATION = Installation(
    "77aa", "shop.bitrix24.by", ENDPOINT, "access-1", "refresh-1", "app-token", "crm", "1", "ru", START, START
)
RENEWED = {
    "access_token": "access-2",
    "refresh_token": "refresh-2",
    "expires_in": 3600,
    "client_endpoint": ENDPOINT,
    "domain": "oauth.bitrix.info",
    "member_id": "77aa",
    "scope": "crm",
}


def error(code: str, http: int = 401) -> Answer:
    return answer({"error": code, "error_description": "сказано порталом"}, http)


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def tokens(clock: Clock, journal: Journal, http: FakeHttp) -> Tokens:
    tokens = Tokens(clock, journal, http, oauth_url=OAUTH, client_id="local.1", client_secret="s3cret")
    run(tokens.adopt(INSTALLATION))
    return tokens


@pytest.fixture
def portal(clock: Clock, http: FakeHttp, tokens: Tokens) -> Portal:
    return Portal(clock, http, tokens, Budget(clock, 2, 50), Metrics())


def test_a_method_is_called_with_the_stored_token(portal: Portal, http: FakeHttp) -> None:
    http.answers = [answer({"result": ["a1sms_by"], "time": {}})]
    assert run(portal.call("messageservice.sender.list", {"A": 1})) == ["a1sms_by"]
    assert http.asked == [
        (ENDPOINT + "messageservice.sender.list.json", {"A": 1, "auth": "access-1"}),
    ]


def test_without_an_installation_nothing_is_called(portal: Portal, tokens: Tokens, http: FakeHttp) -> None:
    run(tokens.forget())
    with pytest.raises(NotInstalled):
        run(portal.call("profile", {}))
    assert http.asked == []


@pytest.mark.parametrize("code", ["expired_token", "invalid_token", "NO_AUTH_FOUND"])
def test_an_expired_token_is_refreshed_and_the_call_repeated(
    portal: Portal, http: FakeHttp, journal: Journal, code: str
) -> None:
    http.answers = [error(code), answer(RENEWED), answer({"result": True})]
    assert run(portal.call("profile", {})) is True
    assert [url for url, _ in http.asked] == [ENDPOINT + "profile.json", OAUTH, ENDPOINT + "profile.json"]
    assert http.asked[1][1] == {
        "grant_type": "refresh_token",
        "client_id": "local.1",
        "client_secret": "s3cret",
        "refresh_token": "refresh-1",
    }
    assert http.asked[2][1]["auth"] == "access-2"
    kept = run(journal.installation())
    assert kept is not None
    assert (kept.access_token, kept.refresh_token, kept.domain) == ("access-2", "refresh-2", "shop.bitrix24.by")


def test_any_number_of_waiting_calls_make_one_refresh(portal: Portal, http: FakeHttp) -> None:
    refreshing: Deferred[Answer] = Deferred()

    def by(url: str, content: Any) -> Answer | Exception:
        if url == OAUTH:
            return refreshing  # type: ignore[return-value]
        return answer({"result": content["auth"]}) if content["auth"] == "access-2" else error("expired_token")

    http.by = by
    results: list[Any] = []
    for _ in range(20):
        Deferred.fromCoroutine(portal.call("profile", {})).addBoth(results.append)
    assert results == []
    refreshing.callback(answer(RENEWED))
    assert results == ["access-2"] * 20
    assert [url for url, _ in http.asked].count(OAUTH) == 1


def test_whoever_ends_waits_until_the_new_pair_is_on_disk(tokens: Tokens, http: FakeHttp) -> None:
    """Even when nobody waits for the refresh itself any more."""
    run(tokens.settled())
    coming: Deferred[Answer] = Deferred()
    http.answers = [coming]
    refreshing = tokens.refresh("access-1")
    refreshing.addErrback(lambda why: why.trap(CancelledError))
    refreshing.cancel()
    settled = tokens.settled()
    assert not settled.called
    coming.callback(answer(RENEWED))
    run(settled)
    assert tokens.current().access_token == "access-2"


def test_a_call_that_comes_with_an_old_token_after_the_refresh_gets_the_new_one(tokens: Tokens) -> None:
    assert run(tokens.refresh("an older one")) == INSTALLATION


def test_new_tokens_are_on_disk_before_they_are_used(
    portal: Portal,
    tokens: Tokens,
    http: FakeHttp,
    clock: Clock,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, away = journal.install, [True]

    def install(installation: Installation) -> Any:
        if away[0]:
            raise JournalUnavailable("locked")
        return real(installation)

    monkeypatch.setattr(journal, "install", install)
    http.answers = [error("expired_token"), answer(RENEWED), answer({"result": 1})]
    results: list[Any] = []
    Deferred.fromCoroutine(portal.call("profile", {})).addBoth(results.append)
    assert results == []
    assert tokens.current().access_token == "access-1"
    away[0] = False
    clock.advance(1)
    assert results == [1]
    assert tokens.current().access_token == "access-2"


def test_an_oauth_server_that_knows_only_the_query_gets_one(portal: Portal, http: FakeHttp) -> None:
    http.answers = [error("expired_token"), Answer(405, b"<html>"), answer(RENEWED), answer({"result": 1})]
    assert run(portal.call("profile", {})) == 1
    assert [url for url, _ in http.asked][1:3] == [OAUTH, "GET " + OAUTH]


@pytest.mark.parametrize(
    ("refusal", "operator"),
    [
        (answer({"error": "invalid_grant"}, 400), True),
        (answer({"error": "invalid_client"}, 400), True),
        (answer({"error": "PAYMENT_REQUIRED"}, 400), True),
        (answer({"error": "invalid_request"}, 400), False),
        (Answer(502, b"<html>"), False),
        (NotSent("refused"), False),
        (AnswerLost("no answer"), False),
    ],
)
def test_a_refresh_that_fails_keeps_the_old_tokens_and_says_what_to_do(
    portal: Portal, tokens: Tokens, http: FakeHttp, refusal: Answer | Exception, operator: bool
) -> None:
    http.answers = [error("expired_token"), refusal]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.call("profile", {}))
    assert raised.value.operator is operator
    assert tokens.current() == INSTALLATION
    # Nobody is left waiting: the next call asks anew.
    http.answers = [error("expired_token"), answer(RENEWED), answer({"result": 1})]
    assert run(portal.call("profile", {})) == 1


@pytest.mark.parametrize("said", [answer({"error": "invalid_grant"}, 400), answer(RENEWED)])
def test_an_installation_during_a_refresh_is_what_everybody_goes_on_with(
    portal: Portal, tokens: Tokens, http: FakeHttp, journal: Journal, said: Answer
) -> None:
    refreshing: Deferred[Answer] = Deferred()

    def by(url: str, content: Any) -> Answer | Exception:
        if url == OAUTH:
            return refreshing  # type: ignore[return-value]
        return answer({"result": content["auth"]}) if content["auth"] == "access-9" else error("expired_token")

    http.by = by
    results: list[Any] = []
    Deferred.fromCoroutine(portal.call("profile", {})).addBoth(results.append)
    anew = replace(INSTALLATION, access_token="access-9", refresh_token="refresh-9")
    run(tokens.adopt(anew))
    refreshing.callback(said)
    assert results == ["access-9"]
    assert tokens.current() == run(journal.installation()) == anew


def test_after_a_refresh_in_vain_the_call_is_not_repeated_for_ever(portal: Portal, http: FakeHttp) -> None:
    http.answers = [error("invalid_token"), answer(RENEWED), error("invalid_token")]
    with pytest.raises(PortalTrouble, match="reinstall"):
        run(portal.call("profile", {}))


@pytest.mark.parametrize(
    "code",
    [
        "APPLICATION_NOT_FOUND",
        "authorization_error",
        "user_access_error",
        "insufficient_scope",
        "ACCESS_DENIED",
        "INVALID_CREDENTIALS",
        "WRONG_AUTH_TYPE",
        "OVERLOAD_LIMIT",
        "PORTAL_DELETED",
        "METHOD_CONFIRM_WAITING",
        "METHOD_CONFIRM_DENIED",
    ],
)
def test_errors_for_the_operator(portal: Portal, http: FakeHttp, code: str) -> None:
    http.answers = [error(code, 403)]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.call("profile", {}))
    assert raised.value.operator
    assert portal.trouble is raised.value


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(error("INTERNAL_SERVER_ERROR", 500), id="INTERNAL_SERVER_ERROR"),
        pytest.param(error("ERROR_UNEXPECTED_ANSWER", 500), id="ERROR_UNEXPECTED_ANSWER"),
        pytest.param(error("CONNECTION_ERROR"), id="CONNECTION_ERROR"),
        pytest.param(Answer(200, b"<html>maintenance</html>"), id="HTML instead of JSON"),
        pytest.param(Answer(502, b""), id="nothing"),
        pytest.param(AnswerLost("no answer within 65 seconds"), id="time-out"),
        pytest.param(NotSent("no such host"), id="no connection"),
    ],
)
def test_errors_that_pass(portal: Portal, http: FakeHttp, said: Answer | Exception) -> None:
    http.answers = [said, answer({"result": 1})]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.call("profile", {}))
    assert not raised.value.operator
    assert run(portal.call("profile", {})) == 1
    assert portal.trouble is None


@pytest.mark.parametrize(
    "code", ["ERROR_METHOD_NOT_FOUND", "INVALID_REQUEST", "ERROR_CORE", "ERROR_ARGUMENT", "", "7"]
)
def test_errors_of_the_call_itself(portal: Portal, http: FakeHttp, code: str) -> None:
    http.answers = [error(code, 400)]
    with pytest.raises(PortalError) as raised:
        run(portal.call("profile", {}))
    assert raised.value.code == code


def test_query_limit_exceeded_slows_everything_down(portal: Portal, http: FakeHttp, clock: Clock) -> None:
    http.answers = [error("QUERY_LIMIT_EXCEEDED", 503), answer({"result": 1})]
    with pytest.raises(PortalTrouble):
        run(portal.call("profile", {}))
    results: list[Any] = []
    Deferred.fromCoroutine(portal.call("profile", {})).addBoth(results.append)
    clock.advance(1.4)
    assert results == []
    clock.advance(0.2)
    assert results == [1]


def test_operation_time_limit_stops_the_one_method_until_it_is_over(
    portal: Portal, http: FakeHttp, clock: Clock
) -> None:
    exhausted = {"error": "OPERATION_TIME_LIMIT", "time": {"operating_reset_at": START + 100}}
    http.answers = [answer(exhausted, 429)]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.call("crm.item.list", {}))
    assert raised.value.pause == 100
    clock.advance(99)
    with pytest.raises(PortalTrouble):
        run(portal.call("crm.item.list", {}))
    assert len(http.asked) == 1
    http.answers = [answer({"result": 1}), answer({"result": 2})]
    assert run(portal.call("profile", {})) == 1
    clock.advance(2)
    assert run(portal.call("crm.item.list", {})) == 2


@pytest.mark.parametrize(
    ("time", "pause"),
    [
        pytest.param({"operating_reset_at": START + 7300, "finish": START + 7200}, 100, id="its clock is ahead"),
        pytest.param({"operating_reset_at": START - 7100, "finish": START - 7200.5}, 100.5, id="its clock is behind"),
        pytest.param({"operating_reset_at": START + 7300}, 600, id="ahead, and it does not say what time it is"),
        pytest.param({"operating_reset_at": START - 7100, "finish": None}, 600, id="behind, the same"),
        pytest.param({"operating_reset_at": START + 0.2}, 1, id="at once"),
        pytest.param({"operating_reset_at": 10**400}, 600, id="a number that is no time"),
        pytest.param({"operating_reset_at": float("nan")}, 600, id="no number"),
        pytest.param([], 600, id="nothing"),
    ],
)
def test_a_limit_pauses_ten_minutes_at_the_most_whatever_the_clocks_say(
    portal: Portal, http: FakeHttp, time: object, pause: float
) -> None:
    http.answers = [answer({"error": "OPERATION_TIME_LIMIT", "time": time}, 429)]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.call("crm.item.list", {}))
    assert raised.value.pause == pause


def test_a_renamed_portal_is_followed_as_post(portal: Portal, http: FakeHttp) -> None:
    moved = Answer(302, b"", "https://new-name.bitrix24.by/rest/profile.json")
    http.answers = [moved, answer({"result": 1})]
    assert run(portal.call("profile", {})) == 1
    assert http.asked[1] == ("https://new-name.bitrix24.by/rest/profile.json", {"auth": "access-1"})


def test_a_redirection_to_an_unprotected_address_is_not_followed(portal: Portal, http: FakeHttp) -> None:
    http.answers = [Answer(302, b"", "http://elsewhere.example/rest/profile.json")]
    with pytest.raises(PortalTrouble):
        run(portal.call("profile", {}))
    assert len(http.asked) == 1


def batch(portal: Portal, http: FakeHttp, result: Any, names: str = "abc") -> dict[str, Any]:
    http.answers = [answer({"result": result})]
    return run(portal.batch({name: ("m.update", {"ID": name}) for name in names}))


def test_a_batch_is_written_as_bitrix24_wants_it(portal: Portal, http: FakeHttp) -> None:
    http.answers = [answer({"result": {"result": {"m1": True}, "result_error": []}})]
    values = {"CODE": "a1sms_by", "STATUS": "A & B #1"}
    assert run(portal.batch({"m1": ("messageservice.message.status.update", values)})) == {"m1": True}
    url, content = http.asked[0]
    assert url == ENDPOINT + "batch.json"
    assert content["halt"] == 0
    method, _, query = content["cmd"]["m1"].partition("?")
    assert method == "messageservice.message.status.update"
    assert parse_qs(query) == {"CODE": ["a1sms_by"], "STATUS": ["A & B #1"]}
    assert "#" not in content["cmd"]["m1"]


def test_the_parts_of_a_batch_that_are_empty_are_lists(portal: Portal, http: FakeHttp) -> None:
    errors = {name: {"error": "ERROR_MESSAGE_NOT_FOUND", "error_description": ""} for name in "abc"}
    outcome = batch(portal, http, {"result": [], "result_error": errors, "result_total": [], "result_next": []})
    assert [each.code for each in outcome.values()] == ["ERROR_MESSAGE_NOT_FOUND"] * 3


def test_a_command_in_neither_part_was_not_run(portal: Portal, http: FakeHttp) -> None:
    assert batch(portal, http, {"result": {"a": True}, "result_error": []}) == {"a": True}


def test_a_command_that_meets_a_limit_is_a_trouble_and_not_its_error(portal: Portal, http: FakeHttp) -> None:
    errors = {"b": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}}
    outcome = batch(portal, http, {"result": {"a": True}, "result_error": errors})
    assert isinstance(outcome["b"], PortalTrouble)
    with pytest.raises(PortalTrouble):
        batch(portal, http, {})


def test_a_method_that_has_met_its_limit_holds_up_no_other(portal: Portal, http: FakeHttp, clock: Clock) -> None:
    errors = {"b": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}}
    batch(portal, http, {"result": {"a": True, "c": True}, "result_error": errors})
    http.answers = [answer({"result": {"result": {"me": 1}}})]
    outcome = run(portal.batch({"x": ("m.update", {}), "me": ("profile", {})}))
    assert outcome["me"] == 1
    assert isinstance(outcome["x"], PortalTrouble)
    assert list(http.asked[-1][1]["cmd"]) == ["me"]
    # When it is free again, it is asked for.
    clock.advance(600)
    assert batch(portal, http, {"result": {"a": True, "b": True, "c": True}}) == dict.fromkeys("abc", True)


def test_a_batch_that_is_refused_as_a_whole_says_nothing_of_its_commands(portal: Portal, http: FakeHttp) -> None:
    http.answers = [error("ERROR_CORE", 400)]
    with pytest.raises(PortalTrouble) as raised:
        run(portal.batch({"me": ("profile", {})}))
    assert not raised.value.operator
    assert portal.trouble is raised.value


def test_a_command_that_is_shut_out_holds_up_no_other(portal: Portal, http: FakeHttp) -> None:
    errors = {"b": {"error": "ACCESS_DENIED", "error_description": ""}}
    outcome = batch(portal, http, {"result": {"a": True, "c": True}, "result_error": errors})
    assert (outcome["a"], outcome["c"]) == (True, True)
    assert isinstance(outcome["b"], PortalError)
    assert portal.trouble is None


def test_a_batch_that_is_shut_out_as_a_whole_is_for_the_operator(portal: Portal, http: FakeHttp) -> None:
    errors = {name: {"error": "ACCESS_DENIED", "error_description": ""} for name in "abc"}
    with pytest.raises(PortalTrouble) as raised:
        batch(portal, http, {"result": [], "result_error": errors})
    assert raised.value.operator
    assert portal.trouble is raised.value


def test_a_token_that_expires_within_a_batch_is_refreshed_and_its_commands_were_not_run(
    portal: Portal, http: FakeHttp, tokens: Tokens
) -> None:
    errors = {name: {"error": "expired_token", "error_description": ""} for name in "bc"}
    http.answers = [answer({"result": {"result": {"a": True}, "result_error": errors}}), answer(RENEWED)]
    assert run(portal.batch({name: ("m.update", {"ID": name}) for name in "abc"})) == {"a": True}
    assert tokens.current().access_token == "access-2"


def test_what_a_batch_did_before_its_token_expired_is_known_even_when_no_new_one_is_to_be_had(
    portal: Portal, http: FakeHttp
) -> None:
    errors = {"b": {"error": "expired_token", "error_description": ""}}
    http.answers = [answer({"result": {"result": {"a": True}, "result_error": errors}}), Answer(502, b"<html>")]
    assert run(portal.batch({name: ("m.update", {"ID": name}) for name in "ab"})) == {"a": True}
    assert portal.trouble is not None


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "error", "result", "result_error", "result_time"]), inner)
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_answer_to_a_batch_is_understood_or_a_trouble(content: Any) -> None:
    clock = Clock()
    http = FakeHttp(by=lambda _url, _content: answer(content))
    tokens = Tokens(clock, None, http, oauth_url=OAUTH, client_id="", client_secret="")  # type: ignore[arg-type]
    tokens._installation = INSTALLATION
    portal = Portal(clock, http, tokens, Budget(clock, 2, 50), Metrics())
    try:
        outcome = run(portal.batch({"a": ("m", {}), "b": ("m", {})}))
    except (PortalTrouble, PortalError):
        return
    assert set(outcome) <= {"a", "b"}


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://shop.bitrix24.by/rest/", "https://shop.bitrix24.by/rest/"),
        ("https://SHOP.bitrix24.by/rest", "https://shop.bitrix24.by/rest/"),
        ("http://127.0.0.1:8092/rest/", "http://127.0.0.1:8092/rest/"),
        ("http://localhost:8092/rest/", "http://localhost:8092/rest/"),
        ("http://shop.bitrix24.by/rest/", None),
        ("http://127.0.0.1.evil.example/rest/", None),
        ("https://user@shop.bitrix24.by/rest/", None),
        ("https://shop.bitrix24.by/rest/?a=1", None),
        ("ftp://127.0.0.1/", None),
        ("https://", None),
        ("https://shop.bitrix24.by:port/", None),
        ("nonsense", None),
    ],
)
def test_endpoints_that_may_be_called(url: str, endpoint: str | None) -> None:
    assert endpoint_address(url) == endpoint


def test_portals_by_their_host_names() -> None:
    assert portal_endpoint("shop.bitrix24.by") == ENDPOINT
    assert portal_endpoint("127.0.0.1:8092") == "http://127.0.0.1:8092/rest/"
    assert portal_endpoint("evil.example/x?") is None
    assert same_portal("Shop.Bitrix24.by:443", "shop.bitrix24.by")
    assert not same_portal("shop.bitrix24.by.evil.example", "shop.bitrix24.by")


@given(st.text(max_size=50))
def test_any_text_is_an_address_or_not(text: str) -> None:
    for found in (endpoint_address(text), portal_endpoint(text)):
        assert found is None or found.startswith(("https://", "http://127.", "http://localhost", "http://["))

"""Installation, update, uninstallation: what proves a call genuine, and that a forged one changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.calls import Credentials, read_application_call
from a1gateway.bitrix24.lifecycle import Lifecycle
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.errors import NotSent
from a1gateway.http_client import Answer
from a1gateway.journal import Journal
from a1gateway.metrics import Metrics
from a1gateway.web.answers import NotGenuine
from a1gateway.web.forms import nested

from .conftest import run
from .fakes import FakeHttp, answer

PORTAL = "https://shop.bitrix24.by/rest/"
OAUTH = "https://oauth.bitrix.info/rest/"

API_ONLY = {
    "event": "ONAPPINSTALL",
    "data[VERSION]": "1",
    "data[LANGUAGE_ID]": "ru",
    "ts": "1795363200",
    "auth[access_token]": "3c1e",
    "auth[refresh_token]": "2b9d",
    "auth[expires_in]": "3600",
    "auth[scope]": "crm,messageservice",
    "auth[domain]": "shop.bitrix24.by",
    "auth[member_id]": "77aa",
    "auth[status]": "L",
    "auth[application_token]": "d41c",
    "auth[client_endpoint]": PORTAL,
    "auth[server_endpoint]": OAUTH,
}
WITH_PAGES = {
    "DOMAIN": "shop.bitrix24.by",
    "PROTOCOL": "1",
    "LANG": "ru",
    "APP_SID": "705f",
    "AUTH_ID": "3c1e",
    "AUTH_EXPIRES": "3600",
    "REFRESH_ID": "2b9d",
    "SERVER_ENDPOINT": OAUTH,
    "APPLICATION_TOKEN": "d41c",
    "member_id": "77aa",
    "status": "L",
    "PLACEMENT": "DEFAULT",
}


class Outside:
    """A portal and an OAuth server that know one application and its tokens."""

    def __init__(self) -> None:
        self.valid = {"3c1e": "local.1"}
        self.admins = {"3c1e"}
        self.down = False
        self.vouched: str | None = None
        self.here = PORTAL
        self.asked: list[str] = []

    def __call__(self, url: str, content: Any) -> Answer | Exception:
        self.asked.append(url)
        if self.down:
            return NotSent("refused")
        token = content["auth"]
        if not url.startswith((PORTAL, OAUTH, self.here)):
            # A liar's own server confirms everything.
            return answer({"result": {"CODE": "local.1", "ADMIN": True}})
        if token not in self.valid:
            return answer({"error": "invalid_token"}, 401)
        if url.endswith("app.info.json"):
            name = "client_id" if url.startswith(OAUTH) else "CODE"
            info = {name: self.valid[token], "INSTALLED": False}
            if url.startswith(OAUTH) and self.vouched is not None:
                info["install"] = {"client_endpoint": self.vouched}
            return answer({"result": info})
        assert url.endswith("profile.json")
        return answer({"result": {"ID": "1", "ADMIN": token in self.admins}})


@dataclass
class Application:
    lifecycle: Lifecycle
    tokens: Tokens
    outside: Outside
    changed: list[None]

    def take(self, fields: dict[str, str]) -> None:
        run(self.lifecycle.take(read_application_call(nested(fields.items()))))

    def refuses(self, fields: dict[str, str]) -> None:
        before, changed = self.tokens.installation, len(self.changed)
        with pytest.raises(NotGenuine):
            self.take(fields)
        assert self.tokens.installation is before
        assert len(self.changed) == changed


def application(
    clock: Clock, journal: Journal, portal_name: str | None, client_id: str = "local.1", oauth: str = OAUTH
) -> Application:
    outside, changed = Outside(), list[None]()
    http = FakeHttp(by=outside)
    tokens = Tokens(clock, journal, http, oauth_url="", client_id=client_id, client_secret="")
    portal = Portal(clock, http, tokens, Budget(clock, 2, 50), Metrics())
    lifecycle = Lifecycle(
        clock,
        portal,
        tokens,
        portal_name=portal_name,
        client_id=client_id,
        oauth_endpoint=oauth,
        on_change=lambda: changed.append(None),
    )
    return Application(lifecycle, tokens, outside, changed)


@pytest.fixture
def named(clock: Clock, journal: Journal) -> Application:
    return application(clock, journal, "shop.bitrix24.by")


@pytest.fixture
def unnamed(clock: Clock, journal: Journal) -> Application:
    return application(clock, journal, None)


@pytest.mark.parametrize("call", [API_ONLY, WITH_PAGES], ids=["api only", "with pages"])
@pytest.mark.parametrize("portal_name", ["shop.bitrix24.by", None], ids=["named portal", "first portal"])
def test_a_genuine_installation_is_kept(
    clock: Clock, journal: Journal, call: dict[str, str], portal_name: str | None
) -> None:
    app = application(clock, journal, portal_name)
    app.take(call)
    kept = run(journal.installation())
    assert kept is not None
    assert kept == app.tokens.installation
    assert (kept.access_token, kept.refresh_token, kept.application_token) == ("3c1e", "2b9d", "d41c")
    assert (kept.member_id, kept.domain, kept.client_endpoint) == ("77aa", "shop.bitrix24.by", PORTAL)
    assert app.changed


def test_a_token_that_the_portal_does_not_know_is_refused(named: Application, unnamed: Application) -> None:
    for app in (named, unnamed):
        app.refuses(API_ONLY | {"auth[access_token]": "made up"})
        app.refuses(WITH_PAGES | {"AUTH_ID": "made up"})


def test_a_token_of_another_application_is_refused(named: Application, unnamed: Application) -> None:
    for app in (named, unnamed):
        app.outside.valid["3c1e"] = "local.another"
        app.refuses(API_ONLY)


def test_whoever_is_no_administrator_cannot_install(named: Application) -> None:
    named.outside.admins.clear()
    named.refuses(API_ONLY)


@pytest.mark.parametrize(
    "lie",
    [
        {"auth[domain]": "evil.example", "auth[client_endpoint]": "https://evil.example/rest/"},
        {"auth[client_endpoint]": "https://evil.example/rest/", "auth[access_token]": "made up"},
        {"auth[client_endpoint]": "http://shop.bitrix24.by/rest/"},
        {"auth[client_endpoint]": "https://shop.bitrix24.by@evil.example/rest/"},
        {"auth[domain]": "evil.example", "auth[client_endpoint]": ""},
        {"auth[domain]": "", "auth[client_endpoint]": ""},
    ],
)
def test_another_portal_than_the_named_one_is_refused_without_being_asked(
    named: Application, lie: dict[str, str]
) -> None:
    named.refuses(API_ONLY | lie)
    assert not [url for url in named.outside.asked if "evil" in url]


def test_a_liars_own_server_is_not_believed_and_not_even_asked(unnamed: Application) -> None:
    lie = {"auth[domain]": "evil.example", "auth[client_endpoint]": "https://evil.example/rest/"}
    unnamed.refuses(API_ONLY | lie | {"auth[access_token]": "made up"})
    assert [url for url in unnamed.outside.asked if "evil" in url] == []


def test_after_the_first_portal_no_other_can_install(unnamed: Application) -> None:
    unnamed.take(API_ONLY)
    lie = {"auth[domain]": "other.bitrix24.by", "auth[client_endpoint]": "https://other.bitrix24.by/rest/"}
    unnamed.refuses(API_ONLY | lie)


def test_before_client_id_is_known_the_named_portal_can_install(clock: Clock, journal: Journal) -> None:
    application(clock, journal, "shop.bitrix24.by", client_id="").take(API_ONLY)
    assert run(journal.installation()) is not None


def test_before_client_id_is_known_no_unnamed_portal_can_install(clock: Clock, journal: Journal) -> None:
    application(clock, journal, None, client_id="").refuses(API_ONLY)


def install_while_down(app: Application) -> list[Any]:
    app.outside.down = True
    ended: list[Any] = []
    taking = app.lifecycle.take(read_application_call(nested(API_ONLY.items())))
    Deferred.fromCoroutine(taking).addBoth(ended.append)
    return ended


def test_while_the_portal_cannot_be_asked_nothing_is_decided(named: Application, clock: Clock) -> None:
    ended = install_while_down(named)
    clock.pump([1, 2, 4])
    assert ended[0].check(PortalTrouble)
    assert named.tokens.installation is None


def test_a_portal_that_stumbles_over_the_proof_is_asked_again(named: Application, clock: Clock) -> None:
    ended = install_while_down(named)
    clock.advance(1)
    named.outside.down = False
    clock.pump([2, 0])
    assert ended == [None]
    assert named.tokens.installation is not None


def evil(app: Application) -> dict[str, str]:
    """An employee's token, good at the portal and the OAuth server, with an address that confirms whatever it is."""
    app.outside.valid["employee"] = "local.1"
    return API_ONLY | {
        "auth[access_token]": "employee",
        "auth[client_endpoint]": "https://evil.example/rest/",
    }


def test_an_employees_token_does_not_take_the_gateway_to_another_address(named: Application) -> None:
    named.refuses(evil(named))
    named.take(API_ONLY)
    named.refuses(evil(named))
    assert not [url for url in named.outside.asked if "evil" in url]


def test_of_the_first_portal_the_oauth_server_says_which_it_is(unnamed: Application) -> None:
    unnamed.outside.vouched = PORTAL
    unnamed.refuses(evil(unnamed) | {"auth[domain]": "evil.example"})
    assert not [url for url in unnamed.outside.asked if "evil" in url]
    unnamed.take(API_ONLY)


def test_on_one_machine_a_portal_may_stand_in_under_the_real_ones_name(clock: Clock, journal: Journal) -> None:
    app = application(clock, journal, "shop.bitrix24.by", oauth="http://127.0.0.1:8092/rest/")
    here = {"auth[client_endpoint]": "http://127.0.0.1:8092/rest/"}
    app.outside.here = here["auth[client_endpoint]"]
    app.take(API_ONLY | here)
    assert app.tokens.current().client_endpoint == here["auth[client_endpoint]"]
    app.refuses(API_ONLY | {"auth[client_endpoint]": "https://evil.example/rest/"})


@pytest.mark.parametrize("event", ["ONAPPINSTALL", "ONAPPUPDATE"])
def test_a_reinstallation_and_an_update_bring_new_tokens_and_register_again(named: Application, event: str) -> None:
    named.take(API_ONLY)
    named.outside.valid["4d2f"] = "local.1"
    named.outside.admins.add("4d2f")
    new = {"event": event, "auth[access_token]": "4d2f", "auth[refresh_token]": "9f", "auth[application_token]": "e5"}
    named.take(API_ONLY | new)
    installed = named.tokens.current()
    assert (installed.access_token, installed.application_token) == ("4d2f", "e5")
    assert len(named.changed) == 2


def test_an_update_without_tokens_registers_again_with_the_ones_that_are_kept(named: Application) -> None:
    named.take(API_ONLY)
    update = {"event": "ONAPPUPDATE", "auth[member_id]": "77aa", "auth[application_token]": "d41c"}
    named.take(update)
    assert named.tokens.current().access_token == "3c1e"
    assert len(named.changed) == 2
    named.refuses(update | {"auth[application_token]": "made up"})


UNINSTALL = {
    "event": "ONAPPUNINSTALL",
    "data[LANGUAGE_ID]": "ru",
    "data[CLEAN]": "1",
    "auth[domain]": "shop.bitrix24.by",
    "auth[member_id]": "77aa",
    "auth[application_token]": "d41c",
}


def test_an_uninstallation_forgets_the_tokens(named: Application, journal: Journal) -> None:
    named.take(API_ONLY)
    named.take(UNINSTALL)
    assert named.tokens.installation is None
    assert run(journal.installation()) is None
    named.take(API_ONLY)
    assert named.tokens.installation is not None


@pytest.mark.parametrize(
    "lie",
    [
        {"auth[application_token]": "made up"},
        {"auth[application_token]": ""},
        {"auth[member_id]": "another"},
    ],
)
def test_a_forged_uninstallation_changes_nothing(named: Application, lie: dict[str, str]) -> None:
    named.take(API_ONLY)
    named.refuses(UNINSTALL | lie)


def test_an_event_of_no_use_is_checked_all_the_same(named: Application) -> None:
    named.take(API_ONLY)
    named.take(UNINSTALL | {"event": "ONCRMDEALADD"})
    named.refuses(UNINSTALL | {"event": "ONCRMDEALADD", "auth[application_token]": "made up"})


AUTH = Credentials("", "", "d41c", "shop.bitrix24.by", "", "77aa", "", "")


def test_a_message_with_the_applications_token_or_without_any_passes(named: Application) -> None:
    run(named.lifecycle.check_message(AUTH))
    named.take(API_ONLY)
    run(named.lifecycle.check_message(AUTH))
    run(named.lifecycle.check_message(None))
    run(named.lifecycle.check_message(replace(AUTH, application_token="")))


def test_a_message_with_another_token_is_refused(named: Application) -> None:
    named.take(API_ONLY)
    for forged in ("", "made up"):
        with pytest.raises(NotGenuine):
            run(named.lifecycle.check_message(replace(AUTH, application_token="x", access_token=forged)))
    with pytest.raises(NotGenuine):
        run(named.lifecycle.check_message(replace(AUTH, member_id="another")))


def test_a_new_token_of_the_application_is_learnt_from_a_message_that_the_portal_vouches_for(
    named: Application,
) -> None:
    named.take(API_ONLY)
    named.outside.valid["employee"] = "local.1"
    run(named.lifecycle.check_message(replace(AUTH, application_token="new", access_token="employee")))
    assert named.tokens.current().application_token == "new"


def test_a_call_is_not_lost_because_the_portal_cannot_vouch_for_it(named: Application) -> None:
    named.take(API_ONLY)
    named.outside.down = True
    run(named.lifecycle.check_message(replace(AUTH, application_token="new", access_token="employee")))
    # What it brings is not believed, though.
    assert named.tokens.current().application_token == "d41c"


def test_a_page_is_shown_to_whoever_the_portal_knows(named: Application) -> None:
    named.take(API_ONLY)
    run(named.lifecycle.prove_user(replace(AUTH, access_token="3c1e")))
    for stranger in ("", "made up"):
        with pytest.raises(NotGenuine):
            run(named.lifecycle.prove_user(replace(AUTH, access_token=stranger)))

"""What doctor makes of what it sees; the whole of it, against real counterparts, is in `daemon/test_doctor.py`."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from a1gateway import __version__
from a1gateway.bitrix24.tokens import NotInstalled
from a1gateway.bitrix24.trouble import EXPIRED, PortalError, PortalTrouble
from a1gateway.checklist.expected import expected
from a1gateway.checklist.findings import Check, Finding, State, Subject
from a1gateway.config import ConfigFaults, check, check_table
from a1gateway.config_sections import Config
from a1gateway.control.doctor import doctor_operations, fingerprint
from a1gateway.control.operations import OwnDesk
from a1gateway.doctor import store as doctors_store
from a1gateway.doctor.account import ask_account
from a1gateway.doctor.address import Certificate, called_of_late, certificate_at, look_at_address
from a1gateway.doctor.examination import ORDER, config_found, faults_found, meet, settled
from a1gateway.doctor.portal import KeptTokens, ask_for_senders, ask_portal
from a1gateway.doctor.store import check_integrity, is_held, look_at_places, look_at_store
from a1gateway.doctor.telling import MARKS, as_json, line_of, sum_of
from a1gateway.doctor.witnesses import TOLERANCE, Witness, WitnessedClient, clock_check
from a1gateway.errors import AnswerLost, GatewayError, NotSent
from a1gateway.http_client import Answer
from a1gateway.journal import Journal, Store
from a1gateway.web.sightings import Sightings
from a1gateway.words.words import LANGUAGES, words

from .certificates import NOW, sign
from .conftest import START, arrival, pass_time, run
from .fakes import FakeHttp, FakePortal, answer
from .test_portal import INSTALLATION, error

WORD = "doctor-0123456789abcdef0123456789abcdef"
LOCALHOST = x509.DNSName("localhost")


def configuration(**http: str) -> Config:
    return check_table(
        {
            "http": {"public_url": "https://sms.example.by", **http},
            "a1": {
                "sender_id": "MyShop",
                "http": {"url": "https://smart-sender.a1.by/api/", "user": "375291234567", "apikey": "key"},
                "callback": {"secret": "a-secret-of-some-length"},
            },
            "bitrix24": {
                "portal": "shop.bitrix24.by",
                "client_id": "local.1",
                "client_secret": "secret",
                "handler_secret": "another-secret-of-some-length",
            },
        },
        ".",
    )


def found(checks: list[Check]) -> dict[Subject, Finding]:
    return {each.finding.subject: each.finding for each in checks}


# The clock


@pytest.mark.parametrize(
    ("date", "asked_at", "answered_at", "ahead"),
    [
        (START, START, START, 0.0),
        (START, START + 0.9, START + 0.95, 0.0),  # what is written is cut to the second
        (START, START - 5, START + 5, 0.0),  # it was made at some moment of the waiting
        (START, START + 41, START + 42, 40.0),
        (START, START - 42, START - 40, -40.0),
    ],
)
def test_only_what_lies_outside_the_time_of_the_request_counts(
    date: float, asked_at: float, answered_at: float, ahead: float
) -> None:
    times = iter([asked_at, answered_at])
    client = WitnessedClient(FakeHttp(replace(answer({}), date=date)), lambda: next(times))
    run(client.get("https://a1.example.by/api/", {}, timeout=1))
    assert client.witnesses == [Witness("a1.example.by", ahead)]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_one_clock_that_agrees_is_enough(differences: list[float]) -> None:
    """An on-premise portal may be the one that is wrong."""
    check = clock_check([Witness("somebody", each) for each in differences])
    agrees = any(abs(each) <= TOLERANCE for each in differences)
    assert check.finding is (Finding.CLOCK_RIGHT if agrees else Finding.CLOCK_WRONG)


def test_nobody_to_compare_with_is_no_fault() -> None:
    client = WitnessedClient(FakeHttp(answer({}), NotSent("refused")), lambda: START)
    run(client.post_form("https://a1.example.by/", {}, timeout=1))
    with pytest.raises(NotSent):
        run(client.post_json("https://a1.example.by/", {}, timeout=1))
    assert clock_check(client.witnesses).finding is Finding.CLOCK_UNKNOWN


# A1


def test_the_account_is_asked_by_two_questions_that_change_nothing(clock: Clock) -> None:
    config = configuration()
    assert config.a1.http is not None
    http = FakeHttp(answer({"status": True, "sms": "112.50"}), answer({"status": True, "sms": ["MyShop"]}))
    checks = run(ask_account(clock, http, config.a1.http, expected(config)))
    assert found(checks) == {
        Subject.A1: Finding.A1_ANSWERS,
        Subject.BALANCE: Finding.BALANCE_LEFT,
        Subject.SENDER_ID: Finding.SENDER_ID_APPROVED,
    }
    assert http.methods == ["api/balances", "api/senderNames"]


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (answer({"status": False, "error": {"code": 4, "description": "no"}}), Finding.A1_REFUSES),
        (answer({"status": False, "error": {"code": 5, "description": "no"}}), Finding.A1_REFUSES),
        (answer({"status": False, "error": {"code": 8, "description": "no"}}), Finding.A1_UNAVAILABLE),
        (answer(b"<html>"), Finding.A1_UNREACHABLE),
        (NotSent("refused"), Finding.A1_UNREACHABLE),
        (AnswerLost("no answer within 20 seconds"), Finding.A1_UNREACHABLE),
    ],
)
def test_what_is_wrong_with_the_account_is_told_apart(
    clock: Clock, said: Answer | Exception, finding: Finding
) -> None:
    """And it is asked once: the rest is not known then."""
    config = configuration()
    assert config.a1.http is not None
    http = FakeHttp(said)
    checks = run(ask_account(clock, http, config.a1.http, expected(config)))
    assert found(checks)[Subject.A1] is finding
    assert {each.state for each in checks if each.finding.subject is not Subject.A1} == {State.WAIT}
    assert len(http.asked) == 1


def test_a_daemon_that_sends_as_fast_as_it_may_is_no_fault_of_the_account(clock: Clock) -> None:
    """A1 counts the requests of both; a moment later there is room for one."""
    config = configuration()
    assert config.a1.http is not None
    too_fast = answer({"status": False, "error": {"code": 7, "description": "too many requests"}})
    names = answer({"status": True, "sms": ["MyShop"]})
    http = FakeHttp(too_fast, too_fast, answer({"status": True, "sms": "112.50"}), names)
    asking = Deferred.fromCoroutine(ask_account(clock, http, config.a1.http, expected(config)))
    pass_time(clock, 5)
    assert found(run(asking))[Subject.A1] is Finding.A1_ANSWERS
    http = FakeHttp(by=lambda *_: too_fast)
    asking = Deferred.fromCoroutine(ask_account(clock, http, config.a1.http, expected(config)))
    pass_time(clock, 10)
    assert found(run(asking))[Subject.A1] is Finding.A1_TOO_FAST


# Bitrix24 without a daemon


def test_the_tokens_of_the_journal_are_used_and_never_refreshed(clock: Clock) -> None:
    clock.advance(START - clock.seconds() + 7200)
    http = FakeHttp(error("expired_token"))
    config = configuration()
    checks = run(ask_portal(clock, http, config, expected(config), INSTALLATION))
    assert found(checks) == {
        Subject.TOKENS: Finding.TOKENS_REST,
        Subject.PERMISSIONS: Finding.PERMISSIONS_UNKNOWN,
        Subject.SENDER: Finding.SENDER_UNKNOWN,
    }
    assert [url for url, _ in http.asked] == [f"{INSTALLATION.client_endpoint}scope.json"]


def test_a_refresh_token_that_is_too_old_is_dead(clock: Clock) -> None:
    clock.advance(START - clock.seconds() + 181 * 86400)
    config = configuration()
    checks = run(ask_portal(clock, FakeHttp(error("expired_token")), config, expected(config), INSTALLATION))
    assert found(checks)[Subject.TOKENS] is Finding.PORTAL_SHUTS_OUT


def test_tokens_that_are_valid_show_permissions_and_the_sender(clock: Clock) -> None:
    scopes = ["messageservice", "placement", "crm", "bizproc"]
    http = FakeHttp(answer({"result": scopes}), answer({"result": ["other", "a1sms_by"]}))
    config = configuration()
    checks = run(ask_portal(clock, http, config, expected(config), INSTALLATION))
    assert found(checks) == {
        Subject.TOKENS: Finding.TOKENS_WORK,
        Subject.PERMISSIONS: Finding.PERMISSIONS_GRANTED,
        Subject.SENDER: Finding.SENDER_REGISTERED,
    }


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        (error("invalid_token"), Finding.TOKENS_REST),  # a refresh may help, and is the daemon's to try
        (error("insufficient_scope"), Finding.PORTAL_SHUTS_OUT),
        (NotSent("refused"), Finding.PORTAL_AWAY),
        (answer(b"<html>", 502), Finding.PORTAL_AWAY),
        (error("SOMETHING_NEW"), Finding.PORTAL_AWAY),
    ],
)
def test_what_is_wrong_with_the_portal_is_told_apart(
    clock: Clock, said: Answer | Exception, finding: Finding
) -> None:
    config = configuration()
    checks = run(ask_portal(clock, FakeHttp(by=lambda *_: said), config, expected(config), INSTALLATION))
    assert found(checks)[Subject.TOKENS] is finding
    assert found(checks)[Subject.SENDER] is Finding.SENDER_UNKNOWN


def test_before_an_installation_nobody_is_asked(clock: Clock) -> None:
    config = configuration()
    checks = run(ask_portal(clock, FakeHttp(), config, expected(config), None))
    assert found(checks)[Subject.TOKENS] is Finding.NOT_INSTALLED
    with pytest.raises(NotInstalled):
        KeptTokens(None).current()


@pytest.mark.parametrize(
    ("listed", "finding"),
    [
        (["a1sms_by"], Finding.SENDER_REGISTERED),
        ({"0": "a1sms_by", "1": "other"}, Finding.SENDER_REGISTERED),
        ([], Finding.SENDER_GONE),
        (None, Finding.SENDER_GONE),
        (PortalTrouble("away"), Finding.SENDER_UNKNOWN),
        (PortalError("ACCESS_DENIED", ""), Finding.SENDER_UNKNOWN),
    ],
)
def test_the_sender_is_looked_for_in_the_portals_list(listed: Any, finding: Finding) -> None:
    portal = FakePortal()
    portal.results["messageservice.sender.list"] = listed
    (check,) = run(ask_for_senders(portal, configuration()))
    assert check.finding is finding


def test_expired_is_what_the_kept_tokens_answer_to_a_refresh() -> None:
    with pytest.raises(PortalTrouble) as refused:
        run(KeptTokens(INSTALLATION).refresh("access-1"))
    assert refused.value.code == EXPIRED


# The public address


class Outside:
    """The way from the public address to the gateway."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.sightings = Sightings()
        self.sightings.expect(WORD)
        self.arrives = {"/bitrix24/handler/", "/a1/callback/"}
        self.code = 404
        self.trouble: Exception | None = None
        self.http = FakeHttp(by=self._answer)
        self.shown = Certificate(until=START + 60 * 86400)
        self.resolved: Exception | None = None

    def _answer(self, url: str, content: Any) -> Answer | Exception:
        if self.trouble is not None:
            return self.trouble
        path = url.removeprefix("https://sms.example.by").removeprefix("http://127.0.0.1:8080")
        if path.removesuffix(WORD) in self.arrives:
            self.sightings.look_at(path.encode())
        return Answer(self.code, b"Not found\n")

    async def seen(self) -> list[str]:
        return self.sightings.seen(WORD)

    def look(self, config: Config | None = None, *, daemon: bool = True) -> list[Check]:
        def resolve(host: str, port: int) -> None:
            if self.resolved is not None:
                raise self.resolved

        return run(
            look_at_address(
                self.http,
                config or configuration(),
                WORD,
                self.seen if daemon else None,
                certificate=lambda host, port: self.shown,
                resolve=resolve,
                now=lambda: START,
                off_thread=execute,
            )
        )


def test_an_address_that_leads_here_is_shown_by_the_requests_that_arrive() -> None:
    outside = Outside()
    assert found(outside.look()) == {
        Subject.ADDRESS: Finding.ADDRESS_LEADS_HERE,
        Subject.CERTIFICATE: Finding.CERTIFICATE_VALID,
    }
    assert [url for url, _ in outside.http.asked] == [
        f"https://sms.example.by/bitrix24/handler/{WORD}",
        f"https://sms.example.by/a1/callback/{WORD}",
    ]


def test_an_answer_like_ours_from_somebody_else_is_not_taken_for_ours() -> None:
    outside = Outside()
    outside.arrives = {"/bitrix24/handler/"}
    address, _ = outside.look()
    assert address.finding is Finding.ADDRESS_ELSEWHERE
    assert address.facts["route"] == "https://sms.example.by/a1/callback/"
    assert address.facts["code"] == 404


@pytest.mark.parametrize("daemon", [True, False])
def test_an_address_that_nobody_answers_at(daemon: bool) -> None:
    """Without a daemon that may be for the daemon's sake."""
    outside = Outside()
    outside.trouble = NotSent("Connection refused")
    address, _ = outside.look(daemon=daemon)
    assert address.finding is (Finding.ADDRESS_UNREACHABLE if daemon else Finding.ADDRESS_UNKNOWN)
    assert address.said == "Connection refused"


def test_without_a_daemon_the_certificate_is_looked_at_all_the_same() -> None:
    outside = Outside()
    outside.code = 502
    assert found(outside.look(daemon=False)) == {
        Subject.ADDRESS: Finding.ADDRESS_UNKNOWN,
        Subject.CERTIFICATE: Finding.CERTIFICATE_VALID,
    }


def test_a_name_that_is_not_in_the_dns() -> None:
    outside = Outside()
    outside.resolved = socket.gaierror(-2, "Name or service not known")
    assert found(outside.look()) == {
        Subject.ADDRESS: Finding.ADDRESS_UNRESOLVED,
        Subject.CERTIFICATE: Finding.CERTIFICATE_UNKNOWN,
    }
    assert outside.http.asked == []


@pytest.mark.parametrize(
    ("callback", "ago", "finding"),
    [
        (Finding.CALLBACK_HEARD, 0.0, Finding.ADDRESS_CALLED),
        (Finding.CALLBACK_HEARD, 3600.0, Finding.ADDRESS_CALLED),
        (Finding.CALLBACK_HEARD, 3601.0, Finding.ADDRESS_UNREACHABLE),
        (Finding.CALLBACK_SILENT, 0.0, Finding.ADDRESS_UNREACHABLE),
        (None, 0.0, Finding.ADDRESS_UNREACHABLE),
    ],
)
def test_an_address_that_a1_has_just_called_is_well_though_nobody_inside_reaches_it(
    callback: Finding | None, ago: float, finding: Finding
) -> None:
    address = Check(Finding.ADDRESS_UNREACHABLE, {"address": "https://sms.example.by"}, "timed out")
    heard = None if callback is None else Check(callback, {"at": START - ago})
    judged = called_of_late(address, heard, START)
    assert judged.finding is finding
    assert judged.facts["address"] == "https://sms.example.by"
    elsewhere = Check(Finding.ADDRESS_ELSEWHERE, {})
    assert called_of_late(elsewhere, Check(Finding.CALLBACK_HEARD, {"at": START}), START) is elsewhere


@pytest.mark.parametrize(
    ("shown", "finding"),
    [
        (Certificate(until=START + 14 * 86400), Finding.CERTIFICATE_VALID),
        (Certificate(until=START + 14 * 86400 - 1), Finding.CERTIFICATE_ENDS),
        (Certificate(until=START - 1), Finding.CERTIFICATE_EXPIRED),
        (Certificate(fault="certificate has expired"), Finding.CERTIFICATE_INVALID),
        (Certificate(no_answer="timed out"), Finding.CERTIFICATE_UNKNOWN),
    ],
)
def test_a_certificate_has_to_be_valid_and_to_last(shown: Certificate, finding: Finding) -> None:
    outside = Outside()
    outside.shown = shown
    assert found(outside.look())[Subject.CERTIFICATE] is finding


def test_on_this_machine_no_certificate_is_wanted() -> None:
    outside = Outside()
    assert found(outside.look(configuration(public_url="http://127.0.0.1:8080"))) == {
        Subject.ADDRESS: Finding.ADDRESS_LEADS_HERE,
        Subject.CERTIFICATE: Finding.CERTIFICATE_OFF,
    }


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One that the system knows."""
    authority = sign("An authority")
    (tmp_path / "authority.pem").write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


class TlsServer:
    """Shows a certificate to whoever comes, once."""

    def __init__(self, folder: Path, signed: Any) -> None:
        files = folder / "certificate.pem", folder / "key.pem"
        files[0].write_bytes(signed.pem)
        files[1].write_bytes(signed.key_pem)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*files)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with closing(self._socket), closing(connection):
            try:
                self._context.wrap_socket(connection, server_side=True).close()
            except OSError:
                # Who does not like the certificate breaks off.
                return

    def shown(self) -> Certificate:
        certificate = certificate_at("localhost", self.port)
        self._thread.join(10)
        return certificate


def test_a_real_certificate_is_read_with_its_last_day(authority: Any, tmp_path: Path) -> None:
    until = NOW + timedelta(days=90)
    server = TlsServer(tmp_path, sign("localhost", LOCALHOST, by=authority, until=until))
    shown = server.shown()
    assert shown.until == int(until.timestamp())
    assert shown.fault == ""


def test_real_certificates_that_are_no_good(authority: Any, tmp_path: Path) -> None:
    """Expired, for another name, by nobody that is known; and no server at all."""
    expired = sign("localhost", LOCALHOST, by=authority, until=NOW - timedelta(days=1))
    other = sign("localhost", x509.DNSName("sms.example.by"), by=authority)
    faults = {
        "expired": expired,
        "mismatch": other,
        "unable to get local issuer": sign("localhost", LOCALHOST, by=sign("Another authority")),
    }
    for fault, certificate in faults.items():
        shown = TlsServer(tmp_path, certificate).shown()
        assert fault in shown.fault.lower()
        assert shown.until is None
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        port = int(nobody.getsockname()[1])
    assert certificate_at("localhost", port).no_answer != ""


# The journal


@pytest.fixture
def closed(store: Store, journal: Journal) -> Path:
    """A journal with something in it that nobody has open."""
    run(journal.install(INSTALLATION))
    run(journal.accept(arrival()))
    store.close()
    return store.path


def listing(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_journal_that_nobody_has_open_is_read_without_a_trace(closed: Path) -> None:
    before = listing(closed.parent)
    assert f"{closed.name}-wal" not in before
    kept = look_at_store(closed)
    assert found(kept.checks) == {Subject.STORE: Finding.STORE_READABLE}
    assert (kept.installation, kept.is_known) == (INSTALLATION, True)
    (whole,) = check_integrity(closed)
    assert whole.finding is Finding.INTEGRITY_WHOLE
    assert listing(closed.parent) == before


def test_a_journal_in_use_is_read_beside_its_daemon(store: Store, journal: Journal) -> None:
    run(journal.install(INSTALLATION))
    assert look_at_store(store.path).installation == INSTALLATION
    assert found(check_integrity(store.path)) == {Subject.INTEGRITY: Finding.INTEGRITY_WHOLE}


def test_before_the_first_start_there_is_no_journal_and_none_is_made(tmp_path: Path) -> None:
    kept = look_at_store(tmp_path / "never" / "journal.sqlite3")
    assert found(kept.checks)[Subject.STORE] is Finding.STORE_NOT_YET
    assert (kept.installation, kept.is_known) == (None, True)
    assert check_integrity(tmp_path / "never" / "journal.sqlite3") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("revision", "finding"), [("0006", Finding.STORE_OLDER), ("9999", Finding.STORE_NEWER)])
def test_a_journal_of_another_version_is_left_as_it_is(closed: Path, revision: str, finding: Finding) -> None:
    with closing(sqlite3.connect(closed)) as driver, driver:
        driver.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    before = listing(closed.parent)
    kept = look_at_store(closed)
    assert found(kept.checks) == {Subject.STORE: finding}
    assert not kept.is_known
    assert listing(closed.parent) == before


@pytest.mark.parametrize("content", [b"", b"no journal at all" * 1000])
def test_what_is_no_journal_is_said_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(content)
    assert found(look_at_store(path).checks) == {Subject.STORE: Finding.STORE_UNREADABLE}


def test_a_log_without_its_index_is_left_to_the_next_start(closed: Path) -> None:
    """To read it would mean to make the index."""
    closed.with_name(f"{closed.name}-wal").write_bytes(b"some pages")
    before = listing(closed.parent)
    assert found(look_at_store(closed).checks) == {Subject.STORE: Finding.STORE_CUT_OFF}
    assert found(check_integrity(closed)) == {Subject.INTEGRITY: Finding.INTEGRITY_UNKNOWN}
    assert listing(closed.parent) == before


def test_a_damaged_page_is_found(closed: Path) -> None:
    size = closed.stat().st_size
    with closed.open("r+b") as file:
        file.seek(4096 * (size // 4096 // 2))
        file.write(b"\xff" * 4096)
    (damaged,) = check_integrity(closed)
    assert damaged.finding is Finding.INTEGRITY_DAMAGED
    assert damaged.said


def test_a_check_that_is_broken_off_says_nothing_of_the_file(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctors_store, "_BETWEEN_LOOKS", 1)
    assert found(check_integrity(closed, lambda: True)) == {Subject.INTEGRITY: Finding.INTEGRITY_UNKNOWN}


def test_a_daemon_is_known_by_its_lock_which_is_not_touched(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite3"
    assert not is_held(journal)
    lock = os.open(tmp_path / "journal.sqlite3.lock", os.O_RDWR | os.O_CREAT)
    try:
        assert not is_held(journal)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_held(journal)
    finally:
        os.close(lock)
    assert not is_held(journal)


@pytest.mark.parametrize(
    ("least", "alarm", "finding"),
    [
        (0, 0, Finding.SPACE_ENOUGH),
        (0, 10_000_000, Finding.SPACE_LOW),
        (10_000_000, 10_000_000, Finding.SPACE_SHORT),
    ],
)
def test_the_free_space_is_that_of_the_folders_that_will_be(
    tmp_path: Path, least: int, alarm: int, finding: Finding
) -> None:
    config = configuration()
    store = config.store.model_copy(
        update={"spool": str(tmp_path / "not" / "yet"), "min_free_mb": least, "alarm_free_mb": alarm}
    )
    checks = look_at_places(config.model_copy(update={"store": store}), tmp_path / "nor" / "this")
    assert found(checks)[Subject.SPACE] is finding
    assert list(tmp_path.iterdir()) == []


def test_what_waits_in_the_spool_is_counted(tmp_path: Path) -> None:
    (tmp_path / "message-1.json").write_text("{}")
    os.utime(tmp_path / "message-1.json", (START, START))
    (tmp_path / "message-2.json").write_text("{}")
    config = configuration()
    store = config.store.model_copy(update={"spool": str(tmp_path)})
    _, spool = look_at_places(config.model_copy(update={"store": store}), tmp_path / "journal.sqlite3")
    assert spool.finding is Finding.SPOOL_HOLDS
    assert spool.facts == {"count": 2, "since": START}


# The configuration and the daemon


def test_each_fault_of_the_configuration_names_its_key() -> None:
    with pytest.raises(ConfigFaults) as faults:
        check("[http]\npublic_url = 'http://sms.example.by'\n[pollling]\n", ".")
    checks = list(faults_found(faults.value, "a1gateway.toml"))
    assert {each.finding for each in checks} == {Finding.CONFIG_FAULTY}
    assert [each.facts["key"] for each in checks] == [fault.key for fault in faults.value.faults]
    assert [each.facts["problem"] for each in checks] == [fault.text for fault in faults.value.faults]
    assert len(checks) > 2


def test_doubts_do_not_fail_and_open_secrets_do() -> None:
    config = configuration(public_url="https://sms")
    assert [each.finding for each in config_found(config)] == [Finding.CONFIG_DOUBTFUL, Finding.SECRETS_CLOSED]
    assert [each.finding for each in config_found(configuration())] == [Finding.CONFIG_RIGHT, Finding.SECRETS_CLOSED]


def test_a_fingerprint_tells_configurations_apart_by_their_secrets_too() -> None:
    config = configuration()
    assert fingerprint(config, WORD) == fingerprint(configuration(), WORD)
    assert fingerprint(config, WORD) != fingerprint(config, WORD + "0")
    assert fingerprint(config, WORD) != fingerprint(configuration(listen="tcp:8081"), WORD)
    assert config.a1.http is not None
    other = config.a1.http.model_copy(update={"apikey": config.bitrix24.client_secret})
    a1 = config.a1.model_copy(update={"http": other})
    assert fingerprint(config.model_copy(update={"a1": a1}), WORD) != fingerprint(config, WORD)


def _desk(config: Config, version: str, sightings: Sightings | None = None) -> OwnDesk:
    async def said(given: dict[str, Any]) -> Any:
        return version

    operations = {} if sightings is None else doctor_operations(config, sightings)
    return OwnDesk({"version": said, **operations})


@pytest.mark.parametrize(
    ("running", "version", "finding", "is_asked"),
    [
        (configuration(), None, Finding.DAEMON_RUNS, True),
        (configuration(listen="tcp:8081"), None, Finding.DAEMON_OTHER_CONFIG, True),
        (configuration(), "0.0.1", Finding.DAEMON_OTHER_VERSION, False),
    ],
)
def test_how_the_daemon_is(
    clock: Clock, running: Config, version: str | None, finding: Finding, is_asked: bool
) -> None:
    desk = _desk(running, version or __version__, Sightings())
    daemon = run(meet(clock, desk, configuration(), "a1gateway.toml", Path("journal"), WORD))
    assert daemon.found.finding is finding
    assert (daemon.desk is not None, daemon.runs) == (is_asked, True)


def test_a_daemon_that_knows_nothing_of_this_is_of_another_version(clock: Clock) -> None:
    daemon = run(meet(clock, _desk(configuration(), __version__), configuration(), "f", Path("journal"), WORD))
    assert (daemon.found.finding, daemon.desk, daemon.runs) == (Finding.DAEMON_OTHER_VERSION, None, True)


def test_words_that_may_be_met_by_chance_are_not_looked_out_for() -> None:
    desk = OwnDesk(doctor_operations(configuration(), Sightings()))
    with pytest.raises(GatewayError, match="by chance"):
        run(desk.ask("doctor.begin", {"word": "handler"}))


def test_only_the_latest_words_are_looked_out_for() -> None:
    sightings = Sightings()
    sightings.look_at(f"/a1/callback/{WORD}".encode())
    sightings.expect(WORD)
    assert sightings.seen(WORD) == []
    sightings.look_at(f"/a1/callback/{WORD}".encode())
    sightings.look_at(b"/a1/callback/another")
    assert sightings.seen(WORD) == ["/a1/callback/"]
    for number in range(8):
        sightings.expect(f"{WORD}-{number}")
    assert sightings.seen(WORD) == []


# What is said


def test_whatever_has_to_be_mended_is_said_whoever_has_found_it() -> None:
    here, there = Check(Finding.A1_REFUSES), Check(Finding.A1_ANSWERS)
    assert settled(Subject.A1, [here, there]) == [here]
    assert settled(Subject.A1, [there, here]) == [here]
    unknown = Check(Finding.SENDER_UNKNOWN)
    assert settled(Subject.SENDER, [unknown, Check(Finding.SENDER_REGISTERED)])[0].state is State.GOOD


def test_what_a1_says_now_is_newer_than_what_the_daemon_has_heard() -> None:
    left, spent = Check(Finding.BALANCE_LEFT), Check(Finding.BALANCE_SPENT)
    assert settled(Subject.BALANCE, [left, spent]) == [left]
    assert settled(Subject.BALANCE, [Check(Finding.BALANCE_UNKNOWN), spent]) == [spent]


def test_everything_has_its_place() -> None:
    assert sorted(ORDER) == sorted(Subject)


FACTS: Mapping[str, object] = {
    "address": "https://sms.example.by",
    "host": "sms.example.by",
    "port": 443,
    "route": "https://sms.example.by/a1/callback/",
    "code": 502,
    "listen": "tcp:8080",
    "key": "a1.http.apikey_file",
    "problem": "missing",
    "file": "/etc/a1gateway/a1gateway.toml",
    "owner": "a1gateway",
    "version": "1.0",
    "own": "1.1",
    "portal": "shop.bitrix24.by",
    "name": "A1 SMS",
    "until": START,
    "at": START,
    "days": 12,
    "path": "/var/lib/a1gateway/a1gateway.sqlite3",
    "revision": "0007",
    "size": 123_456_789,
    "seconds": 3600.0,
    "by": "smart-sender.a1.by",
    "part": "portal",
}
OWN = [each for each in Finding if each.subject in list(Subject)[list(Subject).index(Subject.CONFIG) :]]
OWN += [
    each
    for each in Finding
    if each.word.startswith(("certificate", "tokens_rest", "tokens_unknown", "sender_gone", "smpp_bi"))
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("finding", OWN, ids=lambda finding: finding.word)
def test_every_finding_is_one_line_with_its_mark_and_what_to_do(finding: Finding, language: str) -> None:
    line = line_of(Check(finding, FACTS, "what somebody\nelse said"), words(language))
    assert "\n" not in line
    assert line.startswith(MARKS[finding.state])
    assert "{" not in line
    assert "what somebody else said" in line
    assert (words(language)("message.do") in line) is (finding.state is State.BAD)


def test_a_terminal_gets_it_in_lines_that_fit() -> None:
    check = Check(Finding.ADDRESS_ELSEWHERE, FACTS)
    lines = line_of(check, words("ru"), width=60).splitlines()
    assert len(lines) > 3
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith("      ") for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == " ".join(line_of(check, words("ru")).split())


def test_the_sum_says_how_much_there_is_to_mend() -> None:
    good, wait, off = Check(Finding.STORE_WORKS), Check(Finding.CLOCK_UNKNOWN), Check(Finding.CALLBACK_OFF)
    bad = Check(Finding.DAEMON_AWAY)
    english = words("en")
    assert sum_of([good, off], english) == english("setup.all_good")
    assert sum_of([good, wait], english) == english("setup.waits", number=1)
    assert sum_of([good, wait, bad], english) == english.count("setup.bad", 1)


def test_programs_get_codes_and_english() -> None:
    checks = [Check(Finding.DAEMON_OTHER_CONFIG, FACTS), Check(Finding.CLOCK_WRONG, FACTS, "said")]
    report = json.loads(json.dumps(as_json(checks)))
    assert (report["ok"], report["daemon"]) == (False, True)
    assert report["checks"][1] == {
        "check": "clock",
        "state": "bad",
        "finding": "clock_wrong",
        "text": "It differs from the clock of smart-sender.a1.by by 1 h: hours, deadlines and reports are wrong.",
        "remedy": words("en")("finding.clock_wrong.do"),
        "said": "said",
        "facts": dict(FACTS),
    }
    assert as_json([Check(Finding.STORE_WORKS)])["ok"] is True

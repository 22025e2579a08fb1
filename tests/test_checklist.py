"""Whether everything is in place: every subject in every state, and that it becomes good by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.consent_field import ConsentField, NoSuchField
from a1gateway.bitrix24.permissions import Permissions
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble, judge
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Refused, Trouble
from a1gateway.checklist.a1_checks import A1Checks
from a1gateway.checklist.expected import Expected, ExpectedCallback, expected
from a1gateway.checklist.findings import Check, Finding, State, Subject
from a1gateway.checklist.lines import OF_THE_PAGE
from a1gateway.checklist.of_late import OfLate
from a1gateway.checklist.portal_checks import PortalChecks
from a1gateway.checklist.server_checks import ServerChecks
from a1gateway.checklist.whole import Checklist
from a1gateway.config import check_table
from a1gateway.errors import JournalUnavailable
from a1gateway.gate import Gate
from a1gateway.journal import Journal, Spool, Store
from a1gateway.journal.heard import Heard
from a1gateway.journal.overdue import Overdue
from a1gateway.journal.reader import Reader
from a1gateway.message import Source, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from .conftest import START, arrival, run
from .fakes import FakeHttp, FakePortal
from .test_portal import INSTALLATION

CALLBACK = ExpectedCallback("https://sms.example.by/a1/callback/", "message_id", "status")
SCOPES = ["messageservice", "placement", "crm", "bizproc"]


@dataclass
class FakeRegistration:
    stands: bool = True
    trouble: str | None = None
    tabs_trouble: str | None = None


@dataclass
class FakeConsent:
    seen: ConsentField | NoSuchField | None = None
    answers: list[Any] = field(default_factory=list)

    async def field(self) -> ConsentField | NoSuchField:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.seen = answer
        found: ConsentField | NoSuchField = answer
        return found


@dataclass
class FakeTroubled:
    trouble: str | None = None


@dataclass
class FakeLink:
    bound: bool = True
    can_submit: bool = True
    bound_since: float | None = START
    trouble: LinkTrouble | None = None


@dataclass
class FakeBalances:
    sms: Decimal


@dataclass
class FakeAccount:
    names: Sequence[str] | None = None
    balance: FakeBalances | None = None
    asked_at: float | None = None
    trouble: str | None = None
    wanted: int = 0

    def ask_now(self) -> None:
        self.wanted += 1


@dataclass
class FakePolling:
    looked_at: float | None = None
    answered_at: float | None = None


@dataclass
class FakeCertificate:
    expires: float


@dataclass
class FakeSpace:
    free: Mapping[str, int] = field(default_factory=dict)
    short: bool = False
    warning: str | None = None


class Parts:
    """Everything that is looked at."""

    def __init__(self, clock: Clock, journal: Journal, store: Store, folder: Path) -> None:
        self.clock, self.journal = clock, journal
        self.tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
        run(self.tokens.adopt(INSTALLATION))
        self.portal = Portal(clock, FakeHttp(), self.tokens, Budget(clock, 2, 50), Metrics())
        self.asked = FakePortal()
        self.asked.results["scope"] = list(SCOPES)
        self.permissions = Permissions(self.asked)
        self.registration = FakeRegistration()
        self.consent: FakeConsent | None = None
        self.automation = FakeTroubled()
        self.gate = Gate(clock, lambda: 0.0)
        self.gate.good()
        self.link: FakeLink | None = None
        self.account: FakeAccount | None = FakeAccount(["MyShop"], FakeBalances(Decimal("12.5")), START)
        self.polling = FakePolling(START)
        self.certificate: FakeCertificate | None = FakeCertificate(START + 60 * 86_400.0)
        self.space = FakeSpace({"journal": 5_000_000_000, "spool": 4_000_000_000})
        self.spool = Spool(str(folder / "spool"), execute)
        self.spool.prepare()
        self.lost, self.faults = OfLate(clock), OfLate(clock)
        self.receipts = Receipts(journal, Metrics(), lambda: None, on_fault=self.faults.happened)
        self.reader = Reader(store.path, execute)
        self.expected = Expected(
            transport="http",
            has_keys=True,
            scopes=frozenset(SCOPES),
            sender_name="A1 SMS",
            sender_ids={"MyShop": "a1.sender_id"},
            consent_field=None,
            automation=True,
            callback=CALLBACK,
            poll_every=60.0,
        )
        self._whole: Checklist | None = None

    def expect(self, **more: Any) -> None:
        """The configuration asks for something else."""
        values = {name: getattr(self.expected, name) for name in Expected.__slots__}
        self.expected = Expected(**values | more)

    def checks(self, *, unhurried: bool = False) -> list[Check]:
        """What is found now."""
        if self._whole is None:
            self._whole = Checklist(
                self.clock,
                self.reader,
                PortalChecks(
                    self.clock,
                    self.portal,
                    self.tokens,
                    self.registration,
                    self.permissions,
                    self.expected,
                    consent=self.consent,
                    automation=self.automation,
                ),
                A1Checks(self.clock, self.gate, self.polling, self.expected, link=self.link, account=self.account),
                ServerChecks(
                    self.clock,
                    self.journal,
                    self.spool,
                    self.space,
                    lost=self.lost,
                    faults=self.faults,
                    certificate=self.certificate,
                ),
                heard_since_start=lambda: self.receipts.heard,
            )
        return run(self._whole.checks(unhurried=unhurried))

    def found(self, subject: Subject) -> Check:
        """What is found of a subject now."""
        (found,) = [each for each in self.checks() if each.finding.subject is subject]
        return found


@pytest.fixture
def parts(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> Parts:
    return Parts(clock, journal, store, tmp_path)


def test_every_subject_is_looked_at_once_in_its_order(parts: Parts) -> None:
    assert [each.finding.subject for each in parts.checks()] == list(Subject)[: len(OF_THE_PAGE)]


def test_with_everything_in_place_nothing_is_bad(parts: Parts) -> None:
    parts.checks()
    assert {each.finding for each in parts.checks() if each.state is not State.GOOD} == {
        Finding.CONSENT_OFF,
        Finding.SMPP_OFF,
        Finding.CALLBACK_AWAITED,
    }


def test_every_finding_has_a_word_of_its_own() -> None:
    assert len({each.word for each in Finding}) == len(Finding)


# Bitrix24


def test_tokens_that_work_say_of_which_portal_and_since_when(parts: Parts) -> None:
    check = parts.found(Subject.TOKENS)
    assert check.finding is Finding.TOKENS_WORK
    assert check.facts == {
        "portal": "shop.bitrix24.by",
        "installed_at": INSTALLATION.installed_at,
        "refreshed_at": INSTALLATION.refreshed_at,
    }


def test_an_application_that_is_not_installed(parts: Parts) -> None:
    run(parts.tokens.forget())
    assert parts.found(Subject.TOKENS).finding is Finding.NOT_INSTALLED
    assert parts.asked.calls == []


def test_a_portal_that_shuts_the_application_out_is_told_from_one_that_is_away(parts: Parts) -> None:
    trouble = judge("INVALID_GRANT", "")
    assert isinstance(trouble, PortalTrouble)
    parts.portal.trouble = trouble
    check = parts.found(Subject.TOKENS)
    assert (check.finding, check.facts["code"]) == (Finding.PORTAL_SHUTS_OUT, "INVALID_GRANT")
    parts.portal.trouble = PortalTrouble("Bitrix24 cannot be reached: refused")
    check = parts.found(Subject.TOKENS)
    assert (check.finding, check.said) == (Finding.PORTAL_AWAY, "Bitrix24 cannot be reached: refused")
    parts.portal.trouble = None
    assert parts.found(Subject.TOKENS).state is State.GOOD


def test_without_the_applications_keys_tokens_do_not_last(parts: Parts) -> None:
    parts.expect(has_keys=False)
    assert parts.found(Subject.TOKENS).finding is Finding.NO_KEYS


def test_a_refresh_token_that_nobody_has_used_for_months_is_near_its_end(parts: Parts) -> None:
    parts.clock.advance(INSTALLATION.refreshed_at + 150 * 86400 - parts.clock.seconds())
    assert parts.found(Subject.TOKENS).finding is Finding.TOKENS_WORK
    parts.clock.advance(1)
    check = parts.found(Subject.TOKENS)
    assert check.finding is Finding.REFRESH_TOKEN_ENDS
    assert check.facts["until"] == INSTALLATION.refreshed_at + 180 * 86400


def test_permissions_are_asked_for_and_those_missing_are_named_until_they_are_there(parts: Parts) -> None:
    parts.asked.results["scope"] = ["messageservice", "crm"]
    parts.found(Subject.PERMISSIONS)
    check = parts.found(Subject.PERMISSIONS)
    assert check.finding is Finding.PERMISSIONS_MISSING
    assert check.facts == {"missing": ["bizproc", "placement"]}
    parts.asked.results["scope"] = SCOPES
    assert parts.found(Subject.PERMISSIONS).state is State.BAD
    parts.clock.advance(10)
    parts.checks()
    assert parts.found(Subject.PERMISSIONS).state is State.GOOD


def test_a_portal_where_all_is_well_is_asked_now_and_then(parts: Parts) -> None:
    for _ in range(60):
        parts.checks()
        parts.clock.advance(4)
    assert len(parts.asked.calls) == 1
    parts.clock.advance(120)
    parts.checks()
    assert len(parts.asked.calls) == 2


def test_a_portal_that_does_not_answer_keeps_nobody_waiting(parts: Parts) -> None:
    answer: Deferred[Any] = Deferred()

    async def call(method: str, parameters: Mapping[str, Any]) -> Any:
        return await answer

    parts.asked.call = call  # type: ignore[method-assign]
    for _ in range(5):
        assert parts.found(Subject.PERMISSIONS).finding is Finding.PERMISSIONS_UNKNOWN
        parts.clock.advance(10)
    answer.callback(SCOPES)
    assert parts.found(Subject.PERMISSIONS).state is State.GOOD


def test_a_refused_question_is_put_again(parts: Parts) -> None:
    parts.asked.results["scope"] = [PortalError("ERROR", "no"), SCOPES]
    parts.checks()
    parts.clock.advance(10)
    parts.asked.results["scope"] = SCOPES
    parts.checks()
    assert parts.found(Subject.PERMISSIONS).state is State.GOOD


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (["user_brief"], []),
        (["user_basic"], []),
        (["user"], []),
        (["USER"], []),
        ([], ["user_brief"]),
        ({"1": "user_brief"}, []),
    ],
)
def test_a_wider_permission_covers_a_narrower_one(granted: Any, missing: list[str]) -> None:
    portal = FakePortal()
    portal.results["scope"] = granted
    permissions = Permissions(portal)
    run(permissions.ask())
    assert sorted(permissions.missing(frozenset({"user_brief"}))) == missing


def test_after_an_installation_permissions_are_unknown_whatever_is_answered_still() -> None:
    portal = FakePortal()
    portal.results["scope"] = ["crm"]
    permissions = Permissions(portal)
    run(permissions.ask())
    permissions.renew()
    assert permissions.granted is None
    assert permissions.missing(frozenset({"crm"})) == frozenset()


def test_the_sender_waits_is_registered_or_refused(parts: Parts) -> None:
    assert parts.found(Subject.SENDER).facts == {"name": "A1 SMS"}
    parts.registration.stands = False
    assert parts.found(Subject.SENDER).finding is Finding.SENDER_WAITS
    assert parts.found(Subject.TABS).finding is Finding.TABS_WAIT
    parts.registration.trouble = "ACCESS_DENIED"
    check = parts.found(Subject.SENDER)
    assert (check.finding, check.said) == (Finding.SENDER_REFUSED, "ACCESS_DENIED")


def test_tabs_may_be_missing_though_the_sender_is_there(parts: Parts) -> None:
    parts.registration.tabs_trouble = "insufficient_scope"
    assert parts.found(Subject.SENDER).state is State.GOOD
    assert parts.found(Subject.TABS).finding is Finding.TABS_REFUSED


def test_automation_says_what_it_lacks_and_nothing_where_there_is_none(parts: Parts) -> None:
    assert parts.found(Subject.AUTOMATION).finding is Finding.AUTOMATION_WORKS
    parts.automation.trouble = "the event ONCRMDEALADD cannot be bound: no"
    check = parts.found(Subject.AUTOMATION)
    assert (check.finding, check.said) == (Finding.AUTOMATION_LACKS, parts.automation.trouble)


def test_without_rules_and_scenarios_automation_is_not_used(parts: Parts) -> None:
    parts.expect(automation=False)
    assert parts.found(Subject.AUTOMATION).finding is Finding.AUTOMATION_OFF


def test_the_consent_field_is_looked_for_until_it_is_there_and_means_something(parts: Parts) -> None:
    good = ConsentField("UF_CRM_SMS", "ufCrmSms", "boolean")
    no_meaning = ConsentField("UF_CRM_SMS", "ufCrmSms", "file")
    parts.consent = FakeConsent(answers=[NoSuchField("UF_CRM_SMS"), no_meaning, good])
    parts.expect(consent_field="UF_CRM_SMS")
    seen = []
    for _ in range(4):
        parts.checks()
        seen.append(parts.found(Subject.CONSENT).finding)
        parts.clock.advance(10)
    assert seen == [
        Finding.CONSENT_NO_FIELD,
        Finding.CONSENT_NO_MEANING,
        Finding.CONSENT_READ,
        Finding.CONSENT_READ,
    ]


def test_a_field_that_nobody_could_look_at_is_unknown(parts: Parts) -> None:
    parts.consent = FakeConsent(answers=[PortalTrouble("away")])
    parts.expect(consent_field="UF_CRM_SMS")
    parts.checks()
    check = parts.found(Subject.CONSENT)
    assert (check.finding, check.facts) == (Finding.CONSENT_UNKNOWN, {"field": "UF_CRM_SMS"})


# A1


@pytest.mark.parametrize(
    ("trouble", "finding"),
    [
        (Trouble.CREDENTIALS, Finding.A1_REFUSES),
        (Trouble.UNREACHABLE, Finding.A1_UNREACHABLE),
        (Trouble.UNAVAILABLE, Finding.A1_UNAVAILABLE),
        (Trouble.THROTTLED, Finding.A1_TOO_FAST),
        (Trouble.FAULT, Finding.A1_FAULT),
        (Trouble.LATER, Finding.A1_UNAVAILABLE),
    ],
)
def test_a1s_troubles_are_told_apart_with_their_beginning(parts: Parts, trouble: Trouble, finding: Finding) -> None:
    parts.clock.advance(5)
    parts.gate.bad(LinkTrouble(trouble, "A1 says no"))
    parts.clock.advance(5)
    parts.gate.bad(LinkTrouble(trouble, "A1 says no, again"))
    check = parts.found(Subject.A1)
    assert (check.finding, check.facts, check.said) == (finding, {"since": START + 5}, "A1 says no, again")
    parts.clock.advance(5)
    parts.gate.good(submitted=True)
    check = parts.found(Subject.A1)
    assert (check.finding, check.facts) == (Finding.A1_ANSWERS, {"since": START + 15})


def test_an_a1_that_has_not_been_asked_is_waited_for(parts: Parts) -> None:
    parts.gate = Gate(parts.clock, lambda: 0.0)
    assert parts.found(Subject.A1).finding is Finding.A1_NOT_ASKED


def test_over_smpp_the_link_is_what_counts(parts: Parts) -> None:
    parts.link = FakeLink()
    assert parts.found(Subject.A1).finding is Finding.A1_BY_SMPP
    check = parts.found(Subject.SMPP)
    assert (check.finding, check.facts) == (Finding.SMPP_BOUND, {"since": START})
    parts.gate.judge_over_link([])
    parts.gate.bad(LinkTrouble(Trouble.UNAVAILABLE, "no answers"))
    assert parts.found(Subject.SMPP).finding is Finding.SMPP_SILENT


@pytest.mark.parametrize(
    ("link", "finding"),
    [
        (FakeLink(bound=False, can_submit=False), Finding.SMPP_WAITS),
        (FakeLink(False, True, None, LinkTrouble(Trouble.UNREACHABLE, "the receiver")), Finding.SMPP_HALF),
        (FakeLink(False, False, None, LinkTrouble(Trouble.CREDENTIALS, "ESME_RINVPASWD")), Finding.SMPP_REFUSED),
        (FakeLink(False, False, None, LinkTrouble(Trouble.UNREACHABLE, "refused")), Finding.SMPP_BROKEN),
    ],
)
def test_a_link_that_is_not_there_says_why(parts: Parts, link: FakeLink, finding: Finding) -> None:
    parts.link = link
    check = parts.found(Subject.SMPP)
    assert check.finding is finding
    assert check.said == ("" if link.trouble is None else str(link.trouble))


@pytest.mark.parametrize(
    ("amount", "finding"),
    [("0.01", Finding.BALANCE_LEFT), ("0", Finding.BALANCE_SPENT), ("-3.20", Finding.BALANCE_SPENT)],
)
def test_money_is_left_or_not(parts: Parts, amount: str, finding: Finding) -> None:
    parts.account = FakeAccount(["MyShop"], FakeBalances(Decimal(amount)), START)
    check = parts.found(Subject.BALANCE)
    assert (check.finding, check.facts) == (finding, {"amount": Decimal(amount), "asked_at": START})
    assert bool(parts.account.wanted) is (finding is Finding.BALANCE_SPENT)


def test_money_is_low_below_what_the_configuration_says(parts: Parts) -> None:
    parts.expect(balance_below=Decimal(20))
    parts.account = FakeAccount(["MyShop"], FakeBalances(Decimal("19.99")), START)
    check = parts.found(Subject.BALANCE)
    assert check.finding is Finding.BALANCE_LOW
    assert check.facts == {"amount": Decimal("19.99"), "asked_at": START, "below": Decimal(20)}
    parts.account.balance = FakeBalances(Decimal(20))
    assert parts.found(Subject.BALANCE).finding is Finding.BALANCE_LEFT


def test_whoever_is_in_no_hurry_has_nobody_asked_more_often(parts: Parts) -> None:
    parts.account = FakeAccount(["Other"], FakeBalances(Decimal(0)), START)
    parts.asked.results["scope"] = ["crm"]
    for _ in range(60):
        parts.checks(unhurried=True)
        parts.clock.advance(5)
    assert parts.account.wanted == 0
    assert len(parts.asked.calls) == 1
    # While the portal is away, it is asked whether it is back.
    parts.portal.trouble = PortalTrouble("away")
    for _ in range(60):
        parts.checks(unhurried=True)
        parts.clock.advance(5)
    assert len(parts.asked.calls) == 6
    # One that wants to be left alone is.
    trouble = judge("INVALID_GRANT", "")
    assert isinstance(trouble, PortalTrouble)
    parts.portal.trouble = trouble
    for _ in range(60):
        parts.checks(unhurried=True)
        parts.clock.advance(5)
    assert len(parts.asked.calls) == 7


def test_an_account_that_nobody_has_asked_for_is_asked_for(parts: Parts) -> None:
    parts.account = FakeAccount(trouble="A1 cannot be reached: refused")
    check = parts.found(Subject.BALANCE)
    assert (check.finding, check.said) == (Finding.BALANCE_UNKNOWN, "A1 cannot be reached: refused")
    assert parts.found(Subject.SENDER_ID).finding is Finding.SENDER_ID_UNKNOWN
    assert parts.account.wanted


def test_over_smpp_nobody_tells_of_the_account(parts: Parts) -> None:
    parts.link, parts.account = FakeLink(), None
    assert parts.found(Subject.BALANCE).finding is Finding.BALANCE_UNTOLD
    assert parts.found(Subject.SENDER_ID).finding is Finding.SENDER_ID_UNTOLD


@pytest.mark.parametrize(
    ("approved", "finding"),
    [
        (["Other", "MyShop"], Finding.SENDER_ID_APPROVED),
        (["MYSHOP"], Finding.SENDER_ID_SPELT_OTHERWISE),
        (["Other"], Finding.SENDER_ID_REFUSED),
        ([], Finding.SENDER_ID_REFUSED),
    ],
)
def test_a_sender_id_is_approved_in_exactly_these_letters(
    parts: Parts, approved: list[str], finding: Finding
) -> None:
    parts.account = FakeAccount(approved, FakeBalances(Decimal(1)), START)
    check = parts.found(Subject.SENDER_ID)
    assert check.finding is finding
    if finding.state is State.BAD:
        assert (check.facts["name"], check.facts["setting"]) == ("MyShop", "a1.sender_id")
        assert check.facts["approved"] == approved


def test_without_a_sender_id_a1_sends_from_its_number(parts: Parts) -> None:
    parts.expect(sender_ids={})
    assert parts.found(Subject.SENDER_ID).finding is Finding.SENDER_ID_NONE


def report(source: Source, at: float, a1_id: str = "7001", status: Status = Status.DELIVERED) -> StatusReport:
    return StatusReport(a1_id, "DELIVERED", status, source, at)


def send(parts: Parts, *names: str) -> None:
    for name in names:
        run(parts.journal.accept(arrival(name)))
        for each in run(parts.journal.claim(START + 1, 10)).submissions:
            run(parts.journal.record([(each, Accepted(f"a-{name}"), START + 60)], START + 1))


def test_a_callback_is_heard_and_later_missed(parts: Parts) -> None:
    send(parts, "m1", "m2", "m3")
    run(parts.receipts.settle([report(Source.CALLBACK, START + 5, "a-m1")]))
    check = parts.found(Subject.CALLBACK)
    assert (check.finding, check.facts["at"]) == (Finding.CALLBACK_HEARD, START + 5)
    run(parts.receipts.settle([report(Source.POLL, START + 60, "a-m2")]))
    assert parts.found(Subject.CALLBACK).finding is Finding.CALLBACK_HEARD
    run(parts.receipts.settle([report(Source.POLL, START + 3606, "a-m3")]))
    assert parts.found(Subject.CALLBACK).finding is Finding.CALLBACK_SILENT
    # That it says what is known already shows that it comes again.
    run(parts.receipts.settle([report(Source.CALLBACK, START + 3700, "a-m3")]))
    assert parts.found(Subject.CALLBACK).finding is Finding.CALLBACK_HEARD


def test_statuses_that_only_polling_brings_show_that_no_callback_comes(parts: Parts) -> None:
    send(parts, "m1")
    assert parts.found(Subject.CALLBACK).finding is Finding.CALLBACK_AWAITED
    run(parts.receipts.settle([report(Source.POLL, START + 60, "a-m1")]))
    check = parts.found(Subject.CALLBACK)
    assert check.finding is Finding.CALLBACK_NEVER
    assert check.facts == {"address": CALLBACK.address, "id_field": "message_id", "status_field": "status"}


def test_what_was_heard_before_the_start_counts(parts: Parts) -> None:
    send(parts, "m1")
    run(parts.journal.settle([report(Source.CALLBACK, START + 5, "a-m1")]))
    assert parts.receipts.heard == {}
    assert parts.found(Subject.CALLBACK).facts["at"] == START + 5


def test_where_no_callback_is_agreed_none_is_missed(parts: Parts) -> None:
    parts.expect(callback=None)
    assert parts.found(Subject.CALLBACK).finding is Finding.CALLBACK_OFF


def test_polling_works_until_it_has_missed_its_turns(parts: Parts) -> None:
    parts.polling.answered_at = START - 5
    check = parts.found(Subject.POLLING)
    assert check.facts == {"looked_at": START, "answered_at": START - 5, "every": 60.0}
    parts.clock.advance(180)
    assert parts.found(Subject.POLLING).finding is Finding.POLLING_WORKS
    parts.clock.advance(1)
    assert parts.found(Subject.POLLING).finding is Finding.POLLING_STANDS
    parts.polling.looked_at = None
    assert parts.found(Subject.POLLING).finding is Finding.POLLING_WAITS


def test_where_a1_must_not_be_asked_nobody_polls(parts: Parts) -> None:
    parts.expect(poll_every=None)
    assert parts.found(Subject.POLLING).finding is Finding.POLLING_OFF


# This server


def test_a_journal_that_takes_nothing_says_why(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.journal, "check", lambda: fail(JournalUnavailable("locked")))
    check = parts.found(Subject.STORE)
    assert (check.finding, check.said) == (Finding.STORE_AWAY, "locked")


def test_a_journal_that_cannot_be_read_leaves_the_rest_to_be_seen(
    parts: Parts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts.reader, "read", lambda *given: fail(JournalUnavailable("locked")))
    assert [each.finding.subject for each in parts.checks()] == list(Subject)[: len(OF_THE_PAGE)]
    assert parts.found(Subject.QUEUES).finding is Finding.QUEUES_UNKNOWN


def test_a_journal_that_hangs_does_not_hang_the_page(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.journal, "check", Deferred[None])
    found: list[Any] = []
    parts_checks = ServerChecks(
        parts.clock, parts.journal, parts.spool, parts.space, lost=parts.lost, faults=parts.faults
    ).checks([])
    Deferred.fromCoroutine(parts_checks).addCallback(found.append)
    assert found == []
    parts.clock.advance(2)
    (store,) = [check for check in found[0] if check.finding.subject is Subject.STORE]
    assert store.finding is Finding.STORE_AWAY


@pytest.mark.parametrize(
    ("space", "finding"),
    [
        (FakeSpace(), Finding.SPACE_UNKNOWN),
        (FakeSpace({"journal": 900_000_000}, warning="little"), Finding.SPACE_LOW),
        (FakeSpace({"journal": 9_000_000}, short=True, warning="little"), Finding.SPACE_SHORT),
    ],
)
def test_space_is_enough_low_or_short(parts: Parts, space: FakeSpace, finding: Finding) -> None:
    assert parts.found(Subject.SPACE).facts == {"free": 4_000_000_000}
    parts.space.free, parts.space.short, parts.space.warning = space.free, space.short, space.warning
    assert parts.found(Subject.SPACE).finding is finding


@pytest.mark.parametrize(
    ("days", "finding"),
    [
        (14.1, Finding.CERTIFICATE_VALID),
        (13.9, Finding.CERTIFICATE_ENDS),
        (0.1, Finding.CERTIFICATE_ENDS),
        (0.0, Finding.CERTIFICATE_EXPIRED),
        (-30.0, Finding.CERTIFICATE_EXPIRED),
    ],
)
def test_a_certificate_of_its_own_is_warned_of_while_there_is_time(
    parts: Parts, days: float, finding: Finding
) -> None:
    expires = START + days * 86_400.0
    parts.certificate = FakeCertificate(expires)
    check = parts.found(Subject.CERTIFICATE)
    assert (check.finding, check.facts) == (finding, {"until": expires, "days": int(days // 1)})


def test_the_certificate_of_a_proxy_is_not_the_gateways(parts: Parts) -> None:
    parts.certificate = None
    assert parts.found(Subject.CERTIFICATE).finding is Finding.CERTIFICATE_ELSEWHERE


def test_what_lies_in_the_spool_is_counted(parts: Parts) -> None:
    assert parts.found(Subject.SPOOL).finding is Finding.SPOOL_EMPTY
    run(parts.spool.keep_message(arrival("m1")))
    check = parts.found(Subject.SPOOL)
    assert (check.finding, check.facts["count"]) == (Finding.SPOOL_HOLDS, 1)


def test_what_waits_for_too_long_is_named(parts: Parts) -> None:
    run(parts.journal.accept(arrival("m1")))
    assert parts.found(Subject.QUEUES).finding is Finding.QUEUES_MOVE
    parts.clock.advance(300)
    check = parts.found(Subject.QUEUES)
    assert (check.finding, check.facts) == (Finding.QUEUES_STAND, {"queues": [Overdue("submit", 1, START)]})


@pytest.mark.parametrize(
    ("subject", "has"), [(Subject.LOST, Finding.MESSAGES_LOST), (Subject.FAULTS, Finding.GATEWAY_FAULTS)]
)
def test_what_should_not_happen_is_bad_for_an_hour(parts: Parts, subject: Subject, has: Finding) -> None:
    counted = parts.lost if subject is Subject.LOST else parts.faults
    assert parts.found(subject).state is State.GOOD
    counted.happened()
    parts.clock.advance(3600)
    counted.happened()
    check = parts.found(subject)
    assert (check.finding, check.facts) == (has, {"count": 2, "since": START, "at": START + 3600})
    parts.clock.advance(3601)
    assert parts.found(subject).state is State.GOOD


def test_a_message_refused_for_a_fault_of_the_gateway_is_counted(parts: Parts) -> None:
    run(parts.journal.accept(arrival("m1")))
    (submission,) = run(parts.journal.claim(START + 1, 10)).submissions
    refused = Refused("gateway_fault", "11", "what is this")
    changes = run(parts.journal.record([(submission, refused, START)], START + 1))
    parts.receipts.announce(changes)
    assert parts.found(Subject.FAULTS).finding is Finding.GATEWAY_FAULTS


# What the configuration asks for

HTTP: dict[str, Any] = {
    "http": {"public_url": "https://sms.example.by"},
    "a1": {
        "transport": "http",
        "sender_id": "MyShop",
        "http": {"url": "https://a1.example/api/", "user": "1", "apikey": "k" * 20},
        "callback": {"secret": "c" * 32},
    },
    "bitrix24": {
        "portal": "shop.bitrix24.by",
        "client_id": "local.1",
        "client_secret": "s",
        "handler_secret": "h" * 32,
    },
}
SMPP: dict[str, Any] = HTTP | {
    "a1": {"transport": "smpp", "smpp": {"host": "smpp.example.by", "system_id": "shop", "password": "p"}}
}
CALL = {"name": "call", "event": "missed_call", "text": "Перезвоним. #ASSIGNED_NAME|Мы#", "sender_id": "Calls"}


def test_the_configuration_for_http_asks_for_a_callback_and_polls() -> None:
    found = expected(check_table(HTTP, "."))
    assert found.callback == CALLBACK
    assert found.poll_every == 60.0
    assert found.sender_ids == {"MyShop": "a1.sender_id"}
    assert found.scopes == {"messageservice", "placement", "crm", "bizproc"}
    assert (found.has_keys, found.automation, found.consent_field) == (True, True, None)


def test_the_configuration_for_smpp_does_not_unless_it_may_ask() -> None:
    found = expected(check_table(SMPP, "."))
    assert (found.callback, found.poll_every, found.sender_ids) == (None, None, {})
    asks = {**SMPP, "a1": {**SMPP["a1"], "smpp": {**SMPP["a1"]["smpp"], "query_sm": True}}}
    assert expected(check_table(asks, ".")).poll_every == 60.0


def test_scenarios_and_marketing_ask_for_more() -> None:
    more = {
        **HTTP,
        "consent": {"contact_field": "UF_CRM_SMS", "sender_id": "Promo"},
        "automation": {"robots": False},
        "scenario": [CALL],
        "bitrix24": {**HTTP["bitrix24"], "client_id": "", "client_secret": ""},
    }
    found = expected(check_table(more, "."))
    assert found.scopes == {"messageservice", "placement", "crm", "telephony", "user_brief"}
    assert found.sender_ids == {
        "MyShop": "a1.sender_id",
        "Promo": "consent.sender_id",
        "Calls": "scenario.sender_id (call)",
    }
    assert (found.has_keys, found.automation, found.consent_field) == (False, True, "UF_CRM_SMS")


def test_without_rules_and_scenarios_there_is_no_automation() -> None:
    assert not expected(check_table({**HTTP, "automation": {"robots": False}}, ".")).automation


def test_the_latest_of_two_is_heard(parts: Parts) -> None:
    send(parts, "m1", "m2")
    run(parts.journal.settle([report(Source.CALLBACK, START + 5, "a-m1")]))
    run(parts.receipts.settle([report(Source.CALLBACK, START + 9, "a-m2")]))
    assert parts.receipts.heard == {Source.CALLBACK: Heard(START + 9, START + 9)}
    assert parts.found(Subject.CALLBACK).facts["at"] == START + 9

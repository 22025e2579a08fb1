"""The sender's registration and the reports to Bitrix24, on a fake clock and a fake portal."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget, Use
from a1gateway.bitrix24.placements import TABS
from a1gateway.bitrix24.registration import Registration
from a1gateway.bitrix24.reporter import Reporter
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.errors import JournalUnavailable
from a1gateway.journal import Journal
from a1gateway.message import Source, Status, StatusReport, custom_id

from .conftest import START, arrival, run
from .fakes import FakeHttp, FakePortal
from .test_portal import INSTALLATION

HANDLER = "https://sms.example.by/bitrix24/handler/s3cret"
EVENTS = "https://sms.example.by/bitrix24/event/s3cret"
APP = "https://sms.example.by/bitrix24/app"
NOT_FOUND = PortalError("ERROR_MESSAGE_NOT_FOUND", "")


@pytest.fixture
def portal() -> FakePortal:
    portal = FakePortal()
    portal.results = {"messageservice.sender.list": [], "event.get": []}
    return portal


@pytest.fixture
def tokens(clock: Clock, journal: Journal) -> Tokens:
    tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
    run(tokens.adopt(INSTALLATION))
    return tokens


@pytest.fixture
def registration(clock: Clock, portal: FakePortal, tokens: Tokens) -> Registration:
    return Registration(
        clock,
        portal,
        tokens,
        sender_code="a1sms_by",
        sender_name="A1 SMS",
        handler_url=HANDLER,
        event_url=EVENTS,
        random=lambda: 0.0,
    )


@pytest.fixture
def with_pages(clock: Clock, portal: FakePortal, tokens: Tokens) -> Registration:
    portal.results["placement.get"] = []
    return Registration(
        clock,
        portal,
        tokens,
        sender_code="a1sms_by",
        sender_name="A1 SMS",
        handler_url=HANDLER,
        event_url=EVENTS,
        random=lambda: 0.0,
        app_url=APP,
    )


def register(registration: Registration, clock: Clock, seconds: float = 0) -> None:
    if not registration.running:
        registration.startService()
    clock.pump([0.0, 0.0, seconds, 0.0])


def stands(registration: Registration) -> bool:
    return registration.stands


def called(portal: FakePortal, prefix: str = "messageservice.sender.") -> list[str]:
    return [method.removeprefix(prefix) for method, _ in portal.calls if method.startswith(prefix)]


def test_a_new_sender_is_added_with_its_names_and_handler(
    registration: Registration, portal: FakePortal, clock: Clock
) -> None:
    register(registration, clock)
    assert called(portal) == ["list", "add"]
    _, sender = portal.calls[1]
    assert (sender["CODE"], sender["TYPE"], sender["HANDLER"]) == ("a1sms_by", "SMS", HANDLER)
    assert set(sender["NAME"]) == {"ru", "be", "en"}
    assert stands(registration)


def test_a_known_sender_gets_todays_handler(registration: Registration, portal: FakePortal, clock: Clock) -> None:
    portal.results["messageservice.sender.list"] = ["other", "a1sms_by"]
    register(registration, clock)
    assert called(portal) == ["list", "update"]
    assert portal.calls[1][1]["HANDLER"] == HANDLER


def test_a_sender_that_was_added_meanwhile_is_updated(
    registration: Registration, portal: FakePortal, clock: Clock
) -> None:
    portal.results["messageservice.sender.add"] = PortalError("ERROR_SENDER_ALREADY_INSTALLED", "")
    register(registration, clock)
    assert called(portal) == ["list", "add", "update"]


def test_a_portal_too_old_to_update_gets_the_sender_anew(
    registration: Registration, portal: FakePortal, clock: Clock
) -> None:
    portal.results["messageservice.sender.list"] = ["a1sms_by"]
    portal.results["messageservice.sender.update"] = PortalError("ERROR_METHOD_NOT_FOUND", "")
    register(registration, clock)
    assert called(portal) == ["list", "update", "delete", "add"]
    assert stands(registration)


def test_the_pages_are_shown_in_the_tabs_of_cards(with_pages: Registration, portal: FakePortal, clock: Clock) -> None:
    register(with_pages, clock)
    bound = [given for method, given in portal.calls if method == "placement.bind"]
    assert [each["PLACEMENT"] for each in bound] == list(TABS)
    assert all(each["HANDLER"] == APP and each["TITLE"] for each in bound)
    assert with_pages.stands
    assert with_pages.tabs_trouble is None


def test_tabs_that_are_bound_stay_and_those_at_an_older_address_go(
    with_pages: Registration, portal: FakePortal, clock: Clock
) -> None:
    first, second, *others = TABS
    portal.results["placement.get"] = [
        {"placement": first, "handler": APP},
        {"placement": second, "handler": "https://old.example.by/bitrix24/app"},
        {"placement": "CALL_CARD", "handler": "https://old.example.by/bitrix24/app"},
        "strange",
    ]
    register(with_pages, clock)
    bound = [given["PLACEMENT"] for method, given in portal.calls if method == "placement.bind"]
    assert bound == [second, *others]
    gone = [given for method, given in portal.calls if method == "placement.unbind"]
    assert gone == [{"PLACEMENT": second, "HANDLER": "https://old.example.by/bitrix24/app"}]


def test_without_the_permission_for_tabs_the_sender_is_registered_all_the_same(
    with_pages: Registration, portal: FakePortal, clock: Clock
) -> None:
    portal.results["placement.get"] = PortalError("insufficient_scope", "")
    register(with_pages, clock)
    assert with_pages.stands
    troubles = [with_pages.tabs_trouble]
    # Once somebody has given it, the tabs come by themselves.
    portal.results["placement.get"] = []
    register(with_pages, clock, 3601)
    troubles.append(with_pages.tabs_trouble)
    assert [trouble is None for trouble in troubles] == [False, True]
    assert [given["PLACEMENT"] for method, given in portal.calls if method == "placement.bind"] == list(TABS)


def test_the_events_of_the_applications_life_are_bound_once(
    registration: Registration, portal: FakePortal, clock: Clock
) -> None:
    portal.results["event.get"] = [{"event": "ONAPPUPDATE", "handler": EVENTS}]
    register(registration, clock)
    assert [given for method, given in portal.calls if method == "event.bind"] == [
        {"event": "ONAPPUNINSTALL", "handler": EVENTS}
    ]


def test_events_that_cannot_be_bound_do_not_stand_in_the_way(
    registration: Registration, portal: FakePortal, clock: Clock
) -> None:
    portal.results["event.get"] = PortalError("ERROR_METHOD_NOT_FOUND", "")
    register(registration, clock)
    assert stands(registration)


@pytest.mark.parametrize("error", [PortalTrouble("away"), PortalError("ERROR_WRONG_HANDLER_URL", "")])
def test_a_registration_is_repeated_until_it_stands(
    registration: Registration, portal: FakePortal, clock: Clock, error: Exception
) -> None:
    portal.results["messageservice.sender.add"] = error
    register(registration, clock)
    assert not stands(registration)
    assert registration.trouble == str(error)
    portal.results["messageservice.sender.add"] = True
    register(registration, clock, 2)
    assert stands(registration)
    assert registration.trouble is None


def test_a_reinstallation_registers_again(registration: Registration, portal: FakePortal, clock: Clock) -> None:
    register(registration, clock)
    registration.renew()
    register(registration, clock)
    assert called(portal) == ["list", "add", "list", "add"]


def test_without_an_installation_nothing_is_registered(
    registration: Registration, portal: FakePortal, tokens: Tokens, clock: Clock
) -> None:
    run(tokens.forget())
    register(registration, clock)
    assert portal.calls == []


@pytest.fixture
def budget(clock: Clock) -> Budget:
    """The portal's published limit."""
    return Budget(clock, 2, 50)


@pytest.fixture
def reporter(clock: Clock, journal: Journal, portal: FakePortal, tokens: Tokens, budget: Budget) -> Reporter:
    return Reporter(clock, journal, portal, tokens, budget, sender_code="a1sms_by", random=lambda: 0.0)


def finish(journal: Journal, *names: str, status: Status = Status.DELIVERED, at: float = START) -> None:
    for name in names:
        run(journal.accept(arrival(name)))
        run(journal.settle([StatusReport(custom_id(name), "3", status, Source.CALLBACK, at)]))


def report(reporter: Reporter, clock: Clock, seconds: float = 0) -> None:
    if not reporter.running:
        reporter.startService()
    reporter.wake()
    clock.pump([0.0] * 5)
    while seconds > 0:
        clock.pump([min(1.0, seconds), 0.0, 0.0])
        seconds -= 1


def test_final_statuses_go_out_in_batches_of_fifty(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    finish(journal, *[f"m{number}" for number in range(120)])
    report(reporter, clock)
    assert [len(batch) for batch in portal.batches] == [50, 50, 20]
    method, query = portal.batches[0]["m1"]
    assert method == "messageservice.message.status.update"
    assert query == {"CODE": "a1sms_by", "MESSAGE_ID": "m0", "STATUS": "delivered"}
    report(reporter, clock, 100)
    assert len(portal.batches) == 3


def test_while_the_budget_is_full_a_status_is_told_at_once(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    for number in range(3):
        finish(journal, f"m{number}", at=clock.seconds())
        report(reporter, clock)
        clock.advance(0.05)
        assert portal.told[-1] == (f"m{number}", "delivered")


def test_while_requests_are_scarce_a_status_waits_a_second_for_others(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock, budget: Budget
) -> None:
    for _ in range(10):
        run(budget.take(Use.LOOK_UPS))
    report(reporter, clock)
    for number in range(9):
        finish(journal, f"m{number}", at=clock.seconds())
        reporter.wake()
        clock.advance(0.1)
    assert portal.batches == []
    clock.advance(0.2)
    assert [len(batch) for batch in portal.batches] == [9]
    # As many as go into a request wait for nothing.
    finish(journal, *[f"n{number}" for number in range(60)], at=clock.seconds())
    reporter.wake()
    clock.advance(0.1)
    assert [len(batch) for batch in portal.batches] == [9, 50]


@pytest.mark.parametrize("statuses_a_second", [40, 300, 2000])
def test_a_campaign_costs_hardly_more_requests_than_it_has_to(
    reporter: Reporter,
    journal: Journal,
    portal: FakePortal,
    clock: Clock,
    statuses_a_second: int,
) -> None:
    reporter.startService()
    came, step = 0, 0.05
    while came < 1000:
        more = min(1000 - came, int(statuses_a_second * step))
        finish(journal, *[f"m{came + number}" for number in range(more)], at=clock.seconds())
        came += more
        reporter.wake()
        clock.advance(step)
    clock.pump([0.1] * 20)
    assert len(portal.told) == 1000
    assert len({message_id for message_id, _ in portal.told}) == 1000
    # Full ones, what the budget gains meanwhile, and the tenth of it that is spent for being quick.
    assert len(portal.batches) <= 1000 / 50 + 2 * 1000 / statuses_a_second + 6


def test_a_portal_that_takes_long_is_asked_several_times_at_once_and_for_no_update_twice(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    waiting: list[tuple[dict[str, tuple[str, dict[str, str]]], Deferred[dict[str, object]]]] = []

    def slow(commands: dict[str, tuple[str, dict[str, str]]], *, paid: bool = False) -> Deferred[dict[str, object]]:
        waiting.append((commands, Deferred()))
        return waiting[-1][1]

    portal.batch = slow  # type: ignore[assignment, method-assign]
    names = [f"m{number}" for number in range(220)]
    finish(journal, *names)
    report(reporter, clock, 5)
    assert [len(commands) for commands, _ in waiting] == [50, 50, 50]
    # Whichever ends first makes room for the next; a stop waits for those that are under way.
    commands, answer = waiting[1]
    answer.callback(dict.fromkeys(commands, True))
    report(reporter, clock, 5)
    assert [len(commands) for commands, _ in waiting] == [50, 50, 50, 50]
    stopped: list[object] = []
    ended = reporter.stopService()
    assert ended is not None
    ended.addCallback(stopped.append)
    for commands, answer in (waiting[0], waiting[2], waiting[3]):
        assert not stopped
        answer.callback(dict.fromkeys(commands, True))
    assert stopped
    told = [query["MESSAGE_ID"] for commands, _ in waiting for _, query in commands.values()]
    assert len(told) == len(set(told)) == 200
    left, _ = run(journal.untold(clock.seconds(), 100))
    assert {each.message_id for each in left} == set(names) - set(told)


def test_what_failed_with_the_tokens_of_before_holds_up_nothing_after_an_installation(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    waiting: list[Deferred[dict[str, object]]] = []

    def slow(commands: object, *, paid: bool = False) -> Deferred[dict[str, object]]:
        waiting.append(Deferred())
        return waiting[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portal, "batch", slow)
        finish(journal, *(f"m{number}" for number in range(60)))
        report(reporter, clock)
        assert len(waiting) == 2
        trouble = PortalTrouble("dead tokens", code="INVALID_GRANT", pause=300, operator=True)
        waiting[0].errback(trouble)
    reporter.renew()
    report(reporter, clock, 1)
    assert len(portal.told) == 50
    waiting[1].errback(trouble)
    report(reporter, clock, 2)
    assert len(portal.told) == 60


def test_a_journal_that_is_away_when_the_portal_has_answered_is_not_asked_again_at_once(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(journal, "m1")
    with monkeypatch.context() as away:
        away.setattr(journal, "confirm", lambda *_: fail(JournalUnavailable("locked")))
        report(reporter, clock, 4)
        assert len(portal.batches) == 1
    report(reporter, clock, 2)
    assert portal.told == [("m1", "delivered")] * 2
    assert run(journal.untold(clock.seconds() + 1e9, 50)) == ([], None)


def test_a_message_that_bitrix24_does_not_know_yet_is_told_again_after_growing_pauses(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    finish(journal, "m1", "m2")
    portal.errors = [{"m1": NOT_FOUND}] * 4
    report(reporter, clock)
    assert portal.told == [("m2", "delivered")]
    tried = []
    for seconds in (4, 2, 24, 7, 113, 10):
        report(reporter, clock, seconds)
        tried.append(len(portal.batches))
    assert tried == [1, 2, 2, 3, 3, 4]
    report(reporter, clock, 600)
    assert portal.told == [("m2", "delivered"), ("m1", "delivered")]


def test_after_fourteen_days_bitrix24_has_forgotten_the_message_and_is_left_alone(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    finish(journal, "m1")
    clock.advance(14 * 86400 + 1)
    portal.errors = [{"m1": NOT_FOUND}]
    report(reporter, clock, 10)
    assert run(journal.untold(clock.seconds() + 1e9, 50)) == ([], None)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(PortalTrouble("away"), id="away"),
        pytest.param(PortalTrouble("limit", pause=1.5), id="rate limit"),
        pytest.param(PortalTrouble("licence", pause=300, operator=True), id="licence lost"),
        pytest.param(PortalError("ERROR_CORE", ""), id="an error of the batch"),
    ],
)
def test_a_portal_in_trouble_delays_statuses_and_loses_none(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock, trouble: Exception
) -> None:
    finish(journal, "m1")
    portal.errors = [trouble] * 3
    report(reporter, clock)
    # New statuses do not make it ask any sooner.
    finish(journal, "m2")
    report(reporter, clock)
    assert len(portal.batches) == 1
    report(reporter, clock, 1000)
    assert sorted(portal.told) == [("m1", "delivered"), ("m2", "delivered")]


def test_a_command_that_was_not_run_is_repeated(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    finish(journal, "m1", "m2")
    portal.errors = [{"m2": None}]
    report(reporter, clock, 3)
    assert portal.told == [("m1", "delivered"), ("m2", "delivered")]


def test_a_command_that_answers_false_is_not_confirmed(
    reporter: Reporter, journal: Journal, portal: FakePortal, clock: Clock
) -> None:
    finish(journal, "m1")
    portal.errors = [{"m1": False}]
    report(reporter, clock)
    assert run(journal.untold(clock.seconds() + 1e6, 50))[0] != []
    report(reporter, clock, 6)
    assert portal.told == [("m1", "delivered")]


def test_statuses_wait_while_the_application_is_not_installed(
    reporter: Reporter, journal: Journal, portal: FakePortal, tokens: Tokens, clock: Clock
) -> None:
    run(tokens.forget())
    finish(journal, "m1", status=Status.UNDELIVERABLE)
    report(reporter, clock, 100)
    assert portal.batches == []
    run(tokens.adopt(INSTALLATION))
    reporter.renew()
    report(reporter, clock)
    assert portal.told == [("m1", "undelivered")]

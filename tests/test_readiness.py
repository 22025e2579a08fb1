"""Whether a send would get through: every part that can stand in the way, and what it says then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.registration import Registration
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.errors import JournalUnavailable
from a1gateway.gate import Gate
from a1gateway.journal import Journal, Spool
from a1gateway.metrics import Metrics
from a1gateway.readiness import Readiness

from .conftest import arrival, run
from .fakes import FakeHttp, FakePortal
from .test_portal import INSTALLATION


class Parts:
    """Every part that readiness asks."""

    def __init__(self, clock: Clock, journal: Journal, folder: Path) -> None:
        self.clock = clock
        self.journal = journal
        self.spool = Spool(str(folder / "spool"), execute)
        self.spool.prepare()
        self.gate = Gate(clock, lambda: 0.0)
        self.tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
        self.portal = Portal(clock, FakeHttp(), self.tokens, Budget(clock, 2, 50), Metrics())
        self.registration = Registration(
            clock,
            FakePortal(),
            self.tokens,
            sender_code="a1sms_by",
            sender_name="A1 SMS",
            handler_url="",
            event_url="",
            random=lambda: 0.0,
        )
        self.metrics = Metrics()
        self.whole = Readiness(
            clock,
            journal,
            self.spool,
            self.gate,
            self.tokens,
            self.portal,
            self.registration,
            self.metrics,
            transport="http",
        )

    def state(self) -> dict[str, Any]:
        return run(self.whole.readiness())


@pytest.fixture
def parts(clock: Clock, journal: Journal, tmp_path: Path) -> Parts:
    parts = Parts(clock, journal, tmp_path)
    run(parts.tokens.adopt(INSTALLATION))
    parts.gate.good()
    return parts


def test_ready_when_everything_is_well(parts: Parts) -> None:
    state = parts.state()
    assert state["ready"]
    assert state["portal"]["portal"] == "shop.bitrix24.by"


def test_not_ready_before_an_installation(parts: Parts) -> None:
    run(parts.tokens.forget())
    state = parts.state()
    assert not state["ready"]
    assert "not installed" in state["portal"]["trouble"]


def test_not_ready_before_a1_has_answered(parts: Parts) -> None:
    parts.gate.known = False
    assert not parts.state()["ready"]


@pytest.mark.parametrize("trouble", [Trouble.CREDENTIALS, Trouble.UNREACHABLE])
def test_not_ready_while_a1_does_not_take_anything(parts: Parts, trouble: Trouble) -> None:
    parts.gate.bad(LinkTrouble(trouble, "A1 says no"))
    state = parts.state()
    assert not state["ready"]
    assert state["a1"]["trouble"] == "A1 says no"
    assert state["a1"]["sending_stopped"] is (trouble is Trouble.CREDENTIALS)
    parts.gate.good()
    assert parts.state()["ready"]


def test_not_ready_while_the_journal_takes_nothing(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.journal, "check", lambda: fail(JournalUnavailable("locked")))
    assert parts.state()["store"] == {"ok": False, "trouble": "locked"}


def test_a_journal_that_hangs_does_not_hang_the_answer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.journal, "check", Deferred[None])
    answers: list[Any] = []
    Deferred.fromCoroutine(parts.whole.readiness()).addCallback(answers.append)
    parts.clock.advance(2)
    assert answers[0]["store"]["ok"] is False


def test_a_portal_that_is_away_stops_no_message_but_one_that_shuts_us_out_does(parts: Parts) -> None:
    parts.portal.trouble = PortalTrouble("away")
    state = parts.state()
    assert state["ready"]
    assert state["portal"]["trouble"] == "away"
    parts.portal.trouble = PortalTrouble("the application has been removed", operator=True)
    assert not parts.state()["ready"]


def test_not_ready_while_the_sender_cannot_be_registered(parts: Parts) -> None:
    parts.registration.trouble = "ERROR_WRONG_HANDLER_URL"
    assert not parts.state()["ready"]


def test_the_figures_have_the_queues_as_they_are(parts: Parts) -> None:
    run(parts.journal.accept(arrival()))
    run(parts.spool.keep_message(arrival("m2")))
    parts.clock.advance(30)
    text = run(parts.whole.figures()).decode()
    assert 'a1gateway_queue_depth{queue="submit"} 1.0' in text
    assert 'a1gateway_queue_oldest_seconds{queue="submit"} 30.0' in text
    assert 'a1gateway_queue_depth{queue="spool"} 1.0' in text


def test_the_figures_are_there_while_the_journal_is_away(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.journal, "depths", lambda: fail(JournalUnavailable("locked")))
    assert b"a1gateway_build_info" in run(parts.whole.figures())


def test_every_metric_of_the_contract_is_there_with_its_help(parts: Parts) -> None:
    text = run(parts.whole.figures()).decode()
    for name in (
        "messages_accepted_total",
        "messages_rejected_total",
        "statuses_total",
        "final_seconds",
        "queue_depth",
        "queue_oldest_seconds",
        "a1_requests_total",
        "portal_requests_total",
        "smpp_bound",
        "build_info",
    ):
        assert f"# HELP a1gateway_{name} " in text

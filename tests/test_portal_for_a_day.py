"""A portal that is away for a day, limits requests for hours or has revoked the tokens, on a clock in memory.

The journal, the reporter, the request budget and the tokens are the real ones. What is compared at the end: what the
portal handed over, what A1 said of it, and what the portal was told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs

from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.reporter import Reporter
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.errors import AnswerLost, NotSent
from a1gateway.http_client import Answer
from a1gateway.journal import Journal
from a1gateway.message import Source, Status, StatusReport, custom_id
from a1gateway.metrics import Metrics

from .conftest import START, arrival, run
from .fakes import FakeHttp, answer
from .test_portal import INSTALLATION, OAUTH, RENEWED

ROUNDED = 1e-3
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MESSAGES = 96


@dataclass
class Bitrix24:
    """The portal at the other end, and its OAuth server."""

    clock: Clock
    well_from: float
    while_unwell: Callable[[str], Answer | Exception]
    accepts: str = "access-1"
    told: list[tuple[str, str]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)

    def answers(self, url: str, content: Any) -> Answer | Exception:
        self.asked_at.append(self.clock.seconds())
        if self.clock.seconds() < self.well_from:
            return self.while_unwell(url)
        if url == OAUTH:
            self.accepts = "access-2"
            return answer(RENEWED)
        if content["auth"] != self.accepts:
            return answer({"error": "expired_token", "error_description": ""}, 401)
        results = {}
        for name, command in content["cmd"].items():
            query = parse_qs(command.partition("?")[2])
            self.told.append((query["MESSAGE_ID"][0], query["STATUS"][0]))
            results[name] = True
        return answer({"result": {"result": results, "result_error": []}})


@dataclass
class Day:
    """A day, or less, in which messages come to their end all the time."""

    clock: Clock
    journal: Journal
    portal: Bitrix24
    tokens: Tokens
    reporter: Reporter
    lasts: float
    ended: list[tuple[str, str]] = field(default_factory=list)

    def passes(self) -> None:
        self.reporter.startService()
        for number in range(MESSAGES):
            name, delivered = f"m{number}", number % 3 > 0
            run(self.journal.accept(arrival(name, received_at=self.clock.seconds())))
            status = Status.DELIVERED if delivered else Status.UNDELIVERABLE
            report = StatusReport(custom_id(name), "3", status, Source.CALLBACK, self.clock.seconds())
            run(self.journal.settle([report]))
            self.ended.append((name, "delivered" if delivered else "undelivered"))
            self.reporter.wake()
            self.passes_on(self.lasts / MESSAGES)

    def passes_on(self, seconds: float) -> None:
        """From one timer to the next."""
        end = self.clock.seconds() + seconds
        while (timers := self.clock.getDelayedCalls()) and (first := min(each.getTime() for each in timers)) <= end:
            self.clock.advance(first - self.clock.seconds())
        self.clock.advance(end - self.clock.seconds())

    def books_agree(self, within: float) -> None:
        """Each told once, in order, and confirmed, a while after the portal is well again."""
        self.passes_on(within)
        assert self.portal.told == self.ended
        for name, status in self.ended:
            message = run(self.journal.message(name))
            assert message is not None
            assert message["told"] == status
            assert message["confirmed_at"] is not None
        assert run(self.journal.untold(self.clock.seconds() + 365 * DAY, 50)) == ([], None)


@pytest.fixture
def day(clock: Clock, journal: Journal) -> Callable[..., Day]:
    def begun(while_unwell: Callable[[str], Answer | Exception], lasts: float = DAY) -> Day:
        bitrix24 = Bitrix24(clock, START + lasts + MINUTE, while_unwell)
        http = FakeHttp(by=bitrix24.answers)
        tokens = Tokens(clock, journal, http, oauth_url=OAUTH, client_id="local.1", client_secret="s3cret")
        run(tokens.adopt(INSTALLATION))
        budget = Budget(clock, 2, 50)
        portal = Portal(clock, http, tokens, budget, Metrics())
        reporter = Reporter(clock, journal, portal, tokens, budget, sender_code="a1sms_by", random=lambda: 0.0)
        return Day(clock, journal, bitrix24, tokens, reporter, lasts)

    return begun


def _error(code: str, http: int) -> Answer:
    return answer({"error": code, "error_description": ""}, http)


@pytest.mark.parametrize(
    ("unwell", "lasts"),
    [
        pytest.param(AnswerLost("no answer within 65 seconds"), DAY, id="away for a day"),
        pytest.param(NotSent("DNS lookup failed"), 2 * HOUR, id="DNS failing"),
        pytest.param(_error("QUERY_LIMIT_EXCEEDED", 503), 2 * HOUR, id="rate limiting"),
        pytest.param(_error("OVERLOAD_LIMIT", 503), 2 * HOUR, id="blocked"),
    ],
)
def test_a_portal_that_is_unwell_is_left_alone_and_told_everything_after(
    day: Callable[..., Day], unwell: Answer | Exception, lasts: float
) -> None:
    """At most a request a minute, whatever comes to its end; one line in the log."""
    whole = day(lambda _url: unwell, lasts)
    with capturedLogs() as events:
        whole.passes()
    assert whole.portal.told == []
    asked = whole.portal.asked_at
    assert lasts / (5 * MINUTE) <= len(asked) <= lasts / MINUTE + 10
    # After some minutes the pauses have grown to their longest.
    assert min(after - before for before, after in pairwise(asked[10:])) >= MINUTE - ROUNDED
    assert len([event for event in events if event["log_level"] >= LogLevel.warn]) == 1
    whole.books_agree(7 * MINUTE)
    assert len(whole.portal.asked_at) - len(asked) <= MESSAGES / 50 + 2


def test_revoked_tokens_are_for_the_operator_and_a_new_installation_ends_it(day: Callable[..., Day]) -> None:
    """Neither the portal nor the OAuth server knows them; the text says what to do."""
    whole = day(lambda url: _error("invalid_grant", 400) if url == OAUTH else _error("invalid_token", 401), 2 * HOUR)
    with capturedLogs() as events:
        whole.passes()
    assert whole.portal.told == []
    told = [event["log_format"].format(**event) for event in events if event["log_level"] is LogLevel.critical]
    assert len(told) == 1
    assert "reinstall the application" in told[0]
    # The portal and the OAuth server, every five minutes.
    assert len(whole.portal.asked_at) <= 2 * whole.lasts / (5 * MINUTE) + 2
    whole.portal.well_from, whole.portal.accepts = whole.clock.seconds(), "access-3"
    run(whole.tokens.adopt(replace(INSTALLATION, access_token="access-3")))
    whole.reporter.renew()
    whole.books_agree(10)


def test_a_token_that_expires_every_hour_is_renewed_every_hour(day: Callable[..., Day]) -> None:
    """And nothing waits for it."""
    whole = day(lambda _url: NotSent("never"))
    whole.portal.well_from = START
    renewals = 0
    answers = whole.portal.answers

    def expiring(url: str, content: Any) -> Answer | Exception:
        nonlocal renewals
        current = f"access-{int((whole.clock.seconds() - START) / HOUR)}"
        if url == OAUTH:
            renewals += 1
            return answer(RENEWED | {"access_token": current, "refresh_token": f"refresh of {current}"})
        whole.portal.accepts = current
        return answers(url, content)

    whole.tokens._client.by = expiring  # type: ignore[attr-defined]
    whole.passes()
    whole.books_agree(1)
    assert renewals == 24

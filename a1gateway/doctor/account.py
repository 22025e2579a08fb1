"""A1, asked with the credentials of the configuration: the account over HTTP, or a bind over SMPP."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from ..carriers.a1answers import Balances
from ..carriers.a1http import A1HttpCarrier
from ..carriers.outcome import LinkTrouble, Trouble
from ..carriers.smpp.endpoint import endpoint
from ..carriers.smpp.link import Link
from ..carriers.smpp.pdu import Pdu
from ..carriers.smpp.settings import LinkSettings
from ..checklist.a1_checks import A1Checks
from ..checklist.expected import Expected
from ..checklist.findings import Check, Finding, Subject
from ..config_sections import A1Http, A1Smpp
from ..http_client import IHttpClient
from ..metrics import Metrics
from ..pacing import TokenBucket

# A daemon that sends as fast as it may leaves no room for a second; the carrier lets one pass then.
_TRIES = 5
_TOLD = (Subject.A1, Subject.BALANCE, Subject.SENDER_ID)
_BOUND = (Subject.A1, Subject.SMPP, Subject.BALANCE, Subject.SENDER_ID)


@dataclass(frozen=True, slots=True)
class _Gate:
    trouble: LinkTrouble | None
    since: float
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Account:
    names: Sequence[str] | None
    balance: Balances | None
    asked_at: float | None
    trouble: str | None

    def ask_now(self) -> None:
        """It has just been asked."""


@dataclass(frozen=True, slots=True)
class _Link:
    bound: bool
    bound_since: float | None
    trouble: LinkTrouble | None
    can_submit: bool = False


@dataclass(frozen=True, slots=True)
class _NoPolling:
    looked_at: float | None = None
    answered_at: float | None = None


async def ask_account(reactor: Any, client: IHttpClient, http: A1Http, expected: Expected) -> list[Check]:
    """What A1 says of the account, its balance and its Sender IDs."""
    rate = http.requests_per_second
    carrier = A1HttpCarrier(
        client,
        TokenBucket(reactor, rate, max(1.0, rate)),
        Metrics(),
        url=http.url,
        user=http.user,
        apikey=http.apikey.get_secret_value(),
        timeout=http.timeout,
    )
    names: Sequence[str] | None = None
    balance: Balances | None = None
    trouble: LinkTrouble | None = None
    for _ in range(_TRIES):
        try:
            balance = await carrier.balances()
            names = await carrier.sender_names()
        except LinkTrouble as said:
            trouble = said
            if trouble.trouble is not Trouble.THROTTLED:
                break
        else:
            trouble = None
            break
    now = reactor.seconds()
    account = _Account(names, balance, now, None if trouble is None else str(trouble))
    checks = A1Checks(reactor, _Gate(trouble, now), _NoPolling(), expected, link=None, account=account)
    return [check for check in checks.checks({}) if check.finding.subject in _TOLD]


async def try_bind(reactor: Any, smpp: A1Smpp, expected: Expected) -> list[Check]:
    """Bind as the daemon would, and unbind; only while no daemon runs, for A1 may allow but one bind.

    What A1 delivers meanwhile is not acknowledged, so that it comes again to the daemon.
    """
    decided: Deferred[None] = Deferred()

    def changed() -> None:
        if link.tried and not decided.called:
            decided.callback(None)

    async def not_for_us(delivery: Pdu) -> Any:
        raise LinkTrouble(Trouble.LATER, "the daemon is to have it")

    link = Link(
        reactor,
        endpoint(reactor, smpp.host, smpp.port, tls=smpp.tls, ca_file=smpp.ca_file, timeout=smpp.response_timeout),
        LinkSettings.of(smpp),
        label=f"{smpp.host}:{smpp.port}",
        on_delivery=not_for_us,
        on_change=changed,
        on_room=lambda: None,
        random=random.SystemRandom().random,
    )
    link.startService()
    try:
        await decided
        found = _Link(link.bound, link.bound_since, link.trouble, link.can_submit)
    finally:
        await link.stopService()
    checks = A1Checks(
        reactor, _Gate(None, reactor.seconds()), _NoPolling(), expected, link=found, account=None
    ).checks({})
    return [
        Check(Finding.SMPP_BINDS) if check.finding is Finding.SMPP_BOUND else check
        for check in checks
        if check.finding.subject in _BOUND
    ]

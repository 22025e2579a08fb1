"""Bitrix24: through the daemon, or without one by the tokens in the journal, which are never refreshed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, fail

from ..bitrix24.budget import Budget
from ..bitrix24.calls import marketing_code
from ..bitrix24.permissions import Permissions
from ..bitrix24.portal import Portal
from ..bitrix24.tokens import NotInstalled
from ..bitrix24.trouble import EXPIRED, PortalError, PortalTrouble, judge
from ..checklist.expected import Expected
from ..checklist.findings import Check, Finding, Subject
from ..checklist.portal_checks import PortalChecks
from ..config_sections import Config
from ..errors import GatewayError
from ..http_client import IHttpClient
from ..interfaces import IPortal
from ..journal.journal import Installation
from ..metrics import Metrics

_REFRESH_TOKEN_LASTS = 180 * 86400.0
"""Seconds, by Bitrix24's documentation of OAuth; each refresh brings a new one."""
_SUBJECTS = (Subject.TOKENS, Subject.PERMISSIONS)


class KeptTokens:
    """The pair as it is in the journal. To refresh it here would leave the daemon with a dead one."""

    def __init__(self, installation: Installation | None) -> None:
        self.installation = installation

    def current(self) -> Installation:
        """See `ITokens`."""
        if self.installation is None:
            raise NotInstalled
        return self.installation

    def refresh(self, expired: str) -> Deferred[Installation]:
        """See `ITokens`; fails always."""
        return fail(judge(EXPIRED, "the daemon alone refreshes it"))


@dataclass(frozen=True, slots=True)
class _Registration:
    stands: bool = False
    trouble: str | None = None
    tabs_trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Automation:
    trouble: str | None = None


async def ask_portal(
    reactor: Any, client: IHttpClient, config: Config, expected: Expected, installation: Installation | None
) -> list[Check]:
    """What the portal says to the tokens of the journal, without a daemon."""
    tokens = KeptTokens(installation)
    if installation is None:
        return [Check(Finding.NOT_INSTALLED), Check(Finding.PERMISSIONS_UNKNOWN), _sender_unknown(config)]
    bitrix24 = config.bitrix24
    portal = Portal(reactor, client, tokens, Budget(reactor, bitrix24.requests_per_second, 2), Metrics())
    permissions = Permissions(portal)
    try:
        await permissions.ask()
    except PortalError as refusal:
        portal.trouble = PortalTrouble(f"Bitrix24 answers {refusal}", code=refusal.code)
    except PortalTrouble as trouble:
        if trouble.code == EXPIRED:
            return [
                _resting(reactor.seconds(), installation),
                Check(Finding.PERMISSIONS_UNKNOWN),
                _sender_unknown(config),
            ]
    checks = PortalChecks(
        reactor, portal, tokens, _Registration(), permissions, expected, consent=None, automation=_Automation()
    )
    found = [check for check in checks.known() if check.finding.subject in _SUBJECTS]
    return [*found, *await ask_for_senders(portal, config)]


async def ask_for_senders(portal: IPortal, config: Config) -> list[Check]:
    """Whether the portal has the senders that the configuration names."""
    try:
        known = await portal.call("messageservice.sender.list", {})
    except GatewayError:
        # What keeps it from saying so is a finding of its own.
        return [_sender_unknown(config)]
    listed = [str(each) for each in (known.values() if isinstance(known, dict) else known or [])]
    missing = [code for code in _codes(config) if code not in listed]
    facts = {"name": config.bitrix24.sender_name}
    if missing:
        return [Check(Finding.SENDER_GONE, {**facts, "code": missing[0]})]
    return [Check(Finding.SENDER_REGISTERED, facts)]


def _codes(config: Config) -> Sequence[str]:
    code = config.bitrix24.sender_code
    return [code] if config.consent is None else [code, marketing_code(code)]


def _resting(now: float, installation: Installation) -> Check:
    facts: dict[str, object] = {"portal": installation.domain}
    if now - installation.refreshed_at > _REFRESH_TOKEN_LASTS:
        trouble = judge("INVALID_GRANT", "")
        return Check(Finding.PORTAL_SHUTS_OUT, {**facts, "code": "INVALID_GRANT"}, str(trouble))
    return Check(Finding.TOKENS_REST, facts)


def _sender_unknown(config: Config) -> Check:
    return Check(Finding.SENDER_UNKNOWN, {"name": config.bitrix24.sender_name})

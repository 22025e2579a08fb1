"""Bitrix24: the tokens, what the application may do, and what of it stands in the portal."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent_field import ConsentField, NoSuchField
from ..bitrix24.permissions import Permissions
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..journal.journal import Installation
from ..readiness import ITroubled
from .expected import Expected
from .findings import Check, Finding

# Seconds: a month.
_REFRESH_TOKEN_ENDS_SOON = 30 * 86400.0
# In seconds: somebody is mending it, or nobody is.
_LOOK_AGAIN = 10.0
_LOOK_NOW_AND_THEN = 300.0
_LOOK_WHETHER_IT_IS_BACK = 60.0


class IPortalState(Protocol):
    """The portal, as it answered the latest request."""

    @property
    def trouble(self) -> PortalTrouble | None:
        """What kept it from answering; None when it did."""


class ITokens(Protocol):
    """Who has installed the application."""

    @property
    def installation(self) -> Installation | None:
        """The portal that has; None when none has."""


class IRegistration(Protocol):
    """What of the gateway is in the portal."""

    @property
    def stands(self) -> bool:
        """Whether the sender is registered."""

    @property
    def trouble(self) -> str | None:
        """Why it is not; None while nothing is known to be wrong."""

    @property
    def tabs_trouble(self) -> str | None:
        """Why the tabs are not in the cards; None while nothing is known to be wrong."""


class IConsentField(Protocol):
    """The field with the consent to marketing."""

    @property
    def seen(self) -> ConsentField | NoSuchField | None:
        """As it was when the portal was last asked for it; None until then."""

    def field(self) -> Awaitable[ConsentField | NoSuchField]:
        """Ask for it, unless that was done just now; raises `PortalTrouble`, `PortalError`."""


class PortalChecks:
    """What was found in the portal. While anything is amiss, the portal is asked again as often as somebody looks."""

    def __init__(
        self,
        clock: IReactorTime,
        portal: IPortalState,
        tokens: ITokens,
        registration: IRegistration,
        permissions: Permissions,
        expected: Expected,
        *,
        consent: IConsentField | None,
        automation: ITroubled,
    ) -> None:
        """`consent` is None when there is no marketing."""
        self._clock = clock
        self._portal = portal
        self._tokens = tokens
        self._registration = registration
        self._permissions = permissions
        self._expected = expected
        self._consent = consent
        self._automation = automation
        self._asking: Deferred[None] | None = None
        self._asked_at: float | None = None

    def checks(self, *, unhurried: bool = False) -> Iterator[Check]:
        """All of them, by what is known now; what is not, or is amiss, is asked for meanwhile.

        `unhurried`: no more often than the portal may want it.
        """
        self._look_again(self._long_pause if unhurried else self._pause)
        yield from self.known()

    async def asked(self) -> list[Check]:
        """All of them, once the portal has been asked; it takes a minute at the most for each answer."""
        if self._tokens.installation is not None:
            self._asked_at = self._clock.seconds()
            await self._ask()
        return list(self.known())

    def known(self) -> Iterator[Check]:
        """All of them, by what is known now; nobody is asked."""
        yield self._check_tokens()
        yield self._check_permissions()
        yield self._check_sender()
        yield self._check_tabs()
        yield self._check_automation()
        yield self._check_consent()

    def _check_tokens(self) -> Check:
        installed = self._tokens.installation
        if installed is None:
            return Check(Finding.NOT_INSTALLED)
        trouble = self._portal.trouble
        facts: dict[str, object] = {"portal": installed.domain}
        if trouble is not None and trouble.operator:
            return Check(Finding.PORTAL_SHUTS_OUT, facts | {"code": trouble.code}, str(trouble))
        if trouble is not None:
            return Check(Finding.PORTAL_AWAY, facts, str(trouble))
        if not self._expected.has_keys:
            return Check(Finding.NO_KEYS, facts)
        if installed.refresh_token_ends_at - self._clock.seconds() < _REFRESH_TOKEN_ENDS_SOON:
            return Check(Finding.REFRESH_TOKEN_ENDS, facts | {"until": installed.refresh_token_ends_at})
        moments = {"installed_at": installed.installed_at, "refreshed_at": installed.refreshed_at}
        return Check(Finding.TOKENS_WORK, facts | moments)

    def _check_permissions(self) -> Check:
        granted = self._permissions.granted
        if granted is None:
            return Check(Finding.PERMISSIONS_UNKNOWN)
        missing = sorted(self._permissions.missing(self._expected.scopes))
        if missing:
            return Check(Finding.PERMISSIONS_MISSING, {"missing": missing})
        return Check(Finding.PERMISSIONS_GRANTED, {"granted": sorted(granted)})

    def _check_sender(self) -> Check:
        facts = {"name": self._expected.sender_name}
        if self._registration.stands:
            return Check(Finding.SENDER_REGISTERED, facts)
        if self._registration.trouble is not None:
            return Check(Finding.SENDER_REFUSED, facts, self._registration.trouble)
        return Check(Finding.SENDER_WAITS, facts)

    def _check_tabs(self) -> Check:
        if self._registration.tabs_trouble is not None:
            return Check(Finding.TABS_REFUSED, said=self._registration.tabs_trouble)
        return Check(Finding.TABS_SHOWN if self._registration.stands else Finding.TABS_WAIT)

    def _check_automation(self) -> Check:
        if not self._expected.automation:
            return Check(Finding.AUTOMATION_OFF)
        trouble = self._automation.trouble
        return Check(Finding.AUTOMATION_WORKS) if trouble is None else Check(Finding.AUTOMATION_LACKS, said=trouble)

    def _check_consent(self) -> Check:
        if self._consent is None:
            return Check(Finding.CONSENT_OFF)
        facts = {"field": self._expected.consent_field}
        seen = self._consent.seen
        if seen is None:
            return Check(Finding.CONSENT_UNKNOWN, facts)
        if isinstance(seen, NoSuchField):
            return Check(Finding.CONSENT_NO_FIELD, facts)
        if not seen.readable:
            return Check(Finding.CONSENT_NO_MEANING, facts | {"kind": seen.kind})
        return Check(Finding.CONSENT_READ, facts)

    def _look_again(self, pause: float) -> None:
        """Have the portal asked, without waiting for it: what it says is there at the next look."""
        now = self._clock.seconds()
        if self._asking is not None or self._tokens.installation is None:
            return
        # A clock set back must not make it longer.
        if self._asked_at is not None and 0 <= now - self._asked_at < pause:
            return
        self._asked_at = now
        self._asking = asking = Deferred.fromCoroutine(self._ask())
        asking.addBoth(self._asked)

    @property
    def _pause(self) -> float:
        """Seconds between two askings: many when all is well."""
        seen = None if self._consent is None else self._consent.seen
        consent_is_well = self._consent is None or (isinstance(seen, ConsentField) and seen.readable)
        permitted = self._permissions.granted is not None and not self._permissions.missing(self._expected.scopes)
        is_well = permitted and consent_is_well and self._portal.trouble is None
        return _LOOK_NOW_AND_THEN if is_well else _LOOK_AGAIN

    @property
    def _long_pause(self) -> float:
        """The same when nobody looks."""
        trouble = self._portal.trouble
        return _LOOK_NOW_AND_THEN if trouble is None else max(_LOOK_WHETHER_IT_IS_BACK, trouble.pause or 0.0)

    async def _ask(self) -> None:
        try:
            await self._permissions.ask()
            if self._consent is not None:
                await self._consent.field()
        except (PortalTrouble, PortalError):
            # The portal's trouble is a finding of its own.
            return

    def _asked(self, result: object) -> None:
        self._asking = None

"""The life of the application in the portal: proving that a call is genuine, keeping its tokens, forgetting them."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..journal.journal import Installation
from ..web.answers import NotGenuine
from .addresses import endpoint_address, portal_endpoint, portal_of, same_portal
from .calls import ApplicationCall, Credentials
from .portal import Portal
from .tokens import Tokens
from .trouble import PortalError, PortalTrouble

_INSTALL_EVENTS = ("ONAPPINSTALL", "ONAPPUPDATE")
_PROOF_PAUSES = (1.0, 2.0, 4.0)
YES = (True, 1, "1", "Y", "y", "true", "True")
"""How the portal says yes."""
# The portal calls it CODE; the OAuth server's answer names the client_id.
_APPLICATION_NAMES = ("CODE", "client_id", "CLIENT_ID", "code")


class Lifecycle:
    """Nothing in Bitrix24's calls is signed. What they claim is believed only when the portal confirms it."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        portal: Portal,
        tokens: Tokens,
        *,
        portal_name: str | None,
        client_id: str,
        oauth_endpoint: str,
        on_change: Callable[[], None],
    ) -> None:
        """`portal_name` is the one portal that may install; `oauth_endpoint` the REST address of the OAuth server."""
        self._clock = clock
        self._portal = portal
        self._tokens = tokens
        self._portal_name = portal_name
        self._client_id = client_id
        self._oauth_endpoint = oauth_endpoint
        self._on_change = on_change

    async def take(self, call: ApplicationCall) -> None:
        """Do what a call of the application asks for.

        Raises `NotGenuine`, and then nothing has changed; `PortalTrouble` when the portal cannot be asked now.
        """
        if call.event == "ONAPPUPDATE" and not call.credentials.refresh_token:
            # Without tokens of its own it still says that everything has to be registered again.
            self.check_application_token(call.credentials)
            self._on_change()
        elif call.framed or call.event in _INSTALL_EVENTS:
            await self._install(call)
        elif call.event == "ONAPPUNINSTALL":
            await self._uninstall(call.credentials)
        else:
            self.check_application_token(call.credentials)
            self._log.info("Bitrix24's event {event} is of no use to this version", event=call.event[:50])

    async def prove_user(self, credentials: Credentials) -> dict[str, Any]:
        """The profile of whoever has opened the application at the portal that installed it: `ID`, `ADMIN`, `NAME`.

        The access token has to be that portal's for this application: the frame brings the application's own token
        besides, and when it does not, or another, the portal is asked. Raises `NotGenuine`, `PortalTrouble`.
        """
        installed = self._tokens.installation
        if installed is None:
            raise NotGenuine("the application is not installed")
        try:
            self.check_application_token(credentials)
        except NotGenuine:
            if not self._client_id:
                raise
            await self._prove_application(installed.client_endpoint, credentials.access_token)
        profile = await self._ask(installed.client_endpoint, credentials.access_token, "profile")
        if not isinstance(profile, dict) or not str(profile.get("ID", "")).isdecimal():
            raise NotGenuine("the portal names no user for the token of the call")
        return profile

    def vouches(self, credentials: Credentials) -> bool:
        """Whether a call brings what only this installation's portal knows."""
        try:
            self.check_application_token(credentials)
        except NotGenuine:
            return False
        return True

    def check_application_token(self, credentials: Credentials) -> None:
        """Raises `NotGenuine` unless the call brings the token that the portal gave to this application."""
        installed = self._tokens.installation
        if installed is None:
            raise NotGenuine("the application is not installed")
        given = credentials.application_token
        if not given or not hmac.compare_digest(given.encode(), installed.application_token.encode()):
            raise NotGenuine("the application_token is not this installation's")
        if credentials.member_id and credentials.member_id != installed.member_id:
            raise NotGenuine("the member_id is not this installation's")

    async def check_message(self, credentials: Credentials | None) -> None:
        """Raises `NotGenuine` for a message whose `auth` is not the portal's. Most genuine ones bring no `auth`.

        A token other than the one kept is not yet a forgery: the portal may have installed the application anew and
        the call about it may have been lost. Then the portal is asked, rather than every message refused from now on;
        and while it cannot be, none is.
        """
        installed = self._tokens.installation
        if installed is None or credentials is None or not credentials.application_token:
            return
        try:
            self.check_application_token(credentials)
        except NotGenuine:
            if not credentials.access_token:
                raise
            try:
                await self._prove_application(installed.client_endpoint, credentials.access_token)
            except PortalTrouble as trouble:
                # Its address has the secret; and Bitrix24 does not repeat a call that is turned away.
                self._log.warn(
                    "a call with another application_token is taken, as the portal cannot be asked: {trouble}",
                    trouble=str(trouble),
                )
                return
            self._log.warn("the portal has changed the application's token; the new one is kept")
            await self._tokens.adopt(replace(installed, application_token=credentials.application_token))

    async def _install(self, call: ApplicationCall) -> None:
        given = call.credentials
        if not given.access_token or not given.refresh_token:
            raise NotGenuine("the call brings no tokens")
        endpoint, profile = await self._proved_patiently(given)
        now = self._clock.seconds()
        before = self._tokens.installation
        await self._tokens.adopt(
            Installation(
                member_id=given.member_id or portal_of(endpoint),
                domain=portal_of(endpoint),
                client_endpoint=endpoint,
                access_token=given.access_token,
                refresh_token=given.refresh_token,
                # The frame's call sometimes has none; then the one that is known goes on being good.
                application_token=given.application_token or (before.application_token if before is not None else ""),
                scope=given.scope,
                user_id=given.user_id or str(profile.get("ID", "")),
                language=call.language,
                installed_at=now,
                refreshed_at=now,
            )
        )
        self._log.info(
            "the portal {portal} has installed the application", portal=portal_of(endpoint), how=call.event or "frame"
        )
        self._on_change()

    async def _proved_patiently(self, given: Credentials) -> tuple[str, dict[str, Any]]:
        """As `_proved`. An installation's call is made once: a portal that stumbles over the proof is asked again."""
        for pause in _PROOF_PAUSES:
            try:
                return await self._proved(given)
            except PortalTrouble:
                await deferLater(self._clock, pause)
        return await self._proved(given)

    async def _proved(self, given: Credentials) -> tuple[str, dict[str, Any]]:
        """The portal's endpoint and its administrator's profile, once both are proved."""
        endpoint = await self._endpoint(given)
        await self._prove_application(endpoint, given.access_token)
        profile = await self._ask(endpoint, given.access_token, "profile")
        if not isinstance(profile, dict) or profile.get("ADMIN") not in YES:
            raise NotGenuine("whoever installs the application is not an administrator of the portal")
        return endpoint, profile

    async def _uninstall(self, credentials: Credentials) -> None:
        # No token comes with this event that the portal could be asked with.
        self.check_application_token(credentials)
        await self._tokens.forget()
        self._log.warn("the portal has uninstalled the application; its tokens are forgotten")
        self._on_change()

    async def _endpoint(self, given: Credentials) -> str:
        """The REST endpoint of the portal that calls, when that portal may install at all."""
        installed = self._tokens.installation
        expected = self._portal_name or (installed.domain if installed is not None else None)
        claimed = endpoint_address(given.client_endpoint) if given.client_endpoint else None
        if given.client_endpoint and claimed is None:
            raise NotGenuine("the portal's client_endpoint is no address that may be called")
        if claimed is None and given.domain:
            claimed = portal_endpoint(given.domain)
        if claimed is None:
            raise NotGenuine("the call names no portal")
        if expected is not None and same_portal(portal_of(claimed), expected):
            return claimed
        if expected is not None and not self._is_a_trial(claimed, given.domain, expected):
            raise NotGenuine("another portal than the one that may install")
        # No address that the operator has named: the OAuth server, which no caller can fake, must know the token.
        if not self._client_id:
            raise NotGenuine("without bitrix24.client_id only the portal named in bitrix24.portal can install")
        info = await self._prove_application(self._oauth_endpoint, given.access_token)
        inner = info.get("install")
        named = inner if isinstance(inner, dict) else info
        vouched = endpoint_address(str(named.get("client_endpoint") or ""))
        if vouched is not None and not same_portal(portal_of(vouched), portal_of(claimed)):
            raise NotGenuine("the OAuth server knows the token as another portal's")
        return claimed

    def _is_a_trial(self, claimed: str, domain: str, expected: str) -> bool:
        """Whether portal and OAuth server both run on this machine, under the name of the real portal."""
        return (
            same_portal(domain, expected)
            and claimed.startswith("http://")
            and self._oauth_endpoint.startswith("http://")
            and not (portal_endpoint(expected) or "").startswith("http://")
        )

    async def _prove_application(self, endpoint: str, token: str) -> dict[str, Any]:
        answer = await self._ask(endpoint, token, "app.info")
        info: dict[str, Any] = answer if isinstance(answer, dict) else {}
        if self._client_id and self._client_id not in {str(info.get(name)) for name in _APPLICATION_NAMES}:
            raise NotGenuine("the token belongs to another application than bitrix24.client_id")
        return info

    async def _ask(self, endpoint: str, token: str, method: str) -> Any:
        if not token:
            raise NotGenuine("the call brings no access token")
        try:
            return await self._portal.ask_as(endpoint, token, method)
        except PortalError as error:
            raise NotGenuine(f"{portal_of(endpoint)} answers {error.code} to the token of the call") from None

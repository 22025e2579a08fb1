"""The portal's tokens: one pair, on disk before it is used, refreshed once for everybody who finds it expired."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ..errors import AnswerLost, JournalUnavailable, NotSent
from ..http_client import Answer, IHttpClient
from ..journal import Journal
from ..journal.journal import Installation
from .addresses import endpoint_address
from .trouble import PortalError, PortalTrouble, judge

_TIMEOUT = 30.0
_NOT_INSTALLED_PAUSE = 60.0


class NotInstalled(PortalTrouble):
    """No portal has installed the application yet, or it has uninstalled it."""

    def __init__(self) -> None:
        super().__init__(
            "the application is not installed in Bitrix24", code="not_installed", pause=_NOT_INSTALLED_PAUSE
        )


class Tokens:
    """Who installed the application, and the pair of tokens to call it with."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        client: IHttpClient,
        *,
        oauth_url: str,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._client = client
        self._oauth_url = oauth_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._refreshing: Deferred[Any] | None = None
        self._waiting: list[Deferred[Installation]] = []
        self._installation: Installation | None = None
        self._writing = DeferredLock()
        """Held while the journal's pair and this one may differ."""

    @property
    def installation(self) -> Installation | None:
        """The portal that installed the application; None when none has."""
        return self._installation

    async def load(self) -> None:
        """Read what the journal knows; raises `JournalUnavailable`."""
        self._installation = await self._journal.installation()

    async def adopt(self, installation: Installation) -> None:
        """Use these tokens from now on; on disk when this returns."""
        async with self._writing:
            await self._journal.install(installation)
            self._installation = installation

    async def forget(self) -> None:
        """The application has been uninstalled."""
        async with self._writing:
            await self._journal.uninstall()
            self._installation = None

    def current(self) -> Installation:
        """The tokens to use; raises `NotInstalled`."""
        if self._installation is None:
            raise NotInstalled
        return self._installation

    def refresh(self, expired: str) -> Deferred[Installation]:
        """A pair newer than the access token `expired`; fails with `PortalTrouble`.

        However many ask, the OAuth server is asked once: two refreshes at a time leave a dead pair.
        """
        if self._installation is not None and self._installation.access_token != expired:
            return succeed(self._installation)
        answer: Deferred[Installation] = Deferred()
        self._waiting.append(answer)
        if self._refreshing is None:
            self._refreshing = Deferred.fromCoroutine(self._refresh())
            self._refreshing.addBoth(self._refreshed)
        return answer

    def settled(self) -> Deferred[None]:
        """Fires when no refresh is under way: until then there may be a new pair that is not on disk yet."""
        if self._refreshing is None:
            return succeed(None)
        answer: Deferred[Any] = Deferred()
        self._waiting.append(answer)
        return answer.addBoth(lambda _: None)

    def _refreshed(self, result: Any) -> None:
        self._refreshing = None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(result)

    async def _refresh(self) -> Installation:
        old = self.current()
        try:
            answer = await self._ask(old)
        except PortalTrouble:
            if self._is_replaced(old):
                return self.current()
            raise
        new = _renewed(old, answer, self._clock.seconds())
        # The old pair may be dead by now: the new one must not be lost to a journal that is away for a moment.
        while True:
            try:
                return await self._replace(old, new)
            except JournalUnavailable as trouble:
                self._log.error("new tokens wait for the journal: {trouble}", trouble=str(trouble))
            await deferLater(self._clock, 1.0)

    async def _replace(self, old: Installation, new: Installation) -> Installation:
        """Use a new pair in place of the old one, unless the application was installed anew meanwhile."""
        async with self._writing:
            if self._is_replaced(old):
                return self.current()
            # Not of an application that was uninstalled.
            self.current()
            await self._journal.install(new)
            self._installation = new
            self._log.info("the portal's tokens are refreshed")
            return new

    def _is_replaced(self, old: Installation) -> bool:
        """Whether the application was installed anew meanwhile; those tokens are the better ones."""
        return self._installation is not None and self._installation.refresh_token != old.refresh_token

    async def _ask(self, old: Installation) -> dict[str, Any]:
        parameters = {
            "grant_type": "refresh_token",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "refresh_token": old.refresh_token,
        }
        try:
            # The secrets belong into the body; a server that knows only the documented query gets that.
            answer = await self._client.post_form(self._oauth_url, parameters, timeout=_TIMEOUT)
            if _fields(answer) is None and answer.code in (404, 405, 411, 501):
                answer = await self._client.get(self._oauth_url, parameters, timeout=_TIMEOUT)
        except (NotSent, AnswerLost) as trouble:
            raise PortalTrouble(f"the OAuth server cannot be reached: {trouble}") from None
        fields = _fields(answer)
        if fields is None:
            raise PortalTrouble(f"the OAuth server answers HTTP {answer.code} and nothing that can be understood")
        if "error" in fields:
            error = judge(str(fields["error"]), str(fields.get("error_description", "")))
            if isinstance(error, PortalError):
                error = PortalTrouble(f"the OAuth server answers {error}", code=error.code, pause=60.0)
            raise error
        return fields


def _fields(answer: Answer) -> dict[str, Any] | None:
    try:
        fields = answer.json()
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and ("access_token" in fields or "error" in fields) else None


def _renewed(old: Installation, fields: dict[str, Any], now: float) -> Installation:
    # `domain` is the OAuth server's own here. The endpoint changes when the portal is renamed.
    endpoint = endpoint_address(str(fields.get("client_endpoint") or "")) or old.client_endpoint
    return replace(
        old,
        access_token=str(fields["access_token"]),
        refresh_token=str(fields.get("refresh_token") or old.refresh_token),
        client_endpoint=endpoint,
        scope=str(fields.get("scope") or old.scope),
        refreshed_at=now,
    )

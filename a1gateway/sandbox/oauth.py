"""The simulated OAuth server: access and refresh tokens.

A refresh ends the pair before it: its access token counts as expired and its refresh token as invalid, which is how
two refreshes at once leave an application without access.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hmac import compare_digest

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.rest_errors import RestError, expired_token

_REFRESH_LIFETIME = 180 * 86400.0


@dataclass(frozen=True, slots=True)
class Holder:
    """The portal's user for whom a token speaks."""

    user_id: int
    admin: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Tokens as they are handed out; `expires` in Unix time, `lifetime` in seconds."""

    access: str
    refresh: str
    expires: float
    lifetime: float


@dataclass(frozen=True, slots=True)
class _Access:
    holder: Holder
    expires: float


@dataclass(frozen=True, slots=True)
class _Refresh:
    holder: Holder
    access: str
    expires: float


class Tokens:
    """Every token of the application, on an injected clock."""

    def __init__(self, clock: IReactorTime, lifetime: Callable[[], float]) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._access: dict[str, _Access] = {}
        self._refresh: dict[str, _Refresh] = {}

    def issue(self, holder: Holder) -> Pair:
        """A new pair; others stay as they are."""
        access, expires = self.issue_access(holder)
        refresh = secrets.token_hex(32)
        self._refresh[refresh] = _Refresh(holder, access, self._clock.seconds() + _REFRESH_LIFETIME)
        return Pair(access, refresh, expires, self._lifetime())

    def issue_access(self, holder: Holder) -> tuple[str, float]:
        """An access token alone, as handlers are given it, and when it expires."""
        access = secrets.token_hex(32)
        expires = self._clock.seconds() + self._lifetime()
        self._access[access] = _Access(holder, expires)
        return access, expires

    def refreshed(self, refresh: str) -> tuple[Holder, Pair]:
        """The pair that follows. Raises RestError (`invalid_grant`) when the refresh token is unknown or used."""
        old = self._refresh.pop(refresh, None)
        if old is None or old.expires <= self._clock.seconds():
            raise RestError("invalid_grant", "Refresh token is invalid or has been used.", 400)
        if old.access in self._access:
            self._access[old.access] = _Access(old.holder, self._clock.seconds())
        return old.holder, self.issue(old.holder)

    def holder(self, access: str) -> Holder:
        """Who calls with this token. Raises RestError: `invalid_token` when unknown, `expired_token`."""
        token = self._access.get(access)
        if token is None:
            raise RestError("invalid_token", "Unable to get application by token", 401)
        if token.expires <= self._clock.seconds():
            raise expired_token()
        return token.holder

    def expire(self) -> None:
        """Every access token there is counts as expired from now on."""
        now = self._clock.seconds()
        self._access = {access: _Access(token.holder, now) for access, token in self._access.items()}

    def revoke(self) -> None:
        """No token is known any longer."""
        self._access.clear()
        self._refresh.clear()


class OAuthServer:
    """The token endpoint's rules."""

    def __init__(self, tokens: Tokens, *, client_id: str, client_secret: str) -> None:
        self._tokens = tokens
        self._client_id = client_id
        self._client_secret = client_secret

    def refresh(self, fields: Mapping[str, str]) -> tuple[Holder, Pair]:
        """Answers a token request. Raises RestError with OAuth's codes."""
        if not fields.get("client_id") or not fields.get("client_secret"):
            raise RestError("invalid_request", "client_id and client_secret are required", 400)
        known = compare_digest(fields["client_id"].encode(), self._client_id.encode())
        if not known or not compare_digest(fields["client_secret"].encode(), self._client_secret.encode()):
            raise RestError("invalid_client", "Invalid client", 401)
        if fields.get("grant_type") != "refresh_token" or not fields.get("refresh_token"):
            raise RestError("invalid_request", "Only grant_type=refresh_token is simulated", 400)
        return self._tokens.refreshed(fields["refresh_token"])

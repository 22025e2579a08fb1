"""Who looks at the pages: visitors whom the portal has vouched for, and their short sessions.

Browsers keep no cookies for a frame of another site, so a session is a token that the page itself carries: in a
header of every request, or in a hidden field of a form. Nothing is sent by the browser of its own accord, and so
nobody else's page can send a request in a visitor's name.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from twisted.internet.interfaces import IReactorTime

LONGEST = 3600.0
"""Seconds that a session lasts at most: as long as the portal's own token for the user."""
MOST = 10_000
"""Sessions at a time; beyond that the oldest ends."""
# Seconds. To go through them all at every visit would take longer than the visit.
_FORGET_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user of the portal, as the portal says."""

    id: int
    name: str
    """As people call them; empty when the portal tells none."""
    admin: bool
    """Whether an administrator of the portal, who alone may see settings and change anything."""

    @property
    def label(self) -> str:
        """For what is kept of who did something."""
        return f"{self.name} (id {self.id})" if self.name else f"id {self.id}"


@dataclass(frozen=True, slots=True)
class Session:
    """A visit."""

    visitor: Visitor
    access_token: str = field(repr=False)
    """The user's own at the portal: what it may not read, the visitor does not see of the CRM."""
    until: float
    """In seconds since the epoch."""
    language: str


class Sessions:
    """In memory alone: after a restart the pages ask the portal for the user's tokens again."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # By the digest of the token: how long a look-up takes tells nothing of the token itself.
        self._kept: OrderedDict[bytes, Session] = OrderedDict()
        self._forget_at = 0.0

    def begin(self, visitor: Visitor, access_token: str, language: str, lifetime: float) -> str:
        """A new session's token; it lasts `lifetime` seconds, `LONGEST` at most."""
        self._forget_old()
        token = secrets.token_urlsafe(32)
        until = self._clock.seconds() + max(0.0, min(lifetime, LONGEST))
        self._kept[_digest(token)] = Session(visitor, access_token, until, language)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token; None when there is none, or none any more."""
        session = self._kept.get(_digest(token)) if token else None
        return session if session is not None and session.until > self._clock.seconds() else None

    def speak(self, token: str, language: str) -> None:
        """The visitor wants another language from now on."""
        session = self._kept.get(_digest(token))
        if session is not None:
            self._kept[_digest(token)] = replace(session, language=language)

    def end_all(self) -> None:
        """The application has been installed anew, or is gone: nobody is vouched for any more."""
        self._kept.clear()

    def _forget_old(self) -> None:
        now = self._clock.seconds()
        if now < self._forget_at:
            return
        self._forget_at = now + _FORGET_EVERY
        for digest in [digest for digest, session in self._kept.items() if session.until <= now]:
            del self._kept[digest]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

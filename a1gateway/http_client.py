"""Requests to the outside parties: one place that bounds their time and size and says how each of them failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode

import treq
from OpenSSL.SSL import Error as TLSError
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool

from .errors import AnswerLost, NotSent

# Servers close idle connections after 5 seconds or more. A request that meets that has an answer that nobody knows.
_IDLE_CONNECTION = 4
_CONNECT_TIMEOUT = 10
_LARGEST_ANSWER = 8 * 1024 * 1024
_USER_AGENT = "a1gateway"
_NOT_TRUSTED = "certificate verify failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, whatever its status."""

    code: int
    body: bytes
    location: str | None = None
    date: float | None = None
    """When it was made by the clock of who made it, in seconds since the epoch; None when that is not said."""

    def json(self) -> Any:
        """The body as JSON, its fractions as `Decimal`; raises `ValueError` when it is none."""
        return json.loads(self.body.decode("utf-8-sig"), parse_float=Decimal)


class IHttpClient(Protocol):
    """Sends requests and collects answers."""

    async def post_form(self, url: str, form: Mapping[str, str], *, timeout: float) -> Answer:
        """Send a form; raises `NotSent` or `AnswerLost`. `timeout`, in seconds, is for everything together."""

    async def post_json(self, url: str, content: Any, *, timeout: float) -> Answer:
        """Send JSON; raises `NotSent` or `AnswerLost`."""

    async def get(self, url: str, query: Mapping[str, str], *, timeout: float) -> Answer:
        """Ask by a query; raises `NotSent` or `AnswerLost`."""


class HttpClient:
    """The real one, over treq. Redirections are not followed: they are the caller's to judge."""

    def __init__(self, client: HTTPClient, clock: IReactorTime) -> None:
        self._client = client
        self._clock = clock

    async def post_form(self, url: str, form: Mapping[str, str], *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return await self._request("POST", url, timeout, headers=headers, data=urlencode(form).encode())

    async def post_json(self, url: str, content: Any, *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        body = json.dumps(content, ensure_ascii=False).encode()
        return await self._request("POST", url, timeout, headers=headers, data=body)

    async def get(self, url: str, query: Mapping[str, str], *, timeout: float) -> Answer:
        """See `IHttpClient`."""
        return await self._request("GET", f"{url}?{urlencode(query)}", timeout, headers={})

    async def _request(self, method: str, url: str, timeout: float, **more: Any) -> Answer:
        more["headers"] = more["headers"] | {"User-Agent": _USER_AGENT, "Accept": "application/json"}
        asked = Deferred.fromCoroutine(self._exchange(method, url, more))
        expired = False

        def on_timeout(result: Any, _seconds: float) -> Any:
            nonlocal expired
            expired = True
            return result

        asked.addTimeout(timeout, self._clock, onTimeoutCancel=on_timeout)
        try:
            return await asked
        except (ConnectError, DNSLookupError, ConnectTimeout, ConnectingCancelledError) as error:
            raise NotSent(_words(error)) from None
        except Exception as error:
            # Whatever it was: the request may have arrived.
            if expired:
                raise AnswerLost(f"no answer within {timeout:g} seconds") from None
            if any(isinstance(reason, CancelledError) for reason in _reasons(error)):
                # Nobody waits for the answer any more.
                raise CancelledError from None
            raise _trouble(error) from None

    async def _exchange(self, method: str, url: str, more: dict[str, Any]) -> Answer:
        response = await self._client.request(method, url, allow_redirects=False, unbuffered=True, **more)
        pieces: list[bytes] = []
        size = 0

        def collect(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            if size > _LARGEST_ANSWER:
                raise ValueError("the answer is larger than anything that was asked for")
            pieces.append(piece)

        await treq.collect(response, collect)
        location = response.headers.getRawHeaders("Location", [None])[0]
        date = _moment(response.headers.getRawHeaders("Date", [None])[0])
        return Answer(response.code, b"".join(pieces), location, date)


def http_client(reactor: Any, *, connections: int = 8) -> HttpClient:
    """The client for a real reactor: certificates are checked, up to `connections` to a host are kept open."""
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = connections
    pool.cachedConnectionTimeout = _IDLE_CONNECTION
    # Whether a request is safe to repeat is decided where it was made, never by the transport.
    pool.retryAutomatically = False
    return HttpClient(HTTPClient(Agent(reactor, connectTimeout=_CONNECT_TIMEOUT, pool=pool)), reactor)


def _moment(date: str | None) -> float | None:
    """The moment of a header `Date` (RFC 9110, 5.6.7); None when there is none that can be read."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _reasons(error: Exception) -> list[BaseException]:
    wrapped = [reason.value for reason in getattr(error, "reasons", []) if isinstance(reason, Failure)]
    return [reason for reason in wrapped if reason is not None] or [error]


def _trouble(error: Exception) -> NotSent | AnswerLost:
    reasons = _reasons(error)
    text = "; ".join(dict.fromkeys(_words(reason) for reason in reasons))
    if not all(isinstance(reason, TLSError) for reason in reasons):
        return AnswerLost(text)
    if _NOT_TRUSTED in text:
        # Found before the end of the handshake, by this side: not one octet of the request was readable to anybody.
        return NotSent(f"TLS: {text}")
    # Of any other error nobody can tell whether it was the handshake's, or came with the request on its way.
    return AnswerLost(f"TLS: {text}")

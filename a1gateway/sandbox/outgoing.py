"""The calls that the simulated A1 and the simulated Bitrix24 make themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import urlencode

import treq
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseFailed
from twisted.web.error import SchemeNotSupported
from twisted.web.http_headers import Headers

Fields = Sequence[tuple[str, str]]

_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"

# What an address that is away, not a gateway, or no address at all can raise.
_NO_ANSWER = (
    ConnectError,
    ConnectingCancelledError,
    ConnectionClosed,
    OSError,  # among them a name that is not found
    RequestTransmissionFailed,
    ResponseFailed,
    WaitedTooLong,
    SchemeNotSupported,
    ValueError,
)


class HttpClient(Protocol):
    """What is used of `treq.client.HTTPClient`."""

    def request(
        self, method: str, url: str, /, *, headers: Headers, data: bytes | None, allow_redirects: bool
    ) -> Deferred[Any]: ...


class Outgoing:
    """Makes calls as the outside parties do: one attempt, no redirects followed, a bounded wait."""

    def __init__(self, client: HttpClient, clock: IReactorTime, *, timeout: float = 30.0) -> None:
        self._client = client
        self._clock = clock
        self._timeout = timeout

    async def get(self, url: str, fields: Fields) -> int | None:
        """`fields` in the query; the answer's HTTP status, or None when there was no whole answer in time."""
        return await self._call("GET", url + ("&" if "?" in url else "?") + urlencode(fields), None, None)

    async def post_form(self, url: str, fields: Fields) -> int | None:
        """`fields` in a form body; the same answer as `get`."""
        return await self._call("POST", url, urlencode(fields).encode(), _FORM)

    async def post_json(self, url: str, value: Any) -> int | None:
        """`value` as a JSON body; the same answer as `get`."""
        return await self._call("POST", url, json.dumps(value).encode(), _JSON)

    async def _call(self, method: str, url: str, body: bytes | None, content_type: bytes | None) -> int | None:
        headers = Headers({b"user-agent": [b"a1gateway-sandbox"]})
        if content_type is not None:
            headers.setRawHeaders(b"content-type", [content_type])

        exchange = Deferred.fromCoroutine(self._exchange(method, url, headers, body)).addTimeout(
            self._timeout, self._clock
        )
        given_up = False

        def give_up(_: object) -> None:
            nonlocal given_up
            given_up = True
            exchange.cancel()

        # A cancelled exchange fails in ways that look like a gateway that is away; this one is told apart.
        answer: Deferred[int | None] = Deferred(give_up)

        def ended(result: int | Failure) -> None:
            if given_up:
                return
            if not isinstance(result, Failure):
                answer.callback(result)
            elif result.check(*_NO_ANSWER) is not None:
                answer.callback(None)
            else:
                answer.errback(result)

        exchange.addBoth(ended)
        return await answer

    async def _exchange(self, method: str, url: str, headers: Headers, body: bytes | None) -> int:
        response = await self._client.request(method, url, headers=headers, data=body, allow_redirects=False)
        await treq.content(response)
        return int(response.code)

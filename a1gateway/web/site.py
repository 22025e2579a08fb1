"""The HTTP server: bodies bounded, requests counted so that a stop can wait for them, no secret in any log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from .sightings import Sightings
from .unanswered import Channel, Unanswered

LARGEST_BODY = 1_000_000
# A client that goes on sending long after it was too much is cut off.
_CUT_OFF = 16 * LARGEST_BODY
_IDLE_TIMEOUT = 60
# Of every answer whose route says nothing else: it is no page, and nobody keeps it or looks at what it may be.
_HEADERS = (
    (b"Cache-Control", b"no-store"),
    (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Content-Type-Options", b"nosniff"),
)
_HTTPS_ONLY = b"max-age=31536000"
_ROUTES = frozenset(
    ("/healthz", "/readyz", "/metrics", "/a1/callback")
    + tuple(
        f"/bitrix24/{name}" for name in ("handler", "install", "event", "robot", "app", "session", "pages", "static")
    )
)


class BoundedRequest(Request):
    """Keeps at most `LARGEST_BODY` octets of a body, and answers 413 to a larger one."""

    def __init__(self, channel: HTTPChannel, *queued: Any) -> None:
        super().__init__(channel, *queued, parsePOSTFormSubmission=False)
        self._received = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if self._received <= LARGEST_BODY:
            super().handleContentChunk(data)
        elif self._received > _CUT_OFF:
            self.channel.forceAbortClient()

    def gotLength(self, length: int | None) -> None:
        super().gotLength(min(length, LARGEST_BODY) if length is not None else None)

    def process(self) -> None:
        site: CountingSite = self.channel.site  # type: ignore[attr-defined]  # set by HTTPFactory
        site.opened(self)
        if self._received > LARGEST_BODY:
            self._secure()
            self.setResponseCode(413)
            self.setHeader(b"Content-Type", b"application/json; charset=utf-8")
            self.write(b'{"error": "too_large", "error_description": "the body is larger than 1 MB"}')
            self.finish()
            return
        if self.path == b"*" or not _is_text(self.path):
            # Twisted and Klein would answer by themselves, and write a traceback for whatever is no text.
            self.path = b"/*"
        super().process()

    def getRequestHostname(self) -> bytes:
        """For Klein, which would write a traceback for one that is no text; nothing depends on it."""
        return b"localhost"

    def render(self, resrc: IResource) -> None:
        """Answer, with the headers that every answer has."""
        self._secure()
        super().render(resrc)

    def _secure(self) -> None:
        # Twisted's name and version.
        self.responseHeaders.removeHeader(b"Server")
        for name, value in _HEADERS:
            self.setHeader(name, value)
        if self.isSecure():
            self.setHeader(b"Strict-Transport-Security", _HTTPS_ONLY)


class CountingSite(Site):
    """Knows how many requests are being answered."""

    displayTracebacks = False
    noisy = False
    # And not Twisted's, which can change over to HTTP/2.
    protocol = Channel  # type: ignore[assignment]
    _log = Logger()

    def __init__(
        self,
        resource: IResource,
        clock: IReactorTime,
        *,
        tells_each: bool = True,
        sightings: Sightings | None = None,
        unanswered: Unanswered | None = None,
    ) -> None:
        """`tells_each`: every request has a line in the log, at the level `debug`.

        `sightings` is shown the address of every request.
        """
        super().__init__(resource, requestFactory=BoundedRequest, timeout=_IDLE_TIMEOUT, reactor=clock)
        self.unanswered = Unanswered(clock) if unanswered is None else unanswered
        """The connections without a whole request."""
        self._tells_each = tells_each
        self._sightings = sightings
        self._open = 0
        self._idle: list[Deferred[None]] = []

    def opened(self, request: Request) -> None:
        """A request has come in whole."""
        self._open += 1
        if self._sightings is not None:
            self._sightings.look_at(request.path)
        request.notifyFinish().addBoth(self._closed, request, self.reactor.seconds())

    def idle(self) -> Deferred[None]:
        """Fires when every request has its answer."""
        if self._open == 0:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._idle.append(waiting)
        return waiting

    def acceptableProtocols(self) -> list[bytes]:
        """For TLS."""
        return [b"http/1.1"]

    def log(self, request: object) -> None:
        """Nothing: Twisted's access log would hold the secrets that are part of some addresses."""

    def _closed(self, _result: object, request: Request, since: float) -> None:
        self._open -= 1
        if self._tells_each:
            self._log.debug(
                "{method} {route}: {code}",
                method=request.method.decode("ascii", "replace"),
                route=_route(request.path),
                code=request.code,
                milliseconds=round(1000 * (self.reactor.seconds() - since), 1),
            )
        if self._open == 0:
            waiting, self._idle = self._idle, []
            for each in waiting:
                each.callback(None)


class ByFirstPart(Resource):
    """Leaves an address to whoever its first part belongs to, as it is."""

    isLeaf = True

    def __init__(self, others: IResource, owners: Mapping[bytes, IResource]) -> None:
        """`others` gets what belongs to nobody."""
        super().__init__()
        self._others = others
        self._owners = owners

    def render(self, request: IRequest) -> Any:
        """See `IResource`."""
        first = request.postpath[0] if request.postpath else b""
        return self._owners.get(first, self._others).render(request)


class Root(Resource):
    """Children by the first part of the path; whatever has none goes to `others`, which knows what is not there."""

    def __init__(self, others: IResource) -> None:
        super().__init__()
        self._others = others

    def getChild(self, path: bytes, request: IRequest) -> IResource:
        """Leave the path as it is for the resource that routes by it."""
        request.postpath.insert(0, request.prepath.pop())
        return self._others


def answer_nothing(request: IRequest) -> None:
    """404, the same wherever it comes from."""
    request.setResponseCode(404)
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    request.write(b"Not found\n")


def _is_text(path: bytes) -> bool:
    if b"%" not in path and path.isascii():
        return True
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _route(path: bytes) -> str:
    """Which route it was, without what may be a secret; an address that was not copied well may be one all over."""
    route = "/".join(path.decode("ascii", "replace").split("/")[:3])
    return route if route in _ROUTES else "elsewhere"

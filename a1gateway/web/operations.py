"""For whoever watches the gateway: liveness, readiness, figures; and A1's callback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from ..carriers.a1answers import identifier
from ..carriers.a1status import meaning, status_word
from ..intake import Intake
from ..message import Source, StatusReport
from ..metrics import Metrics
from .answers import answering, error_answer, http_error, json_answer
from .direct import Direct
from .forms import BadBody, read_fields
from .site import answer_nothing
from .strangers import Strangers


class Operations:
    """`/healthz`, `/readyz`, `/metrics`."""

    app = Klein()

    def __init__(
        self,
        readiness: Callable[[], Awaitable[dict[str, Any]]],
        figures: Callable[[], Awaitable[bytes]],
        may_look: Callable[[IRequest], bool] = lambda request: True,
    ) -> None:
        """`readiness` gives the answer with `ready` in it; `figures` gives Prometheus's text.

        `may_look` says who gets them; to all others there is nothing.
        """
        self._may_look = may_look
        self._readiness = readiness
        self._figures = figures

    @app.route("/healthz", methods=["GET"])
    @answering
    async def healthz(self, request: IRequest) -> bytes:
        """The reactor turns, or nobody would answer."""
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return b"ok\n"

    @app.route("/readyz", methods=["GET"])
    @answering
    async def readyz(self, request: IRequest) -> bytes:
        """Whether a send would get through, and if not, why."""
        if not self._may_look(request):
            answer_nothing(request)
            return b""
        readiness = await self._readiness()
        return json_answer(request, readiness, 200 if readiness["ready"] else 503)

    @app.route("/metrics", methods=["GET"])
    @answering
    async def metrics(self, request: IRequest) -> bytes:
        """The figures."""
        if not self._may_look(request):
            answer_nothing(request)
            return b""
        request.setHeader(b"Content-Type", b"text/plain; version=0.0.4; charset=utf-8")
        return await self._figures()

    @app.handle_errors(HTTPException)
    def _http_error(self, request: IRequest, failure: Any) -> bytes:
        return http_error(request, failure)


class A1Callback:
    """`/a1/callback/<secret>`: A1 says what became of a message, in whatever form its contract has."""

    app = Klein()

    def __init__(
        self,
        clock: IReactorTime,
        intake: Intake,
        *,
        secret: str,
        id_field: str,
        status_field: str,
        strangers: Strangers | None = None,
    ) -> None:
        self._clock = clock
        self._intake = intake
        self._secret = secret
        self._id_field = id_field
        self._status_field = status_field
        self._strangers = strangers or Strangers(clock, Metrics())

    @app.route("/callback/<secret>", methods=["GET", "POST"])
    @answering
    async def callback(self, request: IRequest, secret: str) -> bytes:
        """See `take_status`; here for what `resource` leaves to Klein."""
        self._strangers.check_secret(request, secret, self._secret)
        if request.method == b"HEAD":
            # Routing takes it for a kind of GET; whoever only looks must change nothing.
            return error_answer(request, 405, "method_not_allowed", "this address takes GET, POST")
        return await self.take_status(request, secret)

    def resource(self) -> IResource:
        """All the routes."""
        return Direct(KleinResource(self.app), "callback", (b"GET", b"POST"), self.take_status)

    async def take_status(self, request: IRequest, secret: str) -> bytes:
        """200 once the status is on disk; whether the message is known does not matter to A1."""
        self._strangers.check_secret(request, secret, self._secret)
        fields = read_fields(request)
        name = identifier(fields.get(self._id_field))
        said = fields.get(self._status_field)
        if name is None:
            raise BadBody("missing_id", f"there is no field {self._id_field} with the message's identifier")
        if said is None or isinstance(said, (bool, dict, list)) or not str(said).strip():
            raise BadBody("missing_status", f"there is no field {self._status_field} with the status")
        word = status_word(said)
        await self._intake.take_status(
            StatusReport(name, word, meaning(word), Source.CALLBACK, self._clock.seconds())
        )
        return json_answer(request, {"status": "ok"})

    @app.handle_errors(HTTPException)
    def _http_error(self, request: IRequest, failure: Any) -> bytes:
        return http_error(request, failure)

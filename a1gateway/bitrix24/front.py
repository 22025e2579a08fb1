"""The routes that Bitrix24 calls: check, put on disk, answer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from ..errors import TryLater
from ..intake import Intake
from ..web.answers import NotGenuine, answering, check_secret, http_error, json_answer
from ..web.direct import Direct
from ..web.forms import BadBody, read_fields
from .calls import MarketingTerms, read_application_call, read_auth, read_message
from .lifecycle import Lifecycle
from .pages import Pages, Registered
from .registration import Registration
from .tokens import Tokens

# How long the installation page waits for the registration that it shows, in seconds.
_REGISTRATION_PATIENCE = 8.0


class Front:
    """`/bitrix24/...`."""

    app = Klein()
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        intake: Intake,
        lifecycle: Lifecycle,
        registration: Registration,
        tokens: Tokens,
        *,
        handler_secret: str,
        handler_url: str,
        sender_code: str,
        sender_name: str,
        sender_id: str | None,
        max_segments: int,
        marketing: MarketingTerms | None = None,
    ) -> None:
        """`marketing` is None when such messages are refused."""
        self._clock = clock
        self._intake = intake
        self._lifecycle = lifecycle
        self._registration = registration
        self._tokens = tokens
        self._secret = handler_secret
        self._handler_url = handler_url
        self._sender_code = sender_code
        self._sender_name = sender_name
        self._sender_id = sender_id
        self._max_segments = max_segments
        self._marketing = marketing
        self._pages = Pages()

    @app.route("/handler/<secret>", methods=["POST"])
    @answering
    async def handler(self, request: IRequest, secret: str) -> bytes:
        """See `take_message`; here for what `resource` leaves to Klein."""
        return await self.take_message(request, secret)

    def resource(self) -> IResource:
        """All the routes."""
        return Direct(KleinResource(self.app), "handler", (b"POST",), self.take_message)

    async def take_message(self, request: IRequest, secret: str) -> bytes:
        """A message to send; 200 once it is on disk, whatever becomes of it."""
        check_secret(secret, self._secret)
        fields = read_fields(request)
        arrival = read_message(
            fields,
            self._clock.seconds(),
            max_segments=self._max_segments,
            sender_id=self._sender_id,
            sender_code=self._sender_code,
            marketing=self._marketing,
        )
        await self._lifecycle.check_message(read_auth(fields))
        acceptance = await self._intake.take_message(arrival)
        if acceptance.refusal is None:
            return json_answer(request, {"message_id": acceptance.message_id, "status": "queued"})
        return json_answer(
            request,
            {"message_id": acceptance.message_id, "status": "rejected", "reason": acceptance.refusal},
        )

    @app.route("/install", methods=["POST"])
    @answering
    async def install(self, request: IRequest) -> bytes:
        """The application is installed: by Bitrix24's servers, or by an administrator who sees the answer."""
        call = read_application_call(read_fields(request))
        if not call.framed:
            await self._lifecycle.take(call)
            return json_answer(request, {"status": "ok"})
        try:
            await self._lifecycle.take(call)
        except (NotGenuine, TryLater) as why:
            return self._refusal(request, call.language, why)
        await self._wait_for_registration()
        return self._application(request, call.language, ends=True)

    @app.route("/event/<secret>", methods=["POST"])
    @answering
    async def event(self, request: IRequest, secret: str) -> bytes:
        """An event of the application."""
        check_secret(secret, self._secret)
        call = read_application_call(read_fields(request))
        if call.framed:
            raise BadBody("not_an_event", "there is no event in the call")
        await self._lifecycle.take(call)
        return json_answer(request, {"status": "ok"})

    @app.route("/app", methods=["POST"])
    @answering
    async def application(self, request: IRequest) -> bytes:
        """The application's page: what is registered. For whoever the portal knows."""
        call = read_application_call(read_fields(request))
        try:
            await self._lifecycle.prove_member(call.credentials)
        except (NotGenuine, TryLater) as why:
            return self._refusal(request, call.language, why)
        return self._application(request, call.language, ends=False)

    @app.handle_errors(HTTPException)
    def _http_error(self, request: IRequest, failure: Any) -> bytes:
        return http_error(request, failure)

    async def _wait_for_registration(self) -> None:
        if not self._registration.stands:
            with suppress(TimeoutError, CancelledError):
                await self._registration.settled().addTimeout(_REGISTRATION_PATIENCE, self._clock)

    def _application(self, request: IRequest, language: str, *, ends: bool) -> bytes:
        installed = self._tokens.current()
        registered = Registered(
            code=self._sender_code,
            name=self._sender_name,
            handler=self._handler_url,
            portal=installed.domain,
            stands=self._registration.stands,
            trouble=self._registration.trouble,
        )
        return self._pages.application(request, language, installed.client_endpoint, registered, ends=ends)

    def _refusal(self, request: IRequest, language: str, why: Exception) -> bytes:
        later = isinstance(why, TryLater)
        self._log.warn("a page of the application is refused: {why}", why=str(why))
        request.setResponseCode(503 if later else 403)
        return self._pages.refusal(request, language, later=later)

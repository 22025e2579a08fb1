"""The routes that Bitrix24 calls: check, put on disk, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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

from ..admission import Admission
from ..automation.robots import CODES
from ..errors import TryLater
from ..intake import Intake
from ..metrics import Metrics
from ..pages.installation_page import InstallationPage, Registered
from ..web.answers import NotGenuine, TooManyCalls, answering, http_error, json_answer, refused
from ..web.direct import Direct
from ..web.forms import OF_STRANGERS, BadBody, inner_fields, read_fields
from ..web.strangers import Strangers
from .calls import ApplicationCall, read_application_call, read_auth, read_message
from .lifecycle import Lifecycle
from .registration import Registration
from .robot_calls import read_run
from .tokens import Tokens

# How long the installation page waits for the registration that it shows, in seconds.
_REGISTRATION_PATIENCE = 8.0
OF_THE_APPLICATION = "ONAPP"
"""How the events of the application's own life begin."""


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
        admission: Admission,
        take_event: Callable[[str, Mapping[str, Any]], Awaitable[bool]],
        strangers: Strangers | None = None,
    ) -> None:
        """`take_event` puts an event of the CRM or of telephony on disk, and says whether it is of use."""
        self._clock = clock
        self._intake = intake
        self._lifecycle = lifecycle
        self._registration = registration
        self._tokens = tokens
        self._secret = handler_secret
        self._handler_url = handler_url
        self._sender_code = sender_code
        self._sender_name = sender_name
        self._admission = admission
        self._take_event = take_event
        self._strangers = strangers or Strangers(clock, Metrics())
        self._page = InstallationPage()

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
        self._strangers.check_secret(request, secret, self._secret)
        fields = read_fields(request)
        arrival = read_message(fields, self._clock.seconds(), self._admission, self._sender_code)
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
        call = read_application_call(read_fields(request, most=OF_STRANGERS))
        if not call.framed:
            await self._prove(request, call)
            return json_answer(request, {"status": "ok"})
        try:
            await self._prove(request, call)
        except (NotGenuine, TryLater, TooManyCalls) as why:
            return self._refusal(request, call.language, why)
        await self._wait_for_registration()
        return self._installed(request, call.language)

    @app.route("/event/<secret>", methods=["POST"])
    @answering
    async def event(self, request: IRequest, secret: str) -> bytes:
        """An event of the application, of the CRM or of telephony."""
        self._strangers.check_secret(request, secret, self._secret)
        fields = read_fields(request)
        call = read_application_call(fields)
        if call.framed:
            raise BadBody("not_an_event", "there is no event in the call")
        if not call.event.startswith(OF_THE_APPLICATION):
            if call.credentials.application_token:
                # Without one it is believed for the secret's sake: nothing but a look at the portal comes of it.
                self._lifecycle.check_application_token(call.credentials)
            if await self._take_event(call.event, inner_fields(fields, "data")):
                return json_answer(request, {"status": "ok"})
        await self._lifecycle.take(call)
        return json_answer(request, {"status": "ok"})

    @app.route("/robot/<secret>", methods=["POST"])
    @answering
    async def robot(self, request: IRequest, secret: str) -> bytes:
        """An automation rule of the gateway runs; 200 once that is on disk."""
        self._strangers.check_secret(request, secret, self._secret)
        fields = read_fields(request)
        run = read_run(fields, self._clock.seconds(), CODES)
        await self._lifecycle.check_message(read_auth(fields))
        await self._intake.take_run(run)
        return json_answer(request, {"status": "ok"})

    @app.handle_errors(HTTPException)
    def _http_error(self, request: IRequest, failure: Any) -> bytes:
        return http_error(request, failure)

    async def _prove(self, request: IRequest, call: ApplicationCall) -> None:
        vouched = self._lifecycle.vouches(call.credentials)
        with self._strangers.proving(request, "install", vouched=vouched):
            await self._lifecycle.take(call)

    async def _wait_for_registration(self) -> None:
        if not self._registration.stands:
            with suppress(TimeoutError, CancelledError):
                await self._registration.settled().addTimeout(_REGISTRATION_PATIENCE, self._clock)

    def _installed(self, request: IRequest, language: str) -> bytes:
        installed = self._tokens.current()
        registered = Registered(
            code=self._sender_code,
            name=self._sender_name,
            handler=self._handler_url,
            portal=installed.domain,
            stands=self._registration.stands,
            trouble=self._registration.trouble,
        )
        return self._page.installed(request, language, installed.client_endpoint, registered)

    def _refusal(self, request: IRequest, language: str, why: Exception) -> bytes:
        self._log.warn("an installation from the frame is refused: {why}", why=str(why))
        return self._page.refusal(request, language, later=refused(request, why))

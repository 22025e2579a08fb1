"""The simulated Bitrix24 portal, with its OAuth server on the same address."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.pages import notFound
from twisted.web.resource import IResource
from twisted.web.server import Request

from a1gateway.sandbox import php
from a1gateway.sandbox.answers import (
    body_of,
    content_type,
    drop,
    form_of,
    html_answer,
    json_answer,
    query_of,
)
from a1gateway.sandbox.app_frame import AppFrame
from a1gateway.sandbox.bucket import LeakyBucket
from a1gateway.sandbox.card import Card
from a1gateway.sandbox.control import BadControl, Control, bad_control, control_object
from a1gateway.sandbox.crm import Crm, EntityType
from a1gateway.sandbox.crm_control import CrmControl
from a1gateway.sandbox.crm_events import EventCalls, EventManner
from a1gateway.sandbox.crm_methods import CrmMethods
from a1gateway.sandbox.crm_rights import Rights
from a1gateway.sandbox.events import Events
from a1gateway.sandbox.faults import Faults, PortalFault
from a1gateway.sandbox.installation import Application, Installation
from a1gateway.sandbox.messageservice import MessageService
from a1gateway.sandbox.messenger import Messenger
from a1gateway.sandbox.oauth import OAuthServer, Tokens
from a1gateway.sandbox.outgoing import HttpClient, Outgoing
from a1gateway.sandbox.placements import Placements
from a1gateway.sandbox.portal_pages import PortalPages
from a1gateway.sandbox.rest import ERROR_FAULTS, Rest
from a1gateway.sandbox.rest_errors import RestError, method_not_found, operation_time_limit, query_limit_exceeded
from a1gateway.sandbox.rest_page import Page
from a1gateway.sandbox.robot_control import RobotControl
from a1gateway.sandbox.robot_runs import RobotRuns
from a1gateway.sandbox.robots import Robots
from a1gateway.sandbox.sending import Module, NoSender, Sending, context_of
from a1gateway.sandbox.settings import Adjustable, PortalSettings
from a1gateway.sandbox.tasks import Tasks
from a1gateway.sandbox.telephony import EndedCall, Telephony
from a1gateway.sandbox.users import EMPLOYEE_ID

_UNANSWERED = (PortalFault.PORTAL_DOWN, PortalFault.HTTP_500, PortalFault.HTML)

# How often an installation is tried until the gateway takes it, in seconds.
_INSTALL_PAUSE = 1.0

# An HTTP status and the JSON that goes with it.
Answer = tuple[int, dict[str, Any]]


class SandboxPortal:
    """A portal: REST, OAuth, the sending of SMS, the application's installation, a page, and control routes.

    `base` is its own address, `gateway` that of the gateway, both without a slash at the end; `a1_control` are the
    simulated A1's control routes, offered to the page under `/sandbox/a1/`.
    """

    app = Klein()
    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        client: HttpClient,
        *,
        base: str,
        gateway: str,
        client_id: str,
        client_secret: str,
        settings: PortalSettings | None = None,
        a1_control: IResource | None = None,
    ) -> None:
        self._clock = clock
        self._gateway = gateway
        self._a1_control = a1_control
        self.settings = Adjustable(settings or PortalSettings())
        self.faults = Faults(portal=PortalFault)
        self.requests: Counter[str] = Counter()
        self._buckets: defaultdict[str, LeakyBucket] = defaultdict(LeakyBucket)
        self._tasks = Tasks(clock)
        self._installing = Tasks(clock)
        outgoing = Outgoing(client, clock)
        self._outgoing = outgoing
        self.tokens = Tokens(clock, lambda: self.settings.now.token_lifetime)
        self._oauth = OAuthServer(self.tokens, client_id=client_id, client_secret=client_secret)
        self.installation = Installation(clock, Application(base, client_id), self.tokens, outgoing, self.settings)
        self.messageservice = MessageService(clock, self.settings, self.faults)
        self.messenger = Messenger(clock)
        self.events = Events()
        self.event_calls = EventCalls(clock, self.events, self.installation, outgoing=outgoing, tasks=self._tasks)
        self.telephony = Telephony(clock, self.event_calls.fire)
        self.crm = Crm(clock)
        self.crm.on_change = self.event_calls.item_changed
        self._crm_control = CrmControl(self.crm)
        self.placements = Placements(self.crm, self.settings)
        self._sending = Sending(
            clock,
            self.messageservice,
            self.installation,
            tokens=self.tokens,
            outgoing=outgoing,
            settings=self.settings,
            tasks=self._tasks,
        )
        self.robots = Robots()
        self.robot_runs = RobotRuns(
            clock, self.robots, self.installation, tokens=self.tokens, outgoing=outgoing, tasks=self._tasks
        )
        self._robot_control = RobotControl(self.robots, self.robot_runs, self.settings)
        self.rest = Rest(
            clock,
            self.settings,
            tokens=self.tokens,
            installation=self.installation,
            messageservice=self.messageservice,
            events=self.events,
            faults=self.faults,
            requests=self.requests,
            crm=CrmMethods(self.crm, Rights(self.settings)).table,
            bizproc=self.robots.table | self.robot_runs.table,
            telephony=self.telephony.table,
            placement=self.placements.table,
            im=self.messenger.table,
        )
        self._control = Control(
            messages=self.messageservice.reports,
            requests=self.requests,
            faults=self.faults,
            settings=self.settings,
            reset=self.reset,
        )
        self._pages = PortalPages()
        self._card = Card(self.installation, self._pages)
        self._app_frame = AppFrame(
            self.installation, self.tokens, self.placements, crm=self.crm, gateway=gateway, pages=self._pages
        )

    def resource(self) -> IResource:
        """The whole site."""
        return self.app.resource()

    def reset(self) -> None:
        """Forgets messages, robots' runs, counts, faults, settings and the CRM's items; the application stays."""
        self._tasks.stop()
        self.crm.reset()
        self.rest.operating.clear()
        self.messageservice.rows.clear()
        self.messenger.clear()
        self.robot_runs.clear()
        self.event_calls.clear()
        self.telephony.clear()
        self.requests.clear()
        self.faults.clear()
        self.settings.reset()
        self._buckets.clear()

    def stop(self) -> None:
        """Ends what is under way."""
        self._tasks.stop()
        self._installing.stop()

    # What Bitrix24 serves

    @app.route("/rest/<path:method>", methods=["GET", "POST"])
    async def rest_call(self, request: Request, method: str) -> bytes:
        """A REST method, with or without `.json`."""
        name = method.strip("/").removesuffix(".json").lower()
        self.requests[name] += 1
        return await self._served(request, name, lambda: self._rest_answer(request, name))

    @app.route("/oauth/token/", methods=["GET", "POST"])
    @app.route("/oauth/token", methods=["GET", "POST"])
    async def oauth_token(self, request: Request) -> bytes:
        """The token endpoint."""
        self.requests["oauth/token"] += 1
        return await self._served(request, "oauth/token", lambda: self._oauth_answer(request), named=True)

    async def _served(
        self, request: Request, method: str, work: Callable[[], Answer], *, named: bool = False
    ) -> bytes:
        fault = self.faults.take(method, _UNANSWERED, named=named)
        if fault is not None:
            if fault.kind == PortalFault.PORTAL_DOWN:
                await drop(request)
            return html_answer(request, 500 if fault.kind == PortalFault.HTTP_500 else 200)
        slow = self.faults.take(method, [PortalFault.SLOW], named=named)
        lost = self.faults.take(method, [PortalFault.LOSE_ANSWER], named=named)
        status, answer = work()
        if slow is not None:
            await self._tasks.pause(slow.seconds)
        if lost is not None:
            await drop(request)
        return json_answer(request, answer, status)

    def _rest_answer(self, request: Request, method: str) -> Answer:
        fault = self.faults.take(method, ERROR_FAULTS)
        if fault is not None:
            error = ERROR_FAULTS[PortalFault(fault.kind)]()
            answer = error.answer()
            if fault.kind == PortalFault.OPERATION_TIME_LIMIT:
                answer["time"] = {
                    **self.rest.time(method),
                    "operating_reset_at": int(self._clock.seconds() + fault.seconds),
                }
            return error.status, answer
        try:
            self._count(request)
            if not self.rest.has(method):
                raise method_not_found()
            given = _given(request)
            bearer = (request.getHeader("authorization") or "").partition("Bearer ")[2].strip()
            token = given.pop("auth", "")
            caller = self.rest.caller(token if isinstance(token, str) and token else bearer)
            result = self.rest.call(method, given, caller)
        except RestError as error:
            answer = error.answer()
            if error.code == operation_time_limit().code:
                answer["time"] = self.rest.time(method)
            return error.status, answer
        except UnicodeDecodeError:
            return 400, RestError("ERROR_ARGUMENT", "Not UTF-8").answer()
        page = result if isinstance(result, Page) else Page(result)
        beside = {name: count for name, count in (("next", page.next), ("total", page.total)) if count is not None}
        return 200, {"result": page.result, **beside, "time": self.rest.time(method)}

    def _count(self, request: Request) -> None:
        settings = self.settings.now
        bucket = self._buckets[str(getattr(request.getClientAddress(), "host", ""))]
        if not bucket.admits(self._clock.seconds(), rate=settings.requests_per_second, depth=settings.burst):
            self.requests["refused/rate"] += 1
            raise query_limit_exceeded()

    def _oauth_answer(self, request: Request) -> Answer:
        try:
            holder, pair = self._oauth.refresh(dict(query_of(request) + form_of(request)))
        except RestError as error:
            return error.status, error.answer()
        except UnicodeDecodeError:
            return 400, RestError("invalid_request", "Not UTF-8").answer()
        application = self.installation.application
        return 200, {
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "expires": int(pair.expires),
            "expires_in": int(pair.lifetime),
            "scope": ",".join(self.settings.now.scopes),
            # The OAuth server's, not the portal's: nothing that could be called.
            "domain": "oauth.sandbox.invalid",
            "server_endpoint": application.rest,
            "client_endpoint": application.rest,
            "status": "L",
            "member_id": application.member_id,
            "user_id": holder.user_id,
        }

    # The page

    @app.route("/", methods=["GET"])
    def page(self, request: Request) -> bytes:
        """The contact card."""
        return self._card.page(request)

    @app.route("/static/<name>", methods=["GET"])
    def static(self, request: Request, name: str) -> bytes:
        """The pages' scripts and styles."""
        return self._pages.file(request, name)

    @app.route("/sandbox/install-page", methods=["GET"])
    def install_page(self, request: Request) -> bytes:
        """The frame in which an application with pages is installed."""
        self._forget_registrations()
        return self._app_frame.installation(request)

    @app.route("/sandbox/app", methods=["GET"])
    def application_page(self, request: Request) -> bytes:
        """The application's own page, as the query's `user` sees it in the language `lang`."""
        return self._app_frame.application(request)

    @app.route("/sandbox/card/<kind>/<number>", methods=["GET"])
    def item_page(self, request: Request, kind: str, number: str) -> bytes:
        """The application's tab in the card of a lead, a deal, a contact or a company."""
        return self._app_frame.card(request, kind, number)

    @app.route("/sandbox/app/refresh", methods=["POST"])
    def fresh_tokens(self, request: Request) -> bytes:
        """What `refreshAuth` is answered with: fresh tokens for whom the rendering `sid` was made."""
        return self._app_frame.fresh(request)

    # Control

    @app.route("/sandbox/", branch=True)
    def control_routes(self, request: Request) -> IResource:
        """Messages, requests, faults, settings, reset."""
        return self._control.resource()

    @app.route("/sandbox/a1/", branch=True)
    def a1_routes(self, request: Request) -> IResource:
        """The simulated A1's control routes, for the page."""
        return self._a1_control if self._a1_control is not None else notFound()

    @app.route("/sandbox/crm/", branch=True)
    def crm_routes(self, request: Request) -> IResource:
        """What is in the CRM."""
        return self._crm_control.resource()

    @app.route("/sandbox/events", methods=["GET", "POST"])
    def events_delivered(self, request: Request) -> bytes:
        """The events that were delivered; POST changes how they are: see `EventManner`."""
        if request.method == b"POST":
            try:
                self.event_calls.behave(EventManner.model_validate(control_object(request)))
            except (BadControl, ValueError) as error:
                return bad_control(request, error)
        delivered = [asdict(each) for each in self.event_calls.delivered]
        return json_answer(request, {"manner": self.event_calls.manner.model_dump(), "delivered": delivered})

    @app.route("/sandbox/call", methods=["POST"])
    def call_ended(self, request: Request) -> bytes:
        """A call has ended: see `EndedCall`."""
        try:
            call = EndedCall.model_validate(control_object(request))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        return json_answer(request, self.telephony.end(call))

    @app.route("/sandbox/state", methods=["GET"])
    def state(self, request: Request) -> bytes:
        """The installation, the senders and the placements with their handlers, and the gateway's address."""
        return json_answer(
            request,
            {
                "gateway": self._gateway,
                "known": self.installation.known,
                "installed": self.installation.finished,
                "answer": self.installation.answer,
                "senders": [
                    {"code": sender.code, "name": sender.name, "handler": sender.handler}
                    for sender in self.messageservice.senders.values()
                ],
                "placements": [
                    {"placement": each.placement, "title": each.title(), "handler": each.handler}
                    for each in self.placements.bound
                ],
            },
        )

    @app.route("/sandbox/send", methods=["POST"])
    def send(self, request: Request) -> bytes:
        """Sends an SMS: `to`, `text`; also `module`, `author` (0: nobody), `sender`, `bindings`, `document_id`."""
        try:
            wanted = control_object(request)
            module = Module(wanted.get("module", Module.CARD))
            context = context_of(wanted.get("bindings"), wanted.get("document_id"))
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        to, text = wanted.get("to"), wanted.get("text")
        author, sender = wanted.get("author", EMPLOYEE_ID), wanted.get("sender")
        if not isinstance(to, str) or not isinstance(text, str) or not isinstance(author, int):
            return json_answer(request, {"error": "to and text are texts, author is a number"}, 400)
        if sender is not None and not isinstance(sender, str):
            return json_answer(request, {"error": "sender is a text"}, 400)
        try:
            row = self._sending.send(to=to, text=text, module=module, author=author, sender=sender, context=context)
        except NoSender:
            return _no_sender(request)
        return json_answer(request, row.report())

    @app.route("/sandbox/campaign", methods=["POST"])
    def campaign(self, request: Request) -> bytes:
        """A mailing to `numbers`, or with `contacts` to everybody's first phone: `text`, `per_second`, `sender`."""
        try:
            wanted = control_object(request)
        except BadControl as error:
            return bad_control(request, error)
        numbers, text, sender = wanted.get("numbers"), wanted.get("text"), wanted.get("sender")
        per_second, author = wanted.get("per_second", 20), wanted.get("author", EMPLOYEE_ID)
        if wanted.get("contacts") is True:
            contacts = self.crm.items[EntityType.CONTACT].all()
            numbers = [contact.phones[0].value for contact in contacts if contact.phones]
        if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
            return json_answer(request, {"error": "numbers is a list of texts"}, 400)
        if not isinstance(text, str) or not (sender is None or isinstance(sender, str)):
            return json_answer(request, {"error": "text and sender are texts"}, 400)
        if not isinstance(per_second, int | float) or per_second <= 0 or not isinstance(author, int):
            return json_answer(request, {"error": "per_second is a number above 0, author is a number"}, 400)
        try:
            rows = self._sending.campaign(numbers, text=text, per_second=per_second, author=author, sender=sender)
        except NoSender:
            return _no_sender(request)
        return json_answer(request, {"message_ids": [row.message_id for row in rows]})

    @app.route("/sandbox/notifications", methods=["GET"])
    def notifications(self, request: Request) -> bytes:
        """Notifications and messages in chats that were told, oldest first."""
        return json_answer(request, self.messenger.reports())

    @app.route("/sandbox/repeat", methods=["POST"])
    def repeat(self, request: Request) -> bytes:
        """Calls the handler once more for the message `message_id`."""
        try:
            row = self.messageservice.rows.get(str(control_object(request).get("message_id")))
        except BadControl as error:
            return bad_control(request, error)
        if row is None:
            return json_answer(request, {"error": "no such message"}, 404)
        self._sending.call(row)
        return json_answer(request, row.report())

    @app.route("/sandbox/robot", methods=["POST"])
    def run_robot(self, request: Request) -> bytes:
        """Runs a robot."""
        return self._robot_control.start(request)

    @app.route("/sandbox/robot/<key>", methods=["GET"])
    def robot_run(self, request: Request, key: str) -> bytes:
        """One run."""
        return self._robot_control.show_run(request, key)

    @app.route("/sandbox/robots", methods=["GET"])
    def robots_and_runs(self, request: Request) -> bytes:
        """Robots and runs."""
        return self._robot_control.show(request)

    @app.route("/sandbox/install", methods=["POST"])
    async def install(self, request: Request) -> bytes:
        """Installs the application into `gateway`; with `pages` as one that has pages, which is finished apart."""
        try:
            wanted = control_object(request)
        except BadControl as error:
            return bad_control(request, error)
        self._forget_registrations()
        gateway = str(wanted.get("gateway") or self._gateway)
        if wanted.get("pages"):
            answer = await self.installation.install_with_page(gateway)
        else:
            answer = await self.installation.install(gateway)
        return json_answer(request, {"answer": answer})

    @app.route("/sandbox/install-finish", methods=["POST"])
    def install_finish(self, request: Request) -> bytes:
        """The application has ended its installation (`setInstallFinish`)."""
        self.installation.finish()
        return self.state(request)

    @app.route("/sandbox/update", methods=["POST"])
    async def update(self, request: Request) -> bytes:
        """A new version of the application: its registrations are gone, ONAPPUPDATE is sent."""
        handlers = self.events.handlers("ONAPPUPDATE") or [self._gateway + "/bitrix24/install"]
        self._forget_registrations()
        return await self._tell(request, handlers, self.installation.update())

    @app.route("/sandbox/uninstall", methods=["POST"])
    async def uninstall(self, request: Request) -> bytes:
        """Deletes the application: registrations and tokens are gone, ONAPPUNINSTALL goes to whoever bound it."""
        try:
            wanted = control_object(request)
        except BadControl as error:
            return bad_control(request, error)
        handlers = self.events.handlers("ONAPPUNINSTALL")
        self._forget_registrations()
        return await self._tell(request, handlers, self.installation.uninstall(clean=bool(wanted.get("clean"))))

    async def _tell(self, request: Request, handlers: list[str], body: dict[str, Any]) -> bytes:
        answers = [await self._outgoing.post_form(handler, php.pairs(body)) for handler in handlers]
        return json_answer(request, {"answers": answers})

    @app.route("/sandbox/expire-token", methods=["POST"])
    def expire_token(self, request: Request) -> bytes:
        """Every access token there is has expired."""
        self.tokens.expire()
        return json_answer(request, {"expired": True})

    @app.route("/sandbox/revoke-token", methods=["POST"])
    def revoke_token(self, request: Request) -> bytes:
        """No token is known any longer: the application has to be installed again."""
        self.tokens.revoke()
        return json_answer(request, {"revoked": True})

    def install_until_accepted(self) -> None:
        """Installs the application into the gateway, again every second until it answers 2xx."""
        self._installing.start(self._insist())

    async def _insist(self) -> None:
        while True:
            self._forget_registrations()
            answer = await self.installation.install(self._gateway)
            if answer is not None and 200 <= answer < 300:
                return
            await self._installing.pause(_INSTALL_PAUSE)

    def _forget_registrations(self) -> None:
        self.messageservice.senders.clear()
        self.robots.registered.clear()
        self.placements.bound.clear()
        self.events.clear()


def _no_sender(request: Request) -> bytes:
    said = "no SMS sender is registered in the portal"
    return json_answer(request, {"error": said, "code": "no_sender"}, 409)


def _given(request: Request) -> dict[str, Any]:
    """A REST call's parameters, from the query and from a form or JSON body."""
    given = php.nested(query_of(request) + form_of(request))
    if content_type(request) == "application/json":
        try:
            body = json.loads(body_of(request))
        except ValueError:
            body = None
        if isinstance(body, dict):
            given.update(body)
    return given

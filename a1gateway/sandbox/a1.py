"""The simulated A1: its HTTP API, by the facts gathered about `smart-sender.a1.by`, and its SMSC."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from hmac import compare_digest
from typing import Any

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Request

from a1gateway.sandbox.a1_books import (
    NAMES,
    AcceptedMessage,
    Books,
    Submission,
    checked,
)
from a1gateway.sandbox.a1_errors import MessageError, RequestError
from a1gateway.sandbox.a1_life import LIFE_FAULTS, Lives
from a1gateway.sandbox.answers import (
    cut,
    drop,
    form_of,
    html_answer,
    json_answer,
    never,
    query_of,
)
from a1gateway.sandbox.bucket import LeakyBucket
from a1gateway.sandbox.control import BadControl, Control, bad_control, control_object
from a1gateway.sandbox.faults import A1Fault, Fault, Faults, SmppFault
from a1gateway.sandbox.outgoing import HttpClient, Outgoing
from a1gateway.sandbox.settings import A1Settings, Adjustable
from a1gateway.sandbox.smsc import SandboxSmsc
from a1gateway.sandbox.smsc_books import SmppMessage
from a1gateway.sandbox.smsc_control import SmscControl
from a1gateway.sandbox.tasks import Tasks

_BATCH_LIMIT = 500

# Nothing is accepted under these, and the answer is no answer of the API.
_REFUSALS = (A1Fault.ERROR, A1Fault.HANG, A1Fault.HTTP_500, A1Fault.HTML)
# Under these the work is done and its answer spoiled.
_SPOILERS = (A1Fault.LOSE_ANSWER, A1Fault.HANG_ACCEPT, A1Fault.CUT_JSON, A1Fault.CUT_BODY)

_SENDS = ("send/sms", "sendBulk/sms")

Fields = Mapping[str, str]
Answer = dict[str, Any]


class SandboxA1:
    """A1 as a customer sees it: the API under `/api/`, callbacks, the SMSC; with control routes under `/sandbox/`."""

    app = Klein()
    log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        client: HttpClient,
        *,
        user: str,
        apikey: str,
        system_id: str = "sandbox",
        password: str = "sandbox1",  # noqa: S107 - it guards nothing
        settings: A1Settings | None = None,
    ) -> None:
        self._clock = clock
        self._user = user
        self._apikey = apikey
        self.settings = Adjustable(settings or A1Settings())
        self.faults = Faults(http=A1Fault, smpp=SmppFault)
        self.requests: Counter[str] = Counter()
        self.books = Books(clock.seconds())
        self._bucket = LeakyBucket()
        self._tasks = Tasks(clock)
        self._lives = Lives(clock, Outgoing(client, clock), self.settings, self._tasks)
        self.smsc = SandboxSmsc(
            clock,
            system_id=system_id,
            password=password,
            settings=self.settings,
            faults=self.faults,
            requests=self.requests,
            new_id=self.books.new_id,
        )
        self._smsc_control = SmscControl(self.smsc)
        self.control = Control(
            messages=self._reports,
            requests=self.requests,
            faults=self.faults,
            settings=self.settings,
            reset=self.reset,
        )
        self._sends: dict[str, Callable[[str, Fields], tuple[Answer, list[AcceptedMessage]]]] = {
            "send/sms": self._send,
            "sendBulk/sms": self._send_bulk,
        }
        self._questions: dict[str, Callable[[Fields], Answer]] = {
            "status/sms": lambda fields: self._status(fields, "message_id", self.books.by_id),
            "statusCustom/sms": lambda fields: self._status(fields, "custom_id", self.books.by_custom_id),
            "statusBulk/sms": lambda fields: self._status_bulk(fields, "message_id", self.books.by_id),
            "statusCustomBulk/sms": lambda fields: self._status_bulk(fields, "custom_id", self.books.by_custom_id),
            "cost/sms": lambda fields: self._cost(self._checked(fields)),
            "costBulk/sms": self._cost_bulk,
            "balances": self._balances,
            "senderNames": lambda _: {"sms": list(self.settings.now.senders)},
        }

    def resource(self) -> IResource:
        """The whole site."""
        return self.app.resource()

    def reset(self) -> None:
        """Forgets everything but its credentials and how it was set at the start."""
        self._tasks.stop()
        self.smsc.reset()
        self.books.clear()
        self.requests.clear()
        self.faults.clear()
        self.settings.reset()

    def stop(self) -> None:
        """Ends what is under way."""
        self._tasks.stop()
        self.smsc.stop()

    @app.route("/sandbox/", branch=True)
    def control_routes(self, request: Request) -> IResource:
        """Messages, requests, faults, settings, reset."""
        return self.control.resource()

    @app.route("/sandbox/smpp/", branch=True)
    def smsc_routes(self, request: Request) -> IResource:
        """Binds, subscribers' messages, disturbances."""
        return self._smsc_control.resource()

    @app.route("/sandbox/status", methods=["POST"])
    def put_status(self, request: Request) -> bytes:
        """Gives the message `message_id` the status `code`, whatever it has, with its callback or receipt."""
        try:
            wanted = control_object(request)
        except BadControl as error:
            return bad_control(request, error)
        message_id, code = str(wanted.get("message_id", "")), wanted.get("code")
        if not isinstance(code, int | str) or isinstance(code, bool):
            return json_answer(request, {"error": "code is wrong"}, 400)
        message = self.books.by_id(message_id)
        if message is not None:
            self._lives.put(message, code)
            return json_answer(request, message.report())
        smpp_message = self.smsc.put_status(message_id, code)
        if smpp_message is None:
            return json_answer(request, {"error": "message_id is wrong"}, 400)
        return json_answer(request, smpp_message.report())

    def _reports(self, last: int | None) -> list[dict[str, Any]]:
        """The messages of both transports, or the `last` newest, oldest first."""
        of_both: list[AcceptedMessage | SmppMessage] = [*self.books.messages(), *self.smsc.books.messages()]
        messages = sorted(of_both, key=lambda message: message.accepted_at)
        return [message.report() for message in (messages if last is None else messages[-last:] if last else [])]

    @app.route("/api/<path:method>", methods=["GET", "POST"])
    async def api(self, request: Request, method: str) -> bytes:
        """Any call of the API; errors have HTTP status 200, as A1's have."""
        method = method.rstrip("/")
        self.requests[method] += 1
        refusal = self.faults.take(method, _REFUSALS)
        if refusal is not None:
            return await self._refuse(request, refusal)
        spoiler = self.faults.take(method, _SPOILERS)
        latency = self.faults.take(method, [A1Fault.LATENCY])
        answer, accepted = self._work(request, method)
        if accepted:
            faults = frozenset(fault for fault in LIFE_FAULTS if self.faults.take(method, [fault]))
            for message in accepted:
                await self._lives.begin(message, faults)
        if latency is not None:
            await self._tasks.pause(latency.seconds)
        if spoiler is None:
            return json_answer(request, answer)
        return await self._spoil(request, json_answer(request, answer), spoiler)

    async def _refuse(self, request: Request, fault: Fault) -> bytes:
        if fault.kind == A1Fault.HANG:
            await never()
        if fault.kind == A1Fault.ERROR:
            return json_answer(request, RequestError(fault.code).answer())
        return html_answer(request, 500 if fault.kind == A1Fault.HTTP_500 else 200)

    async def _spoil(self, request: Request, body: bytes, fault: Fault) -> bytes:
        if fault.kind == A1Fault.LOSE_ANSWER:
            await drop(request)
        if fault.kind == A1Fault.HANG_ACCEPT:
            await never()
        if fault.kind == A1Fault.CUT_BODY:
            await cut(request, body)
        return body[: len(body) // 2]

    def _work(self, request: Request, method: str) -> tuple[Answer, list[AcceptedMessage]]:
        """What the API answers, and the messages whose life is to begin."""
        accepted: list[AcceptedMessage] = []
        try:
            fields = self._admitted(request, method)
            if method in self._sends:
                result, accepted = self._sends[method](method, fields)
            else:
                result = self._questions[method](fields)
        except RequestError as error:
            return error.answer(), accepted
        except MessageError as error:
            return {"status": False, "error": error.error()}, accepted
        if self.settings.now.data_shape:
            return {"status": True, "data": result}, accepted
        return {"status": True, **result}, accepted

    def _admitted(self, request: Request, method: str) -> Fields:
        if method not in self._sends and method not in self._questions:
            raise RequestError(2)
        try:
            fields = dict(query_of(request) + form_of(request))
        except UnicodeDecodeError as error:
            raise RequestError(10) from error
        user, apikey = fields.get("user", ""), fields.get("apikey", "")
        if not user or not apikey:
            raise RequestError(3)
        if user != self._user or not compare_digest(apikey.encode(), self._apikey.encode()):
            raise RequestError(4)
        rate = self.settings.now.requests_per_second
        if rate and not self._bucket.admits(self._clock.seconds(), rate=rate, depth=max(rate, 1.0)):
            raise RequestError(7)
        return fields

    # Sending and its price

    def _checked(self, fields: Mapping[str, Any]) -> Submission:
        return checked(fields, self.settings.now, self._clock.seconds())

    def _accept(self, method: str, fields: Mapping[str, Any]) -> AcceptedMessage:
        return self.books.accept(method, self._checked(fields), self._clock.seconds())

    def _cost(self, submission: Submission) -> Answer:
        price = self.settings.now.price
        return {"price": price, "parts": submission.parts, "amount": round(price * submission.parts, 4)}

    def _accepted(self, message: AcceptedMessage) -> Answer:
        answer: Answer = {"message_id": message.message_id, **self._cost(message.submission)}
        if message.submission.custom_id:
            answer["custom_id"] = message.submission.custom_id
        return answer

    def _send(self, method: str, fields: Fields) -> tuple[Answer, list[AcceptedMessage]]:
        message = self._accept(method, fields)
        return self._accepted(message), [message]

    def _send_bulk(self, method: str, fields: Fields) -> tuple[Answer, list[AcceptedMessage]]:
        answers: list[Answer] = []
        accepted: list[AcceptedMessage] = []
        for element in _messages(fields):
            try:
                message = self._accept(method, element)
            except MessageError as error:
                answers.append({"error": error.error()})
            else:
                answers.append(self._accepted(message))
                accepted.append(message)
        return {"messages": answers}, accepted

    def _cost_bulk(self, fields: Fields) -> Answer:
        answers: list[Answer] = []
        for element in _messages(fields):
            try:
                answers.append(self._cost(self._checked(element)))
            except MessageError as error:
                answers.append({"error": error.error()})
        parts = sum(answer.get("parts", 0) for answer in answers)
        price = self.settings.now.price
        return {"messages": answers, "price": price, "parts": parts, "amount": round(price * parts, 4)}

    # Statuses

    def _status(self, fields: Fields, identifier: str, find: Callable[[str], AcceptedMessage | None]) -> Answer:
        if not fields.get(identifier):
            raise RequestError(9)
        message = find(fields[identifier].strip())
        if message is None:
            raise RequestError(12)
        return {"message_status": {"code": message.code, "name": NAMES.get(message.code, str(message.code))}}

    def _status_bulk(self, fields: Fields, identifier: str, find: Callable[[str], AcceptedMessage | None]) -> Answer:
        wanted = [each.strip() for each in fields.get("message_ids", "").split(",") if each.strip()]
        if not wanted:
            raise RequestError(9)
        if len(wanted) > _BATCH_LIMIT:
            raise RequestError(13)
        answers: list[Answer] = []
        for each in wanted:
            message = find(each)
            if message is None:
                answers.append({identifier: each, "code": False, "name": "Сообщение не найдено"})
                continue
            answers.append(
                {
                    "message_id": message.message_id,
                    "custom_id": message.submission.custom_id,
                    "code": message.code,
                    "name": NAMES.get(message.code, str(message.code)),
                }
            )
        return {"messages_status": answers}

    def _balances(self, _: Fields) -> Answer:
        settings = self.settings.now
        return {
            "sms": round(settings.balance - settings.price * (self.books.charged() + self.smsc.books.charged()), 4),
            "viber": 0,
        }


def _messages(fields: Fields) -> list[Mapping[str, Any]]:
    """The elements of a bulk request. Raises RequestError when they are not up to 500 objects."""
    if not fields.get("messages"):
        raise RequestError(9)
    try:
        elements = json.loads(fields["messages"])
    except ValueError as error:
        raise RequestError(10) from error
    if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
        raise RequestError(11)
    if not elements:
        raise RequestError(15)
    if len(elements) > _BATCH_LIMIT:
        raise RequestError(13)
    return elements

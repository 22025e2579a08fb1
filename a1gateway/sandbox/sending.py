"""How the simulated portal sends an SMS: the call of the sender's HANDLER, as Bitrix24's queue servers make it."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.crm import CONTACT_ID, EntityType
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.messageservice import MessageService, Row
from a1gateway.sandbox.oauth import Pair, Tokens
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.phone import as_sent
from a1gateway.sandbox.settings import Adjustable, PortalSettings
from a1gateway.sandbox.tasks import Tasks

# Of a mailing, as the queue servers have only so many workers.
_CALLS_AT_ONCE = 50
# How the code of a sender ends that people choose for mailings only.
_MARKETING_ENDING = "_marketing"
_HTML = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "'": "&#039;"}


class Module(enum.StrEnum):
    """The parts of Bitrix24 that send SMS, by their `module_id`."""

    CARD = "crm"
    ROBOT = "bizproc"
    MARKETING = "sender"


def marketing_text(text: str) -> str:
    """A text as CRM marketing hands it on: escaped for HTML, its line breaks as tags."""
    escaped = "".join(_HTML.get(character, character) for character in text)
    return escaped.replace("\r\n", "\n").replace("\n", "<br />")


def context_of(bindings: Any, document_id: Any) -> dict[str, Any] | None:
    """What the handler is told of the message's item; None when neither is given. Raises ValueError."""
    if bindings is None and document_id is None:
        return None
    context: dict[str, Any] = {}
    if document_id is not None:
        if not isinstance(document_id, list) or len(document_id) != 3:
            raise ValueError('document_id is a list of three texts, such as ["crm", "CCrmDocumentDeal", "DEAL_4182"]')
        module, document, name = map(str, document_id)
        context["workflow_id"] = workflow_id()
        context["document_id"] = [module, document, name]
        context["document_type"] = [module, document, name.rpartition("_")[0]]
    if bindings is not None:
        if not isinstance(bindings, list) or not all(isinstance(each, dict) for each in bindings):
            raise ValueError("bindings is a list of objects with OWNER_TYPE_ID and OWNER_ID")
        context["bindings"] = bindings
    return context


def workflow_id() -> str:
    """A new workflow's id."""
    return f"{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}"


def _context(module: Module) -> dict[str, Any]:
    if module is Module.CARD:
        return {"bindings": [{"OWNER_TYPE_ID": EntityType.CONTACT.value, "OWNER_ID": CONTACT_ID}]}
    if module is Module.ROBOT:
        return {
            "workflow_id": workflow_id(),
            "document_id": ["crm", "CCrmDocumentContact", f"CONTACT_{CONTACT_ID}"],
            "document_type": ["crm", "CCrmDocumentContact", "CONTACT"],
        }
    return {}


class NoSender(Exception):
    """No SMS provider is registered, or not the one that was asked for."""


class Sending:
    """Makes rows and calls handlers; a call is made once, and its answer is noted but changes nothing."""

    def __init__(
        self,
        clock: IReactorTime,
        messageservice: MessageService,
        installation: Installation,
        *,
        tokens: Tokens,
        outgoing: Outgoing,
        settings: Adjustable[PortalSettings],
        tasks: Tasks,
    ) -> None:
        self._clock = clock
        self._messageservice = messageservice
        self._installation = installation
        self._tokens = tokens
        self._outgoing = outgoing
        self._settings = settings
        self._tasks = tasks

    def send(
        self,
        *,
        to: str,
        text: str,
        module: Module,
        author: int,
        sender: str | None = None,
        context: dict[str, Any] | None = None,
    ) -> Row:
        """Sends `text`, unless told otherwise through the first sender that is not for marketing. Raises NoSender."""
        row = self._entered(to=to, text=text, module=module, author=author, sender=sender, context=context)
        self.call(row)
        return row

    def campaign(
        self, numbers: Sequence[str], *, text: str, per_second: float, author: int, sender: str | None = None
    ) -> list[Row]:
        """A mailing of CRM marketing, `per_second` calls a second; the rows before they are sent. Raises NoSender."""
        rows = [
            self._entered(to=number, text=text, module=Module.MARKETING, author=author, sender=sender)
            for number in numbers
        ]
        self._tasks.start(self._mail(rows, per_second))
        return rows

    async def _mail(self, rows: Sequence[Row], per_second: float) -> None:
        begun = self._clock.seconds()
        places = DeferredSemaphore(_CALLS_AT_ONCE)
        for index, row in enumerate(rows):
            await self._tasks.pause(begun + index / per_second - self._clock.seconds())
            await places.acquire()
            self._messageservice.queue(row)
            self._tasks.start(self._mail_one(row, places))

    async def _mail_one(self, row: Row, places: DeferredSemaphore) -> None:
        try:
            sender = self._messageservice.senders.get(row.sender)
            if sender is not None:
                await self._call(row, sender.handler)
        finally:
            places.release()

    def _entered(
        self,
        *,
        to: str,
        text: str,
        module: Module,
        author: int,
        sender: str | None,
        context: dict[str, Any] | None = None,
    ) -> Row:
        senders = self._messageservice.senders
        chosen = sender
        if chosen is None:
            chosen = next(
                (code for code in senders if not code.endswith(_MARKETING_ENDING)), next(iter(senders), None)
            )
        if chosen is None or chosen not in senders:
            raise NoSender(chosen or "")
        return self._messageservice.enter(
            module=module.value,
            sender=chosen,
            typed=to,
            to=as_sent(to),
            text=text,
            author=author,
            context=context,
        )

    def call(self, row: Row) -> None:
        """Calls the handler for `row`; once more is what a queue row that hung for two minutes leads to."""
        sender = self._messageservice.senders.get(row.sender)
        if sender is not None:
            self._tasks.start(self._call(row, sender.handler))

    async def _call(self, row: Row, handler: str) -> None:
        row.calls.append(await self._outgoing.post_form(handler, php.pairs(self._body(row))))

    def _body(self, row: Row) -> dict[str, Any]:
        text = marketing_text(row.text) if row.module == Module.MARKETING else row.text
        body: dict[str, Any] = {
            "module_id": row.module,
            **(_context(Module(row.module)) if row.context is None else row.context),
            "type": "SMS",
            "code": row.sender,
            "message_id": row.message_id,
            "message_to": row.to,
            "message_body": text,
            "properties": {"phone_number": row.to, "message_text": text},
            "ts": int(self._clock.seconds()),
        }
        if row.author:
            access, expires = self._tokens.issue_access(self._installation.holder(row.author))
            pair = Pair(access, "", expires, self._settings.now.token_lifetime)
            body["auth"] = self._installation.auth(pair, row.author)
        return body

"""How the simulated portal sends an SMS: the call of the sender's HANDLER, as Bitrix24's queue servers make it."""

from __future__ import annotations

import enum
import secrets
from typing import Any

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.messageservice import MessageService, Row
from a1gateway.sandbox.oauth import Pair, Tokens
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.phone import as_sent
from a1gateway.sandbox.settings import Adjustable, PortalSettings
from a1gateway.sandbox.tasks import Tasks

# The contact of the card, and an employee who is no administrator.
CONTACT_ID = 275
EMPLOYEE_ID = 7

_CONTACT_TYPE = 3
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


def _context(module: Module) -> dict[str, Any]:
    if module is Module.CARD:
        return {"bindings": [{"OWNER_TYPE_ID": _CONTACT_TYPE, "OWNER_ID": CONTACT_ID}]}
    if module is Module.ROBOT:
        return {
            "workflow_id": f"{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}",
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

    def send(self, *, to: str, text: str, module: Module, author: int, sender: str | None = None) -> Row:
        """Sends `text`, through the only or first sender unless one is named. Raises NoSender."""
        senders = self._messageservice.senders
        chosen = sender if sender is not None else next(iter(senders), None)
        if chosen is None or chosen not in senders:
            raise NoSender(chosen or "")
        row = self._messageservice.enter(
            module=module.value, sender=chosen, typed=to, to=as_sent(to), text=text, author=author
        )
        self.call(row)
        return row

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
            **_context(Module(row.module)),
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

"""The simulated module messageservice: registered senders, and the rows of the messages they were given."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.faults import Faults, PortalFault
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_errors import RestError, access_denied
from a1gateway.sandbox.settings import Adjustable, PortalSettings

STATUSES = ("queued", "sent", "delivered", "undelivered", "failed")

_CODE = re.compile(r"[a-zA-Z0-9._-]+")


@dataclass(slots=True)
class Sender:
    """A registered SMS provider."""

    code: str
    handler: str
    name: Any
    description: Any


@dataclass(slots=True)
class Row:
    """A message in the portal; `known_from` is when Bitrix24 has saved the id that statuses are reported for."""

    message_id: str
    module: str
    sender: str
    typed: str
    to: str
    text: str
    author: int
    sent_at: float
    known_from: float
    context: dict[str, Any] | None = None  # in the place of what its module tells by itself
    status: str = "sent"
    history: list[tuple[float, str]] = field(default_factory=list)
    refusals: int = 0
    calls: list[int | None] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """For the control route: `history` holds the updates, `calls` the HTTP status of each call of the handler."""
        return {
            "message_id": self.message_id,
            "module": self.module,
            "sender": self.sender,
            "typed": self.typed,
            "to": self.to,
            "text": self.text,
            "author": self.author,
            "sent_at": self.sent_at,
            "status": self.status,
            "history": [{"at": at, "status": status} for at, status in self.history],
            "calls": list(self.calls),
        }


def check_handler(url: str) -> None:
    """A handler's address by Bitrix24's rules. Raises RestError."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL") from error
    if parts.scheme and parts.scheme not in ("http", "https"):
        raise RestError("ERROR_UNSUPPORTED_PROTOCOL", "Unsupported event handler protocol")
    if not parts.scheme or "." not in (parts.hostname or ""):
        raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")


def check_administrator(caller: Holder) -> None:
    """Raises RestError when the caller is none."""
    if not caller.admin:
        raise access_denied()


class MessageService:
    """The REST methods of messageservice, and the rows they work on."""

    def __init__(self, clock: IReactorTime, settings: Adjustable[PortalSettings], faults: Faults) -> None:
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self.senders: dict[str, Sender] = {}
        self.rows: dict[str, Row] = {}

    def enter(
        self,
        *,
        module: str,
        sender: str,
        typed: str,
        to: str,
        text: str,
        author: int,
        context: dict[str, Any] | None = None,
    ) -> Row:
        """A new row, `sent` as Bitrix24 shows it once the handler's call is queued."""
        row = Row(secrets.token_hex(16), module, sender, typed, to, text, author, 0.0, 0.0, context)
        self.queue(row)
        self.rows[row.message_id] = row
        return row

    def queue(self, row: Row) -> None:
        """The handler's call for `row` is queued now: from now its id takes a while to be known."""
        settings = self._settings.now
        row.sent_at = self._clock.seconds()
        row.known_from = row.sent_at + (
            settings.marketing_id_delay if row.module == "sender" else settings.card_id_delay
        )

    def reports(self, last: int | None) -> list[dict[str, Any]]:
        """All rows, or the `last` newest, oldest first."""
        rows = list(self.rows.values())
        return [row.report() for row in (rows if last is None else rows[-last:] if last else [])]

    # REST

    def sender_add(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`messageservice.sender.add`."""
        check_administrator(caller)
        code = _code(given)
        if given.get("TYPE") != "SMS":
            raise _validation("Unknown sender type!" if given.get("TYPE") else "Empty sender message type!")
        if not isinstance(given.get("HANDLER"), str) or not given["HANDLER"]:
            raise RestError("ERROR_WRONG_HANDLER_URL", "Wrong handler URL")
        check_handler(given["HANDLER"])
        if not given.get("NAME"):
            raise _validation("Empty sender name!")
        if code in self.senders:
            raise RestError("ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed!")
        self.senders[code] = Sender(code, given["HANDLER"], given["NAME"], given.get("DESCRIPTION"))
        return True

    def sender_update(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`messageservice.sender.update`."""
        check_administrator(caller)
        if not given.get("CODE"):
            raise RestError("ERROR_SENDER_CODE_REQUIRED", "CODE is required")
        if not any(given.get(name) for name in ("HANDLER", "NAME", "DESCRIPTION")):
            raise RestError("ERROR_SENDER_OTHER_PARAMS_REQUIRED", "HANDLER, NAME or DESCRIPTION is required")
        sender = self.senders.get(str(given["CODE"]))
        if sender is None:
            raise _sender_not_found()
        if given.get("HANDLER"):
            check_handler(str(given["HANDLER"]))
            sender.handler = str(given["HANDLER"])
        sender.name = given.get("NAME") or sender.name
        sender.description = given.get("DESCRIPTION") or sender.description
        return True

    def sender_list(self, _: Mapping[str, Any], caller: Holder) -> list[str]:
        """`messageservice.sender.list`: codes only."""
        check_administrator(caller)
        return list(self.senders)

    def sender_delete(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`messageservice.sender.delete`."""
        check_administrator(caller)
        if self.senders.pop(_code(given), None) is None:
            raise _sender_not_found()
        return True

    def status_update(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`messageservice.message.status.update`: any status overwrites any other."""
        code = _code(given)
        row = self.rows.get(str(given.get("MESSAGE_ID", "")))
        if row is None or row.sender != code or not self._is_known(row):
            raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
        if not caller.admin and caller.user_id != row.author:
            raise access_denied()
        status = given.get("STATUS")
        if status not in STATUSES:
            raise RestError("ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect!")
        row.status = str(status)
        row.history.append((self._clock.seconds(), row.status))
        return True

    def _is_known(self, row: Row) -> bool:
        now = self._clock.seconds()
        if not row.known_from <= now < row.sent_at + self._settings.now.row_lifetime:
            return False
        fault = self._faults.find("messageservice.message.status.update", [PortalFault.NOT_FOUND_FIRST])
        if fault is not None and row.refusals < (fault.times or 1):
            row.refusals += 1
            return False
        return True


def _code(given: Mapping[str, Any]) -> str:
    code = given.get("CODE")
    if not code:
        raise _validation("Empty sender code!")
    if not isinstance(code, str) or _CODE.fullmatch(code) is None:
        raise _validation("Wrong sender code!")
    return code


def _validation(description: str) -> RestError:
    return RestError("ERROR_SENDER_VALIDATION_FAILURE", description)


def _sender_not_found() -> RestError:
    return RestError("ERROR_SENDER_NOT_FOUND", "Sender not found!")

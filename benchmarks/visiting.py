"""Pages as a visitor asks the running daemon for them, with the journal of a year behind them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from a1gateway.bitrix24.item import CONTACT
from a1gateway.hours import MINSK
from a1gateway.journal.reader import reading
from a1gateway.journal.search import Listed, Search, found
from a1gateway.journal.statements import Connection
from a1gateway.message import Status

from .daemon import Daemon
from .figures import PageTime
from .portal import Portal
from .year import DAYS, END

Fields = Mapping[str, str]
_SESSION = re.compile(rb'data-session="([^"]+)"')
_FRAME = {"PROTOCOL": "0", "LANG": "ru", "APP_SID": "705f", "AUTH_EXPIRES": "3600", "PLACEMENT": "DEFAULT"}


def _with(**fields: str) -> Callable[[Connection], Fields]:
    return lambda _: fields


def _last(days: int, **more: str) -> Callable[[Connection], Fields]:
    """The last days of the year, for a form."""
    until = datetime.fromtimestamp(END, MINSK).date() - timedelta(days=1)
    return _with(since=str(until - timedelta(days=days - 1)), until=str(until), **more)


def _from_a_card(connection: Connection) -> Listed:
    """The latest message that was delivered from one."""
    (message,) = found(connection, Search(sent_by="card", statuses=frozenset({Status.DELIVERED})), 1).rows
    return message


def _contact(message: Listed) -> int:
    (contact,) = (item.id for item in message.items if item.entity_type == CONTACT)
    return contact


def _card(connection: Connection) -> Fields:
    return {"entity_type": str(CONTACT), "item": str(_contact(_from_a_card(connection)))}


def _older(connection: Connection) -> Fields:
    """Behind the first page of the journal."""
    place = found(connection, Search()).next
    return {} if place is None else {"before": f"{place.received_at}/{place.id}"}


PAGES: Mapping[PageTime, tuple[str, Callable[[Connection], Fields]]] = {
    PageTime("journal"): ("journal", _with()),
    PageTime("journal, further down"): ("journal-older", _older),
    PageTime("journal, what failed"): ("journal", _with(status="failed")),
    PageTime("journal, a scenario's"): ("journal", _with(sent_by="scenario:visit", status="expired")),
    PageTime("journal, a month of a sender's"): ("journal", _last(30, sender="MyShop", kind="transactional")),
    PageTime("journal, a reason"): ("journal", _with(reason="stop_list")),
    PageTime("journal, nothing found"): ("journal", _with(kind="marketing", reason="no_such_reason")),
    PageTime("journal, a number"): ("journal", lambda connection: {"number": _from_a_card(connection).msisdn or ""}),
    PageTime("journal, a part of a number"): ("journal", _with(number="0000000")),
    PageTime("a message"): ("message", lambda connection: {"id": _from_a_card(connection).message_id}),
    PageTime("a contact's card"): ("card", _card),
    PageTime("analytics of a day"): ("analytics", _last(1)),
    PageTime("analytics of a month"): ("analytics", _last(30)),
    PageTime("analytics of a year"): ("analytics", _last(DAYS)),
    PageTime("analytics of a year, by day"): ("analytics", _last(DAYS, step="day")),
    PageTime("analytics of a year, a scenario's"): ("analytics", _last(DAYS, sent_by="scenario:visit")),
    PageTime("analytics of a year, a table as CSV"): ("analytics-table", _last(DAYS, table="sent_by")),
    PageTime("campaigns"): ("campaigns", _with()),
    PageTime("a campaign"): ("campaigns-one", _with(id="52")),
    PageTime("composer"): ("composer", _with()),
    PageTime("contact base"): ("base", _with()),
    PageTime("Sender ID"): ("sender_id", _with()),
    PageTime("set-up"): ("setup", _with()),
}
"""What is asked for, each with its name and what the form brings: that may depend on what is in the journal."""


class Visitor:
    """An administrator who has opened the application."""

    def __init__(self, daemon: Daemon, portal: Portal, file: Path) -> None:
        """`file` is the journal behind the daemon; the portal gets the card that is looked at."""
        self._daemon = daemon
        self._portal = portal
        self._session = ""
        with reading(file) as connection:
            message = _from_a_card(connection)
            self._asked = {of: (name, fields(connection)) for of, (name, fields) in PAGES.items()}
        phones = [{"id": 1, "typeId": "PHONE", "valueType": "WORK", "value": message.msisdn}]
        portal.items[CONTACT, _contact(message)] = {"fm": phones}

    async def enter(self) -> None:
        """Open the application as the portal's frame does."""
        shown = await self._post("/bitrix24/app", {**_FRAME, **self._portal.frame()})
        session = _SESSION.search(shown)
        assert session is not None, shown[:500]
        self._session = session[1].decode()

    async def look_at_all(self) -> dict[PageTime, float]:
        """How long each page takes from the request until all of it is there, in milliseconds; one after another."""
        took = {}
        for of, (name, fields) in self._asked.items():
            begun = time.monotonic()
            await self._post(f"/bitrix24/pages/{name}", {"session": self._session, **fields})
            took[of] = 1000 * (time.monotonic() - begun)
        return took

    async def _post(self, path: str, fields: Mapping[str, Any]) -> bytes:
        status, body = await self._daemon.post(path, fields)
        assert status == 200, f"{path} {fields}: {status} {body[:500]!r}"
        return body

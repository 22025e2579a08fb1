"""The journal for people: messages newest first and live, one message's whole way, and a card's messages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..bitrix24.crm_answers import phones_of
from ..bitrix24.item import DEAL, NAMES, Item
from ..bitrix24.trouble import PortalError
from ..journal import search, whole
from ..journal.reader import IReader
from ..journal.rows import latest_record
from ..journal.search import Listed, Place, Search
from ..journal.statements import Connection
from ..message import Kind
from ..msisdn import Msisdn, read_number
from . import filters
from .kept import Kept
from .views import Answer, Asked, CannotAnswer, Fragment, NotForVisitor, Page, Unchanged, mark_of, once_different

_AT_ONCE = 50
# However many have come since a page was opened, its live part shows no more.
_MOST_LIVE = 300
# How long the portal's word holds that a visitor may see an item, in seconds; and for how many at a time.
_READABLE_FOR = 300.0
_MOST_READABLE = 2000
_MOST_NUMBERS = 50
# What a list says that has no rows.
_NOTHING_IN_CARD = "card.empty"


class IUsersPortal(Protocol):
    """The portal as one of its users sees it."""

    async def read(self, access_token: str, item: Item) -> Mapping[str, Any]:
        """The item; raises `PortalError` when this user may not read it, `PortalTrouble` when nobody can say."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a list, with what makes it go on and stay live."""

    rows: Sequence[Listed]
    older: Place | None
    seen: int
    """The journal's latest step when they were read."""
    gap: bool = False
    """Whether more have come than are shown above the older ones."""


class JournalPages:
    """`journal`, `journal-rows`, `journal-older`, `message`, `card`."""

    def __init__(self, reader: IReader, portal: IUsersPortal) -> None:
        self._reader = reader
        self._portal = portal
        self._readable: Kept[tuple[str, Item], tuple[str, ...]] = Kept(_READABLE_FOR, _MOST_READABLE)

    def pages(self) -> list[Page]:
        """All of them, for whoever may open the application."""
        return [
            Page("journal", self.journal),
            Page("journal-rows", self.rows),
            Page("journal-older", self.older),
            Page("message", self.message),
            Page("card", self.card),
        ]

    async def journal(self, asked: Asked) -> Answer:
        """The form with its filters, and the newest of what they find."""
        chosen = filters.read(asked)
        found = _Rows((), None, 0) if chosen.faults else await self._reader.read(_newest, chosen.search)
        senders, sources = await self._reader.read(_choices)
        return Fragment(
            "journal.html",
            {
                "filters": chosen,
                "found": found,
                "nothing": _nothing(chosen),
                "senders": senders,
                "sources": sources,
                "groups": filters.GROUPS,
                "kinds": tuple(Kind),
            },
        )

    async def rows(self, asked: Asked) -> Answer:
        """The live part of a list, once something has happened since it was read."""
        search_, nothing = await self._listing(asked)
        bottom = _place(asked, "bottom")
        found = await self._reader.read(_live, search_, asked.number("seen"), bottom)
        if found is None:
            return Unchanged()
        return Fragment("journal_rows.html", {"found": found, "nothing": nothing, "bottom": bottom})

    async def older(self, asked: Asked) -> Answer:
        """What comes behind the last row that is shown."""
        search_, _ = await self._listing(asked)
        before = _place(asked, "before")
        if before is None:
            raise CannotAnswer(asked.words("journal.no_place"))
        found = await self._reader.read(_older, search_, before)
        return Fragment("journal_older.html", {"found": found})

    async def message(self, asked: Asked) -> Answer:
        """One message's whole way, and where it stands now; nothing new while the page has it as it is."""
        name = asked.text("id")
        found = await self._reader.read(whole.whole, name)
        if found is None:
            raise CannotAnswer(asked.words("message.none"))
        if (item := asked.item) is not None:
            # Shown in a card's tab: whoever may not see the item is not told that it is there.
            await self._numbers(asked, item)
        listed = found.listed
        mark = mark_of((found.last_step, listed.status, listed.stage, found.uncertain, found.telling))
        values = {
            "whole": found,
            "mark": mark,
            "filters": filters.read(asked),
            "paths": NAMES,
            "live": not listed.status.final or (found.telling is not None and not found.telling.confirmed_at),
        }
        return once_different(asked, mark, "message.html", values)

    async def card(self, asked: Asked) -> Answer:
        """The messages of the item in whose card the tab is."""
        item = asked.item
        if item is None:
            return Fragment("notice.html", {"key": "card.no_item", "with": {}}, 400)
        found = await self._reader.read(_newest, await self._search_of(asked, item))
        return Fragment("card.html", {"found": found, "nothing": _NOTHING_IN_CARD})

    async def _listing(self, asked: Asked) -> tuple[Search, str]:
        """What a list shows: a card's messages, or what the form's filters find; and what it says of none."""
        if (item := asked.item) is not None:
            return await self._search_of(asked, item), _NOTHING_IN_CARD
        chosen = filters.read(asked)
        if chosen.faults:
            raise CannotAnswer(asked.words("journal.not_understood"))
        return chosen.search, _nothing(chosen)

    async def _search_of(self, asked: Asked, item: Item) -> Search:
        return Search(item=item, numbers=await self._numbers(asked, item))

    async def _numbers(self, asked: Asked, item: Item) -> tuple[str, ...]:
        """The numbers of a person's or company's card, whose messages are its own wherever they were sent from.

        Raises `NotForVisitor` when the portal does not show the item to this visitor.
        """
        key = (asked.session.access_token, item)
        kept = self._readable.find(key, asked.now)
        if kept is not None:
            return kept
        try:
            fields = await self._portal.read(asked.session.access_token, item)
        except PortalError:
            raise NotForVisitor from None
        numbers = () if item.entity_type == DEAL else tuple(_numbers_in(fields))
        self._readable.keep(key, numbers, asked.now)
        return numbers


def _numbers_in(fields: Mapping[str, Any]) -> list[str]:
    read = (read_number(phone.value) for phone in phones_of(fields))
    return list(dict.fromkeys(each.number for each in read if isinstance(each, Msisdn)))[:_MOST_NUMBERS]


# Looks into the journal


def _newest(connection: Connection, wanted: Search) -> _Rows:
    page = search.found(connection, wanted, _AT_ONCE)
    return _Rows(page.rows, page.next, latest_record(connection))


def _older(connection: Connection, wanted: Search, before: Place) -> _Rows:
    page = search.found(connection, wanted, _AT_ONCE, before)
    return _Rows(page.rows, page.next, 0)


def _live(connection: Connection, wanted: Search, seen: int, bottom: Place | None) -> _Rows | None:
    """The rows down to `bottom`, where older ones stand below; None when nothing has happened since `seen`."""
    latest = latest_record(connection)
    if latest == seen:
        return None
    page = search.found(connection, wanted, _AT_ONCE if bottom is None else _MOST_LIVE)
    if bottom is None:
        return _Rows(page.rows, page.next, latest)
    gap = page.next is not None and page.next > bottom
    return _Rows([row for row in page.rows if row.place >= bottom], None, latest, gap)


def _choices(connection: Connection) -> tuple[list[str], list[str]]:
    return search.senders(connection), search.sources(connection)


# What the form brings


def _nothing(chosen: filters.Filters) -> str:
    return "journal.nothing" if chosen.narrowed else "journal.empty"


def _place(asked: Asked, name: str) -> Place | None:
    at, _, id_ = asked.text(name).partition("/")
    try:
        place = Place(float(at), int(id_)) if id_.isascii() and id_.isdecimal() and len(id_) < 19 else None
        return place if place is None or math.isfinite(place.received_at) else None
    except ValueError:
        return None

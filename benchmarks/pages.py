"""What people look at, asked of the journal of a year as the pages ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from a1gateway.bitrix24.item import CONTACT, Item
from a1gateway.journal.analytics import Only, Period, analytics
from a1gateway.journal.campaign_progress import Terms, progress, recent
from a1gateway.journal.heard import heard
from a1gateway.journal.overdue import overdue
from a1gateway.journal.reader import reading
from a1gateway.journal.rows import latest_record
from a1gateway.journal.search import Search, count, found, senders, sources
from a1gateway.journal.statements import Connection
from a1gateway.journal.whole import whole
from a1gateway.message import Kind, Status
from a1gateway.pages.campaigns_page import AT_ONCE

from .figures import Figure
from .year import DAYS, END

_DAY = 86400.0
_NOBODYS = "0000000"
"""Digits that stand in no number."""


def _last(days: int) -> Period:
    return Period.between(END - days * _DAY, END)


def _journal(connection: Connection, search: Search) -> object:
    return (
        found(connection, search),
        latest_record(connection),
        senders(connection),
        sources(connection),
        count(connection, search),
    )


def _to_one_number(connection: Connection) -> object:
    (message,) = found(connection, Search(statuses=frozenset({Status.DELIVERED})), 1).rows
    return found(connection, Search(msisdn=message.msisdn))


def _of_a_card(connection: Connection) -> object:
    """Of the contact that the latest message from a card belongs to, by the card and by the number."""
    (message,) = found(connection, Search(sent_by="card", statuses=frozenset({Status.DELIVERED})), 1).rows
    (contact,) = (item for item in message.items if item.entity_type == CONTACT)
    assert message.msisdn is not None
    return found(connection, Search(item=Item(CONTACT, contact.id), numbers=(message.msisdn,)))


def _one_message(connection: Connection) -> object:
    (message,) = found(connection, Search(kind=Kind.MARKETING), 1).rows
    return whole(connection, message.message_id)


def _checklist(connection: Connection) -> object:
    return heard(connection), overdue(connection, END)


def _one_campaign(connection: Connection) -> object:
    (latest_one,) = recent(connection, END, Terms(), 1)
    return progress(connection, latest_one.id, END, Terms())


LOOKS: Mapping[Figure, Callable[[Connection], object]] = {
    Figure.ANALYTICS_YEAR: partial(analytics, period=_last(DAYS)),
    Figure.ANALYTICS_SCENARIO: partial(analytics, period=_last(DAYS), only=Only(sent_by="scenario:visit")),
    Figure.ANALYTICS_MONTH: partial(analytics, period=_last(30)),
    Figure.ANALYTICS_DAY: partial(analytics, period=_last(1)),
    Figure.JOURNAL_NEWEST: partial(_journal, search=Search()),
    Figure.JOURNAL_NOTHING: partial(_journal, search=Search(kind=Kind.MARKETING, reason="no_such_reason")),
    Figure.JOURNAL_NUMBER: _to_one_number,
    Figure.JOURNAL_NUMBER_PART: partial(_journal, search=Search(number_part=_NOBODYS)),
    Figure.JOURNAL_CARD: _of_a_card,
    Figure.JOURNAL_MESSAGE: _one_message,
    Figure.CAMPAIGNS: partial(recent, now=END, terms=Terms(), limit=AT_ONCE + 1),
    Figure.ONE_CAMPAIGN: _one_campaign,
    Figure.CHECKLIST: _checklist,
}
"""What is measured, by its figure in milliseconds."""


def look(file: Path, work: Callable[[Connection], object]) -> float:
    """How long a look into the journal takes, opening it included, in milliseconds."""
    begun = time.monotonic()
    with reading(file) as connection:
        work(connection)
    return 1000 * (time.monotonic() - begun)

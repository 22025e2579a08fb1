"""How far campaigns are, for people who look: counted when they look, out of an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, func, select

from ..hours import Hours, end_of
from ..message import Stage, Status
from .campaigns import State, may_go_on
from .rows import latest_record
from .schema import campaign_totals, campaigns, history, messages
from .statements import Connection, Row, Statement

# The rate is that of so many seconds, or of as many lines of the history: whichever is less to look through.
_RATE_OF = 300.0
_LINES = 10_000
# What has gone on for less than that, in seconds, says nothing of its rate.
_LEAST = 10.0
NO_ANSWER = "no_answer"
"""The reason of those of which A1 has never said what became."""

_BY = tuple(messages.c[name] for name in ("stage", "status", "reason", "segments", "a1_segments", "amount"))
_COUNTS = Statement(select(*_BY, func.count()).where(messages.c.campaign == bindparam("of")).group_by(*_BY))
# The same of those that are deleted.
_BY_TOTALS = tuple(campaign_totals.c[name] for name in ("status", "reason", "segments", "a1_segments", "amount"))
_TOTALS = Statement(
    select(*_BY_TOTALS, campaign_totals.c.messages).where(campaign_totals.c.campaign == bindparam("of"))
)
_ONE = Statement(select(campaigns).where(campaigns.c.id == bindparam("of")))
_RECENT = Statement(
    select(campaigns)
    .where(campaigns.c.id < bindparam("before"))
    .order_by(campaigns.c.id.desc())
    .limit(bindparam("most"))
)
# From the history to the messages, and not the other way round.
_WENT = Statement(
    select(func.count(), func.min(history.c.at)).where(
        history.c.id > bindparam("after"),
        history.c.at >= bindparam("since"),
        history.c.at <= bindparam("now"),
        history.c.status == Status.SENT,
        select(messages.c.campaign).where(messages.c.id == history.c.message).scalar_subquery() == bindparam("of"),
    )
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What campaigns go out by."""

    hours: Hours | None = None
    """The hours of marketing; None: at any time."""
    per_second: Callable[[int], float] = lambda segments: 0.0
    """How many messages of so many segments leave a second at most, by the settings; 0: there is no limit."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages have not left, by what they wait for."""

    fields: int = 0
    """The fields of a card's text."""
    consent: int = 0
    """The portal's word that the subscriber has agreed."""
    hours: int = 0
    """The hours of marketing."""
    ready: int = 0
    """A1."""
    held: int = 0
    """That the campaign goes on."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.fields + self.consent + self.hours + self.ready + self.held


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign, and how far it is. Times are in seconds since the epoch."""

    id: int
    text: str
    """How the text of its first message begins."""
    sender_id: str | None
    sent_by: str
    began_at: float
    latest_at: float
    """When its latest message came, to the minute."""
    state: State
    state_at: float
    state_by: str | None
    """By whose word; None: it has been running from the beginning."""
    anew_at: float | None
    """From when on what comes in its words is another campaign, by somebody's word; only once it is cancelled."""
    unsettled: bool
    """Whether messages are still following the state: each waits, all the same, as the state says."""
    may_go_on: bool
    """Whether what comes now in the same words is of it still."""
    total: int
    waiting: Waiting
    opens_at: float | None
    """When the hours of marketing begin, for which some wait; None when none do."""
    under_way: int
    """Handed over to A1, and without a final status yet."""
    delivered: int
    not_delivered: int
    """A1 has had them, and they have not reached the phone, or nobody knows."""
    unknown: int
    """Of these, of how many A1 has never said what became."""
    refused: Mapping[str, int]
    """Not sent at all, or refused by A1, by reason: a word of the contract."""
    segments: int
    """Of what A1 has had, as A1 counts once it has said so."""
    amount: Decimal
    """What A1 has said that it takes for these, in BYN."""
    rate: float | None
    """How many have left a second of late; None when too few have to tell."""
    ends_at: float | None
    """When the last of those that wait has left, by the rate, or else by the settings; None when nobody can tell."""

    @property
    def done(self) -> int:
        """How many have their final status."""
        return self.delivered + self.not_delivered + sum(self.refused.values())


def progress(connection: Connection, campaign: int, now: float, terms: Terms) -> Progress | None:
    """How far a campaign is; None when there is no such."""
    row = connection.first(_ONE, {"of": campaign})
    return None if row is None else _progress(connection, row, now, terms)


def recent(
    connection: Connection, now: float, terms: Terms, limit: int = 20, before: int | None = None
) -> list[Progress]:
    """Up to `limit` campaigns, the newest first: those that began before the one with the id `before`."""
    values = {"before": 2**63 - 1 if before is None else before, "most": limit}
    return [_progress(connection, row, now, terms) for row in connection.all(_RECENT, values)]


def _progress(connection: Connection, row: Row, now: float, terms: Terms) -> Progress:
    stages: Counter[Stage] = Counter()
    refused: Counter[str] = Counter()
    delivered = not_delivered = unknown = segments = of_waiting = 0
    amount = Decimal(0)
    for stage, status, reason, own, of_a1, price, count in _counts(connection, row["id"]):
        stages[Stage(stage)] += count
        of_waiting += own * count if stage in (Stage.CONSENT, Stage.READY, Stage.FIELDS) else 0
        if stage == Stage.OVER and reason is not None and reason != NO_ANSWER:
            refused[reason] += count
            continue
        if stage == Stage.OVER and status == Status.DELIVERED:
            delivered += count
        elif stage == Stage.OVER:
            not_delivered += count
            unknown += count if reason == NO_ANSWER else 0
        elif stage != Stage.SENT:
            continue
        segments += (of_a1 or own) * count
        amount += Decimal(price or 0) * count
    opens_at = now if terms.hours is None else terms.hours.opening(now)
    waiting = _waiting(stages, hours=opens_at > now)
    to_go = waiting.total - waiting.held
    rate = _rate(connection, row, now) if to_go else None
    state = State(row["state"])
    per_second = rate or (terms.per_second(max(1, round(of_waiting / to_go))) if to_go else 0.0)
    goes = state is State.RUNNING and per_second > 0
    return Progress(
        id=row["id"],
        text=row["text"],
        sender_id=row["sender_id"],
        sent_by=row["sent_by"],
        began_at=row["began_at"],
        latest_at=row["latest_at"],
        state=state,
        state_at=row["state_at"],
        state_by=row["state_by"],
        anew_at=row["anew_at"],
        unsettled=bool(row["unsettled"]),
        may_go_on=may_go_on(state, row["latest_at"], row["anew_at"], now),
        total=stages.total(),
        waiting=waiting,
        opens_at=opens_at if waiting.hours else None,
        under_way=stages[Stage.IN_FLIGHT] + stages[Stage.ASKING] + stages[Stage.SENT],
        delivered=delivered,
        not_delivered=not_delivered,
        unknown=unknown,
        refused=dict(refused),
        segments=segments,
        amount=amount,
        rate=rate,
        ends_at=end_of(now, waiting.total / per_second, terms.hours) if goes and waiting.total else None,
    )


def _counts(connection: Connection, campaign: int) -> Iterator[tuple[Any, ...]]:
    """How many messages there are, and were, of each kind."""
    yield from (tuple(row) for row in connection.execute(_COUNTS, {"of": campaign}))
    for status, reason, own, of_a1, price, count in connection.execute(_TOTALS, {"of": campaign}):
        yield Stage.OVER, status, reason or None, own, of_a1, price, count


def _waiting(stages: Counter[Stage], *, hours: bool) -> Waiting:
    """`hours`: these have not begun."""
    fields, consent = stages[Stage.FIELDS], stages[Stage.CONSENT]
    ready, held = stages[Stage.READY], stages[Stage.HELD]
    if hours:
        return Waiting(fields=fields, hours=consent + ready, held=held)
    return Waiting(fields=fields, consent=consent, ready=ready, held=held)


def _rate(connection: Connection, row: Row, now: float) -> float | None:
    since = max(now - _RATE_OF, row["state_at"])
    values = {"of": row["id"], "after": latest_record(connection) - _LINES, "since": since, "now": now}
    count, first = connection.all(_WENT, values)[0]
    return count / (now - first) if count and now - first >= _LEAST else None

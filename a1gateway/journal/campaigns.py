"""Campaigns, told from one another, paused and ended, within one transaction of the journal.

Bitrix24 hands over single messages and does not name the mailing that they are of. So a campaign is what the same
sender sends in much the same words without a long break: each message is given to one when it is accepted.

What is cancelled stays so, and refuses whatever comes in its words: until nothing has come for a while, or somebody
says that what comes from now on is begun anew.

A pause and an end hold from the moment that they are written down, however many messages wait: whoever would go on
with some puts aside those that may not. All others follow little by little.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select, text, true, update

from ..message import Arrival, Change, Kind, Refusal, Source, Stage
from .deadlines import NOTHING_HAS_LEFT, still_whole
from .likeness import LONGEST, Wording, likeness, same_for_one, wording
from .origins import CARD, MAILING, OTHER, ROBOT
from .rows import STATE, reject, write_history
from .schema import campaigns, messages
from .statements import Connection, Row, Statement, among, change_by_id, insertion, listed

OF_CAMPAIGNS = frozenset((MAILING, CARD, ROBOT, OTHER))
"""Whose marketing messages are campaigns: all that Bitrix24 hands over. Scenarios, and what a page sends, are not."""


class State(enum.StrEnum):
    """What becomes of those messages of a campaign that have not left."""

    RUNNING = "running"
    """They go out."""
    PAUSED = "paused"
    """They wait, and so does what comes."""
    CANCELLED = "cancelled"
    """They are refused, and so is what comes."""


# For how long nothing may have come, in seconds, for the next message to be of the same campaign. What is paused is
# to stay so overnight; what is cancelled and begun anew in the same words is another one before long.
_BREAK = {State.RUNNING: 3 * 3600.0, State.PAUSED: 86400.0, State.CANCELLED: 1800.0}
_LONGEST_BREAK = max(_BREAK.values())
# `latest_at` may be so many seconds behind.
_TO_THE_MINUTE = 60.0
# As many campaigns that run are compared with, and as many messages to a number looked at, the latest of each. Those
# that were stopped, by people, are few, and nothing of them may slip out.
_MOST_COMPARED = 50
_MOST_TO_ONE = 20
_DAY = 86400.0

_OF_LATE: Select[Any] = select(
    *(campaigns.c[name] for name in ("id", "latest_at", "text", "state", "anew_at"))
).where(
    campaigns.c.latest_at.between(bindparam("since"), bindparam("until")),
    campaigns.c.sent_by == bindparam("by"),
    campaigns.c.sender_id.is_not_distinct_from(bindparam("sender")),
)
_RUNNING = Statement(
    _OF_LATE.where(campaigns.c.state == State.RUNNING).order_by(campaigns.c.latest_at.desc()).limit(bindparam("most"))
)
# As their index has it.
_STOPPED = Statement(_OF_LATE.where(text("state != 'running'")))
_TO_ONE = Statement(
    select(messages.c.campaign, messages.c.text)
    .where(messages.c.kind == Kind.MARKETING, messages.c.msisdn == bindparam("number"))
    .order_by(messages.c.id.desc())
    .limit(bindparam("most"))
)
_BEGIN = insertion(
    campaigns, ("began_at", "latest_at", "text", "sender_id", "sent_by", "state", "state_at", "unsettled")
)
_LATEST = change_by_id(campaigns, ("latest_at",))
_CAMPAIGN = Statement(select(campaigns).where(campaigns.c.id == bindparam("row")))
_CHANGE = change_by_id(campaigns, ("state", "state_at", "state_by", "unsettled"))
_ANEW = change_by_id(campaigns, ("anew_at",))
_NOT_RUNNING = Statement(
    select(campaigns.c.id).where(campaigns.c.id.in_(among("rows")), campaigns.c.state != State.RUNNING)
)
# One that was done with has another message that has to follow.
_UNSETTLE = Statement(
    update(campaigns)
    .where(campaigns.c.id.in_(among("rows")), campaigns.c.state == State.CANCELLED)
    .values(unsettled=True)
)
_HOLD = Statement(
    update(messages).where(messages.c.id.in_(among("rows"))).values(stage=Stage.HELD, due_at=bindparam("at"))
)
# Its hours may not have begun yet; further away than a day is what a clock set back left.
_RELEASE = Statement(
    update(messages)
    .where(messages.c.id.in_(among("rows")))
    .values(
        stage=bindparam("into"),
        due_at=func.max(
            bindparam("at"),
            func.min(func.coalesce(messages.c.not_before, bindparam("at")), bindparam("at") + _DAY),
        ),
    )
)
_UNSETTLED = Statement(
    select(campaigns.c.id, campaigns.c.state, campaigns.c.state_by).where(campaigns.c.unsettled == true())
)
_OF_STAGE = (messages.c.campaign == bindparam("of"), messages.c.stage == bindparam("at_stage"))
_IN_STAGE = Statement(select(*STATE).where(*_OF_STAGE).limit(bindparam("most")))
_WHOLE_IN_STAGE = Statement(select(*STATE).where(*_OF_STAGE, NOTHING_HAS_LEFT).limit(bindparam("most")))
_ANY_IN_STAGES = Statement(
    select(messages.c.id)
    .where(messages.c.campaign == bindparam("of"), messages.c.stage.in_(among("stages")))
    .limit(1)
)
_SETTLED = change_by_id(campaigns, ("unsettled",))
# Where messages are that have to follow each state, and where others may come from that will have to.
_FOLLOW = {
    State.RUNNING: (Stage.HELD,),
    State.PAUSED: (Stage.CONSENT, Stage.READY),
    State.CANCELLED: (Stage.HELD, Stage.FIELDS, Stage.CONSENT, Stage.READY),
}
_MAY_COME_BACK = {
    State.RUNNING: (),
    State.PAUSED: (Stage.IN_FLIGHT, Stage.ASKING),
    State.CANCELLED: (Stage.IN_FLIGHT, Stage.ASKING),
}


def may_go_on(state: State, latest_at: float, anew_at: float | None, now: float) -> bool:
    """Whether a message that comes now may be of a campaign whose latest came at `latest_at`.

    From `anew_at` on, if there is such, it is not.
    """
    return now - latest_at <= _BREAK[state] and (anew_at is None or now < anew_at)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The campaign that a message is of."""

    id: int
    state: State


def assign(connection: Connection, arrival: Arrival, by: str) -> Assigned | None:
    """The campaign of a message that is about to be accepted, begun with it if need be; None when it is of none.

    `by` is who sent it, as of `origins.sent_by`.
    """
    if arrival.kind is not Kind.MARKETING or by not in OF_CAMPAIGNS:
        return None
    now = arrival.received_at
    found = _of_the_same(connection, arrival, by)
    if found is not None:
        if now - found["latest_at"] >= _TO_THE_MINUTE:
            connection.execute(_LATEST, {"row": found["id"], "latest_at": now})
        return Assigned(found["id"], State(found["state"]))
    begun = connection.execute(
        _BEGIN,
        {
            "began_at": now,
            "latest_at": now,
            "text": arrival.text[:LONGEST],
            "sender_id": arrival.sender_id,
            "sent_by": by,
            "state": str(State.RUNNING),
            "state_at": now,
            "unsettled": False,
        },
    )
    assert begun.lastrowid is not None
    return Assigned(begun.lastrowid, State.RUNNING)


def _of_the_same(connection: Connection, arrival: Arrival, by: str) -> Row | None:
    now = arrival.received_at
    values = {"since": now - _LONGEST_BREAK, "until": now + _DAY, "by": by, "sender": arrival.sender_id}
    of_late = connection.all(_RUNNING, {**values, "most": _MOST_COMPARED}) + connection.all(_STOPPED, values)
    live = [row for row in of_late if may_go_on(State(row["state"]), row["latest_at"], row["anew_at"], now)]
    if not live:
        return None
    own = wording(arrival.text)
    beginning = arrival.text[:LONGEST]
    others = _others(connection, arrival.msisdn, own) if by == MAILING and arrival.msisdn is not None else set()
    best, most = None, (0.0, 0)
    # Of equals the oldest: a later one began with a message that was not like it.
    for row in sorted(live, key=lambda each: int(each["id"])):
        # Two may have one number, with figures of their own, and nothing of what was stopped is to leave.
        if row["id"] in others and row["state"] == State.RUNNING:
            continue
        if row["text"] == beginning:
            return row
        like = likeness(own, _wording_of(row["text"]))
        if like > most:
            best, most = row, like
    return best


@lru_cache(maxsize=2 * _MOST_COMPARED)
def _wording_of(campaign_text: str) -> Wording:
    """Every message is compared with the same few."""
    return wording(campaign_text)


def _others(connection: Connection, msisdn: str, own: Wording) -> set[int]:
    """Campaigns that have written something else to the same number: a mailing that was corrected and sent anew."""
    return {
        row["campaign"]
        for row in connection.all(_TO_ONE, {"number": msisdn, "most": _MOST_TO_ONE})
        if row["campaign"] is not None and not same_for_one(own, wording(row["text"]))
    }


def change_state(connection: Connection, campaign: int, state: State, by: str, now: float) -> State | None:
    """From now on a campaign is of this state, by the word of `by`; which it was before, None when there is no such.

    One that is cancelled stays so.
    """
    row = connection.first(_CAMPAIGN, {"row": campaign})
    if row is None:
        return None
    before = State(row["state"])
    if before not in (state, State.CANCELLED):
        values = {"state": str(state), "state_at": now, "state_by": by, "unsettled": True}
        connection.execute(_CHANGE, {"row": campaign, **values})
    return before


def begin_anew(connection: Connection, campaign: int, now: float) -> tuple[State, bool] | None:
    """What comes from now on in the words of a cancelled campaign is of another one, which runs.

    Of which state it is, where any but a cancelled one stays as it is, and whether this changes anything; None when
    there is no such campaign.
    """
    row = connection.first(_CAMPAIGN, {"row": campaign})
    if row is None:
        return None
    state = State(row["state"])
    changes = state is State.CANCELLED and may_go_on(state, row["latest_at"], row["anew_at"], now)
    if changes:
        connection.execute(_ANEW, {"row": campaign, "anew_at": now})
    return state, changes


def put_aside(connection: Connection, waiting: Sequence[Row], now: float) -> list[Row]:
    """Of messages that somebody would go on with, those that may; the others are held by their campaigns from now on.

    What A1 has in part goes on: nobody can read half of it.
    """
    of_them = {row["campaign"] for row in waiting} - {None}
    if not of_them:
        return list(waiting)
    stopped = {row["id"] for row in connection.all(_NOT_RUNNING, {"rows": listed(of_them)})}
    if not stopped:
        return list(waiting)
    held = {
        row["id"] for row in still_whole(connection, (row["id"] for row in waiting if row["campaign"] in stopped))
    }
    if held:
        _hold(connection, held, now)
        connection.execute(_UNSETTLE, {"rows": listed(stopped)})
    return [row for row in waiting if row["id"] not in held]


@dataclass(frozen=True, slots=True)
class Followed:
    """Messages that have followed the states of their campaigns."""

    changes: tuple[Change, ...] = ()
    """Those that have come to their end."""
    held: int = 0
    released: int = 0
    """How many go on."""
    more: bool = False
    """Whether there are more."""


def follow(connection: Connection, now: float, limit: int, opens_at: float = 0.0) -> Followed:
    """Let up to `limit` messages follow: held by a pause, going on after it, refused when all is cancelled.

    Those that go on are due when the hours of marketing are on next, at `opens_at`: nobody can be asked for a consent
    before, and none is to be given up for not having been.
    """
    changes: list[Change] = []
    held = released = 0
    left = limit
    # Those that are to go on wait for it.
    for row in sorted(connection.all(_UNSETTLED), key=lambda each: each["state"] != State.RUNNING):
        state = State(row["state"])
        rows = _to_follow(connection, row["id"], state, left)
        left -= len(rows)
        if state is State.RUNNING:
            _release(connection, rows, Stage.CONSENT, now, max(now, opens_at))
            released += len(rows)
        elif state is State.PAUSED:
            _hold(connection, [each["id"] for each in rows], now)
            held += len(rows)
        else:
            changes += _end(connection, rows, row["state_by"] or "", now)
        if left <= 0:
            return Followed(tuple(changes), held, released, more=True)
        stages = listed((*_FOLLOW[state], *_MAY_COME_BACK[state]))
        if connection.first(_ANY_IN_STAGES, {"of": row["id"], "stages": stages}) is None:
            connection.execute(_SETTLED, {"row": row["id"], "unsettled": False})
    return Followed(tuple(changes), held, released)


def _to_follow(connection: Connection, campaign: int, state: State, limit: int) -> list[Row]:
    rows: list[Row] = []
    for stage in _FOLLOW[state]:
        values = {"of": campaign, "at_stage": stage, "most": limit - len(rows)}
        rows += connection.all(_IN_STAGE if stage is Stage.HELD else _WHOLE_IN_STAGE, values)
    return rows


def _hold(connection: Connection, rows: Sequence[int] | set[int], now: float) -> None:
    connection.execute(_HOLD, {"rows": listed(rows), "at": now})
    for row in rows:
        write_history(connection, row, now, Source.GATEWAY, None, "held")


def _release(connection: Connection, rows: Sequence[Row], into: Stage, now: float, due_at: float) -> None:
    connection.execute(_RELEASE, {"rows": listed(row["id"] for row in rows), "into": str(into), "at": due_at})
    for row in rows:
        write_history(connection, row["id"], now, Source.GATEWAY, None, "released")


def _end(connection: Connection, rows: Sequence[Row], by: str, now: float) -> list[Change]:
    whole = {row["id"] for row in still_whole(connection, (row["id"] for row in rows))}
    # A part of it has turned up at A1 meanwhile.
    _release(connection, [row for row in rows if row["id"] not in whole], Stage.READY, now, now)
    return [
        # A1 may have one that was to go out again.
        reject(connection, row, "uncertain" if row["resent"] else Refusal.CANCELLED, now, note=by)
        for row in rows
        if row["id"] in whole
    ]

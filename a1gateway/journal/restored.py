"""A journal that was put back from a backup, within one transaction of it.

What it holds as unsent may have been sent since the backup was made, and nobody here can know. So it is in doubt, and
the operator chooses what becomes of it. The same goes for what automation makes anew of the time before: it derives
the same message, and finds it where it was when the backup was made.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, case, func, insert, literal, not_, or_, select, update

from ..message import Arrival, Change, Source, Stage
from .rows import STATE, reject, write_history
from .schema import history, messages, positions
from .statements import Connection, Row, Statement, among, listed

MARK = "restored"
"""The position whose time is when this journal was put back, and the word for it in the history of a message."""
UNCERTAIN = "uncertain"
"""Why a message ends that may have gone out, and is not to go again."""
_FRONT = f"{MARK}:"


class Unsent(enum.StrEnum):
    """What becomes of messages that the backup holds as unsent."""

    ASK = "ask"
    """A1 is asked about each before it may go out. Over HTTP alone."""
    HOLD = "hold"
    """They wait for somebody's word."""
    SEND = "send"
    """They go out, some perhaps a second time."""
    DROP = "drop"
    """They end as `uncertain`."""


_CHOICES = (Unsent.ASK, Unsent.HOLD, Unsent.SEND, Unsent.DROP)


@dataclass(frozen=True, slots=True)
class Released:
    """What came of messages that were held."""

    changes: list[Change]
    count: int


_WAITS = (Stage.FIELDS, Stage.CONSENT, Stage.HELD, Stage.READY)
_MAY_BE_THERE = or_(messages.c.stage == Stage.IN_FLIGHT, messages.c.stage == Stage.ASKING)
# One whose time has not come cannot have left before.
_NOT_YET = and_(
    messages.c.stage == Stage.READY,
    messages.c.due_at > bindparam("now"),
    messages.c.attempts == 0,
    messages.c.resent == 0,
)
_IN_DOUBT = and_(
    messages.c.due_at.is_not(None),
    or_(*(messages.c.stage == each for each in _WAITS), _MAY_BE_THERE),
    not_(_NOT_YET),
    messages.c.id.not_in(among("known")),
)
# Where it is to go on. What was held by its campaign is seen by the consent check, which puts it aside again.
_GOES_ON_IN = literal(_FRONT) + case(
    (_MAY_BE_THERE, literal(str(Stage.READY))),
    (messages.c.stage == Stage.HELD, literal(str(Stage.CONSENT))),
    else_=messages.c.stage,
)
_COUNT = Statement(select(func.count()).where(_IN_DOUBT))
_TELL = Statement(
    insert(history).from_select(
        ["message", "at", "source", "word"],
        select(messages.c.id, bindparam("now"), literal(str(Source.GATEWAY)), literal(MARK)).where(_IN_DOUBT),
    )
)
# Those that are asked about already, for a reason of their own, are asked about from the beginning.
_ASK_AGAIN = Statement(
    update(messages)
    .where(messages.c.stage == Stage.ASKING, messages.c.due_at.is_not(None))
    .values(asked=0, due_at=bindparam("now"))
)
_INTO = (
    update(messages)
    .where(_IN_DOUBT)
    .values(stage=bindparam("into"), uncertain=_GOES_ON_IN, asked=0, due_at=bindparam("now"))
)
_ASK = Statement(_INTO.where(messages.c.stage != Stage.ASKING))
_HOLD = Statement(_INTO)
_SEND = Statement(
    update(messages)
    .where(_IN_DOUBT)
    .values(
        stage=case((_MAY_BE_THERE, literal(str(Stage.READY))), else_=messages.c.stage),
        due_at=case((_MAY_BE_THERE, bindparam("now")), else_=messages.c.due_at),
        uncertain=None,
        asked=0,
        resent=messages.c.resent + 1,
    )
)
_ROWS_IN_DOUBT = Statement(select(*STATE).where(_IN_DOUBT))
_IS_HELD = and_(
    messages.c.stage == Stage.HELD,
    messages.c.due_at.is_not(None),
    func.substr(messages.c.uncertain, 1, len(_FRONT)) == _FRONT,
)
_HELD = Statement(select(*STATE).where(_IS_HELD).limit(bindparam("most")))
_HOW_MANY_HELD = Statement(select(func.count()).where(_IS_HELD))
_LET_GO = Statement(
    update(messages)
    .where(messages.c.id == bindparam("row"))
    .values(stage=bindparam("into"), due_at=bindparam("now"), uncertain=None, resent=messages.c.resent + 1)
)
_FORGET_MARK = Statement(positions.delete().where(positions.c.name == MARK))
_SET_MARK = Statement(insert(positions), ("name", "record", "at"))
_THE_MARK = Statement(select(positions.c.record, positions.c.at).where(positions.c.name == MARK))


def put_back(connection: Connection, unsent: Unsent, now: float, known: Iterable[int] = ()) -> int:
    """This journal has just been put back; do with what it holds as unsent as is chosen. How many are in doubt.

    `known` are the rows of messages that are where they were when the daemon ended.
    """
    values = {"now": now, "known": listed(known)}
    connection.execute(_FORGET_MARK)
    connection.execute(_SET_MARK, {"name": MARK, "record": _CHOICES.index(unsent), "at": now})
    count: int = connection.value(_COUNT, values)
    if unsent is Unsent.DROP:
        for row in connection.all(_ROWS_IN_DOUBT, values):
            reject(connection, row, UNCERTAIN, now)
        return count
    connection.execute(_TELL, values)
    if unsent is Unsent.ASK:
        connection.execute(_ASK_AGAIN, {"now": now})
        connection.execute(_ASK, {**values, "into": str(Stage.ASKING)})
    elif unsent is Unsent.HOLD:
        connection.execute(_HOLD, {**values, "into": str(Stage.HELD)})
    else:
        connection.execute(_SEND, values)
    return count


def nothing_is_in_doubt(connection: Connection) -> None:
    """All that the journal of before knew is known to this one, too."""
    connection.execute(_FORGET_MARK)


def made_anew(connection: Connection, happened_at: float) -> Unsent | None:
    """What becomes of a message that is made only now of something that happened then; None: it goes out.

    Of what happened before the journal was put back a message may have gone out that it knows nothing of.
    """
    mark = connection.first(_THE_MARK)
    if mark is None or happened_at > mark["at"]:
        return None
    chosen = _CHOICES[mark["record"]]
    return None if chosen is Unsent.SEND else chosen


def of_arrival(connection: Connection, arrival: Arrival) -> Unsent | None:
    """The same of a message of automation: it may leave from when something has happened, or its time had come.

    Others have no such time, or one to come.
    """
    return made_anew(connection, arrival.not_before) if arrival.not_before > 0 else None


def in_doubt(stage: Stage | str, unsent: Unsent, now: float) -> dict[str, object]:
    """The columns of a message in doubt that would be in this stage."""
    into = Stage.ASKING if unsent is Unsent.ASK else Stage.HELD
    goes_on = Stage.CONSENT if stage == Stage.HELD else stage
    return {"stage": str(into), "uncertain": f"{_FRONT}{goes_on}", "due_at": now}


def goes_on_in(row: Row) -> Stage:
    """The stage of a message that was in doubt and is not any more, as A1 does not have it."""
    uncertain: str = row["uncertain"] or ""
    return Stage(uncertain.removeprefix(_FRONT)) if uncertain.startswith(_FRONT) else Stage.READY


def held(connection: Connection) -> int:
    """How many messages wait for somebody's word since the journal was put back."""
    count: int = connection.value(_HOW_MANY_HELD)
    return count


def release(connection: Connection, now: float, limit: int, *, send: bool) -> Released:
    """Let up to `limit` messages go that are held, marked as sent again, or end them as `uncertain`."""
    changes: list[Change] = []
    rows = connection.all(_HELD, {"most": limit})
    for row in rows:
        if send:
            connection.execute(_LET_GO, {"row": row["id"], "into": str(goes_on_in(row)), "now": now})
            write_history(connection, row["id"], now, Source.GATEWAY, None, "resent")
        else:
            changes.append(reject(connection, row, UNCERTAIN, now))
    return Released(changes, len(rows))

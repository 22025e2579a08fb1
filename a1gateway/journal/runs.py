"""The runs of the gateway's automation rules, within one transaction of the journal."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from ..hours import in_minsk
from ..message import Acceptance, Arrival, Change, Planned, Refusal, RunState, Status
from . import reminders
from .acceptance import accept_one, row_of
from .schema import messages, runs
from .statements import Connection, Row, Statement, among, change_by_id, listed

_LONGEST_TROUBLE = 500
_COLUMNS = ("event_token", "received_at", "code", "entity_type", "item", "properties", "origin", "state", "due_at")
_TAKE = Statement(insert(runs).on_conflict_do_nothing(index_elements=["event_token"]), _COLUMNS)
_DUE = Statement(
    select(runs)
    .where(runs.c.state == bindparam("of"), runs.c.due_at <= bindparam("now"))
    .order_by(runs.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE = Statement(
    select(func.min(runs.c.due_at)).where(runs.c.state == bindparam("of"), runs.c.due_at > bindparam("after"))
)
_NEW = select(runs).where(runs.c.state == RunState.NEW, runs.c.due_at <= bindparam("now"))
# All that `str.strip` takes away, and not the space alone.
_WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001))))
_OF_A_DOCUMENT = runs.c.entity_type.is_not(None) & (
    (runs.c.code == bindparam("reminder"))
    | (func.trim(func.coalesce(func.json_extract(runs.c.properties, "$.phone"), ""), _WHITE_SPACE) == "")
)
_NEW_BY_THEMSELVES = Statement(_NEW.where(~_OF_A_DOCUMENT).order_by(runs.c.due_at).limit(bindparam("most")))
_NEW_WITH_DOCUMENTS = Statement(_NEW.where(_OF_A_DOCUMENT).order_by(runs.c.due_at).limit(bindparam("most")))
_DEPTH = Statement(select(func.count(), func.min(runs.c.due_at)).where(runs.c.due_at.is_not(None)))
_BY_IDS = Statement(select(runs).where(runs.c.id.in_(among("rows"))))
_BY_TOKEN = Statement(select(runs).where(runs.c.event_token == bindparam("name")))
_STATE_OF = Statement(select(runs.c.state).where(runs.c.id == bindparam("row")))
_PUT_OFF = change_by_id(runs, ("due_at", "tries", "trouble"))
_REFUSED = change_by_id(runs, ("due_at", "refusals", "trouble"))
_GIVEN_UP = change_by_id(runs, ("state", "due_at", "over_at", "answer", "trouble"))
_STATE = ("state", "due_at", "over_at", "tries", "trouble")
_SENT = change_by_id(runs, ("message", *_STATE))
_PLANNED = change_by_id(runs, ("properties", *_STATE))
_FIXED = change_by_id(runs, ("answer",))
_OVER = change_by_id(runs, ("state", "due_at", "over_at", "trouble"))
_END_ALL = Statement(
    update(runs)
    .where(runs.c.state != RunState.OVER)
    .values(state=RunState.OVER, due_at=None, over_at=bindparam("at"), trouble=bindparam("why"))
)
_MESSAGE = Statement(
    select(
        messages.c.message_id,
        messages.c.status,
        messages.c.reason,
        messages.c.final_at,
        messages.c.segments,
        messages.c.a1_segments,
        messages.c.price,
        messages.c.amount,
        messages.c.a1_id,
        messages.c.custom_id,
        messages.c.msisdn,
    ).where(messages.c.id == bindparam("row"))
)


class Wanted(enum.Enum):
    """When a workflow wants its answer."""

    NOTHING = "nothing"
    """Never: it does not wait."""
    TAKEN_IN = "taken in"
    """Once the SMS is taken in, or the reminders are planned."""
    END = "end"
    """Once the SMS has its final status, or the last of the reminders."""


@dataclass(frozen=True, slots=True)
class RunCall:
    """What Bitrix24 hands over when an automation rule of ours runs."""

    event_token: str
    received_at: float
    code: str
    entity_type: int | None
    """The document's `entityTypeId`; None for a document that is not of the CRM."""
    item: int | None
    properties: Mapping[str, str]
    origin: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that something has to be done for."""

    id: int
    call: RunCall
    tries: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is returned to a workflow."""

    id: int
    event_token: str
    code: str
    values: Mapping[str, Any]
    received_at: float
    refusals: int
    """How often it was this very answer that Bitrix24 did not take."""
    tries: int
    """How often Bitrix24 could do nothing with it for a reason that lies outside it."""


def take(connection: Connection, call: RunCall) -> bool:
    """Keep a run, once; whether it was there before."""
    values = {
        "event_token": call.event_token,
        "received_at": call.received_at,
        "code": call.code,
        "entity_type": call.entity_type,
        "item": call.item,
        "properties": json.dumps(dict(call.properties), ensure_ascii=False),
        "origin": json.dumps(dict(call.origin), ensure_ascii=False),
        "state": str(RunState.NEW),
        "due_at": call.received_at,
    }
    return not connection.execute(_TAKE, values).rowcount


def new(
    connection: Connection, now: float, limit: int, *, reminder: str, documents: bool
) -> tuple[list[Run], list[Run], float | None]:
    """Up to `limit` runs for which nothing has been done yet: those that need no document, and those that do.

    `documents`: whether the latter are wanted. And when the next is due later (None: none waits). A run of the rule
    with the code `reminder` needs its document in any case, others to learn the number.
    """
    values = {"now": now, "most": limit, "reminder": reminder}
    alone = [_run(row) for row in connection.all(_NEW_BY_THEMSELVES, values)]
    others = [_run(row) for row in connection.all(_NEW_WITH_DOCUMENTS, values)] if documents else []
    return alone, others, connection.value(_NEXT_DUE, {"of": RunState.NEW, "after": now})


def by_ids(connection: Connection, rows: Iterable[int]) -> dict[int, Run]:
    """Those of the runs that there are."""
    return {row["id"]: _run(row) for row in connection.all(_BY_IDS, {"rows": listed(rows)})}


def send(connection: Connection, run: Run, arrival: Arrival, now: float, wanted: Wanted) -> Acceptance | None:
    """Take in the message of a run; None when nothing is to be done for it any more."""
    if connection.value(_STATE_OF, {"row": run.id}) != RunState.NEW:
        return None
    acceptance = accept_one(connection, arrival, run.call.received_at)
    message = row_of(connection, arrival.message_id)
    state = _next_state(now, wanted, ended=acceptance.refusal is not None)
    connection.execute(_SENT, {"row": run.id, "message": message, **state})
    return acceptance


def plan(
    connection: Connection,
    run: Run,
    properties: Mapping[str, str],
    moment: float,
    planned: Iterable[Planned],
    now: float,
    wanted: Wanted,
    rule: reminders.Rule,
) -> tuple[int, list[Change]]:
    """Plan the reminders of a run, by what its properties have become; how many there are to come.

    And what an earlier run's reminders of another moment have come to, which will not leave any more. Nothing happens
    when nothing is to be done for the run any more.
    """
    if connection.value(_STATE_OF, {"row": run.id}) != RunState.NEW:
        return 0, []
    count = reminders.plan(connection, rule, moment, planned, now)
    changes = reminders.take_back(connection, rule, moment, now)
    state = _next_state(now, wanted, ended=not count)
    as_json = json.dumps(dict(properties), ensure_ascii=False)
    connection.execute(_PLANNED, {"row": run.id, "properties": as_json, **state})
    return count, changes


def _next_state(now: float, wanted: Wanted, *, ended: bool) -> dict[str, Any]:
    if wanted is Wanted.NOTHING:
        state, due_at = RunState.OVER, None
    elif ended or wanted is Wanted.TAKEN_IN:
        state, due_at = RunState.ANSWER, now
    else:
        state, due_at = RunState.WAITING, None
    over_at = now if state is RunState.OVER else None
    return {"state": str(state), "due_at": due_at, "over_at": over_at, "tries": 0, "trouble": None}


def put_off(connection: Connection, run: int, tries: int, due_at: float, trouble: str) -> None:
    """It could not be done; try again at `due_at`, unless it is over meanwhile."""
    if connection.value(_STATE_OF, {"row": run}) == RunState.OVER:
        return
    connection.execute(
        _PUT_OFF, {"row": run, "tries": tries, "due_at": due_at, "trouble": trouble[:_LONGEST_TROUBLE]}
    )


def give_up(connection: Connection, run: int, reason: str, now: float, trouble: str, *, answered: bool) -> None:
    """Nothing will come of a run that is new, for this reason; `answered`: its workflow is told."""
    if connection.value(_STATE_OF, {"row": run}) != RunState.NEW:
        return
    values = {"status": str(Status.REJECTED), "error": reason}
    state = RunState.ANSWER if answered else RunState.OVER
    connection.execute(
        _GIVEN_UP,
        {
            "row": run,
            "state": str(state),
            "due_at": now if answered else None,
            "over_at": None if answered else now,
            "answer": json.dumps(values),
            "trouble": trouble[:_LONGEST_TROUBLE],
        },
    )


def end_all(connection: Connection, now: float, why: str) -> int:
    """Nothing will come of any run that is not over; how many that ends."""
    return connection.execute(_END_ALL, {"at": now, "why": why}).rowcount


def refused(connection: Connection, answer: Answer, due_at: float, trouble: str) -> None:
    """Bitrix24 has not taken this answer; try again at `due_at`, unless the run is over meanwhile."""
    if connection.value(_STATE_OF, {"row": answer.id}) == RunState.OVER:
        return
    values = {"due_at": due_at, "refusals": answer.refusals + 1, "trouble": trouble[:_LONGEST_TROUBLE]}
    connection.execute(_REFUSED, {"row": answer.id, **values})


def answers(connection: Connection, now: float, limit: int) -> tuple[list[Answer], float | None]:
    """Up to `limit` answers that are due, each the same however often it is tried; and when the next is due."""
    found = []
    for row in connection.all(_DUE, {"of": RunState.ANSWER, "now": now, "most": limit}):
        if row["answer"] is None:
            values = _answer(connection, row)
            connection.execute(_FIXED, {"row": row["id"], "answer": json.dumps(values, ensure_ascii=False)})
        else:
            values = json.loads(row["answer"])
        found.append(
            Answer(
                row["id"],
                row["event_token"],
                row["code"],
                values,
                row["received_at"],
                row["refusals"],
                row["tries"],
            )
        )
    return found, connection.value(_NEXT_DUE, {"of": RunState.ANSWER, "after": now})


def over(connection: Connection, ended: Iterable[int], now: float, trouble: str | None = None) -> None:
    """These workflows have been answered, or will never be, because of `trouble`."""
    for run in ended:
        values = {"state": str(RunState.OVER), "due_at": None, "over_at": now}
        connection.execute(
            _OVER, {"row": run, **values, "trouble": None if trouble is None else trouble[:_LONGEST_TROUBLE]}
        )


def depth(connection: Connection) -> tuple[int, float | None]:
    """How many have something to be done for, and since when the oldest has (None: none has)."""
    ((count, oldest),) = connection.all(_DEPTH)
    return count, oldest


def of_token(connection: Connection, event_token: str) -> dict[str, Any] | None:
    """Everything that is known of a run; None when it is unknown."""
    row = connection.first(_BY_TOKEN, {"name": event_token})
    return None if row is None else dict(row)


def _run(row: Row) -> Run:
    call = RunCall(
        row["event_token"],
        row["received_at"],
        row["code"],
        row["entity_type"],
        row["item"],
        json.loads(row["properties"]),
        json.loads(row["origin"]),
    )
    return Run(row["id"], call, row["tries"])


def _answer(connection: Connection, row: Row) -> dict[str, Any]:
    """Names are those of `RETURN_PROPERTIES`."""
    if row["message"] is not None:
        return _of_message(connection, row["message"])
    of_it = reminders.of_run(connection, row["id"])
    sent = [each for each in of_it if each["message"] is not None]
    if sent:
        found = _of_message(connection, sent[-1]["message"])
    else:
        waits = any(each["due_at"] is not None for each in of_it)
        reason = next((each["reason"] for each in reversed(of_it) if each["reason"]), "")
        # None at all: a later run has taken them over, or an earlier one has sent them.
        if not of_it or reminders.run_of(connection, of_it[0]) != row["id"]:
            reason = str(Refusal.REPEATED)
        found = {"status": "planned" if waits else "not_sent", "error": "" if waits else reason}
    return found | {"planned": sum(each["due_at"] is not None or each["message"] is not None for each in of_it)}


def _of_message(connection: Connection, message: int) -> dict[str, Any]:
    row = connection.first(_MESSAGE, {"row": message})
    assert row is not None
    final_at = row["final_at"]
    return {
        "message_id": row["message_id"],
        "status": row["status"],
        "error": row["reason"] or "",
        "final_at": "" if final_at is None else in_minsk(final_at),
        "segments": row["a1_segments"] or row["segments"],
        "price": row["amount"] or row["price"] or "",
        "a1_id": row["a1_id"] or "",
        "phone": row["msisdn"] or "",
    }

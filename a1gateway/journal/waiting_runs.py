"""When the workflow of an automation rule has waited long enough: its SMS, or all its reminders, are over."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, exists, or_, select, update

from ..message import RunState, Status
from .schema import messages, reminders, runs
from .statements import Connection, Statement

_NOT_OVER = [status for status in Status if not status.final]
_REMINDERS_ARE_OVER = ~exists(
    select(reminders.c.id)
    .select_from(reminders.outerjoin(messages, messages.c.id == reminders.c.message))
    .where(
        reminders.c.run == runs.c.id,
        or_(reminders.c.due_at.is_not(None), *(messages.c.status == status for status in _NOT_OVER)),
    )
)
_ANSWER = update(runs).where(runs.c.state == RunState.WAITING).values(state=RunState.ANSWER, due_at=bindparam("at"))
_OF_MESSAGE = Statement(
    _ANSWER.where(
        or_(
            runs.c.message == bindparam("message"),
            and_(
                runs.c.id.in_(select(reminders.c.run).where(reminders.c.message == bindparam("message"))),
                _REMINDERS_ARE_OVER,
            ),
        )
    )
)
_OF_RUN = Statement(_ANSWER.where(runs.c.id == bindparam("row"), _REMINDERS_ARE_OVER))


def message_is_over(connection: Connection, message: int, at: float) -> None:
    """A message has come to its end: whoever waits for it, and for nothing else, is answered."""
    connection.execute(_OF_MESSAGE, {"message": message, "at": at})


def reminder_is_over(connection: Connection, run: int, at: float) -> None:
    """One of a run's reminders will not be sent: if that was the last, the run is answered."""
    connection.execute(_OF_RUN, {"row": run, "at": at})

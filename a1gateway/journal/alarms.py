"""How the alarms stand, across restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import delete, select

from ..alarms.alarm import Alarm
from ..alarms.standing import Standing
from .schema import alarms
from .statements import Connection, Statement, insertion

_ALL = Statement(select(alarms))
_FORGET = Statement(delete(alarms))
_KEEP = insertion(alarms, ("word", "since", "gone_at", "told_at", "over_at", "times"))


def standings(connection: Connection) -> dict[Alarm, Standing]:
    """All that there are; alarms of another version are left out."""
    known = {alarm.word: alarm for alarm in Alarm}
    return {
        known[row["word"]]: Standing(row["since"], row["gone_at"], row["told_at"], row["over_at"], row["times"])
        for row in connection.all(_ALL)
        if row["word"] in known
    }


def keep(connection: Connection, found: Mapping[Alarm, Standing]) -> None:
    """These in the place of all that there were: there is a handful."""
    connection.execute(_FORGET)
    connection.execute_many(_KEEP, [{"word": alarm.word, **asdict(each)} for alarm, each in found.items()])

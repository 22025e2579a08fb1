"""Missed calls, as Bitrix24's telephony tells of them.

Source: Bitrix24's documentation of `ONVOXIMPLANTCALLEND` and `voximplant.statistic.get`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..bitrix24.contacts import Command
from ..bitrix24.crm_answers import id_of, listed, text_of
from ..hours import MINSK
from .moments import read_moment

_INCOMING = ("2", "3")
_MISSED = "304"
_ANSWERED = "200"
# What of a number is the same however a telephone exchange writes it.
_NATIONAL = 9


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has ended."""

    id: str
    number: str
    """The other side's, as it came."""
    line: str
    """The company's number."""
    type: str
    code: str
    began_at: str
    """As the portal writes it."""

    @property
    def at(self) -> float | None:
        """When it began, in seconds since the epoch; None when the portal does not say."""
        return read_moment(self.began_at)

    @property
    def national(self) -> str:
        """The number's last digits, the same however it is written; empty when there are too few."""
        digits = re.sub(r"\D", "", self.number)
        return digits[-_NATIONAL:] if len(digits) >= _NATIONAL else ""

    @property
    def missed(self) -> bool:
        """Whether somebody called and nobody answered: the code alone is not enough, outgoing calls have it too."""
        return self.type in _INCOMING and self.code == _MISSED


def read(data: Mapping[str, Any]) -> Call | None:
    """The call of an event; None when it names none."""
    call = Call(
        text_of(data.get("CALL_ID"))[:100],
        text_of(data.get("PHONE_NUMBER"))[:100],
        text_of(data.get("PORTAL_NUMBER"))[:100],
        text_of(data.get("CALL_TYPE")),
        text_of(data.get("CALL_FAILED_CODE")),
        text_of(data.get("CALL_START_DATE"))[:40],
    )
    return call if call.id and call.number else None


def written(call: Call) -> dict[str, str]:
    """The call as `read` takes it."""
    return {
        "CALL_ID": call.id,
        "PHONE_NUMBER": call.number,
        "PORTAL_NUMBER": call.line,
        "CALL_TYPE": call.type,
        "CALL_FAILED_CODE": call.code,
        "CALL_START_DATE": call.began_at,
    }


def known(call: Call) -> dict[str, str]:
    """What a template can say of it, by the names behind `CALL_`."""
    moment = call.at
    began = None if moment is None else datetime.fromtimestamp(moment, MINSK)
    return {
        "NUMBER": call.number,
        "LINE": call.line,
        "DATE": "" if began is None else f"{began:%d.%m.%Y}",
        "TIME": "" if began is None else f"{began:%H:%M}",
    }


def spoken_since(call: Call) -> Command:
    """The calls with the same number since that were answered, whoever called whom."""
    wanted = {
        "%PHONE_NUMBER": call.national,
        "CALL_FAILED_CODE": _ANSWERED,
        ">=CALL_START_DATE": call.began_at,
    }
    return "voximplant.statistic.get", {"FILTER": wanted, "SORT": "CALL_START_DATE", "ORDER": "DESC"}


def has_spoken(call: Call, answer: Any) -> bool:
    """Whether somebody has spoken with the caller since, by such an answer."""
    return any(
        other.id != call.id and other.code == _ANSWERED and other.national == call.national
        for each in listed(answer)
        if isinstance(each, Mapping) and (other := read(each)) is not None
    )


def read_after(record: int) -> Command:
    """The next calls in the portal's statistics, behind this record of it."""
    return "voximplant.statistic.get", {"FILTER": {">ID": record}, "SORT": "ID", "ORDER": "ASC"}


def read_latest() -> Command:
    """The latest record of the statistics, and some before it."""
    return "voximplant.statistic.get", {"SORT": "ID", "ORDER": "DESC"}


def records(answer: Any) -> list[tuple[int, Call | None]]:
    """The records in such an answer in order, each with its call where it shows one."""
    found = [
        (record, read(each))
        for each in listed(answer)
        if isinstance(each, Mapping) and (record := id_of({"id": each.get("ID")})) is not None
    ]
    return sorted(found, key=lambda each: each[0])

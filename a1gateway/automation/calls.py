"""Missed calls, as Bitrix24's telephony tells of them.

Source: Bitrix24's documentation of `ONVOXIMPLANTCALLEND` and `voximplant.statistic.get`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..bitrix24.contacts import Command
from ..bitrix24.crm_answers import listed, text_of
from ..hours import MINSK
from .moments import read_moment

_INCOMING = ("2", "3")
_OUTGOING = "1"
_MISSED = "304"
_ANSWERED = "200"


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
    def ended_at(self) -> float | None:
        """About when, in seconds since the epoch; None when the portal does not say when it began."""
        return read_moment(self.began_at)

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
    moment = read_moment(call.began_at)
    began = None if moment is None else datetime.fromtimestamp(moment, MINSK)
    return {
        "NUMBER": call.number,
        "LINE": call.line,
        "DATE": "" if began is None else f"{began:%d.%m.%Y}",
        "TIME": "" if began is None else f"{began:%H:%M}",
    }


def calls_back(call: Call) -> Command:
    """The calls to the same number since."""
    wanted = {"PHONE_NUMBER": call.number, "CALL_TYPE": _OUTGOING, ">=CALL_START_DATE": call.began_at}
    return "voximplant.statistic.get", {"FILTER": wanted, "SORT": "CALL_START_DATE", "ORDER": "DESC"}


def has_called_back(answer: Any) -> bool:
    """Whether somebody has spoken to the number, by such an answer."""
    return any(
        isinstance(each, Mapping)
        and text_of(each.get("CALL_TYPE")) == _OUTGOING
        and text_of(each.get("CALL_FAILED_CODE")) == _ANSWERED
        for each in listed(answer)
    )

"""The simulated portal's telephony: calls that have ended, and their statistics."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox.crm_filter import named, several
from a1gateway.sandbox.crm_item import moment
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.rest_page import Page, page_of, start_of

CALL_END = "ONVOXIMPLANTCALLEND"
_LINE = "+375172001122"
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class EndedCall(BaseModel):
    """A call; `type` 1 outgoing, 2 incoming, 3 incoming and redirected; `failedCode` 200 answered, 304 missed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str
    type: int = Field(default=2, ge=1, le=4)
    failedCode: str = "304"  # noqa: N815 - as in REST
    duration: int = Field(default=0, ge=0)


class Telephony:
    """Calls; `fire` tells the portal's events of them."""

    def __init__(self, clock: IReactorTime, fire: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._calls: list[dict[str, str]] = []
        self.table: dict[str, Callable[[Mapping[str, Any], Holder], Any]] = {
            "voximplant.statistic.get": self.statistic_get
        }

    def clear(self) -> None:
        """No call was ever made."""
        self._calls.clear()

    def end(self, call: EndedCall) -> dict[str, str]:
        """A call has ended just now; what its event says."""
        row = {
            "CALL_ID": f"call.{len(self._calls) + 1}.{int(self._clock.seconds())}",
            "CALL_TYPE": str(call.type),
            "PHONE_NUMBER": call.number,
            "PORTAL_NUMBER": _LINE,
            "PORTAL_USER_ID": "1",
            "CALL_DURATION": str(call.duration),
            "CALL_START_DATE": moment(self._clock.seconds()),
            "COST": "0.0000",
            "COST_CURRENCY": "BYN",
            "CALL_FAILED_CODE": call.failedCode,
            "CALL_FAILED_REASON": "",
            "CRM_ACTIVITY_ID": "0",
        }
        self._calls.append(row)
        self._fire(CALL_END, row)
        return row

    def statistic_get(self, given: Mapping[str, Any], caller: Holder) -> Page:
        """`voximplant.statistic.get`: filtered by any field, with `%` by a part of it; in order of time."""
        del caller
        rows = [{"ID": str(number), **row} for number, row in enumerate(self._calls, 1)]
        for key, raw in named(given.get("FILTER")).items():
            sign = next((each for each in (">=", "<=", ">", "<", "%") if str(key).startswith(each)), "")
            name, wanted = str(key).removeprefix(sign).upper(), {str(each) for each in several(raw)}
            rows = [row for row in rows if _fits(sign, row.get(name, ""), wanted)]
        if str(given.get("ORDER") or "").upper() == "DESC":
            rows = rows[::-1]
        return page_of(rows, start_of(given.get("START")), lambda page: page)


def _fits(sign: str, value: str, wanted: set[str]) -> bool:
    if not sign:
        return value in wanted
    other = next(iter(wanted), "")
    if sign == "%":
        return other in value
    # Ids are numbers.
    pair: tuple[Any, Any] = (int(value), int(other)) if value.isdecimal() and other.isdecimal() else (value, other)
    return _COMPARISONS[sign](*pair)

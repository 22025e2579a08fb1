"""Faults that can be switched on while the sandbox runs."""

from __future__ import annotations

import enum
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field


class A1Fault(enum.StrEnum):
    """What the simulated A1 can do wrong."""

    ERROR = "error"  # answers the error `code`, 1 to 16
    LOSE_ANSWER = "lose_answer"  # accepts, then closes the connection without an answer
    HANG = "hang"  # accepts nothing and never answers
    HANG_ACCEPT = "hang_accept"  # accepts and never answers
    HTTP_500 = "http_500"
    HTML = "html"  # 200 with an HTML page
    CUT_JSON = "cut_json"  # accepts; half of the JSON in a complete HTTP answer
    CUT_BODY = "cut_body"  # accepts; the connection ends in the middle of the body
    LATENCY = "latency"  # the answer comes `seconds` after the work was done
    CALLBACK_EARLY = "callback_early"  # the final callback is made before the send is answered
    CALLBACK_DOUBLE = "callback_double"
    CALLBACK_REORDER = "callback_reorder"  # the final callback first, then the one before it
    NO_CALLBACK = "no_callback"
    NO_DELIVERY = "no_delivery"  # the message never reaches a final status


class PortalFault(enum.StrEnum):
    """What the simulated portal can do wrong; for `oauth/token` only when that is named as the method."""

    PORTAL_DOWN = "portal_down"  # closes the connection and does nothing
    LOSE_ANSWER = "lose_answer"  # does what was asked, then closes the connection
    HTTP_500 = "http_500"
    HTML = "html"  # 200 with an HTML page
    RATE_LIMIT = "rate_limit"  # QUERY_LIMIT_EXCEEDED
    OPERATION_TIME_LIMIT = "operation_time_limit"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - the name of a fault
    LICENSE = "license"  # ACCESS_DENIED: REST only on commercial plans
    SLOW = "slow"  # the answer comes `seconds` later
    NOT_FOUND_FIRST = "not_found_first"  # ERROR_MESSAGE_NOT_FOUND for the first `times` updates of each message


class Fault(BaseModel):
    """One fault that is switched on."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    times: int | None = Field(default=None, ge=1)  # calls it is left for; None: until cleared
    method: str | None = None  # only for this method; None: for all
    code: int = Field(default=1, ge=1, le=16)
    seconds: float = Field(default=5.0, ge=0)


class Faults:
    """The faults switched on at one counterpart, in the order in which they were."""

    def __init__(self, kinds: type[enum.StrEnum]) -> None:
        self.kinds = tuple(kind.value for kind in kinds)
        self._standing: list[Fault] = []

    def standing(self) -> list[Fault]:
        """What is switched on now, with the calls it is left for."""
        return list(self._standing)

    def add(self, fault: Fault) -> None:
        """Switches `fault` on, in the place of one of its kind and method. Raises ValueError on a wrong kind."""
        if fault.kind not in self.kinds:
            raise ValueError(f"no such fault: {fault.kind!r}; there are {', '.join(self.kinds)}")
        self.clear(fault.kind, fault.method)
        self._standing.append(fault)

    def clear(self, kind: str | None = None, method: str | None = None) -> None:
        """Switches off one kind (for `method`, or for all when it was so switched on), or with no kind everything."""
        self._standing = [
            fault for fault in self._standing if kind is not None and (fault.kind, fault.method) != (kind, method)
        ]

    def find(self, method: str, among: Collection[str], *, named: bool = False) -> Fault | None:
        """The first standing fault `among` these kinds that concerns `method`; `named`: only one that names it."""
        for fault in self._standing:
            if fault.kind in among and (fault.method == method or (fault.method is None and not named)):
                return fault
        return None

    def take(self, method: str, among: Collection[str], *, named: bool = False) -> Fault | None:
        """The same, with the call counted."""
        fault = self.find(method, among, named=named)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._standing.remove(fault)
        return fault

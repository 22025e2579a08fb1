"""Faults that can be switched on while the sandbox runs."""

from __future__ import annotations

import enum
import random
from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


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


class SmppFault(enum.StrEnum):
    """What A1's SMSC can do wrong: for a `method` the commands are `bind_transceiver`, `submit_sm` and so on."""

    # Binds.
    BIND_REFUSED = "bind_refused"  # with `status`, else ESME_RBINDFAIL
    BIND_IGNORED = "bind_ignored"  # no answer, not bound
    DISCONNECT = "disconnect"  # the connection ends after a while, `seconds` on the average
    # Submits; the first two also concern another command that is named as the method.
    REFUSED = "refused"  # with `status`, else ESME_RSYSERR
    IGNORED = "ignored"  # no answer, nothing accepted
    NO_RESPONSE = "no_response"  # accepted, no answer
    LATE_RESPONSE = "late_response"  # accepted, the answer comes `seconds` later
    CUT_BEFORE_ACCEPT = "cut_before_accept"  # the connection ends, nothing accepted
    CUT_AFTER_ACCEPT = "cut_after_accept"  # accepted, the connection ends before the answer
    PART_UNDELIVERED = "part_undelivered"  # this part ends undeliverable, whatever its number
    # Receipts.
    RECEIPT_EARLY = "receipt_early"  # the final one comes before the answer to the submit
    RECEIPT_DOUBLE = "receipt_double"
    RECEIPT_REORDER = "receipt_reorder"  # an intermediate notification comes after the final receipt
    RECEIPT_LATE = "receipt_late"  # they come `seconds` after their time
    RECEIPT_FOREIGN = "receipt_foreign"  # beside the right one, one for a message that was never sent
    NO_RECEIPT = "no_receipt"
    # The link, after the answer to a request of a bound ESME.
    ENQUIRE_LINK_IGNORED = "enquire_link_ignored"
    UNBIND = "unbind"
    GARBAGE = "garbage"  # a deliver_sm that makes no sense
    SHORT_LENGTH = "short_length"  # a command_length under 16
    HUGE_LENGTH = "huge_length"  # a command_length of 2 GB
    UNKNOWN_COMMAND = "unknown_command"


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
    probability: float = Field(default=1.0, gt=0, le=1)  # that a call which it concerns is hit
    seed: int = 0  # of the dice for it
    method: str | None = None  # only for this method; None: for all
    code: int = Field(default=1, ge=1, le=16)
    status: int | None = Field(default=None, ge=1, le=0xFFFFFFFF)  # command_status; None: the kind's own
    seconds: float = Field(default=5.0, ge=0)

    _dice: random.Random = PrivateAttr(default_factory=random.Random)

    def model_post_init(self, context: object) -> None:
        """Called by pydantic."""
        self._dice.seed(self.seed)

    def strikes(self) -> bool:
        """Whether it hits this call; drawn anew with every question, and the same for the same seed."""
        return self.probability >= 1 or self._dice.random() < self.probability

    def drawn_seconds(self) -> float:
        """`seconds` on the average: anything from 0 to twice that."""
        return self._dice.uniform(0, 2 * self.seconds)


class Faults:
    """The faults switched on at one counterpart, in the order in which they were."""

    def __init__(self, **groups: type[enum.StrEnum]) -> None:
        self.groups = {name: tuple(kind.value for kind in kinds) for name, kinds in groups.items()}
        """What there is, by the groups that the page shows apart."""
        self.kinds = tuple(kind for kinds in self.groups.values() for kind in kinds)
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
        return next(iter(self._concerning(method, among, named)), None)

    def take(self, method: str, among: Collection[str], *, named: bool = False) -> Fault | None:
        """The first of them that strikes, with the call counted."""
        for fault in self._concerning(method, among, named):
            if fault.strikes():
                self._count(fault)
                return fault
        return None

    def _concerning(self, method: str, among: Collection[str], named: bool) -> list[Fault]:
        return [
            fault
            for fault in self._standing
            if fault.kind in among and (fault.method == method or (fault.method is None and not named))
        ]

    def _count(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._standing.remove(fault)

"""The verdict of the door: what becomes of a message by its number, text and kind, before anybody is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .message import Arrival, Kind, Refusal, Teller, Window
from .msisdn import Msisdn, read_number
from .text import segments


@dataclass(frozen=True, slots=True)
class MarketingTerms:
    """What holds for marketing messages besides."""

    sender_id: str | None
    not_before: Callable[[float], float] = lambda now: now
    """When they may go out that come at a time, both in seconds since the epoch."""
    test_numbers: frozenset[str] = frozenset()
    """The only ones that they go to, `+375XXXXXXXXX`, if there are any."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The terms on which messages are let in."""

    max_segments: int
    sender_id: str | None = None
    marketing: MarketingTerms | None = None
    """None when such messages are not sent."""

    def arrival(
        self,
        message_id: str,
        now: float,
        number: str,
        text: str,
        kind: Kind,
        *,
        origin: Mapping[str, Any],
        sender_id: str | None = None,
        teller: Teller = Teller.SENDER,
        refusal: str | None = None,
        note: str = "",
        not_before: float = 0.0,
        leave_by: float | None = None,
        again: Window | None = None,
        deliver_by: float | None = None,
        unfilled: bool = False,
    ) -> Arrival:
        """The message as it is taken in, with the verdict on it.

        `sender_id`: another than that of its kind. `refusal`: whoever brings it knows already that it cannot go out,
        for a reason that `note` explains to people. `not_before`, `leave_by`, `deliver_by`: it is not to leave
        earlier, nor later (or else within `again`), nor to reach the subscriber later, in seconds since the epoch.
        `unfilled`: fields are left in its text.
        """
        read = read_number(number)
        marketing = self.marketing if kind is Kind.MARKETING else None
        if refusal is None:
            refusal = (
                self._refusal(read.number, text, kind, unfilled) if isinstance(read, Msisdn) else str(read.fault)
            )
        return Arrival(
            message_id=message_id,
            received_at=now,
            number_received=number,
            text=text,
            kind=kind,
            msisdn=read.number if isinstance(read, Msisdn) else None,
            warning=read.warning if isinstance(read, Msisdn) else None,
            refusal=refusal,
            segments=segments(text),
            sender_id=sender_id or (self.sender_id if marketing is None else marketing.sender_id),
            origin=dict(origin),
            not_before=max(not_before, marketing.not_before(now) if marketing is not None else 0.0),
            leave_by=leave_by,
            again=again,
            deliver_by=deliver_by,
            teller=teller,
            note=note,
            unfilled=unfilled,
        )

    def refusal_of_text(self, text: str, kind: Kind, *, unfilled: bool = False) -> Refusal | None:
        """Why a text is refused whoever it is for. How long it will be shows when its fields are filled."""
        most = sys.maxsize if unfilled else self.max_segments
        return refusal_of_text(text, kind, max_segments=most, marketing=self.marketing is not None)

    def _refusal(self, number: str, text: str, kind: Kind, unfilled: bool) -> Refusal | None:
        marketing = self.marketing
        refusal = self.refusal_of_text(text, kind, unfilled=unfilled)
        if refusal is None and kind is Kind.MARKETING and marketing is not None:
            tests = marketing.test_numbers
            return Refusal.NOT_A_TEST_NUMBER if tests and number not in tests else None
        return refusal


def refusal_of_text(text: str, kind: Kind, *, max_segments: int, marketing: bool) -> Refusal | None:
    """Why a text is refused whoever it is for; `marketing`: whether such messages are sent at all."""
    if not text.strip():
        return Refusal.EMPTY_TEXT
    if segments(text) > max_segments:
        return Refusal.TOO_LONG
    return Refusal.MARKETING_DISABLED if kind is Kind.MARKETING and not marketing else None

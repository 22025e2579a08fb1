"""Sending an SMS from a page: once more one that has come to its end, or a trial of the administrator's own."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from typing import Any, Protocol

from ..by_hand import Sender
from ..carriers.a1answers import Cost
from ..errors import TryLater
from ..journal import whole
from ..journal.reader import IReader
from ..journal.whole import Whole
from ..message import Status
from . import filters
from .views import Answer, Asked, CannotAnswer, Fragment, Page

RESEND, TEST = "resend", "test"
"""What `page` in the origin of such a message says."""
ONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
"""What a form brings that makes two presses of its button one sending."""
# What says from which item of the CRM a message was sent: the copy belongs there too.
_BELONGS = ("bindings", "document_id", "document", "call")


class IPrices(Protocol):
    """Whoever knows what an SMS costs."""

    async def cost(self, text: str, numbers: list[str], sender_id: str | None) -> Cost:
        """What it costs; raises `LinkTrouble`."""


class ResendPages:
    """`resend-ask` and `resend`, for administrators."""

    def __init__(self, reader: IReader, sender: Sender, prices: IPrices | None) -> None:
        """`prices` is None where A1 tells none (SMPP)."""
        self._reader = reader
        self._sender = sender
        self._prices = prices

    def pages(self) -> list[Page]:
        """All of them."""
        return [Page("resend-ask", self.ask, for_admins=True), Page("resend", self.resend, for_admins=True)]

    async def ask(self, asked: Asked) -> Answer:
        """What it would cost to send a message again, and whether that is what is wanted."""
        found = await self._found(asked)
        if not found.listed.status.final:
            return Fragment("resend_no.html", {"key": "resend.under_way", "reason": None}, 200)
        if found.listed.masked_at is not None:
            return Fragment("resend_no.html", {"key": "resend.masked", "reason": None}, 200)
        message = found.listed
        number = message.msisdn or message.number_received
        arrival = self._sender.arrival("-", asked.now, number, message.text, message.kind, message.sender_id, {})
        if arrival.refusal is not None or arrival.msisdn is None:
            return Fragment("resend_no.html", {"key": "resend.refused", "reason": arrival.refusal})
        amount, no_price = await price(self._prices, message.text, arrival.msisdn, arrival.sender_id)
        values = {
            "message": message,
            "arrival": arrival,
            "amount": amount,
            "no_price": no_price,
            "once": secrets.token_urlsafe(24),
            "doubtful": message.status is Status.EXPIRED or message.reason == "uncertain",
        }
        return Fragment("resend_ask.html", values)

    async def resend(self, asked: Asked) -> Answer:
        """Send it again, and show the new message."""
        found = await self._found(asked)
        once = asked.text("once")
        if not ONCE.fullmatch(once) or not found.listed.status.final:
            raise CannotAnswer(asked.words("resend.under_way"))
        if found.listed.masked_at is not None:
            raise CannotAnswer(asked.words("resend.masked"))
        message, name = found.listed, f"{RESEND}:{once}"
        await self._sender.send(
            name,
            asked.now,
            message.msisdn or message.number_received,
            message.text,
            kind=message.kind,
            sender_id=message.sender_id,
            origin={**_origin(found), "user": asked.visitor.id},
        )
        return Fragment("resent.html", {"id": name, "filters": filters.read(asked)}, events=("close-dialog",))

    async def _found(self, asked: Asked) -> Whole:
        found = await self._reader.read(whole.whole, asked.text("id"))
        if found is None:
            raise CannotAnswer(asked.words("message.none"))
        return found


async def price(
    prices: IPrices | None, text: str, msisdn: str, sender_id: str | None
) -> tuple[Decimal | None, str | None]:
    """What an SMS costs by A1's word, or why that is not known (empty where A1 tells no prices)."""
    if prices is None:
        return None, ""
    try:
        cost = await prices.cost(text, [msisdn], sender_id)
    except TryLater as trouble:
        return None, str(trouble)
    refused = next(iter(cost.refused), None)
    return (None, refused) if refused is not None else (cost.amount, None)


def _origin(found: Whole) -> dict[str, Any]:
    belongs = {name: found.origin[name] for name in _BELONGS if found.origin.get(name)}
    return {"page": RESEND, "of": found.listed.message_id, **belongs}

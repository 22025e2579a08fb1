"""A test SMS to the administrator's own number: what it costs, sending it, and following it to its end."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime

from ..by_hand import Sender
from ..journal import whole
from ..journal.reader import IReader
from ..journal.whole import Whole
from ..message import Arrival, Kind, Status
from .resending import ONCE, TEST, IPrices, price
from .views import Answer, Asked, CannotAnswer, Fragment, Page, Unchanged

_NAME = re.compile(rf"{TEST}:{ONCE.pattern}")
# A portal that takes longer to name the visitor's number, in seconds, has not named it.
_PATIENCE = 2.0


class IUsersPhone(Protocol):
    """Whoever knows the visitors' numbers."""

    async def phone(self, access_token: str) -> str:
        """The mobile number of the user with this token; empty when the portal tells none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the test SMS's way."""

    name: str
    """`accepted`, `sent`, or a final status."""
    at: float | None
    """In seconds since the epoch; None: not yet."""
    after: float | None = None
    """Seconds after it was accepted."""


@dataclass(frozen=True, slots=True)
class Following:
    """A test SMS as far as it has come."""

    name: str
    """Its `message_id`."""
    whole: Whole | None
    """None while it waits outside the journal."""
    steps: tuple[Step, ...]
    last: int
    """The latest step that is known of it, as the journal numbers them."""


class TrialPages:
    """`trial`, `trial-ask`, `trial-send` and `trial-way`: pieces of the page of the set-up."""

    def __init__(
        self, clock: IReactorTime, reader: IReader, sender: Sender, prices: IPrices | None, users: IUsersPhone
    ) -> None:
        """`prices` is None where A1 tells none (SMPP)."""
        self._clock = clock
        self._reader = reader
        self._sender = sender
        self._prices = prices
        self._users = users

    def pages(self) -> list[Page]:
        """All of them."""
        return [
            Page("trial", self.form, for_admins=True),
            Page("trial-ask", self.ask, for_admins=True),
            Page("trial-send", self.send, for_admins=True),
            Page("trial-way", self.way, for_admins=True),
        ]

    async def piece(self, asked: Asked) -> tuple[str, dict[str, object]]:
        """The template and the values of the piece as the fields have it: the form, or an SMS on its way."""
        name = asked.text("trial")
        if _NAME.fullmatch(name):
            return "trial_way.html", {"following": await self._following(name)}
        number = asked.text("number") or await own_number(self._clock, self._users, asked)
        return _form(number, asked.text("text") or asked.words("trial.default"))

    async def form(self, asked: Asked) -> Answer:
        """The form, with what was typed before."""
        return Fragment(*await self.piece(asked))

    async def ask(self, asked: Asked) -> Answer:
        """What it costs, and whether that is what is wanted; or the form again, with why it cannot be sent."""
        number, text = asked.text("number"), asked.text("text")
        arrival = self._arrival(asked, number, text)
        if arrival.refusal is not None or arrival.msisdn is None:
            return Fragment(*_form(number, text, arrival.refusal))
        amount, no_price = await price(self._prices, text, arrival.msisdn, arrival.sender_id)
        values = {
            "number": number,
            "text": text,
            "arrival": arrival,
            "amount": amount,
            "no_price": no_price,
            "once": secrets.token_urlsafe(24),
        }
        return Fragment("trial_ask.html", values)

    async def send(self, asked: Asked) -> Answer:
        """Send it, once however often the button is pressed, and follow it."""
        once, number, text = asked.text("once"), asked.text("number"), asked.text("text")
        if not ONCE.fullmatch(once):
            raise CannotAnswer(asked.words("trial.again"))
        name = f"{TEST}:{once}"
        origin = {"page": TEST, "user": asked.visitor.id}
        await self._sender.send(name, asked.now, number, text, kind=Kind.TRANSACTIONAL, origin=origin)
        return Fragment("trial_way.html", {"following": await self._following(name)})

    async def way(self, asked: Asked) -> Answer:
        """How far it has come; nothing new when it has come no further."""
        name = asked.text("trial")
        if not _NAME.fullmatch(name):
            raise CannotAnswer(asked.words("message.none"))
        following = await self._following(name)
        if asked.text("step") == str(following.last):
            return Unchanged()
        return Fragment("trial_way.html", {"following": following})

    def _arrival(self, asked: Asked, number: str, text: str) -> Arrival:
        return self._sender.arrival("-", asked.now, number, text, Kind.TRANSACTIONAL, None, {})

    async def _following(self, name: str) -> Following:
        found = await self._reader.read(whole.whole, name)
        return Following(name, found, _steps(found), 0 if found is None else found.last_step)


async def own_number(clock: IReactorTime, users: IUsersPhone, asked: Asked) -> str:
    """The visitor's own number; empty when the portal does not tell it, or not soon."""
    asking = Deferred.fromCoroutine(users.phone(asked.session.access_token))
    try:
        return await asking.addTimeout(_PATIENCE, clock)
    except WaitedTooLong:
        return ""


def _form(number: str, text: str, refusal: str | None = None) -> tuple[str, dict[str, object]]:
    return "trial_form.html", {"number": number, "text": text, "refusal": refusal}


def _steps(found: Whole | None) -> tuple[Step, ...]:
    if found is None:
        return (Step("accepted", None), Step("sent", None), Step(Status.DELIVERED, None))
    received = found.listed.received_at
    reached = {step.status: step.at for step in reversed(found.history) if step.status is not None}
    status = found.listed.status
    end = reached.get(status) if status.final else None
    sent = reached.get(Status.SENT)
    if sent is None and status is Status.DELIVERED:
        # A1 said that it was delivered before it said that it had it.
        sent = end

    def step(name: str, at: float | None) -> Step:
        return Step(name, at, None if at is None else at - received)

    steps = [Step("accepted", received), step("sent", sent), step(status if status.final else Status.DELIVERED, end)]
    return tuple(each for each in steps if each.at is not None or end is None)

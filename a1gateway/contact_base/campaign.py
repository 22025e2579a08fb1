"""`a1gateway campaign-check`: who would get a marketing SMS, what it would cost and how long it would take.

Nothing is sent, and nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Protocol

from ..admission import refusal_of_text
from ..carriers.a1answers import Cost
from ..carriers.outcome import LinkTrouble
from ..config_sections import A1, Consent
from ..hours import Hours, end_of, told_in_minsk
from ..journal.consents import CONSENT_UNKNOWN, GRANTED
from ..marketing import Pace, pace_of
from ..message import Kind, Refusal
from ..msisdn import Msisdn, read_number
from ..text import alphabet, fewer_characters, segments
from .audit import NO_NUMBER
from .items import Entity, Item
from .pages import BaseReader
from .patience import Patience
from .progress import Progress, duration
from .walk import walk

AT_ONCE = 500
"""The most numbers that a desk takes."""
REPEATED_NUMBER = "repeated_number"
"""The number was there before: nobody gets an SMS twice."""

_CENT = Decimal("0.01")
_HUNDREDTH_OF_A_CENT = Decimal("0.0001")


class IConsentDesk(Protocol):
    """Knows who agreed to marketing SMS, as the daemon asks before it sends."""

    async def consents(self, numbers: Sequence[str]) -> Mapping[str, str]:
        """For each of up to 500 numbers `GRANTED`, or the word why it would be refused: `no_consent`, `stop_list`.

        One that is left out could not be found out. Raises `PortalTrouble` when the portal cannot be asked now.
        """


class IPriceDesk(Protocol):
    """Knows what A1 takes for messages."""

    async def cost(self, text: str, numbers: Sequence[str]) -> Cost:
        """For `text` as a marketing SMS to up to 500 numbers; raises `LinkTrouble` when A1 does not say."""


@dataclass(slots=True)
class Recipients:
    """Whom a campaign is for."""

    read: int = 0
    """Numbers of the file, or contacts of the portal."""
    numbers: dict[str, None] = field(default_factory=dict)
    """Each once, in order, as `+375XXXXXXXXX`."""
    refused: Counter[str] = field(default_factory=Counter)
    """How many are refused, by reason."""

    def take(self, stored: Iterable[str]) -> None:
        """One recipient with these numbers, the first valid of which is the one."""
        self.read += 1
        reason: str | None = None
        for each in stored:
            read = read_number(each)
            if isinstance(read, Msisdn):
                if read.number in self.numbers:
                    self.refused[REPEATED_NUMBER] += 1
                self.numbers[read.number] = None
                return
            reason = reason or str(read.fault)
        self.refused[reason or NO_NUMBER] += 1


async def contacts_of(reader: BaseReader, progress: Progress) -> Recipients:
    """Every contact of the portal; raises as `BaseReader.read`."""
    recipients = Recipients()

    async def take(entity: Entity, items: Sequence[Item]) -> None:
        for item in items:
            recipients.take(phone.value for phone in item.phones)

    await walk(reader, (Entity.CONTACT,), progress.walked, take)
    progress.clear()
    return recipients


def numbers_of(received: Iterable[str]) -> Recipients:
    """The numbers of a file, as they were received."""
    recipients = Recipients()
    for each in received:
        recipients.take((each,))
    return recipients


async def chosen(
    recipients: Recipients,
    text: str,
    *,
    consent: Consent | None,
    max_segments: int,
    desk: IConsentDesk,
    patience: Patience,
    progress: Progress,
) -> list[str]:
    """Those who would get it; the others are counted in `recipients`.

    Raises `PortalTrouble` when the portal cannot be asked for longer than `patience`.
    """
    refusal = refusal_of_text(text, Kind.MARKETING, max_segments=max_segments, marketing=consent is not None)
    if refusal is not None or consent is None:
        recipients.refused[refusal or Refusal.MARKETING_DISABLED] += len(recipients.numbers)
        return []
    numbers = list(recipients.numbers)
    if consent.test_numbers:
        tests = frozenset(consent.test_numbers)
        recipients.refused[Refusal.NOT_A_TEST_NUMBER] += sum(number not in tests for number in numbers)
        numbers = [number for number in numbers if number in tests]
    would_get: list[str] = []
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        said = await patience.answer(partial(desk.consents, some))
        patience.progressed()
        for number in some:
            reason = said.get(number, CONSENT_UNKNOWN)
            if reason == GRANTED:
                would_get.append(number)
            else:
                recipients.refused[reason] += 1
        progress.show((start + len(some)) / len(numbers), f"{start + len(some):,} numbers asked for their consent")
    progress.clear()
    # A reason that nobody has is none.
    recipients.refused = +recipients.refused
    return would_get


@dataclass(frozen=True, slots=True)
class Price:
    """What a campaign costs, in BYN."""

    amount: Decimal
    messages: int
    """So many A1 would take."""
    asked: int
    """For so many A1 was asked."""
    refused: Mapping[str, int]
    """Of those asked for, how many A1 would refuse, by reason."""

    @property
    def exact(self) -> bool:
        """Whether A1 was asked for all of them."""
        return self.asked == self.messages + sum(self.refused.values())


async def price_of(text: str, numbers: Sequence[str], desk: IPriceDesk, *, exact: bool) -> Price:
    """By A1's price for all, or for up to 500 of them taken from the whole list; raises `LinkTrouble`."""
    assert numbers
    asked = list(numbers) if exact or len(numbers) <= AT_ONCE else _sample(numbers)
    amount, taken, refused = Decimal(0), 0, Counter[str]()
    async for cost in _costs(text, asked, desk):
        amount += cost.amount
        taken += cost.messages
        refused.update(cost.refused)
    if len(asked) == len(numbers) or not taken:
        return Price(amount, taken, len(asked), refused)
    return Price(amount * len(numbers) / taken, len(numbers), len(asked), refused)


def _sample(numbers: Sequence[str]) -> list[str]:
    return [numbers[place * len(numbers) // AT_ONCE] for place in range(AT_ONCE)]


async def _costs(text: str, numbers: Sequence[str], desk: IPriceDesk) -> AsyncIterator[Cost]:
    for start in range(0, len(numbers), AT_ONCE):
        yield await desk.cost(text, numbers[start : start + AT_ONCE])


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was found out of a campaign."""

    text: str
    recipients: Recipients
    would_get: int
    price: Price | None
    """None when it is not known."""
    no_price: str
    """Why not."""
    pace: Pace | None
    """None when nobody would get it."""
    hours: Hours | None
    now: float
    """In seconds since the epoch."""

    def with_refusals_of_a1(self) -> Campaign:
        """The same with what A1 would refuse among the refusals, where A1 was asked for everybody."""
        if self.price is None or not self.price.exact or not self.price.refused:
            return self
        refused = self.recipients.refused + Counter(self.price.refused)
        recipients = replace(self.recipients, refused=refused)
        return replace(self, recipients=recipients, would_get=self.price.messages)


def told(campaign: Campaign) -> Iterator[str]:
    """What was found out, line by line."""
    yield from _of_the_text(campaign.text)
    refused = campaign.recipients.refused
    yield f"recipients read: {campaign.recipients.read:,}"
    yield f"would get it: {campaign.would_get:,}"
    yield f"refused: {refused.total():,}"
    for reason, count in sorted(refused.items(), key=lambda each: (-each[1], each[0])):
        yield f"  {reason}: {count:,}"
    if campaign.pace is None:
        return
    yield from _of_the_price(campaign)
    yield _of_the_time(campaign, campaign.pace)


def _of_the_text(text: str) -> Iterator[str]:
    needed, fewer = segments(text), fewer_characters(text)
    line = f"text: {len(text):,} characters, alphabet {alphabet(text).label}, segments a message: {needed}"
    characters = "character" if fewer == 1 else "characters"
    yield line + (f"; {fewer} {characters} fewer would be one segment fewer" if fewer else "")


def _of_the_price(campaign: Campaign) -> Iterator[str]:
    price = campaign.price
    if price is None:
        yield f"price: not known: {campaign.no_price}"
        return
    each = (price.amount / price.messages).quantize(_HUNDREDTH_OF_A_CENT, ROUND_HALF_UP) if price.messages else 0
    about = "" if price.exact else f"about, by A1's price for {price.asked:,} of them; "
    yield f"price: {price.amount.quantize(_CENT, ROUND_HALF_UP):,} BYN ({about}{each} BYN a message)"
    if price.refused:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(price.refused.items()))
        yield f"of the {price.asked:,} asked for, A1 would refuse {sum(price.refused.values()):,}: {reasons}"


def _of_the_time(campaign: Campaign, pace: Pace) -> str:
    if not pace.per_second:
        return f"time: no rate is configured ({pace.keys}); as fast as A1 takes it"
    seconds = campaign.would_get / pace.per_second
    end = end_of(campaign.now, seconds, campaign.hours)
    hours = " within consent.hours" if campaign.hours is not None else ""
    return (
        f"time: about {duration(seconds)}{hours} at up to {pace.per_second:,.10g} messages a second ({pace.keys});"
        f" begun now it is over at {told_in_minsk(end)} in Minsk"
    )


async def check(
    text: str,
    recipients: Recipients,
    *,
    a1: A1,
    consent: Consent | None,
    desk: IConsentDesk,
    prices: IPriceDesk | None,
    exact: bool,
    patience: Patience,
    progress: Progress,
    now: float,
) -> Campaign:
    """Find it all out; `prices` is None where A1 cannot be asked (SMPP). Raises as `chosen`."""
    would_get = await chosen(
        recipients,
        text,
        consent=consent,
        max_segments=a1.max_segments,
        desk=desk,
        patience=patience,
        progress=progress,
    )
    price, no_price = None, ""
    if would_get and prices is None:
        no_price = "A1 tells prices over its HTTP API alone, and a1.transport is smpp"
    elif would_get and prices is not None:
        try:
            price = await price_of(text, would_get, prices, exact=exact)
        except LinkTrouble as trouble:
            no_price = str(trouble)
    pace = pace_of(a1, consent, segments(text)) if would_get and consent is not None else None
    hours = None if consent is None else consent.hours
    found = Campaign(text, recipients, len(would_get), price, no_price, pace, hours, now)
    return found.with_refusals_of_a1()

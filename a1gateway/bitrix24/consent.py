"""Whether a subscriber has agreed to marketing SMS: the portal is asked before every one of them leaves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..due_loop import DueLoop, until
from ..interfaces import IPortal
from ..journal import Journal
from ..marketing import MarketingPace
from ..message import Evidence, Unasked, Verdict
from ..metrics import Metrics
from ..pacing import Gathering
from ..receipts import Receipts
from .backoff import Backoff
from .consent_field import READABLE, ConsentField, NoSuchField, describe
from .contacts import MOST_NUMBERS
from .inquiry import Holders, Inquiry
from .portal import MOST_IN_A_BATCH
from .tokens import Tokens
from .trouble import PortalError, PortalTrouble

_IDLE = 60.0
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0
# How long a field that is not there, or not of a type that can be read, is believed to stay so.
_LOOK_AGAIN = 10.0


class ConsentCheck(DueLoop):
    """Asks for the consents that marketing messages wait for, many in a request. Nothing leaves unasked."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        portal: IPortal,
        tokens: Tokens,
        receipts: Receipts,
        metrics: Metrics,
        pace: MarketingPace,
        *,
        contact_field: str,
        granted_values: Sequence[str],
        denied_value: str | None,
        wait: float,
        max_age: float,
        on_due: Callable[[], None],
        random: Callable[[], float],
    ) -> None:
        """`wait` and `max_age`, of who has which number, are in seconds; `on_due`: something may go out."""
        super().__init__("consent", clock, self._ask)
        self._journal = journal
        self._portal = portal
        self._tokens = tokens
        self._receipts = receipts
        self._metrics = metrics
        self._pace = pace
        self._name = contact_field
        self._granted_values = granted_values
        self._denied_value = denied_value
        self._wait = wait
        self._max_age = max_age
        self._on_due = on_due
        self._holders = Holders(max_age)
        self._gathering = Gathering(clock)
        self._inquiry: Inquiry | None = None
        self._field: ConsentField | NoSuchField | None = None
        self._described_at = 0.0
        self._was_looked_at = False
        self._backoff = Backoff(clock, first=_FIRST_RETRY, longest=_LONGEST_RETRY, random=random)
        self._was_open = False
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """What is wrong with the field; None while nothing is known to be."""
        return self._trouble

    @property
    def seen(self) -> ConsentField | NoSuchField | None:
        """The field as it was when the portal was last asked for it; None until then, and after an installation."""
        return self._field

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self._field = None
        self.wake()

    async def field(self) -> ConsentField | NoSuchField:
        """The field as the portal describes it, now or not long ago; raises `PortalTrouble`."""
        now = self._clock.seconds()
        keeps = self._max_age if isinstance(self._field, ConsentField) and self._field.readable else _LOOK_AGAIN
        if self._field is None or not 0 <= now - self._described_at < keeps:
            self._field = await describe(self._portal, self._name, self._granted_values, self._denied_value)
            self._described_at = now
            self._note(self._field)
        return self._field

    async def verdicts(self, numbers: Sequence[str]) -> dict[str, Verdict]:
        """What each number's contacts say now, beside all messages; raises `PortalTrouble`, `PortalError`."""
        field = await self.field()
        found: dict[str, Verdict] = {}
        if isinstance(field, NoSuchField) or not field.readable:
            return {number: self._without_field(0, field) for number in numbers}
        inquiry = Inquiry(field, self._holders, most=MOST_IN_A_BATCH)
        waiting = deque(enumerate(dict.fromkeys(numbers)))
        asking: dict[int, str] = {}
        while waiting or inquiry.open:
            for _ in range(min(inquiry.room, len(waiting))):
                place, number = waiting.popleft()
                asking[place] = number
                now = self._clock.seconds()
                inquiry.add(Unasked(place, "", number, {}, now), now)
            for verdict in await self._round(inquiry):
                found[asking.pop(verdict.id)] = verdict
        return found

    async def _ask(self) -> float:
        now = self._clock.seconds()
        if self._tokens.installation is not None and not self._was_looked_at:
            await self._look_at_start()
        if not self._pace.open:
            self._was_open = False
            return until(self._pace.opens_at, now, _IDLE)
        if not self._was_open:
            await self._journal.open_hours(now)
            self._was_open = True
        if self._tokens.installation is None:
            await self._give_up()
            return min(_IDLE, max(1.0, self._wait))
        if self._backoff.left:
            return self._backoff.left
        try:
            return await self._ask_due()
        except (PortalTrouble, PortalError) as error:
            pause = self._backoff.failed(error)
            await self._give_up()
            return min(pause, max(1.0, self._wait))

    async def _look_at_start(self) -> None:
        """A field that is not there is told before the first campaign, and not by it."""
        self._was_looked_at = True
        try:
            await self.field()
        except (PortalTrouble, PortalError) as error:
            self._log.warn(
                "the contact's field {field} cannot be looked at: {error}", field=self._name, error=str(error)
            )

    async def _ask_due(self) -> float:
        now = self._clock.seconds()
        inquiry = self._inquiry
        open_ones = inquiry.open if inquiry is not None else set()
        room = MOST_IN_A_BATCH * MOST_NUMBERS if inquiry is None else inquiry.room
        waiting, next_due = await self._journal.unasked(now, room + len(open_ones))
        new = [each for each in waiting if each.id not in open_ones][:room]
        if not new and not open_ones:
            return until(next_due, now, _IDLE)
        full = len(new) >= room > 0
        gather = self._gathering.wait
        if gather > 0 and not full:
            return gather
        field = await self.field()
        if isinstance(field, NoSuchField) or not field.readable:
            self._inquiry = None
            await self._record([self._without_field(each.id, field) for each in waiting])
            return 0.0
        if inquiry is None or not open_ones:
            self._inquiry = inquiry = Inquiry(field, self._holders, most=MOST_IN_A_BATCH)
        for each in new:
            inquiry.add(each, now)
        self._gathering.gone(len(inquiry.open), full=full)
        verdicts = await self._round(inquiry)
        self._backoff.succeeded()
        await self._record(verdicts)
        return 0.0

    async def _round(self, inquiry: Inquiry) -> list[Verdict]:
        asked = inquiry.next()
        results = await self._portal.batch(asked.commands)
        return inquiry.answer(asked, results, self._clock.seconds())

    async def _record(self, verdicts: Sequence[Verdict]) -> None:
        if not verdicts:
            return
        now = self._clock.seconds()
        changes = await self._journal.judge(verdicts, max(now, self._pace.opens_at), now)
        for verdict in verdicts:
            self._metrics.count(self._metrics.consents, "granted" if verdict.granted else "refused")
        self._receipts.announce(changes)
        self._on_due()

    async def _give_up(self) -> None:
        now = self._clock.seconds()
        changes = await self._journal.give_up_consents(now - self._wait, now)
        if changes:
            self._log.warn(
                "{count} marketing messages are refused: the portal could not be asked for {wait} seconds",
                count=len(changes),
                wait=f"{self._wait:g}",
            )
            self._receipts.announce(changes)

    def _without_field(self, id_: int, field: ConsentField | NoSuchField) -> Verdict:
        why = self.trouble or f"{field.name} cannot be read"
        nothing = Evidence(None, None, why, granted=False)
        return Verdict(id_, False, self._clock.seconds(), self._name, (nothing,))

    def _note(self, field: ConsentField | NoSuchField) -> None:
        trouble = fault_of(field)
        if trouble is not None and trouble != self._trouble:
            self._log.error("consent.contact_field: {trouble}; all marketing SMS are refused", trouble=trouble)
        elif trouble is None and self._trouble is not None:
            self._log.info("consent.contact_field: {field} can be read now", field=field.name)
        self._trouble = trouble


class NoConsent(DueLoop):
    """Ends marketing messages that still wait though marketing is not configured any more."""

    def __init__(self, clock: IReactorTime, journal: Journal, receipts: Receipts) -> None:
        super().__init__("no-consent", clock, self._refuse)
        self._journal = journal
        self._receipts = receipts

    async def _refuse(self) -> float:
        changes = await self._journal.refuse_marketing(self._clock.seconds())
        self._receipts.announce(changes)
        return 0.0 if changes else _IDLE


def fault_of(field: ConsentField | NoSuchField) -> str | None:
    """What keeps the field from being a consent, for the operator; None when nothing does."""
    if isinstance(field, NoSuchField):
        return (
            f"the portal's contacts have no field {field.name}; "
            "correct the name, or create the field: a1gateway consent-field --config FILE"
        )
    if not field.readable:
        can = ", ".join(sorted(READABLE))
        return f"{field.name} is of the type {field.kind}, which says neither yes nor no; take a field of {can}"
    return None

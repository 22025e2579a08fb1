"""Asking A1 which Sender IDs it has approved and what is left on the account: for the pages, and for applications."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..carriers.a1answers import Balances
from ..carriers.outcome import LinkTrouble
from ..due_loop import DueLoop
from ..gate import Gate
from ..journal import Journal, sender_ids

# Seconds. When A1 becomes well, what waits to be sent goes first; somebody may press a button over and over.
_AFTER_MESSAGES = 30.0
_EVERY = 3600.0
_WHILE_AWAITED = 600.0
_AT_MOST_EVERY = 60.0


class IAccount(Protocol):
    """What A1's HTTP API says of the account. Both wait for their turn among the requests that send."""

    async def sender_names(self) -> tuple[str, ...]:
        """The Sender IDs that are approved; raises `LinkTrouble`."""

    async def balances(self) -> Balances:
        """What is left; raises `LinkTrouble`."""


class SenderNamesWatch(DueLoop):
    """Asks every hour, and every ten minutes while an application is with A1 or the balance is low.

    It keeps the latest answers. It asks only while A1 is known to be well: whatever keeps messages from A1 is not
    for this to find out.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        account: IAccount,
        gate: Gate,
        *,
        balance_below: Decimal = Decimal(0),
    ) -> None:
        """With less than `balance_below` BYN on the account it is asked for as often as for an application."""
        super().__init__("sender names", clock, self._look)
        self._journal = journal
        self._account = account
        self._gate = gate
        self._balance_below = balance_below
        self._well_since = clock.seconds()
        self._tried_at: float | None = None
        self._is_wanted = False
        self._untold: tuple[str, ...] | None = None
        self.names: tuple[str, ...] | None = None
        """The Sender IDs that A1 has approved, in its order; None until it has said so."""
        self.balance: Balances | None = None
        """What is left on the account; None until A1 has said so."""
        self.asked_at: float | None = None
        """When A1 last answered both questions, in seconds since the epoch."""
        self.trouble: str | None = None
        """Why the latest asking brought nothing; None when it did."""

    def startService(self) -> None:
        self._well_since = self._clock.seconds()
        super().startService()

    def a1_is_well(self) -> None:
        """A1 has become well (again)."""
        self._well_since = self._clock.seconds()
        self.wake()

    @property
    def wanted(self) -> bool:
        """Whether somebody wants to know and A1 is still to be asked for it."""
        return self._is_wanted

    def ask_now(self) -> None:
        """Somebody wants to know, or has handed an application in: ask at once, unless that was done just now."""
        self._is_wanted = True
        self.wake()

    async def _look(self) -> float:
        if self._untold is not None:
            # The journal was away when A1 said it.
            await self._tell_applications(self._untold)
        wait = await self._wait()
        if wait > 0:
            return wait
        if not self._gate.known or self._gate.trouble is not None:
            # `a1_is_well` ends the pause.
            if self._gate.trouble is not None:
                self.trouble = str(self._gate.trouble)
            return _AT_MOST_EVERY
        self._is_wanted = False
        self._tried_at = self._clock.seconds()
        try:
            self.names = self._untold = await self._account.sender_names()
            self.balance = await self._account.balances()
        except LinkTrouble as trouble:
            self.trouble = str(trouble)
        else:
            self.trouble = None
            self.asked_at = self._clock.seconds()
        if self._untold is not None:
            await self._tell_applications(self._untold)
        return await self._wait()

    async def _wait(self) -> float:
        """Seconds until A1 is to be asked again."""
        now = self._clock.seconds()
        # A clock set back must not make it longer.
        self._well_since = min(self._well_since, now)
        messages_first = self._well_since + _AFTER_MESSAGES - now
        if self._tried_at is None:
            return 0.0 if self._is_wanted else messages_first
        self._tried_at = min(self._tried_at, now)
        if self._is_wanted:
            return self._tried_at + _AT_MOST_EVERY - now
        is_low = self.balance is not None and self.balance.sms < self._balance_below
        is_urgent = self.trouble is not None or is_low or (await self._journal.within(sender_ids.handed_in)) > 0
        pause = _WHILE_AWAITED if is_urgent else _EVERY
        return max(messages_first, self._tried_at + pause - now)

    async def _tell_applications(self, names: tuple[str, ...]) -> None:
        approved = await self._journal.within(sender_ids.seen, names, self._clock.seconds())
        self._untold = None
        for each in approved:
            self._log.info("A1 has approved the Sender ID {name}", name=each.name)

"""A1: the account, what is left on it, the Sender IDs, and whether its statuses come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from ..carriers.outcome import LinkTrouble, Trouble
from ..journal.heard import Heard
from ..message import Source
from ..sender_id.applications import sighted
from .expected import Expected
from .findings import Check, Finding

_OF_TROUBLE = {
    Trouble.CREDENTIALS: Finding.A1_REFUSES,
    Trouble.UNREACHABLE: Finding.A1_UNREACHABLE,
    Trouble.UNAVAILABLE: Finding.A1_UNAVAILABLE,
    Trouble.LATER: Finding.A1_UNAVAILABLE,
    Trouble.THROTTLED: Finding.A1_TOO_FAST,
    Trouble.FAULT: Finding.A1_FAULT,
}
# While one of these is found and somebody looks, A1 is asked again.
_ASK = (
    Finding.BALANCE_UNKNOWN,
    Finding.BALANCE_LOW,
    Finding.BALANCE_SPENT,
    Finding.SENDER_ID_REFUSED,
    Finding.SENDER_ID_SPELT_OTHERWISE,
)
# In seconds. A poll may be faster than the callback of the same status; not for so long.
_SILENT_FOR = 3600.0
# Polling looks every interval; it is given up when it has missed some.
_MISSED = 3
_AT_LEAST = 60.0


class IGate(Protocol):
    """How A1 answers."""

    @property
    def trouble(self) -> LinkTrouble | None:
        """What it said last, when it was nothing good."""

    @property
    def known(self) -> bool:
        """Whether it has been asked anything yet."""

    @property
    def since(self) -> float | None:
        """Since when it is as it is, in seconds since the epoch."""


class ILink(Protocol):
    """The lasting link over SMPP."""

    @property
    def bound(self) -> bool:
        """Whether it can do all that it is for."""

    @property
    def can_submit(self) -> bool:
        """Whether it takes messages."""

    @property
    def bound_since(self) -> float | None:
        """In seconds since the epoch; None when it is not bound."""

    @property
    def trouble(self) -> LinkTrouble | None:
        """What is wrong with it; None while nothing is known to be."""


class IBalances(Protocol):
    """What is left on the account."""

    @property
    def sms(self) -> Decimal:
        """In BYN."""


class IAccount(Protocol):
    """What A1 last said of the account."""

    @property
    def names(self) -> Sequence[str] | None:
        """The Sender IDs that it has approved; None until it has said so."""

    @property
    def balance(self) -> IBalances | None:
        """What is left; None until it has said so."""

    @property
    def asked_at(self) -> float | None:
        """When it last answered both, in seconds since the epoch."""

    @property
    def trouble(self) -> str | None:
        """Why the latest asking brought nothing; None when it did."""

    def ask_now(self) -> None:
        """Ask at once, unless that was done just now."""


class IPolling(Protocol):
    """Asking A1 about the messages without a final status."""

    @property
    def looked_at(self) -> float | None:
        """When it last looked whether there is anything to ask."""

    @property
    def answered_at(self) -> float | None:
        """When A1 last answered; None: not since the start."""


class A1Checks:
    """What is known of A1."""

    def __init__(
        self,
        clock: IReactorTime,
        gate: IGate,
        polling: IPolling,
        expected: Expected,
        *,
        link: ILink | None,
        account: IAccount | None,
    ) -> None:
        """`link` is None over HTTP; `account` where nobody can be asked for it (SMPP)."""
        self._clock = clock
        self._gate = gate
        self._polling = polling
        self._expected = expected
        self._link = link
        self._account = account

    def checks(self, heard: Mapping[Source, Heard], *, unhurried: bool = False) -> Iterator[Check]:
        """All of them; `heard` is when A1 said something, by how. `unhurried`: A1 is not asked for them."""
        yield self._check_account()
        yield self._check_link()
        balance, sender_id = self._check_balance(), self._check_sender_id()
        if not unhurried and self._account is not None and not {balance.finding, sender_id.finding}.isdisjoint(_ASK):
            self._account.ask_now()
        yield balance
        yield sender_id
        yield self._check_callback(heard)
        yield self._check_polling()

    def _check_account(self) -> Check:
        if self._link is not None:
            return Check(Finding.A1_BY_SMPP)
        trouble = self._gate.trouble
        facts = {"since": self._gate.since}
        if trouble is not None:
            return Check(_OF_TROUBLE[trouble.trouble], facts, str(trouble))
        return Check(Finding.A1_ANSWERS, facts) if self._gate.known else Check(Finding.A1_NOT_ASKED)

    def _check_link(self) -> Check:
        link, trouble = self._link, self._gate.trouble
        if link is None:
            return Check(Finding.SMPP_OFF)
        said = "" if link.trouble is None else str(link.trouble)
        if link.bound:
            facts = {"since": link.bound_since}
            # What the gate knows besides is of submits.
            return (
                Check(Finding.SMPP_BOUND, facts)
                if trouble is None
                else Check(Finding.SMPP_SILENT, facts, str(trouble))
            )
        if link.can_submit:
            return Check(Finding.SMPP_HALF, {"since": self._gate.since}, said)
        if link.trouble is None:
            return Check(Finding.SMPP_WAITS)
        refused = link.trouble.trouble is Trouble.CREDENTIALS
        return Check(Finding.SMPP_REFUSED if refused else Finding.SMPP_BROKEN, {"since": self._gate.since}, said)

    def _check_balance(self) -> Check:
        if self._account is None:
            return Check(Finding.BALANCE_UNTOLD)
        balance, trouble = self._account.balance, self._account.trouble or ""
        if balance is None:
            return Check(Finding.BALANCE_UNKNOWN, said=trouble)
        facts = {"amount": balance.sms, "asked_at": self._account.asked_at}
        if balance.sms <= 0:
            return Check(Finding.BALANCE_SPENT, facts, trouble)
        if balance.sms < self._expected.balance_below:
            return Check(Finding.BALANCE_LOW, facts | {"below": self._expected.balance_below}, trouble)
        return Check(Finding.BALANCE_LEFT, facts, trouble)

    def _check_sender_id(self) -> Check:
        wanted, account = self._expected.sender_ids, self._account
        if not wanted:
            return Check(Finding.SENDER_ID_NONE)
        facts: dict[str, object] = {"names": list(wanted)}
        if account is None:
            return Check(Finding.SENDER_ID_UNTOLD, facts)
        if account.names is None:
            return Check(Finding.SENDER_ID_UNKNOWN, facts, account.trouble or "")
        missing = next((name for name in wanted if not sighted(name, account.names).approved), None)
        if missing is None:
            return Check(Finding.SENDER_ID_APPROVED, facts | {"asked_at": account.asked_at})
        facts |= {"name": missing, "setting": wanted[missing], "approved": list(account.names)}
        alike = sighted(missing, account.names).in_other_letters
        if alike is not None:
            return Check(Finding.SENDER_ID_SPELT_OTHERWISE, facts | {"alike": alike})
        return Check(Finding.SENDER_ID_REFUSED, facts)

    def _check_callback(self, heard: Mapping[Source, Heard]) -> Check:
        callback = self._expected.callback
        if callback is None:
            return Check(Finding.CALLBACK_OFF)
        facts: dict[str, object] = {
            "address": callback.address,
            "id_field": callback.id_field,
            "status_field": callback.status_field,
        }
        at, polled_at = heard.get(Source.CALLBACK, Heard()).at, heard.get(Source.POLL, Heard()).changed_at
        if at is None:
            return Check(Finding.CALLBACK_AWAITED if polled_at is None else Finding.CALLBACK_NEVER, facts)
        silent = polled_at is not None and polled_at - at > _SILENT_FOR
        return Check(Finding.CALLBACK_SILENT if silent else Finding.CALLBACK_HEARD, facts | {"at": at})

    def _check_polling(self) -> Check:
        every = self._expected.poll_every
        if every is None:
            return Check(Finding.POLLING_OFF)
        looked_at = self._polling.looked_at
        if looked_at is None:
            return Check(Finding.POLLING_WAITS)
        facts = {"looked_at": looked_at, "answered_at": self._polling.answered_at, "every": every}
        stands = self._clock.seconds() - looked_at > max(_MISSED * every, _AT_LEAST)
        return Check(Finding.POLLING_STANDS if stands else Finding.POLLING_WORKS, facts)

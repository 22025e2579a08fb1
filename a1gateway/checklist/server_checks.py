"""This server: the journal, the space for it, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..errors import TryLater
from ..journal.overdue import Overdue
from .findings import Check, Finding
from .of_late import OfLate

RENEWED_BEFORE = 14
"""Days. Who renews by himself does so with a third of the time left, thirty days of ninety."""
_DAY = 86_400.0
_PATIENCE = 2.0


def certificate_found(expires: float, now: float) -> Check:
    """What is found of a certificate that expires then; both in seconds since the epoch."""
    days = int((expires - now) // _DAY)
    facts = {"until": expires, "days": days}
    if expires <= now:
        return Check(Finding.CERTIFICATE_EXPIRED, facts)
    return Check(Finding.CERTIFICATE_ENDS if days < RENEWED_BEFORE else Finding.CERTIFICATE_VALID, facts)


class IStore(Protocol):
    """The journal."""

    def check(self) -> Deferred[None]:
        """Fires when it can be written to; fails with `JournalUnavailable`."""


class ISpool(Protocol):
    """Where messages wait while the journal takes none."""

    def depth(self) -> Deferred[tuple[int, float | None]]:
        """How many entries wait, and the time of the oldest (None: none waits)."""


class ISpace(Protocol):
    """The free space where messages are kept."""

    @property
    def free(self) -> Mapping[str, int]:
        """Octets, by what is kept there; empty until the first look."""

    @property
    def short(self) -> bool:
        """Whether messages are refused for it."""

    @property
    def warning(self) -> str | None:
        """What is known to be wrong."""


class ICertificate(Protocol):
    """The certificate of the gateway's own TLS."""

    @property
    def expires(self) -> float:
        """Seconds since the epoch."""


class ServerChecks:
    """What is known of this server."""

    def __init__(
        self,
        clock: IReactorTime,
        journal: IStore,
        spool: ISpool,
        space: ISpace,
        *,
        lost: OfLate,
        faults: OfLate,
        certificate: ICertificate | None = None,
    ) -> None:
        """`lost` are the messages that nothing could hold, `faults` those refused for a fault of the gateway.

        `certificate` is None where the gateway does not speak TLS itself.
        """
        self._clock = clock
        self._journal = journal
        self._spool = spool
        self._space = space
        self._lost = lost
        self._faults = faults
        self._certificate = certificate

    async def checks(self, overdue: Sequence[Overdue] | None) -> list[Check]:
        """All of them; `overdue` is what waits for too long in the journal, None when that cannot be said."""
        return [
            self._check_certificate(),
            await self._check_store(),
            self._check_space(),
            await self._check_spool(),
            _check_queues(overdue),
            _check_of_late(self._lost, Finding.MESSAGES_LOST, Finding.NOTHING_LOST),
            _check_of_late(self._faults, Finding.GATEWAY_FAULTS, Finding.NO_FAULTS),
        ]

    def _check_certificate(self) -> Check:
        if self._certificate is None:
            return Check(Finding.CERTIFICATE_ELSEWHERE)
        return certificate_found(self._certificate.expires, self._clock.seconds())

    async def _check_store(self) -> Check:
        try:
            await self._journal.check().addTimeout(_PATIENCE, self._clock)
        except TryLater as trouble:
            return Check(Finding.STORE_AWAY, said=str(trouble))
        except Exception:
            return Check(Finding.STORE_AWAY, said=f"no answer within {_PATIENCE:g} seconds")
        return Check(Finding.STORE_WORKS)

    def _check_space(self) -> Check:
        free = self._space.free
        if not free:
            return Check(Finding.SPACE_UNKNOWN)
        facts = {"free": min(free.values())}
        if self._space.short:
            return Check(Finding.SPACE_SHORT, facts)
        return Check(Finding.SPACE_ENOUGH if self._space.warning is None else Finding.SPACE_LOW, facts)

    async def _check_spool(self) -> Check:
        count, oldest = await self._spool.depth()
        if not count:
            return Check(Finding.SPOOL_EMPTY)
        return Check(Finding.SPOOL_HOLDS, {"count": count, "since": oldest})


def _check_queues(overdue: Sequence[Overdue] | None) -> Check:
    if overdue is None:
        return Check(Finding.QUEUES_UNKNOWN)
    return Check(Finding.QUEUES_STAND, {"queues": list(overdue)}) if overdue else Check(Finding.QUEUES_MOVE)


def _check_of_late(what: OfLate, has: Finding, has_not: Finding) -> Check:
    found = what.found
    return (
        Check(has_not) if found is None else Check(has, {"count": found.count, "since": found.since, "at": found.at})
    )

"""The gateway's life: opened, listening, working; stopped in the order that loses nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.components import Componentized
from twisted.python.failure import Failure

from . import __version__, systemd
from .bitrix24.tokens import Tokens
from .control.operations import Operations
from .errors import CannotStart, JournalUnavailable, TryLater
from .journal import Journal, Spool, Store
from .logs import prioritized
from .web.certificate import CertificateFiles
from .web.door import Door
from .web.site import CountingSite

# How long a stop waits, in seconds, for requests that are being answered, for what is under way to others, and for
# the journal. Together they stay under the 90 s that systemd gives by default.
_ANSWERING = 10.0
# Seconds within which a request has come in whole, once somebody was let in; and how often that is looked at.
_JUST_COME, _LOOK_EVERY = 1.0, 0.02
_UNDER_WAY = 20.0
_CLOSING = 10.0
# A journal of so many octets is upgraded before the port is open, which takes some seconds. A larger one takes
# minutes, and Bitrix24 does not wait that long for an answer.
_UPGRADED_AT_START = 50_000_000


class Gateway(MultiService):
    """The service that twistd runs."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        store: Store,
        journal: Journal,
        spool: Spool,
        tokens: Tokens,
        site: CountingSite,
        certificate: CertificateFiles | None = None,
        endpoint: Callable[[], IStreamServerEndpoint],
        loops: Sequence[Service],
        long_answers: Sequence[Service] = (),
        operations: Operations,
        warnings: Sequence[str],
        ask_within: float,
        poll_within: float,
        uncertain_for: float = 0.0,
    ) -> None:
        """`certificate` is for TLS by the daemon itself.

        `endpoint` makes the place to listen at; raises `CannotStart`. `operations` are what commands can ask for.

        `long_answers` are those of the `loops` that answer requests for minutes: a stop does not wait for the end of
        what these are about, but ends it first.

        `uncertain_for` is when what was under way at the last end is looked at, seconds after the start.

        `ask_within` and `poll_within` are for `Journal.catch_up`.
        """
        super().__init__()
        self._reactor = reactor
        self._store = store
        self._journal = journal
        self._spool = spool
        self._tokens = tokens
        self._site = site
        self._certificate = certificate
        tls = site if certificate is None else TLSMemoryBIOFactory(certificate, False, site, clock=reactor)
        self._door = Door(tls, on_change=site.unanswered.door_is_shut)
        self._endpoint = endpoint
        self._loops = loops
        self._long_answers = long_answers
        self._operations = operations
        self._warnings = warnings
        self._uncertain_for = uncertain_for
        self._ask_within = ask_within
        self._poll_within = poll_within
        self._port: IListeningPort | None = None
        self._refusal: str | None = None
        self.log_observer: ILogObserver | None = None
        """Where the log goes, when that is not left to twistd."""

    def setServiceParent(self, parent: Any) -> None:
        """Give twistd's application the log observer before it begins to log."""
        if self.log_observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.log_observer)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """Open the store and the port; ends the process, with a word to the operator, when that cannot be."""
        super().privilegedStartService()
        for warning in self._warnings:
            self._log.warn("{warning}", warning=warning)
        try:
            self._store.lock()
            self._spool.prepare()
            try:
                self._store.prepare(largest=_UPGRADED_AT_START)
            except JournalUnavailable as trouble:
                # Locked, on a full disk, damaged, or large and to be upgraded: the spool takes messages meanwhile.
                self._log.error("starting without the journal: {trouble}", trouble=str(trouble))
            if self._certificate is not None:
                self._certificate.load()
            # Not before: a command that is no daemon has no socket of systemd's.
            endpoint = self._endpoint()
        except CannotStart as reason:
            self._give_up(str(reason))
        maybeDeferred(endpoint.listen, self._door).addCallbacks(self._listens, self._cannot_listen)
        if self._refusal is not None:
            self._give_up(self._refusal)

    def startService(self) -> None:
        """Begin to work off what the journal holds, as soon as it can be read."""
        super().startService()
        beginning = Deferred.fromCoroutine(self._begin())
        beginning.addErrback(lambda why: self._log.failure("the gateway cannot work", failure=why))

    def stopService(self) -> Deferred[None]:
        """Take no more, finish what is under way, close the journal; each of them within its bound."""
        return Deferred.fromCoroutine(self._stop())

    async def open_for_commands(self) -> Operations:
        """Without working, be what a command asks while no daemon runs; raises `CannotStart` when one does."""
        self._store.lock()
        self._store.prepare(create=False)
        await self._tokens.load()
        return self._operations

    async def close_for_commands(self) -> None:
        """The command has ended."""
        await self._tokens.settled()
        await self._journal.close()

    async def _begin(self) -> None:
        while True:
            try:
                now = self._reactor.seconds()
                await self._journal.catch_up(now, ask_within=self._ask_within, poll_within=self._poll_within)
                in_doubt = await self._journal.recover(now + self._uncertain_for)
                await self._tokens.load()
            except TryLater:
                await deferLater(self._reactor, 1.0)
            else:
                break
        if not self.running:
            return
        if in_doubt:
            self._log.warn("{count} messages were under way when the daemon ended; A1 may have them", count=in_doubt)
        # Not before: what is in flight from now on is this daemon's own.
        for loop in self._loops:
            loop.setServiceParent(self)

    async def _stop(self) -> None:
        systemd.notify("STOPPING=1")
        self._log.info("stopping")
        if self._port is not None:
            self._door.stands_at(None)
            await maybeDeferred(self._port.stopListening)
            self._port = None
        for each in self._long_answers:
            # When it has ended is seen by the requests, and again by the stop of all.
            maybeDeferred(each.stopService)
        await self._hear_out()
        await self._bounded(self._site.idle(), _ANSWERING, "requests that are being answered")
        stopping = maybeDeferred(super().stopService)
        await self._bounded(stopping, _UNDER_WAY, "what is under way to A1 and Bitrix24")
        await self._bounded(self._journal.close(), _CLOSING, "the journal")
        self._log.info("stopped")

    async def _hear_out(self) -> None:
        """Whoever was let in last has perhaps not been read yet: Bitrix24 would not say it again."""
        since = self._reactor.seconds() - _JUST_COME
        while self._reactor.seconds() < since + 2 * _JUST_COME and self._site.unanswered.are_there(since):
            await deferLater(self._reactor, _LOOK_EVERY)

    async def _bounded(self, waiting: Deferred[Any], seconds: float, what: str) -> None:
        # The bound ends the waiting, not what is waited for: cancelling a submit would leave it in doubt.
        bound: Deferred[None] = deferLater(self._reactor, seconds)
        shielded: Deferred[Any] = Deferred()
        waiting.addBoth(lambda result: shielded.callback(None) if not shielded.called else None)
        _, first = await DeferredList([shielded, bound], fireOnOneCallback=True)
        if first == 1:
            self._log.warn("did not wait any longer for {what}", what=what)
        else:
            bound.addErrback(lambda _: None)
            bound.cancel()

    def _listens(self, port: IListeningPort) -> None:
        self._port = port
        self._door.stands_at(port)
        self._log.info("a1gateway {version} listens on {address}", version=__version__, address=str(port.getHost()))
        systemd.notify("READY=1")

    def _cannot_listen(self, failure: Failure) -> None:
        error = failure.value
        reason = getattr(error, "socketError", error) if isinstance(error, CannotListenError) else error
        # Sockets refuse at once, within `listen`: the process ends where that was called.
        self._refusal = f"http.listen: cannot listen: {reason}"

    def _give_up(self, reason: str) -> NoReturn:
        self._log.critical("{reason}", reason=reason)
        # Not sys.stderr, which twistd has made a part of the log.
        error: Any = sys.__stderr__
        print(prioritized(reason, LogLevel.critical) if systemd.is_journald(error) else reason, file=error)
        raise SystemExit(1)

"""The exports under way: a process for each, and what it writes passed on as fast as the browser takes it."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from ..errors import TryLater
from ..hours import MINSK
from ..journal.search import Search, query
from ..words.catalogue import catalogue
from .columns import READ
from .order import Form, Order

MOST_AT_ONCE = 1
"""A process takes up to 50 MB; with two the service would come to its `MemoryHigh=`, which slows the daemon too."""
LONGEST_PAUSE = 300.0
"""For how many seconds a browser may take nothing before the export is ended: others may wait for its place."""
# Of what a process that failed has said.
_LONGEST_WHY = 2000
_STOPPING = "the gateway is stopping"
_TYPES = {
    Form.CSV: b"text/csv; charset=utf-8",
    Form.XLSX: b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class IReactor(IReactorProcess, IReactorTime):
    """What exports need of the reactor."""


class TooManyExports(TryLater):
    """As many exports are under way as the server bears; the same again in some minutes."""


class ExportFailed(TryLater):
    """The process ended before it had written anything; the log has its last words."""


class Exports(Service):
    """Answers requests with the journal's messages as a file."""

    def __init__(self, reactor: IReactor, journal: Path, *, most: int = MOST_AT_ONCE) -> None:
        """`journal` is the journal's file; `most` exports may be under way at once."""
        self.setName("exports")
        self._reactor = reactor
        self._journal = journal
        self._most = most
        self._running: set[_Export] = set()
        self._stopping = False

    def startService(self) -> None:
        """Take them on, also after a stop."""
        super().startService()
        self._stopping = False

    def send(self, request: Request, search: Search, form: Form, language: str) -> Deferred[None]:
        """Answer `request` with what `search` finds.

        Fires when all of it has been handed over, and the request is to be finished, or when nobody waits for it any
        more, as the request knows. Raises `TooManyExports` or `ExportFailed`, or fails with the latter, with nothing
        written. A file that could not be brought to its end is a connection that breaks off; in CSV its last line
        says so as well.
        """
        if self._stopping:
            raise ExportFailed(_STOPPING)
        if len(self._running) >= self._most:
            raise TooManyExports("as many exports are under way as the server bears; try again in some minutes")
        sql, values = query(search, READ)
        order = Order(str(self._journal), sql, values, form, language)
        export = _Export(self._reactor, request, order)
        try:
            export.begin()
        except OSError as error:
            raise ExportFailed(f"no process can be started: {error}") from error
        self._running.add(export)
        export.ended.addCallback(lambda _: self._running.discard(export))
        return export.sent

    def stopService(self) -> Deferred[None]:
        """End them all, and take on no more."""
        super().stopService()
        self._stopping = True
        ending = [export.ended for export in self._running]
        for export in list(self._running):
            export.end()
        return DeferredList(ending).addCallback(lambda _: None)


@implementer(IPushProducer)
class _Export(ProcessProtocol):
    """One of them."""

    _log = Logger()
    transport: Any
    """The process; its interface says nothing of pausing."""

    def __init__(self, reactor: IReactor, request: Request, order: Order) -> None:
        self.ended: Deferred[None] = Deferred()
        """Fires when the process has ended."""
        self.sent: Deferred[None] = Deferred()
        self._reactor = reactor
        self._request = request
        self._order = order
        self._began = reactor.seconds()
        self._octets = 0
        self._said = b""
        self._wanted = True
        self._heard = True
        self._alarm: IDelayedCall | None = None
        request.notifyFinish().addErrback(self._nobody_waits)

    def begin(self) -> None:
        """Start the process."""
        # Nothing that the daemon has in its environment is the process's concern.
        self._reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-I", "-m", "a1gateway.export"],
            env={"LANG": "C.UTF-8"},
        )

    def end(self) -> None:
        """Whoever wants it, the process is to end now."""
        self._wanted = False
        self._stop_alarm()
        if self.transport is None:
            # It could not be started.
            return
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")
        # What it has written and nobody has read would keep its end from being noticed.
        self.transport.loseConnection()

    # The process.

    def connectionMade(self) -> None:
        """It has been started."""
        self._log.info("an export as {form} has begun", form=self._order.form)
        self.transport.write(self._order.to_json())
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """A piece of the file."""
        if not self._wanted:
            return
        if not self._octets:
            self._begin_answer()
        self._octets += len(data)
        self._request.write(data)

    def errReceived(self, data: bytes) -> None:
        """What stands in its way."""
        self._said = (self._said + data)[-_LONGEST_WHY:]

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and everything that it wrote has been read."""
        self._stop_alarm()
        if self._octets and self._heard:
            self._request.unregisterProducer()
        told = {
            "form": self._order.form,
            "octets": self._octets,
            "seconds": round(self._reactor.seconds() - self._began, 1),
        }
        whole = self._wanted and reason.check(ProcessDone) is not None
        why = self._said.decode("utf-8", "replace").strip() or reason.getErrorMessage()
        if whole:
            self._log.info("an export as {form} is over: {octets} octets", **told)
        elif self._wanted:
            self._log.warn("an export as {form} has failed: {why}", why=why, **told)
        else:
            self._log.info("an export as {form} has been given up after {octets} octets", **told)
        self.ended.callback(None)
        if whole or not self._heard:
            self.sent.callback(None)
        elif self._octets:
            self._break_off()
        else:
            self.sent.errback(ExportFailed(why.rpartition("\n")[2] if self._wanted else _STOPPING))

    # The browser.

    def pauseProducing(self) -> None:
        """It takes no more for the moment, and neither does the process get rid of more."""
        self.transport.pauseProducing()
        self._stop_alarm()
        self._alarm = self._reactor.callLater(LONGEST_PAUSE, self._abort)

    def resumeProducing(self) -> None:
        """It takes more."""
        self._stop_alarm()
        if self._wanted:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """It is gone."""
        self.end()

    def _begin_answer(self) -> None:
        now = datetime.fromtimestamp(self._reactor.seconds(), MINSK)
        headers = {
            "Content-Type": _TYPES[self._order.form],
            "Content-Disposition": f'attachment; filename="sms-{now:%Y-%m-%d-%H%M}.{self._order.form}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            # nginx would take in all that comes, and put it into files of its own.
            "X-Accel-Buffering": "no",
        }
        for name, value in headers.items():
            self._request.setHeader(name, value)
        self._request.registerProducer(self, True)

    def _break_off(self) -> None:
        """Nothing more will come, and the browser must not take what it has for the whole file."""
        if self._order.form is Form.CSV:
            # A proxy that speaks HTTP/1.0 does not tell an end from an end.
            text = catalogue("journal", self._order.language)["export.incomplete"]
            self._request.write(f"\r\n{text}\r\n".encode())
        self._request.loseConnection()
        self._alarm = self._reactor.callLater(LONGEST_PAUSE, self._abort)

    def _abort(self) -> None:
        self._alarm = None
        if self._heard:
            self._request.channel.forceAbortClient()

    def _nobody_waits(self, _why: Failure) -> None:
        self._heard = False
        if not self.ended.called:
            self.end()
        elif not self.sent.called:
            self._stop_alarm()
            self.sent.callback(None)

    def _stop_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None

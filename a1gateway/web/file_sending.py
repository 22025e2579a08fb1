"""A file of this server as the body of an answer: a piece at a time, as fast as whoever asks for it takes it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request
from zope.interface import implementer

from ..journal.spool import OffThread

LONGEST_PAUSE = 300.0
"""For how many seconds nothing may be taken before it is given up: nobody holds a file open for ever."""
_PIECE = 65_536

_log = Logger()


async def send_file(clock: IReactorTime, request: Request, file: BinaryIO, off_thread: OffThread) -> None:
    """Answer `request` with what is in `file`, and close it. The request is left unfinished.

    Returns when all has been handed over, or when nobody waits for it any more. A file that cannot be read to its end
    is a connection that breaks off: whoever knows the length sees that something is missing.
    """
    try:
        size = await off_thread(_size, file)
        request.setHeader(b"Content-Length", b"%d" % size)
        # nginx would take in all that comes, and put it into files of its own.
        request.setHeader(b"X-Accel-Buffering", b"no")
        if getattr(request, "channel", None) is None:
            # Whoever asked has gone meanwhile.
            return
        sending = _Sending(clock, request)
        try:
            # Not beyond the length that was promised: it may be growing.
            while sending.heard and size > 0:
                piece = await off_thread(file.read, min(_PIECE, size))
                if not piece:
                    raise EOFError("it has become shorter")
                size -= len(piece)
                await sending.write(piece)
        except (OSError, EOFError) as error:
            _log.error("a file cannot be sent to its end: {why}", why=str(error))
            sending.abort()
        finally:
            sending.end()
    finally:
        with suppress(OSError):
            await off_thread(file.close)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


@implementer(IPushProducer)
class _Sending:
    """What is under way to one request."""

    def __init__(self, clock: IReactorTime, request: Request) -> None:
        self.heard = True
        """Whether anybody waits for it."""
        self._clock = clock
        self._request = request
        self._taken: Deferred[None] | None = None
        self._alarm: IDelayedCall | None = None
        request.notifyFinish().addErrback(self._nobody_waits)
        request.registerProducer(self, True)

    async def write(self, piece: bytes) -> None:
        """Hand a piece over; returns when another one may follow."""
        if not self.heard:
            return
        self._request.write(piece)
        if self._taken is not None:
            await self._taken

    def abort(self) -> None:
        """Let nobody take what there is for the whole."""
        if self.heard:
            self._request.channel.forceAbortClient()

    def end(self) -> None:
        """Nothing more comes."""
        if self.heard:
            self._request.unregisterProducer()
        self._go_on()

    def pauseProducing(self) -> None:
        """No more is taken for the moment."""
        if self._taken is None and self.heard:
            self._taken = Deferred()
            self._alarm = self._clock.callLater(LONGEST_PAUSE, self.abort)

    def resumeProducing(self) -> None:
        """More is taken."""
        self._go_on()

    def stopProducing(self) -> None:
        """Whoever waited is gone."""
        self.heard = False
        self._go_on()

    def _nobody_waits(self, _why: Failure) -> None:
        self.stopProducing()

    def _go_on(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.callback(None)

"""The job that is under way: what is known of it so far, and how it is ended before its time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime

from ..errors import GatewayError
from .estimate import Estimate
from .job import Job
from .job_portal import JobPortal
from .pages import BaseReader
from .patience import Patience
from .walk import Reached
from .writer import Writer

T = TypeVar("T")

PATIENCE = 1800.0
"""Seconds for which a portal that does not answer is waited for."""
# How many pages a request asks for: what it brings is taken apart on the reactor, and has to be held.
_MOST_PAGES = 5


class LittleSpace(GatewayError):
    """So little free space is left that messages need it."""


class RunningJob:
    """A job with what it asks the portal by."""

    def __init__(
        self,
        clock: IReactorTime,
        job: Job,
        portal: JobPortal,
        *,
        little_space: Callable[[], bool],
        on_step: Callable[[], None],
    ) -> None:
        """`on_step` is called when more is known of it."""
        self.job = job
        self.portal = portal
        self.patience = Patience(clock, PATIENCE)
        self.reader = BaseReader(clock, portal, self.patience, most_pages=_MOST_PAGES)
        self.writer = Writer(portal, self.patience)
        self.seconds_left: float | None = None
        """About how long it still takes; None when that cannot be told."""
        self.stopping = False
        self._little_space = little_space
        self._on_step = on_step
        self._estimate = Estimate(clock.seconds)
        self._reading: Deferred[Any] | None = None

    def note(self, **known: Any) -> None:
        """These are what is known of the job now, by `Job`'s names."""
        self.job = replace(self.job, **known)

    def reached(self, reached: Reached, **known: Any) -> None:
        """It has got so far, and `known` besides; raises `CancelledError` when it is to stop, and `LittleSpace`."""
        self.seconds_left = self._estimate.left(reached.share)
        self.note(share=reached.share, counted=dict(reached.counted), totals=dict(reached.totals), **known)
        self._on_step()
        if self.stopping:
            raise CancelledError
        if self._little_space():
            raise LittleSpace("little free space is left, and messages need it")

    async def read(self, reading: Coroutine[Any, Any, T]) -> T:
        """What comes of work that writes nothing into the portal: the end of the job need not wait for it."""
        if self.stopping:
            reading.close()
            raise CancelledError
        self._reading = working = Deferred.fromCoroutine(reading)
        try:
            return await working
        finally:
            self._reading = None

    def stop(self) -> None:
        """End it in order: what is being written is finished, and a portal that is away is not waited for."""
        self.stopping = True
        self.portal.hurry()
        self.patience.stop()
        if self._reading is not None:
            self._reading.cancel()

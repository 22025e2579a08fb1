"""How the SMPP link is, for whoever watches: `/readyz`, the metrics, the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ...due_loop import DueLoop
from ...metrics import Metrics
from ...pacing import YieldingPace
from .link import Link

_LOG_EVERY = 600.0


class LinkState(DueLoop):
    """Says how the link is, and writes it into the log every ten minutes."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, link: Link, pace: YieldingPace, metrics: Metrics, *, window: int) -> None:
        super().__init__("link state", clock, self._write_log)
        self._link = link
        self._pace = pace
        self._metrics = metrics
        self._window = window
        self._begun = False

    def state(self) -> dict[str, Any]:
        """The link as JSON has it; times in UTC."""
        return {
            "bound": self._link.bound,
            "bound_since": _utc(self._link.bound_since),
            "trouble": None if self._link.trouble is None else str(self._link.trouble),
            "window": self._window,
            "window_used": self._link.in_flight,
            "rate": round(self._pace.rate, 1),
            "throttled": self._pace.slowed,
            "last_enquire_link": _utc(self._link.last_enquire_link),
            "reconnections": self._link.reconnections,
        }

    def measure(self) -> None:
        """Put it into the metrics."""
        self._metrics.smpp_bound.set(self._link.bound)
        self._metrics.smpp_window.set(self._link.in_flight)
        self._metrics.smpp_rate.set(self._pace.rate)
        self._metrics.smpp_enquired.set(self._link.last_enquire_link or 0.0)
        self._metrics.smpp_reconnections.set(self._link.reconnections)

    def stopService(self) -> Deferred[None]:
        """Let nobody wait for a turn any longer."""
        self._pace.stop()
        return super().stopService()

    async def _write_log(self) -> float:
        if self._begun:
            self._log.info(
                "the link to A1: bound since {bound_since}, {window_used} of {window} requests in flight, "
                "rate {rate} (throttled: {throttled}), last enquire_link {last_enquire_link}, "
                "{reconnections} reconnections",
                **self.state(),
            )
        self._begun = True
        return _LOG_EVERY


def _utc(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

"""What the log has last warned of, kept in memory for whoever asks how the daemon is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, LogPublisher, formatEvent, globalLogPublisher
from zope.interface import implementer

MOST = 20
"""So many kinds of lines are kept: those that came last."""
_LONGEST = 500
_WARNINGS = frozenset((LogLevel.warn, LogLevel.error, LogLevel.critical))


@dataclass(frozen=True, slots=True)
class Warned:
    """Lines of the log that say the same, but for what is filled in. Times are in seconds since the epoch."""

    first_at: float
    last_at: float
    count: int
    level: str
    """`warn`, `error` or `critical`."""
    part: str
    """The part of the gateway."""
    text: str
    """The latest of them, without a traceback."""


@implementer(ILogObserver)
class RecentLog(Service):
    """Listens to the log from the very beginning of the daemon to its end. The lines have no secrets in them."""

    def __init__(self, publisher: LogPublisher = globalLogPublisher) -> None:
        self.setName("recent log")
        self._publisher = publisher
        self._kept: OrderedDict[tuple[str, str, str], Warned] = OrderedDict()

    def privilegedStartService(self) -> None:
        """Begin to listen."""
        super().privilegedStartService()
        self._publisher.addObserver(self)

    def stopService(self) -> Deferred[None] | None:
        """Listen no more."""
        self._publisher.removeObserver(self)
        super().stopService()
        return None

    @property
    def warnings(self) -> list[Warned]:
        """What there was since the start, the latest last."""
        return sorted(self._kept.values(), key=lambda each: each.last_at)

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`; called from any thread."""
        level = event.get("log_level")
        if level is None or level not in _WARNINGS:
            return
        text, at = _text(event), float(event.get("log_time") or 0.0)
        part = str(event.get("log_namespace", ""))
        key = (level.name, part, str(event.get("log_format") or text))
        before = self._kept.pop(key, None)
        if before is None:
            self._kept[key] = Warned(at, at, 1, level.name, part, text)
        else:
            self._kept[key] = replace(before, last_at=at, count=before.count + 1, text=text)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)


def _text(event: LogEvent) -> str:
    text = " ".join(formatEvent(event).split())
    failure = event.get("log_failure")
    if failure is not None:
        # What an exception says may be anything.
        text = f"{text}: {failure.type.__name__}" if text else failure.type.__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

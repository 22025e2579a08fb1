"""The log: one event a line, as text for people or as JSON for machines, on the standard output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import lru_cache, partial
from string import Formatter
from typing import Any, TextIO

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    formatEventAsClassicLogText,
)
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

# What Twisted adds to every event for itself.
_ITS_OWN = frozenset(("format", "failure", "time", "system", "isError", "message", "printed", "why"))
_MAY_WAIT = frozenset((LogLevel.debug, LogLevel.info))
HELD = 0.05
"""How long a line may wait to be written, in seconds: a message makes four, and writing takes as long as making."""
# As syslog counts, and sd-daemon(3) with it.
PRIORITIES = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
_AS_JSON = json.JSONEncoder(ensure_ascii=False)


def observer(out: TextIO, *, style: str, level: str, reactor: Any = None, priorities: bool = False) -> ILogObserver:
    """The observer for `[log]` in the config: `style` is `text` or `json`, `level` the least that is shown.

    With `priorities` each line begins with `<3>` or the like, as journald takes it.
    With a `reactor` that runs, lines below a warning may be held back for `HELD` seconds, to be written together.
    """
    line = as_json if style == "json" else formatEventAsClassicLogText
    if priorities:
        line = partial(_with_priority, line)
    return _Lines(out, line, _Shown(LogLevel.levelWithName(level)), reactor)


@implementer(ILogObserver)
class _Lines:
    """Writes events, each as a line."""

    def __init__(
        self, out: TextIO, line: Callable[[LogEvent], str | None], shown: Callable[[LogEvent], bool], reactor: Any
    ) -> None:
        self._out = out
        self._line = line
        self._shown = shown
        self._reactor = reactor
        self._held: list[str] = []
        if reactor is not None:
            reactor.addSystemEventTrigger("after", "shutdown", self._write)

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`."""
        if not self._shown(event):
            return
        line = self._line(event)
        if not line:
            return
        self._held.append(line)
        if event.get("log_level") not in _MAY_WAIT or not self._turns():
            self._write()
        elif len(self._held) == 1:
            self._reactor.callLater(HELD, self._write)

    def _turns(self) -> bool:
        """Whether the reactor will write what is held; it can be asked only in its own thread."""
        return self._reactor is not None and self._reactor.running and isInIOThread()

    def _write(self) -> None:
        held, self._held = self._held, []
        if held:
            self._out.write("".join(held))
            self._out.flush()


class _Shown:
    """Shows events from a level on; of Twisted's own, which tell of every connection, the warnings.

    Twisted's own predicate takes a name apart for each event, and a message makes four.
    """

    def __init__(self, least: Any) -> None:
        levels = tuple(LogLevel.iterconstants())
        self._shown = frozenset(level for level in levels if level >= least)
        self._shown_of_twisted = frozenset(level for level in self._shown if level >= LogLevel.warn)

    def __call__(self, event: LogEvent) -> bool:
        """Whether it is to be shown."""
        namespace = event.get("log_namespace", "")
        of_twisted = namespace == "twisted" or namespace.startswith("twisted.")
        return event.get("log_level") in (self._shown_of_twisted if of_twisted else self._shown)


def prioritized(text: str, level: Any) -> str:
    """`text` with the priority before each of its lines, since each is an entry of its own to journald."""
    mark = f"<{PRIORITIES[level]}>"
    return "".join(f"{mark}{line}" for line in text.splitlines(keepends=True))


def _with_priority(line: Callable[[LogEvent], str | None], event: LogEvent) -> str | None:
    written = line(event)
    return prioritized(written, event.get("log_level") or LogLevel.info) if written else written


def as_json(event: LogEvent) -> str:
    """One line: time (UTC), level, the part of the gateway, the text, and the event's own values by name."""
    level = event.get("log_level")
    line: dict[str, Any] = {
        "time": _second(int(event.get("log_time") or 0.0)),
        "level": level.name if level is not None else "info",
        "part": event.get("log_namespace", ""),
        "event": _text(event) or str(event.get("message", "")),
    }
    failure = event.get("log_failure")
    if failure is not None:
        line["traceback"] = failure.getTraceback()
    for name, value in event.items():
        if not name.startswith("log_") and name not in line and name not in _ITS_OWN:
            line[name] = value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
    return _AS_JSON.encode(line) + "\n"


@lru_cache(maxsize=16)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(at))


def _text(event: LogEvent) -> str:
    form = event.get("log_format")
    if isinstance(form, str) and _plain(form):
        try:
            return form.format_map(event)
        except Exception:
            # Twisted says what is wrong with it.
            return formatEvent(event)
    return formatEvent(event)


@lru_cache(maxsize=512)
def _plain(form: str) -> bool:
    """Whether it has nothing but names in it, and no calls: then `str` makes the same of it as Twisted does."""
    try:
        fields = [name for _, name, _, _ in Formatter().parse(form) if name is not None]
    except ValueError:
        return False
    return all(name.isidentifier() for name in fields)

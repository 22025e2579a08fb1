"""The log: one event a line, as text for people or as JSON for machines, on the standard output."""

from __future__ import annotations

import json
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
    textFileLogObserver,
)

# What Twisted adds to every event for itself.
_ITS_OWN = ("format", "failure", "time", "system", "isError", "message", "printed", "why")


def observer(out: TextIO, *, style: str, level: str) -> ILogObserver:
    """The observer for `[log]` in the config: `style` is `text` or `json`, `level` the least that is shown."""
    inner = FileLogObserver(out, as_json) if style == "json" else textFileLogObserver(out)
    least = LogLevel.levelWithName(level)
    predicate = LogLevelFilterPredicate(defaultLogLevel=least)
    # Twisted tells of every connection that it opens and closes.
    predicate.setLogLevelForNamespace("twisted", max(least, LogLevel.warn))
    return FilteringLogObserver(inner, [predicate])


def as_json(event: LogEvent) -> str:
    """One line: time (UTC), level, the part of the gateway, the text, and the event's own values by name."""
    level = event.get("log_level")
    line: dict[str, Any] = {
        "time": formatTime(event.get("log_time"), timeFormat="%Y-%m-%dT%H:%M:%S%z"),
        "level": level.name if level is not None else "info",
        "part": event.get("log_namespace", ""),
        "event": formatEvent(event) or str(event.get("message", "")),
    }
    failure = event.get("log_failure")
    if failure is not None:
        line["traceback"] = failure.getTraceback()
    for name, value in event.items():
        if not name.startswith("log_") and name not in line and name not in _ITS_OWN:
            line[name] = value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
    return json.dumps(line, ensure_ascii=False) + "\n"

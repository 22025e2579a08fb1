"""How far a long command has got: a bar where somebody looks on, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from ..terminal import Terminal
from .estimate import Estimate
from .walk import Reached, counts

_WIDTH = 24
_BETWEEN_LINES = 10.0
_BETWEEN_BARS = 0.2


class Progress:
    """Writes to `out`, as a rule stderr."""

    def __init__(self, out: TextIO, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock."""
        self._terminal = Terminal(out)
        self._seconds = seconds
        self._estimate = Estimate(seconds)
        self._shown_at: float | None = None

    def show(self, done: float, text: str) -> None:
        """`done` is the share of the whole, 0 to 1, by which the time left is estimated; `text` says the counts."""
        now = self._seconds()
        done = min(1.0, max(0.0, done))
        left = self._estimate.left(done)
        between = _BETWEEN_BARS if self._terminal.watched else _BETWEEN_LINES
        if self._shown_at is not None and now - self._shown_at < between:
            return
        self._shown_at = now
        line = f"{done:4.0%} {text}" + (f", about {duration(left)} left" if left is not None else "")
        if self._terminal.watched:
            full = round(done * _WIDTH)
            self._terminal.change(f"[{'#' * full}{'.' * (_WIDTH - full)}] {line}")
        else:
            self._terminal.say(line)

    def walked(self, reached: Reached) -> None:
        """Show how far a walk has got."""
        self.show(reached.share, f"{counts(reached.counted)}; {reached.requests} requests")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._terminal.say(text)

    def clear(self) -> None:
        """Take the bar away, for what is written next."""
        self._terminal.clear()


def duration(seconds: float) -> str:
    """A time for people: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"

"""What a long command writes where people look on: lines that stay, and below them one that changes."""

from __future__ import annotations

import os
from typing import TextIO


class Terminal:
    """Writes to `out`. Where that is no terminal there are the lines that stay alone."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.watched = out.isatty()
        """Whether somebody looks on, so that a line can change."""
        self._width = 0

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        self._out.write(line + "\n")
        self._out.flush()

    def change(self, line: str) -> None:
        """Have the changing line say this, as far as there is room for it."""
        if not self.watched:
            return
        line = line[: self._room()]
        self._out.write("\r" + line.ljust(self._width))
        self._out.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Take the changing line away, for what is written next."""
        if self._width:
            self.change("")
            self._out.write("\r")
            self._out.flush()

    def _room(self) -> int | None:
        """Characters; a longer line would leave pieces of itself behind. None: nobody knows."""
        try:
            return max(0, os.get_terminal_size(self._out.fileno()).columns - 1) or None
        except (OSError, ValueError):
            return None

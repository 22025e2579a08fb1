"""Lines that stay and one that changes: nothing of an earlier one is left behind."""

from __future__ import annotations

import os
import pty
import termios
from io import StringIO

from a1gateway.terminal import Terminal


class Watched(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_shorter_line_covers_a_longer_one_and_a_line_that_stays_comes_in_its_place() -> None:
    out = Watched()
    terminal = Terminal(out)
    terminal.change("a long line")
    terminal.change("short")
    terminal.say("this stays")
    assert out.getvalue() == "\ra long line\rshort      \r     \rthis stays\n"


def test_where_nobody_looks_on_there_are_only_the_lines_that_stay() -> None:
    out = StringIO()
    terminal = Terminal(out)
    terminal.change("a long line")
    terminal.say("this stays")
    terminal.clear()
    assert out.getvalue() == "this stays\n"


def test_a_line_is_not_longer_than_the_terminal_is_wide() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as out:
        termios.tcsetwinsize(theirs, (24, 20))
        Terminal(out).change("x" * 100)
        assert os.read(ours, 1000) == b"\r" + b"x" * 19
    os.close(ours)

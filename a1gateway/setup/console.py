"""Where questions are put: a person's terminal, or a script in tests."""

from __future__ import annotations

import getpass
import sys
from typing import Protocol


class IConsole(Protocol):
    """Says lines, and asks for one."""

    @property
    def is_terminal(self) -> bool:
        """Whether what is said goes to a person's eyes alone, and somebody can answer."""

    def say(self, line: str = "") -> None:
        """A line for whoever installs."""

    def fault(self, line: str) -> None:
        """A line about what is wrong."""

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """What is typed, a `secret` without being shown. Raises `EOFError` and `KeyboardInterrupt`."""


class Console:
    """The terminal of this process."""

    @property
    def is_terminal(self) -> bool:
        """See `IConsole`."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    def say(self, line: str = "") -> None:
        """See `IConsole`."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def fault(self, line: str) -> None:
        """See `IConsole`."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        """See `IConsole`."""
        return getpass.getpass(prompt) if secret else input(prompt)

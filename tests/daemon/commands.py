"""The commands as an operator runs them, each a process of its own."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from subprocess import CompletedProcess

from .processes import Process
from .stack import KEYS, Stack

# What they write is for the operator's eyes, and is kept apart from the logs.
_FOLDER = "commands"
_numbers = count(1)


def command(stack: Stack, *arguments: str, within: float = 60.0, config: Path | None = None) -> CompletedProcess[str]:
    """Run `a1gateway` with the stack's configuration, or another, and wait for its end."""
    return _ended(begun(stack, *arguments, config=config), arguments, within)


def begun(stack: Stack, *arguments: str, config: Path | None = None) -> Process:
    """The same, under way."""
    return _begun(stack, *arguments, "--config", str(config or stack.gateway.config))


def check_config(stack: Stack) -> CompletedProcess[str]:
    """`a1gateway check-config` of the stack's configuration."""
    arguments = ("check-config", str(stack.gateway.config))
    return _ended(_begun(stack, *arguments), arguments, 60.0)


def _begun(stack: Stack, *arguments: str) -> Process:
    (stack.directory / _FOLDER).mkdir(exist_ok=True)
    name = f"{_FOLDER}/{next(_numbers)}-{arguments[0]}"
    return stack.warden.start("a1gateway", arguments, directory=stack.directory, name=name, warm=True)


def _ended(process: Process, arguments: tuple[str, ...], within: float) -> CompletedProcess[str]:
    try:
        status = process.wait(within)
    finally:
        process.kill()
    shown = [key for key in KEYS if key in process.out + process.errors]
    assert not shown, f"{arguments[0]} shows {shown}"
    return CompletedProcess(["a1gateway", *arguments], status, process.out, process.errors)

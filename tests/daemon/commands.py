"""The commands as an operator runs them, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .stack import KEYS, Stack

_PROGRAM = str(Path(sys.executable).with_name("a1gateway"))


def command(stack: Stack, *arguments: str, within: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run `a1gateway` with the stack's configuration, and wait for its end."""
    given = [_PROGRAM, *arguments, "--config", str(stack.gateway.config)]
    ended = subprocess.run(given, capture_output=True, text=True, timeout=within, check=False, cwd=stack.directory)
    shown = [key for key in KEYS if key in ended.stdout + ended.stderr]
    assert not shown, f"{arguments[0]} shows {shown}"
    return ended


def check_config(stack: Stack) -> subprocess.CompletedProcess[str]:
    """`a1gateway check-config` of the stack's configuration."""
    given = [_PROGRAM, "check-config", str(stack.gateway.config)]
    return subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)

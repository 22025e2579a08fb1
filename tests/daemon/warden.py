"""A program that starts processes for the tests, and sees to it that none of them outlives the tests.

It reads one JSON object a line: `id`, `program`, `arguments`, `directory`, `out`, `errors`, `warm`. It answers with
`{"id", "pid"}` and, once a process has ended, `{"ended": pid, "status": N}`, where a signal counts as its negative
number. When its input ends, so do all processes.

A cold process is what an operator starts: the script beside this Python, or a program by its whole path. A warm one
runs the same code in a fork of this process, which has imported the libraries already: for the many that the crash
tests start one after another.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any

# With these, everything is imported that the daemon, the commands and the sandbox import.
_LIBRARIES = (
    "alembic.command",
    "twisted.internet.epollreactor",
    "twisted.scripts.twistd",
    "a1gateway.cli",
    "a1gateway.sandbox.command",
    "a1gateway.tap",
)


def _holders() -> list[tuple[Any, str]]:
    """Which modules have got hold of the reactor, and under which names."""
    reactor = sys.modules["twisted.internet.reactor"]
    return [
        (module, name)
        for module in list(sys.modules.values())
        for name in vars(module)
        if vars(module)[name] is reactor
    ]


def _renew_reactor(holders: list[tuple[Any, str]]) -> None:
    """Give a fork a reactor of its own, wherever it has the one that it was forked with."""
    from twisted.internet import epollreactor

    del sys.modules["twisted.internet.reactor"]
    epollreactor.install()
    for module, name in holders:
        setattr(module, name, sys.modules["twisted.internet.reactor"])


def _run_warm(program: str, arguments: list[str], holders: list[tuple[Any, str]]) -> int:
    sys.argv = [program, *arguments]
    _renew_reactor(holders)
    try:
        if program == "twistd":
            importlib.import_module("twisted.scripts.twistd").run()
        elif program == "a1gateway":
            return int(importlib.import_module("a1gateway.cli").main(arguments))
        else:
            importlib.import_module(program).main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _run_cold(program: str, arguments: list[str]) -> None:
    script = str(Path(sys.executable).parent / program)
    os.execv(script, [script, *arguments])  # noqa: S606


def _set_up(wanted: dict[str, Any], *leftovers: int) -> None:
    """Make a process of its own of a fork."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for descriptor in leftovers:
        os.close(descriptor)
    os.chdir(wanted["directory"])
    for target, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, wanted["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, wanted["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, target)
        os.close(opened)


def _start(wanted: dict[str, Any], holders: list[tuple[Any, str]], *leftovers: int) -> int:
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            _set_up(wanted, *leftovers)
            if not wanted["warm"]:
                _run_cold(wanted["program"], wanted["arguments"])
            status = _run_warm(wanted["program"], wanted["arguments"], holders)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return pid


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until the input ends."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    holders = _holders()
    # What is there now is there for good: no child need look through it, and so copy it.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wakes, woken = os.pipe()
    for end in (wakes, woken):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    _say({"ready": True})
    living: set[int] = set()
    unread = b""
    reading = True
    while reading:
        ready, _, _ = select.select([0, wakes], [], [])
        if wakes in ready:
            os.read(wakes, 4096)
        if 0 in ready:
            received = os.read(0, 65536)
            reading = bool(received)
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                wanted = json.loads(line)
                pid = _start(wanted, holders, wakes, woken)
                living.add(pid)
                _say({"id": wanted["id"], "pid": pid})
        for pid in list(living):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                living.remove(pid)
                _say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})
    for pid in living:
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()

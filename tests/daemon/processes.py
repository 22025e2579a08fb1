"""Real processes, as the tests see them: started, waited for, signalled, always ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_LONGEST_PAUSE = 0.15  # seconds from one look to the next
_TAIL = 60  # lines of a log that are shown with a test that failed


def eventually(check: Callable[[], T | None], within: float, what: str) -> T:
    """The first result of `check` that is neither None nor False; fails when there is none for `within` seconds."""
    deadline = time.monotonic() + within
    pause = 0.02
    while True:
        result = check()
        if result is not None and result is not False:
            return result
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.3)


def _first_unused_ports() -> int:
    # Below the range from which outgoing connections get theirs, so that none of them takes the port of a daemon
    # that is down for a moment.
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 10_000 + os.getpid() * 97 % max(1, lowest - 11_000)


_ports = count(_first_unused_ports())
_choosing = threading.Lock()


def free_port() -> int:
    """A port of the loopback interface that nobody has at the moment, and that is not given out again."""
    with _choosing:
        for port in _ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            return port
    raise AssertionError("no port is free")


class Process:
    """One process and what it wrote."""

    def __init__(self, pid: int, out: Path, errors: Path) -> None:
        self.pid = pid
        self._out = out
        self._errors = errors
        self._ended = threading.Event()
        self._status: int | None = None

    @property
    def status(self) -> int | None:
        """How it ended, a signal as its negative number; None while it runs."""
        return self._status

    @property
    def out(self) -> str:
        """Its standard output."""
        return self._out.read_text("utf-8") if self._out.exists() else ""

    @property
    def errors(self) -> str:
        """Its standard error."""
        return self._errors.read_text("utf-8") if self._errors.exists() else ""

    def written(self) -> str:
        """The end of both, for whoever looks at a failure."""
        lines = self.out.splitlines()[-_TAIL:] + self.errors.splitlines()[-_TAIL:]
        return "\n".join([*lines, f"(ended with {self._status})" if self._ended.is_set() else "(running)"])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if not self._ended.is_set():
            # It may have ended and the warden not have said so yet.
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, within: float) -> int:
        """Its exit status; fails when it has not ended within so many seconds."""
        assert self._ended.wait(within), f"still running after {within:g} s:\n{self.written()}"
        assert self._status is not None
        return self._status

    def kill(self) -> None:
        """End it at once, with no chance to tidy up."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def has_ended(self, status: int) -> None:
        """For the warden."""
        self._status = status
        self._ended.set()


class Warden:
    """Starts processes through `warden.py`, which ends them when this one is gone."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warden.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self._output = self._process.stdout
        self._asking = threading.Lock()
        self._known = threading.Condition()
        self._numbers = count(1)
        self._pids: dict[int, int] = {}
        self._processes: dict[int, Process] = {}
        self._ended_early: dict[int, int] = {}
        self._gone = False
        self._reader = threading.Thread(target=self._read, name="warden", daemon=True)
        self._reader.start()

    def start(
        self, program: str, arguments: Sequence[str], *, directory: Path, name: str, warm: bool = False
    ) -> Process:
        """Run `program` in `directory`; what it writes goes to `name`.out and `name`.err there."""
        number = next(self._numbers)
        out, errors = directory / f"{name}.out", directory / f"{name}.err"
        wanted = {
            "id": number,
            "program": program,
            "arguments": list(arguments),
            "directory": str(directory),
            "out": str(out),
            "errors": str(errors),
            "warm": warm,
        }
        with self._asking:
            self._input.write(json.dumps(wanted).encode() + b"\n")
            self._input.flush()
        with self._known:
            assert self._known.wait_for(lambda: number in self._pids or self._gone, 60), "the warden does not answer"
            assert number in self._pids, "the warden has ended"
            pid = self._pids.pop(number)
            process = Process(pid, out, errors)
            if pid in self._ended_early:
                process.has_ended(self._ended_early.pop(pid))
            else:
                self._processes[pid] = process
        return process

    def close(self) -> None:
        """End whatever still runs."""
        self._input.close()
        self._process.wait(30)
        self._reader.join(10)
        self._output.close()

    def _read(self) -> None:
        for line in self._output:
            answer: dict[str, Any] = json.loads(line)
            with self._known:
                if "id" in answer:
                    self._pids[answer["id"]] = answer["pid"]
                elif "ended" in answer:
                    process = self._processes.pop(answer["ended"], None)
                    if process is None:
                        self._ended_early[answer["ended"]] = answer["status"]
                    else:
                        process.has_ended(answer["status"])
                self._known.notify_all()
        with self._known:
            self._gone = True
            self._known.notify_all()

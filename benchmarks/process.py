"""A process that is measured: on its core, with the CPU time and the memory that the kernel counts for it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU time."""

    user: float = 0.0
    system: float = 0.0

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.user + other.user, self.system + other.system)

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.user - other.user, self.system - other.system)


class Process:
    """A program with all its threads, what it writes going to a file."""

    def __init__(
        self, command: Sequence[str], *, cores: set[int] | None, directory: Path, log: Path, name: str
    ) -> None:
        """Started at once, on `cores` alone; None: wherever the kernel likes."""
        self.name = name
        self.log = log
        before = os.sched_getaffinity(0)
        with log.open("ab") as written:
            # Inherited, so that there is no moment in which it runs elsewhere.
            os.sched_setaffinity(0, cores or before)
            try:
                self._process = subprocess.Popen(
                    command, cwd=directory, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT
                )
            finally:
                os.sched_setaffinity(0, before)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def peaks_of_children(self) -> list[int]:
        """The most octets that were resident at a time in each process that it has started, of those that run."""
        pid = self._process.pid
        found = []
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split():
            # It may end at any moment.
            with suppress(OSError, ValueError):
                found.append(_octets(Path(f"/proc/{child}/status").read_text("utf-8"), "VmHWM"))
        return found

    def cpu(self) -> Cpu:
        """What all its threads have used so far."""
        fields = self._proc("stat").rpartition(")")[2].split()
        # utime and stime are the 14th and 15th of proc(5), of which two are before the bracket.
        return Cpu(int(fields[11]) / _TICK, int(fields[12]) / _TICK)

    def peak(self) -> int:
        """The most octets that were resident at a time since its start."""
        return self._status("VmHWM")

    def resident(self) -> int:
        """The octets that are resident now."""
        return self._status("VmRSS")

    def open_files(self) -> int:
        """File descriptors that are open now."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def threads(self) -> int:
        """Threads that there are now."""
        (line,) = (line for line in self._proc("status").splitlines() if line.startswith("Threads:"))
        return int(line.split()[1])

    async def stop(self, within: float = 60.0) -> None:
        """Let it end by itself, its counterparts answering meanwhile; kill it when it does not."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
        given_up_at = time.monotonic() + within
        while self.running and time.monotonic() < given_up_at:
            await asyncio.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The end of what it wrote."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return "\n".join([f"{self.name} ({'running' if self.running else 'ended'}):", *lines[-15:]])

    def _status(self, name: str) -> int:
        return _octets(self._proc("status"), name)

    def _proc(self, file: str) -> str:
        return Path(f"/proc/{self._process.pid}/{file}").read_text("utf-8")


def _octets(status: str, name: str) -> int:
    """A line of `/proc/…/status`."""
    (line,) = (line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def free_port() -> int:
    """A port of the loopback interface below those that outgoing connections get."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    first = 10_000 + (os.getpid() * 97 + time.monotonic_ns()) % max(1, lowest - 11_000)
    for port in range(first, first + 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")

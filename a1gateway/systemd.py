"""Telling systemd how the daemon is (`sd_notify`), where it was started with `Type=notify`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from twisted.application.service import Service
from twisted.internet.defer import TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from .due_loop import DueLoop
from .errors import TryLater

MORE_TIME = 600.0
"""Seconds that a start asks for: the last piece of an upgrade, of which there is no word, may take long."""
_BETWEEN_WORDS = 10.0
HUNG = 900.0
"""Seconds without any sign of the journal's thread, after which it hangs: a slow disk takes minutes for a sync."""
_BETWEEN_LOOKS = 30.0
_LONGEST_STATUS = 200


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send `READY=1`, `STOPPING=1`, `STATUS=...` and the like; nothing where no systemd waits for it.

    The protocol is a datagram to the socket that `NOTIFY_SOCKET` names, whose leading `@` stands for the abstract
    namespace (sd_notify(3)). A datagram to a local socket does not block.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError:
            # Whoever asked to be told has gone; that is no reason to stop.
            return


def is_waiting(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there is a systemd that wants to be told."""
    return environment.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def is_journald(out: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written to `out` goes to journald, which takes `<3>` before a line as its priority.

    systemd names the connection's device and inode in `JOURNAL_STREAM` (systemd.exec(5)).
    """
    try:
        found = os.fstat(out.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class MoreTime:
    """Asks systemd for more time for as long as it is called, so that a long start is not ended in its midst.

    `EXTEND_TIMEOUT_USEC=` counts from when it is sent, and shortens nothing (sd_notify(3)).
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        notify: Callable[[str], None] = notify,
    ) -> None:
        """`monotonic` tells seconds that nobody sets back."""
        self._monotonic = monotonic
        self._notify = notify
        self._next = monotonic()

    def __call__(self) -> None:
        """There is still work; may be called thousands of times a second."""
        now = self._monotonic()
        if now >= self._next:
            self._next = now + _BETWEEN_WORDS
            self._notify(f"EXTEND_TIMEOUT_USEC={MORE_TIME * 1_000_000:.0f}")


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Half the seconds within which systemd wants a sign of life, by sd_watchdog_enabled(3); None: it wants none."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 2_000_000 if limit.isdecimal() and int(limit) > 0 else None


class Watchdog(Service):
    """Gives systemd its signs of life for as long as the reactor turns and the journal's thread does not hang.

    systemd waits for the first of them once the start is over: an upgrade of the journal before that has its own
    time. One that comes later, a lock that somebody else holds, and a slow disk are no reasons to be killed: messages
    go into the spool meanwhile.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        silent_for: Callable[[], float],
        *,
        interval: Callable[[], float | None] = watchdog_interval,
        notify: Callable[[str], None] = notify,
    ) -> None:
        """`silent_for` tells for how many seconds the journal's thread has not shown that it works."""
        self._clock = clock
        self._silent_for = silent_for
        self._interval = interval
        self._notify = notify
        self._next: IDelayedCall | None = None

    def startService(self) -> None:
        """Not before: the process has forked then, and is the one that systemd watches."""
        super().startService()
        interval = self._interval()
        if interval is not None:
            self._give_sign(interval)

    def stopService(self) -> None:
        """The stop has its own bound, which is shorter than what systemd waits for."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
            self._notify("WATCHDOG=1")

    def _give_sign(self, interval: float) -> None:
        self._next = self._clock.callLater(interval, self._give_sign, interval)
        silent = self._silent_for()
        if silent < HUNG:
            self._notify("WATCHDOG=1")
        else:
            self._log.critical(
                "the journal's thread has hung for {seconds} seconds; systemd ends the daemon and starts it anew",
                seconds=round(silent),
            )


class StatusLine(DueLoop):
    """What `systemctl status` shows of the daemon: whether it sends, and how much waits."""

    def __init__(
        self,
        clock: IReactorTime,
        readiness: Callable[[], Awaitable[Mapping[str, Any]]],
        waiting: Callable[[], Awaitable[int]],
        *,
        notify: Callable[[str], None] = notify,
    ) -> None:
        """`readiness` is `Readiness.readiness`; `waiting` counts the messages that have not left, or raises
        `TryLater` or `TimeoutError`.
        """
        super().__init__("status line", clock, self._look)
        self._readiness = readiness
        self._waiting = waiting
        self._notify = notify
        self._said = ""

    async def _look(self) -> float:
        said = _in_words(await self._readiness())
        # Without a journal nobody knows.
        with suppress(TryLater, TimeoutError):
            said += f"; {await self._waiting()} waiting"
        if said != self._said:
            self._said = said
            self._notify(f"STATUS={said}")
        return _BETWEEN_LOOKS


def _in_words(state: Mapping[str, Any]) -> str:
    troubles = [state[part] for part in ("store", "a1", "portal") if not state[part]["ok"]]
    if not troubles:
        return "sending"
    # On one line: a line end would begin another word to systemd.
    return " ".join(f"not sending: {troubles[0]['trouble']}".split())[:_LONGEST_STATUS]

"""Telling systemd how the daemon is (`sd_notify`), where it was started with `Type=notify`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

MORE_TIME = 600.0
"""Seconds that a start asks for: the last piece of an upgrade, of which there is no word, may take long."""
_BETWEEN_WORDS = 10.0


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

"""Telling systemd how the daemon is (`sd_notify`), where it was started with `Type=notify`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send `READY=1`, `STOPPING=1` or `STATUS=...`; nothing where no systemd waits for it.

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

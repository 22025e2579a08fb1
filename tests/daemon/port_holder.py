"""A program that does for the daemon what systemd does: holds its port, is told how it is, and starts it again.

    python port_holder.py PORT PROGRAM ARGUMENT...

By sd_listen_fds(3) and sd_notify(3). SIGUSR1 restarts the daemon as `systemctl restart` does, SIGTERM ends both. What
the daemon says of itself is written to the standard output, a line each, and so is the priority of its log's lines.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
from typing import NoReturn

_FIRST = 3
_PR_SET_PDEATHSIG = 1


def _start(port: socket.socket, told: str, command: list[str]) -> int:
    pid = os.fork()
    if not pid:
        _become(port, told, command)
    return pid


def _become(port: socket.socket, told: str, command: list[str]) -> NoReturn:
    # Signals to this program's group are for this program; but whoever ends it by force must not leave the daemon
    # behind.
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.dup2(port.fileno(), _FIRST)
    # Where it has been that one already, it would be closed.
    os.set_inheritable(_FIRST, True)
    found = os.fstat(1)
    os.environ |= {
        "LISTEN_FDS": "1",
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDNAMES": "a1gateway.socket",
        "NOTIFY_SOCKET": told,
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": str(os.getpid()),
        "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}",
    }
    os.execv(command[0], command)  # noqa: S606


def _until_ready(telling: socket.socket) -> None:
    while "READY=1" not in _told(telling):
        pass


def _told(telling: socket.socket) -> str:
    said = telling.recv(4096).decode()
    _write(f"told: {said}")
    return said


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """See the module."""
    wanted = {signal.SIGUSR1, signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    told = f"\0a1gateway-port-holder-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as port,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling,
    ):
        telling.bind(told)
        daemon = _start(port, f"@{told[1:]}", sys.argv[2:])
        _until_ready(telling)
        while True:
            if select.select([telling], [], [], 0.1)[0]:
                _told(telling)
            arrived = signal.sigtimedwait(wanted, 0)
            if arrived is None:
                continue
            if arrived.si_signo == signal.SIGCHLD:
                raise SystemExit(f"the daemon has ended by itself: {os.waitpid(daemon, 0)[1]}")
            os.kill(daemon, signal.SIGTERM)
            os.waitpid(daemon, 0)
            # Its end is no news any more.
            signal.sigtimedwait({signal.SIGCHLD}, 0)
            if arrived.si_signo == signal.SIGTERM:
                return
            daemon = _start(port, f"@{told[1:]}", sys.argv[2:])
            _until_ready(telling)
            _write("restarted")


if __name__ == "__main__":
    main()

"""The gateway as a service of systemd: its user, its units, and having them enabled and started."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from ..errors import GatewayError
from ..files_on_disk import as_a_whole
from .place import SERVICE, SOCKET, UNIT_FOLDERS

USER = "a1gateway"
_TWISTD = "/opt/a1gateway/bin/twistd"
"""What the unit as it is shipped starts."""


class CommandFailed(GatewayError):
    """A program of the server's has not done what it was asked for; the text says which, and what it said."""


class IServer(Protocol):
    """The server that the gateway is set up on."""

    root: Path
    """`/` but for tests."""

    @property
    def runs_systemd(self) -> bool:
        """Whether systemd manages services here now; not so in a container or a changed root."""

    def has_user(self, name: str) -> bool:
        """Whether there is such a user."""

    def run(self, *command: str) -> None:
        """Run a program as root to its end; raises `CommandFailed`."""

    def is_active(self, unit: str) -> bool:
        """Whether systemd says that the unit is started."""


class ThisServer:
    """The machine that this process runs on."""

    root = Path("/")

    @property
    def runs_systemd(self) -> bool:
        """See `IServer`; as sd_booted(3) finds out."""
        return Path("/run/systemd/system").is_dir()

    def has_user(self, name: str) -> bool:
        """See `IServer`."""
        try:
            pwd.getpwnam(name)
        except KeyError:
            return False
        return True

    def run(self, *command: str) -> None:
        """See `IServer`."""
        said = _run(command)
        if said.returncode:
            what = (said.stderr or said.stdout).strip() or f"status {said.returncode}"
            raise CommandFailed(f"{' '.join(command)}: {what}")

    def is_active(self, unit: str) -> bool:
        """See `IServer`."""
        return _run(("systemctl", "is-active", "--quiet", unit)).returncode == 0


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # Root's own path may lack what administrators' programs are in.
    program = shutil.which(command[0], path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise CommandFailed(f"{command[0]}: there is no such program here")
    try:
        return subprocess.run(  # noqa: S603  # fixed commands, no shell
            [program, *command[1:]], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise CommandFailed(f"{' '.join(command)}: {error.strerror}") from None


def make_user(server: IServer) -> bool:
    """See that there is the user that the service runs as; whether it had to be made. Raises `CommandFailed`."""
    if server.has_user(USER):
        return False
    home = ("--no-create-home", "--home-dir", "/var/lib/a1gateway", "--shell", "/usr/sbin/nologin")
    server.run("useradd", "--system", "--user-group", *home, USER)
    return True


def install_units(server: IServer) -> list[Path]:
    """Put the units where none are yet; those that it has put. Raises `OSError`.

    The service starts the twistd of this installation.
    """
    put = []
    for name in (SERVICE, SOCKET):
        if any((server.root / folder / name).is_file() for folder in UNIT_FOLDERS):
            continue
        text = shipped(name)
        if name == SERVICE:
            text = text.replace(_TWISTD, str(Path(sys.executable).with_name("twistd")))
        path = server.root / UNIT_FOLDERS[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with as_a_whole(path, "utf-8", 0o644) as file:
            file.write(text)
        put.append(path)
    return put


def shipped(name: str) -> str:
    """The text of a file that comes with the gateway: a unit, or the example of a configuration."""
    return (files(__package__) / "shipped" / name).read_text("utf-8")


def enable(server: IServer, *, with_socket: bool) -> None:
    """Let the service start with the server, and systemd hold its port before it; raises `CommandFailed`."""
    server.run("systemctl", "enable", *([SOCKET] if with_socket else []), SERVICE)


def start(server: IServer, *, with_socket: bool) -> None:
    """Start the service, or start it again with what has changed; raises `CommandFailed`."""
    server.run("systemctl", "daemon-reload")
    if with_socket and not server.is_active(SOCKET):
        # A daemon that has opened the port itself would keep the socket from getting it.
        server.run("systemctl", "stop", SERVICE)
        server.run("systemctl", "start", SOCKET)
    server.run("systemctl", "restart", SERVICE)

"""A fresh Debian with systemd, made by debootstrap and booted by systemd-nspawn in a network of its own."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..daemon.processes import eventually

P = ParamSpec("P")
T = TypeVar("T")

SUITE = "bookworm"
PROGRAMS = ("debootstrap", "systemd-nspawn", "nsenter")
"""What has to be here; Debian has it in debootstrap, systemd-container and util-linux."""

_CLONE_NEWNET = 0x40000000
_KEPT_IN_MEMORY = 5_000_000  # kB; with less memory than that the root stands on the disk
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class CommandFailed(AssertionError):
    """A command in the machine has ended with another status than 0."""


class Machine:
    """The root at `root`; commands run in it once it is booted, and before by `install`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._inside: ThreadPoolExecutor | None = None
        self._leader = 0

    def install(self, *packages: str) -> None:
        """Install packages of Debian's before the boot, with the network of this machine."""
        self._before("apt-get", "satisfy", "-y", "-qq", "--no-install-recommends", ", ".join(packages))

    def _before(self, *command: str) -> None:
        settings = {name: os.environ[name] for name in _PROXIES if name in os.environ}
        settings |= {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "--resolv-conf=copy-host"]
        given = [f"--setenv={name}={value}" for name, value in settings.items()]
        _checked([*nspawn, *given, f"--directory={self.root}", "--", *command])

    def boot(self) -> None:
        """Start systemd in it, and wait until everything is started; its network is a loopback alone."""
        options = ["--quiet", "--register=no", "--keep-unit", "--private-network", "--link-journal=no"]
        command = ["systemd-nspawn", *options, "--console=pipe", f"--directory={self.root}", "--boot"]
        self._nspawn = nspawn = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._leader = eventually(lambda: _systemd_under(nspawn), 60, "systemd is started")
        eventually(lambda: self._state() in ("running", "degraded"), 120, "the machine is up")
        self._inside = ThreadPoolExecutor(4, "inside", _enter_network, (self._leader,))

    def _state(self) -> str:
        return self._run(["systemctl", "is-system-running"]).stdout.strip()

    def run(self, *command: str) -> str:
        """What a command in the machine, by root, says on its standard output; raises `CommandFailed`."""
        done = self._run(command)
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()
            raise CommandFailed(f"{' '.join(command)}: status {done.returncode}\n{said}")
        return done.stdout

    def status(self, *command: str) -> int:
        """The exit status of a command in the machine."""
        return self._run(command).returncode

    def _run(self, command: tuple[str, ...] | list[str]) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        entered = ["nsenter", f"--target={self._leader}", "--all", "--wd=/", *command]
        return subprocess.run(
            entered, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def inside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call this function where the machine's loopback is that of the calling thread."""
        assert self._inside is not None, "boot it first"
        return self._inside.submit(work, *args, **kwargs).result()

    def close(self) -> None:
        """Switch it off."""
        if self._inside is not None:
            self._inside.shutdown()
        if self._nspawn is None:
            return
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()


@contextmanager
def fresh(root: Path) -> Iterator[Machine]:
    """A Debian that nobody has used, with systemd, at the new path `root`; not booted, and switched off at the end.

    Packages come from where apt on this machine gets Debian's.
    """
    sources = _sources()
    mirror = sources[0].split()[1]
    _checked(["debootstrap", "--variant=minbase", SUITE, str(root), mirror])
    (root / "etc/apt/sources.list").write_text("".join(f"{line}\n" for line in sources))
    (root / "etc/apt/apt.conf.d/90as-outside").write_text(_transport())
    # Whatever the machine loses when it is cut off is of no use to anybody.
    (root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
    machine = Machine(root)
    machine._before("apt-get", "update", "-qq")
    machine.install("systemd-sysv", "dbus")
    try:
        yield machine
    finally:
        machine.close()


@contextmanager
def place() -> Iterator[Path]:
    """A folder for all of it, in memory where there is enough: most of the time goes into waiting for the disk."""
    with tempfile.TemporaryDirectory(prefix="a1gateway-debian-") as temporary:
        available = next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line)
        if int(available.split()[1]) < _KEPT_IN_MEMORY:
            yield Path(temporary)
            return
        _checked(["mount", "-t", "tmpfs", "-o", "mode=0755,size=4G", "a1gateway-debian", temporary])
        try:
            yield Path(temporary)
        finally:
            _checked(["umount", "--lazy", temporary])


def _sources() -> list[str]:
    """Where apt gets Debian's packages of this suite, as lines of a sources.list; the suite itself first."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    said = _checked(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Component: main"])
    ours = {f"{SUITE}{ending}" for ending in ("", "-updates", "-security")}
    lines = sorted({line for line in said.splitlines() if line.split()[2] in ours}, key=lambda line: line.split()[2])
    assert lines, f"apt on this machine has no packages of {SUITE}"
    assert lines[0].split()[2] == SUITE, lines
    return lines


def _transport() -> str:
    """How apt on this machine reaches them."""
    wanted = ("Acquire::http", "Acquire::https")
    return "".join(
        f"{line}\n" for line in _checked(["apt-config", "dump"]).splitlines() if line.split(" ")[0].startswith(wanted)
    )


def _systemd_under(nspawn: subprocess.Popen[bytes]) -> int | None:
    for child in Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
            return int(child)
    assert nspawn.poll() is None, "systemd-nspawn has ended"
    return None


def _enter_network(process: int) -> None:
    """Take this thread into the network of `process`; see setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{process}/ns/net") as network:
        if libc.setns(network.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def _checked(command: list[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(
            f"{' '.join(command)}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


def missing() -> list[str]:
    """What this machine lacks to make one: programs, or to be root."""
    programs = [program for program in PROGRAMS if shutil.which(program) is None]
    return programs + (["root's rights"] if os.geteuid() else [])

"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from . import kannel
from .cores import Cores

_SYNCS = 100


def describe(directory: Path, cores: Cores) -> list[tuple[str, str]]:
    """Machine and versions, a line each; `directory` is where the journals are."""
    one = cores.measured == cores.rest
    return [
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores; {'the daemon shares its core' if one else 'one for the daemon'}"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"),
        ("load before", f"{os.getloadavg()[0]:.2f} (1 minute)"),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("disk", f"{_disk(directory)}; a sync of 4 KiB takes {_sync(directory) * 1000:.2f} ms"),
        ("a1gateway", _revision()),
        ("Python", platform.python_version()),
        ("Twisted", version("twisted")),
        ("SQLite", sqlite3.sqlite_version),
        ("SQLAlchemy", version("sqlalchemy")),
        ("Kannel", kannel.version()),
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _disk(directory: Path) -> str:
    """The device and the file system that a folder is on."""
    device = directory.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        fields = line.split()
        if fields[2] == wanted:
            kind, source = fields[fields.index("-") + 1 : fields.index("-") + 3]
            return f"{source}, {kind}"
    return "unknown"


def _sync(directory: Path) -> float:
    """The median time of a small write with its sync, in seconds."""
    file = directory / "sync"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    times = []
    try:
        for number in range(_SYNCS):
            begun = time.perf_counter()
            os.pwrite(descriptor, b"\0" * 4096, 4096 * number)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - begun)
    finally:
        os.close(descriptor)
        file.unlink()
    return median(times)


def _revision() -> str:
    described = subprocess.run(
        ["git", "describe", "--tags", "--always", "--dirty"],  # noqa: S607  # the developer's own
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or version("a1gateway")

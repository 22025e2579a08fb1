"""`make deb`: the package for Debian 12, the same to the last byte for the same source."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from . import source


def build(target: Path, checkout: Path = source.CHECKOUT, change: Callable[[Path], None] | None = None) -> Path:
    """Write the package into `target`; its path. Raises `CalledProcessError` when the build fails, its log said.

    For the architecture of this machine, which is a Debian 12 with what `debian/control` builds with. Wheels are
    fetched from wherever pip is told to. `change` is done to the copy of the source that it is built from.
    """
    target.mkdir(parents=True, exist_ok=True)
    # What is set for other builds, or for the Python that this runs in, is nothing to this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DEB_", "PYTHON"))}
    environment["SOURCE_DATE_EPOCH"] = str(source.moment(checkout))
    # debhelper gives pip another home, where what it has fetched before is not.
    environment.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    with tempfile.TemporaryDirectory(dir=target, prefix="building-") as temporary:
        copied = Path(temporary) / "source"
        source.copy(copied, checkout)
        if change is not None:
            change(copied)
        command = ["dpkg-buildpackage", "--build=binary", "--unsigned-changes", "--unsigned-buildinfo"]
        done = subprocess.run(  # noqa: S603
            command,
            cwd=copied,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            umask=0o022,
        )
        if done.returncode:
            sys.stderr.write(done.stdout)
            done.check_returncode()
        [package] = Path(temporary).glob("*.deb")
        (target / package.name).write_bytes(package.read_bytes())
    return target / package.name


def main(arguments: Sequence[str] | None = None) -> None:
    """Build it and say where it is."""
    whole = argparse.ArgumentParser(prog="python -m packages.deb", description="the package for Debian 12")
    whole.add_argument("target", metavar="FOLDER", type=Path, help="where it goes")
    print(build(whole.parse_args(arguments).target))  # noqa: T201


if __name__ == "__main__":
    main()

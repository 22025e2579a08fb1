"""`make dist`: the wheel and the source archive, the same to the last byte for the same source."""

from __future__ import annotations

import argparse
import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import source


def build(target: Path, checkout: Path = source.CHECKOUT) -> tuple[Path, Path]:
    """Write the wheel and the source archive into `target`; the wheel is made from the archive.

    With the setuptools beside this interpreter, which `requirements/build.txt` pins.
    """
    target.mkdir(parents=True, exist_ok=True)
    moment = source.moment(checkout)
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(moment), "PYTHONHASHSEED": "0"}
    with tempfile.TemporaryDirectory(prefix="a1gateway-dist-") as temporary:
        copied, made = Path(temporary) / "source", Path(temporary) / "made"
        source.copy(copied, checkout)
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(copied)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, umask=0o022)  # noqa: S603
        [wheel] = made.glob("*.whl")
        [archive] = made.glob("*.tar.gz")
        wheel_here, archive_here = target / wheel.name, target / archive.name
        wheel_here.write_bytes(wheel.read_bytes())
        archive_here.write_bytes(_levelled(archive.read_bytes(), moment))
    return wheel_here, archive_here


def _levelled(archive: bytes, moment: int) -> bytes:
    """The archive without what differs from one build to the next: setuptools keeps its clock and its user."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as before,
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=moment) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda each: each.name):
            member.mtime, member.pax_headers = moment, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            after.addfile(member, before.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Build both and say where they are."""
    whole = argparse.ArgumentParser(prog="python -m packages.dist", description="the wheel and the source archive")
    whole.add_argument("target", metavar="FOLDER", type=Path, help="where they go")
    for made in build(whole.parse_args(arguments).target):
        print(made)  # noqa: T201


if __name__ == "__main__":
    main()

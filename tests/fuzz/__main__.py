"""`make fuzz`: one target after another, each for its share of the time; what goes wrong is put into the corpus."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .corpus import FOLDER, keep, kept

# Known here by their folders: the targets themselves are imported where the code is instrumented.
NAMES = sorted(each.name for each in FOLDER.iterdir())
# Seconds for one input, megabytes for all together, octets of one input.
_LIMITS = ("-timeout=20", "-rss_limit_mb=600", "-max_len=4096")


def main() -> int:
    """1 when anything was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together (600)")
    parser.add_argument(
        "--keep", type=int, default=0, help="put so many new inputs of each target into the corpus (0)"
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; none: all")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    names = options.targets or NAMES
    share = max(1, options.seconds // len(names))
    return max([_fuzz(name, share, options.keep) for name in names])


def _fuzz(name: str, seconds: int, most: int) -> int:
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as place:
        folder = Path(place)
        old, new, faults = folder / "old", folder / "new", folder / "faults"
        for each in (old, new, faults):
            each.mkdir()
        for stem, octets in kept(name):
            (old / stem).write_bytes(octets)
        said = _run(name, new, old, *_LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={faults}/")
        tried = re.findall(r"^#(\d+)", said, re.MULTILINE)
        memory = re.findall(r"rss: (\d+)Mb", said)
        _say(f"{name}: {tried[-1] if tried else 0} inputs in {seconds} s, {(memory or ['?'])[-1]} MB")
        # From the shortest to the longest, each of which has gone where none had before it.
        fresh = sorted((each.read_bytes() for each in new.iterdir()), key=len)
        for octets in fresh[:: max(1, len(fresh) // most)][:most] if most else []:
            keep(name, octets)
        found = sorted(faults.iterdir())
        for each in found:
            _say(f"{name}: FAULT, kept in {keep(name, each.read_bytes(), 'fault')}")
        if found or not tried:
            _say(said[-6000:])
        return 1 if found or not tried else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(name: str, *arguments: Path | str) -> str:
    command = [sys.executable, "-m", "tests.fuzz.one", name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main())

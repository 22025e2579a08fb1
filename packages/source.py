"""The source as git knows it, or as a source archive holds it: what every package is made from."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# Where a source archive says what is in it; setuptools writes it there.
_LISTED = Path("a1gateway.egg-info") / "SOURCES.txt"


def files(checkout: Path = CHECKOUT) -> list[str]:
    """The source's files, sorted, without those that are deleted and not yet committed so."""
    if (checkout / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, check=True, capture_output=True, text=True)  # noqa: S607
        names = listed.stdout.split("\0")
    else:
        names = (checkout / _LISTED).read_text("utf-8").splitlines()
    return sorted(name for name in names if name and not _made(name) and (checkout / name).is_file())


def _made(name: str) -> bool:
    return name == "PKG-INFO" or name.startswith(f"{_LISTED.parent}/")


def moment(checkout: Path = CHECKOUT) -> int:
    """The source's age: seconds since 1970 of the last commit, which everything in a package is dated with.

    `SOURCE_DATE_EPOCH` goes before it; in a source archive the archive's own files have that date.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    if (checkout / ".git").exists():
        command = ["git", "log", "-1", "--format=%ct"]
        return int(subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    return int((checkout / _LISTED).stat().st_mtime)


def copy(target: Path, checkout: Path = CHECKOUT) -> None:
    """Copy the source into the new directory `target`, the modes as git keeps them, whatever the umask is."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for name in files(checkout):
        here, there = checkout / name, target / name
        for folder in reversed(there.relative_to(target).parents):
            (target / folder).mkdir(exist_ok=True)
            (target / folder).chmod(0o755)
        there.write_bytes(here.read_bytes())
        there.chmod(0o755 if os.access(here, os.X_OK) else 0o644)

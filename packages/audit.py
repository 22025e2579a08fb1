"""`make audit`: PyPI's advisories about every locked version."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOUND, UNASKED = 1, 3
_LOCKS = ("requirements/runtime.txt", "requirements/build.txt")


@dataclass
class Audit:
    """What pip-audit found out about the packages of one lock file."""

    advisories: list[str] = field(default_factory=list)
    """One line for each, with the package, its version and the version that mends it."""
    unasked: list[str] = field(default_factory=list)
    """Packages of which PyPI would not say anything, with the reason."""
    clean: int = 0
    """How many packages have no advisory."""


def read(report: Any) -> Audit:
    """The audit from pip-audit's JSON."""
    found = Audit()
    for package in report["dependencies"]:
        name = package["name"]
        if "skip_reason" in package:
            found.unasked.append(f"{name}: {package['skip_reason']}")
            continue
        for each in package["vulns"]:
            mended = ", ".join(each["fix_versions"]) or "no version yet"
            found.advisories.append(f"{name} {package['version']}: {each['id']}, mended by {mended}")
        found.clean += not package["vulns"]
    return found


def ask(lock: Path) -> Audit:
    """Have pip-audit ask about everything in `lock`; raises `CalledProcessError` when it fails otherwise."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner=off"]
    asked = subprocess.run(  # noqa: S603
        [*command, "--format=json", f"--requirement={lock}"], capture_output=True, text=True, check=False
    )
    if not asked.stdout.strip():
        # It writes nothing when the service cannot be reached at all.
        return Audit(unasked=[f"{lock}: {(asked.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}"])
    return read(json.loads(asked.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """0: no advisory; 1: some; 3: PyPI could not be asked about everything."""
    parser = argparse.ArgumentParser(prog="python -m packages.audit", description=__doc__)
    parser.add_argument("locks", nargs="*", type=Path, default=[Path(lock) for lock in _LOCKS])
    parser.add_argument(
        "--if-reachable", action="store_true", help="status 0, with a word, where no advisories can be asked for"
    )
    given = parser.parse_args(arguments)
    audits = [ask(lock) for lock in given.locks]
    advisories = [line for audit in audits for line in audit.advisories]
    unasked = [line for audit in audits for line in audit.unasked]
    for line in [*advisories, *unasked]:
        sys.stdout.write(f"{line}\n")
    clean = sum(audit.clean for audit in audits)
    sys.stdout.write(f"{clean} without an advisory, {len(advisories)} advisories, {len(unasked)} not asked about\n")
    if advisories:
        return FOUND
    if unasked and not (given.if_reachable and not clean):
        return UNASKED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

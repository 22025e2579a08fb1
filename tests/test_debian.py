"""The package for Debian is of this version, and has what the daemon needs; `make deb-proof` tries it on a Debian."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from a1gateway import __version__

from .debian.proof import NEXT, bumped

ROOT = Path(__file__).parent.parent
DEBIAN = ROOT / "debian"
SCRIPTS = ["preinst", "postinst", "prerm", "postrm"]


def version(changelog: Path) -> str:
    """The version of the latest entry."""
    found = re.match(r"a1gateway \(([^)]+)\) bookworm; ", changelog.read_text("utf-8"))
    assert found is not None
    return found[1]


def test_its_version_is_that_of_the_program() -> None:
    assert version(DEBIAN / "changelog") == __version__


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_scripts_are_understood_by_the_shell_and_end_at_the_first_fault(name: str) -> None:
    script = DEBIAN / f"a1gateway.{name}"
    lines = script.read_text("utf-8").splitlines()
    assert lines[:2] == ["#!/bin/sh", "set -e"]
    assert lines.count("#DEBHELPER#") == 1
    subprocess.run(["sh", "-n", script], check=True)


def test_the_environment_is_where_the_unit_starts_the_daemon() -> None:
    rules = (DEBIAN / "rules").read_text("utf-8")
    [prefix] = re.findall(r"^PREFIX := (\S+)$", rules, re.MULTILINE)
    for unit in (ROOT / "systemd").glob("*.service"):
        [command] = re.findall(r"^ExecStart=(\S+)", unit.read_text("utf-8"), re.MULTILINE)
        assert str(Path(command).parent) == f"{prefix}/bin"


def test_only_locked_wheels_get_into_it() -> None:
    """Whatever pip installs is checked against a hash, but the wheel of the program itself, which is made there."""
    rules = (DEBIAN / "rules").read_text("utf-8")
    installations = re.findall(r"^\t(?:\$\(INSTALL\)|.* -m pip install)(.*)$", rules, re.MULTILINE)
    assert len(installations) == 3
    for options in installations:
        assert "--require-hashes --only-binary :all:" in options or "--no-deps --no-index" in options


def test_a_purge_takes_away_the_settings_of_every_unit() -> None:
    script = (DEBIAN / "a1gateway.postrm").read_text("utf-8")
    [named] = re.findall(r"for unit in (.*); do", script)
    assert set(named.split()) == {unit.name for unit in (ROOT / "systemd").iterdir()}


def test_the_version_that_the_proof_upgrades_to_is_a_later_one(tmp_path: Path) -> None:
    for name in ("a1gateway/__init__.py", "debian/changelog"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    bumped(tmp_path)
    assert f'__version__ = "{NEXT}"' in (tmp_path / "a1gateway/__init__.py").read_text("utf-8")
    assert version(tmp_path / "debian/changelog") == NEXT
    assert (DEBIAN / "changelog").read_text("utf-8") in (tmp_path / "debian/changelog").read_text("utf-8")
    assert Version(NEXT) > Version(__version__)

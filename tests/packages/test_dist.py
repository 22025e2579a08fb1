"""What `make dist` makes is whole, runs by itself, and is the same to the last byte whenever it is made."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from packages import dist, source


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source archive of this checkout."""
    return dist.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def archive(built: tuple[Path, Path]) -> Path:
    return built[1]


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody has who has the source archive and no git."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="tar")
    [inside] = folder.iterdir()
    return inside


def test_everything_that_the_daemon_needs_is_in_the_wheel(wheel: Path) -> None:
    wanted = {name for name in source.files() if name.startswith(("a1gateway/", "twisted/"))}
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"a1gateway/py.typed", "twisted/plugins/a1gateway_plugin.py"} <= wanted
    assert wanted - inside == set()
    assert "twisted/plugins/__init__.py" not in inside
    assert not [name for name in inside if name.startswith(("tests/", "packages/", "benchmarks/"))]


def test_everything_that_git_knows_is_in_the_source_archive(unpacked: Path) -> None:
    assert source.files(unpacked) == source.files()
    # setuptools adds a section of its own to this one.
    for name in set(source.files()) - {"setup.cfg"}:
        assert (unpacked / name).read_bytes() == (source.CHECKOUT / name).read_bytes(), name
        assert os.access(unpacked / name, os.X_OK) == os.access(source.CHECKOUT / name, os.X_OK), name


def test_the_source_archive_makes_the_same_packages_again(
    built: tuple[Path, Path], unpacked: Path, tmp_path: Path
) -> None:
    """Elsewhere, later, for somebody with another umask, and without git."""
    before = os.umask(0o077)
    try:
        again = dist.build(tmp_path / "again", unpacked)
    finally:
        os.umask(before)
    assert [path.name for path in again] == [path.name for path in built]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in built]


def test_everything_in_the_source_archive_is_as_old_as_the_last_commit(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        members = packed.getmembers()
    assert {member.mtime for member in members} == {source.moment()}
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}


def test_the_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(target)  # noqa: S202  # made here
    environment = os.environ | {"PYTHONPATH": str(target)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    twistd = str(Path(sys.executable).with_name("twistd"))
    assert "--config=" in run(twistd, "a1gateway", "--help")
    opened = run(
        "-c",
        "import a1gateway\n"
        "from a1gateway.journal import Store\n"
        "from a1gateway.pages.renderer import Assets, Renderer\n"
        "from a1gateway.words.words import words\n"
        "Store('sqlite:///journal.sqlite3').prepare()\n"
        "Renderer(Assets()).render('refusal.html', words('be'), {'key': 'entry.later'})\n"
        "print(a1gateway.__file__)",
    )
    assert opened.strip() == str(target / "a1gateway" / "__init__.py")

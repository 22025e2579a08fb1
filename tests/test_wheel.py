"""What is installed is whole: plugin, templates and migrations are lost first when packaging goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent


def tracked(under: str) -> set[str]:
    """The files that git knows and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    names = {name for name in listed.stdout.split("\0") if name.startswith(under)}
    return {name for name in names if (CHECKOUT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in tracked(""):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((CHECKOUT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    [built] = folder.glob("*.whl")
    return built


def test_everything_that_the_daemon_needs_is_in_the_wheel(wheel: Path) -> None:
    wanted = tracked("a1gateway/") | tracked("twisted/")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert wanted - inside == set()
    assert "twisted/plugins/__init__.py" not in inside
    assert not [name for name in inside if name.startswith("tests/")]


def test_the_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(target)
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
        "from a1gateway.pages.words import words\n"
        "Store('sqlite:///journal.sqlite3').prepare()\n"
        "Renderer(Assets()).render('refusal.html', words('be'), {'key': 'entry.later'})\n"
        "print(a1gateway.__file__)",
    )
    assert opened.strip() == str(target / "a1gateway" / "__init__.py")

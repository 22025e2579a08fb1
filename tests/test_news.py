"""The news of a change: files that towncrier gathers into the changelog, each of a type that its README explains."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from a1gateway import __version__

ROOT = Path(__file__).parent.parent
NEWS = ROOT / "changelog.d"
TYPES = [
    each["directory"]
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]["type"]
]


def fragments() -> list[Path]:
    return sorted(path for path in NEWS.glob("*.md") if path.name != "README.md")


def test_the_readme_explains_every_type_and_no_other() -> None:
    assert re.findall(r"^\| `(\w+)` \|", (NEWS / "README.md").read_text("utf-8"), re.MULTILINE) == TYPES


def test_every_fragment_has_an_issue_and_a_type_and_says_something() -> None:
    """After a release there are none."""
    for fragment in fragments():
        assert re.fullmatch(rf"\d+\.({'|'.join(TYPES)})(\.\d+)?\.md", fragment.name), fragment.name
        assert fragment.read_text("utf-8").strip().endswith("."), f"{fragment.name}: whole sentences"


def test_a_release_gathers_every_fragment() -> None:
    """As it would be written now: nothing is left out, and nothing is changed by looking."""
    towncrier = Path(sys.executable).with_name("towncrier")
    draft = subprocess.run(
        [towncrier, "build", "--draft", "--version", "99.0", "--date", "2026-11-30"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    said = " ".join(draft.split())
    assert "## 99.0 (2026-11-30)" in said
    for fragment in fragments():
        assert " ".join(fragment.read_text("utf-8").split()).removesuffix(".") in said


def test_the_changelog_begins_with_the_latest_release() -> None:
    path = ROOT / "CHANGELOG.md"
    headings = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", path.read_text("utf-8"), re.MULTILINE)
    assert headings[0] == __version__

"""The advisories about what the packages are built from, as pip-audit tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from packages import audit
from packages.audit import FOUND, UNASKED, Audit

ROOT = Path(__file__).parent.parent
# As pip-audit 2.9 writes it with --format=json.
REPORT = {
    "dependencies": [
        {"name": "twisted", "version": "26.10.0", "vulns": []},
        {
            "name": "jinja2",
            "version": "3.1.2",
            "vulns": [{"id": "PYSEC-2024-1", "fix_versions": ["3.1.3", "3.2"], "aliases": [], "description": "..."}],
        },
        {"name": "six", "version": "1.0", "vulns": [{"id": "PYSEC-2024-2", "fix_versions": []}]},
        {"name": "ours", "skip_reason": "Dependency not found on PyPI"},
    ],
    "fixes": [],
}
CLEAN = Audit(clean=3)
SILENT = Audit(unasked=["six: Dependency not found on PyPI"])
OPEN = Audit(["six 1.0: PYSEC-2024-2, mended by no version yet"], [], 2)


def test_an_advisory_is_told_with_the_version_that_mends_it() -> None:
    found = audit.read(REPORT)
    assert found.advisories == [
        "jinja2 3.1.2: PYSEC-2024-1, mended by 3.1.3, 3.2",
        "six 1.0: PYSEC-2024-2, mended by no version yet",
    ]
    assert found.unasked == ["ours: Dependency not found on PyPI"]
    assert found.clean == 1


@pytest.mark.parametrize(
    ("audits", "strict", "where_reachable"),
    [
        ([CLEAN, CLEAN], 0, 0),
        ([CLEAN, OPEN], FOUND, FOUND),
        ([OPEN, SILENT], FOUND, FOUND),
        ([CLEAN, SILENT], UNASKED, UNASKED),
        ([SILENT, SILENT], UNASKED, 0),
    ],
    ids=["clean", "advisories", "advisories and silence", "not asked about everything", "nobody to ask"],
)
def test_silence_passes_only_where_nobody_can_be_asked_and_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    audits: list[Audit],
    strict: int,
    where_reachable: int,
) -> None:
    for options, expected in (([], strict), (["--if-reachable"], where_reachable)):
        left = list(audits)
        monkeypatch.setattr(audit, "ask", lambda lock, left=left: left.pop(0))
        assert audit.main([*options, "one.txt", "two.txt"]) == expected
        said = capsys.readouterr().out.splitlines()
        assert {line for each in audits for line in each.advisories + each.unasked} <= set(said)


def test_pip_audit_itself_says_something_of_every_locked_package(tmp_path: Path) -> None:
    """Of the real program: a package is clean, has advisories, or nobody could be asked about it."""
    lock = tmp_path / "lock.txt"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n", "utf-8")
    found = audit.ask(lock)
    assert found.clean + len(found.advisories) + len(found.unasked) == 1
    assert not found.advisories

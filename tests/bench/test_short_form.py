"""`make bench` in its short form: real processes, and no figure but that there is one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import kannel
from benchmarks.visiting import PAGES

SCENARIOS = ("smpp-past", "waiting-http", "kannel", "pages", "export")


def test_in_a_short_benchmark_the_books_agree_and_the_table_is_complete(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    command = [sys.executable, "-m", "benchmarks", "--short", "--folder", str(tmp_path), "--output", str(table)]
    for scenario in SCENARIOS:
        command += ["--only", scenario]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    text = table.read_text("utf-8")
    assert text in ended.stdout
    for name in ("CPU", "kernel", "disk", "a1gateway", "Python", "Twisted", "SQLite", "Kannel"):
        assert re.search(rf"^\| {name} \| \S", text, re.MULTILINE), name
    columns = ["smpp-past"]
    reason = kannel.why_not()
    if reason is None:
        columns.append("kannel")
    else:
        assert f"kannel:\n  skipped: {reason}" in ended.stdout
    assert f"| figure | {' | '.join(columns)} |" in text
    for figure in (
        "accepted messages a second",
        "time to the answer at full speed, p50, ms",
        "time to the answer at full speed, p99, ms",
        "time to the answer at 100 a second, p99, ms",
        "messages a second, handler to final status",
        "CPU ms a message",
        "of it user",
        "of it system",
        "peak resident memory, MB",
        "requests to A1 a message",
        "requests to the portal a message",
    ):
        line = re.search(rf"^\| {re.escape(figure)} \| (.*) \|$", text, re.MULTILINE)
        assert line, figure
        assert all(re.fullmatch(r"[\d.]+", cell) for cell in line[1].split(" | ")), line[0]
    waiting = "peak resident memory, 300 waiting, MB"
    assert re.search(rf"^\| {waiting} \| waiting-http \| \d+ \|$", text, re.MULTILINE)
    assert re.search(r"^\| counting 1,000 messages into the statistics, s \| pages \| [\d.]+ \|$", text, re.MULTILINE)
    assert re.search(r"^\| analytics of a year, ms \| pages \| \d+ \|$", text, re.MULTILINE)
    assert re.search(r"^\| messages of a contact's card, ms \| pages \| \d+ \|$", text, re.MULTILINE)
    pages = re.findall(r"^\| page: ([^|]+), ms \| pages \| \d+ \|$", text, re.MULTILINE)
    assert pages == [page.of for page in PAGES]
    for form in ("CSV", "XLSX"):
        assert re.search(rf"^\| export of 1,000 messages as {form}, s \| export \| [\d.]+ \|$", text, re.MULTILINE)
    # Nothing is left but what the next run can use.
    left = sorted(each.name.split("-")[0] for each in tmp_path.iterdir() if each != table)
    assert left == ["journal", "year"]

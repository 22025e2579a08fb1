"""Erasing a number with the real command: while the daemon runs, and while none does."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from .commands import command
from .processes import Warden
from .stack import Stack, delivered_to


def test_a_number_is_erased_with_the_daemon_and_without(warden: Warden, tmp_path: Path) -> None:
    stack = Stack(warden, tmp_path, warm=True).started()
    try:
        ours, others = stack.send(delivered_to(1)), stack.send(delivered_to(2))
        for sent in (ours, others):
            stack.is_delivered_once(sent)
        digits = ours.to.removeprefix("+375")

        shown = command(stack, "erase", "--number", f"8 0{digits}", "--dry-run", "--language", "en")
        assert (shown.returncode, "SMS to this number: texts and number: 1" in shown.stdout) == (0, True), shown
        refused = command(stack, "erase", "--number", ours.to, "--language", "en")
        assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
        assert stack.gateway.rows("SELECT text FROM messages WHERE masked_at IS NOT NULL") == []

        done = command(stack, "erase", "--number", ours.to, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["erasure"]["counts"] == {"messages": 1}
        assert not any(json.loads(done.stdout)["left"].values())

        # The daemon goes on, and Bitrix24 gets the same answer.
        stack.is_delivered_once(stack.send(delivered_to(3)))
        process = stack.gateway.process
        process.signal(signal.SIGTERM)
        process.wait(30)
        # What is on disk is all that a thief of the disk would have.
        content = b"".join(path.read_bytes() for path in tmp_path.rglob("*sqlite3*") if path.is_file())
        assert digits.encode() not in content
        assert ours.text.encode() not in content
        assert others.text.encode() in content

        again = command(stack, "erase", "--number", others.to, "--yes", "--language", "ru")
        assert (again.returncode, "стёрты" in again.stdout) == (0, True), again
        records = json.loads(command(stack, "erase", "--list", "--json").stdout)
        assert [each["counts"] for each in records] == [{"messages": 1}, {"messages": 1}]
        compacted = command(stack, "compact", "--language", "en")
        assert (compacted.returncode, "MB now" in compacted.stdout) == (0, True), compacted
        stack.kept_its_secrets()
    finally:
        stack.close()

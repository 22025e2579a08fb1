"""`make crash`: the daemon is killed again and again while messages are sent, and the books must agree.

Prints what it does and a table, and exits with 1 when the books disagree: then the folder with the books, the journal
and the logs is kept.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from ..centre.centre import why_not
from ..daemon.processes import Warden
from ..daemon.stack import Stack
from .kills import Transport, draw
from .run import CHANGES, MANNERS, Run

# So many messages are shown with their whole way; the file has all of them.
_SHOWN = 5


def say(line: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(transport: Transport, directory: Path, *, kills: int, seed: int) -> bool:
    """One run; whether the books agree."""
    warden = Warden()
    try:
        stack = Stack(warden, directory, warm=True, manner=MANNERS[transport], certificate=None, **CHANGES[transport])
        made = Run(stack.started(), transport, draw(transport, kills, seed), seed=seed, say=say)
        verdict = made.play()
    finally:
        warden.close()
    rows = [
        ("kills", kills),
        ("of these before the step that was meant had come", made.missed),
        ("installations anew, the tokens' refresh having been cut off", made.installations),
        *verdict.rows,
    ]
    for what, number in rows:
        say(f"{number:>8}  {what}")
    if verdict.faults:
        file = directory / "disagreements.txt"
        ways = file.read_text("utf-8").split("\n\n")
        say("\n\n".join(ways[:_SHOWN]))
        say(f"seed {seed}; all of them are in {file}")
    return not verdict.faults


def main(arguments: Sequence[str]) -> int:
    """Run for each transport; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--transport", choices=(*get_args(Transport), "both"), default="both")
    parser.add_argument("--kills", type=int, default=200, help="for each transport")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31), help="repeats a run's choices")
    parser.add_argument("--keep", action="store_true", help="keep the folder in any case")
    chosen = parser.parse_args(arguments)
    transports: tuple[Transport, ...] = get_args(Transport) if chosen.transport == "both" else (chosen.transport,)
    reason = why_not() if "smpp" in transports else None
    if reason is not None:
        say(f"not over SMPP: {reason}; --transport http does without")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    agree = True
    for transport in transports:
        say(f"{transport}: {chosen.kills} kills, seed {chosen.seed}; books and logs in {folder / transport}")
        agree = run(transport, folder / transport, kills=chosen.kills, seed=chosen.seed) and agree
    if agree and not chosen.keep:
        shutil.rmtree(folder)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

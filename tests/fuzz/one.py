"""One target under atheris: `python -m tests.fuzz.one TARGET FOLDER [libFuzzer's options]`; ends the process."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris


def main() -> None:
    """Instrument what is to be explored before anything has imported it, and go on until libFuzzer has had enough."""
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["a1gateway", "klein", "twisted.web.http"]):
        from .targets import TARGETS
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=Path(arguments[0]).parent))
    target = TARGETS[name](folder)
    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What was found, as lines for people, and as JSON for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .. import __version__
from ..checklist.findings import Check, Finding, State
from ..checklist.lines import Line, lines_of
from ..control.checklist import written_checks
from ..words.words import Words, words

MARKS = {State.GOOD: "ok", State.BAD: "FAIL", State.WAIT: "?", State.OFF: "-"}
"""The same in every language, so that they can be looked for."""
_WIDEST_MARK = max(map(len, MARKS.values()))


def line_of(check: Check, language: Words, *, width: int | None = None) -> str:
    """One line; with `width` it is broken into several of so many characters at most, those that follow indented."""
    (line,) = lines_of([check], language)
    text = f"{MARKS[line.state]:{_WIDEST_MARK}}  {line.title}: {_said(line, language)}"
    if width is None:
        return text
    indent = " " * (_WIDEST_MARK + 2)
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _said(line: Line, language: Words) -> str:
    parts = [line.text]
    if line.what_to_do:
        parts.append(f"{language('message.do')} {line.what_to_do}")
    if line.said:
        parts.append(f"{language('setup.said')} {line.said}")
    return " ".join(" ".join(parts).split())


def sum_of(checks: Sequence[Check], language: Words) -> str:
    """The last line."""
    bad = sum(check.state is State.BAD for check in checks)
    if bad:
        return language.count("setup.bad", bad)
    unknown = sum(check.state is State.WAIT for check in checks)
    return language("setup.waits", number=unknown) if unknown else language("setup.all_good")


def as_json(checks: Sequence[Check]) -> dict[str, Any]:
    """All of it, in codes and in English."""
    return {
        "ok": is_well(checks),
        "version": __version__,
        "daemon": any(check.finding in _RUNNING for check in checks),
        "checks": list(_in_english(checks)),
    }


_RUNNING = (Finding.DAEMON_RUNS, Finding.DAEMON_OTHER_CONFIG, Finding.DAEMON_OTHER_VERSION, Finding.DAEMON_SILENT)


def is_well(checks: Iterable[Check]) -> bool:
    """Whether nothing has to be mended."""
    return all(check.state is not State.BAD for check in checks)


def _in_english(checks: Sequence[Check]) -> Iterator[dict[str, Any]]:
    lines = lines_of(checks, words("en"))
    for written, line in zip(written_checks(checks), lines, strict=True):
        yield {
            "check": written["subject"],
            "state": written["state"],
            "finding": written["finding"],
            "text": line.text,
            "remedy": line.what_to_do,
            "said": line.said,
            "facts": written["facts"],
        }

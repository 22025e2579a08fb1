"""The page about the architecture draws the rooms of the code as they are."""

from __future__ import annotations

import re

from .rooms import GROUND, ROOT, imports

_ROW = re.compile(r"^\| (?:`([a-z0-9_]+)/`|(the ground floor)) \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)


def drawn() -> dict[str, set[str]]:
    """The rooms of the page, each with those that it knows; all know the ground floor."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = text.partition("## The rooms\n")[2].partition("\n## ")[0]
    return {
        room or GROUND: set(re.findall(r"`([a-z0-9_]+)`", known)) | ({GROUND} if room else set())
        for room, _, known in _ROW.findall(section)
    }


def test_every_arrow_between_rooms_is_drawn_and_every_arrow_drawn_is_there() -> None:
    assert drawn() == imports()


def test_nobody_knows_the_sandbox() -> None:
    assert not [room for room, known in imports().items() if "sandbox" in known]

"""Which room of the code imports which, read from the code as it is: for the page about the architecture."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "a1gateway"
GROUND = "(the ground floor)"
"""The modules that stand in no room."""
ASSEMBLIES = frozenset({"tap", "cli"})
"""They know every room, and no room knows them but for the commands' sake."""


def room_of(module: str) -> str:
    """The room of `a1gateway.journal.store` is `journal`."""
    _, *parts = module.split(".")
    return parts[0] if parts and (ROOT / PACKAGE / parts[0]).is_dir() else GROUND


def imports() -> dict[str, set[str]]:
    """The rooms that each room imports something of; what `ASSEMBLIES` import is left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] in ASSEMBLIES:
            continue
        room = room_of(".".join(parts))
        found[room] |= {room_of(name) for name in _imported(path, parts)} - {room}
    return found


def _imported(path: Path, parts: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = ".".join(parts[: -node.level])
            module = ".".join(filter(None, [package, node.module]))
            # Of `from . import control`, the names may be the rooms themselves.
            yield from ([module] if node.module else [f"{module}.{each.name}" for each in node.names])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield node.module or ""

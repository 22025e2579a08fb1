"""What the commands ask about erasing a number, and about the journal's file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..erasing import Erasing
from ..journal import Journal
from ..journal.erasures import Erasure
from .operations import Operation


def erasing_operations(erasing: Erasing, journal: Journal) -> dict[str, Operation]:
    """Looking and erasing, by the `number` (`+375XXXXXXXXX`); the records; and compacting the file."""

    async def look(given: dict[str, Any]) -> Any:
        return asdict(await erasing.held(str(given["number"])))

    async def erase(given: dict[str, Any]) -> Any:
        erased = await erasing.erase(
            str(given["number"]), str(given["by"]), with_evidence=bool(given.get("with_evidence"))
        )
        return asdict(erased) | {"erasure": _written(erased.erasure)}

    async def records(given: dict[str, Any]) -> Any:
        del given
        return [_written(each) for each in await erasing.latest()]

    async def compact(given: dict[str, Any]) -> Any:
        del given
        before, after = await journal.compact()
        return {"before": before, "after": after}

    return {"erase.look": look, "erase.go": erase, "erase.records": records, "journal.compact": compact}


def _written(erasure: Erasure) -> dict[str, Any]:
    """Without the number: who asks for the records need not see it."""
    written = asdict(erasure)
    del written["msisdn"]
    return written

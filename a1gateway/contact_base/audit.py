"""`a1gateway contacts audit`: every number of the portal's contacts, leads and companies, and what is wrong with it.

The walk puts what it finds into a work file and can be interrupted at any moment; the report is made of that file
once the walk is over. Neither holds more in memory than one request brings.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent_field import ConsentField
from ..cells import no_formula, number_cell
from ..config_sections import Consent
from ..folder_sync import sync_folder
from ..hours import MINSK
from ..msisdn import Msisdn, read_number
from .items import Entity, Item
from .pages import BaseReader
from .walk import Follow, Walked, counts, go_on
from .work_file import Finding, WorkFile, remove

HEADER = (
    "entity",
    "id",
    "name",
    "number",
    "normalized",
    "verdict",
    "reason",
    "duplicates",
    "duplicate_of",
    "consent",
)
NO_NUMBER = "no_number"
"""The reason in the row of an item that has no phone."""


def work_path(output: Path) -> Path:
    """Where the work file of a report stands."""
    return output.with_name(output.name + ".part")


def open_work_file(
    output: Path, portal: str, consent: Consent | None, *, now: float, restart: bool = False
) -> WorkFile:
    """The work file beside the report `output`, of an audit of `portal`; raises `CannotGoOn`.

    `restart` begins anew, whatever is there. `now` is in seconds since the epoch.
    """
    path = work_path(output)
    if restart:
        remove(path)
    field = "" if consent is None else consent.contact_field
    granted = [] if consent is None else consent.granted_values
    settings = {"portal": portal, "contact_field": field, "granted_values": ", ".join(sorted(granted))}
    return WorkFile.open(path, settings, now=datetime.fromtimestamp(now, MINSK).isoformat(timespec="seconds"))


async def collect(
    clock: IReactorTime, reader: BaseReader, work: WorkFile, consent: ConsentField | None, follow: Follow
) -> None:
    """Walk the base, from where `work` stands to its end.

    Raises `PortalTrouble` when the portal does not answer for longer than the reader is patient, `PortalError` when
    it refuses. What has been found until then is in `work`.
    """
    walks: dict[Entity, Walked] = {}
    for entity in Entity:
        walks[entity] = work.walked(entity) or work.begin(entity, await reader.highest(entity))

    async def take(entity: Entity, items: Sequence[Item], walked: Walked) -> None:
        findings = (each for item in items for each in _findings(item, consent, clock.seconds()))
        work.keep(entity, findings, walked.last, ended=walked.ended)

    await go_on(reader, walks, work.items(), follow, take)


def _findings(item: Item, consent: ConsentField | None, now: float) -> Iterator[Finding]:
    agreed = _consent(item, consent, now)
    if not item.phones:
        yield Finding(item.entity, item.id, 0, item.name, "", "", NO_NUMBER, agreed)
    for place, phone in enumerate(item.phones):
        read = read_number(phone.value)
        if isinstance(read, Msisdn):
            normalized, reason = read.number, read.warning or ""
        else:
            normalized, reason = "", str(read.fault)
        yield Finding(item.entity, item.id, place, item.name, phone.value, normalized, reason, agreed)


def _consent(item: Item, consent: ConsentField | None, now: float) -> str:
    if consent is None or item.entity is not Entity.CONTACT:
        return ""
    evidence = consent.read(item.fields, now)
    if evidence.value is None:
        return "empty"
    return "yes" if evidence.granted else "no"


def report(work: WorkFile, output: Path) -> Iterator[str]:
    """Write the report of an audit that is over, and give a summary of it, line by line.

    The report is there as a whole or not at all; then the work file goes.
    """
    work.count_duplicates()
    _write(work, output)
    yield from _summary(work, output)
    work.remove()


def _write(work: WorkFile, output: Path) -> None:
    written = output.with_name(output.name + ".new")
    with suppress(FileNotFoundError):
        written.unlink()
    # Only Excel needs the mark at the beginning, and takes the text for another encoding without it.
    with os.fdopen(
        os.open(written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8-sig", newline=""
    ) as out:
        rows = csv.writer(out)
        rows.writerow(HEADER)
        rows.writerows(_row(*found) for found in work.findings())
        out.flush()
        os.fsync(out.fileno())
    written.replace(output)
    sync_folder(output.absolute().parent)


def _row(finding: Finding, others: int, some: list[int]) -> tuple[Any, ...]:
    contact = finding.entity is Entity.CONTACT
    return (
        finding.entity.label,
        finding.item,
        no_formula(finding.name),
        number_cell(finding.number),
        finding.normalized,
        "valid" if finding.normalized else "invalid",
        finding.reason,
        others if contact and finding.normalized else "",
        " ".join(map(str, some)),
        finding.consent,
    )


def _summary(work: WorkFile, output: Path) -> Iterator[str]:
    reasons = work.reasons()
    without = reasons.pop((False, NO_NUMBER), 0)
    valid = sum(count for (is_valid, _), count in reasons.items() if is_valid)
    yield f"{output}: {counts(work.items())}; {sum(reasons.values()):,} numbers, {without:,} items without a number"
    yield f"valid: {valid:,}" + "".join(
        f", {count:,} of them {reason}"
        for (is_valid, reason), count in sorted(reasons.items())
        if is_valid and reason
    )
    yield f"invalid: {sum(reasons.values()) - valid:,}"
    invalid = [(count, reason) for (is_valid, reason), count in reasons.items() if not is_valid]
    for count, reason in sorted(invalid, key=lambda each: (-each[0], each[1])):
        yield f"  {reason}: {count:,}"
    numbers, contacts = work.duplicates()
    yield f"duplicates: {numbers:,} numbers that {contacts:,} contacts share"
    consents = work.consents()
    if consents.keys() - {""}:
        yield "consent: " + ", ".join(f"{word} {consents.get(word, 0):,}" for word in ("yes", "no", "empty"))

"""`a1gateway contacts audit`: every number of the portal's contacts, leads and companies, and what is wrong with it.

The walk puts what it finds into a work file and can be interrupted at any moment; the report is made of that file
once the walk is over. Neither holds more in memory than one request brings.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import execute
from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent_field import ConsentField, NoSuchField, describe
from ..cells import no_formula, number_cell
from ..config_sections import Consent
from ..files_on_disk import as_a_whole
from ..hours import in_minsk
from ..interfaces import IPortal
from ..journal.spool import OffThread
from ..msisdn import Msisdn, read_number
from .items import Entity, Item, NamedEntity
from .pages import BaseReader
from .patience import Patience
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

_CONSENTS = ("yes", "no", "empty")


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
    return WorkFile.open(path, settings, now=in_minsk(now))


async def consent_field(
    portal: IPortal, consent: Consent | None, patience: Patience
) -> ConsentField | NoSuchField | None:
    """The contacts' field of consent as the portal has it; None when none is configured. Raises as `collect`."""
    if consent is None:
        return None
    asked = partial(describe, portal, consent.contact_field, consent.granted_values, consent.denied_value)
    field = await patience.answer(asked)
    patience.progressed()
    return field


async def collect(
    clock: IReactorTime,
    reader: BaseReader,
    work: WorkFile,
    consent: ConsentField | None,
    follow: Follow,
    off_thread: OffThread = execute,
) -> None:
    """Walk the base, from where `work` stands to its end.

    Raises `PortalTrouble` when the portal does not answer for longer than the reader is patient, `PortalError` when
    it refuses. What has been found until then is in `work`.
    """
    walks: dict[Entity, Walked] = {}
    for entity in Entity:
        begun = await off_thread(work.walked, entity)
        if begun is None:
            begun = await off_thread(work.begin, entity, await reader.highest(entity))
        walks[entity] = begun

    async def take(entity: Entity, items: Sequence[Item], walked: Walked) -> None:
        now = clock.seconds()

        def keep() -> None:
            findings = (each for item in items for each in _findings(item, consent, now))
            work.keep(entity, findings, walked.last, ended=walked.ended)

        await off_thread(keep)

    await go_on(reader, walks, await off_thread(work.items), follow, take)


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


@dataclass(frozen=True, slots=True)
class Found:
    """What an audit has found, in figures."""

    items: Mapping[NamedEntity, int]
    without_number: int
    """Items."""
    valid: Mapping[str, int]
    """Numbers, by the warning; without one it is empty."""
    invalid: Mapping[str, int]
    """Numbers, by the reason."""
    shared: int
    """Numbers that several contacts have."""
    sharing: int
    """Contacts that have such a number."""
    consents: Mapping[str, int]
    """Contacts, by `yes`, `no` and `empty`; nothing when nobody has looked."""

    @classmethod
    def of(cls, work: WorkFile) -> Found:
        """What is in a work file, behind `WorkFile.count_duplicates`. Blocks."""
        reasons = work.reasons()
        without = reasons.pop((False, NO_NUMBER), 0)
        shared, sharing = work.duplicates()
        consents = work.consents()
        return cls(
            work.items(),
            without,
            {reason: count for (valid, reason), count in reasons.items() if valid},
            {reason: count for (valid, reason), count in reasons.items() if not valid},
            shared,
            sharing,
            {word: consents.get(word, 0) for word in _CONSENTS} if consents.keys() - {""} else {},
        )


def report(work: WorkFile, output: Path) -> Found:
    """Write the report of an audit that is over. Blocks; raises `OSError` and `sqlite3.Error`.

    The report is there as a whole or not at all; then the work file goes.
    """
    work.count_duplicates()
    _write(work, output)
    found = Found.of(work)
    work.remove()
    return found


def _write(work: WorkFile, output: Path) -> None:
    # Only Excel needs the mark at the beginning, and takes the text for another encoding without it.
    with as_a_whole(output, "utf-8-sig") as out:
        rows = csv.writer(out)
        rows.writerow(HEADER)
        rows.writerows(_row(*found) for found in work.findings())


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


def summary(found: Found, output: Path) -> Iterator[str]:
    """What stands in the report at `output`, line by line."""
    valid, invalid = sum(found.valid.values()), sum(found.invalid.values())
    numbers = f"{valid + invalid:,} numbers, {found.without_number:,} items without a number"
    yield f"{output}: {counts(found.items)}; {numbers}"
    yield f"valid: {valid:,}" + "".join(
        f", {count:,} of them {warning}" for warning, count in sorted(found.valid.items()) if warning
    )
    yield f"invalid: {invalid:,}"
    for reason, count in sorted(found.invalid.items(), key=lambda each: (-each[1], each[0])):
        yield f"  {reason}: {count:,}"
    yield f"duplicates: {found.shared:,} numbers that {found.sharing:,} contacts share"
    if found.consents:
        yield "consent: " + ", ".join(f"{word} {count:,}" for word, count in found.consents.items())

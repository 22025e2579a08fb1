"""A work on the contact base that the daemon does by itself: what is known of it, and kept of it on disk."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..bitrix24.addresses import same_portal
from .audit import Found
from .changes import Change, FieldFault
from .clean import Tally
from .items import NamedEntity
from .plan import Applied
from .undo import Undone
from .writer import NotTaken

SHOWN = 50
"""So many lines of a result are kept with the job; all are in its file."""
PLAN_HOLDS = 86_400.0
"""Seconds after its end for which a plan may be applied."""


class Kind(enum.StrEnum):
    """What is done."""

    AUDIT = "audit"
    PLAN = "plan"
    """What a clean would change; nothing is written."""
    APPLICATION = "application"
    """A plan is written into the CRM."""
    UNDO = "undo"
    """What an application has written is put back."""


class State(enum.StrEnum):
    """How it stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The daemon ended before it did."""


class Cause(enum.StrEnum):
    """Why one has failed, by what is to be done about it."""

    PORTAL_AWAY = "portal_away"
    """Bitrix24 did not answer for too long: begin again, or go on, when it does."""
    PORTAL_MENDED_BY_HAND = "portal_mended_by_hand"
    """A person has to mend it in Bitrix24 first; `JobFault.code` and the text say what."""
    PORTAL_REFUSES = "portal_refuses"
    """Bitrix24 understands and will not; what it says is in the text."""
    ANOTHER_PORTAL = "another_portal"
    """The application has been installed in another portal since: begin anew."""
    NO_MARK_FIELD = "no_mark_field"
    """No type has a field of this name that could be marked: make it, or name another one."""
    CANNOT_GO_ON = "cannot_go_on"
    """An audit was begun with other settings, or its file is none: begin anew."""
    FILES = "files"
    """Files cannot be written or read: free the disk, or look after the folder's rights."""
    LITTLE_SPACE = "little_space"
    """So little free space is left that messages need it: make room."""
    GATEWAY = "gateway"
    """A fault of the gateway; its log says more."""


@dataclass(frozen=True, slots=True)
class JobFault:
    """Why a job has failed."""

    cause: Cause
    text: str
    """For the operator, in English."""
    code: str = ""
    """Bitrix24's word for it, where there is one."""


class ConsentColumn(enum.StrEnum):
    """What an audit has of consents."""

    READ = "read"
    NOT_CONFIGURED = "not_configured"
    NO_FIELD = "no_field"
    """Contacts have no such field: the column stays empty."""
    CANNOT_MEAN_YES = "cannot_mean_yes"
    """The field is of a type whose values are neither yes nor no."""


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A value that is to be changed."""

    entity: NamedEntity
    id: int
    field: str
    """`PHONE`, or the name of the marked field."""
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is known of one; moments are in seconds since the epoch."""

    id: str
    """A name for files and addresses: lower-case letters, digits and hyphens."""
    kind: Kind
    state: State
    portal: str
    """Whose base it is, by its host."""
    begun_at: float
    """For the first time: an audit may go on later."""
    saved_at: float
    """When this was put on disk."""
    ended_at: float | None = None
    """None while it runs; of one that was interrupted, when it was last known to run."""
    of: str = ""
    """The plan that is applied, or the application that is undone, by its id."""
    share: float = 0.0
    """How much of it has been done, 0 to 1."""
    counted: Mapping[NamedEntity, int] = field(default_factory=dict)
    """Items that have been looked at, by type."""
    totals: Mapping[NamedEntity, int] = field(default_factory=dict)
    """How many there are, by type, as far as that is known."""
    fault: JobFault | None = None
    report: str = ""
    """The file with all rows, in the jobs' folder; empty while there is none."""
    consent: ConsentColumn | None = None
    """Of an audit."""
    found: Found | None = None
    """Of an audit that is over."""
    mark_field: str = ""
    """Of a plan: the field that is marked; empty when none is."""
    unmarked: Mapping[NamedEntity, FieldFault] = field(default_factory=dict)
    """Of a plan: why items of a type are not marked, where that was wanted."""
    planned: Tally | None = None
    """Of a plan that is over."""
    lines: tuple[PlannedLine, ...] = ()
    """Of a plan: the first of what would be changed."""
    applied: Applied | None = None
    """Of an application, over or not."""
    undo_file: bool = False
    """Of an application: whether there is what it could be undone from."""
    undone: Undone | None = None
    """Of an undo, over or not."""
    left: tuple[NotTaken, ...] = ()
    """Of an application and of an undo: the first of what has been left as it was."""

    @property
    def over_at(self) -> float:
        """When it ended; while it runs, when that was last said."""
        return self.saved_at if self.ended_at is None else self.ended_at


def lines_of(changes: Iterable[Change]) -> Iterator[PlannedLine]:
    """Each value that is to be changed."""
    for change in changes:
        for phone in change.phones:
            yield PlannedLine(change.entity, change.id, "PHONE", phone.old, phone.new)
        if change.mark is not None:
            yield PlannedLine(change.entity, change.id, change.mark.field.name, change.mark.old, change.mark.new)


def newest_first(jobs: Iterable[Job], kind: Kind | None = None) -> list[Job]:
    """The jobs of a kind, or of all kinds."""
    return sorted(
        (job for job in jobs if kind in (None, job.kind)), key=lambda job: (job.begun_at, job.id), reverse=True
    )


class Next(enum.StrEnum):
    """What can be done with a job that has ended."""

    GO_ON = "go_on"
    """An audit that stopped before its end, from there."""
    APPLY = "apply"
    UNDO = "undo"


class WhyNot(enum.StrEnum):
    """Why a job is not begun, or would not be."""

    NOT_READY = "not_ready"
    """The daemon is starting or stopping."""
    BUSY = "busy"
    """Another job is running."""
    NOT_INSTALLED = "not_installed"
    """No portal has the application."""
    LITTLE_SPACE = "little_space"
    """So little free space is left that messages need it."""
    NO_SUCH_JOB = "no_such_job"
    """The job that it is for is not kept, or nothing of the kind can be done with it."""
    ANOTHER_PORTAL = "another_portal"
    """It is of a portal that does not have the application now."""
    TOO_OLD = "too_old"
    """A plan holds for a day."""
    ALREADY_DONE = "already_done"
    """All of the plan has been applied, or all of the application undone."""
    NOTHING_TO_DO = "nothing_to_do"
    """There is nothing that would be changed."""


def may_go_on(job: Job, jobs: Iterable[Job]) -> bool:
    """Whether it is an audit that can go on from where it stopped: the last one, of all `jobs`."""
    if job.kind is not Kind.AUDIT or job.state in (State.RUNNING, State.FINISHED):
        return False
    if job.fault is not None and job.fault.cause in (Cause.CANNOT_GO_ON, Cause.ANOTHER_PORTAL):
        return False
    return newest_first(jobs, Kind.AUDIT)[0].id == job.id


def next_step(
    job: Job, jobs: Collection[Job], *, installed: str | None, now: float
) -> tuple[Next | None, WhyNot | None]:
    """What can be done with a job that is over, and what is in the way of it; `jobs` are all that are kept.

    `installed` is the host of the portal that has the application, `now` in seconds since the epoch.
    """
    step, hindrance = _step(job, jobs, now)
    if step is not None and (installed is None or not same_portal(installed, job.portal)):
        hindrance = WhyNot.ANOTHER_PORTAL
    return step, hindrance


def _step(job: Job, jobs: Collection[Job], now: float) -> tuple[Next | None, WhyNot | None]:
    if may_go_on(job, jobs):
        return Next.GO_ON, None
    if job.kind is Kind.PLAN and job.planned is not None:
        if not job.planned.changed:
            return Next.APPLY, WhyNot.NOTHING_TO_DO
        if _is_done(Kind.APPLICATION, job, jobs):
            return Next.APPLY, WhyNot.ALREADY_DONE
        return Next.APPLY, WhyNot.TOO_OLD if now - job.over_at > PLAN_HOLDS else None
    if job.kind is Kind.APPLICATION and job.state is not State.RUNNING:
        if not job.undo_file:
            return Next.UNDO, WhyNot.NOTHING_TO_DO
        return Next.UNDO, WhyNot.ALREADY_DONE if _is_done(Kind.UNDO, job, jobs) else None
    return None, None


def _is_done(kind: Kind, of: Job, jobs: Iterable[Job]) -> bool:
    """Whether a job of this kind has done all that there was to do about another one."""
    return any(
        (job.kind, job.of, job.state) == (kind, of.id, State.FINISHED)
        and not any(done is not None and done.not_taken for done in (job.applied, job.undone))
        for job in jobs
    )

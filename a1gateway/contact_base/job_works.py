"""What each kind of job does, with the same parts as the commands do it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent_field import ConsentField, NoSuchField
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..config_sections import Consent
from ..hours import in_minsk
from ..journal.spool import OffThread
from . import audit
from .change_file import PlanFile, UndoFile, counted, kept_changes
from .changes import Change, FieldFault, NoMarkField, NothingToMark, Unusable
from .clean import Clean, mark_fields
from .items import Entity
from .job import SHOWN, Cause, ConsentColumn, JobFault, Kind, PlannedLine, lines_of
from .job_folder import JobFolder
from .job_portal import AnotherPortal
from .listing import ChangeListing, LeftListing
from .plan import Application
from .running_job import LittleSpace, RunningJob
from .undo import Undo
from .work_file import CannotGoOn, CannotKeep
from .writer import NotTaken


class JobWorks:
    """Does the work of a job, and notes what comes of it."""

    def __init__(
        self, clock: IReactorTime, folder: JobFolder, off_thread: OffThread, consent: Consent | None
    ) -> None:
        """`off_thread` does what blocks, one at a time."""
        self._clock = clock
        self._folder = folder
        self._off_thread = off_thread
        self._consent = consent

    async def do(self, run: RunningJob) -> None:
        """All that there is to do.

        Raises `CancelledError` when the job has been stopped, and what `fault_of` explains.
        """
        works: dict[Kind, Callable[[RunningJob], Awaitable[None]]] = {
            Kind.AUDIT: self._audit,
            Kind.PLAN: self._plan,
            Kind.APPLICATION: self._apply,
            Kind.UNDO: self._undo,
        }
        await works[run.job.kind](run)

    async def _audit(self, run: RunningJob) -> None:
        output = self._folder.report(run.job.id)
        opening = partial(audit.open_work_file, output, run.job.portal, self._consent, now=self._clock.seconds())
        work = await self._off_thread(opening)
        try:
            field = await run.read(audit.consent_field(run.portal, self._consent, run.patience))
            run.note(consent=_column(field))
            described = field if isinstance(field, ConsentField) else None
            walk = audit.collect(self._clock, run.reader, work, described, run.reached, self._off_thread)
            await run.read(walk)
            found = await self._off_thread(audit.report, work, output)
        finally:
            await self._off_thread(work.close)
        run.note(found=found, report=output.name)

    async def _plan(self, run: RunningJob) -> None:
        unmarked: dict[Entity, FieldFault] = {}

        def unusable(why: NoMarkField) -> None:
            unmarked[why.entity] = why.fault

        marks = {}
        if run.job.mark_field:
            marks = await run.read(mark_fields(run.portal, run.patience, run.job.mark_field, unusable))
        run.note(unmarked=unmarked)
        changes = PlanFile(self._folder.changes(run.job.id), run.job.portal, self._now())
        rows = await self._off_thread(_Planned, self._folder.report(run.job.id), changes)
        try:
            clean = Clean(run.reader, run.reached, marks=marks, listed=rows.add, off_thread=self._off_thread)
            tally = await run.read(clean.run())
        finally:
            await self._off_thread(rows.close)
        run.note(planned=tally, lines=tuple(rows.first), report=rows.path.name)

    async def _apply(self, run: RunningJob) -> None:
        planned = partial(kept_changes, self._folder.changes(run.job.of), run.job.portal, PlanFile)
        # All of it is read once before anything is written: a damaged plan is none.
        totals = await self._off_thread(counted, planned())
        undo = UndoFile(self._folder.undo(run.job.id), run.job.portal, self._now())
        rows = _Left(self._folder.report(run.job.id))
        work = Application(run.writer, undo, not_taken=rows.add, off_thread=self._off_thread)

        try:
            await work.run(planned(), totals, lambda reached: run.reached(reached, applied=replace(work.done)))
        finally:
            run.note(applied=replace(work.done), undo_file=undo.used)
            await self._off_thread(undo.close)
            await self._close(run, rows)

    async def _undo(self, run: RunningJob) -> None:
        kept = partial(kept_changes, self._folder.undo(run.job.of), run.job.portal)
        totals = await self._off_thread(counted, kept())
        rows = _Left(self._folder.report(run.job.id))
        work = Undo(run.writer, apply=True, not_taken=rows.add, off_thread=self._off_thread)

        try:
            await work.run(kept(), totals, lambda reached: run.reached(reached, undone=replace(work.done)))
        finally:
            run.note(undone=replace(work.done))
            await self._close(run, rows)

    async def _close(self, run: RunningJob, rows: _Left) -> None:
        if rows.first:
            run.note(left=tuple(rows.first), report=rows.path.name)
        await self._off_thread(rows.close)

    def _now(self) -> str:
        return in_minsk(self._clock.seconds())


class _Planned:
    """What would be changed: for people, and for the application."""

    def __init__(self, path: Path, changes: PlanFile) -> None:
        self.path = path
        self.first: list[PlannedLine] = []
        self._changes = changes
        self._listing = ChangeListing(path)

    def add(self, changes: Sequence[Change]) -> None:
        self._changes.keep(changes)
        self._listing.add(changes)
        self.first += list(lines_of(changes))[: SHOWN - len(self.first)]

    def close(self) -> None:
        self._changes.close()
        self._listing.close()


class _Left:
    """What has been left as it was; there is a file once there is something of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first: list[NotTaken] = []
        self._listing: LeftListing | None = None

    def add(self, parts: Sequence[NotTaken]) -> None:
        if self._listing is None:
            self._listing = LeftListing(self.path)
        self._listing.add(parts)
        self.first += parts[: SHOWN - len(self.first)]

    def close(self) -> None:
        if self._listing is not None:
            self._listing.close()


def _column(field: ConsentField | NoSuchField | None) -> ConsentColumn:
    if field is None:
        return ConsentColumn.NOT_CONFIGURED
    if isinstance(field, NoSuchField):
        return ConsentColumn.NO_FIELD
    return ConsentColumn.READ if field.readable else ConsentColumn.CANNOT_MEAN_YES


def fault_of(error: Exception) -> JobFault:
    """Why a job has failed that raised this."""
    if isinstance(error, PortalTrouble):
        cause = Cause.PORTAL_MENDED_BY_HAND if error.operator else Cause.PORTAL_AWAY
        return JobFault(cause, str(error), error.code)
    if isinstance(error, PortalError):
        return JobFault(Cause.PORTAL_REFUSES, str(error), error.code)
    causes: list[tuple[tuple[type[Exception], ...], Cause]] = [
        ((AnotherPortal,), Cause.ANOTHER_PORTAL),
        ((LittleSpace,), Cause.LITTLE_SPACE),
        ((NothingToMark,), Cause.NO_MARK_FIELD),
        ((OSError, sqlite3.Error, CannotKeep, Unusable), Cause.FILES),
        ((CannotGoOn,), Cause.CANNOT_GO_ON),
    ]
    cause = next((cause for kinds, cause in causes if isinstance(error, kinds)), Cause.GATEWAY)
    return JobFault(cause, str(error))

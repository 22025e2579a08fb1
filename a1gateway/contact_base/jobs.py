"""Audits, plans, their application and its undo inside the daemon, for pages: one at a time, begun and followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..config_sections import Consent
from ..due_loop import DueLoop
from ..errors import TryLater
from ..interfaces import IPortal
from ..journal.spool import OffThread
from .in_turn import InTurn
from .job import Cause, Job, JobFault, Kind, Next, State, WhyNot, newest_first, next_step
from .job_folder import JobFolder
from .job_portal import JobPortal
from .job_works import JobWorks, fault_of
from .patience import Waiting
from .running_job import RunningJob

_TIDIED_EVERY = 3600.0
# How old what is on disk of a running job may be, in seconds.
_SAVED_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class NotBegun:
    """Nothing was begun."""

    why: WhyNot
    running: Job | None = None
    """The job that is under way, where that is why."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as it stands at the moment."""

    job: Job
    stopping: bool = False
    """Whether it runs and is about to stop."""
    seconds_left: float | None = None
    """About how long it still takes; None when that cannot be told."""
    waiting: Waiting | None = None
    """What it waits for; None while the portal answers."""
    report: Path | None = None
    """All rows of its result as CSV; None while there are none."""
    next: Next | None = None
    """What can be done with it, once no other job is running."""
    hindrance: WhyNot | None = None
    """What is in the way of that."""


class BaseJobs(DueLoop):
    """Does one job at a time, and keeps what came of the last ones. To look at them costs nothing.

    `audit`, `go_on`, `plan`, `apply` and `undo` begin one and give what is known of it, or say why not.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        off_thread: OffThread,
        portal: IPortal,
        folder: Path,
        *,
        installed: Callable[[], str | None],
        consent: Consent | None,
        little_space: Callable[[], bool],
    ) -> None:
        """`folder` is made when it is needed; `installed` names the portal that has the application, by its host.

        `little_space`: so little is left of the disk that messages need it.
        """
        super().__init__("contact base", clock, self._look_after)
        self._portal = portal
        self._folder = JobFolder(folder)
        self._in_turn = InTurn(off_thread)
        self._works = JobWorks(clock, self._folder, self._in_turn, consent)
        self._installed = installed
        self._little_space = little_space
        self._jobs: dict[str, Job] = {}
        self._loaded = False
        self._current: RunningJob | None = None

    @property
    def under_way(self) -> JobView | None:
        """The job that is under way."""
        return None if self._current is None else self._view(self._current.job)

    @property
    def hindrance(self) -> WhyNot | None:
        """Why no job at all can be begun; None when one can."""
        refused = self._why_none()
        return None if refused is None else refused.why

    def jobs(self) -> list[JobView]:
        """All that are kept, the newest first."""
        return [self._view(job) for job in newest_first(self._jobs.values())]

    def job(self, name: str) -> JobView | None:
        """The job with this id; None when there is none."""
        job = self._jobs.get(name)
        return None if job is None else self._view(job)

    def _view(self, job: Job) -> JobView:
        run = self._current
        if run is not None and run.job.id == job.id:
            return JobView(run.job, run.stopping, run.seconds_left, run.patience.waiting)
        now = self._clock.seconds()
        step, hindrance = next_step(job, self._jobs.values(), installed=self._installed(), now=now)
        report = self._folder.report(job.id) if job.report else None
        return JobView(job, report=report, next=step, hindrance=hindrance)

    def audit(self) -> Job | NotBegun:
        """Begin an audit anew."""
        return self._why_none() or self._begin(self._new(Kind.AUDIT))

    def go_on(self, audit: str) -> Job | NotBegun:
        """Go on with the audit of this id, which has stopped before its end."""
        job = self._ready_for(Next.GO_ON, audit)
        if isinstance(job, NotBegun):
            return job
        return self._begin(replace(job, state=State.RUNNING, ended_at=None, fault=None))

    def plan(self, mark_field: str = "") -> Job | NotBegun:
        """Find out what a clean would change; with `mark_field`, such as `UF_CRM_BAD_PHONE`, the marks too."""
        return self._why_none() or self._begin(self._new(Kind.PLAN, mark_field=mark_field.strip()))

    def apply(self, plan: str) -> Job | NotBegun:
        """Write into the CRM what the plan of this id wants, as far as cleaning wants it still."""
        job = self._ready_for(Next.APPLY, plan)
        return job if isinstance(job, NotBegun) else self._begin(self._new(Kind.APPLICATION, of=job.id))

    def undo(self, application: str) -> Job | NotBegun:
        """Put back what the application of this id has written, as far as that is still there."""
        job = self._ready_for(Next.UNDO, application)
        return job if isinstance(job, NotBegun) else self._begin(self._new(Kind.UNDO, of=job.id))

    def cancel(self, name: str) -> bool:
        """End the job of this id in order: what is being written is finished first. False when it is not running.

        A job that has nothing left but its report finishes.
        """
        run = self._current
        if run is None or run.job.id != name:
            return False
        run.stop()
        return True

    async def forget(self, name: str) -> bool:
        """Delete a job that is not in use with all that belongs to it: an application cannot be undone any more.

        False when there is none. Raises `OSError`.
        """
        run = self._current
        if name not in self._jobs or (run is not None and name in (run.job.id, run.job.of)):
            return False
        del self._jobs[name]
        await self._in_turn(self._folder.forget, name)
        return True

    def stopService(self) -> Deferred[None]:
        """Fires when the job under way has stopped; it can go on, or be done again, after the next start."""
        stopped = super().stopService()
        if self._current is not None:
            self._current.stop()
        return stopped

    def _why_none(self) -> NotBegun | None:
        """The same, with the job that is running, where that is why."""
        if not self.running or not self._loaded:
            return NotBegun(WhyNot.NOT_READY)
        if self._current is not None:
            return NotBegun(WhyNot.BUSY, self._current.job)
        if self._installed() is None:
            return NotBegun(WhyNot.NOT_INSTALLED)
        return NotBegun(WhyNot.LITTLE_SPACE) if self._little_space() else None

    def _ready_for(self, step: Next, name: str) -> Job | NotBegun:
        """The job with which this can be done."""
        refused = self._why_none()
        if refused is not None:
            return refused
        view = self.job(name)
        if view is None or view.next is not step:
            return NotBegun(WhyNot.NO_SUCH_JOB)
        return view.job if view.hindrance is None else NotBegun(view.hindrance)

    def _new(self, kind: Kind, **known: Any) -> Job:
        now = self._clock.seconds()
        portal = self._installed()
        assert portal is not None
        name = self._folder.new_id(kind, now, self._jobs)
        return Job(name, kind, State.RUNNING, portal, now, now, **known)

    def _begin(self, job: Job) -> Job:
        portal = JobPortal(self._clock, self._portal, job.portal, self._installed)
        self._current = run = RunningJob(
            self._clock, job, portal, little_space=self._little_space, on_step=self._save_now_and_then
        )
        self._jobs[job.id] = job
        self._log.info("contact base: {job} begins", job=job.id)
        self.begin(self._do(run), self._failed)
        return job

    def _failed(self, why: Failure) -> None:
        self._log.failure("{loop}: a step failed; this is a fault of the gateway", why, loop=self.name)

    async def _do(self, run: RunningJob) -> None:
        state, fault = State.FINISHED, None
        try:
            await self._in_turn(self._folder.keep, run.job)
            await self._works.do(run)
        except CancelledError:
            state = State.CANCELLED if self.running else State.INTERRUPTED
        except Exception as error:
            state, fault = State.FAILED, fault_of(error)
            if fault.cause is Cause.GATEWAY:
                self._log.failure("{loop}: a step failed; this is a fault of the gateway", loop=self.name)
        await self._end(run, state, fault)

    async def _end(self, run: RunningJob, state: State, fault: JobFault | None) -> None:
        now = self._clock.seconds()
        run.note(state=state, fault=fault, ended_at=now, saved_at=now)
        self._jobs[run.job.id] = run.job
        try:
            await self._in_turn(self._folder.keep, run.job)
        except OSError as error:
            self._log.error("contact base: {trouble}", trouble=str(error))
        finally:
            self._current = None
        reason = "" if fault is None else f", {fault.cause}"
        self._log.info("contact base: {job} is {state}{reason}", job=run.job.id, state=str(state), reason=reason)

    def _save_now_and_then(self) -> None:
        """So that something of the job under way is known when the daemon dies."""
        run, now = self._current, self._clock.seconds()
        if run is not None and now - run.job.saved_at >= _SAVED_EVERY:
            run.note(saved_at=now)
            # If it cannot be written now, nothing is lost but this.
            self._in_turn(self._folder.keep, run.job).addErrback(lambda why: why.trap(OSError) and None)

    async def _look_after(self) -> float:
        try:
            if not self._loaded:
                jobs, troubles = await self._in_turn(self._folder.load)
                self._jobs = {job.id: job for job in jobs}
                self._loaded = True
                for trouble in troubles:
                    self._log.error("contact base: {trouble}", trouble=trouble)
            for name in await self._in_turn(self._folder.tidy, dict(self._jobs), self._clock.seconds()):
                self._jobs.pop(name, None)
        except OSError as error:
            raise TryLater(f"{self._folder.path}: {error}") from None
        return _TIDIED_EVERY

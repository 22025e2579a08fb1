"""The contact base: audits and cleanings begun, followed, looked at before anything is written, and taken back."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.iweb import IRequest

from ..contact_base.items import Entity
from ..contact_base.job import PLAN_HOLDS, Cause, Job, Kind, Next, WhyNot
from ..contact_base.job_folder import UNDO_DAYS_KEPT
from ..contact_base.jobs import BaseJobs, JobView, NotBegun
from ..contact_base.running_job import PATIENCE
from ..journal.spool import OffThread
from ..web.file_sending import send_file
from .views import Answer, Asked, CannotAnswer, Fragment, Page, Stream, mark_of, once_different

QUESTIONS = ("apply", "undo", "cancel", "forget")
"""What a dialog asks about before it is done."""
WRITES = frozenset({Kind.APPLICATION, Kind.UNDO})
"""Kinds of jobs that change the CRM."""
# Fields of the portal's own, such as a lead's title, are none to mark: what stands there would be lost.
_MARK_FIELD = re.compile(r"UF_CRM_[A-Z0-9_]{1,50}", re.ASCII)
_DAY = 86_400.0


class BasePages:
    """`base` with its pieces `base-...`, for administrators."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, jobs: BaseJobs, off_thread: OffThread) -> None:
        """`off_thread` does what blocks elsewhere."""
        self._clock = clock
        self._jobs = jobs
        self._off_thread = off_thread

    def pages(self) -> list[Page]:
        """All of them."""
        views = {
            "base": self.overview,
            "base-now": self.now,
            "base-kept": self.kept,
            "base-job": self.job,
            "base-job-state": self.job_state,
            "base-audit": self.audit,
            "base-go-on": self.go_on,
            "base-plan": self.plan,
            "base-ask": self.ask,
            "base-apply": self.apply,
            "base-undo": self.undo,
            "base-cancel": self.cancel,
            "base-forget": self.forget,
            "base-report": self.report,
        }
        return [Page(name, view, for_admins=True) for name, view in views.items()]

    # Looking

    async def overview(self, asked: Asked) -> Answer:
        """What can be begun, what is under way, and what has been done."""
        del asked
        return self._overview()

    async def now(self, asked: Asked) -> Answer:
        """The live part that says what is under way, once it has got further."""
        values = self._now()
        return once_different(asked, values["now_mark"], "base_now.html", {**values, "alone": True})

    async def kept(self, asked: Asked) -> Answer:
        """The live list of what has been done, once there is more of it, or less."""
        values = self._kept()
        return once_different(asked, values["kept_mark"], "base_kept.html", values)

    async def job(self, asked: Asked) -> Answer:
        """One job, with all that is known of it."""
        return self._page(self._wanted(asked))

    async def job_state(self, asked: Asked) -> Answer:
        """The live part of it, once something in it is different."""
        view = self._jobs.job(asked.text("job"))
        if view is None:
            # Another administrator has deleted it, or its time was over.
            return Fragment("base_gone.html")
        values = self._state(view)
        return once_different(asked, values["mark"], "base_job_state.html", values)

    async def report(self, asked: Asked) -> Answer:
        """All rows of what a job has found, as a file."""
        path = self._wanted(asked).report
        try:
            if path is None:
                raise FileNotFoundError
            file = await self._off_thread(path.open, "rb")
        except OSError:
            raise CannotAnswer(asked.words("base.no_report")) from None

        async def write(request: IRequest) -> None:
            await send_file(self._clock, request, file, self._off_thread)  # type: ignore[arg-type]  # a real one

        return Stream(path.name, "text/csv; charset=utf-8", write)

    # Doing

    async def audit(self, asked: Asked) -> Answer:
        """Begin an audit."""
        return self._begun(asked, self._jobs.audit())

    async def go_on(self, asked: Asked) -> Answer:
        """Go on with an audit that has stopped before its end."""
        return self._begun(asked, self._jobs.go_on(asked.text("job")))

    async def plan(self, asked: Asked) -> Answer:
        """Find out what a clean would change."""
        typed = asked.text("mark_field")
        if typed and _MARK_FIELD.fullmatch(typed.upper()) is None:
            return self._overview(mark_field=typed, wrong=True)
        return self._begun(asked, self._jobs.plan(typed.upper()))

    async def ask(self, asked: Asked) -> Answer:
        """A dialog that asks whether something is really wanted, and says what will come of it."""
        view, question = self._wanted(asked), asked.text("question")
        if question not in QUESTIONS:
            raise CannotAnswer(asked.words("base.no_job"))
        wanted = {"apply": Next.APPLY, "undo": Next.UNDO}.get(question)
        if wanted is not None and (view.next is not wanted or view.hindrance is not None):
            return _not_begun(view.hindrance or WhyNot.NO_SUCH_JOB)
        return Fragment("base_ask.html", {"view": view, "question": question, "days": UNDO_DAYS_KEPT})

    async def apply(self, asked: Asked) -> Answer:
        """Write what a plan wants into the CRM."""
        return self._begun(asked, self._jobs.apply(asked.text("job")))

    async def undo(self, asked: Asked) -> Answer:
        """Put back what an application has written."""
        return self._begun(asked, self._jobs.undo(asked.text("job")))

    async def cancel(self, asked: Asked) -> Answer:
        """End the job that is under way; when it has just ended by itself, nothing is lost."""
        view = self._wanted(asked)
        if self._jobs.cancel(view.job.id):
            self._log.info("user {user} cancels {job}", user=asked.visitor.id, job=view.job.id)
        return self._page(self._wanted(asked), closes=True)

    async def forget(self, asked: Asked) -> Answer:
        """Delete what is kept of a job."""
        view = self._wanted(asked)
        try:
            forgotten = await self._jobs.forget(view.job.id)
        except OSError as error:
            self._log.error("contact base: {trouble}", trouble=str(error))
            return _notice(f"base.cause.{Cause.FILES}.do")
        if not forgotten:
            return _notice("base.in_use")
        self._log.info("user {user} has deleted {job}", user=asked.visitor.id, job=view.job.id)
        return self._overview(closes=True)

    # What templates are filled with

    def _wanted(self, asked: Asked) -> JobView:
        view = self._jobs.job(asked.text("job"))
        if view is None:
            raise CannotAnswer(asked.words("base.no_job"))
        return view

    def _begun(self, asked: Asked, answer: Job | NotBegun) -> Answer:
        if isinstance(answer, NotBegun):
            if answer.running is None:
                return _not_begun(answer.why)
            # Another administrator was first: both look at the same job.
            running = self._jobs.job(answer.running.id)
            return _not_begun(answer.why) if running is None else self._page(running, busy=True, closes=True)
        self._log.info("user {user} has begun {job}", user=asked.visitor.id, job=answer.id)
        view = self._jobs.job(answer.id)
        assert view is not None, answer.id
        return self._page(view, closes=True)

    def _overview(self, *, mark_field: str | None = None, wrong: bool = False, closes: bool = False) -> Fragment:
        if mark_field is None:
            plans = (view.job.mark_field for view in self._jobs.jobs() if view.job.kind is Kind.PLAN)
            mark_field = next(plans, "")
        values = {**self._now(), **self._kept(), "mark_field": mark_field, "wrong": wrong, "alone": False}
        return Fragment("base.html", values, events=("close-dialog",) if closes else ())

    def _now(self) -> dict[str, Any]:
        changing = {"running": self._jobs.under_way, "hindrance": self._jobs.hindrance}
        return {**changing, "now_mark": mark_of(changing), "patience": PATIENCE, "entities": tuple(Entity)}

    def _kept(self) -> dict[str, Any]:
        views = self._jobs.jobs()
        shown = [(view.job.id, view.job.state, view.next, view.hindrance) for view in views]
        return {"views": views, "kept_mark": mark_of(shown)}

    def _page(self, view: JobView, *, busy: bool = False, closes: bool = False) -> Fragment:
        values = {**self._state(view), "busy": busy}
        return Fragment("base_job.html", values, events=("close-dialog",) if closes else ())

    def _state(self, view: JobView) -> dict[str, Any]:
        job = view.job
        others = [other for other in self._jobs.jobs() if other.job.of == job.id or other.job.id == job.of]
        changing = {
            "view": view,
            "related": [(other.job.id, other.job.state) for other in others],
            "waits": job.ended_at is not None and self._jobs.hindrance is WhyNot.BUSY,
        }
        stays = {
            "related": others,
            "entities": tuple(Entity),
            "writes": job.kind in WRITES,
            "patience": PATIENCE,
            "until": job.over_at + (PLAN_HOLDS if job.kind is Kind.PLAN else UNDO_DAYS_KEPT * _DAY),
        }
        return {**changing, **stays, "mark": mark_of(changing)}


def _not_begun(why: WhyNot) -> Fragment:
    return _notice(f"base.why_not.{why}")


def _notice(key: str) -> Fragment:
    """Above the page; the dialog that has asked for it is in its way no longer."""
    return Fragment("notice.html", {"key": key, "with": {}}, 409, ("close-dialog",))

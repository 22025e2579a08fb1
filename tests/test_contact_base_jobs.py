"""Jobs of the contact base inside the daemon: followed, ended in order, gone on with, looked at before a write."""

from __future__ import annotations

import copy
import csv
import gc
import json
import shutil
import stat
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogLevel, capturedLogs

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.config_sections import Consent
from a1gateway.contact_base.change_file import kept_changes
from a1gateway.contact_base.changes import FieldFault
from a1gateway.contact_base.clean import Tally
from a1gateway.contact_base.items import Entity
from a1gateway.contact_base.job import (
    Cause,
    ConsentColumn,
    Job,
    JobFault,
    Kind,
    Next,
    PlannedLine,
    State,
    WhyNot,
)
from a1gateway.contact_base.job_folder import DAYS_KEPT, KEPT, UNDO_DAYS_KEPT
from a1gateway.contact_base.jobs import BaseJobs, JobView, NotBegun
from a1gateway.contact_base.plan import Applied
from a1gateway.contact_base.undo import Undone
from a1gateway.contact_base.writer import NotTaken, Why

from .conftest import START, run
from .crm_in_memory import COMPANY, CONTACT, LEAD, CrmInMemory
from .test_contact_base_audit import audit as audited
from .test_contact_base_audit import big, rows
from .test_contact_base_clean import AWAY, BOOLEAN, MARK, PORTAL, TEXT, bases, small

DAY, HOUR = 86_400.0, 3600.0
CONSENT = Consent(contact_field="UF_CRM_SMS_CONSENT")
CONSENT_FIELD = {"ufCrmSmsConsent": {"type": "boolean", "upperName": "UF_CRM_SMS_CONSENT"}}


class SlowPortal:
    """A CRM that takes its time for a request."""

    def __init__(self, clock: Clock, crm: CrmInMemory, seconds: float) -> None:
        self.crm = crm
        self.seconds = seconds
        self.asked_at: list[float] = []
        self._clock = clock

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        await self._time()
        return await self.crm.call(method, parameters)

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        await self._time()
        return await self.crm.batch(commands, paid=paid)

    async def _time(self) -> None:
        self.asked_at.append(self._clock.seconds())
        if self.seconds:
            await deferLater(self._clock, self.seconds)


class World:
    """The daemon's part that does the jobs, begun on a folder."""

    def __init__(
        self,
        folder: Path,
        crm: CrmInMemory,
        *,
        clock: Clock | None = None,
        consent: Consent | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.folder = folder
        self.crm = crm
        self.clock = clock or Clock()
        if clock is None:
            self.clock.advance(START)
        self.portal = SlowPortal(self.clock, crm, seconds)
        self.installed: str | None = PORTAL
        self.little_space = False
        self._consent = consent
        self.jobs = BaseJobs(
            self.clock,
            execute,
            self.portal,
            folder,
            installed=lambda: self.installed,
            consent=consent,
            little_space=lambda: self.little_space,
        )
        self.jobs.startService()

    def stopped(self) -> None:
        """The daemon stops as it should."""
        ended: list[object] = []
        self.jobs.stopService().addCallback(ended.append)
        for _ in range(100):
            self.clock.advance(1)
        assert ended

    def again(self) -> World:
        """The daemon's next run."""
        return self._next(self.folder, self.clock)

    def killed(self) -> World:
        """The next run after one that could say nothing of its end: what was on disk then is what there is."""
        copied = self.folder.with_name(self.folder.name + "-killed")
        shutil.copytree(self.folder, copied)
        # By a clock on which the dead one does nothing any more.
        clock = Clock()
        clock.advance(self.clock.seconds())
        return self._next(copied, clock)

    def _next(self, folder: Path, clock: Clock) -> World:
        return World(folder, self.crm, clock=clock, consent=self._consent, seconds=self.portal.seconds)

    def begun(self, answer: Job | NotBegun) -> str:
        assert isinstance(answer, Job), answer
        return answer.id

    def over(self, answer: Job | NotBegun, *, step: float = 1.0) -> JobView:
        """The job once it has ended."""
        name = self.begun(answer)
        for _ in range(100_000):
            if self.jobs.under_way is None:
                break
            self.clock.advance(step)
        return self.view(name)

    def view(self, name: str) -> JobView:
        view = self.jobs.job(name)
        assert view is not None
        return view

    def until(self, check: Callable[[], object], *, step: float = 0.5) -> None:
        """Let time pass until something is so."""
        for _ in range(100_000):
            if check():
                return
            self.clock.advance(step)
        raise AssertionError("it never comes")


def refused(answer: Job | NotBegun) -> WhyNot:
    assert isinstance(answer, NotBegun)
    return answer.why


def first_behind(crm: CrmInMemory) -> int:
    """Behind which contact the first ones were asked for."""
    asked = (
        given for method, given in crm.commands if method == "crm.item.list" and given["entityTypeId"] == CONTACT
    )
    behind: int = next(asked)["filter"][">id"]
    return behind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "contact-base"


# Audits


def test_an_audit_has_its_report_and_figures(folder: Path, tmp_path: Path) -> None:
    crm = big(300)
    crm.fields[CONTACT] = CONSENT_FIELD
    audited(crm, tmp_path / "whole.csv", consent=True)
    world = World(folder, crm, consent=CONSENT)
    view = world.over(world.jobs.audit())
    assert view.report == folder / f"{view.job.id}.csv"
    assert view.report.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    job = view.job
    assert (job.kind, job.state, job.portal) == (Kind.AUDIT, State.FINISHED, PORTAL)
    assert (job.begun_at, job.ended_at, job.share) == (START, world.clock.seconds(), 1.0)
    assert job.counted == job.totals == {Entity.CONTACT: 300, Entity.LEAD: 119, Entity.COMPANY: 1}
    assert job.consent is ConsentColumn.READ
    assert job.found is not None
    assert job.found.items == job.counted
    found = rows(view.report)
    assert sum(job.found.valid.values()) == sum(row["verdict"] == "valid" for row in found)
    assert job.found.invalid["too_many_digits"] == sum(row["reason"] == "too_many_digits" for row in found)
    assert job.found.without_number == sum(row["reason"] == "no_number" for row in found)
    assert job.found.sharing == sum(row["duplicates"] not in ("", "0") for row in found)
    assert sum(job.found.consents.values()) == 300
    assert (view.next, view.hindrance, world.jobs.under_way) == (None, None, None)


def test_what_is_kept_is_for_the_daemons_user_alone(folder: Path) -> None:
    world = World(folder, small())
    assert not folder.exists()
    world.over(world.jobs.audit())
    plan = world.over(world.jobs.plan())
    world.over(world.jobs.apply(plan.job.id))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name.partition(".")[2] for path in folder.iterdir()} == {
        "json", "csv", "changes.jsonl", "undo.jsonl"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("described", "column"),
    [({}, ConsentColumn.NO_FIELD), ({"type": "employee"}, ConsentColumn.CANNOT_MEAN_YES)],
)
def test_a_field_of_consent_that_cannot_be_read_is_said(
    folder: Path, described: dict[str, str], column: ConsentColumn
) -> None:
    crm = small()
    if described:
        crm.fields[CONTACT] = {"ufCrmSmsConsent": CONSENT_FIELD["ufCrmSmsConsent"] | described}
    world = World(folder, crm, consent=CONSENT)
    assert world.over(world.jobs.audit()).job.consent is column
    unconfigured = World(folder, crm, clock=world.clock)
    assert unconfigured.over(unconfigured.jobs.audit()).job.consent is ConsentColumn.NOT_CONFIGURED


def test_it_is_followed_while_it_runs(folder: Path) -> None:
    world = World(folder, big(3000), seconds=2.0)
    name = world.begun(world.jobs.audit())
    first = world.jobs.under_way
    assert first is not None
    assert (first.job.id, first.job.state, first.job.share, first.seconds_left) == (name, State.RUNNING, 0.0, None)
    world.until(lambda: world.view(name).job.share > 0.3)
    view = world.view(name)
    assert view.job.ended_at is None
    assert 500 < view.job.counted[Entity.CONTACT] < 3000
    # Nobody knows how many there are before the last of them has been seen.
    assert view.job.totals == {}
    world.until(lambda: Entity.CONTACT in world.view(name).job.totals)
    assert world.view(name).job.totals == {Entity.CONTACT: 3000}
    left = world.view(name).seconds_left
    assert left is not None
    ended = world.over(world.view(name).job)
    assert ended.job.state is State.FINISHED


def test_the_portal_has_rest_for_half_of_the_time(folder: Path) -> None:
    world = World(folder, big(3000), seconds=2.0)
    world.over(world.jobs.audit(), step=0.25)
    gaps = [later - sooner for sooner, later in zip(world.portal.asked_at, world.portal.asked_at[1:], strict=False)]
    assert len(gaps) > 10
    assert min(gaps) == 4.0


def test_no_request_asks_for_more_than_the_daemon_holds_at_ease(folder: Path) -> None:
    world = World(folder, big(5000))
    world.over(world.jobs.audit())
    read = [method for method, _ in world.crm.commands if method == "crm.item.list"]
    assert len(read) / len(world.crm.requests) <= 5


def test_one_job_at_a_time(folder: Path) -> None:
    world = World(folder, big(1000), seconds=1.0)
    name = world.begun(world.jobs.audit())
    for answer in (world.jobs.audit(), world.jobs.plan(), world.jobs.go_on(name), world.jobs.apply("x")):
        assert isinstance(answer, NotBegun)
        assert answer.why is WhyNot.BUSY
        assert answer.running is not None
        assert answer.running.id == name
    assert world.over(world.view(name).job).job.state is State.FINISHED
    assert isinstance(world.jobs.plan(), Job)


def test_nothing_begins_where_it_cannot(folder: Path) -> None:
    world = World(folder, small())
    world.installed = None
    assert refused(world.jobs.audit()) is WhyNot.NOT_INSTALLED
    world.installed, world.little_space = PORTAL, True
    assert refused(world.jobs.plan()) is WhyNot.LITTLE_SPACE
    world.little_space = False
    assert refused(world.jobs.go_on("audit-20261122-030000")) is WhyNot.NO_SUCH_JOB
    assert refused(world.jobs.undo("../../etc/passwd")) is WhyNot.NO_SUCH_JOB
    world.stopped()
    assert refused(world.jobs.audit()) is WhyNot.NOT_READY
    assert not folder.exists()


# Ended before their time


def test_a_cancelled_audit_ends_at_once_and_goes_on_from_there(folder: Path, tmp_path: Path) -> None:
    crm = big(2000)
    audited(crm, tmp_path / "whole.csv")
    world = World(folder, crm, seconds=2.0)
    name = world.begun(world.jobs.audit())
    assert not world.jobs.cancel("another")
    world.until(lambda: world.view(name).job.share > 0.5)
    assert world.jobs.cancel(name)
    assert world.jobs.under_way is None
    view = world.view(name)
    assert (view.job.state, view.job.ended_at, view.report) == (State.CANCELLED, world.clock.seconds(), None)
    assert (view.next, view.hindrance) == (Next.GO_ON, None)
    assert not world.jobs.cancel(name)
    crm.commands.clear()
    ended = world.over(world.jobs.go_on(name))
    assert (ended.job.id, ended.job.state, ended.job.begun_at) == (name, State.FINISHED, START)
    assert ended.report is not None
    assert ended.report.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert first_behind(crm) > 500
    assert refused(world.jobs.go_on(name)) is WhyNot.NO_SUCH_JOB


def test_an_audit_begun_anew_takes_the_place_of_one_that_stopped(folder: Path) -> None:
    world = World(folder, big(2000), seconds=2.0)
    stopped = world.begun(world.jobs.audit())
    world.until(lambda: world.view(stopped).job.share > 0.5)
    world.jobs.cancel(stopped)
    assert (folder / f"{stopped}.csv.part").exists()
    world.over(world.jobs.audit())
    world.clock.advance(1)
    assert world.view(stopped).next is None
    assert not (folder / f"{stopped}.csv.part").exists()


@pytest.mark.parametrize("kill", [False, True])
def test_an_audit_that_the_end_of_the_daemon_interrupts_goes_on(folder: Path, tmp_path: Path, kill: bool) -> None:
    crm = big(4000)
    audited(crm, tmp_path / "whole.csv")
    world = World(folder, crm, seconds=2.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).job.share > 0.5)
    if not kill:
        world.stopped()
    later = world.killed() if kill else world.again()
    view = later.view(name)
    assert (view.job.state, view.next, view.hindrance) == (State.INTERRUPTED, Next.GO_ON, None)
    # As it was known to be last.
    assert view.job.share > 0.2
    assert view.job.ended_at is not None
    assert START < view.job.ended_at <= later.clock.seconds()
    crm.commands.clear()
    ended = later.over(later.jobs.go_on(name))
    assert ended.report is not None
    assert ended.report.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert first_behind(crm) > 1000
    assert later.again().view(name).job == ended.job


def test_the_daemon_does_not_wait_for_a_portal_that_hangs(folder: Path) -> None:
    world = World(folder, big(300), seconds=1000.0)
    world.jobs.audit()
    ended: list[object] = []
    world.jobs.stopService().addCallback(ended.append)
    assert ended
    assert world.clock.getDelayedCalls() == []


# A portal that is not well


def test_a_portal_that_is_away_is_waited_for_and_then_given_up(folder: Path) -> None:
    crm = big(1000)
    world = World(folder, crm, seconds=1.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).job.share > 0.2)
    crm.trouble = iter([AWAY] * 1000)
    world.until(lambda: world.view(name).waiting is not None)
    waiting = world.view(name).waiting
    assert waiting is not None
    assert str(waiting.trouble) == str(AWAY)
    assert waiting.since <= world.clock.seconds() < waiting.until
    view = world.over(world.view(name).job)
    assert view.job.state is State.FAILED
    assert view.job.fault is not None
    assert (view.job.fault.cause, view.job.fault.text) == (Cause.PORTAL_AWAY, str(AWAY))
    assert 1700 < world.clock.seconds() - waiting.since < 1900
    assert view.next is Next.GO_ON
    crm.trouble = None
    assert world.over(world.jobs.go_on(name)).job.state is State.FINISHED


def test_a_portal_that_is_back_is_not_waited_for_any_more(folder: Path) -> None:
    crm = big(1000)
    crm.trouble = iter([None, None, None, None, AWAY, AWAY])
    world = World(folder, crm, seconds=1.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).waiting is not None)
    world.until(lambda: world.view(name).waiting is None)
    assert world.jobs.under_way is not None
    view = world.over(world.view(name).job)
    assert (view.job.state, view.job.fault, view.waiting) == (State.FINISHED, None, None)


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (PortalTrouble("reinstall it", code="INVALID_GRANT", operator=True), Cause.PORTAL_MENDED_BY_HAND,
         "INVALID_GRANT"),
        (PortalError("ERROR_CORE", "Доступ запрещён"), Cause.PORTAL_REFUSES, "ERROR_CORE"),
    ],
)  # fmt: skip
def test_what_is_not_worth_waiting_for_ends_it(folder: Path, error: Exception, cause: Cause, code: str) -> None:
    crm = small()
    crm.trouble = iter([error])
    world = World(folder, crm)
    view = world.over(world.jobs.audit())
    assert view.job.fault is not None
    assert (view.job.fault.cause, view.job.fault.code, view.job.fault.text) == (cause, code, str(error))
    assert world.clock.seconds() == START


def test_a_fault_of_the_gateway_ends_it_and_is_in_the_log(folder: Path) -> None:
    crm = small()
    crm.trouble = iter([ZeroDivisionError("a bug")])
    world = World(folder, crm)
    with capturedLogs() as said:
        view = world.over(world.jobs.audit())
    assert view.job.fault is not None
    assert view.job.fault.cause is Cause.GATEWAY
    assert [event["log_level"] for event in said].count(LogLevel.critical) == 1
    assert world.over(world.jobs.plan()).job.state is State.FINISHED


def test_a_portal_that_takes_the_place_of_another_is_left_alone(folder: Path) -> None:
    crm = big(1000)
    world = World(folder, crm, seconds=1.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).job.share > 0.2)
    world.installed = "other.bitrix24.by"
    asked = len(crm.requests)
    view = world.over(world.view(name).job)
    assert view.job.fault is not None
    assert view.job.fault.cause is Cause.ANOTHER_PORTAL
    # The one that was under way.
    assert len(crm.requests) <= asked + 1
    assert view.next is None


# Files


def test_little_space_ends_what_is_running(folder: Path) -> None:
    world = World(folder, big(1000), seconds=1.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).job.share > 0.2)
    world.little_space = True
    view = world.over(world.view(name).job)
    assert view.job.fault is not None
    assert (view.job.fault.cause, view.next) == (Cause.LITTLE_SPACE, Next.GO_ON)


def test_a_folder_that_cannot_be_written_fails_the_job(folder: Path) -> None:
    folder.write_text("no folder")
    with capturedLogs() as said:
        world = World(folder, small())
        view = world.over(world.jobs.audit())
    assert view.job.fault is not None
    assert (view.job.state, view.job.fault.cause) == (State.FAILED, Cause.FILES)
    assert {event["log_level"] for event in said} == {LogLevel.warn, LogLevel.info, LogLevel.error}
    world.stopped()


def test_an_audit_of_other_settings_has_to_begin_anew(folder: Path) -> None:
    crm = big(2000)
    crm.fields[CONTACT] = CONSENT_FIELD
    world = World(folder, crm, seconds=2.0)
    name = world.begun(world.jobs.audit())
    world.until(lambda: world.view(name).job.share > 0.5)
    world.stopped()
    later = World(folder, crm, clock=world.clock, consent=CONSENT)
    view = later.over(later.jobs.go_on(name))
    assert view.job.fault is not None
    assert (view.job.fault.cause, view.next) == (Cause.CANNOT_GO_ON, None)
    assert later.over(later.jobs.audit()).job.state is State.FINISHED


def test_the_last_few_audits_and_plans_are_kept_for_a_month(folder: Path) -> None:
    world = World(folder, small())
    audits, plans = [], []
    for _ in range(KEPT + 2):
        audits.append(world.over(world.jobs.audit()).job.id)
        plans.append(world.over(world.jobs.plan()).job.id)
        world.clock.advance(HOUR)
    kept = audits[-KEPT:] + plans[-KEPT:]
    assert {view.job.id for view in world.jobs.jobs()} == set(kept)
    assert [view.job.begun_at for view in world.jobs.jobs()] == sorted(
        (view.job.begun_at for view in world.jobs.jobs()), reverse=True
    )
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == set(kept)
    assert {view.job.id for view in world.again().jobs.jobs()} == set(kept)
    pass_days(world, DAYS_KEPT + 1)
    assert world.jobs.jobs() == []
    assert list(folder.iterdir()) == []


def pass_days(world: World, days: float) -> None:
    for _ in range(int(days)):
        world.clock.advance(DAY)
        world.clock.advance(0)


def test_what_could_be_undone_is_kept_for_three_months(folder: Path) -> None:
    world = World(folder, small())
    plan = world.over(world.jobs.plan()).job.id
    application = world.over(world.jobs.apply(plan)).job.id
    pass_days(world, UNDO_DAYS_KEPT - 1)
    assert [view.job.id for view in world.jobs.jobs()] == [application]
    assert (folder / f"{application}.undo.jsonl").exists()
    pass_days(world, 2)
    assert list(folder.iterdir()) == []


def test_a_job_and_all_that_belongs_to_it_can_be_deleted(folder: Path) -> None:
    world = World(folder, small(), seconds=1.0)
    audit = world.over(world.jobs.audit()).job.id
    plan = world.over(world.jobs.plan()).job.id
    application = world.begun(world.jobs.apply(plan))
    assert not run(Deferred.fromCoroutine(world.jobs.forget(application)))
    assert not run(Deferred.fromCoroutine(world.jobs.forget(plan)))
    assert run(Deferred.fromCoroutine(world.jobs.forget(audit)))
    assert not run(Deferred.fromCoroutine(world.jobs.forget(audit)))
    world.over(world.view(application).job)
    assert run(Deferred.fromCoroutine(world.jobs.forget(application)))
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == {plan}
    assert world.view(plan).hindrance is None


@settings(max_examples=50)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda each: st.lists(each) | st.dictionaries(st.text(), each),
            max_leaves=10,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_a_damaged_file_of_a_job_is_set_aside(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("jobs")
    path = folder / "audit-20261122-030000.json"
    path.write_bytes(content)
    with capturedLogs() as said:
        world = World(folder, small())
    assert [event["trouble"] for event in said] == [f"{path.name} cannot be read; set aside"]
    assert path.with_suffix(".unreadable").read_bytes() == content
    assert world.jobs.jobs() == []


def test_a_file_that_may_not_be_read_hides_no_other_job(folder: Path) -> None:
    world = World(folder, small())
    view = world.over(world.jobs.plan())
    path = folder / "audit-20261122-030000.json"
    # What the system refuses to read to root as well.
    path.mkdir()
    with capturedLogs() as said:
        again = world.again()
    assert [event["trouble"] for event in said if "trouble" in event] == [
        f"{path.name} cannot be read: Is a directory"
    ]
    assert [each.job for each in again.jobs.jobs()] == [view.job]
    assert path.is_dir()


def test_a_field_that_a_later_version_has_added_does_no_harm(folder: Path) -> None:
    world = World(folder, small())
    view = world.over(world.jobs.plan())
    path = folder / f"{view.job.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "red"}))
    assert world.again().view(view.job.id).job == view.job


# Plans, their application and its undo


def test_a_plan_says_what_would_be_changed_and_changes_nothing(folder: Path) -> None:
    crm = small()
    crm.put(COMPANY, 8, "уточнить")
    crm.fields[CONTACT] = BOOLEAN
    crm.fields[LEAD] = {"ufCrmBadPhone": {"type": "employee", "upperName": MARK}}
    before = copy.deepcopy(crm.items)
    world = World(folder, crm)
    view = world.over(world.jobs.plan(MARK))
    assert crm.items == before
    job = view.job
    looked_at = {Entity.CONTACT: 3, Entity.LEAD: 1, Entity.COMPANY: 2}
    assert job.planned == Tally(looked_at, changed=4, phones=4, marks=1)
    assert job.lines == (
        PlannedLine(Entity.CONTACT, 7, "PHONE", "8 029 111-22-33", "+375291112233"),
        PlannedLine(Entity.CONTACT, 11, MARK, "", "Y"),
        PlannedLine(Entity.LEAD, 7, "PHONE", "80291112255", "+375291112255"),
        PlannedLine(Entity.LEAD, 7, "PHONE", "+375 (29) 111-22-55", "+375291112255"),
        PlannedLine(Entity.COMPANY, 7, "PHONE", "29 111 22 66", "+375291112266"),
    )
    assert (job.mark_field, job.unmarked) == (
        MARK,
        {Entity.LEAD: FieldFault.WRONG_TYPE, Entity.COMPANY: FieldFault.NO_FIELD},
    )
    assert view.report is not None
    with view.report.open(encoding="utf-8-sig", newline="") as file:
        listed = list(csv.reader(file))
    assert listed[:3] == [
        ["entity", "id", "phone_id", "number", "normalized", "mark"],
        ["contact", "7", "70", "8 029 111-22-33", "+375291112233", ""],
        ["contact", "11", "", "", "", "Y"],
    ]
    assert len(listed) == 6
    assert (view.next, view.hindrance) == (Next.APPLY, None)
    assert world.again().view(job.id).job == job


def test_a_field_that_nothing_has_ends_a_plan(folder: Path) -> None:
    world = World(folder, small())
    view = world.over(world.jobs.plan(MARK))
    assert view.job.fault is not None
    assert (view.job.fault.cause, view.next) == (Cause.NO_MARK_FIELD, None)


def test_a_plan_is_applied_and_undone(folder: Path) -> None:
    crm = small()
    crm.fields[CONTACT] = TEXT
    before = copy.deepcopy(crm.items)
    world = World(folder, crm, seconds=0.5)
    plan = world.over(world.jobs.plan(MARK)).job.id
    application = world.over(world.jobs.apply(plan))
    assert crm.phones(CONTACT, 7) == ["+375291112233", "+7 495 123-45-67"]
    assert crm.items[CONTACT][11]["ufCrmBadPhone"] == "not_a_number"
    assert (application.job.kind, application.job.of) == (Kind.APPLICATION, plan)
    assert application.job.applied == Applied(phones=4, marks=1)
    assert application.job.counted == application.job.totals
    assert (application.job.share, sum(application.job.totals.values())) == (1.0, 4)
    assert (application.report, application.job.left) == (None, ())
    assert (application.next, application.hindrance) == (Next.UNDO, None)
    assert refused(world.jobs.apply(plan)) is WhyNot.ALREADY_DONE

    undo = world.over(world.jobs.undo(application.job.id))
    assert crm.items == before
    assert (undo.job.kind, undo.job.undone, undo.job.of) == (Kind.UNDO, Undone(restored=5), application.job.id)
    assert (undo.next, undo.job.share) == (None, 1.0)
    assert refused(world.jobs.undo(application.job.id)) is WhyNot.ALREADY_DONE
    later = world.again()
    assert [view.job for view in later.jobs.jobs()] == [view.job for view in world.jobs.jobs()]
    assert {view.job.kind for view in later.jobs.jobs()} == {Kind.PLAN, Kind.APPLICATION, Kind.UNDO}


def test_only_what_was_looked_at_and_is_wanted_still_is_written(folder: Path) -> None:
    crm = small()
    crm.fields[CONTACT] = BOOLEAN
    crm.put(CONTACT, 20, "80291112277", "80291112288")
    crm.put(CONTACT, 21, "80291112299")
    world = World(folder, crm)
    plan = world.over(world.jobs.plan(MARK)).job.id
    # Somebody corrects the bad number, another one, and adds one that cleaning would change.
    crm.items[CONTACT][11]["fm"][1]["value"] = "+375291112244"
    crm.items[CONTACT][7]["fm"][0]["value"] = "8 033 333-33-33"
    crm.items[CONTACT][20]["fm"][0]["value"] = "+375291112277"
    crm.items[CONTACT][20]["fm"].append({"id": 999, "typeId": "PHONE", "valueType": "WORK", "value": "80331112233"})
    del crm.items[CONTACT][21]
    crm._ids.clear()
    crm.put(LEAD, 8, "80291112255")
    view = world.over(world.jobs.apply(plan))
    assert view.job.applied == Applied(phones=4, marks=0, as_planned=1, changed_since=3)
    assert crm.phones(CONTACT, 7) == ["8 033 333-33-33", "+7 495 123-45-67"]
    assert crm.phones(CONTACT, 20) == ["+375291112277", "+375291112288", "80331112233"]
    assert crm.phones(LEAD, 8) == ["80291112255"]
    assert not crm.items[CONTACT][11]["ufCrmBadPhone"]
    assert view.job.left == (
        NotTaken(Entity.CONTACT, 7, "8 029 111-22-33", Why.CHANGED_SINCE),
        NotTaken(Entity.CONTACT, 11, MARK, Why.CHANGED_SINCE, is_mark=True),
        NotTaken(Entity.CONTACT, 21, "80291112299", Why.CHANGED_SINCE),
    )
    assert view.report is not None
    with view.report.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[:2] == [
            ["entity", "id", "what", "reason", "answer"],
            ["contact", "7", "8 029 111-22-33", "changed_since", ""],
        ]


def test_what_the_portal_refuses_is_said_and_can_be_tried_again(folder: Path) -> None:
    crm = small()
    done = crm._do

    def stubborn(method: str, parameters: Any) -> Any:
        if method == "crm.contact.update":
            raise PortalError("", "Не заполнено обязательное поле")
        return done(method, parameters)

    crm._do = stubborn  # type: ignore[method-assign]
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    view = world.over(world.jobs.apply(plan))
    assert view.job.applied == Applied(phones=3, not_taken=1)
    assert view.job.left == (
        NotTaken(Entity.CONTACT, 7, "8 029 111-22-33", Why.REFUSED, "Не заполнено обязательное поле"),
    )
    crm._do = done  # type: ignore[method-assign]
    again = world.over(world.jobs.apply(plan))
    assert again.job.applied == Applied(phones=1, as_planned=3)
    assert refused(world.jobs.apply(plan)) is WhyNot.ALREADY_DONE


def test_the_list_of_what_is_left_is_closed_also_when_the_disk_takes_nothing_of_it(folder: Path) -> None:
    crm = small()
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    done = crm._do

    def stubborn(method: str, parameters: Any) -> Any:
        if method == "crm.contact.update":
            assert world.jobs.under_way is not None
            (folder / f"{world.jobs.under_way.job.id}.csv").symlink_to("/dev/full")
            # More than is held back before it is written.
            raise PortalError("", "x" * 100_000)
        return done(method, parameters)

    crm._do = stubborn  # type: ignore[method-assign]
    # Of what other tests have left, nothing may be said here.
    gc.collect()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        view = world.over(world.jobs.apply(plan))
        gc.collect()
    assert [str(each.message) for each in said] == []
    assert view.job.fault == JobFault(Cause.FILES, "[Errno 28] No space left on device")
    assert (view.report, view.job.left) == (None, ())


def test_a_plan_holds_for_a_day_and_for_its_portal(folder: Path) -> None:
    crm = small()
    before = copy.deepcopy(crm.items)
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    world.installed = "other.bitrix24.by"
    assert world.view(plan).hindrance is WhyNot.ANOTHER_PORTAL
    assert refused(world.jobs.apply(plan)) is WhyNot.ANOTHER_PORTAL
    world.installed = PORTAL.upper()
    world.clock.advance(DAY)
    assert world.view(plan).hindrance is None
    world.clock.advance(1)
    assert world.view(plan).hindrance is WhyNot.TOO_OLD
    assert refused(world.jobs.apply(plan)) is WhyNot.TOO_OLD
    assert crm.items == before


def test_a_plan_without_a_change_is_not_applied(folder: Path) -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 1, "+375291112233")
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    assert refused(world.jobs.apply(plan)) is WhyNot.NOTHING_TO_DO
    assert refused(world.jobs.undo(plan)) is WhyNot.NO_SUCH_JOB


def test_an_application_that_has_written_nothing_is_not_undone(folder: Path) -> None:
    crm = small()
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    for kind in (CONTACT, LEAD, COMPANY):
        crm.items[kind].clear()
        crm._ids.clear()
    application = world.over(world.jobs.apply(plan)).job
    assert application.applied == Applied(changed_since=4)
    assert refused(world.jobs.undo(application.id)) is WhyNot.NOTHING_TO_DO


def test_a_damaged_plan_writes_nothing(folder: Path) -> None:
    crm = small()
    before = copy.deepcopy(crm.items)
    world = World(folder, crm)
    plan = world.over(world.jobs.plan()).job.id
    path = folder / f"{plan}.changes.jsonl"
    path.write_text(path.read_text() + "{}\n")
    view = world.over(world.jobs.apply(plan))
    assert view.job.fault is not None
    assert view.job.fault.cause is Cause.FILES
    assert crm.items == before


def many() -> CrmInMemory:
    crm = CrmInMemory()
    for number in range(1, 201):
        crm.put(CONTACT, number, f"8029{1_000_000 + number}")
    return crm


def test_a_cancelled_application_finishes_what_it_is_writing(folder: Path) -> None:
    crm = many()
    before = copy.deepcopy(crm.items)
    world = World(folder, crm, seconds=2.0)
    plan = world.over(world.jobs.plan()).job.id
    name = world.begun(world.jobs.apply(plan))
    world.until(lambda: any(crm.phones(CONTACT, number)[0].startswith("+") for number in range(51, 101)))
    assert world.jobs.cancel(name)
    view = world.view(name)
    assert (view.stopping, view.job.state) == (True, State.RUNNING)
    at = world.clock.seconds()
    view = world.over(view.job)
    # Reading it back, without a rest before.
    assert world.clock.seconds() - at < 4
    assert view.job.state is State.CANCELLED
    assert view.job.applied == Applied(phones=100)
    assert sum(crm.phones(CONTACT, number)[0].startswith("+") for number in range(1, 201)) == 100
    assert (view.next, view.hindrance) == (Next.UNDO, None)
    # The plan goes on where it was.
    again = world.over(world.jobs.apply(plan))
    assert again.job.applied == Applied(phones=100, as_planned=100)
    world.over(world.jobs.undo(again.job.id))
    assert world.over(world.jobs.undo(name)).job.undone == Undone(restored=100)
    assert crm.items == before


def test_a_portal_that_is_away_does_not_keep_a_cancelled_application(folder: Path) -> None:
    crm = many()
    world = World(folder, crm, seconds=1.0)
    plan = world.over(world.jobs.plan()).job.id
    name = world.begun(world.jobs.apply(plan))
    crm.trouble = iter([AWAY] * 1000)
    world.until(lambda: world.view(name).waiting is not None)
    world.jobs.cancel(name)
    assert world.jobs.under_way is None
    assert world.view(name).job.state is State.CANCELLED


def test_an_application_that_was_interrupted_by_a_kill_can_be_undone(folder: Path) -> None:
    crm = many()
    before = copy.deepcopy(crm.items)
    world = World(folder, crm, seconds=2.0)
    plan = world.over(world.jobs.plan()).job.id
    name = world.begun(world.jobs.apply(plan))
    world.until(lambda: any(crm.phones(CONTACT, number)[0].startswith("+") for number in range(51, 101)))
    later = world.killed()
    view = later.view(name)
    assert (view.job.state, view.next, view.hindrance) == (State.INTERRUPTED, Next.UNDO, None)
    assert len(list(kept_changes(later.folder / f"{name}.undo.jsonl", PORTAL))) == 100
    assert later.over(later.jobs.undo(name)).job.undone == Undone(restored=100)
    assert crm.items == before


def test_the_daemons_stop_lets_an_application_finish_what_it_is_writing(folder: Path) -> None:
    crm = many()
    world = World(folder, crm, seconds=2.0)
    plan = world.over(world.jobs.plan()).job.id
    name = world.begun(world.jobs.apply(plan))
    world.until(lambda: any(crm.phones(CONTACT, number)[0].startswith("+") for number in range(1, 51)))
    world.stopped()
    assert sum(crm.phones(CONTACT, number)[0].startswith("+") for number in range(1, 201)) == 50
    view = world.again().view(name)
    assert (view.job.state, view.job.applied) == (State.INTERRUPTED, Applied(phones=50))


@settings(max_examples=60)
@given(
    bases(),
    st.lists(st.sampled_from([None, None, AWAY]), max_size=20),
    st.sets(st.integers(0, 30)),
    st.none() | st.integers(0, 60),
)
def test_a_plan_its_application_and_its_undo_leave_the_portal_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    made: Callable[[], CrmInMemory],
    troubles: list[Exception | None],
    lost: set[int],
    cancelled_after: int | None,
) -> None:
    """Whatever requests fail, before or behind what they do, and where it is cancelled in the middle."""
    crm, before = made(), made().items
    world = World(tmp_path_factory.mktemp("jobs"), crm, seconds=0.5)
    plan = world.over(world.jobs.plan(MARK)).job
    assert crm.items == before
    crm.requests.clear()
    crm.trouble = iter(troubles)

    def after(method: str) -> None:
        if len(crm.requests) in lost:
            raise AWAY

    crm.after = after
    answer = world.jobs.apply(plan.id)
    if isinstance(answer, NotBegun):
        assert answer.why is WhyNot.NOTHING_TO_DO or plan.state is State.FAILED
        return
    if cancelled_after is not None:
        world.clock.pump([0.25] * cancelled_after)
        world.jobs.cancel(answer.id)
    application = world.over(answer)
    crm.trouble, crm.after = None, lambda method: None
    if application.job.state is State.FINISHED:
        assert application.job.applied is not None
        assert application.job.applied.not_taken == application.job.applied.changed_since == 0
        assert world.over(world.jobs.plan(MARK)).job.planned == Tally(dict(plan.counted), 0, 0, 0)
    if application.hindrance is None:
        assert application.next is Next.UNDO
        undone = world.over(world.jobs.undo(application.job.id)).job.undone
        assert undone is not None
        assert undone.changed_since == undone.not_taken == 0
    assert crm.items == before

"""Where the jobs of the contact base keep what they find and write: a folder beside the journal.

A job is `NAME.json`, and what belongs to it has the same name. All is personal data, for the owner's eyes only. All
methods block.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from ..files_on_disk import as_a_whole
from ..hours import MINSK
from .audit import work_path
from .job import Job, Kind, State, may_go_on, newest_first

KEPT = 3
"""So many audits, and so many plans, are kept at most."""
DAYS_KEPT = 30
"""So long they are kept at most."""
UNDO_DAYS_KEPT = 90
"""So long the file is kept from which an application can be undone, and what is known of applications and undos."""

_DAY = 86_400.0
_OF_A_JOB = re.compile(rf"((?:{'|'.join(Kind)})-\d{{8}}-\d{{6}}(?:-\d+)?)(\.[a-z.-]+)")


@cache
def _form() -> TypeAdapter[Job]:
    return TypeAdapter(Job)


class JobFolder:
    """The folder; it is made with the first file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def new_id(self, kind: Kind, now: float, known: Collection[str]) -> str:
        """A name that no job of those `known` has; `now` is in seconds since the epoch. Does not block."""
        name = f"{kind}-{datetime.fromtimestamp(now, MINSK):%Y%m%d-%H%M%S}"
        others = (f"{name}-{number}" for number in range(2, len(known) + 3))
        return name if name not in known else next(each for each in others if each not in known)

    def report(self, job: str) -> Path:
        """All rows of what a job has found, as CSV."""
        return self.path / f"{job}.csv"

    def changes(self, job: str) -> Path:
        """What a plan would change, for its application."""
        return self.path / f"{job}.changes.jsonl"

    def undo(self, job: str) -> Path:
        """What an application has changed, for its undo."""
        return self.path / f"{job}.undo.jsonl"

    def make(self) -> None:
        """Be there; raises `OSError`."""
        self.path.mkdir(mode=0o700, exist_ok=True)

    def keep(self, job: Job) -> None:
        """Put what is known of a job on disk, as a whole or not at all; raises `OSError`."""
        self.make()
        with as_a_whole(self.path / f"{job.id}.json", "ascii") as file:
            json.dump(_form().dump_python(job, mode="json"), file)

    def load(self) -> tuple[list[Job], list[str]]:
        """All jobs, and what is wrong with files of which none can be told; raises `OSError`.

        Damaged files are put aside; one that is another user's stays where it is, as the next start may be let read
        it. A job that was running when it was put on disk last has been interrupted.
        """
        jobs: list[Job] = []
        troubles: list[str] = []
        for path in sorted(self.path.glob("*.json")) if self.path.exists() else ():
            try:
                job = _form().validate_python(json.loads(path.read_bytes()))
                if job.id != path.stem or _OF_A_JOB.fullmatch(path.name) is None:
                    raise ValueError(job.id)
            except (ValueError, RecursionError):
                troubles.append(f"{path.name} cannot be read; set aside")
                path.replace(path.with_suffix(".unreadable"))
            except OSError as error:
                troubles.append(f"{path.name} cannot be read: {error.strerror}")
            else:
                jobs.append(self._as_it_is(job))
        return jobs, troubles

    def _as_it_is(self, job: Job) -> Job:
        """A job as the daemon's last run has left it, which may have ended before it could say so."""
        if job.state is State.RUNNING:
            job = replace(job, state=State.INTERRUPTED, ended_at=job.saved_at)
        return replace(job, undo_file=self.undo(job.id).exists())

    def tidy(self, jobs: Mapping[str, Job], now: float) -> list[str]:
        """Delete what is not kept any longer, and give the jobs that are gone; raises `OSError`."""
        gone = [job.id for job in jobs.values() if not _is_kept(job, jobs, now)]
        for path, name, ending in self._files():
            job = None if name in gone else jobs.get(name)
            if job is not None:
                superfluous = not _is_needed(ending, job, jobs)
            else:
                superfluous = name in gone or _age(path, now) > UNDO_DAYS_KEPT * _DAY
            if superfluous:
                path.unlink(missing_ok=True)
        return gone

    def forget(self, job: str) -> None:
        """Delete all that belongs to a job; raises `OSError`."""
        for path, name, _ in self._files():
            if name == job:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Path, str, str]]:
        """All that belongs to jobs, each with the job's name and its own ending."""
        for path in list(self.path.iterdir()) if self.path.exists() else ():
            parts = _OF_A_JOB.fullmatch(path.name)
            if parts is not None:
                yield path, parts[1], parts[2]


def _is_kept(job: Job, jobs: Mapping[str, Job], now: float) -> bool:
    if job.state is State.RUNNING:
        return True
    if job.kind in (Kind.APPLICATION, Kind.UNDO):
        return now - job.over_at <= UNDO_DAYS_KEPT * _DAY
    newest = newest_first(jobs.values(), job.kind)[:KEPT]
    return now - job.over_at <= DAYS_KEPT * _DAY and any(each.id == job.id for each in newest)


def _is_needed(ending: str, job: Job, jobs: Mapping[str, Job]) -> bool:
    """Whether a file of a job that is kept is, too."""
    if job.state is State.RUNNING or ending in (".json", ".undo.jsonl"):
        return True
    if ending.startswith(work_path(Path(".csv")).name):
        return may_go_on(job, jobs.values())
    if ending == ".csv":
        return bool(job.report)
    return ending == ".changes.jsonl" and job.state is State.FINISHED


def _age(path: Path, now: float) -> float:
    with suppress(OSError):
        return now - path.stat().st_mtime
    return 0.0

"""Where messages and statuses wait, one file each, while the journal cannot take them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..errors import CannotStart, NothingCanHold
from ..files_on_disk import sync_folder
from ..message import Acceptance, Arrival, Kind, Source, Status, StatusReport, Teller
from .runs import RunCall

T = TypeVar("T")

Entry = Arrival | StatusReport | RunCall
"""What waits."""


class OffThread(Protocol):
    """Runs a blocking call away from the reactor, as `deferToThreadPool` does."""

    def __call__(self, call: Callable[..., T], /, *arguments: Any) -> Deferred[T]:
        """Fires with the call's result."""


class Spool:
    """A directory of entries. An entry is whole or not there: it is written aside, synced, and given its name."""

    _log = Logger()

    def __init__(self, directory: str, off_thread: OffThread) -> None:
        self._directory = Path(directory).absolute()
        self._off_thread = off_thread
        self._writes = itertools.count()
        # What is still to be drained, oldest first: a flood leaves thousands, which are not listed for every batch.
        self._listed: deque[Path] = deque()

    def prepare(self) -> None:
        """Make the directory; raises `CannotStart`. Blocks."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            for unfinished in self._directory.glob("*.new"):
                # Never acknowledged: its writer died before it could be.
                unfinished.unlink()
            if not os.access(self._directory, os.W_OK | os.X_OK):
                raise PermissionError(13, "not writable")
        except OSError as error:
            raise CannotStart(f"store.spool: {self._directory} cannot be written: {error.strerror}") from error

    def keep_message(self, arrival: Arrival) -> Deferred[Acceptance]:
        """Put a message on disk, once; fails with `NothingCanHold`."""

        def blocking() -> Acceptance:
            name = "message-" + hashlib.sha256(arrival.message_id.encode()).hexdigest()[:32]
            known = self._read(name)
            if isinstance(known, Arrival):
                return Acceptance(known.message_id, known.refusal, repeated=True)
            self._write(name, {"message": asdict(arrival)})
            return Acceptance(arrival.message_id, arrival.refusal)

        return self._off_thread(blocking)

    def keep_status(self, report: StatusReport) -> Deferred[None]:
        """Put a status on disk; fails with `NothingCanHold`."""

        def blocking() -> None:
            content = asdict(report)
            digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
            self._write(f"status-{digest}", {"status": content})

        return self._off_thread(blocking)

    def keep_run(self, call: RunCall) -> Deferred[None]:
        """Put the run of an automation rule on disk, once; fails with `NothingCanHold`."""

        def blocking() -> None:
            digest = hashlib.sha256(call.event_token.encode()).hexdigest()[:32]
            self._write(f"run-{digest}", {"run": asdict(call)})

        return self._off_thread(blocking)

    def entries(self, limit: int = 200) -> Deferred[list[tuple[str, Entry]]]:
        """Up to `limit` entries, oldest first, each with the name that `remove` takes."""

        def blocking() -> list[tuple[str, Entry]]:
            if not self._listed:
                self._listed.extend(sorted(self._directory.glob("*.json"), key=_age))
            entries: list[tuple[str, Entry]] = []
            while self._listed and len(entries) < limit:
                path = self._listed.popleft()
                if not path.exists():
                    continue
                entry = self._read(path.stem)
                if entry is None:
                    # Kept for a person to look at, but out of the way of the others.
                    path.rename(path.with_suffix(".unreadable"))
                    self._log.error("spool: {name} cannot be read; set aside", name=path.name)
                else:
                    entries.append((path.stem, entry))
            return entries

        return self._off_thread(blocking)

    def remove(self, names: list[str]) -> Deferred[None]:
        """These are in the journal now."""

        def blocking() -> None:
            for name in names:
                self._path(name).unlink(missing_ok=True)

        return self._off_thread(blocking)

    def depth(self) -> Deferred[tuple[int, float | None]]:
        """How many entries wait, and the time of the oldest (None: none waits)."""

        def blocking() -> tuple[int, float | None]:
            ages = [_age(path) for path in self._directory.glob("*.json")]
            return len(ages), min(ages, default=None)

        return self._off_thread(blocking)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _write(self, name: str, content: dict[str, Any]) -> None:
        # The same message may be on its way into the spool twice at a time.
        unfinished = self._directory / f"{name}.{next(self._writes)}.new"
        try:
            # Somebody may have tidied it away since the start.
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._path(name))
            sync_folder(self._directory)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            raise NothingCanHold(f"spool {self._directory}: {error.strerror}") from error

    def _read(self, name: str) -> Entry | None:
        try:
            return read_entry(self._path(name).read_bytes())
        except OSError:
            return None


def read_entry(content: bytes) -> Entry | None:
    """The entry in a file of the spool; None when it cannot be understood."""
    try:
        entry = json.loads(content)
        if "message" in entry:
            values = entry["message"]
            of_today = {"kind": Kind(values["kind"]), "teller": Teller(values.get("teller", Teller.SENDER))}
            return Arrival(**values | of_today)
        if "run" in entry:
            return RunCall(**entry["run"])
        values = entry["status"]
        status = Status(values["status"]) if values["status"] is not None else None
        return StatusReport(**values | {"status": status, "source": Source(values["source"])})
    except (ValueError, KeyError, TypeError):
        return None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

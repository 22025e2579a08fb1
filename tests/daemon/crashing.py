"""The daemon, which dies by SIGKILL at a step of its way that is given to it.

Steps are counted just before and just after every transaction of the journal, every request to A1 and the portal
(before it leaves, while its answer is awaited, when the answer has come), every PDU that goes over the SMPP link
either way, every sync of the spool and every entry taken from it. Each is written to the file `steps` in the
directory, so that a test can tell where the daemon died.

Arguments: the configuration, the deadly step, and `start` or `message`: from where steps are counted. The deadly step
is its number; or, as in `3 of during send/sms|sendBulk/sms`, its number among those whose names have all the words,
where either of two words may do. Then there are two steps more: `during transaction` and `during migration`. A fourth
argument says how long after the beginning of a step that has a length (`during`) the daemon dies, in seconds.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

# How long after a request has left the daemon dies while it awaits the answer, in seconds. The counterparts are told
# to take longer than this.
_AWAITING = "0.08"


def is_among(name: str, words: Collection[str]) -> bool:
    """Whether the words are in a step's name: "after transaction claim+settle" is of "after", "settle"."""
    of_it = set(re.split("[ +]", name))
    return all(of_it & set(word.split("|")) for word in words)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives this")


class Steps:
    """Counts steps, from any thread."""

    def __init__(self, deadly: str, record: Path, *, after: float) -> None:
        number, _, words = deadly.partition(" of ")
        self._deadly = int(number)
        self._words = words.split()
        self.after = after
        """How long into a step the daemon dies, in seconds."""
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._taken = 0
        self._counting = threading.Lock()
        self.begun = False

    @property
    def chosen(self) -> bool:
        """Whether the deadly one is looked for by its name."""
        return bool(self._words)

    def take(self, name: str) -> None:
        """A step; the last one if it is the deadly one."""
        if self.is_deadly(name):
            _die()

    def is_deadly(self, name: str) -> bool:
        """A step that the caller has to die at, or a little after, if it is the deadly one."""
        if not self.begun or not is_among(name, self._words):
            return False
        with self._counting:
            self._taken += 1
            os.write(self._record, f"{self._taken} {name}\n".encode())
            return self._taken == self._deadly


def _name(operation: Any) -> str:
    """`Journal.claim.<locals>.operation` is the operation `claim`, and `_accept` with its items is `accept`."""
    if isinstance(operation, functools.partial):
        operation = operation.args[0]
    scopes: list[str] = operation.__qualname__.split(".")
    return scopes[min(1, len(scopes) - 1)].lstrip("_")


def _wrap_journal(steps: Steps) -> None:
    from a1gateway.journal import Store

    transact, upgrade = Store.transact, Store._upgrade

    @functools.wraps(transact)
    def counted(self: Store, operations: Sequence[Any]) -> list[Any]:
        name = "transaction " + "+".join(dict.fromkeys(map(_name, operations)))
        steps.take(f"before {name}")
        if steps.chosen and steps.is_deadly(f"during {name}"):
            threading.Timer(steps.after, _die).start()
        try:
            return transact(self, operations)
        finally:
            steps.take(f"after {name}")

    def upgraded(self: Store, *, create: bool, largest: int | None) -> None:
        if steps.chosen and steps.is_deadly("during migration"):
            threading.Timer(steps.after, _die).start()
        upgrade(self, create=create, largest=largest)

    Store.transact = counted  # type: ignore[method-assign]
    Store._upgrade = upgraded  # type: ignore[method-assign]


def _wrap_requests(steps: Steps, reactor: Any) -> None:
    from a1gateway.http_client import HttpClient

    original = HttpClient._request

    async def counted(self: HttpClient, method: str, url: str, timeout: float, **more: Any) -> Any:
        name = "/".join(url.partition("?")[0].rstrip("/").split("/")[-2:])
        steps.take(f"before request {name}")
        if steps.is_deadly(f"during request {name}"):
            reactor.callLater(steps.after, _die)
        try:
            return await original(self, method, url, timeout, **more)
        finally:
            steps.take(f"after request {name}")

    HttpClient._request = counted  # type: ignore[method-assign]


def _wrap_link(steps: Steps, reactor: Any) -> None:
    from a1gateway.carriers.smpp.pdu import decode
    from a1gateway.carriers.smpp.session import Session

    write, take = Session._write, Session._take_frame

    def written(self: Session, octets: bytes) -> None:
        name = decode(octets).command
        steps.take(f"before pdu {name}")
        if steps.is_deadly(f"during pdu {name}"):
            # It leaves with the reactor's next turn.
            reactor.callLater(steps.after, _die)
        write(self, octets)

    def taken(self: Session, frame: bytes) -> None:
        name = decode(frame).command
        steps.take(f"before taking {name}")
        take(self, frame)
        steps.take(f"after taking {name}")

    Session._write = written  # type: ignore[method-assign]
    Session._take_frame = taken  # type: ignore[method-assign]


def _wrap_spool(steps: Steps) -> None:
    from a1gateway import files_on_disk
    from a1gateway.journal import spool

    class SteppedOs:
        """The module `os` as the spool sees it, and the syncing of its folder."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, descriptor: int) -> None:
            steps.take("before sync of the spool")
            os.fsync(descriptor)
            steps.take("after sync of the spool")

    for module in (spool, files_on_disk):
        setattr(module, "os", SteppedOs())  # noqa: B010
    remove = spool.Spool.remove

    def counted(self: spool.Spool, names: list[str]) -> Any:
        steps.take("before removal from the spool")

        def removed(result: Any) -> Any:
            steps.take("after removal from the spool")
            return result

        return remove(self, names).addBoth(removed)

    spool.Spool.remove = counted  # type: ignore[method-assign]


def _wrap_beginning(steps: Steps) -> None:
    from a1gateway.automation.assembly import Automation
    from a1gateway.intake import Intake

    def begins(owner: type, name: str) -> None:
        taking: Callable[..., Any] = getattr(owner, name)

        async def counted(*given: Any) -> Any:
            steps.begun = True
            return await taking(*given)

        setattr(owner, name, counted)

    begins(Intake, "take_message")
    begins(Intake, "take_run")
    begins(Automation, "take_event")


def main(arguments: Sequence[str]) -> None:
    """Run until the deadly step, or until somebody ends it."""
    from twisted.internet import reactor as its_reactor
    from twisted.logger import globalLogBeginner

    from a1gateway.config import load
    from a1gateway.logs import observer
    from a1gateway.tap import build

    reactor: Any = its_reactor
    config, deadly, beginning, after = (*arguments, _AWAITING)[:4]
    steps = Steps(deadly, Path(config).with_name("steps"), after=float(after))
    steps.begun = beginning == "start"
    _wrap_journal(steps)
    _wrap_requests(steps, reactor)
    _wrap_link(steps, reactor)
    _wrap_spool(steps)
    _wrap_beginning(steps)
    settings = load(config)
    log = observer(sys.stdout, style="text", level=settings.log.level)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    gateway = build(settings, reactor)
    gateway.privilegedStartService()
    reactor.callWhenRunning(gateway.startService)
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stopService)
    reactor.run()

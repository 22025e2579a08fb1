"""The daemon, which dies by SIGKILL at a step of its way that is given to it.

Steps are counted just before and just after every transaction of the journal, every request to A1 and the portal
(before it leaves, while its answer is awaited, when the answer has come), every PDU that goes over the SMPP link
either way, every sync of the spool and every entry taken from it. Each is written to the file `steps` in the
directory, so that a test can tell where the daemon died.

Arguments: the configuration, the number of the deadly step, and `start` or `message`: from where steps are counted.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

# How long after a request has left the daemon dies while it awaits the answer, in seconds. The counterparts are told
# to take longer than this.
_AWAITING = 0.08


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives this")


class Steps:
    """Counts steps, from any thread."""

    def __init__(self, deadly: int, record: Path) -> None:
        self._deadly = deadly
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._taken = 0
        self._counting = threading.Lock()
        self.begun = False

    def take(self, name: str) -> None:
        """A step; the last one if it is the deadly one."""
        if self.is_deadly(name):
            _die()

    def is_deadly(self, name: str) -> bool:
        """A step that the caller has to die at, or a little after, if it is the deadly one."""
        if not self.begun:
            return False
        with self._counting:
            self._taken += 1
            os.write(self._record, f"{self._taken} {name}\n".encode())
            return self._taken == self._deadly


def _wrap_journal(steps: Steps) -> None:
    from a1gateway.journal import Store

    transact = Store.transact

    @functools.wraps(transact)
    def counted(self: Store, operations: Sequence[Any]) -> list[Any]:
        # `Journal.accept.<locals>.operation` is the operation `accept`.
        names = [operation.__qualname__.split(".")[1] for operation in operations]
        name = "transaction " + "+".join(dict.fromkeys(names))
        steps.take(f"before {name}")
        try:
            return transact(self, operations)
        finally:
            steps.take(f"after {name}")

    Store.transact = counted  # type: ignore[method-assign]


def _wrap_requests(steps: Steps, reactor: Any) -> None:
    from a1gateway.http_client import HttpClient

    original = HttpClient._request

    async def counted(self: HttpClient, method: str, url: str, timeout: float, **more: Any) -> Any:
        name = "/".join(url.partition("?")[0].rstrip("/").split("/")[-2:])
        steps.take(f"before request {name}")
        if steps.is_deadly(f"during request {name}"):
            reactor.callLater(_AWAITING, _die)
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
            reactor.callLater(_AWAITING, _die)
        write(self, octets)

    def taken(self: Session, frame: bytes) -> None:
        name = decode(frame).command
        steps.take(f"before taking {name}")
        take(self, frame)
        steps.take(f"after taking {name}")

    Session._write = written  # type: ignore[method-assign]
    Session._take_frame = taken  # type: ignore[method-assign]


def _wrap_spool(steps: Steps) -> None:
    from a1gateway.journal import spool

    class SteppedOs:
        """The module `os` as the spool sees it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

        def fsync(self, descriptor: int) -> None:
            steps.take("before sync of the spool")
            os.fsync(descriptor)
            steps.take("after sync of the spool")

    setattr(spool, "os", SteppedOs())  # noqa: B010
    remove = spool.Spool.remove

    def counted(self: spool.Spool, names: list[str]) -> Any:
        steps.take("before removal from the spool")

        def removed(result: Any) -> Any:
            steps.take("after removal from the spool")
            return result

        return remove(self, names).addBoth(removed)

    spool.Spool.remove = counted  # type: ignore[method-assign]


def _wrap_beginning(steps: Steps) -> None:
    from a1gateway.intake import Intake

    take_message: Callable[..., Any] = Intake.take_message

    async def counted(self: Intake, arrival: Any) -> Any:
        steps.begun = True
        return await take_message(self, arrival)

    Intake.take_message = counted  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> None:
    """Run until the deadly step, or until somebody ends it."""
    from twisted.internet import reactor as its_reactor
    from twisted.logger import globalLogBeginner

    from a1gateway.config import load
    from a1gateway.logs import observer
    from a1gateway.tap import build

    reactor: Any = its_reactor
    config, deadly, beginning = arguments
    steps = Steps(int(deadly), Path(config).with_name("steps"))
    steps.begun = beginning == "start"
    _wrap_journal(steps)
    _wrap_requests(steps, reactor)
    _wrap_link(steps, reactor)
    _wrap_spool(steps)
    _wrap_beginning(steps)
    globalLogBeginner.beginLoggingTo([observer(sys.stdout, style="text", level="debug")], redirectStandardIO=False)
    gateway = build(load(config), reactor)
    gateway.privilegedStartService()
    reactor.callWhenRunning(gateway.startService)
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stopService)
    reactor.run()

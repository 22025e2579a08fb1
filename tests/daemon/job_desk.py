"""The daemon, at whose control socket jobs of the contact base can be begun and looked at, too.

Arguments: the configuration.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from a1gateway.control.place import short_path, socket_of


class _AtSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("daemon", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(journal: Path, operation: str, **arguments: object) -> Any:
    """What the daemon with this journal answers."""
    with short_path(socket_of(journal)) as path:
        connection = _AtSocket(path)
        connection.request("POST", f"/{operation}", json.dumps(arguments))
        answer = json.loads(connection.getresponse().read())
        connection.close()
    assert "result" in answer, answer
    return answer["result"]


def main(arguments: Sequence[str]) -> None:
    """Run until somebody ends it."""
    from twisted.internet import reactor as its_reactor
    from twisted.logger import globalLogBeginner

    from a1gateway import tap
    from a1gateway.config import load
    from a1gateway.contact_base.job import Job
    from a1gateway.contact_base.jobs import BaseJobs
    from a1gateway.control.service import ControlService
    from a1gateway.logs import observer

    reactor: Any = its_reactor
    made: list[BaseJobs] = []

    class Known(BaseJobs):
        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            made.append(self)

    async def begin(given: dict[str, Any]) -> Any:
        answer = getattr(made[0], given["what"])(*given["of"])
        return answer.id if isinstance(answer, Job) else f"not begun: {answer.why}"

    async def view(given: dict[str, Any]) -> Any:
        found = made[0].job(given["job"])
        if found is None:
            return None
        done = found.job.applied or found.job.undone or found.job.planned
        return {
            "state": found.job.state,
            "share": found.job.share,
            "report": found.report,
            "next": found.next,
            "hindrance": found.hindrance,
            "fault": found.job.fault,
            "done": done,
        }

    async def cancel(given: dict[str, Any]) -> Any:
        return made[0].cancel(given["job"])

    def service(reactor: Any, place: Path, operations: Any) -> ControlService:
        more = {"jobs.begin": begin, "jobs.view": view, "jobs.cancel": cancel}
        return ControlService(reactor, place, {**operations, **more})

    vars(tap).update(BaseJobs=Known, ControlService=service)
    settings = load(arguments[0])
    log = observer(sys.stdout, style="text", level=settings.log.level)
    globalLogBeginner.beginLoggingTo([log], redirectStandardIO=False)
    gateway = tap.build(settings, reactor)
    gateway.privilegedStartService()
    reactor.callWhenRunning(gateway.startService)
    reactor.addSystemEventTrigger("before", "shutdown", gateway.stopService)
    reactor.run()

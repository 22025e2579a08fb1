"""Runs of robots in the simulated portal: the call of the handler, and what the application answers the workflow."""

from __future__ import annotations

import enum
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import php
from a1gateway.sandbox.bizproc_documents import Document
from a1gateway.sandbox.installation import Installation
from a1gateway.sandbox.oauth import Holder, Tokens
from a1gateway.sandbox.outgoing import Outgoing
from a1gateway.sandbox.rest_errors import RestError, access_denied
from a1gateway.sandbox.robots import Robot, Robots, Value
from a1gateway.sandbox.sending import workflow_id
from a1gateway.sandbox.tasks import Tasks

_ANSWERED = "Received response from the application."
_LETTERS = string.ascii_letters + string.digits


class RunState(enum.StrEnum):
    """What has become of a run."""

    WAITING = "waiting"  # the workflow goes on once the application has answered
    ENDED = "ended"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Event:
    """One `bizproc.event.send`; `ended` says whether it was the one that has ended the run."""

    at: float
    values: Any
    ended: bool


@dataclass(slots=True)
class Run:
    """One run of a robot; times in Unix seconds, `timeout` in seconds, 0 for none.

    `values` is what the robots behind it can read: each return property with its value, its default, or None.
    """

    workflow_id: str
    token: str
    code: str
    document: Document
    properties: dict[str, Any]
    waits: bool
    timeout: int
    started: float
    values: dict[str, Any]
    state: RunState
    ended: float | None = None
    events: list[Event] = field(default_factory=list)
    log: list[tuple[float, str]] = field(default_factory=list)
    calls: list[int | None] = field(default_factory=list)

    def look(self, now: float) -> None:
        """Ends it when its time is over by `now`."""
        if self.state is RunState.WAITING and self.timeout and now >= self.started + self.timeout:
            self.end(RunState.TIMED_OUT, self.started + self.timeout)

    def end(self, state: RunState, at: float) -> None:
        """The workflow goes on."""
        self.state = state
        self.ended = at

    def report(self) -> dict[str, Any]:
        """For the control route: `calls` holds the HTTP status of each call of the handler."""
        return {
            "workflow_id": self.workflow_id,
            "event_token": self.token,
            "code": self.code,
            "document_id": self.document.id,
            "document_type": self.document.type,
            "properties": self.properties,
            "use_subscription": "Y" if self.waits else "N",
            "timeout": self.timeout,
            "started_at": self.started,
            "state": self.state.value,
            "ended_at": self.ended,
            "values": self.values,
            "IsTimeout": int(self.state is RunState.TIMED_OUT),
            "events": [{"at": each.at, "values": each.values, "ended": each.ended} for each in self.events],
            "log": [{"at": at, "message": message} for at, message in self.log],
            "calls": list(self.calls),
        }


class RobotRuns:
    """Runs robots; a handler is called once, and its answer is noted but changes nothing."""

    def __init__(
        self,
        clock: IReactorTime,
        robots: Robots,
        installation: Installation,
        *,
        tokens: Tokens,
        outgoing: Outgoing,
        tasks: Tasks,
    ) -> None:
        self._clock = clock
        self._robots = robots
        self._installation = installation
        self._tokens = tokens
        self._outgoing = outgoing
        self._tasks = tasks
        self._runs: dict[str, Run] = {}
        self.table: dict[str, Callable[[Mapping[str, Any], Holder], Any]] = {
            "bizproc.event.send": self.event_send,
            "bizproc.activity.log": self.activity_log,
        }

    def clear(self) -> None:
        """Forgets every run: no token of theirs is known."""
        self._runs.clear()

    def reports(self) -> list[dict[str, Any]]:
        """All runs, oldest first."""
        return [self._looked_at(run).report() for run in self._runs.values()]

    def find(self, key: str) -> Run | None:
        """The run with this workflow's id, or with this token."""
        run = self._runs.get(key.partition("|")[0])
        if run is None or key not in (run.workflow_id, run.token):
            return None
        return self._looked_at(run)

    def start(
        self, robot: Robot, document: Document, given: Mapping[str, Value], *, timeout: int = 0, calls: int = 1
    ) -> Run:
        """Runs `robot`, with its handler called `calls` times at once.

        More than once is what a queue row that hung leads to: each call has the same body. Raises ValueError on
        properties that the robot does not take.
        """
        workflow = workflow_id()
        run = Run(
            workflow,
            _token(workflow),
            robot.code,
            document,
            robot.filled(given),
            robot.waits,
            timeout,
            self._clock.seconds(),
            {name: described.get("DEFAULT") for name, described in robot.return_properties.items()},
            RunState.WAITING,
        )
        if not run.waits:
            run.end(RunState.ENDED, run.started)
        self._runs[workflow] = run
        body = self._body(run, robot.auth_user_id)
        for _ in range(calls):
            self._tasks.start(self._call(run, robot.handler, body))
        return run

    async def _call(self, run: Run, handler: str, body: dict[str, Any]) -> None:
        run.calls.append(await self._outgoing.post_form(handler, php.pairs(body)))

    def _body(self, run: Run, user_id: int) -> dict[str, Any]:
        pair = self._tokens.issue(self._installation.holder(user_id)) if user_id else None
        return {
            "workflow_id": run.workflow_id,
            "code": run.code,
            "document_id": run.document.id,
            "document_type": run.document.type,
            "event_token": run.token,
            "properties": run.properties,
            "use_subscription": "Y" if run.waits else "N",
            "timeout_duration": run.timeout,
            "ts": int(run.started),
            "auth": self._installation.auth(pair, user_id),
        }

    def _looked_at(self, run: Run) -> Run:
        run.look(self._clock.seconds())
        return run

    # REST

    def event_send(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`bizproc.event.send`: the first one ends the run; of a later one nothing is kept, nor is it an error."""
        del caller
        run = self._named(given)
        values, now = given.get("RETURN_VALUES"), self._clock.seconds()
        counts = run.state is RunState.WAITING
        run.events.append(Event(now, values, counts))
        if counts:
            run.log.append((now, _text(given.get("LOG_MESSAGE")) or _ANSWERED))
            self._take(run, values)
            run.end(RunState.ENDED, now)
        return True

    def activity_log(self, given: Mapping[str, Any], caller: Holder) -> bool:
        """`bizproc.activity.log`: a line in the workflow's log while the run waits."""
        del caller
        run = self._named(given)
        message = _text(given.get("LOG_MESSAGE"))
        if not message:
            raise RestError("ERROR_EMPTY_LOG_MESSAGE", "Empty log message!")
        if run.state is RunState.WAITING:
            run.log.append((self._clock.seconds(), message))
        return True

    def _named(self, given: Mapping[str, Any]) -> Run:
        token = given.get("EVENT_TOKEN")
        run = self.find(token) if isinstance(token, str) else None
        if run is None or token != run.token:
            raise access_denied()
        return run

    def _take(self, run: Run, values: Any) -> None:
        """Keeps what the robot is registered to return; one that is not registered any longer returns nothing."""
        robot = self._robots.registered.get(run.code)
        names = {name.upper(): name for name in robot.return_properties} if robot is not None else {}
        for name, value in values.items() if isinstance(values, dict) else ():
            if name.upper() in names:
                run.values[names[name.upper()]] = value


def _token(workflow: str) -> str:
    """A workflow's id, an activity's name and an event's id, signed."""
    activity = "A" + "_".join(str(secrets.randbelow(90_000) + 10_000) for _ in range(4))
    event = "".join(secrets.choice(_LETTERS) for _ in range(32))
    return f"{workflow}|{activity}|{event}.{secrets.token_hex(32)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

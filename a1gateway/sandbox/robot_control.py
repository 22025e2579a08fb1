"""The control routes `/sandbox/robot` and `/sandbox/robots`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from twisted.web.server import Request

from a1gateway.sandbox.answers import json_answer
from a1gateway.sandbox.bizproc_documents import document_of
from a1gateway.sandbox.control import BadControl, bad_control, control_object
from a1gateway.sandbox.robot_runs import RobotRuns
from a1gateway.sandbox.robots import Robots, Value
from a1gateway.sandbox.settings import Adjustable, PortalSettings

_FIVE_YEARS = 5 * 365 * 86400  # the longest that a workflow waits


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str
    document: str
    properties: dict[str, Value] = {}
    timeout: int = Field(default=0, ge=0, le=_FIVE_YEARS)  # seconds; 0: none
    calls: int = Field(default=1, ge=1, le=10)


class RobotControl:
    """Runs robots, and shows them and what has come of their runs."""

    def __init__(self, robots: Robots, runs: RobotRuns, settings: Adjustable[PortalSettings]) -> None:
        self._robots = robots
        self._runs = runs
        self._settings = settings

    def start(self, request: Request) -> bytes:
        """Runs the robot `code` on `document` (`deal:4182`); also `properties`, `timeout`, `calls`."""
        try:
            wanted = _Wanted.model_validate(control_object(request))
            document = document_of(wanted.document)
        except (BadControl, ValueError) as error:
            return bad_control(request, error)
        robot = self._robots.registered.get(wanted.code)
        if not self._settings.now.automation:
            said = {"error": "the portal's plan has no automation", "code": "no_automation"}
            return json_answer(request, said, 409)
        if robot is None:
            said = {"error": f"no robot {wanted.code} is registered in the portal", "code": "no_robot"}
            return json_answer(request, said, 409)
        if not robot.is_offered(document):
            said = {"error": f"the robot's filter keeps it from {wanted.document}", "code": "not_offered"}
            return json_answer(request, said, 409)
        try:
            run = self._runs.start(robot, document, wanted.properties, timeout=wanted.timeout, calls=wanted.calls)
        except ValueError as error:
            return bad_control(request, error)
        return json_answer(request, run.report())

    def show(self, request: Request) -> bytes:
        """The robots, and all runs, oldest first."""
        robots = [robot.report() for robot in self._robots.registered.values()]
        return json_answer(request, {"robots": robots, "runs": self._runs.reports()})

    def show_run(self, request: Request, key: str) -> bytes:
        """The run with this workflow's id or token."""
        run = self._runs.find(key)
        if run is None:
            return json_answer(request, {"error": "no such run"}, 404)
        return json_answer(request, run.report())

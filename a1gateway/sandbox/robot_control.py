"""The control route `/sandbox/robots`."""

from __future__ import annotations

from twisted.web.server import Request

from a1gateway.sandbox.answers import json_answer
from a1gateway.sandbox.robots import Robots


class RobotControl:
    """Shows robots."""

    def __init__(self, robots: Robots) -> None:
        self._robots = robots

    def show(self, request: Request) -> bytes:
        """The robots, in the order of their registration."""
        return json_answer(request, {"robots": [robot.report() for robot in self._robots.registered.values()]})

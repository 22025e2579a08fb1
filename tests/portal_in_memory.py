"""The simulated portal behind `IPortal`, without a socket between: what it answers is what its REST answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.task import Clock, deferLater

from a1gateway.bitrix24.queries import query
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble, judge
from a1gateway.sandbox.outgoing import HttpClient
from a1gateway.sandbox.portal import SandboxPortal
from a1gateway.sandbox.rest_errors import RestError
from a1gateway.sandbox.rest_page import Page

Fault = Callable[[str, Mapping[str, Any]], Any]
"""What a command comes to instead, by its method and parameters; None: nothing stands in its way."""


class PortalInMemory:
    """Whatever its CRM holds; and what stands in a request's way."""

    def __init__(self, clock: Clock) -> None:
        # Nobody is ever called: no handler is bound.
        nobody = cast(HttpClient, None)
        self.sandbox = SandboxPortal(
            clock, nobody, base="http://portal", gateway="http://gateway", client_id="local.1", client_secret="s"
        )
        self.sandbox.installation.begin()
        self.crm = self.sandbox.crm
        self.trouble: Exception | None = None
        self.fault: Fault = lambda method, parameters: None
        self.delay: Callable[[str, Mapping[str, Any]], float] = lambda method, parameters: 0.0
        """How many seconds later than it was found out a command of a batch is answered."""
        self._clock = clock
        self.requests: Counter[str] = Counter()
        """How many, by method; those in a batch with `batch/` before them."""

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self.requests[method] += 1
        if self.trouble is not None:
            raise self.trouble
        instead = self.fault(method, parameters)
        if isinstance(instead, Exception):
            raise instead
        return self._answer(method, parameters) if instead is None else instead

    async def batch(
        self, commands: Mapping[str, tuple[str, Mapping[str, Any]]], *, paid: bool = False
    ) -> dict[str, Any]:
        del paid
        assert 0 < len(commands) <= 50
        self.requests["batch"] += 1
        self.requests.update(f"batch/{method}" for method, _ in commands.values())
        if self.trouble is not None:
            raise self.trouble
        instead = {name: said for name, command in commands.items() if (said := self.fault(*command)) is not None}
        run = {name: command for name, command in commands.items() if name not in instead}
        written = {name: f"{method}?{query(parameters)}" for name, (method, parameters) in run.items()}
        answer = self._answer("batch", {"halt": 0, "cmd": written})
        delay = max(self.delay(*command) for command in commands.values())
        if delay > 0:
            await deferLater(self._clock, delay)
        errors = answer["result_error"] or {}
        results = instead | {
            name: judge(errors[name]["error"], errors[name]["error_description"])
            if name in errors
            else answer["result"][name]
            for name in run
        }
        shut_out = [each for each in results.values() if isinstance(each, PortalTrouble) and each.operator]
        if len(shut_out) == len(commands):
            raise shut_out[0]
        # Of one command it says something about that command.
        return {name: PortalError(each.code, "") if each in shut_out else each for name, each in results.items()}

    def _answer(self, method: str, parameters: Mapping[str, Any]) -> Any:
        installer = self.sandbox.installation.holder(1)
        try:
            result = self.sandbox.rest.call(method.lower(), parameters, installer)
        except RestError as error:
            raise judge(error.code, error.description) from None
        return result.result if isinstance(result, Page) else result

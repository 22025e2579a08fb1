"""Stacks of a test's own, one after another or many at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..centre.centre import Certificate, Manner
from .processes import Warden
from .stack import Stack

# Most of what they do is waiting, and they have all the time that the other tests take.
_AT_ONCE = 5
# Of a scenario that has started many daemons, the logs of the last are shown.
_LOGS_SHOWN = 3


class Stacks:
    """Makes stacks, and ends them together."""

    def __init__(self, warden: Warden, directory: Path) -> None:
        self._warden = warden
        self._directory = directory
        self.made: list[Stack] = []

    def make(
        self,
        name: str,
        *,
        warm: bool = True,
        manner: Manner | None = None,
        certificate: Certificate | None = None,
        **changes: Any,
    ) -> Stack:
        """A stack whose daemon is configured and not started."""
        directory = self._directory / name.replace(" ", "-")
        stack = Stack(self._warden, directory, warm=warm, manner=manner, certificate=certificate, **changes)
        self.made.append(stack)
        return stack

    def close(self) -> None:
        """End all their processes."""
        for stack in self.made:
            stack.close()


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is done with a stack of its own, once that is ready to send."""

    play: Callable[[Stack], None]
    before: Callable[[Stack], None] = lambda stack: None
    """What is done before the daemon starts; the sandbox runs already."""
    warm: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)
    manner: Manner | None = None
    """How the centre behaves that it sends to; None: it sends over HTTP."""
    takes: float = 5.0
    """About how long, in seconds: the longest are started first."""


class Together:
    """Scenarios played at the same time, while other tests run, too."""

    def __init__(self, warden: Warden, directory: Path, scenarios: Mapping[Scenario, str]) -> None:
        """`scenarios` with the name of each."""
        self._stacks = Stacks(warden, directory)
        self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE)
        self._results: dict[Scenario, Future[None]] = {
            scenario: self._threads.submit(self._play, f"{number}-{scenarios[scenario]}", scenario)
            for number, scenario in enumerate(sorted(scenarios, key=lambda each: -each.takes))
        }

    def ended_well(self, scenario: Scenario) -> None:
        """Wait for the end of a scenario; raises what went wrong in it."""
        self._results[scenario].result(timeout=300)

    def close(self) -> None:
        """Wait for the end of those under way."""
        self._threads.shutdown(cancel_futures=True)
        self._stacks.close()

    def _play(self, name: str, scenario: Scenario) -> None:
        stack = self._stacks.make(
            name, warm=scenario.warm, manner=scenario.manner, certificate=None, **scenario.changes
        )
        try:
            scenario.before(stack)
            scenario.play(stack.started())
            stack.kept_its_secrets()
        except BaseException as error:
            for log, written in list(stack.logs().items())[-_LOGS_SHOWN:]:
                error.add_note(f"--- {log}\n{written}")
            raise
        finally:
            stack.close()

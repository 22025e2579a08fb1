"""The daemon as an operator runs it: processes, sockets, files. Every test here starts real ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from .processes import Warden
from .stack import Stack
from .together import Scenario, Stacks, Together


@pytest.fixture(scope="session")
def polled(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon that asks A1 every half second, for all tests that leave it as they found it."""
    stack = Stack(warden, tmp_path_factory.mktemp("polled"), log={"format": "json"}).started()
    yield stack
    stack.close()
    stack.kept_its_secrets()


@pytest.fixture(scope="session")
def unpolled(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A daemon that hears of final statuses by callbacks only."""
    stack = Stack(warden, tmp_path_factory.mktemp("unpolled"), polling={"interval": 3600}).started()
    yield stack
    stack.close()
    stack.kept_its_secrets()


@pytest.fixture
def by_polls(polled: Stack) -> Stack:
    """The shared daemon that polls, its counterparts as good as new."""
    polled.a1.reset()
    polled.portal.reset()
    return polled


@pytest.fixture
def by_callbacks(unpolled: Stack) -> Stack:
    """The shared daemon that does not poll, its counterparts as good as new."""
    unpolled.a1.reset()
    unpolled.portal.reset()
    return unpolled


@pytest.fixture
def stacks(warden: Warden, tmp_path: Path) -> Iterator[Stacks]:
    """Stacks of a test's own."""
    stacks = Stacks(warden, tmp_path)
    yield stacks
    stacks.close()


@pytest.fixture(scope="session", autouse=True)
def together(
    request: pytest.FixtureRequest, warden: Warden, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Together]:
    """Every scenario that a test of this session waits for, begun with the first test."""
    wanted = {
        scenario: item.callspec.id
        for item in request.session.items
        if isinstance(item, pytest.Function) and (scenario := _scenario_of(item)) is not None
    }
    together = Together(warden, tmp_path_factory.mktemp("scenarios"), wanted)
    yield together
    together.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The daemon's tests begin, and with them the scenarios; whoever waits for the end of one comes last of all.

    The tests in between, in memory, leave a processor for the scenarios.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: 2 if _scenario_of(item) is not None else 0 if here in item.path.parents else 1)


def _scenario_of(item: pytest.Item) -> Scenario | None:
    """The scenario that a test waits for."""
    callspec = getattr(item, "callspec", None)
    scenario = None if callspec is None else callspec.params.get("scenario")
    return scenario if isinstance(scenario, Scenario) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, show what the processes of the test wrote."""
    report = yield
    if report.failed:
        logs: dict[str, str] = {}
        for value in getattr(item, "funcargs", {}).values():
            for stack in [value] if isinstance(value, Stack) else value.made if isinstance(value, Stacks) else []:
                logs |= stack.logs()
        report.sections += list(logs.items())
    return report

"""Any number of commands in as few requests as they take, each with what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.bitrix24.batches import run_all, run_one
from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.contacts import Command
from a1gateway.bitrix24.portal import Portal
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import CommandTrouble, PortalError, PortalTrouble
from a1gateway.journal import Journal
from a1gateway.metrics import Metrics

from .conftest import run
from .fakes import FakeHttp, answer
from .test_portal import INSTALLATION, OAUTH

AWAY = PortalTrouble("Bitrix24 cannot be reached: refused")


class Echo:
    """A portal that answers every command with its parameters, unless it is told something else of it."""

    def __init__(self) -> None:
        self.batches: list[dict[str, str]] = []
        """The methods by the commands' names, of each request."""
        self.instead: dict[str, Any] = {}
        """By the command's name; `not_run` are left out."""
        self.not_run: set[str] = set()
        self.troubles: list[PortalTrouble | None] = []

    async def call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        raise AssertionError(f"{method} was not called in a batch")

    async def batch(self, commands: Mapping[str, Command], *, paid: bool = False) -> dict[str, Any]:
        assert 0 < len(commands) <= 50
        assert not paid
        self.batches.append({name: method for name, (method, _) in commands.items()})
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        results = {name: self.instead.get(name, parameters) for name, (_, parameters) in commands.items()}
        return {name: result for name, result in results.items() if name not in self.not_run}


def commands(count: int) -> dict[str, Command]:
    return {f"c{number}": ("crm.item.get", {"id": number}) for number in range(count)}


@pytest.mark.parametrize(
    ("count", "apart", "sizes"),
    [
        (0, False, []),
        (0, True, []),
        (1, False, [1]),
        (1, True, [2]),
        (50, False, [50]),
        (50, True, [50, 2]),
        (49, True, [50]),
        (51, False, [50, 1]),
        (120, False, [50, 50, 20]),
    ],
)
def test_commands_go_in_as_few_requests_as_they_take(count: int, apart: bool, sizes: list[int]) -> None:
    portal = Echo()
    results = run(run_all(portal, commands(count), apart=apart))
    assert [len(each) for each in portal.batches] == sizes
    assert results == {f"c{number}": {"id": number} for number in range(count)}
    # What stands beside them is what every application may do.
    beside = [sorted(set(each.values()) - {"crm.item.get"}) for each in portal.batches]
    assert beside == [["app.info"] if apart else []] * len(sizes)


@given(st.integers(0, 300), st.booleans(), st.sets(st.integers(0, 299)), st.sets(st.integers(0, 299)))
def test_every_command_has_its_result_whatever_becomes_of_others(
    count: int, apart: bool, refused: set[int], not_run: set[int]
) -> None:
    portal = Echo()
    portal.instead = {f"c{number}": PortalError("NOT_FOUND", str(number)) for number in refused}
    portal.not_run = {f"c{number}" for number in not_run}
    results = run(run_all(portal, commands(count), apart=apart))
    assert list(results) == list(commands(count))
    for number in range(count):
        result = results[f"c{number}"]
        if number in not_run:
            assert isinstance(result, PortalTrouble)
        elif number in refused:
            assert result is portal.instead[f"c{number}"]
        else:
            assert result == {"id": number}


def test_a_command_that_was_not_run_is_a_trouble_of_its_own() -> None:
    """The portal has stopped in between, or a token has expired: it may be asked again."""
    portal = Echo()
    portal.not_run = {"c1"}
    results = run(run_all(portal, commands(3)))
    assert str(results["c1"]) == "Bitrix24 has not run a command"
    assert (results["c0"], results["c2"]) == ({"id": 0}, {"id": 2})


@pytest.mark.parametrize("apart", [False, True])
def test_a_portal_that_cannot_be_asked_is_a_trouble_of_all(apart: bool) -> None:
    portal = Echo()
    portal.troubles = [None, AWAY]
    with pytest.raises(PortalTrouble) as raised:
        run(run_all(portal, commands(150), apart=apart))
    assert raised.value is AWAY
    # Nothing more is asked of it.
    assert len(portal.batches) == 2


def test_one_command_has_its_result() -> None:
    assert run(run_one(Echo(), ("scope", {"full": True}))) == {"full": True}


@pytest.mark.parametrize("error", [AWAY, PortalError("ACCESS_DENIED", "Access denied!")])
def test_one_command_raises_what_it_came_to(error: PortalTrouble | PortalError) -> None:
    portal = Echo()
    portal.instead = {"one": error}
    # That it is said of one command, whoever asks for many wants to know.
    with pytest.raises(CommandTrouble if isinstance(error, PortalTrouble) else PortalError) as raised:
        run(run_one(portal, ("scope", {})))
    assert str(raised.value) == str(error)


# With the portal's own client: what it says when everything is refused.


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def portal(clock: Clock, journal: Journal, http: FakeHttp) -> Portal:
    tokens = Tokens(clock, journal, http, oauth_url=OAUTH, client_id="local.1", client_secret="s3cret")
    run(tokens.adopt(INSTALLATION))
    return Portal(clock, http, tokens, Budget(clock, 2, 50), Metrics())


def refuses(http: FakeHttp, *names: str, code: str = "ACCESS_DENIED") -> None:
    """The portal refuses these of a request, and does the others."""

    def by(_: str, content: Any) -> Any:
        errors = {name: {"error": code, "error_description": "Access denied!"} for name in names}
        results = {name: True for name in content["cmd"] if name not in names}
        return answer({"result": {"result": results or [], "result_error": errors or []}})

    http.by = by


def test_what_is_refused_of_all_commands_is_a_trouble_of_the_application(portal: Portal, http: FakeHttp) -> None:
    refuses(http, "c0", "c1")
    with pytest.raises(PortalTrouble) as raised:
        run(run_all(portal, commands(2)))
    assert raised.value.operator


def test_apart_it_is_said_of_the_commands(portal: Portal, http: FakeHttp) -> None:
    refuses(http, "c0", "c1")
    results = run(run_all(portal, commands(2), apart=True))
    assert [(type(each), each.code) for each in results.values()] == [(PortalError, "ACCESS_DENIED")] * 2
    assert portal.trouble is None
    refuses(http, "one")
    with pytest.raises(PortalError, match="ACCESS_DENIED"):
        run(run_one(portal, ("bizproc.robot.list", {})))


def test_an_application_that_may_nothing_at_all_is_a_trouble_also_apart(portal: Portal, http: FakeHttp) -> None:
    refuses(http, "c0", "c1", "alive", code="PAYMENT_REQUIRED")
    with pytest.raises(PortalTrouble) as raised:
        run(run_all(portal, commands(2), apart=True))
    assert (raised.value.operator, raised.value.code) == (True, "PAYMENT_REQUIRED")

"""What crosses between a command and the daemon comes out as it went in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.queries import Reference, query
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.control.command import who_runs_it
from a1gateway.control.operations import (
    Fault,
    OwnDesk,
    RemotePortal,
    portal_operations,
    raised,
    references,
    referring,
    written,
)
from a1gateway.control.place import short_path, socket_of
from a1gateway.errors import GatewayError, JournalUnavailable, TryLater

from .conftest import run
from .fake_crm import FakeCrm, away


class Wire:
    """A desk at the other end of a wire that carries JSON alone."""

    def __init__(self, portal: FakeCrm) -> None:
        self._desk = OwnDesk(portal_operations(portal, lambda: "shop.bitrix24.by"))

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        try:
            answer = {"result": await self._desk.ask(operation, json.loads(json.dumps(arguments)))}
        except GatewayError as error:
            answer = {"error": written(error)}
        answer = json.loads(json.dumps(answer))
        if "error" in answer:
            raise raised(answer["error"])
        return answer["result"]


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm()


def test_a_method_answers_over_the_wire_as_it_does_without(crm: FakeCrm) -> None:
    crm.contact(5, "Y", "+375291112233")
    remote = RemotePortal(Wire(crm))
    get = {"entityTypeId": 3, "id": 5}
    assert run(remote.call("crm.item.get", get)) == run(crm.call("crm.item.get", get))
    commands = {"a": ("crm.item.get", get), "b": ("crm.item.get", {"entityTypeId": 3, "id": 6})}
    result = run(remote.batch(commands))
    assert result["a"] == run(crm.batch(commands))["a"]
    assert isinstance(result["b"], PortalError)
    assert (result["b"].code, str(result["b"])) == ("NOT_FOUND", "NOT_FOUND: Not found")


def test_trouble_is_the_same_trouble_on_the_other_side(crm: FakeCrm) -> None:
    """Whether to wait, for how long, and whether a person has to mend it."""
    remote = RemotePortal(Wire(crm))
    crm.trouble = PortalTrouble("spent", code="OPERATION_TIME_LIMIT", pause=12.5, operator=True)
    with pytest.raises(PortalTrouble, match="spent") as found:
        run(remote.call("crm.item.get", {}))
    assert (found.value.code, found.value.pause, found.value.operator) == ("OPERATION_TIME_LIMIT", 12.5, True)
    crm.trouble = None
    crm.errors["crm.item.get"] = away()
    (result,) = run(remote.batch({"a": ("crm.item.get", {})})).values()
    assert isinstance(result, PortalTrouble)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (JournalUnavailable("locked"), TryLater),
        (GatewayError("no section [consent]"), GatewayError),
        (KeyError("number"), Fault),
        (Fault("broken"), Fault),
    ],
)
def test_an_error_is_of_the_kind_that_it_was(error: Exception, kind: type[GatewayError]) -> None:
    """What nobody expected tells nothing of itself: that stands in the daemon's log."""
    other = raised(json.loads(json.dumps(written(error))))
    assert type(other) is kind
    assert str(other) == (
        str(error) if isinstance(error, GatewayError) else "the daemon failed at it; its log says why"
    )


KEYS = st.text("abc", min_size=1, max_size=3)
VALUES = st.recursive(
    st.one_of(
        st.integers(0, 9),
        st.text("xyz", max_size=3),
        st.builds(Reference, st.sampled_from(["p0", "p49"]), st.just("items")),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_reference_is_one_on_the_other_side_too(parameters: dict[str, Any]) -> None:
    """And a text that only looks like one is refused there as it is here."""
    there = referring(json.loads(json.dumps(parameters)), json.loads(json.dumps(references(parameters))))
    assert query(there) == query(parameters)


def test_what_nobody_can_be_asked_for_is_said(crm: FakeCrm) -> None:
    with pytest.raises(GatewayError, match="nobody can be asked for a1.cost"):
        run(Wire(crm).ask("a1.cost", {}))


def test_the_socket_has_a_short_path_however_deep_its_folder_is(tmp_path: Any) -> None:
    """The kernel takes 107 characters."""
    deep = tmp_path / ("folder" * 20)
    deep.mkdir()
    socket = socket_of(deep / "a1gateway.sqlite3")
    assert len(str(socket)) > 107
    with short_path(socket) as path:
        assert len(path) < 60
        socket.write_text("here")
        with open(path, encoding="utf-8") as file:
            assert file.read() == "here"


@pytest.mark.parametrize(
    ("behind", "user", "name"),
    [(None, "root", "root"), ("anna", "root", "anna (root)"), ("anna", "anna", "anna"), ("", "root", "root")],
)
def test_whoever_called_sudo_is_named_with_whom_it_made_of_them(
    monkeypatch: pytest.MonkeyPatch, behind: str | None, user: str, name: str
) -> None:
    if behind is None:
        monkeypatch.delenv("SUDO_USER", raising=False)
    else:
        monkeypatch.setenv("SUDO_USER", behind)
    monkeypatch.setattr("getpass.getuser", lambda: user)
    assert who_runs_it() == name


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert who_runs_it() == str(os.getuid())

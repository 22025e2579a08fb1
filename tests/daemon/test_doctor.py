"""`a1gateway doctor` against real counterparts: every fault has its line, and nothing is changed by looking."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .calls import fetch
from .processes import Process, Warden, eventually, free_port
from .stack import APIKEY, Stack
from .together import Stacks

_LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# The simulated centre's.
PASSWORD = "sandbox1"
# Without automation the daemon does nothing by itself that would be taken for the doctor's doing.
AS_IT_IS: Mapping[str, Any] = {
    "polling": {"interval": 3600},
    "automation": {"robots": False},
    "a1__http": {"timeout": 60},
}
# The methods that change something, by their names; the daemon itself may ask others at any time.
_CHANGES = re.compile(r"(^|[./])(add|update|delete|bind|unbind|sms|notify|token|set)$")
# What a daemon finds by itself while nothing has been sent.
UNKNOWN = {"callback_awaited"}


@pytest.fixture(scope="module")
def stack(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway in order, of this module's own: the tests take it apart and put it together again."""
    stacks = Stacks(warden, tmp_path_factory.mktemp("doctor"))
    stack = stacks.make("doctor", **AS_IT_IS)
    stack.started()
    yield stack
    stack.close()
    stack.kept_its_secrets()
    stacks.close()


class Doctor:
    """The command, as many at a time as are wanted."""

    def __init__(self, warden: Warden, stack: Stack, directory: Path) -> None:
        self._warden = warden
        self._stack = stack
        self._directory = directory
        self._number = 0

    def start(
        self, *given: str, program: tuple[str, ...] = ("a1gateway",), config: Path | None = None, **changes: Any
    ) -> Process:
        """Begin an examination with the stack's configuration, or with another one."""
        self._number += 1
        if config is None and changes:
            config = self._stack.gateway.configure(
                self._stack.sections(**{**AS_IT_IS, **changes}), self._directory / f"{self._number}.toml"
            )
        command, *before = program
        arguments = [*before, "doctor", "--config", str(config or self._stack.gateway.config), *given]
        return self._warden.start(
            command,
            arguments,
            directory=self._directory,
            name=f"doctor-{self._number}",
            warm=not Path(command).is_absolute(),
        )

    def ended(self, process: Process) -> dict[str, Any]:
        """What it has found, by subject; the exit status is as it should be."""
        status = process.wait(120)
        assert process.errors == ""
        report = json.loads(process.out)
        assert status == (0 if report["ok"] else 1)
        assert report["ok"] == all(check["state"] != "bad" for check in report["checks"])
        for check in report["checks"]:
            assert (check["remedy"] != "") or check["state"] != "bad", check
        return {check["check"]: check for check in report["checks"]}

    def finds(self, **changes: Any) -> dict[str, Any]:
        """All of an examination."""
        return self.ended(self.start("--json", **changes))


@pytest.fixture
def doctor(warden: Warden, stack: Stack, tmp_path: Path) -> Doctor:
    return Doctor(warden, stack, tmp_path)


def rows_of(journal: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in a journal."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as driver:
        names = [name for (name,) in driver.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: driver.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608


def contents_of(folder: Path) -> dict[str, bytes]:
    """Every file there, but for SQLite's index of its log, which whoever reads may put in order."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".control" and not path.name.endswith("-shm")
    }


def outside(stack: Stack) -> dict[str, Any]:
    """What A1 and the portal know of the gateway, and how often they were asked to change something."""
    asked = {**stack.a1.ask("GET", "requests"), **stack.portal.ask("GET", "requests")}
    changes = {method: times for method, times in asked.items() if _CHANGES.search(method)}
    return {"asked": changes, "sms": stack.a1.messages(), "portal": stack.portal.ask("GET", "state")}


def bad(found: Mapping[str, Any]) -> dict[str, str]:
    """What has to be mended."""
    return {name: check["finding"] for name, check in found.items() if check["state"] == "bad"}


def test_a_gateway_in_order_is_found_so_and_left_as_it_is(stack: Stack, doctor: Doctor) -> None:
    eventually(lambda: stack.gateway.rows("SELECT * FROM positions") or None, 30, "the daemon has looked around")
    eventually(lambda: "the sender a1sms_by is registered" in stack.gateway.process.out, 30, "it has registered")
    journal, known = rows_of(stack.gateway.journal), outside(stack)
    found = doctor.finds()
    assert bad(found) == {}
    assert {check["finding"] for check in found.values() if check["state"] == "wait"} <= UNKNOWN
    for subject, finding in {
        "daemon": "daemon_runs",
        "tokens": "tokens_work",
        "permissions": "permissions_granted",
        "sender": "sender_registered",
        "a1": "a1_answers",
        "balance": "balance_left",
        "sender_id": "sender_id_approved",
        "address": "address_leads_here",
        "store": "store_works",
        "integrity": "integrity_whole",
        "clock": "clock_right",
    }.items():
        assert found[subject]["finding"] == finding
    assert found["balance"]["facts"]["amount"].startswith("100")
    assert rows_of(stack.gateway.journal) == journal
    assert outside(stack) == known


def test_people_get_a_line_for_each_with_what_to_do(stack: Stack, doctor: Doctor) -> None:
    """In their language, a mark first; the exit status says whether anything fails."""
    runs = {
        language: doctor.start("--language", language, a1__http={"apikey": "not-the-right-one", "timeout": 60})
        for language in ("ru", "be", "en")
    }
    told = {
        "ru": ("Учётная запись A1", "Что сделать:"),
        "be": ("Уліковы запіс A1", "Што зрабіць:"),
        "en": ("Account at A1", "What to do"),
    }
    for language, process in runs.items():
        assert process.wait(120) == 1
        subject, remedy = told[language]
        (line,) = [line for line in process.out.splitlines() if line.startswith(f"FAIL  {subject}: ")]
        assert remedy in line
        assert "a1.http.user" in line
        *lines, total = process.out.splitlines()
        assert all(re.match(r"(ok  |FAIL|\?   |-   )  \S", line) for line in lines)
        assert "not-the-right-one" not in process.out
        assert re.search(r"\b2\b", total), "the account, and the configuration that the daemon does not run with"


def test_faults_of_the_configuration_have_their_lines(stack: Stack, doctor: Doctor, tmp_path: Path) -> None:
    """All at the same time, beside a daemon that runs with another configuration and goes on."""
    open_to_all = stack.gateway.configure(stack.sections(**AS_IT_IS), tmp_path / "open.toml")
    open_to_all.chmod(0o644)
    started = {
        "key": doctor.start("--json", a1__http={"apikey": "not-the-right-one", "timeout": 60}),
        "name": doctor.start("--json", a1={"sender_id": "NotOurs"}),
        "spelt": doctor.start("--json", a1={"sender_id": "MYSHOP"}),
        "elsewhere": doctor.start("--json", http={"public_url": stack.portal.base}),
        "nowhere": doctor.start("--json", http={"public_url": f"http://127.0.0.1:{free_port()}"}),
        "open": doctor.start("--json", config=open_to_all),
        "faulty": doctor.start(
            "--json", a1__http={"requests_per_second": 0}, polling={"interval": 3600, "intervall": 60}
        ),
    }
    found = {name: doctor.ended(process) for name, process in started.items() if name != "faulty"}
    other = {"daemon": "daemon_other_config"}
    assert bad(found["key"]) == {"a1": "a1_refuses", **other}
    assert bad(found["name"]) == {"sender_id": "sender_id_refused", **other}
    assert bad(found["spelt"]) in (
        {"sender_id": "sender_id_spelt_otherwise", **other},
        {"sender_id": "sender_id_refused", **other},
    )
    assert bad(found["elsewhere"]) == {"address": "address_elsewhere", **other}
    assert found["elsewhere"]["address"]["facts"]["code"] != 200
    assert bad(found["nowhere"]) == {"address": "address_unreachable", **other}
    assert bad(found["open"]) == {"secrets": "secrets_open"}
    assert "chmod 600" in found["open"]["secrets"]["said"]
    assert started["faulty"].wait(60) == 1
    faults = json.loads(started["faulty"].out)["checks"]
    assert [each["facts"]["key"] for each in faults] == ["a1.http.requests_per_second", "polling.intervall"]
    assert APIKEY not in "".join(process.out for process in started.values())
    assert stack.gateway.get("/readyz").status == 200


@pytest.mark.skipif(_LIBRARY is None, reason="there is no libfaketime here (Debian has it in the package faketime)")
def test_a_clock_that_is_wrong_is_told_by_what_others_say(stack: Stack, doctor: Doctor) -> None:
    """An hour ahead, against the dates of A1's and Bitrix24's answers."""
    variables = (f"LD_PRELOAD={_LIBRARY}", "FAKETIME=+3600", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1")
    program = str(Path(shutil.which("a1gateway", path=_beside_python()) or ""))
    found = doctor.ended(doctor.start("--json", program=("/usr/bin/env", *variables, program)))
    assert bad(found) == {"clock": "clock_wrong"}
    assert 3590 < found["clock"]["facts"]["seconds"] < 3610


def test_troubles_of_the_portal_have_their_lines(stack: Stack, doctor: Doctor) -> None:
    """What the daemon has not noticed yet is found all the same: the portal is asked."""
    stack.portal.fault("portal_down")
    found = doctor.finds()
    assert bad(found) == {"tokens": "portal_away"}
    stack.portal.mend()
    (tokens,) = stack.gateway.rows("SELECT * FROM installation")
    form = {"auth": tokens["access_token"], "CODE": "a1sms_by"}
    assert fetch("POST", f"{stack.portal.base}/rest/messageservice.sender.delete.json", form=form).status == 200
    assert bad(doctor.finds()) == {"sender": "sender_gone"}
    stack.portal.ask("POST", "revoke-token", {})
    assert bad(doctor.finds())["tokens"] == "portal_shuts_out"
    stack.install()
    assert bad(doctor.finds()) == {}


def test_without_the_daemon_it_looks_and_leaves_everything_as_it_is(
    stack: Stack, doctor: Doctor, tmp_path: Path
) -> None:
    """No token is refreshed, no file made; not even those that SQLite makes for whoever reads."""
    stack.gateway.process.signal(signal.SIGTERM)
    stack.gateway.process.wait(30)
    files, known = contents_of(stack.gateway.data), outside(stack)
    found = doctor.finds()
    assert bad(found) == {"daemon": "daemon_away"}
    for subject, finding in {
        "tokens": "tokens_work",
        "permissions": "permissions_granted",
        "sender": "sender_registered",
        "a1": "a1_answers",
        "address": "address_unknown",
        "store": "store_readable",
        "integrity": "integrity_whole",
        "spool": "spool_empty",
    }.items():
        assert found[subject]["finding"] == finding
    assert contents_of(stack.gateway.data) == files
    stack.portal.ask("POST", "expire-token", {})
    damaged = _damaged_copy(stack, tmp_path)
    nothing_yet = str(tmp_path / "never" / "journal.sqlite3")
    started = [
        doctor.start("--json"),
        doctor.start("--json", store={"url": f"sqlite:///{damaged}"}),
        doctor.start("--json", store={"url": f"sqlite:///{nothing_yet}", "spool": str(tmp_path / "never" / "spool")}),
    ]
    resting, broken, before = (doctor.ended(process) for process in started)
    assert (resting["tokens"]["finding"], resting["sender"]["finding"]) == ("tokens_rest", "sender_unknown")
    assert bad(resting) == {"daemon": "daemon_away"}
    assert bad(broken)["integrity"] == "integrity_damaged"
    assert before["store"]["finding"] == "store_not_yet"
    assert bad(before) == {"daemon": "daemon_away", "tokens": "not_installed"}
    assert not Path(nothing_yet).parent.exists()
    assert contents_of(stack.gateway.data) == files
    assert outside(stack) == known

    # Cut off, the daemon leaves a log beside the journal, and its lock and its socket behind.
    stack.gateway.start()
    stack.gateway.ready()
    stack.gateway.process.kill()
    files = contents_of(stack.gateway.data)
    assert f"{stack.gateway.journal.name}-wal" in files
    found = doctor.finds()
    assert bad(found) == {"daemon": "daemon_away"}
    assert (found["store"]["finding"], found["integrity"]["finding"]) == ("store_readable", "integrity_whole")
    assert contents_of(stack.gateway.data) == files


def test_over_smpp_a_bind_is_tried_only_while_the_daemon_has_none(
    stack: Stack, doctor: Doctor, tmp_path: Path
) -> None:
    """A1's side of the simulation allows but one: a second one would be refused, or end the first."""
    stack.a1.set(smpp_one_bind=True)
    smpp: dict[str, Any] = {
        "a1": {"transport": "smpp"},
        "a1__smpp": {"host": "127.0.0.1", "port": _smpp_port(stack), "system_id": "sandbox", "password": PASSWORD},
    }
    if stack.gateway.process.status is None:
        stack.gateway.process.kill()
    # It waits for whoever binds next, and that is not the daemon.
    stack.a1.ask("POST", "smpp/subscriber", {"number": "375291112233", "text": "СТОП"})
    started = {
        "right": doctor.start("--json", **smpp),
        "wrong": doctor.start("--json", **{**smpp, "a1__smpp": {**smpp["a1__smpp"], "password": "wrong"}}),
        "down": doctor.start("--json", **{**smpp, "a1__smpp": {**smpp["a1__smpp"], "port": free_port()}}),
    }
    found = {name: doctor.ended(process) for name, process in started.items()}
    assert stack.a1.ask("GET", "smpp/subscriber")[0]["text"] == "СТОП"
    assert found["right"]["smpp"]["finding"] == "smpp_binds"
    assert bad(found["wrong"])["smpp"] == "smpp_refused"
    assert bad(found["down"])["smpp"] == "smpp_broken"
    assert _binds(stack) == []

    stack.gateway.configure(stack.sections(**AS_IT_IS, **smpp))
    stack.gateway.start()
    before = eventually(lambda: _binds(stack) or None, 30, "the daemon is bound")
    eventually(lambda: stack.gateway.rows("SELECT * FROM incoming") or None, 60, "the subscriber's SMS is kept")
    found = doctor.finds()
    assert found["smpp"]["finding"] == "smpp_bound"
    assert [each["bound_since"] for each in _binds(stack)] == [each["bound_since"] for each in before]
    assert PASSWORD not in json.dumps(found)


def _beside_python() -> str:
    return str(Path(sys.executable).parent)


def _binds(stack: Stack) -> list[dict[str, Any]]:
    binds: list[dict[str, Any]] = stack.a1.ask("GET", "smpp/binds")["binds"]
    return binds


def _smpp_port(stack: Stack) -> int:
    found = re.search(r"^A1 SMSC: smpp://127\.0\.0\.1:(\d+)$", stack.sandbox.process.out, re.MULTILINE)
    assert found is not None
    return int(found[1])


def _damaged_copy(stack: Stack, folder: Path) -> Path:
    """A journal with a page of rubbish in the middle."""
    copy = folder / "damaged.sqlite3"
    shutil.copy(stack.gateway.journal, copy)
    with copy.open("r+b") as file:
        file.seek(4096 * (copy.stat().st_size // 4096 // 2))
        file.write(b"\xff" * 4096)
    return copy

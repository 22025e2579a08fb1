"""The unit starts what there is with the secrets that the example names, and the daemon tells systemd how it is."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import TimeoutError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs
from twisted.scripts._twistd_unix import ServerOptions

from a1gateway import gateway, tap
from a1gateway.cli import parser
from a1gateway.errors import JournalUnavailable
from a1gateway.export.exports import MOST_AT_ONCE
from a1gateway.journal.schema import REVISION
from a1gateway.systemd import (
    HUNG,
    MORE_TIME,
    MoreTime,
    StatusLine,
    Watchdog,
    is_journald,
    is_waiting,
    notify,
    watchdog_interval,
)

from .older_journal import older_journal

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "a1gateway.service"
EXAMPLE = ROOT / "config" / "a1gateway.example.toml"

_ASSIGNMENT = re.compile(r"([A-Za-z]+)=(.*)")
_CREDENTIAL = re.compile(r"([a-z0-9_]+):(/etc/a1gateway/secrets/([a-z0-9_]+))")


def unit(name: str, file: Path = UNIT) -> list[str]:
    """The values that a unit gives to `name`, in order."""
    found = [match for match in map(_ASSIGNMENT.fullmatch, file.read_text("utf-8").splitlines()) if match is not None]
    return [match[2] for match in found if match[1] == name]


def example_secrets(*, commented_out: bool = False) -> set[str]:
    """The names under which the example configuration looks for its secrets."""
    front = "#" if commented_out else ""
    pattern = rf'^{front}[a-z_]+_file = "\$\{{CREDENTIALS_DIRECTORY\}}/([a-z0-9_]+)"$'
    return set(re.findall(pattern, EXAMPLE.read_text("utf-8"), re.MULTILINE))


# The unit


def test_systemd_is_told_by_the_daemon_itself_when_it_is_ready() -> None:
    assert unit("Type") == ["notify"]
    assert unit("NotifyAccess") == ["main"]


def test_every_secret_of_the_example_is_loaded_under_its_name() -> None:
    """Those of either transport: which one it is says the configuration, and not the unit."""
    credentials = [_CREDENTIAL.fullmatch(value) for value in unit("LoadCredential")]
    assert {match and match[1] for match in credentials} == example_secrets() | example_secrets(commented_out=True)
    assert all(match and match[1] == match[3] for match in credentials)


def test_a_secret_whose_file_is_missing_is_empty_and_no_reason_not_to_start() -> None:
    """Then the daemon itself says which one it lacks (systemd.exec(5): `SetCredential=` is the default)."""
    loaded = [value.partition(":")[0] for value in unit("LoadCredential")]
    assert unit("SetCredential") == [rf"{name}:\n" for name in loaded]


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_the_readme_makes_every_secret_that_the_unit_loads(readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    for value in unit("LoadCredential"):
        assert f"> {value.partition(':')[2]} )" in text


def test_twistd_takes_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the example as the configuration, and the secrets where systemd puts them."""
    (command,) = unit("ExecStart")
    program, *arguments = command.split()
    assert program == "/opt/a1gateway/bin/twistd"
    assert arguments[-1] == "/etc/a1gateway/a1gateway.toml"
    for name in example_secrets():
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    options = ServerOptions()
    options.parseOptions([*arguments[:-1], str(EXAMPLE)])
    assert options.subCommand == "a1gateway"
    assert options["nodaemon"]
    assert options["pidfile"] == ""
    assert options["umask"] == 0o077
    assert options.subOptions.config.bitrix24.portal == "shop.bitrix24.by"


def test_the_state_directory_is_where_the_example_keeps_its_state() -> None:
    (directory,) = unit("StateDirectory")
    assert unit("StateDirectoryMode") == ["0700"]
    # Both are commented out: they are the defaults.
    store = re.findall(r'^#((?:url|spool) = ".*/var/lib/.*")$', EXAMPLE.read_text("utf-8"), re.MULTILINE)
    paths = tomllib.loads("\n".join(store))
    assert paths["url"].startswith(f"sqlite:////var/lib/{directory}/")
    assert paths["spool"].startswith(f"/var/lib/{directory}/")


def test_the_socket_is_wanted_where_it_is_enabled_and_nowhere_else() -> None:
    """A package brings both units; a daemon that opens its port itself must not find it taken."""
    socket_unit = UNIT.with_suffix(".socket")
    assert UNIT.with_suffix(".socket").name not in unit("Wants")[0]
    assert unit("WantedBy", socket_unit) == ["sockets.target a1gateway.service"]
    assert socket_unit.name in unit("After")[0].split()


def test_a_stop_has_more_time_than_it_may_take() -> None:
    (seconds,) = unit("TimeoutStopSec")
    assert int(seconds) >= gateway._ANSWERING + gateway._UNDER_WAY + gateway._CLOSING + 30


def test_a_start_has_the_time_that_it_asks_for_once_more() -> None:
    """The first word may be late: whatever comes before it must not end the start."""
    (seconds,) = unit("TimeoutStartSec")
    assert int(seconds) >= MORE_TIME


def test_the_watchdog_waits_longer_than_a_stop_may_take() -> None:
    """Whether systemd goes on watching while a daemon stops, does not matter then."""
    (seconds,) = unit("WatchdogSec")
    assert int(seconds) / 2 > gateway._ANSWERING + gateway._UNDER_WAY + gateway._CLOSING


def test_what_hangs_leaves_its_tracebacks_and_no_core_file() -> None:
    """systemd ends it with SIGABRT, of which core files are made; there would be secrets in one."""
    assert unit("WatchdogSignal") == []
    assert unit("Environment") == ["PYTHONFAULTHANDLER=1"]
    assert unit("LimitCORE") == ["0"]


def test_memory_and_tasks_are_bounded() -> None:
    assert int(unit("MemoryHigh")[0].removesuffix("M")) < int(unit("MemoryMax")[0].removesuffix("M")) <= 256
    assert int(unit("TasksMax")[0]) <= 64


def test_exports_beside_the_daemon_do_not_slow_it() -> None:
    """The daemon has up to 110 MB, an XLSX export 50; the kernel slows all of them above `MemoryHigh=`."""
    (high,) = unit("MemoryHigh")
    assert int(high.removesuffix("M")) >= 110 + 50 * MOST_AT_ONCE


def test_a_daemon_that_fails_is_started_again_for_ever() -> None:
    """Bitrix24 does not repeat a message that found nobody."""
    assert unit("Restart") == ["on-failure"]
    assert unit("StartLimitIntervalSec") == ["0"]


def test_it_starts_after_the_clock_is_right_where_something_waits_for_that() -> None:
    (after,) = unit("After")
    assert "time-sync.target" in after.split()


def test_memory_that_is_written_may_be_executed() -> None:
    """cffi makes the callbacks that OpenSSL calls in such memory: denied, every TLS connection fails."""
    assert unit("MemoryDenyWriteExecute") in ([], ["no"])


def test_the_daemon_reaches_the_internet_and_systemd() -> None:
    assert unit("RestrictAddressFamilies") == ["AF_INET AF_INET6 AF_UNIX"]
    assert unit("IPAddressDeny") == []
    assert unit("PrivateNetwork") == []


def test_it_has_a_user_of_its_own_and_no_privileges() -> None:
    assert unit("User") == unit("Group") == ["a1gateway"]
    assert unit("DynamicUser") == []
    assert unit("CapabilityBoundingSet") == [""]
    assert unit("NoNewPrivileges") == ["yes"]


def _systemd_analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here (Debian has it in the package systemd)")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"systemd (\d+)", said)
    if version is None or int(version[1]) < 250:
        pytest.skip("this systemd-analyze cannot look at a file alone; systemd 250 can")
    return program


@pytest.fixture
def unit_here(tmp_path: Path) -> Path:
    """The unit beside its socket, with this environment's twistd, since `verify` wants to find it."""
    here = tmp_path / UNIT.name
    twistd = Path(sys.executable).with_name("twistd")
    here.write_text(UNIT.read_text("utf-8").replace("ExecStart=/opt/a1gateway/bin/twistd", f"ExecStart={twistd}"))
    shutil.copy(UNIT.with_suffix(".socket"), tmp_path)
    return here


def test_systemd_finds_no_fault_in_the_units(unit_here: Path) -> None:
    command = [_systemd_analyze(), "verify", str(unit_here), str(unit_here.with_suffix(".socket"))]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    # Whatever it says of other units of the machine is none of ours.
    assert [line for line in verified.stderr.splitlines() if UNIT.stem in line] == []


def test_systemd_finds_the_service_well_confined(unit_here: Path) -> None:
    """The threshold is 1.5 of 10, in tenths; 10 is a service without any protection."""
    program = _systemd_analyze()
    command = [program, "security", "--offline=true", "--threshold=15", "--no-pager", str(unit_here)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


# The backup


BACKUP = ROOT / "systemd" / "a1gateway-backup.service"


def test_the_backup_is_a_command_that_there_is_for_the_daemons_user() -> None:
    (command,) = unit("ExecStart", file=BACKUP)
    program, *arguments = command.split()
    assert program == "/opt/a1gateway/bin/a1gateway"
    given = parser().parse_args(arguments)
    assert (given.command, given.config, given.with_secrets) == ("backup", "/etc/a1gateway/a1gateway.toml", False)
    assert unit("User", file=BACKUP) == unit("User")
    (folders,) = unit("ReadWritePaths", file=BACKUP)
    assert folders.split() == ["/var/lib/a1gateway", str(given.to)]


def test_systemd_finds_no_fault_in_the_backup_and_finds_it_well_confined(tmp_path: Path) -> None:
    program = _systemd_analyze()
    here = tmp_path / BACKUP.name
    ours = Path(sys.executable).with_name("a1gateway")
    here.write_text(BACKUP.read_text("utf-8").replace("/opt/a1gateway/bin/a1gateway", str(ours)))
    timer = tmp_path / BACKUP.with_suffix(".timer").name
    timer.write_text(BACKUP.with_suffix(".timer").read_text("utf-8"))
    verified = subprocess.run([program, "verify", str(here), str(timer)], capture_output=True, text=True, check=False)
    assert [line for line in verified.stderr.splitlines() if "a1gateway-backup" in line] == []
    command = [program, "security", "--offline=true", "--threshold=15", "--no-pager", str(here)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-400:] + judged.stderr


# sd_notify


@pytest.fixture
def service_manager() -> Iterator[socket.socket]:
    """A datagram socket to be told on; nothing in it is not waited for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        yield listening


def test_a_socket_by_its_path_is_told(service_manager: socket.socket, tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    service_manager.bind(path)
    notify("READY=1", {"NOTIFY_SOCKET": path})
    assert service_manager.recv(100) == b"READY=1"


def test_a_socket_in_the_abstract_namespace_is_told(service_manager: socket.socket, tmp_path: Path) -> None:
    name = f"a1gateway-{tmp_path.name}-{id(service_manager)}"
    service_manager.bind(f"\0{name}")
    notify("STATUS=жду журнал", {"NOTIFY_SOCKET": f"@{name}"})
    assert service_manager.recv(100) == "STATUS=жду журнал".encode()


def test_without_a_socket_nobody_is_told(service_manager: socket.socket, tmp_path: Path) -> None:
    service_manager.bind(str(tmp_path / "notify"))
    service_manager.setblocking(False)
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}, {"NOTIFY_SOCKET": "notify"}):
        notify("READY=1", environment)
    with pytest.raises(BlockingIOError):
        service_manager.recv(100)


def test_the_environment_of_the_process_counts_when_no_other_is_given(
    service_manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    service_manager.bind(path)
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    notify("STOPPING=1")
    assert service_manager.recv(100) == b"STOPPING=1"


def test_a_socket_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notify("READY=1", {"NOTIFY_SOCKET": "/" + "x" * 200})


def test_a_long_start_asks_for_more_time_now_and_then_while_it_goes_on() -> None:
    now, said = [100.0], list[str]()
    more = MoreTime(monotonic=lambda: now[0], notify=said.append)
    for _ in range(1000):
        more()
    assert said == ["EXTEND_TIMEOUT_USEC=600000000"]
    now[0] += 10
    for _ in range(1000):
        more()
    assert len(said) == 2


def test_an_upgrade_of_the_journal_asks_systemd_for_more_time(
    service_manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the daemon is made of, on a journal of the version before."""
    journal = older_journal(tmp_path, f"{int(REVISION) - 1:04}")
    for name in example_secrets():
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    text = EXAMPLE.read_text("utf-8").replace("#[store]", f'[store]\nurl = "sqlite:///{journal}"', 1)
    path = tmp_path / "a1gateway.toml"
    path.write_text(text)
    options = ServerOptions()
    options.parseOptions(["-n", "a1gateway", "--config", str(path)])
    made = tap.build(options.subOptions.config, MemoryReactorClock())
    address = str(tmp_path / "notify")
    service_manager.bind(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    made._store.prepare()
    made._store.close()
    assert service_manager.recv(100) == b"EXTEND_TIMEOUT_USEC=600000000"


# The watchdog


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_a_sign_is_given_at_half_the_time_that_systemd_waits(
    environment: dict[str, str], interval: float | None
) -> None:
    assert watchdog_interval(environment) == interval


class Watched:
    """A watchdog on a clock, and a thread of the journal that can be silent."""

    def __init__(self, interval: float | None = 60.0) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.silent = 0.0
        self.dog = Watchdog(self.clock, lambda: self.silent, interval=lambda: interval, notify=self.said.append)


def test_signs_are_given_from_the_start_on_for_as_long_as_the_reactor_turns() -> None:
    watched = Watched()
    assert watched.said == []
    watched.dog.startService()
    assert watched.said == ["WATCHDOG=1"]
    for _ in range(3):
        watched.clock.advance(60)
    assert watched.said == ["WATCHDOG=1"] * 4


def test_a_journal_that_is_slow_is_no_reason_to_be_killed_and_one_that_hangs_is() -> None:
    watched = Watched()
    watched.dog.startService()
    watched.silent = HUNG - 1
    watched.clock.advance(60)
    assert len(watched.said) == 2
    watched.silent = HUNG
    with capturedLogs() as logged:
        watched.clock.advance(60)
    assert len(watched.said) == 2
    assert [(event["log_level"], event["seconds"]) for event in logged] == [(LogLevel.critical, 900)]
    # It may come back before systemd's patience is over.
    watched.silent = 0.0
    watched.clock.advance(60)
    assert len(watched.said) == 3


def test_a_stop_gives_a_last_sign_and_leaves_nothing_on_the_clock() -> None:
    watched = Watched()
    watched.dog.startService()
    watched.dog.stopService()
    assert watched.said == ["WATCHDOG=1"] * 2
    assert watched.clock.getDelayedCalls() == []


def test_without_a_systemd_that_watches_no_sign_is_given() -> None:
    watched = Watched(interval=None)
    watched.dog.startService()
    assert watched.clock.getDelayedCalls() == []
    watched.dog.stopService()
    assert watched.said == []


# The status line


class Shown:
    """A status line on a clock, of a gateway that is as it is said to be."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.state: dict[str, Any] = {part: {"ok": True} for part in ("store", "a1", "portal")}
        self.waiting: int | Exception = 0
        self.line = StatusLine(self.clock, self._readiness, self._count, notify=self.said.append)
        self.line.startService()

    async def _readiness(self) -> dict[str, Any]:
        return self.state

    async def _count(self) -> int:
        if isinstance(self.waiting, Exception):
            raise self.waiting
        return self.waiting


def test_the_status_line_says_what_changes_and_not_more_often_than_every_half_minute() -> None:
    shown = Shown()
    assert shown.said == ["STATUS=sending; 0 waiting"]
    shown.waiting = 12
    shown.clock.advance(29)
    assert len(shown.said) == 1
    shown.clock.advance(1)
    shown.clock.advance(30)
    assert shown.said[1:] == ["STATUS=sending; 12 waiting"]


def test_the_status_line_says_why_nothing_is_sent_in_one_line() -> None:
    shown = Shown()
    shown.state["a1"] = {"ok": False, "trouble": "A1 has refused\nthe key"}
    shown.clock.advance(30)
    assert shown.said[-1] == "STATUS=not sending: A1 has refused the key; 0 waiting"
    shown.state["store"] = {"ok": False, "trouble": "the disk is full"}
    shown.waiting = JournalUnavailable("the disk is full")
    shown.clock.advance(30)
    assert shown.said[-1] == "STATUS=not sending: the disk is full"
    shown.waiting = TimeoutError()
    shown.state["store"] = {"ok": False, "trouble": "x" * 1000}
    shown.clock.advance(30)
    assert len(shown.said[-1]) < 250


@pytest.mark.parametrize(
    ("address", "waiting"), [("/run/systemd/notify", True), ("@a", True), ("", False), ("v", False)]
)
def test_nobody_is_told_where_nobody_waits(address: str, waiting: bool) -> None:
    assert is_waiting({"NOTIFY_SOCKET": address}) is waiting


# journald


def test_journald_is_known_by_the_connection_that_systemd_names(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w") as out:
        found = os.fstat(out.fileno())
        assert is_journald(out, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not is_journald(out, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not is_journald(out, {})
    assert not is_journald(io.StringIO(), {"JOURNAL_STREAM": "1:2"})

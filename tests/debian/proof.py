"""`make deb-proof`: the package on a fresh Debian 12, from its installation until nothing is left of it.

Set up from a file of answers, started by systemd, sending through the sandbox beside it, upgraded while messages are
under way, put back from a backup, removed, purged. Each step is said when it has been seen to be right.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from a1gateway import __version__
from packages import deb, source

from ..daemon.calls import NO_ANSWER, fetch
from ..daemon.processes import eventually
from .machine import CommandFailed, Machine, fresh, missing, place

T = TypeVar("T")

SERVICE = "a1gateway.service"
NEXT = f"{__version__}+next"
"""The version that it is upgraded to."""
GATEWAY = "http://127.0.0.1:8080"
A1 = "http://127.0.0.1:8091"
PORTAL = "http://127.0.0.1:8092"
CONFIG = "/etc/a1gateway/a1gateway.toml"
BACKUPS = "/var/backups/a1gateway"
NUMBER = "+375291112233"

ANSWERS = f"""
[http]
public_url = "{GATEWAY}"

[a1]
sender_id = "MyShop"

[a1.http]
url = "{A1}/api/"
user = "375291234567"
apikey = "sandbox-apikey"

[polling]
interval = 5

[bitrix24]
portal = "127.0.0.1:8092"
client_id = "local.sandbox"
client_secret = "sandbox-client-secret"
oauth_url = "{PORTAL}/oauth/token/"
"""

# Where programs of Debian's write whenever they run, whoever it is for.
_OTHERS = re.compile(
    r"/(?:dev|proc|root|run|sys|tmp|var/(?:cache|log|tmp|lib/(?:apt|dpkg|systemd/(?!deb-systemd-helper))))(?:/.*)?"
    r"|/etc/(?:group|gshadow|passwd|shadow|subgid|subuid)-|/etc/\.pwd\.lock"
)
# How long a message may take, in seconds, on a machine that does much else.
_PATIENCE = 120.0


def bumped(tree: Path) -> None:
    """Make the source that of the version after."""
    package = tree / "a1gateway" / "__init__.py"
    text = package.read_text("utf-8")
    assert f'"{__version__}"' in text
    package.write_text(text.replace(f'"{__version__}"', f'"{NEXT}"'), "utf-8")
    changes = tree / "debian" / "changelog"
    latest, mark, before = changes.read_text("utf-8").partition("\n -- ")
    entry = re.sub(r"\([^)]+\)", f"({NEXT})", latest, count=1)
    by = before.partition("\n")[0]
    changes.write_text(f"{entry}{mark}{by}\n\n{latest}{mark}{before}", "utf-8")


@dataclass
class Feed:
    """Messages sent from the portal's card, one after another, while something else is done."""

    machine: Machine
    text: str
    """With `{}` for the number."""
    pause: float = 0.25
    ids: list[str] = field(default_factory=list)

    @contextmanager
    def flows(self) -> Any:
        """Send until the end of the block, and somewhat longer."""
        done = threading.Event()
        thread = threading.Thread(target=self._send, args=(done,))
        thread.start()
        try:
            eventually(lambda: len(self.ids) >= 3, _PATIENCE, "messages flow")
            yield
        finally:
            time.sleep(3 * self.pause)
            done.set()
            thread.join()

    def _send(self, done: threading.Event) -> None:
        while not done.wait(self.pause):
            wanted = {"to": NUMBER, "text": self.text.format(len(self.ids) + 1)}
            row = self.machine.inside(fetch, "POST", f"{PORTAL}/sandbox/send", content=wanted, timeout=60).json()
            self.ids.append(row["message_id"])


class Proof:
    """The steps, in their order, on one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._run = machine.run
        self._began = time.monotonic()

    def says(self, text: str) -> None:
        """A step that went well."""
        print(f"{time.monotonic() - self._began:5.0f} s  {text}", flush=True)  # noqa: T201

    def installs(self, package: Path) -> None:
        """Nothing runs, since nobody has said yet what with."""
        self._put(package)
        assert self._run("a1gateway", "--version").split()[-1] == __version__
        for unit in (SERVICE, "a1gateway.socket"):
            assert self._property(unit, "LoadState") == "loaded"
            assert self._property(unit, "ActiveState") == "inactive"
            assert self._property(unit, "UnitFileState") == "disabled"
            assert self._property(unit, "FragmentPath") == f"/lib/systemd/system/{unit}"
        assert self._modes("/etc/a1gateway", "/etc/a1gateway/secrets", "/var/lib/a1gateway") == [
            "755 root root",
            "700 root root",
            "700 a1gateway a1gateway",
        ]
        assert self._run("getent", "passwd", "a1gateway").split(":")[5:] == [
            "/var/lib/a1gateway",
            "/usr/sbin/nologin\n",
        ]
        plugins = "/opt/a1gateway/lib/python3.11/site-packages/twisted/plugins"
        self._run("grep", "--quiet", "a1gateway_plugin", f"{plugins}/dropin.cache")
        assert self._run("dpkg", "--verify", "a1gateway") == ""

    def sets_up(self) -> None:
        """From a file of answers; the service runs, and systemd holds its port."""
        answers = self._machine.root / "root" / "answers.toml"
        answers.write_text(ANSWERS, "utf-8")
        answers.chmod(0o600)
        self._run("a1gateway", "setup", "--answers", "/root/answers.toml", "--language", "en")
        for unit in (SERVICE, "a1gateway.socket"):
            assert self._property(unit, "ActiveState") == "active"
            assert self._property(unit, "UnitFileState") == "enabled"
            assert self._property(unit, "FragmentPath") == f"/lib/systemd/system/{unit}"
        secrets = self._run("find", "/etc/a1gateway/secrets", "-type", "f").split()
        assert secrets
        assert set(self._modes(*secrets)) <= {"600 root root", "400 root root"}
        assert self._asks("GET", f"{GATEWAY}/healthz").status == 200

    def plays(self) -> None:
        """The simulated A1 and portal run beside the daemon, and the application is installed there."""
        secret = self._run("cat", "/etc/a1gateway/secrets/a1_callback_secret").strip()
        sandbox = ["/usr/bin/a1gateway", "sandbox", f"--callback-secret={secret}", "--no-install"]
        self._run("systemd-run", "--quiet", "--collect", "--unit=sandbox", *sandbox)
        eventually(lambda: self._answers(f"{PORTAL}/sandbox/state"), _PATIENCE, "the sandbox answers")
        self._control(A1, "settings", {"enroute_delay": 0.5, "final_delay": 1.5})
        assert self._control(PORTAL, "install", {})["answer"] == 200
        eventually(lambda: self._asks("GET", f"{PORTAL}/sandbox/state").json()["senders"], _PATIENCE, "a sender")
        eventually(lambda: self._asks("GET", f"{GATEWAY}/readyz").status == 200, _PATIENCE, "ready")

    def sends(self) -> str:
        """From the card, and from the command line."""
        row = self._control(PORTAL, "send", {"to": NUMBER, "text": "Ваш заказ готов"})
        self.delivers([row["message_id"]])
        self._commands("Проверка связи")
        return str(row["message_id"])

    def delivers(self, ids: Sequence[str]) -> None:
        """Each was taken at the first call, went out once, and Bitrix24 knows that it is delivered."""
        rows = eventually(lambda: self._delivered(ids), _PATIENCE, f"{len(ids)} messages are delivered")
        assert {tuple(row["calls"]) for row in rows} == {(200,)}
        texts = [message["text"] for message in self._asks("GET", f"{A1}/sandbox/messages").json()]
        assert [texts.count(row["text"]) for row in rows] == [1] * len(rows)

    def saves(self) -> str:
        """A backup while it runs, by the service that makes one every night; its path."""
        self._run("systemctl", "start", "a1gateway-backup.service")
        [backup] = self._run("find", BACKUPS, "-type", "f").split()
        assert self._modes(BACKUPS, backup) == ["700 a1gateway a1gateway", "600 a1gateway a1gateway"]
        return backup

    def hangs(self) -> int:
        """systemd finds it out and starts another; what comes meanwhile waits at the port. How many there were."""
        settings = "[Service]\nWatchdogSec=10\nTimeoutAbortSec=2\nRestartSec=1\n"
        there = f"/run/systemd/system/{SERVICE}.d/quick.conf"
        self._run("sh", "-c", f"mkdir -p $(dirname {there}) && printf '{settings}' >{there}")
        self._run("systemctl", "daemon-reload")
        self._run("systemctl", "restart", SERVICE)
        before = self._property(SERVICE, "MainPID")
        self._run("systemctl", "kill", "--signal=SIGSTOP", SERVICE)
        feed = Feed(self._machine, "Заказ {} ждёт Вас", pause=1.0)
        with feed.flows():
            eventually(lambda: self._property(SERVICE, "NRestarts") == "1", _PATIENCE, "systemd starts it anew")
            eventually(lambda: self._answers(f"{GATEWAY}/readyz"), _PATIENCE, "ready")
        assert self._property(SERVICE, "MainPID") not in (before, "0")
        said = self._run("journalctl", "--no-pager", "--output=cat", f"--unit={SERVICE}")
        assert "Watchdog timeout" in said
        self.delivers(feed.ids)
        self._run("rm", "-r", f"/run/systemd/system/{SERVICE}.d")
        self._run("systemctl", "daemon-reload")
        self._run("systemctl", "restart", SERVICE)
        return len(feed.ids)

    def upgrades(self, package: Path) -> int:
        """The daemon is started again by itself, and no message is turned away meanwhile; how many there were."""
        before = self._property(SERVICE, "MainPID")
        feed = Feed(self._machine, "Заказ {} готов")
        with feed.flows():
            self._put(package)
        assert self._run("a1gateway", "--version").split()[-1] == NEXT
        assert self._property(SERVICE, "MainPID") not in (before, "0")
        assert self._property(SERVICE, "NRestarts") == "0"
        assert f'a1gateway_build_info{{version="{NEXT}"}}' in self._asks("GET", f"{GATEWAY}/metrics").text
        self.delivers(feed.ids)
        return len(feed.ids)

    def restores(self, backup: str, saved: str) -> None:
        """What the backup has is there again, what came after is not, and SMS go out."""
        self._run("systemctl", "stop", "a1gateway.socket", SERVICE)
        self._run("rm", "-rf", "/var/lib/a1gateway")
        self._run("install", "-d", "-m", "0700", "-o", "a1gateway", "-g", "a1gateway", "/var/lib/a1gateway")
        self._run("a1gateway", "restore", backup)
        self._run("systemctl", "start", "a1gateway.socket", SERVICE)
        eventually(lambda: self._asks("GET", f"{GATEWAY}/readyz").status == 200, _PATIENCE, "ready")
        known = json.loads(self._run("a1gateway", "send", "--follow", saved, "--json", "--timeout", "60"))
        assert known["status"] == "delivered", known
        self._commands("Всё на месте")

    def removes(self) -> None:
        """The program goes, and what belongs to whoever runs it stays."""
        self._run("apt-get", "remove", "-y", "-qq", "a1gateway")
        assert self._gone("/opt/a1gateway", "/usr/bin/a1gateway", "/lib/systemd/system/a1gateway.service")
        assert not self._gone(CONFIG)
        assert not self._gone("/var/lib/a1gateway/a1gateway.sqlite3")
        assert not self._answers(f"{GATEWAY}/healthz")

    def purges(self, before: set[str], backup: str) -> None:
        """Nothing is left but the backup, and nothing else is gone."""
        self._run("apt-get", "purge", "-y", "-qq", "a1gateway")
        self._run("systemctl", "stop", "sandbox")
        assert self._machine.status("getent", "passwd", "a1gateway") == 2
        assert self._machine.status("getent", "group", "a1gateway") == 2
        after = self.everything()
        assert after - before == {BACKUPS, backup}, sorted(after - before)
        # dpkg takes away an empty folder that no other package has.
        assert before - after <= {"/opt"}, sorted(before - after)
        assert "a1gateway" not in self._run("systemctl", "list-unit-files", "--no-legend")

    def everything(self) -> set[str]:
        """All files and folders but those that Debian's own programs write."""
        found = self._run("find", "/", "-xdev").splitlines()
        return {path for path in found if not _OTHERS.fullmatch(path)}

    def log(self) -> str:
        """What the daemon wrote last."""
        return self._run("journalctl", "--no-pager", "--lines=60", "--unit=a1gateway", "--unit=sandbox")

    def _put(self, package: Path) -> None:
        there = self._machine.root / "root" / package.name
        there.write_bytes(package.read_bytes())
        # Without any network: what it depends on is there, or the installation fails.
        self._run("apt-get", "install", "-y", "-qq", f"/root/{package.name}")

    def _commands(self, text: str) -> None:
        command = ["a1gateway", "send", "--to", NUMBER, "--text", text, "--json", "--timeout", str(_PATIENCE)]
        sent = json.loads(self._run(*command))
        assert sent["status"] == "delivered", sent

    def _delivered(self, ids: Sequence[str]) -> list[dict[str, Any]] | None:
        rows = {row["message_id"]: row for row in self._asks("GET", f"{PORTAL}/sandbox/messages").json()}
        wanted = [rows[each] for each in ids]
        return wanted if all(row["status"] == "delivered" for row in wanted) else None

    def _control(self, party: str, route: str, content: object) -> Any:
        reply = self._asks("POST", f"{party}/sandbox/{route}", content=content)
        assert reply.status == 200, f"{route}: {reply.status} {reply.text}"
        return reply.json()

    def _asks(self, method: str, url: str, *, content: object = None) -> Any:
        return self._machine.inside(fetch, method, url, content=content, timeout=60)

    def _answers(self, url: str) -> bool:
        try:
            return bool(self._asks("GET", url).status == 200)
        except NO_ANSWER:
            return False

    def _property(self, unit: str, name: str) -> str:
        return self._run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def _modes(self, *paths: str) -> list[str]:
        return self._run("stat", "--format=%a %U %G", *paths).splitlines()

    def _gone(self, *paths: str) -> bool:
        return all(self._machine.status("test", "-e", path) for path in paths)


def prove(machine: Machine, package: Path, newer: Path) -> None:
    """Take `machine` from a fresh Debian through all steps."""
    proof = Proof(machine)
    fields = subprocess.run(
        ["dpkg-deb", "--field", str(package), "Depends"], capture_output=True, text=True, check=True
    )
    machine.install(fields.stdout.strip())
    machine.boot()
    before = proof.everything()
    proof.says("a fresh Debian 12 is booted by its own systemd; the network ends at its loopback")
    try:
        proof.installs(package)
        proof.says(f"{package.name} is installed: user, folders, units; nothing runs yet")
        proof.sets_up()
        proof.says("a1gateway setup has written configuration and secrets from a file; the service runs")
        proof.plays()
        proof.says("the application is installed in the simulated portal, the gateway is ready")
        saved = proof.sends()
        proof.says("SMS from the card and from the command line are delivered")
        backup = proof.saves()
        proof.says("a backup is made while it runs, by the service that does so every night")
        count = proof.hangs()
        proof.says(f"a daemon that hangs is started anew by systemd: {count} messages waited, each is sent once")
        count = proof.upgrades(newer)
        proof.says(
            f"upgraded to {NEXT} while {count} messages came in: none turned away, each sent once and delivered"
        )
        proof.restores(backup, saved)
        proof.says("the state is lost and put back from the backup; SMS go out again")
        proof.removes()
        proof.says("removed: configuration, secrets and journal are kept")
        proof.purges(before, backup)
        proof.says("purged: no file but the backup, no user, no unit is left")
    except BaseException:
        print(proof.log(), file=sys.stderr)  # noqa: T201
        raise


def same_but_for_the_version(package: Path, newer: Path) -> None:
    """Each was built by itself, and what is not about the version is the same to the last byte."""
    first, second = contents(package), contents(newer)
    differ = {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)}
    ours = re.compile(r"/a1gateway/(?:__pycache__/)?__init__\.|/a1gateway-[^/]*\.dist-info/|/doc/a1gateway/changelog")
    unexpected = sorted(path for path in differ if not ours.search(path))
    assert not unexpected, unexpected
    assert any(path.endswith("/a1gateway/__init__.py") for path in differ), differ


def contents(package: Path) -> dict[str, str]:
    """The checksum of every file in a package."""
    with tempfile.TemporaryDirectory(prefix="a1gateway-sums-") as folder:
        subprocess.run(["dpkg-deb", "--control", str(package), folder], check=True)
        lines = (Path(folder) / "md5sums").read_text("utf-8").splitlines()
    return {path: checksum for checksum, path in (line.split("  ", 1) for line in lines)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Build both packages and prove the first; status 0, also when this machine cannot."""
    whole = argparse.ArgumentParser(prog="python -m tests.debian.proof", description=__doc__)
    whole.add_argument("--package", metavar="FILE", type=Path, help="one that is built already, of this version")
    whole.add_argument("--newer", metavar="FILE", type=Path, help=f"one that is built already, of {NEXT}")
    given = whole.parse_args(arguments)
    lacking = missing()
    if lacking:
        print(f"skipped: here is no {' and no '.join(lacking)} (Debian: debootstrap, systemd-container)")  # noqa: T201
        return 0
    with place() as folder, ThreadPoolExecutor(2) as building:
        first = building.submit(_built, given.package, folder / "first", None)
        second = building.submit(_built, given.newer, folder / "second", bumped)
        with fresh(folder / "root") as machine:
            package, newer = first.result(), second.result()
            same_but_for_the_version(package, newer)
            print("two builds differ in nothing but the version")  # noqa: T201
            prove(machine, package, newer)
    return 0


def _built(given: Path | None, folder: Path, change: Callable[[Path], None] | None) -> Path:
    return given if given is not None else deb.build(folder, source.CHECKOUT, change)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandFailed as failed:
        sys.exit(str(failed))

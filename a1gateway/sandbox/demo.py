"""`make run`: the sandbox and a gateway that is set up for it, side by side until Ctrl-C.

The gateway's configuration, journal and spool and both logs are in `.run/` below the current directory. The ports
come from options or from GATEWAY_PORT, A1_PORT, SMPP_PORT and PORTAL_PORT; TRANSPORT is http or smpp.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.error import ConnectError, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater, react
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseFailed

HOST = "127.0.0.1"
_READY_WITHIN = 60.0  # seconds
_KILL_AFTER = 10.0  # seconds that a child has to stop by itself
_TAIL = 15  # lines of a log that are shown

_CONFIGURATION = """\
# Written by `make run`; it is overwritten at the next start.
[http]
listen = "tcp:{gateway}:interface={host}"
public_url = "http://{host}:{gateway}"

[store]
url = {store}
spool = {spool}

[a1]
transport = "{transport}"
sender_id = "MyShop"

{way}
[polling]
interval = 5

[bitrix24]
portal = "{host}:{portal}"
client_id = "local.sandbox"
client_secret = "sandbox-client-secret"
handler_secret = "sandbox-handler-secret"
sender_code = "a1sms_by"
sender_name = "A1 SMS"
oauth_url = "http://{host}:{portal}/oauth/token/"

# The page shows what is told.
[alarms]
to = "1"
after = 10
over_after = 10
"""

_WAYS = {
    "http": """\
[a1.http]
url = "http://{host}:{a1}/api/"
user = "375291234567"
apikey = "sandbox-apikey"

[a1.callback]
secret = "sandbox-callback-secret"
""",
    "smpp": """\
[a1.smpp]
host = "{host}"
port = {smpp}
system_id = "sandbox"
password = "sandbox1"
""",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the gateway, A1's API and its SMSC, and the portal listen."""

    gateway: int
    a1: int
    smpp: int
    portal: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be shown: the way to A1, and the ports."""

    transport: str
    ports: Ports


def configuration(directory: Path, plan: Plan) -> str:
    """The gateway's configuration for the sandbox, with its files in `directory`."""
    directory = directory.resolve()
    ports = plan.ports
    return _CONFIGURATION.format(
        host=HOST,
        gateway=ports.gateway,
        portal=ports.portal,
        transport=plan.transport,
        way=_WAYS[plan.transport].format(host=HOST, a1=ports.a1, smpp=ports.smpp),
        # A JSON string is a TOML string too.
        store=json.dumps(f"sqlite:///{directory / 'a1gateway.sqlite3'}"),
        spool=json.dumps(str(directory / "spool")),
    )


class DemoFailed(Exception):
    """The demonstration cannot go on; its text is for whoever started it."""


class Child(ProcessProtocol):
    """A child process whose output goes to a log."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.status = 0
        self._how: str | None = None  # how it has ended
        self._waiting: list[Deferred[str]] = []

    def start(self, reactor: Any, command: Sequence[str]) -> None:
        """Runs `command` with this process's environment."""
        self._reactor = reactor
        with self.log.open("wb") as log:
            reactor.spawnProcess(
                self,
                command[0],
                list(command),
                env=None,
                childFDs={0: "w", 1: log.fileno(), 2: log.fileno()},
            )

    def processEnded(self, reason: Failure) -> None:
        """Called by Twisted."""
        self._how = "exit status 0"
        if isinstance(reason.value, ProcessTerminated):
            self.status = reason.value.exitCode or 1
            signal = reason.value.signal
            self._how = f"signal {signal}" if signal else f"exit status {self.status}"
        for waiting in self._waiting:
            waiting.callback(self._how)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._how is not None

    def ended(self) -> Deferred[str]:
        """Fires with a word on how it ended, once it has."""
        if self._how is not None:
            return succeed(self._how)
        waiting: Deferred[str] = Deferred()
        self._waiting.append(waiting)
        return waiting

    async def stop(self) -> None:
        """Asks the child to stop, and makes it after a while."""
        if self.over:
            return
        self._signal("TERM")
        kill = self._reactor.callLater(_KILL_AFTER, self._signal, "KILL")
        await self.ended()
        if kill.active():
            kill.cancel()

    def _signal(self, name: str) -> None:
        # It may have ended without our having been told yet.
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess(name)  # type: ignore[union-attr]

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_TAIL:]
        return "\n".join(f"  {line}" for line in lines)


class Demo:
    """Starts both, waits until a message would get through, and stops both."""

    def __init__(self, reactor: Any, plan: Plan, directory: Path) -> None:
        self._reactor = reactor
        self._plan = plan
        self._ports = plan.ports
        self._directory = directory
        self._sandbox = Child("sandbox", directory / "sandbox.log")
        self._gateway = Child("gateway", directory / "gateway.log")
        self._started: list[Child] = []
        self._beside: list[Child] = []
        self._stopping = False
        self._client = HTTPClient(Agent(reactor, connectTimeout=2))

    async def run(self) -> int:
        """The status to exit with once a child has ended. Raises DemoFailed."""
        for port in (self._ports.gateway, self._ports.a1, self._ports.smpp, self._ports.portal):
            _check_free(port)
        self._directory.mkdir(exist_ok=True)
        file = self._directory / "a1gateway.toml"
        file.touch(mode=0o600)  # as a file with secrets should be
        file.write_text(configuration(self._directory, self._plan), "utf-8")
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(self.stop()))
        self._begin(self._sandbox, self._sandbox_command())
        self._begin(self._gateway, _gateway_command(file))

        await self._until_ready()
        if not self._over():
            await self._examine(file)
        if not self._over():
            self._invite()
        how, index = await DeferredList([child.ended() for child in self._started], fireOnOneCallback=True)
        child = self._started[index]
        # Ctrl-C in a terminal reaches the children as well, and one may have ended before we hear of it.
        await deferLater(self._reactor, 0.2)
        if self._stopping:
            return 0
        _say(f"The {child.name} has ended with {how}. The end of {child.log}:\n{child.tail()}")
        await self.stop()
        return child.status or 1

    async def _examine(self, file: Path) -> None:
        """Shows what `a1gateway doctor` says of it; whatever that is, there is something to be tried."""
        doctor = Child("doctor", self._directory / "doctor.log")
        program = Path(sys.executable).with_name("a1gateway")
        doctor.start(self._reactor, [str(program), "doctor", "--config", str(file)])
        self._beside.append(doctor)
        await doctor.ended()
        lines = doctor.log.read_text("utf-8", "replace").splitlines()
        told = [line for line in lines[:-1] if line.startswith(("FAIL", "?"))] + lines[-1:]
        if not self._stopping:
            _say("\n".join(["", *(f"  {line}" for line in ("a1gateway doctor:", *told))]))

    def _begin(self, child: Child, command: Sequence[str]) -> None:
        child.start(self._reactor, command)
        self._started.append(child)

    def _over(self) -> bool:
        return any(child.over for child in self._started)

    def _sandbox_command(self) -> list[str]:
        options = {
            "a1-port": self._ports.a1,
            "smpp-port": self._ports.smpp,
            "portal-port": self._ports.portal,
        }
        return [
            sys.executable,
            "-m",
            "a1gateway.sandbox",
            *(f"--{name}={value}" for name, value in options.items()),
            f"--gateway=http://{HOST}:{self._ports.gateway}",
        ]

    async def _until_ready(self) -> None:
        """Returns when the gateway is ready or a child has ended. Raises DemoFailed when neither is in time."""
        url = f"http://{HOST}:{self._ports.gateway}/readyz"
        deadline = self._reactor.seconds() + _READY_WITHIN
        told = "no answer"
        while self._reactor.seconds() < deadline and not self._over():
            try:
                response = await self._client.get(url).addTimeout(5, self._reactor)
                body = await response.text()
            except (ConnectError, ResponseFailed, WaitedTooLong):
                pass
            else:
                if response.code == 200:
                    return
                told = f"{response.code} {body[:500]}"
            await deferLater(self._reactor, 0.3)
        if self._over():
            return
        raise DemoFailed(
            f"The gateway was not ready within {_READY_WITHIN:.0f} s; {url} says: {told}\n"
            f"The end of {self._gateway.log}:\n{self._gateway.tail()}"
        )

    def _invite(self) -> None:
        card = f"http://{HOST}:{self._ports.portal}/"
        _say(
            f"\n  {card}\n\n"
            "  Откройте эту страницу: карточка контакта, из которой SMS уходит через шлюз в песочницу A1.\n"
            "  Open this page: a contact card whose SMS goes through the gateway to the simulated A1.\n\n"
            f"  {self._gateway.log}, {self._sandbox.log}    Ctrl-C: стоп / stop\n"
        )

    async def stop(self) -> None:
        """Stops both; returns when they have ended."""
        self._stopping = True
        for child in [*self._beside, *reversed(self._started)]:
            await child.stop()


def _gateway_command(file: Path) -> list[str]:
    twistd = Path(sys.executable).with_name("twistd")
    if not twistd.exists():
        raise DemoFailed(f"There is no twistd beside {sys.executable}: is a1gateway installed there?")
    return [str(twistd), "--nodaemon", "--pidfile=", "a1gateway", "--config", str(file)]


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoFailed(
                f"Port {port} of {HOST} cannot be used ({error.strerror}). Free it, or choose another with "
                "GATEWAY_PORT, A1_PORT, SMPP_PORT or PORTAL_PORT."
            ) from error


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


def parsed(arguments: Sequence[str], environment: Mapping[str, str]) -> Plan:
    """The plan by options or environment. Raises DemoFailed on an unknown transport, SystemExit on a bad option."""
    parser = argparse.ArgumentParser(prog="python -m a1gateway.sandbox.demo", description=__doc__)
    for name, default in (("gateway", "8080"), ("a1", "8091"), ("smpp", "2775"), ("portal", "8092")):
        variable = f"{name.upper()}_PORT"
        parser.add_argument(
            f"--{name}-port",
            dest=name,
            type=_port,
            default=environment.get(variable) or default,
            help=f"also from {variable}; default {default}",
        )
    chosen = parser.parse_args(arguments)
    transport = environment.get("TRANSPORT") or "http"
    if transport not in _WAYS:
        raise DemoFailed(f"TRANSPORT={transport}: there are {' and '.join(_WAYS)}.")
    return Plan(transport, Ports(chosen.gateway, chosen.a1, chosen.smpp, chosen.portal))


async def _main(reactor: Any, demo: Demo) -> None:
    try:
        status = await demo.run()
    except DemoFailed as error:
        await demo.stop()
        sys.stderr.write(f"{error}\n")
        status = 1
    raise SystemExit(status)


def main(arguments: Sequence[str]) -> None:
    """Runs the demonstration; leaves by SystemExit."""
    try:
        plan = parsed(arguments, os.environ)
    except DemoFailed as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error
    react(lambda reactor: Deferred.fromCoroutine(_main(reactor, Demo(reactor, plan, Path(".run")))))


if __name__ == "__main__":
    main(sys.argv[1:])

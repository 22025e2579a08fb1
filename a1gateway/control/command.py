"""The command's end: to the daemon where one runs, else in this process with the daemon's own parts."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import react
from twisted.web.client import Agent
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ..config import ConfigFaults, load
from ..config_sections import Config
from ..errors import AnswerLost, CannotStart, GatewayError, NotSent
from ..http_client import HttpClient
from .operations import IDesk, OwnDesk, raised
from .place import short_path, socket_of

DEFAULT_CONFIG = "/etc/a1gateway/a1gateway.toml"
# Of an operation: the portal alone may take a minute for a request, and more to have its turn.
_TIMEOUT = 600.0
_HOST = "http://daemon/"

Work = Callable[[IDesk, Config], Awaitable[int]]


class NoDaemon(GatewayError):
    """Nobody listens at the socket."""


class DaemonGone(GatewayError):
    """The daemon ended before it answered: it may have done what it was asked for."""


class RemoteDesk:
    """Asks the daemon."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        """See `IDesk`; raises `NoDaemon` and `DaemonGone` too."""
        try:
            answer = await self._client.post_json(_HOST + operation, arguments, timeout=_TIMEOUT)
        except NotSent as error:
            raise NoDaemon(str(error)) from None
        except AnswerLost as error:
            raise DaemonGone(f"the daemon ended before it answered: {error}") from None
        content = json.loads(answer.body)
        if "error" in content:
            raise raised(content["error"])
        return content["result"]


@implementer(IAgentEndpointFactory)
class _AtSocket:
    def __init__(self, reactor: Any, path: str) -> None:
        self._endpoint = UNIXClientEndpoint(reactor, path)

    def endpointForURI(self, uri: object) -> UNIXClientEndpoint:  # noqa: N802
        """Whatever the address says."""
        return self._endpoint


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`."""
    parser.add_argument("--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")


def run_command(
    name: str, config_path: str, work: Work, *, without: Callable[[Config], Awaitable[int]] | None = None
) -> int:
    """Do `work` with the daemon of this configuration; the exit status, 1 with a line on stderr.

    While none runs, `work` is done in this process, or `without` is in its place, where the command has it.
    """
    try:
        config = load(config_path)
    except ConfigFaults as faults:
        sys.stderr.write(f"{faults}\n")
        return 1
    return _run(name, lambda reactor: _with_a_desk(reactor, config, work, without=without))


def ask_daemon(name: str, config: Config, work: Work) -> int | None:
    """Do `work` if the daemon of this configuration runs, and this user may reach it; else None."""
    try:
        if not socket_of(journal_of(config)).exists():
            return None
    except OSError:
        return None
    is_there = True

    async def if_it_is_there(reactor: Any) -> int:
        nonlocal is_there
        with short_path(socket_of(journal_of(config))) as path:
            desk = _remote(reactor, path)
            try:
                await desk.ask("version", {})
            except NoDaemon:
                is_there = False
                return 0
            return await work(desk, config)

    status = _run(name, if_it_is_there)
    return status if is_there else None


def run_beside_daemon(name: str, config: Config, work: Callable[[Any, IDesk | None], Awaitable[int]]) -> int:
    """Do `work` with the reactor and the daemon's desk, None where there is no socket of one; the exit status.

    Whether somebody answers at the desk is for `work` to find out.
    """

    async def beside(reactor: Any) -> int:
        socket = socket_of(journal_of(config))
        try:
            if not socket.exists():
                return await work(reactor, None)
        except OSError:
            return await work(reactor, None)
        with short_path(socket) as path:
            return await work(reactor, _remote(reactor, path))

    return _run(name, beside)


def _run(name: str, way: Callable[[Any], Awaitable[int]]) -> int:
    status = 1

    async def main(reactor: Any) -> None:
        nonlocal status
        try:
            status = await way(reactor)
        except GatewayError as error:
            sys.stderr.write(f"a1gateway {name}: {error}\n")

    try:
        react(lambda reactor: _until_interrupted(reactor, Deferred.fromCoroutine(main(reactor))))
    except SystemExit as ended:
        # An exception that nobody expected has been printed.
        return status if not ended.code else 1


def _until_interrupted(reactor: Any, working: Deferred[None]) -> Deferred[None]:
    """Let what is interrupted leave things in order: the reactor waits for its end."""
    ended: Deferred[None] = Deferred()

    def interrupt() -> Deferred[None]:
        working.cancel()
        return ended

    def end(result: Any) -> Any:
        ended.callback(None)
        return result

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    return working.addErrback(lambda why: why.trap(CancelledError) and None).addBoth(end)


def journal_of(config: Config) -> Path:
    """The journal's file."""
    return config.store.file


async def _with_a_desk(
    reactor: Any, config: Config, work: Work, *, without: Callable[[Config], Awaitable[int]] | None
) -> int:
    journal = journal_of(config)
    try:
        there = journal.exists()
    except OSError as error:
        raise GatewayError(f"{journal}: {error.strerror}: run it as root") from None
    if not there and without is not None:
        return await without(config)
    if not there:
        raise GatewayError(f"there is no journal {journal}: the daemon has never run with this configuration")
    socket = socket_of(journal)
    with short_path(socket) as path:
        desk = _remote(reactor, path)
        try:
            await desk.ask("version", {})
        except NoDaemon as nobody:
            if _refused_to_us(socket):
                raise GatewayError(
                    f"{socket} is not for this user: run it as root, or as {owner_of(journal)}"
                ) from nobody
        else:
            return await work(desk, config)
    if without is not None:
        return await without(config)
    return await _alone(reactor, config, journal, work)


def _remote(reactor: Any, path: str) -> RemoteDesk:
    agent = Agent.usingEndpointFactory(reactor, _AtSocket(reactor, path))
    return RemoteDesk(HttpClient(HTTPClient(agent), reactor))


async def _alone(reactor: Any, config: Config, journal: Path, work: Work) -> int:
    from ..tap import build

    become_owner(journal)
    gateway = build(config, reactor)
    try:
        operations = await gateway.open_for_commands()
    except CannotStart as taken:
        raise GatewayError(f"{taken}, and it does not answer: does it work, and is it of this version?") from None
    try:
        return await work(OwnDesk(operations), config)
    finally:
        await gateway.close_for_commands()


def become_owner(journal: Path) -> None:
    """Be the journal's owner from now on; raises `GatewayError` when this user cannot. Blocks.

    No file of root's may be left beside the journal: the daemon could not open it any more.
    """
    owner = journal.stat()
    if os.geteuid() == owner.st_uid:
        return
    if os.geteuid() != 0:
        raise GatewayError(f"{journal} belongs to {owner_of(journal)}: run it as that user or as root")
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def owner_of(path: Path) -> str:
    """The name of whose file it is, or his number; "root" where even that cannot be seen."""
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)
    except OSError:
        return "root"


def _refused_to_us(socket: Path) -> bool:
    return socket.exists() and not os.access(socket, os.R_OK | os.W_OK)


def who_runs_it() -> str:
    """The user who runs the command; behind sudo, whoever called it."""
    behind = os.environ.get("SUDO_USER", "")
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{behind} ({user})" if behind and behind != user else user

"""Everything that is examined, at the same time: what the daemon knows, and what is seen from here."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.threads import deferToThread

from .. import __version__
from ..bitrix24.addresses import portal_endpoint
from ..checklist.expected import expected
from ..checklist.findings import Check, Finding, State, Subject
from ..checklist.lines import GROUPS
from ..config import ConfigFaults
from ..config_sections import Config
from ..control.checklist import ask_for_checklist
from ..control.command import NoDaemon
from ..control.doctor import fingerprint
from ..control.operations import IDesk, RemotePortal
from ..errors import AnswerLost, GatewayError, NotSent
from ..http_client import http_client
from . import store
from .account import ask_account, try_bind
from .address import called_of_late, look_at_address
from .portal import ask_for_senders, ask_portal
from .witnesses import WitnessedClient, clock_check

ORDER = (
    Subject.CONFIG,
    Subject.SECRETS,
    Subject.DAEMON,
    *GROUPS["bitrix24"],
    *GROUPS["a1"],
    Subject.ADDRESS,
    *GROUPS["server"],
    Subject.INTEGRITY,
    Subject.CLOCK,
    Subject.EXAMINATION,
)
"""In which people read it."""
# What A1 has just said of it from here is newer than what the daemon knows.
_SEEN_BEST_FROM_HERE = (Subject.BALANCE, Subject.SENDER_ID)
# Seconds. The daemon answers such a thing at once; for its checklist the portal may take a minute for each answer.
_AT_ONCE = 15.0
_PATIENCE = 150.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """The daemon of the configuration."""

    found: Check
    """How it is."""
    desk: IDesk | None = None
    """Whoever answers for it; None while it does not run, or is not to be asked."""
    runs: bool = False
    """Whether it runs, or may."""


async def meet(reactor: Any, desk: IDesk | None, config: Config, file: str, journal: Path, word: str) -> Daemon:
    """Find out how the daemon is, and have it look out for `word`; `desk` is None where nobody listens."""
    if desk is None:
        return await _without_desk(journal)
    facts: dict[str, object] = {"file": file, "own": __version__, "version": "?"}
    try:
        facts["version"] = await _within(reactor, _AT_ONCE, desk.ask("version", {}))
        if facts["version"] != __version__:
            return Daemon(Check(Finding.DAEMON_OTHER_VERSION, facts), runs=True)
        begun = await _within(reactor, _AT_ONCE, desk.ask("doctor.begin", {"word": word}))
    except WaitedTooLong:
        return Daemon(Check(Finding.DAEMON_SILENT), runs=True)
    except NoDaemon:
        return await _without_desk(journal)
    except GatewayError as error:
        # Of the same version, but not of the same code: what is installed was replaced while it ran.
        return Daemon(Check(Finding.DAEMON_OTHER_VERSION, facts, str(error)), runs=True)
    same = begun["config"] == fingerprint(config, word)
    return Daemon(Check(Finding.DAEMON_RUNS if same else Finding.DAEMON_OTHER_CONFIG, facts), desk, runs=True)


async def _without_desk(journal: Path) -> Daemon:
    if await deferToThread(store.is_held, journal):
        return Daemon(Check(Finding.DAEMON_SILENT), runs=True)
    return Daemon(Check(Finding.DAEMON_AWAY))


def faults_found(faults: ConfigFaults, file: str) -> Iterator[Check]:
    """What is found of a configuration that cannot be used: nothing else can be looked at then."""
    for fault in faults.faults:
        yield Check(Finding.CONFIG_FAULTY, {"key": fault.key, "problem": fault.text, "file": file})


def config_found(config: Config) -> Iterator[Check]:
    """What is found of one that can be used, and of its files of secrets."""
    doubts = [fault for fault in config.warnings if fault not in config.open_files]
    if doubts:
        yield Check(Finding.CONFIG_DOUBTFUL, said="; ".join(map(str, doubts)))
    else:
        yield Check(Finding.CONFIG_RIGHT)
    for fault in config.open_files:
        yield Check(Finding.SECRETS_OPEN, {"key": fault.key}, fault.text)
    if not config.open_files:
        yield Check(Finding.SECRETS_CLOSED)


class _Look:
    """A part of the examination that is under way."""

    def __init__(self, part: str, subjects: Sequence[Subject], work: Awaitable[list[Check]]) -> None:
        self.subjects = subjects
        self._work = Deferred.fromCoroutine(_guarded(part, work))
        self._found: list[Check] | None = None

    @property
    def is_over(self) -> bool:
        return self._found is not None or self._work.called

    async def found(self) -> list[Check]:
        if self._found is None:
            self._found = await self._work
        return self._found

    def give_up(self) -> None:
        self._work.addErrback(lambda _: None)
        self._work.cancel()


async def _guarded(part: str, work: Awaitable[list[Check]]) -> list[Check]:
    try:
        return await work
    except CancelledError:
        raise
    except Exception as error:
        # What nobody expected must not keep the rest from being seen.
        return [Check(Finding.EXAMINATION_FAILED, {"part": part}, f"{type(error).__name__}: {error}")]


class Examination:
    """All of it, once."""

    def __init__(self, reactor: Any, config: Config, file: str, journal: Path) -> None:
        """`file` is where the configuration stands, `journal` the file of the journal."""
        self._reactor = reactor
        self._config = config
        self._file = file
        self._journal = journal
        self._expected = expected(config)
        # By the server's own clock, whatever the reactor's is. The public address is this server: no witness.
        self._client = WitnessedClient(http_client(reactor), time.time)
        self._word = f"doctor-{secrets.token_hex(16)}"
        self._over = threading.Event()

    async def findings(
        self, desk: IDesk | None, on_wait: Callable[[Subject], None] = lambda subject: None
    ) -> AsyncIterator[Check]:
        """What is found, in the order of `ORDER`; `desk` is the daemon's, None where nobody listens.

        `on_wait` is told what is waited for.
        """
        daemon = await meet(self._reactor, desk, self._config, self._file, self._journal, self._word)
        kept = None if daemon.desk is not None else await deferToThread(store.look_at_store, self._journal)
        looks = list(self._begin(daemon, kept))
        known = [*config_found(self._config), daemon.found, *(kept.checks if kept is not None else ())]
        callback: Check | None = None
        try:
            for subject in ORDER:
                found = [check for check in known if check.finding.subject is subject]
                for look in looks:
                    if subject in look.subjects or subject in (Subject.CLOCK, Subject.EXAMINATION):
                        if not look.is_over:
                            on_wait(subject)
                        found += [check for check in await look.found() if check.finding.subject is subject]
                if subject is Subject.CLOCK:
                    found.append(clock_check(self._client.witnesses))
                for check in settled(subject, found):
                    if subject is Subject.CALLBACK:
                        callback = check
                    yield called_of_late(check, callback, time.time())
        finally:
            self._over.set()
            for look in looks:
                look.give_up()

    def _begin(self, daemon: Daemon, kept: store.Kept | None) -> Iterator[_Look]:
        """All that takes time; of what is seen from here and by the daemon, the former comes first."""
        desk, config = daemon.desk, self._config
        yield _Look("A1", (Subject.A1, Subject.SMPP, Subject.BALANCE, Subject.SENDER_ID), self._ask_a1(daemon))
        if desk is None:
            portal = (Subject.TOKENS, Subject.PERMISSIONS, Subject.SENDER)
            yield _Look("portal", portal, self._ask_portal(kept))
            yield _Look("places", (Subject.SPACE, Subject.SPOOL), self._look_at_places())
        else:
            yield _Look("senders", (Subject.SENDER,), ask_for_senders(RemotePortal(desk), config))
            asked = _within(self._reactor, _PATIENCE, ask_for_checklist(desk, ask=True))
            yield _Look("checklist", ORDER, asked)
        yield _Look("address", (Subject.ADDRESS, Subject.CERTIFICATE), self._look_at_address(desk))
        yield _Look("integrity", (Subject.INTEGRITY,), self._check_integrity())
        yield _Look("date", (), self._ask_for_date())

    async def _ask_a1(self, daemon: Daemon) -> list[Check]:
        http, smpp = self._config.a1.http, self._config.a1.smpp
        if self._config.a1.transport == "http" and http is not None:
            found = await ask_account(self._reactor, self._client, http, self._expected)
            return [*found, Check(Finding.SMPP_OFF)]
        if daemon.desk is not None or smpp is None:
            # The daemon has a bind, and says how it is.
            return []
        if daemon.runs:
            return [Check(Finding.A1_BY_SMPP), Check(Finding.SMPP_UNTRIED)]
        return await try_bind(self._reactor, smpp, self._expected)

    async def _ask_portal(self, kept: store.Kept | None) -> list[Check]:
        if kept is None or not kept.is_known:
            name = {"name": self._config.bitrix24.sender_name}
            return [
                Check(Finding.TOKENS_UNKNOWN),
                Check(Finding.PERMISSIONS_UNKNOWN),
                Check(Finding.SENDER_UNKNOWN, name),
            ]
        return await ask_portal(self._reactor, self._client, self._config, self._expected, kept.installation)

    async def _look_at_address(self, desk: IDesk | None) -> list[Check]:
        async def seen() -> list[str]:
            assert desk is not None
            routes: list[str] = await _within(self._reactor, _AT_ONCE, desk.ask("doctor.seen", {"word": self._word}))
            return routes

        client = http_client(self._reactor)
        return await look_at_address(client, self._config, self._word, None if desk is None else seen)

    async def _check_integrity(self) -> list[Check]:
        found: list[Check] = await deferToThread(store.check_integrity, self._journal, self._over.is_set)
        return found

    async def _look_at_places(self) -> list[Check]:
        found: list[Check] = await deferToThread(store.look_at_places, self._config, self._journal)
        return found

    async def _ask_for_date(self) -> list[Check]:
        """Have the portal say the time: it does so with every answer, also where it turns somebody away."""
        endpoint = portal_endpoint(self._config.bitrix24.portal or "")
        if endpoint is not None:
            with suppress(NotSent, AnswerLost):
                await self._client.get(f"{endpoint}server.time.json", {}, timeout=_AT_ONCE)
        return []


def settled(subject: Subject, found: Sequence[Check]) -> Sequence[Check]:
    """What is said of a subject of all that was found of it: by the daemon, and before that from here.

    Something that has to be mended goes before all else, whoever has found it; what is unknown goes last.
    """
    if subject in (Subject.CONFIG, Subject.SECRETS, Subject.EXAMINATION) or len(found) < 2:
        return found
    here = found[0]
    if subject in _SEEN_BEST_FROM_HERE and here.state is not State.WAIT:
        return [here]
    by_worth = (State.BAD, State.GOOD, State.OFF, State.WAIT)
    return [min(reversed(found), key=lambda check: by_worth.index(check.state))]


async def _within(reactor: Any, seconds: float, work: Awaitable[Any]) -> Any:
    """Its result; raises `WaitedTooLong` when there is none in time."""

    async def done() -> Any:
        return await work

    return await Deferred.fromCoroutine(done()).addTimeout(seconds, reactor)

"""`a1gateway status`: what the daemon is doing now, as people read it."""

from __future__ import annotations

import argparse
import json
import shlex
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.threads import deferToThread

from .checklist.findings import Check, Finding, State, Subject
from .config import ConfigFaults, load
from .control.checklist import read_checks
from .control.command import (
    DaemonGone,
    NoDaemon,
    add_config_option,
    become_owner,
    journal_of,
    owner_of,
    run_beside_daemon,
)
from .control.operations import IDesk
from .doctor import store
from .doctor.telling import as_json, line_of, sum_of
from .errors import GatewayError
from .journal.depths import QUEUES
from .journal.overview import overview
from .journal.schema import REVISION
from .journal.spool import Spool
from .journal.statements import Connection, Row
from .journal.store import revision
from .language import add_language_option
from .overview import written_overview
from .words.words import Words, words

# The daemon answers at once, or within some seconds while its journal is away.
_PATIENCE = 15.0
# What people want to see although it is well.
_ALWAYS = (Subject.TOKENS, Subject.A1, Subject.SMPP, Subject.BALANCE, Subject.SPACE)
_LONGEST_TEXT = 60

Told = Mapping[str, Any]


def add_status_command(commands: Any) -> None:
    """Declare the command at the command line's subparsers."""
    parser = commands.add_parser("status", help="what the daemon is doing now; status 0 while it runs, else 1")
    parser.add_argument("--json", action="store_true", help="as JSON instead, in codes and in English")
    add_language_option(parser)
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    try:
        config = load(given.config)
    except ConfigFaults as faults:
        sys.stderr.write(f"{faults}\n")
        return 1
    journal = journal_of(config)
    telling = Telling(given, sys.stdout)
    try:
        # Files that SQLite may touch beside the journal stay its owner's.
        if journal.exists():
            become_owner(journal)
    except (GatewayError, OSError):
        telling.stands(Check(Finding.DAEMON_NOT_OURS, {"owner": owner_of(journal), "file": given.config}), {})
        return telling.end(1)

    async def work(reactor: Any, desk: IDesk | None) -> int:
        if desk is not None:
            asking = Deferred.fromCoroutine(desk.ask("status", {}))
            with suppress(NoDaemon, DaemonGone, WaitedTooLong):
                telling.runs(await asking.addTimeout(_PATIENCE, reactor))
                return 0
        held = await deferToThread(store.is_held, journal)
        known = await deferToThread(known_beside, journal, reactor.seconds())
        count, oldest = await Spool(config.store.spool, deferToThread).depth()
        found = Check(Finding.DAEMON_SILENT if held else Finding.DAEMON_AWAY)
        spool = {"count": count, "oldest": oldest}
        telling.stands(found, {"now": reactor.seconds(), "journal": known, "spool": spool})
        return 1

    return telling.end(run_beside_daemon("status", config, work))


class Telling:
    """Keeps what was found, and writes it once the reactor has stopped: whoever reads may have had enough."""

    def __init__(self, given: argparse.Namespace, out: TextIO) -> None:
        self._json = bool(given.json)
        self._config = str(given.config)
        self._words = words(given.language)
        self._out = out
        self._lines: list[str] = []

    def runs(self, told: Told) -> None:
        """The daemon has told how it is."""
        if self._json:
            self._keep(told_as_json(told))
        else:
            self._lines = list(lines_of(told, self._config, self._words))

    def stands(self, daemon: Check, known: Told) -> None:
        """It has not, and this is known of it and without it."""
        if self._json:
            self._keep({"running": False, "daemon": as_json([daemon])["checks"][0], **known})
        else:
            self._lines = list(lines_without(daemon, known, self._words))

    def end(self, status: int) -> int:
        """Write it; returns the exit status."""
        self._out.writelines(f"{line}\n" for line in self._lines)
        return status

    def _keep(self, content: Told) -> None:
        self._lines = [json.dumps(content, ensure_ascii=False, indent=2)]


def known_beside(journal: Path, now: float) -> dict[str, Any] | None:
    """What the journal knows, read without a daemon; None when it cannot be read. Blocks."""
    try:
        with store.reading(journal) as driver:
            if revision(driver) != REVISION:
                return None
            driver.row_factory = Row
            driver.execute("BEGIN")
            return written_overview(overview(Connection(driver), now))
    except (sqlite3.Error, OSError, store.Unread):
        return None


def told_as_json(told: Told) -> dict[str, Any]:
    """What the daemon tells, for programs: with what was found in English too."""
    found = as_json(read_checks(told["checks"]))
    return {"running": True, **told, "ok": found["ok"], "checks": found["checks"]}


def lines_of(told: Told, config: str, say: Words) -> Iterator[str]:
    """What the daemon tells, for people."""
    now, began_at = told["now"], told["began_at"]
    yield say(
        "overview.runs",
        version=told["version"],
        since=say.minute(began_at),
        time=say.duration(round(now - began_at)),
        process=told["process"],
    )
    checks = read_checks(told["checks"])
    for check in checks:
        if check.state in (State.BAD, State.WAIT) or (check.state is State.GOOD and check.finding.subject in _ALWAYS):
            yield line_of(check, say)
    yield sum_of(checks, say)
    if told["link"] is not None:
        yield _link(told["link"], say)
    yield ""
    yield from _of_journal(told, say)
    paused = [] if told["journal"] is None else told["journal"]["paused"]
    if paused:
        yield say("overview.paused")
        yield from _paused(paused, config, say)
    yield ""
    yield from _log(told["log"], say)


def lines_without(daemon: Check, known: Told, say: Words) -> Iterator[str]:
    """What is known without the daemon."""
    yield line_of(daemon, say)
    if known:
        yield ""
        yield say("overview.by_journal")
        yield from _of_journal(known, say)


def _link(link: Told, say: Words) -> str:
    rate = link["rate"]
    key = "overview.link.slowed" if link["throttled"] else "overview.link.rate"
    return say(
        "overview.link",
        used=say.number(link["window_used"]),
        window=say.number(link["window"]),
        reconnections=say.number(link["reconnections"]),
        rate=say(key, rate=say.number(rate, 1)) if rate else say("overview.link.no_limit"),
    )


def _of_journal(told: Told, say: Words) -> Iterator[str]:
    journal = told["journal"]
    if journal is None:
        yield say("overview.no_journal")
        queues: dict[str, Told] = {}
    else:
        counts = ("accepted", "delivered", "failed", "under_way", "taken")
        yield say("overview.today", **{name: say.number(journal["today"][name]) for name in counts})
        if not journal["today"]["complete"]:
            yield say("overview.today.part")
        queues = dict(journal["queues"])
    queues["spool"] = told["spool"]
    waiting = [(name, queues[name]) for name in (*QUEUES, "spool") if queues.get(name, {}).get("count")]
    if waiting:
        yield say("overview.waits")
    elif journal is not None:
        yield say("overview.nothing_waits")
    for name, queue in waiting:
        yield f"  {_queue(name, queue, told['now'], say)}"


def _queue(name: str, queue: Told, now: float, say: Words) -> str:
    values = {"queue": say(f"queue.{name}"), "count": say.number(queue["count"])}
    oldest = queue["oldest"]
    if oldest is not None and oldest > now:
        # Reminders have their time before them.
        return say("overview.queue.at", **values, at=say.minute(oldest))
    return say("overview.queue", **values, time=say.duration(0.0 if oldest is None else round(now - oldest)))


def _paused(paused: Sequence[Told], config: str, say: Words) -> Iterator[str]:
    for each in paused:
        text = " ".join(each["text"].split())
        text = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
        since, by = say.minute(each["since"]), each["by"] or "?"
        yield "  " + say("overview.campaign", id=each["id"], since=since, by=by, text=text)
        command = shlex.join(["a1gateway", "campaigns", "--resume", str(each["id"]), "--config", config])
        yield "  " + say("overview.resume", command=command)


def _log(warnings: Sequence[Told], say: Words) -> Iterator[str]:
    if not warnings:
        yield say("overview.log.none")
        return
    yield say("overview.log")
    for each in warnings:
        values = {
            "at": say.moment(each["last_at"]),
            "level": say(f"overview.level.{each['level']}"),
            "text": each["text"],
        }
        if each["count"] == 1:
            yield "  " + say("overview.log.line", **values)
        else:
            times, since = say.count("overview.times", each["count"]), say.moment(each["first_at"])
            yield "  " + say("overview.log.lines", **values, times=times, since=since)

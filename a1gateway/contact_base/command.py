"""`a1gateway contacts audit`, `a1gateway contacts clean` and `a1gateway campaign-check`: their options and runs.

They ask the portal and the journal through the running daemon, within its budget of requests.
"""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime

from ..bitrix24.consent_field import ConsentField, NoSuchField
from ..bitrix24.trouble import PortalTrouble
from ..config_sections import Config
from ..control.command import add_config_option
from ..errors import GatewayError
from ..hours import MINSK
from ..interfaces import IPortal
from ..normalize import Unreadable, explained, numbers_in, opened
from . import audit, campaign, clean, undo
from .change_file import UndoFile, kept_changes
from .changes import Change, NoMarkField
from .listing import ChangeListing
from .pages import BaseReader
from .patience import Patience
from .progress import Progress, duration
from .work_file import WorkFile
from .writer import Writer

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """What these commands need of the running daemon."""

    clock: IReactorTime
    config: Config
    portal: IPortal
    portal_name: str
    """The portal's host."""
    consents: campaign.IConsentDesk
    prices: campaign.IPriceDesk | None
    """None when A1 has no HTTP API for this gateway."""


Run = Callable[[str, Callable[[Daemon], Awaitable[int]]], int]
"""Does work with the daemon of a configuration file; gives the work's exit status, or 1 when there is no daemon."""


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command reads and writes."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    def say(self, line: str) -> None:
        """A line of what the command is for."""
        self.stdout.write(line + "\n")

    def failed(self, command: str, why: object) -> int:
        """The exit status for a command that cannot do its work."""
        self.stderr.write(f"a1gateway {command}: {why}\n")
        return 1


def add_contacts_arguments(parser: argparse.ArgumentParser, run: Run, console: Callable[[], Console]) -> None:
    """Declare `contacts audit` and `contacts clean`; `run` reaches the daemon."""
    commands = parser.add_subparsers(dest="contacts_command", required=True, metavar="COMMAND")
    auditing = commands.add_parser(
        "audit", help="write all numbers of the portal, and what is wrong with them, as CSV"
    )
    _common(auditing)
    option = auditing.add_argument
    option("--output", metavar="FILE", type=Path, default=Path("audit.csv"), help="default: audit.csv")
    option("--restart", action="store_true", help="begin anew, and not where an interrupted audit stopped")
    auditing.set_defaults(run=lambda given: run_audit(given, run, console()))

    cleaning = commands.add_parser("clean", help="write numbers into the CRM as +375XXXXXXXXX, mark invalid ones")
    _common(cleaning)
    option = cleaning.add_argument
    option("--apply", action="store_true", help="do it; without, only say what would be done")
    option("--mark-field", metavar="NAME", help="field for items with an invalid number, such as UF_CRM_BAD_PHONE")
    option("--output", metavar="FILE", type=Path, help="write all changes as CSV")
    option("--undo-file", metavar="FILE", type=Path, help="default: clean-YYYYmmdd-HHMMSS.undo.jsonl")
    option("--undo", metavar="FILE", type=Path, help="put back what an earlier run wrote, from the file that it left")
    cleaning.set_defaults(run=lambda given: run_clean(given, run, console()))


def add_campaign_arguments(parser: argparse.ArgumentParser, run: Run, console: Callable[[], Console]) -> None:
    """Declare `campaign-check`."""
    _common(parser)
    option = parser.add_argument
    option("--text", required=True, help="the text of the SMS")
    option(
        "--numbers", metavar="FILE", help="text or CSV, - for standard input; without it, all contacts of the portal"
    )
    option("--exact", action="store_true", help="ask A1 for the price of every message, and not of 500 of them")
    parser.set_defaults(run=lambda given: run_campaign_check(given, run, console()))


def _common(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument(
        "--patience",
        metavar="MINUTES",
        type=_minutes,
        default=_PATIENCE * 60,
        help=f"how long the portal may be away before this gives up; default: {_PATIENCE:g}",
    )


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes")
    return minutes * 60


def run_audit(given: argparse.Namespace, run: Run, console: Console) -> int:
    """`contacts audit`: the exit status, 0 when the report is written."""
    name = "contacts audit"
    kept: list[WorkFile] = []
    files = ExitStack()

    async def work(daemon: Daemon) -> int:
        consent = daemon.config.consent
        now = daemon.clock.seconds()
        file = audit.open_work_file(given.output, daemon.portal_name, consent, now=now, restart=given.restart)
        kept.append(files.enter_context(closing(file)))
        progress, patience = _progress(daemon, given, console)
        if file.resumed:
            progress.say(f"going on with the audit begun at {file.begun}")
        field = await _consent_field(daemon, patience, progress)
        reader = BaseReader(daemon.clock, daemon.portal, patience)
        try:
            await audit.collect(daemon.clock, reader, file, field, progress.walked)
            progress.clear()
        except (CancelledError, GatewayError):
            progress.say("the audit is not over; the same command goes on from here")
            raise
        return 0

    with files:
        try:
            status = run(given.config, _guarded(name, console, work))
            if status == 0:
                # Behind the work, since it takes a while and needs no daemon.
                for line in audit.summary(audit.report(kept[0], given.output), given.output):
                    console.say(line)
        except (OSError, sqlite3.Error) as error:
            return console.failed(name, error)
    return status


def run_clean(given: argparse.Namespace, run: Run, console: Console) -> int:
    """`contacts clean` and its undo: the exit status, 0 when the portal has taken all."""
    name = "contacts clean"
    if given.undo is not None:
        if given.mark_field is not None or given.output is not None or given.undo_file is not None:
            return console.failed(name, "with --undo there are only --config, --apply and --patience")
        return run(given.config, _guarded(name, console, lambda daemon: _undo(daemon, given, console)))
    return run(given.config, _guarded(name, console, lambda daemon: _clean(daemon, given, console)))


async def _clean(daemon: Daemon, given: argparse.Namespace, console: Console) -> int:
    progress, patience = _progress(daemon, given, console)

    def say(line: str) -> None:
        progress.clear()
        console.say(line)

    def unusable(why: NoMarkField) -> None:
        console.say(str(why))

    marks = {}
    if given.mark_field is not None:
        marks = await clean.mark_fields(daemon.portal, patience, given.mark_field, unusable)
    at = datetime.fromtimestamp(daemon.clock.seconds(), MINSK)
    path = given.undo_file or Path(f"clean-{at:%Y%m%d-%H%M%S}.undo.jsonl")
    kept = UndoFile(path, daemon.portal_name, at.isoformat(timespec="seconds")) if given.apply else None
    reader = BaseReader(daemon.clock, daemon.portal, patience, most_pages=clean.MOST_PAGES)
    with nullcontext() if given.output is None else ChangeListing(given.output) as listing:
        shown = 0

        def listed(changes: Sequence[Change]) -> None:
            nonlocal shown
            if listing is not None:
                listing.add(changes)
            if not given.apply:
                for change in changes[: clean.SHOWN - shown]:
                    shown += 1
                    say(clean.described(change))

        try:
            tally = await clean.Clean(
                reader,
                progress.walked,
                marks=marks,
                writer=Writer(daemon.portal, patience) if given.apply else None,
                undo=kept,
                listed=listed,
                not_taken=lambda parts: say("\n".join(map(clean.not_changed, parts))),
            ).run()
        finally:
            progress.clear()
            if kept is not None:
                kept.close()
                if kept.used:
                    console.say(f"to undo it: a1gateway contacts clean --config {given.config} --undo {path} --apply")
    for line in clean.summary(tally, applied=given.apply):
        console.say(line)
    return 1 if tally.not_taken else 0


async def _undo(daemon: Daemon, given: argparse.Namespace, console: Console) -> int:
    _, patience = _progress(daemon, given, console)
    work = undo.Undo(
        Writer(daemon.portal, patience),
        apply=given.apply,
        not_taken=lambda parts: console.say("\n".join(map(undo.not_put_back, parts))),
    )
    done = await work.run(kept_changes(given.undo, daemon.portal_name))
    for line in undo.summary(done, applied=given.apply):
        console.say(line)
    return 1 if done.not_taken else 0


def run_campaign_check(given: argparse.Namespace, run: Run, console: Console) -> int:
    """`campaign-check`: the exit status, 0 when somebody would get it, 1 when nobody, 2 when that is not known."""
    nobody = False
    read = campaign.Recipients()
    if given.numbers is not None:
        try:
            with opened(given.numbers, console.stdin) as source:
                read = campaign.numbers_of(numbers_in(source))
        except (OSError, UnicodeError, Unreadable) as error:
            console.failed("campaign-check", explained(given.numbers, error))
            return 2

    async def work(daemon: Daemon) -> int:
        nonlocal nobody
        progress, patience = _progress(daemon, given, console)
        recipients = read
        if given.numbers is None:
            reader = BaseReader(daemon.clock, daemon.portal, patience)
            recipients = await campaign.contacts_of(reader, progress)
        found = await campaign.check(
            given.text,
            recipients,
            a1=daemon.config.a1,
            consent=daemon.config.consent,
            desk=daemon.consents,
            prices=daemon.prices,
            exact=given.exact,
            patience=patience,
            progress=progress,
            now=daemon.clock.seconds(),
        )
        for line in campaign.told(found):
            console.say(line)
        nobody = not found.would_get
        return 0

    status = run(given.config, _guarded("campaign-check", console, work))
    return 2 if status else int(nobody)


def _guarded(
    name: str, console: Console, work: Callable[[Daemon], Awaitable[int]]
) -> Callable[[Daemon], Awaitable[int]]:
    """`work` that says what failed in place of raising it."""

    async def guarded(daemon: Daemon) -> int:
        try:
            return await work(daemon)
        except (GatewayError, OSError) as error:
            return console.failed(name, error)

    return guarded


def _progress(daemon: Daemon, given: argparse.Namespace, console: Console) -> tuple[Progress, Patience]:
    progress = Progress(console.stderr, daemon.clock.seconds)

    def waiting(trouble: PortalTrouble, pause: float) -> None:
        progress.say(f"{trouble}; trying again in {duration(pause)}")

    return progress, Patience(daemon.clock, given.patience, on_wait=waiting)


async def _consent_field(daemon: Daemon, patience: Patience, progress: Progress) -> ConsentField | None:
    field = await audit.consent_field(daemon.portal, daemon.config.consent, patience)
    if isinstance(field, NoSuchField):
        progress.say(f"contacts have no field {field.name} (consent.contact_field): the column consent stays empty")
        return None
    if field is not None and not field.readable:
        progress.say(f"the field {field.name} (consent.contact_field) has a type that cannot mean yes: {field.kind}")
    return field

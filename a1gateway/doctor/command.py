"""`a1gateway doctor`: looks at everything for real, says what it finds, and changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner, textFileLogObserver
from zope.interface import provider

from ..checklist.findings import Check, Finding, Subject
from ..config import ConfigFaults, load
from ..control.command import add_config_option, become_owner, journal_of, owner_of, run_beside_daemon
from ..control.operations import IDesk
from ..errors import GatewayError
from ..language import add_language_option
from ..terminal import Terminal
from ..words.words import Words, words
from .examination import Examination, config_found, faults_found
from .telling import as_json, is_well, line_of, sum_of

_NARROWEST, _WIDEST = 40, 110


def add_doctor_command(commands: Any) -> None:
    """Declare the command at the command line's subparsers."""
    parser = commands.add_parser(
        "doctor", help="check A1, Bitrix24, the public address, the journal and the clock for real; changes nothing"
    )
    parser.add_argument("--json", action="store_true", help="as JSON instead, in codes and in English")
    add_language_option(parser)
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    report = _Report(sys.stdout, sys.stderr, words(given.language), as_json=given.json)
    try:
        config = load(given.config)
    except ConfigFaults as faults:
        return report.all_of(list(faults_found(faults, given.config)))
    journal = journal_of(config)
    try:
        # Files that SQLite may touch beside the journal stay its owner's, and A1 is reached as the daemon reaches it.
        if journal.exists():
            become_owner(journal)
    except (GatewayError, OSError):
        found = Check(Finding.DAEMON_NOT_OURS, {"owner": owner_of(journal), "file": given.config})
        return report.all_of([*config_found(config), found])
    _log_to(sys.stderr)

    async def work(reactor: Any, desk: IDesk | None) -> int:
        examination = Examination(reactor, config, os.path.abspath(given.config), journal)
        async for check in examination.findings(desk, report.waits_for):
            report.add(check)
        return report.end()

    return run_beside_daemon("doctor", config, work)


def _log_to(out: TextIO) -> None:
    """What the parts tell the operator stands in the lines; what nobody expected is all that is left to be logged."""

    written = textFileLogObserver(out)

    @provider(ILogObserver)
    def failures(event: LogEvent) -> None:
        if "log_failure" in event:
            written(event)

    globalLogBeginner.beginLoggingTo([failures], discardBuffer=True, redirectStandardIO=False)


class _Report:
    """Says what is found as soon as it is, and on a terminal what is waited for."""

    def __init__(self, out: TextIO, progress: TextIO, language: Words, *, as_json: bool) -> None:
        self._out = out
        self._progress = Terminal(progress)
        self._language = language
        self._as_json = as_json
        self._width: int | None = None
        if out.isatty():
            self._width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
        self._found: list[Check] = []

    def all_of(self, checks: list[Check]) -> int:
        """The exit status for what is all that was found."""
        for check in checks:
            self.add(check)
        return self.end()

    def waits_for(self, subject: Subject) -> None:
        """It takes a while."""
        looking = self._language("doctor.looking", subject=self._language(f"subject.{subject}"))
        self._progress.change(f"… {looking}")

    def add(self, check: Check) -> None:
        """It was found."""
        self._found.append(check)
        if not self._as_json:
            self._progress.clear()
            self._out.write(line_of(check, self._language, width=self._width) + "\n")
            self._out.flush()

    def end(self) -> int:
        """That was all; returns the exit status."""
        self._progress.clear()
        if self._as_json:
            json.dump(as_json(self._found), self._out, ensure_ascii=False, indent=2)
            self._out.write("\n")
        else:
            self._out.write(sum_of(self._found, self._language) + "\n")
        return 0 if is_well(self._found) else 1

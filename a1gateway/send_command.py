"""`a1gateway send`: one SMS through the running daemon, followed to its final status."""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TextIO

from .config_sections import Config
from .control.command import add_config_option, run_command, who_runs_it
from .control.errand import Ended, Errand, Hindrance, Outcome, Way
from .control.operations import IDesk
from .language import add_language_option
from .message import Kind, Status
from .terminal import Terminal
from .words.words import Words, words

INTERRUPTED = 130
"""The exit status after Ctrl-C, as of other programs."""
_AT_ONCE = 0.1  # seconds


def add_send_command(commands: Any) -> None:
    """Declare the command at the command line's subparsers."""
    parser = commands.add_parser("send", help="send one SMS through the running daemon, and follow it to its end")
    option = parser.add_argument
    option("--to", metavar="NUMBER", help="a Belarusian mobile number in any spelling")
    option("--text", metavar="TEXT", help="what is sent, as it is")
    option(
        "--kind", choices=[str(kind) for kind in Kind], default=str(Kind.TRANSACTIONAL), help="default: %(default)s"
    )
    option("--follow", metavar="ID", help="send nothing: follow a message that the journal has")
    option("--timeout", metavar="SECONDS", type=_seconds, help="how long to follow it; without, to its final status")
    option("--json", action="store_true", help="what came of it as JSON, at the end")
    add_language_option(parser)
    add_config_option(parser)
    parser.set_defaults(run=lambda given: _run(given, parser))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if given.follow is None and (given.to is None or given.text is None):
        parser.error("--to and --text are required, or --follow")
    if given.follow is not None and (given.to is not None or given.text is not None):
        parser.error("with --follow there is no --to and no --text: nothing is sent")
    try:
        f"{given.to}{given.text}{given.follow}".encode()
    except UnicodeEncodeError:
        parser.error("what is given is not UTF-8")
    report = Report(given, sys.stdout)
    name = given.follow or ""

    async def work(desk: IDesk, config: Config) -> int:
        from twisted.internet import reactor

        clock: Any = reactor
        del config
        errand = Errand(clock, desk, report, timeout=given.timeout)
        return report.ends(await errands(errand, given))

    async def without(config: Config) -> int:
        del config
        return report.ends(Ended(Outcome.NO_DAEMON, name))

    return run_command("send", given.config, work, without=without)


async def errands(errand: Errand, given: argparse.Namespace) -> Ended:
    """What the command line asks for."""
    if given.follow is not None:
        return await errand.follow(given.follow)
    once = secrets.token_urlsafe(15)
    return await errand.send(once, given.to, given.text, given.kind, who_runs_it())


class Report:
    """Tells people, or programs, how far the message is; see `errand.IWitness`."""

    def __init__(self, given: argparse.Namespace, out: TextIO) -> None:
        self._json = bool(given.json)
        self._config = str(given.config)
        self._words = words(given.language)
        self._out = out
        self._terminal = Terminal(out)
        self._shown = 0
        self._headed = False

    def sees(self, way: Way) -> None:
        """See `IWitness`."""
        if self._json:
            return
        if not self._headed:
            self._headed = True
            number = self._words.phone(way["number"]) or "—"
            sender_id = way["sender_id"] or self._words("sender.none")
            self._terminal.say(self._words("send.to", number=number, sender_id=sender_id, id=way["message_id"]))
        steps = way["steps"]
        for step in steps[self._shown :]:
            line = self._step(step, way["accepted_at"])
            self._terminal.say(self._words("send.step", time=self._words.clock(step["at"]), text=line))
        self._shown = max(self._shown, len(steps))

    def waits(self, seconds: float, way: Way | None, hindrance: Hindrance | None) -> None:
        """See `IWitness`."""
        if not self._json:
            # Whole seconds: it is looked at twice in each.
            time, stage = self._words.duration(round(seconds)), self._stage(self._words, way, hindrance)
            self._terminal.change(self._words("send.waits", time=time, stage=stage))

    def ends(self, ended: Ended) -> int:
        """Tell how it ended; the exit status."""
        if self._json:
            json.dump(self._as_json(ended), self._out, ensure_ascii=False, indent=2)
            self._out.write("\n")
        else:
            for line in self._lines(ended, self._words):
                self._terminal.say(line)
        if ended.outcome is Outcome.INTERRUPTED:
            return INTERRUPTED
        return 0 if ended.outcome is Outcome.DELIVERED else 1

    def _step(self, step: dict[str, Any], accepted_at: float) -> str:
        say = self._words
        status = step["status"]
        after = step["at"] - accepted_at
        if status is None:
            return say.known(f"word.{step['word']}", say.known(f"reason.{step['word']}", str(step["word"])))
        if status == Status.QUEUED:
            return say("trial.step.accepted")
        text = say.known(f"trial.step.{status}", say(f"status.{status}"))
        if after >= _AT_ONCE:
            text = say("send.after", text=text, time=say.duration(after))
        if Status(status).final:
            text = say("send.by", text=text, source=say(f"source.{step['source']}"))
        return text

    @staticmethod
    def _stage(say: Words, way: Way | None, hindrance: Hindrance | None) -> str:
        if hindrance is not None:
            return say(f"send.{hindrance}")
        if way is None:
            return say("send.spooled")
        uncertain = way["uncertain"]
        stage = say(f"stage.{way['stage']}")
        return f"{stage} ({say.known(f'uncertain.{uncertain}', uncertain)})" if uncertain else stage

    def _lines(self, ended: Ended, say: Words) -> Iterator[str]:
        way = ended.way
        if ended.outcome is Outcome.DELIVERED and way is not None:
            amount = None if way["amount"] is None else Decimal(way["amount"])
            key = "send.delivered" if amount is not None else "send.delivered.no_price"
            yield say(key, segments=say.count("segments", way["segments"]), amount=say.money(amount))
            return
        if ended.outcome is Outcome.NOT_DELIVERED and way is not None:
            failed = (way["status"], way["reason"])
            reason = say.failed(*failed)
            reason = reason[:1].upper() + reason[1:]
            yield say("send.not_delivered", reason=reason, why=say.about_failure(*failed, "why"))
            yield f"{say('message.do')} {say.about_failure(*failed, 'do')}"
            return
        values = {
            "id": ended.message_id,
            "time": say.duration(ended.seconds),
            "stage": self._stage(say, way, None),
            "follow": self._command("send", "--follow", ended.message_id),
            "status": self._command("status"),
            "daemon": f"twistd -n a1gateway --config {shlex.quote(self._config)}",
        }
        yield say(f"send.{ended.outcome}", **values)
        if ended.said:
            yield ended.said
        yield f"{say('message.do')} {say(f'send.{ended.outcome}.do', **values)}"

    def _command(self, *arguments: str) -> str:
        return shlex.join(["a1gateway", *arguments, "--config", self._config])

    def _as_json(self, ended: Ended) -> dict[str, Any]:
        way = ended.way or {}
        return {
            "outcome": str(ended.outcome),
            "message_id": ended.message_id,
            "seconds": round(ended.seconds, 3),
            "text": list(self._lines(ended, words("en"))),
            **{name: value for name, value in way.items() if name != "message_id"},
        }

"""`a1gateway setup`: asks, or reads answers from a file, and makes of them a gateway that can be started."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from ..config import ConfigFaults, check, parsed, read
from ..config_secrets import others_may_read
from ..config_sections import Config
from ..errors import GatewayError
from ..language import add_language_option
from ..words.words import Words, words
from . import units
from .console import Console, IConsole
from .draft import Draft
from .place import ServerPlaces
from .questions import ask_all
from .writing import Written, write

_NO = ("n", "no", "н", "не", "нет", "ні")
_LEFT = 130
"""The exit status of a command that was left by Ctrl-C."""


def add_setup_command(commands: Any) -> None:
    """Declare the command at the command line's subparsers."""
    parser = commands.add_parser("setup", help="ask a few questions and set the gateway up on this server")
    option = parser.add_argument
    option("--answers", metavar="FILE", help="a TOML file to read instead: keys of the configuration, secrets in it")
    option("--config", metavar="FILE", help="the configuration to write; default: /etc/a1gateway/a1gateway.toml")
    option("--secrets", metavar="FOLDER", help="for the files of secrets; default: secrets, beside the configuration")
    option("--no-start", action="store_true", help="do not enable and start the service")
    add_language_option(parser)
    parser.set_defaults(run=lambda given: set_up(given, Console(), units.ThisServer()))


def set_up(given: argparse.Namespace, console: IConsole, server: units.IServer) -> int:
    """The exit status: 0 once everything is written and, if that was wanted, runs."""
    try:
        return _SettingUp(given, console, server).run()
    except ConfigFaults as faults:
        for fault in faults.faults:
            console.fault(str(fault))
        return 1
    except (EOFError, KeyboardInterrupt):
        console.say()
        console.fault(words(given.language)("server.left"))
        return _LEFT
    except OSError as error:
        console.fault(f"a1gateway setup: {error.filename}: {error.strerror}")
        if isinstance(error, PermissionError):
            console.fault(words(given.language)("server.as_root"))
        return 1
    except (GatewayError, UnicodeDecodeError) as error:
        console.fault(f"a1gateway setup: {error}")
        return 1


class _SettingUp:
    """One run of the command."""

    def __init__(self, given: argparse.Namespace, console: IConsole, server: units.IServer) -> None:
        self._given = given
        self._console = console
        self._server = server
        self._words: Words = words(given.language)
        self._places = ServerPlaces.given(given.config, given.secrets, server.root)

    def run(self) -> int:
        """See `set_up`."""
        present, table = self._present()
        draft = Draft(table, self._places)
        if self._given.answers is not None:
            draft.lay_over(self._answers())
            draft.complete()
        elif self._console.is_terminal:
            self._say("server.begin" if present is None else "server.again", file=self._places.config)
            ask_all(draft, self._words, self._console)
        else:
            self._console.fault(self._words("server.no_terminal"))
            return 1
        config = draft.checked()
        starts = self._places.for_systemd and not self._given.no_start and self._wants_start()
        self._tell_of(write(self._places, *draft.written(), present, time.time()))
        for warning in self._as_written().warnings:
            self._console.fault(f"warning: {warning}")
        status = self._service(config, starts)
        self._tell_addresses(config)
        return status

    def _present(self) -> tuple[str | None, dict[str, Any]]:
        if not self._places.config.exists():
            return None, {}
        text, _ = read(self._places.config)
        return text, parsed(text)

    def _answers(self) -> Mapping[str, Any]:
        path = self._given.answers
        try:
            text, mode = read(path)
            answers = parsed(text)
        except ConfigFaults as faults:
            raise GatewayError(f"{path}: {faults.faults[0].text}") from None
        if others_may_read(mode):
            self._console.fault(self._words("server.answers_open", file=path))
        return answers

    def _as_written(self) -> Config:
        """What the daemon is going to read; a fault here would be one of this command."""
        text, mode = read(self._places.config)
        return check(text, self._places.config.parent, environ=self._places.environ, mode=mode)

    def _tell_of(self, written: Written) -> None:
        self._console.say()
        for key, paths in (("made", written.made), ("changed", written.changed), ("tightened", written.tightened)):
            for path in paths:
                self._say(f"server.{key}", file=path)
        if written.copy is not None:
            self._say("server.copy", file=written.copy)
        if written.anew:
            self._say("server.anew")
        if not written.made and not written.changed:
            self._say("server.unchanged", file=self._places.config)

    def _tell_addresses(self, config: Config) -> None:
        url, callback = config.http.public_url, config.a1.callback
        self._console.say()
        self._say("server.bitrix24")
        self._item("server.bitrix24.handler", url=f"{url}/bitrix24/app")
        self._item("server.bitrix24.install", url=f"{url}/bitrix24/install")
        if config.a1.transport == "http" and callback is not None:
            # Whoever sees what is kept of this output need not know it.
            shows = self._console.is_terminal
            secret = callback.secret.get_secret_value() if shows else "SECRET"
            self._say("server.a1")
            self._item("server.a1.callback", url=f"{url}/a1/callback/{secret}")
            if not shows:
                self._item("server.a1.secret", file=self._places.secret(("a1", "callback", "secret")))
            self._item("server.a1.fields", id=callback.id_field, status=callback.status_field)
        if not config.bitrix24.client_id:
            self._console.say()
            self._say("server.keys_later")

    def _service(self, config: Config, starts: bool) -> int:
        if not self._places.for_systemd:
            self._say("server.no_systemd", file=self._places.config)
            return 0
        with_socket = config.http.listen.startswith("systemd:")
        try:
            if units.make_user(self._server):
                self._say("server.user", user=units.USER)
            for path in units.install_units(self._server):
                self._say("server.made", file=path)
            if not starts:
                self._say("server.not_started")
                return 0
            units.enable(self._server, with_socket=with_socket)
            if not self._server.runs_systemd:
                self._say("server.systemd_sleeps")
                return 0
            self._say("server.starting")
            units.start(self._server, with_socket=with_socket)
        except units.CommandFailed as failed:
            self._console.fault(f"a1gateway setup: {failed}")
            self._say("server.start_failed")
            return 1
        self._say("server.started")
        return 0

    def _wants_start(self) -> bool:
        if self._given.answers is not None:
            return True
        self._console.say()
        typed = self._console.ask(f"{self._words('server.ask.start')} ").strip().lower()
        return typed not in _NO

    def _item(self, key: str, **values: object) -> None:
        self._console.say(f"  {self._words(key, **values)}")

    def _say(self, key: str, **values: object) -> None:
        self._console.say(self._words(key, **values))

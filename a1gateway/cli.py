"""`a1gateway`: the commands beside the daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from . import __version__

# Each imports what it needs when it is wanted: all of it takes seconds on a small server.


def _check_config(commands: Any) -> None:
    from . import config
    from .automation.template_command import look_at_scenarios
    from .config_sections import Config
    from .consent_commands import look_at_field
    from .control.command import ask_daemon
    from .control.operations import IDesk

    def look(checked: Config) -> int | None:
        if checked.consent is None and not checked.scenario:
            return 0

        async def both(desk: IDesk, config: Config) -> int:
            return max(await look_at_field(desk, config), await look_at_scenarios(desk, config))

        return ask_daemon("check-config", checked, both)

    check = commands.add_parser("check-config", help="check a configuration file; names every fault and its key")
    check.add_argument("file", metavar="FILE")
    check.set_defaults(run=lambda given: config.main(given.file, sys.stdout, sys.stderr, look))


def _doctor(commands: Any) -> None:
    from .doctor.command import add_doctor_command

    add_doctor_command(commands)


def _setup(commands: Any) -> None:
    from .setup.command import add_setup_command

    add_setup_command(commands)


def _normalize(commands: Any) -> None:
    from . import normalize

    numbers = commands.add_parser("normalize", help="read phone numbers, write what would be sent to, as CSV")
    numbers.add_argument("file", metavar="FILE", nargs="?", help="text or CSV; without it, or with -, standard input")
    numbers.set_defaults(run=lambda given: normalize.run(given.file, sys.stdin, sys.stdout))


def _consent(commands: Any) -> None:
    from .consent_commands import add_commands

    add_commands(commands)


def _contacts(commands: Any) -> None:
    from .contact_base import desk
    from .contact_base.command import add_contacts_arguments

    base = commands.add_parser("contacts", help="the portal's contact base: look at it, and clean it")
    add_contacts_arguments(base, desk.run("contacts"), desk.console)


def _campaign_check(commands: Any) -> None:
    from .contact_base import desk
    from .contact_base.command import add_campaign_arguments

    campaign = commands.add_parser("campaign-check", help="who would get a campaign, its price and its time")
    add_campaign_arguments(campaign, desk.run("campaign-check"), desk.console)


def _send(commands: Any) -> None:
    from .send_command import add_send_command

    add_send_command(commands)


def _status(commands: Any) -> None:
    from .status_command import add_status_command

    add_status_command(commands)


def _campaigns(commands: Any) -> None:
    from .campaign_command import add_campaigns_command

    add_campaigns_command(commands)


def _backup(commands: Any) -> None:
    from .backup.command import add_backup_commands

    add_backup_commands(commands)


def _template(commands: Any) -> None:
    from .automation.template_command import add_template_command

    add_template_command(commands)


def _erase(commands: Any) -> None:
    from .erase_commands import add_erase_commands

    add_erase_commands(commands)


def _sandbox(commands: Any) -> None:
    from .sandbox import command

    simulation = commands.add_parser("sandbox", help="a simulated A1 and a simulated Bitrix24 portal on this machine")
    command.add_arguments(simulation)
    simulation.set_defaults(run=command.run)


_COMMANDS: Sequence[tuple[Sequence[str], Callable[[Any], None]]] = (
    (("check-config",), _check_config),
    (("doctor",), _doctor),
    (("setup",), _setup),
    (("normalize",), _normalize),
    (("opt-out", "opt-in", "consent-evidence", "consent-field"), _consent),
    (("contacts",), _contacts),
    (("campaign-check",), _campaign_check),
    (("send",), _send),
    (("status",), _status),
    (("campaigns",), _campaigns),
    (("backup", "restore"), _backup),
    (("template",), _template),
    (("erase", "compact"), _erase),
    (("sandbox",), _sandbox),
)
"""All of them, in the order in which people read them, and who adds which."""


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """What the command line takes; with `command`, if it is one, that and no other."""
    whole = argparse.ArgumentParser(
        prog="a1gateway",
        description="SMS from Bitrix24 through A1. The daemon is started by: twistd -n a1gateway --config FILE",
    )
    whole.add_argument("--version", action="version", version=f"a1gateway {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    alone = [add for names, add in _COMMANDS if command in names]
    for add in alone or [add for _, add in _COMMANDS]:
        add(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser(words[0] if words else None).parse_args(words)
    try:
        status: int = given.run(given)
    except BrokenPipeError:
        # Whoever reads the output has had enough, as `head` does.
        sys.stderr.close()
        return 141
    return status

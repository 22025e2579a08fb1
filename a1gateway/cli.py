"""`a1gateway`: the commands beside the daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import __version__, config, normalize
from .automation.template_command import add_template_command, look_at_scenarios
from .backup.command import add_backup_commands
from .campaign_command import add_campaigns_command
from .config_sections import Config
from .consent_commands import add_commands, look_at_field
from .contact_base import desk
from .contact_base.command import add_campaign_arguments, add_contacts_arguments
from .control.command import ask_daemon
from .control.operations import IDesk
from .doctor.command import add_doctor_command
from .erase_commands import add_erase_commands
from .sandbox import command as sandbox
from .send_command import add_send_command
from .setup.command import add_setup_command
from .status_command import add_status_command


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    whole = argparse.ArgumentParser(
        prog="a1gateway",
        description="SMS from Bitrix24 through A1. The daemon is started by: twistd -n a1gateway --config FILE",
    )
    whole.add_argument("--version", action="version", version=f"a1gateway {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check-config", help="check a configuration file; names every fault and its key")
    check.add_argument("file", metavar="FILE")
    check.set_defaults(run=_check_config)

    add_doctor_command(commands)
    add_setup_command(commands)

    numbers = commands.add_parser("normalize", help="read phone numbers, write what would be sent to, as CSV")
    numbers.add_argument("file", metavar="FILE", nargs="?", help="text or CSV; without it, or with -, standard input")
    numbers.set_defaults(run=lambda given: normalize.run(given.file, sys.stdin, sys.stdout))

    add_commands(commands)
    base = commands.add_parser("contacts", help="the portal's contact base: look at it, and clean it")
    add_contacts_arguments(base, desk.run("contacts"), desk.console)
    campaign = commands.add_parser("campaign-check", help="who would get a campaign, its price and its time")
    add_campaign_arguments(campaign, desk.run("campaign-check"), desk.console)

    add_send_command(commands)
    add_status_command(commands)
    add_campaigns_command(commands)
    add_backup_commands(commands)
    add_template_command(commands)
    add_erase_commands(commands)

    simulation = commands.add_parser("sandbox", help="a simulated A1 and a simulated Bitrix24 portal on this machine")
    sandbox.add_arguments(simulation)
    simulation.set_defaults(run=sandbox.run)
    return whole


def _check_config(given: argparse.Namespace) -> int:
    def look(checked: Config) -> int | None:
        if checked.consent is None and not checked.scenario:
            return 0

        async def both(desk: IDesk, config: Config) -> int:
            return max(await look_at_field(desk, config), await look_at_scenarios(desk, config))

        return ask_daemon("check-config", checked, both)

    return config.main(given.file, sys.stdout, sys.stderr, look)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    given = parser().parse_args(arguments)
    try:
        status: int = given.run(given)
    except BrokenPipeError:
        # Whoever reads the output has had enough, as `head` does.
        sys.stderr.close()
        return 141
    return status

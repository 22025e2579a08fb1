"""`a1gateway campaigns`: how far campaigns are; one is paused, resumed, cancelled or begun anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from .config_sections import Config
from .control.command import add_config_option, run_command
from .control.operations import IDesk
from .hours import told_in_minsk

_DOES = ("pause", "resume", "cancel", "anew")
_LONGEST_TEXT = 60
_WAITS_FOR = {
    "fields": "for fields of the CRM",
    "consent": "for the portal's word on the consent",
    "hours": "for consent.hours",
    "ready": "for A1",
    "held": "for the campaign to be resumed",
}
_SAID = {
    "pause": "campaign {id} is paused: {waiting} messages wait, {under_way} are under way at A1",
    "resume": "campaign {id} goes on: {waiting} messages wait, {under_way} are under way at A1",
    "cancel": "campaign {id} is cancelled: what has not left is refused; {under_way} are under way at A1",
    "anew": "campaign {id} stays cancelled: what Bitrix24 hands over in its words from now on is a new campaign",
}


def add_campaigns_command(commands: Any) -> None:
    """Declare the command at the command line's subparsers."""
    parser = commands.add_parser(
        "campaigns", help="how far campaigns are; pause, resume or cancel one, or begin it anew"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--pause", metavar="ID", type=int, help="nothing of it leaves from now on")
    change.add_argument("--resume", metavar="ID", type=int, help="it goes on")
    change.add_argument("--cancel", metavar="ID", type=int, help="what has not left is refused, and so is what comes")
    change.add_argument(
        "--anew", metavar="ID", type=int, help="what comes in the words of a cancelled one is a new campaign"
    )
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    async def work(desk: IDesk, config: Config) -> int:
        del config
        for does in _DOES:
            if getattr(given, does) is not None:
                found = await desk.ask(f"campaigns.{does}", {"id": getattr(given, does)})
                values = {**found, "waiting": found["waiting"]["total"]}
                sys.stdout.write(_SAID[does].format_map(values) + "\n")
                return 0
        campaigns = await desk.ask("campaigns.list", {})
        lines = [line for each in campaigns for line in told(each)]
        sys.stdout.write("\n".join(lines or ["there have been no campaigns"]) + "\n")
        return 0

    return run_command("campaigns", given.config, work)


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """How far a campaign is, for people."""
    text = " ".join(found["text"].split())
    short = text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
    by = f" by {found['state_by']}" if found["state_by"] else ""
    yield f"campaign {found['id']}, begun at {told_in_minsk(found['began_at'])}, {found['state']}{by}: {short}"
    refused = ", ".join(f"{reason} {count:,}" for reason, count in sorted(found["refused"].items()))
    waiting = ", ".join(
        f"{found['waiting'][name]:,} {why}" for name, why in _WAITS_FOR.items() if found["waiting"][name]
    )
    yield (
        f"  {found['total']:,} messages: {found['delivered']:,} delivered, {found['not_delivered']:,} not delivered,"
        f" {sum(found['refused'].values()):,} refused{f' ({refused})' if refused else ''},"
        f" {found['under_way']:,} under way at A1,"
        f" {found['waiting']['total']:,} waiting{f' ({waiting})' if waiting else ''}"
    )
    ends_at = found["ends_at"]
    end = "" if ends_at is None else f"; the last leaves at about {told_in_minsk(ends_at)} in Minsk"
    yield f"  {found['segments']:,} segments so far, {Decimal(found['amount']):,.2f} BYN{end}"

"""`a1gateway template`: what a template comes to for a document; and what `check-config` asks about scenarios."""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal
from typing import Any

from ..bitrix24.item import Item, item_named
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..carriers.outcome import LinkTrouble
from ..config_sections import Config
from ..contact_base.desk import Prices
from ..control.command import add_config_option, run_command
from ..control.operations import IDesk, RemotePortal
from ..msisdn import Msisdn, read_number
from ..text import alphabet, segments
from .checks import faults_of
from .documents import Document, DocumentReader
from .moments import read_moment
from .preview import document_of, preview
from .scenarios import scenarios_of
from .template import Template, TemplateFault

_COMMAND = "template"


def add_template_command(commands: Any) -> None:
    """Declare it."""
    parser = commands.add_parser(_COMMAND, help="fill a template with a document's fields; nothing is sent")
    add_config_option(parser)
    parser.add_argument(
        "--document", metavar="DOCUMENT", required=True, help="deal:123, lead:5, contact:7, 177:12 of a smart process"
    )
    parser.add_argument("--text", metavar="T", required=True, help="the template, such as '#CONTACT_NAME#, ...'")
    parser.add_argument(
        "--at", metavar="MOMENT", help="the date that it reminds of, such as '24.11.2026 10:30'; left out: now"
    )
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    at = None if given.at is None else read_moment(given.at)
    if given.at is not None and at is None:
        sys.stderr.write("a1gateway template: --at: no date; give one such as 24.11.2026 10:30\n")
        return 1
    try:
        item, template = item_named(given.document), Template.read(given.text)
    except TemplateFault as fault:
        sys.stderr.write(f"a1gateway template: --text: {fault}\n")
        return 1
    except ValueError as error:
        sys.stderr.write(f"a1gateway template: --document: {error}\n")
        return 1

    async def work(desk: IDesk, config: Config) -> int:
        return await show(desk, config, item, template, at)

    return run_command(_COMMAND, given.config, work)


async def show(desk: IDesk, config: Config, item: Item, template: Template, at: float | None = None) -> int:
    """Write the result, its parts and its price; 1 with lines on stderr when there is none.

    `at` is the moment that a reminder with this text is about; None: now.
    """
    from twisted.internet import reactor

    clock: Any = reactor
    document = await document_of(DocumentReader(clock, RemotePortal(desk)), item, template.placeholders)
    filled = preview(document, template, clock.seconds() if at is None else at)
    faults = list(filled.unknown.values()) or [
        f"{each.written} is empty, and has no fallback: nothing would be sent" for each in filled.empty
    ]
    if faults or filled.text is None:
        for fault in faults:
            sys.stderr.write(f"a1gateway template: {fault}\n")
        return 1
    sys.stdout.write(f"{filled.text}\n\n")
    parts = segments(filled.text)
    sys.stdout.write(f"to: {_recipient(document)}\n")
    sys.stdout.write(f"characters: {len(filled.text)}, alphabet: {alphabet(filled.text).label}, segments: {parts}\n")
    sys.stdout.write(f"price: {await _price(desk, config, document, filled.text)}\n")
    if parts > config.a1.max_segments:
        sys.stderr.write(f"a1gateway template: more than a1.max_segments = {config.a1.max_segments}: refused\n")
        return 1
    return 0


def _recipient(document: Document) -> str:
    if not document.phone:
        return "nobody, the contact has no phone"
    read = read_number(document.phone)
    return read.number if isinstance(read, Msisdn) else f"nobody, {document.phone} is no number that an SMS can go to"


async def _price(desk: IDesk, config: Config, document: Document, text: str) -> str:
    if config.a1.transport != "http":
        return "not known: A1 tells prices over its HTTP API alone"
    read = read_number(document.phone)
    if not isinstance(read, Msisdn):
        return "not known without a mobile number"
    try:
        cost = await Prices(desk, config.a1.sender_id).cost(text, [read.number])
    except LinkTrouble as trouble:
        return f"not known: {trouble}"
    if cost.refused:
        return "not known: A1 would refuse it"
    return f"{cost.amount.quantize(Decimal('0.0001')).normalize():f} BYN"


async def look_at_scenarios(desk: IDesk, config: Config) -> int:
    """For `check-config`: 1 with a line on stderr for everything that scenarios name and the portal does not have."""
    if not config.scenario:
        return 0
    from twisted.internet import reactor

    clock: Any = reactor
    reader = DocumentReader(clock, RemotePortal(desk))
    scenarios = scenarios_of(config.scenario, config.automation)
    try:
        faults = await faults_of(reader, scenarios.all)
    except (PortalTrouble, PortalError) as error:
        sys.stderr.write(f"warning: scenario: not looked at in Bitrix24: {error}\n")
        return 0
    places = {each.name: number for number, each in enumerate(config.scenario, 1)}
    for name, key, text in faults:
        sys.stderr.write(f"scenario[{places[name]}].{key}: {text}\n")
    return 1 if faults else 0

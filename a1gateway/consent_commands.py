"""The commands about consent: `opt-out`, `opt-in`, `consent-evidence`, `consent-field`, and a look at the field."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, TextIO

from .bitrix24.consent import fault_of
from .bitrix24.consent_field import NoSuchField, describe
from .bitrix24.trouble import PortalError
from .config_sections import Config
from .control.command import add_config_option, run_command
from .control.operations import IDesk, RemotePortal
from .errors import GatewayError
from .hours import MINSK
from .message import Choice
from .msisdn import Msisdn, read_number

_PREFIX = "UF_CRM_"
_LABEL = {
    "ru": "Согласие на рекламные SMS",
    "be": "Згода на рэкламныя SMS",
    "en": "Consent to marketing SMS",
}
_HELP = {
    "ru": "Без согласия рекламные SMS контакту не отправляются",
    "be": "Без згоды рэкламныя SMS кантакту не адпраўляюцца",
    "en": "Without consent the contact gets no marketing SMS",
}


def add_commands(commands: Any) -> None:
    """Declare the commands at the command line's subparsers."""
    for name, choice, does in (
        ("opt-out", Choice.OUT, "a number gets no marketing SMS any more; the CRM is told"),
        ("opt-in", Choice.IN, "the number's owner has agreed to marketing SMS again; the CRM is told"),
    ):
        parser = commands.add_parser(name, help=does)
        parser.add_argument("number", metavar="NUMBER", help="a mobile number in any spelling")
        parser.add_argument("--note", default="", help="where the choice is from, for the journal")
        add_config_option(parser)
        parser.set_defaults(run=partial(_choose, name, choice))
    evidence = commands.add_parser("consent-evidence", help="the evidence of a number's consent, for A1")
    evidence.add_argument("--number", metavar="N", required=True, help="a mobile number in any spelling")
    evidence.add_argument("--language", choices=sorted(_WORDS), default="ru", help="of the report; default: ru")
    evidence.add_argument("--json", action="store_true", help="as JSON instead, times in UTC")
    add_config_option(evidence)
    evidence.set_defaults(run=_show_evidence)
    field = commands.add_parser("consent-field", help="create the contact's field for consent in Bitrix24")
    add_config_option(field)
    field.set_defaults(run=lambda given: run_command("consent-field", given.config, _create_field))


def _number(name: str, text: str) -> str | None:
    read = read_number(text)
    if isinstance(read, Msisdn):
        return read.number
    sys.stderr.write(f"a1gateway {name}: {text!r} is no Belarusian mobile number ({read.fault})\n")
    return None


def _choose(name: str, choice: Choice, given: argparse.Namespace) -> int:
    number = _number(name, given.number)
    if number is None:
        return 1

    async def work(desk: IDesk, config: Config) -> int:
        asked = {"number": number, "choice": str(choice), "note": given.note}
        answer = await desk.ask("marketing.choose", asked)
        if choice is Choice.OUT:
            said = f"{number} gets no marketing SMS from now on"
            if answer["ended"]:
                said += f"; {answer['ended']} that waited are refused"
        else:
            said = f"{number} is off the stop list"
        told = (
            "Bitrix24 is being told" if config.consent is not None else "Bitrix24 is not told: there is no [consent]"
        )
        sys.stdout.write(f"{said}; {told}\n")
        return 0

    return run_command(name, given.config, work)


def _show_evidence(given: argparse.Namespace) -> int:
    number = _number("consent-evidence", given.number)
    if number is None:
        return 1

    async def work(desk: IDesk, config: Config) -> int:
        del config
        found = await desk.ask("marketing.evidence", {"number": number})
        if given.json:
            json.dump({"number": number, **found}, sys.stdout, ensure_ascii=False, indent=2)
            sys.stdout.write("\n")
        else:
            write_evidence(number, found, _WORDS[given.language], sys.stdout)
        return 0

    return run_command("consent-evidence", given.config, work)


_WORDS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "title": "Согласие на рекламные SMS: {number}",
        "stopped": "Номер в стоп-листе: рекламные SMS на него не отправляются.",
        "message": "SMS {id}, принято {at}: {status}{reason}",
        "contact": "контакт {contact}, поле {field}: {value}; спрошено {at}: {verdict}",
        "nobody": "{meaning}; поле {field}, спрошено {at}: {verdict}",
        "no_contact": "контакта с этим номером нет",
        "yes": "согласие есть",
        "no": "согласия нет",
        "not_asked": "портал не спрошен",
        "empty": "пусто",
        "choices": "Выбор абонента:",
        "out": "отказ",
        "in": "согласие",
        "operator": "записано администратором",
        "a1": "стоп-лист A1",
        "subscriber": "SMS абонента",
        "nothing": "Рекламных SMS на этот номер не было, отказов тоже.",
        "zone": "Время минское.",
    },
    "be": {
        "title": "Згода на рэкламныя SMS: {number}",
        "stopped": "Нумар у стоп-лісце: рэкламныя SMS на яго не адпраўляюцца.",
        "message": "SMS {id}, прынята {at}: {status}{reason}",
        "contact": "кантакт {contact}, поле {field}: {value}; спытана {at}: {verdict}",
        "nobody": "{meaning}; поле {field}, спытана {at}: {verdict}",
        "no_contact": "кантакту з гэтым нумарам няма",
        "yes": "згода ёсць",
        "no": "згоды няма",
        "not_asked": "партал не спытаны",
        "empty": "пуста",
        "choices": "Выбар абанента:",
        "out": "адмова",
        "in": "згода",
        "operator": "запісана адміністратарам",
        "a1": "стоп-ліст A1",
        "subscriber": "SMS абанента",
        "nothing": "Рэкламных SMS на гэты нумар не было, адмоў таксама.",
        "zone": "Час мінскі.",
    },
    "en": {
        "title": "Consent to marketing SMS: {number}",
        "stopped": "The number is on the stop list: it gets no marketing SMS.",
        "message": "SMS {id}, accepted {at}: {status}{reason}",
        "contact": "contact {contact}, field {field}: {value}; asked {at}: {verdict}",
        "nobody": "{meaning}; field {field}, asked {at}: {verdict}",
        "no_contact": "no contact has the number",
        "yes": "agreed",
        "no": "not agreed",
        "not_asked": "the portal was not asked",
        "empty": "empty",
        "choices": "The subscriber's choices:",
        "out": "opted out",
        "in": "opted in",
        "operator": "entered by the administrator",
        "a1": "A1's stop list",
        "subscriber": "the subscriber's SMS",
        "nothing": "There have been no marketing SMS to this number, and no choices.",
        "zone": "Times are Minsk's.",
    },
}


def write_evidence(number: str, found: Mapping[str, Any], words: Mapping[str, str], out: TextIO) -> None:
    """What is known of a number's consent, for people."""
    lines = [words["title"].format(number=number), words["zone"]]
    if found["stopped"]:
        lines.append(words["stopped"])
    for message in found["messages"]:
        reason = f" ({message['reason']})" if message["reason"] else ""
        lines.append("")
        lines.append(
            words["message"].format(
                id=message["message_id"], at=_at(message["received_at"]), status=message["status"], reason=reason
            )
        )
        lines += [f"  {_found(each, words)}" for each in message["found"]] or [f"  {words['not_asked']}"]
    if found["choices"]:
        lines += ["", words["choices"]]
        for choice in found["choices"]:
            note = f": {choice['note']}" if choice["note"] else ""
            lines.append(f"  {_at(choice['at'])} {words[choice['choice']]}, {words[choice['source']]}{note}")
    if not found["messages"] and not found["choices"]:
        lines.append(words["nothing"])
    out.write("\n".join(lines) + "\n")


def _found(each: Mapping[str, Any], words: Mapping[str, str]) -> str:
    verdict = words["yes"] if each["granted"] else words["no"]
    at = _at(each["asked_at"])
    if each["contact"] is None:
        why = each["meaning"] or words["no_contact"]
        return words["nobody"].format(meaning=why, field=each["field"], at=at, verdict=verdict)
    value = words["empty"] if each["value"] is None else each["value"]
    if each["meaning"]:
        value = f"{value} ({each['meaning']})"
    return words["contact"].format(contact=each["contact"], field=each["field"], value=value, at=at, verdict=verdict)


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, MINSK).strftime("%d.%m.%Y %H:%M:%S")


async def _create_field(desk: IDesk, config: Config) -> int:
    if config.consent is None:
        raise GatewayError("consent.contact_field: missing; write a section [consent] with the name of the field")
    name = config.consent.contact_field
    portal = RemotePortal(desk)
    there = await describe(portal, name)
    if not isinstance(there, NoSuchField):
        fault = fault_of(there)
        if fault is not None:
            raise GatewayError(f"consent.contact_field: {fault}")
        sys.stdout.write(f"the portal's contacts have {name} already, of the type {there.kind}; nothing is changed\n")
        return 0
    if not name.startswith(_PREFIX):
        raise GatewayError(f"consent.contact_field: {name} cannot be created: such names begin with {_PREFIX}")
    fields = {
        "FIELD_NAME": name.removeprefix(_PREFIX),
        "USER_TYPE_ID": "boolean",
        "LABEL": _LABEL["ru"],
        "EDIT_FORM_LABEL": _LABEL,
        "LIST_COLUMN_LABEL": _LABEL,
        "LIST_FILTER_LABEL": _LABEL,
        "HELP_MESSAGE": _HELP,
        "SHOW_FILTER": "Y",
        "SETTINGS": {"DEFAULT_VALUE": 0, "DISPLAY": "CHECKBOX"},
    }
    try:
        await portal.call("crm.contact.userfield.add", {"fields": fields})
    except PortalError as error:
        raise GatewayError(f"Bitrix24 does not create {name}: {error}") from None
    made = await desk.ask("marketing.field", {"name": name})
    if made["missing"]:
        raise GatewayError(
            f"Bitrix24 says that it has created {name}, and does not have it; look in the CRM's settings"
        )
    sys.stdout.write(f"the portal's contacts have the field {name} now: {_LABEL['ru']}\n")
    return 0


async def look_at_field(desk: IDesk, config: Config) -> int:
    """For `check-config`: 1 with a line on stderr when the field cannot be a consent."""
    if config.consent is None:
        return 0
    try:
        found = await desk.ask("marketing.field", {"name": config.consent.contact_field})
    except GatewayError as error:
        sys.stderr.write(f"warning: consent.contact_field: not looked at in Bitrix24: {error}\n")
        return 0
    if found["fault"] is None:
        return 0
    sys.stderr.write(f"consent.contact_field: {found['fault']}\n")
    return 1

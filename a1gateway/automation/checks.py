"""Whether the portal has what scenarios name: types of documents, fields, values, stages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from ..bitrix24.crm_fields import CrmField
from ..bitrix24.item import COMPANY, CONTACT, DEAL, LEAD
from ..bitrix24.trouble import CommandTrouble, PortalTrouble
from .documents import OF_PEOPLE, OF_PREFIX, Described, DocumentReader, Fields
from .scenarios import Happening, Scenario
from .template import Placeholder, Prefix
from .values import FLAGS, Known, event_values, is_flag, is_readable

_OF_CALLS = ("NUMBER", "LINE", "DATE", "TIME")
_OF_EVENTS = tuple(event_values(0.0))
_OF_USERS = (
    "NAME",
    "LAST_NAME",
    "SECOND_NAME",
    "FULL_NAME",
    "PHONE",
    "EMAIL",
    "WORK_POSITION",
    "PERSONAL_MOBILE",
    "WORK_PHONE",
)
# Whose fields a document of a type can have; a contact and a company know the lead that they come from.
_BELONGING = {
    LEAD: (Prefix.LEAD, Prefix.CONTACT, Prefix.COMPANY),
    DEAL: (Prefix.DEAL, Prefix.LEAD, Prefix.CONTACT, Prefix.COMPANY),
    CONTACT: (Prefix.CONTACT, Prefix.COMPANY, Prefix.LEAD),
    COMPANY: (Prefix.COMPANY, Prefix.CONTACT, Prefix.LEAD),
}
_OF_A_CALL = (Prefix.CONTACT, Prefix.COMPANY)
_OF_AN_ITEM = (Prefix.ITEM, Prefix.DEAL, Prefix.LEAD)
_DATES = ("date", "datetime")
# A list may be one of numbers.
_WITH_A_NUMBER = ("string", "string_formatted", "text", "phone", "integer", "int", "double", "enumeration")
_INSTEAD = {"crm_contact": "#CONTACT_NAME#", "crm_company": "#COMPANY_TITLE#", "crm_lead": "#LEAD_TITLE#"}
_MOST_SHOWN = 10


async def faults_of(reader: DocumentReader, scenarios: Iterable[Scenario]) -> list[tuple[str, str, str]]:
    """What the portal does not have: the scenario's name, its key, and what is wrong; raises `PortalTrouble`."""
    found = []
    for scenario in scenarios:
        of = CONTACT if scenario.entity_type is None else scenario.entity_type
        types = {of, *(OF_PREFIX[each.prefix] for each in scenario.placeholders if each.prefix in OF_PREFIX)}
        described = await reader.described(types, anew=True)
        for refused in described.refused.values():
            if isinstance(refused, PortalTrouble):
                raise CommandTrouble.of(refused)
        if of in described.refused:
            found.append((scenario.name, "of", f"the portal has no type of documents with the number {of}"))
            continue
        found += [(scenario.name, key, text) for key, text in _faults(scenario, of, described)]
    return found


def missing_field(placeholder: Placeholder, of: int | None, described: Described) -> str | None:
    """What is wrong with a placeholder in a text about documents of a type, or about a call; None when nothing is."""
    name, written = placeholder.field, placeholder.written
    match placeholder.prefix:
        case Prefix.CALL:
            return None if name in _OF_CALLS else f"{written}: of a call there are {', '.join(_OF_CALLS)}"
        case Prefix.EVENT:
            return None if name in _OF_EVENTS else f"{written}: of a date there are {', '.join(_OF_EVENTS)}"
        case Prefix.ASSIGNED:
            return None if name in _OF_USERS else f"{written}: of an employee there are {', '.join(_OF_USERS)}"
    own = described.fields.get(CONTACT if of is None else of, Fields(()))
    belonging = _belonging(of, own)
    if placeholder.prefix is Prefix.DOCUMENT:
        if name in OF_PEOPLE and Prefix.CONTACT in belonging:
            return None
        return _unfit(name, written, own)
    if placeholder.prefix not in belonging:
        there_are = ", ".join((*belonging, Prefix.ASSIGNED))
        return f"{written}: what this text is about has no {placeholder.prefix}; there are {there_are}"
    type_ = OF_PREFIX.get(placeholder.prefix)
    return _unfit(name, written, own if type_ is None else described.fields.get(type_, Fields(())))


def _belonging(of: int | None, own: Fields) -> tuple[Prefix, ...]:
    """Whose fields a text about such documents, or about a call, can have."""
    if of is None:
        return _OF_A_CALL
    if of in _BELONGING:
        return _BELONGING[of]
    # Smart processes have clients only where their settings say so.
    contacts = (Prefix.CONTACT,) if own.get("CONTACT_ID") or own.get("CONTACT_IDS") else ()
    companies = (Prefix.COMPANY,) if own.get("COMPANY_ID") else ()
    return (*_OF_AN_ITEM, *contacts, *companies)


def _unfit(name: str, written: str, fields: Fields) -> str | None:
    """Why a field of this name cannot be written."""
    if name == "PHONE":
        return None if fields.get("FM") else f"{written}: there are no phones here; write #CONTACT_PHONE#"
    if name == "FULL_NAME" and fields.get("LAST_NAME"):
        return None
    field = fields.get(name)
    if field is None:
        near = difflib.get_close_matches(name, fields.names, 1)
        return f"{written}: there is no such field" + (f"; did you mean {near[0]}?" if near else "")
    if not is_readable(field.kind):
        instead = f"; write {_INSTEAD[field.kind]}" if field.kind in _INSTEAD else ""
        return f"{written}: a field of the type {field.kind} cannot be written in an SMS{instead}"
    return None


def _faults(scenario: Scenario, of: int, described: Described) -> Iterator[tuple[str, str]]:
    fields = described.fields[of]
    for placeholder in scenario.placeholders:
        problem = missing_field(placeholder, scenario.entity_type, described)
        if problem is not None:
            yield "text", problem
        if placeholder.prefix is Prefix.CALL and scenario.happening is not Happening.MISSED_CALL:
            yield "text", f'{placeholder.written}: only event = "missed_call" knows a call'
        if placeholder.prefix is Prefix.EVENT and scenario.happening is not Happening.DATE:
            yield "text", f'{placeholder.written}: only event = "date" knows a date to remind of'
    if scenario.happening is Happening.DATE:
        field = fields.get(scenario.field)
        if field is None or field.kind not in _DATES:
            yield "field", f"{scenario.field} is no field with a date"
    for name, wanted in scenario.when.items():
        field = fields.get(name)
        if field is None:
            yield "when", f"there is no field {name}"
        else:
            yield from (("when", problem) for problem in _never_held(field, name, wanted, described.known))
    to = scenario.terms.to
    if _is_a_field(to):
        problem = _no_number(to, fields)
        if problem is not None:
            yield "to", problem
    for key, stages in (("stage", scenario.stages), ("cancelled", scenario.cancelled)):
        for stage in stages:
            if not described.has_stage(of, stage):
                yield key, f'there is no stage "{stage}"; give its name or its id, such as C5:WON'


def _never_held(field: CrmField, name: str, wanted: Iterable[str], known: Known) -> Iterator[str]:
    """Values of a condition that a field never has."""
    choices = _choices(field, known)
    if not choices:
        return
    names = list(dict.fromkeys(choices.values()))
    # Nothing at all is a condition too.
    known_words = {"", *(each.casefold() for each in (*choices, *names))}
    for value in wanted:
        if value.casefold() not in known_words:
            near = difflib.get_close_matches(value, names, 1)
            there_are = f"did you mean {near[0]}?" if near else f"there are {', '.join(names[:_MOST_SHOWN])}"
            yield f'{name} has no value "{value}"; {there_are}'


def _choices(field: CrmField, known: Known) -> Mapping[str, str]:
    """The names of all values of a field by what the portal gives for them; none when anything may stand there."""
    if is_flag(field.kind):
        return {code: word for word, codes in FLAGS.items() for code in codes}
    if field.kind == "enumeration":
        return field.values
    # Of stages, each pipeline has a list of its own.
    if field.kind == "crm_status" and field.status_type != "STATUS" and "STAGE" not in field.status_type:
        return {status: name for (of, status), name in known.statuses.items() if of == field.status_type}
    return {}


def _no_number(name: str, fields: Fields) -> str | None:
    """Why there is no number to write to in a field."""
    if name.upper() == "PHONE":
        return (
            None if fields.get("FM") else "there are no phones here; leave it out, and the contact's number is taken"
        )
    field = fields.get(name)
    if field is None:
        return f"there is no field {name}"
    if field.kind not in _WITH_A_NUMBER:
        return f"{name} is a field of the type {field.kind}, which holds no phone number; name one that holds text"
    return None


def _is_a_field(to: str) -> bool:
    return bool(to) and to[0].isalpha()

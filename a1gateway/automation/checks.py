"""Whether the portal has what scenarios name: types of documents, fields, stages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from ..bitrix24.trouble import PortalError
from .documents import CONTACT, OF_PEOPLE, OF_PREFIX, Described, DocumentReader, Fields
from .scenarios import Happening, Scenario
from .template import Placeholder, Prefix
from .values import event_values

_ALWAYS = ("PHONE", "FULL_NAME")
_OF_CALLS = ("NUMBER", "LINE", "DATE", "TIME")
_OF_EVENTS = tuple(event_values(0.0))
_DATES = ("date", "datetime")


async def faults_of(reader: DocumentReader, scenarios: Iterable[Scenario]) -> list[tuple[str, str, str]]:
    """What the portal does not have: the scenario's name, its key, and what is wrong; raises `PortalTrouble`."""
    found = []
    for scenario in scenarios:
        of = CONTACT if scenario.entity_type is None else scenario.entity_type
        types = {of, *(OF_PREFIX[each.prefix] for each in scenario.placeholders if each.prefix in OF_PREFIX)}
        try:
            described = await reader.described(types, anew=True)
        except PortalError:
            found.append((scenario.name, "of", f"the portal has no type of documents with the number {of}"))
            continue
        found += [(scenario.name, key, text) for key, text in _faults(scenario, of, described)]
    return found


def missing_field(placeholder: Placeholder, of: int, described: Described) -> str | None:
    """What is wrong with a placeholder in a text about documents of a type; None when nothing is."""
    name = placeholder.field
    if placeholder.prefix is Prefix.CALL:
        return None if name in _OF_CALLS else f"{placeholder.written}: of a call there are {', '.join(_OF_CALLS)}"
    if placeholder.prefix is Prefix.EVENT:
        return None if name in _OF_EVENTS else f"{placeholder.written}: of a date there are {', '.join(_OF_EVENTS)}"
    if placeholder.prefix is Prefix.ASSIGNED:
        return None
    fields = described.fields.get(OF_PREFIX.get(placeholder.prefix, of), Fields(()))
    if placeholder.prefix is Prefix.DOCUMENT and name in OF_PEOPLE:
        return None
    if name in _ALWAYS or fields.get(name) is not None:
        return None
    near = difflib.get_close_matches(name, fields.names, 1)
    return f"{placeholder.written}: there is no such field" + (f"; did you mean {near[0]}?" if near else "")


def _faults(scenario: Scenario, of: int, described: Described) -> Iterator[tuple[str, str]]:
    fields = described.fields[of]
    for placeholder in scenario.placeholders:
        problem = missing_field(placeholder, of, described)
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
    for name in scenario.when:
        if fields.get(name) is None:
            yield "when", f"there is no field {name}"
    to = scenario.terms.to
    if _is_a_field(to) and to.upper() not in _ALWAYS and fields.get(to) is None:
        yield "to", f"there is no field {to}"
    for key, stages in (("stage", scenario.stages), ("cancelled", scenario.cancelled)):
        for stage in stages:
            if not described.has_stage(stage):
                yield key, f'there is no stage "{stage}"; give its name or its id, such as C5:WON'


def _is_a_field(to: str) -> bool:
    return bool(to) and to[0].isalpha()

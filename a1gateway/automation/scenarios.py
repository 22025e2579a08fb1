"""What the gateway does by itself: scenarios, as the configuration has them, and what sets each of them off."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..bitrix24.item import COMPANY, CONTACT, DEAL, LEAD
from ..config_sections import Automation
from ..config_sections import Scenario as Section
from ..hours import Hours, OpenHours, windows
from ..message import Kind
from .documents import Described, Document
from .template import Placeholder, Prefix, Template
from .terms import Terms
from .values import said_by

# Quiet hours are over within it.
_DAY = 86400.0


class Happening(enum.StrEnum):
    """What sets a scenario off."""

    NEW = "new"
    STAGE = "stage"
    CHANGED = "changed"
    DATE = "date"
    MISSED_CALL = "missed_call"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario; times in seconds."""

    name: str
    happening: Happening
    entity_type: int | None
    terms: Terms
    stages: Sequence[str]
    cancelled: Sequence[str]
    when: Mapping[str, Sequence[str]]
    field: str
    aheads: Sequence[float]
    date_at: float
    delay: float
    grace: float
    repeat_after: float
    hours: Hours | None
    """When it may send, unless it is urgent."""

    def is_entered(self, of: int, stage: str, described: Described) -> bool:
        """Whether this stage of a type of documents, a `STATUS_ID`, is one that it waits for."""
        return described.is_one_of(of, stage, self.stages)

    def is_over(self, document: Document) -> bool:
        """Whether a document is in a stage in which nobody is to be reminded any more."""
        of = document.item.entity_type
        return document.failed or document.described.is_one_of(of, document.stage, self.cancelled)

    def is_for(self, document: Document) -> bool:
        """Whether a document fulfils the condition."""
        return all(
            _says_one_of(document, name, [value.casefold() for value in values]) for name, values in self.when.items()
        )

    def is_late(self, happened_at: float, now: float) -> bool:
        """Whether the time for what happened then is over, also the one after quiet hours."""
        first, again = windows(happened_at, self.grace, self.hours)
        return now > (first if again is None else again).closes_at

    def saying(self, text: str) -> str:
        """What is not to be said to a number again so soon: whoever calls five times gets one SMS, not five times."""
        return "" if self.happening is Happening.MISSED_CALL else text

    @property
    def key(self) -> str:
        """Its name with what it waits for: under the same name with another condition it is another scenario."""
        waits_for = (
            self.happening,
            self.entity_type,
            sorted((name, list(values)) for name, values in self.when.items()),
            self.field,
            list(self.aheads),
            self.date_at,
            *([sorted(self.stages)] if self.stages else []),
        )
        return f"{self.name}:{hashlib.sha256(repr(waits_for).encode()).hexdigest()[:12]}"

    @property
    def beginning(self) -> str:
        """The name under which the journal keeps since when it is at work: what was before counts for nothing."""
        return f"{self.happening}:{self.key}"

    @property
    def placeholders(self) -> Sequence[Placeholder]:
        """What its text needs to know."""
        return self.terms.text.placeholders if isinstance(self.terms.text, Template) else ()

    @property
    def conditions(self) -> Sequence[Placeholder]:
        """What has to be known of a document to tell whether it fulfils the condition."""
        return [Placeholder(Prefix.DOCUMENT, name, None, name) for name in self.when]

    @property
    def needs(self) -> Sequence[Placeholder]:
        """All that has to be known of a document."""
        return (*self.placeholders, *self.conditions)


class Scenarios:
    """All of them."""

    def __init__(self, scenarios: Iterable[Scenario]) -> None:
        self.all = tuple(scenarios)
        self._by_name = {each.name: each for each in self.all}
        self.by_stages = frozenset(
            each.entity_type
            for each in self.all
            if each.happening in (Happening.NEW, Happening.STAGE) and each.entity_type is not None
        )
        """The types whose history of stages is read."""
        self.by_documents = frozenset(
            each.entity_type
            for each in self.all
            if each.happening in (Happening.CHANGED, Happening.DATE) and each.entity_type is not None
        )
        """The types whose documents are read when they change."""

    def get(self, name: str) -> Scenario | None:
        """The one with this name."""
        return self._by_name.get(name)

    def of(self, happening: Happening, entity_type: int | None = None) -> list[Scenario]:
        """Those that something like this sets off."""
        return [each for each in self.all if each.happening is happening and each.entity_type == entity_type]

    def of_entries(self, entity_type: int) -> list[Scenario]:
        """Those that a document's entry into a stage may set off, its first included."""
        return [*self.of(Happening.NEW, entity_type), *self.of(Happening.STAGE, entity_type)]

    def of_any(self, happening: Happening) -> list[Scenario]:
        """Those that something like this sets off, of whatever documents."""
        return [each for each in self.all if each.happening is happening]

    @property
    def events(self) -> frozenset[str]:
        """The portal's events that they need to hear of."""
        found: set[str] = set()
        for each in self.all:
            if each.happening is Happening.MISSED_CALL:
                found.add(CALL_END)
            elif each.entity_type is not None:
                found.add(added(each.entity_type))
                if each.happening is not Happening.NEW:
                    found.add(changed(each.entity_type))
                if each.happening is Happening.DATE:
                    found.add(deleted(each.entity_type))
        return frozenset(found)

    @property
    def longest_repeat(self) -> float:
        """For how long what was said has to be known, in seconds."""
        return max((each.repeat_after for each in self.all), default=0.0)

    @property
    def longest_grace(self) -> float:
        """How late the one may be that may be latest, in seconds."""
        return max((each.grace + (0.0 if each.hours is None else _DAY) for each in self.all), default=0.0)


CALL_END = "ONVOXIMPLANTCALLEND"
_NAMES = {LEAD: "LEAD", DEAL: "DEAL", CONTACT: "CONTACT", COMPANY: "COMPANY"}


def added(entity_type: int) -> str:
    """The event that tells of new documents of a type."""
    name = _NAMES.get(entity_type)
    return f"ONCRM{name}ADD" if name else f"ONCRMDYNAMICITEMADD_{entity_type}"


def changed(entity_type: int) -> str:
    """The event that tells of changes of documents of a type."""
    name = _NAMES.get(entity_type)
    return f"ONCRM{name}UPDATE" if name else f"ONCRMDYNAMICITEMUPDATE_{entity_type}"


def deleted(entity_type: int) -> str:
    """The event that tells of documents of a type that are gone."""
    name = _NAMES.get(entity_type)
    return f"ONCRM{name}DELETE" if name else f"ONCRMDYNAMICITEMDELETE_{entity_type}"


def scenarios_of(
    sections: Iterable[Section], automation: Automation, marketing_hours: Hours | None = None
) -> Scenarios:
    """Those of a configuration; `marketing_hours` are when marketing SMS may go out."""
    open_hours = OpenHours(automation.hours, marketing_hours)
    return Scenarios(_scenario(each, automation, open_hours) for each in sections)


def _scenario(section: Section, automation: Automation, open_hours: OpenHours) -> Scenario:
    return Scenario(
        section.name,
        Happening(section.event),
        None if section.event == "missed_call" else section.of,
        Terms(section.text, Kind(section.kind), section.sender_id, section.to),
        section.stage,
        section.cancelled,
        section.when,
        section.field or "",
        section.ahead,
        section.date_at,
        section.delay,
        automation.grace if section.grace is None else section.grace,
        automation.repeat_after if section.repeat_after is None else section.repeat_after,
        open_hours.of(Kind(section.kind), urgent=section.urgent),
    )


def _says_one_of(document: Document, name: str, wanted: Sequence[str]) -> bool:
    said = {each.casefold() for each in _said(document, name) if each}
    return not said.isdisjoint(wanted) if said else "" in wanted


def _said(document: Document, name: str) -> Iterator[str]:
    """What a document's field says, as a whole and each of its values."""
    yield document.value(name)
    fields = document.described.fields.get(document.item.entity_type)
    field = None if fields is None else fields.get(name)
    if field is not None:
        yield from said_by(field, document.fields.get(field.key), document.described.known)

"""What scenarios make of a document, its entries into stages and its changes; and writing that down."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from twisted.logger import Logger

from ..bitrix24.item import Item, name_of
from ..errors import TryLater
from ..hours import windows
from ..journal import look_ups, reminders
from ..journal.acceptance import accept_one
from ..journal.portal_change import while_it_lasts
from ..journal.reminders import Rule
from ..journal.statements import Connection
from ..message import Acceptance, Arrival, Planned, Refusal, Teller
from . import moments
from .documents import Document
from .parts import Parts
from .scenarios import Happening, Scenario
from .stage_history import Entry
from .terms import compose, message_id, of_generation

# What has been changed so soon after it was made, in seconds, was being made.
_BEING_MADE = 5.0


@dataclass
class Decided:
    """What comes of one look, to be written down in one transaction."""

    about: str
    """For the log."""
    sent: list[tuple[Scenario, Arrival]] = field(default_factory=list)
    entries: list[tuple[Entry, list[tuple[Scenario, Arrival]]]] = field(default_factory=list)
    """Entries into stages, with what they set off: an entry that has been dealt with sets off nothing more."""
    conditions: list[tuple[Scenario, float, int, bool, Arrival]] = field(default_factory=list)
    """Of a changed item: since when a scenario is at work, if it fulfils the condition, and what is sent then."""
    planned: list[tuple[Rule, float, Sequence[Planned]]] = field(default_factory=list)
    seen_until: float = -math.inf
    """Entries of a history that are older may have been seen at the documents; in seconds since the epoch."""


class Deciding:
    """Scenarios at work: pure but for the journal."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_planned: Callable[[], None]) -> None:
        self._clock = parts.clock
        self._wall = parts.wall
        self._journal = parts.journal
        self._intake = parts.intake
        self._admission = parts.admission
        self._scenarios = parts.scenarios
        self._on_planned = on_planned

    def entered(self, entry: Entry, off: Iterable[Scenario], document: Document | None, decided: Decided) -> None:
        """An entry into a stage sets these off, if the document fulfils their conditions; None: it is gone."""
        item = Item(entry.entity_type, entry.item)
        created_at = None if document is None else document.created_at
        if document is not None and document.stage and entry.stage:
            # That is what the SMS is about, wherever the document has gone from there.
            document = document.as_in(entry.stage)
        sent: list[tuple[Scenario, Arrival]] = []
        for scenario in off if not entry.comes_back(created_at) else ():
            if scenario.happening is Happening.NEW and not entry.is_new(created_at):
                continue
            if document is not None and not scenario.is_for(document):
                continue
            arrival = self.arrival(scenario, _id_of(scenario, entry), document, item, happened_at=entry.at)
            sent.append((scenario, arrival))
        decided.entries.append((entry, sent))

    def refused(self, entry: Entry, off: Iterable[Scenario], refusal: Refusal, note: str, decided: Decided) -> None:
        """An entry into a stage would set these off, but its document is not to be had: that is visible."""
        item = Item(entry.entity_type, entry.item)
        sent = []
        for scenario in off:
            # Without its document nobody can tell that what has ended was made just then.
            if scenario.happening is Happening.NEW and not entry.is_creation:
                continue
            id_ = _id_of(scenario, entry)
            sent.append((scenario, self.arrival(scenario, id_, None, item, refusal=refusal, note=note)))
        decided.entries.append((entry, sent))

    def changed(self, document: Document, begun: Mapping[str, float], decided: Decided) -> None:
        """A document has changed; `begun` has the scenarios that wait for that, by their keys, and since when."""
        item = document.item
        for scenario in self._scenarios.of(Happening.CHANGED, item.entity_type):
            since = begun.get(scenario.key)
            if since is None:
                continue
            if scenario.when:
                # Its identifier is known when it is known how often that has happened.
                arrival = self.arrival(scenario, "", document, item, happened_at=document.updated_at)
                decided.conditions.append((scenario, since, item.id, scenario.is_for(document), arrival))
            elif (version := _version(document, since)) is not None:
                id_ = message_id("changed", scenario.name, item.entity_type, item.id, version)
                arrival = self.arrival(scenario, id_, document, item, happened_at=document.updated_at)
                decided.sent.append((scenario, arrival))

    def dated(self, document: Document, decided: Decided) -> None:
        """A document may have dates that are to be reminded of."""
        item, now = document.item, self._wall()
        for scenario in self._scenarios.of(Happening.DATE, item.entity_type):
            moment = document.moment(scenario.field, scenario.date_at)
            if moment is None or moment <= now or scenario.is_over(document) or not scenario.is_for(document):
                continue
            planned = moments.plan(moment, scenario.aheads, now, grace=scenario.grace, hours=scenario.hours)
            decided.planned.append((Rule(scenario.name, None, item.entity_type, item.id), moment, planned))

    def arrival(
        self,
        scenario: Scenario,
        id_: str,
        document: Document | None,
        item: Item,
        *,
        happened_at: float | None = None,
        refusal: Refusal | None = None,
        note: str = "",
        to: str = "",
        call: str = "",
    ) -> Arrival:
        """A scenario's message about a document; None: it is gone.

        `to`: who gets it when the scenario does not say. `call`: the call that it is about.
        """
        now, wall = self._clock.seconds(), self._wall()
        happened_at = wall if happened_at is None else min(happened_at, wall)
        if refusal is None and document is None:
            refusal = Refusal.DOCUMENT_DELETED
        elif refusal is None and scenario.is_late(happened_at, wall):
            refusal = Refusal.LATE
        # The journal's messages go by the steady clock.
        first, again = windows(happened_at, scenario.grace, scenario.hours)
        origin = {"scenario": scenario.name} | ({"call": call} if call else {})
        if item.id:
            origin["document"] = name_of(item)
        return compose(
            self._admission,
            id_,
            now,
            scenario.terms if scenario.terms.to or not to else replace(scenario.terms, to=to),
            document,
            origin=origin,
            teller=Teller.NOBODY,
            refusal=refusal,
            note=note,
            windows=(first.moved(now - wall), None if again is None else again.moved(now - wall)),
        )

    async def write_down(self, every: Sequence[Decided], generation: int) -> list[Decided]:
        """Together, or one by one when that fails; those that cannot be.

        `generation` is that of the portal which it was decided by. Raises `TryLater`.
        """
        if not every:
            return []
        try:
            await self._write_down(every, generation)
        except TryLater:
            raise
        except Exception:
            if len(every) == 1:
                self._log.failure("{about}: cannot be written down: a fault of the gateway", about=every[0].about)
                return list(every)
            return [failed for each in every for failed in await self.write_down([each], generation)]
        return []

    async def _write_down(self, every: Sequence[Decided], generation: int) -> None:
        now = self._clock.seconds()
        for arrival, acceptance in await self._journal.within(
            while_it_lasts, generation, _write_down, every, generation, now
        ):
            self._intake.taken(arrival, acceptance)
        if any(each.planned for each in every):
            self._on_planned()


def _id_of(scenario: Scenario, entry: Entry) -> str:
    """The message's identifier: one for each scenario and entry. An item is made once, whatever its history says."""
    about = (entry.stage, f"{entry.at:.0f}") if entry.of_document else (entry.record,)
    of_it = () if scenario.happening is Happening.NEW else about
    return message_id(scenario.happening, scenario.name, entry.entity_type, entry.item, *of_it)


def _version(document: Document, since: float) -> str | None:
    """What tells this change of a document from others; None when it has not changed since it was made or `since`."""
    updated_at, created_at = document.updated_at, document.created_at
    if updated_at is None:
        # Whatever the portal shows of it has to do.
        shown = json.dumps(document.fields, sort_keys=True, default=str)
        return hashlib.sha256(shown.encode()).hexdigest()[:32]
    if updated_at <= since or (created_at is not None and updated_at - created_at < _BEING_MADE):
        return None
    return f"{updated_at:.0f}"


def _perhaps_seen(every: Sequence[Decided]) -> dict[int, set[int]]:
    """The items with entries of a history that may have been seen at the documents, by type."""
    found: dict[int, set[int]] = {}
    for decided in every:
        for entry, _ in decided.entries:
            if not entry.of_document and entry.at <= decided.seen_until:
                found.setdefault(entry.entity_type, set()).add(entry.item)
    return found


def _write_down(
    connection: Connection, every: Sequence[Decided], generation: int, now: float
) -> list[tuple[Arrival, Acceptance]]:
    sent: list[tuple[Scenario, Arrival]] = []
    # What was known before: of two entries within a second, one is not the other.
    moved = {of: look_ups.moved(connection, of, items) for of, items in _perhaps_seen(every).items()}
    for decided in every:
        sent += decided.sent
        for entry, of_it in decided.entries:
            if entry.of_document:
                done = look_ups.move(connection, entry.entity_type, entry.item, entry.at)
            else:
                done = look_ups.record_done(connection, entry.entity_type, entry.record)
                if entry.at <= decided.seen_until:
                    done = done or moved[entry.entity_type].get(entry.item, -math.inf) >= entry.at
                # Should the history go away, it will be seen at the document.
                look_ups.move(connection, entry.entity_type, entry.item, entry.at)
            if not done:
                sent += of_it
        for scenario, since, item, holds, arrival in decided.conditions:
            times = look_ups.comes_to_hold(connection, scenario.key, item, holds=holds)
            if times is not None:
                # A scenario that was taken out and put back counts from one again.
                id_ = message_id("changed", scenario.key, since, scenario.entity_type, item, times)
                sent.append((scenario, replace(arrival, message_id=id_)))
        for rule, moment, planned in decided.planned:
            reminders.plan(connection, rule, moment, planned, now)
    accepted = []
    for scenario, decided_on in sent:
        arrival = of_generation(decided_on, generation)
        saying = scenario.saying(arrival.text)
        if look_ups.was_said(connection, scenario.name, arrival, saying, scenario.repeat_after):
            arrival = replace(arrival, refusal=Refusal.REPEATED)
        accepted.append((arrival, accept_one(connection, arrival)))
    return accepted

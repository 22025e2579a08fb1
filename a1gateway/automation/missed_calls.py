"""Answering missed calls: who called, whether somebody has spoken with them since, and what scenarios say then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from twisted.logger import Logger

from ..bitrix24.batches import run_all
from ..bitrix24.contacts import find, found
from ..bitrix24.item import CONTACT, Item
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..journal.look_ups import Event, LookUp
from ..message import Refusal
from ..msisdn import Msisdn, read_number
from . import calls
from .calls import Call
from .deciding import Decided, Deciding
from .documents import Described, Document, DocumentReader, Reading
from .parts import Parts
from .scenarios import Happening, Scenario
from .template import Placeholder
from .terms import message_id

_SCENARIO = "SCENARIO"


@dataclass(frozen=True, slots=True)
class _Missed:
    """A call that a scenario may answer."""

    look_up: LookUp
    call: Call
    scenario: Scenario

    @property
    def id(self) -> str:
        """The message's identifier: one for each call and scenario."""
        return message_id("call", self.scenario.name, self.call.id)


@dataclass(frozen=True, slots=True)
class OfCall:
    """What came of looking into a call."""

    look_up: LookUp
    decided: Decided | None = None
    """What is to be written down."""
    error: PortalTrouble | PortalError | None = None
    """What stood in the way."""
    is_fault: bool = False
    """Whether it was a fault of the gateway."""


def events_of(call: Call, scenarios: Iterable[Scenario]) -> list[tuple[Event, float]]:
    """What is to be looked into after a call, and in how many seconds: once for each scenario that may answer it."""
    if not call.missed:
        return []
    return [
        (Event(f"call:{call.id}:{each.name}", payload={**calls.written(call), _SCENARIO: each.name}), each.delay)
        for each in scenarios
        if each.happening is Happening.MISSED_CALL
    ]


class MissedCalls:
    """Looks into many at a time."""

    _log = Logger()

    def __init__(self, parts: Parts, deciding: Deciding) -> None:
        self._wall = parts.wall
        self._portal = parts.portal
        self._reader: DocumentReader = parts.reader
        self._scenarios = parts.scenarios
        self._deciding = deciding
        self._told_of_statistics = False

    async def look_into(self, look_ups: Sequence[LookUp]) -> list[OfCall]:
        """What comes of each; that the portal cannot be asked is nothing that documents have to wait for."""
        outcomes: list[OfCall] = []
        waiting: list[_Missed] = []
        for look_up in look_ups:
            missed = self._missed(look_up)
            if missed is None:
                outcomes.append(OfCall(look_up))
            elif self._is_late(missed):
                outcomes.append(OfCall(look_up, self._decided(missed, None, refusal=Refusal.LATE)))
            else:
                waiting.append(missed)
        if not waiting:
            return outcomes
        found: list[OfCall] = []
        try:
            await self._ask(waiting, found)
        except PortalTrouble as trouble:
            found = [OfCall(each.look_up, error=trouble) for each in waiting]
        return outcomes + found

    async def _ask(self, waiting: Sequence[_Missed], outcomes: list[OfCall]) -> None:
        """What comes of those that are not late; raises `PortalTrouble`."""
        waiting = await self._not_spoken_with(waiting, outcomes)
        contacts = await self._contacts(waiting, outcomes)
        needs: dict[Item, list[Placeholder]] = {}
        for each in waiting:
            contact = contacts.get(each.look_up.event.key)
            if contact is not None:
                needs.setdefault(Item(CONTACT, contact), []).extend(each.scenario.needs)
        reading = await self._reader.read(needs, needs)
        nobody = await self._reader.described({CONTACT})
        for each in waiting:
            if each.look_up.event.key in contacts:
                outcomes.append(self._of_one(each, contacts[each.look_up.event.key], reading, nobody))

    def _of_one(self, missed: _Missed, contact: int | None, reading: Reading, nobody: Described) -> OfCall:
        """What comes of one, of this contact or of `nobody` that is known; a fault of it is none of the others."""
        item = Item(CONTACT, contact or 0)
        error = reading.trouble(item, missed.scenario.needs)
        if error is not None:
            return OfCall(missed.look_up, error=error)
        document = reading.documents.get(item) or Document(Item(CONTACT, 0), nobody, {})
        try:
            document.call = calls.known(missed.call)
            return OfCall(missed.look_up, self._decided(missed, document))
        except Exception:
            self._log.failure("{event}: a fault of the gateway", event=missed.look_up.event.key)
            return OfCall(missed.look_up, is_fault=True)

    def _missed(self, look_up: LookUp) -> _Missed | None:
        payload = look_up.event.payload or {}
        call, scenario = calls.read(payload), self._scenarios.get(str(payload.get(_SCENARIO, "")))
        if call is None or scenario is None or scenario.happening is not Happening.MISSED_CALL:
            return None
        return _Missed(look_up, call, scenario)

    def _is_late(self, missed: _Missed) -> bool:
        at = missed.call.at
        return at is not None and missed.scenario.is_late(at + missed.scenario.delay, self._wall())

    def _decided(self, missed: _Missed, document: Document | None, *, refusal: Refusal | None = None) -> Decided:
        decided = Decided(f"call {missed.call.id}")
        if document is not None and not missed.scenario.is_for(document):
            return decided
        at = missed.call.at
        item = Item(CONTACT, 0) if document is None else document.item
        arrival = self._deciding.arrival(
            missed.scenario,
            missed.id,
            document,
            item,
            happened_at=None if at is None else at + missed.scenario.delay,
            refusal=refusal,
            to=missed.call.number,
            call=missed.call.id,
        )
        decided.sent.append((missed.scenario, arrival))
        return decided

    async def _not_spoken_with(self, waiting: Sequence[_Missed], outcomes: list[OfCall]) -> list[_Missed]:
        """Those whose callers nobody has spoken with since; without the right to know that, they count as such."""
        asked = {f"s{n}": each for n, each in enumerate(waiting) if each.scenario.delay > 0 and each.call.national}
        answers = await run_all(
            self._portal, {name: calls.spoken_since(each.call) for name, each in asked.items()}, apart=True
        )
        left = [each for n, each in enumerate(waiting) if f"s{n}" not in asked]
        for name, each in asked.items():
            answer = answers[name]
            if isinstance(answer, PortalTrouble):
                outcomes.append(OfCall(each.look_up, error=answer))
            elif isinstance(answer, PortalError):
                self._tell_of_statistics(answer)
                left.append(each)
            elif calls.has_spoken(each.call, answer):
                self._log.info(
                    "{scenario}: call {call} was called back", scenario=each.scenario.name, call=each.call.id
                )
                outcomes.append(OfCall(each.look_up))
            else:
                left.append(each)
        return left

    def _tell_of_statistics(self, error: PortalError) -> None:
        if not self._told_of_statistics:
            self._told_of_statistics = True
            self._log.warn("whether callers were called back is not known: {error}", error=str(error))

    async def _contacts(self, waiting: Sequence[_Missed], outcomes: list[OfCall]) -> dict[str, int | None]:
        """The contact with the number of each, by the keys of the look-ups; None where there is none."""
        by_name = {f"f{n}": each for n, each in enumerate(waiting)}
        numbers = {name: read_number(each.call.number) for name, each in by_name.items()}
        commands = {name: find([read.number]) for name, read in numbers.items() if isinstance(read, Msisdn)}
        answers = await run_all(self._portal, commands, apart=True)
        contacts: dict[str, int | None] = {}
        for name, each in by_name.items():
            answer = answers.get(name)
            if isinstance(answer, PortalTrouble):
                outcomes.append(OfCall(each.look_up, error=answer))
            elif isinstance(answer, PortalError):
                self._log.warn("who has called is not known: {error}", error=str(answer), call=each.call.id)
                contacts[each.look_up.event.key] = None
            else:
                contacts[each.look_up.event.key] = next(iter(found(answer)), None)
        return contacts

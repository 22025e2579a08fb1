"""Texts that people write in cards: the fields that they name are put in before the SMS leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from twisted.logger import Logger

from ..bitrix24.contacts import bindings_of
from ..bitrix24.item import COMPANY, CONTACT, Item
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import until
from ..journal import unfilled
from ..journal.portal_change import generation, while_it_lasts
from ..journal.statements import Connection
from ..journal.unfilled import Unfilled
from ..message import Change, Refusal
from ..text import segments
from .documents import Document, Reading
from .parts import Parts
from .portal_loop import FIRST_RETRY, IDLE, PortalLoop
from .template import Placeholder, Prefix, Template, as_written

_AT_ONCE = 100
# What a card is of goes first, then the people who are written to from it.
_RANKS = {CONTACT: 1, COMPANY: 2}
# In seconds: what is not shown is asked for every so often at most, and at least.
_TOGETHER, _LONGEST_PAUSE = 4.0, 20.0


@dataclass(slots=True)
class _Decided:
    """What becomes of messages."""

    filled: list[tuple[Unfilled, str]] = field(default_factory=list)
    refused: list[tuple[Unfilled, Refusal, str]] = field(default_factory=list)
    """With the reason, and what it is about."""
    put_off: list[tuple[Unfilled, float]] = field(default_factory=list)
    trouble: str = ""
    """Of a document that is not shown."""


class CardTexts(PortalLoop):
    """Puts the fields of documents into texts from their cards, many documents in a request."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_filled: Callable[[], None]) -> None:
        super().__init__("card texts", parts, self._fill_due)
        self._receipts = parts.receipts
        self._admission = parts.admission
        self._grace = parts.grace
        self._on_filled = on_filled
        self._why, self._reason = "", Refusal.PORTAL_AWAY
        """What stood in the way when they were tried last, and what is said when that lasts."""
        self._told = ""
        """What was said last of documents that are not shown."""

    async def _fill_due(self) -> float:
        now = self._clock.seconds()
        waiting, next_due = await self._journal.within(unfilled.due, now, _AT_ONCE)
        if not waiting:
            return until(next_due, now, IDLE)
        portal = await self._journal.within(generation)
        decided, pause = _Decided(), 0.0
        if self._tokens.installation is None:
            pause = IDLE
            self._wait(waiting, "the application is not installed", decided, Refusal.PORTAL_AWAY)
        elif self._backoff.left:
            pause = self._backoff.left
            self._wait(waiting, self._why, decided, self._reason)
        else:
            try:
                await self._decide(waiting, decided)
                self._backoff.succeeded()
            except Exception as error:
                pause = self._failed(error, len(waiting))
                decided = _Decided()
                self._wait(waiting, self._why, decided, self._reason)
        changes = await self._journal.within(while_it_lasts, portal, _write_down, decided, self._clock.seconds())
        self._receipts.announce(changes)
        if decided.filled:
            self._on_filled()
        self._tell(decided)
        if len(decided.refused) == _AT_ONCE:
            # There may be more that have waited for too long.
            return 0.0
        has_time = min(each.received_at for each in waiting) + self._grace - now
        return min(pause, IDLE, max(FIRST_RETRY, has_time))

    def _failed(self, error: Exception, count: int) -> float:
        """Nothing has come of trying these; the seconds until the next time."""
        if isinstance(error, PortalTrouble):
            self._why, self._reason = str(error), Refusal.PORTAL_AWAY
            self._log.warn(
                "{count} texts from cards wait for their documents: {trouble}", count=count, trouble=self._why
            )
            return self._backoff.failed(error)
        self._why, self._reason = repr(error), Refusal.GATEWAY_FAULT
        self._log.failure("texts from cards cannot be filled: a fault of the gateway")
        return self._backoff.failed(PortalTrouble(self._why))

    def _tell(self, decided: _Decided) -> None:
        if decided.trouble and decided.trouble != self._told:
            self._log.warn(
                "{count} texts from cards wait for their documents: {trouble}",
                count=len(decided.put_off),
                trouble=decided.trouble,
            )
        if decided.trouble or decided.filled:
            self._told = decided.trouble
        given_up = [note for _, why, note in decided.refused if why is Refusal.PORTAL_AWAY]
        if given_up:
            self._log.error(
                "{count} texts from cards are given up: {trouble}", count=len(given_up), trouble=given_up[0]
            )

    def _wait(
        self,
        waiting: Sequence[Unfilled],
        trouble: str,
        decided: _Decided,
        reason: Refusal,
    ) -> None:
        """Nobody can be asked; what has waited for too long does not any more."""
        now = self._clock.seconds()
        for message in waiting:
            if now - message.received_at >= self._grace:
                decided.refused.append((message, reason, trouble))

    async def _decide(self, waiting: Sequence[Unfilled], decided: _Decided) -> None:
        of_each = {each.id: bindings_of(each.origin) for each in waiting}
        templates = {each.id: Template.left_in(each.text) for each in waiting}
        needs: dict[Item, set[Placeholder]] = {}
        for each in waiting:
            for item in of_each[each.id]:
                needs.setdefault(item, set()).update(templates[each.id].placeholders)
        reading = await self._reader.read(needs, needs)
        for message in waiting:
            try:
                self._decide_one(message, templates[message.id], of_each[message.id], reading, decided)
            except Exception:
                self._log.failure(
                    "message {message_id}: its fields cannot be put in: a fault of the gateway",
                    message_id=message.message_id,
                )
                decided.refused.append((message, Refusal.GATEWAY_FAULT, ""))

    def _decide_one(
        self, message: Unfilled, template: Template, items: Sequence[Item], reading: Reading, decided: _Decided
    ) -> None:
        documents = [reading.documents[item] for item in items if item in reading.documents]
        # What has no fields at all, such as an order, leaves it to what else the card is of.
        without = documents[0].described.refused if documents else {}
        asked = [item for item in items if not isinstance(without.get(item.entity_type), PortalError)]
        trouble = next((why for item in asked if (why := reading.trouble(item, template.placeholders))), None)
        if trouble is not None:
            self._put_off(message, trouble, decided)
            return
        document = _document(documents, message.msisdn)
        if document is None:
            decided.refused.append((message, Refusal.DOCUMENT_DELETED, ""))
            return
        filled = template.fill(document.value_of)
        if filled.text is None:
            note = as_written(filled.empty)
            if any(each.prefix is Prefix.CONTACT for each in filled.empty) and CONTACT not in document.parts:
                note += "; the number is none of its contacts'"
            decided.refused.append((message, Refusal.EMPTY_FIELD, note))
            return
        refusal = self._admission.refusal_of_text(filled.text, message.kind)
        if refusal is None:
            decided.filled.append((message, filled.text))
        else:
            note = f"{segments(filled.text)} segments with its fields" if refusal is Refusal.TOO_LONG else ""
            decided.refused.append((message, refusal, note))

    def _put_off(self, message: Unfilled, trouble: PortalTrouble | PortalError, decided: _Decided) -> None:
        now = self._clock.seconds()
        waited = now - message.received_at
        if waited >= self._grace:
            decided.refused.append((message, Refusal.PORTAL_AWAY, str(trouble)))
        else:
            pause = min(_LONGEST_PAUSE, max(_TOGETHER, waited))
            # Others that are not shown either are looked at together.
            again_at = math.ceil((now + pause) / _TOGETHER) * _TOGETHER
            decided.put_off.append((message, min(again_at, message.received_at + self._grace)))
            decided.trouble = str(trouble)


def _document(documents: Sequence[Document], msisdn: str) -> Document | None:
    """What a card is of: a deal rather than the contact who is written to from it. None when it is gone."""
    ranked = sorted(documents, key=lambda each: _RANKS.get(each.item.entity_type, 0))
    if not ranked:
        return None
    companies = [each.fields for each in documents if each.item.entity_type == COMPANY]
    contacts = [each.fields for each in documents if each.item.entity_type == CONTACT]
    return ranked[0].written_to(msisdn, contacts, companies)


def _write_down(connection: Connection, decided: _Decided, now: float) -> list[Change]:
    for message, text in decided.filled:
        unfilled.fill(connection, message.id, text, segments(text), now)
    for message, due_at in decided.put_off:
        unfilled.put_off(connection, message.id, due_at)
    refused = (unfilled.refuse(connection, each.id, why, note, now) for each, why, note in decided.refused)
    return [change for change in refused if change is not None]

"""Subscribers' choices about marketing, written into the CRM: the contact's field and its timeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..due_loop import DueLoop, until
from ..hours import MINSK
from ..interfaces import IPortal
from ..journal import Journal
from ..message import Choice, ChoiceSource, PendingChoice
from ..msisdn import masked
from ..pacing import Gathering
from .backoff import pause_after
from .batches import run_all
from .consent_field import ConsentField, NoSuchField
from .contacts import Command, find, found, has_number, items, read_many
from .crm_answers import ITEMS_IN_A_PAGE
from .item import CONTACT
from .portal import MOST_IN_A_BATCH
from .queries import REFERENCE
from .tokens import Tokens
from .trouble import PortalError, PortalTrouble

_IDLE = 30.0
_FIRST_RETRY = 2.0
_LONGEST_RETRY = 600.0
# What the portal refuses for good is tried for a day and then left to a person.
_MOST_REFUSALS = 150

_OLD_UPDATE = "crm.contact.update"
_CHOSEN = {
    Choice.OUT: "отказался от рекламных SMS",
    Choice.IN: "снова согласился на рекламные SMS",
}
_BY = {
    ChoiceSource.OPERATOR: "записал администратор шлюза",
    ChoiceSource.A1: "номер в стоп-листе A1",
    ChoiceSource.SUBSCRIBER: "ответил по SMS",
}


@dataclass(eq=False, slots=True)
class _Job:
    """A choice on its way into the CRM."""

    choice: PendingChoice
    ids: list[int] = field(default_factory=list)
    contacts: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """The contacts with the number, as they were."""
    hindrance: str | None = None
    """Why the field cannot say it; then the timeline alone does."""
    error: PortalTrouble | PortalError | None = None

    def take(self, read: Mapping[int, Mapping[str, Any]]) -> None:
        """These were found for the number; one that shows no phones at all is believed to have it."""
        number = self.choice.msisdn
        self.contacts |= {
            id_: item for id_, item in read.items() if not item.get("fm") or has_number(item, number) is not False
        }


class ChoiceWriter(DueLoop):
    """Writes choices into all contacts with their numbers, until the portal has them."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        journal: Journal,
        portal: IPortal,
        tokens: Tokens,
        field: Callable[[], Awaitable[ConsentField | NoSuchField]],
        *,
        random: Callable[[], float],
    ) -> None:
        """`field` describes the contact's field; it raises `PortalTrouble`."""
        super().__init__("choices", clock, self._write_due)
        self._journal = journal
        self._portal = portal
        self._tokens = tokens
        self._field = field
        self._random = random
        # A1's stop lists show themselves in campaigns, and nobody waits to see them in the CRM.
        self._gathering = Gathering(clock, first=30.0, longest=120.0, few=0)

    async def _write_due(self) -> float:
        if self._tokens.installation is None:
            return _IDLE
        now = self._clock.seconds()
        pending, next_due = await self._journal.pending_choices(now, MOST_IN_A_BATCH)
        if not pending:
            return until(next_due, now, _IDLE)
        full = len(pending) == MOST_IN_A_BATCH
        gather = self._gathering.wait
        if gather > 0 and not full and all(each.source is ChoiceSource.A1 for each in pending):
            return min(_IDLE, gather)
        self._gathering.gone(len(pending), full=full)
        jobs = [_Job(each) for each in pending]
        try:
            await self._write(jobs)
        except (PortalTrouble, PortalError) as error:
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            await self._write_down(job)
        return 0.0

    async def _write(self, jobs: Sequence[_Job]) -> None:
        """All of them in a few requests; what goes wrong with one of them alone stands in its job."""
        described = await self._field()
        for job, result in await self._succeed([(job, find([job.choice.msisdn])) for job in jobs]):
            job.hindrance = _hindrance(described, job.choice)
            job.ids = found(result)
        pages = [
            (job, read_many(job.ids[start : start + ITEMS_IN_A_PAGE]))
            for job in jobs
            for start in range(0, len(job.ids), ITEMS_IN_A_PAGE)
        ]
        for job, result in await self._succeed(pages):
            job.take(items(result))
        wanted = [(job, contact) for job in jobs if job.error is None for contact in job.contacts]
        changes = [
            (job, command)
            for job, contact in wanted
            if (command := _change(described, contact, job.contacts[contact], job.choice)) is not None
        ]
        # A comment is made anew each time it is asked for, and may be there though nobody said so: look first.
        looks = [(job, ("crm.timeline.comment.list", {"filter": _timeline(contact)})) for job, contact in wanted]
        results = await self._results([*changes, *looks])
        for (job, _), result in zip(changes, results, strict=False):
            if isinstance(result, (PortalError, PortalTrouble)):
                job.error = result
        await self._comment(dict(zip(wanted, results[len(changes) :], strict=True)))

    async def _comment(self, timelines: Mapping[tuple[_Job, int], Any]) -> None:
        """Comment on the choices in timelines that have not got it."""
        new = []
        for (job, contact), result in timelines.items():
            if job.error is not None:
                continue
            if isinstance(result, PortalTrouble) or (isinstance(result, PortalError) and job.choice.tries):
                job.error = result
                continue
            comment = _comment(job.choice)
            listed = result if isinstance(result, list) else []
            if not any(isinstance(each, Mapping) and each.get("COMMENT") == comment for each in listed):
                new.append(
                    (job, ("crm.timeline.comment.add", {"fields": {**_timeline(contact), "COMMENT": comment}}))
                )
        await self._succeed(new)

    async def _succeed(self, commands: Sequence[tuple[_Job, Command]]) -> list[tuple[_Job, Any]]:
        """What came of commands that have to succeed; a job of which one failed goes no further."""
        commands = [(job, command) for job, command in commands if job.error is None]
        answered = []
        for (job, _), result in zip(commands, await self._results(commands), strict=True):
            if isinstance(result, (PortalError, PortalTrouble)):
                job.error = result
            else:
                answered.append((job, result))
        return [(job, result) for job, result in answered if job.error is None]

    async def _results(self, commands: Sequence[tuple[_Job, Command]]) -> list[Any]:
        named = {f"c{place}": command for place, (_, command) in enumerate(commands)}
        return list((await run_all(self._portal, named)).values())

    async def _write_down(self, job: _Job) -> None:
        choice, again_at = job.choice, None
        if isinstance(job.error, PortalTrouble) or (job.error is not None and choice.tries < _MOST_REFUSALS):
            pause = pause_after(job.error, choice.tries + 1, _FIRST_RETRY, _LONGEST_RETRY, self._random)
            again_at = self._clock.seconds() + pause
        trouble = job.hindrance if job.error is None else str(job.error)
        contacts = list(job.contacts) if job.error is None else []
        await self._journal.choice_written(choice, contacts, again_at=again_at, trouble=trouble)
        if trouble is None:
            self._log.info(
                "{number} opted {choice} of marketing SMS: written into {count} contacts",
                number=masked(choice.msisdn),
                choice=str(choice.choice),
                count=len(contacts),
            )
        elif again_at is None or choice.tries == 0:
            self._log.warn(
                "{number} opted {choice} of marketing SMS, which holds here, but the CRM does not have it: {trouble}",
                number=masked(choice.msisdn),
                choice=str(choice.choice),
                trouble=trouble,
            )


def _hindrance(described: ConsentField | NoSuchField, choice: PendingChoice) -> str | None:
    if isinstance(described, NoSuchField):
        return f"there is no field {described.name}, only the timeline has it"
    if described.written(choice.choice, choice.at) is None:
        return f"{described.name} has no value for it, only the timeline has it"
    return None


def _change(
    described: ConsentField | NoSuchField, contact: int, item: Mapping[str, Any], choice: PendingChoice
) -> Command | None:
    """The command that makes a contact's field say it; None when it does, or cannot."""
    if isinstance(described, NoSuchField):
        return None
    value = described.written(choice.choice, choice.at)
    if value is None or described.says(item, choice.choice, value, choice.at):
        return None
    if value == "":
        # The newer method says yes to emptying a field, and does nothing (b24-rest-docs#145, #269).
        return _OLD_UPDATE, {"id": contact, "fields": {described.name: value}}
    return "crm.item.update", {"entityTypeId": CONTACT, "id": contact, "fields": {described.key: value}}


def _timeline(contact: int) -> dict[str, Any]:
    return {"ENTITY_ID": contact, "ENTITY_TYPE": "contact"}


def _comment(choice: PendingChoice) -> str:
    moment = datetime.fromtimestamp(choice.at, MINSK)
    by_subscriber = choice.note and choice.source is ChoiceSource.SUBSCRIBER
    # A batch would put something else in the place of what looks like a reference.
    said = f": «{choice.note.replace(REFERENCE, '$ result[')}»" if by_subscriber else ""
    why = f"{_BY[choice.source]}{said}, {moment:%d.%m.%Y %H:%M:%S}, a1gateway"
    return f"{choice.msisdn} {_CHOSEN[choice.choice]} ({why})"

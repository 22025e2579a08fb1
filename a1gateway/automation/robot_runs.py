"""The runs of automation rules: each is looked at once, and its SMS is taken in or its reminders are planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.logger import Logger

from ..bitrix24.contacts import Item
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import DueLoop, until
from ..errors import TryLater
from ..journal import runs
from ..journal.runs import Run, Wanted
from ..message import Acceptance, Arrival, Refusal, Teller
from . import moments, robots
from .documents import Document, name_of
from .parts import Parts
from .terms import compose, message_id

_IDLE = 60.0
_AT_ONCE = 100
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 60.0


class RobotRuns(DueLoop):
    """Does what runs ask for. A run that needs its document waits for the portal, for as long as the grace."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_planned: Callable[[], None], on_answer: Callable[[], None]) -> None:
        super().__init__("robots", parts.clock, self._do_due)
        self._wall = parts.wall
        self._journal = parts.journal
        self._reader = parts.reader
        self._tokens = parts.tokens
        self._intake = parts.intake
        self._admission = parts.admission
        self._grace = parts.grace
        self._hours = parts.hours
        self._on_planned = on_planned
        self._on_answer = on_answer
        self._backoff = parts.backoff(_FIRST_RETRY, _LONGEST_RETRY)

    def renew(self) -> None:
        """The application has been installed: what stood in the way may be over."""
        self._backoff.reset()
        self.wake()

    async def _do_due(self) -> float:
        now = self._clock.seconds()
        found, next_due = await self._journal.within(runs.new, now, _AT_ONCE)
        if not found:
            return until(next_due, now, _IDLE)
        documents: Mapping[Item, Document] = {}
        trouble: str | None = None
        wanted = {item for run in found if (item := _wanted(run)) is not None}
        if wanted:
            try:
                documents = await self._read(wanted)
            except (PortalTrouble, PortalError) as error:
                trouble = str(error)
        for run in found:
            item = _wanted(run)
            if item is None or trouble is None:
                await self._do_one(run, None if item is None else documents.get(item), gone=item not in documents)
            elif now - run.call.received_at >= self._grace:
                await self._send(run, None, Refusal.PORTAL_AWAY, trouble)
            else:
                await self._journal.within(
                    runs.put_off, run.id, run.tries + 1, now + max(_FIRST_RETRY, self._backoff.left), trouble
                )
        return 0.0

    async def _read(self, wanted: set[Item]) -> Mapping[Item, Document]:
        if self._tokens.installation is None:
            raise PortalTrouble("the application is not installed in Bitrix24")
        if self._backoff.left > 0:
            raise PortalTrouble("Bitrix24 is left alone for a moment")
        try:
            documents = await self._reader.read(wanted)
        except (PortalTrouble, PortalError) as error:
            self._backoff.failed(error)
            self._log.warn("documents of automation rules cannot be read: {trouble}", trouble=str(error))
            raise
        self._backoff.succeeded()
        return documents

    async def _do_one(self, run: Run, document: Document | None, *, gone: bool) -> None:
        """No fault of one run may keep others from being done."""
        try:
            await self._do(run, document, gone=gone)
        except TryLater:
            raise
        except Exception as error:
            self._log.failure("run {run}: a fault of the gateway", run=run.id)
            again_at = self._clock.seconds() + _LONGEST_RETRY
            await self._journal.within(runs.put_off, run.id, run.tries + 1, again_at, repr(error))

    async def _do(self, run: Run, document: Document | None, *, gone: bool) -> None:
        if gone and _wanted(run) is not None:
            await self._send(run, None, Refusal.DOCUMENT_DELETED)
        elif run.call.code == robots.REMIND:
            await self._plan(run, document)
        else:
            await self._send(run, document)

    async def _send(
        self, run: Run, document: Document | None, refusal: Refusal | None = None, note: str = ""
    ) -> None:
        terms, fault = robots.terms_of(run.call.properties)
        arrival = compose(
            self._admission,
            message_id("run", run.call.event_token),
            self._clock.seconds(),
            terms,
            document,
            origin=run.call.origin,
            teller=Teller.RUN,
            refusal=refusal or fault,
            note=note,
        )
        acceptance = await self._journal.within(runs.send, run, arrival, arrival.received_at, _wanted_of(run))
        self._taken(arrival, acceptance)

    def _taken(self, arrival: Arrival, acceptance: Acceptance) -> None:
        self._intake.taken(arrival, acceptance)
        self._on_answer()

    async def _plan(self, run: Run, document: Document | None) -> None:
        now = self._wall()
        properties = dict(run.call.properties)
        _, fault = robots.terms_of(properties)
        if document is None or fault is not None:
            await self._send(run, document, fault or Refusal.BAD_REMINDER, "a reminder needs a document of the CRM")
            return
        try:
            moment, aheads = robots.moment_and_aheads(properties)
        except ValueError as error:
            await self._send(run, document, Refusal.BAD_REMINDER, str(error))
            return
        if not properties.get("field"):
            properties["field"] = _field_with(document, moment)
        if properties["field"]:
            held = document.moment(properties["field"])
            moment = held if _is_about(held, moment) and held is not None else moment
        hours = None if robots.says_yes(properties.get("urgent", "")) else self._hours
        planned = moments.plan(moment, aheads, now, grace=self._grace, hours=hours)
        count = await self._journal.within(runs.plan, run, properties, moment, planned, now, _wanted_of(run))
        self._log.info(
            "run {run}: {count} reminders of {document} are planned",
            run=run.id,
            count=count,
            document=name_of(document.item),
        )
        self._on_planned()
        self._on_answer()


def _wanted(run: Run) -> Item | None:
    """The document that has to be read for a run."""
    call = run.call
    if call.entity_type is None or call.item is None:
        return None
    if call.code != robots.REMIND and call.properties.get("phone", "").strip():
        return None
    return Item(call.entity_type, call.item)


def _field_with(document: Document, moment: float) -> str:
    """The field that holds this moment, if there is exactly one; else empty."""
    fields = document.described.fields[document.item.entity_type].dates()
    found = [each.name or each.key for each in fields if _is_about(document.moment(each.key), moment)]
    return found[0] if len(found) == 1 else ""


def _is_about(held: float | None, moment: float) -> bool:
    """Whether a field's moment is the one that was handed over, perhaps without its seconds."""
    return held is not None and 0 <= held - moment < 60


def _wanted_of(run: Run) -> Wanted:
    """When its workflow is to be answered, if it waits at all."""
    if str(run.call.origin.get("use_subscription", "Y")).upper() == "N":
        return Wanted.NOTHING
    return Wanted.END if robots.waits(run.call.properties) else Wanted.TAKEN_IN

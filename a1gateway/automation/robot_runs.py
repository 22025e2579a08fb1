"""The runs of automation rules: each is looked at once, and its SMS is taken in or its reminders are planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..bitrix24.crm_fields import CrmField
from ..bitrix24.item import Item, name_of
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..due_loop import until
from ..errors import TryLater
from ..hours import MINSK
from ..journal import runs
from ..journal.reminders import Rule
from ..journal.runs import Run, Wanted
from ..message import Acceptance, Arrival, Refusal, Teller
from ..msisdn import Msisdn, read_number
from . import moments, robots
from .documents import Document, Fields, Reading
from .parts import Parts
from .portal_loop import FIRST_RETRY, IDLE, LONGEST_RETRY, PortalLoop
from .terms import Terms, compose, message_id

_AT_ONCE = 100
# Nobody's visit.
_OF_THE_PORTAL = frozenset({"createdTime", "updatedTime", "movedTime", "lastActivityTime", "lastCommunicationTime"})


class RobotRuns(PortalLoop):
    """Does what runs ask for. A run that needs its document waits for the portal, and others do not wait for it."""

    _log = Logger()

    def __init__(self, parts: Parts, *, on_planned: Callable[[], None], on_answer: Callable[[], None]) -> None:
        super().__init__("robots", parts, self._do_due)
        self._intake = parts.intake
        self._receipts = parts.receipts
        self._admission = parts.admission
        self._grace = parts.grace
        self._hours = parts.hours
        self._on_planned = on_planned
        self._on_answer = on_answer
        self._looking = False

    async def _do_due(self) -> float:
        now = self._clock.seconds()
        looks = not self._looking and self._portal_pause <= 0
        alone, others, next_due = await self._journal.within(
            runs.new, now, _AT_ONCE, reminder=robots.REMIND, documents=looks
        )
        if others:
            self._looking = True
            self.begin(self._look(others), self._failed)
        for run in alone:
            await self._do_one(run, None)
        if len(alone) == _AT_ONCE:
            return 0.0
        # The end of a look wakes; nobody else waits for the portal.
        return min(until(next_due, now, IDLE), self._backoff.left or IDLE)

    def _failed(self, why: Failure) -> None:
        self._log.failure("runs of automation rules wait: a fault of the gateway", why)

    async def _look(self, looked_at: Sequence[Run]) -> None:
        """Do what these ask for, once their documents have been read."""
        try:
            trouble: PortalTrouble | PortalError | None = None
            reading = Reading()
            try:
                reading = await self._read({item for run in looked_at if (item := _wanted(run)) is not None})
            except PortalTrouble as error:
                trouble = error
            for run in looked_at:
                item = _wanted(run)
                assert item is not None
                why = trouble or reading.unread.get(item)
                if why is None:
                    await self._do_one(run, reading.documents.get(item))
                else:
                    await self._wait(run, str(why))
        except TryLater as away:
            self._log.warn("runs of automation rules wait: {trouble}", trouble=str(away))
            self._backoff.hold(FIRST_RETRY)
        finally:
            self._looking = False

    async def _read(self, wanted: set[Item]) -> Reading:
        try:
            reading = await self._reader.read(wanted)
        except PortalTrouble as error:
            self._backoff.failed(error)
            self._log.warn("documents of automation rules cannot be read: {trouble}", trouble=str(error))
            raise
        except Exception as error:
            self._log.failure("documents of automation rules cannot be read: a fault of the gateway")
            trouble = PortalTrouble(repr(error))
            self._backoff.failed(trouble)
            raise trouble from error
        self._backoff.succeeded()
        return reading

    async def _wait(self, run: Run, trouble: str) -> None:
        """Its document cannot be read for now; a reminder has time for that until the last of its times has come."""
        now = self._clock.seconds()
        if now - run.call.received_at >= self._grace and not self._has_time(run):
            await self._send(run, None, Refusal.PORTAL_AWAY, trouble)
            return
        pause = max(FIRST_RETRY, self._backoff.left, min(LONGEST_RETRY, 2.0 ** min(run.tries, 6)))
        await self._journal.within(runs.put_off, run.id, run.tries + 1, now + pause, trouble)

    def _has_time(self, run: Run) -> bool:
        if run.call.code != robots.REMIND:
            return False
        try:
            moment, aheads = robots.moment_and_aheads(run.call.properties)
        except ValueError:
            return False
        return self._wall() < moment - min(aheads)

    async def _do_one(self, run: Run, document: Document | None) -> None:
        """No fault of one run may keep others from being done, nor hold its workflow up for ever."""
        try:
            await self._do(run, document)
        except TryLater:
            raise
        except Exception as error:
            self._log.failure("run {run}: a fault of the gateway", run=run.id)
            now = self._clock.seconds()
            if now - run.call.received_at >= self._grace:
                answered = _wanted_of(run) is not Wanted.NOTHING
                reason = str(Refusal.GATEWAY_FAULT)
                await self._journal.within(runs.give_up, run.id, reason, now, repr(error), answered=answered)
                self._on_answer()
            else:
                again_at = now + LONGEST_RETRY
                await self._journal.within(runs.put_off, run.id, run.tries + 1, again_at, repr(error))

    async def _do(self, run: Run, document: Document | None) -> None:
        left = robots.left_in(run.call.code, run.call.properties)
        if left:
            await self._send(run, document, Refusal.UNFILLED_FIELD, left)
        elif document is None and _wanted(run) is not None:
            await self._send(run, None, Refusal.DOCUMENT_DELETED)
        elif run.call.code == robots.REMIND:
            await self._plan(run, document)
        else:
            await self._send(run, document)

    async def _send(self, run: Run, document: Document | None, refusal: str | None = None, note: str = "") -> None:
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
        if acceptance is not None:
            self._taken(arrival, acceptance)

    def _taken(self, arrival: Arrival, acceptance: Acceptance) -> None:
        self._intake.taken(arrival, acceptance)
        self._on_answer()

    async def _plan(self, run: Run, document: Document | None) -> None:
        properties = dict(run.call.properties)
        terms, fault = robots.terms_of(properties)
        if document is None or fault is not None:
            await self._send(run, document, fault or Refusal.BAD_REMINDER, "a reminder needs a document of the CRM")
            return
        try:
            moment, aheads = robots.moment_and_aheads(properties)
            named = properties.get("field", "").strip()
            properties["field"] = _field_of(document, named, properties["at"])
        except ValueError as error:
            await self._send(run, document, Refusal.BAD_REMINDER, str(error))
            return
        if properties["field"]:
            # It may have moved on the way here; in a field that was found, it is the same but for what was cut off.
            held = document.moment(properties["field"])
            moment = moment if held is None else held
        else:
            self._log.warn(
                "run {run}: no field of {document} is known to hold its date: reminders will not move with it",
                run=run.id,
                document=name_of(document.item),
            )
        text, _ = robots.text_at(properties, moment)
        refusal = self._refusal_of(terms, text, document)
        if refusal is not None:
            # Whoever has set up the rule is to learn of it today, and not on the eve of the visit.
            await self._send(run, document, refusal)
            return
        hours = robots.hours_of(properties, self._hours)
        planned = moments.plan(moment, aheads, self._wall(), grace=self._grace, hours=hours)
        rule = Rule(robots.rule_name(properties), run.id, document.item.entity_type, document.item.id)
        count, changes = await self._journal.within(
            runs.plan, run, properties, moment, planned, self._clock.seconds(), _wanted_of(run), rule
        )
        self._log.info(
            "run {run}: {count} reminders of {document} are planned",
            run=run.id,
            count=count,
            document=name_of(document.item),
        )
        self._receipts.announce(changes)
        self._on_planned()
        self._on_answer()

    def _refusal_of(self, terms: Terms, text: str, document: Document) -> str | None:
        """Why no reminder could ever go out; what the document lacks today it may have by then."""
        refusal = self._admission.refusal_of_text(text, terms.kind)
        if refusal is not None or not terms.to or document.has_field(terms.to):
            return refusal
        read = read_number(terms.to)
        return None if isinstance(read, Msisdn) else str(read.fault)


def _wanted(run: Run) -> Item | None:
    """The document that has to be read for a run."""
    call = run.call
    if call.entity_type is None or call.item is None:
        return None
    if call.code != robots.REMIND and call.properties.get("phone", "").strip():
        return None
    return Item(call.entity_type, call.item)


def _field_of(document: Document, named: str, at: str) -> str:
    """The field whose date reminders follow: the one that is `named`, or one that holds the moment `at`.

    Empty when there is none; raises `ValueError` when the named one holds no dates.
    """
    fields = document.described.fields.get(document.item.entity_type, Fields(()))
    if named:
        described = fields.get(named)
        if described is None or described.kind not in ("date", "datetime"):
            raise ValueError(f"field: {named[:100]} is no field with a date")
        return named
    dates = (each for each in fields.dates() if each.key not in _OF_THE_PORTAL)
    holding = [each for each in dates if _is_about(document.moment(each.key), each, at)]
    return min(((_rank(each), each.name or each.key) for each in holding), default=((), ""))[1]


def _rank(field: CrmField) -> tuple[bool, bool]:
    """Which of several fields with the same moment is meant: one of the company's own, with a time, goes first."""
    return not field.name.startswith("UF_"), field.kind != "datetime"


def _is_about(held: float | None, field: CrmField, at: str) -> bool:
    """Whether a field's moment is the one that was handed over, perhaps without its seconds; of a date, its day."""
    moment = moments.read_moment(at, 0.0)
    if held is None or moment is None:
        return False
    if field.kind == "date":
        return not robots.has_time(at) and moments.day_of(held, MINSK) == moments.day_of(moment, moments.zone_of(at))
    return 0 <= held - moment < 60


def _wanted_of(run: Run) -> Wanted:
    """When its workflow is to be answered, if it waits at all."""
    if str(run.call.origin.get("use_subscription", "Y")).upper() == "N":
        return Wanted.NOTHING
    return Wanted.END if robots.waits(run.call.properties) else Wanted.TAKEN_IN

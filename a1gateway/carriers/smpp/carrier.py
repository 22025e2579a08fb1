"""The SMPP link as a carrier: every message in its parts, one after another, with exactly one outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ...errors import AnswerLost, NotSent, TryLater
from ...message import Part, Status, Submission
from ...metrics import Metrics
from ...pacing import YieldingPace, growing_pause
from ..outcome import Accepted, LinkTrouble, Outcome, Postponed, Refused, Standing, Trouble, Uncertain
from .answers import GATEWAY_FAULT, Advice, Error, read_error
from .deliveries import meaning, state_word
from .encoding import EncodedPart, encode, relative_time
from .pdu import Pdu
from .window import AnswerLate

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
# How often a message is put off with a status that the standard does not know, before it has failed.
_UNKNOWN_TRIES = 10
# In a row, from whatever message: A1 as a whole is not well, and is not to be pressed.
_ERRORS_IN_A_ROW = 3
_QUERIES = 100
# A batch of queries must not keep the submits from their turns.
_QUERIES_AT_ONCE = 4
# How long a late answer waits for a journal that is away, in seconds: until the doubt itself is written down.
_LATE_AGAIN = 5.0
_SMS_RECEIPT = 1
_REFUSES_VALIDITY = "ESME_RINVEXPIRY"


class ILink(Protocol):
    """What the carrier needs of `Link`."""

    @property
    def can_submit(self) -> bool:
        """Whether a submit may go out."""

    @property
    def room(self) -> int:
        """How many requests more may be in flight."""

    @property
    def trouble(self) -> LinkTrouble | None:
        """Why it is not bound."""

    def request(self, command: str, *, tlvs: dict[str, Any] | None = None, **fields: Any) -> Deferred[Pdu]:
        """Fires with the answer; fails with `NotSent`, `AnswerLost` or `AnswerLate`.

        When the values make no PDU, it fails with `ValueError` or `KeyError`.
        """


class SmppCarrier:
    """See `interfaces.ICarrier` for what is promised."""

    bulk_size = 1
    batch_size = _QUERIES
    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        link: ILink,
        pace: YieldingPace,
        metrics: Metrics,
        *,
        window: int,
        source: tuple[int, int],
        destination: tuple[int, int],
        random: Callable[[], float],
        on_part: Callable[[Submission, Mapping[int, str]], Awaitable[None]],
        on_late: Callable[[Submission, Outcome], Awaitable[None]],
    ) -> None:
        """`source` and `destination` are type of number and numbering plan (SMPP 3.4, 5.2.5 and 5.2.6).

        `on_part` writes down which parts of a message A1 has, before the next one leaves; raises `TryLater`.
        `on_late` is given an outcome that came after its message had been called uncertain; raises it `TryLater`,
        it is given it once more a little later.
        """
        self.submits_at_once = window
        self._clock = clock
        self._link = link
        self._pace = pace
        self._metrics = metrics
        self._source = source
        self._destination = destination
        self._random = random
        self._on_part = on_part
        self._on_late = on_late
        self._errors_in_a_row = 0
        self._takes_validity = True

    async def turns(self, most: int) -> int:
        """See `ICarrier`."""
        room = min(most, self._link.room)
        return await self._pace.take(room) if self._link.can_submit and room > 0 else 0

    def give_back(self, turns: int) -> None:
        """See `ICarrier`."""
        self._pace.give_back(turns)

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """See `ICarrier`: one message at a time."""
        return [await self._submit_one(each) for each in submissions]

    async def look_up(self, submissions: Sequence[Submission]) -> dict[int, Standing | None]:
        """See `ICarrier`. SMPP 3.4 cannot be asked by an identifier of ours: nobody knows."""
        raise LinkTrouble(Trouble.LATER, "an SMSC cannot be asked about a message whose submit it has not answered")

    async def statuses(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        """See `ICarrier`: by query_sm, part by part. What A1 leaves unanswered while the link stands is left out."""
        standings: dict[int, Standing] = {}
        unanswered: list[AnswerLost | NotSent] = []

        async def ask(submission: Submission) -> None:
            if len(unanswered) >= _QUERIES_AT_ONCE:
                # Whoever does not answer so many will not answer the others either.
                return
            try:
                standing = await self._standing(submission)
            except (NotSent, AnswerLost) as trouble:
                self._count("query_sm", "no_answer")
                unanswered.append(trouble)
            else:
                if standing is not None:
                    standings[submission.id] = standing

        places = DeferredSemaphore(_QUERIES_AT_ONCE)
        await gatherResults(
            [places.run(ask, each) for each in submissions],
            consumeErrors=True,
        )
        for trouble in unanswered:
            if not standings and not isinstance(trouble, AnswerLate):
                raise LinkTrouble(Trouble.UNREACHABLE, f"A1 cannot be asked for statuses: {trouble}") from trouble
        return standings

    async def probe(self) -> None:
        """See `ICarrier`: whether the link is bound."""
        if not self._link.can_submit:
            raise self._link.trouble or LinkTrouble(Trouble.UNREACHABLE, "the link to A1 is not bound")

    # Submits.

    async def _submit_one(self, submission: Submission) -> Outcome:
        try:
            encoded = encode(submission.text, submission.concatenation)
        except ValueError as error:
            return Refused("too_long", "too_long", str(error))
        if len(encoded) != len(submission.parts):
            fault = f"the text makes {len(encoded)} parts, and the journal has {len(submission.parts)}"
            return self._fault(submission, "parts", fault, {})
        named = {part.number: part.a1_id for part in submission.parts if part.a1_id is not None}
        first = True
        for part, content in zip(submission.parts, encoded, strict=True):
            if part.number in named:
                continue
            if not first:
                # So that after a crash it is known which of them may have been in flight: this one alone.
                try:
                    await self._on_part(submission, dict(named))
                except TryLater as trouble:
                    return Postponed(LinkTrouble(Trouble.LATER, str(trouble)), _FIRST_PAUSE, parts=named)
                # The first one's turn was taken by whoever submits.
                await self._pace.take()
            first = False
            outcome = await self._submit_part(submission, part, content, named)
            if outcome is not None:
                return outcome
        return self._accepted(named)

    async def _submit_part(
        self, submission: Submission, part: Part, content: EncodedPart, named: dict[int, str]
    ) -> Outcome | None:
        """Submit one part; None when A1 has it now, and then it is in `named`."""
        fields = self._fields(submission, content)
        limited = bool(fields["validity_period"])
        try:
            answer = await self._link.request("submit_sm", tlvs={"user_message_reference": part.reference}, **fields)
        except NotSent as trouble:
            return Postponed(LinkTrouble(Trouble.UNREACHABLE, f"the link to A1 is down: {trouble}"), parts=named)
        except AnswerLate as trouble:
            self._count("submit_sm", "no_answer")
            late = Deferred.fromCoroutine(self._answered_late(submission, part, dict(named), trouble.late, limited))
            late.addErrback(lambda why: self._log.failure("a late answer cannot be written down", failure=why))
            return Uncertain(LinkTrouble(Trouble.UNAVAILABLE, str(trouble)), parts=named)
        except AnswerLost as trouble:
            self._count("submit_sm", "lost")
            return Uncertain(LinkTrouble(Trouble.UNREACHABLE, f"the link to A1 broke: {trouble}"), parts=named)
        except (KeyError, ValueError) as fault:
            return self._fault(submission, "pdu", f"part {part.number} makes no PDU: {fault}", named)
        return self._read(submission, part, answer, named, limited)

    def _read(
        self, submission: Submission, part: Part, answer: Pdu, named: dict[int, str], limited: bool
    ) -> Outcome | None:
        """See `_submit_part`; `limited`: the part went out with a validity period."""
        error = read_error(answer)
        if error is None:
            self._errors_in_a_row = 0
            self._count("submit_sm", "ok")
            named[part.number] = answer.text("message_id").strip()
            return None
        self._count("submit_sm", error.code)
        self._notice(error)
        if error.code == _REFUSES_VALIDITY and limited:
            # That is a wish of ours which this SMSC may fulfil for nobody.
            if self._takes_validity:
                self._log.warn("A1's SMSC takes no validity_period: messages go without one from now on")
            self._takes_validity = False
            return Postponed(error.trouble, _FIRST_PAUSE, parts=named)
        if error.advice is Advice.FINAL or (
            error.advice is Advice.UNKNOWN and submission.postponed >= _UNKNOWN_TRIES
        ):
            said = f"A1's SMSC answers {error.code}"
            if error.reason == GATEWAY_FAULT:
                return self._fault(submission, error.code, said, named)
            return Refused(error.reason, error.code, said, parts=named)
        pause = growing_pause(submission.postponed + 1, _FIRST_PAUSE, _LONGEST_PAUSE, self._random)
        return Postponed(error.trouble, pause, parts=named)

    def _fault(self, submission: Submission, word: str, note: str, named: dict[int, str]) -> Refused:
        self._log.critical(
            "message {message_id}: {note}; this is a fault of the gateway, the message is given up",
            message_id=submission.message_id,
            note=note,
        )
        return Refused(GATEWAY_FAULT, word, note, parts=named)

    def _notice(self, error: Error) -> None:
        """What an error says of A1 as a whole."""
        if error.advice is Advice.SLOW_DOWN:
            self._metrics.smpp_throttled.inc()
            self._slow_down(error)
        elif error.advice is Advice.LATER:
            self._errors_in_a_row += 1
            if self._errors_in_a_row >= _ERRORS_IN_A_ROW:
                self._slow_down(error)
        elif error.advice is Advice.FINAL:
            # It has looked at the message: it is well.
            self._errors_in_a_row = 0

    def _slow_down(self, error: Error) -> None:
        before = self._pace.slowed
        self._pace.too_much()
        if not before and self._pace.slowed:
            self._log.warn(
                "A1's SMSC answers {code}: the rate falls to {rate} parts a second, and recovers by itself",
                code=error.code,
                rate=round(self._pace.rate, 1),
            )

    async def _answered_late(
        self, submission: Submission, part: Part, named: dict[int, str], late: Deferred[Pdu], limited: bool
    ) -> None:
        outcome = self._read(submission, part, await late, named, limited)
        if outcome is None and len(named) < len(submission.parts):
            going_on = LinkTrouble(Trouble.LATER, "A1 has answered late; the other parts follow")
            outcome = Postponed(going_on, parts=named)
        while True:
            try:
                await self._on_late(submission, outcome or self._accepted(named))
            except TryLater:
                await deferLater(self._clock, _LATE_AGAIN)
            else:
                return

    def _fields(self, submission: Submission, content: EncodedPart) -> dict[str, int | str | bytes]:
        source, ton, npi = self._source_of(submission)
        return {
            "source_addr_ton": ton,
            "source_addr_npi": npi,
            "source_addr": source,
            "dest_addr_ton": self._destination[0],
            "dest_addr_npi": self._destination[1],
            "destination_addr": submission.msisdn.removeprefix("+"),
            "esm_class": content.esm_class,
            "registered_delivery": _SMS_RECEIPT,
            "data_coding": content.data_coding,
            "short_message": content.short_message,
            "validity_period": self._validity(submission),
        }

    def _validity(self, submission: Submission) -> str:
        return relative_time(submission.ttl) if submission.ttl is not None and self._takes_validity else ""

    def _source_of(self, submission: Submission) -> tuple[str, int, int]:
        """The source address with its TON and NPI; without a Sender ID it is A1's to fill in."""
        return (submission.sender_id, *self._source) if submission.sender_id else ("", 0, 0)

    @staticmethod
    def _accepted(named: dict[int, str]) -> Accepted:
        return Accepted(named[1] or None, segments=len(named), parts=dict(named))

    # Queries.

    async def _standing(self, submission: Submission) -> Standing | None:
        """The standing of the whole, by those of its parts, as receipts would make it; None when A1 does not say."""
        whole: Standing | None = None
        silent = False
        for part in submission.parts:
            if part.status is Status.DELIVERED or not part.a1_id:
                continue
            standing = await self._query(submission, part.a1_id)
            if standing is None:
                silent = True
            elif standing.status is None or not standing.status.final:
                # The first part that is still on its way speaks for the whole, unless another one has failed.
                whole = standing if whole is None or whole.status is Status.DELIVERED else whole
            elif standing.status is not Status.DELIVERED:
                return standing
            elif whole is None:
                whole = standing
        # Of a part that A1 says nothing of, nobody knows whether it is delivered.
        return None if silent and whole is not None and whole.status is Status.DELIVERED else whole

    async def _query(self, submission: Submission, a1_id: str) -> Standing | None:
        """A1's answer about one part; None when it is an error, as of a part that it has forgotten."""
        await self._pace.take()
        source, ton, npi = self._source_of(submission)
        try:
            answer = await self._link.request(
                "query_sm", message_id=a1_id, source_addr_ton=ton, source_addr_npi=npi, source_addr=source
            )
        except (KeyError, ValueError):
            # An identifier longer than the standard allows can be given in an answer, but not asked for.
            return None
        error = read_error(answer)
        if error is not None:
            self._count("query_sm", error.code)
            if error.advice is Advice.SLOW_DOWN:
                self._pace.too_much()
            return None
        self._count("query_sm", "ok")
        word = state_word(answer.number("message_state"))
        return Standing(word, meaning(word))

    def _count(self, method: str, result: str) -> None:
        self._metrics.count(self._metrics.a1_requests, method, result)

"""A1's HTTP API as a carrier: submits, statuses, and what became of submits whose answer was lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.logger import Logger

from ..errors import AnswerLost, NotSent
from ..http_client import IHttpClient
from ..message import Submission
from ..metrics import Metrics
from ..pacing import TokenBucket
from .a1answers import (
    A1Error,
    Balances,
    Cost,
    NotUnderstood,
    identifier,
    read_accepted,
    read_answer,
    read_balances,
    read_cost,
    read_element,
    read_sender_names,
    read_standing,
    says_there_is_none,
)
from .outcome import LinkTrouble, Outcome, Postponed, Refused, Standing, Trouble, Uncertain

MOST_IN_A_BULK = 500
"""A1 takes no more in one request."""
_SUBMITS_AT_ONCE = 4
_NO_SUCH_CALL = 2
_NO_FIELDS: Mapping[str, str] = {}
# What keeps A1 from answering any question, and how many in a row without an answer show the same.
_OF_ALL = (Trouble.THROTTLED, Trouble.CREDENTIALS)
_MOST_IN_VAIN = 3
_NO_SUCH_PLACE = (404, 405, 501)
# Of what A1 does not take together: a second or two of its rate. Then others may have to go first, and the outcomes
# are written down.
_SINGLY_AT_ONCE = 20
# The bounds of `ttl`, in seconds, by A1's documentation.
_SHORTEST_TTL, _LONGEST_TTL = 40, 86400


class A1HttpCarrier:
    """Speaks A1's HTTP API within its rate. See `interfaces.ICarrier` for what is promised."""

    bulk_size = MOST_IN_A_BULK
    batch_size = MOST_IN_A_BULK
    submits_at_once = _SUBMITS_AT_ONCE
    _log = Logger()

    def __init__(
        self,
        client: IHttpClient,
        pace: TokenBucket,
        metrics: Metrics,
        *,
        url: str,
        user: str,
        apikey: str,
        timeout: float,
    ) -> None:
        """`url` ends in a slash; `timeout` is how long A1 may take for an answer, in seconds."""
        self._client = client
        self._pace = pace
        self._metrics = metrics
        self._url = url
        self._credentials = {"user": user, "apikey": apikey}
        self._timeout = timeout

    async def turns(self, most: int) -> int:
        """See `ICarrier`."""
        await self._pace.take()
        return 1

    def give_back(self, turns: int) -> None:
        """See `ICarrier`."""
        self._pace.give_back(turns)

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """See `ICarrier`."""
        if len(submissions) == 1:
            return [await self._submit_one(submissions[0])]
        form = {"messages": json.dumps([_fields(each) for each in submissions], ensure_ascii=False)}
        try:
            answer = await self._ask_bulk("sendBulk/sms", form)
        except NotSent as trouble:
            return [Postponed(_unreachable(trouble))] * len(submissions)
        except AnswerLost as trouble:
            return [_uncertain(trouble)] * len(submissions)
        if not isinstance(answer, A1Error):
            outcomes = _bulk_outcomes(submissions, answer.get("messages"))
            faulty = [at for at, outcome in enumerate(outcomes) if _is_our_fault(outcome)]
            singly = await self._submit_singly([submissions[at] for at in faulty])
            return [singly.pop(0) if at in faulty else outcome for at, outcome in enumerate(outcomes)]
        meant = answer.request_outcome()
        if isinstance(meant, Uncertain):
            return [meant] * len(submissions)
        if meant.trouble is not Trouble.FAULT and not answer.of_a_message:
            return [Postponed(meant)] * len(submissions)
        # A1 rejects the bulk for something in it: one by one, the others get through.
        self._log.error(
            "A1 refused a bulk of {count}, some of which are sent singly now: {trouble}",
            count=len(submissions),
            trouble=str(answer),
        )
        return await self._submit_singly(submissions)

    async def look_up(self, submissions: Sequence[Submission]) -> dict[int, Standing | None]:
        """See `ICarrier`."""
        names = {each.custom_id: each.id for each in submissions}
        await self._pace.take()
        said = await self._statuses("statusCustomBulk/sms", "statusCustom/sms", "custom_id", list(names), of_all=True)
        return {names[name]: standing for name, standing in said.items()}

    async def statuses(self, submissions: Sequence[Submission]) -> dict[int, Standing]:
        """See `ICarrier`."""
        known = {each.a1_id: each.id for each in submissions if each.a1_id is not None}
        said: dict[int, Standing | None] = {}
        if known:
            await self._pace.take()
            named = await self._statuses("statusBulk/sms", "status/sms", "message_id", list(known))
            said = {known[name]: standing for name, standing in named.items()}
        nameless = [each for each in submissions if each.a1_id is None]
        if nameless:
            try:
                said |= await self.look_up(nameless)
            except LinkTrouble:
                if not said:
                    raise
        return {row: standing for row, standing in said.items() if standing is not None}

    async def probe(self) -> None:
        """See `ICarrier`."""
        await self._pace.take()
        try:
            answer = await self._ask("balances", {})
        except NotUnderstood as strange:
            if strange.code >= 500:
                raise _unreachable(strange) from None
            # An A1 that does not know this question is there all the same.
            return
        except (NotSent, AnswerLost) as trouble:
            raise _unreachable(trouble) from None
        if isinstance(answer, A1Error):
            meant = answer.trouble()
            # Any other error than these comes from an A1 that lets this account in.
            if meant.trouble in (Trouble.CREDENTIALS, Trouble.THROTTLED, Trouble.UNAVAILABLE):
                raise meant

    async def cost(self, text: str, numbers: Sequence[str], sender_id: str | None) -> Cost:
        """What A1 would charge for `text` to these, up to 500 as `+375XXXXXXXXX`; nothing is sent.

        Raises `LinkTrouble` when A1 does not say.
        """
        assert 0 < len(numbers) <= MOST_IN_A_BULK
        messages = [_message(number, text, sender_id) for number in numbers]
        form = {"messages": json.dumps(messages, ensure_ascii=False)}
        cost = read_cost(await self._question("costBulk/sms", form), len(numbers))
        if cost is None:
            raise LinkTrouble(Trouble.UNAVAILABLE, "A1's answer does not say what the messages cost")
        return cost

    async def sender_names(self) -> tuple[str, ...]:
        """The Sender IDs that A1 has approved for this account; raises `LinkTrouble` when A1 does not say."""
        names = read_sender_names(await self._question("senderNames"))
        if names is None:
            raise LinkTrouble(Trouble.UNAVAILABLE, "A1's answer does not say which sender names are approved")
        return names

    async def balances(self) -> Balances:
        """What is left on the account; raises `LinkTrouble` when A1 does not say."""
        left = read_balances(await self._question("balances"))
        if left is None:
            raise LinkTrouble(Trouble.UNAVAILABLE, "A1's answer does not say what is left on the account")
        return left

    async def _question(self, method: str, form: Mapping[str, str] = _NO_FIELDS) -> dict[str, Any]:
        """The answer to a question in its turn among all requests; raises `LinkTrouble`."""
        await self._pace.take()
        try:
            answer = await self._ask_bulk(method, form)
        except (NotSent, AnswerLost) as trouble:
            raise _unreachable(trouble) from None
        if isinstance(answer, A1Error):
            raise answer.trouble()
        return answer

    async def _submit_singly(self, submissions: Sequence[Submission]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for each in submissions[:_SINGLY_AT_ONCE]:
            await self._pace.take()
            outcomes.append(await self._submit_one(each))
            if isinstance(last := outcomes[-1], (Postponed, Uncertain)):
                # What keeps one from A1 keeps all of them, and to wait for each answer in vain would take hours.
                break
        else:
            last = Postponed(LinkTrouble(Trouble.LATER, "A1 does not take it together with others"))
        return outcomes + [Postponed(last.trouble)] * (len(submissions) - len(outcomes))

    async def _submit_one(self, submission: Submission) -> Outcome:
        try:
            answer = await self._ask("send/sms", _fields(submission))
        except NotSent as trouble:
            return Postponed(_unreachable(trouble))
        except AnswerLost as trouble:
            return _uncertain(trouble)
        if not isinstance(answer, A1Error):
            return read_accepted(answer)
        if answer.of_a_message:
            return answer.outcome()
        meant = answer.request_outcome()
        if isinstance(meant, Uncertain):
            return meant
        if meant.trouble is Trouble.FAULT:
            self._log.critical(
                "message {message_id}: A1 does not accept how the gateway asks ({trouble}); report this",
                message_id=submission.message_id,
                trouble=str(answer),
            )
            return Refused("gateway_fault", str(answer.code), str(answer))
        return Postponed(meant)

    async def _statuses(
        self, bulk: str, single: str, parameter: str, names: list[str], *, of_all: bool = False
    ) -> dict[str, Standing | None]:
        """What A1 says of each by its name, None where it says that it has none; nothing of those left out.

        `of_all`: whatever the bulk's answer leaves out is asked for by itself. That it was left out says nothing.
        """
        try:
            answer = await self._ask_bulk(bulk, {"message_ids": ",".join(names)})
        except (NotSent, AnswerLost) as trouble:
            raise _unreachable(trouble) from None
        if not isinstance(answer, A1Error):
            said = _standings(answer.get("messages_status"), parameter, names)
            return await self._one_by_one(single, parameter, names, said) if of_all else said
        if not answer.not_found and answer.trouble().trouble is not Trouble.FAULT:
            raise answer.trouble()
        if len(names) == 1 and answer.not_found:
            return {names[0]: None}
        # Some deployments answer a bulk with one message's error, or know no bulk.
        return await self._one_by_one(single, parameter, names, {})

    async def _one_by_one(
        self, method: str, parameter: str, names: Sequence[str], said: dict[str, Standing | None]
    ) -> dict[str, Standing | None]:
        """Ask for each that nothing has been said of, and add it, as far as that goes: the rest gets its turn.

        Raises `LinkTrouble` when nothing is known in the end.
        """
        trouble: LinkTrouble | None = None
        in_vain = 0
        for name in [each for each in names if each not in said]:
            await self._pace.take()
            try:
                answer = await self._ask(method, {parameter: name})
            except (NotSent, AnswerLost) as lost:
                trouble = _unreachable(lost)
            else:
                if not isinstance(answer, A1Error):
                    in_vain = 0
                    said |= _standing_of(name, answer.get("message_status"))
                    continue
                if answer.not_found:
                    in_vain = 0
                    said[name] = None
                    continue
                trouble = answer.trouble()
            in_vain += 1
            # It may be this one message's trouble, and must not keep A1 from being asked for the others.
            if trouble.trouble in _OF_ALL or in_vain == _MOST_IN_VAIN:
                break
        if trouble is not None and not said:
            raise trouble
        return said

    async def _ask_bulk(self, method: str, form: Mapping[str, str]) -> dict[str, Any] | A1Error:
        """As `_ask`; an A1 that has no such address answers as one that knows no such call."""
        try:
            return await self._ask(method, form)
        except NotUnderstood as strange:
            if strange.code not in _NO_SUCH_PLACE:
                raise
            return A1Error(_NO_SUCH_CALL, str(strange), None)

    async def _ask(self, method: str, form: Mapping[str, str]) -> dict[str, Any] | A1Error:
        result = "unreachable"
        try:
            sent = await self._client.post_form(
                self._url + method, {**self._credentials, **form}, timeout=self._timeout
            )
            result = "not_understood"
            answer = read_answer(sent)
            result = f"error_{answer.code}" if isinstance(answer, A1Error) else "ok"
        finally:
            self._metrics.count(self._metrics.a1_requests, method, result)
        if isinstance(answer, A1Error) and answer.trouble().trouble is Trouble.THROTTLED:
            # Polls and sends alike leave A1 alone for a moment.
            self._pace.drain(1.0)
        return answer


def _is_our_fault(outcome: Outcome) -> bool:
    return isinstance(outcome, Postponed) and outcome.trouble.trouble is Trouble.FAULT


def _fields(submission: Submission) -> dict[str, str]:
    fields = _message(submission.msisdn, submission.text, submission.sender_id)
    if submission.ttl is not None and submission.ttl <= _LONGEST_TTL:
        fields["ttl"] = str(max(_SHORTEST_TTL, int(submission.ttl)))
    return {**fields, "custom_id": submission.custom_id}


def _message(number: str, text: str, sender_id: str | None) -> dict[str, str]:
    fields = {"msisdn": number.removeprefix("+"), "text": text}
    if sender_id is not None:
        fields["sender"] = sender_id
    return fields


def _bulk_outcomes(submissions: Sequence[Submission], elements: Any) -> list[Outcome]:
    """The outcomes in the submissions' order; an element missing or unreadable leaves its message uncertain."""
    elements = elements if isinstance(elements, list) else []
    in_order = len(elements) == len(submissions)
    names = [identifier(each.get("custom_id")) if isinstance(each, Mapping) else None for each in elements]
    by_name = dict(zip(names, elements, strict=True))
    outcomes: list[Outcome] = []
    for position, submission in enumerate(submissions):
        element = by_name.get(submission.custom_id)
        if element is None and in_order and names[position] is None:
            element = elements[position]
        lost = LinkTrouble(Trouble.UNAVAILABLE, "A1's answer to a bulk does not say what became of the message")
        outcomes.append(read_element(element) or Uncertain(lost))
    return outcomes


def _standings(elements: Any, parameter: str, names: Sequence[str]) -> dict[str, Standing | None]:
    asked = set(names)
    said: dict[str, Standing | None] = {}
    for element in elements if isinstance(elements, list) else []:
        name = identifier(element.get(parameter)) if isinstance(element, Mapping) else None
        if name in asked:
            said |= _standing_of(name, element)
    return said


def _standing_of(name: str, status: Any) -> dict[str, Standing | None]:
    """What is said of one message, by its name; nothing where that cannot be understood."""
    standing = read_standing(status)
    return {name: standing} if standing is not None or says_there_is_none(status) else {}


def _uncertain(trouble: AnswerLost) -> Uncertain:
    if isinstance(trouble, NotUnderstood):
        # It is there, and may well answer other questions: only a submit shows that it takes submits again.
        return Uncertain(LinkTrouble(Trouble.UNAVAILABLE, str(trouble)))
    return Uncertain(_unreachable(trouble))


def _unreachable(trouble: NotSent | AnswerLost) -> LinkTrouble:
    return LinkTrouble(Trouble.UNREACHABLE, f"A1 cannot be reached: {trouble}")

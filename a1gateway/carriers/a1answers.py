"""Reading A1's answers: both known shapes, every documented error, and everything else kept as it came."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import AnswerLost
from ..http_client import Answer
from ..message import Price
from .a1status import meaning, status_word
from .outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Standing,
    Trouble,
    Uncertain,
)

_DUPLICATE = 20
_NOT_FOUND = 12
_CODE = re.compile(r"-?\d{1,6}", re.ASCII)
# The concatenation header's limit.
_MOST_PARTS = 255

# Errors of a whole request; for the others nobody can say whether A1 took something in.
_REQUEST_TROUBLE = {
    2: Trouble.FAULT,
    3: Trouble.CREDENTIALS,
    4: Trouble.CREDENTIALS,
    5: Trouble.CREDENTIALS,
    6: Trouble.CREDENTIALS,
    7: Trouble.THROTTLED,
    8: Trouble.UNAVAILABLE,
    9: Trouble.FAULT,
    10: Trouble.FAULT,
    11: Trouble.FAULT,
    13: Trouble.FAULT,
    15: Trouble.FAULT,
    16: Trouble.FAULT,
}

# Errors of one message.
_MESSAGE_REASONS = {
    1: "field_missing",
    2: "field_too_long",
    3: "bad_date",
    5: "out_of_range",
    100: "bad_recipient",
    101: "stop_list",
    102: "stop_list",
    103: "operator_not_allowed",
    104: "sender_not_approved",
    105: "empty_text",
    106: "stop_word",
    107: "bad_sending_time",
}


class NotUnderstood(AnswerLost):
    """A complete answer that says nothing in A1's language: a page in HTML, half a JSON."""

    def __init__(self, code: int) -> None:
        super().__init__(f"A1 answered HTTP {code} and nothing that can be understood")
        self.code = code


@dataclass(frozen=True, slots=True)
class A1Error:
    """An error as A1 words it."""

    code: int
    description: str
    parameter: str | None

    @property
    def of_a_message(self) -> bool:
        """Whether it is about the message and not about the request, judged outside a bulk answer."""
        return self.parameter is not None or self.code == _DUPLICATE or self.code >= 100

    @property
    def not_found(self) -> bool:
        """Whether it says that A1 does not know the message."""
        return self.code == _NOT_FOUND

    def __str__(self) -> str:
        place = f" ({self.parameter})" if self.parameter else ""
        return f"A1's error {self.code}{place}: {self.description}"

    def trouble(self) -> LinkTrouble:
        """What it means for the request as a whole."""
        return LinkTrouble(_REQUEST_TROUBLE.get(self.code, Trouble.UNAVAILABLE), str(self), code=str(self.code))

    def outcome(self) -> Outcome:
        """What it means for the one message that it is about.

        A code that is known as a request's only, in a bulk's element, leaves the message to be sent: final is what A1
        has said of messages, and nothing that we would have to guess.
        """
        if self.code == _DUPLICATE:
            return Duplicate(str(self.code), str(self))
        if self.of_a_message or self.code in _MESSAGE_REASONS:
            reason = _MESSAGE_REASONS.get(self.code, "refused_by_a1")
            return Refused(reason, str(self.code), str(self))
        meant = self.request_outcome()
        return meant if isinstance(meant, Uncertain) else Postponed(meant)

    def request_outcome(self) -> LinkTrouble | Uncertain:
        """For a submit: its trouble when A1 certainly took nothing, else uncertainty, as after an internal error."""
        return self.trouble() if self.code in _REQUEST_TROUBLE else Uncertain(self.trouble())


def read_answer(answer: Answer) -> dict[str, Any] | A1Error:
    """The answer's fields, or A1's error; raises `NotUnderstood` when it is neither."""
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not ("status" in content or "error" in content):
        raise NotUnderstood(answer.code)
    if content.get("status") in (True, 1, "true", "True", "1"):
        data = content.get("data")
        return content | data if isinstance(data, dict) else content
    return read_error(content.get("error"))


def read_error(error: Any) -> A1Error:
    """An error object in any state."""
    if not isinstance(error, Mapping):
        return A1Error(0, _text(error, 200), None)
    said = identifier(error.get("code")) or ""
    code = int(said) if _CODE.fullmatch(said) else 0
    parameter = error.get("parameter")
    return A1Error(
        code, _text(error.get("description", ""), 500), None if parameter is None else _text(parameter, 50)
    )


def read_accepted(fields: Mapping[str, Any]) -> Accepted:
    """What A1 says of a message that it took."""
    inner = fields.get("data")
    if isinstance(inner, Mapping):
        fields = {**fields, **inner}
    parts = fields.get("parts")
    return Accepted(
        identifier(fields.get("message_id")),
        parts if isinstance(parts, int) and 0 < parts <= _MOST_PARTS else None,
        Price(_money(fields.get("price")), _money(fields.get("amount"))),
    )


def read_element(element: Any) -> Outcome | None:
    """One element of a bulk answer; None when it cannot be understood."""
    if not isinstance(element, Mapping):
        return None
    # An empty error is none; PHP writes one as a list.
    if element.get("error"):
        return read_error(element["error"]).outcome()
    accepted = read_accepted(element)
    return accepted if accepted.a1_id is not None else None


@dataclass(frozen=True, slots=True)
class Cost:
    """What A1 would charge for some messages, in BYN."""

    amount: Decimal
    messages: int
    """How many it is for: those that A1 would take."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """How many it would refuse, by reason."""


def read_cost(fields: Mapping[str, Any], messages: int) -> Cost | None:
    """A1's answer on what so many messages cost; None when it does not say that.

    One deployment answers for each message and the sum beside it, another the sum alone.
    """
    inner = fields.get("data")
    if isinstance(inner, Mapping):
        fields = {**fields, **inner}
    elements = fields.get("messages")
    if isinstance(elements, list) and len(elements) == messages:
        each = [_cost_of_one(element) for element in elements]
        amounts = [one for one in each if isinstance(one, Decimal)]
        refused = Counter(one for one in each if isinstance(one, str))
        if len(amounts) + refused.total() == messages:
            return Cost(sum(amounts, Decimal(0)), len(amounts), dict(refused))
    amount = _money(fields.get("amount"))
    return None if amount is None or amount < 0 else Cost(amount, messages)


def _cost_of_one(element: Any) -> Decimal | str | None:
    """The amount, or the reason why A1 would refuse it; None when it cannot be understood."""
    if not isinstance(element, Mapping):
        return None
    if element.get("error"):
        outcome = read_error(element["error"]).outcome()
        return outcome.reason if isinstance(outcome, Refused) else "refused_by_a1"
    amount = _money(element.get("amount"))
    return None if amount is None or amount < 0 else amount


@dataclass(frozen=True, slots=True)
class Balances:
    """What is left on the account, as A1 says it."""

    sms: Decimal
    """In BYN; below 0 when the account is in debt."""
    viber: Decimal | None
    """None when A1 says nothing of it: the contract may be for SMS alone."""


def read_balances(fields: Mapping[str, Any]) -> Balances | None:
    """A1's answer on what is left; None when it does not say what is left for SMS."""
    sms = _money(fields.get("sms"))
    return None if sms is None else Balances(sms, _money(fields.get("viber")))


def read_sender_names(fields: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names that A1 says are approved for SMS, in its order; None when it does not say.

    One that cannot be read makes the whole answer useless: a name left out would pass for one that is not approved.
    """
    listed = fields.get("sms")
    if not isinstance(listed, list):
        return None
    names = [identifier(each) for each in listed]
    found = tuple(name for name in names if name is not None)
    return found if len(found) == len(listed) else None


def says_there_is_none(status: Any) -> bool:
    """Whether A1 says, in so many words, that it has no such message. That it says nothing is no such word."""
    return isinstance(status, Mapping) and status.get("code") is not None and status_word(status["code"]) == "FALSE"


def read_standing(status: Any) -> Standing | None:
    """A message's status; None when A1 says that there is no such message, or says nothing."""
    if not isinstance(status, Mapping) or status.get("code") is None or says_there_is_none(status):
        return None
    word = status_word(status["code"])
    return Standing(word, meaning(word), identifier(status.get("message_id")), _text(status.get("name", ""), 200))


def identifier(value: Any) -> str | None:
    """One of A1's identifiers as text, whether it came as a number or as a text."""
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    with suppress(ArithmeticError):
        # 7001.0 is 7001; of what is too large for that, the text will do.
        if isinstance(value, (float, Decimal)) and value == value // 1:
            value = int(value)
    return _text(value, 100).strip() or None


def _text(value: Any, longest: int) -> str:
    """A value as text that can be written down: JSON can spell halves of characters."""
    return str(value)[:longest].encode("utf-8", "replace").decode()


def _money(value: Any) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        money = Decimal(str(value).replace(",", "."))
    except InvalidOperation:
        return None
    return money if money.is_finite() else None

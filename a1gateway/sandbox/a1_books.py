"""The simulated A1's books: what was submitted, what was accepted, and what becomes of it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from a1gateway.sandbox.a1_errors import MessageError
from a1gateway.sandbox.settings import A1Settings
from a1gateway.text import segments

MINSK = timezone(timedelta(hours=3))

_MSISDN = re.compile(r"\+?(375\d{9})", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_MOBILE_CODES = ("25", "29", "33", "44")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:00", re.ASCII)
_CUSTOM_ID_LENGTH = 20
_SENDER_LENGTH = 11
_TTL = range(40, 86401)

# A status as the polls give it: a number, or a word in its place.
Code = int | str

QUEUED: Code = 0
ON_ITS_WAY: Code = 5
UNKNOWN_WORD: Code = "SOMETHING_NEW"

NAMES: Mapping[Code, str] = {
    0: "Ожидает отправки",
    1: "Принято оператором",
    2: "Отклонено оператором",
    3: "Доставлено",
    4: "Не доставлено",
    5: "Доставляется",
    "EXPIRED": "Истёк срок доставки",
    UNKNOWN_WORD: "Новый статус",
}

_WORDS: Mapping[Code, str] = {
    0: "ENROUTE",
    1: "ENROUTE",
    2: "REJECTED",
    3: "DELIVERED",
    4: "UNDELIVERABLE",
    5: "ENROUTE",
}


def word(code: Code) -> str:
    """The word that callbacks use for `code`."""
    return _WORDS.get(code, str(code))


class Outcome(enum.Enum):
    """What becomes of an accepted message: the statuses it passes after `QUEUED`, the last one final."""

    DELIVERED = (ON_ITS_WAY, 3)
    REJECTED = (ON_ITS_WAY, 2)
    UNDELIVERABLE = (ON_ITS_WAY, 4)
    EXPIRED = (ON_ITS_WAY, "EXPIRED")
    NEVER_ENDS = (ON_ITS_WAY,)
    UNKNOWN_FIRST = (UNKNOWN_WORD, 3)


_OUTCOMES = {
    "00": Outcome.REJECTED,
    "01": Outcome.UNDELIVERABLE,
    "02": Outcome.EXPIRED,
    "03": Outcome.NEVER_ENDS,
    "05": Outcome.UNKNOWN_FIRST,
}
_STOP_LIST_ENDING = "04"


def outcome_for(msisdn: str) -> Outcome:
    """The outcome that the last two digits of a number stand for."""
    return _OUTCOMES.get(msisdn[-2:], Outcome.DELIVERED)


def is_mobile(digits: str) -> bool:
    """Whether `digits` are a Belarusian mobile number without +."""
    return "+" not in digits and _MSISDN.fullmatch(digits) is not None and digits[3:5] in _MOBILE_CODES


def stop_list_error(msisdn: str, settings: A1Settings) -> int | None:
    """The error of the stop list that the number is on, the customer's or the operator's; None when on neither."""
    if msisdn in settings.stop_list:
        return 101
    return 102 if msisdn.endswith(_STOP_LIST_ENDING) else None


def has_stop_word(text: str, settings: A1Settings) -> bool:
    """Whether A1 refuses the text for a word in it."""
    return any(stop_word in text.casefold() for stop_word in settings.stop_words)


@dataclass(frozen=True, slots=True)
class Submission:
    """A message that passed A1's checks; `msisdn` without +, `send_at` in Unix time."""

    msisdn: str
    text: str
    sender: str
    custom_id: str
    send_at: float | None

    @property
    def parts(self) -> int:
        """How many parts are charged for."""
        return segments(self.text)


def checked(fields: Mapping[str, Any], settings: A1Settings, now: float) -> Submission:
    """The fields of one message, checked. Raises MessageError on the first that is wrong."""
    values = {name: "" if value is None else str(value) for name, value in fields.items()}
    for required in ("msisdn", "text"):
        if required not in values:
            raise MessageError(1, required)
    number = _MSISDN.fullmatch(values["msisdn"].strip())
    if number is None:
        raise MessageError(100, "msisdn")
    msisdn = number.group(1)
    if msisdn[3:5] not in _MOBILE_CODES:
        raise MessageError(103, "msisdn")
    stopped = stop_list_error(msisdn, settings)
    if stopped is not None:
        raise MessageError(stopped, "msisdn")
    text = values["text"]
    if not text.strip():
        raise MessageError(105, "text")
    if has_stop_word(text, settings):
        raise MessageError(106, "text")
    sender = values.get("sender", "")
    if len(sender) > _SENDER_LENGTH:
        raise MessageError(2, "sender")
    if sender and sender not in settings.senders:
        raise MessageError(104, "sender")
    custom_id = values.get("custom_id", "")
    if len(custom_id) > _CUSTOM_ID_LENGTH:
        raise MessageError(2, "custom_id")
    ttl = values.get("ttl", "")
    if ttl and not (_NUMBER.fullmatch(ttl) and int(ttl) in _TTL):
        raise MessageError(5, "ttl")
    return Submission(msisdn, text, sender, custom_id, _sending_time(values.get("send_on_datetime", ""), now))


def _sending_time(text: str, now: float) -> float | None:
    if not text:
        return None
    if _DATE.fullmatch(text) is None:
        raise MessageError(3, "send_on_datetime")
    try:
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=MINSK).timestamp()
    except ValueError as error:
        raise MessageError(3, "send_on_datetime") from error
    if moment < now:
        raise MessageError(107, "send_on_datetime")
    return moment


@dataclass(frozen=True, slots=True)
class CallbackMade:
    """One attempt of a callback; `answer` is its HTTP status, None when there was none."""

    at: float
    status: str
    answer: int | None


@dataclass(slots=True)
class AcceptedMessage:
    """A message in the books."""

    message_id: int
    method: str
    submission: Submission
    accepted_at: float
    outcome: Outcome
    code: Code = QUEUED
    history: list[tuple[float, Code]] = field(default_factory=list)
    callbacks: list[CallbackMade] = field(default_factory=list)
    repeated: int = 0
    """How often it was submitted again, and refused for its `custom_id`."""

    def report(self) -> dict[str, Any]:
        """For the control route."""
        return {
            "transport": "http",
            "message_id": self.message_id,
            "custom_id": self.submission.custom_id,
            "method": self.method,
            "msisdn": self.submission.msisdn,
            "text": self.submission.text,
            "sender": self.submission.sender,
            "parts": self.submission.parts,
            "accepted_at": self.accepted_at,
            "code": self.code,
            "status": word(self.code),
            "history": [{"at": at, "code": code, "status": word(code)} for at, code in self.history],
            "callbacks": [{"at": made.at, "status": made.status, "answer": made.answer} for made in self.callbacks],
            "repeated": self.repeated,
        }


class Books:
    """Every accepted message, by its number and by the customer's."""

    def __init__(self, started: float) -> None:
        # Counting from the time of the start, numbers do not come again after a restart.
        self._last_id = int(started * 1000)
        self._by_id: dict[int, AcceptedMessage] = {}
        self._by_custom_id: dict[str, AcceptedMessage] = {}

    def accept(self, method: str, submission: Submission, now: float) -> AcceptedMessage:
        """Enters a message. Raises MessageError (20) when its `custom_id` is in the books already."""
        known = self._by_custom_id.get(submission.custom_id)
        if known is not None:
            known.repeated += 1
            raise MessageError(20, "custom_id")
        message = AcceptedMessage(
            self.new_id(), method, submission, now, outcome_for(submission.msisdn), history=[(now, QUEUED)]
        )
        self._by_id[message.message_id] = message
        if submission.custom_id:
            self._by_custom_id[submission.custom_id] = message
        return message

    def new_id(self) -> int:
        """A number that nothing has had."""
        self._last_id += 1
        return self._last_id

    def by_id(self, message_id: str) -> AcceptedMessage | None:
        """The message with A1's own number."""
        return self._by_id.get(int(message_id)) if _NUMBER.fullmatch(message_id) else None

    def by_custom_id(self, custom_id: str) -> AcceptedMessage | None:
        """The message with the customer's number."""
        return self._by_custom_id.get(custom_id)

    def messages(self) -> Iterable[AcceptedMessage]:
        """All messages, oldest first."""
        return self._by_id.values()

    def charged(self) -> int:
        """Parts accepted so far."""
        return sum(message.submission.parts for message in self._by_id.values())

    def clear(self) -> None:
        """Forgets every message; numbers go on."""
        self._by_id.clear()
        self._by_custom_id.clear()

"""What a deliver_sm or data_sm brings: a receipt, or a piece of a subscriber's message (SMPP 3.4, 5.2.12 and
appendix B; TS 23.038, 4; TS 23.040, 9.2.3.24).

Centres take every liberty with receipts, and none may be lost for it, so nothing here raises: what cannot be read is
not there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...message import Status
from ...text import gsm_decode
from .encoding import WITH_HEADER
from .pdu import Pdu

_Elements = Sequence[tuple[int, bytes]]
"""Information elements of a user data header: identifier and data."""

_MESSAGE_TYPE = 0x3C
_RECEIPT = 0x04
_INTERMEDIATE = 0x20

# SMPP 3.4, 5.2.28.
_STATES = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}

# The words of appendix B, those of later versions of SMPP, and what centres write in their place.
_MEANINGS = {
    "DELIVRD": Status.DELIVERED,
    "DELIVERED": Status.DELIVERED,
    "EXPIRED": Status.EXPIRED,
    "UNDELIV": Status.UNDELIVERABLE,
    "UNDELIVERABLE": Status.UNDELIVERABLE,
    "UNDELIVERED": Status.UNDELIVERABLE,
    "DELETED": Status.UNDELIVERABLE,
    "REJECTD": Status.REJECTED,
    "REJECTED": Status.REJECTED,
    "ENROUTE": Status.SENT,
    "EN_ROUTE": Status.SENT,
    "ACCEPTD": Status.SENT,
    "ACCEPTED": Status.SENT,
    "SCHEDULED": Status.SENT,
    "BUFFERED": Status.SENT,
    "PENDING": Status.SENT,
    "QUEUED": Status.SENT,
    "SUBMITTED": Status.SENT,
    "SENT": Status.SENT,
}

_GSM = "gsm"
_UCS2 = "utf-16-be"
# SMPP 3.4, 5.2.19: what is below 0x10 differs from TS 23.038. 6 is Cyrillic.
_CODECS = {0: _GSM, 1: "ascii", 3: "latin-1", 6: "iso8859-5", 8: _UCS2}
# TS 23.038, 4: the alphabet in bits 3 and 2 of the groups below.
_ALPHABETS = (_GSM, None, _UCS2, None)

# Far more than a word or an error code needs; both end up in the log.
_LONGEST_WORD = 100

_ADDRESS = re.compile(r"\+?([0-9]+)")
_LABEL = re.compile(
    r"(?<![^\s,;|])(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)[ \t]?:", re.ASCII | re.IGNORECASE
)
_USED = ("id", "stat", "err")
_DATE = re.compile(r"[0-9\s:./+\-,;|]*")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A centre's word on one message that was submitted, or on one part of it."""

    identifier: str | None
    """The centre's identifier of what was submitted, as it came but for blanks around it; None when there is none."""
    word: str
    """The state in the centre's own word, in capitals and at most 100 characters; empty when there is none."""
    status: Status | None
    """What that means; None for `UNKNOWN` and for words that nobody knows. Of an intermediate notification `SENT`
    at most."""
    number: str | None
    """The subscriber's digits, without `+`; None when the receipt does not come from a number."""
    reference: int | None
    """The user_message_reference that the message was submitted with, 0 to 65535; None when it did not come back."""
    error: str
    """The centre's or the network's error code; empty when there is none. What codes mean is each centre's own."""
    intermediate: bool
    """Whether it is an intermediate notification: the final receipt is still to come."""
    at: float
    """When it came, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class SubscriberPart:
    """A message from a subscriber, or one part of it."""

    source: str
    """The subscriber's address, as it came."""
    destination: str
    data_coding: int
    octets: bytes
    """What was written, without the user data header; `read_text` reads it."""
    reference: int | None
    """What tells the parts of one message from those of another from the same source; None when it is whole."""
    total: int
    """Of how many parts the message is, 1 to 255."""
    number: int
    """Which of them this is, from 1 to `total`."""
    at: float
    """When it came, seconds since the epoch."""


def state_word(number: int) -> str:
    """The word of appendix B for a message_state, in a receipt or a query_sm_resp; for another number its digits."""
    return _STATES.get(number) or f"{number}"


def meaning(word: str) -> Status | None:
    """The status that a centre's word stands for, in any letter case; None for UNKNOWN and words nobody knows."""
    return _MEANINGS.get(word.strip().upper())


def read_delivery(pdu: Pdu, at: float) -> Receipt | SubscriberPart:
    """What a deliver_sm or data_sm that came at `at` brings; never raises on what `pdu.decode` gives.

    It is a receipt when its esm_class says so, or when it has the two optional parameters that only receipts have. A
    text that merely looks like a receipt is a subscriber's: anybody could write one.
    """
    kind = pdu.number("esm_class") & _MESSAGE_TYPE
    elements, octets = _divided(pdu)
    if kind in (_RECEIPT, _INTERMEDIATE) or (pdu.tlv_text("receipted_message_id") and pdu.tlv("message_state")):
        return _receipt(pdu, octets, kind == _INTERMEDIATE, at)
    reference, total, number = _place(pdu, elements)
    return SubscriberPart(
        source=pdu.text("source_addr"),
        destination=pdu.text("destination_addr"),
        data_coding=pdu.number("data_coding"),
        octets=octets,
        reference=reference,
        total=total,
        number=number,
        at=at,
    )


def read_text(parts: Sequence[bytes], data_coding: int) -> str:
    """The text of a subscriber's message from the octets of its parts, in order; never raises.

    What is no character becomes U+FFFD. Of binary data and of alphabets that are not known here: the octets as
    hexadecimal digits.
    """
    # Joined first: a sender may have cut an escape sequence or a surrogate pair in two.
    octets = b"".join(parts)
    codec = _codec(data_coding)
    if codec is None:
        return octets.hex()
    return gsm_decode(octets) if codec == _GSM else octets.decode(codec, "replace")


def _receipt(pdu: Pdu, octets: bytes, intermediate: bool, at: float) -> Receipt:
    fields = _receipt_fields(octets, _codec(pdu.number("data_coding")))
    word = _word(_number(pdu, "message_state"), fields.get("stat", ""))
    status = meaning(word)
    number = _ADDRESS.fullmatch(pdu.text("source_addr").strip())
    error = fields.get("err") or _network_error(pdu.tlv("network_error_code"))
    return Receipt(
        identifier=(pdu.tlv_text("receipted_message_id") or "").strip() or fields.get("id"),
        word=word,
        status=Status.SENT if intermediate and status is not None else status,
        number=number[1] if number else None,
        reference=_number(pdu, "user_message_reference"),
        error=error[:_LONGEST_WORD],
        intermediate=intermediate,
        at=at,
    )


def _word(state: int | None, said: str) -> str:
    """The word for a message_state; where that is missing or none of the standard's, what the text said."""
    if state is None or (said and state not in _STATES):
        return said.upper()[:_LONGEST_WORD]
    return state_word(state)


def _network_error(octets: bytes | None) -> str:
    """A network_error_code as its network type and its code, `3:11` (SMPP 3.4, 5.3.2.31)."""
    if not octets:
        return ""
    return f"{octets[0]}:{int.from_bytes(octets[1:])}" if len(octets) == 3 else octets.hex()


def _receipt_fields(octets: bytes, codec: str | None) -> dict[str, str]:
    # Some centres give a receipt the data_coding of the message, and write plain ASCII under any. Never in the GSM
    # alphabet, where an identifier's underscore would become a section sign: no submit_sm_resp would match.
    in_ucs2 = _fields(octets.decode(_UCS2, "replace")) if codec == _UCS2 else {}
    return in_ucs2 or _fields(octets.decode("latin-1"))


def _fields(text: str) -> dict[str, str]:
    """The fields of a receipt's text (appendix B) that are used, without those that are empty.

    Behind `text:` stands the beginning of the message itself, which may hold `id:` and `stat:` like any other text.
    By the standard nothing follows it, so what stands before it counts. But centres that mix the order put fields
    behind it too. Hence a label that is missing before it is looked for there, and only at the very end, where
    nothing but fields follow each other: from the last one backwards until one comes that was there already or that
    has several words to it. What is before that is the message's.
    """
    # A byte order mark, or a NUL at the end as C has it, is no part of a label or a value.
    text = text.replace("\0", "").removeprefix("\ufeff")
    _, *cut = _LABEL.split(text)
    pieces = [(label.lower(), value) for label, value in zip(cut[::2], cut[1::2], strict=True)]
    names = [name for name, _ in pieces]
    border = names.index("text") if "text" in names else len(names)
    found: dict[str, str] = {}
    for name, value in pieces[:border]:
        found.setdefault(name, value)
    for name, value in reversed(pieces[border + 1 :]):
        if name in found or name == "text" or not _is_field(name, value):
            break
        found[name] = value
    return {name: words[0] for name in _USED if (words := _words(found.get(name, "")))}


def _is_field(name: str, value: str) -> bool:
    return bool(_DATE.fullmatch(value)) if name.endswith("date") else len(_words(value)) <= 1


def _words(value: str) -> list[str]:
    """The words of a value, without the punctuation that some centres put between fields."""
    return [word for each in value.split() if (word := each.strip(",;|"))]


def _divided(pdu: Pdu) -> tuple[_Elements, bytes]:
    """The elements of the user data header and what is behind it; a header that does not add up is none."""
    octets = pdu.octets("short_message") or pdu.tlv("message_payload") or b""
    if not pdu.number("esm_class") & WITH_HEADER or not octets:
        return (), octets
    end = 1 + octets[0]
    elements: list[tuple[int, bytes]] = []
    position = 1
    while position + 2 <= end <= len(octets):
        data = position + 2
        position = data + octets[position + 1]
        elements.append((octets[data - 2], octets[data:position]))
    return (elements, octets[end:]) if position == end else ((), octets)


def _place(pdu: Pdu, elements: _Elements) -> tuple[int | None, int, int]:
    """Reference, total and number of a part; None, 1, 1 for what is whole or says nothing sensible."""
    # Of several elements that exclude each other the last one counts (TS 23.040, 9.2.3.24).
    for identifier, data in reversed(elements):
        if (identifier, len(data)) in ((0x00, 3), (0x08, 4)) and 1 <= data[-1] <= data[-2] > 1:
            return int.from_bytes(data[:-2]), data[-2], data[-1]
    names = ("sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum")
    reference, total, number = (_number(pdu, name) for name in names)
    if reference is None or total is None or number is None or not 1 <= number <= total <= 255 or total == 1:
        return None, 1, 1
    return reference, total, number


def _number(pdu: Pdu, name: str) -> int | None:
    """An optional integer, none of which is wider than two octets; None when it is not there or makes no sense."""
    value = pdu.tlv_number(name)
    return value if value is not None and value <= 0xFFFF else None


def _codec(data_coding: int) -> str | None:
    """The alphabet of a data_coding: `_GSM` or one of Python's codecs; None for binary data and what is not known."""
    match data_coding >> 4:
        case 0x0:
            return _CODECS.get(data_coding)
        case 0x1 | 0x4 | 0x5:  # not compressed; with a message class, to be deleted, both
            return _ALPHABETS[data_coding >> 2 & 3]
        case 0xC | 0xD:  # messages are waiting
            return _GSM
        case 0xE:
            return _UCS2
        case 0xF:  # with a message class
            return None if data_coding & 4 else _GSM
    return None

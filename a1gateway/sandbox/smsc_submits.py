"""What a submit_sm asks of the simulated SMSC, checked (SMPP 3.4, 4.4.1; TS 23.040, 9.2.3.24)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu
from a1gateway.sandbox import smsc_text
from a1gateway.sandbox.a1_books import has_stop_word, is_mobile, stop_list_error
from a1gateway.sandbox.settings import A1Settings

# SMPP 3.4, 5.1.3; the gateway has no use for these.
INVALID_MESSAGE_LENGTH = 0x01
INVALID_ESM_CLASS = 0x43

_WITH_HEADER = 0x40
_ALPHANUMERIC = 5
_TONS = range(7)
_UNKNOWN_OR_INTERNATIONAL = (0, 1)
_UNKNOWN_OR_ISDN = (0, 1)
# What the air takes of one SMS.
_OCTETS = 140


class Refused(Exception):
    """A submit_sm that is answered with the status `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of which message: `reference` as the sender numbers its messages, `number` from 1 to `total`."""

    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True)
class SubmittedPart:
    """A submit_sm that has passed the checks; `msisdn` without +."""

    msisdn: str
    sender: str
    sender_ton: int
    sender_npi: int
    data_coding: int
    octets: bytes
    """Of the text alone."""
    text: str
    place: Place | None
    """None for a message of one part."""
    user_message_reference: int | None
    registered_delivery: int


def read_submit(pdu: Pdu, settings: A1Settings) -> SubmittedPart:
    """The part in a submit_sm. Raises Refused at the first thing that is wrong."""
    msisdn = _destination(pdu)
    _check_source(pdu, settings)
    header, octets = _divided(pdu)
    data_coding = pdu.number("data_coding")
    text = smsc_text.read(octets, data_coding)
    if text is None:
        raise Refused(CommandStatus.SUBMIT_FAILED)
    _check_length(header, octets, data_coding)
    if stop_list_error(msisdn, settings) is not None or has_stop_word(text, settings):
        raise Refused(CommandStatus.REJECTED)
    return SubmittedPart(
        msisdn=msisdn,
        sender=pdu.text("source_addr"),
        sender_ton=pdu.number("source_addr_ton"),
        sender_npi=pdu.number("source_addr_npi"),
        data_coding=data_coding,
        octets=octets,
        text=text,
        place=_place(pdu, header),
        user_message_reference=pdu.tlv_number("user_message_reference"),
        registered_delivery=pdu.number("registered_delivery"),
    )


def _destination(pdu: Pdu) -> str:
    if pdu.number("dest_addr_ton") not in _UNKNOWN_OR_INTERNATIONAL:
        raise Refused(CommandStatus.INVALID_DESTINATION_TON)
    if pdu.number("dest_addr_npi") not in _UNKNOWN_OR_ISDN:
        raise Refused(CommandStatus.INVALID_DESTINATION_NPI)
    msisdn = pdu.text("destination_addr")
    if not is_mobile(msisdn):
        raise Refused(CommandStatus.INVALID_DESTINATION)
    return msisdn


def _check_source(pdu: Pdu, settings: A1Settings) -> None:
    """The sender is one of the customer's names, or A1's own number when none is given."""
    sender, ton = pdu.text("source_addr"), pdu.number("source_addr_ton")
    if sender and sender not in settings.senders:
        raise Refused(CommandStatus.INVALID_SOURCE)
    if ton not in _TONS or (sender and ton != _ALPHANUMERIC):
        raise Refused(CommandStatus.INVALID_SOURCE_TON)


def _divided(pdu: Pdu) -> tuple[bytes, bytes]:
    """The user data header, with its length in front, and what is behind it."""
    octets = pdu.octets("short_message") or pdu.tlv("message_payload") or b""
    if not pdu.number("esm_class") & _WITH_HEADER:
        return b"", octets
    if not octets or len(octets) < 1 + octets[0]:
        raise Refused(INVALID_ESM_CLASS)
    return octets[: 1 + octets[0]], octets[1 + octets[0] :]


def _check_length(header: bytes, octets: bytes, data_coding: int) -> None:
    room = _OCTETS - len(header)
    if data_coding == smsc_text.GSM:
        # Eight bits hold the header, seven a character.
        room = room * 8 // 7
    odd = data_coding == smsc_text.UCS2 and len(octets) % 2
    if not 1 <= len(octets) <= room or odd:
        raise Refused(INVALID_MESSAGE_LENGTH)


def _place(pdu: Pdu, header: bytes) -> Place | None:
    for identifier, data in _elements(header):
        if (identifier, len(data)) in ((0x00, 3), (0x08, 4)):
            return _checked(int.from_bytes(data[:-2]), data[-2], data[-1])
    sar = [pdu.tlv_number(name) for name in ("sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum")]
    reference, total, number = sar
    if reference is None or total is None or number is None:
        return None
    return _checked(reference, total, number)


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    position = 1
    while position + 2 <= len(header):
        end = position + 2 + header[position + 1]
        yield header[position], header[position + 2 : end]
        position = end
    if header and position != len(header):
        raise Refused(INVALID_ESM_CLASS)


def _checked(reference: int, total: int, number: int) -> Place | None:
    if not 1 <= number <= total <= 255:
        raise Refused(INVALID_ESM_CLASS)
    return Place(reference, total, number) if total > 1 else None

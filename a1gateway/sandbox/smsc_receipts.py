"""What a receipt of the simulated SMSC looks like (SMPP 3.4, appendix B), with the oddities of other centres."""

from __future__ import annotations

import random
from datetime import datetime

from a1gateway.sandbox.a1_books import MINSK, Code
from a1gateway.sandbox.settings import A1Settings, ReceiptCase, ReceiptField, ReceiptOrder
from a1gateway.sandbox.smsc_books import AcceptedPart
from a1gateway.sandbox.smsc_deliveries import Delivery, Kind
from a1gateway.sandbox.smsc_identifiers import written
from a1gateway.sandbox.smsc_states import State, state_of
from a1gateway.sandbox.smsc_text import UCS2

_INTERMEDIATE = 0x20
_MESSAGE_TYPE = 0x3C
_INTERNATIONAL = 1
_ISDN = 1
_QUOTED = 20  # characters of the message
_SHORT_MESSAGE = 254  # octets
_QUOTE = "id:99999 stat:REJECTD"


def receipt(
    part: AcceptedPart,
    code: Code,
    settings: A1Settings,
    now: float,
    *,
    kind: Kind = Kind.RECEIPT,
    serial: int | None = None,
) -> Delivery:
    """The receipt that `part` got the status `code`; with a `serial`, it names that in the place of the part's."""
    state = state_of(code)
    identifier = _identifier(part, settings, serial)
    fields: dict[str, int | str | bytes] = {
        "source_addr_ton": _INTERNATIONAL,
        "source_addr_npi": _ISDN,
        "source_addr": part.submitted.msisdn,
        "dest_addr_ton": part.submitted.sender_ton,
        "dest_addr_npi": part.submitted.sender_npi,
        "destination_addr": part.submitted.sender,
        "esm_class": _esm_class(kind, settings),
        "data_coding": settings.smpp_receipt_data_coding,
    }
    tlvs: dict[str, int | str | bytes] = {}
    if settings.smpp_receipt_tlvs:
        # A string gets its NUL when it is encoded, octets do not.
        tlvs["receipted_message_id"] = identifier if settings.smpp_receipt_tlv_nul else identifier.encode()
        tlvs["message_state"] = state.number
    if settings.smpp_receipt_reference and part.submitted.user_message_reference is not None:
        tlvs["user_message_reference"] = part.submitted.user_message_reference
    if settings.smpp_receipt_text:
        octets = _octets(_text(part, identifier, state, settings, now), settings)
        if len(octets) <= _SHORT_MESSAGE:
            fields["short_message"] = octets
        else:
            tlvs["message_payload"] = octets
    about = {"part": part.number, "message_id": identifier, "word": state.word}
    return Delivery(kind, now, fields, tlvs, about)


def _identifier(part: AcceptedPart, settings: A1Settings, serial: int | None) -> str:
    form = settings.smpp_receipt_identifier
    if serial is not None:
        return written(form or settings.smpp_identifier, serial)
    return part.identifier if form is None else written(form, part.serial)


def _esm_class(kind: Kind, settings: A1Settings) -> int:
    chosen = settings.smpp_receipt_esm_class
    return chosen & ~_MESSAGE_TYPE | _INTERMEDIATE if kind is Kind.INTERMEDIATE else chosen


def _text(part: AcceptedPart, identifier: str, state: State, settings: A1Settings, now: float) -> str:
    if settings.smpp_receipt_disagrees:
        identifier = f"{part.serial + 1_000_000}"
        state = state_of("UNDELIV" if state.word == "DELIVRD" else "DELIVRD")
    delivered = state.word == "DELIVRD"
    quoted = _QUOTE if settings.smpp_receipt_quotes else part.submitted.text[:_QUOTED]
    values = {
        ReceiptField.ID: identifier,
        ReceiptField.SUB: "001",
        ReceiptField.DLVRD: "001" if delivered else "000",
        ReceiptField.SUBMIT_DATE: _minute(part.accepted_at),
        ReceiptField.DONE_DATE: _minute(now),
        ReceiptField.STAT: _cased(state.word, settings),
        ReceiptField.ERR: "011" if state.final and not delivered else "000",
        ReceiptField.TEXT: quoted,
    }
    shown = [each for each in ReceiptField if each not in settings.smpp_receipt_without]
    if settings.smpp_receipt_order is ReceiptOrder.SHUFFLED:
        random.Random(part.serial).shuffle(shown)  # noqa: S311 - nothing secret hangs on it
    return " ".join(f"{_label(each, settings)}:{values[each]}" for each in shown)


def _label(name: ReceiptField, settings: A1Settings) -> str:
    match settings.smpp_receipt_case:
        case ReceiptCase.UPPER:
            return name.upper()
        case ReceiptCase.CAPITALISED:
            return name.title()
        case _:
            return name.value


def _cased(state_word: str, settings: A1Settings) -> str:
    match settings.smpp_receipt_case:
        case ReceiptCase.LOWER:
            return state_word.lower()
        case ReceiptCase.CAPITALISED:
            return state_word.capitalize()
        case _:
            return state_word


def _minute(moment: float) -> str:
    return datetime.fromtimestamp(moment, MINSK).strftime("%y%m%d%H%M")


def _octets(text: str, settings: A1Settings) -> bytes:
    if settings.smpp_receipt_data_coding == UCS2:
        return text.encode("utf-16-be", "replace")
    return text.encode("ascii", "replace")

"""What every status of a submit_sm_resp makes of a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Trouble
from a1gateway.carriers.smpp.answers import GATEWAY_FAULT, Advice, read_error
from a1gateway.carriers.smpp.pdu import Pdu, status_name

SLOW = (Advice.SLOW_DOWN, "throttled")
LATER = (Advice.LATER, "not_taken")
RECIPIENT = (Advice.FINAL, "bad_recipient")
SENDER = (Advice.FINAL, "sender_not_approved")
REFUSED = (Advice.FINAL, "refused_by_smsc")
FORM = (Advice.FINAL, GATEWAY_FAULT)
PDU = (Advice.UNKNOWN, GATEWAY_FAULT)
UNKNOWN = (Advice.UNKNOWN, "refused_by_smsc")

# SMPP 3.4, table 5-2, in its order.
TABLE = {
    "ESME_RINVMSGLEN": (0x01, FORM),
    "ESME_RINVCMDLEN": (0x02, PDU),
    "ESME_RINVCMDID": (0x03, PDU),
    "ESME_RINVBNDSTS": (0x04, LATER),
    "ESME_RALYBND": (0x05, LATER),
    "ESME_RINVPRTFLG": (0x06, FORM),
    "ESME_RINVREGDLVFLG": (0x07, FORM),
    "ESME_RSYSERR": (0x08, LATER),
    "ESME_RINVSRCADR": (0x0A, SENDER),
    "ESME_RINVDSTADR": (0x0B, RECIPIENT),
    "ESME_RINVMSGID": (0x0C, UNKNOWN),
    "ESME_RBINDFAIL": (0x0D, LATER),
    "ESME_RINVPASWD": (0x0E, LATER),
    "ESME_RINVSYSID": (0x0F, LATER),
    "ESME_RCANCELFAIL": (0x11, UNKNOWN),
    "ESME_RREPLACEFAIL": (0x13, UNKNOWN),
    "ESME_RMSGQFUL": (0x14, SLOW),
    "ESME_RINVSERTYP": (0x15, FORM),
    "ESME_RINVNUMDESTS": (0x33, FORM),
    "ESME_RINVDLNAME": (0x34, FORM),
    "ESME_RINVDESTFLAG": (0x40, FORM),
    "ESME_RINVSUBREP": (0x42, FORM),
    "ESME_RINVESMCLASS": (0x43, FORM),
    "ESME_RCNTSUBDL": (0x44, FORM),
    "ESME_RSUBMITFAIL": (0x45, UNKNOWN),
    "ESME_RINVSRCTON": (0x48, SENDER),
    "ESME_RINVSRCNPI": (0x49, SENDER),
    "ESME_RINVDSTTON": (0x50, RECIPIENT),
    "ESME_RINVDSTNPI": (0x51, RECIPIENT),
    "ESME_RINVSYSTYP": (0x53, LATER),
    "ESME_RINVREPFLAG": (0x54, FORM),
    "ESME_RINVNUMMSGS": (0x55, FORM),
    "ESME_RTHROTTLED": (0x58, SLOW),
    "ESME_RINVSCHED": (0x61, FORM),
    "ESME_RINVEXPIRY": (0x62, FORM),
    "ESME_RINVDFTMSGID": (0x63, FORM),
    "ESME_RX_T_APPN": (0x64, LATER),
    "ESME_RX_P_APPN": (0x65, REFUSED),
    "ESME_RX_R_APPN": (0x66, REFUSED),
    "ESME_RQUERYFAIL": (0x67, UNKNOWN),
    "ESME_RINVOPTPARSTREAM": (0xC0, FORM),
    "ESME_ROPTPARNOTALLWD": (0xC1, FORM),
    "ESME_RINVPARLEN": (0xC2, FORM),
    "ESME_RMISSINGOPTPARAM": (0xC3, FORM),
    "ESME_RINVOPTPARAMVAL": (0xC4, FORM),
    "ESME_RDELIVERYFAILURE": (0xFE, UNKNOWN),
    "ESME_RUNKNOWNERR": (0xFF, UNKNOWN),
}
NUMBERS = {number for number, _ in TABLE.values()}


@pytest.mark.parametrize("command", ["submit_sm_resp", "generic_nack"])
@pytest.mark.parametrize(("code", "number", "meant"), [(code, *row) for code, row in TABLE.items()], ids=TABLE)
def test_what_a_status_says(command: str, code: str, number: int, meant: tuple[Advice, str]) -> None:
    error = read_error(Pdu(command, number, 1))
    assert error is not None
    assert (error.code, (error.advice, error.reason)) == (code, meant)
    assert error.trouble.code == code
    assert code in str(error.trouble)
    # It is about this message: the gate is told of the link by the link itself.
    assert error.trouble.trouble is Trouble.LATER


def test_no_status_of_the_standard_is_forgotten() -> None:
    assert {number for number in range(1, 0x400) if not status_name(number).startswith("0x")} == NUMBERS


@given(st.integers(0, 0xFFFFFFFF).filter(lambda number: number and number not in NUMBERS))
def test_what_the_standard_does_not_know_is_tried_some_times(number: int) -> None:
    error = read_error(Pdu("submit_sm_resp", number, 1))
    assert error is not None
    assert (error.advice, error.reason) == UNKNOWN
    assert error.code == f"0x{number:08X}"


def test_a_part_is_taken_only_by_the_answer_that_says_so() -> None:
    assert read_error(Pdu("submit_sm_resp", 0, 1, {"message_id": "7001"})) is None
    assert read_error(Pdu("submit_sm_resp", 0, 1)) is None
    nack = read_error(Pdu("generic_nack", 0, 1))
    assert nack is not None
    assert (nack.advice, nack.code) == (Advice.UNKNOWN, "generic_nack")

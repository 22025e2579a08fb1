"""What the status of a submit_sm_resp says (SMPP 3.4, 5.1.3), as the one outcome of the part that it answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..outcome import LinkTrouble, Trouble
from .pdu import CommandStatus, Pdu, status_name

GATEWAY_FAULT = "gateway_fault"
"""The reason of a message that A1 refuses for the form in which the gateway put it."""


class Advice(enum.Enum):
    """What to do about an error."""

    SLOW_DOWN = "slow down"
    """A1 has had too much; the message goes again."""
    LATER = "later"
    """A1 cannot take it now; the message goes again."""
    FINAL = "final"
    """A1 will never take it."""
    UNKNOWN = "unknown"
    """The standard does not say; some tries are worth it."""


@dataclass(frozen=True, slots=True)
class Error:
    """A1 has answered a submit with an error."""

    advice: Advice
    reason: str
    """Why a message fails with it: short and stable, for the journal and the metrics."""
    code: str
    """The standard's name of the status, or its number."""

    @property
    def trouble(self) -> LinkTrouble:
        """The same for a message that is to go again."""
        return LinkTrouble(Trouble.LATER, f"A1's SMSC answers {self.code}", code=self.code)


_SLOW_DOWN = frozenset({CommandStatus.THROTTLED, CommandStatus.QUEUE_FULL})
_LATER = frozenset(
    {
        CommandStatus.SYSTEM_ERROR,
        CommandStatus.TEMPORARY,
        # These are about the bind or the account, and no fault of the message.
        CommandStatus.INVALID_BIND_STATUS,
        CommandStatus.ALREADY_BOUND,
        CommandStatus.BIND_FAILED,
        CommandStatus.INVALID_PASSWORD,
        CommandStatus.INVALID_SYSTEM_ID,
        CommandStatus.INVALID_SYSTEM_TYPE,
    }
)
_FINAL = {
    CommandStatus.INVALID_DESTINATION: "bad_recipient",
    CommandStatus.INVALID_DESTINATION_TON: "bad_recipient",
    CommandStatus.INVALID_DESTINATION_NPI: "bad_recipient",
    CommandStatus.INVALID_SOURCE: "sender_not_approved",
    CommandStatus.INVALID_SOURCE_TON: "sender_not_approved",
    CommandStatus.INVALID_SOURCE_NPI: "sender_not_approved",
    CommandStatus.PERMANENT: "refused_by_smsc",
    CommandStatus.REJECTED: "refused_by_smsc",
}
# Lengths, classes, flags, times, optional parameters: what the gateway wrote into the PDU.
_FORM = frozenset(
    {
        "ESME_RINVMSGLEN",
        "ESME_RINVPRTFLG",
        "ESME_RINVREGDLVFLG",
        "ESME_RINVSERTYP",
        "ESME_RINVNUMDESTS",
        "ESME_RINVDLNAME",
        "ESME_RINVDESTFLAG",
        "ESME_RINVSUBREP",
        "ESME_RINVESMCLASS",
        "ESME_RCNTSUBDL",
        "ESME_RINVREPFLAG",
        "ESME_RINVNUMMSGS",
        "ESME_RINVSCHED",
        "ESME_RINVEXPIRY",
        "ESME_RINVDFTMSGID",
        "ESME_RINVOPTPARSTREAM",
        "ESME_ROPTPARNOTALLWD",
        "ESME_RINVPARLEN",
        "ESME_RMISSINGOPTPARAM",
        "ESME_RINVOPTPARAMVAL",
    }
)
# The PDU as such was not understood, which may have been the connection's fault.
_PDU = frozenset({CommandStatus.INVALID_LENGTH, CommandStatus.INVALID_COMMAND})


def read_error(answer: Pdu) -> Error | None:
    """The error that answers a submit; None when A1 has taken the part."""
    status = answer.status
    if status == CommandStatus.OK:
        # A nack says no, even where it does not say why.
        nack = answer.command == "generic_nack"
        return Error(Advice.UNKNOWN, "refused_by_smsc", answer.command) if nack else None
    code = status_name(status)
    if status in _SLOW_DOWN:
        return Error(Advice.SLOW_DOWN, "throttled", code)
    if status in _LATER:
        return Error(Advice.LATER, "not_taken", code)
    if status in _FINAL:
        return Error(Advice.FINAL, _FINAL[CommandStatus(status)], code)
    if code in _FORM:
        return Error(Advice.FINAL, GATEWAY_FAULT, code)
    # The vendors' own, and what answers other requests or says nothing: ESME_RSUBMITFAIL, ESME_RUNKNOWNERR.
    return Error(Advice.UNKNOWN, GATEWAY_FAULT if status in _PDU else "refused_by_smsc", code)

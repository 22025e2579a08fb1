"""What the simulated SMSC sends that it should not, or ends of its own accord."""

from __future__ import annotations

import enum

from a1gateway.sandbox.faults import SmppFault
from a1gateway.sandbox.smsc_session import Session

_DELIVER_SM = 0x00000005
_RESERVED = 0x00000042  # no command of SMPP 3.4
_NONSENSE = b"\xff" * 24
_SHORT = 8
_HUGE = 0x7FFFFFFF


class Disturbance(enum.StrEnum):
    """What can be done to a link; the names of the faults that do the same, and two more."""

    UNBIND = SmppFault.UNBIND
    GARBAGE = SmppFault.GARBAGE
    SHORT_LENGTH = SmppFault.SHORT_LENGTH
    HUGE_LENGTH = SmppFault.HUGE_LENGTH
    UNKNOWN_COMMAND = SmppFault.UNKNOWN_COMMAND
    ENQUIRE_LINK = "enquire_link"
    CUT = "cut"


FAULTS = tuple(each.value for each in Disturbance if each.value in set(SmppFault))


def disturb(session: Session, kind: Disturbance) -> None:
    """Does it now."""
    match kind:
        case Disturbance.UNBIND:
            session.tasks.start(_unbind(session))
        case Disturbance.ENQUIRE_LINK:
            session.tasks.start(enquire(session))
        case Disturbance.GARBAGE:
            session.write(_pdu(_DELIVER_SM, session.next_sequence(), _NONSENSE))
        case Disturbance.UNKNOWN_COMMAND:
            session.write(_pdu(_RESERVED, session.next_sequence(), b""))
        case Disturbance.SHORT_LENGTH:
            session.write(_SHORT.to_bytes(4) + _DELIVER_SM.to_bytes(4))
        case Disturbance.HUGE_LENGTH:
            session.write(_HUGE.to_bytes(4) + _pdu(_DELIVER_SM, session.next_sequence(), _NONSENSE)[4:])
        case Disturbance.CUT:
            session.cut()


async def enquire(session: Session) -> None:
    """Asks whether the ESME is there, and ends the connection when there is no answer in time."""
    if await session.ask("enquire_link") is None:
        session.cut()


async def _unbind(session: Session) -> None:
    await session.ask("unbind")
    session.close()


def _pdu(command: int, sequence: int, body: bytes) -> bytes:
    return b"".join(part.to_bytes(4) for part in (16 + len(body), command, 0, sequence)) + body

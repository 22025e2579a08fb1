"""The simulated A1's SMSC: binds, submits, queries, and what it hands to whoever is bound to receive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from hmac import compare_digest
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu
from a1gateway.sandbox.a1_books import MINSK, Code
from a1gateway.sandbox.bucket import LeakyBucket
from a1gateway.sandbox.faults import Fault, Faults, SmppFault
from a1gateway.sandbox.settings import A1Settings, Adjustable
from a1gateway.sandbox.smsc_books import AcceptedPart, SmppBooks, SmppMessage
from a1gateway.sandbox.smsc_deliveries import Outbox
from a1gateway.sandbox.smsc_disturbances import FAULTS as DISTURBING
from a1gateway.sandbox.smsc_disturbances import Disturbance, disturb, enquire
from a1gateway.sandbox.smsc_life import LIFE_FAULTS, SmppLives
from a1gateway.sandbox.smsc_session import Bind, Session
from a1gateway.sandbox.smsc_states import state_of
from a1gateway.sandbox.smsc_submits import Refused, read_submit
from a1gateway.sandbox.smsc_subscribers import SubscriberMessage, Subscribers
from a1gateway.sandbox.tasks import Tasks

SYSTEM_ID = "A1-SMSC"
"""How it names itself to an ESME."""

_VERSION = 0x34
_LINK_COMMANDS = ("enquire_link", "unbind")


class SandboxSmsc(Factory):
    """A1 as a customer with an SMPP account sees it; a factory for the port that it listens on."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        *,
        system_id: str,
        password: str,
        settings: Adjustable[A1Settings],
        faults: Faults,
        requests: Counter[str],
        new_id: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._system_id = system_id
        self._password = password
        self._settings = settings
        self._faults = faults
        self._requests = requests
        self._sessions: list[Session] = []
        self._bucket = LeakyBucket()
        self._tasks = Tasks(clock)
        self.books = SmppBooks(new_id)
        self._outbox = Outbox(clock, settings, self._tasks)
        self._lives = SmppLives(clock, self.books, self._outbox, settings, self._tasks)
        self._subscribers = Subscribers(clock, self._outbox)
        self._commands: dict[str, Callable[[Session, Pdu], None]] = {
            "bind_transmitter": lambda session, pdu: self._bind(session, pdu, Bind.TRANSMITTER),
            "bind_receiver": lambda session, pdu: self._bind(session, pdu, Bind.RECEIVER),
            "bind_transceiver": lambda session, pdu: self._bind(session, pdu, Bind.TRANSCEIVER),
            "unbind": self._unbind,
            "enquire_link": self._enquire_link,
            "submit_sm": self._submit,
            "query_sm": self._query,
        }

    def buildProtocol(self, addr: IAddress | None) -> Session:
        """Called by Twisted."""
        session = Session(self._clock, self, self._settings)
        self._sessions.append(session)
        return session

    # Called by the control routes

    def binds(self) -> dict[str, Any]:
        """Who is bound, and how many deliveries wait."""
        return {
            "binds": [
                {**session.report(), "deliveries_in_flight": self._outbox.in_flight(session)}
                for session in self._bound()
            ],
            "deliveries_waiting": self._outbox.waiting,
        }

    def disturb(self, kind: Disturbance) -> None:
        """Does it to every bind."""
        for session in self._bound():
            disturb(session, kind)

    def write_in(self, message: SubscriberMessage) -> None:
        """A subscriber sends a message. Raises ValueError when it is too long."""
        self._subscribers.send(message)

    def written_in(self) -> list[dict[str, Any]]:
        """What subscribers have sent."""
        return self._subscribers.reports()

    def put_status(self, identifier: str, code: Code) -> SmppMessage | None:
        """Gives the part with that identifier a status and sends the receipt; its message, None when unknown."""
        found = self.books.by_identifier(identifier)
        if found is None:
            return None
        self._lives.put(*found, code)
        return found[1]

    def reset(self) -> None:
        """Forgets every message and delivery; binds stay."""
        self._tasks.stop()
        self._outbox.clear()
        self._subscribers.clear()
        self.books.clear()

    def stop(self) -> None:
        """Ends what is under way, the connections too."""
        self.reset()
        for session in list(self._sessions):
            session.close()

    # Called by sessions

    def requested(self, session: Session, request: Pdu) -> None:
        """Answers a request, unless a fault has it otherwise."""
        command = request.command
        self._requests[command] += 1
        answers = self._commands.get(command)
        if command == "query_sm" and not self._settings.now.smpp_query_sm:
            answers = None
        if answers is None:
            session.answer("generic_nack", request.sequence, CommandStatus.INVALID_COMMAND)
            return
        named = command != "submit_sm"
        if self._faults.take(command, [SmppFault.IGNORED], named=named) is not None:
            return
        refused = self._faults.take(command, [SmppFault.REFUSED], named=named)
        if refused is not None:
            _answer(session, request, refused.status or CommandStatus.SYSTEM_ERROR)
        elif session.bind is None and not command.startswith("bind_") and command not in _LINK_COMMANDS:
            _answer(session, request, CommandStatus.INVALID_BIND_STATUS)
        else:
            answers(session, request)
        self._disturb_by_fault(session, command)

    def ended(self, session: Session) -> None:
        """A session is over."""
        self._sessions.remove(session)
        self._outbox.leave(session)

    def _bound(self) -> list[Session]:
        return [session for session in self._sessions if session.bind is not None]

    def _disturb_by_fault(self, session: Session, command: str) -> None:
        if session.bind is None or session.ended:
            return
        for kind in DISTURBING:
            if self._faults.take(command, [kind]) is not None:
                disturb(session, Disturbance(kind))

    # Links

    def _bind(self, session: Session, request: Pdu, kind: Bind) -> None:
        if self._faults.take(request.command, [SmppFault.BIND_IGNORED]) is not None:
            return
        refused = self._faults.take(request.command, [SmppFault.BIND_REFUSED])
        if refused is not None:
            _answer(session, request, refused.status or CommandStatus.BIND_FAILED)
            return
        status = self._admission(session, request, kind)
        if status != CommandStatus.OK:
            _answer(session, request, status)
            return
        session.bind, session.bound_since = kind, self._clock.seconds()
        session.system_id = request.text("system_id")
        session.answer(
            f"{request.command}_resp",
            request.sequence,
            system_id=SYSTEM_ID,
            tlvs={"sc_interface_version": _VERSION},
        )
        interval = self._settings.now.smpp_enquire_link_interval
        if interval > 0:
            session.tasks.start(_keep_enquiring(session, interval))
        ends = self._faults.take(request.command, [SmppFault.DISCONNECT])
        if ends is not None:
            session.tasks.start(_cut_later(session, ends.drawn_seconds()))
        if kind.receives:
            self._outbox.join(session)

    def _admission(self, session: Session, request: Pdu, kind: Bind) -> int:
        if session.bind is not None:
            return CommandStatus.ALREADY_BOUND
        if request.text("system_id") != self._system_id:
            return CommandStatus.INVALID_SYSTEM_ID
        if not compare_digest(request.text("password").encode(), self._password.encode()):
            return CommandStatus.INVALID_PASSWORD
        others = [each.bind for each in self._bound() if each.bind is not None]
        taken = any((each.sends and kind.sends) or (each.receives and kind.receives) for each in others)
        return CommandStatus.ALREADY_BOUND if self._settings.now.smpp_one_bind and taken else CommandStatus.OK

    def _unbind(self, session: Session, request: Pdu) -> None:
        _answer(session, request)
        session.close()

    def _enquire_link(self, session: Session, request: Pdu) -> None:
        session.enquired_at = self._clock.seconds()
        if self._faults.take(request.command, [SmppFault.ENQUIRE_LINK_IGNORED]) is None:
            _answer(session, request)

    # Messages

    def _submit(self, session: Session, request: Pdu) -> None:
        session.submits += 1
        if self._faults.take(request.command, [SmppFault.CUT_BEFORE_ACCEPT]) is not None:
            session.cut()
            return
        try:
            part, message = self._accept(session, request)
        except Refused as error:
            _answer(session, request, error.status)
            return
        faults = self._life_faults(request.command)
        if SmppFault.RECEIPT_EARLY in faults:
            self._lives.begin(part, message, faults)
        self._respond(session, request, part)
        if SmppFault.RECEIPT_EARLY not in faults:
            self._lives.begin(part, message, faults)

    def _accept(self, session: Session, request: Pdu) -> tuple[AcceptedPart, SmppMessage]:
        if session.bind is None or not session.bind.sends:
            raise Refused(CommandStatus.INVALID_BIND_STATUS)
        settings, now = self._settings.now, self._clock.seconds()
        rate = settings.smpp_messages_per_second
        if rate and not self._bucket.admits(now, rate=rate, depth=max(rate, 1.0)):
            raise Refused(CommandStatus.THROTTLED)
        return self.books.accept(read_submit(request, settings), settings.smpp_identifier, now)

    def _life_faults(self, command: str) -> dict[str, Fault]:
        taken = {kind.value: self._faults.take(command, [kind]) for kind in LIFE_FAULTS}
        return {kind: fault for kind, fault in taken.items() if fault is not None}

    def _respond(self, session: Session, request: Pdu, part: AcceptedPart) -> None:
        command = request.command
        if self._faults.take(command, [SmppFault.CUT_AFTER_ACCEPT]) is not None:
            session.cut()
        elif self._faults.take(command, [SmppFault.NO_RESPONSE]) is not None:
            session.unanswered += 1
        elif (late := self._faults.take(command, [SmppFault.LATE_RESPONSE])) is not None:
            session.tasks.start(self._respond_late(session, request, part, late.seconds))
        else:
            session.answer("submit_sm_resp", request.sequence, message_id=part.identifier)

    async def _respond_late(self, session: Session, request: Pdu, part: AcceptedPart, seconds: float) -> None:
        session.unanswered += 1
        await session.tasks.pause(seconds)
        session.unanswered -= 1
        session.answer("submit_sm_resp", request.sequence, message_id=part.identifier)

    def _query(self, session: Session, request: Pdu) -> None:
        found = self.books.by_identifier(request.text("message_id"))
        if found is None:
            _answer(session, request, CommandStatus.INVALID_MESSAGE_ID)
            return
        part = found[0]
        state = state_of(part.code)
        session.answer(
            "query_sm_resp",
            request.sequence,
            message_id=part.identifier,
            final_date=_final_date(part.entered_at) if state.final else "",
            message_state=state.number,
        )


def _answer(session: Session, request: Pdu, status: int = CommandStatus.OK) -> None:
    session.answer(f"{request.command}_resp", request.sequence, status)


def _final_date(moment: float) -> str:
    """An absolute time (SMPP 3.4, 7.1.1): tenths of a second, then quarters of an hour before UTC."""
    local = datetime.fromtimestamp(moment, MINSK)
    return f"{local:%y%m%d%H%M%S}012+"


async def _keep_enquiring(session: Session, interval: float) -> None:
    while True:
        await session.tasks.pause(interval)
        await enquire(session)


async def _cut_later(session: Session, seconds: float) -> None:
    await session.tasks.pause(seconds)
    session.cut()

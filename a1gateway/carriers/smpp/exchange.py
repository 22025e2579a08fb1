"""Our requests on one connection: each waits for its place, goes out, and ends exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from ...errors import AnswerLost, NotSent
from .pdu import Pdu, encode
from .timers import Deadlines
from .window import AnswerLate, Request, Window

Values = Mapping[str, int | str | bytes]


class Exchange:
    """Sends requests and matches responses. It takes no request before `open` and none after `shut`.

    Every Deferred that it gives fires once: with the response, whatever its status; with `NotSent` when the request
    certainly did not leave; with `AnswerLate` or `AnswerLost` when it did and the answer did not come.
    """

    def __init__(
        self,
        clock: IReactorTime,
        centre: str,
        *,
        window: int,
        response_timeout: float,
        write: Callable[[bytes], None],
        on_room: Callable[[], None],
    ) -> None:
        """`window` is how many requests may be in flight, `response_timeout` in seconds."""
        self._centre = centre
        self._window = Window(window)
        self._timeout = response_timeout
        self._deadlines = Deadlines(clock, response_timeout, self._expired)
        self._write = write
        self._on_room = on_room
        self._waiting: deque[tuple[Request, Values, Mapping[str, Any]]] = deque()
        self._idle: list[Deferred[None]] = []
        self._refusal: str | None = f"{centre} has not taken the bind yet"

    @property
    def in_flight(self) -> int:
        """Requests without an answer, not counting those that were given up."""
        return self._window.in_flight

    @property
    def taking(self) -> bool:
        """Whether requests are taken now."""
        return self._refusal is None

    @property
    def room(self) -> int:
        """How many requests would go out at once."""
        return self._window.room if self._refusal is None else 0

    def open(self) -> None:
        """From now on requests are taken."""
        self._refusal = None

    def shut(self, why: str) -> None:
        """From now on no request leaves; those that wait for a place fail with `NotSent`."""
        if self._refusal is None:
            self._refusal = why
        waiting, self._waiting = self._waiting, deque()
        for request, _, _ in waiting:
            request.answer.errback(NotSent(why))

    def lose(self, why: str) -> None:
        """The connection has ended: what is in flight fails with `AnswerLost`. No timer is left."""
        self.shut(why)
        self._deadlines.stop_all()
        for request in self._window.lose():
            request.answer.errback(AnswerLost(f"{request.command} went out and {why}"))
        self._tell_idle()

    def idle(self) -> Deferred[None]:
        """Fires when no request is in flight."""
        if not self._window.in_flight:
            return succeed(None)
        self._idle.append(Deferred())
        return self._idle[-1]

    def request(self, command: str, *, tlvs: Values | None = None, **fields: int | str | bytes) -> Deferred[Pdu]:
        """Send a request as soon as it has a place in the window, in the order of asking.

        Cancelling it while it waits keeps it from leaving. It fails with `ValueError` or `KeyError` when the values
        make no PDU.
        """
        if self._refusal is not None:
            return fail(NotSent(self._refusal))
        request = Request(command, Deferred())
        self._waiting.append((request, tlvs or {}, fields))
        self._send_waiting()
        return request.answer

    def ask(self, command: str, **fields: int | str | bytes) -> Deferred[Pdu]:
        """Send one of the connection's own requests (bind, enquire_link, unbind), whatever the window holds."""
        request = Request(command, Deferred(), counted=False)
        self._send(request, {}, fields)
        return request.answer

    def take(self, response: Pdu) -> bool:
        """A response has come; whether it answers anything."""
        full = not self._window.room
        request = self._window.answered(response)
        if request is None:
            return False
        self._deadlines.stop(response.sequence)
        request.answer.callback(response)
        self._freed(full)
        return True

    def _expired(self, sequence: int) -> None:
        full = not self._window.room
        request = self._window.give_up(sequence)
        answer, request.answer = request.answer, Deferred()
        text = f"{self._centre} has not answered {request.command} within {self._timeout:g} seconds"
        answer.errback(AnswerLate(text, request.answer))
        self._freed(full)

    def _send_waiting(self) -> None:
        while self._waiting and self._window.room:
            request, tlvs, fields = self._waiting.popleft()
            if not request.answer.called:  # else cancelled
                self._send(request, tlvs, fields)

    def _send(self, request: Request, tlvs: Values, fields: Mapping[str, Any]) -> None:
        sequence = self._window.number()
        try:
            octets = encode(request.command, sequence=sequence, tlvs=tlvs, **fields)
        except (KeyError, ValueError) as fault:
            request.answer.errback(fault)
            return
        self._window.add(sequence, request)
        self._deadlines.start(sequence)
        self._write(octets)

    def _freed(self, full: bool) -> None:
        """A request has ended, and the window was `full` before."""
        self._send_waiting()
        if full and self.room:
            self._on_room()
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._idle and not self._window.in_flight:
            idle, self._idle = self._idle, []
            for each in idle:
                each.callback(None)

"""Our requests of one connection that have no answer yet, by their sequence numbers (SMPP 3.4, 2.7 and 3.2)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from twisted.internet.defer import Deferred

from ...errors import AnswerLost
from .pdu import Pdu

LAST_SEQUENCE = 0x7FFFFFFF
"""After it the numbers begin with 1 again (SMPP 3.4, 5.1.4)."""

# What was given up is remembered for its late answer. A centre that never answers must not fill the memory.
_REMEMBERED = 4096


class AnswerLate(AnswerLost):
    """No answer came in time. The connection stands, so it may come still."""

    def __init__(self, text: str, late: Deferred[Pdu]) -> None:
        super().__init__(text)
        self.late = late
        """Fires with the answer if it comes after all on the same connection; otherwise never."""


@dataclass(slots=True, eq=False)
class Request:
    """One of our requests, and who waits for its answer."""

    command: str
    answer: Deferred[Pdu]
    counted: bool = True
    """Whether it takes one of the window's places; the session's own (enquire_link, unbind) do not."""

    def answered_by(self, pdu: Pdu) -> bool:
        """Whether `pdu`, which has its number, is of the kind that answers it."""
        return pdu.command in (f"{self.command}_resp", "generic_nack")


class Window:
    """Gives every request a number and takes it out once: answered, given up, or lost with the connection.

    What was given up can be answered still; the oldest such are forgotten when there are thousands.
    """

    def __init__(self, size: int) -> None:
        """`size` requests may be in flight, at least 1."""
        self._size = size
        self.last = 0
        """The sequence number that was used last."""
        self._in_flight: dict[int, Request] = {}
        self._given_up: OrderedDict[int, Request] = OrderedDict()
        self._counted = 0

    @property
    def in_flight(self) -> int:
        """How many places are taken."""
        return self._counted

    @property
    def room(self) -> int:
        """How many places are free."""
        return max(0, self._size - self._counted)

    def number(self) -> int:
        """The next sequence number that nobody has."""
        while True:
            self.last = self.last % LAST_SEQUENCE + 1
            if self.last not in self._in_flight and self.last not in self._given_up:
                return self.last

    def add(self, sequence: int, request: Request) -> None:
        """`request` leaves under `sequence`, which came from `number`. The caller has seen to `room`."""
        self._in_flight[sequence] = request
        self._counted += request.counted

    def answered(self, pdu: Pdu) -> Request | None:
        """Take out the request that `pdu` answers, in flight or given up; None when there is none."""
        for where in (self._in_flight, self._given_up):
            request = where.get(pdu.sequence)
            if request is not None:
                return self._take(where, pdu.sequence) if request.answered_by(pdu) else None
        return None

    def give_up(self, sequence: int) -> Request:
        """No answer came in time: the place is free, and the number stays taken for a late answer."""
        request = self._take(self._in_flight, sequence)
        self._given_up[sequence] = request
        if len(self._given_up) > _REMEMBERED:
            self._given_up.popitem(last=False)
        return request

    def lose(self) -> list[Request]:
        """The connection has ended: all that were in flight, in the order of sending. Nothing is left."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        self._given_up.clear()
        self._counted = 0
        return lost

    def _take(self, where: dict[int, Request], sequence: int) -> Request:
        request = where.pop(sequence)
        if where is self._in_flight:
            self._counted -= request.counted
        return request

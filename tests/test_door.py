"""The door of the HTTP server: a flood of connections waits outside, and none is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from a1gateway.web.door import Door

ADDRESS = IPv4Address("TCP", "127.0.0.1", 1)


class Port:
    """As much of a port as the door needs."""

    def __init__(self) -> None:
        self.reading = True
        self.changes = 0

    def startReading(self) -> None:
        assert not self.reading
        self.reading = True
        self.changes += 1

    def stopReading(self) -> None:
        assert self.reading
        self.reading = False
        self.changes += 1


class Entrance:
    """A door with its port, and who came in."""

    def __init__(self, most: int) -> None:
        self.door = Door(ServerFactory.forProtocol(Protocol), most)
        self.port = Port()
        self.door.stands_at(self.port)
        self.inside: list[IProtocol] = []

    def enter(self) -> None:
        protocol = self.door.buildProtocol(ADDRESS)
        assert protocol is not None
        protocol.makeConnection(StringTransport())
        self.inside.append(protocol)

    def leave(self) -> None:
        self.inside.pop(0).connectionLost(Failure(ConnectionError()))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_it_accepts_exactly_while_there_is_room(steps: list[bool], most: int) -> None:
    entrance = Entrance(most)
    for enters in steps:
        if enters:
            entrance.enter()
        elif entrance.inside:
            entrance.leave()
        assert entrance.port.reading == (len(entrance.inside) < most)


def test_those_that_were_on_the_way_when_it_shut_come_in() -> None:
    entrance = Entrance(2)
    for _ in range(5):
        entrance.enter()
    assert entrance.port.changes == 1
    for _ in range(5):
        entrance.leave()
    assert entrance.port.changes == 2


def test_a_port_that_is_closed_is_left_alone() -> None:
    entrance = Entrance(1)
    entrance.enter()
    entrance.door.stands_at(None)
    entrance.leave()
    assert not entrance.port.reading


@pytest.mark.parametrize("most", [1, 3])
def test_before_the_port_is_known_everybody_comes_in(most: int) -> None:
    entrance = Entrance(most)
    entrance.door.stands_at(None)
    for _ in range(most + 2):
        entrance.enter()
    assert entrance.port.changes == 0

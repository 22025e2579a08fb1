"""Slow clients, silent ones, and those who do not read: none of them keeps a place for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from a1gateway.web.clients import Clients
from a1gateway.web.door import Door
from a1gateway.web.site import CountingSite
from a1gateway.web.unanswered import LEAVES_WITHIN, REQUEST_WITHIN, Unanswered

from .conftest import START

WHOLE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


class Page(Resource):
    """Answers at once, or when it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.waits = False
        self.asked: list[Any] = []

    def render(self, request: Any) -> Any:
        self.asked.append(request)
        return NOT_DONE_YET if self.waits else b"answered"


class Port:
    """As much of a port as the door needs."""

    def __init__(self) -> None:
        self.reading = True

    def startReading(self) -> None:
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False


class Connection:
    """A client's end."""

    def __init__(self, door: Door, address: str) -> None:
        peer = IPv4Address("TCP", address, 4711)
        self.transport = StringTransport(peerAddress=peer)
        self.protocol: Any = door.buildProtocol(peer)
        self._cut = False
        self.transport.abortConnection = self._abort  # type: ignore[method-assign]
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    @property
    def answers(self) -> int:
        received: bytes = self.transport.value()
        return received.count(b"HTTP/1.1 200 OK")

    def is_cut(self) -> bool:
        return self._cut

    def close(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionError()))

    def _abort(self) -> None:
        assert not self._cut
        self._cut = True
        self.close()


class Server:
    """The site behind its door."""

    def __init__(self, clock: Clock, most: int = 500) -> None:
        self.clock, self.page, self.cuts = clock, Page(), list[str]()
        unanswered = Unanswered(clock, clients=Clients(), on_cut=self.cuts.append)
        self.site = CountingSite(self.page, clock, unanswered=unanswered)
        self.unanswered = unanswered
        self.door = Door(self.site, most, on_change=unanswered.door_is_shut)
        self.port = Port()
        self.door.stands_at(self.port)

    def connect(self, address: str = "203.0.113.7") -> Connection:
        return Connection(self.door, address)

    def every_second(self, seconds: float, do: Callable[[], None] = lambda: None) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1.0)
            self.clock.advance(0)
            do()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.mark.parametrize(
    "beginning",
    [b"P", b"POST / HTTP/1.1\r\nHost: ", WHOLE[:-2], b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"],
)
def test_a_request_that_drips_in_is_cut_off_in_the_end(server: Server, beginning: bytes) -> None:
    slow = server.connect()
    slow.send(beginning)
    server.every_second(REQUEST_WITHIN - 1)
    assert not slow.is_cut()
    server.every_second(1)
    assert slow.is_cut()
    assert server.cuts == ["too_slow"]
    assert server.page.asked == []
    assert len(server.unanswered) == 0


def test_a_dripping_first_line_does_not_begin_anew_with_every_drop(server: Server) -> None:
    slow = server.connect()
    server.every_second(REQUEST_WITHIN + 1, lambda: None if slow.is_cut() else slow.send(b"P"))
    assert slow.is_cut()


def test_a_request_in_time_is_answered_however_long_the_answer_takes(server: Server) -> None:
    server.page.waits = True
    client = server.connect()
    client.send(WHOLE[:10])
    server.every_second(REQUEST_WITHIN - 1)
    client.send(WHOLE[10:])
    server.every_second(600)
    assert not client.is_cut()
    [request] = server.page.asked
    request.write(b"late")
    request.finish()
    assert client.answers == 1
    assert server.cuts == []


def test_a_connection_that_is_kept_has_its_whole_time_for_every_request(server: Server) -> None:
    client = server.connect()
    for _ in range(3):
        client.send(WHOLE[:-1])
        server.every_second(20)
        client.send(WHOLE[-1:])
        server.every_second(20)
    assert (client.answers, client.is_cut()) == (3, False)


def test_what_follows_a_request_has_its_time_too(server: Server) -> None:
    """Two requests in one piece, the second of which never ends."""
    server.page.waits = True
    client = server.connect()
    client.send(WHOLE + WHOLE[:-1])
    server.every_second(100)
    assert not client.is_cut()
    server.page.asked[0].finish()
    server.every_second(REQUEST_WITHIN - 1)
    assert not client.is_cut()
    server.every_second(1)
    assert client.is_cut()


def test_a_silent_connection_ends(server: Server) -> None:
    client = server.connect()
    server.every_second(61)
    assert client.transport.disconnecting
    server.every_second(16)
    assert client.is_cut()
    # That is Twisted's own doing and no sign of anything.
    assert server.cuts == []


def test_whoever_does_not_take_the_last_answer_is_cut_off(server: Server) -> None:
    """The kernel has taken nothing of it: the connection would stay for as long as the client likes."""
    client = server.connect()
    client.send(WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert client.transport.disconnecting
    server.every_second(LEAVES_WITHIN - 1)
    assert not client.is_cut()
    server.every_second(1)
    assert client.is_cut()


def test_with_all_places_taken_those_of_whom_most_are_here_give_way(clock: Clock) -> None:
    server = Server(clock, most=100)
    attacker = [server.connect("203.0.113.7") for _ in range(95)]
    for each in attacker[:50]:
        each.send(b"GET /")
    server.every_second(5)
    server.page.waits = True
    genuine = [server.connect("198.51.100.1") for _ in range(3)]
    for each in genuine:
        each.send(WHOLE)
    idle = [server.connect("198.51.100.2") for _ in range(2)]
    clock.advance(0)
    assert sum(each.is_cut() for each in attacker) == 50, "the hundredth has made it full"
    assert server.port.reading
    server.every_second(10)
    assert sum(each.is_cut() for each in attacker) == 50, "there is room now"
    assert not any(each.is_cut() for each in [*genuine, *idle])
    assert set(server.cuts) == {"no_room"}


def test_nobody_who_has_just_come_gives_way(clock: Clock) -> None:
    server = Server(clock, most=10)
    clients = [server.connect() for _ in range(10)]
    clock.advance(0.5)
    assert not server.port.reading
    assert not any(each.is_cut() for each in clients)
    clock.pump([0.5, 0])
    assert all(each.is_cut() for each in clients)


def test_a_connection_that_a_proxy_keeps_never_gives_way(clock: Clock) -> None:
    """What is sent on one that is being closed is lost."""
    server = Server(clock, most=10)
    clients = [server.connect("127.0.0.1") for _ in range(10)]
    server.every_second(30)
    assert not any(each.is_cut() for each in clients)
    clients[0].close()
    assert server.port.reading


def test_slow_requests_through_a_proxy_give_way(clock: Clock) -> None:
    server = Server(clock, most=10)
    kept, *slow = [server.connect("127.0.0.1") for _ in range(10)]
    for each in slow:
        each.send(WHOLE[:-1])
    server.every_second(4)
    assert not any(each.is_cut() for each in slow)
    server.every_second(1)
    assert all(each.is_cut() for each in slow)
    assert not kept.is_cut()


class Turns(Clock):
    """Whatever is to be called at once is called in the next turn, as a reactor does it."""

    def callLater(self, delay: float, *call: Any, **named: Any) -> Any:
        return super().callLater(delay or 1e-6, *call, **named)


@pytest.mark.parametrize("beginning", [b"", WHOLE[:-1]])
def test_a_request_that_came_while_the_server_was_held_up_is_read_before_anything_is_cut(beginning: bytes) -> None:
    """Its time is over when the reactor looks at its clock again, and only then at its sockets."""
    clock = Turns()
    clock.advance(START)
    server = Server(clock, most=10)
    clients = [server.connect() for _ in range(10)]
    for each in clients:
        each.send(beginning)
    clock.advance(REQUEST_WITHIN + 1)
    for each in clients:
        each.send(WHOLE[len(beginning) :])
    clock.pump([1e-3, 1e-3])
    assert [each.answers for each in clients] == [1] * 10
    assert not any(each.is_cut() for each in clients)


def test_a_stop_waits_for_whoever_has_just_come_and_for_requests_that_have_begun(server: Server) -> None:
    """Bitrix24 does not repeat what was not heard."""
    begun = server.clock.seconds()
    unanswered = server.site.unanswered
    assert not unanswered.are_there(begun)
    connection = server.connect()
    assert unanswered.are_there(begun)
    assert not unanswered.are_there(begun + 1), "silent for longer than a request takes to come"
    connection.send(b"GET / HTTP/1.1\r\n")
    assert unanswered.are_there(begun + 1)
    connection.send(b"Host: a\r\nConnection: close\r\n\r\n")
    assert not unanswered.are_there(begun)

"""The HTTP client against real sockets that answer, hang, cut off, refuse, or speak no TLS."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography import x509
from pytest_twisted import ensureDeferred
from treq.client import HTTPClient
from twisted.internet import protocol
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS

from a1gateway.errors import AnswerLost, NotSent
from a1gateway.http_client import HttpClient, http_client

from .certificates import sign

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"price": .5}'


class Raw(protocol.Protocol):
    """Says `answer` when a request has come, then closes if it is told to."""

    def __init__(self, answer: bytes | None, close: bool) -> None:
        self.answer = answer
        self.close = close
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        assert self.transport is not None
        if b"\r\n\r\n" in self.received and self.answer is not None:
            self.transport.write(self.answer)
            self.answer = None
            if self.close:
                self.transport.loseConnection()


@asynccontextmanager
async def server(answer: bytes | None, *, close: bool = True) -> AsyncIterator[tuple[str, list[Raw]]]:
    from twisted.internet import reactor

    spoken: list[Raw] = []
    factory = protocol.Factory()

    def build(_address: object) -> Raw:
        spoken.append(Raw(answer, close))
        return spoken[-1]

    factory.buildProtocol = build  # type: ignore[method-assign, assignment]
    port: IListeningPort = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    try:
        address = port.getHost()
        assert isinstance(address, IPv4Address)
        yield f"http://127.0.0.1:{address.port}/api/", spoken
    finally:
        for each in spoken:
            if each.transport is not None:
                each.transport.abortConnection()  # type: ignore[attr-defined]
        await Deferred.fromCoroutine(_stopped(port))


async def _stopped(port: IListeningPort) -> None:
    result: Any = port.stopListening()
    if result is not None:
        await result


@pytest.fixture
def client() -> HttpClient:
    from twisted.internet import reactor

    return http_client(reactor)


@ensureDeferred
async def test_a_form_is_sent_and_the_answer_collected(client: HttpClient) -> None:
    body = b'{"price": 0.5}'
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with server(head + body) as (url, spoken):
        answer = await client.post_form(url, {"text": "Привет & пока", "user": "375"}, timeout=5)
        assert (answer.code, str(answer.json()["price"])) == (200, "0.5")
        assert spoken[0].received.startswith(b"POST /api/ HTTP/1.1\r\n")
        assert spoken[0].received.endswith(
            b"text=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82+%26+%D0%BF%D0%BE%D0%BA%D0%B0&user=375"
        )


@ensureDeferred
async def test_a_redirection_is_not_followed(client: HttpClient) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with server(moved) as (url, _):
        answer = await client.post_json(url, {"a": 1}, timeout=5)
        assert (answer.code, answer.location) == (302, "http://127.0.0.1:1/")


@ensureDeferred
async def test_a_server_that_hangs_has_an_end(client: HttpClient) -> None:
    async with server(None) as (url, spoken):
        with pytest.raises(AnswerLost, match=r"within 1 seconds"):
            await client.post_form(url, {}, timeout=1)
        assert spoken[0].received


@ensureDeferred
async def test_a_server_that_hangs_in_the_middle_of_the_body_has_an_end(client: HttpClient) -> None:
    half = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status": tr'
    async with server(half, close=False) as (url, _):
        with pytest.raises(AnswerLost, match=r"within 1 seconds"):
            await client.post_form(url, {}, timeout=1)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(b"", id="without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="in the headers"),
        pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"status', id="in the body"),
        pytest.param(b"nonsense\r\n\r\n", id="with nonsense"),
    ],
)
@ensureDeferred
async def test_a_connection_that_is_cut_loses_the_answer(client: HttpClient, cut: bytes) -> None:
    async with server(cut) as (url, _):
        with pytest.raises(AnswerLost):
            await client.post_form(url, {}, timeout=5)


@ensureDeferred
async def test_an_endless_answer_is_cut_off(client: HttpClient) -> None:
    async with server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9_000_000) as (url, _):
        with pytest.raises(AnswerLost, match="larger"):
            await client.post_form(url, {}, timeout=20)


@ensureDeferred
async def test_where_nobody_listens_nothing_was_sent(client: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotSent, match="refused"):
        await client.post_form(f"http://127.0.0.1:{port}/", {}, timeout=5)


@ensureDeferred
async def test_where_there_is_no_such_host_nothing_was_sent(client: HttpClient) -> None:
    with pytest.raises(NotSent):
        await client.post_form("http://no-such-host.invalid/", {}, timeout=10)


@ensureDeferred
async def test_where_nobody_speaks_tls_nothing_was_sent(client: HttpClient) -> None:
    async with server(OK) as (url, _):
        with pytest.raises((NotSent, AnswerLost)) as raised:
            await client.post_form(url.replace("http:", "https:"), {"secret": "s3cret"}, timeout=2)
        assert "s3cret" not in str(raised.value)


class Breaking(protocol.Protocol):
    """Takes a whole request over TLS, and then speaks no TLS any more."""

    def __init__(self) -> None:
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"text=1"):
            transport: Any = self.transport
            transport.transport.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


@pytest.mark.parametrize("trusted", [True, False])
@ensureDeferred
async def test_with_tls_only_a_certificate_that_is_not_trusted_shows_that_nothing_was_sent(trusted: bool) -> None:
    """A connection that breaks within TLS may have carried the request before it did."""
    from twisted.internet import reactor

    authority = sign("authority")
    served = sign("server", x509.DNSName("localhost"), by=authority)
    roots = trustRootFromCertificates([Certificate.loadPEM((authority if trusted else sign("another")).pem)])
    agent = Agent(reactor, contextFactory=BrowserLikePolicyForHTTPS(trustRoot=roots))
    spoken: list[Breaking] = []
    factory = protocol.Factory()

    def build(_address: object) -> Breaking:
        spoken.append(Breaking())
        return spoken[-1]

    factory.buildProtocol = build  # type: ignore[method-assign, assignment]
    plain: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    port: IListeningPort = await wrapServerTLS(served, plain).listen(factory)
    address = port.getHost()
    assert isinstance(address, IPv4Address)
    try:
        with pytest.raises(AnswerLost if trusted else NotSent, match="TLS"):
            await HttpClient(HTTPClient(agent), reactor).post_form(
                f"https://localhost:{address.port}/", {"text": "1"}, timeout=5
            )
        assert [bool(each.received) for each in spoken] == [trusted]
    finally:
        for each in spoken:
            if each.transport is not None:
                each.transport.abortConnection()  # type: ignore[attr-defined]
        await _stopped(port)

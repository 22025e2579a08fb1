"""TCP and TLS to the centre on real sockets: whose certificate is taken, and what the operator is told otherwise."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from pytest_twisted import ensureDeferred
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, wrapServerTLS
from twisted.internet.protocol import Factory, Protocol

from a1gateway.carriers.smpp.endpoint import endpoint
from a1gateway.carriers.smpp.framer import Framer
from a1gateway.carriers.smpp.link import Link, LinkSettings
from a1gateway.carriers.smpp.pdu import decode, encode
from a1gateway.errors import CannotStart

from .certificates import NOW, Signed, sign
from .smpp_wire import Journal, response

AUTHORITY = sign("authority")
LOCALHOST = x509.DNSName("localhost")


class Centre(Protocol):
    """Takes every bind and answers every request."""

    def __init__(self) -> None:
        self._framer = Framer()

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        for frame in self._framer.feed(data):
            self.transport.write(response(decode(frame)))


@asynccontextmanager
async def centre(certificate: Signed | None) -> AsyncIterator[int]:
    """A centre on a loopback socket; its port."""
    from twisted.internet import reactor

    listening: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    if certificate is not None:
        listening = wrapServerTLS(certificate, listening)
    port = await listening.listen(Factory.forProtocol(Centre))
    address = port.getHost()
    assert isinstance(address, IPv4Address)
    try:
        yield address.port
    finally:
        await maybeDeferred(port.stopListening)


async def first_outcome(host: str, port: int, *, tls: bool = True, ca_file: Path | None = None) -> str:
    """What comes of the first attempt to bind: `bound` after a request and its answer, or the trouble."""
    from twisted.internet import reactor

    came: Deferred[None] = Deferred()
    link = Link(
        reactor,
        endpoint(reactor, host, port, tls=tls, ca_file=str(ca_file) if ca_file else None, timeout=5),
        LinkSettings("a1gateway", "hush", response_timeout=5),
        label=f"{host}:{port}",
        on_delivery=Journal().take,
        on_change=lambda: None if came.called else came.callback(None),
        on_room=lambda: None,
        random=lambda: 0.5,
    )
    link.startService()
    try:
        await came
        if link.trouble is not None:
            return str(link.trouble)
        answer = await link.request("submit_sm", destination_addr="375291112233")
        return "bound" if answer.status == 0 else "strange"
    finally:
        await link.stopService()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    file = tmp_path / "authorities.pem"
    file.write_bytes(b"An authority, and another one:\n" + sign("another authority").pem + AUTHORITY.pem)
    return file


@ensureDeferred
async def test_without_tls_it_is_plain_tcp() -> None:
    async with centre(None) as port:
        assert await first_outcome("127.0.0.1", port, tls=False) == "bound"


@pytest.mark.parametrize(
    ("host", "name"), [("localhost", LOCALHOST), ("127.0.0.1", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))]
)
@ensureDeferred
async def test_a_certificate_for_the_host_by_a_known_authority_is_taken(
    host: str, name: x509.GeneralName, ca_file: Path
) -> None:
    async with centre(sign("centre", name, by=AUTHORITY)) as port:
        assert await first_outcome(host, port, ca_file=ca_file) == "bound"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", x509.DNSName("smpp.example.by")),
        ("127.0.0.1", LOCALHOST),
        ("127.0.0.1", x509.IPAddress(ipaddress.ip_address("127.0.0.2"))),
    ],
)
@ensureDeferred
async def test_a_certificate_for_another_host_is_not(host: str, name: x509.GeneralName, ca_file: Path) -> None:
    async with centre(sign("centre", name, by=AUTHORITY)) as port:
        trouble = await first_outcome(host, port, ca_file=ca_file)
    assert trouble == (
        f"A1's SMSC {host}:{port} shows a certificate that is made out for another name than a1.smpp.host"
    )


NOT_TRUSTED = (
    "shows a certificate that is not trusted: it has expired, "
    "or its authority is neither known to the system nor in a1.smpp.ca_file"
)


@pytest.mark.parametrize(
    "certificate",
    [
        sign("centre", LOCALHOST, by=sign("unknown authority")),
        sign("centre", LOCALHOST),
        sign("centre", LOCALHOST, by=AUTHORITY, until=NOW - timedelta(1)),
    ],
    ids=["unknown authority", "its own authority", "expired"],
)
@ensureDeferred
async def test_a_certificate_that_cannot_be_trusted_is_not(certificate: Signed, ca_file: Path) -> None:
    async with centre(certificate) as port:
        assert (await first_outcome("localhost", port, ca_file=ca_file)).endswith(NOT_TRUSTED)


@ensureDeferred
async def test_without_a_ca_file_the_systems_authorities_decide() -> None:
    async with centre(sign("centre", LOCALHOST, by=AUTHORITY)) as port:
        assert (await first_outcome("localhost", port)).endswith(NOT_TRUSTED)


@ensureDeferred
async def test_a_centre_without_tls_is_told_apart_from_a_bad_certificate(ca_file: Path) -> None:
    class Plain(Protocol):
        def connectionMade(self) -> None:
            assert self.transport is not None
            self.transport.write(encode("enquire_link", sequence=1))

    from twisted.internet import reactor

    port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Plain))
    try:
        trouble = await first_outcome("localhost", port.getHost().port, ca_file=ca_file)
    finally:
        await maybeDeferred(port.stopListening)
    assert "does not go through with TLS" in trouble


@ensureDeferred
async def test_nobody_there_is_said_so() -> None:
    async with centre(None) as port:
        pass
    trouble = await first_outcome("127.0.0.1", port, tls=False)
    assert trouble.startswith(f"A1's SMSC 127.0.0.1:{port} cannot be reached: ")
    assert "refused" in trouble


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n", "holds no certificate in PEM"),
        (b"\xff\xfe\x00", "holds no certificate in PEM"),
    ],
)
def test_a_ca_file_that_cannot_be_used_is_named(content: bytes | None, text: str, tmp_path: Path) -> None:
    from twisted.internet import reactor

    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CannotStart) as caught:
        endpoint(reactor, "localhost", 2775, tls=True, ca_file=str(file), timeout=5)
    assert str(caught.value) == f"a1.smpp.ca_file: {file} {text}"

"""TLS by the daemon itself: real connections, and certificates that are renewed under them."""

from __future__ import annotations

import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from pytest_twisted import ensureDeferred
from twisted.internet.defer import execute, maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.resource import Resource

from a1gateway.checklist.server_checks import RENEWED_BEFORE
from a1gateway.errors import CannotStart
from a1gateway.metrics import Metrics
from a1gateway.web.certificate import LOOKS_EVERY, CertificateFiles, CertificateWatch
from a1gateway.web.door import Door
from a1gateway.web.site import CountingSite

from .certificates import NOW, Signed, sign
from .conftest import run

AUTHORITY = sign("authority")
MIDDLE = sign("middle", by=AUTHORITY)
LOCALHOST = x509.DNSName("localhost")
LATER = NOW + timedelta(60)
FIRST, SECOND = (sign(name, LOCALHOST, by=AUTHORITY, until=LATER) for name in ("first", "second"))


class Page(Resource):
    """Says whether it came over TLS."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"secure" if request.isSecure() else b"plain"


class Files:
    """A certificate with its key on disk, and what is made of them."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "private_key.pem"
        self.metrics = Metrics()
        self.read = CertificateFiles(str(self.certificate), str(self.key), "localhost", self.metrics)

    def write(self, signed: Signed, *chain: Signed) -> None:
        """As a renewal puts them there: other files in the place of those before."""
        self.put(self.certificate, signed.pem + b"".join(each.pem for each in chain))
        self.put(self.key, signed.key_pem)

    @staticmethod
    def put(path: Path, content: bytes, mode: int = 0o600) -> None:
        aside = path.with_suffix(".new")
        aside.write_bytes(content)
        aside.chmod(mode)
        os.replace(aside, path)

    def renew(self, now: float = NOW.timestamp()) -> list[tuple[LogLevel, str]]:
        """Look at the files; what was said."""
        with capturedLogs() as events:
            run(self.read.renew(execute, now))
        return [(event["log_level"], formatEvent(event)) for event in events]

    @property
    def expires(self) -> float:
        return float(self.metrics.certificate_expires._value.get())


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path)
    files.write(FIRST)
    return files


@asynccontextmanager
async def server(files: Files) -> AsyncIterator[int]:
    """The daemon's own site behind its door, on a socket; its port."""
    from twisted.internet import reactor

    listening: Any = reactor
    site = CountingSite(Page(), listening)
    tls = TLSMemoryBIOFactory(files.read, False, site, clock=listening)
    port = listening.listenTCP(0, Door(tls), interface="127.0.0.1")
    try:
        yield port.getHost().port
    finally:
        await maybeDeferred(port.stopListening)


class Client:
    """Another implementation of TLS: Python's own. Blocks, so it works in threads."""

    def __init__(self, port: int, **minimum: Any) -> None:
        context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
        for name, value in minimum.items():
            setattr(context, name, value)
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        try:
            self._socket = context.wrap_socket(raw, server_hostname="localhost")
        except BaseException:
            raw.close()
            raise

    @property
    def shown(self) -> int:
        """The serial number of the certificate that it was shown."""
        der = self._socket.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number

    @property
    def version(self) -> str | None:
        return self._socket.version()

    def get(self) -> bytes:
        """What a request is answered."""
        self._socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while not got.endswith((b"secure", b"plain")):
            piece = self._socket.recv(4096)
            assert piece, got
            got += piece
        return got

    def close(self) -> None:
        self._socket.close()


@ensureDeferred
async def test_a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on(files: Files) -> None:
    files.read.load()
    async with server(files) as port:
        old = await deferToThread(Client, port)
        assert old.shown == FIRST.certificate.serial_number
        assert b"secure" in await deferToThread(old.get)
        files.write(SECOND)
        await files.read.renew(execute, NOW.timestamp())
        new = await deferToThread(Client, port)
        assert new.shown == SECOND.certificate.serial_number
        for client in (old, new):
            assert b"secure" in await deferToThread(client.get)
            client.close()


@ensureDeferred
async def test_the_chain_is_sent_along(files: Files) -> None:
    files.write(sign("below", LOCALHOST, by=MIDDLE), MIDDLE)
    files.read.load()
    async with server(files) as port:
        client = await deferToThread(Client, port)
        client.close()
        files.write(sign("below", LOCALHOST, by=MIDDLE))
        await files.read.renew(execute, NOW.timestamp())
        with pytest.raises(ssl.SSLCertVerificationError):
            await deferToThread(Client, port)


@ensureDeferred
async def test_nothing_older_than_tls_1_2_is_spoken(files: Files) -> None:
    files.read.load()
    async with server(files) as port:
        modern = await deferToThread(Client, port)
        assert modern.version == "TLSv1.3"
        modern.close()
        still = await deferToThread(lambda: Client(port, maximum_version=ssl.TLSVersion.TLSv1_2))
        assert still.version == "TLSv1.2"
        still.close()

        def old() -> Client:
            with pytest.warns(DeprecationWarning, match="TLSv1"):
                return Client(port, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)

        with pytest.raises(ssl.SSLError):
            await deferToThread(old)


@ensureDeferred
async def test_browsers_are_told_to_come_over_https_alone(files: Files) -> None:
    files.read.load()
    async with server(files) as port:
        client = await deferToThread(Client, port)
        answer = await deferToThread(client.get)
        client.close()
    assert b"\r\nStrict-Transport-Security: max-age=31536000\r\n" in answer


def test_when_it_expires_is_a_figure(files: Files) -> None:
    files.read.load()
    assert files.expires == FIRST.certificate.not_valid_after_utc.timestamp()
    later = sign("later", LOCALHOST, by=AUTHORITY, until=NOW + timedelta(90))
    files.write(later)
    assert files.renew() == [(LogLevel.info, "a new certificate for localhost is taken up")]
    assert files.expires == later.certificate.not_valid_after_utc.timestamp()


def test_what_has_not_changed_is_not_read_again(files: Files) -> None:
    files.read.load()
    files.renew()
    assert files.renew() == []


def _rsa_2048() -> bytes:
    return _pem(rsa.generate_private_key(65537, 2048))


def _pem(key: Any, password: bytes | None = None) -> bytes:
    encryption: Any = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return pem


BROKEN: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "another key": (SECOND.pem, FIRST.key_pem, "is not the key of the first certificate in"),
    "a key of another kind": (SECOND.pem, _rsa_2048(), "is not the key of the first certificate in"),
    "a key that servers have not": (
        SECOND.pem,
        _pem(ed25519.Ed25519PrivateKey.generate()),
        "holds no RSA or ECDSA key",
    ),
    "half a certificate": (SECOND.pem[:200], SECOND.key_pem, "holds no certificate in PEM"),
    "half a key": (SECOND.pem, SECOND.key_pem[:80], "holds no RSA or ECDSA key in PEM"),
    "an empty file": (b"", SECOND.key_pem, "holds no certificate in PEM"),
    "no certificate": (None, SECOND.key_pem, "cannot be read: No such file or directory"),
    "no key": (SECOND.pem, None, "cannot be read: No such file or directory"),
    "a password": (SECOND.pem, _pem(SECOND.key, b"hush"), "has a password; give a key without"),
    "no PEM": (b"\x30\x82", SECOND.key_pem, "holds no certificate in PEM"),
}


def _broken(files: Files, name: str) -> str:
    certificate, key, why = BROKEN[name]
    for path, content in ((files.certificate, certificate), (files.key, key)):
        if content is None:
            path.unlink()
        else:
            files.put(path, content)
    return why


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pair_is_refused_once_and_the_one_before_stays(files: Files, name: str) -> None:
    files.read.load()
    before = files.read._pair
    why = _broken(files, name)
    [(level, text)] = files.renew()
    assert level is LogLevel.error
    assert text.startswith("the new certificate is not taken up, the one before stays: http.")
    assert why in text
    assert files.read._pair is before
    assert files.renew() == [], "it was said"
    files.write(SECOND)
    assert [level for level, _ in files.renew()] == [LogLevel.info]


@pytest.mark.parametrize("name", BROKEN)
def test_with_a_broken_pair_there_is_no_start(files: Files, name: str) -> None:
    why = _broken(files, name)
    with pytest.raises(CannotStart, match=rf"^http\.(certificate|private_key)_file: .*{why}"):
        files.read.load()


def test_an_end_that_is_near_is_warned_of_once_a_day(files: Files) -> None:
    end = NOW + timedelta(60)
    files.write(sign("soon", LOCALHOST, by=AUTHORITY, until=end))
    files.read.load()
    assert files.read.expires == int(end.timestamp())
    soon = end.timestamp() - RENEWED_BEFORE * 86_400
    assert files.renew(soon - 1) == []
    when = datetime.fromtimestamp(end.timestamp(), UTC).strftime("%Y-%m-%d %H:%M UTC")
    assert files.renew(soon + 1) == [(LogLevel.warn, f"the certificate for localhost expires at {when}")]
    assert files.renew(soon + 60) == []
    assert len(files.renew(soon + 86_401)) == 1
    [(level, text)] = files.renew(end.timestamp() + 1)
    assert level is LogLevel.critical
    assert text.startswith("the certificate for localhost has expired at ")
    files.write(sign("renewed", LOCALHOST, by=AUTHORITY, until=NOW + timedelta(150)))
    assert [level for level, _ in files.renew(end.timestamp() + 60)] == [LogLevel.info]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)])
def test_a_key_that_others_may_read_is_warned_of(files: Files, mode: int, warned: bool) -> None:
    files.put(files.key, FIRST.key_pem, mode)
    assert stat.S_IMODE(files.key.stat().st_mode) == mode
    with capturedLogs() as events:
        files.read.load()
    texts = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
    assert [f"(mode {mode:04o}); run: chmod 640 {files.key}" in text for text in texts] == [True] * warned


@pytest.mark.parametrize(
    ("name", "right"),
    [
        (x509.DNSName("localhost"), True),
        (x509.DNSName("sms.example.by"), False),
        (x509.IPAddress(ip_address("127.0.0.1")), False),
    ],
)
def test_a_certificate_for_another_name_is_warned_of(files: Files, name: x509.GeneralName, right: bool) -> None:
    files.write(sign("other", name, until=LATER))
    with capturedLogs() as events:
        files.read.load()
    texts = [formatEvent(event) for event in events]
    assert [" and not for localhost, the host of http.public_url: " in each for each in texts] == [True] * (not right)


def test_the_files_are_looked_at_every_minute_for_as_long_as_the_service_runs(files: Files, clock: Clock) -> None:
    clock.rightNow = NOW.timestamp()
    files.read.load()
    watch = CertificateWatch(clock, files.read, execute)
    watch.startService()
    files.write(SECOND)
    before = files.read._pair
    clock.advance(LOOKS_EVERY - 1)
    assert files.read._pair is before
    clock.advance(1)
    assert files.read._pair is not before
    watch.stopService()
    assert clock.getDelayedCalls() == []

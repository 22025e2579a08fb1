"""TLS by the daemon itself: a certificate with its key from files, taken up anew whenever they change."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..checklist.server_checks import RENEWED_BEFORE
from ..due_loop import DueLoop
from ..errors import CannotStart
from ..journal.spool import OffThread
from ..metrics import Metrics

LOOKS_EVERY = 60.0
"""Seconds between two looks at the files."""
_DAY = 86_400.0
_WARNS_EVERY = _DAY
# What Mozilla calls intermediate (ssl-config.mozilla.org, version 5.7), without the ciphers of finite fields; TLS 1.3
# has its own.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_LARGEST = 1_000_000
_Key = RSAPrivateKey | EllipticCurvePrivateKey


class Unusable(Exception):
    """The files cannot be used; the text says which setting, and why."""


@dataclass(frozen=True)
class _Pair:
    context: SSL.Context
    expires: float
    """Seconds since the epoch."""
    names: str
    warnings: Sequence[str]


_Trace = tuple[int, int, int] | None
"""What tells one state of a file from another without reading it; None where there is no file."""


@implementer(IOpenSSLServerConnectionCreator)
class CertificateFiles:
    """The certificate that new connections are shown."""

    _log = Logger()

    def __init__(self, certificate: str, key: str, host: str, metrics: Metrics) -> None:
        """The paths of the certificate with its chain, its own first, and of its key, both in PEM.

        `host` is the name or the IP address that it ought to be made out for.
        """
        self._paths = (Path(certificate), Path(key))
        self._host = host
        self._metrics = metrics
        self._pair: _Pair | None = None
        self._seen: list[_Trace] = []
        self._warned_at = 0.0

    def load(self) -> None:
        """Take the files up; raises `CannotStart` when they cannot be used. Blocks."""
        try:
            self._seen = self._traces()
            self._take(self._read())
        except Unusable as why:
            raise CannotStart(str(why)) from None

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `IOpenSSLServerConnectionCreator`."""
        assert self._pair is not None, "load() comes first"
        return SSL.Connection(self._pair.context, None)

    @property
    def expires(self) -> float:
        """When the certificate that is shown expires, in seconds since the epoch."""
        assert self._pair is not None, "load() comes first"
        return self._pair.expires

    async def renew(self, off_thread: OffThread, now: float) -> None:
        """Take the files up if they have changed; with any trouble what there is stays. `now`: since the epoch."""
        traces = await off_thread(self._traces)
        if traces != self._seen:
            self._seen = traces
            try:
                self._take(await off_thread(self._read))
            except Unusable as why:
                self._log.error("the new certificate is not taken up, the one before stays: {why}", why=str(why))
            else:
                assert self._pair is not None
                self._log.info("a new certificate for {names} is taken up", names=self._pair.names)
        self._warn(now)

    def _warn(self, now: float) -> None:
        assert self._pair is not None
        left = self._pair.expires - now
        if left >= RENEWED_BEFORE * _DAY or now - self._warned_at < _WARNS_EVERY:
            return
        self._warned_at = now
        when = datetime.fromtimestamp(self._pair.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if left > 0:
            self._log.warn("the certificate for {names} expires at {when}", names=self._pair.names, when=when)
        else:
            self._log.critical(
                "the certificate for {names} has expired at {when}: Bitrix24 and A1 do not call any more",
                names=self._pair.names,
                when=when,
            )

    def _take(self, pair: _Pair) -> None:
        self._pair = pair
        self._warned_at = 0.0
        self._metrics.certificate_expires.set(pair.expires)
        for warning in pair.warnings:
            self._log.warn("{warning}", warning=warning)

    def _traces(self) -> list[_Trace]:
        return [_trace(each) for each in self._paths]

    def _read(self) -> _Pair:
        """Raises `Unusable`."""
        certificate_path, key_path = self._paths
        chain = _certificates(_content("http.certificate_file", certificate_path)[0], certificate_path)
        content, mode = _content("http.private_key_file", key_path)
        key = _key(content, key_path)
        if key.public_key() != chain[0].public_key():
            raise Unusable(
                f"http.private_key_file: {key_path} is not the key of the first certificate in {certificate_path}"
            )
        names, warnings = _names(chain[0]), []
        if stat.S_ISREG(mode) and mode & 0o027:
            warnings.append(
                f"http.private_key_file: {key_path} is open to more than its owner and group "
                f"(mode {stat.S_IMODE(mode):04o}); run: chmod 640 {key_path}"
            )
        if not _is_for(chain[0], self._host):
            warnings.append(
                f"http.certificate_file: made out for {names} and not for {self._host}, the host of http.public_url: "
                "Bitrix24 and A1 do not call such an address"
            )
        return _Pair(_context(chain, key), chain[0].not_valid_after_utc.timestamp(), names, warnings)


class CertificateWatch(DueLoop):
    """Looks at the files every minute."""

    def __init__(self, clock: IReactorTime, files: CertificateFiles, off_thread: OffThread) -> None:
        super().__init__("certificate", clock, self._look)
        self._files = files
        self._off_thread = off_thread

    async def _look(self) -> float:
        await self._files.renew(self._off_thread, self._clock.seconds())
        return LOOKS_EVERY


def _trace(path: Path) -> _Trace:
    try:
        # Through symbolic links, which certbot changes.
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _content(setting: str, path: Path) -> tuple[bytes, int]:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise Unusable(f"{setting}: {path} cannot be read: {error.strerror}") from None


def _certificates(content: bytes, path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise Unusable(f"http.certificate_file: {path} holds no certificate in PEM") from None


def _key(content: bytes, path: Path) -> _Key:
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise Unusable(f"http.private_key_file: {path} has a password; give a key without") from None
    except Exception:
        # Beside ValueError the library has errors of its own for keys that it does not know.
        key = None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        # Authorities sign no others for servers.
        raise Unusable(f"http.private_key_file: {path} holds no RSA or ECDSA key in PEM")
    return key


def _names(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return certificate.subject.rfc4514_string()
    names = [str(each) for each in found.get_values_for_type(x509.DNSName)]
    names += [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    return ", ".join(names[:5])


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    verify: Callable[[x509.Certificate, str], None] = verify_certificate_hostname
    with suppress(ValueError):
        ip_address(host)
        verify = verify_certificate_ip_address
    try:
        verify(certificate, host)
    except (VerificationError, CertificateError):
        return False
    return True


def _context(chain: Sequence[x509.Certificate], key: _Key) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    # Idle connections keep no buffers.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    try:
        context.use_certificate(chain[0])
        for each in chain[1:]:
            context.add_extra_chain_cert(each)
        context.use_privatekey(key)
        context.check_privatekey()
    except SSL.Error as error:
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        raise Unusable(
            f"http.certificate_file: OpenSSL does not take it: {', '.join(str(each[-1]) for each in reasons)}"
        ) from None
    return context

"""How the centre is reached (TCP, or TLS with its certificate and name checked), and in words why it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL.crypto import X509
from OpenSSL.SSL import Error as TLSError
from service_identity import CertificateError, VerificationError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.python.failure import Failure

from ...errors import CannotStart


def endpoint(
    reactor: Any, host: str, port: int, *, tls: bool, ca_file: str | None, timeout: float
) -> IStreamClientEndpoint:
    """Where to connect; `timeout` is in seconds, for one attempt.

    With `tls` the certificate has to be valid, made out for `host` (a name or an IP address) and signed by an
    authority in `ca_file` or, without that file, by one that the system knows. Raises `CannotStart` when the file
    cannot be used.
    """
    plain = HostnameEndpoint(reactor, host, port, timeout=timeout)
    if not tls:
        return plain
    trusted = platformTrust() if ca_file is None else trustRootFromCertificates(_certificates(ca_file))
    return wrapClientTLS(optionsForClientTLS(host, trusted), plain)


def _certificates(ca_file: str) -> list[Certificate]:
    try:
        found = x509.load_pem_x509_certificates(Path(ca_file).read_bytes())
    except OSError as error:
        raise CannotStart(f"a1.smpp.ca_file: {ca_file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise CannotStart(f"a1.smpp.ca_file: {ca_file} holds no certificate in PEM") from None
    return [Certificate(X509.from_cryptography(each)) for each in found]


def why_not_connected(failure: Failure) -> str:
    """What kept an attempt from connecting, as a predicate of the centre."""
    return f"cannot be reached: {_words(failure.value)}"


def why_disconnected(failure: Failure) -> str:
    """What ended a connection, as a predicate of the centre."""
    error = failure.value
    if isinstance(error, ConnectionDone):
        return "has closed the connection"
    if isinstance(error, ConnectionAborted):
        return "has not closed the connection, which was broken off"
    if isinstance(error, VerificationError | CertificateError):
        return "shows a certificate that is made out for another name than a1.smpp.host"
    if isinstance(error, TLSError):
        reasons = _tls_reasons(error)
        if "certificate verify failed" in reasons:
            return (
                "shows a certificate that is not trusted: "
                "it has expired, or its authority is neither known to the system nor in a1.smpp.ca_file"
            )
        return f"does not go through with TLS: {reasons or _words(error)}"
    return f"has lost the connection: {_words(error)}"


def _tls_reasons(error: TLSError) -> str:
    # OpenSSL's queue of errors: library, function, reason.
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(entry[-1]) for entry in queue)


def _words(error: BaseException | None) -> str:
    return str(error).rstrip(".") or type(error).__name__

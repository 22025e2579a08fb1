"""The public address as Bitrix24 and A1 reach it: its name, its certificate, and where requests arrive."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThread

from ..checklist.findings import Check, Finding
from ..checklist.server_checks import certificate_found
from ..config_sections import Config
from ..errors import AnswerLost, NotSent
from ..http_client import IHttpClient

_TIMEOUT = 15.0
# Seconds. With a proxy that has been down for longer, A1's last call says nothing.
_OF_LATE = 3600.0

Seen = Callable[[], Awaitable[list[str]]]
"""What stood in front of the word in the addresses of the requests that came to the daemon."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was shown, or why it is no good."""

    until: float | None = None
    """In seconds since the epoch; None when it is not valid, or nobody answered."""
    fault: str = ""
    """What OpenSSL says against it; empty when it is valid, or nobody answered."""
    no_answer: str = ""
    """Why it was not seen."""


def certificate_at(host: str, port: int) -> Certificate:
    """The certificate there, by the system's authorities. Blocks."""
    try:
        with (
            socket.create_connection((host, port), timeout=_TIMEOUT) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert() or {}
            return Certificate(until=ssl.cert_time_to_seconds(str(shown["notAfter"])))
    except ssl.SSLCertVerificationError as error:
        return Certificate(fault=error.verify_message)
    except OSError as error:
        return Certificate(no_answer=str(error))


async def look_at_address(
    client: IHttpClient,
    config: Config,
    word: str,
    seen: Seen | None,
    *,
    certificate: Callable[[str, int], Certificate] = certificate_at,
    resolve: Callable[..., Any] = socket.getaddrinfo,
    now: Callable[[], float] = time.time,
    off_thread: Callable[..., Awaitable[Any]] = deferToThread,
) -> list[Check]:
    """What is found of `http.public_url`; `seen` is None while no daemon runs.

    A request goes to each route that others call, with `word` in the place of the secret: a gateway answers 404.
    """
    url = urlsplit(config.http.public_url)
    host, tls = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if tls else 80)
    facts: dict[str, object] = {"address": config.http.public_url, "host": host, "port": port}
    try:
        await off_thread(resolve, host, port)
    except OSError as error:
        unseen = Check(Finding.CERTIFICATE_UNKNOWN if tls else Finding.CERTIFICATE_OFF, facts)
        return [Check(Finding.ADDRESS_UNRESOLVED, facts, str(error)), unseen]
    if not tls:
        return [await _ask(client, config, word, seen, facts), Check(Finding.CERTIFICATE_OFF)]
    shown: Certificate = await off_thread(certificate, host, port)
    return [await _ask(client, config, word, seen, facts), _judged(shown, facts, now())]


def called_of_late(address: Check, callback: Check | None, now: float) -> Check:
    """What is to be said of the address, when `callback` is what is known of A1's calls to it.

    Behind many a router nobody can reach its public address from inside, while everybody outside can.
    """
    at = None if callback is None or callback.finding is not Finding.CALLBACK_HEARD else callback.facts.get("at")
    if address.finding is not Finding.ADDRESS_UNREACHABLE or not isinstance(at, float) or now - at > _OF_LATE:
        return address
    return Check(Finding.ADDRESS_CALLED, {**address.facts, "at": at})


def _judged(shown: Certificate, facts: dict[str, object], now: float) -> Check:
    if shown.until is not None:
        found = certificate_found(shown.until, now)
        return replace(found, facts={**facts, **found.facts})
    if shown.fault:
        return Check(Finding.CERTIFICATE_INVALID, facts, shown.fault)
    return Check(Finding.CERTIFICATE_UNKNOWN, facts, shown.no_answer)


async def _ask(client: IHttpClient, config: Config, word: str, seen: Seen | None, facts: dict[str, object]) -> Check:
    routes = ["/bitrix24/handler/"]
    if config.a1.transport == "http":
        routes.append("/a1/callback/")
    answers: dict[str, int] = {}
    try:
        for route in routes:
            answer = await client.post_form(f"{config.http.public_url}{route}{word}", {}, timeout=_TIMEOUT)
            answers[route] = answer.code
    except (NotSent, AnswerLost) as trouble:
        finding = Finding.ADDRESS_UNREACHABLE if seen is not None else Finding.ADDRESS_UNKNOWN
        return Check(finding, facts, str(trouble))
    if seen is None:
        return Check(Finding.ADDRESS_UNKNOWN, facts)
    arrived = await seen()
    for route, code in answers.items():
        if route not in arrived:
            elsewhere = {"route": f"{config.http.public_url}{route}", "code": code, "listen": config.http.listen}
            return Check(Finding.ADDRESS_ELSEWHERE, facts | elsewhere)
    return Check(Finding.ADDRESS_LEADS_HERE, facts)

"""`a1gateway sandbox`: serves the simulated A1 and the simulated Bitrix24 portal on loopback until it is stopped."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.error import CannotListenError
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import Site

from a1gateway.sandbox.a1 import SandboxA1
from a1gateway.sandbox.portal import SandboxPortal
from a1gateway.sandbox.settings import A1Settings


def _loopback(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as 127.0.0.1") from error
    if not address.is_loopback:
        raise argparse.ArgumentTypeError(
            f"{text} is not a loopback address; the sandbox has no protection and serves this machine only"
        )
    return str(address)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://127.0.0.1:8080")
    return text.rstrip("/")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options on `parser`; a port of 0 means any free one."""
    option = parser.add_argument
    option("--host", type=_loopback, default="127.0.0.1", help="loopback address to listen on")
    option("--a1-port", type=_port, default=8091, help="port of A1's HTTP API")
    option("--smpp-port", type=_port, default=2775, help="port of A1's SMSC")
    option("--portal-port", type=_port, default=8092, help="port of the Bitrix24 portal")
    option("--gateway", type=_address, default="http://127.0.0.1:8080", help="address of the gateway")
    option("--smpp-system-id", default="sandbox", help="account at the SMSC")
    option("--smpp-password", default="sandbox1", help="its password")
    option("--callback-url", type=_address, help="where A1 reports statuses; default: the gateway's route")
    option("--callback-secret", default="sandbox-callback-secret", help="last part of that route")
    option("--a1-user", default="375291234567", help="login at A1")
    option("--a1-apikey", default="sandbox-apikey", help="API key at A1")
    option("--client-id", default="local.sandbox", help="the local application's client_id")
    option("--client-secret", default="sandbox-client-secret", help="its client_secret")
    option(
        "--no-install",
        dest="install",
        action="store_false",
        help="do not install the application into the gateway",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM and returns 0; 1 when a port is taken. Prints a line for each address."""
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo(
        [
            FilteringLogObserver(
                textFileLogObserver(sys.stderr), [LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)]
            )
        ],
        redirectStandardIO=False,
    )
    try:
        serve(reactor, arguments)
    except CannotListenError as error:
        sys.stderr.write(f"a1gateway sandbox: port {error.port} of {error.interface} is taken\n")
        return 1
    reactor.run()
    return 0


def serve(reactor: Any, arguments: argparse.Namespace) -> tuple[SandboxA1, SandboxPortal]:
    """Listens on the three ports and prints the addresses. Raises CannotListenError when a port is taken."""
    client = HTTPClient(Agent(reactor, connectTimeout=5))
    gateway: str = arguments.gateway

    # A site's address is known once its port is bound, which is before anything can ask it for a page.
    a1_site, a1_base = _listen(reactor, arguments.host, arguments.a1_port)
    portal_site, portal_base = _listen(reactor, arguments.host, arguments.portal_port)

    callback = arguments.callback_url or f"{gateway}/a1/callback/{arguments.callback_secret}"
    a1 = SandboxA1(
        reactor,
        client,
        user=arguments.a1_user,
        apikey=arguments.a1_apikey,
        system_id=arguments.smpp_system_id,
        password=arguments.smpp_password,
        settings=A1Settings(callback_url=callback),
    )
    portal = SandboxPortal(
        reactor,
        client,
        base=portal_base,
        gateway=gateway,
        client_id=arguments.client_id,
        client_secret=arguments.client_secret,
        a1_control=a1.control.resource(),
    )
    smsc = reactor.listenTCP(arguments.smpp_port, a1.smsc, interface=arguments.host)
    a1_site.resource = a1.resource()
    portal_site.resource = portal.resource()
    reactor.addSystemEventTrigger("before", "shutdown", a1.stop)
    reactor.addSystemEventTrigger("before", "shutdown", portal.stop)

    _say(f"A1 HTTP API: {a1_base}/api/")
    _say(f"A1 SMSC: smpp://{_shown(arguments.host)}:{smsc.getHost().port}")
    _say(f"Bitrix24 portal: {portal_base}/")
    if arguments.install:
        reactor.callWhenRunning(portal.install_until_accepted)
    return a1, portal


def _listen(reactor: Any, host: str, port: int) -> tuple[Site, str]:
    site = Site(Resource(), reactor=reactor)
    listening = reactor.listenTCP(port, site, interface=host)
    return site, f"http://{_shown(host)}:{listening.getHost().port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

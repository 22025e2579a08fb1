"""`twistd a1gateway --config FILE`: the one module that knows every part and puts them together."""

from __future__ import annotations

import random
import sys
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from klein.resource import KleinResource
from twisted.application.service import Service
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.python import usage

from .bitrix24.front import Front
from .bitrix24.lifecycle import Lifecycle
from .bitrix24.portal import Portal
from .bitrix24.registration import Registration
from .bitrix24.reporter import Reporter
from .bitrix24.tokens import Tokens
from .carriers.a1http import A1HttpCarrier
from .config import Config, ConfigFaults, load
from .dispatcher import Dispatcher, LookUp
from .errors import CannotStart
from .gate import Gate, Probe
from .gateway import Gateway
from .http_client import http_client
from .intake import Intake, SpoolDrain
from .journal import Journal, Spool, Store
from .journal.lane import Lane
from .logs import observer
from .metrics import Metrics
from .pacing import TokenBucket
from .polling import Polling
from .readiness import Readiness
from .receipts import Receipts
from .web.operations import A1Callback, Operations
from .web.site import CountingSite, Root


class Options(usage.Options):
    """What twistd takes for the gateway."""

    optParameters = [["config", "c", None, "the configuration file"]]
    longdesc = "The SMS gateway between Bitrix24 and A1. The README describes the configuration file."

    config: Config

    def postOptions(self) -> None:
        """Load the configuration; with faults, name them all and end with exit status 1."""
        if not self["config"]:
            raise usage.UsageError("--config FILE is missing")
        try:
            self.config = load(self["config"])
        except ConfigFaults as faults:
            sys.stderr.write("".join(f"{fault}\n" for fault in faults.faults))
            raise SystemExit(1) from None


def makeService(options: Options) -> Service:
    """For twistd."""
    from twisted.internet import reactor

    twistd: Any = options.parent or {}
    try:
        gateway = build(options.config, reactor)
    except CannotStart as reason:
        sys.stderr.write(f"{reason}\n")
        raise SystemExit(1) from None
    if twistd.get("nodaemon") and not any(twistd.get(name) for name in ("logfile", "syslog", "logger")):
        log = options.config.log
        gateway.log_observer = observer(sys.stdout, style=log.format, level=log.level)
    return gateway


def build(config: Config, reactor: Any) -> Gateway:
    """The whole gateway, not yet started; raises `CannotStart` for what this version cannot do."""
    http, callback = config.a1.http, config.a1.callback
    if config.a1.transport != "http" or http is None or callback is None:
        raise CannotStart('a1.transport: this version sends over A1\'s HTTP API only; write "http"')
    jitter = random.SystemRandom().random
    off_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    metrics = Metrics()
    store = Store(config.store.url)
    journal = Journal(Lane(store, reactor))
    spool = Spool(config.store.spool, off_thread)
    client = http_client(reactor)

    # The ways to A1 and to the portal.
    carrier = A1HttpCarrier(
        client,
        TokenBucket(reactor, http.requests_per_second, http.requests_per_second),
        metrics,
        url=http.url,
        user=http.user,
        apikey=http.apikey.get_secret_value(),
        timeout=http.timeout,
    )
    gate = Gate(reactor, jitter)
    bitrix24 = config.bitrix24
    tokens = Tokens(
        reactor,
        journal,
        client,
        oauth_url=bitrix24.oauth_url,
        client_id=bitrix24.client_id,
        client_secret=bitrix24.client_secret.get_secret_value(),
    )
    portal_pace = TokenBucket(reactor, bitrix24.requests_per_second, bitrix24.burst)
    portal = Portal(reactor, client, tokens, portal_pace, metrics)

    # The services, each of which lives from what the journal says is due.
    handler_secret = bitrix24.handler_secret.get_secret_value()
    handler_url = f"{config.http.public_url}/bitrix24/handler/{handler_secret}"
    reporter = Reporter(reactor, journal, portal, tokens, sender_code=bitrix24.sender_code, random=jitter)
    registration = Registration(
        reactor,
        portal,
        tokens,
        sender_code=bitrix24.sender_code,
        sender_name=bitrix24.sender_name,
        handler_url=handler_url,
        event_url=f"{config.http.public_url}/bitrix24/event/{handler_secret}",
        random=jitter,
    )
    receipts = Receipts(journal, metrics, reporter.wake)
    poll_after = config.polling.interval
    # Each of the two wakes the other.
    look_up = LookUp(
        reactor, journal, carrier, gate, receipts, poll_after=poll_after, on_due=lambda: dispatcher.wake()
    )
    dispatcher = Dispatcher(
        reactor,
        journal,
        carrier,
        gate,
        receipts,
        poll_after=poll_after,
        on_uncertain=look_up.wake,
    )
    polling = Polling(
        reactor,
        journal,
        carrier,
        gate,
        receipts,
        interval=config.polling.interval,
        give_up_after=config.polling.give_up_after,
    )
    drain = SpoolDrain(reactor, journal, spool, receipts, on_message=dispatcher.wake, on_refusal=reporter.wake)
    intake = Intake(
        reactor,
        journal,
        spool,
        receipts,
        metrics,
        on_message=dispatcher.wake,
        on_refusal=reporter.wake,
        on_spooled=drain.wake,
    )

    def application_changed() -> None:
        registration.renew()
        reporter.renew()

    oauth = urlsplit(bitrix24.oauth_url)
    lifecycle = Lifecycle(
        reactor,
        portal,
        tokens,
        portal_name=bitrix24.portal,
        client_id=bitrix24.client_id,
        oauth_endpoint=f"{oauth.scheme}://{oauth.netloc}/rest/",
        on_change=application_changed,
    )

    # The routes.
    front = Front(
        reactor,
        intake,
        lifecycle,
        registration,
        tokens,
        handler_secret=handler_secret,
        handler_url=handler_url,
        sender_code=bitrix24.sender_code,
        sender_name=bitrix24.sender_name,
        sender_id=config.a1.sender_id,
        max_segments=config.a1.max_segments,
    )
    a1_callback = A1Callback(
        reactor,
        intake,
        secret=callback.secret.get_secret_value(),
        id_field=callback.id_field,
        status_field=callback.status_field,
    )
    readiness = Readiness(
        reactor,
        journal,
        spool,
        gate,
        tokens,
        portal,
        registration,
        metrics,
        transport=config.a1.transport,
    )
    operations = KleinResource(Operations(readiness.readiness, readiness.figures).app)
    root = Root(operations)
    root.putChild(b"bitrix24", KleinResource(front.app))
    root.putChild(b"a1", KleinResource(a1_callback.app))

    return Gateway(
        reactor,
        store=store,
        journal=journal,
        spool=spool,
        tokens=tokens,
        site=CountingSite(root, reactor),
        endpoint=_endpoint(reactor, config.http.listen),
        loops=[Probe(reactor, carrier, gate), look_up, dispatcher, polling, drain, registration, reporter],
        warnings=[str(warning) for warning in config.warnings],
    )


def _endpoint(reactor: Any, listen: str) -> IStreamServerEndpoint:
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, listen)
    except IndexError:
        # How Twisted says that systemd has handed over no such socket; only a start can find that out.
        raise CannotStart(f"http.listen: systemd has given no socket for {listen}; start a1gateway.socket") from None
    return endpoint

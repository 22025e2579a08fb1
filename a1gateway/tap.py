"""`twistd a1gateway --config FILE`: the one module that knows every part and puts them together."""

from __future__ import annotations

import gc
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from klein.resource import KleinResource
from twisted.application.service import Service
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import LogLevel
from twisted.python import usage
from twisted.python.threadpool import ThreadPool
from twisted.web.iweb import IRequest

from . import __version__
from .admission import Admission, MarketingTerms
from .alarms.standing import Patience
from .alarms.telling import Letters
from .alarms.watch import Alarms
from .automation.assembly import Automation
from .automation.documents import DocumentReader
from .automation.parts import Parts
from .automation.scenarios import scenarios_of
from .awaited import Grace, Hold, Reception
from .bitrix24.budget import Budget
from .bitrix24.choices import ChoiceWriter
from .bitrix24.consent import ConsentCheck, NoConsent
from .bitrix24.front import Front
from .bitrix24.lifecycle import Lifecycle
from .bitrix24.permissions import Permissions
from .bitrix24.portal import Portal
from .bitrix24.registration import Registration
from .bitrix24.reporter import Reporter
from .bitrix24.tokens import Tokens
from .by_hand import Sender
from .campaigns import Campaigns
from .carriers.a1http import A1HttpCarrier
from .carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Trouble
from .carriers.smpp.carrier import SmppCarrier
from .carriers.smpp.endpoint import endpoint
from .carriers.smpp.inbox import Inbox
from .carriers.smpp.link import Link
from .carriers.smpp.link_state import LinkState
from .carriers.smpp.settings import LinkSettings
from .checklist.a1_checks import A1Checks
from .checklist.expected import expected
from .checklist.of_late import OfLate
from .checklist.portal_checks import PortalChecks
from .checklist.server_checks import ServerChecks
from .checklist.whole import Checklist
from .choice_words import ChoiceWords
from .clock import SteadyClock
from .config import Config, ConfigFaults, load
from .config_sections import A1Http, A1Smpp, Consent
from .contact_base.jobs import BaseJobs
from .control.campaigns import campaign_operations
from .control.checklist import checklist_operation
from .control.doctor import doctor_operations
from .control.erasing import erasing_operations
from .control.marketing import cost_operation, marketing_operations
from .control.messages import message_operations
from .control.operations import Operation, portal_operations
from .control.place import socket_of
from .control.restored import restored_operations
from .control.service import ControlService
from .counting import Counting
from .dispatcher import ASK_AFTER, ASK_AGAIN_AFTER, Dispatcher, LookUp
from .erasing import Erasing
from .errors import CannotStart
from .export.exports import Exports
from .free_space import FreeSpace
from .gate import Gate, Probe
from .gateway import Gateway
from .hours import OpenHours
from .http_client import IHttpClient, http_client
from .intake import Intake, SpoolDrain
from .interfaces import ICarrier
from .journal import Journal, Spool, Store
from .journal.campaign_progress import Terms as CampaignTerms
from .journal.lane import Lane
from .journal.reader import Reader
from .journal.spool import OffThread
from .logs import observer, prioritized
from .marketing import MarketingPace, pace_of
from .message import ChoiceSource, Received, StatusReport, Submission
from .metrics import Metrics
from .overview import DaemonOverview
from .pacing import TokenBucket, YieldingPace
from .pages.assembly import Parts as PageParts
from .pages.sessions import Sessions
from .polling import Polling
from .readiness import Readiness
from .receipts import Receipts
from .recent_log import RecentLog
from .retention import Periods, Retention
from .sender_id.watch import SenderNamesWatch
from .systemd import MoreTime, StatusLine, Watchdog, is_journald, is_waiting
from .web.certificate import CertificateFiles, CertificateWatch
from .web.clients import Clients
from .web.operations import A1Callback, Operations
from .web.sightings import Sightings
from .web.site import ByFirstPart, CountingSite, Root
from .web.strangers import Strangers
from .web.unanswered import Unanswered
from .words.words import words as words_in

_WITH_A_BACKLOG = ("tcp", "tcp6", "ssl", "unix")
_BACKLOG = 1024
# Objects; Python's own 700 come and go with every message.
_BETWEEN_COLLECTIONS = 20_000
# Seconds that the journal has to answer what only the status line wants to know.
_PATIENCE = 5.0
_CHECK_THE_ADDRESS = "check too whether A1 allows this server's address"


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
            sys.stderr.write(_why_not(f"{faults}\n"))
            raise SystemExit(1) from None


def makeService(options: Options) -> Service:
    """For twistd."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    # Timers and due times alike are by this clock: with the server's own they would all stand still for as long as
    # somebody sets that back.
    reactor.seconds = SteadyClock().seconds
    twistd: Any = options.parent or {}
    try:
        gateway = build(options.config, reactor)
    except CannotStart as reason:
        sys.stderr.write(_why_not(f"{reason}\n"))
        raise SystemExit(1) from None
    if twistd.get("nodaemon") and not any(twistd.get(name) for name in ("logfile", "syslog", "logger")):
        log = options.config.log
        gateway.log_observer = observer(
            sys.stdout, style=log.format, level=log.level, reactor=reactor, priorities=is_journald(sys.stdout)
        )
    # What there is now stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    return gateway


@dataclass
class _Way:
    """A way to A1 with the services of its own, and how the dispatcher has to treat it."""

    carrier: ICarrier
    services: Sequence[Service]
    on_uncertain: Callable[[], None]
    uncertain_for: float
    judge: Callable[[Sequence[Outcome]], None] | None = None
    asks: bool = True
    smpp: Link | None = None
    link: LinkState | None = None
    account: SenderNamesWatch | None = None
    """What A1 says of the account, where it can be asked."""


@dataclass
class _Core:
    """What both ways are made with."""

    reactor: Any
    random: Callable[[], float]
    config: Config
    metrics: Metrics
    journal: Journal
    gate: Gate
    receipts: Receipts
    on_due: Callable[[], None]
    """A message may be submitted now."""
    on_choice: Callable[[Received], None]
    """A subscriber has opted out of marketing, or in again."""


def _http_way(core: _Core, http: A1Http, client: IHttpClient) -> _Way:
    carrier = A1HttpCarrier(
        client,
        TokenBucket(core.reactor, http.requests_per_second, http.requests_per_second),
        core.metrics,
        url=http.url,
        user=http.user,
        apikey=http.apikey.get_secret_value(),
        timeout=http.timeout,
    )
    look_up = LookUp(
        core.reactor,
        core.journal,
        carrier,
        core.gate,
        core.receipts,
        poll_after=core.config.polling.interval,
        on_due=core.on_due,
    )
    account = SenderNamesWatch(
        core.reactor, core.journal, carrier, core.gate, balance_below=core.config.alarms.least_balance
    )
    core.gate.on_open(account.a1_is_well)
    services = [Probe(core.reactor, carrier, core.gate), look_up, account]
    return _Way(carrier, services, look_up.wake, ASK_AFTER, account=account)


def _smpp_way(core: _Core, smpp: A1Smpp, intake: Intake) -> _Way:
    centre = f"{smpp.host}:{smpp.port}"
    pace = YieldingPace(core.reactor, smpp.messages_per_second)
    reception = Reception(core.reactor)

    async def take_receipt(report: StatusReport) -> None:
        await intake.take_status(report)
        if report.reference is not None:
            # It may have ended a doubt, and then the other parts are due.
            core.on_due()

    inbox = Inbox(core.reactor, core.journal, core.metrics, take_status=take_receipt, on_choice=core.on_choice)

    def link_changed() -> None:
        reception.changed(up=link.bound)
        if link.can_submit:
            core.gate.link_is_up()
        else:
            core.gate.link_is_down(link.trouble or LinkTrouble(Trouble.UNREACHABLE, f"{centre} is not bound yet"))

    async def part_is_taken(submission: Submission, named: Mapping[int, str]) -> None:
        core.receipts.announce(await core.journal.name_parts(submission, named, core.reactor.seconds()))

    async def answered_late(submission: Submission, outcome: Outcome) -> None:
        now = core.reactor.seconds()
        after = core.config.polling.interval if isinstance(outcome, Accepted) else 0.0
        if isinstance(outcome, Postponed):
            after = outcome.after or 0.0
        core.receipts.announce(await core.journal.record_late(submission, outcome, now + after, now))
        # Its other parts may be due.
        core.on_due()

    link = Link(
        core.reactor,
        endpoint(
            core.reactor,
            smpp.host,
            smpp.port,
            tls=smpp.tls,
            ca_file=smpp.ca_file,
            timeout=smpp.response_timeout,
        ),
        LinkSettings.of(smpp),
        label=centre,
        on_delivery=inbox.take,
        on_change=link_changed,
        on_room=core.on_due,
        random=core.random,
    )
    carrier = SmppCarrier(
        core.reactor,
        link,
        pace,
        core.metrics,
        window=smpp.window,
        source=(smpp.source_ton, smpp.source_npi),
        destination=(smpp.destination_ton, smpp.destination_npi),
        random=core.random,
        on_part=part_is_taken,
        on_late=answered_late,
    )
    hold = Hold(
        core.reactor,
        core.journal,
        reception,
        core.receipts,
        core.metrics,
        seconds=smpp.uncertain_hold,
        resend=smpp.on_uncertain == "resend",
        on_due=core.on_due,
    )
    grace = Grace(
        core.reactor,
        core.journal,
        reception,
        core.receipts,
        seconds=smpp.receipt_grace,
        on_message=inbox.announce,
    )
    state = LinkState(core.reactor, link, pace, core.metrics, window=smpp.window)
    return _Way(
        carrier,
        # Stopped in reverse: the link takes no more before nobody has to wait for a turn.
        [state, link, hold, grace],
        hold.wake,
        smpp.uncertain_hold,
        judge=core.gate.judge_over_link,
        asks=smpp.query_sm,
        smpp=link,
        link=state,
    )


@dataclass
class _Marketing:
    """What marketing messages have of their own."""

    services: Sequence[Service]
    on_message: Callable[[], None] = lambda: None
    """One may have to be asked for."""
    on_choice: Callable[[], None] = lambda: None
    """A choice may have to be written into the CRM."""
    on_installation: Callable[[], None] = lambda: None
    check: ConsentCheck | None = None


@dataclass
class _ConsentParts:
    """What consents are asked for with."""

    reactor: Any
    random: Callable[[], float]
    consent: Consent
    metrics: Metrics
    journal: Journal
    portal: Portal
    tokens: Tokens
    receipts: Receipts
    pace: MarketingPace
    on_due: Callable[[], None]


def _with_consent(parts: _ConsentParts) -> _Marketing:
    check = ConsentCheck(
        parts.reactor,
        parts.journal,
        parts.portal,
        parts.tokens,
        parts.receipts,
        parts.metrics,
        parts.pace,
        contact_field=parts.consent.contact_field,
        granted_values=parts.consent.granted_values,
        denied_value=parts.consent.denied_value,
        wait=parts.consent.wait,
        max_age=parts.consent.max_age,
        on_due=parts.on_due,
        random=parts.random,
    )
    writer = ChoiceWriter(parts.reactor, parts.journal, parts.portal, parts.tokens, check.field, random=parts.random)

    def installed() -> None:
        check.renew()
        writer.wake()

    return _Marketing([check, writer], check.wake, writer.wake, installed, check)


def _marketing_pace(reactor: Any, config: Config) -> MarketingPace:
    consent = config.consent
    if consent is None:
        return MarketingPace(reactor, rate=0, never=True)
    smpp, http = config.a1.smpp, config.a1.http
    if config.a1.transport == "smpp":
        limit = 0.0 if smpp is None else smpp.messages_per_second
    else:
        limit = 0.0 if http is None else http.requests_per_second
    return MarketingPace(reactor, rate=limit * consent.share, hours=consent.hours, max_age=consent.max_age)


def _terms(consent: Consent, sender_id: str | None) -> MarketingTerms:
    hours = consent.hours
    return MarketingTerms(
        consent.sender_id or sender_id,
        (lambda now: now) if hours is None else hours.opening,
        frozenset(consent.test_numbers),
    )


def _campaign_terms(config: Config) -> CampaignTerms:
    consent = config.consent
    if consent is None:
        return CampaignTerms()
    return CampaignTerms(consent.hours, lambda segments: pace_of(config.a1, consent, segments).per_second)


def build(config: Config, reactor: Any) -> Gateway:
    """The whole gateway, not yet started; raises `CannotStart` for what this machine cannot do."""
    # The one section of the two that the transport names is used, as the configuration has made sure.
    smpp = config.a1.smpp if config.a1.transport == "smpp" else None
    jitter = random.SystemRandom().random
    off_thread = _threads(reactor, "spool")
    metrics = Metrics()
    recent_log = RecentLog()
    store = Store(config.store.url, working=MoreTime())
    # What people look at must not keep a message from the spool.
    beside = _threads(reactor, "reading")
    reader = Reader(store.path, beside)
    consent = config.consent
    words = None if consent is None else ChoiceWords(consent.stop_words, consent.start_words)
    lane = Lane(store, reactor)
    journal = Journal(lane, in_parts=smpp is not None, words=words)
    spool = Spool(config.store.spool, off_thread)
    client = http_client(reactor)
    # What is wrong with a bind, the link says itself.
    gate = Gate(reactor, jitter) if smpp is None else Gate(reactor, jitter, advice=_CHECK_THE_ADDRESS)

    # The portal.
    bitrix24 = config.bitrix24
    tokens = Tokens(
        reactor,
        journal,
        client,
        oauth_url=bitrix24.oauth_url,
        client_id=bitrix24.client_id,
        client_secret=bitrix24.client_secret.get_secret_value(),
    )
    # One request below its limit: they do not always arrive as far apart as they left.
    budget = Budget(reactor, bitrix24.requests_per_second, bitrix24.burst - 1)
    portal = Portal(reactor, client, tokens, budget, metrics)
    handler_secret = bitrix24.handler_secret.get_secret_value()
    handler_url = f"{config.http.public_url}/bitrix24/handler/{handler_secret}"
    event_url = f"{config.http.public_url}/bitrix24/event/{handler_secret}"
    reporter = Reporter(reactor, journal, portal, tokens, budget, sender_code=bitrix24.sender_code, random=jitter)
    registration = Registration(
        reactor,
        portal,
        tokens,
        sender_code=bitrix24.sender_code,
        sender_name=bitrix24.sender_name,
        handler_url=handler_url,
        event_url=event_url,
        random=jitter,
        marketing=consent is not None,
        app_url=f"{config.http.public_url}/bitrix24/app",
    )

    # The way of a message: services, each of which lives from what the journal says is due.
    def message_is_final() -> None:
        reporter.wake()
        automation.message_is_final()

    lost, faults = OfLate(reactor), OfLate(reactor)
    receipts = Receipts(journal, metrics, message_is_final, on_fault=faults.happened)
    pace = _marketing_pace(reactor, config)

    def message_is_due() -> None:
        dispatcher.wake()

    if consent is None:
        marketing: _Marketing = _Marketing([NoConsent(reactor, journal, receipts)])
    else:
        marketing = _with_consent(
            _ConsentParts(reactor, jitter, consent, metrics, journal, portal, tokens, receipts, pace, message_is_due)
        )

    def marketing_is_due() -> None:
        marketing.on_message()

    campaigns = Campaigns(reactor, journal, reader, receipts, _campaign_terms(config), on_due=marketing_is_due)

    def text_is_filled() -> None:
        message_is_due()
        marketing_is_due()

    def anything_is_due() -> None:
        text_is_filled()
        automation.text_is_unfilled()
        automation.run_is_due()

    places = {"journal": store.path.parent, "spool": Path(config.store.spool)}
    space = FreeSpace(
        reactor,
        off_thread,
        metrics,
        places,
        least_mb=config.store.min_free_mb,
        alarm_mb=config.store.alarm_free_mb,
    )
    base_jobs = BaseJobs(
        reactor,
        off_thread,
        portal,
        store.path.parent / "contact-base",
        installed=lambda: None if tokens.installation is None else tokens.installation.domain,
        consent=consent,
        little_space=lambda: space.warning is not None,
    )
    drain = SpoolDrain(
        reactor,
        journal,
        spool,
        receipts,
        on_message=anything_is_due,
        on_refusal=reporter.wake,
        on_run=lambda: automation.run_is_due(),
    )
    intake = Intake(
        reactor,
        journal,
        spool,
        receipts,
        metrics,
        on_message=message_is_due,
        on_refusal=reporter.wake,
        on_spooled=drain.wake,
        on_marketing=marketing_is_due,
        on_unfilled=lambda: automation.text_is_unfilled(),
        on_run=lambda: automation.run_is_due(),
        on_lost=lost.happened,
        check_space=space.check,
    )
    admission = Admission(
        config.a1.max_segments,
        config.a1.sender_id,
        None if consent is None else _terms(consent, config.a1.sender_id),
    )
    marketing_hours = None if consent is None else consent.hours
    automation = Automation(
        Parts(
            reactor,
            time.time,
            jitter,
            journal,
            portal,
            tokens,
            intake,
            receipts,
            admission,
            DocumentReader(reactor, portal),
            scenarios_of(config.scenario, config.automation, marketing_hours),
            config.automation.grace,
            OpenHours(config.automation.hours, marketing_hours),
            gate.hold,
        ),
        config.automation,
        robot_url=f"{config.http.public_url}/bitrix24/robot/{handler_secret}",
        event_url=event_url,
        on_filled=text_is_filled,
    )
    gate.on_open(automation.a1_is_open)

    def choice_is_made(received: Received) -> None:
        receipts.announce(received.changes)
        metrics.count(metrics.choices, str(received.choice), str(ChoiceSource.SUBSCRIBER))
        marketing.on_choice()

    core = _Core(reactor, jitter, config, metrics, journal, gate, receipts, message_is_due, choice_is_made)
    if smpp is not None:
        way = _smpp_way(core, smpp, intake)
    else:
        assert config.a1.http is not None
        way = _http_way(core, config.a1.http, client)
    dispatcher = Dispatcher(
        reactor,
        journal,
        way.carrier,
        gate,
        receipts,
        poll_after=config.polling.interval,
        on_uncertain=way.on_uncertain,
        uncertain_for=way.uncertain_for,
        judge=way.judge,
        crowded=lambda: intake.crowded,
        marketing=pace,
        on_asked_again=marketing_is_due,
    )
    polling = Polling(
        reactor,
        journal,
        way.carrier,
        gate,
        receipts,
        interval=config.polling.interval,
        give_up_after=config.polling.give_up_after,
        asks=way.asks,
    )

    sessions = Sessions(reactor)
    permissions = Permissions(portal)

    def application_changed() -> None:
        sessions.end_all()
        permissions.renew()
        registration.renew()
        reporter.renew()
        marketing.on_installation()
        automation.renew()
        alarms.renew()

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
    clients = Clients(config.http.trusted_proxies)
    strangers = Strangers(reactor, metrics, clients)
    certificate = _certificate(config, metrics)
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
        admission=admission,
        take_event=automation.take_event,
        strangers=strangers,
    )
    wanted = expected(config)
    checklist = Checklist(
        reactor,
        reader,
        PortalChecks(
            reactor,
            portal,
            tokens,
            registration,
            permissions,
            wanted,
            consent=marketing.check,
            automation=automation,
        ),
        A1Checks(reactor, gate, polling, wanted, link=way.smpp, account=way.account),
        ServerChecks(reactor, journal, spool, space, lost=lost, faults=faults, certificate=certificate),
        heard_since_start=lambda: receipts.heard,
    )
    alarms = Alarms(
        reactor,
        journal,
        checklist,
        portal,
        metrics,
        to=config.alarms.to,
        letters=Letters(words_in(config.alarms.language), urlsplit(config.http.public_url).netloc),
        patience=Patience(config.alarms.after, config.alarms.over_after),
        without=config.alarms.without,
        random=jitter,
    )
    metrics.balance_below.set(config.alarms.balance_below)
    exports = Exports(reactor, store.path)
    pages = PageParts(
        reactor,
        beside,
        config,
        reader,
        journal,
        portal,
        tokens,
        lifecycle,
        sessions,
        intake,
        admission,
        gate,
        campaigns,
        base_jobs,
        checklist,
        exports,
        automation.reader,
        prices=way.carrier if isinstance(way.carrier, A1HttpCarrier) else None,
        account=way.account,
        strangers=strangers,
    ).front()
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
        link=way.link,
        space=space,
        consent=marketing.check,
        automation=automation,
        account=way.account,
    )
    may_look = _may_look(config, clients)
    operations = KleinResource(Operations(readiness.readiness, readiness.figures, may_look).app)
    root = Root(operations)
    of_pages = dict.fromkeys((b"app", b"session", b"pages", b"static"), pages.resource())
    root.putChild(b"bitrix24", ByFirstPart(front.resource(), of_pages))
    callback = config.a1.callback
    if callback is not None:
        a1_callback = A1Callback(
            reactor,
            intake,
            secret=callback.secret.get_secret_value(),
            id_field=callback.id_field,
            status_field=callback.status_field,
            strangers=strangers,
        )
        root.putChild(b"a1", a1_callback.resource())

    sightings = Sightings()
    kept = config.retention
    retention = Retention(
        reactor,
        journal,
        reader,
        metrics,
        Periods(kept.mask_after, kept.delete_after, kept.delete_evidence_after),
        is_chosen="retention" in config.model_fields_set,
        busy=lambda: intake.crowded,
    )

    erasing = Erasing(reactor, journal, reader, spool, beside, metrics, store.path)

    offered: dict[str, Operation] = {
        **portal_operations(portal, lambda: tokens.current().domain),
        **marketing_operations(
            reactor, journal, portal, receipts, metrics, marketing.check, on_choice=lambda: marketing.on_choice()
        ),
        **campaign_operations(campaigns),
        **message_operations(reactor, reader, Sender(intake, admission)),
        "checklist": checklist_operation(checklist),
        "status": DaemonOverview(
            reactor,
            reader,
            spool,
            space,
            checklist,
            recent_log,
            transport=config.a1.transport,
            link=None if way.link is None else way.link.state,
        ).told,
        **doctor_operations(config, sightings),
        **restored_operations(reactor, journal, receipts, on_due=anything_is_due),
        **erasing_operations(erasing, journal),
        "version": _version,
    }
    if isinstance(way.carrier, A1HttpCarrier):
        sender_id = config.a1.sender_id if consent is None else consent.sender_id or config.a1.sender_id
        offered["a1.cost"] = cost_operation(way.carrier, sender_id)
    control = ControlService(reactor, socket_of(store.path), offered)

    unanswered = Unanswered(reactor, clients=clients, on_cut=lambda why: metrics.count(metrics.strangers, why))
    site = CountingSite(
        root, reactor, tells_each=config.log.level == "debug", sightings=sightings, unanswered=unanswered
    )
    gateway = Gateway(
        reactor,
        store=store,
        journal=journal,
        spool=spool,
        tokens=tokens,
        site=site,
        certificate=certificate,
        endpoint=partial(_endpoint, reactor, config.http.listen),
        loops=[
            *way.services,
            dispatcher,
            polling,
            drain,
            registration,
            reporter,
            space,
            alarms,
            *marketing.services,
            campaigns,
            *automation.services,
            Counting(reactor, journal, reader),
            retention,
            erasing,
            base_jobs,
            exports,
            control,
            *([CertificateWatch(reactor, certificate, beside)] if certificate is not None else []),
        ],
        long_answers=[exports],
        operations=offered,
        warnings=[str(warning) for warning in config.warnings],
        ask_within=max(way.uncertain_for, ASK_AGAIN_AFTER),
        poll_within=config.polling.interval,
        uncertain_for=0.0 if smpp is None else smpp.uncertain_hold,
    )
    recent_log.setServiceParent(gateway)
    # With or without a journal.
    Watchdog(reactor, lane.silent_for).setServiceParent(gateway)
    if is_waiting():
        StatusLine(reactor, readiness.readiness, partial(_waiting, reactor, journal)).setServiceParent(gateway)
    return gateway


def _certificate(config: Config, metrics: Metrics) -> CertificateFiles | None:
    """Of the daemon's own TLS."""
    certificate, key = config.http.certificate_file, config.http.private_key_file
    if certificate is None or key is None:
        return None
    return CertificateFiles(certificate, key, urlsplit(config.http.public_url).hostname or "", metrics)


def _may_look(config: Config, clients: Clients) -> Callable[[IRequest], bool]:
    """Who gets `/readyz` and `/metrics`."""
    if config.http.monitors is not None:
        return partial(clients.is_near, networks=config.http.monitors)
    # With a certificate nothing stands between the daemon and the Internet.
    return clients.is_near if config.http.certificate_file is not None else lambda request: True


async def _waiting(reactor: Any, journal: Journal) -> int:
    """How many messages have not left; raises `TryLater` or `TimeoutError`."""
    depths = await journal.depths().addTimeout(_PATIENCE, reactor)
    return sum(depths[name].count for name in ("fields", "consent", "held", "submit"))


def _why_not(text: str) -> str:
    """Why the daemon does not start, for its standard error."""
    return prioritized(text, LogLevel.critical) if is_journald(sys.stderr) else text


def _threads(reactor: Any, name: str) -> OffThread:
    """Two threads for what blocks.

    Not the reactor's: while no name server answers, they all wait for names.
    """
    threads = ThreadPool(minthreads=0, maxthreads=2, name=name)
    reactor.callWhenRunning(threads.start)
    reactor.addSystemEventTrigger("during", "shutdown", threads.stop)
    return partial(deferToThreadPool, reactor, threads)


async def _version(given: dict[str, Any]) -> Any:
    """For a command that wants to know whether somebody is there."""
    return __version__


def _endpoint(reactor: Any, listen: str) -> IStreamServerEndpoint:
    if listen.partition(":")[0] in _WITH_A_BACKLOG and "backlog=" not in listen:
        # Twisted's 50 are fewer than may come at once, and whoever finds no place waits for seconds.
        listen += f":backlog={_BACKLOG}"
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, listen)
    except IndexError:
        # How Twisted says that systemd has handed over no such socket; only a start can find that out.
        raise CannotStart(f"http.listen: systemd has given no socket for {listen}; start a1gateway.socket") from None
    return endpoint

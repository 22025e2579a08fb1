"""The figures for Prometheus; their names are part of the operator's contract."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from . import __version__
from .message import Change

# From seconds to days: an SMS is delivered in seconds, or waits for a phone to be switched on.
_FINAL_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400, 43200, 86400, 259200)


class Metrics:
    """One registry of its own for each gateway."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._found: dict[tuple[Counter, tuple[str, ...]], Counter] = {}
        self.accepted = Counter(
            "a1gateway_messages_accepted_total",
            "Messages taken in and put on disk, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "a1gateway_messages_rejected_total",
            "Messages refused for good, at the door or by A1, by reason",
            ["reason"],
            registry=self.registry,
        )
        self.consents = Counter(
            "a1gateway_consents_total",
            "Marketing messages whose consent the portal was asked for, by what it said",
            ["verdict"],
            registry=self.registry,
        )
        self.choices = Counter(
            "a1gateway_choices_total",
            "Choices about marketing SMS that subscribers and the operator have made, by who told of them",
            ["choice", "source"],
            registry=self.registry,
        )
        self.statuses = Counter(
            "a1gateway_statuses_total",
            "Statuses that messages have taken, by who said so",
            ["status", "source"],
            registry=self.registry,
        )
        self.final_seconds = Histogram(
            "a1gateway_final_seconds",
            "Seconds from acceptance to the final status",
            buckets=_FINAL_BUCKETS,
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "a1gateway_queue_depth", "Entries waiting, by queue", ["queue"], registry=self.registry
        )
        self.queue_oldest = Gauge(
            "a1gateway_queue_oldest_seconds",
            "Age of the oldest entry waiting, by queue; 0 when none waits",
            ["queue"],
            registry=self.registry,
        )
        self.a1_requests = Counter(
            "a1gateway_a1_requests_total",
            "Requests to A1, by method and result",
            ["method", "result"],
            registry=self.registry,
        )
        self.portal_requests = Counter(
            "a1gateway_portal_requests_total",
            "Requests to Bitrix24, by method and result",
            ["method", "result"],
            registry=self.registry,
        )
        self.smpp_bound = Gauge(
            "a1gateway_smpp_bound", "1 while the SMPP session is bound, else 0", registry=self.registry
        )
        self.smpp_window = Gauge(
            "a1gateway_smpp_window_used", "Requests over the SMPP link without an answer yet", registry=self.registry
        )
        self.smpp_rate = Gauge(
            "a1gateway_smpp_rate",
            "Parts a second that go over the SMPP link at most; below messages_per_second after A1 has throttled; "
            "0: no limit",
            registry=self.registry,
        )
        self.smpp_enquired = Gauge(
            "a1gateway_smpp_last_enquire_link_timestamp_seconds",
            "When an enquire_link was last answered, seconds since the epoch; 0: not yet",
            registry=self.registry,
        )
        self.smpp_reconnections = Gauge(
            "a1gateway_smpp_reconnections", "How often the SMPP link has been bound anew", registry=self.registry
        )
        self.smpp_throttled = Counter(
            "a1gateway_smpp_throttled_total",
            "Submits that A1 has put off because there were too many",
            registry=self.registry,
        )
        self.resent = Counter(
            "a1gateway_resent_total",
            "Messages submitted again although A1 may have had them",
            registry=self.registry,
        )
        self.incoming = Counter(
            "a1gateway_incoming_messages_total", "Messages from subscribers that were kept", registry=self.registry
        )
        self.unmatched = Counter(
            "a1gateway_unmatched_statuses_total",
            "Statuses for messages that are not known, or not yet; they are kept",
            registry=self.registry,
        )
        self.unknown_words = Counter(
            "a1gateway_unknown_status_words_total",
            "Status words whose meaning nobody knows; they are kept",
            registry=self.registry,
        )
        self.spooled = Counter(
            "a1gateway_spooled_total",
            "Entries put into the spool because the journal could not take them",
            registry=self.registry,
        )
        self.free_bytes = Gauge(
            "a1gateway_store_free_bytes",
            "Free space where messages are kept, by place",
            ["place"],
            registry=self.registry,
        )
        self.turned_away = Counter(
            "a1gateway_turned_away_total",
            "Messages answered with 503 because neither journal nor spool could hold them: each is a lost SMS",
            registry=self.registry,
        )
        self.strangers = Counter(
            "a1gateway_strangers_total",
            "Calls that proved to be nobody's, and connections that were broken off, by what became of them",
            ["result"],
            registry=self.registry,
        )
        self.certificate_expires = Gauge(
            "a1gateway_certificate_expires_timestamp_seconds",
            "When the certificate of http.certificate_file expires, seconds since the epoch; 0: there is none",
            registry=self.registry,
        )
        self.retention = Counter(
            "a1gateway_retention_total",
            "Rows of the journal that were masked or deleted because they had been kept for long enough, by kind",
            ["kind"],
            registry=self.registry,
        )
        self.retention_passed = Gauge(
            "a1gateway_retention_last_pass_timestamp_seconds",
            "When retention last went through the whole journal, seconds since the epoch; 0: not since the start",
            registry=self.registry,
        )
        self.erasures_pending = Gauge(
            "a1gateway_erasures_pending",
            "Erasures of a number of which something is still under way",
            registry=self.registry,
        )
        # From the start, so that the first one is seen as a growth.
        self.rejected.labels("gateway_fault")
        self._define_the_state()

    def _define_the_state(self) -> None:
        """How everything is at the moment."""
        self.a1_ok = self._gauge("a1gateway_a1_ok", "1 while A1 takes what it is asked, else 0")
        self.a1_refuses = self._gauge(
            "a1gateway_a1_refuses_account", "1 while A1 does not let the account in, else 0"
        )
        self.portal_ok = self._gauge("a1gateway_portal_ok", "1 while Bitrix24 answers, else 0")
        self.portal_shuts_out = self._gauge(
            "a1gateway_portal_shuts_out",
            "1 while Bitrix24 does not let the application in, or none is installed, else 0",
        )
        self.sender_registered = self._gauge(
            "a1gateway_sender_registered", "1 while the sender stands in Bitrix24, else 0"
        )
        self.refresh_token_ends = self._gauge(
            "a1gateway_refresh_token_expires_timestamp_seconds",
            "When the refresh token ends unless it is used before, seconds since the epoch; NaN: there is none",
        )
        self.balance = self._gauge("a1gateway_balance_byn", "What is left at A1, in BYN; NaN: not known")
        self.balance_below = self._gauge(
            "a1gateway_balance_below_byn", "The balance, in BYN, below which it counts as low"
        )
        for unknown in (self.refresh_token_ends, self.balance):
            unknown.set(math.nan)
        self.overdue = Gauge(
            "a1gateway_overdue_entries",
            "Entries that have waited for more than five minutes after their turn had come, by queue, up to 1000",
            ["queue"],
            registry=self.registry,
        )
        self.alarm = Gauge(
            "a1gateway_alarm", "1 while the trouble of this alarm is there, else 0", ["alarm"], registry=self.registry
        )
        self.alarms_looked = self._gauge(
            "a1gateway_alarms_looked_timestamp_seconds",
            "When troubles were last looked for, seconds since the epoch",
        )
        self.alarm_messages = Counter(
            "a1gateway_alarm_messages_total",
            "Messages about alarms to Bitrix24, by what became of them",
            ["result"],
            registry=self.registry,
        )
        # Memory, file descriptors, CPU time and the start of this process.
        ProcessCollector(namespace="a1gateway", registry=self.registry)
        Gauge("a1gateway_build_info", "The running version", ["version"], registry=self.registry).labels(
            __version__
        ).set(1)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def count(self, counter: Counter, *labels: str) -> None:
        """One more of `counter` with these labels; the library takes longer to find it than to count."""
        found = self._found.get((counter, labels))
        if found is None:
            self._found[counter, labels] = found = counter.labels(*labels)
        found.inc()

    def count_change(self, change: Change) -> None:
        """A message has taken a status."""
        self.count(self.statuses, change.status, change.source)
        if change.status.final:
            self.final_seconds.observe(change.seconds)

    def queue(self, name: str, depth: int, age: float) -> None:
        """How many entries wait in a queue, and for how many seconds the oldest has."""
        self.queue_depth.labels(name).set(depth)
        self.queue_oldest.labels(name).set(max(0.0, age))

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)

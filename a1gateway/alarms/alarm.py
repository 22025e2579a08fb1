"""What the operator is told of."""

from __future__ import annotations

import enum


class Severity(enum.StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    """SMS do not go out, or are lost."""
    WARNING = "warning"
    """They go out, and something else does not happen, or will soon not."""


class Alarm(enum.Enum):
    """A trouble that somebody is told of.

    Its word names it in the configuration, in the journal, in `a1gateway_alarm` and, in capitals, in the rules for
    Prometheus. Those that are told at once have lasted long enough when they are found.
    """

    MESSAGES_LOST = ("messages_lost", Severity.CRITICAL, True)
    SMS_STAND = ("sms_stand", Severity.CRITICAL, True)
    GATEWAY_FAULTS = ("gateway_faults", Severity.CRITICAL, True)
    A1_REFUSES = ("a1_refuses", Severity.CRITICAL, False)
    A1_AWAY = ("a1_away", Severity.CRITICAL, False)
    RECEIPTS_WAIT = ("receipts_wait", Severity.WARNING, False)
    """Over SMPP, of a pair the receiver is missing."""
    BALANCE_SPENT = ("balance_spent", Severity.CRITICAL, True)
    BALANCE_LOW = ("balance_low", Severity.WARNING, True)
    SENDER_ID_REFUSED = ("sender_id_refused", Severity.CRITICAL, False)
    CALLBACK_SILENT = ("callback_silent", Severity.WARNING, True)
    POLLING_STANDS = ("polling_stands", Severity.WARNING, True)
    PORTAL_SHUTS_OUT = ("portal_shuts_out", Severity.CRITICAL, False)
    PORTAL_AWAY = ("portal_away", Severity.WARNING, False)
    KEYS_MISSING = ("keys_missing", Severity.CRITICAL, True)
    REFRESH_TOKEN_ENDS = ("refresh_token_ends", Severity.WARNING, True)
    PERMISSIONS_MISSING = ("permissions_missing", Severity.WARNING, False)
    SENDER_MISSING = ("sender_missing", Severity.CRITICAL, False)
    STATUSES_STAND = ("statuses_stand", Severity.WARNING, True)
    AUTOMATION_LACKS = ("automation_lacks", Severity.WARNING, False)
    AUTOMATION_STANDS = ("automation_stands", Severity.WARNING, True)
    CONSENT_UNREADABLE = ("consent_unreadable", Severity.WARNING, False)
    CERTIFICATE_EXPIRED = ("certificate_expired", Severity.CRITICAL, True)
    CERTIFICATE_ENDS = ("certificate_ends", Severity.WARNING, True)
    """Of the gateway's own TLS; that of a proxy nobody sees from inside."""
    JOURNAL_AWAY = ("journal_away", Severity.CRITICAL, False)
    SPACE_SHORT = ("space_short", Severity.CRITICAL, True)
    SPACE_LOW = ("space_low", Severity.WARNING, True)
    SPOOL_HOLDS = ("spool_holds", Severity.WARNING, False)

    def __init__(self, word: str, severity: Severity, at_once: bool) -> None:
        self.word = word
        self.severity = severity
        self.at_once = at_once


OF_THE_PORTAL = frozenset({Alarm.PORTAL_SHUTS_OUT, Alarm.PORTAL_AWAY})
"""Of these nobody can be told through the portal before they are over."""

"""What is looked at, and what can be found there; the pages have the words for it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class State(enum.StrEnum):
    """How what is looked at is."""

    GOOD = "good"
    WAIT = "wait"
    """It is not known yet, or is about to become good by itself."""
    BAD = "bad"
    """Somebody has to do something."""
    OFF = "off"
    """With this configuration it is not used."""


class Subject(enum.StrEnum):
    """What is looked at, in the order in which people read it."""

    TOKENS = "tokens"
    PERMISSIONS = "permissions"
    SENDER = "sender"
    TABS = "tabs"
    AUTOMATION = "automation"
    CONSENT = "consent"
    A1 = "a1"
    SMPP = "smpp"
    BALANCE = "balance"
    SENDER_ID = "sender_id"
    CALLBACK = "callback"
    POLLING = "polling"
    CERTIFICATE = "certificate"
    STORE = "store"
    SPACE = "space"
    SPOOL = "spool"
    QUEUES = "queues"
    LOST = "lost"
    FAULTS = "faults"

    # What `a1gateway doctor` alone looks at.
    CONFIG = "config"
    SECRETS = "secrets"
    DAEMON = "daemon"
    ADDRESS = "address"
    INTEGRITY = "integrity"
    CLOCK = "clock"
    EXAMINATION = "examination"
    """The examination itself, where it has failed."""


class Finding(enum.Enum):
    """What can be found of a subject, with the state that it means."""

    TOKENS_WORK = ("tokens_work", Subject.TOKENS, State.GOOD)
    NOT_INSTALLED = ("not_installed", Subject.TOKENS, State.BAD)
    NO_KEYS = ("no_keys", Subject.TOKENS, State.BAD)
    """The application's `client_id` and `client_secret` are missing: tokens last an hour without them."""
    PORTAL_SHUTS_OUT = ("portal_shuts_out", Subject.TOKENS, State.BAD)
    PORTAL_AWAY = ("portal_away", Subject.TOKENS, State.BAD)
    REFRESH_TOKEN_ENDS = ("refresh_token_ends", Subject.TOKENS, State.BAD)
    """For months it has not been renewed."""

    PERMISSIONS_GRANTED = ("permissions_granted", Subject.PERMISSIONS, State.GOOD)
    PERMISSIONS_MISSING = ("permissions_missing", Subject.PERMISSIONS, State.BAD)
    PERMISSIONS_UNKNOWN = ("permissions_unknown", Subject.PERMISSIONS, State.WAIT)

    SENDER_REGISTERED = ("sender_registered", Subject.SENDER, State.GOOD)
    SENDER_REFUSED = ("sender_refused", Subject.SENDER, State.BAD)
    SENDER_WAITS = ("sender_waits", Subject.SENDER, State.WAIT)

    TABS_SHOWN = ("tabs_shown", Subject.TABS, State.GOOD)
    TABS_REFUSED = ("tabs_refused", Subject.TABS, State.BAD)
    TABS_WAIT = ("tabs_wait", Subject.TABS, State.WAIT)

    AUTOMATION_WORKS = ("automation_works", Subject.AUTOMATION, State.GOOD)
    AUTOMATION_LACKS = ("automation_lacks", Subject.AUTOMATION, State.BAD)
    AUTOMATION_OFF = ("automation_off", Subject.AUTOMATION, State.OFF)

    CONSENT_READ = ("consent_read", Subject.CONSENT, State.GOOD)
    CONSENT_NO_FIELD = ("consent_no_field", Subject.CONSENT, State.BAD)
    CONSENT_NO_MEANING = ("consent_no_meaning", Subject.CONSENT, State.BAD)
    """The field is of a type that says neither yes nor no."""
    CONSENT_UNKNOWN = ("consent_unknown", Subject.CONSENT, State.WAIT)
    CONSENT_OFF = ("consent_off", Subject.CONSENT, State.OFF)

    A1_ANSWERS = ("a1_answers", Subject.A1, State.GOOD)
    A1_NOT_ASKED = ("a1_not_asked", Subject.A1, State.WAIT)
    A1_REFUSES = ("a1_refuses", Subject.A1, State.BAD)
    A1_UNREACHABLE = ("a1_unreachable", Subject.A1, State.BAD)
    A1_UNAVAILABLE = ("a1_unavailable", Subject.A1, State.BAD)
    A1_TOO_FAST = ("a1_too_fast", Subject.A1, State.BAD)
    A1_FAULT = ("a1_fault", Subject.A1, State.BAD)
    A1_BY_SMPP = ("a1_by_smpp", Subject.A1, State.OFF)

    SMPP_BOUND = ("smpp_bound", Subject.SMPP, State.GOOD)
    SMPP_WAITS = ("smpp_waits", Subject.SMPP, State.WAIT)
    SMPP_REFUSED = ("smpp_refused", Subject.SMPP, State.BAD)
    SMPP_BROKEN = ("smpp_broken", Subject.SMPP, State.BAD)
    SMPP_HALF = ("smpp_half", Subject.SMPP, State.BAD)
    """Of a pair the receiver is missing: SMS leave, receipts wait."""
    SMPP_SILENT = ("smpp_silent", Subject.SMPP, State.BAD)
    """There is a link, but A1 answers no submit."""
    SMPP_OFF = ("smpp_off", Subject.SMPP, State.OFF)

    BALANCE_LEFT = ("balance_left", Subject.BALANCE, State.GOOD)
    BALANCE_LOW = ("balance_low", Subject.BALANCE, State.BAD)
    BALANCE_SPENT = ("balance_spent", Subject.BALANCE, State.BAD)
    BALANCE_UNKNOWN = ("balance_unknown", Subject.BALANCE, State.WAIT)
    BALANCE_UNTOLD = ("balance_untold", Subject.BALANCE, State.OFF)

    SENDER_ID_APPROVED = ("sender_id_approved", Subject.SENDER_ID, State.GOOD)
    SENDER_ID_REFUSED = ("sender_id_refused", Subject.SENDER_ID, State.BAD)
    """It is not among those that A1 has approved."""
    SENDER_ID_SPELT_OTHERWISE = ("sender_id_spelt_otherwise", Subject.SENDER_ID, State.BAD)
    SENDER_ID_UNKNOWN = ("sender_id_unknown", Subject.SENDER_ID, State.WAIT)
    SENDER_ID_UNTOLD = ("sender_id_untold", Subject.SENDER_ID, State.OFF)
    SENDER_ID_NONE = ("sender_id_none", Subject.SENDER_ID, State.OFF)

    CALLBACK_HEARD = ("callback_heard", Subject.CALLBACK, State.GOOD)
    CALLBACK_AWAITED = ("callback_awaited", Subject.CALLBACK, State.WAIT)
    CALLBACK_NEVER = ("callback_never", Subject.CALLBACK, State.BAD)
    """Statuses came by polling, and never by a callback."""
    CALLBACK_SILENT = ("callback_silent", Subject.CALLBACK, State.BAD)
    """The same of late."""
    CALLBACK_OFF = ("callback_off", Subject.CALLBACK, State.OFF)

    POLLING_WORKS = ("polling_works", Subject.POLLING, State.GOOD)
    POLLING_WAITS = ("polling_waits", Subject.POLLING, State.WAIT)
    POLLING_STANDS = ("polling_stands", Subject.POLLING, State.BAD)
    POLLING_OFF = ("polling_off", Subject.POLLING, State.OFF)

    STORE_WORKS = ("store_works", Subject.STORE, State.GOOD)
    STORE_AWAY = ("store_away", Subject.STORE, State.BAD)

    SPACE_ENOUGH = ("space_enough", Subject.SPACE, State.GOOD)
    SPACE_LOW = ("space_low", Subject.SPACE, State.BAD)
    SPACE_SHORT = ("space_short", Subject.SPACE, State.BAD)
    """So little that messages are refused."""
    SPACE_UNKNOWN = ("space_unknown", Subject.SPACE, State.WAIT)

    SPOOL_EMPTY = ("spool_empty", Subject.SPOOL, State.GOOD)
    SPOOL_HOLDS = ("spool_holds", Subject.SPOOL, State.BAD)

    QUEUES_MOVE = ("queues_move", Subject.QUEUES, State.GOOD)
    QUEUES_STAND = ("queues_stand", Subject.QUEUES, State.BAD)
    QUEUES_UNKNOWN = ("queues_unknown", Subject.QUEUES, State.WAIT)

    NOTHING_LOST = ("nothing_lost", Subject.LOST, State.GOOD)
    MESSAGES_LOST = ("messages_lost", Subject.LOST, State.BAD)
    """Of late neither journal nor spool could hold a message."""

    NO_FAULTS = ("no_faults", Subject.FAULTS, State.GOOD)
    GATEWAY_FAULTS = ("gateway_faults", Subject.FAULTS, State.BAD)
    """Of late messages were refused for a fault of the gateway or of its configuration."""

    # What follows, `a1gateway doctor` finds: where the daemon does not run, or from outside of it.

    CONFIG_RIGHT = ("config_right", Subject.CONFIG, State.GOOD)
    CONFIG_DOUBTFUL = ("config_doubtful", Subject.CONFIG, State.GOOD)
    """What is allowed and yet probably wrong; all else shows whether it is."""
    CONFIG_FAULTY = ("config_faulty", Subject.CONFIG, State.BAD)

    SECRETS_CLOSED = ("secrets_closed", Subject.SECRETS, State.GOOD)
    SECRETS_OPEN = ("secrets_open", Subject.SECRETS, State.BAD)

    DAEMON_RUNS = ("daemon_runs", Subject.DAEMON, State.GOOD)
    DAEMON_AWAY = ("daemon_away", Subject.DAEMON, State.BAD)
    DAEMON_SILENT = ("daemon_silent", Subject.DAEMON, State.BAD)
    """It holds the journal, and answers nothing."""
    DAEMON_NOT_OURS = ("daemon_not_ours", Subject.DAEMON, State.BAD)
    """It is not for this user to ask it."""
    DAEMON_OTHER_VERSION = ("daemon_other_version", Subject.DAEMON, State.BAD)
    DAEMON_OTHER_CONFIG = ("daemon_other_config", Subject.DAEMON, State.BAD)
    """The file has been changed since its start."""

    TOKENS_REST = ("tokens_rest", Subject.TOKENS, State.WAIT)
    """The access token is not good any more, as happens without the daemon, which alone may refresh it."""
    TOKENS_UNKNOWN = ("tokens_unknown", Subject.TOKENS, State.WAIT)

    SENDER_GONE = ("sender_gone", Subject.SENDER, State.BAD)
    """The portal does not have it any more."""
    SENDER_UNKNOWN = ("sender_unknown", Subject.SENDER, State.WAIT)

    SMPP_BINDS = ("smpp_binds", Subject.SMPP, State.GOOD)
    """It was bound to see whether that goes, and unbound."""
    SMPP_UNTRIED = ("smpp_untried", Subject.SMPP, State.WAIT)
    """A bind of ours could end the daemon's."""

    ADDRESS_LEADS_HERE = ("address_leads_here", Subject.ADDRESS, State.GOOD)
    ADDRESS_CALLED = ("address_called", Subject.ADDRESS, State.GOOD)
    """It cannot be reached from here, but others have called it of late."""
    ADDRESS_UNRESOLVED = ("address_unresolved", Subject.ADDRESS, State.BAD)
    ADDRESS_UNREACHABLE = ("address_unreachable", Subject.ADDRESS, State.BAD)
    ADDRESS_ELSEWHERE = ("address_elsewhere", Subject.ADDRESS, State.BAD)
    """Somebody answers, and the request has not come to this gateway."""
    ADDRESS_UNKNOWN = ("address_unknown", Subject.ADDRESS, State.WAIT)
    """Nobody is there to see whether requests arrive."""

    CERTIFICATE_VALID = ("certificate_valid", Subject.CERTIFICATE, State.GOOD)
    CERTIFICATE_ENDS = ("certificate_ends", Subject.CERTIFICATE, State.BAD)
    """In so few days that it should have been renewed."""
    CERTIFICATE_EXPIRED = ("certificate_expired", Subject.CERTIFICATE, State.BAD)
    CERTIFICATE_INVALID = ("certificate_invalid", Subject.CERTIFICATE, State.BAD)
    CERTIFICATE_UNKNOWN = ("certificate_unknown", Subject.CERTIFICATE, State.WAIT)
    CERTIFICATE_OFF = ("certificate_off", Subject.CERTIFICATE, State.OFF)
    CERTIFICATE_ELSEWHERE = ("certificate_elsewhere", Subject.CERTIFICATE, State.OFF)
    """Whoever stands in front of the gateway has it."""

    STORE_READABLE = ("store_readable", Subject.STORE, State.GOOD)
    STORE_NOT_YET = ("store_not_yet", Subject.STORE, State.WAIT)
    """The daemon's first start makes it."""
    STORE_OLDER = ("store_older", Subject.STORE, State.WAIT)
    """The daemon's next start upgrades it."""
    STORE_NEWER = ("store_newer", Subject.STORE, State.BAD)
    STORE_CUT_OFF = ("store_cut_off", Subject.STORE, State.WAIT)
    """The daemon was killed, and has left a file that only a start puts in order."""
    STORE_UNREADABLE = ("store_unreadable", Subject.STORE, State.BAD)

    INTEGRITY_WHOLE = ("integrity_whole", Subject.INTEGRITY, State.GOOD)
    INTEGRITY_DAMAGED = ("integrity_damaged", Subject.INTEGRITY, State.BAD)
    INTEGRITY_UNKNOWN = ("integrity_unknown", Subject.INTEGRITY, State.WAIT)

    CLOCK_RIGHT = ("clock_right", Subject.CLOCK, State.GOOD)
    CLOCK_WRONG = ("clock_wrong", Subject.CLOCK, State.BAD)
    CLOCK_UNKNOWN = ("clock_unknown", Subject.CLOCK, State.WAIT)

    EXAMINATION_FAILED = ("examination_failed", Subject.EXAMINATION, State.BAD)

    def __init__(self, word: str, subject: Subject, state: State) -> None:
        self.word = word
        self.subject = subject
        self.state = state


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of a subject."""

    finding: Finding
    facts: Mapping[str, object] = field(default_factory=dict)
    """Whatever the words about it name; moments in seconds since the epoch."""
    said: str = ""
    """What somebody else has said of it, or the log, in their own words."""

    @property
    def state(self) -> State:
        """How it is."""
        return self.finding.state

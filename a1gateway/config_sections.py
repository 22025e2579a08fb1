"""The sections of the configuration as models: the names of the file, the values as they are used.

Times are seconds as floats, hosts and addresses have one form, secrets are hidden in `SecretStr`.
"""

from __future__ import annotations

from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator
from sqlalchemy import make_url

from .alarms.alarm import Alarm
from .automation.template import Template
from .config_values import (
    Fault,
    Misfit,
    document_type,
    field_values,
    host_and_port,
    host_name,
    listening_endpoint,
    networks,
    number,
    numbers,
    one_of,
    part_of_a_day,
    period,
    printable,
    recipient,
    secret,
    secret_in_pdu,
    secret_in_url,
    sqlite_url,
    switch,
    template,
    text,
    texts,
    time_of_day,
    times_ahead,
    web_address,
    whole,
)
from .hours import Hours
from .sender_id.name import RULE, SENDER_ID

_Seconds = Annotated[float, number("a time", "seconds")]
_SecondsOrNone = Annotated[float, number("a time", "seconds", zero=True)]
_Rate = Annotated[float, number("a rate", "requests a second")]
_Ton = Annotated[int, whole(0, 6, "a type of number", "SMPP 3.4, 5.2.5")]
_Npi = Annotated[int, whole(0, 18, "a numbering plan", "SMPP 3.4, 5.2.6")]
_Network = IPv4Network | IPv6Network
_Switch = Annotated[bool, switch()]


class Section(BaseModel):
    """A section: every key known, every value as its rule has it, never changed."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def secrets(cls) -> list[str]:
        """The keys that may also be given as files."""
        return [name for name, field in cls.model_fields.items() if field.annotation is SecretStr]


class Http(Section):
    """Where the gateway listens, and the address under which Bitrix24 and A1 reach it, without a slash at its end.

    `monitors` are those who may ask for `/readyz` and `/metrics`, besides this machine; None: everybody, or with a
    certificate the private networks.
    """

    listen: Annotated[str, listening_endpoint()] = "tcp:8080:interface=127.0.0.1"
    certificate_file: Annotated[str, text("a path", "the path of the certificate with its chain, in PEM")] | None = (
        None
    )
    private_key_file: Annotated[
        Annotated[str, text("a path", "the path of the certificate's key, in PEM")] | None,
        Field(validate_default=True),
    ] = None
    trusted_proxies: Annotated[list[_Network], networks('addresses, such as ["10.0.0.5", "10.1.0.0/16"]')] = []
    monitors: Annotated[list[_Network], networks('addresses, such as ["10.0.0.7", "10.2.0.0/16"]')] | None = None
    public_url: Annotated[
        str, web_address('the address that Bitrix24 and A1 call, such as "https://sms.example.by"', slash=False)
    ]

    @field_validator("private_key_file")
    @classmethod
    def _both(cls, value: str | None, info: ValidationInfo) -> str | None:
        certificate, listen = info.data.get("certificate_file"), str(info.data.get("listen", ""))
        if (certificate is None) is not (value is None):
            raise Misfit(
                "missing while its counterpart is given; certificate_file and private_key_file go together",
                "private_key_file" if value is None else "certificate_file",
            )
        if certificate is not None and listen.startswith(("ssl:", "tls:")):
            raise Misfit(
                f'has no effect with listen = "{printable(listen)}", which has a certificate of its own; '
                'listen at "tcp:443" or "systemd:domain=INET6:index=0"',
                "certificate_file",
            )
        return value


class Store(Section):
    """The journal's database and the folder for what it cannot take."""

    url: Annotated[str, sqlite_url()] = "sqlite:////var/lib/a1gateway/a1gateway.sqlite3"
    spool: Annotated[str, text("a path", 'the path of a folder, such as "/var/lib/a1gateway/spool"')] = (
        "/var/lib/a1gateway/spool"
    )
    min_free_mb: Annotated[int, whole(0, 10_000_000, "a number of megabytes", "such as 100")] = 100
    alarm_free_mb: Annotated[int, whole(0, 10_000_000, "a number of megabytes", "such as 1000")] = 1000

    @property
    def file(self) -> Path:
        """The journal's file."""
        return Path(make_url(self.url).database or "").absolute()


class A1Http(Section):
    """A1's HTTP API; `url` ends in a slash, `timeout` is for a whole answer."""

    url: Annotated[
        str, web_address('the API\'s address from A1, such as "https://smart-sender.a1.by/api/"', slash=True)
    ]
    user: Annotated[str, text("a login", 'the login from A1, such as "375291234567"')]
    apikey: Annotated[SecretStr, secret("the API key from A1")]
    requests_per_second: _Rate = 10.0
    timeout: Annotated[float, number("a time", "seconds", high=300)] = 20.0


class A1Smpp(Section):
    """A1's SMSC."""

    host: Annotated[str, host_name('the name of A1\'s SMSC, without a port, such as "smpp.example.by"')]
    port: Annotated[int, whole(1, 65535, "a port", "A1 usually has 2775")] = 2775
    tls: _Switch = False
    ca_file: Annotated[str, text("a path", "the path of a file with certificates in PEM")] | None = None
    system_id: Annotated[str, text("a system_id", "the system_id from A1, in ASCII characters", r"[ -~]+")]
    password: Annotated[SecretStr, secret_in_pdu("the SMPP password from A1")]
    system_type: Annotated[str, text("a system_type", 'ASCII characters, or "" as usual', r"[ -~]+", empty=True)] = ""
    bind: Annotated[Literal["transceiver", "pair"], one_of("transceiver", "pair")] = "transceiver"
    window: Annotated[int, whole(1, 1000, "a window", "requests in flight")] = 32
    messages_per_second: Annotated[float, number("a rate", "0: no limit", zero=True)] = 50.0
    enquire_link_interval: _Seconds = 30.0
    response_timeout: _Seconds = 30.0
    source_ton: _Ton = 5
    source_npi: _Npi = 0
    destination_ton: _Ton = 1
    destination_npi: _Npi = 1
    receipt_grace: _SecondsOrNone = 60.0
    uncertain_hold: _SecondsOrNone = 60.0
    on_uncertain: Annotated[Literal["resend", "fail"], one_of("resend", "fail")] = "resend"
    query_sm: _Switch = False


class A1Callback(Section):
    """A1's calls with statuses: the end of their address, and the names of their fields."""

    secret: Annotated[SecretStr, secret_in_url("the last part of the callback URL")]
    id_field: Annotated[str, text("a field's name", 'the name from A1, such as "message_id"', r"\S+")] = "message_id"
    status_field: Annotated[
        str, text("a field's name", 'the name from A1, such as "status"', r"\S+"), Field(validate_default=True)
    ] = "status"

    @field_validator("status_field")
    @classmethod
    def _two_fields(cls, value: str, info: ValidationInfo) -> str:
        if value == info.data.get("id_field"):
            raise Misfit(f'"{printable(value)}" is id_field already; give the name of the field with the status')
        return value


_SENDER_ID = text(
    "a Sender ID",
    f"the name that A1 approved: {RULE}",
    SENDER_ID.pattern,
)


class A1(Section):
    """The way to A1. Only the section of the other transport, and with SMPP the callback, may be None."""

    transport: Annotated[Literal["http", "smpp"], one_of("http", "smpp")] = "http"
    sender_id: Annotated[str, _SENDER_ID] | None = None
    max_segments: Annotated[int, whole(1, 255, "a number of segments", "parts of one SMS")] = 10
    http: Annotated[A1Http | None, Field(validate_default=True)] = None
    smpp: Annotated[A1Smpp | None, Field(validate_default=True)] = None
    callback: Annotated[A1Callback | None, Field(validate_default=True)] = None

    @field_validator("http", "smpp", "callback")
    @classmethod
    def _used(cls, value: Section | None, info: ValidationInfo) -> Section | None:
        transport = info.data.get("transport")
        needed = {
            "http": {"http": "url, user and apikey", "callback": "secret"},
            "smpp": {"smpp": "host, system_id and password"},
        }
        keys = needed.get(str(transport), {}).get(str(info.field_name))
        if value is None and keys:
            raise Misfit(
                f'missing with transport = "{transport}"; write a section [a1.{info.field_name}] with {keys}'
            )
        return value


class Polling(Section):
    """How often A1 is asked about messages without a final status, and when a message is given up as expired."""

    interval: _Seconds = 60.0
    give_up_after: Annotated[_Seconds, Field(validate_default=True)] = 259200.0

    @field_validator("give_up_after")
    @classmethod
    def _later(cls, value: float, info: ValidationInfo) -> float:
        interval = info.data.get("interval", 0)
        if value < interval:
            raise Misfit(f"{value:g} seconds are less than interval; give {interval:g} or more")
        return value


_DAY = 86400.0


class Retention(Section):
    """For how long personal data is kept, in seconds; None: for ever.

    `mask_after` is when texts and numbers are removed, `delete_after` when the rows go, `delete_evidence_after` when
    the evidence of consents does.
    """

    mask_after: Annotated[float | None, period(_DAY)] = 365 * _DAY
    delete_after: Annotated[float | None, Field(validate_default=True), period(30 * _DAY)] = 1095 * _DAY
    delete_evidence_after: Annotated[float | None, period(30 * _DAY)] = 1095 * _DAY

    @field_validator("delete_after")
    @classmethod
    def _later(cls, value: float | None, info: ValidationInfo) -> float | None:
        masked = info.data.get("mask_after")
        if value is not None and masked is not None and value < masked:
            raise Misfit(f"earlier than mask_after; give {masked / _DAY:g} days or more")
        return value


class Bitrix24(Section):
    """The local application in Bitrix24; `client_id` and `client_secret` are empty until Bitrix24 has shown them."""

    portal: Annotated[str, host_and_port('the portal\'s host alone, such as "shop.bitrix24.by"')] | None = None
    client_id: Annotated[
        str, text("a client_id", 'what Bitrix24 shows as client_id, or "" until it does', r"[!-~]+", empty=True)
    ]
    client_secret: Annotated[
        SecretStr, secret('what Bitrix24 shows as client_secret, or "" until it does', empty=True)
    ]
    handler_secret: Annotated[SecretStr, secret_in_url("the last part of the URLs that Bitrix24 calls")]
    sender_code: Annotated[
        str, text("a sender's code", "Latin letters, digits and . _ - (Bitrix24's rule)", r"[a-zA-Z0-9._-]+")
    ] = "a1sms_by"
    sender_name: Annotated[str, text("a name", 'the name that employees see, such as "A1 SMS"')] = "A1 SMS"
    oauth_url: Annotated[str, web_address('the OAuth server, usually "https://oauth.bitrix.info/oauth/token/"')] = (
        "https://oauth.bitrix.info/oauth/token/"
    )
    requests_per_second: _Rate = 2.0
    burst: Annotated[int, whole(1, 1_000_000, "a number of requests", "50 for most plans")] = 50

    @field_validator("client_secret")
    @classmethod
    def _both_or_portal(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if "client_id" not in info.data:
            return value
        if bool(info.data["client_id"]) is not bool(value.get_secret_value()):
            key = "client_id" if value.get_secret_value() else "client_secret"
            raise Misfit(
                "empty while its counterpart is given; Bitrix24 shows client_id and client_secret together", key
            )
        # Without both, an installation can be proved by nothing but the portal that it comes from.
        if not info.data["client_id"] and info.data.get("portal", "") is None:
            raise Misfit(
                'missing while client_id is empty; give the portal\'s host, such as "shop.bitrix24.by"', "portal"
            )
        return value


class Consent(Section):
    """Where a contact's consent to marketing SMS stands, and how marketing SMS go out.

    `wait` is how long an unanswered question may take, `max_age` how old an answer may be when the SMS leaves.
    """

    contact_field: Annotated[
        str, text("a field's name", 'the contact\'s field, such as "UF_CRM_SMS_CONSENT"', r"[A-Za-z][A-Za-z0-9_]*")
    ]
    granted_values: Annotated[list[str], texts('the values that mean yes, such as ["agreed"]')] = []
    denied_value: Annotated[str, text("a value", 'the value that means no, such as "refused"')] | None = None
    wait: _SecondsOrNone = 86400.0
    max_age: _Seconds = 600.0
    sender_id: Annotated[str, _SENDER_ID] | None = None
    hours: Annotated[Hours, part_of_a_day()] | None = None
    share: Annotated[float, number("a share", "0.8 is four fifths", high=1)] = 0.8
    stop_words: Annotated[list[str], texts('words, such as ["STOP", "СТОП"]')] = ["STOP", "СТОП", "ОТПИСКА"]
    start_words: Annotated[list[str], texts('words, such as ["START", "СТАРТ"]')] = ["START", "СТАРТ"]
    test_numbers: Annotated[list[str], numbers('numbers, such as ["+375291112233"]')] = []


class Automation(Section):
    """What holds for automation rules and scenarios alike; times in seconds.

    `grace` is how late something may go out, `quiet` how long a document has to stay as it is before it is looked at,
    `sweep` how often the portal is asked for what no event has told of.
    """

    robots: _Switch = True
    grace: _Seconds = 3600.0
    repeat_after: _SecondsOrNone = 3600.0
    hours: Annotated[Hours, part_of_a_day()] | None = None
    quiet: Annotated[float, number("a time", "seconds", zero=True, high=60)] = 5.0
    sweep: _Seconds = 300.0


# The keys that mean something with one event alone.
_ONLY_WITH = {
    "stage": "stage",
    "field": "date",
    "ahead": "date",
    "date_at": "date",
    "cancelled": "date",
    "delay": "missed_call",
}


class Scenario(Section):
    """What the gateway does by itself when something happens in the CRM."""

    name: Annotated[str, text("a name", "small Latin letters, digits, - and _", r"[a-z0-9][a-z0-9_-]{0,39}")]
    event: Annotated[
        Literal["new", "stage", "changed", "date", "missed_call"],
        one_of("new", "stage", "changed", "date", "missed_call"),
    ]
    of: Annotated[Annotated[int, document_type()] | None, Field(validate_default=True)] = None
    stage: Annotated[list[str], Field(validate_default=True), texts('stages, such as ["Ожидает оплаты"]')] = []
    field: Annotated[
        Annotated[str, text("a field's name", 'a field, such as "UF_CRM_VISIT"', r"[A-Za-z][A-Za-z0-9_]*")] | None,
        Field(validate_default=True),
    ] = None
    ahead: Annotated[list[float], times_ahead()] = [86400.0, 3600.0]
    date_at: Annotated[float, time_of_day()] = 32400.0
    cancelled: Annotated[list[str], texts('stages, such as ["Отменён"]')] = []
    when: Annotated[dict[str, list[str]], field_values()] = {}
    delay: Annotated[float, number("a time", "seconds, less than a day", zero=True, high=86399)] = 0.0
    text: Annotated[Template, template()]
    to: Annotated[str, recipient()] = ""
    kind: Annotated[Literal["transactional", "marketing"], one_of("transactional", "marketing")] = "transactional"
    sender_id: Annotated[str, _SENDER_ID] | None = None
    urgent: _Switch = False
    grace: _Seconds | None = None
    repeat_after: _SecondsOrNone | None = None

    @field_validator("of")
    @classmethod
    def _with_documents(cls, value: int | None, info: ValidationInfo) -> int | None:
        event = info.data.get("event")
        if value is None and event not in (None, "missed_call"):
            raise Misfit(f'missing with event = "{event}"; give {document_type().right}')
        if value is not None and event == "missed_call":
            raise Misfit('has no effect with event = "missed_call", which is about the contact; remove it')
        if value in (3, 4) and event in ("new", "stage"):
            raise Misfit(
                'contacts and companies have no stages; give "lead", "deal" or the number of a smart process'
            )
        return value

    @field_validator("stage")
    @classmethod
    def _with_stages(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if not value and info.data.get("event") == "stage":
            raise Misfit('missing with event = "stage"; give stages, such as ["Ожидает оплаты"]')
        return value

    @field_validator("field")
    @classmethod
    def _with_a_date(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("event") == "date":
            raise Misfit('missing with event = "date"; give the field with the date, such as "UF_CRM_VISIT"')
        return value

    @field_validator(*_ONLY_WITH)
    @classmethod
    def _with_its_event(cls, value: object, info: ValidationInfo) -> object:
        event, its_own = info.data.get("event"), _ONLY_WITH[str(info.field_name)]
        is_default = value is None or (value == [] and info.field_name == "stage")
        if event not in (None, its_own) and not is_default:
            raise Misfit(f'has no effect with event = "{event}", only with event = "{its_own}"; remove it')
        return value


class Alarms(Section):
    """Who in Bitrix24 is told of troubles, and of which; times in seconds, `balance_below` in BYN.

    `after` is how long a trouble lasts before it is told, `over_after` how long it stays away before it is over.
    """

    to: (
        Annotated[
            str,
            text("a recipient", 'a user\'s id such as "7", or a chat such as "chat42"', r"(chat|sg)?[1-9]\d{0,17}"),
        ]
        | None
    ) = None
    language: Annotated[Literal["ru", "be", "en"], one_of("ru", "be", "en")] = "ru"
    after: _SecondsOrNone = 300.0
    over_after: _SecondsOrNone = 300.0
    balance_below: Annotated[float, number("an amount", "BYN", zero=True)] = 20.0
    without: Annotated[list[str], texts('alarms, such as ["callback_silent"]')] = []

    @field_validator("without")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        words = [alarm.word for alarm in Alarm]
        unknown = next((each for each in value if each not in words), None)
        if unknown is not None:
            raise Misfit(f'"{printable(unknown)}" is no alarm; there are {", ".join(words)}')
        return value

    @property
    def least_balance(self) -> Decimal:
        """`balance_below`, as money is counted."""
        return Decimal(str(self.balance_below))


class Log(Section):
    """How the log is written."""

    format: Annotated[Literal["text", "json"], one_of("text", "json")] = "text"
    level: Annotated[Literal["debug", "info", "warn", "error"], one_of("debug", "info", "warn", "error")] = "info"


class Config(Section):
    """The whole file, valid."""

    http: Annotated[Http, Field(description="a section [http] with public_url")]
    store: Store = Store()
    a1: Annotated[
        A1, Field(description='[a1.http] and [a1.callback] for transport "http", or [a1.smpp] for transport "smpp"')
    ]
    polling: Polling = Polling()
    bitrix24: Annotated[
        Bitrix24, Field(description="a section [bitrix24] with client_id, client_secret and handler_secret")
    ]
    consent: Consent | None = None
    automation: Automation = Automation()
    scenario: Annotated[list[Scenario], Field(validate_default=True)] = []
    alarms: Alarms = Alarms()
    retention: Retention = Retention()
    log: Log = Log()

    @field_validator("scenario")
    @classmethod
    def _each_its_name(cls, value: list[Scenario]) -> list[Scenario]:
        names = [each.name for each in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Misfit(f'two scenarios have the name "{twice}"; give each a name of its own')
        return value

    _warnings: tuple[Fault, ...] = PrivateAttr(default=())
    _open_files: tuple[Fault, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What the operator should mend though the gateway can run with it, in the order of the sections."""
        return self._warnings

    @property
    def open_files(self) -> tuple[Fault, ...]:
        """Those of the warnings that are about secrets which others may read."""
        return self._open_files


LISTS = frozenset({("scenario",)})
"""The sections that there can be several of."""
SECTIONS: dict[tuple[str, ...], type[Section]] = {
    (): Config,
    ("http",): Http,
    ("store",): Store,
    ("a1",): A1,
    ("a1", "http"): A1Http,
    ("a1", "smpp"): A1Smpp,
    ("a1", "callback"): A1Callback,
    ("polling",): Polling,
    ("retention",): Retention,
    ("bitrix24",): Bitrix24,
    ("consent",): Consent,
    ("automation",): Automation,
    ("scenario",): Scenario,
    ("alarms",): Alarms,
    ("log",): Log,
}
"""The model of every section, by its place in the file; () is the file itself.

Of sections that there can be several of, `[[scenario]]`, it is the model of each.
"""

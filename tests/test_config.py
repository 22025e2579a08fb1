"""The configuration: what is accepted, and one exact fault for everything else."""

import copy
import datetime
import io
import os
import re
import traceback
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a1gateway.config import Config, ConfigFaults, Fault, check, check_table, load, main
from a1gateway.config_sections import LISTS, SECTIONS
from a1gateway.errors import CannotStart
from a1gateway.hours import Hours

EXAMPLE = Path(__file__).parent.parent / "config" / "a1gateway.example.toml"

# The block of the operator's contract; only the secrets are filled in.
CONTRACT = """
[http]
listen = "tcp:8080:interface=127.0.0.1"   # any Twisted server endpoint, `systemd:` included
public_url = "https://sms.example.by"     # what Bitrix24 and A1 call

[store]
url = "sqlite:////var/lib/a1gateway/a1gateway.sqlite3"
spool = "/var/lib/a1gateway/spool"        # where messages wait when the store cannot take them

[a1]
transport = "http"                        # "http" or "smpp"
sender_id = "MyShop"                      # up to 11 Latin characters; left out: A1's numeric sender
max_segments = 10

[a1.http]
url = "https://smart-sender.a1.by/api/"
user = "375291234567"
apikey = "key-of-the-API"
requests_per_second = 10

[a1.smpp]
host = "smpp.example.by"
port = 2775
tls = false
system_id = "myshop"
password = "s3cr3t"
system_type = ""
window = 32                               # submit_sm in flight
messages_per_second = 50                  # 0: no limit
enquire_link_interval = 30
response_timeout = 30
source_ton = 5
source_npi = 0
destination_ton = 1
destination_npi = 1

[a1.callback]
secret = "callback-0123456789"            # the last part of the callback URL
id_field = "message_id"                   # names under which A1 passes them
status_field = "status"

[polling]
interval = 60                             # seconds
give_up_after = 259200                    # seconds after which an unanswered message is expired

[bitrix24]
portal = "shop.bitrix24.by"               # the one portal that may install; left out: the first one that does
client_id = "local.0123.4567"
client_secret = "secret-of-client"
handler_secret = "handler-0123456789"     # the last part of the handler, robot and event URLs
sender_code = "a1sms_by"
sender_name = "A1 SMS"
oauth_url = "https://oauth.bitrix.info/oauth/token/"
requests_per_second = 2                   # Bitrix24's published limits for most plans
burst = 50

[consent]                                 # marketing SMS; left out: marketing SMS are refused
contact_field = "UF_CRM_SMS_CONSENT"
"""

# As little as a file may say, with every section there so that any key can be set in it.
LEAST: dict[str, Any] = {
    "http": {"public_url": "https://sms.example.by"},
    "store": {},
    "a1": {
        "http": {"url": "https://a1.example/api/", "user": "375291234567", "apikey": "key-of-the-API"},
        "smpp": {"host": "smpp.example.by", "system_id": "myshop", "password": "s3cr3t"},
        "callback": {"secret": "callback-0123456789"},
    },
    "polling": {},
    "bitrix24": {
        "client_id": "local.0123.4567",
        "client_secret": "secret-of-client",
        "handler_secret": "handler-0123456789",
    },
    "consent": {"contact_field": "UF_CRM_SMS_CONSENT"},
    "automation": {},
    "alarms": {},
    "scenario": [{"name": "missed-call", "event": "missed_call", "text": "Перезвоним"}],
    "log": {},
}
SECRETS = (
    "a1.http.apikey",
    "a1.smpp.password",
    "a1.callback.secret",
    "bitrix24.client_secret",
    "bitrix24.handler_secret",
)
EVERY_KEY = [
    ".".join((*place, name))
    for place, section in SECTIONS.items()
    for name in section.model_fields
    if (*place, name) not in SECTIONS
]
REQUIRED = [
    ".".join((*place, name))
    for place, section in SECTIONS.items()
    for name, field in section.model_fields.items()
    if field.is_required() and (*place, name) not in SECTIONS
]
DEFAULTS: list[tuple[str, object]] = [
    ("http.listen", "tcp:8080:interface=127.0.0.1"),
    ("http.certificate_file", None),
    ("http.private_key_file", None),
    ("http.trusted_proxies", []),
    ("http.monitors", None),
    ("store.url", "sqlite:////var/lib/a1gateway/a1gateway.sqlite3"),
    ("store.spool", "/var/lib/a1gateway/spool"),
    ("store.min_free_mb", 100),
    ("store.alarm_free_mb", 1000),
    ("a1.transport", "http"),
    ("a1.sender_id", None),
    ("a1.max_segments", 10),
    ("a1.http.requests_per_second", 10.0),
    ("a1.http.timeout", 20.0),
    ("a1.smpp.port", 2775),
    ("a1.smpp.tls", False),
    ("a1.smpp.ca_file", None),
    ("a1.smpp.system_type", ""),
    ("a1.smpp.bind", "transceiver"),
    ("a1.smpp.window", 32),
    ("a1.smpp.messages_per_second", 50.0),
    ("a1.smpp.enquire_link_interval", 30.0),
    ("a1.smpp.response_timeout", 30.0),
    ("a1.smpp.source_ton", 5),
    ("a1.smpp.source_npi", 0),
    ("a1.smpp.destination_ton", 1),
    ("a1.smpp.destination_npi", 1),
    ("a1.smpp.receipt_grace", 60.0),
    ("a1.smpp.uncertain_hold", 60.0),
    ("a1.smpp.on_uncertain", "resend"),
    ("a1.smpp.query_sm", False),
    ("a1.callback.id_field", "message_id"),
    ("a1.callback.status_field", "status"),
    ("polling.interval", 60.0),
    ("polling.give_up_after", 259200.0),
    ("retention.mask_after", 365 * 86400.0),
    ("retention.delete_after", 1095 * 86400.0),
    ("retention.delete_evidence_after", 1095 * 86400.0),
    ("bitrix24.portal", None),
    ("bitrix24.sender_code", "a1sms_by"),
    ("bitrix24.sender_name", "A1 SMS"),
    ("bitrix24.oauth_url", "https://oauth.bitrix.info/oauth/token/"),
    ("bitrix24.requests_per_second", 2.0),
    ("bitrix24.burst", 50),
    ("consent.granted_values", []),
    ("consent.denied_value", None),
    ("consent.wait", 86400.0),
    ("consent.max_age", 600.0),
    ("consent.sender_id", None),
    ("consent.hours", None),
    ("consent.share", 0.8),
    ("consent.stop_words", ["STOP", "СТОП", "ОТПИСКА"]),
    ("consent.start_words", ["START", "СТАРТ"]),
    ("consent.test_numbers", []),
    ("automation.robots", True),
    ("automation.grace", 3600.0),
    ("automation.repeat_after", 3600.0),
    ("automation.hours", None),
    ("automation.quiet", 5.0),
    ("automation.sweep", 300.0),
    ("alarms.to", None),
    ("alarms.language", "ru"),
    ("alarms.after", 300.0),
    ("alarms.over_after", 300.0),
    ("alarms.balance_below", 20.0),
    ("alarms.without", []),
    ("scenario.of", None),
    ("scenario.stage", []),
    ("scenario.field", None),
    ("scenario.ahead", [86400.0, 3600.0]),
    ("scenario.date_at", 32400.0),
    ("scenario.cancelled", []),
    ("scenario.when", {}),
    ("scenario.delay", 0.0),
    ("scenario.to", ""),
    ("scenario.kind", "transactional"),
    ("scenario.sender_id", None),
    ("scenario.urgent", False),
    ("scenario.grace", None),
    ("scenario.repeat_after", None),
    ("log.format", "text"),
    ("log.level", "info"),
]
GONE = object()
# Sections that there can be several of: keys here are of the first.
LISTED = {place[0] for place in LISTS}


def table(changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """`LEAST` with `changes`, given as dotted keys; GONE takes a key away."""
    made = copy.deepcopy(LEAST)
    for key, value in (changes or {}).items():
        *sections, name = key.split(".")
        at = made
        for section in sections:
            at = at.setdefault(section, {})
            at = at[0] if isinstance(at, list) else at
        if value is GONE:
            at.pop(name, None)
        else:
            at[name] = value
    return made


def good(changes: Mapping[str, object] | None = None, directory: Path | str = "/nowhere", **environ: str) -> Config:
    return check_table(table(changes), directory, environ=environ)


def wrong(
    changes: Mapping[str, object] | None = None, directory: Path | str = "/nowhere", **environ: str
) -> list[str]:
    """The faults as an operator reads them."""
    with pytest.raises(ConfigFaults) as raised:
        check_table(table(changes), directory, environ=environ)
    assert str(raised.value) == "\n".join(map(str, raised.value.faults))
    return [str(fault) for fault in raised.value.faults]


def shown(key: str) -> str:
    """A key as faults name it."""
    section, dot, name = key.partition(".")
    return f"{section}[1].{name}" if dot and section in LISTED else key


def value_at(config: Config, key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
        value = value[0] if name in LISTED else value
    return value.get_secret_value() if key in SECRETS else value


# What is accepted


def test_the_example_of_the_contract_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT)
    file.chmod(0o600)
    config = load(file)
    assert config.warnings == ()
    assert config.http.listen == "tcp:8080:interface=127.0.0.1"
    assert config.store.url == "sqlite:////var/lib/a1gateway/a1gateway.sqlite3"
    assert (config.a1.transport, config.a1.sender_id, config.a1.max_segments) == ("http", "MyShop", 10)
    assert config.a1.http is not None
    assert config.a1.http.apikey.get_secret_value() == "key-of-the-API"
    assert config.a1.smpp is not None
    assert config.a1.smpp.port == 2775
    assert config.a1.callback is not None
    assert config.a1.callback.id_field == "message_id"
    assert config.polling.give_up_after == 259200.0
    assert config.bitrix24.portal == "shop.bitrix24.by"
    assert config.consent is not None
    assert config.consent.contact_field == "UF_CRM_SMS_CONSENT"


@pytest.mark.parametrize(("key", "default"), DEFAULTS)
def test_defaults(key: str, default: object) -> None:
    found = value_at(good(), key)
    assert found == default
    assert type(found) is type(default)


def test_every_key_is_required_or_has_a_default() -> None:
    assert sorted(REQUIRED + [key for key, _ in DEFAULTS]) == sorted(EVERY_KEY)


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("http.listen", "systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ("http.listen", "systemd:domain=INET6:name=web", "systemd:domain=INET6:name=web"),
        ("http.listen", "haproxy:systemd:domain=INET:index=0", "haproxy:systemd:domain=INET:index=0"),
        ("http.listen", "unix:/run/a1gateway/http.sock", "unix:/run/a1gateway/http.sock"),
        ("http.listen", "tcp6:0:interface=\\:\\:1", "tcp6:0:interface=\\:\\:1"),
        ("http.trusted_proxies", ["10.0.0.5", "fd00::/8"], [ip_network("10.0.0.5/32"), ip_network("fd00::/8")]),
        ("http.monitors", [], []),
        ("http.public_url", "https://sms.example.by/", "https://sms.example.by"),
        ("http.public_url", "HTTPS://SMS.Example.BY:8443/Gateway//", "https://sms.example.by:8443/Gateway"),
        ("http.public_url", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http.public_url", "http://127.9.9.9", "http://127.9.9.9"),
        ("http.public_url", "http://localhost:8080", "http://localhost:8080"),
        ("http.public_url", "http://[::1]:8080", "http://[::1]:8080"),
        ("a1.http.url", "https://smart-sender.a1.by/api", "https://smart-sender.a1.by/api/"),
        ("a1.http.url", "http://127.0.0.1:8081", "http://127.0.0.1:8081/"),
        ("a1.http.requests_per_second", 0.5, 0.5),
        ("a1.http.timeout", 300, 300.0),
        ("a1.sender_id", "A&B Shop_1!", "A&B Shop_1!"),
        ("a1.sender_id", "24x7", "24x7"),
        ("retention.mask_after", "1 day", 86400.0),
        ("retention.mask_after", "never", None),
        ("retention.delete_after", "400 дней", 400 * 86400.0),
        ("retention.delete_evidence_after", 2592000, 2592000.0),
        ("a1.max_segments", 255, 255),
        ("a1.smpp.host", "SMPP.Example.by", "smpp.example.by"),
        ("a1.smpp.host", "::1", "::1"),
        ("a1.smpp.messages_per_second", 0, 0.0),
        ("a1.smpp.receipt_grace", 0, 0.0),
        ("a1.smpp.source_ton", 6, 6),
        ("a1.smpp.destination_npi", 18, 18),
        ("a1.smpp.on_uncertain", "fail", "fail"),
        ("a1.smpp.bind", "pair", "pair"),
        ("a1.smpp.ca_file", "/etc/a1gateway/a1-ca.pem", "/etc/a1gateway/a1-ca.pem"),
        ("polling.interval", 0.5, 0.5),
        ("polling.give_up_after", 60, 60.0),
        ("bitrix24.portal", "Shop.Bitrix24.BY", "shop.bitrix24.by"),
        ("bitrix24.portal", "127.0.0.1:8082", "127.0.0.1:8082"),
        ("bitrix24.portal", "[::1]:8082", "[::1]:8082"),
        ("bitrix24.sender_name", "СМС через A1", "СМС через A1"),
        ("bitrix24.oauth_url", "http://127.0.0.1:8082/oauth/token/", "http://127.0.0.1:8082/oauth/token/"),
        ("bitrix24.oauth_url", "https://oauth.example", "https://oauth.example"),
        ("store.url", "sqlite:///journal.sqlite3", "sqlite:///journal.sqlite3"),
        ("store.spool", "spool", "spool"),
        ("store.min_free_mb", 0, 0),
        ("store.alarm_free_mb", 20000, 20000),
        ("consent.granted_values", ["согласен", "45"], ["согласен", "45"]),
        ("consent.denied_value", "отказ", "отказ"),
        ("consent.wait", 0, 0.0),
        ("consent.max_age", 30, 30.0),
        ("consent.sender_id", "MyShop Sale", "MyShop Sale"),
        ("consent.hours", "09:00-21:00", Hours(32400.0, 75600.0)),
        ("consent.share", 1, 1.0),
        ("consent.stop_words", ["НЕТ"], ["НЕТ"]),
        ("consent.start_words", [], []),
        ("consent.test_numbers", ["8 029 111-22-33"], ["+375291112233"]),
        ("scenario.to", "8 029 111-22-33", "+375291112233"),
        ("scenario.to", "+375291112233", "+375291112233"),
        ("scenario.to", "UF_CRM_PHONE", "UF_CRM_PHONE"),
        ("scenario.to", "phone", "phone"),
        ("scenario.delay", 86399, 86399.0),
        ("scenario.when", {"uf_crm_city": "Минск"}, {"UF_CRM_CITY": ["Минск"]}),
        ("log.format", "json", "json"),
        ("log.level", "debug", "debug"),
    ],
)
def test_accepted_values_have_one_form(key: str, given: object, kept: object) -> None:
    assert value_at(good({key: given}), key) == kept


TLS = {"http.certificate_file": "/etc/a1gateway/tls/c.pem", "http.private_key_file": "/etc/a1gateway/tls/k.pem"}


@pytest.mark.parametrize("listen", ["tcp:443", "systemd:domain=INET6:index=0", "tcp6:443"])
def test_the_daemon_can_have_a_certificate_of_its_own(listen: str) -> None:
    config = good({**TLS, "http.listen": listen})
    assert (config.http.certificate_file, config.http.private_key_file) == tuple(TLS.values())


@pytest.mark.parametrize("given", TLS)
def test_a_certificate_and_its_key_go_together(given: str) -> None:
    (missing,) = TLS.keys() - {given}
    (fault,) = wrong({given: TLS[given]})
    assert (
        fault
        == f"{missing}: missing while its counterpart is given; certificate_file and private_key_file go together"
    )


def test_an_endpoint_with_a_certificate_of_its_own_takes_no_other(tmp_path: Path) -> None:
    (fault,) = wrong({**TLS, "http.listen": f"tls:{tmp_path}:443"})
    assert fault.startswith('http.certificate_file: has no effect with listen = "tls:/')


def test_sections_with_defaults_may_be_left_out() -> None:
    config = good({"store": GONE, "polling": GONE, "log": GONE, "consent": GONE, "a1.smpp": GONE})
    assert config == good({"consent": GONE, "a1.smpp": GONE})
    assert config.consent is None


def test_with_smpp_the_http_section_and_the_callback_may_be_left_out() -> None:
    config = good({"a1.transport": "smpp", "a1.http": GONE, "a1.callback": GONE})
    assert (config.a1.http, config.a1.callback) == (None, None)


def test_nothing_in_it_can_be_changed() -> None:
    config = good()
    with pytest.raises(ValueError, match="frozen"):
        config.http.listen = "tcp:1"


# One fault for one mistake


@pytest.mark.parametrize("key", EVERY_KEY)
@pytest.mark.parametrize(
    "value", [datetime.date(2026, 11, 22), {"x": 1}, [[1]], float("nan"), pytest.param(16**5000, id="huge")]
)
def test_a_value_of_the_wrong_type_is_one_fault_that_says_what_is_right(key: str, value: object) -> None:
    (fault,) = wrong({key: value})
    assert re.match(rf"{re.escape(shown(key))}: .*; give \S", fault)


@pytest.mark.parametrize("key", [key for key in EVERY_KEY if key not in SECRETS])
def test_an_empty_text_is_one_fault_or_means_nothing_given(key: str) -> None:
    if key in ("a1.smpp.system_type", "scenario.to"):
        assert value_at(good({key: ""}), key) == ""
        return
    (fault,) = wrong({key: ""})
    assert fault.startswith(f"{shown(key)}: ")


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("http.listen", "tpc:8080", '"tpc:8080" is not a server endpoint of Twisted; give one such as "tcp:8080:'),
        ("http.listen", "8080", '"8080" is not a server endpoint of Twisted; give one such as'),
        ("http.listen", 8080, '8080 is not text in quotes; give one such as "tcp:8080:interface=127.0.0.1"'),
        ("http.listen", "tcp:http", "is not a server endpoint of Twisted"),
        ("http.listen", "tcp:8080:port=8080", "is not a server endpoint of Twisted"),
        ("http.listen", "tcp:80\n", '"tcp:80\\n" is not a server endpoint of Twisted'),
        ("http.listen", "tcp:99999", "99999 is not a port; give a whole number from 1 to 65535, or 0"),
        ("http.listen", "tcp:port=-1", "-1 is not a port"),
        ("http.listen", "systemd:domain=INET", "is not a server endpoint of Twisted"),
        ("http.listen", "ssl:443:privateKey=/no/key.pem", "cannot be used: /no/key.pem: No such file or directory"),
        ("http.listen", f"ssl:443:privateKey={__file__}", "cannot be used: its certificate or its key"),
        ("http.listen", "tls:/no/certificates:443", "cannot be used: there is no such folder of certificates"),
        ("http.trusted_proxies", "10.0.0.5", '"10.0.0.5" is not a list; give addresses, such as ["10.0.0.5"'),
        ("http.trusted_proxies", ["proxy"], '"proxy" in the list is no address or network in quotes; give addresses'),
        ("http.trusted_proxies", [10], "10 in the list is no address or network in quotes"),
        ("http.monitors", ["10.0.0.5/8"], '"10.0.0.5/8" in the list is no address or network in quotes'),
        ("http.public_url", "sms.example.by", "not an absolute web address; give the address that"),
        ("http.public_url", "https://", "not an absolute web address"),
        ("http.public_url", "https:///path", "not an absolute web address"),
        ("http.public_url", "https://sms.example.by:port", "not an absolute web address"),
        ("http.public_url", "https://sms.example.by:", "not an absolute web address"),
        ("http.public_url", "https://sms.example.by:0", "not an absolute web address"),
        ("http.public_url", "https://[::1", "not an absolute web address"),
        ("http.public_url", "https://sms example.by", "not an absolute web address"),
        ("http.public_url", "https://смс.бел", "not an absolute web address"),
        ("http.public_url", "https://sms.example.by\n", "not an absolute web address"),
        ("http.public_url", "ftp://sms.example.by", "not an absolute web address"),
        ("http.public_url", "http://sms.example.by", "plain http is accepted for loopback addresses only; write https://"),
        ("http.public_url", "http://127.0.0.1.example.by", "plain http is accepted for loopback addresses only"),
        ("http.public_url", "https://sms.example.by/?a=b", 'holds a part after "?" or "#"; give the address'),
        ("http.public_url", "https://sms.example.by/?", 'holds a part after "?" or "#"; give the address'),
        ("http.public_url", "https://sms.example.by/#top", 'holds a part after "?" or "#"; give the address'),
        ("http.public_url", "https://me:pw@sms.example.by/", "holds a user name or a password; give the address"),
        ("store.url", "sqlite://", 'a store in memory would not survive a restart; give "sqlite:////" and the path'),
        ("store.url", "sqlite:///:memory:", "a store in memory would not survive a restart"),
        ("store.url", "postgresql://me:pw@db/a1", 'only sqlite in this version; give "sqlite:////" and the path'),
        ("store.url", "/var/lib/a1.sqlite3", "only sqlite in this version"),
        ("store.url", "sqlite://var/lib/a1.sqlite3", '"sqlite://var/lib/a1.sqlite3" names no file'),
        ("store.url", "sqlite:////var/lib/", '"sqlite:////var/lib/" names no file'),
        ("store.url", "sqlite:///file:x?mode=memory", "names no file"),
        ("store.min_free_mb", -1, "-1 is not a number of megabytes; give a whole number from 0 to 10000000 (such"),
        ("store.alarm_free_mb", "1 GB", '"1 GB" is not a number of megabytes'),
        ("store.spool", " ", 'empty; give the path of a folder, such as "/var/lib/a1gateway/spool"'),
        ("store.spool", "/var/spool\0", '"/var/spool\\x00" is not a path; give the path of a folder'),
        ("a1.transport", "HTTP", '"HTTP" is unknown; give "http" or "smpp"'),
        ("a1.sender_id", "MyLongestShop", '"MyLongestShop" is not a Sender ID; give the name that A1 approved'),
        ("a1.sender_id", "Магазин", '"Магазин" is not a Sender ID'),
        ("a1.sender_id", "375291234", '"375291234" is not a Sender ID'),
        ("a1.sender_id", "Shop ", '"Shop " is not a Sender ID'),
        ("a1.sender_id", 375291234, "375291234 is not text in quotes; give the name that A1 approved"),
        (
            "retention.mask_after",
            "a year",
            '"a year" is no time to keep something for; give a time of 1 day or more, such as "365 days", or "never"',
        ),
        ("retention.mask_after", "23 hours", '"23 hours" is no time to keep something for'),
        ("retention.delete_after", "29 days", "give a time of 30 days or more"),
        ("retention.delete_after", "364 days", "earlier than mask_after; give 365 days or more"),
        ("retention.delete_evidence_after", 365, "365 is no time to keep something for"),
        ("a1.max_segments", 0, "0 is not a number of segments; give a whole number from 1 to 255 (parts of one SMS)"),
        ("a1.max_segments", 256, "256 is not a number of segments"),
        ("a1.max_segments", 10.0, "10.0 is not a number of segments; give a whole number"),
        ("a1.max_segments", True, "true is not a number of segments"),
        ("a1.max_segments", "10", '"10" is not a number of segments'),
        ("a1.http.url", "smart-sender.a1.by/api", "not an absolute web address; give the API's address from A1"),
        ("a1.http.user", 375291234567, '375291234567 is not text in quotes; give the login from A1'),
        ("a1.http.user", "my shop\t", '"my shop\\t" is not a login'),
        ("a1.http.requests_per_second", 0, "0 is not a rate; give a number above 0 (requests a second)"),
        ("a1.http.requests_per_second", -1, "-1 is not a rate"),
        ("a1.http.requests_per_second", float("inf"), "inf is not a rate"),
        ("a1.http.requests_per_second", "10", '"10" is not a rate'),
        ("a1.http.timeout", 300.5, "300.5 is not a time; give a number above 0 and up to 300 (seconds)"),
        ("a1.http.timeout", 0, "0 is not a time"),
        ("a1.smpp.host", "smpp.example.by:2775", '"smpp.example.by:2775" is not a host name; give the name of A1\'s'),
        ("a1.smpp.host", "smpp://smpp.example.by", '"smpp://smpp.example.by" is not a host name'),
        ("a1.smpp.host", "-", '"-" is not a host name'),
        ("a1.smpp.port", 70000, "70000 is not a port; give a whole number from 1 to 65535 (A1 usually has 2775)"),
        ("a1.smpp.port", 0, "0 is not a port"),
        ("a1.smpp.tls", "yes", '"yes" is neither true nor false; give true or false, without quotes'),
        ("a1.smpp.tls", 1, "1 is neither true nor false"),
        ("a1.smpp.system_id", "магазин", '"магазин" is not a system_id; give the system_id from A1'),
        ("a1.smpp.system_type", "тип", '"тип" is not a system_type; give ASCII characters, or "" as usual'),
        ("a1.smpp.window", 1001, "1001 is not a window; give a whole number from 1 to 1000 (requests in flight)"),
        ("a1.smpp.messages_per_second", -1, "-1 is not a rate; give a number of 0 or more (0: no limit)"),
        ("a1.smpp.enquire_link_interval", 0, "0 is not a time; give a number above 0 (seconds)"),
        ("a1.smpp.response_timeout", -30, "-30 is not a time; give a number above 0 (seconds)"),
        ("a1.smpp.source_ton", 7, "7 is not a type of number; give a whole number from 0 to 6 (SMPP 3.4, 5.2.5)"),
        ("a1.smpp.destination_ton", -1, "-1 is not a type of number"),
        ("a1.smpp.source_npi", 19, "19 is not a numbering plan; give a whole number from 0 to 18 (SMPP 3.4, 5.2.6)"),
        ("a1.smpp.destination_npi", 1.5, "1.5 is not a numbering plan"),
        ("a1.smpp.receipt_grace", -1, "-1 is not a time; give a number of 0 or more (seconds)"),
        ("a1.smpp.uncertain_hold", "60", '"60" is not a time; give a number of 0 or more (seconds)'),
        ("a1.smpp.on_uncertain", "retry", '"retry" is unknown; give "resend" or "fail"'),
        ("a1.smpp.query_sm", 0, "0 is neither true nor false"),
        ("a1.smpp.bind", "receiver", '"receiver" is unknown; give "transceiver" or "pair"'),
        ("a1.smpp.ca_file", " ca.pem", '" ca.pem" is not a path; give the path of a file with certificates in PEM'),
        ("a1.callback.id_field", "message id", '"message id" is not a field\'s name; give the name from A1'),
        ("a1.callback.id_field", "status", '"status" is id_field already; give the name of the field'),
        ("a1.callback.status_field", "message_id", '"message_id" is id_field already'),
        ("polling.interval", 0, "0 is not a time; give a number above 0 (seconds)"),
        ("polling.interval", 259201, "259200 seconds are less than interval; give 259201 or more"),
        ("polling.give_up_after", 59.5, "59.5 seconds are less than interval; give 60 or more"),
        ("polling.give_up_after", 2**64, "18446744073709551616 is not a time"),
        ("alarms.to", 7, '7 is not text in quotes; give a user\'s id such as "7", or a chat such as "chat42"'),
        ("alarms.to", "Olga", '"Olga" is not a recipient; give a user\'s id such as "7", or a chat such as "chat42"'),
        ("alarms.language", "by", '"by" is unknown; give "ru", "be" or "en"'),
        ("alarms.balance_below", -1, "-1 is not an amount; give a number of 0 or more (BYN)"),
        ("alarms.without", "sms_stand", '"sms_stand" is not a list; give alarms, such as ["callback_silent"]'),
        ("automation.quiet", 61, "61 is not a time; give a number of 0 or more and up to 60 (seconds)"),
        ("scenario.delay", 86400, "86400 is not a time; give a number of 0 or more and up to 86399 (seconds, less"),
        ("scenario.to", "#CONTACT_PHONE#", '"#CONTACT_PHONE#" is neither a mobile number nor a field\'s name; give'),
        ("scenario.to", "8 017 200-00-00", "is neither a mobile number nor a field's name; give a number such as"),
        ("scenario.to", "+375291112233, +375291112234", "is neither a mobile number nor a field's name"),
        ("scenario.to", "UF CRM PHONE", 'a field such as "UF_CRM_PHONE", or "" for the contact\'s number'),
        ("scenario.text", "#DEAL_TITLE готов", "#DEAL_TITLE: a # is missing; write #DEAL_TITLE#"),
        ("bitrix24.portal", "https://shop.bitrix24.by/", "of which only the host is wanted; write shop.bitrix24.by"),
        ("bitrix24.portal", "shop.bitrix24.by/rest/", "of which only the host is wanted; write shop.bitrix24.by"),
        ("bitrix24.portal", "https://me:pw@shop.bitrix24.by", "the host is wanted; write shop.bitrix24.by"),
        ("bitrix24.portal", "https://[", 'not a host name; give the portal\'s host alone'),
        ("bitrix24.portal", "shop.bitrix24.by:99999", "not a host name"),
        ("bitrix24.portal", "[shop.bitrix24.by]", "not a host name"),
        ("bitrix24.portal", "::1", "not a host name"),
        ("bitrix24.portal", "магазин.бел", "not a host name"),
        ("bitrix24.client_id", "local 1", '"local 1" is not a client_id; give what Bitrix24 shows'),
        ("bitrix24.client_id", "", "empty while its counterpart is given; Bitrix24 shows client_id and"),
        ("bitrix24.client_secret", "", "empty while its counterpart is given"),
        ("bitrix24.sender_code", "a1 sms", '"a1 sms" is not a sender\'s code; give Latin letters, digits and . _ -'),
        ("bitrix24.sender_name", "\n", 'empty; give the name that employees see, such as "A1 SMS"'),
        ("bitrix24.oauth_url", "http://oauth.bitrix.info/", "plain http is accepted for loopback addresses only"),
        ("bitrix24.requests_per_second", 0.0, "0.0 is not a rate; give a number above 0 (requests a second)"),
        ("bitrix24.burst", 0, "0 is not a number of requests; give a whole number from 1 to 1000000"),
        ("consent.contact_field", "1st", '"1st" is not a field\'s name; give the contact\'s field, such as "UF_CRM_'),
        ("consent.granted_values", "yes", '"yes" is not a list; give the values that mean yes, such as ["agreed"]'),
        ("consent.granted_values", ["yes", 45], "45 in the list is not text in quotes; give the values"),
        ("consent.granted_values", ["yes", ""], '"" in the list is not text in quotes'),
        ("consent.denied_value", "", 'empty; give the value that means no, such as "refused"'),
        ("consent.wait", -1, "-1 is not a time; give a number of 0 or more (seconds)"),
        ("consent.max_age", 0, "0 is not a time; give a number above 0 (seconds)"),
        ("consent.sender_id", "МойМагазин", '"МойМагазин" is not a Sender ID; give the name that A1 approved'),
        ("consent.hours", "9-21", '"9-21" is no part of a day; give hours of the day by Minsk\'s clock, such as'),
        ("consent.hours", 9, "9 is not text in quotes; give hours of the day by Minsk's clock"),
        ("consent.share", 1.5, "1.5 is not a share; give a number above 0 and up to 1 (0.8 is four fifths)"),
        ("consent.stop_words", ["STOP", ""], '"" in the list is not text in quotes; give words'),
        ("consent.start_words", "START", '"START" is not a list; give words'),
        ("consent.test_numbers", ["80171112233"], '"80171112233" in the list is not a mobile number in quotes; give'),
        ("consent.test_numbers", "all", '"all" is not a list; give numbers, such as ["+375291112233"]'),
        ("log.format", "xml", '"xml" is unknown; give "text" or "json"'),
        ("log.level", "warning", '"warning" is unknown; give "debug", "info", "warn" or "error"'),
    ],
)  # fmt: skip
def test_a_value_that_cannot_stand(key: str, value: object, text: str) -> None:
    (fault,) = wrong({key: value})
    # One of two fields is at fault for both: the later one is named.
    named = {
        ("a1.callback.id_field", "status"): "a1.callback.status_field",
        ("polling.interval", 259201): "polling.give_up_after",
    }
    assert fault.startswith(f"{shown(named.get((key, value), key) if not isinstance(value, list) else key)}: ")
    assert text in fault


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_one_fault_that_says_what_to_give(key: str) -> None:
    (fault,) = wrong({key: GONE})
    name = key.rpartition(".")[2]
    if key in SECRETS:
        assert fault == f"{key}: missing; give {name} or {name}_file"
    else:
        assert re.match(rf"{re.escape(shown(key))}: missing; give \S", fault)


def test_missing_sections() -> None:
    with pytest.raises(ConfigFaults) as raised:
        check("", "/nowhere")
    assert list(map(str, raised.value.faults)) == [
        "http: missing; write a section [http] with public_url",
        'a1: missing; write [a1.http] and [a1.callback] for transport "http", or [a1.smpp] for transport "smpp"',
        "bitrix24: missing; write a section [bitrix24] with client_id, client_secret and handler_secret",
    ]


@pytest.mark.parametrize(
    ("transport", "section", "text"),
    [
        ("http", "http", "write a section [a1.http] with url, user and apikey"),
        ("http", "callback", "write a section [a1.callback] with secret"),
        ("smpp", "smpp", "write a section [a1.smpp] with host, system_id and password"),
    ],
)
def test_the_section_of_the_transport_is_required(transport: str, section: str, text: str) -> None:
    faults = wrong({"a1.transport": transport, f"a1.{section}": GONE})
    assert faults == [f'a1.{section}: missing with transport = "{transport}"; {text}']


SCENARIOS: dict[str, dict[str, object]] = {
    "new": {"of": "lead"},
    "stage": {"of": "deal", "stage": ["WON"]},
    "changed": {"of": "contact"},
    "date": {"of": 177, "field": "UF_CRM_VISIT"},
    "missed_call": {},
}
ONLY_WITH: dict[str, tuple[str, object]] = {
    "stage": ("stage", ["NEW"]),
    "field": ("date", "UF_CRM_VISIT"),
    "ahead": ("date", ["1 day"]),
    "date_at": ("date", "09:00"),
    "cancelled": ("date", []),
    "delay": ("missed_call", 0),
}


def scenario(event: str, **more: object) -> list[dict[str, object]]:
    return [{"name": "a", "event": event, "text": "Т", **SCENARIOS[event], **more}]


@pytest.mark.parametrize("event", SCENARIOS)
@pytest.mark.parametrize("key", ONLY_WITH)
def test_a_key_of_a_scenario_that_means_nothing_with_its_event_is_a_fault(event: str, key: str) -> None:
    its_own, value = ONLY_WITH[key]
    given = {"scenario": scenario(event, **{key: value})}
    if event == its_own:
        good(given)
        return
    assert wrong(given) == [
        f'scenario[1].{key}: has no effect with event = "{event}", only with event = "{its_own}"; remove it'
    ]


def test_a_marketing_scenario_without_consent_is_warned_of() -> None:
    given = {"scenario": scenario("missed_call", kind="marketing")}
    assert good(given).warnings == ()
    assert list(map(str, good({**given, "consent": GONE}).warnings)) == [
        "scenario[1].kind: without a section [consent] marketing SMS go to nobody; add it, or send "
        "what nobody has to agree to"
    ]


@pytest.mark.parametrize(("length", "warned"), [(134, False), (135, True)])
def test_a_text_that_is_too_long_whatever_is_put_into_it_is_warned_of(length: int, warned: bool) -> None:
    given = {"a1.max_segments": 2, "scenario": scenario("new", text="#LEAD_TITLE|#" + "я" * length)}
    problem = "at least 3 segments, and a1.max_segments is 2: no SMS goes out; write a shorter text"
    assert list(map(str, good(given).warnings)) == [f"scenario[1].text: {problem}"] * warned


def test_a_missed_call_is_about_no_type_of_documents() -> None:
    assert wrong({"scenario": scenario("missed_call", of="lead")}) == [
        'scenario[1].of: has no effect with event = "missed_call", which is about the contact; remove it'
    ]


@pytest.mark.parametrize("event", SCENARIOS)
def test_every_other_key_goes_with_every_event(event: str) -> None:
    more = {"when": {"NAME": "Анна"}, "to": "UF_X", "kind": "marketing", "urgent": True, "grace": 60}
    good({"scenario": scenario(event, repeat_after=0, sender_id="MyShop", **more)})


def test_the_names_of_scenarios_are_distinct() -> None:
    faults = wrong({"scenario": scenario("new") + scenario("missed_call")})
    assert faults == ['scenario: two scenarios have the name "a"; give each a name of its own']


def test_a_section_that_is_not_used_is_checked_all_the_same() -> None:
    (fault,) = wrong({"a1.transport": "http", "a1.smpp.port": 0})
    assert fault.startswith("a1.smpp.port: ")
    (fault,) = wrong({"a1.transport": "smpp", "a1.http.url": "http://a1.example/"})
    assert fault.startswith("a1.http.url: ")


@pytest.mark.parametrize("section", [".".join(place) for place in SECTIONS if place])
@pytest.mark.parametrize("value", [1, "text", [{}], True])
def test_a_value_in_the_place_of_a_section(section: str, value: object) -> None:
    if section not in LISTED:
        assert wrong({section: value}) == [f"{section}: not a section; write [{section}] on a line of its own"]
    elif value != [{}]:
        text = "not a list of sections; write [[scenario]] on a line of its own"
        assert wrong({section: value}) == [f"{section}: {text}"]
    else:
        assert [fault.partition(":")[0] for fault in wrong({section: value})] == [
            "scenario[1].name",
            "scenario[1].event",
            "scenario[1].text",
        ]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("bitrx24", {}, "bitrx24: unknown section; did you mean bitrix24?"),
        ("warnings", [], "warnings: unknown key; remove it, or see config/a1gateway.example.toml for what there is"),
        ("_warnings", [], "_warnings: unknown key; remove it"),
        ("model_config", {}, "model_config: unknown section; remove it"),
        ("bitrix24.portl", "x", "bitrix24.portl: unknown key; did you mean portal?"),
        ("http.Listen", "x", "http.Listen: unknown key; did you mean listen?"),
        ("a1.htpp", {"url": 1}, "a1.htpp: unknown section; did you mean http?"),
        ("a1.http.apikeyfile", "x", "a1.http.apikeyfile: unknown key; did you mean apikey_file?"),
        ("a1.smpp.user_file", "x", "a1.smpp.user_file: unknown key; "),
        ("a1.http.window", 3, "a1.http.window: unknown key here; it belongs in [a1.smpp]"),
        ("a1.port", 2775, "a1.port: unknown key here; it belongs in [a1.smpp]"),
        ("http.consent", {}, "http.consent: unknown section here; it belongs in no section"),
        ("polling.", 1, 'polling."": unknown key; remove it'),
        ("polling.a b\n", 1, 'polling."a b\\n": unknown key; remove it'),
        ("polling." + "x" * 5000, 1, 'polling."' + "x" * 57 + '...": unknown key; remove it'),
    ],
)
def test_unknown_keys_at_every_level(key: str, value: object, text: str) -> None:
    (fault,) = wrong({key: value})
    assert fault.startswith(text)


def test_all_faults_are_reported_at_once_in_the_order_of_the_sections() -> None:
    faults = wrong(
        {
            "log.level": "loud",
            "bitrix24.handler_secret": GONE,
            "bitrix24.portal": "https://shop.bitrix24.by",
            "bitrix24.zone": "by",
            "consnt": {},
            "a1.smpp.password_file": "elsewhere",
            "a1.smpp.port": 70000,
            "a1.http": GONE,
            "a1.max_segments": 0,
            "polling.give_up_after": 1,
            "http.public_url": "http://sms.example.by",
            "http.listen": "tcp",
            "a1.callback.status_field": "message_id",
        }
    )
    assert [fault.partition(": ")[0] for fault in faults] == [
        "http.listen",
        "http.public_url",
        "a1.max_segments",
        "a1.http",
        "a1.smpp.port",
        "a1.smpp.password_file",
        "a1.callback.status_field",
        "polling.give_up_after",
        "bitrix24.portal",
        "bitrix24.handler_secret",
        "bitrix24.zone",
        "log.level",
        "consnt",
    ]


def test_the_faults_are_a_reason_not_to_start() -> None:
    assert issubclass(ConfigFaults, CannotStart)
    assert str(Fault("a1.smpp.port", "text")) == "a1.smpp.port: text"


# Bitrix24 shows client_id and client_secret only after the application is saved


def test_both_may_be_empty_with_a_portal_and_are_then_warned_of() -> None:
    config = good({"bitrix24.client_id": "", "bitrix24.client_secret": "", "bitrix24.portal": "shop.bitrix24.by"})
    (warning,) = config.warnings
    assert str(warning).startswith("bitrix24.client_id: empty; copy client_id and client_secret from Bitrix24")


def test_without_both_and_without_a_portal_nothing_would_prove_an_installation() -> None:
    (fault,) = wrong({"bitrix24.client_id": "", "bitrix24.client_secret": ""})
    assert fault.startswith("bitrix24.portal: missing while client_id is empty; give the portal's host")


def test_an_empty_file_stands_for_a_client_secret_that_is_not_known_yet(tmp_path: Path) -> None:
    (tmp_path / "client").touch(0o600)
    changes = {
        "bitrix24.portal": "shop.bitrix24.by",
        "bitrix24.client_secret": GONE,
        "bitrix24.client_secret_file": "client",
    }
    assert len(good({**changes, "bitrix24.client_id": ""}, tmp_path).warnings) == 1
    (fault,) = wrong(changes, tmp_path)
    assert fault.startswith("bitrix24.client_secret_file: empty while its counterpart is given")


# Secrets in files


def secret_file(folder: Path, content: bytes = b"from-a-file-0123456789", mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("key", SECRETS)
def test_any_secret_may_stand_in_a_file(key: str, tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"\xef\xbb\xbf \tfrom-a-file-0123456789 \r\n\n")
    assert value_at(good({key: GONE, f"{key}_file": str(path)}), key) == "from-a-file-0123456789"


@pytest.mark.parametrize("given", ["secret", "./secret", "${FOLDER}/secret", "$FOLDER/secret"])
def test_paths_are_relative_to_the_configuration_and_know_the_environment(given: str, tmp_path: Path) -> None:
    secret_file(tmp_path)
    changes = {"a1.http.apikey": GONE, "a1.http.apikey_file": given}
    assert value_at(good(changes, tmp_path, FOLDER=str(tmp_path)), "a1.http.apikey") == "from-a-file-0123456789"


def test_a_dollar_sign_is_doubled(tmp_path: Path) -> None:
    secret_file(tmp_path).rename(tmp_path / "$ecret")
    changes = {"a1.http.apikey": GONE, "a1.http.apikey_file": "$$ecret"}
    assert value_at(good(changes, tmp_path), "a1.http.apikey") == "from-a-file-0123456789"


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_and_its_file_together(key: str, tmp_path: Path) -> None:
    path = secret_file(tmp_path)
    name = key.rpartition(".")[2]
    assert wrong({f"{key}_file": str(path)}) == [f"{key}_file: given together with {name}; keep one of the two"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("absent", "cannot be read: No such file or directory; give a path from / or from the folder of"),
        (".", "cannot be read: Is a directory"),
        (f"{__file__}/secret", "cannot be read: Not a directory"),
        ("x" * 5000, "cannot be read: File name too long"),
        ("a\0b", "not a path; give the path of a file"),
        ("", "not a path in quotes; give the path of a file that holds the secret and nothing else"),
        (5, "not a path in quotes"),
        (["secret"], "not a path in quotes"),
        ("${CREDENTIALS_DIRECTORY}/key", "the environment has no CREDENTIALS_DIRECTORY (systemd sets it for"),
        ("$UNSET/key", "the environment has no UNSET; set it or give the whole path"),
        ("${EMPTY}/key", "the environment has no EMPTY; set it or give the whole path"),
        ("100$", 'a "$" has to begin a variable such as ${CREDENTIALS_DIRECTORY}; write $$ for a "$"'),
        ("/dev/zero", "too large for a secret"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", SECRETS)
def test_a_file_that_cannot_be_read(key: str, given: object, text: str, tmp_path: Path) -> None:
    (fault,) = wrong({key: GONE, f"{key}_file": given}, tmp_path, EMPTY="")
    assert fault.startswith(f"{key}_file: {text}")


@pytest.mark.parametrize(
    ("key", "content", "text"),
    [
        ("a1.http.apikey", b"", "empty; give the API key from A1"),
        ("a1.http.apikey", b" \n\t\n", "empty; give the API key from A1"),
        ("a1.http.apikey", b"\xff\xfe", "not text in UTF-8"),
        ("a1.http.apikey", b"two\nlines", "holds a line break or another character that does not print"),
        ("a1.smpp.password", "пароль".encode(), "SMPP allows only ASCII characters; give the SMPP password from A1"),
        (
            "a1.callback.secret",
            b"with/slash",
            "it is part of a URL, where only letters, digits and . _ ~ - may stand",
        ),
        ("bitrix24.handler_secret", b"..", "it is part of a URL, where only letters, digits and . _ ~ - may stand"),
    ],
)
def test_a_file_with_the_wrong_content(key: str, content: bytes, text: str, tmp_path: Path) -> None:
    path = secret_file(tmp_path, content)
    (fault,) = wrong({key: GONE, f"{key}_file": str(path)})
    assert fault.startswith(f"{key}_file: {text}")


@pytest.mark.parametrize("key", [key for key in SECRETS if key != "bitrix24.client_secret"])
@pytest.mark.parametrize("value", ["", "  "])
def test_no_secret_but_the_client_secret_may_be_empty(key: str, value: str) -> None:
    (fault,) = wrong({key: value})
    assert re.match(rf"{re.escape(key)}: empty; give the \S", fault)


@pytest.mark.parametrize("key", ["a1.callback.secret", "bitrix24.handler_secret"])
@pytest.mark.parametrize("value", ["a/b", "a b", "секрет", "a%20b", "a?b", ".", ".."])
def test_a_secret_in_a_url_needs_no_escaping(key: str, value: str) -> None:
    (fault,) = wrong({key: value})
    assert fault.startswith(f"{key}: it is part of a URL")


# Warnings


@pytest.mark.parametrize("key", ["a1.callback.secret", "bitrix24.handler_secret"])
def test_a_short_secret_in_a_url_is_warned_of(key: str, tmp_path: Path) -> None:
    (warning,) = good({key: "a" * 15}).warnings
    assert str(warning) == f"{key}: under 16 characters can be guessed; make one with: openssl rand -hex 32"
    path = secret_file(tmp_path, b"short")
    (warning,) = good({key: GONE, f"{key}_file": str(path)}).warnings
    assert warning.key == f"{key}_file"
    path.chmod(0o644)
    assert [warning.key for warning in good({key: GONE, f"{key}_file": str(path)}).warnings] == [f"{key}_file"] * 2
    assert good({key: "a" * 16}).warnings == ()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_secret_that_others_may_read_is_warned_of(mode: int, warned: bool, tmp_path: Path) -> None:
    path = secret_file(tmp_path, mode=mode)
    warnings = good({"a1.http.apikey": GONE, "a1.http.apikey_file": str(path)}).warnings
    text = f"a1.http.apikey_file: not for its owner alone (mode {mode:04o}); run: chmod 600 {path}"
    assert list(map(str, warnings)) == ([text] if warned else [])


def test_the_mode_of_a_credential_is_systemds_affair(tmp_path: Path) -> None:
    """systemd shows 0440 for a credential that an access list opens to the unit's user."""
    secret_file(tmp_path, mode=0o440)
    changes = {"a1.http.apikey": GONE, "a1.http.apikey_file": "${CREDENTIALS_DIRECTORY}/secret"}
    assert good(changes, CREDENTIALS_DIRECTORY=str(tmp_path)).warnings == ()


def test_a_folder_of_secrets_that_is_not_systemds_is_no_excuse_for_open_ones(tmp_path: Path) -> None:
    """An operator may name one in the place of systemd's."""
    secret = tmp_path / "secret"
    secret.write_text("a-key")
    secret.chmod(0o644)
    changes = {"a1.http.apikey": GONE, "a1.http.apikey_file": "${CREDENTIALS_DIRECTORY}/secret"}
    (warning,) = good(changes, CREDENTIALS_DIRECTORY=str(tmp_path)).warnings
    assert warning.key == "a1.http.apikey_file"
    assert warning.text.endswith(f"chmod 600 {secret}")


def test_a_command_finds_the_secrets_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the installation has them; what the environment says goes first."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "a1gateway.toml"
    file.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    with pytest.raises(ConfigFaults, match="the environment has no CREDENTIALS_DIRECTORY"):
        load(file)
    for folder, key in (("secrets", "beside"), ("others", "named")):
        (tmp_path / folder).mkdir()
        for name in re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\w+)", EXAMPLE.read_text("utf-8")):
            (tmp_path / folder / name).write_text(f"{key}-0123456789abcdef")
            (tmp_path / folder / name).chmod(0o600)
    found = load(file).a1.http
    assert found is not None
    assert found.apikey.get_secret_value() == "beside-0123456789abcdef"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "others"))
    found = load(file).a1.http
    assert found is not None
    assert found.apikey.get_secret_value() == "named-0123456789abcdef"


def test_a_device_has_no_owner_to_keep_it_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from-a-pipe")
    os.close(writing)
    changes = {"a1.http.apikey": GONE, "a1.http.apikey_file": f"/dev/fd/{reading}"}
    config = good(changes)
    os.close(reading)
    assert value_at(config, "a1.http.apikey") == "from-a-pipe"
    assert config.warnings == ()


def test_secrets_in_a_configuration_that_others_may_read_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT.replace('apikey = "key-of-the-API"', 'apikey_file = "secret"'))
    secret_file(tmp_path)
    file.chmod(0o644)
    (warning,) = load(file).warnings
    assert str(warning) == (
        "config: not for its owner alone (mode 0644), with a1.smpp.password, a1.callback.secret, "
        "bitrix24.client_secret, bitrix24.handler_secret in it; run chmod 600 on it"
    )


def test_what_smpp_has_no_room_for_is_warned_of() -> None:
    config = good({"a1.smpp.system_id": "a" * 16, "a1.smpp.password": "b" * 9, "a1.smpp.system_type": "c" * 13})
    assert list(map(str, config.warnings)) == [
        "a1.smpp.system_id: SMPP 3.4 has room for 15 characters; A1 may refuse the bind",
        "a1.smpp.password: SMPP 3.4 has room for 8 characters; A1 may refuse the bind",
        "a1.smpp.system_type: SMPP 3.4 has room for 12 characters; A1 may refuse the bind",
    ]


@pytest.mark.parametrize(
    ("url", "warned"),
    [("https://gateway/a.b", True), ("http://localhost:8080", False), ("https://sms.example.by", False)],
)
def test_a_public_host_without_a_dot_is_warned_of(url: str, warned: bool) -> None:
    assert [warning.key for warning in good({"http.public_url": url}).warnings] == ["http.public_url"] * warned


# Secrets are never shown

# Beginning with what no text of ours has, so that a find is a find.
unguessable = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=12, max_size=30).map(
    "~Z9".__add__
)


@settings(deadline=None)  # the first one of all looks for Twisted's plugins
@given(st.lists(unguessable, min_size=5, max_size=5), st.sampled_from([70000, 2775]))
def test_no_secret_is_in_any_text(values: list[str], port: int) -> None:
    given_secrets = dict(zip(SECRETS, values, strict=True))
    texts = []
    try:
        config = good({**given_secrets, "a1.smpp.port": port})
        texts += [repr(config), str(config), repr(config.a1.http), str(config.warnings)]
    except ConfigFaults as faults:
        texts += [str(faults), repr(faults), repr(faults.faults), repr(faults.__context__)]
        texts += traceback.format_exception(faults)
    assert not [value for value in values for text in texts if value in text]


@settings(deadline=None)
@given(unguessable, st.sampled_from(SECRETS))
def test_no_secret_is_in_any_text_when_pasted_into_the_wrong_place(value: str, key: str) -> None:
    """As the path of its file, in an address, in the place of its section, in a list, as another type of value."""
    section = key.rpartition(".")[0]
    for changes in (
        {key: GONE, f"{key}_file": f"/{value}"},
        {"http.public_url": f"https://me:{value}@sms.example.by/"},
        {"a1.http.url": f"https://a1.example/api/?apikey={value}"},
        {"a1.http.url": f"https://{value}@/"},
        {"store.url": f"postgresql://me:{value}@db/journal"},
        {"bitrix24.portal": f"https://me:{value}@/"},
        {section: value},
        {key: [value]},
        {key: {"is": value}},
        {f"{section}.elsewhere": value},
    ):
        assert value not in "\n".join(wrong(changes))


# Nothing but ConfigFaults, whatever is in the file

names = st.sampled_from([*{name for key in EVERY_KEY for name in key.split(".")}, "apikey_file", "x"]) | st.text(
    max_size=5
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.sampled_from(["https://[", "http://x:y", "sqlite:///", "tcp:1", "systemd:", "tls:", "ssl:1", "$", "\ud800"])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))


def lines(anything: Mapping[str, object]) -> list[str]:
    """The faults of a table, none when it is valid."""
    try:
        check_table(anything, "/nowhere", environ={})
    except ConfigFaults as faults:
        return str(faults).split("\n")
    return []


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(list(LEAST)) | st.text(max_size=5), values))
def test_any_table_has_faults_of_one_line_each(anything: dict[str, object]) -> None:
    assert lines(anything)
    assert all(re.match(r"[^:]+.*: \S", line) and line.isprintable() for line in lines(anything))


@settings(deadline=None)
@given(st.sampled_from(EVERY_KEY), values)
def test_any_value_of_any_key_has_at_most_one_fault_of_one_line(key: str, value: object) -> None:
    found = lines(table({key: value}))
    assert len(found) <= 1
    assert all(line.isprintable() for line in found)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("[]{}=\"'\\#\n.,ax01_- ", max_size=60))
def test_any_text_is_faulty(text: str) -> None:
    with pytest.raises(ConfigFaults):
        check(text, "/nowhere", environ={})


# The file as a whole


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[http]\n\n  a = b", 'config: line 3, column 7: no value; text stands in "quotes", true and false in small'),
        ("[http]\nlisten", "config: line 2, column 7: not TOML: Expected '=' after a key"),
        ("[http]\nlisten = 'tcp", "config: line 2, column 14: a text without its closing quote"),
        ('[http]\nlisten = "tcp\n', "config: line 2, column 14: a text without its closing quote"),
        ('[http]\nlisten = """tcp\n\n', "config: line 4, column 1: a text without its closing quote"),
        ("[http]\nlisten = '''tcp\n\n ", "config: line 4, column 2: a text without its closing quote"),
        ("[http]\n= 1", "config: line 2, column 1: neither a [section] nor a key = value"),
        ("[http]\na = 1\na = 2", "config: line 3, column 6: the same key a second time; keep one"),
        ("[http]\n[http]", "config: line 2, column 6: the same section a second time; keep one"),
        ('a = "C:\\x"', "config: line 1, column "),
        ("a = " + "9" * 5000, "config: a number too long or lists too deep to be read"),
        ("a = " + "[" * 5000, "config: a number too long or lists too deep to be read"),
    ],
)
def test_what_is_not_toml_is_named_by_line_and_column(toml: str, text: str) -> None:
    with pytest.raises(ConfigFaults) as raised:
        check(toml, "/nowhere")
    (fault,) = map(str, raised.value.faults)
    assert fault.startswith(text)
    assert fault.isprintable()
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("absent.toml", "config: cannot be read: No such file or directory"),
        (".", "config: cannot be read: Is a directory"),
        ("a\0b", "config: not a path; give the name of a file"),
    ],
)
def test_a_file_that_is_none(path: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults) as raised:
        load(tmp_path / path)
    assert list(map(str, raised.value.faults)) == [text]


def test_a_file_in_another_encoding_is_named_by_line(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_bytes("[bitrix24]\nsender_name = 'СМС'\n".encode("cp1251"))
    with pytest.raises(ConfigFaults, match="^config: line 2: not UTF-8; save the file in that encoding$"):
        load(file)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_bytes(b"\xef\xbb\xbf" + CONTRACT.replace("\n", "\r\n").encode())
    file.chmod(0o600)
    assert load(str(file)) == check(CONTRACT, tmp_path)


# check-config


def checked(path: Path, look: Callable[[Config], int | None] = lambda config: 0) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    return main(str(path), stdout, stderr, look), stdout.getvalue(), stderr.getvalue()


def test_check_config_of_a_valid_file(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT)
    file.chmod(0o600)
    assert checked(file) == (0, f"{file}: ok\n", "")


def test_check_config_warns_on_stderr(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT.replace("handler-0123456789", "handler"))
    file.chmod(0o600)
    text = "bitrix24.handler_secret: under 16 characters can be guessed; make one with: openssl rand -hex 32"
    assert checked(file) == (0, f"{file}: ok\n", f"warning: {text}\n")


def test_check_config_says_ok_when_nothing_else_is_wrong_either(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT)
    file.chmod(0o600)
    assert checked(file, lambda config: 1) == (1, "", "")


def test_check_config_says_that_nobody_could_be_asked(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT)
    file.chmod(0o600)
    note = "Bitrix24 has not been asked for what the file names: the daemon does not run with it"
    assert checked(file, lambda config: None) == (0, f"{file}: ok\n{note}\n", "")


def test_check_config_of_a_faulty_file(tmp_path: Path) -> None:
    file = tmp_path / "a1gateway.toml"
    file.write_text(CONTRACT.replace("port = 2775", "port = 70000").replace("portal =", "portl ="))
    assert checked(file) == (
        1,
        "",
        "a1.smpp.port: 70000 is not a port; give a whole number from 1 to 65535 (A1 usually has 2775)\n"
        "bitrix24.portl: unknown key; did you mean portal?\n",
    )


# The example for operators


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\w+)", EXAMPLE.read_text("utf-8")):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef\n")
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def without_comments(example: str) -> str:
    """What the example is when every `#` without a space behind it is taken away."""
    return re.sub(r"(?m)^#(?=[\[\w])", "", example)


@pytest.mark.usefixtures("credentials")
def test_the_example_is_valid() -> None:
    config = load(EXAMPLE)
    assert config.warnings == ()
    assert value_at(config, "a1.http.apikey") == "0123456789abcdef0123456789abcdef"


def test_the_example_needs_the_files_of_its_secrets() -> None:
    with pytest.raises(ConfigFaults) as raised:
        check(EXAMPLE.read_text("utf-8"), EXAMPLE.parent, environ={})
    assert [fault.key for fault in raised.value.faults] == [
        f"{key}_file" for key in SECRETS if key != "a1.smpp.password"
    ]


@pytest.mark.usefixtures("credentials")
def test_the_example_is_valid_with_everything_in_it_and_shows_the_defaults() -> None:
    everything = check(without_comments(EXAMPLE.read_text("utf-8")), EXAMPLE.parent)
    as_it_is = load(EXAMPLE)
    assert everything.a1.smpp is not None
    assert everything.consent is not None
    smpp, consent = everything.a1.smpp, everything.consent
    for key in set(EVERY_KEY) - set(REQUIRED):
        if key.partition(".")[0] in LISTED:
            # The first of them shows every key.
            assert value_at(everything, key) is not None, key
            continue
        shown: Mapping[str, object] = {"a1.smpp": smpp, "consent": consent}
        expected = value_at(good(), key) if key.rpartition(".")[0] in shown else value_at(as_it_is, key)
        # What has no default can only be shown by an example.
        assert value_at(everything, key) == expected or expected is None, key


def test_the_example_has_every_key_and_a_comment_above_it() -> None:
    missing = set(EVERY_KEY)
    section, explained = "", False
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if match := re.fullmatch(r"#?\[+([^\[\]]+)\]+", line):
            section, explained = match[1], False
        elif match := re.match(r"#?(\w+) = ", line):
            key = f"{section}.{match[1]}"
            assert explained or (section in LISTED and key not in missing), line
            if section not in LISTED or key in missing:
                missing.remove(key if key in EVERY_KEY else key.removesuffix("_file"))
        else:
            explained = line.startswith("#")
    assert missing == set()

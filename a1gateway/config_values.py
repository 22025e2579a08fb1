"""What a single value of the configuration has to be, and the operator's text when it is not.

A `Rule` stands in the annotation of a key. It turns the value as TOML gives it into the value as it is kept, or
raises `Misfit`, whose text completes `KEY: `. No text shows a secret, nor an address that may have one in it.
"""

from __future__ import annotations

import math
import os.path
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock

from .automation.moments import read_ahead, read_span
from .automation.template import Template, TemplateFault
from .hours import Hours
from .msisdn import Msisdn, read_number

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_PORT_TO_LISTEN_ON = re.compile(r"(?:tcp6?|ssl):(?:port=)?(-?[0-9]+)(?::|\Z)")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CERTIFICATES = re.compile(r"tls:((?:\\.|[^:\\])+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one key, and what would be right."""

    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class Misfit(ValueError):
    """A value cannot stand. `key` names another key of the same section when that one is at fault."""

    def __init__(self, text: str, key: str | None = None) -> None:
        super().__init__(text)
        self.key = key


@dataclass(frozen=True, slots=True)
class Rule:
    """What a key has to be: `right` completes "give ...", `check` returns the value to keep or raises `Misfit`."""

    right: str
    check: Callable[[Any], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))


def printable(text: str) -> str:
    """`text` on one line: every character that does not print is escaped, and the end is cut off after 60."""
    kept = text if len(text) <= 60 else text[:57] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in kept)


def shown(value: object) -> str:
    """A value as the operator wrote it, short enough for one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{printable(value)}"'
        case int() if abs(value) >= 10**30:
            return "such a large number"
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case dict():
            return "a section"
        case date() | time():
            return "a date or a time"
    return "this"


def whole(low: int, high: int, noun: str, hint: str = "") -> Rule:
    """A whole number from `low` to `high`."""
    right = f"a whole number from {low} to {high}{hint and f' ({hint})'}"

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise Misfit(f"{shown(value)} is not {noun}; give {right}")

    return Rule(right, check)


def number(noun: str, unit: str, *, zero: bool = False, high: float = math.inf) -> Rule:
    """A number, fractions allowed, above 0 (or from 0 on with `zero`) and up to `high`; kept as a float."""
    bounds = ("of 0 or more" if zero else "above 0") + ("" if high == math.inf else f" and up to {high:g}")
    right = f"a number {bounds} ({unit})"

    def check(value: object) -> float:
        # Far below the whole numbers that no float can hold, far above what an operator means.
        most = min(high, 2**63)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most and (value or zero):
            return float(value)
        raise Misfit(f"{shown(value)} is not {noun}; give {right}")

    return Rule(right, check)


def switch() -> Rule:
    """true or false."""
    right = "true or false, without quotes"

    def check(value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise Misfit(f"{shown(value)} is neither true nor false; give {right}")

    return Rule(right, check)


def one_of(*words: str) -> Rule:
    """One of `words`, in their letter case."""
    right = ", ".join(f'"{word}"' for word in words[:-1]) + f' or "{words[-1]}"'

    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise Misfit(f"{shown(value)} is unknown; give {right}")

    return Rule(right, check)


def text(noun: str, right: str, pattern: str = r".+", *, empty: bool = False) -> Rule:
    """Text that prints, without white space around it, matching `pattern` as a whole; `empty`: it may be empty."""
    form = re.compile(pattern)

    def check(value: object) -> str:
        if value == "" and empty:
            return ""
        value = _text(value, right)
        if value != value.strip() or not value.isprintable() or form.fullmatch(value) is None:
            raise Misfit(f"{shown(value)} is not {noun}; give {right}")
        return value

    return Rule(right, check)


def texts(right: str) -> Rule:
    """A list of non-empty texts."""

    def check(value: object) -> list[str]:
        if not isinstance(value, list):
            raise Misfit(f"{shown(value)} is not a list; give {right}")
        wrong = [entry for entry in value if not isinstance(entry, str) or not entry.strip()]
        if wrong:
            raise Misfit(f"{shown(wrong[0])} in the list is not text in quotes; give {right}")
        return list(value)

    return Rule(right, check)


def numbers(right: str) -> Rule:
    """A list of Belarusian mobile numbers in any spelling, as `+375XXXXXXXXX`."""

    def check(value: object) -> list[str]:
        if not isinstance(value, list):
            raise Misfit(f"{shown(value)} is not a list; give {right}")
        read = [(entry, read_number(entry)) if isinstance(entry, str) else (entry, None) for entry in value]
        for entry, number_read in read:
            if not isinstance(number_read, Msisdn):
                raise Misfit(f"{shown(entry)} in the list is not a mobile number in quotes; give {right}")
        return [number_read.number for _, number_read in read if isinstance(number_read, Msisdn)]

    return Rule(right, check)


def networks(right: str) -> Rule:
    """A list of IP addresses and networks, as networks."""

    def check(value: object) -> list[IPv4Network | IPv6Network]:
        if not isinstance(value, list):
            raise Misfit(f"{shown(value)} is not a list; give {right}")
        found = []
        for entry in value:
            try:
                found.append(ip_network(entry if isinstance(entry, str | IPv4Network | IPv6Network) else ""))
            except ValueError:
                raise Misfit(f"{shown(entry)} in the list is no address or network in quotes; give {right}") from None
        return found

    return Rule(right, check)


def part_of_a_day() -> Rule:
    """A part of the day."""
    right = 'hours of the day by Minsk\'s clock, such as "09:00-21:00"'

    def check(value: object) -> Hours:
        if isinstance(value, Hours):
            return value
        try:
            return Hours.read(_text(value, right))
        except Misfit:
            raise
        except ValueError:
            raise Misfit(f"{shown(value)} is no part of a day; give {right}") from None

    return Rule(right, check)


def time_of_day() -> Rule:
    """A time of the day, in seconds since midnight."""
    right = 'a time of the day by Minsk\'s clock, such as "09:00"'
    form = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

    def check(value: object) -> float:
        written = form.fullmatch(_text(value, right))
        if written is None:
            raise Misfit(f"{shown(value)} is no time of the day; give {right}")
        return int(written[1]) * 3600.0 + int(written[2]) * 60.0

    return Rule(right, check)


def times_ahead() -> Rule:
    """A list of times ahead of something, in seconds, the longest first."""
    right = 'a list of times ahead, such as ["1 day", "1 hour"]'

    def check(value: object) -> list[float]:
        if not isinstance(value, list) or not value:
            raise Misfit(f"{shown(value)} is no list of times; give {right}")
        found = set()
        for entry in value:
            try:
                found.add(read_ahead(_text(entry, right)))
            except Misfit:
                raise
            except ValueError:
                raise Misfit(f"{shown(entry)} in the list is no time ahead; give {right}") from None
        return sorted(found, reverse=True)

    return Rule(right, check)


_NEVER = "never"
# A hundred years, in seconds.
_LONGEST_PERIOD = 36525 * 86400.0


def period(least: float) -> Rule:
    """How long something is kept, in seconds, `least` and up; None: for ever.

    Written as `365 days`, as a number of seconds, or as `never`.
    """
    days = round(least / 86400.0)
    right = f'a time of {days} day{"s" if days > 1 else ""} or more, such as "365 days", or "{_NEVER}"'

    def check(value: object) -> float | None:
        seconds = 0.0
        if value == _NEVER:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = min(value, 2 * _LONGEST_PERIOD)
        elif isinstance(value, str):
            with suppress(ValueError):
                seconds = read_span(value)
        if not least <= seconds <= _LONGEST_PERIOD:
            raise Misfit(f"{shown(value)} is no time to keep something for; give {right}")
        return seconds

    return Rule(right, check)


_DOCUMENT_TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4}


def document_type() -> Rule:
    """A type of documents of the CRM, as its `entityTypeId`."""
    right = '"lead", "deal", "contact", "company", or the number of a smart process (128 or more)'

    def check(value: object) -> int:
        if isinstance(value, str) and value in _DOCUMENT_TYPES:
            return _DOCUMENT_TYPES[value]
        if isinstance(value, int) and not isinstance(value, bool) and 128 <= value < 2**31:
            return value
        raise Misfit(f"{shown(value)} is no type of documents; give {right}")

    return Rule(right, check)


def field_values() -> Rule:
    """Fields with the values that they have to have, as lists."""
    right = 'fields with their values, such as { SOURCE_ID = "WEB", UF_CRM_CITY = ["Минск", "Брест"] }'

    def check(value: object) -> dict[str, list[str]]:
        if not isinstance(value, dict):
            raise Misfit(f"{shown(value)} is not what it should be; give {right}")
        found: dict[str, list[str]] = {}
        for name, wanted in value.items():
            if _FIELD.fullmatch(name) is None:
                raise Misfit(f"{shown(name)} is no field's name; give {right}")
            listed = wanted if isinstance(wanted, list) else [wanted]
            if not listed or not all(isinstance(each, str) for each in listed):
                raise Misfit(f"the values of {name} are no texts in quotes; give {right}")
            found[name.upper()] = [each.strip() for each in listed]
        return found

    return Rule(right, check)


def recipient() -> Rule:
    """A number, as `+375XXXXXXXXX`, or the name of a field with one; it may be empty."""
    right = 'a number such as "+375291112233", a field such as "UF_CRM_PHONE", or "" for the contact\'s number'

    def check(value: object) -> str:
        if value == "":
            return ""
        value = _text(value, right)
        if _FIELD.fullmatch(value):
            return value
        read = read_number(value)
        if not isinstance(read, Msisdn):
            raise Misfit(f"{shown(value)} is neither a mobile number nor a field's name; give {right}")
        return read.number

    return Rule(right, check)


def template() -> Rule:
    """The text of an SMS, with fields to be filled in."""
    right = 'the text of the SMS, such as "#CONTACT_NAME|Здравствуйте#, ..."'

    def check(value: object) -> Template:
        if not isinstance(value, str) or not value.strip():
            raise Misfit(f"{shown(value)} is no text; give {right}")
        try:
            return Template.read(value)
        except TemplateFault as fault:
            raise Misfit(str(fault)) from None

    return Rule(right, check)


def secret(right: str, pattern: str = r".+", explained: str = "", *, empty: bool = False) -> Rule:
    """Text that is never shown, matching `pattern`, else `explained` says why not; `empty`: it may be empty."""
    form = re.compile(pattern)

    def check(value: object) -> SecretStr:
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if not isinstance(value, str):
            raise Misfit(f"not text in quotes; give {right}")
        value = value.strip()
        if not value and not empty:
            raise Misfit(f"empty; give {right}")
        if not value.isprintable():
            raise Misfit(f"holds a line break or another character that does not print; give {right}")
        if value and form.fullmatch(value) is None:
            raise Misfit(f"{explained}; give {right}")
        return SecretStr(value)

    return Rule(right, check)


def secret_in_url(right: str) -> Rule:
    """A secret that is the last part of a URL, so one of the characters that need no escaping there (RFC 3986)."""
    # One dot or two would be taken out of the URL by whoever calls it.
    unreserved = r"(?!\.\.?\Z)[A-Za-z0-9._~-]+"
    return secret(right, unreserved, "it is part of a URL, where only letters, digits and . _ ~ - may stand")


def secret_in_pdu(right: str) -> Rule:
    """A secret for a field of an SMPP PDU, which is ASCII."""
    return secret(right, r"[ -~]+", "SMPP allows only ASCII characters")


def web_address(right: str, slash: bool | None = None) -> Rule:
    """An absolute https address, plain http on loopback only; `slash` says whether it is kept with one at its end."""

    def check(value: object) -> str:
        parts = _split(_text(value, right), right)
        # What follows is not shown: a login or a key may have been pasted into the address.
        if "@" in parts.netloc:
            raise Misfit(f"holds a user name or a password; give {right}")
        if parts.query or parts.fragment or str(value)[-1] in "?#":
            raise Misfit(f'holds a part after "?" or "#"; give {right}')
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise Misfit("plain http is accepted for loopback addresses only; write https://")
        path = parts.path if slash is None else parts.path.rstrip("/") + "/" * slash
        return f"{parts.scheme}://{parts.netloc.lower()}{path}"

    return Rule(right, check)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine for sure: `localhost`, 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(right: str) -> Rule:
    """A host name or IP address, nothing else; in small letters."""

    def check(value: object) -> str:
        value = _text(value, right)
        if not _is_host(value):
            raise Misfit(f"{shown(value)} is not a host name; give {right}")
        return value.lower()

    return Rule(right, check)


def host_and_port(right: str) -> Rule:
    """A host name or IP address (version 6 in brackets), a port after it or not; in small letters."""

    def check(value: object) -> str:
        value = _text(value, right)
        if _is_host_and_port(value):
            return value.lower()
        try:
            meant = urlsplit(value if "://" in value else f"//{value}").netloc.rpartition("@")[2].lower()
        except ValueError:
            meant = ""
        if "/" in value and _is_host_and_port(meant):
            raise Misfit(f"a whole address, of which only the host is wanted; write {meant}")
        raise Misfit(f"not a host name; give {right}")

    return Rule(right, check)


def listening_endpoint() -> Rule:
    """A string for `twisted.internet.endpoints.serverFromString`; nothing is opened by checking it."""
    right = 'one such as "tcp:8080:interface=127.0.0.1" or "systemd:domain=INET:index=0"'

    def check(value: object) -> str:
        value = _text(value, right)
        wrong = Misfit(f"{shown(value)} is not a server endpoint of Twisted; give {right}")
        if not value.isprintable():
            raise wrong
        try:
            serverFromString(Clock(), value)
        except (IndexError, KeyError):
            # systemd hands its sockets to the daemon alone: anybody else's check finds none.
            if re.match(r"(?:[a-z0-9]+:)*systemd:", value) is None:
                raise wrong from None
        except OSError as error:
            raise Misfit(f"{shown(value)} cannot be used: {error.filename}: {error.strerror}") from None
        except (ValueError, TypeError):
            raise wrong from None
        except Exception:
            # The parser of an endpoint may raise anything, OpenSSL's own errors for one.
            raise Misfit(f"{shown(value)} cannot be used: its certificate or its key cannot be loaded") from None
        port = _PORT_TO_LISTEN_ON.match(value)
        if port and not 0 <= int(port[1][:9]) <= 65535:
            raise Misfit(f"{port[1][:9]} is not a port; give a whole number from 1 to 65535, or 0 for any free one")
        folder = _CERTIFICATES.match(value)
        # Twisted takes a missing folder for one without certificates, and every connection would fail.
        if folder and not os.path.isdir(re.sub(r"\\(.)", r"\1", folder[1])):
            raise Misfit(f"{shown(value)} cannot be used: there is no such folder of certificates")
        return value

    return Rule(right, check)


def sqlite_url() -> Rule:
    """`sqlite:///` and the path of a file; a relative one counts from the current directory."""
    right = '"sqlite:////" and the path of a file, such as "sqlite:////var/lib/a1gateway/a1gateway.sqlite3"'

    def check(value: object) -> str:
        value = _text(value, right)
        if not value.startswith("sqlite:"):
            # Not shown: addresses of other databases have passwords in them.
            raise Misfit(f"only sqlite in this version; give {right}")
        path = value.removeprefix("sqlite:///")
        if value in ("sqlite:", "sqlite:/", "sqlite://") or path in ("", ":memory:"):
            raise Misfit(f"a store in memory would not survive a restart; give {right}")
        if path == value or "?" in path or path.endswith("/") or not path.isprintable():
            raise Misfit(f"{shown(value)} names no file; give {right}")
        return value

    return Rule(right, check)


def _text(value: object, right: str) -> str:
    if not isinstance(value, str):
        raise Misfit(f"{shown(value)} is not text in quotes; give {right}")
    if not value.strip():
        raise Misfit(f"empty; give {right}")
    return value


def _split(value: str, right: str) -> SplitResult:
    wrong = Misfit(f"not an absolute web address; give {right}")
    # urlsplit would drop line breaks and tabs without a word.
    if re.fullmatch(r"[!-~]+", value) is None:
        raise wrong
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise wrong from None
    known = parts.scheme in ("http", "https") and _is_host(parts.hostname or "")
    if not known or port == 0 or parts.netloc.endswith(":"):
        raise wrong
    return parts


def _is_host(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return _HOST.fullmatch(value) is not None
    return True


def _is_host_and_port(value: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(value)
    # Brackets are what tells the colons of an IPv6 address from the one before a port.
    if match is None or not _is_host(match[1].strip("[]")) or (":" in match[1]) is not match[1].startswith("["):
        return False
    return match[2] is None or 1 <= int(match[2]) <= 65535

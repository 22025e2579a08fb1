"""What Bitrix24 says when it calls: the installation of the application, its events, a message to send."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..message import Arrival, Kind, Refusal
from ..msisdn import Msisdn, read_number
from ..text import segments
from ..web.forms import BadBody, inner_fields, text_field

# Bitrix24's own are 32 hexadecimal digits. Nothing that a batch could take for a command gets in.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
_LINE_BREAK = re.compile(r"<br\s*/?>\r?\n?", re.IGNORECASE)
# What PHP's htmlspecialchars makes, and nothing else: an author's own "&copy;" is not to be touched.
_SIGNS = {"amp": "&", "quot": '"', "lt": "<", "gt": ">", "#039": "'", "#39": "'"}
_ENTITY = re.compile("&(" + "|".join(_SIGNS) + ");")
_MARKETING = "sender"
_ORIGIN = ("module_id", "code", "bindings", "workflow_id", "document_id", "document_type")
_LONGEST_ORIGIN = 4000


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a call brings to show whose it is. Any of it may be missing, and none of it is believed as it stands."""

    access_token: str
    refresh_token: str
    application_token: str
    domain: str
    client_endpoint: str
    member_id: str
    scope: str
    user_id: str


@dataclass(frozen=True, slots=True, repr=False)
class ApplicationCall:
    """A call of the application itself: an event, or its pages opened in the portal's frame."""

    event: str
    """`ONAPPINSTALL` and so on; empty when it is the frame that calls."""
    language: str
    credentials: Credentials

    @property
    def framed(self) -> bool:
        """Whether a person sees the answer, in the portal's frame."""
        return not self.event


def read_application_call(fields: dict[str, Any]) -> ApplicationCall:
    """An installation's or an event's call, from either body that Bitrix24 makes; raises `BadBody`."""
    event = text_field(fields, "event").upper()
    if event:
        auth, data = inner_fields(fields, "auth"), inner_fields(fields, "data")
        return ApplicationCall(event, text_field(data, "LANGUAGE_ID").lower(), _credentials(auth))
    if not text_field(fields, "AUTH_ID"):
        raise BadBody("not_an_application_call", "there is neither an event nor AUTH_ID in the call")
    return ApplicationCall(
        "",
        text_field(fields, "LANG").lower(),
        Credentials(
            access_token=text_field(fields, "AUTH_ID"),
            refresh_token=text_field(fields, "REFRESH_ID"),
            application_token=text_field(fields, "APPLICATION_TOKEN") or text_field(fields, "application_token"),
            domain=text_field(fields, "DOMAIN").lower(),
            client_endpoint="",
            member_id=text_field(fields, "member_id") or text_field(fields, "MEMBER_ID"),
            scope=text_field(fields, "APPLICATION_SCOPE"),
            user_id="",
        ),
    )


def read_auth(fields: dict[str, Any]) -> Credentials | None:
    """What a message's call brings in `auth`; None when it brings nothing, as messages without an author do."""
    auth = inner_fields(fields, "auth")
    return _credentials(auth) if auth else None


def _credentials(auth: dict[str, Any]) -> Credentials:
    return Credentials(
        access_token=text_field(auth, "access_token"),
        refresh_token=text_field(auth, "refresh_token"),
        application_token=text_field(auth, "application_token"),
        domain=text_field(auth, "domain").lower(),
        client_endpoint=text_field(auth, "client_endpoint"),
        member_id=text_field(auth, "member_id"),
        scope=text_field(auth, "scope"),
        user_id=text_field(auth, "user_id"),
    )


@dataclass(frozen=True, slots=True)
class MarketingTerms:
    """What holds for marketing messages besides."""

    sender_id: str | None
    not_before: Callable[[float], float] = lambda now: now
    """When they may go out that come at a time, both in seconds since the epoch."""
    test_numbers: frozenset[str] = frozenset()
    """The only ones that they go to, `+375XXXXXXXXX`, if there are any."""


def read_message(
    fields: dict[str, Any],
    now: float,
    *,
    max_segments: int,
    sender_id: str | None,
    sender_code: str = "",
    marketing: MarketingTerms | None = None,
) -> Arrival:
    """The message that is handed over, with the door's verdict on it; raises `BadBody` without a `message_id`.

    `sender_code` is that of the sender for all other messages; `marketing` is None when such messages are not sent.
    """
    message_id = text_field(fields, "message_id").strip()
    if not message_id:
        raise BadBody("missing_message_id", "there is no message_id in the call")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise BadBody("bad_message_id", "message_id has to be up to 128 letters, digits and ._:@-")
    properties = inner_fields(fields, "properties")
    number = text_field(fields, "message_to") or text_field(properties, "phone_number")
    text = text_field(fields, "message_body") or text_field(properties, "message_text")
    module = text_field(fields, "module_id").strip().lower()
    if module == _MARKETING:
        text = unescaped(text)
    for_marketing = text_field(fields, "code").strip() == marketing_code(sender_code)
    kind = Kind.MARKETING if module == _MARKETING or for_marketing else Kind.TRANSACTIONAL
    read = read_number(number)
    needed = segments(text)
    refusal: str | None = None
    if not isinstance(read, Msisdn):
        refusal = str(read.fault)
    elif not text.strip():
        refusal = Refusal.EMPTY_TEXT
    elif needed > max_segments:
        refusal = Refusal.TOO_LONG
    elif kind is Kind.MARKETING and marketing is None:
        refusal = Refusal.MARKETING_DISABLED
    elif kind is Kind.MARKETING and marketing is not None and not _may_be_tried(read.number, marketing):
        refusal = Refusal.NOT_A_TEST_NUMBER
    return Arrival(
        message_id=message_id,
        received_at=now,
        number_received=number,
        text=text,
        kind=kind,
        msisdn=read.number if isinstance(read, Msisdn) else None,
        warning=read.warning if isinstance(read, Msisdn) else None,
        refusal=refusal,
        segments=needed,
        sender_id=sender_id if kind is Kind.TRANSACTIONAL or marketing is None else marketing.sender_id,
        origin=_origin(fields),
        not_before=marketing.not_before(now) if kind is Kind.MARKETING and marketing is not None else 0.0,
    )


def marketing_code(sender_code: str) -> str:
    """The code of the second sender, whose messages are marketing whoever sends them."""
    return f"{sender_code}_marketing"


def _may_be_tried(number: str, marketing: MarketingTerms) -> bool:
    return not marketing.test_numbers or number in marketing.test_numbers


def unescaped(text: str) -> str:
    """A mailing's text as its author wrote it: CRM Marketing hands it over escaped for HTML, once."""
    return _ENTITY.sub(lambda entity: _SIGNS[entity[1]], _LINE_BREAK.sub("\n", text))


def _origin(fields: dict[str, Any]) -> dict[str, Any]:
    origin = {name: fields[name] for name in _ORIGIN if fields.get(name)}
    return origin if len(repr(origin)) <= _LONGEST_ORIGIN else {}

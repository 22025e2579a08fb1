"""What Bitrix24 says when it calls: the installation of the application, its events, a message to send."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..admission import Admission
from ..automation.template import fields_left_in
from ..message import Arrival, Kind, Refusal
from ..web.forms import BadBody, inner_fields, text_field
from .contacts import bindings_of

# Bitrix24's own are 32 hexadecimal digits. Nothing that a batch could take for a command gets in.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._:@-]{1,128}")
_LINE_BREAK = re.compile(r"<br\s*/?>\r?\n?", re.IGNORECASE)
# What PHP's htmlspecialchars makes, and nothing else: an author's own "&copy;" is not to be touched.
_SIGNS = {"amp": "&", "quot": '"', "lt": "<", "gt": ">", "#039": "'", "#39": "'"}
_ENTITY = re.compile("&(" + "|".join(_SIGNS) + ");")
_MARKETING = "sender"
_FILLED_BY_BITRIX24 = ("bizproc", _MARKETING)
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


def read_message(fields: dict[str, Any], now: float, admission: Admission, sender_code: str = "") -> Arrival:
    """The message that is handed over, with the door's verdict on it; raises `BadBody` without a `message_id`.

    `sender_code` is that of the sender for all messages but marketing.
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
    origin = _origin(fields)
    left = fields_left_in(text)
    # What customers have typed stands in the texts of robots and mailings, and must not name fields.
    fillable = bool(left) and module not in _FILLED_BY_BITRIX24 and bool(bindings_of(origin))
    return admission.arrival(
        message_id,
        now,
        number,
        text,
        kind,
        origin=origin,
        refusal=Refusal.UNFILLED_FIELD if left and not fillable else None,
        note="" if fillable else left,
        unfilled=fillable,
    )


def marketing_code(sender_code: str) -> str:
    """The code of the second sender, whose messages are marketing whoever sends them."""
    return f"{sender_code}_marketing"


def unescaped(text: str) -> str:
    """A mailing's text as its author wrote it: CRM Marketing hands it over escaped for HTML, once."""
    return _ENTITY.sub(lambda entity: _SIGNS[entity[1]], _LINE_BREAK.sub("\n", text))


def _origin(fields: dict[str, Any]) -> dict[str, Any]:
    origin = {name: fields[name] for name in _ORIGIN if fields.get(name)}
    return origin if len(repr(origin)) <= _LONGEST_ORIGIN else {}

"""What Bitrix24 says when one of the gateway's automation rules runs."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from ..journal.runs import RunCall
from ..web.forms import BadBody, inner_fields, text_field
from .contacts import bound_to

# Nothing that a batch could take for a command gets in.
_TOKEN = re.compile(r"[A-Za-z0-9|._:@-]{1,255}")
_ORIGIN = ("code", "workflow_id", "document_id", "document_type", "use_subscription")
_LONGEST_PROPERTY = 20_000
_MOST_PROPERTIES = 50
_DEEPEST_PROPERTY = 4


def read_run(fields: dict[str, Any], now: float, codes: Collection[str]) -> RunCall:
    """The run of a rule with one of these codes; raises `BadBody` when it is of none, or has no `event_token`."""
    token = text_field(fields, "event_token").strip()
    if not token:
        raise BadBody("missing_event_token", "there is no event_token in the call")
    if not _TOKEN.fullmatch(token):
        raise BadBody("bad_event_token", "event_token has to be up to 255 letters, digits and |._:@-")
    code = text_field(fields, "code").strip()
    if code not in codes:
        raise BadBody("bad_code", f"code has to be one of {', '.join(sorted(codes))}")
    document = bound_to({"document_id": fields.get("document_id")})
    properties = inner_fields(fields, "properties")
    if len(properties) > _MOST_PROPERTIES:
        raise BadBody("too_many_properties", f"more than {_MOST_PROPERTIES} properties")
    origin = {name: fields[name] for name in _ORIGIN if fields.get(name)}
    return RunCall(
        token,
        now,
        code,
        None if document is None else document.entity_type,
        None if document is None else document.id,
        {name: _text(value)[:_LONGEST_PROPERTY] for name, value in properties.items()},
        origin if len(repr(origin)) <= 4000 else {},
    )


def _text(value: Any, depth: int = _DEEPEST_PROPERTY) -> str:
    """A property as text; of several values the first that is not empty."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return next((text for each in value if depth and (text := _text(each, depth - 1))), "")
    return text_field({"value": value}, "value")

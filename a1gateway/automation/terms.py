"""The SMS that automation sends: who gets it, from whom, and what it says, or why it cannot go out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..admission import Admission
from ..message import Arrival, Kind, Refusal, Teller, Window
from .documents import Document
from .template import Template, as_written

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an automation rule or a scenario sends."""

    text: Template | str
    """A template, or a text that is sent as it is."""
    kind: Kind = Kind.TRANSACTIONAL
    sender_id: str | None = None
    to: str = ""
    """A number, or the name of the document's field with one; empty: the contact's."""


def message_id(*about: object) -> str:
    """The identifier of a message of the gateway's own, the same whenever it is about the same."""
    return "auto-" + hashlib.sha256("\0".join(map(str, about)).encode()).hexdigest()[:32]


def of_generation(arrival: Arrival, generation: int) -> Arrival:
    """The message as one about a document of this generation's portal: others have others with the same numbers."""
    return replace(arrival, message_id=message_id(generation, arrival.message_id)) if generation else arrival


def compose(
    admission: Admission,
    id_: str,
    now: float,
    terms: Terms,
    document: Document | None,
    *,
    origin: Mapping[str, Any],
    teller: Teller,
    refusal: str | None = None,
    note: str = "",
    windows: tuple[Window, Window | None] | None = None,
    deliver_by: float | None = None,
) -> Arrival:
    """The message as it is taken in, with the verdict of the door, or the `refusal` that is known already.

    `windows` are when it may leave, `deliver_by` until when it is of use, both by the steady clock.
    """
    window, again = (None, None) if windows is None else windows
    text, number = (terms.text if isinstance(terms.text, str) else terms.text.text), terms.to
    if document is not None:
        number = _number(terms.to, document)
        if isinstance(terms.text, Template) and refusal is None:
            filled = terms.text.fill(document.value_of)
            if filled.text is None:
                refusal = Refusal.EMPTY_FIELD
                note = as_written(filled.empty)
            else:
                text = filled.text
    return admission.arrival(
        id_,
        now,
        number,
        text,
        terms.kind,
        origin=origin,
        sender_id=terms.sender_id,
        teller=teller,
        refusal=refusal,
        note=note,
        not_before=0.0 if window is None else window.opens_at,
        leave_by=None if window is None else window.closes_at,
        again=again,
        deliver_by=deliver_by,
    )


def _number(to: str, document: Document) -> str:
    """The number itself, the one in the document's field of this name, or the contact's."""
    if not to:
        return document.phone
    value = document.value(to) if _FIELD.fullmatch(to) else ""
    return value if value or document.has_field(to) else to

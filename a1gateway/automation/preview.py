"""What a template comes to for a document, as a scenario would send it; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..bitrix24.item import Item, name_of
from ..errors import GatewayError
from .checks import missing_field
from .documents import Document, DocumentReader
from .template import Placeholder, Template
from .values import event_values


class NoSuchDocument(GatewayError):
    """The portal has no document of that type with that number."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A template with a document's values."""

    text: str | None
    """What would be sent; None when nothing would."""
    shown: str
    """The same for people, with the placeholders that nothing stands for as they are written."""
    values: Mapping[Placeholder, str]
    """What stands for each placeholder; empty: its fallback, if it has one."""
    unknown: Mapping[Placeholder, str]
    """The placeholders whose field does not exist, and what is wrong with each, for the operator.

    One that has a fallback stops no SMS: the fallback stands there for everybody.
    """
    empty: tuple[Placeholder, ...]
    """Those that stop the SMS because they are empty and have no fallback."""


async def document_of(reader: DocumentReader, item: Item, placeholders: Iterable[Placeholder]) -> Document:
    """A document with whatever these placeholders need.

    Raises `NoSuchDocument`, `PortalError` when the portal does not show it, `PortalTrouble`.
    """
    needed = tuple(placeholders)
    reading = await reader.read([item], {item: needed})
    trouble = reading.trouble(item, needed)
    if trouble is not None:
        raise trouble
    document = reading.documents.get(item)
    if document is None:
        raise NoSuchDocument(f"the portal has no document {name_of(item)}")
    return document


def preview(document: Document, template: Template, at: float) -> Preview:
    """The template for a document; `at` is the moment that a reminder is about, in seconds since the epoch."""
    placeholders = template.placeholders
    found = ((each, missing_field(each, document.item.entity_type, document.described)) for each in placeholders)
    unknown = {each: fault for each, fault in found if fault is not None}
    values = template.values(replace(document, event=event_values(at)).value_of)
    filled = template.fill(values.__getitem__)
    empty = tuple(each for each in filled.empty if each not in unknown)
    return Preview(filled.text, template.with_values(values), values, unknown, empty)

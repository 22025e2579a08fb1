"""What a page is asked for and what it answers: the seam between the routes and the pages themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.web.iweb import IRequest

from ..bitrix24.item import Item
from ..web.forms import text_field
from ..words.words import Words
from .sessions import Session, Visitor


class CannotAnswer(Exception):
    """What is asked for cannot be had; answered with 400. Its text is for the visitor, in the visitor's language."""


class NotForVisitor(Exception):
    """The portal says that the visitor may not see what was asked for; answered with 403, and a word of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a page, of a visitor who has been let in."""

    session: Session
    words: Words
    fields: Mapping[str, Any]
    """What the form brings."""
    now: float
    """In seconds since the epoch."""

    @property
    def visitor(self) -> Visitor:
        """Who asks."""
        return self.session.visitor

    def text(self, name: str) -> str:
        """A field of the form, without space around it; empty when it is missing."""
        return text_field(self.fields, name).strip()

    def number(self, name: str) -> int:
        """A field of the form as a whole number; 0 when it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0

    @property
    def item(self) -> Item | None:
        """The item of the CRM in whose card the page is shown; None outside of cards."""
        entity_type, id_ = self.number("entity_type"), self.number("item")
        return Item(entity_type, id_) if entity_type and id_ else None

    @property
    def in_card(self) -> Mapping[str, str]:
        """The fields that say so, for whatever the page asks next; empty outside of cards."""
        item = self.item
        return {} if item is None else {"entity_type": str(item.entity_type), "item": str(item.id)}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a page, made of a template."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    code: int = 200
    """The HTTP status."""
    events: Sequence[str] = ()
    """What the page is told to do besides, as names of events (htmx's HX-Trigger)."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The page is as it was: nothing to show."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to keep."""

    name: str
    """In ASCII."""
    kind: str
    """Its media type."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A file that is written as it comes: `write` gets the request, with its headers, and leaves it unfinished."""

    name: str
    """In ASCII."""
    kind: str
    write: Callable[[IRequest], Awaitable[None]]


Answer = Fragment | Unchanged | File | Stream
View = Callable[[Asked], Awaitable[Answer]]


def mark_of(changing: object) -> str:
    """Another one as soon as anything is different."""
    return hashlib.sha256(repr(changing).encode("utf-8", "replace")).hexdigest()[:16]


def once_different(asked: Asked, mark: str, template: str, values: Mapping[str, Any]) -> Answer:
    """The piece, unless the page has it as it is: its form brings the mark that it was given."""
    return Unchanged() if asked.text("mark") == mark else Fragment(template, values)


@dataclass(frozen=True, slots=True)
class Page:
    """Something that can be asked for under `/bitrix24/pages/<name>`."""

    name: str
    view: View
    for_admins: bool = False
    """Whether administrators of the portal alone may ask for it: settings, and whatever changes something."""

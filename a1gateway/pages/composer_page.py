"""Writing a text: what it comes to as an SMS, what would make it shorter, what it costs, its fields filled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitedTooLong
from twisted.internet.interfaces import IReactorTime

from ..admission import Admission
from ..automation.documents import Document, DocumentReader
from ..automation.preview import NoSuchDocument, document_of, preview
from ..automation.template import Template, TemplateFault
from ..bitrix24.item import Item, item_named
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..composition import composed
from ..msisdn import Msisdn, read_number
from ..plain_letters import in_latin_letters, with_plain_signs
from ..text import fewer_characters
from ..web.forms import text_field
from .journal_pages import IUsersPortal
from .kept import Kept
from .resending import IPrices, price
from .trial import IUsersPhone, own_number
from .views import Answer, Asked, CannotAnswer, Fragment, Page

LONGEST = 5000
"""Characters; no SMS has so many."""
# How long a document is what it was when it was read, in seconds; and how many are kept.
_READ_FOR = 60.0
_MOST_READ = 50
# How long A1 may take for a price, in seconds: behind a campaign it would be long.
_PATIENCE = 6.0
_MOST_SIGNS = 40
# Bitrix24's own addresses of cards.
_LINK = re.compile(r"/crm/(?:(lead|deal|contact|company)|type/(\d{1,9}))/details/(\d{1,18})(?!\d)", re.ASCII)
_ID = re.compile(r"(?:№|#|N)?\s*(\d{1,18})", re.ASCII)


class IUsers(IUsersPortal, IUsersPhone, Protocol):
    """The portal as one of its users sees it, and the user's number."""


class _NoDocument(Exception):
    """There is nothing to fill the fields from; its text is the key of the words for it."""


@dataclass(frozen=True, slots=True)
class Shorter:
    """The text written otherwise."""

    text: str
    segments: int


class ComposerPages:
    """`composer`, and what is under it: `composer-look` for every change of the text, `composer-price`."""

    def __init__(
        self,
        clock: IReactorTime,
        documents: DocumentReader,
        users: IUsers,
        admission: Admission,
        prices: IPrices | None,
    ) -> None:
        """`documents` reads as the application may; `prices` is None where A1 tells none (SMPP)."""
        self._clock = clock
        self._documents = documents
        self._users = users
        self._admission = admission
        self._prices = prices
        self._read: Kept[tuple[str, Item, frozenset[tuple[str, str]]], Document] = Kept(_READ_FOR, _MOST_READ)

    def pages(self) -> list[Page]:
        """All of them."""
        return [
            Page("composer", self.composer, for_admins=True),
            Page("composer-look", self.look, for_admins=True),
            Page("composer-price", self.price, for_admins=True),
        ]

    async def composer(self, asked: Asked) -> Answer:
        """The whole page, with what was typed before."""
        number = asked.text("number") or await own_number(self._clock, self._users, asked)
        fields = {"text": _text(asked), "document": asked.text("document"), "number": number}
        return Fragment("composer.html", {"fields": fields, "longest": LONGEST, **await self._look(asked, number)})

    async def look(self, asked: Asked) -> Answer:
        """What the text comes to."""
        return Fragment("composer_look.html", await self._look(asked, asked.text("number")))

    async def price(self, asked: Asked) -> Answer:
        """What A1 says that it costs."""
        read = read_number(asked.text("to"))
        text = text_field(asked.fields, "priced")
        if not isinstance(read, Msisdn) or not text.strip():
            raise CannotAnswer(asked.words("composer.no_number"))
        amount: Decimal | None = None
        asking = Deferred.fromCoroutine(price(self._prices, text, read.number, self._admission.sender_id))
        try:
            amount, no_price = await asking.addTimeout(_PATIENCE, self._clock)
        except WaitedTooLong:
            no_price = asked.words("composer.a1_is_busy")
        return Fragment("composer_price.html", {"amount": amount, "no_price": no_price})

    async def _look(self, asked: Asked, number: str) -> dict[str, object]:
        text = _text(asked)
        template, fault = _read_template(text)
        document, no_document = None, ""
        try:
            document = await self._document(asked, template)
        except _NoDocument as why:
            no_document = str(why)
        filled = None if document is None or template is None else preview(document, template, asked.now)
        shown = composed(text if filled is None else filled.shown)
        return {
            "shown": shown,
            "signs": shown.signs[:_MOST_SIGNS],
            "letters": sum(each.times for each in shown.letters),
            "fewer": fewer_characters(shown.text),
            "plain": _shorter(with_plain_signs(text), text, document, asked.now),
            "latin": _shorter(in_latin_letters(text), text, document, asked.now) if shown.letters else None,
            "most": self._admission.max_segments,
            "template": template,
            "fault": fault,
            "document": document,
            "no_document": no_document,
            "filled": filled,
            "priced": self._prices is not None,
            "recipient": _recipient(number or ("" if document is None else document.phone)),
        }

    async def _document(self, asked: Asked, template: Template | None) -> Document | None:
        """The document that is named, as far as the visitor may see it; None when none is."""
        named = asked.text("document")
        if not named:
            return None
        item = item_of(named)
        if item is None:
            raise _NoDocument("composer.bad_document")
        placeholders = () if template is None else template.placeholders
        needed = frozenset((str(each.prefix), each.field) for each in placeholders)
        key = (asked.session.access_token, item, needed)
        document = self._read.find(key, asked.now)
        if document is None:
            document = await self._read_anew(asked, item, template)
            self._read.keep(key, document, asked.now)
        return document

    async def _read_anew(self, asked: Asked, item: Item, template: Template | None) -> Document:
        try:
            # What the application may read is not for everybody.
            await self._users.read(asked.session.access_token, item)
            return await document_of(self._documents, item, () if template is None else template.placeholders)
        except NoSuchDocument:
            raise _NoDocument("composer.none") from None
        except PortalError as error:
            raise _NoDocument("composer.none" if error.says_there_is_none else "composer.hidden") from None
        except PortalTrouble:
            raise _NoDocument("composer.away") from None


def item_of(named: str) -> Item | None:
    """The item that people mean by a number (of a deal), a link to a card, or `lead:5`; None when none is meant."""
    link = _LINK.search(named)
    alone = _ID.fullmatch(named.strip())
    if link is not None:
        named = f"{link[1] or link[2]}:{link[3]}"
    elif alone is not None:
        named = f"deal:{alone[1]}"
    try:
        return item_named(named)
    except ValueError:
        return None


def _text(asked: Asked) -> str:
    """As it would be sent: with the spaces at its ends, and one character for a line break."""
    return text_field(asked.fields, "text").replace("\r\n", "\n")[:LONGEST]


def _read_template(text: str) -> tuple[Template | None, TemplateFault | None]:
    try:
        return Template.read(text), None
    except TemplateFault as fault:
        return None, fault


def _shorter(text: str, before: str, document: Document | None, now: float) -> Shorter | None:
    """The text written otherwise, with what it would come to; None when it stays as it is."""
    if text == before:
        return None
    template, _ = _read_template(text)
    filled = text if document is None or template is None else preview(document, template, now).shown
    return Shorter(text, composed(filled).segments)


def _recipient(number: str) -> Msisdn | str | None:
    """The number that the price is asked for; the fault of one that is none, None when there is none."""
    if not number:
        return None
    read = read_number(number)
    return read if isinstance(read, Msisdn) else str(read.fault)

"""The letter that applies for a Sender ID: what it will say, and the files to print."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from ..journal import sender_ids
from ..journal.reader import IReader
from ..journal.spool import OffThread
from ..sender_id.conflicts import LikelyConflict, conflicts_of
from ..sender_id.letter import (
    ADDRESSEE,
    ATTACHMENTS,
    PARTICULARS,
    SIGNATURE,
    SUBJECT,
    Attachment,
    Letter,
    usual_attachments,
)
from ..sender_id.letter_docx import as_docx
from ..sender_id.letter_pdf import as_pdf, missing_from_pdf
from ..sender_id.particulars import Particulars
from ..web.forms import inner_fields
from .views import Answer, Asked, CannotAnswer, File, Page

KINDS = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
"""The files that there are, by the end of their names, with their media types."""
FIXED = {
    "addressee": ADDRESSEE,
    "subject": SUBJECT,
    "particulars": PARTICULARS,
    "attachments": ATTACHMENTS,
    "signature": SIGNATURE,
}
"""What every letter says, for the template that shows one."""
_NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter as people look at it before they print it."""

    letter: Letter
    conflicts: list[LikelyConflict]
    missing: str
    """Characters that the PDF cannot show; the DOCX has them."""


def draft(name: str, purpose: str, particulars: Particulars) -> Draft:
    """The letter with the papers that are usually wanted. Blocks: it looks into the PDF's font."""
    conflicts = conflicts_of(name, particulars.company)
    letter = Letter(name, purpose, particulars, usual_attachments(each.conflict for each in conflicts))
    return Draft(letter, conflicts, missing_from_pdf(letter))


class SenderIdLetters:
    """`sender_id-letter`."""

    def __init__(self, reader: IReader, off_thread: OffThread) -> None:
        """`off_thread` does what blocks away from the reactor."""
        self._reader = reader
        self._off_thread = off_thread

    def pages(self) -> list[Page]:
        """All of them."""
        return [Page("sender_id-letter", self.letter, for_admins=True)]

    async def letter(self, asked: Asked) -> Answer:
        """An application's letter as a file, with the papers that are ticked."""
        found = await self._reader.read(sender_ids.application, asked.number("application"))
        ending = asked.text("file")
        if found is None or ending not in KINDS:
            raise CannotAnswer(asked.words("sender_id.none"))
        letter = Letter(found.name, found.purpose, found.particulars, _ticked(asked))
        write: dict[str, Callable[[Letter], bytes]] = {
            "docx": partial(as_docx, made_at=datetime.fromtimestamp(asked.now, UTC)),
            "pdf": as_pdf,
        }
        content = await self._off_thread(write[ending], letter)
        return File(f"Sender-ID-{_NOT_IN_A_FILE_NAME.sub('-', found.name)}.{ending}", KINDS[ending], content)


def _ticked(asked: Asked) -> Collection[Attachment]:
    given = inner_fields(asked.fields, "attach")
    return tuple(each for each in Attachment if given.get(str(each)))

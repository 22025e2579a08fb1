"""The journal as a file: all that the journal's filters find, in a spreadsheet's form."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from ..export.order import Form
from ..journal.search import Search
from . import filters
from .views import Answer, Asked, CannotAnswer, Page, Stream


class IExports(Protocol):
    """Whoever writes files of messages."""

    def send(self, request: Any, search: Search, form: Form, language: str) -> Deferred[None]:
        """Answer `request` with what `search` finds; raises `TryLater`, or fails with it, with nothing written."""


class ExportPage:
    """`export`, for administrators: the file holds the numbers of all customers."""

    def __init__(self, exports: IExports) -> None:
        self._exports = exports

    def pages(self) -> list[Page]:
        """The one."""
        return [Page("export", self.export, for_admins=True)]

    async def export(self, asked: Asked) -> Answer:
        """The file, in the form that the button names."""
        chosen = filters.read(asked)
        try:
            form = Form(asked.text("form"))
        except ValueError:
            form = Form.CSV
        if chosen.faults:
            raise CannotAnswer(asked.words("journal.not_understood"))

        async def write(request: IRequest) -> None:
            await self._exports.send(request, chosen.search, form, asked.words.language)

        return Stream(f"messages.{form}", "application/octet-stream", write)

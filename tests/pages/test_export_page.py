"""The journal as a file, from its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from a1gateway.errors import TryLater
from a1gateway.export.exports import TooManyExports
from a1gateway.export.order import Form
from a1gateway.journal import Journal, Store
from a1gateway.journal.search import Search
from a1gateway.message import Kind, Status
from a1gateway.pages.export_page import ExportPage

from .world import ADMIN, MANAGER, World


class Exports:
    """Writes a line, or says that it cannot."""

    def __init__(self) -> None:
        self.asked: list[tuple[Search, Form, str]] = []
        self.trouble: TryLater | None = None

    def send(self, request: Any, search: Search, form: Form, language: str) -> Deferred[None]:
        self.asked.append((search, form, language))
        if self.trouble is not None:
            return fail(self.trouble)
        request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
        request.write(b"one;two\r\n")
        return succeed(None)


@pytest.fixture
def exports() -> Exports:
    return Exports()


@pytest.fixture
def world(clock: Clock, journal: Journal, store: Store, tmp_path: Path, exports: Exports) -> World:
    return World(clock, journal, store, tmp_path, more=ExportPage(exports).pages())


def test_the_file_holds_what_the_filters_find_in_the_visitors_language(world: World, exports: Exports) -> None:
    session = world.enter(LANG="be").session
    fields = {"status": "failed", "kind": "marketing", "number": "29 111-22-33", "form": "xlsx"}
    # As a form brings it, which has no headers of its own.
    reply = world.post("/bitrix24/pages/export", {**fields, "session": session})
    assert (reply.code, reply.content) == (200, b"one;two\r\n")
    assert reply.headers["Content-Disposition"].startswith("attachment")
    ((search, form, language),) = exports.asked
    assert search == Search(
        statuses=frozenset({Status.EXPIRED, Status.UNDELIVERABLE, Status.REJECTED}),
        kind=Kind.MARKETING,
        msisdn="+375291112233",
    )
    assert (form, language) == (Form.XLSX, "be")


def test_only_administrators_are_offered_it_and_get_it(world: World, exports: Exports) -> None:
    assert "pages/export" in world.open(ADMIN).text
    assert "pages/export" not in world.open(MANAGER).text
    assert world.enter(MANAGER).page("export").code == 403
    assert world.post("/bitrix24/pages/export", {}).code == 401
    assert exports.asked == []


def test_when_it_cannot_be_had_a_page_says_so(world: World, exports: Exports) -> None:
    exports.trouble = TooManyExports("as many exports are under way as the server bears")
    reply = world.enter().page("export", form="csv")
    assert reply.code == 503
    assert "Content-Disposition" not in reply.headers
    assert "через несколько минут" in reply.text


def test_filters_that_cannot_be_understood_export_nothing(world: World, exports: Exports) -> None:
    assert world.enter().page("export", number="12").code == 400
    assert exports.asked == []

"""A message whose text and number were removed: what people see of it, in their language."""

from __future__ import annotations

import html

import pytest

from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Store, masking
from a1gateway.message import Kind, Source, Status, StatusReport
from a1gateway.words.words import LANGUAGES, Words

from ..conftest import START, agree, arrival, run
from ..test_statistics import count_all
from .world import ADMIN, World


def masked(world: World, store: Store, **more: object) -> None:
    """The message `m1`, delivered long ago."""
    run(world.journal.accept(arrival("m1", **more)))
    agree(world.journal)
    for each in run(world.journal.claim(START + 1, 1)).submissions:
        run(world.journal.record([(each, Accepted("7001"), START + 60)], START + 1))
    run(world.journal.settle([StatusReport("7001", "D", Status.DELIVERED, Source.CALLBACK, START + 5)]))
    updates, _ = run(world.journal.untold(START + 1e6, 10))
    run(world.journal.confirm(updates, START + 6))
    count_all(world.journal, store.path)
    assert run(world.journal.within(masking.mask, [1], START + 86400)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_page_says_that_the_text_is_gone_and_shows_the_rest(world: World, store: Store, language: str) -> None:
    masked(world, store, kind=Kind.MARKETING)
    words = Words(language)
    visit = world.enter(ADMIN, LANG={"be": "by"}.get(language, language))
    page = html.unescape(visit.page("message", id="m1").text)
    assert words("message.masked", at=words.day(START + 86400)) in page
    assert words("consent.masked") in page
    assert "+375291******" in page
    assert words("status.delivered") in page
    assert "Заказ готов" not in page
    assert 'id="resend"' not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_so_does_its_row(world: World, store: Store, language: str) -> None:
    masked(world, store)
    rows = html.unescape(world.enter(ADMIN, LANG={"be": "by"}.get(language, language)).page("journal").text)
    assert Words(language)("journal.masked") in rows


def test_it_cannot_be_sent_again(world: World, store: Store) -> None:
    masked(world, store)
    visit = world.enter(ADMIN, LANG="en")
    assert Words("en")("resend.masked") in html.unescape(visit.page("resend-ask", id="m1").text)
    visit.page("resend", id="m1", once="0123456789abcdef0123456789abcdef")
    assert run(world.journal.claim(START + 1e6, 10)).submissions == []

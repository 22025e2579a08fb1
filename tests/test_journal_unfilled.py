"""Messages whose texts have fields left in them: until these are put in, nothing happens to them but their end."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import execute

from a1gateway.journal import Journal, Spool, unfilled
from a1gateway.message import Arrival, Choice, ChoiceSource, Kind

from .conftest import START, arrival, run


def take(journal: Journal, name: str = "m1", kind: Kind = Kind.TRANSACTIONAL, not_before: float = 0.0) -> int:
    run(journal.accept(arrival(name, kind=kind, text="#DEAL_TITLE#", unfilled=True, not_before=not_before)))
    found, _ = run(journal.within(unfilled.due, START, 10))
    return next(each.id for each in found if each.message_id == name)


def test_it_goes_on_with_its_text_and_once(journal: Journal) -> None:
    row = take(journal)
    assert run(journal.claim(START, 10)).submissions == []
    assert run(journal.within(unfilled.fill, row, "Шкаф", 1, START + 5))
    (submission,) = run(journal.claim(START + 5, 10)).submissions
    assert submission.text == "Шкаф"
    assert not run(journal.within(unfilled.fill, row, "Стол", 1, START + 6))
    assert run(journal.within(unfilled.refuse, row, "empty_field", "", START + 6)) is None
    run(journal.within(unfilled.put_off, row, START + 7))
    assert run(journal.within(unfilled.due, START + 100, 10)) == ([], None)


def test_marketing_waits_for_its_hours_once_it_is_filled(journal: Journal) -> None:
    row = take(journal, kind=Kind.MARKETING, not_before=START + 3600)
    assert run(journal.unasked(START + 3600, 10)) == ([], None)
    run(journal.within(unfilled.fill, row, "Скидки", 1, START + 5))
    assert run(journal.unasked(START + 5, 10)) == ([], START + 3600)


def test_what_is_put_off_is_due_then(journal: Journal) -> None:
    row = take(journal)
    run(journal.within(unfilled.put_off, row, START + 30))
    assert run(journal.within(unfilled.due, START + 29, 10)) == ([], START + 30)
    assert [each.id for each in run(journal.within(unfilled.due, START + 30, 10))[0]] == [row]


def test_who_opts_out_meanwhile_gets_nothing(journal: Journal) -> None:
    take(journal, kind=Kind.MARKETING)
    take(journal, "m2")
    number = arrival().msisdn
    assert number is not None
    (change,) = run(journal.choose(number, Choice.OUT, ChoiceSource.OPERATOR, "", START))
    assert (change.message_id, change.reason) == ("m1", "stop_list")


def test_without_marketing_none_is_left_waiting(journal: Journal) -> None:
    take(journal, kind=Kind.MARKETING)
    (change,) = run(journal.refuse_marketing(START))
    assert (change.message_id, change.reason) == ("m1", "marketing_disabled")


def test_a_clock_that_was_set_back_keeps_none_waiting(journal: Journal) -> None:
    row = take(journal)
    run(journal.within(unfilled.put_off, row, START + 30))
    run(journal.catch_up(START - 3600, ask_within=60.0, poll_within=60.0))
    assert [each.id for each in run(journal.within(unfilled.due, START - 3600, 10))[0]] == [row]


@pytest.mark.parametrize("is_unfilled", [True, False])
def test_the_spool_keeps_it_as_it_is(tmp_path: Path, is_unfilled: bool) -> None:
    spool = Spool(str(tmp_path / "spool"), execute)
    spool.prepare()
    given = arrival("m1", text="#DEAL_TITLE#", unfilled=is_unfilled)
    run(spool.keep_message(given))
    ((_, kept),) = run(spool.entries())
    assert isinstance(kept, Arrival)
    assert kept == given

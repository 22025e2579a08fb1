"""What has waited in the journal for too long, and when A1 was last heard from."""

from __future__ import annotations

from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, Store, heard, overdue
from a1gateway.journal.heard import Heard
from a1gateway.journal.overdue import Overdue
from a1gateway.journal.reader import reading
from a1gateway.message import Kind, Source, Status, StatusReport

from .conftest import START, arrival, run


def late(store: Store, now: float) -> list[Overdue]:
    with reading(store.path) as connection:
        return overdue.overdue(connection, now)


def sources(store: Store) -> dict[Source, Heard]:
    with reading(store.path) as connection:
        return heard.heard(connection)


def send(journal: Journal, message_id: str, a1_id: str) -> None:
    run(journal.accept(arrival(message_id)))
    for each in run(journal.claim(START + 1, 10)).submissions:
        run(journal.record([(each, Accepted(a1_id), START + 60)], START + 1))


def report(a1_id: str, source: Source, at: float, status: Status | None = Status.DELIVERED) -> StatusReport:
    return StatusReport(a1_id, "WORD", status, source, at)


def test_nothing_waits_in_an_empty_journal(journal: Journal, store: Store) -> None:
    assert late(store, START + 1e6) == []
    assert sources(store) == {}


def test_what_nobody_takes_for_minutes_waits_too_long(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival("m1")))
    run(journal.accept(arrival("m2", received_at=START + 10)))
    assert late(store, START + 299) == []
    assert late(store, START + 300) == [Overdue("submit", 1, START)]
    assert late(store, START + 400) == [Overdue("submit", 2, START)]


def test_what_is_to_wait_does_not_wait_too_long(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival("m1", not_before=START + 7200)))
    run(journal.accept(arrival("m2", kind=Kind.MARKETING)))
    send(journal, "m3", "7003")
    assert late(store, START + 7000) == []


def test_a_status_that_bitrix24_is_not_told_waits(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival("m1", refusal="foreign", msisdn=None)))
    assert late(store, START + 300) == [Overdue("portal", 1, START)]


def test_each_queue_is_named_once_in_the_order_of_a_messages_way(journal: Journal, store: Store) -> None:
    run(journal.accept(arrival("m1", refusal="foreign", msisdn=None)))
    run(journal.accept(arrival("m2", unfilled=True)))
    run(journal.accept(arrival("m3")))
    assert [each.queue for each in late(store, START + 300)] == ["fields", "submit", "portal"]
    assert set(overdue.QUEUES) >= {each.queue for each in late(store, START + 300)}


def test_so_many_that_nobody_counts_them(journal: Journal, store: Store) -> None:
    for number in range(overdue.MOST_COUNTED + 5):
        run(journal.accept(arrival(f"m{number}", received_at=START + number / 1000)))
    assert late(store, START + 400) == [Overdue("submit", overdue.MOST_COUNTED, START)]


def test_a1_is_heard_by_source_and_by_whether_it_said_something_new(journal: Journal, store: Store) -> None:
    send(journal, "m1", "7001")
    send(journal, "m2", "7002")
    run(journal.settle([report("7001", Source.POLL, START + 5)]))
    run(journal.settle([report("7002", Source.CALLBACK, START + 6, None)]))
    found = sources(store)
    assert found[Source.POLL] == Heard(START + 5, START + 5)
    assert found[Source.CALLBACK] == Heard(START + 6, None)


def test_a_status_of_an_unknown_message_is_heard_as_well(journal: Journal, store: Store) -> None:
    run(journal.settle([report("nobody's", Source.CALLBACK, START + 5)]))
    assert sources(store) == {Source.CALLBACK: Heard(START + 5, None)}

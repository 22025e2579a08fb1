"""What A1 delivers over the link: on disk, and then answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from a1gateway.carriers.smpp.deliveries import Receipt, read_delivery
from a1gateway.carriers.smpp.inbox import Inbox
from a1gateway.carriers.smpp.pdu import CommandStatus, Pdu, decode, encode
from a1gateway.errors import JournalUnavailable, NothingCanHold
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import IncomingMessage, Received, Source, Status, StatusReport
from a1gateway.metrics import Metrics

from .conftest import START, run

RECEIPT = b"id:0077 sub:001 dlvrd:001 submit date:2511230915 done date:2511230916 stat:DELIVRD err:000 text:Hello"


class Delivering:
    """An inbox on a real journal, and the statuses that it has handed on."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self.store = store
        self.journal = Journal(InlineLane(store), in_parts=True)
        self.metrics = Metrics()
        self.reports: list[StatusReport] = []
        self.take_status: Callable[[StatusReport], Awaitable[None]] = self.keep
        self.inbox = Inbox(clock, self.journal, self.metrics, take_status=lambda report: self.take_status(report))

    async def keep(self, report: StatusReport) -> None:
        self.reports.append(report)

    def deliver(
        self,
        short_message: bytes = b"",
        *,
        command: str = "deliver_sm",
        tlvs: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Deferred[CommandStatus]:
        """What came over the wire like this."""
        values: dict[str, Any] = {"source_addr": "375291112233", "destination_addr": "MyShop"} | fields
        if command == "deliver_sm":
            values["short_message"] = short_message
        pdu = decode(encode(command, sequence=1, tlvs=tlvs, **values))
        return Deferred.fromCoroutine(self.inbox.take(pdu))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.store.path)) as connection:
            return connection.execute(query).fetchall()

    def receipt(self, short_message: bytes = RECEIPT, **more: Any) -> StatusReport:
        assert run(self.deliver(short_message, esm_class=0x04, **more)) == CommandStatus.OK
        return self.reports.pop()


@pytest.fixture
def delivering(clock: Clock, store: Store) -> Delivering:
    return Delivering(clock, store)


def test_a_receipt_becomes_a_status_with_all_that_may_find_its_message(delivering: Delivering) -> None:
    report = delivering.receipt(tlvs={"user_message_reference": 301})
    assert report == StatusReport(
        "0077",
        "DELIVRD",
        Status.DELIVERED,
        Source.RECEIPT,
        START,
        number="375291112233",
        reference=301,
    )


def test_an_error_code_is_kept_unless_it_says_nothing(delivering: Delivering) -> None:
    assert delivering.receipt(b"id:77 stat:UNDELIV err:02B").note == "err:02B"
    assert delivering.receipt(b"id:77 stat:UNDELIV err:000").note == ""
    assert delivering.receipt(b"id:77 stat:UNDELIV").note == ""


def test_a_receipt_without_an_identifier_may_still_be_found_by_its_reference(delivering: Delivering) -> None:
    report = delivering.receipt(b"", tlvs={"message_state": 2, "user_message_reference": 5})
    assert (report.identifier, report.reference, report.status) == ("", 5, Status.DELIVERED)


def test_an_intermediate_notification_ends_nothing(delivering: Delivering) -> None:
    assert run(delivering.deliver(b"id:77 stat:DELIVRD", esm_class=0x20)) == CommandStatus.OK
    assert delivering.reports[0].status is Status.SENT


def test_a_receipt_in_a_data_sm_is_one(delivering: Delivering) -> None:
    tlvs = {"receipted_message_id": "77", "message_state": 5}
    assert run(delivering.deliver(command="data_sm", esm_class=0x04, tlvs=tlvs)) == CommandStatus.OK
    assert (delivering.reports[0].identifier, delivering.reports[0].status) == ("77", Status.UNDELIVERABLE)


def test_a_receipt_is_answered_when_it_is_on_disk(delivering: Delivering) -> None:
    written: Deferred[None] = Deferred()
    delivering.take_status = lambda report: written
    answered = delivering.deliver(RECEIPT, esm_class=0x04)
    assert not answered.called
    written.callback(None)
    assert run(answered) == CommandStatus.OK


def test_a_receipt_that_nothing_can_hold_has_to_come_again(delivering: Delivering) -> None:
    async def full(report: StatusReport) -> None:
        raise NothingCanHold("the disk is full")

    delivering.take_status = full
    with pytest.raises(NothingCanHold):
        run(delivering.deliver(RECEIPT, esm_class=0x04))


def kept(delivering: Delivering) -> list[tuple[str, str, str]]:
    """The subscribers' messages in the journal: source, destination, text."""
    return delivering.rows("SELECT source, destination, text FROM incoming ORDER BY id")


def test_a_subscriber_s_message_is_kept_counted_and_answered(delivering: Delivering) -> None:
    with capturedLogs() as events:
        assert run(delivering.deliver("Да".encode("utf-16-be"), data_coding=8)) == CommandStatus.OK
    assert kept(delivering) == [("375291112233", "MyShop", "Да")]
    assert delivering.metrics.incoming._value.get() == 1
    assert delivering.reports == []
    logged = " ".join(str(value) for event in events for value in event.values())
    assert "+37529*****33" in logged
    assert "Да" not in logged
    assert "1112233" not in logged


def part(number: int) -> bytes:
    return bytes((5, 0, 3, 9, 2, number)) + b"part %d " % number


def test_a_message_in_parts_counts_once_when_it_is_whole(delivering: Delivering) -> None:
    assert run(delivering.deliver(part(2), esm_class=0x40)) == CommandStatus.OK
    assert (kept(delivering), delivering.metrics.incoming._value.get()) == ([], 0)
    assert run(delivering.deliver(part(1), esm_class=0x40)) == CommandStatus.OK
    assert kept(delivering) == [("375291112233", "MyShop", "part 1 part 2 ")]
    assert delivering.metrics.incoming._value.get() == 1


def test_a_message_that_the_journal_cannot_take_has_to_come_again(
    delivering: Delivering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise JournalUnavailable("locked")

    with monkeypatch.context() as patch:
        patch.setattr(delivering.journal, "take_incoming", lambda part: execute(locked))
        with pytest.raises(JournalUnavailable):
            run(delivering.deliver(b"Yes"))
    assert delivering.metrics.incoming._value.get() == 0
    assert run(delivering.deliver(b"Yes")) == CommandStatus.OK
    assert len(kept(delivering)) == 1


def test_what_was_put_together_elsewhere_is_counted_too(delivering: Delivering) -> None:
    delivering.inbox.announce(Received(IncomingMessage(START, "375291112233", "MyShop", None, "Да", 3, 2)))
    assert delivering.metrics.incoming._value.get() == 1


texts = st.text(alphabet=st.characters(max_codepoint=0xFF, exclude_characters="\0"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    source=texts,
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    short_message=st.binary(max_size=140),
    tlvs=st.dictionaries(
        st.sampled_from([0x1E, 0x427, 0x204, 0x423, 0x424, 0x20C, 0x20E, 0x20F]), st.binary(max_size=40)
    ),
)
def test_whatever_is_delivered_has_one_answer_and_ends_in_the_journal_or_as_a_status(
    delivering: Delivering,
    source: str,
    esm_class: int,
    data_coding: int,
    short_message: bytes,
    tlvs: dict[int, bytes],
) -> None:
    fields: dict[str, int | str | bytes] = {
        "source_addr": source,
        "destination_addr": "MyShop",
        "esm_class": esm_class,
        "data_coding": data_coding,
        "short_message": short_message,
    }
    pdu, before = Pdu("deliver_sm", 0, 1, fields, tlvs), len(delivering.reports)
    assert run(delivering.inbox.take(pdu)) == CommandStatus.OK
    if isinstance(read_delivery(pdu, START), Receipt):
        assert len(delivering.reports) == before + 1
    else:
        assert len(delivering.reports) == before
        assert kept(delivering) or delivering.rows("SELECT id FROM incoming_parts")

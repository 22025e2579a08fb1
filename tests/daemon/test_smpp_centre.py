"""The centre of these tests does what it is told and writes down what has happened; smpplib's own client asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from smpplib.client import Client
from smpplib.consts import SMPP_CLIENT_STATE_OPEN
from smpplib.exceptions import ConnectionError as ConnectionGone
from smpplib.exceptions import PDUError
from smpplib.smpp import make_pdu

from ..centre.centre import PASSWORD, SYSTEM_ID, THROTTLED, Centre, Manner, Receipts, Refusal, why_not
from .processes import Warden, eventually

_WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=_WHY_NOT or "")


class Sender:
    """smpplib's client, which notes what it receives."""

    def __init__(self, port: int) -> None:
        self.client = Client("127.0.0.1", port, timeout=5, allow_unknown_opt_params=True)
        self.answers: list[str] = []
        self.refused: list[int] = []
        self.received: list[Any] = []
        self.client.connect()

    def send(self, text: bytes = b"Hello", to: str = "375291112233", **fields: Any) -> None:
        """Submit, and wait for nothing."""
        fields = {"source_addr": "MyShop", "destination_addr": to, "short_message": text} | fields
        self.client.send_message(registered_delivery=True, **fields)

    def read(self, answers: int = 0, refused: int = 0, received: int = 0) -> None:
        """Read until so much has come in all, answering what has to be answered."""
        while len(self.answers) < answers or len(self.refused) < refused or len(self.received) < received:
            pdu = self.client.read_pdu()
            if pdu.command == "deliver_sm":
                self.received.append(pdu)
                response = make_pdu("deliver_sm_resp", client=self.client)
                response.sequence = pdu.sequence
                self.client.send_pdu(response)
            elif pdu.status:
                self.refused.append(pdu.status)
            elif pdu.command == "submit_sm_resp":
                self.answers.append(pdu.message_id.decode())

    def texts(self) -> list[str]:
        """The texts that were received."""
        return [pdu.short_message.decode("latin-1") for pdu in self.received]

    def close(self) -> None:
        """Close the connection without a word."""
        self.client.state = SMPP_CLIENT_STATE_OPEN
        self.client.disconnect()


@pytest.fixture
def centre(warden: Warden, tmp_path: Path) -> Iterator[Centre]:
    with Centre(warden, tmp_path) as centre:
        yield centre


@contextmanager
def bound(centre: Centre) -> Iterator[Sender]:
    sender = Sender(centre.port)
    sender.client.bind_transceiver(system_id=SYSTEM_ID, password=PASSWORD)
    try:
        yield sender
    finally:
        sender.close()


def test_binds_are_checked(centre: Centre) -> None:
    for system_id, password, status in (
        ("somebody", PASSWORD, "Invalid System ID"),
        (SYSTEM_ID, "wrong", "Invalid Password"),
    ):
        sender = Sender(centre.port)
        with pytest.raises(PDUError, match=status):
            sender.client.bind_transceiver(system_id=system_id, password=password)
        sender.close()
    with bound(centre) as sender:
        (session,) = centre.book().bound
        assert (session.asked, session.system_id, session.bind_status) == ("bind_transceiver", SYSTEM_ID, 0)
        assert sender.client.unbind().command == "unbind_resp"
        eventually(lambda: not centre.book().bound, 5, "it is unbound")
    assert [each.bind_status for each in centre.book().sessions] == [15, 14, 0]
    assert centre.book().sessions[-1].ended_by == "unbound by the gateway"


def test_what_is_submitted_stands_in_the_book_as_it_was_meant(centre: Centre) -> None:
    with bound(centre) as sender:
        sender.send(b"Price: 5 \x1be")
        cyrillic = "Заказ"
        for part in (2, 1):
            header = bytes([5, 0, 3, 77, 2, part])
            text = cyrillic[:3] if part == 1 else cyrillic[3:]
            sender.send(header + text.encode("utf-16-be"), esm_class=0x40, data_coding=8, user_message_reference=7)
        sender.read(answers=3)
    book = centre.book()
    assert [message.text for message in book.messages] == ["Price: 5 €", cyrillic]
    assert [message.whole for message in book.messages] == [True, True]
    latin, second, first = book.submits
    assert (latin.air_octets, first.air_octets) == (10, 12)
    assert [each.user_message_reference for each in book.submits] == [None, 7, 7]
    assert (second.reference, second.total, second.part) == (77, 2, 2)
    assert [each.identifier for each in book.submits] == sender.answers


def test_receipts_have_the_form_that_was_asked_for(centre: Centre) -> None:
    centre.behaves(identifiers="capitals", serials_from=0xABC0, receipts=Receipts(identifiers="decimal", gap=0))
    with bound(centre) as sender:
        sender.send()
        sender.read(answers=1, received=1)
        assert sender.answers == ["ABC1"]
        (receipt,) = sender.received
        assert receipt.receipted_message_id == b"43969"
        assert receipt.message_state == 2
        assert sender.texts()[0].startswith("id:43969 sub:001 dlvrd:001 submit date:")
        centre.receipts(tlvs=False, steps=("ENROUTE", "UNDELIV"), identifiers="same", times=2)
        sender.send()
        sender.read(answers=2, received=5)
        assert [text.split("stat:")[1].split()[0] for text in sender.texts()[1:]] == ["ENROUTE"] * 2 + ["UNDELIV"] * 2
        assert {each.receipted_message_id for each in sender.received[1:]} == {None}
    eventually(lambda: centre.counts().receipts_answered == 5, 5, "all are answered")


def test_a_receipt_that_was_not_answered_comes_again(centre: Centre) -> None:
    with bound(centre) as sender:
        centre.receipts(after=(0.0, 0.0))
        sender.send()
        eventually(lambda: centre.counts().receipts == 1, 5, "it was sent")
    with bound(centre) as sender:
        sender.read(received=1)
        eventually(lambda: centre.counts().receipts_answered == 1, 5, "it is answered")
        (delivery,) = centre.book().deliveries
        assert delivery.sent == 2


def test_submits_are_turned_away(centre: Centre) -> None:
    centre.behaves(throttle=2, refusals=(Refusal("04", 0x0B),))
    with bound(centre) as sender:
        sender.send(to="375291110004")
        for _ in range(4):
            sender.send()
        sender.read(answers=2, refused=3)
    assert sender.refused == [0x0B, THROTTLED, THROTTLED]
    assert [each.status for each in centre.book().refused] == sender.refused


def test_it_disconnects_where_the_seed_says(centre: Centre) -> None:
    ends: list[list[int]] = []
    for _ in range(2):
        centre.cut_at_submits(seed=5, count=6, every=4)
        before = len(centre.book().submits)
        taken = []
        while sum(centre.cuts_made().values()) < 6:
            with bound(centre) as sender, suppress(ConnectionGone, OSError):
                for number in range(1, 100):
                    sender.send()
                    sender.read(answers=number)
            eventually(lambda: not centre.book().bound, 5, "the session has ended")
            taken.append(len(centre.book().submits) - before)
        ends.append(taken)
        assert {each.ended_by for each in centre.book().sessions} >= {"cut: before", "cut: after"}
    assert ends[0] == ends[1]


def test_a_subscribers_message_comes_in_parts(centre: Centre) -> None:
    with bound(centre) as sender:
        text = "Да, подтверждаю. " * 10
        assert centre.subscriber_writes(text, backwards=True) == 3
        sender.read(received=3)
        parts = sorted((pdu.short_message for pdu in sender.received), key=lambda part: part[5])
        assert b"".join(part[6:] for part in parts).decode("utf-16-be") == text
        assert [pdu.short_message[5] for pdu in sender.received] == [3, 2, 1]
        assert centre.subscriber_writes("OK", coding="ASCII") == 1
        sender.read(received=4)
        assert sender.received[-1].short_message == b"OK"
        assert sender.received[-1].esm_class == 0


def test_what_it_is_told_has_to_make_sense(warden: Warden, tmp_path: Path) -> None:
    with Centre(warden, tmp_path, Manner()) as centre, pytest.raises(AssertionError, match="unknown: colour"):
        centre._ask("manner", {"colour": "red"})

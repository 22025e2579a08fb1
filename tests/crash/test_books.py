"""The comparison finds every kind of disagreement, in books made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import pytest

from ..centre.centre import Book, Session, Submit
from ..daemon.stack import Sent
from .books import Books, compare

Row = dict[str, Any]

MESSAGE = Sent("m1", "Заказ готов", "+375291000010")
OF_THE_STOP_LIST = Sent("m1", "Заказ готов", "+375291000004")


def card(calls: Sequence[int | None] = (200,), told: Sequence[str] = ("delivered",), **changes: Any) -> Row:
    """The portal's message."""
    status = told[-1] if told else "sent"
    history = [{"at": 1.0, "status": each} for each in told]
    return {"message_id": "m1", "calls": list(calls), "history": history, "status": status, **changes}


def entry(**changes: Any) -> Row:
    """The journal's."""
    row = {
        "message_id": "m1",
        "msisdn": MESSAGE.to,
        "segments": 1,
        "status": "delivered",
        "stage": "over",
        "confirmed_at": 9.0,
        "resent": 0,
    }
    return row | changes


def at_a1(**changes: Any) -> Row:
    """A1's."""
    return {"message_id": 7001, "msisdn": MESSAGE.to[1:], "text": MESSAGE.text, "status": "DELIVERED"} | changes


def faults(
    portal: Row,
    journal: Row | None,
    a1: Sequence[Row] | Book,
    sent: Sent = MESSAGE,
    in_flight: Set[str] = frozenset(),
) -> list[str]:
    """What is found wrong with one message."""
    rows: Mapping[str, Row] = {} if journal is None else {"m1": journal}
    return [str(fault) for fault in compare(Books([sent], {"m1": portal}, rows, a1, in_flight)).faults]


AGREEING: dict[str, tuple[Row, Row | None, list[Row]]] = {
    "delivered": (card(), entry(), [at_a1()]),
    "told the same twice": (card(told=["delivered"] * 2), entry(), [at_a1()]),
    "no answer, and nowhere": (card([None], []), None, []),
    "no answer, and on its way all the same": (card([None]), entry(), [at_a1()]),
    "refused, and nowhere": (card([503], []), None, []),
    "expired": (card(told=["undelivered"]), entry(status="expired"), [at_a1(status="EXPIRED")]),
}


@pytest.mark.parametrize("books", AGREEING.values(), ids=AGREEING.keys())
def test_books_that_agree_are_found_to_agree(books: tuple[Row, Row | None, list[Row]]) -> None:
    assert faults(*books) == []


def test_what_a1_refuses_for_its_number_is_not_lost() -> None:
    journal = entry(msisdn=OF_THE_STOP_LIST.to, status="rejected")
    assert faults(card(told=["failed"]), journal, [], OF_THE_STOP_LIST) == []
    assert faults(card(), journal, [], OF_THE_STOP_LIST) == [
        "m1: the card shows delivered after ['delivered'], and should be failed"
    ]


DISAGREEING: dict[str, tuple[Row, Row | None, list[Row], str]] = {
    "lost at the door": (card(told=[]), None, [], "lost: the answer was 200, and it is not in the journal"),
    "lost on the way": (card(told=["failed"]), entry(status="rejected"), [], "lost: A1 does not have it"),
    "sent twice": (card(), entry(), [at_a1(), at_a1(message_id=7002)], "A1 has it 2 times"),
    "another text": (card(), entry(), [at_a1(text="Заказ")], "A1 has another text"),
    "no answer, and only A1 has it": (card([None], []), None, [at_a1()], "never taken, and at A1"),
    "refused, and taken": (card([503]), entry(), [at_a1()], "refused with [503], and in the journal"),
    "refused, and only A1 has it": (card([503], []), None, [at_a1()], "never taken, and at A1"),
    "told and not in the journal": (card([None]), None, [], "not in the journal, and the portal was told of it"),
    "no answer yet": (card([]), entry(), [at_a1()], "the portal's calls were answered with []"),
    "confirmed and not told": (card(told=[]), entry(), [at_a1()], "the card shows sent after []"),
    "told something else": (
        card(told=["failed"]),
        entry(),
        [at_a1()],
        "the card shows failed after ['failed'], and should be delivered",
    ),
    "told two ends": (
        card(told=["undelivered", "delivered"]),
        entry(),
        [at_a1()],
        "the card shows delivered after ['undelivered', 'delivered'], and should be delivered",
    ),
    "not confirmed": (card(), entry(confirmed_at=None), [at_a1()], "not at its end: delivered in the journal (over)"),
    "still under way": (
        card(),
        entry(status="sent", stage="sent"),
        [at_a1()],
        "not at its end: sent in the journal (sent)",
    ),
    "not final at A1": (card(), entry(), [at_a1(status="ENROUTE")], "and should be final (ENROUTE at A1)"),
}


@pytest.mark.parametrize("books", DISAGREEING.values(), ids=DISAGREEING.keys())
def test_a_disagreement_is_found(books: tuple[Row, Row | None, list[Row], str]) -> None:
    portal, journal, a1, what = books
    (found,) = faults(portal, journal, a1)
    assert found.startswith("m1: ")
    assert what in found


def test_what_nobody_has_sent_is_found_at_a1() -> None:
    assert faults(card(), entry(), [at_a1(), at_a1(message_id=7002, msisdn="375291000011")]) == [
        "7002: at A1, and nobody has sent it"
    ]


# Over SMPP: the second of two parts may have been sent twice.

TEXT = ("Заказ готов", " к выдаче")
IN_PARTS = Sent("m1", "".join(TEXT), MESSAGE.to)
KILLED_AT = 100.0


def session(number: int, ended_at: float | None = None) -> Session:
    """A connection; the first ended when the daemon was killed."""
    return Session(
        number=number,
        opened_at=90.0,
        asked="bind_transceiver",
        system_id="a1gateway",
        system_type="",
        interface_version=0x34,
        bind_status=0,
        bound_at=90.0,
        ended_at=ended_at,
        ended_by=None if ended_at is None else "closed by the gateway",
        enquiries_received=0,
        enquiries_sent=0,
        enquiries_answered=0,
    )


def submit(number: int, part: int, in_session: int, answered_at: float | None) -> Submit:
    """A part that the centre took."""
    return Submit(
        number=number,
        session=in_session,
        at=95.0,
        sequence=number,
        serial=number,
        identifier=str(number),
        source="MyShop",
        source_ton=5,
        source_npi=0,
        destination=MESSAGE.to[1:],
        destination_ton=1,
        destination_npi=1,
        esm_class=0x40,
        data_coding=8,
        registered_delivery=1,
        user_message_reference=part,
        text=TEXT[part - 1],
        header_octets=6,
        text_octets=2 * len(TEXT[part - 1]),
        reference=77,
        total=2,
        part=part,
        answered_at=answered_at,
    )


def centre(*submits: Submit) -> Book:
    """The centre's book, with a connection before the kill and one after it."""
    return Book([session(1, KILLED_AT), session(2)], list(submits), [], [], [], [])


ONCE = (submit(1, 1, 1, 95.1), submit(2, 2, 1, None))
AGAIN = submit(3, 2, 2, 105.0)


def smpp_faults(*submits: Submit, resent: int = 0, in_flight: Set[str] = frozenset()) -> list[str]:
    """What is found wrong with a message of two parts."""
    return faults(card(), entry(segments=2, resent=resent), centre(*submits), IN_PARTS, in_flight)


def test_over_smpp_a_part_in_flight_at_a_kill_may_be_there_twice_where_that_is_marked() -> None:
    assert smpp_faults(*ONCE) == []
    assert smpp_faults(*ONCE, AGAIN, resent=1, in_flight={"m1"}) == []


def test_over_smpp_a_part_that_is_missing_is_found() -> None:
    (found,) = smpp_faults(ONCE[0])
    assert found.startswith("m1: lost: 1 of 2 parts are at the centre")


def test_over_smpp_a_repetition_without_a_mark_is_found() -> None:
    assert smpp_faults(*ONCE, AGAIN, in_flight={"m1"}) == ["m1: sent again, and not marked as resent"]


def test_over_smpp_a_repetition_of_what_was_not_in_flight_is_found() -> None:
    """By the journal, which did not say so, and by the centre, which had answered long before."""
    assert smpp_faults(*ONCE, AGAIN, resent=1) == ["m1: sent again, and the journal had it in flight at no kill"]
    answered = submit(2, 2, 1, KILLED_AT - 5)
    (found,) = smpp_faults(ONCE[0], answered, AGAIN, resent=1, in_flight={"m1"})
    assert found.startswith("m1: part 2 was sent again, and had not been in flight: answered at 95.0")


def test_over_smpp_what_was_never_taken_may_not_be_at_the_centre() -> None:
    assert faults(card([None], []), None, centre(*ONCE), IN_PARTS) == ["m1: never taken, and at the centre"]

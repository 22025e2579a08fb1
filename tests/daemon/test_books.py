"""Each kind of disagreement between the books is found, and books that agree are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from a1gateway.message import custom_id

from .books import disagreements

CARD: dict[str, Any] = {
    "message_id": "m1",
    "text": "Готово",
    "calls": [200],
    "status": "delivered",
    "history": [{"at": 3.0, "status": "delivered"}],
}
ROW: dict[str, Any] = {
    "message_id": "m1",
    "msisdn": "+375291112233",
    "status": "delivered",
    "stage": "over",
    "told": "delivered",
    "reason": None,
    "final_at": 2.0,
    "confirmed_at": 3.0,
}
SMS: dict[str, Any] = {
    "message_id": 7,
    "custom_id": custom_id("m1"),
    "msisdn": "375291112233",
    "text": "Готово",
    "history": [{"status": "ENROUTE"}, {"status": "DELIVERED"}],
    "repeated": 0,
}
REJECTED = {"status": "rejected", "told": "failed"}
FAILED: dict[str, Any] = {"status": "failed", "history": [{"status": "failed"}]}
TWICE: dict[str, Any] = {"history": [*CARD["history"], *CARD["history"]]}


@pytest.mark.parametrize(
    ("card", "row", "copies", "sms"),
    [
        pytest.param({}, {}, 1, {}, id="delivered"),
        pytest.param(FAILED, REJECTED, 0, {}, id="rejected"),
        pytest.param({"calls": [None]}, {}, 1, {}, id="on disk, and the answer lost"),
        pytest.param({"calls": [None], "history": []}, None, 0, {}, id="never taken in"),
        pytest.param({"calls": [503], "history": []}, None, 0, {}, id="turned away"),
        pytest.param(
            {"status": "undelivered", "history": [{"status": "undelivered"}]},
            {"status": "expired", "told": "undelivered", "reason": "no_answer"},
            1,
            {"history": [{"status": "ENROUTE"}]},
            id="given up",
        ),
        pytest.param({}, {}, 1, {"history": [{"status": "DELIVERED"}, {"status": "REJECTED"}]}, id="contradicted"),
    ],
)
def test_books_that_agree_are_left_alone(
    card: Mapping[str, Any], row: Mapping[str, Any] | None, copies: int, sms: Mapping[str, Any]
) -> None:
    assert (
        disagreements([CARD | dict(card)], [] if row is None else [ROW | dict(row)], [SMS | dict(sms)] * copies) == []
    )


@pytest.mark.parametrize(
    ("card", "row", "copies", "sms", "words"),
    [
        pytest.param({"history": []}, None, 0, {}, "not in the journal", id="lost at the door"),
        pytest.param({}, {}, 0, {}, "A1 does not have it", id="lost on the way"),
        pytest.param({}, {}, 2, {}, "sent twice", id="twice at A1"),
        pytest.param({}, {}, 1, {"repeated": 1}, "handed over to A1 1 times more", id="twice handed over"),
        pytest.param({}, {}, 1, {"text": "?"}, "another text", id="another text"),
        pytest.param({}, {}, 1, {"msisdn": "375291112234"}, "another number", id="another number"),
        pytest.param({}, {}, 1, {"custom_id": "x"}, "nobody handed it over", id="a stranger at A1"),
        pytest.param({}, {"message_id": "m2"}, 0, {}, "the portal does not know it", id="a stranger on disk"),
        pytest.param({"calls": [None], "history": []}, None, 1, {}, "never taken in, and at A1", id="from nowhere"),
        pytest.param({"calls": [], "history": []}, None, 0, {}, "not answered", id="on its way to the door"),
        pytest.param({"calls": [503]}, {}, 1, {}, "answered with 503", id="half accepted"),
        pytest.param({}, {"stage": "sent", "final_at": None}, 1, {}, "not at its end", id="sent for ever"),
        pytest.param({}, {"confirmed_at": None}, 1, {}, "not confirmed", id="not confirmed"),
        pytest.param({"status": "sent", "history": []}, {}, 1, {}, "the card shows sent", id="never told"),
        pytest.param(FAILED, {}, 1, {}, "the card shows failed", id="told something else"),
        pytest.param(TWICE, {}, 1, {}, "the portal was told", id="told twice"),
        pytest.param({}, {}, 1, {"history": [{"status": "REJECTED"}]}, "A1 said ['failed']", id="misunderstood"),
        pytest.param({}, {}, 1, {"history": []}, "nothing final", id="made up"),
    ],
)
def test_a_disagreement_is_found(
    card: Mapping[str, Any], row: Mapping[str, Any] | None, copies: int, sms: Mapping[str, Any], words: str
) -> None:
    lines = disagreements([CARD | dict(card)], [] if row is None else [ROW | dict(row)], [SMS | dict(sms)] * copies)
    assert any(words in line for line in lines), lines


def test_a_portal_may_be_told_again_where_that_is_the_price() -> None:
    assert disagreements([CARD | TWICE], [ROW], [SMS], told_again=True) == []

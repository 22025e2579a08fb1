"""Receipts and subscribers' messages, in every form that centres give them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from a1gateway.carriers.smpp.deliveries import (
    Receipt,
    SubscriberPart,
    meaning,
    read_delivery,
    read_text,
    state_word,
)
from a1gateway.carriers.smpp.encoding import encode as encode_text
from a1gateway.carriers.smpp.pdu import MalformedPdu, Pdu, decode, encode
from a1gateway.message import Status

from .conftest import START

UUID = "3F2504E0-4F89-11D3-9A0C-0305E82C3301"
TEXT = b"id:0077 sub:001 dlvrd:001 submit date:2511230915 done date:2511230916 stat:DELIVRD err:000 text:Hello"


def delivered(
    short_message: bytes = b"", *, esm_class: int = 0x04, tlvs: dict[str, Any] | None = None, **fields: Any
) -> Receipt | SubscriberPart:
    """What is read from a deliver_sm that went over the wire."""
    addresses: dict[str, Any] = {"source_addr": "375291112233", "destination_addr": "MyShop"}
    message = {"short_message": short_message, "esm_class": esm_class}
    written = encode("deliver_sm", sequence=1, tlvs=tlvs, **addresses | message | fields)
    return read_delivery(decode(written), START)


def receipt(short_message: bytes = b"", **more: Any) -> Receipt:
    read = delivered(short_message, **more)
    assert isinstance(read, Receipt)
    return read


def part(short_message: bytes = b"", *, esm_class: int = 0, **more: Any) -> SubscriberPart:
    read = delivered(short_message, esm_class=esm_class, **more)
    assert isinstance(read, SubscriberPart)
    return read


# What is a receipt


def test_a_receipt_is_told_by_its_esm_class() -> None:
    assert receipt(TEXT) == Receipt("0077", "DELIVRD", Status.DELIVERED, "375291112233", None, "000", False, START)


@pytest.mark.parametrize("esm_class", [0x04, 0x07, 0x44, 0xC4])
def test_the_other_bits_of_esm_class_do_not_count(esm_class: int) -> None:
    assert not receipt(TEXT, esm_class=esm_class).intermediate


@pytest.mark.parametrize("esm_class", [0x00, 0x01, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x24, 0x28, 0x30, 0x3C, 0x80])
def test_anything_else_is_a_subscribers_message_even_if_its_text_looks_like_a_receipt(esm_class: int) -> None:
    """Anybody can write `id:... stat:DELIVRD` in an SMS."""
    assert part(TEXT, esm_class=esm_class).octets == TEXT


def test_an_esm_class_of_zero_with_the_two_optional_parameters_is_a_receipt() -> None:
    read = receipt(TEXT, esm_class=0, tlvs={"receipted_message_id": "0077", "message_state": 2})
    assert (read.identifier, read.status, read.intermediate) == ("0077", Status.DELIVERED, False)


@pytest.mark.parametrize(
    "tlvs",
    [
        {"receipted_message_id": "77"},
        {"message_state": 2},
        {"receipted_message_id": "", "message_state": 2},
        {"receipted_message_id": "77", "message_state": b""},
    ],
    ids=["identifier alone", "state alone", "empty identifier", "empty state"],
)
def test_one_of_the_two_optional_parameters_alone_makes_no_receipt(tlvs: dict[str, Any]) -> None:
    assert part(TEXT, tlvs=tlvs).octets == TEXT


def test_a_data_sm_may_bring_a_receipt() -> None:
    written = encode(
        "data_sm", sequence=1, source_addr="375291112233", esm_class=0x04, tlvs={"message_payload": TEXT}
    )
    read = read_delivery(decode(written), START)
    assert isinstance(read, Receipt)
    assert (read.identifier, read.status) == ("0077", Status.DELIVERED)


# Statuses


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("DELIVRD", Status.DELIVERED),
        ("EXPIRED", Status.EXPIRED),
        ("UNDELIV", Status.UNDELIVERABLE),
        ("REJECTD", Status.REJECTED),
        ("DELETED", Status.UNDELIVERABLE),
        ("ENROUTE", Status.SENT),
        ("ACCEPTD", Status.SENT),
        ("UNKNOWN", None),
        ("DELIVERED", Status.DELIVERED),
        ("UNDELIVERABLE", Status.UNDELIVERABLE),
        ("UNDELIVERED", Status.UNDELIVERABLE),
        ("REJECTED", Status.REJECTED),
        ("ACCEPTED", Status.SENT),
        ("EN_ROUTE", Status.SENT),
        ("SCHEDULED", Status.SENT),
        ("BUFFERED", Status.SENT),
        ("PENDING", Status.SENT),
        ("QUEUED", Status.SENT),
        ("SUBMITTED", Status.SENT),
        ("SENT", Status.SENT),
        ("SKIPPED", None),
        ("FAILED", None),
        ("DELIV", None),
        ("42", None),
    ],
)
def test_every_status_by_its_word_in_any_letter_case(word: str, status: Status | None) -> None:
    for written in (word, word.lower(), word.title()):
        read = receipt(f"id:1 stat:{written} err:0".encode())
        assert (read.word, read.status) == (word, status)
        assert meaning(f" {written} ") is status


@pytest.mark.parametrize(
    ("state", "word", "status"),
    [
        (1, "ENROUTE", Status.SENT),
        (2, "DELIVRD", Status.DELIVERED),
        (3, "EXPIRED", Status.EXPIRED),
        (4, "DELETED", Status.UNDELIVERABLE),
        (5, "UNDELIV", Status.UNDELIVERABLE),
        (6, "ACCEPTD", Status.SENT),
        (7, "UNKNOWN", None),
        (8, "REJECTD", Status.REJECTED),
        (0, "0", None),
        (9, "9", None),
        (255, "255", None),
    ],
)
def test_every_status_by_its_number(state: int, word: str, status: Status | None) -> None:
    read = receipt(tlvs={"receipted_message_id": "1", "message_state": state})
    assert (read.word, read.status) == (word, status)
    assert state_word(state) == word
    assert meaning(word) is status


@pytest.mark.parametrize(
    ("state", "status"),
    [(1, Status.SENT), (2, Status.SENT), (3, Status.SENT), (5, Status.SENT), (7, None), (8, Status.SENT)],
)
def test_an_intermediate_notification_is_never_final(state: int, status: Status | None) -> None:
    read = receipt(esm_class=0x20, tlvs={"receipted_message_id": "1", "message_state": state})
    assert (read.intermediate, read.word, read.status) == (True, state_word(state), status)


def test_an_intermediate_notification_by_its_text() -> None:
    read = receipt(TEXT.replace(b"DELIVRD", b"ENROUTE"), esm_class=0x20)
    assert (read.identifier, read.word, read.status) == ("0077", "ENROUTE", Status.SENT)


# Optional parameters and text


def test_no_text() -> None:
    read = receipt(tlvs={"receipted_message_id": "77", "message_state": 5, "user_message_reference": 513})
    assert read == Receipt("77", "UNDELIV", Status.UNDELIVERABLE, "375291112233", 513, "", False, START)


def test_no_optional_parameters() -> None:
    read = receipt(TEXT)
    assert (read.identifier, read.word, read.reference) == ("0077", "DELIVRD", None)


def test_where_the_two_disagree_the_optional_parameter_wins() -> None:
    read = receipt(TEXT, tlvs={"receipted_message_id": "4D", "message_state": 5})
    assert (read.identifier, read.word, read.status) == ("4D", "UNDELIV", Status.UNDELIVERABLE)


def test_an_optional_parameter_that_says_unknown_wins_too() -> None:
    assert receipt(TEXT, tlvs={"message_state": 7}).status is None


def test_what_an_optional_parameter_does_not_say_is_in_the_text() -> None:
    assert receipt(TEXT, tlvs={"receipted_message_id": "4D"}).word == "DELIVRD"
    assert receipt(TEXT, tlvs={"message_state": 5}).identifier == "0077"
    assert receipt(TEXT, tlvs={"receipted_message_id": " ", "message_state": b""}).identifier == "0077"


@pytest.mark.parametrize("state", [0, 9, 255])
def test_a_state_that_the_standard_does_not_have_leaves_the_word_to_the_text(state: int) -> None:
    assert receipt(TEXT, tlvs={"message_state": state}).status is Status.DELIVERED


def test_the_text_may_be_in_message_payload() -> None:
    read = receipt(tlvs={"message_payload": TEXT})
    assert (read.identifier, read.status, read.error) == ("0077", Status.DELIVERED, "000")


def test_no_text_and_no_optional_parameters() -> None:
    assert receipt() == Receipt(None, "", None, "375291112233", None, "", False, START)


def test_the_text_may_be_ucs_2() -> None:
    for octets in (TEXT.decode().encode("utf-16-be"), TEXT.decode().encode("utf-16-be") + b"\0\0"):
        read = receipt(tlvs={"message_payload": octets}, data_coding=8)
        assert (read.identifier, read.status, read.error) == ("0077", Status.DELIVERED, "000")


def test_ucs_2_may_begin_with_a_byte_order_mark() -> None:
    assert receipt("\ufeffid:77 stat:DELIVRD".encode("utf-16-be"), data_coding=8).identifier == "77"


@pytest.mark.parametrize("data_coding", [0, 1, 3, 4, 8, 0xF1])
def test_the_text_may_be_ascii_under_any_data_coding(data_coding: int) -> None:
    """Some centres give the receipt the data_coding of the message, which for Cyrillic is UCS-2."""
    for octets in (TEXT, TEXT + b"!"):
        assert receipt(octets, data_coding=data_coding).identifier == "0077"


def test_the_text_may_stand_behind_a_header() -> None:
    read = receipt(b"\x05\x00\x03\x21\x02\x01" + TEXT, esm_class=0x44)
    assert (read.identifier, read.status) == ("0077", Status.DELIVERED)


def test_a_header_that_is_announced_and_not_there_hides_nothing() -> None:
    assert receipt(TEXT, esm_class=0x44).identifier == "0077"


# Identifiers


@pytest.mark.parametrize(
    "identifier",
    [
        UUID,
        UUID.lower(),
        "a1-by-77-x",
        "0000000077",
        "0x4D",
        "4d",
        "DEADBEEF",
        "9" * 40,
        "m" * 64,
        "a_b@c.by:9",
        "1764000000.77/3",
    ],
)
def test_identifiers_are_kept_as_they_came(identifier: str) -> None:
    by_text = receipt(f"id:{identifier} sub:001 stat:DELIVRD".encode())
    by_parameter = receipt(tlvs={"receipted_message_id": identifier, "message_state": 2})
    assert by_text.identifier == by_parameter.identifier == identifier


def test_blanks_around_an_identifier_do_not_count() -> None:
    assert receipt(b"id:  77   sub:001 stat: DELIVRD ").identifier == "77"
    assert receipt(tlvs={"receipted_message_id": " 77  ", "message_state": 2}).identifier == "77"


def test_an_identifier_without_its_nul_is_whole() -> None:
    assert receipt(tlvs={"receipted_message_id": b"a1-77", "message_state": 2}).identifier == "a1-77"


# The fields of the text


@pytest.mark.parametrize(
    "text",
    [
        b"stat:DELIVRD id:77 err:011",
        b"ID:77 SUB:001 DLVRD:001 SUBMIT DATE:2511230915 DONE DATE:2511230916 STAT:DELIVRD ERR:011 TEXT:",
        b"Id:77 Sub:1 Dlvrd:1 Submit Date:1 Done Date:1 Stat:delivrd Err:011 Text:x",
        b"err:011 done date:2511230916 stat:DELIVRD text: id:77",
        b"text:Hello id:77 sub:001 err:011 stat:DELIVRD",
        b"id : 77 stat : DELIVRD err : 011",
        b"id:77,sub:001,stat:DELIVRD,err:011,text:Hello, id:5",
        b"id:77; sub:001; stat:DELIVRD; err:011;",
        b"id:77|stat:DELIVRD|err:011",
        b"id:77\r\nstat:DELIVRD\r\nerr:011\r\n",
        b"id:77 stat:DELIVRD err:011\0",
        b"id:77 submitdate:251123 done_date:251123 stat:DELIVRD err:011",
        b"id:77 submit date:2025-11-23 09:15:00 done date:2025-11-23 09:16 stat:DELIVRD err:011",
        b"Receipt id:77 route:minsk stat:DELIVRD by:a1 err:011 text:x",
        b"id:77 stat:DELIVRD err:011 id:78 stat:UNDELIV",
    ],
)
def test_fields_in_any_order_letter_case_and_punctuation(text: bytes) -> None:
    read = receipt(text)
    assert (read.identifier, read.status, read.error) == ("77", Status.DELIVERED, "011")


@pytest.mark.parametrize(
    ("text", "identifier", "word", "error"),
    [
        (b"id:77 sub:001 dlvrd:001", "77", "", ""),
        (b"stat:DELIVRD err:000", None, "DELIVRD", "000"),
        (b"sub:001 err:000 text:", None, "", "000"),
        (b"id: sub:001 stat: err: text:x", None, "", ""),
        (b"id:", None, "", ""),
        (b"Hello", None, "", ""),
        (b"grid:5 msgid:6 status:DELIVRD", None, "", ""),
    ],
)
def test_some_fields_missing_or_empty(text: bytes, identifier: str | None, word: str, error: str) -> None:
    read = receipt(text)
    assert (read.identifier, read.word, read.error) == (identifier, word, error)


@pytest.mark.parametrize("length", range(len(TEXT) + 1))
def test_the_text_cut_anywhere(length: int) -> None:
    read = receipt(TEXT[:length])
    assert read.identifier in (None, "0", "00", "007", "0077")
    if length >= TEXT.index(b" sub"):
        assert read.identifier == "0077"
    assert (read.status is Status.DELIVERED) == (length >= TEXT.index(b" err"))
    assert read.word == ("DELIVRD"[: max(0, length - TEXT.index(b"DELIVRD"))])


@pytest.mark.parametrize(
    "text",
    [
        b"id:77 stat:DELIVRD err:011 text:id:5 stat:UNDELIV err:99",
        b"id:77 stat:DELIVRD err:011 text: id:5 stat:UNDELIV err:99",
        b"id:77 stat:DELIVRD err:011 text:Your id:5 stat:UNDELIV text:id:6 err:99",
        b"text:Your id:5 stat:UNDELIV is late id:77 stat:DELIVRD err:011",
        b"text: id:5 stat:UNDELIV id:77 stat:DELIVRD err:011",
        b"stat:DELIVRD text:Your id:5 stat:UNDELIV err:011 id:77",
        b"id:77 text:stat:UNDELIV stat:UNDELIV sub:001 stat:DELIVRD err:011",
    ],
)
def test_fields_within_the_messages_own_text_are_not_taken(text: bytes) -> None:
    read = receipt(text)
    assert (read.identifier, read.status, read.error) == ("77", Status.DELIVERED, "011")


@pytest.mark.parametrize(
    "text",
    [
        b"stat:DELIVRD err:011 text:Your id:5 is stat:UNDELIV",
        b"stat:DELIVRD err:011 text:Your id:5 is ready",
        b"stat:DELIVRD err:011 text:id:5",
        b"stat:DELIVRD err:011 text:Your id:5 of err:0",
        b"stat:DELIVRD err:011 text:Your id:5 text:ok",
    ],
)
def test_a_missing_field_is_not_made_up_from_the_messages_own_text(text: bytes) -> None:
    """What several words follow, and what stands before a label that there was already, is the message's."""
    assert receipt(text).identifier is None


def test_a_missing_field_at_the_very_end_is_the_receipts() -> None:
    """It could be the message's last words. But centres that mix the order are many, and such messages few."""
    read = receipt(b"id:77 err:011 text:Hello sub:001 done date:2511230916 stat:DELIVRD")
    assert (read.identifier, read.status) == ("77", Status.DELIVERED)


LABELS = ("id", "sub", "dlvrd", "submit date", "done date", "stat", "err")
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=",;|:"), min_size=1)
TEXT_VALUES = st.sampled_from(
    ("", "Hello", "Your order is ready", "id:999 stat:UNDELIV", "Pay id:999 now", "stat:EXPIRED", "Hi id:1 stat:")
)


@given(
    values=st.fixed_dictionaries(dict.fromkeys(LABELS, WORDS) | {"text": TEXT_VALUES}),
    order=st.permutations((*LABELS, "text")),
    missing=st.sets(st.sampled_from((*LABELS, "text"))),
    case=st.sampled_from((str.lower, str.upper, str.title)),
    between=st.sampled_from((" ", "  ", "\r\n", " ; ")),
)
def test_fields_in_any_order_and_case_with_some_missing_are_read_back(
    values: dict[str, str], order: list[str], missing: set[str], case: Any, between: str
) -> None:
    # When a message's text holds a field that the receipt lacks, nobody can tell in every case whose it is.
    assume("text" in missing or "id:" not in values["text"] or "id" not in missing)
    assume("text" in missing or "stat:" not in values["text"] or "stat" not in missing)
    values = values | {"submit date": "2511230915", "done date": "251123 09:16"}
    there = [label for label in order if label not in missing]
    text = between.join(f"{case(label)}:{values[label]}" for label in there)
    read = receipt(tlvs={"message_payload": text.encode()})
    assert read.identifier == (values["id"] if "id" in there else None)
    assert read.word == (values["stat"].upper()[:100] if "stat" in there else "")
    assert read.error == (values["err"][:100] if "err" in there else "")


@given(st.text(), st.sampled_from((0, 8)))
@example("id:" * 2000, 0)
@example("text:" * 2000, 8)
def test_any_text_is_read_somehow(text: str, data_coding: int) -> None:
    octets = text.encode("utf-16-be" if data_coding == 8 else "utf-8")
    read = receipt(tlvs={"message_payload": octets}, data_coding=data_coding)
    assert read.identifier != ""
    assert len(read.word) <= 100
    assert len(read.error) <= 100
    assert read.status is meaning(read.word)


def test_a_word_that_is_far_too_long_is_cut() -> None:
    read = receipt(tlvs={"message_payload": b"id:1 stat:" + b"x" * 5000 + b" err:" + b"9" * 5000})
    assert (read.word, read.error) == ("X" * 100, "9" * 100)


# Number, reference, error


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("375291112233", "375291112233"),
        ("+375291112233", "375291112233"),
        (" 375291112233 ", "375291112233"),
        ("", None),
        ("MyShop", None),
        ("A1", None),
        ("+", None),
        ("37529\xb2", None),
    ],
)
def test_the_number_is_that_of_the_subscriber(source: str, number: str | None) -> None:
    assert receipt(TEXT, source_addr=source).number == number


@pytest.mark.parametrize(
    ("octets", "reference"),
    [
        (b"\x01\x02", 0x0102),
        (b"\x00\x00", 0),
        (b"\xff\xff", 65535),
        (b"\x07", 7),
        (b"\0\0\x01\x02", 0x0102),
        (b"\0\1\0\0", None),
        (b"", None),
    ],
)
def test_the_reference_comes_back(octets: bytes, reference: int | None) -> None:
    assert receipt(TEXT, tlvs={"user_message_reference": octets}).reference == reference


def test_the_error_is_the_texts_else_the_networks() -> None:
    assert receipt(b"id:1 err:0B9", tlvs={"network_error_code": b"\x03\x00\x0b"}).error == "0B9"
    assert receipt(b"id:1", tlvs={"network_error_code": b"\x03\x01\x0b"}).error == "3:267"
    assert receipt(b"id:1", tlvs={"network_error_code": b"\x0b"}).error == "0b"


# Subscribers' messages


def test_a_whole_message_from_a_subscriber() -> None:
    read = part(b"STOP", data_coding=0, source_addr="+375 29", destination_addr="My Shop")
    assert read == SubscriberPart("+375 29", "My Shop", 0, b"STOP", None, 1, 1, START)


def test_a_message_in_message_payload() -> None:
    assert part(tlvs={"message_payload": b"a" * 3000}).octets == b"a" * 3000


def test_a_message_in_a_data_sm() -> None:
    written = encode("data_sm", sequence=1, source_addr="375", data_coding=8, tlvs={"message_payload": b"\x04\x14"})
    assert read_delivery(decode(written), START) == SubscriberPart("375", "", 8, b"\x04\x14", None, 1, 1, START)


@pytest.mark.parametrize(
    ("header", "place"),
    [
        pytest.param("05 00 03 2A 03 02", (0x2A, 3, 2), id="8 bits"),
        pytest.param("06 08 04 01 2A 03 02", (0x012A, 3, 2), id="16 bits"),
        pytest.param("0B 05 04 23F4 0000 00 03 2A 03 02", (0x2A, 3, 2), id="behind ports"),
        pytest.param("0A 00 03 2A 03 02 24 01 01 70 00", (0x2A, 3, 2), id="before others"),
        pytest.param("0B 00 03 01 02 01 08 04 01 2A 03 02", (0x012A, 3, 2), id="8 bits and 16, the last"),
        pytest.param("0A 00 03 01 02 01 08 04 01 2A 03 02", None, id="length too short for the second"),
        pytest.param("0C 00 03 01 02 01 08 04 01 2A 03 02", None, id="length too long for the second"),
        pytest.param("0B 00 03 01 02 01 00 04 01 2A 03 02", (1, 2, 1), id="8 bits in four octets are passed over"),
        pytest.param("0A 00 03 01 02 01 00 03 2A 03 02", (0x2A, 3, 2), id="of two the last"),
        pytest.param("05 00 03 2A FF FF", (0x2A, 255, 255), id="the last of 255"),
        pytest.param("05 00 03 2A 01 01", (None, 1, 1), id="one of one is whole"),
        pytest.param("05 00 03 2A 00 00", (None, 1, 1), id="total of none"),
        pytest.param("05 00 03 2A 03 00", (None, 1, 1), id="number 0"),
        pytest.param("05 00 03 2A 03 04", (None, 1, 1), id="number beyond the total"),
        pytest.param("00", (None, 1, 1), id="empty header"),
        pytest.param("04 70 02 00 00", (None, 1, 1), id="no concatenation in it"),
    ],
)
def test_the_place_of_a_part_by_its_header(header: str, place: tuple[int | None, int, int] | None) -> None:
    octets = bytes.fromhex(header)
    read = part(octets + b"text", esm_class=0x40)
    if place is None:
        assert (read.reference, read.total, read.number, read.octets) == (None, 1, 1, octets + b"text")
    else:
        assert (read.reference, read.total, read.number, read.octets) == (*place, b"text")


@pytest.mark.parametrize(
    "octets", [b"\x05", b"\x05\x00\x03\x2a\x03", b"\xfftext", b"\x05\x00\x04\x2a\x03\x02text", b""]
)
def test_a_header_that_does_not_add_up_is_text(octets: bytes) -> None:
    read = part(octets, esm_class=0x40)
    assert (read.reference, read.total, read.number, read.octets) == (None, 1, 1, octets)


def test_without_its_bit_in_esm_class_a_header_is_text() -> None:
    assert part(b"\x05\x00\x03\x2a\x03\x02text").octets == b"\x05\x00\x03\x2a\x03\x02text"


def test_a_header_in_message_payload() -> None:
    read = part(tlvs={"message_payload": b"\x05\x00\x03\x2a\x03\x02" + b"a" * 500}, esm_class=0x40)
    assert (read.reference, read.total, read.number, read.octets) == (0x2A, 3, 2, b"a" * 500)


@pytest.mark.parametrize(
    ("reference", "total", "number", "place"),
    [
        (0x012A, 3, 2, (0x012A, 3, 2)),
        (0, 2, 1, (0, 2, 1)),
        (1, 1, 1, (None, 1, 1)),
        (1, 0, 0, (None, 1, 1)),
        (1, 3, 0, (None, 1, 1)),
        (1, 3, 4, (None, 1, 1)),
        (None, 3, 2, (None, 1, 1)),
        (1, None, 2, (None, 1, 1)),
        (1, 3, None, (None, 1, 1)),
        (1, b"\x01\x00", 2, (None, 1, 1)),
    ],
)
def test_the_place_of_a_part_by_its_optional_parameters(
    reference: int | None, total: int | bytes | None, number: int | None, place: tuple[int | None, int, int]
) -> None:
    given_ = {"sar_msg_ref_num": reference, "sar_total_segments": total, "sar_segment_seqnum": number}
    read = part(b"text", tlvs={name: value for name, value in given_.items() if value is not None})
    assert (read.reference, read.total, read.number) == place


def test_the_header_wins_over_the_optional_parameters() -> None:
    tlvs = {"sar_msg_ref_num": 9, "sar_total_segments": 9, "sar_segment_seqnum": 9}
    read = part(b"\x05\x00\x03\x2a\x03\x02text", esm_class=0x40, tlvs=tlvs)
    assert (read.reference, read.total, read.number) == (0x2A, 3, 2)


@given(st.one_of(st.text(max_size=700), st.text(alphabet="a€я\N{GRINNING FACE}", max_size=700)), st.integers(0, 255))
def test_a_text_of_any_parts_is_read_back(text: str, reference: int) -> None:
    read = [
        part(each.short_message, esm_class=each.esm_class, data_coding=each.data_coding)
        for each in encode_text(text, reference)
    ]
    assert [(each.total, each.number) for each in read] == [(len(read), number + 1) for number in range(len(read))]
    assert {each.reference for each in read} == {reference if len(read) > 1 else None}
    assert read_text([each.octets for each in read], read[0].data_coding) == text


# Alphabets


@pytest.mark.parametrize(
    ("data_coding", "octets", "text"),
    [
        pytest.param(0x00, b"\x00\x1be\x5f", "@€§", id="GSM"),
        pytest.param(0x01, b"@[_]\xe9", "@[_]\ufffd", id="ASCII"),
        pytest.param(0x02, b"\x01\xab", "01ab", id="binary"),
        pytest.param(0x03, b"@\xe9", "@é", id="Latin-1"),
        pytest.param(0x04, b"\x01\xab", "01ab", id="binary again"),
        pytest.param(0x05, b"\x01\xab", "01ab", id="JIS"),
        pytest.param(0x06, b"\xb4\xd0\xfe", "Даў", id="Cyrillic"),
        pytest.param(0x08, b"\x04\x14\xd8\x3d\xde\x00", "Д\N{GRINNING FACE}", id="UCS-2"),
        pytest.param(0x0D, b"\x01\xab", "01ab", id="Kanji"),
        pytest.param(0x10, b"\x00", "@", id="class 0, GSM"),
        pytest.param(0x13, b"\x00", "@", id="class 3, GSM"),
        pytest.param(0x14, b"\x00", "00", id="class 0, binary"),
        pytest.param(0x18, b"\x04\x14", "Д", id="class 0, UCS-2"),
        pytest.param(0x1C, b"\x04\x14", "0414", id="class 0, reserved"),
        pytest.param(0x20, b"\x00", "00", id="compressed"),
        pytest.param(0x30, b"\x00", "00", id="compressed, class 0"),
        pytest.param(0x40, b"\x00", "@", id="to be deleted, GSM"),
        pytest.param(0x58, b"\x04\x14", "Д", id="to be deleted, class 0, UCS-2"),
        pytest.param(0x60, b"\x00", "00", id="to be deleted, compressed"),
        pytest.param(0x80, b"\x00", "00", id="reserved"),
        pytest.param(0xB8, b"\x00", "00", id="reserved again"),
        pytest.param(0xC8, b"\x00", "@", id="voicemail, to be discarded"),
        pytest.param(0xD0, b"\x00", "@", id="voicemail, GSM"),
        pytest.param(0xE0, b"\x04\x14", "Д", id="voicemail, UCS-2"),
        pytest.param(0xF0, b"\x00", "@", id="class 0 again, GSM"),
        pytest.param(0xF3, b"\x00", "@", id="class 3 again, GSM"),
        pytest.param(0xF4, b"\x00", "00", id="class 0 again, binary"),
        pytest.param(0xF7, b"\x00", "00", id="class 3 again, binary"),
        pytest.param(0x100, b"\x00", "00", id="no data_coding"),
    ],
)
def test_alphabets_by_data_coding(data_coding: int, octets: bytes, text: str) -> None:
    assert read_text([octets], data_coding) == text


def test_a_surrogate_pair_cut_between_two_parts_is_one_character() -> None:
    assert read_text([b"\x04\x14\xd8\x3d", b"\xde\x00\x04\x14"], 8) == "Д\N{GRINNING FACE}Д"


def test_an_escape_pair_cut_between_two_parts_is_one_character() -> None:
    assert read_text([b"5 \x1b", b"e!"], 0) == "5 €!"


@pytest.mark.parametrize("octets", [b"\xd8\x3d", b"\xde\x00\xd8\x3d", b"\x04", b"\x04\x14\x04"])
def test_broken_ucs_2_has_replacement_characters(octets: bytes) -> None:
    text = read_text([octets], 8)
    assert "\ufffd" in text
    assert text.encode()


def test_no_parts_are_no_text() -> None:
    assert [read_text([], data_coding) for data_coding in (0, 4, 8)] == ["", "", ""]


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(0, 255))
def test_any_octets_are_text_that_can_be_stored(parts: list[bytes], data_coding: int) -> None:
    # Lone surrogates, which could not be, are not among it.
    assert read_text(parts, data_coding).encode().decode() == read_text(parts, data_coding)


# Whatever comes

TLVS = st.dictionaries(
    st.sampled_from((0x001E, 0x0204, 0x020C, 0x020E, 0x020F, 0x0423, 0x0424, 0x0427)), st.binary(max_size=20)
)


@given(
    st.sampled_from(("deliver_sm", "data_sm")),
    st.fixed_dictionaries(
        {
            "esm_class": st.integers(0, 255),
            "data_coding": st.integers(0, 255),
            "source_addr": st.text(st.characters(max_codepoint=255), max_size=20),
        },
        optional={"short_message": st.binary(max_size=60)},
    ),
    TLVS,
)
def test_a_delivery_of_anything_is_read(command: str, fields: dict[str, Any], tlvs: dict[int, bytes]) -> None:
    read = read_delivery(Pdu(command, 0, 1, fields, tlvs), START)
    assert read.at == START
    if isinstance(read, Receipt):
        assert read.status is None or read.status.final <= (not read.intermediate)
    else:
        assert 1 <= read.number <= read.total <= 255
        assert isinstance(read_text([read.octets], read.data_coding), str)


@given(st.sampled_from((0x05, 0x103, 0x04, 0x80000003, 0x09, 0x15, 0x42)), st.binary(max_size=90))
def test_any_pdu_that_can_be_read_at_all_is_read(code: int, body: bytes) -> None:
    frame = b"".join(value.to_bytes(4) for value in (16 + len(body), code, 0, 1)) + body
    try:
        pdu = decode(frame)
    except MalformedPdu:
        return
    assert read_delivery(pdu, START).at == START


@pytest.mark.parametrize("octets", [b"\xff" * 30_000, bytes(30_000)])
@pytest.mark.parametrize("tag", [0x001E, 0x0204, 0x020E, 0x0423, 0x0427])
def test_optional_parameters_of_any_width_are_read(tag: int, octets: bytes) -> None:
    """Python refuses to write out integers of thousands of digits."""
    read = read_delivery(Pdu("deliver_sm", 0, 1, {"esm_class": 4}, {tag: octets}), START)
    assert isinstance(read, Receipt)
    assert len(read.word) <= 100
    assert len(read.error) <= 100

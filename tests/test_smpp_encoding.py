"""Texts as they go out over SMPP, read again by a phone that is written here from the standards."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.carriers.smpp.encoding import EncodedPart, encode, relative_time
from a1gateway.text import segments

from .test_text import STANDARD

SINGLE = {codes[0]: character for codes, character in STANDARD.items() if len(codes) == 1}
EXTENSION = {codes[1]: character for codes, character in STANDARD.items() if len(codes) == 2}
TEXTS = st.one_of(
    st.text(max_size=900),
    st.text(alphabet="a€{я\N{GRINNING FACE}", max_size=900),
    st.text(alphabet=sorted(STANDARD.values()), max_size=900),
    st.text(alphabet="ab€", min_size=150, max_size=480),
    st.text(alphabet="яў\N{GRINNING FACE}", min_size=60, max_size=210),
)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-5.0, "000000000100000R"),
        (61.9, "000000000101000R"),
        (3600.0, "000000010000000R"),
        (90_061.0, "000001010101000R"),
        (1e9, "000030000000000R"),
    ],
)
def test_a_time_from_now_has_the_standards_form(seconds: float, written: str) -> None:
    assert relative_time(seconds) == written


def on_air(part: EncodedPart) -> tuple[int, bytes]:
    """TP-UDL and TP-UD of a part (TS 23.040, 9.2.3.16 and 9.2.3.24): septets packed behind the header's fill bits."""
    header_length = 1 + part.short_message[0] if part.esm_class & 0x40 else 0
    header, content = part.short_message[:header_length], part.short_message[header_length:]
    if part.data_coding == 8:
        return len(part.short_message), part.short_message
    septets = math.ceil(8 * header_length / 7)
    packed = int.from_bytes(header, "little")
    for septet in content:
        assert septet < 0x80
        packed |= septet << 7 * septets
        septets += 1
    return septets, packed.to_bytes(math.ceil(7 * septets / 8), "little")


def off_air(part: EncodedPart, length: int, user_data: bytes) -> tuple[tuple[int, int, int], str]:
    """Reference, total and number of a part, and its text, as a phone reads them."""
    place, header_length = (0, 1, 1), 0
    if part.esm_class & 0x40:
        header_length = 1 + user_data[0]
        assert user_data[:3] == bytes((5, 0, 3))
        place = user_data[3], user_data[4], user_data[5]
    if part.data_coding == 8:
        # Strict: half of a surrogate pair is an error.
        return place, user_data[header_length:length].decode("utf-16-be")
    packed = int.from_bytes(user_data, "little")
    first = math.ceil(8 * header_length / 7)
    septets = [packed >> 7 * position & 0x7F for position in range(first, length)]
    text = ""
    while septets:
        code = septets.pop(0)
        # An escape without its code would raise here.
        text += EXTENSION[septets.pop(0)] if code == 0x1B else SINGLE[code]
    return place, text


@given(TEXTS, st.integers(0, 255))
def test_a_phone_puts_the_parts_of_any_text_together_again(text: str, reference: int) -> None:
    encoded = encode(text, reference)
    received = []
    for part in encoded:
        length, user_data = on_air(part)
        assert len(user_data) <= 140
        received.append(off_air(part, length, user_data))
    assert "".join(read for _, read in received) == text
    if len(encoded) > 1:
        total = len(encoded)
        assert [place for place, _ in received] == [(reference, total, number) for number in range(1, total + 1)]


@given(TEXTS)
def test_as_many_parts_go_out_as_were_counted(text: str) -> None:
    assert len(encode(text, 0)) == segments(text)


@given(TEXTS)
def test_all_parts_say_the_same_of_their_alphabet_and_header(text: str) -> None:
    encoded = encode(text, 7)
    assert len({(part.data_coding, part.esm_class) for part in encoded}) == 1
    assert encoded[0].esm_class == (0x40 if len(encoded) > 1 else 0)


def test_a_text_alone_has_no_header() -> None:
    assert encode("Hi [5€]", 9) == [EncodedPart(0, 0, b"Hi \x1b<5\x1be\x1b>")]


def test_cyrillic_is_ucs_2_big_endian() -> None:
    assert encode("Да", 9) == [EncodedPart(8, 0, b"\x04\x14\x04\x30")]


def test_an_empty_text_is_one_empty_part() -> None:
    assert encode("", 9) == [EncodedPart(0, 0, b"")]


def test_the_parts_of_a_long_text_count_on_under_the_callers_reference() -> None:
    """smpplib.gsm draws the reference at random: two messages to one number may get the same."""
    for reference in (0, 171, 255):
        encoded = encode("a" * 307, reference)
        assert [part.short_message[:6] for part in encoded] == [
            bytes((5, 0, 3, reference, 3, number)) for number in (1, 2, 3)
        ]
        assert [part.short_message[6:] for part in encoded] == [b"a" * 153, b"a" * 153, b"a"]
        assert {(part.data_coding, part.esm_class) for part in encoded} == {(0, 0x40)}


def test_an_escape_pair_goes_to_the_next_part_whole() -> None:
    first, second = encode("a" * 152 + "€" + "a" * 20, 1)
    assert first.short_message[6:] == b"a" * 152
    assert second.short_message[6:] == b"\x1be" + b"a" * 20


def test_a_surrogate_pair_goes_to_the_next_part_whole() -> None:
    first, second = encode("я" * 66 + "\N{GRINNING FACE}" + "я" * 6, 1)
    assert first.short_message[6:].decode("utf-16-be") == "я" * 66
    assert second.short_message[6:].decode("utf-16-be") == "\N{GRINNING FACE}" + "я" * 6


def test_a_backtick_makes_the_text_ucs_2_and_a_section_sign_does_not() -> None:
    assert encode("`", 0) == [EncodedPart(8, 0, b"\x00`")]
    assert encode("§", 0) == [EncodedPart(0, 0, b"\x5f")]


@pytest.mark.parametrize(("character", "in_part"), [("a", 153), ("я", 67)])
def test_more_than_255_parts_are_refused(character: str, in_part: int) -> None:
    encoded = encode(character * in_part * 255, 3)
    assert encoded[-1].short_message[:6] == bytes((5, 0, 3, 3, 255, 255))
    with pytest.raises(ValueError, match="256 parts"):
        encode(character * (in_part * 255 + 1), 3)


@pytest.mark.parametrize("reference", [-1, 256, 65536])
@pytest.mark.parametrize("text", ["short", "a" * 200])
def test_a_reference_that_the_header_cannot_hold_is_refused(text: str, reference: int) -> None:
    with pytest.raises(ValueError, match="no reference"):
        encode(text, reference)


@given(st.text(st.characters(categories=("Cs", "Ll", "So")), max_size=300))
def test_lone_surrogates_go_out_as_replacement_characters(text: str) -> None:
    encoded = encode(text, 0)
    assert len(encoded) == segments(text)
    read = "".join(off_air(part, *on_air(part))[1] for part in encoded)
    assert read == re.sub(r"[\ud800-\udfff]", "\ufffd", text)


def test_two_halves_side_by_side_are_no_character() -> None:
    assert encode("\ud83d\ude00", 0) == [EncodedPart(8, 0, b"\xff\xfd\xff\xfd")]

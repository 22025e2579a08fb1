"""Alphabets, lengths, parts and the GSM codec, against the figures and tables of TS 23.038 and TS 23.040."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.text import (
    Alphabet,
    alphabet,
    doubled,
    fewer_characters,
    foreign,
    gsm_decode,
    gsm_encode,
    parts,
    room,
    segments,
)

# TS 23.038, 6.2.1 and 6.2.1.1, transcribed apart from the module: code, Unicode's name of the character.
_TABLE = """
00 COMMERCIAL AT
01 POUND SIGN
02 DOLLAR SIGN
03 YEN SIGN
04 LATIN SMALL LETTER E WITH GRAVE
05 LATIN SMALL LETTER E WITH ACUTE
06 LATIN SMALL LETTER U WITH GRAVE
07 LATIN SMALL LETTER I WITH GRAVE
08 LATIN SMALL LETTER O WITH GRAVE
09 LATIN CAPITAL LETTER C WITH CEDILLA
0A LINE FEED
0B LATIN CAPITAL LETTER O WITH STROKE
0C LATIN SMALL LETTER O WITH STROKE
0D CARRIAGE RETURN
0E LATIN CAPITAL LETTER A WITH RING ABOVE
0F LATIN SMALL LETTER A WITH RING ABOVE
10 GREEK CAPITAL LETTER DELTA
11 LOW LINE
12 GREEK CAPITAL LETTER PHI
13 GREEK CAPITAL LETTER GAMMA
14 GREEK CAPITAL LETTER LAMDA
15 GREEK CAPITAL LETTER OMEGA
16 GREEK CAPITAL LETTER PI
17 GREEK CAPITAL LETTER PSI
18 GREEK CAPITAL LETTER SIGMA
19 GREEK CAPITAL LETTER THETA
1A GREEK CAPITAL LETTER XI
1C LATIN CAPITAL LETTER AE
1D LATIN SMALL LETTER AE
1E LATIN SMALL LETTER SHARP S
1F LATIN CAPITAL LETTER E WITH ACUTE
20 SPACE
21 EXCLAMATION MARK
22 QUOTATION MARK
23 NUMBER SIGN
24 CURRENCY SIGN
25 PERCENT SIGN
26 AMPERSAND
27 APOSTROPHE
28 LEFT PARENTHESIS
29 RIGHT PARENTHESIS
2A ASTERISK
2B PLUS SIGN
2C COMMA
2D HYPHEN-MINUS
2E FULL STOP
2F SOLIDUS
30 DIGIT ZERO
31 DIGIT ONE
32 DIGIT TWO
33 DIGIT THREE
34 DIGIT FOUR
35 DIGIT FIVE
36 DIGIT SIX
37 DIGIT SEVEN
38 DIGIT EIGHT
39 DIGIT NINE
3A COLON
3B SEMICOLON
3C LESS-THAN SIGN
3D EQUALS SIGN
3E GREATER-THAN SIGN
3F QUESTION MARK
40 INVERTED EXCLAMATION MARK
41 LATIN CAPITAL LETTER A
42 LATIN CAPITAL LETTER B
43 LATIN CAPITAL LETTER C
44 LATIN CAPITAL LETTER D
45 LATIN CAPITAL LETTER E
46 LATIN CAPITAL LETTER F
47 LATIN CAPITAL LETTER G
48 LATIN CAPITAL LETTER H
49 LATIN CAPITAL LETTER I
4A LATIN CAPITAL LETTER J
4B LATIN CAPITAL LETTER K
4C LATIN CAPITAL LETTER L
4D LATIN CAPITAL LETTER M
4E LATIN CAPITAL LETTER N
4F LATIN CAPITAL LETTER O
50 LATIN CAPITAL LETTER P
51 LATIN CAPITAL LETTER Q
52 LATIN CAPITAL LETTER R
53 LATIN CAPITAL LETTER S
54 LATIN CAPITAL LETTER T
55 LATIN CAPITAL LETTER U
56 LATIN CAPITAL LETTER V
57 LATIN CAPITAL LETTER W
58 LATIN CAPITAL LETTER X
59 LATIN CAPITAL LETTER Y
5A LATIN CAPITAL LETTER Z
5B LATIN CAPITAL LETTER A WITH DIAERESIS
5C LATIN CAPITAL LETTER O WITH DIAERESIS
5D LATIN CAPITAL LETTER N WITH TILDE
5E LATIN CAPITAL LETTER U WITH DIAERESIS
5F SECTION SIGN
60 INVERTED QUESTION MARK
61 LATIN SMALL LETTER A
62 LATIN SMALL LETTER B
63 LATIN SMALL LETTER C
64 LATIN SMALL LETTER D
65 LATIN SMALL LETTER E
66 LATIN SMALL LETTER F
67 LATIN SMALL LETTER G
68 LATIN SMALL LETTER H
69 LATIN SMALL LETTER I
6A LATIN SMALL LETTER J
6B LATIN SMALL LETTER K
6C LATIN SMALL LETTER L
6D LATIN SMALL LETTER M
6E LATIN SMALL LETTER N
6F LATIN SMALL LETTER O
70 LATIN SMALL LETTER P
71 LATIN SMALL LETTER Q
72 LATIN SMALL LETTER R
73 LATIN SMALL LETTER S
74 LATIN SMALL LETTER T
75 LATIN SMALL LETTER U
76 LATIN SMALL LETTER V
77 LATIN SMALL LETTER W
78 LATIN SMALL LETTER X
79 LATIN SMALL LETTER Y
7A LATIN SMALL LETTER Z
7B LATIN SMALL LETTER A WITH DIAERESIS
7C LATIN SMALL LETTER O WITH DIAERESIS
7D LATIN SMALL LETTER N WITH TILDE
7E LATIN SMALL LETTER U WITH DIAERESIS
7F LATIN SMALL LETTER A WITH GRAVE
1B0A FORM FEED
1B14 CIRCUMFLEX ACCENT
1B28 LEFT CURLY BRACKET
1B29 RIGHT CURLY BRACKET
1B2F REVERSE SOLIDUS
1B3C LEFT SQUARE BRACKET
1B3D TILDE
1B3E RIGHT SQUARE BRACKET
1B40 VERTICAL LINE
1B65 EURO SIGN
"""
STANDARD = {
    bytes.fromhex(code): unicodedata.lookup(name)
    for code, name in (row.split(" ", 1) for row in _TABLE.strip().splitlines())
}


def units(part: str, chosen: Alphabet) -> int:
    """Septets or UCS-2 units, counted another way than the module does."""
    if chosen is Alphabet.UCS2:
        return len(part.encode("utf-16-be")) // 2
    return len(part) + sum(part.count(character) for character in "\f^{}\\[~]|€")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 1, id="empty"),
        pytest.param("a" * 160, 1, id="160 Latin letters alone"),
        pytest.param("a" * 161, 2, id="161 Latin letters"),
        pytest.param("a" * 306, 2, id="two full Latin parts"),
        pytest.param("a" * 307, 3, id="one letter over two parts"),
        pytest.param("я" * 70, 1, id="70 Cyrillic letters alone"),
        pytest.param("я" * 71, 2, id="71 Cyrillic letters"),
        pytest.param("я" * 134, 2, id="two full Cyrillic parts"),
        pytest.param("я" * 135, 3, id="one letter over two Cyrillic parts"),
        pytest.param("€" * 80, 1, id="80 euro signs alone"),
        pytest.param("€" * 81, 2, id="81 euro signs"),
        pytest.param("a" * 152 + "€" + "a" * 152, 3, id="an escape pair at the border costs a part"),
        pytest.param("\N{GRINNING FACE}" * 35, 1, id="35 emoji alone"),
        pytest.param("\N{GRINNING FACE}" * 36, 2, id="36 emoji"),
        pytest.param("я" * 66 + "\N{GRINNING FACE}" + "я" * 66, 3, id="a surrogate pair at the border costs a part"),
    ],
)
def test_segments(text: str, expected: int) -> None:
    assert segments(text) == expected


@pytest.mark.parametrize("character", ["`", "і", "ў", "«", "№", "\t", "ç", "\x1b"])
def test_one_character_outside_the_gsm_alphabet_makes_the_text_ucs2(character: str) -> None:
    assert alphabet("order " + character) is Alphabet.UCS2


@pytest.mark.parametrize("character", ["§", "@", "Ω", "\n", "€", "Ç", "_"])
def test_characters_of_the_gsm_alphabet_keep_it(character: str) -> None:
    assert alphabet("order " + character) is Alphabet.GSM


@given(st.one_of(st.text(max_size=900), st.text(alphabet="a€{я\N{GRINNING FACE}", max_size=900)))
def test_any_text_comes_back_from_its_parts_and_no_part_is_too_long(text: str) -> None:
    chosen, cut = alphabet(text), parts(text)
    assert "".join(cut) == text
    limit = chosen.alone if len(cut) == 1 else chosen.in_parts
    assert all(units(part, chosen) <= limit for part in cut)
    if len(cut) > 1:
        assert units(text, chosen) > chosen.alone


def test_the_codec_is_the_standards_table_character_by_character() -> None:
    assert len(STANDARD) == 127 + 10
    assert {codes: gsm_decode(codes) for codes in STANDARD} == STANDARD
    assert {gsm_encode(character): character for character in STANDARD.values()} == STANDARD


def test_the_alphabet_has_the_standards_characters_and_no_other() -> None:
    characters = set(STANDARD.values())
    assert len(characters) == len(STANDARD)
    assert {chr(code) for code in range(0x10000) if alphabet(chr(code)) is Alphabet.GSM} == characters


def test_a_backtick_is_no_section_sign() -> None:
    """smpplib.gsm encodes a backtick as 0x5F, which phones show as a section sign."""
    assert alphabet("`") is Alphabet.UCS2
    with pytest.raises(ValueError, match="not every character"):
        gsm_encode("`")


def test_a_section_sign_is_in_the_gsm_alphabet() -> None:
    """smpplib.gsm does not know it and sends the whole text as UCS-2, at twice the price."""
    assert alphabet("§ 5") is Alphabet.GSM
    assert gsm_encode("§") == b"\x5f"


def test_an_escape_pair_is_not_cut() -> None:
    """smpplib.gsm cuts octets and not characters: the first part would end with half of the euro sign."""
    cut = parts("a" * 152 + "€" + "a" * 20)
    assert cut == ["a" * 152, "€" + "a" * 20]


@pytest.mark.parametrize("text", ["password 7391 `", "password 7391 я", "\x1b", "\ud83d"])
def test_what_cannot_be_encoded_is_refused_without_telling_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="not every character is in the GSM default alphabet") as caught:
        gsm_encode(text)
    assert "7391" not in repr(caught.value)
    assert caught.value.__suppress_context__


@given(st.text(alphabet=sorted(STANDARD.values())))
def test_any_text_of_the_alphabet_comes_back_from_the_codec(text: str) -> None:
    assert gsm_decode(gsm_encode(text)) == text
    assert len(gsm_encode(text)) == units(text, Alphabet.GSM)


@given(st.binary())
def test_any_octets_are_shown_somehow(octets: bytes) -> None:
    assert len(gsm_decode(octets)) >= len(octets) / 2


@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        pytest.param(b"\x1ba", "a", id="an unknown extension code is the default table's character"),
        pytest.param(b"\x1b\x0d.", "\r.", id="a control code that is reserved there too"),
        pytest.param(b"5 \x1b", "5  ", id="an escape at the end is a space"),
        pytest.param(b"\x1b\x1be", " e", id="an escape to a further table is a space"),
        pytest.param(b"a\x80\xffb", "a\ufffd\ufffdb", id="no septets"),
        pytest.param(b"\x1b\xe5b", "\ufffdb", id="no septet behind an escape"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_what_a_receiver_shows_of_odd_octets(octets: bytes, shown: str) -> None:
    assert gsm_decode(octets) == shown


def test_lone_surrogates_are_counted_like_any_other_character() -> None:
    """A Python string can hold them (a broken JSON escape is enough); encoding them for the air is `encode`'s."""
    assert alphabet("\ud83d") is Alphabet.UCS2
    assert (segments("\udc00" * 70), segments("\udc00" * 71)) == (1, 2)
    # Two halves that stand side by side are still two characters, and may part.
    halves = "я" * 66 + "\ud83d\ude00" + "я" * 66
    assert [len(part) for part in parts(halves)] == [67, 67]
    assert "".join(parts(halves)) == halves


@given(st.text(st.characters(categories=("Cs", "Lu", "Zs")), max_size=300))
def test_lone_surrogates_never_break_the_cutting(text: str) -> None:
    assert "".join(parts(text)) == text
    assert segments(text) == len(parts(text))


@given(st.text("aя€😀", max_size=500))
def test_so_many_characters_fewer_are_one_segment_fewer(text: str) -> None:
    check_fewer(text)


@given(st.text("a€", max_size=400), st.text("aя😀", max_size=30))
def test_a_text_that_needs_ucs2_at_its_end_alone_may_lose_that(latin: str, end: str) -> None:
    check_fewer(latin + end)


def check_fewer(text: str) -> None:
    fewer = fewer_characters(text)
    if not fewer:
        assert segments(text) == 1
    else:
        assert segments(text[: len(text) - fewer]) < segments(text) == segments(text[: len(text) - fewer + 1])


@pytest.mark.parametrize(
    ("text", "fewer"),
    [
        pytest.param("я" * 71, 1, id="one character over what a message alone holds"),
        pytest.param("я" * 134, 64, id="two full parts"),
        pytest.param("я" * 135, 1, id="one character in the third part"),
        pytest.param("я" * 69 + "😀", 1, id="an emoji that is two units"),
        pytest.param("a" * 100 + "я", 1, id="one Cyrillic letter behind Latin ones"),
        pytest.param("€" * 80 + "я" * 5, 5, id="Cyrillic letters behind characters of two septets"),
    ],
)
def test_fewer_characters(text: str, fewer: int) -> None:
    assert fewer_characters(text) == fewer


# What people are told of a text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("", 160),
        ("a" * 159, 1),
        ("a" * 160, 0),
        ("a" * 161, 153 - 8),
        ("[" * 80, 0),
        ("ж" * 69, 1),
        ("ж" * 70, 0),
        ("ж" * 71, 67 - 4),
        # The pair that does not fit into the first part leaves a place in it, which is no room any more.
        ("ж" * 66 + "😀" + "ж" * 5, 67 - 7),
    ],
)
def test_the_room_is_what_the_last_part_still_holds(text: str, left: int) -> None:
    assert room(text) == left


@given(st.text(alphabet=st.sampled_from("ab[ж😀\n"), max_size=400))
def test_so_many_more_characters_need_no_part_more_and_one_more_does(text: str) -> None:
    more = "a" if alphabet(text) is Alphabet.GSM else "ж"
    full = text + more * room(text)
    assert room(full) == 0
    if segments(text) > 1:
        assert segments(full) == segments(text)
        assert segments(full + more) == segments(text) + 1


def test_what_counts_as_two_depends_on_the_alphabet() -> None:
    assert doubled("[1] €") == 3
    assert doubled("[1] ж") == 0
    assert doubled("😀😀") == 2


def test_foreign_characters_come_in_order_with_how_often() -> None:
    assert foreign("Заказ № 1: «a»") == {
        "З": 1, "а": 2, "к": 1, "з": 1, "№": 1, "«": 1, "»": 1,
    }  # fmt: skip
    assert foreign("Order [1] at 10 €") == {}

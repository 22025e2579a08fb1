"""Alphabets, lengths and parts, against the figures of TS 23.038 and TS 23.040."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.text import Alphabet, alphabet, parts, segments


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

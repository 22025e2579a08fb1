"""Texts with plain signs and in Latin letters, and what a text comes to as an SMS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.composition import composed
from a1gateway.plain_letters import in_latin_letters, is_letter, plain_sign, with_plain_signs
from a1gateway.text import Alphabet, alphabet, foreign

# As people write: letters of both languages, typographic signs, emojis.
WRITTEN = st.text(
    alphabet=st.sampled_from("abZ19 .[€абгщЁЩъіўЎҐ«»„“–—…№×½\u00a0\u200b\u00adčÑ😀\u0306\u0301\n"), max_size=80
)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("«Order» – № 5…", '"Order" - N 5...'),
        ("“a”, ‘b’, it’s", "\"a\", 'b', it's"),
        ("10\u00a0000\u202fBYN", "10 000 BYN"),
        ("soft\u00adhyphen, zero\u200bwidth", "softhyphen, zerowidth"),
        ("½, m², ﬁ", "1/2, m2, fi"),
        ("café, Łódź, č", "café, Lodz, c"),
        ("a\tb", "a b"),
        ("Заказ «готов»", 'Заказ "готов"'),
        ("😀", "😀"),
        ("é[€]", "é[€]"),
    ],
)
def test_signs_get_their_plain_counterparts(written: str, plain: str) -> None:
    assert with_plain_signs(written) == plain


@pytest.mark.parametrize(
    ("written", "latin"),
    [
        ("Заказ готов, ждём Вас", "Zakaz gotov, zhdyom Vas"),
        ("Щётка, ЩЁТКА, Я и ЁЖ", "Shchyotka, SHCHYOTKA, Ya i YOZH"),
        ("Объявление, соль, эхо, цех, чай", "Obyavlenie, sol, ekho, tsekh, chay"),
        ("Замова гатовая, чакаем Вас у краме", "Zamova gatovaya, chakaem Vas u krame"),
        ("Замова гатовая, ёсць зніжка; воўк і гусь", "Zamova hatovaya, yosts znizhka; vouk i hus"),
        ("Скидка 10% — «только» сегодня № 1", 'Skidka 10% - "tolko" segodnya N 1'),
        ("Иио\u0306 йод", "Iio yod"),
    ],
)
def test_letters_get_latin_ones(written: str, latin: str) -> None:
    assert in_latin_letters(written) == latin


def test_a_letter_with_its_accent_beside_it_stays_that_letter() -> None:
    assert in_latin_letters("мои\u0306") == "moy"


@given(WRITTEN)
def test_replacing_signs_once_more_changes_nothing_and_touches_no_letter(text: str) -> None:
    plain = with_plain_signs(text)
    assert with_plain_signs(plain) == plain
    assert all(is_letter(each) or plain_sign(each) is None for each in foreign(plain))


@given(WRITTEN)
def test_in_latin_letters_nothing_is_left_but_what_has_no_counterpart(text: str) -> None:
    assert all(plain_sign(each) is None and not is_letter(each) for each in foreign(in_latin_letters(text)))


@given(st.text(alphabet=st.sampled_from("abZ19 .,[€é\n#{}|_"), max_size=80))
def test_what_gsm_has_stays_as_it_is(text: str) -> None:
    """Fields of templates among it."""
    assert with_plain_signs(text) == in_latin_letters(text) == text


@given(st.characters())
def test_a_plain_sign_is_always_one_that_gsm_has(character: str) -> None:
    plain = plain_sign(character)
    assert plain is None or alphabet(plain) is Alphabet.GSM


def test_a_text_is_told_with_what_forces_its_alphabet() -> None:
    found = composed("Заказ № 1 😀")
    assert found.alphabet is Alphabet.UCS2
    assert (found.segments, found.room, found.doubled) == (1, 70 - 12, 1)
    assert [(each.character, each.times, each.plain) for each in found.letters] == [
        ("З", 1, "Z"),
        ("а", 2, "a"),
        ("к", 1, "k"),
        ("з", 1, "z"),
    ]
    assert [(each.character, each.plain) for each in found.signs] == [("№", "N"), ("😀", None)]


@given(WRITTEN)
def test_the_parts_are_the_whole_text_and_as_many_as_it_costs(text: str) -> None:
    found = composed(text)
    assert "".join(found.parts) == text
    assert found.segments == len(found.parts) >= 1
    assert found.room >= 0
    assert bool(found.letters or found.signs) is (found.alphabet is Alphabet.UCS2)

"""What subscribers write about marketing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.choice_words import ChoiceWords
from a1gateway.message import Choice

WORDS = ChoiceWords(["STOP", "СТОП", "ОТПИСКА", "не надо"], ["START", "СТАРТ"])


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Стоп! ",
        "СТОП.",
        "«стоп»",
        "Стоп, не пишите мне",
        "CTOП",
        "CТОП",
        "Отписка",
        "Не  надо",
        "Stop sms",
    ],
)
def test_a_message_that_begins_with_the_word_opts_out(text: str) -> None:
    """Whatever its letters: on a phone both alphabets look alike."""
    assert WORDS.read(text) is Choice.OUT


@pytest.mark.parametrize("text", ["start", "СТАРТ", "Старт!", " start "])
def test_a_message_that_is_the_word_opts_in(text: str) -> None:
    assert WORDS.read(text) is Choice.IN


@pytest.mark.parametrize(
    "text", ["", "!", "стопка", "Спасибо", "остановка", "Start up", "не", "когда старт?", "надо", "non stop"]
)
def test_any_other_message_is_no_choice(text: str) -> None:
    assert WORDS.read(text) is None


def test_without_words_nothing_is_a_choice() -> None:
    assert ChoiceWords().read("") is None
    assert ChoiceWords(["!"], ["?"]).read("!") is None


@given(st.text())
def test_whatever_is_written_is_read(text: str) -> None:
    """And an opting in never hides an opting out."""
    assert WORDS.read("stop " + text) is Choice.OUT
    assert WORDS.read(text) in (None, Choice.IN, Choice.OUT)

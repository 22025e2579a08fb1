"""What the pages say: the same in three languages, and all that the templates ask for is there."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

import a1gateway.pages
from a1gateway.pages.front import MENU
from a1gateway.words.catalogue import catalogue, names
from a1gateway.words.words import LANGUAGES, language_of, words

FOLDER = Path(str(files(a1gateway.pages)))
ASKED = re.compile(r"""\b(?:t|words|asked\.words)(?:\.count|\.noun)?\(\s*"([^"]+)"(\s*~)?""")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("name", names())
def test_the_languages_say_the_same(name: str) -> None:
    russian = catalogue(name, "ru")
    for language in LANGUAGES:
        other = catalogue(name, language)
        assert other.keys() == russian.keys()
        assert [key for key, text in other.items() if not text or text != text.strip()] == []
        assert {key for key, text in other.items() if fields(text) != fields(russian[key])} == set()


def test_every_place_of_the_menu_has_its_name() -> None:
    known = catalogue("pages", "ru")
    assert [name for name in MENU if f"menu.{name}" not in known] == []


def test_no_key_stands_in_two_catalogues() -> None:
    keys = [key for name in names() for key in catalogue(name, "ru")]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


def test_whatever_templates_and_pages_ask_for_is_there() -> None:
    known = {key for name in names() for key in catalogue(name, "ru")}
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py")]
    asked = [match for path in sources for match in ASKED.finditer(path.read_text("utf-8"))]
    assert len(asked) > 100
    missing = {
        match[1]
        for match in asked
        if not (
            # What is put together begins so, at least.
            any(key.startswith(match[1]) for key in known)
            if match[2]
            else match[1] in known or f"{match[1]}.other" in known
        )
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("portal", "language"),
    [("ru", "ru"), ("RU", "ru"), ("", "ru"), ("ua", "ru"), ("by", "be"), ("be", "be"), ("en", "en"), ("pl", "en")],
)
def test_the_portals_language_becomes_one_of_ours(portal: str, language: str) -> None:
    assert language_of(portal) == language


@pytest.mark.parametrize(
    ("number", "russian"),
    [(1, "1 сегмент"), (2, "2 сегмента"), (5, "5 сегментов"), (11, "11 сегментов"), (21, "21 сегмент")],
)
def test_nouns_follow_their_numbers(number: int, russian: str) -> None:
    assert words("ru").count("segments", number) == russian


def test_money_numbers_moments_and_durations_are_written_as_people_write_them() -> None:
    russian, english = words("ru"), words("en")
    assert russian.money(Decimal("0.045")) == "0,045 BYN"
    assert russian.money(Decimal("1234.5")) == "1\N{NO-BREAK SPACE}234,50 BYN"
    assert english.money(None) == "—"
    assert russian.moment(1_795_305_600.0) == "22.11.2026 03:00:00"
    assert russian.phone("+375291112233") == "+375 29 111-22-33"
    assert [russian.phone(each) for each in ("+74951234567", "", "по номеру")] == ["+74951234567", "", "по номеру"]
    assert russian.day(1_795_305_600.0) == "22 ноября 2026"
    assert russian.percent(0.125) == "12,5 %"
    assert [russian.duration(each) for each in (0, 2.44, 65, 3700, 90061)] == [
        "0 с",
        "2,4 с",
        "1 мин 5 с",
        "1 ч 1 мин",
        "1 дн. 1 ч",
    ]


@pytest.mark.parametrize(
    ("word", "russian"),
    [
        ("card", "карточка CRM"),
        ("rule:a1_sms_send", "робот «SMS через A1»"),
        ("rule:my_own", "робот: my_own"),
        ("scenario:visit", "сценарий: visit"),
        ("something", "something"),
    ],
)
def test_who_sent_it_is_named(word: str, russian: str) -> None:
    assert words("ru").sent_by(word) == russian


def test_a_moment_is_written_in_any_form_by_the_clocks_of_minsk() -> None:
    moment = datetime(2026, 11, 30, 22, 15, tzinfo=UTC)
    assert words("ru").moment_in("d MMMM, HH:mm", moment) == "1 декабря, 01:15"
    assert words("be").moment_in("LLLL y", moment) == "снежань 2026"
    assert words("en").moment_in("EEE", moment) == "Tue"

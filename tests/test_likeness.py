"""Whether two texts are of one mailing."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.journal.likeness import LONGEST, likeness, same_for_one, wording


def alike(one: str, other: str) -> bool:
    return likeness(wording(one), wording(other)) > (0, 0)


OF_ONE_MAILING = [
    (
        "Анна, скидка 20% до воскресенья! MyShop, ул. Немига 5",
        "Иван Петрович, скидка 20% до воскресенья! MyShop, ул. Немига 5",
    ),
    (
        "Уважаемая Ольга! У Вас накоплено 1 250 бонусов. Потратьте их до 30.11 в MyShop.",
        "Уважаемый Пётр! У Вас накоплено 80 бонусов. Потратьте их до 30.11 в MyShop.",
    ),
    ("Анна, ждём вас!", "Иван Петрович, ждём вас!"),
    ("Анна, скидка!", "Олег, скидка!"),
    # A base in which nobody minded capitals, or the ё.
    ("анна ивановна, скидка на всё!", "Пётр, скидка на все!"),
    ("АННА, ждём вас завтра в салоне", "Олег, ждем вас завтра в салоне"),
    ("MyShop: уважаемая Анна, ждём!", "MyShop: уважаемый Пётр, ждём!"),
    ("Шаноўная Вольга, зніжка 15% на ўсё да нядзелі", "Шаноўны Пётр, зніжка 15% на ўсё да нядзелі"),
    ("Dear Anna, your code is AB12CD. myshop.by", "Dear Peter Pan, your code is ZX99QQ. myshop.by"),
    ("Анна, с днём рождения! Дарим 10% по коду ANNA7", "Ян, с днём рождения! Дарим 10% по коду YAN12"),
    (
        "Светлана Александровна! Ваша карта: 1 250,50 BYN. Ждём в г. Минск",
        "Юрий! Ваша карта: 3 BYN. Ждём в г. Гомель",
    ),
    # Where nothing but an amount tells them apart, nothing is known of them.
    ("Скидка 20%", "Скидка 30%"),
]

OF_DIFFERENT_MAILINGS = [
    "Скидка 20% на обувь до 30.11. Подробнее myshop.by",
    "MyShop: новая коллекция платьев уже в продаже. Отказ: STOP на 1234",
    "Анна, ждём вас!",
    "Чёрная пятница: -50% на всё 27.11, myshop.by",
    "С днём рождения! Дарим 10% на любую покупку",
    "Приглашаем на дегустацию сыров в субботу в 15:00, Немига 5",
    "Завтра открываем новый магазин в Уручье: подарки первым 100 гостям",
    "Распродажа",
    "Новинки недели",
    "Скидка",
    "Шаноўныя кліенты, у нядзелю мы не працуем",
    "Dear customers, we are closed on Sunday",
    "Ваши бонусы сгорают 30.11: успейте потратить 250",
    "Бесплатная доставка до конца недели по коду FREE",
    "50%",
    "🎁🎁🎁",
    "",
]


@pytest.mark.parametrize(("one", "other"), OF_ONE_MAILING)
def test_texts_with_other_names_and_amounts_are_of_one_mailing(one: str, other: str) -> None:
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(("one", "other"), [*combinations(OF_DIFFERENT_MAILINGS, 2)])
def test_texts_that_say_something_else_are_not(one: str, other: str) -> None:
    assert not alike(one, other)


def test_a_figure_in_both_decides_between_two() -> None:
    of = wording("Анна, скидка 30% до воскресенья")
    assert likeness(of, wording("Пётр, скидка 30% до воскресенья")) > likeness(
        of, wording("Пётр, скидка 20% до воскресенья")
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Анна, скидка 20% на обувь", "Анна Ивановна, скидка 20% на обувь", True),
        ("Анна, скидка 20% на обувь", "Анна, скидка 30% на обувь", False),
        ("Анна, скидка 20% на обвуь", "Анна, скидка 20% на обувь", False),
    ],
)
def test_one_subscriber_gets_the_same_words_and_figures_of_one_mailing(one: str, other: str, same: bool) -> None:
    assert same_for_one(wording(one), wording(other)) is same


LETTERS = "абвгдежзийклмнопрстуфхцчшщыэюяіў"
plain = st.text(LETTERS, min_size=2, max_size=10)
names = st.lists(plain.map(str.capitalize), max_size=3).map(" ".join)
figures = st.integers(0, 10**6).map(str) | st.from_regex(r"[A-Z]{2}[0-9]{2,4}", fullmatch=True)


@st.composite
def fillings(draw: st.DrawFn) -> tuple[str, str]:
    """A mailing's text, as two contacts get it."""
    words = draw(st.lists(plain, min_size=4, max_size=30, unique=True))
    begins, amount = draw(st.booleans()), draw(st.integers(0, len(words)))

    def filled() -> str:
        name = draw(names)
        of_it = [*words[:amount], draw(figures), *words[amount:]]
        return f"{name}, {' '.join(of_it)}" if begins else f"{' '.join(of_it)} {name}!"

    return filled(), filled()


@given(fillings())
def test_whatever_is_put_into_a_mailings_text_it_stays_one_mailing(texts: tuple[str, str]) -> None:
    assert alike(*texts)


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_mutual(one: str, other: str) -> None:
    assert likeness(wording(one), wording(other)) == likeness(wording(other), wording(one))
    assert same_for_one(wording(one), wording(other)) == same_for_one(wording(other), wording(one))


@given(st.text(max_size=300))
def test_a_text_is_like_itself_if_it_has_words(text: str) -> None:
    assert alike(text, text) == bool(wording(text).words)
    assert same_for_one(wording(text), wording(text))


def test_of_a_text_without_end_the_beginning_is_looked_at() -> None:
    begins = ("слово " * LONGEST)[:LONGEST]
    assert wording(begins + "другое " * 1000) == wording(begins + "третье " * 1000)

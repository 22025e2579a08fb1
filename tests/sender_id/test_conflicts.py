"""What A1 may object to: names of others however they are disguised, words that name nobody, telephone numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.sender_id.conflicts import Conflict, LikelyConflict, conflicts_of, folded
from a1gateway.sender_id.name import faults_of
from a1gateway.sender_id.well_known import GENERIC_WORDS, WELL_KNOWN, Owner, WellKnown

DISGUISES = {"o": "0", "i": "1", "l": "1", "e": "3", "s": "5", "b": "8", "a": "4", "t": "7", "g": "9"}


def conflicts(name: str, company: str = "") -> set[Conflict]:
    """The kinds of what is found."""
    return {each.conflict for each in conflicts_of(name, company)}


@pytest.mark.parametrize(
    ("name", "company"),
    [
        ("Vesna", "ЧУП «Весна-Плюс»"),
        ("VesnaPlus", "Частное предприятие «Весна-Плюс»"),
        ("SitiMarket", "ООО «Сити Маркет»"),
        ("Greenway", "ООО «Гринвэй»"),
        ("BTK", "ОАО «Белорусская торговая компания»"),
        ("IvanovI", "Индивидуальный предприниматель Иванов Иван Иванович"),
        ("Zhuravinka", "УП Журавинка"),
        ("Cafe Lido", "Ресторан Лидо"),
        ("Pineapple", ""),
    ],
)
def test_nothing_is_said_of_a_companys_own_name(name: str, company: str) -> None:
    assert conflicts_of(name, company) == []


@pytest.mark.parametrize(
    ("name", "like", "owner"),
    [
        ("A1", "A1", Owner.OPERATOR),
        ("A1Info", "A1", Owner.OPERATOR),
        ("MTS-by", "MTS", Owner.OPERATOR),
        ("MTSby", "MTS", Owner.OPERATOR),
        ("mt5", "MTS", Owner.OPERATOR),
        ("life24", "life:)", Owner.OPERATOR),
        ("Pri0rbank", "Priorbank", Owner.BANK),
        ("PR10RBANK", "Priorbank", Owner.BANK),
        ("Belarusbamk", "Belarusbank", Owner.BANK),
        ("Alfa-Bank", "Alfa-Bank", Owner.BANK),
        ("Belpost.by", "Belpost", Owner.PUBLIC_SERVICE),
        ("MVD", "MVD", Owner.AUTHORITY),
        ("MNS Minsk", "Minsk", Owner.AUTHORITY),
        ("MyErip", "ERIP", Owner.PAYMENTS),
        ("G00gle", "Google", Owner.ONLINE_SERVICE),
        ("Wi1dberries", "Wildberries", Owner.SHOP),
        ("Europo5t", "Europost", Owner.DELIVERY),
    ],
)
def test_names_that_subscribers_trust_are_recognised(name: str, like: str, owner: Owner) -> None:
    assert conflicts_of(name)[0] == LikelyConflict(Conflict.WELL_KNOWN, like, owner)


@pytest.mark.parametrize(
    ("name", "company"),
    [
        ("Priorbank", "ОАО «Приорбанк»"),
        ("Belpost", "Республиканское унитарное предприятие почтовой связи «Белпочта» (Belpost)"),
        ("Mila", "ООО «Мила»"),
    ],
)
def test_the_owner_may_have_its_name(name: str, company: str) -> None:
    assert Conflict.WELL_KNOWN not in conflicts(name, company)


def test_a_name_much_like_the_companys_may_still_be_anothers() -> None:
    assert Conflict.WELL_KNOWN in conflicts("Belarusbank", "ООО «Белбанк»")


@pytest.mark.parametrize(
    "name", ["INFO", "sms", "SMS-INFO", "Shop24", "INF0", "Test", "MyShop".replace("My", "Big "), "24 Taxi"]
)
def test_words_that_name_nobody(name: str) -> None:
    assert (Conflict.GENERIC in conflicts(name)) == (name != "Big Shop")


@pytest.mark.parametrize("name", ["80172345678", "17 234 5678", "29-111-2233", "tel2345678", "1-0-2"])
def test_what_reads_as_a_number(name: str) -> None:
    assert Conflict.PHONE_NUMBER in conflicts(name)


@pytest.mark.parametrize("name", ["21vek", "Route 66", "A100", "Shop2026"])
def test_a_name_may_have_digits(name: str) -> None:
    assert Conflict.PHONE_NUMBER not in conflicts(name)


def test_signs_alone_say_nothing() -> None:
    assert conflicts("...") == {Conflict.NO_LETTERS}


def test_a_short_name_may_be_refused() -> None:
    assert conflicts("AB", "ООО «АБ»") == {Conflict.SHORT}


@pytest.mark.parametrize(
    ("name", "company"),
    [("MyShop", "ООО «Мой магазин»"), ("Rosa", "ИП Иванов Иван Иванович"), ("Vesna", "ООО «Лето»")],
)
def test_a_name_of_its_own_has_to_be_proved(name: str, company: str) -> None:
    assert Conflict.NOT_THE_COMPANY in conflicts(name, company)
    assert Conflict.NOT_THE_COMPANY not in conflicts(name)


@given(st.sampled_from(WELL_KNOWN), st.data())
def test_no_disguise_hides_a_well_known_name(known: WellKnown, data: st.DataObject) -> None:
    """Capitals, digits for letters, and signs between the letters make no difference."""
    written = ""
    for letter in known.name:
        as_digit = DISGUISES.get(letter.lower(), letter)
        written += data.draw(st.sampled_from([letter, letter.upper(), letter.lower(), as_digit]))
        written += data.draw(st.sampled_from(["", "", "", "-", "."]))
    assert Conflict.WELL_KNOWN in conflicts(written)


@given(st.text(max_size=30), st.text(max_size=60))
def test_something_is_said_of_any_text(name: str, company: str) -> None:
    found = conflicts_of(name, company)
    assert len(found) == len({each.conflict for each in found})
    assert all((each.conflict is Conflict.WELL_KNOWN) == bool(each.like) for each in found)


@given(st.text(alphabet="абвгдежзиклмнопрст", min_size=3, max_size=9))
def test_a_company_may_have_its_name_as_it_is_spelled_in_latin(word: str) -> None:
    assert Conflict.NOT_THE_COMPANY not in conflicts(word.title(), f"ООО «{word.title()}»")


def test_the_lists_can_be_compared() -> None:
    assert all(folded(each.name) for each in WELL_KNOWN)
    assert len({each.name for each in WELL_KNOWN}) == len(WELL_KNOWN)
    assert all(word == word.lower() and word.isascii() for word in GENERIC_WORDS)
    assert not [word for word in GENERIC_WORDS if len(word) < 12 and faults_of(word)]

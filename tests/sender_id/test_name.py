"""What may be a Sender ID: one rule, and every fault named to whoever wanted something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.config_sections import A1
from a1gateway.sender_id.latin import LOOK_ALIKES, by_looks, in_latin
from a1gateway.sender_id.name import (
    MOST_CHARACTERS,
    SENDER_ID,
    SIGNS,
    FaultOfName,
    NameFault,
    faults_of,
    suggestion_for,
)

LATIN = "ABCabcXYZxyz0189" + SIGNS
wanted = st.one_of(
    st.text(max_size=20),
    st.text(alphabet=LATIN, max_size=13),
    st.text(alphabet=LATIN + "ЖжАаСсрёўі/@", max_size=13),
)


@pytest.mark.parametrize(
    "name", ["A", "MyShop", "21vek", "M&S", "my-shop.by", "Shop No 5!", "a_b", "1-2", "ABCDEFGHIJK"]
)
def test_these_may_be_one(name: str) -> None:
    assert faults_of(name) == []
    assert suggestion_for(name) is None


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("", [FaultOfName(NameFault.EMPTY)]),
        ("  \t", [FaultOfName(NameFault.EMPTY)]),
        ("ABCDEFGHIJKL", [FaultOfName(NameFault.TOO_LONG)]),
        ("12345", [FaultOfName(NameFault.DIGITS_ALONE)]),
        ("МойShop", [FaultOfName(NameFault.NOT_LATIN, "Мой")]),
        ("Café", [FaultOfName(NameFault.NOT_LATIN, "é")]),
        ("a/b@c/d", [FaultOfName(NameFault.NOT_ALLOWED, "/@")]),
        ("Shop😀", [FaultOfName(NameFault.NOT_ALLOWED, "😀")]),
        (" Shop", [FaultOfName(NameFault.OUTER_SPACE)]),
        ("Shop ", [FaultOfName(NameFault.OUTER_SPACE)]),
        ("Shop\n", [FaultOfName(NameFault.NOT_ALLOWED, "\n")]),
        (
            "Магазин №1, Минск ",
            [
                FaultOfName(NameFault.TOO_LONG),
                FaultOfName(NameFault.NOT_LATIN, "Магзинск"),
                FaultOfName(NameFault.NOT_ALLOWED, "№,"),
                FaultOfName(NameFault.OUTER_SPACE),
            ],
        ),
    ],
)
def test_every_fault_is_named_with_its_characters(name: str, faults: list[FaultOfName]) -> None:
    assert faults_of(name) == faults


def test_letters_that_only_look_latin_are_pointed_out() -> None:
    (fault,) = faults_of("MуShоpЖ")
    assert fault.fault is NameFault.NOT_LATIN
    assert fault.look_alikes == {"у": "y", "о": "o"}


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        # Among Latin letters a slip of the keyboard, by itself a Russian word.
        ("MуShоp", "MyShop"),
        ("МОСТ", "MOST"),
        ("Весна", "Vesna"),
        ("Жук", "Zhuk"),
        ("ЖУК", "ZHUK"),
        ("Ўзлёт", "Uzlet"),
        ("Café 24", "Cafe 24"),
        ("My/Shop", "MyShop"),
        (" My  Shop ", "My Shop"),
        ("Щука №1", "Schuka 1"),
        ("12345", None),
        ("", None),
        ("Магазин подарков", None),
        ("Ω", None),
    ],
)
def test_a_spelling_is_offered(name: str, suggestion: str | None) -> None:
    assert suggestion_for(name) == suggestion


@given(wanted)
def test_a_name_without_faults_is_one_that_the_rule_fits(name: str) -> None:
    assert (not faults_of(name)) == (SENDER_ID.fullmatch(name) is not None)


@given(wanted)
def test_what_is_offered_has_no_faults(name: str) -> None:
    suggestion = suggestion_for(name)
    assert suggestion is None or (faults_of(name) and not faults_of(suggestion))


@given(wanted)
def test_the_configuration_takes_what_the_wizard_takes(name: str) -> None:
    try:
        A1.__pydantic_validator__.validate_assignment(A1.model_construct(), "sender_id", name)
        taken = True
    except ValueError:
        taken = False
    assert taken == (not faults_of(name))


@given(
    st.text(alphabet=LATIN.replace(" ", ""), min_size=1, max_size=MOST_CHARACTERS).filter(
        lambda text: not text.isdigit()
    )
)
def test_a_disguised_name_is_offered_back(name: str) -> None:
    """Letters that have a Cyrillic twin are replaced by it: as long as one stays Latin, what was meant comes back."""
    twins = {latin: cyrillic for cyrillic, latin in LOOK_ALIKES.items()}
    disguised = "".join(twins.get(letter, letter) for letter in name)
    assert by_looks(disguised) == name
    if disguised != name and any(
        "A" <= letter <= "z" and letter.isalpha() for letter in disguised if letter.isascii()
    ):
        assert suggestion_for(disguised) == name


@given(st.text())
def test_latin_letters_are_left_alone(text: str) -> None:
    spelled = in_latin(text)
    assert in_latin(spelled) == spelled or not text.isascii()
    if text.isascii():
        assert spelled == text

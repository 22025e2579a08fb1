"""Values change in a configuration, and what people have written around them stays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.config_sections import LISTS, SECTIONS
from a1gateway.setup.config_text import anew, with_values

EXAMPLE = (Path(__file__).parent.parent / "config" / "a1gateway.example.toml").read_text("utf-8")
SECRETS = {name for section in SECTIONS.values() for name in section.secrets()}

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.one_of(
    words, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False), st.lists(words)
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the settings that there are, with any values."""
    table: dict[str, Any] = {}
    for place, section in SECTIONS.items():
        own = [name for name in section.model_fields if (*place, name) not in SECTIONS]
        if place[:1] in LISTS or not place or not draw(st.booleans()):
            continue
        at = table
        for name in place:
            at = at.setdefault(name, {})
        for name in draw(st.lists(st.sampled_from(own), unique=True)):
            at[name] = draw(values)
    if draw(st.booleans()):
        entry = st.dictionaries(st.sampled_from(["name", "text", "when"]), words | st.dictionaries(words, words))
        table["scenario"] = draw(st.lists(entry, min_size=1, max_size=3))
    return table


def comments(text: str) -> list[str]:
    """What is written for people: the lines that begin with `#` and a space."""
    return [line for line in text.splitlines() if line.startswith("# ")]


@given(tables())
def test_the_example_takes_any_values_and_keeps_its_comments(table: dict[str, Any]) -> None:
    text = with_values(EXAMPLE, table)
    assert text is not None
    assert tomllib.loads(text) == table
    assert comments(text) == comments(EXAMPLE)


@given(tables(), tables())
def test_what_was_edited_once_can_be_edited_again(first: dict[str, Any], second: dict[str, Any]) -> None:
    once = with_values(EXAMPLE, first)
    assert once is not None
    again = with_values(once, second)
    assert again is not None
    assert tomllib.loads(again) == second
    assert comments(again) == comments(EXAMPLE)


@given(tables())
def test_what_is_so_already_stays_to_the_letter(table: dict[str, Any]) -> None:
    text = anew(table)
    assert tomllib.loads(text) == table
    assert with_values(text, table) == text


@given(st.text(max_size=200), tables())
def test_any_file_is_edited_rightly_or_not_at_all(text: str, table: dict[str, Any]) -> None:
    edited = with_values(text, table)
    assert edited is None or tomllib.loads(edited) == table


def test_a_setting_gets_its_value_where_it_stands_commented_out() -> None:
    text = with_values("[store]\n# Where.\n#url = 1\n\n#spool = 2  # aside\n", {"store": {"spool": 'a "b"'}})
    assert text == '[store]\n# Where.\n#url = 1\n\nspool = "a \\"b\\""  # aside\n'


def test_a_section_that_is_not_wanted_is_commented_out_with_all_its_settings() -> None:
    text = with_values("[a1.http]\nurl = 1\nlist = [\n  2,\n]\n\n[log]\nlevel = 3\n", {"log": {"level": 3}})
    assert text == "#[a1.http]\n#url = 1\n#list = [\n#  2,\n#]\n\n[log]\nlevel = 3\n"


def test_a_secret_that_is_taken_out_does_not_stay_in_a_comment() -> None:
    text = with_values('[a1.http]\nuser = 1\napikey = "geheim"\n', {"a1": {"http": {"user": 1, "apikey_file": "F"}}})
    assert text == '[a1.http]\nuser = 1\napikey_file = "F"\n'


def test_comments_behind_values_and_line_ends_of_windows_stay() -> None:
    text = with_values(
        '[a1.http]\r\nuser = "1"  # ours\r\nurl = "u"\r\n', {"a1": {"http": {"user": "2", "url": "u"}}}
    )
    assert text == '[a1.http]\r\nuser = "2"  # ours\r\nurl = "u"\r\n'


@pytest.mark.parametrize("text", ['a1.transport = "http"\n', 'a1 = { transport = "http" }\n'])
def test_a_file_that_is_written_in_another_way_is_left_alone(text: str) -> None:
    assert with_values(text, {"a1": {"transport": "smpp"}}) is None


def test_scenarios_that_stay_the_same_keep_their_place_and_others_are_written_at_the_end() -> None:
    text = '[[scenario]]\n# Mine.\nname = "a"\n\n[log]\nlevel = "info"\n'
    table: dict[str, Any] = {"scenario": [{"name": "a"}], "log": {"level": "warn"}}
    assert with_values(text, table) == text.replace("info", "warn")
    table["scenario"] = [{"name": "b", "when": {"A": ["1"]}}]
    changed = with_values(text, table)
    assert changed is not None
    assert changed.startswith('#[[scenario]]\n# Mine.\n#name = "a"\n')
    assert changed.endswith('[log]\nlevel = "warn"\n\n[[scenario]]\nname = "b"\nwhen = {A = ["1"]}\n')

"""Commands of a batch as PHP reads them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.queries import Reference, query
from a1gateway.sandbox import php

TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: "$result[" not in text)
NAMES = st.text("abcXYZ_@><=", min_size=1, max_size=6)


def test_lists_and_dictionaries_stand_in_brackets() -> None:
    written = query({"entityTypeId": 3, "filter": {"@id": [5, 7]}, "select": ["*"], "start": None, "full": True})
    assert parse_qsl(written) == [
        ("entityTypeId", "3"),
        ("filter[@id][0]", "5"),
        ("filter[@id][1]", "7"),
        ("select[0]", "*"),
        ("full", "1"),
    ]


def test_a_text_that_looks_like_a_reference_is_refused() -> None:
    """The portal would put something else in its place."""
    with pytest.raises(ValueError, match="cannot stand in a batch"):
        query({"fields": {"COMMENT": "see $result[a][b]"}})
    assert "result" in query({"id": Reference("a", "b")})


@given(
    st.dictionaries(NAMES, st.recursive(TEXTS, lambda inner: st.dictionaries(NAMES, inner, min_size=1), max_leaves=8))
)
def test_php_reads_what_was_written(values: dict[str, Any]) -> None:
    assert php.nested(parse_qsl(query(values), keep_blank_values=True)) == values

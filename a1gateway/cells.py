"""Texts that came from outside, in the cells of a spreadsheet that is written as CSV."""

from __future__ import annotations

import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER_WITH_PLUS = re.compile(r"\+[\d\s().,;/-]*")


def no_formula(text: str) -> str:
    """A text that came from a person, for a cell: behind an apostrophe when a spreadsheet would compute it."""
    return "'" + text if text.startswith(_FORMULA) else text


def number_cell(text: str) -> str:
    """A number as a person wrote it, for a cell; its plus may stand at the beginning."""
    return text if _NUMBER_WITH_PLUS.fullmatch(text) else no_formula(text)

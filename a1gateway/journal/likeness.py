"""Whether two texts are of one mailing, into which CRM Marketing has put each contact's own name and figures.

What a mailing puts in is mostly names, which begin with a capital letter (and not a sentence within the text), and
amounts, dates and codes, which have digits. So these say nothing, and of the other words most have to be the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 2000
"""So many characters of a text are looked at; a text of ten parts has fewer."""
_WORD = re.compile(r"[^\W_]+")
_BEGINNING = re.compile(r"[.!?]\s+\w")
# Of all words of the longer text, and of those that say something: so many at least are in both.
_OF_ALL = 0.3
_OF_TELLING = 0.6


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as it is compared: which words it has, whatever their case and order."""

    words: frozenset[str]
    """Those without digits."""
    telling: frozenset[str]
    """Of these the ones that nobody is called by."""
    figures: frozenset[str]
    """Those with digits."""


def wording(text: str) -> Wording:
    """The words of a text."""
    plain = _BEGINNING.sub(lambda begun: begun[0].lower(), text[:LONGEST])
    found = set(_WORD.findall(plain.replace("ё", "е").replace("Ё", "Е")))
    lettered = {word for word in found if word.isalpha()}
    words = frozenset(word.casefold() for word in lettered)
    names = {word.casefold() for word in lettered if word.istitle()}
    return Wording(words, words - names, frozenset(word.casefold() for word in found - lettered))


def likeness(one: Wording, other: Wording) -> tuple[float, int]:
    """How much speaks for one mailing, for comparing with others: above (0, 0) when enough does, else (0, 0).

    Where it is the same for several, as when only an amount differs, the number of figures in both decides.
    """
    common = len(one.words & other.words)
    strange = max(len(one.telling - other.words), len(other.telling - one.words))
    if not common or common < _OF_ALL * max(len(one.words), len(other.words)):
        return 0.0, 0
    of_telling = common / (common + strange)
    return (of_telling, len(one.figures & other.figures)) if of_telling >= _OF_TELLING else (0.0, 0)


def same_for_one(one: Wording, other: Wording) -> bool:
    """Whether two texts to the same subscriber are of one mailing: but for names, that has the same for one."""
    return one.telling <= other.words and other.telling <= one.words and one.figures == other.figures

"""What a subscriber's SMS says of marketing: STOP, START, or neither."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .message import Choice

_WORD = re.compile(r"\w+")
# Whoever writes СТОП on a phone may have some of its letters from the other alphabet.
_ALIKE = str.maketrans("abcehkmoptxyі", "авсенкмортхуи")


class ChoiceWords:
    """The words that put a number on the stop list, and those that take it off."""

    def __init__(self, stop: Iterable[str] = (), start: Iterable[str] = ()) -> None:
        """Each of one word or several; capital letters make no difference."""
        self._stop = [words for each in stop if (words := _words(each))]
        self._start = [words for each in start if (words := _words(each))]

    def read(self, text: str) -> Choice | None:
        """The choice that a message makes; None when it makes none.

        A message that begins with a word for opting out is enough, whatever follows; opting in has to be the whole
        message, for it is a consent.
        """
        said = _words(text)
        if any(said[: len(words)] == words for words in self._stop):
            return Choice.OUT
        return Choice.IN if said in self._start else None


def _words(text: str) -> list[str]:
    return [word.translate(_ALIKE) for word in _WORD.findall(text.casefold())]

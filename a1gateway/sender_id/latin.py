"""Cyrillic letters in Latin: by what they look like, and by how names are commonly spelled in Belarus."""

from __future__ import annotations

import re
import unicodedata

LOOK_ALIKES = dict(zip("АВЕЅІЈКМНОРСТУХаеѕіјорсух", "ABESIJKMHOPCTYXaesijopcyx", strict=True))
"""Cyrillic letters by the Latin ones that nobody can tell them from."""

_SPELLED = {
    "а": "a",
    "б": "b",
    "в": "v",
    "г": "g",
    "ґ": "g",
    "д": "d",
    "е": "e",
    "ё": "e",
    "ж": "zh",
    "з": "z",
    "и": "i",
    "і": "i",
    "ї": "i",
    "й": "y",
    "к": "k",
    "л": "l",
    "м": "m",
    "н": "n",
    "о": "o",
    "п": "p",
    "р": "r",
    "с": "s",
    "т": "t",
    "у": "u",
    "ў": "u",
    "ф": "f",
    "х": "h",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "sch",
    "ъ": "",
    "ы": "y",
    "ь": "",
    "э": "e",
    "є": "e",
    "ю": "yu",
    "я": "ya",
}
_LATIN = re.compile(r"[A-Za-z]")


def by_looks(text: str) -> str:
    """`text` with Latin letters for the Cyrillic ones that look like them."""
    return "".join(LOOK_ALIKES.get(letter, letter) for letter in text)


def in_latin(text: str) -> str:
    """`text` in Latin letters, as far as it is of Cyrillic ones or of Latin ones with accents.

    Among Latin letters a Cyrillic one that looks like one is taken for a slip of the keyboard.
    """
    text = unicodedata.normalize("NFC", text)
    if _LATIN.search(text):
        text = by_looks(text)
    return "".join(_spelled(text, at) for at in range(len(text)))


def _spelled(text: str, at: int) -> str:
    letter = text[at]
    spelled = _SPELLED.get(letter.lower())
    if spelled is None:
        return _without_accents(letter)
    if letter.islower():
        return spelled
    # Of ЖУК it is ZHUK, of Жук Zhuk.
    neighbours = text[at + 1 : at + 2] or text[max(0, at - 1) : at]
    return spelled.upper() if neighbours.isupper() else spelled.capitalize()


def _without_accents(letter: str) -> str:
    if not letter.isalpha():
        return letter
    parts = unicodedata.normalize("NFKD", letter)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return plain if plain.isascii() and plain else letter

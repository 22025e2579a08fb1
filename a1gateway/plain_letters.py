"""Writing a text in the GSM default alphabet, of which more fits into a part: with plain signs, and in Latin letters.

Quotation marks, dashes and the like have plain counterparts that nobody minds. Letters are another matter: a text in
Latin letters reads worse, and whoever writes it has to want that. The letters are those of BGN/PCGN's tables for
Russian and Belarusian, without their soft and hard signs, which no keyboard has.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from .text import foreign

_SIGNS = {
    **dict.fromkeys("«»„“”‟″‶❝❞＂", '"'),
    **dict.fromkeys("‘’‚‛′‵ʼʹ`´ˈ＇", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃﹣－", "-"),
    **dict.fromkeys("‹❮⟨", "<"),
    **dict.fromkeys("›❯⟩", ">"),
    **dict.fromkeys("•·∙●▪■◆★☆✓✔", "*"),
    **dict.fromkeys("→➔➜⇒", "->"),
    **dict.fromkeys("←⇐", "<-"),
    "…": "...",
    "№": "N",
    "×": "x",
    "÷": ":",
    "≈": "~",
    "≤": "<=",
    "≥": ">=",
    "≠": "<>",
    "±": "+/-",
    "©": "(c)",
    "®": "(R)",
    "™": "(TM)",
    "°": "",
    "₽": "RUB",
    "₴": "UAH",
    "¢": "c",
    "Ł": "L",
    "ł": "l",
    "\u2044": "/",
    "\t": " ",
    "\v": "\n",
    "\u2028": "\n",
    "\u2029": "\n",
    "\x85": "\n",
}
# They hold an emoji of several characters together.
_OF_EMOJIS = frozenset("\u200d\ufe0f\ufe0e")
_LETTERS = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "і": "i", "ў": "u", "ґ": "g", "є": "ye", "ї": "yi",
}  # fmt: skip
# Russian has neither; where one of them is, г is the sound that Latin letters write as h.
_WITH_A_SOFT_G = frozenset("іў")


def is_letter(character: str) -> bool:
    """Whether a character is one of the Cyrillic letters that have Latin ones for them."""
    return character.lower() in _LETTERS


@cache
def plain_sign(character: str) -> str | None:
    """What a character that is not in the GSM default alphabet can be replaced by; it may be nothing at all.

    None for letters of other scripts, emojis and whatever else has no plain counterpart.
    """
    if character in _SIGNS:
        return _SIGNS[character]
    if character in _OF_EMOJIS:
        return None
    if unicodedata.category(character) in ("Cf", "Mn"):
        # Nobody sees the one; the other is an accent over the letter before.
        return ""
    if unicodedata.category(character) == "Zs":
        return " "
    apart = unicodedata.normalize("NFKD", character)
    kept = "".join(each for each in apart if unicodedata.category(each) != "Mn")
    kept = "".join(_SIGNS.get(each, each) for each in kept)
    return kept if kept and not foreign(kept) else None


def with_plain_signs(text: str) -> str:
    """`text` with a plain counterpart in the place of every sign that has one; letters stay."""
    # A letter with its accent beside it is the same as the letter that has one: й is no и.
    text = unicodedata.normalize("NFC", text)
    changed = {ord(each): plain for each in foreign(text) if (plain := plain_sign(each)) is not None}
    return text.translate(changed)


def in_latin_letters(text: str) -> str:
    """The same with Latin letters in the place of Cyrillic ones."""
    text = with_plain_signs(text)
    has_soft_g = not _WITH_A_SOFT_G.isdisjoint(text.lower())
    return "".join(
        _latin(character, _neighbour(text, place), has_soft_g=has_soft_g) for place, character in enumerate(text)
    )


def _latin(character: str, neighbour: str, *, has_soft_g: bool) -> str:
    small = character.lower()
    if small not in _LETTERS:
        return character
    latin = "h" if small == "г" and has_soft_g else _LETTERS[small]
    if character == small:
        return latin
    return latin.upper() if neighbour.isupper() else latin.capitalize()


def _neighbour(text: str, place: int) -> str:
    """The letter behind a place, else the one before it: it tells a word in capitals from one that begins so."""
    behind = text[place + 1 : place + 2]
    return behind if behind.isalpha() else text[max(0, place - 1) : place]

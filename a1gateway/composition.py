"""What a text comes to as an SMS: its alphabet and why, its parts, and what would make it shorter."""

from __future__ import annotations

from dataclasses import dataclass

from . import plain_letters
from .text import Alphabet, alphabet, doubled, foreign, parts, room


@dataclass(frozen=True, slots=True)
class Foreign:
    """A character that forces a text into UCS-2."""

    character: str
    times: int
    plain: str | None
    """What can stand in its place, perhaps nothing; None when there is no such thing."""

    @property
    def shown(self) -> str:
        """The character, or its number where nobody could see it: `U+00A0`."""
        visible = self.character.isprintable() and not self.character.isspace()
        return self.character if visible else f"U+{ord(self.character):04X}"


@dataclass(frozen=True, slots=True)
class Composition:
    """A text as it goes out."""

    text: str
    alphabet: Alphabet
    parts: tuple[str, ...]
    room: int
    """How many units of its alphabet still fit into the last part."""
    doubled: int
    """How many of its characters count as two."""
    letters: tuple[Foreign, ...]
    """The Cyrillic letters, which have Latin ones for them."""
    signs: tuple[Foreign, ...]
    """All other characters that force it into UCS-2."""

    @property
    def segments(self) -> int:
        """How many SMS it costs."""
        return len(self.parts)


def composed(text: str) -> Composition:
    """What `text` comes to."""
    outside = foreign(text)
    letters = [
        Foreign(each, times, plain_letters.in_latin_letters(each))
        for each, times in outside.items()
        if plain_letters.is_letter(each)
    ]
    signs = [
        Foreign(each, times, plain_letters.plain_sign(each))
        for each, times in outside.items()
        if not plain_letters.is_letter(each)
    ]
    return Composition(
        text, alphabet(text), tuple(parts(text)), room(text), doubled(text), tuple(letters), tuple(signs)
    )

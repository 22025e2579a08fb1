"""Alphabets and parts of a short message, by 3GPP TS 23.038 (GSM 03.38) and TS 23.040.

A text goes out in the GSM default alphabet when every character is in it or in its extension table, else in UCS-2.
Alone it may hold 160 septets or 70 UCS-2 units; in parts each gives up 6 octets to the concatenation header and holds
153 or 67. An extension character costs two septets and a character outside the BMP two units; neither pair is ever
divided between two parts, so a text can need one part more than a plain division says.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator

# TS 23.038, 6.2.1, in code order; 0x1B is the escape to the extension table and stands for no character.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# TS 23.038, 6.2.1.1.
_EXTENSION = "\f^{}\\[~]|€"

_SEPTETS = {character: 1 for character in _DEFAULT if character != "\x1b"} | dict.fromkeys(_EXTENSION, 2)


class Alphabet(enum.Enum):
    """How a text is written on the air, with the units that one message, or one part of several, can hold."""

    GSM = ("gsm", 160, 153)
    UCS2 = ("ucs2", 70, 67)

    def __init__(self, label: str, alone: int, in_parts: int) -> None:
        self.label = label
        self.alone = alone
        self.in_parts = in_parts


def alphabet(text: str) -> Alphabet:
    """The alphabet that `text` has to be sent in."""
    return Alphabet.GSM if all(character in _SEPTETS for character in text) else Alphabet.UCS2


def _costs(text: str, chosen: Alphabet) -> Iterator[int]:
    if chosen is Alphabet.GSM:
        return (_SEPTETS[character] for character in text)
    return (2 if character > "\uffff" else 1 for character in text)


def parts(text: str) -> list[str]:
    """`text` cut into the parts that go out, in order; joined they are `text`. An empty text is one part."""
    chosen = alphabet(text)
    costs = list(_costs(text, chosen))
    if sum(costs) <= chosen.alone:
        return [text]
    cut: list[str] = []
    start = used = 0
    for position, cost in enumerate(costs):
        if used + cost > chosen.in_parts:
            cut.append(text[start:position])
            start, used = position, 0
        used += cost
    cut.append(text[start:])
    return cut


def segments(text: str) -> int:
    """How many parts `text` needs, at least 1: what A1 charges for."""
    return len(parts(text))

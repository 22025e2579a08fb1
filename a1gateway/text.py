"""Alphabets and parts of a short message, by 3GPP TS 23.038 (GSM 03.38) and TS 23.040.

A text goes out in the GSM default alphabet when every character is in it or in its extension table, else in UCS-2.
Alone it may hold 160 septets or 70 UCS-2 units; in parts each gives up 6 octets to the concatenation header and holds
153 or 67. An extension character costs two septets and a character outside the BMP two units; neither pair is ever
divided between two parts, so a text can need one part more than a plain division says.

The codec writes and reads the GSM alphabet unpacked, a septet in each octet, which is how SMPP carries it. It is our
own because smpplib's writes a backtick as a section sign and knows no section sign.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterator

_ESCAPE = 0x1B
# TS 23.038, 6.2.1, in code order; 0x1B is the escape to the extension table and stands for no character.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# TS 23.038, 6.2.1.1.
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}

_CODES = {character: bytes((code,)) for code, character in enumerate(_DEFAULT) if code != _ESCAPE} | {
    character: bytes((_ESCAPE, code)) for code, character in _EXTENSION.items()
}
_SEPTETS = {character: len(codes) for character, codes in _CODES.items()}

# What a receiver shows of an octet that is no escape, and of one behind an escape. A code that the extension table
# does not have is shown as the default table's character, and an escape without a code, or before a second one, as a
# space. An octet with bit 7 set is no septet.
_NO_SEPTET = "\N{REPLACEMENT CHARACTER}" * 128
_SHOWN = _DEFAULT + _NO_SEPTET
_SHOWN_ESCAPED = [
    _EXTENSION.get(code, " " if code == _ESCAPE else character) for code, character in enumerate(_SHOWN)
]


class Alphabet(enum.Enum):
    """How a text is written on the air, with the units that one message, or one part of several, can hold."""

    GSM = ("gsm", 160, 153)
    UCS2 = ("ucs2", 70, 67)

    def __init__(self, label: str, alone: int, in_parts: int) -> None:
        self.label = label
        self.alone = alone
        self.in_parts = in_parts


_EXTENDED = re.compile("[" + re.escape("".join(_EXTENSION.values())) + "]")
_ALL_GSM = re.compile("[" + re.escape("".join(_CODES)) + "]*")


def alphabet(text: str) -> Alphabet:
    """The alphabet that `text` has to be sent in."""
    return Alphabet.GSM if _ALL_GSM.fullmatch(text) else Alphabet.UCS2


def _cost(text: str, chosen: Alphabet) -> int:
    """The units of the whole text."""
    if chosen is Alphabet.GSM:
        return len(text) + len(_EXTENDED.findall(text))
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def _costs(text: str, chosen: Alphabet) -> Iterator[int]:
    if chosen is Alphabet.GSM:
        return (_SEPTETS[character] for character in text)
    return (2 if character > "\uffff" else 1 for character in text)


def parts(text: str) -> list[str]:
    """`text` cut into the parts that go out, in order; joined they are `text`. An empty text is one part."""
    chosen = alphabet(text)
    if _cost(text, chosen) <= chosen.alone:
        return [text]
    cut: list[str] = []
    start = used = 0
    for position, cost in enumerate(_costs(text, chosen)):
        if used + cost > chosen.in_parts:
            cut.append(text[start:position])
            start, used = position, 0
        used += cost
    cut.append(text[start:])
    return cut


def segments(text: str) -> int:
    """How many parts `text` needs, at least 1: what A1 charges for."""
    return len(parts(text))


def fewer_characters(text: str) -> int:
    """How many characters fewer at the end would make one segment fewer; 0 when there is but one."""
    cut = parts(text)
    if len(cut) == 1:
        return 0
    chosen = alphabet(text)
    fewer = len(cut[-1]) if len(cut) > 2 else _over(text, chosen)
    in_gsm = _ALL_GSM.match(text)
    assert in_gsm is not None
    # All that needs UCS-2 may stand at the end.
    latin = len(text) - in_gsm.end()
    if chosen is Alphabet.UCS2 and latin < fewer:
        rest = text[: in_gsm.end()]
        return latin if segments(rest) < len(cut) else min(fewer, latin + fewer_characters(rest))
    return fewer


def _over(text: str, chosen: Alphabet) -> int:
    """How many characters at the end are more than one message can hold alone."""
    left = _cost(text, chosen) - chosen.alone
    for fewer, cost in enumerate(_costs(text[::-1], chosen)):
        if left <= 0:
            return fewer
        left -= cost
    return len(text)


def room(text: str) -> int:
    """How many units more fit into the last part of `text`: septets, or UCS-2 units; at least 0.

    So many more of them need no part more, unless a character of another alphabet is among them.
    """
    chosen = alphabet(text)
    cut = parts(text)
    return (chosen.alone if len(cut) == 1 else chosen.in_parts) - _cost(cut[-1], chosen)


def doubled(text: str) -> int:
    """How many characters of `text` count as two in its alphabet."""
    return _cost(text, alphabet(text)) - len(text)


def foreign(text: str) -> dict[str, int]:
    """The characters of `text` that the GSM default alphabet does not have, as they come, with how often they do."""
    return dict(Counter(character for character in text if character not in _CODES))


def gsm_encode(text: str) -> bytes:
    """`text` in the GSM default alphabet, an octet for a septet, two for a character of the extension table.

    Raises `ValueError`, which tells nothing of the text, when a character is in neither table.
    """
    try:
        return b"".join([_CODES[character] for character in text])
    except KeyError:
        raise ValueError("not every character is in the GSM default alphabet") from None


def gsm_decode(octets: bytes) -> str:
    """What a receiver shows of unpacked septets; never raises. An octet that is no septet becomes U+FFFD."""
    shown: list[str] = []
    remaining = iter(octets)
    for code in remaining:
        if code == _ESCAPE:
            shown.append(_SHOWN_ESCAPED[next(remaining, _ESCAPE)])
        else:
            shown.append(_SHOWN[code])
    return "".join(shown)

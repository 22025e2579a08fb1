"""A text as the parts that go out: octets, `data_coding`, `esm_class` (SMPP 3.4, 5.2.12 and 5.2.19; TS 23.040,
9.2.3.24.1 for the concatenation header); and times as SMPP writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...text import Alphabet, alphabet, gsm_encode, parts

GSM = 0
"""The data_coding of the GSM default alphabet, unpacked."""
UCS2 = 8
"""The data_coding of UCS-2, big-endian."""
WITH_HEADER = 0x40
"""The bit of esm_class by which short_message begins with a user data header."""
MOST_PARTS = 255
"""What the concatenation header can count."""

_SHORTEST, _LONGEST = 60, 30 * 86400
# Python strings can hold halves of a surrogate pair; the air cannot.
_HALF = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """What one submit_sm says of its text."""

    data_coding: int
    esm_class: int
    short_message: bytes
    """The concatenation header, when there are several parts, and the text: at most 159 octets."""


def encode(text: str, reference: int) -> list[EncodedPart]:
    """The parts of `text`, in order: as many as `text.segments` counts, cut where `text.parts` cuts.

    `reference`, 0 to 255, tells the parts of this message from those of others to the same number; it goes out only
    when there are several. A lone surrogate goes out as U+FFFD. Raises `ValueError` for any other reference and for
    more than `MOST_PARTS` parts.
    """
    if not 0 <= reference <= 255:
        raise ValueError(f"{reference} is no reference of 8 bits")
    cut = parts(text)
    if len(cut) > MOST_PARTS:
        raise ValueError(f"{len(cut)} parts, possible are {MOST_PARTS}")
    data_coding = GSM if alphabet(text) is Alphabet.GSM else UCS2
    contents = [_octets(part, data_coding) for part in cut]
    if len(contents) == 1:
        return [EncodedPart(data_coding, 0, contents[0])]
    return [
        EncodedPart(data_coding, WITH_HEADER, bytes((5, 0, 3, reference, len(contents), number)) + content)
        for number, content in enumerate(contents, start=1)
    ]


def relative_time(seconds: float) -> str:
    """A time from now as SMPP writes it (SMPP 3.4, 7.1.1.2), between a minute and 30 days."""
    days, rest = divmod(int(min(max(seconds, _SHORTEST), _LONGEST)), 86400)
    return f"0000{days:02}{rest // 3600:02}{rest % 3600 // 60:02}{rest % 60:02}000R"


def _octets(part: str, data_coding: int) -> bytes:
    if data_coding == GSM:
        return gsm_encode(part)
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", part).encode("utf-16-be")

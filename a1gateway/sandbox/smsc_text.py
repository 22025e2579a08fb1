"""Texts as the simulated SMSC reads and writes them (3GPP TS 23.038; SMPP 3.4, 5.2.19).

It has a table of its own, and reads each part alone: an escape sequence or a surrogate pair that the gateway cuts in
two becomes U+FFFD here, so that it shows.
"""

from __future__ import annotations

from collections.abc import Iterator

GSM = 0
LATIN_1 = 3
UCS2 = 8

_ESCAPE = 0x1B
# Sixteen codes in a row.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = dict(zip(b"\x0a\x14\x28\x29\x2f\x3c\x3d\x3e\x40\x65", "\f^{}\\[~]|€", strict=True))
_CODES = {character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE} | {
    character: bytes([_ESCAPE, code]) for code, character in _EXTENSION.items()
}
_BAD = "\N{REPLACEMENT CHARACTER}"


def read(octets: bytes, data_coding: int) -> str | None:
    """The text of one part; None when the SMSC does not know the `data_coding`. What is no character is U+FFFD."""
    if data_coding == GSM:
        return "".join(_characters(octets))
    if data_coding == LATIN_1:
        return octets.decode("latin-1")
    if data_coding == UCS2:
        return octets.decode("utf-16-be", "replace")
    return None


def _characters(octets: bytes) -> Iterator[str]:
    codes = iter(octets)
    for code in codes:
        if code == _ESCAPE:
            yield _EXTENSION.get(next(codes, _ESCAPE), _BAD)
        else:
            yield _BASIC[code] if code < 128 else _BAD


def written(text: str) -> tuple[int, list[bytes]]:
    """`text` as a phone sends it: the data_coding, and the octets of each part, without headers."""
    if all(character in _CODES for character in text):
        return GSM, _packed([_CODES[character] for character in text], 160, 153)
    return UCS2, _packed([character.encode("utf-16-be", "replace") for character in text], 140, 134)


def _packed(characters: list[bytes], alone: int, in_parts: int) -> list[bytes]:
    if sum(map(len, characters)) <= alone:
        return [b"".join(characters)]
    parts = [b""]
    for character in characters:
        if len(parts[-1]) + len(character) > in_parts:
            parts.append(b"")
        parts[-1] += character
    return parts

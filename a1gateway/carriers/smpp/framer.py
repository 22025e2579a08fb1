"""Bytes as they come from a connection, cut into PDUs (SMPP 3.4, 3.2: every PDU begins with its own length)."""

from __future__ import annotations

from .pdu import HEADER, MalformedPdu

LONGEST_PDU = 70_000
"""Octets: a message_payload of 64 KiB and its header. A length beyond it is no PDU but a stream out of step."""


class Framer:
    """Holds at most one PDU that is not whole yet, and never more than `LONGEST_PDU` octets of it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The PDUs that are whole now, in order.

        Raises `MalformedPdu` at a length under 16 or over `LONGEST_PDU`, with the PDUs before it in its `before`;
        nothing that comes after it can be understood, and every later call raises again.
        """
        self._held += data
        whole: list[bytes] = []
        start = 0
        while len(self._held) - start >= 4:
            length = int.from_bytes(self._held[start : start + 4])
            if not HEADER <= length <= LONGEST_PDU:
                # Whatever may still come is refused for the same length, and not held.
                self._held = self._held[start : start + 4]
                raise MalformedPdu(f"a PDU claims {length} octets, possible are {HEADER} to {LONGEST_PDU}", whole)
            if len(self._held) - start < length:
                break
            whole.append(bytes(self._held[start : start + length]))
            start += length
        del self._held[:start]
        return whole

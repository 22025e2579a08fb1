"""Messages that a subscriber sends in, as the simulated SMSC hands them on."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from twisted.internet.interfaces import IReactorTime

from a1gateway.sandbox import smsc_text
from a1gateway.sandbox.smsc_deliveries import Delivery, Kind, Outbox

_WITH_HEADER = 0x40
_INTERNATIONAL = 1
_ISDN = 1
_MOST_PARTS = 255


class Concatenation(enum.StrEnum):
    """How parts say that they belong together."""

    UDH = "udh"
    UDH16 = "udh16"  # with a reference of 16 bits
    SAR = "sar"  # by TLVs


class SubscriberMessage(BaseModel):
    """What a subscriber writes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str = Field(min_length=1, max_length=20, pattern=r"^[ -~]+$")
    text: str = Field(min_length=1)
    to: str = Field(default="1234", max_length=20, pattern=r"^[ -~]*$")
    concatenation: Concatenation = Concatenation.UDH
    reverse: bool = False  # the last part first


class Subscribers:
    """Messages from subscribers, kept with what became of their parts."""

    def __init__(self, clock: IReactorTime, outbox: Outbox) -> None:
        self._clock = clock
        self._outbox = outbox
        self._sent: list[tuple[SubscriberMessage, list[Delivery]]] = []
        self._reference = 0

    def send(self, message: SubscriberMessage) -> None:
        """Hands a message to whoever is or will be bound. Raises ValueError when it has over 255 parts."""
        deliveries = list(self._deliveries(message))
        self._sent.append((message, deliveries))
        for delivery in reversed(deliveries) if message.reverse else deliveries:
            self._outbox.put(delivery)

    def reports(self) -> list[dict[str, Any]]:
        """All messages, oldest first."""
        return [
            {
                "number": message.number,
                "to": message.to,
                "text": message.text,
                "parts": [delivery.report() for delivery in deliveries],
            }
            for message, deliveries in self._sent
        ]

    def clear(self) -> None:
        """Forgets every message."""
        self._sent.clear()

    def _deliveries(self, message: SubscriberMessage) -> Iterator[Delivery]:
        data_coding, parts = smsc_text.written(message.text)
        if len(parts) > _MOST_PARTS:
            raise ValueError(f"the text needs {len(parts)} parts, possible are {_MOST_PARTS}")
        self._reference = self._reference % 255 + 1
        for number, octets in enumerate(parts, start=1):
            fields: dict[str, int | str | bytes] = {
                "source_addr_ton": _INTERNATIONAL,
                "source_addr_npi": _ISDN,
                "source_addr": message.number,
                "destination_addr": message.to,
                "data_coding": data_coding,
                "short_message": octets,
            }
            tlvs: dict[str, int | str | bytes] = {}
            if len(parts) > 1 and message.concatenation is Concatenation.SAR:
                tlvs = {
                    "sar_msg_ref_num": self._reference,
                    "sar_total_segments": len(parts),
                    "sar_segment_seqnum": number,
                }
            elif len(parts) > 1:
                fields["esm_class"] = _WITH_HEADER
                fields["short_message"] = self._header(message, len(parts), number) + octets
            yield Delivery(Kind.SUBSCRIBER, self._clock.seconds(), fields, tlvs, {"part": number})

    def _header(self, message: SubscriberMessage, total: int, number: int) -> bytes:
        if message.concatenation is Concatenation.UDH16:
            return bytes((6, 8, 4, 1, self._reference, total, number))
        return bytes((5, 0, 3, self._reference, total, number))

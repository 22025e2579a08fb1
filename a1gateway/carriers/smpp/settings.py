"""What a bind is made with."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ...config_sections import A1Smpp


class Bind(enum.StrEnum):
    """The three kinds of bind, by their commands (SMPP 3.4, 4.1)."""

    TRANSCEIVER = "bind_transceiver"
    TRANSMITTER = "bind_transmitter"
    RECEIVER = "bind_receiver"


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """The account at the centre, and its limits; times in seconds."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    window: int = 32
    """Requests in flight at once, at least 1."""
    enquire_link_interval: float = 30.0
    """How long the centre may be silent before it is asked whether it is there."""
    response_timeout: float = 30.0
    pair: bool = False
    """A transmitter and a receiver connection instead of one transceiver."""

    @classmethod
    def of(cls, smpp: A1Smpp) -> LinkSettings:
        """As the configuration has them."""
        return cls(
            system_id=smpp.system_id,
            password=smpp.password.get_secret_value(),
            system_type=smpp.system_type,
            window=smpp.window,
            enquire_link_interval=smpp.enquire_link_interval,
            response_timeout=smpp.response_timeout,
            pair=smpp.bind == "pair",
        )

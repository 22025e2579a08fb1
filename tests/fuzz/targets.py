"""Everything that strangers can send to, by the name of its corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from .http_targets import ROUTES, HttpTarget
from .smpp_target import SmppTarget


class Target(Protocol):
    """Takes one input after another."""

    def __call__(self, data: bytes) -> None:
        """Raises `AssertionError` for what must never be."""

    def close(self) -> None:
        """No more come."""


TARGETS: Mapping[str, Callable[[Path], Target]] = {
    "http": HttpTarget,
    **{route: partial(HttpTarget, route=route) for route in ROUTES},
    "smpp": SmppTarget,
}
"""Each is made with an empty folder of its own."""

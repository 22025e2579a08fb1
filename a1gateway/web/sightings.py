"""Whether a request that somebody on this machine has sent to the public address arrives at this very gateway.

Whoever asks puts a word that nobody can guess into the address. Nothing is answered that would tell anybody else that
this is a gateway: what was seen is told through the control socket.
"""

from __future__ import annotations

from collections import deque

_MOST = 8


class Sightings:
    """The words that are looked out for, the latest few, and the routes at which they came."""

    def __init__(self) -> None:
        self._expected: deque[tuple[bytes, list[str]]] = deque(maxlen=_MOST)

    def expect(self, word: str) -> None:
        """Look out for it from now on."""
        self._expected.append((word.encode(), []))

    def look_at(self, path: bytes) -> None:
        """A request has come for `path`."""
        for word, routes in self._expected:
            if word in path:
                routes.append(path.partition(word)[0].decode("ascii", "replace"))

    def seen(self, word: str) -> list[str]:
        """What stood in front of it in the addresses that it came in, in their order; empty when it has not come."""
        return [route for expected, routes in self._expected if expected == word.encode() for route in routes]

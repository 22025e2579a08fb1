"""Messages from the portal, without a pause."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit

from ..centre.proof import texts
from ..daemon.stack import Sent

# While no sender is registered nobody can send.
_NO_SENDER = 409
_PAUSE = 0.05
# A message begins a burst with this probability, and so many follow it at once.
_BURSTS = 0.01
_BURST = 40
# Where A1 never says how such a message ends.
_ENDLESS = "03"


def wanted(seed: int) -> Iterator[tuple[str, str]]:
    """Numbers, each once, and texts."""
    numbers = (f"+37529{number}" for number in count(1_000_010) if not str(number).endswith(_ENDLESS))
    return zip(numbers, texts(seed), strict=False)


class Stream:
    """Sends from the card in a thread of its own, whether the gateway is there or not."""

    def __init__(self, portal: str, seed: int, *, a_second: float) -> None:
        """`portal` is the address of the simulated one; `a_second` is how many messages it sends, but for bursts."""
        self._portal = urlsplit(portal)
        self._wanted = wanted(seed)
        self._chance = random.Random(seed)
        self._pause = 1 / a_second
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send, name="stream", daemon=True)
        self._broken: Exception | None = None
        self.sent: list[Sent] = []
        """What has been sent until now, in order."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; raises what went wrong with the portal, which is no fault of the gateway's."""
        self._ending.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self._broken is not None:
            raise self._broken

    def _send(self) -> None:
        try:
            connection = http.client.HTTPConnection(self._portal.hostname or "", self._portal.port, timeout=60)
            try:
                self._send_over(connection)
            finally:
                connection.close()
        except Exception as error:
            self._broken = error

    def _send_over(self, connection: http.client.HTTPConnection) -> None:
        due, at_once = time.monotonic(), 0
        for to, text in self._wanted:
            while (message_id := self._sent(connection, to, text)) is None:
                if self._ending.wait(_PAUSE):
                    return
            self.sent.append(Sent(message_id, text, to))
            at_once = _BURST if self._chance.random() < _BURSTS else max(0, at_once - 1)
            if at_once:
                continue
            # What could not be sent in time is not made up for in a burst.
            now = time.monotonic()
            due = max(due + self._pause, now)
            if self._ending.wait(due - now):
                return

    def _sent(self, connection: http.client.HTTPConnection, to: str, text: str) -> str | None:
        body = json.dumps({"to": to, "text": text, "module": "crm"})
        connection.request("POST", "/sandbox/send", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        row = json.loads(answer.read())
        if answer.status == _NO_SENDER:
            return None
        assert answer.status == 200, row
        return str(row["message_id"])

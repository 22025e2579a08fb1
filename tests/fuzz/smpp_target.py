"""SMPP: a session that is bound and has requests under way, and an inbox with a real journal behind it."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent

from a1gateway.carriers.smpp.framer import LONGEST_PDU
from a1gateway.carriers.smpp.inbox import Inbox
from a1gateway.carriers.smpp.session import Session
from a1gateway.carriers.smpp.settings import Bind, LinkSettings
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import StatusReport
from a1gateway.metrics import Metrics

from ..smpp_wire import Line, Watcher

PASSWORD = "hush-of-the-fuzzing"
_SETTINGS = LinkSettings("a1gateway", PASSWORD, window=3, enquire_link_interval=20, response_timeout=30)
_REQUESTS = 3


class SmppTarget:
    """Says what it is given as the centre, the first octet telling in pieces of which size (0: at once)."""

    def __init__(self, folder: Path) -> None:
        store = Store(f"sqlite:///{folder}/journal.sqlite3")
        store.prepare()
        self._store = store
        self._journal = Journal(InlineLane(store), in_parts=True)
        self._metrics = Metrics()

    def __call__(self, data: bytes) -> None:
        """Raises `AssertionError` for what must never be."""
        with capturedLogs() as events:
            self._say(data[1:], data[0] if data else 0)
        said = [formatEvent(event) for event in events]
        loud = [each for event, each in zip(events, said, strict=True) if event["log_level"] >= LogLevel.error]
        assert loud == [], loud
        assert not any(PASSWORD in each for each in said), "the log has a secret in it"

    def close(self) -> None:
        """Nothing is left to be looked at."""
        self._store.close()

    def _say(self, octets: bytes, size: int) -> None:
        clock, watcher = Clock(), Watcher()

        async def take_status(report: StatusReport) -> None:
            assert report.word or report.status is None

        inbox = Inbox(clock, self._journal, self._metrics, take_status=take_status)
        session = Session(
            clock,
            _SETTINGS,
            Bind.TRANSCEIVER,
            centre="the centre",
            watcher=watcher,
            on_delivery=inbox.take,
            on_room=lambda: None,
        )
        line = Line(clock, session)
        line.take_bind()
        ends = [0] * _REQUESTS
        for number in range(_REQUESTS):
            request = session.request("submit_sm", destination_addr="375291112233", short_message=b"text")

            def ended(_: object, number: int = number) -> None:
                ends[number] += 1

            request.addBoth(ended)
        for start in range(0, len(octets), size or len(octets) or 1):
            if not line.transport.open:
                break
            line.say(octets[start : start + (size or len(octets))])
            assert len(session._framer._held) < LONGEST_PDU
            clock.advance(0)
        # All that it has said is PDUs; two more periods of silence end whatever waits.
        line.heard()
        for _ in range(8):
            clock.advance(10)
            line.heard()
        if line.transport.open:
            line.cut()
        clock.advance(0)
        assert ends == [1] * _REQUESTS, "every request ends once"
        assert watcher.told[-1] == "gone"
        assert clock.getDelayedCalls() == []

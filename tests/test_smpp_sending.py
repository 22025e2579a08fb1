"""Dispatcher, carrier, hold and a real journal together, over a link that throttles, loses and answers late."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from a1gateway.awaited import Hold, Reception
from a1gateway.carriers.outcome import LinkTrouble, Outcome, Trouble
from a1gateway.carriers.smpp.carrier import SmppCarrier
from a1gateway.carriers.smpp.pdu import CommandStatus
from a1gateway.dispatcher import Dispatcher
from a1gateway.gate import Gate
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import Submission
from a1gateway.metrics import Metrics
from a1gateway.pacing import YieldingPace
from a1gateway.receipts import Receipts
from a1gateway.text import segments

from .conftest import START, arrival, run
from .fake_smpp_link import Asked, FakeLink

WINDOW = 16
ANSWER_TIMEOUT = 5.0
HOLD = 60.0
TEXTS = {1: "Заказ готов", 2: "я" * 100, 3: "Заказ готов к выдаче. " * 8, 4: "x" * 600}

Part = tuple[str, int]
"""The number that it goes to, of which every message has its own, and which part it is."""


class Centre:
    """Answers by chance, and breaks the link now and then; keeps what became of every part."""

    def __init__(self, clock: Clock, draw: random.Random, gate: Gate, reception: Reception) -> None:
        self.link = FakeLink(WINDOW, self._asked)
        self.asked: list[Part] = []
        self.has: Counter[Part] = Counter()
        """How often each part has arrived."""
        self.said: set[Part] = set()
        """The parts that the gateway was told of."""
        self.in_doubt: set[Part] = set()
        self.what: Counter[str] = Counter()
        self.most_in_flight = 0
        self._clock = clock
        self._draw = draw
        self._gate = gate
        self._reception = reception
        self._timers: dict[Asked, IDelayedCall] = {}
        self._bind()

    def _bind(self) -> None:
        self.link.can_submit = True
        self._gate.link_is_up()
        self._reception.changed(up=True)
        self._clock.callLater(self._draw.uniform(3, 50), self._break)

    def _break(self) -> None:
        self.what["broken"] += 1
        self.link.can_submit = False
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        lost = self.link.in_flight
        self.in_doubt.update(map(self._part, lost))
        for asked in lost:
            asked.breaks()
        self._reception.changed(up=False)
        self._gate.link_is_down(LinkTrouble(Trouble.UNREACHABLE, "A1's SMSC has closed the connection"))
        # Mostly at once, and sometimes longer than half of the hold.
        self._clock.callLater(self._draw.choice([0.5, 1, 2, 40]), self._bind)

    @staticmethod
    def _part(asked: Asked) -> Part:
        return asked.pdu.text("destination_addr"), asked.part

    def _asked(self, asked: Asked) -> None:
        part = self._part(asked)
        assert part not in self.said, "A1 is known to have it"
        self.asked.append(part)
        self.most_in_flight = max(self.most_in_flight, len(self.link.in_flight))
        what = self._draw.choices(["taken", "throttled", "busy", "late", "silent"], [80, 8, 3, 5, 4])[0]
        self.what[what] += 1
        if what in ("taken", "late") or (what == "silent" and self._draw.random() < 0.5):
            self.has[part] += 1
        if what in ("late", "silent"):
            self._later(asked, ANSWER_TIMEOUT, self._stay_out, asked, what == "late")
        else:
            self._later(asked, self._draw.uniform(0.01, 0.5), self._answer, asked, what)

    def _later(self, asked: Asked, seconds: float, what: object, *arguments: object) -> None:
        assert callable(what)
        self._timers[asked] = self._clock.callLater(seconds, what, *arguments)

    def _answer(self, asked: Asked, what: str) -> None:
        del self._timers[asked]
        if what == "taken":
            self.said.add(self._part(asked))
            asked.takes(f"{len(self.said):X}")
        else:
            asked.says(CommandStatus.THROTTLED if what == "throttled" else CommandStatus.SYSTEM_ERROR)

    def _stay_out(self, asked: Asked, comes: bool) -> None:
        del self._timers[asked]
        self.in_doubt.add(self._part(asked))
        late = asked.stays_out()
        if comes:
            # Mostly within the hold.
            self._later(
                late, self._draw.uniform(0.1, 90), self._answer_late, late, self.asked.count(self._part(asked))
            )

    def _answer_late(self, late: Asked, asked_before: int) -> None:
        del self._timers[late]
        self.what["late answers"] += 1
        if self.asked.count(self._part(late)) == asked_before:
            self.said.add(self._part(late))
        late.takes(f"late {len(self.said):X}")


@pytest.mark.parametrize("seed", range(2))
def test_all_parts_arrive_and_what_arrives_twice_was_in_doubt_and_is_marked(
    clock: Clock, store: Store, seed: int
) -> None:
    """300 messages of one to four parts, throttled, lost, answered late."""
    draw = random.Random(seed)
    journal, metrics = Journal(InlineLane(store), in_parts=True), Metrics()
    gate = Gate(clock, draw.random)
    receipts = Receipts(journal, metrics, lambda: None)
    pace = YieldingPace(clock, 50)

    async def part_is_taken(submission: Submission, named: Mapping[int, str]) -> None:
        receipts.announce(await journal.name_parts(submission, named, clock.seconds()))

    async def answered_late(submission: Submission, outcome: Outcome) -> None:
        now = clock.seconds()
        receipts.announce(await journal.record_late(submission, outcome, now, now))
        dispatcher.wake()

    reception = Reception(clock)
    centre = Centre(clock, draw, gate, reception)
    carrier = SmppCarrier(
        clock,
        centre.link,
        pace,
        metrics,
        window=WINDOW,
        source=(5, 0),
        destination=(1, 1),
        random=draw.random,
        on_part=part_is_taken,
        on_late=answered_late,
    )
    hold = Hold(
        clock, journal, reception, receipts, metrics, seconds=HOLD, resend=True, on_due=lambda: dispatcher.wake()
    )
    dispatcher = Dispatcher(
        clock,
        journal,
        carrier,
        gate,
        receipts,
        poll_after=1e9,
        on_uncertain=hold.wake,
        uncertain_for=HOLD,
        judge=gate.judge_over_link,
    )
    parts = {f"3752910{number:05}": draw.randrange(1, 5) for number in range(300)}
    for number, count in parts.items():
        assert segments(TEXTS[count]) == count
        run(
            journal.accept(
                arrival(number, msisdn=f"+{number}", text=TEXTS[count], segments=count, sender_id="MyShop")
            )
        )
    hold.startService()
    dispatcher.startService()
    for _ in range(20_000):
        clock.pump([0.1, 0])
        if len(centre.said) == sum(parts.values()) and run(journal.depths())["status"].count == len(parts):
            break
    stopping = [dispatcher.stopService(), hold.stopService()]
    pace.stop()
    assert all(each.called for each in stopping)

    every = {(number, part) for number, count in parts.items() for part in range(1, count + 1)}
    assert centre.has.keys() >= every
    assert centre.said == every
    assert centre.most_in_flight <= WINDOW
    # Each of these has happened, or nothing was shown.
    assert min(centre.what[what] for what in ("taken", "throttled", "busy", "late answers", "silent", "broken")) >= 3
    rows = {}
    for number in parts:
        row = run(journal.message(number))
        assert row is not None
        rows[number] = row
    assert {row["status"] for row in rows.values()} == {"sent"}
    resent = {number for number, row in rows.items() if row["resent"]}
    assert resent
    twice = {part for part, times in centre.has.items() if times > 1}
    assert twice <= centre.in_doubt
    assert {number for number, _ in twice} <= resent <= {number for number, _ in centre.in_doubt}
    assert metrics.resent._value.get() == sum(row["resent"] for row in rows.values())
    # And under which identifier A1 has each part is known.
    journaled = run(journal.sent(START + 2e9, 500)).submissions
    assert len(journaled) == len(parts)
    assert all(part.a1_id for each in journaled for part in each.parts)

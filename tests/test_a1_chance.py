"""An A1 and a journal at their worst, by chance: every combination of faults ends with one SMS and its status.

All that sends is real but for the clock; A1 is a model that answers as the dice say, and remembers what it was asked.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from a1gateway.carriers.a1http import A1HttpCarrier
from a1gateway.carriers.a1status import meaning
from a1gateway.dispatcher import ASK_AFTER, Dispatcher, LookUp
from a1gateway.errors import AnswerLost, JournalUnavailable, NotSent
from a1gateway.gate import Gate, Probe
from a1gateway.http_client import Answer
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane, type_of_group
from a1gateway.journal.statements import Connection
from a1gateway.message import Source, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.pacing import TokenBucket
from a1gateway.polling import Polling
from a1gateway.receipts import Receipts

from .conftest import arrival, run
from .fakes import answer

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

_MESSAGES = 25
_WORST = 240.0  # seconds for which everything goes wrong
_LIVES = (1, 1, 3)  # how many daemons there are in that time, one after the death of another
_CALM = 3 * 3600.0  # seconds after which everything has to be at its end
# The request may take so long to arrive inside A1: less than until it is asked for the second time.
_LATEST = 6.0
_WORDS = {2: "REJECTED", 3: "DELIVERED", 4: "UNDELIVERABLE"}


@dataclass
class Taken:
    """A message that the model has."""

    number: int
    custom_id: str
    code: int = 0


class ChanceA1:
    """The API, as the dice say."""

    def __init__(self, clock: Clock, dice: random.Random, call_back: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._dice = dice
        self._call_back = call_back
        self.worst = True
        self.taken: dict[str, Taken] = {}
        self.repeated: list[str] = []
        # What deployments differ in.
        self._knows_bulks = dice.random() < 0.8
        self._names_customs = dice.random() < 0.7
        self._numbers = 7000

    async def post_form(self, url: str, form: Mapping[str, str], *, timeout: float) -> Answer:
        """One request."""
        await deferLater(self._clock, self._dice.choice((0.0, 0.1, 1.0)))
        method = url.partition("/api/")[2]
        if method == "balances":
            return self._spoilt({"status": True, "sms": 1})
        if "Bulk" in method and not self._knows_bulks:
            return Answer(404, b"<html>")
        asked = form.get("message_ids", form.get("custom_id", form.get("message_id", "")))
        if method.startswith("status"):
            return self._answer_question(method, asked.split(","))
        messages = json.loads(form["messages"]) if "messages" in form else [form]
        return self._submitted(messages, bulk="messages" in form)

    def _submitted(self, messages: Sequence[Mapping[str, str]], *, bulk: bool) -> Answer:
        fate = self._dice.random() if self.worst else 1.0
        if fate < 0.08:
            raise NotSent("refused")
        if fate < 0.16:
            # It comes to A1 after all, when the gateway has already given it up.
            self._clock.callLater(self._dice.uniform(0, _LATEST), lambda: [self._take(each) for each in messages])
            raise AnswerLost("no answer in time")
        if fate < 0.4:
            return self._nothing_done([1, 7, 8, 10 if bulk else 8, 4])
        elements = [self._take(each) for each in messages]
        if not bulk:
            return self._spoilt({"status": "error" not in elements[0], **elements[0]})
        if self.worst and self._names_customs and self._dice.random() < 0.2:
            self._dice.shuffle(elements)
        if self.worst and self._dice.random() < 0.2:
            elements = [each for each in elements if self._dice.random() < 0.7]
        return self._spoilt({"status": True, "messages": elements})

    def _take(self, fields: Mapping[str, str]) -> dict[str, Any]:
        name = fields["custom_id"]
        if self.worst and self._dice.random() < 0.05:
            # Of this one message, and only for now.
            return {"error": {"code": self._dice.choice((7, 8)), "description": ""}}
        if name in self.taken:
            self.repeated.append(name)
            return {"error": {"code": 20, "description": "duplicate", "parameter": "custom_id"}}
        self._numbers += 1
        self.taken[name] = taken = Taken(self._numbers, name)
        self._live(taken)
        return {"message_id": taken.number, "parts": 1} | ({"custom_id": name} if self._names_customs else {})

    def _live(self, taken: Taken) -> None:
        final = self._dice.choice((2, 3, 3, 3, 4))
        silent = self._dice.random() < 0.3

        def enter(code: int) -> None:
            taken.code = code if taken.code not in _WORDS else taken.code
            words = ["ENROUTE"] if code == 5 else [_WORDS[code], *self._dice.choices(["ENROUTE", _WORDS[code]], k=2)]
            for word in [] if silent else words:
                self._call_back(str(taken.number), word)

        self._clock.callLater(self._dice.uniform(0, 5), enter, 5)
        if self._dice.random() < 0.2:
            # Before the answer has left.
            enter(final)
        else:
            self._clock.callLater(self._dice.uniform(5, 90), enter, final)

    def _answer_question(self, method: str, names: Sequence[str]) -> Answer:
        if self.worst and self._dice.random() < 0.3:
            return self._nothing_done([1, 2, 7, 8, 12 if len(names) > 1 else 8, 4])
        by_number = {str(each.number): each for each in self.taken.values()}
        known = [(self.taken if "Custom" in method else by_number).get(name) for name in names]
        if "Bulk" not in method:
            if known[0] is None:
                return answer({"status": False, "error": {"code": 12, "description": "not found"}})
            return self._spoilt({"status": True, "message_status": {"code": known[0].code, "name": ""}})
        elements: list[dict[str, Any]] = []
        for name, found in zip(names, known, strict=True):
            if self.worst and self._dice.random() < 0.1:
                continue
            elements.append(
                {"message_id": name, "custom_id": name, "code": False}
                if found is None
                else {"message_id": found.number, "custom_id": found.custom_id, "code": found.code, "name": ""}
            )
        return self._spoilt({"status": True, "messages_status": elements})

    def _nothing_done(self, codes: Sequence[int]) -> Answer:
        if self._dice.random() < 0.4:
            return self._dice.choice((Answer(500, b"oops"), Answer(200, b"<html>"), Answer(200, b'{"data": 1}')))
        return answer({"status": False, "error": {"code": self._dice.choice(codes), "description": ""}})

    def _spoilt(self, content: dict[str, Any]) -> Answer:
        """The answer to what has been done, as far as it comes through."""
        whole = answer(content)
        fate = self._dice.random() if self.worst else 1.0
        if fate < 0.1:
            raise AnswerLost("the connection was closed")
        return Answer(200, whole.body[: len(whole.body) // 2]) if fate < 0.15 else whole


class ChanceLane(InlineLane):
    """A journal that is away every now and then, and for ever once its daemon is dead."""

    def __init__(self, store: Store, dice: random.Random) -> None:
        super().__init__(store)
        self._dice = dice
        self.worst = False
        self.dead = False

    def run(self, operation: Callable[[Connection], T]) -> Deferred[T]:
        return self._at_worst() or super().run(operation)

    def each(self, operation: type_of_group[Item, Result], item: Item, *, awaited: bool = False) -> Deferred[Result]:
        return self._at_worst() or super().each(operation, item)

    def _at_worst(self) -> Deferred[Any] | None:
        if self.dead:
            return Deferred()
        return fail_away() if self.worst and self._dice.random() < 0.1 else None


def fail_away() -> Deferred[Any]:
    failed: Deferred[Any] = Deferred()
    failed.errback(JournalUnavailable("disk full"))
    return failed


class Daemon:
    """The services that send and ask, over a journal's file."""

    def __init__(self, clock: Clock, store: Store, a1: ChanceA1, dice: random.Random) -> None:
        self.lane = ChanceLane(store, dice)
        self.journal, metrics = Journal(self.lane), Metrics()
        self.receipts = Receipts(self.journal, metrics, lambda: None)
        gate = Gate(clock, dice.random)
        carrier = A1HttpCarrier(
            a1,  # type: ignore[arg-type]  # it posts nothing but forms
            TokenBucket(clock, 100, 100),
            metrics,
            url="https://a1.example/api/",
            user="375291234567",
            apikey="key",
            timeout=20,
        )
        around = (clock, self.journal, carrier, gate, self.receipts)
        look_up = LookUp(*around, poll_after=60, on_due=lambda: dispatcher.wake())
        dispatcher = Dispatcher(*around, poll_after=60, on_uncertain=look_up.wake)
        polling = Polling(*around, interval=60, give_up_after=259200)
        self._loops = [dispatcher, look_up, polling, Probe(clock, carrier, gate)]
        run(self.journal.recover(clock.seconds() + ASK_AFTER))

    def start(self) -> None:
        for loop in self._loops:
            loop.startService()

    def stop(self) -> list[Deferred[None]]:
        return [loop.stopService() for loop in self._loops]


def whatever_happens(seed: int, folder: Path) -> None:
    dice, clock = random.Random(seed), Clock()
    clock.advance(1_795_305_600.0)
    store = Store(f"sqlite:///{folder}/{seed}.sqlite3")
    store.prepare()

    def call_back(number: str, word: str) -> None:
        # As the intake does: what the journal does not take goes to the spool, and later from there.
        report = StatusReport(number, word, meaning(word), Source.CALLBACK, clock.seconds())
        told = Deferred.fromCoroutine(daemon.receipts.settle([report]))
        told.addErrback(
            lambda failure: failure.trap(JournalUnavailable) and clock.callLater(1, call_back, number, word)
        )

    a1 = ChanceA1(clock, dice, call_back)
    daemon = Daemon(clock, store, a1, dice)
    names = [f"m{number}" for number in range(_MESSAGES)]
    for name in names:
        run(daemon.journal.accept(arrival(name, received_at=clock.seconds())))
    lives = dice.choice(_LIVES)
    for life in range(lives):
        if life:
            # It died, and what it awaited has no consequences.
            daemon.lane.dead = True
            daemon = Daemon(clock, store, a1, dice)
        daemon.lane.worst = True
        daemon.start()
        pass_time(clock, _WORST / lives, 0.25)
    a1.worst = daemon.lane.worst = False
    ends = clock.seconds() + _CALM
    rows = [run(daemon.journal.message(name)) for name in names]
    while clock.seconds() < ends and any(row is not None and row["stage"] != "over" for row in rows):
        pass_time(clock, 30, 1.0)
        rows = [run(daemon.journal.message(name)) for name in names]
    stopping = daemon.stop()
    pass_time(clock, 30, 1.0)
    assert all(each.called for each in stopping)
    run(daemon.journal.close())

    wrong = []
    for row in rows:
        assert row is not None
        way = [(step["source"], step["word"]) for step in row["history"]]
        taken = a1.taken.get(row["custom_id"])
        if taken is None:
            wrong.append(f"{row['message_id']} is lost: {row['stage']} {way}")
        elif row["status"] != str(meaning(str(taken.code)) or Status.SENT):
            wrong.append(f"{row['message_id']} is {row['status']} ({row['stage']}), A1 says {taken.code}: {way}")
        elif taken.custom_id in a1.repeated:
            wrong.append(f"{row['message_id']} was submitted again after A1 had it: {way}")
    assert not wrong, "\n".join([f"seed {seed}", *wrong])


def pass_time(clock: Clock, seconds: float, step: float) -> None:
    for _ in range(int(seconds / step)):
        clock.pump([step, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("seed", range(8))
def test_whatever_a1_and_the_journal_do_each_message_is_sent_once_and_comes_to_its_end(
    seed: int, tmp_path: Path
) -> None:
    whatever_happens(seed, tmp_path)

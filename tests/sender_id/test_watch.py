"""A1 is asked for names and balance: seldom, never when it is unwell, and an approval is noticed by itself."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from twisted.internet.task import Clock

from a1gateway.carriers.a1answers import Balances
from a1gateway.carriers.outcome import LinkTrouble, Trouble
from a1gateway.errors import JournalUnavailable
from a1gateway.gate import Gate
from a1gateway.journal import Journal, sender_ids
from a1gateway.sender_id.applications import State, Step
from a1gateway.sender_id.watch import SenderNamesWatch

from ..conftest import START, run
from .test_particulars import OURS

BALANCE = Balances(Decimal("99.91"), Decimal(0))
AWAY = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: refused")


class FakeAccount:
    """An A1 that answers as it is told, and counts."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] | LinkTrouble = ("A1Sandbox",)
        self.balance: Balances | LinkTrouble = BALANCE
        self.asked = 0

    async def sender_names(self) -> tuple[str, ...]:
        self.asked += 1
        if isinstance(self.names, LinkTrouble):
            raise self.names
        return self.names

    async def balances(self) -> Balances:
        if isinstance(self.balance, LinkTrouble):
            raise self.balance
        return self.balance


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    gate = Gate(clock, lambda: 0.0)
    gate.good()
    return gate


@pytest.fixture
def watch(clock: Clock, journal: Journal, account: FakeAccount, gate: Gate) -> SenderNamesWatch:
    watch = SenderNamesWatch(clock, journal, account, gate)
    gate.on_open(watch.a1_is_well)
    watch.startService()
    return watch


@pytest.fixture
def wait(clock: Clock, watch: SenderNamesWatch) -> Callable[[float], None]:
    """Lets time pass, in seconds."""

    def passes(seconds: float) -> None:
        clock.pump([seconds, 0.0, 0.0])

    return passes


def hand_in(journal: Journal, name: str = "MyShop") -> int:
    """An application that A1 has to decide on."""
    made = run(journal.within(sender_ids.prepare, name, "заказы", OURS, "Анна", START))
    run(journal.within(sender_ids.take_step, made.id, Step.HAND_IN, START))
    return made.id


def state(journal: Journal, row: int) -> State:
    found = run(journal.within(sender_ids.application, row))
    assert found is not None
    return found.state


def said(watch: SenderNamesWatch) -> str | None:
    return watch.trouble


def is_wanted(watch: SenderNamesWatch) -> bool:
    return watch.wanted


Wait = Callable[[float], None]


def test_a1_is_asked_some_time_after_the_start_and_then_every_hour(
    wait: Wait, account: FakeAccount, watch: SenderNamesWatch, clock: Clock
) -> None:
    wait(29)
    assert (account.asked, watch.names, watch.balance, watch.asked_at) == (0, None, None, None)
    wait(1)
    assert account.asked == 1
    assert (watch.names, watch.balance, watch.asked_at, watch.trouble) == (("A1Sandbox",), BALANCE, START + 30, None)
    wait(3599)
    assert account.asked == 1
    wait(1)
    assert (account.asked, watch.asked_at) == (2, START + 3630)


def test_while_an_application_is_with_a1_it_is_asked_every_ten_minutes(
    wait: Wait, account: FakeAccount, journal: Journal
) -> None:
    hand_in(journal)
    wait(30)
    for asked in (2, 3, 4):
        wait(600)
        assert account.asked == asked


def test_an_approval_is_noticed_by_itself(
    wait: Wait, account: FakeAccount, journal: Journal, watch: SenderNamesWatch
) -> None:
    row = hand_in(journal)
    wait(30)
    assert state(journal, row) is State.HANDED_IN
    account.names = ("A1Sandbox", "MyShop")
    wait(600)
    assert state(journal, row) is State.APPROVED
    # And then it is not so urgent any more.
    wait(600)
    assert account.asked == 2
    wait(3000)
    assert account.asked == 3


def test_somebody_who_wants_to_know_need_not_wait(wait: Wait, account: FakeAccount, watch: SenderNamesWatch) -> None:
    watch.ask_now()
    wait(0)
    assert account.asked == 1


def test_it_says_whether_somebody_still_waits(wait: Wait, watch: SenderNamesWatch) -> None:
    wait(30)
    assert not is_wanted(watch)
    watch.ask_now()
    wait(0)
    assert is_wanted(watch)
    wait(60)
    assert not is_wanted(watch)


def test_nobody_can_make_it_ask_all_the_time(wait: Wait, account: FakeAccount, watch: SenderNamesWatch) -> None:
    for _ in range(30):
        watch.ask_now()
        wait(1)
    assert account.asked == 1
    wait(30)
    assert account.asked == 2
    wait(60)
    assert account.asked == 2


def test_waking_it_is_no_reason_to_ask(wait: Wait, account: FakeAccount, watch: SenderNamesWatch) -> None:
    wait(30)
    for _ in range(5):
        watch.wake()
        wait(1)
    assert account.asked == 1


def test_an_a1_that_is_unwell_is_left_alone(
    wait: Wait, account: FakeAccount, watch: SenderNamesWatch, gate: Gate
) -> None:
    gate.bad(AWAY)
    wait(30)
    wait(300)
    assert (account.asked, watch.trouble) == (0, str(AWAY))
    gate.good(submitted=True)
    # What waits to be sent goes first.
    wait(29)
    assert account.asked == 0
    wait(1)
    assert (account.asked, watch.trouble) == (1, None)


def test_nobody_makes_it_ask_an_a1_that_is_unwell(
    wait: Wait, account: FakeAccount, watch: SenderNamesWatch, gate: Gate
) -> None:
    gate.bad(AWAY)
    watch.ask_now()
    wait(300)
    assert account.asked == 0
    gate.good(submitted=True)
    wait(0)
    assert account.asked == 1


def test_an_a1_that_nobody_has_heard_of_yet_is_not_asked(
    clock: Clock, journal: Journal, account: FakeAccount
) -> None:
    gate = Gate(clock, lambda: 0.0)
    watch = SenderNamesWatch(clock, journal, account, gate)
    gate.on_open(watch.a1_is_well)
    watch.startService()
    clock.pump([100.0, 0.0, 0.0])
    assert (account.asked, watch.trouble) == (0, None)
    gate.good()
    clock.pump([30.0, 0.0])
    assert account.asked == 1


def test_a_refusal_to_answer_is_told_and_what_was_known_stays(
    wait: Wait, account: FakeAccount, watch: SenderNamesWatch, gate: Gate
) -> None:
    wait(30)
    account.names = AWAY
    wait(3600)
    assert (watch.names, watch.balance, watch.asked_at) == (("A1Sandbox",), BALANCE, START + 30)
    assert watch.trouble == str(AWAY)
    assert gate.trouble is None
    account.names = ("MyShop",)
    wait(600)
    assert (watch.names, watch.asked_at) == (("MyShop",), START + 4230)
    assert said(watch) is None


def test_names_count_although_the_balance_is_not_told(
    wait: Wait, account: FakeAccount, journal: Journal, watch: SenderNamesWatch
) -> None:
    row = hand_in(journal)
    account.names, account.balance = ("MyShop",), AWAY
    wait(30)
    assert state(journal, row) is State.APPROVED
    assert (watch.names, watch.balance, watch.asked_at, watch.trouble) == (("MyShop",), None, None, str(AWAY))


def test_an_approval_outlives_a_journal_that_is_away(
    wait: Wait, account: FakeAccount, journal: Journal, watch: SenderNamesWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = hand_in(journal)
    account.names = ("MyShop",)

    def away(*_: object) -> None:
        raise JournalUnavailable("the journal is locked")

    with monkeypatch.context() as locked:
        locked.setattr(sender_ids, "seen", away)
        wait(30)
    assert state(journal, row) is State.HANDED_IN
    wait(1)
    assert (state(journal, row), account.asked) == (State.APPROVED, 1)


def test_a_clock_set_back_does_not_make_it_wait_longer(
    wait: Wait, account: FakeAccount, watch: SenderNamesWatch, clock: Clock
) -> None:
    wait(30)
    clock.rightNow -= 86400
    watch.wake()
    wait(0)
    wait(3599)
    assert account.asked == 1
    wait(1)
    assert account.asked == 2


def test_it_stops(watch: SenderNamesWatch, clock: Clock) -> None:
    run(watch.stopService())
    assert not clock.getDelayedCalls()

"""Campaigns while they go out, on a fake clock: paused, resumed, cancelled, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.campaign_command import told
from a1gateway.campaigns import CampaignIsCancelled, CampaignIsNotCancelled, Campaigns, NoSuchCampaign
from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Refused, Trouble, Uncertain
from a1gateway.control.campaigns import campaign_operations
from a1gateway.hours import Hours
from a1gateway.journal import Journal, Store
from a1gateway.journal.campaign_progress import Progress, Terms, Waiting
from a1gateway.journal.campaigns import State
from a1gateway.journal.reader import Reader
from a1gateway.message import Kind, Price, Source, Status, StatusReport
from a1gateway.polling import Polling
from a1gateway.receipts import Receipts

from .conftest import START, run
from .fake_crm import FakeCrm
from .test_consent import Campaign as Marketing

HOUR, DAY = 3600.0, 86400.0
WHO = "Anna K. (id 5)"
TEXT = "Скидка 20% до воскресенья в MyShop"
LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")


class Mailing(Marketing):
    """Marketing with its campaigns; everybody has agreed who is not said to have refused."""

    def __init__(
        self, clock: Clock, journal: Journal, store: Store, *, terms: Terms | None = None, **more: Any
    ) -> None:
        super().__init__(clock, journal, FakeCrm(), **more)
        receipts = Receipts(journal, self.metrics, lambda: self.reporter.wake())
        self.campaigns = Campaigns(
            clock, journal, Reader(store.path, execute), receipts, terms or Terms(), on_due=self.check.wake
        )
        self.polling = Polling(
            clock, journal, self.carrier, self.dispatcher._gate, receipts, interval=60, give_up_after=3 * DAY
        )
        self.loops += [self.campaigns, self.polling]
        self.count = 0

    def mail(self, count: int, *, agreed: bool = True, **more: Any) -> None:
        """Bitrix24 hands over so many messages, to a number each."""
        for _ in range(count):
            self.count += 1
            number = f"+37529{self.count:07}"
            self.crm.contact(self.count, "Y" if agreed else "N", number)
            self.accept(
                f"m{self.count}", **{"text": TEXT, "msisdn": number, "origin": {"module_id": "sender"}} | more
            )

    def progress(self, campaign: int = 1) -> Progress:
        return run(self.campaigns.progress(campaign))


@pytest.fixture
def mailings(clock: Clock, journal: Journal, store: Store) -> Iterator[Any]:
    made: list[Mailing] = []

    def make(**more: Any) -> Mailing:
        made.append(Mailing(clock, journal, store, **more))
        made[-1].start()
        return made[-1]

    yield make
    for mailing in made:
        for loop in mailing.loops:
            loop.stopService()
    clock.pump([0.0] * 8)
    assert clock.getDelayedCalls() == []


def test_a_campaign_is_paused_in_the_middle_and_goes_on(mailings: Any) -> None:
    mailing: Mailing = mailings(rate=8.0)
    mailing.carrier.bulk_size = 1
    mailing.mail(100)
    mailing.pass_time(5)
    run(mailing.campaigns.pause(1, WHO))
    mailing.pass_time(0.5)
    gone = len(mailing.sent())
    assert 20 <= gone <= 60
    mailing.mail(10)
    asked = mailing.crm.requests
    mailing.pass_time(3 * HOUR)
    # Nobody is asked for a consent that would be old when it is needed.
    assert (len(mailing.sent()), mailing.crm.requests - asked) == (gone, 0)
    assert mailing.progress().waiting == Waiting(held=110 - gone)
    mailing.accept("t1", kind=Kind.TRANSACTIONAL)
    assert mailing.sent()[-1] == "t1"
    run(mailing.campaigns.resume(1, WHO))
    mailing.pass_time(60)
    assert sorted(mailing.sent()) == sorted(["t1", *(f"m{n}" for n in range(1, 111))])
    assert mailing.progress().waiting == Waiting()


def test_who_has_withdrawn_a_consent_during_a_pause_gets_nothing(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.dispatcher.stopService()
    mailing.mail(2)
    mailing.pass_time(6)
    assert mailing.progress().waiting == Waiting(ready=2)
    run(mailing.campaigns.pause(1, WHO))
    mailing.dispatcher.startService()
    mailing.pass_time(60)
    mailing.crm.contact(1, "N", "+375290000001")
    run(mailing.campaigns.resume(1, WHO))
    mailing.pass_time(10)
    assert mailing.sent() == ["m2"]
    assert mailing.ended("m1") == ("rejected", "no_consent")


def test_what_has_not_left_of_a_cancelled_campaign_is_told_to_bitrix24_as_failed(mailings: Any) -> None:
    mailing: Mailing = mailings(rate=8.0)
    mailing.carrier.bulk_size = 1
    mailing.mail(60)
    mailing.pass_time(4)
    run(mailing.campaigns.cancel(1, WHO))
    mailing.pass_time(0.5)
    gone = set(mailing.sent())
    mailing.mail(5)
    mailing.pass_time(300)
    assert set(mailing.sent()) == gone
    ended = {f"m{n}" for n in range(1, 66)} - gone
    assert {mailing.ended(name) for name in ended} == {("rejected", "cancelled")}
    assert sorted(name for name, told in mailing.crm.told if told == "failed") == sorted(ended)
    found = mailing.progress()
    assert (found.refused, found.unsettled) == ({"cancelled": len(ended)}, False)
    counted = mailing.metrics.registry.get_sample_value("a1gateway_messages_rejected_total", {"reason": "cancelled"})
    # The door counts its own.
    assert counted == len(ended) - 5


def test_another_campaign_goes_on_at_its_pace_behind_one_that_is_paused(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.dispatcher.stopService()
    mailing.campaigns.stopService()
    mailing.mail(600)
    mailing.mail(3, text="Приглашаем на дегустацию сыров в субботу")
    mailing.pass_time(30)
    run(mailing.campaigns.pause(1, WHO))
    mailing.dispatcher.startService()
    mailing.pass_time(2)
    assert mailing.sent() == ["m601", "m602", "m603"]
    mailing.campaigns.startService()


def test_many_messages_follow_in_steps_that_leave_the_journal_to_others(mailings: Any) -> None:
    mailing: Mailing = mailings()
    for loop in (mailing.check, mailing.dispatcher):
        loop.stopService()
    mailing.mail(500)
    run(mailing.campaigns.pause(1, WHO))
    held = []
    for _ in range(4):
        mailing.clock.pump([0.0, 0.0])
        held.append(mailing.progress().waiting.held)
        mailing.clock.pump([0.05])
    assert held == [200, 400, 500, 500]
    for loop in (mailing.check, mailing.dispatcher):
        loop.startService()


def test_what_is_under_way_at_a_cancelling_comes_back_and_is_refused(mailings: Any) -> None:
    mailing: Mailing = mailings()
    slow: Deferred[Outcome] = Deferred()
    mailing.carrier.outcomes = [slow]
    mailing.mail(1)
    mailing.pass_time(6)
    found = run(mailing.campaigns.cancel(1, WHO))
    assert (found.under_way, found.waiting.total) == (1, 0)
    slow.callback(Postponed(LOST, after=3600.0))
    mailing.pass_time(61)
    assert mailing.ended("m1") == ("rejected", "cancelled")
    assert mailing.sent() == ["m1"]


def test_what_stays_paused_for_too_long_expires(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.dispatcher.stopService()
    mailing.mail(2)
    run(mailing.campaigns.pause(1, WHO))
    mailing.clock.pump([HOUR] * 73)
    mailing.pass_time(5)
    assert mailing.ended("m1") == ("expired", "not_sent_in_time")
    mailing.dispatcher.startService()
    assert mailing.progress().refused == {"not_sent_in_time": 2}


def test_a_change_is_logged_once_with_who_made_it(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.mail(1)
    with capturedLogs() as events:
        for _ in range(2):
            run(mailing.campaigns.pause(1, WHO))
    said = [formatEvent(event) for event in events if isinstance(event["log_source"], Campaigns)]
    assert said == [f"campaign 1: paused, by {WHO}"]
    found = mailing.progress()
    assert (found.state, found.state_by, found.state_at) == (State.PAUSED, WHO, mailing.clock.seconds())


def test_what_cannot_be_changed_is_said_to_be_so(mailings: Any) -> None:
    mailing: Mailing = mailings()
    campaigns = mailing.campaigns
    for change in (campaigns.pause, campaigns.resume, campaigns.cancel, campaigns.begin_anew):
        # The last is more than the journal can look for.
        for nobodys in (7, 0, -1, 10**20):
            with pytest.raises(NoSuchCampaign, match=f"no campaign {nobodys}"):
                run(change(nobodys, WHO))
    mailing.mail(1)
    with pytest.raises(CampaignIsNotCancelled, match="campaign 1 is running"):
        run(campaigns.begin_anew(1, WHO))
    run(campaigns.cancel(1, WHO))
    for change in (campaigns.pause, campaigns.resume):
        with pytest.raises(CampaignIsCancelled, match="campaign 1 is cancelled"):
            run(change(1, WHO))


def test_whoever_lets_a_paused_one_go_on_does_not_take_back_that_it_was_cancelled(mailings: Any) -> None:
    mailing: Mailing = mailings()
    campaigns = mailing.campaigns
    mailing.mail(1)
    run(campaigns.pause(1, WHO))
    run(campaigns.cancel(1, "Ivan (id 6)"))
    with pytest.raises(CampaignIsCancelled):
        run(campaigns.resume(1, WHO))
    assert (mailing.progress().state, mailing.progress().state_by) == (State.CANCELLED, "Ivan (id 6)")


def test_what_is_begun_anew_goes_out_beside_what_was_cancelled(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.dispatcher.stopService()
    mailing.mail(300)
    run(mailing.campaigns.cancel(1, WHO))
    with capturedLogs() as events:
        # Two who want the same are both right.
        for _ in range(2):
            found = run(mailing.campaigns.begin_anew(1, WHO))
    assert (found.state, found.may_go_on, found.anew_at) == (State.CANCELLED, False, mailing.clock.seconds())
    said = [formatEvent(event) for event in events if isinstance(event["log_source"], Campaigns)]
    assert said == [f"campaign 1: begun anew, by {WHO}"]
    mailing.mail(20)
    mailing.dispatcher.startService()
    mailing.pass_time(60)
    assert sorted(mailing.sent()) == sorted(f"m{n}" for n in range(301, 321))
    assert mailing.progress(1).refused == {"cancelled": 300}


def test_what_goes_on_at_night_waits_for_the_morning_and_is_given_up_no_sooner_than_anything_else(
    mailings: Any, clock: Clock
) -> None:
    """START is three o'clock in Minsk."""
    hours = Hours.read("09:00-21:00")
    mailing: Mailing = mailings(hours=hours, wait=HOUR, terms=Terms(hours))
    mailing.mail(20, not_before=hours.opening(START))
    run(mailing.campaigns.pause(1, WHO))
    mailing.pass_time(2)
    clock.advance(HOUR)
    run(mailing.campaigns.resume(1, WHO))
    mailing.pass_time(2)
    clock.advance(DAY)
    run(mailing.campaigns.pause(1, WHO))
    mailing.pass_time(2)
    run(mailing.campaigns.resume(1, WHO))
    mailing.pass_time(2)
    # The portal is away for a moment when the hours begin.
    mailing.crm.trouble = PortalTrouble("502")
    clock.advance(hours.opening(clock.seconds()) - clock.seconds() - 1)
    mailing.pass_time(3)
    mailing.crm.trouble = None
    mailing.pass_time(120)
    assert len(mailing.sent()) == 20


# How far they are.


def test_a_campaign_is_counted_as_it_is(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.carrier.outcomes = [
        *(Accepted(str(n), segments=2, price=Price(amount=Decimal("0.178"))) for n in range(1, 5)),
        Refused("bad_recipient", "100"),
        Uncertain(LOST),
    ]
    mailing.mail(6, segments=1)
    mailing.mail(2, agreed=False)
    mailing.mail(1, refusal="foreign", msisdn=None)
    mailing.pass_time(10)
    statuses = {"1": Status.DELIVERED, "2": Status.UNDELIVERABLE, "3": Status.REJECTED}
    reports = [StatusReport(a1_id, status, status, Source.POLL, START) for a1_id, status in statuses.items()]
    run(mailing.journal.settle(reports))
    mailing.dispatcher.stopService()
    mailing.mail(1, segments=3)
    mailing.pass_time(6)
    found = mailing.progress()
    assert (found.total, found.delivered, found.not_delivered, found.under_way) == (10, 1, 2, 2)
    assert found.refused == {"bad_recipient": 1, "no_consent": 2, "foreign": 1}
    assert found.waiting == Waiting(ready=1)
    assert found.done == 7
    assert found.unknown == 0
    assert (found.segments, found.amount) == (8, Decimal("0.712"))
    assert (found.text, found.sent_by, found.state, found.began_at) == (TEXT, "mailing", State.RUNNING, START)
    mailing.dispatcher.startService()


def test_what_a1_never_says_the_end_of_is_not_delivered_and_unknown(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.mail(2)
    mailing.pass_time(10)
    run(mailing.journal.settle([StatusReport("a1", "3", Status.EXPIRED, Source.POLL, START)]))
    mailing.clock.pump([HOUR] * 73)
    found = mailing.progress()
    assert (found.not_delivered, found.unknown, found.refused) == (2, 1, {})


def test_the_latest_campaigns_come_first(mailings: Any) -> None:
    mailing: Mailing = mailings()
    for text in ("Первая новость", "Вторая распродажа", "Третья дегустация"):
        mailing.mail(1, text=text)
    assert [each.id for each in run(mailing.campaigns.recent(2))] == [3, 2]
    assert [each.id for each in run(mailing.campaigns.recent(2, before=2))] == [1]


def test_the_end_is_reckoned_by_the_rate_of_late(mailings: Any) -> None:
    mailing: Mailing = mailings(rate=4.0, terms=Terms(per_second=lambda segments: 4000.0))
    mailing.carrier.bulk_size = 1
    mailing.mail(400)
    mailing.pass_time(7)
    # Not long enough to say.
    early = mailing.progress()
    assert (early.rate, early.ends_at) == (None, mailing.clock.seconds() + early.waiting.total / 4000)
    mailing.pass_time(33)
    found = mailing.progress()
    assert found.rate == pytest.approx(4.0, rel=0.1)
    assert found.ends_at is not None
    assert found.ends_at == pytest.approx(mailing.clock.seconds() + found.waiting.total / 4, abs=10)
    run(mailing.campaigns.pause(1, WHO))
    assert mailing.progress().ends_at is None


def test_the_end_is_within_the_hours(mailings: Any) -> None:
    """START is three o'clock in Minsk."""
    hours = Hours.read("09:00-21:00")
    mailing: Mailing = mailings(hours=hours, terms=Terms(hours, lambda segments: 0.5 / segments))
    mailing.mail(10, segments=2, not_before=hours.opening(START))
    found = mailing.progress()
    assert (found.waiting, found.opens_at) == (Waiting(hours=10), START + 6 * HOUR)
    assert found.ends_at == START + 6 * HOUR + 10 * 4


@pytest.mark.parametrize(("change", "hours"), [("resume", 3), ("pause", 24), ("cancel", 0.5)])
def test_more_may_come_until_the_break_is_over(mailings: Any, change: str, hours: float) -> None:
    mailing: Mailing = mailings()
    mailing.mail(1)
    run(getattr(mailing.campaigns, change)(1, WHO))
    mailing.clock.pump([hours * HOUR])
    assert mailing.progress().may_go_on
    mailing.clock.pump([1.0])
    assert not mailing.progress().may_go_on


def test_without_any_rate_nobody_can_tell_the_end(mailings: Any) -> None:
    mailing: Mailing = mailings()
    mailing.dispatcher.stopService()
    mailing.mail(1)
    assert mailing.progress().ends_at is None
    mailing.dispatcher.startService()


# The commands.


def test_the_commands_change_and_show_campaigns(mailings: Any) -> None:
    mailing: Mailing = mailings(terms=Terms(per_second=lambda segments: 10.0))
    operations = campaign_operations(mailing.campaigns)

    async def asked(name: str, **given: Any) -> Any:
        return await operations[f"campaigns.{name}"](given)

    assert run(asked("list")) == []
    mailing.dispatcher.stopService()
    mailing.mail(30)
    mailing.mail(1, refusal="foreign", msisdn=None)
    mailing.pass_time(6)
    (shown,) = run(asked("list"))
    assert list(told(shown)) == [
        f"campaign 1, begun at 03:00 on 22.11.2026, running: {TEXT}",
        "  31 messages: 0 delivered, 0 not delivered, 1 refused (foreign 1), 0 under way at A1,"
        " 30 waiting (30 for A1)",
        "  0 segments so far, 0.00 BYN; the last leaves at about 03:00 on 22.11.2026 in Minsk",
    ]
    paused = run(asked("pause", id=1))
    assert (paused["state"], paused["waiting"]["total"]) == ("paused", 30)
    assert "paused by the command line" in next(told(paused))
    assert run(asked("resume", id=1))["state"] == "running"
    assert run(asked("cancel", id="1"))["state"] == "cancelled"
    anew = run(asked("anew", id=1))
    assert (anew["state"], anew["may_go_on"]) == ("cancelled", False)
    mailing.dispatcher.startService()

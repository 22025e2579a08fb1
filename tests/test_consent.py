"""Marketing messages from the door to A1: asked for, refused, held back, overtaken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.bitrix24.budget import Budget
from a1gateway.bitrix24.choices import ChoiceWriter
from a1gateway.bitrix24.consent import ConsentCheck, NoConsent
from a1gateway.bitrix24.reporter import Reporter
from a1gateway.bitrix24.tokens import Tokens
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.carriers.outcome import Refused
from a1gateway.dispatcher import Dispatcher
from a1gateway.due_loop import DueLoop
from a1gateway.gate import Gate
from a1gateway.hours import Hours
from a1gateway.journal import Journal
from a1gateway.marketing import MarketingPace
from a1gateway.message import Choice, ChoiceSource, Kind
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from .conftest import START, arrival, pass_time, run
from .fake_crm import FIELD, KEY, FakeCrm, away
from .fakes import FakeCarrier, FakeHttp
from .test_portal import INSTALLATION

NUMBER = "+375291112233"
DAY = 86400.0


class Campaign:
    """A gateway without doors, between a CRM and A1 in memory."""

    def __init__(self, clock: Clock, journal: Journal, crm: FakeCrm, **more: Any) -> None:
        self.clock = clock
        self.journal = journal
        self.crm = crm
        self.carrier = FakeCarrier()
        self.metrics = Metrics()
        tokens = Tokens(clock, journal, FakeHttp(), oauth_url="", client_id="", client_secret="")
        if more.pop("installed", True):
            run(tokens.adopt(INSTALLATION))
        self.tokens = tokens
        receipts = Receipts(journal, self.metrics, lambda: self.reporter.wake())
        pace = MarketingPace(
            clock,
            rate=more.pop("rate", 0.0),
            hours=more.pop("hours", None),
            max_age=more.get("max_age", 600.0),
        )
        settings: dict[str, Any] = {
            "contact_field": FIELD,
            "granted_values": [],
            "denied_value": None,
            "wait": DAY,
            "max_age": 600.0,
        }
        self.check = ConsentCheck(
            clock,
            journal,
            crm,
            tokens,
            receipts,
            self.metrics,
            pace,
            on_due=lambda: self.dispatcher.wake(),
            random=lambda: 0.0,
            **settings | more,
        )
        self.dispatcher = Dispatcher(
            clock,
            journal,
            self.carrier,
            Gate(clock, lambda: 0.0),
            receipts,
            poll_after=60,
            on_uncertain=lambda: None,
            marketing=pace,
            on_asked_again=self.check.wake,
        )
        self.writer = ChoiceWriter(clock, journal, crm, tokens, self.check.field, random=lambda: 0.0)
        self.reporter = Reporter(
            clock, journal, crm, tokens, Budget(clock, 2, 50), sender_code="a1sms_by", random=lambda: 0.0
        )
        self.loops: list[DueLoop] = [self.check, self.dispatcher, self.writer, self.reporter]

    def start(self) -> Campaign:
        for loop in self.loops:
            loop.startService()
        self.pass_time(0)
        return self

    def accept(self, *names: str, **more: Any) -> None:
        values = {"kind": Kind.MARKETING, "received_at": self.clock.seconds()} | more
        for name in names:
            run(self.journal.accept(arrival(name, **values)))
        self.check.wake()
        self.dispatcher.wake()
        self.pass_time(0)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.clock, seconds, step=0.25)

    def sent(self) -> list[str]:
        return [each.message_id for each in self.carrier.submitted]

    def message(self, name: str = "m1") -> dict[str, Any]:
        found = run(self.journal.message(name))
        assert found is not None
        return found

    def ended(self, name: str = "m1") -> tuple[str, str | None]:
        message = self.message(name)
        return message["status"], message["reason"]

    def choose(self, choice: Choice, source: ChoiceSource = ChoiceSource.OPERATOR) -> None:
        run(self.journal.choose(NUMBER, choice, source, "", self.clock.seconds()))
        self.writer.wake()
        self.pass_time(1)


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm()


@pytest.fixture
def campaign(clock: Clock, journal: Journal, crm: FakeCrm) -> Iterator[Campaign]:
    campaign = Campaign(clock, journal, crm).start()
    yield campaign
    for loop in campaign.loops:
        loop.stopService()
    clock.pump([0.0] * 4)
    assert clock.getDelayedCalls() == []


def test_a_message_goes_out_once_its_subscriber_is_known_to_have_agreed(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign.accept("m1")
    campaign.pass_time(1)
    assert campaign.sent() == ["m1"]
    evidence = run(campaign.journal.evidence(NUMBER))
    (message,) = evidence["messages"]
    (found,) = message["found"]
    assert (found["contact"], found["field"], found["value"], found["granted"]) == (5, FIELD, '"Y"', True)
    assert START <= found["asked_at"] <= START + 1


def test_who_has_not_agreed_gets_nothing_and_the_card_shows_failed(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "N", NUMBER)
    campaign.accept("m1")
    campaign.pass_time(10)
    assert campaign.sent() == []
    assert campaign.ended() == ("rejected", "no_consent")
    assert crm.told == [("m1", "failed")]
    assert (
        campaign.metrics.registry.get_sample_value("a1gateway_messages_rejected_total", {"reason": "no_consent"}) == 1
    )
    assert [step["word"] for step in campaign.message()["history"]][:2] == ["accepted", "no_consent"]


@pytest.mark.parametrize(
    ("kind", "values", "granted", "yes", "no"),
    [
        ("boolean", [], [], "Y", "N"),
        ("enumeration", [{"ID": 45, "VALUE": "Да, хочу"}, {"ID": 46, "VALUE": "Нет"}], ["Да, хочу"], 45, 46),
        ("enumeration", [{"ID": 45, "VALUE": "Да, хочу"}, {"ID": 46, "VALUE": "Нет"}], ["45"], "45", "46"),
        ("date", [], [], "2026-11-01T03:00:00+03:00", "2026-12-01T03:00:00+03:00"),
        ("datetime", [], [], "2026-11-22T02:00:00+03:00", "2026-11-22T23:00:00+03:00"),
        ("string", [], ["согласен"], "Согласен", "не согласен"),
    ],
)
def test_each_type_of_field(
    clock: Clock, journal: Journal, kind: str, values: list[dict[str, Any]], granted: list[str], yes: Any, no: Any
) -> None:
    crm = FakeCrm(kind=kind, values=values)
    crm.contact(5, yes, NUMBER)
    crm.contact(6, no, "+375447654321")
    crm.contact(7, None, "+375331234567")
    campaign = Campaign(clock, journal, crm, granted_values=granted).start()
    campaign.accept("m1")
    campaign.accept("m2", msisdn="+375447654321")
    campaign.accept("m3", msisdn="+375331234567")
    campaign.pass_time(5)
    assert campaign.sent() == ["m1"]
    assert campaign.ended("m2") == campaign.ended("m3") == ("rejected", "no_consent")


def test_a_field_that_the_portal_does_not_have_refuses_and_says_so(clock: Clock, journal: Journal) -> None:
    """Already at the start; and once it is there, messages go out."""
    crm = FakeCrm(kind=None)
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm).start()
    assert "have no field UF_CRM_SMS_CONSENT" in (campaign.check.trouble or "")
    campaign.accept("m1")
    campaign.pass_time(1)
    assert campaign.ended() == ("rejected", "no_consent")
    crm.kind = "boolean"
    campaign.pass_time(10)
    campaign.accept("m2")
    campaign.pass_time(5)
    assert campaign.sent() == ["m2"]
    assert campaign.check.trouble is None


def test_a_field_of_a_type_that_says_nothing_refuses(clock: Clock, journal: Journal) -> None:
    crm = FakeCrm(kind="file")
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm).start()
    campaign.accept("m1")
    campaign.pass_time(1)
    assert campaign.ended() == ("rejected", "no_consent")
    assert "is of the type file" in (campaign.check.trouble or "")


def test_a_consent_withdrawn_between_two_campaigns(campaign: Campaign, crm: FakeCrm) -> None:
    """Even one second after the first."""
    crm.contact(5, "Y", NUMBER)
    campaign.accept("m1")
    campaign.pass_time(1)
    crm.items[3, 5][KEY] = "N"
    campaign.accept("m2")
    campaign.pass_time(10)
    assert campaign.sent() == ["m1"]
    assert campaign.ended("m2") == ("rejected", "no_consent")


# The portal away.


def test_the_portal_away_in_the_middle_holds_messages_back(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.trouble = away()
    campaign.accept("m1")
    campaign.pass_time(1200)
    assert campaign.sent() == []
    assert campaign.ended() == ("queued", None)
    crm.trouble = None
    campaign.pass_time(61)
    assert campaign.sent() == ["m1"]


def test_who_could_not_be_asked_about_for_too_long_is_refused(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, wait=30.0).start()
    crm.trouble = away()
    campaign.accept("m1")
    campaign.pass_time(28)
    assert campaign.ended() == ("queued", None)
    campaign.pass_time(20)
    assert campaign.ended() == ("rejected", "consent_unknown")
    crm.trouble = None
    campaign.pass_time(100)
    assert campaign.sent() == []


def test_a_portal_that_answers_nothing_sensible_is_not_a_consent(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.errors["crm.duplicate.findbycomm"] = PortalError("ACCESS_DENIED", "Access denied!")
    campaign.accept("m1")
    campaign.pass_time(100)
    assert (campaign.sent(), campaign.ended()) == ([], ("queued", None))
    crm.errors.clear()
    campaign.pass_time(61)
    assert campaign.sent() == ["m1"]


def test_a_portal_in_trouble_is_left_alone_for_longer_and_longer(campaign: Campaign, crm: FakeCrm) -> None:
    crm.trouble = PortalTrouble("spent", code="OPERATION_TIME_LIMIT", pause=300.0)
    before = crm.requests
    campaign.accept("m1")
    for _ in range(290):
        campaign.accept("m1")
        campaign.pass_time(1)
    assert crm.requests == before + 1


def test_before_an_installation_messages_wait(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, installed=False, wait=600.0).start()
    campaign.accept("m1")
    campaign.pass_time(100)
    assert (campaign.ended(), crm.requests) == (("queued", None), 0)
    run(campaign.tokens.adopt(INSTALLATION))
    campaign.check.renew()
    campaign.pass_time(5)
    assert campaign.sent() == ["m1"]


# Others first.


def test_a_transactional_message_never_waits_for_a_look_up(campaign: Campaign, crm: FakeCrm) -> None:
    crm.trouble = away()
    campaign.accept("m1")
    campaign.accept("m2", kind=Kind.TRANSACTIONAL)
    assert campaign.sent() == ["m2"]


def test_marketing_leaves_its_share_of_the_rate_to_the_others(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    """Eight turns a second are its own, and the others are not held back by them."""
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, rate=8.0)
    campaign.carrier.bulk_size = 1
    campaign.start()
    campaign.accept(*(f"m{n}" for n in range(100)))
    campaign.pass_time(2)
    so_far = len(campaign.sent())
    assert 8 <= so_far <= 8 + 2 * 8 + 1
    campaign.accept(*(f"t{n}" for n in range(50)), kind=Kind.TRANSACTIONAL)
    assert [name for name in campaign.sent()[so_far:] if name[0] == "t"] == [f"t{n}" for n in range(50)]
    campaign.pass_time(5)
    assert len(campaign.sent()) - so_far - 50 <= 5 * 8 + 2


def test_the_parts_of_marketing_messages_count_each(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, rate=8.0)
    campaign.carrier.bulk_size = 1
    campaign.start()
    campaign.accept(*(f"m{n}" for n in range(100)), segments=4)
    campaign.pass_time(10)
    assert 8 <= len(campaign.sent()) <= 8 + 10 * 8 / 4 + 1


# Hours.


def test_outside_its_hours_marketing_waits(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    """START is 3 o'clock in Minsk: what comes at night goes out at nine, and the portal is asked then."""
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, hours=Hours.read("09:00-21:00"), wait=3600.0).start()
    # The field has been looked at all the same.
    before = crm.requests
    assert before == 1
    campaign.accept("m1", not_before=Hours.read("09:00-21:00").opening(START))
    campaign.accept("m2", kind=Kind.TRANSACTIONAL)
    campaign.clock.pump([60.0] * (6 * 60 - 1))
    assert (campaign.sent(), crm.requests) == (["m2"], before)
    campaign.pass_time(61)
    assert campaign.sent() == ["m2", "m1"]


def test_what_is_not_out_when_the_hours_end_waits_for_the_next_day(
    clock: Clock, journal: Journal, crm: FakeCrm
) -> None:
    """And its consent is asked for anew then."""
    crm.contact(5, "Y", NUMBER)
    campaign = Campaign(clock, journal, crm, rate=1.0, hours=Hours.read("03:00-03:01")).start()
    campaign.carrier.bulk_size = 1
    campaign.accept(*(f"m{n}" for n in range(100)))
    campaign.pass_time(120)
    gone = len(campaign.sent())
    assert 50 <= gone <= 62
    crm.items[3, 5][KEY] = "N"
    campaign.clock.pump([60.0] * (24 * 60 - 2))
    campaign.pass_time(10)
    assert len(campaign.sent()) == gone
    assert campaign.ended("m99") == ("rejected", "no_consent")


def test_a_consent_that_got_old_while_a1_was_away_is_asked_for_again(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign.dispatcher.stopService()
    campaign.accept("m1")
    campaign.pass_time(5)
    assert campaign.message()["stage"] == "ready"
    crm.items[3, 5][KEY] = "N"
    campaign.clock.pump([60.0] * 11)
    campaign.dispatcher.startService()
    campaign.pass_time(5)
    assert (campaign.sent(), campaign.ended()) == ([], ("rejected", "no_consent"))


# Opting out.


def test_an_opt_out_holds_at_once_and_ends_what_waits(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.trouble = away()
    campaign.accept("m1")
    campaign.choose(Choice.OUT)
    assert campaign.ended() == ("rejected", "stop_list")
    assert run(campaign.journal.accept(arrival("m2", kind=Kind.MARKETING))).refusal == "stop_list"
    campaign.accept("m3", kind=Kind.TRANSACTIONAL)
    assert campaign.sent() == ["m3"]


def test_an_opt_out_is_written_into_the_contacts_and_their_timelines(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.contact(6, "Y", "80291112233")
    crm.contact(7, "Y", "+375447654321")
    crm.trouble = away()
    campaign.choose(Choice.OUT)
    crm.trouble = None
    campaign.pass_time(60)
    assert {id_: crm.items[3, id_][KEY] for id_ in (5, 6, 7)} == {5: "N", 6: "N", 7: "Y"}
    assert [(each["ENTITY_TYPE"], each["ENTITY_ID"]) for each in crm.comments] == [("contact", 5), ("contact", 6)]
    assert all("отказался от рекламных SMS" in each["COMMENT"] for each in crm.comments)
    (choice,) = run(campaign.journal.evidence(NUMBER))["choices"]
    assert (choice["choice"], choice["source"], choice["contacts"], choice["due_at"]) == (
        "out",
        "operator",
        [5, 6],
        None,
    )


def test_opting_in_again_is_as_explicit(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    campaign.choose(Choice.OUT)
    campaign.choose(Choice.IN)
    assert crm.items[3, 5][KEY] == "Y"
    assert len(crm.comments) == 2
    campaign.accept("m1")
    campaign.pass_time(5)
    assert campaign.sent() == ["m1"]
    assert not run(campaign.journal.evidence(NUMBER))["stopped"]


def test_of_two_choices_that_the_crm_has_not_heard_of_the_later_one_is_written(
    campaign: Campaign, crm: FakeCrm
) -> None:
    crm.contact(5, None, NUMBER)
    crm.trouble = away()
    campaign.choose(Choice.OUT)
    campaign.choose(Choice.IN)
    crm.trouble = None
    campaign.pass_time(60)
    assert crm.items[3, 5][KEY] == "Y"
    assert len(crm.comments) == 1


def test_a_comment_that_may_have_been_made_is_not_made_twice(campaign: Campaign, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.contact(6, "Y", NUMBER)
    made = crm._comment

    def once_lost(given: Any) -> Any:
        made(given)
        crm._comment = made  # type: ignore[method-assign]
        return away()

    crm._comment = once_lost  # type: ignore[method-assign]
    campaign.choose(Choice.OUT)
    campaign.pass_time(30)
    assert [each["ENTITY_ID"] for each in crm.comments] == [5, 6]


def test_a_stop_list_of_a1_is_ours_from_then_on(campaign: Campaign, crm: FakeCrm) -> None:
    """Whichever of its two: what A1 would refuse is not handed over."""
    crm.contact(5, "Y", NUMBER)
    campaign.carrier.outcomes = [Refused("stop_list", "102", "A1's error 102")]
    campaign.accept("m1", "m2")
    campaign.pass_time(2)
    assert campaign.ended("m1") == ("rejected", "stop_list")
    # The second one had gone with it.
    campaign.accept("m3")
    assert campaign.ended("m3") == ("rejected", "stop_list")
    campaign.pass_time(31)
    assert crm.items[3, 5][KEY] == "N"
    (choice,) = run(campaign.journal.evidence(NUMBER))["choices"]
    assert (choice["source"], choice["note"]) == ("a1", "A1's error 102")


def test_a_date_is_emptied_in_the_way_that_works(clock: Clock, journal: Journal) -> None:
    crm = FakeCrm(kind="date")
    crm.contact(5, "2026-11-01T03:00:00+03:00", NUMBER)
    campaign = Campaign(clock, journal, crm).start()
    campaign.choose(Choice.OUT)
    assert crm.items[3, 5][KEY] is None


# Marketing is not configured any more.


def test_without_a_section_for_it_nothing_of_marketing_goes_out(clock: Clock, journal: Journal, crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    before = Campaign(clock, journal, crm).start()
    crm.trouble = away()
    before.accept("m1")
    for loop in before.loops:
        loop.stopService()
    told = Receipts(journal, Metrics(), lambda: None)
    refusing = NoConsent(clock, journal, told)
    refusing.startService()
    clock.pump([0.0] * 4)
    assert before.ended() == ("rejected", "marketing_disabled")
    refusing.stopService()

"""Campaigns in the journal: told from one another, paused, resumed, cancelled."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway.carriers.outcome import Accepted, LinkTrouble, Outcome, Postponed, Trouble, Uncertain
from a1gateway.journal import Journal, Store, campaigns, unfilled
from a1gateway.journal.campaigns import OF_CAMPAIGNS, Followed, State
from a1gateway.journal.lane import InlineLane
from a1gateway.message import (
    Choice,
    ChoiceSource,
    Kind,
    Source,
    Stage,
    Status,
    StatusReport,
    Submission,
    Verdict,
    Window,
    custom_id,
)

from .conftest import START, agree, arrival, fresh, run

HOUR, DAY = 3600.0, 86400.0
SALE = "{}, скидка 20% до воскресенья в MyShop"
CHEESE = "Приглашаем на дегустацию сыров в субботу в 15:00"
NAMES = ("Анна", "Иван Петрович", "Ольга", "Пётр", "Мария Ивановна")
LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")
WHO = "Anna K. (id 5)"


def number(index: int) -> str:
    return f"+37529{index:07}"


def accept(journal: Journal, index: int, text: str | None = None, **more: Any) -> str | None:
    """Message `m<index>` of a mailing, to a number of its own; why it is refused."""
    values: dict[str, Any] = {
        "kind": Kind.MARKETING,
        "msisdn": number(index),
        "text": SALE.format(NAMES[index % len(NAMES)]) if text is None else text,
        "origin": {"module_id": "sender"},
    }
    return run(journal.accept(arrival(f"m{index}", **values | more))).refusal


def message(journal: Journal, index: int) -> dict[str, Any]:
    found = run(journal.message(f"m{index}"))
    assert found is not None
    return found


def of(journal: Journal, *indices: int) -> list[int | None]:
    """The campaigns of these messages."""
    return [message(journal, index)["campaign"] for index in indices]


def stages(journal: Journal, *indices: int) -> list[str]:
    return [message(journal, index)["stage"] for index in indices]


def words(journal: Journal, index: int) -> list[str]:
    return [step["word"] for step in message(journal, index)["history"]]


def change(journal: Journal, state: State, campaign: int = 1, now: float = START) -> State | None:
    return run(journal.within(campaigns.change_state, campaign, state, WHO, now))


def begin_anew(journal: Journal, campaign: int = 1, now: float = START) -> tuple[State, bool] | None:
    return run(journal.within(campaigns.begin_anew, campaign, now))


def follow(journal: Journal, now: float = START, limit: int = 1000, opens_at: float = 0.0) -> Followed:
    return run(journal.within(campaigns.follow, now, limit, opens_at))


def claimed(journal: Journal, now: float = START, **more: Any) -> list[str]:
    return [each.message_id for each in run(journal.claim(now, 500, **more)).submissions]


def asked(journal: Journal, now: float = START, limit: int = 100) -> list[str]:
    return [each.message_id for each in run(journal.unasked(now, limit))[0]]


# Which campaign a message is of.


def test_the_messages_of_a_mailing_are_one_campaign(journal: Journal) -> None:
    for index in range(5):
        accept(journal, index, received_at=START + index)
    accept(journal, 5, CHEESE)
    accept(journal, 6)
    assert of(journal, *range(7)) == [1, 1, 1, 1, 1, 2, 1]


@pytest.mark.parametrize(
    "other",
    [{"text": CHEESE}, {"sender_id": "Other"}, {"origin": {"module_id": "bizproc", "code": "a1sms_by_marketing"}}],
    ids=["another text", "another Sender ID", "a robot"],
)
def test_what_differs_is_another_campaign(journal: Journal, other: dict[str, Any]) -> None:
    accept(journal, 0)
    accept(journal, 1, **other)
    accept(journal, 2)
    accept(journal, 3, **other)
    assert of(journal, 0, 1, 2, 3) == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("origin", "kind", "is_one"),
    [
        ({"module_id": "crm", "code": "a1sms_by_marketing"}, Kind.MARKETING, True),
        ({"module_id": "sender"}, Kind.MARKETING, True),
        ({"scenario": "after-visit", "document": "deal:5"}, Kind.MARKETING, False),
        ({"code": "a1_sms_marketing", "document_id": ["crm", "…", "DEAL_12"]}, Kind.MARKETING, False),
        ({"page": "resend"}, Kind.MARKETING, False),
        ({"module_id": "crm", "code": "a1sms_by"}, Kind.TRANSACTIONAL, False),
    ],
)
def test_campaigns_are_what_bitrix24_sends_as_marketing(
    journal: Journal, origin: dict[str, Any], kind: Kind, is_one: bool
) -> None:
    accept(journal, 0, origin=origin, kind=kind)
    assert of(journal, 0) == ([1] if is_one else [None])


def test_what_is_refused_at_the_door_is_of_its_campaign(journal: Journal) -> None:
    accept(journal, 0)
    assert accept(journal, 1, msisdn=None, refusal="foreign") == "foreign"
    run(journal.choose(number(2), Choice.OUT, ChoiceSource.OPERATOR, "", START))
    assert accept(journal, 2) == "stop_list"
    assert of(journal, 0, 1, 2) == [1, 1, 1]


def test_a_call_that_is_repeated_changes_nothing(journal: Journal) -> None:
    accept(journal, 0)
    for text in (None, CHEESE):
        assert run(
            journal.accept(
                arrival(
                    "m0", kind=Kind.MARKETING, text=text or "?", origin={"module_id": "sender"}, refusal="foreign"
                )
            )
        ).repeated
    accept(journal, 1, received_at=START + 4 * HOUR)
    assert of(journal, 0, 1) == [1, 2]


@pytest.mark.parametrize(
    ("state", "joins", "begins"),
    [
        (State.RUNNING, 3 * HOUR - 100, 3 * HOUR + 1),
        (State.PAUSED, DAY - 100, DAY + 1),
        (State.CANCELLED, 1700, 1801),
    ],
)
def test_after_a_long_break_a_campaign_is_another(
    journal: Journal, state: State, joins: float, begins: float
) -> None:
    accept(journal, 0)
    if state is not State.RUNNING:
        change(journal, state)
    accept(journal, 1, received_at=START + joins)
    accept(journal, 2, received_at=START + joins + begins)
    assert of(journal, 0, 1, 2) == [1, 1, 2]


def test_what_comes_out_of_the_spool_later_is_of_the_campaign_that_it_was_of(journal: Journal) -> None:
    accept(journal, 0, received_at=START + 600)
    accept(journal, 1, received_at=START)
    accept(journal, 2, received_at=START + 700)
    assert of(journal, 0, 1, 2) == [1, 1, 1]


def test_a_campaign_of_a_clock_that_was_years_ahead_takes_nothing_in(journal: Journal) -> None:
    accept(journal, 0, received_at=START + 1e8)
    accept(journal, 1)
    assert of(journal, 0, 1) == [1, 2]


def test_a_mailing_that_is_corrected_and_sent_anew_is_another_one(journal: Journal) -> None:
    """To those who have had the first, and then to others, while what is left of the first is of the first still."""
    wrong, right = "{}, скидка 30% до воскресенья в MyShop", SALE
    for index in range(3):
        accept(journal, index, wrong.format(NAMES[index]))
    for index in range(6):
        values = {"msisdn": number(index), "received_at": START + 60}
        assert accept(journal, index + 10, right.format(NAMES[index % 3]), **values) is None
    accept(journal, 3, wrong.format("Зоя"), received_at=START + 60)
    assert of(journal, *range(4)) == [1] * 4
    assert of(journal, *range(10, 16)) == [2] * 6


def test_two_contacts_with_one_number_are_of_one_mailing(journal: Journal) -> None:
    accept(journal, 0, SALE.format("Анна"))
    accept(journal, 1, SALE.format("Анна Ивановна"), msisdn=number(0))
    assert of(journal, 0, 1) == [1, 1]


def test_of_two_campaigns_that_are_alike_the_more_alike_one_takes_a_message(journal: Journal) -> None:
    accept(journal, 0, "Анна, скидка 30% на обувь до воскресенья")
    accept(journal, 1, "Анна, скидка 30% на сумки до воскресенья", msisdn=number(0))
    accept(journal, 2, "Пётр, скидка 30% на обувь до воскресенья")
    accept(journal, 3, "Пётр, скидка 30% на сумки до воскресенья")
    assert of(journal, 0, 1, 2, 3) == [1, 2, 1, 2]


def test_of_many_campaigns_at_the_same_time_one_that_is_stopped_is_not_lost(journal: Journal) -> None:
    """However many others a robot has begun since."""
    robot = {"module_id": "bizproc"}
    accept(journal, 0, origin=robot)
    change(journal, State.PAUSED)
    letters = "абвгдежзик"
    for index in range(1, 81):
        text = " ".join(f"{letters[index // 10]}{letters[index % 10]}{letter}" for letter in letters)
        accept(journal, index, text, origin=robot, received_at=START + 61 * index)
    assert of(journal, 1, 80) == [2, 81]
    accept(journal, 100, origin=robot, received_at=START + HOUR)
    assert (of(journal, 100), stages(journal, 100)) == ([1], ["held"])


def test_a_stopped_campaign_is_looked_for_in_an_index_of_its_own(store: Store) -> None:
    values = {"since": 0, "until": 1, "by": "mailing", "sender": None}
    with closing(sqlite3.connect(store.path)) as raw:
        (plan,) = raw.execute(f"EXPLAIN QUERY PLAN {campaigns._STOPPED.sql}", values)
    assert "ix_campaigns_stopped" in plan[3]


# Pausing.


def test_nothing_of_a_paused_campaign_leaves_from_that_moment_on(journal: Journal) -> None:
    """However many wait, and before any of them has been moved."""
    for index in range(20):
        accept(journal, index)
    agree(journal)
    accept(journal, 20, CHEESE)
    accept(journal, 21)
    agree(journal)
    accept(journal, 22)
    run(journal.accept(arrival("ordinary")))
    assert change(journal, State.PAUSED) is State.RUNNING
    assert claimed(journal) == ["ordinary", "m20"]
    assert asked(journal) == []
    assert stages(journal, 0, 21, 22) == ["held", "held", "held"]
    assert words(journal, 0) == ["accepted", "consent", "held"]
    # They are not looked at again.
    assert run(journal.claim(START, 500)).next_marketing_due is None
    assert run(journal.unasked(START, 100)) == ([], None)


def test_what_comes_while_a_campaign_is_paused_is_held_at_once(journal: Journal) -> None:
    accept(journal, 0)
    change(journal, State.PAUSED)
    assert accept(journal, 1) is None
    assert message(journal, 1)["status"] == "queued"
    assert (stages(journal, 1), words(journal, 1)) == (["held"], ["accepted", "held"])


BONUS = "{}, вам начислено {} бонусов, потратьте их до воскресенья в MyShop"


@pytest.mark.parametrize("state", [State.PAUSED, State.CANCELLED])
def test_whoever_has_the_number_of_another_leaves_no_stopped_campaign_with_figures_of_their_own(
    journal: Journal, state: State
) -> None:
    """And nobody after them."""
    for index in range(10):
        accept(journal, index, BONUS.format("Анна", 100 + index))
    change(journal, state)
    for index in range(100, 140):
        values = {"msisdn": number(3)} if index % 10 == 0 else {}
        accept(journal, index, BONUS.format("Мария", 5000 + index), **values)
    assert of(journal, *range(100, 140)) == [1] * 40
    follow(journal)
    agree(journal)
    assert claimed(journal) == []


def test_what_goes_on_outside_the_hours_is_due_when_they_begin(journal: Journal) -> None:
    """Nobody is asked for a consent before, and none is given up for not having been."""
    accept(journal, 0)
    accept(journal, 1, not_before=START + 10 * HOUR)
    change(journal, State.PAUSED)
    follow(journal)
    change(journal, State.RUNNING)
    assert follow(journal, START + HOUR, opens_at=START + 9 * HOUR).released == 2
    assert words(journal, 0)[-1] == "released"
    assert run(journal.unasked(START + 8 * HOUR, 10)) == ([], START + 9 * HOUR)
    assert run(journal.give_up_consents(START + 9 * HOUR - 1, START + 9 * HOUR)) == []
    assert asked(journal, START + 9 * HOUR) == ["m0"]
    assert asked(journal, START + 10 * HOUR) == ["m0", "m1"]


def test_messages_behind_a_paused_campaign_are_asked_for(journal: Journal) -> None:
    for index in range(40):
        accept(journal, index)
    accept(journal, 40, CHEESE)
    change(journal, State.PAUSED)
    found, next_due = run(journal.unasked(START, 3))
    # After so many it is somebody else's turn.
    assert (found, next_due) == ([], START)
    assert stages(journal, 14, 15) == ["held", "consent"]
    for _ in range(2):
        found, next_due = run(journal.unasked(START, 3))
    assert ([each.message_id for each in found], next_due) == (["m40"], None)


def test_a_verdict_on_what_is_held_meanwhile_is_none(journal: Journal) -> None:
    accept(journal, 0)
    (unasked,), _ = run(journal.unasked(START, 10))
    change(journal, State.PAUSED)
    follow(journal)
    run(journal.judge([Verdict(unasked.id, True, START, "UF_CRM_SMS_CONSENT", ())], START, START))
    assert stages(journal, 0) == ["held"]


def test_what_waits_is_moved_in_steps(journal: Journal) -> None:
    for index in range(10):
        accept(journal, index)
        if index == 4:
            agree(journal)
    change(journal, State.PAUSED)
    steps = [follow(journal, limit=4) for _ in range(4)]
    assert [(each.held, each.more) for each in steps] == [(4, True), (4, True), (2, False), (0, False)]
    assert set(stages(journal, *range(10))) == {"held"}


def test_what_has_left_goes_on(journal: Journal) -> None:
    for index in range(3):
        accept(journal, index)
    agree(journal)
    first, second, third = run(journal.claim(START, 500)).submissions
    change(journal, State.PAUSED)
    follow(journal)
    outcomes: list[tuple[Submission, Outcome, float]] = [
        (first, Accepted("7001"), START + 60),
        (second, Uncertain(LOST), START + 60),
        (third, Postponed(LOST), START + 1),
    ]
    run(journal.record(outcomes, START))
    assert stages(journal, 0, 1, 2) == ["sent", "asking", "ready"]
    # But A1 has not had the third.
    assert claimed(journal, START + 1) == []
    assert stages(journal, 2) == ["held"]
    run(journal.settle([StatusReport("7001", "3", Status.DELIVERED, Source.POLL, START + 5)]))
    assert message(journal, 0)["status"] == "delivered"


def test_after_a_pause_everybody_is_asked_for_a_consent_again(journal: Journal) -> None:
    for index in range(3):
        accept(journal, index)
    agree(journal)
    change(journal, State.PAUSED)
    follow(journal)
    assert change(journal, State.RUNNING, now=START + HOUR) is State.PAUSED
    assert asked(journal, START + HOUR) == []
    followed = follow(journal, START + HOUR, limit=2)
    assert (followed.released, followed.more) == (2, True)
    assert follow(journal, START + HOUR).released == 1
    assert asked(journal, START + HOUR) == ["m0", "m1", "m2"]
    assert claimed(journal, START + HOUR) == []
    agree(journal, START + HOUR)
    assert claimed(journal, START + HOUR) == ["m0", "m1", "m2"]
    assert words(journal, 0) == ["accepted", "consent", "held", "released", "consent"]


def test_a_campaign_paused_again_before_all_of_it_went_on_is_held(journal: Journal) -> None:
    for index in range(4):
        accept(journal, index)
    change(journal, State.PAUSED)
    follow(journal)
    change(journal, State.RUNNING)
    follow(journal, limit=2)
    change(journal, State.PAUSED)
    assert asked(journal) == []
    assert set(stages(journal, 0, 1, 2, 3)) == {"held"}


@pytest.mark.parametrize(("not_before", "due_at"), [(START + HOUR, START + HOUR), (START + 5 * DAY, START + DAY)])
def test_the_quiet_hours_of_what_goes_on_are_kept(journal: Journal, not_before: float, due_at: float) -> None:
    """A day at most: the clock was days ahead when the other one was accepted."""
    accept(journal, 0, not_before=not_before, received_at=START)
    change(journal, State.PAUSED)
    follow(journal)
    change(journal, State.RUNNING)
    follow(journal)
    assert run(journal.unasked(START, 10)) == ([], due_at)


def test_held_messages_end_as_others_do(journal: Journal) -> None:
    """When their time is over, their subscriber opts out, or marketing is not configured any more."""
    accept(journal, 0, leave_by=START + 9)
    accept(journal, 1, leave_by=START + 9, again=Window(START + 100, START + 200))
    accept(journal, 2)
    accept(journal, 3, received_at=START + 50)
    accept(journal, 4, received_at=START + 50)
    change(journal, State.PAUSED)
    follow(journal)
    assert [each.reason for each in run(journal.end_late(START + 10))] == ["late"]
    assert stages(journal, 0, 1) == ["over", "held"]
    expired = run(journal.expire(START + 20, START + 3 * DAY))
    assert sorted((each.message_id, each.status, each.reason) for each in expired) == [
        ("m1", Status.EXPIRED, "not_sent_in_time"),
        ("m2", Status.EXPIRED, "not_sent_in_time"),
    ]
    ended = run(journal.choose(number(3), Choice.OUT, ChoiceSource.SUBSCRIBER, "СТОП", START + 60))
    assert [each.message_id for each in ended] == ["m3"]
    assert [each.reason for each in run(journal.refuse_marketing(START + 70))] == ["marketing_disabled"]


def test_the_portal_may_be_away_for_longer_than_a_held_message_would_wait(journal: Journal) -> None:
    accept(journal, 0)
    change(journal, State.PAUSED)
    follow(journal)
    assert run(journal.give_up_consents(START + DAY, START + 2 * DAY)) == []
    assert stages(journal, 0) == ["held"]


def test_a_text_with_fields_is_filled_and_held_then(journal: Journal) -> None:
    card = {"module_id": "crm", "code": "a1sms_by_marketing"}
    accept(journal, 0, origin=card)
    accept(journal, 1, origin=card, unfilled=True)
    change(journal, State.PAUSED)
    follow(journal)
    accept(journal, 2, origin=card, unfilled=True)
    assert stages(journal, 0, 1, 2) == ["held", "fields", "fields"]
    for each in run(journal.within(unfilled.due, START, 10))[0]:
        assert run(journal.within(unfilled.fill, each.id, SALE.format("Зоя"), 1, START))
    assert asked(journal) == []
    assert stages(journal, 1, 2) == ["held", "held"]


# Cancelling.


def test_what_has_not_left_of_a_cancelled_campaign_is_refused(journal: Journal) -> None:
    card = {"module_id": "crm", "code": "a1sms_by_marketing"}
    for index in range(4):
        accept(journal, index, origin=card)
    agree(journal)
    (gone,) = run(journal.claim(START, 1)).submissions
    accept(journal, 4, origin=card)
    accept(journal, 5, origin=card, unfilled=True)
    run(journal.accept(arrival("ordinary")))
    change(journal, State.CANCELLED)
    assert claimed(journal) == ["ordinary"]
    assert asked(journal) == []
    steps = [follow(journal, limit=3), follow(journal, limit=3)]
    assert [(len(each.changes), each.more) for each in steps] == [(3, True), (2, False)]
    for index in range(1, 6):
        kept = message(journal, index)
        assert (kept["status"], kept["reason"], kept["told"]) == ("rejected", "cancelled", "failed")
        assert kept["history"][-1]["note"] == WHO
    run(journal.record([(gone, Accepted("7001"), START + 60)], START))
    assert message(journal, 0)["status"] == "sent"
    assert follow(journal) == Followed()


def test_what_comes_of_a_cancelled_campaign_is_refused_at_the_door(journal: Journal) -> None:
    accept(journal, 0)
    change(journal, State.CANCELLED)
    assert accept(journal, 1) == "cancelled"
    assert accept(journal, 1) == "cancelled"
    assert accept(journal, 2, CHEESE) is None


def test_what_was_under_way_and_comes_back_is_refused(journal: Journal) -> None:
    """Whether the dispatcher sees it first, or A1 takes nothing and nobody does."""
    for index in range(3):
        accept(journal, index)
    agree(journal)
    first, second, third = run(journal.claim(START, 3)).submissions
    change(journal, State.CANCELLED)
    assert follow(journal) == Followed()
    run(journal.record([(first, Postponed(LOST), START + 1)], START))
    assert claimed(journal, START + 1) == []
    assert [each.message_id for each in follow(journal).changes] == ["m0"]
    run(journal.record([(second, Postponed(LOST), START + 1), (third, Accepted("7001"), START + 60)], START))
    assert [each.message_id for each in follow(journal).changes] == ["m1"]
    assert stages(journal, 2) == ["sent"]


@pytest.mark.parametrize("state", [State.PAUSED, State.RUNNING])
def test_a_cancelled_campaign_stays_cancelled(journal: Journal, state: State) -> None:
    accept(journal, 0)
    change(journal, State.CANCELLED)
    assert change(journal, state) is State.CANCELLED
    assert accept(journal, 1) == "cancelled"


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_nothing_of_a_cancelled_campaign_goes_out_whatever_is_said_later(journal: Journal, paused: bool) -> None:
    """Though it has not followed yet, or comes back from A1, or out of the spool."""
    for index in range(10):
        accept(journal, index)
    agree(journal)
    (gone,) = run(journal.claim(START, 1)).submissions
    if paused:
        change(journal, State.PAUSED)
        follow(journal)
    change(journal, State.CANCELLED)
    follow(journal, limit=4)
    change(journal, State.RUNNING)
    begin_anew(journal, now=START + 60)
    run(journal.record([(gone, Postponed(LOST), START + 1)], START + 60))
    assert accept(journal, 10, received_at=START + 59) == "cancelled"
    assert claimed(journal, START + 60) == []
    follow(journal, START + 60)
    assert {message(journal, index)["reason"] for index in range(11)} == {"cancelled"}


def test_a_mailing_goes_on_being_refused_while_it_comes(journal: Journal) -> None:
    """For however long, whoever gets it, and with whatever name and figures."""
    accept(journal, 0)
    change(journal, State.CANCELLED)
    refused = [accept(journal, index, received_at=START + 1200 * index) for index in range(1, 20)]
    assert refused == ["cancelled"] * 19


def test_a_mailing_begun_anew_after_a_break_goes_out(journal: Journal) -> None:
    """Corrected or not, to those who have had the first, and to others."""
    accept(journal, 0)
    accept(journal, 1)
    change(journal, State.CANCELLED)
    assert accept(journal, 2, received_at=START + 600) == "cancelled"
    later = START + 600 + 1801
    assert accept(journal, 10, msisdn=number(1), received_at=later) is None
    assert accept(journal, 11, SALE.format("Зоя").replace("20", "25"), received_at=later) is None
    assert of(journal, 2, 10, 11) == [1, 2, 2]


def test_a_mailing_begun_anew_by_somebodys_word_goes_out_at_once(journal: Journal) -> None:
    """All of it, whoever gets it first; a word too little is not enough to tell it from what was cancelled."""
    corrected = SALE.replace("воскресенья", "субботы")
    for index in range(10):
        accept(journal, index)
    change(journal, State.CANCELLED)
    assert accept(journal, 10, corrected.format("Зоя"), received_at=START + 300) == "cancelled"
    # Who has had the first is told nothing else.
    assert accept(journal, 11, corrected.format("Анна"), msisdn=number(0), received_at=START + 300) == "cancelled"
    assert begin_anew(journal, now=START + 301) == (State.CANCELLED, True)
    follow(journal)
    for index in range(20, 40):
        # The last ones to those who have had the first.
        values = {"msisdn": number(index - 30)} if index >= 30 else {}
        text = corrected.format(NAMES[index % len(NAMES)])
        assert accept(journal, index, text, received_at=START + 302, **values) is None
    assert of(journal, *range(20, 40)) == [2] * 20
    agree(journal, START + 302)
    assert len(claimed(journal, START + 302)) == 20
    assert {message(journal, index)["reason"] for index in range(12)} == {"cancelled"}


def test_only_what_is_cancelled_is_begun_anew_and_once(journal: Journal) -> None:
    accept(journal, 0)
    for state in (State.RUNNING, State.PAUSED):
        change(journal, state)
        assert begin_anew(journal) == (state, False)
    assert accept(journal, 1) is None
    assert of(journal, 1) == [1]
    change(journal, State.CANCELLED)
    assert begin_anew(journal, now=START + 1) == (State.CANCELLED, True)
    assert begin_anew(journal, now=START + 2) == (State.CANCELLED, False)
    assert begin_anew(journal, campaign=7) is None


def test_there_is_no_campaign_to_change(journal: Journal) -> None:
    assert change(journal, State.PAUSED, campaign=7) is None


# Over SMPP, where a message leaves in parts, and nobody knows what became of some.


@pytest.fixture
def of_parts(store: Store) -> Journal:
    return Journal(InlineLane(store), in_parts=True)


def taken(journal: Journal) -> Submission:
    """A message in two parts, that is being submitted."""
    accept(journal, 0, text="я" * 100, segments=2)
    agree(journal)
    (submission,) = run(journal.claim(START, 500)).submissions
    return submission


@pytest.mark.parametrize("state", [State.PAUSED, State.CANCELLED])
def test_what_a1_has_in_part_goes_on(of_parts: Journal, state: State) -> None:
    first = taken(of_parts)
    run(of_parts.record([(first, Postponed(LOST, parts={1: "7001"}), START + 1)], START))
    change(of_parts, state)
    assert follow(of_parts) == Followed()
    assert claimed(of_parts, START + 1) == ["m0"]


def held_and_resent(journal: Journal) -> Submission:
    """A message whose answer was lost, that was to go again, and is held."""
    first = taken(journal)
    run(journal.record([(first, Uncertain(LOST), START + 60)], START))
    assert run(journal.release(START + 61, 100, resend=True))[1] == 1
    change(journal, State.PAUSED)
    assert follow(journal, START + 61).held == 1
    return first


def test_what_a1_may_have_is_uncertain_when_its_campaign_is_cancelled(of_parts: Journal) -> None:
    held_and_resent(of_parts)
    change(of_parts, State.CANCELLED)
    assert [each.reason for each in follow(of_parts, START + 62).changes] == ["uncertain"]


@pytest.mark.parametrize("resumed", [False, True])
def test_what_a1_turns_out_to_have_does_not_go_again_after_a_pause(of_parts: Journal, resumed: bool) -> None:
    first = held_and_resent(of_parts)
    if resumed:
        change(of_parts, State.RUNNING)
        follow(of_parts, START + 62)
    assert stages(of_parts, 0) == ["consent" if resumed else "held"]
    run(of_parts.record_late(first, Accepted("7001", parts={1: "7001", 2: "7002"}), START + 120, START + 70))
    assert stages(of_parts, 0) == ["sent"]


def test_what_turns_out_to_be_at_a1_in_part_goes_on_when_its_campaign_is_cancelled(of_parts: Journal) -> None:
    first = held_and_resent(of_parts)
    run(of_parts.name_parts(first, {1: "7001"}, START + 70))
    change(of_parts, State.CANCELLED)
    assert follow(of_parts, START + 71).changes == ()
    assert claimed(of_parts, START + 71) == ["m0"]


# A death of the daemon.


@pytest.mark.parametrize("state", [State.PAUSED, State.CANCELLED])
def test_a_change_stands_when_the_daemon_dies_before_any_message_has_followed(
    store: Store, journal: Journal, state: State
) -> None:
    for index in range(6):
        accept(journal, index)
        if index == 2:
            agree(journal)
    change(journal, state)
    follow(journal, limit=1)
    store.close()
    anew = Store(f"sqlite:///{store.path}")
    anew.prepare()
    after = Journal(InlineLane(anew))
    run(after.catch_up(START + 10, ask_within=5.0, poll_within=60.0))
    run(after.recover(START + 10))
    assert (claimed(after, START + 10), asked(after, START + 10)) == ([], [])
    assert not follow(after, START + 10).more
    assert set(stages(after, *range(6))) == {"held" if state is State.PAUSED else "over"}
    anew.close()


# Whatever happens.

OUTCOMES: dict[str, Outcome] = {
    "accepted": Accepted("7001"),
    "postponed": Postponed(LOST),
    "lost": Uncertain(LOST),
}
STEPS = st.one_of(
    st.sampled_from(["follow", "agree", "claim", "accepted", "postponed", "lost", "missing", "restart"]),
    st.sampled_from([*State]),
    st.tuples(st.just("accept"), st.booleans(), st.booleans()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=40))
def test_whatever_the_order_nothing_stopped_leaves_and_nothing_is_lost(
    empty_journal: Path, steps: Sequence[Any]
) -> None:
    with fresh(empty_journal) as store:
        journal = Journal(InlineLane(store))
        state, now, count = State.RUNNING, START, 0
        in_flight: list[Submission] = []
        left: dict[str, int] = {}
        accept(journal, 0, now_or_never := None)
        for step in steps:
            now += 1
            if isinstance(step, State):
                if (state, step) != (State.CANCELLED, State.PAUSED):
                    state = step
                change(journal, step, now=now)
            elif isinstance(step, tuple):
                _, of_it, is_marketing = step
                count += 1
                kind = Kind.MARKETING if is_marketing else Kind.TRANSACTIONAL
                accept(journal, count, now_or_never if of_it else CHEESE, kind=kind, received_at=now)
            elif step == "follow":
                follow(journal, now, limit=2)
            elif step == "agree":
                agree(journal, now)
            elif step == "claim":
                for each in run(journal.claim(now, 3)).submissions:
                    kept = run(journal.message(each.message_id))
                    assert kept is not None
                    assert kept["campaign"] != 1 or state is State.RUNNING
                    assert each not in in_flight
                    in_flight.append(each)
            elif step == "restart":
                run(journal.recover(now))
                in_flight = []
            elif step == "missing":
                known = run(journal.uncertain(now, 10)).submissions
                run(journal.record_standings([], known, now, poll_at=now, ask_at=now))
            else:
                outcome = OUTCOMES[step]
                run(journal.record([(each, outcome, now) for each in in_flight], now))
                if step == "accepted":
                    for each in in_flight:
                        left[each.message_id] = left.get(each.message_id, 0) + 1
                in_flight = []
        # At the end everything goes on, and comes to A1 or to its end.
        change(journal, State.RUNNING, now=now)
        for _ in range(30):
            now += 10
            follow(journal, now)
            agree(journal, now)
            in_flight += run(journal.claim(now, 100)).submissions
            run(journal.record([(each, Accepted(custom_id(each.message_id)), now) for each in in_flight], now))
            in_flight = []
            run(journal.recover(now))
            known = run(journal.uncertain(now, 100)).submissions
            run(journal.record_standings([], known, now, poll_at=now, ask_at=now))
            ends = [message(journal, index) for index in range(count + 1)]
            if all(kept["stage"] in (Stage.SENT, Stage.OVER) for kept in ends):
                break
        for kept in ends:
            assert kept["stage"] in (Stage.SENT, Stage.OVER)
            assert (kept["stage"] == Stage.OVER) == (kept["reason"] == "cancelled")
            assert kept["message_id"] not in left or kept["stage"] == Stage.SENT
        assert max(left.values(), default=1) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([SALE.format("Анна"), CHEESE, "", "50%"]) | st.text(max_size=40),
            st.sampled_from(["sender", "crm", "bizproc", "telephony", ""]),
            st.floats(-1e5, 1e5),
            st.booleans(),
        ),
        max_size=15,
    )
)
def test_whatever_comes_each_marketing_message_has_a_campaign_of_its_senders(
    empty_journal: Path, calls: Sequence[tuple[str, str, float, bool]]
) -> None:
    with fresh(empty_journal) as store:
        journal = Journal(InlineLane(store))
        senders: dict[int, str] = {}
        for index, (text, module, later, refused) in enumerate(calls):
            refusal = "empty_text" if refused else None
            origin = {"module_id": module} if module else {}
            accept(journal, index, text, origin=origin, received_at=START + later, refusal=refusal)
            kept = message(journal, index)
            assert kept["sent_by"] in OF_CAMPAIGNS
            assert senders.setdefault(kept["campaign"], kept["sent_by"]) == kept["sent_by"]

"""Journals of versions before: reminders that wait in them, and messages that are over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from a1gateway.automation.robots import REMIND
from a1gateway.journal import Journal, Store, look_ups, masking, reminders, retention, runs
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.reminders import Reminder, Rule
from a1gateway.message import Drop, Planned

from .conftest import START, arrival, run
from .older_journal import older_journal
from .test_portal import INSTALLATION

HOUR, DAY = 3600.0, 86400.0
VISIT, LATER = START + 3 * DAY, START + 5 * DAY
OF_SCENARIO, OF_RUN = Rule("visit", None, 2, 4182), Rule("run:1", 1, 2, 4183)
REMINDERS = [
    # Of a scenario: it has moved, and one has been sent.
    ("visit", None, 2, 4182, VISIT, DAY, None, "moved", None),
    ("visit", None, 2, 4182, VISIT, HOUR, None, "moved", None),
    ("visit", None, 2, 4182, LATER, DAY, None, "sent", 1),
    ("visit", None, 2, 4182, LATER, HOUR, LATER - HOUR, "planned", None),
    # Of a run.
    ("run:1", 1, 2, 4183, VISIT, DAY, VISIT - DAY, "planned", None),
    ("run:1", 1, 2, 4183, VISIT, HOUR, VISIT - HOUR, "planned", None),
    # Of nobody any more.
    ("visit", None, 177, 12, VISIT, HOUR, None, "dropped", None),
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A journal of version 0005 with reminders to come."""
    path = older_journal(tmp_path, "0005")
    with closing(sqlite3.connect(path)) as raw:
        portal = [getattr(INSTALLATION, field.name) for field in fields(INSTALLATION)]
        raw.execute(f"INSERT INTO installation VALUES ({', '.join('?' * len(portal))})", portal)  # noqa: S608
        raw.execute(
            "INSERT INTO messages (message_id, custom_id, received_at, kind, origin, number_received, msisdn, text,"
            " segments, status, stage, due_at, attempts, asked, tell_tries, teller)"
            " VALUES ('r1', 'c1', ?, 'transactional', '{}', '+375291112233', '+375291112233', 'Ждём', 1, 'queued',"
            " 'ready', ?, 0, 0, 0, 'nobody')",
            (START, START),
        )
        raw.execute(
            "INSERT INTO runs (event_token, received_at, code, entity_type, item, properties, origin, state)"
            " VALUES ('t1', ?, ?, 2, 4183, '{\"text\": \"Ждём\"}', '{}', 'waiting')",
            (START, REMIND),
        )
        raw.executemany(
            "INSERT INTO reminders (rule, run, entity_type, item, moment, ahead, due_at, state, message)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            REMINDERS,
        )
        raw.execute("INSERT INTO look_ups VALUES ('deal:5', 2, 5, NULL, ?, ?, ?)", (START, START, START + 5))
        raw.executemany("INSERT INTO positions VALUES (?, 17, ?)", [("stages:2", START), ("dates:visit", START)])
        raw.execute("INSERT INTO conditions VALUES ('vip', 5, 1, 0)")
        raw.commit()
    return path


@pytest.fixture
def upgraded(old: Path) -> Iterator[Journal]:
    store = Store(f"sqlite:///{old}")
    store.prepare()
    yield Journal(InlineLane(store))
    store.close()


def due(journal: Journal) -> list[Reminder]:
    return run(journal.within(reminders.due, LATER, 100))[0]


def test_reminders_that_wait_are_due_as_before(upgraded: Journal) -> None:
    assert [(each.of, each.moment, each.ahead, each.due_at) for each in due(upgraded)] == [
        (OF_RUN, VISIT, DAY, VISIT - DAY),
        (OF_RUN, VISIT, HOUR, VISIT - HOUR),
        (OF_SCENARIO, LATER, HOUR, LATER - HOUR),
    ]


def test_their_documents_are_followed_from_then_on(upgraded: Journal) -> None:
    found = run(upgraded.within(reminders.rules_of, 2, [4182, 4183]))
    assert {each.rule: each.moment for each in found} == {OF_SCENARIO: LATER, OF_RUN: VISIT}
    assert all(each.is_held for each in found)
    # Of those that nothing waits for nobody knows any more.
    assert run(upgraded.within(reminders.types)) == [2]
    # They are followed until thirty days after their moment, also when nothing waits any more.
    for each in due(upgraded):
        run(upgraded.within(reminders.drop, each, Drop.LATE, START))
    run(upgraded.within(reminders.forget_old, VISIT + 30 * DAY + 1))
    assert run(upgraded.within(reminders.followed, 2, [4182, 4183])) == {4182}


def test_their_dates_may_move(upgraded: Journal) -> None:
    moved = [Planned(DAY, LATER + DAY - DAY), Planned(HOUR, LATER + DAY - HOUR)]
    assert run(upgraded.within(reminders.plan, OF_RUN, LATER + DAY, moved, START)) == 2
    # What was sent stays sent.
    again = [Planned(DAY, LATER - DAY), Planned(HOUR, LATER - HOUR)]
    assert run(upgraded.within(reminders.plan, OF_SCENARIO, LATER, again, START)) == 1


def test_a_run_of_the_time_before_is_answered_with_what_becomes_of_it(upgraded: Journal) -> None:
    run(upgraded.within(reminders.drop_all, OF_RUN, Drop.CANCELLED, START, for_good=False))
    (answer,) = run(upgraded.within(runs.answers, START, 100))[0]
    assert (answer.event_token, answer.refusals) == ("t1", 0)
    assert answer.values == {"status": "not_sent", "error": "cancelled", "planned": 0}


def test_a_reminder_of_the_time_before_is_sent(upgraded: Journal) -> None:
    run(upgraded.within(reminders.send, due(upgraded)[0], arrival("r2")))
    assert {each.message_id for each in run(upgraded.claim(LATER, 100)).submissions} == {"r1", "r2"}
    # It may leave whenever it can: nobody knew of an end then.
    assert run(upgraded.end_late(LATER)) == []


def test_what_was_to_be_looked_into_still_is(upgraded: Journal) -> None:
    (found,) = run(upgraded.within(look_ups.due, START + 5, 100))[0]
    assert (found.event.key, found.tries) == ("deal:5", 0)
    run(upgraded.within(look_ups.put_off, "deal:5", START + 60, "refused"))
    assert [each.tries for each in run(upgraded.within(look_ups.due, START + 60, 100))[0]] == [1]


def test_scenarios_find_out_anew_what_was_before_them(upgraded: Journal) -> None:
    """They go by other names; the history of stages is read on where it was."""
    assert run(upgraded.within(look_ups.positions_of)) == ["stages:2"]
    assert run(upgraded.within(look_ups.comes_to_hold, "vip", 5, holds=True)) == 1


def test_the_portal_is_known(upgraded: Journal) -> None:
    run(upgraded.install(replace(INSTALLATION, access_token="access-2")))
    assert len(due(upgraded)) == 3
    run(upgraded.install(replace(INSTALLATION, member_id="88bb", domain="other.bitrix24.by")))
    assert due(upgraded) == []
    kept = run(upgraded.within(runs.of_token, "t1"))
    assert kept is not None
    assert (kept["state"], kept["trouble"]) == ("over", "portal_changed")


def test_messages_of_the_time_before_are_masked_and_deleted_like_others(tmp_path: Path) -> None:
    path = older_journal(tmp_path, "0007")
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(
            "INSERT INTO messages (message_id, custom_id, received_at, kind, origin, number_received, msisdn, text,"
            " segments, status, stage, final_at, attempts, asked, tell_tries)"
            " VALUES ('m1', 'c1', ?1, 'transactional', '{}', '+375291112233', '+375291112233', 'Ждём', 1,"
            " 'delivered', 'over', ?1, 1, 0, 0)",
            (START,),
        )
        raw.execute("INSERT INTO message_items VALUES (2, 4182, 1)")
        raw.commit()
    store = Store(f"sqlite:///{path}")
    store.prepare()
    journal = Journal(InlineLane(store))
    assert run(journal.within(retention.state)) is None
    assert run(journal.within(retention.any_is_old, START + DAY))
    assert run(journal.within(masking.mask, [1], START + DAY)) == 1
    assert run(journal.within(masking.remove, [1], START + DAY)) == 1
    store.close()

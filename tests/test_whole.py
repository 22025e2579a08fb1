"""A message with its whole way, from a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal

from a1gateway.bitrix24.item import Item
from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, Store
from a1gateway.journal.reader import Reader
from a1gateway.journal.reminders import State
from a1gateway.journal.whole import Consent, PartOf, Step, Telling, Whole, whole
from a1gateway.message import (
    Evidence,
    Kind,
    Price,
    RunState,
    Source,
    Status,
    StatusReport,
    Teller,
    Verdict,
)

from .conftest import START, arrival, run


def look(reader: Reader, message_id: str = "m1") -> Whole:
    found = run(reader.read(whole, message_id))
    assert found is not None
    return found


def submit(journal: Journal, outcome: Accepted, now: float) -> None:
    (submission,) = run(journal.claim(now, 10)).submissions
    run(journal.record([(submission, outcome, now + 60)], now))


def test_an_unknown_message_is_none(reader: Reader) -> None:
    assert run(reader.read(whole, "m1")) is None


def test_a_message_is_shown_from_the_call_to_the_portals_confirmation(journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival(segments=3, warning="range_unknown", origin={"module_id": "crm"})))
    submit(journal, Accepted("A7", segments=2, price=Price(Decimal("0.031"), Decimal("0.062"))), START + 1)
    sent = look(reader)
    assert (sent.counted_segments, sent.listed.segments, sent.price) == (3, 2, Decimal("0.031"))
    assert (sent.due_at, sent.attempts, sent.telling) == (START + 61, 1, None)
    assert (sent.warning, sent.refusal, sent.teller) == ("range_unknown", None, Teller.SENDER)

    report = StatusReport("A7", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 9, "доставлено")
    run(journal.settle([report]))
    delivered = look(reader)
    assert delivered.telling == Telling("delivered", None, START + 9, 0)
    ((update,), _) = run(journal.untold(START + 10, 10))
    run(journal.tell_later([(update, START + 20, "HTTP 500")], START + 10))
    ((update,), _) = run(journal.untold(START + 20, 10))
    run(journal.confirm([update], START + 20))
    told = look(reader)
    assert told.telling == Telling("delivered", START + 20, None, 2)
    assert told.due_at is None
    assert told.history == (
        Step(1, START, Source.PORTAL, Status.QUEUED, "accepted", None),
        Step(2, START + 1, Source.API, Status.SENT, "accepted", None),
        Step(3, START + 9, Source.CALLBACK, Status.DELIVERED, "DELIVERED", "доставлено"),
        Step(4, START + 10, Source.PORTAL, None, "HTTP 500", None),
        Step(5, START + 20, Source.PORTAL, None, "confirmed:delivered", None),
    )
    assert (told.parts, told.consents, told.run, told.reminder, told.scenario) == ((), (), None, None, None)
    assert (told.original, told.copies) == (None, ())


def test_the_evidence_of_a_consent_is_shown(journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival(kind=Kind.MARKETING)))
    found = (Evidence(7, '"Y"', "", True), Evidence(8, '"12"', "СМС", True))
    run(journal.judge([Verdict(1, True, START + 1, "UF_CRM_SMS", found)], START + 1, START + 2))
    seen = look(reader)
    assert seen.consent_at == START + 1
    assert seen.consents == (
        Consent(START + 1, "UF_CRM_SMS", 7, '"Y"', "", True),
        Consent(START + 1, "UF_CRM_SMS", 8, '"12"', "СМС", True),
    )
    assert [step.word for step in seen.history] == ["accepted", "consent"]


def test_the_parts_that_went_out_over_smpp_are_shown(store: Store, journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival()))
    with closing(sqlite3.connect(store.path)) as raw, raw:
        raw.executemany(
            "INSERT INTO parts (message, number, a1_id, receipt_id, status, word) VALUES (1, ?, ?, ?, ?, ?)",
            [(2, "", None, None, None), (1, "1A", "26", "delivered", "DELIVRD"), (3, None, None, None, None)],
        )
    assert look(reader).parts == (
        PartOf(1, "1A", "26", Status.DELIVERED, "DELIVRD"),
        PartOf(2, "", None, None, None),
        PartOf(3, None, None, None, None),
    )


def test_the_rule_or_scenario_behind_a_message_is_shown(store: Store, journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival(origin={"scenario": "payment", "document": "deal:12", "ahead": 3600.0})))
    with closing(sqlite3.connect(store.path)) as raw, raw:
        raw.execute(
            "INSERT INTO runs (id, event_token, received_at, code, entity_type, item, properties, origin, state)"
            " VALUES (5, 't', ?, 'a1_sms_reminder', 2, 12, '{}', '{}', 'waiting')",
            (START,),
        )
        raw.execute(
            "INSERT INTO reminders (id, rule, run, entity_type, item, moment, ahead, state, message)"
            " VALUES (9, 'payment', 5, 2, 12, ?, 3600.0, 'sent', 1)",
            (START + 3600,),
        )
    seen = look(reader)
    assert seen.scenario == "payment"
    assert seen.run is not None
    assert (seen.run.code, seen.run.item, seen.run.state) == ("a1_sms_reminder", Item(2, 12), RunState.WAITING)
    assert seen.reminder is not None
    assert (seen.reminder.moment, seen.reminder.ahead, seen.reminder.state) == (START + 3600, 3600.0, State.SENT)


def test_a_message_and_those_that_repeat_it_name_one_another(journal: Journal, reader: Reader) -> None:
    run(journal.accept(arrival("m1", msisdn=None, refusal="too_short")))
    for number in (2, 3):
        origin = {"page": "resend", "of": "m1"}
        run(journal.accept(arrival(f"m{number}", origin=origin, received_at=START + number)))
    # What the portal says of an origin proves nothing.
    run(journal.accept(arrival("m4", origin={"module_id": "crm", "of": "m1", "scenario": 7})))
    assert [copy.message_id for copy in look(reader).copies] == ["m2", "m3"]
    assert look(reader, "m2").original == "m1"
    assert look(reader, "m4").original is None
    assert look(reader).original is None

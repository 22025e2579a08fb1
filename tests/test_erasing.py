"""Erasing a number: at once what is over, the rest once it is; and what of it stays, and who is told of what."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import execute, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from a1gateway.control.erasing import erasing_operations
from a1gateway.erase_commands import told_erased, told_found
from a1gateway.erasing import LOOK_EVERY, Erased, Erasing
from a1gateway.journal import Journal, Store, erasures
from a1gateway.journal.reader import Reader
from a1gateway.message import Choice, ChoiceSource, Kind, Source, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.words.words import LANGUAGES, Words

from .conftest import START, arrival, run
from .finished import confirm, deliver, finish, own
from .test_masking import deliver_with_evidence, everything, message, raw, tables_with
from .test_retention import octets
from .test_statistics import count_all

NUMBER = "+375291000001"
DIGITS = NUMBER[4:]
SPELLED = "8 (029) 100-00-01"
DAY = 86400.0


class EmptySpool:
    """One with so many entries."""

    def __init__(self) -> None:
        self.entries = 0

    def depth(self) -> Any:
        """See `ISpool`."""
        return succeed((self.entries, None))


class Desk:
    """Whoever erases."""

    def __init__(self, clock: Clock, journal: Journal, store: Store) -> None:
        self.clock = clock
        self.journal = journal
        self.spool = EmptySpool()
        self.metrics = Metrics()
        self.service = Erasing(
            clock, journal, Reader(store.path, execute), self.spool, execute, self.metrics, store.path
        )

    def held(self, number: str = NUMBER) -> dict[str, int]:
        return dict(run(self.service.held(number)).counts)

    def erase(self, *, with_evidence: bool = False) -> Erased:
        return run(self.service.erase(NUMBER, "anna (root)", with_evidence=with_evidence))

    def ask(self, operation: str, **given: Any) -> Any:
        """As the commands do."""

        async def asked() -> Any:
            return await erasing_operations(self.service, self.journal)[operation](given)

        return run(asked())

    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("erase.records")
        return found


@pytest.fixture
def desk(clock: Clock, journal: Journal, store: Store) -> Desk:
    clock.advance(DAY)
    return Desk(clock, journal, store)


def insert(store: Store, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute(sql, values)
        connection.commit()


def fill_everything(journal: Journal, store: Store) -> None:
    """The number stands wherever it can."""
    finish(
        journal,
        store,
        own(1),
        own(2, text=f"Клиент {SPELLED} звонил в 15:00"),
        own(3, msisdn=None, number_received=f"{SPELLED}, 8 044 777 88 99", refusal="several_numbers"),
        own(4),
    )
    insert(store, "INSERT INTO incoming VALUES (NULL, ?, '375291000001', '1', ?, 'Да', 1, 1)", START, NUMBER)
    insert(store, "INSERT INTO incoming_parts VALUES (NULL, ?, '375291000001', '1', 0, 7, 2, 1, x'41')", START)
    run(journal.settle([StatusReport("nobody's", "X", None, Source.RECEIPT, START, "", "375291000001")]))
    insert(store, "INSERT INTO said VALUES ('s', ?, 'd', ?, 'm1')", NUMBER, START)
    payload = json.dumps({"phone": SPELLED})
    insert(
        store,
        "INSERT INTO look_ups (key, payload, first_at, latest_at, due_at) VALUES ('call:1', ?, ?2, ?2, ?2)",
        payload,
        START,
    )
    insert(
        store,
        "INSERT INTO runs (event_token, received_at, code, properties, origin, state, over_at, answer)"
        " VALUES ('t', ?1, 'c', ?2, '{}', 'over', ?1, '{\"phone\": \"+375291000001\"}')",
        START,
        payload,
    )


def test_all_places_are_shown_and_then_erased(desk: Desk, journal: Journal, store: Store) -> None:
    fill_everything(journal, store)
    places = {
        "messages": 1,
        "mentions": 2,
        "runs": 1,
        "subscribers_messages": 1,
        "subscribers_parts": 1,
        "unmatched_statuses": 1,
        "look_ups": 1,
        "said": 1,
    }
    assert desk.held() == places
    erased = desk.erase()
    assert dict(erased.erasure.counts) == places
    assert not erased.left
    assert desk.held() == {}
    assert tables_with(store, DIGITS, SPELLED, "100-00-01") == set()


def test_a_dry_look_changes_nothing(desk: Desk, journal: Journal, store: Store) -> None:
    fill_everything(journal, store)
    files = [store.path, store.path.with_name(f"{store.path.name}-wal")]
    before = [path.read_bytes() for path in files]
    desk.held()
    assert [path.read_bytes() for path in files] == before


def test_nothing_is_left_in_the_file(desk: Desk, journal: Journal, store: Store) -> None:
    fill_everything(journal, store)
    assert DIGITS.encode() in octets(store)
    assert desk.erase().is_tidy
    assert DIGITS.encode() not in octets(store)
    assert "Ваш заказ 1 готов".encode() not in octets(store)


def test_others_keep_theirs(desk: Desk, journal: Journal, store: Store) -> None:
    fill_everything(journal, store)
    before = message(journal, "m4")
    desk.erase()
    assert message(journal, "m4") == before
    told = message(journal, "m2")
    assert told["text"] == "Клиент 8 (0**) ***-**-** звонил в 15:00"
    assert told["msisdn"] == "+375291000002"
    assert message(journal, "m3")["number_received"] == "***"


def test_the_sums_and_the_answer_to_bitrix24_stay(desk: Desk, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    sums = everything(store, "statistics_days")
    desk.erase()
    assert everything(store, "statistics_days") == sums
    assert run(journal.accept(own(1))).repeated
    assert message(journal)["status"] == "delivered"


def test_what_is_not_counted_yet_is_counted_first(desk: Desk, journal: Journal, store: Store) -> None:
    run(journal.accept(own(1)))
    deliver(journal, START)
    confirm(journal, START)
    assert not desk.erase().left
    assert raw(store, "SELECT sum(accepted), sum(delivered) FROM statistics_days") == [(1, 1)]


@pytest.mark.parametrize("stage", ["waiting", "under way", "not told"])
def test_an_sms_under_way_is_erased_once_it_is_over(desk: Desk, journal: Journal, store: Store, stage: str) -> None:
    run(journal.accept(own(1)))
    if stage == "under way":
        run(journal.claim(START, 10))
    elif stage != "waiting":
        deliver(journal, START)
    erased = desk.erase()
    assert (erased.left.messages, dict(erased.erasure.counts)) == (1, {})
    assert message(journal)["text"]
    desk.service.startService()
    assert desk.metrics.registry.get_sample_value("a1gateway_erasures_pending") == 1
    run(journal.recover(START))
    insert(store, "UPDATE messages SET stage = 'ready', due_at = 1 WHERE stage = 'asking'")
    deliver(journal, START)
    confirm(journal, START)
    count_all(journal, store.path)
    desk.clock.advance(LOOK_EVERY)
    assert message(journal)["text"] == ""
    assert tables_with(store, NUMBER) == set()
    assert [each["counts"] for each in desk.records()] == [{"messages": 1}]
    assert desk.metrics.registry.get_sample_value("a1gateway_erasures_pending") == 0
    run(desk.service.stopService())


def test_what_waits_survives_a_restart(desk: Desk, journal: Journal, store: Store) -> None:
    run(journal.accept(own(1)))
    desk.erase()
    deliver(journal, START)
    confirm(journal, START)
    count_all(journal, store.path)
    again = Desk(desk.clock, journal, store)
    again.service.startService()
    assert message(journal)["text"] == ""
    run(again.service.stopService())


def test_what_comes_after_it_is_not_erased(desk: Desk, journal: Journal, store: Store) -> None:
    run(journal.accept(own(1)))
    desk.erase()
    finish(journal, store, arrival("later", received_at=desk.clock.seconds() + 60, msisdn=NUMBER))
    desk.service.startService()
    assert message(journal)["text"] == ""
    assert message(journal, "later")["text"]
    run(desk.service.stopService())


def test_the_spool_may_have_it_too(desk: Desk, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    desk.spool.entries = 1
    assert desk.erase().left.spool == 1
    # It was taken in before, and comes into the journal now.
    desk.spool.entries = 0
    finish(journal, store, arrival("spooled", msisdn=NUMBER))
    desk.service.startService()
    assert message(journal, "spooled")["text"] == ""
    run(desk.service.stopService())


def test_asked_for_once_more_it_is_one_erasure(desk: Desk, journal: Journal, store: Store) -> None:
    run(journal.accept(own(1)))
    assert [desk.erase().erasure.id, desk.erase(with_evidence=True).erasure.id] == [1, 1]
    assert desk.records()[0]["with_evidence"]
    assert len(desk.records()) == 1


def test_the_record_says_who_and_when_and_how_much_but_not_whose(desk: Desk, journal: Journal, store: Store) -> None:
    finish(journal, store, own(1))
    with capturedLogs() as logged:
        desk.erase()
    (record,) = desk.records()
    at = desk.clock.seconds()
    assert record == {
        "id": 1,
        "asked_at": at,
        "asked_by": "anna (root)",
        "with_evidence": False,
        "done_at": at,
        "counts": {"messages": 1},
    }
    lines = [event["log_format"].format(**event) for event in logged]
    assert lines == ["erasure 1, asked for by anna (root): messages 1; done"]
    assert DIGITS not in repr(list(logged))


# Marketing


def test_the_evidence_stays_as_proof(desk: Desk, journal: Journal, store: Store) -> None:
    deliver_with_evidence(journal, store)
    before = run(journal.evidence(NUMBER))
    erased = desk.erase()
    assert erased.evidence == 1
    assert run(journal.evidence(NUMBER)) == before
    assert tables_with(store, NUMBER) == {"consent_evidence"}


def test_the_evidence_goes_where_that_is_asked_for(desk: Desk, journal: Journal, store: Store) -> None:
    deliver_with_evidence(journal, store)
    desk.erase()
    erased = desk.erase(with_evidence=True)
    assert erased.evidence == 0
    assert tables_with(store, NUMBER, "UF_CRM") == set()


def test_who_has_opted_out_stays_on_the_stop_list(desk: Desk, journal: Journal, store: Store) -> None:
    run(journal.choose(NUMBER, Choice.OUT, ChoiceSource.SUBSCRIBER, "СТОП, звоните 1000001", START))
    erased = desk.erase(with_evidence=True)
    # Bitrix24 has to hear of it before the choice may go.
    assert erased.stopped
    assert erased.left.choices == 1
    insert(store, "UPDATE choices SET due_at = NULL")
    desk.service.startService()
    assert everything(store, "choices") == []
    assert raw(store, "SELECT msisdn, note FROM stop_list") == [(NUMBER, "")]
    assert tables_with(store, NUMBER) == {"stop_list"}
    run(desk.service.stopService())


def test_a_campaign_goes_on_in_anothers_words(desk: Desk, journal: Journal, store: Store) -> None:
    """Its first message was the number's, with the name of its owner."""
    mailing = {"kind": Kind.MARKETING, "origin": {"module_id": "sender"}}
    finish(journal, store, *(own(number, **mailing, text=f"Анна{number}, скидка 20%") for number in (1, 2)))
    desk.erase()
    assert raw(store, "SELECT text FROM campaigns") == [("Анна2, скидка 20%",)]
    desk_of_the_other = run(desk.service.erase("+375291000002", "anna", with_evidence=True))
    assert not desk_of_the_other.left
    assert raw(store, "SELECT text FROM campaigns") == [("",)]


# Automation


def test_reminders_that_a_rule_has_planned_for_the_number_are_cancelled(
    desk: Desk, journal: Journal, store: Store
) -> None:
    visit = START + 9 * DAY
    insert(
        store,
        "INSERT INTO runs (event_token, received_at, code, entity_type, item, properties, origin, state)"
        " VALUES ('t', ?1, 'c', 2, 5, '{\"phone\": \"8 029 1000001\", \"text\": \"Ждём\"}', '{}', 'waiting')",
        START,
    )
    insert(
        store,
        "INSERT INTO reminders (rule, run, entity_type, item, moment, ahead, due_at, state)"
        " VALUES ('run:1', 1, 2, 5, ?, 60, ?, 'planned')",
        visit,
        visit - 60,
    )
    insert(store, "INSERT INTO reminder_rules VALUES ('run:1', 2, 5, 1, ?1, 1, ?1)", visit)
    erased = desk.erase()
    assert raw(store, "SELECT state, reason, due_at FROM reminders") == [("dropped", "cancelled", None)]
    # Its workflow is told, and then it is empty.
    assert erased.left.runs == 1
    assert raw(store, "SELECT state FROM runs") == [("answer",)]
    insert(store, "UPDATE runs SET state = 'over', over_at = ?", START)
    desk.service.startService()
    assert raw(store, "SELECT event_token, properties FROM runs") == [("t", "{}")]
    assert desk.records()[0]["counts"] == {"reminders": 1, "runs": 1}
    run(desk.service.stopService())


# Spellings


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from(["+375", "375", "80", "8 0", "8(0", "+375 (", ""]),
    st.lists(st.sampled_from(["", " ", "-", ") ", "\N{NO-BREAK SPACE}", "."]), min_size=8, max_size=8),
    st.sampled_from(["Звонил ", "", "№"]),
)
def test_a_number_is_hidden_in_whatever_spelling(before: str, between: list[str], text: str) -> None:
    spelled = "".join(digit + gap for digit, gap in zip(DIGITS, [*between, ""], strict=True))
    form = erasures._in_any_spelling(NUMBER)
    hidden = form.sub("*", f"{text}{before}{spelled}, перезвоните до 15:00")
    assert hidden == f"{text}{before}*, перезвоните до 15:00"


# What people read


@pytest.mark.parametrize("language", LANGUAGES)
def test_people_are_told_what_goes_and_what_stays(desk: Desk, journal: Journal, store: Store, language: str) -> None:
    fill_everything(journal, store)
    run(journal.accept(own(1, received_at=START + 1)))
    run(journal.accept(arrival("m9", msisdn=NUMBER)))
    run(journal.choose(NUMBER, Choice.OUT, ChoiceSource.OPERATOR, "", START))
    (store.path.parent / f"{store.path.name}.before-0007").write_bytes(b"")
    words = Words(language)
    look = desk.ask("erase.look", number=NUMBER)
    told = "\n".join(told_found(NUMBER, look, words, with_evidence=False))
    for said in ("+375 29 100-00-01", "before-0007", "--with-evidence", "a1gateway opt-out"):
        assert said in told
    done = desk.ask("erase.go", number=NUMBER, by="anna")
    told = "\n".join(told_erased(NUMBER, json.loads(json.dumps(done)), words))
    assert words("erase.left.messages", count="1") in told
    assert words("erase.stopped") in told
    assert words("erase.record", id=1) in told


def test_the_file_is_compacted_on_demand(desk: Desk, journal: Journal, store: Store) -> None:
    finish(journal, store, *(own(number) for number in range(1, 60)))
    sizes = desk.ask("journal.compact")
    assert sizes["after"] <= sizes["before"]
    assert sizes["after"] == store.path.stat().st_size > 0

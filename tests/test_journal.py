"""The journal on a real SQLite file: each operation, what survives, and what it refuses to be opened on."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from twisted.internet.task import Clock

from a1gateway.carriers.outcome import (
    Accepted,
    Duplicate,
    LinkTrouble,
    Outcome,
    Postponed,
    Refused,
    Standing,
    Trouble,
    Uncertain,
)
from a1gateway.errors import CannotStart, JournalTooNew, JournalUnavailable
from a1gateway.journal import Journal, Store, upgrade
from a1gateway.journal import store as store_module
from a1gateway.journal.journal import _OVERDUE, Installation
from a1gateway.journal.lane import InlineLane, Lane
from a1gateway.journal.schema import REVISION, metadata, unmatched
from a1gateway.journal.statements import Connection, Statement, insertion
from a1gateway.message import Kind, Price, Source, Stage, Status, StatusReport, Submission, custom_id

from .conftest import START, agree, arrival, fresh, run

LOST = LinkTrouble(Trouble.UNREACHABLE, "A1 cannot be reached: gone")


def claim_all(journal: Journal, now: float = START) -> list[Submission]:
    return run(journal.claim(now, 500)).submissions


def record(journal: Journal, submissions: Sequence[Submission], outcome: Outcome, due: float = START + 60) -> None:
    run(journal.record([(each, outcome, due) for each in submissions], START + 1))


def message(journal: Journal, message_id: str = "m1") -> dict[str, object]:
    found = run(journal.message(message_id))
    assert found is not None
    return found


def sent(journal: Journal, a1_id: str = "7001", message_id: str = "m1") -> Submission:
    run(journal.accept(arrival(message_id)))
    [submission] = claim_all(journal)
    record(journal, [submission], Accepted(a1_id))
    return submission


def report(
    status: Status | None,
    word: str,
    identifier: str = "7001",
    source: Source = Source.CALLBACK,
    at: float = START + 5,
) -> StatusReport:
    return StatusReport(identifier, word, status, source, at)


def test_a_message_is_accepted_once_and_every_repetition_gets_the_first_answer(journal: Journal) -> None:
    assert not run(journal.accept(arrival())).repeated
    again = run(journal.accept(arrival(text="another text", refusal="too_long")))
    assert again.repeated
    assert again.refusal is None
    assert message(journal)["text"] == "Заказ готов"
    assert len(claim_all(journal)) == 1


def test_a_refused_message_stands_in_the_journal_and_is_told_but_never_sent(journal: Journal) -> None:
    run(journal.accept(arrival(msisdn=None, number_received="+7 916", refusal="foreign")))
    assert claim_all(journal) == []
    kept = message(journal)
    assert (kept["status"], kept["reason"], kept["number_received"]) == ("rejected", "foreign", "+7 916")
    updates, _ = run(journal.untold(START, 50))
    assert [(each.message_id, each.told) for each in updates] == [("m1", "failed")]
    assert run(journal.accept(arrival())).refusal == "foreign"


def test_a_claim_marks_the_messages_so_that_nobody_else_gets_them(journal: Journal) -> None:
    for name in ("m1", "m2", "m3"):
        run(journal.accept(arrival(name)))
    first = run(journal.claim(START, 2))
    assert [each.message_id for each in first.submissions] == ["m1", "m2"]
    assert first.next_due == START
    assert [each.message_id for each in claim_all(journal)] == ["m3"]
    assert first.submissions[0].custom_id == custom_id("m1")
    assert len(custom_id("m1")) == 20


def test_an_accepted_message_has_a1s_identifier_price_and_segments(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Accepted("7001", 1, Price(Decimal("0.0450"), Decimal("0.0450"))))
    kept = message(journal)
    assert (kept["status"], kept["a1_id"], kept["a1_segments"], kept["amount"]) == ("sent", "7001", 1, "0.0450")
    assert [each.a1_id for each in run(journal.sent(START + 60, 500)).submissions] == ["7001"]


def test_after_a_crash_what_was_in_flight_has_to_be_asked_for(journal: Journal) -> None:
    run(journal.accept(arrival()))
    claim_all(journal)
    assert run(journal.recover(START + 9)) == 1
    assert claim_all(journal, START + 9) == []
    assert [each.message_id for each in run(journal.uncertain(START + 9, 500)).submissions] == ["m1"]
    assert message(journal)["uncertain"] == "restart"


def test_what_a1_twice_does_not_know_is_submitted_again(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Uncertain(LOST), START + 2)
    for asked_at in (START + 2, START + 7):
        assert claim_all(journal, asked_at) == []
        [missing] = run(journal.uncertain(asked_at, 500)).submissions
        run(journal.record_standings([], [missing], asked_at, poll_at=0, ask_at=START + 7))
    [again] = claim_all(journal, START + 7)
    assert again.attempts == 2
    assert again.custom_id == custom_id("m1")


def test_what_a1_has_after_a_lost_answer_is_ours(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Uncertain(LOST), START + 2)
    [asked] = run(journal.uncertain(START + 2, 500)).submissions
    standing = Standing("3", Status.DELIVERED, "7001")
    run(journal.record_standings([(asked, standing)], [], START + 3, poll_at=START + 63, ask_at=0))
    kept = message(journal)
    assert (kept["status"], kept["a1_id"], kept["attempts"]) == ("delivered", "7001", 1)


def test_a_duplicate_that_a1_does_not_have_is_rejected_as_one(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Duplicate("20", "A1's error 20"), START)
    for asked_at in (START, START + 5):
        [missing] = run(journal.uncertain(asked_at, 500)).submissions
        run(journal.record_standings([], [missing], asked_at, poll_at=0, ask_at=START + 5))
    kept = message(journal)
    assert (kept["status"], kept["reason"]) == ("rejected", "duplicate")


def test_a_postponed_message_is_due_again_at_its_time(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Postponed(LOST), START + 10)
    assert claim_all(journal, START + 9) == []
    assert run(journal.claim(START + 9, 1)).next_due == START + 10
    assert [each.attempts for each in claim_all(journal, START + 10)] == [1]


def test_a_refusal_by_a1_keeps_its_own_words(journal: Journal) -> None:
    run(journal.accept(arrival()))
    record(journal, claim_all(journal), Refused("stop_list", "101", "A1's error 101: стоп-лист"))
    kept = message(journal)
    assert (kept["status"], kept["reason"], kept["word"]) == ("rejected", "stop_list", "101")
    assert "стоп-лист" in str(kept["history"])


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.DELIVERED, "delivered"),
        (Status.EXPIRED, "undelivered"),
        (Status.UNDELIVERABLE, "undelivered"),
        (Status.REJECTED, "failed"),
    ],
)
def test_a_final_status_is_told_to_bitrix24_until_it_is_confirmed(
    journal: Journal, status: Status, told: str
) -> None:
    sent(journal)
    run(journal.settle([report(status, str(status))]))
    [update], _ = run(journal.untold(START + 5, 50))
    assert update.told == told
    run(journal.tell_later([(update, START + 10, "ERROR_MESSAGE_NOT_FOUND")], START + 5))
    assert run(journal.untold(START + 9, 50)) == ([], START + 10)
    [update], _ = run(journal.untold(START + 10, 50))
    run(journal.confirm([update], START + 10))
    assert run(journal.untold(START + 1e9, 50)) == ([], None)


def test_a_transactional_message_is_never_behind_a_campaign(journal: Journal) -> None:
    """Neither on its way out nor with its status, however long the others have waited."""
    for number in range(30):
        run(journal.accept(arrival(f"campaign-{number}", kind=Kind.MARKETING, received_at=START - 100 + number)))
    for number in range(3):
        run(journal.accept(arrival(f"reminder-{number}", received_at=START + number)))
    agree(journal, START - 50)
    claims = [run(journal.claim(START + 10, 2)) for _ in range(3)]
    names = [[each.message_id for each in claim.submissions] for claim in claims]
    assert names == [["reminder-0", "reminder-1"], ["reminder-2", "campaign-0"], ["campaign-1", "campaign-2"]]
    # The next one is due, of whatever kind.
    assert [claim.next_due for claim in claims] == [START + 2, None, None]
    assert [claim.next_marketing_due for claim in claims] == [START - 50] * 3
    for claim in reversed(claims):
        record(journal, claim.submissions, Refused("stop_list", "101"))
    told, later = run(journal.untold(START + 10, 4))
    assert [each.message_id for each in told] == ["reminder-0", "reminder-1", "reminder-2", "campaign-0"]
    assert later == START + 10


def test_sent_is_not_told_to_bitrix24(journal: Journal) -> None:
    sent(journal)
    run(journal.settle([report(Status.SENT, "ENROUTE")]))
    assert run(journal.untold(START + 1e9, 50)) == ([], None)


def test_a_status_before_the_answer_to_the_submit_waits_for_it(journal: Journal) -> None:
    run(journal.accept(arrival()))
    [submission] = claim_all(journal)
    assert run(journal.settle([report(Status.DELIVERED, "DELIVERED")])).unmatched == 1
    changes = run(journal.record([(submission, Accepted("7001"), START + 60)], START + 6))
    assert [change.status for change in changes] == [Status.SENT, Status.DELIVERED]
    assert message(journal)["status"] == "delivered"
    # It is applied once and not kept for whatever gets that identifier next.
    sent(journal, "7001", "m2")
    assert message(journal, "m2")["status"] == "sent"


def test_a_status_kept_from_long_before_a_message_is_not_its_own(journal: Journal) -> None:
    """A1's identifiers may come round again; and a clock may have been set back by some hours."""
    for days, status in ((30, Status.UNDELIVERABLE), (0.5, Status.DELIVERED)):
        at = START - days * 86400
        run(journal.settle([StatusReport("7001", status.upper(), status, Source.CALLBACK, at)]))
    sent(journal)
    assert message(journal)["status"] == "delivered"
    run(journal.settle([StatusReport("7002", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START - 2 * 86400)]))
    sent(journal, "7002", "m2")
    assert message(journal, "m2")["status"] == "sent"


def test_a_status_by_custom_id_finds_its_message(journal: Journal) -> None:
    sent(journal)
    run(journal.settle([report(Status.DELIVERED, "3", custom_id("m1"))]))
    assert message(journal)["status"] == "delivered"


def test_a_final_status_is_never_replaced(journal: Journal) -> None:
    sent(journal)
    run(journal.settle([report(Status.DELIVERED, "DELIVERED")]))
    late = [report(Status.SENT, "ENROUTE"), report(Status.UNDELIVERABLE, "UNDELIVERABLE")]
    assert run(journal.settle(late)).changes == []
    kept = message(journal)
    assert kept["status"] == "delivered"
    assert "UNDELIVERABLE" in str(kept["history"])


def test_the_same_status_twice_changes_nothing_and_is_written_once(journal: Journal) -> None:
    sent(journal)
    for _ in range(3):
        run(journal.settle([report(Status.DELIVERED, "DELIVERED")]))
    assert str(message(journal)["history"]).count("DELIVERED") == 1


def test_a_word_that_nobody_knows_is_kept_and_changes_nothing(journal: Journal) -> None:
    sent(journal)
    run(journal.settle([report(None, "SOMETHING_NEW")]))
    kept = message(journal)
    assert (kept["status"], kept["word"]) == ("sent", "SOMETHING_NEW")


def test_an_unanswered_message_expires_and_says_why(journal: Journal) -> None:
    sent(journal)
    run(journal.accept(arrival("m2")))
    run(journal.accept(arrival("m3", received_at=START + 50)))
    run(journal.accept(arrival("m4", unfilled=True)))
    changes = run(journal.expire(START, START + 100))
    assert {(change.message_id, change.reason) for change in changes} == {
        ("m1", "no_answer"),
        ("m2", "not_sent_in_time"),
        ("m4", "portal_away"),
    }
    assert message(journal)["told"] == "undelivered"
    assert message(journal, "m3")["status"] == "queued"


def test_the_queues_depths(journal: Journal) -> None:
    sent(journal)
    run(journal.accept(arrival("m2")))
    run(journal.accept(arrival("m3", refusal="foreign", msisdn=None)))
    run(journal.accept(arrival("m4", unfilled=True)))
    depths = run(journal.depths())
    assert {name: depth.count for name, depth in depths.items()} == {
        "fields": 1,
        "consent": 0,
        "held": 0,
        "submit": 1,
        "asking": 0,
        "status": 1,
        "portal": 1,
        "robots": 0,
        "reminders": 0,
    }
    assert depths["submit"].oldest == START


INSTALLATION = Installation(
    "77aa", "shop.bitrix24.by", "https://shop.bitrix24.by/rest/", "at", "rt", "apt", "crm", "1", "ru", START, START
)


def test_one_portal_at_most_is_installed(journal: Journal) -> None:
    assert run(journal.installation()) is None
    run(journal.install(INSTALLATION))
    assert run(journal.installation()) == INSTALLATION
    run(journal.uninstall())
    assert run(journal.installation()) is None


def test_tokens_are_not_in_the_representation_of_an_installation() -> None:
    assert "secret" not in repr(replace(INSTALLATION, access_token="secret", refresh_token="secret"))


def test_the_file_is_for_its_owner_alone(store: Store) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_every_commit_is_synced(store: Store) -> None:
    def levels(connection: Connection) -> tuple[object, object]:
        return (
            connection.value(Statement(text("PRAGMA synchronous"))),
            connection.value(Statement(text("PRAGMA journal_mode"))),
        )

    assert store.transact([levels]) == [(2, "wal")]


def test_an_upgraded_file_is_what_the_tables_say(store: Store) -> None:
    engine = create_engine(f"sqlite:///{store.path}", poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_what_is_overdue_is_looked_for_among_what_waits_alone(store: Store) -> None:
    """However many messages are over: it is looked for every minute, and nobody writes meanwhile."""
    with closing(sqlite3.connect(store.path)) as raw:
        values = {**_OVERDUE.constants, "before": START, "most": 500}
        plan = [str(row[3]) for row in raw.execute(f"EXPLAIN QUERY PLAN {_OVERDUE.sql}", values)]
    assert len(plan) == 1
    assert "ix_messages_due" in plan[0]


def test_the_tables_are_those_of_the_last_migration() -> None:
    assert upgrade.latest(store_module._MIGRATIONS) == REVISION


def test_a_file_of_a_later_version_is_refused(store: Store, later_version: Path) -> None:
    store.disconnect()
    Store(f"sqlite:///{store.path}", migrations=later_version).prepare()
    with pytest.raises(JournalTooNew, match="later version"):
        Store(f"sqlite:///{store.path}").prepare()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"this is no database at all, whatever its name says" * 50)
    with pytest.raises(CannotStart, match="not a journal"):
        Store(f"sqlite:///{tmp_path}/j").prepare()


LATER = f"""
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{REVISION}"


def upgrade() -> None:
    op.add_column("messages", sa.Column("later", sa.String))
"""


@pytest.fixture
def later_version(tmp_path: Path) -> Path:
    """The migrations of a version after this one."""
    copy = tmp_path / "migrations"
    shutil.copytree(store_module._MIGRATIONS, copy)
    (copy / "versions" / "v9999_later.py").write_text(LATER)
    return copy


def test_an_upgrade_keeps_the_messages_and_a_copy_of_what_was(
    store: Store, journal: Journal, later_version: Path
) -> None:
    run(journal.accept(arrival()))
    store.disconnect()
    Store(f"sqlite:///{store.path}", migrations=later_version).prepare()
    copy = store.path.with_name(store.path.name + ".before-9999")
    for path, version in ((store.path, "9999"), (copy, REVISION)):
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(version,)]
            assert raw.execute("SELECT message_id FROM messages").fetchall() == [("m1",)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(store: Store, journal: Journal, later_version: Path) -> None:
    run(journal.accept(arrival()))
    store.disconnect()
    (later_version / "versions" / "v9999_later.py").write_text(LATER + "    raise RuntimeError('power cut')\n")
    with pytest.raises(RuntimeError, match="power cut"):
        Store(f"sqlite:///{store.path}", migrations=later_version).prepare()
    assert run(journal.accept(arrival())).repeated


def copies(path: Path) -> list[str]:
    """What an upgrade has left beside the journal."""
    return sorted(each.name for each in path.parent.glob(f"{path.name}.before-*"))


class Upgrading:
    """A journal of today's version that a later one opens, with seconds and octets as they are told."""

    def __init__(self, store: Store, migrations: Path) -> None:
        store.disconnect()
        self.seconds, self.free, self.words = 0.0, 10**12, 0
        self.path = store.path
        self.store = Store(
            f"sqlite:///{store.path}",
            migrations=migrations,
            working=self.working,
            free=lambda folder: self.free,
            monotonic=lambda: self.seconds,
        )

    def working(self) -> None:
        self.words += 1

    def try_(self) -> str:
        """Prepare it; returns why that cannot be done, or nothing."""
        try:
            self.store.prepare()
        except JournalUnavailable as trouble:
            return str(trouble)
        return ""


@pytest.fixture
def upgrading(store: Store, journal: Journal, later_version: Path) -> Upgrading:
    """The journal is of some hundred kilobytes."""
    for number in range(300):
        run(journal.accept(arrival(f"m{number}", text="Заказ готов " * 50)))
    return Upgrading(store, later_version)


def test_an_upgrade_without_room_for_it_says_how_much_it_takes_and_writes_nothing(upgrading: Upgrading) -> None:
    upgrading.path.with_name(f"{upgrading.path.name}.before-9999.new").write_bytes(b"cut off")
    size = upgrading.path.stat().st_size
    upgrading.free = 3 * size - 100
    why = upgrading.try_()
    assert (
        f"takes {3 * size // 1_000_000 + 1} MB of free space, and there are {upgrading.free // 1_000_000} MB" in why
    )
    assert copies(upgrading.path) == [f"{upgrading.path.name}.before-9999.new"]
    # The daemon goes on with the spool, and the journal is upgraded once there is room.
    with pytest.raises(JournalUnavailable, match="cannot be upgraded"):
        upgrading.store.transact([lambda _: None])
    upgrading.free = 3 * size
    upgrading.seconds = 60.0
    assert upgrading.store.transact([lambda connection: connection.value(Statement(text("SELECT 1")))]) == [1]
    assert copies(upgrading.path) == [f"{upgrading.path.name}.before-9999"]


def test_a_large_journal_is_upgraded_by_the_first_transaction_and_not_before_the_port_is_open(
    upgrading: Upgrading,
) -> None:
    size = upgrading.path.stat().st_size
    with pytest.raises(JournalUnavailable, match="is upgraded first; messages wait in the spool until that is done"):
        upgrading.store.prepare(largest=size - 1)
    assert copies(upgrading.path) == []
    assert upgrading.store.transact([lambda connection: connection.value(Statement(text("SELECT 1")))]) == [1]
    assert copies(upgrading.path) == [f"{upgrading.path.name}.before-9999"]
    assert not upgrading.store.upgrading


def test_a_journal_that_is_not_large_is_upgraded_at_the_start(upgrading: Upgrading) -> None:
    upgrading.store.prepare(largest=upgrading.path.stat().st_size)
    assert copies(upgrading.path) == [f"{upgrading.path.name}.before-9999"]


def test_nobody_waits_for_the_journal_while_it_is_upgraded(upgrading: Upgrading) -> None:
    """Whoever did would wait for minutes, in memory: the spool takes it at once."""
    heard: list[str] = []
    lane = Lane(upgrading.store, cast(Any, Clock()))

    def working() -> None:
        if not heard:
            lane.run(lambda connection: None).addErrback(lambda why: heard.append(why.getErrorMessage()))

    upgrading.store._working = working
    upgrading.store.prepare()
    assert len(heard) == 1
    assert "is upgraded first" in heard[0]


def test_the_log_counts_as_a_part_of_the_journal(upgrading: Upgrading) -> None:
    size = upgrading.path.stat().st_size
    upgrading.free = 3 * size
    with closing(sqlite3.connect(upgrading.path)) as other:
        other.execute("CREATE TABLE more AS SELECT * FROM messages")
        other.commit()
        assert "cannot be upgraded" in upgrading.try_()


def test_what_an_earlier_upgrade_has_left_is_replaced_and_counts_as_free(upgrading: Upgrading) -> None:
    left = upgrading.path.with_name(f"{upgrading.path.name}.before-9999")
    size = upgrading.path.stat().st_size
    left.write_bytes(b"x" * size)
    upgrading.free = 2 * size
    assert upgrading.try_() == ""
    with closing(sqlite3.connect(left)) as raw:
        assert raw.execute("SELECT count(*) FROM messages").fetchall() == [(300,)]


def test_a_copy_that_the_disk_does_not_take_leaves_nothing(upgrading: Upgrading) -> None:
    """A limit on the size of files stands for the full disk: SQLite's writes fail in the midst of it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (upgrading.path.stat().st_size // 2, limits[1]))
    try:
        assert upgrading.try_()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    # Nor what SQLite keeps beside it.
    assert copies(upgrading.path) == []
    upgrading.seconds = 60.0
    assert upgrading.try_() == ""


def test_an_upgrade_that_fails_takes_no_room_and_is_tried_again_a_minute_later(
    upgrading: Upgrading, later_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def fails(driver: sqlite3.Connection, migrations: Path) -> None:
        tries.append(copies(upgrading.path))
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "upgrade", fails)
        assert "disk is full" in upgrading.try_()
        upgrading.seconds = 59.0
        assert "disk is full" in upgrading.try_()
        assert tries == [[f"{upgrading.path.name}.before-9999"]]
        assert copies(upgrading.path) == []
        upgrading.seconds = 60.0
        assert "disk is full" in upgrading.try_()
        assert len(tries) == 2
    upgrading.seconds = 120.0
    assert upgrading.try_() == ""


def test_there_is_a_word_of_an_upgrade_that_goes_on(
    upgrading: Upgrading, later_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it copies, and while it works on the tables."""
    monkeypatch.setattr(store_module, "_STEPS", 10)
    monkeypatch.setattr(store_module, "_PAGES", 10**6)
    statement = '    op.execute("UPDATE messages SET later = text")\n'
    (later_version / "versions" / "v9999_later.py").write_text(LATER + statement)
    assert upgrading.try_() == ""
    of_tables = upgrading.words
    assert of_tables > 300
    monkeypatch.setattr(store_module, "_STEPS", 10**9)
    monkeypatch.setattr(store_module, "_PAGES", 10)
    again = LATER.replace("9999", "99990").replace(f'"{REVISION}"', '"9999"').replace('"later"', '"last"')
    (later_version / "versions" / "v99990_last.py").write_text(again)
    upgrading.store.disconnect()
    upgrading.words = 0
    assert upgrading.try_() == ""
    assert upgrading.words >= upgrading.path.stat().st_size // 4096 // 10 // 2


def test_a_second_daemon_on_the_same_file_does_not_start(store: Store) -> None:
    store.lock()
    other = Store(f"sqlite:///{store.path}")
    with pytest.raises(CannotStart, match="another a1gateway"):
        other.lock()
    store.close()
    other.lock()
    other.close()


def test_a_locked_journal_is_unavailable_and_well_again_after(store: Store, journal: Journal) -> None:
    run(journal.accept(arrival()))
    holder = sqlite3.connect(store.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalUnavailable, match="locked"):
        run(journal.accept(arrival("m2")))
    holder.execute("ROLLBACK")
    holder.close()
    assert not run(journal.accept(arrival("m2"))).repeated


def test_a_journal_that_was_moved_away_takes_nothing_and_is_not_made_anew(store: Store, journal: Journal) -> None:
    run(journal.accept(arrival()))
    away = store.path.with_name("away")
    store.path.rename(away)
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            run(journal.accept(arrival("m2")))
    assert not store.path.exists()
    away.rename(store.path)
    assert run(journal.accept(arrival())).repeated


def test_an_empty_file_in_the_journals_place_is_not_taken_for_one(store: Store, journal: Journal) -> None:
    run(journal.accept(arrival()))
    store.path.rename(store.path.with_name("away"))
    store.path.touch()
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            run(journal.accept(arrival("m2")))


def test_one_failing_operation_does_not_undo_its_neighbours(store: Store) -> None:
    values = {"identifier": "1", "word": "w", "source": "poll", "at": 0.0, "note": ""}

    insert = insertion(unmatched, tuple(values))

    def good(connection: Connection) -> str:
        connection.execute(insert, values)
        return "good"

    def bad(connection: Connection) -> None:
        connection.execute(insert, values)
        raise KeyError("bad")

    first, second, third = store.transact([good, bad, good])
    assert (first, third) == ("good", "good")
    assert second.type is KeyError
    assert store.transact([lambda c: len(c.all(Statement(unmatched.select())))]) == [2]


def test_an_operation_that_fails_alone_is_undone(store: Store) -> None:
    values = {"identifier": "1", "word": "w", "source": "poll", "at": 0.0, "note": ""}

    def bad(connection: Connection) -> None:
        connection.execute(insertion(unmatched, tuple(values)), values)
        raise KeyError("bad")

    [failure] = store.transact([bad])
    assert failure.type is KeyError
    assert store.transact([lambda c: len(c.all(Statement(unmatched.select())))]) == [0]


WORDS = [
    ("3", Status.DELIVERED),
    ("4", Status.UNDELIVERABLE),
    ("2", Status.REJECTED),
    ("EXPIRED", Status.EXPIRED),
    ("5", Status.SENT),
    ("ODD", None),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(WORDS), st.sampled_from(["claim", "accepted", "lost", "recover", "missing"])),
        max_size=12,
    )
)
def test_whatever_the_order_of_events_no_status_goes_backwards_and_a_final_one_stays(
    empty_journal: Path, steps: list[tuple[str, Status | None] | str]
) -> None:
    with fresh(empty_journal) as store:
        journal = Journal(InlineLane(store))
        run(journal.accept(arrival()))
        rank = {"queued": 0, "sent": 1}
        in_flight: list[Submission] = []
        now, before = START, "queued"
        for step in steps:
            now += 10
            if step == "claim":
                in_flight = claim_all(journal, now) or in_flight
            elif step in ("accepted", "lost"):
                outcome: Outcome = Accepted("7001") if step == "accepted" else Uncertain(LOST)
                run(journal.record([(each, outcome, now) for each in in_flight], now))
                in_flight = []
            elif step == "recover":
                run(journal.recover(now))
            elif step == "missing":
                asked = run(journal.uncertain(now, 10)).submissions
                run(journal.record_standings([], asked, now, poll_at=now, ask_at=now))
            else:
                assert not isinstance(step, str)
                word, status = step
                run(journal.settle([report(status, word), report(status, word, custom_id("m1"))]))
            status_now = str(message(journal)["status"])
            assert before in rank or status_now == before
            assert rank.get(status_now, 2) >= rank.get(before, 2)
            before = status_now
            kept = message(journal)
            assert (kept["stage"] == Stage.OVER) == (status_now not in rank)
            assert (kept["due_at"] is None) == (kept["stage"] == Stage.OVER)
            assert (kept["tell_at"] is not None) == (kept["stage"] == Stage.OVER)

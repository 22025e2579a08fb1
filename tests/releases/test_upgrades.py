"""From every version that there has been, journal and configuration come to this one with all that is in them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from a1gateway.config import check
from a1gateway.journal import Journal, Store, look_ups, reminders, runs
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.schema import REVISION
from a1gateway.journal.store import revision
from a1gateway.message import Kind, Stage

from ..conftest import START, run
from ..test_portal import INSTALLATION
from .filling import HOUR, dump, fill
from .write import HERE, write

RELEASES = sorted(path.parent for path in HERE.glob("*/journal.sql"))
# What nobody may lose a value of; all else is known for a time only, or is made of these.
KEPT = ("messages", "history", "parts", "unmatched", "incoming", "incoming_parts", "installation")
KEPT_SINCE = {"0004": ("consents", "stop_list", "choices"), "0005": ("runs", "reminders"), "0007": ("sender_ids",)}
# No version ended with these: the next followed before it went out.
OF_NO_RELEASE = {"0008"}
STATUSES = {
    "delivered": "delivered",
    "rejected": "rejected",
    "lost": "queued",
    "in flight": "queued",
    "sent": "sent",
    "refused": "rejected",
    "waits": "queued",
}


def of(release: Path) -> str:
    """The journal's revision."""
    return release.name[:4]


@pytest.fixture(params=RELEASES, ids=[path.name for path in RELEASES])
def release(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def old(release: Path, tmp_path: Path) -> Path:
    """The journal as that version left it."""
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as driver:
        driver.executescript((release / "journal.sql").read_text("utf-8"))
    return path


@pytest.fixture
def upgraded(old: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{old}")
    store.prepare()
    yield store
    store.close()


def schema(path: Path) -> dict[str, Any]:
    """Tables with their columns, keys and indexes, whatever the order in which they came about."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(path)) as driver:
        for name, kind, sql in driver.execute("SELECT name, type, sql FROM sqlite_master").fetchall():
            if kind == "index":
                found[name] = " ".join((sql or "").split())
                continue
            columns = driver.execute(
                'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)', (name,)
            )
            keys = driver.execute('SELECT "from", "table", "to" FROM pragma_foreign_key_list(?)', (name,))
            found[name] = (
                sorted((*each[:3], (each[3] or "").strip("'()"), each[4]) for each in columns.fetchall()),
                sorted(keys.fetchall()),
                "WITHOUT ROWID" in sql,
            )
    return found


def rows(path: Path, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as driver:
        driver.row_factory = sqlite3.Row
        found = driver.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  # a name of ours
        return sorted((tuple(row[name] for name in columns) for row in found), key=repr)


def columns(path: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(path)) as driver:
        return [name for (name,) in driver.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def test_every_revision_that_people_had_has_its_fixture() -> None:
    """And each has something in every table of its own."""
    had = {of(each) for each in RELEASES}
    assert had | OF_NO_RELEASE == {f"{number:04}" for number in range(1, int(max(had)) + 1)}
    assert not had & OF_NO_RELEASE
    for each in RELEASES:
        text = (each / "journal.sql").read_text("utf-8")
        made = set(re.findall(r'CREATE TABLE "?(\w+)"?', text))
        assert made == set(re.findall(r'INSERT INTO "?(\w+)"?', text))
        assert f"VALUES('{of(each)}')" in text


def test_the_tables_are_those_of_a_new_journal(upgraded: Store, empty_journal: Path) -> None:
    upgraded.close()
    assert schema(upgraded.path) == schema(empty_journal)
    with closing(sqlite3.connect(upgraded.path)) as driver:
        assert revision(driver) == REVISION
        assert driver.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert driver.execute("PRAGMA foreign_key_check").fetchall() == []


def test_no_message_no_status_and_no_choice_is_lost(release: Path, old: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.sqlite3"
    before.write_bytes(old.read_bytes())
    store = Store(f"sqlite:///{old}")
    store.prepare()
    store.close()
    since = [name for revision, names in KEPT_SINCE.items() if revision <= of(release) for name in names]
    there = [name for name in (*KEPT, *since) if columns(before, name)]
    assert {"messages", "history", "installation", "unmatched"} <= set(there)
    for table in there:
        common = [name for name in columns(before, table) if name in columns(old, table)]
        assert len(common) >= len(columns(before, table)) - 1, table
        assert rows(before, table, common) == rows(old, table, common), table


def test_what_was_there_goes_on(release: Path, upgraded: Store) -> None:
    journal = Journal(InlineLane(upgraded))
    for name, status in STATUSES.items():
        found = run(journal.message(name))
        assert found is not None
        assert found["status"] == status
        assert found["history"]
    assert run(journal.installation()) == INSTALLATION
    run(journal.recover(START + HOUR))
    assert "in flight" in {each.message_id for each in run(journal.uncertain(START + HOUR, 10)).submissions}
    assert "waits" in {each.message_id for each in run(journal.claim(START + HOUR, 50)).submissions}
    assert "sent" in {each.message_id for each in run(journal.sent(START + HOUR, 50)).submissions}
    untold = {each.message_id for each in run(journal.untold(START + HOUR, 50))[0]}
    assert untold >= {"delivered", "refused"}
    assert "rejected" not in untold, "Bitrix24 has confirmed that one"
    if of(release) >= "0004":
        assert run(journal.stopped(["+375291112255", "+375291112233"])) == {"+375291112255"}
        assert [each.msisdn for each in run(journal.pending_choices(START + HOUR, 10))[0]] == ["+375291112255"]
        (evidence,) = run(journal.evidence("+375291112244"))["messages"]
        assert [each["granted"] for each in evidence["found"]] == [True]


@pytest.mark.parametrize(
    "release", [path for path in RELEASES if of(path) >= "0005"], ids=lambda path: path.name, indirect=True
)
def test_so_does_what_automation_waits_for(upgraded: Store) -> None:
    journal = Journal(InlineLane(upgraded))
    assert [each.ahead for each in run(journal.within(reminders.due, START + 48 * HOUR, 10))[0]] == [24 * HOUR, HOUR]
    assert run(journal.within(look_ups.positions_of)) == ["stages:2"]
    waiting = run(journal.within(runs.of_token, "token-send"))
    assert waiting is not None
    assert waiting["state"] == "waiting"
    assert [each.event.key for each in run(journal.within(look_ups.due, START + HOUR, 10))[0]] == ["deal:4182"]


def test_the_configuration_of_that_time_is_one_still(release: Path, tmp_path: Path) -> None:
    toml = (release / "a1gateway.toml").read_text("utf-8")
    for name in re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/(\w+)", toml):
        (tmp_path / name).write_text("0123456789abcdef" * 4)
        (tmp_path / name).chmod(0o600)
    config = check(toml, tmp_path, environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert {warning.key for warning in config.warnings} <= {"bitrix24.client_id"}


def test_this_version_fills_every_table(tmp_path: Path) -> None:
    """What a release leaves behind has something to lose everywhere."""
    path = tmp_path / "journal.sqlite3"
    fill(path)
    text = dump(path)
    made = set(re.findall(r'CREATE TABLE "?(\w+)"?', text))
    assert len(made) > 25
    assert made - set(re.findall(r'INSERT INTO "?(\w+)"?', text)) == set()
    stages = {stage for (stage,) in rows(path, "messages", ["stage"])}
    assert stages >= {str(each) for each in (Stage.READY, Stage.IN_FLIGHT, Stage.ASKING, Stage.SENT, Stage.OVER)}
    assert {kind for (kind,) in rows(path, "messages", ["kind"])} == {*map(str, Kind)}


@pytest.mark.parametrize("name", ["", "../x", "A B"])
def test_a_fixture_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="give the version"):
        write(name)

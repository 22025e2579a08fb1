"""What is put back is what was kept; what was there stays beside it, and nothing goes out twice."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.backup.archive import Archive, BadArchive
from a1gateway.carriers.outcome import Accepted
from a1gateway.control.operations import OwnDesk
from a1gateway.control.restored import restored_operations
from a1gateway.journal import Journal, Store, look_ups, reminders, runs
from a1gateway.journal.lane import InlineLane
from a1gateway.journal.reminders import Rule
from a1gateway.message import Choice, ChoiceSource, Kind, Planned, Source, Stage, Status, StatusReport
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts

from ..conftest import START, arrival, run
from ..older_journal import older_journal
from ..test_portal import INSTALLATION
from .conftest import APIKEY, NOW, Kept, undisturbed

HOUR = 3600.0
UNSENT = {
    "fields": Stage.FIELDS,
    "consent": Stage.CONSENT,
    "ready": Stage.READY,
    "later": Stage.READY,
    "in flight": Stage.IN_FLIGHT,
}
FAR = 4e9


def fill(journal: Journal) -> None:
    """A message in each stage: those that wait, one at A1, and one that is over."""
    for name in ("in flight", "sent", "over"):
        run(journal.accept(arrival(name)))
    taken = {each.message_id: each for each in run(journal.claim(START, 3)).submissions}
    for name in ("sent", "over"):
        run(journal.record([(taken[name], Accepted(f"a1-{name}"), START + 60)], START))
    run(journal.settle([StatusReport("a1-over", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START)]))
    run(journal.accept(arrival("ready")))
    run(journal.accept(arrival("consent", kind=Kind.MARKETING, text="Скидки")))
    run(journal.accept(arrival("fields", text="{{id}}", unfilled=True)))
    run(journal.accept(arrival("later", not_before=FAR, leave_by=FAR + HOUR)))
    run(journal.accept(arrival("refused", refusal="foreign")))


def stages(kept: Kept) -> dict[str, tuple[str, str | None]]:
    """Where each message is, and why nobody knows what became of it."""
    with closing(sqlite3.connect(kept.journal)) as driver:
        rows = driver.execute("SELECT message_id, stage, uncertain FROM messages").fetchall()
    return {name: (stage, uncertain) for name, stage, uncertain in rows}


def replaced(kept: Kept) -> Path:
    (found,) = (path for path in kept.data.glob("*.replaced-*") if not path.name.endswith(("-wal", "-shm")))
    return found


def test_the_journal_is_what_it_was_and_the_one_before_stays_beside_it(kept: Kept) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.backup()
    kept.opened(lambda journal: run(journal.accept(arrival("m2"))))
    said = kept.restore("--as-it-was")
    assert list(stages(kept)) == ["m1"]
    with closing(sqlite3.connect(replaced(kept))) as driver:
        assert [name for (name,) in driver.execute("SELECT message_id FROM messages")] == ["m1", "m2"]
    assert f"{replaced(kept)}: the journal that was there" in said
    assert kept.journal.stat().st_mode & 0o777 == 0o600
    assert not list(kept.data.glob("*.restoring*"))


def test_on_a_new_machine_configuration_and_secrets_are_written_too(kept: Kept) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.config.chmod(0o640)
    toml = kept.config.read_bytes()
    kept.backup("--with-secrets")
    shutil.rmtree(kept.data)
    shutil.rmtree(kept.secret.parent)
    kept.config.unlink()
    said = kept.restore()
    assert (kept.config.read_bytes(), kept.config.stat().st_mode & 0o777) == (toml, 0o640)
    assert (kept.secret.read_text(), kept.secret.stat().st_mode & 0o777) == (APIKEY, 0o600)
    assert f"{kept.secret}: was missing, and is written" in said
    assert list(stages(kept)) == ["m1"]


def test_a_configuration_and_secrets_that_are_there_stay(kept: Kept) -> None:
    kept.store().close()
    kept.backup("--with-secrets")
    kept.secret.write_text("a new one")
    kept.config.write_text(kept.config.read_text() + "# changed\n")
    kept.restore()
    assert kept.secret.read_text() == "a new one"
    assert kept.config.read_text().endswith("# changed\n")


def test_it_refuses_while_the_daemon_runs(kept: Kept) -> None:
    store = kept.store()
    kept.backup()
    store.lock()
    before = kept.journal.read_bytes()
    assert kept.run("restore", str(kept.archive)) == 1
    assert kept.errors == f"a1gateway restore: store.url: another a1gateway is running on {kept.journal}\n"
    store.close()
    assert kept.journal.read_bytes() == before
    assert not list(kept.data.glob("*.re*"))


# What may have gone out since.


def test_over_http_whatever_may_have_gone_out_is_asked_about_before_it_goes(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    said = kept.lost().restore()
    assert stages(kept) == {
        "fields": ("asking", "restored:fields"),
        "consent": ("asking", "restored:consent"),
        "ready": ("asking", "restored:ready"),
        "in flight": ("asking", "restored:ready"),
        # Its time has not come: it cannot have gone out.
        "later": ("ready", None),
        "sent": ("sent", None),
        "over": ("over", None),
        "refused": ("over", None),
    }
    assert "4 messages may have gone out since: A1 is asked about each before it may go out" in said


def test_what_a1_has_not_goes_on_where_it_was_and_no_marketing_past_its_consent(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    kept.lost().restore()

    def work(journal: Journal) -> None:
        asked = run(journal.uncertain(FAR, 100)).submissions
        assert {each.message_id for each in asked} == {"fields", "consent", "ready", "in flight"}
        for _ in range(2):
            run(journal.record_standings([], asked, START + 9, poll_at=START, ask_at=START + 5))

    kept.opened(work)
    found = stages(kept)
    assert {name: found[name] for name in UNSENT} == {
        "fields": ("fields", None),
        "consent": ("consent", None),
        "ready": ("ready", None),
        "in flight": ("ready", None),
        "later": ("ready", None),
    }


def over_smpp(kept: Kept, *arguments: str) -> str:
    """The same backup put back where messages go over SMPP."""
    kept.config.write_text(kept.config.read_text().replace('"http"', '"smpp"'))
    return kept.lost().restore(*arguments)


def test_over_smpp_they_are_held_unless_somebody_says_something_else(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    said = over_smpp(kept)
    found = stages(kept)
    assert {name: found[name][0] for name in UNSENT} == dict.fromkeys(UNSENT, "held") | {"later": "ready"}
    assert "4 messages may have gone out since: they are held" in said

    def nothing_leaves(journal: Journal) -> None:
        # Neither a start nor time lets them go.
        run(journal.catch_up(START + 10, ask_within=60, poll_within=60))
        assert run(journal.recover(START + 10)) == 0
        assert run(journal.claim(NOW + HOUR, 100)).submissions == []
        assert run(journal.release(FAR - 1, 100, resend=True))[1] == 0

    kept.opened(nothing_leaves)


def test_over_smpp_nobody_can_be_asked(kept: Kept) -> None:
    kept.store().close()
    kept.backup()
    kept.config.write_text(kept.config.read_text().replace('"http"', '"smpp"'))
    assert kept.run("restore", str(kept.archive), "--unsent", "ask") == 1
    assert kept.errors.startswith("a1gateway restore: over SMPP A1 cannot be asked")


def test_sent_all_the_same_they_are_marked_as_sent_again(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    over_smpp(kept, "--unsent", "send")

    def work(journal: Journal) -> None:
        claimed = run(journal.claim(NOW, 100)).submissions
        assert {each.message_id: each.resent for each in claimed} == {"ready": 1, "in flight": 1}
        found = run(journal.message("ready"))
        assert found is not None
        assert [step["word"] for step in found["history"]] == ["accepted", "restored"]

    kept.opened(work)
    assert stages(kept)["consent"] == ("consent", None)


def test_dropped_they_end_as_uncertain_and_bitrix24_is_told(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    over_smpp(kept, "--unsent", "drop")

    def work(journal: Journal) -> None:
        for name in ("fields", "consent", "ready", "in flight"):
            found = run(journal.message(name))
            assert found is not None
            assert (found["status"], found["reason"], found["told"]) == ("rejected", "uncertain", "failed")
        assert {each.message_id for each in run(journal.untold(FAR, 100))[0]} >= {"ready", "in flight"}

    kept.opened(work)
    assert stages(kept)["later"] == ("ready", None)


@pytest.mark.parametrize("word", ["send", "drop"])
def test_what_is_held_is_let_go_or_ended_by_a_word(kept: Kept, clock: Clock, word: str) -> None:
    kept.opened(fill)
    kept.backup()
    over_smpp(kept)
    woken: list[None] = []

    def work(journal: Journal) -> None:
        offered = restored_operations(
            clock, journal, Receipts(journal, Metrics(), lambda: None), on_due=lambda: woken.append(None)
        )
        desk = OwnDesk(offered)
        assert run(desk.ask("restored.held", {})) == {"count": 4}
        assert run(desk.ask("restored.release", {"send": word == "send"})) == {"count": 4}
        assert run(desk.ask("restored.held", {})) == {"count": 0}
        assert run(desk.ask("restored.release", {"send": word == "send"})) == {"count": 0}

    kept.opened(work)
    found = {name: stage for name, (stage, _) in stages(kept).items()}
    if word == "send":
        of_each = {"fields": "fields", "consent": "consent", "ready": "ready", "in flight": "ready"}
        assert len(woken) == 1
    else:
        of_each = dict.fromkeys(("fields", "consent", "ready", "in flight"), "over")
        assert not woken
    assert {name: found[name] for name in of_each} == of_each


def _late(name: str, happened_at: float) -> Any:
    """A message of automation about something of that time."""
    return arrival(name, received_at=FAR, not_before=happened_at, leave_by=FAR + HOUR)


@pytest.mark.parametrize(("over", "stage"), [("http", "asking"), ("smpp", "held")])
def test_what_automation_makes_anew_of_the_time_before_is_in_doubt_too(kept: Kept, over: str, stage: str) -> None:
    """The sweep reads the history of stages on from where the backup was, and reminders are due as they were."""
    rule = Rule("visit", None, 2, 4182)
    call = runs.RunCall("token", START, "send", 2, 4182, {"text": "Ждём"}, {})

    def before(journal: Journal) -> None:
        run(journal.within(reminders.plan, rule, START + HOUR, [Planned(HOUR, START)], START))
        run(journal.within(runs.take, call))

    kept.opened(before)
    kept.backup()
    _ = over_smpp(kept) if over == "smpp" else kept.lost().restore()

    def after(journal: Journal) -> None:
        (reminder,) = run(journal.within(reminders.due, FAR, 10))[0]
        run(journal.within(reminders.send, reminder, _late("auto-reminder", reminder.due_at)))
        _, (of_run,), _ = run(journal.within(runs.new, FAR, 10, reminder="", documents=True))
        run(journal.within(runs.send, of_run, arrival("auto-run", received_at=FAR), FAR, runs.Wanted.NOTHING))
        run(journal.accept(_late("auto-entry", START)))
        # And what happens from now on is as always.
        run(journal.accept(_late("auto-new", FAR - 1)))
        run(journal.accept(arrival("of a card", received_at=FAR)))

    kept.opened(after)
    assert stages(kept) == {
        "auto-reminder": (stage, "restored:ready"),
        "auto-run": (stage, "restored:ready"),
        "auto-entry": (stage, "restored:ready"),
        "auto-new": ("ready", None),
        "of a card": ("ready", None),
    }


def test_dropped_it_is_refused_and_sent_it_goes(kept: Kept) -> None:
    kept.store().close()
    kept.backup()
    kept.lost().restore("--unsent", "drop")
    assert kept.opened(lambda journal: run(journal.accept(_late("auto-entry", START)))).refusal == "uncertain"
    kept.lost().restore("--unsent", "send")
    assert kept.opened(lambda journal: run(journal.accept(_late("auto-entry", START)))).refusal is None
    assert stages(kept)["auto-entry"] == ("ready", None)


# What the journal that was there still tells.


def go_on(journal: Journal) -> None:
    """What happens after the backup: all goes out that waited, and more comes."""
    for each in run(journal.claim(NOW, 10)).submissions:
        run(journal.record([(each, Accepted(f"a1-{each.message_id}"), NOW + 60)], NOW))
    run(journal.recover(NOW))
    run(journal.accept(arrival("newer", received_at=NOW)))
    run(journal.choose("+375291112255", Choice.OUT, ChoiceSource.OPERATOR, "", NOW))


def test_nothing_is_in_doubt_of_which_the_journal_that_was_there_tells(kept: Kept) -> None:
    """Its file was replaced by mistake, or is from before an update that went wrong."""
    kept.opened(fill)
    kept.backup()
    kept.opened(go_on)
    before = stages(kept)
    assert before["ready"] == ("sent", None)
    said = over_smpp_with_it(kept)
    assert stages(kept) == before
    assert "from that one: 1 messages that were taken in after the backup, and what became of 8 others" in said
    assert "may have gone out since" not in said

    def work(journal: Journal) -> None:
        found = run(journal.message("ready"))
        assert found is not None
        assert [step["word"] for step in found["history"]] == ["accepted", "accepted"]
        assert run(journal.stopped(["+375291112255"])) == {"+375291112255"}
        assert run(journal.accept(_late("auto-entry", START))).refusal is None

    kept.opened(work)
    assert stages(kept)["auto-entry"] == ("ready", None), "it cannot have gone out without being known"


def over_smpp_with_it(kept: Kept) -> str:
    kept.config.write_text(kept.config.read_text().replace('"http"', '"smpp"'))
    return kept.restore()


def test_of_a_damaged_one_whatever_can_be_read_is_taken_and_the_rest_is_in_doubt(kept: Kept) -> None:
    long = "Заказ готов. " * 60
    names = [f"m{number}" for number in range(60)]
    kept.opened(lambda journal: [run(journal.accept(arrival(name, text=long))) for name in names])
    kept.backup()
    kept.opened(lambda journal: [run(journal.accept(arrival(f"new{number}", text=long))) for number in range(60)])
    whole = kept.journal.read_bytes()
    with closing(sqlite3.connect(kept.journal)) as driver:
        pages = [
            page
            for (page,) in driver.execute(
                "SELECT pageno FROM dbstat WHERE name = 'messages' AND pagetype = 'leaf' ORDER BY path"
            )
        ]
    assert len(pages) > 8
    damaged = bytearray(whole)
    for page in (pages[1], pages[-2]):
        damaged[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    kept.journal.write_bytes(damaged)
    said = kept.restore()
    assert replaced(kept).read_bytes() == bytes(damaged)
    assert "warning: not all of that one can be read" in said
    found = stages(kept)
    assert set(names) <= set(found)
    newer = [name for name in found if name.startswith("new")]
    assert 40 < len(newer) < 60
    assert all(found[name] == ("ready", None) for name in newer), "it is known that they have not gone out"
    doubtful = [name for name in names if found[name] == ("asking", "restored:ready")]
    assert 0 < len(doubtful) < 20
    assert all(found[name] == ("ready", None) for name in set(names) - set(doubtful))
    assert f"{len(doubtful)} messages may have gone out since" in said


def test_nothing_is_taken_from_another_journal(kept: Kept) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.backup()
    kept.lost().opened(lambda journal: [run(journal.accept(arrival(name))) for name in ("other 1", "other 2")])
    kept.restore()
    assert stages(kept) == {"m1": ("asking", "restored:ready")}


# What waited in the spool, and the portal's tokens.


def test_what_waited_in_the_backups_spool_is_in_doubt_like_the_rest_and_other_entries_wait_again(kept: Kept) -> None:
    kept.store().close()
    spooled = kept.put_into_spool(arrival("spooled"))
    status = kept.spool / f"status-{'1' * 32}.json"
    report = {"identifier": "4711", "word": "DELIVERED", "status": "delivered", "source": "callback", "at": START}
    status.write_text(json.dumps({"status": report}))
    kept.backup()
    spooled.unlink()
    status.unlink()
    said = kept.lost().restore()
    assert stages(kept) == {"spooled": ("asking", "restored:ready")}
    assert [path.name for path in kept.spool.iterdir()] == [status.name]
    assert "2 that waited in the backup's spool are put back too" in said


def test_what_waits_in_the_spool_now_stays_there(kept: Kept) -> None:
    kept.store().close()
    kept.backup()
    now = kept.put_into_spool(arrival("now"))
    kept.restore()
    assert [path.name for path in kept.spool.iterdir()] == [now.name]


def test_later_tokens_are_kept_and_earlier_ones_are_not(kept: Kept) -> None:
    kept.opened(lambda journal: run(journal.install(INSTALLATION)))
    kept.backup()
    later = replace(INSTALLATION, access_token="access-2", refreshed_at=INSTALLATION.refreshed_at + 60)
    kept.opened(lambda journal: run(journal.install(later)))
    assert "the tokens of Bitrix24 are those of the journal that was there" in kept.restore("--as-it-was")
    assert kept.opened(lambda journal: run(journal.installation())) == later
    other = replace(later, member_id="another portal", refreshed_at=later.refreshed_at + 60)
    kept.opened(lambda journal: run(journal.install(other)))
    assert "the tokens of" not in kept.restore("--as-it-was")
    assert kept.opened(lambda journal: run(journal.installation())) == INSTALLATION


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, None], ids=["empty", "another", "torn"])
def test_a_damaged_journal_is_replaced_and_stays_as_it_is(kept: Kept, content: bytes | None) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.backup()
    damaged = kept.journal.read_bytes()[: 4096 * 3] if content is None else content
    kept.journal.write_bytes(damaged)
    said = kept.restore()
    assert replaced(kept).read_bytes() == damaged
    assert list(stages(kept)) == ["m1"]
    assert "warning: not all of that one can be read" in said


# Archives that are none.


def _changed(kept: Kept, change: Callable[[dict[str, Any]], None]) -> None:
    """The backup with another manifest."""
    whole = io.BytesIO()
    with tarfile.open(kept.archive) as archive, tarfile.open(fileobj=whole, mode="w:gz") as other:
        for each in archive:
            content = archive.extractfile(each)
            assert content is not None
            octets = content.read()
            if each.name == "manifest.json":
                manifest = json.loads(octets)
                change(manifest)
                octets = json.dumps(manifest).encode()
            each.size = len(octets)
            other.addfile(each, io.BytesIO(octets))
    kept.archive.write_bytes(whole.getvalue())


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"revision": "9999"}, "the backup's journal is of the version 9999, and this a1gateway knows"),
        ({"format": 2, "version": "9.0"}, "the backup was made by a1gateway 9.0, which is later than this one"),
        ({"members": []}, "its manifest names something else"),
        ({"members": [{"name": "../x", "octets": 1, "sha256": ""}]}, "its manifest cannot be understood"),
    ],
)
def test_a_backup_of_a_later_version_and_a_manifest_of_something_else_are_refused(
    kept: Kept, changes: dict[str, Any], fault: str
) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.backup()
    before = kept.journal.read_bytes()
    _changed(kept, lambda manifest: manifest.update(changes))
    assert kept.run("restore", str(kept.archive)) == 1
    assert fault in kept.errors
    assert kept.journal.read_bytes() == before


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_damaged_in_a_backup_it_is_refused_or_the_same(kept: Kept, data: st.DataObject) -> None:
    if not kept.archive.exists():
        kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
        kept.backup()
    whole = kept.archive.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    content = data.draw(
        st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :], whole[at:]])
    )
    try:
        archive = Archive(io.BytesIO(content))
        archive.check()
    except BadArchive:
        return
    (journal,) = (octets.read() for _, octets in archive.contents(lambda name: name == "journal.sqlite3"))
    (of_whole,) = (
        octets.read() for _, octets in Archive(io.BytesIO(whole)).contents(lambda name: name == "journal.sqlite3")
    )
    assert journal == of_whole


def test_check_changes_nothing(kept: Kept) -> None:
    kept.opened(lambda journal: run(journal.accept(arrival("m1"))))
    kept.backup()
    before = {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*")}
    assert "whole" in kept.restore("--check")
    assert {path: path.stat().st_mtime_ns for path in kept.folder.rglob("*")} == before
    kept.restore("--check", "--json")
    assert json.loads(kept.said)["changed"] is False


def test_json_says_what_has_been_put_back(kept: Kept) -> None:
    kept.opened(fill)
    kept.backup()
    kept.lost().restore("--json")
    said = json.loads(kept.said)
    assert (said["in_doubt"], said["unsent"], said["newer"], said["changed"]) == (4, "ask", None, True)
    assert said["replaced"] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_as_root_the_journal_is_its_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, which becomes that user for good."""
    nobody = 65534
    undisturbed(monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        kept = Kept(Path(folder) / "gateway")
        kept.begin()
        kept.store().close()
        for path in (kept.folder, kept.data, kept.journal):
            os.chown(path, nobody, nobody)
        kept.backup()
        kept.journal.unlink()
        child = os.fork()
        if child == 0:
            os._exit(kept.run("restore", str(kept.archive)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        made = list(kept.data.iterdir())
        assert {path.stat().st_uid for path in made} == {nobody}
        assert kept.journal in made


def test_a_backup_of_an_older_version_is_led_to_this_one(kept: Kept, tmp_path: Path) -> None:
    old = older_journal(tmp_path, "0005")
    shutil.copyfile(old, kept.journal)
    kept.journal.chmod(0o600)
    kept.backup()
    kept.journal.unlink()
    kept.restore()
    store = Store(f"sqlite:///{kept.journal}")
    assert run(Journal(InlineLane(store)).within(look_ups.positions_of)) == ["restored"]
    store.close()
    assert not list(kept.data.glob("*.before-*"))

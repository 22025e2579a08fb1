"""A journal that cannot take a message loses none: the spool holds it, a killed daemon finds it again."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

import pytest

from .calls import Reply
from .commands import command
from .processes import eventually
from .stack import Sent, Stack
from .together import Scenario, Together


def hand_over(stack: Stack, message_id: str, text: str) -> tuple[Reply, float]:
    """Call the handler as Bitrix24 does; the answer and how many seconds it took."""
    begun = time.monotonic()
    reply = stack.gateway.hand_over(
        {"message_id": message_id, "message_to": "+375291112233", "message_body": text, "type": "SMS"}
    )
    return reply, time.monotonic() - begun


def a_locked_journal_and_a_killed_daemon_lose_nothing(stack: Stack) -> None:
    gateway = stack.gateway
    before = stack.send()
    stack.is_delivered_once(before)
    with gateway.locked():
        sent = [stack.send() for _ in range(3)]
        refused = stack.send("12345")
        reply, took = hand_over(stack, "by-hand", "Ручная отправка")
        assert (reply.status, reply.json()) == (200, {"message_id": "by-hand", "status": "queued"})
        assert took < 8
        assert [stack.taken(each) for each in [*sent, refused]] == [200] * 4
        again, took = hand_over(stack, "by-hand", "Ручная отправка")
        assert (again.status, again.body) == (reply.status, reply.body)
        assert took < 8
        assert len(gateway.spooled()) == 5
        assert any("Ручная отправка" in entry.read_text("utf-8") for entry in gateway.spooled())
        status = gateway.callback({"message_id": "4711", "status": "DELIVERED"})
        assert status.status == 200, "a status waits in the spool, too"
        ready = gateway.get("/readyz")
        assert (ready.status, ready.json()["store"]["ok"]) == (503, False)
        assert gateway.metric('a1gateway_queue_depth{queue="spool"}') == 6
        gateway.process.kill()
    # Now nobody can even read it.
    with gateway.locked(against_readers=True):
        gateway.start()
        assert len(gateway.spooled()) == 6, "what was acknowledged is there after the kill"
        later = stack.send()
        assert stack.taken(later) == 200
        assert len(gateway.spooled()) == 7
        assert [message["text"] for message in stack.a1.messages()] == [before.text]
    for each in [*sent, later]:
        stack.is_delivered_once(each, 30)
    by_hand = eventually(
        lambda: [message for message in stack.a1.messages() if message["text"] == "Ручная отправка"] or None,
        10,
        "the message handed over twice is sent",
    )
    assert len(by_hand) == 1
    assert stack.told(refused) == ["failed"]
    eventually(lambda: not gateway.spooled(), 10, "the spool is empty again")
    gateway.ready()
    assert len(stack.a1.messages()) == 6
    (kept,) = gateway.rows("SELECT * FROM unmatched")
    assert (kept["identifier"], kept["word"], kept["source"]) == ("4711", "DELIVERED", "callback")


def a_message_that_nothing_can_hold_is_turned_away_whole(stack: Stack) -> None:
    gateway = stack.gateway
    with gateway.locked():
        # Not by its permissions, which would not keep root out.
        gateway.spool.rmdir()
        gateway.spool.write_text("in the way")
        reply, took = hand_over(stack, "lost-1", "Никуда не помещается")
        assert (reply.status, reply.json()["error"]) == (503, "try_later")
        assert int(reply.headers["Retry-After"]) > 0
        assert took < 8
        status = gateway.callback({"message_id": "4711", "status": "DELIVERED"})
        assert status.status == 503, "so that A1 calls once more"
        gateway.spool.unlink()
        # A folder that is not there is made anew.
        reply, _ = hand_over(stack, "kept-1", "Снова есть место")
        assert reply.status == 200
        assert len(gateway.spooled()) == 1
    gateway.ready()
    assert gateway.metric("a1gateway_turned_away_total") == 1
    assert [line for line in gateway.process.out.splitlines() if "lost-1" in line and "critical" in line]
    eventually(lambda: len(stack.a1.messages()) == 1 or None, 10, "what was kept is sent")
    assert [row["message_id"] for row in gateway.rows("SELECT * FROM messages")] == ["kept-1"]
    assert gateway.spooled() == []
    # Whoever comes again is served as if nothing had been.
    reply, _ = hand_over(stack, "lost-1", "Никуда не помещается")
    assert (reply.status, reply.json()) == (200, {"message_id": "lost-1", "status": "queued"})
    eventually(lambda: len(stack.a1.messages()) == 2 or None, 10, "it is sent")


def a_locked_journal_under_way_sends_nothing_twice(stack: Stack) -> None:
    """The lock falls between the submit and the writing down of its answer."""
    gateway = stack.gateway
    stack.a1.fault("latency", seconds=1.0, method="send/sms")
    sent: list[Sent] = [stack.send()]
    eventually(lambda: stack.a1.requests("send/sms") or None, 10, "the submit is under way")
    with gateway.locked():
        eventually(lambda: "outcomes wait for the journal" in gateway.process.out, 10, "the answer has come")
        sent.append(stack.send())
        assert stack.taken(sent[1]) == 200
        gateway.process.kill()
    gateway.start()
    for each in sent:
        stack.is_delivered_once(each, 30)


def a_journal_moved_away_under_the_daemon_swallows_nothing(stack: Stack) -> None:
    """While a copy is put back in its place, messages wait in the spool."""
    gateway = stack.gateway
    first = stack.send()
    stack.is_delivered_once(first)
    aside = gateway.data / "aside.sqlite3"
    with closing(sqlite3.connect(gateway.journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    gateway.journal.rename(aside)
    second = stack.send()
    assert stack.taken(second) == 200
    assert len(gateway.spooled()) == 1
    for name in ("-wal", "-shm"):
        gateway.journal.with_name(gateway.journal.name + name).unlink(missing_ok=True)
    aside.rename(gateway.journal)
    stack.is_delivered_once(second, 30)
    assert len(stack.sms(first)) == 1


def status_of(stack: Stack, sent: Sent) -> str:
    """What the journal says of a message that it knows."""
    found = stack.gateway.message(sent.message_id)
    assert found is not None
    return str(found["status"])


def a_damaged_journal_is_put_back_and_nothing_goes_out_twice(stack: Stack) -> None:
    """What left after the backup was made is known to A1, what came since waits in the spool."""
    gateway = stack.gateway
    before = stack.send()
    stack.is_delivered_once(before)
    stack.a1.fault("error", code=8, method="send/sms")
    waiting = stack.send()
    assert stack.taken(waiting) == 200
    archive = gateway.data / "kept.tar.gz"
    made = command(stack, "backup", "--to", str(archive), within=200)
    assert (made.returncode, made.stderr) == (0, "")
    stack.a1.mend()
    stack.is_delivered_once(waiting, 60)
    refused = command(stack, "restore", str(archive), within=200)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "another a1gateway is running" in refused.stderr
    gateway.process.kill()
    with open(gateway.journal, "r+b") as file:
        file.write(bytes(100))
    gateway.start()
    meanwhile = stack.send()
    assert stack.taken(meanwhile) == 200
    assert len(gateway.spooled()) == 1
    ready = gateway.get("/readyz")
    assert (ready.status, ready.json()["store"]["ok"]) == (503, False)
    assert "a1gateway restore" in ready.json()["store"]["trouble"]
    gateway.process.signal(signal.SIGTERM)
    gateway.process.wait(60)
    # But for what SQLite's own log has of it, at the most.
    assert gateway.journal.read_bytes()[:100] == bytes(100)
    restored = command(stack, "restore", str(archive), within=200)
    assert (restored.returncode, restored.stderr) == (0, ""), restored.stderr
    assert "1 messages may have gone out since" in restored.stdout
    gateway.start()
    stack.is_delivered_once(meanwhile, 60)
    eventually(lambda: status_of(stack, waiting) == "delivered" or None, 30, "A1 was asked")
    assert set(stack.told(waiting)) == {"delivered"}
    assert len(stack.a1.messages()) == 3
    gateway.ready()


SCENARIOS = {
    "locked": Scenario(a_locked_journal_and_a_killed_daemon_lose_nothing, warm=False, takes=25),
    "nowhere": Scenario(a_message_that_nothing_can_hold_is_turned_away_whole),
    "locked under way": Scenario(a_locked_journal_under_way_sends_nothing_twice),
    "damaged": Scenario(a_damaged_journal_is_put_back_and_nothing_goes_out_twice, takes=25),
    "moved away": Scenario(a_journal_moved_away_under_the_daemon_swallows_nothing),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_journal_that_is_away_loses_no_message(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

"""Too much for the daemon: a flood that it has to slow down, and a disk that is full and free again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .books import compare, settled
from .flood import flood
from .processes import eventually
from .stack import HANDLER_SECRET, Stack
from .together import Scenario, Stacks, Together

MB = 1_000_000
_HANDLER = f"/bitrix24/handler/{HANDLER_SECRET}"


def a_flood_at_a_locked_journal_is_taken_in(stack: Stack) -> None:
    """More connections than are let in, no journal to write to: everybody is answered, and nothing is lost."""
    gateway = stack.gateway
    names = [f"flood-{number}" for number in range(900)]
    forms = (
        {"message_id": name, "message_to": "+375291112233", "message_body": f"Наплыв {name}", "type": "SMS"}
        for name in names
    )
    with gateway.locked():
        answers = flood(gateway.port, _HANDLER, forms, connections=600)
        assert answers == {200: len(names)}
        assert len(gateway.spooled()) == len(names)
    count = "SELECT count(*) AS count FROM messages WHERE status = 'delivered'"
    eventually(lambda: gateway.rows(count)[0]["count"] == len(names), 60, "all of them are delivered")
    texts = [message["text"] for message in stack.a1.messages()]
    assert sorted(texts) == sorted(f"Наплыв {name}" for name in names)
    assert gateway.spooled() == []


SCENARIOS = {"flood": Scenario(a_flood_at_a_locked_journal_is_taken_in, takes=25, changes={"log": {"level": "info"}})}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_a_flood_slows_itself_down(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A file system of `size` octets, where this is allowed."""
    place.mkdir()
    mounting = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounting.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounting.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


def test_the_disk_full_and_free_again(stacks: Stacks) -> None:
    """What got 200 is not lost, what got 503 is nowhere, and a full disk mends itself when there is room again."""
    stack = stacks.make("disk", store={"min_free_mb": 4, "alarm_free_mb": 8})
    gateway = stack.gateway
    with small_disk(gateway.data, 16 * MB):
        stack.started()
        stack.a1.set(final_delay=1.0)
        sent = [stack.send() for _ in range(5)]
        assert [stack.taken(each) for each in sent] == [200] * 5
        filling = gateway.data / "filling"
        free = int(gateway.metric('a1gateway_store_free_bytes{place="journal"}'))
        filling.write_bytes(bytes(free - 6 * MB))
        eventually(lambda: "warning" in gateway.get("/readyz").json()["store"], 15, "the alarm comes")
        assert gateway.get("/readyz").status == 200
        in_time = stack.send()
        assert stack.taken(in_time) == 200
        # Nearly full: nothing new, and the statuses of what is under way all the same.
        with filling.open("ab") as more:
            more.write(bytes(4 * MB))
        eventually(lambda: gateway.get("/readyz").status == 503, 15, "messages are refused")
        refused = [stack.send() for _ in range(3)]
        assert [stack.taken(each) for each in refused] == [503] * 3
        for each in [*sent, in_time]:
            stack.is_delivered_once(each)
        # Full to the last octet, while A1 calls with statuses.
        stack.a1.set(final_delay=0.5)
        filling.write_bytes(b"")
        eventually(lambda: gateway.get("/readyz").status == 200, 15, "messages are taken again")
        under_way = [stack.send() for _ in range(5)]
        assert [stack.taken(each) for each in under_way] == [200] * 5
        _fill(filling)
        lost = stack.send()
        answer = stack.taken(lost)
        time.sleep(1.5)
        filling.write_bytes(b"")
        settled(stack, 40, told_again=True)
        assert answer in (200, 503)
        for each in refused:
            assert stack.sms(each) == []
            assert stack.row(each)["history"] == []
        assert compare(stack, told_again=True) == []
        assert gateway.metric("a1gateway_turned_away_total") == 3 + (answer == 503)
        stack.close()


def _fill(file: Path) -> None:
    with file.open("ab", buffering=0) as more:
        for size in (MB, 4096, 1):
            try:
                while more.write(bytes(size)):
                    pass
            except OSError:
                continue

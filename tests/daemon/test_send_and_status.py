"""`a1gateway send` and `a1gateway status` beside a real daemon, as an operator gives them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from .commands import begun, command
from .processes import eventually
from .stack import Stack
from .together import Stacks


def test_it_sends_once_follows_to_the_end_and_bitrix24_hears_nothing(stacks: Stacks) -> None:
    stack = stacks.make("alone").started()
    ended = command(stack, "send", "--to", "8 029 111-22-33", "--text", "Проверка", "--language", "en")
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    lines = [line[10:] for line in ended.stdout.splitlines()]
    assert "Accepted by the gateway" in lines
    assert any(line.startswith("Delivered to the phone") for line in lines)
    assert [sms["text"] for sms in stack.a1.messages()] == ["Проверка"]
    assert stack.portal.messages() == []
    assert stack.portal.requests("batch/messageservice.message.status.update") == 0


def test_a_refused_one_fails_with_its_reason(by_callbacks: Stack) -> None:
    ended = command(by_callbacks, "send", "--to", "+7 495 123-45-67", "--text", "Проверка", "--json")
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["outcome"], found["reason"]) == (1, "not_delivered", "foreign")
    assert by_callbacks.a1.messages() == []


def test_ctrl_c_leaves_it_under_way_where_it_can_be_followed(by_callbacks: Stack) -> None:
    stack = by_callbacks
    stack.a1.set(final_delay=600)
    process = begun(stack, "send", "--to", "+375291112233", "--text", "Hi")
    eventually(lambda: stack.a1.messages() or None, 60, "A1 has it")
    process.signal(signal.SIGINT)
    assert process.wait(30) == 130
    (row,) = stack.gateway.rows("SELECT message_id FROM messages ORDER BY id DESC LIMIT 1")
    assert f"a1gateway send --follow {row['message_id']} --config " in process.out
    followed = command(stack, "send", "--follow", row["message_id"], "--timeout", "0.1", "--json")
    found = json.loads(followed.stdout)
    assert (followed.returncode, found["outcome"], found["stage"]) == (1, "timed_out", "sent")
    assert len(stack.a1.messages()) == 1


def test_without_a_daemon_it_says_how_to_start_it(by_callbacks: Stack, tmp_path: Path) -> None:
    sections = by_callbacks.sections(store={"url": f"sqlite:///{tmp_path / 'journal.sqlite3'}"})
    config = by_callbacks.gateway.configure(sections, tmp_path / "other.toml")
    given = ("send", "--to", "+375291112233", "--text", "Hi", "--language", "en")
    ended = command(by_callbacks, *given, config=config)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.startswith("The gateway does not run, the SMS is not sent.\n")
    assert f"twistd -n a1gateway --config {config}" in ended.stdout


def test_status_tells_how_the_daemon_is_and_what_it_has_done(by_callbacks: Stack) -> None:
    stack = by_callbacks
    stack.is_delivered_once(stack.send())
    ended = command(stack, "status", "--json")
    found = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr, found["running"]) == (0, "", True)
    assert {each["check"]: each["finding"] for each in found["checks"]}["a1"] == "a1_answers"
    assert found["process"] == stack.gateway.process.pid
    assert found["journal"]["today"]["delivered"] >= 1
    shown = command(stack, "status", "--language", "ru")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("a1gateway ")
    assert "\nСегодня принято " in shown.stdout


def test_status_says_that_no_daemon_runs(by_callbacks: Stack, tmp_path: Path) -> None:
    sections = by_callbacks.sections(
        store={"url": f"sqlite:///{tmp_path / 'journal.sqlite3'}", "spool": str(tmp_path / "spool")}
    )
    config = by_callbacks.gateway.configure(sections, tmp_path / "other.toml")
    ended = command(by_callbacks, "status", "--json", config=config)
    found = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr, found["running"], found["journal"]) == (1, "", False, None)
    assert found["daemon"]["finding"] == "daemon_away"

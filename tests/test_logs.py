"""The log: one event a line, whatever is in it, at the level that was asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, formatEvent
from twisted.python.failure import Failure

from a1gateway.logs import HELD, as_json, observer


def logged(style: str, level: str) -> tuple[Logger, io.StringIO]:
    out = io.StringIO()
    return Logger("a1gateway.test", observer=observer(out, style=style, level=level)), out


def test_json_has_the_events_own_values_by_name() -> None:
    log, out = logged("json", "info")
    log.info("message {message_id}: {status}", message_id="m1", status="sent", segments=2)
    line = json.loads(out.getvalue())
    assert line["event"] == "message m1: sent"
    assert (line["level"], line["part"]) == ("info", "a1gateway.test")
    assert (line["message_id"], line["status"], line["segments"]) == ("m1", "sent", 2)
    assert line["time"].endswith("+0000")


def test_a_failure_has_its_traceback_on_the_same_line() -> None:
    log, out = logged("json", "info")
    try:
        raise KeyError("gone")
    except KeyError:
        log.failure("it failed", failure=Failure())
    [line] = out.getvalue().splitlines()
    assert "KeyError" in json.loads(line)["traceback"]


def test_text_is_one_line_an_event() -> None:
    log, out = logged("text", "info")
    log.warn("message {message_id}", message_id="m1")
    [line] = out.getvalue().splitlines()
    assert line.endswith("message m1")


def test_what_is_below_the_level_is_left_out() -> None:
    log, out = logged("json", "warn")
    log.info("nothing")
    log.warn("something")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["something"]


def test_twisteds_own_talk_is_left_out_but_its_warnings_are_not() -> None:
    out = io.StringIO()
    log = Logger("twisted.web.client", observer=observer(out, style="json", level="info"))
    log.info("Starting factory")
    log.warn("something")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["something"]


@given(
    st.text(max_size=30),
    st.dictionaries(
        st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8) | st.binary(max_size=4), max_size=4
    ),
)
def test_any_event_is_one_line_of_json(text: str, values: dict[str, object]) -> None:
    event = {"log_format": text, "log_level": LogLevel.info, "log_time": 0.0, **values}
    line = as_json(event)
    assert line.endswith("\n")
    assert "\n" not in line[:-1]
    assert isinstance(json.loads(line), dict)


@given(
    st.text(alphabet="{}ab!r:.[]() ", max_size=16)
    | st.sampled_from(["{a}", "{a!r} {b}", "{a:>5}", "{b()}", "{a.b}", "{c}", "{a} {{b}}", "{}", "{0}"]),
    st.dictionaries(st.sampled_from("ab"), st.text(max_size=5) | st.integers()),
)
def test_the_text_of_an_event_is_what_twisted_makes_of_it(form: str, values: dict[str, object]) -> None:
    event = {"log_format": form, "log_level": LogLevel.info, "log_time": 0.0, **values}
    assert json.loads(as_json(event))["event"] == formatEvent(event)


def test_the_time_is_that_of_the_event() -> None:
    event = {"log_format": "", "log_level": LogLevel.info}
    times = [json.loads(as_json({**event, "log_time": at}))["time"] for at in (0.9, 1.0, 1795392000.5)]
    assert times == ["1970-01-01T00:00:00+0000", "1970-01-01T00:00:01+0000", "2026-11-23T00:00:00+0000"]


class Turning(Clock):
    """A reactor that runs, as far as the log needs it."""

    running = True

    def __init__(self) -> None:
        super().__init__()
        self.at_the_end: list[Callable[[], None]] = []

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], None]) -> None:
        assert (phase, event) == ("after", "shutdown")
        self.at_the_end.append(call)


def lines(out: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in out.getvalue().splitlines()]


def test_lines_are_written_together_and_warnings_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a1gateway.logs.isInIOThread", lambda: True)
    out, reactor = io.StringIO(), Turning()
    log = Logger("a1gateway.test", observer=observer(out, style="json", level="info", reactor=reactor))
    log.info("one")
    log.info("two")
    assert lines(out) == []
    reactor.advance(HELD)
    assert lines(out) == ["one", "two"]
    log.info("three")
    log.warn("four")
    assert lines(out) == ["one", "two", "three", "four"]
    log.info("five")
    reactor.advance(HELD)
    assert lines(out)[-1] == "five"
    log.info("six")
    for call in reactor.at_the_end:
        call()
    assert lines(out)[-1] == "six"
    reactor.running = False
    log.info("seven")
    assert lines(out)[-1] == "seven"


def test_what_another_thread_says_is_written_at_once() -> None:
    out = io.StringIO()
    log = Logger("a1gateway.test", observer=observer(out, style="json", level="info", reactor=Turning()))
    speaking = Thread(target=lambda: log.info("one"))
    speaking.start()
    speaking.join()
    assert lines(out) == ["one"]


@pytest.mark.parametrize("style", ["text", "json"])
def test_journald_gets_the_priority_before_every_line(style: str) -> None:
    """`journalctl -p warning` then shows warnings and worse; sd-daemon(3) has the numbers."""
    out = io.StringIO()
    log = Logger("a1gateway.test", observer=observer(out, style=style, level="debug", priorities=True))
    for level in (LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical):
        log.emit(level, "said")
    assert [line[:3] for line in out.getvalue().splitlines()] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert all("said" in line for line in out.getvalue().splitlines())


def test_every_line_of_a_traceback_has_the_priority_of_its_event() -> None:
    out = io.StringIO()
    log = Logger("a1gateway.test", observer=observer(out, style="text", level="info", priorities=True))
    try:
        raise KeyError("gone")
    except KeyError:
        log.failure("it failed", failure=Failure())
    lines = out.getvalue().splitlines()
    assert len(lines) > 3
    assert {line[:3] for line in lines} == {"<2>"}

"""`a1gateway send`: one SMS through the daemon, never two of them, followed to whatever becomes of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from a1gateway import send_command
from a1gateway.admission import Admission
from a1gateway.by_hand import Sender
from a1gateway.cli import main
from a1gateway.control.command import DaemonGone, NoDaemon
from a1gateway.control.errand import Ended, Errand, Hindrance, Outcome
from a1gateway.control.messages import message_operations
from a1gateway.control.operations import OwnDesk, raised, written
from a1gateway.errors import GatewayError, JournalUnavailable, NothingCanHold
from a1gateway.intake import Intake
from a1gateway.journal import Journal, Spool
from a1gateway.journal.reader import Reader
from a1gateway.message import Source, Stage, Status, StatusReport, custom_id
from a1gateway.metrics import Metrics
from a1gateway.receipts import Receipts
from a1gateway.send_command import INTERRUPTED, Report, add_send_command, errands
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES

from .conftest import START, pass_time, run

NUMBER = "8 029 111-22-33"


class Daemon:
    """The daemon's end of the control socket, with a journal that is real; the socket can break."""

    def __init__(self, clock: Clock, journal: Journal, reader: Reader, folder: Path) -> None:
        self.clock = clock
        self.journal = journal
        self.receipts = Receipts(journal, Metrics(), lambda: None)
        spool = Spool(str(folder / "spool"), execute)
        spool.prepare()
        self.full = False
        intake = Intake(
            clock,
            journal,
            spool,
            self.receipts,
            Metrics(),
            on_message=lambda: None,
            on_refusal=lambda: None,
            on_spooled=lambda: None,
            check_space=self._check_space,
        )
        self.desk = OwnDesk(message_operations(clock, reader, Sender(intake, Admission(3, "MyShop"))))
        self.breaks: list[Exception] = []
        """What goes wrong with the next answers: before the daemon hears of the question, or after."""
        self.silent = False

    async def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        broken = self.breaks.pop(0) if self.breaks else None
        if isinstance(broken, NoDaemon | JournalUnavailable):
            raise broken
        try:
            answer = json.loads(json.dumps(await self.desk.ask(operation, json.loads(json.dumps(arguments)))))
        except GatewayError as error:
            raise raised(json.loads(json.dumps(written(error)))) from None
        if broken is not None:
            raise broken
        if self.silent:
            await Deferred()
        return answer

    def _check_space(self) -> None:
        if self.full:
            raise NothingCanHold("little free space is left")

    def says(self, name: str, word: str, status: Status | None) -> None:
        """A1 has a word on a message."""
        report = StatusReport(custom_id(name), word, status, Source.CALLBACK, self.clock.seconds())
        run(self.receipts.settle([report]))


class CommandLine:
    """The command as it is given."""

    def __init__(self, daemon: Daemon, *arguments: str, watched: bool = False) -> None:
        parser = argparse.ArgumentParser()
        add_send_command(parser.add_subparsers())
        self.given = parser.parse_args(["send", "--config", "gateway.toml", *arguments])
        self.out = StringIO()
        if watched:
            self.out.isatty = lambda: True  # type: ignore[method-assign]
        self.report = Report(self.given, self.out)
        self.clock = daemon.clock
        errand = Errand(daemon.clock, daemon, self.report, timeout=self.given.timeout)
        self.work = Deferred.fromCoroutine(errands(errand, self.given))
        self.ended: Ended | None = None
        self.status: int | None = None
        self.work.addCallback(self._end)

    def _end(self, ended: Ended) -> None:
        self.ended = ended
        self.status = self.report.ends(ended)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    def after(self, seconds: float) -> CommandLine:
        pass_time(self.clock, seconds)
        return self


@pytest.fixture
def daemon(clock: Clock, journal: Journal, reader: Reader, tmp_path: Path) -> Daemon:
    return Daemon(clock, journal, reader, tmp_path)


def sent(daemon: Daemon, *arguments: str, watched: bool = False) -> CommandLine:
    return CommandLine(daemon, "--to", NUMBER, "--text", "Заказ готов", *arguments, watched=watched).after(0)


def names(daemon: Daemon) -> list[str]:
    """Of all messages, in order."""
    claim = run(daemon.journal.claim(START + 1e6, 100))
    return [each.message_id for each in claim.submissions]


def test_it_is_followed_to_delivered(daemon: Daemon) -> None:
    command = sent(daemon, "--language", "ru")
    (name,) = names(daemon)
    daemon.clock.advance(1)
    daemon.says(name, "ENROUTE", None)
    daemon.clock.advance(2)
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    command.after(1)
    assert command.status == 0
    assert command.lines == [
        f"SMS на +375 29 111-22-33, имя отправителя: MyShop. Номер в журнале: {name}",
        "03:00:00  Принято шлюзом",
        "03:00:01  в пути",
        "03:00:03  Доставлено на телефон, через 3 с (A1, обратный вызов)",
        "Доставлено. 1 сегмент.",
    ]


def test_bitrix24_is_told_nothing_of_it(daemon: Daemon) -> None:
    """There is no message of Bitrix24's behind it, and its identifier is none of Bitrix24's."""
    sent(daemon)
    (name,) = names(daemon)
    assert name.startswith("send:")
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    assert run(daemon.journal.untold(START + 1e9, 10)) == ([], None)
    kept = run(daemon.journal.message(name))
    assert kept is not None
    assert (kept["teller"], kept["sent_by"], kept["tell_at"]) == ("nobody", "command", None)


def test_a_refusal_is_said_with_what_to_do(daemon: Daemon) -> None:
    command = CommandLine(daemon, "--to", "+7 495 123-45-67", "--text", "Hi", "--language", "en").after(0)
    assert command.status == 1
    assert command.lines[1:] == [
        "03:00:00  rejected (gateway)",
        "Not a Belarusian number. SMS through A1 go to Belarusian mobile numbers only.",
        "What to do: Use another channel. If it is Belarusian after all, write it with +375.",
    ]


def test_an_undelivered_one_is_a_failure(daemon: Daemon) -> None:
    command = sent(daemon, "--language", "be")
    daemon.says(names(daemon)[0], "UNDELIVERABLE", Status.UNDELIVERABLE)
    command.after(1)
    assert command.status == 1
    assert command.lines[-1] == "Што зрабіць: Удакладніце нумар у кліента і выпраўце яго ў картцы."


@pytest.mark.parametrize("times", [1, 5])
def test_an_answer_that_is_lost_is_no_second_sms(daemon: Daemon, times: int) -> None:
    """The daemon takes it and is gone before it has said so; then it is away for a while; then it is back."""
    daemon.breaks = [DaemonGone("reset") for _ in range(times)] + [NoDaemon("refused"), NoDaemon("refused")]
    command = sent(daemon).after(10)
    (name,) = names(daemon)
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    command.after(1)
    assert command.status == 0
    assert len(run(daemon.journal.message(name)) or {}) > 0
    assert f"Номер в журнале: {name}" in command.out.getvalue()


def test_when_nobody_says_whether_it_was_taken_it_is_not_to_be_sent_again(daemon: Daemon) -> None:
    daemon.breaks = [DaemonGone("reset")] + [NoDaemon("refused")] * 1000
    command = sent(daemon).after(80)
    assert command.lines == [], "a restart takes a while"
    command.after(20)
    assert command.status == 1
    (name,) = names(daemon)
    assert command.lines == [
        "Неизвестно, принял ли шлюз SMS: ответа нет.",
        "Что сделать: Не отправляйте второй раз. Когда шлюз снова отвечает, спросите его: "
        f"a1gateway send --follow {name} --config gateway.toml",
    ]
    daemon.breaks = []
    later = CommandLine(daemon, "--follow", name).after(0)
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    assert later.after(1).status == 0
    assert names(daemon) == [], "followed, and not sent"


def test_a_daemon_that_never_answers_is_not_waited_for_for_ever(daemon: Daemon) -> None:
    daemon.silent = True
    command = sent(daemon, "--timeout", "40").after(70)
    assert command.ended is not None
    assert command.ended.outcome is Outcome.UNKNOWN
    assert len(names(daemon)) == 1


def test_without_a_daemon_nothing_is_sent(daemon: Daemon) -> None:
    daemon.breaks = [NoDaemon("refused")]
    command = sent(daemon)
    assert command.status == 1
    assert command.lines[0] == "Шлюз не запущен, SMS не отправлено."
    assert "systemctl start a1gateway" in command.lines[1]
    assert names(daemon) == []


def test_a_gateway_that_has_no_room_says_so(daemon: Daemon) -> None:
    daemon.full = True
    command = sent(daemon, "--language", "en")
    assert command.status == 1
    assert command.lines[:2] == [
        "The SMS is not sent: the gateway has no room to keep it.",
        "little free space is left",
    ]
    assert names(daemon) == []


def test_a_restart_while_it_is_followed_is_waited_through(daemon: Daemon) -> None:
    command = sent(daemon, watched=True)
    (name,) = names(daemon)
    daemon.breaks = [DaemonGone("reset"), *[NoDaemon("refused")] * 8, JournalUnavailable("locked")]
    command.after(3)
    assert "шлюз не отвечает; SMS у него, ждём" in command.out.getvalue()
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    command.after(5)
    assert command.status == 0
    assert "журнал сейчас не прочесть" in command.out.getvalue()


def test_what_is_not_over_in_time_stays_under_way(daemon: Daemon) -> None:
    command = sent(daemon, "--timeout", "2").after(3)
    (name,) = names(daemon)
    assert command.status == 1
    assert command.lines[-2:] == [
        "За 2 с дело не закончилось: ждёт отправки. SMS остаётся в пути.",
        f"Что сделать: Следить дальше: a1gateway send --follow {name} --config gateway.toml. "
        "Что ему мешает, скажет: a1gateway status --config gateway.toml",
    ]


def test_ctrl_c_leaves_it_under_way_and_says_how_to_find_it(daemon: Daemon) -> None:
    command = sent(daemon).after(2)
    command.work.cancel()
    (name,) = names(daemon)
    assert command.status == INTERRUPTED
    assert command.lines[-1] == f"Что сделать: Следить дальше: a1gateway send --follow {name} --config gateway.toml"


def test_ctrl_c_before_the_daemon_has_answered_leaves_a_doubt(daemon: Daemon) -> None:
    daemon.silent = True
    command = sent(daemon).after(2)
    command.work.cancel()
    assert command.ended is not None
    assert command.ended.outcome is Outcome.UNKNOWN
    assert "Не отправляйте второй раз" in command.lines[-1]


def test_who_looks_on_sees_that_it_is_still_waited_for(daemon: Daemon) -> None:
    command = sent(daemon, watched=True).after(12)
    assert "\rждём 12 с: ждёт отправки" in command.out.getvalue()
    assert "ждём" not in sent(daemon).after(12).out.getvalue(), "where nobody looks on"


def test_an_unknown_message_cannot_be_followed(daemon: Daemon) -> None:
    command = CommandLine(daemon, "--follow", "4711").after(0)
    assert command.status == 1
    assert command.lines[0].startswith("В журнале нет сообщения 4711: ")


def test_a_message_of_bitrix24_can_be_followed_too(daemon: Daemon) -> None:
    sent(daemon)
    (name,) = names(daemon)
    command = CommandLine(daemon, "--follow", name, "--json").after(1)
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    assert command.after(1).status == 0


def test_json_is_one_document_for_programs(daemon: Daemon) -> None:
    command = sent(daemon, "--json", "--language", "ru")
    (name,) = names(daemon)
    daemon.says(name, "DELIVERED", Status.DELIVERED)
    command.after(1)
    found = json.loads(command.out.getvalue())
    assert (found["outcome"], found["message_id"], found["status"]) == ("delivered", name, "delivered")
    assert found["text"] == ["Delivered. 1 segment."]
    assert [step["status"] for step in found["steps"]] == ["queued", "delivered"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--to", NUMBER],
        ["--text", "Hi"],
        ["--to", NUMBER, "--text", "Hi", "--follow", "x"],
        ["--to", NUMBER, "--text", "Hi", "--timeout", "soon"],
        ["--to", NUMBER, "--text", "Hi", "--timeout", "-1"],
        ["--to", NUMBER, "--text", "Hi", "--kind", "advertising"],
        ["--to", NUMBER, "--text", "Hi \udcff"],
    ],
)
def test_a_command_that_means_nothing_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["send", *arguments])
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.text(max_size=20) | st.just(NUMBER), text=st.text(max_size=700))
def test_whatever_is_given_is_refused_or_waits_for_a1_once(daemon: Daemon, number: str, text: str) -> None:
    command = CommandLine(daemon, f"--to={number}", f"--text={text}").after(0)
    waiting = names(daemon)
    if command.ended is None:
        assert len(waiting) == 1
        command.work.cancel()
    else:
        assert waiting == []
        assert command.ended.outcome is Outcome.NOT_DELIVERED
        assert command.lines[-1].startswith("Что сделать: ")
        assert len(command.lines[-1]) > len("Что сделать: .")


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_can_come_of_it_has_its_words(language: str) -> None:
    texts = catalogue("send", language)
    put_together = {f"send.{each}" for each in (*Outcome, *Hindrance)}
    put_together |= {f"send.{each}.do" for each in Outcome if each not in (Outcome.DELIVERED, Outcome.NOT_DELIVERED)}
    assert put_together - texts.keys() == set()
    assert {f"stage.{stage}" for stage in Stage} - catalogue("journal", language).keys() == set()
    code = Path(send_command.__file__).read_text("utf-8")
    assert {key for key in texts.keys() - put_together if f'"{key}"' not in code} == set()

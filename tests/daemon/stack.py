"""The daemon with the simulated A1 and the simulated portal around it, each a process of its own.

With a centre that is not ours (`tests/centre`) in the place of A1, the daemon sends over SMPP.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

from ..centre.centre import PASSWORD, SENDER_ID, SYSTEM_ID, Centre, Certificate, Manner
from .calls import NO_ANSWER, Reply, fetch
from .processes import Process, Warden, eventually, free_port

HANDLER_SECRET = "handler-secret-of-the-tests"
CALLBACK_SECRET = "callback-secret-of-the-tests"
APIKEY = "apikey-of-the-tests"
CLIENT_ID = "local.tests"
CLIENT_SECRET = "client-secret-of-the-tests"
KEYS = frozenset({HANDLER_SECRET, CALLBACK_SECRET, APIKEY, CLIENT_SECRET, PASSWORD})
"""What no output may show, not even of a command that shows numbers and texts."""
NUMBER = "+375291112233"
# The contract's phone number, which the sandbox knows.
_LOGIN = "375291234567"


def delivered_to(index: int) -> str:
    """A number that A1 delivers to, one of a thousand."""
    return f"+3752911{index:03}10"


Sections = Mapping[str, Any]
"""A section as a mapping, or a list of those that there can be several of."""


@dataclass(frozen=True)
class Sent:
    """An SMS that was sent from the card."""

    message_id: str
    text: str
    to: str = NUMBER


class Counterpart:
    """The control routes of one simulated party."""

    def __init__(self, base: str, settings: Mapping[str, object]) -> None:
        self.base = base
        self._settings = settings

    def ask(self, method: str, route: str, content: object = None) -> Any:
        """What a control route answers."""
        reply = fetch(method, f"{self.base}/sandbox/{route}", content=content, timeout=40)
        assert reply.status == 200, f"{route}: {reply.status} {reply.text}"
        return reply.json()

    def messages(self) -> list[dict[str, Any]]:
        """All that it knows, oldest first."""
        messages: list[dict[str, Any]] = self.ask("GET", "messages")
        return messages

    def requests(self, method: str) -> int:
        """How many requests a method has had since the last reset."""
        return int(self.ask("GET", "requests").get(method, 0))

    def fault(self, kind: str, **more: object) -> None:
        """Switch a fault on."""
        self.ask("POST", "faults", {"kind": kind, **more})

    def mend(self) -> None:
        """Switch all faults off."""
        self.ask("DELETE", "faults")

    def set(self, **settings: object) -> None:
        """Change settings."""
        self.ask("POST", "settings", settings)

    def reset(self) -> None:
        """Forget everything but the installation; the settings are those of the tests again."""
        self.ask("POST", "reset")
        self.set(**self._settings)


class Sandbox:
    """`a1gateway sandbox` on free ports."""

    def __init__(self, warden: Warden, directory: Path, gateway: str, *, warm: bool) -> None:
        arguments = [
            "sandbox",
            "--a1-port=0",
            "--smpp-port=0",
            "--portal-port=0",
            f"--gateway={gateway}",
            f"--callback-secret={CALLBACK_SECRET}",
            f"--a1-apikey={APIKEY}",
            f"--client-id={CLIENT_ID}",
            f"--client-secret={CLIENT_SECRET}",
            "--no-install",
        ]
        self.process = warden.start("a1gateway", arguments, directory=directory, name="sandbox", warm=warm)
        bases = eventually(self._bases, 30, "the sandbox says where it listens")
        self.a1 = Counterpart(
            bases[0],
            {
                "enroute_delay": 0.1,
                "final_delay": 0.25,
                "callback_pause": 0.5,
                "callback_attempts": 40,
            },
        )
        self.portal = Counterpart(bases[1], {"requests_per_second": 100.0, "burst": 200.0, "marketing_id_delay": 0.0})
        self.a1.reset()
        self.portal.reset()

    def _bases(self) -> tuple[str, str] | None:
        assert self.process.status is None, self.process.written()
        a1 = re.search(r"^A1 HTTP API: (http://\S+)/api/$", self.process.out, re.MULTILINE)
        portal = re.search(r"^Bitrix24 portal: (http://\S+)/$", self.process.out, re.MULTILINE)
        return (a1[1], portal[1]) if a1 and portal else None


class Gateway:
    """The daemon: its configuration, its files, and the process while it runs."""

    def __init__(self, warden: Warden, directory: Path, *, warm: bool) -> None:
        self._warden = warden
        self.directory = directory
        self._warm = warm
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = directory / "a1gateway.toml"
        # In a folder of their own, so that they can be copied and taken away together.
        self.data = directory / "data"
        self.journal = self.data / "journal.sqlite3"
        self.spool = self.data / "spool"
        self._process: Process | None = None
        self.processes: list[Process] = []

    @property
    def process(self) -> Process:
        """The one that was started last."""
        assert self._process is not None, "not started"
        return self._process

    def sections(self, sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
        """The configuration by section, a dot in a section's name written as two underscores in `changes`."""
        portal = sandbox.portal.base.removeprefix("http://")
        sections: dict[str, Any] = {
            "http": {"listen": f"tcp:{self.port}:interface=127.0.0.1", "public_url": self.url},
            "store": {"url": f"sqlite:///{self.journal}", "spool": str(self.spool)},
            "a1": {"transport": "http", "sender_id": SENDER_ID},
            "a1.http": {
                "url": f"{sandbox.a1.base}/api/",
                "user": _LOGIN,
                "apikey": APIKEY,
                "requests_per_second": 100,
                "timeout": 2.5,
            },
            "a1.callback": {"secret": CALLBACK_SECRET},
            "polling": {"interval": 0.5},
            "bitrix24": {
                "portal": portal,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "handler_secret": HANDLER_SECRET,
                "oauth_url": f"{sandbox.portal.base}/oauth/token/",
                "requests_per_second": 100,
                "burst": 100,
            },
            "log": {"level": "debug"},
        }
        for name, values in changes.items():
            if isinstance(values, list):
                sections[name] = values
                continue
            sections.setdefault(name.replace("__", "."), {}).update(values)
        return sections

    def configure(self, sections: Sections, file: Path | None = None) -> Path:
        """Write the configuration, as its owner alone may read it."""
        file = file or self.config
        file.touch(mode=0o600)
        file.write_text(as_toml(sections), "utf-8")
        return file

    def start(self, *, within: float = 30.0, program: str = "twistd", arguments: tuple[str, ...] = ()) -> Process:
        """Start the daemon; returns once it listens."""
        process = self.launch(program=program, arguments=arguments)
        eventually(lambda: self._listens(process), within, "the daemon listens")
        return process

    def start_under(self, variables: Mapping[str, object]) -> Process:
        """Start the daemon with these variables in its environment, by itself, without what it shares with others."""
        given = [f"{name}={value}" for name, value in variables.items()]
        twistd = str(Path(sys.executable).with_name("twistd"))
        return self.start(program="/usr/bin/env", arguments=(*given, twistd, *self._given(self.config)))

    def launch(
        self,
        *,
        program: str = "twistd",
        arguments: tuple[str, ...] = (),
        config: Path | None = None,
        name: str | None = None,
    ) -> Process:
        """Start the daemon and wait for nothing."""
        process = self._warden.start(
            program,
            list(arguments) or self._given(config or self.config),
            directory=self.directory,
            name=name or f"gateway-{len(self.processes)}",
            # What is named by its whole path is no module of ours.
            warm=(self._warm or program != "twistd") and not Path(program).is_absolute(),
        )
        self._process = process
        self.processes.append(process)
        return process

    @staticmethod
    def _given(config: Path) -> list[str]:
        """What twistd is told."""
        return ["-n", "--pidfile=", "a1gateway", "--config", str(config)]

    def ready(self, within: float = 20.0) -> None:
        """Wait until a send would get through."""
        last = ""

        def check() -> bool:
            nonlocal last
            assert self.process.status is None, self.process.written()
            try:
                reply = self.get("/readyz")
            except NO_ANSWER as error:
                last = str(error)
                return False
            last = reply.text
            return reply.status == 200

        try:
            eventually(check, within, "the daemon is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {last}") from None

    def get(self, path: str) -> Reply:
        """One of its routes by GET."""
        return fetch("GET", self.url + path)

    def hand_over(self, fields: Mapping[str, str], secret: str = HANDLER_SECRET) -> Reply:
        """Call the sender's handler as Bitrix24 does."""
        return fetch("POST", f"{self.url}/bitrix24/handler/{secret}", form=fields)

    def callback(self, fields: Mapping[str, str], secret: str = CALLBACK_SECRET) -> Reply:
        """Call back as A1 does, by a form."""
        return fetch("POST", f"{self.url}/a1/callback/{secret}", form=fields)

    def metric(self, line: str) -> float:
        """The value of the metric that stands as `line` in front of it; 0 when it is not there."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Read from the journal's file, beside the daemon."""
        with closing(sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]

    def message(self, message_id: str) -> dict[str, Any] | None:
        """What the journal knows of a message."""
        rows = self.rows("SELECT * FROM messages WHERE message_id = ?", message_id)
        return rows[0] if rows else None

    def history(self, message_id: str) -> list[tuple[str, str | None, str]]:
        """The way of a message: source, status, word."""
        rows = self.rows(
            "SELECT history.* FROM history JOIN messages ON history.message = messages.id "
            "WHERE message_id = ? ORDER BY history.id",
            message_id,
        )
        return [(row["source"], row["status"], row["word"]) for row in rows]

    @contextmanager
    def locked(self, *, against_readers: bool = False) -> Iterator[None]:
        """Hold the journal as another program might; `against_readers` needs a daemon that is not running."""
        with closing(sqlite3.connect(self.journal, timeout=5, isolation_level=None)) as connection:
            if against_readers:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    def spooled(self) -> list[Path]:
        """What waits in the spool."""
        return sorted(self.spool.glob("*.json"))

    def _listens(self, process: Process) -> bool:
        assert process.status is None, f"ended with {process.status}:\n{process.written()}"
        try:
            return self.get("/healthz").status == 200
        except NO_ANSWER:
            return False


class Stack:
    """All three, ready to send; with `manner` the daemon sends to a centre that behaves so."""

    def __init__(
        self,
        warden: Warden,
        directory: Path,
        *,
        warm: bool = False,
        manner: Manner | None = None,
        certificate: Certificate | None = None,
        **changes: Any,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.warden = warden
        self.directory = directory
        self.gateway = Gateway(warden, directory, warm=warm)
        self._centre = Centre(warden, directory, manner, certificate=certificate) if manner is not None else None
        self.sandbox = Sandbox(warden, directory, self.gateway.url, warm=warm)
        self.a1 = self.sandbox.a1
        self.portal = self.sandbox.portal
        self._numbers = count(1)
        self._secrets = {*KEYS, _LOGIN[-9:]}
        self.gateway.configure(self.sections(**changes))

    @property
    def centre(self) -> Centre:
        """The one that the daemon sends to."""
        assert self._centre is not None, "this stack sends over HTTP"
        return self._centre

    def sections(self, **changes: Any) -> dict[str, Any]:
        """The configuration, as of `Gateway.sections`, towards the centre where there is one."""
        sections = self.gateway.sections(self.sandbox)
        if self._centre is not None:
            sections["a1"]["transport"] = "smpp"
            sections["a1.smpp"] = {
                "host": "127.0.0.1",
                "port": self._centre.port,
                "system_id": SYSTEM_ID,
                "password": PASSWORD,
                "messages_per_second": 0,
                "response_timeout": 5,
                "receipt_grace": 1,
                "uncertain_hold": 1,
            }
        for name, values in changes.items():
            if isinstance(values, list):
                sections[name] = values
            else:
                sections.setdefault(name.replace("__", "."), {}).update(values)
        return sections

    def started(self) -> Self:
        """The same, the daemon running and installed in the portal."""
        self.gateway.start()
        self.install()
        return self

    def install(self) -> None:
        """Install the application and wait for the sender."""
        assert self.portal.ask("POST", "install", {})["answer"] == 200
        self.wait_for_sender()
        self.gateway.ready()
        self.note_secrets()

    def wait_for_sender(self) -> None:
        """Wait until the gateway has registered its SMS sender in the portal."""
        eventually(lambda: self.portal.ask("GET", "state")["senders"] or None, 15, "the sender is registered")

    def close(self) -> None:
        """End all processes."""
        for process in [*self.gateway.processes, self.sandbox.process]:
            process.kill()
        if self._centre is not None:
            self._centre.close()

    def kept_its_secrets(self) -> None:
        """Nothing that was written holds a secret, a token, a whole phone number or a message's text.

        But for the configuration, journals with what is kept beside them, and what the simulated parties write.
        """
        self.note_secrets()
        knowing = self._knowing()
        for path in self.directory.iterdir():
            if not path.is_file() or path.name in knowing:
                continue
            for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
                shown = [secret for secret in self._secrets if secret in line]
                assert not shown, f"{path}: line {number} shows {shown}: {line}"

    def _knowing(self) -> set[str]:
        """The files that hold secrets because they are for them, or are not the gateway's."""
        others = {f"{name}.{kind}" for name in ("sandbox", "centre") for kind in ("out", "err")}
        return others | {path.name for path in self.directory.glob("*.toml")}

    def note_secrets(self) -> None:
        """Keep in mind what the journal holds now and no log may show."""
        if not self.gateway.journal.exists():
            return
        for installation in self.gateway.rows("SELECT * FROM installation"):
            self._secrets |= {value for name, value in installation.items() if name.endswith("_token") and value}
        for message in self.gateway.rows("SELECT number_received, text FROM messages"):
            digits = re.sub(r"\D", "", message["number_received"])
            # Without its prefix, however that is written. Short ones are no whole numbers.
            self._secrets |= {digits[-9:]} if len(digits) >= 9 else set()
            self._secrets |= {line.strip()[:20] for line in message["text"].splitlines() if len(line.strip()) >= 6}

    def logs(self) -> dict[str, str]:
        """What each process wrote last."""
        named = {f"{self.directory.name}/sandbox": self.sandbox.process}
        if self._centre is not None:
            named[f"{self.directory.name}/centre"] = self._centre.process
        for number, process in enumerate(self.gateway.processes):
            named[f"{self.directory.name}/gateway-{number}"] = process
        return {name: process.written() for name, process in named.items()}

    def send(self, to: str = NUMBER, *, module: str = "crm", text: str | None = None) -> Sent:
        """Send an SMS from the card."""
        text = text or f"Заказ {next(self._numbers)} у {self.directory.name} готов"
        row = self.portal.ask("POST", "send", {"to": to, "text": text, "module": module})
        return Sent(row["message_id"], text, to)

    def row(self, sent: Sent) -> dict[str, Any]:
        """The message in the portal."""
        (row,) = [row for row in self.portal.messages() if row["message_id"] == sent.message_id]
        return row

    def send_many(self, count: int, number: Callable[[int], str] | None = None) -> list[Sent]:
        """Send so many short SMS from the card, to numbers of their own unless `number` says to which."""
        to = number or (lambda index: f"+3752911{index:05}")
        return [self.send(to(index)) for index in range(count)]

    def told_all(self, sent: Sequence[Sent], within: float = 60.0) -> list[list[str]]:
        """The statuses that the portal was told of each, once it was told one of every one."""
        told: dict[str, list[str]] = {}

        def check() -> bool:
            told.update(
                (row["message_id"], [step["status"] for step in row["history"]]) for row in self.portal.messages()
            )
            return all(told.get(each.message_id) for each in sent)

        try:
            eventually(check, within, f"the portal is told of all {len(sent)}")
        except AssertionError as error:
            untold = [each.message_id for each in sent if not told.get(each.message_id)]
            ways = [self.gateway.history(message_id) for message_id in untold[:3]]
            raise AssertionError(f"{error}; not of {len(untold)}, the first of them: {ways}") from None
        return [told[each.message_id] for each in sent]

    def sms(self, sent: Sent) -> list[dict[str, Any]]:
        """What A1 has of the message."""
        if self._centre is not None:
            return [asdict(message) for message in self._centre.book().messages if message.text == sent.text]
        return [message for message in self.a1.messages() if message["text"] == sent.text]

    def taken(self, sent: Sent, within: float = 10.0) -> int | None:
        """The HTTP status of the gateway's answer to the portal; None when there was none."""
        calls = eventually(lambda: self.row(sent)["calls"] or None, within, "the gateway has answered the portal")
        answer: int | None = calls[0]
        return answer

    def told(self, sent: Sent, within: float = 15.0) -> list[str]:
        """The statuses that the portal was told, once it was told one."""
        history = eventually(
            lambda: self.row(sent)["history"] or None, within, f"the portal is told of {sent.message_id}"
        )
        return [step["status"] for step in history]

    def confirmed(self, sent: Sent, within: float = 15.0) -> dict[str, Any]:
        """The message in the journal, once Bitrix24 has confirmed its final status."""

        def check() -> dict[str, Any] | None:
            message = self.gateway.message(sent.message_id)
            return message if message is not None and message["confirmed_at"] is not None else None

        return eventually(check, within, f"Bitrix24 has confirmed the final status of {sent.message_id}")

    def is_delivered_once(self, sent: Sent, within: float = 15.0) -> None:
        """The promise: one SMS, and the card shows that it was delivered after one update."""
        told = self.told(sent, within)
        self.confirmed(sent, within)
        assert told == ["delivered"]
        row = self.row(sent)
        assert (row["status"], [step["status"] for step in row["history"]]) == ("delivered", ["delivered"])
        assert len(self.sms(sent)) == 1


def as_toml(sections: Sections) -> str:
    """Sections with texts, numbers, booleans, lists and tables of these; several of one name are `[[name]]`."""
    lines = []
    for name, values in sections.items():
        several = values if isinstance(values, list) else [values]
        for one in several:
            lines.append(f"[[{name}]]" if isinstance(values, list) else f"[{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in one.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """What is no table has the same form in JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)

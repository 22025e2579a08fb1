"""`a1gateway setup`: from a few answers to a configuration that is right, secrets for root alone, and a service."""

from __future__ import annotations

import argparse
import os
import pty
import re
import select
import shutil
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a1gateway import cli
from a1gateway.config import check
from a1gateway.config_sections import Config
from a1gateway.setup import command, units
from a1gateway.setup.command import set_up
from a1gateway.words.catalogue import catalogue

ROOT = Path(__file__).parent.parent
API_KEY, PASSWORD = "key-of-the-API", "pass1234"

ANSWERS = f"""
[http]
public_url = "https://sms.example.by"

[a1]
sender_id = "MyShop"

[a1.http]
url = "http://127.0.0.1:8091/api/"
user = "375291234567"
apikey = "{API_KEY}"

[bitrix24]
portal = "shop.bitrix24.by"
"""
SMPP_ANSWERS = f"""
[http]
public_url = "https://sms.example.by"

[a1]
transport = "smpp"

[a1.smpp]
host = "smpp.example.by"
system_id = "myshop"
password = "{PASSWORD}"

[bitrix24]
portal = "shop.bitrix24.by"
"""
# What is typed for the API, up to the keys of the application, which do not exist yet; and that it shall start.
TYPED = ["", "https://sms.example.by", "375291234567", API_KEY, "MyShop", "shop.bitrix24.by", "", ""]
START = [""]


class Script:
    """A terminal at which everything has been typed beforehand."""

    def __init__(self, typed: Sequence[str] = (), *, is_terminal: bool = True) -> None:
        self._typed = list(typed)
        self.is_terminal = is_terminal
        self.said: list[str] = []
        self.faults: list[str] = []
        self.asked: list[tuple[str, bool]] = []

    def say(self, line: str = "") -> None:
        self.said.append(line)

    def fault(self, line: str) -> None:
        self.faults.append(line)

    def ask(self, prompt: str, *, secret: bool = False) -> str:
        self.asked.append((prompt, secret))
        if not self._typed:
            raise EOFError
        return self._typed.pop(0)

    @property
    def left(self) -> list[str]:
        return self._typed

    @property
    def output(self) -> str:
        return "\n".join([*self.said, *self.faults])


class FakeServer:
    """A server whose root is a folder, and whose programs are written down instead of being run."""

    def __init__(self, root: Path, *, runs_systemd: bool = True) -> None:
        self.root = root
        self.runs_systemd = runs_systemd
        self.users = {"root"}
        self.ran: list[str] = []
        self.active: set[str] = set()
        self.failing = ""
        (root / "lib/systemd/system").mkdir(parents=True)
        (root / "etc").mkdir()

    @property
    def config(self) -> Path:
        return self.root / "etc/a1gateway/a1gateway.toml"

    @property
    def secrets(self) -> Path:
        return self.root / "etc/a1gateway/secrets"

    def has_user(self, name: str) -> bool:
        return name in self.users

    def run(self, *command: str) -> None:
        self.ran.append(" ".join(command))
        if self.failing and self.failing in self.ran[-1]:
            raise units.CommandFailed(f"{self.ran[-1]}: no")

    def is_active(self, unit: str) -> bool:
        return unit in self.active

    def loaded(self) -> Config:
        """What the daemon is going to read."""
        environ = {"CREDENTIALS_DIRECTORY": str(self.secrets)}
        return check(self.config.read_text("utf-8"), self.config.parent, environ=environ)


@pytest.fixture
def server(tmp_path: Path) -> FakeServer:
    return FakeServer(tmp_path / "root")


def given_options(*options: str) -> argparse.Namespace:
    return cli.parser().parse_args(["setup", "--language", "en", *options])


def run(server: FakeServer, console: Script, *options: str) -> int:
    return set_up(given_options(*options), console, server)


def answers(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / "answers.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def install(server: FakeServer, tmp_path: Path, text: str, *options: str) -> Script:
    console = Script(is_terminal=False)
    assert run(server, console, "--answers", answers(tmp_path, text), *options) == 0, console.output
    return console


def secrets_of(server: FakeServer) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in server.secrets.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (mode(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


# From a file


def test_answers_from_a_file_become_a_configuration_without_faults(server: FakeServer, tmp_path: Path) -> None:
    console = install(server, tmp_path, ANSWERS)
    config = server.loaded()
    assert config.http.public_url == "https://sms.example.by"
    assert config.a1.http is not None
    assert config.a1.http.url == "http://127.0.0.1:8091/api/"
    assert config.a1.http.apikey.get_secret_value() == API_KEY
    assert config.a1.sender_id == "MyShop"
    assert (config.bitrix24.client_id, config.bitrix24.client_secret.get_secret_value()) == ("", "")
    assert [warning.key for warning in config.warnings] == ["bitrix24.client_id"]
    assert console.asked == []


def test_the_configuration_keeps_what_the_example_says_to_people(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    example = (ROOT / "config/a1gateway.example.toml").read_text("utf-8").splitlines()
    written = server.config.read_text("utf-8").splitlines()
    assert [line for line in example if line.startswith("# ")] == [line for line in written if line.startswith("# ")]


def test_secrets_stand_in_files_of_their_own_and_nowhere_else(server: FakeServer, tmp_path: Path) -> None:
    console = install(server, tmp_path, ANSWERS)
    secrets = secrets_of(server)
    assert secrets["a1_apikey"] == API_KEY
    assert secrets["bitrix24_client_secret"] == ""
    # 32 bytes from the system, as hexadecimal digits.
    made = [secrets["a1_callback_secret"], secrets["bitrix24_handler_secret"]]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in made)
    assert made[0] != made[1]
    text = server.config.read_text("utf-8")
    for secret in (API_KEY, *made):
        assert secret not in text
        assert secret not in console.output
    assert 'apikey_file = "${CREDENTIALS_DIRECTORY}/a1_apikey"' in text


def test_nobody_but_root_reads_the_secrets_whatever_the_umask(server: FakeServer, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        install(server, tmp_path, ANSWERS)
    finally:
        os.umask(before)
    assert mode(server.secrets) == 0o700
    assert {mode(path) for path in server.secrets.iterdir()} == {0o600}
    # The daemon's user reads this one.
    assert mode(server.config) == 0o644


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_the_answers_that_the_readme_shows_are_enough(server: FakeServer, tmp_path: Path, readme: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)
    (shown,) = (block for block in blocks if "apikey =" in block)
    install(server, tmp_path, shown)
    assert server.loaded().bitrix24.portal == "shop.bitrix24.by"


def test_smpp_needs_no_section_of_http_and_no_callback(server: FakeServer, tmp_path: Path) -> None:
    console = install(server, tmp_path, SMPP_ANSWERS)
    config = server.loaded()
    assert (config.a1.transport, config.a1.http, config.a1.callback) == ("smpp", None, None)
    assert config.a1.smpp is not None
    assert config.a1.smpp.password.get_secret_value() == PASSWORD
    assert set(secrets_of(server)) == {"a1_smpp_password", "bitrix24_client_secret", "bitrix24_handler_secret"}
    assert "callback" not in console.output


def test_whatever_a_configuration_may_hold_is_taken_from_the_file(server: FakeServer, tmp_path: Path) -> None:
    more = """
[store]
url = "sqlite:////srv/journal.sqlite3"

[consent]
contact_field = "UF_CRM_SMS"
test_numbers = ["+375291112233"]

[log]
format = "json"

[[scenario]]
name = "new-lead"
event = "new"
of = "lead"
text = "Спасибо"
when = { SOURCE_ID = "WEB" }
"""
    install(server, tmp_path, ANSWERS + more)
    written = tomllib.loads(server.config.read_text("utf-8"))
    wanted = tomllib.loads(more)
    assert {name: written[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ANSWERS + "protal = 1\n", "bitrix24.protal: unknown key; did you mean portal?"),
        (ANSWERS.replace("MyShop", "MyLittleShop"), 'a1.sender_id: "MyLittleShop" is not a Sender ID; give'),
        (ANSWERS.replace("https://sms", "http://sms"), "http.public_url: plain http is accepted for loopback"),
        (ANSWERS.replace("portal", "#portal"), "bitrix24.portal: missing while client_id is empty"),
        (ANSWERS.replace("apikey", "#apikey"), "a1.http.apikey: missing; give apikey or apikey_file"),
        ("a1 = 5", "a1: not a section; write [a1] on a line of its own"),
        ("[a1", "answers.toml: line 1"),
    ],
)
def test_a_fault_in_the_file_is_named_and_nothing_is_written(
    server: FakeServer, tmp_path: Path, text: str, fault: str
) -> None:
    console = Script(is_terminal=False)
    assert run(server, console, "--answers", answers(tmp_path, text)) == 1
    assert any(fault in line for line in console.faults), console.faults
    assert everything(server.root) == {}
    assert server.ran == []


def test_a_missing_file_of_answers_is_named(server: FakeServer, tmp_path: Path) -> None:
    console = Script()
    assert run(server, console, "--answers", str(tmp_path / "none.toml")) == 1
    assert "none.toml: cannot be read: No such file" in console.faults[0]


def test_a_file_of_answers_that_others_can_read_is_remarked_on(server: FakeServer, tmp_path: Path) -> None:
    console = Script()
    assert run(server, console, "--answers", answers(tmp_path, ANSWERS, 0o644)) == 0
    assert "answers.toml: not for its owner alone" in console.faults[0]


def test_elsewhere_than_usual_it_is_a_configuration_that_check_config_finds_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line, on the machine itself: there is no unit for it, and secrets have whole paths."""
    config = tmp_path / "here" / "gateway.toml"
    options = ["--config", str(config), "--secrets", str(tmp_path / "se$crets"), "--no-start", "--language", "ru"]
    assert cli.main(["setup", "--answers", answers(tmp_path, ANSWERS), *options]) == 0
    said = capsys.readouterr().out
    assert f"создан {config}" in said
    assert "Служба systemd не настроена" in said
    assert mode(tmp_path / "se$crets") == 0o700
    assert cli.main(["check-config", str(config)]) == 0
    assert tomllib.loads(config.read_text())["http"] == {"public_url": "https://sms.example.by"}


def test_secrets_are_beside_the_configuration_when_no_folder_is_given(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS, "--config", str(tmp_path / "own" / "a.toml"))
    assert (tmp_path / "own" / "secrets" / "a1_apikey").read_text() == f"{API_KEY}\n"
    assert server.ran == []


# Once more


def test_the_same_answers_again_change_nothing(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    before = everything(server.root)
    console = install(server, tmp_path, ANSWERS)
    assert everything(server.root) == before
    assert f"{server.config}: everything is as it was" in console.said


def test_answers_say_what_changes_and_the_rest_stays(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    before, was = secrets_of(server), server.config.read_text("utf-8")
    keys = '[bitrix24]\nclient_id = "local.1"\nclient_secret = "of-the-client"\n'
    console = install(server, tmp_path, keys)
    assert secrets_of(server) == before | {"bitrix24_client_secret": "of-the-client"}
    config = server.loaded()
    assert (config.bitrix24.client_id, config.bitrix24.portal) == ("local.1", "shop.bitrix24.by")
    assert config.warnings == ()
    (copy,) = server.config.parent.glob("a1gateway.toml.before-*")
    assert copy.read_text("utf-8") == was
    assert mode(copy) == 0o600
    for path in (server.secrets / "bitrix24_client_secret", server.config):
        assert f"changed {path}" in console.said
    assert f"the settings as they were: {copy}" in console.said


def test_what_an_administrator_has_written_stays(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    mine = (
        server.config.read_text("utf-8").replace("#interval = 60", "interval = 30  # mine").replace("#[poll", "[poll")
    )
    server.config.write_text(mine + "# The end.\n")
    server.config.chmod(0o640)
    install(server, tmp_path, '[a1]\nsender_id = "Other"\n')
    now = server.config.read_text("utf-8")
    assert now == mine.replace('"MyShop"', '"Other"', 1) + "# The end.\n"
    assert mode(server.config) == 0o640


def test_a_configuration_written_in_another_way_is_made_anew_beside_its_copy(
    server: FakeServer, tmp_path: Path
) -> None:
    install(server, tmp_path, ANSWERS)
    was = '# Mine.\nhttp.public_url = "https://sms.example.by"\n'
    was += server.config.read_text("utf-8")
    for line in ("[http]", "listen = ", "public_url = "):
        was = was.replace(f"\n{line}", f"\n#{line}")
    server.config.write_text(was)
    console = install(server, tmp_path, '[a1]\nsender_id = "Other"\n')
    assert server.loaded().a1.sender_id == "Other"
    assert server.loaded().http.public_url == "https://sms.example.by"
    (copy,) = server.config.parent.glob("*.before-*")
    assert copy.read_text("utf-8") == was
    assert any("made anew" in line for line in console.said)


def test_secrets_elsewhere_stay_there_until_they_are_changed(server: FakeServer, tmp_path: Path) -> None:
    """A file that another program fills, and a secret that somebody wants in the configuration itself."""
    key = tmp_path / "vault"
    key.write_text("from-the-vault")
    key.chmod(0o600)
    own = ANSWERS.replace(f'apikey = "{API_KEY}"', f'apikey_file = "{key}"')
    install(server, tmp_path, own)
    inline = 'handler_secret = "handler-0123456789"'
    text = server.config.read_text("utf-8")
    text = text.replace('handler_secret_file = "${CREDENTIALS_DIRECTORY}/bitrix24_handler_secret"', inline)
    server.config.write_text(text)
    install(server, tmp_path, '[log]\nlevel = "warn"\n')
    text = server.config.read_text("utf-8")
    assert inline in text
    assert f'apikey_file = "{key}"' in text
    assert not (server.secrets / "a1_apikey").exists()
    install(server, tmp_path, '[a1.http]\napikey = "another"\n[bitrix24]\nhandler_secret = "another-0123456789"\n')
    assert secrets_of(server)["a1_apikey"] == "another"
    assert secrets_of(server)["bitrix24_handler_secret"] == "another-0123456789"
    assert '= "another' not in server.config.read_text("utf-8")
    assert "handler-0123456789" not in server.config.read_text("utf-8")


def test_a_lost_configuration_gets_the_secrets_again_that_the_gateway_had_made(
    server: FakeServer, tmp_path: Path
) -> None:
    """A1 and Bitrix24 have been told of them."""
    install(server, tmp_path, ANSWERS)
    before = secrets_of(server)
    server.config.unlink()
    install(server, tmp_path, ANSWERS)
    assert secrets_of(server) == before


def test_files_that_others_can_read_are_closed_to_them(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    (server.secrets / "a1_apikey").chmod(0o644)
    server.secrets.chmod(0o755)
    console = install(server, tmp_path, ANSWERS)
    assert (mode(server.secrets / "a1_apikey"), mode(server.secrets)) == (0o600, 0o700)
    assert sum("its mode is corrected" in line for line in console.said) == 2


def test_a_present_configuration_that_is_no_toml_is_left_alone(server: FakeServer, tmp_path: Path) -> None:
    server.config.parent.mkdir(parents=True)
    server.config.write_text("[http\n")
    console = Script()
    assert run(server, console, "--answers", answers(tmp_path, ANSWERS)) == 1
    assert console.faults[0].startswith("config: line 1")
    assert server.config.read_text() == "[http\n"


def test_the_way_to_a1_can_be_changed_and_the_other_stays_for_later(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS)
    install(server, tmp_path, SMPP_ANSWERS)
    config = server.loaded()
    assert config.a1.transport == "smpp"
    assert config.a1.http is not None
    assert config.a1.http.apikey.get_secret_value() == API_KEY


# In a terminal


def test_the_few_questions_are_enough(server: FakeServer) -> None:
    console = Script([*TYPED, *START])
    assert run(server, console) == 0, console.output
    assert console.left == []
    config = server.loaded()
    assert config.a1.http is not None
    assert config.a1.http.apikey.get_secret_value() == API_KEY
    assert config.a1.http.url == "https://smart-sender.a1.by/api/"
    assert config.consent is None
    assert [prompt for prompt, secret in console.asked if secret] == ["a1.http.apikey: "]


def test_each_answer_is_checked_at_once_in_the_configurations_own_words(server: FakeServer) -> None:
    typed = TYPED.copy()
    typed[1:2] = ["sms.example.by", "", "https://sms.example.by"]
    console = Script([*typed, *START])
    assert run(server, console) == 0
    right = 'give the address that Bitrix24 and A1 call, such as "https://sms.example.by"'
    assert console.faults[:2] == [
        f"http.public_url: not an absolute web address; {right}",
        f"http.public_url: empty; {right}",
    ]
    assert [prompt for prompt, _ in console.asked[:5]].count("http.public_url: ") == 3


def test_over_smpp_other_things_are_asked(server: FakeServer) -> None:
    typed = ["smpp", "https://sms.example.by", "smpp.example.by", "70000", "2776", "myshop", PASSWORD, "MyShop"]
    console = Script([*typed, "shop.bitrix24.by", "local.1", "of-the-client", "UF_CRM_SMS_CONSENT", "no"])
    assert run(server, console) == 0, console.output
    config = server.loaded()
    assert config.a1.smpp is not None
    assert (config.a1.smpp.port, config.a1.smpp.password.get_secret_value()) == (2776, PASSWORD)
    assert config.consent is not None
    assert config.bitrix24.client_secret.get_secret_value() == "of-the-client"
    assert "a1.smpp.port: 70000 is not a port" in console.faults[0]
    assert [prompt for prompt, secret in console.asked if secret] == [
        "a1.smpp.password: ",
        "bitrix24.client_secret: ",
    ]
    # It was not to be started.
    assert not any("systemctl" in each for each in server.ran)


def test_answers_that_are_wrong_together_are_asked_for_again(server: FakeServer) -> None:
    """Without the application's keys an installation is proved by the portal alone."""
    typed = TYPED.copy()
    typed[5] = ""
    console = Script([*typed, "shop.bitrix24.by", ""])
    assert run(server, console) == 0, console.output
    assert console.faults[0].startswith("bitrix24.portal: missing while client_id is empty")
    assert server.loaded().bitrix24.portal == "shop.bitrix24.by"


def test_the_second_time_enter_keeps_everything(server: FakeServer) -> None:
    assert run(server, Script([*TYPED, *START])) == 0
    before = everything(server.root)
    console = Script([""] * 20)
    assert run(server, console) == 0, console.output
    assert everything(server.root) == before
    prompts = [prompt for prompt, _ in console.asked]
    assert "http.public_url [https://sms.example.by]: " in prompts
    assert "a1.http.apikey [as it is]: " in prompts
    assert "a1.sender_id [MyShop; - for none]: " in prompts
    assert API_KEY not in console.output + "".join(prompts)


def test_the_second_time_the_keys_of_the_application_are_entered(server: FakeServer) -> None:
    assert run(server, Script([*TYPED, *START])) == 0
    console = Script(["", "", "", "", "-", "", "local.1", "of-the-client", "UF_X", ""])
    assert run(server, console) == 0, console.output
    config = server.loaded()
    assert (config.bitrix24.client_id, config.a1.sender_id) == ("local.1", None)
    assert secrets_of(server)["bitrix24_client_secret"] == "of-the-client"
    # What may be none is taken away by a dash, with the section that is about nothing else.
    console = Script(["", "", "", "", "", "", "", "", "-", ""])
    assert run(server, console) == 0, console.output
    assert server.loaded().consent is None


def test_whoever_leaves_before_the_end_has_changed_nothing(server: FakeServer) -> None:
    for number in range(len(TYPED) + 1):
        console = Script(TYPED[:number])
        assert run(server, console) == 130
        assert console.faults[-1] == "Left. No settings have been changed."
        assert everything(server.root) == {}


def test_without_a_terminal_there_is_nobody_to_ask(server: FakeServer) -> None:
    console = Script(is_terminal=False)
    assert run(server, console) == 1
    assert "--answers FILE" in console.faults[0]


def test_the_addresses_to_paste_are_told_at_the_end(server: FakeServer, tmp_path: Path) -> None:
    """The one with a secret in it on a terminal alone: what else output goes to is kept."""
    console = Script([*TYPED, *START])
    assert run(server, console) == 0
    secret = secrets_of(server)["a1_callback_secret"]
    assert "  Your handler path:          https://sms.example.by/bitrix24/app" in console.said
    assert "  Initial installation path:  https://sms.example.by/bitrix24/install" in console.said
    assert any(line.endswith(f"https://sms.example.by/a1/callback/{secret}") for line in console.said)
    assert any(line.endswith("message_id, status") for line in console.said)
    for private in (API_KEY, secrets_of(server)["bitrix24_handler_secret"]):
        assert private not in console.output
    kept = install(server, tmp_path, ANSWERS)
    assert secret not in kept.output
    assert any(line.endswith("https://sms.example.by/a1/callback/SECRET") for line in kept.said)


odd = st.text(st.characters(exclude_characters="\n\r"), max_size=30) | st.sampled_from(
    ["-", "http", "smpp", " ", "да"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(odd, max_size=25))
def test_whatever_is_typed_nothing_is_written_or_what_is_right(tmp_path: Path, typed: list[str]) -> None:
    server = FakeServer(Path(os.path.realpath(tmp_path)) / f"root-{time.monotonic_ns()}")
    console = Script(typed)
    status = run(server, console)
    if status == 0:
        server.loaded()
    else:
        assert status == 130
        assert everything(server.root) == {}


def test_in_a_real_terminal_secrets_are_not_shown(tmp_path: Path) -> None:
    config = tmp_path / "a1gateway.toml"
    program = str(Path(sys.executable).with_name("a1gateway"))
    typed = {
        "a1.transport": "",
        "http.public_url": "https://sms.example.by",
        "a1.http.user": "375291234567",
        "a1.http.apikey": API_KEY,
        "a1.sender_id": "MyShop",
        "bitrix24.portal": "shop.bitrix24.by",
        "bitrix24.client_id": "",
        "consent.contact_field": "",
    }
    environment = os.environ | {"LC_ALL": "ru_RU.UTF-8"}
    child, terminal = pty.fork()
    if child == 0:
        os.execve(program, [program, "setup", "--config", str(config)], environment)  # noqa: S606
    said = b""
    for key, answer in typed.items():
        said += _until(terminal, f"\n{key}".encode(), rb": \Z")
        os.write(terminal, f"{answer}\n".encode())
    said += _until(terminal, b"", rb"\Z", to_the_end=True)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, said.decode()
    text = said.decode()
    assert "Ключ API от A1" in text
    assert API_KEY not in text
    assert (
        "https://sms.example.by/a1/callback/" + (tmp_path / "secrets/a1_callback_secret").read_text().strip() in text
    )
    assert (tmp_path / "secrets/a1_apikey").read_text() == f"{API_KEY}\n"


def _until(terminal: int, prompt: bytes, end: bytes, *, to_the_end: bool = False) -> bytes:
    """What the terminal shows until it asks for this, or until it is closed."""
    said = b""
    deadline = time.monotonic() + 120
    while to_the_end or not (prompt in said and re.search(end, said)):
        assert time.monotonic() < deadline, said.decode()
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            some = os.read(terminal, 4096)
        except OSError:
            # How Linux says that the other end is closed.
            some = b""
        if not some:
            assert to_the_end, said.decode()
            break
        said += some
    return said


# The service


def test_the_service_is_put_in_place_enabled_and_started_behind_its_socket(
    server: FakeServer, tmp_path: Path
) -> None:
    install(server, tmp_path, ANSWERS)
    assert server.loaded().http.listen == "systemd:domain=INET:index=0"
    assert server.ran == [
        "useradd --system --user-group --no-create-home --home-dir /var/lib/a1gateway --shell /usr/sbin/nologin "
        "a1gateway",
        "systemctl enable a1gateway.socket a1gateway.service",
        "systemctl daemon-reload",
        "systemctl stop a1gateway.service",
        "systemctl start a1gateway.socket",
        "systemctl restart a1gateway.service",
    ]
    unit = server.root / "etc/systemd/system/a1gateway.service"
    assert f"ExecStart={Path(sys.executable).with_name('twistd')} -n " in unit.read_text()
    assert (mode(unit), mode(unit.with_suffix(".socket"))) == (0o644, 0o644)


def test_units_of_a_package_and_its_user_are_taken_as_they_are(server: FakeServer, tmp_path: Path) -> None:
    server.users.add("a1gateway")
    server.active.add("a1gateway.socket")
    for name in ("a1gateway.service", "a1gateway.socket"):
        (server.root / "lib/systemd/system" / name).write_text("")
    install(server, tmp_path, ANSWERS)
    assert not (server.root / "etc/systemd").exists()
    assert server.ran == [
        "systemctl enable a1gateway.socket a1gateway.service",
        "systemctl daemon-reload",
        "systemctl restart a1gateway.service",
    ]


def test_a_port_of_the_daemons_own_needs_no_socket(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS.replace("[http]", '[http]\nlisten = "tcp:8090:interface=127.0.0.1"'))
    assert [each for each in server.ran if "socket" in each] == []
    assert "systemctl enable a1gateway.service" in server.ran


def test_an_installation_that_has_its_own_port_keeps_it(server: FakeServer, tmp_path: Path) -> None:
    install(server, tmp_path, ANSWERS.replace("[http]", '[http]\nlisten = "tcp:8080:interface=127.0.0.1"'))
    text = server.config.read_text("utf-8").replace("\nlisten =", "\n#listen =")
    server.config.write_text(text)
    install(server, tmp_path, '[log]\nlevel = "warn"\n')
    assert server.loaded().http.listen == "tcp:8080:interface=127.0.0.1"


def test_without_a_start_everything_is_there_for_one(server: FakeServer, tmp_path: Path) -> None:
    console = install(server, tmp_path, ANSWERS, "--no-start")
    assert (server.root / "etc/systemd/system/a1gateway.service").is_file()
    assert not any("systemctl" in each for each in server.ran)
    assert any("To start it: systemctl enable --now a1gateway" in line for line in console.said)


def test_where_systemd_does_not_run_the_service_is_enabled_and_that_is_said(tmp_path: Path) -> None:
    """In a container, or in the root of a server that is being made."""
    server = FakeServer(tmp_path / "root", runs_systemd=False)
    console = install(server, tmp_path, ANSWERS)
    assert server.ran[-1] == "systemctl enable a1gateway.socket a1gateway.service"
    assert "systemd does not run here: the service is enabled and starts with the server." in console.said


def test_a_service_that_does_not_start_is_a_failure_with_everything_written(
    server: FakeServer, tmp_path: Path
) -> None:
    server.failing = "restart"
    console = Script()
    assert run(server, console, "--answers", answers(tmp_path, ANSWERS)) == 1
    assert "a1gateway setup: systemctl restart a1gateway.service: no" in console.faults
    assert any("journalctl -u a1gateway -e" in line for line in console.said)
    assert any("/bitrix24/install" in line for line in console.said)
    server.loaded()


def test_the_real_systemctl_enables_what_is_put_in_place(server: FakeServer, tmp_path: Path) -> None:
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        pytest.skip("there is no systemctl here (Debian has it in the package systemd)")
    install(server, tmp_path, ANSWERS, "--no-start")
    enabling = [systemctl, f"--root={server.root}", "enable", "a1gateway.socket", "a1gateway.service"]
    subprocess.run(enabling, check=True, capture_output=True)
    wants = server.root / "etc/systemd/system"
    for wanted in ("sockets.target.wants/a1gateway.socket", "a1gateway.service.wants/a1gateway.socket"):
        assert (wants / wanted).is_symlink()
    assert (wants / "multi-user.target.wants/a1gateway.service").is_symlink()


def test_a_program_that_fails_is_named_with_what_it_said() -> None:
    machine = units.ThisServer()
    with pytest.raises(units.CommandFailed, match="^useradd --no-such-option: .*no-such-option"):
        machine.run("useradd", "--no-such-option")
    with pytest.raises(units.CommandFailed, match="there is no such program"):
        machine.run("a1gateway-no-such-program")
    assert machine.has_user("root")
    assert not machine.has_user("no-such-user")


def test_only_root_may(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(server.config))

    monkeypatch.setattr(command, "write", refuse)
    console = Script()
    assert run(server, console, "--answers", answers(tmp_path, ANSWERS)) == 1
    assert console.faults == [f"a1gateway setup: {server.config}: Permission denied", "Run the command as root."]


# Words


def test_everything_that_is_said_is_in_the_catalogue_and_nothing_else_is() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "a1gateway/setup").glob("*.py"))
    asked = set(re.findall(r'["\'](server\.[a-z0-9_.]+)["\']', sources))
    asked |= {f"server.{key}" for key in ("made", "changed", "tightened")}
    asked |= {f"server.ask.{question.key}" for question in command_questions()}
    assert asked == set(catalogue("server", "en"))


def command_questions() -> Sequence[Any]:
    from a1gateway.setup.questions import QUESTIONS

    return QUESTIONS

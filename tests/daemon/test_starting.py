"""What the daemon refuses to start with: exit status 1 and a clear line on the standard error, before it serves."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from ..certificates import Signed, sign
from .processes import Process, Warden, eventually
from .stack import APIKEY, Stack
from .together import Stacks


@pytest.fixture(scope="module")
def stack(warden: Warden, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose own daemon runs; the tests start others beside it."""
    stacks = Stacks(warden, tmp_path_factory.mktemp("starting"))
    stack = stacks.make("first")
    stack.gateway.start()
    yield stack
    stacks.close()


class Second:
    """Another daemon with a configuration that differs from the first one's."""

    def __init__(self, warden: Warden, stack: Stack, directory: Path) -> None:
        self._warden = warden
        self._stack = stack
        self.directory = directory
        self.data = directory / "data"
        self.sections = stack.gateway.sections(
            stack.sandbox,
            http={"listen": "tcp:0:interface=127.0.0.1"},
            store={"url": f"sqlite:///{self.data}/journal.sqlite3", "spool": str(self.data / "spool")},
        )

    def configured(self) -> Path:
        """The configuration's file."""
        return self._stack.gateway.configure(self.sections, self.directory / "second.toml")

    def start(self, name: str = "second", *, warm: bool = True) -> Process:
        """Start it and wait for nothing."""
        arguments = ["-n", "--pidfile=", "a1gateway", "--config", str(self.configured())]
        return self._warden.start("twistd", arguments, directory=self.directory, name=name, warm=warm)

    def refuses(self, *, warm: bool = True) -> str:
        """Start it and wait for its end; what it wrote to the standard error."""
        process = self.start(warm=warm)
        assert process.wait(20) == 1, process.written()
        assert "Traceback" not in process.out + process.errors
        return process.errors


@pytest.fixture
def second(warden: Warden, stack: Stack, tmp_path: Path) -> Second:
    return Second(warden, stack, tmp_path)


def test_a_taken_port(second: Second) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        second.sections["http"]["listen"] = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        (line,) = second.refuses(warm=False).splitlines()
    assert line.startswith("http.listen: cannot listen: ")
    assert "in use" in line


def certificate(second: Second, key: Signed | None = None) -> Signed:
    """One for the second daemon, in its files; with another key when that is given."""
    signed = sign("second", x509.IPAddress(ip_address("127.0.0.1")))
    second.directory.mkdir(exist_ok=True)
    pair = (signed.pem, (key or signed).key_pem)
    for (name, content), setting in zip(
        (("certificate.pem", pair[0]), ("key.pem", pair[1])), ("certificate_file", "private_key_file"), strict=True
    ):
        path = second.directory / name
        path.write_bytes(content)
        path.chmod(0o600)
        second.sections["http"][setting] = str(path)
    return signed


def test_a_certificate_with_another_key(second: Second) -> None:
    certificate(second, key=sign("other"))
    (line,) = second.refuses().splitlines()
    assert line.startswith("http.private_key_file: ")
    assert " is not the key of the first certificate in " in line


def test_with_a_certificate_it_speaks_tls_and_shows_its_figures_to_its_own_machine(second: Second) -> None:
    signed = certificate(second)
    process = second.start()
    eventually(lambda: "listens on" in process.out or None, 20, "it listens")
    port = eventually(lambda: re.search(r"port=(\d+)", process.out), 20, "it says where")[1]
    context = ssl.create_default_context(cadata=signed.pem.decode())

    def ask(path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPSConnection("127.0.0.1", int(port), timeout=20, context=context)
        with closing(connection):
            connection.request("GET", path, headers={"Connection": "close", **headers})
            with connection.getresponse() as response:
                return response.status, response.read().decode()

    assert ask("/healthz") == (200, "ok\n")
    status, figures = ask("/metrics")
    assert status == 200
    expires = signed.certificate.not_valid_after_utc.timestamp()
    (shown,) = re.findall(r"^a1gateway_certificate_expires_timestamp_seconds (\S+)$", figures, re.MULTILINE)
    assert float(shown) == expires
    outside = {"X-Forwarded-For": "203.0.113.7"}
    assert [ask(path, **outside)[0] for path in ("/metrics", "/readyz", "/healthz")] == [404, 404, 200]
    with closing(socket.create_connection(("127.0.0.1", int(port)), timeout=20)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"ok" not in b"".join(iter(lambda: plain.recv(4096), b""))
    process.signal(signal.SIGTERM)
    process.wait(30)
    assert "stopped" in process.out
    assert "Traceback" not in process.out + process.errors


def test_all_faults_of_the_configuration_at_once(second: Second) -> None:
    second.sections["a1.http"] |= {"url": "http://a1.example.by/api/", "requests_per_second": 0}
    second.sections["polling"] = {"intervall": 60}
    del second.sections["bitrix24"]["handler_secret"]
    lines = second.refuses(warm=False).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "a1.http.url",
        "a1.http.requests_per_second",
        "polling.intervall",
        "bitrix24.handler_secret",
    ]
    assert not second.data.exists(), "nothing was begun"


def test_a_second_daemon_on_one_store(stack: Stack, second: Second) -> None:
    second.sections["store"]["url"] = f"sqlite:///{stack.gateway.journal}"
    (line,) = second.refuses().splitlines()
    assert line == f"store.url: another a1gateway is running on {stack.gateway.journal}"
    assert stack.gateway.get("/healthz").status == 200


def test_a_journal_of_a_later_version(second: Second) -> None:
    process = second.start("earlier")
    eventually(lambda: "listens on" in process.out or None, 20, "it has made its journal")
    process.signal(signal.SIGTERM)
    process.wait(15)
    journal = second.data / "journal.sqlite3"
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    content = journal.read_bytes()
    (line,) = second.refuses().splitlines()
    assert line.startswith(f"store.url: {journal} was written by a later version of a1gateway")
    assert journal.read_bytes() == content, "it is left as it was"


def test_a_journal_that_is_none(second: Second) -> None:
    second.data.mkdir()
    (second.data / "journal.sqlite3").write_text("Заметки администратора\n" * 100)
    (line,) = second.refuses().splitlines()
    assert line == f"store.url: {second.data}/journal.sqlite3 is not a journal of a1gateway"


def test_a_spool_that_is_a_file(second: Second) -> None:
    second.data.mkdir()
    (second.data / "spool").write_text("in the way")
    (line,) = second.refuses().splitlines()
    assert line.startswith(f"store.spool: {second.data}/spool cannot be written")


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "cannot be read: No such file or directory"), ("nothing of the kind", "holds no certificate in PEM")],
    ids=["missing", "another"],
)
def test_a_file_of_authorities_that_cannot_be_used(
    second: Second, tmp_path: Path, content: str | None, fault: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    account = {"host": "127.0.0.1", "system_id": "tests", "password": "pass"}
    second.sections["a1"]["transport"] = "smpp"
    second.sections["a1.smpp"] = account | {"tls": True, "ca_file": str(file)}
    (line,) = second.refuses().splitlines()
    assert line == f"a1.smpp.ca_file: {file} {fault}"


def test_a_file_that_is_not_there(second: Second, warden: Warden, tmp_path: Path) -> None:
    arguments = ["-n", "--pidfile=", "a1gateway", "--config", str(tmp_path / "nowhere.toml")]
    process = warden.start("twistd", arguments, directory=tmp_path, name="missing", warm=True)
    assert process.wait(20) == 1
    assert process.errors == "config: cannot be read: No such file or directory\n"


def test_check_config_says_ok(second: Second, warden: Warden, tmp_path: Path) -> None:
    file = second.configured()
    process = warden.start("a1gateway", ["check-config", str(file)], directory=tmp_path, name="check")
    assert process.wait(20) == 0, process.written()
    assert (process.out, process.errors) == (f"{file}: ok\n", "")


def test_check_config_names_every_fault_and_no_secret(second: Second, warden: Warden, tmp_path: Path) -> None:
    second.sections["http"]["public_url"] = "ftp://sms.example.by"
    second.sections["a1"]["sender_id"] = "МойМагазин"
    second.sections["polling"] = {"interval": 0}
    file = second.configured()
    process = warden.start("a1gateway", ["check-config", str(file)], directory=tmp_path, name="check")
    assert process.wait(20) == 1
    assert process.out == ""
    assert [line.partition(":")[0] for line in process.errors.splitlines()] == [
        "http.public_url",
        "a1.sender_id",
        "polling.interval",
    ]
    assert APIKEY not in process.errors


def test_before_an_installation_the_daemon_serves_and_says_what_is_missing(stack: Stack) -> None:
    ready = stack.gateway.get("/readyz")
    assert ready.status == 503
    assert ready.json()["portal"] == {"ok": False, "trouble": "the application is not installed in Bitrix24"}
    assert ready.json()["store"] == {"ok": True}

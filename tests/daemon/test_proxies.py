"""The sample proxies, by the real programs and before a real daemon: what passes, what does not, what is logged."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from cryptography import x509

from ..certificates import Signed, sign
from .processes import eventually, free_port
from .stack import CALLBACK_SECRET, HANDLER_SECRET, Stack
from .test_http import message

SAMPLES = Path(__file__).parent.parent.parent / "config" / "proxy"
READMES = [SAMPLES.parent.parent / name for name in ("README.md", "README.ru.md")]
HANDLER = f"/bitrix24/handler/{HANDLER_SECRET}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def changed(sample: str, **changes: str) -> str:
    """A sample with other values; each of them has to be there."""
    text = (SAMPLES / sample).read_text("utf-8")
    for before, after in changes.items():
        before = before.replace("__", ".")
        assert before in text, before
        text = text.replace(before, after)
    return text


@dataclass
class Proxy:
    """A proxy that runs, and whatever it writes."""

    port: int
    certificate: Signed
    folder: Path

    def connect(self) -> ssl.SSLSocket:
        """A connection over TLS, the certificate checked."""
        context = ssl.create_default_context(cadata=self.certificate.pem.decode())
        return context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), 20), server_hostname="localhost"
        )

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        """Status and text of an answer."""
        context = ssl.create_default_context(cadata=self.certificate.pem.decode())
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=context)
        with closing(connection):
            connection.request(method, path, body=body, headers={**FORM, **headers})
            with connection.getresponse() as response:
                return response.status, response.read().decode("utf-8", "replace")

    def written(self) -> str:
        """What it has written."""
        return (self.folder / "written.log").read_text("utf-8", "replace")

    def access_log(self) -> str:
        """What it has written of requests that were answered; Caddy has no file for them, unless it is told to."""
        file = self.folder / "access.log"
        return file.read_text("utf-8", "replace") if file.exists() else self.written()


class Proxies:
    """Starts them, and ends them all."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self._folder = folder
        self._ending = ending
        self.certificate = sign("localhost", x509.DNSName("localhost"))
        (folder / "certificate.pem").write_bytes(self.certificate.pem)
        (folder / "key.pem").write_bytes(self.certificate.key_pem)

    def start(self, kind: str, upstream: int) -> Proxy:
        """In front of a port of this machine."""
        program = shutil.which(kind) or shutil.which(kind, path="/usr/sbin")
        if program is None:
            pytest.skip(
                f"there is no {kind} here (Debian has it in the package {'nginx-light' if kind == 'nginx' else kind})"
            )
        folder = self._folder / f"{kind}-{upstream}"
        folder.mkdir()
        port = free_port()
        command = getattr(self, f"_{kind}")(program, folder, port, upstream)
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        with (folder / "written.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
        self._ending.callback(_end, process)
        proxy = Proxy(port, self.certificate, folder)

        def answers() -> bool:
            assert process.poll() is None, proxy.written()
            with socket.socket() as probe:
                probe.settimeout(5)
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(answers, 30, f"{kind} listens")
        return proxy

    def _caddy(self, program: str, folder: Path, port: int, upstream: int) -> list[str]:
        pair = f"{self._folder}/certificate.pem {self._folder}/key.pem"
        text = changed(
            "Caddyfile",
            **{
                "sms__example__by {": f"https://localhost:{port} {{\n\ttls {pair}",
                "127__0__0__1:8080": f"127.0.0.1:{upstream}",
            },
        )
        file = folder / "Caddyfile.text"
        file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
        return [program, "run", "--config", str(file), "--adapter", "caddyfile"]

    def _nginx(self, program: str, folder: Path, port: int, upstream: int) -> list[str]:
        server = changed(
            "nginx.conf",
            **{
                "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
                "    listen [::]:443 ssl;\n": "",
                "sms__example__by;": "localhost;",
                "/etc/letsencrypt/live/sms__example__by/fullchain__pem": f"{self._folder}/certificate.pem",
                "/etc/letsencrypt/live/sms__example__by/privkey__pem": f"{self._folder}/key.pem",
                "127__0__0__1:8080": f"127.0.0.1:{upstream}",
            },
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{each}_temp_path {folder}/{each};" for each in kinds)
        user = "user root;\n" if os.geteuid() == 0 else ""
        # What Debian's nginx.conf does around it, in as far as it matters: there is an access log.
        (folder / "nginx.text").write_text(
            f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log {folder}/access.log;\n{temporary}\n{server}\n}}\n"
        )
        return [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.text")]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    with ExitStack() as ending:
        yield Proxies(tmp_path_factory.mktemp("proxies"), ending)


@pytest.fixture(scope="module", params=["caddy", "nginx"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def proxy(kind: str, proxies: Proxies, unpolled: Stack) -> Proxy:
    """In front of the shared daemon."""
    return proxies.start(kind, unpolled.gateway.port)


@pytest.mark.parametrize("sample", ["Caddyfile", "nginx.conf"])
def test_the_readmes_show_the_samples_as_they_are(sample: str) -> None:
    text = (SAMPLES / sample).read_text("utf-8")
    assert text
    for readme in READMES:
        assert f"```text\n{text}```" in readme.read_text("utf-8")


def test_caddy_likes_the_look_of_its_sample() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("there is no caddy here (Debian has it in the package caddy)")
    sample = SAMPLES / "Caddyfile"
    shown = subprocess.run([caddy, "fmt", str(sample)], capture_output=True, text=True, check=False)
    assert shown.stdout == sample.read_text("utf-8"), shown.stderr


def test_an_sms_goes_through_with_its_whole_body(proxy: Proxy, kind: str, unpolled: Stack) -> None:
    text = f"Заказ готов & оплачен = 100% через {kind}"
    fields = message(f"through-{kind}", message_body=text)
    status, answer = proxy.ask("POST", HANDLER, urlencode(fields).encode())
    assert status == 200, answer
    kept = unpolled.gateway.message(f"through-{kind}")
    assert kept is not None
    assert kept["text"] == text


def test_a1_gets_through_too(proxy: Proxy) -> None:
    status, _ = proxy.ask("GET", f"/a1/callback/{CALLBACK_SECRET}?message_id=7001&status=ENROUTE")
    assert status == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/readyz", "/healthz", "/", "/bitrix24", "/bitrix24/../metrics", "/%2e%2e/metrics"]
)
def test_what_is_for_inside_stays_inside(proxy: Proxy, path: str) -> None:
    status, text = proxy.ask("GET", path)
    assert status in (400, 404)
    assert "a1gateway_" not in text
    assert "portal" not in text


def test_a_body_over_a_megabyte_is_refused(proxy: Proxy) -> None:
    status, _ = proxy.ask("POST", HANDLER, b"message_body=" + b"x" * 1_200_000)
    assert status == 413


def test_clients_that_never_end_their_requests_keep_nobody_out(proxy: Proxy, kind: str, unpolled: Stack) -> None:
    with ExitStack() as open_ones:
        for _ in range(40):
            slow = open_ones.enter_context(proxy.connect())
            slow.sendall(
                f"POST {HANDLER} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\nmessage_id=slow".encode()
            )
        for number in range(5):
            fields = message(f"past-the-slow-{kind}-{number}")
            assert proxy.ask("POST", HANDLER, urlencode(fields).encode())[0] == 200
    assert unpolled.gateway.message("slow") is None


def test_no_secret_is_in_the_log_of_requests(proxy: Proxy, kind: str) -> None:
    """The addresses end in them; the other tests here have called all of these."""
    proxy.ask("POST", HANDLER, urlencode(message(f"logged-{kind}")).encode())
    proxy.ask("GET", f"/a1/callback/{CALLBACK_SECRET}?message_id=7001&status=ENROUTE")
    proxy.ask("GET", "/elsewhere")
    written = proxy.access_log()
    assert HANDLER_SECRET not in written
    assert CALLBACK_SECRET not in written
    if kind == "nginx":
        assert "/elsewhere" in written, "there is a log, and it is looked at"


class Upstream(BaseHTTPRequestHandler):
    """Says what it was told of the client."""

    def do_POST(self) -> None:
        """Called by the server."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = ", ".join(self.headers.get_all("X-Forwarded-For") or []).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


def test_the_gateway_is_told_the_clients_address_behind_whatever_the_client_says(kind: str, proxies: Proxies) -> None:
    with HTTPServer(("127.0.0.1", 0), Upstream) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        proxy = proxies.start(kind, server.server_port)
        told = [
            proxy.ask("POST", "/bitrix24/app", b"x", **headers)[1]
            for headers in ({}, {"X-Forwarded-For": "203.0.113.7, 198.51.100.1"})
        ]
        server.shutdown()
        thread.join(10)
    assert told[0] == "127.0.0.1"
    assert told[1].split(", ")[-1] == "127.0.0.1"

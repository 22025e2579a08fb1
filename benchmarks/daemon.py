"""The gateway as it is measured: its configuration, its process, its installation in the portal."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from .http_wire import Pool, form, request
from .portal import CLIENT_ID, CLIENT_SECRET, Portal
from .process import Process, free_port
from .smsc import PASSWORD, SYSTEM_ID

HANDLER_SECRET = "handler-secret-of-the-benchmark"
CALLBACK_SECRET = "callback-secret-of-the-benchmark"
SENDER_CODE = "a1sms_by"
SENDER_ID = "MyShop"
LOGIN = "375291234567"
APIKEY = "apikey-of-the-benchmark"

Profile = tuple[Path, str]
"""The file of a profile, and the clock of `profiled`."""
Sections = Mapping[str, Mapping[str, object]]


class Daemon:
    """`twistd a1gateway` with a folder of its own."""

    def __init__(self, directory: Path, cores: set[int] | None, *, profile: Profile | None = None) -> None:
        """`profile`: run under `profiled`, which writes to that file by that clock."""
        self.directory = directory
        self.journal = directory / "journal.sqlite3"
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self._cores = cores
        self._profile = profile
        self._process: Process | None = None
        self._pool: Pool | None = None

    @property
    def process(self) -> Process:
        """The one that was started last."""
        assert self._process is not None, "not started"
        return self._process

    def configure(self, changes: Sections) -> None:
        """Write the configuration: what is needed to run on this machine, and `changes` by section."""
        url = f"http://{self.host}"
        sections: dict[str, dict[str, object]] = {
            "http": {"listen": f"tcp:{self.port}:interface=127.0.0.1", "public_url": url},
            "store": {"url": f"sqlite:///{self.journal}", "spool": str(self.directory / "spool")},
            "log": {"format": "json", "level": "info"},
        }
        for name, values in changes.items():
            sections.setdefault(name, {}).update(values)
        file = self.directory / "a1gateway.toml"
        file.touch(mode=0o600)
        file.write_text(_as_toml(sections), "utf-8")

    def launch(self) -> None:
        """Start it and wait for nothing."""
        twistd = [str(Path(sys.executable).with_name("twistd"))]
        if self._profile is not None:
            file, clock = self._profile
            twistd = [sys.executable, "-m", "benchmarks.profiled", str(file), clock]
            twistd += ["--profile", str(file), "--profiler", "cprofile", "--savestats"]
        config = str(self.directory / "a1gateway.toml")
        self._process = Process(
            [*twistd, "-n", "--pidfile=", "a1gateway", "--config", config],
            cores=self._cores,
            directory=self.directory,
            log=self.directory / "daemon.log",
            name="a1gateway",
        )

    async def get(self, path: str) -> int:
        """The status of one of its routes; 0 when it does not answer."""
        return (await self._call(request("GET", path, self.host)))[0]

    async def post(self, path: str, fields: Mapping[str, str]) -> tuple[int, bytes]:
        """The status and the body that one of its routes answers to a form; 0 when it does not answer."""
        return await self._call(form("POST", path, self.host, urlencode(fields).encode()))

    async def until(self, path: str, within: float) -> float:
        """Wait until a route answers 200; how long that took from now, in seconds."""
        begun = time.monotonic()
        while await self.get(path) != 200:
            assert self.process.running, self.process.last_words()
            assert time.monotonic() < begun + within, (
                f"{path} not 200 within {within:g} s\n{self.process.last_words()}"
            )
            await asyncio.sleep(0.02)
        return time.monotonic() - begun

    async def install(self, portal: Portal) -> None:
        """Install the application and wait until the portal has all that the gateway registers there."""
        status, body = await self._call(form("POST", "/bitrix24/install", self.host, portal.installation()))
        assert status == 200, f"the installation was answered {status} {body!r}"
        while not portal.registered:
            assert self.process.running, self.process.last_words()
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Let it end by itself."""
        await self.process.stop()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()

    async def _call(self, written: bytes) -> tuple[int, bytes]:
        pool = Pool(self.port, 1)
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        pool.call(written, lambda status, body: answer.set_result((status, body)))
        try:
            return await answer
        finally:
            pool.close()


def settings(transport: str, *, smsc_port: int, a1_port: int, portal: Portal) -> dict[str, dict[str, object]]:
    """What every configuration here names: the counterparts, and no value that is merely a default."""
    sections: dict[str, dict[str, object]] = {
        "a1": {"transport": transport, "sender_id": SENDER_ID},
        "bitrix24": {
            "portal": portal.host,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "handler_secret": HANDLER_SECRET,
            "oauth_url": f"http://{portal.host}/oauth/token/",
        },
    }
    if transport == "smpp":
        sections["a1.smpp"] = {
            "host": "127.0.0.1",
            "port": smsc_port,
            "system_id": SYSTEM_ID,
            "password": PASSWORD,
        }
    else:
        sections["a1.http"] = {"url": f"http://127.0.0.1:{a1_port}/api/", "user": LOGIN, "apikey": APIKEY}
        sections["a1.callback"] = {"secret": CALLBACK_SECRET}
    return sections


def _as_toml(sections: Sections) -> str:
    # The JSON of texts, numbers and booleans is TOML too.
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"

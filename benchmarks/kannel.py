"""Kannel's bearerbox and smsbox, set up to do what the gateway is measured at and nothing else.

No store, only final statuses, an HTTP sink in the place of the portal. What is acknowledged is in memory alone.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs

from .books import Books
from .daemon import SENDER_ID
from .generator import sendsms_call
from .http_wire import Server
from .process import Process, free_port
from .rig import Conditions, Passage, passage
from .smsc import PASSWORD, SYSTEM_ID, Smsc

_BOXES = ("bearerbox", "smsbox")
_USER = "benchmark"
_READY_WITHIN = 30.0
_DELIVERED = "1"
# How little goes to the standard error, as Debian starts the boxes; left to themselves they write every octet.
_PANIC = "4"
# Of msg-id-type: submit_sm_resp in hexadecimal digits, deliver_sm in decimal ones.
_IDENTIFIERS = "0x01"


def why_not() -> str | None:
    """Why Kannel cannot be measured here; None when it can."""
    missing = [box for box in _BOXES if _path(box) is None]
    return f"{' and '.join(missing)} not installed (Debian: kannel)" if missing else None


def version() -> str:
    """Of the bearerbox that would be measured."""
    box = _path(_BOXES[0])
    if box is None:
        return "not installed"
    said = subprocess.run([box, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version `([^']+)", said.stdout + said.stderr)
    return found[1] if found else "unknown"


def _path(box: str) -> str | None:
    return shutil.which(box, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


class KannelRig:
    """Both boxes between the generator and counterparts that keep the books."""

    def __init__(self, directory: Path, conditions: Conditions, *, log_level: int) -> None:
        """`log_level` is of the files: 0 every PDU, 1 what happens."""
        self.books = Books()
        self.smsc = Smsc(self.books, receipt_after=conditions.receipt_after, window=conditions.window)
        self.told = 0
        self._directory = directory
        self._conditions = conditions
        self._log_level = log_level
        self._port = free_port()
        self._sink = Server(self._respond)
        self._boxes: list[Process] = []

    async def __aenter__(self) -> Self:
        await self.smsc.open()
        await self._sink.open()
        file = self._directory / "kannel.conf"
        file.write_text(self._configuration(), "utf-8")
        for name in _BOXES:
            box = _path(name)
            assert box is not None, why_not()
            self._boxes.append(
                Process(
                    [box, "-v", _PANIC, str(file)],
                    cores=self._conditions.cores.measured,
                    directory=self._directory,
                    log=self._directory / f"{name}.out",
                    name=name,
                )
            )
            # Nothing that the first says to others tells when the second may start; Debian's script waits too.
            await asyncio.sleep(1.0)
        await asyncio.wait_for(self._listens(), _READY_WITHIN)
        return self

    async def __aexit__(self, *_: object) -> None:
        for box in reversed(self._boxes):
            await box.stop(5.0)
        self.smsc.close()
        self._sink.close()

    @property
    def peak(self) -> int:
        """The sum of what was resident at most."""
        return sum(box.peak() for box in self._boxes)

    async def pass_through(self, count: int, *, rate: float | None = None) -> Passage:
        """A run; see `rig.passage`."""
        sink = f"http://127.0.0.1:{self._sink.port}/told"
        return await passage(
            count,
            books=self.books,
            port=self._port,
            written=sendsms_call(f"127.0.0.1:{self._port}", _USER, PASSWORD, SENDER_ID, sink),
            conditions=self._conditions,
            rate=rate,
            processes=self._boxes,
            requests=lambda: (self.smsc.submits, self.told),
        )

    def _respond(self, target: str, _body: bytes) -> tuple[int, bytes]:
        fields = parse_qs(target.partition("?")[2])
        self.told += 1
        self.books.told(fields["id"][0], fields["status"][0], _DELIVERED)
        return 200, b"ok"

    async def _listens(self) -> None:
        while not self.smsc.bound:
            await asyncio.sleep(0.05)
        while True:
            for box in self._boxes:
                assert box.running, box.last_words()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    def _configuration(self) -> str:
        between = free_port()
        groups: list[dict[str, object]] = [
            {
                "group": "core",
                "admin-port": free_port(),
                "admin-password": PASSWORD,
                "admin-interface": "127.0.0.1",
                "smsbox-port": between,
                "smsbox-interface": "127.0.0.1",
                "dlr-storage": "internal",
                "log-file": self._directory / "bearerbox.log",
                "log-level": self._log_level,
            },
            {
                "group": "smsc",
                "smsc": "smpp",
                "smsc-id": "a1",
                "host": "127.0.0.1",
                "port": self.smsc.port,
                "transceiver-mode": "true",
                "smsc-username": SYSTEM_ID,
                "smsc-password": PASSWORD,
                "system-type": '""',
                "interface-version": 34,
                "enquire-link-interval": 30,
                "max-pending-submits": self._conditions.window,
                "msg-id-type": _IDENTIFIERS,
            },
            {
                "group": "smsbox",
                "smsbox-id": "benchmark",
                "bearerbox-host": "127.0.0.1",
                "bearerbox-port": between,
                "sendsms-port": self._port,
                "sendsms-interface": "127.0.0.1",
                "log-file": self._directory / "smsbox.log",
                "log-level": self._log_level,
            },
            {
                "group": "sendsms-user",
                "username": _USER,
                "password": PASSWORD,
                "max-messages": 10,
                "concatenation": "true",
            },
        ]
        return "\n".join("".join(f"{name} = {value}\n" for name, value in group.items()) for group in groups)

"""A gateway on disk: its configuration, its journal, its spool and its secrets."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from a1gateway import cli
from a1gateway.backup import command
from a1gateway.journal import Journal, Store
from a1gateway.journal.lane import InlineLane
from a1gateway.message import Arrival

from ..conftest import START

CONFIG = """
[http]
public_url = "https://sms.example.by"
[store]
url = "sqlite:///{data}/journal.sqlite3"
spool = "{data}/spool"
[a1]
transport = "{transport}"
[a1.http]
url = "https://smart-sender.a1.by/api/"
user = "375291234567"
apikey_file = "${{CREDENTIALS_DIRECTORY}}/a1_apikey"
[bitrix24]
client_id = "local.tests"
"""
APIKEY = "apikey-of-the-tests"
NOW = START + 600
"""When backups are made and put back."""


@dataclass
class Kept:
    """What there is to be kept, and the commands that do it."""

    folder: Path
    transport: str = "http"

    def __post_init__(self) -> None:
        self.config = self.folder / "a1gateway.toml"
        self.data = self.folder / "data"
        self.journal = self.data / "journal.sqlite3"
        self.spool = self.data / "spool"
        self.secret = self.folder / "secrets" / "a1_apikey"
        self.archive = self.folder / "kept.tar.gz"
        self.said = self.errors = ""

    def begin(self) -> None:
        """Write the configuration and the secret."""
        self.data.mkdir(parents=True)
        self.secret.parent.mkdir()
        self.secret.write_text(APIKEY)
        self.secret.chmod(0o600)
        self.config.write_text(CONFIG.format(data=self.data, transport=self.transport))

    def store(self) -> Store:
        """The journal's file, ready."""
        store = Store(f"sqlite:///{self.journal}")
        store.prepare()
        return store

    def opened(self, work: Callable[[Journal], Any]) -> Any:
        """The result of `work` on the journal, which is closed then."""
        store = self.store()
        try:
            return work(Journal(InlineLane(store)))
        finally:
            store.close()

    def put_into_spool(self, entry: Arrival, name: str = "message-" + "0" * 32) -> Path:
        """An entry as the daemon writes it."""
        self.spool.mkdir(exist_ok=True)
        path = self.spool / f"{name}.json"
        path.write_text(json.dumps({"message": asdict(entry)}))
        return path

    def run(self, *arguments: str) -> int:
        """Run a command; what it said is in `said` and `errors`."""
        out, errors = io.StringIO(), io.StringIO()
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = out, errors
        try:
            return cli.main([*arguments, "--config", str(self.config)])
        finally:
            sys.stdout, sys.stderr = before
            self.said, self.errors = out.getvalue(), errors.getvalue()

    def backup(self, *arguments: str) -> Path:
        """Make a backup that succeeds."""
        assert self.run("backup", "--to", str(self.archive), *arguments) == 0, self.errors
        return self.archive

    def lost(self) -> Kept:
        """The same when the journal is gone."""
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.journal}{ending}").unlink(missing_ok=True)
        return self

    def restore(self, *arguments: str) -> str:
        """Put it back, which succeeds; what the command said."""
        assert self.run("restore", str(self.archive), *arguments) == 0, self.errors
        return self.said


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    undisturbed(monkeypatch)
    kept = Kept(tmp_path / "gateway")
    kept.begin()
    return kept


def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands think that it is the tests' time, and not make the process of the tests give way for good."""
    monkeypatch.setattr(command, "_NICENESS", 0)
    monkeypatch.setattr(command, "_now", lambda: NOW)

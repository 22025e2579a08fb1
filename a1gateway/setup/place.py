"""Where on a server things of the gateway are, or are put."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..config_secrets import Place as Key
from ..config_secrets import folder_beside
from ..control.command import DEFAULT_CONFIG

UNIT_FOLDERS = ("etc/systemd/system", "lib/systemd/system", "usr/lib/systemd/system")
"""Where systemd looks for units, from the root; an administrator's own first."""
SERVICE, SOCKET = "a1gateway.service", "a1gateway.socket"
BY_SYSTEMD = "systemd:domain=INET:index=0"
"""What the gateway listens at when systemd holds the port."""

# What the unit names; any other secret would have the name of its key.
_FILES: dict[Key, str] = {
    ("a1", "http", "apikey"): "a1_apikey",
    ("a1", "smpp", "password"): "a1_smpp_password",
}


def name_of_file(secret: Key) -> str:
    """The name of the file of a secret, which is also the name under which systemd hands it over."""
    return _FILES.get(secret, "_".join(secret))


@dataclass(frozen=True, slots=True)
class ServerPlaces:
    """The files of one gateway. `root` is `/` but for tests."""

    config: Path
    secrets: Path
    root: Path = Path("/")

    @classmethod
    def given(cls, config: str | None, secrets: str | None, root: Path = Path("/")) -> ServerPlaces:
        """What the options name; without them the usual places, secrets beside the configuration.

        A configuration that is a link stays one.
        """
        file = _usual(root) if config is None else Path(config)
        return cls(file.resolve(), folder_beside(file) if secrets is None else Path(secrets), root)

    @property
    def for_systemd(self) -> bool:
        """Whether the unit looks here, and this is a server with systemd."""
        usual = _usual(self.root)
        there = any((self.root / each).is_dir() for each in UNIT_FOLDERS)
        return there and self.config == usual.resolve() and self.secrets == folder_beside(usual)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the daemon is going to read its configuration."""
        return {**os.environ, "CREDENTIALS_DIRECTORY": str(self.secrets)}

    def secret(self, key: Key) -> Path:
        """The file of a secret."""
        return self.secrets / name_of_file(key)


def _usual(root: Path) -> Path:
    return root / DEFAULT_CONFIG.lstrip("/")

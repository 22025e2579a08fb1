"""Where everything lies that a backup holds, as a configuration has it.

The configuration is not checked as a whole: whoever has lost a disk, or one secret, needs the backup all the same.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..config import ConfigFaults, Fault
from ..config_secrets import SecretFiles, folder_beside
from ..config_sections import LISTS, SECTIONS, Store


@dataclass(frozen=True, slots=True)
class Places:
    """The files and folders of one gateway."""

    config: Path
    toml: bytes
    """The content of the configuration."""
    journal: Path
    spool: Path
    over_smpp: bool
    secrets: Mapping[str, Path]
    """The files of the secrets that have one, by their keys; whether they are there has not been seen."""


def places(config: Path, toml: bytes, environ: Mapping[str, str] = os.environ) -> Places:
    """The places that the configuration in `toml` names, whose file is `config`; raises `ConfigFaults`.

    `$CREDENTIALS_DIRECTORY` is the folder `secrets` beside the configuration where the environment has none.
    """
    try:
        table = tomllib.loads(toml.decode("utf-8-sig"))
        store = Store.model_validate(table.get("store", {}))
    except (ValueError, ValidationError, RecursionError):
        raise ConfigFaults([Fault("config", f"cannot be understood; run: a1gateway check-config {config}")]) from None
    a1 = table.get("a1")
    environ = {"CREDENTIALS_DIRECTORY": str(folder_beside(config)), **environ}
    return Places(
        config,
        toml,
        store.file,
        Path(store.spool).absolute(),
        isinstance(a1, dict) and a1.get("transport") == "smpp",
        dict(_secret_files(table, SecretFiles(config.absolute().parent, environ))),
    )


def read_places(config: Path) -> Places:
    """The same of a file; raises `ConfigFaults`."""
    try:
        toml = config.read_bytes()
    except OSError as error:
        raise ConfigFaults([Fault("config", f"cannot be read: {error.strerror}")]) from None
    return places(config, toml)


def _secret_files(table: Mapping[str, Any], files: SecretFiles) -> Iterator[tuple[str, Path]]:
    for place, section in SECTIONS.items():
        if place in LISTS:
            continue
        found: Any = table
        for name in place:
            found = found.get(name) if isinstance(found, dict) else None
        for name in section.secrets() if isinstance(found, dict) else ():
            key = f"{name}_file"
            if key in found:
                try:
                    yield ".".join((*place, key)), files.path_of(found[key])
                except ValueError as problem:
                    raise ConfigFaults([Fault(".".join((*place, key)), str(problem))]) from None

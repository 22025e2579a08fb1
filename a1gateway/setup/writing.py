"""What was answered, on disk: secrets in files of their own, the configuration beside a copy of what it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..files_on_disk import as_a_whole
from ..hours import MINSK
from .config_text import anew, with_values
from .place import ServerPlaces
from .units import shipped

_EXAMPLE = "a1gateway.example.toml"


@dataclass
class Written:
    """What has become of the files."""

    made: list[Path] = field(default_factory=list)
    changed: list[Path] = field(default_factory=list)
    tightened: list[Path] = field(default_factory=list)
    """Others could read these."""
    copy: Path | None = None
    """The configuration as it was."""
    anew: bool = False
    """Whether the comments of the configuration could not be kept."""


def write(
    places: ServerPlaces, table: Mapping[str, Any], files: Mapping[str, str], present: str | None, now: float
) -> Written:
    """Write what differs from what is there; raises `OSError`.

    `files` are the secrets by the names of their files, `present` the configuration's text as it is, if it is there;
    `now` is for the name of its copy.
    """
    written = Written()
    places.config.parent.mkdir(parents=True, exist_ok=True)
    places.secrets.mkdir(parents=True, exist_ok=True, mode=0o700)
    _tighten(places.secrets, 0o700, written)
    # The secrets first: a configuration that names files that are not there would not be one.
    for name, secret in files.items():
        _write_secret(places.secrets / name, secret, written)
    _write_config(places.config, table, present, now, written)
    return written


def _write_secret(path: Path, secret: str, written: Written) -> None:
    there = path.is_file()
    if there:
        _tighten(path, 0o600, written)
        if path.read_bytes().strip() == secret.encode():
            return
    with as_a_whole(path, "utf-8") as file:
        file.write(f"{secret}\n" if secret else "")
    (written.changed if there else written.made).append(path)


def _write_config(path: Path, table: Mapping[str, Any], present: str | None, now: float, written: Written) -> None:
    text = None if present is None else with_values(present, table)
    if text is None:
        written.anew = present is not None
        text = with_values(shipped(_EXAMPLE), table) or anew(table)
    if text == present:
        return
    mode, owner = 0o644, (-1, -1)
    if present is not None:
        was = path.stat()
        mode, owner = stat.S_IMODE(was.st_mode), (was.st_uid, was.st_gid)
        written.copy = _unused(
            path.with_name(f"{path.name}.before-{datetime.fromtimestamp(now, MINSK):%Y%m%d-%H%M%S}")
        )
        with as_a_whole(written.copy, "utf-8") as file:
            file.write(present)
    with as_a_whole(path, "utf-8", mode) as file:
        # The daemon reads it, whoever that is here.
        os.fchown(file.fileno(), *owner)
        file.write(text)
    (written.made if present is None else written.changed).append(path)


def _tighten(path: Path, mode: int, written: Written) -> None:
    if stat.S_IMODE(path.stat().st_mode) & ~mode:
        path.chmod(mode)
        written.tightened.append(path)


def _unused(path: Path) -> Path:
    tries = (path if not n else path.with_name(f"{path.name}-{n}") for n in range(1000))
    return next(each for each in tries if not each.exists())

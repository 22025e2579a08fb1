"""Secrets that stand in files of their own: `x_file` in place of `x`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

# Far more than any secret; keeps a path such as /dev/zero from filling the memory.
_LONGEST = 64 * 1024

Place = tuple[str, ...]
"""Where a key stands: the names of its sections and its own."""


class SecretFiles:
    """Reads the secrets of a table and remembers what was wrong, by place.

    A relative path counts from `directory`; `$NAME` and `${NAME}` in it are taken from `environ`, `$$` is the
    character itself. The texts never repeat a path that could not be read: it may be the secret itself, pasted there.
    """

    def __init__(self, directory: str | os.PathLike[str], environ: Mapping[str, str]) -> None:
        self.faults: dict[Place, str] = {}
        self.warnings: dict[Place, str] = {}
        self.read_from: dict[Place, Place] = {}
        self._directory = directory
        self._environ = environ

    def fill_in(self, table: Mapping[str, object], names: Iterable[str], place: Place) -> dict[str, object]:
        """A copy of the section at `place`, with the secrets `names` themselves in place of their files."""
        filled = dict(table)
        for name in names:
            name_of_file = f"{name}_file"
            if name_of_file not in filled:
                continue
            given = filled.pop(name_of_file)
            at = (*place, name_of_file)
            if name in filled:
                self.faults[at] = f"given together with {name}; keep one of the two"
                continue
            try:
                filled[name] = self._read(given, at)
                self.read_from[*place, name] = at
            except ValueError as problem:
                self.faults[at] = str(problem)
        return filled

    def path_of(self, given: object) -> Path:
        """The file that a key such as `apikey_file` names; raises `ValueError` with what would be right."""
        if not isinstance(given, str) or not given.strip():
            raise ValueError("not a path in quotes; give the path of a file that holds the secret and nothing else")
        return Path(self._directory, self._expanded(given))

    def _read(self, given: object, at: Place) -> str:
        path = self.path_of(given)
        try:
            with open(path, "rb") as file:
                content = file.read(_LONGEST + 1)
                mode = os.fstat(file.fileno()).st_mode
        except OSError as error:
            raise ValueError(
                f"cannot be read: {error.strerror}; give a path from / or from the folder of the configuration"
            ) from None
        except ValueError:
            raise ValueError("not a path; give the path of a file that holds the secret") from None
        if len(content) > _LONGEST:
            raise ValueError("too large for a secret; give a file that holds the secret and nothing else")
        if others_may_read(mode) and not self._is_credential(path, mode):
            self.warnings[at] = f"not for its owner alone (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}"
        try:
            return content.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError("not text in UTF-8; give a file that holds the secret and nothing else") from None

    def _expanded(self, given: str) -> str:
        try:
            return Template(given).substitute({name: value for name, value in self._environ.items() if value})
        except KeyError as missing:
            hint = (
                " (systemd sets it for a unit with LoadCredential=)"
                if "CREDENTIALS_DIRECTORY" in missing.args
                else ""
            )
            raise ValueError(
                f"the environment has no {missing.args[0]}{hint}; set it or give the whole path"
            ) from None
        except ValueError:
            raise ValueError(
                'a "$" has to begin a variable such as ${CREDENTIALS_DIRECTORY}; write $$ for a "$"'
            ) from None

    def _is_credential(self, path: Path, mode: int) -> bool:
        # systemd lets the unit's user in by an access list, which shows as a mode of 0440; nobody else gets that far.
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        return bool(directory) and path.is_relative_to(str(directory)) and not mode & 0o037


def folder_beside(config: str | os.PathLike[str]) -> Path:
    """The folder that holds the secrets of the configuration in the file `config`, where nothing else is said."""
    return Path(config).absolute().parent / "secrets"


def beside(config: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """`environ` for whoever reads the configuration in the file `config`.

    Where that has no `CREDENTIALS_DIRECTORY`, as for a command that an operator runs, it is the folder `secrets`
    beside the file, if there is one.
    """
    folder = folder_beside(config)
    if environ.get("CREDENTIALS_DIRECTORY") or not folder.is_dir():
        return environ
    return {**environ, "CREDENTIALS_DIRECTORY": str(folder)}


def others_may_read(mode: int) -> bool:
    """Whether a file of this `st_mode` is open to more than its owner; only regular files count."""
    return stat.S_ISREG(mode) and bool(mode & 0o077)

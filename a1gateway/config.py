"""The configuration: one TOML file, checked as a whole before anything starts.

Every fault is found at once and names its key, as in `a1.smpp.port: 70000 is not a port; ...`.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from .config_secrets import Place, SecretFiles, beside, others_may_read
from .config_sections import (
    A1,
    LISTS,
    SECTIONS,
    A1Callback,
    A1Http,
    A1Smpp,
    Alarms,
    Automation,
    Bitrix24,
    Config,
    Consent,
    Http,
    Log,
    Polling,
    Scenario,
    Section,
    Store,
)
from .config_values import Fault, Misfit, Rule, is_loopback, printable
from .errors import CannotStart
from .text import segments

__all__ = [
    "A1",
    "A1Callback",
    "A1Http",
    "A1Smpp",
    "Alarms",
    "Automation",
    "Bitrix24",
    "Config",
    "ConfigFaults",
    "Consent",
    "Fault",
    "Http",
    "Log",
    "Polling",
    "Scenario",
    "Store",
    "check",
    "check_table",
    "load",
    "main",
    "parsed",
    "read",
]


class ConfigFaults(CannotStart):
    """The configuration cannot be used; `faults` are all there are, in the order of the sections."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load(path: str | os.PathLike[str]) -> Config:
    """The configuration in the file at `path`; raises `ConfigFaults`."""
    toml, mode = read(path)
    return check(toml, Path(path).parent, environ=beside(path), mode=mode)


def read(path: str | os.PathLike[str]) -> tuple[str, int]:
    """What stands in the file at `path`, and its `st_mode`; raises `ConfigFaults`."""
    problem = ""
    try:
        with open(path, "rb") as file:
            content = file.read()
            mode = os.fstat(file.fileno()).st_mode
        # Editors on Windows put a byte order mark in front.
        toml = content.decode("utf-8-sig")
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: not UTF-8; save the file in that encoding"
    except ValueError:
        problem = "not a path; give the name of a file"
    if problem:
        raise ConfigFaults([Fault("config", problem)])
    return toml, mode


def check(
    toml: str, directory: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ, mode: int = 0
) -> Config:
    """The configuration in `toml`; raises `ConfigFaults`.

    Relative paths of secrets count from `directory`, variables in them come from `environ`. `mode` is the `st_mode`
    of the file that the text stood in, if it stood in one: others had better not read secrets there.
    """
    return check_table(parsed(toml), directory, environ=environ, mode=mode)


def parsed(toml: str) -> dict[str, object]:
    """What `toml` says, not yet checked; raises `ConfigFaults` for what is no TOML."""
    table: dict[str, object] = {}
    problem = ""
    try:
        # With a line end behind the last line, what is wrong in it is found there and not "at end of document".
        table = tomllib.loads(f"{toml}\n")
    except tomllib.TOMLDecodeError as error:
        problem = _in_plain_words(str(error), toml)
    except (ValueError, RecursionError):
        # Python's own limits: digits of a number, depth of nesting.
        problem = "a number too long or lists too deep to be read"
    if problem:
        raise ConfigFaults([Fault("config", problem)])
    return table


def check_table(
    table: Mapping[str, object],
    directory: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] = os.environ,
    mode: int = 0,
) -> Config:
    """What `check` does, for TOML that has been parsed."""
    files = SecretFiles(directory, environ)
    filled = _filled(table, (), files)
    faults = dict(files.faults)
    config = None
    try:
        config = Config.model_validate(filled)
    except ValidationError as error:
        for place, problem in _translated(error, files):
            faults.setdefault(place, problem)
    # Raised out here, so that the values in pydantic's error do not travel along as the context of ours.
    if config is None or faults:
        raise ConfigFaults(_in_order(faults.items()))
    plain = [
        (*place, name)
        for place, section in SECTIONS.items()
        for name in section.secrets()
        if (*place, name) not in files.read_from and _secret(config, (*place, name))
    ]
    open_files = list(files.warnings.items())
    if others_may_read(mode) and plain:
        names = ", ".join(map(_key, plain))
        mode_of_file = f"{stat.S_IMODE(mode):04o}"
        open_files.append(
            ((), f"not for its owner alone (mode {mode_of_file}), with {names} in it; run chmod 600 on it")
        )
    doubts = [(files.read_from.get(place, place), problem) for place, problem in _doubts(config)]
    config._warnings = tuple(_in_order(open_files + doubts))
    config._open_files = tuple(_in_order(open_files))
    return config


def main(path: str, stdout: TextIO, stderr: TextIO, look: Callable[[Config], int | None] = lambda config: 0) -> int:
    """`a1gateway check-config`: faults or warnings to `stderr`, one a line; returns the exit status.

    `look` goes on with a file without faults, for what the file alone does not show, and has the last word; None when
    it could not look.
    """
    try:
        config = load(path)
    except ConfigFaults as faults:
        stderr.write(f"{faults}\n")
        return 1
    for warning in config.warnings:
        stderr.write(f"warning: {warning}\n")
    status = look(config)
    if not status:
        stdout.write(f"{path}: ok\n")
    if status is None:
        stdout.write("Bitrix24 has not been asked for what the file names: the daemon does not run with it\n")
    return status or 0


def _filled(table: Mapping[str, object], place: Place, files: SecretFiles) -> dict[str, object]:
    filled = files.fill_in(table, SECTIONS[place].secrets(), place)
    for name, value in filled.items():
        if (*place, name) in SECTIONS and isinstance(value, dict):
            filled[name] = _filled(value, (*place, name), files)
    return filled


def _secret(config: Config, place: Place) -> str:
    value: Any = config
    for name in place:
        value = getattr(value, name, None)
    return value.get_secret_value() if isinstance(value, SecretStr) else ""


def _doubts(config: Config) -> Iterator[tuple[Place, str]]:
    """What is allowed and yet probably wrong."""
    host = urlsplit(config.http.public_url).hostname or ""
    if "." not in host and not is_loopback(host):
        yield ("http", "public_url"), "the host has no dot in its name; Bitrix24 does not call such addresses"
    for place in (("a1", "callback", "secret"), ("bitrix24", "handler_secret")):
        if 0 < len(_secret(config, place)) < 16:
            yield place, "under 16 characters can be guessed; make one with: openssl rand -hex 32"
    if config.a1.smpp is not None:
        smpp = config.a1.smpp
        lengths = {
            "system_id": len(smpp.system_id),
            "password": len(smpp.password),
            "system_type": len(smpp.system_type),
        }
        for name, longest in (("system_id", 15), ("password", 8), ("system_type", 12)):
            if lengths[name] > longest:
                yield ("a1", "smpp", name), f"SMPP 3.4 has room for {longest} characters; A1 may refuse the bind"
        if smpp.ca_file is not None and not smpp.tls:
            yield ("a1", "smpp", "ca_file"), "not used with tls = false"
    if not config.bitrix24.client_id:
        yield (
            ("bitrix24", "client_id"),
            "empty; copy client_id and client_secret from Bitrix24 once the application is saved there",
        )
    for number, scenario in enumerate(config.scenario):
        if scenario.kind == "marketing" and config.consent is None:
            yield (
                ("scenario", str(number), "kind"),
                "without a section [consent] marketing SMS go to nobody; add it, or send what nobody has to agree to",
            )
        least, most = segments(scenario.text.literal), config.a1.max_segments
        if least > most:
            yield (
                ("scenario", str(number), "text"),
                f"at least {least} segments, and a1.max_segments is {most}: no SMS goes out; write a shorter text",
            )


def _translated(error: ValidationError, files: SecretFiles) -> Iterator[tuple[Place, str]]:
    """Pydantic's findings as places and our own texts."""
    for found in error.errors(include_url=False):
        place = tuple(map(str, found["loc"]))
        section, name = _model(place[:-1]), place[-1]
        match found["type"]:
            case "missing":
                if (*place[:-1], f"{name}_file") in files.faults:
                    continue
                problem = "missing; " + _wanted(section, name)
            case "extra_forbidden":
                problem = _unknown(place, "section" if isinstance(found["input"], dict) else "key")
            case "model_type":
                problem = f"not a section; write [{'.'.join(place)}] on a line of its own"
            case "list_type":
                problem = f"not a list of sections; write [[{'.'.join(place)}]] on a line of its own"
            case "value_error":
                misfit = found["ctx"]["error"]
                problem = str(misfit)
                if isinstance(misfit, Misfit) and misfit.key:
                    place = (*place[:-1], misfit.key)
            case _:
                problem = "not what it should be; see config/a1gateway.example.toml"
        yield files.read_from.get(place, place), problem


def _wanted(section: type[Section], name: str) -> str:
    field = section.model_fields[name]
    if name in section.secrets():
        return f"give {name} or {name}_file"
    rights = [rule.right for rule in field.metadata if isinstance(rule, Rule)]
    return f"give {rights[0]}" if rights else f"write {field.description}"


def _unknown(place: Place, noun: str) -> str:
    name = place[-1][:60]
    homes = [home for home, section in SECTIONS.items() if name in _keys(section)]
    if len(homes) == 1:
        return f"unknown {noun} here; it belongs in " + (f"[{'.'.join(homes[0])}]" if homes[0] else "no section")
    near = difflib.get_close_matches(name.lower(), _keys(_model(place[:-1])), 1)
    if near:
        return f"unknown {noun}; did you mean {near[0]}?"
    return f"unknown {noun}; remove it, or see config/a1gateway.example.toml for what there is"


def _keys(section: type[Section]) -> list[str]:
    """Every key of a section in the order of the model, files of secrets after their secrets."""
    secrets = section.secrets()
    return [key for name in section.model_fields for key in (name, f"{name}_file")[: 1 + (name in secrets)]]


def _in_order(found: Iterable[tuple[Place, str]]) -> list[Fault]:
    """In the order of the sections and of the keys in them, unknown keys last."""

    def rank(one: tuple[Place, str]) -> list[int]:
        place, ranks = one[0], []
        for depth, name in enumerate(place):
            keys = _keys(_model(place[:depth]))
            ranks.append(int(name) if _is_entry(place[: depth + 1]) else len(keys))
            if name in keys:
                ranks[-1] = keys.index(name)
        return ranks

    return [Fault(_key(place), problem) for place, problem in sorted(found, key=rank)]


def _key(place: Place) -> str:
    """The key as an operator writes it; `config` for the file as a whole."""
    bare = re.compile(r"[A-Za-z0-9_-]{1,60}")
    key = ""
    for depth, name in enumerate(place):
        if _is_entry(place[: depth + 1]):
            # As people count.
            key += f"[{int(name) + 1}]"
        else:
            key += f".{name}" if bare.fullmatch(name) else f'."{printable(name)}"'
    return key.removeprefix(".") or "config"


def _model(place: Place) -> type[Section]:
    """The model of the section at a place."""
    return SECTIONS[place[:1] if place[:1] in LISTS else place]


def _is_entry(place: Place) -> bool:
    """Whether this is the place of one of several sections of a name, such as the first `[[scenario]]`."""
    return len(place) == 2 and place[:1] in LISTS and place[1].isdecimal()


_PLAIN_WORDS = {
    "Invalid value": 'no value; text stands in "quotes", true and false in small letters',
    "Invalid statement": "neither a [section] nor a key = value",
    "Cannot overwrite a value": "the same key a second time; keep one",
    "Cannot declare": "the same section a second time; keep one",
    "Illegal character '\\n'": "a text without its closing quote",
    "Unterminated string": "a text without its closing quote",
    "Expected \"'": "a text without its closing quote",
    "Unescaped '\\' in a string": "a backslash in a text; write two, or put the text in 'single quotes'",
}


def _in_plain_words(error: str, toml: str) -> str:
    """An error of tomllib, which ends in "(at line 3, column 7)" or "(at end of document)", the place first."""
    what, _, where = error.rpartition(" (at ")
    if not where.startswith("line "):
        lines = toml.split("\n")
        where = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    plain = next((plain for begin, plain in _PLAIN_WORDS.items() if what.startswith(begin)), f"not TOML: {what}")
    return f"{where.rstrip(')')}: {plain}"

"""The configuration as it is going to be, with its secrets in the clear until they are written to their files."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

from ..config import ConfigFaults, check_table
from ..config_secrets import Place
from ..config_sections import SECTIONS, Config, Section
from ..config_values import Fault
from .place import BY_SYSTEMD, ServerPlaces, name_of_file

_CREDENTIALS = "${CREDENTIALS_DIRECTORY}/"
_API = "https://smart-sender.a1.by/api/"
_CALLBACK: Place = ("a1", "callback", "secret")
_HANDLER: Place = ("bitrix24", "handler_secret")

Table = dict[str, Any]


class Draft:
    """Begins as what there is, takes answers, is checked by the configuration's own rules."""

    def __init__(self, present: Mapping[str, Any], places: ServerPlaces) -> None:
        """`present` is the configuration that is there, unchecked, or empty.

        Raises `OSError` and `UnicodeDecodeError` for the files of its secrets.
        """
        self.table: Table = copy.deepcopy(dict(present))
        self._new = not present
        self._places = places
        self._forms: dict[Place, str] = {}
        self._left: dict[Place, object] = {}
        """Secrets that stand in the configuration itself, where somebody wanted them."""
        for place in _secrets():
            self._take_in(place)

    def get(self, place: Place) -> object:
        """The value of a key; None when it is not given."""
        section = self._section(place[:-1])
        return None if section is None else section.get(place[-1])

    def set(self, place: Place, value: object) -> None:
        """Give a key a value; None takes it out, and with the last key of a section that too."""
        section = self._section(place[:-1], make=value is not None)
        if section is None:
            return
        section.pop(f"{place[-1]}_file", None)
        section.pop(place[-1], None)
        if value is not None:
            section[place[-1]] = value
        elif not section:
            self.set(place[:-1], None)

    def is_given(self, place: Place) -> bool:
        """Whether a key has a value, or a secret a file of its own."""
        section = self._section(place[:-1])
        return section is not None and any(name in section for name in (place[-1], f"{place[-1]}_file"))

    def lay_over(self, answers: Mapping[str, Any]) -> None:
        """Let what `answers` say go before what is there."""
        _lay_over(self.table, copy.deepcopy(dict(answers)), ())

    def complete(self) -> None:
        """Give what nobody has to be asked for: secrets of the gateway's own, and what is empty for now."""
        if self.get(("a1", "transport")) in (None, "http"):
            self._otherwise(("a1", "http", "url"), _API)
            self._otherwise(_CALLBACK, secrets.token_hex(32))
        elif self._section(_CALLBACK[:-1]) is not None:
            self._otherwise(_CALLBACK, secrets.token_hex(32))
        self._otherwise(("bitrix24", "client_id"), "")
        self._otherwise(("bitrix24", "client_secret"), "")
        self._otherwise(_HANDLER, secrets.token_hex(32))
        if self._new and self._places.for_systemd:
            self._otherwise(("http", "listen"), BY_SYSTEMD)

    def checked(self) -> Config:
        """The configuration; raises `ConfigFaults`."""
        return check_table(self.table, self._places.config.parent, environ=self._places.environ)

    def faults(self) -> tuple[Fault, ...]:
        """What the configuration's own rules find."""
        try:
            self.checked()
        except ConfigFaults as found:
            return found.faults
        return ()

    def written(self) -> tuple[Table, dict[str, str]]:
        """The configuration as it stands in its file, and the contents of the files of secrets by name.

        Only for a draft without faults.
        """
        table, files = copy.deepcopy(self.table), dict[str, str]()
        for place in _secrets():
            section = _section_of(table, place[:-1])
            name = place[-1]
            if section is None or name not in section or section[name] == self._left.get(place):
                continue
            files[name_of_file(place)] = str(section[name]).strip()
            form = self._forms.get(place) or self._form(place)
            # Where the secret stood, so that a file without comments has its keys in order too.
            renamed = {f"{key}_file" if key == name else key: value for key, value in section.items()}
            renamed[f"{name}_file"] = form
            section.clear()
            section.update(renamed)
        return table, files

    def _take_in(self, place: Place) -> None:
        """Secrets in files of ours are read; those elsewhere stay where they are until they are changed."""
        section = self._section(place[:-1])
        if section is None:
            # The configuration is gone, or has never been; what the gateway has made for itself is good still.
            if self._new and place in (_CALLBACK, _HANDLER):
                self._kept(place)
            return
        name = place[-1]
        if name in section:
            self._left[place] = section[name]
            return
        form = section.get(f"{name}_file")
        if isinstance(form, str) and self._is_ours(form, place):
            self._forms[place] = form
            del section[f"{name}_file"]
            self._kept(place)

    def _kept(self, place: Place) -> None:
        path = self._places.secret(place)
        try:
            value = path.read_text("utf-8-sig").strip()
        except FileNotFoundError:
            return
        if value or place == ("bitrix24", "client_secret"):
            self.set(place, value)

    def _form(self, place: Place) -> str:
        if self._places.for_systemd:
            return _CREDENTIALS + name_of_file(place)
        return str(self._places.secret(place)).replace("$", "$$")

    def _is_ours(self, form: str, place: Place) -> bool:
        try:
            path = Template(form).substitute(CREDENTIALS_DIRECTORY=str(self._places.secrets))
        except (KeyError, ValueError):
            return False
        return self._places.config.parent / path == self._places.secret(place)

    def _otherwise(self, place: Place, value: str) -> None:
        if not self.is_given(place):
            self.set(place, value)

    def _section(self, place: Place, *, make: bool = False) -> Table | None:
        return _section_of(self.table, place, make=make)


def _section_of(table: Table, place: Place, *, make: bool = False) -> Table | None:
    for name in place:
        if make and name not in table:
            table[name] = {}
        if not isinstance(table.get(name), dict):
            return None
        table = table[name]
    return table


def _secrets() -> Iterator[Place]:
    for place, section in SECTIONS.items():
        for name in section.secrets():
            yield (*place, name)


def _lay_over(table: Table, answers: Table, place: Place) -> None:
    section: type[Section] | None = SECTIONS.get(place)
    for name, value in answers.items():
        if isinstance(value, dict) and isinstance(table.get(name), dict) and (*place, name) in SECTIONS:
            _lay_over(table[name], value, (*place, name))
            continue
        for secret in section.secrets() if section is not None else []:
            # Of the two forms of a secret the answer's counts.
            other = {secret: f"{secret}_file", f"{secret}_file": secret}.get(name)
            if other is not None and other not in answers:
                table.pop(other, None)
        table[name] = value

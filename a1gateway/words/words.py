"""What is said in a language, and how moments, numbers and money are written in it.

Russian, Belarusian and English. Bitrix24 has no Belarusian of its own, so the pages let the visitor choose it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent

from ..hours import MINSK
from .catalogue import catalogue, names

LANGUAGES = ("ru", "be", "en")
_MOBILE = re.compile(r"\+375(\d\d)(\d{3})(\d\d)(\d\d)", re.ASCII)
# Bitrix24's words for languages whose readers understand Russian best.
_KNOWN = {"by": "be", "ua": "ru", "kz": "ru", "": "ru"}


def language_of(portal: str) -> str:
    """The language of the pages for the portal's word for the user's, `LANG`."""
    word = portal.strip().lower()[:2]
    known = _KNOWN.get(word, word)
    return known if known in LANGUAGES else "en"


class Words:
    """The words of one language, from all catalogues."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts: Mapping[str, str] = {
            key: text for name in names() for key, text in catalogue(name, language).items()
        }
        self._locale = Locale(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key`, with its fields filled; raises `KeyError` when there is none."""
        text: str = self._texts[key]
        return text.format(**values) if values else text

    def known(self, key: str, otherwise: str) -> str:
        """The text of `key`, or something else when there is none: for words that outside parties choose."""
        return self._texts.get(key, otherwise)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts

    def sent_by(self, word: str) -> str:
        """Who sent messages, for a word of the journal's `origins`."""
        of, _, name = word.partition(":")
        otherwise = self.known(f"sent_by.{of}", of) + (f": {name}" if name else "")
        return self.known(f"sent_by.{word}", otherwise)

    def failed(self, status: str, reason: str | None) -> str:
        """How a message has failed, in a word or two."""
        return self.known(f"reason.{reason or status}", reason or self(f"status.{status}"))

    def about_failure(self, status: str, reason: str | None, what: str) -> str:
        """The `why` of it, or what to `do`; where nothing is known of the reason, of the status."""
        known_of = reason if reason and self.has(f"reason.{reason}.why") else status
        return self.known(f"reason.{known_of}.{what}", self.known(f"status.{status}.{what}", ""))

    def count(self, key: str, number: int) -> str:
        """A number with its noun: `key` with the plural form that the language has for it, such as `.few`."""
        form = f"{key}.{self._locale.plural_form(number)}"
        return self._texts.get(form, self._texts[f"{key}.other"]).format(number=self.number(number))

    def noun(self, key: str, number: int) -> str:
        """The same without the number, where that stands by itself."""
        form = f"{key}.{self._locale.plural_form(number)}"
        return self._texts.get(form, self._texts[f"{key}.other"])

    def number(self, value: float | Decimal, digits: int = 0) -> str:
        """A number with so many digits behind the point at most."""
        return str(format_decimal(value, "#,##0" + ("." + "#" * digits if digits else ""), locale=self._locale))

    def money(self, amount: Decimal | None) -> str:
        """BYN to the kopek, or finer where A1 counts finer; a dash when it is not known."""
        return "—" if amount is None else f"{format_decimal(amount, '#,##0.00##', locale=self._locale)} BYN"

    def phone(self, number: str) -> str:
        """A Belarusian mobile number as people write it; anything else as it is."""
        found = _MOBILE.fullmatch(number)
        return number if found is None else "+375 {} {}-{}-{}".format(*found.groups())

    def percent(self, share: float) -> str:
        """A share of 1."""
        return format_percent(share, "#,##0.#%" if self.language == "en" else "#,##0.# %", locale=self._locale)

    def moment_in(self, form: str, moment: datetime) -> str:
        """A moment in a form of Unicode's (LDML), such as `d MMM`, as clocks in Minsk show it."""
        return str(format_datetime(moment.astimezone(MINSK), form, locale=self._locale))

    def moment(self, seconds: float) -> str:
        """A moment to the second, as clocks in Minsk show it."""
        return _written(seconds, "dd.MM.y HH:mm:ss", self._locale)

    def clock(self, seconds: float) -> str:
        """The same without its day, for what is hardly ever further away than that."""
        return _written(seconds, "HH:mm:ss", self._locale)

    def minute(self, seconds: float) -> str:
        """A moment to the minute."""
        return _written(seconds, "dd.MM.y HH:mm", self._locale)

    def day(self, seconds: float) -> str:
        """The day in Minsk."""
        return _written(seconds, "d MMMM y", self._locale)

    def duration(self, seconds: float) -> str:
        """How long something takes, in its two largest units."""
        seconds = max(0.0, seconds)
        if 0 < seconds < 10:
            return self("time.seconds", number=self.number(seconds, 1))
        whole = round(seconds)
        units = (("time.days", 86400), ("time.hours", 3600), ("time.minutes", 60), ("time.seconds", 1))
        parts: list[str] = []
        for key, size in units:
            if whole >= size or (size == 1 and not parts):
                parts.append(self(key, number=self.number(whole // size)))
                whole %= size
            elif parts:
                break
        return " ".join(parts[:2])


@cache
def words(language: str) -> Words:
    """The same, made once for each language."""
    return Words(language)


def _written(seconds: float, form: str, locale: Locale) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, MINSK), form, locale=locale)

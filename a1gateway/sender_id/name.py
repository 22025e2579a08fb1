"""What may be a Sender ID: the rule, in one place for the configuration, the automation rules and the wizard.

Eleven characters are what an alphanumeric address of an SMS holds (3GPP TS 23.040, 9.1.2.5). The characters are those
of A1's documentation, which comes with the contract. Public descriptions say "3 to 11 alphanumeric characters" of
registrations in Belarus (AWS End User Messaging, "Belarus sender ID registration") and "digits, Latin letters, spaces
and . & -" of the same kind of service elsewhere (wlaunch.net, docs.alphasms.net). Whether A1 takes every one of the
signs from every company could not be verified: its manager has the last word.
"""

from __future__ import annotations

import enum
import re
import string
from dataclasses import dataclass

from .latin import LOOK_ALIKES, in_latin

MOST_CHARACTERS = 11
"""The longest Sender ID."""
SIGNS = " ._-&!"
"""What it may have besides Latin letters and digits."""
RULE = "up to 11 Latin letters, digits, spaces and . _ - & !, not digits alone"
"""The rule for the operator."""

_ALLOWED = frozenset(string.ascii_letters + string.digits + SIGNS)
SENDER_ID = re.compile(rf"(?![0-9]+\Z)(?! )[A-Za-z0-9{re.escape(SIGNS)}]{{1,{MOST_CHARACTERS}}}(?<! )")
"""Fits a Sender ID as a whole (`fullmatch`)."""


class NameFault(enum.StrEnum):
    """Why a name cannot be a Sender ID."""

    EMPTY = "empty"
    """There is nothing, or nothing but blanks."""
    TOO_LONG = "too_long"
    """More than `MOST_CHARACTERS` characters."""
    NOT_LATIN = "not_latin"
    """Letters of another alphabet, or with accents. The most treacherous look exactly like Latin ones."""
    NOT_ALLOWED = "not_allowed"
    """Characters other than letters that A1 does not allow."""
    DIGITS_ALONE = "digits_alone"
    """Digits and nothing else: that would be a number."""
    OUTER_SPACE = "outer_space"
    """A space at the beginning or at the end, which nobody sees."""


@dataclass(frozen=True, slots=True)
class FaultOfName:
    """One fault of a wanted name."""

    fault: NameFault
    characters: str = ""
    """The characters that it is about, each once, in the name's order; empty where it is about the whole name."""

    @property
    def look_alikes(self) -> dict[str, str]:
        """Those of the characters that look like a Latin letter, with that letter."""
        return {each: LOOK_ALIKES[each] for each in self.characters if each in LOOK_ALIKES}


def faults_of(name: str) -> list[FaultOfName]:
    """Everything for which `name` cannot be a Sender ID; empty exactly when `SENDER_ID` fits it."""
    if not name.strip():
        return [FaultOfName(NameFault.EMPTY)]
    found = []
    if len(name) > MOST_CHARACTERS:
        found.append(FaultOfName(NameFault.TOO_LONG))
    foreign = dict.fromkeys(each for each in name if each not in _ALLOWED)
    letters = "".join(each for each in foreign if each.isalpha())
    if letters:
        found.append(FaultOfName(NameFault.NOT_LATIN, letters))
    others = "".join(each for each in foreign if not each.isalpha())
    if others:
        found.append(FaultOfName(NameFault.NOT_ALLOWED, others))
    if name.isascii() and name.isdigit():
        found.append(FaultOfName(NameFault.DIGITS_ALONE))
    if name.startswith(" ") or name.endswith(" "):
        found.append(FaultOfName(NameFault.OUTER_SPACE))
    return found


def suggestion_for(name: str) -> str | None:
    """A name without faults that is meant by `name`, which has some; None when there is none to offer.

    МОСТ is MOST, МагаZin is MagaZin; a name that is too long is for its owner to shorten.
    """
    if not faults_of(name):
        return None
    spelled = in_latin(" ".join(name.split()))
    kept = "".join(each for each in spelled if each in _ALLOWED or each.isalpha()).strip()
    return None if faults_of(kept) else kept

"""What A1 may object to in a name that it could technically take. Warnings: A1's manager decides, not this program.

That operators refuse the names of operators, brands without their owner's papers, common words, telephone numbers and
meaningless strings is said by public descriptions of the same service (docs.alphasms.net "How to create a sender's
name", wlaunch.net "SMS signature"; AWS, "Belarus sender ID registration": 3 to 11 characters, and evidence where the
connection between the company's name and the Sender ID is not obvious). A1's own list could not be found in public.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from .latin import in_latin
from .well_known import GENERIC_WORDS, WELL_KNOWN, Owner, WellKnown

LEAST_CHARACTERS = 3
"""Shorter names are refused by some (AWS, "Belarus sender ID registration")."""

# Of so many letters a name may be part of a longer word and is recognised with a letter or two amiss; shorter ones
# are only seen where they stand as words.
_LONG = 6
_ALMOST = 0.85
_AKIN = 0.6
_MOST_LETTERS_OF_A_NUMBER = 3
_LEAST_DIGITS_OF_A_NUMBER = 5

# Digits and signs that pass for letters, each kind by one of them.
_FOLDED = str.maketrans("0123456789l!|", "oizeasgtbgiii")
_NO_LETTER = re.compile(r"[^a-z]")
_WORDS = re.compile(r"[A-Z0-9]+(?![a-z])|[A-Z]?[a-z0-9]+")
_RUNS = re.compile(r"[A-Za-z0-9]+")
_CAPITALS = re.compile(r"[A-Z0-9]*[A-Z][A-Z0-9]*")
_OUTER_DIGITS = re.compile(r"\A[0-9]+(?=.*[A-Za-z])|(?<=[A-Za-z])[0-9]+\Z")

_QUOTED = re.compile(r"[«\"“„](.+)[»\"”“]")
_FORMS = (
    "aktsionernoe ao chastnoe chptup chpup chsup chtpup chtup chup co dopolnitelnoy filial i ichtup ichup inc",
    "individualnyy inostrannoe iooo ip jsc kommunalnoe kup kuup llc ltd oao obschestvo odo ogranichennoy okazaniyu",
    "oo ooo otkrytoe otvetstvennostyu pao po predprinimatel predpriyatie proizvodstvennoe respublikanskoe rup s",
    "sooo sovmestnoe torgovoe uchrezhdenie unitarnoe up upp uslug zakrytoe zao",
)
_LEGAL_FORMS = frozenset(word for line in _FORMS for word in line.split())
# How the same sound is spelled by one and another.
_SOUNDS = (
    ("shch", "sh"),
    ("sch", "sh"),
    ("kh", "h"),
    ("ph", "f"),
    ("ck", "k"),
    ("ts", "c"),
    ("tz", "c"),
    ("qu", "kv"),
    ("x", "ks"),
    ("w", "v"),
    ("y", "i"),
    ("j", "i"),
)
_TWICE = re.compile(r"(.)\1+")


class Conflict(enum.StrEnum):
    """What A1 may ask about, or refuse the name for."""

    WELL_KNOWN = "well_known"
    """It looks like the name of somebody whom subscribers trust: without papers for it, a likely refusal."""
    GENERIC = "generic"
    """It is made of common words and names nobody."""
    PHONE_NUMBER = "phone_number"
    """It reads as a telephone number or a short number."""
    NO_LETTERS = "no_letters"
    """Signs and nothing else: it says nothing."""
    SHORT = "short"
    """It has fewer than `LEAST_CHARACTERS` letters and digits."""
    NOT_THE_COMPANY = "not_the_company"
    """It does not follow from the company's own name: the right to it has to be shown (a trade mark, a domain)."""


@dataclass(frozen=True, slots=True)
class LikelyConflict:
    """One thing that A1 may object to."""

    conflict: Conflict
    like: str = ""
    """Of `WELL_KNOWN` the name that it looks like."""
    owner: Owner | None = None
    """Of `WELL_KNOWN` whose name that is."""


def conflicts_of(name: str, company: str = "") -> list[LikelyConflict]:
    """What A1 may object to in `name` that `company` (empty: not known yet) wants, the gravest first.

    Meant for names without faults; of any other text it says something all the same.
    """
    found = _well_known(name, company)
    letters = sum(each.isalpha() for each in name)
    digits = sum(each.isdigit() for each in name)
    if digits and (not letters or (digits >= _LEAST_DIGITS_OF_A_NUMBER and letters <= _MOST_LETTERS_OF_A_NUMBER)):
        found.append(LikelyConflict(Conflict.PHONE_NUMBER))
    if not letters and not digits:
        found.append(LikelyConflict(Conflict.NO_LETTERS))
    elif letters + digits < LEAST_CHARACTERS:
        found.append(LikelyConflict(Conflict.SHORT))
    if _is_generic(name):
        found.append(LikelyConflict(Conflict.GENERIC))
    if company and letters and not _is_named(name, company):
        found.append(LikelyConflict(Conflict.NOT_THE_COMPANY))
    return found


def folded(text: str) -> str:
    """`text` as a hasty eye reads it: small Latin letters alone, digits taken for the letters they look like."""
    return _NO_LETTER.sub("", in_latin(text).lower().translate(_FOLDED)).replace("vv", "w").replace("rn", "m")


def _words(name: str) -> set[str]:
    """The words of a name as a hasty eye reads them, however they are put together: A1Info, MTS-by, life24."""
    spelled = in_latin(name)
    found = {each for form in (_WORDS, _RUNS, _CAPITALS) for each in form.findall(spelled)}
    found |= {_OUTER_DIGITS.sub("", each) for each in found}
    return {folded(each) for each in found} - {""}


@cache
def _trusted() -> tuple[tuple[str, WellKnown], ...]:
    """The well-known names by how a hasty eye reads them."""
    return tuple((folded(each.name), each) for each in WELL_KNOWN)


def _well_known(name: str, company: str) -> list[LikelyConflict]:
    """The well-known name that `name` looks like most, unless it is the company's own."""
    read, words = folded(name), _words(name)
    alike = [(trusted, each) for trusted, each in _trusted() if _is_like(trusted, read, words)]
    if not alike or (company and any(_sound(each.name) in _own(company) for _, each in alike)):
        return []
    _, most = max(alike, key=lambda one: SequenceMatcher(None, one[0], read).ratio())
    return [LikelyConflict(Conflict.WELL_KNOWN, most.name, most.owner)]


def _is_like(trusted: str, read: str, words: set[str]) -> bool:
    if trusted == read or trusted in words:
        return True
    if len(trusted) < _LONG:
        return False
    return trusted in read or any(_ratio(each, trusted) >= _ALMOST for each in (read, *words))


def _ratio(one: str, other: str) -> float:
    """How much alike two texts are, 0 to 1; 0 when it is too little to matter."""
    matcher = SequenceMatcher(None, one, other)
    return matcher.ratio() if min(matcher.real_quick_ratio(), matcher.quick_ratio()) >= _AKIN else 0.0


@cache
def _generic() -> frozenset[str]:
    return frozenset(folded(each) for each in GENERIC_WORDS)


def _is_generic(name: str) -> bool:
    spelled = in_latin(name)
    words = [_OUTER_DIGITS.sub("", each) for each in _WORDS.findall(spelled)]
    named = [folded(each) for each in words if not each.isdigit()]
    together = "".join(_RUNS.findall(spelled))
    whole = {folded(together), folded(_OUTER_DIGITS.sub("", together))}
    return bool(whole & _generic()) or (bool(named) and all(each in _generic() for each in named))


def _company_words(company: str) -> list[str]:
    """What a company is called, in small Latin letters, without its legal form."""
    words = [each.lower() for each in _RUNS.findall(in_latin(company))]
    return [each for each in words if each not in _LEGAL_FORMS] or words


def _own(company: str) -> str:
    return _sound("".join(_company_words(company)))


def _is_named(name: str, company: str) -> bool:
    """Whether `name` may well be short for the company's own name."""
    wanted = _sound(name)
    quoted = _QUOTED.search(company)
    words = _company_words(quoted[1] if quoted else company)
    if not wanted or wanted == _sound("".join(each[0] for each in words)):
        return True
    if len(wanted) >= LEAST_CHARACTERS and wanted in _own(company):
        return True
    return any(
        (len(each) >= LEAST_CHARACTERS and each in wanted) or _ratio(each, wanted) >= _AKIN
        for each in map(_sound, (*words, "".join(words)))
    )


def _sound(text: str) -> str:
    """How a name sounds, whoever spells it: small letters and digits alone."""
    text = "".join(_RUNS.findall(in_latin(text))).lower()
    for spelled, sound in _SOUNDS:
        text = text.replace(spelled, sound)
    return _TWICE.sub(r"\1", text)

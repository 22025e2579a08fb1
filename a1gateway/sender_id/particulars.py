"""A company's particulars as its application to A1 states them, read from what somebody typed."""

from __future__ import annotations

import enum
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import phonenumbers


class Wrong(enum.StrEnum):
    """What is wrong with a field."""

    MISSING = "missing"
    """Nothing was written into a field that the application needs."""
    TOO_LONG = "too_long"
    """More characters than `MOST` allows it."""
    UNP_LENGTH = "unp_length"
    """A UNP has 9 characters."""
    UNP_FORM = "unp_form"
    """A UNP is of 9 digits, or of two letters and 7 digits, and does not begin with 0, 8 or 9."""
    UNP_CHECK = "unp_check"
    """The last digit of the UNP does not follow from the others: one of them is mistyped."""
    NOT_A_PHONE = "not_a_phone"
    """It is no number that can be called."""
    NOT_AN_EMAIL = "not_an_email"
    """It is no address of electronic mail."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault, with the name of the field that it is in."""

    field: str
    wrong: Wrong


@dataclass(frozen=True, slots=True)
class Particulars:
    """Who applies. Every text is one line that can be printed."""

    company: str
    """The full name, with the legal form."""
    unp: str
    """The payer's account number: 9 characters, letters in Latin."""
    address: str
    """The legal address."""
    signatory: str
    """Who signs: family name, name and patronymic, as it is to stand under the letter."""
    position: str
    """The position of whoever signs."""
    ground: str
    """On what ground he signs: the charter, a power of attorney with its number and date."""
    contact: str
    """Whom A1's manager is to ask."""
    phone: str
    """The contact's telephone, in international form."""
    email: str
    """The contact's address of electronic mail."""
    contract: str = ""
    """Number and date of the contract with A1, if there is one already; empty otherwise."""

    def as_json(self) -> str:
        """For the journal."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Particulars:
        """What `as_json` has written, by this version or another: what is missing is empty."""
        kept = json.loads(text)
        return cls(**{each.name: str(kept.get(each.name, "")) for each in fields(cls)})


MOST: Mapping[str, int] = {
    "company": 250,
    "unp": 20,
    "address": 250,
    "signatory": 100,
    "position": 150,
    "ground": 150,
    "contact": 100,
    "phone": 50,
    "email": 100,
    "contract": 150,
    "purpose": 600,
}
"""The most characters that each field may have."""

FIELDS = tuple(each.name for each in fields(Particulars))
"""The names of the fields, in the order of the form."""
_OPTIONAL = ("contract",)
_BELARUS, _DIGITS = 375, 9
_BLANKS = re.compile(r"\s+")
# What no mail server would take is refused, and nothing else: only a message shows whether an address is right.
_EMAIL = re.compile(r"[^\s@<>(),;:\"]+@(?:[^\s@<>(),;:\".]+\.)+[^\s@<>(),;:\".]{2,}")


def read_particulars(form: Mapping[str, str]) -> Particulars | list[FieldFault]:
    """The particulars in a form whose fields have the names of `FIELDS`, or every fault, in the form's order."""
    read: dict[str, str] = {}
    faults: list[FieldFault] = []
    for name in FIELDS:
        value = _read_field(name, form.get(name, ""))
        if isinstance(value, Wrong):
            faults.append(FieldFault(name, value))
        else:
            read[name] = value
    return faults or Particulars(**read)


def read_purpose(text: str) -> str | FieldFault:
    """What the SMS will be about, or what is wrong with it."""
    purpose = _read_field("purpose", text)
    return FieldFault("purpose", purpose) if isinstance(purpose, Wrong) else purpose


def _read_field(name: str, typed: str) -> str | Wrong:
    text = printable_line(typed)
    if not text:
        return "" if name in _OPTIONAL else Wrong.MISSING
    if len(text) > MOST[name]:
        return Wrong.TOO_LONG
    if name == "unp":
        return _read_unp(text)
    if name == "phone":
        return _read_phone(text)
    if name == "email":
        return text if _EMAIL.fullmatch(text) else Wrong.NOT_AN_EMAIL
    return text


def printable_line(text: str) -> str:
    """`text` as one line of what a file can hold and a printer can print: no control characters, no runs of blanks.

    That takes away what turns the direction of writing, too: it would make a letter say something else than it holds.
    """
    shown = "".join(each for each in text if each.isspace() or not unicodedata.category(each).startswith("C"))
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", shown)).strip()


def _read_unp(text: str) -> str | Wrong:
    # Imported when somebody applies: once in a company's life.
    from stdnum.by import unp
    from stdnum.exceptions import InvalidChecksum, InvalidLength, ValidationError

    try:
        return unp.validate(text)
    except InvalidLength:
        return Wrong.UNP_LENGTH
    except InvalidChecksum:
        return Wrong.UNP_CHECK
    except ValidationError:
        return Wrong.UNP_FORM


def _read_phone(text: str) -> str | Wrong:
    try:
        number = phonenumbers.parse(text, "BY")
    except phonenumbers.NumberParseException:
        return Wrong.NOT_A_PHONE
    # New ranges are given out before the library knows of them.
    is_new = number.country_code == _BELARUS and len(str(number.national_number)) == _DIGITS
    if not (is_new or phonenumbers.is_valid_number(number)):
        return Wrong.NOT_A_PHONE
    extension, number.extension = number.extension, None
    spelled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return f"{spelled}, доб. {extension}" if extension else spelled

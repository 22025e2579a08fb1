"""Values of the CRM's fields as people in Belarus write them.

The shapes of values are those of `crm.item.*`, by Bitrix24's documentation; dates are by Minsk's clock.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from html.entities import html5
from typing import Any

from ..bitrix24.crm_answers import ids, listed, text_of
from ..bitrix24.crm_fields import CrmField
from ..hours import MINSK
from .moments import read_moment

# Only what is a code: people write [SMS], and a < b.
_TAG = re.compile(
    r"</?[a-z][^<>]{0,500}>|<!--[^<>]{0,500}-->"
    r"|\[/?(?:b|i|u|s|p|url|list|\*|color|size|font|quote|code|img|video|user|disk|table|tr|td|th|left|center|right"
    r"|justify)(?:(?:\s[^\[\]=]{1,50})?=[^\[\]]{0,300})?\]",
    re.I,
)
_BREAK = re.compile(r"<br\s*/?>|</p>", re.I)
# One with a semicolon alone: the parameter of a link that begins like one, ?a=1&currency=BYN, is none.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|(?P<name>[a-z][a-z0-9]{1,30}));", re.I)
_YES = (True, 1, "1", "Y", "y", "true")
# In the CRM's own fields a char is a flag.
_BOOLEANS = ("boolean", "bool", "char")
_CHOICES = ("enumeration", "crm_status")
_DAYS = ("date", "datetime")
PEOPLE = ("user", "employee")
"""The kinds of fields that hold users, by their ids."""
_NUMBERS = ("integer", "double", "int", "float")
_TEXTS = ("string", "string_formatted", "text", "phone", "email", "crm_currency")
_READABLE = frozenset((*_BOOLEANS, *_CHOICES, *_DAYS, *PEOPLE, *_NUMBERS, *_TEXTS, "money", "url", "address"))
_LONGEST_NUMBER = 40
_IN_BELARUS = str.maketrans({",": " ", ".": ","})
# What is no ordinary space would cost an SMS its alphabet.
_SPACES = str.maketrans(dict.fromkeys("\xa0\u2009\u202f", " "))


@dataclass(frozen=True, slots=True)
class Currency:
    """How amounts of a currency are written.

    The number has the form that people in Belarus write, whatever the portal's is: its currencies come with a decimal
    point.
    """

    form: str = "# BYN"
    """With `#` where the number stands."""
    decimals: int = 2
    hides_zero: bool = False
    """Whether an amount without a fraction is written without one."""

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Currency:
        """By one language's part of the answer of `crm.currency.localizations.get`."""
        form = _plain(text_of(described.get("FORMAT_STRING"))) or "#"
        decimals = text_of(described.get("DECIMALS"))
        return cls(
            form if "#" in form else f"# {form}",
            min(int(decimals[:3]), 8) if decimals.isascii() and decimals.isdecimal() else 2,
            described.get("HIDE_ZERO") == "Y",
        )

    def written(self, amount: Decimal) -> str:
        """The amount, rounded to its decimals, halves up as in the portal."""
        decimals = 0 if self.hides_zero and amount == amount.to_integral_value() else self.decimals
        number = f"{amount.quantize(Decimal((0, (1,), -decimals)), ROUND_HALF_UP):,f}"
        return self.form.replace("#", number.translate(_IN_BELARUS), 1)


@dataclass(frozen=True, slots=True)
class Known:
    """What the portal says that values stand for."""

    statuses: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """The names of stages, sources and so on, by the list's name and the `STATUS_ID`."""
    currencies: Mapping[str, Currency] = field(default_factory=dict)
    users: Mapping[int, str] = field(default_factory=dict)


FLAGS = {"да": ("Y", "1"), "нет": ("N", "0")}
"""What a flag is written as, with what the portal may give for it."""


def is_flag(kind: str) -> bool:
    """Whether a type of fields knows nothing but yes and no."""
    return kind in _BOOLEANS


def is_readable(kind: str) -> bool:
    """Whether the values of a type of fields can be written for people.

    Of all others the portal gives ids, or what only its own pages understand: other documents, files, bookings of
    resources, votes, the types that applications bring along.
    """
    return kind in _READABLE


def written(described: CrmField, value: Any, known: Known) -> str:
    """A field's value as people read it; empty when there is none, or none that people could read.

    An id is never written: one whose name is not known comes out empty.
    """
    if described.is_multiple or isinstance(value, (list, tuple)):
        several = (_one(described, each, known) for each in listed(value)) if not isinstance(value, str) else ()
        joined = ", ".join(each for each in several if each)
        return joined or (_one(described, value, known) if isinstance(value, str) else "")
    return _one(described, value, known)


def said_by(described: CrmField, value: Any, known: Known) -> Iterator[str]:
    """What each of a field's values can be called: as people read it, and by its id; nothing when it has none."""
    several = isinstance(value, list) or (described.is_multiple and isinstance(value, Mapping))
    for one in listed(value) if several else [value]:
        text = _one(described, one, known)
        code = text_of(one.get("id") if isinstance(one, Mapping) else one)
        # No id is 0: that is how the portal says that there is none.
        if text or code != "0":
            yield from filter(None, (text, code, *(FLAGS.get(text, ()) if is_flag(described.kind) else ())))


def event_values(moment: float) -> dict[str, str]:
    """What a template can say of the moment that a reminder is about, by the names behind `EVENT_`."""
    day = datetime.fromtimestamp(moment, MINSK)
    return {"DATE": f"{day:%d.%m.%Y}", "TIME": f"{day:%H:%M}", "DAY": f"{day:%d.%m}"}


def _one(described: CrmField, value: Any, known: Known) -> str:
    kind = described.kind
    if kind in _BOOLEANS:
        return "да" if value in _YES and not isinstance(value, float) else "нет" if _is_a_no(value) else ""
    if value is None or value == "" or isinstance(value, (bool, Mapping, list, tuple)) or not is_readable(kind):
        return ""
    if kind in _DAYS:
        return _day(text_of(value), kind)
    if kind in _CHOICES:
        return described.values.get(text_of(value), "") or _status(described, text_of(value), known)
    if kind in PEOPLE:
        return next((known.users[each] for each in ids([value]) if each in known.users), "")
    if kind == "money":
        return _money(text_of(value), known)
    if kind in _NUMBERS:
        return _number(text_of(value))
    if kind == "url":
        return text_of(value).partition("|")[0]
    if kind == "address":
        # The point on the map and the number of the address follow.
        return _plain(text_of(value).partition("|")[0])
    return _plain(text_of(value))


def _is_a_no(value: Any) -> bool:
    return value in (0, "0", "N", "n", "false") or value is False


def _status(described: CrmField, value: str, known: Known) -> str:
    named = known.statuses.get((described.status_type, value), "")
    if named or "STAGE" not in described.status_type and described.name != "STAGE_ID":
        return named
    # Stages of pipelines have lists of their own, which the field does not name.
    names = {name for (of, status), name in known.statuses.items() if status == value and "STAGE" in of}
    return names.pop() if len(names) == 1 else ""


def _day(value: str, kind: str) -> str:
    moment = read_moment(value[:10], 0.0) if kind == "date" else read_moment(value)
    if moment is None:
        return ""
    try:
        day = datetime.fromtimestamp(moment, MINSK)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{day:%d.%m.%Y}" if kind == "date" else f"{day:%d.%m.%Y %H:%M}"


def _money(value: str, known: Known) -> str:
    number, _, code = value.partition("|")
    amount = _decimal(number)
    if amount is None:
        return ""
    code = code.strip().upper()[:10]
    return known.currencies.get(code, Currency(f"# {code}".strip())).written(amount)


def _number(value: str) -> str:
    amount = _decimal(value)
    if amount is None:
        return ""
    plain = f"{amount:f}"
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain).replace(".", ",")


def _decimal(value: str) -> Decimal | None:
    try:
        amount = Decimal(value.strip()) if len(value) <= _LONGEST_NUMBER else None
    except InvalidOperation:
        return None
    # What has more digits than money ever has is no number that anybody means.
    return amount if amount is not None and amount.is_finite() and abs(amount.adjusted()) <= 18 else None


def _plain(value: str) -> str:
    """Without HTML and BB codes."""
    if "<" in value or "[" in value:
        value = _TAG.sub("", _BREAK.sub("\n", value))
    return _ENTITY.sub(_sign, value).translate(_SPACES).strip()


def _sign(entity: re.Match[str]) -> str:
    """What an entity stands for; one that HTML does not know stays."""
    name = entity["name"]
    return entity[0] if name is not None and f"{name};" not in html5 else html.unescape(entity[0])

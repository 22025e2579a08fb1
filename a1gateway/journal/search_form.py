"""A search as the fields of a form, as people fill it in and as links carry it.

The fields: `status`, as often as wanted; `kind`, `since`, `until`, `number`, `sender`, `sent_by`, `reason`; `item`
(`deal:4182`); `numbers`, as often as wanted; `campaign`. Days and times are Minsk's; `until` as a day is all of it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ..bitrix24.item import item_named, name_of
from ..hours import MINSK
from ..message import Kind, Status
from ..msisdn import Msisdn, NumberFault, read_number
from .search import WITHOUT_NAME, WITHOUT_REASON, NumberPart, Search, WholeNumber

Word = TypeVar("Word", bound=enum.StrEnum)

NONE = "-"
"""How the fields `sender` and `reason` say `WITHOUT_NAME` and `WITHOUT_REASON`: an empty field means any."""
MOST_NUMBERS = 50
_LONGEST = 200
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_AS_WRITTEN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_ID = re.compile(r"\d{1,18}", re.ASCII)


class FieldFault(enum.StrEnum):
    """What is wrong with a field, besides the faults of a number (`NumberFault`)."""

    BAD_DATE = "bad_date"
    BAD_PERIOD = "bad_period"
    """It ends before it begins."""
    BAD_ITEM = "bad_item"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for, as far as it could be understood."""

    search: Search
    faults: Mapping[str, NumberFault | FieldFault]
    """What could not, by the field's name; the search is without it."""


def read_search(fields: Mapping[str, Sequence[str]]) -> Asked:
    """The search that a form means. Never raises; fields and words that nobody knows are passed over."""
    faults: dict[str, NumberFault | FieldFault] = {}
    asked: dict[str, Any] = {}

    def one(name: str) -> str:
        return next((text for value in fields.get(name, ()) if (text := value.strip()[:_LONGEST].strip())), "")

    asked["statuses"] = frozenset(_words(Status, fields.get("status", ())))
    asked["kind"] = next(_words(Kind, fields.get("kind", ())), None)
    for name, whole_day in (("since", timedelta(0)), ("until", timedelta(days=1))):
        if text := one(name):
            moment = _moment(text, whole_day)
            if moment is None:
                faults[name] = FieldFault.BAD_DATE
            asked[name] = moment
    if (asked.get("since") or 0.0) >= (asked.get("until") or float("inf")):
        faults["until"] = FieldFault.BAD_PERIOD
        asked["until"] = None
    if text := one("number"):
        match _number(text):
            case WholeNumber(msisdn):
                asked["msisdn"] = msisdn
            case NumberPart(digits):
                asked["number_part"] = digits
            case fault:
                faults["number"] = fault
    if text := one("sender"):
        asked["sender_id"] = WITHOUT_NAME if text == NONE else text
    if text := one("reason"):
        asked["reason"] = WITHOUT_REASON if text == NONE else text
    asked["sent_by"] = one("sent_by") or None
    if text := one("item"):
        try:
            asked["item"] = item_named(text)
        except ValueError:
            faults["item"] = FieldFault.BAD_ITEM
    read = (read_number(text) for text in fields.get("numbers", ())[:MOST_NUMBERS])
    asked["numbers"] = tuple(dict.fromkeys(each.number for each in read if isinstance(each, Msisdn)))
    if _ID.fullmatch(text := one("campaign")):
        asked["campaign"] = int(text)
    return Asked(Search(**asked), faults)


def fields_of(search: Search) -> list[tuple[str, str]]:
    """The fields that `read_search` makes the search of again, each with its name."""
    fields = [("status", str(status)) for status in sorted(search.statuses)]

    def add(name: str, text: str | None) -> None:
        if text:
            fields.append((name, text))

    add("kind", search.kind)
    if search.since is not None:
        add("since", _written(search.since, timedelta(0)))
    if search.until is not None:
        add("until", _written(search.until, timedelta(days=1)))
    add("number", search.msisdn)
    if search.number_part is not None:
        means_it = Search.number(search.number_part) == NumberPart(search.number_part)
        add("number", search.number_part if means_it else f"*{search.number_part}")
    add("sender", NONE if search.sender_id == WITHOUT_NAME else search.sender_id)
    add("sent_by", search.sent_by)
    add("reason", NONE if search.reason == WITHOUT_REASON else search.reason)
    add("item", None if search.item is None else name_of(search.item))
    fields += [("numbers", number) for number in search.numbers]
    add("campaign", None if search.campaign is None else str(search.campaign))
    return fields


def _words(of: type[Word], values: Iterable[str]) -> Iterator[Word]:
    for value in values:
        with suppress(ValueError):
            yield of(value.strip().lower())


def _number(text: str) -> WholeNumber | NumberPart | NumberFault:
    """A number, or a part of one; one with an asterisk before it is a part, whatever it looks like."""
    if not text.startswith("*"):
        return Search.number(text)
    return Search.part(text)


def _moment(text: str, whole_day: timedelta) -> float | None:
    """A time in seconds since the epoch, `whole_day` after the beginning of one that is a day; None for no time."""
    written = _DAY_AS_WRITTEN.fullmatch(text)
    if written is not None:
        text = f"{written[3]}-{written[2]:0>2}-{written[1]:0>2}"
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=MINSK)
        return (moment + (whole_day if _DAY.fullmatch(text) else timedelta(0))).timestamp()
    except (ValueError, OverflowError):
        return None


def _written(at: float, whole_day: timedelta) -> str:
    moment = datetime.fromtimestamp(at, MINSK)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return (moment - whole_day).date().isoformat()
    return moment.replace(tzinfo=None).isoformat()

"""Documents of the CRM, read with whatever belongs to them, many in a request.

Sources: Bitrix24's documentation of `crm.item.*`, `crm.status.list`, `crm.currency.*` and `user.get`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.contacts import Command, Item, contacts_of, items, read_one
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE, ids, listed, phones_of, text_of
from ..bitrix24.crm_fields import CrmField, fields_of
from ..bitrix24.portal import MOST_IN_A_BATCH
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..interfaces import IPortal
from .moments import DATE_AT, moment_of
from .template import Placeholder, Prefix
from .values import Currency, Known, written

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
# How long, in seconds, what the portal says of fields, stages and currencies is believed to stay so.
_DESCRIBED_FOR = 600.0
# A name that is missing was perhaps added just now.
_LOOK_AGAIN = 30.0
_STATUS_PAGES = 10
OF_PREFIX = {Prefix.LEAD: LEAD, Prefix.DEAL: DEAL, Prefix.CONTACT: CONTACT, Prefix.COMPANY: COMPANY}
"""The types of documents that placeholders name."""
OF_PEOPLE = ("NAME", "LAST_NAME", "SECOND_NAME", "FULL_NAME")
"""The names of people."""


class Fields:
    """The fields of a type of documents, as templates and the configuration name them."""

    def __init__(self, described: Iterable[CrmField]) -> None:
        self._by_name: dict[str, CrmField] = {}
        for each in described:
            self._by_name.setdefault(each.name or each.key.upper(), each)
            self._by_name.setdefault(each.key.upper(), each)

    def get(self, name: str) -> CrmField | None:
        """The field with this name; `UF_X` is `UF_CRM_X` or a smart process's `UF_CRM_5_X`, `STAGE` is `STAGE_ID`."""
        name = name.upper()
        found = self._by_name.get(name) or self._by_name.get(f"{name}_ID")
        if found is not None or not name.startswith("UF_"):
            return found
        rest = name.removeprefix("UF_").removeprefix("CRM_")
        found = self._by_name.get(f"UF_CRM_{rest}")
        if found is not None:
            return found
        numbered = re.compile(rf"UF_CRM_\d+_{re.escape(rest)}")
        return next((each for known, each in self._by_name.items() if numbered.fullmatch(known)), None)

    def dates(self) -> Iterator[CrmField]:
        """The fields that hold a date, or a date and a time."""
        by_key = {each.key: each for each in self._by_name.values()}
        return (each for each in by_key.values() if each.kind in ("date", "datetime"))

    @property
    def names(self) -> list[str]:
        """All names, as operators know them."""
        return sorted({each.name or each.key for each in self._by_name.values()})


_NAMES = {LEAD: "lead", DEAL: "deal", CONTACT: "contact", COMPANY: "company"}


def name_of(item: Item) -> str:
    """A document as the log and the commands name it: `deal:4182`, `177:12`."""
    return f"{_NAMES.get(item.entity_type, item.entity_type)}:{item.id}"


def item_named(name: str) -> Item:
    """The document that is named so; raises `ValueError`."""
    of, _, id_ = name.strip().lower().partition(":")
    types = {word: number for number, word in _NAMES.items()}
    number = types.get(of) or (int(of) if of.isascii() and of.isdecimal() else 0)
    if not number or not (id_.isascii() and id_.isdecimal() and 0 < int(id_) < 2**63):
        raise ValueError(f"{name[:40]!r} is no document; name one such as deal:123, lead:5, contact:7 or 177:12")
    return Item(number, int(id_))


@dataclass(frozen=True, slots=True)
class Described:
    """What the portal says of its CRM."""

    fields: Mapping[int, Fields]
    """By `entityTypeId`."""
    known: Known
    failed: frozenset[str]
    """The stages in which a document has come to nothing, as `STATUS_ID`."""
    stage_names: Mapping[str, frozenset[str]]
    """The stages with a name, which is in lower case."""

    def is_one_of(self, stage: str, named: Iterable[str]) -> bool:
        """Whether a stage, as `STATUS_ID`, is among those that are named by their id or their name."""
        return bool(stage) and any(
            stage == each or stage in self.stage_names.get(each.casefold(), ()) for each in named
        )

    def has_stage(self, named: str) -> bool:
        """Whether there is such a stage."""
        return named.casefold() in self.stage_names or any(named in ids_ for ids_ in self.stage_names.values())


@dataclass(slots=True)
class Document:
    """A document with whatever belongs to it, by `entityTypeId`."""

    item: Item
    described: Described
    parts: dict[int, Mapping[str, Any]]
    users: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    call: Mapping[str, str] = field(default_factory=dict)
    """Of a missed call: what is known of it, by the names that follow `CALL_`."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Its own fields as the portal gives them."""
        return self.parts.get(self.item.entity_type, {})

    @property
    def stage(self) -> str:
        """Its stage, as `STATUS_ID`; empty when it has none."""
        return text_of(self.fields.get("stageId"))

    @property
    def failed(self) -> bool:
        """Whether it has come to nothing: a visit that is cancelled, a deal that is lost."""
        return self.stage in self.described.failed

    @property
    def phone(self) -> str:
        """The number to write to: the contact's, else its own, else its company's; empty when there is none."""
        for of in (CONTACT, self.item.entity_type, COMPANY):
            phones = phones_of(self.parts.get(of, {}))
            mobile = next((each for each in phones if each.value_type.upper() == "MOBILE" and each.value), None)
            first = mobile or next((each for each in phones if each.value), None)
            if first is not None:
                return first.value
        return ""

    def moment(self, name: str, date_at: float = DATE_AT) -> float | None:
        """The date or the date and time in its field, in seconds since the epoch; None when that is empty.

        `date_at` is the second of the day that a date alone means.
        """
        described = self.described.fields.get(self.item.entity_type, Fields(())).get(name)
        return None if described is None else moment_of(self.fields.get(described.key), described.kind, date_at)

    def raw(self, name: str) -> str:
        """Its own field as the portal gives it: the id of a list's value and not its text."""
        described = self.described.fields.get(self.item.entity_type, Fields(())).get(name)
        return "" if described is None else text_of(self.fields.get(described.key))

    def value(self, name: str) -> str:
        """Its own field, as people read it."""
        return self.value_of(Placeholder(Prefix.DOCUMENT, name, None, name))

    def value_of(self, placeholder: Placeholder) -> str:
        """What stands in a template's place, as people read it; empty when there is nothing."""
        name = placeholder.field.upper()
        if placeholder.prefix is Prefix.CALL:
            return self.call.get(name, "")
        if placeholder.prefix is Prefix.ASSIGNED:
            return self._assigned(name)
        of = OF_PREFIX.get(placeholder.prefix, self.item.entity_type)
        if placeholder.prefix is Prefix.DOCUMENT and name in OF_PEOPLE and CONTACT in self.parts:
            of = CONTACT
        part = self.parts.get(of)
        return "" if part is None else self._written(of, part, name)

    def _written(self, of: int, part: Mapping[str, Any], name: str) -> str:
        if name == "PHONE":
            return next((each.value for each in phones_of(part) if each.value), "")
        fields = self.described.fields.get(of, Fields(()))
        if name == "FULL_NAME":
            return " ".join(filter(None, (self._written(of, part, each) for each in OF_PEOPLE[:2])))
        described = fields.get(name)
        if described is None:
            return ""
        value = part.get(described.key)
        if described.name == "OPPORTUNITY" and value not in (None, ""):
            value, described = f"{text_of(value)}|{text_of(part.get('currencyId'))}", _MONEY
        return written(described, value, self.described.known)

    def _assigned(self, name: str) -> str:
        user = next((self.users[each] for each in ids([self.fields.get("assignedById")]) if each in self.users), None)
        if user is None:
            return ""
        if name in ("NAME", "FULL_NAME"):
            full = (text_of(user.get("NAME")), text_of(user.get("LAST_NAME")))
            return " ".join(filter(None, full)) if name == "FULL_NAME" else full[0] or full[1]
        if name == "PHONE":
            numbers = (text_of(user.get(each)) for each in ("WORK_PHONE", "PERSONAL_MOBILE", "PERSONAL_PHONE"))
            return next(filter(None, numbers), "")
        return text_of(user.get(name))


_MONEY = CrmField("OPPORTUNITY", "opportunity", "money", False, "", {})


class DocumentReader:
    """Reads documents; what the portal says of its fields is kept for ten minutes."""

    def __init__(self, clock: IReactorTime, portal: IPortal) -> None:
        self._clock = clock
        self._portal = portal
        self._fields: dict[int, tuple[float, Fields]] = {}
        self._lists: tuple[float, Described] | None = None

    def renew(self) -> None:
        """The application has been installed: it may be another portal."""
        self._fields.clear()
        self._lists = None

    async def described(self, types: Iterable[int], *, anew: bool = False) -> Described:
        """What the portal says of these types; raises `PortalTrouble`, and `PortalError` for one that there is not.

        `anew`: of what was asked half a minute ago and more the portal is asked once more.
        """
        now = self._clock.seconds()
        keeps = _LOOK_AGAIN if anew else _DESCRIBED_FOR
        wanted = [of for of in dict.fromkeys(types) if of not in self._fields or now - self._fields[of][0] >= keeps]
        commands: dict[str, Command] = {f"f{of}": ("crm.item.fields", {"entityTypeId": of}) for of in wanted}
        old = self._lists is None or now - self._lists[0] >= keeps
        if old:
            for page in range(_STATUS_PAGES):
                start = page * ITEMS_IN_A_PAGE
                commands[f"s{page}"] = ("crm.status.list", {"order": {"ID": "ASC"}, "start": start})
            commands["currencies"] = ("crm.currency.list", {})
        if commands:
            results = await self._run(commands)
            for of in wanted:
                result = results[f"f{of}"]
                if isinstance(result, PortalError):
                    raise result
                self._fields[of] = now, Fields(fields_of(result))
            if old:
                self._lists = now, await self._listed(results)
        assert self._lists is not None
        lists = self._lists[1]
        fields = {of: known for of, (_, known) in self._fields.items()}
        return Described(fields, lists.known, lists.failed, lists.stage_names)

    async def read(
        self, wanted: Iterable[Item], placeholders: Sequence[Placeholder] = (), *, alone: bool = False
    ) -> dict[Item, Document]:
        """Documents with their contacts, companies and parents, and whom else `placeholders` ask for.

        `alone`: without all these. Those that are left out are gone. Raises `PortalTrouble` when the portal cannot be
        asked.
        """
        wanted = list(dict.fromkeys(wanted))
        types = {item.entity_type for item in wanted}
        prefixes = {each.prefix for each in placeholders}
        parents = {of for prefix, of in OF_PREFIX.items() if of in (LEAD, DEAL) and prefix in prefixes}
        try:
            described = await self.described(types | {CONTACT, COMPANY} | parents)
        except PortalError:
            # A type of documents that has been deleted, with all that were of it.
            described = await self.described({CONTACT, COMPANY} | parents)
        found = await self._items(wanted)
        documents = {
            item: Document(item, described, {item.entity_type: found[item]}) for item in wanted if item in found
        }
        related: dict[Item, list[Item]] = {}
        for item, document in documents.items():
            related[item] = [] if alone else list(_related(item, document.fields, parents))
        others = await self._items(each for of_it in related.values() for each in of_it)
        for item, document in documents.items():
            for each in related[item]:
                if each in others and each.entity_type not in document.parts:
                    document.parts[each.entity_type] = others[each]
        if Prefix.ASSIGNED in prefixes:
            wanted_users = {user for each in documents.values() for user in ids([each.fields.get("assignedById")])}
            users = await self._users(wanted_users)
            for document in documents.values():
                document.users = users
        return documents

    async def _items(self, wanted: Iterable[Item]) -> dict[Item, Mapping[str, Any]]:
        by_type: dict[int, list[int]] = {}
        for item in dict.fromkeys(wanted):
            by_type.setdefault(item.entity_type, []).append(item.id)
        pages = [
            (of, some[start : start + ITEMS_IN_A_PAGE])
            for of, some in by_type.items()
            for start in range(0, len(some), ITEMS_IN_A_PAGE)
        ]
        # Phones are given only when everything is asked for.
        commands: dict[str, Command] = {
            f"p{place}": ("crm.item.list", {"entityTypeId": of, "filter": {"@id": page}, "select": ["*"]})
            for place, (of, page) in enumerate(pages)
        }
        results = await self._run(commands)
        found: dict[Item, Mapping[str, Any]] = {}
        missing: list[Item] = []
        for place, (of, page) in enumerate(pages):
            result = results[f"p{place}"]
            given = {} if isinstance(result, PortalError) else items(result)
            found |= {Item(of, id_): given[id_] for id_ in page if id_ in given}
            missing += [Item(of, id_) for id_ in page if id_ not in given]
        # The page may have left it out; it is the document itself that has to be asked for.
        singly = await self._run({f"g{place}": read_one(item) for place, item in enumerate(missing)})
        for place, item in enumerate(missing):
            result = singly[f"g{place}"]
            if isinstance(result, PortalError):
                if not result.says_there_is_none:
                    raise PortalTrouble(f"Bitrix24 answers {result}", code=result.code)
                continue
            one = items(result).get(item.id)
            if one is None:
                raise PortalTrouble("Bitrix24 answers nothing that can be understood when it is asked for a document")
            found[item] = one
        return found

    async def _users(self, wanted: Iterable[int]) -> dict[int, Mapping[str, Any]]:
        every = sorted(wanted)
        commands: dict[str, Command] = {
            f"u{start}": ("user.get", {"filter": {"ID": every[start : start + ITEMS_IN_A_PAGE]}})
            for start in range(0, len(every), ITEMS_IN_A_PAGE)
        }
        found: dict[int, Mapping[str, Any]] = {}
        for result in (await self._run(commands)).values():
            # Without the scope for users there are none.
            for user in [] if isinstance(result, PortalError) else listed(result):
                if isinstance(user, Mapping):
                    found |= dict.fromkeys(ids([user.get("ID")]), user)
        return found

    async def _listed(self, results: Mapping[str, Any]) -> Described:
        statuses: dict[tuple[str, str], str] = {}
        failed: set[str] = set()
        by_name: dict[str, set[str]] = {}
        for page in range(_STATUS_PAGES):
            result = results[f"s{page}"]
            for each in [] if isinstance(result, PortalError) else listed(result):
                if not isinstance(each, Mapping):
                    continue
                of, status, name = (text_of(each.get(key)) for key in ("ENTITY_ID", "STATUS_ID", "NAME"))
                statuses[of, status] = name
                if "STAGE" in of or of == "STATUS":
                    by_name.setdefault(name.casefold(), set()).add(status)
                    if each.get("SEMANTICS") == "F":
                        failed.add(status)
        codes = [text_of(each.get("CURRENCY")) for each in _mappings(results["currencies"])]
        commands: dict[str, Command] = {
            f"c{place}": ("crm.currency.localizations.get", {"id": code})
            for place, code in enumerate(codes[:MOST_IN_A_BATCH])
        }
        formats = await self._run(commands)
        currencies = {
            code: currency
            for place, code in enumerate(codes[:MOST_IN_A_BATCH])
            if (currency := _currency(formats[f"c{place}"])) is not None
        }
        known = Known(statuses=statuses, currencies=currencies)
        names = {name: frozenset(each) for name, each in by_name.items()}
        return Described({}, known, frozenset(failed), names)

    async def _run(self, commands: Mapping[str, Command]) -> dict[str, Any]:
        """All of them in as few requests as it takes; raises `PortalTrouble` when one of them could not be run."""
        results: dict[str, Any] = {}
        every = list(commands.items())
        for start in range(0, len(every), MOST_IN_A_BATCH):
            asked = dict(every[start : start + MOST_IN_A_BATCH])
            answered = await self._portal.batch(asked)
            for name in asked:
                result = answered.get(name, PortalTrouble("Bitrix24 has not run a command"))
                if isinstance(result, PortalTrouble):
                    raise result
                results[name] = result
        return results


def _related(item: Item, fields: Mapping[str, Any], parents: Iterable[int]) -> Iterator[Item]:
    """The contact, the company and the parents of a document."""
    if item.entity_type != CONTACT:
        for contact in contacts_of(fields)[:1]:
            yield Item(CONTACT, contact)
    if item.entity_type != COMPANY:
        for company in ids([fields.get("companyId")]):
            yield Item(COMPANY, company)
    for of in parents:
        if of != item.entity_type:
            for parent in ids([fields.get(f"parentId{of}"), fields.get("leadId") if of == LEAD else None]):
                yield Item(of, parent)


def _currency(result: Any) -> Currency | None:
    """How amounts are written in a currency, in Russian where the portal says that."""
    if not isinstance(result, Mapping):
        return None
    by_language = {str(language): each for language, each in result.items() if isinstance(each, Mapping)}
    chosen = by_language.get("ru") or next(iter(by_language.values()), None)
    return None if chosen is None else Currency.read(chosen)


def _mappings(result: Any) -> list[Mapping[str, Any]]:
    if isinstance(result, PortalError):
        return []
    return [each for each in listed(result) if isinstance(each, Mapping)]

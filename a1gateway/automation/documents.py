"""Documents of the CRM, read with whatever belongs to them, many in a request.

Sources: Bitrix24's documentation of `crm.item.*`, `crm.status.list`, `crm.currency.*` and `user.get`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.batches import run_all
from ..bitrix24.contacts import Command, contacts_of, has_number, items, read_one
from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE, ids, listed, phones_of, text_of
from ..bitrix24.crm_fields import CrmField, fields_of
from ..bitrix24.item import COMPANY, CONTACT, DEAL, INVOICE, LEAD, QUOTE, Item
from ..bitrix24.portal import MOST_IN_A_BATCH
from ..bitrix24.trouble import PortalError, PortalTrouble
from ..interfaces import IPortal
from ..msisdn import Msisdn, read_number
from .moments import DATE_AT, moment_of, read_moment
from .template import Placeholder, Prefix
from .values import PEOPLE, Currency, Known, written

# How long, in seconds, what the portal says of fields, stages and currencies is believed to stay so.
_DESCRIBED_FOR = 600.0
# A name that is missing was perhaps added just now.
_LOOK_AGAIN = 30.0
# Nobody has so many.
_MOST_STATUSES = 10_000
_MOST_CONTACTS = 50
_STAGES = re.compile(
    r"DYNAMIC_(\d{1,9})_STAGE_\d+|(DEAL_STAGE)(?:_\d+)?|(SMART_INVOICE)_STAGE_\d+|(QUOTE_STATUS|STATUS)"
)
_STAGES_OF = {"DEAL_STAGE": DEAL, "SMART_INVOICE": INVOICE, "QUOTE_STATUS": QUOTE, "STATUS": LEAD}
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


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a type of documents, in all its pipelines, as `STATUS_ID`."""

    by_name: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By their names, which are in lower case."""
    failed: frozenset[str] = frozenset()
    """Those in which a document has come to nothing."""

    def named(self, named: str) -> frozenset[str]:
        """Those that are called so, by name or id; none when there is none."""
        known = named in self.known
        return self.by_name.get(named.casefold(), frozenset()) | (frozenset({named}) if known else frozenset())

    @property
    def known(self) -> frozenset[str]:
        """All of them."""
        return frozenset().union(*self.by_name.values())


@dataclass(frozen=True, slots=True)
class Described:
    """What the portal says of its CRM."""

    fields: Mapping[int, Fields]
    """By `entityTypeId`."""
    known: Known
    stages: Mapping[int, Stages] = field(default_factory=dict)
    """By `entityTypeId`."""
    refused: Mapping[int, PortalTrouble | PortalError] = field(default_factory=dict)
    """The types that were asked for and that it does not describe, and what it says instead."""

    def is_one_of(self, of: int, stage: str, named: Iterable[str]) -> bool:
        """Whether a stage of a type, as `STATUS_ID`, is among those that are named by their id or their name."""
        by_name = self.stages.get(of, Stages()).by_name
        return bool(stage) and any(stage == each or stage in by_name.get(each.casefold(), ()) for each in named)

    def has_stage(self, of: int, named: str) -> bool:
        """Whether a type has such a stage."""
        return bool(self.stages.get(of, Stages()).named(named))


@dataclass(slots=True)
class Document:
    """A document with whatever belongs to it, by `entityTypeId`."""

    item: Item
    described: Described
    parts: dict[int, Mapping[str, Any]]
    contacts: Sequence[Mapping[str, Any]] = ()
    """All of its contacts; the one that is written to is in `parts`."""
    users: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    call: Mapping[str, str] = field(default_factory=dict)
    """Of a missed call: what is known of it, by the names that follow `CALL_`."""
    event: Mapping[str, str] = field(default_factory=dict)
    """Of a reminder: what it reminds of, by the names that follow `EVENT_`."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """Its own fields as the portal gives them."""
        return self.parts.get(self.item.entity_type, {})

    @property
    def stage(self) -> str:
        """Its stage, as `STATUS_ID`; empty when it has none."""
        return text_of(self.fields.get("stageId"))

    def as_in(self, stage: str) -> Document:
        """The same in this stage, which it may have left meanwhile."""
        of = self.item.entity_type
        return replace(self, parts=self.parts | {of: {**self.fields, "stageId": stage}})

    def written_to(
        self, msisdn: str, contacts: Iterable[Mapping[str, Any]], companies: Iterable[Mapping[str, Any]]
    ) -> Document:
        """The same for an SMS to this number, with what else it is sent from.

        Whoever has the number is who is called by name: one of these `contacts`, or of its own. A contact that surely
        has another is not written to; then nobody is known to be.
        """
        own = [self.fields] if self.item.entity_type == CONTACT else self.contacts
        every = [(has_number(each, msisdn), each) for each in (*contacts, *own)]
        its = next((each for has, each in every if has), None)
        if its is None:
            its = next((each for has, each in every if has is None), None)
        parts = {of: part for of, part in self.parts.items() if of != CONTACT}
        if its is not None or self.item.entity_type == CONTACT:
            parts[CONTACT] = self.fields if its is None else its
        company = next(iter(companies), None)
        if company is not None and self.item.entity_type != COMPANY:
            parts[COMPANY] = company
        return replace(self, parts=parts)

    @property
    def failed(self) -> bool:
        """Whether it has come to nothing: a visit that is cancelled, a deal that is lost."""
        return self.stage in self.described.stages.get(self.item.entity_type, Stages()).failed

    @property
    def created_at(self) -> float | None:
        """When it was made, by the portal's clock, in seconds since the epoch; None when the portal does not say."""
        return read_moment(text_of(self.fields.get("createdTime")))

    @property
    def updated_at(self) -> float | None:
        """The same of its last change."""
        return read_moment(text_of(self.fields.get("updatedTime")))

    @property
    def moved_at(self) -> float | None:
        """The same of its coming into the stage that it is in."""
        return read_moment(text_of(self.fields.get("movedTime")))

    @property
    def phone(self) -> str:
        """The number to write to: the contact's, else its own, else its company's; empty when there is none.

        Of several the first that an SMS can go to, those called mobile before others.
        """
        numbers = [
            number for of in (CONTACT, self.item.entity_type, COMPANY) for number in _numbers(self.parts.get(of))
        ]
        return next(filter(_is_mobile, numbers), numbers[0] if numbers else "")

    def has_field(self, name: str) -> bool:
        """Whether documents of its type have such a field."""
        return self._described(self.item.entity_type, name) is not None

    def moment(self, name: str, date_at: float = DATE_AT) -> float | None:
        """The date or the date and time in its field, in seconds since the epoch; None when that is empty.

        `date_at` is the second of the day that a date alone means.
        """
        described = self._described(self.item.entity_type, name)
        return None if described is None else moment_of(self.fields.get(described.key), described.kind, date_at)

    def value(self, name: str) -> str:
        """Its own field, as people read it."""
        return self.value_of(Placeholder(Prefix.DOCUMENT, name, None, name))

    def value_of(self, placeholder: Placeholder) -> str:
        """What stands in a template's place, as people read it; empty when there is nothing."""
        name = placeholder.field.upper()
        if placeholder.prefix is Prefix.CALL:
            return self.call.get(name, "")
        if placeholder.prefix is Prefix.EVENT:
            return self.event.get(name, "")
        if placeholder.prefix is Prefix.ASSIGNED:
            return self._assigned(name)
        of = self._of(placeholder)
        part = self.parts.get(of)
        return "" if part is None else self._written(of, part, name)

    def people_in(self, placeholders: Iterable[Placeholder]) -> Iterator[int]:
        """The ids of the users whom these need to know."""
        for placeholder in placeholders:
            if placeholder.prefix is Prefix.ASSIGNED:
                yield from ids([self.fields.get("assignedById")])
                continue
            of = self._of(placeholder)
            described = self._described(of, placeholder.field)
            if described is not None and described.kind in PEOPLE:
                value = self.parts.get(of, {}).get(described.key)
                yield from ids(value if isinstance(value, list) else [value])

    def _of(self, placeholder: Placeholder) -> int:
        """The type of the part that has a placeholder's field."""
        is_of_people = placeholder.prefix is Prefix.DOCUMENT and placeholder.field.upper() in OF_PEOPLE
        if is_of_people and CONTACT in self.parts:
            return CONTACT
        return OF_PREFIX.get(placeholder.prefix, self.item.entity_type)

    def _described(self, of: int, name: str) -> CrmField | None:
        return self.described.fields.get(of, Fields(())).get(name)

    def _written(self, of: int, part: Mapping[str, Any], name: str) -> str:
        if name == "PHONE":
            return next((each.value for each in phones_of(part) if each.value), "")
        if name == "FULL_NAME":
            return " ".join(filter(None, (self._written(of, part, each) for each in OF_PEOPLE[:2])))
        described = self._described(of, name)
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
            return (
                _full_name(user)
                if name == "FULL_NAME"
                else text_of(user.get("NAME")) or text_of(user.get("LAST_NAME"))
            )
        if name == "PHONE":
            numbers = (text_of(user.get(each)) for each in ("WORK_PHONE", "PERSONAL_MOBILE", "PERSONAL_PHONE"))
            return next(filter(None, numbers), "")
        return text_of(user.get(name))


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading documents; what stands in neither is gone."""

    documents: Mapping[Item, Document] = field(default_factory=dict)
    unread: Mapping[Item, PortalTrouble | PortalError] = field(default_factory=dict)
    """Those that the portal does not show, nor say that they are gone; a fault of these alone."""
    nameless: Mapping[Item, PortalTrouble] = field(default_factory=dict)
    """Those that need users whom the portal does not show now."""

    def trouble(self, item: Item, needs: Iterable[Placeholder]) -> PortalTrouble | PortalError | None:
        """Why a document cannot be used where these are needed."""
        error = self.unread.get(item)
        if error is None and item in self.nameless and any(self.documents[item].people_in(needs)):
            return self.nameless[item]
        return error


_NOTHING: Mapping[Item, Collection[Placeholder]] = {}
_MONEY = CrmField("OPPORTUNITY", "opportunity", "money", False, "", {})


class DocumentReader:
    """Reads documents; what the portal says of its fields is kept for ten minutes."""

    def __init__(self, clock: IReactorTime, portal: IPortal) -> None:
        self._clock = clock
        self._portal = portal
        self._fields: dict[int, tuple[float, Fields]] = {}
        self._lists: tuple[float, Described] | None = None
        self._renewals = 0

    def renew(self) -> None:
        """The application has been installed: it may be another portal."""
        self._renewals += 1
        self._fields.clear()
        self._lists = None

    async def described(self, types: Iterable[int], *, anew: bool = False) -> Described:
        """What the portal says of these types; raises `PortalTrouble`.

        `anew`: of what was asked half a minute ago and more the portal is asked once more.
        """
        types = list(dict.fromkeys(types))
        while True:
            renewals = self._renewals
            described = await self._describe(types, anew=anew)
            # What was said before may have been said by another portal.
            if renewals == self._renewals:
                return described

    async def _describe(self, types: Sequence[int], *, anew: bool) -> Described:
        """By what is known when it is called, and what the portal says now, whatever becomes known meanwhile."""
        now, renewals = self._clock.seconds(), self._renewals
        keeps = _LOOK_AGAIN if anew else _DESCRIBED_FOR
        wanted = [of for of in types if of not in self._fields or now - self._fields[of][0] >= keeps]
        known = {of: fields for of, (_, fields) in self._fields.items() if of not in wanted}
        commands: dict[str, Command] = {f"f{of}": ("crm.item.fields", {"entityTypeId": of}) for of in wanted}
        lists = None if self._lists is None or now - self._lists[0] >= keeps else self._lists[1]
        if lists is None:
            commands["statuses"] = _statuses(0)
            commands["currencies"] = ("crm.currency.list", {})
        refused: dict[int, PortalTrouble | PortalError] = {}
        if commands:
            results = await run_all(self._portal, commands, apart=True)
            for of in wanted:
                result = results[f"f{of}"]
                fields = Fields(()) if isinstance(result, (PortalTrouble, PortalError)) else Fields(fields_of(result))
                if fields.names:
                    known[of] = fields
                elif isinstance(result, (PortalTrouble, PortalError)):
                    refused[of] = result
                else:
                    refused[of] = PortalTrouble(f"Bitrix24 answers nothing that can be understood for type {of}")
            if lists is None:
                lists = await self._listed(results)
                if renewals == self._renewals:
                    self._lists = now, lists
        assert lists is not None
        if renewals == self._renewals:
            self._fields |= {of: (now, known[of]) for of in wanted if of in known}
            for of in refused:
                self._fields.pop(of, None)
        return Described(known, lists.known, lists.stages, refused)

    async def read(
        self, wanted: Iterable[Item], needs: Mapping[Item, Collection[Placeholder]] = _NOTHING, *, alone: bool = False
    ) -> Reading:
        """These documents, with what each of them needs to know of others.

        `alone`: with nothing besides, neither contacts nor companies. Raises `PortalTrouble` when the portal as a
        whole cannot be asked; what it does not show of one document is no trouble of the others.
        """
        wanted = list(dict.fromkeys(wanted))
        prefixes = {each.prefix for of_it in needs.values() for each in of_it}
        parents = {of for prefix, of in OF_PREFIX.items() if of in (LEAD, DEAL) and prefix in prefixes}
        described = await self.described({item.entity_type for item in wanted} | {CONTACT, COMPANY} | parents)
        known = [item for item in wanted if item.entity_type not in described.refused]
        found, unread = await self._items(known)
        for item in wanted:
            error = described.refused.get(item.entity_type)
            # A type that has been deleted has taken along all that were of it.
            if error is not None and not (isinstance(error, PortalError) and error.says_there_is_none):
                unread[item] = error
        documents = {item: Document(item, described, {item.entity_type: fields}) for item, fields in found.items()}
        if not alone:
            unread |= await self._relate(documents, parents)
        nameless = await self.name_people(documents, needs)
        return Reading({item: each for item, each in documents.items() if item not in unread}, unread, nameless)

    async def _relate(
        self, documents: Mapping[Item, Document], parents: Iterable[int]
    ) -> dict[Item, PortalTrouble | PortalError]:
        """Give documents their contact, company and parents; those of which some cannot be read."""
        related = {item: list(_related(item, document.fields, parents)) for item, document in documents.items()}
        others, unread = await self._items(each for of_it in related.values() for each in of_it)
        refused: dict[Item, PortalTrouble | PortalError] = {}
        for item, document in documents.items():
            contacts = []
            for each in related[item]:
                undescribed = document.described.refused.get(each.entity_type)
                if each in unread:
                    refused[item] = unread[each]
                elif each in others and isinstance(undescribed, PortalTrouble):
                    # Its fields would come out empty.
                    refused[item] = undescribed
                elif each in others and each.entity_type == CONTACT:
                    contacts.append(others[each])
                elif each in others:
                    document.parts.setdefault(each.entity_type, others[each])
            if contacts:
                # Whoever is written to is who is called by name.
                reached = (each for each in contacts if any(_is_mobile(number) for number in _numbers(each)))
                document.parts[CONTACT] = next(reached, contacts[0])
                document.contacts = contacts
        return refused

    async def _items(
        self, wanted: Iterable[Item]
    ) -> tuple[dict[Item, Mapping[str, Any]], dict[Item, PortalTrouble | PortalError]]:
        """Those that there are, with their fields, and those of which the portal does not say."""
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
        results = await run_all(self._portal, commands, apart=True)
        found: dict[Item, Mapping[str, Any]] = {}
        missing: list[Item] = []
        for place, (of, page) in enumerate(pages):
            result = results[f"p{place}"]
            given = {} if isinstance(result, (PortalTrouble, PortalError)) else items(result)
            found |= {Item(of, id_): given[id_] for id_ in page if id_ in given}
            missing += [Item(of, id_) for id_ in page if id_ not in given]
        # The page may have left it out; it is the document itself that has to be asked for.
        singly = await run_all(
            self._portal, {f"g{place}": read_one(item) for place, item in enumerate(missing)}, apart=True
        )
        unread: dict[Item, PortalTrouble | PortalError] = {}
        for place, item in enumerate(missing):
            result = singly[f"g{place}"]
            if isinstance(result, (PortalTrouble, PortalError)):
                if not (isinstance(result, PortalError) and result.says_there_is_none):
                    unread[item] = result
                continue
            one = items(result).get(item.id)
            if one is None:
                unread[item] = PortalTrouble("Bitrix24 answers nothing that can be understood for a document")
            else:
                found[item] = one
        return found, unread

    async def name_people(
        self, documents: Mapping[Item, Document], needs: Mapping[Item, Collection[Placeholder]]
    ) -> dict[Item, PortalTrouble]:
        """Let documents know the users whom they need; those whose users the portal does not show now."""
        of_each = {item: set(each.people_in(needs.get(item, ()))) for item, each in documents.items()}
        wanted = set().union(*of_each.values())
        if not wanted:
            return {}
        users, unknown = await self._users(wanted)
        names = {id_: _full_name(user) for id_, user in users.items()}
        for document in documents.values():
            document.users = users
            document.described = replace(document.described, known=replace(document.described.known, users=names))
        return {item: unknown[user] for item, of_it in of_each.items() for user in of_it if user in unknown}

    async def _users(self, wanted: Iterable[int]) -> tuple[dict[int, Mapping[str, Any]], dict[int, PortalTrouble]]:
        """Those that there are, and those of whom the portal does not say."""
        every = sorted(wanted)
        pages = [every[start : start + ITEMS_IN_A_PAGE] for start in range(0, len(every), ITEMS_IN_A_PAGE)]
        commands: dict[str, Command] = {
            f"u{place}": ("user.get", {"filter": {"ID": page}}) for place, page in enumerate(pages)
        }
        results = await run_all(self._portal, commands, apart=True)
        found: dict[int, Mapping[str, Any]] = {}
        unknown: dict[int, PortalTrouble] = {}
        for place, page in enumerate(pages):
            result = results[f"u{place}"]
            if isinstance(result, PortalTrouble):
                unknown |= dict.fromkeys(page, result)
                continue
            # Without the scope for users there are none.
            for user in [] if isinstance(result, PortalError) else listed(result):
                if isinstance(user, Mapping):
                    found |= dict.fromkeys(ids([user.get("ID")]), user)
        return found, unknown

    async def _statuses(self, first: Any) -> Sequence[Any] | PortalTrouble | PortalError:
        """All of them: the method gives them at once, whatever its documentation says of pages."""
        if isinstance(first, (PortalTrouble, PortalError)):
            return first
        if not isinstance(first, (list, Mapping)):
            return PortalTrouble("Bitrix24 answers nothing that can be understood when it is asked for its stages")
        page = found = list(listed(first))
        while len(page) == ITEMS_IN_A_PAGE and len(found) < _MOST_STATUSES:
            answer = await run_all(self._portal, {"statuses": _statuses(len(found))}, apart=True)
            page = [each for each in listed(answer["statuses"]) if each not in found]
            found = [*found, *page]
        return found

    async def _listed(self, results: Mapping[str, Any]) -> Described:
        given = await self._statuses(results["statuses"])
        if isinstance(given, PortalError) and given.code != "ERROR_METHOD_NOT_FOUND":
            # Without them a visit that is cancelled looks like any other.
            raise PortalTrouble(f"Bitrix24 does not list its stages: {given}", code=given.code)
        if isinstance(given, PortalTrouble):
            raise given
        statuses: dict[tuple[str, str], str] = {}
        failed: dict[int, set[str]] = {}
        by_name: dict[int, dict[str, set[str]]] = {}
        for each in [] if isinstance(given, PortalError) else given:
            if not isinstance(each, Mapping):
                continue
            where, status, name = (text_of(each.get(key)) for key in ("ENTITY_ID", "STATUS_ID", "NAME"))
            statuses[where, status] = name
            of = _type_of_stages(where)
            if of is not None:
                by_name.setdefault(of, {}).setdefault(name.casefold(), set()).add(status)
                if _is_failed(each):
                    failed.setdefault(of, set()).add(status)
        codes = [text_of(each.get("CURRENCY")) for each in _mappings(results["currencies"])]
        commands: dict[str, Command] = {
            f"c{place}": ("crm.currency.localizations.get", {"id": code})
            for place, code in enumerate(codes[:MOST_IN_A_BATCH])
        }
        formats = await run_all(self._portal, commands, apart=True)
        currencies = {
            code: currency
            for place, code in enumerate(codes[:MOST_IN_A_BATCH])
            if (currency := _currency(formats[f"c{place}"])) is not None
        }
        stages = {
            of: Stages({name: frozenset(each) for name, each in names.items()}, frozenset(failed.get(of, ())))
            for of, names in by_name.items()
        }
        return Described({}, Known(statuses=statuses, currencies=currencies), stages)


def _statuses(start: int) -> Command:
    return "crm.status.list", {"order": {"ID": "ASC"}, "start": start}


def _related(item: Item, fields: Mapping[str, Any], parents: Iterable[int]) -> Iterator[Item]:
    """The contacts, the company and the parents of a document."""
    if item.entity_type != CONTACT:
        for contact in contacts_of(fields)[:_MOST_CONTACTS]:
            yield Item(CONTACT, contact)
    if item.entity_type != COMPANY:
        for company in ids([fields.get("companyId")]):
            yield Item(COMPANY, company)
    for of in parents:
        if of != item.entity_type:
            for parent in ids([fields.get(f"parentId{of}"), fields.get("leadId") if of == LEAD else None]):
                yield Item(of, parent)


def _numbers(part: Mapping[str, Any] | None) -> list[str]:
    """The numbers of a contact, a lead or a company, those called mobile first."""
    phones = [each for each in phones_of(part or {}) if each.value]
    return [each.value for each in sorted(phones, key=lambda each: each.value_type.upper() != "MOBILE")]


def _is_mobile(number: str) -> bool:
    return isinstance(read_number(number), Msisdn)


def _full_name(user: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (text_of(user.get("NAME")), text_of(user.get("LAST_NAME")))))


def _type_of_stages(where: str) -> int | None:
    """The type of documents whose stages a list of `crm.status.list` has; None for a list of something else."""
    form = _STAGES.fullmatch(where)
    if form is None:
        return None
    return int(form[1]) if form[1] else _STAGES_OF[form[2] or form[3] or form[4]]


def _is_failed(status: Mapping[str, Any]) -> bool:
    extra = status.get("EXTRA")
    of_extra = text_of(extra.get("SEMANTICS")) if isinstance(extra, Mapping) else ""
    return text_of(status.get("SEMANTICS")) == "F" or of_extra in ("failure", "apology")


def _currency(result: Any) -> Currency | None:
    """How amounts are written in a currency, in Russian where the portal says that."""
    if not isinstance(result, Mapping):
        return None
    by_language = {str(language): each for language, each in result.items() if isinstance(each, Mapping)}
    chosen = by_language.get("ru") or next(iter(by_language.values()), None)
    return None if chosen is None else Currency.read(chosen)


def _mappings(result: Any) -> list[Mapping[str, Any]]:
    return [each for each in listed(result) if isinstance(each, Mapping)]

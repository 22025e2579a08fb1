"""Asking the portal for many consents at once: which commands are to be run next, and what their answers mean.

A contact is found through what a message is bound to, or by its number; then its field is read. Who has which number
is kept for a while, what a field says is not: it is read anew for every message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from ..message import Evidence, Unasked, Verdict
from .consent_field import ConsentField
from .contacts import (
    MOST_NUMBERS,
    Command,
    bound_to,
    contacts_of,
    find,
    found,
    has_number,
    is_of_a_scenario,
    items,
    may_be_cut,
    read_many,
    read_one,
)
from .crm_answers import ITEMS_IN_A_PAGE, id_of
from .item import CONTACT, Item
from .trouble import PortalError, PortalTrouble

_MOST_KEPT = 50_000

K = TypeVar("K")


class Holders:
    """Which contacts have a number, for a bounded time, and for messages that were there when the portal said it.

    Whoever hands a message over may just have made another contact. That there is none is not kept.
    """

    def __init__(self, max_age: float) -> None:
        """`max_age` is in seconds."""
        self._max_age = max_age
        self._kept: dict[str, tuple[float, tuple[int, ...]]] = {}

    def get(self, msisdn: str, now: float, since: float) -> tuple[int, ...] | None:
        """The ids of the contacts, as they were at `since` or later; None when that is not known, or not any more."""
        at, contacts = self._kept.get(msisdn, (now, ()))
        return contacts if contacts and at >= since and 0 <= now - at <= self._max_age else None

    def keep(self, msisdn: str, contacts: Sequence[int], now: float) -> None:
        """The portal has said so."""
        self.forget(msisdn)
        if contacts:
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[msisdn] = (now, tuple(contacts))

    def forget(self, msisdn: str) -> None:
        """What is known of a number has turned out to be wrong."""
        self._kept.pop(msisdn, None)


@dataclass(slots=True)
class _Question:
    """A message on its way to a verdict: its item is read, or its number looked for; then its contacts are read."""

    message: Unasked
    item: Item | None = None
    """What it is bound to, until that has been read."""
    contacts: tuple[int, ...] | None = None
    """Whose field decides; None while they are not known."""
    bound: bool = False
    """Whether these come from what it is bound to."""
    from_memory: bool = False
    group: tuple[str, ...] = ()
    """The numbers that were looked for together, when these contacts are those of all of them."""
    read: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    """Those of the contacts that have been read; None: there is no such contact."""

    @property
    def unread(self) -> list[int]:
        return [each for each in self.contacts or () if each not in self.read]


@dataclass(frozen=True, slots=True)
class Round:
    """The commands of one request, by name, and what each is for."""

    commands: Mapping[str, Command]
    finds: Mapping[str, tuple[str, ...]]
    reads: Mapping[str, tuple[int, ...]]
    singles: Mapping[str, Item]


@dataclass(slots=True)
class _Answered:
    """What one round has brought."""

    contacts: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    """By id; None: there is no such contact."""
    items: dict[Item, Mapping[str, Any] | None] = field(default_factory=dict)
    trouble: PortalTrouble | None = None


class Inquiry:
    """The questions that are open, and the next request for them."""

    def __init__(self, consent: ConsentField, holders: Holders, *, most: int) -> None:
        """`most` is how many commands a request may have."""
        self._field = consent
        self._holders = holders
        self._most = most
        self._questions: dict[int, _Question] = {}
        # Contacts that a page left out, or gave without the field, and numbers that have to be looked for alone.
        self._apart: set[int] = set()
        self._alone: set[str] = set()

    @property
    def open(self) -> set[int]:
        """The row ids of the messages that are being asked about."""
        return set(self._questions)

    @property
    def room(self) -> int:
        """How many messages more the next request can ask about."""
        finding = len({each.message.msisdn for each in self._questions.values() if each.contacts is None})
        return max(0, self._most * MOST_NUMBERS - finding)

    def add(self, message: Unasked, now: float) -> None:
        """One more to ask about."""
        question = _Question(message, item=bound_to(message.origin))
        self._questions[message.id] = question
        if question.item is None:
            self._remember(question, now)
        elif question.item.entity_type == CONTACT:
            question.contacts, question.bound, question.item = (question.item.id,), True, None

    def next(self) -> Round:
        """The commands to run now; none when nothing is asked."""
        questions = self._questions.values()
        wanted = _each(contact for each in questions for contact in each.unread)
        pages = [
            tuple(page) for page in _split([each for each in wanted if each not in self._apart], ITEMS_IN_A_PAGE)
        ]
        alone = [Item(CONTACT, contact) for contact in wanted if contact in self._apart]
        single = [*alone, *_each(each.item for each in questions if each.item is not None)]
        reads = {f"r{place}": page for place, page in enumerate(islice(pages, self._most))}
        singles = {f"i{place}": item for place, item in enumerate(islice(single, self._most - len(reads)))}
        left = self._most - len(reads) - len(singles)
        finds = {f"f{place}": group for place, group in enumerate(self._groups(left))}
        commands = {
            **{name: read_many(page) for name, page in reads.items()},
            **{name: read_one(item) for name, item in singles.items()},
            **{name: find(group) for name, group in finds.items()},
        }
        return Round(commands, finds, reads, singles)

    def answer(self, asked: Round, results: Mapping[str, Any], now: float) -> list[Verdict]:
        """What the answers settle; raises `PortalTrouble` when the portal did not answer what it was asked.

        A command that was not run is asked again.
        """
        answered = _Answered()
        self._take_finds(asked, results, answered, now)
        for name, page in asked.reads.items():
            if name in results:
                self._take_page(page, results[name], answered)
        for name, item in asked.singles.items():
            if name in results:
                self._take_single(item, results[name], answered)
        verdicts = self._settle(answered, now)
        if answered.trouble is not None and not verdicts:
            raise answered.trouble
        return verdicts

    def _groups(self, most: int) -> Iterator[tuple[str, ...]]:
        """The numbers to look for: alone while there is room, for then it is clear who has which."""
        wanted = _each(
            each.message.msisdn for each in self._questions.values() if each.contacts is None and each.item is None
        )
        alone = [(number,) for number in wanted if number in self._alone][:most]
        others = [number for number in wanted if number not in self._alone]
        left = most - len(alone)
        size = min(MOST_NUMBERS, -(-len(others) // left)) if left and others else 1
        yield from alone
        yield from islice((tuple(group) for group in _split(others, size)), left)

    def _take_finds(self, asked: Round, results: Mapping[str, Any], answered: _Answered, now: float) -> None:
        looked_for: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}
        for name, group in asked.finds.items():
            if name not in results:
                continue
            result = results[name]
            if isinstance(result, (PortalError, PortalTrouble)):
                answered.trouble = _trouble(result)
            elif not isinstance(result, (dict, list)):
                answered.trouble = _not_understood()
            else:
                contacts = tuple(found(result))
                if len(group) > 1 and may_be_cut(contacts):
                    self._alone.update(group)
                    continue
                for number in group:
                    looked_for[number] = contacts, group if len(group) > 1 else ()
        for question in self._questions.values():
            known = looked_for.get(question.message.msisdn)
            if known is not None and question.contacts is None and question.item is None:
                question.contacts, question.group = known
                self._alone.discard(question.message.msisdn)
        for number, (contacts, group) in looked_for.items():
            if not group:
                self._holders.keep(number, contacts, now)

    def _take_page(self, page: Sequence[int], result: Any, answered: _Answered) -> None:
        if isinstance(result, PortalTrouble):
            answered.trouble = result
        elif isinstance(result, PortalError):
            self._apart.update(page)
        else:
            given = items(result)
            for contact in page:
                item = given.get(contact)
                if item is not None and self._field.has(item):
                    answered.contacts[contact] = item
                else:
                    # The page may have left it out; it is the contact itself that has to say so.
                    self._apart.add(contact)

    def _take_single(self, item: Item, result: Any, answered: _Answered) -> None:
        if isinstance(result, PortalError) and result.says_there_is_none:
            answered.items[item] = None
        elif isinstance(result, (PortalError, PortalTrouble)):
            answered.trouble = _trouble(result)
            return
        else:
            answered.items[item] = items(result).get(item.id)
            if answered.items[item] is None:
                answered.trouble = _not_understood()
                return
        if item.entity_type == CONTACT:
            self._apart.discard(item.id)
            answered.contacts[item.id] = answered.items[item]

    def _settle(self, answered: _Answered, now: float) -> list[Verdict]:
        verdicts = []
        for question in list(self._questions.values()):
            if question.item is not None:
                if question.item in answered.items:
                    self._read_item(question, answered.items[question.item], now)
                continue
            if question.contacts is None:
                continue
            question.read |= {each: answered.contacts[each] for each in question.unread if each in answered.contacts}
            if question.unread:
                continue
            verdict = self._verdict(question, now)
            if verdict is not None:
                verdicts.append(verdict)
                del self._questions[question.message.id]
        return verdicts

    def _read_item(self, question: _Question, item: Mapping[str, Any] | None, now: float) -> None:
        """A deal and the like: its contacts decide, or where it has none those with the number."""
        contacts = tuple(contacts_of(item)) if item is not None else ()
        question.item = None
        question.contacts, question.bound = contacts or None, bool(contacts)
        if not contacts:
            self._remember(question, now)

    def _verdict(self, question: _Question, now: float) -> Verdict | None:
        """What the contacts say; None when others have to be asked."""
        number = question.message.msisdn
        read = [question.read[each] for each in question.contacts or ()]
        there = [contact for contact in read if contact is not None]
        if question.bound:
            if not there:
                question.bound, question.contacts = False, None
                self._remember(question, now)
                return None
            # Of a deal's several contacts those that the message goes to.
            has = [has_number(contact, number) for contact in there]
            those = [contact for contact, it_has in zip(there, has, strict=True) if it_has]
            if not those and is_of_a_scenario(question.message.origin) and None not in has:
                # It goes to somebody else, who has to agree.
                question.bound, question.contacts = False, None
                self._remember(question, now)
                return None
            those = those or there
        elif question.from_memory and len(there) < len(read):
            self._holders.forget(number)
            question.contacts, question.from_memory = None, False
            return None
        elif question.group:
            has = [has_number(contact, number) for contact in there]
            if None in has or not all(_is_somebodys(contact, question.group) for contact in there):
                self._alone.add(number)
                question.contacts, question.group = None, ()
                return None
            those = [contact for contact, it_has in zip(there, has, strict=True) if it_has]
            self._holders.keep(number, [id_ for each in those if (id_ := id_of(each)) is not None], now)
        else:
            those = there
        evidence = tuple(self._field.read(contact, now) for contact in those)
        granted = bool(evidence) and all(each.granted for each in evidence)
        return Verdict(
            question.message.id,
            granted,
            now,
            self._field.name,
            evidence or (Evidence(None, None, "", granted=False),),
        )

    def _remember(self, question: _Question, now: float) -> None:
        question.contacts = self._holders.get(question.message.msisdn, now, question.message.received_at)
        question.from_memory = question.contacts is not None


def _is_somebodys(contact: Mapping[str, Any], group: Sequence[str]) -> bool:
    """Whether a contact that was found for several numbers shows which of them it has."""
    return any(has_number(contact, number) for number in group)


def _not_understood() -> PortalTrouble:
    return PortalTrouble("Bitrix24 answers nothing that can be understood when it is asked for contacts")


def _trouble(error: PortalError | PortalTrouble) -> PortalTrouble:
    """For whoever cannot go on without an answer."""
    return error if isinstance(error, PortalTrouble) else PortalTrouble(f"Bitrix24 answers {error}", code=error.code)


def _each(values: Iterable[K]) -> list[K]:
    """Each once, in order."""
    return list(dict.fromkeys(values))


def _split(values: Sequence[K], size: int) -> Iterator[Sequence[K]]:
    return (values[start : start + size] for start in range(0, len(values), size))

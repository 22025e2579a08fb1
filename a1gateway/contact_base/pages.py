"""Walking the portal's base: all items of a type by their ids, in as few requests as the portal bears.

By Bitrix24's documentation (performance: huge data; batch) a page is asked for as "50 items behind this id, in the
order of ids, without a count", and a command of a batch can take that id from the page before it. Whether it did is
seen by the page alone: one that does not go on behind the page before it is thrown away, with all that follow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from ..bitrix24.crm_answers import ITEMS_IN_A_PAGE
from ..bitrix24.queries import Reference
from ..bitrix24.trouble import OPERATION_LIMIT, QUERY_LIMIT, PortalError, PortalTrouble
from ..interfaces import IPortal
from .items import Entity, Item, Strange, items_in
from .patience import Patience

MOST_PAGES = 20
"""A batch takes 50, but a thousand cards are some megabytes, which the daemon has to hold."""
_STEPS = (1, 5, MOST_PAGES)
# Bitrix24 ends a request after 60 s; what would take longer than this is not asked for.
_COMFORTABLE = 25.0
# So many requests have to go well before more is asked for again after one that did not.
_CONVALESCENCE = 10
# These say nothing of how much was asked for at once.
_OF_THE_RATE = (QUERY_LIMIT, OPERATION_LIMIT)
_LIST = "crm.item.list"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one request brought."""

    items: Sequence[Item]
    """By ascending ids, all behind the one that was asked for."""
    ended: bool
    """There is nothing behind that id; `items` is empty."""


class BaseReader:
    """Reads the base stretch by stretch, and learns how many pages at once the portal bears."""

    def __init__(
        self, clock: IReactorTime, portal: IPortal, patience: Patience, *, most_pages: int = MOST_PAGES
    ) -> None:
        """`most_pages` is how many pages one request may ask for."""
        self._clock = clock
        self._portal = portal
        self._patience = patience
        self._most = most_pages
        self._pages = 1
        self._well = 0
        self._well_needed = 0
        # Behind which item a page that was asked for by reference has shown nothing: just now, and before.
        self._last_by_reference: tuple[Entity, int] | None = None
        self._said_to_be_last: tuple[Entity, int] | None = None
        self.requests = 0
        """How many have been made."""

    async def read(self, entity: Entity, after: int) -> Stretch:
        """The items of a type that come next behind the id `after`, some of them or all.

        Troubles are waited out. Raises `PortalTrouble` when the patience is over, `PortalError` when the portal
        refuses.
        """
        while True:
            asked = min(self._pages, self._most)
            begun = self._clock.seconds()
            self.requests += 1
            try:
                items = await (self._one(entity, after) if asked == 1 else self._chain(entity, after, asked))
            except PortalTrouble as trouble:
                if trouble.code not in _OF_THE_RATE:
                    self._ask_for_less(asked // 2)
                await self._patience.wait(trouble)
                continue
            self._patience.progressed()
            if items and self._said_to_be_last == (entity, after):
                self._most = 1
            self._said_to_be_last = self._last_by_reference
            self._last_by_reference = None
            if len(items) >= asked * ITEMS_IN_A_PAGE:
                self._ask_for_more(asked, self._clock.seconds() - begun)
            return Stretch(items, ended=not items)

    async def highest(self, entity: Entity) -> int:
        """The last id of a type, 0 when there is none; raises as `read`."""

        async def asked() -> list[Item]:
            self.requests += 1
            last = {"entityTypeId": entity.value, "select": ["id"], "order": {"id": "DESC"}, "start": -1}
            return items_in(entity, await self._portal.call(_LIST, last))

        items = await self._patience.answer(asked)
        self._patience.progressed()
        return items[0].id if items else 0

    async def _one(self, entity: Entity, after: int) -> list[Item]:
        return _page(entity, await self._portal.call(_LIST, _query(entity, after)), after)

    async def _chain(self, entity: Entity, after: int, pages: int) -> list[Item]:
        commands: dict[str, tuple[str, Mapping[str, Any]]] = {"p0": (_LIST, _query(entity, after))}
        for number in range(1, pages):
            behind = Reference(f"p{number - 1}", "items", str(ITEMS_IN_A_PAGE - 1), "id")
            commands[f"p{number}"] = (_LIST, _query(entity, behind))
        answers = await self._portal.batch(commands)
        items = _page(entity, _result(answers.get("p0")), after)
        for number in range(1, pages):
            if len(items) < number * ITEMS_IN_A_PAGE:
                # The reference behind this page leads nowhere, and only a plain question shows that it was the last.
                self._pages = 1
                break
            try:
                page = _page(entity, _result(answers.get(f"p{number}")), items[-1].id)
            except (Strange, PortalError):
                # The portal does not know how to follow a reference.
                self._most = 1
                break
            except PortalTrouble:
                self._ask_for_less(number)
                break
            if not page:
                # Or it has put nothing in the reference's place.
                self._pages = 1
                self._last_by_reference = (entity, items[-1].id)
                break
            items += page
        return items

    def _ask_for_less(self, pages: int) -> None:
        self._pages = max(1, pages)
        self._well, self._well_needed = 0, _CONVALESCENCE

    def _ask_for_more(self, asked: int, seconds: float) -> None:
        """`asked` pages were had in so many seconds."""
        self._well += 1
        if self._well < self._well_needed:
            return
        self._well = self._well_needed = 0
        more = next((step for step in _STEPS if step > asked), asked)
        bearable = int(_COMFORTABLE * asked / seconds) if seconds > 0 else more
        self._pages = max(1, min(more, bearable))


def _query(entity: Entity, after: int | Reference) -> dict[str, Any]:
    return {
        "entityTypeId": entity.value,
        "select": ["*"],
        "filter": {">id": after},
        "order": {"id": "ASC"},
        "start": -1,
    }


def _result(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    if answer is None:
        raise PortalTrouble("Bitrix24 has left a part of a batch undone")
    return answer


def _page(entity: Entity, answer: Any, after: int) -> list[Item]:
    items = items_in(entity, answer)
    last = after
    for item in items:
        if item.id <= last:
            raise Strange("other items than those that it was asked for")
        last = item.id
    return items

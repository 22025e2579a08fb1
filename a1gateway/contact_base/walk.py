"""A walk through the base, and how far it has got."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from .items import Entity, Item
from .pages import BaseReader

_PLURALS = {Entity.CONTACT: "contacts", Entity.LEAD: "leads", Entity.COMPANY: "companies"}


@dataclass(frozen=True, slots=True)
class Walked:
    """How far the walk through one type has got."""

    highest: int
    """The highest id of the type when the walk began."""
    last: int
    """The id behind which it goes on."""
    ended: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a walk through all its types has got."""

    share: float
    """Of the whole, 0 to 1."""
    counted: Mapping[Entity, int]
    """Items, by type."""
    totals: Mapping[Entity, int]
    """How many items there are, by type, as far as that is known: a walk finds out at a type's end."""
    requests: int = 0
    """That a walk has made in this run."""


Follow = Callable[[Reached], None]
"""Hears of a walk after each step of it."""


def share_done(walks: Mapping[Entity, Walked]) -> float:
    """Which share of the base has been walked, by its ids; 0 to 1."""
    whole = sum(walk.highest for walk in walks.values())
    done = sum(walk.highest if walk.ended else min(walk.last, walk.highest) for walk in walks.values())
    return done / whole if whole else 1.0


def counts(counted: Mapping[Entity, int]) -> str:
    """So many items of each type, for people."""
    return ", ".join(f"{counted[entity]:,} {_PLURALS[entity]}" for entity in Entity if entity in counted)


async def walk(
    reader: BaseReader,
    entities: Sequence[Entity],
    follow: Follow,
    take: Callable[[Entity, Sequence[Item]], Awaitable[None]],
) -> dict[Entity, int]:
    """Hand over all items of these types, by type and id; how many there were. Raises as `BaseReader.read`."""
    walks = {entity: Walked(await reader.highest(entity), 0, ended=False) for entity in entities}

    async def taken(entity: Entity, items: Sequence[Item], walked: Walked) -> None:
        del walked
        await take(entity, items)

    return await go_on(reader, walks, dict.fromkeys(entities, 0), follow, taken)


async def go_on(
    reader: BaseReader,
    walks: Mapping[Entity, Walked],
    counted: Mapping[Entity, int],
    follow: Follow,
    take: Callable[[Entity, Sequence[Item], Walked], Awaitable[None]],
) -> dict[Entity, int]:
    """Walk from there to the end, each time with how far the walk has got by what is handed over; else as `walk`.

    `counted` is how many items there were before.
    """
    walks, counted = dict(walks), dict(counted)
    for entity in walks:
        while not walks[entity].ended:
            stretch = await reader.read(entity, walks[entity].last)
            last = stretch.items[-1].id if stretch.items else walks[entity].last
            walked = Walked(walks[entity].highest, last, stretch.ended)
            await take(entity, stretch.items, walked)
            walks[entity] = walked
            counted[entity] += len(stretch.items)
            totals = {each: counted[each] for each in walks if walks[each].ended}
            follow(Reached(share_done(walks), dict(counted), totals, reader.requests))
    return counted

"""Walking the base: every item exactly once, whatever the portal makes of references and however often it fails."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.contact_base.items import Entity
from a1gateway.contact_base.pages import BaseReader
from a1gateway.contact_base.patience import Patience

from .crm_in_memory import CONTACT, CrmInMemory

TIMED_OUT = PortalTrouble("Bitrix24 cannot be reached: no answer within 65 seconds")


def base(*ids: int) -> CrmInMemory:
    """A portal with contacts."""
    crm = CrmInMemory()
    for number in ids:
        crm.put(CONTACT, number, "+375291112233")
    return crm


def awaited(clock: Clock, work: Any, *, step: float = 1.0) -> Any:
    """The result of work that waits."""
    results: list[Any] = []
    deferred = Deferred.fromCoroutine(work)
    deferred.addBoth(results.append)
    for _ in range(100_000):
        if results:
            break
        clock.advance(step)
    deferred.addErrback(lambda _: None)
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]


async def walked(reader: BaseReader) -> list[int]:
    ids: list[int] = []
    while True:
        stretch = await reader.read(Entity.CONTACT, ids[-1] if ids else 0)
        if stretch.ended:
            return ids
        ids += [item.id for item in stretch.items]


def walk(crm: CrmInMemory, *, patience: float = 1800.0) -> list[int]:
    clock = Clock()
    result: list[int] = awaited(clock, walked(BaseReader(clock, crm, Patience(clock, patience))))
    return result


def test_the_chain_grows_and_every_item_comes_once() -> None:
    crm = base(*range(3, 30_003, 3))
    assert walk(crm) == list(range(3, 30_003, 3))
    # Of 1, 5 and 20 pages, and then the plain question whether there is more.
    assert len(crm.requests) == 13
    assert len([method for method, _ in crm.commands]) <= 1 + 5 + 10 * 20 + 1


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 99, 100, 299, 300, 301])
@pytest.mark.parametrize("chaining", ["works", "kept", "empty", "ignored"])
def test_the_end_is_found_wherever_it_is(count: int, chaining: str) -> None:
    crm = base(*range(1, count + 1))
    crm.chaining = chaining
    assert walk(crm) == list(range(1, count + 1))


@pytest.mark.parametrize("chaining", ["kept", "empty", "ignored"])
def test_a_portal_that_follows_no_reference_is_asked_page_by_page(chaining: str) -> None:
    crm = base(*range(1, 1001))
    crm.chaining = chaining
    assert walk(crm) == list(range(1, 1001))
    assert len(crm.requests) <= 23
    assert len(crm.commands) <= 30


@settings(max_examples=50)
@given(
    ids=st.integers(0, 6).flatmap(lambda size: st.sets(st.integers(1, 400), min_size=size * 40)),
    chaining=st.sampled_from(["works", "kept", "empty", "ignored"]),
    troubles=st.lists(
        st.sampled_from([None, None, TIMED_OUT, PortalTrouble("slower", code="QUERY_LIMIT_EXCEEDED", pause=1.5)]),
        max_size=30,
    ),
    broken=st.sets(st.integers(0, 60)),
)
def test_every_item_comes_exactly_once(
    ids: set[int], chaining: str, troubles: list[PortalTrouble | None], broken: set[int]
) -> None:
    """Whatever the base, what the portal makes of references, and which requests and commands fail."""
    crm = base(*ids)
    crm.chaining = chaining
    crm.trouble = iter(troubles)
    done = crm._do

    def sometimes(method: str, parameters: Any) -> Any:
        result = done(method, parameters)
        if len(crm.commands) in broken:
            raise PortalTrouble("spent", code="OPERATION_TIME_LIMIT", pause=30)
        return result

    crm._do = sometimes  # type: ignore[method-assign]
    # Nobody gives up, however long it lasts.
    assert walk(crm, patience=86400.0) == sorted(ids)


def test_a_request_that_takes_too_long_is_made_smaller() -> None:
    """The portal needs 3 s for a page and ends a request after 60 s."""
    clock = Clock()
    crm = base(*range(1, 5001))
    longest = 0

    class Slow(CrmInMemory):
        async def call(self, method: str, parameters: Any) -> Any:
            clock.advance(3)
            return await crm.call(method, parameters)

        async def batch(self, commands: Any, *, paid: bool = False) -> dict[str, Any]:
            nonlocal longest
            longest = max(longest, len(commands))
            if len(commands) > 20:
                clock.advance(65)
                raise TIMED_OUT
            clock.advance(3 * len(commands))
            return await crm.batch(commands)

    reader = BaseReader(clock, Slow(), Patience(clock, 1800))
    assert awaited(clock, walked(reader)) == list(range(1, 5001))
    assert longest <= 8
    assert reader.requests < 30


def test_after_a_time_out_half_is_asked_for() -> None:
    crm = base(*range(1, 6001))
    crm.trouble = chain(repeat(None, 3), [TIMED_OUT])
    sizes: list[int] = []
    batch = crm.batch

    async def counted(commands: Any, *, paid: bool = False) -> dict[str, Any]:
        sizes.append(len(commands))
        return await batch(commands)

    crm.batch = counted  # type: ignore[method-assign]
    assert walk(crm) == list(range(1, 6001))
    assert sizes[:6] == [5, 20, 20, 10, 10, 10]


def test_a_portal_that_is_away_for_too_long_ends_the_walk() -> None:
    crm = base(*range(1, 100))
    crm.trouble = repeat(TIMED_OUT)
    with pytest.raises(PortalTrouble, match="no answer within"):
        walk(crm, patience=60)
    assert 4 < len(crm.requests) < 10


def test_patience_is_whole_again_after_each_request_that_went_well() -> None:
    crm = base(*range(1, 301))
    crm.trouble = iter([TIMED_OUT, TIMED_OUT, TIMED_OUT, None] * 20)
    assert walk(crm, patience=15) == list(range(1, 301))


def test_what_only_a_person_can_mend_is_not_waited_for() -> None:
    crm = base(1)
    crm.trouble = repeat(PortalTrouble("reinstall", code="INVALID_GRANT", operator=True))
    with pytest.raises(PortalTrouble, match="reinstall"):
        walk(crm)
    assert len(crm.requests) == 1


def test_a_refusal_ends_the_walk() -> None:
    crm = base(1)
    crm.trouble = repeat(PortalError("ENTITY_TYPE_NOT_SUPPORTED", "no leads here"))
    with pytest.raises(PortalError, match="no leads"):
        walk(crm)


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"items": "none"}, {"items": [[], []]}, {"items": [{"id": 0}]}, {"items": [{"id": True}]}],
)
def test_an_answer_that_is_no_page_is_no_end_of_the_base(answer: Any) -> None:
    crm = base(1)
    crm._do = lambda method, parameters: answer  # type: ignore[method-assign]
    with pytest.raises(PortalTrouble):
        walk(crm, patience=10)


def test_the_highest_id_is_asked_for_once() -> None:
    clock = Clock()
    crm = base(*range(1, 200))
    reader = BaseReader(clock, crm, Patience(clock, 60))
    assert awaited(clock, reader.highest(Entity.CONTACT)) == 199
    assert awaited(clock, reader.highest(Entity.LEAD)) == 0
    assert len(crm.requests) == 2

"""A short run of the crash tester (`make crash`) with each transport."""

from __future__ import annotations

from functools import partial
from typing import get_args

import pytest

from ..centre.centre import why_not
from ..crash.kills import Part, Transport, draw
from ..crash.run import CHANGES, MANNERS, Run
from .stack import Stack
from .together import Scenario, Together

_KILLS = 6
# Of this one the two transports together have every part.
_SEED = 1640


def short_run(stack: Stack, transport: Transport) -> None:
    """As `make crash`, with fewer kills."""
    said: list[str] = []
    run = Run(stack, transport, draw(transport, _KILLS, _SEED), seed=_SEED, say=said.append)
    verdict = run.play()
    shown = [*said, *map(str, verdict.rows), *map(str, verdict.faults[:10])]
    assert verdict.faults == [], "\n".join(shown)


def scenario(transport: Transport) -> Scenario:
    """The run with a transport."""
    return Scenario(
        partial(short_run, transport=transport), manner=MANNERS[transport], changes=CHANGES[transport], takes=15
    )


def test_the_short_run_dies_in_every_part() -> None:
    transports: tuple[Transport, ...] = get_args(Transport)
    kills = [kill for transport in transports for kill in draw(transport, _KILLS, _SEED)]
    assert {kill.part for kill in kills} == set(Part)


_NO_CENTRE = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.mark.parametrize(
    "scenario", [scenario("http"), pytest.param(scenario("smpp"), marks=_NO_CENTRE)], ids=get_args(Transport)
)
def test_nothing_is_lost_and_nothing_goes_twice(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)

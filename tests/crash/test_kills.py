"""What a seed decides."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from .kills import Part, Transport, draw

TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_seed_repeats_the_kills(transport: Transport) -> None:
    assert draw(transport, 50, 7) == draw(transport, 50, 7)
    assert draw(transport, 50, 7) != draw(transport, 50, 8)
    assert draw(transport, 50, 7)[:20] == draw(transport, 20, 7)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_other_kill_is_at_a_moment_and_the_others_are_in_all_parts_alike(transport: Transport) -> None:
    kills = draw(transport, 120, 3)
    counts = Counter(kill.part for kill in kills)
    assert counts.pop(Part.MOMENT) == 60
    assert counts == dict.fromkeys(set(Part) - {Part.MOMENT}, 10)
    assert all((kill.step is None) == (kill.part is Part.MOMENT) for kill in kills)

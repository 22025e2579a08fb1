"""How long messages took, read out of numbers of messages by step."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.journal.delivery_times import Band, bands, begin_of, delivery_times, step_of

TIMES = st.floats(min_value=0, max_value=259_200, allow_nan=False)


def exactly(times: list[float], share: float) -> float:
    """The time that so many did not exceed."""
    return sorted(times)[max(0, -int(-len(times) * share // 1) - 1)]


@given(TIMES)
def test_a_time_is_in_its_step_and_a_step_is_a_tenth(seconds: float) -> None:
    step = step_of(seconds)
    assert begin_of(step) <= seconds * 1.000001 + 1e-9
    assert seconds <= begin_of(step + 1) * 1.000001 + 1e-9
    assert begin_of(step + 1) - begin_of(step) == pytest.approx(0.1 * (1 + begin_of(step)))


@given(st.lists(TIMES, min_size=1, max_size=60))
def test_what_is_read_out_is_in_the_step_of_what_it_was(times: list[float]) -> None:
    found = delivery_times(Counter(map(step_of, times)))
    assert found is not None
    for value, share in ((found.median, 0.5), (found.percentile_95, 0.95)):
        step = step_of(exactly(times, share))
        assert begin_of(step) <= value <= begin_of(step + 1)


def test_of_many_it_is_near() -> None:
    times = [number / 100 for number in range(1, 2001)]
    found = delivery_times(Counter(map(step_of, times)))
    assert found is not None
    assert found.median == pytest.approx(10.0, rel=0.02)
    assert found.percentile_95 == pytest.approx(19.0, rel=0.02)


@given(st.lists(TIMES, max_size=60))
def test_every_message_is_in_one_band_and_mostly_in_its_own(times: list[float]) -> None:
    bounds = (10.0, 60.0, 3600.0)
    found = bands(Counter(map(step_of, times)), bounds)
    assert [(each.longer_than, each.at_most) for each in found] == [
        (0.0, 10.0),
        (10.0, 60.0),
        (60.0, 3600.0),
        (3600.0, None),
    ]
    assert sum(each.messages for each in found) == len(times)
    counted = 0
    for band, bound in zip(found, bounds, strict=False):
        counted += band.messages
        surely = sum(step_of(each) < step_of(bound) for each in times)
        assert surely <= counted <= sum(step_of(each) <= step_of(bound) for each in times)


def test_the_messages_of_a_step_are_parted_where_the_bound_lies() -> None:
    step = step_of(10.0)
    below = (10.0 - begin_of(step)) / (begin_of(step + 1) - begin_of(step))
    found = bands({step: 1000}, (10.0,))
    assert found[0].messages == pytest.approx(1000 * below, abs=25)
    assert found[1] == Band(10.0, None, 1000 - found[0].messages)


def test_a_clock_that_was_set_back_makes_no_time_and_of_no_messages_there_is_none() -> None:
    assert step_of(-5.0) == step_of(0.0) == 0
    assert delivery_times({}) is None

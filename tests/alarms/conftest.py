"""What the tests of the alarms share."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from a1gateway.journal import Journal, Store

from .world import World


@pytest.fixture
def world(clock: Clock, journal: Journal, store: Store, tmp_path: Path) -> World:
    return World(clock, journal, store, tmp_path)

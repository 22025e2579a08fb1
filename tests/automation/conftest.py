"""A portal in memory, and worlds with automation around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.journal import Store
from a1gateway.sandbox.crm_fields import CustomField

from ..portal_in_memory import PortalInMemory
from .world import DEAL, World


@pytest.fixture
def portal(clock: Clock) -> PortalInMemory:
    portal = PortalInMemory(clock)
    portal.crm.empty()
    for name, kind in (("LINK", "string"), ("VISIT", "datetime"), ("DAY", "date")):
        field = CustomField(portal.crm.next_id(), f"UF_CRM_{name}", kind)
        portal.crm.fields[DEAL][field.name] = field
    return portal


@pytest.fixture
def worlds(clock: Clock, store: Store, portal: PortalInMemory) -> Iterator[Any]:
    made: list[World] = []

    def make(*scenarios: dict[str, Any], **section: Any) -> World:
        made.append(World(clock, store, *scenarios, portal=portal, **section))
        return made[-1]

    yield make
    for world in made:
        world.stop()

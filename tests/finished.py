"""Messages that have come to their end: delivered, told to Bitrix24, and counted in the statistics."""

from __future__ import annotations

from typing import Any

from a1gateway.carriers.outcome import Accepted
from a1gateway.journal import Journal, Store
from a1gateway.journal.acceptance import accept
from a1gateway.message import Arrival, Source, Status, StatusReport

from .conftest import agree, arrival, run
from .test_statistics import count_all


def deliver(journal: Journal, at: float) -> None:
    """Everything that waits goes out, and arrives."""
    while submissions := run(journal.claim(at, 200)).submissions:
        outcomes = [(each, Accepted(f"a1-{each.message_id}"), at + 60) for each in submissions]
        run(journal.record(outcomes, at))
        names = [f"a1-{each.message_id}" for each in submissions]
        reports = [StatusReport(name, "DELIVERED", Status.DELIVERED, Source.CALLBACK, at + 1) for name in names]
        run(journal.settle(reports))


def confirm(journal: Journal, at: float) -> None:
    """Bitrix24 has heard of every end."""
    while updates := run(journal.untold(at + 1e9, 200))[0]:
        run(journal.confirm(updates, at))


def finish(journal: Journal, store: Store, *arrivals: Arrival) -> None:
    """Take these in, and bring them to their end."""
    run(journal.within(accept, arrivals))
    at = max(each.received_at for each in arrivals)
    agree(journal, at)
    deliver(journal, at)
    confirm(journal, at + 2)
    count_all(journal, store.path)


def own(number: int, **more: Any) -> Arrival:
    """A message to a number of its own, with a text of its own, from an item of its own."""
    msisdn = f"+37529{1_000_000 + number:07}"
    values: dict[str, Any] = {
        "msisdn": msisdn,
        "number_received": f"8 029 {msisdn[6:]}",
        "text": f"Ваш заказ {number} готов, Анна",
        "origin": {"module_id": "crm", "bindings": [{"OWNER_TYPE_ID": "2", "OWNER_ID": str(number)}]},
    }
    return arrival(f"m{number}", **values | more)

"""What automation lives from in the simulated portal: stages and their history, smart processes, events, calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError
from a1gateway.sandbox import php
from a1gateway.sandbox.crm_events import EventCalls, EventManner
from a1gateway.sandbox.events import Events
from a1gateway.sandbox.oauth import Holder
from a1gateway.sandbox.outgoing import Fields
from a1gateway.sandbox.tasks import Tasks
from a1gateway.sandbox.telephony import EndedCall

from .conftest import run
from .portal_in_memory import PortalInMemory

ADMINISTRATOR = Holder(1, admin=True)
HANDLER = "https://sms.example.by/bitrix24/event/secret"


@pytest.fixture
def portal(clock: Clock) -> PortalInMemory:
    return PortalInMemory(clock)


def ask(portal: PortalInMemory, method: str, **parameters: Any) -> Any:
    return run(portal.call(method, parameters))


def make(portal: PortalInMemory, entity_type: int, **fields: Any) -> int:
    """A new item; its id."""
    return int(ask(portal, "crm.item.add", entityTypeId=entity_type, fields=fields)["item"]["id"])


def change(portal: PortalInMemory, entity_type: int, id_: int, **fields: Any) -> Any:
    return ask(portal, "crm.item.update", entityTypeId=entity_type, id=id_, fields=fields)["item"]


def test_a_deal_moves_through_its_stages(portal: PortalInMemory, clock: Clock) -> None:
    id_ = make(portal, 2, title="Шкаф", opportunity="1250.5", contactId=275)
    clock.advance(60)
    item = change(portal, 2, id_, stageId="PREPAYMENT_INVOICE")
    assert (item["stageId"], item["previousStageId"], item["opportunity"]) == ("PREPAYMENT_INVOICE", "NEW", 1250.5)
    moved = item["movedTime"]
    clock.advance(60)
    # Other changes leave the time of the move alone.
    assert change(portal, 2, id_, title="Стол")["movedTime"] == moved
    with pytest.raises(PortalError, match="there is no stage"):
        change(portal, 2, id_, stageId="NOWHERE")


def test_the_history_of_stages_tells_every_entry(portal: PortalInMemory) -> None:
    first, second = make(portal, 2), make(portal, 2)
    for stage in ("EXECUTING", "WON"):
        change(portal, 2, first, stageId=stage)
    change(portal, 2, second, title="Другая")

    def history(**more: Any) -> list[tuple[int, int, str]]:
        items = ask(portal, "crm.stagehistory.list", entityTypeId=2, start=-1, **more)["items"]
        return [(each["OWNER_ID"], each["TYPE_ID"], each["STAGE_ID"]) for each in items]

    assert history() == [(first, 1, "NEW"), (second, 1, "NEW"), (first, 2, "EXECUTING"), (first, 3, "WON")]
    assert history(filter={">ID": 2, "OWNER_ID": [first]}) == [(first, 2, "EXECUTING"), (first, 3, "WON")]
    assert history(order={"ID": "DESC"})[0] == (first, 3, "WON")
    with pytest.raises(PortalError, match="not supported"):
        ask(portal, "crm.stagehistory.list", entityTypeId=3)


def test_a_leads_history_has_its_own_names(portal: PortalInMemory) -> None:
    make(portal, 1, name="Игорь")
    (entry,) = ask(portal, "crm.stagehistory.list", entityTypeId=1)["items"]
    assert (entry["STATUS_ID"], entry["STATUS_SEMANTIC_ID"]) == ("NEW", "P")
    assert "STAGE_ID" not in entry


def test_a_smart_process_has_items_stages_and_fields(portal: PortalInMemory) -> None:
    with pytest.raises(PortalError, match="not supported"):
        make(portal, 177)
    portal.crm.add_process(177, "Договоры")
    id_ = make(portal, 177, title="Договор", contactId=275)
    assert change(portal, 177, id_, stageId="DT177_1:SUCCESS")["stageId"] == "DT177_1:SUCCESS"
    (process,) = ask(portal, "crm.type.list")["types"]
    assert (process["entityTypeId"], process["title"]) == (177, "Договоры")
    stages = ask(portal, "crm.status.list", filter={"ENTITY_ID": "DYNAMIC_177_STAGE_1"})
    assert [(each["STATUS_ID"], each["SEMANTICS"]) for each in stages][-1] == ("DT177_1:FAIL", "F")
    described = ask(portal, "crm.item.fields", entityTypeId=177)["fields"]["stageId"]
    assert (described["type"], described["statusType"]) == ("crm_status", "DYNAMIC_177_STAGE_1")
    ask(portal, "crm.item.delete", entityTypeId=177, id=id_)
    with pytest.raises(PortalError, match="не найден"):
        ask(portal, "crm.item.get", entityTypeId=177, id=id_)


def test_lists_of_the_crm(portal: PortalInMemory) -> None:
    assert [each["CURRENCY"] for each in ask(portal, "crm.currency.list")] == ["BYN", "USD"]
    assert ask(portal, "crm.currency.localizations.get", id="BYN")["ru"]["FORMAT_STRING"] == "# BYN"
    assert [each["NAME"] for each in ask(portal, "user.get", filter={"ID": [7]})] == ["Пётр"]
    names = {each["NAME"] for each in ask(portal, "crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE"})}
    assert "Ожидает оплаты" in names


def test_calls_and_their_statistics(portal: PortalInMemory) -> None:
    telephony = portal.sandbox.telephony
    missed = telephony.end(EndedCall(number="+375291112233"))
    telephony.end(EndedCall(number="+375291112233", type=1, failedCode="200", duration=30))
    found = ask(portal, "voximplant.statistic.get", FILTER={"CALL_ID": missed["CALL_ID"]})
    assert [(each["CALL_TYPE"], each["CALL_FAILED_CODE"]) for each in found] == [("2", "304")]
    wanted = {"PHONE_NUMBER": "+375291112233", "CALL_TYPE": "1", ">=CALL_START_DATE": missed["CALL_START_DATE"]}
    assert len(ask(portal, "voximplant.statistic.get", FILTER=wanted)) == 1


class Handlers:
    """Whoever is called."""

    def __init__(self) -> None:
        self.called: list[dict[str, str]] = []

    def post_form(self, url: str, fields: Fields) -> Deferred[int | None]:
        assert url == HANDLER
        self.called.append(dict(fields))
        return succeed(200)


@pytest.fixture
def called(clock: Clock, portal: PortalInMemory) -> Iterator[tuple[EventCalls, Handlers]]:
    handlers, events = Handlers(), Events()
    for event in ("ONCRMDEALADD", "ONCRMDEALUPDATE", "ONCRMDYNAMICITEMUPDATE_177"):
        assert events.bind({"EVENT": event, "HANDLER": HANDLER}, ADMINISTRATOR)
    tasks = Tasks(clock)
    calls = EventCalls(clock, events, portal.sandbox.installation, outgoing=handlers, tasks=tasks)  # type: ignore[arg-type]
    portal.crm.on_change = calls.item_changed
    yield calls, handlers
    tasks.stop()


def test_an_event_says_what_has_changed_and_nothing_more(
    portal: PortalInMemory, called: tuple[EventCalls, Handlers]
) -> None:
    _, handlers = called
    id_ = make(portal, 2)
    change(portal, 2, id_, title="Стол")
    ask(portal, "crm.item.delete", entityTypeId=2, id=id_)
    portal.crm.add_process(177, "Договоры")
    item = make(portal, 177)
    change(portal, 177, item, title="Договор")
    assert [(each["event"], each["data[FIELDS][ID]"]) for each in handlers.called] == [
        ("ONCRMDEALADD", str(id_)),
        ("ONCRMDEALUPDATE", str(id_)),
        ("ONCRMDYNAMICITEMUPDATE_177", str(item)),
    ]
    assert handlers.called[-1]["data[FIELDS][ENTITY_TYPE_ID]"] == "177"
    assert handlers.called[0]["auth[application_token]"] == portal.sandbox.installation.application_token
    assert not any("title" in name.lower() for each in handlers.called for name in each)
    assert php.pairs({"data": {"FIELDS": {"ID": 1}}}) == [("data[FIELDS][ID]", "1")]


def test_events_come_late_doubled_out_of_order_or_not_at_all(
    clock: Clock, portal: PortalInMemory, called: tuple[EventCalls, Handlers]
) -> None:
    calls, handlers = called
    calls.behave(EventManner(late=10, shuffled=10, doubled=0.5, lost=0.2, seed=3))
    for number in range(100):
        portal.crm.on_change("UPDATE", 2, number + 1)
    clock.advance(9.9)
    assert handlers.called == []
    clock.pump([0.1] * 110)
    ids = [int(each["data[FIELDS][ID]"]) for each in handlers.called]
    assert len(set(ids)) < 95
    assert len(ids) > len(set(ids))
    assert ids != sorted(ids)
    assert [each.answer for each in calls.delivered] == [200] * len(ids)
    calls.clear()
    portal.crm.on_change("UPDATE", 2, 7)
    assert len(calls.delivered) == 1

"""What a template comes to for a document, before anything is sent."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from a1gateway.automation.documents import DocumentReader
from a1gateway.automation.preview import NoSuchDocument, Preview, document_of, preview
from a1gateway.automation.template import Template
from a1gateway.bitrix24.item import CONTACT, DEAL, Item
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.sandbox import crm as sandbox
from a1gateway.sandbox.crm import Phone

from ..conftest import START, run
from ..portal_in_memory import PortalInMemory


@pytest.fixture
def portal(clock: Clock) -> PortalInMemory:
    portal = PortalInMemory(clock)
    portal.crm.empty()
    return portal


@pytest.fixture
def reader(clock: Clock, portal: PortalInMemory) -> DocumentReader:
    return DocumentReader(clock, portal)


def deal(portal: PortalInMemory) -> Item:
    crm = portal.crm
    anna = sandbox.Item(crm.next_item_id(CONTACT), name="Анна", phones=(Phone(crm.next_id(), "+375291112233"),))
    crm.added(CONTACT, anna)
    item = sandbox.Item(crm.next_item_id(DEAL), title="Шкаф", contact_ids=(anna.id,))
    crm.added(DEAL, item)
    return Item(DEAL, item.id)


def shown(reader: DocumentReader, item: Item, text: str) -> Preview:
    template = Template.read(text)
    return preview(run(document_of(reader, item, template.placeholders)), template, START)


def test_fields_are_put_in_as_a_scenario_would(portal: PortalInMemory, reader: DocumentReader) -> None:
    found = shown(reader, deal(portal), "{NAME|Клиент}, #DEAL_TITLE#; #CONTACT_LAST_NAME|без фамилии#, #EVENT_TIME#")
    assert found.text == found.shown == "Анна, Шкаф; без фамилии, 03:00"
    assert {each.field: value for each, value in found.values.items()} == {
        "NAME": "Анна",
        "TITLE": "Шкаф",
        "LAST_NAME": "",
        "TIME": "03:00",
    }


def test_a_field_that_is_not_there_is_no_empty_one(portal: PortalInMemory, reader: DocumentReader) -> None:
    found = shown(reader, deal(portal), "#DEAL_TITLE#: #DEAL_UF_LINK#, #CONTACT_LAST_NAME#")
    assert found.text is None
    assert found.shown == "Шкаф: #DEAL_UF_LINK#, #CONTACT_LAST_NAME#"
    assert [each.written for each in found.unknown] == ["#DEAL_UF_LINK#"]
    assert [each.written for each in found.empty] == ["#CONTACT_LAST_NAME#"]
    told = shown(reader, deal(portal), "Заказ #DEAL_UF_LINK|здесь#")
    assert told.text == "Заказ здесь"
    assert [each.written for each in told.unknown] == ["#DEAL_UF_LINK|здесь#"]


def test_a_document_that_is_not_there_is_said_so(portal: PortalInMemory, reader: DocumentReader) -> None:
    with pytest.raises(NoSuchDocument, match="deal:77"):
        run(document_of(reader, Item(DEAL, 77), ()))


def test_what_keeps_a_document_from_being_read_is_told(portal: PortalInMemory, reader: DocumentReader) -> None:
    item = deal(portal)
    denied = PortalError("ACCESS_DENIED", "Access denied!")
    portal.fault = lambda method, given: denied if method.startswith("crm.item.") and "fields" not in method else None
    with pytest.raises(PortalError):
        run(document_of(reader, item, ()))
    portal.trouble = PortalTrouble("Bitrix24 cannot be reached: refused")
    with pytest.raises(PortalTrouble):
        run(document_of(reader, item, ()))

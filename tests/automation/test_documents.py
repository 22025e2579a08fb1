"""Documents of the CRM: their stages and phones, and reading many of them when some are not to be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from twisted.internet.task import Clock

from a1gateway.automation.documents import Described, Document, DocumentReader, Reading
from a1gateway.automation.template import Placeholder, Prefix
from a1gateway.automation.values import Known
from a1gateway.bitrix24.item import COMPANY, CONTACT, DEAL, INVOICE, LEAD, QUOTE, Item, item_named, name_of
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.sandbox import crm as sandbox
from a1gateway.sandbox.crm import Phone
from a1gateway.sandbox.crm_sales import Sales

from ..conftest import run
from ..portal_in_memory import Fault, PortalInMemory

PROCESS = 177
AWAY = PortalTrouble("Bitrix24 cannot be reached: refused")
BUSY = PortalTrouble("Bitrix24 has spent its time on this method", code="OPERATION_TIME_LIMIT")
DENIED = PortalError("ACCESS_DENIED", "Access denied!")
NAME = Placeholder(Prefix.CONTACT, "NAME", None, "#CONTACT_NAME#")


@pytest.fixture
def portal(clock: Clock) -> PortalInMemory:
    portal = PortalInMemory(clock)
    portal.crm.empty()
    portal.crm.add_process(PROCESS, "Визиты")
    return portal


@pytest.fixture
def reader(clock: Clock, portal: PortalInMemory) -> DocumentReader:
    return DocumentReader(clock, portal)


def put(portal: PortalInMemory, of: int, *numbers: str | tuple[str, str], **more: Any) -> Item:
    """An item of a type, with phones; those that are no mobile ones by their label are called `WORK`."""
    crm = portal.crm
    labelled = [(each, "WORK") if isinstance(each, str) else each for each in numbers]
    phones = tuple(Phone(crm.next_id(), value, label) for value, label in labelled)
    item = sandbox.Item(crm.next_item_id(of), phones=phones, **more)
    crm.added(of, item)
    return Item(of, item.id)


def contact(portal: PortalInMemory, *numbers: str | tuple[str, str], name: str = "Анна") -> Item:
    return put(portal, CONTACT, *(numbers or ("+375291112233",)), name=name)


def deal(portal: PortalInMemory, *contacts: Item, company: Item | None = None, of: int = DEAL) -> Item:
    ids = tuple(each.id for each in contacts)
    return put(portal, of, title="Шкаф", contact_ids=ids, company_id=0 if company is None else company.id)


def read(
    reader: DocumentReader, *wanted: Item, placeholders: Sequence[Placeholder] = (), alone: bool = False
) -> Reading:
    return run(reader.read(wanted, dict.fromkeys(wanted, placeholders), alone=alone))


# Stages.


def described(reader: DocumentReader) -> Described:
    return run(reader.described([LEAD, DEAL, PROCESS]))


@pytest.mark.parametrize(
    ("of", "stage", "named", "is_one"),
    [
        (DEAL, "NEW", "Новая", True),
        (DEAL, "NEW", "НОВАЯ", True),
        (DEAL, "NEW", "NEW", True),
        (LEAD, "NEW", "NEW", True),
        (LEAD, "NEW", "Не обработан", True),
        # A lead's status has the id of a deal's stage, and not its name.
        (LEAD, "NEW", "Новая", False),
        (DEAL, "NEW", "Не обработан", False),
        # The name is that of all pipelines, an id is that of one.
        (DEAL, "C5:NEW", "Новая", True),
        (DEAL, "C5:NEW", "C5:NEW", True),
        (DEAL, "C5:NEW", "NEW", False),
        (DEAL, "NEW", "C5:NEW", False),
        (PROCESS, "DT177_1:NEW", "Начало", True),
        (PROCESS, "DT177_1:NEW", "Новая", False),
        (PROCESS, "DT177_1:SUCCESS", "Успех", True),
        (DEAL, "", "", False),
        (DEAL, "", "Новая", False),
        # One that the portal has not told of.
        (DEAL, "C9:NEW", "C9:NEW", True),
        (DEAL, "C9:NEW", "Новая", False),
        (31, "NEW", "Новая", False),
    ],
)
def test_a_stage_is_named_by_its_id_or_its_name_among_those_of_its_type(
    reader: DocumentReader, of: int, stage: str, named: str, is_one: bool
) -> None:
    assert described(reader).is_one_of(of, stage, ["нечто", named]) is is_one


@pytest.mark.parametrize(
    ("of", "named", "has_it"),
    [
        (DEAL, "Новая", True),
        (DEAL, "новая", True),
        (DEAL, "NEW", True),
        (DEAL, "C5:WON", True),
        (DEAL, "Не обработан", False),
        (DEAL, "JUNK", False),
        (LEAD, "JUNK", True),
        (LEAD, "Новая", False),
        (PROCESS, "DT177_1:FAIL", True),
        (178, "DT178_1:FAIL", False),
        (DEAL, "Звонок", False),
        (DEAL, "", False),
    ],
)
def test_whether_a_type_has_a_stage(reader: DocumentReader, of: int, named: str, has_it: bool) -> None:
    assert described(reader).has_stage(of, named) is has_it


@pytest.mark.parametrize(
    ("of", "stage", "failed"),
    [
        (DEAL, "LOSE", True),
        (DEAL, "APOLOGY", True),
        (DEAL, "C5:LOSE", True),
        (DEAL, "WON", False),
        (LEAD, "JUNK", True),
        (LEAD, "LOSE", False),
        (PROCESS, "DT177_1:FAIL", True),
        (PROCESS, "LOSE", False),
    ],
)
def test_a_document_has_failed_in_a_failed_stage_of_its_type(
    reader: DocumentReader, of: int, stage: str, failed: bool
) -> None:
    document = Document(Item(of, 5), described(reader), {of: {"id": 5, "stageId": stage}})
    assert (document.stage, document.failed) == (stage, failed)


def status(where: str, id_: Any, name: Any, **more: Any) -> dict[str, Any]:
    return {"ENTITY_ID": where, "STATUS_ID": id_, "NAME": name} | more


def test_ids_of_stages_may_be_numbers(portal: PortalInMemory, reader: DocumentReader) -> None:
    given: list[Any] = [status("DEAL_STAGE", 1, "Замер"), status("DEAL_STAGE", "2", 2026, SEMANTICS="F")]
    portal.fault = lambda method, _: given if method == "crm.status.list" else None
    known = described(reader)
    assert known.is_one_of(DEAL, "1", ["замер"])
    assert known.has_stage(DEAL, "1")
    assert known.has_stage(DEAL, "2026")
    document = Document(Item(DEAL, 5), known, {DEAL: {"id": 5, "stageId": 2}})
    assert (document.stage, document.failed) == ("2", True)


@pytest.mark.parametrize(
    ("where", "of"),
    [
        ("STATUS", LEAD),
        ("DEAL_STAGE", DEAL),
        ("DEAL_STAGE_12", DEAL),
        ("QUOTE_STATUS", QUOTE),
        ("SMART_INVOICE_STAGE_3", INVOICE),
        ("DYNAMIC_177_STAGE_9", PROCESS),
        ("DYNAMIC_1044_STAGE_9", 1044),
    ],
)
def test_whose_stages_a_list_has(portal: PortalInMemory, reader: DocumentReader, where: str, of: int) -> None:
    given = [status(where, "X", "Готово", EXTRA={"SEMANTICS": "apology"}), status("SOURCE", "X", "Звонок")]
    portal.fault = lambda method, _: given if method == "crm.status.list" else None
    known = described(reader)
    assert known.stages.keys() == {of}
    assert (known.has_stage(of, "Готово"), known.has_stage(of, "Звонок")) == (True, False)
    assert known.stages[of].failed == {"X"}
    assert known.known.statuses["SOURCE", "X"] == "Звонок"


@pytest.mark.parametrize(
    "where", ["SOURCE", "DEAL_TYPE", "DEAL_STAGE_X", "DYNAMIC__STAGE_1", "DYNAMIC_177", "", None]
)
def test_other_lists_have_no_stages(portal: PortalInMemory, reader: DocumentReader, where: Any) -> None:
    given: list[Any] = [status(where, "X", "Готово"), None, "X", []]
    portal.fault = lambda method, _: given if method == "crm.status.list" else None
    assert described(reader).stages == {}


@pytest.mark.parametrize("error", [DENIED, BUSY])
def test_without_stages_nothing_is_known(
    portal: PortalInMemory, reader: DocumentReader, error: PortalTrouble | PortalError
) -> None:
    """A visit that is cancelled would look like any other."""
    portal.fault = lambda method, _: error if method == "crm.status.list" else None
    with pytest.raises(PortalTrouble):
        described(reader)


def test_a_portal_without_the_method_has_no_stages(portal: PortalInMemory, reader: DocumentReader) -> None:
    error = PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!")
    portal.fault = lambda method, _: error if method == "crm.status.list" else None
    assert described(reader).stages == {}


# What is said of fields and lists.


def test_what_the_portal_says_of_a_type_is_believed_for_ten_minutes(
    clock: Clock, portal: PortalInMemory, reader: DocumentReader
) -> None:
    def requests() -> tuple[int, int]:
        return portal.requests["batch/crm.item.fields"], portal.requests["batch/crm.status.list"]

    run(reader.described([DEAL]))
    run(reader.described([DEAL, DEAL]))
    clock.advance(599)
    run(reader.described([DEAL]))
    assert requests() == (1, 1)
    run(reader.described([DEAL, LEAD]))
    assert requests() == (2, 1)
    clock.advance(1)
    run(reader.described([DEAL]))
    assert requests() == (3, 2)
    # A name that is missing was perhaps added just now.
    clock.advance(29)
    run(reader.described([DEAL], anew=True))
    assert requests() == (3, 2)
    clock.advance(1)
    run(reader.described([DEAL], anew=True))
    assert requests() == (4, 3)
    reader.renew()
    run(reader.described([DEAL]))
    assert requests() == (5, 4)


def of_type(of: int, *methods: str) -> Callable[[str, Mapping[str, Any]], bool]:
    """Commands about a type."""
    return lambda method, parameters: method in methods and parameters.get("entityTypeId") == of


def test_a_type_that_is_refused_is_asked_for_again(portal: PortalInMemory, reader: DocumentReader) -> None:
    is_it = of_type(PROCESS, "crm.item.fields")
    portal.fault = lambda method, parameters: DENIED if is_it(method, parameters) else None
    known = run(reader.described([DEAL, PROCESS]))
    assert known.refused == {PROCESS: DENIED}
    assert known.fields.keys() == {DEAL}
    portal.fault = lambda method, parameters: None
    known = run(reader.described([DEAL, PROCESS]))
    assert known.refused == {}
    assert known.fields.keys() == {DEAL, PROCESS}


@pytest.mark.parametrize("answer", [True, [], {}, {"fields": []}, {"fields": {"id": None}}])
def test_a_type_of_which_nothing_can_be_understood_is_not_described(
    portal: PortalInMemory, reader: DocumentReader, answer: Any
) -> None:
    """Or every field would be taken for deleted."""
    is_it = of_type(DEAL, "crm.item.fields")
    portal.fault = lambda method, parameters: answer if is_it(method, parameters) else None
    known = run(reader.described([DEAL]))
    assert isinstance(known.refused[DEAL], PortalTrouble)
    assert DEAL not in known.fields


# Phones.


def phone(*parts: tuple[int, list[tuple[str, str]]], of: int = DEAL) -> str:
    """Of a document whose parts have these numbers, each with its label."""
    given: dict[int, Mapping[str, Any]] = {
        kind: {"id": 5, "fm": [{"typeId": "PHONE", "value": value, "valueType": label} for value, label in numbers]}
        for kind, numbers in parts
    }
    return Document(Item(of, 5), Described({}, Known()), given).phone


def test_the_number_is_the_contacts_then_its_own_then_the_companys() -> None:
    of_contact, own = (CONTACT, [("+375291112233", "WORK")]), (LEAD, [("+375331112233", "MOBILE")])
    of_company = (COMPANY, [("+375441112233", "MOBILE")])
    assert phone(of_company, own, of_contact, of=LEAD) == "+375291112233"
    assert phone(of_company, own, of=LEAD) == "+375331112233"
    assert phone(of_company, of=LEAD) == "+375441112233"
    assert phone(of=LEAD) == ""


def test_the_number_is_one_that_an_sms_can_go_to() -> None:
    landline = (CONTACT, [("+375172001122", "WORK"), ("80291112233", "HOME")])
    assert phone(landline) == "80291112233"
    assert phone((CONTACT, [("+375172001122", "MOBILE")]), (COMPANY, [("+375291112233", "WORK")])) == "+375291112233"


def test_a_number_that_is_called_mobile_goes_first() -> None:
    assert phone((CONTACT, [("+375291112233", "WORK"), ("+375331112233", "MOBILE")])) == "+375331112233"
    assert phone((CONTACT, [("+375291112233", "WORK"), ("+375331112233", "mobile")])) == "+375331112233"
    assert phone((CONTACT, [("+375291112233", "WORK"), ("+375331112233", "HOME")])) == "+375291112233"
    # What it is called makes it none.
    assert phone((CONTACT, [("+375291112233", "WORK"), ("+375172001122", "MOBILE")])) == "+375291112233"


def test_without_a_mobile_number_the_first_says_what_is_wrong() -> None:
    assert phone((CONTACT, [("+375172001122", "WORK"), ("нет", "MOBILE")])) == "нет"
    assert phone((CONTACT, [("", "MOBILE"), ("+375172001122", "WORK")])) == "+375172001122"
    assert phone((CONTACT, []), (COMPANY, [("+375172001122", "WORK")])) == "+375172001122"


def test_of_several_contacts_one_that_an_sms_can_go_to_is_written_to_by_name(
    portal: PortalInMemory, reader: DocumentReader
) -> None:
    anna = contact(portal, "+375172001122")
    piotr = contact(portal, ("8 033 111-22-33", "HOME"), name="Пётр")
    olga = contact(portal, ("+375441112233", "MOBILE"), name="Ольга")
    of_it = deal(portal, anna, piotr, olga)
    document = read(reader, of_it).documents[of_it]
    assert (document.phone, document.value_of(NAME)) == ("8 033 111-22-33", "Пётр")


def test_without_any_such_contact_the_first_is_meant(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it = deal(portal, contact(portal, "+375172001122"), contact(portal, "нет", name="Пётр"))
    document = read(reader, of_it).documents[of_it]
    assert (document.phone, document.value_of(NAME)) == ("+375172001122", "Анна")


# Reading.


def test_documents_are_read_with_what_belongs_to_them(portal: PortalInMemory, reader: DocumentReader) -> None:
    anna, company = contact(portal), put(portal, COMPANY, title="Мебель")
    of_it, alone, lead = deal(portal, anna, company=company), deal(portal), put(portal, LEAD, "80291112233")
    reading = read(reader, of_it, alone, lead, of_it)
    assert (set(reading.documents), dict(reading.unread)) == ({of_it, alone, lead}, {})
    document = reading.documents[of_it]
    assert document.parts.keys() == {DEAL, CONTACT, COMPANY}
    assert document.value_of(Placeholder(Prefix.COMPANY, "TITLE", None, "")) == "Мебель"
    assert reading.documents[alone].parts.keys() == {DEAL}
    assert reading.documents[lead].phone == "80291112233"


def test_many_documents_are_read_in_few_requests(portal: PortalInMemory, reader: DocumentReader) -> None:
    wanted = [deal(portal, contact(portal)) for _ in range(240)]
    reading = read(reader, *wanted)
    assert len(reading.documents) == 240
    # What is described, the formats of its currencies, the deals, and their contacts.
    assert portal.requests["batch"] == 4


def test_of_documents_alone_nothing_else_is_read(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it = deal(portal, contact(portal))
    assert read(reader, of_it, alone=True).documents[of_it].parts.keys() == {DEAL}
    assert portal.requests["batch/crm.item.list"] == 1


def test_what_is_gone_is_neither_read_nor_unread(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it, gone = deal(portal, contact(portal)), deal(portal)
    portal.crm.removed(DEAL, gone.id)
    reading = read(reader, of_it, gone, Item(LEAD, 99))
    assert (set(reading.documents), dict(reading.unread)) == ({of_it}, {})


def about(*items: Item) -> Fault:
    """The portal shows none of these: pages leave them out, and they themselves are refused."""

    def fault(method: str, parameters: Mapping[str, Any]) -> Any:
        of = parameters.get("entityTypeId")
        if method == "crm.item.get" and Item(of or 0, parameters["id"]) in items:
            return DENIED
        if method == "crm.item.list" and any(Item(of or 0, each) in items for each in parameters["filter"]["@id"]):
            return {"items": []}
        return None

    return fault


def test_a_document_that_is_refused_leaves_the_others(portal: PortalInMemory, reader: DocumentReader) -> None:
    """Also when it is the page with all of them that does not show it."""
    first, refused, last = (deal(portal, contact(portal)) for _ in range(3))
    portal.fault = about(refused)
    reading = read(reader, first, refused, last)
    assert (set(reading.documents), dict(reading.unread)) == ({first, last}, {refused: DENIED})


@pytest.mark.parametrize("error", [DENIED, BUSY, PortalError("NOT_FOUND", "Not found")])
def test_a_page_that_is_refused_is_read_one_by_one(
    portal: PortalInMemory, reader: DocumentReader, error: PortalTrouble | PortalError
) -> None:
    """Whatever it says of itself, of none of the documents."""
    wanted = [deal(portal), deal(portal)]
    is_it = of_type(DEAL, "crm.item.list")
    portal.fault = lambda method, parameters: error if is_it(method, parameters) else None
    reading = read(reader, *wanted)
    assert (set(reading.documents), dict(reading.unread)) == (set(wanted), {})


@pytest.mark.parametrize("answer", [True, [], {"item": []}, {"item": {"id": 999}}])
def test_a_document_of_which_nothing_can_be_understood_is_unread(
    portal: PortalInMemory, reader: DocumentReader, answer: Any
) -> None:
    of_it, strange = deal(portal), deal(portal)
    hidden = about(strange)

    def fault(method: str, parameters: Mapping[str, Any]) -> Any:
        found = hidden(method, parameters)
        return answer if found is DENIED else found

    portal.fault = fault
    reading = read(reader, of_it, strange)
    assert reading.documents.keys() == {of_it}
    assert isinstance(reading.unread[strange], PortalTrouble)


@pytest.mark.parametrize("error", [DENIED, BUSY, PortalError("insufficient_scope", "")])
def test_the_documents_of_a_type_that_is_refused_are_unread(
    portal: PortalInMemory, reader: DocumentReader, error: PortalTrouble | PortalError
) -> None:
    of_it, first, second = deal(portal), deal(portal, of=PROCESS), deal(portal, of=PROCESS)
    is_it = of_type(PROCESS, "crm.item.fields")
    portal.fault = lambda method, parameters: error if is_it(method, parameters) else None
    reading = read(reader, of_it, first, second)
    assert (set(reading.documents), dict(reading.unread)) == ({of_it}, {first: error, second: error})


def test_the_documents_of_a_type_that_is_gone_are_gone(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it, of_process = deal(portal), deal(portal, of=PROCESS)
    del portal.crm.items[PROCESS], portal.crm.processes[PROCESS]
    reading = read(reader, of_it, of_process)
    assert (set(reading.documents), dict(reading.unread)) == ({of_it}, {})


@pytest.mark.parametrize("of", [CONTACT, COMPANY])
def test_a_document_of_which_a_part_is_refused_is_unread(
    portal: PortalInMemory, reader: DocumentReader, of: int
) -> None:
    """Nobody is to be written to at another number, or without a name, because of that."""
    anna, company = contact(portal), put(portal, COMPANY, "+375441112233", title="Мебель")
    of_it, other = deal(portal, anna, company=company), deal(portal, contact(portal))
    refused = anna if of == CONTACT else company
    portal.fault = about(refused)
    reading = read(reader, of_it, other)
    assert (set(reading.documents), dict(reading.unread)) == ({other}, {of_it: DENIED})


def test_a_part_that_is_gone_leaves_its_document(portal: PortalInMemory, reader: DocumentReader) -> None:
    anna, piotr = contact(portal), contact(portal, "+375331112233", name="Пётр")
    of_it = deal(portal, anna, piotr)
    portal.crm.removed(CONTACT, anna.id)
    reading = read(reader, of_it)
    assert reading.unread == {}
    assert reading.documents[of_it].phone == "+375331112233"


@pytest.mark.parametrize("of", [CONTACT, COMPANY])
def test_a_document_of_which_a_part_is_not_described_for_now_is_unread(
    portal: PortalInMemory, reader: DocumentReader, of: int
) -> None:
    """Its names would come out empty, and the SMS be refused for that."""
    of_it, other = deal(portal, contact(portal), company=put(portal, COMPANY)), deal(portal)
    is_it = of_type(of, "crm.item.fields")
    portal.fault = lambda method, parameters: BUSY if is_it(method, parameters) else None
    reading = read(reader, of_it, other)
    assert (set(reading.documents), dict(reading.unread)) == ({other}, {of_it: BUSY})
    assert read(reader, of_it, alone=True).documents.keys() == {of_it}


def test_a_portal_that_cannot_be_asked_is_a_trouble(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it = deal(portal, contact(portal))
    portal.trouble = AWAY
    with pytest.raises(PortalTrouble) as raised:
        read(reader, of_it)
    assert raised.value is AWAY
    portal.trouble = None
    assert read(reader, of_it).documents.keys() == {of_it}


def test_a_portal_that_goes_away_while_documents_are_read_is_a_trouble(
    portal: PortalInMemory, reader: DocumentReader
) -> None:
    of_it = deal(portal, contact(portal))

    def goes(method: str, parameters: Mapping[str, Any]) -> Any:
        if method == "crm.item.list" and parameters["entityTypeId"] == CONTACT:
            raise AWAY

    portal.fault = goes
    with pytest.raises(PortalTrouble) as raised:
        read(reader, of_it)
    assert raised.value is AWAY


def test_people_are_named_when_a_text_asks_for_them(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it = put(portal, DEAL, title="Шкаф", sales=Sales("NEW", assigned=7))
    assigned = Placeholder(Prefix.ASSIGNED, "FULL_NAME", None, "#ASSIGNED_FULL_NAME#")
    assert read(reader, of_it, placeholders=[assigned]).documents[of_it].value_of(assigned) == "Пётр Менеджер"
    assert portal.requests["batch/user.get"] == 1
    read(reader, of_it, placeholders=[NAME])
    assert portal.requests["batch/user.get"] == 1


def test_without_the_permission_to_see_users_nobody_is_named(portal: PortalInMemory, reader: DocumentReader) -> None:
    of_it = deal(portal)
    assigned = Placeholder(Prefix.ASSIGNED, "NAME", None, "#ASSIGNED_NAME#")
    error: PortalTrouble | PortalError = PortalError("insufficient_scope", "")
    portal.fault = lambda method, _: error if method == "user.get" else None
    assert read(reader, of_it, placeholders=[assigned]).documents[of_it].value_of(assigned) == ""
    # That they cannot be asked for now is another matter.
    error = BUSY
    reading = read(reader, of_it, placeholders=[assigned])
    assert reading.trouble(of_it, [assigned]) is BUSY
    assert reading.trouble(of_it, [NAME]) is None


# Names of documents.


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Item(LEAD, 5), "lead:5"),
        (Item(DEAL, 4182), "deal:4182"),
        (Item(CONTACT, 7), "contact:7"),
        (Item(COMPANY, 8), "company:8"),
        (Item(PROCESS, 12), "177:12"),
        (Item(31, 2**63 - 1), f"31:{2**63 - 1}"),
    ],
)
def test_names_of_documents_come_back(item: Item, name: str) -> None:
    assert name_of(item) == name
    assert item_named(f" {name.upper()} ") == item


@pytest.mark.parametrize(
    "name", ["", "deal", "deal:", "deal:0", "deal:-5", "deal:x", f"deal:{2**63}", "quote:5", "0:5"]
)
def test_what_names_no_document(name: str) -> None:
    with pytest.raises(ValueError, match="is no document"):
        item_named(name)

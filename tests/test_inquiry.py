"""Many consents in few requests: who is asked about, and who decides."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.bitrix24.consent_field import ConsentField
from a1gateway.bitrix24.inquiry import Holders, Inquiry
from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.message import Unasked, Verdict

from .conftest import START, run
from .fake_crm import FIELD, KEY, FakeCrm

NUMBER, OTHER = "+375291112233", "+375447654321"
CONTACT_275 = {"bindings": {"0": {"OWNER_TYPE_ID": "3", "OWNER_ID": "275"}}}
DEAL_41 = {"bindings": {"0": {"OWNER_TYPE_ID": "2", "OWNER_ID": "41"}}}


class Asking:
    """An inquiry at a portal."""

    def __init__(self, crm: FakeCrm, *, most: int = 50, holders: Holders | None = None) -> None:
        self.crm = crm
        field = ConsentField(FIELD, KEY, crm.kind)
        self.inquiry = Inquiry(field, holders or Holders(600.0), most=most)
        self.now = START
        self.received_at = START

    def add(self, id_: int, msisdn: str = NUMBER, origin: dict[str, Any] | None = None) -> None:
        self.inquiry.add(Unasked(id_, f"m{id_}", msisdn, origin or {}, self.received_at), self.now)

    def once(self) -> list[Verdict]:
        """One request."""
        asked = self.inquiry.next()
        return self.inquiry.answer(asked, run(self.crm.batch(asked.commands)), self.now)

    def verdicts(self, within: int = 10) -> dict[int, Verdict]:
        """All of them, within so many requests."""
        found: dict[int, Verdict] = {}
        for _ in range(within):
            if not self.inquiry.open:
                break
            found |= {each.id: each for each in self.once()}
        assert not self.inquiry.open
        return found

    def granted(self, msisdn: str = NUMBER, origin: dict[str, Any] | None = None) -> bool:
        """The verdict on one message."""
        self.add(1, msisdn, origin)
        return self.verdicts()[1].granted


@pytest.fixture
def crm() -> FakeCrm:
    return FakeCrm()


@pytest.mark.parametrize(
    "phone", ["+375 29 111-22-33", "8029 1112233", "29 1112233", "00375291112233", "375291112233"]
)
def test_the_contact_is_found_however_the_number_is_written(crm: FakeCrm, phone: str) -> None:
    crm.contact(5, "Y", phone)
    assert Asking(crm).granted()


def test_of_several_contacts_with_the_number_one_refusal_refuses(crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.contact(6, "N", "80291112233")
    asking = Asking(crm)
    asking.add(1)
    verdict = asking.verdicts()[1]
    assert not verdict.granted
    assert [(each.contact, each.value, each.granted) for each in verdict.found] == [
        (5, '"Y"', True),
        (6, '"N"', False),
    ]
    crm.contact(6, "Y", "80291112233")
    assert Asking(crm).granted()


def test_without_a_contact_nobody_has_agreed(crm: FakeCrm) -> None:
    crm.contact(5, "Y", OTHER)
    asking = Asking(crm)
    asking.add(1)
    (evidence,) = asking.verdicts()[1].found
    assert (evidence.contact, evidence.value, evidence.granted) == (None, None, False)


@pytest.mark.parametrize("empty", [None, "", [], False])
def test_an_empty_field_is_no_consent(crm: FakeCrm, empty: Any) -> None:
    crm.contact(5, empty, NUMBER)
    assert not Asking(crm).granted()


def test_a_field_that_a_contact_does_not_have_is_no_consent(crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    del crm.items[3, 5][KEY]
    assert not Asking(crm).granted()


def test_with_a_binding_its_contact_decides(crm: FakeCrm) -> None:
    """Whoever else has the number."""
    crm.contact(275, "Y", NUMBER)
    crm.contact(6, "N", NUMBER)
    assert Asking(crm).granted(origin=CONTACT_275)
    assert not Asking(crm).granted()
    crm.contact(275, "N", NUMBER)
    crm.contact(6, "Y", NUMBER)
    assert not Asking(crm).granted(origin=CONTACT_275)


def test_of_a_deal_its_contact_with_the_number_decides(crm: FakeCrm) -> None:
    crm.contact(5, "N", OTHER)
    crm.contact(6, "Y", NUMBER)
    crm.deal(41, 5, 6)
    assert Asking(crm).granted(origin=DEAL_41)
    assert not Asking(crm).granted(OTHER, DEAL_41)
    # To somebody else's number: they all have to agree.
    assert not Asking(crm).granted("+375331234567", DEAL_41)


@pytest.mark.parametrize("document", [["crm", "CCrmDocumentDeal", "DEAL_41"], {"0": "crm", "1": "x", "2": "DEAL_41"}])
def test_a_robot_names_the_deal_as_its_document(crm: FakeCrm, document: Any) -> None:
    crm.contact(6, "Y", NUMBER)
    crm.contact(7, "N", NUMBER)
    crm.deal(41, 6)
    assert Asking(crm).granted(origin={"document_id": document})


@pytest.mark.parametrize("phone", [NUMBER, "8 29 111-22-33"])
def test_of_what_a_scenario_is_about_its_contact_decides(crm: FakeCrm, phone: str) -> None:
    """Also where a search for the number would not find it, or would find somebody else."""
    crm.contact(6, "Y", phone)
    crm.contact(7, "N", NUMBER)
    crm.deal(41, 6)
    assert Asking(crm).granted(origin={"scenario": "Новая сделка", "document": "deal:41"})
    assert Asking(crm).granted(origin={"scenario": "День рождения", "document": "contact:6"})
    assert not Asking(crm).granted(origin={"scenario": "День рождения", "document": "contact:7"})


@pytest.mark.parametrize("agreed", [True, False])
def test_where_a_scenario_goes_to_another_number_whoever_has_it_decides(crm: FakeCrm, agreed: bool) -> None:
    crm.contact(6, "N" if agreed else "Y", OTHER)
    crm.contact(7, "Y" if agreed else "N", NUMBER)
    crm.deal(41, 6)
    assert Asking(crm).granted(origin={"scenario": "Новая сделка", "document": "deal:41"}) == agreed
    # Nobody is known to have it: nobody has agreed.
    crm.contact(6, "Y", OTHER)
    assert not Asking(crm).granted("+375331234567", {"scenario": "Новая сделка", "document": "deal:41"})


def test_after_a_missed_call_all_with_the_number_decide(crm: FakeCrm) -> None:
    """Which of them has called, nobody knows."""
    crm.contact(6, "Y", NUMBER)
    crm.contact(7, "N", NUMBER)
    origin = {"scenario": "Пропущенный звонок", "call": "c1", "document": "contact:6"}
    assert not Asking(crm).granted(origin=origin)
    crm.contact(7, "Y", NUMBER)
    assert Asking(crm).granted(origin=origin)


@pytest.mark.parametrize(
    "origin",
    [
        CONTACT_275,
        DEAL_41,
        {"document_id": ["crm", "x", "DYNAMIC_177_12"]},
        {"bindings": "x"},
        {"document": "deal:41"},
        {"document": "deal"},
        {"document": ["deal", 41]},
    ],
)
def test_a_binding_that_leads_to_no_contact_leaves_it_to_the_number(crm: FakeCrm, origin: dict[str, Any]) -> None:
    """A contact that was deleted, a deal without one, a binding that nobody can read."""
    crm.deal(41)
    crm.contact(6, "Y", NUMBER)
    assert Asking(crm).granted(origin=origin)
    crm.contact(6, "N", NUMBER)
    assert not Asking(crm).granted(origin=origin)


def test_ten_thousand_numbers_need_forty_requests(crm: FakeCrm) -> None:
    """Six numbers in each search, and contacts read with the next searches."""
    numbers = [f"+37529{n:07}" for n in range(1_000_000, 1_010_000)]
    for n, number in enumerate(numbers):
        crm.contact(n + 1, "Y" if n % 3 else "N", number)
    asking, found, waiting = Asking(crm), dict[int, bool](), deque(enumerate(numbers))
    while waiting or asking.inquiry.open:
        for _ in range(min(asking.inquiry.room, len(waiting))):
            asking.add(*waiting.popleft())
        found |= {each.id: each.granted for each in asking.once()}
    assert found == {n: bool(n % 3) for n in range(10_000)}
    assert crm.requests <= 42


def test_a_few_numbers_are_looked_for_one_by_one(crm: FakeCrm) -> None:
    """Then the answer says who has which, whatever the contacts show of their phones."""
    crm.contact(5, "Y", NUMBER)
    crm.contact(6, "N", OTHER)
    for id_ in (5, 6):
        del crm.items[3, id_]["fm"][0]["typeId"]
    asking = Asking(crm)
    asking.add(1, NUMBER)
    asking.add(2, OTHER)
    assert {id_: each.granted for id_, each in asking.verdicts().items()} == {1: True, 2: False}
    assert [len(given["values"]) for method, given in crm.commands if "find" in method] == [3, 3]


def test_who_has_a_number_is_kept_and_what_the_field_says_is_not(crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    holders = Holders(600.0)
    assert Asking(crm, holders=holders).granted()
    crm.items[3, 5][KEY] = "N"
    crm.commands.clear()
    asking = Asking(crm, holders=holders)
    asking.now = START + 600
    assert not asking.granted()
    assert [method for method, _ in crm.commands] == ["crm.item.list"]
    # Later it is looked for again.
    crm.commands.clear()
    asking = Asking(crm, holders=holders)
    asking.now = START + 601
    assert not asking.granted()
    assert [method for method, _ in crm.commands] == ["crm.duplicate.findbycomm", "crm.item.list"]


def test_what_was_found_before_a_message_came_does_not_count_for_it(crm: FakeCrm) -> None:
    """Another contact may have been made just before it was sent."""
    crm.contact(5, "Y", NUMBER)
    holders = Holders(600.0)
    assert Asking(crm, holders=holders).granted()
    crm.contact(6, "N", NUMBER)
    asking = Asking(crm, holders=holders)
    asking.now = asking.received_at = START + 1
    assert not asking.granted()


def test_that_nobody_has_a_number_is_not_kept(crm: FakeCrm) -> None:
    holders = Holders(600.0)
    assert not Asking(crm, holders=holders).granted()
    crm.contact(5, "Y", NUMBER)
    assert Asking(crm, holders=holders).granted()


def test_a_contact_that_was_deleted_is_not_believed_from_memory(crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    holders = Holders(600.0)
    assert Asking(crm, holders=holders).granted()
    del crm.items[3, 5]
    crm.contact(6, "N", NUMBER)
    assert not Asking(crm, holders=holders).granted()


def test_a_contact_that_a_page_leaves_out_is_asked_for_itself(crm: FakeCrm) -> None:
    """Else somebody who agreed would be refused, or a refusal overlooked."""
    crm.contact(5, "Y", NUMBER)
    crm.contact(6, "N", NUMBER)
    crm.left_out = {6}
    assert not Asking(crm).granted()


def test_a_number_that_only_looks_alike_is_looked_for_alone(crm: FakeCrm) -> None:
    """A contact whose phone nobody can read may be the one that was found: 8 (029) 111-22-33 and something behind."""
    numbers = [f"+37529000{n:04}" for n in range(300)]
    for n, number in enumerate(numbers):
        crm.contact(n + 1, "Y", number)
    crm.contact(1000, "N", "80290000007, 80290000008")
    asking = Asking(crm)
    for n, number in enumerate(numbers):
        asking.add(n, number)
    refused = [id_ for id_, verdict in asking.verdicts(20).items() if not verdict.granted]
    # Bitrix24 itself compares what stands in front of the comma.
    assert refused == [7]


def test_more_contacts_than_the_portal_tells_of_are_looked_for_alone(crm: FakeCrm) -> None:
    numbers = [f"+37529000{n:04}" for n in range(300)]
    for n, number in enumerate(numbers):
        for again in range(4):
            crm.contact(n * 4 + again + 1, "N" if n == 299 else "Y", number)
    asking = Asking(crm)
    for n, number in enumerate(numbers):
        asking.add(n, number)
    verdicts = asking.verdicts(30)
    assert [id_ for id_, verdict in verdicts.items() if not verdict.granted] == [299]
    assert all(len(verdict.found) == 4 for verdict in verdicts.values())


def test_a_command_that_was_not_run_is_asked_again(crm: FakeCrm) -> None:
    crm.contact(5, "Y", NUMBER)
    crm.not_run = 1
    assert Asking(crm).granted()


@pytest.mark.parametrize("method", ["crm.duplicate.findbycomm", "crm.item.get"])
@pytest.mark.parametrize(
    "error",
    [
        PortalError("ACCESS_DENIED", ""),
        PortalError("ERROR_METHOD_NOT_FOUND", "Method not found!"),
        PortalTrouble("later"),
    ],
)
def test_what_the_portal_does_not_answer_is_no_verdict(crm: FakeCrm, method: str, error: Exception) -> None:
    crm.deal(41, 5)
    crm.contact(5, "Y", NUMBER)
    crm.errors[method] = error
    asking = Asking(crm)
    asking.add(1, origin=DEAL_41 if method == "crm.item.get" else None)
    with pytest.raises(PortalTrouble):
        asking.verdicts()
    assert asking.inquiry.open == {1}
    crm.errors.clear()
    assert asking.verdicts()[1].granted


@pytest.mark.parametrize("nonsense", [None, True, "", 0, {"item": None}, {"items": 5}])
@pytest.mark.parametrize("method", ["crm.duplicate.findbycomm", "crm.item.list"])
def test_an_answer_that_cannot_be_understood_is_no_verdict(crm: FakeCrm, method: str, nonsense: Any) -> None:
    crm.contact(5, "Y", NUMBER)
    asking = Asking(crm)
    asking.add(1)
    asked = asking.inquiry.next()
    if method == "crm.item.list":
        asking.inquiry.answer(asked, run(crm.batch(asked.commands)), START)
        asked = asking.inquiry.next()
    elif isinstance(nonsense, dict):
        return
    with suppress(PortalTrouble):
        assert asking.inquiry.answer(asked, dict.fromkeys(asked.commands, nonsense), START) == []
    assert asking.verdicts()[1].granted


CONTACTS = st.lists(
    st.tuples(
        st.sampled_from(["Y", "N", None]),
        st.lists(
            st.tuples(st.integers(0, 8), st.sampled_from(["+375{}", "80{}", "{}", "8 0{}", "+375{}, 5"])),
            max_size=3,
        ),
    ),
    max_size=12,
)


@given(
    CONTACTS,
    st.lists(st.integers(0, 8), min_size=1, max_size=20),
    st.integers(1, 5),
    st.sets(st.integers(1, 12)),
    st.booleans(),
)
def test_nobody_gets_a_message_without_the_consent_of_all_who_have_the_number(
    contacts: Any, messages: list[int], most: int, left_out: set[int], again: bool
) -> None:
    """Whatever the base, the size of a request, and what is kept of the searches before."""
    crm = FakeCrm(left_out=left_out)
    agreed: dict[int, list[bool]] = {}
    for id_, (consent, phones) in enumerate(contacts, 1):
        crm.contact(id_, consent, *(form.format(f"29000000{last}") for last, form in phones))
        for last in {last for last, _ in phones}:
            agreed.setdefault(last, []).append(consent == "Y")
    holders = Holders(600.0)
    for _ in range(1 + again):
        asking = Asking(crm, most=most, holders=holders)
        for id_, last in enumerate(messages):
            asking.add(id_, f"+37529000000{last}")
        verdicts = asking.verdicts(within=200)
        assert {id_: verdict.granted for id_, verdict in verdicts.items()} == {
            id_: bool(agreed.get(last)) and all(agreed[last]) for id_, last in enumerate(messages)
        }

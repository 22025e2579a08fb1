"""Cleaning the base and undoing it: what is changed and what is not, and that nothing is lost on the way."""

from __future__ import annotations

import copy
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalError, PortalTrouble
from a1gateway.contact_base.change_file import UndoFile, kept_changes
from a1gateway.contact_base.changes import Unusable, certain_form, fault_to_mark
from a1gateway.contact_base.clean import (
    Clean,
    Tally,
    described,
    mark_fields,
    not_changed,
    summary,
)
from a1gateway.contact_base.items import Entity
from a1gateway.contact_base.pages import BaseReader
from a1gateway.contact_base.patience import Patience
from a1gateway.contact_base.undo import Undo, Undone, not_put_back
from a1gateway.contact_base.undo import summary as undo_summary
from a1gateway.contact_base.writer import Writer

from .crm_in_memory import COMPANY, CONTACT, LEAD, CrmInMemory
from .test_contact_base_pages import awaited

PORTAL = "shop.bitrix24.by"
MARK = "UF_CRM_BAD_PHONE"
BOOLEAN = {"ufCrmBadPhone": {"type": "boolean", "upperName": MARK, "isMultiple": False, "title": "Плохой"}}
TEXT = {"ufCrmBadPhone": {"type": "string", "upperName": MARK, "isMultiple": False}}


def clean(
    crm: CrmInMemory, undo_path: Path | None = None, *, mark: str | None = None, patience: float = 1800.0
) -> tuple[Tally, list[str]]:
    """Applied when there is a path for the undo file; what was counted and said."""
    clock, said = Clock(), list[str]()
    waits = Patience(clock, patience)
    kept = None if undo_path is None else UndoFile(undo_path, PORTAL, "2026-11-22T03:00:00+03:00")

    async def work() -> Tally:
        marks = {} if mark is None else await mark_fields(crm, waits, mark, lambda why: said.append(str(why)))
        return await Clean(
            BaseReader(clock, crm, waits, most_pages=5),
            lambda reached: None,
            marks=marks,
            writer=None if kept is None else Writer(crm, waits),
            undo=kept,
            listed=lambda changes: said.extend(map(described, changes) if kept is None else ()),
            not_taken=lambda parts: said.extend(map(not_changed, parts)),
        ).run()

    try:
        return awaited(clock, work()), said
    finally:
        if kept is not None:
            kept.close()


def undone(crm: CrmInMemory, path: Path, *, apply: bool = True, portal: str = PORTAL) -> tuple[Undone, list[str]]:
    clock, said = Clock(), list[str]()
    writer = Writer(crm, Patience(clock, 1800))
    undo = Undo(writer, apply=apply, not_taken=lambda parts: said.extend(map(not_put_back, parts)))
    return awaited(clock, undo.run(kept_changes(path, portal))), said


def small() -> CrmInMemory:
    crm = CrmInMemory()
    crm.put(CONTACT, 7, "8 029 111-22-33", "+7 495 123-45-67")
    crm.put(CONTACT, 9, "+375291112233")
    crm.put(CONTACT, 11, "375291112244 доб. 5", "нет телефона", ufCrmBadPhone=None)
    crm.put(LEAD, 7, "80291112255", "+375 (29) 111-22-55")
    crm.put(COMPANY, 7, "8 017 212-34-56", "29 111 22 66")
    return crm


@pytest.mark.parametrize(
    "stored",
    ["8 029 111-22-33", "+375 29 111 22 33", "+375 (29) 111-22-33", "375291112233", "80291112233", "29 1112233",
     "291112233", "00375291112233", "+375 (0)29 111-22-33", "8029/1112233", "+375\u00a029\u00a0111\u201122\u201133",
     " +375291112233 "],
)  # fmt: skip
def test_a_bare_number_is_certain(stored: str) -> None:
    assert certain_form(stored) == "+375291112233"


@pytest.mark.parametrize(
    "stored",
    ["+375291112233 доб. 5", "+375291112233,5", "тел. +375291112233", "+375291112233 Анна", "+7291112233",
     "+291112233", "+80291112233", "+375251234567", "+375291112233, 80291112244", "375291112233.0", "8 017 212-34-56",
     "+7 495 123-45-67", "", "1112233", "+375291112233#5", "МТС +375291112233"],
)  # fmt: skip
def test_any_other_is_not(stored: str) -> None:
    assert certain_form(stored) is None


@given(st.text("+0123456789 ()-375298,;.доб", max_size=20))
def test_what_is_certain_stays_what_it_is(stored: str) -> None:
    form = certain_form(stored)
    if form is not None:
        assert certain_form(form) == form
        digits = "".join(each for each in stored if each in "0123456789")
        assert digits.endswith(form[4:])


def test_only_what_looks_like_a_mobile_number_is_marked() -> None:
    stored = ["29 111-22", "+3752911122334", "+375291112233/+375291112244", "уточнить", "+375991112233",
              "8 017 212-34-56", "+7 495 123-45-67", "", "+375291112233"]  # fmt: skip
    assert [fault_to_mark(each) for each in stored] == [
        "too_short", "too_many_digits", "several_numbers", "not_a_number", "unknown_code", None, None, None, None
    ]  # fmt: skip


def test_without_apply_it_only_says_what_it_would_do() -> None:
    crm = small()
    before = copy.deepcopy(crm.items)
    tally, said = clean(crm)
    assert crm.items == before
    assert said == [
        "contact 7: '8 029 111-22-33' becomes +375291112233",
        "lead 7: '80291112255' becomes +375291112255, '+375 (29) 111-22-55' becomes +375291112255",
        "company 7: '29 111 22 66' becomes +375291112266",
    ]
    assert list(summary(tally, applied=False)) == [
        "looked at: 3 contacts, 1 leads, 1 companies",
        "would be changed: 4 numbers and 0 marks in 3 items",
        "nothing has been changed; --apply does it",
    ]


@pytest.mark.parametrize("old_methods", [True, False])
def test_certain_numbers_are_written_and_the_others_stay(tmp_path: Path, old_methods: bool) -> None:
    crm = small()
    crm.old_methods = old_methods
    tally, said = clean(crm, tmp_path / "undo")
    assert said == []
    assert crm.phones(CONTACT, 7) == ["+375291112233", "+7 495 123-45-67"]
    assert crm.phones(CONTACT, 11) == ["375291112244 доб. 5", "нет телефона"]
    assert crm.phones(LEAD, 7) == ["+375291112255", "+375291112255"]
    assert crm.phones(COMPANY, 7) == ["8 017 212-34-56", "+375291112266"]
    assert crm.items[CONTACT][7]["fm"][0]["valueType"] == "WORK"
    assert list(summary(tally, applied=True)) == [
        "looked at: 3 contacts, 1 leads, 1 companies",
        "changed: 4 numbers and 0 marks",
        "not taken by the portal: 0",
    ]
    assert clean(crm)[0].changed == 0


@pytest.mark.parametrize(("described", "marked"), [(BOOLEAN, "Y"), (TEXT, "not_a_number")])
def test_items_with_an_invalid_number_are_marked_where_there_is_the_field(
    tmp_path: Path, described: dict[str, Any], marked: str
) -> None:
    crm = small()
    crm.put(COMPANY, 8, "уточнить")
    crm.fields[CONTACT] = described
    crm.fields[LEAD] = {"ufCrmBadPhone": {"type": "employee", "upperName": MARK}}
    before = copy.deepcopy(crm.items)
    tally, said = clean(crm, tmp_path / "undo", mark=MARK)
    assert said == [
        f"lead: the field {MARK} is neither a yes/no field nor a text, none is marked",
        f"company: there is no field {MARK}, none is marked",
    ]
    assert tally.marks == 1
    assert crm.items[CONTACT][11]["ufCrmBadPhone"] == marked
    assert "ufCrmBadPhone" not in crm.items[COMPANY][8]
    assert clean(crm, mark=MARK)[0].changed == 0
    assert undone(crm, tmp_path / "undo")[0] == Undone(restored=5)
    assert crm.items == before


def test_a_field_that_nothing_has_is_refused() -> None:
    with pytest.raises(Unusable, match="neither contacts, leads nor companies have a field"):
        clean(small(), mark=MARK)


def test_what_was_there_is_on_disk_before_a_change_leaves(tmp_path: Path) -> None:
    crm, path = small(), tmp_path / "undo"
    seen: list[list[str]] = []
    batch = crm.batch

    async def watched(commands: Any, *, paid: bool = False) -> dict[str, Any]:
        seen.append([line for line in path.read_text().splitlines() if '"phones"' in line])
        return await batch(commands)

    crm.batch = watched  # type: ignore[method-assign]
    clean(crm, path)
    assert [len(lines) for lines in seen] == [1, 2, 3]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(seen[0][0]) == {
        "entity": "contact",
        "id": 7,
        "phones": [{"id": "70", "old": "8 029 111-22-33", "new": "+375291112233", "valueType": "WORK"}],
    }


def test_nothing_to_change_leaves_no_undo_file(tmp_path: Path) -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 1, "+375291112233")
    clean(crm, tmp_path / "undo")
    assert not (tmp_path / "undo").exists()


def test_what_the_portal_refuses_or_keeps_is_said(tmp_path: Path) -> None:
    crm = small()
    done = crm._do

    def stubborn(method: str, parameters: Any) -> Any:
        if method == "crm.contact.update":
            raise PortalError("", "Не заполнено обязательное поле")
        if method == "crm.lead.update":
            return True
        return done(method, parameters)

    crm._do = stubborn  # type: ignore[method-assign]
    tally, said = clean(crm, tmp_path / "undo")
    assert said == [
        "contact 7: '8 029 111-22-33' is not changed: Не заполнено обязательное поле",
        "lead 7: '80291112255' is not changed: the portal has kept what was there",
        "lead 7: '+375 (29) 111-22-55' is not changed: the portal has kept what was there",
    ]
    assert (tally.phones, tally.not_taken) == (1, 3)
    assert undone(crm, tmp_path / "undo")[0] == Undone(restored=1, as_before=3)


def test_what_has_been_changed_since_is_left_alone(tmp_path: Path) -> None:
    crm = small()
    clean(crm, tmp_path / "undo")
    crm.put(CONTACT, 7, "+375333333333")
    del crm.items[COMPANY][7]
    crm.put(COMPANY, 1)
    done, said = undone(crm, tmp_path / "undo")
    assert crm.phones(CONTACT, 7) == ["+375333333333"]
    assert said == [
        "contact 7: +375291112233 has been changed since, and is left alone",
        "company 7: +375291112266 has been changed since, and is left alone",
    ]
    assert list(undo_summary(done, applied=True)) == [
        "put back: 2",
        "as they were already: 0",
        "changed since and left alone: 2",
        "not taken by the portal: 0",
    ]


def test_an_undo_without_apply_changes_nothing(tmp_path: Path) -> None:
    crm = small()
    clean(crm, tmp_path / "undo")
    before = copy.deepcopy(crm.items)
    done, _ = undone(crm, tmp_path / "undo", apply=False)
    assert done == Undone(restored=4)
    assert crm.items == before


def test_an_undo_file_of_another_portal_or_another_kind_is_refused(tmp_path: Path) -> None:
    crm = small()
    clean(crm, tmp_path / "undo")
    with pytest.raises(Unusable, match=r"of the portal 'shop\.bitrix24\.by'"):
        undone(crm, tmp_path / "undo", portal="other.bitrix24.by")
    (tmp_path / "other").write_text("{}\n")
    with pytest.raises(Unusable, match="no file of"):
        undone(crm, tmp_path / "other")
    with pytest.raises(Unusable, match="cannot be read"):
        undone(crm, tmp_path / "missing")


def test_a_line_that_was_being_written_when_the_power_went_is_no_change(tmp_path: Path) -> None:
    crm, path = small(), tmp_path / "undo"
    clean(crm, path)
    path.write_bytes(path.read_bytes()[:-20])
    assert len(list(kept_changes(path, PORTAL))) == 2


def test_a_text_that_a_batch_would_replace_goes_by_itself(tmp_path: Path) -> None:
    crm = CrmInMemory()
    crm.fields[CONTACT] = TEXT
    crm.put(CONTACT, 1, "уточнить", ufCrmBadPhone="$result[p0][id]")
    clean(crm, tmp_path / "undo", mark=MARK)
    crm.requests.clear()
    undone(crm, tmp_path / "undo")
    assert "crm.contact.update" in crm.requests
    assert crm.items[CONTACT][1]["ufCrmBadPhone"] == "$result[p0][id]"


def test_emptying_a_mark_needs_the_older_method(tmp_path: Path) -> None:
    crm = small()
    crm.fields[CONTACT] = BOOLEAN
    clean(crm, tmp_path / "undo", mark=MARK)
    crm.old_methods = False
    done, said = undone(crm, tmp_path / "undo")
    assert said == [f"contact 11: '{MARK}' is not put back: the portal has kept what was there"]
    assert (done.restored, done.not_taken) == (4, 1)


SPELLINGS = ["+375{}", "80{}", "8 0{}", "{}", "+7{}", "{}1", "+375{} доб. 5", "  375{}", "нет", "", "+375 ({}"]


@st.composite
def bases(draw: st.DrawFn) -> Callable[[], CrmInMemory]:
    """The same portal as often as it is called for."""
    items = draw(
        st.dictionaries(
            st.tuples(st.sampled_from([CONTACT, LEAD, COMPANY]), st.integers(1, 300)),
            st.tuples(
                st.lists(st.tuples(st.sampled_from(SPELLINGS), st.integers(0, 3)), max_size=3),
                st.sampled_from([None, "N", "Y"]),
            ),
            max_size=70,
        )
    )

    def made() -> CrmInMemory:
        crm = CrmInMemory(fields={CONTACT: BOOLEAN, LEAD: BOOLEAN, COMPANY: {}})
        for (kind, number), (phones, mark) in items.items():
            crm.put(kind, number, *(form.format(f"29111223{end}") for form, end in phones), ufCrmBadPhone=mark)
        return crm

    return made


AWAY = PortalTrouble("Bitrix24 cannot be reached: no answer within 65 seconds")


@settings(max_examples=60)
@given(
    bases(),
    st.lists(st.sampled_from([None, None, AWAY]), max_size=20),
    st.sets(st.integers(0, 20)),
    st.sampled_from([1800.0, 0.0]),
)
def test_clean_and_its_undo_leave_the_portal_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    made: Callable[[], CrmInMemory],
    troubles: list[Exception | None],
    lost: set[int],
    patience: float,
) -> None:
    """Whatever requests fail, before or behind what they do, and where it is given up in the middle."""
    path = tmp_path_factory.mktemp("clean") / "undo"
    crm, before = made(), made().items
    crm.trouble = iter(troubles)

    def after(method: str) -> None:
        if len(crm.requests) in lost:
            raise AWAY

    crm.after = after
    gave_up = False
    try:
        clean(crm, path, mark=MARK, patience=patience)
    except PortalTrouble:
        gave_up = True
    crm.trouble, crm.after = None, lambda method: None
    if not gave_up:
        assert clean(crm, mark=MARK)[0].changed == 0
    if path.exists():
        done, _ = undone(crm, path)
        assert done.changed_since == done.not_taken == 0
        assert undone(crm, path)[0].restored == 0
    assert crm.items == before


@settings(max_examples=30)
@given(bases())
def test_cleaning_changes_no_meaning_and_takes_nothing_away(
    tmp_path_factory: pytest.TempPathFactory, made: Callable[[], CrmInMemory]
) -> None:
    crm, before = made(), made()
    clean(crm, tmp_path_factory.mktemp("clean") / "undo")
    for entity in Entity:
        assert crm.items[entity.value].keys() == before.items[entity.value].keys()
        for number in crm.items[entity.value]:
            now, then = crm.phones(entity.value, number), before.phones(entity.value, number)
            assert now == [certain_form(each) or each for each in then]

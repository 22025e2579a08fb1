"""What of a plan is done: nothing but what was looked at, and that only while cleaning wants it still."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.contact_base.change_file import PlanFile, UndoFile, counted, kept_changes
from a1gateway.contact_base.changes import Change, Mark, MarkField, PhoneChange, Unusable, planned
from a1gateway.contact_base.items import Entity, Item
from a1gateway.contact_base.plan import still_wanted

from .test_contact_base_clean import PORTAL, SPELLINGS

FIELD = MarkField("UF_CRM_BAD_PHONE", "ufCrmBadPhone", "boolean")

phones = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(SPELLINGS)), max_size=4, unique_by=lambda each: each[0]
)


def item(numbers: list[tuple[int, str]], mark: str | None) -> Item:
    fm = [
        {"id": number, "typeId": "PHONE", "valueType": "WORK", "value": form.format("291112233")}
        for number, form in numbers
    ]
    return Item.read(Entity.CONTACT, {"id": 7, "name": "Анна", "fm": fm, "ufCrmBadPhone": mark})


@given(phones, phones, st.sampled_from([None, "N", "Y"]), st.sampled_from([None, "N", "Y"]))
def test_what_is_done_was_planned_and_is_wanted_still(
    then: list[tuple[int, str]], now: list[tuple[int, str]], mark_then: str | None, mark_now: str | None
) -> None:
    plan = planned(item(then, mark_then), FIELD)
    if plan is None:
        return
    wanted = planned(item(now, mark_now), FIELD) or Change(Entity.CONTACT, 7, ())
    done = still_wanted(plan, item(now, mark_now))
    assert set(done.phones) == set(plan.phones) & set(wanted.phones)
    assert done.mark == (plan.mark if plan.mark == wanted.mark else None)


def test_a_phone_keeps_the_kind_that_it_has_now() -> None:
    changed = PhoneChange("1", "80291112233", "+375291112233", "WORK")
    there = item([(1, "80{}")], None)
    there = replace(there, phones=(replace(there.phones[0], value_type="HOME"),))
    assert still_wanted(Change(Entity.CONTACT, 7, (changed,)), there).phones == (replace(changed, value_type="HOME"),)


def test_nothing_is_done_in_an_item_that_is_gone() -> None:
    change = Change(
        Entity.CONTACT, 7, (PhoneChange("1", "80291112233", "+375291112233", "WORK"),), Mark(FIELD, "", "Y")
    )
    assert still_wanted(change, None) == Change(Entity.CONTACT, 7, ())


def test_a_plan_is_not_taken_for_what_can_be_undone(tmp_path: Path) -> None:
    change = Change(Entity.LEAD, 7, (PhoneChange("1", "80291112233", "+375291112233", "WORK"),))
    for kind, other in ((PlanFile, UndoFile), (UndoFile, PlanFile)):
        file = kind(tmp_path / kind.__name__, PORTAL, "2026-11-22T03:00:00+03:00")
        file.keep([change])
        file.close()
        assert list(kept_changes(file.path, PORTAL, kind)) == [change]
        assert counted(kept_changes(file.path, PORTAL, kind)) == {Entity.LEAD: 1}
        with pytest.raises(Unusable, match="is no file of contacts clean"):
            list(kept_changes(file.path, PORTAL, other))

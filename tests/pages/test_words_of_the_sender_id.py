"""Whatever may be said of a Sender ID and of an application for one has its text, in all three languages."""

from __future__ import annotations

import pytest

from a1gateway.pages.sender_id_standing import Standing
from a1gateway.pages.sender_id_wizard import GROUPS, STEPS
from a1gateway.sender_id.applications import State, Step
from a1gateway.sender_id.conflicts import Conflict
from a1gateway.sender_id.letter import Attachment
from a1gateway.sender_id.name import NameFault
from a1gateway.sender_id.particulars import FIELDS, Wrong
from a1gateway.sender_id.well_known import Owner
from a1gateway.words.catalogue import catalogue
from a1gateway.words.words import LANGUAGES

WANTED = {
    *(f"standing.{each}" for each in Standing),
    # With these two there is nothing to do.
    *(f"standing.{each}.do" for each in set(Standing) - {Standing.APPROVED, Standing.NOTED}),
    *(f"fault.{each}{ending}" for each in NameFault for ending in ("", ".do")),
    *(f"conflict.{each}{ending}" for each in Conflict for ending in ("", ".do")),
    *(f"owner.{each}" for each in Owner),
    *(f"wrong.{each}" for each in Wrong),
    *(f"state.{each}" for each in State),
    *(f"since.{each}" for each in State),
    *(f"step.{each}{ending}" for each in Step for ending in ("", ".ask", ".then", ".note", ".button")),
    *(f"attachment.{each}" for each in Attachment),
    *(f"field.{each}" for each in ("purpose", *FIELDS)),
    *(f"group.{each}" for each in GROUPS),
    *(f"wizard.{each}" for each in STEPS),
}
# Where there are texts for things that these enumerate, there are none for anything else.
KINDS = ("standing", "fault", "conflict", "owner", "wrong", "state", "since", "attachment", "group", "wizard")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_has_its_text_and_no_text_is_left_over(language: str) -> None:
    texts = {key.removeprefix("sender_id."): text for key, text in catalogue("sender_id", language).items()}
    assert WANTED - texts.keys() == set()
    assert {key for key in texts if key.split(".")[0] in KINDS and "." in key} - WANTED == set()


def test_every_field_stands_in_one_group() -> None:
    assert sorted(field for fields in GROUPS.values() for field in fields) == sorted(("purpose", *FIELDS))

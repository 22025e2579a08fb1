"""What fuzzing has kept goes well, every time; and it is kept in a form that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .corpus import FOLDER, as_octets, as_text, kept
from .targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_everything_that_was_kept_goes_well(target: str, tmp_path: Path) -> None:
    inputs = list(kept(target))
    assert inputs, "there is nothing to begin with"
    it = TARGETS[target](tmp_path)
    for name, octets in inputs:
        try:
            it(octets)
        except AssertionError as error:
            raise AssertionError(f"{target}/{name}.txt: {error}") from error
    it.close()


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_notices_what_must_never_be(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the gateway, put where every input of the target comes by."""
    it = TARGETS[target](tmp_path)

    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    if target == "smpp":
        monkeypatch.setattr("a1gateway.carriers.smpp.session.decode", fault)
    else:
        for module in ("bitrix24.front", "pages.front", "web.operations"):
            monkeypatch.setattr(f"a1gateway.{module}.read_fields", fault)
    noticed = 0
    for _, octets in kept(target):
        try:
            it(octets)
        except (AssertionError, RuntimeError):
            noticed += 1
    assert noticed > 0


def test_no_corpus_is_without_its_target() -> None:
    assert {each.name for each in FOLDER.iterdir()} == TARGETS.keys()


@given(st.binary())
def test_octets_come_out_of_their_text_as_they_went_in(octets: bytes) -> None:
    text = as_text(octets)
    assert text.isascii()
    assert as_octets(text) == octets

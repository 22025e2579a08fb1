"""Downloading what the journal's filters find, from the page to the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest

from ..daemon.stack import Stack
from .chromium import why_not
from .frame import MANAGER, Frame, Frames

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# A spreadsheet must not compute it.
TEXT = "=1+1 заказ готов"


def downloaded(frame: Frame, button: str, folder: Path) -> bytes:
    """The file behind a button, which the browser keeps without leaving the page."""
    with frame.page.expect_download() as file:
        frame.app.get_by_role("button", name=button).click()
    path = folder / file.value.suggested_filename
    file.value.save_as(path)
    return path.read_bytes()


def filtered(frame: Frame) -> None:
    frame.app.get_by_label("Статус").select_option("delivered")
    frame.app.get_by_role("button", name="Найти").click()
    frame.app.get_by_role("button", name="Показать все").wait_for()


def test_what_the_filters_find_comes_as_a_file(stack: Stack, frames: Frames, tmp_path: Path) -> None:
    """The same in both forms, with nothing that a spreadsheet would compute."""
    stack.is_delivered_once(stack.send(text=TEXT))
    stack.send("+7 495 123-45-67")
    frame = frames.open()
    filtered(frame)
    rows = list(csv.reader(io.StringIO(downloaded(frame, "CSV", tmp_path).decode("utf-8-sig")), delimiter=";"))
    texts = [row[rows[0].index("Текст")] for row in rows[1:]]
    assert f"'{TEXT}" in texts
    statuses = {row[rows[0].index("Статус")] for row in rows[1:]}
    assert statuses == {"доставлено"}


def test_the_workbook_holds_the_same(stack: Stack, frames: Frames, tmp_path: Path) -> None:
    """As texts and moments, not as formulas."""
    stack.is_delivered_once(stack.send(text=TEXT))
    frame = frames.open()
    filtered(frame)
    sheet = openpyxl.load_workbook(io.BytesIO(downloaded(frame, "Excel (XLSX)", tmp_path))).active
    assert sheet is not None
    cells = {(cell.value, cell.data_type) for row in sheet.iter_rows() for cell in row}
    assert (TEXT, "s") in cells


def test_managers_are_not_offered_it(frames: Frames) -> None:
    """The file holds everybody's numbers."""
    frame = frames.open(user=MANAGER)
    assert frame.app.get_by_role("button", name="CSV").count() == 0

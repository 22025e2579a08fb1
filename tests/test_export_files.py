"""The process that writes an export: its files, read by others' programs."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import load_workbook

from a1gateway.carriers.outcome import Accepted
from a1gateway.export import __main__ as process
from a1gateway.export.columns import COLUMNS, READ, Holds, Value
from a1gateway.export.csv_file import CsvFile
from a1gateway.export.order import Form, Order
from a1gateway.export.xlsx_file import XlsxFile
from a1gateway.hours import MINSK
from a1gateway.journal import Journal, Store
from a1gateway.journal.search import Search, query
from a1gateway.message import Kind, Price, Source, Status, StatusReport
from a1gateway.words.catalogue import catalogue

from .conftest import START, arrival, run

DANGEROUS = '=HYPERLINK("http://bad.example";"ок")'
# What is written where there is no other way (ECMA-376, part 1, 22.9.2.19); openpyxl leaves it as it is.
ESCAPED = re.compile("_x([0-9A-F]{4})_")


def order(store: Store, form: Form = Form.CSV, language: str = "ru", search: Search = Search()) -> Order:  # noqa: B008
    sql, values = query(search, READ)
    return Order(str(store.path), sql, values, form, language)


def written(the_order: Order) -> bytes:
    """By the process itself."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "a1gateway.export"], input=the_order.to_json(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def rows_of_csv(octets: bytes, delimiter: str = ";") -> list[list[str]]:
    assert octets.startswith("\ufeff".encode())
    return list(csv.reader(io.StringIO(octets.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def rows_of_xlsx(octets: bytes, sheet: int = 0) -> list[list[Any]]:
    sheets = load_workbook(io.BytesIO(octets)).worksheets
    return [list(row) for row in sheets[sheet].iter_rows(values_only=True)]


def minsk(seconds: float) -> datetime:
    """So many seconds after the beginning, as cells hold it: without a zone."""
    return datetime.fromtimestamp(START + seconds, MINSK).replace(tzinfo=None)


@pytest.fixture
def filled(journal: Journal) -> Journal:
    """A delivered message, a refused one with a dangerous text, and a marketing one that waits."""
    run(journal.accept(arrival("m1", sender_id="MyShop", segments=3, origin={"code": "a1_sms_send"})))
    (submission,) = run(journal.claim(START, 10)).submissions
    price = Price(Decimal("0.0312"), Decimal("0.0624"))
    run(journal.record([(submission, Accepted("7001", segments=2, price=price), START + 60)], START + 1))
    run(journal.settle([StatusReport("7001", "DELIVERED", Status.DELIVERED, Source.CALLBACK, START + 8.26)]))
    refused = {"number_received": "+7 916 123-45-67", "msisdn": None, "refusal": "foreign", "text": DANGEROUS}
    run(journal.accept(arrival("m2", received_at=START + 1, origin={"scenario": "payment"}, **refused)))
    more = {"kind": Kind.MARKETING, "origin": {"module_id": "sender"}, "text": 'Скидка\n«50%»; "только" сегодня'}
    run(journal.accept(arrival("m3", received_at=START + 2, **more)))
    return journal


def test_csv_is_what_excel_opens_right_in_belarus(store: Store, filled: Journal) -> None:
    assert rows_of_csv(written(order(store))) == [
        [
            "Принято",
            "Номер",
            "Статус",
            "Причина",
            "Вид",
            "Имя отправителя",
            "Откуда",
            "Текст",
            "Сегментов",
            "Стоимость, BYN",
            "Завершено",
            "До доставки, с",
            "Номер в Битрикс24",
            "Номер у A1",
        ],
        [
            *("22.11.2026 03:00:02", "+375291112233", "в очереди", "", "рекламное", "номер A1"),
            *("рассылка CRM-маркетинга", 'Скидка\n«50%»; "только" сегодня', "1", "", "", "", "m3", ""),
        ],
        [
            *("22.11.2026 03:00:01", "+7 916 123-45-67", "отклонено", "номер не белорусский", "сервисное"),
            *("номер A1", "сценарий: payment", f"'{DANGEROUS}", "1", "", "22.11.2026 03:00:01", "", "m2", ""),
        ],
        [
            *("22.11.2026 03:00:00", "+375291112233", "доставлено", "", "сервисное", "MyShop"),
            *("робот «SMS через A1»", "Заказ готов", "2", "0,0624", "22.11.2026 03:00:08", "8,3", "m1", "7001"),
        ],
    ]


def test_csv_in_english_has_the_signs_of_an_english_windows(store: Store, filled: Journal) -> None:
    header, *_, last = rows_of_csv(written(order(store, language="en")), ",")
    assert header[:3] == ["Accepted", "Number", "Status"]
    assert last[0] == "2026-11-22 03:00:00"
    assert last[2] == "delivered"
    assert (last[9], last[11]) == ("0.0624", "8.3")


def test_xlsx_has_texts_as_texts_and_numbers_and_times_as_such(store: Store, filled: Journal) -> None:
    octets = written(order(store, Form.XLSX, "be"))
    header, waiting, refused, delivered = rows_of_xlsx(octets)
    assert header[:3] == ["Прынята", "Нумар", "Статус"]
    assert waiting[7] == 'Скидка\n«50%»; "только" сегодня'
    assert refused[1] == "+7 916 123-45-67"
    assert refused[7] == DANGEROUS
    assert delivered == [
        *(minsk(0), "+375291112233", "дастаўлена", None, "сэрвіснае", "MyShop", "робат «SMS праз A1»"),
        *("Заказ готов", 2, 0.0624, minsk(8), 8.3, "m1", "7001"),
    ]
    cells = load_workbook(io.BytesIO(octets)).worksheets[0][3]
    assert "".join(cell.data_type for cell in cells if cell.value is not None) == "dsssssssnds"
    sheet = load_workbook(io.BytesIO(octets)).worksheets[0]
    assert sheet.title == "Журнал"
    assert sheet.freeze_panes == "A2"
    assert sheet["A1"].font.b
    assert sheet["A2"].number_format == "dd.mm.yyyy hh:mm:ss"


@pytest.mark.parametrize("form", Form)
def test_a_search_that_finds_nothing_is_a_file_with_its_header(store: Store, form: Form) -> None:
    octets = written(order(store, form, "en"))
    (header,) = rows_of_csv(octets, ",") if form is Form.CSV else rows_of_xlsx(octets)
    assert header[0] == "Accepted"


@pytest.mark.parametrize("form", Form)
def test_only_what_is_looked_for_is_in_the_file(store: Store, filled: Journal, form: Form) -> None:
    octets = written(order(store, form, "en", Search(statuses=frozenset([Status.REJECTED]))))
    (_, row) = rows_of_csv(octets, ",") if form is Form.CSV else rows_of_xlsx(octets)
    assert row[12] == "m2"


def test_every_message_is_there_once_however_many_are_read_at_a_time(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(11):
        # Some at the same moment.
        run(journal.accept(arrival(f"m{number}", received_at=START + number // 3)))
    for at_once in (1, 3, 5, 11, 12):
        monkeypatch.setattr(process, "AT_ONCE", at_once)
        out = io.BytesIO()
        process.write(order(store), out)
        assert [row[12] for row in rows_of_csv(out.getvalue())[1:]] == [f"m{number}" for number in range(10, -1, -1)]


def test_nothing_is_held_open_in_the_journal_while_a_file_is_written(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that stays would keep the log from being tidied up, and it would grow without end."""
    monkeypatch.setattr(process, "AT_ONCE", 2)
    for number in range(5):
        run(journal.accept(arrival(f"m{number}")))
    reading = process._read(order(store))
    next(reading)
    run(journal.accept(arrival("meanwhile")))
    with closing(sqlite3.connect(store.path)) as driver:
        busy, log, checkpointed = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log, checkpointed) == (0, 0, 0)
    assert [row["message_id"] for rows in reading for row in rows] == ["m2", "m1", "m0"]


def test_a_journal_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    missing = Order(str(tmp_path / "no.sqlite3"), "SELECT 1", {}, Form.CSV, "ru")
    done = subprocess.run(
        [sys.executable, "-I", "-m", "a1gateway.export"], input=missing.to_json(), capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"no.sqlite3: unable to open database file" in done.stderr


def test_the_process_imports_nothing_heavy() -> None:
    """Two of them run beside the daemon in the memory that a small server has left."""
    shown = "import sys, a1gateway.export.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-I", "-c", shown], capture_output=True, check=True, text=True)
    assert {"sqlite3", "xlsxwriter", "a1gateway"} <= set(done.stdout.split())
    assert not {"twisted", "sqlalchemy", "pydantic", "jinja2", "babel"} & set(done.stdout.split())


def test_an_order_is_handed_over_whole() -> None:
    sent = Order("/x/y.sqlite3", "SELECT :most", {"statuses": '["queued"]', "most": 1}, Form.XLSX, "be")
    assert Order.from_json(sent.to_json()) == sent


# Files of any rows

TEXTS: Mapping[str, str] = catalogue("journal", "ru")
HEADERS = [(TEXTS[f"export.{column.name}"], column.holds) for column in COLUMNS]


def xlsx(rows: Sequence[list[Value]], **how: Any) -> bytes:
    out = io.BytesIO()
    file = XlsxFile(out, COLUMNS, TEXTS, **how)
    file.write(rows)
    file.close()
    return out.getvalue()


def row(**values: Value) -> list[Value]:
    return [values.get(column.name) for column in COLUMNS]


def test_a_sheet_that_is_full_is_followed_by_another() -> None:
    rows = [row(text=f"t{number}") for number in range(8)]
    octets = xlsx(rows, most_rows=3)
    book = load_workbook(io.BytesIO(octets))
    assert book.sheetnames == ["Журнал", "Журнал 2", "Журнал 3"]
    shown = [[line[7] for line in rows_of_xlsx(octets, sheet)] for sheet in range(3)]
    assert shown == [["Текст", "t0", "t1", "t2"], ["Текст", "t3", "t4", "t5"], ["Текст", "t6", "t7"]]
    assert [sheet.freeze_panes for sheet in book.worksheets] == ["A2"] * 3


def test_rows_are_written_and_not_kept() -> None:
    out = io.BytesIO()
    file = XlsxFile(out, COLUMNS, TEXTS)
    before = 0
    for number in range(5):
        # What does not compress.
        file.write([row(text=f"{hash((number, each)):x}", message_id=f"{each:032x}") for each in range(20_000)])
        assert out.tell() > before + 100_000
        before = out.tell()


def test_the_archive_needs_nothing_to_go_back_to() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.octets = b""

        def writable(self) -> bool:
            return True

        def write(self, octets: Any) -> int:
            self.octets += bytes(octets)
            return len(octets)

    pipe = Pipe()
    file = XlsxFile(pipe, COLUMNS, TEXTS)  # type: ignore[arg-type]
    file.write([row(text="t")])
    file.close()
    with zipfile.ZipFile(io.BytesIO(pipe.octets)) as archive:
        assert archive.testzip() is None
        # No sizes of 64 bits, which older programs do not read.
        assert all(each.extract_version < 45 for each in archive.infolist())
    assert rows_of_xlsx(pipe.octets)[1][7] == "t"


@example([("_x0041_", "text"), ("\x01\r", "text"), (" =1 ", "reason"), ("<&>", "number")])
@given(st.lists(st.tuples(st.text(), st.sampled_from(["text", "number", "reason", "message_id"])), max_size=5))
def test_any_text_stands_in_both_files_as_it_is(texts: list[tuple[str, str]]) -> None:
    rows = [row(**{name: text}) for text, name in texts]
    places = [[column.name for column in COLUMNS].index(name) for _, name in texts]
    shown = rows_of_xlsx(xlsx(rows))[1:] + [[None] * len(COLUMNS)] * len(rows)
    for (text, _), place, line in zip(texts, places, shown, strict=False):
        assert ESCAPED.sub(lambda found: chr(int(found[1], 16)), line[place] or "") == text
    out = io.BytesIO()
    file = CsvFile(out, HEADERS, "ru")
    file.write(rows)
    file.close()
    for (text, _), place, cells in zip(texts, places, rows_of_csv(out.getvalue())[1:], strict=True):
        assert cells[place] in (text, "'" + text)
        assert cells[place][:1] not in ("=", "-", "@", "\t", "\r", "\n")


def test_a_text_that_is_too_long_for_a_cell_is_cut_to_what_one_takes() -> None:
    (_, line) = rows_of_xlsx(xlsx([row(text="😀" * 20_000)]))
    assert line[7] == "😀" * 16_383


@given(st.integers(0, 4_000_000_000), st.decimals(0, 10_000, places=6), st.floats(0, 1e7))
def test_moments_and_money_are_exact(at: int, amount: Decimal, seconds: float) -> None:
    values = row(received=float(at), amount=amount, seconds=seconds, segments=3)
    (_, line) = rows_of_xlsx(xlsx([values]))
    assert line[0] == datetime.fromtimestamp(at, MINSK).replace(tzinfo=None)
    assert (Decimal(repr(line[9])), line[8]) == (amount.normalize(), 3) or float(amount) == line[9]
    assert line[11] == round(seconds, 1)
    out = io.BytesIO()
    file = CsvFile(out, HEADERS, "ru")
    file.write([values])
    file.close()
    (_, cells) = rows_of_csv(out.getvalue())
    assert datetime.strptime(cells[0], "%d.%m.%Y %H:%M:%S").replace(tzinfo=MINSK).timestamp() == at
    assert Decimal(cells[9].replace(",", ".")) == amount


def test_every_column_says_how_its_cells_are_written() -> None:
    assert {column.holds for column in COLUMNS} == set(Holds)

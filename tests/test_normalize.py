"""`a1gateway normalize`: text or CSV in, one row a number out."""

import csv
import io
import itertools
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1gateway.msisdn import Msisdn, read_number
from a1gateway.normalize import HEADER, Unreadable, normalize, run

HEAD = "number,normalized,verdict,reason\n"


def normalized(text: str) -> str:
    """What is written for `text`, without the header."""
    out = io.StringIO(newline="")
    normalize(io.StringIO(text, newline=""), out)
    assert out.getvalue().startswith(HEAD)
    return out.getvalue().removeprefix(HEAD)


def rows(text: str) -> list[list[str]]:
    """The same as a reader of CSV sees it."""
    return list(csv.reader(io.StringIO(normalized(text), newline="")))


def numbers(text: str) -> list[str]:
    return [row[0] for row in rows(text)]


def test_the_verdicts_and_their_reasons() -> None:
    assert normalized("80291234567\n+375251234567\n8 017 212-34-56\n") == (
        "80291234567,+375291234567,valid,\n"
        "+375251234567,+375251234567,valid,range_unknown\n"
        "8 017 212-34-56,,invalid,fixed_line\n"
    )


def test_the_header_is_the_contracts() -> None:
    assert ",".join(HEADER) + "\n" == HEAD


@pytest.mark.parametrize(
    "text", ["", "\n", "\ufeff", "\ufeff\n\n", " \t \n", "phone\n", "sep=;\n", "sep=;\nphone;name\n"]
)
def test_nothing_in_is_only_the_header_out(text: str) -> None:
    assert normalized(text) == ""


@pytest.mark.parametrize(
    "text", ["80291234567\n\n \n29 7654321", "80291234567\r\n\r\n29 7654321\r\n", "\n80291234567\r29 7654321\r"]
)
def test_blank_lines_of_text_are_skipped_whatever_ends_them(text: str) -> None:
    assert normalized(text) == "80291234567,+375291234567,valid,\n29 7654321,+375297654321,valid,\n"


def test_a_number_is_echoed_as_it_was_received() -> None:
    assert numbers(' +375 29 123-45-67\t\n"80291234567"\n=1+1\n') == [
        " +375 29 123-45-67\t",
        '"80291234567"',
        "=1+1",
    ]


def test_a_byte_order_mark_is_dropped() -> None:
    assert numbers("\ufeff80291234567\n") == ["80291234567"]
    assert numbers("\ufeffphone,name\n80291234567,A\n") == ["80291234567"]
    assert numbers('\ufeff"Телефон";"Имя"\n80291234567;A\n') == ["80291234567"]


@pytest.mark.parametrize(
    "line",
    [
        "80291234567, 80447654321",
        "29 1234567; 33 7654321",
        "80291234567;80447654321",
        "80291234567\t80447654321",
        "тел. 80291234567, моб. 80447654321",
        "тел, 80291234567, 80447654321",
    ],
)
@pytest.mark.parametrize("before", ["", "80291234567\n"], ids=["first line", "later line"])
def test_several_numbers_in_a_line_of_text_are_no_columns(line: str, before: str) -> None:
    assert rows(before + line + "\n")[-1] == [line, "", "invalid", "several_numbers"]


@pytest.mark.parametrize(
    "line", ["тел. 29 1234567", "тел, 29 1234567", "моб; 8 029 123-45-67", "phone: 291234567", "тел. 101"]
)
def test_a_labelled_number_is_no_header(line: str) -> None:
    assert numbers(line + "\n") == [line]


@pytest.mark.parametrize(
    "name",
    [
        "phone", "Phone", "PHONE", "number", "tel", "Tel.", "msisdn", "MSISDN", "mobile", "Mobile phone",
        "phone_number", "phoneNumber", "PhoneNumber", "work_phone", "WORK_PHONE", "Phone 1",
        "телефон", "Телефон", "ТЕЛЕФОН", "номер",
        "мобильный", "Мобильный телефон", "рабочий телефон", "Рабочий телефон", "Домашний телефон", "Другой телефон",
        "Телефон (рабочий)", "Телефон клиента", "Контактный номер", "Номер телефона", "Моб. тел.", "Тел.:",
        "Телефоны", "Телефон для SMS", "тэлефон", "Нумар тэлефона", "Мабільны тэлефон", '"Телефон"', " телефон ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_a_header_that_names_a_phone_column_makes_it_csv(name: str, delimiter: str) -> None:
    text = "".join(delimiter.join(row) + "\r\n" for row in [("Имя", name, "Город"), ("Иван", "80291234567", "Минск")])
    assert normalized(text) == "80291234567,+375291234567,valid,\n"
    assert normalized(f"{name}\n80291234567\n") == "80291234567,+375291234567,valid,\n"


@pytest.mark.parametrize(
    "name",
    [
        "Номер заказа", "order number", "client number", "Факс", "Номер факса", "phone_type", "Тип телефона", "Имя",
        "id", "мобильное приложение", "phone_hash", "Дата звонка на телефон",
    ],
)  # fmt: skip
def test_other_columns_are_no_phone_columns(name: str) -> None:
    assert numbers(f"{name};Сумма\n1;80291234567\n") == [f"{name};Сумма", "1;80291234567"]
    assert numbers(f"{name};Phone\n1;80291234567\n") == ["80291234567"]


def test_csv_without_a_recognised_header_is_text() -> None:
    assert rows("Иван;80291234567\n") == [["Иван;80291234567", "", "invalid", "not_a_number"]]


def test_the_delimiter_is_the_one_that_divides_the_header() -> None:
    assert numbers("Телефон, моб;Имя, фамилия;Город\n80291234567;A;B\n") == ["80291234567"]
    assert numbers("sep=,\nphone,name;first\n80291234567,A\n") == ["80291234567"]
    assert numbers('"sep=;"\r\nphone;name\r\n80291234567;A\r\n') == ["80291234567"]


def test_quoted_cells_may_hold_delimiters_and_line_ends() -> None:
    text = 'name,phone\n"Иванов, Иван","80291234567, 80447654321"\n"Анна\nМария","29 1234567\r\n33 7654321"\n'
    assert rows(text) == [
        ["80291234567, 80447654321", "", "invalid", "several_numbers"],
        ["29 1234567\r\n33 7654321", "", "invalid", "several_numbers"],
    ]


def test_a_header_of_one_column_has_no_delimiter() -> None:
    text = 'phone\n80291234567, 80447654321\n"29 1234567; 33 7654321"\n'
    assert numbers(text) == ["80291234567, 80447654321", "29 1234567; 33 7654321"]


def test_an_empty_cell_is_an_empty_number_and_a_blank_row_is_none() -> None:
    text = "name;phone\nA;\nB\n;\n\n;;;\nC; \nD;80291234567\n"
    assert [row[3] for row in rows(text)] == ["empty_number", "empty_number", "empty_number", ""]
    assert [row[3] for row in rows('phone\n""\n\n291234567\n')] == ["empty_number", ""]


def test_of_several_phone_columns_every_cell_that_is_not_empty_is_a_number() -> None:
    text = "Имя;Рабочий телефон;Мобильный телефон\nA;80172123456;80291234567\nB;;29 7654321\nC;;\n"
    assert normalized(text) == (
        "80172123456,,invalid,fixed_line\n"
        "80291234567,+375291234567,valid,\n"
        "29 7654321,+375297654321,valid,\n"
        ",,invalid,empty_number\n"
    )


def test_its_own_output_gives_the_same_again() -> None:
    first = normalized("80291234567\n80291234567, 80447654321\nнет\n")
    assert normalized(HEAD + first) == first


def test_csv_that_breaks_off_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no CSV"):
        normalized('name;phone\n"A;80291234567\n' + "B;80291234567\n" * 20_000)


def test_a_line_without_end_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="longer than"):
        normalized("8" * 3_000_000)


# Single lines, as a text file may have them; the first is no header.
texts = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
        st.text("0123456789+-() ,;\t\"'телфдоб", max_size=20),
    ).filter(str.strip),
    max_size=20,
).map(lambda lines: ["80291234567", *lines])


@given(texts, st.sampled_from(["\n", "\r\n", "\r"]))
def test_text_gives_one_row_a_line_with_the_verdict_of_its_number(lines: list[str], end: str) -> None:
    check(lines, rows("".join(line + end for line in lines)))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1f")), max_size=20),
    st.sampled_from(",;\t"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_csv_gives_one_row_a_row_with_the_verdict_of_its_number(cells: list[str], delimiter: str, end: str) -> None:
    source = io.StringIO(newline="")
    writer = csv.writer(source, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "Phone"), *enumerate(cells)])
    check(cells, rows(source.getvalue()))


def check(received: list[str], written: list[list[str]]) -> None:
    assert [row[0] for row in written] == received
    for number, result, verdict, reason in written:
        read = read_number(number)
        if isinstance(read, Msisdn):
            assert (result, verdict, reason) == (read.number, "valid", read.warning or "")
        else:
            assert (result, verdict, reason) == ("", "invalid", read.fault)


class Endless(io.StringIO):
    """A source that never ends and remembers how much was taken."""

    def __init__(self, lines: str) -> None:
        super().__init__()
        self._given = itertools.cycle(lines.splitlines(keepends=True))
        self.taken = 0

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        self.taken += 1
        return next(self._given)


class Full(io.StringIO):
    """Takes some rows and no more."""

    def __init__(self, rows: int) -> None:
        super().__init__(newline="")
        self.room = rows

    def write(self, text: str, /) -> int:
        if not self.room:
            raise BrokenPipeError
        self.room -= 1
        return 0


@pytest.mark.parametrize("lines", ["80291234567\n", "phone;name\n80291234567;A\n"], ids=["text", "CSV"])
def test_rows_are_written_as_they_are_read(lines: str) -> None:
    """Neither the input nor the output is gathered: an endless file is no burden."""
    source = Endless(lines)
    with pytest.raises(BrokenPipeError):
        normalize(source, Full(10_000))
    assert source.taken <= 10_010


EXCEL = "Имя;Рабочий телефон;Город\r\nИван;8 (029) 123-45-67;Минск\r\nОльга;тел. 33 7654321;Брест\r\n"
EXPECTED = HEAD + "8 (029) 123-45-67,+375291234567,valid,\nтел. 33 7654321,+375337654321,valid,\n"


@pytest.mark.parametrize("encoding", ["cp1251", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("way", ["file", "redirected", "piped"])
def test_files_as_spreadsheets_write_them(
    way: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = EXCEL.encode(encoding)
    out = io.StringIO(newline="")
    if way == "file":
        (tmp_path / "numbers.csv").write_bytes(content)
        assert run(str(tmp_path / "numbers.csv"), io.StringIO("8"), out) == 0
    elif way == "redirected":
        redirected = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
        assert run("-", redirected, out) == 0
        assert not redirected.closed
    else:
        reading, writing = os.pipe()
        with open(writing, "wb") as end:
            end.write(content)
        with open(reading, encoding="utf-8") as stdin:
            assert run(None, stdin, out) == 0
    assert out.getvalue() == EXPECTED
    assert capsys.readouterr().err == ""


def test_a_file_that_is_not_utf8_at_its_very_end_is_cp1251(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_bytes(b"291234567\n" * 20_000 + "тел. 291234567".encode("cp1251"))
    out = io.StringIO(newline="")
    assert run(str(path), io.StringIO(), out) == 0
    assert out.getvalue().endswith("\nтел. 291234567,+375291234567,valid,\n")


def test_a_character_divided_between_two_reads_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_bytes("ы".encode() * 100_000 + b"\n291234567\n" + b"x" + "ы".encode() * 100_000)
    out = io.StringIO(newline="")
    assert run(str(path), io.StringIO(), out) == 0
    assert "\n291234567,+375291234567,valid,\n" in out.getvalue()


@pytest.mark.parametrize("path", [None, "-"])
def test_standard_input_as_text(path: str | None) -> None:
    out = io.StringIO(newline="")
    assert run(path, io.StringIO("80291234567\n"), out) == 0
    assert out.getvalue() == HEAD + "80291234567,+375291234567,valid,\n"


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert run(str(tmp_path / "none.csv"), io.StringIO(), out) == 1
    assert capsys.readouterr().err == f"a1gateway normalize: {tmp_path}/none.csv: No such file or directory\n"
    assert out.getvalue() == ""


def test_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path), io.StringIO(), io.StringIO()) == 1
    assert capsys.readouterr().err == f"a1gateway normalize: {tmp_path}: Is a directory\n"


def test_a_file_that_may_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through `open`, as the tests may run as root, who may read everything."""

    def forbidden(path: str, *more: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", forbidden)
    assert run("numbers.csv", io.StringIO(), io.StringIO()) == 1
    assert capsys.readouterr().err == "a1gateway normalize: numbers.csv: Permission denied\n"


def test_unreadable_input_is_told_and_what_was_before_it_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "numbers.txt").write_bytes(b"291234567\n" + b"8" * 2_000_000)
    out = io.StringIO(newline="")
    assert run(str(tmp_path / "numbers.txt"), io.StringIO(), out) == 1
    assert out.getvalue() == HEAD + "291234567,+375291234567,valid,\n"
    assert capsys.readouterr().err.endswith("a line is longer than 1048576 characters\n")


def test_a_pipe_that_turns_out_to_be_no_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a pipe only the beginning is known before rows are written."""
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as end:
            end.write(b"291234567\n" * 50_000 + "тел. 291234567\n".encode("cp1251"))

    feeding = threading.Thread(target=feed)
    feeding.start()
    with open(reading, encoding="utf-8") as stdin:
        assert run("-", stdin, io.StringIO(newline="")) == 1
    feeding.join()
    expected = "a1gateway normalize: standard input: begins as utf-8, but does not go on so\n"
    assert capsys.readouterr().err == expected


def test_a_reader_that_has_had_enough_is_the_callers_business() -> None:
    with pytest.raises(BrokenPipeError):
        run("-", io.StringIO("291234567\n" * 10), Full(3))


def test_a_file_that_is_named_is_read_whatever_waits_on_standard_input() -> None:
    out = io.StringIO(newline="")
    assert run("/dev/null", io.StringIO("291234567\n"), out) == 0
    assert out.getvalue() == HEAD

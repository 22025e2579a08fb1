"""`a1gateway normalize`: phone numbers in, as text or CSV; what the gateway would make of each out, as CSV.

**Text or CSV.** The input is CSV when its first line that is not blank is a header that names a column of phone
numbers (`phone`, `Mobile phone`, `msisdn`, `tel`, `number`, `Телефон`, `Рабочий телефон`, `мобильный`, `номер`,
`тэлефон`, in any case) and has no number in it. The delimiter is the one of semicolon, tab and comma that divides
this header, or the one that a line `sep=;` before it names. Anything else is plain text with one number a line,
whatever commas and semicolons it has: `80291234567, 80447654321` are several numbers and not two columns.

**Rows.** One for each line of text that is not blank; numbers are echoed as they were received. In CSV with one
column of numbers one for each row that is not blank, an empty cell being `empty_number`; with several such columns
one for each cell that is not empty, and one `empty_number` for a row that has none.

**Output.** Lines end in `\\n`. Values are quoted as CSV needs it and not changed: `+375...` stays what it is, and so
does a cell that a spreadsheet would take for a formula. Whoever opens the output of untrusted input in a spreadsheet
imports its columns as text.

Nothing is kept of what has been written, so memory does not grow with the input.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import sys
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, TextIO

from .msisdn import Msisdn, NumberFault, read_number

HEADER = ("number", "normalized", "verdict", "reason")

_LONGEST_LINE = 1 << 20
_DELIMITERS = ";\t,"
# Stands in no file of numbers: a header of one column has no delimiter.
_NO_DELIMITER = "\x1f"
_SEP = re.compile(r'"?sep=(?P<delimiter>[;,\t|])"?', re.IGNORECASE)

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[a-z]+|[а-яёіў]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PHONE = re.compile(
    r"(?:cell|mobile)?phones?|phonenumbers?|telephone|tel|msisdn|mobiles?|mob|cell|gsm"
    r"|т[еэ]лефон[аы]?|т[еэ]л|моб|мобильн(?:ый|ые)|мабільны|сотовый"
)
_NUMBER = re.compile(r"numbers?|номера?|нумары?")
_WHOSE = re.compile(
    r"work|home|office|business|personal|private|main|primary|secondary|other|contact|customer|client|recipient"
    r"|sms|смс|для|рассылок|рабочий|рабочие|домашний|личный|основной|другой|дополнительный|контактный"
    r"|контакта|кл[иі]ента|абонента|получателя|покупателя|заказчика"
    r"|працоўны|хатні|асабісты|асноўны|іншы|кантактны|абанента|атрымальніка"
)
_CONTACT = re.compile(r"contact|контактный|кантактны")
# What a header's cell may be as a number.
_NO_NUMBER = (NumberFault.NOT_A_NUMBER, NumberFault.EMPTY_NUMBER, NumberFault.TOO_SHORT)


class Unreadable(Exception):
    """The input cannot be read to its end; the text says why."""


def normalize(source: TextIO, out: TextIO) -> None:
    """Write to `out` what the gateway makes of every number in `source`; raises `Unreadable`."""
    # csv.writer of this Python leaves a lone \r bare when lines end in \n, and readers take it for the end of a row.
    plain, quoting = (csv.writer(out, lineterminator="\n", quoting=how) for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    plain.writerow(HEADER)
    for number in numbers_in(source):
        (quoting if "\r" in number else plain).writerow((number, *_verdict(number)))


def numbers_in(source: TextIO) -> Iterator[str]:
    """Every number in `source`, text or CSV, as it was received; raises `Unreadable`."""
    lines = _lines(source)
    header: str | None = next(lines, None)
    given = _SEP.fullmatch(header.strip()) if header is not None else None
    if given is not None:
        header = next(lines, None)
    if header is None:
        return
    delimiter, columns = _header(header, given["delimiter"] if given is not None else _DELIMITERS)
    yield from _cells(lines, delimiter, columns) if columns else _texts(chain((header,), lines))


def run(path: str | None, stdin: TextIO, stdout: TextIO) -> int:
    """`a1gateway normalize [FILE]`: the exit status, 0, or 1 with a line on stderr when the input cannot be read.

    Without a path, or with `-`, numbers come from `stdin`. The input is UTF-8 with or without a BOM, UTF-16 with one,
    or, if it is neither, cp1251, in which spreadsheets in Belarus write. Of a pipe only the beginning decides that.
    """
    try:
        with opened(path, stdin) as source:
            normalize(source, stdout)
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError, Unreadable) as error:
        sys.stderr.write(f"a1gateway normalize: {explained(path, error)}\n")
        return 1
    return 0


def explained(path: str | None, error: OSError | UnicodeError | Unreadable) -> str:
    """Why what `opened` opened could not be read to its end, for people."""
    name = "standard input" if path in (None, "-") else path
    if isinstance(error, OSError):
        return f"{name}: {error.strerror or error}"
    if isinstance(error, UnicodeDecodeError):
        return f"{name}: begins as {error.encoding}, but does not go on so"
    return f"{name}: {error}"


@contextlib.contextmanager
def opened(path: str | None, stdin: TextIO) -> Iterator[TextIO]:
    """The text at `path`, or of `stdin` without one or with `-`, in the encoding that it begins with."""
    if path is not None and path != "-":
        with open(path, "rb") as binary, _text(binary) as text:
            yield text
        return
    inner = getattr(stdin, "buffer", None)
    if inner is None:
        yield stdin
        return
    text = _text(inner)
    try:
        yield text
    finally:
        # Else the caller's stdin would be closed with it.
        text.detach()


def _text(binary: BinaryIO) -> io.TextIOWrapper:
    encoding = _encoding(binary)
    errors = "replace" if encoding == "cp1251" else "strict"
    return io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="")


def _encoding(binary: BinaryIO) -> str:
    """What `binary` is written in; leaves it where it stood."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    if binary.seekable():
        start = binary.tell()
        beginning = binary.read(2)
        chunks = chain((beginning,), iter(lambda: binary.read(1 << 16), b""), (b"",))
    else:
        start = None
        beginning = binary.peek(1) if isinstance(binary, io.BufferedReader) else b""
        chunks = chain((beginning,))
    try:
        if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for chunk in chunks:
            decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return "cp1251"
    finally:
        if start is not None:
            binary.seek(start)
    return "utf-8-sig"


def _lines(source: TextIO) -> Iterator[str]:
    """The lines of `source` with their ends, from the first that is not blank; without a BOM."""
    beginning = True
    while line := source.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise Unreadable(f"a line is longer than {_LONGEST_LINE} characters")
        if beginning:
            line = line.removeprefix("\ufeff")
            if not line.strip():
                continue
            beginning = False
        yield line


def _header(line: str, delimiters: str) -> tuple[str, list[int]]:
    """The delimiter and the columns of phone numbers, if `line` is a header that names one; else no columns."""
    found: tuple[str, list[int]] = (_NO_DELIMITER, [])
    width = 0
    for delimiter in [known for known in delimiters if known in line] or [_NO_DELIMITER]:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            continue
        columns = [column for column, cell in enumerate(cells) if _names_a_phone(cell)]
        if columns and len(cells) > width and not any(_has_a_number(cell) for cell in cells):
            found, width = (delimiter, columns), len(cells)
    return found


def _has_a_number(cell: str) -> bool:
    read = read_number(cell)
    return isinstance(read, Msisdn) or read.fault not in _NO_NUMBER


def _names_a_phone(cell: str) -> bool:
    if len(_DIGIT.findall(cell)) > 2:
        # "Phone 12" is still a column, "тел. 101" is a number.
        return False
    words = _WORD.findall(_CAMEL.sub(" ", cell).casefold())
    others = [word for word in words if not _PHONE.fullmatch(word)]
    if len(others) < len(words):
        # A phone's type or the date of a call is in no such column.
        return all(_NUMBER.fullmatch(word) or _WHOSE.fullmatch(word) for word in others)
    # A number alone is a phone number here; an order's or a client's number is not.
    others = [word for word in words if not _NUMBER.fullmatch(word)]
    return len(others) < len(words) and all(_CONTACT.fullmatch(word) for word in others)


def _texts(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        number = line.rstrip("\r\n")
        if number.strip():
            yield number


def _cells(lines: Iterator[str], delimiter: str, columns: list[int]) -> Iterator[str]:
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        for row in rows:
            # A single quoted empty cell is how a row of one empty cell is written, and no blank line.
            if row != [""] and not any(cell.strip() for cell in row):
                continue
            cells = [row[column] if column < len(row) else "" for column in columns]
            filled = [cell for cell in cells if cell.strip()]
            yield from filled or cells[:1]
    except csv.Error as error:
        raise Unreadable(f"{rows.line_num} lines behind the header it is no CSV any more: {error}") from error


def _verdict(number: str) -> tuple[str, str, str]:
    read = read_number(number)
    if isinstance(read, Msisdn):
        return read.number, "valid", read.warning or ""
    return "", "invalid", read.fault

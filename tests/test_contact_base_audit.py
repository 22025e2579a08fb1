"""The audit of the base: what stands in its report, and that an interruption changes nothing of it."""

from __future__ import annotations

import csv
import random
import stat
import tracemalloc
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from a1gateway.bitrix24.consent_field import ConsentField
from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.cells import no_formula, number_cell
from a1gateway.config_sections import Consent
from a1gateway.contact_base.audit import HEADER, collect, open_work_file, report, summary, work_path
from a1gateway.contact_base.pages import BaseReader
from a1gateway.contact_base.patience import Patience
from a1gateway.contact_base.progress import Progress, duration
from a1gateway.contact_base.work_file import CannotGoOn

from .conftest import START, run
from .crm_in_memory import COMPANY, CONTACT, LEAD, CrmInMemory

CONSENT = Consent(contact_field="UF_CRM_SMS_CONSENT")
FIELD = ConsentField("UF_CRM_SMS_CONSENT", "ufCrmSmsConsent", "boolean")


class Killed(Exception):
    """The process ended here."""


def audit(
    crm: CrmInMemory,
    output: Path,
    *,
    consent: bool = False,
    portal: str = "shop.bitrix24.by",
    restart: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """The summary; the report is at `output`."""
    clock = Clock()
    clock.advance(START)
    work = open_work_file(output, portal, CONSENT if consent else None, now=START, restart=restart)
    try:
        reader = BaseReader(clock, crm, Patience(clock, 0))
        progress = progress or Progress(StringIO(), clock.seconds)
        run(collect(clock, reader, work, FIELD if consent else None, progress.walked))
        return list(summary(report(work, output), output))
    finally:
        work.close()


def rows(output: Path) -> list[dict[str, str]]:
    with output.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def big(contacts: int) -> CrmInMemory:
    """A base with holes, numbers in several spellings, duplicates and items without a number."""
    dice = random.Random(7)
    crm = CrmInMemory()
    number = 0
    for _ in range(contacts):
        number += dice.randint(1, 3)
        digits = f"29{dice.randrange(contacts * 2) + 1_000_000}"
        spelling = dice.choice(
            ["+375{}", "80{}", "{}", "375{}", "+375{}", dice.choice(["8 0{}", "{}1", "", "+375{} доб. 5"])]
        )
        phones = [spelling.format(digits)] if spelling else []
        crm.put(CONTACT, number, *phones, ufCrmSmsConsent=dice.choice(["Y", "N", None]))
    for lead in range(1, 120):
        crm.put(LEAD, lead * 2, f"8029{lead:07}", title=f"Заявка {lead}")
    crm.put(COMPANY, 5, "8 017 212-34-56", "+375 29 111-22-33", title="ООО «Лён»")
    return crm


def test_each_number_has_its_row(tmp_path: Path) -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 7, "8 029 111-22-33", "+7 495 123-45-67", name="Анна", lastName="Ковалёва")
    crm.put(CONTACT, 9, "+375291112233", name="Иван")
    crm.put(CONTACT, 12, name="Ольга")
    crm.put(CONTACT, 13, "", name="Пётр")
    crm.put(LEAD, 3, "+375 29 111 22 33", title="Заявка", name="")
    crm.put(COMPANY, 4, "+375251234567", title="ООО «Лён»")
    output = tmp_path / "audit.csv"
    summary = audit(crm, output)
    assert output.read_bytes().startswith(b"\xef\xbb\xbfentity,id,name,number,normalized,verdict,reason,")
    found = [tuple(row.values()) for row in rows(output)]
    assert found == [
        ("contact", "7", "Анна Ковалёва", "8 029 111-22-33", "+375291112233", "valid", "", "1", "9", ""),
        ("contact", "7", "Анна Ковалёва", "+7 495 123-45-67", "", "invalid", "foreign", "", "", ""),
        ("contact", "9", "Иван", "+375291112233", "+375291112233", "valid", "", "1", "7", ""),
        ("contact", "12", "Ольга", "", "", "invalid", "no_number", "", "", ""),
        ("contact", "13", "Пётр", "", "", "invalid", "empty_number", "", "", ""),
        ("lead", "3", "Заявка", "+375 29 111 22 33", "+375291112233", "valid", "", "", "", ""),
        ("company", "4", "ООО «Лён»", "+375251234567", "+375251234567", "valid", "range_unknown", "", "", ""),
    ]
    assert summary == [
        f"{output}: 4 contacts, 1 leads, 1 companies; 6 numbers, 1 items without a number",
        "valid: 4, 1 of them range_unknown",
        "invalid: 2",
        "  empty_number: 1",
        "  foreign: 1",
        "duplicates: 1 numbers that 2 contacts share",
    ]
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["audit.csv"]


def test_consents_are_the_contacts(tmp_path: Path) -> None:
    crm = CrmInMemory()
    for number, value in ((1, "Y"), (2, "N"), (3, None)):
        crm.put(CONTACT, number, "+375291112233", ufCrmSmsConsent=value)
    crm.put(LEAD, 1, "+375291112233", ufCrmSmsConsent="Y")
    summary = audit(crm, tmp_path / "audit.csv", consent=True)
    assert [row["consent"] for row in rows(tmp_path / "audit.csv")] == ["yes", "no", "empty", ""]
    assert summary[-1] == "consent: yes 1, no 1, empty 1"


def test_duplicates_are_other_contacts_and_ten_are_named(tmp_path: Path) -> None:
    crm = CrmInMemory()
    for number in range(1, 14):
        crm.put(CONTACT, number, "8029 111-22-33", "+375291112233")
    crm.put(CONTACT, 20, "+375291112244", "80291112244")
    audit(crm, tmp_path / "audit.csv")
    found = rows(tmp_path / "audit.csv")
    assert found[0]["duplicates"] == "12"
    assert found[0]["duplicate_of"] == "2 3 4 5 6 7 8 9 10 11"
    assert found[-1]["duplicates"] == "0"


def interrupted_at(crm: CrmInMemory, *requests: int) -> Callable[[str], None]:
    def after(method: str) -> None:
        if len(crm.requests) in requests:
            raise Killed

    return after


def test_an_audit_of_20_000_contacts_interrupted_twice_gives_the_same_report(tmp_path: Path) -> None:
    crm = big(20_000)
    audit(crm, tmp_path / "whole.csv", consent=True)
    whole = len(crm.requests)
    crm.requests.clear()
    crm.after = interrupted_at(crm, 8, 17)
    for _ in range(2):
        with pytest.raises(Killed):
            audit(crm, tmp_path / "audit.csv", consent=True)
        assert not (tmp_path / "audit.csv").exists()
    audit(crm, tmp_path / "audit.csv", consent=True)
    assert (tmp_path / "audit.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(rows(tmp_path / "audit.csv")) == 20_000 + 119 + 2
    assert whole < 35
    assert len(crm.requests) < whole + 12


@settings(max_examples=20)
@given(st.lists(st.integers(0, 12), max_size=6), st.integers(0, 400))
def test_wherever_it_is_interrupted_the_report_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], contacts: int
) -> None:
    folder = tmp_path_factory.mktemp("audit")
    crm = big(contacts)
    audit(crm, folder / "whole.csv")
    for cut in cuts:
        crm.requests.clear()
        crm.after = interrupted_at(crm, cut)
        try:
            audit(crm, folder / "audit.csv")
        except Killed:
            continue
    crm.after = lambda method: None
    audit(crm, folder / "audit.csv")
    assert (folder / "audit.csv").read_bytes() == (folder / "whole.csv").read_bytes()


def test_memory_does_not_grow_with_the_base(tmp_path: Path) -> None:
    def peak(contacts: int) -> int:
        crm = big(contacts)
        # What the portal of the test remembers is none of the audit's.
        crm.after = lambda method: crm.commands.clear()
        audit(big(10), tmp_path / "warm.csv")
        tracemalloc.start()
        audit(crm, tmp_path / f"{contacts}.csv")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    # Both have requests of 50 pages, the largest that there are.
    few, many = peak(5_500), peak(16_500)
    assert many < few * 1.2


def test_what_is_there_is_kept_when_the_portal_is_away(tmp_path: Path) -> None:
    crm = big(500)
    crm.trouble = iter([None, None, None, None, PortalTrouble("away"), *[None] * 50])
    with pytest.raises(PortalTrouble):
        audit(crm, tmp_path / "audit.csv")
    assert work_path(tmp_path / "audit.csv").exists()
    audit(crm, tmp_path / "audit.csv")
    assert len(rows(tmp_path / "audit.csv")) == 621


def test_a_full_disk_ends_the_audit_and_loses_nothing(tmp_path: Path) -> None:
    crm, output, clock = big(2000), tmp_path / "audit.csv", Clock()
    audit(crm, tmp_path / "whole.csv")
    work = open_work_file(output, "shop.bitrix24.by", None, now=START)
    work._connection.execute("PRAGMA max_page_count = 12")
    reader = BaseReader(clock, crm, Patience(clock, 0))
    with pytest.raises(CannotGoOn, match=r"audit\.csv\.part cannot be written: database or disk is full"):
        run(collect(clock, reader, work, None, Progress(StringIO(), clock.seconds).walked))
    work.close()
    audit(crm, output)
    assert output.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_it_does_not_go_on_from_another_audits_work_file(tmp_path: Path) -> None:
    output = tmp_path / "audit.csv"
    open_work_file(output, "shop.bitrix24.by", None, now=START).close()
    with pytest.raises(CannotGoOn, match=r"another portal .*shop\.bitrix24\.by.*--restart"):
        audit(big(1), output, portal="other.bitrix24.by")
    with pytest.raises(CannotGoOn, match="another contact_field"):
        audit(big(1), output, consent=True)
    audit(big(1), output, portal="other.bitrix24.by", restart=True)
    assert output.exists()


def test_one_audit_at_a_time_writes_a_report(tmp_path: Path) -> None:
    first = open_work_file(tmp_path / "audit.csv", "p", None, now=START)
    with pytest.raises(CannotGoOn, match="in use"):
        open_work_file(tmp_path / "audit.csv", "p", None, now=START)
    first.close()
    again = open_work_file(tmp_path / "audit.csv", "p", None, now=START + 60)
    assert again.resumed
    assert again.begun == "2026-11-22T03:00:00+03:00"
    again.close()


def test_another_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = work_path(tmp_path / "audit.csv")
    path.write_text("nobody's work file, and long enough to be told from an empty one " * 10)
    with pytest.raises(CannotGoOn, match="no work file"):
        audit(big(1), tmp_path / "audit.csv")
    assert path.read_text().startswith("nobody's")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_names_and_numbers_come_back_from_the_report(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str]]
) -> None:
    """As they are stored, but for the apostrophe that keeps a spreadsheet from computing them."""
    folder = tmp_path_factory.mktemp("audit")
    crm = CrmInMemory()
    for number, (name, phone) in enumerate(people, 1):
        crm.put(CONTACT, number, phone, name=name)
    audit(crm, folder / "audit.csv")
    found = [(row["name"], row["number"]) for row in rows(folder / "audit.csv")]
    assert found == [(no_formula(name.strip()), number_cell(phone)) for name, phone in people]


@pytest.mark.parametrize("text", ["=1+1", "+HYPERLINK()", "-2", "@SUM(A1)", "\t=1"])
def test_a_formula_in_a_cell_is_none_any_more(text: str) -> None:
    assert no_formula(text) == number_cell(text) == "'" + text


def test_a_number_with_its_plus_stays() -> None:
    assert number_cell("+375 (29) 111-22-33") == "+375 (29) 111-22-33"


def test_halves_of_characters_do_not_end_an_audit(tmp_path: Path) -> None:
    crm = CrmInMemory()
    crm.put(CONTACT, 1, "\udc00375", name="Анна \ud83d")
    audit(crm, tmp_path / "audit.csv")
    assert rows(tmp_path / "audit.csv")[0]["name"] == "Анна ?"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_where_somebody_looks_on() -> None:
    clock, out = Clock(), Terminal()
    progress = Progress(out, clock.seconds)
    progress.show(0.0, "0 contacts; 1 requests")
    clock.advance(10)
    progress.show(0.25, "500 contacts; 9 requests")
    progress.clear()
    shown = out.getvalue().split("\r")
    assert shown[1].startswith("[........................]   0% 0 contacts")
    assert shown[2] == "[######..................]  25% 500 contacts; 9 requests, about 30 s left"
    assert shown[3].strip() == ""


def test_a_line_now_and_then_where_nobody_does() -> None:
    clock, out = Clock(), StringIO()
    progress = Progress(out, clock.seconds)
    for second in range(31):
        progress.show(second / 100, f"{second} contacts")
        clock.advance(1)
    assert out.getvalue().splitlines() == [
        "  0% 0 contacts",
        " 10% 10 contacts, about 2 min left",
        " 20% 20 contacts, about 80 s left",
        " 30% 30 contacts, about 70 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (89, "89 s"), (600, "10 min"), (12_000, "3 h 20 min"), (10_800, "3 h")]
)
def test_a_time_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_header_is_the_contracts() -> None:
    assert HEADER == (
        "entity", "id", "name", "number", "normalized", "verdict", "reason", "duplicates", "duplicate_of", "consent"
    )  # fmt: skip

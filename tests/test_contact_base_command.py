"""The commands before a campaign as the operator gives them, on a portal in memory."""

from __future__ import annotations

import argparse
import copy
import csv
import stat
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from a1gateway.bitrix24.trouble import PortalTrouble
from a1gateway.config_sections import Bitrix24, Config, Consent, Http
from a1gateway.contact_base.command import Console, Daemon, add_campaign_arguments, add_contacts_arguments

from .conftest import START
from .crm_in_memory import CONTACT, CrmInMemory
from .test_contact_base_audit import big, rows
from .test_contact_base_campaign import HTTP, Desk, Prices
from .test_contact_base_clean import BOOLEAN, MARK, small
from .test_contact_base_pages import awaited

CONSENT = Consent(contact_field="UF_CRM_SMS_CONSENT")


class World:
    """A daemon in memory, and the command line before it."""

    def __init__(self, crm: CrmInMemory, *, consent: Consent | None = CONSENT) -> None:
        self.crm = crm
        self.crm.fields[CONTACT] = {
            "ufCrmSmsConsent": {"type": "boolean", "upperName": "UF_CRM_SMS_CONSENT"},
            **self.crm.fields[CONTACT],
        }
        self.desk = Desk()
        self.prices = Prices()
        self.stdin = StringIO()
        self.stdout, self.stderr = StringIO(), StringIO()
        self.asked: list[str] = []
        bitrix24 = Bitrix24(client_id="", client_secret=SecretStr(""), handler_secret=SecretStr("s" * 20), portal="p")
        http = Http(public_url="https://sms.example.by")
        self.config = Config(http=http, a1=HTTP, bitrix24=bitrix24, consent=consent)

    def run(self, path: str, work: Callable[[Daemon], Awaitable[int]]) -> int:
        self.asked.append(path)
        clock = Clock()
        clock.advance(START)
        status: int = awaited(
            clock, work(Daemon(clock, self.config, self.crm, "shop.bitrix24.by", self.desk, self.prices))
        )
        return status

    def __call__(self, *arguments: str) -> int:
        self.stdout, self.stderr = StringIO(), StringIO()
        parser = argparse.ArgumentParser()
        commands = parser.add_subparsers()
        add_contacts_arguments(commands.add_parser("contacts"), self.run, self.console)
        add_campaign_arguments(commands.add_parser("campaign-check"), self.run, self.console)
        given = parser.parse_args([*arguments, "--config", "gateway.toml"])
        status: int = given.run(given)
        return status

    def console(self) -> Console:
        return Console(self.stdin, self.stdout, self.stderr)


def test_an_audit_writes_its_report(tmp_path: Path) -> None:
    world = World(big(300))
    output = tmp_path / "audit.csv"
    assert world("contacts", "audit", "--output", str(output)) == 0
    assert world.asked == ["gateway.toml"]
    assert len(rows(output)) == 421
    assert world.stdout.getvalue().startswith(f"{output}: 300 contacts, 119 leads, 1 companies; ")
    assert "consent: yes " in world.stdout.getvalue()
    assert " contacts, 0 leads, 0 companies; " in world.stderr.getvalue()


def test_an_interrupted_audit_says_how_it_goes_on(tmp_path: Path) -> None:
    world = World(big(1000))
    output = tmp_path / "audit.csv"

    def interrupt(method: str) -> None:
        if len(world.crm.requests) == 8:
            raise CancelledError

    world.crm.after = interrupt
    with pytest.raises(CancelledError):
        world("contacts", "audit", "--output", str(output))
    assert "the same command goes on from here" in world.stderr.getvalue()
    assert not output.exists()
    assert world("contacts", "audit", "--output", str(output)) == 0
    assert "going on with the audit begun at 2026-11-22T03:00:00+03:00" in world.stderr.getvalue()
    assert len(rows(output)) == 1121


def test_a_portal_that_stays_away_fails_the_audit(tmp_path: Path) -> None:
    world = World(big(10), consent=None)
    world.crm.trouble = iter([PortalTrouble("Bitrix24 cannot be reached: refused")] * 100)
    assert world("contacts", "audit", "--output", str(tmp_path / "audit.csv"), "--patience", "1") == 1
    said = world.stderr.getvalue()
    assert "Bitrix24 cannot be reached: refused; trying again in " in said
    assert said.endswith("a1gateway contacts audit: Bitrix24 cannot be reached: refused\n")


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({}, "contacts have no field UF_CRM_SMS_CONSENT (consent.contact_field): the column consent stays empty"),
        (
            {"type": "employee"},
            "UF_CRM_SMS_CONSENT (consent.contact_field) has a type that cannot mean yes: employee",
        ),
    ],
)
def test_a_field_of_consent_that_cannot_be_read_is_said(tmp_path: Path, described: dict[str, str], said: str) -> None:
    world = World(small())
    if described:
        world.crm.fields[CONTACT]["ufCrmSmsConsent"].update(described)
    else:
        del world.crm.fields[CONTACT]["ufCrmSmsConsent"]
    assert world("contacts", "audit", "--output", str(tmp_path / "audit.csv")) == 0
    assert said in world.stderr.getvalue()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert World(small())("contacts", "audit", "--output", str(tmp_path / "none" / "audit.csv")) == 1


def test_clean_apply_and_its_undo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(small())
    world.crm.fields[CONTACT].update(BOOLEAN)
    before = copy.deepcopy(world.crm.items)

    assert world("contacts", "clean", "--mark-field", MARK, "--output", "changes.csv") == 0
    assert world.crm.items == before
    assert "would be changed: 4 numbers and 1 marks in 4 items" in world.stdout.getvalue()
    with Path("changes.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file))[:3] == [
            ["entity", "id", "phone_id", "number", "normalized", "mark"],
            ["contact", "7", "70", "8 029 111-22-33", "+375291112233", ""],
            ["contact", "11", "", "", "", "Y"],
        ]
    assert stat.S_IMODE(Path("changes.csv").stat().st_mode) == 0o600

    assert world("contacts", "clean", "--apply", "--mark-field", MARK) == 0
    name = "clean-20261122-030000.undo.jsonl"
    assert f"to undo it: a1gateway contacts clean --config gateway.toml --undo {name} --apply" in (
        world.stdout.getvalue()
    )
    assert world.crm.phones(CONTACT, 7)[0] == "+375291112233"

    assert world("contacts", "clean", "--undo", name) == 0
    assert "would be put back: 5" in world.stdout.getvalue()
    assert world("contacts", "clean", "--undo", name, "--apply") == 0
    assert "put back: 5" in world.stdout.getvalue()
    assert world.crm.items == before


def test_an_undo_takes_nothing_else_from_the_command_line(tmp_path: Path) -> None:
    world = World(small())
    assert world("contacts", "clean", "--undo", str(tmp_path / "x"), "--mark-field", MARK) == 1
    assert "with --undo there are only" in world.stderr.getvalue()
    assert world("contacts", "clean", "--undo", str(tmp_path / "x")) == 1
    assert "cannot be read" in world.stderr.getvalue()


def test_an_undo_file_is_never_written_over(tmp_path: Path) -> None:
    world, path = World(small()), tmp_path / "undo"
    path.write_text("another one")
    before = copy.deepcopy(world.crm.items)
    assert world("contacts", "clean", "--apply", "--undo-file", str(path)) == 1
    assert path.read_text() == "another one"
    assert world.crm.items == before


def test_a_campaign_for_a_file_of_numbers(tmp_path: Path) -> None:
    world, path = World(small()), tmp_path / "numbers.csv"
    path.write_text("Телефон;Имя\n8 029 111-22-33;Анна\nнет;Иван\n", "cp1251")
    assert world("campaign-check", "--text", "Скидки", "--numbers", str(path)) == 0
    lines = world.stdout.getvalue().splitlines()
    assert lines[1:5] == ["recipients read: 2", "would get it: 1", "refused: 1", "  not_a_number: 1"]
    assert world.crm.requests == []


def test_a_campaign_for_numbers_of_standard_input() -> None:
    world = World(small())
    world.stdin = StringIO("80291112233\n")
    assert world("campaign-check", "--text", "Скидки", "--numbers", "-") == 0


def test_a_campaign_for_all_contacts_that_nobody_would_get() -> None:
    world = World(small())
    world.desk.refused = {"+375291112233": "no_consent", "+375291112244": "no_consent"}
    assert world("campaign-check", "--text", "Скидки") == 1
    assert "would get it: 0" in world.stdout.getvalue()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_no_campaign(tmp_path: Path, content: bytes | None) -> None:
    world, path = World(small()), tmp_path / "numbers.csv"
    if content is not None:
        path.write_bytes(content)
    assert world("campaign-check", "--text", "Скидки", "--numbers", str(path)) == 2
    assert world.stderr.getvalue().startswith("a1gateway campaign-check: ")
    assert world.asked == []


def test_a_campaign_that_the_portal_does_not_answer_for_is_not_known() -> None:
    world = World(small())
    world.crm.trouble = iter([PortalTrouble("away")] * 9)
    assert world("campaign-check", "--text", "Скидки", "--patience", "0") == 2


@pytest.mark.parametrize("minutes", ["-1", "soon", "nan", "1e9"])
def test_patience_is_a_number_of_minutes(minutes: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        World(small())("contacts", "audit", "--patience", minutes)
    assert "is no number of minutes" in capsys.readouterr().err


def test_options_have_their_names() -> None:
    parser = argparse.ArgumentParser()
    add_contacts_arguments(parser, World(small()).run, World(small()).console)
    given: Any = parser.parse_args(["clean", "--config", "f", "--apply", "--mark-field", "UF_CRM_X"])
    assert (given.apply, given.mark_field, given.undo, given.patience) == (True, "UF_CRM_X", None, 1800.0)

"""The contact base with real processes: audited, cleaned, put back, and asked about before a campaign."""

from __future__ import annotations

import csv
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .administrator import Administrator
from .campaign import CONSENT, LIMITS, with_the_field
from .commands import begun, check_config, command
from .processes import eventually
from .stack import Stack
from .test_marketing import contact
from .together import Scenario, Together


def everything(stack: Stack) -> list[Any]:
    """What the portal has, but for when it was changed."""
    items = [stack.portal.ask("GET", f"crm/items?entityTypeId={kind}") for kind in (1, 3, 4)]
    return [{**item, "updatedTime": None} for kind in items for item in kind]


def interrupted(stack: Stack, output: Path, by: signal.Signals, pages: int) -> None:
    """Begin or go on with an audit, and end it once it has asked for so many pages more."""
    before = stack.portal.requests("batch/crm.item.list")
    # It is over before anybody has looked, if the portal is quick.
    stack.portal.fault("slow", method="batch", seconds=0.2)
    process = begun(stack, "contacts", "audit", "--output", str(output))
    eventually(lambda: stack.portal.requests("batch/crm.item.list") >= before + pages, 30, "the audit is under way")
    process.signal(by)
    status = process.wait(20)
    stack.portal.mend()
    assert status != 0
    assert not output.exists()


def an_audit_that_is_interrupted_twice_ends_with_the_same_report(base: Stack) -> None:
    """By the keyboard and by a kill: it goes on where it was, within the portal's published limits."""
    with_the_field(base)
    wanted = {"contacts": 20_000, "leads": 500, "companies": 300, "consent": 0.6, "seed": 7}
    base.portal.ask("POST", "crm/fill", wanted)
    base.portal.set(**LIMITS)
    whole, cut = base.directory / "whole.csv", base.directory / "cut.csv"
    pages = partial(base.portal.requests, "batch/crm.item.list")
    audited = command(base, "contacts", "audit", "--output", str(whole))
    assert (audited.returncode, "20,000 contacts, 500 leads, 300 companies" in audited.stdout) == (0, True)
    needed = pages()
    interrupted(base, cut, signal.SIGINT, 30)
    interrupted(base, cut, signal.SIGKILL, 100)
    before = pages()
    assert command(base, "contacts", "audit", "--output", str(cut)).returncode == 0
    # It has not begun anew.
    assert pages() - before < needed - 60
    assert cut.read_bytes() == whole.read_bytes()
    assert base.portal.requests("refused/rate") == 0
    with whole.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["entity"] for row in rows} == {"contact", "lead", "company"}
    assert {"valid", "invalid"} <= {row["verdict"] for row in rows}


def cleaning_and_its_undo_leave_the_portal_as_it_was(base: Stack) -> None:
    """Whatever people have typed into it."""
    wanted = {"contacts": 1500, "leads": 100, "companies": 50, "seed": 11}
    with_the_field(base)
    base.portal.ask("POST", "crm/fill", wanted)
    before = everything(base)
    said = command(base, "contacts", "clean")
    assert said.returncode == 0
    assert everything(base) == before
    undo = base.directory / "undo.jsonl"
    cleaned = command(base, "contacts", "clean", "--apply", "--undo-file", str(undo), within=200)
    assert (cleaned.returncode, undo.stat().st_mode & 0o777) == (0, 0o600)
    after = everything(base)
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    assert changed > 800
    put_back = command(base, "contacts", "clean", "--undo", str(undo), "--apply", within=200)
    assert put_back.returncode == 0
    assert everything(base) == before


def a_campaign_is_known_before_money_is_spent(base: Stack) -> None:
    """Who gets it, why the others do not, and what A1 takes for it."""
    with_the_field(base)
    # The daemon looks again.
    assert check_config(base).returncode == 0
    numbers = base.directory / "numbers.csv"
    for id_, (number, consent) in enumerate({"+375259990001": "Y", "+375259990002": "N"}.items(), 900_001):
        contact(base, consent, number, id=id_)
    stopped = "+375259990003"
    contact(base, "Y", stopped, id=900_003)
    assert command(base, "opt-out", stopped).returncode == 0
    numbers.write_text("phone\n+375259990001\n025 999 00 02\n+375259990003\n+74951234567\n+375259990001\n", "utf-8")
    asked = ("campaign-check", "--text", "Скидка 20% до воскресенья", "--numbers", str(numbers))
    checked = command(base, *asked)
    assert (checked.returncode, checked.stderr.count("Traceback")) == (0, 0)
    for line in ("no_consent", "stop_list", "foreign", "0.05 BYN", "segments a message: 1"):
        assert line in checked.stdout, checked.stdout
    # Nothing of it has been sent.
    assert base.a1.messages() == []
    numbers.write_text("phone\n+375259990002\n", "utf-8")
    assert command(base, *asked).returncode == 1


def the_daemon_does_it_by_itself_beside_its_work(base: Stack) -> None:
    """An audit that a kill interrupts goes on; a clean is looked at, done and undone; an SMS waits for none of it."""
    with_the_field(base)
    base.portal.ask("POST", "crm/fill", {"contacts": 5000, "leads": 100, "companies": 50, "consent": 0.6, "seed": 5})
    whole = base.directory / "whole.csv"
    assert command(base, "contacts", "audit", "--output", str(whole)).returncode == 0
    before = everything(base)
    administrator = Administrator(base)

    base.portal.fault("slow", method="batch", seconds=0.2)
    audit = administrator.begins("base-audit")
    # Another one sees that it is under way.
    assert administrator.begins("base-plan") == audit
    eventually(lambda: administrator.share(audit) > 0.2, 60, "a part of the audit is done")
    base.is_delivered_once(base.send())
    base.gateway.process.kill()
    base.gateway.start()
    base.gateway.ready()
    assert "Interrupted" in administrator.page("base-job", job=audit).text
    base.portal.mend()
    assert administrator.begins("base-go-on", job=audit) == audit
    assert "Valid numbers" in administrator.ended(audit)
    assert administrator.page("base-report", job=audit).body == whole.read_bytes()

    plan = administrator.begins("base-plan")
    # A moment after its end, once its files are closed.
    eventually(lambda: "Write into the CRM" in administrator.ended(plan), 20, "the plan can be written")
    assert everything(base) == before
    application = administrator.begins("base-apply", job=plan)
    assert "All has been written" in administrator.ended(application)
    assert sum(one != other for one, other in zip(before, everything(base), strict=True)) > 2500
    undo = administrator.begins("base-undo", job=application)
    assert "The former values are back" in administrator.ended(undo)
    assert everything(base) == before

    base.portal.fault("slow", method="batch", seconds=0.2)
    cancelled = administrator.begins("base-audit")
    assert administrator.begins("base-cancel", job=cancelled) == cancelled
    assert "Stopped" in administrator.ended(cancelled)
    base.gateway.process.signal(signal.SIGTERM)
    assert base.gateway.process.wait(20) in (0, -signal.SIGTERM)


SCENARIOS = {
    "audit": Scenario(
        an_audit_that_is_interrupted_twice_ends_with_the_same_report,
        changes={"consent": CONSENT, "bitrix24": LIMITS},
        takes=40,
    ),
    "clean": Scenario(cleaning_and_its_undo_leave_the_portal_as_it_was, changes={"consent": CONSENT}, takes=20),
    "jobs": Scenario(the_daemon_does_it_by_itself_beside_its_work, changes={"consent": CONSENT}, takes=35),
    "campaign": Scenario(a_campaign_is_known_before_money_is_spent, changes={"consent": CONSENT}, takes=10),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_contact_base(together: Together, scenario: Scenario) -> None:
    together.ended_well(scenario)
